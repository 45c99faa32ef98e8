//! The objects we hold: libgit2 as database, packer and unpacker. No reference and no work tree.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, OdbLookupFlags, OdbPackwriter, Oid, Repository};

use super::objects::{Files, Mode, Node, Objects};

/// A bare repository of our own, or one that is being edited where it lies.
pub(super) struct Store {
    repository: Repository,
}

/// A file to be in the next commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Its real path.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) is_executable: bool,
}

/// A tree that was made, and every object that is new with it.
#[derive(Clone, Debug)]
pub(super) struct Composed {
    pub(super) tree: Oid,
    pub(super) objects: Vec<Oid>,
}

impl Store {
    /// An empty one.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        Ok(Self::of(Repository::init_opts(path, &options)?))
    }

    /// One that is there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = git2::RepositoryOpenFlags::NO_SEARCH | git2::RepositoryOpenFlags::NO_DOTGIT;
        Ok(Self::of(Repository::open_ext(path, flags, [] as [&Path; 0])?))
    }

    pub(super) fn of(repository: Repository) -> Self {
        // A tree may name blobs that were never fetched.
        git2::opts::strict_object_creation(false);
        Self { repository }
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether an object is here, without looking for packs that another process may have added.
    pub(super) fn has(&self, id: Oid) -> bool {
        self.repository.odb().is_ok_and(|odb| odb.exists_ext(id, OdbLookupFlags::NO_REFRESH))
    }

    /// The tree of a commit that is here with its tree.
    pub(super) fn tree_of(&self, commit: Oid) -> Result<Oid, git2::Error> {
        let tree = self.repository.find_commit(commit)?.tree_id();
        self.repository.find_tree(tree)?;
        Ok(tree)
    }

    /// A commit as it is stored.
    pub(super) fn text_of(&self, commit: Oid) -> anyhow::Result<String> {
        let objects = self.repository.odb()?;
        let object = objects.read(commit)?;
        Ok(String::from_utf8_lossy(object.data()).into_owned())
    }

    /// The parents of a commit; none where it is not here.
    pub(super) fn parents(&self, commit: Oid) -> Vec<Oid> {
        let commit = self.repository.find_commit(commit);
        commit.map(|commit| commit.parent_ids().collect()).unwrap_or_default()
    }

    /// Takes in the pack that `write` writes.
    pub(super) fn receive(
        &self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let odb = self.repository.odb()?;
        let mut sink =
            PackSink { head: Vec::new(), writer: Some(odb.packwriter()?), is_open: false };
        write(&mut sink)?;
        if sink.is_open
            && let Some(writer) = &mut sink.writer
        {
            writer.commit()?;
        }
        odb.refresh()?;
        Ok(())
    }

    /// Writes blobs and the trees above them.
    pub(super) fn compose(&self, base: Option<Oid>, edits: &[Edit]) -> anyhow::Result<Composed> {
        let repository = &self.repository;
        let base = match base {
            Some(tree) => repository.find_tree(tree)?,
            None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
        };
        let mut update = TreeUpdateBuilder::new();
        let mut objects = BTreeSet::new();
        for edit in edits {
            let blob = repository.odb()?.write(ObjectType::Blob, &edit.bytes)?;
            let mode = if edit.is_executable { FileMode::BlobExecutable } else { FileMode::Blob };
            update.upsert(&*edit.path, blob, mode);
            objects.insert(blob);
        }
        let tree = update.create_updated(repository, &base)?;
        objects.insert(tree);
        let root = repository.find_tree(tree)?;
        for edit in edits {
            let above = edit.path.match_indices('/').map(|(at, _)| &edit.path[..at]);
            for dir in above {
                objects.insert(root.get_path(Path::new(dir))?.id());
            }
        }
        Ok(Composed { tree, objects: objects.into_iter().collect() })
    }

    /// Writes a commit's text.
    pub(super) fn write_commit(&self, text: &[u8]) -> anyhow::Result<Oid> {
        Ok(self.repository.odb()?.write(ObjectType::Commit, text)?)
    }

    /// A pack of just these objects.
    pub(super) fn pack(&self, objects: &[Oid]) -> anyhow::Result<Vec<u8>> {
        let mut builder = self.repository.packbuilder()?;
        builder.set_threads(1);
        for id in objects {
            builder.insert_object(*id, None)?;
        }
        let mut pack = git2::Buf::new();
        builder.write_buf(&mut pack)?;
        Ok(pack.to_vec())
    }

    /// The files of a tree; blobs that are not here are got by `fetch`.
    pub(super) fn files<'a>(&'a self, tree: Oid, fetch: &'a dyn Fetch) -> Files<Stored<'a>> {
        Files::new(Stored { store: self, fetch }, tree.to_string())
    }
}

