//! Secret values never reach an output: each distinct one becomes `<masked #n>`, the same everywhere,
//! so that equal and changed values are still told apart. Lengths are not shown.

mod broken;
mod names;
mod place;
mod shapes;
mod text;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use names::is_telling_key;
pub(super) use place::{Facts, Place, Shape};
use text::{Spot, What};

use crate::manifest::Object;
use crate::yaml::value::Data;
use crate::yaml::{Schema, Stream, Value, expand};

/// Shorter secrets are masked in their own place only: `true` elsewhere is not one.
const MIN_LENGTH: usize = 6;
/// Nothing shorter is a token by its shape alone: a URL with a user and a password is the shortest.
const SHORTEST_SHAPE: usize = "ftp://u:p@h".len();

/// Knows the secret values of both sides.
#[derive(Debug, Default)]
pub struct Masker {
    /// The number of each distinct value, base64 decoded.
    numbers: HashMap<Box<[u8]>, usize>,
    /// What must not be shown, and the number of its value.
    shown: Vec<(String, usize)>,
    finder: Option<AhoCorasick>,
}

impl Masker {
    /// Learns the secret values of these objects, and of these texts, in this order.
    #[must_use]
    pub fn learn<'o>(
        objects: impl Iterator<Item = &'o Object>,
        texts: impl Iterator<Item = &'o str>,
    ) -> Self {
        let mut masker = Self::default();
        for object in objects {
            masker.visit(&object.value, Place::default());
        }
        for text in texts {
            masker.visit_text(text, Place::default(), 0);
        }
        let mut seen = HashSet::new();
        masker.shown.retain(|(text, _)| seen.insert(text.clone()));
        // The patterns are plain texts; only their sheer size could fail.
        masker.finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(masker.shown.iter().map(|(text, _)| text.as_bytes()))
            .ok();
        masker
    }

    fn visit(&mut self, value: &Value, place: Place) {
        match &value.data {
            Data::Map(map) => {
                let facts = Facts::of(map);
                for entry in map.entries() {
                    let below = place.below(facts, &entry.key, Shape::of(&entry.value));
                    self.visit(&entry.value, below);
                }
            }
            Data::List(items) => {
                let mut previous = None;
                for item in items {
                    self.visit(item, place.behind(previous));
                    previous = item.as_str();
                }
            }
            Data::Null => {}
            Data::Text(text) if place.literal => {
                self.note_text(text.split_once('=').map_or(text, |(_, value)| value), false);
            }
            _ if place.hides(Shape::of(value)) => {
                let text = value.scalar_text().unwrap_or_default();
                self.note_text(&text, place.encoded);
            }
            Data::Text(text) if place.is_inside() || shapes::hints(text) => {
                self.visit_text(text, place.open(), 1);
            }
            _ => {}
        }
    }

    fn visit_text(&mut self, text: &str, place: Place, depth: usize) {
        for spot in text::find(text, place, depth) {
            match spot.what {
                What::Value { text, encoded } => self.note_text(&text, encoded),
                What::Beside(text) => {
                    self.number(text.into_bytes());
                }
                What::Inner { text, place, .. } => self.visit_text(&text, place, depth + 1),
            }
        }
    }

    fn number(&mut self, plain: Vec<u8>) -> usize {
        let next = self.numbers.len() + 1;
        *self.numbers.entry(plain.into()).or_insert(next)
    }

    fn note_text(&mut self, text: &str, encoded: bool) {
        if text.is_empty() {
            return;
        }
        let plain = decoded(text, encoded);
        let number = self.number(plain.clone());
        let mut shown = vec![text.to_owned(), STANDARD.encode(&plain)];
        if let Ok(plain) = String::from_utf8(plain) {
            // A value of several lines can show up line by line.
            shown.extend(plain.lines().map(|line| line.trim().to_owned()));
            shown.push(plain);
        }
        shown.retain(|text| text.len() >= MIN_LENGTH);
        self.shown.extend(shown.into_iter().map(|text| (text, number)));
    }

    /// What stands for a secret scalar.
    #[must_use]
    pub fn replacement(&self, text: &str, encoded: bool) -> String {
        match self.numbers.get(decoded(text, encoded).as_slice()) {
            Some(number) => format!("<masked #{number}>"),
            None => "<masked>".to_owned(),
        }
    }

    /// Takes every known secret, and what looks like one, out of a text.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.scrub_at(text, Place::default())
    }

    fn scrub_at(&self, text: &str, place: Place) -> String {
        let masked = if place.is_inside() || shapes::hints(text) {
            self.mask_spots(text, place, 1)
        } else {
            text.to_owned()
        };
        self.scrub_copies(masked)
    }

    /// The text of a file without its secrets: those of objects, those that names tell of, and every
    /// copy of a known one.
    #[must_use]
    pub fn mask_file(&self, text: &str) -> String {
        self.scrub_copies(self.mask_spots(text, Place::default(), 0))
    }

    fn mask_spots(&self, text: &str, place: Place, depth: usize) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for Spot { range, what } in text::find(text, place, depth) {
            let own = &text[range.clone()];
            // A block's span ends where the next key begins.
            let end = &own[own.trim_end().len()..];
            let shown = match what {
                What::Value { text, encoded } => self.replacement(&text, encoded) + end,
                What::Beside(text) => self.replacement(&text, false) + end,
                What::Inner { text: inner, place, style } => {
                    let masked = self.mask_spots(&inner, place, depth + 1);
                    if masked == inner {
                        continue;
                    }
                    text::written(text, &range, style, &masked)
                }
            };
            out.push_str(&text[from..range.start]);
            out.push_str(&shown);
            from = range.end;
        }
        out.push_str(&text[from..]);
        out
    }

    /// Takes out what is known by now, or known by its shape.
    fn scrub_copies(&self, text: String) -> String {
        let finder = self.finder.as_ref().filter(|_| !self.shown.is_empty());
        let known = match finder.filter(|finder| finder.is_match(&text)) {
            Some(finder) => {
                let mut out = String::with_capacity(text.len());
                finder.replace_all_with(&text, &mut out, |found, _, out| {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "<masked #{}>", self.shown[found.pattern().as_usize()].1);
                    true
                });
                out
            }
            None => text,
        };
        if known.len() < SHORTEST_SHAPE { known } else { shapes::scrub_tokens(known) }
    }

    /// Whether there may be something to take out; most texts pass here.
    fn is_suspicious(&self, text: &str) -> bool {
        text.len() >= SHORTEST_SHAPE
            || shapes::hints(text)
            || (text.len() >= MIN_LENGTH
                && self.finder.as_ref().is_some_and(|finder| finder.is_match(text)))
    }

    /// Masks a value in its place.
    pub fn mask(&self, value: &mut Value, place: Place) {
        let shape = Shape::of(value);
        match &mut value.data {
            Data::Map(map) => {
                let facts = Facts::of(map);
                for (key, value) in map.iter_mut() {
                    self.mask(value, place.below(facts, key, Shape::of(value)));
                }
            }
            Data::List(items) => {
                let mut flag = false;
                for item in items {
                    let here = if flag { place.behind(Some("--token")) } else { place };
                    flag = item.as_str().is_some_and(place::is_flag);
                    self.mask(item, here);
                }
            }
            Data::Null => {}
            Data::Text(text) if place.literal => {
                let (name, value) = text.split_once('=').unwrap_or(("", text));
                let equals = if name.is_empty() { "" } else { "=" };
                *text = format!("{name}{equals}{}", self.replacement(value, false)).into();
            }
            _ if place.hides(shape) => {
                let text = value.scalar_text().unwrap_or_default();
                if !text.is_empty() {
                    value.data = Data::Text(self.replacement(&text, place.encoded).into());
                }
            }
            Data::Text(text) if place.is_inside() || self.is_suspicious(text) => {
                let scrubbed = self.scrub_at(text, place.open());
                if scrubbed != **text {
                    *text = scrubbed.into();
                }
            }
            _ => {}
        }
    }

    /// Masks the name of a list's item.
    #[must_use]
    pub fn mask_label(&self, label: &str, place: Place) -> String {
        if place.hides(Shape::Text) { self.replacement(label, false) } else { self.scrub(label) }
    }
}

