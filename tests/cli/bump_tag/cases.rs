//! One directory per case: `in/` is the repository, `command` what is run in it, `said` everything
//! it says, `out/` the files that differ afterwards. `SNAPSHOTS=overwrite` renews the last two.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Sandbox;

type Files = BTreeMap<String, Vec<u8>>;

fn files_below(dir: &Path) -> Files {
    let all = walkdir::WalkDir::new(dir).into_iter().filter_map(Result::ok);
    all.filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Splits a command line at blanks; single quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.trim().split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn run_case(case: &Path) -> Result<(), String> {
    let name = case.file_name().unwrap().to_str().unwrap();
    let sandbox = Sandbox::new();
    let input = files_below(&case.join("in"));
    assert!(!input.is_empty(), "{name} has no files in `in`");
    for (path, bytes) in &input {
        sandbox.write(path, bytes);
    }
    let line = fs::read_to_string(case.join("command")).unwrap();
    let words = words(line.strip_prefix("gitops ").unwrap());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = sandbox.gitops(&words).render();
    let after = files_below(&sandbox.path(""));
    let changed: Files =
        after.into_iter().filter(|(path, bytes)| input.get(path) != Some(bytes)).collect();
    if std::env::var_os("SNAPSHOTS").is_some_and(|mode| mode == "overwrite") {
        overwrite(case, &said, &changed);
        return Ok(());
    }
    let expected = fs::read_to_string(case.join("said")).unwrap_or_default();
    if said != expected {
        return Err(format!("{name} said:\n{said}\nexpected:\n{expected}"));
    }
    if changed != files_below(&case.join("out")) {
        let names: Vec<_> = changed.keys().collect();
        return Err(format!("{name} wrote other bytes than `out` has: {names:?}"));
    }
    Ok(())
}

fn overwrite(case: &Path, said: &str, changed: &Files) {
    fs::write(case.join("said"), said).unwrap();
    let _ = fs::remove_dir_all(case.join("out"));
    for (path, bytes) in changed {
        let path = case.join("out").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn every_case() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/bump_tag/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 60, "only {} cases were found", cases.len());
    let failed: Vec<String> = cases.iter().filter_map(|case| run_case(case).err()).collect();
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
