//! Reading YAML with byte spans, and changing one scalar of it without touching another byte.
//!
//! [`Stream::parse`] keeps every node of every document with the span it was read from. Edits are
//! spliced into those spans and read back before anything is written (see [`edit`]); nothing here
//! emits YAML. The grammar is YAML 1.2 as granit-parser reads it.

pub mod edit;
mod embedded;
mod expand;
mod find;
mod path;
mod plain;
mod quirks;
pub mod resolver;
mod scalar;
mod scan;
mod splice;
pub mod value;
mod verify;

use std::ops::Range;

pub use edit::{Added, Address, Change, Edited, Operation};
pub use embedded::Embedded;
pub use expand::{DuplicateKey, Tree, Unreadable, expand};
pub use find::{Found, Sharing, find, inserting, missing, refuse_shared};
pub use path::{Segment, YamlPath};
pub use plain::read_plain;
pub use resolver::Schema;
pub use scalar::{is_ambiguous, reads_otherwise};
pub use value::Value;

/// The number of a node in its stream, in the order of the parser's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// A block scalar headed by `|`.
    Literal,
    /// A block scalar headed by `>`.
    Folded,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A scalar.
    Scalar(Style),
    /// A mapping; its children are key, value, key, value.
    Mapping {
        /// Written with braces.
        flow: bool,
    },
    /// A sequence.
    Sequence {
        /// Written with brackets.
        flow: bool,
    },
    /// `*name`: stands for the anchored node.
    Alias,
}

/// A scalar's value: mostly a piece of the source.
#[derive(Clone, Debug)]
enum Text {
    Slice(u32, u32),
    Owned(Box<str>),
    None,
}

#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    start: u32,
    end: u32,
    line: u32,
    parent: Option<NodeId>,
    first: Option<NodeId>,
    next: Option<NodeId>,
    previous: Option<NodeId>,
    /// How many children of the parent come before it.
    position: u32,
    /// The anchor defined here, or referred to by an alias; 0 for none.
    anchor: u32,
    tag: Option<Box<str>>,
    text: Text,
}

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    root: Option<NodeId>,
    /// The number that its first node has, or would have.
    first: u32,
    /// Where its first byte is: that of `---`, or of the stream.
    start: u32,
    line: u32,
    explicit: bool,
}

/// Every document of a file.
#[derive(Clone, Debug)]
pub struct Stream {
    source: String,
    nodes: Vec<Node>,
    documents: Vec<Document>,
    /// The node that defines each anchor, by anchor number.
    anchors: Vec<Option<NodeId>>,
    aliases: Vec<NodeId>,
}

impl Stream {
    /// Reads all documents, or says at which line the first error is.
    pub fn parse(source: String) -> anyhow::Result<Self> {
        scan::parse(source)
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many documents there are; an empty one between two `---` counts.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.documents.len()
    }

    /// The root of a document; `None` where it has no content at all.
    #[must_use]
    pub fn root(&self, document: usize) -> Option<NodeRef<'_>> {
        let root = self.documents.get(document)?.root?;
        Some(self.node(root))
    }

    /// The line (from 1) on which a document starts.
    #[must_use]
    pub fn document_line(&self, document: usize) -> usize {
        self.documents.get(document).map_or(1, |d| d.line as usize)
    }

    /// The node with this number.
    #[must_use]
    pub fn node(&self, id: NodeId) -> NodeRef<'_> {
        NodeRef { stream: self, id }
    }

    /// Every node of a document, parents before children.
    pub fn nodes_of(&self, document: usize) -> impl Iterator<Item = NodeRef<'_>> {
        let range = self.node_range(document);
        range.map(|index| self.node(NodeId(index)))
    }

    fn node_range(&self, document: usize) -> Range<u32> {
        let all = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let first = |document: usize| self.documents.get(document).map_or(all, |d| d.first);
        first(document)..first(document + 1)
    }

    /// The bytes of a document, from its `---` to the next one's.
    fn document_span(&self, document: usize) -> Range<usize> {
        let start = if document == 0 { 0 } else { self.documents[document].start as usize };
        let end = self.documents.get(document + 1).map_or(self.source.len(), |d| d.start as usize);
        start..end
    }

    /// The text of a document, from its `---` to the next one's.
    #[must_use]
    pub fn document_text(&self, document: usize) -> &str {
        &self.source[self.document_span(document)]
    }

    /// The aliases that refer to a node's anchor.
    pub fn aliases_of(&self, id: NodeId) -> impl Iterator<Item = NodeRef<'_>> {
        let anchor = self.nodes[id.index()].anchor;
        let is_alias = matches!(self.nodes[id.index()].kind, Kind::Alias);
        self.aliases
            .iter()
            .filter(move |alias| {
                anchor != 0 && !is_alias && self.nodes[alias.index()].anchor == anchor
            })
            .map(|&alias| self.node(alias))
    }
}

/// A node together with its stream.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'s> {
    stream: &'s Stream,
    id: NodeId,
}

impl PartialEq for NodeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.stream, other.stream) && self.id == other.id
    }
}

