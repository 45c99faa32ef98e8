//! What is to be applied, and where: read from the repository and the flags before anything is locked.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::Value;

use super::Args;
use crate::actuator::{self, Actuator, Context, Declared, File, Holder, Render, Settings, render};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::landing::{self, Place, place};
use crate::environment::{self, Config, Environment, RenderConfig, RenderKind};
use crate::error::{Code, Hinted};
use crate::files;
use crate::git::{Committed, Event, Remote, Say};
use crate::http::mask;
use crate::plan::Rules;
use crate::plan::digest::{sha256, sorted};
use crate::plan::file::{PlanFile, Source};
use crate::snapshot::{Kind, Snapshot};
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// Everything a run needs.
pub(super) struct Job {
    pub(super) environment: String,
    pub(super) actuator: Box<dyn Actuator>,
    pub(super) settings: Settings,
    pub(super) declared: Declared,
    pub(super) source: Source,
    pub(super) rules: Rules,
    /// Identifies this run.
    pub(super) run: String,
    pub(super) patience: Duration,
    pub(super) lock_patience: Duration,
}

/// A repository at one moment, as far as an environment is concerned.
struct Reading {
    environment: String,
    settings: Settings,
    declared: Declared,
    source: Source,
}

impl Job {
    pub(super) fn read(
        args: &Args,
        globals: &Globals,
        plan: Option<&PlanFile>,
        ui: &Ui,
    ) -> anyhow::Result<Self> {
        let name = environment_name(args, plan)?;
        let variables = Variables::of_process();
        let (reading, root) = match place(globals) {
            Place::Directory(dir) => {
                let tree = WorkTree::around(&dir)?;
                (read_checkout(args, globals, &tree, &name, &variables)?, tree.root().to_owned())
            }
            Place::Remote(url) => {
                let here = std::env::current_dir().context("cannot tell the current directory")?;
                (read_remote(args, globals, &url, &name, &variables, ui)?, here)
            }
        };
        let Reading { environment, settings, declared, source } = reading;
        let allowed = args.allow.iter().chain(plan.into_iter().flat_map(|plan| &plan.allowed));
        let mut rules = settings.common.rules(allowed.cloned().collect());
        rules.prune &= args.prune == super::Prune::Auto;
        let patience = args.timeout.unwrap_or_else(|| settings.common.patience());
        let context = context(args, &root, &environment, &variables, patience);
        Ok(Self {
            actuator: actuator::make(&settings, context)?,
            lock_patience: args.lock_timeout.or(settings.common.lock_timeout).unwrap_or_default(),
            run: random(),
            environment,
            settings,
            declared,
            source,
            rules,
            patience,
        })
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
            commit => commit.get(..9).unwrap_or(commit),
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

/// What a commit declares; the work tree where there is no repository, or where that is asked for.
fn read_checkout(
    args: &Args,
    globals: &Globals,
    tree: &WorkTree,
    name: &str,
    variables: &Variables,
) -> anyhow::Result<Reading> {
    let revision = args.rev.as_deref().unwrap_or("HEAD");
    let committed = if args.allow_dirty { None } else { Committed::find(tree.root(), revision)? };
    let Some(committed) = committed else {
        if let Some(revision) = &args.rev {
            let message = format!("cannot apply `{revision}`: this is no repository");
            return Err(Hinted::plain(Code::NotFound, message).into());
        }
        return read(tree, globals, name, variables);
    };
    let mut reading = read(&committed.files(), globals, name, variables)?;
    if args.rev.is_none() {
        refuse_dirty(&reading, &read(tree, globals, name, variables), name)?;
    }
    reading.source.commit = committed.id();
    reading.declared.commit = committed.id();
    reading.declared.descendants = committed.descendants();
    Ok(reading)
}

fn refuse_dirty(
    committed: &Reading,
    here: &anyhow::Result<Reading>,
    name: &str,
) -> anyhow::Result<()> {
    let same = |here: &Reading| {
        here.source.inputs == committed.source.inputs
            && here.source.config == committed.source.config
    };
    if here.as_ref().is_ok_and(same) {
        return Ok(());
    }
    let message = format!("cannot apply `{name}`: its files have changes that are not committed");
    let hint = "commit them, or apply them as they are with --allow-dirty";
    Err(Hinted::new(Code::Refused, message, hint).into())
}

/// What the tip of a remote branch declares.
fn read_remote(
    args: &Args,
    globals: &Globals,
    url: &str,
    name: &str,
    variables: &Variables,
    ui: &Ui,
) -> anyhow::Result<Reading> {
    if args.rev.is_some() || args.allow_dirty {
        let message = "cannot choose a commit of a remote repository: its branch says which";
        return Err(Hinted::new(Code::Usage, message, "name the branch with --branch").into());
    }
    let voice = ui.voice();
    let say = Say::new(move |event| match event {
        Event::Remote(line) => voice.detail(format!("remote: {line}")),
        Event::Detail(text) => voice.detail(text),
    });
    let settings = landing::settings(variables, None, false);
    let mut remote = Remote::open(url, &settings, FETCH, say)?;
    remote.look(globals.branch.as_deref(), |round| {
        let mut reading = read(round.snapshot(), globals, name, variables)?;
        round.tip.clone_into(&mut reading.source.commit);
        round.tip.clone_into(&mut reading.declared.commit);
        Ok(reading)
    })
}

/// How long a remote repository may take.
const FETCH: Duration = Duration::from_mins(2);

fn read(
    snapshot: &dyn Snapshot,
    globals: &Globals,
    name: &str,
    variables: &Variables,
) -> anyhow::Result<Reading> {
    let config = match &globals.config {
        Some(path) => Config::parse(&path.display().to_string(), files::read(path)?)?,
        None => Config::load(snapshot)?,
    };
    let all = environment::all(snapshot, &config)?;
    let chosen = environment::select(&all, &[name.to_owned()])?;
    let Some(environment) = chosen.first() else { anyhow::bail!("no environment") };
    let settings = settings(&config, name)?;
    let (mut declared, source) = declared(snapshot, environment, &config, &settings)?;
    let own = config.environments.get(name).cloned().unwrap_or_default();
    if let Some(render) = &settings.common.render {
        declared.files = rendered(snapshot, render, &settings, name, &variables.pairs())?;
    } else if own.render.kind != RenderKind::Manifests {
        let copy = actuator::copy(&everything(snapshot)?)?;
        let namespace = own.namespace.as_deref();
        let job = render::Job { environment: name, config: &own.render, namespace };
        declared.files = one_file(job.run(copy.path())?.into_bytes());
    }
    Ok(Reading { environment: name.to_owned(), settings, declared, source })
}

/// Gives the renderer all files of the repository, for it may read any of them.
fn rendered(
    snapshot: &dyn Snapshot,
    render: &Render,
    settings: &Settings,
    name: &str,
    variables: &[(String, String)],
) -> anyhow::Result<Vec<File>> {
    let files = everything(snapshot)?;
    let path = settings.common.path.as_deref().unwrap_or(".");
    Ok(one_file(actuator::run_renderer(render, name, path, &files, variables)?))
}

fn one_file(bytes: Vec<u8>) -> Vec<File> {
    vec![File { path: "rendered.yaml".to_owned(), bytes }]
}

/// Every file of the repository.
fn everything(snapshot: &dyn Snapshot) -> anyhow::Result<Vec<File>> {
    let paths = all_files(snapshot, "")?;
    let bytes = snapshot.read(&paths)?;
    Ok(paths.into_iter().zip(bytes).map(|(path, bytes)| File { path, bytes }).collect())
}

fn settings(config: &Config, name: &str) -> anyhow::Result<Settings> {
    let actuator = config.environments.get(name).and_then(|e| e.actuator.as_ref());
    let Some(actuator) = actuator else {
        let message = format!("cannot apply `{name}`: it has no actuator");
        let hint = "say in gitops.yaml what to drive: `actuator: { kind: kubernetes, context: … }`";
        return Err(Hinted::new(Code::Config, message, hint).into());
    };
    let mut settings = Settings::read(name, actuator)?;
    let namespace = config.environments.get(name).and_then(|e| e.namespace.clone());
    // What is said of the environment holds for what drives it.
    if let (Some(namespace), "kubernetes") = (namespace, settings.common.kind.as_str())
        && settings.own["namespace"].is_null()
    {
        settings.own["namespace"] = Value::String(namespace);
    }
    Ok(settings)
}

/// The files of the environment as the actuator gets them, and what pins them.
fn declared(
    snapshot: &dyn Snapshot,
    environment: &Environment,
    config: &Config,
    settings: &Settings,
) -> anyhow::Result<(Declared, Source)> {
    let (base, paths) = if let Some(dir) = &settings.common.path {
        (dir.trim_end_matches('/').to_owned(), all_files(snapshot, dir)?)
    } else {
        let paths = environment.list(snapshot)?;
        (common_directory(&paths), paths)
    };
    let bytes = snapshot.read(&paths)?;
    let below = |path: &str| {
        let name = path.strip_prefix(&base).unwrap_or(path).trim_start_matches('/');
        name.to_owned()
    };
    let files: Vec<File> =
        paths.iter().zip(bytes).map(|(path, bytes)| File { path: below(path), bytes }).collect();
    let listed = files.iter().map(|file| format!("{} {}\n", sha256(&file.bytes), file.path));
    let inputs = sha256(listed.collect::<String>().as_bytes());
    let own = config.environments.get(&environment.name).and_then(|e| e.actuator.clone());
    let own_render = config.environments.get(&environment.name).map(|e| &e.render);
    let source = Source {
        environment: environment.name.clone(),
        commit: String::new(),
        inputs,
        config: sha256(sorted(&own.unwrap_or(Value::Null)).to_string().as_bytes()),
        renderer: renderer(settings, own_render),
    };
    Ok((Declared { files, ..Declared::default() }, source))
}

/// Where the objects come from; a change of it is no reason to delete what came from elsewhere.
fn renderer(settings: &Settings, own: Option<&RenderConfig>) -> String {
    let how = match &settings.common.render {
        None => own.map_or("manifests".to_owned(), |render| {
            let kind = format!("{:?}", render.kind).to_lowercase();
            let place = render.path.as_ref().or(render.chart.as_ref());
            place.map_or(kind.clone(), |place| format!("{kind} of {place}"))
        }),
        Some(Render::Kind(kind)) => kind.clone(),
        Some(Render::Command(argv)) => mask(&argv.join(" ")),
    };
    match &settings.common.path {
        Some(path) => format!("{how} of {path}"),
        None => how,
    }
}

/// Every file below a directory, whatever its name.
fn all_files(snapshot: &dyn Snapshot, dir: &str) -> anyhow::Result<Vec<String>> {
    let dir = dir.trim_end_matches('/');
    let mut found = Vec::new();
    for entry in snapshot.entries(dir)? {
        let path = if dir.is_empty() { entry.name } else { format!("{dir}/{}", entry.name) };
        match entry.kind {
            Kind::Directory => found.extend(all_files(snapshot, &path)?),
            Kind::File | Kind::Symlink => found.push(path),
            Kind::Submodule => {}
        }
    }
    Ok(found)
}

/// The deepest directory that holds all files.
fn common_directory(paths: &[String]) -> String {
    let dir = |path: &str| path.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned();
    let Some(mut common) = paths.first().map(|path| dir(path)) else { return String::new() };
    for path in paths {
        while !common.is_empty() && !path.starts_with(&format!("{common}/")) {
            common = dir(&common);
        }
    }
    common
}

fn context(
    args: &Args,
    root: &Path,
    environment: &str,
    variables: &Variables,
    timeout: Duration,
) -> Context {
    let kubeconfig = args.kubeconfig.iter().flat_map(std::env::split_paths);
    let kubeconfig: Vec<PathBuf> = kubeconfig.filter(|path| !path.as_os_str().is_empty()).collect();
    Context {
        environment: environment.to_owned(),
        root: root.to_owned(),
        state: state_directory(root, environment),
        variables: variables.pairs(),
        kubeconfig,
        force_conflicts: args.force_conflicts,
        timeout,
    }
}

/// Per environment of a checkout, below the user's home.
fn state_directory(root: &Path, environment: &str) -> PathBuf {
    let home = std::env::home_dir().unwrap_or_else(|| root.to_owned());
    let digest = sha256(format!("{}\n{environment}", root.display()).as_bytes());
    home.join(".local/state/gitops").join(&digest[..16])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_directory_holds_all_files() {
        let table: [(&[&str], &str); 5] = [
            (&[], ""),
            (&["a.yaml"], ""),
            (&["a/b/c.yaml"], "a/b"),
            (&["a/b/c.yaml", "a/b/d/e.yaml"], "a/b"),
            (&["a/b/c.yaml", "a/bc/d.yaml"], "a"),
        ];
        for (paths, expected) in table {
            let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
            assert_eq!(common_directory(&paths), expected, "{paths:?}");
        }
    }
}
