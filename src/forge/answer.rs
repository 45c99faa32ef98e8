//! What a forge said: its document, and its words wherever it puts them.

use serde_json::Value;

use crate::http::header::HeaderMap;
use crate::http::{Response, StatusCode, origin, plain_text};

/// What a forge said.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The document; null where there is none.
    pub body: Value,
    /// The body's first lines, made fit to show.
    pub text: String,
    /// Who said it.
    pub origin: String,
    /// Whether the body is what an API says: JSON, or nothing.
    pub is_document: bool,
}

impl Answer {
    /// What a question that was not asked gives.
    pub(super) fn nothing() -> Self {
        let headers = HeaderMap::new();
        let (text, origin) = Default::default();
        let (status, is_document) = (StatusCode::OK, true);
        Self { status, headers, body: Value::Null, text, origin, is_document }
    }

    /// Whether anybody was asked.
    pub(super) fn was_given(&self) -> bool {
        !self.origin.is_empty()
    }

    /// Reads an answer to its end.
    pub(super) fn read(response: Response) -> anyhow::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let origin = origin(response.url());
        let is_html = response.header("content-type").is_some_and(|kind| kind.contains("html"));
        let bytes = response.bytes()?;
        // Gerrit puts a line before its JSON that no script can be made of.
        let json = bytes.strip_prefix(b")]}'\n").unwrap_or(&bytes);
        let parsed = serde_json::from_slice(json);
        let is_document = parsed.is_ok() || bytes.trim_ascii().is_empty();
        let body = parsed.unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes);
        let text = if is_html { String::new() } else { plain_text(&text, 10, 2000) };
        Ok(Self { status, headers, body, text, origin, is_document })
    }

    /// 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the forge says in words, wherever it puts them.
    #[must_use]
    pub fn message(&self) -> String {
        let mut words = Vec::new();
        for field in ["message", "error", "errors", "error_description", "scope"] {
            collect(&self.body[field], &mut words);
        }
        words.dedup();
        if words.is_empty() { self.text.clone() } else { plain_text(&words.join(": "), 10, 2000) }
    }

    /// Whether the forge's words contain these, without regard to case.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.message().to_lowercase().contains(&words.to_lowercase())
    }

    pub(super) fn next(&self) -> Option<String> {
        if let Some(next) = self.body["next"].as_str() {
            return Some(next.to_owned());
        }
        let links = self.header("link")?.split(',');
        let next = links.map(str::trim).find(|link| link.contains("rel=\"next\""))?;
        Some(next.strip_prefix('<')?.split_once('>')?.0.to_owned())
    }
}

/// The texts in a message, which may be a text, a list, or a map from field to list.
fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => words.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    // What is no word of the forge's to a person, or data for programs.
                    ("documentation_url" | "url" | "resource" | "status" | "stack", _)
                    | ("detail", Value::Object(_)) => {}
                    ("message" | "field" | "code" | "exceptionName", value) => {
                        collect(value, words);
                    }
                    (key, Value::Array(_)) => {
                        let from = words.len();
                        collect(value, words);
                        words[from..].iter_mut().for_each(|word| *word = format!("{key} {word}"));
                    }
                    (_, Value::Object(_)) => collect(value, words),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}
