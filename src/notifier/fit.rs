//! A message as one text within a channel's limit: whole lines and whole links are left out, never parts of
//! them, and what is missing is counted.

use super::markup::Markup;
use crate::event::cut;
use crate::event::message::{Line, Message};

/// The most a field of a channel takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// In UTF-16 units, which are never fewer than characters: some services count these, some those.
    Chars(usize),
    /// In bytes of UTF-8.
    Bytes(usize),
}

impl Limit {
    fn size(self, text: &str) -> usize {
        match self {
            Self::Chars(_) => text.encode_utf16().count(),
            Self::Bytes(_) => text.len(),
        }
    }

    fn most(self) -> usize {
        match self {
            Self::Chars(most) | Self::Bytes(most) => most,
        }
    }

    /// Whether the text is short enough.
    pub(super) fn takes(self, text: &str) -> bool {
        self.size(text) <= self.most()
    }

    /// What is left behind `text`.
    fn without(self, text: &str) -> Self {
        self.of(self.most().saturating_sub(self.size(text)))
    }

    fn of(self, most: usize) -> Self {
        match self {
            Self::Chars(_) => Self::Chars(most),
            Self::Bytes(_) => Self::Bytes(most),
        }
    }
}

/// As many parts as fit, joined, and how many more there are; none where not even that fits.
pub(super) fn join(parts: &[String], joint: &str, limit: Limit) -> Option<String> {
    let mut best = None;
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            text.push_str(joint);
        }
        text.push_str(part);
        if !limit.takes(&text) {
            break;
        }
        let more = parts.len() - at - 1;
        let counted =
            if more == 0 { text.clone() } else { format!("{text}{joint}… and {more} more") };
        if limit.takes(&counted) {
            best = Some(counted);
        }
    }
    best.or_else(|| Some(format!("… {} in all", parts.len())).filter(|text| limit.takes(text)))
}

/// Whole parts on at most `pages` pages, the last with the count of what is missing.
pub(super) fn pages(parts: &[String], joint: &str, limit: Limit, pages: usize) -> Vec<String> {
    let mut full = Vec::new();
    let mut rest = parts;
    while !rest.is_empty() && full.len() + 1 < pages {
        let mut fits = 0;
        while fits < rest.len() && limit.takes(&rest[..=fits].join(joint)) {
            fits += 1;
        }
        if fits == 0 {
            break;
        }
        full.push(rest[..fits].join(joint));
        rest = &rest[fits..];
    }
    if !rest.is_empty() {
        full.extend(join(rest, joint, limit));
    }
    full
}

/// The first line.
pub(super) fn headline(message: &Message, markup: &Markup, limit: Limit) -> String {
    let (lead, tail) = (markup.line(&message.lead), markup.line(&message.tail));
    let subjects: Vec<String> = message.subjects.iter().map(|line| markup.line(line)).collect();
    let room = limit.without(&format!("{lead}{tail}"));
    let middle =
        if subjects.is_empty() { Some(String::new()) } else { join(&subjects, ", ", room) };
    let whole = middle.map(|middle| format!("{lead}{middle}{tail}"));
    whole.filter(|text| limit.takes(text)).unwrap_or_else(|| shortened(message, markup, limit))
}

/// The first line of a message that may be all of it: with the links, where these belong there and fit.
pub(super) fn opening(message: &Message, markup: &Markup, limit: Limit) -> String {
    let line = headline(message, markup, limit);
    let room = limit.without(&format!("{line} · "));
    match joined_links(message, markup, room).filter(|_| message.is_short) {
        Some(links) => format!("{line} · {links}"),
        None => line,
    }
}

/// Without any markup, which cannot be cut: for fields too short for even the names.
fn shortened(message: &Message, markup: &Markup, limit: Limit) -> String {
    let terse = &super::markup::TERSE;
    let subjects: Vec<String> = message.subjects.iter().map(|line| terse.line(line)).collect();
    let line = format!(
        "{}{}{}",
        terse.line(&message.lead),
        subjects.join(", "),
        terse.line(&message.tail)
    );
    let mut most = limit.most();
    loop {
        let text = (markup.text)(&cut(&line, most));
        if limit.takes(&text) || most == 0 {
            return text;
        }
        most = most * 3 / 4;
    }
}

/// The changes, one line each.
pub(super) fn items(message: &Message, markup: &Markup) -> Vec<String> {
    message.items.iter().map(|line| format!("{}{}", markup.bullet, markup.line(line))).collect()
}

/// What did not change, on one line.
pub(super) fn unchanged(message: &Message, markup: &Markup, limit: Limit) -> Option<String> {
    let apps: Vec<String> = message.unchanged.iter().map(|line| markup.line(line)).collect();
    if apps.is_empty() {
        return None;
    }
    let lead = "Unchanged: ";
    Some(format!("{lead}{}", join(&apps, ", ", limit.without(lead))?))
}

