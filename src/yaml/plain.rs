//! A quick reader for the YAML that people write most: block style, plain ASCII, one line per scalar.
//!
//! It answers only where there is no doubt what the text means, and leaves everything else (flow style,
//! anchors, tags, escapes, scalars of several lines, a key that stands twice, every error) to
//! [`super::expand()`]. The tests hold that an answer is exactly what that one says, lines included.

use super::resolver::{self, Scalar, Schema};
use super::value::{Data, Entry, Map, Value};

/// Deeper documents are left to the full reader, which knows how deep is too deep.
const MAX_DEPTH: usize = 64;
/// Longer keys are left to the full reader: YAML limits them.
const MAX_KEY: usize = 256;

/// Reads a text that is one document. `schema` is told the texts of `apiVersion` and `kind`; `offset` is
/// added to every line. `None`: the full reader must look at it.
#[must_use]
pub fn read_plain(
    text: &str,
    schema: impl FnOnce(Option<&str>, Option<&str>) -> Schema,
    offset: usize,
) -> Option<Value> {
    let is_plain = |byte: u8| byte == b'\n' || matches!(byte, b' '..=b'~');
    // Without an early end the compiler looks at many bytes at once.
    if !text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return None;
    }
    let lines = lines(text, u32::try_from(offset).ok()?);
    let indent = lines.first()?.indent;
    let mut top = lines.iter().filter(|line| line.indent == indent);
    let version = top.clone().find_map(|line| line.value_of("apiVersion"));
    let kind = top.find_map(|line| line.value_of("kind"));
    let schema = schema(version, kind);
    let mut reader = Reader { lines, at: 0, schema, depth: 0 };
    let value = reader.node(indent)?;
    (reader.at == reader.lines.len()).then_some(value)
}

/// A line with content.
#[derive(Clone, Copy)]
struct Line<'t> {
    indent: usize,
    content: &'t str,
    number: u32,
}

impl<'t> Line<'t> {
    fn is_item(&self) -> bool {
        self.content.starts_with("- ")
    }

    /// Its key and what stands behind it.
    fn entry(&self) -> Option<(&'t str, &'t str)> {
        let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
        let end = self.content.bytes().position(|byte| !is_key(&byte))?;
        let (key, rest) = self.content.split_at(end);
        let rest = rest.strip_prefix(':')?;
        let ends = rest.is_empty() || rest.starts_with(' ');
        let begins = key.starts_with(|c: char| c.is_ascii_alphabetic());
        (ends && begins && key.len() <= MAX_KEY).then(|| (key, uncommented(rest.trim_start())))
    }

    /// The text of the scalar behind a key.
    fn value_of(&self, wanted: &str) -> Option<&'t str> {
        let (_, rest) = self.entry().filter(|(key, _)| *key == wanted)?;
        quoted(rest).or_else(|| bare(rest))
    }
}

fn uncommented(rest: &str) -> &str {
    if rest.starts_with('#') { "" } else { rest }
}

/// The lines that have content, without the `---` that a document may begin with.
fn lines(text: &str, offset: u32) -> Vec<Line<'_>> {
    let mut lines = Vec::with_capacity(text.len() / 16);
    for (number, line) in (offset + 1..).zip(text.split('\n')) {
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let content = content.trim_end_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if content == "---" && indent == 0 && lines.is_empty() && number == offset + 1 {
            continue;
        }
        lines.push(Line { indent, content, number });
    }
    lines
}

