//! Objects that `kubectl apply` made before us: what it applied becomes ours with them, so that what Git does not
//! declare goes, now and later. Otherwise kubectl would hold it for ever.
//!
//! What it holds besides, defaults and what webhooks added when it made the object, stays as it is, but for items of
//! lists: these come whole, for none can go while somebody holds a part of it.

use serde_json::{Map, Value, json};

use super::Kubernetes;
use super::api::{Call, Failure, encode};
use super::compare::{comes_first, visible};
use super::discovery::Resource;
use super::keys::Policy;
use crate::error::{Code, Hinted};
use crate::plan::field::{self, FieldChange};
use crate::plan::manifest::Ignore;
use crate::plan::ownership::{Fields, PART_OF, managers, projection};
use crate::plan::{Compared, Id};

/// The managers of `kubectl apply`, on the client's side and before it went to the server's.
const KUBECTL: &[&str] = &["kubectl-client-side-apply", "kubectl-last-applied"];
/// Where kubectl remembers what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const MERGE: &str = "application/merge-patch+json";
/// How often to try again when the object changes meanwhile.
const TRIES: usize = 3;

/// Whether an object is to become ours with what kubectl applied: it does not carry our label yet, it is none of those
/// that are there before anything can be, and kubectl's fields are not to be left alone.
pub(super) fn is_due(cluster: &Kubernetes, id: &Id, object: &Value) -> bool {
    let conflicts = &cluster.conflicts;
    let policy = |manager: &&str| *conflicts.managers.get(*manager).unwrap_or(&conflicts.default);
    let is_left = !cluster.force && KUBECTL.iter().any(|name| policy(name) == Policy::Ignore);
    let is_ours = object["metadata"]["labels"][PART_OF] == cluster.store.part_of().as_str();
    !is_left && !is_ours && !comes_first(id)
}

/// The rules about fields of this object that are not ours, whoever applied them.
pub(super) fn ignored<'c>(cluster: &'c Kubernetes, id: &Id) -> Vec<&'c Ignore> {
    cluster.ignore.iter().filter(|rule| rule.fits(id)).collect()
}

