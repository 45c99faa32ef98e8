//! What a value is by its place: a secret, a quantity, a text that holds YAML or JSON.

use super::{At, Comparer, Edit, Terms};
use crate::diff::mask::{Facts, Place, Shape};
use crate::diff::path::FieldPath;
use crate::diff::quantity;
use crate::yaml::value::Data;
use crate::yaml::{Schema, Stream, Value, expand};

impl Comparer<'_, '_> {
    /// Whether what stands here is a secret, on either side. Only asked for what differs.
    pub(super) fn place(&self, edit: &Edit) -> Place {
        let shape = edit.before().or(edit.after()).map_or(Shape::Text, Shape::of);
        let mut place = self.base;
        for (depth, (at, (left, right))) in self.path.iter().zip(&self.above).enumerate() {
            let shape = if depth + 1 < self.path.len() { Shape::Collection } else { shape };
            let [old, new] = [(left, 0), (right, 1)]
                .map(|(above, side)| place_below(place, at, (above, side), shape));
            place = old.with(new);
        }
        place
    }

    /// Whether these keys lead into what a ConfigMap or a Secret holds.
    fn is_plain_data(&self, keys: &[&str]) -> bool {
        let kind = self.terms.identity.map(|identity| identity.kind.as_str());
        matches!(kind, Some("ConfigMap" | "Secret"))
            && matches!(keys.first(), Some(&("data" | "stringData" | "binaryData")))
    }

    pub(super) fn is_same_quantity(&self, left: &Value, right: &Value) -> bool {
        const ABOVE: &[&str] = &[
            "limits",
            "requests",
            "capacity",
            "hard",
            "default",
            "defaultRequest",
            "max",
            "min",
            "podFixed",
        ];
        const LAST: &[&str] = &["sizeLimit", "divisor", "averageValue", "storage"];
        // Texts that a program reads, each in its own way.
        const TEXTS: &[&str] = &["labels", "annotations", "matchLabels", "nodeSelector", "env"];
        let keys = self.keys();
        let Some((last, above)) = keys.split_last() else { return false };
        if self.verbatim || self.is_plain_data(&keys) || above.iter().any(|key| TEXTS.contains(key))
        {
            return false;
        }
        let above = above.last().copied().unwrap_or_default();
        let is_quantity = LAST.contains(last) || ABOVE.contains(&above);
        is_quantity && quantity::is_same(left, right)
    }

    fn place_of_text(&self) -> Place {
        self.place(&Edit::Reordered(Vec::new(), Vec::new()))
    }

    /// Compares the YAML or JSON inside of two strings; false where they are no such thing.
    pub(super) fn embedded(&mut self, left: &str, right: &str, line: u32) -> bool {
        let keys = self.keys();
        let Some(last) = keys.last() else { return false };
        let named = [".json", ".yaml", ".yml"].iter().any(|ending| last.ends_with(ending));
        let is_helm_values = *last == "values" && self.terms.identity.is_some();
        let is_json = |text: &str| text.trim_start().starts_with(['{', '[']);
        let both_json = is_json(left) && is_json(right);
        if !(named || is_helm_values || both_json) {
            return false;
        }
        let place = self.place_of_text();
        if place.hides(Shape::Text) || place.literal {
            return false;
        }
        let (Some(left), Some(right)) = (inner_value(left), inner_value(right)) else {
            return false;
        };
        let mut inner = Comparer::new(Terms { identity: None, ..self.terms }, place.open());
        inner.verbatim = self.verbatim || self.is_plain_data(&keys);
        inner.values(&left, &right);
        let changes = inner.found.changes;
        // Texts that differ in layout only are shown as the texts they are.
        let differs = !changes.is_empty();
        self.path.push(At::Inside);
        let prefix = self.field_path().0;
        self.path.pop();
        self.found.changes.extend(changes.into_iter().map(|change| {
            let path = FieldPath([prefix.clone(), change.path.0].concat());
            super::Change { path, line, ..change }
        }));
        differs
    }
}

/// Where a step leads in one of the two collections.
fn place_below(place: Place, at: &At<'_>, (above, side): (&Value, usize), shape: Shape) -> Place {
    match (&above.data, at) {
        (Data::Map(map), At::Key(key)) => place.below(Facts::of(map), key, shape),
        (Data::List(items), At::Index(_, numbers)) => {
            let previous = numbers[side].checked_sub(1).and_then(|index| items.get(index));
            place.behind(previous.and_then(Value::as_str))
        }
        _ => place,
    }
}

fn inner_value(text: &str) -> Option<Value> {
    let stream = Stream::parse(text.to_owned()).ok()?;
    if stream.documents() != 1 {
        return None;
    }
    let value = expand(&stream, 0, Schema::Either, 0).ok()?.value;
    (!value.is_scalar()).then_some(value)
}
