//! `directory`: a folder on this host, with an inventory, so that files are deleted when Git no longer has them.
//!
//! What is in the folder and not in the inventory belongs to somebody else and stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::local::LocalState;
use super::process::Run;
use super::settings::{self, Common};
use super::stop::Stop;
use super::{Actuator, Applied, Context, Declared, Lock, State};
use crate::error::{Code, Hinted};
use crate::files;
use crate::plan::digest::sha256;
use crate::plan::file::Target;
use crate::plan::{
    Compared, Drift, Id, Inventory, Item, Live, Observation, Operation, Orphan, Prune, field,
};

/// The keys of `kind: directory`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    /// The folder; relative to the root of the checkout.
    to: PathBuf,
    /// What to run in it after files have changed.
    #[serde(default)]
    reload: Vec<String>,
}

struct Directory {
    root: PathBuf,
    reload: Vec<String>,
    state: LocalState,
    variables: Vec<(String, String)>,
    timeout: Duration,
    stop: Stop,
    /// The declared files that are programs.
    programs: Mutex<BTreeSet<String>>,
    /// Files of ours that Git no longer declares, as they were seen: they make way for others.
    leaving: Mutex<BTreeMap<String, String>>,
}

/// Ours, inside the folder.
const STATE: &str = ".gitops";
/// A file is told from a later one of the same name by nothing.
const UID: &str = "file";

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let root = context.root.join(keys.to);
    let state = LocalState::new(root.join(STATE), &context.environment);
    let Context { variables, timeout, stop, .. } = context;
    Ok(Box::new(Directory {
        root,
        reload: keys.reload,
        state,
        variables,
        timeout,
        stop,
        programs: Mutex::default(),
        leaving: Mutex::default(),
    }))
}