/// Writes a pack into the database, unless it has no objects, which libgit2 takes for an error.
struct PackSink<'a> {
    head: Vec<u8>,
    writer: Option<OdbPackwriter<'a>>,
    is_open: bool,
}

impl Write for PackSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_open {
            self.head.extend(bytes);
            if self.head.len() < 12 {
                return Ok(bytes.len());
            }
            if self.head[8..12] == [0; 4] {
                self.writer = None;
                return Ok(bytes.len());
            }
            self.is_open = true;
            if let Some(writer) = &mut self.writer {
                writer.write_all(&self.head).map_err(|error| unwritten(&error))?;
            }
        } else if let Some(writer) = &mut self.writer {
            writer.write_all(bytes).map_err(|error| unwritten(&error))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// libgit2 says of a full disk that it is a write error, as it says of nothing that comes from a server.
fn unwritten(error: &io::Error) -> io::Error {
    io::Error::other(git2::Error::from_str(&format!("cannot keep objects: {error}")))
}

/// Where objects come from that are not here.
pub(super) trait Fetch {
    /// Gets them all at once.
    fn fetch(&self, ids: &[Oid]) -> anyhow::Result<()>;

    /// Gets a tree, and most likely those below it.
    fn fetch_tree(&self, id: Oid) -> anyhow::Result<()>;
}

/// Nowhere: everything there is, is here.
pub(super) struct Complete;

impl Fetch for Complete {
    fn fetch(&self, _: &[Oid]) -> anyhow::Result<()> {
        // Reading the object gives libgit2's own error, which names it.
        Ok(())
    }

    fn fetch_tree(&self, _: Oid) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Trees and blobs of a store.
pub(super) struct Stored<'a> {
    store: &'a Store,
    fetch: &'a dyn Fetch,
}

impl Objects for Stored<'_> {
    fn children(&self, tree: &str) -> anyhow::Result<Vec<Node>> {
        let id = Oid::from_str(tree)?;
        if !self.store.has(id) {
            self.fetch.fetch_tree(id)?;
        }
        let tree = self.store.repository.find_tree(id)?;
        let mut nodes = Vec::with_capacity(tree.len());
        for entry in &tree {
            let Ok(name) = std::str::from_utf8(entry.name_bytes()) else { continue };
            let mode = Mode::of(u32::try_from(entry.filemode_raw())?);
            nodes.push(Node { name: name.to_owned(), mode, id: entry.id().to_string() });
        }
        Ok(nodes)
    }

    fn blobs(&self, ids: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut wanted = Vec::with_capacity(ids.len());
        for id in ids {
            wanted.push(Oid::from_str(id)?);
        }
        let missing: BTreeMap<Oid, ()> =
            wanted.iter().filter(|id| !self.store.has(**id)).map(|id| (*id, ())).collect();
        if !missing.is_empty() {
            self.fetch.fetch(&missing.into_keys().collect::<Vec<_>>())?;
        }
        let odb = self.store.repository.odb()?;
        let read = |id: &Oid| odb.read(*id).map(|object| object.data().to_vec());
        Ok(wanted.iter().map(read).collect::<Result<_, _>>()?)
    }
}
