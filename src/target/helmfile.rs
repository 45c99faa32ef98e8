//! Helmfile: `set:` and inline `values:` of releases, inline values of environments.

use super::{Scope, Site, helm_values, parameter};
use crate::yaml::NodeRef;

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    if !is_helmfile(scope) {
        return;
    }
    let root = scope.root();
    for release in root.get("releases").iter().flat_map(|releases| releases.items()) {
        let release = release.resolved();
        let scope = scope.owned_by(release.get_text("name"));
        if let Some(set) = release.get("set") {
            parameter::find(&scope.at(set), sites);
        }
        inline_values(&scope, release, sites);
    }
    for (_, environment) in root.get("environments").iter().flat_map(|e| e.entries()) {
        inline_values(scope, environment.resolved(), sites);
    }
}

pub(super) fn is_helmfile(scope: &Scope<'_>) -> bool {
    let root = scope.root();
    let named = scope.file_name().starts_with("helmfile");
    let is_release = |item: NodeRef<'_>| named || item.resolved().get("chart").is_some();
    let releases = root
        .get("releases")
        .is_some_and(|releases| releases.is_sequence() && releases.items().all(is_release));
    releases || named && root.get("environments").is_some()
}

/// The items of `values:` that are maps; the others are names of files.
fn inline_values<'s>(scope: &Scope<'s>, parent: NodeRef<'s>, sites: &mut Vec<Site>) {
    for values in parent.get("values").iter().flat_map(|values| values.items()) {
        if values.is_mapping() {
            helm_values::search(&scope.at(values), sites);
        }
    }
}
