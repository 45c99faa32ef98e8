//! The one way to change a YAML text: plan splices, apply them, read the result back twice.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::embedded::Embedded;
use super::splice::{self, Splice};
use super::verify::{self, Expected};
use super::{NodeId, Stream};
use crate::error::{Code, Hinted};

/// A node: of the stream itself, or inside a block string that is YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The node of the file's stream.
    pub node: NodeId,
    /// The node of the stream in the block string `node`.
    pub inner: Option<NodeId>,
}

/// What to do there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give the scalar (or the alias's place) this value.
    Set(String),
    /// Add a key at the end of the mapping.
    Append {
        /// The new key.
        key: String,
        /// Its value.
        value: Added,
    },
}

/// The value of a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// A scalar.
    Text(String),
    /// A mapping with one key, and its scalar.
    Entry(String, String),
}

/// One edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub at: Address,
    /// What.
    pub operation: Operation,
}

/// A text that was read back and found to differ in the edited values only.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Why the second reader (yaml-rust2) could not confirm it: it cannot read the old text either.
    pub unconfirmed: Option<String>,
}

/// Makes all changes, or says why one of them cannot be made.
///
/// Two changes of the same node must not contradict each other.
pub fn edit(stream: &Stream, changes: &[Change]) -> anyhow::Result<Edited> {
    let mut outer: BTreeMap<NodeId, Planned> = BTreeMap::new();
    let mut blocks: BTreeMap<NodeId, Vec<Change>> = BTreeMap::new();
    for change in changes {
        match change.at.inner {
            Some(inner) => blocks.entry(change.at.node).or_default().push(Change {
                at: Address { node: inner, inner: None },
                operation: change.operation.clone(),
            }),
            None => insert(stream, &mut outer, change)?,
        }
    }
    for (node, changes) in blocks {
        let planned = plan_block(stream, node, &changes)?;
        outer.insert(node, planned);
    }
    finish(stream, outer)
}

/// The splices of one node and what the node must read afterwards.
struct Planned {
    splices: Vec<Splice>,
    expected: Expected,
}

fn insert(
    stream: &Stream,
    planned: &mut BTreeMap<NodeId, Planned>,
    change: &Change,
) -> anyhow::Result<()> {
    let node = stream.node(change.at.node);
    let (splice, expected) = match &change.operation {
        Operation::Set(value) => (splice::set(node, value)?, Expected::Value(value.clone())),
        Operation::Append { key, value } => {
            let entry = (key.clone(), value.clone());
            (splice::append(node, key, value)?, Expected::appended(node, entry))
        }
    };
    let new = Planned { splices: vec![splice], expected };
    match planned.get_mut(&change.at.node) {
        None => {
            planned.insert(change.at.node, new);
        }
        Some(old) if old.splices == new.splices => {}
        Some(old) => old.merge(new, node.line())?,
    }
    Ok(())
}

impl Planned {
    /// Several keys can be added to one mapping; a value can be set only once.
    fn merge(&mut self, new: Self, line: usize) -> Result<(), Hinted> {
        let (
            (Expected::Appended(old), Expected::Appended(more))
            | (Expected::Opened(old), Expected::Opened(more)),
        ) = ((&mut self.expected, new.expected),)
        else {
            return Err(contradiction(line));
        };
        for (splice, (key, value)) in new.splices.into_iter().zip(more) {
            match old.iter().find(|(known, _)| *known == key) {
                Some((_, known)) if *known == value => {}
                Some(_) => return Err(contradiction(line)),
                None => {
                    old.push((key, value));
                    self.splices.push(splice);
                }
            }
        }
        Ok(())
    }
}

fn contradiction(line: usize) -> Hinted {
    let message = format!("cannot give line {line} two different values at once");
    Hinted::plain(Code::Usage, message)
}
fn plan_block(stream: &Stream, node: NodeId, changes: &[Change]) -> anyhow::Result<Planned> {
    let node = stream.node(node);
    let lost = || {
        let message = format!("cannot edit the block on line {}: it is not YAML", node.line());
        Hinted::plain(Code::NotEditable, message)
    };
    let embedded = Embedded::of(node).ok_or_else(lost)?;
    let mut inner = BTreeMap::new();
    for change in changes {
        insert(embedded.stream(), &mut inner, change)?;
    }
    let inside = sorted(inner.values());
    let splices = inside.iter().map(|s| embedded.outside(s)).collect::<Option<_>>();
    let edited = finish(embedded.stream(), inner)?;
    Ok(Planned { splices: splices.ok_or_else(lost)?, expected: Expected::Value(edited.text) })
}

