//! `gitops promote`: give an environment the versions that another one has.

use std::cell::RefCell;
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
use crate::image::Version;
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
    pub(crate) edit: EditArgs,
}

/// Where the versions of one app come from, on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sources {
    app: String,
    image: String,
    /// Of the environment that is changed.
    older: Option<(String, String)>,
    /// Of the environment with the versions.
    newer: Option<(String, String)>,
    /// The subjects of the commits between, where the source's repository is at hand.
    commits: Option<Vec<String>>,
    /// Whether the other environment has another version.
    is_new: bool,
}

struct Promotion<'a> {
    args: &'a Args,
    globals: &'a Globals,
    pushes: bool,
    sources: Vec<Sources>,
}

/// Plans the edits and makes them, or shows them.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    if args.from == args.to {
        let message = format!("cannot promote from `{}` to itself", args.from);
        return Err(Hinted::new(Code::Usage, message, "name two environments").into());
    }
    let how = args.edit.how();
    let context = Context::new(how.git, globals, ui);
    let mut record = Record::open(globals, &how, &context, ui)?;
    let sources = sources(args, globals, &mut record)?;
    // The edit reads the same remote, and would wait for the lock of its cache.
    drop(record);
    for source in &sources {
        for commit in source.commits.iter().flatten() {
            ui.status(format!("{}: {commit}", source.app));
        }
    }
    let pushes = args.edit.pushes(globals);
    editing::run(&Promotion { args, globals, pushes, sources }, &how, globals, ui)
}

/// What the history of both environments says about the versions they have now.
fn sources(args: &Args, globals: &Globals, record: &mut Record) -> anyhow::Result<Vec<Sources>> {
    let (config, [from, to]) = record.look(|snapshot| {
        let config = config(globals.config.as_deref(), snapshot)?;
        let read = |name: &str, apps: &[String]| {
            let environment = environment_of(snapshot, &config, name, false)?;
            let scope = record::scope(snapshot, &environment)?;
            let deployed = survey(snapshot, &config, &scope, apps)?;
            anyhow::Ok((scope.files, deployed))
        };
        let sides = [read(&args.from, &args.apps)?, read(&args.to, &[])?];
        Ok((config, sides))
    })?;
    let newer = set_by(record, &config, &from.0, &from.1)?;
    let older = set_by(record, &config, &to.0, &to.1)?;
    let mut sources = Vec::new();
    for (deployed, newer) in from.1.iter().zip(newer) {
        let best = |place: &Deployed| from.1.iter().map(|other| fits(other, place)).max();
        let is_meant = |place: &Deployed| {
            let fit = fits(deployed, place);
            fit > 0 && best(place) == Some(fit)
        };
        let is_new = to.1.iter().any(|to| is_meant(to) && to.version != deployed.version);
        let older = to.1.iter().zip(&older).find(|(place, _)| is_meant(place));
        let older = older.and_then(|(_, source)| source.clone());
        let mut commits = None;
        if let (Some((a, before)), Some((b, after))) = (&older, &newer)
            && a == b
        {
            commits = git::subjects_between(Path::new("."), before, after);
        }
        let (app, image) = (deployed.app.clone(), deployed.image.clone());
        sources.push(Sources { app, image, older, newer, commits, is_new });
    }
    Ok(sources)
}

/// The source that the commit names which set each version.
fn set_by(
    record: &mut Record,
    config: &Config,
    files: &[String],
    deployed: &[Deployed],
) -> anyhow::Result<Vec<Option<(String, String)>>> {
    type Source = Option<(String, String)>;
    // The outer `None` is of those whose commit the walk has not come to yet.
    let found: RefCell<Vec<Option<Source>>> = RefCell::default();
    let mut restart = || *found.borrow_mut() = vec![None; deployed.len()];
    record.past(None, files, &mut restart, &mut |past| {
        let step = Step::of(past, config);
        let mut found = found.borrow_mut();
        for (place, found) in deployed.iter().zip(&mut *found) {
            let Some(change) = step.change_of(place, deployed) else { continue };
            // The newest commit that touched it counts, whatever it says.
            let is_this = change.after.as_ref() == Some(&place.version);
            found.get_or_insert_with(|| step.source().filter(|_| is_this));
        }
        Ok(found.iter().any(Option::is_none))
    })?;
    let mut found = found.into_inner();
    found.resize(deployed.len(), None);
    Ok(found.into_iter().map(Option::flatten).collect())
}

