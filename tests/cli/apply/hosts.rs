//! Two runs at once, and one that is killed, where the place is no cluster: `command` and `directory`, from one checkout,
//! from two, and from two hosts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::revision::git;
use crate::support::{Output, Sandbox};

/// Items are files of `cloud`, beside the checkouts. Applying `slow` takes until there is a file `go`.
const CLOUD: &str = r#"#!/bin/sh
cloud=../cloud
case "$1" in
export) [ -f "$cloud/$2" ] || { echo "$2 was not found" >&2; exit 1; }; cat "$cloud/$2";;
apply) echo "$2" >> ../calls
  if [ "$2" = slow ]; then touch ../there; while [ ! -f ../go ]; do sleep 0.02; done; fi
  cp "${3#--source=}" "$cloud/$2";;
esac
"#;

/// Checkouts `one` and `two` of a repository that wants two items to be as they are not.
fn checkouts(lock: &str, with_origin: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    let config = format!(
        "environments:\n  vms:\n    files: [instances/*.yaml]\n    actuator:\n      kind: command\n      \
         export: [./cloud.sh, export, '{{name}}']\n      apply: [./cloud.sh, apply, '{{name}}', '--source={{file}}']\n      \
         concurrency: 1\n      not-found: {{ exit: 1, stderr: was not found }}\n{lock}"
    );
    sandbox.write("one/gitops.yaml", config);
    sandbox.write("one/cloud.sh", CLOUD);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("one/cloud.sh"), mode).unwrap();
    for name in ["first", "slow"] {
        sandbox.write(&format!("one/instances/{name}.yaml"), "size: 2\n");
        sandbox.write(&format!("cloud/{name}"), "size: 1\n");
    }
    git(&sandbox, &["init", "-q", "-b", "main", "one"]);
    git(&sandbox, &["-C", "one", "add", "-A"]);
    git(&sandbox, &["-C", "one", "commit", "-qm", "one"]);
    if with_origin {
        git(&sandbox, &["clone", "-q", "--bare", "one", "origin.git"]);
        git(&sandbox, &["-C", "one", "remote", "add", "origin", "../origin.git"]);
    }
    std::fs::create_dir_all(sandbox.path("two")).unwrap();
    let copy = sandbox.command("cp").args(["-r", "one/.", "two"]).status().unwrap();
    assert!(copy.success());
    sandbox
}

fn apply(sandbox: &Sandbox, checkout: &str, home: &str, args: &[&str]) -> Command {
    let mut command = sandbox.gitops_command(&["apply", "-e", "vms", "--yes"]);
    command.args(args).current_dir(sandbox.path(checkout));
    let home = sandbox.path(home);
    std::fs::create_dir_all(&home).unwrap();
    command.env("HOME", &home).env("XDG_CACHE_HOME", home.join(".cache"));
    command
}

/// Starts one that stops in the middle of its second item.
fn begin(sandbox: &Sandbox, home: &str) -> Child {
    let mut command = apply(sandbox, "one", home, &[]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&sandbox.path("there"));
    child
}

fn wait_for(path: &Path) {
    while !path.exists() {
        std::thread::yield_now();
    }
}

fn refused(sandbox: &Sandbox, home: &str) -> Output {
    let output = sandbox.finish(&mut apply(sandbox, "two", home, &[]));
    assert_eq!(output.code, 3, "{}", output.render());
    assert!(output.stderr.contains("cannot lock the environment `vms`: `"), "{}", output.stderr);
    assert!(output.stderr.contains("(apply of "), "{}", output.stderr);
    output
}

fn converged(sandbox: &Sandbox) {
    for name in ["first", "slow"] {
        assert_eq!(sandbox.read(&format!("cloud/{name}")), "size: 2\n");
    }
}

#[test]
fn two_checkouts_share_the_lock_and_the_memory() {
    let sandbox = checkouts("", false);
    let mut first = begin(&sandbox, "home");
    let _ = refused(&sandbox, "home");
    sandbox.write("go", "");
    assert!(first.wait().unwrap().success());
    converged(&sandbox);
    let output = sandbox.finish(&mut apply(&sandbox, "two", "home", &[]));
    assert!(output.ok().stderr.contains("nothing to do"), "{}", output.render());
    // The inventory of the first run is that of the second.
    assert_eq!(sandbox.read("calls"), "first\nslow\n");
    let states = std::fs::read_dir(sandbox.path("home/.local/state/gitops")).unwrap().count();
    assert_eq!(states, 1);
}

