//! Environments: a name and a set of files, from `gitops.yaml` or from a layout that is recognised.

mod config;
mod layout;
mod schema;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use globset::GlobMatcher;

pub use config::{
    App, Config, EnvironmentConfig, FILE_NAME, IgnoreConfig, RenderConfig, RenderKind,
};

use crate::error::{Code, Hinted};
use crate::policy::glob;
use crate::snapshot::{Entry, Kind, Snapshot};

/// A named set of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Patterns of the files that declare it, relative to the repository's root.
    pub files: Vec<String>,
    /// Changes go through a pull request only.
    pub protected: bool,
    /// Recognised by the layout; nobody wrote the patterns, so nobody minds one that matches nothing.
    pub detected: bool,
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
            detected: false,
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
        self.list_where(snapshot, is_yaml)
    }

    /// All files of the environment, whatever they are, ordered by path.
    pub fn list_all(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Vec<String>> {
        self.list_where(snapshot, |_| true)
    }

    fn list_where(
        &self,
        snapshot: &dyn Snapshot,
        fits: fn(&str) -> bool,
    ) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut missing: Vec<String> = Vec::new();
        let listing = Listing { snapshot, known: RefCell::default() };
        for pattern in &self.files {
            let matched = expand(&listing, pattern, fits)?;
            if matched.is_empty() && !self.detected {
                missing.push(format!("`{pattern}`"));
            }
            found.extend(matched);
        }
        if !missing.is_empty() {
            let patterns = missing.join(", ");
            let message =
                format!("cannot find the files of `{}`: nothing matches {patterns}", self.name);
            let hint = "correct `environments:` in gitops.yaml";
            return Err(Hinted::new(Code::NotFound, message, hint).into());
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// Directories, each listed once.
struct Listing<'s> {
    snapshot: &'s dyn Snapshot,
    known: RefCell<HashMap<String, Rc<Vec<Entry>>>>,
}

impl Listing<'_> {
    fn entries(&self, dir: &str) -> anyhow::Result<Rc<Vec<Entry>>> {
        if let Some(known) = self.known.borrow().get(dir) {
            return Ok(Rc::clone(known));
        }
        let entries = Rc::new(self.snapshot.entries(dir)?);
        self.known.borrow_mut().insert(dir.to_owned(), Rc::clone(&entries));
        Ok(entries)
    }

    /// Whether it is a file here: a link to nowhere, or to the outside, is none of the environment's.
    fn is_file(&self, path: &str, kind: Kind) -> bool {
        match kind {
            Kind::File => true,
            Kind::Symlink => self.snapshot.real_path(path).is_ok(),
            Kind::Directory | Kind::Submodule => false,
        }
    }
}

/// The files that a pattern names. `*` stays within a directory, `**` does not; a pattern with
/// either matches only files whose name fits.
fn expand(
    listing: &Listing<'_>,
    pattern: &str,
    fits: fn(&str) -> bool,
) -> anyhow::Result<Vec<String>> {
    let pattern = pattern.trim_start_matches("./");
    let Some(special) = pattern.find(['*', '?', '[', '{']) else {
        let (dir, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let entries = listing.entries(dir)?;
        let exists =
            entries.iter().any(|entry| entry.name == name && listing.is_file(pattern, entry.kind));
        return Ok(if exists { vec![pattern.to_owned()] } else { Vec::new() });
    };
    let start = pattern[..special].rfind('/').map_or("", |at| &pattern[..at]);
    let rule = globset::GlobBuilder::new(glob(pattern)?.glob())
        .literal_separator(true)
        .build()?
        .compile_matcher();
    let mut found = Vec::new();
    walk(listing, start, (&rule, fits), &mut found)?;
    Ok(found)
}

fn walk(
    listing: &Listing<'_>,
    dir: &str,
    (rule, fits): (&GlobMatcher, fn(&str) -> bool),
    found: &mut Vec<String>,
) -> anyhow::Result<()> {
    for entry in listing.entries(dir)?.iter() {
        let path = join(dir, &entry.name);
        if entry.kind == Kind::Directory {
            walk(listing, &path, (rule, fits), found)?;
        } else if fits(&entry.name) && rule.is_match(&path) && listing.is_file(&path, entry.kind) {
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
