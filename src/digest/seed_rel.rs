//! `seed-rel`: what the seed's recipe means, the same for every spelling and name of the directory.

use super::content::Content;
use super::lines::{Lines, push_gnu, sha256_hex};
use super::tree::Tree;
use super::{Covers, Format, Pour, Shape, Sink, no_caution};

pub(super) const FORMAT: Format = Format {
    name: "seed-rel",
    about: "the recipe as it was meant, whatever DIR is called",
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

#[expect(clippy::unnecessary_wraps, reason = "the type of a table's column")]
fn text(tree: &Tree, sink: Sink<'_>) -> anyhow::Result<()> {
    let (mut lines, mut line) = (Lines::default(), Vec::new());
    for (path, hash) in tree.files() {
        line.clear();
        push_gnu(&mut line, hash, &[b"/", path].concat());
        lines.push(&line);
    }
    lines.write_sorted(sink);
    Ok(())
}
