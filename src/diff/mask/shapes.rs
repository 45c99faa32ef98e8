//! Secrets by their looks: tokens of known shapes, and values that a name in the same line tells of.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::names::{is_telling_collection, is_telling_name};

/// Where none of these stands, no name tells of a secret and no object is one.
static HINTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    const WORDS: &[&str] = &[
        "passw",
        "passphrase",
        "pass_",
        "pass-",
        "secret",
        "token",
        "key",
        "credential",
        "stringdata",
    ];
    AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS).ok()
});

/// Whether a text may hold a secret that a name tells of; most do not.
pub(super) fn hints(text: &str) -> bool {
    text.len() > "token".len() && HINTS.as_ref().is_none_or(|finder| finder.is_match(text))
}

/// The values that names tell of in one line: `NAME=VALUE`, `--name VALUE`, and with `colons`
/// `name: value`.
pub(super) fn named(line: &str, colons: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = line[from..].find(['=', ':']).map(|at| at + from) {
        from = at + 1;
        let is_colon = line.as_bytes()[at] == b':';
        let next = line.as_bytes().get(from);
        if is_colon && (!colons || matches!(next, Some(b'=' | b':'))) || next == Some(&b'=') {
            continue;
        }
        let Some(name) = Name::before(line, at) else { continue };
        let rest = line[from..].trim();
        let range = if is_telling_collection(name.text) && rest.starts_with(['[', '{']) {
            line.len() - line[from..].trim_start().len()..line.trim_end().len()
        } else if is_telling_name(name.text) {
            name.value(line, from, is_colon)
        } else {
            continue;
        };
        if !is_open(&line[range.clone()]) {
            from = range.end;
            found.push(range);
        }
    }
    for flag in flags(line) {
        if !found.iter().any(|known| known.contains(&flag.start)) {
            found.push(flag);
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// Where the value of a key is in a line, without a comment behind it.
pub(super) fn value_of(line: &str, key: &str) -> Option<Range<usize>> {
    let named =
        line.match_indices(':').filter_map(|(at, _)| Some((at + 1, Name::before(line, at)?)));
    let (from, name) = named.into_iter().find(|(_, name)| name.text == key)?;
    let range = name.value(line, from, true);
    let is_quoted = line[..range.start].ends_with(['"', '\'']);
    let end = if is_quoted { None } else { line[range.clone()].find(" #") };
    Some(range.start..end.map_or(range.end, |end| range.start + end))
}

/// The name in front of `=` or `:`.
struct Name<'l> {
    text: &'l str,
    /// It begins its line, but for dashes and signs of comments.
    first: bool,
    /// It is in quotes of its own.
    quoted: bool,
    /// The quote in front of it, which ends behind its value.
    open: Option<char>,
}

impl<'l> Name<'l> {
    fn before(line: &'l str, at: usize) -> Option<Self> {
        let head = line[..at].trim_end().trim_end_matches(['+', '?', ':']).trim_end();
        let bare = head.trim_end_matches(['"', '\'']).trim_end_matches('\\');
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let text = &bare[bare.trim_end_matches(is_part).len()..];
        let ahead = &bare[..bare.len() - text.len()];
        let quote = ahead.chars().next_back().filter(|c| matches!(c, '"' | '\''));
        let quoted = bare.len() < head.len();
        let lead = ahead.trim_matches(|c: char| c.is_whitespace() || "-#/*;+\"'".contains(c));
        let first = matches!(lead, "" | "export" | "set" | "ENV" | "ARG");
        let open = quote.filter(|_| !quoted);
        Some(Self { text, first, quoted, open }).filter(|name| !name.text.is_empty())
    }

    /// Where its value is.
    fn value(&self, line: &str, from: usize, is_colon: bool) -> Range<usize> {
        let rest = line[from..].trim_start_matches('>').trim_start();
        let start = line.len() - rest.len();
        let until = |end: Option<usize>| {
            let value = rest[..end.unwrap_or(rest.len())].trim_end();
            start..start + value.len()
        };
        let bare = rest.trim_start_matches('\\');
        if let Some(quote) = bare.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            return inside_quotes(rest, quote, start);
        }
        if let Some(quote) = self.open {
            return until(rest.find(quote));
        }
        if self.quoted {
            return until(flow_end(rest));
        }
        match (self.first, is_colon) {
            (false, false) => until(rest.find(|c: char| c.is_whitespace() || c == '"')),
            (false, true) if line[..from].contains('{') => until(flow_end(rest)),
            _ => until(None),
        }
    }
}

/// Where a value in braces ends; template actions are parts of it.
fn flow_end(rest: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + rest[from..].find([',', '}', ']'])?;
        let Some(action) = rest[from..end].find("{{") else { return Some(end) };
        from += action;
        from += rest[from..].find("}}")? + "}}".len();
    }
}

/// What stands between two quotes, or behind one that is not closed; `\"` counts as the quote it is in
/// a text within a text.
fn inside_quotes(rest: &str, quote: char, start: usize) -> Range<usize> {
    let escaped = rest.starts_with('\\');
    let open = rest.find(quote).map_or(0, |at| at + 1);
    let mut end = rest.len();
    let mut skip = false;
    for (at, c) in rest[open..].char_indices() {
        if c == quote && (!skip || escaped) {
            end = open + at - usize::from(skip);
            break;
        }
        skip = c == '\\' && !skip;
    }
    start + open..start + end.max(open)
}

/// The values behind flags: `--password VALUE`.
fn flags(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut telling = false;
    let mut from = 0;
    for word in line.split([' ', '\t']) {
        let start = from;
        from += word.len() + 1;
        if telling && !word.starts_with('-') && !is_open(word) && !word.is_empty() {
            let quote = word.chars().next().filter(|c| matches!(c, '"' | '\''));
            found.push(match quote {
                Some(quote) => inside_quotes(&line[start..], quote, start),
                None => start..start + word.trim_end_matches(['"', '\'', ',', ']']).len(),
            });
        }
        let name = word.trim_start_matches(['"', '\'', '[']).trim_end_matches(['"', '\'', ',']);
        telling = (telling && word.is_empty())
            || (name.starts_with('-') && is_telling_name(name.trim_start_matches('-')));
    }
    found
}

/// Whether a value says nothing: no value, a truth value, a reference, what is masked already.
pub(super) fn is_open(value: &str) -> bool {
    const WORDS: &[&str] =
        &["", "~", "null", "none", "true", "false", "yes", "no", "on", "off", "{", "[", "{}", "[]"];
    let value = value.trim().trim_end_matches(',');
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_. ".contains(c))
    };
    let between = |open: &str, close: &str| {
        value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(is_name)
    };
    let is_header = value.len() <= 3 && value.starts_with(['|', '>']);
    WORDS.contains(&value.to_ascii_lowercase().as_str())
        || is_header
        || value.starts_with("<masked")
        || between("${", "}")
        || between("$(", ")")
        || between("{{", "}}")
        || between("{{-", "}}")
}

/// Tokens of known shapes, user information in URLs and private keys.
pub(super) fn scrub_tokens(mut out: String) -> String {
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
