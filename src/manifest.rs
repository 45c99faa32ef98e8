//! What a file holds: its documents, and which Kubernetes object each of them is.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr_iter, memmem};

use crate::yaml::value::{Data, Entry, Map};
use crate::yaml::{DuplicateKey, Schema, Stream, Unreadable, Value, expand, read_plain};

/// A file of one side of a comparison, or of a repository to validate.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Relative to the repository's root, with `/`.
    pub path: Arc<str>,
    /// The path under which both sides know it; another one where sides name their files differently.
    pub key: Arc<str>,
    /// Objects of one scope know each other: two of one name in it are duplicates.
    pub scope: Arc<str>,
    /// The environment it belongs to; empty for none.
    pub environment: Arc<str>,
    /// The namespace of its objects that name none.
    pub default_namespace: Arc<str>,
    /// The text; `None` where the bytes are not UTF-8.
    pub text: Option<String>,
    /// Whether it is to be read as YAML, or JSON.
    pub structured: bool,
    /// The bits of Git's file mode.
    pub mode: u32,
}

impl SourceFile {
    /// The mode of a file that nobody executes.
    pub const PLAIN: u32 = 0o100_644;
    /// The mode of a symbolic link; its text is where it leads.
    pub const LINK: u32 = 0o120_000;

    /// A file whose scope is the directory it is in.
    #[must_use]
    pub fn new(path: &str, bytes: Vec<u8>) -> Self {
        let scope = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        Self {
            path: path.into(),
            key: path.into(),
            scope: scope.into(),
            environment: "".into(),
            default_namespace: "".into(),
            text: String::from_utf8(bytes).ok(),
            structured: is_structured(path),
            mode: Self::PLAIN,
        }
    }
}

impl SourceFile {
    /// The same with a mode; a link is no document.
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        if mode != 0 {
            self.mode = mode;
        }
        self.structured &= self.mode != Self::LINK;
        self
    }
}

/// Whether a file of this name holds YAML or JSON.
#[must_use]
pub fn is_structured(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["yaml", "yml", "json"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// A piece of a text that can be read on its own: what stands between two `---` at the start of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its bytes.
    pub range: Range<usize>,
    /// How many lines stand before it.
    pub lines_before: usize,
}

/// Splits a text into its documents without reading them.
///
/// `---` at the start of a line ends a document wherever it stands, also inside of scalars. Only
/// directives (`%YAML`) reach across; a text with such a line is one piece.
#[must_use]
pub fn chunks(text: &str) -> Vec<Chunk> {
    let bytes = text.as_bytes();
    if bytes.starts_with(b"%") || memmem::find(bytes, b"\n%").is_some() {
        return vec![Chunk { range: 0..text.len(), lines_before: 0 }];
    }
    let mut chunks = Vec::new();
    let (mut start, mut lines_before) = (0, 0);
    let markers = memmem::find_iter(bytes, b"\n---").map(|found| found + 1);
    for at in markers.filter(|&at| is_separator(&bytes[at..])) {
        chunks.push(Chunk { range: start..at, lines_before });
        lines_before += memchr_iter(b'\n', &bytes[start..at]).count();
        start = at;
    }
    chunks.push(Chunk { range: start..text.len(), lines_before });
    chunks
}

/// Whether a document starts with this `---`.
fn is_separator(text: &[u8]) -> bool {
    matches!(text.get("---".len()), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
}

/// Which object a document is. The version of its API is not part of that: a bump is a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty where none is written.
    pub namespace: String,
    /// The name, or `metadata.generateName`.
    pub name: String,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// Kinds of Kubernetes itself that live in no namespace.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

impl Identity {
    /// The identity of an object; `None` where the value is none, or has no name.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let (group, kind) = (group_of(value)?, value.str_at(&["kind"])?);
        let name = value.str_at(&["metadata", "name"]).filter(|name| !name.is_empty());
        let name = name.or_else(|| value.str_at(&["metadata", "generateName"]))?;
        let namespace = match value.str_at(&["metadata", "namespace"]) {
            Some(namespace) if !CLUSTER_SCOPED.contains(&kind) => namespace,
            _ => "",
        };
        Some(Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether a name is needed to tell it from others of its namespace only.
    #[must_use]
    pub fn is_cluster_scoped(&self) -> bool {
        CLUSTER_SCOPED.contains(&self.kind.as_str())
    }
}

/// The API group of an object: what stands before `/` in `apiVersion`.
#[must_use]
pub fn group_of(value: &Value) -> Option<&str> {
    let version = value.str_at(&["apiVersion"])?;
    Some(version.split_once('/').map_or("", |(group, _)| group))
}

/// A document of a file.
#[derive(Clone, Debug)]
pub struct Object {
    /// Which Kubernetes object it is, if any.
    pub identity: Option<Identity>,
    /// Its content.
    pub value: Value,
    /// The file it stands in.
    pub path: Arc<str>,
    /// The path under which both sides know that file.
    pub key: Arc<str>,
    /// The scope of that file.
    pub scope: Arc<str>,
    /// The environment of that file.
    pub environment: Arc<str>,
    /// Its namespace where it names none.
    pub default_namespace: Arc<str>,
    /// The line its content starts on.
    pub line: u32,
    /// Which document of its file it is, counted from 0.
    pub position: usize,
}

impl Object {
    /// The identity where there is one, else the file and the document's number.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.identity {
            Some(identity) => identity.to_string(),
            None if self.position == 0 => self.path.to_string(),
            None => format!("{} (document {})", self.path, self.position),
        }
    }

    /// The text of `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.value.str_at(&["apiVersion"]).unwrap_or_default()
    }

    /// Whether it is of this group and kind.
    #[must_use]
    pub fn is_kind(&self, group: &str, kind: &str) -> bool {
        self.identity.as_ref().is_some_and(|id| id.group == group && id.kind == kind)
    }
}

