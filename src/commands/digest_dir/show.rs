//! What is printed of digests, manifests and differences, and what CI systems are told.

use serde_json::{Value, json};

use super::{Change, Digested, Plan};
use crate::commands::publishing;
use crate::digest::{FORMATS, Format, Tree, escaped, exact, shown};
use crate::error::Outcome;
use crate::ui::Ui;

/// One digest, and whether it is the expected one.
pub(super) fn digest(plan: &Plan, one: &Digested, ui: &Ui) -> anyhow::Result<Outcome> {
    let expected = plan.expected.as_ref();
    let changed = expected.map(|expected| expected.digest != one.digest);
    publish(one, changed, ui);
    if ui.is_json() {
        let mut fields = fields(plan.format, one);
        if let (Some(expected), Some(changed)) = (expected, changed) {
            fields["expected"] = json!(expected.digest);
            fields["changed"] = json!(changed);
        }
        ui.json("digest-dir", fields)?;
    } else {
        ui.line(&one.digest)?;
    }
    let Some(expected) = expected.filter(|_| changed == Some(true)) else {
        return Ok(Outcome::Done);
    };
    let dir = shown(&one.dir);
    ui.status(format!(
        "`{dir}` differs\n  expected {}\n  found    {}",
        expected.digest, one.digest
    ));
    Ok(Outcome::Differs)
}

fn publish(one: &Digested, changed: Option<bool>, ui: &Ui) {
    publishing::conclude(&json!({ "digest": one.digest, "changed": changed }), None, ui);
}

/// Several digests, a line each.
pub(super) fn digests(plan: &Plan, digested: &[Digested], ui: &Ui) -> anyhow::Result<Outcome> {
    if ui.is_json() {
        let all: Vec<_> = digested.iter().map(|one| fields(plan.format, one)).collect();
        ui.json("digest-dir", json!({ "format": plan.format.name, "directories": all }))?;
        return Ok(Outcome::Done);
    }
    let mut lines = Vec::new();
    for one in digested {
        lines.extend(one.digest.as_bytes());
        lines.extend(b"  ");
        lines.extend(escaped(&one.dir));
        lines.push(b'\n');
    }
    ui.bytes(&lines)?;
    Ok(Outcome::Done)
}

fn fields(format: &Format, one: &Digested) -> Value {
    let excluded: Vec<String> = one.excluded.iter().map(|path| exact(path)).collect();
    json!({
        "dir": exact(&one.dir),
        "digest": one.digest,
        "format": format.name,
        "files": one.files,
        "bytes": one.bytes,
        "excluded": excluded,
    })
}

/// The text that is digested, as it is made: a second copy of it could be as large as the tree.
pub(super) fn manifest(
    plan: &Plan,
    one: &Digested,
    tree: &Tree,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let mut is_text = true;
    plan.format.manifest(tree, &mut |piece| is_text &= str::from_utf8(piece).is_ok())?;
    publish(one, None, ui);
    let mut out = ui.stream();
    if ui.is_json() {
        let name = if is_text { "manifest" } else { "manifest_base64" };
        out.open("digest-dir", fields(plan.format, one), name);
        let mut text = |piece: &[u8]| if is_text { out.text(piece) } else { out.base64(piece) };
        plan.format.manifest(tree, &mut text)?;
        out.close(ui);
    } else {
        plan.format.manifest(tree, &mut |piece| out.bytes(piece))?;
    }
    out.finish()?;
    Ok(Outcome::Done)
}

/// What differs from a manifest.
pub(super) fn changes(
    one: &Digested,
    changes: &[(Change, Box<[u8]>)],
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let differs = !changes.is_empty();
    publish(one, Some(differs), ui);
    if ui.is_json() {
        let change = |(change, path): &(Change, Box<[u8]>)| json!({ "change": change.as_str(), "path": exact(path) });
        let mut fields = fields(&FORMATS[0], one);
        fields["changed"] = json!(differs);
        fields["changes"] = changes.iter().map(change).collect();
        ui.json("digest-dir", fields)?;
    } else {
        let mut out = ui.stream();
        for (change, path) in changes {
            // A name may hold what a terminal takes for a command.
            out.bytes(format!("{}\t{}\n", change.as_str(), exact(path)).as_bytes());
        }
        out.finish()?;
    }
    Ok(if differs { Outcome::Differs } else { Outcome::Done })
}
