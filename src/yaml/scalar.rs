//! When a string may stand without quotes, and how it is written.
//!
//! A value must read back as the same string under every schema in use: YAML 1.1 (`yes`, `0755`,
//! `1:30`, `2024-01-01`), YAML 1.2 (`0o17`, `1e3`) and go-yaml's mixture of both.

use std::fmt::Write as _;

use super::resolver::{Scalar, resolve_plain};
use super::{Schema, Style};

/// Whether a reader of YAML 1.1 or 1.2 takes the bare text for something other than a string.
#[must_use]
pub fn is_ambiguous(text: &str) -> bool {
    is_reserved(text) || is_number(text) || is_date(text) || is_base_60(text)
}

/// Whether Helm and its like print the bare text otherwise than it is written: `1.10` as `1.1`, `20240101` as
/// `2.0240101e+07`, `on` as `true`. Dates stay as they are.
#[must_use]
pub fn reads_otherwise(text: &str) -> bool {
    /// From here on Go prints a float with an exponent.
    const LARGE: f64 = 1e6;
    let same = |number: f64| number.abs() < LARGE && number.to_string() == text;
    resolve_plain(text, Schema::Kubernetes).0 != Scalar::Text && !text.parse().is_ok_and(same)
}

fn is_reserved(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "=", "<<", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan",
        ".inf", "+.inf", "-.inf",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Integers in four bases and floats; `_` separates digits in YAML 1.1 and go-yaml.
fn is_number(text: &str) -> bool {
    if text.starts_with('_') {
        return false;
    }
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let lower = digits.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['-', '+']).unwrap_or(&lower);
    let all = |text: &str, radix: u32| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    // A sign behind the prefix (`0o-1`) is a number to some readers.
    let based = |prefix: &str, radix: u32| {
        let rest = unsigned.strip_prefix(prefix);
        rest.is_some_and(|rest| all(rest.strip_prefix(['-', '+']).unwrap_or(rest), radix))
    };
    based("0x", 16) || based("0o", 8) || based("0b", 2) || is_decimal(unsigned)
}

/// `12`, `1.5`, `.5`, `5.`, each with or without an exponent. Octals of YAML 1.1 are among them.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) =
        text.split_once('e').map_or((text, None), |(m, exponent)| (m, Some(exponent)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // Some readers of YAML 1.1 take even `.` and `e5` for floats.
    exponent_fits && digits(whole) && digits(fraction) && !text.is_empty()
}

/// `2024-1-2`, alone or followed by a time.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let day = rest.find(['T', 't', ' ', '\t']).map_or(rest, |at| &rest[..at]);
    digits(year, 4..=4) && digits(month, 1..=2) && digits(day, 1..=2)
}

/// `190:20:30`: a number in base 60 to YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let counts = |part: &str| {
        let part = part.split('.').next().unwrap_or_default().as_bytes();
        match part {
            [digit] => digit.is_ascii_digit(),
            [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
            _ => false,
        }
    };
    let rest: Vec<&str> = parts.collect();
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && !rest.is_empty()
        && rest.iter().all(|part| counts(part))
}

/// Whether the text can stand without quotes, in a flow collection or outside.
fn is_plain_safe(text: &str, flow: bool) -> bool {
    let blank = [' ', '\t'];
    !is_ambiguous(text)
        && !text.starts_with(blank)
        && !text.ends_with(blank)
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.starts_with(|c| "-?:,[]{}#&*!|>'\"%@`".contains(c))
        && !text.contains(": ")
        && !text.contains(":\t")
        && !text.ends_with(':')
        && !text.contains(" #")
        && !text.contains("\t#")
        && !text.chars().any(is_special)
        // go-yaml and PyYAML refuse a `?` anywhere in a flow collection.
        && !(flow && text.contains([',', '[', ']', '{', '}', '?']))
}

