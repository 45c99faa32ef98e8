//! Fields that other managers hold: refused, taken over, or left to them, as the settings say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Kubernetes;
use super::api::Failure;
use super::compare::{Candidate, declared_changes};
use super::keys::Policy;
use crate::plan::field::{self, Path, Step};
use crate::plan::ownership::{Fields, changed_by, managers};
use crate::plan::{Conflict, Drift, Id};

/// `conflict with "kubectl-edit" using apps/v1` at `.spec.replicas`.
pub(super) fn of(failure: &Failure) -> Vec<Conflict> {
    let fields = failure.causes.iter().filter(|(reason, _, _)| reason == "FieldManagerConflict");
    fields
        .map(|(_, field, message)| Conflict {
            manager: message.split('"').nth(1).unwrap_or("another manager").to_owned(),
            field: field.clone(),
        })
        .collect()
}

/// Applies the rules to conflicts. True when the object is to be asked about again.
pub(super) fn resolve(
    cluster: &Kubernetes,
    candidate: &mut Candidate,
    conflicts: &[Conflict],
    forced: &mut BTreeSet<Id>,
) -> bool {
    let (rules, reclaims) = (&cluster.conflicts, cluster.reclaims.load(Ordering::Relaxed));
    let policy = |conflict: &Conflict| match rules.managers.get(&conflict.manager) {
        _ if cluster.force => Policy::Force,
        Some(policy) => *policy,
        // What was applied once was ours: whoever has it now took it since.
        None if reclaims && rules.default == Policy::Fail => Policy::Force,
        None => rules.default,
    };
    let mut policies: BTreeMap<&str, Policy> = BTreeMap::new();
    for conflict in conflicts {
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