impl Directory {
    /// Where a file is, or is to be; an error when it would be outside the folder.
    fn place(&self, name: &str) -> anyhow::Result<PathBuf> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let ours = name.split('/').next() == Some(STATE);
        if !plain || ours || name.is_empty() {
            let message = format!("cannot use the file name `{name}`");
            let hint = "it must be inside the folder, and not in `.gitops`";
            return Err(Hinted::new(Code::Outside, message, hint).into());
        }
        let path = self.root.join(name);
        let exists = path.ancestors().skip(1).find(|dir| dir.exists());
        if let Some(dir) = exists.filter(|dir| dir.starts_with(&self.root)) {
            files::within(&self.root, dir)?;
        }
        Ok(path)
    }

    /// What a file holds; `None` where there is none, or a folder.
    fn live(&self, name: &str) -> anyhow::Result<Option<Live>> {
        let path = self.place(name)?;
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            Ok(metadata) if metadata.is_dir() => return Ok(None),
            Ok(metadata) if !metadata.is_file() => {
                let message = format!("cannot use `{}`: it is no regular file", path.display());
                return Err(Hinted::new(Code::Io, message, "move it away").into());
            }
            _ => {}
        }
        let bytes = files::read(&path)?;
        let live = Live { uid: UID.to_owned(), version: sha256(&bytes), value: content(&bytes) };
        Ok(Some(live))
    }

    fn compare(&self, item: Item, inventory: &Inventory) -> anyhow::Result<Compared> {
        let name = &item.id.name;
        let is_ours = |name: &str| inventory.entries.contains_key(&Id::plain("File", name));
        let Some(live) = self.live(name)? else {
            let other = self.in_the_way(name)?.into_iter().find(|other| !is_ours(other));
            let rejected = other.map(|other| format!("`{other}` is in the way, and not ours"));
            return Ok(Compared { rejected, ..Compared::absent(item) });
        };
        let mode = self.mode_change(name)?;
        let is_ours = is_ours(name);
        let mut compared = Compared::present(item, live);
        if !mode.is_empty() {
            compared.changes.extend(mode);
            compared.operation = Operation::Update;
        }
        if is_ours {
            return Ok(compared);
        }
        // The same bytes hurt nobody; other bytes are somebody's work.
        let owner = (!compared.changes.is_empty()).then(|| "somebody else".to_owned());
        Ok(Compared { operation: Operation::Adopt, owner, ..compared })
    }

    /// The files that must go before this one can be made: one where its folder is to be, or all in a folder of its name.
    fn in_the_way(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let above = Path::new(name).ancestors().skip(1).filter_map(Path::to_str);
        let is_file = |above: &&str| {
            !above.is_empty()
                && fs::symlink_metadata(self.root.join(above)).is_ok_and(|found| !found.is_dir())
        };
        // A link to a folder is none of them: `place` has judged it.
        let is_link = |above: &&str| self.root.join(above).is_dir();
        let mut found: Vec<String> =
            above.filter(is_file).filter(|above| !is_link(above)).map(str::to_owned).collect();
        self.files_in(name, &mut found)?;
        Ok(found)
    }

    fn files_in(&self, name: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let path = self.root.join(name);
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        let listing =
            fs::read_dir(&path).with_context(|| format!("cannot list `{}`", path.display()))?;
        for entry in listing {
            let entry = entry.with_context(|| format!("cannot list `{}`", path.display()))?;
            let below = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.files_in(&below, found)?;
            } else {
                found.push(below);
            }
        }
        Ok(())
    }

    /// Deletes what is in the way of a file, as far as it is ours and as it was seen.
    fn make_way(&self, name: &str) -> anyhow::Result<()> {
        for other in self.in_the_way(name)? {
            let path = self.place(&other)?;
            let seen = lock(&self.leaving).get(&other).cloned();
            if seen.is_none() || self.live(&other)?.map(|live| live.version) != seen {
                let message = format!("cannot delete `{}`: it changed meanwhile", path.display());
                return Err(Hinted::new(Code::Stale, message, "run it again").into());
            }
            fs::remove_file(&path)
                .with_context(|| format!("cannot delete `{}`", path.display()))?;
        }
        remove_empty(&self.root.join(name))
    }

    /// How the right to run a file differs, where it does.
    fn mode_change(&self, name: &str) -> anyhow::Result<Vec<Drift>> {
        let word = |is_program: bool| json!({"mode": if is_program { "0755" } else { "0644" }});
        let is_program = is_program(&self.place(name)?)?;
        let wanted = lock(&self.programs).contains(name);
        let changes = field::changes(&word(is_program), &word(wanted));
        Ok(changes.into_iter().map(|change| Drift { change, by: None }).collect())
    }

    fn write(&self, compared: &Compared) -> anyhow::Result<()> {
        let path = self.place(&compared.item.id.name)?;
        let now = self.live(&compared.item.id.name)?;
        if now.as_ref().map(|live| &live.version)
            != compared.live.as_ref().map(|live| &live.version)
        {
            let message = format!("cannot write `{}`: it changed meanwhile", path.display());
            return Err(Hinted::new(Code::Stale, message, "run it again").into());
        }
        self.make_way(&compared.item.id.name)?;
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)
                .with_context(|| format!("cannot create `{}`", dir.display()))?;
        }
        files::replace(&path, &bytes_of(&compared.item.value)?)?;
        let wanted = lock(&self.programs).contains(&compared.item.id.name);
        if is_program(&path)? == wanted { Ok(()) } else { files::set_program(&path, wanted) }
    }
}

impl Actuator for Directory {
    fn target(&self) -> anyhow::Result<Target> {
        let address = std::path::absolute(&self.root)?.display().to_string();
        Ok(Target { kind: "directory".to_owned(), address, uid: String::new() })
    }

    fn state(&self) -> &dyn State {
        &self.state
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        declared
            .files
            .iter()
            .map(|file| {
                self.place(&file.path)?;
                if file.is_executable {
                    lock(&self.programs).insert(file.path.clone());
                }
                let id = Id::plain("File", &file.path);
                Ok(Item { id, value: content(&file.bytes), origin: file.path.clone() })
            })
            .collect()
    }

