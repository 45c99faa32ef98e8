//! What a bare scalar means: to YAML 1.1 as Kubernetes reads it, and to YAML 1.2.
//!
//! kubectl, Flux, Argo CD and Helm read through a fork of go-yaml 2, whose rules are neither 1.1 nor
//! 1.2: `0644` is 420, `yes` is true, `123e4` is a number, but `1:30` and dates are strings. The table
//! `tests/data/kubectl-scalars.json`, made by kubectl itself, holds this module to it.

/// Which reader to imitate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schema {
    /// kubectl and Helm: YAML 1.1 as go-yaml 2 has it.
    Kubernetes,
    /// The core schema of YAML 1.2. What is a number in YAML 1.1, and another or none here, is taken
    /// as it is written.
    Core,
    /// The reader is unknown: a scalar that the two read differently is taken as it is written.
    Either,
}

/// What a scalar stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number; floats without a fraction are whole, as in JSON.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// The text itself.
    Text,
    /// The readers disagree (not for [`Schema::Kubernetes`]).
    Ambiguous,
}

/// Resolves a plain scalar.
#[must_use]
pub fn resolve(text: &str, schema: Schema) -> Scalar {
    resolve_plain(text, schema).0
}

/// Resolves a plain scalar, and says whether readers of YAML 1.1 and 1.2 take it for different values.
#[must_use]
pub fn resolve_plain(text: &str, schema: Schema) -> (Scalar, bool) {
    let (old, new) = (kubernetes(text), core(text));
    let disputed = old != new
        && !matches!((&old, &new), (Scalar::Float(a), Scalar::Float(b)) if a.to_bits() == b.to_bits());
    match schema {
        Schema::Kubernetes => (old, disputed),
        // What reads YAML 1.2 in Go keeps the numbers of 1.1: `0440` is 288 to Docker Compose.
        Schema::Core if disputed && matches!(old, Scalar::Int(_) | Scalar::Float(_)) => {
            (Scalar::Ambiguous, true)
        }
        Schema::Core => (new, disputed),
        Schema::Either if disputed => (Scalar::Ambiguous, true),
        Schema::Either => (old, false),
    }
}

/// Resolves a scalar with a tag of YAML's own (`int` for `!!int`); `None` where it does not fit.
#[must_use]
pub fn resolve_tagged(text: &str, tag: &str, schema: Schema) -> Option<Scalar> {
    let scalar = resolve(text, schema);
    match (tag, scalar) {
        ("null", scalar @ Scalar::Null)
        | ("bool", scalar @ Scalar::Bool(_))
        | ("int", scalar @ Scalar::Int(_))
        | ("float", scalar @ (Scalar::Int(_) | Scalar::Float(_))) => Some(scalar),
        ("null" | "bool" | "int" | "float", _) => None,
        // Tags of somebody else (`!Ref`) leave the text alone, as `!!str` does.
        _ => Some(Scalar::Text),
    }
}

fn kubernetes(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match first {
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        b'.' | b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Scalar::Text,
    }
}

fn word(text: &str) -> Scalar {
    match text {
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        _ => Scalar::Text,
    }
}

fn number(text: &str) -> Scalar {
    if let Some(special) = special_float(text) {
        return Scalar::Float(special);
    }
    // Most scalars that begin like a number are versions, times and addresses.
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)) {
        return Scalar::Text;
    }
    if text.starts_with('.') && !separates_digits(text) {
        return Scalar::Text;
    }
    let plain: String;
    let digits = if text.contains('_') {
        plain = text.replace('_', "");
        plain.as_str()
    } else {
        text
    };
    if let Some(whole) = go_integer(digits) {
        return whole;
    }
    if is_decimal(digits) { float(digits) } else { Scalar::Text }
}

/// The number that Kubernetes' reader has for a bare scalar, where it is no whole one to it.
pub(super) fn go_float(text: &str) -> Option<f64> {
    let is_number = matches!(kubernetes(text), Scalar::Int(_) | Scalar::Float(_));
    let digits = text.replace('_', "");
    if !is_number || special_float(text).is_some() || go_integer(&digits).is_some() {
        return None;
    }
    digits.parse().ok()
}

/// Whether each `_` stands between two digits. Go insists on that only where it reads floats alone.
fn separates_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let between = |at: usize| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
    (0..bytes.len()).all(|at| bytes[at] != b'_' || between(at))
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Go's `ParseInt(text, 0, 64)`, then `ParseUint`: a prefix or a leading zero chooses the base.
fn go_integer(text: &str) -> Option<Scalar> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    integer(digits, base, negative)
}

