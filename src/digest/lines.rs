//! Texts of lines whose SHA-256 is a digest: `sha256sum`'s lines, and GNU sort's dictionary order.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::Sink;
use super::content::Hash;
use super::names;

/// Appends the line of `sha256sum NAME`.
pub(super) fn push_gnu(line: &mut Vec<u8>, hash: &Hash, name: &[u8]) {
    if names::is_special(name) {
        line.push(b'\\');
    }
    let mut digits = [0; 64];
    HEXLOWER.encode_mut(&hash.0, &mut digits);
    line.extend(digits);
    line.extend(b"  ");
    names::push_escaped(line, name);
    line.push(b'\n');
}

/// The SHA-256 of what `write` writes.
pub(super) fn sha256(
    write: impl FnOnce(Sink<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    write(&mut |piece| hasher.update(piece))?;
    Ok(hasher.finalize().into())
}

/// The same in lowercase hexadecimal.
pub(super) fn sha256_hex(
    write: impl FnOnce(Sink<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    Ok(HEXLOWER.encode(&sha256(write)?))
}

/// Lines to sort. They share one buffer: there may be a million.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    /// Appends a line, with its line feed.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.text.extend(line);
        self.ends.push(self.text.len());
    }

    /// Writes the lines as `LC_ALL=C sort -d` does: letters, digits and blanks decide, and where
    /// these are equal, all bytes.
    pub(super) fn write_sorted(&self, sink: Sink<'_>) {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut lines: Vec<&[u8]> =
            starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end]).collect();
        lines.sort_unstable_by(|a, b| {
            // The line feed is no part of what is compared: a line sorts before one it begins.
            let (a, b) = (without_end(a), without_end(b));
            dictionary(a).cmp(dictionary(b)).then_with(|| a.cmp(b))
        });
        lines.into_iter().for_each(sink);
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

fn dictionary(line: &[u8]) -> impl Iterator<Item = u8> {
    line.iter().copied().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_as_gnu_sort_does() {
        let mut lines = Lines::default();
        for line in ["b-1\n", "b1\n", "-a\n", "a b\n", "ab\n", "\\a\n", "B\n", "ab\u{1}\n"] {
            lines.push(line.as_bytes());
        }
        let mut text = Vec::new();
        lines.write_sorted(&mut |line| text.extend(line));
        // printf '%s\n' 'b-1' 'b1' '-a' 'a b' 'ab' '\a' 'B' | LC_ALL=C sort -d
        assert_eq!(String::from_utf8(text).unwrap(), "B\n-a\n\\a\na b\nab\nab\u{1}\nb-1\nb1\n");
    }
}
