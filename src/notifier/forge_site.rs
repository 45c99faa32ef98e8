//! What commit statuses and deployments share: which forge, which repository, and which commits of it.

use serde_json::Value;
use url::Url;

use super::wire::Post;
use super::{Delivery, Endpoint};
use crate::error::{Code, Hinted};
use crate::event::Event;
use crate::event::links::page;
use crate::forge::{Hints, Known, Place, Remote, Row, Token, place_of, recognise};
use crate::http::header::HeaderValue;
use crate::http::{Method, is_loopback};

/// More apps than one commit brings: their sources get a status each.
const MOST: usize = 10;

/// A repository on its forge.
pub(super) struct Site<'a> {
    pub(super) row: &'static Row,
    place: Place,
    endpoint: &'a Endpoint,
}

impl<'a> Site<'a> {
    /// The repository of the settings, else the event's own.
    pub(super) fn of(endpoint: &'a Endpoint, event: &Event) -> anyhow::Result<Self> {
        let named = Some(endpoint.url.expose()).filter(|url| !url.is_empty());
        let address = named.map(str::to_owned).or_else(|| event.repository.clone());
        let Some(address) = address.as_deref().and_then(page) else {
            let message = "the repository has no address on a forge";
            return Err(Hinted::new(Code::Config, message, "name it with `url_env`").into());
        };
        let web = Url::parse(&address)?;
        endpoint.is_private(&web)?;
        is_trusted(endpoint, &web)?;
        let remote = remote(&web);
        let hints = Hints { forge: endpoint.target.forge.clone(), ci: endpoint.ci.clone() };
        let Some(row) = recognise(&remote, &hints)? else {
            let message = format!("nothing tells which forge `{}` is", remote.host);
            return Err(Hinted::new(
                Code::Config,
                message,
                "write `forge: gitlab` or whatever it is",
            )
            .into());
        };
        let known = Known { root: root(&web, endpoint), ..Known::default() };
        let place = place_of(row, &remote, &known)?;
        endpoint.is_private(&Url::parse(&place.api)?)?;
        is_bound(endpoint, &remote, &place)?;
        Ok(Self { row, place, endpoint })
    }

    /// The URL of something below the repository in the forge's API.
    pub(super) fn url(&self, rest: &str) -> String {
        let Place { api, owner, name, .. } = &self.place;
        let whole = encode(&format!("{owner}/{name}"));
        let split = format!(
            "{}/{}",
            owner.split('/').map(encode).collect::<Vec<_>>().join("/"),
            encode(name)
        );
        let (owner, name) = (encode(owner).replace("%7E", "~"), encode(name));
        let repository = match self.row.name {
            "gitlab" => format!("projects/{whole}"),
            "bitbucket" => format!("repositories/{split}"),
            "bitbucket-dc" => format!("projects/{owner}/repos/{name}"),
            "azure" => format!("{owner}/_apis/git/repositories/{name}"),
            _ => format!("repos/{split}"),
        };
        format!("{api}/{repository}{rest}")
    }

    /// A request with the forge's headers and the token.
    pub(super) fn post(&self, method: Method, rest: &str, body: &Value) -> anyhow::Result<Post> {
        let url = self.url(rest);
        let mut post = Post { method, ..Post::json(&url, &url, body) };
        if post.method == Method::GET {
            post = Post::get(&url, &url);
        }
        for (name, value) in self.row.headers {
            post.headers.push((name, HeaderValue::from_static(value)));
        }
        let secret = self.endpoint.token()?.clone();
        let token = Token { user: None, secret, origin: String::new() };
        post.headers.push(("authorization", (self.row.authorization)(&token)?));
        Ok(post)
    }
}

fn remote(url: &Url) -> Remote {
    Remote::new(url.scheme(), url.host_str().unwrap_or_default(), url.port(), url.path())
}

/// The folder of the CI system's own server, where that is the repository's.
fn root(web: &Url, endpoint: &Endpoint) -> String {
    let server = endpoint.ci.as_ref().and_then(|(url, _)| Url::parse(url).ok());
    let server = server.filter(|server| server.origin() == web.origin());
    server.map(|server| server.path().trim_matches('/').to_owned()).unwrap_or_default()
}

/// Refuses to send the token to a host that nobody vouches for: Git's remote may say anything. A host is known
/// to everybody, the CI system's own, or what the operator stored.
fn is_trusted(endpoint: &Endpoint, web: &Url) -> anyhow::Result<()> {
    // An address of the settings was checked with them.
    let is_named = !endpoint.url.is_empty();
    let is_known = is_public(web) || is_own(web, endpoint.ci.as_ref()) || is_loopback(web);
    if is_named || is_known {
        return Ok(());
    }
    let message =
        format!("the token would go to `{}`, which nobody but Git's remote names", with_port(web));
    let hint = "store the repository's address in a variable and write `url_env: NAME`";
    Err(Hinted::new(Code::Error, message, hint).into())
}

/// A token that belongs to a host goes nowhere else: what `open-pr` holds to.
fn is_bound(endpoint: &Endpoint, remote: &Remote, place: &Place) -> anyhow::Result<()> {
    let web = Url::parse(&place.web)?;
    let Some(own) = &endpoint.token_host else { return Ok(()) };
    if [with_port(&web), remote.host.clone()].contains(own) {
        return Ok(());
    }
    let variable = endpoint.target.token_env.as_deref().unwrap_or_default();
    let message = format!("{variable} is for `{own}` and does not go to `{}`", with_port(&web));
    let hint = "store that host's token in a variable of another name";
    Err(Hinted::new(Code::Error, message, hint).into())
}

fn with_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_lowercase();
    url.port().map_or(host.clone(), |port| format!("{host}:{port}"))
}

/// Whether a URL is of a forge that everybody knows, so that a token may go there.
pub(super) fn is_public(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().to_lowercase();
    let is_it = |known: &&str| match known.strip_prefix('*') {
        Some(below) => host.ends_with(below),
        None => host == **known,
    };
    url.scheme() == "https"
        && url.port().is_none()
        && crate::forge::TABLE.iter().any(|row| row.hosts.iter().any(is_it))
}

/// Whether a URL is of the CI system's own server.
pub(super) fn is_own(url: &Url, ci: Option<&(String, String)>) -> bool {
    let server = ci.and_then(|(server, _)| Url::parse(server).ok());
    server.is_some_and(|server| server.origin() == url.origin())
}

/// The commits to speak of: the sources of the changed apps where the repository is theirs, else the commit
/// that brings the change.
pub(super) fn commits(delivery: &Delivery<'_>) -> Vec<String> {
    let own = page(delivery.endpoint.url.expose());
    let mut sources: Vec<String> = Vec::new();
    for app in delivery.event.changes.iter().filter(|app| own.is_some() && app.source == own) {
        let revision = app.new.as_ref().and_then(|release| release.revision.clone());
        sources.extend(revision.filter(|revision| !sources.contains(revision)));
    }
    if own.is_none() || own == delivery.event.repository {
        sources.extend(delivery.event.commit.as_ref().map(|commit| commit.sha.clone()));
    }
    sources.truncate(MOST);
    sources
}

/// Where a person reads on: the run, else the commit.
pub(super) fn target(event: &Event) -> Option<String> {
    let commit = event.commit.as_ref().and_then(|commit| commit.url.as_deref());
    event.run_url.as_deref().or(commit).and_then(crate::event::link)
}

/// One part of a path, encoded whole.
pub(super) fn encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}
