//! Comments that mark a value: Flux's `# {"$imagepolicy": "ns:name[:tag|:digest]"}` and `# gitops: api`.

use super::{Name, NameKind, Place, Scope, Site};
use crate::image::ImageRef;
use crate::yaml::{Kind, NodeRef};

/// Which part of the image the marked value holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// As its text shows: a whole reference or a tag.
    Either,
    Tag,
    Digest,
}

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    let stream = scope.root().stream();
    let source = stream.document_text(scope.document());
    // Most documents have no marker at all.
    if !source.contains("$imagepolicy") && !source.contains("# gitops:") {
        return;
    }
    for node in stream.nodes_of(scope.document()) {
        let is_value = matches!(node.kind(), Kind::Scalar(_)) && node.parent().is_some();
        if !is_value || node.is_key() {
            continue;
        }
        let Some((name, part)) = node.comment().and_then(read) else { continue };
        sites.push(site(scope, node, name, part));
    }
}

fn read(comment: &str) -> Option<(String, Part)> {
    if let Some(name) = comment.strip_prefix("gitops:") {
        let name = name.trim();
        return (!name.is_empty()).then(|| (name.to_owned(), Part::Either));
    }
    let json: serde_json::Value = serde_json::from_str(comment).ok()?;
    let mut parts = json.get("$imagepolicy")?.as_str()?.split(':');
    let (_namespace, name) = (parts.next()?, parts.next()?);
    let part = match parts.next() {
        None => Part::Either,
        Some("tag") => Part::Tag,
        Some("digest") => Part::Digest,
        // `:name` marks the repository, which a bump does not change.
        Some(_) => return None,
    };
    Some((name.to_owned(), part))
}

fn site<'s>(scope: &Scope<'s>, node: NodeRef<'s>, name: String, part: Part) -> Site {
    let spot = scope.spot(node);
    let image = ImageRef::parse(&spot.value)
        .filter(|image| part == Part::Either && (image.tag.is_some() || image.digest.is_some()));
    let names = vec![Name { kind: NameKind::Marker, text: name }];
    let (repositories, place) = match (image, part) {
        (Some(image), _) => {
            (vec![image.repository], Place::Reference { spot, prefix: String::new() })
        }
        (None, Part::Digest) => (Vec::new(), Place::Digest(spot)),
        (None, _) => {
            let beside = node.parent().and_then(|parent| parent.value("digest"));
            let digest = beside.filter(|digest| digest.resolved().scalar().is_some());
            (Vec::new(), Place::Tag { tag: spot, digest: digest.map(|digest| scope.spot(digest)) })
        }
    };
    let mut site = scope.site(node, repositories, names, place);
    // A marker is the name: what stands above it is nobody's choice.
    site.names.retain(|name| name.kind == NameKind::Marker);
    site
}
