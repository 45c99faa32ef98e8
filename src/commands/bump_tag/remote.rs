//! `bump-tag` in a remote repository: planned anew on every tip until the push wins.

use crate::bump::{Edit, Plan};
use crate::commands::landing::Context;
use crate::error::{Code, Hinted, Outcome};
use crate::git::{self, Change, Commit, Landing, Round};
use crate::ui::Ui;

use super::report::{Committed, Done, report};
use super::request::Request;

/// What is asked of the remote, beside the request.
pub(super) struct Target<'a> {
    pub(super) url: &'a str,
    pub(super) branch: Option<&'a str>,
    pub(super) dry_run: bool,
    pub(super) explain: bool,
}

pub(super) fn run(
    request: &Request<'_>,
    target: &Target<'_>,
    context: &Context<'_>,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let mut remote = context.remote(target.url, ui)?;
    let plan_on = |round: &Round<'_>| {
        request.prefetch(round.snapshot());
        if target.explain && round.number == 1 {
            request.explain(round.snapshot(), ui)?;
        }
        request.plan(round.snapshot())
    };
    if target.dry_run {
        let plan = remote.look(target.branch, plan_on)?;
        return report(&plan, &Done::DryRun, ui);
    }
    let (author, committer, signer) = context.people(remote.config())?;
    let origin = context.origin(None);
    let landing = Landing {
        branch: target.branch,
        head: None,
        author: &author,
        committer: &committer,
        signer: signer.as_ref(),
        push_options: context.push_options()?,
    };
    let mut last: Option<(Plan, String)> = None;
    let mut overtook = Vec::new();
    let landed = git::land(&mut remote, &landing, &mut |round| {
        let plan = plan_on(round).map_err(|error| superseded(error, round.number))?;
        if let Some((before, _)) = &last {
            overtook.extend(overtaken(before, &plan));
        }
        let message = if plan.changes.is_empty() {
            String::new()
        } else {
            context.message(&changes(&plan), &origin)?
        };
        let commit = Commit { changes: plan.changes.clone(), message: message.clone() };
        last = Some((plan, message));
        Ok(Some(commit))
    })?;
    let (plan, message) = last.unwrap_or_default();
    let result = Committed {
        revision: landed.revision,
        message,
        branch: Some(landed.branch),
        pushed_to: Some(remote.address().to_string()),
        attempts: landed.rounds,
        overtook,
    };
    report(&plan, &Done::Committed(result), ui)
}

/// The values for the message.
pub(super) fn changes(plan: &Plan) -> Vec<Change> {
    let change = |edit: &Edit| Change {
        name: edit.image.clone().unwrap_or_else(|| edit.key.clone()),
        environment: edit.environment.clone(),
        file: edit.file.clone(),
        key: edit.key.clone(),
        before: edit.before.clone(),
        after: edit.after.clone(),
    };
    plan.edits.iter().map(change).collect()
}

/// A guard that let the first tip pass and refuses a later one: somebody else's newer value won.
fn superseded(error: anyhow::Error, round: u32) -> anyhow::Error {
    let is_guard = error
        .downcast_ref::<Hinted>()
        .is_some_and(|hinted| matches!(hinted.code(), Code::Downgrade | Code::Unexpected));
    if round == 1 || !is_guard {
        return error;
    }
    let message = format!("superseded while pushing: {error:#}");
    Hinted::new(Code::Superseded, message, "somebody else's change won; ours was not pushed").into()
}

/// Values that are other ones than in the plan before, and that we replace nevertheless.
fn overtaken(before: &Plan, now: &Plan) -> Vec<Edit> {
    let differs = |edit: &&Edit| {
        let same = before.edits.iter().find(|old| {
            (&old.file, old.document, &old.key) == (&edit.file, edit.document, &edit.key)
        });
        same.is_some_and(|old| old.before != edit.before)
    };
    now.edits.iter().filter(differs).cloned().collect()
}
