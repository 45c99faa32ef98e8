//! Gitea and Forgejo, which share an API but not the names of its filters.

use gitops::forge::{Action, AutoMerge, Proposal};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::description::decoded;
use super::{Reply, Seen, Server, auto, body, connect, failure, now, rules, run, want};

const PAIR: &str = "GET /api/v1/repos/acme/env/pulls/main/gitops/prod/api";
const ALL: &str = "GET /api/v1/repos/acme/env/pulls";
const OPEN: &str = "POST /api/v1/repos/acme/env/pulls";
const CHANGE: &str = "PATCH /api/v1/repos/acme/env/pulls/7";
const STATUS: &str = "GET /api/v1/repos/acme/env/commits/abc/status";
const BRANCH: &str = "GET /api/v1/repos/acme/env/branches/main";
const REVIEWS: &str = "GET /api/v1/repos/acme/env/pulls/7/reviews";
const MERGE: &str = "POST /api/v1/repos/acme/env/pulls/7/merge";
const BOTH: [&str; 2] = ["gitea", "forgejo"];

/// With the nulls that real servers send where their description promises lists.
fn current() -> Value {
    json!({
        "number": 7, "html_url": "https://git.example/acme/env/pulls/7", "state": "open",
        "title": "deploy(prod): api v2", "body": body(), "draft": false, "labels": null,
        "assignees": null, "requested_reviewers": null, "milestone": null,
        "head": { "ref": "gitops/prod/api", "sha": "abc", "repo": { "full_name": "acme/env" } },
        "base": { "ref": "main", "repo": { "full_name": "acme/env" } },
    })
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body)
}

fn missing() -> Reply {
    said(404, "pull request does not exist")
}

fn said(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "message": message, "url": "https://git.example/api/swagger" }))
}

fn server(forge: &str, steps: Vec<(&'static str, Reply)>) -> Server {
    Server::script(rules(forge), steps)
}

fn nothing() -> Vec<(&'static str, Reply)> {
    vec![(PAIR, missing()), (ALL, ok(&json!([])))]
}

fn drafted() -> Value {
    let mut pull = current();
    pull["draft"] = json!(true);
    pull
}

fn outcome(forge: &str, server: &Server, want: &Proposal) -> gitops::forge::Outcome {
    run(&*connect(forge, server, "acme/env", false), want).unwrap()
}

#[test]
fn opens_one_and_makes_the_labels_that_are_missing() {
    for forge in BOTH {
        let mut steps = nothing();
        steps.extend([
            (OPEN, Reply::json(201, &drafted())),
            // As Gitea 1.25.4 does it: names that nobody knows are left out without a word.
            ("POST /api/v1/repos/acme/env/issues/7/labels", ok(&json!([{ "name": "prod" }]))),
            ("POST /api/v1/repos/acme/env/labels", Reply::json(201, &json!({}))),
            (
                "POST /api/v1/repos/acme/env/issues/7/labels",
                ok(&json!([{ "name": "prod" }, { "name": "deploy" }])),
            ),
            (REVIEWS, ok(&json!([]))),
            (
                "POST /api/v1/repos/acme/env/pulls/7/requested_reviewers",
                Reply::json(201, &json!([])),
            ),
        ]);
        let server = server(forge, steps);
        let want = Proposal {
            labels: vec!["prod".to_owned(), "deploy".to_owned()],
            reviewers: vec!["ann".to_owned(), "acme/ops".to_owned()],
            draft: Some(true),
            ..want()
        };
        let outcome = outcome(forge, &server, &want);
        assert_eq!((outcome.action, outcome.warnings.len()), (Action::Created, 0));
        let seen = server.done();
        assert_eq!(seen[0].path, "/api/v1/repos/acme/env/pulls/main/gitops%2Fprod%2Fapi");
        assert_eq!(seen[2].body["title"], "WIP: deploy(prod): api v2");
        assert_eq!(seen[4].body, json!({ "name": "deploy", "color": "#1d76db" }));
        assert_eq!(seen[5].body, json!({ "labels": ["prod", "deploy"] }));
        assert_eq!(seen[7].body, json!({ "reviewers": ["ann"], "team_reviewers": ["ops"] }));
    }
}

/// As Gitea 1.25.4 answers: a team that is asked to review is a review without a user.
#[test]
fn a_team_that_is_asked_already_is_not_asked_again() {
    let asked = json!([
        { "user": null, "team": { "name": "ops" }, "state": "REQUEST_REVIEW" },
        { "user": { "login": "ann" }, "team": null, "state": "REQUEST_REVIEW" },
    ]);
    let server = server("gitea", vec![(PAIR, ok(&current())), (REVIEWS, ok(&asked))]);
    let reviewers = vec!["acme/ops".to_owned(), "ann".to_owned()];
    assert_eq!(
        outcome("gitea", &server, &Proposal { reviewers, ..want() }).action,
        Action::Unchanged
    );
    server.done();
}

/// Gitea 1.25.4 answers 500 to an assignee whom it does not know, and 404 to such a reviewer.
#[test]
fn one_unknown_name_does_not_cost_the_others() {
    let assign = "PATCH /api/v1/repos/acme/env/issues/7";
    let ask = "POST /api/v1/repos/acme/env/pulls/7/requested_reviewers";
    let fine = || Reply::json(201, &json!({}));
    let steps = vec![
        (PAIR, ok(&current())),
        (REVIEWS, ok(&json!([]))),
        (ask, said(404, "User 'nobody' not exist")),
        (ask, said(404, "User 'nobody' not exist")),
        (ask, fine()),
        (assign, said(500, "")),
        (assign, said(500, "")),
        (assign, fine()),
    ];
    let server = server("gitea", steps);
    let names = vec!["nobody".to_owned(), "ann".to_owned()];
    let want = Proposal { reviewers: names.clone(), assignees: names, ..want() };
    let warnings = outcome("gitea", &server, &want).warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("User 'nobody' not exist (is the name right?"), "{warnings:?}");
    assert!(warnings[1].starts_with("cannot assign #7 to nobody: "), "{warnings:?}");
    assert!(warnings[1].contains("an assignee whom it does not know"), "{warnings:?}");
    let seen = server.done();
    assert_eq!(seen[4].body["reviewers"], json!(["ann"]));
    assert_eq!(seen[7].body["assignees"], json!(["ann"]));
}

