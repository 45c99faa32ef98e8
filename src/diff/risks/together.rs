//! Risks that can be seen only in several objects at once.

use super::{Risk, risk, visit};
use crate::diff::{ObjectDiff, Status};
use crate::manifest::Object;
use crate::yaml::Value;

/// What can be seen only in several objects at once. `context` are further objects of the newer side.
pub(in crate::diff) fn together(objects: &[ObjectDiff], context: &[Object], risks: &mut Vec<Risk>) {
    let newer: Vec<&Object> =
        objects.iter().filter_map(|diff| diff.after.as_ref()).chain(context).collect();
    for scaler in
        newer.iter().filter(|object| object.is_kind("autoscaling", "HorizontalPodAutoscaler"))
    {
        let target = |key: &str| scaler.value.str_at(&["spec", "scaleTargetRef", key]);
        let scaled = newer.iter().find(|object| {
            let identity = object.identity.as_ref();
            identity.is_some_and(|id| {
                Some(id.kind.as_str()) == target("kind") && Some(id.name.as_str()) == target("name")
            }) && is_neighbour(object, scaler)
                && object.value.at(&["spec", "replicas"]).is_some()
        });
        let differs = |object: &Object| {
            objects.iter().any(|diff| diff.after.as_ref().is_some_and(|a| std::ptr::eq(a, object)))
        };
        if let Some(object) = scaled.filter(|object| differs(object) || differs(scaler)) {
            let message = "an autoscaler sets `spec.replicas` too; leave it out here";
            risks.push(risk("hpa-vs-replicas", object, object.line, message));
        }
    }
    for diff in objects.iter().filter(|diff| diff.status == Status::Changed) {
        unseen_configuration(diff, objects, context, risks);
    }
}

/// The word by which unchanged documents are found that an object's risks depend on.
pub(in crate::diff) fn neighbour(diff: &ObjectDiff, after: &Object) -> Option<String> {
    let identity = after.identity.as_ref()?;
    match identity.kind.as_str() {
        "ConfigMap" | "Secret" if diff.status == Status::Changed => Some(identity.name.clone()),
        "HorizontalPodAutoscaler" => {
            after.value.str_at(&["spec", "scaleTargetRef", "name"]).map(str::to_owned)
        }
        _ => {
            let replicas = &["spec", "replicas"];
            let added = diff.status == Status::Added && after.value.at(replicas).is_some();
            let changed = diff.changes.iter().any(|change| change.path.has_keys(replicas));
            (added || changed).then(|| "HorizontalPodAutoscaler".to_owned())
        }
    }
}

fn is_neighbour(a: &Object, b: &Object) -> bool {
    let namespace = |object: &Object| object.identity.as_ref().map(|id| id.namespace.clone());
    a.environment == b.environment && a.scope == b.scope && namespace(a) == namespace(b)
}

/// A ConfigMap or Secret changes, and the pods that read it stay as they are.
fn unseen_configuration(
    diff: &ObjectDiff,
    objects: &[ObjectDiff],
    context: &[Object],
    risks: &mut Vec<Risk>,
) {
    let object = diff.object();
    let Some(identity) = object.identity.as_ref().filter(|id| id.group.is_empty()) else { return };
    let data = ["data", "binaryData", "stringData"];
    let changed = diff
        .changes
        .iter()
        .any(|change| data.iter().any(|key| change.path.starts_with_keys(&[key])));
    if !matches!(identity.kind.as_str(), "ConfigMap" | "Secret") || !changed {
        return;
    }
    let restarts = |diff: &ObjectDiff| {
        diff.changes.iter().any(|change| change.path.keys().any(|key| key == "template"))
    };
    let still = objects
        .iter()
        .filter(|other| other.status == Status::Changed && !restarts(other))
        .filter_map(|other| other.after.as_ref());
    let readers: Vec<String> = still
        .chain(context)
        .filter(|reader| {
            is_neighbour(reader, object) && reads(&reader.value, &identity.kind, &identity.name)
        })
        .map(Object::title)
        .collect();
    if !readers.is_empty() {
        let message = format!("read by {}, whose pods do not restart", readers.join(", "));
        risks.push(risk("configmap-change-without-restart", object, object.line, message));
    }
}

/// Whether a pod template reads a ConfigMap or Secret.
fn reads(workload: &Value, kind: &str, name: &str) -> bool {
    let (references, volume, key): (&[&str], &str, &str) = match kind {
        "ConfigMap" => (&["configMapRef", "configMapKeyRef"], "configMap", "name"),
        _ => (&["secretRef", "secretKeyRef"], "secret", "secretName"),
    };
    let mut found = false;
    visit("", workload, &mut |at, value| {
        let by_reference = references.contains(&at) && value.str_at(&["name"]) == Some(name);
        let by_volume = at == volume
            && (value.str_at(&[key]) == Some(name) || value.str_at(&["name"]) == Some(name));
        found |= by_reference || by_volume;
    });
    found && workload.at(&["spec", "template"]).is_some()
}
