//! State on this host: a lock that ends with its process, and the inventory in a file.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Holder, Lock, State, Stored};
use crate::error::{Code, Hinted};
use crate::files;
use crate::plan::Inventory;
use crate::plan::digest::sha256;

const LOCK: &str = "lock";
const INVENTORY: &str = "inventory.json";
/// How often to ask for a lock that somebody holds.
const POLL: Duration = Duration::from_millis(20);
/// How long somebody may hold it without a name: who only looks whether it is held.
const LOOK: Duration = Duration::from_secs(1);

/// A directory that keeps an environment's lock and inventory.
#[derive(Clone, Debug)]
pub(super) struct LocalState {
    dir: PathBuf,
    environment: String,
}

/// The file that is locked; the kernel frees it when the process ends, however it ends.
struct FileLock {
    file: Mutex<File>,
    token: u64,
}

impl Lock for FileLock {
    fn token(&self) -> u64 {
        self.token
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Ok(file) = self.file.get_mut() {
            // The token stays behind for the next holder.
            let _ = write_lock(file, &Holder::default(), self.token);
            // Closing it is not enough while another thread starts a program: that has the file, too, until it runs.
            let _ = file.unlock();
        }
    }
}

impl LocalState {
    pub(super) fn new(dir: PathBuf, environment: &str) -> Self {
        Self { dir, environment: environment.to_owned() }
    }

    fn open(&self) -> anyhow::Result<File> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create `{}`", self.dir.display()))?;
        let path = self.dir.join(LOCK);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(&path).with_context(|| format!("cannot open `{}`", path.display()))
    }
}

impl State for LocalState {
    fn lock(&self, holder: &Holder, patience: Duration) -> anyhow::Result<Box<dyn Lock>> {
        let (mut file, start) = (self.open()?, Instant::now());
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) => {
                    let (holder, _) = read_lock(&mut file);
                    let patience = if holder.id.is_empty() { patience.max(LOOK) } else { patience };
                    if start.elapsed() >= patience {
                        return Err(held(&self.environment, &holder).into());
                    }
                    std::thread::sleep(POLL);
                }
                Err(fs::TryLockError::Error(error)) => {
                    let path = self.dir.join(LOCK);
                    return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
                }
            }
        }
        let token = read_lock(&mut file).1 + 1;
        write_lock(&mut file, holder, token).context("cannot write the lock")?;
        Ok(Box::new(FileLock { file: Mutex::new(file), token }))
    }

    fn holder(&self) -> anyhow::Result<Option<Holder>> {
        let mut file = self.open()?;
        match file.try_lock() {
            Ok(()) => {
                let _ = file.unlock();
                Ok(None)
            }
            Err(_) => Ok(Some(read_lock(&mut file).0)),
        }
    }

    /// A lock of the kernel cannot be broken, and need not: it ends with its holder.
    fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        let message = format!("cannot break the lock of `{}`: that process is alive", holder.id);
        Err(Hinted::new(Code::Locked, message, "end it; the lock ends with it").into())
    }

    fn inventory(&self) -> anyhow::Result<Stored> {
        let path = self.dir.join(INVENTORY);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let environment = self.environment.clone();
                let inventory = Inventory { environment, ..Inventory::default() };
                return Ok(Stored { inventory, ..Stored::default() });
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
            }
        };
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let Some(inventory) = Inventory::of_json(&json) else {
            let message = format!("cannot use `{}`: it is no inventory", path.display());
            let hint = "put it back from a backup; without it nothing is known to be ours";
            return Err(Hinted::new(Code::Config, message, hint).into());
        };
        if inventory.environment != self.environment {
            let message = format!(
                "cannot use `{}`: it belongs to the environment `{}`",
                self.dir.display(),
                inventory.environment
            );
            let hint = "give each environment a place of its own";
            return Err(Hinted::new(Code::Config, message, hint).into());
        }
        let uid = json["uid"].as_str().unwrap_or_default().to_owned();
        Ok(Stored { inventory, uid, version: sha256(&bytes) })
    }

    fn record(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored> {
        let current = self.inventory()?;
        if current.version != over.version {
            return Err(moved(&self.environment).into());
        }
        let uid = if over.uid.is_empty() { random() } else { over.uid.clone() };
        let mut json = inventory.to_json();
        json["uid"] = json!(uid);
        let text = format!("{}\n", serde_json::to_string_pretty(&json)?);
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create `{}`", self.dir.display()))?;
        let path = self.dir.join(INVENTORY);
        // It keeps the key of the secrets' digests.
        files::replace_private(&path, text.as_bytes())?;
        Ok(Stored { inventory: inventory.clone(), uid, version: sha256(text.as_bytes()) })
    }
}