/// Whole numbers beyond 64 bits signed are floats to JSON readers in Go.
fn integer(digits: &str, base: u32, negative: bool) -> Option<Scalar> {
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    let signed = i128::from(magnitude) * if negative { -1 } else { 1 };
    match i64::try_from(signed) {
        Ok(whole) => Some(Scalar::Int(whole)),
        #[expect(clippy::cast_precision_loss, reason = "what the readers in question do")]
        Err(_) if !negative => Some(Scalar::Float(magnitude as f64)),
        Err(_) => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let counted = if whole.is_empty() { !fraction.is_empty() } else { true };
    exponent_fits && counted && all_digits(whole) && all_digits(fraction)
}

/// A float that Go can hold; too large a one stays text.
fn float(text: &str) -> Scalar {
    match text.strip_prefix('+').unwrap_or(text).parse::<f64>() {
        Ok(value) if value.is_finite() => whole_or_float(value),
        _ => Scalar::Text,
    }
}

/// A float as JSON carries it: its shortest digits, which a reader may take for a whole number.
fn whole_or_float(value: f64) -> Scalar {
    if value.fract() == 0.0
        && let Ok(whole) = format!("{value}").parse()
    {
        return Scalar::Int(whole);
    }
    Scalar::Float(value)
}

fn core(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || ".+-".contains(c)) {
        return Scalar::Text;
    }
    if let Some(special) = special_float(text) {
        return Scalar::Float(special);
    }
    let based = |prefix: &str, base: u32| integer(text.strip_prefix(prefix)?, base, false);
    if let Some(whole) = based("0o", 8).or_else(|| based("0x", 16)) {
        return whole;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && let Some(whole) = integer(digits, 10, text.starts_with('-'))
    {
        return whole;
    }
    if is_decimal(text) { float(text) } else { Scalar::Text }
}

/// A number as Go writes it into JSON: digits, and an exponent only where they would be many.
#[must_use]
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        return match text.split_once("e-") {
            Some(_) => text,
            None => text.replacen('e', "e+", 1),
        };
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_kubernetes_and_as_core() {
        use Scalar::{Ambiguous, Bool, Float, Int, Null, Text};
        let cases = [
            ("0644", Int(420), Ambiguous),
            ("0o644", Int(420), Int(420)),
            ("0899", Int(899), Int(899)),
            ("yes", Bool(true), Text),
            ("n", Bool(false), Text),
            ("1_000", Int(1000), Ambiguous),
            ("0b11", Int(3), Ambiguous),
            ("-0x1f", Int(-31), Ambiguous),
            ("123e4", Int(1_230_000), Int(1_230_000)),
            ("1:30", Text, Text),
            ("1.10", Float(1.1), Float(1.1)),
            ("5.", Int(5), Int(5)),
            ("1.0", Int(1), Int(1)),
            ("-0.0", Int(0), Int(0)),
            ("2020-01-01", Text, Text),
            ("", Null, Null),
            ("~", Null, Null),
            ("1e400", Text, Text),
            ("0x", Text, Text),
            ("+", Text, Text),
            (".", Text, Text),
            ("1.2.3", Text, Text),
            ("v1", Text, Text),
            ("9007199254740993", Int(9_007_199_254_740_993), Int(9_007_199_254_740_993)),
            (
                "12345678901234567890",
                Float(12_345_678_901_234_567_000.0),
                Float(12_345_678_901_234_567_000.0),
            ),
            ("-.inf", Float(f64::NEG_INFINITY), Float(f64::NEG_INFINITY)),
        ];
        for (text, kubernetes, core) in cases {
            assert_eq!(resolve(text, Schema::Kubernetes), kubernetes, "{text} as Kubernetes");
            assert_eq!(resolve(text, Schema::Core), core, "{text} as YAML 1.2");
        }
    }

    #[test]
    fn knows_what_readers_disagree_on() {
        for text in "0644 yes off 1_000 0b1 -0x1 y".split(' ') {
            assert!(resolve_plain(text, Schema::Either).1, "{text}");
        }
        for text in "0o644 true 1.10 12e4567 v1 1:30 null 12".split(' ') {
            assert!(!resolve_plain(text, Schema::Either).1, "{text}");
        }
    }

    #[test]
    fn tags_decide() {
        assert_eq!(resolve_tagged("12", "str", Schema::Kubernetes), Some(Scalar::Text));
        assert_eq!(resolve_tagged("3", "int", Schema::Kubernetes), Some(Scalar::Int(3)));
        assert_eq!(resolve_tagged("1.5", "int", Schema::Kubernetes), None);
        assert_eq!(resolve_tagged("12", "!Ref", Schema::Kubernetes), Some(Scalar::Text));
    }

    #[test]
    fn writes_numbers_as_go_does() {
        let cases = [
            (1.1, "1.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (0.00001, "0.00001"),
            (1.234_567_890_123_456_9e23, "1.2345678901234569e+23"),
        ];
        for (value, text) in cases {
            assert_eq!(format_float(value), text);
        }
    }
}
