//! `swh`: Software Heritage's `swh:1:dir:` (ISO/IEC 18670), which is Git's tree id with empty
//! directories and `.git` kept.

use data_encoding::HEXLOWER;

use super::tree::Tree;
use super::{Covers, Format, Pour, Shape, git_tree};

pub(super) const FORMAT: Format = Format {
    name: "swh",
    about: "Software Heritage's identifier: swh:1:dir:…",
    prefix: "swh:1:dir:",
    shape: Shape::Hex(40),
    covers: Covers { vcs: true, links: true, empty_dirs: true, submodules: true },
    digest,
    ..git_tree::FORMAT
};

#[expect(clippy::unnecessary_wraps, reason = "the type of a table's column")]
fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    Ok(format!("swh:1:dir:{}", HEXLOWER.encode(&git_tree::id(tree, &git_tree::SHA1, true))))
}
