//! The secrets in a text: a file, or a string that holds YAML, JSON, settings or a command line.

use std::ops::Range;

use super::place::{Facts, Place, Shape};
use super::{broken, shapes};
use crate::manifest::chunks;
use crate::yaml::resolver::{Scalar, resolve};
use crate::yaml::{Kind, NodeRef, Schema, Stream, Style};

/// How often strings may hold texts that hold strings.
const MAX_DEPTH: usize = 5;
/// How many values aliases may lead to.
const MAX_ALIASES: usize = 10_000;

/// Something to take out of a text.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) range: Range<usize>,
    pub(super) what: What,
}

/// What stands there.
#[derive(Debug)]
pub(super) enum What {
    /// A secret value.
    Value { text: String, encoded: bool },
    /// Something beside the values of a Secret; copies of it are no secrets.
    Beside(String),
    /// A string that may hold secrets.
    Inner { text: String, place: Place, style: Style },
}

/// The secrets of a text that stands at a place, in order.
pub(super) fn find(text: &str, place: Place, depth: usize) -> Vec<Spot> {
    let mut spots = Vec::new();
    for chunk in chunks(text) {
        let piece = &text[chunk.range.clone()];
        if place == Place::default() && !shapes::hints(piece) {
            continue;
        }
        let mut own = in_piece(piece, place, depth);
        own.sort_by_key(|spot| (spot.range.start, std::cmp::Reverse(spot.range.end)));
        let mut end = 0;
        for mut spot in own {
            // An alias leads to one value again.
            if spot.range.start >= end && !spot.range.is_empty() {
                end = spot.range.end;
                spot.range = spot.range.start + chunk.range.start..end + chunk.range.start;
                spots.push(spot);
            }
        }
    }
    spots
}

fn in_piece(piece: &str, place: Place, depth: usize) -> Vec<Spot> {
    let is_line = !piece.trim_end().contains('\n') && !piece.trim_start().starts_with(['{', '[']);
    if depth > MAX_DEPTH || (depth > 0 && is_line) {
        return broken::find(piece, place);
    }
    let Ok(stream) = Stream::parse(piece.to_owned()) else { return broken::find(piece, place) };
    let roots = || (0..stream.documents()).filter_map(|document| stream.root(document));
    if !roots().any(|root| root.is_mapping() || root.is_sequence()) {
        return broken::find(piece, place);
    }
    let mut walk = Walk { spots: Vec::new(), secrets: Vec::new(), aliases: 0 };
    for root in roots() {
        walk.node(root, place);
    }
    if place.is_inside() {
        walk.secrets.push(0..piece.len());
    }
    walk.comments(&stream);
    walk.spots
}

struct Walk {
    spots: Vec<Spot>,
    /// Where Secrets stand.
    secrets: Vec<Range<usize>>,
    aliases: usize,
}

impl Walk {
    fn node(&mut self, node: NodeRef<'_>, place: Place) {
        match node.kind() {
            Kind::Alias if place.cover != super::place::Cover::Open => {
                self.aliases += 1;
                if self.aliases < MAX_ALIASES && node.resolved() != node {
                    self.anchored(node, place);
                }
            }
            Kind::Alias => {}
            Kind::Scalar(style) => self.scalar(node, style, place),
            Kind::Mapping { .. } => self.mapping(node, place),
            Kind::Sequence { .. } => {
                let mut previous = None;
                for item in node.items() {
                    self.node(item, place.behind(previous));
                    previous = item.text();
                }
            }
        }
    }

    /// What an alias stands for; one that contains itself is left where it is.
    fn anchored(&mut self, alias: NodeRef<'_>, place: Place) {
        let target = alias.resolved();
        let above = std::iter::successors(alias.parent(), |node| node.parent());
        if !above.into_iter().any(|node| node == target) {
            self.node(target, place);
        }
    }

    fn mapping(&mut self, node: NodeRef<'_>, place: Place) {
        let facts = Facts::of_node(node);
        if facts.is_secret() {
            let source = node.stream().source();
            self.secrets.push(match node.parent() {
                None => 0..source.len(),
                Some(_) => extent(node, source),
            });
        }
        for (key, value) in node.entries() {
            let name = key.scalar().unwrap_or_default();
            self.node(value, place.below(facts, name, shape_of(value)));
        }
    }

