//! An answer: status, headers, and a body that is read whole up to a limit, or streamed.

use std::fmt;
use std::io::{self, Read};

use reqwest::StatusCode;
use reqwest::blocking;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use url::Url;

use super::{mask, origin};
use crate::error::{Code, Hinted};

/// More than any API answers, and little enough for any machine.
const LIMIT: u64 = 8 << 20;
/// What an error message quotes of a body.
const QUOTED: usize = 2000;
const QUOTED_LINES: usize = 10;

/// A server's answer.
pub struct Response {
    url: Url,
    inner: blocking::Response,
}

impl Response {
    pub(super) fn new(url: Url, inner: blocking::Response) -> Self {
        Self { url, inner }
    }

    /// What was asked last, after any redirect.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// A header's text; none where it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The body, read to its end so that the connection can serve the next request.
    pub fn bytes(self) -> anyhow::Result<Vec<u8>> {
        let origin = origin(&self.url);
        let mut bytes = Vec::new();
        self.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| {
            let cause = mask(&error.to_string());
            Hinted::plain(Code::Error, format!("cannot read the answer of `{origin}`: {cause}"))
        })?;
        if bytes.len() as u64 > LIMIT {
            let message = format!("cannot read the answer of `{origin}`: it is over {LIMIT} bytes");
            return Err(Hinted::plain(Code::Error, message).into());
        }
        Ok(bytes)
    }

    /// The body as a document.
    pub fn json<T: DeserializeOwned>(self) -> anyhow::Result<T> {
        let origin = origin(&self.url);
        serde_json::from_slice(&self.bytes()?).map_err(|error| {
            let message = format!("cannot read the answer of `{origin}`: {error}");
            Hinted::plain(Code::Error, message).into()
        })
    }

    /// The answer itself when it is 2xx, and otherwise an error that quotes it.
    pub fn success(self) -> anyhow::Result<Self> {
        if self.status().is_success() { Ok(self) } else { Err(self.into_error()) }
    }

    /// Status and first lines of the body as an error.
    #[must_use]
    pub fn into_error(self) -> anyhow::Error {
        let (origin, status) = (origin(&self.url), self.status());
        let body = self.error_text();
        let quoted = if body.is_empty() { String::new() } else { format!(": {body}") };
        Hinted::plain(Code::Error, format!("`{origin}` answered {status}{quoted}")).into()
    }

    /// The first lines of the body, fit for a terminal: masked, and without control characters and markup.
    #[must_use]
    pub fn error_text(self) -> String {
        let is_html = self.header("content-type").is_some_and(|kind| kind.contains("html"));
        let status = self.status();
        let mut bytes = Vec::new();
        // What cannot be read cannot be quoted; the status says enough.
        let _ = self.take(LIMIT).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        if !is_html {
            return plain_text(&text, QUOTED_LINES, QUOTED);
        }
        // Of a page its title, unless that only repeats the status.
        let title = plain_text(&without_markup(&text), 1, QUOTED);
        if title.trim_start().starts_with(status.as_str()) { String::new() } else { title }
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.status(), origin(&self.url))
    }
}

/// A foreign text made safe to show: secrets masked, control characters dropped, blank lines and excess cut.
#[must_use]
pub fn plain_text(text: &str, lines: usize, chars: usize) -> String {
    // Masked before it is cut: half a token would not be recognised.
    let masked = mask(text);
    let kept: Vec<String> = masked
        .lines()
        .map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>())
        .map(|line| line.trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .take(lines)
        .collect();
    let text = kept.join("\n");
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// An error page's words.
fn without_markup(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}
