//! Where a tag lives in a file: one file and one row of [`TARGETS`] per kind of place.
//!
//! A target looks at one document and reports [`Site`]s; matching a site with the image a user names,
//! and the edit itself, are the same for every kind.

mod argocd;
mod compose;
mod flux;
mod helm_values;
mod helmfile;
mod kubernetes;
mod kustomize;
mod marker;
mod matching;
mod parameter;
mod scope;
mod update;

pub use matching::{Match, Query, nearest, select};
pub use scope::Scope;
pub use update::{SpotEdit, current, misread, plan};

use std::collections::HashMap;

use crate::yaml::{Address, Stream, YamlPath};

/// A kind of place.
#[derive(Debug)]
pub struct Target {
    /// What `--explain` and JSON call it.
    pub name: &'static str,
    find: fn(&Scope<'_>, &mut Vec<Site>),
}

/// Every kind, in the order of search: a place that two kinds know belongs to the first.
pub const TARGETS: &[Target] = &[
    Target { name: "helm-values", find: helm_values::find },
    Target { name: "kubernetes", find: kubernetes::find },
    Target { name: "kustomize", find: kustomize::find },
    Target { name: "argocd", find: argocd::find },
    Target { name: "flux", find: flux::find },
    Target { name: "compose", find: compose::find },
    Target { name: "helmfile", find: helmfile::find },
    Target { name: "marker", find: marker::find },
];

/// What a name of a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// The key of the app in the file.
    App,
    /// A container's, or a service's, name.
    Container,
    /// The name of the object or release that has just one image.
    Object,
    /// What a comment beside it says.
    Marker,
    /// The file's own name, where the file is about one app.
    File,
}

/// A name under which a user may know a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// What it is.
    pub kind: NameKind,
    /// The name.
    pub text: String,
}

/// One scalar of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Where an edit goes.
    pub at: Address,
    /// Its value.
    pub value: String,
    /// Whether it is written bare, so that readers decide whether it is a text.
    pub is_bare: bool,
    /// Its line in the file, from 1.
    pub line: usize,
    /// Its key path; behind the path of the block string, if it is inside one.
    pub path: YamlPath,
}

/// The scalars that hold the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `[name=]repository[:tag][@digest]` in one scalar.
    Reference {
        /// The scalar.
        spot: Spot,
        /// What stands before the reference (`name=` in Argo CD's `kustomize.images`).
        prefix: String,
    },
    /// A tag of its own.
    Tag {
        /// The tag, possibly with `@digest` behind it.
        tag: Spot,
        /// The digest beside it, possibly empty.
        digest: Option<Spot>,
    },
    /// A digest without a tag.
    Digest(Spot),
}

impl Place {
    fn of(tag: Option<Spot>, digest: Option<Spot>) -> Option<Self> {
        match (tag, digest) {
            (Some(tag), digest) => Some(Self::Tag { tag, digest }),
            (None, Some(digest)) => Some(Self::Digest(digest)),
            (None, None) => None,
        }
    }
}

/// A place where the version of an image lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The kind of place.
    pub target: &'static str,
    /// The document, counted from 0.
    pub document: usize,
    /// The repositories it is known to be about, the most telling first.
    pub repositories: Vec<String>,
    /// What else it may be called.
    pub names: Vec<Name>,
    /// Where the version is.
    pub place: Place,
}

impl Site {
    /// The scalar that stands for the site in messages.
    #[must_use]
    pub fn spot(&self) -> &Spot {
        match &self.place {
            Place::Reference { spot, .. } | Place::Digest(spot) | Place::Tag { tag: spot, .. } => {
                spot
            }
        }
    }

    /// All its scalars.
    pub fn spots(&self) -> impl Iterator<Item = &Spot> {
        let second = match &self.place {
            Place::Tag { digest, .. } => digest.as_ref(),
            Place::Reference { .. } | Place::Digest(_) => None,
        };
        std::iter::once(self.spot()).chain(second)
    }
}

/// Every site of a file, each once. `path` is the file's, for names that come from it.
#[must_use]
pub fn sites(stream: &Stream, path: &str) -> Vec<Site> {
    let mut found = Found::default();
    for document in 0..stream.documents() {
        let Some(root) = stream.root(document) else { continue };
        for target in TARGETS {
            let scope = Scope::new(target.name, document, root, path);
            let mut sites = Vec::new();
            (target.find)(&scope, &mut sites);
            for site in sites {
                found.add(site);
            }
        }
    }
    found.sites
}

#[derive(Default)]
struct Found {
    sites: Vec<Site>,
    by_address: HashMap<Address, usize>,
}

impl Found {
    /// Adds a site, or only its names where an earlier target knows the place.
    fn add(&mut self, site: Site) {
        let known = site.spots().find_map(|spot| self.by_address.get(&spot.at)).copied();
        let Some(known) = known else {
            let number = self.sites.len();
            self.by_address.extend(site.spots().map(|spot| (spot.at, number)));
            self.sites.push(site);
            return;
        };
        let names = &mut self.sites[known].names;
        let new: Vec<Name> = site.names.into_iter().filter(|name| !names.contains(name)).collect();
        names.extend(new);
    }
}
