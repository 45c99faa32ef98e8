//! What commit statuses and deployments share: which forge, which repository, and which commits of it.

use serde_json::Value;
use url::Url;

use super::wire::Post;
use super::{Delivery, Endpoint};
use crate::error::{Code, Hinted};
use crate::event::Event;
use crate::event::links::page;
use crate::forge::{Hints, Known, Place, Remote, Row, Token, place_of, recognise};
use crate::http::Method;
use crate::http::header::HeaderValue;

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
        let remote = remote(&address)?;
        let hints = Hints { forge: endpoint.target.forge.clone(), ..Hints::default() };
        let Some(row) = recognise(&remote, &hints)? else {
            let message = format!("nothing tells which forge `{}` is", remote.host);
            return Err(Hinted::new(
                Code::Config,
                message,
                "write `forge: gitlab` or whatever it is",
            )
            .into());
        };
        let place = place_of(row, &remote, &Known::default())?;
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

fn remote(page: &str) -> anyhow::Result<Remote> {
    let url = Url::parse(page)?;
    let host = url.host_str().unwrap_or_default();
    Ok(Remote::new(url.scheme(), host, url.port(), url.path()))
}

/// Whether a URL is of a forge that everybody knows, so that a token may go there.
pub(super) fn is_public(url: &Url) -> bool {
    let known = page(url.as_str()).and_then(|page| remote(&page).ok());
    known.is_some_and(|remote| {
        remote.port.is_none()
            && crate::forge::TABLE.iter().any(|row| row.hosts.contains(&remote.host.as_str()))
    })
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
