//! Kubernetes objects: containers of workloads, images in custom resources, values in ConfigMaps.

use super::{Scope, Site, helm_values};
use crate::yaml::Embedded;

/// Groups whose documents other targets read.
const ELSEWHERE: &[&str] = &[
    "kustomize.config.k8s.io",
    "argoproj.io",
    "helm.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
];

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    let Some((group, kind)) = scope.object() else { return };
    let application = matches!(kind, "Application" | "ApplicationSet");
    if ELSEWHERE.contains(&group) && (group != "argoproj.io" || application) {
        return;
    }
    let scope = scope.owned_by(scope.object_name());
    if group.is_empty() && kind == "ConfigMap" {
        for (_, value) in scope.root().get("data").iter().flat_map(|data| data.entries()) {
            let Some(block) = Embedded::of(value) else { continue };
            if let Some(inside) = scope.inside(value, &block) {
                helm_values::search(&inside, sites);
            }
        }
        return;
    }
    helm_values::search(&scope, sites);
}
