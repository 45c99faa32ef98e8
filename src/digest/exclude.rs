//! What is left out: `.git`, and what the user excludes in the syntax of `.gitignore`.
//!
//! The patterns come from the command line alone. A file in the measured tree that could leave
//! itself out would let whoever changes the tree hide that.

use super::tree::name;
use super::wildmatch::{is_special, matches};

/// Decides which entries are measured.
#[derive(Debug)]
pub struct Exclude {
    vcs: bool,
    patterns: Vec<Pattern>,
}

/// A line of `.gitignore`, read.
#[derive(Debug)]
struct Pattern {
    text: Vec<u8>,
    /// How many bytes at its start mean themselves.
    literal: usize,
    /// It takes back what earlier ones leave out.
    is_negative: bool,
    directories_only: bool,
    /// It has no slash, and is about names at any depth.
    is_name: bool,
}

impl Exclude {
    /// Leaves out `.git` if `vcs`, and what the patterns match; later patterns win.
    pub fn new<'a>(vcs: bool, lines: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { vcs, patterns: lines.filter_map(Pattern::read).collect() }
    }

    /// Whether this entry, and everything below it, is left out.
    #[must_use]
    pub fn excludes(&self, path: &[u8], is_dir: bool) -> bool {
        let fits = |pattern: &&Pattern| pattern.fits(path, is_dir);
        (self.vcs && name(path) == b".git")
            || self.patterns.iter().rev().find(fits).is_some_and(|pattern| !pattern.is_negative)
    }

    /// Whether this is in a `.git` that is left out whatever the patterns say.
    #[must_use]
    pub fn is_vcs(&self, path: &[u8]) -> bool {
        self.vcs && path.split(|&byte| byte == b'/').any(|name| name == b".git")
    }

    /// Whether this entry is left out by itself or by a directory above it.
    #[must_use]
    pub fn excludes_below(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        self.excludes(path, false)
            || slashes.into_iter().any(|(at, _)| self.excludes(&path[..at], true))
    }
}

impl Pattern {
    /// A line; none where it is empty or a comment.
    fn read(line: &[u8]) -> Option<Self> {
        if line.starts_with(b"#") {
            return None;
        }
        let line = without_final_spaces(line.strip_suffix(b"\r").unwrap_or(line));
        let is_negative = line.starts_with(b"!");
        let text = &line[usize::from(is_negative)..];
        let directories_only = text.ends_with(b"/");
        let text = text.strip_suffix(b"/").unwrap_or(text);
        let is_name = !text.contains(&b'/');
        let text = text.strip_prefix(b"/").unwrap_or(text).to_vec();
        let literal = text.iter().position(|&byte| is_special(byte)).unwrap_or(text.len());
        (!text.is_empty()).then_some(Self { text, literal, is_negative, directories_only, is_name })
    }

    fn fits(&self, path: &[u8], is_dir: bool) -> bool {
        if self.directories_only && !is_dir {
            return false;
        }
        if self.is_name {
            return matches(&self.text, name(path), false);
        }
        // Git sets the literal start aside before it looks at stars, so that `a**/b` begins with two.
        let (start, rest) = self.text.split_at(self.literal);
        path.strip_prefix(start).is_some_and(|path| matches(rest, path, true))
    }
}

/// Spaces at the end mean something only behind a backslash.
fn without_final_spaces(line: &[u8]) -> &[u8] {
    let (mut end, mut bytes) = (0, line.iter().enumerate());
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b' ' => {}
            b'\\' if bytes.next().is_none() => return line,
            b'\\' => end = at + 2,
            _ => end = at + 1,
        }
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], path: &str, is_dir: bool) -> bool {
        Exclude::new(true, patterns.iter().map(|line| line.as_bytes()))
            .excludes(path.as_bytes(), is_dir)
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        for (patterns, path, is_dir, expected) in [
            (&["target"][..], "a/target", true, true),
            (&["/target"], "a/target", true, false),
            (&["/target"], "target", false, true),
            (&["target/"], "target", false, false),
            (&["*.log"], "a/b/c.log", false, true),
            (&["a/**/c"], "a/b/x/c", false, true),
            (&["*.log", "!keep.log"], "keep.log", false, false),
            (&["# not a comment's pattern"], "# not a comment's pattern", false, false),
            (&["\\#x "], "#x", false, true),
            (&["x\\ "], "x ", false, true),
            (&["x \\"], "x ", false, false),
            (&["x\r"], "x", false, true),
            (&["{a,b}"], "a", false, false),
            (&["a**/b"], "ax/y/b", false, true),
            (&["", "/", "!"], "x", true, false),
            (&[], ".git", true, true),
            (&[], "sub/.git", false, true),
            (&[], ".gitignore", false, false),
            (&[], ".GIT", true, false),
        ] {
            assert_eq!(check(patterns, path, is_dir), expected, "{patterns:?} {path}");
        }
    }

    #[test]
    fn a_file_below_an_excluded_directory_is_excluded() {
        let exclude = Exclude::new(true, [&b"/x/"[..]].into_iter());
        assert!(exclude.excludes_below(b"x/y/z"));
        assert!(!exclude.excludes_below(b"y/x/z"));
    }
}
