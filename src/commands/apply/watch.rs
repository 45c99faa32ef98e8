//! `--watch`: each new commit is applied; in between, drift is looked for.
//!
//! What it remembers is in the inventory, so that a loop that is started anew somewhere else goes on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Args;
use super::converge::{self, Extent, Mode, Report};
use super::job::{Job, now};
use super::prospect::{self, Prospect};
use super::tell::Occasion;
use super::{lock, repository, show, stop, tell};
use crate::actuator::{Drift, Stored, Work};
use crate::cli::Globals;
use crate::error::{Code, Hinted, Outcome, Report as ErrorReport};
use crate::event::Kind;
use crate::http::mask;
use crate::plan::Inventory;
use crate::plan::watch::{Reaction, WatchState, fingerprint};
use crate::ui::Ui;

/// The gate that lets a branch go back.
const REWOUND: &str = "rewound";

/// How long a round that failed may put the next one off.
const LONGEST: Duration = Duration::from_mins(5);

pub(super) fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let signals = stop::listen(ui)?;
    // The loop itself ends in its own time.
    let (stop, _busy) = (signals.flag(), signals.busy(Work::Lock));
    let mut pause = args.interval;
    loop {
        let result = round(args, globals, ui);
        if args.once {
            return result;
        }
        match result {
            Ok(_) => pause = args.interval,
            Err(error) => {
                let report = ErrorReport::of(&error);
                ui.warn(format!("this round failed: {}", mask(&report.message)));
                pause = (pause * 3 / 2).min(LONGEST.max(args.interval));
            }
        }
        // Up to a fifth more, so that many watchers do not ask at once.
        stop::sleep(stop, pause.mul_f64(1.0 + fastrand::f64() / 5.0));
        if stop.load(Ordering::Relaxed) {
            ui.status("stopped");
            return Ok(Outcome::Done);
        }
    }
}

/// One look: a new commit, or drift, or nothing.
fn round(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let (job, broken) = Job::read_broken(args, globals, None, ui)?;
    let stored = job.actuator.state().inventory()?;
    let inventory = &stored.inventory;
    let declared = revision(&job);
    let is_new = inventory.commit != job.source.commit
        || inventory.pending.is_some()
        || inventory.is_new()
        || inventory.watch.failed == declared;
    if is_new {
        if !inventory.watch.may_try(&declared, now()) {
            ui.detail("this revision failed before; it is tried again later");
            return Ok(Outcome::Done);
        }
        if inventory.watch.failed == declared {
            occasion(&job, Occasion::Retry);
        }
        let broken = broken.or_else(|| rewound(&job, globals, &inventory.commit).err());
        return apply(&job, args, broken, ui);
    }
    if let Some(error) = broken {
        return Err(error);
    }
    let drift = args.drift.map_or(job.settings.common.drift, Into::into);
    // Without a commit nobody knows whether this was ever applied.
    if drift == Drift::Remediate && !job.source.commit.is_empty() {
        job.actuator.reclaim();
    }
    if drift == Drift::Off { Ok(Outcome::Done) } else { look(&job, args, drift, ui) }
}

/// What is declared, where no commit tells.
fn revision(job: &Job) -> String {
    let source = &job.source;
    if source.commit.is_empty() { source.inputs.clone() } else { source.commit.clone() }
}

/// Refuses a commit whose history does not hold the one that was applied last: a branch that was pushed back by
/// mistake would take the environment back with it.
fn rewound(job: &Job, globals: &Globals, before: &str) -> anyhow::Result<()> {
    let now = &job.source.commit;
    if [now, before].contains(&"") || now == before || job.rules.allows(REWOUND) {
        return Ok(());
    }
    if repository::follows(globals, now, before)? != Some(false) {
        return Ok(());
    }
    let short = |id: &str| id.get(..10).unwrap_or(id).to_owned();
    let message = format!(
        "cannot apply {} to `{}`: {}, which was applied last, is not in its history",
        short(now),
        job.environment,
        short(before)
    );
    let hint = "if the branch was set back on purpose: `--allow rewound`, or one `gitops apply` without --watch";
    Err(Hinted::new(Code::Refused, message, hint).into())
}

