//! The commits that changed some paths, newest first: found by comparing tree ids, without reading files.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use git2::{Commit, Oid, Repository, Sort};

use super::local::{Content, Delta, LocalRepository, Revision, revision_of};
use crate::error::{Code, Hinted};

/// A commit that changed something of interest.
#[derive(Clone, Debug)]
pub struct Step {
    /// The commit.
    pub revision: Revision,
    /// Who wrote it.
    pub author: String,
    /// When it was committed, in seconds since 1970.
    pub seconds: i64,
    /// Its whole message.
    pub message: String,
    /// The merge that brought it to the branch, if one did.
    pub merge: Option<Merge>,
    /// The files it changed below the paths asked for.
    pub deltas: Vec<Delta>,
}

/// A merge commit.
#[derive(Clone, Debug)]
pub struct Merge {
    /// Its whole message.
    pub message: String,
    /// When it was made, in seconds since 1970.
    pub seconds: i64,
}

/// Which commits to look at.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    /// The newest.
    pub from: &'a Revision,
    /// No older than this, in seconds since 1970.
    pub since: Option<i64>,
    /// Files and directories.
    pub paths: &'a [String],
    /// Whether a merge counts as one change of the branch, and what it merged is left out.
    pub mainline: bool,
}

/// Walks back from a commit. `take` says whether to go on.
pub fn walk(
    repository: &LocalRepository,
    range: &Range<'_>,
    take: impl FnMut(Step) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut walker = Walker {
        repository,
        trees: HashMap::new(),
        paths: range.paths,
        parents: if range.mainline { 1 } else { usize::MAX },
        mainline: HashSet::new(),
        brought: HashMap::new(),
    };
    walker.run(range, take)
}

struct Walker<'r> {
    repository: &'r LocalRepository,
    /// What each path is in a root tree, so that a commit's tree is looked up once, not per child.
    trees: HashMap<Oid, Vec<Option<Oid>>>,
    paths: &'r [String],
    /// With how many of its parents a commit is compared.
    parents: usize,
    /// The commits of the branch itself: first parents of first parents.
    mainline: HashSet<Oid>,
    /// The merge that brought each other commit.
    brought: HashMap<Oid, Rc<Merge>>,
}

impl Walker<'_> {
    fn run(
        &mut self,
        range: &Range<'_>,
        mut take: impl FnMut(Step) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let failed = |error: git2::Error| {
            Hinted::plain(Code::Git, format!("cannot walk the history: {}", error.message()))
        };
        let raw = self.repository.raw();
        let mut walk = raw.revwalk().map_err(failed)?;
        walk.set_sorting(Sort::TIME | Sort::TOPOLOGICAL).map_err(failed)?;
        walk.push(range.from.id).map_err(failed)?;
        if range.mainline {
            walk.simplify_first_parent().map_err(failed)?;
        }
        self.mainline.insert(range.from.id);
        for id in walk {
            let commit = id.and_then(|id| raw.find_commit(id)).map_err(failed)?;
            let merge = self.trace(&commit);
            let seconds = commit.time().seconds();
            if range.since.is_some_and(|since| seconds < since) {
                continue;
            }
            let Some(deltas) = self.deltas(raw, &commit)? else { continue };
            let author = commit.author();
            let step = Step {
                revision: revision_of(&commit),
                author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
                seconds,
                message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
                merge: merge.map(|merge| (*merge).clone()),
                deltas,
            };
            if !take(step)? {
                break;
            }
        }
        Ok(())
    }

    /// Notes what a commit tells of its parents, and gives what its children told of it. The walk is
    /// topological: all children came before.
    fn trace(&mut self, commit: &Commit<'_>) -> Option<Rc<Merge>> {
        let own = self.brought.remove(&commit.id());
        let is_mainline = self.mainline.remove(&commit.id());
        for (index, parent) in commit.parent_ids().enumerate() {
            if is_mainline && index == 0 {
                self.mainline.insert(parent);
                self.brought.remove(&parent);
                continue;
            }
            let merge = match &own {
                Some(merge) => Rc::clone(merge),
                None => Rc::new(Merge {
                    message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
                    seconds: commit.time().seconds(),
                }),
            };
            if !self.mainline.contains(&parent) {
                self.brought.entry(parent).or_insert(merge);
            }
        }
        own.filter(|_| !is_mainline)
    }

    /// What a commit changed below the paths; `None` where that is nothing. A merge changed only what
    /// it took from none of its parents: the rest was theirs.
    fn deltas(
        &mut self,
        raw: &Repository,
        commit: &Commit<'_>,
    ) -> anyhow::Result<Option<Vec<Delta>>> {
        let own = self.at(raw, commit.tree_id());
        let parents: Vec<Oid> =
            commit.parents().take(self.parents).map(|parent| parent.tree_id()).collect();
        let theirs: Vec<_> = parents.iter().map(|&tree| self.at(raw, tree)).collect();
        let mut deltas = Vec::new();
        for (at, path) in self.paths.iter().enumerate() {
            if theirs.iter().any(|parent| parent[at] == own[at]) {
                continue;
            }
            let before = theirs.first().and_then(|parent| parent[at]);
            self.below(raw, path, before, own[at], &mut deltas)?;
        }
        if let Some(others) = parents.get(1..).filter(|others| !others.is_empty()) {
            deltas.retain(|delta| {
                others.iter().all(|&tree| content(raw, tree, &delta.path) != delta.after)
            });
        }
        Ok((!deltas.is_empty()).then_some(deltas))
    }

    fn below(
        &self,
        raw: &Repository,
        path: &str,
        old: Option<Oid>,
        new: Option<Oid>,
        deltas: &mut Vec<Delta>,
    ) -> anyhow::Result<()> {
        let is_tree = |id: Option<Oid>| id.is_some_and(|id| raw.find_tree(id).is_ok());
        if !is_tree(old) && !is_tree(new) {
            let (before, after) = (old.map(Content::Blob), new.map(Content::Blob));
            deltas.push(Delta { path: path.to_owned(), before, after, modes: [0; 2] });
            return Ok(());
        }
        // The empty tree stands for a directory that is not there.
        let empty = raw.treebuilder(None).and_then(|builder| builder.write())?;
        let tree = |id: Option<Oid>| id.filter(|&id| is_tree(Some(id))).unwrap_or(empty);
        for mut delta in self.repository.changed(tree(old), tree(new))? {
            if !path.is_empty() {
                delta.path = format!("{path}/{}", delta.path);
            }
            deltas.push(delta);
        }
        Ok(())
    }

    fn at(&mut self, raw: &Repository, root: Oid) -> Vec<Option<Oid>> {
        if let Some(known) = self.trees.get(&root) {
            return known.clone();
        }
        let look = |path: &String| -> Option<Oid> {
            let tree = raw.find_tree(root).ok()?;
            if path.is_empty() {
                return Some(root);
            }
            tree.get_path(std::path::Path::new(path)).ok().map(|entry| entry.id())
        };
        let found: Vec<Option<Oid>> = self.paths.iter().map(look).collect();
        self.trees.insert(root, found.clone());
        found
    }
}

/// What a tree has at a path.
fn content(raw: &Repository, tree: Oid, path: &str) -> Option<Content> {
    let entry = raw.find_tree(tree).ok()?.get_path(std::path::Path::new(path)).ok()?;
    Some(Content::Blob(entry.id()))
}
