//! Proof that an edit changed the edited values and nothing else: both texts are read again, by
//! two parsers that share no code, and their events compared.

use std::collections::BTreeMap;
use std::ops::Range;

use super::edit::Added;
use super::splice::Splice;
use super::{NodeId, NodeRef, Stream};
use crate::error::{Code, Hinted};

/// What a changed node must read afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// A scalar of this value.
    Value(String),
    /// The same mapping with these entries behind its own.
    Appended(Vec<(String, Added)>),
    /// A mapping of these entries, where no value was before.
    Opened(Vec<(String, Added)>),
}

impl Expected {
    pub(super) fn appended(node: NodeRef<'_>, entry: (String, Added)) -> Self {
        if node.is_mapping() { Self::Appended(vec![entry]) } else { Self::Opened(vec![entry]) }
    }
}

/// The common tongue of the two parsers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Document,
    Scalar { text: String, anchor: usize, tag: Option<String> },
    Alias(usize),
    Open { mapping: bool, anchor: usize, tag: Option<String> },
    Close,
}

type Tokens<'t> = Box<dyn Iterator<Item = Result<Token, String>> + 't>;
type Reader = for<'t> fn(&'t str) -> Tokens<'t>;

/// Checks `after`, the stream's source with `splices` applied. Returns why the second parser could
/// not confirm it, where it cannot read the old text either.
pub(super) fn verify(
    stream: &Stream,
    splices: &[Splice],
    after: &str,
    expected: &BTreeMap<NodeId, Expected>,
) -> anyhow::Result<Option<String>> {
    let mut unconfirmed = None;
    for piece in pieces(stream, splices, expected) {
        let before = &stream.source()[piece.before.clone()];
        let after = &after[piece.after];
        check(granit, before, after, &piece.expected)?.map_or(Ok(()), |cause| {
            Err(Hinted::plain(Code::Verification, format!("the text reads differently: {cause}")))
        })?;
        unconfirmed = unconfirmed.or(check(
            yaml_rust2,
            without_mark(before),
            without_mark(after),
            &piece.expected,
        )?);
    }
    Ok(unconfirmed)
}

/// yaml-rust2 takes a byte order mark for a part of the first key.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// A part of the stream that can be read on its own.
struct Piece {
    before: Range<usize>,
    after: Range<usize>,
    /// By the number of the node within the piece.
    expected: BTreeMap<usize, Expected>,
}

/// The documents that change: at `---` at the start of a line every reader starts afresh, so that
/// only these need reading again. Directives carry over from before it; then it is all one piece.
fn pieces(
    stream: &Stream,
    splices: &[Splice],
    expected: &BTreeMap<NodeId, Expected>,
) -> Vec<Piece> {
    let source = stream.source();
    let whole = source.starts_with('%')
        || source.contains("\n%")
        || stream.documents.iter().skip(1).any(|document| !document.explicit);
    if whole {
        let grown: usize = splices.iter().map(|s| s.text.len()).sum();
        let shrunk: usize = splices.iter().map(|s| s.range.len()).sum();
        let expected = expected.iter().map(|(node, e)| (node.index(), e.clone())).collect();
        let after = 0..source.len() + grown - shrunk;
        return vec![Piece { before: 0..source.len(), after, expected }];
    }
    let mut pieces = Vec::new();
    let mut shift = 0_isize;
    for document in 0..stream.documents() {
        let before = stream.document_span(document);
        let nodes = stream.node_range(document);
        let own: BTreeMap<usize, Expected> = expected
            .range(NodeId(nodes.start)..NodeId(nodes.end))
            .map(|(node, e)| ((node.0 - nodes.start) as usize, e.clone()))
            .collect();
        if own.is_empty() {
            continue;
        }
        let inside =
            splices.iter().filter(|s| before.start <= s.range.start && s.range.end <= before.end);
        let grown: isize =
            inside.map(|s| s.text.len().cast_signed() - s.range.len().cast_signed()).sum();
        let start = before.start.saturating_add_signed(shift);
        shift += grown;
        let after = start..before.end.saturating_add_signed(shift);
        pieces.push(Piece { before, after, expected: own });
    }
    pieces
}