#[test]
fn two_hosts_share_a_reference_of_the_remote() {
    let sandbox = checkouts("", true);
    let mut first = begin(&sandbox, "here");
    let output = refused(&sandbox, "there-host");
    assert!(
        output.stderr.contains("a lock whose holder is gone is free after 2m"),
        "{}",
        output.stderr
    );
    let mut unlock = apply(&sandbox, "two", "there-host", &["--unlock", "--dry-run"]);
    let output = sandbox.finish(&mut unlock);
    assert!(output.ok().stdout.contains("holds the lock of `vms` since"), "{}", output.render());
    sandbox.write("go", "");
    assert!(first.wait().unwrap().success());
    converged(&sandbox);
    sandbox.finish(&mut apply(&sandbox, "two", "there-host", &[])).ok();
    assert_eq!(sandbox.read("calls"), "first\nslow\n");
}

#[test]
fn a_host_that_is_gone_blocks_nobody_for_long() {
    let sandbox = checkouts("      lock: { kind: git-ref, duration: 1s }\n", true);
    let mut first = begin(&sandbox, "here");
    first.kill().unwrap();
    first.wait().unwrap();
    sandbox.write("go", "");
    let args = ["--lock-timeout", "60s"];
    sandbox.finish(&mut apply(&sandbox, "two", "there-host", &args)).ok();
    converged(&sandbox);
}

#[test]
fn the_lock_of_a_host_that_is_gone_can_be_broken() {
    let sandbox = checkouts("      lock: { duration: 1h }\n", true);
    let mut first = begin(&sandbox, "here");
    first.kill().unwrap();
    first.wait().unwrap();
    sandbox.write("go", "");
    let _ = refused(&sandbox, "there-host");
    sandbox.finish(&mut apply(&sandbox, "two", "there-host", &["--unlock"])).ok();
    sandbox.finish(&mut apply(&sandbox, "two", "there-host", &[])).ok();
    converged(&sandbox);
}

#[test]
fn a_reference_that_cannot_be_pushed_is_an_error_that_says_so() {
    let sandbox = checkouts("", true);
    sandbox.write("origin.git/hooks/update", "#!/bin/sh\necho no >&2\nexit 1\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("origin.git/hooks/update"), mode).unwrap();
    let output = sandbox.finish(&mut apply(&sandbox, "one", "here", &[]));
    assert_eq!(output.code, 2, "{}", output.render());
    assert!(output.stderr.contains("`lock: { kind: file }`"), "{}", output.stderr);
    assert!(!sandbox.path("calls").exists());
}

#[test]
fn kill_9_of_a_command_is_made_good_by_the_next_run() {
    let sandbox = checkouts("      lock: { kind: file }\n", false);
    let mut first = begin(&sandbox, "home");
    first.kill().unwrap();
    first.wait().unwrap();
    sandbox.write("go", "");
    let output = sandbox.finish(&mut apply(&sandbox, "two", "home", &[]));
    output.ok();
    assert!(
        output.stderr.contains("did not reach its end: going on from there"),
        "{}",
        output.stderr
    );
    converged(&sandbox);
}

#[test]
fn a_folder_has_one_at_a_time_and_a_reload_that_was_killed_is_made_again() {
    let sandbox = Sandbox::new();
    let reload =
        "touch ../there; while [ ! -f ../go ]; do sleep 0.02; done; echo done >> ../reloads";
    sandbox.write(
        "gitops.yaml",
        format!(
            "environments:\n  prod: {{ files: [env/*.yaml], actuator: {{ kind: directory, to: live, \
             reload: [sh, -c, '{reload}'] }} }}\n"
        ),
    );
    sandbox.write("env/a.yaml", "a: 1\n");
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes"]);
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&sandbox.path("there"));
    let second = sandbox.gitops(&["apply", "-e", "prod", "--yes"]);
    assert_eq!(second.code, 3, "{}", second.render());
    first.kill().unwrap();
    first.wait().unwrap();
    sandbox.write("go", "");
    let output = sandbox.gitops(&["apply", "-e", "prod", "--yes"]);
    assert!(output.ok().stderr.contains("going on from there"), "{}", output.render());
    assert!(sandbox.read("reloads").ends_with("done\n"));
    assert_eq!(sandbox.read("live/a.yaml"), "a: 1\n");
}
