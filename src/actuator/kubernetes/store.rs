//! The inventory: a ConfigMap, with more of them where one is too small.
//!
//! Entries beyond the first shard are written, under names made of their content, before the one that names them;
//! so a reader sees a whole inventory, old or new, whatever was interrupted.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::api::{Api, Call, Failure};
use crate::actuator::Stored;
use crate::actuator::local::moved;
use crate::error::{Code, Hinted};
use crate::plan::Inventory;
use crate::plan::digest::sha256;

/// So many entries fit a ConfigMap with room to spare.
const SHARD: usize = 5000;
const KEY: &str = "inventory.json";

/// Where the inventory is.
pub(super) struct Store {
    pub(super) api: Arc<Api>,
    pub(super) namespace: String,
    pub(super) environment: String,
}

impl Store {
    pub(super) fn name(&self) -> String {
        format!("gitops-inventory-{}", object_name(&self.environment))
    }

    /// The identity of the set, as `ApplySet` makes it, so that its tools recognise it.
    pub(super) fn part_of(&self) -> String {
        let parent = format!("{}.{}.ConfigMap.", self.name(), self.namespace);
        format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(Sha256::digest(parent)))
    }

    fn list(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    /// A server says of an object in no namespace only that it is not there.
    fn check_namespace(&self) -> anyhow::Result<()> {
        match self.api.find(&format!("/api/v1/namespaces/{}", self.namespace)) {
            Ok(None) => Err(homeless("use the inventory", &self.environment, &self.namespace)),
            // Who may not ask finds out later.
            _ => Ok(()),
        }
    }

    fn error(&self, verb: &str, failure: &Failure) -> anyhow::Error {
        if failure.code == 404 {
            return homeless(&format!("{verb} the inventory"), &self.environment, &self.namespace);
        }
        failure.error(&format!("{verb} the inventory of `{}`", self.environment))
    }

    pub(super) fn read(&self) -> anyhow::Result<Stored> {
        let path = format!("{}/{}", self.list(), self.name());
        let found = self.api.find(&path).map_err(|failure| self.error("read", &failure))?;
        let Some(map) = found else {
            self.check_namespace()?;
            let inventory =
                Inventory { environment: self.environment.clone(), ..Inventory::default() };
            return Ok(Stored { inventory, ..Stored::default() });
        };
        let mut json = content(&map);
        for shard in shards(&json) {
            let found = self.api.find(&format!("{}/{shard}", self.list()));
            let found = found.map_err(|failure| self.error("read", &failure))?;
            let more = found.as_ref().map(content).unwrap_or_default();
            let Value::Object(more) = more else {
                let message = format!(
                    "cannot read the inventory of `{}`: `{shard}` is gone",
                    self.environment
                );
                let hint = format!(
                    "delete the ConfigMap {} to begin anew; nothing is deleted then",
                    self.name()
                );
                return Err(Hinted::new(Code::NotFound, message, hint).into());
            };
            if let Some(entries) = json["entries"].as_object_mut() {
                entries.extend(more);
            }
        }
        let Some(inventory) = Inventory::of_json(&json) else {
            let message = format!(
                "cannot use the ConfigMap {} in {}: it holds no inventory",
                self.name(),
                self.namespace
            );
            return Err(
                Hinted::new(Code::Config, message, "delete it, or rename the environment").into()
            );
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (uid, version) =
            (text(&map["metadata"]["uid"]), text(&map["metadata"]["resourceVersion"]));
        Ok(Stored { inventory, uid, version })
    }

    pub(super) fn write(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored> {
        let (json, more) = split(inventory.to_json(), &self.name());
        for (name, entries) in &more {
            self.write_shard(name, entries)?;
        }
        let old = shards(&json);
        let map = self.config_map(&self.name(), &json, over);
        let call = match over.version.as_str() {
            "" => Call::post(self.list(), map),
            _ => Call::put(format!("{}/{}", self.list(), self.name()), map),
        };
        let written = match self.api.call(call) {
            Ok(written) => written,
            // The answer may be lost, or this may be the answer to a request of ours that came through.
            Err(failure) if matches!(failure.code, 0 | 409) => {
                let now = self.read()?;
                if now.inventory != *inventory {
                    return Err(if failure.code == 409 {
                        moved(&self.environment).into()
                    } else {
                        self.error("write", &failure)
                    });
                }
                return Ok(now);
            }
            Err(failure) => return Err(self.error("write", &failure)),
        };
        self.sweep(&old);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (uid, version) =
            (text(&written["metadata"]["uid"]), text(&written["metadata"]["resourceVersion"]));
        Ok(Stored { inventory: inventory.clone(), uid, version })
    }

    fn config_map(&self, name: &str, json: &Value, over: &Stored) -> Value {
        let mut metadata = json!({
            "name": name, "namespace": self.namespace,
            "labels": {"applyset.kubernetes.io/id": self.part_of()},
            "annotations": {"applyset.kubernetes.io/tooling": "gitops/v1"},
        });
        if !over.version.is_empty() {
            metadata["uid"] = json!(over.uid);
            metadata["resourceVersion"] = json!(over.version);
        }
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
               "data": {KEY: json.to_string()}})
    }

    fn write_shard(&self, name: &str, entries: &Value) -> anyhow::Result<()> {
        let mut map = self.config_map(name, entries, &Stored::default());
        map["immutable"] = json!(true);
        map["metadata"]["labels"] = json!({"gitops/inventory": self.name()});
        match self.api.call(Call::post(self.list(), map)) {
            // The name is made of the content, so it is there already.
            Err(failure) if failure.code != 409 => Err(self.error("write", &failure)),
            _ => Ok(()),
        }
    }

    /// Removes shards that no inventory names any more; what stays does no harm.
    fn sweep(&self, named: &[String]) {
        if named.is_empty() {
            return;
        }
        let query = format!(
            "labelSelector={}",
            super::api::encode(&format!("gitops/inventory={}", self.name()))
        );
        let found = self.api.list(&self.list(), &query).unwrap_or_default();
        let there = found.iter().filter_map(|map| map["metadata"]["name"].as_str());
        for name in there.filter(|name| !named.iter().any(|other| other == name)) {
            // The next run tries again.
            let _ = self.api.call(Call::delete(format!("{}/{name}", self.list()), json!({})));
        }
    }
}

