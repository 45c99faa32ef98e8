//! What is known before anything is changed: the target, its inventory, and the plan.

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
}

/// Reads, renders, validates and compares everything; changes nothing.
pub(super) fn look(job: &Job, ui: &Ui) -> anyhow::Result<Prospect> {
    let actuator = job.actuator.as_ref();
    let target = actuator.target()?;
    let stored = actuator.inventory()?;
    if let Some(pending) = &stored.inventory.pending {
        let commit = if pending.commit.is_empty() { "the work tree" } else { &pending.commit };
        ui.status(format!("a run that applied {commit} was interrupted: going on from there"));
    }
    let items = actuator.items(&job.declared)?;
    items.iter().for_each(hide_secrets);
    let observation = actuator.observe(items, &stored.inventory)?;
    hide_live_secrets(&observation);
    let mut rules = job.rules.clone();
    let before = &stored.inventory.source;
    let mut notes = observation.notes.clone();
    if rules.prune
        && !before.is_empty()
        && *before != job.source.renderer
        && !observation.orphans.is_empty()
    {
        if rules.allowed.iter().any(|gate| gate == "source-changed") {
            ui.detail("the environment is made in another way than before");
        } else {
            rules.prune = false;
            notes.push(format!(
                "the environment is made in another way than before ({before} → {}): nothing is deleted in this run, unless --allow source-changed",
                job.source.renderer
            ));
        }
    }
    let plan = plan::decide(observation, &stored.inventory, &rules)?;
    for note in notes {
        ui.warn(note);
    }
    Ok(Prospect { target, stored, plan })
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
