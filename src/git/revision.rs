//! The files of a commit of the repository around us, read only.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::store::{Complete, Store};
use crate::error::{Code, Hinted};
use crate::snapshot::Snapshot;

/// A commit, and everything in it.
pub struct Committed {
    store: Store,
    commit: Oid,
    tree: Oid,
}

impl Committed {
    /// The commit that `revision` names in the repository at `root`; `None` where there is no repository.
    pub fn find(root: &Path, revision: &str) -> anyhow::Result<Option<Self>> {
        let repository = match Repository::open(root) {
            Ok(repository) => repository,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => {
                let message =
                    format!("cannot open the repository `{}`: {}", root.display(), error.message());
                return Err(Hinted::plain(Code::Git, message).into());
            }
        };
        let found = repository.revparse_single(revision).and_then(|found| {
            let commit = found.peel_to_commit()?;
            Ok((commit.id(), commit.tree_id()))
        });
        let (commit, tree) = match found {
            Ok(ids) => ids,
            Err(error) => {
                let message = format!("cannot find the revision `{revision}`: {}", error.message());
                let hint = "fetch it first, or name another with --rev";
                return Err(Hinted::new(Code::NotFound, message, hint).into());
            }
        };
        Ok(Some(Self { store: Store::of(repository), commit, tree }))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> String {
        self.commit.to_string()
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> impl Snapshot + '_ {
        self.store.files(self.tree, &Complete)
    }

    /// Whether another commit is in its history; none where a shallow clone does not tell.
    #[must_use]
    pub fn follows(&self, other: &str) -> Option<bool> {
        let repository = self.store.repository();
        let other = Oid::from_str(other).ok()?;
        if repository.find_commit(other).is_err() {
            return if repository.is_shallow() { None } else { Some(false) };
        }
        let follows = repository.graph_descendant_of(self.commit, other).unwrap_or(false);
        if !follows && repository.is_shallow() {
            return None;
        }
        Some(follows || other == self.commit)
    }
}
