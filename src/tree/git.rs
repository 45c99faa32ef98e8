//! A directory as a Git commit has it: no checkout, no line-ending conversion, only what is committed.

use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository, TreeEntry};
use rayon::prelude::*;

use super::{Listing, Source, Watch};
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
    /// Finds `dir` in the commit that `revision` names, in the repository around it. The directory
    /// need not exist on disk, and the repository may be bare.
    pub fn open(dir: &Path, revision: &str, jobs: Option<usize>) -> anyhow::Result<Self> {
        let spelled = shown(dir.as_os_str().as_encoded_bytes());
        let failed = |error| failed(&spelled, revision, &error);
        let (existing, missing) = real_path(dir);
        let repository = Repository::discover(&existing).map_err(failed)?;
        let path = path_in_repository(&repository, &existing).join(missing);
        let root = repository.revparse_single(revision).and_then(|object| object.peel_to_tree());
        let tree = subtree(&repository, root.map_err(failed)?.id(), &path).map_err(failed)?;
        let tree = tree.ok_or_else(|| {
            let path = shown(path.as_os_str().as_encoded_bytes());
            let message = format!(
                "cannot digest `{spelled}`: there is no directory `{path}` in `{revision}`"
            );
            Hinted::new(Code::NotFound, message, "is it committed?")
        })?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.unwrap_or(0)).build()?;
        Ok(Self { repository, revision: revision.to_owned(), spelled, tree, pool })
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
        Ok(Listing { entries: found.into_iter().map(|found| found.entry).collect(), excluded })
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

fn node(odb: &Odb<'_>, entry: &TreeEntry<'_>) -> Result<Node, git2::Error> {
    let file = |mode| Node::File { mode, size: 0, hash: Hash::NONE };
    Ok(match entry.filemode_raw() {
        0o040_000 => Node::Directory,
        0o120_000 => Node::Symlink { target: odb.read(entry.id())?.data().into() },
        0o160_000 => {
            let mut commit = [0; 20];
            commit.copy_from_slice(entry.id().as_bytes());
            Node::Submodule { commit }
        }
        0o100_664 => file(Mode::GroupWritable),
        mode if mode & 0o100 != 0 => file(Mode::Executable),
        _ => file(Mode::Plain),
    })
}

/// The nearest directory that exists, without symbolic links, and what is missing below it.
fn real_path(dir: &Path) -> (PathBuf, PathBuf) {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    for existing in dir.ancestors() {
        if let (Ok(real), Ok(missing)) = (existing.canonicalize(), dir.strip_prefix(existing)) {
            return (real, missing.to_owned());
        }
    }
    (dir, PathBuf::new())
}

fn path_in_repository(repository: &Repository, existing: &Path) -> PathBuf {
    let root = repository.workdir().unwrap_or_else(|| repository.path());
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    existing.strip_prefix(&root).map(Path::to_owned).unwrap_or_default()
}

/// The tree at a path below a tree.
fn subtree(repository: &Repository, root: Oid, path: &Path) -> Result<Option<Oid>, git2::Error> {
    let mut id = root;
    for component in path.components() {
        let Component::Normal(name) = component else { return Ok(None) };
        let tree = repository.find_tree(id)?;
        match tree.get_name_bytes(name.as_encoded_bytes()) {
            Some(entry) if entry.kind() == Some(ObjectType::Tree) => id = entry.id(),
            _ => return Ok(None),
        }
    }
    Ok(Some(id))
}

fn failed(dir: &str, revision: &str, error: &git2::Error) -> Hinted {
    let message = format!("cannot digest `{dir}` in `{revision}`: {}", error.message());
    match error.code() {
        ErrorCode::NotFound if error.class() == git2::ErrorClass::Reference => Hinted::new(
            Code::NotFound,
            message,
            "a shallow clone has few revisions; fetch it first",
        ),
        ErrorCode::Owner => Hinted::new(
            Code::Git,
            message,
            "`git config --global --add safe.directory` says that you trust its owner",
        ),
        _ => Hinted::plain(Code::Git, message),
    }
}
