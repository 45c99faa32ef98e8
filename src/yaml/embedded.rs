//! YAML inside a block string, as in Argo CD's `values: |`: a stream whose places in the file are known.

use super::splice::Splice;
use super::{Kind, NodeRef, Stream, Style};

/// The document that a literal block scalar holds.
#[derive(Clone, Debug)]
pub struct Embedded {
    stream: Stream,
    /// Where each line's content starts, in the block and in the file.
    lines: Vec<(usize, usize)>,
    /// The line of the file that holds the first line of the block.
    first_line: usize,
    indent: String,
    ending: &'static str,
}

impl Embedded {
    /// Reads the block scalar under a key; `None` where it holds no YAML mapping.
    #[must_use]
    pub fn of(node: NodeRef<'_>) -> Option<Self> {
        let text = node.scalar().filter(|_| node.kind() == Kind::Scalar(Style::Literal))?;
        let source = node.stream().source();
        // The block's lines follow the line of its header, which is the key's.
        let header = node.key()?.span().end;
        let start = header + source[header..].find('\n')? + 1;
        let (lines, indent) = line_starts(source, start, text)?;
        let ending = if source[..start].ends_with("\r\n") { "\r\n" } else { "\n" };
        let stream = Stream::parse(text.to_owned()).ok()?;
        let is_mapping = stream.root(0).is_some_and(NodeRef::is_mapping);
        let first_line = node.key()?.line() + 1;
        let sound = is_mapping && stream.documents() == 1;
        sound.then_some(Self { stream, lines, first_line, indent, ending })
    }

    /// The documents in the block.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The line of the file on which a node of the block stands.
    #[must_use]
    pub fn line(&self, node: NodeRef<'_>) -> usize {
        self.first_line + node.line() - 1
    }

    /// The same splice in the file; `None` where its bytes are not on one line of the block.
    pub(super) fn outside(&self, splice: &Splice) -> Option<Splice> {
        if self.stream.source()[splice.range.clone()].contains('\n') {
            return None;
        }
        let line = self.lines.partition_point(|(inside, _)| *inside <= splice.range.start);
        let (inside, outside) = self.lines.get(line.checked_sub(1)?)?;
        let start = outside + (splice.range.start - inside);
        let indented = splice.text.replace('\n', &format!("{}{}", self.ending, self.indent));
        Some(Splice { range: start..start + splice.range.len(), text: indented })
    }
}

/// Where the content of each line of `text` stands in the file from `start` on; `None` unless every
/// line is found behind one and the same indentation.
fn line_starts(source: &str, start: usize, text: &str) -> Option<(Vec<(usize, usize)>, String)> {
    let first = text.lines().find(|line| !line.is_empty())?;
    let outer = source[start..].lines().find(|line| !line.trim().is_empty())?;
    let indent = outer.strip_suffix(first)?;
    if !indent.bytes().all(|b| b == b' ') {
        return None;
    }
    let (mut at, mut inside) = (start, 0);
    let mut lines = Vec::new();
    for line in text.lines() {
        let rest = source.get(at..)?;
        let outer = rest.split_inclusive('\n').next().unwrap_or_default();
        let content = outer.trim_end_matches(['\n', '\r']);
        let matches = match content.strip_prefix(indent) {
            Some(content) => content == line,
            None => line.is_empty() && content.trim().is_empty(),
        };
        if !matches {
            return None;
        }
        lines.push((inside, at + indent.len()));
        at += outer.len();
        inside += line.len() + 1;
    }
    Some((lines, indent.to_owned()))
}
