//! Where a symbolic link leads inside the measured tree, for the formats that follow links.
//!
//! Nothing is opened: a link is resolved among the entries, so one that leads out of the tree, or to
//! what was not measured, cannot slip something in.

use super::names::shown;
use super::tree::{Entry, Node, Tree, parent};
use crate::error::{Code, Hinted};

/// How many links one path may pass through, as in Linux.
const LIMIT: usize = 40;

/// What a link leads to: an entry, or the measured directory itself.
pub(super) fn resolve<'a>(tree: &'a Tree, link: &Entry) -> anyhow::Result<Option<&'a Entry>> {
    let mut at: Vec<u8> = link.path.to_vec();
    let mut followed = 0;
    let mut rest: Vec<Vec<u8>> = Vec::new();
    let mut found = Some(link);
    loop {
        if let Some(Entry { node: Node::Symlink { target }, .. }) = found {
            followed += 1;
            if followed > LIMIT {
                return Err(refused(link, "it leads round in circles"));
            }
            if target.first() == Some(&b'/') {
                return Err(refused(link, "it leads out of the directory"));
            }
            at.truncate(parent(&at).len());
            rest.extend(target.split(|&b| b == b'/').rev().map(<[u8]>::to_vec));
        }
        let Some(component) = rest.pop() else { break };
        match component.as_slice() {
            b"" | b"." | b".." if is_file(tree, &at) => {
                return Err(refused(link, "it leads through a file"));
            }
            b"" | b"." => found = None,
            b".." if at.is_empty() => return Err(refused(link, "it leads out of the directory")),
            b".." => {
                at.truncate(parent(&at).len());
                found = None;
            }
            name => {
                if !at.is_empty() {
                    at.push(b'/');
                }
                at.extend(name);
                found = tree.get(&at);
                if found.is_none() {
                    return Err(refused(link, "it leads to nothing that is measured"));
                }
            }
        }
    }
    Ok(tree.get(&at))
}

fn is_file(tree: &Tree, path: &[u8]) -> bool {
    tree.get(path).is_some_and(|entry| matches!(entry.node, Node::File { .. }))
}

fn refused(link: &Entry, cause: &str) -> anyhow::Error {
    Hinted::new(
        Code::NotEditable,
        format!("cannot follow the symbolic link `{}`: {cause}", shown(&link.path)),
        "this format digests what links lead to; `gd1`, `nar` and `git-tree` digest the links",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{dir, file, link, tree};

    #[test]
    fn follows_links_inside_only() {
        let tree = tree(vec![
            file("a", "1"),
            dir("d"),
            file("d/b", "2"),
            link("d/up", "../a"),
            link("d/root", ".."),
            link("to-dir", "d/"),
            link("through", "to-dir/b"),
            link("twice", "d/up"),
            link("dangling", "nothing"),
            link("out", "../x"),
            link("sly", "d/../../x"),
            link("absolute", "/etc/hosts"),
            link("self", "self"),
            link("through-file", "a/b"),
            link("file-as-dir", "a/"),
        ]);
        let check = |name: &str| match resolve(&tree, tree.get(name.as_bytes()).unwrap()) {
            Ok(Some(entry)) => String::from_utf8_lossy(&entry.path).into_owned(),
            Ok(None) => "the root".to_owned(),
            Err(error) => error.to_string().split(": ").last().unwrap().to_owned(),
        };
        for (name, expected) in [
            ("d/up", "a"),
            ("d/root", "the root"),
            ("to-dir", "d"),
            ("through", "d/b"),
            ("twice", "a"),
            ("dangling", "it leads to nothing that is measured"),
            ("out", "it leads out of the directory"),
            ("sly", "it leads out of the directory"),
            ("absolute", "it leads out of the directory"),
            ("self", "it leads round in circles"),
            ("through-file", "it leads to nothing that is measured"),
            ("file-as-dir", "it leads through a file"),
        ] {
            assert_eq!(check(name), expected, "{name}");
        }
    }
}
