//! What to look at twice before merging. Each risk has an id that stays, so that it can be allowed.

mod apis;
mod together;

use std::sync::Arc;

use crate::diff::compare::{Change, Edit};
use crate::diff::images::{Class, ImageChange};
use crate::diff::{ObjectDiff, Status, quantity};
use crate::manifest::Object;
use crate::yaml::Value;
use crate::yaml::value::Data;

pub use apis::is_removed_api;
pub(in crate::diff) use together::{neighbour, together};

/// Something to look at twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Risk {
    /// Its stable id.
    pub id: &'static str,
    /// The object.
    pub object: String,
    /// Its environment.
    pub environment: Arc<str>,
    /// The file.
    pub path: Arc<str>,
    /// The line.
    pub line: u32,
    /// What is at risk.
    pub message: String,
}

/// Every id, and what it warns of; the documentation and SARIF list them.
pub const IDS: &[(&str, &str)] = &[
    ("delete-namespace", "A namespace goes, and everything in it"),
    ("delete-pvc", "A volume claim goes, and mostly its data"),
    ("delete-crd", "A CustomResourceDefinition goes, and every object of its kind"),
    ("delete-pv", "A persistent volume goes"),
    ("delete-statefulset", "A StatefulSet goes"),
    ("immutable-field", "The API server refuses this change; the object must be recreated"),
    ("pvc-shrink", "Volume claims cannot shrink"),
    ("replicas-zero", "A workload is scaled to nothing"),
    ("selector-mismatch", "The selector does not select the workload's own pods"),
    ("prune-enabled", "What is missing in Git will be deleted from now on"),
    ("flux-suspend", "Flux stops reconciling this"),
    ("mutable-tag", "The tag means another image tomorrow"),
    ("downgrade", "An image becomes older"),
    ("type-change", "The value keeps its letters and changes its type"),
    ("yaml11-ambiguous", "YAML 1.1 and 1.2 read this value differently; quote it"),
    ("hpa-vs-replicas", "An autoscaler and this file both set the replicas"),
    ("api-removed", "Current Kubernetes has no such API version any more"),
    ("privilege-increase", "The workload or its subjects may do more than before"),
    ("configmap-change-without-restart", "Nothing restarts the pods that read this"),
];

/// Finds the risks of a change.
#[must_use]
pub fn find(objects: &[ObjectDiff], images: &[ImageChange]) -> Vec<Risk> {
    let mut risks = Vec::new();
    for diff in objects {
        deletion(diff, &mut risks);
        for change in &diff.changes {
            field(diff, change, &mut risks);
        }
        if let Some(after) = &diff.after {
            whole(diff, after, &mut risks);
        }
    }
    of_images(images, &mut risks);
    together(objects, &[], &mut risks);
    risks.sort();
    risks.dedup();
    risks
}

fn risk(id: &'static str, object: &Object, line: u32, message: impl Into<String>) -> Risk {
    Risk {
        id,
        object: object.title(),
        environment: Arc::clone(&object.environment),
        path: Arc::clone(&object.path),
        line,
        message: message.into(),
    }
}

fn deletion(diff: &ObjectDiff, risks: &mut Vec<Risk>) {
    let (Status::Removed, Some(object)) = (diff.status, &diff.before) else { return };
    let Some(identity) = &object.identity else { return };
    let id = match identity.kind.as_str() {
        "Namespace" => "delete-namespace",
        "PersistentVolumeClaim" => "delete-pvc",
        "CustomResourceDefinition" => "delete-crd",
        "PersistentVolume" => "delete-pv",
        "StatefulSet" => "delete-statefulset",
        _ => return,
    };
    risks.push(risk(id, object, object.line, "it is removed"));
}

