//! `nar`: the SHA-256 of the tree's Nix archive, as in `narHash`: a serialisation of strings that
//! are preceded by their length and padded to eight bytes.

use data_encoding::BASE64;

use super::content::Content;
use super::lines::sha256;
use super::tree::{Entry, Mode, Node, Step, Tree};
use super::{Covers, Format, Pour, Shape, Sink, no_caution};

pub(super) const FORMAT: Format = Format {
    name: "nar",
    about: "Nix's narHash: sha256-…",
    content: Content::Size,
    prefix: "sha256-",
    shape: Shape::Base64,
    covers: Covers { vcs: true, links: true, empty_dirs: true, submodules: false },
    text: None,
    digest,
    caution: no_caution,
};

fn digest(tree: &Tree, pour: Pour<'_>) -> anyhow::Result<String> {
    Ok(format!("sha256-{}", BASE64.encode(&hash(tree, pour)?)))
}

pub(super) fn hash(tree: &Tree, pour: Pour<'_>) -> anyhow::Result<[u8; 32]> {
    sha256(|sink| archive(tree, pour, sink))
}

fn archive(tree: &Tree, pour: Pour<'_>, sink: Sink<'_>) -> anyhow::Result<()> {
    strings(sink, &[b"nix-archive-1", b"(", b"type", b"directory"]);
    for step in tree.steps() {
        match step {
            Step::Enter(entry) => {
                strings(sink, &[b"entry", b"(", b"name", entry.name(), b"node"]);
                strings(sink, &[b"(", b"type", b"directory"]);
            }
            Step::Leaf(entry) => {
                strings(sink, &[b"entry", b"(", b"name", entry.name(), b"node", b"("]);
                leaf(entry, pour, sink)?;
                strings(sink, &[b")", b")"]);
            }
            Step::Leave => strings(sink, &[b")", b")"]),
        }
    }
    strings(sink, &[b")"]);
    Ok(())
}

fn leaf(entry: &Entry, pour: Pour<'_>, sink: Sink<'_>) -> anyhow::Result<()> {
    match &entry.node {
        Node::File { mode, size, .. } => {
            strings(sink, &[b"type", b"regular"]);
            if *mode == Mode::Executable {
                strings(sink, &[b"executable", b""]);
            }
            strings(sink, &[b"contents"]);
            sink(&size.to_le_bytes());
            pour(entry, sink)?;
            sink(padding(*size));
        }
        Node::Symlink { target } => strings(sink, &[b"type", b"symlink", b"target", target]),
        Node::Directory | Node::Submodule { .. } => {}
    }
    Ok(())
}

fn strings(sink: Sink<'_>, strings: &[&[u8]]) {
    for string in strings {
        let length = string.len() as u64;
        sink(&length.to_le_bytes());
        sink(string);
        sink(padding(length));
    }
}

fn padding(length: u64) -> &'static [u8] {
    const ZEROS: [u8; 7] = [0; 7];
    match length % 8 {
        0 => &[],
        // A remainder below eight fits any integer.
        over => &ZEROS[usize::try_from(over).unwrap_or(1) - 1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_to_eight() {
        let lengths: Vec<usize> = (0..10).map(|length| padding(length).len()).collect();
        assert_eq!(lengths, [0, 7, 6, 5, 4, 3, 2, 1, 0, 7]);
    }
}
