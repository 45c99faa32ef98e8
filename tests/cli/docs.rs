//! Every `console` block of README.md and docs/ is run, in a copy of `examples/shop` per page, and must
//! print what it shows (`[..]` stands for anything). `SNAPSHOTS=overwrite` renews what it shows. A page that
//! shows the ids of commits says when they are made, in a comment that starts with `COMMITS`, and then Ada makes
//! them; elsewhere ages are counted from now.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Sandbox;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What stands before the time at which a page's commits are made.
const COMMITS: &str = "<!-- commits are made at ";

/// Runs a line as a user's shell does; what it prints, both streams in order.
fn run(sandbox: &Sandbox, line: &str, time: Option<&str>) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_gitops")).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        [bin].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = sandbox.command("sh");
    if let Some(time) = time {
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Ada")
                .env(format!("GIT_{role}_EMAIL"), "ada@example.org")
                .env(format!("GIT_{role}_DATE"), time);
        }
    }
    command.env("PATH", path.unwrap()).args(["-c", &format!("{{ {line}\n}} 2>&1")]);
    let output = sandbox.finish(&mut command);
    let mut said = output.stdout;
    if output.code != 0 {
        let _ = writeln!(said, "[exit {}]", output.code);
    }
    said
}

/// What was said, with the lines kept as the page has them where its `[..]` stands for the rest.
fn as_shown(said: &str, shown: &[&str]) -> String {
    let fits = |line: &str, pattern: &str| {
        let mut rest = line;
        let parts: Vec<&str> = pattern.split("[..]").collect();
        parts.len() > 1
            && line.starts_with(parts[0])
            && line.ends_with(parts[parts.len() - 1])
            && parts.iter().all(|part| {
                let found = rest.find(part).map(|at| &rest[at + part.len()..]);
                found.inspect(|after| rest = after).is_some()
            })
    };
    said.split_inclusive('\n')
        .enumerate()
        .map(|(at, line)| {
            shown.get(at).filter(|pattern| fits(line, pattern)).unwrap_or(&line).to_owned()
        })
        .collect()
}

/// The page with every block's output as it is now.
fn played(page: &str) -> String {
    let sandbox = Sandbox::shop();
    let time = page.lines().find_map(|line| line.strip_prefix(COMMITS)?.strip_suffix(" -->"));
    let mut out = String::new();
    let mut lines = page.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        if line.trim_end() != "```console" {
            continue;
        }
        while let Some(line) = lines.next_if(|line| line.trim_end() != "```") {
            let Some(command) = line.strip_prefix("$ ") else { continue };
            let mut shown = Vec::new();
            let is_output = |line: &&str| line.trim_end() != "```" && !line.starts_with("$ ");
            while let Some(line) = lines.next_if(is_output) {
                shown.push(line);
            }
            let said = as_shown(&run(&sandbox, command, time), &shown);
            out.push_str(line);
            out.push_str(&said);
            if !said.is_empty() && !said.ends_with('\n') {
                out.push('\n');
            }
        }
    }
    out
}

#[test]
fn every_console_block_prints_what_it_shows() {
    let mut pages = vec![root().join("README.md")];
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    let mut blocks = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        blocks += text.matches("```console\n").count();
        let data = snapbox::Data::read_from(&page, Some(snapbox::data::DataFormat::Text));
        snapbox::assert_data_eq!(played(&text), data.raw());
    }
    assert!(blocks > 0, "no page shows the program at work");
}
