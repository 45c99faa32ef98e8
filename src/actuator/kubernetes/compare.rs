//! What differs: lists first, then a dry run of what may differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::api::{APPLY, Call, Failure, encode};
use super::discovery::Resource;
use super::{Kubernetes, Policy};
use crate::plan::field::{self, Path, Step};
use crate::plan::ownership::{Fields, PART_OF, changed_by, foreign_owner, managers, projection};
use crate::plan::{
    Compared, Conflict, Drift, Id, Inventory, Item, Live, Observation, Operation, Orphan,
};

/// A declared object that has to be asked about.
struct Candidate {
    compared: Compared,
    resource: Resource,
    live: Value,
}

pub(super) fn observe(
    cluster: &Kubernetes,
    items: Vec<Item>,
    inventory: &Inventory,
) -> anyhow::Result<Observation> {
    let discovery = cluster.discovery()?;
    let mut observation = Observation::default();
    for group in &discovery.stale {
        observation.notes.push(format!("the server of {group} does not answer"));
    }
    let declared: BTreeSet<Id> = items.iter().map(|item| item.id.clone()).collect();
    let mut wanted: Vec<(Id, Resource)> = Vec::new();
    for item in &items {
        wanted.extend(cluster.resource(item)?.map(|resource| (item.id.clone(), resource)));
    }
    let undeclared = inventory.entries.keys().filter(|id| !declared.contains(*id));
    let orphaned: Vec<(Id, Resource)> =
        undeclared.filter_map(|id| Some((id.clone(), discovery.of(id)?.clone()))).collect();
    wanted.extend(orphaned.iter().cloned());
    let live = cluster.fetch(&wanted, inventory.is_new())?;
    let mut candidates = Vec::new();
    for item in items {
        let resource = cluster.resource(&item)?;
        match (live.get(&item.id), resource) {
            (Some(object), Some(resource)) => match quick(cluster, item, object, inventory) {
                Ok(compared) => observation.compared.push(compared),
                Err(compared) => {
                    candidates.push(Candidate {
                        compared: *compared,
                        resource,
                        live: object.clone(),
                    });
                }
            },
            // The kind is defined in the same set.
            (_, None) => observation.compared.push(Compared::absent(item)),
            (None, Some(resource)) => {
                let compared = Compared::absent(item);
                candidates.push(Candidate { compared, resource, live: Value::Null });
            }
        }
    }
    let compared = ask(cluster, candidates, &declared, &mut observation.notes);
    observation.compared.extend(compared);
    observation.compared.sort_by(|a, b| a.item.id.cmp(&b.item.id));
    observation.orphans = orphans(cluster, &live, &declared, inventory)?;
    Ok(observation)
}

/// Compares with what is there on the fields that are ours: `Ok` when nothing differs for certain.
fn quick(
    cluster: &Kubernetes,
    item: Item,
    object: &Value,
    inventory: &Inventory,
) -> Result<Compared, Box<Compared>> {
    let owned = owned(cluster, object);
    let live = live(object, &item.value, &owned);
    let known = inventory.entries.contains_key(&item.id);
    let marked = object["metadata"]["labels"][PART_OF] == cluster.store.part_of().as_str();
    let operation = if known || marked { Operation::Update } else { Operation::Adopt };
    let mut compared = Compared::absent(item);
    compared.operation = operation;
    compared.owner = owner(cluster, &compared.item, object);
    let declared = bare(&compared.item.value);
    let clean = field::changes(&bare(&live.value), &declared).is_empty() && owned.covers(&declared);
    compared.live = Some(live);
    if clean && operation == Operation::Update && compared.owner.is_none() {
        return Ok(Compared { operation: Operation::Keep, ..compared });
    }
    Err(Box::new(compared))
}

/// The fields that we applied.
fn owned(cluster: &Kubernetes, object: &Value) -> Fields {
    let ours = managers(object).into_iter().find(|m| m.applies && m.name == cluster.manager);
    ours.map(|manager| manager.fields).unwrap_or_default()
}

