//! The order of events, the same for every actuator: lock, compare, gates, show, ask, inventory of both sides,
//! change in stages, wait, delete, final inventory, unlock.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::job::{Job, now, random};
use super::prospect::{Prospect, look, refused};
use super::{Args, lock, planfile, show, stop, tell, wait};
use crate::actuator::{Lock, Stored, Work};
use crate::error::{Code, Hinted, Outcome, Report as ErrorReport};
use crate::plan::file::PlanFile;
use crate::plan::health::Health;
use crate::plan::inventory::{Entry, Pending};
use crate::plan::{Compared, Id, Operation, Plan, stage};
use crate::ui::Ui;

/// What a run is for.
pub(super) enum Mode<'a> {
    /// Make the changes.
    Apply {
        /// Whether somebody must say yes first.
        ask: bool,
    },
    /// Show them; those of a plan file only if it still holds.
    DryRun(Option<&'a PlanFile>),
    /// Write them to a plan file.
    Write(&'a Path),
    /// Make those of a plan file.
    Planned(&'a PlanFile),
}

impl Mode<'_> {
    fn writes(&self) -> bool {
        matches!(self, Self::Apply { .. } | Self::Planned(_))
    }
}

/// How far a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    /// It made the changes.
    #[default]
    Applied,
    /// It showed them.
    Shown,
    /// It showed them, and wrote them to a plan file.
    Saved,
}

/// How a run ended.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Whether there was something to do.
    pub(super) changed: bool,
    /// Objects that could not be changed or deleted, and why.
    pub(super) failed: Vec<(Id, String)>,
    /// Objects that are not healthy.
    pub(super) unhealthy: Vec<(Id, Health)>,
    /// Whether a signal ended it.
    pub(super) interrupted: bool,
    /// Whether it made the changes.
    pub(super) extent: Extent,
    /// Whether a controller was told, and is not waited for: nobody knows what becomes of it.
    pub(super) is_left: bool,
}

impl Report {
    pub(super) fn is_well(&self) -> bool {
        self.failed.is_empty() && self.unhealthy.is_empty() && !self.interrupted
    }

    pub(super) fn is_dry(&self) -> bool {
        self.extent != Extent::Applied
    }

    pub(super) fn outcome(&self, args: &Args) -> Outcome {
        match () {
            () if !self.is_well() => Outcome::Unhealthy,
            () if self.changed && args.detailed_exitcode => Outcome::Changed,
            () if self.changed && args.exit_code && self.is_dry() => Outcome::Differs,
            () => Outcome::Done,
        }
    }
}

/// One run from beginning to end.
pub(super) fn run(job: &Job, args: &Args, mode: &Mode<'_>, ui: &Ui) -> anyhow::Result<Report> {
    let actuator = job.actuator.as_ref();
    actuator.target()?;
    if !mode.writes() {
        let prospect = prospect(job, mode, ui)?;
        return without_lock(job, mode, &prospect, ui);
    }
    let stop = Arc::clone(job.stop.flag());
    let lock = lock::take(job, job.lock_patience)?;
    // Only who holds a lock has something to give back.
    let _busy = job.stop.busy(Work::Lock);
    let found = prospect(job, mode, ui);
    stop::check(&stop)?;
    let prospect = match found {
        Ok(prospect) => prospect,
        Err(error) => {
            tell::failed(job, None, &format!("{error:#}"), ui);
            return Err(error);
        }
    };
    let changed = !prospect.plan.is_empty();
    if let Mode::Apply { ask } = mode
        && changed
    {
        confirm(!ask, &format!("Apply this to `{}`?", job.environment), &stop, ui)?;
    }
    if changed {
        tell::deploying(job, &prospect, ui);
    }
    match carry_out(job, args, &prospect, (lock.as_ref(), &stop), ui) {
        Ok(report) => {
            show::report(job, &prospect, &report, ui)?;
            tell::ended(job, &prospect, &report, ui);
            Ok(report)
        }
        Err(error) => {
            tell::failed(job, Some(&prospect), &format!("{error:#}"), ui);
            Err(error)
        }
    }
}

/// Compares, refuses, and shows.
fn prospect(job: &Job, mode: &Mode<'_>, ui: &Ui) -> anyhow::Result<Prospect> {
    let prospect = look(job, ui)?;
    if let Mode::Planned(planned) | Mode::DryRun(Some(planned)) = mode {
        let salt = planned.salt.clone();
        let Prospect { target, stored, plan, .. } = &prospect;
        planfile::check(planned, &planfile::pin(job, target.clone(), stored, plan, salt))?;
    }
    if !ui.is_json() {
        show::plan(job, &prospect, ui)?;
    }
    match refused(job, &prospect.plan) {
        None => Ok(prospect),
        // Who reads no text sees here what was refused.
        Some(refused) if ui.is_json() => {
            let changed = !prospect.plan.is_empty();
            let report = Report { changed, extent: Extent::Shown, ..Report::default() };
            Err(refused.with(show::to_json(job, &prospect, &report)).into())
        }
        Some(refused) => Err(refused.into()),
    }
}

