//! From granit-parser's events to the nodes of a [`Stream`].

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

use super::{Document, Kind, Node, NodeId, Stream, Style, Text};
use crate::error::{Code, Hinted};

/// Spans are kept in 32 bits.
const MAX_BYTES: usize = 1 << 30;

pub(super) fn parse(source: String) -> anyhow::Result<Stream> {
    if source.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than 1 GiB", source.len());
        return Err(Hinted::plain(Code::InvalidYaml, message).into());
    }
    let mut builder = Builder::default();
    for event in parser(&source) {
        match event {
            Ok((event, span)) => builder.take(&source, event, span),
            Err(error) => {
                return Err(invalid(&source, error.marker().line(), &error.info()).into());
            }
        }
    }
    Ok(builder.finish(source))
}

/// The parser, without comments: with them it refuses more than 96 in a row. Another crate may have
/// switched them on, so that the default does not do.
pub(super) fn parser(source: &str) -> Parser<'_, StrInput<'_>> {
    let options = granit_parser::options! { emit_comments: false };
    Parser::new_from_str_with_options(source, options)
}

/// What to tell of a text that is not YAML.
fn invalid(source: &str, line: usize, cause: &str) -> Hinted {
    let message = format!("line {line}: not valid YAML: {cause}");
    let template = source.lines().position(|line| line.contains("{{"));
    match template {
        Some(at) => Hinted::new(
            Code::InvalidYaml,
            format!("{message}; it looks like a Helm template (`{{{{` on line {})", at + 1),
            "edit the values file that feeds the template",
        ),
        None => Hinted::new(
            Code::InvalidYaml,
            message,
            "nothing was written; correct the file first, every reader would trip over it",
        ),
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    documents: Vec<Document>,
    anchors: Vec<Option<NodeId>>,
    aliases: Vec<NodeId>,
    /// The open collections, each with its latest child and the number of its children.
    open: Vec<(NodeId, Option<NodeId>, u32)>,
}

impl Builder {
    fn take(&mut self, source: &str, event: Event<'_>, span: Span) {
        match event {
            Event::DocumentStart(explicit, _) => self.documents.push(Document {
                root: None,
                first: narrow(self.nodes.len()),
                start: span.start.byte_offset().map_or(0, narrow),
                line: narrow(span.start.line()),
                explicit,
            }),
            Event::Alias(anchor) => {
                let id = self.push(Kind::Alias, span, anchor, Text::None);
                self.aliases.push(id);
            }
            Event::Scalar(value, style, anchor, tag) => {
                let style = style_of(style);
                let text = text_of(source, &span, style, &value);
                let id = self.push(Kind::Scalar(style), span, anchor, text);
                self.nodes[id.index()].tag = tag.map(|tag| tag_name(&tag));
            }
            Event::SequenceStart(style, anchor, tag) => {
                let kind = Kind::Sequence { flow: style == StructureStyle::Flow };
                self.open(kind, span, anchor, tag.map(|tag| tag_name(&tag)));
            }
            Event::MappingStart(style, anchor, tag) => {
                let kind = Kind::Mapping { flow: style == StructureStyle::Flow };
                self.open(kind, span, anchor, tag.map(|tag| tag_name(&tag)));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((id, ..)) = self.open.pop() {
                    self.nodes[id.index()].end = span.end.byte_offset().map_or(0, narrow);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, kind: Kind, span: Span, anchor: usize, tag: Option<Box<str>>) {
        let id = self.push(kind, span, anchor, Text::None);
        self.nodes[id.index()].tag = tag;
        self.open.push((id, None, 0));
    }

    fn push(&mut self, kind: Kind, span: Span, anchor: usize, text: Text) -> NodeId {
        let id = NodeId(narrow(self.nodes.len()));
        let range = span.byte_range().unwrap_or_default();
        let (parent, previous, position) = self
            .open
            .last()
            .map_or((None, None, 0), |(parent, latest, count)| (Some(*parent), *latest, *count));
        self.nodes.push(Node {
            kind,
            start: narrow(range.start),
            end: narrow(range.end),
            line: narrow(span.start.line()),
            parent,
            first: None,
            next: None,
            previous,
            position,
            anchor: narrow(anchor),
            tag: None,
            text,
        });
        match self.open.last_mut() {
            Some((parent, latest, count)) => {
                match latest.replace(id) {
                    Some(latest) => self.nodes[latest.index()].next = Some(id),
                    None => self.nodes[parent.index()].first = Some(id),
                }
                *count += 1;
            }
            None => {
                if let Some(document) = self.documents.last_mut() {
                    document.root = Some(id);
                }
            }
        }
        if anchor != 0 && kind != Kind::Alias {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(id);
        }
        id
    }

    fn finish(self, source: String) -> Stream {
        let Self { nodes, documents, anchors, aliases, .. } = self;
        Stream { source, nodes, documents, anchors, aliases }
    }
}

/// Everything counted here is bounded by [`MAX_BYTES`].
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn tag_name(tag: &granit_parser::Tag) -> Box<str> {
    format!("{}{}", tag.handle(), tag.suffix()).into()
}

/// A value that stands in the source as it is need not be copied.
fn text_of(source: &str, span: &Span, style: Style, value: &str) -> Text {
    let Some(range) = span.byte_range() else { return Text::Owned(value.into()) };
    let inner = match style {
        Style::Plain => range,
        Style::Single | Style::Double => range.start + 1..range.end.saturating_sub(1),
        Style::Literal | Style::Folded => return Text::Owned(value.into()),
    };
    match source.get(inner.clone()) {
        Some(slice) if slice == value => Text::Slice(narrow(inner.start), narrow(inner.end)),
        _ => Text::Owned(value.into()),
    }
}
