//! Getting objects: as few as the work needs, and more only where a server gives no fewer.

use anyhow::Context as _;
use git2::Oid;

use super::Wire;
use crate::git::backend::sides::Upload;
use crate::git::store::Fetch;
use crate::git::trouble;
use crate::git::wire::Want;

/// The root and the directories in it.
const UPPER: &str = "tree:2";
/// How many directories to get one by one before getting them all.
const MOST_SUBTREES: u32 = 2;

impl Wire {
    /// Gets the tip, as a difference to what we hold: where few paths matter with its upper trees alone. A server
    /// takes several times longer to pack all trees of a large repository than to send those on a path.
    pub(super) fn fetch_tip(&mut self, id: Oid) -> anyhow::Result<()> {
        let base = self.held.filter(|held| self.keep.store.tree_of(*held).is_ok());
        let filters = self.upload.borrow().filters(self.connection.is_stateless());
        if filters && self.is_narrow && !self.is_complete.get() && !self.memory.sends_all_trees {
            let have: Vec<String> = base.iter().map(ToString::to_string).collect();
            let ids = vec![id.to_string()];
            let want = Want { ids, have, depth: Some(1), filter: Some(UPPER), thin: false };
            match self.transfer(&want) {
                Err(error)
                    if trouble::remote_error(&error).is_some()
                        && trouble::is_missing(&error).is_none() =>
                {
                    self.say.detail(format!("the server leaves no trees out: {error:#}"));
                    self.memory.sends_all_trees = true;
                }
                result => {
                    result?;
                    self.keep.store.tree_of(id).context("the server sent no usable commit")?;
                    return Ok(());
                }
            }
        }
        let base = base.filter(|_| self.is_complete.get());
        self.transfer(&Want {
            ids: vec![id.to_string()],
            have: base.iter().map(ToString::to_string).collect(),
            // Without a filter a new depth would make the server send every file again.
            depth: (filters || base.is_none()).then_some(1),
            filter: filters.then_some("blob:none"),
            thin: true,
        })?;
        self.is_complete.set(true);
        self.keep.store.tree_of(id).context("the server sent no usable commit")?;
        Ok(())
    }

    /// Gets commits without their trees, where the server leaves those out.
    pub(super) fn fetch_commits(&self, tip: Oid, have: &[Oid], depth: u32) -> anyhow::Result<()> {
        let filters = self.upload.borrow().filters(self.connection.is_stateless());
        let mut want = Want {
            ids: vec![tip.to_string()],
            have: have.iter().map(ToString::to_string).collect(),
            depth: (filters || have.is_empty()).then_some(depth),
            filter: filters.then_some("tree:0"),
            thin: false,
        };
        let commits = self.transfer(&want);
        if commits.as_ref().is_err_and(|error| trouble::remote_error(error).is_some()) {
            want.filter = filters.then_some("blob:none");
            return self.transfer(&want);
        }
        commits
    }

    /// Gets the trees of one commit; of all in the branch's history where the server gives no single ones.
    pub(super) fn fetch_trees(&self, commit: Oid) -> anyhow::Result<()> {
        let filters = self.upload.borrow().filters(self.connection.is_stateless());
        let filter = filters.then_some("blob:none");
        let want =
            Want { ids: vec![commit.to_string()], depth: Some(1), filter, ..Want::default() };
        match self.transfer(&want) {
            Err(error) if trouble::remote_error(&error).is_some() => self.deepen(None).map(|_| ()),
            result => result,
        }
    }

    pub(super) fn transfer(&self, want: &Want<'_>) -> anyhow::Result<()> {
        let mut upload = self.upload.borrow_mut();
        let result =
            upload.fetch(&*self.connection, &self.keep.store, want, &self.say, &self.place);
        if result.is_err() && upload.is_remembered {
            // The server may have changed since.
            *upload = Upload::default();
            return upload.fetch(&*self.connection, &self.keep.store, want, &self.say, &self.place);
        }
        result
    }
}

impl Fetch for Wire {
    fn fetch(&self, ids: &[Oid]) -> anyhow::Result<()> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let result = self.transfer(&Want { ids, ..Want::default() });
        match result {
            Err(error) if trouble::remote_error(&error).is_some() => {
                self.say
                    .detail(format!("the server gives no single files ({error:#}): getting all"));
                self.upload.borrow_mut().is_whole = true;
                let ids = vec![self.tip_id()?.to_string()];
                self.is_complete.set(true);
                self.transfer(&Want { ids, depth: Some(1), ..Want::default() })
            }
            result => result,
        }
    }

    /// A few times only what is below one tree; who needs more of them most likely needs most of them.
    fn fetch_tree(&self, id: Oid) -> anyhow::Result<()> {
        let filter = Some("blob:none");
        let count = self.subtrees.get();
        self.subtrees.set(count + 1);
        if count < MOST_SUBTREES {
            let want = Want { ids: vec![id.to_string()], filter, ..Want::default() };
            match self.transfer(&want) {
                Err(error) if trouble::remote_error(&error).is_some() => {}
                result => return result,
            }
        }
        let ids = vec![self.tip_id()?.to_string()];
        self.transfer(&Want { ids, depth: Some(1), filter, ..Want::default() })?;
        self.is_complete.set(true);
        Ok(())
    }
}
