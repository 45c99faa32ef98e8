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

/// The values of a `Secret`, as they are and decoded.
#[must_use]
pub fn secrets_of(object: &Value) -> Vec<String> {
    use base64::Engine as _;
    let mut found = Vec::new();
    if object["kind"] != "Secret" {
        return found;
    }
    for field in ["data", "stringData"] {
        let values = object[field].as_object().into_iter().flatten();
        for text in values.filter_map(|(_, value)| value.as_str()) {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            found.extend(decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()));
            found.push(text.to_owned());
        }
    }
    found
}
