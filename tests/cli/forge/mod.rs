//! Each forge against a loopback server that checks every request against the forge's description and
//! answers with what the forge is documented to answer.

mod azure;
mod bitbucket;
mod bitbucket_dc;
mod description;
mod examples;
mod gerrit;
mod gitea;
mod github;
mod gitlab;
mod probe;
pub(crate) mod server;
mod urls;

use std::rc::Rc;
use std::time::Duration;

use gitops::error::Report;
use gitops::forge::{
    Access, Api, Forge, Known, Merge, Outcome, Pace, Proposal, Remote, Token, Watch, ensure, named,
    place_of,
};
use gitops::http::{Client, Secret, Settings};

use description::Description;
pub(crate) use server::{Reply, Rules, Seen, Server};

/// In every token; must never be seen anywhere but in the one header.
pub(crate) const CANARY: &str = "canary-forge-7f3a";

/// What requests of a forge look like.
pub(crate) fn rules(forge: &str) -> Rules {
    let bearer = ("authorization", format!("Bearer {CANARY}"));
    let json = ("accept", "application/json".to_owned());
    let (published, base, headers) = match forge {
        "github" => (
            Some("github.req.json"),
            "/api/v3",
            vec![
                bearer,
                ("accept", "application/vnd.github+json".to_owned()),
                ("x-github-api-version", "2022-11-28".to_owned()),
            ],
        ),
        "gitlab" => (None, "/api/v4", vec![bearer, json]),
        "gitea" | "forgejo" => {
            let file = if forge == "gitea" { "gitea.req.json" } else { "forgejo-16.0.1.req.json" };
            let token = ("authorization", format!("token {CANARY}"));
            (Some(file), "/api/v1", vec![token, json])
        }
        "bitbucket" => (None, "/2.0", vec![bearer, json]),
        "bitbucket-dc" => {
            let check = ("x-atlassian-token", "no-check".to_owned());
            (None, "/rest/api/latest", vec![bearer, json, check])
        }
        "azure" => {
            // `:canary-forge-7f3a`: the user is empty.
            let basic = ("authorization", "Basic OmNhbmFyeS1mb3JnZS03ZjNh".to_owned());
            (Some("azure-git-7.1.req.json"), "", vec![basic, json])
        }
        // `ann:canary-forge-7f3a`
        "gerrit" => {
            let basic = ("authorization", "Basic YW5uOmNhbmFyeS1mb3JnZS03ZjNh".to_owned());
            (None, "/a", vec![basic, json])
        }
        _ => panic!("{forge}"),
    };
    Rules { description: Description::load(forge, published), base, headers }
}

/// The forge behind a server, for the remote `path`.
pub(crate) fn connect(forge: &str, server: &Server, path: &str, dry_run: bool) -> Box<dyn Forge> {
    let row = named(forge).unwrap();
    let api = match forge {
        "azure" => format!("{}/acme", server.origin),
        _ => format!("{}{}", server.origin, rules(forge).base),
    };
    let host = server.origin.trim_start_matches("http://");
    let (host, port) = host.split_once(':').unwrap();
    let remote = Remote::new("http", host, port.parse().ok(), path);
    let known = Known { api: Some(api), ..Known::default() };
    let place = place_of(row, &remote, &known).unwrap();
    let user = (forge == "gerrit").then(|| "ann".to_owned());
    let token = Token { user, secret: Secret::new(CANARY), origin: "FORGE_TOKEN".to_owned() };
    let (step, busy) = (Duration::from_millis(1), Duration::from_millis(1500));
    let patience = Pace { step, tries: 3, busy, deadline: None };
    let client = Rc::new(Client::new(Settings::default()));
    let access = Access { client, token: Some(token), pace: patience, dry_run };
    let api = Api::new(row, access, &place.api).unwrap();
    (row.open)(place, api)
}

pub(crate) fn want() -> Proposal {
    Proposal {
        head: "gitops/prod/api".to_owned(),
        base: "main".to_owned(),
        title: "deploy(prod): api v2".to_owned(),
        body: "| api | v1 | v2 |".to_owned(),
        key: "prod/api".to_owned(),
        ..Proposal::default()
    }
}

/// Our body as it stands on a forge that takes HTML comments.
pub(crate) fn body() -> String {
    "<!-- gitops:begin -->\n<!-- gitops:key prod/api -->\n\n| api | v1 | v2 |\n\n<!-- gitops:end -->"
        .to_owned()
}

pub(crate) fn auto() -> Merge {
    Merge { delete_branch: true, ..Merge::default() }
}

pub(crate) fn now() -> Merge {
    Merge { now: true, ..Merge::default() }
}

/// Runs the algorithm, and looks for the token in everything it says.
pub(crate) fn run(forge: &dyn Forge, want: &Proposal) -> anyhow::Result<Outcome> {
    let result = ensure(forge, want, Watch { told: &|_, _| {}, tip: &|| None });
    let text = match &result {
        Ok(outcome) => format!("{outcome:?}"),
        Err(error) => format!("{error:?} {:?}", Report::of(error)),
    };
    assert!(!text.contains("canary"), "{text}");
    result
}

/// Message and hint of a run that must fail, for the one loopback port of this test.
#[track_caller]
pub(crate) fn failure(server: &Server, forge: &dyn Forge, want: &Proposal) -> String {
    let error = run(forge, want).unwrap_err();
    let report = Report::of(&error);
    let text = format!("{}\nhint: {}", report.message, report.hint.unwrap_or_default());
    text.replace(&server.origin, "[FORGE]")
}

/// Answers with 2xx that are none of the API's: a sign-in page, no document, another document. A pull request is
/// neither there nor gone because of them, on any forge.
#[test]
fn a_success_that_says_nothing_is_none() {
    let pages = [("<html>Sign in</html>", "text/html"), ("", ""), ("{}", ""), ("null", "")];
    let forges =
        ["github", "gitlab", "gitea", "forgejo", "bitbucket", "bitbucket-dc", "azure", "gerrit"];
    for forge in forges {
        let path = if forge == "azure" { "acme/shop/_git/env" } else { "acme/env" };
        for (text, kind) in pages {
            let server = Server::new(rules(forge), move |_| Reply::raw(200, kind, text));
            let error = run(&*connect(forge, &server, path, false), &want()).unwrap_err();
            let said = Report::of(&error).message;
            assert!(said.contains(" answered 200 OK"), "{forge} {text}: {said}");
            // It looks, and opens nothing.
            assert!(server.targets().iter().all(|target| target.starts_with("GET ")), "{forge}");
        }
        if forge == "gerrit" {
            continue;
        }
        for (text, kind) in pages {
            let list = match forge {
                "bitbucket" | "bitbucket-dc" => "{\"values\":[],\"isLastPage\":true}",
                "azure" => "{\"value\":[]}",
                _ => "[]",
            };
            let server = Server::new(rules(forge), move |seen| match seen.method.as_str() {
                "GET" => Reply::raw(200, "", list),
                _ => Reply::raw(if text.is_empty() { 204 } else { 201 }, kind, text),
            });
            let error = run(&*connect(forge, &server, path, false), &want()).unwrap_err();
            let said = Report::of(&error).message;
            let is_said = said.contains("answered 20") || said.contains("and did not show it");
            assert!(is_said, "{forge} {text}: {said}");
        }
    }
}
