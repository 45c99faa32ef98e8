//! `git-tree`: the id of the tree that Git would write: `git rev-parse HEAD:DIR`.

use data_encoding::HEXLOWER;
use sha1::{Digest as _, Sha1};

use super::content::{Content, Hasher};
use super::tree::{Entry, Mode, Node, Step, Tree};
use super::{Covers, Format, Pour, Shape, no_caution, unwritable};

pub(super) const FORMAT: Format = Format {
    name: "git-tree",
    about: "the id of Git's tree: git rev-parse HEAD:DIR",
    content: Content::GitSha1,
    prefix: "",
    shape: Shape::Hex(40),
    covers: Covers { vcs: false, links: true, empty_dirs: false, submodules: true },
    text: None,
    digest,
    caution: no_caution,
};

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    if let Some(id) = tree.tree_id {
        return Ok(HEXLOWER.encode(&id));
    }
    refuse_vcs(tree, "git-tree")?;
    Ok(HEXLOWER.encode(&id(tree, &SHA1, false)))
}

/// One of Git's two object formats.
#[derive(Debug)]
pub(super) struct Objects {
    content: Content,
    width: usize,
    tree: fn(&[u8]) -> Vec<u8>,
}

/// Repositories as they are.
pub(super) const SHA1: Objects =
    Objects { content: Content::GitSha1, width: 20, tree: |bytes| Sha1::digest(bytes).to_vec() };

/// Repositories made with `git init --object-format=sha256`.
pub(super) const SHA256: Objects = Objects {
    content: Content::GitSha256,
    width: 32,
    tree: |bytes| sha2::Sha256::digest(bytes).to_vec(),
};

/// A row of a tree object.
struct Row {
    /// The name; directories sort as if theirs ended with `/`.
    key: Vec<u8>,
    /// `mode name\0id`.
    bytes: Vec<u8>,
}

impl Row {
    fn new(mode: &str, name: &[u8], id: &[u8]) -> Self {
        let key = [name, if mode == "40000" { b"/" } else { b"" }].concat();
        Self { key, bytes: [mode.as_bytes(), b" ", name, b"\0", id].concat() }
    }
}

/// The id of the tree. Git itself knows no empty directories; `keep_empty` is for SWHID.
pub(super) fn id(tree: &Tree, objects: &Objects, keep_empty: bool) -> Vec<u8> {
    let mut open: Vec<(&[u8], Vec<Row>)> = vec![(b"", Vec::new())];
    for step in tree.steps() {
        match step {
            Step::Enter(entry) => open.push((entry.name(), Vec::new())),
            Step::Leaf(entry) => push_row(&mut open, leaf(entry, objects)),
            Step::Leave => {
                let Some((name, rows)) = open.pop() else { continue };
                if keep_empty || !rows.is_empty() {
                    push_row(&mut open, Row::new("40000", name, &object(rows, objects)));
                }
            }
        }
    }
    open.pop().map(|(_, rows)| object(rows, objects)).unwrap_or_default()
}

fn push_row(open: &mut [(&[u8], Vec<Row>)], row: Row) {
    if let Some((_, rows)) = open.last_mut() {
        rows.push(row);
    }
}

fn leaf(entry: &Entry, objects: &Objects) -> Row {
    let row = |mode: &str, id: &[u8]| Row::new(mode, entry.name(), id);
    match &entry.node {
        Node::File { mode, hash, .. } => {
            let mode = match mode {
                Mode::Plain => "100644",
                Mode::GroupWritable => "100664",
                Mode::Executable => "100755",
            };
            row(mode, &hash.0[..objects.width])
        }
        Node::Symlink { target } => {
            let mut hasher = Hasher::new(objects.content, target.len() as u64);
            hasher.update(target);
            row("120000", &hasher.finish().0[..objects.width])
        }
        Node::Submodule { commit } => row("160000", commit),
        Node::Directory => row("40000", &[]),
    }
}

fn object(mut rows: Vec<Row>, objects: &Objects) -> Vec<u8> {
    rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let body: Vec<u8> = rows.into_iter().flat_map(|row| row.bytes).collect();
    (objects.tree)(&[format!("tree {}\0", body.len()).as_bytes(), &body].concat())
}

/// Git refuses to hold `.git`, in any case: it would be taken for a repository on some system.
pub(super) fn refuse_vcs(tree: &Tree, format: &str) -> anyhow::Result<()> {
    match tree.entries().iter().find(|entry| entry.name().eq_ignore_ascii_case(b".git")) {
        Some(entry) => Err(unwritable(&entry.path, format, "Git holds no entry of that name")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{self, dir, file_for, tree};

    #[test]
    fn empty_directories_are_not_there() {
        let blob = |path: &str| file_for(Content::GitSha1, path, "1");
        let with = tree(vec![dir("e"), dir("e/e"), dir("d"), blob("d/f")]);
        let without = tree(vec![dir("d"), blob("d/f")]);
        let digest = |tree| testing::digest(&FORMAT, tree).unwrap();
        assert_eq!(digest(&with), digest(&without));
        // git hash-object -t tree /dev/null
        assert_eq!(digest(&tree(vec![])), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn refuses_what_git_refuses() {
        let error = testing::digest(&FORMAT, &tree(vec![dir("a"), dir("a/.GiT")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot digest `a/.GiT` as `git-tree`: Git holds no entry of that name"
        );
    }
}