    fn scalar(&mut self, node: NodeRef<'_>, style: Style, place: Place) {
        let text = node.scalar().unwrap_or_default();
        if node.is_missing() || text.is_empty() {
            return;
        }
        let range = node.span();
        if place.literal {
            let source = &node.stream().source()[range.clone()];
            let start = source.find('=').map_or(0, |at| at + 1);
            let quote = usize::from(matches!(style, Style::Single | Style::Double) && start > 0);
            let value = text.split_once('=').map_or(text, |(_, value)| value).to_owned();
            let range = range.start + start..range.end - quote;
            self.spots.push(Spot { range, what: What::Value { text: value, encoded: false } });
        } else if place.hides(shape_of(node)) {
            let what = What::Value { text: text.to_owned(), encoded: place.encoded };
            self.spots.push(Spot { range, what });
        } else if place.is_inside() || shapes::hints(text) {
            let what = What::Inner { text: text.to_owned(), place: place.open(), style };
            self.spots.push(Spot { range, what });
        }
    }

    /// Comments: all of them in a Secret, elsewhere what a name tells of.
    fn comments(&mut self, stream: &Stream) {
        let source = stream.source();
        let nodes = (0..stream.documents()).flat_map(|document| stream.nodes_of(document));
        // The span of a block without text is its header, where a comment may stand.
        let has_text = |node: &NodeRef<'_>| node.scalar().is_some_and(|t| !t.trim().is_empty());
        let mut scalars: Vec<Range<usize>> = nodes.filter(has_text).map(NodeRef::span).collect();
        scalars.sort_by_key(|span| span.start);
        let (mut next, mut from) = (0, 0);
        while let Some(at) = source[from..].find('#').map(|at| at + from) {
            from = at + 1;
            while scalars.get(next).is_some_and(|span| span.end <= at) {
                next += 1;
            }
            let is_text = scalars.get(next).is_some_and(|span| span.contains(&at));
            let opens = source[..at].chars().next_back().is_none_or(char::is_whitespace);
            if is_text || !opens {
                continue;
            }
            let end = source[at..].find(['\n', '\r']).map_or(source.len(), |end| at + end);
            self.comment(source, from..end);
            from = end;
        }
    }

    fn comment(&mut self, source: &str, range: Range<usize>) {
        let text = &source[range.clone()];
        if self.secrets.iter().any(|secret| secret.contains(&(range.start - 1))) {
            let start = range.start + text.len() - text.trim_start().len();
            let what = What::Beside(text.trim().to_owned());
            self.spots.push(Spot { range: start..range.end, what });
            return;
        }
        for found in shapes::named(text, true) {
            let value = What::Value { text: text[found.clone()].to_owned(), encoded: false };
            let range = range.start + found.start..range.start + found.end;
            self.spots.push(Spot { range, what: value });
        }
    }
}

/// From the line a collection starts on to the end of the line it ends on, and the comments above it.
fn extent(node: NodeRef<'_>, source: &str) -> Range<usize> {
    fn last(node: NodeRef<'_>) -> usize {
        node.children().map(last).max().unwrap_or_default().max(node.span().end)
    }
    let mut start = source[..node.span().start].rfind('\n').map_or(0, |at| at + 1);
    while start > 0 {
        let above = source[..start - 1].rfind('\n').map_or(0, |at| at + 1);
        if !source[above..start].trim_start().starts_with('#') {
            break;
        }
        start = above;
    }
    let end = last(node).min(source.len());
    let mut end = source[end..].find('\n').map_or(source.len(), |at| end + at + 1);
    while let Some(line) = source[end..].lines().next() {
        if !line.trim_start().starts_with('#') {
            break;
        }
        end += line.len() + 1;
        if end >= source.len() {
            break;
        }
    }
    start..end
}

fn shape_of(node: NodeRef<'_>) -> Shape {
    let node = node.resolved();
    match node.kind() {
        Kind::Scalar(Style::Plain) => {
            let scalar = resolve(node.scalar().unwrap_or_default(), Schema::Kubernetes);
            if matches!(scalar, Scalar::Null | Scalar::Bool(_)) { Shape::Word } else { Shape::Text }
        }
        Kind::Scalar(_) | Kind::Alias => Shape::Text,
        Kind::Mapping { .. } | Kind::Sequence { .. } => Shape::Collection,
    }
}

/// A string as its style writes it, in the place of the source's own.
pub(super) fn written(source: &str, range: &Range<usize>, style: Style, text: &str) -> String {
    let own = &source[range.clone()];
    match style {
        Style::Plain => text.to_owned(),
        Style::Single => format!("'{}'", text.replace('\'', "''")),
        Style::Double => crate::yaml::value::format_text(text),
        Style::Literal | Style::Folded => {
            let line = source[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let first = own.len() - own.trim_start_matches(' ').len();
            let indent = " ".repeat(range.start - line + first);
            let skip = &own[..first];
            let body = text.trim_end().replace('\n', &format!("\n{indent}"));
            let end = &own[own.trim_end().len()..];
            format!("{skip}{body}{end}")
        }
    }
}
