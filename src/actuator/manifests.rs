//! What a release consists of, as far as people want to see it: the objects that Helm made of it last, beside those that it
//! would make now. It is shown and no more: what is to be done is decided by what is declared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::yaml;
use crate::http::Secret;
use crate::plan::{Compared, Drift, Rendered, field};

type Objects = BTreeMap<String, Value>;

/// Adds the objects that differ to what is said of a release.
pub(super) fn show(compared: &mut Compared, live: &str, declared: &str) -> anyhow::Result<()> {
    let (mut before, mut after) = (objects(live)?, objects(declared)?);
    for (name, object) in &mut before {
        mask(object, after.get_mut(name));
    }
    for object in after.values_mut() {
        mask(object, None);
    }
    compared.rendered = Some(Rendered {
        before: before.values().cloned().collect(),
        after: after.values().cloned().collect(),
    });
    // Of what comes or goes as a whole, the name says enough.
    let short = |these: &Objects, others: &Objects| -> Value {
        let one = |(name, object): (&String, &Value)| {
            let shown = if others.contains_key(name) { object.clone() } else { json!("there") };
            (name.clone(), shown)
        };
        these.iter().map(one).collect::<serde_json::Map<_, _>>().into()
    };
    let changes = field::changes(&short(&before, &after), &short(&after, &before));
    if changes.is_empty() {
        return Ok(());
    }
    let is_digest = |drift: &Drift| matches!(drift.change.path.keys()[..], ["digest" | "releases"]);
    compared.changes.retain(|drift| !is_digest(drift));
    compared.changes.extend(changes.into_iter().map(|change| Drift { change, by: None }));
    Ok(())
}

/// The objects by kind and name; hooks are none of the release's.
fn objects(text: &str) -> anyhow::Result<Objects> {
    let mut found = Objects::new();
    for document in yaml::read("what helm prints", text.as_bytes())? {
        let object = document.value;
        let metadata = &object["metadata"];
        if !object.is_object() || !metadata["annotations"]["helm.sh/hook"].is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&metadata["name"]));
        let name = match text(&metadata["namespace"]).as_str() {
            "" => format!("{kind} {name}"),
            namespace => format!("{kind} {namespace}/{name}"),
        };
        for value in yaml::secrets_of(&object) {
            drop(Secret::new(&value));
        }
        // Releases in several namespaces may have objects of one name.
        let again = (2..).map(|number| format!("{name} #{number}"));
        let mut names = std::iter::once(name.clone()).chain(again);
        if let Some(name) = names.find(|name| !found.contains_key(name)) {
            found.insert(name, object);
        }
    }
    Ok(found)
}

/// Hides the values of a Secret, and leaves to be seen which differ from the other side's.
fn mask(object: &mut Value, mut other: Option<&mut Value>) {
    const MASKED: &str = "<masked>";
    if object["kind"] != "Secret" {
        return;
    }
    for part in ["data", "stringData"] {
        let Some(values) = object.get_mut(part) else { continue };
        let theirs = other.as_deref_mut().and_then(|other| other.get_mut(part));
        let (Value::Object(ours), Some(Value::Object(theirs))) = (&mut *values, theirs) else {
            if !is_masked(values) {
                *values = json!(MASKED);
            }
            continue;
        };
        for (key, value) in theirs.iter_mut() {
            let same = ours.get(key) == Some(value);
            *value = json!(if same { MASKED } else { "<masked, another value>" });
        }
        ours.values_mut().for_each(|value| *value = json!(MASKED));
    }
}

fn is_masked(values: &Value) -> bool {
    let is_mask = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("<masked"));
    values.as_object().is_some_and(|map| map.values().all(is_mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Id, Item};

    #[test]
    fn shows_what_differs_and_no_secret() {
        let live = "kind: A\nmetadata: {name: a}\nspec: {size: 1}\n---\nkind: Secret\nmetadata: {name: s}\n\
            data: {same: c2FtZQ==, other: Y2FuYXJ5LW9uZQ==}\n---\nkind: Old\nmetadata: {name: o}\n";
        let declared = "kind: A\nmetadata: {name: a}\nspec: {size: 2}\n---\nkind: Secret\nmetadata: {name: s}\n\
            data: {same: c2FtZQ==, other: Y2FuYXJ5LXR3bw==}\n---\nkind: Secret\nmetadata: {name: new}\n\
            stringData: canary-text\n---\nkind: H\nmetadata: {name: h, annotations: {helm.sh/hook: test}}\n";
        let item =
            Item { id: Id::plain("HelmRelease", "r"), value: json!({}), origin: String::new() };
        let mut compared = Compared::absent(item);
        show(&mut compared, live, declared).unwrap();
        let text = |value: &Option<Value>| value.clone().unwrap_or_default().to_string();
        let shown = |drift: &Drift| {
            let change = &drift.change;
            format!("{}: {} {}", change.path, text(&change.from), text(&change.to))
        };
        let lines: Vec<String> = compared.changes.iter().map(shown).collect();
        assert!(lines.iter().any(|line| line.ends_with("spec.size: 1 2")), "{lines:?}");
        assert!(lines.iter().any(|line| line.ends_with("\"there\" null")), "{lines:?}");
        assert!(lines.iter().any(|line| line.ends_with("null \"there\"")), "{lines:?}");
        let masked = "data.other: \"<masked>\" \"<masked, another value>\"";
        assert!(lines.iter().any(|line| line.ends_with(masked)), "{lines:?}");
        assert_eq!(lines.len(), 4, "{lines:?}");
        let all = format!("{lines:?} {:?}", compared.rendered);
        assert!(!all.contains("canary") && !all.contains("Y2FuYXJ5"), "{all}");
    }
}
