//! What an environment runs, as its files say it, and what two of its moments differ in.

use std::collections::BTreeMap;

use super::{App, Release};
use crate::deployed;
use crate::environment::Config;
use crate::image::Version;

/// One image of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The app's name.
    pub app: String,
    /// The image's repository, where it is known.
    pub image: Option<String>,
    /// Its version.
    pub version: Version,
}

/// The images a file declares, each once; none where it is no YAML, such as a chart's template.
#[must_use]
pub fn running(path: &str, bytes: &[u8], config: &Config) -> Option<Vec<Running>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut found = Vec::new();
    for one in deployed::of_file(path, text, &config.apps)? {
        let version = Version::parse(&one.version)
            .unwrap_or_else(|_| Version { tag: Some(one.version.clone()), digest: None });
        let running = Running { app: one.app, image: one.repository, version };
        if !one.version.is_empty() && !found.contains(&running) {
            found.push(running);
        }
    }
    Some(found)
}

/// What changed and what did not, each ordered by name.
#[must_use]
pub fn compare(before: &[Running], after: &[Running]) -> (Vec<App>, Vec<App>) {
    let mut names: BTreeMap<&str, [Vec<&Running>; 2]> = BTreeMap::new();
    for (side, moment) in [(0, before), (1, after)] {
        for one in moment {
            let versions = &mut names.entry(&one.app).or_default()[side];
            if versions.iter().all(|known| known.version != one.version) {
                versions.push(one);
            }
        }
    }
    let (mut changes, mut unchanged) = (Vec::new(), Vec::new());
    for [old, new] in names.values() {
        let stays = |one: &&&Running, others: &[&Running]| {
            others.iter().any(|other| other.version == one.version)
        };
        let mut gone = old.iter().filter(|one| !stays(one, new));
        let mut come = new.iter().filter(|one| !stays(one, old));
        loop {
            match (gone.next(), come.next()) {
                (None, None) => break,
                (old, new) => changes.push(app(old.copied(), new.copied())),
            }
        }
        let same = new.iter().filter(|one| stays(one, old));
        unchanged.extend(same.map(|one| app(Some(one), Some(one))));
    }
    (changes, unchanged)
}

fn app(old: Option<&Running>, new: Option<&Running>) -> App {
    let release = |one: &Running| Release {
        tag: one.version.tag.clone(),
        digest: one.version.digest.clone(),
        ..Release::default()
    };
    let one = new.or(old);
    App {
        app: one.map(|one| one.app.clone()).unwrap_or_default(),
        image: one.and_then(|one| one.image.clone()),
        old: old.map(release),
        new: new.map(release),
        ..App::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(yaml: &str) -> Vec<Running> {
        let config = "apps: { front: { image: ghcr.io/acme/web } }";
        let config = Config::parse("gitops.yaml", config.as_bytes().to_vec()).unwrap();
        running("environments/prod.yaml", yaml.as_bytes(), &config).unwrap()
    }

    fn said(apps: &[App]) -> Vec<String> {
        let label = |release: &Option<Release>| release.as_ref().map_or("-".into(), Release::label);
        apps.iter()
            .map(|app| format!("{} {} {}", app.app, label(&app.old), label(&app.new)))
            .collect()
    }

    #[test]
    fn names_are_those_of_status_and_history() {
        let yaml = "backend:\n  image: { repository: ghcr.io/acme/api, tag: v1 }\n\
                    web:\n  image: { repository: ghcr.io/acme/web, tag: v2 }\n";
        let names: Vec<String> = of(yaml).into_iter().map(|one| one.app).collect();
        assert_eq!(names, ["api", "front"]);
    }

    #[test]
    fn a_template_declares_nothing() {
        assert_eq!(running("t.yaml", b"image: {{ .Values.image }}: {", &Config::default()), None);
    }

    #[test]
    fn differences_are_by_app() {
        let image = |app: &str, tag: &str| {
            format!("{app}:\n  image: {{ repository: ghcr.io/acme/{app}, tag: {tag} }}\n")
        };
        let before = [image("api", "v1"), image("db", "v7"), image("old", "v9")].concat();
        let after = [image("api", "v2"), image("db", "v7"), image("new", "v3")].concat();
        let (changes, unchanged) = compare(&of(&before), &of(&after));
        assert_eq!(said(&changes), ["api v1 v2", "new - v3", "old v9 -"]);
        assert_eq!(said(&unchanged), ["db v7 v7"]);
    }
}
