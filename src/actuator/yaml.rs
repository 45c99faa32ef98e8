//! Declared files as JSON, read as Kubernetes reads YAML.

use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::Value;

use crate::error::{Code, Hinted};
use crate::plan::manifest::Document;

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
    let text = std::str::from_utf8(bytes).with_context(|| format!("`{name}` is not UTF-8"))?;
    let mut documents = Vec::new();
    for (number, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let value = Value::deserialize(document).map_err(|error| {
            Hinted::plain(Code::InvalidYaml, format!("cannot read `{name}`: {error}"))
        })?;
        if !value.is_null() {
            documents.push(Document { value, origin: format!("{name}#{number}") });
        }
    }
    Ok(documents)
}
