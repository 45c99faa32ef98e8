//! Secrets: values that cannot be printed, and the last net under every text that came from outside.
//!
//! [`Secret`] has no `Display`, and its `Debug` is `***`. Each one is also remembered for [`mask`], in the
//! whole process and for its whole life: a server that echoes a token, or a hook that prints one, must not
//! get it into a log because some caller forgot to pass a list along.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

/// What a masked value reads as.
pub const MASK: &str = "***";

/// Shorter values are words that occur anywhere; masking them would only make texts unreadable.
const SHORTEST: usize = 5;

/// Tokens that can be told by their looks, whoever they belong to.
const PREFIXES: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "glcbt-",
    "gldt-",
    "glptt-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "ATBB",
    "ATCTT",
];

static KNOWN: Mutex<Vec<SecretString>> = Mutex::new(Vec::new());

/// A token or password.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value over and remembers it for [`mask`]. White space around it is no part of it.
    #[must_use]
    pub fn new(value: &str) -> Self {
        let value = value.trim();
        remember(value);
        Self(SecretString::from(value.to_owned()))
    }

    /// A value that travels among secrets without being one: it is not masked.
    #[must_use]
    pub fn public(value: &str) -> Self {
        Self(SecretString::from(value.to_owned()))
    }

    /// The value itself: for the request, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// `Authorization: Bearer …`, or any other header made of a prefix and the value.
    pub fn header(&self, prefix: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        sensitive(&format!("{prefix}{}", self.expose()))
    }

    /// `Authorization: Basic …` for this password.
    pub fn basic(&self, user: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let pair = STANDARD.encode(format!("{user}:{}", self.expose()));
        remember(&pair);
        sensitive(&format!("Basic {pair}"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// A header that neither `Debug` nor a redirect to another host shows.
pub fn sensitive(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn remember(value: &str) {
    if value.len() < SHORTEST {
        return;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.iter().all(|old| old.expose_secret() != value) {
        known.push(SecretString::from(value.to_owned()));
        // The longest first: one may be a part of another.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }
}

/// The text without any known secret, plain or encoded, without user parts of URLs and without anything
/// that looks like a forge's or a chat's token.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut text = text.to_owned();
    for secret in KNOWN.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let value = secret.expose_secret();
        let encoded = [
            value.to_owned(),
            utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
            STANDARD.encode(value),
            STANDARD_NO_PAD.encode(value),
            URL_SAFE_NO_PAD.encode(value),
        ];
        for form in encoded {
            if text.contains(&form) {
                text = text.replace(&form, MASK);
            }
        }
    }
    mask_shapes(&mask_userinfo(&text))
}

/// `https://user:password@host` reads `https://***@host`. The user of an SSH address is no secret.
fn mask_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c));
        let authority = &tail[..end.unwrap_or(tail.len())];
        rest = tail;
        if let Some(at) = authority.rfind('@') {
            let is_secret = !head.ends_with("ssh://") || authority[..at].contains(':');
            if is_secret {
                out.push_str(MASK);
                rest = &tail[at..];
            }
        }
    }
    out + rest
}

/// Whether a text has what looks like a forge's or a chat's token.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    mask_shapes(text) != text
}

fn mask_shapes(text: &str) -> String {
    let mut text = text.to_owned();
    for prefix in PREFIXES {
        let mut from = 0;
        while let Some(at) = text[from..].find(prefix).map(|at| at + from) {
            let start = at + prefix.len();
            let is_token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let length = text[start..].find(|c| !is_token(c)).unwrap_or(text.len() - start);
            from = start;
            let begins_a_word = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            if length >= 10 && begins_a_word {
                text.replace_range(at..start + length, MASK);
                from = at + MASK.len();
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cannot_be_printed() {
        let secret = Secret::new("canary-debug-1\n");
        assert_eq!(secret.expose(), "canary-debug-1");
        assert_eq!(format!("{secret:?}"), "***");
        let header = secret.header("Bearer ").unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer canary-debug-1");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn masks_known_values_in_every_encoding() {
        let secret = Secret::new("can/ary+two=2");
        let basic = secret.basic("x-access-token").unwrap();
        let basic = basic.to_str().unwrap().trim_start_matches("Basic ");
        let encoded = STANDARD.encode("can/ary+two=2");
        for text in ["can/ary+two=2", "can%2Fary%2Btwo%3D2", &encoded, basic] {
            assert_eq!(mask(&format!("remote: <{text}>")), "remote: <***>");
        }
    }

    #[test]
    fn masks_by_looks() {
        let table = [
            ("https://me:pw@h/x and http://t@h", "https://***@h/x and http://***@h"),
            ("ssh://git@h/x", "ssh://git@h/x"),
            ("ssh://git:pw@h/x", "ssh://***@h/x"),
            ("mail me@h", "mail me@h"),
            ("bad token ghp_0123456789abcdef, glpat-abcdefghij_K!", "bad token ***, ***!"),
            ("the ghp_ prefix", "the ghp_ prefix"),
            ("https://h/a@b", "https://h/a@b"),
        ];
        for (text, masked) in table {
            assert_eq!(mask(text), masked);
        }
    }
}
