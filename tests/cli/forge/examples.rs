//! The pipelines of `examples/ci` and the commands of `docs/open-pr.md` are ones that the program takes.

use std::fs;
use std::path::{Path, PathBuf};

use gitops::cli;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every `gitops …` of a text: a line, with those that a backslash or YAML's folding adds to it.
fn commands(text: &str, is_folded: bool) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("gitops ") {
            continue;
        }
        let mut command = line.trim().to_owned();
        for next in &lines[at + 1..] {
            let goes_on = command.ends_with('\\')
                || (is_folded && !next.trim().is_empty() && indent(next) == indent(line));
            if !goes_on {
                break;
            }
            command = format!("{} {}", command.trim_end_matches('\\').trim_end(), next.trim());
        }
        found.push(command);
    }
    found
}

/// The words as a shell has them, but for what it would put in: variables stand for themselves.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (None, '#') if word.is_none() => break,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == c => quote = None,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[track_caller]
fn is_taken(command: &str, file: &str) {
    let words = words(command);
    let parsed = cli::command().try_get_matches_from(&words);
    assert!(parsed.is_ok(), "{file}: {command}\n{}", parsed.unwrap_err());
}

#[test]
fn pipelines_call_what_there_is() {
    for file in fs::read_dir(root().join("examples/ci")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_folded = Path::new(&name).extension().is_some_and(|e| e == "yml");
        let commands = commands(&fs::read_to_string(&path).unwrap(), is_folded);
        assert_eq!(commands.len(), 1, "{name}");
        assert!(commands[0].contains("bump-tag") && commands[0].contains("--pr"), "{commands:?}");
        is_taken(&commands[0], &name);
    }
}

#[test]
fn the_page_shows_what_there_is() {
    let text = fs::read_to_string(root().join("docs/open-pr.md")).unwrap();
    let commands = commands(&text, false);
    assert!(commands.len() >= 10, "{commands:?}");
    for command in &commands {
        is_taken(command, "docs/open-pr.md");
    }
}

#[test]
fn words_are_a_shells() {
    let command = "gitops --repo \"$A/b c.git\" 'd e'f # no";
    assert_eq!(words(command), ["gitops", "--repo", "$A/b c.git", "d ef"]);
}
