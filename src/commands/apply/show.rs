//! What a plan and a run look like: as text, and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::converge::{Extent, Report};
use super::images;
use super::job::Job;
use super::prospect::Prospect;
use crate::actuator::holds_secret;
use crate::commands::publishing;
use crate::diff::render::human;
use crate::diff::render::markdown::code;
use crate::http::mask;
use crate::plan::{Compared, Drift, FieldChange, Id, Operation, Plan};
use crate::ui::Ui;

/// Longer values are cut.
const MOST_TEXT: usize = 120;

/// More fields of one object are counted.
const MOST_FIELDS: usize = 5;

/// The difference, one object after the other.
pub(super) fn plan(job: &Job, prospect: &Prospect, ui: &Ui) -> anyhow::Result<()> {
    let plan = &prospect.plan;
    let (kind, address) = (&prospect.target.kind, short_path(job, &prospect.target.address));
    let head = format!("{}: {} → {kind} {address}\n", job.environment, job.commit());
    let images = human::images(&images::changes(plan), ui.width());
    ui.text(&mask(&head))?;
    if !images.is_empty() {
        ui.text(&mask(&format!("{images}\n")))?;
    }
    let mut text = String::new();
    for compared in plan.changes() {
        text.push_str(&object(compared));
    }
    for prune in &plan.prunes {
        let _ = writeln!(text, "- delete {}", prune.id);
    }
    for (id, reason) in &plan.spared {
        let _ = writeln!(text, "  spare {id}: {reason}");
    }
    let _ = writeln!(text, "{}", counts(prospect));
    ui.diff(&mask(&text))?;
    Ok(())
}

/// A path below the checkout as people would name it.
fn short_path<'a>(job: &Job, address: &'a str) -> &'a str {
    let below = Path::new(address).strip_prefix(&job.root).ok().and_then(Path::to_str);
    below.filter(|path| !path.is_empty()).unwrap_or(address)
}

fn counts(prospect: &Prospect) -> String {
    let counts = prospect.plan.counts();
    let words = [
        ("create", "to create"),
        ("update", "to update"),
        ("adopt", "to adopt"),
        ("recreate", "to make again"),
        ("prune", "to delete"),
        ("keep", "unchanged"),
    ];
    let parts = words.iter().filter_map(|(key, word)| {
        let count = counts.get(key).copied().filter(|count| *count > 0)?;
        Some(format!("{count} {word}"))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "nothing is declared".to_owned() } else { parts.join(", ") }
}

fn object(compared: &Compared) -> String {
    let id = &compared.item.id;
    let sign = match compared.operation {
        Operation::Create => '+',
        Operation::Recreate => '!',
        Operation::Keep | Operation::Update | Operation::Adopt => '~',
    };
    let turn = match compared.turn {
        Some(turn) if turn.is_last => " (hook, after everything else)",
        Some(_) => " (hook, before everything else)",
        None => "",
    };
    let mut text = format!("{sign} {} {id}{turn}\n", compared.operation.as_str());
    for drift in &compared.changes {
        text.push_str(&field(id, drift));
    }
    for conflict in &compared.conflicts {
        let _ = writeln!(text, "    held by {}: {}", conflict.manager, conflict.field);
    }
    text
}

/// What differs, without values: one line per object.
pub(super) fn findings(plan: &Plan) -> Vec<String> {
    let line = |compared: &Compared| {
        let id = &compared.item.id;
        if compared.operation == Operation::Create {
            return format!("{id} is missing");
        }
        let paths = compared.changes.iter().map(|drift| {
            let by = drift.by.as_ref().map(|(manager, time)| format!(" ({manager}, {time})"));
            format!("{}{}", drift.change.path, by.unwrap_or_default())
        });
        let paths: Vec<String> = paths.filter(|path| !path.is_empty()).collect();
        let more = paths.len().saturating_sub(MOST_FIELDS);
        let shown = paths[..paths.len() - more].join(", ");
        match (shown.as_str(), more) {
            ("", _) => format!("{id} differs"),
            (shown, 0) => format!("{id}: {shown}"),
            (shown, more) => format!("{id}: {shown} and {more} more"),
        }
    };
    let prunes = plan.prunes.iter().map(|prune| format!("{} is there", prune.id));
    plan.changes().map(line).chain(prunes).collect()
}

fn field(id: &Id, drift: &Drift) -> String {
    let change = &drift.change;
    let by = match &drift.by {
        // The server does not say when a subresource was written: `kubectl scale`.
        Some((manager, time)) if time.is_empty() => format!(" (changed by {manager})"),
        Some((manager, time)) => format!(" (changed by {manager}, {time})"),
        None => String::new(),
    };
    let path = change.path.to_string();
    let is_value = matches!(change.path.keys().first(), Some(&("data" | "stringData")));
    if id.is_secret() && is_value {
        return format!("    {path}: <masked>{by}\n");
    }
    if is_binary(id, change) {
        return "    <binary>\n".to_owned();
    }
    if may_hold_secret(change) {
        let of = if path.is_empty() { String::new() } else { format!("{path}: ") };
        return format!("    {of}<masked: it holds a Secret>{by}\n");
    }
    if let (Some(Value::String(from)), Some(Value::String(to))) = (&change.from, &change.to)
        && (from.contains('\n') || to.contains('\n'))
    {
        let head = if path.is_empty() { String::new() } else { format!("    {path}:{by}\n") };
        return head + &lines(from, to);
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), short);
    format!("    {path}: {} → {}{by}\n", shown(&change.from), shown(&change.to))
}

