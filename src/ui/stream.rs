//! A result that is too large to be held in memory: it goes to stdout as it is made.

use std::io::{self, BufWriter, Stdout, Write as _};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{SCHEMA, Ui, on_stdout};

/// Base64 takes three bytes at a time; so many are taken together.
const TOGETHER: usize = 3 << 13;

/// Standard output. The first error is kept, and ends the printing.
#[derive(Debug)]
pub struct Stream {
    out: BufWriter<Stdout>,
    error: Option<io::Error>,
    rest: Vec<u8>,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { out: BufWriter::new(io::stdout()), error: None, rest: Vec::new() }
    }

    /// Bytes, exactly as they are.
    pub fn bytes(&mut self, piece: &[u8]) {
        if self.error.is_none() {
            self.error = self.out.write_all(piece).err();
        }
    }

    /// The JSON envelope up to the text of its last field, which comes in pieces.
    pub fn open(&mut self, command: &str, fields: Value, name: &str) {
        let mut envelope = json!({ "schema": SCHEMA, "command": command });
        if let (Value::Object(into), Value::Object(fields)) = (&mut envelope, fields) {
            into.extend(fields);
        }
        let envelope = envelope.to_string();
        let head = envelope.strip_suffix('}').unwrap_or(&envelope);
        self.bytes(format!("{head},\"{name}\":\"").as_bytes());
    }

    /// A piece of that text, which is UTF-8.
    pub fn text(&mut self, piece: &[u8]) {
        let quoted = json!(String::from_utf8_lossy(piece)).to_string();
        let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        self.bytes(inner.unwrap_or_default().as_bytes());
    }

    /// A piece of that text, as base64.
    pub fn base64(&mut self, piece: &[u8]) {
        self.rest.extend(piece);
        if self.rest.len() >= TOGETHER {
            let tail = self.rest.split_off(self.rest.len() / 3 * 3);
            let whole = std::mem::replace(&mut self.rest, tail);
            self.bytes(BASE64.encode(&whole).as_bytes());
        }
    }

    /// The end of the envelope, with the warnings so far.
    pub fn close(&mut self, ui: &Ui) {
        let rest = std::mem::take(&mut self.rest);
        self.bytes(BASE64.encode(&rest).as_bytes());
        let warnings = json!(*ui.warnings.borrow());
        self.bytes(format!("\",\"warnings\":{warnings}}}\n").as_bytes());
    }

    /// Insists that all of it is printed.
    pub fn finish(mut self) -> io::Result<()> {
        let error = self.error.take().or_else(|| self.out.flush().err());
        error.map_or(Ok(()), |error| Err(on_stdout(&error)))
    }
}
