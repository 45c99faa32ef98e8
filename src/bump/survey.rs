//! What an environment deploys: every image with its version, under the name a user would give it.

use super::images::{Images, search};
use crate::environment::Config;
use crate::image::{Version, is_same_repository};
use crate::snapshot::Snapshot;
use crate::target::{self, NameKind, Query, Site};

/// An image in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The app: its name in `apps:`, its key in the file, or the end of its repository.
    pub app: String,
    /// What a bump finds it by: the repository where one is known.
    pub image: String,
    /// What tells it from other places of the same image: the keys and objects it is in.
    pub within: String,
    /// Its version.
    pub version: Version,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key path.
    pub key: String,
}

impl Deployed {
    /// `staging.yaml:3: api.image.tag = v1`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{}:{}: {} = {}", self.file, self.line, self.key, self.version)
    }

    /// Whether it is the same app's, as far as one can tell when files were moved.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.image == other.image && self.within == other.within
    }
}

/// All images of a scope that have a version, in the order of its files; with `apps`, only those that a user
/// means by these names.
pub fn survey(
    snapshot: &dyn Snapshot,
    config: &Config,
    scope: &Images,
    apps: &[String],
) -> anyhow::Result<Vec<Deployed>> {
    let searched = search(snapshot, scope, None)?;
    if let Some(error) = searched.unreadable.into_iter().next() {
        return Err(error);
    }
    let mut all = Vec::new();
    for located in &searched.located {
        let site = &located.site;
        let version = target::current(site);
        let has_version = version.tag.is_some() || version.digest.is_some();
        let Some((app, image)) = handle(config, site).filter(|_| has_version) else { continue };
        let spot = site.spot();
        let file = located.source.path.clone();
        let (line, key, within) = (spot.line, spot.path.to_string(), within(site));
        all.push((Deployed { app, image, within, version, file, line, key }, site));
    }
    // An app's own name means it, and not what runs its image under another name.
    let is_name = |app: &String| all.iter().any(|(deployed, _)| deployed.app == *app);
    let by_name: Vec<bool> = apps.iter().map(is_name).collect();
    let is_meant = |deployed: &Deployed, site: &Site| {
        apps.iter().zip(&by_name).any(|(app, by_name)| {
            let query = Query { image: app, configured: config.image_of(app) };
            if *by_name { deployed.app == *app } else { query.matches(site).is_some() }
        })
    };
    let meant = |(deployed, site): &(Deployed, &Site)| apps.is_empty() || is_meant(deployed, site);
    Ok(all.into_iter().filter(meant).map(|(deployed, _)| deployed).collect())
}

fn within(site: &Site) -> String {
    let names = site.names.iter().filter(|name| name.kind != NameKind::File);
    names.map(|name| name.text.as_str()).collect::<Vec<_>>().join("/")
}

/// The app's name, and what a bump finds it by.
fn handle(config: &Config, site: &Site) -> Option<(String, String)> {
    let repository = site.repositories.first();
    let configured = config.apps.iter().find(|(_, app)| {
        let image = app.image.as_deref();
        image.zip(repository).is_some_and(|(image, known)| is_same_repository(image, known))
    });
    if let Some((name, _)) = configured {
        return Some((name.clone(), name.clone()));
    }
    let named = |kinds: &[NameKind]| {
        site.names.iter().find(|name| kinds.contains(&name.kind)).map(|name| name.text.clone())
    };
    let key = named(&[NameKind::App, NameKind::Marker]);
    let rest = || named(&[NameKind::Container, NameKind::Object, NameKind::File]);
    match repository {
        Some(repository) => {
            let last = repository.rsplit('/').next().unwrap_or(repository).to_owned();
            Some((key.unwrap_or(last), repository.clone()))
        }
        None => key.or_else(rest).map(|name| (name.clone(), name)),
    }
}
