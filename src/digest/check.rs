//! Comparing a tree with a `gd1` manifest that was made earlier.

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::error::{Code, Hinted};

use super::content::{Content, Hash, of};
use super::gd1::{self, HEADER};
use super::names::{shown, unescaped};
use super::tree::{Mode, Node, Options, Tree};

/// A manifest, read.
#[derive(Debug)]
pub struct Manifest {
    /// What it covers.
    pub options: Options,
    /// Ordered by path.
    records: Vec<Record>,
}

/// What a manifest says of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    path: Box<[u8]>,
    kind: Kind,
    executable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File(Hash),
    Link(Hash),
    EmptyDirectory,
}

/// How a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the tree has it.
    Added,
    /// Only the manifest has it.
    Removed,
    /// Both have it, and not the same.
    Changed,
}

impl Change {
    /// The word that is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl Manifest {
    /// Reads a manifest; `name` is what to call it in an error.
    pub fn parse(name: &str, text: &[u8]) -> anyhow::Result<Self> {
        let mut lines = text.split(|&byte| byte == b'\n').enumerate().peekable();
        let options = lines.next().and_then(|(_, line)| options_in(line)).ok_or_else(|| {
            let message =
                format!("cannot read the manifest `{name}`: it does not begin with `{HEADER}`");
            Hinted::new(Code::Usage, message, "`gitops digest-dir --manifest` makes one")
        })?;
        let mut records: Vec<Record> = Vec::new();
        while let Some((at, line)) = lines.next() {
            if line.is_empty() && lines.peek().is_none() {
                break;
            }
            take(line, &mut records).ok_or_else(|| broken(name, at + 1, line))?;
        }
        records.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if let Some(twice) = records.windows(2).find(|pair| pair[0].path == pair[1].path) {
            let path = shown(&twice[0].path);
            let message = format!("cannot read the manifest `{name}`: `{path}` is in it twice");
            return Err(Hinted::plain(Code::Usage, message).into());
        }
        Ok(Self { options, records })
    }

    /// What the tree has that the manifest has not, and the reverse, ordered by path.
    #[must_use]
    pub fn compare(&self, tree: &Tree) -> Vec<(Change, Box<[u8]>)> {
        let mut old = self.records.iter().peekable();
        let mut changes = Vec::new();
        for new in records_of(tree) {
            while let Some(gone) = old.next_if(|old| old.path < new.path) {
                changes.push((Change::Removed, gone.path.clone()));
            }
            match old.next_if(|old| old.path == new.path) {
                None => changes.push((Change::Added, new.path)),
                Some(old) if *old != new => changes.push((Change::Changed, new.path)),
                Some(_) => {}
            }
        }
        changes.extend(old.map(|gone| (Change::Removed, gone.path.clone())));
        changes
    }
}

fn options_in(line: &[u8]) -> Option<Options> {
    gd1::options_of(str::from_utf8(line.strip_prefix(HEADER.as_bytes())?).ok()?)
}

fn broken(name: &str, at: usize, line: &[u8]) -> anyhow::Error {
    let message = format!("cannot read the manifest `{name}`: line {at}: `{}`", shown(line));
    Hinted::new(Code::Usage, message, "each line is a digest, two spaces, `./` and a path").into()
}

/// Reads a line into a record, or into the executable bit of the record before it.
fn take(line: &[u8], records: &mut Vec<Record>) -> Option<()> {
    if let Some(rest) = line.strip_prefix(b"#x") {
        let path = path_in(rest, true)?;
        let last = records.last_mut().filter(|last| last.path == path)?;
        last.executable = matches!(last.kind, Kind::File(_));
        return last.executable.then_some(());
    }
    let (kind, path) = if let Some(rest) = line.strip_prefix(b"#d") {
        (Kind::EmptyDirectory, path_in(rest, true)?)
    } else if let Some(rest) = line.strip_prefix(b"#l ") {
        let (hash, rest) = hash_in(rest)?;
        (Kind::Link(hash), path_in(rest, true)?)
    } else {
        let escaped = line.first() == Some(&b'\\');
        let (hash, rest) = hash_in(&line[usize::from(escaped)..])?;
        (Kind::File(hash), path_in(rest, escaped)?)
    };
    records.push(Record { path, kind, executable: false });
    Some(())
}

