//! From a remote to its forge: which one, where its API is, and a token that is for that host.

use std::rc::Rc;

use super::ProposalArgs;
use crate::ci::Variables;
use crate::commands::landing::Context;
use crate::error::{Code, Hinted};
use crate::forge::{self, Access, Api, Forge, Hints, Known, Pace, Place, Remote, Row, Token};
use crate::git::{self, Address};
use crate::http::{Client, Url};
use crate::ui::Ui;

/// A repository on its forge.
pub(crate) struct Connection {
    pub(crate) row: &'static Row,
    pub(crate) place: Place,
    /// With an API, where there is a token for it.
    pub(crate) forge: Option<Box<dyn Forge>>,
    /// Whether the API has a token.
    pub(crate) has_token: bool,
}

/// The forge's view of a remote's URL.
pub fn remote_of(url: &str) -> anyhow::Result<Remote> {
    Ok(view(&Address::of(url)?))
}

fn view(address: &Address) -> Remote {
    match address {
        Address::Http(url) => {
            let host = url.host_str().unwrap_or_default();
            Remote::new(url.scheme(), host, url.port(), url.path())
        }
        Address::Ssh { host, port, path, .. } => Remote::new("ssh", host, *port, path),
        Address::Local(path) => Remote::new("file", "", None, &path.to_string_lossy()),
    }
}

/// Finds the forge of a remote; none where it has none, or nobody knows it.
pub(crate) fn connect(
    args: &ProposalArgs,
    context: &Context<'_>,
    repository: &git::Remote,
    dry_run: bool,
    ui: &Ui,
) -> anyhow::Result<Option<Connection>> {
    let variables = context.variables();
    let mut remote = view(repository.address());
    if let Some(host) = &args.forge_host {
        remote = Remote::new(&remote.scheme, host, remote.port, &remote.path);
    } else if remote.scheme == "ssh" {
        remote.host = forge::resolve_alias(&remote.host, |_| repository.ssh_host());
    }
    let client = Rc::new(Client::new(context.settings().http.clone()));
    let hints = Hints { forge: args.forge.clone(), ci: variables.forge() };
    let mut known = Known { api: args.api_url.clone(), root: root(variables, &remote) };
    let row = match forge::recognise(&remote, &hints)? {
        Some(row) => row,
        None if args.no_probe => return Ok(None),
        None => match forge::probe(&client, &remote, context.deadline())? {
            Some((row, found)) => {
                known.root = found.root;
                ui.detail(format!("{} says that it is {}", remote.host, row.title));
                row
            }
            None => return Ok(None),
        },
    };
    let place = forge::place_of(row, &remote, &known)?;
    let host = Host::of(row, &remote, &known, &place)?;
    let token = token(context, repository, &host, row, ui);
    let has_token = token.is_some();
    let patience = Pace { deadline: Some(context.deadline()), ..Pace::default() };
    let access = Access { client, token, pace: patience, dry_run };
    let forge = if has_token {
        let api = Api::new(row, access, &place.api)?;
        Some((row.open)(place.clone(), api))
    } else {
        None
    };
    Ok(Some(Connection { row, place, forge, has_token }))
}

/// The folder of the CI system's own server, where that is the remote's.
fn root(variables: &Variables, remote: &Remote) -> String {
    let server = variables.forge().and_then(|(url, _)| Url::parse(&url).ok());
    let same = server.filter(|url| url.host_str() == Some(&remote.host));
    same.map(|url| url.path().trim_matches('/').to_owned()).unwrap_or_default()
}

/// The host that is to get a token.
struct Host {
    /// Where credentials for it are kept: the web pages' URL, or the API's where that is another host.
    url: Url,
    /// The names by which a token may be bound to it.
    names: Vec<String>,
    /// Whether `--api-url` names another host than the remote's.
    is_foreign: bool,
}

impl Host {
    fn of(row: &Row, remote: &Remote, known: &Known, place: &Place) -> anyhow::Result<Self> {
        let usual = forge::place_of(row, remote, &Known { api: None, ..known.clone() })?;
        let [api, usual, web] = [&place.api, &usual.api, &place.web].map(|url| Url::parse(url));
        let (api, usual, web) = (api?, usual?, web?);
        let same_name = api.host_str() == usual.host_str();
        // The port of an SSH remote is none of the web server's.
        let same_port = remote.scheme == "ssh" || api.port() == usual.port();
        if same_name && same_port {
            let names = vec![with_port(&web), remote.host.clone()];
            return Ok(Self { url: web, names, is_foreign: false });
        }
        Ok(Self { names: vec![with_port(&api)], url: api, is_foreign: true })
    }
}

fn with_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_lowercase();
    url.port().map_or(host.clone(), |port| format!("{host}:{port}"))
}

/// A token of the environment that names this host, else what `.netrc` or Git's helpers know.
fn token(
    context: &Context<'_>,
    repository: &git::Remote,
    host: &Host,
    row: &Row,
    ui: &Ui,
) -> Option<Token> {
    let mut found = None;
    for token in context.settings().tokens.iter().filter(|token| !token.token.is_empty()) {
        if let Some(bound) = token.host.as_ref().filter(|bound| !host.names.contains(bound)) {
            if host.is_foreign && found.is_none() && token.variable == row.variable {
                ui.warn(format!(
                    "{} is for `{bound}` and does not go to `{}`, the host of --api-url; GITOPS_TOKEN would",
                    token.variable, host.names[0]
                ));
            }
            continue;
        }
        if token.variable == "CI_JOB_TOKEN" {
            // gitlab#545150: it can push, and has no right to the API of merge requests.
            ui.detail("CI_JOB_TOKEN cannot use GitLab's API for merge requests");
            continue;
        }
        let (user, secret) = (token.user.clone(), token.token.clone());
        found = Some(Token { user, secret, origin: token.variable.clone() });
        break;
    }
    found.or_else(|| {
        let (user, secret, origin) =
            git::password_for(&host.url, repository.config(), context.settings())?;
        // A user's name goes along only where a forge wants it.
        let is_wanted = matches!(row.name, "bitbucket" | "gerrit" | "gitea" | "forgejo");
        let user = Some(user).filter(|user| is_wanted && !user.is_empty());
        Some(Token { user, secret, origin: origin.to_owned() })
    })
}

/// The error where a pull request cannot even be thought of.
pub(crate) fn no_forge(repository: &git::Remote) -> anyhow::Error {
    let message = format!(
        "cannot open a pull request for `{}`: no forge is known there",
        repository.address()
    );
    let names: Vec<&str> = forge::TABLE.iter().map(|row| row.name).collect();
    let hint = format!("name it with --forge ({}), or push with --push", names.join(", "));
    Hinted::new(Code::Usage, message, hint).into()
}
