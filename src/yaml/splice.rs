//! Which bytes a change replaces, and by which.

use std::ops::Range;

use super::edit::Added;
use super::scalar::{fits_one_block_line, render};
use super::{Kind, NodeRef, Style, quirks};
use crate::error::{Code, Hinted};

/// Bytes to put in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Applies splices, given in order and without overlaps.
pub(super) fn apply(source: &str, splices: &[Splice]) -> String {
    let added: usize = splices.iter().map(|splice| splice.text.len()).sum();
    let mut out = String::with_capacity(source.len() + added);
    let mut done = 0;
    for splice in splices {
        out.push_str(&source[done..splice.range.start]);
        out.push_str(&splice.text);
        done = splice.range.end;
    }
    out.push_str(&source[done..]);
    out
}

fn not_editable(node: NodeRef<'_>, cause: &str, hint: &str) -> Hinted {
    let message = format!("`{}` on line {}: {cause}", node.path(), node.line());
    Hinted::new(Code::NotEditable, message, hint)
}

fn is_in_flow(node: NodeRef<'_>) -> bool {
    std::iter::successors(node.parent(), |node| node.parent()).any(|node| {
        matches!(node.kind(), Kind::Mapping { flow: true } | Kind::Sequence { flow: true })
    })
}

/// The token that gives a scalar, or an alias, the value `text`.
pub(super) fn set(node: NodeRef<'_>, text: &str) -> Result<Splice, Hinted> {
    if let Some(tag) = node.tag().filter(|tag| !matches!(*tag, "tag:yaml.org,2002:str" | "!")) {
        let cause = format!("its tag `{}` makes it something other than a string", short(tag));
        return Err(not_editable(node, &cause, "remove the tag first"));
    }
    let flow = is_in_flow(node);
    match node.kind() {
        Kind::Scalar(_) if node.is_missing() => {
            let at = behind_colon(node)?;
            let token = render(text, Style::Plain, flow);
            Ok(Splice { range: at..at, text: format!(" {token}") })
        }
        Kind::Scalar(Style::Literal | Style::Folded) => block_line(node, text),
        Kind::Scalar(style) => {
            Ok(Splice { range: guarded(node, style)?, text: render(text, style, flow) })
        }
        Kind::Alias => Ok(Splice { range: node.span(), text: render(text, Style::Plain, flow) }),
        Kind::Mapping { .. } => {
            let hint = "name one of the keys below it";
            Err(not_editable(node, "it is a mapping, not a string", hint))
        }
        Kind::Sequence { .. } => {
            let hint = "name one item, as in list[0] or list[name=web].image";
            Err(not_editable(node, "it is a list, not a string", hint))
        }
    }
}

fn short(tag: &str) -> String {
    tag.strip_prefix("tag:yaml.org,2002:")
        .map_or_else(|| tag.to_owned(), |core| format!("!!{core}"))
}

/// The scalar's span, once it is sure to hold what the parser said it read there.
fn guarded(node: NodeRef<'_>, style: Style) -> Result<Range<usize>, Hinted> {
    let span = node.span();
    let token = node.stream().source().get(span.clone()).unwrap_or_default();
    let enclosed = |quote| token.len() >= 2 && token.starts_with(quote) && token.ends_with(quote);
    let sound = match style {
        Style::Single => enclosed('\''),
        Style::Double => enclosed('"'),
        _ => token.contains('\n') || Some(token) == node.scalar(),
    };
    if sound {
        return Ok(span);
    }
    let message = format!("cannot edit line {}: its bytes are not the value read", node.line());
    Err(Hinted::new(Code::Verification, message, "please report this file's shape as a bug"))
}

