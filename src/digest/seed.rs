//! `seed`: the final recipe, byte for byte, for DIR exactly as it was spelled:
//! `find "$dir" -type f -exec sha256sum {} \; | sed "s~$dir~~g" | LC_ALL=C sort -d | sha256sum`.
//!
//! sed takes DIR for a pattern and deletes it wherever it occurs, also inside digests and names.

use super::content::Content;
use super::lines::{Lines, push_gnu, sha256_hex};
use super::names::shown;
use super::tree::Tree;
use super::{Covers, Format, Pour, Shape, Sink};
use crate::error::{Code, Hinted};

pub(super) const FORMAT: Format = Format {
    name: "seed",
    about: "the shell recipe, for DIR as it is spelled",
    content: Content::Sha256,
    prefix: "sha256:",
    shape: Shape::Hex(64),
    covers: Covers { vcs: true, links: false, empty_dirs: false, submodules: false },
    text: Some(text),
    digest,
    caution,
};

/// What sed would take for more than itself; `~` ends its pattern, and `.` is honoured.
const PATTERN: &[u8] = b"*[]^$\\~\n";

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    Ok(format!("sha256:{}", sha256_hex(|sink| text(tree, sink))?))
}

fn text(tree: &Tree, sink: Sink<'_>) -> anyhow::Result<()> {
    check_spelling(&tree.spelled)?;
    check_linked(tree)?;
    let mut lines = Lines::default();
    for_each_line(tree, |_, line| {
        let stripped = strip(line, &tree.spelled, one_byte);
        if stripped != strip(line, &tree.spelled, one_character) {
            return Err(refused(&tree.spelled, "its value depends on the locale here"));
        }
        lines.push(&stripped);
        Ok(())
    })?;
    lines.write_sorted(sink);
    Ok(())
}

