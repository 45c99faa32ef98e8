//! What may be committed: files whose only difference from the last commit is the edit, and that Git itself
//! would store as we do.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, ErrorClass, ObjectType, Oid, Status};

use super::Checkout;
use crate::error::{Code, Hinted};

/// Drivers whose files must not be stored as they are, even where the program is not set up.
fn must_run(driver: &str) -> bool {
    driver == "lfs" || driver.contains("crypt")
}

fn refuse(path: &str, cause: &str, hint: &str) -> anyhow::Error {
    Hinted::new(Code::Git, format!("cannot commit `{path}`: {cause}"), hint).into()
}

fn other_changes(path: &str, cause: &str) -> anyhow::Error {
    let hint = "commit or undo them first, or take them along with --include-changes";
    refuse(path, cause, hint)
}

impl Checkout {
    /// Refuses files that differ from the last commit already, staged or not: what else is in them would be
    /// committed too. Conflicts are never committed.
    pub fn check(&self, paths: &[String], include_changes: bool) -> anyhow::Result<()> {
        for path in paths {
            self.check_attributes(path)?;
            let status = self.status(path)?;
            if status.contains(Status::CONFLICTED) {
                return Err(other_changes(path, "it has conflicts"));
            }
            if include_changes {
                continue;
            }
            if status.intersects(Status::WT_NEW | Status::INDEX_NEW | Status::IGNORED) {
                return Err(other_changes(path, "it was never committed"));
            }
            // The index may be told not to look at a file, or not to be sure: the bytes decide.
            let bytes = fs::read(self.root.join(path))?;
            if status != Status::CURRENT || Some(self.stored(path, &bytes)?) != self.committed(path)
            {
                return Err(other_changes(path, "it has other changes that are not committed"));
            }
        }
        Ok(())
    }

    /// Refuses a file that was edited already, by a run that did not come to its commit, unless the edit is
    /// all that is new in it: `wanted` is what the edit makes of the last commit's.
    pub fn check_edited(
        &self,
        path: &str,
        wanted: &[u8],
        include_changes: bool,
    ) -> anyhow::Result<()> {
        self.check_attributes(path)?;
        if self.status(path)?.contains(Status::CONFLICTED) {
            return Err(other_changes(path, "it has conflicts"));
        }
        let wanted = Some(Oid::hash_object(ObjectType::Blob, wanted)?);
        let index = self.repository().index().map_err(|error| unreadable(path, &error))?;
        let staged = index.get_path(Path::new(path), 0).map(|entry| entry.id);
        let is_ours = Some(self.stored(path, &fs::read(self.root.join(path))?)?) == wanted;
        if include_changes || (is_ours && (staged == wanted || staged == self.committed(path))) {
            return Ok(());
        }
        Err(other_changes(path, "it has other changes that are not committed"))
    }

    fn status(&self, path: &str) -> anyhow::Result<Status> {
        let status = self.repository().status_file(Path::new(path));
        status.map_err(|error| unreadable(path, &error))
    }

    /// The blob that a file's bytes are stored as: attributes may ask for other line ends than those of the
    /// work tree.
    pub(super) fn stored(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Oid> {
        let mut writer = self.repository().blob_writer(Some(Path::new(path)))?;
        writer.write_all(bytes)?;
        Ok(writer.commit()?)
    }

    /// The blob of the last commit.
    fn committed(&self, path: &str) -> Option<Oid> {
        let tree = self.store.tree_of(self.head().ok()??).ok()?;
        let tree = self.repository().find_tree(tree).ok()?;
        tree.get_path(Path::new(path)).ok().map(|entry| entry.id())
    }

    /// Refuses files that Git passes through a program, or through another encoding, before it stores them: we
    /// would store, and push, the plain text.
    fn check_attributes(&self, path: &str) -> anyhow::Result<()> {
        let value = |name: &str| {
            let flags = AttrCheckFlags::FILE_THEN_INDEX;
            let value = self.repository().get_attr(Path::new(path), name, flags);
            match AttrValue::from_string(value.ok().flatten()) {
                AttrValue::String(text) => Some(text.to_owned()),
                _ => None,
            }
        };
        if let Some(driver) = value("filter") {
            let key = |key: &str| format!("filter.{driver}.{key}");
            let set = |name: &str| self.config.get(&key(name)).is_some_and(|line| !line.is_empty());
            if set("clean")
                || set("process")
                || self.config.is_true(&key("required"))
                || must_run(&driver)
            {
                let cause = format!("the filter `{driver}` decides how it is stored");
                let hint = "edit without --commit, then commit with `git`, which runs the filter";
                return Err(refuse(path, &cause, hint));
            }
        }
        let encoding = value("working-tree-encoding")
            .filter(|name| !["utf-8", "utf8"].contains(&&*name.to_ascii_lowercase()));
        if let Some(encoding) = encoding {
            let cause = format!("its attribute `working-tree-encoding` asks for {encoding}");
            let hint = "edit without --commit, then commit with `git`, which converts it";
            return Err(refuse(path, &cause, hint));
        }
        Ok(())
    }
}

/// An index that libgit2 cannot read, and how to make one that it can.
pub(super) fn unreadable(path: &str, error: &git2::Error) -> anyhow::Error {
    let text = error.message();
    let remote = "or edit the remote's branch with --repo URL";
    let (cause, hint) = if text.contains("'sdir'") {
        (
            "its index is sparse",
            format!("run `git sparse-checkout reapply --no-sparse-index`, {remote}"),
        )
    } else if text.contains("'link'") {
        ("its index is split", format!("run `git update-index --no-split-index`, {remote}"))
    } else if error.class() == ErrorClass::Index {
        (text, format!("commit with `git`, {remote}"))
    } else {
        (text, "commit with `git`".to_owned())
    };
    refuse(path, cause, &hint)
}
