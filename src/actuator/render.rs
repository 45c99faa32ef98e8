//! Environments that another program turns into manifests: kustomize, Helm, Helmfile, or a command of the user's.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tempfile::TempDir;

use super::process::{self, Failure, Limits};
use super::stop::Stop;
use crate::environment::{RenderConfig, RenderKind};
use crate::error::{Code, Hinted};
use crate::http;
use crate::snapshot::{Kind, Snapshot};
use crate::yaml::{NodeRef, Stream};

/// More than any chart takes, and more than any repository holds.
const LIMITS: Limits = Limits { time: Duration::from_mins(5), bytes: 256 << 20 };
/// What the directories to render in are called.
const PREFIX: &str = "gitops-render-";

/// Raised by the signals that end us, once somebody asked to have them caught.
static STOP: OnceLock<Option<Stop>> = OnceLock::new();

/// What is to be rendered.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The environment's name.
    pub environment: &'a str,
    /// How.
    pub config: &'a RenderConfig,
    /// The namespace for Helm.
    pub namespace: Option<&'a str>,
    /// What a user can do without the program, for hints.
    pub otherwise: Option<&'a str>,
}

impl Job<'_> {
    /// The word for messages.
    #[must_use]
    pub fn program(&self) -> &str {
        match self.config.kind {
            RenderKind::Manifests => "nothing",
            RenderKind::Command => self.config.command.first().map_or("", String::as_str),
            kind => kind.as_str(),
        }
    }

    fn hint(&self, first: &str) -> String {
        self.otherwise.map_or_else(|| first.to_owned(), |other| format!("{first}, or {other}"))
    }

    /// The file that stands for what is rendered.
    #[must_use]
    pub fn entry(&self) -> String {
        let below = |dir: &str, name: &str| {
            if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
        };
        let path = self.config.path.as_deref().unwrap_or_default().trim_end_matches('/');
        match self.config.kind {
            RenderKind::Kustomize | RenderKind::Manifests => below(path, "kustomization.yaml"),
            RenderKind::Helm => self.config.values.last().cloned().unwrap_or_else(|| {
                below(self.config.chart.as_deref().unwrap_or_default(), "values.yaml")
            }),
            RenderKind::Helmfile if is_yaml(path) => path.to_owned(),
            RenderKind::Helmfile => below(path, "helmfile.yaml"),
            RenderKind::Command => "rendered.yaml".to_owned(),
        }
    }

    /// The command lines to try, the second where the first one's program is missing.
    #[must_use]
    pub fn commands(&self) -> Vec<Vec<String>> {
        let path = self.config.path.clone().unwrap_or_else(|| ".".to_owned());
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let mut commands = match self.config.kind {
            RenderKind::Manifests => Vec::new(),
            RenderKind::Command => vec![self.config.command.clone()],
            RenderKind::Kustomize => {
                vec![words(&["kustomize", "build", &path]), words(&["kubectl", "kustomize", &path])]
            }
            RenderKind::Helm => {
                let release = self.config.release.as_deref().unwrap_or(self.environment);
                let chart = self.config.chart.as_deref().unwrap_or(".");
                let mut command = words(&["helm", "template", release, chart, "--include-crds"]);
                if let Some(namespace) = self.namespace {
                    command.extend(words(&["--namespace", namespace]));
                }
                for values in &self.config.values {
                    command.extend(words(&["--values", values]));
                }
                vec![command]
            }
            RenderKind::Helmfile => {
                let mut command = words(&["helmfile", "--environment", self.environment]);
                if self.config.path.is_some() {
                    command.extend(words(&["--file", &path]));
                }
                command.push("template".to_owned());
                vec![command]
            }
        };
        for command in &mut commands {
            command.extend(self.config.args.iter().cloned());
        }
        commands
    }

    /// Runs the program in a directory that holds the inputs.
    pub fn run(&self, root: &Path) -> anyhow::Result<String> {
        let output =
            first_found(&self.commands(), root).map_err(|failure| self.failed(&failure))?;
        if !output.status.success() {
            let said = http::mask(&excerpt(&String::from_utf8_lossy(&output.stderr)));
            let (environment, program) = (self.environment, self.program());
            let message = format!("cannot render `{environment}` with {program}: {said}");
            let hint = self.hint("run it yourself to see more");
            return Err(Hinted::new(Code::Error, message, hint).into());
        }
        String::from_utf8(output.stdout).map_err(|_| {
            let message = format!(
                "cannot use what {} printed for `{}`: it is not UTF-8",
                self.program(),
                self.environment
            );
            Hinted::plain(Code::InvalidYaml, message).into()
        })
    }

    /// What the program calls its version; part of the cache's key.
    pub fn version(&self, root: &Path) -> anyhow::Result<String> {
        let ask = |command: Vec<String>| match command.first().map(String::as_str) {
            Some("kubectl") => {
                vec!["kubectl".to_owned(), "version".to_owned(), "--client".to_owned()]
            }
            Some(program) => vec![program.to_owned(), "version".to_owned()],
            None => command,
        };
        if self.config.kind == RenderKind::Command {
            // Nobody knows what it makes of `version`; nothing of it is kept.
            return Ok(String::new());
        }
        let commands: Vec<Vec<String>> = self.commands().into_iter().map(ask).collect();
        let output = first_found(&commands, root).map_err(|failure| self.failed(&failure))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn failed(&self, failure: &Failure) -> Hinted {
        let message =
            format!("cannot render `{}` with {}: {failure}", self.environment, self.program());
        let hint = if is_missing(failure) {
            self.hint(&format!("install {}", self.program()))
        } else {
            self.hint("run it yourself to see more")
        };
        Hinted::new(Code::Error, message, hint)
    }

    /// Runs the program on a private copy of what it depends on.
    #[expect(clippy::disallowed_methods, reason = "nobody else sees the copy, nothing is replaced")]
    pub fn run_on(&self, snapshot: &dyn Snapshot) -> anyhow::Result<String> {
        let dir = work_dir()?;
        let paths = self.input_files(snapshot)?;
        for (path, bytes) in paths.iter().zip(snapshot.read(&paths)?) {
            let to = dir.path().join(path);
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&to, bytes)?;
        }
        self.run(dir.path())
    }

    /// The files that the result depends on, each once.
    pub fn input_files(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Vec<String>> {
        let mut files = BTreeSet::new();
        for input in self.inputs(snapshot)? {
            files.extend(files_below(snapshot, &input)?);
        }
        Ok(files.into_iter().collect())
    }

    /// The files and directories that the result depends on, as far as they are in the repository.
    pub fn inputs(&self, snapshot: &dyn Snapshot) -> anyhow::Result<BTreeSet<String>> {
        let mut inputs = BTreeSet::new();
        let path = self.config.path.as_deref().unwrap_or_default().trim_end_matches('/');
        match self.config.kind {
            RenderKind::Manifests => {}
            RenderKind::Kustomize => follow(snapshot, path, &mut inputs)?,
            RenderKind::Helm => {
                let chart = self.config.chart.as_deref().unwrap_or_default();
                let own = self.config.values.iter().map(String::as_str).chain([chart]);
                inputs.extend(
                    own.map(|path| path.trim_start_matches("./").trim_end_matches('/').to_owned()),
                );
                for local in local_charts(snapshot, chart)? {
                    inputs.insert(local);
                }
            }
            // A Helmfile is a program, as a command is; it may read anything.
            RenderKind::Helmfile | RenderKind::Command => {
                inputs.insert(String::new());
            }
        }
        Ok(inputs)
    }
}