/// What goes with a take-over: what `kubectl apply` applied, holds alone and Git does not declare.
pub(super) fn removals(live: &Value, declared: &Value, ignored: &[&Ignore]) -> Vec<FieldChange> {
    let (applied, theirs) = (last_applied(live, ignored), kubectls(live));
    let version = theirs.first().map(|entry| &entry["apiVersion"]);
    let moved = theirs.iter().filter(|entry| Some(&entry["apiVersion"]) == version);
    let fields = moved.map(|entry| split(&entry["fieldsV1"], &applied, Items::Parts).0);
    let Some(held) = fields.reduce(union) else { return Vec::new() };
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

/// Makes kubectl's fields ours, if the object is still the one that was judged, and nothing else goes with them than
/// was shown.
pub(super) fn take(
    cluster: &Kubernetes,
    resource: &Resource,
    compared: &Compared,
    uid: &str,
) -> anyhow::Result<()> {
    let id = &compared.item.id;
    let (path, attempt) = (resource.object(id), format!("take over {id}"));
    let refused = |failure: Failure| failure.error(&attempt);
    let ignored = ignored(cluster, id);
    for _ in 0..TRIES {
        let Some(live) = cluster.api.find(&path).map_err(refused)? else { return Ok(()) };
        let entries = migrated(&live, &cluster.manager, &ignored);
        let (Some(entries), true) = (entries, live["metadata"]["uid"] == uid) else {
            return Ok(());
        };
        let is_shown =
            |gone: &FieldChange| compared.changes.iter().any(|d| d.change.path == gone.path);
        if !removals(&live, &compared.item.value, &ignored).iter().all(is_shown) {
            let message = format!("cannot {attempt}: somebody applied it meanwhile");
            return Err(Hinted::new(Code::Stale, message, "run it again").into());
        }
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

/// The managed fields after a take-over; `None` where kubectl has none, or ours are of another version.
fn migrated(live: &Value, manager: &str, ignored: &[&Ignore]) -> Option<Vec<Value>> {
    let (applied, theirs) = (last_applied(live, ignored), kubectls(live));
    // A part of an item that is not ours stays kubectl's.
    let is_inside = ignored.iter().any(|rule| rule.paths.iter().any(|path| path.contains('[')));
    let items = if is_inside { Items::Parts } else { Items::Whole };
    let version = &theirs.first()?["apiVersion"];
    let mut ours: Value = (*theirs.first()?).clone();
    ours["manager"] = json!(manager);
    ours["operation"] = json!("Apply");
    let (mut fields, mut others) = (json!({}), Vec::new());
    for entry in entries(live) {
        let is_ours = entry["manager"] == manager && entry["operation"] == "Apply";
        // Fields of another version have other names.
        let is_same = entry["apiVersion"] == *version;
        if is_ours && !is_same {
            return None;
        } else if is_ours {
            fields = union(fields, entry["fieldsV1"].clone());
        } else if is_same && theirs.contains(&entry) {
            let (taken, left) = split(&entry["fieldsV1"], &applied, items);
            fields = union(fields, taken);
            let is_left = left.as_object().is_some_and(|left| !left.is_empty());
            others.extend(is_left.then(|| {
                let mut entry = entry.clone();
                entry["fieldsV1"] = left;
                entry
            }));
        } else {
            others.push(entry.clone());
        }
    }
    ours["fieldsV1"] = fields;
    others.push(ours);
    Some(others)
}

/// What kubectl applied last, as the server has it, without what is ignored.
fn last_applied(object: &Value, ignored: &[&Ignore]) -> Value {
    let text = object["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or_default();
    let mut applied: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(Value::Object(texts)) = applied.get_mut("stringData").map(Value::take) {
        if !applied["data"].is_object() {
            applied["data"] = json!({});
        }
        texts.into_iter().for_each(|(key, text)| applied["data"][key] = text);
    }
    for rule in ignored {
        rule.remove(&mut applied);
    }
    applied
}

/// How items of lists are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Items {
    Whole,
    Parts,
}

/// The fields that `applied` has, and the rest.
fn split(fields: &Value, applied: &Value, items: Items) -> (Value, Value) {
    let (mut taken, mut left) = (Map::new(), Map::new());
    for (name, below) in fields.as_object().into_iter().flatten() {
        let is_leaf = below.as_object().is_none_or(Map::is_empty);
        let is_whole = is_leaf || (items == Items::Whole && name.starts_with("k:"));
        match at(name, applied) {
            Some(_) if is_whole => {
                taken.insert(name.clone(), below.clone());
            }
            Some(value) => {
                let parts = split(below, value, items);
                for (into, part) in [(&mut taken, parts.0), (&mut left, parts.1)] {
                    if part.as_object().is_some_and(|part| !part.is_empty()) {
                        into.insert(name.clone(), part);
                    }
                }
            }
            None => {
                left.insert(name.clone(), below.clone());
            }
        }
    }
    (taken.into(), left.into())
}

/// What a step of `fieldsV1` leads to. Keys of items may be defaults; a map is never taken for itself.
fn at<'v>(step: &str, value: &'v Value) -> Option<&'v Value> {
    match step.split_at_checked(2)? {
        ("f:", key) => value.get(key),
        ("k:", keys) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
            let is = |item: &&Value| {
                keys.iter().all(|(key, value)| item.get(key).is_none_or(|own| own == value))
            };
            value.as_array()?.iter().find(is)
        }
        ("v:", member) => {
            let member: Value = serde_json::from_str(member).ok()?;
            value.as_array()?.iter().find(|item| **item == member)
        }
        _ => None,
    }
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
        let applied = json!({"metadata": {"name": "a", "annotations": {}}, "stringData": {"z": "3"},
            "data": {"x": "1", "y": "2"}, "list": [{"name": "c", "image": "i"}]});
        let held = json!({
            "f:data": {".": {}, "f:x": {}, "f:y": {}, "f:z": {}}, "f:type": {},
            "f:list": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:image": {}, "f:policy": {}}},
            "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}});
        let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields});
        let mut status = entry("kubectl-client-side-apply", "Update", json!({"f:status": {}}));
        status["subresource"] = json!("status");
        let entries = [
            entry("kubectl-client-side-apply", "Update", held),
            entry("kubectl-edit", "Update", json!({"f:data": {"f:z": {}}})),
            status,
            entry("gitops", "Apply", json!({"f:metadata": {"f:labels": {"f:b": {}}}})),
        ];
        json!({"metadata": {"name": "a", "labels": {"b": "1"}, "managedFields": entries,
            "annotations": {LAST_APPLIED: applied.to_string()}},
            "data": {"x": "1", "y": "2", "z": "3", "w": "4"}, "type": "default",
            "list": [{"name": "c", "image": "i", "policy": "default"}]})
    }

    #[test]
    fn what_kubectl_applied_becomes_ours_and_defaults_stay() {
        let entries = migrated(&object(), "gitops", &[]).unwrap();
        let names: Vec<&str> =
            entries.iter().map(|entry| entry["manager"].as_str().unwrap()).collect();
        let kubectl = "kubectl-client-side-apply";
        assert_eq!(names, [kubectl, "kubectl-edit", kubectl, "gitops"]);
        let taken = json!({"f:data": {"f:x": {}, "f:y": {}, "f:z": {}},
            "f:list": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:image": {}, "f:policy": {}}},
            "f:metadata": {"f:labels": {"f:b": {}}}});
        assert_eq!(entries[3]["fieldsV1"], taken);
        let left = &entries[0]["fieldsV1"];
        assert!(left["f:type"].is_object() && left["f:data"].get("f:x").is_none(), "{left}");
        assert_eq!(migrated(&json!({"metadata": {}}), "gitops", &[]), None);
    }

    #[test]
    fn what_it_applied_alone_and_git_does_not_declare_goes() {
        let declared = json!({"metadata": {"name": "a", "labels": {"b": "1"}}, "data": {"x": "1"},
            "list": [{"name": "c", "image": "i"}]});
        let paths: Vec<String> = removals(&object(), &declared, &[])
            .iter()
            .map(|change| change.path.to_string())
            .collect();
        assert_eq!(paths, ["data.y"]);
    }

    #[test]
    fn what_is_ignored_stays_kubectls() {
        let rule = |paths: &[&str]| Ignore {
            group: String::new(),
            kind: "*".to_owned(),
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        };
        let rule = rule(&["data.y", "list[*].image"]);
        let declared =
            json!({"metadata": {"name": "a"}, "data": {"x": "1"}, "list": [{"name": "c"}]});
        let paths: Vec<String> =
            removals(&object(), &declared, &[&rule]).iter().map(|c| c.path.to_string()).collect();
        assert_eq!(paths, [""; 0]);
        let entries = migrated(&object(), "gitops", &[&rule]).unwrap();
        let left = &entries[0]["fieldsV1"];
        assert!(left["f:data"]["f:y"].is_object(), "{left}");
        assert!(left["f:list"]["k:{\"name\":\"c\"}"]["f:image"].is_object(), "{left}");
        let ours = &entries[entries.len() - 1]["fieldsV1"];
        assert!(ours["f:data"]["f:x"].is_object() && ours["f:data"].get("f:y").is_none(), "{ours}");
    }

    #[test]
    fn whatever_it_says_that_it_applied_is_no_panic() {
        let applied = json!({"stringData": {"a": "b"}, "data": "x"}).to_string();
        let object = json!({"metadata": {"annotations": {LAST_APPLIED: applied}}});
        assert_eq!(last_applied(&object, &[]), json!({"stringData": null, "data": {"a": "b"}}));
    }
}
