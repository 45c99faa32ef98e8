//! `--expect` and `--check`: comparing with what was recorded.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use snapbox::str;

use super::{digest, shell};
use crate::support::{Sandbox, installed};

fn app() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("app/a", "1");
    sandbox.write("app/b\n", "2");
    sandbox.write("app/sub/c", "3");
    std::os::unix::fs::symlink("a", sandbox.path("app/link")).unwrap();
    sandbox
}

#[test]
fn expect_tells_by_the_exit_code() {
    let sandbox = app();
    let before = digest(&sandbox, &["app"]);
    sandbox.gitops(&["digest-dir", "app", "--expect", &before]).is(str![[r#"
gd1:[..]
-- exit 0 --

"#]]);
    sandbox.write("app/a", "changed");
    sandbox.gitops(&["digest-dir", "app", "--expect", &before]).is(str![[r#"
gd1:[..]
-- stderr --
`app` differs
  expected gd1:[..]
  found    gd1:[..]
-- exit 1 --

"#]]);
}

#[test]
fn expect_takes_format_and_options_from_the_digest() {
    let sandbox = app();
    for args in
        [&["--exec"][..], &["--exec", "--empty-dirs"], &["--format", "swh"], &["--format", "nar"]]
    {
        let expected = digest(&sandbox, &[&["app"], args].concat());
        assert_eq!(digest(&sandbox, &["app", "--expect", &expected]), expected);
    }
    let seed = digest(&sandbox, &["app", "--format", "seed"]);
    sandbox.gitops(&["digest-dir", "app", "--expect", &seed]).is(str![[r#"
-- stderr --
error: cannot tell the format of `sha256:[..]`: it may be `seed`, `seed-rel`, `seed-content`
hint: say which with `--format`
-- exit 2 --

"#]]);
    let bare = seed.strip_prefix("sha256:").unwrap();
    assert_eq!(digest(&sandbox, &["app", "--format", "seed", "--expect", bare]), seed);
}

fn record(sandbox: &Sandbox, args: &[&str]) {
    let output = sandbox.gitops(&[&["digest-dir", "--manifest", "app"], args].concat());
    output.ok();
    fs::write(sandbox.path("app.sums"), output.stdout).unwrap();
}

#[test]
fn check_lists_every_difference() {
    let sandbox = app();
    record(&sandbox, &["--exec"]);
    sandbox.gitops(&["digest-dir", "app", "--check", "app.sums"]).is(str![[r#"
-- exit 0 --

"#]]);
    sandbox.write("app/a", "other");
    sandbox.write("app/new", "");
    fs::remove_file(sandbox.path("app/b\n")).unwrap();
    fs::remove_file(sandbox.path("app/link")).unwrap();
    std::os::unix::fs::symlink("sub/c", sandbox.path("app/link")).unwrap();
    fs::set_permissions(sandbox.path("app/sub/c"), fs::Permissions::from_mode(0o755)).unwrap();
    let expected = str![[r#"
changed	a
removed	b/n
changed	link
added	new
changed	sub/c
-- exit 1 --

"#]];
    sandbox.gitops(&["digest-dir", "app", "--check", "app.sums"]).is(expected.clone());
    let mut command = sandbox.gitops_command(&["digest-dir", "app", "--check", "-"]);
    let manifest = fs::File::open(sandbox.path("app.sums")).unwrap();
    sandbox.finish(command.stdin(manifest)).is(expected);

    let output = sandbox.gitops(&["digest-dir", "app", "--check", "app.sums", "-o", "json"]);
    assert_eq!(output.code, 1);
    let json = output.json();
    assert_eq!(json["changed"], true);
    assert_eq!(json["changes"][1]["change"], "removed");
    assert_eq!(json["changes"][1]["path"], "b\\n");
}

#[test]
fn manifests_and_patterns_come_through_pipes() {
    if !installed(&["bash"]) {
        return;
    }
    let sandbox = app();
    record(&sandbox, &[]);
    for script in [
        r#""$1" digest-dir app --check <(cat app.sums)"#,
        r#"cat app.sums | "$1" digest-dir app --check -"#,
        r#"cat app.sums | "$1" digest-dir app --check /dev/stdin"#,
        r#"grep -v '/a$' app.sums | "$1" digest-dir app --check - --exclude-from <(echo /a)"#,
        r#"echo /a | "$1" digest-dir app --check <(grep -v '/a$' app.sums) --exclude-from -"#,
        r#""$1" digest-dir app --check app.sums --exclude-from /dev/null"#,
    ] {
        assert_eq!(shell(&sandbox, script, &[env!("CARGO_BIN_EXE_gitops")]), "", "{script}");
    }
    let output = sandbox.gitops(&["digest-dir", "app", "--check", "app"]);
    assert!(output.stderr.contains("cannot read `app`: Is a directory"), "{}", output.stderr);
}

#[test]
fn check_refuses_what_is_no_manifest() {
    let sandbox = app();
    sandbox.write("sums", "2cf24dba  a\n");
    sandbox.gitops(&["digest-dir", "app", "--check", "sums"]).is(str![[r#"
-- stderr --
error: cannot read the manifest `sums`: it does not begin with `# gitops-dir-digest gd1`
hint: `gitops digest-dir --manifest` makes one
-- exit 2 --

"#]]);
    sandbox.write("sums", "# gitops-dir-digest gd1\n2cf24dba  ./a\n");
    sandbox.gitops(&["digest-dir", "app", "--check", "sums"]).is(str![[r#"
-- stderr --
error: cannot read the manifest `sums`: line 2: `2cf24dba  ./a`
hint: each line is a digest, two spaces, `./` and a path
-- exit 2 --

"#]]);
}