fn sorted<'p>(planned: impl Iterator<Item = &'p Planned>) -> Vec<Splice> {
    let mut splices: Vec<Splice> = planned.flat_map(|p| p.splices.iter().cloned()).collect();
    // Keys added at one place: the deeper mapping ends first. Stable, so that others keep their order.
    let depth = |splice: &Splice| {
        let line = splice.text.trim_start_matches(['\r', '\n']);
        line.len() - line.trim_start_matches(' ').len()
    };
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end, Reverse(depth(splice))));
    splices
}

fn finish(stream: &Stream, planned: BTreeMap<NodeId, Planned>) -> anyhow::Result<Edited> {
    let splices = sorted(planned.values());
    if splices.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
        let message = "cannot edit a value and a part of it at once";
        return Err(Hinted::plain(Code::Usage, message).into());
    }
    let text = splice::apply(stream.source(), &splices);
    let expected = planned.into_iter().map(|(node, planned)| (node, planned.expected)).collect();
    let unconfirmed = verify::verify(stream, &splices, &text, &expected)?;
    Ok(Edited { text, unconfirmed })
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Sharing, YamlPath, find, inserting};
    use super::*;

    fn set_in(
        source: &str,
        document: usize,
        path: &str,
        value: &str,
        sharing: Sharing,
    ) -> Result<String, String> {
        let stream = Stream::parse(source.to_owned()).map_err(|e| format!("{e:#}"))?;
        let path = YamlPath::parse(path).unwrap();
        let node = match find(&stream, document, &path, sharing).map_err(|e| format!("{e:#}"))? {
            Found::Node(node) => node,
            Found::Missing => {
                return Err(format!("{:#}", super::super::find::missing(&stream, document, &path)));
            }
        };
        let change = Change {
            at: Address { node, inner: None },
            operation: Operation::Set(value.to_owned()),
        };
        edit(&stream, &[change]).map(|edited| edited.text).map_err(|e| format!("{e:#}"))
    }

    fn set(source: &str, path: &str, value: &str) -> Result<String, String> {
        set_in(source, 0, path, value, Sharing::Refuse)
    }

    fn create(source: &str, path: &str, value: &str) -> Result<String, String> {
        let stream = Stream::parse(source.to_owned()).map_err(|e| format!("{e:#}"))?;
        let path = YamlPath::parse(path).unwrap();
        let (node, key) =
            inserting(&stream, 0, &path, Sharing::Refuse).map_err(|e| format!("{e:#}"))?;
        let value = Added::Text(value.to_owned());
        let operation = Operation::Append { key: key.to_owned(), value };
        let change = Change { at: Address { node, inner: None }, operation };
        edit(&stream, &[change]).map(|edited| edited.text).map_err(|e| format!("{e:#}"))
    }

    /// The marked token (between `«»`) is the one that changes.
    #[test]
    fn changes_one_token() {
        let cases: &[(&str, &str, &str, &str)] = &[
            ("tag: «v1»\n", "tag", "v2", "v2"),
            ("tag: «v1»", "tag", "v2", "v2"),
            ("a:\r\n  tag: «v1»\r\n  b: 1\r\n", "a.tag", "v2", "v2"),
            ("\u{feff}tag: «v1» # c\n", "tag", "v2", "v2"),
            ("tag:   «v1»   # note\n", "tag", "v2", "v2"),
            ("tag: «\"1.2\"»   # falls back\n", "tag", "1.10", "\"1.10\""),
            ("tag: «'1.2'»\n", "tag", "it's", "'it''s'"),
            ("tag: «1.9»\n", "tag", "1.10", "\"1.10\""),
            ("tag: «7e31209»\n", "tag", "0e1", "\"0e1\""),
            ("image: {repo: a, tag: «v1», pull: Always} # c\n", "image.tag", "v2", "v2"),
            ("t: {a:«» }\n", "t.a", "v2", " v2"),
            ("é: {t: «v1»}\n", "é.t", "v,2", "\"v,2\""),
            (
                "motd: |\n  sixteen characters — and a dash\nimage: {tag: «v1»}\n",
                "image.tag",
                "v2",
                "v2",
            ),
            (
                "image: >-\n    «registry.example.svc:5000/team/app:stable»\nx: 1\n",
                "image",
                "r/a:2",
                "r/a:2",
            ),
            ("t: |-\n  «v1»\n\n\nx: 1\n", "t", "1.10", "1.10"),
            ("tag:«» # none yet\nx: 1\n", "tag", "v1", " v1"),
            ("tag :«»\n", "tag", "v1", " v1"),
            ("tag: &t «v1»\n", "tag", "v2", "v2"),
            ("tag: !!str «v1»\n", "tag", "12", "\"12\""),
            ("x: &t v0\ntag: «*t»\n", "tag", "v2", "v2"),
            ("x: &t v0\nl: [«*t» ]\n", "l[0]", "v2", "v2"),
            (
                "l:\n- name: a\n  image: r/a:1\n- image: «r/b:1»\n  name: b\n",
                "l[name=b].image",
                "r/b:2",
                "r/b:2",
            ),
            ("m.x/y: {\"a b\": «v1»}\n", "[\"m.x/y\"][\"a b\"]", "v2", "v2"),
            ("tag: «one\n  two»\nx: 1\n", "tag", "v2", "v2"),
            ("replicas: {{ .Values.replicas }}\nimage: «r/a:1»\n", "image", "r/a:2", "r/a:2"),
            ("annotations: {\n\n}\ntag: «v1»\n", "tag", "v2", "v2"),
            ("tag:\t«v1»\n", "tag", "v2", "v2"),
            ("\"tag\": «\"v1\"»\n", "tag", "v2", "\"v2\""),
            ("? tag\n: «v1»\n", "tag", "v2", "v2"),
            ("tag: «null»\n", "tag", "v2", "v2"),
            ("tag: «\"\"»\n", "tag", "v2", "\"v2\""),
        ];
        for (marked, path, value, token) in cases {
            let (before, rest) = marked.split_once('«').unwrap();
            let (old, after) = rest.split_once('»').unwrap();
            let source = format!("{before}{old}{after}");
            let expected = format!("{before}{token}{after}");
            assert_eq!(set(&source, path, value).as_deref(), Ok(expected.as_str()), "{source}");
        }
    }

    #[test]
    fn adds_a_map_with_one_entry() {
        let cases = [
            ("m:\n  a: 1 # c\nx: 1\n", "m:\n  a: 1 # c\n  k:\n    i.o/t: \"1\"\nx: 1\n"),
            ("m: {a: 1}\r\n", "m: {a: 1, k: {i.o/t: \"1\"}}\r\n"),
            ("m:\r\n  a: 1", "m:\r\n  a: 1\r\n  k:\r\n    i.o/t: \"1\""),
        ];
        for (before, after) in cases {
            let stream = Stream::parse(before.to_owned()).unwrap();
            let node = stream.root(0).unwrap().get("m").unwrap().id();
            let value = Added::Entry("i.o/t".to_owned(), "1".to_owned());
            let operation = Operation::Append { key: "k".to_owned(), value };
            let change = Change { at: Address { node, inner: None }, operation };
            assert_eq!(edit(&stream, &[change]).unwrap().text, after);
        }
    }

    #[test]
    fn edits_the_chosen_document() {
        let source = "--- # a\nt: v1\n---\n---\nt: &x v1\nu: *x\n---\nt: v1\n";
        assert_eq!(
            set_in(source, 3, "t", "v2", Sharing::Refuse).as_deref(),
            Ok("--- # a\nt: v1\n---\n---\nt: &x v1\nu: *x\n---\nt: v2\n")
        );
        assert_eq!(
            set_in(source, 2, "u", "v2", Sharing::Refuse).as_deref(),
            Ok("--- # a\nt: v1\n---\n---\nt: &x v1\nu: v2\n---\nt: v1\n")
        );
        let directive = "%YAML 1.2\n---\nt: v1\n...\n%TAG ! tag:x,2000:\n---\nt: v1\n";
        assert_eq!(
            set_in(directive, 1, "t", "v2", Sharing::Refuse).unwrap(),
            "%YAML 1.2\n---\nt: v1\n...\n%TAG ! tag:x,2000:\n---\nt: v2\n"
        );
    }

    #[test]
    fn refuses_and_says_why() {
        let cases: &[(&str, &str, &str)] = &[
            ("a: {b: 1}\n", "a", "it is a mapping"),
            ("a: [1]\n", "a", "it is a list"),
            ("a: 1\na: 2\n", "a", "stands twice in one mapping: lines 1 and 2"),
            ("a: {x: 1, x: 2}\n", "a.x", "stands twice"),
            ("a: !!int 5\n", "a", "its tag `!!int`"),
            ("a: !ref x\n", "a", "its tag `!ref`"),
            ("a: |\n  v1\n", "a", "keeps the line break"),
            ("a: |-\n  v1\n  v2\n", "a", "several lines"),
            ("a: &t v1\nb: *t\n", "a", "shared through an anchor with `b` (line 2)"),
            ("a: &m {t: v1}\nb: *m\n", "a.t", "shared through an anchor with `b`"),
            ("a: &m {t: v1}\nb: *m\n", "b.t", "leads through the alias on line 2"),
            ("a: &m {t: v1}\nb:\n  <<: *m\n", "b.t", "comes through the merge key on line 3"),
            (
                "a: &m {t: v1}\nb:\n  !!merge <<: *m\n",
                "b.t",
                "comes through the merge key on line 3",
            ),
            ("a: &m {t: v1}\nb:\n  <<: [*m]\n", "a.t", "shared through an anchor"),
            ("a:\n  tag: 1\n", "a.tga", "did you mean `a.tag`?"),
            ("a: [1]\n", "a[3]", "`a` has 1 items"),
            ("x: {{ a }\n", "x", "looks like a Helm template"),
            ("a: &t\nb: 1\n", "a", "an anchor or a tag but no value"),
            ("l: [{n: a}, {n: a}]\n", "l[n=a]", "fits several items: lines 1 and 1"),
            ("", "a", "the document is empty"),
            ("a: |\nb: 1\n", "a", "its block is empty"),
        ];
        for (source, path, cause) in cases {
            let stream = Stream::parse((*source).to_owned());
            let said = match set(source, path, "v2") {
                Err(said) => said,
                Ok(text) => panic!("{source:?} became {text:?}"),
            };
            let hint = stream
                .ok()
                .and_then(|stream| {
                    let path = YamlPath::parse(path).unwrap();
                    super::super::find::missing(&stream, 0, &path).hint().map(str::to_owned)
                })
                .unwrap_or_default();
            assert!(format!("{said} {hint}").contains(cause), "{source:?}: {said} / {hint}");
        }
    }

    #[test]
    fn edits_shared_values_when_asked() {
        let cases: &[(&str, &str, &str)] = &[
            ("a: &t v1\nb: *t\n", "a", "a: &t v2\nb: *t\n"),
            ("a: &m {t: v1}\nb: *m\n", "b.t", "a: &m {t: v2}\nb: *m\n"),
            ("a: &m {t: v1}\nb:\n  <<: *m\n", "b.t", "a: &m {t: v2}\nb:\n  <<: *m\n"),
        ];
        for (source, path, after) in cases {
            assert_eq!(set_in(source, 0, path, "v2", Sharing::Edit).as_deref(), Ok(*after));
        }
        // A key of its own hides the merged one: nothing is shared.
        let own = "a: &m {t: v1}\nb:\n  <<: *m\n  t: v1\n";
        assert_eq!(set(own, "a.t", "v2").unwrap(), own.replacen("v1", "v2", 1));
    }

    #[test]
    fn many_comments_in_a_row_are_no_obstacle() {
        let source = format!("a:\n{}  tag: v1\n{}", "  # docs\n".repeat(120), "# c\n".repeat(120));
        assert_eq!(set(&source, "a.tag", "v2").unwrap(), source.replace("v1", "v2"));
    }

    #[test]
    fn adds_a_last_key() {
        let cases: &[(&str, &str, &str)] = &[
            (
                "a:\n  b: 1 # c\n\n# next\nd: 1\n",
                "a.t",
                "a:\n  b: 1 # c\n  t: v2\n\n# next\nd: 1\n",
            ),
            ("a:\n  b: 1", "a.t", "a:\n  b: 1\n  t: v2"),
            ("a:\r\n  b: 1\r\nc: 1\r\n", "a.t", "a:\r\n  b: 1\r\n  t: v2\r\nc: 1\r\n"),
            ("l:\n- name: x\n- y: 1\n", "l[0].t", "l:\n- name: x\n  t: v2\n- y: 1\n"),
            (
                "l:\n  - name: x\n    e:\n      - a\n",
                "l[0].t",
                "l:\n  - name: x\n    e:\n      - a\n    t: v2\n",
            ),
            ("a: {b: 1}\n", "a.t", "a: {b: 1, t: v2}\n"),
            ("a: { b: 1 }\n", "a.t", "a: { b: 1, t: v2 }\n"),
            ("a: {b: 1,}\n", "a.t", "a: {b: 1, t: v2,}\n"),
            ("a: {}\n", "a.t", "a: {t: v2}\n"),
            ("a: { }\n", "a.t", "a: { t: v2 }\n"),
            ("a: {b: [1]}\n", "a.t", "a: {b: [1], t: v2}\n"),
            (
                "x:\n    image:\n    y: 1\n",
                "x.image.t",
                "x:\n    image:\n        t: v2\n    y: 1\n",
            ),
            ("image:\n", "image.t", "image:\n  t: v2\n"),
            (
                "a:\n  s: |\n    text\n\n\nb: 1\n",
                "a.t",
                "a:\n  s: |\n    text\n  t: v2\n\n\nb: 1\n",
            ),
            ("a:\n  s:\nb: 1\n", "a.t", "a:\n  s:\n  t: v2\nb: 1\n"),
            ("a: 1\n", "t", "a: 1\nt: v2\n"),
            ("a:\n  b: {c: 1}\n", "a.yes", "a:\n  b: {c: 1}\n  \"yes\": v2\n"),
        ];
        for (source, path, after) in cases {
            assert_eq!(create(source, path, "v2").as_deref(), Ok(*after), "{source:?}");
        }
        assert!(create("a: v1\n", "a.t", "v2").unwrap_err().contains("is no mapping"));
        // With a line behind it the block's text would have a line break.
        for source in ["a: |\n  x", "b: 1\na:\n  c: >\n    x"] {
            assert!(create(source, "t", "v2").unwrap_err().contains("ends with the file"));
        }
        assert!(create("a: |-\n  x", "t", "v2").is_ok());
        assert!(create("a: 1\n", "b.c", "v2").unwrap_err().contains("no `b`"));
    }

    #[test]
    fn edits_inside_a_block_that_is_yaml() {
        let source = "a:\r\n  values: |\r\n\r\n    image:\r\n      tag: v1 # é\r\n  b: 1\r\n";
        let stream = Stream::parse(source.to_owned()).unwrap();
        let node = stream.root(0).unwrap().get("a").unwrap().get("values").unwrap();
        let embedded = Embedded::of(node).unwrap();
        let tag = embedded.stream().root(0).unwrap().get("image").unwrap().get("tag").unwrap();
        assert_eq!(embedded.line(tag), 5);
        let change = Change {
            at: Address { node: node.id(), inner: Some(tag.id()) },
            operation: Operation::Set("1.10".to_owned()),
        };
        let edited = edit(&stream, &[change]).unwrap();
        assert_eq!(edited.text, source.replace("v1", "\"1.10\""));
    }

    #[test]
    fn says_when_the_second_reader_cannot_confirm() {
        let stream = Stream::parse("a: {\n}\nt: v1\n".to_owned()).unwrap();
        let node = stream.root(0).unwrap().get("t").unwrap().id();
        let change =
            Change { at: Address { node, inner: None }, operation: Operation::Set("v2".into()) };
        assert!(edit(&stream, &[change]).unwrap().unconfirmed.is_some());
    }
}
