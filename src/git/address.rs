//! Where a repository is: the URLs that Git understands.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{Code, Hinted};
use crate::http::{Secret, mask};

/// A repository's address, without any secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `https://` or `http://`.
    Http(Url),
    /// `ssh://…` or `user@host:path`.
    Ssh {
        /// Who logs in.
        user: Option<String>,
        /// The host, which may be an alias of `~/.ssh/config`.
        host: String,
        /// The port, where not the configured one.
        port: Option<u16>,
        /// The path as the remote's `git` shall see it.
        path: String,
    },
    /// `file://`, or a path.
    Local(PathBuf),
}

/// A user and password that an address carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserInfo {
    /// The user; may be empty.
    pub(super) user: String,
    /// The password, where one was given.
    pub(super) password: Option<Secret>,
}

/// Whether a text is an address of Git's rather than a path in the file system.
#[must_use]
pub fn looks_remote(text: &str) -> bool {
    text.contains("://") || mistyped(text).is_some() || scp_like(text).is_some()
}

/// Whether somebody wrote a password into a URL.
#[must_use]
pub fn carries_password(text: &str) -> bool {
    parse(text).is_ok_and(|(_, carried)| carried.is_some_and(|user| user.password.is_some()))
}

/// Parses an address; what it carries of credentials is given apart.
pub(super) fn parse(text: &str) -> anyhow::Result<(Address, Option<UserInfo>)> {
    let text = text.trim();
    let Some((scheme, _)) = text.split_once("://") else {
        if let Some(cause) = mistyped(text) {
            return Err(invalid(text, cause));
        }
        return Ok((scp_like(text).unwrap_or_else(|| Address::Local(PathBuf::from(text))), None));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => http(text),
        "ssh" | "git+ssh" | "ssh+git" => Ok((ssh(text)?, None)),
        "file" => Ok((Address::Local(file(text)?), None)),
        _ => {
            let message = format!("cannot use `{}`: `{scheme}` is not supported", masked(text));
            let hint = "use https://, ssh://, user@host:path, file:// or a path";
            Err(Hinted::new(Code::Usage, message, hint).into())
        }
    }
}

/// What is no address but looks like one with a password in it: it must get neither to `ssh` nor to the screen.
fn mistyped(text: &str) -> Option<&'static str> {
    if text.starts_with(['/', '.', '~']) {
        return None;
    }
    let (first, _) = text.split_once(':').unwrap_or((text, ""));
    let scheme = first.split('/').next().unwrap_or(first).to_ascii_lowercase();
    if matches!(&*scheme, "http" | "https" | "ssh" | "git+ssh" | "ssh+git" | "file")
        && text[scheme.len()..].starts_with([':', '/'])
    {
        return Some("between the scheme and the host belongs `://`");
    }
    let start = text.find(']').unwrap_or(0);
    let (user, _) = text[start..].split_once('@')?;
    user.contains(':').then_some("SSH takes no password, and a URL begins with a scheme")
}

/// An address that could not be understood, without all that may be a password.
fn masked(text: &str) -> String {
    let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    match rest.rfind('@') {
        Some(at) if rest[..at].contains(':') => format!("{scheme}***{}", &rest[at..]),
        _ => mask(text),
    }
}

fn invalid(text: &str, cause: &str) -> anyhow::Error {
    let message = format!("cannot use `{}`: {cause}", masked(text));
    let hint =
        "it reads like `https://github.com/acme/gitops.git` or `git@github.com:acme/gitops.git`";
    Hinted::new(Code::Usage, message, hint).into()
}

