//! Who we are, to one host: each source is bound to a host, tried once, and never sent anywhere else.
//!
//! In this order: `GITOPS_TOKEN`, the user part of the URL, an `Authorization` line of Git's configuration,
//! tokens of the environment that name this host, `.netrc`, and when the server asks, Git's credential
//! helpers. There is never a prompt.

mod helper;
mod netrc;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use url::Url;

use super::Settings;
use super::address::UserInfo;
use super::config::Config;
use crate::http::header::HeaderValue;
use crate::http::{Secret, is_loopback};

/// How long to wait for a helper where nobody said.
const PATIENCE: Duration = Duration::from_mins(1);

/// A token from the environment, and the host it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostToken {
    /// The variable, for messages.
    pub variable: String,
    /// `host` or `host:port`; without it the token is for the host that the user names.
    pub host: Option<String>,
    /// The user that goes with it; without it what the host's forge expects.
    pub user: Option<String>,
    /// The token.
    pub token: Secret,
}

/// One way to say who we are.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) header: HeaderValue,
    /// Where it comes from, for messages.
    pub(super) source: String,
    /// What a helper answered, to tell it how it went.
    helped: Option<Vec<(String, Secret)>>,
}

/// The sources for one host, those left to try.
#[derive(Debug)]
pub(super) struct Credentials {
    url: Url,
    left: std::vec::IntoIter<Login>,
    /// A user without a password, which a helper may know.
    user: Option<String>,
    asked_helper: bool,
    tokens: Vec<HostToken>,
    netrc: Option<PathBuf>,
    config: Config,
    /// When to stop waiting for a helper.
    deadline: Instant,
}

impl Credentials {
    pub(super) fn new(
        url: &Url,
        carried: Option<UserInfo>,
        config: &Config,
        settings: &Settings,
        deadline: Instant,
    ) -> Self {
        let mut new = Self {
            url: url.clone(),
            left: Vec::new().into_iter(),
            user: None,
            asked_helper: false,
            tokens: settings.tokens.clone(),
            netrc: settings.netrc.clone(),
            config: config.clone(),
            deadline,
        };
        let mut logins = new.tokens_for(|token| token.host.is_none());
        if let Some(UserInfo { user, password }) = carried {
            match password {
                Some(password) => logins.extend(login(&user, &password, "the URL")),
                None => new.user = Some(user),
            }
        }
        logins.extend(new.bound());
        new.left = logins.into_iter();
        new
    }

    /// The sources for a host that this one redirects to: nothing the user said about the first counts there.
    pub(super) fn at(&self, url: &Url) -> Self {
        let mut new = Self {
            url: url.clone(),
            left: Vec::new().into_iter(),
            user: None,
            asked_helper: false,
            tokens: self.tokens.clone(),
            netrc: self.netrc.clone(),
            config: self.config.clone(),
            deadline: self.deadline,
        };
        new.left = new.bound().into_iter();
        new
    }

    fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default().to_lowercase();
        self.url.port().map_or(host.clone(), |port| format!("{host}:{port}"))
    }

    /// What is bound to this very host.
    fn bound(&self) -> Vec<Login> {
        let configured = self.config.all_for("http", "extraheader", &self.url);
        let has_its_own = configured
            .iter()
            .any(|(line, _)| line.to_ascii_lowercase().starts_with("authorization:"));
        if has_its_own {
            // Sent with every request; another one would replace it.
            return Vec::new();
        }
        let host = self.host();
        let mut logins = self.tokens_for(|token| token.host.as_deref() == Some(&host));
        let name = self.url.host_str().unwrap_or_default();
        let entry = self.netrc.as_deref().and_then(|path| netrc::find(path, name));
        if let Some((user, password)) = entry {
            logins.extend(login(&user, &password, "`.netrc`"));
        }
        logins
    }

    fn tokens_for(&self, is_meant: impl Fn(&HostToken) -> bool) -> Vec<Login> {
        if self.url.scheme() == "http" && !is_loopback(&self.url) {
            return Vec::new();
        }
        let meant = self.tokens.iter().filter(|token| is_meant(token) && !token.token.is_empty());
        let logins = meant.filter_map(|token| {
            let user = token.user.as_deref().unwrap_or_else(|| user_for(&self.url));
            // The API wants the address of an API token's owner, Git a name that is the same for all.
            let is_address = user.contains('@') && self.url.host_str() == Some("bitbucket.org");
            let user = if is_address { "x-bitbucket-api-token-auth" } else { user };
            login(user, &token.token, &format!("`{}`", token.variable))
        });
        logins.collect()
    }

    /// What to send without being asked: it saves a round trip.
    pub(super) fn first(&mut self) -> Option<Login> {
        self.left.next()
    }

    /// The next to try after the server asked.
    pub(super) fn next(&mut self, challenges: &[String]) -> Option<Login> {
        if let Some(login) = self.left.next() {
            return Some(login);
        }
        if std::mem::replace(&mut self.asked_helper, true) {
            return None;
        }
        let answer =
            helper::fill(&self.config, &self.url, self.user.as_deref(), challenges, self.deadline)?;
        let value = |key: &str| answer.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        let header = match (value("authtype"), value("credential")) {
            (Some(kind), Some(credential)) => {
                credential.header(&format!("{} ", kind.expose())).ok()?
            }
            _ => value("password")?.basic(value("username")?.expose()).ok()?,
        };
        let source = "Git's credential helper".to_owned();
        Some(Login { header, source, helped: Some(answer) })
    }

    /// Tells the helper that it was right.
    pub(super) fn approve(&self, login: &Login) {
        if let Some(answer) = &login.helped {
            helper::tell(&self.config, &self.url, "approve", answer, self.deadline);
        }
    }

    /// Tells the helper that it was wrong.
    pub(super) fn reject(&self, login: &Login) {
        if let Some(answer) = &login.helped {
            helper::tell(&self.config, &self.url, "reject", answer, self.deadline);
        }
    }
}

