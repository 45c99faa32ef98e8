//! Trees for the tests of the formats, without a disk.

use super::content::{Content, of};
use super::tree::{Entry, Mode, Node, Options, Tree};

/// A file whose hash is that of `content`.
pub(crate) fn file_for(content: Content, path: &str, text: &str) -> Entry {
    let (mode, size) = (Mode::Plain, text.len() as u64);
    let node = Node::File { mode, size, hash: of(content, text.as_bytes()) };
    Entry { path: path.as_bytes().into(), node }
}

pub(crate) fn file(path: &str, text: &str) -> Entry {
    file_for(Content::Sha256, path, text)
}

pub(crate) fn dir(path: &str) -> Entry {
    Entry { path: path.as_bytes().into(), node: Node::Directory }
}

pub(crate) fn link(path: &str, target: &str) -> Entry {
    let node = Node::Symlink { target: target.as_bytes().into() };
    Entry { path: path.as_bytes().into(), node }
}

pub(crate) fn executable(mut entry: Entry) -> Entry {
    if let Node::File { mode, .. } = &mut entry.node {
        *mode = Mode::Executable;
    }
    entry
}

pub(crate) fn tree(entries: Vec<Entry>) -> Tree {
    Tree::new(b"app".to_vec(), false, Options::default(), entries)
}

/// What a format's text reads.
pub(crate) fn text(format: &super::Format, tree: &Tree) -> String {
    let mut text = Vec::new();
    format.manifest(tree, &mut |piece| text.extend(piece)).unwrap();
    String::from_utf8(text).unwrap()
}

/// A format's digest of a tree whose contents it does not need.
pub(crate) fn digest(format: &super::Format, tree: &Tree) -> anyhow::Result<String> {
    format.digest(tree, &|_, _| Ok(()))
}
