//! `gitops rollback`: give an environment the versions it had before, as Git remembers them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bump::{self, Deployed, Images, Plan, Rules, survey};
use crate::cli::Globals;
use crate::commands::editing::record::{self, Record, Step};
use crate::commands::editing::{self, EditArgs, Intent, config, environment_of};
use crate::commands::landing::Context;
use crate::environment::Config;
use crate::error::{Code, Hinted, Outcome};
use crate::event::Kind;
use crate::git::{Origin, Walked};
use crate::image::{Bump, Version};
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::yaml::Sharing;

const EXAMPLES: &str = "\
Examples:
  gitops rollback -e production
  gitops rollback -e production --app api --steps 2
  gitops rollback -e production --to 4f2a91c --pr";

const MESSAGE: &str = "\
revert({{ scope }}): roll back {{ summary }}

{% for change in changes -%}
{{ change.name }}: {{ change.before or '(none)' }} -> {{ change.after }}
{% endfor %}";

/// Give an environment the versions it had before
///
/// Without --app it undoes the last commit that changed any version there; with it, the last change of that
/// app's version. Run again, it goes back to where it came from: --steps 2 goes further.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The environment
    #[arg(short, long, value_name = "ENV")]
    env: String,
    /// Only this app; can be given several times
    #[arg(long, value_name = "APP", value_delimiter = ',')]
    app: Vec<String>,
    /// The versions of this commit
    #[arg(long, value_name = "REV", conflicts_with = "steps")]
    to: Option<String>,
    /// How many changes back
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    #[command(flatten)]
    edit: EditArgs,
}

/// A version to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    version: Version,
    /// The commit that set it, once the walk comes to it.
    revision: Option<String>,
    source: Option<(String, String)>,
}

struct Rollback<'a> {
    args: &'a Args,
    globals: &'a Globals,
    pushes: bool,
    /// By image.
    targets: BTreeMap<String, Target>,
}

/// Finds the versions, plans the edits and makes them, or shows them.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let how = args.edit.how();
    let context = Context::new(how.git, ui);
    let mut record = Record::open(globals, &context, ui)?;
    let (config, scope, now) = record.look(|snapshot| {
        let config = config(globals.config.as_deref(), snapshot)?;
        let environment = environment_of(snapshot, &config, &args.env, false)?;
        let scope = record::scope(snapshot, &environment)?;
        let now = survey(snapshot, &config, &scope, &args.app)?;
        Ok((config, scope, now))
    })?;
    if now.is_empty() {
        let apps = if args.app.is_empty() { "an image".to_owned() } else { args.app.join(", ") };
        let message = format!("cannot roll back: `{}` does not have {apps}", args.env);
        return Err(Hinted::new(Code::NotFound, message, "`gitops status` lists apps").into());
    }
    let targets = targets(args, &mut record, &config, &scope, &now)?;
    let pushes = args.edit.pushes(globals);
    editing::run(&Rollback { args, globals, pushes, targets }, &how, globals, ui)
}

/// What the walk through history has found.
#[derive(Default)]
struct Search {
    targets: BTreeMap<String, Target>,
    /// Changes seen, by image, or of the environment under the empty name.
    seen: BTreeMap<String, u32>,
    /// Whether the commit of `--to` was reached.
    reached: bool,
}

fn targets(
    args: &Args,
    record: &mut Record,
    config: &Config,
    scope: &Images,
    now: &[Deployed],
) -> anyhow::Result<BTreeMap<String, Target>> {
    let search = RefCell::new(Search::default());
    let mut restart = || *search.borrow_mut() = Search::default();
    let walked = record.past(&scope.files, &mut restart, &mut |past| {
        let step = Step::of(past, config);
        Ok(search.borrow_mut().take(args, now, &step))
    })?;
    let search = search.into_inner();
    let complete = match &args.to {
        Some(_) => search.reached,
        None if args.app.is_empty() => search.count("") >= args.steps,
        None => now.iter().all(|d| search.count(&d.image) >= args.steps),
    };
    if complete && !search.targets.is_empty() {
        return Ok(search.targets);
    }
    Err(too_short(args, walked, complete).into())
}

fn too_short(args: &Args, walked: Walked, complete: bool) -> Hinted {
    let env = &args.env;
    if complete {
        let message = format!("cannot roll back `{env}`: nothing there had an earlier version");
        return Hinted::new(Code::NotFound, message, "`gitops history` lists the changes");
    }
    let cause = match &args.to {
        Some(to) => format!("no commit `{to}` changed its versions"),
        None => format!("its history has no {} changes of version", args.steps),
    };
    let hint = if walked == Walked::Shallow {
        "this clone is shallow; fetch all of it (in GitHub Actions `fetch-depth: 0`)"
    } else {
        "`gitops history` lists the changes"
    };
    Hinted::new(Code::NotFound, format!("cannot roll back `{env}`: {cause}"), hint)
}

