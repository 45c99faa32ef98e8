//! The images of a change: what nine of ten readers want to know first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use semver::Version;

use super::ObjectDiff;
use crate::image::{self, ImageRef};
use crate::yaml::Value;
use crate::yaml::value::{Data, Map};

/// What kind of step an image takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// `1.2.3` → `2.0.0`.
    Major,
    /// `1.2.3` → `1.3.0`.
    Minor,
    /// `1.2.3` → `1.2.4`.
    Patch,
    /// To or between pre-releases of one version.
    Prerelease,
    /// To an older version.
    Downgrade,
    /// To a tag that means another image tomorrow.
    Mutable,
    /// The same tag, another digest.
    SameTag,
    /// Another digest, no tag.
    Digest,
    /// The versions cannot be compared.
    Unknown,
    /// There was no such image before.
    Added,
    /// There is none any more.
    Removed,
    /// Another repository.
    Repository,
}

impl Class {
    /// The word in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Prerelease => "prerelease",
            Self::Downgrade => "downgrade",
            Self::Mutable => "mutable-tag",
            Self::SameTag => "same-tag-new-digest",
            Self::Digest => "digest-only",
            Self::Unknown => "unknown",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Repository => "repository",
        }
    }
}

/// Who uses an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// The object, or the file.
    pub title: String,
    /// Its environment.
    pub environment: Arc<str>,
    /// The file.
    pub path: Arc<str>,
    /// The line of the newer file, or of the older one where the image is gone.
    pub line: u32,
}

/// One image's step, and everything that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// The repository, or the keys that lead to a tag without one.
    pub name: String,
    /// Tag and digest before.
    pub before: Option<String>,
    /// Tag and digest after.
    pub after: Option<String>,
    /// What kind of step.
    pub class: Class,
    /// Who takes it.
    pub users: Vec<User>,
}

/// An image of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The repository, or the keys that lead to a tag without one.
    pub name: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
    /// The line.
    pub line: u32,
}

impl Use {
    fn version(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), Some(digest)) => format!("{tag}@{}", short(digest)),
            (None, Some(digest)) => format!("@{}", short(digest)),
            (Some(tag), None) => tag.clone(),
            (None, None) => "(no tag)".to_owned(),
        }
    }
}

/// A digest is told from others by its beginning.
fn short(digest: &str) -> &str {
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
    let end = digest.len() - hex.len() + hex.len().min(12);
    if algorithm.is_empty() { digest } else { digest.get(..end).unwrap_or(digest) }
}

/// Every image of a document, by where it stands.
#[must_use]
pub fn of(value: &Value) -> BTreeMap<String, Use> {
    let mut found = BTreeMap::new();
    walk(value, &mut Vec::new(), &mut found);
    found
}

/// The keys and items that lead somewhere.
type Way<'v> = Vec<Cow<'v, str>>;