/// Fields that the API server refuses to change, by kind; a field covers what is below it.
const IMMUTABLE: &[(&str, &[&str])] = &[
    ("Deployment", &["spec.selector"]),
    ("DaemonSet", &["spec.selector"]),
    ("ReplicaSet", &["spec.selector"]),
    (
        "StatefulSet",
        &[
            "spec.selector",
            "spec.serviceName",
            "spec.volumeClaimTemplates",
            "spec.podManagementPolicy",
        ],
    ),
    ("Job", &["spec.template", "spec.selector", "spec.completions", "spec.completionMode"]),
    ("Service", &["spec.clusterIP"]),
    (
        "PersistentVolumeClaim",
        &[
            "spec.storageClassName",
            "spec.accessModes",
            "spec.volumeMode",
            "spec.volumeName",
            "spec.selector",
        ],
    ),
    ("RoleBinding", &["roleRef"]),
    ("ClusterRoleBinding", &["roleRef"]),
    ("StorageClass", &["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"]),
    ("Secret", &["type"]),
    ("IngressClass", &["spec.controller"]),
    ("CustomResourceDefinition", &["spec.scope", "spec.group"]),
];

fn field(diff: &ObjectDiff, change: &Change, risks: &mut Vec<Risk>) {
    let object = diff.object();
    let path = &change.path;
    let kind = object.identity.as_ref().map_or("", |id| id.kind.as_str());
    let mut say = |id, message: String| risks.push(risk(id, object, change.line, message));
    if diff.status == Status::Changed && is_immutable(diff, change) {
        say("immutable-field", format!("`{path}` cannot change; recreate the object"));
    }
    if let Edit::Changed(before, after) = &change.edit {
        let (old, new) = (before.scalar_text(), after.scalar_text());
        if old.is_some() && old == new {
            let message = format!("`{path}` turns from {} to {}", type_of(before), type_of(after));
            say("type-change", message);
        }
    }
    if kind == "PersistentVolumeClaim"
        && path.has_keys(&["spec", "resources", "requests", "storage"])
    {
        let size = |value: Option<&Value>| value.and_then(quantity::of);
        if let (Some(old), Some(new)) = (size(change.edit.before()), size(change.edit.after()))
            && new < old
        {
            say("pvc-shrink", "the claim asks for less storage than before".to_owned());
        }
    }
    let after = change.edit.after();
    if path.has_keys(&["spec", "replicas"]) && after.and_then(Value::as_int) == Some(0) {
        say("replicas-zero", "scaled to no replicas".to_owned());
    }
    let becomes_true = after.is_some_and(|value| matches!(value.data, Data::Bool(true)));
    let group = object.identity.as_ref().map_or("", |id| id.group.as_str());
    if becomes_true && path.has_keys(&["spec", "suspend"]) && group.ends_with("toolkit.fluxcd.io") {
        say("flux-suspend", "reconciliation is suspended".to_owned());
    }
    let prunes = path.has_keys(&["spec", "prune"])
        || path.has_keys(&["spec", "syncPolicy", "automated", "prune"]);
    if becomes_true && prunes {
        say("prune-enabled", "pruning is switched on".to_owned());
    }
    if after.is_some_and(|value| value.disputed) {
        say(
            "yaml11-ambiguous",
            format!("`{path}` reads differently in YAML 1.1 and 1.2; quote it"),
        );
    }
    privileges(path, after, &mut say);
}

fn type_of(value: &Value) -> &'static str {
    match value.data {
        Data::Null => "null",
        Data::Bool(_) => "a truth value",
        Data::Int(_) | Data::Float(_) => "a number",
        Data::Text(_) => "a string",
        Data::Bare(_) => "a bare scalar",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    }
}

fn is_immutable(diff: &ObjectDiff, change: &Change) -> bool {
    let Some(identity) = diff.object().identity.as_ref() else { return false };
    let covers = |field: &str| {
        let keys: Vec<&str> = field.split('.').collect();
        change.path.starts_with_keys(&keys)
    };
    let by_kind = IMMUTABLE.iter().find(|(kind, _)| *kind == identity.kind);
    let frozen = matches!(identity.kind.as_str(), "ConfigMap" | "Secret")
        && ["data", "binaryData", "stringData"].iter().any(|key| covers(key))
        && diff.before.as_ref().is_some_and(|before| {
            before.value.get("immutable").is_some_and(|v| matches!(v.data, Data::Bool(true)))
        });
    frozen || by_kind.is_some_and(|(_, fields)| fields.iter().any(|field| covers(field)))
}