struct Reader<'t> {
    lines: Vec<Line<'t>>,
    at: usize,
    schema: Schema,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn line(&self) -> Option<Line<'t>> {
        self.lines.get(self.at).copied()
    }

    /// Whether there is a current line, and it stands further right.
    fn is_deeper(&self, indent: usize) -> bool {
        self.line().is_some_and(|line| line.indent > indent)
    }

    /// The collection that starts on the current line.
    fn node(&mut self, indent: usize) -> Option<Value> {
        let first = self.line()?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let data = if first.is_item() { self.list(indent)? } else { self.map(indent)? };
        self.depth -= 1;
        // What follows belongs to something above, or is not for this reader.
        if self.is_deeper(indent) {
            return None;
        }
        Some(Value { data, line: first.number, disputed: false })
    }

    fn list(&mut self, indent: usize) -> Option<Data> {
        let mut items = Vec::new();
        while let Some(line) = self.line().filter(|line| line.indent == indent && line.is_item()) {
            let rest = line.content.get(1..)?.trim_start_matches(' ');
            let inner = Line {
                indent: indent + line.content.len() - rest.len(),
                content: rest,
                number: line.number,
            };
            if inner.entry().is_some() {
                // The mapping starts behind the dash.
                *self.lines.get_mut(self.at)? = inner;
                items.push(self.node(inner.indent)?);
            } else {
                items.push(self.scalar(rest, line.number)?);
                self.at += 1;
            }
            if self.is_deeper(indent) {
                return None;
            }
        }
        Some(Data::List(items))
    }

    fn map(&mut self, indent: usize) -> Option<Data> {
        let mut entries = Vec::new();
        while let Some(line) = self.line().filter(|line| line.indent == indent && !line.is_item()) {
            let (key, rest) = line.entry()?;
            if resolver::resolve_plain(key, self.schema).0 != Scalar::Text {
                return None;
            }
            self.at += 1;
            let value = if rest.is_empty() {
                let next = self.line()?;
                let below = next.indent > indent || (next.indent == indent && next.is_item());
                below.then(|| self.node(next.indent))??
            } else {
                self.scalar(rest, line.number)?
            };
            if self.is_deeper(indent) {
                return None;
            }
            entries.push(Entry { key: key.into(), line: line.number, value });
        }
        let count = entries.len();
        let map = Map::new(entries);
        (count > 0 && map.entries().len() == count).then_some(Data::Map(map))
    }

    fn scalar(&self, text: &str, line: u32) -> Option<Value> {
        if let Some(text) = quoted(text) {
            return Some(Value::text(text, line));
        }
        let text = bare(text)?;
        let (scalar, disputed) = resolver::resolve_plain(text, self.schema);
        Some(Value { data: Data::of_scalar(&scalar, text), line, disputed })
    }
}

/// What stands in quotes that nothing is escaped in.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (inner, rest) = text.get(1..)?.split_once(quote)?;
    let ends =
        rest.is_empty() || rest.trim_start_matches(' ').starts_with('#') && rest.starts_with(' ');
    (ends && !(quote == '"' && inner.contains('\\'))).then_some(inner)
}

