//! What is known before anything is changed: the target, its inventory, and the plan.

use std::collections::BTreeSet;

use super::job::Job;
use crate::actuator::{Stored, secrets, secrets_of};
use crate::error::{Code, Hinted};
use crate::http::Secret;
use crate::plan::file::Target;
use crate::plan::{self, Item, Observation, Plan};
use crate::ui::Ui;

/// What is known before anything is changed.
pub(super) struct Prospect {
    pub(super) target: Target,
    pub(super) stored: Stored,
    pub(super) plan: Plan,
    /// How the objects are made after this run.
    pub(super) sources: BTreeSet<String>,
}

/// Reads, renders, validates and compares everything; changes nothing.
pub(super) fn look(job: &Job, ui: &Ui) -> anyhow::Result<Prospect> {
    let actuator = job.actuator.as_ref();
    let target = actuator.target()?;
    let stored = actuator.state().inventory()?;
    if let Some(pending) = &stored.inventory.pending {
        let commit = if pending.commit.is_empty() { "the work tree" } else { &pending.commit };
        ui.status(format!(
            "a run that applied {commit} did not reach its end: going on from there"
        ));
    }
    let items = actuator.items(&job.declared)?;
    items.iter().for_each(hide_secrets);
    let observation = actuator.observe(items, &stored.inventory)?;
    hide_live_secrets(&observation);
    let mut rules = job.rules.clone();
    let mut notes = observation.notes.clone();
    let others = others(job, &stored, &observation);
    let is_held = !others.is_empty() && !rules.allowed.iter().any(|gate| gate == SOURCE_CHANGED);
    if is_held && rules.prune {
        rules.prune = false;
        notes.push(format!(
            "the environment is made in another way than before ({} → {}): nothing is deleted in this run, unless --allow {SOURCE_CHANGED}",
            others.join(", "),
            job.source.made()
        ));
    }
    let plan = plan::decide(observation, &stored.inventory, &rules)?;
    for note in notes {
        ui.warn(note);
    }
    let sources = stored.inventory.sources_after(&job.source.made(), is_held);
    Ok(Prospect { target, stored, plan, sources })
}

/// The gate of objects that were made in another way.
const SOURCE_CHANGED: &str = "source-changed";

/// In which other ways the objects may have been made that Git does not declare here.
fn others(job: &Job, stored: &Stored, observation: &Observation) -> Vec<String> {
    if observation.orphans.is_empty() && observation.unseen.is_empty() {
        return Vec::new();
    }
    let made = job.source.made();
    stored.inventory.sources.iter().filter(|source| **source != made).cloned().collect()
}

/// From here on their values are in no output, whatever says them.
fn hide_secrets(item: &Item) {
    let found = match &item.value {
        serde_json::Value::String(text) => secrets(text),
        object => secrets_of(object),
    };
    for value in &found {
        drop(Secret::new(value));
    }
}

fn hide_live_secrets(observation: &Observation) {
    for compared in &observation.compared {
        if let Some(live) = &compared.live {
            hide_secrets(&Item { value: live.value.clone(), ..compared.item.clone() });
        }
    }
    for orphan in &observation.orphans {
        let (id, value) = (orphan.id.clone(), orphan.live.value.clone());
        hide_secrets(&Item { id, value, origin: String::new() });
    }
}

pub(super) fn refused(job: &Job, plan: &Plan) -> Option<Hinted> {
    let first = plan.refusals.first()?;
    let causes: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.cause.as_str()).collect();
    let message = format!("cannot apply `{}`: {}", job.environment, causes.join("; "));
    Some(Hinted::new(Code::Refused, message, first.hint.clone()))
}
