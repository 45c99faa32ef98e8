//! Equality with GNU find, sha256sum, sed, awk and sort, run live.

use super::trees::{Make, samples, sandbox};
use super::{digest, shell};
use crate::support::{Sandbox, installed};
use snapbox::str;

const TOOLS: &[&str] = &["bash", "find", "sha256sum", "sed", "awk", "sort", "xargs"];

const SEED: &str = r#"dir=$1; find "$dir" -type f -exec sha256sum {} \; | sed "s~$dir~~g" |
    LC_ALL=C sort -d | sha256sum | cut -d' ' -f1"#;

const SEED_CONTENT: &str = r#"find "$1" -type f -exec sha256sum {} \; | awk '{print $1}' |
    LC_ALL=C sort -d | sha256sum | cut -d' ' -f1"#;

/// Names that sed, find or the shell could take for something else, and some made of hex digits.
const NAMES: &[&str] = &[
    "app", "my-app", "my.app", "a b", "fe", "be", "0", "d", "é", "x+y", "x{1}y", "x'y", "x\"y",
    "x&y", "x%#y", "(x)|y",
];

#[test]
fn the_recipe_for_every_spelling() {
    if !installed(TOOLS) {
        return;
    }
    let entries = || -> Vec<(&[u8], Make<'_>)> {
        vec![
            (b"one.txt", Make::File(b"1")),
            (b"two.txt", Make::File(b"1")),
            (b"sub/app/fe/0", Make::File(b"2")),
            (b"sub/.hidden", Make::Executable(b"3")),
            (b"back\\slash", Make::File(b"4")),
            (b"new\nline", Make::File(b"5")),
            (b"link", Make::Link("one.txt")),
            (b".git/HEAD", Make::File(b"6")),
            (b"empty", Make::Directory),
            (b"B-1", Make::File(b"7")),
            (b"B1", Make::File(b"8")),
        ]
    };
    let trees: Vec<_> = NAMES.iter().map(|name| (*name, entries())).collect();
    let sandbox = sandbox(&trees);
    for name in NAMES {
        let here = sandbox.path(name);
        let spellings = [
            (*name).to_owned(),
            format!("{name}/"),
            format!("./{name}"),
            format!("../work/{name}//"),
            here.to_str().unwrap().to_owned(),
        ];
        for dir in &spellings {
            for (format, recipe) in [("seed", SEED), ("seed-content", SEED_CONTENT)] {
                let expected = shell(&sandbox, recipe, &[dir]);
                let found = digest(&sandbox, &["--format", format, dir]);
                assert_eq!(found, format!("sha256:{}", expected.trim()), "{format} {dir}");
            }
        }
    }
}

#[test]
fn the_recipe_as_it_was_meant() {
    if !installed(TOOLS) {
        return;
    }
    let sandbox = sandbox(&samples());
    for (name, _) in samples() {
        // From within, and without the dot: what sed was to achieve.
        let script = r#"cd "$1"; find . -type f -exec sha256sum {} + | sed 's~  \.~  ~' |
            LC_ALL=C sort -d | sha256sum | cut -d' ' -f1"#;
        let expected = format!("sha256:{}", shell(&sandbox, script, &[name]).trim());
        let spellings = [name.to_owned(), format!("{name}/"), format!("./{name}/.")];
        for dir in &spellings {
            assert_eq!(digest(&sandbox, &["--format", "seed-rel", dir]), expected, "{dir}");
        }
    }
}

#[test]
fn the_one_line_of_the_documentation() {
    if !installed(TOOLS) {
        return;
    }
    let script = r"cd $1; { echo '# gitops-dir-digest gd1'
        find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
        } | sha256sum | cut -d' ' -f1";
    let sandbox = sandbox(&samples());
    sandbox.write("plain/.git/HEAD", "");
    for name in ["plain", "order", "escapes", "bytes", "empties"] {
        let expected = shell(&sandbox, script, &[name]);
        assert_eq!(digest(&sandbox, &[name]), format!("gd1:{}", expected.trim()), "{name}");
    }
}

#[test]
fn a_manifest_is_checked_by_sha256sum() {
    if !installed(TOOLS) {
        return;
    }
    let sandbox = sandbox(&samples());
    for (name, _) in samples() {
        let mut gitops = sandbox.command(env!("CARGO_BIN_EXE_gitops"));
        gitops.args(["digest-dir", "--exec", "--empty-dirs", "--manifest", name]);
        let manifest = gitops.output().unwrap();
        assert!(manifest.status.success());
        sandbox.write("manifest", &manifest.stdout);
        shell(&sandbox, r#"cd "$1"; sha256sum --strict --quiet -c ../manifest"#, &[name]);
        let whole = shell(&sandbox, "sha256sum < manifest | cut -d' ' -f1", &[]);
        let expected = format!("gd1xd:{}", whole.trim());
        assert_eq!(digest(&sandbox, &["--exec", "--empty-dirs", name]), expected, "{name}");
    }
}

fn with_one_file(dirs: &[&str]) -> Sandbox {
    let file: Vec<(&[u8], Make<'_>)> = vec![(b"f", Make::File(b"1"))];
    sandbox(&dirs.iter().map(|dir| (*dir, file.clone())).collect::<Vec<_>>())
}

#[test]
fn refuses_names_that_sed_takes_for_patterns() {
    let dirs = ["a*", "[a", "a]", "^a", "a$", "a\\", "a~", "a\nb"];
    let sandbox = with_one_file(&dirs);
    for dir in dirs {
        let output = sandbox.gitops(&["digest-dir", "--format", "seed", dir]);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.render());
        digest(&sandbox, &["--format", "seed-rel", dir]);
    }
    sandbox.gitops(&["digest-dir", "--format", "seed", "a~"]).is(str![[r#"
-- stderr --
error: cannot run the recipe on `a~`: sed takes `~` in its name for a pattern
hint: `--format seed-rel` gives what the recipe means
-- exit 2 --

"#]]);
}

#[test]
fn refuses_what_find_does_not_follow() {
    let sandbox = with_one_file(&["app"]);
    std::os::unix::fs::symlink("app", sandbox.path("link")).unwrap();
    for format in ["seed", "seed-content"] {
        let output = sandbox.gitops(&["digest-dir", "--format", format, "link"]);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.render());
        digest(&sandbox, &["--format", format, "link/"]);
    }
    assert_eq!(digest(&sandbox, &["link"]), digest(&sandbox, &["app"]));
}

#[test]
fn warns_that_a_dot_collapses_all_trees() {
    let sandbox = Sandbox::new();
    sandbox.write("f", "1");
    sandbox.gitops(&["digest-dir", "--format", "seed"]).is(str![[r#"
sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b
-- stderr --
warning: the recipe takes `.` for a pattern that matches anything: different trees get the same digest; name the directory from above, or use `--format seed-rel`
-- exit 0 --

"#]]);
    sandbox.write("fe/f", "1");
    let output = sandbox.gitops(&["digest-dir", "--format", "seed", "fe"]);
    output.ok();
    assert!(!output.stdout.is_empty());
}
