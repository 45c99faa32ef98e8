//! Which apps there are, and what became of one whose file was moved.

use std::collections::BTreeSet;

use super::Reader;
use crate::deployed::{self, VersionChange};
use crate::error::{Code, Hinted};
use crate::git::local::Revision;
use crate::snapshot::Snapshot as _;

impl Reader<'_> {
    /// The apps that the environments declare in a commit, and those of the configuration.
    pub(super) fn apps(&self, tip: &Revision) -> anyhow::Result<BTreeSet<String>> {
        let snapshot = self.repository.snapshot(tip);
        let mut known: BTreeSet<String> = self.scopes.config.apps.keys().cloned().collect();
        for environment in self.environments {
            let paths = environment.list(&snapshot)?;
            for (path, bytes) in paths.iter().zip(snapshot.read(&paths)?) {
                let text = String::from_utf8_lossy(&bytes);
                let found = deployed::of_file(path, &text, &self.scopes.config.apps);
                known.extend(found.unwrap_or_default().into_iter().map(|place| place.app));
            }
        }
        Ok(known)
    }
}

/// A name that no app has is a typing error.
pub(in crate::commands) fn check_apps(
    asked: &[String],
    known: &BTreeSet<String>,
) -> anyhow::Result<()> {
    let Some(name) = asked.iter().find(|name| !known.contains(*name)) else { return Ok(()) };
    let message = format!("cannot find the app `{name}`");
    let likely = |other: &&String| strsim::jaro_winkler(other, name) > 0.8;
    let names = || known.iter().map(String::as_str).take(20).collect::<Vec<_>>().join(", ");
    let near = known.iter().find(likely).map(|near| format!("did you mean `{near}`?"));
    let hint = near.unwrap_or_else(|| format!("there are {}", names()));
    Err(Hinted::new(Code::NotFound, message, hint).into())
}

/// What left one file and came to another of the environment, under the same key, moved.
pub(super) fn joined(changes: Vec<(String, VersionChange)>) -> Vec<(String, VersionChange)> {
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for (environment, change) in changes {
        let is_gone = change.after.is_none();
        if is_gone { &mut gone } else { &mut kept }.push((environment, change));
    }
    kept.retain_mut(|(environment, change)| {
        if change.before.is_some() {
            return true;
        }
        let from = gone.iter().position(|(other, old)| {
            other == environment && old.app == change.app && old.key == change.key
        });
        if let Some(from) = from {
            change.before = gone.swap_remove(from).1.before;
        }
        change.before != change.after
    });
    kept.extend(gone);
    kept
}
