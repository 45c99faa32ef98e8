//! What each service takes: published descriptions where there are any, and otherwise what its documentation
//! says, written down as schemas that take nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::documented::{card, cdevent, embeds, envelope, link, object, slack, text};
use super::events::{HOSTILE, large, named, ordinary};
use super::server::{Reply, Seen, Server};
use super::*;

/// A published description, from the folder beside the project. Not every checkout has it, and no package brings
/// it: without it our own words alone are checked, and said so loudly.
pub(super) fn published(file: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/specs").join(file);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(serde_json::from_str(&text).unwrap());
    }
    // Past the test harness, which would swallow it.
    let note = format_args!("NOTE: {file} is not here: checked by our own words alone\n");
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), note);
    None
}

#[track_caller]
pub(super) fn check(schema: &Value, document: &Value) {
    // Building one takes longer than all its uses.
    static BUILT: Mutex<BTreeMap<String, Arc<jsonschema::Validator>>> = Mutex::new(BTreeMap::new());
    let compile = || jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = built.entry(schema.to_string()).or_insert_with(|| Arc::new(compile())).clone();
    drop(built);
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

fn slack_bot(seen: &Seen) {
    assert_eq!(seen.header("authorization"), format!("Bearer {TOKEN}"));
    if seen.method == "GET" {
        assert!(seen.path.starts_with("/api/conversations."), "{}", seen.path);
        return;
    }
    assert!(["/api/chat.postMessage", "/api/chat.update"].contains(&seen.path.as_str()));
    let payload = object(&["key", "thread"], &json!({ "key": text(64), "thread": text(64) }));
    let metadata = object(
        &["event_type", "event_payload"],
        &json!({
            "event_type": text(255), "event_payload": payload,
        }),
    );
    let extra =
        json!({ "channel": text(80), "thread_ts": text(30), "ts": text(30), "metadata": metadata });
    check(&slack(&extra), &seen.json());
}

fn teams(seen: &Seen) {
    assert!(seen.path.contains("/invoke?api-version=1&sig=canary"), "{}", seen.path);
    assert!(seen.body.len() <= 28 * 1024, "{} bytes", seen.body.len());
    let document = seen.json();
    assert_eq!(document["type"], "message");
    let attachment = &document["attachments"][0];
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    check(&card(), &attachment["content"]);
    if let Some(mut schema) = published("adaptive-card-1.5.json") {
        // The card's own definition: `anyOf` at the root takes every element.
        schema["$ref"] = json!("#/definitions/AdaptiveCard");
        check(
            &json!({ "$schema": schema["$schema"], "definitions": schema["definitions"],
            "allOf": [{ "$ref": "#/definitions/AdaptiveCard" }] }),
            &attachment["content"],
        );
    }
    for action in attachment["content"]["actions"].as_array().unwrap() {
        check(&link(), &action["url"]);
    }
}

fn discord(seen: &Seen) {
    assert!(seen.path.ends_with("?wait=true&thread_id=1234"), "{}", seen.path);
    let document = seen.json();
    assert_eq!(document["allowed_mentions"], json!({ "parse": [] }));
    check(&embeds(), &document);
    let description = document["embeds"][0]["description"].as_str().unwrap();
    assert!(description.encode_utf16().count() <= 4096);
    if let Some(schema) = published("discord-webhook.req.json") {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": schema["components"],
            "allOf": [{ "$ref": "#/components/schemas/IncomingWebhookRequestPartial" }],
            "unevaluatedProperties": false,
        });
        check(&schema, &document);
    }
}

fn pagerduty(seen: &Seen) {
    assert!(seen.body.len() <= 512 * 1024);
    let details = json!({ "type": "object" });
    let links = json!({ "type": "array", "items": object(&["href"], &json!({ "href": link(), "text": text(500) })) });
    let time = json!({ "type": "string", "format": "date-time" });
    let key = json!({ "const": TOKEN });
    let schema = match seen.path.as_str() {
        "/v2/change/enqueue" => object(
            &["routing_key", "payload"],
            &json!({
                "routing_key": key, "links": links,
                "payload": object(&["summary"], &json!({
                    "summary": text(1024), "source": text(6000), "timestamp": time, "custom_details": details,
                })),
            }),
        ),
        "/v2/enqueue" => object(
            &["routing_key", "event_action", "dedup_key"],
            &json!({
                "routing_key": key, "links": links, "dedup_key": text(255), "client": text(100),
                "event_action": { "enum": ["trigger", "resolve"] },
                "payload": object(&["summary", "source", "severity"], &json!({
                    "summary": text(1024), "source": text(6000), "timestamp": time, "custom_details": details,
                    "severity": { "enum": ["critical", "error", "warning", "info"] },
                    "component": text(6000), "class": text(100),
                })),
            }),
        ),
        path => panic!("{path}"),
    };
    check(&schema, &seen.json());
    let document = seen.json();
    assert_eq!(
        document["event_action"] == "trigger",
        document["severity"].is_null() && document["client"].is_string()
    );
}

