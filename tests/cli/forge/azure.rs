//! Azure DevOps.

use gitops::forge::{Action, AutoMerge, Proposal};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::{Reply, Server, auto, body, connect, failure, now, rules, run, want};

const ALL: &str = "GET /acme/My Shop/_apis/git/repositories/env/pullrequests";
const OPEN: &str = "POST /acme/My Shop/_apis/git/repositories/env/pullrequests";
const ONE: &str = "GET /acme/My Shop/_apis/git/repositories/env/pullrequests/7";
const CHANGE: &str = "PATCH /acme/My Shop/_apis/git/repositories/env/pullrequests/7";
const POLICIES: &str = "GET /acme/My Shop/_apis/policy/evaluations";
const PATH: &str = "acme/My%20Shop/_git/env";

fn current() -> Value {
    json!({
        "pullRequestId": 7, "url": "https://dev.azure.com/acme/_apis/git/x/pullRequests/7",
        "title": "deploy(prod): api v2", "description": body(), "isDraft": false,
        "sourceRefName": "refs/heads/gitops/prod/api", "targetRefName": "refs/heads/main",
        "lastMergeSourceCommit": { "commitId": "abc" }, "createdBy": { "id": "me" },
        "repository": { "project": { "id": "p-1" } }, "reviewers": [],
    })
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body)
}

fn found(items: &[Value]) -> Reply {
    ok(&json!({ "value": items, "count": items.len() }))
}

fn tf(status: u16, message: &str, key: &str) -> Reply {
    Reply::json(status, &json!({ "$id": "1", "message": message, "typeKey": key }))
}

fn drafted() -> Value {
    let mut pull = current();
    pull["isDraft"] = json!(true);
    pull
}

