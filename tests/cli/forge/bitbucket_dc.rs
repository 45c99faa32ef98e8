//! Bitbucket Data Center.

use gitops::forge::{Action, AutoMerge, Proposal};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::{Reply, Server, auto, connect, failure, now, rules, run, want};

const ALL: &str = "GET /rest/api/latest/projects/OPS/repos/env/pull-requests";
const OPEN: &str = "POST /rest/api/latest/projects/OPS/repos/env/pull-requests";
const ONE: &str = "GET /rest/api/latest/projects/OPS/repos/env/pull-requests/7";
const CHANGE: &str = "PUT /rest/api/latest/projects/OPS/repos/env/pull-requests/7";
const STATE: &str = "GET /rest/api/latest/projects/OPS/repos/env/pull-requests/7/merge";
const MERGE: &str = "POST /rest/api/latest/projects/OPS/repos/env/pull-requests/7/merge";
const PATH: &str = "scm/OPS/env.git";

fn current() -> Value {
    let repository = json!({ "slug": "env", "project": { "key": "OPS" } });
    let body = "[//]: # (gitops:begin)\n[//]: # (gitops:key prod/api)\n\n| api | v1 | v2 |\n\n\
                [//]: # (gitops:end)";
    json!({
        "id": 7, "version": 3, "title": "deploy(prod): api v2", "description": body,
        "links": { "self": [{ "href": "https://bb.example/projects/OPS/repos/env/pull-requests/7" }] },
        "fromRef": {
            "id": "refs/heads/gitops/prod/api", "displayId": "gitops/prod/api",
            "latestCommit": "abc", "repository": repository,
        },
        "toRef": { "id": "refs/heads/main", "displayId": "main", "repository": repository },
        "reviewers": [{ "user": { "name": "eve" } }],
    })
}

fn version(version: u64) -> Value {
    let mut changed = current();
    changed["version"] = json!(version);
    changed
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body)
}

fn page(items: &[Value]) -> Reply {
    ok(&json!({ "values": items, "isLastPage": true, "start": 0 }))
}

fn threw(status: u16, name: &str, message: &str) -> Reply {
    let name = format!("com.atlassian.bitbucket.pull.{name}");
    let error = json!({ "context": null, "message": message, "exceptionName": name });
    Reply::json(status, &json!({ "errors": [error] }))
}

fn drafted() -> Value {
    let mut pull = current();
    pull["draft"] = json!(true);
    pull
}

