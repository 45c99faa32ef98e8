//! Helm values and everything shaped like them: `image.repository` and `image.tag`, a split registry,
//! `name` and `tag`, `imageTag`, `image: reference`, maps of images.

use std::collections::HashMap;

use super::{Name, NameKind, Place, Scope, Site};
use crate::image::ImageRef;
use crate::yaml::{Kind, NodeRef};

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    let root = scope.root();
    let other = scope.object().is_some()
        || super::kustomize::is_kustomization(scope)
        || super::compose::is_compose(scope)
        || super::helmfile::is_helmfile(scope);
    if !other && root.is_mapping() {
        search(scope, sites);
    }
}

/// Searches all values of a scope.
pub(super) fn search(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    walk(scope, scope.root(), sites);
}

/// Recursion is bounded by the parser's limit of nesting.
fn walk<'s>(scope: &Scope<'s>, node: NodeRef<'s>, sites: &mut Vec<Site>) {
    if node.is_mapping() {
        image_map(scope, node, sites);
        flat_tag(scope, node, sites);
        references(scope, node, sites);
        map_of_images(scope, node, sites);
    }
    for child in node.children() {
        if matches!(child.kind(), Kind::Mapping { .. } | Kind::Sequence { .. }) {
            walk(scope, child, sites);
        }
    }
}

/// A scalar that an edit can replace: also one without a value, but no collection.
pub(super) fn scalar<'s>(node: NodeRef<'s>, key: &str) -> Option<NodeRef<'s>> {
    node.value(key).filter(|value| value.resolved().scalar().is_some())
}

fn is_image_key(node: NodeRef<'_>) -> bool {
    let key = node.key().and_then(NodeRef::scalar).unwrap_or_default();
    let end = key.len().checked_sub(5).and_then(|at| key.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case("image"))
}

/// `{registry, repository | name | image, tag | version, digest}`.
fn image_map<'s>(scope: &Scope<'s>, node: NodeRef<'s>, sites: &mut Vec<Site>) {
    let under_image = is_image_key(node);
    let repository = repository_of(node, under_image);
    if repository.is_none() && !under_image {
        return;
    }
    let version = || scalar(node, "version").filter(|_| under_image);
    let tag = scalar(node, "tag").or_else(version);
    let digest = scalar(node, "digest");
    if let Some((repository, tag)) = repository.zip(tag)
        && let Some(repository) = repository.strip_suffix("@sha256")
    {
        // Charts that join with a colon are given a digest so: `repository: name@sha256`, `tag: hex`.
        let place = Place::Digest(scope.spot(tag));
        sites.push(scope.site(node, vec![repository.to_owned()], Vec::new(), place));
        return;
    }
    let place = Place::of(tag.map(|tag| scope.spot(tag)), digest.map(|digest| scope.spot(digest)));
    let Some(place) = place else { return };
    let registry = node.get_text("registry").filter(|registry| !registry.is_empty());
    let repositories = repository
        .and_then(|repository| Some(ImageRef::parse(repository)?.repository))
        .map(|repository| match registry {
            Some(registry) => format!("{}/{repository}", registry.trim_end_matches('/')),
            None => repository,
        })
        .into_iter()
        .collect();
    // An item of a list tells its name beside its image: `- {name: api, image: {…}}`.
    let item = node.parent().filter(|item| item.parent().is_some_and(NodeRef::is_sequence));
    let container = node
        .get_text("name")
        .filter(|name| Some(*name) != repository)
        .or_else(|| item?.get_text("name"))
        .map(|name| Name { kind: NameKind::Container, text: name.to_owned() });
    sites.push(scope.site(node, repositories, container.into_iter().collect(), place));
}

/// Keys whose `repository` and `tag` are those of something else than an image.
const OTHER: &[&str] = &["chart", "source", "sourceRef", "git", "helm"];

/// What the mapping says its image is.
fn repository_of(node: NodeRef<'_>, under_image: bool) -> Option<&str> {
    let key = node.key().and_then(NodeRef::scalar).unwrap_or_default();
    let named = |key| {
        let text = node.get_text(key)?;
        let name = text.strip_suffix("@sha256").unwrap_or(text);
        ImageRef::parse(name).is_some().then_some(text)
    };
    let without_tag = named("image")
        .filter(|text| ImageRef::parse(text).is_some_and(|image| image.tag.is_none()));
    let repository = named("repository").or(without_tag).filter(|_| !OTHER.contains(&key));
    repository.or_else(|| named("name").filter(|_| under_image))
}