fn live(object: &Value, declared: &Value, owned: &Fields) -> Live {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    let value = projection(object, declared, owned);
    Live { uid: text("uid"), version: text("resourceVersion"), value }
}

/// Another tool's, unless what Git declares carries that tool's mark itself.
fn owner(cluster: &Kubernetes, item: &Item, object: &Value) -> Option<String> {
    let part_of = cluster.store.part_of();
    let owner = foreign_owner(object, &part_of)?;
    (foreign_owner(&item.value, &part_of).as_ref() != Some(&owner)).then_some(owner)
}

/// Without what identifies an object rather than being a part of it.
fn bare(object: &Value) -> Value {
    let mut bare = object.clone();
    if let Some(map) = bare.as_object_mut() {
        for key in ["apiVersion", "kind"] {
            map.remove(key);
        }
    }
    if let Some(metadata) = bare.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["name", "namespace"] {
            metadata.remove(key);
        }
    }
    bare
}

/// The dry run of an item.
fn dry_run(cluster: &Kubernetes, resource: &Resource, item: &Item, force: bool) -> Call {
    let path = format!(
        "{}?fieldManager={}&force={force}&dryRun=All&fieldValidation=Strict",
        resource.object(&item.id),
        encode(&cluster.manager)
    );
    Call::patch(path, item.value.clone(), APPLY)
}

/// Asks the server what each candidate would become.
fn ask(
    cluster: &Kubernetes,
    mut candidates: Vec<Candidate>,
    declared: &BTreeSet<Id>,
    notes: &mut Vec<String>,
) -> Vec<Compared> {
    let mut done = Vec::new();
    let mut forced = BTreeSet::new();
    // Twice: what is forced or left out after the first answer has to be asked about again.
    for round in 0..2 {
        let calls = candidates
            .iter()
            .map(|c| {
                let force = forced.contains(&c.compared.item.id);
                dry_run(cluster, &c.resource, &c.compared.item, force)
            })
            .collect();
        let answers = cluster.api.calls(calls);
        let mut again = Vec::new();
        for (mut candidate, answer) in candidates.into_iter().zip(answers) {
            match answer {
                Ok(result) => judge(cluster, &mut candidate, &result),
                Err(failure) => {
                    if reject(cluster, &mut candidate, &failure, declared, notes, &mut forced)
                        && round == 0
                    {
                        again.push(candidate);
                        continue;
                    }
                }
            }
            done.push(candidate.compared);
        }
        candidates = again;
    }
    done.extend(candidates.into_iter().map(|candidate| candidate.compared));
    *cluster.forced.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = forced;
    done
}

/// The server would take it: what changes?
fn judge(cluster: &Kubernetes, candidate: &mut Candidate, result: &Value) {
    let compared = &mut candidate.compared;
    if compared.live.is_none() {
        return;
    }
    let (before, after) = (visible(&candidate.live), visible(result));
    let managers = managers(&candidate.live);
    let drift = |change: field::FieldChange| {
        let by = changed_by(&managers, &change.path, &cluster.manager);
        let by = by.map(|manager| (manager.name.clone(), manager.time.clone()));
        Drift { change, by }
    };
    compared.changes = field::changes(&before, &after).into_iter().map(drift).collect();
    let same_owner = owned(cluster, &candidate.live) == owned(cluster, result);
    if compared.changes.is_empty() && same_owner && compared.operation == Operation::Update {
        compared.operation = Operation::Keep;
    }
}

/// Without what the server keeps for itself.
fn visible(object: &Value) -> Value {
    const SERVERS: &[&str] =
        &["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !SERVERS.contains(&key.as_str()));
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(PART_OF);
            if labels.is_empty() {
                metadata.remove("labels");
            }
        }
    }
    object
}

