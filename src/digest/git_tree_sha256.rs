//! `git-tree-sha256`: the id of the tree in a repository with SHA-256 objects.

use data_encoding::HEXLOWER;

use super::content::Content;
use super::tree::{Node, Tree};
use super::{Covers, Format, Pour, Shape, git_tree, unwritable};

pub(super) const FORMAT: Format = Format {
    name: "git-tree-sha256",
    about: "the same in a repository with SHA-256 objects",
    content: Content::GitSha256,
    shape: Shape::Hex(64),
    covers: Covers { submodules: true, ..git_tree::FORMAT.covers },
    digest,
    ..git_tree::FORMAT
};

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    let name = FORMAT.name;
    git_tree::refuse_vcs(tree, name)?;
    let submodule = tree.entries().iter().find(|e| matches!(e.node, Node::Submodule { .. }));
    if let Some(entry) = submodule {
        return Err(unwritable(&entry.path, name, "its commit has no SHA-256 id"));
    }
    Ok(HEXLOWER.encode(&git_tree::id(tree, &git_tree::SHA256, false)))
}
