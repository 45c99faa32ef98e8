//! What some files were before: the commits of a branch that changed them, newest first, with both texts.
//!
//! It works on a checkout and, fetching as it goes, on a remote repository without one. Only first parents
//! count: what a merge brought in happened when it was merged.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;

use super::backend::View as _;
use super::checkout::Checkout;
use super::head::Standing;
use super::remote::Remote;
use super::store::{Complete, Fetch, Store};
use crate::snapshot::Snapshot;

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

/// A file that a commit changed, or moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastFile {
    /// Its path after the commit; where it is gone, before it.
    pub path: String,
    /// Its path before the commit.
    pub old_path: String,
    /// Its bytes before.
    pub before: Option<Vec<u8>>,
    /// Its bytes after.
    pub after: Option<Vec<u8>>,
}

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

/// A path that is followed back, and the id of what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    path: String,
    id: Option<String>,
}

/// A walk back over first parents.
struct Walk<'a> {
    store: &'a Store,
    fetch: &'a dyn Fetch,
}

/// Walks back from a commit as far as the store goes; files that were moved are followed.
pub(super) fn walk(
    store: &Store,
    fetch: &dyn Fetch,
    from: Oid,
    paths: &[String],
    visit: Visit<'_>,
) -> anyhow::Result<Walked> {
    let walk = Walk { store, fetch };
    let mut at = from;
    let mut newer = walk.spots(at, paths)?;
    loop {
        // By its text: libgit2 hides the parents of a shallow clone's last commit.
        let text = Standing::parse("", &store.text_of(at)?);
        let parent = text.parents.first().map(|id| Oid::from_str(id)).transpose()?;
        let Some(parent) = parent else {
            let gone = newer.iter().map(|spot| Spot { id: None, ..spot.clone() }).collect();
            let done = walk.step((at, &newer), (None, gone), visit)?;
            return Ok(if done { Walked::Enough } else { Walked::Beginning });
        };
        if !store.has(parent) {
            return Ok(Walked::Shallow);
        }
        let paths: Vec<String> = newer.iter().map(|spot| spot.path.clone()).collect();
        let mut older = walk.spots(parent, &paths)?;
        walk.follow(at, parent, &newer, &mut older)?;
        if walk.step((at, &newer), (Some(parent), older.clone()), visit)? {
            return Ok(Walked::Enough);
        }
        (at, newer) = (parent, older);
    }
}

impl Walk<'_> {
    /// What is at some paths in a commit.
    fn spots(&self, commit: Oid, paths: &[String]) -> anyhow::Result<Vec<Spot>> {
        let files = self.store.files(self.store.tree_of(commit)?, self.fetch);
        let id = |path: &String| files.place(path).ok()?.node.map(|node| node.id);
        Ok(paths.iter().map(|path| Spot { path: path.clone(), id: id(path) }).collect())
    }

    /// Finds where files came from that a commit seems to have made.
    fn follow(
        &self,
        at: Oid,
        parent: Oid,
        newer: &[Spot],
        older: &mut [Spot],
    ) -> anyhow::Result<()> {
        let is_new = |(new, old): (&Spot, &Spot)| new.id.is_some() && old.id.is_none();
        if !newer.iter().zip(older.iter()).any(is_new) {
            return Ok(());
        }
        let gone = self.gone(at, parent)?;
        if gone.is_empty() {
            return Ok(());
        }
        let read = |commit: Oid, path: &String| self.read(commit, path);
        for (new, old) in newer.iter().zip(older) {
            let Some(id) = new.id.as_ref().filter(|_| old.id.is_none()) else { continue };
            let mut origin = gone.iter().find(|spot| spot.id.as_ref() == Some(id)).cloned();
            if origin.is_none() && gone.len() <= MOST_COMPARED {
                let text = read(at, &new.path)?.unwrap_or_default();
                let mut best = HALF;
                for spot in &gone {
                    let same = likeness(&read(parent, &spot.path)?.unwrap_or_default(), &text);
                    if same > best {
                        (best, origin) = (same, Some(spot.clone()));
                    }
                }
            }
            if let Some(origin) = origin {
                *old = origin;
            }
        }
        Ok(())
    }

    /// The files that a commit took away.
    fn gone(&self, at: Oid, parent: Oid) -> anyhow::Result<Vec<Spot>> {
        let repository = self.store.repository();
        let tree = |id: Oid| repository.find_tree(self.store.tree_of(id)?);
        let diff = repository.diff_tree_to_tree(Some(&tree(parent)?), Some(&tree(at)?), None)?;
        let gone = diff.deltas().filter(|delta| delta.status() == git2::Delta::Deleted);
        let spot = |delta: git2::DiffDelta<'_>| {
            let path = std::str::from_utf8(delta.old_file().path_bytes()?).ok()?.to_owned();
            Some(Spot { path, id: Some(delta.old_file().id().to_string()) })
        };
        Ok(gone.filter_map(spot).collect())
    }

    fn read(&self, commit: Oid, path: &String) -> anyhow::Result<Option<Vec<u8>>> {
        let files = self.store.files(self.store.tree_of(commit)?, self.fetch);
        Ok(files.read(std::slice::from_ref(path))?.pop())
    }

    /// Shows a commit if it changed something; whether that was enough.
    fn step(
        &self,
        (at, newer): (Oid, &[Spot]),
        (parent, older): (Option<Oid>, Vec<Spot>),
        visit: Visit<'_>,
    ) -> anyhow::Result<bool> {
        let mut files = Vec::new();
        for (new, old) in newer.iter().zip(older) {
            if new.id == old.id {
                continue;
            }
            let before = parent.filter(|_| old.id.is_some()).map(|id| self.read(id, &old.path));
            let after = new.id.is_some().then(|| self.read(at, &new.path));
            files.push(PastFile {
                path: new.path.clone(),
                old_path: old.path,
                before: before.transpose()?.flatten(),
                after: after.transpose()?.flatten(),
            });
        }
        if files.is_empty() {
            return Ok(false);
        }
        let text = self.store.text_of(at)?;
        let revision = at.to_string();
        let message = Standing::parse(&revision, &text).message;
        Ok(!visit(Past { revision, message, files })?)
    }
}