/// A label of the organisation needs none of the repository's own, and one that is not added is said.
#[test]
fn labels_are_there_in_the_end_or_it_is_said() {
    let label = "POST /api/v1/repos/acme/env/issues/7/labels";
    let make = "POST /api/v1/repos/acme/env/labels";
    let deploy = json!([{ "name": "Deploy" }]);
    let table = [
        (vec![(label, ok(&deploy))], None),
        (
            vec![(label, ok(&json!([]))), (make, said(403, "no"))],
            Some("cannot make the label `deploy`: "),
        ),
        (
            vec![
                (label, ok(&json!([]))),
                (make, Reply::json(201, &json!({}))),
                (label, ok(&json!([]))),
            ],
            Some("cannot label #7 with deploy: Gitea left it out"),
        ),
    ];
    for (more, expected) in table {
        let mut steps = vec![(PAIR, ok(&current()))];
        steps.extend(more);
        let server = server("gitea", steps);
        let outcome =
            outcome("gitea", &server, &Proposal { labels: vec!["deploy".into()], ..want() });
        let warning = outcome.warnings.first().cloned().unwrap_or_default();
        assert_eq!(warning.is_empty(), expected.is_none(), "{warning}");
        assert!(warning.starts_with(expected.unwrap_or_default()), "{warning}");
        server.done();
    }
}

#[test]
fn a_closed_one_of_the_same_branch_is_not_taken_for_it() {
    let mut closed = current();
    closed["state"] = json!("closed");
    let server = server("forgejo", vec![(PAIR, ok(&closed)), (ALL, ok(&json!([current()])))]);
    assert_eq!(outcome("forgejo", &server, &want()).action, Action::Unchanged);
    server.done();
}

#[test]
fn updates_what_differs() {
    let mut open = current();
    open["title"] = json!("[WIP] older");
    open["draft"] = json!(true);
    let server = server("gitea", vec![(PAIR, ok(&open)), (CHANGE, Reply::json(201, &open))]);
    let want = Proposal { draft: Some(false), ..want() };
    assert_eq!(outcome("gitea", &server, &want).action, Action::Updated);
    assert_eq!(server.done()[1].body, json!({ "title": "deploy(prod): api v2" }));
}

