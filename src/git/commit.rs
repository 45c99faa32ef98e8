//! The text of a commit: who, when, on top of what, and why.

use std::fmt;

/// An author or committer at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes east of Greenwich.
    pub offset: i32,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (self.offset.abs() / 60, self.offset.abs() % 60);
        let (name, email) = (plain(&self.name), plain(&self.email));
        write!(f, "{name} <{email}> {} {sign}{hours:02}{minutes:02}", self.seconds)
    }
}

/// What Git takes out of names: its own separators and what stands at the edges by mistake.
fn plain(text: &str) -> String {
    let inner: String = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
    inner.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'\\".contains(c)).to_owned()
}

/// The bytes to be signed and stored.
pub(super) fn text(
    tree: &str,
    parent: Option<&str>,
    author: &Person,
    committer: &Person,
    message: &str,
) -> String {
    let parent = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
    let message = message.trim_matches('\n').trim_end();
    format!("tree {tree}\n{parent}author {author}\ncommitter {committer}\n\n{message}\n")
}

/// The same with a signature as its last header.
pub(super) fn signed(text: &str, header: &str, signature: &str) -> String {
    let (head, message) = text.split_once("\n\n").unwrap_or((text, ""));
    let signature = signature.trim_end().replace('\n', "\n ");
    format!("{head}\n{header} {signature}\n\n{message}")
}

/// A moment in ISO 8601, as `git log --date=iso-strict` has it.
#[must_use]
pub fn iso_date(seconds: i64, offset: i32) -> String {
    let local = seconds + i64::from(offset) * 60;
    let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    // By years that begin in March, in eras of 400 of them.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = years + era * 400 + i64::from(month <= 2);
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{sign}{hours:02}:{minutes:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates() {
        assert_eq!(iso_date(0, 0), "1970-01-01T00:00:00+00:00");
        assert_eq!(iso_date(1_709_164_800, 0), "2024-02-29T00:00:00+00:00");
        assert_eq!(iso_date(1_700_000_000, -330), "2023-11-14T16:43:20-05:30");
        assert_eq!(iso_date(1_735_689_599, 60), "2025-01-01T00:59:59+01:00");
    }

    #[test]
    fn writes_what_git_writes() {
        let ada = Person {
            name: "Ada <Lovelace>.\n".to_owned(),
            email: "ada@example.com".to_owned(),
            seconds: 1_700_000_000,
            offset: -330,
        };
        let text = text("t", Some("p"), &ada, &ada, "\nfeat: x\n\nbody\n\n");
        let who = "Ada Lovelace <ada@example.com> 1700000000 -0530";
        assert_eq!(
            text,
            format!("tree t\nparent p\nauthor {who}\ncommitter {who}\n\nfeat: x\n\nbody\n")
        );
        let signed = signed(&text, "gpgsig", "-----BEGIN\nabc\n-----END\n");
        assert!(signed.ends_with("\ngpgsig -----BEGIN\n abc\n -----END\n\nfeat: x\n\nbody\n"));
    }
}