    fn observe(&self, items: Vec<Item>, inventory: &Inventory) -> anyhow::Result<Observation> {
        let mut orphans = Vec::new();
        for (id, entry) in &inventory.entries {
            if items.iter().any(|item| item.id == *id) {
                continue;
            }
            if let Some(live) = self.live(&id.name)? {
                // An entry without a uid was to be created: what is there is ours, or was not made by us.
                let (uid, is_marked) = (entry.uid.clone(), true);
                let id = id.clone();
                orphans.push(Orphan {
                    id,
                    uid,
                    live,
                    is_marked,
                    holds_others: false,
                    is_lost: false,
                });
            }
        }
        let seen = orphans.iter().map(|one| (one.id.name.clone(), one.live.version.clone()));
        *lock(&self.leaving) = seen.collect();
        let compared = items.into_iter().map(|item| self.compare(item, inventory));
        let compared = compared.collect::<anyhow::Result<_>>()?;
        Ok(Observation { compared, orphans, ..Observation::default() })
    }

    fn apply(&self, stage: &[Compared], _: &dyn Lock) -> Vec<Applied> {
        let one = |compared: &Compared| {
            let written = self.write(compared).map(|()| UID.to_owned());
            (compared.item.id.clone(), written)
        };
        stage.iter().map(one).collect()
    }

    fn finish(&self) -> anyhow::Result<()> {
        if self.reload.is_empty() {
            return Ok(());
        }
        let (argv, dir) = (&self.reload, &self.root);
        let (variables, timeout, stop) = (&self.variables, self.timeout, &self.stop);
        Run { argv, dir, variables, timeout, stop }.succeed().map(|_| ())
    }

    fn prune(&self, prune: &Prune) -> anyhow::Result<()> {
        let path = self.place(&prune.id.name)?;
        match self.live(&prune.id.name)? {
            None => return Ok(()),
            Some(live) if live.version != prune.live.version => {
                let message = format!("cannot delete `{}`: it changed meanwhile", path.display());
                return Err(Hinted::new(Code::Stale, message, "run it again").into());
            }
            Some(_) => {}
        }
        fs::remove_file(&path).with_context(|| format!("cannot delete `{}`", path.display()))?;
        let inside = |dir: &&Path| dir.starts_with(&self.root) && *dir != self.root;
        for dir in path.ancestors().skip(1).take_while(inside) {
            // It is removed only where nothing is left in it.
            if fs::remove_dir(dir).is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes a folder that holds nothing but such folders.
fn remove_empty(dir: &Path) -> anyhow::Result<()> {
    if !fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    for entry in fs::read_dir(dir)?.flatten() {
        remove_empty(&entry.path())?;
    }
    fs::remove_dir(dir).with_context(|| format!("cannot delete `{}`", dir.display()))
}

#[cfg(unix)]
fn is_program(path: &Path) -> anyhow::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(found.permissions().mode() & 0o111 != 0)
}

/// Elsewhere a file's name says whether it is a program.
#[cfg(not(unix))]
fn is_program(_: &Path) -> anyhow::Result<bool> {
    Ok(false)
}

/// Text as text, anything else in Base64.
fn content(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

fn bytes_of(content: &Value) -> anyhow::Result<Vec<u8>> {
    match content {
        Value::String(text) => Ok(text.clone().into_bytes()),
        other => Ok(STANDARD.decode(other["base64"].as_str().unwrap_or_default())?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::File;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("to")).unwrap();
        let directory = Directory {
            root: dir.path().join("to"),
            reload: Vec::new(),
            state: LocalState::new(dir.path().join("to/.gitops"), "prod"),
            variables: Vec::new(),
            timeout: Duration::from_secs(1),
            stop: Stop::default(),
            programs: Mutex::default(),
            leaving: Mutex::default(),
        };
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path(), dir.path().join("to/link")).unwrap();
        for name in ["../x", "/etc/passwd", "a/../../x", "", ".gitops/inventory.json", "link/x"] {
            assert!(directory.place(name).is_err(), "{name}");
        }
        for name in ["a", "a/b", ".env"] {
            assert!(directory.place(name).is_ok(), "{name}");
        }
        let files = vec![File { path: "../x".to_owned(), bytes: Vec::new(), is_executable: false }];
        assert!(directory.items(&Declared { files, ..Declared::default() }).is_err());
    }

    #[test]
    fn any_bytes_come_back() {
        for bytes in [&b"text\r\n"[..], b"", b"\xff\x00"] {
            assert_eq!(bytes_of(&content(bytes)).unwrap(), bytes);
        }
    }
}
