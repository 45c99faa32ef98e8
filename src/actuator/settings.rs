//! `actuator:` of an environment: the keys that all kinds share, and those of one kind.

use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::{Code, Hinted};
use crate::plan::{Rules, duration};

/// An environment's `actuator:`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What every kind has.
    pub common: Common,
    /// The rest, for the kind to read.
    pub own: Value,
}

/// The keys that every kind has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Common {
    /// The actuator.
    pub kind: String,
    /// The directory that declares the environment, where it is not its files.
    #[serde(default)]
    pub path: Option<String>,
    /// How long to wait until it is healthy.
    #[serde(default)]
    wait: Wait,
    #[serde(default)]
    prune: Prune,
    /// What is deleted only with `--allow`, besides the built-in kinds.
    #[serde(default)]
    protect: Vec<String>,
    /// What may be deleted and made again when a field cannot be changed.
    #[serde(default)]
    recreate: Vec<String>,
    /// What `--watch` does about drift.
    #[serde(default)]
    pub drift: Drift,
    /// The longest wait for a lock that somebody else holds.
    #[serde(default, deserialize_with = "span")]
    pub lock_timeout: Option<Duration>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Wait {
    #[serde(default, deserialize_with = "span")]
    timeout: Option<Duration>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Prune {
    enabled: Option<bool>,
    max: Option<usize>,
    percent: Option<usize>,
}

/// What `--watch` does about drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// Do not look.
    Off,
    /// Say so.
    #[default]
    Notify,
    /// Put it right.
    Remediate,
}

/// `lock:` of an actuator whose own lock ends at this host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SharedLock {
    /// What keeps other hosts out; by default a reference, where there is a remote repository.
    #[serde(default)]
    pub kind: Option<SharedLockKind>,
    /// After that time without a sign of life, it is free.
    #[serde(default, deserialize_with = "span")]
    pub duration: Option<Duration>,
}

/// What keeps other hosts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedLockKind {
    /// `refs/gitops/locks/ENV` of the remote repository.
    GitRef,
    /// Nothing: a file of this host is all there is.
    File,
}

/// The keys of [`Common`].
const COMMON: &[&str] =
    &["kind", "path", "wait", "prune", "protect", "recreate", "drift", "lock-timeout"];

/// How long to wait for health where nothing else is said.
const PATIENCE: Duration = Duration::from_mins(5);

impl Settings {
    /// Reads `actuator:` of an environment.
    pub fn read(environment: &str, actuator: &Value) -> anyhow::Result<Self> {
        let refuse = |error: serde_json::Error| refused(environment, &error);
        let Value::Object(map) = actuator else {
            return Err(refuse(serde_json::Error::custom("it is no mapping")));
        };
        let is_common = |key: &str| COMMON.contains(&key);
        let part = |wanted: bool| -> Map<String, Value> {
            let of = |(key, _): &(&String, &Value)| is_common(key) == wanted;
            map.iter().filter(of).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let common = serde_json::from_value(part(true).into()).map_err(refuse)?;
        Ok(Self { common, own: part(false).into() })
    }
}

impl Common {
    /// Whether a controller makes the changes, which has to have our commit.
    #[must_use]
    pub fn is_handed_over(&self) -> bool {
        matches!(self.kind.as_str(), "argocd" | "flux")
    }

    /// Whether it takes files that are no manifests too: a folder's, or those of a chart.
    #[must_use]
    pub fn takes_all_files(&self) -> bool {
        matches!(self.kind.as_str(), "directory" | "helm-release" | "helmfile")
    }

    /// How long to wait for health.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.wait.timeout.unwrap_or(PATIENCE)
    }

    /// What the gates go by.
    #[must_use]
    pub fn rules(&self, allowed: Vec<String>) -> Rules {
        let default = Rules::default();
        Rules {
            prune: self.prune.enabled.unwrap_or(true),
            max_prune: self.prune.max.unwrap_or(default.max_prune),
            max_prune_percent: self.prune.percent.unwrap_or(default.max_prune_percent),
            protected: self.protect.clone(),
            recreate: self.recreate.clone(),
            allowed,
            ..default
        }
    }
}

/// Reads the keys of one kind.
pub(super) fn own<T: DeserializeOwned>(environment: &str, own: Value) -> anyhow::Result<T> {
    serde_json::from_value(own).map_err(|error| refused(environment, &error))
}

fn refused(environment: &str, error: &serde_json::Error) -> anyhow::Error {
    let message = format!("cannot use `actuator` of the environment `{environment}`: {error}");
    Hinted::new(Code::Config, message, "docs/apply.md describes every key").into()
}

/// A span of time: `90s`, or a number of seconds.
pub(super) fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let value = Option::<Value>::deserialize(from)?;
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    duration::parse(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn splits_the_keys() {
        let json = json!({"kind": "directory", "to": "/srv", "wait": {"timeout": "1m"},
            "prune": {"max": 3}, "recreate": ["Job"], "drift": "remediate"});
        let settings = Settings::read("prod", &json).unwrap();
        assert_eq!(settings.own, json!({"to": "/srv"}));
        assert_eq!(settings.common.patience(), Duration::from_mins(1));
        assert_eq!(settings.common.drift, Drift::Remediate);
        let rules = settings.common.rules(vec![]);
        assert_eq!((rules.max_prune, rules.max_prune_percent, rules.prune), (3, 20, true));
    }

    #[test]
    fn names_what_is_wrong() {
        let table = [
            (json!([]), "it is no mapping"),
            (json!({}), "missing field `kind`"),
            (json!({"kind": "x", "prune": {"mx": 1}}), "unknown field `mx`"),
            (json!({"kind": "x", "wait": {"timeout": "5 m"}}), "`5 m` is no span of time"),
        ];
        for (json, cause) in table {
            let error = Settings::read("prod", &json).unwrap_err().to_string();
            assert!(error.contains(cause) && error.contains("`prod`"), "{error}");
        }
    }
}
