//! Quantities of Kubernetes: `12000m` is `12`, `1024Mi` is `1Gi`.

use crate::yaml::Value;
use crate::yaml::value::Data;

/// Digits behind the point that are kept: nano, the smallest suffix.
const SCALE: u32 = 9;

/// Whether two values are the same quantity, spelled differently.
#[must_use]
pub fn is_same(a: &Value, b: &Value) -> bool {
    match (of(a), of(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// A value in billionths, where it is a quantity.
#[must_use]
pub fn of(value: &Value) -> Option<i128> {
    match &value.data {
        Data::Int(number) => i128::from(*number).checked_mul(10_i128.pow(SCALE)),
        Data::Float(_) => parse(&value.scalar_text()?),
        Data::Text(text) => parse(text),
        _ => None,
    }
}

fn parse(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (multiplier, exponent) = multiplier(suffix)?;
    let exponent = exponent + i32::try_from(SCALE).ok()? - i32::try_from(fraction.len()).ok()?;
    let scaled = mantissa.checked_mul(multiplier)?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let value = if exponent >= 0 {
        scaled.checked_mul(power)?
    } else if scaled % power == 0 {
        scaled / power
    } else {
        return None;
    };
    Some(if negative { -value } else { value })
}

/// A suffix as a factor and a power of ten.
fn multiplier(suffix: &str) -> Option<(i128, i32)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|known| *known == suffix);
    if let Some(at) = binary {
        return Some((1024_i128.pow(u32::try_from(at).ok()? + 1), 0));
    }
    let decimal = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    if let Some((_, power)) = decimal.iter().find(|(known, _)| *known == suffix) {
        return Some((1, *power));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    (-18..=18).contains(&exponent).then_some((1, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_value() {
        let cases = [
            ("12000m", "12", true),
            ("1024Mi", "1Gi", true),
            ("0.5", "500m", true),
            ("1e3", "1k", true),
            ("1.5Gi", "1536Mi", true),
            ("128974848", "123Mi", true),
            ("1G", "1Gi", false),
            ("100m", "0.2", false),
            ("x", "x", false),
            ("1.2.3", "1", false),
            ("", "", false),
            ("99999999999999999999999999999999999999999E", "1", false),
        ];
        for (a, b, same) in cases {
            assert_eq!(is_same(&Value::text(a, 1), &Value::text(b, 1)), same, "{a} {b}");
        }
    }
}
