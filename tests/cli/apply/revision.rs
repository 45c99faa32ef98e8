//! Which commit is applied: that of the checkout, another one, or the tip of a remote.

use snapbox::str;

use crate::support::{Output, Sandbox};

const CONFIG: &str = "\
environments:
  prod: { files: [env/*.yaml], actuator: { kind: directory, to: live } }
";

pub(super) fn git(sandbox: &Sandbox, args: &[&str]) -> String {
    let mut command = sandbox.command("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]).args(args);
    let output = sandbox.finish(&mut command);
    assert_eq!(output.code, 0, "git {args:?}: {}", output.render());
    output.stdout.trim().to_owned()
}

pub(super) fn commit(sandbox: &Sandbox, message: &str) -> String {
    git(sandbox, &["add", "-A"]);
    git(sandbox, &["commit", "-q", "-m", message]);
    git(sandbox, &["rev-parse", "HEAD"])
}

fn repository() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    sandbox.write(".gitignore", "live\n");
    sandbox.write("gitops.yaml", CONFIG);
    sandbox.write("env/api.yaml", "image: api:1\n");
    let first = commit(&sandbox, "one");
    (sandbox, first)
}

fn apply(sandbox: &Sandbox, args: &[&str]) -> Output {
    let args: Vec<&str> = ["apply", "-e", "prod", "--yes"].iter().chain(args).copied().collect();
    sandbox.gitops(&args)
}

#[test]
fn the_commit_is_applied_and_remembered() {
    let (sandbox, first) = repository();
    apply(&sandbox, &[]).ok();
    assert!(sandbox.read("live/.gitops/inventory.json").contains(&first));
    sandbox.write("env/api.yaml", "image: api:2\n");
    apply(&sandbox, &[]).is(str![[r#"
-- stderr --
error: cannot apply `prod`: its files have changes that are not committed
hint: commit them, or apply them as they are with --allow-dirty
-- exit 3 --

"#]]);
    apply(&sandbox, &["--allow-dirty"]).ok();
    assert_eq!(sandbox.read("live/api.yaml"), "image: api:2\n");
    commit(&sandbox, "two");
    sandbox.write("notes.txt", "not of the environment");
    apply(&sandbox, &[]).ok();
    apply(&sandbox, &["--rev", &first]).ok();
    assert_eq!(sandbox.read("live/api.yaml"), "image: api:1\n");
    let output = apply(&sandbox, &["--rev", "nonsense"]);
    assert_eq!(output.code, 2, "{}", output.render());
}

#[test]
fn a_watch_follows_a_remote_without_a_checkout() {
    let (sandbox, _) = repository();
    git(&sandbox, &["clone", "-q", "--bare", ".", "remote.git"]);
    let url = format!("file://{}", sandbox.path("remote.git").canonicalize().unwrap().display());
    let watch = || {
        let args = ["-C", &url, "apply", "-e", "prod", "--watch", "--once"];
        sandbox.gitops(&args).ok();
        sandbox.read("live/api.yaml")
    };
    assert_eq!(watch(), "image: api:1\n");
    sandbox.write("env/api.yaml", "image: api:2\n");
    git(&sandbox, &["add", "env"]);
    git(&sandbox, &["commit", "-q", "-m", "two"]);
    git(&sandbox, &["push", "-q", "remote.git", "main"]);
    assert_eq!(watch(), "image: api:2\n");
}

#[test]
fn a_watch_does_not_follow_a_branch_back() {
    let (sandbox, first) = repository();
    sandbox.write("env/api.yaml", "image: api:2\n");
    commit(&sandbox, "two");
    git(&sandbox, &["clone", "-q", "--bare", ".", "remote.git"]);
    let url = format!("file://{}", sandbox.path("remote.git").canonicalize().unwrap().display());
    for place in [".", &url] {
        let watch = |more: &[&str]| {
            let args = ["-C", place, "apply", "-e", "prod", "--watch", "--once", "--drift", "off"];
            sandbox.gitops(&[&args, more].concat())
        };
        git(&sandbox, &["push", "-q", "-f", "remote.git", "main"]);
        watch(&[]).ok();
        let tip = git(&sandbox, &["rev-parse", "HEAD"]);
        git(&sandbox, &["push", "-q", "-f", "remote.git", &format!("{first}:main")]);
        git(&sandbox, &["reset", "-q", "--hard", &first]);
        let output = watch(&[]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("is not in its history"), "{}", output.render());
        assert_eq!(sandbox.read("live/api.yaml"), "image: api:2\n");
        // It is remembered as a revision that failed; whoever means it says so.
        let allowed = ["-C", place, "apply", "-e", "prod", "--yes"];
        sandbox.gitops(&allowed).ok();
        assert_eq!(sandbox.read("live/api.yaml"), "image: api:1\n");
        git(&sandbox, &["reset", "-q", "--hard", tip.trim()]);
        git(&sandbox, &["push", "-q", "-f", "remote.git", "main"]);
        watch(&[]).ok();
        git(&sandbox, &["push", "-q", "-f", "remote.git", &format!("{first}:main")]);
        git(&sandbox, &["reset", "-q", "--hard", &first]);
        watch(&["--allow", "rewound"]).ok();
        assert_eq!(sandbox.read("live/api.yaml"), "image: api:1\n");
        git(&sandbox, &["reset", "-q", "--hard", tip.trim()]);
    }
}

#[test]
fn a_command_can_render() {
    let (sandbox, _) = repository();
    let render = "render: [sed, 's/api:1/api:rendered/', env/api.yaml]";
    sandbox.write("gitops.yaml", CONFIG.replace("to: live", &format!("to: live, {render}")));
    commit(&sandbox, "render");
    apply(&sandbox, &[]).ok();
    assert_eq!(sandbox.read("live/rendered.yaml"), "image: api:rendered\n");
    sandbox.write("gitops.yaml", CONFIG.replace("to: live", "to: live, render: ['false']"));
    commit(&sandbox, "a renderer that fails");
    let output = apply(&sandbox, &[]);
    assert_eq!(output.code, 2, "{}", output.render());
    assert!(output.stderr.contains("cannot render `prod`"), "{}", output.stderr);
    assert_eq!(sandbox.read("live/rendered.yaml"), "image: api:rendered\n");
}

/// A `kustomize` that prints what its overlay names.
fn with_kustomize(sandbox: &Sandbox, args: &[&str]) -> Output {
    sandbox
        .write("bin/kustomize", "#!/bin/sh\ntest \"$1 $2\" = 'build overlay' && cat base/*.yaml\n");
    let path = sandbox.path("bin");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path.join("kustomize"), mode).unwrap();
    }
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes"]);
    let found = std::env::join_paths(
        [path].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    sandbox.finish(command.args(args).env("PATH", found.unwrap()))
}

#[test]
fn what_a_kustomization_reads_is_part_of_the_environment() {
    let (sandbox, _) = repository();
    let render = "path: overlay, render: kustomize";
    sandbox.write("gitops.yaml", CONFIG.replace("to: live", &format!("to: live, {render}")));
    sandbox.write(".gitignore", "live\nbin\nplan.json\n");
    sandbox.write("overlay/kustomization.yaml", "resources: [../base]\n");
    sandbox.write("base/kustomization.yaml", "resources: [api.yaml]\n");
    sandbox.write("base/api.yaml", "image: api:1\n");
    commit(&sandbox, "kustomize");
    with_kustomize(&sandbox, &[]).ok();
    assert!(sandbox.read("live/rendered.yaml").contains("image: api:1\n"));

    sandbox.write("base/api.yaml", "image: api:2\n");
    let dirty = with_kustomize(&sandbox, &[]);
    assert_eq!(dirty.code, 3, "{}", dirty.render());
    assert!(dirty.stderr.contains("changes that are not committed"), "{}", dirty.stderr);
    commit(&sandbox, "two");
    with_kustomize(&sandbox, &["--plan-out", "plan.json"]).ok();
    // A file that nothing reads is nobody's business; one that the base reads is.
    sandbox.write("README", "more");
    commit(&sandbox, "elsewhere");
    sandbox.write("base/api.yaml", "image: api:3\n");
    commit(&sandbox, "three");
    // A plan is of the commit that it was made of, whatever came after.
    with_kustomize(&sandbox, &["--plan", "plan.json"]).ok();
    assert!(sandbox.read("live/rendered.yaml").contains("image: api:2\n"));
}

#[test]
fn a_plan_is_carried_out_from_its_own_commit() {
    let (sandbox, first) = repository();
    sandbox.write(".gitignore", "live\nplan.json\n");
    sandbox.write("env/api.yaml", "image: api:2\n");
    commit(&sandbox, "two");
    apply(&sandbox, &["--rev", &first, "--plan-out", "plan.json"]).ok();
    sandbox.write("env/api.yaml", "image: api:dirty\n");
    sandbox.gitops(&["apply", "--plan", "plan.json"]).ok();
    assert_eq!(sandbox.read("live/api.yaml"), "image: api:1\n");
    assert!(sandbox.read("live/.gitops/inventory.json").contains(&first));
    // What is not committed cannot be found again.
    let dirty = apply(&sandbox, &["--allow-dirty", "--plan-out", "plan.json"]);
    assert_eq!(dirty.code, 2, "{}", dirty.render());
    assert!(dirty.stderr.contains("cannot be used with"), "{}", dirty.stderr);
}

/// Two repositories, one folder, one name.
#[test]
fn another_repository_deletes_nothing() {
    let (ours, _) = repository();
    let (theirs, _) = repository();
    let shared = ours.path("live").display().to_string();
    theirs.write("gitops.yaml", CONFIG.replace("to: live", &format!("to: {shared:?}")));
    let origin = "https://ci:canary@git.example.com/acme/theirs.git";
    git(&theirs, &["remote", "add", "origin", origin]);
    git(&theirs, &["mv", "env/api.yaml", "env/web.yaml"]);
    commit(&theirs, "web");
    apply(&ours, &[]).ok();
    let there = || (ours.path("live/api.yaml").exists(), ours.path("live/web.yaml").exists());
    // Neither the first nor any later run of either.
    for sandbox in [&theirs, &theirs, &ours, &theirs] {
        let output = apply(sandbox, &[]);
        output.ok();
        assert!(output.stderr.contains("made in another way than before"), "{}", output.stderr);
    }
    assert_eq!(there(), (true, true));
    let inventory = ours.read("live/.gitops/inventory.json");
    let name = "manifests of env/*.yaml in git.example.com/acme/theirs\"";
    assert!(inventory.contains(name) && !inventory.contains("canary"), "{inventory}");
    apply(&theirs, &["--allow", "source-changed"]).ok();
    assert_eq!(there(), (false, true));
    assert!(!apply(&theirs, &[]).ok().stderr.contains("another way"));
}

#[test]
fn other_files_of_the_same_repository_delete_nothing() {
    let (sandbox, _) = repository();
    apply(&sandbox, &[]).ok();
    sandbox.write("env2/web.yaml", "image: web:1\n");
    sandbox.write("gitops.yaml", CONFIG.replace("env/*", "env2/*"));
    commit(&sandbox, "other files");
    for _ in 0..2 {
        let output = apply(&sandbox, &[]);
        output.ok();
        assert!(output.stderr.contains("(manifests of env/*.yaml in "), "{}", output.stderr);
        assert!(sandbox.path("live/api.yaml").exists());
    }
    // The same objects of other files are no reason to ask.
    sandbox.write("env3/api.yaml", "image: api:1\n");
    sandbox.write("env3/web.yaml", "image: web:1\n");
    sandbox.write("gitops.yaml", CONFIG.replace("env/*", "env3/*"));
    commit(&sandbox, "the same objects");
    assert!(!apply(&sandbox, &[]).ok().stderr.contains("another way"));
    std::fs::remove_file(sandbox.path("env3/api.yaml")).unwrap();
    commit(&sandbox, "one less");
    apply(&sandbox, &[]).ok();
    assert!(!sandbox.path("live/api.yaml").exists());
}
