//! `--notify`: the channels hear what is done, and no more than that.

use snapbox::str;

use crate::support::Sandbox;

const CONFIG: &str = "\
environments:
  prod: { files: [env/*.yaml], actuator: { kind: directory, to: live } }
notify:
  out: { kind: stdout }
";

fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("gitops.yaml", CONFIG);
    sandbox.write("env/api.yaml", "image: ghcr.io/acme/api:v1\n");
    sandbox
}

fn apply(sandbox: &Sandbox, args: &[&str]) -> crate::support::Output {
    let args: Vec<&str> =
        ["apply", "-q", "-e", "prod", "--notify"].iter().chain(args).copied().collect();
    sandbox.gitops(&args)
}

#[test]
fn a_change_is_announced_and_confirmed_and_nothing_else_is() {
    let sandbox = shop();
    apply(&sandbox, &["--yes"]).ok();
    sandbox.write("env/api.yaml", "image: ghcr.io/acme/api:v2\n");
    apply(&sandbox, &["--yes"]).is(str![[r#"
prod: the work tree → directory live

Images
  ghcr.io/acme/api  v1 → v2  major  api.yaml

~ update File api.yaml
    - image: ghcr.io/acme/api:v1
    + image: ghcr.io/acme/api:v2
1 to update
Deploying to prod
  api v1 → v2
Deployed api v2 to prod
-- exit 0 --

"#]]);
    apply(&sandbox, &["--yes"]).is(str![[r#"
prod: the work tree → directory live
1 unchanged
-- exit 0 --

"#]]);
}

#[test]
fn what_fails_is_said_with_its_reason() {
    let sandbox = shop();
    sandbox.write("gitops.yaml", CONFIG.replace("to: live", "to: live, reload: ['false']"));
    apply(&sandbox, &["--yes"]).is(str![[r#"
prod: the work tree → directory live

Images
  ghcr.io/acme/api  – → v1  added  api.yaml

+ create File api.yaml
1 to create
Deploying to prod
  api new: v1
Failed to deploy api v1 to prod
Reason: Command reload: cannot run `false`: exit status: 1: it said nothing
-- stderr --
warning: Command reload: cannot run `false`: exit status: 1: it said nothing
warning: `prod` is changed only in part
-- exit 4 --

"#]]);
    sandbox.write("live/web.yaml", "mine");
    sandbox.write("env/web.yaml", "image: ghcr.io/acme/web:v1\n");
    apply(&sandbox, &["--yes"]).is(str![[r#"
prod: the work tree → directory live

Images
  ghcr.io/acme/web  – → v1  added  web.yaml

~ adopt File web.yaml
    - mine
    + image: ghcr.io/acme/web:v1
1 to adopt, 1 unchanged
Failed to deploy to prod
Reason: cannot apply `prod`: File web.yaml belongs to somebody else
-- stderr --
error: cannot apply `prod`: File web.yaml belongs to somebody else
hint: if that is what you want: --allow take-over
-- exit 3 --

"#]]);
}

#[test]
fn drift_is_said_once_and_so_is_its_end() {
    let sandbox = shop();
    apply(&sandbox, &["--yes"]).ok();
    let watch = |drift: &str| apply(&sandbox, &["--watch", "--once", "--drift", drift]);
    sandbox.write("live/api.yaml", "image: ghcr.io/acme/api:v0\n");
    watch("notify").is(str![[r#"
Drift in prod
  File api.yaml differs
prod: what is there is not what Git declares
prod: the work tree → directory live

Images
  ghcr.io/acme/api  v0 → v1  major  api.yaml

~ update File api.yaml
    - image: ghcr.io/acme/api:v0
    + image: ghcr.io/acme/api:v1
1 to update
-- exit 0 --

"#]]);
    watch("notify").is(str![[r#"
-- exit 0 --

"#]]);
    sandbox.write("live/api.yaml", "image: ghcr.io/acme/api:v1\n");
    watch("notify").is(str![[r#"
Drift resolved in prod
prod: the drift is gone
-- exit 0 --

"#]]);
    sandbox.write("live/api.yaml", "image: ghcr.io/acme/api:v0\n");
    watch("remediate").is(str![[r#"
Drift in prod
  File api.yaml differs
Reason: it is put right
prod: the work tree → directory live

Images
  ghcr.io/acme/api  v0 → v1  major  api.yaml

~ update File api.yaml
    - image: ghcr.io/acme/api:v0
    + image: ghcr.io/acme/api:v1
1 to update
Drift resolved in prod
-- exit 0 --

"#]]);
}

#[test]
fn a_revision_that_fails_is_said_once_by_a_watch() {
    let sandbox = shop();
    sandbox.write("gitops.yaml", CONFIG.replace("to: live", "to: live, reload: ['false']"));
    let said = |output: crate::support::Output| output.render().matches("Failed").count();
    assert_eq!(said(apply(&sandbox, &["--watch", "--once"])), 1);
    // It is tried again a minute later at the earliest, and this is not.
    assert_eq!(said(apply(&sandbox, &["--watch", "--once"])), 0);
}

#[test]
fn a_renderer_that_fails_is_said_once_by_a_watch() {
    let sandbox = shop();
    sandbox.write("gitops.yaml", CONFIG.replace("to: live", "to: live, render: ['false']"));
    let output = apply(&sandbox, &["--watch", "--once"]);
    assert_eq!(
        (output.code, output.render().matches("Failed").count()),
        (2, 1),
        "{}",
        output.render()
    );
    let output = apply(&sandbox, &["--watch", "--once"]);
    assert_eq!(output.render().matches("Failed").count(), 0, "{}", output.render());
}
