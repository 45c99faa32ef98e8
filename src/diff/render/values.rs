//! Values as people read them: scalars on one line, collections as YAML.

use crate::yaml::value::{Data, format_text};
use crate::yaml::{Value, is_ambiguous};

/// A scalar, or a small collection, on one line.
#[must_use]
pub fn inline(value: &Value) -> String {
    match &value.data {
        Data::Text(text) => quoted(text),
        Data::Map(map) => {
            let entry =
                |e: &crate::yaml::value::Entry| format!("{}: {}", quoted(&e.key), inline(&e.value));
            format!("{{{}}}", map.entries().iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Data::List(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        _ => value.scalar_text().unwrap_or_default(),
    }
}

/// A string: in quotes where it would read as something else.
fn quoted(text: &str) -> String {
    let plain = !is_ambiguous(text)
        && !text.starts_with([
            ' ', '{', '[', '&', '*', '!', '|', '\'', '"', '%', '@', '`', '#', '-', '?',
        ])
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(char::is_control);
    if text.starts_with("ENC[") && text.ends_with(']') {
        // What SOPS made of it says nothing to people.
        return "ENC[…]".to_owned();
    }
    let masked = text.starts_with("<masked");
    if plain || masked { text.to_owned() } else { format_text(text) }
}

/// A value as lines of YAML, keys sorted.
#[must_use]
pub fn block(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    write(value, 0, &mut lines);
    lines
}

fn write(value: &Value, indent: usize, lines: &mut Vec<String>) {
    match &value.data {
        Data::Map(map) if !map.entries().is_empty() => {
            for entry in map.entries() {
                let head = format!("{:indent$}{}:", "", quoted(&entry.key));
                below(head, &entry.value, indent + 2, lines);
            }
        }
        Data::List(items) if !items.is_empty() => {
            for item in items {
                let first = lines.len();
                if item.is_scalar() {
                    below(format!("{:indent$}-", ""), item, indent + 2, lines);
                } else {
                    write(item, indent + 2, lines);
                    if let Some(line) = lines.get_mut(first) {
                        line.replace_range(indent..=indent, "-");
                    }
                }
            }
        }
        _ => lines.push(format!("{:indent$}{}", "", inline(value))),
    }
}

fn below(head: String, value: &Value, indent: usize, lines: &mut Vec<String>) {
    match &value.data {
        Data::Text(text) if text.contains('\n') => {
            lines.push(format!("{head} |"));
            lines.extend(text.lines().map(|line| format!("{:indent$}{line}", "")));
        }
        Data::Map(map) if !map.entries().is_empty() => {
            lines.push(head);
            write(value, indent, lines);
        }
        Data::List(items) if !items.is_empty() => {
            lines.push(head);
            write(value, indent, lines);
        }
        _ => lines.push(format!("{head} {}", inline(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Schema, Stream, expand};

    fn value(text: &str) -> Value {
        let stream = Stream::parse(text.to_owned()).unwrap();
        expand(&stream, 0, Schema::Kubernetes, 0).unwrap().value
    }

    #[test]
    fn writes_values() {
        let text =
            "a: 1\nb:\n  - c: x\n    d: [1, 2]\n  - e\n  - []\nf: \"1\"\ng: |\n  x\n  y\nh: {}\n";
        let expected = "a: 1\nb:\n  - c: x\n    d:\n      - 1\n      - 2\n  - e\n  - []\nf: \"1\"\ng: |\n  x\n  y\nh: {}";
        assert_eq!(block(&value(text)).join("\n"), expected);
        assert_eq!(
            inline(&value("{a: [1, x, \"yes\", \"a\\nb\"]}")),
            r#"{a: [1, x, "yes", "a\nb"]}"#
        );
    }
}
