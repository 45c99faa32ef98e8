//! GitHub.

use std::collections::BTreeMap;
use std::sync::Arc;

use gitops::forge::{Action, AutoMerge, Proposal};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::{Reply, Seen, Server, auto, body, connect, failure, now, rules, run, want};

const LOOK: &str = "GET /api/v3/repos/acme/env/pulls";
const OPEN: &str = "POST /api/v3/repos/acme/env/pulls";
const CHANGE: &str = "PATCH /api/v3/repos/acme/env/pulls/7";
const GRAPHQL: &str = "POST /api/graphql";

fn pull(title: &str, body: &str) -> Value {
    json!({
        "number": 7, "html_url": "https://github.example/acme/env/pull/7", "node_id": "PR_7",
        "title": title, "body": body, "draft": false, "labels": [], "assignees": [],
        "requested_reviewers": [], "requested_teams": [],
        "head": { "ref": "gitops/prod/api", "sha": "abc", "repo": { "full_name": "acme/env" } },
        "base": { "ref": "main" },
    })
}

fn current() -> Value {
    pull("deploy(prod): api v2", &body())
}

fn drafted() -> Value {
    let mut pull = current();
    pull["draft"] = json!(true);
    pull
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply::json(status, body)
}

fn list(pulls: &[Value]) -> Reply {
    reply(200, &json!(pulls))
}

fn refused(text: &str) -> Reply {
    let error = json!({ "resource": "PullRequest", "code": "custom", "message": text });
    reply(422, &json!({ "message": "Validation Failed", "errors": [error], "status": "422" }))
}

