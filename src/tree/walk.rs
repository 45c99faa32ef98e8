//! One walk through a directory, which hands over entries in batches.

use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::open::{Root, Stamp, special};
use super::problem::{Cause, Problems};
use crate::digest::{Entry, Exclude, Hash, Mode, Node};

/// How many entries are handed over at once.
const BATCH: usize = 1024;

/// The state of each directory when it was listed.
pub(super) type Stamps = Vec<(Vec<u8>, Stamp)>;

/// A walk through the directory.
pub(super) struct Walk<'a> {
    root: &'a Root,
    exclude: &'a Exclude,
    problems: &'a Problems,
    /// Takes entries by the thousand, while the walk goes on.
    take: &'a (dyn Fn(Vec<Entry>) + Sync),
    batch: Vec<Entry>,
    excluded: Vec<Vec<u8>>,
    stamps: Stamps,
    /// Directories whose path is too long for the system, to be entered from nearby.
    distant: Vec<Vec<u8>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        root: &'a Root,
        exclude: &'a Exclude,
        problems: &'a Problems,
        take: &'a (dyn Fn(Vec<Entry>) + Sync),
    ) -> Self {
        let (batch, distant) = (Vec::new(), Vec::new());
        Self { root, exclude, problems, take, batch, excluded: vec![], stamps: vec![], distant }
    }

    /// Goes through everything; gives what was left out, and the state of each directory.
    pub(super) fn run(mut self, path: &Path) -> (Vec<Vec<u8>>, Stamps) {
        self.stamp(b"");
        self.below(path, b"");
        while let Some(path) = self.distant.pop() {
            self.distant_below(&path);
        }
        (self.take)(self.batch);
        (self.excluded, self.stamps)
    }

    /// Lists what is below `start`, whose path in the tree is `prefix`.
    fn below(&mut self, start: &Path, prefix: &[u8]) {
        let mut walk = WalkDir::new(start).min_depth(1).into_iter();
        while let Some(found) = walk.next() {
            match found {
                Ok(found) => {
                    if !self.accept(start, prefix, &found) && found.file_type().is_dir() {
                        walk.skip_current_dir();
                    }
                }
                Err(error) => self.failed(start, prefix, error),
            }
        }
    }

    /// Takes an entry, unless it is left out.
    fn accept(&mut self, start: &Path, prefix: &[u8], found: &DirEntry) -> bool {
        let Some(path) = path_in_tree(start, prefix, found.path()) else {
            self.problems.add(found.path().as_os_str().as_encoded_bytes(), Cause::Name);
            return false;
        };
        let kind = found.file_type();
        if self.exclude.excludes(&path, kind.is_dir()) {
            self.excluded.push(path);
            return false;
        }
        match self.node(&path, kind) {
            Ok(node) => self.push(Entry { path: path.into(), node }),
            Err(cause) => self.problems.add(&path, cause),
        }
        true
    }

    fn push(&mut self, entry: Entry) {
        self.batch.push(entry);
        if self.batch.len() == BATCH {
            (self.take)(std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH)));
        }
    }

    fn node(&mut self, path: &[u8], kind: FileType) -> Result<Node, Cause> {
        if kind.is_dir() {
            self.stamp(path);
            Ok(Node::Directory)
        } else if kind.is_file() {
            Ok(Node::File { mode: Mode::Plain, size: 0, hash: Hash::NONE })
        } else if kind.is_symlink() {
            Ok(Node::Symlink { target: self.root.link(path)? })
        } else {
            Err(Cause::Special(special(kind)))
        }
    }

    fn stamp(&mut self, path: &[u8]) {
        match self.root.stamp(path) {
            Ok(stamp) => self.stamps.push((path.to_vec(), stamp)),
            Err(cause) => self.problems.add(path, cause),
        }
    }

    fn failed(&mut self, start: &Path, prefix: &[u8], error: walkdir::Error) {
        let path = error.path().and_then(|path| path_in_tree(start, prefix, path));
        let path = path.unwrap_or_default();
        // walkdir's own words would name the path again.
        let code = error.io_error().and_then(io::Error::raw_os_error);
        let cause = code.map_or_else(|| io::Error::from(error), io::Error::from_raw_os_error);
        if cause.kind() == io::ErrorKind::InvalidFilename && path.len() > prefix.len() {
            self.distant.push(path);
        } else {
            self.problems.add(if path.is_empty() { b"." } else { &path }, cause);
        }
    }

    /// Goes on below a directory through a descriptor of it: its own path is too long.
    #[cfg(target_os = "linux")]
    fn distant_below(&mut self, path: &[u8]) {
        use std::os::fd::AsRawFd as _;
        match self.root.directory(path) {
            Ok(dir) => {
                let start = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
                self.below(&start, path);
            }
            Err(cause) => self.problems.add(path, cause),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn distant_below(&mut self, path: &[u8]) {
        self.problems.add(path, io::Error::from(io::ErrorKind::InvalidFilename));
    }
}

/// The path below the measured directory of something found below `start`.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "names can fail on other systems")]
fn path_in_tree(start: &Path, prefix: &[u8], found: &Path) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt as _;
    // walkdir appends names to the path it was given.
    let below = &found.as_os_str().as_bytes()[start.as_os_str().len()..];
    let below = below.strip_prefix(b"/").unwrap_or(below);
    let slash: &[u8] = if prefix.is_empty() || below.is_empty() { b"" } else { b"/" };
    Some([prefix, slash, below].concat())
}

#[cfg(not(unix))]
fn path_in_tree(start: &Path, _: &[u8], found: &Path) -> Option<Vec<u8>> {
    let below = found.strip_prefix(start).ok()?;
    Some(below.to_str()?.replace('\\', "/").into_bytes())
}
