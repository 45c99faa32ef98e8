//! Secret values never reach an output: each distinct one becomes `<masked #n>`, the same everywhere,
//! so that equal and changed values are still told apart. Lengths are not shown.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::path::{FieldPath, Step};
use crate::manifest::{Object, is_secret};
use crate::yaml::value::{Data, Map};
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
    /// Learns the secret values of these objects, in this order.
    #[must_use]
    pub fn learn<'o>(objects: impl Iterator<Item = &'o Object>) -> Self {
        let mut masker = Self::default();
        for object in objects {
            masker.visit(&object.value, &mut Vec::new(), is_secret(&object.value));
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

    fn visit<'v>(&mut self, value: &'v Value, path: &mut Vec<&'v str>, secret: bool) {
        match &value.data {
            Data::Map(map) => {
                let named = is_telling_pair(map);
                for entry in map.entries() {
                    path.push(&entry.key);
                    let literal = named && &*entry.key == "value";
                    if is_secret_place(path, secret)
                        || literal
                        || is_telling_key(&entry.key, &entry.value)
                    {
                        self.note(&entry.value, path.first() == Some(&"data"));
                    } else {
                        self.visit(&entry.value, path, secret);
                    }
                    path.pop();
                }
            }
            Data::List(items) => items.iter().for_each(|item| self.visit(item, path, secret)),
            _ => {}
        }
    }

    /// Notes every scalar of a secret value.
    fn note(&mut self, value: &Value, encoded: bool) {
        match &value.data {
            Data::Map(map) => {
                map.entries().iter().for_each(|entry| self.note(&entry.value, encoded));
            }
            Data::List(items) => items.iter().for_each(|item| self.note(item, encoded)),
            Data::Null => {}
            _ => {
                let text = value.scalar_text().unwrap_or_default();
                self.note_text(&text, encoded);
            }
        }
    }

    fn note_text(&mut self, text: &str, encoded: bool) {
        if text.is_empty() {
            return;
        }
        let plain = decoded(text, encoded);
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(plain.clone().into()).or_insert(next);
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
        if !self.is_suspicious(text) {
            return text.to_owned();
        }
        let known = match &self.finder {
            Some(finder) if !self.shown.is_empty() => {
                let mut out = String::with_capacity(text.len());
                finder.replace_all_with(text, &mut out, |found, _, out| {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "<masked #{}>", self.shown[found.pattern().as_usize()].1);
                    true
                });
                out
            }
            _ => text.to_owned(),
        };
        scrub_shapes(&known)
    }

    /// Whether there may be something to take out; most texts pass here.
    fn is_suspicious(&self, text: &str) -> bool {
        text.len() >= SHORTEST_SHAPE
            || (text.len() >= MIN_LENGTH
                && self.finder.as_ref().is_some_and(|finder| finder.is_match(text)))
    }

    /// Masks a value in place. `encoded`: it is base64; `secret`: all of it.
    pub fn mask(&self, value: &mut Value, secret: bool, encoded: bool) {
        match &mut value.data {
            Data::Map(map) => {
                let named = is_telling_pair(map);
                for (key, value) in map.iter_mut() {
                    let telling = is_telling_key(key, value) || (named && key == "value");
                    self.mask(value, secret || telling, encoded);
                }
            }
            Data::List(items) => items.iter_mut().for_each(|item| self.mask(item, secret, encoded)),
            Data::Null => {}
            Data::Text(text) if !secret => {
                if !self.is_suspicious(text) {
                    return;
                }
                let scrubbed = self.scrub(text);
                if scrubbed != **text {
                    *text = scrubbed.into();
                }
            }
            _ if !secret => {}
            _ => {
                let text = value.scalar_text().unwrap_or_default();
                if !text.is_empty() {
                    value.data = Data::Text(self.replacement(&text, encoded).into());
                }
            }
        }
    }

    /// Masks a whole object, or document.
    pub fn mask_object(&self, value: &mut Value) {
        let secret = is_secret(value);
        let Data::Map(map) = &mut value.data else { return self.mask(value, false, false) };
        for (key, value) in map.iter_mut() {
            let own = secret && matches!(key, "data" | "stringData");
            self.mask(value, own || is_telling_key(key, value), own && key == "data");
        }
    }
}

