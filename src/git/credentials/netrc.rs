//! `.netrc`: logins by host, as curl and so Git read them.

use std::path::Path;

use crate::http::Secret;

/// The login for a host: its own entry, else the default one. A file that cannot be read has none.
pub(super) fn find(path: &Path, host: &str) -> Option<(String, Secret)> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut fallback = None;
    for entry in entries(&text) {
        let Some(password) = entry.password else { continue };
        let login = (entry.login.unwrap_or_default().to_owned(), password);
        match entry.machine {
            Some(machine) if machine.eq_ignore_ascii_case(host) => {
                return Some((login.0, Secret::new(login.1)));
            }
            None => fallback = fallback.or(Some(login)),
            Some(_) => {}
        }
    }
    fallback.map(|(user, password)| (user, Secret::new(password)))
}

#[derive(Default)]
struct Entry<'a> {
    machine: Option<&'a str>,
    login: Option<&'a str>,
    password: Option<&'a str>,
}

fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        // A macro ends at an empty line.
        in_macro = in_macro && !line.trim().is_empty();
        let mut words = line.split_whitespace();
        while let Some(word) = words.next().filter(|word| !in_macro && !word.starts_with('#')) {
            match word {
                "default" => entries.push(Entry::default()),
                "machine" => {
                    entries.push(Entry { machine: words.next(), ..Entry::default() });
                }
                "macdef" => in_macro = true,
                key => {
                    let value = words.next();
                    let Some(entry) = entries.last_mut() else { continue };
                    match key {
                        "login" => entry.login = value,
                        "password" => entry.password = value,
                        _ => {}
                    }
                }
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_host_then_the_default() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "# mine\nmacdef init\nmachine h login macro password macro\n\nmachine h login me\n  \
                    password canary-one machine other login you password canary-two\n\
                    default login any password canary-any\n";
        std::io::Write::write_all(&mut file.as_file(), text.as_bytes()).unwrap();
        let found = |host| find(file.path(), host).map(|(user, p)| (user, p.expose().to_owned()));
        assert_eq!(found("H"), Some(("me".into(), "canary-one".into())));
        assert_eq!(found("other"), Some(("you".into(), "canary-two".into())));
        assert_eq!(found("x"), Some(("any".into(), "canary-any".into())));
        assert_eq!(find(Path::new("/nonexistent"), "h"), None);
    }
}
