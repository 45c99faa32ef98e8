//! Objects that `kubectl apply` made before us: what it holds becomes ours with them, so that what Git does not
//! declare goes, now and later. Otherwise kubectl would hold it for ever.

use serde_json::{Map, Value, json};

use super::Kubernetes;
use super::api::{Call, Failure, encode};
use super::compare::visible;
use super::discovery::Resource;
use crate::plan::Id;
use crate::plan::field::{self, FieldChange};
use crate::plan::ownership::{Fields, PART_OF, managers, projection};

/// The managers of `kubectl apply`, on the client's side and before it went to the server's.
const KUBECTL: &[&str] = &["kubectl-client-side-apply", "kubectl-last-applied"];
/// What kubectl keeps for itself: neither ours nor in the way.
const LAST_APPLIED: &str = "f:kubectl.kubernetes.io/last-applied-configuration";
const MERGE: &str = "application/merge-patch+json";
/// How often to try again when the object changes meanwhile.
const TRIES: usize = 3;

/// Whether an object does not carry our label yet.
pub(super) fn is_due(object: &Value, part_of: &str) -> bool {
    object["metadata"]["labels"][PART_OF] != part_of
}

/// What goes with a take-over: what `kubectl apply` holds alone and Git does not declare.
pub(super) fn removals(live: &Value, declared: &Value) -> Vec<FieldChange> {
    let Some(held) = kubectls(live).into_iter().map(fields_of).reduce(union) else {
        return Vec::new();
    };
    let there = projection(live, declared, &Fields::parse(&held));
    let managers = managers(live);
    let is_shared = |change: &FieldChange| {
        let others = managers.iter().filter(|manager| !KUBECTL.contains(&manager.name.as_str()));
        others.into_iter().any(|manager| manager.fields.holds(&change.path))
    };
    let mut changes = field::changes(&visible(&there), &visible(declared));
    changes.retain(|change| change.to.is_none() && !is_shared(change));
    changes
}

/// Makes kubectl's fields ours, if the object is still the one that was judged.
pub(super) fn take(
    cluster: &Kubernetes,
    resource: &Resource,
    id: &Id,
    uid: &str,
) -> anyhow::Result<()> {
    let (path, attempt) = (resource.object(id), format!("take over {id}"));
    let refused = |failure: Failure| failure.error(&attempt);
    for _ in 0..TRIES {
        let Some(live) = cluster.api.find(&path).map_err(refused)? else { return Ok(()) };
        let entries = migrated(&live, &cluster.manager);
        let (Some(entries), true) = (entries, live["metadata"]["uid"] == uid) else {
            return Ok(());
        };
        let version = &live["metadata"]["resourceVersion"];
        let body = json!({"metadata": {"resourceVersion": version, "managedFields": entries}});
        let target = format!("{path}?fieldManager={}", encode(&cluster.manager));
        match cluster.api.call(Call::patch(target, body, MERGE)) {
            Ok(_) => return Ok(()),
            Err(failure) if failure.code == 409 => {}
            Err(failure) => return Err(refused(failure)),
        }
    }
    anyhow::bail!("cannot {attempt}: it changes all the time")
}

/// The managed fields after a take-over; `None` where kubectl has none.
fn migrated(live: &Value, manager: &str) -> Option<Vec<Value>> {
    let theirs = kubectls(live);
    let version = &theirs.first()?["apiVersion"];
    let is_theirs = |entry: &&Value| theirs.contains(entry);
    let is_ours = |entry: &&Value| entry["manager"] == manager && entry["operation"] == "Apply";
    let mut ours: Value = (*theirs.first()?).clone();
    ours["manager"] = json!(manager);
    ours["operation"] = json!("Apply");
    let all = entries(live);
    let merged = all.iter().filter(|entry| is_theirs(entry) || is_ours(entry));
    // Fields of another version have other names.
    let merged = merged.filter(|entry| entry["apiVersion"] == *version);
    ours["fieldsV1"] = merged.map(fields_of).reduce(union)?;
    let others = all.iter().filter(|entry| !is_theirs(entry) && !is_ours(entry));
    Some(others.cloned().chain([ours]).collect())
}

fn entries(object: &Value) -> &[Value] {
    object["metadata"]["managedFields"].as_array().map_or(&[], Vec::as_slice)
}

fn kubectls(object: &Value) -> Vec<&Value> {
    let is_whole = |entry: &&Value| entry["subresource"].as_str().is_none_or(str::is_empty);
    let is_kubectl =
        |entry: &&Value| entry["manager"].as_str().is_some_and(|name| KUBECTL.contains(&name));
    entries(object).iter().filter(is_kubectl).filter(is_whole).collect()
}

/// An entry's fields without kubectl's own annotation.
fn fields_of(entry: impl std::borrow::Borrow<Value>) -> Value {
    let mut fields = entry.borrow()["fieldsV1"].clone();
    let annotations = |fields: &mut Value| -> Option<usize> {
        let map = fields.get_mut("f:metadata")?.get_mut("f:annotations")?.as_object_mut()?;
        map.remove(LAST_APPLIED)?;
        Some(map.keys().filter(|key| *key != ".").count())
    };
    if annotations(&mut fields) == Some(0)
        && let Some(metadata) = fields.get_mut("f:metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("f:annotations");
    }
    fields
}

fn union(mut one: Value, other: Value) -> Value {
    let (Value::Object(into), Value::Object(from)) = (&mut one, other) else { return one };
    for (key, value) in from {
        let there = into.remove(&key).unwrap_or_else(|| Value::Object(Map::new()));
        into.insert(key, union(there, value));
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Value {
        let annotation = json!({".": {}, LAST_APPLIED: {}});
        json!({"metadata": {"name": "a", "labels": {"b": "1"}, "managedFields": [
            {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "time": "t",
             "fieldsV1": {"f:data": {".": {}, "f:x": {}, "f:y": {}, "f:z": {}}, "f:metadata": {"f:annotations": annotation}}},
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:z": {}}}},
            {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "subresource": "status",
             "fieldsV1": {"f:status": {}}},
            {"manager": "gitops", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:metadata": {"f:labels": {"f:b": {}}}}}]},
            "data": {"x": "1", "y": "2", "z": "3", "w": "4"}})
    }

    #[test]
    fn what_kubectl_applied_becomes_ours() {
        let entries = migrated(&object(), "gitops").unwrap();
        let names: Vec<String> = entries
            .iter()
            .map(|entry| format!("{} {}", entry["manager"], entry["operation"]))
            .collect();
        let expected = [
            r#""kubectl-edit" "Update""#,
            r#""kubectl-client-side-apply" "Update""#,
            r#""gitops" "Apply""#,
        ];
        assert_eq!(names, expected);
        let fields = json!({"f:data": {".": {}, "f:x": {}, "f:y": {}, "f:z": {}},
            "f:metadata": {"f:labels": {"f:b": {}}}});
        assert_eq!(entries[2]["fieldsV1"], fields);
        assert_eq!(migrated(&json!({"metadata": {}}), "gitops"), None);
    }

    #[test]
    fn what_it_holds_alone_and_git_does_not_declare_goes() {
        let declared = json!({"metadata": {"name": "a", "labels": {"b": "1"}}, "data": {"x": "1"}});
        let paths: Vec<String> =
            removals(&object(), &declared).iter().map(|change| change.path.to_string()).collect();
        assert_eq!(paths, ["data.y"]);
    }
}