/// Whether a value is a Secret of Kubernetes, named or not.
#[must_use]
pub fn is_secret(value: &Value) -> bool {
    value.str_at(&["kind"]) == Some("Secret") && group_of(value) == Some("")
}

/// The objects of one piece of a file.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// One per document, those of lists one by one; empty documents are none.
    pub objects: Vec<Object>,
    /// Keys that stand twice.
    pub duplicates: Vec<DuplicateKey>,
}

/// Reads one piece of a file; `position` is the number of its first document in the file.
pub fn read(file: &SourceFile, chunk: &Chunk, position: usize) -> Result<Documents, Unreadable> {
    let text = &file.text.as_deref().unwrap_or_default()[chunk.range.clone()];
    let mut documents = Documents::default();
    let schema = |version: Option<&str>, kind: Option<&str>| schema_of(&file.path, version, kind);
    if let Some(value) = read_plain(text, schema, chunk.lines_before) {
        documents.take(file, value, position);
        return Ok(documents);
    }
    let stream = parse(text, chunk.lines_before)?;
    for document in 0..stream.documents() {
        let text = |key| stream.root(document).and_then(|root| root.get_text(key));
        let schema = schema(text("apiVersion"), text("kind"));
        let tree = expand(&stream, document, schema, chunk.lines_before)?;
        documents.duplicates.extend(tree.duplicates);
        if !matches!(tree.value.data, Data::Null) {
            documents.take(file, tree.value, position + document);
        }
    }
    Ok(documents)
}

impl Documents {
    fn take(&mut self, file: &SourceFile, value: Value, position: usize) {
        unfold(value, &mut |value| {
            self.objects.push(Object {
                identity: Identity::of(&value),
                line: value.line,
                value,
                path: Arc::clone(&file.path),
                key: Arc::clone(&file.key),
                scope: Arc::clone(&file.scope),
                environment: Arc::clone(&file.environment),
                default_namespace: Arc::clone(&file.default_namespace),
                position,
            });
        });
    }
}

fn parse(text: &str, lines_before: usize) -> Result<Stream, Unreadable> {
    Stream::parse(text.to_owned()).map_err(|error| {
        let said = error.to_string();
        let number = said.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
        let (line, cause) = match number {
            Some((line, cause)) => (line.parse().unwrap_or(1), cause.to_owned()),
            None => (1, said),
        };
        Unreadable { line: line + lines_before, cause }
    })
}

/// Who reads a document decides what its scalars mean.
fn schema_of(path: &str, version: Option<&str>, kind: Option<&str>) -> Schema {
    let name = path.rsplit('/').next().unwrap_or_default();
    match (version, kind) {
        // kustomize does not read its own file as it reads manifests.
        (Some(version), _) if version.starts_with("kustomize.config.k8s.io/") => Schema::Core,
        (Some(_), Some(_)) => Schema::Kubernetes,
        _ if name.starts_with("kustomization.") => Schema::Core,
        _ if name.contains("values") => Schema::Kubernetes,
        _ if name.starts_with("compose") || name.starts_with("docker-compose") => Schema::Core,
        _ => Schema::Either,
    }
}

