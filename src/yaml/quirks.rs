//! Where a text means something else to the reader than to the parser: what YAML 1.2 leaves open, and
//! where go-yaml 2, by which Kubernetes reads, goes its own way.

use super::resolver;
use super::{Kind, NodeRef, Stream, Style};

/// Whether it is the key `<<`, which takes over the entries of other mappings. Go's YAML library writes
/// it with its tag.
pub(super) fn is_merge_key(key: NodeRef<'_>) -> bool {
    let is_bare = key.kind() == Kind::Scalar(Style::Plain) && key.tag().is_none();
    (is_bare || key.tag() == Some("tag:yaml.org,2002:merge")) && key.scalar() == Some("<<")
}

/// Characters at which YAML 1.1 ends a line, and 1.2 does not.
const SEPARATORS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// The first line separator of YAML 1.1 in a document that reads otherwise for it: where it is, and which. JSON has none.
pub(super) fn line_separator(stream: &Stream, document: usize) -> Option<(usize, char)> {
    let span = stream.document_span(document);
    let text = &stream.source()[span.clone()];
    if text.is_ascii() || text.trim_start().starts_with('{') {
        return None;
    }
    let found = text.match_indices(SEPARATORS).map(|(at, found)| (span.start + at, found));
    let mut found = found.filter_map(|(at, found)| Some((at, found.chars().next()?)));
    found.find(|&(at, found)| !is_harmless(stream, document, at, found))
}

/// Whether a separator changes nothing: at the end of a comment, or within a quoted value where Go keeps it.
fn is_harmless(stream: &Stream, document: usize, at: usize, found: char) -> bool {
    let source = stream.source();
    let behind = &source[at + found.len_utf8()..];
    let mut scalars = stream.nodes_of(document).filter(|node| node.scalar().is_some());
    match scalars.find(|node| node.span().contains(&at)) {
        None => {
            let rest = behind.split('\n').next().unwrap_or_default();
            rest.trim_start().is_empty()
                || (rest.trim_start().starts_with('#') && !rest.contains(SEPARATORS))
        }
        Some(node) => {
            let is_quoted = matches!(node.kind(), Kind::Scalar(Style::Single | Style::Double));
            let is_key = source[node.span().end..].trim_start().starts_with(':');
            let is_apart = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
            let (before, after) = (source[..at].chars().next_back(), behind.chars().next());
            found != '\u{85}' && is_quoted && !is_key && is_apart(before) && is_apart(after)
        }
    }
}

/// A block scalar without the line feed that the parser adds at the end of a text that has none.
/// No other reader adds it.
pub(super) fn unended<'t>(node: NodeRef<'_>, text: &'t str) -> &'t str {
    let source = node.stream().source();
    let is_block = matches!(node.kind(), Kind::Scalar(Style::Literal | Style::Folded));
    if !is_block || node.span().end != source.len() || source.ends_with(['\n', '\r']) {
        return text;
    }
    let Some(short) = text.strip_suffix('\n') else { return text };
    if short.is_empty() {
        // `|+`, a line feed and blanks: nothing but the header's line ends.
        return if source[node.span()].matches('\n').count() == 1 { short } else { text };
    }
    // Blanks at the end are a line of the block only where they go beyond its indentation.
    let is_break = |c: char| matches!(c, '\n' | '\r');
    let line_start = |text: &str| text.rfind(is_break).map_or(0, |at| at + 1);
    let indent = node.span().start - line_start(&source[..node.span().start]);
    let is_own = source.len() - line_start(source) > indent;
    if is_own { short } else { text }
}

/// What go-yaml 2 reads where an entry in flow style ends with its colon: `[fe80::]` is a text, and
/// `{a:}` has the key `a:`. `None` where the colon ends the key, as it does before a blank.
pub(super) fn with_colon<'s>(key: NodeRef<'s>, value: NodeRef<'s>) -> Option<&'s str> {
    let is_plain = key.kind() == Kind::Scalar(Style::Plain) && !key.is_missing();
    if !is_plain || !value.is_missing() || value.tag().is_some() || value.is_anchored() {
        return None;
    }
    let source = key.stream().source();
    let rest = source.get(key.span().end..)?;
    let colon = key.span().end + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let after = source.get(colon..)?.strip_prefix(':')?;
    let closes = after.starts_with([',', ']', '}']);
    if closes { source.get(key.span().start..=colon) } else { None }
}

/// Whether go-yaml 2 takes the `?` at the start of a scalar in flow style for the sign of a key.
pub(super) fn is_question(node: NodeRef<'_>) -> bool {
    let in_flow = |parent: NodeRef<'_>| {
        matches!(parent.kind(), Kind::Mapping { flow: true } | Kind::Sequence { flow: true })
    };
    let is_plain = node.kind() == Kind::Scalar(Style::Plain);
    let asks = is_plain && node.scalar().is_some_and(|text| text.starts_with('?'));
    asks && node.parent().is_some_and(in_flow)
}