fn parsed(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).map_err(|error| invalid(text, &error.to_string()))?;
    // Browsers forgive three slashes, and take the path's beginning for a host.
    if url.host_str().is_none_or(str::is_empty) || text.contains(":///") {
        return Err(invalid(text, "it names no host"));
    }
    Ok(url)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn http(text: &str) -> anyhow::Result<(Address, Option<UserInfo>)> {
    let mut url = parsed(text)?;
    let password = url.password().map(|password| Secret::new(&decoded(password)));
    let user = decoded(url.username());
    let carried = (!user.is_empty() || password.is_some()).then_some(UserInfo { user, password });
    // Neither can fail: the URL has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    if url.query().is_some() {
        return Err(invalid(text, "it has a query"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok((Address::Http(url), carried))
}

fn ssh(text: &str) -> anyhow::Result<Address> {
    let url = parsed(text)?;
    if url.password().is_some() {
        return Err(invalid(text, "SSH takes no password from a URL"));
    }
    let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
    let host = decoded(url.host_str().unwrap_or_default());
    let path = decoded(url.path());
    // `/~user/x` is the remote shell's `~user/x`.
    let path = path.strip_prefix('/').filter(|p| p.starts_with('~')).unwrap_or(&path).to_owned();
    checked(text, Address::Ssh { user, host: unbracketed(&host), port: url.port(), path })
}

fn unbracketed(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// No part may become an option of `ssh`.
fn checked(text: &str, address: Address) -> anyhow::Result<Address> {
    if let Address::Ssh { user, host, path, .. } = &address {
        let user = user.as_deref().unwrap_or_default();
        if [user, host, path].iter().any(|part| part.starts_with('-')) {
            return Err(invalid(text, "a part of it begins with `-`"));
        }
        if path.trim_matches('/').is_empty() {
            return Err(invalid(text, "it has no path"));
        }
    }
    Ok(address)
}

fn file(text: &str) -> anyhow::Result<PathBuf> {
    let url = Url::parse(text).map_err(|error| invalid(text, &error.to_string()))?;
    url.to_file_path().map_err(|()| invalid(text, "a file:// URL has no host"))
}

/// `user@host:path`, `[user@host:port]:path`, `[::1]:path`: a colon before any slash, and no such directory.
fn scp_like(text: &str) -> Option<Address> {
    let (login, path) = match text.find(']') {
        Some(end) if text[..end].contains('[') => {
            (&text[..=end], text[end + 1..].strip_prefix(':')?)
        }
        _ => text.split_once(':')?,
    };
    let is_drive = login.len() == 1 && login.chars().all(|c| c.is_ascii_alphabetic());
    if login.contains('/') || login.is_empty() || path.is_empty() || is_drive {
        return None;
    }
    let whole = login.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
    let (login, port) = match whole {
        // `[user@host:port]`, but `[::1]` is an address alone.
        Some(inner) if inner.matches(':').count() == 1 => {
            let (login, port) = inner.split_once(':')?;
            (login, Some(port.parse().ok()?))
        }
        Some(inner) => (inner, None),
        None => (login, None),
    };
    let (user, host) = match login.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, login),
    };
    let address = Address::Ssh { user, host: unbracketed(host), port, path: path.to_owned() };
    checked(text, address).ok()
}

impl Address {
    /// The address of a text; what it carries of credentials is left out.
    pub fn of(text: &str) -> anyhow::Result<Self> {
        parse(text).map(|(address, _)| address)
    }

    /// The directory of a local address.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            _ => None,
        }
    }

    /// The same for `git`: a path below the home directory of an SSH server has no form as a URL.
    pub(super) fn for_git(&self) -> String {
        match self {
            Self::Ssh { user, host, port, path } if !path.starts_with(['/', '~']) => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                match port {
                    Some(port) => format!("{user}[{host}:{port}]:{path}"),
                    None if host.contains(':') => format!("{user}[{host}]:{path}"),
                    None => format!("{user}{host}:{path}"),
                }
            }
            other => other.to_string(),
        }
    }

    /// The host that credentials are bound to, with the port where it is not the scheme's own.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Http(url) => {
                let host = url.host_str()?.to_lowercase();
                Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
            }
            Self::Ssh { host, .. } => Some(host.to_lowercase()),
            Self::Local(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => write!(f, "{url}"),
            Self::Ssh { user, host, port, path } => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let slash = if path.starts_with('/') { "" } else { "/" };
                write!(f, "ssh://{user}{host}{port}{slash}{path}")
            }
            Self::Local(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_git_reads() {
        let table = [
            ("https://h/a/b.git/", "https://h/a/b.git"),
            ("HTTPS://H:8443/a", "https://h:8443/a"),
            ("https://me:pw@h/a", "https://h/a"),
            ("ssh://git@h:22/a/b", "ssh://git@h:22/a/b"),
            ("ssh://h/~me/b", "ssh://h/~me/b"),
            ("git@h:a/b.git", "ssh://git@h/a/b.git"),
            ("alias:/srv/a.git", "ssh://alias/srv/a.git"),
            ("[git@h:2222]:a", "ssh://git@h:2222/a"),
            ("[::1]:a", "ssh://[::1]/a"),
            ("file:///srv/a%20b.git", "/srv/a b.git"),
            ("./a:b", "./a:b"),
            ("/srv/a.git", "/srv/a.git"),
        ];
        for (text, shown) in table {
            assert_eq!(parse(text).unwrap().0.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn a_password_in_a_mistyped_address_goes_nowhere() {
        let table = [
            ("me:canary@host:a.git", "***@host:a.git"),
            ("me:canary@host/a.git", "***@host/a.git"),
            ("https:/me:canary@host/a", "***@host/a"),
            ("https:me:canary@host/a", "***@host/a"),
            ("https//me:canary@host/a", "***@host/a"),
            ("https://me:can/ary@host/a", "https://***@host/a"),
            ("ftp://me:canary@host/a", "ftp://***@host/a"),
            ("ssh://me:canary@host/a", "ssh://***@host/a"),
            ("http:/host/a", "http:/host/a"),
        ];
        for (text, shown) in table {
            assert!(looks_remote(text), "{text}");
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot use `{shown}`: ")), "{error}");
        }
        for text in ["git@h:a@b", "[git@h:2222]:a", "./a:b@c", "/srv/a:b@c", "[::1]:a", "httpd:a"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn git_gets_the_address_that_was_meant() {
        let table = [
            ("git@h:a/b.git", "git@h:a/b.git"),
            ("[git@h:2222]:a", "git@[h:2222]:a"),
            ("git@h:/a", "ssh://git@h/a"),
            ("ssh://h/~me/b", "ssh://h/~me/b"),
            ("https://h/a", "https://h/a"),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).unwrap().0.for_git(), expected, "{text}");
        }
    }

    #[test]
    fn credentials_are_taken_out() {
        let (address, carried) = parse("https://me:p%40ss-word@h/a").unwrap();
        assert_eq!(address.host().unwrap(), "h");
        let carried = carried.unwrap();
        assert_eq!(carried.user, "me");
        assert_eq!(carried.password.unwrap().expose(), "p@ss-word");
    }

    #[test]
    fn refuses_options_in_disguise_and_the_unsupported() {
        let texts = ["ssh://-oProxyCommand=x/a", "ssh://git:pw@h/a", "ssh://h/", "https://h/a?b"];
        for text in texts.into_iter().chain(["ftp://h/a", "https:///a", "file://h/a"]) {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("cannot use `"), "{text}: {error}");
        }
        assert_eq!(parse("-oProxyCommand=x:a").unwrap().0.host(), None);
    }
}
