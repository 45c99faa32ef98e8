//! `seed-content`: the recipe before the final one, which cannot see names:
//! `find DIR -type f -exec sha256sum {} \; | awk '{print $1}' | sort -d | sha256sum`.

use super::content::Content;
use super::lines::{Lines, sha256_hex};
use super::names::is_special;
use super::seed::check_linked;
use super::tree::Tree;
use super::{Covers, Format, Pour, Shape, Sink, no_caution};

pub(super) const FORMAT: Format = Format {
    name: "seed-content",
    about: "the recipe's earlier form: contents without names",
    content: Content::Sha256,
    prefix: "sha256:",
    shape: Shape::Hex(64),
    covers: Covers { vcs: true, links: false, empty_dirs: false, submodules: false },
    text: Some(text),
    digest,
    caution: no_caution,
};

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    Ok(format!("sha256:{}", sha256_hex(|sink| text(tree, sink))?))
}

fn text(tree: &Tree, sink: Sink<'_>) -> anyhow::Result<()> {
    check_linked(tree)?;
    let mut lines = Lines::default();
    // sha256sum marks an escaped name before the digest, and awk takes the mark for part of it.
    let escapes_all = is_special(&tree.spelled);
    for (path, hash) in tree.files() {
        let mark = if escapes_all || is_special(path) { "\\" } else { "" };
        lines.push(format!("{mark}{}\n", hash.hex()).as_bytes());
    }
    lines.write_sorted(sink);
    Ok(())
}
