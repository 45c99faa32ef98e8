//! Objects kept between runs, and what was learnt of a server: a directory per URL, one process at a time.
//!
//! It is never needed: a cache that cannot be made, locked in time or read is done without, or made anew. The
//! lock also turns the race of several jobs on one machine into a queue, which is faster than racing.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::address::Address;

/// Every run adds packs; after so many one full fetch is cheaper than searching them all.
const MOST_RUNS: u32 = 100;

/// How often to look whether the lock is free.
const PAUSE: Duration = Duration::from_millis(15);

/// What is remembered beside the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The commit of each branch whose trees are here.
    #[serde(default)]
    pub(super) branches: BTreeMap<String, String>,
    /// Whether all trees of those commits are here, not just the upper ones.
    #[serde(default)]
    pub(super) is_complete: bool,
    /// The server does not leave trees out.
    #[serde(default)]
    pub(super) sends_all_trees: bool,
    /// What the server can do, when it speaks version 2.
    #[serde(default)]
    pub(super) capabilities: Option<Vec<String>>,
    /// How many runs used it.
    #[serde(default)]
    runs: u32,
}

/// A locked directory.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    /// Held for its lock; the system frees it even when we are killed.
    _lock: File,
}

impl Cache {
    /// Locks the directory of an address below `root`; nothing where that takes until the deadline, or
    /// where the directory cannot be used.
    pub(super) fn lock(root: &Path, address: &Address, deadline: Instant) -> Option<Self> {
        let digest = Sha256::digest(address.to_string());
        let dir = root.join("git").join(HEXLOWER.encode(&digest[..16]));
        private_dir(&dir).ok()?;
        let lock = File::options().create(true).append(true).open(dir.join("lock")).ok()?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Some(Self { dir, _lock: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(_) => return None,
            }
        }
    }

    /// Where the objects are.
    pub(super) fn objects(&self) -> PathBuf {
        self.dir.join("objects.git")
    }

    /// What is remembered; nothing where that cannot be understood, or has become too much.
    pub(super) fn memory(&self) -> Memory {
        let text = fs::read(self.dir.join("memory.json")).unwrap_or_default();
        let memory: Memory = serde_json::from_slice(&text).unwrap_or_default();
        if memory.runs < MOST_RUNS {
            return memory;
        }
        self.wipe();
        Memory::default()
    }

    /// Remembers for the next run. Failing to is no failure, and after a crash the old memory does as well, so
    /// nothing is synced.
    pub(super) fn remember(&self, memory: &Memory) {
        let memory = Memory { runs: memory.runs + 1, ..memory.clone() };
        let write = || -> anyhow::Result<()> {
            let new = tempfile::NamedTempFile::new_in(&self.dir)?;
            serde_json::to_writer(new.as_file(), &memory)?;
            new.persist(self.dir.join("memory.json"))?;
            Ok(())
        };
        let _ = write();
    }

    /// Forgets everything.
    pub(super) fn wipe(&self) {
        let _ = fs::remove_file(self.dir.join("memory.json"));
        let _ = fs::remove_dir_all(self.objects());
    }
}

/// A repository may be private, so its cache is.
fn private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_without_it_after_the_deadline() {
        let root = tempfile::tempdir().unwrap();
        let (address, _) = super::super::address::parse("https://h/a").unwrap();
        let first = Cache::lock(root.path(), &address, Instant::now()).unwrap();
        assert!(Cache::lock(root.path(), &address, Instant::now()).is_none());
        let (other, _) = super::super::address::parse("https://h/b").unwrap();
        assert!(Cache::lock(root.path(), &other, Instant::now()).is_some());
        drop(first);
        assert!(Cache::lock(root.path(), &address, Instant::now()).is_some());
    }

    #[test]
    fn remembers_and_forgets() {
        let root = tempfile::tempdir().unwrap();
        let (address, _) = super::super::address::parse("https://h/a").unwrap();
        let cache = Cache::lock(root.path(), &address, Instant::now()).unwrap();
        let mut memory = Memory::default();
        memory.branches.insert("main".into(), "1234".into());
        cache.remember(&memory);
        assert_eq!(cache.memory(), Memory { runs: 1, ..memory.clone() });
        cache.remember(&Memory { runs: MOST_RUNS, ..memory });
        assert_eq!(cache.memory(), Memory::default());
        File::create(cache.dir.join("memory.json")).unwrap();
        assert_eq!(cache.memory(), Memory::default());
    }

    #[test]
    fn a_root_that_cannot_be_written_is_done_without() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (address, _) = super::super::address::parse("https://h/a").unwrap();
        assert!(Cache::lock(file.path(), &address, Instant::now()).is_none());
    }
}
