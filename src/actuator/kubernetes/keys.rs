//! The keys of `kind: kubernetes`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::actuator::settings;

/// The keys of `kind: kubernetes`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(default)]
    pub(super) context: Option<String>,
    #[serde(default)]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Where objects go that name no namespace.
    #[serde(default)]
    pub(super) namespace: Option<String>,
    /// The uid of the namespace `kube-system`: refuses any other cluster.
    #[serde(default)]
    pub(super) cluster_uid: Option<String>,
    #[serde(default)]
    pub(super) field_manager: Option<String>,
    #[serde(default)]
    pub(super) inventory: InventoryKeys,
    #[serde(default)]
    pub(super) conflicts: Conflicts,
    #[serde(default)]
    pub(super) ignore: Vec<IgnoreKeys>,
    #[serde(default)]
    pub(super) lock: LockKeys,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct InventoryKeys {
    #[serde(default)]
    pub(super) namespace: Option<String>,
}

/// What to do about fields that other managers hold.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Conflicts {
    #[serde(default)]
    pub(super) default: Policy,
    #[serde(default)]
    pub(super) managers: BTreeMap<String, Policy>,
}

/// What to do about a field that another manager holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Policy {
    /// Refuse to go on.
    #[default]
    Fail,
    /// Take it.
    Force,
    /// Leave it: it is not applied, whatever Git declares.
    Ignore,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct IgnoreKeys {
    #[serde(default)]
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) paths: Vec<String>,
    /// For the reader of the file.
    #[serde(default, rename = "reason")]
    _reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LockKeys {
    #[serde(default)]
    pub(super) kind: LockKind,
    #[serde(default, deserialize_with = "settings::span")]
    pub(super) duration: Option<Duration>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LockKind {
    #[default]
    Lease,
    None,
}