/// A value that no other run has.
pub(super) fn random() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// The refusal of a lock that somebody else holds.
pub(super) fn held(environment: &str, holder: &Holder) -> Hinted {
    let about =
        if holder.about.is_empty() { String::new() } else { format!(" ({})", holder.about) };
    let since =
        if holder.since.is_empty() { String::new() } else { format!(" since {}", holder.since) };
    let message = format!(
        "cannot lock the environment `{environment}`: `{}`{about} holds it{since}",
        holder.id
    );
    Hinted::new(Code::Locked, message, "wait for it with --lock-timeout 5m")
}

/// The refusal to write an inventory that somebody else wrote meanwhile.
pub(super) fn moved(environment: &str) -> Hinted {
    let message =
        format!("cannot write the inventory of `{environment}`: somebody else wrote it meanwhile");
    Hinted::new(Code::Stale, message, "run it again")
}

fn read_lock(file: &mut File) -> (Holder, u64) {
    let mut text = String::new();
    // A lock file that cannot be read names nobody; that it is locked counts.
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let field = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let holder = Holder { id: field("holder"), about: field("about"), since: field("since") };
    (holder, json["token"].as_u64().unwrap_or_default())
}

fn write_lock(file: &mut File, holder: &Holder, token: u64) -> io::Result<()> {
    let json =
        json!({"holder": holder.id, "about": holder.about, "since": holder.since, "token": token});
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(json.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_lock_and_the_next_gets_a_higher_token() {
        let dir = tempfile::tempdir().unwrap();
        let state = LocalState::new(dir.path().to_owned(), "prod");
        let holder = Holder { id: "me".to_owned(), ..Holder::default() };
        let first = state.lock(&holder, Duration::ZERO).unwrap();
        assert_eq!(state.holder().unwrap().unwrap().id, "me");
        let Err(error) = state.lock(&holder, Duration::from_millis(1)) else { panic!("locked") };
        assert!(error.to_string().contains("`me` holds it"), "{error}");
        let token = first.token();
        drop(first);
        assert_eq!(state.holder().unwrap(), None);
        assert_eq!(state.lock(&holder, Duration::ZERO).unwrap().token(), token + 1);
    }

    #[test]
    fn who_only_looks_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let state = LocalState::new(dir.path().to_owned(), "prod");
        let looking = state.open().unwrap();
        looking.lock().unwrap();
        let look = std::thread::spawn(move || {
            std::thread::yield_now();
            drop(looking);
        });
        let holder = Holder { id: "me".to_owned(), ..Holder::default() };
        assert_eq!(state.lock(&holder, Duration::ZERO).unwrap().token(), 1);
        look.join().unwrap();
    }

    #[test]
    fn the_inventory_is_written_only_over_what_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let state = LocalState::new(dir.path().to_owned(), "prod");
        let read = state.inventory().unwrap();
        let next = Inventory { serial: 1, ..read.inventory.clone() };
        let written = state.record(&next, &read).unwrap();
        let again = state.inventory().unwrap();
        assert_eq!((again.inventory, &again.uid), (next.clone(), &written.uid));
        assert!(state.record(&next, &read).unwrap_err().to_string().contains("meanwhile"));
        let other = LocalState::new(dir.path().to_owned(), "dev");
        assert!(other.inventory().unwrap_err().to_string().contains("belongs to"));
    }
}
