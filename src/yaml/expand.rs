//! From a document's nodes to its [`Value`]: scalars resolved, anchors and merge keys expanded within
//! a budget.

use super::resolver::{self, Scalar, Schema};
use super::value::{Data, Entry, Map, Value};
use super::{Kind, NodeId, NodeRef, Stream, Style, quirks};

/// How many nodes aliases may add to one document, so that a few hundred bytes cannot become gigabytes.
const ALIAS_BUDGET: usize = 1_000_000;
/// How deep a document may nest once aliases are expanded; the readers are recursive.
const MAX_DEPTH: usize = 512;

/// A key that a mapping has twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key.
    pub key: String,
    /// The lines it stands on.
    pub lines: [u32; 2],
}

/// A document, expanded.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its value; null for an empty document.
    pub value: Value,
    /// Keys that stand twice; the later value counts.
    pub duplicates: Vec<DuplicateKey>,
}

/// Why a document that parses cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line.
    pub line: usize,
    /// The cause.
    pub cause: String,
}

/// Reads one document the way the schema's programs do. `offset` is added to every line.
pub fn expand(
    stream: &Stream,
    document: usize,
    schema: Schema,
    offset: usize,
) -> Result<Tree, Unreadable> {
    let mut expander =
        Expander { schema, offset, duplicates: Vec::new(), open: Vec::new(), aliased: 0, depth: 0 };
    if schema == Schema::Kubernetes {
        refuse_line_separators(stream, document, offset)?;
    }
    let value = match stream.root(document) {
        Some(root) => expander.value(root, false)?,
        None => Value { data: Data::Null, line: 1, disputed: false },
    };
    Ok(Tree { value, duplicates: expander.duplicates })
}

/// Kubernetes' reader ends lines where this parser does not: a scalar with such a character is another.
fn refuse_line_separators(
    stream: &Stream,
    document: usize,
    offset: usize,
) -> Result<(), Unreadable> {
    let Some((at, found)) = quirks::line_separator(stream, document) else { return Ok(()) };
    let before = &stream.source().as_bytes()[..at];
    let line = 1 + offset + memchr::memchr_iter(b'\n', before).count();
    let cause = format!(
        "it holds the character U+{:04X}, which ends a line for Kubernetes' reader; in double quotes \
         it can be written \\u{:04x}",
        u32::from(found),
        u32::from(found),
    );
    Err(Unreadable { line, cause })
}

struct Expander {
    schema: Schema,
    offset: usize,
    duplicates: Vec<DuplicateKey>,
    /// The anchored collections being read, to notice one that contains itself.
    open: Vec<NodeId>,
    aliased: usize,
    depth: usize,
}

impl Expander {
    fn line(&self, node: NodeRef<'_>) -> u32 {
        u32::try_from(node.line() + self.offset).unwrap_or(u32::MAX)
    }

    fn unreadable(&self, node: NodeRef<'_>, cause: impl Into<String>) -> Unreadable {
        Unreadable { line: node.line() + self.offset, cause: cause.into() }
    }

    /// `copied`: an alias led here.
    fn value(&mut self, node: NodeRef<'_>, copied: bool) -> Result<Value, Unreadable> {
        if node.kind() == Kind::Alias {
            let target = node.resolved();
            if self.open.contains(&target.id()) {
                return Err(self.unreadable(node, "the anchored value contains itself"));
            }
            return self.value(target, true);
        }
        if copied {
            self.aliased += 1;
            if self.aliased > ALIAS_BUDGET {
                return Err(
                    self.unreadable(node, "its aliases expand to more than a million values")
                );
            }
        }
        let data = match node.kind() {
            Kind::Scalar(style) => return self.scalar(node, style),
            _ => self.nested(node, copied)?,
        };
        let line = self.line(node);
        let value = Value { data, line, disputed: false };
        let Some(tag) = self.foreign_tag(node) else { return Ok(value) };
        let entry = Entry { key: tag.into(), line, value };
        Ok(Value { data: Data::Map(Map::new(vec![entry])), line, disputed: false })
    }

    /// A tag of somebody else, such as `!Ref`, as it is written. Kubernetes does not look at these;
    /// for whoever else reads the file they are part of the value.
    fn foreign_tag(&self, node: NodeRef<'_>) -> Option<String> {
        const KNOWN: &[&str] = &["null", "bool", "int", "float", "str", "map", "seq"];
        let tag = node.tag().filter(|tag| *tag != "!" && self.schema != Schema::Kubernetes)?;
        match tag.strip_prefix("tag:yaml.org,2002:") {
            Some(own) if KNOWN.contains(&own) => None,
            Some(own) => Some(format!("!!{own}")),
            None => Some(tag.to_owned()),
        }
    }

