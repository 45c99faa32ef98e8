//! `diff -o unified`: what `git apply` makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;

use crate::support::Repository;

/// What a file can be.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String, bool),
    Link(String),
}

type Files = BTreeMap<String, Node>;

fn files() -> impl Strategy<Value = Files> {
    let text = prop_oneof![
        Just(String::new()),
        "([ab]: [0-9]\n){1,5}",
        "([ab]: [0-9]\n){1,3}c",
        "x\r?\ny\n",
    ];
    let node = prop_oneof![
        4 => (text, any::<bool>()).prop_map(|(text, run)| Node::Text(text, run)),
        1 => "[ab]{1,2}".prop_map(Node::Link),
    ];
    let name = prop_oneof![Just("a.yaml"), Just("b c.yaml"), Just("d/e.json"), Just("d/f\"g.txt")];
    prop::collection::btree_map(name.prop_map(str::to_owned), node, 0..4)
}

fn write(repository: &Repository, files: &Files) {
    for name in ["a.yaml", "b c.yaml", "d/e.json", "d/f\"g.txt"] {
        let path = repository.sandbox.path(name);
        let _ = fs::remove_file(&path);
        match files.get(name) {
            None => {}
            Some(Node::Link(target)) => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                symlink(target, &path).unwrap();
            }
            Some(Node::Text(text, run)) => {
                repository.sandbox.write(name, text);
                let mode = if *run { 0o755 } else { 0o644 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_patch_makes_one_tree_of_the_other(old in files(), new in files()) {
        let repository = Repository::new();
        repository.sandbox.write("keep", "x\n");
        write(&repository, &old);
        repository.commit("old");
        write(&repository, &new);
        let on_disk = repository.sandbox.gitops(&["diff", "-o", "unified"]);
        repository.sandbox.write("keep", "y\n");
        repository.commit("new");
        repository.sandbox.write("keep", "x\n");
        repository.commit("kept");
        let output = repository.sandbox.gitops(&["diff", "HEAD~2..HEAD", "-o", "unified"]);
        prop_assert_eq!(&on_disk.stdout, &output.stdout);
        let wanted = repository.git(&["rev-parse", "HEAD^{tree}"]);
        repository.git(&["reset", "-q", "--hard", "HEAD~2"]);
        if !output.stdout.is_empty() {
            fs::write(repository.sandbox.path("../patch"), &output.stdout).unwrap();
            let mut apply = repository.sandbox.command("git");
            apply.args(["apply", "--index", "../patch"]);
            let applied = repository.sandbox.finish(&mut apply);
            prop_assert_eq!(applied.code, 0, "{}\n{}", output.stdout, applied.render());
        }
        let tree = repository.git(&["write-tree"]);
        prop_assert_eq!(tree, wanted, "{}", output.stdout);
    }
}

#[test]
fn what_is_no_text_is_left_out_and_filters_count() {
    let repository = Repository::new();
    repository.sandbox.write("a.yaml", "a: 1\n");
    repository.sandbox.write("b.yaml", "b: 1\n");
    repository.sandbox.write("x.bin", b"\xff\x00");
    repository.commit("one");
    repository.sandbox.write("a.yaml", "a: 2\n");
    repository.sandbox.write("b.yaml", "b: 2\n");
    repository.sandbox.write("x.bin", b"\xfe\x00");
    let output = repository.sandbox.gitops(&["diff", "-o", "unified", "--path", "a.*"]);
    assert!(output.stdout.contains("a.yaml") && !output.stdout.contains("b.yaml"));
    let output = repository.sandbox.gitops(&["diff", "-o", "unified"]);
    assert!(!output.stdout.contains("x.bin"), "{}", output.render());
    assert!(output.stderr.contains("`x.bin` is no text"), "{}", output.render());
    repository.git(&["checkout", "-q", "a.yaml", "b.yaml", "x.bin"]);
    fs::write(repository.sandbox.path("../patch"), &output.stdout).unwrap();
    repository.git(&["apply", "--check", "../patch"]);
}

#[test]
fn a_patch_of_two_directories_tells_who_executes_a_file() {
    let repository = Repository::new();
    for (dir, text, mode) in [("old", "a: 1\n", 0o644), ("new", "a: 2\n", 0o750)] {
        let name = format!("{dir}/x y.yaml");
        repository.sandbox.write(&name, text);
        fs::set_permissions(repository.sandbox.path(&name), fs::Permissions::from_mode(mode))
            .unwrap();
    }
    let output = repository.sandbox.gitops(&["diff", "old", "new", "-o", "unified"]);
    let expected = "diff --git a/x y.yaml b/x y.yaml\nold mode 100644\nnew mode 100755\n\
        --- a/x y.yaml\t\n+++ b/x y.yaml\t\n@@ -1 +1 @@\n-a: 1\n+a: 2\n";
    assert_eq!(output.stdout, expected);
}

#[test]
fn two_files_make_a_patch_for_the_first() {
    let repository = Repository::new();
    repository.sandbox.write("old.yaml", "a: 1\n");
    repository.sandbox.write("new.yaml", "a: 2\n");
    let output = repository.sandbox.gitops(&["diff", "old.yaml", "new.yaml", "-o", "unified"]);
    let expected = "diff --git a/old.yaml b/old.yaml\n--- a/old.yaml\n+++ b/old.yaml\n@@ -1 +1 @@\n-a: 1\n+a: 2\n";
    assert_eq!(output.stdout, expected);
}

#[test]
fn the_configuration_counts_for_files_and_directories_too() {
    let repository = Repository::new();
    let config = "ignore: [{fields: [a], reason: x}]\n";
    repository.sandbox.write("gitops.yaml", config);
    repository.sandbox.write("old.yaml", "a: 1\n");
    repository.sandbox.write("new.yaml", "a: 2\n");
    let run = |args: &[&str]| repository.sandbox.gitops(args).code;
    assert_eq!(run(&["diff", "old.yaml", "new.yaml", "--exit-code"]), 0);
    repository.sandbox.write("other.yaml", "{}\n");
    let args = ["diff", "old.yaml", "new.yaml", "--exit-code", "--config", "other.yaml"];
    assert_eq!(run(&args), 1);
}

#[test]
fn a_name_that_is_a_branch_and_a_path_is_refused() {
    let repository = Repository::new();
    repository.sandbox.write("a.yaml", "a: 1\n");
    repository.sandbox.write("one", "x\n");
    repository.sandbox.write("two", "y\n");
    repository.commit("start");
    repository.git(&["branch", "one"]);
    repository.git(&["branch", "two"]);
    let output = repository.sandbox.gitops(&["diff", "one", "two"]);
    assert!(output.stderr.contains("both are revisions and paths"), "{}", output.render());
    let output = repository.sandbox.gitops(&["diff", "./one", "./two", "--exit-code"]);
    assert_eq!(output.code, 1, "{}", output.render());
}
