//! A part of a document, with all a target needs to report sites in it.

use super::{Name, NameKind, Place, Site, Spot};
use crate::yaml::{Address, Embedded, Kind, NodeRef, Style, YamlPath};

/// Keys that say what is below them, not whose it is.
const GENERIC: &[&str] = &[
    "image",
    "images",
    "values",
    "valuesObject",
    "valuesInline",
    "spec",
    "template",
    "pod",
    "container",
    "containers",
    "initContainers",
    "deployment",
    "main",
    "controllers",
];

/// A document, or the document in one of its block strings.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    target: &'static str,
    document: usize,
    root: NodeRef<'s>,
    path: &'s str,
    /// The block string that `root` is the content of.
    block: Option<(NodeRef<'s>, &'s Embedded)>,
    /// The object or release that everything below belongs to.
    owner: Option<&'s str>,
}

impl<'s> Scope<'s> {
    pub(super) fn new(
        target: &'static str,
        document: usize,
        root: NodeRef<'s>,
        path: &'s str,
    ) -> Self {
        Self { target, document, root, path, block: None, owner: None }
    }

    /// The node to search below.
    #[must_use]
    pub fn root(&self) -> NodeRef<'s> {
        self.root
    }

    /// The number of the document in the file.
    pub(super) fn document(&self) -> usize {
        self.document
    }

    /// The file's name without its directories.
    pub(super) fn file_name(&self) -> &'s str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// The same scope below another node.
    pub(super) fn at(&self, root: NodeRef<'s>) -> Self {
        Self { root, ..*self }
    }

    /// The same scope, belonging to an object of this name.
    pub(super) fn owned_by(&self, owner: Option<&'s str>) -> Self {
        Self { owner: owner.or(self.owner), ..*self }
    }

    /// The scope of the YAML in a block string; `block` is that string, read.
    pub(super) fn inside(&self, node: NodeRef<'s>, block: &'s Embedded) -> Option<Self> {
        let root = block.stream().root(0)?;
        Some(Self { root, block: Some((node, block)), ..*self })
    }

    /// `apiVersion`'s group (`""` for core) and `kind`, where the document is a Kubernetes object.
    pub(super) fn object(&self) -> Option<(&'s str, &'s str)> {
        let version = self.root.get_text("apiVersion")?;
        let kind = self.root.get_text("kind")?;
        Some((version.rsplit_once('/').map_or("", |(group, _)| group), kind))
    }

    /// `metadata.name`.
    pub(super) fn object_name(&self) -> Option<&'s str> {
        self.root.get("metadata")?.get_text("name")
    }

    /// The scalar as a spot; none where it has no text of its own to replace.
    pub(super) fn spot(&self, node: NodeRef<'s>) -> Spot {
        let empty = node.resolved().is_null();
        let value = node.text().filter(|_| !empty).unwrap_or_default().to_owned();
        let own = node.resolved();
        let is_bare = own.kind() == Kind::Scalar(Style::Plain) && own.tag().is_none();
        match self.block {
            None => Spot {
                at: Address { node: node.id(), inner: None },
                value,
                is_bare,
                line: node.line(),
                path: node.path(),
            },
            Some((outer, block)) => {
                let mut segments = outer.path().segments().to_vec();
                segments.extend_from_slice(node.path().segments());
                Spot {
                    at: Address { node: outer.id(), inner: Some(node.id()) },
                    value,
                    is_bare,
                    line: block.line(node),
                    path: YamlPath::new(segments),
                }
            }
        }
    }

    /// A site of this scope's target; the names of keys above `node` are found here.
    pub(super) fn site(
        &self,
        node: NodeRef<'s>,
        repositories: Vec<String>,
        mut names: Vec<Name>,
        place: Place,
    ) -> Site {
        if !names.iter().any(|name| matches!(name.kind, NameKind::App | NameKind::Container)) {
            names.extend(self.name_above(node));
        }
        Site { target: self.target, document: self.document, repositories, names, place }
    }

    /// The nearest key above that names an app, else the owner, else the file.
    fn name_above(&self, node: NodeRef<'s>) -> Option<Name> {
        let below_root = |node: &NodeRef<'s>| *node != self.root;
        let above = std::iter::successors(Some(node), |node| node.parent())
            .take_while(below_root)
            .filter_map(NodeRef::key)
            .filter_map(NodeRef::scalar);
        for key in above {
            let stem = strip_image(key);
            if !stem.is_empty() && !GENERIC.contains(&stem) {
                return Some(Name { kind: NameKind::App, text: stem.to_owned() });
            }
        }
        if let Some(owner) = self.owner {
            return Some(Name { kind: NameKind::Object, text: owner.to_owned() });
        }
        Some(Name { kind: NameKind::File, text: file_subject(self.path)?.to_owned() })
    }
}

/// `sidecarImage` is about the sidecar.
fn strip_image(key: &str) -> &str {
    const ENDS: &[&str] = &["ImageTag", "_image_tag", "-image-tag", "Image", "_image", "-image"];
    if key == "imageTag" || key == "image_tag" {
        return "";
    }
    ENDS.iter().find_map(|end| key.strip_suffix(end)).unwrap_or(key)
}

/// The app that a file is about: its own name, or its directory's where it is called `values.yaml`.
fn file_subject(path: &str) -> Option<&str> {
    let mut components = path.rsplit('/');
    let file = components.next()?;
    let stem = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file);
    let is_common = stem == "values" || stem.starts_with("values-") || stem == "kustomization";
    if is_common { components.next().filter(|dir| !dir.is_empty()) } else { Some(stem) }
}
