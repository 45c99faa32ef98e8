//! An event in words, before any channel's markup: what is bold, what is code, what is a link.
//!
//! Everything that came from outside (names, tags, titles, authors) is cleaned and cut here, once.

use super::{App, Event, Kind, Release, Style, Tone, clean, link};

/// The longest name, tag or author that is shown.
const NAME: usize = 80;
/// The longest title or reason.
const SENTENCE: usize = 300;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Text(String),
    /// What matters.
    Bold(String),
    /// A version or an id.
    Code(String),
    /// A version that matters: bold code where the channel can show both.
    BoldCode(String),
    /// A version, an id or words that lead somewhere. `bold` as for [`Span::BoldCode`].
    Link {
        /// What is shown.
        label: String,
        /// Where it leads; already safe in every markup.
        url: String,
        /// Whether it matters.
        bold: bool,
    },
}

/// One line, or a part of one.
pub type Line = Vec<Span>;

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How a reader should feel about it.
    pub tone: Tone,
    /// The first line up to the apps it names.
    pub lead: Line,
    /// The apps the first line names, to be joined by commas.
    pub subjects: Vec<Line>,
    /// The rest of the first line.
    pub tail: Line,
    /// One line for each change, the most important first.
    pub items: Vec<Line>,
    /// What did not change, to be folded into one line.
    pub unchanged: Vec<Line>,
    /// Paragraphs: the reason.
    pub notes: Vec<Line>,
    /// Where to read on: commit, pull request, run.
    pub links: Vec<Line>,
    /// Whether the links belong on the first line.
    pub is_short: bool,
}

fn words(text: &str) -> Span {
    Span::Text(text.to_owned())
}

fn name(text: &str) -> String {
    let name = clean(text, NAME);
    if name.is_empty() { "?".to_owned() } else { name }
}

fn bold(text: &str) -> Span {
    Span::Bold(name(text))
}

/// A version, linked to the source it was built from where that is known.
fn version(release: &Release, matters: bool) -> Span {
    let label = name(&release.label());
    match release.url.as_deref().and_then(link) {
        Some(url) => Span::Link { label, url, bold: matters },
        None if matters => Span::BoldCode(label),
        None => Span::Code(label),
    }
}

fn linked(label: String, url: Option<&str>) -> Span {
    match url.and_then(link) {
        Some(url) => Span::Link { label, url, bold: false },
        None => Span::Text(label),
    }
}

/// The event in words, as much as its kind deserves.
#[must_use]
pub fn message(event: &Event) -> Message {
    let mut message = match event.kind.style() {
        Style::Announce => announce(event),
        Style::Confirm => confirm(event),
    };
    if event.test {
        message.lead.insert(0, words("Test message: "));
    }
    message.notes.extend(reason(event));
    message.links = links(event);
    message
}

/// Everything: the changes first and bold, the rest folded.
fn announce(event: &Event) -> Message {
    let changes = event.changes.iter().map(change);
    let findings = event.findings.iter().map(|finding| vec![words(&clean(finding, SENTENCE))]);
    let mut message = Message {
        tone: event.kind.tone(),
        lead: Line::new(),
        subjects: Vec::new(),
        tail: Line::new(),
        items: changes.chain(findings).collect(),
        unchanged: event.unchanged.iter().filter_map(unchanged).collect(),
        notes: Vec::new(),
        links: Vec::new(),
        is_short: false,
    };
    message.lead = match event.kind {
        Kind::PrOpened => proposal(event),
        Kind::Drift => vec![words("Drift in "), bold(event.place())],
        _ => vec![words("Deploying to "), bold(event.place())],
    };
    if message.items.is_empty() {
        message.tail = match event.kind {
            Kind::Drift => vec![words(": what runs is not what Git declares")],
            _ if event.unchanged.is_empty() => Line::new(),
            _ => vec![words(": no image changes")],
        };
    }
    message
}

