//! `--watch`: each new commit is applied; in between, drift is looked for.
//!
//! What it remembers is in the inventory, so that a loop that is started anew somewhere else goes on.

use std::thread;
use std::time::Duration;

use super::Args;
use super::converge::{self, Mode, Report};
use super::job::{Job, now};
use super::show;
use crate::actuator::Drift;
use crate::cli::Globals;
use crate::error::{Outcome, Report as ErrorReport};
use crate::http::mask;
use crate::plan::Inventory;
use crate::plan::watch::{Reaction, fingerprint};
use crate::ui::Ui;

/// How long a round that failed may put the next one off.
const LONGEST: Duration = Duration::from_mins(5);

pub(super) fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let (mut pause, mut round) = (args.interval, 0);
    loop {
        round += 1;
        match self::round(args, globals, ui) {
            Ok(()) => pause = args.interval,
            Err(error) => {
                let report = ErrorReport::of(&error);
                ui.warn(format!("this round failed: {}", mask(&report.message)));
                pause = (pause * 3 / 2).min(LONGEST.max(args.interval));
            }
        }
        if args.rounds > 0 && round >= args.rounds {
            return Ok(Outcome::Done);
        }
        // Up to a fifth more, so that many watchers do not ask at once.
        thread::sleep(pause.mul_f64(1.0 + fastrand::f64() / 5.0));
    }
}

/// One look: a new commit, or drift, or nothing.
fn round(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<()> {
    let job = Job::read(args, globals, None, ui)?;
    let stored = job.actuator.inventory()?;
    let inventory = &stored.inventory;
    let declared = revision(&job);
    let is_new = inventory.commit != job.source.commit
        || inventory.pending.is_some()
        || inventory.is_new()
        || inventory.watch.failed == declared;
    if is_new {
        if !inventory.watch.may_try(&declared, now()) {
            ui.detail("this revision failed before; it is tried again later");
            return Ok(());
        }
        return apply(&job, args, &declared, ui);
    }
    let drift = args.drift.map_or(job.settings.common.drift, Into::into);
    if drift == Drift::Off { Ok(()) } else { look(&job, args, drift, ui) }
}

/// What is declared, where no commit tells.
fn revision(job: &Job) -> String {
    let source = &job.source;
    if source.commit.is_empty() { source.inputs.clone() } else { source.commit.clone() }
}

fn apply(job: &Job, args: &Args, declared: &str, ui: &Ui) -> anyhow::Result<()> {
    let result = converge::run(job, args, &Mode::Apply { ask: false }, ui);
    if result.as_ref().is_ok_and(Report::is_well) {
        return Ok(());
    }
    let stored = job.actuator.inventory()?;
    let mut next = stored.inventory.clone();
    let is_news = next.watch.fail(declared, now());
    job.actuator.record(&next, &stored)?;
    match result {
        Err(error) if is_news => Err(error),
        _ => Ok(()),
    }
}

fn look(job: &Job, args: &Args, drift: Drift, ui: &Ui) -> anyhow::Result<()> {
    let prospect = converge::look(job, ui)?;
    let mut watch = prospect.stored.inventory.watch.clone();
    let remediate = drift == Drift::Remediate;
    let reaction = watch.react(&fingerprint(&prospect.plan), remediate, now());
    if watch != prospect.stored.inventory.watch {
        let next = Inventory { watch, ..prospect.stored.inventory.clone() };
        job.actuator.record(&next, &prospect.stored)?;
    }
    match reaction {
        Reaction::Nothing => {}
        Reaction::Resolved => ui.line(format!("{}: the drift is gone", job.environment))?,
        Reaction::Report => {
            ui.line(format!("{}: what is there is not what Git declares", job.environment))?;
            show::plan(job, &prospect, ui)?;
        }
        Reaction::GiveUp => {
            ui.line(format!("{}: the drift came back each time; left as it is", job.environment))?;
            show::plan(job, &prospect, ui)?;
        }
        Reaction::Remedy => {
            converge::run(job, args, &Mode::Apply { ask: false }, ui)?;
        }
    }
    Ok(())
}