fn hash_in(text: &[u8]) -> Option<(Hash, &[u8])> {
    let (digits, rest) = text.split_at_checked(64)?;
    let bytes = HEXLOWER_PERMISSIVE.decode(digits).ok()?;
    Some((Hash(bytes.try_into().ok()?), rest))
}

fn path_in(text: &[u8], escaped: bool) -> Option<Box<[u8]>> {
    let path = text.strip_prefix(b"  ./")?;
    let path = if escaped { unescaped(path)? } else { path.to_vec() };
    (!path.is_empty()).then(|| path.into())
}

fn records_of(tree: &Tree) -> impl Iterator<Item = Record> {
    let occupied = gd1::occupied(tree);
    tree.entries().iter().filter_map(move |entry| {
        let kind = match &entry.node {
            Node::File { hash, .. } => Kind::File(*hash),
            Node::Symlink { target } => Kind::Link(of(Content::Sha256, target)),
            Node::Directory if tree.options.empty_dirs && !occupied.contains(&*entry.path) => {
                Kind::EmptyDirectory
            }
            Node::Directory | Node::Submodule { .. } => return None,
        };
        let executable =
            tree.options.exec && matches!(entry.node, Node::File { mode: Mode::Executable, .. });
        Some(Record { path: entry.path.clone(), kind, executable })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{self, dir, executable, file, link, tree};
    use crate::digest::{Entry, FORMATS};

    fn tree_of(entries: Vec<Entry>) -> Tree {
        let mut tree = tree(entries);
        tree.options = Options { exec: true, empty_dirs: true };
        tree
    }

    fn compare(before: Vec<Entry>, after: Vec<Entry>) -> String {
        let manifest = testing::text(&FORMATS[0], &tree_of(before));
        let manifest = Manifest::parse("m", manifest.as_bytes()).unwrap();
        assert_eq!(manifest.options, Options { exec: true, empty_dirs: true });
        let changes = manifest.compare(&tree_of(after));
        let line =
            |(change, path): &(Change, Box<[u8]>)| format!("{} {}", change.as_str(), shown(path));
        changes.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn finds_every_change() {
        let before =
            || vec![file("a", "1"), file("c\n", "3"), link("l", "a"), dir("e"), file("x", "")];
        assert_eq!(compare(before(), before()), "");
        let after = vec![
            file("a", "2"),
            file("b", ""),
            link("l", "b"),
            executable(file("x", "")),
            file("z", ""),
        ];
        assert_eq!(
            compare(before(), after),
            "changed a, added b, removed c\\n, removed e, changed l, changed x, added z"
        );
        assert_eq!(compare(vec![file("f", "1")], vec![link("f", "1")]), "changed f");
    }

    #[test]
    fn refuses_what_is_no_manifest() {
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for text in [
            String::new(),
            format!("{digest}  ./a\n"),
            format!("{HEADER}z\n"),
            format!("{HEADER}\n{digest} *./a\n"),
            format!("{HEADER}\n{digest}  a\n"),
            format!("{HEADER}\n{digest}  ./\n"),
            format!("{HEADER}\n\n{digest}  ./a\n"),
            format!("{HEADER}\n{}  ./a\n", &digest[1..]),
            format!("{HEADER}\n\\{digest}  ./a\\t\n"),
            format!("{HEADER}\n{digest}  ./a\n{digest}  ./a\n"),
            format!("{HEADER}x\n{digest}  ./a\n#x  ./b\n"),
            format!("{HEADER}x\n#x  ./b\n"),
        ] {
            assert!(Manifest::parse("m", text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text: Vec<u8>) {
            let _ = Manifest::parse("m", &[HEADER.as_bytes(), b"xd\n", &text].concat());
        }
    }
}
