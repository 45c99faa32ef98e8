//! The first words of a server: what it can do, and in version 0 also all of its references.

use std::collections::HashMap;
use std::io::Read;

use super::packet::Packets;

/// What a server can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities(Vec<String>);

impl Capabilities {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().collect())
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|word| word == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether version 2's `fetch` has a feature.
    pub(crate) fn fetch_has(&self, feature: &str) -> bool {
        self.value("fetch").is_some_and(|list| list.split(' ').any(|word| word == feature))
    }

    /// Whether it can be what a server said that we know how to talk to.
    pub(crate) fn is_usable(&self) -> bool {
        let fetches = self.has("fetch") || self.value("fetch").is_some();
        fetches && self.object_format() == "sha1"
    }

    /// The digest the objects are named by.
    pub(crate) fn object_format(&self) -> &str {
        self.value("object-format").unwrap_or("sha1")
    }
}

/// The references of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refs {
    pub(crate) ids: HashMap<String, String>,
    /// The branch that `HEAD` names.
    pub(crate) head: Option<String>,
}

impl Refs {
    /// The names of all branches, in order.
    pub(crate) fn branches(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.ids.keys().filter_map(|name| name.strip_prefix("refs/heads/")).collect();
        names.sort_unstable();
        names
    }
}

/// What a server says first.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// Version 2: nothing about references.
    Two(Capabilities),
    /// Version 0 or 1.
    Zero(Capabilities, Refs),
}

/// Reads it.
pub(crate) fn greeting(stream: impl Read) -> anyhow::Result<Greeting> {
    let mut packets = Packets::new(stream);
    let mut first = packets.text()?;
    // Over HTTP most servers name the service first, as a list of its own.
    if first.as_deref().is_some_and(|line| line.starts_with("# service=")) {
        packets.text()?;
        first = packets.text()?;
    }
    match first.as_deref() {
        Some("version 2") => {
            let mut words = Vec::new();
            while let Some(word) = packets.text()? {
                words.push(word);
            }
            return Ok(Greeting::Two(Capabilities(words)));
        }
        Some("version 1") => first = packets.text()?,
        _ => {}
    }
    let mut capabilities = Capabilities::default();
    let mut refs = Refs::default();
    let mut next = first;
    while let Some(line) = next {
        let line = match line.split_once('\0') {
            Some((line, words)) => {
                capabilities = Capabilities(words.split_whitespace().map(str::to_owned).collect());
                line
            }
            None => &line,
        };
        if let Some((id, name)) = line.split_once(' ')
            && id != "shallow"
            && name != "capabilities^{}"
            && name != ".have"
        {
            refs.ids.insert(name.to_owned(), id.to_owned());
        }
        next = packets.text()?;
    }
    let symbolic = capabilities.words().iter().find_map(|word| word.strip_prefix("symref=HEAD:"));
    refs.head = symbolic.and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned);
    Ok(Greeting::Zero(capabilities, refs))
}

#[cfg(test)]
mod tests {
    use super::super::packet::{flush, line};
    use super::*;

    fn packets(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in lines {
            line(&mut bytes, text);
        }
        flush(&mut bytes);
        bytes
    }

    #[test]
    fn reads_version_two() {
        let bytes = packets(&["version 2\n", "agent=x\n", "fetch=shallow filter\n"]);
        let announced = [packets(&["# service=git-upload-pack\n"]), bytes].concat();
        let Greeting::Two(capabilities) = greeting(announced.as_slice()).unwrap() else { panic!() };
        assert!(capabilities.fetch_has("filter"));
        assert!(!capabilities.fetch_has("wait"));
        assert_eq!(capabilities.object_format(), "sha1");
    }

    #[test]
    fn reads_versions_zero_and_one() {
        let head = "1111 HEAD\0side-band-64k symref=HEAD:refs/heads/main object-format=sha256\n";
        let refs = ["1111 refs/heads/main\n", "2222 refs/tags/v1\n", "3333 refs/tags/v1^{}\n"];
        let zero = packets(&[&[head], &refs[..]].concat());
        let one = packets(&[&["version 1\n", head], &refs[..]].concat());
        for bytes in [zero, one] {
            let Greeting::Zero(capabilities, refs) = greeting(bytes.as_slice()).unwrap() else {
                panic!()
            };
            assert_eq!(refs.head.as_deref(), Some("main"));
            assert_eq!(refs.branches(), ["main"]);
            assert_eq!(refs.ids["refs/tags/v1"], "2222");
            assert_eq!(capabilities.object_format(), "sha256");
        }
    }

    #[test]
    fn an_empty_repository_has_no_references() {
        let zeros = "0".repeat(40);
        let bytes = packets(&[&format!("{zeros} capabilities^{{}}\0report-status\n")]);
        let Greeting::Zero(capabilities, refs) = greeting(bytes.as_slice()).unwrap() else {
            panic!()
        };
        assert!(refs.ids.is_empty() && capabilities.has("report-status"));
    }
}
