//! What is measured: the entries of a directory, as bytes, and how to go through them in order.

use std::cmp::Ordering;

use super::content::Hash;

/// Whether a file may be executed, in the words of Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `100644`.
    Plain,
    /// `100664`: only in commits made before Git knew better, and part of their tree's id.
    GroupWritable,
    /// `100755`: the owner may execute it.
    Executable,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory; what is in it are entries of their own.
    Directory,
    /// A regular file.
    File {
        /// Whether it may be executed.
        mode: Mode,
        /// Its length in bytes.
        size: u64,
        /// What was computed of its content: see [`super::Content`].
        hash: Hash,
    },
    /// A symbolic link, which is never followed on disk.
    Symlink {
        /// Its text.
        target: Box<[u8]>,
    },
    /// Another repository's commit; only Git's trees hold it.
    Submodule {
        /// The commit's id.
        commit: [u8; 20],
    },
}

/// An entry below the measured directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the measured directory, with `/`; bytes, because names need not be UTF-8.
    pub path: Box<[u8]>,
    /// What it is.
    pub node: Node,
}

impl Entry {
    /// The last component of the path.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        name(&self.path)
    }
}

/// The last component of a path.
#[must_use]
pub(super) fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// The path of the directory that holds `path`; empty for the measured directory itself.
#[must_use]
pub(super) fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&byte| byte == b'/').map_or(&[], |slash| &path[..slash])
}

/// What the user may choose to have covered; part of `gd1`'s own text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The executable bit.
    pub exec: bool,
    /// Directories in which nothing is.
    pub empty_dirs: bool,
}

/// A measured directory.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The directory as the user spelled it: the seed's recipe depends on that.
    pub spelled: Vec<u8>,
    /// Whether the spelled path itself is a symbolic link.
    pub linked: bool,
    /// What is covered.
    pub options: Options,
    /// The id under which Git keeps exactly this tree: it may hold what Git would not write today.
    pub tree_id: Option<[u8; 20]>,
    entries: Vec<Entry>,
}

/// A step of the way through a tree, depth first, names in byte order.
#[derive(Debug)]
pub enum Step<'a> {
    /// Into this directory.
    Enter(&'a Entry),
    /// Something that is not a directory.
    Leaf(&'a Entry),
    /// Out of the directory entered last.
    Leave,
}

impl Tree {
    /// Puts the entries in order.
    #[must_use]
    pub fn new(spelled: Vec<u8>, linked: bool, options: Options, mut entries: Vec<Entry>) -> Self {
        // The stable sort finds the runs that are in order already, as batches of a walk are.
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Self { spelled, linked, options, tree_id: None, entries }
    }

    /// All entries, ordered by the bytes of the whole path.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at a path.
    #[must_use]
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| (*entry.path).cmp(path)).ok()?;
        Some(&self.entries[at])
    }

    /// Paths and SHA-256 of the regular files, ordered by path.
    pub fn files(&self) -> impl Iterator<Item = (&[u8], &Hash)> {
        self.entries.iter().filter_map(|entry| match &entry.node {
            Node::File { hash, .. } => Some((&*entry.path, hash)),
            _ => None,
        })
    }

    /// How many regular files there are, and how many bytes are in them.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.entries.iter().fold((0, 0), |(files, bytes), entry| match entry.node {
            Node::File { size, .. } => (files + 1, bytes + size),
            _ => (files, bytes),
        })
    }

    /// Depth first and without recursion: a tree may be deeper than the stack is.
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'_>> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_unstable_by(|a, b| by_component(&a.path, &b.path));
        let mut steps = Vec::with_capacity(entries.len() * 2);
        let mut open: Vec<&[u8]> = Vec::new();
        for entry in entries {
            let dir = parent(&entry.path);
            while open.last().is_some_and(|last| *last != dir) {
                open.pop();
                steps.push(Step::Leave);
            }
            if entry.node == Node::Directory {
                open.push(&entry.path);
                steps.push(Step::Enter(entry));
            } else {
                steps.push(Step::Leaf(entry));
            }
        }
        steps.extend(open.iter().map(|_| Step::Leave));
        steps
    }
}

/// Compares component by component, so that a directory is followed by what it holds: in plain byte
/// order `a-b` would come between `a` and `a/b`. No name holds a NUL.
fn by_component(a: &[u8], b: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(key).cmp(b.iter().map(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{dir, file, tree};

    #[test]
    fn steps_keep_a_directory_together() {
        let tree = tree(vec![
            file("a-b", ""),
            dir("a"),
            file("a/z", ""),
            dir("a/b"),
            file("a/b/c", ""),
            dir("e"),
        ]);
        let steps: Vec<String> = tree
            .steps()
            .iter()
            .map(|step| match step {
                Step::Enter(entry) => format!("+{}", String::from_utf8_lossy(&entry.path)),
                Step::Leaf(entry) => String::from_utf8_lossy(&entry.path).into_owned(),
                Step::Leave => "-".to_owned(),
            })
            .collect();
        assert_eq!(steps, ["+a", "+a/b", "a/b/c", "-", "a/z", "-", "a-b", "+e", "-"]);
    }

    #[test]
    fn finds_entries_by_path() {
        let tree = tree(vec![file("b", "1"), dir("a"), file("a/b", "2")]);
        assert_eq!(tree.get(b"a/b").map(Entry::name), Some(&b"b"[..]));
        assert!(tree.get(b"a/c").is_none());
        assert_eq!(tree.totals(), (2, 2));
    }

    #[test]
    fn parents_and_names() {
        assert_eq!((parent(b"a/b/c"), name(b"a/b/c")), (&b"a/b"[..], &b"c"[..]));
        assert_eq!((parent(b"a"), name(b"a")), (&b""[..], &b"a"[..]));
    }
}
