//! What `apply` will do, decided before anything is touched.
//!
//! An actuator compares what Git declares with what is there ([`Observation`]); [`decide`] makes a [`Plan`] of it:
//! the changes in the order of their stages, the prunes in reverse, and the gates that refuse it. Nothing
//! in here talks to anything.

pub mod digest;
pub mod duration;
pub mod field;
pub mod file;
pub mod gate;
pub mod health;
pub mod hook;
pub mod inventory;
pub mod manifest;
pub mod nested;
pub mod ownership;
pub mod prune;
pub mod stage;
pub mod watch;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

pub use field::{FieldChange, Path};
pub use gate::{Refusal, Rules};
pub use inventory::Inventory;
pub use prune::{Orphan, Prune};

/// What an object is called, in whatever the actuator drives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The API group; empty for Kubernetes' core and for what is not Kubernetes.
    pub group: String,
    /// `Deployment`; `File` for a directory, `Item` for a command.
    pub kind: String,
    /// Empty where there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Id {
    /// An object of something that has neither groups nor namespaces.
    #[must_use]
    pub fn plain(kind: &str, name: &str) -> Self {
        let (group, namespace) = (String::new(), String::new());
        Self { group, kind: kind.to_owned(), namespace, name: name.to_owned() }
    }

    /// `apps/Deployment/shop/web`, for files.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { group, kind, namespace, name } = self;
        format!("{group}/{kind}/{namespace}/{name}")
    }

    /// Reads [`Id::key`] back; the name may hold slashes.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let mut parts = key.splitn(4, '/').map(str::to_owned);
        let mut next = || parts.next();
        Some(Self { group: next()?, kind: next()?, namespace: next()?, name: next()? })
    }

    /// Whether it takes everything in it along when it is deleted.
    #[must_use]
    pub fn is_namespace(&self) -> bool {
        self.kind == "Namespace" && self.group.is_empty()
    }

    /// Whether its values are secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == "Secret" && self.group.is_empty()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// What Git declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is called.
    pub id: Id,
    /// What it is to be.
    pub value: Value,
    /// The file it comes from.
    pub origin: String,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Tells an object from a later one of the same name.
    pub uid: String,
    /// Changes with every write.
    pub version: String,
    /// The part that Git declares or that we own.
    pub value: Value,
}

/// What is to be done to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It is as declared.
    Keep,
    /// It is not there.
    Create,
    /// It differs.
    Update,
    /// It is there, and not ours yet.
    Adopt,
    /// A field that cannot be changed differs: it is deleted and made again.
    Recreate,
}

impl Operation {
    /// The word in plans and outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt => "adopt",
            Self::Recreate => "recreate",
        }
    }
}

/// A field that another manager holds with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Whose it is.
    pub manager: String,
    /// Which field.
    pub field: String,
}

/// A field change, and who made what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The difference.
    pub change: FieldChange,
    /// The manager that last changed the field, and when; not where it is ours.
    pub by: Option<(String, String)>,
}

/// What a release consists of, for people; Secrets are masked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The objects that were made of it last.
    pub before: Vec<Value>,
    /// Those that would be made now.
    pub after: Vec<Value>,
}

/// One declared object beside what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What Git declares.
    pub item: Item,
    /// What is there.
    pub live: Option<Live>,
    /// What is to be done.
    pub operation: Operation,
    /// From what is there to what it will be.
    pub changes: Vec<Drift>,
    /// Fields of other managers; those the rules force are not among them.
    pub conflicts: Vec<Conflict>,
    /// Another tool's, or another environment's.
    pub owner: Option<String>,
    /// What the server says against it.
    pub rejected: Option<String>,
    /// What to do about that, where it is not what is declared that is wrong.
    pub remedy: Option<&'static str>,
    /// What it consists of, where it is a release.
    pub rendered: Option<Rendered>,
    /// When its turn is, where that is not with everything else.
    pub turn: Option<hook::Turn>,
}

