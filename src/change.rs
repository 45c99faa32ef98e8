//! What an edit would do to files: both sides, and the unified diff between them.

use std::fmt::Write as _;

use similar::{Algorithm, ChangeTag, DiffOp, TextDiff};

/// Lines of context around a change, as in `git diff`.
const CONTEXT: usize = 3;

/// One file, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// The bytes it was planned on.
    pub before: Vec<u8>,
    /// The bytes it is to have.
    pub after: Vec<u8>,
}

impl FileChange {
    /// The lines in front of the hunks: both names.
    #[must_use]
    pub fn header(&self) -> String {
        let (a, b) = (quoted("a/", &self.path), quoted("b/", &self.path));
        // As Git writes it: `patch` takes a name with a blank to its end only before a tab.
        let tab = if self.path.contains(' ') { "\t" } else { "" };
        format!("diff --git {a} {b}\n--- {a}{tab}\n+++ {b}{tab}\n")
    }
}

/// The files that a command changes together: all of them or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    files: Vec<FileChange>,
}

impl ChangeSet {
    /// The changes that change something, ordered by path.
    #[must_use]
    pub fn new(mut files: Vec<FileChange>) -> Self {
        files.retain(|file| file.before != file.after);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Each file once.
    #[must_use]
    pub fn files(&self) -> &[FileChange] {
        &self.files
    }

    /// The diff that `git apply` and `patch -p1` accept.
    #[must_use]
    pub fn unified_diff(&self) -> String {
        self.files.iter().map(unified_diff).collect()
    }
}

fn unified_diff(file: &FileChange) -> String {
    let (before, after) =
        (String::from_utf8_lossy(&file.before), String::from_utf8_lossy(&file.after));
    // Split at LF alone: other readers of diffs do, and a lone CR is content to them.
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_slices(&old, &new);
    let mut out = file.header();
    for group in diff.grouped_ops(CONTEXT) {
        out.push_str(&hunk_header(&group));
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            out.push(sign);
            out.push_str(change.value());
            if !change.value().ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

fn hunk_header(group: &[DiffOp]) -> String {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return String::new() };
    let side = |start: usize, end: usize| match end - start {
        // An empty side is named by the line before it.
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        lines => format!("{},{lines}", start + 1),
    };
    let old = side(first.old_range().start, last.old_range().end);
    let new = side(first.new_range().start, last.new_range().end);
    format!("@@ -{old} +{new} @@\n")
}

/// A name as `git diff` spells it: in C quotes when it holds quotes, backslashes or control bytes.
fn quoted(prefix: &str, path: &str) -> String {
    let special = |c: char| c.is_control() || c == '"' || c == '\\';
    if !path.contains(special) {
        return format!("{prefix}{path}");
    }
    let mut out = format!("\"{prefix}");
    for c in path.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\{byte:03o}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(path: &str, before: &str, after: &str) -> String {
        let change = FileChange {
            path: path.to_owned(),
            before: before.as_bytes().to_vec(),
            after: after.as_bytes().to_vec(),
        };
        ChangeSet::new(vec![change]).unified_diff()
    }

    #[test]
    fn prints_what_git_prints() {
        assert_eq!(
            diff("e/s.yaml", "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nX\n6\n7\n8\n"),
            "diff --git a/e/s.yaml b/e/s.yaml\n--- a/e/s.yaml\n+++ b/e/s.yaml\n\
             @@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n"
        );
    }

    #[test]
    fn marks_a_missing_final_newline_on_each_side() {
        assert_eq!(
            diff("f", "a", "b"),
            "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n\
             +b\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn keeps_carriage_returns_as_content() {
        let text = diff("f", "a: 1\r\nb\rc: 2\r\n", "a: 2\r\nb\rc: 2\r\n");
        assert!(text.ends_with("-a: 1\r\n+a: 2\r\n b\rc: 2\r\n"), "{text:?}");
    }

    #[test]
    fn quotes_names_as_git_does() {
        assert_eq!(quoted("a/", "x y.yaml"), "a/x y.yaml");
        assert_eq!(quoted("a/", "é.yaml"), "a/é.yaml");
        assert_eq!(quoted("a/", "t\tq\"b\\\u{1}"), "\"a/t\\tq\\\"b\\\\\\001\"");
    }

    #[test]
    fn a_name_with_a_blank_ends_with_a_tab() {
        let change = FileChange { path: "a b".into(), before: Vec::new(), after: Vec::new() };
        assert_eq!(change.header(), "diff --git a/a b b/a b\n--- a/a b\t\n+++ b/a b\t\n");
    }

    #[test]
    fn equal_sides_are_no_change() {
        assert!(
            ChangeSet::new(vec![FileChange {
                path: "f".into(),
                before: b"x".to_vec(),
                after: b"x".to_vec()
            }])
            .is_empty()
        );
    }
}
