//! What is said about a pull request at the end, or by a dry run.

use serde_json::{Value, json};

use super::Connection;
use super::text::Scene;
use crate::bump::Plan;
use crate::commands::publishing;
use crate::diff::render::markdown::code;
use crate::diff::render::unified;
use crate::error::Outcome;
use crate::forge::{self, Action, AutoMerge, Planned, Proposal, Race};
use crate::git::Landed;
use crate::ui::Ui;

/// Everything there is to say.
#[derive(Default)]
pub(crate) struct Shown<'a> {
    pub(crate) command: &'a str,
    pub(crate) forge: &'static str,
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) action: Option<Action>,
    pub(crate) number: Option<u64>,
    pub(crate) url: Option<String>,
    node_id: Option<String>,
    head_sha: Option<String>,
    auto_merge: AutoMerge,
    superseded: Vec<u64>,
    /// Where a person would open it.
    new_url: String,
    pushed: bool,
    proposal: Option<Proposal>,
    reference: Option<String>,
    options: Vec<String>,
    requests: Vec<Planned>,
    pub(crate) plan: Option<&'a Plan>,
    /// What the command's own JSON has besides.
    more: Value,
    race: Race,
    dry_run: bool,
}

impl<'a> Shown<'a> {
    /// What is planned.
    pub(crate) fn planned(
        command: &'a str,
        scene: &Scene,
        connection: &Connection,
        proposal: &Proposal,
        push: Option<&forge::Push>,
    ) -> Self {
        Self {
            command,
            forge: connection.row.name,
            head: scene.head.clone(),
            base: scene.base.clone(),
            new_url: (connection.row.new_url)(&connection.place, &scene.base, &scene.head),
            proposal: Some(proposal.clone()),
            reference: push.map(|push| push.reference.clone()),
            options: push.map(|push| push.options.clone()).unwrap_or_default(),
            requests: connection.forge.iter().flat_map(|forge| forge.api().planned()).collect(),
            ..Self::default()
        }
    }

    /// Nothing lies between base and head.
    pub(crate) fn nothing(command: &'a str, scene: &Scene, connection: &Connection) -> Self {
        Self {
            command,
            forge: connection.row.name,
            head: scene.head.clone(),
            base: scene.base.clone(),
            action: Some(Action::Skipped),
            ..Self::default()
        }
    }

    /// With fields of the command's own.
    pub(crate) fn with(mut self, more: Value) -> Self {
        self.more = more;
        self
    }

    /// What was pushed.
    pub(crate) fn landed(&mut self, landed: &Landed) {
        self.head_sha.clone_from(&landed.revision);
        self.pushed = landed.pushed;
    }

    /// The same for a push from a checkout.
    pub(crate) fn pushed(&mut self, revision: &str, pushed: bool) {
        self.head_sha = Some(revision.to_owned());
        self.pushed = pushed;
    }

    /// What the forge made of it.
    pub(crate) fn outcome(&mut self, outcome: forge::Outcome) {
        self.action = Some(outcome.action);
        if let Some(pull) = outcome.pull {
            self.number = Some(pull.number).filter(|number| *number != 0);
            self.url = Some(pull.url).filter(|url| !url.is_empty());
            self.node_id = pull.node_id;
        }
        self.auto_merge = outcome.auto_merge;
        self.race = outcome.race;
        self.superseded = outcome.superseded;
    }

    fn fields(&self) -> Value {
        let (auto_merge, reason) = match &self.auto_merge {
            AutoMerge::NotAsked => (None, None),
            AutoMerge::Enabled => (Some("enabled"), None),
            AutoMerge::Merged => (Some("merged"), None),
            AutoMerge::Unavailable(reason) => (Some("unavailable"), Some(reason)),
        };
        let action = self.action.map(Action::as_str);
        let mut fields = json!({
            "changed": self.action.map_or(self.pushed, is_change),
            "dry_run": self.dry_run,
            "action": action, "number": self.number, "url": self.url, "node_id": self.node_id,
            "forge": self.forge, "head": Some(&self.head).filter(|head| !head.is_empty()), "base": self.base, "head_sha": self.head_sha,
            "pushed": self.pushed, "auto_merge": auto_merge, "auto_merge_reason": reason,
            "superseded": self.superseded,
            "new_url": (self.action != Some(Action::Skipped)).then_some(&self.new_url),
        });
        if let (Value::Object(into), Value::Object(more)) = (&mut fields, &self.more) {
            into.extend(more.clone());
        }
        fields
    }
}

/// What was done, for the page of the run; nothing where nothing was.
fn summary(shown: &Shown<'_>, plan: Option<&Plan>) -> Option<String> {
    let action = match shown.action {
        Some(Action::Skipped) => return None,
        Some(action) => format!("{} the pull request", action.as_str()),
        None => "pushed".to_owned(),
    };
    let page = match (&shown.url, shown.number) {
        (Some(url), Some(number)) => format!(" [#{number}]({url})"),
        (Some(url), None) => format!(" [{}]({url})", code(&shown.head)),
        (None, _) => format!(" {}: [open it]({})", code(&shown.head), shown.new_url),
    };
    let heading = format!("`{}`: {action}{page}", shown.command);
    Some(publishing::of_edits(&heading, plan.map(|plan| &*plan.edits).unwrap_or_default()))
}

