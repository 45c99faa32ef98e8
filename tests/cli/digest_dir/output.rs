//! What is printed: several directories, JSON, warnings, and what CI systems are told.

use std::fs;

use snapbox::str;

use super::digest;
use crate::support::Sandbox;

fn app() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("app/a", "hello");
    sandbox.write("app/.git/HEAD", "x");
    sandbox.write("web/a", "hello");
    sandbox.write("web/.gitignore", "a\n");
    sandbox
}

#[test]
fn one_directory_is_the_digest_alone() {
    app().gitops(&["digest-dir", "app"]).is(str![[r#"
gd1:9fa569758fb2ea2485d8f7642904fd865a529beac6ea6be425e2a0f6dccfc1db
-- exit 0 --

"#]]);
}

#[test]
fn several_directories_are_a_line_each() {
    let sandbox = app();
    let [app, web] = ["app", "web/"].map(|dir| digest(&sandbox, &[dir]));
    assert_ne!(app, web, "an ignore file in the tree is a file like others");
    let output = sandbox.gitops(&["digest-dir", "app", "web/"]);
    output.ok();
    assert_eq!(output.stdout, format!("{app}  app\n{web}  web/\n"));
    let json = sandbox.gitops(&["digest-dir", "app", "web/", "-o", "json"]).ok().json();
    assert_eq!(json["directories"][1]["digest"], web);
    assert_eq!(json["directories"][1]["dir"], "web/");
    assert_eq!(json["directories"][1]["files"], 2);
}

#[test]
fn json_counts_and_names_what_was_left_out() {
    let sandbox = app();
    sandbox.gitops(&["digest-dir", "app", "-o", "json"]).is(str![[r#"
{"schema":"gitops/v1","command":"digest-dir","dir":"app","digest":"gd1:9fa569758fb2ea2485d8f7642904fd865a529beac6ea6be425e2a0f6dccfc1db","format":"gd1","files":1,"bytes":5,"excluded":[".git"],"warnings":[]}
-- exit 0 --

"#]]);
    let output = sandbox.gitops(&["digest-dir", "none", "-o", "json"]);
    assert_eq!(output.json()["error"]["code"], "not-found");
}

#[test]
fn the_manifest_is_what_is_digested() {
    app().gitops(&["digest-dir", "app", "--manifest"]).is(str![[r#"
# gitops-dir-digest gd1
2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  ./a
-- exit 0 --

"#]]);
    app().gitops(&["digest-dir", "web", "--manifest", "--format", "h1"]).is(str![[r#"
87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  .gitignore
2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  a
-- exit 0 --

"#]]);
}

#[test]
fn formats_that_keep_vcs_say_so() {
    let sandbox = app();
    sandbox.gitops(&["digest-dir", "app", "--format", "h1"]).is(str![[r#"
h1:[..]
-- stderr --
warning: `.git` is part of a `h1` digest, and no two clones have the same; `--exclude .git` leaves it out
-- exit 0 --

"#]]);
    let with = digest(&sandbox, &["app", "--include-vcs"]);
    let without = digest(&sandbox, &["app"]);
    assert_ne!(with, without);
    sandbox.write("app/.git/HEAD", "y");
    assert_ne!(with, digest(&sandbox, &["app", "--include-vcs"]));
    assert_eq!(without, digest(&sandbox, &["app"]));
}

#[test]
fn dir_is_spelled_from_where_c_says() {
    let sandbox = app();
    let output = sandbox.gitops(&["-C", "app", "digest-dir"]);
    output.ok();
    assert_eq!(output.stdout.trim(), digest(&sandbox, &["app"]));
}

#[test]
fn ci_is_told_whether_the_digest_changed() {
    let sandbox = app();
    let before = digest(&sandbox, &["app"]);
    let run = |expected: &str| {
        let mut command = sandbox.gitops_command(&["digest-dir", "app", "--expect", expected]);
        command.args(["--output-env", "out.env"]).env("GITHUB_OUTPUT", sandbox.path("github"));
        let output = sandbox.finish(&mut command);
        let text = sandbox.read("github");
        assert_eq!(text, sandbox.read("out.env"));
        for file in ["github", "out.env"] {
            fs::remove_file(sandbox.path(file)).unwrap();
        }
        (output.code, text)
    };
    assert_eq!(run(&before), (0, format!("changed=false\ndigest={before}\n")));
    let other = format!("gd1:{}", "0".repeat(64));
    assert_eq!(run(&other), (1, format!("changed=true\ndigest={before}\n")));
    let json = sandbox.gitops(&["digest-dir", "app", "--expect", &other, "-o", "json"]);
    assert_eq!((json.code, &json.json()["changed"]), (1, &serde_json::Value::Bool(true)));
}

#[test]
fn a_manifest_is_published_too_and_several_directories_are_not() {
    let sandbox = app();
    let before = digest(&sandbox, &["app"]);
    sandbox.gitops(&["digest-dir", "app", "--manifest", "--output-env", "out.env"]).ok();
    assert_eq!(sandbox.read("out.env"), format!("digest={before}\n"));
    sandbox.gitops(&["digest-dir", "app", "web", "--output-env", "out.env"]).is(str![[r#"
-- stderr --
error: cannot compare, list or publish several directories at once
hint: name one directory
-- exit 2 --

"#]]);
}

/// A variable of a pipeline that was never set must not turn a comparison into a success.
#[test]
fn an_empty_variable_is_no_expectation() {
    let sandbox = app();
    for (name, cause) in [
        ("GITOPS_EXPECT", "the digest is empty"),
        ("GITOPS_CHECK", "a value is required for '--check <FILE>'"),
        ("GITOPS_EXCLUDE_FROM", "a value is required for '--exclude-from <FILE>'"),
        ("GITOPS_GIT", "cannot digest `app` in ``"),
    ] {
        let mut command = sandbox.gitops_command(&["digest-dir", "app"]);
        let output = sandbox.finish(command.env(name, ""));
        assert_eq!((output.code, &*output.stdout), (2, ""), "{name}");
        assert!(output.stderr.contains(cause), "{name}: {}", output.stderr);
    }
    // Elsewhere it is as if it were not set.
    let mut command = sandbox.gitops_command(&["digest-dir", "app"]);
    sandbox.finish(command.env("GITOPS_FORMAT", "").env("GITOPS_EXEC", "")).ok();
}

#[test]
fn the_gitops_repository_is_none_of_its_business() {
    let sandbox = app();
    let expected = digest(&sandbox, &["app"]);
    for repo in ["https://git.example/acme/gitops.git", "web", "none"] {
        let mut command = sandbox.gitops_command(&["digest-dir", "app"]);
        let output = sandbox.finish(command.env("GITOPS_REPO", repo));
        assert_eq!(output.ok().stdout.trim(), expected, "{repo}");
        let mut command = sandbox.gitops_command(&["digest-dir", "-C", "app"]);
        let output = sandbox.finish(command.env("GITOPS_REPO", repo));
        assert_eq!(output.ok().stdout.trim(), expected, "{repo}");
    }
    sandbox.gitops(&["digest-dir", "--repo", "https://git.example/acme/gitops.git"]).is(str![[
        r#"
-- stderr --
error: cannot digest what is behind a URL
hint: `-C` names the directory from which DIR is spelled; clone first, and see `--git`
-- exit 2 --

"#
    ]]);
}

/// rayon would start as many threads as this says.
#[test]
fn the_number_of_threads_is_gitops_own() {
    let sandbox = app();
    let mut command = sandbox.gitops_command(&["digest-dir", "app"]);
    sandbox.finish(command.env("RAYON_NUM_THREADS", "100000")).ok();
}
