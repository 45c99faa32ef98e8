//! Channels that look for their announcement: Slack's bot and Grafana.

use serde_json::{Value, json};

use super::events::ordinary;
use super::server::{Reply, Server};
use super::*;

const POSTED: &str = r#"{"ok":true,"ts":"1700000009.000100"}"#;

fn announcement(event: &Event, replies: u64) -> Value {
    json!({
        "ts": "1700000001.000100",
        "reply_count": replies,
        "metadata": {
            "event_type": "gitops_notification",
            "event_payload": { "key": event.key(), "thread": event.thread() },
        },
    })
}

fn history(messages: &[Value]) -> Reply {
    Reply::new(200, &json!({ "ok": true, "messages": messages }).to_string())
}

fn bot(server: &Server, settings: &str) -> Endpoint {
    let settings = format!(
        "{{kind: slack-bot, token_env: TOKEN, url_env: A, channel: C0123456789{settings}}}"
    );
    let target: Target = serde_yaml::from_str(&settings).unwrap();
    resolve("bot", &target, &[("A", &format!("{}/api/", server.origin))]).unwrap()
}

#[test]
fn a_confirmation_answers_its_announcement() {
    let deploying = announcement(&ordinary(Kind::Deploying), 0);
    let noise = json!({ "ts": "1", "text": "hello", "metadata": { "event_type": "other", "event_payload": {} } });
    let server = Server::new(vec![history(&[noise, deploying]), Reply::new(200, POSTED)]);
    say(bot(&server, ""), &ordinary(Kind::Deployed)).unwrap();
    let requests = server.requests();
    assert!(requests[0].path.starts_with(
        "/api/conversations.history?channel=C0123456789&limit=100&include_all_metadata=true"
    ));
    assert_eq!(requests[1].path, "/api/chat.postMessage");
    assert_eq!(requests[1].json()["thread_ts"], "1700000001.000100");
}

#[test]
fn with_edit_it_takes_the_announcements_place() {
    let deploying = announcement(&ordinary(Kind::Deploying), 0);
    let server = Server::new(vec![history(&[deploying]), Reply::new(200, POSTED)]);
    say(bot(&server, ", edit: true"), &ordinary(Kind::Deployed)).unwrap();
    let update = &server.requests()[1];
    assert_eq!(update.path, "/api/chat.update");
    assert_eq!(update.json()["ts"], "1700000001.000100");
}

#[test]
fn what_was_said_is_not_said_again() {
    let deployed = ordinary(Kind::Deployed);
    let server = Server::new(vec![history(&[announcement(&deployed, 0)])]);
    assert!(say(bot(&server, ""), &deployed).unwrap().repeated);
    assert_eq!(server.requests().len(), 1);
    // Also where it was said in a thread.
    let deploying = announcement(&ordinary(Kind::Deploying), 1);
    let replies = history(&[deploying.clone(), announcement(&deployed, 0)]);
    let server = Server::new(vec![history(&[deploying]), replies]);
    assert!(say(bot(&server, ""), &deployed).unwrap().repeated);
    assert!(server.requests()[1].path.contains("conversations.replies"));
    assert!(server.requests()[1].path.ends_with("&ts=1700000001.000100"));
}

#[test]
fn without_an_announcement_or_without_the_right_to_look_it_is_said_all_the_same() {
    let server = Server::new(vec![history(&[]), Reply::new(200, POSTED)]);
    assert_eq!(say(bot(&server, ""), &ordinary(Kind::Deployed)).unwrap(), Receipt::default());
    assert!(server.requests()[1].json()["thread_ts"].is_null());
    let denied = Reply::new(200, r#"{"ok":false,"error":"missing_scope"}"#);
    let server = Server::new(vec![denied, Reply::new(200, POSTED)]);
    let receipt = say(bot(&server, ""), &ordinary(Kind::Deployed)).unwrap();
    assert!(receipt.note.unwrap().contains("channels:history"));
    let server = Server::new(vec![Reply::new(200, POSTED)]);
    say(bot(&server, ", thread: false"), &ordinary(Kind::Deployed)).unwrap();
    assert_eq!(server.requests().len(), 1);
}

fn grafana(server: &Server) -> Endpoint {
    CASES.iter().find(|case| case.name == "grafana").unwrap().endpoint(&server.origin)
}

#[test]
fn a_region_ends_where_the_deployment_does() {
    let begun = format!(
        r#"[{{"id":42,"tags":["gitops","event:deploying","key:{}"]}}]"#,
        ordinary(Kind::Deploying).key()
    );
    let server = Server::new(vec![Reply::new(200, &begun), Reply::new(200, "{}")]);
    say(grafana(&server), &ordinary(Kind::Deployed)).unwrap();
    let requests = server.requests();
    assert!(requests[0].path.contains("?tags=gitops&tags=thread%3A"), "{}", requests[0].path);
    assert_eq!(
        (requests[1].method.as_str(), requests[1].path.as_str()),
        ("PATCH", "/grafana/api/annotations/42")
    );
    assert_eq!(requests[1].json()["timeEnd"], 1_700_000_000_000_u64);
    // The announcement itself, a second time.
    let server = Server::new(vec![Reply::new(200, &begun)]);
    assert!(say(grafana(&server), &ordinary(Kind::Deploying)).unwrap().repeated);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn alerts_end_with_the_event_that_ends_them() {
    let case = CASES.iter().find(|case| case.name == "pagerduty").unwrap();
    let asked = |kind| {
        let server = Server::new(vec![Reply::new(case.accepts.0, case.accepts.1)]);
        say(case.endpoint(&server.origin), &ordinary(kind)).unwrap();
        let requests = server.requests();
        let summary = |seen: &server::Seen| {
            let document = seen.json();
            let action = document["event_action"].as_str().unwrap_or("change").to_owned();
            (action, document["dedup_key"].as_str().unwrap_or_default().to_owned())
        };
        requests.iter().map(summary).collect::<Vec<_>>()
    };
    let (drift, resolved) = (asked(Kind::Drift), asked(Kind::DriftResolved));
    assert_eq!((drift[0].0.as_str(), resolved[0].0.as_str()), ("trigger", "resolve"));
    assert_eq!(drift[0].1, resolved[0].1);
    let (failed, deployed) = (asked(Kind::Failed), asked(Kind::Deployed));
    assert_eq!(failed[0].0, "trigger");
    assert_eq!((deployed[0].0.as_str(), deployed[1].0.as_str()), ("resolve", "change"));
    assert_eq!(failed[0].1, deployed[0].1);
    assert_ne!(failed[0].1, drift[0].1);
}

#[test]
fn templates_reach_every_channel() {
    for case in CASES {
        let (status, body) = case.accepts;
        let server = Server::new(vec![Reply::new(status, body)]);
        let mut endpoint = case.endpoint(&server.origin);
        let webhook = endpoint.kind() == "webhook";
        let source = if webhook {
            r#"{"words": "hello {{ environment }}"}"#
        } else {
            "hello {{ environment | bold }}"
        };
        endpoint.target.template = Some(source.to_owned());
        endpoint.target.format = None;
        say(endpoint, &ordinary(Kind::PrOpened)).unwrap_or_else(|e| panic!("{}: {e:#}", case.name));
        let seen = server.requests().into_iter().find(|seen| seen.method != "GET").unwrap();
        assert!(seen.body.contains("hello "), "{}: {}", case.name, seen.body);
        assert!(seen.body.contains("production"), "{}: {}", case.name, seen.body);
    }
}
