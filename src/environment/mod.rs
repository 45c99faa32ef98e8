//! Environments: a name and a set of files, from `gitops.yaml` or from a layout that is recognised.

mod config;
mod layout;
mod schema;

use globset::GlobMatcher;

pub use config::{
    App, Config, EnvironmentConfig, FILE_NAME, IgnoreConfig, RenderConfig, RenderKind,
};

use crate::error::{Code, Hinted};
use crate::policy::glob;
use crate::snapshot::{Kind, Snapshot};

/// A named set of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Patterns of the files that declare it, relative to the repository's root.
    pub files: Vec<String>,
    /// Changes go through a pull request only.
    pub protected: bool,
}

/// The environments of a repository, ordered by name.
pub fn all(snapshot: &dyn Snapshot, config: &Config) -> anyhow::Result<Vec<Environment>> {
    if config.environments.is_empty() {
        return layout::detect(snapshot);
    }
    Ok(config
        .environments
        .iter()
        .map(|(name, environment)| Environment {
            name: name.clone(),
            files: environment.files.clone(),
            protected: environment.protected,
        })
        .collect())
}

/// The environments with these names, in that order; a name given twice counts once.
pub fn select(all: &[Environment], names: &[String]) -> anyhow::Result<Vec<Environment>> {
    let mut chosen: Vec<Environment> = Vec::new();
    for name in names {
        let Some(environment) = all.iter().find(|environment| environment.name == *name) else {
            return Err(unknown(all, name).into());
        };
        if !chosen.contains(environment) {
            chosen.push(environment.clone());
        }
    }
    Ok(chosen)
}

fn unknown(all: &[Environment], name: &str) -> Hinted {
    let message = format!("cannot find the environment `{name}`");
    if all.is_empty() {
        let hint = "name its files in gitops.yaml (`environments:`), or the file with --file";
        return Hinted::new(Code::NotFound, format!("{message}: none is recognised here"), hint);
    }
    let names: Vec<&str> = all.iter().map(|environment| environment.name.as_str()).collect();
    let near = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let likely = near.filter(|near| strsim::jaro_winkler(near, name) > 0.8);
    let hint = likely.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Hinted::new(Code::NotFound, message, format!("there are {}{hint}", names.join(", ")))
}

impl Environment {
    /// The YAML files of the environment, ordered by path.
    pub fn list(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for pattern in &self.files {
            let matched = expand(snapshot, pattern)?;
            if matched.is_empty() {
                let message = format!(
                    "cannot find the files of `{}`: nothing matches `{pattern}`",
                    self.name
                );
                let hint = "correct `environments:` in gitops.yaml";
                return Err(Hinted::new(Code::NotFound, message, hint).into());
            }
            found.extend(matched);
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// The files that a pattern names. `*` stays within a directory, `**` does not; a pattern with
/// either matches YAML files only.
fn expand(snapshot: &dyn Snapshot, pattern: &str) -> anyhow::Result<Vec<String>> {
    let pattern = pattern.trim_start_matches("./");
    let Some(special) = pattern.find(['*', '?', '[', '{']) else {
        let (dir, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let exists =
            snapshot.entries(dir)?.iter().any(|entry| entry.name == name && is_file(entry.kind));
        return Ok(if exists { vec![pattern.to_owned()] } else { Vec::new() });
    };
    let start = pattern[..special].rfind('/').map_or("", |at| &pattern[..at]);
    let rule = globset::GlobBuilder::new(glob(pattern)?.glob())
        .literal_separator(true)
        .build()?
        .compile_matcher();
    let mut found = Vec::new();
    walk(snapshot, start, &rule, &mut found)?;
    Ok(found)
}

fn is_file(kind: Kind) -> bool {
    matches!(kind, Kind::File | Kind::Symlink)
}

fn walk(
    snapshot: &dyn Snapshot,
    dir: &str,
    rule: &GlobMatcher,
    found: &mut Vec<String>,
) -> anyhow::Result<()> {
    for entry in snapshot.entries(dir)? {
        let path = join(dir, &entry.name);
        if entry.kind == Kind::Directory {
            walk(snapshot, &path, rule, found)?;
        } else if is_file(entry.kind) && is_yaml(&entry.name) && rule.is_match(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// Whether a file's name says that it is YAML.
#[must_use]
pub fn is_yaml(name: &str) -> bool {
    name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).is_some_and(|s| !s.is_empty())
        || name == "Kustomization"
}
