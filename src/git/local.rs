//! The repository around us, read only: revisions, what differs between two of them, and their files.
//!
//! Trees are compared by object id, so that what is equal is never read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use git2::{DiffOptions, ErrorCode, ObjectType, Oid, Repository, Tree};

use super::objects::{Files, Mode, Node, Objects};
use crate::error::{Code, Hinted};
use crate::files;
use crate::snapshot::Snapshot;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its id.
    pub id: Oid,
    /// Its tree's id.
    pub tree: Oid,
    /// The first line of its message.
    pub subject: String,
}

impl Revision {
    /// The beginning of its id and its subject: `1a2b3c4 "api: v2"`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} \"{}\"", self.short(), self.subject)
    }

    /// The beginning of its id.
    #[must_use]
    pub fn short(&self) -> String {
        self.id.to_string().chars().take(7).collect()
    }
}

/// A path that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The path.
    pub path: String,
    /// What it was.
    pub before: Option<Content>,
    /// What it is.
    pub after: Option<Content>,
    /// The bits of Git's file modes before and after; 0 where they were not looked at.
    pub modes: [u32; 2],
}

/// Where a file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// In the object database.
    Blob(Oid),
    /// Another repository's commit.
    Submodule(Oid),
    /// In the work tree.
    OnDisk,
}

/// The repository that a directory belongs to.
pub struct LocalRepository {
    repository: Repository,
}

impl std::fmt::Debug for LocalRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRepository").field("path", &self.repository.path()).finish()
    }
}

fn git_error(verb: &str, error: &git2::Error) -> Hinted {
    Hinted::plain(Code::Git, format!("cannot {verb}: {}", error.message()))
}

impl LocalRepository {
    /// Opens the repository around a directory.
    pub fn around(start: &Path) -> anyhow::Result<Self> {
        files::refuse_url(start)?;
        match Repository::discover(start) {
            Ok(repository) => Ok(Self { repository }),
            Err(error) if error.code() == ErrorCode::NotFound => {
                let message = format!("cannot find a Git repository around `{}`", start.display());
                let hint = "compare two files or directories, or name a repository with --repo";
                Err(Hinted::new(Code::NotFound, message, hint).into())
            }
            Err(error) if error.code() == ErrorCode::Owner => {
                let message = format!(
                    "cannot open the repository around `{}`: {}",
                    start.display(),
                    error.message()
                );
                let hint = "git config --global --add safe.directory DIR trusts it";
                Err(Hinted::new(Code::Git, message, hint).into())
            }
            Err(error) => Err(git_error("open the repository", &error).into()),
        }
    }

