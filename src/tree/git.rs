//! A directory as a Git commit has it: no checkout, no line-ending conversion, only what is committed.

use std::path::Path;

use git2::{ErrorClass, ErrorCode, ObjectType, Odb, Oid, Repository, TreeEntry};
use rayon::prelude::*;

use super::place::{self, Place};
use super::{Listing, Source, Watch, pool};
use crate::digest::{Content, Entry, Exclude, Hash, Mode, Node, Sink, content_of, shown};
use crate::error::{Code, Hinted};

/// A directory in a commit.
pub struct Commit {
    repository: Repository,
    revision: String,
    spelled: String,
    tree: Oid,
    pool: rayon::ThreadPool,
}

/// An entry, and where Git keeps its content.
struct Found {
    entry: Entry,
    blob: Oid,
}

impl Commit {
    /// Finds `dir`, spelled from `start`, in the commit that `revision` names. The directory need not
    /// exist on disk, and the repository may be bare.
    pub fn open(
        start: &Path,
        dir: &Path,
        revision: &str,
        jobs: Option<usize>,
    ) -> anyhow::Result<Self> {
        let spelled = shown(dir.as_os_str().as_encoded_bytes());
        let failed = |error| failed(&spelled, revision, &error);
        let Place { repository, path } = place::find(start, dir).map_err(failed)?;
        let root = root(&repository, revision)
            .map_err(|error| of_a_shallow_clone(&repository, &spelled, revision, &error))?;
        let tree = match place::look_up(&repository, root, &path).map_err(failed)? {
            place::Found::Directory(tree) => tree,
            found => return Err(no_directory(&spelled, revision, &path, &found).into()),
        };
        let revision = revision.to_owned();
        Ok(Self { repository, revision, spelled, tree, pool: pool(jobs)? })
    }

    fn failed(&self, error: &git2::Error) -> anyhow::Error {
        failed(&self.spelled, &self.revision, error).into()
    }

    /// Goes through the trees without recursion.
    fn list(&self, exclude: &Exclude) -> Result<(Vec<Found>, Vec<Vec<u8>>), git2::Error> {
        let odb = self.repository.odb()?;
        let (mut found, mut excluded) = (Vec::new(), Vec::new());
        let mut open = vec![(Vec::new(), self.tree)];
        while let Some((prefix, id)) = open.pop() {
            for entry in &self.repository.find_tree(id)? {
                let path = [&prefix, entry.name_bytes()].concat();
                let is_dir = entry.kind() == Some(ObjectType::Tree);
                if exclude.excludes(&path, is_dir) {
                    excluded.push(path);
                    continue;
                }
                if is_dir {
                    open.push(([&*path, b"/"].concat(), entry.id()));
                }
                let node = node(&odb, &entry)?;
                found.push(Found { entry: Entry { path: path.into(), node }, blob: entry.id() });
            }
        }
        Ok((found, excluded))
    }
}

impl Source for Commit {
    fn is_link(&self) -> bool {
        false
    }

    fn measure(
        &self,
        exclude: &Exclude,
        content: Content,
        watch: &dyn Watch,
    ) -> anyhow::Result<Listing> {
        let (mut found, excluded) = self.list(exclude).map_err(|error| self.failed(&error))?;
        let files = found.iter().filter(|found| matches!(found.entry.node, Node::File { .. }));
        watch.found(files.count() as u64);
        let repository = self.repository.path();
        self.pool
            .install(|| read_all(repository, &mut found, content, watch))
            .map_err(|error| self.failed(&error))?;
        let tree_id = excluded.is_empty().then(|| bytes_of(self.tree));
        let entries = found.into_iter().map(|found| found.entry).collect();
        Ok(Listing { entries, excluded, tree_id })
    }

    fn pour(&self, entry: &Entry, sink: Sink<'_>, watch: &dyn Watch) -> anyhow::Result<()> {
        let mut pour = || {
            let mut tree = self.repository.find_tree(self.tree)?;
            let mut names = entry.path.split(|&byte| byte == b'/').peekable();
            while let Some(name) = names.next() {
                let missing = || git2::Error::from_str("the tree changed");
                let id = tree.get_name_bytes(name).ok_or_else(missing)?.id();
                if names.peek().is_some() {
                    tree = self.repository.find_tree(id)?;
                    continue;
                }
                let blob = self.repository.find_blob(id)?;
                sink(blob.content());
                watch.read(blob.size() as u64);
                watch.done();
            }
            Ok(())
        };
        pour().map_err(|error| self.failed(&error))
    }
}