fn server(steps: Vec<(&'static str, Reply)>) -> Server {
    Server::script(rules("bitbucket-dc"), steps)
}

fn outcome(server: &Server, want: &Proposal) -> gitops::forge::Outcome {
    run(&*connect("bitbucket-dc", server, PATH, false), want).unwrap()
}

#[test]
fn opens_one_and_asks_for_reviews_with_the_current_version() {
    let server = server(vec![
        (ALL, page(&[])),
        (OPEN, Reply::json(201, &drafted())),
        (ONE, ok(&version(4))),
        (CHANGE, ok(&version(5))),
    ]);
    let want = Proposal { reviewers: vec!["ann".to_owned()], draft: Some(true), ..want() };
    let outcome = outcome(&server, &want);
    assert_eq!((outcome.action, outcome.warnings.len()), (Action::Created, 0));
    let seen = server.done();
    assert_eq!(seen[1].body["fromRef"]["id"], "refs/heads/gitops/prod/api");
    assert_eq!(seen[1].body["draft"], true);
    assert_eq!(seen[3].body["version"], 4);
    let reviewers = json!([{ "user": { "name": "eve" } }, { "user": { "name": "ann" } }]);
    assert_eq!(seen[3].body["reviewers"], reviewers);
}

#[test]
fn an_outdated_version_is_read_again_once() {
    let mut old = current();
    old["title"] = json!("older");
    let server = server(vec![
        (ALL, page(&[old])),
        (CHANGE, threw(409, "PullRequestOutOfDateException", "You are attempting to modify")),
        (ONE, ok(&version(9))),
        (CHANGE, ok(&version(10))),
    ]);
    assert_eq!(outcome(&server, &want()).action, Action::Updated);
    assert_eq!(server.done()[3].body["version"], 9);
}

#[test]
fn pages_are_followed_and_the_other_end_is_compared() {
    let mut elsewhere = current();
    elsewhere["toRef"]["displayId"] = json!("release");
    let first = ok(&json!({ "values": [elsewhere], "isLastPage": false, "nextPageStart": 1 }));
    let server = server(vec![(ALL, first), (ALL, page(&[current()]))]);
    assert_eq!(outcome(&server, &want()).action, Action::Unchanged);
    let seen = server.done();
    assert!(seen[1].query.contains(&("start".to_owned(), "1".to_owned())));
}

#[test]
fn exceptions_are_told_apart() {
    let raced = server(vec![
        (ALL, page(&[])),
        (OPEN, threw(409, "DuplicatePullRequestException", "Only one pull request may be open")),
        (ALL, page(&[current()])),
    ]);
    assert_eq!(outcome(&raced, &want()).action, Action::Unchanged);
    raced.done();
    let empty = server(vec![
        (ALL, page(&[])),
        (OPEN, threw(409, "EmptyPullRequestException", "is already up-to-date")),
    ]);
    assert_eq!(outcome(&empty, &want()).action, Action::Skipped);
    let lagging = server(vec![
        (ALL, page(&[])),
        (OPEN, threw(404, "NoSuchBranchException", "there is no such branch")),
        (OPEN, Reply::json(201, &current())),
    ]);
    assert_eq!(outcome(&lagging, &want()).action, Action::Created);
    let refused = threw(401, "AuthenticationException", "Authentication failed.");
    let server = server(vec![(ALL, refused)]);
    let text = failure(&server, &*connect("bitbucket-dc", &server, PATH, false), &want());
    assert_data_eq!(
        text,
        str![[r#"
cannot look for pull requests: `[FORGE]` answered 401 Unauthorized: Authentication failed.: com.atlassian.bitbucket.pull.AuthenticationException
hint: FORGE_TOKEN is not accepted: is it expired, or for another host? It needs the permission `Repository write` (an HTTP access token)
"#]]
    );
}

#[test]
fn a_wrong_reviewer_is_a_warning() {
    let server = server(vec![
        (ALL, page(&[current()])),
        (ONE, ok(&current())),
        (CHANGE, threw(409, "InvalidPullRequestReviewersException", "ann is not a user")),
    ]);
    let outcome = outcome(&server, &Proposal { reviewers: vec!["ann".to_owned()], ..want() });
    assert_eq!(outcome.action, Action::Unchanged);
    assert!(outcome.warnings[0].starts_with("cannot ask ann to review #7: "));
    server.done();
}

#[test]
fn auto_merge_only_where_something_holds_it_back() {
    let vetoed = json!({ "canMerge": false, "conflicted": false, "vetoes": [{}] });
    let ready = json!({ "canMerge": true, "conflicted": false });
    let conflict = json!({ "canMerge": false, "conflicted": true });
    let waiting = server(vec![
        (ALL, page(&[current()])),
        (STATE, ok(&vetoed)),
        (ONE, ok(&current())),
        (MERGE, ok(&current())),
    ]);
    let done = outcome(&waiting, &Proposal { merge: Some(auto()), ..want() });
    assert_eq!(done.auto_merge, AutoMerge::Enabled);
    let sent = waiting.done()[3].clone();
    assert_eq!(sent.body, json!({ "strategyId": "squash", "autoMerge": true }));
    for (state, reason) in [
        (&ready, "nothing holds it back; --merge-now would merge it at once"),
        (&conflict, "it conflicts with its base"),
    ] {
        let server = server(vec![(ALL, page(&[current()])), (STATE, ok(state))]);
        let done = outcome(&server, &Proposal { merge: Some(auto()), ..want() });
        assert_eq!(done.auto_merge, AutoMerge::Unavailable(reason.to_owned()));
        server.done();
    }
    let mut merged = current();
    merged["state"] = json!("MERGED");
    let server = server(vec![
        (ALL, page(&[current()])),
        (STATE, ok(&ready)),
        (ONE, ok(&current())),
        (MERGE, ok(&merged)),
    ]);
    let done = outcome(&server, &Proposal { merge: Some(now()), ..want() });
    assert_eq!(done.auto_merge, AutoMerge::Merged);
    assert_eq!(server.done()[3].body, json!({ "strategyId": "squash" }));
}

#[test]
fn closes_what_is_superseded() {
    let mut older = current();
    older["id"] = json!(4);
    older["fromRef"]["displayId"] = json!("old");
    let four = "/rest/api/latest/projects/OPS/repos/env/pull-requests/4";
    let (comment, one, decline) =
        (format!("POST {four}/comments"), format!("GET {four}"), format!("POST {four}/decline"));
    let server = server(vec![
        (ALL, page(&[current()])),
        (ALL, page(&[current(), older.clone()])),
        (comment.leak(), Reply::json(201, &json!({}))),
        (one.leak(), ok(&older)),
        (decline.leak(), ok(&older)),
    ]);
    assert_eq!(outcome(&server, &Proposal { supersede: true, ..want() }).superseded, [4]);
    server.done();
}
