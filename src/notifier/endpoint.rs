//! Where a message goes: a channel's settings with the secrets they name, checked before anything is sent.

use std::path::Path;

use url::Url;

use super::suspect::{carries_secret, is_link_local};
use super::{Address, KINDS, Row, forge_site};
use crate::error::{Code, Hinted};
use crate::event::Target;
use crate::files;
use crate::http::{Secret, is_loopback, origin};

/// Longer pieces of a secret address are secrets of their own: services quote them in their answers.
const PIECE: usize = 16;

/// A channel that can be written to.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name in `gitops.yaml`.
    pub name: String,
    pub(super) row: &'static Row,
    pub(super) url: Secret,
    pub(super) token: Option<Secret>,
    pub(super) secret: Option<Secret>,
    pub(super) target: Target,
    /// The CI system's own server and the forge that it is.
    pub(super) ci: Option<(String, String)>,
    /// The host whose token it is, where the variable's name tells.
    pub(super) token_host: Option<String>,
}

/// Reads variables and files that settings name.
pub struct Source<'a> {
    /// The value of a variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What relative paths start at.
    pub base: &'a Path,
    /// The CI system's own server and the forge that it is.
    pub ci: Option<(String, String)>,
    /// The host that a variable's token is for, as `GITHUB_TOKEN` is for GitHub.
    pub host: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Which service it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.row.name
    }

    /// Reads the secrets a channel's settings name, finds out which service it is, and checks everything
    /// that can be checked without asking it.
    pub fn resolve(name: &str, target: &Target, source: &Source<'_>) -> anyhow::Result<Self> {
        Self::checked(name, target, source).map_err(|error| {
            let code = error.downcast_ref::<Hinted>().map_or(Code::Config, Hinted::code);
            let hint = error.downcast_ref::<Hinted>().and_then(|h| h.hint().map(str::to_owned));
            let message = format!("cannot use the channel `{name}`: {error:#}");
            match hint {
                Some(hint) => Hinted::new(code, message, hint).into(),
                None => Hinted::plain(code, message).into(),
            }
        })
    }

    fn checked(name: &str, target: &Target, source: &Source<'_>) -> anyhow::Result<Self> {
        // A mistake in the settings is said whether or not the secrets are there.
        if target.kind.is_some() {
            takes_its_keys(row(target, None)?, target)?;
        }
        let address = address(target, source)?;
        let row = row(target, address.as_deref())?;
        takes_its_keys(row, target)?;
        let url = match (address, row.address) {
            (Some(url), _) => secret_or_not(&url, row, target),
            (None, Address::Fixed(url)) => Secret::public(url),
            (None, Address::None | Address::Repository) => Secret::public(""),
            (None, _) => return Err(missing("its address", "url_env", row)),
        };
        let secret = |name: &Option<String>, file| {
            let value = value(name.as_deref(), file, source)?;
            anyhow::Ok(value.map(|value| Secret::new(&value)))
        };
        let endpoint = Self {
            name: name.to_owned(),
            row,
            token: secret(&target.token_env, target.token_file.as_deref())?,
            secret: secret(&target.secret_env, target.secret_file.as_deref())?,
            target: target.clone(),
            url,
            ci: source.ci.clone(),
            token_host: target.token_env.as_deref().and_then(source.host),
        };
        endpoint.is_safe()?;
        row.channel.check(&endpoint)?;
        Ok(endpoint)
    }

    /// The parsed address.
    pub(super) fn address(&self) -> anyhow::Result<Url> {
        // The text is a secret, so the error does not quote it.
        Url::parse(self.url.expose()).map_err(|_| {
            let message = "its address is no URL";
            Hinted::new(fault(&self.target), message, "store the address as the service shows it")
                .into()
        })
    }

    /// The address as it may be shown: all of it, or its first part.
    pub(super) fn shown(&self) -> String {
        let Ok(mut url) = self.address() else { return String::new() };
        if self.row.address == Address::Secret {
            return format!("{}/***", origin(&url));
        }
        // No cannot-be-a-base URL has a password.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.to_string()
    }

    /// A setting the service cannot do without.
    pub(super) fn required<'a>(
        &self,
        value: Option<&'a str>,
        key: &str,
    ) -> anyhow::Result<&'a str> {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or_else(|| missing("a setting", key, self.row))
    }

    /// The token, which the service cannot do without.
    pub(super) fn token(&self) -> anyhow::Result<&Secret> {
        self.token.as_ref().ok_or_else(|| missing("a token", "token_env", self.row))
    }

    /// Whose mistake an address is that does not fit: see [`fault`].
    pub(super) fn fault(&self) -> Code {
        fault(&self.target)
    }

    fn is_safe(&self) -> anyhow::Result<()> {
        if self.row.address == Address::None || self.url.is_empty() {
            return Ok(());
        }
        let url = self.address()?;
        let literal = self.target.url.is_some();
        if literal && (self.row.address == Address::Secret || carries_secret(&url)) {
            let message = format!(
                "the address of {} is a secret and must not be written out",
                self.row.title
            );
            let hint = "store it in a variable and write `url_env: NAME`, or in a file and write `url_file: PATH`";
            return Err(Hinted::new(Code::Config, message, hint).into());
        }
        if literal && (self.token.is_some() || self.secret.is_some()) && !self.is_vendors(&url) {
            let message = "a secret would go to an address that is written out";
            let hint = "give the address by `url_env` or `url_file` too, so that no pull request can redirect the secret";
            return Err(Hinted::new(Code::Config, message, hint).into());
        }
        self.is_private(&url)
    }

    /// Refuses what others could read on the way, and what is no service but a cloud's store of credentials.
    pub(super) fn is_private(&self, url: &Url) -> anyhow::Result<()> {
        if url.scheme() == "http" && !is_loopback(url) && self.target.allow_http != Some(true) {
            let message = "its address is not encrypted";
            let hint = "use https://, or write `allow_http: true` where the network is trusted";
            return Err(Hinted::new(self.fault(), message, hint).into());
        }
        if is_link_local(url) {
            let message = "its address is link-local, where clouds keep their credentials";
            return Err(Hinted::plain(self.fault(), message).into());
        }
        Ok(())
    }

    fn is_vendors(&self, url: &Url) -> bool {
        let fixed = matches!(self.row.address, Address::Fixed(fixed)
            if Url::parse(fixed).is_ok_and(|fixed| fixed.origin() == url.origin()));
        let public = self.row.address == Address::Repository
            && url.scheme() == "https"
            && (forge_site::is_public(url) || forge_site::is_own(url, self.ci.as_ref()));
        fixed || public || (url.scheme() == "https" && is_host_of(self.row, url))
    }
}

