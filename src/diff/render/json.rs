//! For programs. `docs/diff.md` describes the fields; they only ever grow.

use serde_json::{Value as Json, json};

use super::Sides;
use crate::diff::compare::{Change, Edit};
use crate::diff::ignore::IgnoreRule;
use crate::diff::{Comparison, ObjectDiff, Status, TextDiff};
use crate::manifest::Object;

/// The fields behind the envelope.
#[must_use]
pub fn render(comparison: &Comparison, sides: &Sides, rules: &[IgnoreRule]) -> Json {
    json!({
        "changed": !comparison.is_empty(),
        "from": sides.before,
        "to": sides.after,
        "counts": {
            "added": comparison.count(Status::Added),
            "changed": comparison.count(Status::Changed),
            "removed": comparison.count(Status::Removed),
            "renamed": comparison.count(Status::Renamed),
            "unchanged": comparison.unchanged,
            "ignored": comparison.ignored.len(),
            "hidden": comparison.hidden,
        },
        "images": comparison.images.iter().map(|image| json!({
            "image": image.name,
            "before": image.before,
            "after": image.after,
            "class": image.class.as_str(),
            "users": image.users.iter().map(|user| json!({
                "object": user.title,
                "environment": some(&user.environment),
                "file": &*user.path,
                "line": user.line,
            })).collect::<Json>(),
        })).collect::<Json>(),
        "risks": comparison.risks.iter().map(|risk| json!({
            "id": risk.id,
            "object": risk.object,
            "environment": some(&risk.environment),
            "file": &*risk.path,
            "line": risk.line,
            "message": risk.message,
        })).collect::<Json>(),
        "objects": comparison.objects.iter().map(object).collect::<Json>(),
        "files": comparison.texts.iter().map(file).collect::<Json>(),
        "diagnostics": comparison.diagnostics.iter().map(|diagnostic| json!({
            "file": &*diagnostic.path,
            "lines": diagnostic.lines,
            "message": diagnostic.message,
        })).collect::<Json>(),
        "ignored": comparison.ignored.iter().map(|ignored| json!({
            "object": ignored.object,
            "file": &*ignored.file,
            "path": ignored.path.as_ref().map(ToString::to_string),
            "reason": rules.get(ignored.rule).map(|rule| rule.reason.as_str()),
        })).collect::<Json>(),
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn object(diff: &ObjectDiff) -> Json {
    let object = diff.object();
    let identity = object.identity.as_ref();
    let content = |side: &Option<Object>| {
        let alone = matches!(diff.status, Status::Added | Status::Removed);
        side.as_ref().filter(|_| alone).map(|object| object.value.to_json())
    };
    let renamed = diff.before.as_ref().filter(|_| diff.status == Status::Renamed);
    json!({
        "status": diff.status.as_str(),
        "title": object.title(),
        "environment": some(&object.environment),
        "apiVersion": some(object.api_version()),
        "group": identity.map(|id| id.group.as_str()),
        "kind": identity.map(|id| id.kind.as_str()),
        "namespace": identity.and_then(|id| some(&id.namespace)),
        "name": identity.map(|id| id.name.as_str()),
        "renamedFrom": renamed.map(Object::title),
        "file": &*object.path,
        "line": object.line,
        "document": object.position,
        "before": content(&diff.before),
        "after": content(&diff.after),
        "changes": diff.changes.iter().map(change).collect::<Json>(),
    })
}

fn change(change: &Change) -> Json {
    let (op, before, after) = match &change.edit {
        Edit::Added(value) => ("add", None, Some(value.to_json())),
        Edit::Removed(value) => ("remove", Some(value.to_json()), None),
        Edit::Changed(old, new) => ("replace", Some(old.to_json()), Some(new.to_json())),
        Edit::Reordered(old, new) => ("reorder", Some(json!(old)), Some(json!(new))),
    };
    json!({
        "path": change.path.to_string(),
        "op": op,
        "before": before,
        "after": after,
        "line": change.line,
    })
}

fn file(text: &TextDiff) -> Json {
    json!({
        "status": text.status().as_str(),
        "environment": some(&text.environment),
        "file": &*text.path,
        "notice": text.notice,
        "binary": text.binary,
        "before": text.before.as_ref().filter(|_| !text.binary),
        "after": text.after.as_ref().filter(|_| !text.binary),
    })
}
