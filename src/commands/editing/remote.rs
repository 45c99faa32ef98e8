//! Editing a remote repository: planned anew on every tip until the push wins.

use crate::bump::{Edit, Plan};
use crate::commands::landing::Context;
use crate::commands::notify::{in_order, show_of_push, tell_of_push};
use crate::environment::Config;
use crate::error::{Code, Hinted, Outcome};
use crate::git::{self, Commit, Landing, Round};
use crate::ui::Ui;

use super::report::{Committed, Done, report};
use super::{Intent, changes};

/// What is asked of the remote, beside the intent.
pub(super) struct Target<'a> {
    pub(super) url: &'a str,
    pub(super) branch: Option<&'a str>,
    pub(super) dry_run: bool,
    pub(super) explain: bool,
}

pub(super) fn run(
    intent: &dyn Intent,
    target: &Target<'_>,
    context: &Context<'_>,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let mut remote = context.remote(target.url, ui)?;
    if intent.names_its_file() {
        remote.expect_few_paths();
    }
    let plan_on = |round: &Round<'_>| {
        intent.prefetch(round.snapshot());
        if target.explain && round.number == 1 {
            intent.explain(round.snapshot(), ui)?;
        }
        intent.plan(round.snapshot())
    };
    if target.dry_run {
        return preview(intent, target, context, &mut remote, plan_on, ui);
    }
    let (author, committer, signer) = context.people(remote.config())?;
    let origin = intent.origin(context.origin_apart(None, &remote.address().to_string()));
    let landing = Landing {
        branch: target.branch,
        head: None,
        author: &author,
        committer: &committer,
        signer: signer.as_ref(),
        push_options: context.push_options()?,
    };
    let mut last: Option<(Plan, String)> = None;
    let mut config = Config::default();
    let mut overtook = Vec::new();
    let landed = git::land(&mut remote, &landing, &mut |round| {
        let plan = plan_on(round).map_err(|error| superseded(error, round.number))?;
        if let Some((before, _)) = &last {
            overtook.extend(overtaken(before, &plan));
        }
        if context.notifies() {
            config = super::config(context.globals().config.as_deref(), round.snapshot())?;
        }
        let message = if plan.changes.is_empty() {
            String::new()
        } else {
            context.message(&changes(&plan), &origin, intent.message())?
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
    let tell = || {
        if context.notifies() {
            tell_of_push(intent, &config, &plan, &result, &origin, context, ui);
        }
    };
    in_order(ui, || report(intent, &plan, &Done::Committed(result.clone()), ui), tell)
}

/// What would be done, and what `--notify` would say of it.
fn preview(
    intent: &dyn Intent,
    target: &Target<'_>,
    context: &Context<'_>,
    remote: &mut git::Remote,
    plan_on: impl Fn(&Round<'_>) -> anyhow::Result<Plan>,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let mut config = Config::default();
    let plan = remote.look(target.branch, |round: &Round<'_>| {
        if context.notifies() {
            config = super::config(context.globals().config.as_deref(), round.snapshot())?;
        }
        plan_on(round)
    })?;
    let outcome = report(intent, &plan, &Done::DryRun, ui)?;
    if context.notifies() {
        let repository = remote.address().to_string();
        let origin = intent.origin(context.origin_apart(None, &repository));
        show_of_push(intent, &config, &plan, &repository, &origin, context, ui)?;
    }
    Ok(outcome)
}

/// A guard that let the first tip pass and refuses a later one: somebody else's newer value won.
pub(crate) fn superseded(error: anyhow::Error, round: u32) -> anyhow::Error {
    let is_guard = error
        .downcast_ref::<Hinted>()
        .is_some_and(|hinted| matches!(hinted.code(), Code::Downgrade | Code::Unexpected));
    if round == 1 || !is_guard {
        return error;
    }
    let message = format!("superseded while pushing: {error:#}");
    Hinted::new(Code::Superseded, message, "somebody else's change won; ours was not pushed").into()
}

/// Values that are other ones than in the plan before, and that we replace nevertheless. A place that the plan
/// before had nothing to do at held our value then.
pub(crate) fn overtaken(before: &Plan, now: &Plan) -> Vec<Edit> {
    let differs = |edit: &&Edit| {
        let same = before.edits.iter().find(|old| {
            (&old.file, old.document, &old.key) == (&edit.file, edit.document, &edit.key)
        });
        same.is_none_or(|old| (&old.before, old.replaced) != (&edit.before, edit.replaced))
    };
    now.edits.iter().filter(differs).cloned().collect()
}
