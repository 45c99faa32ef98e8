//! Line diffs of texts, and texts without their secrets.

use std::ops::Range;

use similar::{ChangeTag, TextDiff};

use crate::diff::mask::{Masker, is_telling_key, is_telling_scalar};
use crate::manifest::chunks;
use crate::yaml::{NodeRef, Stream, Value};

/// One line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// ` `, `-`, `+`, or `@` between two places.
    pub sign: char,
    /// The text, without its end.
    pub text: String,
}

/// The lines that differ, with `context` equal ones around them.
#[must_use]
pub fn diff(before: &str, after: &str, context: usize) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(context).iter().enumerate() {
        if number > 0 {
            lines.push(Line { sign: '@', text: "⋯".to_owned() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            lines.push(Line { sign, text });
        }
    }
    lines
}

/// A file's text without the secrets in it: those of `Secret` objects and of keys that tell, and
/// every copy of a known one.
#[must_use]
pub fn masked(text: &str, masker: &Masker) -> String {
    let mut out = String::with_capacity(text.len());
    for chunk in chunks(text) {
        let piece = &text[chunk.range];
        out.push_str(&masker.scrub(&masked_piece(piece, masker)));
    }
    out
}

fn masked_piece(piece: &str, masker: &Masker) -> String {
    let Ok(stream) = Stream::parse(piece.to_owned()) else {
        let is_secret = piece.lines().any(|line| is_secret_line(line.trim()));
        return if is_secret {
            piece.split_inclusive('\n').map(hide_line).collect()
        } else {
            piece.to_owned()
        };
    };
    let mut hidden = Vec::new();
    for document in 0..stream.documents() {
        if let Some(root) = stream.root(document) {
            find_hidden(root, &Place::top(&stream, document), masker, &mut hidden);
        }
    }
    hidden.sort_by_key(|(range, _): &(Range<usize>, String)| std::cmp::Reverse(range.start));
    let mut out = piece.to_owned();
    for (range, replacement) in hidden {
        out.replace_range(range, &replacement);
    }
    out
}

fn is_secret_line(line: &str) -> bool {
    line.strip_prefix("kind:").is_some_and(|kind| kind.trim().trim_matches(['"', '\'']) == "Secret")
}

/// A line of a Secret that cannot be parsed: only what names the object stays.
fn hide_line(line: &str) -> String {
    const SHOWN: &[&str] =
        &["apiVersion", "kind", "metadata", "name", "namespace", "type", "data", "stringData"];
    let end = if line.ends_with('\n') { "\n" } else { "" };
    let body = line.trim_end();
    let indent = &body[..body.len() - body.trim_start().len()];
    match body.trim_start().split_once(':') {
        _ if body.trim().is_empty() || body.trim().starts_with("{{") || body == "---" => {
            line.to_owned()
        }
        Some((key, _)) if SHOWN.contains(&key) => line.to_owned(),
        Some((key, value)) if value.trim().is_empty() => format!("{indent}{key}:{end}"),
        Some((key, _)) if !key.contains(' ') => format!("{indent}{key}: <masked>{end}"),
        _ => format!("{indent}<masked>{end}"),
    }
}

/// Where in a document the walk is.
struct Place {
    is_secret: bool,
    depth: usize,
    hidden: bool,
    encoded: bool,
}

impl Place {
    fn top(stream: &Stream, document: usize) -> Self {
        let kind = stream.root(document).and_then(|root| root.get_text("kind"));
        Self { is_secret: kind == Some("Secret"), depth: 0, hidden: false, encoded: false }
    }
}

fn find_hidden(
    node: NodeRef<'_>,
    place: &Place,
    masker: &Masker,
    hidden: &mut Vec<(Range<usize>, String)>,
) {
    if place.hidden && node.scalar().is_some() && !node.is_missing() {
        let text = node.scalar().unwrap_or_default();
        let span = node.span();
        // The line break that ends a block belongs to its span.
        let end = if node.stream().source()[span.clone()].ends_with('\n') { "\n" } else { "" };
        hidden.push((span, masker.replacement(text, place.encoded) + end));
        return;
    }
    // A list of objects may hold Secrets.
    let inner = Place { is_secret: true, depth: 0, ..*place };
    let place = if node.get_text("kind") == Some("Secret") { &inner } else { place };
    let named =
        node.get_text("name").is_some_and(|name| is_telling_key(name, &Value::text("x", 0)));
    for (key, value) in node.entries() {
        let name = key.scalar().unwrap_or_default();
        let data = place.is_secret && place.depth == 0 && matches!(name, "data" | "stringData");
        let telling = tells(name, value) || (named && name == "value");
        let below = Place {
            is_secret: place.is_secret,
            depth: place.depth + 1,
            hidden: place.hidden || data || telling,
            encoded: place.encoded || (data && name == "data"),
        };
        find_hidden(value, &below, masker, hidden);
    }
    for item in node.items() {
        let below = Place { depth: place.depth + 1, ..*place };
        find_hidden(item, &below, masker, hidden);
    }
}

/// Whether the key tells that its scalar is a secret.
fn tells(key: &str, value: NodeRef<'_>) -> bool {
    value.scalar().is_some_and(|text| is_telling_scalar(key, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_differs_with_context() {
        let lines = diff("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n", 1);
        let text: Vec<String> = lines.iter().map(|l| format!("{}{}", l.sign, l.text)).collect();
        assert_eq!(text, [" c", "-d", "+X", " e"]);
    }

    #[test]
    fn masks_the_text_of_secrets_only() {
        let masker = Masker::default();
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: aGk= # c\nstringData:\n  b: |\n    one\n    two\n---\nkind: X\npassword: p\nautomountServiceAccountToken: false\nport: 1\n";
        assert_eq!(
            masked(text, &masker),
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: <masked> # c\nstringData:\n  b: |\n    <masked>\n---\nkind: X\npassword: <masked>\nautomountServiceAccountToken: false\nport: 1\n"
        );
    }

    #[test]
    fn masks_secrets_that_are_templates() {
        let text = "kind: Secret\nmetadata:\n  name: x\ndata:\n  {{- if .a }}\n  key: c2VjcmV0\n  {{ end }}\n  other: |\n    plain words\n";
        assert_eq!(
            masked(text, &Masker::default()),
            "kind: Secret\nmetadata:\n  name: x\ndata:\n  {{- if .a }}\n  key: <masked>\n  {{ end }}\n  other: <masked>\n    <masked>\n"
        );
    }
}
