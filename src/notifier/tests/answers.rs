//! What services answer when something is wrong, and what becomes of it.

use super::events::ordinary;
use super::server::{Reply, Server};
use super::*;

/// Channel, status, the service's words, and a piece of the advice that follows. All are final: asked once.
const REFUSALS: &[(&str, u16, &str, &str)] = &[
    ("slack", 400, "invalid_payload", ""),
    ("slack", 400, "user_not_found", ""),
    ("slack", 403, "action_prohibited", "administrator"),
    ("slack", 403, "invalid_token", "create a new one"),
    ("slack", 404, "channel_not_found", "invite it"),
    ("slack", 404, "no_service", "create a new one"),
    ("slack", 404, "no_active_hooks", "create a new one"),
    ("slack", 404, "no_team", "workspace"),
    ("slack", 410, "channel_is_archived", "archived"),
    ("slack", 500, "rollup_error", ""),
    ("slack-bot", 200, r#"{"ok":false,"error":"not_in_channel"}"#, "/invite"),
    ("slack-bot", 200, r#"{"ok":false,"error":"channel_not_found"}"#, "invite it"),
    ("slack-bot", 200, r#"{"ok":false,"error":"invalid_auth"}"#, "token"),
    (
        "slack-bot",
        200,
        r#"{"ok":false,"error":"missing_scope","needed":"chat:write"}"#,
        "chat:write",
    ),
    ("slack-bot", 200, r#"{"ok":false,"error":"is_archived"}"#, "archived"),
    ("slack-bot", 200, r#"{"ok":false,"error":"msg_too_long"}"#, "shorten"),
    ("slack-bot", 200, r#"{"ok":false,"error":"invalid_blocks"}"#, ""),
    ("slack-bot", 200, "not json", ""),
    ("teams", 400, r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#, "workflow expects"),
    ("teams", 401, r#"{"error":{"code":"DirectApiAuthorizationRequired"}}"#, "whole query"),
    ("teams", 404, r#"{"error":{"code":"WorkflowNotFound"}}"#, "make a new one"),
    ("teams", 413, "too large", ""),
    (
        "teams",
        200,
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403",
        "",
    ),
    ("discord", 400, r#"{"code":50035,"message":"Invalid Form Body"}"#, ""),
    ("discord", 401, r#"{"code":50027,"message":"Invalid Webhook Token"}"#, "copy the address"),
    ("discord", 404, r#"{"code":10015,"message":"Unknown Webhook"}"#, "create a new one"),
    (
        "discord",
        400,
        r#"{"code":220001,"message":"Webhooks posted to forum channels must have a thread_name or thread_id"}"#,
        "forum",
    ),
    (
        "mattermost",
        400,
        r#"{"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook."}"#,
        "create a new one",
    ),
    (
        "mattermost",
        403,
        r#"{"id":"web.incoming_webhook.channel_locked.app_error"}"#,
        "another channel",
    ),
    ("mattermost", 501, r#"{"id":"web.incoming_webhook.disabled.app_error"}"#, "administrator"),
    ("rocketchat", 400, r#"{"success":false,"error":"error-invalid-channel"}"#, "channel is gone"),
    (
        "rocketchat",
        404,
        r#"{"success":false,"error":"Invalid integration id or token provided."}"#,
        "create a new one",
    ),
    ("rocketchat", 200, r#"{"success":false,"error":"invalid-channel"}"#, "channel is gone"),
    ("google-chat", 400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#, "?key="),
    ("google-chat", 401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#, "?key="),
    ("google-chat", 403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#, "administrator"),
    ("google-chat", 404, r#"{"error":{"code":404,"status":"NOT_FOUND"}}"#, "space is gone"),
    (
        "telegram",
        400,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
        "`channel`",
    ),
    (
        "telegram",
        400,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: message thread not found"}"#,
        "`topic`",
    ),
    (
        "telegram",
        400,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat"}"#,
        "-100",
    ),
    (
        "telegram",
        401,
        r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
        "@BotFather",
    ),
    (
        "telegram",
        403,
        r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the group chat"}"#,
        "again",
    ),
    (
        "matrix",
        401,
        r#"{"errcode":"M_UNKNOWN_TOKEN","error":"Invalid access token"}"#,
        "log in again",
    ),
    ("matrix", 403, r#"{"errcode":"M_FORBIDDEN","error":"User not in room"}"#, "invite"),
    ("matrix", 404, r#"{"errcode":"M_UNRECOGNIZED"}"#, "homeserver"),
    ("matrix", 413, r#"{"errcode":"M_TOO_LARGE"}"#, "shorten"),
    (
        "pagerduty",
        400,
        r#"{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key"]}"#,
        "integration key",
    ),
    ("pagerduty", 403, "Forbidden", ""),
    ("json", 401, "no", "token"),
    ("json", 404, "gone", "make a new one"),
    ("json", 410, "gone", "make a new one"),
    ("json", 422, "no such event", ""),
    ("json", 302, "", "has moved"),
    ("grafana", 401, r#"{"message":"Invalid API key"}"#, "service account"),
    (
        "grafana",
        403,
        r#"{"accessErrorId":"1","message":"You'll need additional permissions"}"#,
        "annotations:create",
    ),
];

#[test]
fn what_is_refused_is_explained_and_not_tried_again() {
    for &(name, status, words, advice) in REFUSALS {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        // A request that only looks around may fail without consequence.
        let server = Server::new(vec![Reply::new(status, words)]);
        let error = say(case.endpoint(&server.origin), &ordinary(Kind::PrOpened)).unwrap_err();
        let text = read(&error);
        assert!(text.contains(advice), "{name} {words}: {text}");
        assert!(text.contains(&status.to_string()), "{name}: {text}");
        assert!(!has_canary(&text), "{text}");
        let writes = server.requests().iter().filter(|seen| seen.method != "GET").count();
        assert_eq!(writes, 1, "{name} {status}");
    }
}

#[test]
fn what_is_busy_is_tried_again() {
    for case in CASES {
        let (status, body) = case.accepts;
        for busy in [429, 502, 503, 504] {
            let busy = Reply::with(busy, "Retry-After: 0\r\n", "slow down");
            let server = Server::new(vec![busy.clone(), busy, Reply::new(status, body)]);
            let receipt = say(case.endpoint(&server.origin), &ordinary(Kind::PrOpened));
            receipt.unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
            assert!(server.requests().len() >= 3, "{}", case.name);
        }
    }
}

#[test]
fn each_service_says_in_its_own_way_how_long_to_wait() {
    let table = [
        ("slack", 429, "Retry-After: 3600\r\n", ""),
        ("slack-bot", 200, "Retry-After: 3600\r\n", r#"{"ok":false,"error":"ratelimited"}"#),
        (
            "discord",
            429,
            "",
            r#"{"message":"You are being rate limited.","retry_after":3599.5,"global":false}"#,
        ),
        ("telegram", 429, "", r#"{"ok":false,"error_code":429,"parameters":{"retry_after":3600}}"#),
        ("matrix", 429, "", r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":3600000}"#),
        ("pagerduty", 429, "Retry-After: 3600\r\n", ""),
        ("grafana", 503, "Retry-After: 3600\r\n", ""),
    ];
    for (name, status, headers, body) in table {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let server = Server::new(vec![Reply::with(status, headers, body)]);
        let mut endpoint = case.endpoint(&server.origin);
        endpoint.target.thread = Some(false);
        let error = say(endpoint, &ordinary(Kind::PrOpened)).unwrap_err();
        assert!(read(&error).contains("wants 3600 s of silence"), "{name}: {}", read(&error));
        let writes = server.requests().iter().filter(|seen| seen.method != "GET").count();
        assert_eq!(writes, 1, "{name}");
    }
}

/// Answers of something else than the service: a page, and a proxy's JSON.
#[test]
fn what_is_no_answer_of_the_service_is_no_success() {
    let page = "<!doctype html><html><title>Sign in</title></html>";
    for case in CASES.iter().filter(|case| !case.settings.contains("webhook")) {
        for body in [page, "<html>fine</html>"] {
            let server = Server::new(vec![Reply::new(200, body)]);
            let error = say(case.endpoint(&server.origin), &ordinary(Kind::PrOpened)).unwrap_err();
            let text = read(&error);
            let expected = if case.name == "slack-bot" { "answered 200" } else { "a proxy's page" };
            assert!(text.contains(expected), "{}: {text}", case.name);
            let writes = server.requests().iter().filter(|seen| seen.method != "GET").count();
            assert_eq!(writes, 1, "{}", case.name);
        }
    }
    for (name, body) in [
        ("slack", ""),
        ("mattermost", "{}"),
        ("discord", "{}"),
        ("telegram", "{}"),
        ("rocketchat", ""),
        ("google-chat", "{}"),
        ("matrix", "{}"),
        ("pagerduty", "{}"),
    ] {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let server = Server::new(vec![Reply::new(200, body)]);
        say(case.endpoint(&server.origin), &ordinary(Kind::PrOpened)).expect_err(name);
    }
}

#[test]
fn a_wish_is_kept_where_it_fits_and_said_where_it_does_not() {
    let date = "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let server = Server::new(vec![Reply::with(429, date, ""), Reply::new(200, "ok")]);
    say(CASES[0].endpoint(&server.origin), &ordinary(Kind::Deployed)).unwrap();
    assert_eq!(server.requests().len(), 2);
    let one = "Retry-After: 1\r\n";
    let server = Server::new(vec![Reply::with(503, one, ""), Reply::new(200, "ok")]);
    let before = std::time::Instant::now();
    say(CASES[0].endpoint(&server.origin), &ordinary(Kind::Deployed)).unwrap();
    assert!(before.elapsed() >= Duration::from_secs(1));
    let huge = "Retry-After: 18446744073709551615\r\n";
    let table = [
        ("slack", huge, ""),
        ("telegram", "", r#"{"ok":false,"parameters":{"retry_after":18446744073709551615}}"#),
        ("discord", "", r#"{"retry_after":18446744073709551000.5}"#),
        ("matrix", "", r#"{"retry_after_ms":18446744073709551615}"#),
    ];
    for (name, headers, body) in table {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let server = Server::new(vec![Reply::with(429, headers, body)]);
        let error = say(case.endpoint(&server.origin), &ordinary(Kind::Deployed)).unwrap_err();
        assert!(read(&error).contains("s of silence"), "{name}: {}", read(&error));
    }
}

#[test]
fn a_refusal_that_breaks_off_is_a_refusal() {
    let server = Server::new(vec![Reply::Torn { status: 503 }, Reply::new(200, "ok")]);
    say(CASES[0].endpoint(&server.origin), &ordinary(Kind::Deployed)).unwrap();
    let server = Server::new(vec![Reply::Torn { status: 404 }]);
    let error = say(CASES[0].endpoint(&server.origin), &ordinary(Kind::Deployed)).unwrap_err();
    assert!(read(&error).contains("answered 404"), "{}", read(&error));
}

#[test]
fn a_server_that_drips_ends_with_the_deadline() {
    for case in CASES {
        let server = Server::new(vec![Reply::Drip]);
        let soon = Duration::from_millis(200);
        let error = say_within(case.endpoint(&server.origin), &ordinary(Kind::PrOpened), soon);
        let text = read(&error.unwrap_err());
        assert!(text.contains("cannot "), "{}: {text}", case.name);
    }
}

#[test]
fn a_question_that_is_only_nice_to_ask_leaves_time_for_what_is_said() {
    for name in ["slack-bot", "grafana"] {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let (status, body) = case.accepts;
        let server = Server::new(vec![Reply::Silence, Reply::new(status, body)]);
        let time = Duration::from_secs(2);
        let receipt = say_within(case.endpoint(&server.origin), &ordinary(Kind::Deployed), time);
        assert!(receipt.unwrap().note.is_some(), "{name}");
        assert_eq!(server.requests().len(), 2, "{name}");
    }
}

#[test]
fn a_refused_change_event_leaves_no_alert_open() {
    let case = CASES.iter().find(|case| case.name == "pagerduty").unwrap();
    let fine = Reply::new(202, case.accepts.1);
    for (replies, expected) in [
        (
            vec![fine.clone(), Reply::new(400, "no change")],
            ["resolve", "400 Bad Request: no change"],
        ),
        (vec![Reply::new(403, "no alert"), fine], ["resolve", "403 Forbidden: no alert"]),
        (vec![Reply::new(403, "no alert"), Reply::new(400, "no")], ["; ", "400 Bad Request"]),
    ] {
        let server = Server::new(replies);
        let error = say(case.endpoint(&server.origin), &ordinary(Kind::Deployed)).unwrap_err();
        assert!(read(&error).contains(expected[1]), "{}", read(&error));
        assert!(read(&error).contains("/v2/"), "{}", read(&error));
        assert!(expected[0] == "resolve" || read(&error).contains(expected[0]));
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].json()["event_action"], "resolve");
    }
}

#[test]
fn what_is_not_sent_is_said_to_be_skipped() {
    let case = CASES.iter().find(|case| case.name == "cdevents").unwrap();
    let server = Server::new(vec![Reply::new(204, "")]);
    let receipt = say(case.endpoint(&server.origin), &ordinary(Kind::Deploying)).unwrap();
    assert_eq!(receipt.skipped.unwrap(), "CDEvents has no event for `deploying`");
    assert!(server.requests().is_empty());
}

#[test]
fn silent_and_broken_servers_are_errors_without_secrets() {
    for case in CASES {
        for reply in [Reply::Silence, Reply::HangUp, Reply::Garbage] {
            let server = Server::new(vec![reply.clone()]);
            let event = ordinary(Kind::PrOpened);
            let soon = Duration::from_millis(60);
            let error = say_within(case.endpoint(&server.origin), &event, soon).unwrap_err();
            let text = read(&error);
            assert!(
                text.contains("cannot hear from") || text.contains("cannot reach"),
                "{}: {text}",
                case.name
            );
            assert!(!has_canary(&text), "{text}");
        }
    }
}

#[test]
fn nobody_there_is_an_error_without_the_address() {
    for case in CASES {
        let error = say_within(
            case.endpoint("http://127.0.0.1:1"),
            &ordinary(Kind::PrOpened),
            Duration::from_millis(50),
        );
        let text = read(&error.unwrap_err());
        assert!(text.contains("cannot reach `http://127.0.0.1:1`") && !has_canary(&text), "{text}");
    }
}

#[test]
fn an_echoed_secret_is_masked() {
    for case in CASES {
        let used = |name: &str, value| if case.settings.contains(name) { value } else { "" };
        let secrets = [used("TOKEN", TOKEN), used("KEY", KEY)].concat();
        let words = format!("bad {CANARY} and {secrets} at {}", case.address);
        let server = Server::new(vec![Reply::new(400, &words)]);
        let error = say(case.endpoint(&server.origin), &ordinary(Kind::PrOpened)).unwrap_err();
        assert!(!has_canary(&read(&error)), "{}", read(&error));
    }
}

#[test]
fn channels_are_told_at_once_and_fail_alone() {
    let good = Server::new(vec![Reply::new(200, "ok")]);
    let bad = Server::new(vec![Reply::new(404, "no_service")]);
    let endpoints = [CASES[0].endpoint(&bad.origin), CASES[0].endpoint(&good.origin)];
    let terms = Terms { timeout: Duration::from_secs(10), now: UNIX_EPOCH };
    let client = Client::new(Settings::default());
    let results = deliver(&endpoints, &ordinary(Kind::Deployed), &client, terms);
    assert!(results[0].is_err() && results[1].is_ok());
    assert_eq!((good.requests().len(), bad.requests().len()), (1, 1));
}