/// The server would not take it. True when it is worth asking again.
fn reject(
    cluster: &Kubernetes,
    candidate: &mut Candidate,
    failure: &Failure,
    declared: &BTreeSet<Id>,
    notes: &mut Vec<String>,
    forced: &mut BTreeSet<Id>,
) -> bool {
    let compared = &mut candidate.compared;
    let id = compared.item.id.clone();
    let conflicts = conflicts(failure);
    if !conflicts.is_empty() {
        return resolve(cluster, candidate, conflicts, forced);
    }
    let namespace = Id {
        group: String::new(),
        namespace: String::new(),
        ..Id::plain("Namespace", &id.namespace)
    };
    match failure.code {
        404 if declared.contains(&namespace) => {}
        404 if !id.namespace.is_empty() => {
            compared.rejected = Some(format!("there is no namespace `{}`", id.namespace));
        }
        422 if is_immutable(failure) => {
            compared.operation = Operation::Recreate;
            compared.changes = declared_changes(compared);
        }
        _ if failure.message.contains("does not support dry run") => {
            compared.changes = declared_changes(compared);
            notes.push(format!("{id}: a webhook takes no dry runs: compared without the server"));
        }
        _ => compared.rejected = Some(failure.message.clone()),
    }
    false
}

fn declared_changes(compared: &Compared) -> Vec<Drift> {
    let Some(live) = &compared.live else { return Vec::new() };
    let changes = field::changes(&visible(&live.value), &visible(&compared.item.value));
    changes.into_iter().map(|change| Drift { change, by: None }).collect()
}

/// `conflict with "kubectl-edit" using apps/v1` at `.spec.replicas`.
fn conflicts(failure: &Failure) -> Vec<Conflict> {
    let fields = failure.causes.iter().filter(|(reason, _, _)| reason == "FieldManagerConflict");
    fields
        .map(|(_, field, message)| Conflict {
            manager: message.split('"').nth(1).unwrap_or("another manager").to_owned(),
            field: field.clone(),
        })
        .collect()
}

fn is_immutable(failure: &Failure) -> bool {
    const SIGNS: &[&str] =
        &["field is immutable", "may not change once set", "updates to statefulset spec"];
    failure.causes.iter().any(|(_, _, message)| SIGNS.iter().any(|sign| message.contains(sign)))
}

/// Applies the rules to conflicts. True when the object is to be asked about again.
fn resolve(
    cluster: &Kubernetes,
    candidate: &mut Candidate,
    conflicts: Vec<Conflict>,
    forced: &mut BTreeSet<Id>,
) -> bool {
    let rules = &cluster.conflicts;
    let policy = |conflict: &Conflict| match rules.managers.get(&conflict.manager) {
        _ if cluster.force => Policy::Force,
        Some(policy) => *policy,
        None => rules.default,
    };
    let mut policies: BTreeMap<&str, Policy> = BTreeMap::new();
    for conflict in &conflicts {
        policies.insert(conflict.manager.as_str(), policy(conflict));
    }
    if policies.values().any(|policy| *policy == Policy::Fail) {
        candidate.compared.conflicts =
            conflicts.iter().filter(|c| policy(c) == Policy::Fail).cloned().collect();
        candidate.compared.changes = blame(cluster, candidate);
        return false;
    }
    for manager in managers(&candidate.live) {
        if policies.get(manager.name.as_str()) == Some(&Policy::Ignore) {
            leave(&mut candidate.compared.item.value, &manager.fields);
        }
    }
    if policies.values().any(|policy| *policy == Policy::Force) {
        forced.insert(candidate.compared.item.id.clone());
    }
    true
}

/// The declared fields that differ, with whoever changed them.
fn blame(cluster: &Kubernetes, candidate: &Candidate) -> Vec<Drift> {
    let managers = managers(&candidate.live);
    let mut changes = declared_changes(&candidate.compared);
    for drift in &mut changes {
        let by = changed_by(&managers, &drift.change.path, &cluster.manager);
        drift.by = by.map(|manager| (manager.name.clone(), manager.time.clone()));
    }
    changes
}