/// Just behind the colon of a key that has no value.
fn behind_colon(node: NodeRef<'_>) -> Result<usize, Hinted> {
    let refuse = |cause| not_editable(node, cause, "write a value there first");
    if node.is_anchored() || node.tag().is_some() {
        return Err(refuse("it has an anchor or a tag but no value"));
    }
    let Some(key) = node.key() else { return Err(refuse("there is no key before it")) };
    let end = key.span().end;
    let rest = node.stream().source().get(end..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    if rest[blanks..].starts_with(':') {
        return Ok(end + blanks + 1);
    }
    Err(refuse("no `:` follows its key"))
}

/// The text of a block scalar that has just one line and no final line break (`|-`, `>-`).
fn block_line(node: NodeRef<'_>, text: &str) -> Result<Splice, Hinted> {
    let hint = "write the value on the key's own line first";
    let span = node.span();
    let block = node.stream().source().get(span.clone()).unwrap_or_default();
    let line = block.trim();
    if node.scalar() == Some("") {
        return Err(not_editable(node, "its block is empty", hint));
    }
    if line.contains('\n') {
        return Err(not_editable(node, "it is a block of several lines", hint));
    }
    if node.scalar() != Some(line) {
        return Err(not_editable(node, "its block keeps the line break at its end", hint));
    }
    if !fits_one_block_line(text) {
        return Err(not_editable(node, "the new value does not fit its block", hint));
    }
    let start = span.start + (block.len() - block.trim_start().len());
    Ok(Splice { range: start..start + line.len(), text: text.to_owned() })
}

/// The text that adds `key: value` at the end of a mapping, or below a key without a value.
pub(super) fn append(node: NodeRef<'_>, key: &str, value: &Added) -> Result<Splice, Hinted> {
    let flow = is_in_flow(node);
    match node.kind() {
        Kind::Mapping { flow: true } => append_to_flow(node, key, value),
        Kind::Mapping { flow: false } => append_to_block(node, key, value),
        _ if node.is_missing() && !flow => open_block(node, key, value),
        _ => Err(not_editable(node, "it is no mapping", "name a mapping to add the key to")),
    }
}

fn entry(key: &str, value: &str, flow: bool) -> String {
    format!("{}: {}", render(key, Style::Plain, flow), render(value, Style::Plain, flow))
}

/// A new entry in flow style.
fn flow_entry(key: &str, value: &Added) -> String {
    match value {
        Added::Text(value) => entry(key, value, true),
        Added::Entry(inner, value) => {
            format!("{}: {{{}}}", render(key, Style::Plain, true), entry(inner, value, true))
        }
    }
}

/// The lines of a new entry in block style.
fn block_entry(key: &str, value: &Added) -> Vec<String> {
    match value {
        Added::Text(value) => vec![entry(key, value, false)],
        Added::Entry(inner, value) => vec![
            format!("{}:", render(key, Style::Plain, false)),
            format!("  {}", entry(inner, value, false)),
        ],
    }
}

fn append_to_flow(node: NodeRef<'_>, key: &str, value: &Added) -> Result<Splice, Hinted> {
    let entry = flow_entry(key, value);
    if let Some(last) = node.children().last() {
        let at = content_end(last)?;
        return Ok(Splice { range: at..at, text: format!(", {entry}") });
    }
    let at = node.span().start + 1;
    let inner = node.stream().source().get(at..).unwrap_or_default();
    let blank = if inner.starts_with(' ') { " " } else { "" };
    Ok(Splice { range: at..at, text: format!("{blank}{entry}") })
}

fn append_to_block(node: NodeRef<'_>, key: &str, value: &Added) -> Result<Splice, Hinted> {
    let (Some(first), Some(last)) = (node.children().next(), node.children().last()) else {
        return Err(not_editable(node, "it has no keys", "write its first key by hand"));
    };
    let column = column(first).ok_or_else(|| {
        let hint = "write the key by hand";
        not_editable(node, "its first key does not stand at the start of a line", hint)
    })?;
    Ok(new_lines(node, content_end(last)?, column, &block_entry(key, value)))
}

fn open_block(node: NodeRef<'_>, key: &str, value: &Added) -> Result<Splice, Hinted> {
    let at = behind_colon(node)?;
    let own = node.key().and_then(column).ok_or_else(|| {
        not_editable(node, "its key does not stand at the start of a line", "write it by hand")
    })?;
    let above = node.parent().and_then(NodeRef::key).and_then(column);
    let step = above.and_then(|above| own.checked_sub(above)).filter(|&s| s > 0).unwrap_or(2);
    Ok(new_lines(node, at, own + step, &block_entry(key, value)))
}

/// How far a key is indented: only blanks and dashes may stand before it on its line.
fn column(key: NodeRef<'_>) -> Option<usize> {
    let source = key.stream().source();
    let start = source[..key.span().start].rfind('\n').map_or(0, |at| at + 1);
    let before = source[start..key.span().start].trim_start_matches('\u{feff}');
    before.bytes().all(|b| b == b' ' || b == b'-').then_some(before.len())
}

/// New lines behind the line that holds the byte before `at`, with that line's own ending.
fn new_lines(node: NodeRef<'_>, at: usize, column: usize, lines: &[String]) -> Splice {
    let source = node.stream().source();
    let rest = &source[at..];
    let length = rest.find('\n').unwrap_or(rest.len());
    let line = &rest[..length];
    let crlf = if length == rest.len() { source.contains("\r\n") } else { line.ends_with('\r') };
    let end = at + line.trim_end_matches('\r').len();
    let ending = if crlf { "\r\n" } else { "\n" };
    let lines: Vec<String> = lines.iter().map(|line| format!("{:column$}{line}", "")).collect();
    let text = format!("{ending}{}", lines.join(ending));
    Splice { range: end..end, text }
}

/// Behind the last byte that belongs to a node.
fn content_end(node: NodeRef<'_>) -> Result<usize, Hinted> {
    match node.kind() {
        Kind::Mapping { flow: false } | Kind::Sequence { flow: false } => {
            node.children().last().map_or_else(|| Ok(node.span().end), content_end)
        }
        Kind::Scalar(Style::Literal | Style::Folded) => {
            let span = node.span();
            let block = node.stream().source().get(span.clone()).unwrap_or_default();
            let text = node.scalar().unwrap_or_default();
            // The line break that the new lines need would become a part of the block's text.
            if quirks::unended(node, text) != text {
                let hint = "end the file with a line break first";
                return Err(not_editable(node, "its block ends with the file", hint));
            }
            Ok(span.start + block.trim_end().len())
        }
        _ if node.is_missing() => behind_colon(node),
        _ => Ok(node.span().end),
    }
}