/// Calls `take` with each path and the line that sha256sum prints of it.
fn for_each_line(
    tree: &Tree,
    mut take: impl FnMut(&[u8], &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let slash: &[u8] = if tree.spelled.ends_with(b"/") { b"" } else { b"/" };
    let mut line = Vec::new();
    for (path, hash) in tree.files() {
        line.clear();
        push_gnu(&mut line, hash, &[&tree.spelled, slash, path].concat());
        take(path, &line)?;
    }
    Ok(())
}

/// `sed "s~$dir~~g"` on one line: leftmost matches, none overlapping. `dot` tells how many bytes a
/// `.` takes at the start of a text.
fn strip(line: &[u8], dir: &[u8], dot: fn(&[u8]) -> usize) -> Vec<u8> {
    let (body, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |body| (body, b"\n"));
    let (mut kept, mut at) = (Vec::with_capacity(line.len()), 0);
    while at < body.len() {
        let matched = matches(&body[at..], dir, dot);
        if matched == 0 {
            kept.push(body[at]);
            at += 1;
        }
        at += matched;
    }
    kept.extend(end);
    kept
}

/// How many bytes at the start of `text` the pattern matches; 0 for none.
fn matches(text: &[u8], pattern: &[u8], dot: fn(&[u8]) -> usize) -> usize {
    let mut at = 0;
    for &byte in pattern {
        let taken = match text.get(at) {
            None => 0,
            Some(_) if byte == b'.' => dot(&text[at..]),
            Some(&other) => usize::from(other == byte),
        };
        if taken == 0 {
            return 0;
        }
        at += taken;
    }
    at
}

/// In the C locale.
fn one_byte(_: &[u8]) -> usize {
    1
}

/// In a UTF-8 locale, where bytes that are no character match nothing.
fn one_character(text: &[u8]) -> usize {
    let head = &text[..text.len().min(4)];
    let chunk = head.utf8_chunks().next();
    chunk.and_then(|chunk| chunk.valid().chars().next()).map_or(0, char::len_utf8)
}

fn check_spelling(dir: &[u8]) -> anyhow::Result<()> {
    if let Some(&byte) = dir.iter().find(|byte| PATTERN.contains(byte)) {
        let byte = if byte == b'\n' {
            "a line feed".to_owned()
        } else {
            format!("`{}`", char::from(byte))
        };
        return Err(refused(dir, &format!("sed takes {byte} in its name for a pattern")));
    }
    if dir.starts_with(b"-") || dir == b"!" || dir == b"(" {
        return Err(refused(dir, "find takes its name for an expression"));
    }
    Ok(())
}

/// find does not follow its argument, so that the recipe digests nothing.
pub(super) fn check_linked(tree: &Tree) -> anyhow::Result<()> {
    if tree.linked {
        return Err(refused(&tree.spelled, "it is a symbolic link, which find does not follow"));
    }
    Ok(())
}

fn refused(dir: &[u8], cause: &str) -> anyhow::Error {
    let message = format!("cannot run the recipe on `{}`: {cause}", shown(dir));
    Hinted::new(Code::Usage, message, "`--format seed-rel` gives what the recipe means").into()
}

fn caution(tree: &Tree) -> anyhow::Result<Option<String>> {
    let dir = shown(&tree.spelled);
    if tree.spelled.iter().all(|byte| matches!(byte, b'.' | b'/')) && tree.spelled.contains(&b'.') {
        return Ok(Some(format!(
            "the recipe takes `{dir}` for a pattern that matches anything: different trees get the \
             same digest; name the directory from above, or use `--format seed-rel`"
        )));
    }
    let mut more = None;
    for_each_line(tree, |path, line| {
        let once = line.len() - tree.spelled.len();
        if more.is_none() && strip(line, &tree.spelled, one_byte).len() < once {
            more = Some(shown(path));
        }
        Ok(())
    })?;
    Ok(more.map(|path| {
        format!(
            "the recipe also deletes `{dir}` inside digests or names, for one of `{path}`: different \
             trees may get the same digest; `--format seed-rel` does not"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{self, file, tree};

    fn stripped(line: &str, dir: &str) -> String {
        String::from_utf8(strip(line.as_bytes(), dir.as_bytes(), one_byte)).unwrap()
    }

    #[test]
    fn deletes_what_sed_deletes() {
        for (line, dir, expected) in [
            ("ab  app/x\n", "app", "ab  /x\n"),
            ("ab  app/app/x\n", "app", "ab  //x\n"),
            ("ab  app/x\n", "app/", "ab  x\n"),
            ("abfe  fe/cafe\n", "fe", "ab  /ca\n"),
            ("ab  a.b/axb\n", "a.b", "ab  /\n"),
            ("abc\n", ".", "\n"),
            ("abc\n", "..", "c\n"),
            ("aaa\n", "aa", "a\n"),
        ] {
            assert_eq!(stripped(line, dir), expected, "{dir}");
        }
    }

    #[test]
    fn refuses_what_is_not_what_it_seems() {
        let message = |dir: &str| {
            let mut tree = tree(vec![file("f", "")]);
            tree.spelled = dir.as_bytes().to_vec();
            testing::digest(&FORMAT, &tree).unwrap_err().to_string()
        };
        for dir in ["a*", "[a", "a]", "^a", "a$", "a\\b", "~a", "a\nb"] {
            assert!(message(dir).contains("for a pattern"), "{dir}");
        }
        for dir in ["-a", "!", "("] {
            assert!(message(dir).contains("for an expression"), "{dir}");
        }
    }

    #[test]
    fn refuses_a_value_that_depends_on_the_locale() {
        let check = |name: &str| {
            let mut tree = tree(vec![file(name, "")]);
            tree.spelled = b"x.y".to_vec();
            testing::digest(&FORMAT, &tree).is_ok()
        };
        assert!(check("é"));
        assert!(check("x-y"));
        assert!(!check("xéy"));
    }

    #[test]
    fn warns_of_names_inside_digests() {
        let check = |dir: &str| {
            let mut tree = tree(vec![file("f", "hello")]);
            tree.spelled = dir.as_bytes().to_vec();
            caution(&tree).unwrap().is_some()
        };
        assert!(!check("app"));
        assert!(check("ba"));
        assert!(check("."));
        assert!(check("../"));
    }
}