impl<'s> NodeRef<'s> {
    fn raw(self) -> &'s Node {
        &self.stream.nodes[self.id.index()]
    }

    /// Its number.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The stream it belongs to.
    #[must_use]
    pub fn stream(self) -> &'s Stream {
        self.stream
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.raw().kind
    }

    /// The line (from 1) its content starts on.
    #[must_use]
    pub fn line(self) -> usize {
        self.raw().line as usize
    }

    /// The bytes of its content: without anchor and tag, with quotes. An alias's is `*name`.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.raw().start as usize..self.raw().end as usize
    }

    /// The collection it is a child of.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        self.raw().parent.map(|id| self.stream.node(id))
    }

    /// Its resolved tag (`tag:yaml.org,2002:int`), where one is written.
    #[must_use]
    pub fn tag(self) -> Option<&'s str> {
        self.raw().tag.as_deref()
    }

    /// Whether an anchor is defined on it.
    #[must_use]
    pub fn is_anchored(self) -> bool {
        self.raw().anchor != 0 && !matches!(self.kind(), Kind::Alias)
    }

    /// A scalar's value after folding and unescaping.
    #[must_use]
    pub fn scalar(self) -> Option<&'s str> {
        match &self.raw().text {
            Text::Slice(start, end) => self.stream.source.get(*start as usize..*end as usize),
            Text::Owned(text) => Some(text),
            Text::None => None,
        }
    }

    /// A scalar that stands for no value: `key:` followed by nothing.
    #[must_use]
    pub fn is_missing(self) -> bool {
        self.kind() == Kind::Scalar(Style::Plain) && self.span().is_empty()
    }

    /// A scalar with content, the node an alias stands for included.
    #[must_use]
    pub fn text(self) -> Option<&'s str> {
        let node = self.resolved();
        if node.is_missing() { None } else { node.scalar() }
    }

    /// Whether it stands for no value: nothing at all, or a bare `null` or `~`.
    #[must_use]
    pub fn is_null(self) -> bool {
        let is_word = || matches!(self.scalar(), Some("null" | "Null" | "NULL" | "~"));
        self.kind() == Kind::Scalar(Style::Plain) && (self.is_missing() || is_word())
    }

    /// The node itself, or the anchored node an alias stands for.
    #[must_use]
    pub fn resolved(self) -> Self {
        if self.kind() != Kind::Alias {
            return self;
        }
        let target = self.stream.anchors.get(self.raw().anchor as usize).copied().flatten();
        target.map_or(self, |id| self.stream.node(id))
    }

    /// Whether it is a mapping.
    #[must_use]
    pub fn is_mapping(self) -> bool {
        matches!(self.kind(), Kind::Mapping { .. })
    }

    /// Whether it is a sequence.
    #[must_use]
    pub fn is_sequence(self) -> bool {
        matches!(self.kind(), Kind::Sequence { .. })
    }

    /// Its children: items, or keys and values in turn.
    pub fn children(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.raw().first, move |id| self.stream.nodes[id.index()].next)
            .map(move |id| self.stream.node(id))
    }

    /// The items of a sequence.
    pub fn items(self) -> impl Iterator<Item = Self> {
        self.children().filter(move |_| self.is_sequence())
    }

    /// The keys and values of a mapping.
    pub fn entries(self) -> impl Iterator<Item = (Self, Self)> {
        let mut children = self.children();
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
            .filter(move |_| self.is_mapping())
    }

    /// The first value under a key, aliases resolved; merge keys are not looked through.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        self.entry(key).map(|(_, value)| value.resolved())
    }

    /// The text under a key.
    #[must_use]
    pub fn get_text(self, key: &str) -> Option<&'s str> {
        self.get(key)?.text()
    }

    /// The first value under a key as it stands there, an alias for one.
    #[must_use]
    pub fn value(self, key: &str) -> Option<Self> {
        self.entry(key).map(|(_, value)| value)
    }

    fn entry(self, key: &str) -> Option<(Self, Self)> {
        self.entries().find(|(name, _)| name.scalar() == Some(key))
    }

    /// Whether it is a key of a mapping.
    #[must_use]
    pub fn is_key(self) -> bool {
        self.raw().position.is_multiple_of(2) && self.parent().is_some_and(Self::is_mapping)
    }

    /// The key this node is the value of.
    #[must_use]
    pub fn key(self) -> Option<Self> {
        let in_mapping = self.parent().is_some_and(Self::is_mapping);
        let previous = self.raw().previous.filter(|_| in_mapping && !self.is_key())?;
        Some(self.stream.node(previous))
    }

    /// The key path that leads here.
    #[must_use]
    pub fn path(self) -> YamlPath {
        let mut segments = Vec::new();
        let mut node = self;
        while let Some(parent) = node.parent() {
            if parent.is_sequence() {
                segments.push(Segment::Index(node.raw().position as usize));
            } else if let Some(key) = node.key() {
                segments.push(Segment::Key(key.scalar().unwrap_or_default().to_owned()));
            }
            node = parent;
        }
        segments.reverse();
        YamlPath::new(segments)
    }

    /// The comment behind it on its line, where it is the last value there: only blanks and closing
    /// brackets may stand between.
    #[must_use]
    pub fn comment(self) -> Option<&'s str> {
        let rest = self.stream.source.get(self.span().end..).unwrap_or_default();
        let rest = rest.trim_start_matches([' ', '\t', ']', '}', ',']).strip_prefix('#')?;
        rest.split('\n').next().map(str::trim)
    }
}
