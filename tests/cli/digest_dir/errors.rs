//! What cannot be digested: exit code 2, nothing on stdout, and the path is named.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;

use snapbox::str;

use super::shell;
use crate::support::{Output, Sandbox, installed};

/// A process that reads only what its user may, even if that is root.
fn unprivileged(sandbox: &Sandbox, args: &[&str]) -> Option<Output> {
    if !installed(&["setpriv"]) {
        return None;
    }
    let mut command = sandbox.command("setpriv");
    if fs::metadata(sandbox.path("")).unwrap().uid() == 0 {
        let capabilities = "-dac_override,-dac_read_search";
        command.args(["--bounding-set", capabilities, "--inh-caps", capabilities]);
    }
    Some(sandbox.finish(command.arg(env!("CARGO_BIN_EXE_gitops")).arg("digest-dir").args(args)))
}

fn lock(sandbox: &Sandbox, path: &str) {
    fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(0o000)).unwrap();
}

#[test]
fn an_unreadable_file() {
    let sandbox = Sandbox::new();
    sandbox.write("app/fine", "1");
    sandbox.write("app/sub/locked", "2");
    lock(&sandbox, "app/sub/locked");
    let Some(output) = unprivileged(&sandbox, &["app"]) else { return };
    output.is(str![[r#"
-- stderr --
error: cannot digest `app`: `sub/locked`: Permission denied (os error 13)
hint: a digest covers everything; leave entries out with `--exclude`
-- exit 2 --

"#]]);
    let excluded = unprivileged(&sandbox, &["app", "--exclude", "locked"]).unwrap();
    assert_eq!(excluded.code, 0, "{}", excluded.render());
}

#[test]
fn an_unreadable_directory() {
    let sandbox = Sandbox::new();
    sandbox.write("app/fine", "1");
    sandbox.write("app/locked/f", "2");
    lock(&sandbox, "app/locked");
    let Some(output) = unprivileged(&sandbox, &["app"]) else { return };
    fs::set_permissions(sandbox.path("app/locked"), fs::Permissions::from_mode(0o755)).unwrap();
    output.is(str![[r#"
-- stderr --
error: cannot digest `app`: `locked`: Permission denied (os error 13)
hint: a digest covers everything; leave entries out with `--exclude`
-- exit 2 --

"#]]);
}

/// Its names can be listed, and nothing else.
#[test]
fn a_directory_that_may_not_be_searched() {
    let sandbox = Sandbox::new();
    sandbox.write("app/locked/sub/f", "2");
    fs::set_permissions(sandbox.path("app/locked"), fs::Permissions::from_mode(0o444)).unwrap();
    let Some(output) = unprivileged(&sandbox, &["app"]) else { return };
    fs::set_permissions(sandbox.path("app/locked"), fs::Permissions::from_mode(0o755)).unwrap();
    output.is(str![[r#"
-- stderr --
error: cannot digest `app`: `locked/sub`: Permission denied (os error 13)
hint: a digest covers everything; leave entries out with `--exclude`
-- exit 2 --

"#]]);
}

#[test]
fn too_few_files_may_be_open() {
    let sandbox = Sandbox::new();
    sandbox.write("app/a/b/c/d/e/f/g", "1");
    let mut command = sandbox.command("sh");
    let script = format!("ulimit -n 7; exec {} digest-dir -j1 app", env!("CARGO_BIN_EXE_gitops"));
    let output = sandbox.finish(command.args(["-c", &script]));
    assert_eq!((output.code, &*output.stdout), (2, ""), "{}", output.render());
    assert!(output.stderr.contains("\nhint: `ulimit -n` raises"), "{}", output.stderr);
}

#[test]
fn special_files_are_named_together() {
    if !installed(&["mkfifo"]) {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("app/fine", "1");
    shell(&sandbox, r"mkfifo app/fifo $'app/n\nl\e[31m'", &[]);
    let _socket = UnixListener::bind(sandbox.path("app/socket")).unwrap();
    for format in ["gd1", "seed", "nar", "git-tree", "dirhash"] {
        sandbox.gitops(&["digest-dir", "app", "--format", format]).is(str![[r#"
-- stderr --
error: cannot digest `app`: 3 entries cannot be read
  `fifo`: it is a FIFO
  `n/nl/u{1b}[31m`: it is a FIFO
  `socket`: it is a socket
hint: a digest covers everything; leave entries out with `--exclude`
-- exit 2 --

"#]]);
    }
}

#[test]
fn no_more_than_twenty_are_named() {
    if !installed(&["mkfifo"]) {
        return;
    }
    let sandbox = Sandbox::new();
    shell(&sandbox, "mkdir app; mkfifo app/f{10..40}", &[]);
    let output = sandbox.gitops(&["digest-dir", "app"]);
    assert_eq!((output.code, output.stderr.lines().count()), (2, 23), "{}", output.render());
    assert!(output.stderr.contains("31 entries cannot be read\n  `f10`: "), "{}", output.stderr);
    assert!(output.stderr.contains("\n  and 11 more\n"), "{}", output.stderr);
}

#[test]
fn what_is_no_directory() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    std::os::unix::fs::symlink("none", sandbox.path("dangling")).unwrap();
    sandbox.gitops(&["digest-dir", "none"]).is(str![[r#"
-- stderr --
error: cannot digest `none`: No such file or directory (os error 2)
-- exit 2 --

"#]]);
    sandbox.gitops(&["digest-dir", "file"]).is(str![[r#"
-- stderr --
error: cannot digest `file`: Not a directory (os error 20)
hint: `sha256sum` digests a single file
-- exit 2 --

"#]]);
    let dangling = sandbox.gitops(&["digest-dir", "dangling"]);
    assert_eq!((dangling.code, dangling.stdout.as_str()), (2, ""), "{}", dangling.render());
    if installed(&["mkfifo"]) {
        shell(&sandbox, "mkfifo fifo", &[]);
        let fifo = sandbox.gitops(&["digest-dir", "fifo"]);
        assert_eq!((fifo.code, fifo.stdout.as_str()), (2, ""), "{}", fifo.render());
    }
}

#[test]
fn nothing_to_digest() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("app/.git")).unwrap();
    sandbox.gitops(&["digest-dir", "app"]).is(str![[r#"
-- stderr --
error: cannot digest `app`: there is nothing in it to digest
hint: `--allow-empty` digests it all the same
-- exit 2 --

"#]]);
    sandbox.gitops(&["digest-dir", "app", "--allow-empty"]).is(str![[r#"
gd1:81654f7a401816842eb8351f67dd26c1b2fe1473a00be580eaab579b276f196e
-- exit 0 --

"#]]);
    fs::create_dir_all(sandbox.path("dirs/inner")).unwrap();
    for (args, code) in
        [(&["dirs"][..], 2), (&["dirs", "--empty-dirs"], 0), (&["dirs", "--format", "nar"], 0)]
    {
        assert_eq!(sandbox.gitops(&[&["digest-dir"], args].concat()).code, code, "{args:?}");
    }
}

#[test]
fn one_bad_directory_spoils_the_list() {
    let sandbox = Sandbox::new();
    sandbox.write("app/f", "1");
    let output = sandbox.gitops(&["digest-dir", "app", "none"]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.render());
}

#[test]
fn a_full_output_device() {
    let sandbox = Sandbox::new();
    sandbox.write("app/f", "1");
    for args in [&["app"][..], &["app", "--manifest"], &["app", "-o", "json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.gitops_command(&["digest-dir"]);
        let output = sandbox.finish(command.args(args).stdout(full));
        assert_eq!(output.code, 2, "{}", output.render());
        assert!(output.stderr.contains("No space left on device"), "{}", output.stderr);
    }
}

#[test]
fn flags_that_contradict_each_other() {
    let sandbox = Sandbox::new();
    sandbox.write("app/f", "1");
    let digest = format!("gd1x:{}", "0".repeat(64));
    for args in [
        &["app", "app", "--manifest"][..],
        &["app", "--exec", "--format", "h1"],
        &["app", "--manifest", "--format", "nar"],
        &["app", "--empty-dirs", "--expect", &digest],
        &["app", "--expect", &digest, "--format", "h1"],
        &["app", "--expect", &digest, "--manifest"],
        &["app", "--expect", "gd1:123"],
        &["app", "--expect", ""],
        &["app", "--check", "none"],
        &["app", "--format", "md5"],
        &["app", "--jobs", "0"],
    ] {
        let output = sandbox.gitops(&[&["digest-dir"], args].concat());
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{args:?}");
        assert!(output.stderr.starts_with("error: "), "{}", output.stderr);
    }
}

#[test]
fn links_that_lead_out_are_not_followed() {
    let sandbox = Sandbox::new();
    sandbox.write("secret", "s");
    sandbox.write("app/f", "1");
    std::os::unix::fs::symlink("../secret", sandbox.path("app/link")).unwrap();
    sandbox.gitops(&["digest-dir", "app", "--format", "h1"]).is(str![[r#"
-- stderr --
error: cannot follow the symbolic link `link`: it leads out of the directory
hint: this format digests what links lead to; `gd1`, `nar` and `git-tree` digest the links
-- exit 2 --

"#]]);
    let digest = sandbox.gitops(&["digest-dir", "app"]).ok().stdout.clone();
    sandbox.write("secret", "other");
    assert_eq!(sandbox.gitops(&["digest-dir", "app"]).ok().stdout, digest);
}

#[test]
fn what_another_system_cannot_hold() {
    let sandbox = Sandbox::new();
    sandbox.write("app/README", "1");
    assert_eq!(sandbox.gitops(&["digest-dir", "app", "--portable"]).code, 0);
    sandbox.write("app/readme", "1");
    sandbox.write("app/aux.c", "1");
    sandbox.gitops(&["digest-dir", "app", "--portable"]).is(str![[r#"
-- stderr --
error: cannot digest `app`: not every system could hold the same tree
  aux.c: Windows takes its name for a device
  readme: differs from `README` in case or form only
hint: rename these entries, leave them out with `--exclude`, or drop `--portable`
-- exit 2 --

"#]]);
}

#[test]
fn patterns_must_not_hide_themselves() {
    let sandbox = Sandbox::new();
    sandbox.write("app/f", "1");
    sandbox.write("app/.ignore", "*.log\n");
    sandbox.write("app/x.log", "1");
    let args = ["digest-dir", "app", "--exclude-from", "app/.ignore"];
    let digest = sandbox.gitops(&args).ok().stdout.clone();
    sandbox.write("app/x.log", "2");
    assert_eq!(sandbox.gitops(&args).ok().stdout, digest);
    // What Git ignores here is no part of the tree, and never was.
    sandbox.write("app/.git/info/exclude", "*.log\n.ignore\n");
    sandbox.gitops(&["digest-dir", "app", "--exclude-from", "app/.git/info/exclude"]).ok();
    sandbox.write("app/.ignore", "*.log\n.ignore\n");
    sandbox.gitops(&args).is(str![[r#"
-- stderr --
error: cannot exclude by `app/.ignore`: it leaves out itself
hint: whoever changes it could hide files; measure it, or keep it outside the directory
-- exit 2 --

"#]]);
}
