//! `gitops rollback`: give an environment the versions it had before, as Git remembers them.

use std::cell::RefCell;

use serde_json::{Value, json};

use crate::bump::{self, Deployed, Images, Plan, Rules, survey};
use crate::cli::Globals;
use crate::commands::editing::record::{self, Record, Step, twin};
use crate::commands::editing::{self, EditArgs, Intent, config, environment_of};
use crate::commands::landing::Context;
use crate::environment::Config;
use crate::error::{Code, Hinted, Outcome};
use crate::event::Kind;
use crate::git::{Origin, Walked};
use crate::image::Version;
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
    /// The versions as of this commit: an id, in a checkout also a tag or branch, HEAD~2 and the like
    #[arg(long, value_name = "REV", conflicts_with = "steps", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    to: Option<String>,
    /// How many changes back
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

/// A version to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    place: Deployed,
    version: Version,
    /// The commit that set it, once the walk comes to it.
    revision: Option<String>,
    source: Option<(String, String)>,
}

impl Target {
    fn new(place: &Deployed, version: &Version) -> Self {
        let (place, version) = (place.clone(), version.clone());
        Self { place, version, revision: None, source: None }
    }

    /// Whether this is the commit that set the version.
    fn learn(&mut self, step: &Step, now: &[Deployed]) {
        let set = || step.change_of(&self.place, now)?.after.as_ref();
        if self.revision.is_none() && set() == Some(&self.version) {
            self.revision = Some(step.revision.clone());
            self.source = step.source();
        }
    }
}

struct Rollback<'a> {
    args: &'a Args,
    globals: &'a Globals,
    pushes: bool,
    targets: Vec<Target>,
}

/// Finds the versions, plans the edits and makes them, or shows them.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let how = args.edit.how();
    let context = Context::new(how.git, globals, ui);
    let mut record = Record::open(globals, &how, &context, ui)?;
    record.check()?;
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
    let search = Search::new(args, &config, &scope, &now);
    let targets = match &args.to {
        Some(to) => search.at(to, &mut record)?,
        None => search.back(&mut record)?,
    };
    // It may hold the cache that the edit wants.
    drop(record);
    let pushes = args.edit.pushes(globals);
    editing::run(&Rollback { args, globals, pushes, targets }, &how, globals, ui)
}

/// Looks for the versions of before.
struct Search<'a> {
    args: &'a Args,
    config: &'a Config,
    scope: &'a Images,
    now: &'a [Deployed],
    found: RefCell<Found>,
}

/// What the walk through history has found.
#[derive(Default)]
struct Found {
    targets: Vec<Target>,
    /// Changes seen, of each place.
    seen: Vec<u32>,
    /// Commits seen that changed something.
    commits: u32,
}

impl<'a> Search<'a> {
    fn new(args: &'a Args, config: &'a Config, scope: &'a Images, now: &'a [Deployed]) -> Self {
        Self { args, config, scope, now, found: RefCell::default() }
    }

    /// The versions as of a commit, and which commits had set them.
    fn at(self, to: &str, record: &mut Record) -> anyhow::Result<Vec<Target>> {
        let found = record.at(to, &mut |id, snapshot| {
            // Its files may have been elsewhere, and called otherwise, at that time.
            let environment = environment_of(snapshot, self.config, &self.args.env, false);
            let environment = environment.or_else(|_| {
                environment_of(snapshot, &Config::load(snapshot)?, &self.args.env, false)
            })?;
            let scope = record::scope(snapshot, &environment)?;
            let then = survey(snapshot, self.config, &scope, &[])?;
            Ok((id.to_owned(), scope.files, then))
        })?;
        let Some((id, files, then)) = found else {
            let message =
                format!("cannot roll back `{}`: no commit `{to}` is known", self.args.env);
            let hint =
                "`gitops history` lists the changes; a shallow clone does not know all commits";
            return Err(Hinted::new(Code::NotFound, message, hint).into());
        };
        let target = |place| Some(Target::new(place, &then[twin(place, &then)?].version));
        let mut targets: Vec<Target> = self.now.iter().filter_map(target).collect();
        if targets.is_empty() {
            return Err(self.too_short(Walked::Enough).into());
        }
        record.past(Some(&id), &files, &mut || {}, &mut |past| {
            let step = Step::of(past, self.config);
            for target in &mut targets {
                target.learn(&step, self.now);
            }
            Ok(targets.iter().any(|target| target.revision.is_none()))
        })?;
        Ok(targets)
    }