#[test]
fn refusals_say_what_is_missing() {
    let table = [
        (
            401,
            "invalid username, password or token",
            str![[r#"
cannot open the pull request: `[FORGE]` answered 401 Unauthorized: invalid username, password or token
hint: FORGE_TOKEN is not accepted: is it expired, or for another host? It needs the scopes `write:repository` and `write:issue`
"#]],
        ),
        (
            403,
            "token does not have at least one of required scope(s): [write:repository]",
            str![[r#"
cannot open the pull request: `[FORGE]` answered 403 Forbidden: token does not have at least one of required scope(s): [write:repository]
hint: FORGE_TOKEN lacks a permission; it needs the scopes `write:repository` and `write:issue`
"#]],
        ),
        (
            413,
            "quota exceeded",
            str![[r#"
cannot open the pull request: `[FORGE]` answered 413 Payload Too Large: quota exceeded
hint: a quota of the owner is used up
"#]],
        ),
        (
            423,
            "repository is archived",
            str![[r#"
cannot open the pull request: `[FORGE]` answered 423 Locked: repository is archived
hint: the repository is archived; nothing can be proposed to it
"#]],
        ),
    ];
    for (status, message, expected) in table {
        let mut steps = nothing();
        steps.push((OPEN, said(status, message)));
        let server = server("forgejo", steps);
        let text = failure(&server, &*connect("forgejo", &server, "acme/env", false), &want());
        assert_data_eq!(text, expected);
        server.done();
    }
}

#[test]
fn races_lag_and_nothing_to_propose() {
    let exists = "pull request already exists for these targets [id: 2, issue_id: 5]";
    let mut steps = nothing();
    steps.extend([(OPEN, said(409, exists)), (PAIR, ok(&current()))]);
    let raced = server("gitea", steps);
    assert_eq!(outcome("gitea", &raced, &want()).action, Action::Unchanged);
    raced.done();

    let mut steps = nothing();
    let unseen = || said(404, "The target couldn't be found: head branch does not exist");
    steps.extend([(OPEN, unseen()), (OPEN, Reply::json(201, &current()))]);
    let lagging = server("gitea", steps);
    assert_eq!(outcome("gitea", &lagging, &want()).action, Action::Created);
    lagging.done();

    let mut steps = nothing();
    let empty = "Invalid PullRequest: There are no changes between the head and the base";
    steps.push((OPEN, said(422, empty)));
    let server = server("gitea", steps);
    assert_eq!(outcome("gitea", &server, &want()).action, Action::Skipped);
    server.done();
}

/// Both as Gitea 1.25.4 words them.
#[test]
fn a_wrong_assignee_does_not_cost_the_pull_request() {
    let refusals = [
        "Assignee does not exist: [name: bob]",
        "user doesn't have access to repo [user_id: 3, repo_name: priv]",
    ];
    for refusal in refusals {
        let mut steps = nothing();
        steps.extend([
            (OPEN, said(422, refusal)),
            (OPEN, Reply::json(201, &current())),
            ("PATCH /api/v1/repos/acme/env/issues/7", said(422, refusal)),
        ]);
        let server = server("forgejo", steps);
        let want = Proposal { assignees: vec!["bob".into()], ..want() };
        let outcome = outcome("forgejo", &server, &want);
        assert_eq!(outcome.action, Action::Created);
        let warning = &outcome.warnings[0];
        assert!(warning.starts_with("cannot assign #7 to bob: "), "{warning}");
        server.done();
    }
}

/// What a commit's checks and its base's rules are, and whether a merge may be scheduled. Seen at Gitea 1.25.4:
/// it merges at once what no rule of the base holds back, however many checks are running.
#[test]
fn auto_merge_is_scheduled_only_where_something_is_waited_for() {
    let check = |name: &str, state: &str| json!({ "context": name, "status": state });
    let (running, passed) = (check("ci", "pending"), check("ci", "success"));
    let other = check("lint", "pending");
    let free = json!({
        "protected": false, "enable_status_check": false, "status_check_contexts": [], "required_approvals": 0,
    });
    let rule =
        |names: &[&str]| json!({ "enable_status_check": true, "status_check_contexts": names });
    let two = json!({ "enable_status_check": false, "required_approvals": 2 });
    let approvals = |count: usize| {
        let review = json!({ "state": "APPROVED", "official": true, "dismissed": false });
        vec![review; count].into_iter().chain([json!({ "state": "COMMENT" })]).collect::<Vec<_>>()
    };
    let none: &[Value] = &[];
    // Checks, rules, approvals; then whether Gitea and Forgejo wait.
    let table = [
        (none, &free, 0, [false, false]),
        (&[running.clone()][..], &free, 0, [false, true]),
        (&[passed.clone()][..], &free, 0, [false, false]),
        (none, &rule(&["ci"]), 0, [true, true]),
        (&[running.clone()][..], &rule(&["ci"]), 0, [true, true]),
        (&[check("ci", "failure")][..], &rule(&["ci"]), 0, [true, true]),
        (&[passed.clone()][..], &rule(&["ci"]), 0, [false, false]),
        (&[passed.clone()][..], &rule(&["ci", "lint"]), 0, [true, true]),
        (&[passed.clone(), other.clone()][..], &rule(&["ci"]), 0, [false, true]),
        (&[passed.clone(), other.clone()][..], &rule(&[]), 0, [true, true]),
        (&[passed.clone()][..], &rule(&["c*"]), 0, [false, false]),
        (none, &rule(&["c*"]), 0, [true, true]),
        (&[passed.clone()][..], &two, 1, [true, true]),
        (&[passed.clone()][..], &two, 2, [false, false]),
    ];
    for (number, (checks, rule, approved, waits)) in table.into_iter().enumerate() {
        for (forge, waits) in BOTH.into_iter().zip(waits) {
            let (auto_merge, last) = auto_merged(forge, checks, rule, &approvals(approved));
            if waits {
                assert_eq!(auto_merge, AutoMerge::Enabled, "{number} {forge}");
                let expected = json!({
                    "Do": "squash", "merge_when_checks_succeed": true,
                    "delete_branch_after_merge": true, "head_commit_id": "abc",
                });
                assert_eq!(last.body, expected);
            } else {
                let AutoMerge::Unavailable(reason) = auto_merge else { panic!("{number} {forge}") };
                let expected =
                    "that `main` requires is missing; --merge-now would merge it at once";
                assert!(reason.ends_with(expected), "{reason}");
                assert_eq!(last.method, "GET", "{number} {forge}");
            }
        }
    }
}

/// What becomes of `--auto-merge` with these checks, this rule and these reviews; and the last request.
fn auto_merged(
    forge: &str,
    checks: &[Value],
    rule: &Value,
    reviews: &[Value],
) -> (AutoMerge, Seen) {
    let is_running = checks.is_empty() || checks.iter().any(|one| one["status"] != "success");
    let state = if is_running { "pending" } else { "success" };
    let status = json!({ "state": state, "statuses": checks });
    let answers = [
        (PAIR, ok(&current())),
        (STATUS, ok(&status).with("x-total-count", &checks.len().to_string())),
        (BRANCH, ok(rule)),
        (REVIEWS, ok(&json!(reviews))),
    ];
    let mut merges = vec![said(405, "Please try again later"), Reply::raw(201, "", "")];
    let server = Server::new(rules(forge), move |seen| {
        let target = format!("{} {}", seen.method, decoded(&seen.path));
        match answers.iter().find(|(known, _)| *known == target) {
            Some((_, reply)) => reply.clone(),
            None if target == MERGE => merges.remove(0),
            None => panic!("{target}"),
        }
    });
    let outcome = outcome(forge, &server, &Proposal { merge: Some(auto()), ..want() });
    (outcome.auto_merge, server.done().pop().unwrap())
}

/// Gitea 1.25.4 says this of a conflict for ever.
#[test]
fn what_can_never_merge_is_not_only_called_busy() {
    let later = || (MERGE, said(405, "Please try again later"));
    let free = json!({});
    let mut steps = vec![(PAIR, ok(&current())), (STATUS, ok(&json!(null))), (BRANCH, ok(&free))];
    steps.extend([later(), later(), later()]);
    let server = server("gitea", steps);
    let outcome = outcome("gitea", &server, &Proposal { merge: Some(now()), ..want() });
    let AutoMerge::Unavailable(reason) = outcome.auto_merge else { panic!() };
    assert!(reason.ends_with("does it conflict with `main`?"), "{reason}");
    server.done();
}

#[test]
fn merge_now_merges_and_a_conflict_is_said() {
    let free = json!({});
    let table = [
        (ok(&json!({})), AutoMerge::Merged),
        (said(409, "already scheduled"), AutoMerge::Enabled),
        (
            said(409, "head out of date"),
            AutoMerge::Unavailable("Forgejo says: head out of date".to_owned()),
        ),
    ];
    for (answer, expected) in table {
        let server = server(
            "forgejo",
            vec![
                (PAIR, ok(&current())),
                (STATUS, ok(&json!(null))),
                (BRANCH, ok(&free)),
                (MERGE, answer),
            ],
        );
        let outcome = outcome("forgejo", &server, &Proposal { merge: Some(now()), ..want() });
        assert_eq!(outcome.auto_merge, expected);
        server.done();
    }
}

#[test]
fn closes_what_is_superseded() {
    let mut older = current();
    older["number"] = json!(4);
    older["head"]["ref"] = json!("gitops/prod/api-v1");
    let server = server(
        "gitea",
        vec![
            (PAIR, ok(&current())),
            (ALL, ok(&json!([older, current()]))),
            ("POST /api/v1/repos/acme/env/issues/4/comments", Reply::json(201, &json!({}))),
            ("PATCH /api/v1/repos/acme/env/pulls/4", Reply::json(201, &older)),
        ],
    );
    let outcome = outcome("gitea", &server, &Proposal { supersede: true, ..want() });
    assert_eq!(outcome.superseded, [4]);
    server.done();
}
