//! Digests of values, such that the digest of a secret tells nobody the secret.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Id;

/// The SHA-256 of bytes, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The keyed digest of a value.
#[must_use]
pub fn keyed(key: &str, value: &Value) -> String {
    // An HMAC takes keys of any length, so this cannot fail; and an empty digest would match nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(sorted(value).to_string().as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// The keys under which digests are made.
#[derive(Clone, Debug)]
pub struct Keys {
    /// In the plan file: good enough for what is no secret.
    pub salt: String,
    /// In the inventory, where the plan's reader cannot see it; empty before the first run.
    pub secret: String,
}

impl Keys {
    /// The digest of an object. A secret's values count only where the key is out of the reader's reach.
    #[must_use]
    pub fn of(&self, id: &Id, value: &Value) -> String {
        if !id.is_secret() {
            return keyed(&self.salt, value);
        }
        if self.secret.is_empty() {
            return keyed(&self.salt, &without_values(value));
        }
        keyed(&format!("{}{}", self.secret, self.salt), value)
    }
}

fn without_values(secret: &Value) -> Value {
    let mut bare = secret.clone();
    for field in ["data", "stringData"] {
        if let Some(data) = bare.get_mut(field).and_then(Value::as_object_mut) {
            data.values_mut().for_each(|value| *value = Value::Null);
        }
    }
    bare
}

/// The same value with the keys of every map in order: the text of equal values is equal.
#[must_use]
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries.into_iter().map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_equal_digests() {
        let keys = Keys { salt: "s".to_owned(), secret: String::new() };
        let id = Id::plain("ConfigMap", "a");
        assert_eq!(
            keys.of(&id, &json!({"a": 1, "b": {"c": [], "d": 2}})),
            keys.of(&id, &json!({"b": {"d": 2, "c": []}, "a": 1}))
        );
        assert_ne!(keys.of(&id, &json!({"a": 1})), keys.of(&id, &json!({"a": 2})));
    }

    #[test]
    fn a_secret_cannot_be_guessed_from_the_plan() {
        let id = Id::plain("Secret", "a");
        let of = |secret: &str, value: &str| {
            let keys = Keys { salt: "s".to_owned(), secret: secret.to_owned() };
            keys.of(&id, &json!({"data": {"password": value}}))
        };
        assert_eq!(of("", "one"), of("", "two"));
        assert_ne!(of("key", "one"), of("key", "two"));
        assert_ne!(of("key", "one"), of("other", "one"));
    }

    #[test]
    fn sha256_is_the_one_everybody_knows() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
    }
}
