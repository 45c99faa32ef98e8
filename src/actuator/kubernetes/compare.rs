//! What differs: lists first, then a dry run of what may differ.

use std::collections::BTreeSet;

use serde_json::Value;

use super::api::{APPLY, Call, Failure, encode};
use super::discovery::Resource;
use super::hooks::{self, Parted};
use super::{Kubernetes, conflicts, orphans, takeover};
use crate::actuator::secrets_of;
use crate::http::MASK;
use crate::plan::field;
use crate::plan::ownership::{Fields, PART_OF, changed_by, foreign_owner, managers, projection};
use crate::plan::{Compared, Drift, Id, Inventory, Item, Live, Observation, Operation};

/// A declared object that has to be asked about.
pub(super) struct Candidate {
    pub(super) compared: Compared,
    resource: Resource,
    pub(super) live: Value,
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
    let Parted { items, resting, notes } = hooks::part(items, inventory);
    observation.notes.extend(notes);
    let all = || items.iter().map(|(item, _)| item).chain(&resting);
    let declared: BTreeSet<Id> = all().map(|item| item.id.clone()).collect();
    let mut wanted: Vec<(Id, Resource)> = Vec::new();
    for item in all() {
        wanted.extend(cluster.resource(item)?.map(|resource| (item.id.clone(), resource)));
    }
    for id in inventory.entries.keys().filter(|id| !declared.contains(*id)) {
        match discovery.of(id) {
            Some(resource) => wanted.push((id.clone(), resource.clone())),
            None if discovery.hides(&id.group) => observation.unseen.push(id.clone()),
            // The kind is gone, and took its objects along.
            None => {}
        }
    }
    let live = cluster.fetch(&wanted, inventory.is_new())?;
    for (item, object) in hooks::there(resting, &live, inventory) {
        let live = self::live(&object, &item.value, &owned(cluster, &object));
        let kept =
            Compared { live: Some(live), operation: Operation::Keep, ..Compared::absent(item) };
        observation.compared.push(kept);
    }
    let mut candidates = Vec::new();
    for (item, turn) in items {
        let resource = cluster.resource(&item)?;
        let fresh = Compared { turn, ..Compared::absent(item) };
        match (live.get(&fresh.item.id), resource) {
            (Some(object), Some(resource)) => match quick(cluster, fresh, object, inventory) {
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
            (_, None) => observation.compared.push(fresh),
            (None, Some(resource)) => {
                candidates.push(Candidate { compared: fresh, resource, live: Value::Null });
            }
        }
    }
    let compared = ask(cluster, candidates, &declared, &mut observation.notes);
    observation.compared.extend(compared);
    observation.compared.sort_by(|a, b| a.item.id.cmp(&b.item.id));
    observation.orphans = orphans::find(cluster, &live, &declared, inventory)?;
    Ok(observation)
}

/// Compares with what is there on the fields that are ours: `Ok` when nothing differs for certain.
fn quick(
    cluster: &Kubernetes,
    mut compared: Compared,
    object: &Value,
    inventory: &Inventory,
) -> Result<Compared, Box<Compared>> {
    let owned = owned(cluster, object);
    let live = live(object, &compared.item.value, &owned);
    let known = inventory.entries.contains_key(&compared.item.id);
    let marked = object["metadata"]["labels"][PART_OF] == cluster.store.part_of().as_str();
    let operation = if !known && !marked {
        Operation::Adopt
    } else if compared.turn.is_some() && hooks::has_failed(object) {
        Operation::Recreate
    } else {
        Operation::Update
    };
    compared.operation = operation;
    compared.owner = owner(cluster, &compared.item, object)
        .or_else(|| (operation == Operation::Adopt).then(|| stranger(&compared.item.id))?);
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

/// Whose an object is that is there before us and carries nobody's mark: what it holds that Git does not declare
/// would be deleted with it one day. A namespace and what comes with it are there before anything can be.
fn stranger(id: &Id) -> Option<String> {
    (!comes_first(id)).then(|| "somebody else".to_owned())
}

pub(super) fn comes_first(id: &Id) -> bool {
    id.is_namespace() || (id.kind == "ServiceAccount" && id.name == "default")
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
    let mut changes = field::changes(&before, &after);
    changes.extend(taken_over(cluster, compared, &candidate.live));
    compared.changes = changes.into_iter().map(drift).collect();
    let same_owner = owned(cluster, &candidate.live) == owned(cluster, result);
    if compared.changes.is_empty() && same_owner && compared.operation == Operation::Update {
        compared.operation = Operation::Keep;
    }
}

/// What goes because the object becomes ours.
fn taken_over(cluster: &Kubernetes, compared: &Compared, live: &Value) -> Vec<field::FieldChange> {
    let id = &compared.item.id;
    if !takeover::is_due(cluster, id, live) {
        return Vec::new();
    }
    takeover::removals(live, &compared.item.value, &takeover::ignored(cluster, id))
}

/// Without what the server keeps for itself.
pub(super) fn visible(object: &Value) -> Value {
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
    let conflicts = conflicts::of(failure);
    if !conflicts.is_empty() {
        return conflicts::resolve(cluster, candidate, &conflicts, forced);
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
            let gone = taken_over(cluster, compared, &candidate.live);
            compared.changes.extend(gone.into_iter().map(|change| Drift { change, by: None }));
            notes.push(format!("{id}: a webhook takes no dry runs: compared without the server"));
        }
        _ => compared.rejected = Some(hidden(&compared.item, &failure.message)),
    }
    false
}

pub(super) fn declared_changes(compared: &Compared) -> Vec<Drift> {
    let Some(live) = &compared.live else { return Vec::new() };
    let changes = field::changes(&visible(&live.value), &visible(&compared.item.value));
    changes.into_iter().map(|change| Drift { change, by: None }).collect()
}

fn is_immutable(failure: &Failure) -> bool {
    const SIGNS: &[&str] = &[
        "field is immutable",
        "is immutable after creation",
        "may not change once set",
        "updates to statefulset spec",
        "cannot change roleRef",
        "updates to parameters are forbidden",
        "updates to provisioner are forbidden",
    ];
    failure.causes.iter().any(|(_, _, message)| SIGNS.iter().any(|sign| message.contains(sign)))
}

/// What the server says of an object, without the values of a Secret: here also those that are too short to be told
/// from words elsewhere.
pub(super) fn hidden(item: &Item, text: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric();
    let mut text = text.to_owned();
    for value in secrets_of(&item.value).iter().filter(|value| !value.trim().is_empty()) {
        let mut from = 0;
        while let Some(at) = text[from..].find(value.as_str()).map(|at| at + from) {
            let end = at + value.len();
            let is_word = !text[..at].ends_with(is_part) && !text[end..].starts_with(is_part);
            if is_word {
                text.replace_range(at..end, MASK);
            }
            from = if is_word { at + MASK.len() } else { end };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_values_are_hidden_where_they_are_words() {
        let value = json!({"kind": "Secret", "data": {"a": "NDI=", "b": "eA=="}});
        let item = Item { id: Id::plain("Secret", "s"), value, origin: String::new() };
        let said = "a: 42 is short (NDI=), b: \"x\" too; 420, next";
        assert_eq!(hidden(&item, said), "a: *** is short (***), b: \"***\" too; 420, next");
    }
}
