//! What holds for every command: help, version, exit codes, streams.

use snapbox::str;

use crate::support::Sandbox;

#[test]
fn version_is_one_line() {
    Sandbox::new().gitops(&["--version"]).is(str![[r#"
gitops [..]
-- exit 0 --

"#]]);
}

#[test]
fn unknown_command_is_a_usage_error() {
    let output = Sandbox::new().gitops(&["bump-tags"]);
    assert_eq!(output.code, 2);
    assert!(output.stdout.is_empty());
    assert!(output.stderr.contains("unrecognized subcommand"), "{}", output.stderr);
}

#[test]
fn a_flag_can_come_from_the_environment() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.gitops_command(&["man", "nonsense"]);
    let output = sandbox.finish(command.env("GITOPS_OUTPUT", "json"));
    assert_eq!(output.json()["error"]["code"], "not-found");
    assert_eq!(output.code, 2);
}
