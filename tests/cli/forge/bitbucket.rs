//! Bitbucket Cloud.

use gitops::forge::{Action, AutoMerge, Proposal};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::{Reply, Server, auto, connect, failure, now, rules, run, want};

const ALL: &str = "GET /2.0/repositories/acme/env/pullrequests";
const OPEN: &str = "POST /2.0/repositories/acme/env/pullrequests";
const ONE: &str = "GET /2.0/repositories/acme/env/pullrequests/7";
const CHANGE: &str = "PUT /2.0/repositories/acme/env/pullrequests/7";

fn body() -> String {
    "[//]: # (gitops:begin)\n[//]: # (gitops:key prod/api)\n\n| api | v1 | v2 |\n\n\
     [//]: # (gitops:end)"
        .to_owned()
}

fn current() -> Value {
    json!({
        "id": 7, "links": { "html": { "href": "https://bitbucket.org/acme/env/pull-requests/7" } },
        "title": "deploy(prod): api v2", "description": body(),
        "source": {
            "branch": { "name": "gitops/prod/api" }, "commit": { "hash": "abc" },
            "repository": { "full_name": "acme/env" },
        },
        "destination": { "branch": { "name": "main" } },
        "reviewers": [{ "uuid": "{e}", "nickname": "eve", "display_name": "Eve E" }],
    })
}

fn page(items: &[Value]) -> Reply {
    Reply::json(200, &json!({ "values": items, "pagelen": 50 }))
}

fn error(status: u16, message: &str) -> Reply {
    let error = json!({ "message": message, "fields": {} });
    Reply::json(status, &json!({ "type": "error", "error": error }))
}

fn server(steps: Vec<(&'static str, Reply)>) -> Server {
    Server::script(rules("bitbucket"), steps)
}

fn outcome(server: &Server, want: &Proposal) -> gitops::forge::Outcome {
    run(&*connect("bitbucket", server, "acme/env", false), want).unwrap()
}

#[test]
fn opens_one_and_says_what_it_does_not_have() {
    let members = json!({ "values": [{ "user": { "uuid": "{a}", "nickname": "ann" } }] });
    let server = server(vec![
        (ALL, page(&[])),
        (OPEN, Reply::json(201, &current())),
        ("GET /2.0/workspaces/acme/members", Reply::json(200, &members)),
        (CHANGE, Reply::json(200, &current())),
    ]);
    let names = |name: &str| vec![name.to_owned()];
    let want = Proposal {
        labels: names("deploy"),
        reviewers: names("ann"),
        assignees: names("bob"),
        merge: Some(auto()),
        ..want()
    };
    let outcome = outcome(&server, &want);
    assert_eq!(outcome.action, Action::Created);
    assert_data_eq!(
        outcome.warnings.join("\n"),
        str![[r#"
Bitbucket Cloud has no labels: left out deploy
Bitbucket Cloud has no assignees: left out bob
it will not merge itself: Bitbucket Cloud has no auto-merge; --merge-now would merge it at once
"#]]
    );
    let seen = server.done();
    let q = "source.branch.name=\"gitops/prod/api\" AND destination.branch.name=\"main\"";
    assert!(seen[0].query.contains(&("q".to_owned(), q.to_owned())), "{:?}", seen[0].query);
    assert_eq!(seen[1].body["description"], json!(body()));
    assert_eq!(seen[1].body["close_source_branch"], true);
    assert_eq!(seen[3].body["reviewers"], json!([{ "uuid": "{e}" }, { "uuid": "{a}" }]));
}

#[test]
fn an_update_keeps_the_reviewers() {
    let mut open = current();
    open["title"] = json!("older");
    // A list leaves them out.
    let mut listed = open.clone();
    listed.as_object_mut().unwrap().remove("reviewers");
    let server = server(vec![
        (ALL, page(&[listed])),
        (ONE, Reply::json(200, &open)),
        (CHANGE, Reply::json(200, &current())),
    ]);
    let want = Proposal { reviewers: vec!["Eve E".to_owned()], ..want() };
    assert_eq!(outcome(&server, &want).action, Action::Updated);
    let expected = json!({
        "type": "pullrequest", "title": "deploy(prod): api v2", "reviewers": [{ "uuid": "{e}" }],
    });
    assert_eq!(server.done()[2].body, expected);
}

#[test]
fn reads_the_next_page_of_this_host_only() {
    let server = Server::new(rules("bitbucket"), |seen| {
        let next = |url: String| Reply::json(200, &json!({ "values": [], "next": url }));
        if seen.query.iter().any(|(name, _)| name == "page") {
            return next("http://127.0.0.2:9/2.0/x".to_owned());
        } else if seen.method == "POST" {
            return Reply::json(201, &current());
        }
        let path = "/2.0/repositories/acme/env/pullrequests?state=OPEN&q=x&pagelen=50&page=2";
        next(format!("http://{}{path}", seen.header("host")))
    });
    assert_eq!(outcome(&server, &want()).action, Action::Created);
    assert_eq!(server.targets().len(), 3);
}

#[test]
fn refusals_name_the_scope() {
    let detail = json!({ "required": ["pullrequest:write"], "granted": ["repository"] });
    let message = "Your credentials lack one or more required privilege scopes.";
    let scope = json!({ "type": "error", "error": { "message": message, "detail": detail } });
    let server = server(vec![(ALL, Reply::json(403, &scope))]);
    let text = failure(&server, &*connect("bitbucket", &server, "acme/env", false), &want());
    assert_data_eq!(
        text,
        str![[r#"
cannot look for pull requests: `[FORGE]` answered 403 Forbidden: Your credentials lack one or more required privilege scopes.
hint: the token lacks the scope pullrequest:write
"#]]
    );
}

#[test]
fn nothing_to_propose_and_a_branch_that_is_not_seen_yet() {
    let empty =
        server(vec![(ALL, page(&[])), (OPEN, error(400, "There are no changes to be pulled"))]);
    assert_eq!(outcome(&empty, &want()).action, Action::Skipped);
    empty.done();
    let server = server(vec![
        (ALL, page(&[])),
        (OPEN, error(400, "branch not found: gitops/prod/api")),
        (OPEN, Reply::json(201, &current())),
    ]);
    assert_eq!(outcome(&server, &want()).action, Action::Created);
    server.done();
}

#[test]
fn merge_now_merges() {
    let merge = "POST /2.0/repositories/acme/env/pullrequests/7/merge";
    let server = server(vec![
        (ALL, page(&[current()])),
        (ONE, Reply::json(200, &current())),
        (merge, Reply::json(200, &current())),
    ]);
    let outcome = outcome(&server, &Proposal { merge: Some(now()), ..want() });
    assert_eq!(outcome.auto_merge, AutoMerge::Merged);
    assert_eq!(server.done()[2].body["merge_strategy"], "squash");
}

#[test]
fn closes_what_is_superseded() {
    let mut older = current();
    older["id"] = json!(4);
    older["source"]["branch"]["name"] = json!("old");
    let server = server(vec![
        (ALL, page(&[current()])),
        (ONE, Reply::json(200, &current())),
        (ALL, page(&[older, current()])),
        ("POST /2.0/repositories/acme/env/pullrequests/4/comments", Reply::json(201, &json!({}))),
        ("POST /2.0/repositories/acme/env/pullrequests/4/decline", Reply::json(200, &json!({}))),
    ]);
    assert_eq!(outcome(&server, &Proposal { supersede: true, ..want() }).superseded, [4]);
    server.done();
}
