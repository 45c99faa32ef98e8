//! What happens to an environment: for `notify`, whose flags tell, and for commands that drive environments.

use super::after::{pass_on, reached};
use super::channels::base;
use super::facts::{self, Span};
use super::pages::Pages;
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::landing::{Place, place};
use crate::environment::Config;
use crate::event::apps::{Running, compare};
use crate::event::links::{id, page};
use crate::event::{Commit, Event, Kind};
use crate::http::Client;
use crate::ui::Ui;

/// What happens to an environment.
#[derive(Clone, Copy, Debug)]
pub struct Happening<'a> {
    /// What.
    pub kind: Kind,
    /// Where.
    pub environment: &'a str,
    /// The revision before; without it, the one before the last that changed the environment.
    pub from: Option<&'a str>,
    /// The revision after; empty where it is the work tree as it is, of which Git knows nothing.
    pub to: &'a str,
    /// What runs before and after, where Git does not tell.
    pub runs: (&'a [Running], &'a [Running]),
    /// Why, or why not.
    pub reason: Option<&'a str>,
    /// What differs, for a drift.
    pub findings: &'a [String],
    /// What tells one drift from another.
    pub fingerprint: Option<&'a str>,
}

impl Happening<'_> {
    /// The event, with what Git knows of it.
    pub(super) fn event(&self, globals: &Globals, pages: &Pages, ui: &Ui) -> anyhow::Result<Event> {
        let mut event = self.bare();
        let drifts = matches!(self.kind, Kind::Drift | Kind::DriftResolved);
        // What Git declares is not what drifted: of Git only the commit matters.
        let from = if drifts { Some(self.to) } else { self.from };
        let span = Span { environment: self.environment, from, to: self.to };
        facts::fill(&mut event, &span, globals, pages, ui)?;
        if drifts {
            (event.changes, event.unchanged, event.actor) = (Vec::new(), Vec::new(), None);
        }
        Ok(event)
    }

    /// The same; where the revision before is no longer known, with the last change.
    fn known(&self, globals: &Globals, pages: &Pages, ui: &Ui) -> anyhow::Result<Event> {
        let event = self.event(globals, pages, ui);
        if self.from.is_none() {
            return event;
        }
        event.or_else(|_| Self { from: None, ..*self }.event(globals, pages, ui))
    }

    /// The event as far as it is told here.
    fn bare(&self) -> Event {
        Event {
            environment: Some(self.environment.to_owned()),
            reason: self.reason.map(str::to_owned),
            findings: self.findings.to_vec(),
            fingerprint: self.fingerprint.map(str::to_owned),
            ..Event::new(self.kind)
        }
    }

    /// The event of a repository whose history is elsewhere.
    fn afar(&self, url: &str, pages: &Pages) -> Event {
        let commit = id(self.to).map(|sha| Commit {
            sha: sha.to_owned(),
            url: pages.commit(url, sha),
            subject: None,
        });
        Event { repository: page(url), commit, ..self.bare() }
    }
}

/// Tells the channels of `config` that want to know. What happened has happened, so whatever fails here is a
/// warning. Nothing is remembered: who calls this tells each drift once, and its end.
pub fn happened(happening: &Happening<'_>, config: &Config, globals: &Globals, ui: &Ui) {
    if !reached(config, ui) {
        return;
    }
    let variables = Variables::of_process();
    let pages = Pages::of(None, &variables);
    let mut event = match place(globals) {
        Place::Remote(url) if !globals.repo.exists() => happening.afar(&url, &pages),
        _ if happening.to.is_empty() => happening.bare(),
        _ => happening.known(globals, &pages, ui).unwrap_or_else(|error| {
            ui.warn(format!("the message lacks what Git knows: {error:#}"));
            happening.bare()
        }),
    };
    if event.changes.is_empty() && event.findings.is_empty() {
        (event.changes, event.unchanged) = compare(happening.runs.0, happening.runs.1);
    }
    event.run_url = variables.source().and_then(|source| source.run);
    let client = Client::new(variables.http(None));
    pass_on(&[event], config, &base(globals), &variables, &client, ui);
}
