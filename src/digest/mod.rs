//! The digest of a directory: entries in, digest out. One file and one row per format.
//!
//! A format says what it needs of each file's content; an adapter reads the files, computes that and
//! hands over a [`Tree`]; the rest is here, pure, and the same for a directory and a Git commit.

use crate::error::{Code, Hinted};

pub mod check;
mod content;
mod dirhash;
mod exclude;
mod expect;
mod gd1;
mod git_tree;
mod git_tree_sha256;
mod h1;
mod in_toto;
mod lines;
mod links;
mod names;
mod nar;
mod nar_base32;
pub mod portable;
mod seed;
mod seed_content;
mod seed_rel;
mod swh;
#[cfg(test)]
mod testing;
mod tree;
mod wildmatch;

pub use content::{Content, Hash, Hasher, of as content_of};
pub use exclude::Exclude;
pub use expect::Expected;
pub use names::{escaped, exact, shown};
pub use tree::{Entry, Mode, Node, Options, Step, Tree};

/// Where a text goes, piece by piece.
pub type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// Pours the content of a file into a sink; only formats that take contents in order need it.
pub type Pour<'a> = &'a dyn Fn(&Entry, Sink<'_>) -> anyhow::Result<()>;

/// Writes the text whose SHA-256 is the digest.
pub type Text = fn(&Tree, Sink<'_>) -> anyhow::Result<()>;

/// How the digest is written behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// So many lowercase hexadecimal digits.
    Hex(usize),
    /// 32 bytes in base64.
    Base64,
    /// 32 bytes in Nix's own base32.
    NixBase32,
}

/// A way to digest a tree.
#[derive(Debug)]
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// What it equals.
    pub about: &'static str,
    /// What it needs to know of each file.
    pub content: Content,
    /// What stands before the digest.
    pub prefix: &'static str,
    /// How the digest is written.
    pub shape: Shape,
    /// What the format looks at.
    pub covers: Covers,
    /// The text that is digested, where it is one that people can read.
    pub text: Option<Text>,
    /// The digest, with its prefix.
    pub digest: fn(&Tree, Pour<'_>) -> anyhow::Result<String>,
    /// What the user should know about this value.
    pub caution: fn(&Tree) -> anyhow::Result<Option<String>>,
}

/// What a format looks at, besides files.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a table of yes and no")]
pub struct Covers {
    /// Entries named `.git`, unless they are excluded.
    pub vcs: bool,
    /// Symbolic links.
    pub links: bool,
    /// Directories in which nothing is.
    pub empty_dirs: bool,
    /// Commits of other repositories.
    pub submodules: bool,
}

/// Every format, the default first.
pub const FORMATS: &[Format] = &[
    gd1::FORMAT,
    seed::FORMAT,
    seed_rel::FORMAT,
    seed_content::FORMAT,
    h1::FORMAT,
    in_toto::FORMAT,
    git_tree::FORMAT,
    git_tree_sha256::FORMAT,
    swh::FORMAT,
    nar::FORMAT,
    nar_base32::FORMAT,
    dirhash::FORMAT,
];

impl Format {
    /// The digest of a tree.
    pub fn digest(&self, tree: &Tree, pour: Pour<'_>) -> anyhow::Result<String> {
        self.accept(tree)?;
        (self.digest)(tree, pour)
    }

    /// The text that is digested.
    pub fn manifest(&self, tree: &Tree, sink: Sink<'_>) -> anyhow::Result<()> {
        let Some(text) = self.text else {
            let message = format!("cannot print a manifest: `{}` is not made from one", self.name);
            return Err(Hinted::new(Code::Usage, message, "`gd1` and `h1` are").into());
        };
        self.accept(tree)?;
        text(tree, sink)
    }

    /// Warnings about this value.
    pub fn cautions(&self, tree: &Tree) -> anyhow::Result<Vec<String>> {
        let vcs = tree.entries().iter().find(|entry| entry.name() == b".git");
        let vcs = vcs.filter(|_| self.covers.vcs).map(|entry| {
            format!(
                "`{}` is part of a `{}` digest, and no two clones have the same; \
                 `--exclude .git` leaves it out",
                shown(&entry.path),
                self.name
            )
        });
        Ok((self.caution)(tree)?.into_iter().chain(vcs).collect())
    }

    /// Whether nothing in the tree is part of this digest.
    #[must_use]
    pub fn sees_nothing(&self, tree: &Tree) -> bool {
        !tree.entries().iter().any(|entry| match entry.node {
            Node::File { .. } | Node::Submodule { .. } => true,
            Node::Symlink { .. } => self.covers.links,
            Node::Directory => self.covers.empty_dirs || tree.options.empty_dirs,
        })
    }

    fn accept(&self, tree: &Tree) -> anyhow::Result<()> {
        let submodule = |entry: &&Entry| matches!(entry.node, Node::Submodule { .. });
        if !self.covers.submodules
            && let Some(entry) = tree.entries().iter().find(submodule)
        {
            let message = format!(
                "cannot digest `{}`: it is a submodule, whose files are in another repository",
                shown(&entry.path)
            );
            let hint = "leave it out with `--exclude`, or use `--format git-tree`";
            return Err(Hinted::new(Code::NotEditable, message, hint).into());
        }
        Ok(())
    }
}

/// For formats without a caution.
#[expect(clippy::unnecessary_wraps, reason = "the type of a table's column")]
fn no_caution(_: &Tree) -> anyhow::Result<Option<String>> {
    Ok(None)
}

/// An error about a path that a format has no way to write.
fn unwritable(path: &[u8], format: &str, cause: &str) -> anyhow::Error {
    let message = format!("cannot digest `{}` as `{format}`: {cause}", shown(path));
    Hinted::new(Code::NotEditable, message, "use another `--format`, or `--exclude` it").into()
}
