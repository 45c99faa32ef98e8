//! `--notify`: the channels of `gitops.yaml` hear what `apply` does, as `gitops notify` would say it.

use std::cell::Cell;

use super::converge::Report;
use super::job::Job;
use super::prospect::Prospect;
use super::show;
use crate::cli::Globals;
use crate::commands::notify::{Happening, happened};
use crate::environment::Config;
use crate::event::Kind;
use crate::event::apps::{Running, running};
use crate::http::mask;
use crate::plan::watch::fingerprint;
use crate::plan::{Id, Plan};
use crate::ui::Ui;

/// Who tells the channels.
pub(super) struct Teller {
    pub(super) config: Config,
    pub(super) globals: Globals,
    pub(super) occasion: Cell<Occasion>,
    /// Whether somebody waits for the end of what was announced.
    announced: Cell<bool>,
}

/// Why there is something to do; what was said before is not said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Somebody wants a change.
    Change,
    /// It failed before, and they know.
    Retry,
    /// Drift is put right.
    Remedy,
}

impl Teller {
    pub(super) fn new(config: Config, globals: Globals) -> Self {
        let occasion = Cell::new(Occasion::Change);
        Self { config, globals, occasion, announced: Cell::new(false) }
    }

    fn is(&self, occasion: Occasion) -> bool {
        self.occasion.get() == occasion
    }
}

/// A change is on its way.
pub(super) fn deploying(job: &Job, prospect: &Prospect, ui: &Ui) {
    let Some(teller) = job.teller.as_ref().filter(|teller| teller.is(Occasion::Change)) else {
        return;
    };
    teller.announced.set(true);
    say(job, teller, &words(Kind::Deploying), Some(prospect), ui);
}

/// It has arrived, or not.
pub(super) fn ended(job: &Job, prospect: &Prospect, report: &Report, ui: &Ui) {
    let Some(teller) = job.teller.as_ref().filter(|_| report.changed) else { return };
    if !report.is_well() {
        return failed(job, Some(prospect), &reason(report), ui);
    }
    // Who heard that it failed is to hear that it did not; of drift the end is said, not a deployment.
    // What was left to a controller has not arrived yet.
    if teller.is(Occasion::Remedy) || report.is_left {
        return;
    }
    say(job, teller, &words(Kind::Deployed), Some(prospect), ui);
}

/// It has not arrived. Nobody is told what a person at a terminal sees, unless it was announced.
pub(super) fn failed(job: &Job, prospect: Option<&Prospect>, cause: &str, ui: &Ui) {
    let Some(teller) = job.teller.as_ref().filter(|teller| !teller.is(Occasion::Retry)) else {
        return;
    };
    if !teller.announced.get() && ui.can_ask() {
        return;
    }
    let reason = mask(cause);
    let words = Words { reason: Some(&reason), ..words(Kind::Failed) };
    say(job, teller, &words, prospect, ui);
}

/// What is there is not what Git declares, or is it again.
pub(super) fn drift(job: &Job, prospect: &Prospect, kind: Kind, reason: Option<&str>, ui: &Ui) {
    let Some(teller) = &job.teller else { return };
    let (findings, print) = match kind {
        Kind::Drift => (show::findings(&prospect.plan), Some(fingerprint(&prospect.plan))),
        _ => (Vec::new(), None),
    };
    let words = Words { kind, reason, findings: &findings, fingerprint: print.as_deref() };
    say(job, teller, &words, Some(prospect), ui);
}

fn reason(report: &Report) -> String {
    let failed = report.failed.iter().map(|(id, cause)| format!("{id}: {cause}"));
    let unhealthy = report.unhealthy.iter().map(|(id, health)| format!("{id}: {health}"));
    let interrupted = report.interrupted.then(|| "interrupted".to_owned());
    let first = failed.chain(unhealthy).chain(interrupted).next();
    first.unwrap_or_default()
}

/// What is said, besides of which environment and commit.
struct Words<'w> {
    kind: Kind,
    reason: Option<&'w str>,
    findings: &'w [String],
    fingerprint: Option<&'w str>,
}

fn words(kind: Kind) -> Words<'static> {
    Words { kind, reason: None, findings: &[], fingerprint: None }
}

fn say(job: &Job, teller: &Teller, words: &Words<'_>, prospect: Option<&Prospect>, ui: &Ui) {
    let to = job.source.commit.as_str();
    let before = prospect.map(|prospect| prospect.stored.inventory.commit.as_str());
    let drifts = matches!(words.kind, Kind::Drift | Kind::DriftResolved);
    let (old, new) = prospect
        .filter(|_| !drifts)
        .map(|prospect| moments(&prospect.plan, &teller.config))
        .unwrap_or_default();
    let happening = Happening {
        kind: words.kind,
        environment: &job.environment,
        from: before.filter(|before| !before.is_empty() && *before != to),
        to,
        runs: (&old, &new),
        reason: words.reason,
        findings: words.findings,
        fingerprint: words.fingerprint,
    };
    happened(&happening, &teller.config, &teller.globals, ui);
}

/// What runs, and what will.
fn moments(plan: &Plan, config: &Config) -> (Vec<Running>, Vec<Running>) {
    let images = |id: &Id, value: &serde_json::Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // A file of another kind names no image.
        let mut found = running(&id.name, text.as_bytes(), config).unwrap_or_default();
        // Objects of several kinds may have one name.
        for one in &mut found {
            one.place.0 = id.to_string();
        }
        found
    };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for compared in plan.declared().filter(|compared| !compared.item.id.is_secret()) {
        let id = &compared.item.id;
        after.extend(images(id, &compared.item.value));
        before.extend(compared.live.iter().flat_map(|live| images(id, &live.value)));
    }
    before.extend(plan.prunes.iter().flat_map(|prune| images(&prune.id, &prune.live.value)));
    (before, after)
}