fn decoded(text: &str, encoded: bool) -> Vec<u8> {
    let compact = || text.split_whitespace().collect::<String>();
    let plain = if encoded { STANDARD.decode(compact()).ok() } else { None };
    plain.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// `data` and `stringData` of a Secret, and what kubectl copied of it.
fn is_secret_place(path: &[&str], secret: bool) -> bool {
    const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";
    match path {
        ["data" | "stringData"] | [.., COPY] => secret,
        _ => false,
    }
}

/// `{name: DB_PASSWORD, value: …}`.
fn is_telling_pair(map: &Map) -> bool {
    map.get("value").is_some() && map.get("name").and_then(Value::as_str).is_some_and(is_telling)
}

/// A name such as `DB_PASSWORD`.
fn is_telling(name: &str) -> bool {
    const WORDS: &[&str] =
        &["password", "passwd", "secret", "token", "apikey", "privatekey", "credential"];
    let plain: String = name.to_ascii_lowercase().replace(['_', '-'], "");
    WORDS.iter().any(|word| plain.contains(word))
}

/// A key such as `adminPassword` with a text of its own; not the name of something that holds one.
#[must_use]
pub fn is_telling_key(key: &str, value: &Value) -> bool {
    const ENDINGS: &[&str] = &[
        "password",
        "passwd",
        "token",
        "apikey",
        "privatekey",
        "secretkey",
        "clientsecret",
        "credentials",
    ];
    // Nearly every key ends otherwise, and need not be looked at closer.
    let last = key.as_bytes().last().map(u8::to_ascii_lowercase);
    if !last.is_some_and(|last| b"dnyts".contains(&last)) {
        return false;
    }
    let is_number = matches!(value.data, Data::Int(_) | Data::Float(_));
    if !matches!(value.data, Data::Text(_) | Data::Bare(_)) && !is_number {
        return false;
    }
    let plain: String = key.to_ascii_lowercase().replace(['_', '-', '.'], "");
    ENDINGS.iter().any(|ending| plain.ends_with(ending))
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

/// The literal of an environment variable with a telling name: `env[DB_PASSWORD].value`.
#[must_use]
pub fn is_telling_path(path: &FieldPath) -> bool {
    match path.steps() {
        [.., Step::Item(name), Step::Key(key)] => **key == *"value" && is_telling(name),
        _ => false,
    }
}

/// Tokens of known shapes, user information in URLs and private keys.
fn scrub_shapes(text: &str) -> String {
    let mut out = text.to_owned();
    if !out.contains(['@', '_', '-']) && !out.contains("AKIA") && !out.contains("eyJ") {
        return out;
    }
    for (prefix, least) in [
        ("ghp_", 36),
        ("gho_", 36),
        ("ghs_", 36),
        ("ghu_", 36),
        ("github_pat_", 50),
        ("glpat-", 20),
        ("AKIA", 16),
        ("xoxb-", 20),
        ("xoxp-", 20),
        ("eyJhbGciOi", 40),
    ] {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let mut from = 0;
        while let Some(at) = out[from..].find(prefix).map(|at| at + from) {
            let rest = &out[at + prefix.len()..];
            let length = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
            from = at + prefix.len();
            if length >= least {
                out.replace_range(at..at + prefix.len() + length, "<masked>");
                from = at + "<masked>".len();
            }
        }
    }
    scrub_private_keys(scrub_user_info(out))
}

/// `https://user:password@host` loses its password.
fn scrub_user_info(mut text: String) -> String {
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|at| at + from + 3) {
        from = at;
        let end = text[at..].find(|c: char| c.is_whitespace() || "/\"'`?#".contains(c));
        let authority = &text[at..end.map_or(text.len(), |end| at + end)];
        if let Some((user, password)) =
            authority.rsplit_once('@').and_then(|(info, _)| info.split_once(':'))
            && !password.starts_with("<masked")
        {
            let start = at + user.len() + 1;
            text.replace_range(start..start + password.len(), "<masked>");
        }
    }
    text
}

fn scrub_private_keys(mut text: String) -> String {
    const END: &str = "PRIVATE KEY-----";
    let mut from = 0;
    while let Some(head) = text[from..].find(END).map(|at| at + from + END.len()) {
        let tail = text[head..].find("-----END").map_or(text.len(), |at| head + at);
        if !text[..head].ends_with(END) || !text[..head].contains("-----BEGIN") {
            from = head;
            continue;
        }
        text.replace_range(head..tail, "<masked>");
        let next = head + "<masked>".len();
        from = text[next..].find(END).map_or(text.len(), |at| next + at + END.len());
    }
    text
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
        let masker = Masker::learn([&secret].into_iter());
        let mut hidden = secret.value.clone();
        masker.mask_object(&mut hidden);
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
        let masker = Masker::learn([&secret].into_iter());
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
        let masker = Masker::learn([&object].into_iter());
        let mut value = object.value.clone();
        masker.mask_object(&mut value);
        let text = value.to_json().to_string();
        assert!(!text.contains("abc") && !text.contains("hunter"), "{text}");
        assert!(
            text.contains("\"80\"") && text.contains("shop-db") && text.contains("false"),
            "{text}"
        );
    }
}