fn server(steps: Vec<(&'static str, Reply)>) -> Server {
    Server::script(rules("github"), steps)
}

fn nothing() -> Vec<(&'static str, Reply)> {
    vec![(LOOK, list(&[])), (LOOK, list(&[]))]
}

#[test]
fn opens_one_and_adds_what_was_asked_for() {
    let mut steps = nothing();
    steps.extend([
        (OPEN, reply(201, &drafted())),
        ("POST /api/v3/repos/acme/env/labels", reply(201, &json!({}))),
        ("POST /api/v3/repos/acme/env/issues/7/labels", reply(200, &json!([]))),
        ("GET /api/v3/repos/acme/env/pulls/7/reviews", reply(200, &json!([]))),
        ("POST /api/v3/repos/acme/env/pulls/7/requested_reviewers", reply(201, &json!({}))),
        ("POST /api/v3/repos/acme/env/issues/7/assignees", reply(201, &json!({}))),
    ]);
    let server = server(steps);
    let want = Proposal {
        labels: vec!["deploy".to_owned()],
        reviewers: vec!["ann".to_owned(), "acme/ops".to_owned()],
        assignees: vec!["bob".to_owned()],
        draft: Some(true),
        ..want()
    };
    let outcome = run(&*connect("github", &server, "acme/env.git", false), &want).unwrap();
    assert_eq!((outcome.action, outcome.warnings.len()), (Action::Created, 0));
    let seen = server.done();
    assert_eq!(
        seen[2].body,
        json!({
            "title": "deploy(prod): api v2", "head": "acme:gitops/prod/api", "base": "main",
            "body": body(), "draft": true,
        })
    );
    assert_eq!(seen[6].body, json!({ "reviewers": ["ann"], "team_reviewers": ["ops"] }));
}

#[test]
fn says_unchanged_when_it_is_and_keeps_notes_when_it_is_not() {
    let mut open = pull("deploy(prod): api v2", &format!("Wait for Ann.\r\n\r\n{}", body()));
    open["labels"] = json!([{ "name": "Deploy" }]);
    open["requested_teams"] = json!([{ "slug": "ops" }]);
    let reviews = json!([{ "user": { "login": "Ann" } }, { "user": null }]);
    let script = || {
        vec![
            (LOOK, list(&[open.clone()])),
            ("GET /api/v3/repos/acme/env/pulls/7/reviews", reply(200, &reviews)),
        ]
    };
    let same = Proposal {
        labels: vec!["deploy".to_owned()],
        reviewers: vec!["ann".to_owned(), "acme/ops".to_owned()],
        ..want()
    };
    let quiet = server(script());
    let outcome = run(&*connect("github", &quiet, "acme/env", false), &same).unwrap();
    assert_eq!(outcome.action, Action::Unchanged);
    assert_eq!(quiet.targets().len(), 2);

    let mut steps = script();
    steps.insert(1, (CHANGE, reply(200, &open)));
    let server = server(steps);
    let newer = Proposal { body: "| api | v1 | v3 |".to_owned(), ..same };
    let outcome = run(&*connect("github", &server, "acme/env", false), &newer).unwrap();
    assert_eq!(outcome.action, Action::Updated);
    let sent = &server.done()[1].body;
    let expected = format!("Wait for Ann.\n\n{}", body().replace("v2", "v3"));
    assert_eq!(sent, &json!({ "body": expected }));
}

#[test]
fn a_push_to_an_open_one_is_an_update() {
    let server = server(vec![(LOOK, list(&[current()]))]);
    let want = Proposal { pushed: true, ..want() };
    let outcome = run(&*connect("github", &server, "acme/env", false), &want).unwrap();
    assert_eq!(outcome.action, Action::Updated);
    server.done();
}

#[test]
fn another_base_and_a_forks_branch_are_other_pull_requests() {
    let mut other_base = current();
    other_base["base"]["ref"] = json!("release");
    let mut fork = current();
    fork["head"]["repo"]["full_name"] = json!("mallory/env");
    let mut deleted = current();
    deleted["head"]["repo"] = Value::Null;
    let open = list(&[other_base, fork, deleted]);
    let steps = vec![(LOOK, open.clone()), (LOOK, open), (OPEN, reply(201, &current()))];
    let server = server(steps);
    let outcome = run(&*connect("github", &server, "acme/env", false), &want()).unwrap();
    assert_eq!(outcome.action, Action::Created);
    let seen = server.done();
    let head = |seen: &Seen| seen.query.iter().any(|(name, _)| name == "head");
    assert_eq!((head(&seen[0]), head(&seen[1])), (true, false));
}

#[test]
fn reads_every_page_but_only_of_this_host() {
    let server = Server::new(rules("github"), |seen| {
        let page = seen.query.iter().find(|(name, _)| name == "page");
        match page.map(|(_, page)| page.as_str()) {
            None if seen.query.iter().any(|(name, _)| name == "head") => list(&[]),
            None => {
                let host = seen.header("host");
                let path = "/api/v3/repos/acme/env/pulls?state=open&base=main&per_page=100&page=2";
                list(&[]).with("link", &format!("<http://{host}{path}>; rel=\"next\""))
            }
            _ => list(&[current()]).with("link", "<http://127.0.0.2:1/x>; rel=\"next\""),
        }
    });
    let outcome = run(&*connect("github", &server, "acme/env", false), &want()).unwrap();
    assert_eq!(outcome.action, Action::Unchanged);
    assert_eq!(server.targets().len(), 3);
}

#[test]
fn whoever_comes_second_in_a_race_updates() {
    let mut steps = nothing();
    steps.extend([
        (OPEN, refused("A pull request already exists for acme:gitops/prod/api.")),
        (LOOK, list(&[pull("older", &body())])),
        (CHANGE, reply(200, &current())),
    ]);
    let server = server(steps);
    let outcome = run(&*connect("github", &server, "acme/env", false), &want()).unwrap();
    assert_eq!(outcome.action, Action::Updated);
    server.done();
}

/// A GitHub that keeps what it is given, and shows it to nobody until both have looked: each looks twice.
fn stateful() -> Server {
    let mut open: BTreeMap<u64, Value> = BTreeMap::new();
    let mut looked = 0;
    Server::new(rules("github"), move |seen| match seen.method.as_str() {
        "GET" => {
            looked += 1;
            let visible = if looked > 4 { open.values().collect() } else { Vec::new() };
            reply(200, &json!(visible))
        }
        "POST" if open.is_empty() => {
            open.insert(7, current());
            reply(201, &open[&7])
        }
        "POST" => refused("A pull request already exists for acme:gitops/prod/api."),
        _ => reply(500, &json!({})),
    })
}

#[test]
fn two_at_once_open_one() {
    let server = Arc::new(stateful());
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let server = Arc::clone(&server);
            std::thread::spawn(move || {
                let forge = connect("github", &server, "acme/env", false);
                run(&*forge, &want()).unwrap().action
            })
        })
        .collect();
    let mut actions: Vec<&str> = runs.into_iter().map(|r| r.join().unwrap().as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["created", "unchanged"]);
    server.done();
}

