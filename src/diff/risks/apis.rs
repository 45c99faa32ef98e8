//! Versions of APIs that current Kubernetes does not serve any more.

use crate::manifest::Object;

/// Versions that current Kubernetes does not serve.
const REMOVED: &[(&str, &[&str])] = &[
    (
        "extensions/v1beta1",
        &["Deployment", "DaemonSet", "ReplicaSet", "Ingress", "NetworkPolicy", "PodSecurityPolicy"],
    ),
    ("apps/v1beta1", &["Deployment", "StatefulSet", "ReplicaSet"]),
    ("apps/v1beta2", &["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"]),
    ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"]),
    ("policy/v1beta1", &["PodDisruptionBudget", "PodSecurityPolicy"]),
    ("batch/v1beta1", &["CronJob"]),
    ("batch/v2alpha1", &["CronJob"]),
    ("autoscaling/v2beta1", &["HorizontalPodAutoscaler"]),
    ("autoscaling/v2beta2", &["HorizontalPodAutoscaler"]),
    (
        "rbac.authorization.k8s.io/v1beta1",
        &["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"],
    ),
    ("apiextensions.k8s.io/v1beta1", &["CustomResourceDefinition"]),
    (
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
    ),
    ("storage.k8s.io/v1beta1", &["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"]),
    ("scheduling.k8s.io/v1beta1", &["PriorityClass"]),
    ("discovery.k8s.io/v1beta1", &["EndpointSlice"]),
    ("flowcontrol.apiserver.k8s.io/v1beta2", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("flowcontrol.apiserver.k8s.io/v1beta3", &["FlowSchema", "PriorityLevelConfiguration"]),
];

/// Whether current Kubernetes serves this version of a kind no more.
#[must_use]
pub fn is_removed_api(object: &Object) -> bool {
    let kind = object.identity.as_ref().map_or("", |id| id.kind.as_str());
    let version = object.api_version();
    REMOVED.iter().any(|(removed, kinds)| *removed == version && kinds.contains(&kind))
}
