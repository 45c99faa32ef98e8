//! Which values are secrets: those of a `Secret`, and those whose key tells.

use crate::diff::mask::{is_telling_key, is_telling_scalar};
use crate::yaml::{NodeRef, Value};

/// What a Secret says about itself.
const PLAIN: &[&str] = &["apiVersion", "kind", "metadata", "type", "immutable"];

/// Whether a scalar is a secret value.
pub(super) fn is_secret(node: NodeRef<'_>) -> bool {
    let name = node.key().and_then(NodeRef::scalar).unwrap_or_default();
    is_in_secret(node)
        || is_telling_scalar(name, node.scalar().unwrap_or_default())
        || node.parent().is_some_and(|parent| is_literal(parent, name))
}

/// Whether a value that is to stand under a new key of a mapping is one.
pub(super) fn would_be(mapping: NodeRef<'_>, key: &str, value: &str) -> bool {
    is_secret_object(mapping, key)
        || is_in_secret(mapping)
        || is_telling_scalar(key, value)
        || is_literal(mapping, key)
}

fn is_in_secret(node: NodeRef<'_>) -> bool {
    std::iter::successors(Some(node), |node| node.parent()).any(|node| {
        let key = node.key().and_then(NodeRef::scalar);
        node.parent().zip(key).is_some_and(|(parent, key)| is_secret_object(parent, key))
    })
}

fn is_secret_object(object: NodeRef<'_>, key: &str) -> bool {
    object.get_text("kind") == Some("Secret") && !PLAIN.contains(&key)
}

/// The literal of an environment variable with a telling name.
fn is_literal(object: NodeRef<'_>, key: &str) -> bool {
    let name = object.get_text("name").unwrap_or_default();
    key == "value" && is_telling_key(name, &Value::text("x", 0))
}
