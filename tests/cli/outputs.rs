//! What CI systems are told: outputs, the dotenv file of `--output-env`, and the summary of a step.

use std::fs;
use std::process::Command;

use snapbox::str;

use crate::pull_requests::{BUMP, Shop, github};
use crate::support::{Output, Sandbox};

const CONFIG: &str = "\
environments:
  prod: { files: [env/*.yaml], actuator: { kind: directory, to: live } }
";
const API: &str = "api:\n  image:\n    repository: ghcr.io/acme/api\n    tag: v1.0.0\n";

fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("gitops.yaml", CONFIG);
    sandbox.write("env/api.yaml", API);
    sandbox
}

/// Runs a command in a step of GitHub Actions, and gives what it said there: outputs and summary.
#[track_caller]
fn told(sandbox: &Sandbox, command: &mut Command) -> (Output, String, String) {
    let files = ["output", "summary"].map(|name| sandbox.path(name));
    let output = sandbox.finish(
        command
            .env("GITHUB_OUTPUT", &files[0])
            .env("GITHUB_STEP_SUMMARY", &files[1])
            .env("GITOPS_OUTPUT_ENV", sandbox.path("later.env")),
    );
    let [outputs, summary] = files.map(|file| {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        text
    });
    let dotenv = fs::read_to_string(sandbox.path("later.env")).unwrap_or_default();
    let _ = fs::remove_file(sandbox.path("later.env"));
    assert_eq!(outputs, dotenv);
    (output, outputs, summary)
}

#[track_caller]
fn step(sandbox: &Sandbox, args: &[&str]) -> (String, String) {
    let (output, outputs, summary) = told(sandbox, &mut sandbox.gitops_command(args));
    output.ok();
    (outputs, summary)
}

#[test]
fn an_edit_says_what_it_changed() {
    let sandbox = shop();
    let bump = ["bump-tag", "api=v2.0.0", "-e", "prod"];
    let (outputs, summary) = step(&sandbox, &[&bump[..], &["--dry-run"]].concat());
    assert_eq!((&*outputs, &*summary), ("changed=true\n", ""), "nothing was done");
    let (outputs, summary) = step(&sandbox, &bump);
    assert_eq!(outputs, "changed=true\n");
    snapbox::assert_data_eq!(
        summary,
        str![[r#"
### `bump-tag`: edited, not committed

| Place | Key | Before | After |
| --- | --- | --- | --- |
| `env/api.yaml:4` | `api.image.tag` | `v1.0.0` | `v2.0.0` |


"#]]
    );
    assert_eq!(step(&sandbox, &bump), ("changed=false\n".to_owned(), String::new()));
}

#[test]
fn values_of_secrets_are_masked() {
    let sandbox = shop();
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: hidden-old\n";
    sandbox.write("env/db.yaml", secret);
    // No canary: `git::secrets` looks for those in the arguments of all processes, at the same time.
    let set = "stringData.password=hidden-new";
    for more in [&["--dry-run"][..], &[]] {
        let args = [&["bump-tag", "--file", "env/db.yaml", "--set", set][..], more].concat();
        let (outputs, summary) = step(&sandbox, &args);
        assert_eq!(outputs, "changed=true\n");
        assert!(!summary.contains("hidden"), "{summary}");
    }
    let (outputs, summary) = step(&sandbox, &["apply", "-e", "prod", "--yes"]);
    assert!(!outputs.contains("hidden") && !summary.contains("hidden"), "{summary}");
}

#[test]
fn apply_says_how_it_ended() {
    let sandbox = shop();
    let (outputs, summary) = step(&sandbox, &["apply", "-e", "prod", "--dry-run"]);
    assert_eq!(outputs, "changed=true\nstatus=planned\nenvironment=prod\n");
    assert_eq!(summary, "");
    let (outputs, summary) = step(&sandbox, &["apply", "-e", "prod", "--yes"]);
    assert_eq!(outputs, "changed=true\nstatus=applied\nenvironment=prod\n");
    snapbox::assert_data_eq!(
        summary,
        str![[r#"
### `apply`: `prod` applied, the work tree

| Image | Before | After |
| --- | --- | --- |
| `ghcr.io/acme/api` | – | `v1.0.0` |

### 1 to create

| Operation | Object |
| --- | --- |
| create | File api.yaml |


"#]]
    );
    let (outputs, summary) = step(&sandbox, &["apply", "-e", "prod", "--yes"]);
    assert_eq!(outputs, "changed=false\nstatus=unchanged\nenvironment=prod\n");
    assert_eq!(summary, "");
}

#[test]
fn diff_and_digest_say_whether_something_differs() {
    let sandbox = shop();
    sandbox.write("other/api.yaml", API.replace("v1.0.0", "v2.0.0"));
    let (outputs, summary) = step(&sandbox, &["diff", "env", "other"]);
    assert_eq!(outputs, "changed=true\n");
    assert!(summary.contains("\n| `ghcr.io/acme/api` | `v1.0.0` | `v2.0.0` |"), "{summary}");
    let (outputs, summary) = step(&sandbox, &["diff", "env", "env"]);
    assert_eq!((&*outputs, &*summary), ("changed=false\n", ""));
    let (outputs, summary) = step(&sandbox, &["diff", "-e", "prod", "--live"]);
    assert_eq!((&*outputs, &*summary), ("changed=true\n", ""));
    let (outputs, summary) = step(&sandbox, &["digest-dir", "env"]);
    assert!(outputs.starts_with("digest=gd1:") && outputs.lines().count() == 1, "{outputs}");
    assert_eq!(summary, "");
}

#[test]
fn a_pull_request_is_named() {
    let Some(shop) = Shop::new() else { return };
    let (api, sandbox) = (github(), &shop.repos.sandbox);
    let dry_run = [BUMP, &["--dry-run"]].concat();
    let (output, outputs, summary) = told(sandbox, &mut shop.with("github", &api, &dry_run));
    assert_eq!(output.ok().json()["changed"], true);
    assert_eq!(outputs, "changed=true\nbranch=gitops/production/api\n");
    assert_eq!(summary, "");
    let (output, outputs, summary) = told(sandbox, &mut shop.with("github", &api, BUMP));
    let commit = output.ok().json()["head_sha"].as_str().unwrap().to_owned();
    let url = "https://github.example/open/shop/pull/7";
    assert_eq!(
        outputs,
        format!(
            "changed=true\ncommit={commit}\nbranch=gitops/production/api\naction=created\nnumber=7\nurl={url}\n"
        )
    );
    let heading = format!("### `bump-tag`: created the pull request [#7]({url})\n\n| Place |");
    assert!(summary.starts_with(&heading), "{summary}");
    // Another job, with the checkout of the branch.
    let open = ["open-pr", "--head", "gitops/production/api"];
    let (output, outputs, _) = told(sandbox, &mut shop.with("github", &api, &open));
    assert!(outputs.contains(&format!("\nnumber=7\nurl={url}\n")), "{}{outputs}", output.render());
}

#[test]
fn a_failure_publishes_nothing_and_an_unwritable_file_is_one() {
    let sandbox = shop();
    let mut command = sandbox.gitops_command(&["bump-tag", "none=v2.0.0", "-e", "prod"]);
    let (output, outputs, summary) = told(&sandbox, &mut command);
    assert_eq!((output.code, &*outputs, &*summary), (2, "", ""));
    sandbox.gitops(&["bump-tag", "api=v2.0.0", "-e", "prod", "--output-env", "env"]).is(str![[
        r#"
env/api.yaml:4: api.image.tag: v1.0.0 -> v2.0.0
-- stderr --
error: cannot write to `env`: Is a directory (os error 21)
-- exit 2 --

"#
    ]]);
}
