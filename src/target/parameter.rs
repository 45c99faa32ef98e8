//! Values given as a list of `{name: image.tag, value: v1}`: Argo CD's parameters, Helmfile's `set`.

use super::{Name, NameKind, Place, Scope, Site};
use crate::image::ImageRef;
use crate::yaml::NodeRef;

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    let list = scope.root();
    let entries: Vec<(&str, NodeRef<'_>)> = list
        .items()
        .filter_map(|item| {
            Some((item.get_text("name")?, super::helm_values::scalar(item, "value")?))
        })
        .collect();
    let text = |name: &str| entries.iter().find(|(n, _)| *n == name).and_then(|(_, v)| v.text());
    for &(name, value) in &entries {
        let (above, key) = name.rsplit_once('.').unwrap_or(("", name));
        let below =
            |key: &str| if above.is_empty() { key.into() } else { format!("{above}.{key}") };
        let names = app_of(above).map(|text| Name { kind: NameKind::App, text: text.to_owned() });
        match key {
            "tag" | "imageTag" => {
                let repository = text(&below("repository")).or_else(|| text(&below("name")));
                let repositories = repository.map(|repository| match text(&below("registry")) {
                    Some(registry) => format!("{registry}/{repository}"),
                    None => repository.to_owned(),
                });
                let digest = entries.iter().find(|(n, _)| *n == below("digest"));
                let place = Place::Tag {
                    tag: scope.spot(value),
                    digest: digest.map(|(_, digest)| scope.spot(*digest)),
                };
                let (repositories, names) =
                    (repositories.into_iter().collect(), names.into_iter().collect());
                sites.push(scope.site(list, repositories, names, place));
            }
            "image" => {
                let Some(image) = value.text().and_then(ImageRef::parse) else { continue };
                if image.tag.is_none() && image.digest.is_none() {
                    continue;
                }
                let place = Place::Reference { spot: scope.spot(value), prefix: String::new() };
                let names = names.into_iter().collect();
                sites.push(scope.site(list, vec![image.repository], names, place));
            }
            _ => {}
        }
    }
}

/// `api.image` is about `api`; plain `image` about the release.
fn app_of(above: &str) -> Option<&str> {
    above.split('.').rev().find(|part| !matches!(*part, "" | "image" | "global"))
}
