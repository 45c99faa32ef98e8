//! Reading files in parallel: small ones as they come, large ones afterwards, the largest first.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;

use super::Watch;
use super::open::{Root, Stamp, stamp_of};
use super::problem::{Cause, Problems};
use crate::digest::{Content, Entry, Hasher, Mode, Node, Sink};

/// From this length on, a file is a task of its own: with the small ones, the last thread could be
/// left alone with the largest.
const LARGE: u64 = 1 << 20;

/// What is read at once of a small file.
const SMALL_BLOCK: usize = 128 << 10;

/// What is read at once of a large file; two such blocks take turns.
const LARGE_BLOCK: usize = 256 << 10;

/// What is done with each file.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) root: &'a Root,
    pub(super) content: Content,
    pub(super) problems: &'a Problems,
    pub(super) watch: &'a dyn Watch,
}

thread_local! {
    static BLOCK: RefCell<Vec<u8>> = RefCell::default();
}

impl Task<'_> {
    /// Reads the small files of a batch, and tells the lengths of the large ones.
    pub(super) fn batch(&self, entries: &mut [Entry]) -> Vec<(u64, usize)> {
        let files = |entry: &&mut Entry| matches!(entry.node, Node::File { .. });
        self.watch.found(entries.iter_mut().filter(files).count() as u64);
        let large = |(at, entry)| self.small(entry).map(|size| (size, at));
        entries.iter_mut().enumerate().filter_map(large).collect()
    }

    /// Reads large files, the largest first, each by the next thread that is free.
    pub(super) fn all_large(&self, mut files: Vec<(u64, &mut Entry)>) {
        files.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.path.cmp(&b.1.path)));
        let queue = Mutex::new(files.into_iter());
        // A thread that panicked took its entry out whole.
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        rayon::scope(|scope| {
            for _ in 0..rayon::current_num_threads() {
                scope.spawn(|_| {
                    let mut blocks = Blocks::default();
                    while let Some((_, entry)) = next() {
                        self.large(entry, &mut blocks);
                    }
                });
            }
        });
    }

    /// Reads a small file; of a large one, tells the length.
    fn small(&self, entry: &mut Entry) -> Option<u64> {
        if !matches!(entry.node, Node::File { .. }) {
            return None;
        }
        let mut read = || -> Result<Option<u64>, Cause> {
            let (file, stamp) = self.root.file(&entry.path)?;
            self.watch.sized(stamp.size);
            if stamp.size >= LARGE && self.reads() {
                return Ok(Some(stamp.size));
            }
            entry.node = self.node(stamp, |hasher| {
                pour_small(&file, stamp, &mut |piece| hasher.update(piece), self.watch)
            })?;
            Ok(None)
        };
        read().unwrap_or_else(|cause| {
            self.problems.add(&entry.path, cause);
            None
        })
    }

    /// Whether contents are needed. Once something is wrong there will be no digest, and files are
    /// only opened, to find more that is wrong.
    fn reads(&self) -> bool {
        self.content != Content::Size && self.problems.is_empty()
    }

    fn large(&self, entry: &mut Entry, blocks: &mut Blocks) {
        let mut read = || -> Result<Node, Cause> {
            let (file, stamp) = self.root.file(&entry.path)?;
            self.node(stamp, |hasher| {
                blocks.pour(&file, stamp, &mut |piece| hasher.update(piece), self.watch)
            })
        };
        match read() {
            Ok(node) => entry.node = node,
            Err(cause) => self.problems.add(&entry.path, cause),
        }
    }

    fn node(
        &self,
        stamp: Stamp,
        read: impl FnOnce(&mut Hasher) -> Result<(), Cause>,
    ) -> Result<Node, Cause> {
        let mut hasher = Hasher::new(self.content, stamp.size);
        if self.reads() {
            read(&mut hasher)?;
        }
        let mode = if stamp.executable { Mode::Executable } else { Mode::Plain };
        Ok(Node::File { mode, size: stamp.size, hash: hasher.finish() })
    }
}

/// Reads a small file into a sink.
fn pour_small(file: &File, before: Stamp, sink: Sink<'_>, watch: &dyn Watch) -> Result<(), Cause> {
    BLOCK.with_borrow_mut(|block| {
        block.resize(SMALL_BLOCK, 0);
        let mut read = 0;
        loop {
            let piece = next_piece(file, block)?;
            sink(piece);
            read += piece.len() as u64;
            if piece.is_empty() || read >= before.size {
                break;
            }
        }
        watch.read(read);
        watch.done();
        // Its end was at the start: there is nothing that could have changed.
        if read == 0 && before.size == 0 { Ok(()) } else { unchanged(file, before, read) }
    })
}

/// Reads a file into a sink, a large one with the help of an idle thread.
pub(super) fn pour(
    pool: &ThreadPool,
    file: &File,
    before: Stamp,
    sink: Sink<'_>,
    watch: &dyn Watch,
) -> Result<(), Cause> {
    if before.size < LARGE {
        return pour_small(file, before, sink, watch);
    }
    pool.install(|| Blocks::default().pour(file, before, sink, watch))
}

/// Two blocks that take turns: while one is taken in, the other is filled by an idle thread.
#[derive(Default)]
struct Blocks {
    full: Vec<u8>,
    spare: Vec<u8>,
}

impl Blocks {
    fn pour(
        &mut self,
        file: &File,
        before: Stamp,
        sink: Sink<'_>,
        watch: &dyn Watch,
    ) -> Result<(), Cause> {
        self.full.resize(LARGE_BLOCK, 0);
        self.spare.resize(LARGE_BLOCK, 0);
        let (mut filled, mut read) = (next_piece(file, &mut self.full)?.len(), 0);
        // What grows as fast as it is read would have no end.
        while filled > 0 && read <= before.size {
            let (full, spare) = (&self.full[..filled], &mut self.spare);
            let ((), next) =
                rayon::join(|| sink(full), || next_piece(file, spare).map(<[u8]>::len));
            read += filled as u64;
            watch.read(filled as u64);
            std::mem::swap(&mut self.full, &mut self.spare);
            filled = next?;
        }
        watch.done();
        unchanged(file, before, read)
    }
}

/// The next piece of a file; empty at its end.
fn next_piece<'a>(mut file: &File, block: &'a mut [u8]) -> io::Result<&'a [u8]> {
    loop {
        match file.read(block) {
            Ok(length) => return Ok(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn unchanged(file: &File, before: Stamp, read: u64) -> Result<(), Cause> {
    if read != before.size || stamp_of(file)? != before {
        return Err(Cause::Changed);
    }
    Ok(())
}
