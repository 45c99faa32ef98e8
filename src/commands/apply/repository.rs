//! The repository that declares an environment: what tells it from others, and the lock that all hosts see in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::lock::{Connect, Shared};
use crate::actuator::{Actuator, Ancestry, SharedLock, SharedLockKind};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::landing::{self, Place, place};
use crate::error::{Code, Hinted};
use crate::git::{
    Checkout, Committed, Config, Remote, Say, Settings, Sources, name_of, provenance,
};
use crate::worktree::WorkTree;

/// A repository.
pub(super) struct Repository {
    /// The same for every checkout and every URL of it; none where that is not known.
    pub(super) name: Option<String>,
    origin: Option<Origin>,
}

/// Where all hosts find it.
enum Origin {
    /// The remote of a checkout.
    Of(std::path::PathBuf),
    Url(String),
}

/// Whether the commit `before` is in the history of `now`, which is what the repository declares; none where a
/// shallow clone does not tell.
pub(super) fn follows(globals: &Globals, now: &str, before: &str) -> anyhow::Result<Option<bool>> {
    match place(globals) {
        Place::Directory(dir) => {
            let root = WorkTree::around(&dir)?.root().to_owned();
            Ok(Committed::find(&root, now)?.and_then(|committed| committed.follows(before)))
        }
        Place::Remote(url) => {
            let settings = landing::settings(&Variables::of_process(), None, false);
            let mut remote = Remote::open(&url, &settings, PATIENCE, Say::nobody())?;
            let branch =
                remote.look(globals.branch.as_deref(), |round| Ok(round.branch.to_owned()))?;
            remote.contains(&branch, before).map(Some)
        }
    }
}

/// After that time without a sign of life, the lock is free.
const DURATION: Duration = Duration::from_mins(2);
/// How long a look at it, or a change of it, may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Repository {
    /// The one around a directory.
    pub(super) fn around(root: &Path) -> Self {
        Self { name: provenance(root), origin: Some(Origin::Of(root.to_owned())) }
    }

    /// The one at a URL.
    pub(super) fn at(url: String) -> Self {
        Self { name: name_of(&url, Path::new("")), origin: Some(Origin::Url(url)) }
    }

    /// What a commit contains, also one that came to the remote repository only after it was read.
    pub(super) fn ancestry(&self, variables: &Variables) -> Ancestry {
        let connect = self.connect(landing::settings(variables, None, false));
        let root = match &self.origin {
            Some(Origin::Of(root)) => Some(root.clone()),
            _ => None,
        };
        Ancestry::new(move |later, earlier| {
            let here = root.as_ref().and_then(|root| Committed::find(root, later).ok()?);
            if let Some(known) = here.and_then(|committed| committed.follows(earlier)) {
                return Some(known);
            }
            let ask = |connect: &Connect| connect()?.follows(later, earlier);
            connect.as_ref().map_or(Some(false), |connect| ask(connect).ok())
        })
    }

    /// The lock that other hosts see, where the actuator's own ends at this one.
    pub(super) fn lock(
        &self,
        actuator: &dyn Actuator,
        environment: &str,
        variables: &Variables,
    ) -> anyhow::Result<Option<Shared>> {
        let Some(SharedLock { kind, duration }) = actuator.shared_lock() else { return Ok(None) };
        if kind == Some(SharedLockKind::File) {
            return Ok(None);
        }
        let Some(connect) = self.connect(landing::settings(variables, None, false)) else {
            if kind.is_none() {
                return Ok(None);
            }
            let message = format!(
                "cannot lock the environment `{environment}`: its repository has no remote `origin`"
            );
            let hint = "add one, or let a file of this host be enough: `lock: { kind: file }`";
            return Err(Hinted::new(Code::Config, message, hint).into());
        };
        Ok(Some(Shared {
            connect,
            name: format!("refs/gitops/locks/{}", part(environment)),
            environment: environment.to_owned(),
            duration: duration.unwrap_or(DURATION),
        }))
    }

    fn connect(&self, settings: Settings) -> Option<Connect> {
        let (url, config) = match self.origin.as_ref()? {
            Origin::Url(url) => (url.clone(), None),
            Origin::Of(root) => {
                let checkout = Checkout::open(root, &settings).ok()?;
                let upstream = checkout.destination("origin", "gitops").ok()?;
                (upstream.url().to_owned(), Some(checkout.config().clone()))
            }
        };
        Some(Arc::new(move || {
            let config = config.clone();
            let config = config.map_or_else(|| read(&settings.sources), Ok)?;
            Remote::open_with(&url, config, &settings, PATIENCE, Say::nobody())
        }))
    }
}

fn read(sources: &Sources) -> anyhow::Result<Config> {
    Config::read(sources, None)
}

/// A name as a part of a reference's: what Git forbids there is written as its code.
fn part(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let one = |c: char| if plain(c) { c.to_string() } else { format!("={:x}=", u32::from(c)) };
    name.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_has_a_reference_of_its_own() {
        let table = [("prod", "prod"), ("Prod_EU-1", "Prod_EU-1"), ("a/b.lock", "a=2f=b=2e=lock")];
        for (name, expected) in table {
            assert_eq!(part(name), expected);
        }
    }
}