/// `imageTag: v1`, `apiImageTag: v1`, beside `image: repository` or `imageRepository`.
fn flat_tag<'s>(scope: &Scope<'s>, node: NodeRef<'s>, sites: &mut Vec<Site>) {
    let tags: Vec<(&str, NodeRef<'s>)> = node
        .entries()
        .filter(|(_, value)| matches!(value.kind(), Kind::Scalar(_) | Kind::Alias))
        .filter_map(|(key, value)| Some((flat_stem(key.scalar()?)?, value)))
        .collect();
    if tags.is_empty() {
        return;
    }
    // Looked up once for all: a mapping can have many such keys.
    let texts: HashMap<&str, &str> =
        node.entries().filter_map(|(key, value)| Some((key.scalar()?, value.text()?))).collect();
    for (stem, value) in tags {
        let siblings = match stem {
            "" => ["image", "imageName", "imageRepository"].map(str::to_owned),
            stem => ["Image", "ImageName", "ImageRepository"].map(|end| format!("{stem}{end}")),
        };
        let repositories = siblings
            .iter()
            .filter_map(|key| texts.get(key.as_str()).copied())
            .find(|text| ImageRef::parse(text).is_some_and(|image| image.tag.is_none()))
            .map(str::to_owned)
            .into_iter()
            .collect();
        let digest = match stem {
            "" => scalar(node, "imageDigest"),
            stem => scalar(node, &format!("{stem}ImageDigest")),
        };
        let digest = digest.map(|digest| scope.spot(digest));
        let place = Place::Tag { tag: scope.spot(value), digest };
        sites.push(scope.site(value, repositories, Vec::new(), place));
    }
}

/// What stands before `ImageTag` in a key.
fn flat_stem(key: &str) -> Option<&str> {
    match key {
        "imageTag" | "image_tag" => Some(""),
        _ => ["ImageTag", "_image_tag"].iter().find_map(|end| key.strip_suffix(end)),
    }
}

/// `image: repository:tag`, and keys that end so (`sidecarImage`).
fn references<'s>(scope: &Scope<'s>, node: NodeRef<'s>, sites: &mut Vec<Site>) {
    let is_image =
        |key: NodeRef<'_>, value| is_image_key(value) || key.scalar() == Some("imageName");
    let mut images = node.entries().filter(|(key, value)| is_image(*key, *value)).peekable();
    if images.peek().is_none() {
        return;
    }
    let container =
        node.get_text("name").map(|name| Name { kind: NameKind::Container, text: name.to_owned() });
    for (_, value) in images {
        sites.extend(reference(scope, value, container.clone()));
    }
}

/// The site of a scalar that is a whole reference with a version.
pub(super) fn reference<'s>(
    scope: &Scope<'s>,
    value: NodeRef<'s>,
    name: Option<Name>,
) -> Option<Site> {
    let image = ImageRef::parse(value.text()?)?;
    if image.tag.is_none() && image.digest.is_none() {
        return None;
    }
    let place = Place::Reference { spot: scope.spot(value), prefix: String::new() };
    Some(scope.site(value, vec![image.repository], name.into_iter().collect(), place))
}

/// `images: {api: ghcr.io/acme/api:v1}`, `imageTags: {api: v1}`.
fn map_of_images<'s>(scope: &Scope<'s>, node: NodeRef<'s>, sites: &mut Vec<Site>) {
    let key = node.key().and_then(NodeRef::scalar).unwrap_or_default();
    for (name, value) in node.entries() {
        let Some(text) = name.scalar() else { continue };
        let name = Name { kind: NameKind::App, text: text.to_owned() };
        match key {
            "images" if !is_image_key(value) => sites.extend(reference(scope, value, Some(name))),
            "imageTags" | "image_tags" if value.resolved().scalar().is_some() => {
                let place = Place::Tag { tag: scope.spot(value), digest: None };
                sites.push(scope.site(value, Vec::new(), vec![name], place));
            }
            _ => {}
        }
    }
}