fn without_lock(
    job: &Job,
    mode: &Mode<'_>,
    prospect: &Prospect,
    ui: &Ui,
) -> anyhow::Result<Report> {
    let changed = !prospect.plan.is_empty();
    let mut report = Report { changed, extent: Extent::Shown, ..Report::default() };
    if let Mode::Write(path) = mode {
        let Prospect { target, stored, plan, .. } = prospect;
        planfile::write(path, &planfile::pin(job, target.clone(), stored, plan, random()))?;
        ui.status(format!("the plan is in `{}`", path.display()));
        report.extent = Extent::Saved;
    }
    show::report(job, prospect, &report, ui)?;
    Ok(report)
}

/// Asks on a terminal; elsewhere only `--yes` will do.
pub(super) fn confirm(yes: bool, question: &str, stop: &AtomicBool, ui: &Ui) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !ui.can_ask() {
        let message = "cannot go on without a yes: nobody is there to ask";
        return Err(Hinted::new(Code::Usage, message, "say --yes, or carry out a --plan").into());
    }
    if ui.ask(question, stop)? {
        return Ok(());
    }
    stop::check(stop)?;
    Err(Hinted::plain(Code::Refused, "nothing was changed").into())
}

/// Makes the changes, and keeps the inventory true at every moment.
pub(super) fn carry_out(
    job: &Job,
    args: &Args,
    prospect: &Prospect,
    (lock, stop): (&dyn Lock, &AtomicBool),
    ui: &Ui,
) -> anyhow::Result<Report> {
    let Prospect { stored, plan, .. } = prospect;
    if plan.is_empty() && stored.inventory.pending.is_none() && !is_news(job, prospect) {
        return Ok(Report::default());
    }
    let recorded = record_superset(job, stored, plan, lock)?;
    // From here on nobody can say that nothing was changed.
    bring_about(job, args, prospect, &recorded, (lock, stop), ui).map_err(|error| in_part(&error))
}

fn in_part(error: &anyhow::Error) -> anyhow::Error {
    let ErrorReport { message, hint, .. } = ErrorReport::of(error);
    let hint = hint.unwrap_or_else(|| "run it again: it goes on from there".to_owned());
    Hinted::new(Code::Partial, message, hint).into()
}

/// Everything after the inventory of both sides is written.
fn bring_about(
    job: &Job,
    args: &Args,
    prospect: &Prospect,
    recorded: &Stored,
    (lock, stop): (&dyn Lock, &AtomicBool),
    ui: &Ui,
) -> anyhow::Result<Report> {
    let plan = &prospect.plan;
    let was_pending = prospect.stored.inventory.pending.is_some();
    let is_left = args.no_wait && job.settings.common.is_handed_over();
    let mut report = Report { changed: !plan.is_empty(), is_left, ..Report::default() };
    let mut entries = recorded.inventory.entries.clone();
    change(job, args, plan, lock, stop, &mut entries, &mut report, ui)?;
    report.interrupted = stop.load(Ordering::Relaxed);
    if (report.changed || was_pending)
        && report.is_well()
        && let Err(error) = job.actuator.finish()
    {
        report.failed.push((Id::plain("Command", "reload"), format!("{error:#}")));
    }
    if report.is_well() && !args.no_wait && (report.changed || was_pending) {
        let ids: Vec<Id> = plan.declared().map(|compared| compared.item.id.clone()).collect();
        report.unhealthy = wait::healthy(job.actuator.as_ref(), &ids, job.patience, stop, ui)?;
    }
    if report.is_well() && !args.no_wait {
        prune(job, plan, lock, stop, &mut entries, &mut report, ui)?;
    }
    report.interrupted |= stop.load(Ordering::Relaxed);
    lock.check()?;
    let mut last = recorded.inventory.clone();
    last.entries = entries;
    if report.is_well() {
        let spared = |id: &Id| plan.spared.iter().any(|(other, _)| other == id);
        let declared = |id: &Id| plan.declared().any(|compared| compared.item.id == *id);
        // What was not deleted stays known, so that a later run may delete it.
        let waiting = |id: &Id| args.no_wait && plan.prunes.iter().any(|prune| prune.id == *id);
        last.entries.retain(|id, _| declared(id) || spared(id) || waiting(id));
        let entries = last.entries.clone();
        last = last.finished(entries, prospect.sources.clone(), now());
    }
    job.actuator.state().record(&last, recorded)?;
    Ok(report)
}

