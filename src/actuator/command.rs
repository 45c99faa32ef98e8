//! `command`: anything with a command that exports an item and one that applies it.
//!
//! ```yaml
//! actuator:
//!   kind: command
//!   export: [gcloud, compute, instances, export, "{name}", --zone=europe-west1-b]
//!   apply: [gcloud, compute, instances, update-from-file, "{name}", "--source={file}"]
//!   compare: { preset: gce-instance }
//! ```
//!
//! Each file is an item, named after the file. An item that is exported and not in Git is nobody's business.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::local::LocalState;
use super::process::{Run, fill};
use super::settings::{self, Common, SharedLock};
use super::stop::Stop;
use super::{Actuator, Applied, Context, Declared, Lock, State, yaml};
use crate::error::{Code, Hinted};
use crate::files;
use crate::plan::digest::{sha256, sorted};
use crate::plan::file::Target;
use crate::plan::manifest::Ignore;
use crate::plan::ownership::{Fields, projection};
use crate::plan::{Compared, Id, Inventory, Item, Live, Observation, Orphan, Prune};

/// The keys of `kind: command`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    export: Vec<String>,
    apply: Vec<String>,
    #[serde(default)]
    create: Option<Vec<String>>,
    #[serde(default)]
    delete: Option<Vec<String>>,
    #[serde(default)]
    compare: Compare,
    #[serde(default)]
    payload: Payload,
    #[serde(default)]
    not_found: Option<NotFound>,
    #[serde(default, deserialize_with = "settings::span")]
    timeout: Option<Duration>,
    #[serde(default)]
    concurrency: Option<usize>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    lock: SharedLock,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Compare {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    preset: Option<Preset>,
    #[serde(default)]
    ignore: Vec<String>,
}

/// Which fields count.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// Those that Git declares.
    #[default]
    Subset,
    /// All.
    Exact,
}

/// What is known of a service's exports.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    GceInstance,
}

/// What `{file}` holds.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Payload {
    /// The export with what Git declares over it, for commands that delete what is missing.
    Overlay,
    /// What Git declares.
    #[default]
    File,
}

/// How `export` says that there is no such item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotFound {
    #[serde(default)]
    exit: Option<i32>,
    #[serde(default)]
    stderr: String,
}

/// Fields of an exported Compute Engine instance that the service sets.
///
/// From its documentation; not tried against the service.
const GCE_INSTANCE: &[&str] = &[
    "cpuPlatform",
    "creationTimestamp",
    "fingerprint",
    "id",
    "kind",
    "labelFingerprint",
    "lastStartTimestamp",
    "lastStopTimestamp",
    "metadata.fingerprint",
    "metadata.kind",
    "networkInterfaces[*].fingerprint",
    "networkInterfaces[*].kind",
    "selfLink",
    "status",
    "tags.fingerprint",
];

/// What a command gets of the variables `gitops` was started with, besides those of `env`.
const VARIABLES: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

struct Exporter {
    keys: Keys,
    ignore: Ignore,
    root: PathBuf,
    state: LocalState,
    variables: Vec<(String, String)>,
    timeout: Duration,
    stop: Stop,
}

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let preset: &[&str] = match keys.compare.preset {
        Some(Preset::GceInstance) => GCE_INSTANCE,
        None => &[],
    };
    let mut paths: Vec<String> = preset.iter().map(|&path| path.to_owned()).collect();
    paths.extend(keys.compare.ignore.iter().cloned());
    let allowed = |(name, _): &(String, String)| {
        VARIABLES.contains(&name.as_str()) || keys.env.contains(name)
    };
    let variables = context.variables.into_iter().filter(allowed).collect();
    Ok(Box::new(Exporter {
        ignore: Ignore { group: String::new(), kind: "*".to_owned(), paths },
        timeout: keys.timeout.unwrap_or(context.timeout),
        state: LocalState::new(context.state, &context.environment),
        root: context.root,
        stop: context.stop,
        variables,
        keys,
    }))
}

