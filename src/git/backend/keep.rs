//! Where the objects of a remote repository are kept: in the cache, or in a directory that goes with us.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::git::Address;
use crate::git::cache::{Cache, Memory};
use crate::git::say::Say;
use crate::git::store::Store;

/// Where objects are kept, and for how long.
pub(super) struct Keep {
    pub(super) store: Store,
    pub(super) cache: Option<Cache>,
    /// Removed with us, where nothing is kept.
    _temporary: Option<tempfile::TempDir>,
}

impl Keep {
    /// Opens the cache of an address, or does without; with what the cache remembers.
    pub(super) fn open(
        place: &Address,
        root: Option<&Path>,
        deadline: Instant,
        say: &Say,
    ) -> anyhow::Result<(Self, Memory)> {
        // Somebody who holds the lock for long is stuck; there is time left to go on without.
        let now = Instant::now();
        let patience = deadline.saturating_duration_since(now) / 2;
        let until = now + patience.min(Duration::from_secs(30));
        let locked = root.and_then(|root| Cache::lock(root, place, until));
        if root.is_some() && locked.is_none() {
            say.detail("the cache cannot be used: going on without it");
        }
        let mut memory = locked.as_ref().map(Cache::memory).unwrap_or_default();
        // GitLab allows filters of blobs only: asking would cost a round trip for a refusal.
        memory.sends_all_trees |= place.to_string().contains("gitlab");
        let keep = match locked.map(Self::cached) {
            Some(Ok(keep)) => keep,
            _ => Self::temporary()?,
        };
        Ok((keep, memory))
    }

    pub(super) fn temporary() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gitops-").tempdir()?;
        Ok(Self { store: Store::create(dir.path())?, cache: None, _temporary: Some(dir) })
    }

    pub(super) fn cached(cache: Cache) -> anyhow::Result<Self> {
        let path = cache.objects();
        drop_loose(&path);
        let store = Store::open(&path).or_else(|_| {
            cache.wipe();
            Store::create(&path)
        })?;
        Ok(Self { store, cache: Some(cache), _temporary: None })
    }
}

/// Removes objects outside of packs. A loose object that was cut short, by a crash or a full disk, sends
/// libgit2 into an endless loop; packs have checksums. What is worth keeping is kept in packs.
fn drop_loose(repository: &Path) {
    let Ok(entries) = fs::read_dir(repository.join("objects")) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit) {
            // One that stays is read, as it always was.
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}
