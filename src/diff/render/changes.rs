//! A change as text: what every output for people starts from.

use super::lines::{self, Line};
use super::values;
use crate::diff::compare::{Change, Edit};
use crate::yaml::Value;

/// Lines of context around a change within a text.
const CONTEXT: usize = 2;

/// A change, ready to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The field.
    pub path: String,
    /// What happens to it.
    pub body: Body,
}

/// What happens to a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// One line each.
    Scalar {
        /// The value before.
        before: String,
        /// The value after.
        after: String,
    },
    /// Lines with their signs.
    Lines(Vec<(char, String)>),
    /// The same items in another order.
    Order {
        /// Their names before.
        before: String,
        /// Their names after.
        after: String,
    },
}

/// A change as text.
#[must_use]
pub fn shown(change: &Change) -> Shown {
    let body = match &change.edit {
        Edit::Added(value) => one_sided(value, '+'),
        Edit::Removed(value) => one_sided(value, '-'),
        Edit::Changed(before, after) => both(before, after),
        Edit::Reordered(before, after) => {
            Body::Order { before: before.join(", "), after: after.join(", ") }
        }
    };
    Shown { path: change.path.to_string(), body }
}

fn one_sided(value: &Value, sign: char) -> Body {
    Body::Lines(text_lines(value).into_iter().map(|line| (sign, line)).collect())
}

/// The lines of a value; a text of several lines is those lines.
fn text_lines(value: &Value) -> Vec<String> {
    match value.as_str() {
        Some(text) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
        _ => values::block(value),
    }
}

fn both(before: &Value, after: &Value) -> Body {
    let long = |value: &Value| value.as_str().is_some_and(|text| text.contains('\n'));
    if let (Some(old), Some(new)) = (before.as_str(), after.as_str())
        && (long(before) || long(after))
    {
        let mut shown: Vec<(char, String)> = lines::diff(old, new, CONTEXT)
            .into_iter()
            .map(|Line { sign, text }| (sign, text))
            .collect();
        if !shown.iter().any(|(sign, _)| matches!(sign, '-' | '+')) || only_the_end(old, new) {
            shown.push(('@', "the line break at the end differs".to_owned()));
        }
        return Body::Lines(shown);
    }
    if before.is_scalar() && after.is_scalar() {
        return Body::Scalar { before: values::inline(before), after: values::inline(after) };
    }
    let lines = |value, sign| text_lines(value).into_iter().map(move |line| (sign, line));
    Body::Lines(lines(before, '-').chain(lines(after, '+')).collect())
}

/// Whether two texts differ in the line breaks at their ends only.
fn only_the_end(before: &str, after: &str) -> bool {
    before.trim_end_matches('\n') == after.trim_end_matches('\n')
}
