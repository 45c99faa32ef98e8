//! What `apply` drives: one file and one row of `ACTUATORS` per kind.
//!
//! An actuator turns declared files into items, compares them with what is there, changes one object at a time and
//! tells how it is. The order of events is not its business; the one in `commands/apply` holds for all.

mod argocd;
mod command;
mod directory;
mod flux;
mod handover;
mod helm;
mod helmfile;
mod kubernetes;
mod local;
mod manifests;
mod process;
mod releases;
pub mod render;
mod settings;
mod stop;
mod yaml;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Code, Hinted};
use crate::plan::file::Target;
use crate::plan::health::Health;
use crate::plan::{Compared, Id, Inventory, Item, Observation, Prune};

pub use handover::Ancestry;
pub use settings::{Common, Drift, Settings, SharedLock, SharedLockKind};
pub use stop::{Busy, Stop, Work};
pub use yaml::{holds_secret, secrets, secrets_of};

/// A file that declares the environment, rendered where the environment is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the environment's directory.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is a program.
    pub is_executable: bool,
}

/// What Git declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The commit.
    pub commit: String,
    /// The files.
    pub files: Vec<File>,
}

/// Where and for whom an actuator works.
#[derive(Clone, Debug)]
pub struct Context {
    /// The environment's name.
    pub environment: String,
    /// The root of the checkout: commands run there, relative paths start there.
    pub root: PathBuf,
    /// Where state is kept that has no better place.
    pub state: PathBuf,
    /// Variables that a command may be given, as `gitops` itself was started with them.
    pub variables: Vec<(String, String)>,
    /// The kubeconfig files, first one first.
    pub kubeconfig: Vec<PathBuf>,
    /// Take over fields that other managers hold.
    pub force_conflicts: bool,
    /// How long anything may take.
    pub timeout: Duration,
    /// Do not wait for what others do with a change.
    pub no_wait: bool,
    /// What a later commit that a controller has instead of ours contains.
    pub ancestry: Ancestry,
    /// The signals that ask us to end.
    pub stop: Stop,
}

/// Who holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Unique: `host/pid/random`.
    pub id: String,
    /// What it is doing, for people: user, CI run.
    pub about: String,
    /// Since when, as the lock says.
    pub since: String,
}

/// A lock that is held until it is dropped.
pub trait Lock: Send + Sync {
    /// Rises with every holder.
    fn token(&self) -> u64;
    /// An error when it may have been lost: then nothing may be written any more.
    fn check(&self) -> anyhow::Result<()>;
}

/// The inventory as it was read.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// What it says.
    pub inventory: Inventory,
    /// Tells it from one that was deleted and made again; empty where there is none.
    pub uid: String,
    /// Changes with every write.
    pub version: String,
}

/// What became of one change: the object's uid.
pub type Applied = (Id, anyhow::Result<String>);

/// Where the lock and the inventory of an environment are kept.
pub trait State: Send + Sync {
    /// Takes the lock, waiting up to `patience` for its holder.
    fn lock(&self, holder: &Holder, patience: Duration) -> anyhow::Result<Box<dyn Lock>>;

    /// Who holds the lock.
    fn holder(&self) -> anyhow::Result<Option<Holder>>;

    /// Breaks the lock, if that holder still has it.
    fn unlock(&self, holder: &Holder) -> anyhow::Result<()>;

    /// Reads the inventory; a new one where there is none.
    fn inventory(&self) -> anyhow::Result<Stored>;

    /// Writes the inventory over the one that was read; an error when that one is no longer there.
    fn record(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored>;
}

/// Drives one kind of place.
pub trait Actuator: Send + Sync {
    /// Where changes would be made; an error when it is the wrong place.
    fn target(&self) -> anyhow::Result<Target>;

    /// What keeps its lock and its inventory.
    fn state(&self) -> &dyn State;

    /// What other hosts are kept out by, where the lock of its state ends at this one.
    fn shared_lock(&self) -> Option<SharedLock> {
        None
    }

    /// Reads what is declared; every finding is in the error.
    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>>;

    /// Compares what is declared with what is there, and changes nothing.
    fn observe(&self, items: Vec<Item>, inventory: &Inventory) -> anyhow::Result<Observation>;

    /// From now on, fields that others hold are taken back: everything declared was applied before.
    fn reclaim(&self) {}

    /// Makes the changes of one stage, and tells what became of each.
    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied>;

    /// What is to be done once after all changes: a reload.
    fn finish(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// How objects are.
    fn health(&self, ids: &[Id]) -> anyhow::Result<Vec<(Id, Health)>> {
        Ok(ids.iter().map(|id| (id.clone(), Health::Current(None))).collect())
    }

    /// What an unhealthy object's events and logs say.
    fn diagnose(&self, _id: &Id) -> Vec<String> {
        Vec::new()
    }

    /// Deletes an object, if it is still the one that was judged.
    fn prune(&self, prune: &Prune) -> anyhow::Result<()>;

    /// Whether a deleted object is still on its way out.
    fn lingers(&self, _id: &Id, _uid: &str) -> anyhow::Result<bool> {
        Ok(false)
    }

    /// How strong the pins of a plan are.
    fn guarantee(&self) -> &'static str {
        "live-state"
    }
}

/// A kind of actuator.
struct Row {
    kind: &'static str,
    make: fn(Value, Context, &Common) -> anyhow::Result<Box<dyn Actuator>>,
}

const ACTUATORS: &[Row] = &[
    Row { kind: "argocd", make: argocd::make },
    Row { kind: "command", make: command::make },
    Row { kind: "directory", make: directory::make },
    Row { kind: "flux", make: flux::make },
    Row { kind: "helm-release", make: helm::make },
    Row { kind: "helmfile", make: helmfile::make },
    Row { kind: "kubernetes", make: kubernetes::make },
];

/// The actuator of an environment.
pub fn make(settings: &Settings, context: Context) -> anyhow::Result<Box<dyn Actuator>> {
    let Some(row) = ACTUATORS.iter().find(|row| row.kind == settings.common.kind) else {
        let kinds: Vec<&str> = ACTUATORS.iter().map(|row| row.kind).collect();
        let message = format!(
            "cannot apply `{}`: there is no actuator `{}`",
            context.environment, settings.common.kind
        );
        let hint = format!("`actuator.kind` is one of {}", kinds.join(", "));
        return Err(Hinted::new(Code::Config, message, hint).into());
    };
    (row.make)(settings.own.clone(), context, &settings.common)
}