fn privileges(
    path: &crate::diff::path::FieldPath,
    after: Option<&Value>,
    say: &mut impl FnMut(&'static str, String),
) {
    const SWITCHES: &[&str] =
        &["privileged", "allowPrivilegeEscalation", "hostNetwork", "hostPID", "hostIPC"];
    let (Some(after), Some(last)) = (after, path.last_key()) else { return };
    let mut found: Vec<String> = Vec::new();
    visit(last, after, &mut |key, value| {
        let on = matches!(value.data, Data::Bool(true));
        if on && SWITCHES.contains(&key) {
            found.push(format!("`{key}` is switched on"));
        }
        if key == "hostPath" {
            found.push("a path of the node is mounted".to_owned());
        }
        if key == "name" && value.as_str() == Some("cluster-admin") {
            found.push("cluster-admin is granted".to_owned());
        }
    });
    let added_capability = path.keys().collect::<Vec<_>>().ends_with(&["capabilities", "add"]);
    if added_capability {
        found.push(format!("the capability {} is added", after.scalar_text().unwrap_or_default()));
    }
    for message in found {
        say("privilege-increase", message);
    }
}

fn visit(key: &str, value: &Value, see: &mut impl FnMut(&str, &Value)) {
    see(key, value);
    match &value.data {
        Data::Map(map) => {
            map.entries().iter().for_each(|entry| visit(&entry.key, &entry.value, see));
        }
        Data::List(items) => items.iter().for_each(|item| visit(key, item, see)),
        _ => {}
    }
}

/// What can be seen in the newer object alone.
fn whole(diff: &ObjectDiff, object: &Object, risks: &mut Vec<Risk>) {
    if is_removed_api(object) {
        let message = format!("`{}` is no longer served", object.api_version());
        risks.push(risk("api-removed", object, object.line, message));
    }
    if selects_others(&object.value) {
        let message = "`spec.selector` does not match the labels of its own template";
        risks.push(risk("selector-mismatch", object, object.line, message));
    }
    if diff.status != Status::Added {
        return;
    }
    let top = crate::diff::path::FieldPath::default();
    let mut path = top;
    path.0.push(crate::diff::path::Step::Key("".into()));
    privileges(&path, Some(&object.value), &mut |id, message| {
        risks.push(risk(id, object, object.line, message));
    });
    visit("", &object.value, &mut |key, value| {
        if value.disputed {
            let message = format!("`{key}` reads differently in YAML 1.1 and 1.2; quote it");
            risks.push(risk("yaml11-ambiguous", object, value.line, message));
        }
    });
}

/// Whether a workload's selector does not fit its own template.
#[must_use]
pub fn selects_others(value: &Value) -> bool {
    let Some(wanted) = value.at(&["spec", "selector", "matchLabels"]).and_then(Value::as_map)
    else {
        return false;
    };
    let Some(template) = value.at(&["spec", "template"]) else { return false };
    let labels = template.at(&["metadata", "labels"]);
    wanted
        .entries()
        .iter()
        .any(|entry| labels.and_then(|labels| labels.get(&entry.key)) != Some(&entry.value))
}

fn of_images(images: &[ImageChange], risks: &mut Vec<Risk>) {
    for image in images {
        let id = match image.class {
            Class::Mutable => "mutable-tag",
            Class::Downgrade => "downgrade",
            Class::Added if is_loose(image) => "mutable-tag",
            _ => continue,
        };
        let version = |version: &Option<String>| version.clone().unwrap_or_default();
        for user in &image.users {
            risks.push(Risk {
                id,
                object: user.title.clone(),
                environment: Arc::clone(&user.environment),
                path: Arc::clone(&user.path),
                line: user.line,
                message: match image.class {
                    Class::Added => format!("{}: {}", image.name, version(&image.after)),
                    _ => format!(
                        "{}: {} → {}",
                        image.name,
                        version(&image.before),
                        version(&image.after)
                    ),
                },
            });
        }
    }
}

fn is_loose(image: &ImageChange) -> bool {
    let after = image.after.as_deref().unwrap_or_default();
    after == "(no tag)" || crate::diff::images::is_mutable(after)
}
