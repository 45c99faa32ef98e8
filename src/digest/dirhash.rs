//! `dirhash`: the Dirhash Standard 0.1.0 with SHA-256 and its usual options: names and data, links
//! followed, empty directories left out.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::content::Content;
use super::links::resolve;
use super::names::shown;
use super::tree::{Entry, Node, Tree, parent};
use super::{Covers, Format, Pour, Shape, no_caution, unwritable};
use crate::error::{Code, Hinted};

pub(super) const FORMAT: Format = Format {
    name: "dirhash",
    about: "the Dirhash Standard: dirhash -a sha256",
    content: Content::Sha256,
    prefix: "",
    shape: Shape::Hex(64),
    covers: Covers { vcs: true, links: true, empty_dirs: false, submodules: false },
    text: None,
    digest,
    caution: no_caution,
};

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    if let Some(entry) = tree.entries().iter().find(|e| str::from_utf8(&e.path).is_err()) {
        return Err(unwritable(&entry.path, "dirhash", "its name is not UTF-8"));
    }
    let hash = Walk::of(tree)?.digest()?;
    Ok(hash.unwrap_or_else(|| HEXLOWER.encode(&Sha256::digest(b""))))
}

/// What stands under a name once links are followed.
enum Child<'a> {
    File(String),
    /// A directory, by its path; the measured one is the empty path.
    Directory(&'a [u8]),
}

/// Directories by path, with what is in them.
struct Walk<'a> {
    children: HashMap<&'a [u8], Vec<(&'a [u8], Child<'a>)>>,
}

/// How far a directory is.
enum State {
    Open,
    /// Its digest; none where nothing is in it.
    Done(Option<String>),
}

impl<'a> Walk<'a> {
    fn of(tree: &'a Tree) -> anyhow::Result<Self> {
        let mut children: HashMap<&[u8], Vec<_>> = HashMap::from([(&b""[..], Vec::new())]);
        for entry in tree.entries() {
            let seen = match entry.node {
                Node::Symlink { .. } => resolve(tree, entry)?,
                _ => Some(entry),
            };
            let child = match seen {
                None => Child::Directory(b""),
                Some(Entry { node: Node::File { hash, .. }, .. }) => Child::File(hash.hex()),
                Some(directory) => Child::Directory(&directory.path),
            };
            children.entry(parent(&entry.path)).or_default().push((entry.name(), child));
        }
        Ok(Self { children })
    }

    /// Depth first and without recursion; a directory that is still open when it is met again
    /// contains itself.
    fn digest(&self) -> anyhow::Result<Option<String>> {
        let mut states: HashMap<&[u8], State> = HashMap::new();
        let mut stack: Vec<&[u8]> = vec![b""];
        while let Some(&dir) = stack.last() {
            if matches!(states.get(dir), Some(State::Done(_))) {
                stack.pop();
                continue;
            }
            states.insert(dir, State::Open);
            let before = stack.len();
            for inner in self.directories_in(dir) {
                match states.get(inner) {
                    None => stack.push(inner),
                    Some(State::Open) => return Err(circle(inner)),
                    Some(State::Done(_)) => {}
                }
            }
            if stack.len() == before {
                let done = State::Done(self.describe(dir, &states));
                states.insert(dir, done);
            }
        }
        match states.remove(&b""[..]) {
            Some(State::Done(hash)) => Ok(hash),
            _ => Ok(None),
        }
    }

    fn directories_in(&self, dir: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        self.children.get(dir).into_iter().flatten().filter_map(|(_, child)| match child {
            Child::Directory(path) => Some(*path),
            Child::File(_) => None,
        })
    }

    fn describe(&self, dir: &[u8], states: &HashMap<&[u8], State>) -> Option<String> {
        let describe = |(name, child): &(&[u8], Child<'_>)| {
            let (kind, hash) = match child {
                Child::File(hash) => ("data", hash),
                Child::Directory(path) => match states.get(path) {
                    Some(State::Done(Some(hash))) => ("dirhash", hash),
                    _ => return None,
                },
            };
            Some([format!("{kind}:{hash}\0name:").as_bytes(), name].concat())
        };
        let mut entries: Vec<_> = self.children.get(dir)?.iter().filter_map(describe).collect();
        entries.sort_unstable();
        (!entries.is_empty()).then(|| HEXLOWER.encode(&Sha256::digest(entries.join(&b"\0\0"[..]))))
    }
}

fn circle(dir: &[u8]) -> anyhow::Error {
    let dir = if dir.is_empty() { ".".to_owned() } else { shown(dir) };
    let message = format!("cannot digest `{dir}`: a symbolic link below leads back to it");
    let hint = "`dirhash` follows links; `gd1`, `nar` and `git-tree` digest the links themselves";
    Hinted::new(Code::NotEditable, message, hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{self, dir, file, link, tree};

    fn of(entries: Vec<Entry>) -> anyhow::Result<String> {
        testing::digest(&FORMAT, &tree(entries))
    }

    #[test]
    fn follows_links_to_directories() {
        let linked = of(vec![dir("a"), file("a/f", "1"), link("b", "a")]).unwrap();
        let copied = of(vec![dir("a"), file("a/f", "1"), dir("b"), file("b/f", "1")]).unwrap();
        assert_eq!(linked, copied);
    }

    #[test]
    fn refuses_circles_however_long() {
        assert!(of(vec![dir("a"), link("a/up", "..")]).is_err());
        assert!(of(vec![dir("a"), link("a/x", "../b"), dir("b"), link("b/y", "../a")]).is_err());
        assert!(of(vec![link("a", ".")]).is_err());
    }

    #[test]
    fn empty_directories_are_not_there() {
        let with = of(vec![dir("e"), dir("e/e"), link("l", "e"), file("f", "1")]).unwrap();
        assert_eq!(with, of(vec![file("f", "1")]).unwrap());
    }
}