/// A `List` of Kubernetes is its items.
fn unfold(mut value: Value, take: &mut impl FnMut(Value)) {
    let is_list = value.str_at(&["kind"]).is_some_and(|kind| kind.ends_with("List"))
        && value.str_at(&["apiVersion"]).is_some()
        && value.str_at(&["metadata", "name"]).is_none()
        && value.get("items").is_some_and(|items| items.as_list().is_some());
    if !is_list {
        return take(value);
    }
    let text = |key: &str| value.str_at(&[key]).unwrap_or_default().to_owned();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let Data::Map(map) = &mut value.data else { return };
    let items = map.get_mut("items").map(|items| std::mem::replace(&mut items.data, Data::Null));
    if let Some(Data::List(items)) = items {
        for mut item in items {
            // The items of a `SecretList` need not say what they are.
            if let (Data::Map(map), Some(kind)) = (&mut item.data, kind.strip_suffix("List"))
                && !kind.is_empty()
                && map.get("kind").is_none()
            {
                for (key, text) in [("apiVersion", version.as_str()), ("kind", kind)] {
                    let value = Value::text(text, item.line);
                    map.insert(Entry { key: key.into(), line: item.line, value });
                }
            }
            unfold(item, take);
        }
    }
}

/// An empty mapping.
#[must_use]
pub fn empty() -> Value {
    Value { data: Data::Map(Map::default()), line: 0, disputed: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile::new(path, text.as_bytes().to_vec())
    }

    fn titles(text: &str) -> Vec<(String, u32, usize)> {
        let file = file("d/a.yaml", text);
        let mut titles = Vec::new();
        for (position, chunk) in chunks(text).iter().enumerate() {
            for object in read(&file, chunk, position).unwrap().objects {
                titles.push((object.title(), object.line, object.position));
            }
        }
        titles
    }

    #[test]
    fn splits_at_markers_only() {
        let text = "a: 1\n--- # x\nb: |\n  ---\n  x\n---\tc\n----\n---\n";
        let pieces: Vec<_> =
            chunks(text).into_iter().map(|c| (&text[c.range], c.lines_before)).collect();
        assert_eq!(
            pieces,
            [
                ("a: 1\n", 0),
                ("--- # x\nb: |\n  ---\n  x\n", 1),
                ("---\tc\n----\n", 5),
                ("---\n", 7)
            ]
        );
        assert_eq!(chunks("%YAML 1.2\n---\na: 1\n---\nb: 1\n").len(), 1);
        assert_eq!(chunks("").len(), 1);
    }

    #[test]
    fn names_objects() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: ns}\n\
            ---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n\
            - {apiVersion: v1, kind: Pod, metadata: {generateName: p-}}\n\
            - {apiVersion: v1, kind: Namespace, metadata: {name: ns, namespace: x}}\n\
            ---\nimage: {tag: v1}\n";
        let expected = [
            ("Deployment ns/a", 1, 0),
            ("Pod p-", 10, 2),
            ("Namespace ns", 11, 2),
            ("d/a.yaml (document 3)", 13, 3),
        ];
        let expected: Vec<_> = expected.iter().map(|(t, l, p)| ((*t).to_owned(), *l, *p)).collect();
        assert_eq!(titles(text), expected);
    }

    #[test]
    fn the_reader_decides_what_scalars_mean() {
        let cases = [
            ("a/values-prod.yaml", "x: 0644\n", "420"),
            ("a/compose.yaml", "x: 0644\n", "\"0644\""),
            ("a/compose.yaml", "x: 644\n", "644"),
            ("a/compose.yaml", "x: yes\n", "\"yes\""),
            ("a/any.yaml", "x: 0644\n", "\"0644\""),
            ("a/any.yaml", "apiVersion: v1\nkind: X\nx: 0644\n", "420"),
        ];
        for (path, text, expected) in cases {
            let file = file(path, text);
            let read = read(&file, &chunks(text)[0], 0).unwrap();
            let value = read.objects[0].value.get("x").unwrap().to_json().to_string();
            assert_eq!(value, expected, "{path}");
        }
    }
}
