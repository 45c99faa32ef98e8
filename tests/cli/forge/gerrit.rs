//! Gerrit's REST API: what is left to it beside pushing.

use gitops::forge::{Proposal, Pull};
use serde_json::json;

use super::{Reply, Server, connect, rules, want};

fn magic(body: &serde_json::Value) -> Reply {
    let mut reply = Reply::json(200, body);
    reply.body = format!(")]}}'\n{}", reply.body);
    reply
}

#[test]
fn finds_a_change_by_topic_and_abandons_it() {
    let change = json!({
        "_number": 42, "subject": "deploy(prod): api v2", "branch": "main",
        "topic": "gitops/prod/api", "current_revision": "abc", "work_in_progress": true,
        "revisions": { "abc": { "commit": { "message": "deploy\n" } } },
    });
    let server = Server::script(
        rules("gerrit"),
        vec![
            ("GET /a/changes/", magic(&json!([change]))),
            ("POST /a/changes/ops/env~42/hashtags", magic(&json!(["deploy"]))),
            ("POST /a/changes/ops/env~42/revisions/current/review", magic(&json!({}))),
            ("POST /a/changes/ops/env~42/abandon", magic(&json!({}))),
        ],
    );
    let forge = connect("gerrit", &server, "a/ops/env", false);
    let found = forge.list("main", Some("gitops/prod/api")).unwrap();
    let [Pull { number: 42, draft: true, head_sha: Some(sha), url, .. }] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(sha, "abc");
    assert!(url.ends_with("/c/ops/env/+/42"), "{url}");
    forge.label(&found[0], &["deploy".to_owned()]).unwrap();
    forge.comment(&found[0], "Superseded.").unwrap();
    forge.close(&found[0]).unwrap();
    let seen = server.done();
    let q = "status:open project:\"ops/env\" branch:\"main\" topic:\"gitops/prod/api\"";
    assert!(seen[0].query.contains(&("q".to_owned(), q.to_owned())), "{:?}", seen[0].query);
}

#[test]
fn takes_changes_by_push_alone() {
    let server = Server::script(rules("gerrit"), Vec::new());
    let forge = connect("gerrit", &server, "ops/env", false);
    let error = forge.create(&Proposal { ..want() }).unwrap_err().to_string();
    assert_eq!(error, "cannot open a change: Gerrit takes changes by push alone");
    server.done();
}