/// User and password for a host, as `.netrc` or Git's credential helpers know them, and which did: for what
/// is not Git but speaks to the same host.
#[must_use]
pub fn password_for(
    url: &Url,
    config: &Config,
    settings: &Settings,
) -> Option<(String, Secret, &'static str)> {
    if url.scheme() != "https" && !is_loopback(url) {
        return None;
    }
    let netrc = settings.netrc.as_deref();
    if let Some((user, password)) = netrc.and_then(|path| netrc::find(path, url.host_str()?)) {
        return Some((user, password, "the password in `.netrc`"));
    }
    let answer = helper::fill(config, url, None, &[], Instant::now() + PATIENCE)?;
    let value = |key: &str| answer.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let user = value("username").map(|user| user.expose().to_owned()).unwrap_or_default();
    Some((user, value("password")?.clone(), "the password of Git's credential helper"))
}

fn login(user: &str, password: &Secret, source: &str) -> Option<Login> {
    let header = password.basic(user).ok()?;
    Some(Login { header, source: source.to_owned(), helped: None })
}

/// The user that a host's forge wants beside a token. Most take any.
fn user_for(url: &Url) -> &'static str {
    match url.host_str().unwrap_or_default() {
        "bitbucket.org" => "x-token-auth",
        host if host.contains("gitlab") => "oauth2",
        _ => "x-access-token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(variable: &str, host: Option<&str>) -> HostToken {
        HostToken {
            variable: variable.to_owned(),
            host: host.map(str::to_owned),
            user: None,
            token: Secret::new(&format!("canary-{variable}")),
        }
    }

    fn sources(url: &str) -> Vec<String> {
        let settings = Settings {
            tokens: vec![
                token("GITHUB_TOKEN", Some("github.com")),
                token("GITOPS_TOKEN", None),
                token("GITLAB_TOKEN", Some("h:8443")),
            ],
            ..Settings::default()
        };
        let (address, carried) = super::super::address::parse(url).unwrap();
        let super::super::Address::Http(url) = address else { panic!("{address}") };
        let mut credentials =
            Credentials::new(&url, carried, &Config::default(), &settings, Instant::now());
        std::iter::from_fn(|| credentials.first()).map(|login| login.source).collect()
    }

    #[test]
    fn an_api_token_of_bitbucket_has_another_user_for_git() {
        use base64::Engine as _;
        let own = HostToken { user: Some("ann@x.org".to_owned()), ..token("GITOPS_TOKEN", None) };
        let settings = Settings { tokens: vec![own], ..Settings::default() };
        for (url, user) in [
            ("https://bitbucket.org/w/r", "x-bitbucket-api-token-auth"),
            ("https://bitbucket.example/w/r", "ann@x.org"),
        ] {
            let url = Url::parse(url).unwrap();
            let mut credentials = Credentials::new(
                &url,
                None,
                &Config::default(),
                &settings,
                std::time::Instant::now(),
            );
            let header = credentials.first().unwrap().header;
            let text = header.to_str().unwrap().trim_start_matches("Basic ");
            let plain = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
            assert_eq!(plain, format!("{user}:canary-GITOPS_TOKEN").as_bytes());
        }
    }

    #[test]
    fn tokens_go_to_their_host_alone() {
        assert_eq!(sources("https://github.com/a"), ["`GITOPS_TOKEN`", "`GITHUB_TOKEN`"]);
        assert_eq!(sources("https://github.com.evil/a"), ["`GITOPS_TOKEN`"]);
        assert_eq!(sources("https://github.com:444/a"), ["`GITOPS_TOKEN`"]);
        assert_eq!(
            sources("https://u:pw@h:8443/a"),
            ["`GITOPS_TOKEN`", "the URL", "`GITLAB_TOKEN`"]
        );
    }

    #[test]
    fn plain_http_gets_no_token_but_on_this_machine() {
        assert!(sources("http://github.com/a").is_empty());
        assert_eq!(sources("http://127.0.0.1:1/a"), ["`GITOPS_TOKEN`"]);
    }

    #[test]
    fn a_redirect_to_another_host_leaves_the_users_own_behind() {
        let settings =
            Settings { tokens: vec![token("GITOPS_TOKEN", None)], ..Settings::default() };
        let url = Url::parse("https://h/a").unwrap();
        let credentials =
            Credentials::new(&url, None, &Config::default(), &settings, Instant::now());
        let mut other = credentials.at(&Url::parse("https://evil/a").unwrap());
        assert!(other.first().is_none());
    }
}
