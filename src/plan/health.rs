//! Whether an object has become what it is to be, as its status says: kstatus' rules, with its gaps closed.
//!
//! Other than kstatus: a Job counts when it is complete, a load balancer when it has an address, and pods that
//! cannot start fail their workload at once rather than at the deadline.

use std::fmt;

use serde_json::Value;

/// How an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it is to be; with a remark where that needs one.
    Current(Option<&'static str>),
    /// On its way.
    Progressing(String),
    /// It will not get there.
    Failed(String),
    /// Being deleted.
    Terminating,
    /// Not there.
    Missing,
}

impl Health {
    /// Whether waiting is over and well.
    #[must_use]
    pub fn is_current(&self) -> bool {
        matches!(self, Self::Current(_))
    }

    /// Whether waiting longer would not help.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current(None) => f.write_str("healthy"),
            Self::Current(Some(note)) => write!(f, "healthy ({note})"),
            Self::Progressing(reason) => write!(f, "not ready: {reason}"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::Terminating => f.write_str("being deleted"),
            Self::Missing => f.write_str("missing"),
        }
    }
}

/// Judges an object by its status, and by its pods where it has any.
#[must_use]
pub fn of(object: &Value, pods: &[&Value]) -> Health {
    let metadata = &object["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return Health::Terminating;
    }
    let status = &object["status"];
    if let (Some(wanted), Some(seen)) =
        (metadata["generation"].as_i64(), status["observedGeneration"].as_i64())
        && seen < wanted
    {
        return progressing("its controller has not seen the change yet");
    }
    if let Some(health) = stalled(status) {
        return health;
    }
    let group = object["apiVersion"].as_str().and_then(|v| v.split_once('/')).map_or("", |v| v.0);
    let kind = object["kind"].as_str().unwrap_or_default();
    let health = match (group, kind) {
        ("apps", "Deployment") => deployment(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("apps", "ReplicaSet") => replica_set(object),
        ("batch", "Job") => job(status),
        ("batch", "CronJob") if object["spec"]["suspend"] == true => {
            Health::Current(Some("suspended"))
        }
        ("", "Pod") => pod(object),
        ("", "Service") => service(object),
        ("", "PersistentVolumeClaim") => claim(status),
        ("", "Namespace") => phase(status, "Active"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(status),
        ("apiregistration.k8s.io", "APIService") => condition_is_true(status, "Available"),
        _ => ready(status),
    };
    match health {
        Health::Progressing(_) => pods.iter().find_map(|pod| cannot_start(pod)).unwrap_or(health),
        health => health,
    }
}

fn progressing(reason: impl Into<String>) -> Health {
    Health::Progressing(reason.into())
}

fn condition<'v>(status: &'v Value, kind: &str) -> Option<&'v Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// The reason and message of a condition.
fn said(condition: &Value) -> String {
    let text = |key: &str| condition[key].as_str().filter(|text| !text.is_empty());
    match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (one, other) => one.or(other).unwrap_or("no reason given").to_owned(),
    }
}

fn stalled(status: &Value) -> Option<Health> {
    if let Some(condition) = condition(status, "Stalled").filter(|c| c["status"] == "True") {
        return Some(Health::Failed(said(condition)));
    }
    let reconciling = condition(status, "Reconciling").filter(|c| c["status"] == "True")?;
    Some(progressing(said(reconciling)))
}

/// What anything unknown shows: a `Ready` condition, or nothing.
fn ready(status: &Value) -> Health {
    match condition(status, "Ready") {
        Some(condition) if condition["status"] != "True" => progressing(said(condition)),
        _ => Health::Current(None),
    }
}

fn condition_is_true(status: &Value, kind: &str) -> Health {
    match condition(status, kind) {
        Some(condition) if condition["status"] == "True" => Health::Current(None),
        Some(condition) => progressing(said(condition)),
        None => progressing(format!("no condition {kind} yet")),
    }
}

fn count(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_default()
}