fn missing(what: &str, key: &str, row: &Row) -> anyhow::Error {
    let message = format!("{what} is missing: {} needs `{key}`", row.title);
    Hinted::new(
        Code::Config,
        message,
        format!("`gitops help notify` and docs/notify.md show it: `{key}:`"),
    )
    .into()
}

/// The address from the one place that names it.
fn address(target: &Target, source: &Source<'_>) -> anyhow::Result<Option<String>> {
    let named = [target.url.is_some(), target.url_env.is_some(), target.url_file.is_some()];
    if named.iter().filter(|named| **named).count() > 1 {
        let message = "`url`, `url_env` and `url_file` exclude one another";
        return Err(Hinted::plain(Code::Config, message).into());
    }
    if let Some(url) = &target.url {
        return Ok(Some(url.trim().to_owned()));
    }
    value(target.url_env.as_deref(), target.url_file.as_deref(), source)
}

/// What somebody wrote into the file is a mistake in it, and no run would ever tell anybody. What a variable
/// or a file holds is one channel's failure.
fn fault(target: &Target) -> Code {
    if target.url_env.is_some() || target.url_file.is_some() { Code::Error } else { Code::Config }
}

/// An address that is a secret is known to the mask; one that is none would only hide where a message goes.
fn secret_or_not(text: &str, row: &Row, target: &Target) -> Secret {
    let was_hidden = target.url.is_none() && row.name == "webhook";
    let url = Url::parse(text).ok();
    let carries = url.as_ref().is_none_or(carries_secret);
    if row.address != Address::Secret && !was_hidden && !carries {
        return Secret::public(text);
    }
    let secret = Secret::new(text);
    remember_pieces(&secret);
    secret
}