/// Whether one side is a text that holds a Secret, or may: of that, not one line is shown.
fn may_hold_secret(change: &FieldChange) -> bool {
    fn holds(value: &Value) -> bool {
        match value {
            Value::String(text) => holds_secret(text),
            Value::Array(items) => items.iter().any(holds),
            Value::Object(map) => map.values().any(holds),
            _ => false,
        }
    }
    [&change.from, &change.to].into_iter().flatten().any(holds)
}

/// Whether one side of a file is no text.
fn is_binary(id: &Id, change: &FieldChange) -> bool {
    let is_text = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_string);
    // Besides what is in it, a file has a mode.
    let is_plain = matches!(change.path.keys()[..], [] | ["mode"]);
    id.kind == "File" && !(is_plain && is_text(&change.from) && is_text(&change.to))
}

/// Only the lines that differ.
fn lines(from: &str, to: &str) -> String {
    let diff = TextDiff::from_lines(from, to);
    let mut text = String::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => continue,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        let line = change.value().trim_end_matches(['\n', '\r']);
        let _ = writeln!(text, "    {sign} {line}");
    }
    text
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MOST_TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// How it ended.
pub(super) fn report(
    job: &Job,
    prospect: &Prospect,
    report: &Report,
    ui: &Ui,
) -> anyhow::Result<()> {
    for (id, cause) in &report.failed {
        ui.warn(format!("{id}: {}", mask(cause)));
    }
    for (id, health) in &report.unhealthy {
        ui.warn(format!("{id}: {}", mask(&health.to_string())));
        for line in job.actuator.diagnose(id) {
            ui.status(format!("  {}", mask(&line)));
        }
    }
    let fields = to_json(job, prospect, report);
    publishing::conclude(&fields, summary(job, prospect, report, &fields), ui);
    if ui.is_json() {
        return Ok(ui.json("apply", fields)?);
    }
    let what = job.environment.as_str();
    match () {
        () if report.interrupted => ui.warn("interrupted: the next run goes on from here"),
        () if !report.failed.is_empty() => ui.warn(format!("`{what}` is changed only in part")),
        () if !report.unhealthy.is_empty() => ui.warn(format!("`{what}` is not healthy")),
        () if report.extent == Extent::Saved => {}
        () if report.is_dry() && report.changed => ui.status("nothing was changed"),
        () if report.changed && report.is_left => {
            ui.status(format!("`{what}`: its controller was told, and is not waited for"));
        }
        () if report.changed => ui.status(format!("`{what}` is as declared")),
        () => ui.status(format!("nothing to do: `{what}` is as declared")),
    }
    Ok(())
}

