//! What is asked for, and the plan that answers it in any snapshot of a repository.

use super::Args;
use crate::bump::{self, Assignment, Images, Plan, Rules, Selector};
use crate::commands::editing::{Intent, config, refuse_protected};
use crate::environment::{self, Config};
use crate::error::{Code, Hinted};
use crate::image::Bump;
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::yaml::Sharing;

/// More files than these are not read on a guess.
const GUESSED: usize = 200;

/// What is asked for, read from the arguments.
pub(super) struct Request<'a> {
    args: &'a Args,
    config_file: Option<&'a std::path::Path>,
    bumps: Vec<Bump>,
    assignments: Vec<Assignment>,
    file: Option<String>,
    selector: Option<Selector>,
    rules: Rules,
    /// Whether the result goes to a branch without anybody's review.
    pushes: bool,
}

impl<'a> Request<'a> {
    pub(super) fn read(
        args: &'a Args,
        config_file: Option<&'a std::path::Path>,
        file: Option<String>,
        pushes: bool,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            args,
            config_file,
            bumps: args.images.iter().map(|text| Bump::parse(text)).collect::<Result<_, _>>()?,
            assignments: args
                .set
                .iter()
                .map(|text| Assignment::parse(text))
                .collect::<Result<_, _>>()?,
            file,
            selector: args.document.as_deref().map(Selector::parse).transpose()?,
            rules: Rules {
                all: args.all,
                sharing: if args.shared { Sharing::Edit } else { Sharing::Refuse },
                drop_digest: args.drop_digest,
                no_downgrade: args.no_downgrade,
                expect: args.expect.clone(),
                create: args.create,
            },
            pushes,
        })
    }

    fn scopes(&self, tree: &dyn Snapshot, config: &Config) -> anyhow::Result<Vec<Images>> {
        let document = self.selector.clone();
        if let Some(file) = &self.file {
            return Ok(vec![Images { environment: None, files: vec![file.clone()], document }]);
        }
        let all = environment::all(tree, config)?;
        if self.args.env.is_empty() {
            let names: Vec<&str> = all.iter().map(|e| e.name.as_str()).collect();
            let hint = if names.is_empty() {
                "no environment is recognised here; name the file with --file".to_owned()
            } else {
                format!("choose with -e: {}", names.join(", "))
            };
            let message = "cannot tell which environment to change";
            return Err(Hinted::new(Code::Usage, message, hint).into());
        }
        let chosen = environment::select(&all, &self.args.env)?;
        chosen.iter().try_for_each(|environment| refuse_protected(environment, self.pushes))?;
        chosen
            .into_iter()
            .map(|environment| {
                let files = environment.list(tree)?;
                Ok(Images { environment: Some(environment.name), files, document: None })
            })
            .collect()
    }
}

impl Intent for Request<'_> {
    fn command(&self) -> &'static str {
        "bump-tag"
    }

    fn plan(&self, tree: &dyn Snapshot) -> anyhow::Result<Plan> {
        let config = config(self.config_file, tree)?;
        if let Some(file) = self.file.as_deref().filter(|_| !self.assignments.is_empty()) {
            let (selector, policy) = (self.selector.as_ref(), config.policy()?);
            let assignments = &self.assignments;
            return bump::plan_values(tree, file, selector, assignments, &self.rules, &policy);
        }
        let scopes = self.scopes(tree, &config)?;
        bump::plan_images(tree, &config, &self.bumps, &scopes, &self.rules)
    }

    /// Has a remote repository send at once what the plan will most likely read: the configuration, and the
    /// files that the layout alone suggests. Every request less is a round trip less; a wrong guess costs bytes.
    fn prefetch(&self, tree: &dyn Snapshot) {
        let guess = || -> anyhow::Result<Vec<String>> {
            let mut paths = Vec::new();
            let root = tree.entries("")?;
            if root.iter().any(|entry| entry.name == environment::FILE_NAME) {
                paths.push(environment::FILE_NAME.to_owned());
            }
            if let Some(file) = &self.file {
                paths.push(file.clone());
                return Ok(paths);
            }
            let all = environment::all(tree, &Config::default())?;
            for environment in environment::select(&all, &self.args.env).unwrap_or_default() {
                paths.extend(environment.list(tree)?);
            }
            paths.truncate(GUESSED);
            Ok(paths)
        };
        // Only a guess: the plan says properly what cannot be read.
        let _ = guess().and_then(|paths| tree.read(&paths));
    }

    fn names_its_file(&self) -> bool {
        self.file.is_some()
    }

    fn explain(&self, tree: &dyn Snapshot, ui: &Ui) -> anyhow::Result<()> {
        let config = config(self.config_file, tree)?;
        let scopes = self.scopes(tree, &config)?;
        for candidate in bump::explain(tree, &config, &self.bumps, &scopes)? {
            let sign = if candidate.matched { "meant" } else { "not meant" };
            ui.status(format!(
                "{}:{}: {} = {} [{}]\n  {sign}: {}",
                candidate.file,
                candidate.line,
                candidate.key,
                candidate.value,
                candidate.target,
                candidate.reason
            ));
        }
        Ok(())
    }
}