    /// The root of the work tree; `None` in a bare repository.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.repository.workdir()
    }

    /// The object database, to be opened again by another thread.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.repository.path().to_owned()
    }

    /// Git's own view, for the other reader of this module.
    pub(super) fn raw(&self) -> &Repository {
        &self.repository
    }

    /// Whether history ends somewhere before its beginning.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }

    /// The address of the remote called `origin`, as it is configured.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let remote = self.repository.find_remote("origin").ok()?;
        Some(remote.url().ok()?.to_owned())
    }

    /// The commit that a text names.
    pub fn resolve(&self, name: &str) -> anyhow::Result<Revision> {
        let found =
            self.repository.revparse_single(name).and_then(|object| object.peel_to_commit());
        match found {
            Ok(commit) => Ok(revision_of(&commit)),
            Err(_) if self.repository.is_empty().unwrap_or(false) => {
                let message = format!("cannot find the revision `{name}`: there is no commit yet");
                let hint = "commit first, or compare two files or directories";
                Err(Hinted::new(Code::NotFound, message, hint).into())
            }
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => {
                let message = format!("cannot find the revision `{name}`");
                let hint = if self.is_shallow() {
                    "this clone is shallow; fetch all of it (in GitHub Actions `fetch-depth: 0`)"
                } else {
                    "`git log --all --oneline` lists commits; fetch the branch if it is a remote one"
                };
                Err(Hinted::new(Code::NotFound, message, hint).into())
            }
            Err(error) => Err(git_error(&format!("read the revision `{name}`"), &error).into()),
        }
    }

    /// The commits whose parents this clone does not have.
    #[must_use]
    pub fn shallow_boundary(&self) -> HashSet<Oid> {
        let listed = fs::read_to_string(self.repository.commondir().join("shallow"));
        listed.unwrap_or_default().lines().filter_map(|line| Oid::from_str(line).ok()).collect()
    }

    /// Whether a text names a commit.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.repository.revparse_single(name).and_then(|object| object.peel_to_commit()).is_ok()
    }

    /// Where two lines of history parted.
    pub fn merge_base(&self, a: &Revision, b: &Revision) -> anyhow::Result<Revision> {
        let found = self.repository.merge_base(a.id, b.id);
        let base = found.map_err(|_| {
            let message = format!("cannot find the merge base of {} and {}", a.short(), b.short());
            let hint = if self.is_shallow() {
                "this clone is shallow; fetch all of it (in GitHub Actions `fetch-depth: 0`)"
            } else {
                "they have no common history; compare them directly with A..B"
            };
            Hinted::new(Code::Git, message, hint)
        })?;
        self.resolve(&base.to_string())
    }

    /// The paths that differ between two trees, in order.
    pub fn changed(&self, before: Oid, after: Oid) -> anyhow::Result<Vec<Delta>> {
        let mut deltas = Vec::new();
        self.walk(Some(before), Some(after), "", &mut deltas)
            .map_err(|error| git_error("compare the trees", &error))?;
        deltas.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(deltas)
    }

    fn walk(
        &self,
        before: Option<Oid>,
        after: Option<Oid>,
        dir: &str,
        deltas: &mut Vec<Delta>,
    ) -> Result<(), git2::Error> {
        if before == after {
            return Ok(());
        }
        let open = |id: Option<Oid>| id.map(|id| self.repository.find_tree(id)).transpose();
        let (old, new) = (open(before)?, open(after)?);
        let mut names: BTreeMap<Vec<u8>, [Option<Side>; 2]> = BTreeMap::new();
        for (side, tree) in [(0, &old), (1, &new)] {
            for entry in tree.iter().flat_map(Tree::iter) {
                let Some(kind) = entry.kind() else { continue };
                names.entry(entry.name_bytes().to_owned()).or_default()[side] =
                    Some((kind, entry.id(), entry.filemode()));
            }
        }
        for (name, [old, new]) in names {
            if old == new {
                continue;
            }
            let name = files::shown_name(&name);
            let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            let tree = |side: Option<Side>| side.filter(|s| s.0 == ObjectType::Tree).map(|s| s.1);
            self.walk(tree(old), tree(new), &path, deltas)?;
            let (before, after) = (content_of(old), content_of(new));
            let modes = [old, new].map(|side| side.map_or(0, |side| side.2.cast_unsigned()));
            if before != after || (before.is_some() && modes[0] != modes[1]) {
                deltas.push(Delta { path, before, after, modes });
            }
        }
        Ok(())
    }

    /// The paths that differ between a tree and the work tree, new files included.
    pub fn changed_on_disk(&self, before: Oid) -> anyhow::Result<Vec<Delta>> {
        self.refuse_unmerged()?;
        let list = || -> Result<Vec<Delta>, git2::Error> {
            let tree = self.repository.find_tree(before)?;
            let mut options = DiffOptions::new();
            options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
            let diff =
                self.repository.diff_tree_to_workdir_with_index(Some(&tree), Some(&mut options))?;
            let mut deltas = Vec::new();
            for delta in diff.deltas() {
                let (old, new) = (delta.old_file(), delta.new_file());
                let Some(path) = new.path_bytes().or(old.path_bytes()) else { continue };
                let before = old.exists().then(|| Content::Blob(old.id()));
                let after = new.exists().then_some(Content::OnDisk);
                let mode = |file: &git2::DiffFile<'_>| i32::from(file.mode()).cast_unsigned();
                let modes = [mode(&old), mode(&new)];
                deltas.push(Delta { path: files::shown_name(path), before, after, modes });
            }
            Ok(deltas)
        };
        let mut deltas = list().map_err(|error| git_error("compare with the work tree", &error))?;
        deltas.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(deltas)
    }

    /// An index with a merge half done stands for no tree.
    fn refuse_unmerged(&self) -> anyhow::Result<()> {
        let index = self.repository.index().map_err(|error| git_error("read the index", &error))?;
        if !index.has_conflicts() {
            return Ok(());
        }
        let message = "cannot compare with the work tree: a merge is not resolved";
        let hint = "resolve it (`git status` names the files) and `git add` them, or compare two revisions";
        Err(Hinted::new(Code::Git, message, hint).into())
    }

    /// The bytes of a file.
    pub fn read(&self, path: &str, content: Content) -> anyhow::Result<Vec<u8>> {
        match content {
            Content::Submodule(id) => Ok(format!("Subproject commit {id}\n").into_bytes()),
            Content::Blob(id) => {
                let blob = self.repository.find_blob(id);
                let blob = blob.map_err(|error| git_error(&format!("read `{path}`"), &error))?;
                Ok(blob.content().to_vec())
            }
            Content::OnDisk => {
                let full = files::named(self.root().unwrap_or(Path::new(".")), path);
                if let Ok(target) = fs::read_link(&full) {
                    return Ok(target.into_os_string().into_encoded_bytes());
                }
                files::read(&full)
            }
        }
    }

    /// The files of a commit at or below some paths.
    pub fn below(
        &self,
        revision: &Revision,
        paths: &BTreeSet<String>,
    ) -> anyhow::Result<BTreeMap<String, Content>> {
        let fail = |error: git2::Error| git_error("read the tree", &error);
        let root = self.repository.find_tree(revision.tree).map_err(fail)?;
        let mut found = BTreeMap::new();
        for path in paths {
            if path.is_empty() {
                self.files_of(revision.tree, "", &mut found).map_err(fail)?;
                continue;
            }
            // What only the other side has is not here.
            let Ok(entry) = root.get_path(Path::new(path)) else { continue };
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    self.files_of(entry.id(), path, &mut found).map_err(fail)?;
                }
                Some(ObjectType::Blob) => {
                    found.insert(path.clone(), Content::Blob(entry.id()));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn files_of(
        &self,
        tree: Oid,
        dir: &str,
        found: &mut BTreeMap<String, Content>,
    ) -> Result<(), git2::Error> {
        for entry in &self.repository.find_tree(tree)? {
            let Ok(name) = entry.name() else { continue };
            let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
            match entry.kind() {
                Some(ObjectType::Tree) => self.files_of(entry.id(), &path, found)?,
                Some(ObjectType::Blob) => {
                    found.insert(path, Content::Blob(entry.id()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The files of a commit.
    #[must_use]
    pub fn snapshot(&self, revision: &Revision) -> impl Snapshot + '_ {
        Files::new(Here(&self.repository), revision.tree.to_string())
    }
}

/// An entry of a tree: what it is, its content and its mode.
type Side = (ObjectType, Oid, i32);

fn content_of(side: Option<Side>) -> Option<Content> {
    match side? {
        (ObjectType::Blob, id, _) => Some(Content::Blob(id)),
        (ObjectType::Commit, id, _) => Some(Content::Submodule(id)),
        _ => None,
    }
}

pub(super) fn revision_of(commit: &git2::Commit<'_>) -> Revision {
    let subject = commit.summary_bytes().map(|text| String::from_utf8_lossy(text).into_owned());
    Revision { id: commit.id(), tree: commit.tree_id(), subject: subject.unwrap_or_default() }
}

/// The objects of a repository that is all here.
struct Here<'r>(&'r Repository);

impl Objects for Here<'_> {
    fn children(&self, tree: &str) -> anyhow::Result<Vec<Node>> {
        let tree = self.0.find_tree(Oid::from_str(tree)?)?;
        let node = |entry: git2::TreeEntry<'_>| {
            let name = std::str::from_utf8(entry.name_bytes()).ok()?.to_owned();
            let mode = Mode::of(u32::try_from(entry.filemode_raw()).ok()?);
            Some(Node { name, mode, id: entry.id().to_string() })
        };
        Ok(tree.iter().filter_map(node).collect())
    }

    fn blobs(&self, ids: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let read = |id: &String| Ok(self.0.find_blob(Oid::from_str(id)?)?.content().to_vec());
        ids.iter().map(read).collect()
    }
}