fn deployment(object: &Value) -> Health {
    let (spec, status) = (&object["spec"], &object["status"]);
    if spec["paused"] == true {
        return Health::Current(Some("paused"));
    }
    if let Some(condition) = condition(status, "Progressing")
        && condition["reason"] == "ProgressDeadlineExceeded"
    {
        return Health::Failed(said(condition));
    }
    if let Some(condition) = condition(status, "ReplicaFailure").filter(|c| c["status"] == "True") {
        return Health::Failed(said(condition));
    }
    if status["observedGeneration"].is_null() {
        return progressing("its controller has not seen it yet");
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let [updated, all, available] =
        ["updatedReplicas", "replicas", "availableReplicas"].map(|key| count(status, key));
    if updated < wanted {
        return progressing(format!("{updated} of {wanted} replicas updated"));
    }
    if all > updated {
        return progressing(format!("{} old replicas are still there", all - updated));
    }
    if available < wanted {
        return progressing(format!("{available} of {wanted} replicas available"));
    }
    Health::Current(None)
}

fn stateful_set(object: &Value) -> Health {
    let (spec, status) = (&object["spec"], &object["status"]);
    if spec["updateStrategy"]["type"] == "OnDelete" {
        return Health::Current(Some("updated when its pods are deleted"));
    }
    if status["observedGeneration"].is_null() {
        return progressing("its controller has not seen it yet");
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let [ready, updated] = ["readyReplicas", "updatedReplicas"].map(|key| count(status, key));
    let partition = count(&spec["updateStrategy"]["rollingUpdate"], "partition");
    if ready < wanted {
        return progressing(format!("{ready} of {wanted} replicas ready"));
    }
    if updated < wanted - partition {
        return progressing(format!("{updated} of {} replicas updated", wanted - partition));
    }
    let same = status["currentRevision"] == status["updateRevision"];
    if partition == 0 && !same {
        return progressing("its update has not ended");
    }
    Health::Current(None)
}

fn daemon_set(object: &Value) -> Health {
    let (spec, status) = (&object["spec"], &object["status"]);
    if spec["updateStrategy"]["type"] == "OnDelete" {
        return Health::Current(Some("updated when its pods are deleted"));
    }
    if status["observedGeneration"].is_null() {
        return progressing("its controller has not seen it yet");
    }
    let wanted = count(status, "desiredNumberScheduled");
    for (key, word) in [("updatedNumberScheduled", "updated"), ("numberAvailable", "available")] {
        if count(status, key) < wanted {
            return progressing(format!("{} of {wanted} pods {word}", count(status, key)));
        }
    }
    Health::Current(None)
}

fn replica_set(object: &Value) -> Health {
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let available = count(&object["status"], "availableReplicas");
    if available < wanted {
        return progressing(format!("{available} of {wanted} replicas available"));
    }
    Health::Current(None)
}

fn job(status: &Value) -> Health {
    let is = |kind| condition(status, kind).filter(|condition| condition["status"] == "True");
    if let Some(condition) = is("Failed") {
        return Health::Failed(said(condition));
    }
    if is("Complete").is_some() {
        return Health::Current(None);
    }
    if is("Suspended").is_some() {
        return Health::Current(Some("suspended"));
    }
    progressing(format!("{} active, {} failed", count(status, "active"), count(status, "failed")))
}

fn pod(object: &Value) -> Health {
    let status = &object["status"];
    if let Some(failed) = cannot_start(object) {
        return failed;
    }
    match status["phase"].as_str() {
        Some("Succeeded") => Health::Current(None),
        Some("Failed") => Health::Failed(said(status)),
        Some("Running") => condition_is_true(status, "Ready"),
        other => progressing(format!("its phase is {}", other.unwrap_or("unknown"))),
    }
}

fn service(object: &Value) -> Health {
    let addresses = object["status"]["loadBalancer"]["ingress"].as_array();
    let waits = object["spec"]["type"] == "LoadBalancer" && addresses.is_none_or(Vec::is_empty);
    if waits { progressing("its load balancer has no address yet") } else { Health::Current(None) }
}

fn claim(status: &Value) -> Health {
    match status["phase"].as_str() {
        Some("Bound") => Health::Current(None),
        // It may wait for its first consumer, which comes in a later stage.
        Some("Pending") => Health::Current(Some("not bound yet")),
        other => progressing(format!("its phase is {}", other.unwrap_or("unknown"))),
    }
}

fn phase(status: &Value, wanted: &str) -> Health {
    match status["phase"].as_str() {
        Some(phase) if phase != wanted => progressing(format!("its phase is {phase}")),
        _ => Health::Current(None),
    }
}

fn definition(status: &Value) -> Health {
    if let Some(condition) = condition(status, "NamesAccepted").filter(|c| c["status"] == "False") {
        return Health::Failed(said(condition));
    }
    condition_is_true(status, "Established")
}

/// Reasons for which a container does not start, however long one waits.
const HOPELESS: &[&str] = &[
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// So many restarts are no accident.
const RESTARTS: i64 = 3;

/// Why a pod will not start.
fn cannot_start(pod: &Value) -> Option<Health> {
    let status = &pod["status"];
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let lists = ["initContainerStatuses", "containerStatuses"];
    let containers = lists.iter().filter_map(|list| status[*list].as_array()).flatten();
    for container in containers {
        let waiting = &container["state"]["waiting"];
        let reason = waiting["reason"].as_str().unwrap_or_default();
        let crashes = reason == "CrashLoopBackOff" && count(container, "restartCount") >= RESTARTS;
        if crashes || HOPELESS.contains(&reason) {
            let which = container["name"].as_str().unwrap_or_default();
            return Some(Health::Failed(format!(
                "pod {name}, container {which}: {}",
                said(waiting)
            )));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "tables read better with values")]
    fn object(api: &str, kind: &str, spec: Value, status: Value) -> Value {
        json!({"apiVersion": api, "kind": kind, "metadata": {"generation": 2},
               "spec": spec, "status": status})
    }

    fn said_of(api: &str, kind: &str, spec: Value, status: Value) -> String {
        of(&object(api, kind, spec, status), &[]).to_string()
    }

    #[test]
    fn deployments() {
        let rollout = |updated: i64, all: i64, available: i64| {
            json!({"observedGeneration": 2, "updatedReplicas": updated, "replicas": all,
                   "availableReplicas": available})
        };
        let table = [
            (json!({"replicas": 2}), json!({}), "not ready: its controller has not seen it yet"),
            (
                json!({"replicas": 2}),
                json!({"observedGeneration": 1}),
                "not ready: its controller has not seen the change yet",
            ),
            (json!({"replicas": 2}), rollout(1, 2, 2), "not ready: 1 of 2 replicas updated"),
            (json!({"replicas": 2}), rollout(2, 3, 2), "not ready: 1 old replicas are still there"),
            (json!({"replicas": 2}), rollout(2, 2, 1), "not ready: 1 of 2 replicas available"),
            (json!({"replicas": 2}), rollout(2, 2, 2), "healthy"),
            (json!({"replicas": 0}), rollout(0, 0, 0), "healthy"),
            (json!({"paused": true}), json!({}), "healthy (paused)"),
            (
                json!({}),
                json!({"conditions": [{"type": "Progressing", "status": "False",
                    "reason": "ProgressDeadlineExceeded", "message": "timed out"}]}),
                "failed: ProgressDeadlineExceeded: timed out",
            ),
        ];
        for (spec, status, expected) in table {
            assert_eq!(said_of("apps/v1", "Deployment", spec, status), expected);
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn other_kinds() {
        let condition = |kind: &str, status: &str| json!({"conditions": [{"type": kind, "status": status, "reason": "R"}]});
        let none = || json!({});
        let table = [
            ("v1", "ConfigMap", none(), none(), "healthy"),
            (
                "v1",
                "Namespace",
                none(),
                json!({"phase": "Terminating"}),
                "not ready: its phase is Terminating",
            ),
            (
                "v1",
                "PersistentVolumeClaim",
                none(),
                json!({"phase": "Pending"}),
                "healthy (not bound yet)",
            ),
            (
                "v1",
                "Service",
                json!({"type": "LoadBalancer"}),
                none(),
                "not ready: its load balancer has no address yet",
            ),
            ("v1", "Service", json!({"type": "ClusterIP"}), none(), "healthy"),
            ("v1", "Pod", none(), json!({"phase": "Pending"}), "not ready: its phase is Pending"),
            (
                "v1",
                "Pod",
                none(),
                json!({"phase": "Failed", "reason": "Evicted"}),
                "failed: Evicted",
            ),
            ("batch/v1", "Job", none(), json!({"active": 1}), "not ready: 1 active, 0 failed"),
            ("batch/v1", "Job", none(), condition("Complete", "True"), "healthy"),
            ("batch/v1", "Job", none(), condition("Failed", "True"), "failed: R"),
            ("batch/v1", "CronJob", json!({"suspend": true}), none(), "healthy (suspended)"),
            (
                "apps/v1",
                "DaemonSet",
                none(),
                json!({"observedGeneration": 2, "desiredNumberScheduled": 3,
                "updatedNumberScheduled": 3, "numberAvailable": 2}),
                "not ready: 2 of 3 pods available",
            ),
            (
                "apps/v1",
                "StatefulSet",
                json!({"replicas": 1}),
                json!({"observedGeneration": 2,
                "readyReplicas": 1, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
                "not ready: its update has not ended",
            ),
            (
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                none(),
                none(),
                "not ready: no condition Established yet",
            ),
            ("example.com/v1", "Widget", none(), none(), "healthy"),
            ("example.com/v1", "Widget", none(), condition("Ready", "False"), "not ready: R"),
            ("example.com/v1", "Widget", none(), condition("Stalled", "True"), "failed: R"),
        ];
        for (api, kind, spec, status, expected) in table {
            assert_eq!(said_of(api, kind, spec, status), expected, "{kind}");
        }
    }

    #[test]
    fn pods_that_cannot_start_fail_their_workload_at_once() {
        let waiting = |reason: &str, restarts: i64| {
            json!({"metadata": {"name": "web-1"}, "status": {"containerStatuses": [{"name": "web",
                "restartCount": restarts, "state": {"waiting": {"reason": reason}}}]}})
        };
        let deployment =
            object("apps/v1", "Deployment", json!({}), json!({"observedGeneration": 2}));
        for (pod, fails) in [
            (waiting("ContainerCreating", 0), false),
            (waiting("CrashLoopBackOff", 1), false),
            (waiting("CrashLoopBackOff", 3), true),
            (waiting("ImagePullBackOff", 0), true),
        ] {
            assert_eq!(of(&deployment, &[&pod]).is_failed(), fails, "{pod}");
        }
    }

    #[test]
    fn what_is_being_deleted_is_not_healthy() {
        let object =
            json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(of(&object, &[]), Health::Terminating);
    }
}
