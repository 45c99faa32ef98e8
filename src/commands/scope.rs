//! Which files belong to which environment, and environments as sides of a comparison.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use globset::{GlobBuilder, GlobMatcher};
use sha2::{Digest as _, Sha256};

use crate::actuator::render::{self, Job};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::diff::render::Sides;
use crate::environment::{self, Config, Environment, EnvironmentConfig, RenderKind};
use crate::error::{Code, Hinted};
use crate::files;
use crate::git::local::{Delta, LocalRepository, Revision};
use crate::manifest::SourceFile;
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// What a user can do where a renderer is missing or fails.
const RAW: Option<&str> = Some("compare the files with --raw");

/// The environments of one side of a repository.
#[derive(Debug)]
pub(super) struct Scopes {
    pub(super) config: Config,
    pub(super) environments: Vec<Environment>,
    rules: Vec<(usize, GlobMatcher)>,
}

/// An environment before and after, as its program renders it.
pub(super) struct Rendered {
    pub(super) environment: String,
    pub(super) before: SourceFile,
    pub(super) after: SourceFile,
}

/// Two environments, ready to compare.
pub(super) struct Pair {
    pub(super) left: Vec<SourceFile>,
    pub(super) right: Vec<SourceFile>,
    pub(super) sides: Sides,
    pub(super) config: Config,
}

/// The configuration that the flags and the repository name.
pub(super) fn config(snapshot: &dyn Snapshot, globals: &Globals) -> anyhow::Result<Config> {
    match &globals.config {
        Some(path) => Config::parse(&path.display().to_string(), files::read(path)?),
        None => Config::load(snapshot),
    }
}

impl Scopes {
    /// Reads configuration and layout.
    pub(super) fn read(snapshot: &dyn Snapshot, globals: &Globals) -> anyhow::Result<Self> {
        Self::of(snapshot, config(snapshot, globals)?)
    }

    /// The layout as this configuration has it.
    pub(super) fn of(snapshot: &dyn Snapshot, config: Config) -> anyhow::Result<Self> {
        let environments = environment::all(snapshot, &config)?;
        let mut rules = Vec::new();
        for (index, environment) in environments.iter().enumerate() {
            for pattern in &environment.files {
                let glob = GlobBuilder::new(pattern.trim_start_matches("./"))
                    .literal_separator(true)
                    .build()?;
                rules.push((index, glob.compile_matcher()));
            }
        }
        Ok(Self { config, environments, rules })
    }

    /// The environment a file belongs to; empty for none.
    pub(super) fn environment_of(&self, path: &str) -> &str {
        let found = self.rules.iter().find(|(_, rule)| rule.is_match(path));
        found.map_or("", |(index, _)| self.environments[*index].name.as_str())
    }

    /// The names asked for, checked; `None` for all.
    pub(super) fn chosen(&self, names: &[String]) -> anyhow::Result<Option<Vec<String>>> {
        if names.is_empty() {
            return Ok(None);
        }
        let chosen = environment::select(&self.environments, names)?;
        Ok(Some(chosen.into_iter().map(|environment| environment.name).collect()))
    }

    /// The namespace of an environment's objects that name none.
    pub(super) fn namespace_of(&self, name: &str) -> &str {
        let details = self.config.environments.get(name);
        details.and_then(|details| details.namespace.as_deref()).unwrap_or_default()
    }

    fn details(&self, name: &str) -> EnvironmentConfig {
        self.config.environments.get(name).cloned().unwrap_or_default()
    }

    /// Renders the environments whose inputs differ, on both sides.
    pub(super) fn render(
        &self,
        repository: &LocalRepository,
        (before, after): (&Revision, Option<&Revision>),
        deltas: &[Delta],
        wanted: Option<&[String]>,
        ui: &Ui,
    ) -> anyhow::Result<Vec<Rendered>> {
        let mut rendered = Vec::new();
        for environment in &self.environments {
            let details = self.details(&environment.name);
            let chosen = wanted.is_none_or(|names| names.contains(&environment.name));
            if details.render.kind == RenderKind::Manifests || !chosen {
                continue;
            }
            let job = Job {
                environment: &environment.name,
                config: &details.render,
                namespace: details.namespace.as_deref(),
                otherwise: RAW,
            };
            let mut inputs = job.inputs(&repository.snapshot(before))?;
            inputs.extend(match after {
                Some(after) => job.inputs(&repository.snapshot(after))?,
                None => {
                    job.inputs(&WorkTree::around(repository.root().unwrap_or(Path::new(".")))?)?
                }
            });
            let differs = deltas.iter().any(|delta| is_input(&inputs, &delta.path));
            if !differs {
                // Its files are not compared one by one either.
                continue;
            }
            ui.detail(format!("rendering `{}` with {}", environment.name, job.program()));
            render::catch_signals();
            let old = commit(&job, repository, before, &inputs)?;
            let new = match after {
                Some(after) => commit(&job, repository, after, &inputs)?,
                None => job.run(repository.root().unwrap_or(Path::new(".")))?,
            };
            let file = |text: String| rendered_file(&job, &environment.name, text);
            let (before, after) = (file(old), file(new));
            rendered.push(Rendered { environment: environment.name.clone(), before, after });
        }
        Ok(rendered)
    }
}

