//! `h1`, Go's directory hash (golang.org/x/mod/sumdb/dirhash, Hash1) without a prefix to the names,
//! as in `.terraform.lock.hcl`.

use data_encoding::BASE64;

use super::content::Content;
use super::lines::sha256;
use super::links::resolve;
use super::names::shown;
use super::tree::{Entry, Node, Tree};
use super::{Covers, Format, Pour, Shape, Sink, no_caution, unwritable};
use crate::error::{Code, Hinted};

pub(super) const FORMAT: Format = Format {
    name: "h1",
    about: "Go's dirhash and Terraform's lock file: h1:…",
    content: Content::Sha256,
    prefix: "h1:",
    shape: Shape::Base64,
    covers: Covers { vcs: true, links: true, empty_dirs: false, submodules: false },
    text: Some(text),
    digest,
    caution: no_caution,
};

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    let hash = sha256(|sink| text(tree, sink))?;
    Ok(format!("h1:{}", BASE64.encode(&hash)))
}

/// A line for each file, and for each link the content of the file to which it leads.
pub(super) fn text(tree: &Tree, sink: Sink<'_>) -> anyhow::Result<()> {
    for entry in tree.entries() {
        let content = match entry.node {
            Node::Symlink { .. } => resolve(tree, entry)?,
            Node::Directory | Node::Submodule { .. } => continue,
            Node::File { .. } => Some(entry),
        };
        let Some(Entry { node: Node::File { hash, .. }, .. }) = content else {
            let path = shown(&entry.path);
            let message =
                format!("cannot follow the symbolic link `{path}`: it leads to a directory");
            let hint = "`h1` digests files only; `gd1`, `nar` and `git-tree` digest the links";
            return Err(Hinted::new(Code::NotEditable, message, hint).into());
        };
        if entry.path.contains(&b'\n') {
            return Err(unwritable(&entry.path, "h1", "its name holds a line feed"));
        }
        sink(hash.hex().as_bytes());
        sink(b"  ");
        sink(&entry.path);
        sink(b"\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{self, dir, file, link, tree};

    #[test]
    fn digests_what_links_lead_to() {
        let linked = tree(vec![dir("d"), file("d/a", "1"), link("b", "d/a")]);
        let plain = tree(vec![dir("d"), file("d/a", "1"), file("b", "1")]);
        assert_eq!(testing::text(&FORMAT, &linked), testing::text(&FORMAT, &plain));
    }

    #[test]
    fn refuses_what_go_refuses() {
        for entries in
            [vec![file("a\nb", "")], vec![dir("d"), link("l", "d")], vec![link("l", "none")]]
        {
            assert!(testing::digest(&FORMAT, &tree(entries)).is_err());
        }
    }
}