/// The files below a path of a snapshot, whatever their names; a file is itself.
pub fn files_below(snapshot: &dyn Snapshot, path: &str) -> anyhow::Result<Vec<String>> {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let path = if path == "." { "" } else { path };
    if !path.is_empty() && matches!(kind_of(snapshot, path)?, Some(Kind::File | Kind::Symlink)) {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in snapshot.entries(path)? {
        let path = if path.is_empty() { entry.name } else { format!("{path}/{}", entry.name) };
        match entry.kind {
            Kind::Directory => found.extend(files_below(snapshot, &path)?),
            Kind::File => found.push(path),
            Kind::Symlink if leads_to_a_file(snapshot, &path)? => found.push(path),
            Kind::Symlink | Kind::Submodule => {}
        }
    }
    Ok(found)
}

/// Links to directories, to nowhere and to the outside are left out.
fn leads_to_a_file(snapshot: &dyn Snapshot, path: &str) -> anyhow::Result<bool> {
    let Ok(real) = snapshot.real_path(path) else { return Ok(false) };
    Ok(kind_of(snapshot, &real)? == Some(Kind::File))
}

fn first_found(commands: &[Vec<String>], root: &Path) -> Result<Output, Failure> {
    let mut missing = Failure::Io(io::ErrorKind::NotFound.into());
    for command in commands {
        match run(command, root) {
            Err(failure) if is_missing(&failure) => missing = failure,
            done => return done,
        }
    }
    Err(missing)
}

fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Runs a renderer. The variables are our own.
fn run(command: &[String], dir: &Path) -> Result<Output, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::Io(io::ErrorKind::NotFound.into()));
    };
    let stop = STOP.get().and_then(Option::as_ref);
    let output =
        process::run(Command::new(program).args(arguments).current_dir(dir), LIMITS, stop)?;
    // What it says of its end is no answer then.
    if stop.is_some_and(Stop::is_raised) { Err(Failure::Interrupted) } else { Ok(output) }
}

