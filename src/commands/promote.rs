//! `gitops promote`: give an environment the versions that another one has.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::bump::{self, Deployed, Plan, Rules, survey};
use crate::cli::Globals;
use crate::commands::editing::record::{self, Record, Step};
use crate::commands::editing::{self, EditArgs, Intent, config, environment_of};
use crate::commands::landing::Context;
use crate::environment::Config;
use crate::error::{Code, Hinted, Outcome};
use crate::git::{self, Origin};
use crate::image::Bump;
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::yaml::Sharing;

const EXAMPLES: &str = "\
Examples:
  gitops promote --from staging --to production
  gitops promote --from staging --to production api web --pr
  gitops promote --from staging --to production --dry-run";

const MESSAGE: &str = "\
feat({{ scope }}): promote {{ summary }}

{% for change in changes -%}
{{ change.name }}: {{ change.before or '(none)' }} -> {{ change.after }}
{% endfor %}";

/// Give an environment the versions that another one has
///
/// Copies tags and digests of the images that both have, and the source that the commit of the first
/// environment names.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The apps to promote; all that both environments have when none is given
    #[arg(value_name = "APP")]
    apps: Vec<String>,
    /// The environment with the versions
    #[arg(long, value_name = "ENV")]
    from: String,
    /// The environment to change
    #[arg(long, value_name = "ENV")]
    to: String,
    /// Remove a digest that pins the image, where the first environment has none
    #[arg(long)]
    drop_digest: bool,
    /// Refuse a version older than the present one
    #[arg(long)]
    no_downgrade: bool,
    #[command(flatten)]
    edit: EditArgs,
}

/// Where the versions of one app come from, on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sources {
    /// Of the environment that is changed.
    older: Option<(String, String)>,
    /// Of the environment with the versions.
    newer: Option<(String, String)>,
    /// The subjects of the commits between, where the source's repository is at hand.
    commits: Option<Vec<String>>,
}

struct Promotion<'a> {
    args: &'a Args,
    globals: &'a Globals,
    pushes: bool,
    /// By image.
    sources: BTreeMap<String, Sources>,
}

/// Plans the edits and makes them, or shows them.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    if args.from == args.to {
        let message = format!("cannot promote from `{}` to itself", args.from);
        return Err(Hinted::new(Code::Usage, message, "name two environments").into());
    }
    let how = args.edit.how();
    let context = Context::new(how.git, ui);
    let mut record = Record::open(globals, &context, ui)?;
    let sources = sources(args, globals, &mut record)?;
    // The edit reads the same remote, and would wait for the lock of its cache.
    drop(record);
    for (image, source) in &sources {
        for commit in source.commits.iter().flatten() {
            ui.status(format!("{image}: {commit}"));
        }
    }
    let pushes = args.edit.pushes(globals);
    editing::run(&Promotion { args, globals, pushes, sources }, &how, globals, ui)
}

/// What the history of both environments says about the versions they have now.
fn sources(
    args: &Args,
    globals: &Globals,
    record: &mut Record,
) -> anyhow::Result<BTreeMap<String, Sources>> {
    let read = |name: &str, record: &mut Record| {
        record.look(|snapshot| {
            let config = config(globals.config.as_deref(), snapshot)?;
            let environment = environment_of(snapshot, &config, name, false)?;
            let scope = record::scope(snapshot, &environment)?;
            let deployed = survey(snapshot, &config, &scope, &args.apps)?;
            Ok((config, scope.files, deployed))
        })
    };
    let (config, files, newer) = read(&args.from, record)?;
    let newer = set_by(record, &config, &files, &newer)?;
    let (config, files, older) = read(&args.to, record)?;
    let older = set_by(record, &config, &files, &older)?;
    let mut sources: BTreeMap<String, Sources> = BTreeMap::new();
    for (image, source) in newer {
        sources.entry(image).or_default().newer = Some(source);
    }
    for (image, source) in older {
        sources.entry(image).or_default().older = Some(source);
    }
    for source in sources.values_mut() {
        if let (Some((a, from)), Some((b, to))) = (&source.older, &source.newer)
            && a == b
        {
            source.commits = git::subjects_between(Path::new("."), from, to);
        }
    }
    Ok(sources)
}

/// The source that the commit names which set each version.
fn set_by(
    record: &mut Record,
    config: &Config,
    files: &[String],
    deployed: &[Deployed],
) -> anyhow::Result<BTreeMap<String, (String, String)>> {
    let mut wanted: BTreeMap<&str, &Deployed> = BTreeMap::new();
    let mut found = BTreeMap::new();
    let all = || deployed.iter().map(|d| (d.image.as_str(), d)).collect();
    let left = std::cell::RefCell::new(std::mem::take(&mut wanted));
    let mut restart = || *left.borrow_mut() = all();
    record.past(files, &mut restart, &mut |past| {
        let step = Step::of(past, config);
        let mut left = left.borrow_mut();
        for (image, (_, after)) in &step.changed {
            let Some(deployed) = left.get(image.as_str()) else { continue };
            if after.as_ref() == Some(&deployed.version) {
                found.extend(step.source().map(|source| (image.clone(), source)));
            }
            // The newest commit that touched it counts, whatever it says.
            left.remove(image.as_str());
        }
        Ok(!left.is_empty())
    })?;
    Ok(found)
}

