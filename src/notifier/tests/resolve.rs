//! Settings: which service it is, and what is refused before anything is sent.

use super::*;

fn target(yaml: &str) -> Target {
    serde_yaml::from_str(yaml).unwrap()
}

#[test]
fn the_pasted_address_tells_the_service() {
    let table = [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        (
            "https://prod-12.westeurope.logic.azure.com:443/workflows/a/triggers/manual/paths/invoke?sig=x",
            "teams",
        ),
        ("https://default0.1.environment.api.powerplatform.com:443/powerautomate/x?sig=x", "teams"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/webhooks/1/x", "discord"),
        ("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t", "google-chat"),
        ("https://api.telegram.org/bot1:x/sendMessage?chat_id=-1001", "telegram"),
    ];
    for (address, kind) in table {
        let endpoint = resolve("x", &target("url_env: A"), &[("A", address)]).unwrap();
        assert_eq!(endpoint.kind(), kind, "{address}");
    }
}

#[test]
fn a_host_that_only_looks_like_one_is_not_it() {
    for address in [
        "https://hooks.slack.com.evil.example/services/T/B/x",
        "https://evil.example/hooks.slack.com/",
        "https://xlogic.azure.com/",
        "https://hooks.slack.com@evil.example/",
        "https://mattermost.example/hooks/x",
    ] {
        let error = resolve("x", &target("url_env: A"), &[("A", address)]).unwrap_err();
        assert!(read(&error).contains("nothing tells what kind"), "{address}: {}", read(&error));
    }
}

/// Settings that cannot work, and what is said of them.
const WRONG: &[(&str, &str)] = &[
    (
        "url: https://hooks.slack.com/services/T0001/B0002/canary0000address0000secret0000",
        "is a secret and must not be written out",
    ),
    (
        "{kind: mattermost, url: https://chat.example/hooks/x}",
        "is a secret and must not be written out",
    ),
    ("{kind: webhook, url: https://me:pw@h.example/}", "is a secret and must not be written out"),
    ("{kind: webhook, url: 'https://h.example/?key=1'}", "is a secret and must not be written out"),
    ("{kind: webhook, url: https://canary@h.example/}", "is a secret and must not be written out"),
    (
        "{kind: webhook, url: 'https://h.example/#canary'}",
        "is a secret and must not be written out",
    ),
    (
        "{kind: webhook, url: https://h.example/hooks/canary0000address0000secr}",
        "is a secret and must not be written out",
    ),
    (
        "{kind: webhook, url: https://h.example/x/glpat-canary0000address}",
        "is a secret and must not be written out",
    ),
    (
        "{kind: telegram, channel: '1', url: 'https://api.telegram.org/bot123:AAHcanary/sendMessage'}",
        "is a secret and must not be written out",
    ),
    (
        "{kind: webhook, url: https://h.example/bot123%3AAAHcanary/sendMessage}",
        "is a secret and must not be written out",
    ),
    ("{kind: webhook, url_env: HOOK, token_env: LINES}", "holds more than one line"),
    ("{kind: webhook, url: https://evil.example/, token_env: TOKEN}", "that is written out"),
    ("{kind: grafana, url: https://evil.example/, token_env: TOKEN}", "that is written out"),
    (
        "{kind: slack-bot, url: https://evil.example/, token_env: TOKEN, channel: C1}",
        "that is written out",
    ),
    ("{kind: slack, url_env: HTTP}", "is not encrypted"),
    ("{kind: webhook, url: 'http://169.254.169.254/latest', allow_http: true}", "link-local"),
    ("{kind: webhook, url: 'http://[fd00:ec2::254]/', allow_http: true}", "link-local"),
    ("{kind: webhook, url: 'http://[::ffff:169.254.169.254]/', allow_http: true}", "link-local"),
    ("{kind: webhook, url: 'http://2852039166/', allow_http: true}", "link-local"),
    ("{kind: slak, url_env: HOOK}", "`slak` is no kind of channel"),
    ("{url_env: MISSING}", "the variable MISSING is empty or not set"),
    ("{kind: slack, url_file: /nonexistent/file}", "cannot read `/nonexistent/file`"),
    ("{kind: slack, url_env: HOOK, url_file: x}", "exclude one another"),
    ("{kind: slack}", "its address is missing"),
    ("{}", "nothing tells what kind"),
    ("{kind: slack, url_env: HOOK, from: a@b.example}", "`from` is no setting of Slack"),
    ("{kind: slack-bot, channel: C1}", "a token is missing"),
    ("{kind: slack-bot, token_env: TOKEN}", "`channel`"),
    (
        "{kind: matrix, url_env: HOOK, token_env: TOKEN, channel: '#room:example.org'}",
        "no room's id",
    ),
    ("{kind: telegram, token_env: TOKEN, channel: '1', topic: general}", "is no number"),
    ("{url_env: CONNECTOR}", "Microsoft has switched off"),
    ("{url_env: TRIGGER}", "starts a workflow"),
    ("{kind: slack, url_env: TOKEN}", "its address is no URL"),
    ("{kind: smtp, url_env: MAIL, from: 'x', to: [a@b.example]}", "no mail address"),
    ("{kind: smtp, url_env: MAIL, from: 'a@b.example'}", "`to`"),
    (
        "{kind: smtp, url_env: MAIL, from: \"a@b.example\", to: [\"a@b.example\\r\\nBcc: c@d.example\"]}",
        "no mail address",
    ),
    ("{kind: smtp, url_env: HOOK, from: a@b.example, to: [a@b.example]}", "smtp://"),
    ("{kind: webhook, url_env: HOOK, signature: github}", "a key to sign with"),
    ("{kind: webhook, url_env: HOOK, format: json, template: x}", "exclude one another"),
];

#[test]
fn what_cannot_work_is_refused_with_advice() {
    let hook = "https://hooks.slack.com/services/T0001/B0002/canary0000address0000secret0000";
    let variables = [
        ("HOOK", hook),
        ("HTTP", "http://chat.example/services/x"),
        ("CONNECTOR", "https://acme.webhook.office.com/webhookb2/x"),
        ("TRIGGER", "https://hooks.slack.com/triggers/T/1/x"),
        ("MAIL", "smtps://me:canary3333password@mail.example"),
        ("LINES", "canary\nand more"),
    ];
    for (yaml, cause) in WRONG {
        let error = resolve("chat", &target(yaml), &variables).expect_err(yaml);
        let text = read(&error);
        assert!(text.contains(cause), "{yaml}: {text}");
        assert!(text.starts_with("cannot use the channel `chat`: "), "{text}");
        assert!(!has_canary(&text), "{text}");
    }
}

#[test]
fn what_the_file_shows_is_an_error_and_what_a_variable_holds_one_channels_failure() {
    let variables = [
        ("TYPO", "htps//hooks.slack.com/x"),
        ("HTTP", "http://chat.example/hooks/x"),
        ("TRIGGER", "https://hooks.slack.com/triggers/T/1/x"),
        ("STRANGE", "https://chat.example/x"),
        ("BOT", "https://api.telegram.org/bot1:x/sendMessage"),
        ("KEY64", "whsec_!!!!"),
        ("METADATA", "https://169.254.169.254/"),
    ];
    let table = [
        ("{kind: slack, url_env: TYPO}", false),
        ("{url_env: TYPO}", false),
        ("{kind: slack, url_env: HTTP}", false),
        ("{url_env: TRIGGER}", false),
        ("{url_env: STRANGE}", false),
        ("{url_env: BOT}", false),
        ("{kind: smtp, url_env: STRANGE, from: a@b.example, to: [a@b.example]}", false),
        (
            "{kind: webhook, url_env: STRANGE, secret_env: KEY64, signature: standard-webhooks}",
            false,
        ),
        ("{kind: webhook, url_env: METADATA}", false),
        ("{kind: slak, url_env: TYPO}", true),
        ("{kind: slack, url_env: TYPO, from: x}", true),
        ("{kind: webhook, url: 'htps//x'}", true),
        ("{kind: webhook, url: 'http://chat.example/'}", true),
        ("{kind: slack-bot, channel: C1}", true),
    ];
    for (yaml, is_visible) in table {
        let error = resolve("chat", &target(yaml), &variables).expect_err(yaml);
        let code = error.downcast_ref::<crate::error::Hinted>().unwrap().code();
        assert_eq!(code == Code::Config, is_visible, "{yaml}: {error:#}");
    }
}

#[test]
fn only_secrets_are_masked() {
    let plain = resolve("x", &target("{kind: pagerduty, token_env: TOKEN}"), &[]).unwrap();
    let event = Event::new(Kind::Failed);
    let delivery = Delivery::new(&plain, &event, UNIX_EPOCH).unwrap();
    let _ = plain.row.channel.posts(&delivery).unwrap();
    let shown = crate::http::mask("`https://events.pagerduty.com/v2/enqueue` answered");
    assert_eq!(shown, "`https://events.pagerduty.com/v2/enqueue` answered");
    let pasted = "https://hooks.slack.com/services/T9/B9/canary9999address9999secret";
    let hook = resolve("x", &target("{url_env: A}"), &[("A", pasted)]).unwrap();
    assert_eq!(hook.shown(), "https://hooks.slack.com/***");
    assert!(!crate::http::mask(pasted).contains("canary"));
}

#[test]
fn a_secret_may_be_in_a_file_and_plain_http_may_be_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hook");
    files_write(&file, "http://chat.example/hooks/x\n");
    let mut settings = target("{kind: mattermost, allow_http: true}");
    settings.url_file = Some(file);
    assert_eq!(resolve("x", &settings, &[]).unwrap().shown(), "http://chat.example/***");
}

fn files_write(path: &Path, text: &str) {
    crate::files::replace(path, text.as_bytes()).unwrap();
}

#[test]
fn telegram_takes_a_token_or_the_pasted_address() {
    let pasted = "https://api.telegram.org/bot1:abc/sendMessage?chat_id=-1001";
    let table = [
        (resolve("x", &target("url_env: A"), &[("A", pasted)]), "/bot1:abc/sendMessage"),
        (
            resolve("x", &target("{kind: telegram, token_env: TOKEN, channel: '@deploys'}"), &[]),
            &*format!("/bot{TOKEN}/sendMessage"),
        ),
    ];
    for (endpoint, path) in table {
        let endpoint = endpoint.unwrap();
        let event = Event::new(Kind::Deployed);
        let delivery = Delivery::new(&endpoint, &event, UNIX_EPOCH).unwrap();
        let post = endpoint.row.channel.posts(&delivery).unwrap().remove(0);
        assert_eq!(post.url.expose(), format!("https://api.telegram.org{path}"));
        assert_eq!(post.shown, "https://api.telegram.org/bot***/sendMessage");
    }
}