fn is_input(inputs: &BTreeSet<String>, path: &str) -> bool {
    inputs.iter().any(|input| {
        let below = path.strip_prefix(input.as_str());
        input.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn rendered_file(job: &Job<'_>, environment: &str, text: String) -> SourceFile {
    let mut file = SourceFile::new(&job.entry(), text.into_bytes());
    file.environment = environment.into();
    file.scope = environment.into();
    file.structured = true;
    file
}

/// Renders a commit: from the cache, or from its inputs in a temporary directory.
fn commit(
    job: &Job<'_>,
    repository: &LocalRepository,
    revision: &Revision,
    inputs: &BTreeSet<String>,
) -> anyhow::Result<String> {
    let dir = render::work_dir()?;
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}\n{}\n", job.commands(), job.version(dir.path())?));
    let found = repository.below(revision, inputs)?;
    for (path, content) in &found {
        hasher.update(format!("{path:?} {content:?}\n"));
    }
    let key = HEXLOWER.encode(&hasher.finalize());
    let kept = Variables::of_process().cache_dir().map(|dir| dir.join("render").join(key));
    if let Some(text) = kept.as_ref().and_then(|path| files::read(path).ok()) {
        return Ok(String::from_utf8(text).unwrap_or_default());
    }
    for (path, content) in &found {
        write_input(dir.path(), path, &repository.read(path, *content)?)?;
    }
    let text = job.run(dir.path())?;
    if let Some(path) = kept.filter(|_| !text.contains("kind: Secret")) {
        // A cache that cannot be written is done without.
        let _ = keep(&path, &text);
    }
    Ok(text)
}

fn write_input(dir: &Path, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
    // Git itself refuses such names, but a tree can be made by hand.
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        let message = format!("cannot render: the tree holds the path `{path}`");
        return Err(Hinted::plain(Code::Outside, message).into());
    }
    let to = dir.join(path);
    let write = || {
        std::fs::create_dir_all(to.parent().unwrap_or(dir))?;
        // The directory is our own and short-lived: nothing needs to be synced.
        std::fs::File::create(&to)?.write_all(bytes)
    };
    write().with_context(|| format!("cannot write `{}`", to.display()))
}

fn keep(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        private_dir(dir)?;
    }
    files::replace(path, text.as_bytes())
}

/// A directory that only its owner can read.
fn private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Reads two environments of the work tree as the sides of a comparison.
pub(super) fn environments(
    names: &[String],
    globals: &Globals,
    render: bool,
    ui: &Ui,
) -> anyhow::Result<Pair> {
    let tree = WorkTree::around(&globals.repo)?;
    let scopes = Scopes::read(&tree, globals)?;
    let chosen = environment::select(&scopes.environments, names)?;
    let [from, to] = chosen.as_slice() else {
        let message = format!("cannot compare `{}` with itself", names[0]);
        return Err(Hinted::plain(Code::Usage, message).into());
    };
    let left = side(&scopes, from, to, &tree, render, ui)?;
    let right = side(&scopes, to, to, &tree, render, ui)?;
    let sides = Sides { before: from.name.clone(), after: to.name.clone() };
    Ok(Pair { left, right, sides, config: scopes.config })
}

/// The files of an environment; their paths read as those of `other`.
fn side(
    scopes: &Scopes,
    environment: &Environment,
    other: &Environment,
    tree: &WorkTree,
    render: bool,
    ui: &Ui,
) -> anyhow::Result<Vec<SourceFile>> {
    let details = scopes.details(&environment.name);
    if render && details.render.kind != RenderKind::Manifests {
        let job = Job {
            environment: &environment.name,
            config: &details.render,
            namespace: details.namespace.as_deref(),
            otherwise: RAW,
        };
        ui.detail(format!("rendering `{}` with {}", environment.name, job.program()));
        render::catch_signals();
        let mut file = rendered_file(&job, "", job.run(tree.root())?);
        file.key = "rendered".into();
        file.scope = "".into();
        return Ok(vec![file]);
    }
    let paths = environment.list(tree)?;
    let bytes = tree.read(&paths)?;
    let file = |(path, bytes): (&String, Vec<u8>)| {
        let mut file = SourceFile::new(path, bytes);
        let key = renamed(path, &environment.name, &other.name);
        file.scope = key.rsplit_once('/').map_or("", |(dir, _)| dir).into();
        file.key = key.into();
        file.default_namespace = details.namespace.as_deref().unwrap_or_default().into();
        file
    };
    let files: Vec<SourceFile> = paths.iter().zip(bytes).map(file).collect();
    Ok(sole(files))
}

/// One file per environment is the same file, whatever it is called.
fn sole(mut files: Vec<SourceFile>) -> Vec<SourceFile> {
    if let [file] = files.as_mut_slice() {
        file.scope = Arc::from("");
    }
    files
}

/// A path of one environment as the other would call it.
fn renamed(path: &str, from: &str, to: &str) -> String {
    let word = |part: &str| {
        let boundary = |c: char| matches!(c, '-' | '.' | '_');
        let pieces: Vec<String> = part
            .split_inclusive(boundary)
            .map(|piece| {
                let bare = piece.trim_end_matches(boundary);
                if bare == from { piece.replacen(from, to, 1) } else { piece.to_owned() }
            })
            .collect();
        if part == from { to.to_owned() } else { pieces.concat() }
    };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_environments_correspond() {
        let cases = [
            ("environments/staging.yaml", "environments/prod.yaml"),
            ("apps/staging/api/values.yaml", "apps/prod/api/values.yaml"),
            ("values-staging.yaml", "values-prod.yaml"),
            ("staging-api/x", "prod-api/x"),
            ("x/unstaging.yaml", "x/unstaging.yaml"),
        ];
        for (from, to) in cases {
            assert_eq!(renamed(from, "staging", "prod"), to);
        }
    }
}