fn proposal(event: &Event) -> Line {
    let request = event.pull_request.as_ref();
    let number = request.and_then(|request| request.number);
    let label = number.map_or_else(|| "Pull request".to_owned(), |n| format!("Pull request #{n}"));
    let mut line = vec![linked(label, request.and_then(|request| request.url.as_deref()))];
    line.extend([words(" for "), bold(event.place())]);
    if let Some(title) = request.and_then(|request| request.title.as_deref()) {
        line.push(words(&format!(": {}", clean(title, SENTENCE))));
    }
    line
}

fn change(app: &App) -> Line {
    let mut line = vec![bold(&app.app), words(" ")];
    match (&app.old, &app.new) {
        (Some(old), Some(new)) => {
            line.extend([version(old, false), words(" → "), version(new, true)]);
        }
        (None, Some(new)) => line.extend([words("new: "), version(new, true)]),
        (Some(old), None) => line.extend([words("removed, was "), version(old, false)]),
        (None, None) => line.push(words("unknown")),
    }
    if let Some(url) = app.compare.as_deref().and_then(link) {
        let changes = Span::Link { label: "changes".to_owned(), url, bold: false };
        line.extend([words(" · "), changes]);
    }
    line
}

fn unchanged(app: &App) -> Option<Line> {
    let release = app.new.as_ref()?;
    Some(vec![words(&format!("{} ", name(&app.app))), version(release, false)])
}

/// One line.
fn confirm(event: &Event) -> Message {
    let (lead, joint, mut tail) = phrase(event);
    let subjects: Vec<Line> = event.changes.iter().map(|app| subject(app, joint)).collect();
    let lead = if subjects.is_empty() { lead.trim_end() } else { lead };
    // Where no image is known at all, none is said to be as it was.
    let is_known = !event.unchanged.is_empty();
    if subjects.is_empty() && is_known && matches!(event.kind, Kind::Deployed | Kind::RolledBack) {
        tail.push(words(": no image changed"));
    }
    Message {
        tone: event.kind.tone(),
        lead: vec![words(lead)],
        subjects,
        tail,
        items: Vec::new(),
        unchanged: Vec::new(),
        notes: Vec::new(),
        links: Vec::new(),
        is_short: true,
    }
}

/// What stands before the apps, between an app and its version, and behind.
fn phrase(event: &Event) -> (&'static str, &'static str, Line) {
    let place = |joint: &str| vec![words(joint), bold(event.place())];
    match event.kind {
        Kind::Pushed if event.environment.is_none() => ("Pushed new ", " image: ", Line::new()),
        Kind::Pushed => ("Pushed new ", " image: ", place(" for ")),
        Kind::Failed => ("Failed to deploy ", " ", place(" to ")),
        Kind::RolledBack => ("Rolled back ", " to ", place(" in ")),
        Kind::DriftResolved => ("Drift resolved", " ", place(" in ")),
        _ => ("Deployed ", " ", place(" to ")),
    }
}

fn subject(app: &App, joint: &str) -> Line {
    match &app.new {
        Some(new) => vec![bold(&app.app), words(joint), version(new, false)],
        None => vec![bold(&app.app), words(" (removed)")],
    }
}

fn reason(event: &Event) -> Option<Line> {
    let reason = clean(event.reason.as_deref()?, SENTENCE);
    (!reason.is_empty()).then(|| vec![words(&format!("Reason: {reason}"))])
}

/// Where to read on. A confirmation needs the commit and the run alone.
fn links(event: &Event) -> Vec<Line> {
    let mut links = Vec::new();
    if let Some(commit) = &event.commit {
        let short: String = commit.sha.chars().take(8).collect();
        links.push(vec![words("commit "), linked(name(&short), commit.url.as_deref())]);
    }
    let announces = event.kind.style() == Style::Announce;
    if let Some(request) = event.pull_request.as_ref().filter(|_| announces)
        && event.kind != Kind::PrOpened
        && let Some(number) = request.number
    {
        links.push(vec![linked(format!("pull request #{number}"), request.url.as_deref())]);
    }
    if let Some(url) = event.run_url.as_deref().and_then(link) {
        links.push(vec![Span::Link { label: "run".to_owned(), url, bold: false }]);
    }
    if let Some(actor) = event.actor.as_deref().filter(|_| announces) {
        links.push(vec![words(&format!("by {}", name(actor)))]);
    }
    links
}

#[cfg(test)]
mod tests;