/// Commit, pull request, run and author on a line of their own; none where they are on the first.
pub(super) fn links(message: &Message, markup: &Markup, limit: Limit) -> Option<String> {
    joined_links(message, markup, limit).filter(|_| !message.is_short)
}

fn joined_links(message: &Message, markup: &Markup, limit: Limit) -> Option<String> {
    let mut links: Vec<String> = message.links.iter().map(|line| markup.line(line)).collect();
    while !links.is_empty() && !limit.takes(&links.join(" · ")) {
        links.pop();
    }
    (!links.is_empty()).then(|| links.join(" · "))
}

/// The paragraphs below the changes.
pub(super) fn notes(message: &Message, markup: &Markup) -> Vec<String> {
    message.notes.iter().map(|line: &Line| markup.line(line)).collect()
}

/// Everything as one text.
pub(super) fn text(message: &Message, markup: &Markup, limit: Limit) -> String {
    let newline = markup.newline;
    let mut lines = vec![opening(message, markup, limit)];
    let mut room = limit.without(&format!("{}{newline}", lines[0]));
    let mut last = Vec::new();
    for part in notes(message, markup).into_iter().chain(links(message, markup, room)) {
        if room.takes(&format!("{part}{newline}")) {
            room = room.without(&format!("{part}{newline}"));
            last.push(part);
        }
    }
    // A quarter is enough for what did not change; the changes may have the rest.
    let fold = unchanged(message, markup, room.of(room.most() / 4));
    if let Some(fold) = &fold {
        room = room.without(&format!("{fold}{newline}"));
    }
    let items = items(message, markup);
    if !items.is_empty() {
        lines.extend(join(&items, newline, room));
    }
    lines.extend(fold);
    lines.extend(last);
    lines.join(newline)
}

#[cfg(test)]
mod tests {
    use super::super::markup::{HTML, MARKDOWN, PLAIN, SLACK, TEAMS, TELEGRAM};
    use super::*;
    use crate::event::message::message;
    use crate::event::{App, Event, Kind, Release};
    use proptest::prelude::*;

    fn parts(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("part {n}")).collect()
    }

    #[test]
    fn counts_what_is_missing() {
        assert_eq!(join(&parts(3), ", ", Limit::Chars(100)).unwrap(), "part 0, part 1, part 2");
        assert_eq!(
            join(&parts(20), ", ", Limit::Chars(30)).unwrap(),
            "part 0, part 1, … and 18 more"
        );
        assert_eq!(join(&parts(20), ", ", Limit::Chars(20)).unwrap(), "… 20 in all");
        assert_eq!(join(&parts(20), ", ", Limit::Chars(5)), None);
    }

    #[test]
    fn pages_hold_whole_parts() {
        let pages = pages(&parts(10), "\n", Limit::Chars(22), 3);
        assert_eq!(
            pages,
            ["part 0\npart 1\npart 2", "part 3\npart 4\npart 5", "part 6\n… and 3 more"]
        );
    }

    fn event(kind: Kind, apps: usize, text: &str) -> Event {
        let release = |tag: &str| {
            Some(Release {
                tag: Some(tag.to_owned()),
                url: Some("https://forge.example/acme/api/commit/0123456789abcdef".to_owned()),
                ..Release::default()
            })
        };
        let app = |n: usize| App {
            app: format!("{text}{n}"),
            old: release("v1"),
            new: release(&format!("{text}v{n}")),
            ..App::default()
        };
        Event {
            environment: Some(text.to_owned()),
            changes: (0..apps).map(app).collect(),
            unchanged: (0..apps).map(app).collect(),
            reason: Some(text.to_owned()),
            actor: Some(text.to_owned()),
            ..Event::new(kind)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn stays_within_any_limit_and_keeps_tags_closed(
            text in "\\PC{0,120}", apps in 0_usize..40, limit in 60_usize..5000, kind in 0_usize..8,
        ) {
            let message = message(&event(Kind::ALL[kind], apps, &text));
            for markup in [&HTML, &TELEGRAM, &SLACK, &MARKDOWN, &TEAMS, &PLAIN] {
                for limit in [Limit::Chars(limit), Limit::Bytes(limit)] {
                    let text = super::text(&message, markup, limit);
                    prop_assert!(limit.takes(&text), "{} > {:?}: {}", text.len(), limit, text);
                    let opened = text.matches("<b>").count() + text.matches("<a ").count();
                    let closed = text.matches("</b>").count() + text.matches("</a>").count();
                    prop_assert_eq!(opened, closed);
                    prop_assert!(!text.trim().is_empty());
                }
            }
        }
    }

    #[test]
    fn a_long_announcement_keeps_head_and_foot() {
        let message = message(&event(Kind::Deploying, 100, "app"));
        let text = super::text(&message, &PLAIN, Limit::Chars(1000));
        assert!(text.starts_with("Deploying to app\n  app0 v1 <https://"), "{text}");
        assert!(text.contains(" more\nUnchanged: app0 "), "{text}");
        assert!(text.ends_with("Reason: app\nby app"), "{text}");
    }
}
