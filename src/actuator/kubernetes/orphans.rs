//! Objects that are ours, there, and no longer declared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Kubernetes;
use super::discovery::Resource;
use crate::plan::ownership::PART_OF;
use crate::plan::{Id, Inventory, Live, Orphan};

/// What is listed as ours, no longer declared, and there.
pub(super) fn find(
    cluster: &Kubernetes,
    live: &BTreeMap<Id, Value>,
    declared: &BTreeSet<Id>,
    inventory: &Inventory,
) -> anyhow::Result<Vec<Orphan>> {
    let part_of = cluster.store.part_of();
    let marked = |object: &Value| object["metadata"]["labels"][PART_OF] == part_of.as_str();
    let uids: BTreeSet<&str> =
        declared.iter().filter_map(|id| live.get(id)?["metadata"]["uid"].as_str()).collect();
    let mut orphans = Vec::new();
    for (id, object) in live.iter().filter(|(id, _)| !declared.contains(*id)) {
        let entry = inventory.entries.get(id);
        // An inventory that is new has lost what its label still marks.
        let is_lost = entry.is_none();
        if is_lost && !marked(object) {
            continue;
        }
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        // The same object under another API group is declared.
        if uids.contains(uid) {
            continue;
        }
        let holds_others = id.is_namespace() && holds_others(cluster, &id.name, inventory)?;
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let value = object.clone();
        orphans.push(Orphan {
            id: id.clone(),
            uid: entry.and_then(|entry| entry.uid.clone()),
            live: Live { uid: uid.to_owned(), version: version.to_owned(), value },
            is_marked: marked(object),
            holds_others,
            is_lost,
        });
    }
    Ok(orphans)
}

/// Kinds that the cluster makes by itself and for itself.
const CLUSTERS_OWN: &[&str] = &["Event", "Endpoints", "EndpointSlice", "PodMetrics"];

/// Whether a namespace has objects that are not in our inventory.
fn holds_others(
    cluster: &Kubernetes,
    namespace: &str,
    inventory: &Inventory,
) -> anyhow::Result<bool> {
    let discovery = cluster.discovery()?;
    // What cannot be listed may be there.
    if !discovery.stale.is_empty() {
        return Ok(true);
    }
    let kinds: Vec<Resource> = discovery
        .namespaced()
        .filter(|resource| !CLUSTERS_OWN.contains(&resource.kind.as_str()))
        .cloned()
        .collect();
    let paths: Vec<String> = kinds.iter().map(|resource| resource.path(namespace)).collect();
    let mut found: Vec<(Id, Value)> = Vec::new();
    for (resource, answer) in kinds.iter().zip(cluster.api.lists(&paths)) {
        let Ok(objects) = answer else { return Ok(true) };
        found.extend(objects.into_iter().map(|object| (super::id_of(resource, &object), object)));
    }
    let uids: BTreeSet<&str> =
        found.iter().filter_map(|(_, object)| object["metadata"]["uid"].as_str()).collect();
    Ok(found.iter().any(|(id, object)| {
        !is_default(id) && !inventory.entries.contains_key(id) && !is_controlled(object, &uids)
    }))
}

/// What every namespace has.
fn is_default(id: &Id) -> bool {
    matches!(
        (id.kind.as_str(), id.name.as_str()),
        ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
    )
}

/// Whether an object's controller is among these: a pod of a Deployment is judged by the Deployment, a pod that
/// somebody started by itself.
fn is_controlled(object: &Value, uids: &BTreeSet<&str>) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let mut controllers = owners.filter(|owner| owner["controller"] == true);
    controllers.any(|owner| owner["uid"].as_str().is_some_and(|uid| uids.contains(uid)))
}
