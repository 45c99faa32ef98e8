//! Argo CD Applications and ApplicationSets: Helm parameters, `valuesObject`, `values: |`, and
//! `kustomize.images`.

use super::{Name, NameKind, Place, Scope, Site, helm_values, parameter};
use crate::image::ImageRef;
use crate::yaml::{Embedded, NodeRef};

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    let root = scope.root();
    let spec = match scope.object() {
        Some(("argoproj.io", "Application")) => root.get("spec"),
        Some(("argoproj.io", "ApplicationSet")) => {
            root.get("spec").and_then(|spec| spec.get("template")).and_then(|t| t.get("spec"))
        }
        _ => return,
    };
    let Some(spec) = spec else { return };
    let many = spec.get("sources");
    let sources = spec.get("source").into_iter().chain(many.iter().flat_map(|s| s.items()));
    for source in sources {
        if let Some(helm) = source.get("helm") {
            let owner = helm.get_text("releaseName").or_else(|| scope.object_name());
            find_helm(&scope.owned_by(owner), helm, sites);
        }
        let images = source.get("kustomize").and_then(|kustomize| kustomize.get("images"));
        for item in images.iter().flat_map(|images| images.items()) {
            sites.extend(renamed(scope, item));
        }
    }
}

fn find_helm<'s>(scope: &Scope<'s>, helm: NodeRef<'s>, sites: &mut Vec<Site>) {
    if let Some(parameters) = helm.get("parameters") {
        parameter::find(&scope.at(parameters), sites);
    }
    if let Some(values) = helm.get("valuesObject") {
        helm_values::search(&scope.at(values), sites);
    }
    if let Some(values) = helm.get("values")
        && let Some(block) = Embedded::of(values)
        && let Some(inside) = scope.inside(values, &block)
    {
        helm_values::search(&inside, sites);
    }
}

/// `[name=]repository:tag`.
fn renamed<'s>(scope: &Scope<'s>, item: NodeRef<'s>) -> Option<Site> {
    let text = item.text()?;
    let (name, reference) = text.split_once('=').map_or((None, text), |(n, r)| (Some(n), r));
    let image = ImageRef::parse(reference)?;
    if image.tag.is_none() && image.digest.is_none() {
        return None;
    }
    let prefix = name.map(|name| format!("{name}=")).unwrap_or_default();
    let mut repositories = vec![image.repository];
    repositories.extend(name.map(str::to_owned));
    let names = name.map(|name| Name { kind: NameKind::App, text: name.to_owned() });
    let place = Place::Reference { spot: scope.spot(item), prefix };
    Some(scope.site(item, repositories, names.into_iter().collect(), place))
}