fn walk<'v>(value: &'v Value, path: &mut Way<'v>, found: &mut BTreeMap<String, Use>) {
    match &value.data {
        Data::Map(map) => {
            if let Some(image) = structured(map, path) {
                found.insert(path.join("."), image);
            }
            for entry in map.entries() {
                path.push(Cow::Borrowed(&entry.key));
                match entry.value.as_str() {
                    Some(text) if &*entry.key == "image" => {
                        if let Some(image) = ImageRef::parse(text) {
                            found.insert(path.join("."), single(image, entry.line));
                        }
                    }
                    // Helm values inside of an Argo CD Application.
                    Some(text) if &*entry.key == "values" && text.contains('\n') => {
                        embedded(text, entry.line, path, found);
                    }
                    _ => walk(&entry.value, path, found),
                }
                path.pop();
            }
        }
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = ["name", "newName"].iter().find_map(|key| item.str_at(&[key]));
                path.push(name.map_or_else(|| index.to_string().into(), Cow::Borrowed));
                walk(item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

fn embedded(text: &str, line: u32, path: &Way<'_>, found: &mut BTreeMap<String, Use>) {
    use crate::yaml::{Schema, Stream, expand};
    let Ok(stream) = Stream::parse(text.to_owned()) else { return };
    let Ok(tree) = expand(&stream, 0, Schema::Kubernetes, line as usize) else { return };
    walk(&tree.value, &mut path.clone(), found);
}

fn single(image: ImageRef, line: u32) -> Use {
    Use { name: image.repository, tag: image.tag, digest: image.digest, line }
}

/// Maps that spell an image in several keys: Helm values, kustomize `images:`, Helm parameters.
fn structured(map: &Map, path: &[Cow<'_, str>]) -> Option<Use> {
    const KEYS: &[&str] = &["tag", "imageTag", "image_tag", "newTag", "newName"];
    let is_parameter = path.iter().rev().nth(1).is_some_and(|key| key == "parameters");
    // Nearly every map ends here.
    if !is_parameter && !map.entries().iter().any(|entry| KEYS.contains(&&*entry.key)) {
        return None;
    }
    let text = |key: &str| map.get(key).and_then(Value::scalar_text).filter(|text| text != "null");
    let line_of = |key: &str| map.entry(key).map(|entry| entry.line);
    if let (Some(name), true) = (text("name"), is_parameter) {
        let owner = name.strip_suffix(".tag")?.to_owned();
        return Some(Use {
            name: owner,
            tag: text("value"),
            digest: None,
            line: line_of("value")?,
        });
    }
    if let Some(line) = line_of("newTag").or_else(|| line_of("newName")) {
        let name = text("newName").or_else(|| text("name"))?;
        return Some(Use { name, tag: text("newTag"), digest: text("digest"), line });
    }
    let tag_key =
        ["tag", "imageTag", "image_tag"].into_iter().find(|key| map.get(key).is_some())?;
    let (tag, line) = (text(tag_key)?, line_of(tag_key)?);
    let above = path.last();
    let repository = text("repository").or_else(|| text("imageRepository")).or_else(|| {
        let is_image = above.is_some_and(|key| key.to_ascii_lowercase().ends_with("image"));
        text("name").filter(|_| is_image)
    });
    let name = match (text("registry"), repository) {
        (Some(registry), Some(repository)) => format!("{registry}/{repository}"),
        (None, Some(repository)) => repository,
        (_, None) => keys_above(path)?,
    };
    let digest = text("digest").filter(|digest| !digest.is_empty());
    image::is_tag(&tag).then_some(Use { name, tag: Some(tag), digest, line })
}

/// `api.image` names the image of a lone `tag` under it; a `tag` elsewhere is anything.
fn keys_above(path: &[Cow<'_, str>]) -> Option<String> {
    let (last, above) = path.split_last()?;
    let is_image = last.to_ascii_lowercase().ends_with("image");
    match (is_image, above.last()) {
        (true, Some(app)) => Some(app.to_string()),
        (true, None) => Some(last.to_string()),
        (false, _) => None,
    }
}

/// The images that differ, those with most users first.
#[must_use]
pub fn changes(objects: &[ObjectDiff]) -> Vec<ImageChange> {
    let mut rows: BTreeMap<(String, Option<String>, Option<String>), ImageChange> = BTreeMap::new();
    let images = |side: &Option<crate::manifest::Object>| {
        side.as_ref().map(|object| of(&object.value)).unwrap_or_default()
    };
    let found: Vec<_> =
        objects.par_iter().map(|diff| (images(&diff.before), images(&diff.after))).collect();
    for (diff, (before, after)) in objects.iter().zip(found) {
        let mut places: Vec<&String> = before.keys().chain(after.keys()).collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            let (old, new) = (before.get(place), after.get(place));
            if let Some(row) = row(old, new) {
                let users = &mut rows
                    .entry((row.name.clone(), row.before.clone(), row.after.clone()))
                    .or_insert(row)
                    .users;
                let object = diff.object();
                users.push(User {
                    title: object.title(),
                    environment: Arc::clone(&object.environment),
                    path: Arc::clone(&object.path),
                    line: new.or(old).map_or(object.line, |image| image.line),
                });
            }
        }
    }
    let mut rows: Vec<ImageChange> = rows.into_values().collect();
    for row in &mut rows {
        row.users.sort();
        row.users.dedup_by(|a, b| a.title == b.title && a.environment == b.environment);
    }
    rows.sort_by(|a, b| b.users.len().cmp(&a.users.len()).then_with(|| a.name.cmp(&b.name)));
    rows
}

fn row(old: Option<&Use>, new: Option<&Use>) -> Option<ImageChange> {
    let same_version = |a: &Use, b: &Use| a.tag == b.tag && a.digest == b.digest;
    let (name, class) = match (old, new) {
        (Some(old), Some(new)) if old.name == new.name && same_version(old, new) => return None,
        (Some(old), Some(new)) if !image::is_same_repository(&old.name, &new.name) => {
            (format!("{} → {}", old.name, new.name), Class::Repository)
        }
        (Some(old), Some(new)) if same_version(old, new) => return None,
        (Some(old), Some(new)) => (new.name.clone(), classify(old, new)),
        (None, Some(new)) => (new.name.clone(), Class::Added),
        (Some(old), None) => (old.name.clone(), Class::Removed),
        (None, None) => return None,
    };
    let (before, after) = (old.map(Use::version), new.map(Use::version));
    Some(ImageChange { name, before, after, class, users: Vec::new() })
}

fn classify(old: &Use, new: &Use) -> Class {
    match (&old.tag, &new.tag) {
        (Some(a), Some(b)) if a == b => Class::SameTag,
        (None, None) if old.digest != new.digest => Class::Digest,
        (_, None) if new.digest.is_some() => Class::Digest,
        (_, None) => Class::Mutable,
        (_, Some(tag)) if is_mutable(tag) => Class::Mutable,
        (Some(a), Some(b)) => step(a, b),
        (None, Some(_)) => Class::Unknown,
    }
}

/// Whether a tag is moved from image to image by custom.
#[must_use]
pub fn is_mutable(tag: &str) -> bool {
    const MOVING: &[&str] = &[
        "latest",
        "main",
        "master",
        "trunk",
        "dev",
        "develop",
        "development",
        "edge",
        "nightly",
        "stable",
        "staging",
        "prod",
        "production",
        "test",
        "head",
        "canary",
        "snapshot",
    ];
    MOVING.iter().any(|moving| moving.eq_ignore_ascii_case(tag))
}

/// The step from one tag to another.
#[must_use]
pub fn step(before: &str, after: &str) -> Class {
    let (Some(a), Some(b)) = (version(before), version(after)) else { return Class::Unknown };
    if b < a {
        return Class::Downgrade;
    }
    if a.major != b.major {
        Class::Major
    } else if a.minor != b.minor {
        Class::Minor
    } else if a.patch != b.patch {
        Class::Patch
    } else if a.pre != b.pre {
        Class::Prerelease
    } else {
        Class::Unknown
    }
}

/// A tag as a version: `v1.2`, `1.2.3-alpine` and `1.2.3` are.
fn version(tag: &str) -> Option<Version> {
    let plain = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = plain.find(['-', '+']).unwrap_or(plain.len());
    let (numbers, rest) = plain.split_at(end);
    let parts = numbers.split('.').count();
    if parts > 3 || (parts == 1 && !tag.starts_with(['v', 'V'])) {
        return None;
    }
    Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(3 - parts))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Schema, Stream, expand};

    fn images(text: &str) -> Vec<(String, String, Option<String>)> {
        let stream = Stream::parse(text.to_owned()).unwrap();
        let value = expand(&stream, 0, Schema::Kubernetes, 0).unwrap().value;
        of(&value).into_iter().map(|(place, u)| (place, u.name, u.tag)).collect()
    }

    #[test]
    fn finds_images_wherever_they_stand() {
        let cases = [
            (
                "spec: {containers: [{name: w, image: r.io/a:1}]}",
                "spec.containers.w.image",
                "r.io/a",
                "1",
            ),
            ("api: {image: {repository: r.io/a, tag: v1}}", "api.image", "r.io/a", "v1"),
            ("api: {image: {registry: r.io, repository: a, tag: v1}}", "api.image", "r.io/a", "v1"),
            ("api: {image: {tag: v1}}", "api.image", "api", "v1"),
            ("image: {tag: v1}", "image", "image", "v1"),
            ("images: [{name: a, newName: r.io/b, newTag: v2}]", "images.a", "r.io/b", "v2"),
            (
                "spec: {source: {helm: {parameters: [{name: api.image.tag, value: v1}]}}}",
                "spec.source.helm.parameters.api.image.tag",
                "api.image",
                "v1",
            ),
            (
                "spec:\n  source:\n    helm:\n      values: |\n        api:\n          image: r.io/a:1\n",
                "spec.source.helm.values.api.image",
                "r.io/a",
                "1",
            ),
        ];
        for (text, place, name, tag) in cases {
            let expected = (place.to_owned(), name.to_owned(), Some(tag.to_owned()));
            assert_eq!(images(text), [expected], "{text}");
        }
        for text in ["git: {tag: v1}", "image: \"{{ .x }}\"", "a: 1"] {
            assert!(images(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn classifies_steps() {
        let cases = [
            ("v1.2.3", "v2.0.0", Class::Major),
            ("1.2.3", "1.3.0", Class::Minor),
            ("1.2", "1.2.1", Class::Patch),
            ("1.2.3", "1.2.2", Class::Downgrade),
            ("1.2.3-rc.1", "1.2.3-rc.2", Class::Prerelease),
            ("1.2.3-rc.1", "1.2.3", Class::Prerelease),
            ("1.2.3", "latest", Class::Mutable),
            ("main-abc", "main-def", Class::Unknown),
            ("20240101", "20240102", Class::Unknown),
        ];
        for (before, after, class) in cases {
            let of =
                |tag: &str| Use { name: "a".into(), tag: Some(tag.into()), digest: None, line: 1 };
            assert_eq!(classify(&of(before), &of(after)), class, "{before} {after}");
        }
    }
}