fn server(steps: Vec<(&'static str, Reply)>) -> Server {
    Server::script(rules("azure"), steps)
}

fn outcome(server: &Server, want: &Proposal) -> gitops::forge::Outcome {
    run(&*connect("azure", server, PATH, false), want).unwrap()
}

#[test]
fn opens_one_with_labels_and_shows_the_page_not_the_api() {
    let identities = json!({ "value": [{ "id": "id-ann" }] });
    let server = server(vec![
        (ALL, found(&[])),
        (OPEN, Reply::json(201, &drafted())),
        ("GET /acme/_apis/identities", ok(&identities)),
        (
            "PUT /acme/My Shop/_apis/git/repositories/env/pullRequests/7/reviewers/id-ann",
            ok(&json!({})),
        ),
    ]);
    let want = Proposal {
        labels: vec!["deploy".to_owned()],
        reviewers: vec!["ann@corp.example".to_owned()],
        assignees: vec!["bob".to_owned()],
        draft: Some(true),
        ..want()
    };
    let outcome = outcome(&server, &want);
    let url = outcome.pull.unwrap().url;
    assert!(url.ends_with("/My%20Shop/_git/env/pullrequest/7"), "{url}");
    assert_eq!(outcome.warnings, ["Azure DevOps has no assignees: left out bob"]);
    let seen = server.done();
    assert_eq!(seen[1].body["labels"], json!([{ "name": "deploy" }]));
    assert_eq!(seen[1].body["isDraft"], true);
}

#[test]
fn a_long_body_is_cut_and_the_whole_of_it_is_a_comment() {
    let text = "| api | v1 | v2 |\n".repeat(400);
    let server = server(vec![
        (ALL, found(&[])),
        (OPEN, Reply::json(201, &current())),
        ("POST /acme/My Shop/_apis/git/repositories/env/pullRequests/7/threads", ok(&json!({}))),
    ]);
    let outcome = outcome(&server, &Proposal { body: text.clone(), ..want() });
    assert_eq!(outcome.action, Action::Created);
    let seen = server.done();
    let sent = seen[1].body["description"].as_str().unwrap();
    assert!(sent.len() <= 4000 && sent.ends_with("<!-- gitops:end -->"), "{}", sent.len());
    assert_eq!(seen[2].body["comments"][0]["content"], json!(text));
}

#[test]
fn updates_what_differs_and_adds_labels() {
    let mut open = current();
    open["title"] = json!("older");
    let label = "POST /acme/My Shop/_apis/git/repositories/env/pullRequests/7/labels";
    let server = server(vec![
        (ALL, found(&[open.clone()])),
        (ONE, ok(&open)),
        (CHANGE, ok(&current())),
        (label, ok(&json!({}))),
    ]);
    let want = Proposal { labels: vec!["deploy".to_owned()], ..want() };
    assert_eq!(outcome(&server, &want).action, Action::Updated);
    assert_eq!(server.done()[2].body, json!({ "title": "deploy(prod): api v2" }));
}

#[test]
fn a_sign_in_page_is_a_token_that_is_not_accepted() {
    let html = |status: u16| Reply {
        status,
        headers: vec![("content-type", "text/html".to_owned())],
        body: "<html>Sign in</html>".to_owned(),
    };
    let moved = html(302).with("location", "https://spsprodeus.example/_signin");
    for answer in [html(203), html(200), moved, Reply::json(401, &json!({}))] {
        let server = server(vec![(ALL, answer)]);
        let text = failure(&server, &*connect("azure", &server, PATH, false), &want());
        assert_data_eq!(
            text,
            str![[r#"
cannot look for pull requests: `[FORGE]` answered [..]
hint: the token is not accepted (Azure DevOps sent its sign-in page): is it expired, or of another organisation?
"#]]
        );
        assert_eq!(server.targets().len(), 1);
    }
}

#[test]
fn errors_are_told_by_their_numbers() {
    let exists =
        "TF401179: An active pull request for the source and target branch already exists.";
    let raced = server(vec![
        (ALL, found(&[])),
        (OPEN, tf(409, exists, "GitPullRequestExistsException")),
        (ALL, found(&[current()])),
        (ONE, ok(&current())),
    ]);
    assert_eq!(outcome(&raced, &want()).action, Action::Unchanged);
    raced.done();
    let missing = "TF401398: The pull request cannot be activated because the source branch no \
                   longer exists, or it is not a branch.";
    let lagging = server(vec![
        (ALL, found(&[])),
        (OPEN, tf(400, missing, "GitPullRequestCannotBeActivated")),
        (OPEN, Reply::json(201, &current())),
    ]);
    assert_eq!(outcome(&lagging, &want()).action, Action::Created);
    lagging.done();
    let denied = "TF401027: You need the Git 'PullRequestContribute' permission to perform this \
                  action.";
    let server =
        server(vec![(ALL, found(&[])), (OPEN, tf(403, denied, "GitNeedsPermissionException"))]);
    let text = failure(&server, &*connect("azure", &server, PATH, false), &want());
    assert_data_eq!(
        text,
        str![[r#"
cannot open the pull request: `[FORGE]` answered 403 Forbidden: TF401027: You need the Git 'PullRequestContribute' permission to perform this action.
hint: grant the build service `Contribute to pull requests` on the repository
"#]]
    );
}

#[test]
fn completes_itself_only_where_a_policy_holds_it_back() {
    let policy = |status: &str, blocking: bool| json!({ "status": status, "configuration": { "isBlocking": blocking, "isEnabled": true } });
    let start = || vec![(ALL, found(&[current()])), (ONE, ok(&current()))];
    let mut steps = start();
    steps.extend([
        (POLICIES, found(&[policy("approved", true), policy("queued", true)])),
        (CHANGE, ok(&current())),
    ]);
    let waiting = server(steps);
    let done = outcome(&waiting, &Proposal { merge: Some(auto()), ..want() });
    assert_eq!(done.auto_merge, AutoMerge::Enabled);
    let seen = waiting.done();
    let artifact = "vstfs:///CodeReview/CodeReviewId/p-1/7";
    assert!(seen[2].query.contains(&("artifactId".to_owned(), artifact.to_owned())));
    assert_eq!(
        seen[3].body,
        json!({
            "autoCompleteSetBy": { "id": "me" },
            "completionOptions": { "mergeStrategy": "squash", "deleteSourceBranch": true },
        })
    );
    let met = || found(&[policy("approved", true), policy("queued", false)]);
    let mut steps = start();
    steps.push((POLICIES, met()));
    let free = server(steps);
    let done = outcome(&free, &Proposal { merge: Some(auto()), ..want() });
    let reason = "no policy holds it back; --merge-now would complete it at once";
    assert_eq!(done.auto_merge, AutoMerge::Unavailable(reason.to_owned()));
    free.done();
    let mut steps = start();
    steps.extend([(POLICIES, met()), (CHANGE, ok(&current()))]);
    let server = server(steps);
    let done = outcome(&server, &Proposal { merge: Some(now()), ..want() });
    assert_eq!(done.auto_merge, AutoMerge::Merged);
    assert_eq!(server.done()[3].body["lastMergeSourceCommit"], json!({ "commitId": "abc" }));
}

#[test]
fn closes_what_is_superseded() {
    let mut older = current();
    older["pullRequestId"] = json!(4);
    older["sourceRefName"] = json!("refs/heads/old");
    let four = "/acme/My Shop/_apis/git/repositories/env/pullrequests/4";
    let (read, close) = (format!("GET {four}"), format!("PATCH {four}"));
    let server = server(vec![
        (ALL, found(&[current()])),
        (ONE, ok(&current())),
        (ALL, found(&[current(), older.clone()])),
        (ONE, ok(&current())),
        (read.leak(), ok(&older)),
        ("POST /acme/My Shop/_apis/git/repositories/env/pullRequests/4/threads", ok(&json!({}))),
        (close.leak(), ok(&older)),
    ]);
    assert_eq!(outcome(&server, &Proposal { supersede: true, ..want() }).superseded, [4]);
    assert_eq!(server.done()[6].body, json!({ "status": "abandoned" }));
}
