//! What of a tree another system could not hold, or would hold under another name.

use std::collections::HashMap;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::names::shown;
use super::tree::{Entry, Node, Tree};

/// Windows takes these for devices, whatever follows a dot.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// One line for each thing that is not portable, ordered by path.
#[must_use]
pub fn findings(tree: &Tree) -> Vec<String> {
    let mut folded: HashMap<String, &Entry> = HashMap::new();
    let mut findings = Vec::new();
    for entry in tree.entries() {
        let path = shown(&entry.path);
        let mut found = |cause: &str| findings.push(format!("{path}: {cause}"));
        if matches!(entry.node, Node::Symlink { .. }) {
            found("symbolic links need a privilege on Windows");
        }
        let Ok(text) = str::from_utf8(&entry.path) else {
            found("its name is not UTF-8");
            continue;
        };
        if let Some(cause) = text.rsplit('/').next().and_then(reserved) {
            found(cause);
        }
        if !is_nfc(text) {
            found("its name is not in Unicode's composed form, as macOS and others disagree on");
        }
        // By way of upper case, because `ſ` and `s`, or `ς` and `σ`, are one name where case does not count.
        let fold = text.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        let fold: String = fold.nfc().collect();
        if let Some(other) = folded.insert(fold, entry) {
            found(&format!("differs from `{}` in case or form only", shown(&other.path)));
        }
    }
    findings
}

/// Why Windows has no file of this name.
fn reserved(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    let port = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| {
            n.chars().count() == 1 && n.chars().all(|c| "123456789¹²³".contains(c))
        })
    };
    if DEVICES.contains(&stem.as_str()) || port("com") || port("lpt") {
        return Some("Windows takes its name for a device");
    }
    if name.ends_with(['.', ' ']) {
        return Some("Windows drops a final dot or space");
    }
    if name.contains(|c: char| c < ' ' || "<>:\"\\|?*".contains(c)) {
        return Some("Windows allows no such character in a name");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::testing::{dir, file, link, tree};

    #[test]
    fn finds_what_other_systems_cannot_hold() {
        let mut broken = file("x", "");
        broken.path = b"\xff".as_slice().into();
        let tree = tree(vec![
            file("A", ""),
            file("a", ""),
            file("aux.txt", ""),
            dir("com1"),
            file("com1/fine", ""),
            file("computer", ""),
            file("e\u{301}", ""),
            file("COM¹.txt", ""),
            file("lpt³", ""),
            file("s", ""),
            file("ſ", ""),
            file("σ", ""),
            file("ς", ""),
            file("straße", ""),
            file("STRASSE", ""),
            file("q?", ""),
            file("z.", ""),
            link("l", "x"),
            broken,
        ]);
        assert_eq!(
            findings(&tree),
            [
                "COM¹.txt: Windows takes its name for a device",
                "a: differs from `A` in case or form only",
                "aux.txt: Windows takes its name for a device",
                "com1: Windows takes its name for a device",
                "e\u{301}: its name is not in Unicode's composed form, as macOS and others disagree on",
                "l: symbolic links need a privilege on Windows",
                "lpt³: Windows takes its name for a device",
                "q?: Windows allows no such character in a name",
                "straße: differs from `STRASSE` in case or form only",
                "z.: Windows drops a final dot or space",
                "ſ: differs from `s` in case or form only",
                "σ: differs from `ς` in case or form only",
                "\\xff: its name is not UTF-8",
            ]
        );
    }
}