/// Places, and the version that each gets.
type Versions = Vec<(Deployed, Version)>;

/// How well a place of one environment answers to a place of another; 0 for not at all.
fn fits(from: &Deployed, to: &Deployed) -> u8 {
    match () {
        () if from.is_alike(to) => 3,
        () if from.app == to.app => 2,
        () if from.image == to.image => 1,
        () => 0,
    }
}

impl Promotion<'_> {
    /// The version for each place that gets one, and warnings about what is left out.
    fn places(
        &self,
        from: &[Deployed],
        to: &[Deployed],
    ) -> anyhow::Result<(Versions, Vec<String>)> {
        let mut places = Vec::new();
        let mut used = vec![false; from.len()];
        for place in to {
            let best = from.iter().map(|deployed| fits(deployed, place)).max().unwrap_or(0);
            let mut meant =
                (0..from.len()).filter(|&at| best > 0 && fits(&from[at], place) == best);
            let Some(first) = meant.next() else { continue };
            used[first] = true;
            for other in meant {
                used[other] = true;
                if from[other].version != from[first].version {
                    return Err(self.two_versions(&from[first], &from[other]).into());
                }
            }
            places.push((place.clone(), from[first].version.clone()));
        }
        let mut warnings = Vec::new();
        for deployed in from.iter().zip(&used).filter(|(_, used)| !**used).map(|(from, _)| from) {
            let (app, to) = (&deployed.app, &self.args.to);
            let is_other = from.iter().zip(&used).any(|(d, used)| *used && d.app == *app);
            if is_other {
                // The app is there, and this is another place of its image.
                let what = deployed.describe();
                warnings.push(format!("`{to}` has no place like {what}: left out"));
                continue;
            }
            if !self.args.apps.is_empty() {
                let message = format!("cannot promote `{app}`: `{to}` does not have it");
                let hint = "add it to the files of that environment first";
                return Err(Hinted::new(Code::NotFound, message, hint).into());
            }
            warnings.push(format!("`{app}` is not in `{to}`: left out"));
        }
        warnings.dedup();
        Ok((places, warnings))
    }

    fn two_versions(&self, one: &Deployed, other: &Deployed) -> Hinted {
        let message = format!(
            "cannot promote `{}`: `{}` has it in two versions:\n  {}\n  {}",
            one.app,
            self.args.from,
            one.describe(),
            other.describe()
        );
        let hint = "make them one first, or name the apps to promote";
        Hinted::new(Code::Ambiguous, message, hint)
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
        let (places, warnings) = self.places(&newer, &older)?;
        let rules = Rules {
            all: true,
            sharing: Sharing::Refuse,
            drop_digest: args.drop_digest,
            no_downgrade: args.no_downgrade,
            expect: None,
            create: false,
        };
        let mut plan = bump::plan_places(snapshot, &config, &to, &places, &rules)?;
        plan.warnings.extend(warnings);
        Ok(plan)
    }

    fn message(&self) -> Option<&str> {
        Some(MESSAGE)
    }

    /// The source of what changes, where all of it has the same; the run is this one.
    fn origin(&self, said: Origin) -> Origin {
        let new = self.sources.iter().filter(|source| source.is_new);
        Origin::of_all(new.map(|source| source.newer.as_ref()), said.run)
    }

    fn fields(&self) -> Value {
        let is_known = |source: &&Sources| source.older.is_some() || source.newer.is_some();
        let sources = self.sources.iter().filter(is_known).map(|source| {
            let side = |side: &Option<(String, String)>| {
                side.as_ref()
                    .map(|(url, revision)| json!({ "repository": url, "revision": revision }))
            };
            json!({
                "app": source.app, "image": source.image, "before": side(&source.older), "after": side(&source.newer),
                "commits": source.commits,
            })
        });
        let sources: Vec<Value> = sources.collect();
        json!({ "from": self.args.from, "to": self.args.to, "sources": sources })
    }

    fn notes(&self) -> Option<String> {
        let mut lines = vec![format!("Promoted from `{}`.", self.args.from)];
        for source in &self.sources {
            let app = &source.app;
            if let Some(commits) = source.commits.as_ref().filter(|commits| !commits.is_empty()) {
                lines.push(format!("\nCommits of `{app}`:\n"));
                let safe = |text: &String| text.replace('`', "'");
                lines.extend(commits.iter().map(|commit| format!("- `{}`", safe(commit))));
            }
        }
        Some(lines.join("\n"))
    }
}
