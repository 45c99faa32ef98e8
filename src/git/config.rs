//! Git's configuration: the files Git reads, in its order, and the pairs that CI systems hand over in
//! `GIT_CONFIG_COUNT`, which libgit2 does not know.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use git2::ConfigLevel;
use url::Url;

use crate::http::Secret;

/// What Git's variables say about its configuration, as values.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `GIT_CONFIG_GLOBAL`: instead of the files in the home directory.
    pub global: Option<PathBuf>,
    /// `GIT_CONFIG_SYSTEM`: instead of the machine's file.
    pub system: Option<PathBuf>,
    /// `GIT_CONFIG_NOSYSTEM`: no machine-wide file.
    pub no_system: bool,
    /// The home directory, for `~/` in values.
    pub home: Option<PathBuf>,
    /// `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>`: they come last, so they win.
    pub pairs: Vec<(String, String)>,
}

/// The configuration in force. Names are compared as Git does: without case but for subsections.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Every entry in Git's order: a later one wins where only one can.
    entries: Vec<(String, String)>,
    home: Option<PathBuf>,
}

impl Config {
    /// Reads the machine's and the user's files, a repository's own when one is given, then the pairs.
    pub fn read(sources: &Sources, repository: Option<&Path>) -> anyhow::Result<Self> {
        let mut files = git2::Config::new()?;
        for (level, path) in paths(sources, repository) {
            if path.is_file() {
                files.add_file(&path, level, false)?;
            }
        }
        let mut entries = Vec::new();
        files.entries(None)?.for_each(|entry| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            // A key without a value is true.
            let value =
                if entry.has_value() { text(entry.value_bytes()) } else { "true".to_owned() };
            entries.push((text(entry.name_bytes()), value));
        })?;
        let pairs = sources.pairs.iter().map(|(key, value)| (normal(key), value.clone()));
        entries.extend(pairs);
        Ok(Self { entries, home: sources.home.clone() })
    }

    /// All values of a key.
    #[must_use]
    pub fn all(&self, key: &str) -> Vec<&str> {
        let key = normal(key);
        let found = self.entries.iter().filter(|(name, _)| *name == key);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a key that counts.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.all(key).pop()
    }

    /// A yes or no.
    #[must_use]
    pub fn is_true(&self, key: &str) -> bool {
        let value = self.get(key).map(str::to_ascii_lowercase);
        matches!(value.as_deref(), Some("true" | "yes" | "on" | "1"))
    }

    /// A value that names a file: `~/` is the home directory.
    #[must_use]
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.get(key).filter(|value| !value.is_empty()).map(|value| self.expanded(value))
    }

    /// The file that a value names.
    pub(super) fn expanded(&self, value: &str) -> PathBuf {
        let home = value.strip_prefix("~/").zip(self.home.as_ref());
        home.map_or_else(|| PathBuf::from(value), |(rest, home)| home.join(rest))
    }

    /// Has the secrets of `http.extraHeader` masked wherever they turn up: a server may repeat them.
    pub(super) fn hide_secrets(&self) {
        let lines = self
            .entries
            .iter()
            .filter(|(name, _)| name.starts_with("http.") && name.ends_with(".extraheader"));
        for (_, line) in lines {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let name = name.to_ascii_lowercase();
            let names = ["authorization", "token", "key", "secret", "cookie", "auth"];
            if names.iter().any(|part| name.contains(part)) {
                hide(value.trim());
            }
        }
    }

    /// All values of `<section>.<key>` and of `<section>.<pattern>.<key>` whose pattern fits the URL, the most
    /// special last, each with whether it names a place.
    #[must_use]
    pub fn all_for(&self, section: &str, key: &str, url: &Url) -> Vec<(&str, bool)> {
        let (head, tail) = (format!("{section}."), format!(".{key}"));
        let mut found = Vec::new();
        for (at, (name, value)) in self.entries.iter().enumerate() {
            if *name == format!("{section}.{key}") {
                found.push((0, at, value.as_str()));
            }
            let pattern = name.strip_prefix(&head).and_then(|rest| rest.strip_suffix(&tail));
            if let Some(score) = pattern.and_then(|pattern| fits(pattern, url)) {
                found.push((score, at, value.as_str()));
            }
        }
        found.sort_by_key(|(score, at, _)| (*score, *at));
        found.into_iter().map(|(score, _, value)| (value, score > 0)).collect()
    }

    /// `url.<base>.insteadOf`, and first of all `pushInsteadOf` where it is for pushing.
    #[must_use]
    pub fn rewrite(&self, url: &str, push: bool) -> String {
        let longest = |suffix: &str| {
            let matching = self.entries.iter().filter_map(|(name, prefix)| {
                let base = name.strip_prefix("url.")?.strip_suffix(suffix)?;
                let rest = url.strip_prefix(prefix.as_str()).filter(|_| !prefix.is_empty())?;
                Some((prefix.len(), format!("{base}{rest}")))
            });
            matching.max_by_key(|(length, _)| *length).map(|(_, url)| url)
        };
        let pushed = if push { longest(".pushinsteadof") } else { None };
        pushed.or_else(|| longest(".insteadof")).unwrap_or_else(|| url.to_owned())
    }
}

/// A header's value, its credential without the scheme, and what that says when it is decoded.
fn hide(value: &str) {
    let credential = value.split_once(' ').map_or(value, |(_, credential)| credential.trim());
    let decoded = STANDARD.decode(credential).or_else(|_| STANDARD_NO_PAD.decode(credential));
    let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = decoded.as_ref().and_then(|pair| pair.split_once(':')).map(|(_, word)| word);
    for secret in
        [Some(value), Some(credential), decoded.as_deref(), password].into_iter().flatten()
    {
        // Made to be remembered.
        let _ = Secret::new(secret);
    }
}