/// A secret from a variable or a file: one line, without white space around it.
fn value(
    variable: Option<&str>,
    file: Option<&Path>,
    source: &Source<'_>,
) -> anyhow::Result<Option<String>> {
    let (value, place) = match (variable, file) {
        (Some(name), None) => {
            let value = (source.variable)(name).unwrap_or_default();
            (value, format!("the variable {name}"))
        }
        (None, Some(file)) => {
            let path = source.base.join(file);
            let text = files::read(&path)?;
            (String::from_utf8_lossy(&text).into_owned(), format!("the file `{}`", file.display()))
        }
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let message = "a secret has both a variable and a file";
            return Err(Hinted::plain(Code::Config, message).into());
        }
    };
    let value = value.trim();
    if value.is_empty() {
        let message = format!("{place} is empty or not set");
        let hint = "store the secret there; in CI, check that this job may see it";
        return Err(Hinted::new(Code::NotFound, message, hint).into());
    }
    if value.contains(char::is_control) {
        let message = format!("{place} holds more than one line");
        let hint = "store the secret alone, on one line";
        return Err(Hinted::new(Code::Error, message, hint).into());
    }
    Ok(Some(value.to_owned()))
}

/// Makes the parts of a secret address known to the mask.
fn remember_pieces(url: &Secret) {
    let Ok(url) = Url::parse(url.expose()) else { return };
    let path = url.path().trim_matches('/');
    let values: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    let pieces = path.split('/').map(str::to_owned).chain(values);
    for piece in pieces.filter(|piece| piece.len() >= PIECE) {
        let _ = Secret::new(&piece);
    }
    if let Some(password) = url.password() {
        let _ = Secret::new(password);
    }
    if path.len() >= PIECE {
        let _ = Secret::new(path);
    }
}

/// Which service it is: what `kind:` says, else what the exact host tells.
fn row(target: &Target, address: Option<&str>) -> anyhow::Result<&'static Row> {
    if let Some(kind) = &target.kind {
        return KINDS.iter().find(|row| row.name == kind).copied().ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
            let message = format!("`{kind}` is no kind of channel");
            Hinted::new(Code::Config, message, format!("kinds are {}", names.join(", "))).into()
        });
    }
    let url = address.and_then(|address| Url::parse(address).ok());
    let Some(url) = url else {
        let (message, hint) = match address {
            Some(_) => ("its address is no URL", "store the address as the service shows it"),
            None => ("nothing tells what kind of channel it is", "write `kind:` and `url_env:`"),
        };
        return Err(Hinted::new(fault(target), message, hint).into());
    };
    if is_retired(&url) {
        let message = "it is an Office 365 connector, which Microsoft has switched off";
        let hint =
            "make a workflow in Teams (\"Send webhook alerts to a channel\") and store its address";
        return Err(Hinted::new(fault(target), message, hint).into());
    }
    KINDS.iter().find(|row| is_host_of(row, &url)).copied().ok_or_else(|| {
        let host = url.host_str().unwrap_or_default();
        let message = format!("nothing tells what kind of channel `{host}` is");
        Hinted::new(
            fault(target),
            message,
            "write `kind: mattermost`, `kind: webhook` or whatever it is",
        )
        .into()
    })
}

/// Whether the host is the service's own. A name that starts with a dot stands for the names below it.
pub(super) fn is_host_of(row: &Row, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    row.hosts.iter().any(|known| match known.strip_suffix(':') {
        Some(scheme) => url.scheme() == scheme,
        None if known.starts_with('.') => host.ends_with(known),
        None => host == *known,
    })
}

fn is_retired(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "outlook.office.com"
        || host == "outlook.office365.com"
        || host.ends_with(".webhook.office.com")
}

fn takes_its_keys(row: &Row, target: &Target) -> anyhow::Result<()> {
    let takes = |key: &str| match key {
        "url_env" | "url_file" | "url" => row.address != Address::None,
        "allow_http" | "template" => true,
        key => row.keys.contains(&key),
    };
    let strange: Vec<&str> = target.particulars().into_iter().filter(|key| !takes(key)).collect();
    if strange.is_empty() {
        return Ok(());
    }
    let message = format!("`{}` is no setting of {}", strange.join("`, `"), row.title);
    let keys = if row.keys.is_empty() { "none of its own".to_owned() } else { row.keys.join(", ") };
    Err(Hinted::new(Code::Config, message, format!("its settings are {keys}")).into())
}