/// Takes the leaves that a manager holds out of what is declared, but for what identifies the object.
fn leave(value: &mut Value, fields: &Fields) {
    let paths: Vec<Path> = leaves(value, &Path::default());
    for path in paths.iter().filter(|path| fields.holds(path)) {
        let is_key = matches!(path.0.last(), Some(Step::Key(key)) if key == "name");
        let top = matches!(path.0.first(), Some(Step::Key(key)) if key == "metadata" || key == "apiVersion" || key == "kind");
        if !is_key && !top {
            remove(value, &path.0);
        }
    }
}

fn leaves(value: &Value, path: &Path) -> Vec<Path> {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().flat_map(|(key, value)| leaves(value, &path.key(key))).collect()
        }
        Value::Array(items) => {
            let name = match path.0.last() {
                Some(Step::Key(key)) => key.as_str(),
                _ => "",
            };
            let Some(keys) = field::list_keys(name, &[items]) else { return vec![path.clone()] };
            let step = |item: &Value| field::item_step(item, keys);
            items.iter().filter_map(|i| Some(leaves(i, &path.join(step(i)?)))).flatten().collect()
        }
        _ => vec![path.clone()],
    }
}

fn remove(value: &mut Value, steps: &[Step]) {
    match (value, steps) {
        (Value::Object(map), [Step::Key(key)]) => drop(map.remove(key)),
        (Value::Object(map), [Step::Key(key), rest @ ..]) => {
            if let Some(value) = map.get_mut(key) {
                remove(value, rest);
            }
        }
        (Value::Array(items), [step @ Step::Item(keys), rest @ ..]) => {
            let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
            let found =
                items.iter_mut().find(|i| field::item_step(i, &names).as_ref() == Some(step));
            if let Some(item) = found {
                remove(item, rest);
            }
        }
        _ => {}
    }
}

/// What is listed as ours, no longer declared, and there.
fn orphans(
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
        let holds_others = id.kind == "Namespace"
            && id.group.is_empty()
            && holds_others(cluster, &id.name, inventory)?;
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

/// Kinds that come and go with a namespace.
const NAMESPACES_OWN: &[&str] = &[
    "Event",
    "Endpoints",
    "EndpointSlice",
    "PodMetrics",
    "ReplicaSet",
    "Pod",
    "ControllerRevision",
];

/// Whether a namespace has objects that are not in our inventory.
fn holds_others(
    cluster: &Kubernetes,
    namespace: &str,
    inventory: &Inventory,
) -> anyhow::Result<bool> {
    let discovery = cluster.discovery()?;
    let kinds: Vec<Resource> = discovery
        .namespaced()
        .filter(|resource| !NAMESPACES_OWN.contains(&resource.kind.as_str()))
        .cloned()
        .collect();
    let paths: Vec<String> = kinds.iter().map(|resource| resource.path(namespace)).collect();
    for (resource, answer) in kinds.iter().zip(cluster.api.lists(&paths)) {
        // What cannot be listed may be there.
        let Ok(objects) = answer else { return Ok(true) };
        let other = objects.iter().map(|object| super::id_of(resource, object)).any(|id| {
            let default = matches!(
                (id.kind.as_str(), id.name.as_str()),
                ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
            );
            !default && !inventory.entries.contains_key(&id)
        });
        if other {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_what_another_manager_holds() {
        let fields = Fields::parse(&json!({"f:spec": {"f:replicas": {},
            "f:containers": {"k:{\"name\":\"web\"}": {"f:name": {}, "f:image": {}}}}}));
        let mut value = json!({"kind": "X", "metadata": {"name": "a"}, "spec": {"replicas": 1, "x": 2,
            "containers": [{"name": "web", "image": "i", "args": []}]}});
        leave(&mut value, &fields);
        assert_eq!(value["spec"], json!({"x": 2, "containers": [{"name": "web", "args": []}]}));
    }
}
