//! Spans of time as people write them: `90s`, `5m`, `1h`.

use std::time::Duration;

/// Reads a span of time; a bare number is seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        unit => return Err(format!("`{unit}` is no unit of time: write 90s, 5m or 1h")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no span of time"))?;
    let millis = number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too long"))?;
    Ok(Duration::from_millis(millis))
}

/// Writes a span of time in its largest whole unit.
#[must_use]
pub fn show(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{}ms", duration.as_millis()),
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, seconds) in [("90s", 90), ("90", 90), ("5m", 300), ("1h", 3600), ("1d", 86400)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(show(parse("300s").unwrap()), "5m");
        assert_eq!(show(parse("20ms").unwrap()), "20ms");
        for text in ["", "m", "5 m", "-1s", "5x", "999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
