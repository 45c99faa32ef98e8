//! `gd1`, this program's own format: SHA-256 of a manifest that `sha256sum -c` understands.
//!
//! Frozen: any change would be `gd2`. Fixed-width digests and escaped names make it injective; the
//! options are in the text and in the prefix, so digests made with others never compare equal.

use std::collections::HashSet;

use super::content::{Content, of};
use super::lines::{push_gnu, sha256_hex};
use super::names::push_escaped;
use super::tree::{Entry, Mode, Node, Options, Tree, parent};
use super::{Covers, Format, Pour, Shape, Sink, no_caution};

pub(super) const FORMAT: Format = Format {
    name: "gd1",
    about: "the default: names, contents and symbolic links",
    content: Content::Sha256,
    prefix: "gd1",
    shape: Shape::Hex(64),
    covers: Covers { vcs: false, links: true, empty_dirs: false, submodules: false },
    text: Some(text),
    digest,
    caution: no_caution,
};

/// The first words of every manifest.
pub(super) const HEADER: &str = "# gitops-dir-digest gd1";

/// `x` and `d`, for what is covered besides.
pub(super) fn letters(options: Options) -> &'static str {
    match (options.exec, options.empty_dirs) {
        (false, false) => "",
        (true, false) => "x",
        (false, true) => "d",
        (true, true) => "xd",
    }
}

/// The inverse of [`letters`].
pub(super) fn options_of(text: &str) -> Option<Options> {
    [false, true]
        .into_iter()
        .flat_map(|exec| [false, true].map(|empty_dirs| Options { exec, empty_dirs }))
        .find(|options| letters(*options) == text)
}

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    Ok(format!("gd1{}:{}", letters(tree.options), sha256_hex(|sink| text(tree, sink))?))
}

#[expect(clippy::unnecessary_wraps, reason = "the type of a table's column")]
fn text(tree: &Tree, sink: Sink<'_>) -> anyhow::Result<()> {
    sink(format!("{HEADER}{}\n", letters(tree.options)).as_bytes());
    let occupied = occupied(tree);
    let mut line = Vec::new();
    for entry in tree.entries() {
        line.clear();
        push_records(&mut line, entry, tree.options, &occupied);
        sink(&line);
    }
    Ok(())
}

/// The directories in which something is; not needed where empty ones do not matter.
pub(super) fn occupied(tree: &Tree) -> HashSet<&[u8]> {
    if !tree.options.empty_dirs {
        return HashSet::new();
    }
    tree.entries().iter().map(|entry| parent(&entry.path)).collect()
}

fn push_records(line: &mut Vec<u8>, entry: &Entry, options: Options, occupied: &HashSet<&[u8]>) {
    // A file called `-` would be standard input to `sha256sum -c`; `./-` is a file.
    let path = [b"./", &*entry.path].concat();
    let mut comment = |kind: &str| {
        line.extend(kind.as_bytes());
        line.extend(b"  ");
        push_escaped(line, &path);
        line.push(b'\n');
    };
    match &entry.node {
        Node::File { hash, mode, .. } => {
            push_gnu(line, hash, &path);
            if options.exec && *mode == Mode::Executable {
                line.extend(b"#x  ");
                push_escaped(line, &path);
                line.push(b'\n');
            }
        }
        Node::Symlink { target } => comment(&format!("#l {}", of(Content::Sha256, target).hex())),
        Node::Directory if options.empty_dirs && !occupied.contains(&*entry.path) => comment("#d"),
        // Refused before; a submodule has no files here.
        Node::Directory | Node::Submodule { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{self, dir, executable, file, link, tree};

    fn sample(options: Options) -> Tree {
        let entries = vec![
            executable(file("run", "#!")),
            file("a\nb", "hello"),
            dir("empty"),
            dir("full"),
            dir("full/inner"),
            link("full/l\\", "x"),
        ];
        let mut tree = tree(entries);
        tree.options = options;
        tree
    }

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const SHEBANG: &str = "3612ddaf46e149a4f583faf0face846585148f59e0ce2645594df83b5dc807e8";
    const X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    #[test]
    fn writes_the_records_in_the_order_of_paths() {
        assert_eq!(
            testing::text(&FORMAT, &sample(Options { exec: true, empty_dirs: true })),
            format!(
                "# gitops-dir-digest gd1xd\n\\{HELLO}  ./a\\nb\n#d  ./empty\n#d  ./full/inner\n\
                 #l {X}  ./full/l\\\\\n{SHEBANG}  ./run\n#x  ./run\n"
            )
        );
        assert_eq!(
            testing::text(&FORMAT, &sample(Options::default())),
            format!(
                "# gitops-dir-digest gd1\n\\{HELLO}  ./a\\nb\n#l {X}  ./full/l\\\\\n\
                 {SHEBANG}  ./run\n"
            )
        );
    }

    #[test]
    fn options_are_in_the_prefix() {
        for (letters, exec, empty_dirs) in
            [("", false, false), ("x", true, false), ("d", false, true), ("xd", true, true)]
        {
            let options = Options { exec, empty_dirs };
            assert_eq!(options_of(letters), Some(options));
            let digest = testing::digest(&FORMAT, &sample(options)).unwrap();
            assert!(digest.starts_with(&format!("gd1{letters}:")), "{digest}");
        }
        assert_eq!(options_of("dx"), None);
    }
}