fn apply(
    job: &Job,
    args: &Args,
    broken: Option<anyhow::Error>,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let declared = &revision(job);
    let result = match broken {
        Some(error) => {
            tell::failed(job, None, &format!("{error:#}"), ui);
            Err(error)
        }
        None => converge::run(job, args, &Mode::Apply { ask: false }, ui),
    };
    match &result {
        // Who holds the lock does what there is to do.
        Err(error) if ErrorReport::of(error).code == Code::Locked => {
            ui.detail(mask(&ErrorReport::of(error).message));
            return Ok(Outcome::Done);
        }
        Ok(report) if report.is_well() || report.interrupted => return Ok(report.outcome(args)),
        _ => {}
    }
    let mut is_news = false;
    remember(job, None, |watch| is_news = watch.fail(declared, now()))?;
    match result {
        Err(error) if is_news || args.once => Err(error),
        Ok(report) => Ok(report.outcome(args)),
        Err(_) => Ok(Outcome::Done),
    }
}

/// Writes what the watch remembers, under the lock: a run in between would find its inventory gone. False, and nothing
/// written, while somebody else is at work, or when the inventory is no longer the one that was looked at.
fn remember(
    job: &Job,
    seen: Option<&Stored>,
    change: impl FnOnce(&mut WatchState),
) -> anyhow::Result<bool> {
    let lock = match lock::take(job, Duration::ZERO) {
        Ok(lock) => lock,
        Err(error) if ErrorReport::of(&error).code == Code::Locked => return Ok(false),
        Err(error) => return Err(error),
    };
    let stored = job.actuator.state().inventory()?;
    if seen.is_some_and(|seen| seen.version != stored.version) {
        return Ok(false);
    }
    let mut watch = stored.inventory.watch.clone();
    change(&mut watch);
    lock.check()?;
    if watch != stored.inventory.watch {
        let next = Inventory { watch, ..stored.inventory.clone() };
        job.actuator.state().record(&next, &stored)?;
    }
    Ok(true)
}

fn look(job: &Job, args: &Args, drift: Drift, ui: &Ui) -> anyhow::Result<Outcome> {
    let prospect = prospect::look(job, ui)?;
    let before = &prospect.stored.inventory.watch;
    let mut watch = before.clone();
    let remediate = drift == Drift::Remediate;
    let reaction = watch.react(&fingerprint(&prospect.plan), remediate, now());
    let left =
        if args.exit_code && !prospect.plan.is_empty() { Outcome::Differs } else { Outcome::Done };
    if watch != *before && !remember(job, Some(&prospect.stored), |state| *state = watch)? {
        ui.detail("somebody else is at work: the next round looks again");
        return Ok(left);
    }
    if reaction == Reaction::Remedy {
        return remedy(job, args, &prospect, ui);
    }
    tell(job, &prospect, reaction, ui)?;
    Ok(left)
}

fn occasion(job: &Job, occasion: Occasion) {
    if let Some(teller) = &job.teller {
        teller.occasion.set(occasion);
    }
}

fn remedy(job: &Job, args: &Args, prospect: &Prospect, ui: &Ui) -> anyhow::Result<Outcome> {
    tell::drift(job, prospect, Kind::Drift, Some("it is put right"), ui);
    occasion(job, Occasion::Remedy);
    let report = converge::run(job, args, &Mode::Apply { ask: false }, ui)?;
    if report.is_well() {
        tell::drift(job, prospect, Kind::DriftResolved, None, ui);
    }
    Ok(report.outcome(args))
}

fn tell(job: &Job, prospect: &Prospect, reaction: Reaction, ui: &Ui) -> anyhow::Result<()> {
    let (word, text) = match reaction {
        Reaction::Nothing | Reaction::Remedy => return Ok(()),
        Reaction::Resolved => ("resolved", "the drift is gone"),
        Reaction::Report => ("found", "what is there is not what Git declares"),
        Reaction::GiveUp => ("given-up", "the drift came back each time; left as it is"),
    };
    match reaction {
        Reaction::Resolved => tell::drift(job, prospect, Kind::DriftResolved, None, ui),
        Reaction::GiveUp => tell::drift(job, prospect, Kind::Drift, Some(text), ui),
        _ => tell::drift(job, prospect, Kind::Drift, None, ui),
    }
    if ui.is_json() {
        let changed = !prospect.plan.is_empty();
        let report = Report { changed, extent: Extent::Shown, ..Report::default() };
        let mut json = show::to_json(job, prospect, &report);
        json["drift"] = word.into();
        return Ok(ui.json("apply", json)?);
    }
    ui.line(format!("{}: {text}", job.environment))?;
    if reaction == Reaction::Resolved { Ok(()) } else { show::plan(job, prospect, ui) }
}