/// The refusal to keep anything in a namespace that is not there, be it declared in the same set.
pub(super) fn homeless(attempt: &str, environment: &str, namespace: &str) -> anyhow::Error {
    let message =
        format!("cannot {attempt} of `{environment}`: there is no namespace `{namespace}`");
    // Only `kubernetes` keeps them apart from what it applies.
    let hint = "create it first, or correct gitops.yaml; `kubernetes` can keep lock and inventory elsewhere: \
                `inventory: { namespace: … }`";
    Hinted::new(Code::NotFound, message, hint).into()
}

/// The part of an object's name that stands for an environment: its own where that is a name in Kubernetes too.
pub(super) fn object_name(environment: &str) -> String {
    const LONGEST: usize = 40;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = environment.len() <= LONGEST
        && environment.chars().all(|c| is_plain(c) || c == '-')
        && environment.starts_with(is_plain)
        && environment.ends_with(is_plain);
    if fits {
        return environment.to_owned();
    }
    let lower = environment.to_lowercase();
    let plain: String = lower.chars().map(|c| if is_plain(c) { c } else { '-' }).take(30).collect();
    let digest = &sha256(environment.as_bytes())[..8];
    match plain.trim_matches('-') {
        "" => digest.to_owned(),
        plain => format!("{plain}-{digest}"),
    }
}

fn content(map: &Value) -> Value {
    let text = map["data"][KEY].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

fn shards(json: &Value) -> Vec<String> {
    let names = json["shards"].as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Moves the entries that do not fit out into shards, and names these.
fn split(mut json: Value, name: &str) -> (Value, Vec<(String, Value)>) {
    let Some(entries) = json["entries"].as_object().filter(|entries| entries.len() > SHARD) else {
        return (json, Vec::new());
    };
    let all: Vec<(String, Value)> = entries.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut parts =
        all.chunks(SHARD).map(|part| Value::Object(part.iter().cloned().collect::<Map<_, _>>()));
    let first = parts.next().unwrap_or_default();
    let more: Vec<(String, Value)> = parts
        .map(|part| (format!("{name}-{}", &sha256(part.to_string().as_bytes())[..10]), part))
        .collect();
    json["entries"] = first;
    json["shards"] = more.iter().map(|(name, _)| json!(name)).collect();
    (json, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_has_a_name_of_its_own() {
        let long = "a".repeat(41);
        let table = [
            ("prod-1", "prod-1"),
            ("Prod_EU", "prod-eu-"),
            ("prod.eu", "prod-eu-"),
            ("-x", "x-"),
            ("テスト", ""),
            (&long, &long[..30]),
        ];
        let mut names: Vec<String> = Vec::new();
        for (environment, beginning) in table {
            let name = object_name(environment);
            assert!(name.starts_with(beginning) && name.len() <= 40, "{environment}: {name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!names.contains(&name), "{name}");
            names.push(name);
        }
    }

    #[test]
    fn a_large_inventory_is_split_and_named_by_content() {
        let entries: Map<String, Value> =
            (0..=SHARD * 2).map(|n| (format!("/ConfigMap/a/{n:05}"), json!(""))).collect();
        let (first, more) = split(json!({"entries": entries}), "gitops-inventory-prod");
        assert_eq!(first["entries"].as_object().unwrap().len(), SHARD);
        let sizes: Vec<usize> =
            more.iter().map(|(_, part)| part.as_object().unwrap().len()).collect();
        assert_eq!(sizes, [SHARD, 1]);
        assert_eq!(shards(&first), more.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        let (small, none) = split(json!({"entries": {"a": ""}}), "n");
        assert!(none.is_empty() && shards(&small).is_empty());
    }
}
