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
    /// Where it stands.
    pub place: Place,
}

/// A file, a document in it and a key there: what keeps an image the same one when its version changes.
pub type Place = (String, usize, String);

/// The images a file declares; none where it is no YAML, such as a chart's template.
#[must_use]
pub fn running(path: &str, bytes: &[u8], config: &Config) -> Option<Vec<Running>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut found = Vec::new();
    for one in deployed::of_file(path, text, &config.apps)? {
        let version = Version::parse(&one.version)
            .unwrap_or_else(|_| Version { tag: Some(one.version.clone()), digest: None });
        if !one.version.is_empty() {
            let place = (one.file, one.document, one.key);
            found.push(Running { app: one.app, image: one.repository, version, place });
        }
    }
    Some(found)
}

/// Whether an image before and one after are the same one.
type Same = fn(&Running, &Running) -> bool;
/// What an app ran in one place, and what it runs there.
type Pair<'r> = (Option<&'r Running>, Option<&'r Running>);

/// What changed and what did not, each ordered by name. Places are compared, and what is true of several
/// places of an app is said once.
#[must_use]
pub fn compare(before: &[Running], after: &[Running]) -> (Vec<App>, Vec<App>) {
    let mut apps: BTreeMap<&str, [Vec<&Running>; 2]> = BTreeMap::new();
    for (side, moment) in [(0, before), (1, after)] {
        for one in moment {
            apps.entry(&one.app).or_default()[side].push(one);
        }
    }
    let (mut changes, mut unchanged) = (Vec::new(), Vec::new());
    for [old, new] in apps.values() {
        for (old, new) in pairs(old, new) {
            let is_same = version(old) == version(new);
            if is_same { &mut unchanged } else { &mut changes }.push(app(old, new));
        }
    }
    (changes, unchanged)
}

fn version(one: Option<&Running>) -> Option<&Version> {
    one.map(|one| &one.version)
}

/// Each pair of versions once: those of one place, then those that moved, then what came for what went.
fn pairs<'r>(old: &[&'r Running], new: &[&'r Running]) -> Vec<Pair<'r>> {
    let (mut gone, mut come) = (old.to_vec(), new.to_vec());
    let mut pairs: Vec<Pair<'r>> = Vec::new();
    let rules: [Same; 2] =
        [|old, new| old.place == new.place, |old, new| old.version == new.version];
    for same in rules {
        gone.retain(|old| {
            let found = come.iter().position(|new| same(old, new));
            pairs.extend(found.map(|at| (Some(*old), Some(come.remove(at)))));
            found.is_none()
        });
    }
    // One more place for what runs already, or one place less, is no news of versions.
    gone.retain(|one| pairs.iter().all(|(old, _)| version(*old) != Some(&one.version)));
    come.retain(|one| pairs.iter().all(|(_, new)| version(*new) != Some(&one.version)));
    let (mut gone, mut come) = (gone.into_iter(), come.into_iter());
    loop {
        match (gone.next(), come.next()) {
            (None, None) => break,
            pair => pairs.push(pair),
        }
    }
    let mut seen = Vec::new();
    pairs.retain(|(old, new)| {
        let pair = (version(*old).cloned(), version(*new).cloned());
        !seen.contains(&pair) && {
            seen.push(pair);
            true
        }
    });
    pairs
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

    #[test]
    fn differences_are_by_place() {
        let places = |tags: &[(&str, &str)]| -> String {
            let image = |(at, tag): &(&str, &str)| {
                format!("{at}:\n  image: {{ repository: ghcr.io/acme/app, tag: {tag} }}\n")
            };
            tags.iter().map(image).collect::<Vec<_>>().concat()
        };
        let all = |tag| places(&[("api", tag), ("worker", tag), ("canary", tag)]);
        let between = |before: &str, after: &str| {
            let (changes, unchanged) = compare(&of(before), &of(after));
            (said(&changes).join(", "), said(&unchanged).join(", "))
        };
        let table = [
            (all("v1"), all("v2"), "app v1 v2", ""),
            (
                all("v1"),
                places(&[("api", "v1"), ("worker", "v2"), ("canary", "v1")]),
                "app v1 v2",
                "app v1 v1",
            ),
            (
                places(&[("api", "v4"), ("worker", "v3")]),
                places(&[("api", "v4"), ("worker", "v4")]),
                "app v3 v4",
                "app v4 v4",
            ),
            (
                places(&[("api", "v4"), ("worker", "v3")]),
                places(&[("api", "v3"), ("worker", "v4")]),
                "app v4 v3, app v3 v4",
                "",
            ),
            // Only moved, one place more, one place less.
            (places(&[("api", "v1")]), places(&[("web", "v1")]), "", "app v1 v1"),
            (places(&[("api", "v1")]), all("v1"), "", "app v1 v1"),
            (all("v1"), places(&[("api", "v1")]), "", "app v1 v1"),
        ];
        for (before, after, changes, unchanged) in table {
            let expected = (changes.to_owned(), unchanged.to_owned());
            assert_eq!(between(&before, &after), expected, "{before}{after}");
        }
    }
}
