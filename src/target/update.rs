//! What a new version makes of a site's scalars. A tag never changes beside a digest that stays.

use super::{Place, Site, Spot};
use crate::error::{Code, Hinted};
use crate::image::{ImageRef, Version, is_digest};
use crate::yaml::reads_otherwise;

/// A scalar and its new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotEdit<'s> {
    /// Where.
    pub spot: &'s Spot,
    /// The new value.
    pub after: String,
}

/// The version a site has now.
#[must_use]
pub fn current(site: &Site) -> Version {
    match &site.place {
        Place::Reference { spot, prefix } => {
            let image = spot.value.strip_prefix(prefix.as_str()).and_then(ImageRef::parse);
            image.map(|image| image.version()).unwrap_or_default()
        }
        Place::Tag { tag, digest } => {
            let (tag, pinned) = split(&tag.value);
            let digest = digest.as_ref().map(|spot| full_digest(&spot.value));
            Version { tag, digest: digest.filter(|digest| !digest.is_empty()).or(pinned) }
        }
        Place::Digest(spot) => Version { tag: None, digest: Some(full_digest(&spot.value)) },
    }
}

/// The tag of a site where its readers take it for something else than is written there.
#[must_use]
pub fn misread(site: &Site) -> Option<&Spot> {
    let Place::Tag { tag, .. } = &site.place else { return None };
    // Kustomize refuses every number.
    let is_refused =
        |text: &str| site.target == "kustomize" && text.parse::<f64>().is_ok_and(f64::is_finite);
    let changes = |text: &str| reads_otherwise(text) || is_refused(text);
    Some(tag).filter(|tag| tag.is_bare && !tag.value.is_empty() && changes(&tag.value))
}

/// A tag that may carry a digest.
fn split(value: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    match value.split_once('@') {
        Some((tag, digest)) => (some(tag), some(digest)),
        None => (some(value), None),
    }
}

/// Some charts take the hexadecimal digits alone.
fn full_digest(value: &str) -> String {
    let prefixed = format!("sha256:{value}");
    if is_digest(&prefixed) { prefixed } else { value.to_owned() }
}

/// The edits that bring a site to a version; none where it is there already.
///
/// Without a digest in `version`, a digest beside the tag is an error: it would go on deciding what
/// is deployed. `drop_digest` removes it instead.
pub fn plan<'s>(
    site: &'s Site,
    version: &Version,
    drop_digest: bool,
) -> Result<Vec<SpotEdit<'s>>, Hinted> {
    let old = current(site);
    let tag = version.tag.clone().or(old.tag.clone());
    let digest = version.digest.clone();
    if version.tag.is_some() && version.tag == old.tag && digest.is_none() && !drop_digest {
        return Ok(Vec::new());
    }
    if let Some(pinned) = old.digest.as_ref().filter(|_| digest.is_none() && !drop_digest) {
        return Err(pinned_error(site, version, pinned));
    }
    let edits = match &site.place {
        Place::Reference { spot, prefix } => {
            let image = spot.value.strip_prefix(prefix.as_str()).and_then(ImageRef::parse);
            let Some(image) = image else { return Ok(Vec::new()) };
            let new = ImageRef { repository: image.repository, tag, digest };
            vec![SpotEdit { spot, after: format!("{prefix}{new}") }]
        }
        Place::Tag { tag: spot, digest: pin } => {
            let mut edits = vec![tag_edit(site, spot, tag, digest.as_deref(), pin.is_some())?];
            edits.extend(pin.as_ref().map(|pin| digest_edit(pin, digest.as_deref())));
            edits
        }
        Place::Digest(spot) if digest.is_some() => vec![digest_edit(spot, digest.as_deref())],
        Place::Digest(_) => return Err(only_digest(site)),
    };
    Ok(edits.into_iter().filter(|edit| edit.spot.value != edit.after).collect())
}

/// `apart`: the digest has a place of its own.
fn tag_edit<'s>(
    site: &Site,
    spot: &'s Spot,
    tag: Option<String>,
    digest: Option<&str>,
    apart: bool,
) -> Result<SpotEdit<'s>, Hinted> {
    let after = match (tag, digest.filter(|_| !apart)) {
        (Some(tag), Some(digest)) => format!("{tag}@{digest}"),
        (Some(tag), None) => tag,
        // No tag is asked for, and there was none.
        (None, None) => spot.value.clone(),
        (None, Some(_)) => return Err(no_tag(site)),
    };
    Ok(SpotEdit { spot, after })
}

/// A digest in the spelling of the old one; empty where it is dropped.
fn digest_edit<'s>(spot: &'s Spot, digest: Option<&str>) -> SpotEdit<'s> {
    let is_bare = spot.value != full_digest(&spot.value);
    let digest = digest.unwrap_or_default();
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    SpotEdit { spot, after: if is_bare { hex } else { digest }.to_owned() }
}

fn pinned_error(site: &Site, version: &Version, digest: &str) -> Hinted {
    let spot = site.spot();
    let tag = version.tag.as_deref().unwrap_or_default();
    Hinted::new(
        Code::Pinned,
        format!(
            "`{}` on line {} is pinned to {digest}: a new tag alone would deploy nothing",
            spot.path, spot.line
        ),
        format!("give the digest too, as {tag}@sha256:…; or --drop-digest"),
    )
}

fn only_digest(site: &Site) -> Hinted {
    let spot = site.spot();
    let message = format!("`{}` on line {} holds a digest and no tag", spot.path, spot.line);
    Hinted::new(Code::Pinned, message, "give a digest, as TAG@sha256:… or @sha256:…")
}

fn no_tag(site: &Site) -> Hinted {
    let spot = site.spot();
    let message =
        format!("`{}` on line {} has no tag to put a digest behind", spot.path, spot.line);
    Hinted::new(Code::Pinned, message, "give both, as TAG@sha256:…")
}
