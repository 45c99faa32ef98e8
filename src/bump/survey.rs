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
        let is_meant = |app: &String| {
            let query = Query { image: app, configured: config.image_of(app) };
            query.matches(site).is_some()
        };
        let version = target::current(site);
        let has_version = version.tag.is_some() || version.digest.is_some();
        let Some((app, image)) = handle(config, site).filter(|_| has_version) else { continue };
        if apps.is_empty() || apps.iter().any(is_meant) {
            let spot = site.spot();
            let file = located.source.path.clone();
            let (line, key) = (spot.line, spot.path.to_string());
            all.push(Deployed { app, image, version, file, line, key });
        }
    }
    Ok(all)
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
