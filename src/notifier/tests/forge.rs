//! Statuses and deployments against what the forges publish of their APIs.

use serde_json::{Value, json};

use super::events::{HOSTILE, named, ordinary};
use super::server::{Reply, Seen, Server};
use super::shapes::{check, published};
use super::*;
use crate::event::links::page;

const DEPLOYS: &str = "fedcba9876543210fedcba9876543210fedcba98";

fn channel(kind: &str, forge: &str, more: &str) -> Endpoint {
    let settings = format!("{{kind: {kind}, forge: {forge}, token_env: TOKEN{more}}}");
    resolve(kind, &serde_yaml::from_str(&settings).unwrap(), &[]).unwrap()
}

fn event(server: &Server, kind: Kind, path: &str) -> Event {
    let repository = page(&format!("{}/{path}", server.origin));
    Event { repository, ..ordinary(kind) }
}

/// The schema of a request's body in a description; a field it does not name is refused.
fn body_schema(file: &str, path: &str) -> Option<Value> {
    let all = published(file)?;
    let operation = &all["paths"][path]["post"];
    // OpenAPI 3 keeps bodies apart; Swagger 2 counts them among the parameters.
    let parameters = operation["parameters"].as_array();
    let body = parameters.and_then(|all| all.iter().find(|parameter| parameter["in"] == "body"));
    let content = &operation["requestBody"]["content"]["application/json"];
    let schema = body.unwrap_or(content)["schema"].clone();
    assert!(schema.is_object(), "{file} {path}");
    let part = |name: &str| all[name].as_object().cloned().unwrap_or_default();
    Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "definitions": part("definitions"), "components": part("components"),
        "allOf": [schema], "unevaluatedProperties": false,
    }))
}

/// The fields that each forge documents for a status, in our own words.
fn documented(forge: &str) -> &'static [&'static str] {
    match forge {
        "gitlab" => &["state", "name", "description", "target_url", "ref", "coverage"],
        "bitbucket" | "bitbucket-dc" => &["key", "state", "name", "description", "url", "ref"],
        "azure" => &["state", "context", "description", "targetUrl"],
        _ => &["state", "context", "description", "target_url"],
    }
}

fn conforms(seen: &Seen, description: Option<(&str, &str)>) {
    let Some((file, path)) = description else { return };
    if let Some(schema) = body_schema(file, path) {
        check(&schema, &seen.json());
    }
}

const AZURE: &str =
    "/{organization}/{project}/_apis/git/repositories/{repositoryId}/commits/{commitId}/statuses";
const STATUS: &str = "/repos/{owner}/{repo}/statuses/{sha}";

