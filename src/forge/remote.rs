//! Which forge a remote belongs to, and where its API and the repository are.
//!
//! Hosts are compared exactly, never by a part of their name: a token for `github.com` must not reach
//! `github.com.attacker.example`.

use percent_encoding::percent_decode_str;

use super::{Row, TABLE, named};
use crate::error::{Code, Hinted};
use crate::http::Url;

/// A Git remote taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// `https`, `http`, `ssh` or `file`.
    pub scheme: String,
    /// In lower case, an IPv6 address in brackets.
    pub host: String,
    /// Where the URL names one.
    pub port: Option<u16>,
    /// Decoded, without `/` at its ends and without `.git`.
    pub path: String,
}

impl Remote {
    /// A remote from the parts of its URL.
    #[must_use]
    pub fn new(scheme: &str, host: &str, port: Option<u16>, path: &str) -> Self {
        let bare = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let host = if bare.contains(':') { format!("[{bare}]") } else { bare };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
        Self { scheme: scheme.to_owned(), host, port, path }
    }

    /// Whether it is a directory, which no forge serves.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.host.is_empty() || self.scheme == "file"
    }

    fn is_web(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "http")
    }

    /// `https://host[:port]` of its web pages: an SSH port is of SSH alone.
    #[must_use]
    pub fn origin(&self) -> String {
        match (self.is_web(), self.port) {
            (true, Some(port)) => format!("{}://{}:{port}", self.scheme, self.host),
            (true, None) => format!("{}://{}", self.scheme, self.host),
            _ => format!("https://{}", self.host),
        }
    }

    /// The parts of its path.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// The path below a web server's folder, for a forge that does not live at the root of its host.
    #[must_use]
    pub fn below(&self, root: &str) -> &str {
        let root = root.trim_matches('/');
        self.path
            .strip_prefix(root)
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|_| !root.is_empty() && self.is_web())
            .unwrap_or(&self.path)
    }

    /// The owner, which may be a path, and the repository.
    pub fn owner_and_name(&self, root: &str) -> anyhow::Result<(String, String)> {
        let path = self.below(root);
        let (owner, name) = path.rsplit_once('/').unwrap_or_default();
        if owner.is_empty() || name.is_empty() {
            return Err(self.unplaced("its path is no `owner/repository`"));
        }
        Ok((owner.to_owned(), name.to_owned()))
    }

    /// The error for a path that is none of the forge's.
    pub(super) fn unplaced(&self, cause: &str) -> anyhow::Error {
        let message =
            format!("cannot find the repository of `{}/{}`: {cause}", self.host, self.path);
        Hinted::new(Code::Usage, message, "--repo names the repository by its clone URL").into()
    }
}

/// What is known of a forge besides the remote: the user's word, or what a probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `--api-url`.
    pub api: Option<String>,
    /// The folder of the web server that the forge lives in: `gitlab` of `https://corp/gitlab`.
    pub root: String,
}

impl Known {
    /// The API's base: the user's, or the forge's usual place on the remote's host.
    #[must_use]
    pub fn api_or(&self, usual: impl FnOnce() -> String) -> String {
        let api = self.api.clone().unwrap_or_else(usual);
        api.trim_end_matches('/').to_owned()
    }

    /// The folder: of the user's API URL, which ends with `suffix`, or the one that is known.
    #[must_use]
    pub fn root_before(&self, suffix: &str) -> String {
        let url = self.api.as_deref().and_then(|api| Url::parse(api).ok());
        let path = url.as_ref().map(|url| url.path().trim_end_matches('/'));
        let root = path.and_then(|path| path.strip_suffix(suffix)).unwrap_or(&self.root);
        root.trim_matches('/').to_owned()
    }

    /// The base of the web pages of a remote.
    #[must_use]
    pub fn web(&self, remote: &Remote, root: &str) -> String {
        let origin = match self.api.as_deref().and_then(|api| Url::parse(api).ok()) {
            // Only an own host is named for both; public ones have an API host of its own.
            Some(url) if !remote.is_web() => url.origin().ascii_serialization(),
            _ => remote.origin(),
        };
        if root.is_empty() { origin } else { format!("{origin}/{root}") }
    }
}

/// A repository on its forge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The base of the API, without a final `/`.
    pub api: String,
    /// The base of the web pages, without a final `/`.
    pub web: String,
    /// User, organisation, group path, project key, or `organisation/project`.
    pub owner: String,
    /// The repository.
    pub name: String,
}

/// What tells the forge of a remote before anything is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `--forge`.
    pub forge: Option<String>,
    /// The CI system's own server: its URL and its row name.
    pub ci: Option<(String, String)>,
}

/// The forge of a remote by the user's word, the CI's server, its host, or its shape; none where only the
/// host itself could tell.
pub fn recognise(remote: &Remote, hints: &Hints) -> anyhow::Result<Option<&'static Row>> {
    if let Some(name) = &hints.forge {
        return named(name).map(Some).ok_or_else(|| unknown(name));
    }
    if remote.is_local() {
        return Ok(None);
    }
    if let Some((server, name)) = &hints.ci
        && is_server(remote, server)
        && let Some(row) = named(name)
    {
        return Ok(Some(row));
    }
    let by_host = || TABLE.iter().find(|row| row.hosts.iter().any(|host| fits(host, &remote.host)));
    let by_shape = || TABLE.iter().find(|row| (row.shape)(remote));
    Ok(by_host().or_else(by_shape).copied())
}