/// Compares one piece as one parser reads it. `Ok(Some(_))`: it cannot read the old text.
fn check(
    reader: Reader,
    before: &str,
    after: &str,
    expected: &BTreeMap<usize, Expected>,
) -> anyhow::Result<Option<String>> {
    let mut new = reader(after);
    let mut node = 0;
    let mut open: Vec<usize> = Vec::new();
    for token in reader(before) {
        let token = match token {
            Ok(token) => token,
            Err(cause) => return Ok(Some(cause)),
        };
        let number = node;
        match &token {
            Token::Open { .. } => {
                open.push(number);
                node += 1;
            }
            Token::Scalar { .. } | Token::Alias(_) => node += 1,
            Token::Close => {
                let closing = open.pop().and_then(|number| expected.get(&number));
                if let Some(Expected::Appended(entries)) = closing {
                    expect_entries(&mut new, entries)?;
                }
                expect(&mut new, &token)?;
                continue;
            }
            Token::Document => {}
        }
        let wanted = match token {
            Token::Document => None,
            _ => expected.get(&number),
        };
        match wanted {
            Some(Expected::Value(value)) => expect(&mut new, &with_value(&token, value))?,
            Some(Expected::Opened(entries)) => {
                expect(&mut new, &OPEN)?;
                expect_entries(&mut new, entries)?;
                expect(&mut new, &Token::Close)?;
            }
            _ => expect(&mut new, &token)?,
        }
    }
    match new.next() {
        None => Ok(None),
        Some(_) => Err(differs("there is more than before").into()),
    }
}

fn with_value(token: &Token, value: &str) -> Token {
    let (anchor, tag) = match token {
        Token::Scalar { anchor, tag, .. } => (*anchor, tag.clone()),
        _ => (0, None),
    };
    Token::Scalar { text: value.to_owned(), anchor, tag }
}

fn expect_entries(new: &mut Tokens<'_>, entries: &[(String, Added)]) -> Result<(), Hinted> {
    for (key, value) in entries {
        expect(new, &plain(key))?;
        match value {
            Added::Text(text) => expect(new, &plain(text))?,
            Added::Entry(key, text) => {
                expect(new, &OPEN)?;
                expect(new, &plain(key))?;
                expect(new, &plain(text))?;
                expect(new, &Token::Close)?;
            }
        }
    }
    Ok(())
}

const OPEN: Token = Token::Open { mapping: true, anchor: 0, tag: None };

fn plain(text: &str) -> Token {
    Token::Scalar { text: text.to_owned(), anchor: 0, tag: None }
}

fn expect(new: &mut Tokens<'_>, wanted: &Token) -> Result<(), Hinted> {
    match new.next() {
        Some(Ok(token)) if token == *wanted => Ok(()),
        Some(Ok(token)) => Err(differs(&format!("{token:?} in the place of {wanted:?}"))),
        Some(Err(cause)) => Err(differs(&cause)),
        None => Err(differs("the text ends early")),
    }
}

fn differs(cause: &str) -> Hinted {
    Hinted::new(
        Code::Verification,
        format!("the edit would not read back as intended: {cause}"),
        "nothing was written; please report this file's shape as a bug",
    )
}

fn granit(text: &str) -> Tokens<'_> {
    use granit_parser::Event;
    let name = |tag: &granit_parser::Tag| format!("{}{}", tag.handle(), tag.suffix());
    Box::new(super::scan::parser(text).filter_map(move |event| {
        let (event, _) = match event {
            Ok(event) => event,
            Err(error) => return Some(Err(format!("line {}: {error}", error.marker().line()))),
        };
        let tag = event.tag().map(name);
        Some(Ok(match event {
            Event::DocumentStart(..) => Token::Document,
            Event::Alias(anchor) => Token::Alias(anchor),
            Event::Scalar(text, _, anchor, _) => {
                Token::Scalar { text: text.into_owned(), anchor, tag }
            }
            Event::SequenceStart(_, anchor, _) => Token::Open { mapping: false, anchor, tag },
            Event::MappingStart(_, anchor, _) => Token::Open { mapping: true, anchor, tag },
            Event::SequenceEnd | Event::MappingEnd => Token::Close,
            _ => return None,
        }))
    }))
}

fn yaml_rust2(text: &str) -> Tokens<'_> {
    use yaml_rust2::Event;
    let mut parser = yaml_rust2::parser::Parser::new_from_str(text);
    let mut ended = false;
    let name = |tag: yaml_rust2::parser::Tag| format!("{}{}", tag.handle, tag.suffix);
    // `next_token`, not `load`: that one recurses, and overflows the stack on hostile input.
    Box::new(std::iter::from_fn(move || {
        while !ended {
            let event = match parser.next_token() {
                Ok((event, _)) => event,
                Err(error) => {
                    ended = true;
                    return Some(Err(error.to_string()));
                }
            };
            return Some(Ok(match event {
                Event::DocumentStart => Token::Document,
                Event::Alias(anchor) => Token::Alias(anchor),
                Event::Scalar(text, _, anchor, tag) => {
                    Token::Scalar { text, anchor, tag: tag.map(name) }
                }
                Event::SequenceStart(anchor, tag) => {
                    Token::Open { mapping: false, anchor, tag: tag.map(name) }
                }
                Event::MappingStart(anchor, tag) => {
                    Token::Open { mapping: true, anchor, tag: tag.map(name) }
                }
                Event::SequenceEnd | Event::MappingEnd => Token::Close,
                Event::StreamEnd => {
                    ended = true;
                    return None;
                }
                _ => continue,
            }));
        }
        None
    }))
}
