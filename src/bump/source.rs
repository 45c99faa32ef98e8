//! A file that is about to be edited: YAML in UTF-8 that is nobody else's.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::error::{Code, Hinted};
use crate::yaml::{Embedded, NodeId, NodeRef, Stream};

/// A file's path and documents.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the repository's root.
    pub path: String,
    /// Its documents.
    pub stream: Arc<Stream>,
    /// Keys that stand twice in one mapping; found when first asked for.
    duplicates: Arc<OnceLock<HashMap<NodeId, NodeId>>>,
}

impl Source {
    /// Reads a file's bytes, or says why they cannot be edited.
    pub fn read(path: &str, bytes: Vec<u8>) -> anyhow::Result<Self> {
        Self::of(path, decode(path, bytes)?)
    }

    /// Reads a file's text.
    pub(super) fn of(path: &str, text: String) -> anyhow::Result<Self> {
        let stream =
            Stream::parse(text).map_err(|error| error.context(format!("cannot edit `{path}`")))?;
        let stream = Arc::new(stream);
        let source = Self { path: path.to_owned(), stream, duplicates: Arc::default() };
        let is_sealed =
            |root: NodeRef<'_>| root.get("sops").is_some_and(|sops| sops.get("mac").is_some());
        let roots = (0..source.stream.documents()).filter_map(|d| source.stream.root(d));
        if roots.collect::<Vec<_>>().into_iter().any(is_sealed) {
            let hint = "edit it with `sops`, which renews the checksum over all values";
            return Err(refused(path, "SOPS sealed it", hint).into());
        }
        Ok(source)
    }

    /// Refuses a node to which a key leads that stands twice in its mapping.
    pub(super) fn refuse_duplicates(&self, node: NodeRef<'_>) -> Result<(), Hinted> {
        let duplicates = self.duplicates.get_or_init(|| duplicates(&self.stream));
        refuse(node, |key| duplicates.get(&key.id()).copied())
    }
}

/// The same for a node of a stream that is read just now; it looks at the mappings above the node only.
pub(super) fn refuse_duplicates_above(node: NodeRef<'_>) -> Result<(), Hinted> {
    refuse(node, |key| {
        let mapping = key.parent()?;
        let mut names = mapping.entries().map(|(name, _)| name);
        let other = names.find(|name| *name != key && name.scalar() == key.scalar());
        other.map(NodeRef::id)
    })
}

fn refuse(node: NodeRef<'_>, other: impl Fn(NodeRef<'_>) -> Option<NodeId>) -> Result<(), Hinted> {
    let above = std::iter::successors(Some(node), |node| node.parent());
    for key in above.filter_map(NodeRef::key) {
        let Some(other) = other(key) else { continue };
        let lines = [key.line(), node.stream().node(other).line()];
        let message = format!(
            "the key `{}` stands twice in one mapping: lines {} and {}",
            key.scalar().unwrap_or_default(),
            lines[0].min(lines[1]),
            lines[0].max(lines[1])
        );
        return Err(Hinted::new(Code::Ambiguous, message, "remove one of them first"));
    }
    Ok(())
}

/// Each key that has a namesake in its mapping, with that one.
fn duplicates(stream: &Stream) -> HashMap<NodeId, NodeId> {
    let mut found = HashMap::new();
    for mapping in (0..stream.documents()).flat_map(|document| stream.nodes_of(document)) {
        let mut seen: HashMap<&str, NodeId> = HashMap::new();
        for (key, _) in mapping.entries() {
            let Some(text) = key.scalar() else { continue };
            if let Some(first) = seen.insert(text, key.id()) {
                found.insert(first, key.id());
                found.insert(key.id(), first);
            }
        }
    }
    found
}

fn refused(path: &str, cause: &str, hint: &str) -> Hinted {
    Hinted::new(Code::InvalidYaml, format!("cannot edit `{path}`: {cause}"), hint)
}

/// The text of a file, or why it is none.
pub(super) fn decode(path: &str, bytes: Vec<u8>) -> Result<String, Hinted> {
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        let hint = "fetch it with `git lfs pull`; better, keep YAML out of LFS";
        return Err(refused(path, "it is a Git LFS pointer", hint));
    }
    if bytes.starts_with(b"\0GITCRYPT") {
        return Err(refused(path, "git-crypt encrypted it", "run `git-crypt unlock` first"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|&byte| byte == b'\n').count();
        let cause = format!("line {line} is not UTF-8");
        refused(path, &cause, "convert the file to UTF-8 first")
    })
}

/// Whether a text that is not YAML is a template, which a renderer reads and we need not: it has a line that
/// starts with an action, or a value that is one.
pub(super) fn is_template(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches("- ");
        line.starts_with("{{")
            || line.split_once(": ").is_some_and(|(_, value)| value.starts_with("{{"))
    })
}

/// The YAML in block strings, read once each.
#[derive(Debug, Default)]
pub(super) struct Blocks(HashMap<(String, NodeId), Option<Embedded>>);

impl Blocks {
    pub(super) fn get(&mut self, source: &Source, node: NodeId) -> Option<&Embedded> {
        let read = || Embedded::of(source.stream.node(node));
        self.0.entry((source.path.clone(), node)).or_insert_with(read).as_ref()
    }
}