/// With more files taken away at once, only unchanged ones are taken for moved.
const MOST_COMPARED: usize = 50;

/// In thousandths: as much of a file must be in another for it to be taken for the same, moved.
const HALF: usize = 500;

/// How many of the lines of both texts are in both, in thousandths.
fn likeness(a: &[u8], b: &[u8]) -> usize {
    let lines = |text| {
        let mut count: BTreeMap<&[u8], usize> = BTreeMap::new();
        for line in <[u8]>::split(text, |byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            *count.entry(line).or_default() += 1;
        }
        count
    };
    let (a, b) = (lines(a), lines(b));
    let same: usize = a.iter().map(|(line, n)| b.get(line).map_or(0, |m| *n.min(m))).sum();
    let all = a.values().sum::<usize>().max(b.values().sum());
    (same * 1000).checked_div(all).unwrap_or_default()
}

/// The commit that a user names, as far as it is in the store. `tip` is what `HEAD` means there.
pub(super) fn find(store: &Store, tip: Oid, revision: &str) -> Option<Oid> {
    let rest = revision.strip_prefix("HEAD").or_else(|| revision.strip_prefix('@'));
    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(['~', '^']));
    let name = rest.map_or_else(|| revision.to_owned(), |rest| format!("{tip}{rest}"));
    let object = store.repository().revparse_single(&name).ok()?;
    object.peel_to_commit().ok().map(|commit| commit.id())
}

impl Checkout {
    /// What the commit that is checked out, or `from`, and those before it made of some files.
    pub fn past(
        &self,
        from: Option<&str>,
        paths: &[String],
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        let from = from.map(Oid::from_str).transpose()?;
        match from.or(self.head_id()?) {
            Some(from) => walk(self.store(), &Complete, from, paths, visit),
            None => Ok(Walked::Beginning),
        }
    }

    /// The id of a commit that is given in any way Git knows.
    #[must_use]
    pub fn resolve(&self, revision: &str) -> Option<String> {
        let head = self.head_id().ok()??;
        Some(find(self.store(), head, revision)?.to_string())
    }

    /// Shows a commit, with its id; nothing where there is no such commit.
    pub fn at<T>(&self, revision: &str, look: Look<'_, T>) -> anyhow::Result<Option<T>> {
        let Some(head) = self.head_id()? else { return Ok(None) };
        let Some(id) = find(self.store(), head, revision) else { return Ok(None) };
        let files = self.store().files(self.store().tree_of(id)?, &Complete);
        look(&id.to_string(), &files).map(Some)
    }
}

/// What looks at a commit.
pub type Look<'l, T> = &'l mut dyn FnMut(&str, &dyn Snapshot) -> anyhow::Result<T>;

impl Remote {
    /// What the tip of a branch, or `from`, and the commits before it made of some files. `restart` is called
    /// before the walk begins anew with more of the history.
    pub fn past(
        &mut self,
        branch: Option<&str>,
        from: Option<&str>,
        paths: &[String],
        restart: &mut dyn FnMut(),
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        self.look(branch, |_| Ok(()))?;
        let mut walked = Walked::Shallow;
        for depth in DEPTHS {
            restart();
            walked = self.backend.past(*depth, from, paths, visit)?;
            if walked != Walked::Shallow {
                break;
            }
        }
        Ok(walked)
    }

    /// Shows a commit in the history of a branch, with its id; nothing where there is no such commit.
    pub fn at<T>(
        &mut self,
        branch: Option<&str>,
        revision: &str,
        look: Look<'_, T>,
    ) -> anyhow::Result<Option<T>> {
        self.look(branch, |_| Ok(()))?;
        for depth in DEPTHS {
            if let Some(id) = self.backend.find(*depth, revision)? {
                let files = self.backend.files_of(&id)?;
                return look(&id, &*files).map(Some);
            }
        }
        Ok(None)
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
