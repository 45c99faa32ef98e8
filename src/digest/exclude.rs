//! What is left out: `.git`, and what the user excludes in the syntax of `.gitignore`.
//!
//! The patterns come from the command line alone. A file in the measured tree that could leave
//! itself out would let whoever changes the tree hide that.

use std::borrow::Cow;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{Code, Hinted};

use super::tree::name;

/// Decides which entries are measured.
#[derive(Debug)]
pub struct Exclude {
    vcs: bool,
    patterns: Gitignore,
}

impl Exclude {
    /// Leaves out `.git` if `vcs`, and what the patterns match; later patterns win.
    pub fn new<'a>(vcs: bool, patterns: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        let mut builder = GitignoreBuilder::new("");
        let failed = |pattern: &str, error: ignore::Error| {
            let message = format!("cannot use the pattern `{pattern}`: {error}");
            Hinted::new(Code::Usage, message, "patterns are those of `.gitignore`")
        };
        for pattern in patterns {
            builder.add_line(None, pattern).map_err(|error| failed(pattern, error))?;
        }
        let patterns = builder.build().map_err(|error| failed("", error))?;
        Ok(Self { vcs, patterns })
    }

    /// Whether this entry, and everything below it, is left out.
    #[must_use]
    pub fn excludes(&self, path: &[u8], is_dir: bool) -> bool {
        (self.vcs && name(path) == b".git")
            || !self.patterns.is_empty() && self.patterns.matched(as_path(path), is_dir).is_ignore()
    }

    /// Whether this entry is left out by itself or by a directory above it.
    #[must_use]
    pub fn excludes_below(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        self.excludes(path, false)
            || slashes.into_iter().any(|(at, _)| self.excludes(&path[..at], true))
    }
}

#[cfg(unix)]
fn as_path(path: &[u8]) -> Cow<'_, Path> {
    use std::os::unix::ffi::OsStrExt as _;
    Cow::Borrowed(Path::new(std::ffi::OsStr::from_bytes(path)))
}

#[cfg(not(unix))]
fn as_path(path: &[u8]) -> Cow<'_, Path> {
    Cow::Owned(String::from_utf8_lossy(path).into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], path: &str, is_dir: bool) -> bool {
        Exclude::new(true, patterns.iter().copied()).unwrap().excludes(path.as_bytes(), is_dir)
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
            (&["# not a comment's pattern"], "x", false, false),
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
        let exclude = Exclude::new(true, ["/x/"].into_iter()).unwrap();
        assert!(exclude.excludes_below(b"x/y/z"));
        assert!(!exclude.excludes_below(b"y/x/z"));
    }

    #[test]
    fn a_broken_pattern_is_an_error() {
        let error = Exclude::new(true, ["a{b"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("`a{b`"), "{error}");
    }
}