impl Search {
    fn count(&self, image: &str) -> u32 {
        self.seen.get(image).copied().unwrap_or_default()
    }

    /// Takes a commit in; whether to go on.
    fn take(&mut self, args: &Args, now: &[Deployed], step: &Step) -> bool {
        let is_meant = |image: &String| now.iter().any(|d| d.image == *image);
        let changed: Vec<_> = step.changed.iter().filter(|(image, _)| is_meant(image)).collect();
        self.learn(step);
        if let Some(to) = &args.to {
            self.reached = self.reached || step.revision.starts_with(&to.to_lowercase());
            if !self.reached {
                for (image, (before, _)) in &changed {
                    self.set(image, before.as_ref());
                }
            }
        } else {
            if !changed.is_empty() {
                *self.seen.entry(String::new()).or_default() += 1;
            }
            for (image, (before, _)) in &changed {
                let count = self.seen.entry((*image).clone()).or_default();
                *count += 1;
                let counted = if args.app.is_empty() { self.count("") } else { self.count(image) };
                if counted <= args.steps {
                    self.set(image, before.as_ref());
                }
            }
        }
        let settled = match &args.to {
            Some(_) => self.reached,
            None if args.app.is_empty() => self.count("") >= args.steps,
            None => now.iter().all(|d| self.count(&d.image) >= args.steps),
        };
        // One commit more may tell where the version came from.
        !(settled && self.targets.values().all(|target| target.revision.is_some()))
    }

    fn set(&mut self, image: &str, before: Option<&Version>) {
        match before {
            Some(version) => {
                let version = version.clone();
                let target = Target { version, revision: None, source: None };
                self.targets.insert(image.to_owned(), target);
            }
            // It was not there yet; taking it away is no rollback of a version.
            None => {
                self.targets.remove(image);
            }
        }
    }

    /// Whether this is the commit that set a version we go back to.
    fn learn(&mut self, step: &Step) {
        for (image, (_, after)) in &step.changed {
            let Some(target) = self.targets.get_mut(image) else { continue };
            if target.revision.is_none() && after.as_ref() == Some(&target.version) {
                target.revision = Some(step.revision.clone());
                target.source = step.source();
            }
        }
    }
}

impl Intent for Rollback<'_> {
    fn event(&self) -> Kind {
        Kind::RolledBack
    }

    fn command(&self) -> &'static str {
        "rollback"
    }

    fn plan(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Plan> {
        let config = config(self.globals.config.as_deref(), snapshot)?;
        let environment = environment_of(snapshot, &config, &self.args.env, self.pushes)?;
        let scope = record::scope(snapshot, &environment)?;
        let targets = self.targets.iter();
        let bumps: Vec<Bump> = targets
            .map(|(image, target)| Bump { image: image.clone(), version: target.version.clone() })
            .collect();
        let rules = Rules {
            all: true,
            sharing: Sharing::Refuse,
            // What had no digest then is to have none now.
            drop_digest: true,
            no_downgrade: false,
            expect: None,
            create: false,
        };
        let now = survey(snapshot, &config, &scope, &[])?;
        let mut plan = bump::plan_images(snapshot, &config, &bumps, &[scope], &rules)?;
        record::call_by_app(&mut plan, &now);
        Ok(plan)
    }

    fn message(&self) -> Option<&str> {
        Some(MESSAGE)
    }

    fn origin(&self, said: Origin) -> Origin {
        let mut all: Vec<_> = self.targets.values().map(|target| target.source.as_ref()).collect();
        all.dedup();
        match all[..] {
            [Some((repository, revision))] => Origin {
                repository: Some(repository.clone()),
                revision: Some(revision.clone()),
                run: said.run,
                ..Origin::default()
            },
            _ => Origin { run: said.run, ..Origin::default() },
        }
    }

    fn fields(&self) -> Value {
        let targets = self.targets.iter().map(|(image, target)| {
            json!({
                "image": image, "version": target.version.to_string(),
                "set_by": target.revision,
                "source": target.source.as_ref().map(|(url, revision)| format!("{url}@{revision}")),
            })
        });
        let targets: Vec<Value> = targets.collect();
        json!({ "environment": self.args.env, "targets": targets })
    }

    fn notes(&self) -> Option<String> {
        let known = self.targets.iter().filter_map(|(image, target)| {
            let revision = target.revision.as_ref()?;
            let app = image.rsplit('/').next().unwrap_or(image);
            Some(format!("- `{app}` as of {revision}"))
        });
        let lines: Vec<String> = known.collect();
        Some(format!("Rolls back.\n\n{}", lines.join("\n")).trim().to_owned())
    }
}