impl Exporter {
    fn run<'a>(&'a self, argv: &'a [String]) -> Run<'a> {
        let (dir, variables, timeout) = (&self.root, &self.variables, self.timeout);
        Run { argv, dir, variables, timeout, stop: &self.stop }
    }

    /// What is there; `None` where there is no such item.
    fn export(&self, name: &str) -> anyhow::Result<Option<Value>> {
        let argv = fill(&self.keys.export, &[("name", name)])?;
        let run = self.run(&argv);
        let ended = run.ended()?;
        if !ended.status.success() {
            if self.keys.not_found.as_ref().is_some_and(|rule| rule.fits(&ended)) {
                return Ok(None);
            }
            return Err(run.failed(&ended).into());
        }
        let documents = yaml::read(&format!("the export of {name}"), &ended.stdout)?;
        let [document] = <[_; 1]>::try_from(documents).map_err(|documents| {
            let message = format!(
                "cannot use the export of `{name}`: it holds {} documents, not one",
                documents.len()
            );
            let hint = "`export` must print one YAML document on stdout, or fail";
            Hinted::new(Code::Config, message, hint)
        })?;
        Ok(Some(document.value))
    }

    fn compare(&self, mut item: Item) -> anyhow::Result<Compared> {
        self.ignore.remove(&mut item.value);
        let Some(exported) = self.export(&item.id.name)? else {
            let rejected = self
                .keys
                .create
                .is_none()
                .then(|| "it is not there, and the actuator has no `create`".to_owned());
            return Ok(Compared { rejected, ..Compared::absent(item) });
        };
        let value = self.counted(&item.value, &exported);
        let version = sha256(sorted(&value).to_string().as_bytes());
        Ok(Compared::present(item, Live { uid: UID.to_owned(), version, value }))
    }

    /// The part of an export that counts.
    fn counted(&self, declared: &Value, exported: &Value) -> Value {
        let mut value = exported.clone();
        self.ignore.remove(&mut value);
        match self.keys.compare.mode {
            Mode::Exact => value,
            Mode::Subset => projection(&value, declared, &Fields::default()),
        }
    }

    fn change(&self, compared: &Compared) -> anyhow::Result<()> {
        let name = &compared.item.id.name;
        let argv = match (&compared.live, &self.keys.create) {
            (None, Some(create)) => create,
            _ => &self.keys.apply,
        };
        let mut payload = compared.item.value.clone();
        // Exported once more: what a service changes by itself (a fingerprint) must be its latest.
        if self.keys.payload == Payload::Overlay
            && let Some(exported) = self.export(name)?
        {
            let now = self.counted(&compared.item.value, &exported);
            if compared.live.as_ref().is_some_and(|live| live.value != now) {
                let message = format!("cannot change `{name}`: it changed meanwhile");
                return Err(Hinted::new(Code::Stale, message, "run it again").into());
            }
            payload = overlay(exported, payload);
        }
        let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
        let file = dir.path().join("payload.yaml");
        files::replace(&file, serde_yaml::to_string(&payload)?.as_bytes())?;
        let file = file.to_str().context("the temporary directory is not UTF-8")?;
        self.run(&fill(argv, &[("name", name), ("file", file)])?).succeed().map(|_| ())
    }

    /// Several commands at once; the results keep the order.
    fn at_once<T: Sync, R: Send>(&self, list: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let width = self.keys.concurrency.unwrap_or(4).max(1);
        let mut results = Vec::with_capacity(list.len());
        for part in list.chunks(width) {
            std::thread::scope(|scope| {
                let work = &work;
                let threads: Vec<_> =
                    part.iter().map(|item| scope.spawn(move || work(item))).collect();
                results.extend(threads.into_iter().map(|thread| match thread.join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                }));
            });
        }
        results
    }
}

/// An item is told from a later one of the same name by nothing.
const UID: &str = "item";