fn paths(sources: &Sources, repository: Option<&Path>) -> Vec<(ConfigLevel, PathBuf)> {
    let mut paths = Vec::new();
    if !sources.no_system {
        let system = sources.system.clone().or_else(|| git2::Config::find_system().ok());
        paths.extend(system.map(|path| (ConfigLevel::System, path)));
    }
    if let Some(path) = &sources.global {
        paths.push((ConfigLevel::Global, path.clone()));
    } else {
        let xdg = git2::Config::find_xdg().ok().map(|path| (ConfigLevel::XDG, path));
        let home = git2::Config::find_global().ok().map(|path| (ConfigLevel::Global, path));
        paths.extend(xdg.into_iter().chain(home));
    }
    paths.extend(repository.map(|path| (ConfigLevel::Local, path.join("config"))));
    paths
}

/// Section and key without case; the subsection between them as it is.
fn normal(key: &str) -> String {
    match (key.split_once('.'), key.rsplit_once('.')) {
        (Some((section, _)), Some((head, name))) if head.len() > section.len() => {
            let middle = &head[section.len()..];
            format!("{}{middle}.{}", section.to_lowercase(), name.to_lowercase())
        }
        _ => key.to_lowercase(),
    }
}

/// How specially a pattern of `http.<pattern>.…` names a URL: scheme, host and port must be equal, its path
/// a prefix by whole components.
fn fits(pattern: &str, url: &Url) -> Option<usize> {
    let parsed = Url::parse(pattern).ok()?;
    let (wanted, host) = (parsed.host_str()?, url.host_str()?);
    let same_host = wanted == host || wildcard(wanted, host);
    let same_place = parsed.scheme() == url.scheme()
        && parsed.port_or_known_default() == url.port_or_known_default();
    let path = parsed.path().trim_end_matches('/');
    let below = url.path() == path
        || url.path().strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        || url.path().strip_suffix(".git") == Some(path);
    (same_host && same_place && below).then(|| 1 + path.len() + usize::from(wanted == host))
}

/// `*.example.com` stands for one label.
fn wildcard(pattern: &str, host: &str) -> bool {
    let (pattern, host): (Vec<_>, Vec<_>) =
        (pattern.split('.').collect(), host.split('.').collect());
    pattern.len() == host.len()
        && pattern.iter().zip(&host).all(|(wanted, label)| *wanted == "*" || wanted == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let missing = Some(PathBuf::from("/nonexistent"));
        let sources = Sources { global: missing, no_system: true, pairs, ..Sources::default() };
        Config::read(&sources, None).unwrap()
    }

    #[test]
    fn names_ignore_case_but_in_the_middle() {
        let config = config(&[("Http.https://H/a.ExtraHeader", "x"), ("COMMIT.gpgSign", "Yes")]);
        assert!(config.is_true("commit.gpgsign"));
        assert_eq!(config.get("http.https://H/a.extraheader"), Some("x"));
        assert_eq!(config.get("http.https://h/a.extraheader"), None);
    }

    #[test]
    fn headers_are_secrets() {
        let basic = STANDARD.encode("ci:canary-basic");
        config(&[
            ("http.https://h/.extraHeader", &format!("Authorization: Basic {basic}")),
            ("http.extraHeader", "PRIVATE-TOKEN: canary-private"),
            ("http.extraHeader", "Authorization: bearer canary-bearer"),
            ("http.extraHeader", "X-Trace: visible-trace"),
        ])
        .hide_secrets();
        let said = format!("{basic} ci:canary-basic canary-basic canary-private canary-bearer");
        assert_eq!(crate::http::mask(&said), "*** *** *** *** ***");
        assert_eq!(crate::http::mask("visible-trace"), "visible-trace");
    }

    #[test]
    fn the_last_value_counts_and_all_are_kept() {
        let config = config(&[("a.b", "1"), ("a.b", "2")]);
        assert_eq!(config.get("a.b"), Some("2"));
        assert_eq!(config.all("a.b"), ["1", "2"]);
    }

    #[test]
    fn patterns_name_places() {
        let config = config(&[
            ("http.https://h/acme.extraheader", "acme"),
            ("http.extraheader", "all"),
            ("http.https://h.extraheader", "host"),
            ("http.https://h:8443.extraheader", "port"),
            ("http.https://*.h.extraheader", "sub"),
        ]);
        let values = |url: &str| -> Vec<&str> {
            let url = Url::parse(url).unwrap();
            let found = config.all_for("http", "extraheader", &url);
            found.into_iter().map(|(value, _)| value).collect()
        };
        assert_eq!(values("https://h/acme/x.git"), ["all", "host", "acme"]);
        assert_eq!(values("https://h/acme.git"), ["all", "host", "acme"]);
        assert_eq!(values("https://h/acmeevil/x.git"), ["all", "host"]);
        assert_eq!(values("https://a.h/x"), ["all", "sub"]);
        assert_eq!(values("https://a.h.evil/x"), ["all"]);
        assert_eq!(values("http://h/acme"), ["all"]);
    }

    #[test]
    fn the_longest_prefix_is_rewritten() {
        let config = config(&[
            ("url.https://mirror/.insteadOf", "gh:"),
            ("url.https://special/.insteadOf", "gh:acme/"),
            ("url.ssh://git@h/.pushInsteadOf", "gh:"),
        ]);
        assert_eq!(config.rewrite("gh:x", false), "https://mirror/x");
        assert_eq!(config.rewrite("gh:acme/x", false), "https://special/x");
        assert_eq!(config.rewrite("gh:acme/x", true), "ssh://git@h/acme/x");
        assert_eq!(config.rewrite("https://h/x", true), "https://h/x");
    }
}