/// Whether a Secret stands anywhere in a value.
pub(super) fn holds_secret(value: &Value) -> bool {
    match &value.data {
        Data::Map(map) => {
            let mut values = map.entries().iter().map(|entry| &entry.value);
            Facts::of(map).is_secret() || values.any(holds_secret)
        }
        Data::List(items) => items.iter().any(holds_secret),
        _ => false,
    }
}

fn decoded(text: &str, encoded: bool) -> Vec<u8> {
    let compact = || text.split_whitespace().collect::<String>();
    let plain = if encoded { STANDARD.decode(compact()).ok() } else { None };
    plain.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// The same for a scalar as it stands in a file: `false` is no password.
#[must_use]
pub fn is_telling_scalar(key: &str, text: &str) -> bool {
    if !is_telling_key(key, &Value::text("x", 0)) {
        return false;
    }
    let read = Stream::parse(format!("v: {text}")).ok();
    let tree = read.and_then(|stream| expand(&stream, 0, Schema::Kubernetes, 0).ok());
    let scalar = tree.and_then(|tree| tree.value.get("v").cloned());
    scalar.is_none_or(|scalar| is_telling_key(key, &scalar))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{SourceFile, chunks, read};

    fn object(text: &str) -> Object {
        let file = SourceFile::new("a.yaml", text.as_bytes().to_vec());
        let chunk = &chunks(text)[0];
        read(&file, chunk, 0).unwrap().objects.remove(0)
    }

    fn secret() -> Object {
        object(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n\
             stringData: {a: hunter2hunter2, b: \"on\", c: \"line one\\nline two\"}\n\
             data: {d: aHVudGVyMmh1bnRlcjI=, e: 12345678}\n",
        )
    }

    #[test]
    fn one_value_has_one_number_however_it_is_spelled() {
        let secret = secret();
        let masker = Masker::learn([&secret].into_iter(), std::iter::empty());
        let mut hidden = secret.value.clone();
        masker.mask(&mut hidden, Place::default());
        let text = hidden.to_json().to_string();
        let d = hidden.str_at(&["data", "d"]).unwrap();
        assert_eq!(d, hidden.str_at(&["stringData", "a"]).unwrap());
        assert!(d.starts_with("<masked #"), "{text}");
        for plain in ["hunter2", "aHVudGVy", "line one", "12345678", "\"on\""] {
            assert!(!text.contains(plain), "{text}");
        }
        assert!(text.contains("\"name\":\"s\""));
    }

    #[test]
    fn copies_of_a_secret_are_found_anywhere() {
        let secret = secret();
        let masker = Masker::learn([&secret].into_iter(), std::iter::empty());
        for text in ["x hunter2hunter2 y", "aHVudGVyMmh1bnRlcjI=", "--pw=line two"] {
            assert!(masker.scrub(text).contains("<masked #"), "{text}");
        }
        assert_eq!(masker.scrub("on"), "on");
    }

    #[test]
    fn shapes_are_known() {
        let masker = Masker::default();
        let token = format!("ghp_{}", "a1".repeat(18));
        let cases = [
            (format!("x {token} y"), "x <masked> y"),
            ("https://bob:pw@r.io/x".to_owned(), "https://bob:<masked>@r.io/x"),
            ("https://r.io:5000/x@y".to_owned(), "https://r.io:5000/x@y"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n".to_owned(),
                "-----BEGIN RSA PRIVATE KEY-----<masked>-----END RSA PRIVATE KEY-----\n",
            ),
            ("ghp_short".to_owned(), "ghp_short"),
        ];
        for (text, expected) in cases {
            assert_eq!(masker.scrub(&text), expected);
        }
    }

    #[test]
    fn telling_names_hide_their_values() {
        let object = object(
            "env:\n- {name: DB_PASSWORD, value: abc}\n- {name: PORT, value: \"80\"}\n\
             adminPassword: hunter\nexistingSecret: shop-db\nautomountServiceAccountToken: false\n",
        );
        let masker = Masker::learn([&object].into_iter(), std::iter::empty());
        let mut value = object.value.clone();
        masker.mask(&mut value, Place::default());
        let text = value.to_json().to_string();
        assert!(!text.contains("abc") && !text.contains("hunter"), "{text}");
        assert!(
            text.contains("\"80\"") && text.contains("shop-db") && text.contains("false"),
            "{text}"
        );
    }

    #[test]
    fn masks_the_text_of_secrets_only() {
        let masker = Masker::default();
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: aGk= # c\nstringData:\n  b: |\n    one\n    two\n---\nkind: X\npassword: p\nautomountServiceAccountToken: false\nport: 1\n";
        assert_eq!(
            masker.mask_file(text),
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: <masked> # <masked>\nstringData:\n  b: |\n    <masked>\n---\nkind: X\npassword: <masked>\nautomountServiceAccountToken: false\nport: 1\n"
        );
    }

    #[test]
    fn what_follows_a_block_begins_its_own_line() {
        let text = "kind: Secret\nstringData:\n  a: |\n    one\n    two\n  b: x\n";
        assert_eq!(
            Masker::default().mask_file(text),
            "kind: Secret\nstringData:\n  a: |\n    <masked>\n  b: <masked>\n"
        );
        let text = "raw:\n- a: |\n    kind: Secret\n    stringData: {a: b}\n  b: x\n";
        assert_eq!(
            Masker::default().mask_file(text),
            "raw:\n- a: |\n    kind: Secret\n    stringData: {a: <masked>}\n  b: x\n"
        );
    }

    #[test]
    fn masks_secrets_that_are_templates() {
        let text = "kind: Secret\nmetadata:\n  name: x\ndata:\n  {{- if .a }}\n  key: c2VjcmV0\n  {{ end }}\n  other: |\n    plain words\n";
        assert_eq!(
            Masker::default().mask_file(text),
            "kind: Secret\nmetadata:\n  name: x\ndata:\n  {{- if .a }}\n  key: <masked>\n  {{ end }}\n  other: |\n    <masked>\n"
        );
    }
}
