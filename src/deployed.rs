//! What an environment's files deploy: apps and their versions, and what changed between two texts.

use std::collections::BTreeMap;

use crate::environment::App;
use crate::image::ImageRef;
use crate::target::{NameKind, Place, Query, Site, misread, sites};
use crate::yaml::Stream;

/// An app's version in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The app: its key in the configuration, else the end of its repository, else its name in the file.
    pub app: String,
    /// The repository, where the file tells it.
    pub repository: Option<String>,
    /// Tag and digest; empty for neither.
    pub version: String,
    /// Whether what reads the file takes the tag for something else.
    pub is_misread: bool,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key path.
    pub key: String,
    /// The document, counted from 0.
    pub document: usize,
}

/// Every version that a file deploys. `None`: the file cannot be read.
#[must_use]
pub fn of_file(path: &str, text: &str, apps: &BTreeMap<String, App>) -> Option<Vec<Deployed>> {
    let stream = Stream::parse(text.to_owned()).ok()?;
    let deployed = |site: Site| {
        let version = version(&site.place)?;
        let spot = site.spot();
        Some(Deployed {
            app: app(&site, apps),
            repository: site.repositories.first().cloned(),
            version,
            is_misread: misread(&site).is_some(),
            file: path.to_owned(),
            line: spot.line,
            key: spot.path.to_string(),
            document: site.document,
        })
    };
    Some(sites(&stream, path).into_iter().filter_map(deployed).collect())
}

fn version(place: &Place) -> Option<String> {
    match place {
        Place::Reference { spot, prefix } => {
            let text = spot.value.strip_prefix(prefix.as_str()).unwrap_or(&spot.value);
            Some(ImageRef::parse(text)?.version().to_string())
        }
        Place::Tag { tag, digest } => {
            let digest = digest.as_ref().map(|spot| spot.value.as_str()).filter(|d| !d.is_empty());
            Some(
                digest
                    .map_or_else(|| tag.value.clone(), |digest| format!("{}@{digest}", tag.value)),
            )
        }
        Place::Digest(spot) => Some(format!("@{}", spot.value)),
    }
}

fn app(site: &Site, apps: &BTreeMap<String, App>) -> String {
    let configured = apps.iter().find(|(name, app)| {
        let query = Query { image: name, configured: app.image.as_deref() };
        query.matches(site).is_some()
    });
    if let Some((name, _)) = configured {
        return name.clone();
    }
    if let Some(repository) = site.repositories.first() {
        return repository.rsplit('/').next().unwrap_or(repository).to_owned();
    }
    let named = site.names.iter().find(|name| name.kind == NameKind::App);
    named
        .or(site.names.first())
        .map_or_else(|| site.spot().path.to_string(), |name| name.text.clone())
}

/// A version that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionChange {
    /// The app.
    pub app: String,
    /// The version before; `None` where the app is new.
    pub before: Option<String>,
    /// The version after; `None` where the app is gone.
    pub after: Option<String>,
    /// The file.
    pub file: String,
    /// The key path.
    pub key: String,
}

/// What changed between two readings of one file. Places are known by their keys, so that a line
/// above them changes nothing.
#[must_use]
pub fn changes(before: &[Deployed], after: &[Deployed]) -> Vec<VersionChange> {
    let index = |side: &[Deployed]| -> BTreeMap<(String, usize, String), Deployed> {
        let key = |d: &Deployed| (d.app.clone(), d.document, d.key.clone());
        side.iter().map(|deployed| (key(deployed), deployed.clone())).collect()
    };
    let (old, new) = (index(before), index(after));
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let change = |key: &(String, usize, String)| {
        let (old, new) = (old.get(key), new.get(key));
        let (before, after) = (old.map(|d| d.version.clone()), new.map(|d| d.version.clone()));
        let place = new.or(old)?;
        (before != after).then(|| VersionChange {
            app: key.0.clone(),
            before,
            after,
            file: place.file.clone(),
            key: key.2.clone(),
        })
    };
    let changes: Vec<VersionChange> = keys.into_iter().filter_map(change).collect();
    moved(changes)
}

/// A version that only moved to another key of the file did not change.
fn moved(mut changes: Vec<VersionChange>) -> Vec<VersionChange> {
    let mut at = 0;
    while at < changes.len() {
        let twin = changes.iter().position(|other| {
            let gone = &changes[at];
            gone.after.is_none() && other.before.is_none() && gone.app == other.app
        });
        match twin {
            Some(twin) => {
                changes[twin].before = changes[at].before.take();
                let same = changes[twin].before == changes[twin].after;
                let (first, last) = (at.min(twin), at.max(twin));
                if same {
                    changes.remove(last);
                    changes.remove(first);
                } else {
                    changes.remove(at);
                }
            }
            None => at += 1,
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Deployed> {
        of_file("e/s.yaml", text, &BTreeMap::new()).unwrap()
    }

    fn between(before: &str, after: &str) -> Vec<(String, Option<String>, Option<String>)> {
        changes(&read(before), &read(after))
            .into_iter()
            .map(|c| (c.app, c.before, c.after))
            .collect()
    }

    #[test]
    fn names_apps_and_versions() {
        let text =
            "api: {image: {repository: r.io/acme/shop-api, tag: v1}}\nweb: {image: {tag: v2}}\n";
        let found: Vec<_> = read(text).into_iter().map(|d| (d.app, d.version, d.line)).collect();
        assert_eq!(
            found,
            [("shop-api".to_owned(), "v1".to_owned(), 1), ("web".to_owned(), "v2".to_owned(), 2)]
        );
        let app = App { image: Some("r.io/acme/shop-api".into()), source: None };
        let apps = BTreeMap::from([("backend".to_owned(), app)]);
        assert_eq!(of_file("e/s.yaml", text, &apps).unwrap()[0].app, "backend");
    }

    #[test]
    fn changes_are_of_versions_only() {
        let some = |text: &str| Some(text.to_owned());
        let old = "api: {image: {tag: v1}}\nx: 1\n";
        assert_eq!(between(old, "x: 2\n# c\napi: {image: {tag: v1}}\n"), []);
        assert_eq!(
            between(old, "api: {image: {tag: v2}}\n"),
            [("api".to_owned(), some("v1"), some("v2"))]
        );
        assert_eq!(between(old, "x: 1\n"), [("api".to_owned(), some("v1"), None)]);
        let moved = "apps: {api: {image: {tag: v1}}}\n";
        assert_eq!(between(old, moved), []);
    }
}
