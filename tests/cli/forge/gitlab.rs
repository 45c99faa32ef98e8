//! GitLab.

use gitops::forge::{Action, AutoMerge, Proposal};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::{Reply, Server, auto, body, connect, failure, now, rules, run, want};

const ALL: &str = "GET /api/v4/projects/acme/infra/env/merge_requests";
const OPEN: &str = "POST /api/v4/projects/acme/infra/env/merge_requests";
const ONE: &str = "GET /api/v4/projects/acme/infra/env/merge_requests/7";
const CHANGE: &str = "PUT /api/v4/projects/acme/infra/env/merge_requests/7";
const MERGE: &str = "PUT /api/v4/projects/acme/infra/env/merge_requests/7/merge";
const PATH: &str = "acme/infra/env.git";

fn current() -> Value {
    json!({
        "iid": 7, "id": 70, "web_url": "https://gitlab.example/acme/infra/env/-/merge_requests/7",
        "title": "deploy(prod): api v2", "description": body(), "draft": false,
        "source_branch": "gitops/prod/api", "target_branch": "main", "sha": "abc",
        "source_project_id": 3, "target_project_id": 3, "labels": [],
        "reviewers": [{ "id": 5, "username": "eve" }], "assignees": null,
        "detailed_merge_status": "ci_still_running", "head_pipeline": { "status": "running" },
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut changed = current();
    changed[field] = value;
    changed
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body)
}

fn server(steps: Vec<(&'static str, Reply)>) -> Server {
    Server::script(rules("gitlab"), steps)
}

fn outcome(server: &Server, want: &Proposal) -> gitops::forge::Outcome {
    run(&*connect("gitlab", server, PATH, false), want).unwrap()
}

#[test]
fn opens_one_and_resolves_names() {
    let mut labelled = with("labels", json!(["deploy"]));
    labelled["draft"] = json!(true);
    let server = server(vec![
        (ALL, ok(&json!([]))),
        (OPEN, Reply::json(201, &labelled)),
        ("GET /api/v4/users?username=ann", ok(&json!([{ "id": 11, "username": "ann" }]))),
        (CHANGE, ok(&labelled)),
        ("GET /api/v4/users?username=bob", ok(&json!([]))),
    ]);
    let names = |name: &str| vec![name.to_owned()];
    let want = Proposal {
        labels: names("deploy"),
        reviewers: names("ann"),
        assignees: names("bob"),
        draft: Some(true),
        ..want()
    };
    let outcome = outcome(&server, &want);
    assert_eq!(outcome.action, Action::Created);
    assert_eq!(outcome.warnings, ["cannot find the user `bob`: GitLab knows no such user"]);
    let seen = server.done();
    assert_eq!(seen[1].path, "/api/v4/projects/acme%2Finfra%2Fenv/merge_requests");
    assert_eq!(seen[1].body["title"], "Draft: deploy(prod): api v2");
    assert_eq!(seen[1].body["labels"], json!(["deploy"]));
    // An update replaces the list, so those who are there come along.
    assert_eq!(seen[3].body, json!({ "reviewer_ids": [5, 11] }));
}

#[test]
fn keeps_the_draft_mark_that_a_person_set() {
    let draft = json!("Draft: older title");
    let mut open = with("title", draft);
    open["draft"] = json!(true);
    let server = server(vec![(ALL, ok(&json!([open]))), (CHANGE, ok(&open))]);
    assert_eq!(outcome(&server, &want()).action, Action::Updated);
    assert_eq!(server.done()[1].body, json!({ "title": "Draft: deploy(prod): api v2" }));
}

#[test]
fn a_forks_branch_is_another_one_and_unchanged_is_said() {
    let fork = with("source_project_id", json!(99));
    let server = server(vec![(ALL, ok(&json!([fork, current()])))]);
    assert_eq!(outcome(&server, &want()).action, Action::Unchanged);
    server.done();
}

#[test]
fn labels_are_added_and_not_replaced() {
    let server = server(vec![(ALL, ok(&json!([current()]))), (CHANGE, ok(&current()))]);
    let want = Proposal { labels: vec!["deploy".to_owned()], ..want() };
    assert_eq!(outcome(&server, &want).action, Action::Updated);
    assert_eq!(server.done()[1].body, json!({ "add_labels": ["deploy"] }));
}

#[test]
fn an_existing_one_is_found_again() {
    let said = "Another open merge request already exists for this source branch: !7";
    let server = server(vec![
        (ALL, ok(&json!([]))),
        (OPEN, Reply::json(409, &json!({ "message": [said] }))),
        (ALL, ok(&json!([current()]))),
    ]);
    assert_eq!(outcome(&server, &want()).action, Action::Unchanged);
    server.done();
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of answers")]
fn refusals_are_read_in_every_shape() {
    let table = [
        (
            401,
            json!({ "message": "401 Unauthorized" }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 401 Unauthorized
hint: FORGE_TOKEN is not accepted: is it expired, or for another host? It needs the scope `api` and the role Developer (Maintainer where the base is protected)
"#]],
        ),
        (
            401,
            json!({ "error": "invalid_token", "error_description": "Token is expired." }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 401 Unauthorized: invalid_token: Token is expired.
hint: make a new token; this one has expired
"#]],
        ),
        (
            403,
            json!({ "error": "insufficient_scope", "scope": "api" }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 403 Forbidden: insufficient_scope: api
hint: the token needs the scope `api`
"#]],
        ),
        (
            403,
            json!({ "message": "403 Forbidden" }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 403 Forbidden
hint: FORGE_TOKEN lacks a permission; it needs the scope `api` and the role Developer (Maintainer where the base is protected)
"#]],
        ),
        (
            404,
            json!({ "message": "404 Project Not Found" }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 404 Not Found: 404 Project Not Found
hint: there is no such repository, or FORGE_TOKEN cannot see it; it needs the scope `api` and the role Developer (Maintainer where the base is protected)
"#]],
        ),
        (
            400,
            json!({ "message": { "title": ["can't be blank"] } }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 400 Bad Request: title can't be blank
hint: 
"#]],
        ),
        (
            400,
            json!({ "error": "title is missing" }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 400 Bad Request: title is missing
hint: 
"#]],
        ),
        (
            422,
            json!({ "message": ["Source project is not a fork of the target project"] }),
            str![[r#"
cannot open the merge request: `[FORGE]` answered 422 Unprocessable Entity: Source project is not a fork of the target project
hint: 
"#]],
        ),
        (
            400,
            json!({ "message": { "source_branch": ["does not exist"] } }),
            str![[r#"
cannot open the pull request of `gitops/prod/api`: GitLab says: source_branch does not exist
hint: is `gitops/prod/api` pushed to this repository, and is `main` there?
"#]],
        ),
    ];
    for (status, body, expected) in table {
        let again = if body["message"]["source_branch"].is_array() { 3 } else { 1 };
        let mut steps = vec![(ALL, ok(&json!([])))];
        steps.extend((0..again).map(|_| (OPEN, Reply::json(status, &body))));
        let server = server(steps);
        let text = failure(&server, &*connect("gitlab", &server, PATH, false), &want());
        assert_data_eq!(text, expected);
        assert_eq!(server.targets().len(), again + 1);
    }
}

#[test]
fn a_job_token_is_not_repeated_and_a_limit_is_waited_for() {
    let busy = Reply::json(429, &json!({})).with("retry-after", "0");
    let server = server(vec![(ALL, busy), (ALL, ok(&json!([current()])))]);
    assert_eq!(outcome(&server, &want()).action, Action::Unchanged);
    server.done();
}

#[test]
fn auto_merge_waits_for_the_pipeline_and_tries_again() {
    let server = server(vec![
        (ALL, ok(&json!([current()]))),
        (ONE, ok(&with("detailed_merge_status", json!("checking")))),
        (ONE, ok(&current())),
        (MERGE, Reply::json(405, &json!({ "message": "405 Method Not Allowed" }))),
        (MERGE, ok(&with("state", json!("opened")))),
    ]);
    let outcome = outcome(&server, &Proposal { merge: Some(auto()), ..want() });
    assert_eq!(outcome.auto_merge, AutoMerge::Enabled);
    assert_eq!(
        server.done()[4].body,
        json!({
            "auto_merge": true, "merge_when_pipeline_succeeds": true, "sha": "abc",
            "should_remove_source_branch": true, "squash": true,
        })
    );
}

#[test]
fn auto_merge_is_never_a_merge_at_once() {
    let mut none = with("detailed_merge_status", json!("mergeable"));
    none["head_pipeline"] = Value::Null;
    let mut passed = none.clone();
    passed["head_pipeline"] = json!({ "status": "success" });
    for (seen, reason) in [
        (none.clone(), "there is no pipeline to wait for"),
        (passed, "its pipeline has passed already"),
    ] {
        // A pipeline may come late.
        let looks = if seen["head_pipeline"].is_null() { 3 } else { 1 };
        let mut steps = vec![(ALL, ok(&json!([current()])))];
        steps.extend((0..looks).map(|_| (ONE, ok(&seen))));
        let server = server(steps);
        let outcome = outcome(&server, &Proposal { merge: Some(auto()), ..want() });
        let reason = format!("{reason}; --merge-now would merge it at once");
        assert_eq!(outcome.auto_merge, AutoMerge::Unavailable(reason));
        server.done();
    }
    let merged = ok(&with("state", json!("merged")));
    let look = || (ONE, ok(&none));
    let steps = vec![(ALL, ok(&json!([current()]))), look(), look(), look(), (MERGE, merged)];
    let server = server(steps);
    let outcome = outcome(&server, &Proposal { merge: Some(now()), ..want() });
    assert_eq!(outcome.auto_merge, AutoMerge::Merged);
    let sent = &server.done()[4].body;
    assert_eq!(
        sent,
        &json!({ "sha": "abc", "should_remove_source_branch": false, "squash": true })
    );
}

#[test]
fn a_pipeline_that_comes_late_is_waited_for() {
    let mut early = with("detailed_merge_status", json!("mergeable"));
    early["head_pipeline"] = Value::Null;
    for wish in [auto(), now()] {
        let opened = with("state", json!("opened"));
        let server = server(vec![
            (ALL, ok(&json!([current()]))),
            (ONE, ok(&early)),
            (ONE, ok(&current())),
            (MERGE, ok(&opened)),
        ]);
        let outcome = outcome(&server, &Proposal { merge: Some(wish), ..want() });
        assert_eq!(outcome.auto_merge, AutoMerge::Enabled);
        assert_eq!(server.done()[3].body["auto_merge"], true);
    }
}

#[test]
fn what_gitlab_still_computes_is_not_merged_unasked() {
    let mut checking = with("detailed_merge_status", json!("checking"));
    checking["head_pipeline"] = json!({ "status": "success" });
    let look = || (ONE, ok(&checking));
    let server = server(vec![(ALL, ok(&json!([current()]))), look(), look(), look()]);
    let outcome = outcome(&server, &Proposal { merge: Some(auto()), ..want() });
    let AutoMerge::Unavailable(reason) = outcome.auto_merge else { panic!("{outcome:?}") };
    assert!(reason.contains("still computes"), "{reason}");
    server.done();
}

#[test]
fn an_unknown_name_does_not_cost_the_others() {
    let user = |id: u64| ok(&json!([{ "id": id }]));
    let nobody = || ok(&json!([]));
    let (ann, ghost) = ("GET /api/v4/users?username=ann", "GET /api/v4/users?username=ghost");
    let server = server(vec![
        (ALL, ok(&json!([current()]))),
        (ghost, nobody()),
        (ghost, nobody()),
        (ann, user(11)),
        (CHANGE, ok(&current())),
    ]);
    let names = ["ghost", "ann"].map(str::to_owned).to_vec();
    let outcome = outcome(&server, &Proposal { reviewers: names, ..want() });
    assert_eq!(outcome.action, Action::Updated);
    assert_eq!(outcome.warnings, ["cannot find the user `ghost`: GitLab knows no such user"]);
    assert_eq!(server.done()[4].body, json!({ "reviewer_ids": [5, 11] }));
}

#[test]
fn a_merge_that_stays_refused_says_why() {
    let refused = || Reply::json(405, &json!({ "message": "405 Method Not Allowed" }));
    let server = server(vec![
        (ALL, ok(&json!([current()]))),
        (ONE, ok(&with("detailed_merge_status", json!("not_approved")))),
        (MERGE, refused()),
        (MERGE, refused()),
        (MERGE, refused()),
    ]);
    let outcome = outcome(&server, &Proposal { merge: Some(auto()), ..want() });
    let reason = "GitLab says: 405 Method Not Allowed (its status is not_approved)";
    assert_eq!(outcome.auto_merge, AutoMerge::Unavailable(reason.to_owned()));
    assert_eq!(outcome.warnings, [format!("it will not merge itself: {reason}")]);
    server.done();
}

#[test]
fn closes_what_is_superseded() {
    let mut older = with("iid", json!(4));
    older["source_branch"] = json!("gitops/prod/api-v1");
    let server = server(vec![
        (ALL, ok(&json!([current()]))),
        (ALL, ok(&json!([current(), older]))),
        (
            "POST /api/v4/projects/acme/infra/env/merge_requests/4/notes",
            Reply::json(201, &json!({})),
        ),
        ("PUT /api/v4/projects/acme/infra/env/merge_requests/4", ok(&older)),
    ]);
    let outcome = outcome(&server, &Proposal { supersede: true, ..want() });
    assert_eq!(outcome.superseded, [4]);
    assert_eq!(server.done()[3].body, json!({ "state_event": "close" }));
}