/// Reads all blobs; each of libgit2's handles belongs to one thread.
fn read_all(
    repository: &Path,
    found: &mut [Found],
    content: Content,
    watch: &dyn Watch,
) -> Result<(), git2::Error> {
    let share = found.len().div_ceil(rayon::current_num_threads()).max(1);
    found.par_chunks_mut(share).try_for_each(|share| {
        let repository = Repository::open(repository)?;
        let odb = repository.odb()?;
        share.iter_mut().try_for_each(|found| read(&odb, found, content, watch))
    })
}

fn read(
    odb: &Odb<'_>,
    found: &mut Found,
    content: Content,
    watch: &dyn Watch,
) -> Result<(), git2::Error> {
    let Node::File { size, hash, .. } = &mut found.entry.node else { return Ok(()) };
    match content {
        // The name under which Git keeps it is what is asked for.
        Content::GitSha1 => {
            *size = odb.read_header(found.blob)?.0 as u64;
            hash.0[..20].copy_from_slice(found.blob.as_bytes());
        }
        Content::Size => *size = odb.read_header(found.blob)?.0 as u64,
        Content::Sha256 | Content::GitSha256 => {
            let blob = odb.read(found.blob)?;
            *size = blob.len() as u64;
            *hash = content_of(content, blob.data());
            watch.read(*size);
        }
    }
    watch.sized(*size);
    watch.done();
    Ok(())
}

fn bytes_of(id: Oid) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(id.as_bytes());
    bytes
}

fn node(odb: &Odb<'_>, entry: &TreeEntry<'_>) -> Result<Node, git2::Error> {
    let file = |mode| Node::File { mode, size: 0, hash: Hash::NONE };
    Ok(match entry.filemode_raw() {
        0o040_000 => Node::Directory,
        0o120_000 => Node::Symlink { target: odb.read(entry.id())?.data().into() },
        0o160_000 => Node::Submodule { commit: bytes_of(entry.id()) },
        0o100_664 => file(Mode::GroupWritable),
        mode if mode & 0o100 != 0 => file(Mode::Executable),
        _ => file(Mode::Plain),
    })
}

fn no_directory(spelled: &str, revision: &str, path: &Path, found: &place::Found) -> Hinted {
    let quoted = |path: &Path| shown(path.as_os_str().as_encoded_bytes());
    let (cause, hint) = match found {
        place::Found::Link(link) => (
            format!("`{}` is a symbolic link in `{revision}`", quoted(link)),
            "name the directory that it leads to".to_owned(),
        ),
        place::Found::Submodule(module) => (
            format!("`{}` is a submodule in `{revision}`", quoted(module)),
            "`-C` goes into its own repository".to_owned(),
        ),
        place::Found::Directory(_) | place::Found::Nothing => (
            format!("there is no directory `{}` in `{revision}`", quoted(path)),
            "is it committed? `-C` goes into a repository within another".to_owned(),
        ),
    };
    Hinted::new(Code::NotFound, format!("cannot digest `{spelled}`: {cause}"), hint)
}

/// The tree of a revision.
fn root(repository: &Repository, revision: &str) -> Result<Oid, git2::Error> {
    let object = repository.revparse_single(revision)?;
    // Peeling alone would not say that a partial clone lacks the tree.
    match object.peel_to_commit() {
        Ok(commit) => Ok(commit.tree()?.id()),
        Err(_) => Ok(object.peel_to_tree()?.id()),
    }
}

fn of_a_shallow_clone(
    repository: &Repository,
    dir: &str,
    revision: &str,
    error: &git2::Error,
) -> Hinted {
    let failed = failed(dir, revision, error);
    if repository.is_shallow() && error.class() != ErrorClass::Odb {
        let hint = "this clone is shallow: `git fetch --unshallow` gets all revisions";
        return Hinted::new(Code::NotFound, failed.to_string(), hint);
    }
    failed
}

fn failed(dir: &str, revision: &str, error: &git2::Error) -> Hinted {
    let message = format!("cannot digest `{dir}` in `{revision}`: {}", error.message());
    let hinted = |code, hint: &str| Hinted::new(code, message.clone(), hint);
    match (error.code(), error.class()) {
        (ErrorCode::NotFound, ErrorClass::Odb) => hinted(
            Code::NotFound,
            "a partial clone lacks contents: `git fetch --refetch --no-filter` gets them",
        ),
        (ErrorCode::NotFound, ErrorClass::Reference) => {
            hinted(Code::NotFound, "is it fetched? `git rev-parse` tells what it is called")
        }
        (ErrorCode::Owner, _) => hinted(
            Code::Git,
            "`git config --global --add safe.directory` says that you trust its owner",
        ),
        _ if error.message().contains("unknown object format") => hinted(
            Code::Git,
            "`--git` reads SHA-1 repositories only; check the revision out, and digest that",
        ),
        _ => Hinted::plain(Code::Git, message),
    }
}