    /// The versions some changes ago.
    fn back(self, record: &mut Record) -> anyhow::Result<Vec<Target>> {
        let uncommitted = self.uncommitted(record)?;
        let mut restart = || {
            let seen = vec![0; self.now.len()];
            *self.found.borrow_mut() = Found { seen, ..Found::default() };
            if let Some(step) = &uncommitted {
                self.take(step);
            }
        };
        let walked = record.past(None, &self.scope.files, &mut restart, &mut |past| {
            Ok(self.take(&Step::of(past, self.config)))
        })?;
        if self.is_settled() && !self.found.borrow().targets.is_empty() {
            return Ok(self.found.into_inner().targets);
        }
        Err(self.too_short(walked).into())
    }

    /// What was changed in the work tree and not committed is the newest change.
    fn uncommitted(&self, record: &mut Record) -> anyhow::Result<Option<Step>> {
        if !record.is_work_tree() {
            return Ok(None);
        }
        let committed = record.at("HEAD", &mut |_, snapshot| {
            survey(snapshot, self.config, self.scope, &[]).or(Ok(Vec::new()))
        })?;
        Ok(committed.and_then(|committed| Step::uncommitted(self.now, &committed)))
    }

    /// Takes a commit in; whether to go on.
    fn take(&self, step: &Step) -> bool {
        let mut found = self.found.borrow_mut();
        for target in &mut found.targets {
            target.learn(step, self.now);
        }
        let changes: Vec<(usize, Option<Version>)> = (0..self.now.len())
            .filter_map(|at| Some((at, step.change_of(&self.now[at], self.now)?.before.clone())))
            .collect();
        found.commits += u32::from(!changes.is_empty());
        for (at, before) in changes {
            found.seen[at] += 1;
            let count = if self.args.app.is_empty() { found.commits } else { found.seen[at] };
            if count <= self.args.steps {
                let place = &self.now[at];
                found.targets.retain(|target| target.place != *place);
                // Where it was not there yet, taking it away is no rollback of a version.
                found.targets.extend(before.map(|version| Target::new(place, &version)));
            }
        }
        let is_known = found.targets.iter().all(|target| target.revision.is_some());
        drop(found);
        // One commit more may tell where the version came from.
        !(self.is_settled() && is_known)
    }

    fn is_settled(&self) -> bool {
        let (found, steps) = (self.found.borrow(), self.args.steps);
        if self.args.app.is_empty() {
            return found.commits >= steps;
        }
        found.seen.iter().all(|seen| *seen >= steps)
    }

    fn too_short(&self, walked: Walked) -> Hinted {
        let env = &self.args.env;
        if self.args.to.is_some() || self.is_settled() {
            let message = format!("cannot roll back `{env}`: nothing there had an earlier version");
            return Hinted::new(Code::NotFound, message, "`gitops history` lists the changes");
        }
        let cause = match self.args.steps {
            1 => "its history has no change of version".to_owned(),
            steps => format!("its history has no {steps} changes of version"),
        };
        let hint = if walked == Walked::Shallow {
            "this clone is shallow; fetch all of it (in GitHub Actions `fetch-depth: 0`)"
        } else {
            "`gitops history` lists the changes"
        };
        Hinted::new(Code::NotFound, format!("cannot roll back `{env}`: {cause}"), hint)
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
        let rules = Rules {
            all: true,
            sharing: Sharing::Refuse,
            // What had no digest then is to have none now.
            drop_digest: true,
            no_downgrade: false,
            expect: None,
            create: false,
        };
        // Others may have changed the files since the search.
        let now = survey(snapshot, &config, &scope, &[])?;
        let place = |target: &Target| {
            Some((now[twin(&target.place, &now)?].clone(), target.version.clone()))
        };
        let places: Vec<_> = self.targets.iter().filter_map(place).collect();
        bump::plan_places(snapshot, &config, &scope, &places, &rules)
    }

    fn message(&self) -> Option<&str> {
        Some(MESSAGE)
    }

    fn origin(&self, said: Origin) -> Origin {
        Origin::of_all(self.targets.iter().map(|target| target.source.as_ref()), said.run)
    }

    fn fields(&self) -> Value {
        let targets = self.targets.iter().map(|target| {
            json!({
                "app": target.place.app, "image": target.place.image, "version": target.version.to_string(),
                "set_by": target.revision,
                "source": target.source.as_ref().map(|(url, revision)| format!("{url}@{revision}")),
            })
        });
        let targets: Vec<Value> = targets.collect();
        json!({ "environment": self.args.env, "targets": targets })
    }

    fn notes(&self) -> Option<String> {
        let known = self.targets.iter().filter_map(|target| {
            Some(format!("- `{}` as of {}", target.place.app, target.revision.as_ref()?))
        });
        let lines: Vec<String> = known.collect();
        Some(format!("Rolls back.\n\n{}", lines.join("\n")).trim().to_owned())
    }
}
