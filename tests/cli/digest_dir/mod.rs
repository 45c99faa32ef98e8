//! `gitops digest-dir`, beside the tools whose digests it prints.

mod check;
mod errors;
mod exclude;
mod git;
mod invariants;
mod limits;
mod output;
mod recipe;
mod trees;
mod vectors;

use crate::support::Sandbox;

/// What a shell prints, which must succeed.
#[track_caller]
fn shell(sandbox: &Sandbox, script: &str, args: &[&str]) -> String {
    let mut command = sandbox.command("bash");
    let output =
        sandbox.finish(command.args(["-euo", "pipefail", "-c", script, "bash"]).args(args));
    assert_eq!(output.code, 0, "{script}: {}", output.render());
    output.stdout
}

/// The digest that `gitops digest-dir` prints.
#[track_caller]
fn digest(sandbox: &Sandbox, args: &[&str]) -> String {
    let output = sandbox.gitops(&[&["digest-dir"], args].concat());
    output.ok();
    output.stdout.strip_suffix('\n').unwrap().to_owned()
}