fn unknown(name: &str) -> anyhow::Error {
    let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    let message = format!("cannot use the forge `{name}`: there is no such forge");
    Hinted::new(Code::Usage, message, format!("it is one of {}", names.join(", "))).into()
}

/// Whether a CI system's server is the remote's host; the port counts where both have one.
fn is_server(remote: &Remote, server: &str) -> bool {
    let Ok(url) = Url::parse(server) else { return false };
    let same_port = !remote.is_web() || url.port() == remote.port;
    url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&remote.host)) && same_port
}

/// Whether a host is the one named, or with `*.` one below it.
fn fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

/// The repository's place on its forge.
pub fn place_of(row: &Row, remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    if let Some(api) = &known.api {
        // A request that cannot be made is better refused before anything is pushed.
        crate::http::Request::get(api)?;
    }
    (row.place)(remote, known)
}

/// The real host of a name from the user's SSH configuration (`Host gh-work`, `Host github.com-work`); the
/// name itself where that knows none. `ask` asks it.
#[must_use]
pub fn resolve_alias(host: &str, ask: impl FnOnce(&str) -> Option<String>) -> String {
    if is_public(host) || host.starts_with(['-', '[']) || host == "localhost" {
        return host.to_owned();
    }
    let named = ask(host).filter(|name| !name.is_empty());
    let named = named.unwrap_or_else(|| host.to_owned()).to_ascii_lowercase();
    if is_alias_of(host, &named) { named } else { host.to_owned() }
}

fn is_public(host: &str) -> bool {
    TABLE.iter().any(|row| row.hosts.iter().any(|known| fits(known, host)))
}

/// Whether a name stands for the forge's host `real`. A name with a dot may be the forge's own, and `real` a
/// machine behind it that takes SSH and nothing else.
fn is_alias_of(name: &str, real: &str) -> bool {
    let extends = || name.len() > real.len() && (name.starts_with(real) || name.ends_with(real));
    !name.contains('.') || is_public(real) || extends()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(remote: &Remote, hints: &Hints) -> Option<&'static str> {
        recognise(remote, hints).unwrap().map(|row| row.name)
    }

    #[test]
    fn hosts_are_compared_whole() {
        let table = [
            ("github.com", Some("github")),
            ("GitHub.com", Some("github")),
            ("acme.ghe.com", Some("github")),
            ("ghe.com", None),
            ("github.com.attacker.example", None),
            ("notgithub.com", None),
            ("github.com-attacker.example", None),
            ("xghe.com", None),
            ("gitlab.com", Some("gitlab")),
            ("codeberg.org", Some("forgejo")),
            ("gerrit.googlesource.com", Some("gerrit")),
        ];
        for (host, expected) in table {
            let remote = Remote::new("https", host, None, "o/r.git");
            assert_eq!(name_of(&remote, &Hints::default()), expected, "{host}");
        }
    }

    #[test]
    fn the_users_word_counts_most_and_a_ci_only_for_its_own_host() {
        let remote = Remote::new("ssh", "git.corp", Some(2222), "g/r");
        let ci = |server: &str| Hints {
            ci: Some((server.to_owned(), "gitlab".to_owned())),
            ..Hints::default()
        };
        assert_eq!(name_of(&remote, &ci("https://git.corp:8443/gitlab")), Some("gitlab"));
        assert_eq!(name_of(&remote, &ci("https://git.corp.example")), None);
        let web = Remote::new("https", "git.corp", Some(3000), "g/r");
        assert_eq!(name_of(&web, &ci("https://git.corp")), None);
        assert_eq!(name_of(&web, &ci("https://git.corp:3000")), Some("gitlab"));
        let hints = Hints { forge: Some("azure".to_owned()), ..Hints::default() };
        assert_eq!(name_of(&web, &hints), Some("azure"));
        let wrong = Hints { forge: Some("svn".to_owned()), ..Hints::default() };
        let error = recognise(&web, &wrong).unwrap_err().to_string();
        assert_eq!(error, "cannot use the forge `svn`: there is no such forge");
    }

    #[test]
    fn aliases_of_ssh_may_have_dots() {
        let table = [
            ("gh-work", "github.com", true),
            ("github.com-work", "github.com", true),
            ("work.github", "github.com", true),
            ("git.corp-work", "git.corp", true),
            ("gitlab.corp", "10.1.2.3", false),
            ("gitlab.corp", "ssh.corp", false),
        ];
        for (name, real, expected) in table {
            assert_eq!(is_alias_of(name, real), expected, "{name} {real}");
        }
    }

    #[test]
    fn directories_have_no_forge() {
        let local = Remote::new("file", "", None, "/srv/git/github.com/o/r.git");
        assert_eq!(name_of(&local, &Hints::default()), None);
    }

    #[test]
    fn a_folder_of_the_web_server_is_no_part_of_the_repository() {
        let remote = Remote::new("https", "corp", Some(8443), "gitlab/g/sub/r.git");
        let known =
            Known { api: Some("https://corp:8443/gitlab/api/v4/".to_owned()), ..Known::default() };
        let root = known.root_before("/api/v4");
        assert_eq!(root, "gitlab");
        let expected = ("g/sub".to_owned(), "r".to_owned());
        assert_eq!(remote.owner_and_name(&root).unwrap(), expected);
        assert_eq!(known.web(&remote, &root), "https://corp:8443/gitlab");
        let ssh = Remote::new("ssh", "corp", Some(2222), "g/sub/r.git");
        assert_eq!(ssh.owner_and_name(&root).unwrap(), expected);
    }
}
