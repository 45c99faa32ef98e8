//! Plan files: read with their refusals, written private.

use std::path::Path;

use super::job::{Job, now};
use crate::actuator::Stored;
use crate::error::{Code, Hinted};
use crate::files;
use crate::plan::Plan;
use crate::plan::file::{Pinning, PlanFile, Target};

/// A plan is refused after a day: what it was approved on is too old by then.
const LIFETIME: u64 = 24 * 60 * 60;

pub(super) fn read(path: &Path) -> anyhow::Result<PlanFile> {
    let name = path.display().to_string();
    let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
    let plan = PlanFile::parse(&name, &text)?;
    if plan.expires < now() {
        let message = format!("cannot use the plan `{name}`: it is too old");
        return Err(Hinted::new(Code::Stale, message, "make a new one with --plan-out").into());
    }
    Ok(plan)
}

/// Only its maker is to read it: it says what runs where.
pub(super) fn write(path: &Path, plan: &PlanFile) -> anyhow::Result<()> {
    files::replace_private(path, plan.to_text().as_bytes())
}

/// The plan with its pins; `salt` is that of the plan it is to be compared with.
pub(super) fn pin(
    job: &Job,
    target: Target,
    stored: &Stored,
    plan: &Plan,
    salt: String,
) -> PlanFile {
    let pinning = Pinning {
        source: job.source.clone(),
        target,
        inventory_uid: &stored.uid,
        inventory: &stored.inventory,
        salt,
        guarantee: job.actuator.guarantee(),
    };
    let mut file = PlanFile::new(plan, pinning, job.run.clone(), now(), LIFETIME);
    file.allowed.clone_from(&job.rules.allowed);
    file
}

/// Refuses a plan that is no longer of what is there.
pub(super) fn check(planned: &PlanFile, current: &PlanFile) -> anyhow::Result<()> {
    let moved = planned.moved(current);
    if moved.is_empty() {
        return Ok(());
    }
    let message = format!("cannot carry out the plan: it is stale: {}", moved.join("; "));
    Err(Hinted::new(Code::Stale, message, "make a new one with --plan-out, and look at it").into())
}