/// A plain scalar that ends on its line.
fn bare(text: &str) -> Option<&str> {
    let mut bytes = text.bytes();
    let begins = match bytes.next()? {
        b'-' => bytes.next().is_some_and(|next| next.is_ascii_alphanumeric() || next == b'-'),
        first => first.is_ascii_alphanumeric() || b"_./~+$<=(".contains(&first),
    };
    let text = match text.find(" #") {
        Some(comment) => text[..comment].trim_end_matches(' '),
        None => text,
    };
    (begins && !text.contains(": ") && !text.ends_with(':')).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::{Stream, expand};
    use super::*;

    /// What the full reader says; `None` where it refuses, or has more to say than a value.
    fn full(text: &str, schema: Schema) -> Option<Value> {
        let stream =
            Stream::parse(text.to_owned()).ok().filter(|stream| stream.documents() == 1)?;
        let tree = expand(&stream, 0, schema, 10).ok()?;
        tree.duplicates.is_empty().then_some(tree.value)
    }

    /// The texts by which the schema is chosen.
    fn kind(text: &str) -> [Option<String>; 2] {
        let stream = Stream::parse(text.to_owned()).unwrap();
        let root = stream.root(0).unwrap();
        ["apiVersion", "kind"].map(|key| root.get_text(key).map(str::to_owned))
    }

    /// Whether the quick reader answered; an answer must be the full reader's, lines included.
    fn agrees(text: &str) -> bool {
        let schemas = [Schema::Kubernetes, Schema::Core, Schema::Either];
        let answers = schemas.map(|schema| {
            let mut told = [None, None];
            let learn = |version: Option<&str>, kind: Option<&str>| {
                told = [version, kind].map(|text| text.map(str::to_owned));
                schema
            };
            let quick = read_plain(text, learn, 10);
            if quick.is_some() {
                assert_eq!(format!("{quick:?}"), format!("{:?}", full(text, schema)), "{text}");
                assert_eq!(told, kind(text), "{text}");
            }
            quick.is_some()
        });
        answers[0]
    }

    #[test]
    fn answers_for_what_people_write() {
        let text = "---\n# a comment\napiVersion: apps/v1\nkind: Deployment # another\n\nmetadata:\n  \
            name: 'api'\n  labels:\n    app.kubernetes.io/name: \"api # 1\"\nspec:\n  replicas: 2\n  list:\n  \
            - name: main\n    image: ghcr.io/acme/api:v1\n    args:\n      - --verbose\n      - -1\n  \
            - name: yes\n  ratio: 1.10\n";
        assert!(agrees(text));
    }

    #[test]
    fn leaves_alone_what_it_does_not_know() {
        let texts = [
            "",
            "a",
            "# x\n",
            "a: 1\na: 2\n",
            "a: {b: 1}\n",
            "a: |\n  b\n",
            "a: b\n  c\n",
            "a:\n",
            "a: &x 1\n",
            "on: 1\n",
            "1: 2\n",
            "a: \"b\\n\"\n",
            "a: 'b''c'\n",
            "a: ä\n",
            "a:\tb\n",
            "a: b\r\n",
            "- - a\n",
            "a: b: c\n",
            "a: !!str 1\n",
            "a: *x\n",
            "a: 1\n---\nb: 1\n",
            "a: 1\n...\n",
            "a:\n  b: 1\n c: 2\n",
            "  a: 1\nb: 1\n",
            "? a\n",
            "%YAML 1.2\n",
            "- a\nb: 1\n",
            "a: [\n",
            "a: b #c\n  d\n",
            "a: 'b' c\n",
        ];
        for text in texts {
            assert!(read_plain(text, |_, _| Schema::Kubernetes, 0).is_none(), "{text}");
        }
    }

    #[test]
    fn tells_the_schema_whose_document_it_is() {
        let seen = |text: &str| {
            let mut seen = (None, None);
            let _ = read_plain(
                text,
                |version, kind| {
                    seen = (version.map(str::to_owned), kind.map(str::to_owned));
                    Schema::Core
                },
                0,
            );
            seen
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(seen("kind: \"A\" # x\napiVersion: v1\n"), (some("v1"), some("A")));
        assert_eq!(seen("a:\n  kind: A\n"), (None, None));
        assert_eq!(seen("- kind: A\n"), (None, None));
    }

    const KEYS: &str = "a¦b¦c¦kind¦apiVersion¦x-y¦a.b/c¦on¦1¦a b¦\"q\"¦<<¦¦-a¦a:";
    const COLONS: &str = ": ¦: ¦: ¦:¦:  ¦ : ¦";
    const VALUES: &str = "1¦0644¦yes¦v1.2¦~¦¦\"x y\"¦'#'¦a #c¦a#c¦-1¦- b¦--x¦---¦...¦http://h:80/x¦a: b¦a:¦\
        {}¦[]¦[a]¦|¦|-¦>¦&x 1¦*x¦!t 1¦\"a\\n\"¦'it''s'¦\"a\" b¦'a'#¦'a' #¦a, b¦a] }¦<<¦=¦%a¦@a¦`¦?¦? a¦:¦: a¦:a¦\
        # c¦#¦-¦$(A)¦\"¦'¦a\"b¦1:30¦\"a\": b¦\"#\" # c¦a 'b'¦a  b¦-a:¦-\"a\"¦+1¦<x>¦(x¦=x¦/¦_";
    const OTHERS: &str = "---¦¦# c¦   # c¦  ¦- 1¦  - a¦-¦  -¦...¦a¦- - b¦-  a: b";
    const CALM: &str = "1¦yes¦v1¦\"x\"¦¦¦a #c";

    fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> {
        select(words.split('¦').collect::<Vec<_>>())
    }

    /// Lines that are alike enough to YAML that most texts of them nearly are some.
    fn text() -> impl Strategy<Value = String> {
        let odd = (0_usize..5, one_of("¦¦¦- ¦-  "), one_of(KEYS), one_of(COLONS), one_of(VALUES))
            .prop_map(|(depth, a, b, c, d)| format!("{}{a}{b}{c}{d}\n", " ".repeat(depth)));
        let calm = (0_usize..3, one_of("¦- "), one_of("a¦b¦c¦d"), one_of(CALM))
            .prop_map(|(depth, a, b, c)| format!("{}{a}{b}: {c}\n", "  ".repeat(depth)));
        let other = one_of(OTHERS).prop_map(|line| format!("{line}\n"));
        let line = prop_oneof![2 => odd, 8 => calm, 1 => other];
        prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn an_answer_is_the_full_readers(text in text()) {
            agrees(&text);
        }
    }
}