    fn nested(&mut self, node: NodeRef<'_>, copied: bool) -> Result<Data, Unreadable> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unreadable(node, "it nests too deeply"));
        }
        if node.is_anchored() {
            self.open.push(node.id());
        }
        let data = if node.is_sequence() {
            let items = node.items().map(|item| self.item(item, copied));
            Data::List(items.collect::<Result<_, _>>()?)
        } else {
            Data::Map(self.map(node, copied)?)
        };
        if node.is_anchored() {
            self.open.pop();
        }
        self.depth -= 1;
        Ok(data)
    }

    /// What ends with a colon in a flow sequence (`[fe80::]`) is a text to Kubernetes' reader.
    fn item(&mut self, node: NodeRef<'_>, copied: bool) -> Result<Value, Unreadable> {
        let is_pair = node.kind() == Kind::Mapping { flow: true }
            && !node.stream().source()[node.span()].starts_with('{');
        match node.entries().next().and_then(|(key, value)| self.with_colon(key, value)) {
            Some(text) if is_pair => Ok(Value::text(text, self.line(node))),
            _ => self.value(node, copied),
        }
    }

    fn with_colon<'s>(&self, key: NodeRef<'s>, value: NodeRef<'s>) -> Option<&'s str> {
        let in_flow = value.parent().is_some_and(|map| map.kind() == Kind::Mapping { flow: true });
        let applies = self.schema == Schema::Kubernetes && in_flow;
        if applies { quirks::with_colon(key, value) } else { None }
    }

    fn scalar(&self, node: NodeRef<'_>, style: Style) -> Result<Value, Unreadable> {
        let line = self.line(node);
        let text = if node.is_missing() { "" } else { node.scalar().unwrap_or_default() };
        let text = quirks::unended(node, text);
        if self.schema == Schema::Kubernetes && quirks::is_question(node) {
            let cause = format!(
                "`{text}` begins with a question mark, which Kubernetes' reader takes for the sign of a key: quote it"
            );
            return Err(self.unreadable(node, cause));
        }
        let (scalar, disputed) = match (node.tag(), style) {
            (Some(tag), _) => (self.tagged(node, tag, text)?, false),
            (None, Style::Plain) => resolver::resolve_plain(text, self.schema),
            _ => (Scalar::Text, false),
        };
        let tag =
            node.tag().filter(|_| scalar == Scalar::Text).and_then(|_| self.foreign_tag(node));
        let data = match tag {
            Some(tag) => Data::Text(format!("{tag} {text}").into()),
            None => Data::of_scalar(&scalar, text),
        };
        Ok(Value { data, line, disputed })
    }

    fn tagged(&self, node: NodeRef<'_>, tag: &str, text: &str) -> Result<Scalar, Unreadable> {
        let own = tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag);
        resolver::resolve_tagged(text, own, self.schema)
            .ok_or_else(|| self.unreadable(node, format!("`{text}` is no `!!{own}`")))
    }

    fn map(&mut self, node: NodeRef<'_>, copied: bool) -> Result<Map, Unreadable> {
        let mut own: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        for (name, value) in node.entries() {
            if quirks::is_merge_key(name) {
                // go-yaml 2 lets a merge replace the keys that stand before it.
                let into = if self.schema == Schema::Kubernetes { &mut own } else { &mut merged };
                into.extend(self.merge(name, value)?);
                continue;
            }
            let key = match self.with_colon(name, value) {
                Some(text) => text.into(),
                None => self.key(name)?,
            };
            own.push(Entry { key, line: self.line(name), value: self.value(value, copied)? });
        }
        merged.extend(own);
        merged.sort_by(|a, b| a.key.cmp(&b.key));
        if merged.windows(2).any(|pair| pair[0].key == pair[1].key) {
            self.note_duplicates(node);
        }
        Ok(Map::new(merged))
    }

    /// The entries behind `<<`, those of least precedence first.
    fn merge(&mut self, name: NodeRef<'_>, value: NodeRef<'_>) -> Result<Vec<Entry>, Unreadable> {
        let target = value.resolved();
        let sources: Vec<NodeRef<'_>> =
            if target.is_sequence() { target.items().collect() } else { vec![value] };
        let mut entries = Vec::new();
        for source in sources.into_iter().rev() {
            match self.value(source, true)?.data {
                Data::Map(map) => entries.extend(map.into_entries()),
                _ => return Err(self.unreadable(name, "`<<` merges mappings only")),
            }
        }
        Ok(entries)
    }

    fn key(&self, node: NodeRef<'_>) -> Result<Box<str>, Unreadable> {
        let node = node.resolved();
        let Kind::Scalar(style) = node.kind() else {
            return Err(self.unreadable(node, "a key is a list or a mapping"));
        };
        let value = self.scalar(node, style)?;
        let bare = style == Style::Plain && node.tag().is_none();
        let number = if bare && self.schema == Schema::Kubernetes {
            node.scalar().and_then(quirks::number_key)
        } else {
            None
        };
        if let Some(number) = number {
            return Ok(number.into());
        }
        match value.data {
            Data::Text(text) | Data::Bare(text) => Ok(text),
            Data::Null if self.schema == Schema::Kubernetes => {
                Err(self.unreadable(node, "a key is null"))
            }
            _ => Ok(value.scalar_text().unwrap_or_default().into()),
        }
    }

    fn note_duplicates(&mut self, node: NodeRef<'_>) {
        let mut keys: Vec<(Box<str>, u32)> = node
            .entries()
            .filter(|(name, _)| !quirks::is_merge_key(*name))
            .filter_map(|(name, _)| Some((self.key(name).ok()?, self.line(name))))
            .collect();
        keys.sort();
        for pair in keys.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let key = pair[0].0.to_string();
            let duplicate = DuplicateKey { key, lines: [pair[0].1, pair[1].1] };
            if !self.duplicates.contains(&duplicate) {
                self.duplicates.push(duplicate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(source: &str, schema: Schema) -> Result<String, String> {
        let stream = Stream::parse(source.to_owned()).map_err(|error| format!("{error:#}"))?;
        let tree = expand(&stream, 0, schema, 0).map_err(|error| error.cause)?;
        Ok(tree.value.to_json().to_string())
    }

    #[test]
    fn expands_anchors_and_merges() {
        let cases = [
            ("a: &x [1, {b: yes}]\nc: *x\n", r#"{"a":[1,{"b":true}],"c":[1,{"b":true}]}"#),
            (
                "b: &b {a: 2, c: 3}\nm:\n  <<: *b\n  a: 1\n",
                r#"{"b":{"a":2,"c":3},"m":{"a":1,"c":3}}"#,
            ),
            ("m: {<<: [{q: 1, r: 1}, {q: 2, s: 2}]}\n", r#"{"m":{"q":1,"r":1,"s":2}}"#),
            ("m: {\"<<\": {a: 1}}\n", r#"{"m":{"<<":{"a":1}}}"#),
            ("m: {!!str <<: {a: 1}}\n", r#"{"m":{"<<":{"a":1}}}"#),
            // So Go's YAML library writes it.
            ("b: &b {a: 2}\nm:\n  !!merge <<: *b\n  c: 1\n", r#"{"b":{"a":2},"m":{"a":2,"c":1}}"#),
            ("on: 1\n1: 2\n1.50: 3\n0x10: 5\n", r#"{"1":2,"1.5":3,"16":5,"true":1}"#),
            ("a: 1\na: 2\n", r#"{"a":2}"#),
            ("w: ! 12\nx: !foo 12\nz: !!int \"3\"\n", r#"{"w":"12","x":"12","z":3}"#),
            ("a:\n", r#"{"a":null}"#),
            ("", "null"),
        ];
        for (source, expected) in cases {
            assert_eq!(json(source, Schema::Kubernetes).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn tags_of_others_are_part_of_the_value() {
        let cases = [
            ("a: !Sub foo\n", r#"{"a":"!Sub foo"}"#),
            ("a: !!binary aGk=\n", r#"{"a":"!!binary aGk="}"#),
            ("a: !GetAtt [x, y]\n", r#"{"a":{"!GetAtt":["x","y"]}}"#),
            ("a: !!str 1\nb: ! 1\nc: !!map {d: !!seq []}\n", r#"{"a":"1","b":"1","c":{"d":[]}}"#),
        ];
        for (source, expected) in cases {
            assert_eq!(json(source, Schema::Either).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn merges_by_the_rules_of_each_reader() {
        let source = "m:\n  a: 1\n  <<: {a: 2}\n";
        assert_eq!(json(source, Schema::Kubernetes).unwrap(), r#"{"m":{"a":2}}"#);
        assert_eq!(json(source, Schema::Core).unwrap(), r#"{"m":{"a":1}}"#);
    }

    #[test]
    fn refuses_what_the_readers_refuse() {
        let bomb = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
            let items = vec![format!("*a{}", n - 1); 8].join(", ");
            format!("{text}a{n}: &a{n} [{items}]\n")
        });
        let cases = [
            ("x: &a [*a]\n", "contains itself"),
            ("<<: 3\n", "merges mappings only"),
            ("~: 1\n", "a key is null"),
            ("[a]: 1\n", "a key is a list"),
            ("a: !!int 1.5\n", "is no `!!int`"),
            (bomb.as_str(), "more than a million"),
        ];
        for (source, cause) in cases {
            let said = json(source, Schema::Kubernetes).unwrap_err();
            assert!(said.contains(cause), "{said}");
        }
    }

    #[test]
    fn names_both_lines_of_a_duplicate() {
        let stream = Stream::parse("a: {x: 1}\nb: 2\nyes: 1\non: 2\nb: 3\n".to_owned()).unwrap();
        let tree = expand(&stream, 0, Schema::Kubernetes, 10).unwrap();
        let found: Vec<_> = tree.duplicates.iter().map(|d| (d.key.as_str(), d.lines)).collect();
        assert_eq!(found, [("b", [12, 15]), ("true", [13, 14])]);
    }
}
