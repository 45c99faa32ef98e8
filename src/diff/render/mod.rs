//! How a comparison is shown: for people, for pull requests, for programs.

pub mod changes;
pub mod findings;
pub mod fold;
pub mod human;
pub mod json;
pub mod lines;
pub mod markdown;
pub mod unified;
pub mod values;

use super::images::User;
use super::{Comparison, Status};
use crate::manifest::Object;

/// What is compared, in a few words each.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// The older side.
    pub before: String,
    /// The newer side.
    pub after: String,
}

/// `2 changed, 1 added (120 unchanged, 3 ignored)`.
#[must_use]
pub fn counts(comparison: &Comparison) -> String {
    let of = |status| (comparison.count(status), Status::as_str(status));
    let counts = [Status::Changed, Status::Added, Status::Removed, Status::Renamed].map(of);
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let mut aside = vec![format!("{} unchanged", comparison.unchanged)];
    if !comparison.ignored.is_empty() {
        aside.push(format!("{} ignored", comparison.ignored.len()));
    }
    if comparison.hidden > 0 {
        aside.push(format!("{} not shown", comparison.hidden));
    }
    let aside = aside.join(", ");
    if parts.is_empty() { format!("({aside})") } else { format!("{} ({aside})", parts.join(", ")) }
}

/// What to say where nothing is left to show.
#[must_use]
pub fn nothing(comparison: &Comparison) -> &'static str {
    if comparison.hidden > 0 { "No differences of that kind." } else { "No differences." }
}

/// Names one after another, as many as fit, and how many more there are.
#[must_use]
pub fn listed(names: &[String], room: usize) -> String {
    let mut out = String::new();
    for (at, name) in names.iter().enumerate() {
        let more = names.len() - at;
        if at > 0 && out.chars().count() + name.chars().count() + 12 > room {
            return format!("{out} and {more} more");
        }
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
    }
    out
}

fn user(user: &User) -> String {
    if user.environment.is_empty() {
        user.title.clone()
    } else {
        format!("{} ({})", user.title, user.environment)
    }
}

/// Where an object stands; a document without a name is its place already.
fn place(object: &Object) -> String {
    match object.identity {
        Some(_) => format!("{}:{}", object.path, object.line),
        None => format!("line {}", object.line),
    }
}