impl NotFound {
    fn fits(&self, ended: &super::process::Ended) -> bool {
        let exit = self.exit.is_none_or(|code| ended.status.code() == Some(code));
        exit && ended.stderr.contains(&self.stderr)
    }
}

/// `over` laid on `under`: maps key by key, everything else as a whole.
fn overlay(under: Value, over: Value) -> Value {
    match (under, over) {
        (Value::Object(mut under), Value::Object(over)) => {
            for (key, value) in over {
                let old = under.remove(&key).unwrap_or_default();
                under.insert(key, overlay(old, value));
            }
            Value::Object(under)
        }
        (_, over) => over,
    }
}

impl Actuator for Exporter {
    fn target(&self) -> anyhow::Result<Target> {
        let words = |word: &&String| !word.starts_with('-') && !word.contains('{');
        let address: Vec<&str> = self.keys.apply.iter().filter(words).map(String::as_str).collect();
        Ok(Target { kind: "command".to_owned(), address: address.join(" "), uid: String::new() })
    }

    fn state(&self) -> &dyn State {
        &self.state
    }

    fn shared_lock(&self) -> Option<SharedLock> {
        Some(self.keys.lock.clone())
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        let mut items: Vec<Item> = Vec::new();
        for file in &declared.files {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let Some((stem, "yaml" | "yml" | "json")) = name.rsplit_once('.') else { continue };
            let id = Id::plain("Item", stem);
            if let Some(other) = items.iter().find(|item| item.id == id) {
                let message =
                    format!("cannot use `{}`: `{}` is the same item", file.path, other.origin);
                return Err(Hinted::new(Code::Ambiguous, message, "rename one of them").into());
            }
            let mut documents = yaml::read(&file.path, &file.bytes)?;
            let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
                let message = format!("cannot use `{}`: it does not hold one document", file.path);
                return Err(Hinted::new(Code::Config, message, "one file is one item").into());
            };
            items.push(Item { id, value: document.value, origin: file.path.clone() });
        }
        Ok(items)
    }

    fn observe(&self, items: Vec<Item>, inventory: &Inventory) -> anyhow::Result<Observation> {
        let declared: Vec<Id> = items.iter().map(|item| item.id.clone()).collect();
        let compared = self.at_once(&items, |item| self.compare(item.clone()));
        let compared = compared.into_iter().collect::<anyhow::Result<_>>()?;
        let mut observation = Observation { compared, ..Observation::default() };
        for (id, entry) in inventory.entries.iter().filter(|(id, _)| !declared.contains(id)) {
            if self.keys.delete.is_none() {
                let note = format!("{id} is no longer declared; the actuator has no `delete`");
                observation.notes.push(note);
            } else if let Some(value) = self.export(&id.name)? {
                let version = sha256(sorted(&value).to_string().as_bytes());
                let live = Live { uid: UID.to_owned(), version, value };
                let (id, uid) = (id.clone(), entry.uid.clone());
                observation.orphans.push(Orphan {
                    id,
                    uid,
                    live,
                    is_marked: true,
                    holds_others: false,
                    is_lost: false,
                });
            }
        }
        Ok(observation)
    }

    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
        let results = self.at_once(stage, |compared| {
            lock.check()?;
            self.change(compared).map(|()| UID.to_owned())
        });
        stage.iter().map(|compared| compared.item.id.clone()).zip(results).collect()
    }

    fn prune(&self, prune: &Prune) -> anyhow::Result<()> {
        let Some(delete) = &self.keys.delete else { return Ok(()) };
        self.run(&fill(delete, &[("name", &prune.id.name)])?).succeed().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_overlay_keeps_what_is_not_declared() {
        let under = json!({"fingerprint": "x", "labels": {"a": "1", "b": "2"}, "tags": ["t"]});
        let over = json!({"labels": {"a": "3"}, "tags": ["u"], "new": {}});
        let both =
            json!({"fingerprint": "x", "labels": {"b": "2", "a": "3"}, "tags": ["u"], "new": {}});
        assert_eq!(overlay(under, over), both);
    }
}
