//! Declared files as JSON, read as Kubernetes reads YAML.

use serde_json::Value;

use crate::error::{Code, Hinted};
use crate::plan::manifest::Document;
use crate::yaml::{NodeRef, Schema, Stream, expand};

use super::File;

/// Every document of every YAML or JSON file; empty ones are left out.
pub(super) fn documents(files: &[File]) -> anyhow::Result<Vec<Document>> {
    let mut documents = Vec::new();
    for file in files {
        documents.extend(read(&file.path, &file.bytes)?);
    }
    Ok(documents)
}

/// The documents of one text; `name` is for messages.
pub(super) fn read(name: &str, bytes: &[u8]) -> anyhow::Result<Vec<Document>> {
    let refuse =
        |cause: String| Hinted::plain(Code::InvalidYaml, format!("cannot read `{name}`: {cause}"));
    let text = std::str::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    let stream = Stream::parse(text.to_owned()).map_err(|error| refuse(format!("{error:#}")))?;
    let mut documents = Vec::new();
    for number in 0..stream.documents() {
        let tree = expand(&stream, number, Schema::Kubernetes, 0)
            .map_err(|error| refuse(format!("line {}: {}", error.line, error.cause)))?;
        if let Some(twice) = tree.duplicates.first() {
            let [first, second] = twice.lines;
            let cause = format!("`{}` stands on line {first} and on line {second}", twice.key);
            return Err(refuse(cause).into());
        }
        let value = tree.value.to_json();
        if !value.is_null() {
            let line = stream.root(number).map_or(1, NodeRef::line);
            documents.push(Document { value, origin: format!("{name}:{line}") });
        }
    }
    Ok(documents)
}

/// The values of every `Secret` in a text, where it is YAML at all: what must not be shown.
#[must_use]
pub fn secrets(text: &str) -> Vec<String> {
    if !text.contains("Secret") {
        return Vec::new();
    }
    let documents = read("", text.as_bytes()).unwrap_or_default();
    documents.iter().flat_map(|document| secrets_of(&document.value)).collect()
}

/// Whether a text holds a `Secret`; one that cannot be read, and mentions the kind, may.
#[must_use]
pub fn holds_secret(text: &str) -> bool {
    if !text.contains("Secret") {
        return false;
    }
    match read("", text.as_bytes()) {
        Ok(documents) => documents.iter().any(|document| !secrets_in(&document.value).is_empty()),
        Err(_) => text.contains("kind"),
    }
}

/// The values of a `Secret`, or of those in a list, as they are and decoded.
#[must_use]
pub fn secrets_of(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets_in(object) {
        for field in ["data", "stringData"] {
            scalars(&secret[field], &mut found);
        }
    }
    found
}

/// The object if it is a `Secret`, and those among its items if it is a list.
fn secrets_in(object: &Value) -> Vec<&Value> {
    match object["kind"].as_str() {
        Some("Secret") => vec![object],
        // In such a list objects need not say what they are.
        Some("SecretList") => object["items"].as_array().into_iter().flatten().collect(),
        Some(kind) if kind.ends_with("List") => {
            object["items"].as_array().into_iter().flatten().flat_map(secrets_in).collect()
        }
        _ => Vec::new(),
    }
}

fn scalars(value: &Value, found: &mut Vec<String>) {
    use base64::Engine as _;
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::Object(map) => map.values().for_each(|value| scalars(value, found)),
        Value::String(text) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            found.extend(decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()));
            found.push(text.clone());
        }
        Value::Bool(_) | Value::Number(_) => found.push(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_secret_is_found() {
        let table: [(&str, bool, &[&str]); 7] = [
            ("kind: ConfigMap\ndata: {a: b}\n", false, &[]),
            ("kind: Secret\ndata: {a: Yg==}\n", true, &["b", "Yg=="]),
            (
                "kind: Secret\nstringData: {a: 12, b: [true, {c: x-y}]}\n",
                true,
                &["12", "true", "x-y"],
            ),
            ("kind: Secret\nstringData: bare-text\n", true, &["bare-text"]),
            ("kind: List\nitems: [{kind: Secret, data: {a: c-d}}]\n", true, &["c-d"]),
            ("kind: SecretList\nitems: [{data: {a: c-d}}]\n", true, &["c-d"]),
            ("kind: Secret\ndata: {{ .Values.x }}\n  a: b\n", true, &[]),
        ];
        for (text, holds, values) in table {
            assert_eq!(holds_secret(text), holds, "{text}");
            assert_eq!(secrets(text), values, "{text}");
        }
    }
}