#[test]
fn waits_for_a_branch_that_was_just_pushed_and_not_for_ever() {
    let invalid = || {
        let error = json!({ "resource": "PullRequest", "field": "head", "code": "invalid" });
        reply(422, &json!({ "message": "Validation Failed", "errors": [error] }))
    };
    let mut steps = nothing();
    steps.extend([(OPEN, invalid()), (OPEN, reply(201, &current()))]);
    let lagging = server(steps);
    let outcome = run(&*connect("github", &lagging, "acme/env", false), &want()).unwrap();
    assert_eq!(outcome.action, Action::Created);
    lagging.done();

    let mut steps = nothing();
    steps.extend([(OPEN, invalid()), (OPEN, invalid()), (OPEN, invalid())]);
    let server = server(steps);
    let text = failure(&server, &*connect("github", &server, "acme/env", false), &want());
    assert_data_eq!(
        text,
        str![[r#"
cannot open the pull request of `gitops/prod/api`: GitHub says: Validation Failed: head: invalid
hint: is `gitops/prod/api` pushed to this repository, and is `main` there?
"#]]
    );
    server.done();
}

#[test]
fn nothing_between_base_and_head_is_skipped() {
    let mut steps = nothing();
    steps.push((OPEN, refused("No commits between main and gitops/prod/api")));
    let server = server(steps);
    let outcome = run(&*connect("github", &server, "acme/env", false), &want()).unwrap();
    assert_eq!((outcome.action, outcome.pull), (Action::Skipped, None));
    server.done();
}

#[test]
fn refusals_say_what_is_missing_and_are_not_repeated() {
    let message = |text: &str| json!({ "message": text, "documentation_url": "https://docs" });
    let table = [
        (
            reply(401, &message("Bad credentials")),
            str![[r#"
cannot look for pull requests: `[FORGE]` answered 401 Unauthorized: Bad credentials
hint: FORGE_TOKEN is not accepted: is it expired, or for another host? It needs `pull_requests: write` and `contents: write`, and `issues: write` for labels
"#]],
        ),
        (
            reply(404, &message("Not Found")),
            str![[r#"
cannot look for pull requests: `[FORGE]` answered 404 Not Found: Not Found
hint: there is no such repository, or FORGE_TOKEN cannot see it; it needs `pull_requests: write` and `contents: write`, and `issues: write` for labels
"#]],
        ),
        (
            reply(403, &message("Resource not accessible by integration")),
            str![[r#"
cannot look for pull requests: `[FORGE]` answered 403 Forbidden: Resource not accessible by integration
hint: give the job `permissions: {contents: write, pull-requests: write, issues: write}`
"#]],
        ),
        (
            reply(403, &message("Resource not accessible by personal access token")),
            str![[r#"
cannot look for pull requests: `[FORGE]` answered 403 Forbidden: Resource not accessible by personal access token
hint: FORGE_TOKEN lacks a permission; it needs `pull_requests: write` and `contents: write`, and `issues: write` for labels
"#]],
        ),
        (
            reply(
                403,
                &message("GitHub Actions is not permitted to create or approve pull requests."),
            ),
            str![[r#"
cannot look for pull requests: `[FORGE]` answered 403 Forbidden: GitHub Actions is not permitted to create or approve pull requests.
hint: allow it under Settings → Actions → General → Workflow permissions, or use the token of an App
"#]],
        ),
        (
            reply(403, &message("Resource protected by organization SAML enforcement."))
                .with("x-github-sso", "required; url=https://github.example/orgs/acme/sso?x=1"),
            str![[r#"
cannot look for pull requests: `[FORGE]` answered 403 Forbidden: Resource protected by organization SAML enforcement.
hint: the organisation wants single sign-on; authorise the token at https://github.example/orgs/acme/sso?x=1
"#]],
        ),
    ];
    for (answer, expected) in table {
        let server = server(vec![(LOOK, answer)]);
        let text = failure(&server, &*connect("github", &server, "acme/env", false), &want());
        assert_data_eq!(text, expected);
        assert_eq!(server.targets().len(), 1);
    }
}

#[test]
fn waits_when_told_to_and_gives_up_when_that_is_too_long() {
    let slow = |after: &str| {
        reply(403, &json!({ "message": "You have exceeded a secondary rate limit" }))
            .with("retry-after", after)
    };
    let patient = server(vec![
        (LOOK, slow("0")),
        (LOOK, reply(429, &json!({})).with("retry-after", "0")),
        (LOOK, reply(502, &json!({})).with("retry-after", "0")),
        (LOOK, list(&[current()])),
    ]);
    let outcome = run(&*connect("github", &patient, "acme/env", false), &want()).unwrap();
    assert_eq!(outcome.action, Action::Unchanged);
    patient.done();

    let server = server(vec![(LOOK, slow("3600"))]);
    let text = failure(&server, &*connect("github", &server, "acme/env", false), &want());
    assert_data_eq!(
        text,
        str![[r#"
cannot look for pull requests: `[FORGE]` answered 403 Forbidden: You have exceeded a secondary rate limit
hint: GitHub limits the rate of requests; try again later, or use a token of its own
"#]]
    );
}

#[test]
fn a_token_never_follows_a_redirect_to_another_host() {
    let moved = reply(307, &json!({})).with("location", "http://127.0.0.2:9/repos/acme/env/pulls");
    let server = server(vec![(LOOK, moved)]);
    let text = failure(&server, &*connect("github", &server, "acme/env", false), &want());
    assert_data_eq!(
        text,
        str![[r#"
cannot follow `[FORGE]`: it redirects to `http://127.0.0.2:9`
hint: use the new address
"#]]
    );
}

#[test]
fn extras_that_fail_are_warnings() {
    let lost =
        || reply(422, &json!({ "message": "Could not resolve to a node with the global id" }));
    let exists = json!({ "message": "Validation Failed", "errors": [
        { "resource": "Label", "code": "already_exists", "field": "name" }] });
    let mut steps = nothing();
    steps.extend([
        (OPEN, reply(201, &current())),
        ("POST /api/v3/repos/acme/env/labels", reply(422, &exists)),
        ("POST /api/v3/repos/acme/env/issues/7/labels", lost()),
        ("POST /api/v3/repos/acme/env/issues/7/labels", reply(200, &json!([]))),
        ("GET /api/v3/repos/acme/env/pulls/7/reviews", reply(200, &json!([]))),
        (
            "POST /api/v3/repos/acme/env/pulls/7/requested_reviewers",
            reply(422, &json!({ "message": "Reviews may only be requested from collaborators." })),
        ),
        ("POST /api/v3/repos/acme/env/issues/7/assignees", lost()),
        ("POST /api/v3/repos/acme/env/issues/7/assignees", lost()),
        ("POST /api/v3/repos/acme/env/issues/7/assignees", lost()),
    ]);
    let server = server(steps);
    let names = |name: &str| vec![name.to_owned()];
    let want = Proposal {
        labels: names("deploy"),
        reviewers: names("ann"),
        assignees: names("bob"),
        ..want()
    };
    let outcome = run(&*connect("github", &server, "acme/env", false), &want).unwrap();
    assert_eq!(outcome.action, Action::Created);
    let warnings = outcome.warnings.join("\n").replace(&server.origin, "[FORGE]");
    assert_data_eq!(
        warnings,
        str![[r#"
cannot ask ann to review #7: `[FORGE]` answered 422 Unprocessable Entity: Reviews may only be requested from collaborators.
cannot assign #7 to bob: GitHub does not see it yet
"#]]
    );
    server.done();
}

#[test]
fn drafts_change_by_graphql() {
    let mut ready = current();
    ready["draft"] = json!(true);
    let server =
        server(vec![(LOOK, list(&[ready])), (GRAPHQL, reply(200, &json!({ "data": {} })))]);
    let want = Proposal { draft: Some(false), ..want() };
    let outcome = run(&*connect("github", &server, "acme/env", false), &want).unwrap();
    assert_eq!(outcome.action, Action::Updated);
    let sent = server.done()[1].body.clone();
    assert!(sent["query"].as_str().unwrap().contains("markPullRequestReadyForReview"));
    assert_eq!(sent["variables"], json!({ "id": "PR_7" }));
}

fn unprocessable(text: &str) -> Reply {
    let error = json!({ "type": "UNPROCESSABLE", "message": text });
    reply(200, &json!({ "data": { "enablePullRequestAutoMerge": null }, "errors": [error] }))
}

#[test]
fn auto_merge_is_never_a_merge_at_once() {
    let table = [
        (reply(200, &json!({ "data": {} })), "Enabled"),
        (
            unprocessable("Pull request Pull request is in clean status"),
            "Unavailable(\"GitHub says: Pull request Pull request is in clean status: there is nothing \
             to wait for; --merge-now would merge it at once\")",
        ),
        (
            unprocessable("Auto merge is not allowed for this repository"),
            "Unavailable(\"GitHub says: Auto merge is not allowed for this repository: allow it under \
             Settings → General → Pull Requests\")",
        ),
    ];
    for (answer, expected) in table {
        let server = server(vec![(LOOK, list(&[current()])), (GRAPHQL, answer)]);
        let want = Proposal { merge: Some(auto()), head_sha: Some("def".to_owned()), ..want() };
        let outcome = run(&*connect("github", &server, "acme/env", false), &want).unwrap();
        assert_eq!(format!("{:?}", outcome.auto_merge), expected);
        let sent = &server.done()[1].body["variables"];
        assert_eq!(sent, &json!({ "id": "PR_7", "method": "SQUASH", "head": "def" }));
    }
}

#[test]
fn merge_now_merges_this_very_commit() {
    let merge = "PUT /api/v3/repos/acme/env/pulls/7/merge";
    let moved = json!({ "message": "Head branch was modified. Review and try the merge again." });
    let table = [
        (reply(200, &json!({ "merged": true })), AutoMerge::Merged),
        (
            reply(409, &moved),
            AutoMerge::Unavailable(
                "GitHub says: Head branch was modified. Review and try the merge again.".to_owned(),
            ),
        ),
    ];
    for (answer, expected) in table {
        let clean = unprocessable("Pull request is in clean status");
        let server = server(vec![(LOOK, list(&[current()])), (GRAPHQL, clean), (merge, answer)]);
        let want = Proposal { merge: Some(now()), ..want() };
        let outcome = run(&*connect("github", &server, "acme/env", false), &want).unwrap();
        assert_eq!(outcome.auto_merge, expected);
        let sent = &server.done()[2].body;
        assert_eq!(sent, &json!({ "merge_method": "squash", "sha": "abc" }));
    }
}

#[test]
fn supersedes_older_ones_of_the_same_app_and_environment_only() {
    let other = |number: u64, key: &str, repo: &str| {
        let mut other = pull("old", &body().replace("prod/api", key));
        other["number"] = json!(number);
        other["head"] = json!({ "ref": format!("old-{number}"), "repo": { "full_name": repo } });
        other
    };
    let open = [
        current(),
        other(3, "prod/api", "acme/env"),
        other(4, "prod/web", "acme/env"),
        other(5, "prod/api", "mallory/env"),
        other(9, "prod/api", "acme/env"),
    ];
    let server = server(vec![
        (LOOK, list(&[current()])),
        (LOOK, list(&open)),
        ("POST /api/v3/repos/acme/env/issues/3/comments", reply(201, &json!({}))),
        ("PATCH /api/v3/repos/acme/env/pulls/3", reply(200, &json!({}))),
    ]);
    let want = Proposal { supersede: true, ..want() };
    let outcome = run(&*connect("github", &server, "acme/env", false), &want).unwrap();
    assert_eq!(outcome.superseded, [3]);
    let comment = &server.done()[2].body;
    let text = "Superseded by https://github.example/acme/env/pull/7.";
    assert_eq!(comment, &json!({ "body": text }));
}

#[test]
fn one_unknown_reviewer_does_not_cost_the_others() {
    const ASK: &str = "POST /api/v3/repos/acme/env/pulls/7/requested_reviewers";
    let unknown = || {
        let text = "Reviews may only be requested from collaborators.";
        reply(422, &json!({ "message": text }))
    };
    let server = server(vec![
        (LOOK, list(&[current()])),
        ("GET /api/v3/repos/acme/env/pulls/7/reviews", reply(200, &json!([]))),
        (ASK, unknown()),
        (ASK, unknown()),
        (ASK, reply(201, &json!({}))),
    ]);
    let reviewers = ["ghost", "ann"].map(str::to_owned).to_vec();
    let want = Proposal { reviewers, ..want() };
    let outcome = run(&*connect("github", &server, "acme/env.git", false), &want).unwrap();
    assert_eq!(outcome.warnings.len(), 1);
    assert!(outcome.warnings[0].contains("ask ghost to review #7"), "{:?}", outcome.warnings);
    assert_eq!(server.done()[4].body, json!({ "reviewers": ["ann"] }));
}

#[test]
fn where_there_are_no_drafts_it_is_opened_all_the_same() {
    let text = "Draft pull requests are not supported in this repository.";
    let refusal = reply(422, &json!({ "message": text }));
    let mut steps = nothing();
    steps.extend([(OPEN, refusal), (OPEN, reply(201, &current()))]);
    let server = server(steps);
    let want = Proposal { draft: Some(true), ..want() };
    let outcome = run(&*connect("github", &server, "acme/env.git", false), &want).unwrap();
    assert_eq!(outcome.action, Action::Created);
    assert_eq!(outcome.warnings, [format!("it is no draft: GitHub says: {text}")]);
    assert_eq!(server.done().last().unwrap().body["draft"], false);
}

#[test]
fn a_dry_run_reads_and_shows_what_it_would_send() {
    let server = server(nothing());
    let forge = connect("github", &server, "acme/env", true);
    let want = Proposal { labels: vec!["deploy".to_owned()], merge: Some(auto()), ..want() };
    let outcome = run(&*forge, &want).unwrap();
    assert_eq!(outcome.action, Action::Created);
    let planned: Vec<String> =
        forge.api().planned().iter().map(|p| format!("{} {}", p.method, p.url)).collect();
    let planned = planned.join("\n").replace(&server.origin, "[FORGE]");
    assert_data_eq!(
        planned,
        str![[r#"
POST [FORGE]/api/v3/repos/acme/env/pulls
POST [FORGE]/api/v3/repos/acme/env/labels
POST [FORGE]/api/v3/repos/acme/env/issues/{number}/labels
POST [FORGE]/api/graphql
"#]]
    );
    server.done();
}