/// From now on a signal that comes while a renderer runs ends that first, and its directory is
/// removed. For commands that do not catch signals themselves.
pub fn catch_signals() {
    STOP.get_or_init(|| {
        let stop = Stop::impatient();
        // Without, a signal ends us at once.
        stop.listen(&[SIGTERM, SIGINT, SIGHUP], || ()).is_ok().then_some(stop)
    });
}

/// A directory to render in. Those that killed processes left behind are removed.
pub fn work_dir() -> io::Result<TempDir> {
    sweep(&std::env::temp_dir());
    tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir()
}

fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        if pid.is_some_and(|(pid, _)| is_dead(pid)) {
            // Somebody else's is not ours to remove.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_dead(pid: &str) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_dead(_: &str) -> bool {
    false
}

/// What a program said, without the middle where that is long: Helmfile says the cause last.
fn excerpt(said: &str) -> String {
    const FIRST: usize = 4;
    const LAST: usize = 20;
    let lines: Vec<&str> = said.trim().lines().collect();
    if lines.len() <= FIRST + LAST {
        return lines.join("\n");
    }
    let (first, last) = (&lines[..FIRST], &lines[lines.len() - LAST..]);
    [first, &["…"], last].concat().join("\n")
}

fn is_yaml(path: &str) -> bool {
    crate::environment::is_yaml(path) || path.ends_with(".gotmpl")
}

/// A kustomization's directory, and every path in the repository that it names.
fn follow(snapshot: &dyn Snapshot, dir: &str, inputs: &mut BTreeSet<String>) -> anyhow::Result<()> {
    const NAMES: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];
    if !inputs.insert(dir.to_owned()) {
        return Ok(());
    }
    let entries = snapshot.entries(dir)?;
    let Some(entry) = entries.iter().find(|entry| NAMES.contains(&entry.name.as_str())) else {
        return Ok(());
    };
    let path = if dir.is_empty() { entry.name.clone() } else { format!("{dir}/{}", entry.name) };
    let bytes = snapshot.read(&[path])?.pop().unwrap_or_default();
    // What kustomize cannot read it says itself.
    let text = String::from_utf8(bytes).unwrap_or_default();
    let Ok(stream) = Stream::parse(text) else { return Ok(()) };
    for document in 0..stream.documents() {
        for named in stream.nodes_of(document).filter_map(NodeRef::scalar) {
            let Some(path) = resolve(dir, named) else { continue };
            match kind_of(snapshot, &path)? {
                Some(Kind::Directory) => follow(snapshot, &path, inputs)?,
                Some(_) => {
                    inputs.insert(path);
                }
                None => {}
            }
        }
    }
    Ok(())
}

