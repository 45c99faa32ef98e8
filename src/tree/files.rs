//! A directory on disk: one walk, and all files in parallel.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::slice::ParallelSliceMut as _;

use super::open::{Root, is_link};
use super::problem::{Cause, Problems};
use super::read::{self, Task};
use super::walk::{Stamps, Walk};
use super::{Listing, Source, Watch, pool};
use crate::digest::{Content, Entry, Exclude, Node, Sink, shown};
use crate::error::{Code, Hinted};

/// A directory on disk.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    spelled: String,
    root: Root,
    pool: rayon::ThreadPool,
}

/// A batch of entries, and the lengths and places of the large files in it.
type Batch = (Vec<Entry>, Vec<(u64, usize)>);

impl Directory {
    /// Opens a directory, to be read by so many threads, or one per core.
    pub fn open(path: &Path, jobs: Option<usize>) -> anyhow::Result<Self> {
        let spelled = shown(path.as_os_str().as_encoded_bytes());
        let root = Root::open(path).map_err(|error| {
            let message = format!("cannot digest `{spelled}`: {error}");
            match error.kind() {
                io::ErrorKind::NotFound => Hinted::plain(Code::NotFound, message),
                io::ErrorKind::NotADirectory => {
                    Hinted::new(Code::Usage, message, "`sha256sum` digests a single file")
                }
                _ => Hinted::plain(Code::Io, message),
            }
        })?;
        Ok(Self { path: path.to_owned(), spelled, root, pool: pool(jobs)? })
    }

    /// Walks, while other threads read what is found.
    fn read(&self, exclude: &Exclude, task: &Task<'_>) -> (Listing, Stamps) {
        let batches: Mutex<Vec<Batch>> = Mutex::default();
        let (excluded, stamps) = rayon::in_place_scope(|scope| {
            let take = |mut entries: Vec<Entry>| {
                let batches = &batches;
                scope.spawn(move |_| {
                    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
                    let large = task.batch(&mut entries);
                    // A batch is added whole or not at all.
                    batches.lock().unwrap_or_else(PoisonError::into_inner).push((entries, large));
                });
            };
            Walk::new(&self.root, exclude, task.problems, &take).run(&self.path)
        });
        let batches = batches.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::with_capacity(batches.iter().map(|(some, _)| some.len()).sum());
        let mut large: Vec<(u64, usize)> = Vec::new();
        for (some, sizes) in batches {
            large.extend(sizes.into_iter().map(|(size, at)| (size, entries.len() + at)));
            entries.extend(some);
        }
        task.all_large(pick(&mut entries, &large));
        // Each batch is in order: what is left is to merge them, which the threads share.
        entries.par_sort_by(|a, b| a.path.cmp(&b.path));
        (Listing { entries, excluded, tree_id: None }, stamps)
    }

    /// A directory in which something came or went was not measured as it is.
    fn check(&self, stamps: Stamps, problems: &Problems) {
        for (path, before) in stamps {
            let shown = if path.is_empty() { b"." } else { &*path };
            match self.root.stamp(&path) {
                Ok(after) if after == before => {}
                Ok(_) => problems.add(shown, Cause::Changed),
                Err(cause) => problems.add(shown, cause),
            }
        }
    }
}

/// The entries at these places, which are in order.
fn pick<'a>(entries: &'a mut [Entry], places: &[(u64, usize)]) -> Vec<(u64, &'a mut Entry)> {
    let mut places = places.iter().peekable();
    let picked = entries.iter_mut().enumerate().filter_map(|(at, entry)| {
        let (size, _) = places.next_if(|(_, place)| *place == at)?;
        Some((*size, entry))
    });
    picked.collect()
}

impl Source for Directory {
    fn is_link(&self) -> bool {
        is_link(&self.path)
    }

    fn measure(
        &self,
        exclude: &Exclude,
        content: Content,
        watch: &dyn Watch,
    ) -> anyhow::Result<Listing> {
        let problems = Problems::default();
        let task = Task { root: &self.root, content, problems: &problems, watch };
        let (listing, stamps) = self.pool.install(|| self.read(exclude, &task));
        self.check(stamps, &problems);
        problems.into_result(&self.spelled)?;
        Ok(listing)
    }

