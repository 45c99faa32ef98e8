//! Moments in UTC: seconds since 1970 from and to text.

const DAY: i64 = 86_400;

/// `2026-11-21T08:00:00Z`.
#[must_use]
pub fn iso(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let rest = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `2026-11-21 08:00`.
#[must_use]
pub fn minute(seconds: i64) -> String {
    iso(seconds)[..16].replace('T', " ")
}

/// How long ago, in the largest unit that says enough: `3 days`.
#[must_use]
pub fn age(seconds: i64) -> String {
    const UNITS: &[(i64, &str)] =
        &[(365 * DAY, "year"), (30 * DAY, "month"), (DAY, "day"), (3600, "hour"), (60, "minute")];
    let unit = UNITS.iter().find(|(length, _)| seconds >= *length);
    unit.map_or_else(
        || "now".to_owned(),
        |(length, name)| {
            let count = seconds / length;
            format!("{count} {name}{}", if count == 1 { "" } else { "s" })
        },
    )
}

/// Reads `2026-11-21`, `2026-11-21T08:00:00Z` (or with `+02:00`), or an age such as `12h`, `30d`, `2w`
/// before `now`.
#[must_use]
pub fn parse(text: &str, now: i64) -> Option<i64> {
    let unit = match text.chars().last()? {
        'h' => Some(3600),
        'd' => Some(DAY),
        'w' => Some(7 * DAY),
        _ => None,
    };
    if let Some(unit) = unit {
        let count: i64 = text[..text.len() - 1].parse().ok().filter(|count| *count >= 0)?;
        return now.checked_sub(count.checked_mul(unit)?);
    }
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00Z"));
    let numbers = |text: &str, separator: char| -> Option<Vec<i64>> {
        let digits =
            |part: &str| part.parse().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
        text.split(separator).map(digits).collect()
    };
    let [year, month, day] = numbers(date, '-')?[..] else { return None };
    let (clock, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], &time[at..]),
        None => (time, "Z"),
    };
    let (hour, minute, second) = match numbers(clock, ':')?[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let valid = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    let local = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    valid.then_some(local - offset_seconds(offset)?)
}

fn offset_seconds(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text[1..].split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Hinnant's algorithm).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_248_000, "2026-11-21T08:00:00Z"),
        ] {
            assert_eq!(iso(seconds), text);
            assert_eq!(parse(text, 0), Some(seconds));
        }
        assert_eq!(parse("2026-11-21", 0), Some(1_795_219_200));
        assert_eq!(parse("2026-11-21T10:00:00+02:00", 0), Some(1_795_248_000));
        assert_eq!(parse("2w", 1_209_600 + 5), Some(5));
        for text in ["", "x", "2026-13-01", "2026-11", "-1d", "d", "2026-11-21T25:00:00Z"] {
            assert_eq!(parse(text, 0), None, "{text}");
        }
    }

    #[test]
    fn says_how_long_ago() {
        for (seconds, text) in [
            (5, "now"),
            (60, "1 minute"),
            (7200, "2 hours"),
            (200_000, "2 days"),
            (9_000_000, "3 months"),
        ] {
            assert_eq!(age(seconds), text);
        }
    }
}