/// A bare number with a fraction or an exponent as the key of an object in JSON: Kubernetes' reader
/// makes it one of 32 bits.
pub(super) fn number_key(text: &str) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "what the reader in question does")]
    let number = resolver::go_float(text)? as f32;
    if number.is_infinite() {
        return Some(resolver::format_float(f64::from(number)));
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e')?;
    let power: i32 = exponent.parse().ok()?;
    if (-4..6).contains(&power) {
        return Some(number.to_string());
    }
    let sign = if power < 0 { '-' } else { '+' };
    Some(format!("{digits}e{sign}{:02}", power.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::super::{Schema, Stream, expand};

    /// Each expectation is what sigs.k8s.io/yaml answered.
    #[test]
    fn reads_as_go_yaml_does() {
        let cases = [
            ("a: |\n  x", r#"{"a":"x"}"#),
            ("a: |+\n  x", r#"{"a":"x"}"#),
            ("a: >\n  x\n  y", r#"{"a":"x y"}"#),
            ("a: |\n  x\n ", r#"{"a":"x\n"}"#),
            ("a: |+\n ", r#"{"a":""}"#),
            ("a: |+\n\n ", r#"{"a":"\n"}"#),
            ("a: |2\n  x\n   \n  ", r#"{"a":"x\n \n"}"#),
            ("a: >2\n   \n  ", r#"{"a":" \n"}"#),
            ("a: |\n  x\n    ", r#"{"a":"x\n  "}"#),
            ("a: |\n  x\n# c", r#"{"a":"x\n"}"#),
            ("a: |\r\n  x\r\n  y", r#"{"a":"x\ny"}"#),
            ("a: |\n  x\n", r#"{"a":"x\n"}"#),
            ("a: [1.2.3.4, 2001:db8::]\n", r#"{"a":["1.2.3.4","2001:db8::"]}"#),
            ("a: [fe80::, b]\n", r#"{"a":["fe80::","b"]}"#),
            ("a: {fe80:}\n", r#"{"a":{"fe80:":null}}"#),
            ("a: {b :, c: }\n", r#"{"a":{"b :":null,"c":null}}"#),
            ("a: [b: ]\n", r#"{"a":[{"b":null}]}"#),
            ("a: [\"b\":]\n", r#"{"a":[{"b":null}]}"#),
            ("0.000001: x\n", r#"{"1e-06":"x"}"#),
            ("1e6: x\n", r#"{"1e+06":"x"}"#),
            ("1000000: x\n", r#"{"1000000":"x"}"#),
            ("123456.5: x\n", r#"{"123456.5":"x"}"#),
            ("685_230.15: x\n", r#"{"685230.1":"x"}"#),
            ("1.5e300: x\n", r#"{".inf":"x"}"#),
            ("-0.0: x\n", r#"{"-0":"x"}"#),
            ("\"1e6\": x\n", r#"{"1e6":"x"}"#),
            ("{\"a\": \"b\u{2028}c\"}\n", "{\"a\":\"b\u{2028}c\"}"),
            ("a: \"\\u2028\"\n", "{\"a\":\"\u{2028}\"}"),
            ("a: b # x\u{2028}\n", r#"{"a":"b"}"#),
            ("# pasted\u{2028}\n# x\u{85}# y\na: b\n", r#"{"a":"b"}"#),
            ("a: \"x\u{2028}y\"\n", "{\"a\":\"x\u{2028}y\"}"),
        ];
        for (source, expected) in cases {
            let stream = Stream::parse(source.to_owned()).unwrap();
            let tree = expand(&stream, 0, Schema::Kubernetes, 0).unwrap();
            assert_eq!(tree.value.to_json().to_string(), expected, "{source:?}");
        }
    }

    #[test]
    fn refuses_what_would_read_differently() {
        let cases = [
            ("a: 1\nb: x\u{2028}y\n", 2, "U+2028"),
            ("---\na: 1\nb: \"x\u{85}y\"\n", 3, "U+0085"),
            ("a: 1 # x\u{2029}y\n", 1, "U+2029"),
            ("# x\u{2028}\na: |\n  x\u{2028}y\n", 3, "U+2028"),
            ("a: \"x \u{2028}y\"\n", 1, "U+2028"),
            ("a: {?b: 1}\n", 1, "`?b` begins with a question mark"),
            ("a:\n- [?b]\n", 2, "`?b` begins with a question mark"),
        ];
        for (source, line, cause) in cases {
            let stream = Stream::parse(source.to_owned()).unwrap();
            let error = expand(&stream, 0, Schema::Kubernetes, 0).unwrap_err();
            assert_eq!(error.line, line, "{source:?}");
            assert!(error.cause.contains(cause), "{}", error.cause);
            assert!(expand(&stream, 0, Schema::Core, 0).is_ok(), "{source:?}");
        }
    }
}
