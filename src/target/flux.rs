//! Flux: a `HelmRelease`'s values and a Kustomization's images and patches.

use super::{Scope, Site, helm_values, kustomize};

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    let Some((group, kind)) = scope.object() else { return };
    let Some(spec) = scope.root().get("spec") else { return };
    let scope = scope.owned_by(spec.get_text("releaseName").or_else(|| scope.object_name()));
    match (group, kind) {
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            if let Some(values) = spec.get("values") {
                helm_values::search(&scope.at(values), sites);
            }
            for renderer in spec.get("postRenderers").iter().flat_map(|list| list.items()) {
                if let Some(renderer) = renderer.get("kustomize") {
                    kustomize::images(&scope, renderer, sites);
                    kustomize::patches(&scope, renderer, sites);
                }
            }
        }
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => {
            kustomize::images(&scope, spec, sites);
            kustomize::patches(&scope, spec, sites);
        }
        _ => {}
    }
}
