//! Environments that another program renders: kustomize for real, the others by their command lines.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::Repository;

const CONFIG: &str = "\
environments:
  prod:
    files: [overlays/prod/**]
    render: {kind: kustomize, path: overlays/prod}
";

fn kustomized() -> Repository {
    let repository = Repository::new();
    let sandbox = &repository.sandbox;
    sandbox.write("gitops.yaml", CONFIG);
    sandbox.write("base/kustomization.yaml", "resources: [deployment.yaml]\n");
    sandbox.write(
        "base/deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec: {containers: [{name: api, image: r.io/api}]}\n",
    );
    sandbox.write(
        "overlays/prod/kustomization.yaml",
        "resources: [../../base]\nnamespace: shop\nimages: [{name: r.io/api, newTag: v1.0.0}]\nconfigMapGenerator:\n- {name: env, literals: [mode=a]}\n",
    );
    repository.commit("start");
    repository
}

/// Whether a tool is there; in CI it has to be.
#[expect(clippy::print_stderr, reason = "a test that was not run says so")]
fn has(tool: &str) -> bool {
    let found = std::process::Command::new(tool).arg("version").output().is_ok();
    if !found {
        eprintln!("{tool} is not installed: rendering by it was not tested");
        assert!(std::env::var_os("CI").is_none(), "CI must have {tool}");
    }
    found
}

#[test]
fn compares_what_kustomize_makes_of_both_sides() {
    if !has("kubectl") {
        return;
    }
    let repository = kustomized();
    let path = "overlays/prod/kustomization.yaml";
    let text =
        repository.sandbox.read(path).replace("v1.0.0", "v1.1.0").replace("mode=a", "mode=b");
    repository.sandbox.write(path, text);
    repository.commit("api v1.1.0");
    for args in [&["diff", "HEAD~1..HEAD", "-o", "json"][..], &["diff", "HEAD~1", "-o", "json"]] {
        // The second time it comes from the cache.
        for _ in 0..2 {
            let output = repository.sandbox.gitops(args);
            assert_eq!(output.code, 0, "{}", output.render());
            let json = output.json();
            assert_eq!(json["images"][0]["after"], "v1.1.0", "{json}");
            assert_eq!(json["counts"]["changed"], 1, "{json}");
            assert_eq!(json["counts"]["renamed"], 1, "{json}");
            assert_eq!(json["objects"][0]["environment"], "prod");
        }
    }
    let raw = repository.sandbox.gitops(&["diff", "HEAD~1..HEAD", "--raw", "-o", "json"]).json();
    assert_eq!(raw["objects"][0]["file"], path);
}

#[test]
fn a_change_of_the_base_is_a_change_of_the_environment() {
    if !has("kubectl") {
        return;
    }
    let repository = kustomized();
    let path = "base/deployment.yaml";
    repository.sandbox.write(
        path,
        repository.sandbox.read(path).replace("spec:\n  sel", "spec:\n  replicas: 4\n  sel"),
    );
    repository.commit("replicas");
    let json =
        repository.sandbox.gitops(&["diff", "HEAD~1..HEAD", "-e", "prod", "-o", "json"]).json();
    assert_eq!(json["objects"][0]["changes"][0]["path"], "spec.replicas", "{json}");
    assert_eq!(json["objects"][0]["namespace"], "shop");
}

/// A program that prints a ConfigMap of its arguments.
fn fake(repository: &Repository, name: &str) -> String {
    let dir = repository.sandbox.path("../bin");
    fs::create_dir_all(&dir).unwrap();
    let script = "#!/bin/sh\n[ \"$1\" = version ] && { echo v1; exit; }\n\
        [ -f fail ] && { echo 'it broke' >&2; exit 1; }\n\
        printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: seen}\\ndata:\\n  arguments: \"%s\"\\n  values: \"%s\"\\n' \"$*\" \"$(cat values.yaml)\"\n";
    fs::write(dir.join(name), script).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", dir.display())
}

#[test]
fn calls_helm_and_helmfile_with_what_the_configuration_says() {
    for (kind, program, arguments) in [
        (
            "kind: helm, chart: chart, release: shop, values: [values.yaml]",
            "helm",
            "template shop chart --include-crds --namespace ns --values values.yaml",
        ),
        (
            "kind: helmfile, args: [--skip-deps]",
            "helmfile",
            "--environment prod template --skip-deps",
        ),
    ] {
        let repository = Repository::new();
        let path = fake(&repository, program);
        let config = format!(
            "environments:\n  prod: {{files: [values.yaml], namespace: ns, render: {{{kind}}}}}\n"
        );
        repository.sandbox.write("gitops.yaml", config);
        repository.sandbox.write("chart/Chart.yaml", "name: chart\n");
        repository.sandbox.write("values.yaml", "one");
        repository.commit("start");
        repository.sandbox.write("values.yaml", "two");
        let run = |args: &[&str]| {
            let mut command = repository.sandbox.gitops_command(args);
            repository.sandbox.finish(command.env("PATH", &path))
        };
        let output = run(&["diff", "-o", "json"]);
        assert_eq!(output.code, 0, "{}", output.render());
        let change = &output.json()["objects"][0]["changes"][0];
        assert_eq!(
            (&change["before"], &change["after"]),
            (&"one".into(), &"two".into()),
            "{}",
            output.render()
        );
        let shown = run(&["diff", "-e", "prod", "-v"]);
        assert!(
            shown.stderr.contains(&format!("rendering `prod` with {program}")),
            "{}",
            shown.render()
        );
        // What it was called with, seen where the object is new.
        repository.sandbox.write("fail", "");
        let failed = run(&["diff"]);
        assert_eq!(failed.code, 2);
        assert!(failed.stderr.contains("it broke"), "{}", failed.render());
        fs::remove_file(repository.sandbox.path("fail")).unwrap();
        let kept = fs::read_dir(repository.sandbox.path("../home/.cache/gitops/render")).unwrap();
        let kept = fs::read_to_string(kept.flatten().next().unwrap().path()).unwrap();
        assert!(kept.contains(&format!("\"{arguments}\"")), "{kept}");
    }
}

#[test]
fn a_missing_program_is_named() {
    let repository = kustomized();
    repository.sandbox.write("overlays/prod/kustomization.yaml", "resources: []\n");
    let mut command = repository.sandbox.gitops_command(&["diff"]);
    let output = repository.sandbox.finish(command.env("PATH", "/nonexistent"));
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("hint: install kustomize, or compare the files with --raw"),
        "{}",
        output.render()
    );
}

/// A repository rendered by a command of its own, which does what the script says.
fn scripted(script: &str) -> Repository {
    let repository = Repository::new();
    let config = "environments:\n  prod: {files: [x.yaml], render: {kind: command, command: [sh, render.sh]}}\n";
    repository.sandbox.write("gitops.yaml", config);
    repository.sandbox.write("x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    repository.sandbox.write("render.sh", script);
    repository.commit("start");
    repository
}

#[test]
fn a_renderer_that_prints_nothing_is_noticed() {
    let repository = scripted("cat x.yaml\n");
    repository.sandbox.write("render.sh", "true\n");
    for format in ["text", "markdown", "json"] {
        let output = repository.sandbox.gitops(&["diff", "-o", format]);
        assert!(
            output.stdout.contains("renders to nothing on the newer side"),
            "{}",
            output.render()
        );
    }
}

#[test]
fn a_renderer_ends_with_us_and_leaves_nothing() {
    let repository = scripted("echo $$ > \"$STARTED\"\nexec sleep 600\n");
    repository.sandbox.write("x.yaml", "{}\n");
    let (started, temporary) =
        (repository.sandbox.path("../started"), repository.sandbox.path("../tmp"));
    fs::create_dir_all(&temporary).unwrap();
    let mut command = repository.sandbox.gitops_command(&["diff"]);
    command.env("STARTED", &started).env("TMPDIR", &temporary);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = loop {
        match fs::read_to_string(&started) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => assert!(child.try_wait().unwrap().is_none(), "it ended early"),
        }
    };
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    let kill = |signal: &str, pid: &str| {
        let mut kill = repository.sandbox.command("kill");
        repository.sandbox.finish(kill.args([signal, pid])).code
    };
    assert_eq!(kill("-TERM", &child.id().to_string()), 0);
    assert!(!child.wait().unwrap().success());
    assert_ne!(kill("-0", &pid), 0, "the renderer lives on");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}