fn cloudevents(seen: &Seen) {
    assert_eq!(seen.header("content-type"), "application/cloudevents+json; charset=utf-8");
    let document = seen.json();
    check(&envelope(), &document);
    if let Some(schema) = published("cloudevents.json") {
        check(&schema, &document);
    }
}

fn cdevents(seen: &Seen) {
    assert_eq!(seen.header("authorization"), format!("Bearer {TOKEN}"));
    cloudevents(seen);
    let document = seen.json();
    let event = &document["data"];
    let name = document["type"].as_str().unwrap().strip_prefix("dev.cdevents.").unwrap();
    assert_eq!(event["context"]["type"], document["type"]);
    assert_eq!(event["context"]["id"], document["id"]);
    check(&cdevent(), event);
    let words: Vec<&str> = name.split('.').take(2).collect();
    // Removed services and incidents have no description beside the project.
    if matches!(words[0], "incident") || name.starts_with("service.removed") {
        return;
    }
    if let Some(mut schema) = published(&format!("cdevents-{}.json", words.concat())) {
        // Links between events are described in other files; there are none here.
        let links = &mut schema["properties"]["context"]["properties"]["links"];
        *links = json!(false);
        check(&schema, event);
    }
}

fn shape(name: &str, seen: &Seen) {
    let message = |schema: &Value| check(schema, &seen.json());
    match name {
        "slack" => {
            message(&slack(&json!({})));
            let blocks = seen.json()["blocks"].to_string();
            assert!(blocks.chars().count() < 13_200, "{}", blocks.len());
        }
        "slack-bot" => slack_bot(seen),
        "teams" => teams(seen),
        "discord" => discord(seen),
        "mattermost" => {
            message(&object(&["text"], &json!({ "text": text(16_383), "channel": text(64) })));
        }
        "rocketchat" => {
            message(&object(
                &["text"],
                &json!({ "text": text(5000), "parseUrls": { "const": false } }),
            ));
        }
        "google-chat" => {
            assert!(
                seen.path.ends_with("&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
            );
            assert!(seen.body.len() <= 32_000);
            let thread = object(&["threadKey"], &json!({ "threadKey": text(4000) }));
            message(&object(
                &["text", "thread"],
                &json!({ "text": text(32_000), "thread": thread }),
            ));
        }
        name => shape_of_others(name, seen),
    }
}

fn shape_of_others(name: &str, seen: &Seen) {
    let message = |schema: &Value| check(schema, &seen.json());
    match name {
        "telegram" => {
            assert!(seen.path.ends_with("/sendMessage"), "{}", seen.path);
            message(&object(
                &["chat_id", "text", "parse_mode"],
                &json!({
                    "chat_id": { "const": "-100123" }, "message_thread_id": { "const": 7 },
                    "text": text(4096), "parse_mode": { "const": "HTML" },
                    "link_preview_options": { "const": { "is_disabled": true } },
                }),
            ));
        }
        "matrix" => {
            assert_eq!(seen.method, "PUT");
            let path = "/_matrix/client/v3/rooms/%21room%3Aexample%2Eorg/send/m.room.message/";
            assert_eq!(seen.path.strip_prefix(path).map(str::len), Some(32), "{}", seen.path);
            assert!(seen.body.len() <= 60_000, "{}", seen.body.len());
            message(&object(
                &["msgtype", "body", "format", "formatted_body"],
                &json!({
                    "msgtype": { "const": "m.notice" }, "body": text(60_000), "m.mentions": { "const": {} },
                    "format": { "const": "org.matrix.custom.html" }, "formatted_body": text(60_000),
                }),
            ));
        }
        "pagerduty" => pagerduty(seen),
        "json" => {
            assert!(seen.header("x-signature").starts_with("sha256="));
            assert_eq!(seen.json()["schema"], "gitops/v1");
        }
        "cloudevents" => {
            assert!(seen.header("x-hub-signature-256").starts_with("sha256="));
            cloudevents(seen);
        }
        "cdevents" => cdevents(seen),
        "grafana" => {
            assert!(seen.path.starts_with("/grafana/api/annotations"), "{}", seen.path);
            if seen.method == "POST" {
                message(&object(
                    &["text", "tags", "time"],
                    &json!({
                        "time": { "const": 1_700_000_000_000_u64 }, "text": text(4000), "dashboardUID": { "const": "abc" },
                        "tags": { "type": "array", "items": text(110), "maxItems": 40 },
                    }),
                ));
            }
        }
        name => panic!("{name} has no shape"),
    }
}

#[test]
fn every_service_takes_every_event() {
    for case in CASES {
        let (status, body) = case.accepts;
        for kind in Kind::ALL {
            for event in [ordinary(kind), large(kind), named(kind, &"é😀<&\"".repeat(1000))] {
                let server = Server::new(vec![Reply::new(status, body)]);
                let receipt = say(case.endpoint(&server.origin), &event);
                receipt.unwrap_or_else(|error| panic!("{} {kind}: {error:#}", case.name));
                let requests = server.requests();
                let silent =
                    case.name == "cdevents" && matches!(kind, Kind::Deploying | Kind::Failed);
                assert_eq!(requests.is_empty(), silent, "{} {kind}", case.name);
                for seen in &requests {
                    shape(case.name, seen);
                }
            }
        }
    }
}

#[test]
fn events_of_one_app_have_ids_of_their_own_and_documents_an_end() {
    let case = |name: &str| CASES.iter().find(|case| case.name == name).unwrap();
    let bodies = |name: &str, event: &Event| -> Vec<Value> {
        let previews = preview(&case(name).endpoint("http://127.0.0.1:9"), event, UNIX_EPOCH);
        previews.unwrap().into_iter().map(|preview| preview.body).collect()
    };
    let mut event = ordinary(Kind::Deployed);
    event.changes[1].app = event.changes[0].app.clone();
    let made = bodies("cdevents", &event);
    assert_eq!(made.len(), 2);
    assert_ne!(made[0]["id"], made[1]["id"]);
    let mut event = large(Kind::Deployed);
    event.unchanged = std::iter::repeat_n(event.unchanged, 20).flatten().collect();
    event.changes = std::iter::repeat_n(event.changes, 20).flatten().collect();
    assert_eq!(bodies("cdevents", &event).len(), 100);
    for name in ["json", "cloudevents"] {
        let body = &bodies(name, &event)[0];
        assert!(body.to_string().len() < 1_000_000);
        let document = if name == "json" { body } else { &body["data"] };
        let kept = document["changes"].as_array().unwrap().len();
        assert_eq!(document["left_out"]["unchanged"], 4000);
        assert_eq!(document["left_out"]["changes"], 4000 - kept);
    }
}

/// What a service shows to people, without what only machines read.
fn shown(case: &Case, seen: &Seen) -> String {
    let document = seen.json();
    match case.name {
        "json" | "cloudevents" | "cdevents" | "pagerduty" => String::new(),
        "matrix" => document["formatted_body"].to_string(),
        "grafana" => document["text"].to_string(),
        _ => document.to_string(),
    }
}

#[test]
fn hostile_names_mention_nobody_link_nowhere_and_break_no_line() {
    for case in CASES {
        let (status, body) = case.accepts;
        for (at, text) in HOSTILE.iter().enumerate() {
            let kind = [Kind::Deploying, Kind::Deployed, Kind::PrOpened][at % 3];
            let server = Server::new(vec![Reply::new(status, body)]);
            let event = named(kind, text);
            say(case.endpoint(&server.origin), &event)
                .unwrap_or_else(|error| panic!("{} {text}: {error:#}", case.name));
            for seen in server.requests().iter().filter(|seen| seen.method != "GET") {
                shape(case.name, seen);
                let shown = shown(case, seen);
                let bad = [
                    "<!channel>",
                    "<!subteam",
                    "<@U123>",
                    "<https://evil.example|",
                    "<users/all>",
                    "<at>",
                    "<script",
                    "</b><s",
                    "<a href=\\\"https://evil.example",
                    "\\u001b",
                    "\u{202e}",
                ];
                for bad in bad {
                    assert!(!shown.contains(bad), "{}: {bad} in {shown}", case.name);
                }
                let mentions = matches!(
                    case.name,
                    "discord" | "mattermost" | "rocketchat" | "teams" | "google-chat"
                );
                assert!(!(mentions && shown.contains("@everyone")), "{}: {shown}", case.name);
                let markdown =
                    matches!(case.name, "discord" | "mattermost" | "rocketchat" | "teams");
                assert!(!(markdown && shown.contains("[click](")), "{}: {shown}", case.name);
            }
        }
    }
}

#[test]
fn nothing_that_is_shown_carries_a_secret() {
    for case in CASES {
        for kind in Kind::ALL {
            let endpoint = case.endpoint("http://127.0.0.1:9");
            let previews = preview(&endpoint, &ordinary(kind), UNIX_EPOCH).unwrap();
            let text: String = previews.iter().map(|p| p.document().to_string()).collect();
            assert!(!has_canary(&text), "{}: {text}", case.name);
            assert!(!has_canary(&format!("{endpoint:?}")), "{endpoint:?}");
        }
    }
}

#[test]
fn a_preview_is_what_is_sent() {
    for case in CASES.iter().filter(|case| !matches!(case.name, "slack-bot" | "grafana")) {
        let (status, body) = case.accepts;
        let server = Server::new(vec![Reply::new(status, body)]);
        let event = ordinary(Kind::Deployed);
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let previews = preview(&case.endpoint(&server.origin), &event, now).unwrap();
        say(case.endpoint(&server.origin), &event).unwrap();
        let sent: Vec<Value> = server
            .requests()
            .iter()
            .map(|seen| serde_json::from_str(&crate::http::mask(&seen.body)).unwrap())
            .collect();
        let planned: Vec<Value> = previews.into_iter().map(|preview| preview.body).collect();
        assert_eq!(planned, sent, "{}", case.name);
    }
}
