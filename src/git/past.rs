//! What some files were before: the commits of a branch that changed them, newest first, with both texts.
//!
//! It works on a checkout and, fetching as it goes, on a remote repository without one. Only first parents
//! count: what a merge brought in happened when it was merged.

use std::collections::BTreeSet;

use git2::Oid;

use super::backend::View as _;
use super::checkout::Checkout;
use super::head::Standing;
use super::remote::Remote;
use super::store::{Complete, Fetch, Store};
use crate::snapshot::Snapshot as _;

/// How much of a remote's history is fetched at first, then, then all.
pub(super) const DEPTHS: &[Option<u32>] = &[Some(50), Some(1000), None];

/// A commit that changed one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its id.
    pub revision: String,
    /// Its message.
    pub message: String,
    /// The files it changed.
    pub files: Vec<PastFile>,
}

/// A file that a commit changed: its path, its bytes before, its bytes after.
pub type PastFile = (String, Option<Vec<u8>>, Option<Vec<u8>>);

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// The visitor had enough.
    Enough,
    /// The first commit was reached.
    Beginning,
    /// The history goes on, and is not here.
    Shallow,
}

/// Whether to go on.
pub type Visit<'v> = &'v mut dyn FnMut(Past) -> anyhow::Result<bool>;

/// Whether a commit is in the history of a tip, as far as that is here and not before one of `ends`.
pub(super) fn reaches(store: &Store, tip: Oid, commit: Oid, ends: &[Oid]) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![tip];
    while let Some(id) = next.pop() {
        if id == commit {
            return true;
        }
        if seen.insert(id) && !ends.contains(&id) {
            next.extend(store.parents(id));
        }
    }
    false
}

/// Walks back from a commit as far as the store goes.
pub(super) fn walk(
    store: &Store,
    fetch: &dyn Fetch,
    from: Oid,
    paths: &[String],
    visit: Visit<'_>,
) -> anyhow::Result<Walked> {
    let mut at = from;
    let mut newer = ids(store, fetch, at, paths)?;
    loop {
        // By its text: libgit2 hides the parents of a shallow clone's last commit.
        let text = Standing::parse("", &store.text_of(at)?);
        let parent = text.parents.first().map(|id| Oid::from_str(id)).transpose()?;
        let Some(parent) = parent else {
            let gone: Vec<Option<String>> = vec![None; paths.len()];
            let done = step(store, fetch, at, None, paths, (&gone, &newer), visit)?;
            return Ok(if done { Walked::Enough } else { Walked::Beginning });
        };
        if !store.has(parent) {
            return Ok(Walked::Shallow);
        }
        let older = ids(store, fetch, parent, paths)?;
        if step(store, fetch, at, Some(parent), paths, (&older, &newer), visit)? {
            return Ok(Walked::Enough);
        }
        (at, newer) = (parent, older);
    }
}

/// The ids of the files in a commit.
fn ids(
    store: &Store,
    fetch: &dyn Fetch,
    commit: Oid,
    paths: &[String],
) -> anyhow::Result<Vec<Option<String>>> {
    let files = store.files(store.tree_of(commit)?, fetch);
    let id =
        |path: &String| files.place(path).ok().and_then(|place| place.node).map(|node| node.id);
    Ok(paths.iter().map(id).collect())
}

fn step(
    store: &Store,
    fetch: &dyn Fetch,
    at: Oid,
    parent: Option<Oid>,
    paths: &[String],
    (older, newer): (&[Option<String>], &[Option<String>]),
    visit: Visit<'_>,
) -> anyhow::Result<bool> {
    let read = |commit: Oid, path: &String| -> anyhow::Result<Option<Vec<u8>>> {
        let files = store.files(store.tree_of(commit)?, fetch);
        Ok(files.read(std::slice::from_ref(path))?.pop())
    };
    let mut files = Vec::new();
    for (at_path, path) in paths.iter().enumerate() {
        let (old, new) = (&older[at_path], &newer[at_path]);
        if old == new {
            continue;
        }
        let before = parent.filter(|_| old.is_some()).map(|parent| read(parent, path));
        let after = new.is_some().then(|| read(at, path));
        files.push((path.clone(), before.transpose()?.flatten(), after.transpose()?.flatten()));
    }
    if files.is_empty() {
        return Ok(false);
    }
    let text = store.text_of(at)?;
    let revision = at.to_string();
    let message = Standing::parse(&revision, &text).message;
    Ok(!visit(Past { revision, message, files })?)
}

impl Checkout {
    /// What the commit that is checked out, and those before it, made of some files.
    pub fn past(&self, paths: &[String], visit: Visit<'_>) -> anyhow::Result<Walked> {
        match self.head_id()? {
            Some(head) => walk(self.store(), &Complete, head, paths, visit),
            None => Ok(Walked::Beginning),
        }
    }
}

impl Remote {
    /// What the tip of a branch and the commits before it made of some files. `restart` is called before the
    /// walk begins anew with more of the history.
    pub fn past(
        &mut self,
        branch: Option<&str>,
        paths: &[String],
        restart: &mut dyn FnMut(),
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        self.look(branch, |_| Ok(()))?;
        let mut walked = Walked::Shallow;
        for depth in DEPTHS {
            restart();
            walked = self.backend.past(*depth, paths, visit)?;
            if walked != Walked::Shallow {
                break;
            }
        }
        Ok(walked)
    }
}

/// The subjects of a repository's commits between two, newest first; nothing where it does not have both.
#[must_use]
pub fn subjects_between(dir: &std::path::Path, from: &str, to: &str) -> Option<Vec<String>> {
    let repository = git2::Repository::discover(dir).ok()?;
    let id =
        |text: &str| repository.revparse_single(text).ok()?.peel_to_commit().ok().map(|c| c.id());
    let mut walk = repository.revwalk().ok()?;
    walk.push(id(to)?).ok()?;
    walk.hide(id(from)?).ok()?;
    let subject = |id: Oid| {
        let commit = repository.find_commit(id).ok()?;
        let bytes = commit.summary_bytes()?;
        let short = id.to_string().chars().take(7).collect::<String>();
        Some(format!("{short} {}", String::from_utf8_lossy(bytes)))
    };
    Some(walk.flatten().take(100).filter_map(subject).collect())
}