/// Control characters, line breaks of Unicode and the byte order mark.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// The token that replaces a scalar of this style: the old quotes stay, new ones come only where
/// needed. Block scalars have no token of their own; their text is written as it is.
pub(super) fn render(text: &str, style: Style, flow: bool) -> String {
    match style {
        Style::Plain if is_plain_safe(text, flow) => text.to_owned(),
        Style::Single if !text.chars().any(is_special) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        Style::Plain | Style::Single | Style::Double => double_quoted(text),
        Style::Literal | Style::Folded => text.to_owned(),
    }
}

pub(super) fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Writing to a string cannot fail.
            c if is_special(c) && (c as u32) < 0x100 => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c if is_special(c) => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a block scalar can hold the text on its one line.
pub(super) fn fits_one_block_line(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with([' ', '\t'])
        && !text.ends_with([' ', '\t'])
        && !text.chars().any(is_special)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_not_a_string() {
        let ambiguous = "~ = << null Null NULL true False yes No on OFF y N .nan .inf -.INF +.inf \
            0 16 -1 +7 0755 0o17 0O17 0x1F 0X1f 0b101 -0x1f 0o-1 1_000 1.20 1.0 .5 5. -1.5 1e3 12e4567 \
            7e31209 1.5e+3 1E-2 2024-01-15 2024-1-5 2024-01-15T10:00:00Z e3 e1234567 .e196 . 190:20 1:30 1:30:59.5 -1:20 1_0:20";
        for text in ambiguous.split_whitespace() {
            assert!(is_ambiguous(text), "{text}");
        }
        assert!(is_ambiguous("") && is_ambiguous("2024-01-15 10:00:00"));
        for text in ["1.10", "01", "12e45", "1234567", "0x1F", "1_000", "+1", "on", ".5"] {
            assert!(reads_otherwise(text), "{text}");
        }
        for text in ["15", "3.9", "0", "123456", "v1", "2024-01-15", "12e4567", "nan", "latest"] {
            assert!(!reads_otherwise(text), "{text}");
        }
    }

    #[test]
    fn knows_what_is_a_string() {
        let strings = "v1.0.0 1.2.3 sha256-abc latest 1.20-rc1 0xg 0x 1e ... 2024-01 \
            24-01-15 2024-01-15x 1:60 1:234 a:1 nullx yesterday _1 --1 0b2 1.2.3.4 main-7e3 1-2-3";
        for text in strings.split_whitespace() {
            assert!(!is_ambiguous(text), "{text}");
        }
    }

    #[test]
    fn quotes_only_where_needed() {
        let cases = [
            ("v1.2.3", Style::Plain, false, "v1.2.3"),
            ("1.10", Style::Plain, false, "\"1.10\""),
            ("12e4567", Style::Plain, false, "\"12e4567\""),
            ("r.io:5000/a/b:v1", Style::Plain, false, "r.io:5000/a/b:v1"),
            ("a, b", Style::Plain, false, "a, b"),
            ("a, b", Style::Plain, true, "\"a, b\""),
            ("http://x/?q=1", Style::Plain, true, "\"http://x/?q=1\""),
            ("http://x/?q=1", Style::Plain, false, "http://x/?q=1"),
            ("a: b", Style::Plain, false, "\"a: b\""),
            ("a #b", Style::Plain, false, "\"a #b\""),
            ("a#b", Style::Plain, false, "a#b"),
            ("@sha256:0", Style::Plain, false, "\"@sha256:0\""),
            ("-x", Style::Plain, false, "\"-x\""),
            ("x:", Style::Plain, false, "\"x:\""),
            (" x", Style::Plain, false, "\" x\""),
            ("", Style::Plain, false, "\"\""),
            ("1.10", Style::Single, false, "'1.10'"),
            ("it's", Style::Single, false, "'it''s'"),
            ("a\nb", Style::Single, false, "\"a\\nb\""),
            ("a\"b\\", Style::Double, false, "\"a\\\"b\\\\\""),
            ("v2", Style::Double, true, "\"v2\""),
            ("\u{1}\u{2028}é", Style::Plain, false, "\"\\x01\\u2028é\""),
        ];
        for (text, style, flow, token) in cases {
            assert_eq!(render(text, style, flow), token, "{text:?}");
        }
    }
}
