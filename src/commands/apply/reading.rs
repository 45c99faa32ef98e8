//! What an environment's repository declares at one moment: a commit, the work tree, or the tip of a remote branch.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Args;
use crate::actuator::render::{self, files_below};
use crate::actuator::{Declared, File, Settings};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::{landing, scope};
use crate::environment::{self, Config, Environment, EnvironmentConfig, RenderKind};
use crate::error::{Code, Hinted};
use crate::git::{Committed, Event, Remote, Say, name_of, provenance};
use crate::http::mask;
use crate::plan::digest::{sha256, sorted};
use crate::plan::file::Source;
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// A repository at one moment, as far as an environment is concerned.
pub(super) struct Reading {
    pub(super) environment: String,
    pub(super) settings: Settings,
    pub(super) declared: Declared,
    pub(super) source: Source,
    pub(super) config: Config,
    /// Why there is nothing to apply: what makes the manifests failed.
    pub(super) broken: Option<anyhow::Error>,
    own: EnvironmentConfig,
}

/// How long a remote repository may take.
const FETCH: Duration = Duration::from_mins(2);

/// What a commit declares, that of a plan before any other; the work tree where there is no repository, or where that
/// is asked for.
pub(super) fn of_checkout(
    args: &Args,
    globals: &Globals,
    tree: &WorkTree,
    name: &str,
    planned: Option<&str>,
) -> anyhow::Result<Reading> {
    let chosen = args.rev.as_deref().or(planned);
    let revision = chosen.unwrap_or("HEAD");
    let repository = provenance(tree.root()).unwrap_or_default();
    let committed = if args.allow_dirty { None } else { Committed::find(tree.root(), revision)? };
    let Some(committed) = committed else {
        if let Some(revision) = chosen {
            let message = format!("cannot apply `{revision}`: this is no repository");
            return Err(Hinted::plain(Code::NotFound, message).into());
        }
        let mut reading = Reading::of(tree, globals, name, repository)?;
        if args.live && reading.settings.common.is_handed_over() {
            // What a controller has cannot be told from files: only commits can be compared.
            reading.at(Committed::find(tree.root(), revision)?.as_ref());
        }
        return Ok(reading.rendered(tree));
    };
    let files = committed.files();
    let mut reading = Reading::of(&files, globals, name, repository)?;
    if chosen.is_none() {
        refuse_dirty(&reading, &Reading::of(tree, globals, name, String::new()), name)?;
    }
    reading.at(Some(&committed));
    Ok(reading.rendered(&files))
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
pub(super) fn of_remote(
    args: &Args,
    globals: &Globals,
    url: &str,
    name: &str,
    ui: &Ui,
) -> anyhow::Result<Reading> {
    if args.rev.is_some() || args.allow_dirty {
        let message = "cannot choose a commit of a remote repository: its branch says which";
        return Err(Hinted::new(Code::Usage, message, "name the branch with --branch").into());
    }
    let repository = name_of(url, Path::new("")).unwrap_or_default();
    let voice = ui.voice();
    let say = Say::new(move |event| match event {
        Event::Remote(line) => voice.detail(format!("remote: {line}")),
        Event::Detail(text) => voice.detail(text),
    });
    let settings = landing::settings(&Variables::of_process(), None, false);
    let mut remote = Remote::open(url, &settings, FETCH, say)?;
    remote.look(globals.branch.as_deref(), |round| {
        let mut reading = Reading::of(round.snapshot(), globals, name, repository.clone())?;
        round.tip.clone_into(&mut reading.source.commit);
        round.tip.clone_into(&mut reading.declared.commit);
        Ok(reading.rendered(round.snapshot()))
    })
}

impl Reading {
    fn of(
        snapshot: &dyn Snapshot,
        globals: &Globals,
        name: &str,
        repository: String,
    ) -> anyhow::Result<Self> {
        let config = scope::config(snapshot, globals)?;
        let all = environment::all(snapshot, &config)?;
        let chosen = environment::select(&all, &[name.to_owned()])?;
        let Some(environment) = chosen.first() else { anyhow::bail!("no environment") };
        let own = config.environments.get(name).cloned().unwrap_or_default();
        let settings = settings(&own, name)?;
        let files = files(snapshot, environment, &own, &settings)?;
        let listed = files.iter().map(|file| {
            let mode = if file.is_executable { " executable" } else { "" };
            format!("{} {}{mode}\n", sha256(&file.bytes), file.path)
        });
        let actuator = own.actuator.clone().unwrap_or_default();
        let pinned = json!({"actuator": sorted(&actuator), "render": format!("{:?}", own.render)});
        let source = Source {
            environment: environment.name.clone(),
            repository,
            commit: String::new(),
            inputs: sha256(listed.collect::<String>().as_bytes()),
            config: sha256(pinned.to_string().as_bytes()),
            renderer: renderer(environment, &settings, &own),
        };
        let declared = Declared { files, ..Declared::default() };
        let environment = name.to_owned();
        Ok(Self { environment, settings, declared, source, config, broken: None, own })
    }

    /// With the commit that declares it.
    fn at(&mut self, committed: Option<&Committed>) {
        if let Some(committed) = committed {
            self.source.commit = committed.id();
            self.declared.commit = committed.id();
        }
    }

    /// With manifests in place of what they are made of.
    fn rendered(mut self, snapshot: &dyn Snapshot) -> Self {
        if self.own.render.kind == RenderKind::Manifests {
            return self;
        }
        self.declared.files.clear();
        match job(&self.own, &self.environment).run_on(snapshot) {
            Ok(text) => {
                let (path, bytes) = ("rendered.yaml".to_owned(), text.into_bytes());
                self.declared.files.push(File { path, bytes, is_executable: false });
            }
            Err(error) => self.broken = Some(error),
        }
        self
    }
}

fn job<'a>(own: &'a EnvironmentConfig, environment: &'a str) -> render::Job<'a> {
    let namespace = own.namespace.as_deref();
    render::Job { environment, config: &own.render, namespace, otherwise: None }
}

fn settings(own: &EnvironmentConfig, name: &str) -> anyhow::Result<Settings> {
    let Some(actuator) = &own.actuator else {
        let message = format!("cannot apply `{name}`: it has no actuator");
        let hint = "say in gitops.yaml what to drive: `actuator: { kind: kubernetes, context: … }`";
        return Err(Hinted::new(Code::Config, message, hint).into());
    };
    let mut settings = Settings::read(name, actuator)?;
    // What is said of the environment holds for what drives it.
    if let (Some(namespace), "kubernetes") = (&own.namespace, settings.common.kind.as_str())
        && settings.own["namespace"].is_null()
    {
        settings.own["namespace"] = Value::String(namespace.clone());
    }
    Ok(settings)
}

/// The files that declare the environment, with their paths below the directory that holds them all; where a
/// program makes manifests of them, everything that it reads.
fn files(
    snapshot: &dyn Snapshot,
    environment: &Environment,
    own: &EnvironmentConfig,
    settings: &Settings,
) -> anyhow::Result<Vec<File>> {
    let (base, paths) = match (&own.render.kind, &settings.common.path) {
        (RenderKind::Kustomize | RenderKind::Helm, _) => {
            (String::new(), job(own, &environment.name).input_files(snapshot)?)
        }
        (_, Some(dir)) => (dir.trim_end_matches('/').to_owned(), files_below(snapshot, dir)?),
        _ => {
            let paths = if settings.common.takes_all_files() {
                environment.list_all(snapshot)?
            } else {
                environment.list(snapshot)?
            };
            (common_directory(&paths), paths)
        }
    };
    let bytes = snapshot.read(&paths)?;
    let below = |path: &str| {
        let name = path.strip_prefix(&base).unwrap_or(path).trim_start_matches('/');
        name.to_owned()
    };
    let file = |(path, bytes): (&String, Vec<u8>)| {
        let is_executable = snapshot.is_executable(path)?;
        Ok(File { path: below(path), bytes, is_executable })
    };
    paths.iter().zip(bytes).map(file).collect()
}

/// Where the objects come from; a change of it is no reason to delete what came from elsewhere.
fn renderer(environment: &Environment, settings: &Settings, own: &EnvironmentConfig) -> String {
    let render = &own.render;
    let how = match render.kind {
        RenderKind::Command => mask(&render.command.join(" ")),
        kind => kind.as_str().to_owned(),
    };
    let place = render.path.as_ref().or(render.chart.as_ref()).or(settings.common.path.as_ref());
    match place {
        Some(place) => format!("{how} of {place}"),
        None if render.kind == RenderKind::Manifests => {
            format!("{how} of {}", environment.files.join(", "))
        }
        None => how,
    }
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
