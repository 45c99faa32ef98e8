//! Events to say: an ordinary one, a hostile one, one that is too large for any channel.

use super::*;
use crate::event::{App, Commit, PullRequest, Release};

/// What a branch, a tag or an author may be called by somebody who wishes us ill.
pub(super) const HOSTILE: &[&str] = &[
    "<!channel> <@U123> <!subteam^S1> <https://evil.example|click>",
    "@everyone @here @channel @all <users/all> <at>Ada</at>",
    "[click](https://evil.example) *bold* _it_ ~no~ `code` ```block``` ||spoiler|| > quote # head",
    "</b><script>alert(1)</script><a href=\"https://evil.example\">&amp;\" ' onload='x",
    "line\nbreak\r\nand\ttab \u{1b}[31m\u{0}\u{202e}\u{200b}end \\",
    "{{ 7 * 7 }} {% raw %} ${jndi:x} $(id) %0a%0d",
    "\r\nBcc: victim@example.org\r\n\r\nbody",
];

fn release(tag: &str) -> Release {
    Release {
        tag: Some(tag.to_owned()),
        digest: None,
        revision: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        url: Some("https://forge.example/acme/api/commit/0123456789abcdef".to_owned()),
    }
}

fn app(name: &str, old: Option<&str>, new: Option<&str>) -> App {
    App {
        app: name.to_owned(),
        image: Some(format!("registry.example/acme/{name}")),
        old: old.map(release),
        new: new.map(release),
        source: None,
        compare: Some("https://forge.example/acme/api/compare/a...b".to_owned()),
    }
}

pub(super) fn ordinary(kind: Kind) -> Event {
    Event {
        environment: Some("production".to_owned()),
        changes: vec![app("api", Some("v1"), Some("v2")), app("web", None, Some("v7"))],
        unchanged: vec![app("db", Some("v9"), Some("v9"))],
        repository: Some("https://forge.example/acme/deploy".to_owned()),
        commit: Some(Commit {
            sha: "fedcba9876543210fedcba9876543210fedcba98".to_owned(),
            url: Some("https://forge.example/acme/deploy/commit/fedcba98".to_owned()),
            subject: Some("feat(production): update api to v2".to_owned()),
        }),
        pull_request: Some(PullRequest {
            number: Some(12),
            title: Some("Update api to v2".to_owned()),
            url: Some("https://forge.example/acme/deploy/pull/12".to_owned()),
        }),
        run_url: Some("https://ci.example/run/7".to_owned()),
        actor: Some("Ada".to_owned()),
        findings: if kind == Kind::Drift {
            vec!["Deployment web: replicas 3 → 5".to_owned()]
        } else {
            Vec::new()
        },
        fingerprint: (kind == Kind::Drift).then(|| "f1".to_owned()),
        ..Event::new(kind)
    }
}

/// Every text of the event is `text`.
pub(super) fn named(kind: Kind, text: &str) -> Event {
    let mut event = ordinary(kind);
    event.environment = Some(text.to_owned());
    event.changes = vec![app(text, Some(text), Some(text)), app(text, None, Some(text))];
    event.unchanged = vec![app(text, Some(text), Some(text))];
    event.repository = Some(text.to_owned());
    event.actor = Some(text.to_owned());
    event.reason = Some(text.to_owned());
    event.findings = vec![text.to_owned()];
    event.run_url = Some(format!("https://ci.example/{text}"));
    if let Some(request) = &mut event.pull_request {
        request.title = Some(text.to_owned());
        request.url = Some(text.to_owned());
    }
    if let Some(commit) = &mut event.commit {
        commit.sha = text.to_owned();
        commit.subject = Some(text.to_owned());
    }
    event
}

/// Two hundred apps with names as long as they are shown.
pub(super) fn large(kind: Kind) -> Event {
    let apps = |old| {
        (0..200).map(|n| app(&format!("{n}-{}", "é&<\"".repeat(30)), old, Some("v2"))).collect()
    };
    Event { changes: apps(Some("v1")), unchanged: apps(Some("v2")), ..ordinary(kind) }
}