/// What was done, for the page of the run; nothing where nothing was.
fn summary(job: &Job, prospect: &Prospect, report: &Report, fields: &Value) -> Option<String> {
    if report.is_dry() || (!report.changed && report.is_well()) {
        return None;
    }
    let plan = &prospect.plan;
    let status = fields["status"].as_str().unwrap_or_default();
    let heading = format!("`apply`: {} {status}, {}", code(&job.environment), job.commit());
    let images = publishing::of_images(&heading, &images::changes(plan));
    let changed = plan.changes().map(|it| (it.operation.as_str(), it.item.id.to_string()));
    let gone = plan.prunes.iter().map(|prune| ("delete", prune.id.to_string()));
    let objects: Vec<(&str, String)> = changed.chain(gone).collect();
    Some(images + &publishing::of_objects(&counts(prospect), objects.into_iter()))
}

pub(super) fn to_json(job: &Job, prospect: &Prospect, report: &Report) -> Value {
    let plan = &prospect.plan;
    let status = match () {
        () if report.interrupted => "interrupted",
        () if !report.failed.is_empty() => "partial",
        () if !report.unhealthy.is_empty() => "unhealthy",
        () if report.is_dry() && !plan.refusals.is_empty() => "refused",
        () if report.is_dry() => "planned",
        () if report.changed => "applied",
        () => "unchanged",
    };
    let spared = plan.spared.iter().map(|(id, why)| json!({"object": id.key(), "reason": why}));
    let failed =
        report.failed.iter().map(|(id, why)| json!({"object": id.key(), "cause": mask(why)}));
    let refusals = plan.refusals.iter().map(
        |refusal| json!({"gate": refusal.gate, "cause": mask(&refusal.cause), "hint": refusal.hint}),
    );
    let unhealthy = report
        .unhealthy
        .iter()
        .map(|(id, health)| json!({"object": id.key(), "health": mask(&health.to_string())}));
    json!({
        "changed": report.changed,
        "dry_run": report.is_dry(),
        "status": status,
        "environment": job.environment,
        "commit": job.source.commit,
        "actuator": prospect.target.kind,
        "counts": plan.counts(),
        "images": images::to_json(&images::changes(plan)),
        "changes": plan.changes().map(object_json).collect::<Vec<_>>(),
        "deletes": plan.prunes.iter().map(|prune| prune.id.key()).collect::<Vec<_>>(),
        "spared": spared.collect::<Vec<_>>(),
        "refusals": refusals.collect::<Vec<_>>(),
        "failed": failed.collect::<Vec<_>>(),
        "unhealthy": unhealthy.collect::<Vec<_>>(),
    })
}

/// An object to change, with its fields.
pub(super) fn object_json(compared: &Compared) -> Value {
    let id = &compared.item.id;
    let field = |drift: &Drift| {
        let is_value = matches!(drift.change.path.keys().first(), Some(&("data" | "stringData")));
        let hidden = id.is_secret() && is_value || may_hold_secret(&drift.change);
        let binary = is_binary(id, &drift.change);
        let value = |value: &Option<Value>| match value {
            Some(_) if hidden => json!("<masked>"),
            Some(_) if binary => json!("<binary>"),
            Some(value) => masked(value),
            None => Value::Null,
        };
        json!({
            "path": drift.change.path.to_string(),
            "from": value(&drift.change.from), "to": value(&drift.change.to),
            "manager": drift.by.as_ref().map(|(manager, _)| manager),
            "time": drift.by.as_ref().map(|(_, time)| time),
        })
    };
    json!({
        "operation": compared.operation.as_str(),
        "object": id.key(),
        "origin": compared.item.origin,
        "hook": compared.turn.map(|turn| if turn.is_last { "after" } else { "before" }),
        "fields": compared.changes.iter().map(field).collect::<Vec<_>>(),
    })
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask(text)),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), masked(value))).collect())
        }
        other => other.clone(),
    }
}