impl Promotion<'_> {
    /// The versions to copy, each image once.
    fn bumps(
        &self,
        config: &Config,
        from: &[Deployed],
        to: &[Deployed],
        plan: &mut Plan,
    ) -> anyhow::Result<Vec<Bump>> {
        let mut bumps: Vec<Bump> = Vec::new();
        for deployed in from {
            let twin =
                from.iter().find(|d| d.image == deployed.image && d.version != deployed.version);
            if let Some(twin) = twin {
                let message = format!(
                    "cannot promote `{}`: `{}` has it in two versions:\n  {}\n  {}",
                    deployed.app,
                    self.args.from,
                    deployed.describe(),
                    twin.describe()
                );
                let hint = "make them one first, or name the apps to promote";
                return Err(Hinted::new(Code::Ambiguous, message, hint).into());
            }
            let image = deployed.image.clone();
            let is_there = to.iter().any(|d| d.image == image || d.app == deployed.app);
            if !is_there && self.args.apps.is_empty() {
                let (app, to) = (&deployed.app, &self.args.to);
                plan.warnings.push(format!("`{app}` is not in `{to}`: left out"));
                continue;
            }
            // Where only the names are the same, the name is what both know.
            let same = to.iter().any(|d| d.image == image);
            let by_name = config.apps.contains_key(&deployed.app) || !same;
            let image = if by_name { deployed.app.clone() } else { image };
            let bump = Bump { image, version: deployed.version.clone() };
            if !bumps.contains(&bump) {
                bumps.push(bump);
            }
        }
        Ok(bumps)
    }
}

impl Intent for Promotion<'_> {
    fn command(&self) -> &'static str {
        "promote"
    }

    fn plan(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Plan> {
        let args = self.args;
        let config = config(self.globals.config.as_deref(), snapshot)?;
        let from = environment_of(snapshot, &config, &args.from, false)?;
        let to = environment_of(snapshot, &config, &args.to, self.pushes)?;
        let (from, to) = (record::scope(snapshot, &from)?, record::scope(snapshot, &to)?);
        let newer = survey(snapshot, &config, &from, &args.apps)?;
        if newer.is_empty() {
            let message = format!("cannot promote from `{}`: it has no such image", args.from);
            let hint = "`gitops status` lists apps and environments";
            return Err(Hinted::new(Code::NotFound, message, hint).into());
        }
        let older = survey(snapshot, &config, &to, &[])?;
        let mut notes = Plan::default();
        let bumps = self.bumps(&config, &newer, &older, &mut notes)?;
        let rules = Rules {
            all: true,
            sharing: Sharing::Refuse,
            drop_digest: args.drop_digest,
            no_downgrade: args.no_downgrade,
            expect: None,
            create: false,
        };
        let mut plan = bump::plan_images(snapshot, &config, &bumps, &[to], &rules)?;
        plan.warnings.extend(notes.warnings);
        record::call_by_app(&mut plan, &newer);
        Ok(plan)
    }

    fn message(&self) -> Option<&str> {
        Some(MESSAGE)
    }

    /// The source of what is promoted, where all of it has the same; the run is this one.
    fn origin(&self, said: Origin) -> Origin {
        let mut all: Vec<&(String, String)> =
            self.sources.values().filter_map(|source| source.newer.as_ref()).collect();
        all.dedup();
        match all[..] {
            [(repository, revision)] => Origin {
                repository: Some(repository.clone()),
                revision: Some(revision.clone()),
                run: said.run,
                ..Origin::default()
            },
            _ => Origin { run: said.run, ..Origin::default() },
        }
    }

    fn fields(&self) -> Value {
        let sources = self.sources.iter().map(|(image, source)| {
            let side = |side: &Option<(String, String)>| {
                side.as_ref()
                    .map(|(url, revision)| json!({ "repository": url, "revision": revision }))
            };
            json!({
                "image": image, "before": side(&source.older), "after": side(&source.newer),
                "commits": source.commits,
            })
        });
        let sources: Vec<Value> = sources.collect();
        json!({ "from": self.args.from, "to": self.args.to, "sources": sources })
    }

    fn notes(&self) -> Option<String> {
        let mut lines = vec![format!("Promoted from `{}`.", self.args.from)];
        for (image, source) in &self.sources {
            let app = image.rsplit('/').next().unwrap_or(image);
            if let Some(commits) = source.commits.as_ref().filter(|commits| !commits.is_empty()) {
                lines.push(format!("\nCommits of `{app}`:\n"));
                let safe = |text: &String| text.replace('`', "'");
                lines.extend(commits.iter().map(|commit| format!("- `{}`", safe(commit))));
            }
        }
        Some(lines.join("\n"))
    }
}
