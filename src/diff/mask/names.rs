//! Names that tell that what they name is a secret.

use crate::yaml::Value;
use crate::yaml::value::Data;

/// The last words of a key that holds a secret.
const ENDINGS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "token",
    "apikey",
    "privatekey",
    "secretkey",
    "clientsecret",
    "credentials",
];

/// The last words of a key that holds several.
const COLLECTIONS: &[&str] = &[
    "passwords",
    "tokens",
    "apikeys",
    "privatekeys",
    "secretkeys",
    "clientsecrets",
    "secretenv",
    "secretenvs",
    "secretdata",
    "secretvalues",
];

/// A name of a variable, such as `DB_PASSWORD`.
fn is_telling(name: &str) -> bool {
    const WORDS: &[&str] =
        &["password", "passwd", "secret", "token", "apikey", "privatekey", "credential"];
    let plain: String = name.to_ascii_lowercase().replace(['_', '-'], "");
    WORDS.iter().any(|word| plain.contains(word))
}

/// A name of a variable, or a key, of whose value it tells.
pub(super) fn is_telling_variable(name: &str) -> bool {
    is_telling(name) || is_telling_name(name)
}

/// Where a JSON patch sets a secret.
pub(super) fn is_telling_path(path: &str) -> bool {
    let is_telling_end = || path.rsplit('/').next().is_some_and(is_telling_name);
    path.starts_with('/') && (path.starts_with("/stringData") || is_telling_end())
}

/// A key such as `adminPassword` with a text of its own; not the name of something that holds one.
#[must_use]
pub fn is_telling_key(key: &str, value: &Value) -> bool {
    let is_text = matches!(value.data, Data::Text(_) | Data::Bare(_));
    (is_text || matches!(value.data, Data::Int(_) | Data::Float(_))) && is_telling_name(key)
}

/// A key of a scalar; one in capitals is the name of a variable.
pub(super) fn is_telling_name(key: &str) -> bool {
    let is_variable = || {
        let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        key.bytes().any(|byte| byte.is_ascii_uppercase())
            && key.bytes().all(|byte| is_capital(byte) || byte == b'_')
    };
    // Nearly every key ends otherwise, and need not be looked at closer.
    let last = key.as_bytes().last().map(u8::to_ascii_lowercase);
    let may_end = last.is_some_and(|last| b"denyts".contains(&last));
    (may_end && ends_with(key, ENDINGS)) || (is_variable() && is_telling(key))
}

/// The key of a list or a mapping all of whose values are secrets.
pub(super) fn is_telling_collection(key: &str) -> bool {
    let last = key.as_bytes().last().map(u8::to_ascii_lowercase);
    if !last.is_some_and(|last| b"adenstvy".contains(&last)) {
        return false;
    }
    // A projected volume's `serviceAccountToken` describes one.
    !key.ends_with("AccountToken") && (ends_with(key, ENDINGS) || ends_with(key, COLLECTIONS))
}

/// A key below such a collection that says where the secret is, or who it is for.
pub(super) fn is_reference(key: &str) -> bool {
    const WORDS: &[&str] = &["ref", "valuefrom", "existingsecret", "secretname"];
    ends_with(key, WORDS)
}

/// Whether a name ends so, in any case and with any separators. Asked of every key of every document.
fn ends_with(key: &str, endings: &[&str]) -> bool {
    let letters = || key.bytes().rev().filter(|byte| !matches!(byte, b'_' | b'-' | b'.'));
    endings.iter().any(|ending| {
        let mut letters = letters();
        ending
            .bytes()
            .rev()
            .all(|byte| letters.next().is_some_and(|l| l.eq_ignore_ascii_case(&byte)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_found_in_any_case_and_with_any_separators() {
        for key in ["password", "adminPassword", "DB_PASS_WORD", "x.api-key", "api_key_"] {
            assert!(ends_with(key, ENDINGS), "{key}");
        }
        for key in ["", "word", "passwordFile", "name", "ä", "key"] {
            assert!(!ends_with(key, ENDINGS), "{key}");
        }
    }
}
