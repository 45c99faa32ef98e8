//! Events in words.

use super::*;
use crate::event::{Commit, PullRequest};

fn app(name: &str, old: Option<&str>, new: Option<&str>) -> App {
    let release = |tag: &str| Release { tag: Some(tag.to_owned()), ..Release::default() };
    App { app: name.to_owned(), old: old.map(release), new: new.map(release), ..App::default() }
}

fn event(kind: Kind) -> Event {
    Event {
        environment: Some("prod".to_owned()),
        changes: vec![
            app("api", Some("v1"), Some("v2")),
            app("web", None, Some("v3")),
            app("old", Some("v9"), None),
        ],
        unchanged: vec![app("db", Some("v7"), Some("v7"))],
        ..Event::new(kind)
    }
}

/// As a reader of plain text with a few marks would see it.
fn plain(line: &Line) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.clone(),
        Span::Bold(text) => format!("*{text}*"),
        Span::Code(text) => format!("`{text}`"),
        Span::BoldCode(text) => format!("*`{text}`*"),
        Span::Link { label, url, bold: true } => format!("*<{url}|{label}>*"),
        Span::Link { label, url, .. } => format!("<{url}|{label}>"),
    };
    line.iter().map(show).collect()
}

fn first_line(message: &Message) -> String {
    let subjects: Vec<String> = message.subjects.iter().map(plain).collect();
    format!("{}{}{}", plain(&message.lead), subjects.join(", "), plain(&message.tail))
}

#[test]
fn each_kind_has_its_first_line() {
    let table = [
        (Kind::Deploying, "Deploying to *prod*"),
        (Kind::Deployed, "Deployed *api* `v2`, *web* `v3`, *old* (removed) to *prod*"),
        (Kind::Failed, "Failed to deploy *api* `v2`, *web* `v3`, *old* (removed) to *prod*"),
        (Kind::RolledBack, "Rolled back *api* to `v2`, *web* to `v3`, *old* (removed) in *prod*"),
        (
            Kind::Pushed,
            "Pushed new *api* image: `v2`, *web* image: `v3`, *old* (removed) for *prod*",
        ),
        (Kind::PrOpened, "Pull request for *prod*"),
        (Kind::Drift, "Drift in *prod*"),
    ];
    for (kind, expected) in table {
        assert_eq!(first_line(&message(&event(kind))), expected);
    }
}

#[test]
fn nothing_changed_is_said() {
    let table = [
        (Kind::Deploying, "Deploying to *prod*: no image changes"),
        (Kind::Deployed, "Deployed to *prod*: no image changed"),
        (Kind::Failed, "Failed to deploy to *prod*"),
        (Kind::Drift, "Drift in *prod*: what runs is not what Git declares"),
        (Kind::DriftResolved, "Drift resolved in *prod*"),
    ];
    for (kind, expected) in table {
        let event = Event { changes: Vec::new(), ..event(kind) };
        assert_eq!(first_line(&message(&event)), expected);
    }
}

#[test]
fn an_announcement_says_everything_and_a_confirmation_one_line() {
    let announcement = message(&event(Kind::Deploying));
    let items: Vec<String> = announcement.items.iter().map(plain).collect();
    let expected = ["*api* `v1` → *`v2`*", "*web* new: *`v3`*", "*old* removed, was `v9`"];
    assert_eq!(items, expected);
    assert_eq!(announcement.unchanged.iter().map(plain).collect::<Vec<_>>(), ["db `v7`"]);
    let confirmation = message(&event(Kind::Deployed));
    assert!(confirmation.items.is_empty() && confirmation.unchanged.is_empty());
}

#[test]
fn only_what_is_known_is_linked() {
    let mut event = event(Kind::Deploying);
    event.changes.truncate(1);
    event.changes[0].compare = Some("https://h/compare/a...b".to_owned());
    let new = event.changes[0].new.as_mut().unwrap();
    new.url = Some("https://me:pw@h/commit/b".to_owned());
    event.commit = Some(Commit { sha: "0123456789abcdef".to_owned(), ..Commit::default() });
    event.run_url = Some("javascript:alert(1)".to_owned());
    event.actor = Some("Ada".to_owned());
    let message = message(&event);
    let expected = "*api* `v1` → *<https://h/commit/b|v2>* · <https://h/compare/a...b|changes>";
    assert_eq!(plain(&message.items[0]), expected);
    let links: Vec<String> = message.links.iter().map(plain).collect();
    assert_eq!(links, ["commit 01234567", "by Ada"]);
}

#[test]
fn a_proposal_is_linked_and_titled() {
    let mut event = event(Kind::PrOpened);
    event.pull_request = Some(PullRequest {
        number: Some(12),
        title: Some("update\napi".to_owned()),
        url: Some("https://h/pull/12".to_owned()),
    });
    let message = message(&event);
    let expected = "<https://h/pull/12|Pull request #12> for *prod*: update api";
    assert_eq!(first_line(&message), expected);
}

#[test]
fn hostile_names_become_short_single_lines() {
    let mut event = event(Kind::Deployed);
    event.environment = Some(format!("prod\n\u{202e}{}", "x".repeat(5000)));
    event.changes = vec![app("\u{200b}\n", None, Some(&"é".repeat(5000)))];
    event.reason = Some(format!("a\r\nb{}", "c".repeat(5000)));
    let message = message(&event);
    let line = first_line(&message);
    assert!(line.starts_with("Deployed *?* `ééé"), "{line}");
    assert!(line.chars().count() < 250 && !line.contains(['\n', '\u{202e}']), "{line}");
    assert_eq!(message.notes.len(), 1);
    assert!(plain(&message.notes[0]).starts_with("Reason: a bccc"));
}

#[test]
fn where_no_image_is_known_none_is_said_to_be_unchanged() {
    for (kind, expected) in
        [(Kind::Deployed, "Deployed to *prod*"), (Kind::Deploying, "Deploying to *prod*")]
    {
        let event = Event { environment: Some("prod".to_owned()), ..Event::new(kind) };
        assert_eq!(first_line(&message(&event)), expected);
    }
}
