//! What is to be applied, and where: read from the repository and the flags before anything is locked.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use super::Args;
use super::lock::Shared;
use super::reading::{self, Reading};
use super::repository::Repository;
use super::stop;
use super::tell::Teller;
use crate::actuator::{self, Actuator, Ancestry, Context, Declared, Holder, Settings, Stop};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::landing::{Place, place};
use crate::error::{Code, Hinted};
use crate::plan::Rules;
use crate::plan::digest::sha256;
use crate::plan::file::{PlanFile, Source};
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// Everything a run needs.
pub(super) struct Job {
    pub(super) environment: String,
    /// Where relative paths start.
    pub(super) root: PathBuf,
    pub(super) actuator: Box<dyn Actuator>,
    /// With `--notify`.
    pub(super) teller: Option<Teller>,
    pub(super) settings: Settings,
    pub(super) declared: Declared,
    pub(super) source: Source,
    pub(super) rules: Rules,
    /// Identifies this run.
    pub(super) run: String,
    pub(super) patience: Duration,
    pub(super) lock_patience: Duration,
    /// The signals that ask us to end.
    pub(super) stop: Stop,
    /// The lock that other hosts see, where the actuator's own ends at this one.
    pub(super) shared: Option<Shared>,
}

impl Job {
    pub(super) fn read(
        args: &Args,
        globals: &Globals,
        plan: Option<&PlanFile>,
        ui: &Ui,
    ) -> anyhow::Result<Self> {
        let (job, broken) = Self::read_broken(args, globals, plan, ui)?;
        broken.map_or(Ok(job), Err)
    }

    /// Also where what makes the manifests failed, and why: nothing is declared then, but the inventory and the
    /// channels can be reached.
    pub(super) fn read_broken(
        args: &Args,
        globals: &Globals,
        plan: Option<&PlanFile>,
        ui: &Ui,
    ) -> anyhow::Result<(Self, Option<anyhow::Error>)> {
        let name = environment_name(args, plan)?;
        let variables = Variables::of_process();
        let (reading, root, repository) = match place(globals) {
            Place::Directory(dir) => {
                let tree = WorkTree::around(&dir)?;
                let root = tree.root().to_owned();
                let commit = plan.map(|plan| plan.source.commit.as_str());
                let commit = commit.filter(|commit| !commit.is_empty());
                let reading = reading::of_checkout(args, globals, &tree, &name, commit)?;
                (reading, root.clone(), Repository::around(&root))
            }
            Place::Remote(url) => {
                let here = std::env::current_dir().context("cannot tell the current directory")?;
                let reading = reading::of_remote(args, globals, &url, &name, ui)?;
                (reading, here, Repository::at(url))
            }
        };
        let Reading { environment, settings, declared, source, config, broken, .. } = reading;
        let allowed = args.allow.iter().chain(plan.into_iter().flat_map(|plan| &plan.allowed));
        let mut rules = settings.common.rules(allowed.cloned().collect());
        rules.prune &= args.prune == super::Prune::Auto;
        let patience = args.timeout.unwrap_or_else(|| settings.common.patience());
        let stop = stop::listen(ui)?;
        let identity = repository.name.clone().unwrap_or_else(|| root.display().to_string());
        let state = state_directory(&variables, &identity, &environment, &settings.common.kind);
        let mut context = context(args, &root, &environment, &variables, (state, patience, &stop));
        if settings.common.is_handed_over() {
            context.ancestry = repository.ancestry(&variables);
        }
        let actuator = actuator::make(&settings, context)?;
        let job = Self {
            shared: repository.lock(actuator.as_ref(), &environment, &variables)?,
            actuator,
            teller: args.notify.then(|| Teller::new(config, globals.clone())),
            lock_patience: args.lock_timeout.or(settings.common.lock_timeout).unwrap_or_default(),
            run: random(),
            environment,
            root: std::path::absolute(root)?,
            settings,
            declared,
            source,
            rules,
            patience,
            stop,
        };
        Ok((job, broken))
    }

    /// Who we are to others that want the lock.
    pub(super) fn holder(&self) -> Holder {
        let host = hostname();
        let id = format!("{host}/{}/{}", std::process::id(), self.run);
        let about = format!("apply of {}", self.commit());
        Holder {
            id,
            about,
            since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }

    /// The commit as people read it.
    pub(super) fn commit(&self) -> &str {
        match self.source.commit.as_str() {
            "" => "the work tree",
            commit => commit.get(..10).unwrap_or(commit),
        }
    }
}

fn environment_name(args: &Args, plan: Option<&PlanFile>) -> anyhow::Result<String> {
    match (&args.env, plan) {
        (Some(name), None) => Ok(name.clone()),
        (None, Some(plan)) => Ok(plan.source.environment.clone()),
        (Some(name), Some(plan)) if *name == plan.source.environment => Ok(name.clone()),
        (Some(name), Some(plan)) => {
            let planned = &plan.source.environment;
            let message = format!("cannot use the plan for `{name}`: it is of `{planned}`");
            Err(Hinted::new(Code::Stale, message, format!("drop -e, or say -e {planned}")).into())
        }
        (None, None) => anyhow::bail!("no environment is named"),
    }
}

fn context(
    args: &Args,
    root: &Path,
    environment: &str,
    variables: &Variables,
    (state, timeout, stop): (PathBuf, Duration, &Stop),
) -> Context {
    let kubeconfig = args.kubeconfig.iter().flat_map(std::env::split_paths);
    let kubeconfig: Vec<PathBuf> = kubeconfig.filter(|path| !path.as_os_str().is_empty()).collect();
    Context {
        environment: environment.to_owned(),
        root: root.to_owned(),
        state,
        variables: variables.pairs(),
        kubeconfig,
        force_conflicts: args.force_conflicts,
        timeout,
        no_wait: args.no_wait,
        ancestry: Ancestry::default(),
        stop: stop.clone(),
    }
}

/// The same for every checkout of a repository: they work on the same target.
fn state_directory(
    variables: &Variables,
    repository: &str,
    environment: &str,
    kind: &str,
) -> PathBuf {
    let base = variables.path("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let base = base.unwrap_or_else(|| {
        let home = std::env::home_dir().unwrap_or_else(std::env::temp_dir);
        home.join(".local/state")
    });
    let digest = sha256(format!("{repository}\n{environment}\n{kind}").as_bytes());
    base.join("gitops").join(&digest[..16])
}

fn hostname() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    return "host".to_owned();
}

/// A value that no other run has.
pub(super) fn random() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
