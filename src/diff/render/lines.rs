//! Line diffs of texts, and texts without their secrets.

use similar::{ChangeTag, TextDiff};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_differs_with_context() {
        let lines = diff("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n", 1);
        let text: Vec<String> = lines.iter().map(|l| format!("{}{}", l.sign, l.text)).collect();
        assert_eq!(text, [" c", "-d", "+X", " e"]);
    }
}
