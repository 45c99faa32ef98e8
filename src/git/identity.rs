//! Who commits: from flags, else Git's variables, else Git's configuration, else an error that says how.

use super::commit::Person;
use super::config::Config;
use crate::error::{Code, Hinted};

/// What flags and variables say.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// `--author 'Name <address>'`.
    pub author: Option<String>,
    /// `--committer 'Name <address>'`.
    pub committer: Option<String>,
    /// `GIT_AUTHOR_NAME`, `_EMAIL` and `_DATE`.
    pub author_variables: [Option<String>; 3],
    /// `GIT_COMMITTER_NAME`, `_EMAIL` and `_DATE`.
    pub committer_variables: [Option<String>; 3],
    /// `EMAIL`: the last resort of Git's.
    pub email: Option<String>,
}

impl Identity {
    /// Author and committer. An author who is named by a flag also commits where nobody else is known.
    pub fn resolve(&self, config: &Config) -> anyhow::Result<(Person, Person)> {
        let author = self.person("author", self.author.as_deref(), &self.author_variables, config);
        let variables = &self.committer_variables;
        let committer = self.person("committer", self.committer.as_deref(), variables, config);
        match (author, committer) {
            (Ok(author), Ok(committer)) => Ok((author, committer)),
            (Ok(author), Err(error)) if self.author.is_none() => {
                drop(author);
                Err(error)
            }
            (Ok(author), Err(_)) => {
                let committer = Person { seconds: now().0, offset: now().1, ..author.clone() };
                Ok((author, committer))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn person(
        &self,
        role: &str,
        flag: Option<&str>,
        [name, email, date]: &[Option<String>; 3],
        config: &Config,
    ) -> anyhow::Result<Person> {
        let (seconds, offset) = match date {
            Some(text) => parse_date(text).ok_or_else(|| {
                let message =
                    format!("cannot use the date `{text}` of GIT_{}_DATE", role.to_uppercase());
                Hinted::new(Code::Usage, message, "write it like 2024-05-01T12:00:00+02:00")
            })?,
            None => now(),
        };
        if let Some(text) = flag {
            let (name, email) = split(text).ok_or_else(|| {
                let message = format!("cannot use the {role} `{text}`");
                Hinted::new(Code::Usage, message, "write it like 'Ada Lovelace <ada@example.com>'")
            })?;
            return Ok(Person { name, email, seconds, offset });
        }
        let configured = |key: &str| {
            let own = config.get(&format!("{role}.{key}"));
            own.or_else(|| config.get(&format!("user.{key}"))).map(str::to_owned)
        };
        let name = name.clone().or_else(|| configured("name"));
        let email = email.clone().or_else(|| configured("email")).or_else(|| self.email.clone());
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        match (filled(name), filled(email)) {
            (Some(name), Some(email)) => Ok(Person { name, email, seconds, offset }),
            (name, _) => {
                let what = if name.is_none() { "name" } else { "address" };
                let message = format!("cannot commit: the {role} has no {what}");
                let hint = "use --author 'Name <address>', or set GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, \
                            GIT_COMMITTER_NAME and GIT_COMMITTER_EMAIL, or user.name and user.email in \
                            Git's configuration";
                Err(Hinted::new(Code::Usage, message, hint).into())
            }
        }
    }
}

fn split(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.split_once('<')?;
    let email = rest.trim_end().strip_suffix('>')?;
    let is_plain = |text: &str| !text.trim().is_empty() && !text.contains(['<', '>', '\n']);
    (is_plain(name) && is_plain(email)).then(|| (name.trim().to_owned(), email.trim().to_owned()))
}

fn now() -> (i64, i32) {
    // libgit2 knows the local offset; the name only has to be there.
    git2::Signature::now("x", "x").map_or((0, 0), |signature| {
        let when = signature.when();
        (when.seconds(), when.offset_minutes())
    })
}

/// `@seconds +hhmm` as Git stores dates, ISO 8601 as it shows them, or RFC 2822 as mail has them. Without a
/// zone it is local time, as far from Greenwich as now.
fn parse_date(text: &str) -> Option<(i64, i32)> {
    let text = text.trim();
    let (head, zone) = match text.rsplit_once(' ') {
        Some((head, zone)) if zone.starts_with(['+', '-']) || zone == "GMT" => (head, Some(zone)),
        _ => (text, None),
    };
    if let Ok(seconds) = head.trim_start_matches('@').parse() {
        return Some((seconds, zone.map_or(Some(0), parse_zone)?));
    }
    let mail = mail_date(head);
    let (date, rest) = match &mail {
        Some((date, time)) => (date.as_str(), *time),
        None => head.split_once(['T', ' '])?,
    };
    let at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, inner) = rest.split_at(at);
    let zone = if inner.is_empty() { zone } else { Some(inner) };
    let number = |text: &str| text.parse::<i64>().ok();
    let [year, month, day] = date.split('-').map(number).collect::<Option<Vec<_>>>()?[..] else {
        return None;
    };
    let time = time.trim().split(':').map(number).collect::<Option<Vec<_>>>()?;
    let [hour, minute, second] = match time[..] {
        [hour, minute] => [hour, minute, 0],
        [hour, minute, second] => [hour, minute, second],
        _ => return None,
    };
    let ok = (1..=12).contains(&month) && (1..=31).contains(&day) && (1970..3000).contains(&year);
    let ok =
        ok && (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let offset = zone.map_or(Some(now().1), parse_zone)?;
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - i64::from(offset) * 60;
    ok.then_some((seconds, offset))
}

/// `Thu, 07 Apr 2005 22:13:13`, with or without the day of the week, as an ISO date and the time.
fn mail_date(text: &str) -> Option<(String, &str)> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.split_once(',').map_or(text, |(_, rest)| rest).trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    let [day, month, year, time] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| month.to_ascii_lowercase().starts_with(name))? + 1;
    Some((format!("{year}-{month}-{day}"), time))
}

fn parse_zone(text: &str) -> Option<i32> {
    if matches!(text, "Z" | "GMT") {
        return Some(0);
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number: i32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let minutes = number / 100 * 60 + number % 100;
    Some(if text.starts_with('-') { -minutes } else { minutes })
}

/// By the civil calendar, with years that begin in March so that the leap day is their last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Sources;

    fn config(pairs: &[(&str, &str)]) -> Config {
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let global = Some("/nonexistent".into());
        Config::read(&Sources { global, no_system: true, pairs, ..Sources::default() }, None)
            .unwrap()
    }

    fn some(texts: [&str; 3]) -> [Option<String>; 3] {
        texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    #[test]
    fn flags_come_before_variables_before_configuration() {
        let config = config(&[("user.name", "C"), ("user.email", "c@x"), ("author.name", "CA")]);
        let mut identity = Identity::default();
        let names = |identity: &Identity| {
            let (author, committer) = identity.resolve(&config).unwrap();
            (author.name, committer.name)
        };
        assert_eq!(names(&identity), ("CA".to_owned(), "C".to_owned()));
        identity.author_variables = some(["V", "", "@1700000000 +0130"]);
        assert_eq!(names(&identity), ("V".to_owned(), "C".to_owned()));
        let (author, _) = identity.resolve(&config).unwrap();
        assert_eq!((author.seconds, author.offset, &*author.email), (1_700_000_000, 90, "c@x"));
        identity.author = Some("F <f@x>".to_owned());
        assert_eq!(names(&identity), ("F".to_owned(), "C".to_owned()));
    }

    #[test]
    fn an_author_by_flag_is_enough_and_nobody_is_an_error() {
        let nobody = config(&[]);
        let error = Identity::default().resolve(&nobody).unwrap_err().to_string();
        assert_eq!(error, "cannot commit: the author has no name");
        let identity = Identity { author: Some("F <f@x>".to_owned()), ..Identity::default() };
        assert_eq!(identity.resolve(&nobody).unwrap().1.name, "F");
        for text in ["F", "F <>", "<f@x>", "F <f@x> x"] {
            let identity = Identity { author: Some(text.to_owned()), ..Identity::default() };
            assert!(identity.resolve(&nobody).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_dates_as_git_writes_them() {
        let table = [
            ("1700000000 -0800", Some((1_700_000_000, -480))),
            ("@0", Some((0, 0))),
            ("2023-11-14T22:13:20Z", Some((1_700_000_000, 0))),
            ("2023-11-14 22:13:20 +0000", Some((1_700_000_000, 0))),
            ("2023-11-15T00:13:20+02:00", Some((1_700_000_000, 120))),
            ("2024-02-29T00:00:00Z", Some((1_709_164_800, 0))),
            ("Tue, 14 Nov 2023 22:13:20 +0000", Some((1_700_000_000, 0))),
            ("Wed, 15 Nov 2023 00:13:20 +0200", Some((1_700_000_000, 120))),
            ("14 November 2023 22:13:20 GMT", Some((1_700_000_000, 0))),
            ("Tue, 14 Nov 22:13:20 +0000", None),
            ("14 Foo 2023 22:13:20 +0000", None),
            ("2024-13-01T00:00:00Z", None),
            ("yesterday", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_date(text), expected, "{text}");
        }
        let local = i64::from(now().1);
        let seconds = |text| parse_date(text).map(|(seconds, _)| seconds);
        assert_eq!(seconds("2023-11-14 22:13:20"), Some(1_700_000_000 - local * 60));
    }
}