impl Compared {
    /// An object that is not there yet.
    #[must_use]
    pub fn absent(item: Item) -> Self {
        Self {
            item,
            live: None,
            operation: Operation::Create,
            changes: Vec::new(),
            conflicts: Vec::new(),
            owner: None,
            rejected: None,
            remedy: None,
            rendered: None,
            turn: None,
        }
    }

    /// An object that is there, compared as two values.
    #[must_use]
    pub fn present(item: Item, live: Live) -> Self {
        let changes = field::changes(&live.value, &item.value);
        let changes: Vec<_> =
            changes.into_iter().map(|change| Drift { change, by: None }).collect();
        let operation = if changes.is_empty() { Operation::Keep } else { Operation::Update };
        Self { live: Some(live), operation, changes, ..Self::absent(item) }
    }
}

/// Everything an actuator found.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Every declared object.
    pub compared: Vec<Compared>,
    /// What the inventory lists, Git no longer declares, and is still there.
    pub orphans: Vec<Orphan>,
    /// What the inventory lists, Git no longer declares, and cannot be asked about now.
    pub unseen: Vec<Id>,
    /// What the user should know: a part that could not be compared in full.
    pub notes: Vec<String>,
}

/// What is to be done, in order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Stage after stage; the objects of one may be changed at once. Nothing to keep is among them.
    pub stages: Vec<Vec<Compared>>,
    /// What is as declared.
    pub kept: Vec<Compared>,
    /// To be deleted after everything else is healthy, in this order.
    pub prunes: Vec<Prune>,
    /// No longer declared, and kept: with the reason.
    pub spared: Vec<(Id, String)>,
    /// Why it may not be carried out.
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Whether it leaves everything as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty() && self.prunes.is_empty()
    }

    /// Every object to change, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Compared> {
        self.stages.iter().flatten()
    }

    /// Every declared object.
    pub fn declared(&self) -> impl Iterator<Item = &Compared> {
        self.changes().chain(&self.kept)
    }

    /// What a stage must not begin without: the hooks whose turn is before, and before the last hooks everything else,
    /// if that is waited for at all.
    #[must_use]
    pub fn needed_before(&self, stage: &[Compared], waits: bool) -> Vec<Id> {
        let Some(first) = stage.first() else { return Vec::new() };
        let now = stage::phase(first);
        let is_last = first.turn.is_some_and(|turn| turn.is_last);
        let counts = |other: &&Compared| {
            stage::phase(other) < now && (other.turn.is_some() || (is_last && waits))
        };
        self.declared().filter(counts).map(|other| other.item.id.clone()).collect()
    }

    /// How many objects each operation is done to.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::from([("keep", self.kept.len()), ("prune", self.prunes.len())]);
        for operation in ["create", "update", "adopt", "recreate"] {
            counts.insert(operation, 0);
        }
        for compared in self.changes() {
            *counts.entry(compared.operation.as_str()).or_default() += 1;
        }
        counts
    }
}

/// Makes the plan; everything that speaks against it is in its refusals.
pub fn decide(
    observation: Observation,
    inventory: &Inventory,
    rules: &Rules,
) -> anyhow::Result<Plan> {
    let mut refusals = gate::render(&observation, inventory, rules);
    refusals.extend(gate::objects(&observation.compared, rules));
    let declared: Vec<Id> = observation.compared.iter().map(|c| c.item.id.clone()).collect();
    let (prunes, mut spared) = prune::select(observation.orphans, &declared, rules);
    let unseen = "the server of its kind does not answer";
    spared.extend(observation.unseen.into_iter().map(|id| (id, unseen.to_owned())));
    refusals.extend(gate::prunes(&prunes, inventory, rules));
    refusals.extend(nested::in_the_way(&observation.compared, &spared));
    let (kept, changed): (Vec<_>, Vec<_>) =
        observation.compared.into_iter().partition(|c| c.operation == Operation::Keep);
    let stages = stage::order(changed)?;
    Ok(Plan { stages, kept, prunes, spared, refusals })
}
