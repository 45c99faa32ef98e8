//! A kustomization's `images:` list, and the values and patches written in it.

use super::{Name, NameKind, Place, Scope, Site, helm_values};
use crate::yaml::{Embedded, NodeRef};

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    if !is_kustomization(scope) {
        return;
    }
    let root = scope.root();
    images(scope, root, sites);
    for chart in root.get("helmCharts").iter().flat_map(|charts| charts.items()) {
        let owner = chart.get_text("releaseName").or_else(|| chart.get_text("name"));
        if let Some(values) = chart.get("valuesInline") {
            helm_values::search(&scope.owned_by(owner).at(values), sites);
        }
    }
    patches(scope, root, sites);
}

/// Known by its kind, or by its file name where the kind is left out, as it may be.
pub(super) fn is_kustomization(scope: &Scope<'_>) -> bool {
    match scope.object() {
        Some((group, _)) => group == "kustomize.config.k8s.io",
        None => {
            matches!(
                scope.file_name(),
                "kustomization.yaml" | "kustomization.yml" | "Kustomization"
            )
        }
    }
}

/// `images: [{name, newName, newTag, digest}]`, as Flux has it too.
pub(super) fn images<'s>(scope: &Scope<'s>, parent: NodeRef<'s>, sites: &mut Vec<Site>) {
    for item in parent.get("images").iter().flat_map(|images| images.items()) {
        let value = |key| helm_values::scalar(item, key).map(|value| scope.spot(value));
        let Some(place) = Place::of(value("newTag"), value("digest")) else { continue };
        let repositories: Vec<String> = ["newName", "name"]
            .iter()
            .filter_map(|key| item.get_text(key))
            .map(str::to_owned)
            .collect();
        let name = item.get_text("name").unwrap_or_default().to_owned();
        let names = vec![Name { kind: NameKind::App, text: name }];
        sites.push(scope.site(item, repositories, names, place));
    }
}

/// Patches written as a block under `patch:`.
pub(super) fn patches<'s>(scope: &Scope<'s>, parent: NodeRef<'s>, sites: &mut Vec<Site>) {
    for item in parent.get("patches").iter().flat_map(|patches| patches.items()) {
        let Some(patch) = item.get("patch") else { continue };
        let Some(block) = Embedded::of(patch) else { continue };
        if let Some(inside) = scope.inside(patch, &block) {
            helm_values::search(&inside, sites);
        }
    }
}
