//! The `command` actuator, with a shell script in the place of a cloud's.

use std::os::unix::fs::PermissionsExt as _;

use snapbox::str;

use crate::support::Sandbox;

/// Keeps items as files of a directory; every item it exports has fields that it made itself.
const CLOUD: &str = r#"#!/bin/sh
echo "$@" >> calls
case "$1" in
export) [ -f "cloud/$2" ] || { echo "$2 was not found" >&2; exit 1; }
  cat "cloud/$2"; echo "fingerprint: f1"; echo "status: RUNNING";;
apply) sed -e '/^fingerprint/d' -e '/^status/d' "${3#--source=}" > "cloud/$2";;
hang) sleep 600;;
esac
"#;

fn cloud(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("cloud.sh", CLOUD);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("cloud.sh"), mode).unwrap();
    sandbox.write(
        "gitops.yaml",
        format!(
            "environments:\n  vms:\n    files: [instances/*.yaml]\n    actuator:\n      kind: command\n      \
             export: [./cloud.sh, export, '{{name}}']\n      apply: [./cloud.sh, apply, '{{name}}', \
             '--source={{file}}']\n      not-found: {{ exit: 1, stderr: was not found }}\n{settings}"
        ),
    );
    sandbox.write("instances/db.yaml", "machineType: n1\nlabels: { team: a }\n");
    sandbox.write("cloud/db", "machineType: n1\nlabels: { team: a }\n");
    sandbox
}

const APPLY: &[&str] = &["apply", "-e", "vms", "--yes"];

#[test]
fn compares_what_is_declared_and_applies_what_differs() {
    let sandbox = cloud("      compare: { preset: gce-instance }\n");
    let output = sandbox.gitops(APPLY);
    output.ok();
    assert!(output.stdout.contains("1 unchanged"), "{}", output.render());
    sandbox.write("cloud/db", "machineType: n2\nlabels: { team: a, cost: high }\n");
    sandbox.gitops(APPLY).is(str![[r#"
vms: the work tree → command ./cloud.sh apply
~ update Item db
    machineType: n2 → n1
1 to update
-- stderr --
`vms` is as declared
-- exit 0 --

"#]]);
    assert_eq!(sandbox.read("cloud/db"), "labels:\n  team: a\nmachineType: n1\n");
}

#[test]
fn an_overlay_keeps_what_git_does_not_declare() {
    let sandbox = cloud("      payload: overlay\n");
    sandbox.write("cloud/db", "machineType: n2\nlabels: { team: a, cost: high }\n");
    sandbox.gitops(APPLY).ok();
    assert_eq!(sandbox.read("cloud/db"), "labels:\n  cost: high\n  team: a\nmachineType: n1\n");
}

#[test]
fn a_missing_item_is_reported_or_created() {
    let sandbox = cloud("");
    sandbox.write("instances/new.yaml", "machineType: n1\n");
    let output = sandbox.gitops(APPLY);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("the actuator has no `create`"), "{}", output.stderr);
    let sandbox = cloud("      create: [./cloud.sh, apply, '{name}', '--source={file}']\n");
    sandbox.write("instances/new.yaml", "machineType: n1\n");
    sandbox.gitops(APPLY).ok();
    assert_eq!(sandbox.read("cloud/new"), "machineType: n1\n");
}

#[test]
fn a_command_that_fails_or_says_nonsense_changes_nothing() {
    let table = [
        ("exit 7", "exit status: 7"),
        ("exit 0", "it holds 0 documents, not one"),
        ("echo 'a: [b'", "cannot read `the export of db`"),
        ("echo 'a: 1'; echo '---'; echo 'b: 1'", "it holds 2 documents, not one"),
    ];
    for (body, cause) in table {
        let sandbox = cloud("");
        sandbox.write("cloud.sh", format!("#!/bin/sh\necho $1 >> calls\n{body}\n"));
        let output = sandbox.gitops(APPLY);
        assert_eq!(output.code, 2, "{}", output.render());
        assert!(output.stderr.contains(cause), "{}", output.stderr);
        assert!(!sandbox.read("calls").contains("apply"));
    }
}

#[test]
fn names_cannot_become_flags_and_the_environment_is_small() {
    let sandbox = cloud("");
    sandbox.write("instances/--force.yaml", "a: 1\n");
    let output = sandbox.gitops(APPLY);
    assert!(output.stderr.contains("it reads as a flag"), "{}", output.stderr);

    let sandbox = cloud("      env: [WANTED]\n");
    sandbox.write("cloud.sh", "#!/bin/sh\nenv > seen\ncat cloud/db\n");
    let mut command = sandbox.gitops_command(APPLY);
    sandbox.finish(command.env("WANTED", "1").env("UNWANTED", "canary-env")).ok();
    let seen = sandbox.read("seen");
    assert!(seen.contains("WANTED=1") && !seen.contains("canary-env"), "{seen}");
}

#[test]
fn a_command_that_hangs_is_ended() {
    let sandbox = cloud("      timeout: 100ms\n");
    sandbox.write("cloud.sh", "#!/bin/sh\nsleep 600\n");
    let output = sandbox.gitops(APPLY);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("it takes longer than"), "{}", output.stderr);
}