/// Whether the inventory would say something new although no object changes.
fn is_news(job: &Job, prospect: &Prospect) -> bool {
    let inventory = &prospect.stored.inventory;
    let declared: BTreeMap<Id, Entry> = prospect
        .plan
        .declared()
        .map(|compared| (compared.item.id.clone(), uid(compared)))
        .collect();
    let spared = prospect
        .plan
        .spared
        .iter()
        .filter_map(|(id, _)| Some((id.clone(), inventory.entries.get(id)?.clone())));
    let entries: BTreeMap<Id, Entry> = declared.into_iter().chain(spared).collect();
    inventory.is_new()
        || !inventory.watch.failed.is_empty()
        || inventory.commit != job.source.commit
        || inventory.sources != prospect.sources
        || inventory.entries != entries
}

fn uid(compared: &Compared) -> Entry {
    Entry { uid: compared.live.as_ref().map(|live| live.uid.clone()) }
}

fn record_superset(
    job: &Job,
    stored: &Stored,
    plan: &Plan,
    lock: &dyn Lock,
) -> anyhow::Result<Stored> {
    let kept = plan.declared().map(|compared| {
        let is_new = compared.operation == Operation::Recreate;
        (compared.item.id.clone(), uid(compared).uid.filter(|_| !is_new))
    });
    let pending = Pending { run: job.run.clone(), commit: job.source.commit.clone() };
    let lost = plan.spared.iter().map(|(id, _)| (id.clone(), None));
    let entries: Vec<_> = kept.chain(lost).collect();
    let mut next = stored.inventory.superset(&entries, &job.source.made(), pending, lock.token());
    if next.key.is_empty() {
        next.key = random();
    }
    if stored.inventory.token > lock.token() {
        let message =
            format!("cannot write the inventory of `{}`: a later holder did", job.environment);
        return Err(Hinted::new(Code::Locked, message, "run it again").into());
    }
    lock.check()?;
    job.actuator.state().record(&next, stored)
}

/// Stage after stage; a failure ends it after its stage.
#[expect(clippy::too_many_arguments, reason = "what a run has in its hands at that moment")]
fn change(
    job: &Job,
    args: &Args,
    plan: &Plan,
    lock: &dyn Lock,
    stop: &AtomicBool,
    entries: &mut BTreeMap<Id, Entry>,
    report: &mut Report,
    ui: &Ui,
) -> anyhow::Result<()> {
    for list in &plan.stages {
        let needed = plan.needed_before(list, !args.no_wait);
        if !needed.is_empty() && report.is_well() {
            report.unhealthy =
                wait::healthy(job.actuator.as_ref(), &needed, job.patience, stop, ui)?;
        }
        if stop.load(Ordering::Relaxed) || !report.is_well() {
            break;
        }
        lock.check()?;
        for (id, result) in job.actuator.apply(list, lock) {
            match result {
                Ok(uid) => {
                    ui.detail(format!("{id}: done"));
                    entries.insert(id, Entry { uid: Some(uid) });
                }
                Err(error) => report.failed.push((id, format!("{error:#}"))),
            }
        }
        // What later stages stand on must be there, and a hook at its end; the rest is waited for in the end.
        let is_base = |c: &&Compared| stage::of(&c.item.id) == 0 && !args.no_wait;
        let base = list.iter().filter(|c| c.turn.is_some() || is_base(c));
        let base: Vec<Id> = base.map(|c| c.item.id.clone()).collect();
        if report.is_well() && !base.is_empty() {
            report.unhealthy = wait::healthy(job.actuator.as_ref(), &base, job.patience, stop, ui)?;
        }
    }
    Ok(())
}

fn prune(
    job: &Job,
    plan: &Plan,
    lock: &dyn Lock,
    stop: &AtomicBool,
    entries: &mut BTreeMap<Id, Entry>,
    report: &mut Report,
    ui: &Ui,
) -> anyhow::Result<()> {
    for prune in &plan.prunes {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        lock.check()?;
        let stuck = |(id, _): &(Id, String)| id.namespace == prune.id.name;
        if prune.id.is_namespace() && report.failed.iter().any(stuck) {
            let cause = "an object in it could not be deleted".to_owned();
            report.failed.push((prune.id.clone(), cause));
            continue;
        }
        if let Err(error) = job.actuator.prune(prune) {
            report.failed.push((prune.id.clone(), format!("{error:#}")));
            continue;
        }
        ui.detail(format!("{}: deleted", prune.id));
    }
    let failed: Vec<Id> = report.failed.iter().map(|(id, _)| id.clone()).collect();
    for prune in plan.prunes.iter().filter(|prune| !failed.contains(&prune.id)) {
        if wait::gone(job.actuator.as_ref(), &prune.id, &prune.live.uid, job.patience, stop)? {
            entries.remove(&prune.id);
        } else {
            report.unhealthy.push((prune.id.clone(), Health::Terminating));
        }
    }
    Ok(())
}