    fn pour(&self, entry: &Entry, sink: Sink<'_>, watch: &dyn Watch) -> anyhow::Result<()> {
        let mut pour = || {
            let (file, before) = self.root.file(&entry.path)?;
            if !matches!(entry.node, Node::File { size, .. } if size == before.size) {
                return Err(Cause::Changed);
            }
            read::pour(&self.pool, &file, before, sink, watch)
        };
        let problems = Problems::default();
        if let Err(cause) = pour() {
            problems.add(&entry.path, cause);
        }
        problems.into_result(&self.spelled)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    /// Does something at a moment of the work.
    #[derive(Default)]
    struct Meddler<'a> {
        found: Option<&'a (dyn Fn() + Sync)>,
        sized: Option<&'a (dyn Fn() + Sync)>,
        read: Option<&'a (dyn Fn() + Sync)>,
    }

    impl Watch for Meddler<'_> {
        fn found(&self, _: u64) {
            self.found.inspect(|act| act());
        }

        fn sized(&self, _: u64) {
            self.sized.inspect(|act| act());
        }

        fn read(&self, _: u64) {
            self.read.inspect(|act| act());
        }

        fn done(&self) {}
    }

    fn measure(dir: &Path, content: Content, watch: &dyn Watch) -> anyhow::Result<Listing> {
        let exclude = Exclude::new(true, std::iter::empty());
        Directory::open(dir, Some(2)).unwrap().measure(&exclude, content, watch)
    }

    fn create(path: &Path, size: u64) {
        fs::File::create(path).unwrap().set_len(size).unwrap();
    }

    fn append(path: &Path) {
        fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"x").unwrap();
    }

    /// Small files and large ones are read by different code.
    const SIZES: [u64; 4] = [0, 1, 200_000, 3 << 20];

    #[test]
    fn a_file_that_grows_meanwhile_is_an_error() {
        for size in SIZES {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("file");
            create(&file, size);
            let act = || append(&file);
            let meddler = Meddler { sized: Some(&act), ..Meddler::default() };
            // The size of a large file is asked for again when its turn comes.
            let meddler = if size > 1 << 20 {
                Meddler { read: Some(&act), ..Meddler::default() }
            } else {
                meddler
            };
            let error = measure(dir.path(), Content::Sha256, &meddler).unwrap_err().to_string();
            assert!(error.ends_with("`file`: it changed while it was read"), "{size}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_written_over_meanwhile_is_an_error() {
        for size in &SIZES[1..] {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("file");
            create(&file, *size);
            // Another owner's bit, as another time, is a change that the length does not tell.
            let act = || {
                let file = fs::OpenOptions::new().write(true).open(&file).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            };
            let meddler = Meddler { read: Some(&act), ..Meddler::default() };
            let error = measure(dir.path(), Content::Sha256, &meddler).unwrap_err().to_string();
            assert!(error.ends_with("`file`: it changed while it was read"), "{size}: {error}");
        }
    }

    #[test]
    fn an_entry_that_comes_meanwhile_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        create(&dir.path().join("sub/file"), 1);
        let act = || create(&dir.path().join("sub/new"), 1);
        let meddler = Meddler { found: Some(&act), ..Meddler::default() };
        let error = measure(dir.path(), Content::Sha256, &meddler).unwrap_err().to_string();
        assert!(error.ends_with("`sub`: it changed while it was read"), "{error}");
    }

    #[test]
    fn a_file_that_becomes_a_fifo_or_link_is_an_error() {
        for make in ["mkfifo file", "ln -s other file"] {
            let dir = tempfile::tempdir().unwrap();
            create(&dir.path().join("file"), 1);
            create(&dir.path().join("other"), 1);
            let act = || {
                let script = format!("rm file; {make}");
                let mut shell = std::process::Command::new("sh");
                shell.args(["-c", &script]).current_dir(dir.path()).status().unwrap();
            };
            let meddler = Meddler { found: Some(&act), ..Meddler::default() };
            let error = measure(dir.path(), Content::Sha256, &meddler).unwrap_err().to_string();
            assert!(error.contains("`file`: "), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_before_it_is_poured_is_an_error() {
        for size in SIZES {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("file");
            create(&file, size);
            let nothing = Meddler::default();
            let listing = measure(dir.path(), Content::Size, &nothing).unwrap();
            let directory = Directory::open(dir.path(), None).unwrap();
            let pour = || {
                let mut poured = 0;
                let sink: Sink<'_> = &mut |piece| poured += piece.len() as u64;
                directory.pour(&listing.entries[0], sink, &nothing).map(|()| poured)
            };
            assert_eq!(pour().unwrap(), size);
            append(&file);
            assert!(pour().is_err());
        }
    }
}
