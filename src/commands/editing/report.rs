//! What an editing command says at its end.

use serde_json::{Value, json};

use super::Intent;
use crate::bump::{Edit, Plan};
use crate::commands::publishing;
use crate::diff::render::markdown::code;
use crate::diff::render::unified;
use crate::error::Outcome;
use crate::ui::Ui;
use crate::validate;

/// What became of the plan.
pub(crate) enum Done {
    /// Shown only.
    DryRun,
    /// Written to files.
    Written,
    /// In a commit.
    Committed(Committed),
}

/// A commit, and where it is.
#[derive(Clone)]
pub(crate) struct Committed {
    pub(crate) revision: Option<String>,
    pub(crate) message: String,
    pub(crate) branch: Option<String>,
    /// The remote it was pushed to, without credentials.
    pub(crate) pushed_to: Option<String>,
    pub(crate) attempts: u32,
    /// Values that somebody else set while we were at it, and that ours replaced.
    pub(crate) overtook: Vec<Edit>,
}

pub(crate) fn report(
    intent: &dyn Intent,
    plan: &Plan,
    done: &Done,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    plan.warnings.iter().for_each(|warning| ui.warn(warning));
    for file in plan.changes.files() {
        let text = String::from_utf8_lossy(&file.after);
        let found = validate::check_text(&file.path, &text);
        // What no reader understands has been refused, or asked for, before.
        for finding in found.iter().filter(|finding| finding.id != "invalid-yaml") {
            ui.warn(format!("{}:{}: {}", finding.file, finding.line, finding.message));
        }
    }
    plan.notes.iter().for_each(|note| ui.detail(note));
    if let Done::Committed(committed) = done {
        for edit in &committed.overtook {
            let before = edit.before.as_deref().map_or("(none)", shown);
            ui.warn(format!(
                "{}: {} was set to {before} by somebody else meanwhile; {} replaces it",
                edit.file,
                edit.key,
                shown(&edit.after)
            ));
        }
    }
    let mut fields = fields(plan, done);
    publishing::conclude(&fields, summary(intent, plan, done), ui);
    if ui.is_json() {
        if let (Value::Object(into), Value::Object(more)) = (&mut fields, intent.fields()) {
            into.extend(more);
        }
        ui.json(intent.command(), fields)?;
    } else {
        text(plan, done, ui)?;
    }
    Ok(Outcome::Done)
}

/// What was done, for the page of the run; nothing where nothing was.
fn summary(intent: &dyn Intent, plan: &Plan, done: &Done) -> Option<String> {
    let command = intent.command();
    let heading = match done {
        Done::DryRun => return None,
        _ if plan.edits.is_empty() => return None,
        Done::Written => format!("`{command}`: edited, not committed"),
        Done::Committed(Committed { revision, branch, pushed_to, .. }) => {
            let revision = revision.as_deref()?;
            let short = code(revision.get(..10).unwrap_or(revision));
            let verb = if pushed_to.is_some() { "pushed" } else { "committed" };
            let on = branch.as_ref().map(|branch| format!(" on {}", code(branch)));
            format!("`{command}`: {verb} {short}{}", on.unwrap_or_default())
        }
    };
    Some(publishing::of_edits(&heading, &plan.edits))
}

fn fields(plan: &Plan, done: &Done) -> Value {
    let dry_run = matches!(done, Done::DryRun);
    let mut fields = json!({
        "changed": !plan.changes.is_empty(),
        "dry_run": dry_run,
        "edits": plan.edits,
        "diff": dry_run.then(|| unified::of_changes(&plan.changes)),
    });
    if let (Done::Committed(committed), Some(fields)) = (done, fields.as_object_mut()) {
        let Committed { revision, message, branch, pushed_to, attempts, overtook } = committed;
        let more = json!({
            "revision": revision,
            "branch": branch,
            "repository": pushed_to,
            "pushed": pushed_to.is_some() && revision.is_some(),
            "message": revision.as_ref().map(|_| message).filter(|message| !message.is_empty()),
            "attempts": attempts,
            "overtook": overtook,
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    fields
}

fn text(plan: &Plan, done: &Done, ui: &Ui) -> anyhow::Result<()> {
    let pushes_older =
        matches!(done, Done::Committed(Committed { revision: Some(_), pushed_to: Some(_), .. }));
    if plan.changes.is_empty() && !pushes_older {
        ui.status("nothing to do: every value is already there");
        return Ok(());
    }
    if let Done::DryRun = done {
        return Ok(ui.diff(&unified::of_changes(&plan.changes))?);
    }
    for edit in &plan.edits {
        let before = edit.before.as_deref().map_or("(none)", shown);
        let after = shown(&edit.after);
        ui.line(format!("{}:{}: {}: {before} -> {after}", edit.file, edit.line, edit.key))?;
    }
    let Done::Committed(Committed {
        revision: Some(revision), branch, pushed_to, attempts, ..
    }) = done
    else {
        return Ok(());
    };
    let short = revision.get(..10).unwrap_or(revision);
    let on = branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
    match pushed_to {
        Some(url) => ui.line(format!("pushed {short}{on} of {url}"))?,
        None => ui.line(format!("committed {short}{on}"))?,
    }
    if *attempts > 1 {
        ui.status(format!("others pushed meanwhile: it took {attempts} attempts"));
    }
    Ok(())
}

/// An empty value would not be seen.
fn shown(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}