/// A forge, a repository there, where a status goes, its words for it, and who describes the request.
type Status =
    (&'static str, &'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

const STATUSES: &[Status] = &[
    (
        "github",
        "acme/deploy",
        "/api/v3/repos/acme/deploy/statuses/SHA",
        "pending success failure",
        Some(("github.req.json", STATUS)),
    ),
    (
        "gitlab",
        "acme/ops/deploy",
        "/api/v4/projects/acme%2Fops%2Fdeploy/statuses/SHA",
        "running success failed",
        None,
    ),
    (
        "gitea",
        "acme/deploy",
        "/api/v1/repos/acme/deploy/statuses/SHA",
        "pending success failure",
        Some(("gitea.req.json", STATUS)),
    ),
    (
        "forgejo",
        "acme/deploy",
        "/api/v1/repos/acme/deploy/statuses/SHA",
        "pending success failure",
        Some(("forgejo-16.0.1.req.json", STATUS)),
    ),
    (
        "bitbucket-dc",
        "scm/OPS/deploy",
        "/rest/api/latest/projects/OPS/repos/deploy/commits/SHA/builds",
        "INPROGRESS SUCCESSFUL FAILED",
        None,
    ),
    (
        "azure",
        "acme/ops/_git/deploy",
        "/acme/ops/_apis/git/repositories/deploy/commits/SHA/statuses?api-version=7.1",
        "pending succeeded failed",
        Some(("azure-git-7.1.req.json", AZURE)),
    ),
];

#[test]
fn each_forge_gets_a_status_in_its_own_words() {
    for (forge, repository, path, states, description) in STATUSES {
        let server = Server::new(vec![Reply::new(201, "{}")]);
        let kinds = [Kind::Deploying, Kind::Deployed, Kind::Failed];
        for (kind, state) in kinds.into_iter().zip(states.split(' ')) {
            say(channel("commit-status", forge, ""), &event(&server, kind, repository)).unwrap();
            let seen = server.requests().pop().unwrap();
            assert_eq!(seen.path, path.replace("SHA", DEPLOYS), "{forge}");
            let body = seen.json();
            assert_eq!(body["state"], state, "{forge}");
            assert!(body["description"].as_str().unwrap().chars().count() <= 140);
            assert!(seen.header("authorization").contains(' '));
            let fields = body.as_object().unwrap().keys();
            let strange: Vec<_> =
                fields.filter(|field| !documented(forge).contains(&field.as_str())).collect();
            assert!(strange.is_empty(), "{forge}: {strange:?}");
            conforms(&seen, *description);
        }
    }
}

#[test]
fn a_source_repository_gets_its_own_commits() {
    let server = Server::new(vec![Reply::new(201, "{}")]);
    let mut event = event(&server, Kind::Deployed, "acme/deploy");
    event.changes[0].source = page(&format!("{}/acme/api", server.origin));
    let mut endpoint = channel("commit-status", "github", "");
    endpoint.url = crate::http::Secret::new(&format!("{}/acme/api.git", server.origin));
    say(endpoint, &event).unwrap();
    let paths: Vec<String> = server.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/api/v3/repos/acme/api/statuses/0123456789abcdef0123456789abcdef01234567"]);
}

#[test]
fn githubs_deployment_is_begun_once_and_ended() {
    let made = Reply::new(201, r#"{"id": 7}"#);
    let server = Server::new(vec![Reply::new(200, "[]"), made.clone(), made]);
    say(channel("deployment", "github", ""), &event(&server, Kind::Deploying, "acme/deploy"))
        .unwrap();
    let asked: Vec<(String, String)> =
        server.requests().into_iter().map(|seen| (seen.method, seen.path)).collect();
    let base = "/api/v3/repos/acme/deploy/deployments";
    let find = format!("{base}?sha={DEPLOYS}&environment=production&task=deploy&per_page=10");
    let expected =
        [("GET", find.as_str()), ("POST", base), ("POST", &format!("{base}/7/statuses"))];
    let expected = expected.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(asked, expected);
    let requests = server.requests();
    assert_eq!(requests[1].json()["auto_merge"], false);
    assert_eq!(requests[1].json()["required_contexts"], json!([]));
    conforms(&requests[1], Some(("github.req.json", "/repos/{owner}/{repo}/deployments")));
    let statuses = "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
    conforms(&requests[2], Some(("github.req.json", statuses)));
    let known = Reply::new(200, &format!(r#"[{{"id": 7, "sha": "{DEPLOYS}"}}]"#));
    let server = Server::new(vec![known, Reply::new(201, "{}")]);
    say(channel("deployment", "github", ""), &event(&server, Kind::Deployed, "acme/deploy"))
        .unwrap();
    let last = &server.requests()[1];
    assert_eq!(
        (last.path.as_str(), &last.json()["state"]),
        (&*format!("{base}/7/statuses"), &json!("success"))
    );
}

#[test]
fn gitlabs_deployment_is_made_with_its_status_and_updated() {
    let base = "/api/v4/projects/acme%2Fdeploy/deployments";
    let server = Server::new(vec![Reply::new(200, "[]"), Reply::new(201, r#"{"id": 7}"#)]);
    say(channel("deployment", "gitlab", ""), &event(&server, Kind::Deploying, "acme/deploy"))
        .unwrap();
    let requests = server.requests();
    assert_eq!((requests.len(), requests[1].path.as_str()), (2, base));
    assert_eq!(requests[1].json()["status"], "running");
    let known =
        Reply::new(200, &format!(r#"[{{"id": 7, "sha": "{DEPLOYS}", "status": "running"}}]"#));
    let server = Server::new(vec![known, Reply::new(200, "{}")]);
    say(channel("deployment", "gitlab", ""), &event(&server, Kind::Failed, "acme/deploy")).unwrap();
    let last = &server.requests()[1];
    assert_eq!((last.method.as_str(), &*last.path), ("PUT", &*format!("{base}/7")));
    assert_eq!(last.json(), json!({ "status": "failed" }));
}

#[test]
fn what_forges_refuse_is_explained() {
    let table = [
        ("commit-status", "github", 401, r#"{"message":"Bad credentials"}"#, "store a new one"),
        (
            "commit-status",
            "github",
            403,
            r#"{"message":"Resource not accessible by integration"}"#,
            "statuses: write",
        ),
        ("commit-status", "github", 404, r#"{"message":"Not Found"}"#, "cannot see it"),
        (
            "commit-status",
            "github",
            422,
            r#"{"message":"No commit found for SHA: x"}"#,
            "push the commit",
        ),
        // Gitea 1.25.4, of a commit that it does not have.
        (
            "commit-status",
            "gitea",
            500,
            r#"{"message":"","url":"http://127.0.0.1:3000/api/swagger"}"#,
            "is the commit pushed",
        ),
        (
            "commit-status",
            "gitlab",
            400,
            r#"{"message":"Cannot transition status via :run from :running"}"#,
            "has this status already",
        ),
        (
            "commit-status",
            "gitlab",
            403,
            r#"{"error":"insufficient_scope","scope":"api"}"#,
            "scope `api`",
        ),
        ("commit-status", "azure", 203, "<html>Sign in</html>", ""),
        ("deployment", "gitea", 200, "[]", "`kind: commit-status`"),
        ("commit-status", "gerrit", 200, "", "has no statuses"),
    ];
    for (kind, forge, status, body, advice) in table {
        let server = Server::new(vec![Reply::new(status, body)]);
        let path = if forge == "azure" { "a/b/_git/c" } else { "acme/deploy" };
        let error =
            say(channel(kind, forge, ""), &event(&server, Kind::Deployed, path)).unwrap_err();
        assert!(read(&error).contains(advice) && !has_canary(&read(&error)), "{}", read(&error));
    }
    let nowhere = Event { repository: None, ..ordinary(Kind::Deployed) };
    let error = say(channel("commit-status", "github", ""), &nowhere).unwrap_err();
    assert!(read(&error).contains("`url_env`"), "{}", read(&error));
}

#[test]
fn a_token_goes_to_a_known_forge_or_where_the_operator_says() {
    let table =
        [("https://github.com/acme/api", true), ("https://github.com.evil.example/a/b", false)];
    for (url, fine) in table {
        let settings = format!("{{kind: deployment, url: '{url}', token_env: TOKEN}}");
        let endpoint = resolve("x", &serde_yaml::from_str(&settings).unwrap(), &[]);
        assert_eq!(endpoint.is_ok(), fine, "{url}");
    }
}

#[test]
fn git_alone_does_not_say_where_a_token_goes() {
    let remote = |settings: &str, repository: &str| {
        let settings = format!("{{kind: commit-status, {settings}}}");
        let variables = [("GITHUB_TOKEN", TOKEN), ("A", repository)];
        let endpoint = resolve("x", &serde_yaml::from_str(&settings).unwrap(), &variables);
        let event = Event { repository: page(repository), ..ordinary(Kind::Deployed) };
        let made = endpoint.and_then(|endpoint| preview(&endpoint, &event, UNIX_EPOCH));
        made.err().map_or_else(String::new, |error| read(&error))
    };
    let token = "token_env: TOKEN";
    let table = [
        (token, "https://github.com/acme/deploy", ""),
        (token, "git@gitlab.com:acme/deploy.git", ""),
        // The CI system's own server, whichever forge that is.
        (token, "https://git.corp.example/acme/deploy", ""),
        (token, "http://github.com/acme/deploy", "is not encrypted"),
        ("token_env: TOKEN, allow_http: true", "http://github.com/a/b", "nobody but Git's remote"),
        (token, "https://169.254.169.254/acme/deploy", "link-local"),
        ("token_env: TOKEN, forge: gitlab", "https://evil.example/a/b", "nobody but Git's remote"),
        (
            "token_env: TOKEN, forge: github",
            "https://github.com:8443/a/b",
            "nobody but Git's remote",
        ),
        ("token_env: TOKEN, forge: gitlab, url_env: A", "https://git.other.example/a/b", ""),
        ("token_env: GITHUB_TOKEN", "https://github.com/acme/deploy", ""),
        ("token_env: GITHUB_TOKEN", "https://gitlab.com/acme/deploy", "is for `github.com`"),
        (
            "token_env: GITHUB_TOKEN, forge: github, url_env: A",
            "https://git.other.example/a/b",
            "is for `github.com`",
        ),
    ];
    for (settings, repository, expected) in table {
        let text = remote(settings, repository);
        assert_eq!(expected.is_empty(), text.is_empty(), "{repository}: {text}");
        assert!(text.contains(expected) && !has_canary(&text), "{repository}: {text}");
    }
}

/// A channel of each kind and forge, with a repository there.
const SITES: [(&str, &str, &str); 4] = [
    ("commit-status", "github", "acme/deploy"),
    ("commit-status", "gitlab", "acme/deploy"),
    ("deployment", "github", "acme/deploy"),
    ("deployment", "gitlab", "acme/deploy"),
];

#[test]
fn a_busy_forge_is_asked_again_and_a_broken_one_is_an_error() {
    for (kind, forge, path) in SITES {
        for status in [429, 502, 503, 504] {
            let busy = Reply::with(status, "Retry-After: 0\r\n", "later");
            let fine = Reply::new(200, r#"{"id": 7}"#);
            let server = Server::new(vec![busy.clone(), busy, fine]);
            say(channel(kind, forge, ""), &event(&server, Kind::Deploying, path)).unwrap();
            assert!(server.requests().len() >= 3, "{kind} {forge}");
        }
        for reply in [Reply::Silence, Reply::HangUp, Reply::Garbage] {
            let server = Server::new(vec![reply]);
            let event = event(&server, Kind::Deployed, path);
            let soon = Duration::from_millis(60);
            let error = say_within(channel(kind, forge, ""), &event, soon).unwrap_err();
            let text = read(&error);
            assert!(text.contains("cannot hear from") || text.contains("cannot reach"), "{text}");
            assert!(!has_canary(&text), "{text}");
        }
    }
}

#[test]
fn hostile_names_stay_within_their_fields() {
    let long = "é😀<&\"".repeat(1000);
    for (kind, forge, path) in SITES {
        for text in HOSTILE.iter().copied().chain([long.as_str()]) {
            let server = Server::new(vec![Reply::new(200, r#"{"id": 7}"#)]);
            let mut event = named(Kind::Deploying, text);
            event.repository = page(&format!("{}/{path}", server.origin));
            event.commit = ordinary(Kind::Deploying).commit;
            say(channel(kind, forge, ""), &event).unwrap();
            for seen in server.requests() {
                assert!(!seen.path.contains([' ', '<', '"', '\n']), "{}", seen.path);
                let posts = seen.method == "POST" && !seen.body.is_empty();
                let body = if posts { seen.json() } else { continue };
                for (field, most) in [("description", 140), ("context", 255), ("environment", 255)]
                {
                    let value = body[field].as_str().unwrap_or_default();
                    let fine = value.chars().count() <= most && !value.contains(char::is_control);
                    assert!(fine, "{kind} {forge} {field}: {value:?}");
                }
            }
        }
    }
}
