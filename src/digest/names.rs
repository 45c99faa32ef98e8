//! Names as GNU's tools write them in a line of text, and as people can read them.

use std::fmt::Write as _;

/// Whether `sha256sum` would escape this name.
#[must_use]
pub(super) fn is_special(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'))
}

/// Appends a name with `\\`, `\n` and `\r` for the bytes that would break a line.
pub(super) fn push_escaped(line: &mut Vec<u8>, name: &[u8]) {
    for &byte in name {
        match byte {
            b'\\' => line.extend(b"\\\\"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            byte => line.push(byte),
        }
    }
}

/// A name with `\\`, `\n` and `\r` for the bytes that would break a line.
#[must_use]
pub fn escaped(name: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(name.len());
    push_escaped(&mut line, name);
    line
}

/// The inverse of [`escaped`]; nothing where an escape is none of the three.
#[must_use]
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        name.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(name)
}

/// A name on one line of a message: control characters and bytes that are no text are escaped.
#[must_use]
pub fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The same for programs, which must not take two names for one: a backslash is doubled.
#[must_use]
pub fn exact(name: &[u8]) -> String {
    let pieces: Vec<String> = name.split(|&byte| byte == b'\\').map(shown).collect();
    pieces.join("\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        for (name, text) in [
            (&b"plain"[..], &b"plain"[..]),
            (b"a\nb", b"a\\nb"),
            (b"\\n\r", b"\\\\n\\r"),
            (b"", b""),
        ] {
            assert_eq!(escaped(name), text);
            assert_eq!(unescaped(text).as_deref(), Some(name));
        }
        assert_eq!(unescaped(b"a\\tb"), None);
        assert_eq!(unescaped(b"a\\"), None);
    }

    #[test]
    fn shows_every_name_on_one_line() {
        assert_eq!(shown("é\u{1b}[31m\n".as_bytes()), "é\\u{1b}[31m\\n");
        assert_eq!(shown(b"a\xffb"), "a\\xffb");
        assert_eq!(exact(b"a\xffb\\xff\\"), "a\\xffb\\\\xff\\\\");
    }
}