/// Where a relative path in a directory's file leads; `None` where it is none, or leads outside.
fn resolve(dir: &str, named: &str) -> Option<String> {
    // `key=path` names a file of a generator.
    let named = named.split_once('=').map_or(named, |(_, path)| path);
    if named.is_empty() || named.starts_with('/') || named.contains("://") || named.contains('\n') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    (path != dir && !path.is_empty()).then_some(path)
}

fn kind_of(snapshot: &dyn Snapshot, path: &str) -> anyhow::Result<Option<Kind>> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let entries = snapshot.entries(dir)?;
    Ok(entries.into_iter().find(|entry| entry.name == name).map(|entry| entry.kind))
}

/// The charts that a chart depends on by `file://`.
fn local_charts(snapshot: &dyn Snapshot, chart: &str) -> anyhow::Result<Vec<String>> {
    let path = format!("{}/Chart.yaml", chart.trim_start_matches("./").trim_end_matches('/'));
    if kind_of(snapshot, &path)?.is_none() {
        return Ok(Vec::new());
    }
    let bytes = snapshot.read(std::slice::from_ref(&path))?.pop().unwrap_or_default();
    let Ok(stream) = Stream::parse(String::from_utf8(bytes).unwrap_or_default()) else {
        return Ok(Vec::new());
    };
    let dir = path.trim_end_matches("/Chart.yaml");
    let nodes = (0..stream.documents()).flat_map(|document| stream.nodes_of(document));
    let local = nodes.filter_map(NodeRef::scalar).filter_map(|text| text.strip_prefix("file://"));
    Ok(local.filter_map(|text| resolve(dir, text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(commands: &[Vec<String>]) -> Vec<String> {
        commands.iter().map(|command| command.join(" ")).collect()
    }

    #[test]
    fn writes_command_lines() {
        let config = RenderConfig {
            kind: RenderKind::Helm,
            chart: Some("charts/shop".into()),
            values: vec!["a.yaml".into(), "b.yaml".into()],
            args: vec!["--set=x=1".into()],
            ..RenderConfig::default()
        };
        let job =
            Job { environment: "prod", config: &config, namespace: Some("shop"), otherwise: None };
        assert_eq!(
            words(&job.commands()),
            [
                "helm template prod charts/shop --include-crds --namespace shop --values a.yaml --values b.yaml --set=x=1"
            ]
        );
        let config = RenderConfig {
            kind: RenderKind::Kustomize,
            path: Some("overlays/prod".into()),
            ..RenderConfig::default()
        };
        let job = Job { environment: "prod", config: &config, namespace: None, otherwise: None };
        assert_eq!(
            words(&job.commands()),
            ["kustomize build overlays/prod", "kubectl kustomize overlays/prod"]
        );
        assert_eq!(job.entry(), "overlays/prod/kustomization.yaml");
    }

    #[test]
    fn the_cause_is_said_where_it_is_said_last() {
        let said: Vec<String> = (1..=40).map(|line| format!("line {line}")).collect();
        let said = excerpt(&said.join("\n"));
        assert!(said.starts_with("line 1\n") && said.ends_with("line 39\nline 40"), "{said}");
        assert!(said.contains("line 4\n…\nline 21\n"), "{said}");
        assert_eq!(excerpt("a\nb\n"), "a\nb");
    }

    #[test]
    fn relative_paths_stay_inside() {
        assert_eq!(resolve("overlays/prod", "../../base").as_deref(), Some("base"));
        assert_eq!(resolve("a", "k=x/y").as_deref(), Some("a/x/y"));
        for outside in ["../../x", "/etc", "https://x/y", ""] {
            assert_eq!(resolve("a", outside), None, "{outside}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn directories_of_the_dead_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let (dead, own) = (child.id(), std::process::id());
        child.wait().unwrap();
        let names = [format!("{PREFIX}{dead}-x"), format!("{PREFIX}{own}-x"), "other".to_owned()];
        for name in &names {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        sweep(dir.path());
        let there = names.map(|name| dir.path().join(name).exists());
        assert_eq!(there, [false, true, true]);
    }
}