fn is_change(action: Action) -> bool {
    matches!(action, Action::Created | Action::Updated)
}

/// The end of a run.
pub(crate) fn tell(shown: &Shown<'_>, plan: Option<&Plan>, ui: &Ui) -> anyhow::Result<Outcome> {
    if let Some(plan) = plan {
        plan.warnings.iter().for_each(|warning| ui.warn(warning));
        plan.notes.iter().for_each(|note| ui.detail(note));
    }
    let mut fields = shown.fields();
    publishing::conclude(&fields, summary(shown, plan), ui);
    if ui.is_json() {
        if let (Some(plan), Some(fields)) = (plan, fields.as_object_mut()) {
            fields.insert("edits".to_owned(), json!(plan.edits));
        }
        ui.json(shown.command, fields)?;
        return Ok(Outcome::Done);
    }
    let Shown { head, base, .. } = shown;
    if shown.race != Race::None {
        let page = shown.url.as_deref().unwrap_or("its pull request");
        ui.line(format!("overtaken: `{head}` has another run's commit: {page}"))?;
        return Ok(Outcome::Done);
    }
    if shown.action == Some(Action::Skipped) {
        ui.status(format!("nothing to do: `{base}` has it all already"));
        return Ok(Outcome::Done);
    }
    for edit in plan.into_iter().flat_map(|plan| &plan.edits) {
        let before = edit.before.as_deref().unwrap_or("(none)");
        let (file, line, key, after) = (&edit.file, edit.line, &edit.key, &edit.after);
        ui.line(format!("{file}:{line}: {key}: {before} -> {after}"))?;
    }
    if shown.pushed {
        let revision = shown.head_sha.as_deref().unwrap_or_default();
        ui.line(format!("pushed {} to {head}", revision.get(..10).unwrap_or(revision)))?;
    }
    match (shown.action, &shown.url) {
        (Some(action), Some(url)) => {
            let number = shown.number.map(|number| format!(" #{number}")).unwrap_or_default();
            ui.line(format!("{}{number}: {url}", action.as_str()))?;
        }
        (Some(action), None) => ui.line(format!("{} the pull request", action.as_str()))?,
        (None, _) => ui.line(format!("open it at {}", shown.new_url))?,
    }
    match &shown.auto_merge {
        AutoMerge::Enabled => ui.line("it merges itself when its checks and reviews are there")?,
        AutoMerge::Merged => ui.line("merged")?,
        AutoMerge::NotAsked | AutoMerge::Unavailable(_) => {}
    }
    for number in &shown.superseded {
        ui.line(format!("closed #{number}: superseded"))?;
    }
    Ok(Outcome::Done)
}

/// A dry run: branch, title, body, and all that would be sent.
pub(crate) fn show(
    shown: &Shown<'_>,
    outcome: Option<&forge::Outcome>,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let Some(proposal) = &shown.proposal else { return Ok(Outcome::Done) };
    let existing = outcome.and_then(|outcome| outcome.pull.as_ref());
    let existing = existing.filter(|pull| pull.number != 0).map(|pull| (pull.number, &pull.url));
    let diff = shown.plan.map(|plan| unified::of_changes(&plan.changes));
    let changed = outcome.is_none_or(|outcome| is_change(outcome.action));
    publishing::conclude(&json!({ "changed": changed, "branch": shown.head }), None, ui);
    if ui.is_json() {
        let mut fields = shown.fields();
        let more = json!({
            "dry_run": true,
            "changed": changed,
            "action": outcome.map(|outcome| outcome.action.as_str()),
            "number": existing.map(|(number, _)| number),
            "url": existing.map(|(_, url)| url),
            "title": proposal.title, "body": proposal.body,
            "edits": shown.plan.map(|plan| &plan.edits), "diff": diff,
            "push": shown.reference, "push_options": shown.options,
            "requests": shown.requests.iter().map(|request| json!({
                "method": request.method, "url": request.url, "body": request.body,
            })).collect::<Vec<_>>(),
        });
        if let (Value::Object(into), Value::Object(more)) = (&mut fields, more) {
            into.extend(more);
        }
        ui.json(shown.command, fields)?;
        return Ok(Outcome::Done);
    }
    ui.line(format!("branch: {} -> {}", shown.head, shown.base))?;
    if let Some((number, url)) = existing {
        ui.line(format!("pull request: #{number} {url}"))?;
    }
    ui.line(format!("title: {}", proposal.title))?;
    if let Some(diff) = &diff {
        ui.line("")?;
        ui.diff(diff)?;
    }
    ui.line(format!("\nbody:\n{}", proposal.body))?;
    if let Some(reference) = &shown.reference {
        ui.line(format!("\npush to {reference}"))?;
        for option in &shown.options {
            ui.line(format!("  -o {option}"))?;
        }
    }
    for request in &shown.requests {
        ui.line(format!("\n{} {}", request.method, request.url))?;
        if !request.body.is_null() {
            ui.line(serde_json::to_string_pretty(&request.body)?)?;
        }
    }
    Ok(Outcome::Done)
}
