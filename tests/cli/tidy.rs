//! Rules about the source, as tests: layers, leftovers, sizes, and that documents name real files.

use std::fs;
use std::path::{Path, PathBuf};

const DOMAIN: &[&str] = &[
    "bump",
    "change",
    "plan",
    "event",
    "snapshot",
    "image",
    "manifest",
    "moment",
    "environment",
    "policy",
    "yaml",
    "target",
    "deployed",
    "diff",
    "validate",
    "digest",
];
const ADAPTERS: &[&str] = &[
    "files", "pipe", "tree", "worktree", "git", "http", "forge", "notifier", "registry",
    "actuator", "ci",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") || path.ends_with("src/target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The first module name below `src/` of a file.
fn module_of(file: &Path) -> String {
    let relative = file.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// What a module may import, as DESIGN's table of layers has it.
fn may_import(from: &str, to: &str) -> bool {
    let is = |list: &[&str], name: &str| list.contains(&name);
    match from {
        "main" => to == "cli",
        "lib" => true,
        "cli" => matches!(to, "commands" | "error" | "ui"),
        "commands" => !matches!(to, "main"),
        "ui" => matches!(to, "error"),
        "error" => false,
        _ if is(DOMAIN, from) => is(DOMAIN, to) || to == "error",
        // Adapters translate between the domain and the world; http carries them, files write.
        _ if is(ADAPTERS, from) => {
            // Commit statuses and deployments are notices on a forge.
            let on_a_forge = from == "notifier" && to == "forge";
            is(DOMAIN, to)
                || matches!(to, "error" | "http" | "files" | "pipe")
                || from == to
                || on_a_forge
        }
        _ => panic!("`{from}` is in no layer: add it to tests/cli/tidy.rs and architecture.md"),
    }
}

#[test]
fn layers_import_only_downwards() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let from = module_of(&file);
        let text = fs::read_to_string(&file).unwrap();
        for (_, rest) in text.match_indices("crate::").map(|(at, m)| (at, &text[at + m.len()..])) {
            let names: Vec<&str> = if let Some(list) = rest.strip_prefix('{') {
                let list = list.split('}').next().unwrap_or_default();
                list.split(',').map(|name| name.trim().split(':').next().unwrap_or("")).collect()
            } else {
                vec![rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")]
            };
            for to in names.into_iter().filter(|to| !to.is_empty() && *to != from) {
                if !may_import(&from, to) {
                    wrong.push(format!("{}: {from} -> {to}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}

#[test]
fn only_commands_know_the_command_line() {
    for file in sources(&root().join("src")) {
        let module = module_of(&file);
        if matches!(module.as_str(), "commands" | "cli" | "ui" | "main") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("clap::"), "{} imports clap", file.display());
    }
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    for dir in ["src", "tests", "benches", "fuzz"] {
        let dir = root().join(dir);
        for file in if dir.exists() { sources(&dir) } else { Vec::new() } {
            let text = fs::read_to_string(&file).unwrap();
            let opens = text.trim_start_matches("#![no_main]\n").starts_with("//! ");
            assert!(opens, "{} has no module comment", file.display());
        }
    }
}

#[test]
fn files_stay_readable() {
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        let lines = code.lines().count();
        assert!(lines <= 400, "{} has {lines} lines before its tests", file.display());
        for leftover in ["todo!", "dbg!(", "unimplemented!", "FIXME", "XXX"] {
            assert!(!text.contains(leftover), "{} has {leftover}", file.display());
        }
    }
}

/// Each `path/like.this` in backquotes that starts with one of our folders exists.
#[test]
fn documents_name_real_files() {
    let mut pages = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path()));
    for page in pages.iter().filter(|page| page.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(page).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let ours =
                ["src/", "tests/", "docs/", "examples/", "benches/", "fuzz/", "bench/", ".ci/"];
            let literal = !name.contains(['*', ' ', '{', '<', '…']);
            if literal && ours.iter().any(|folder| name.starts_with(folder)) {
                assert!(root().join(name).exists(), "{} names `{name}`", page.display());
            }
        }
    }
}

#[test]
fn the_changelog_has_an_unreleased_section() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(text.contains("\n## Unreleased\n"), "CHANGELOG.md has no Unreleased section");
}
