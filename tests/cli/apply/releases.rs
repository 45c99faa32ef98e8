//! `helm-release` and `helmfile`, with scripts in the place of the programs.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::handover::{end, repository, start};
use super::revision::commit;
use crate::support::Sandbox;
use crate::support::kubernetes::Cluster;

fn first_words(calls: &str) -> Vec<&str> {
    calls.lines().map(|line| line.split(' ').next().unwrap()).collect()
}

/// Puts a script in the place of a program.
fn program(sandbox: &Sandbox, name: &str, body: &str) {
    let path = format!("bin/{name}");
    sandbox.write(&path, format!("#!/bin/sh\necho \"$@\" >> \"$CALLS\"\n{body}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path(path), mode).unwrap();
}

fn run_with(sandbox: &Sandbox) -> (Option<i32>, String, String) {
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes", "--timeout", "60s"]);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", sandbox.path("bin").display());
    command.env("KUBECONFIG", sandbox.path("kubeconfig")).env("PATH", path);
    let output = sandbox.finish(command.env("CALLS", sandbox.path("calls.log")));
    (Some(output.code), output.render(), sandbox.read("calls.log"))
}

#[test]
fn a_pending_helm_release_is_rolled_back_and_upgraded() {
    let cluster = Cluster::fake();
    let actuator = "{ kind: helm-release, release: shop, namespace: default, chart: ./chart, values: [values.yaml] }";
    let (sandbox, _) = repository(&cluster, actuator);
    let old = "2020-01-01T00:00:00Z";
    let script = format!(
        "case $1 in\nstatus) if grep -q ^upgrade \"$CALLS\"; then d=$(sed -n 's/.*--description \\(gitops [0-9a-f]*\\).*/\\1/p' \"$CALLS\"); \
         echo \"{{\\\"version\\\":3,\\\"info\\\":{{\\\"status\\\":\\\"deployed\\\",\\\"description\\\":\\\"$d\\\"}}}}\"; \
         else echo '{{\"version\":2,\"info\":{{\"status\":\"pending-upgrade\",\"last_deployed\":\"{old}\"}}}}'; fi;;\n\
         history) echo '[{{\"revision\":1,\"status\":\"deployed\"}},{{\"revision\":2,\"status\":\"pending-upgrade\"}}]';;\nesac"
    );
    program(&sandbox, "helm", &script);
    let (code, said, calls) = run_with(&sandbox);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("an interrupted Helm left it so"), "{said}");
    assert!(said.contains("it is rolled back to revision 1 first"), "{said}");
    let expected = ["status", "history", "status", "history", "rollback", "upgrade"];
    assert_eq!(first_words(&calls), expected, "{calls}");
    let (code, said, _) = run_with(&sandbox);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 unchanged"), "{said}");
}

#[test]
fn helmfile_applies_only_what_differs() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, "{ kind: helmfile }");
    program(
        &sandbox,
        "helmfile",
        "case \"$*\" in *apply*) touch state;; *list*) echo '[]';; *diff*) test -f state || exit 2;; esac",
    );
    let script =
        sandbox.read("bin/helmfile").replace("state", sandbox.path("state").to_str().unwrap());
    sandbox.write("bin/helmfile", script);
    let (code, said, calls) = run_with(&sandbox);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(calls.matches("apply").count(), 1, "{calls}");
    let (_, said, calls) = run_with(&sandbox);
    assert!(said.contains("1 unchanged"), "{said}");
    assert_eq!(calls.matches("apply").count(), 1, "{calls}");
}

/// Helm as it remembers a release: the description of the last upgrade is in its status.
const HELM: &str = "case \"$*\" in\n\
    status*) d=$(sed -n '/dry-run/d; s/.*--description \\(gitops [0-9a-f]*\\).*/\\1/p' \"$CALLS\" | tail -n 1)\n\
      test -n \"$d\" || { echo 'Error: release: not found' >&2; exit 1; }\n\
      echo \"{\\\"version\\\":1,\\\"info\\\":{\\\"status\\\":\\\"deployed\\\",\\\"description\\\":\\\"$d\\\"}}\";;\n\
    *dry-run*) echo '{}';;\n\
    upgrade*) find . -type f | sort >> \"$CALLS\"; test ! -x chart/hook.sh || echo executable >> \"$CALLS\";;\nesac";

#[test]
fn which_values_files_in_which_order_decides_too() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, "{ kind: flux }");
    sandbox.write("env/b.yaml", "a: 2\n");
    program(&sandbox, "helm", HELM);
    for (values, upgrades) in [("values.yaml, b.yaml", 1), ("b.yaml, values.yaml", 2), ("", 3)] {
        let actuator = format!("{{ {RELEASE}, values: [{values}] }}");
        let config =
            format!("environments:\n  prod: {{ files: [env/*.yaml], actuator: {actuator} }}\n");
        sandbox.write("gitops.yaml", config);
        commit(&sandbox, "values");
        for _ in 0..2 {
            let (code, said, calls) = run_with(&sandbox);
            assert_eq!(code, Some(0), "{said}");
            let upgrade = |line: &&str| line.contains("--description");
            assert_eq!(calls.lines().filter(upgrade).count(), upgrades, "{values}: {calls}");
            // Without it Helm takes the last revision's values where none are given.
            let upgrade = |line: &&str| line.starts_with("upgrade");
            let reset = |line: &str| line.contains("--reset-values");
            assert!(calls.lines().filter(upgrade).all(reset), "{calls}");
        }
    }
}

#[test]
fn a_chart_has_all_its_files() {
    for actuator in [format!("{{ {RELEASE} }}"), "{ kind: helmfile }".to_owned()] {
        let cluster = Cluster::fake();
        let (sandbox, _) = repository(&cluster, "{ kind: flux }");
        let config =
            format!("environments:\n  prod: {{ files: ['env/**'], actuator: {actuator} }}\n");
        sandbox.write("gitops.yaml", config);
        for name in ["Chart.yaml", "templates/_helpers.tpl", ".helmignore", "files/x.conf"] {
            sandbox.write(&format!("env/chart/{name}"), "name: shop\n");
        }
        sandbox.write("env/chart/hook.sh", "#!/bin/sh\n");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(sandbox.path("env/chart/hook.sh"), mode).unwrap();
        commit(&sandbox, "chart");
        program(&sandbox, "helm", HELM);
        let helmfile = HELM.replace("upgrade*)", "*apply*)").replace("*dry-run*)", "*list*)");
        program(&sandbox, "helmfile", &helmfile.replace("esac", "*diff*) exit 2;; esac"));
        let (code, said, calls) = run_with(&sandbox);
        assert_eq!(code, Some(0), "{said}");
        let files: Vec<&str> =
            calls.lines().filter(|line| line.starts_with("./") || *line == "executable").collect();
        let expected = ["./chart/.helmignore", "./chart/Chart.yaml", "./chart/files/x.conf"];
        let more = ["./chart/hook.sh", "./chart/templates/_helpers.tpl", "./values.yaml"];
        let expected = [&expected[..], &more, &["executable"]].concat();
        assert_eq!(files, expected, "{actuator}: {calls}");
    }
}

#[test]
fn helmfile_needs_a_plugin_of_helm() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, "{ kind: helmfile }");
    // As Helmfile 1.8 quotes Helm.
    let said = "STDERR:\\n  Error: unknown command \\\"diff\\\" for \\\"helm\\\"\\n";
    program(&sandbox, "helmfile", &format!("printf \"{said}\" >&2; exit 1"));
    let (code, said, _) = run_with(&sandbox);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("Helm has no plugin `diff`\nhint: install it: helm plugin"), "{said}");
}

#[test]
fn what_helmfile_uninstalls_is_shown() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, "{ kind: helmfile }");
    let list = r#"[{"name":"a","namespace":"x","enabled":true,"installed":true},
        {"name":"b","namespace":"x","enabled":true,"installed":false},
        {"name":"c","namespace":"x","enabled":false,"installed":false}]"#;
    let helm = "case \"$*\" in status*) echo '{\"version\":1,\"info\":{\"status\":\"deployed\"}}';;\n\
        get\\ manifest*) echo '{\"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"of-'$3'\"}}';; esac";
    program(&sandbox, "helm", helm);
    let helmfile = format!(
        "case \"$*\" in *list*) echo '{list}';; *diff*) exit 2;;\n\
         *template*) echo '{{\"kind\": \"ConfigMap\", \"metadata\": {{\"name\": \"of-a\"}}}}';; esac"
    );
    program(&sandbox, "helmfile", &helmfile);
    let (code, said, _) = run_with(&sandbox);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("HelmRelease x/b is uninstalled: the Helmfile says"), "{said}");
    assert!(said.contains("    ConfigMap of-b: there → nothing\n"), "{said}");
    assert!(!said.contains("of-c") && !said.contains("x/a is uninstalled"), "{said}");
}

const RELEASE: &str = "kind: helm-release, release: shop, namespace: default, chart: ./chart";

#[test]
fn the_tools_see_the_cluster_that_is_locked() {
    let own = format!("{{ {RELEASE}, kubeconfig: kubeconfig }}");
    let given = format!("{{ {RELEASE} }}");
    let table = [
        (own.as_str(), "helm", &[][..]),
        (&given, "helm", &["--kubeconfig", "kubeconfig"]),
        ("{ kind: helmfile, kubeconfig: kubeconfig }", "helmfile", &[]),
        ("{ kind: helmfile }", "helmfile", &["--kubeconfig", "./kubeconfig"]),
    ];
    for (actuator, name, args) in table {
        let cluster = Cluster::fake();
        let (sandbox, _) = repository(&cluster, actuator);
        let body = "echo \"$KUBECONFIG $HELM_KUBECONTEXT\" >> \"$CALLS\"\ncase \"$*\" in status*) \
             echo 'Error: release: not found' >&2; exit 1;; *list*) echo '[]';; *diff*) exit 2;; esac";
        program(&sandbox, name, body);
        let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes"]);
        let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
        command.args(args).env("PATH", path).env("CALLS", sandbox.path("calls.log"));
        command.env("KUBECONFIG", "/elsewhere").env("HELM_KUBECONTEXT", "other");
        sandbox.finish(&mut command).ok();
        let calls = sandbox.read("calls.log");
        let seen: Vec<&str> = calls.lines().filter(|line| line.ends_with(' ')).collect();
        let ours = sandbox.path("kubeconfig").canonicalize().unwrap();
        assert!(seen.len() >= 2, "{actuator}: {calls}");
        for line in seen {
            let file = std::path::Path::new(line.trim_end()).canonicalize().unwrap();
            assert_eq!(file, ours, "{actuator}: {calls}");
        }
    }
}

#[test]
fn a_release_under_another_name_leaves_the_old_one_and_says_so() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, &format!("{{ {RELEASE} }}"));
    program(&sandbox, "helm", HELM);
    let (code, said, _) = run_with(&sandbox);
    assert!(code == Some(0) && !said.contains("not declared"), "{said}");
    let config = sandbox.read("gitops.yaml").replace("release: shop", "release: store");
    sandbox.write("gitops.yaml", config);
    commit(&sandbox, "renamed");
    let (code, said, _) = run_with(&sandbox);
    assert_eq!(code, Some(0), "{said}");
    let left = "warning: HelmRelease default/shop: not declared any more; left there";
    assert!(said.contains(left), "{said}");
}

/// A release with one image, and another one in the next revision.
fn revision(image: &str) -> String {
    format!(
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {{name: web}}\nspec: {{template: {{spec: {{containers: \
         [{{name: web, image: '{image}'}}]}}}}}}\n---\nkind: Secret\napiVersion: v1\nmetadata: {{name: s}}\n\
         stringData: {{token: canary-{image}}}\n"
    )
}

#[test]
fn the_difference_of_a_release_is_shown_images_first_and_without_secrets() {
    let table =
        [(format!("{{ {RELEASE} }}"), "helm"), ("{ kind: helmfile }".to_owned(), "helmfile")];
    for (actuator, name) in table {
        let cluster = Cluster::fake();
        let (sandbox, _) = repository(&cluster, &actuator);
        sandbox.write("live.log", revision("acme/web:1.2.3"));
        sandbox.write("next.log", revision("acme/web:1.3.0"));
        let json = json!({"manifest": revision("acme/web:1.3.0")});
        sandbox.write("json.log", json.to_string());
        let file = |name: &str| sandbox.path(name).display().to_string();
        let body = format!(
            "case \"$*\" in status*) echo '{{\"version\":1,\"info\":{{\"status\":\"deployed\"}}}}';;\n\
             get\\ manifest*) cat {};;\n*dry-run=server*) cat {};;\n*template*) cat {};;\n*diff*) exit 2;;\n\
             *list*) echo '[{{\"name\":\"shop\",\"namespace\":\"default\"}}]';;\nesac",
            file("live.log"),
            file("json.log"),
            file("next.log")
        );
        program(&sandbox, "helm", &body);
        program(&sandbox, "helmfile", &body);
        let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
        for output in ["text", "json"] {
            let args = ["apply", "-e", "prod", "--dry-run", "-o", output];
            let mut command = sandbox.gitops_command(&args);
            command.env("KUBECONFIG", sandbox.path("kubeconfig")).env("PATH", &path);
            let said = sandbox.finish(command.env("CALLS", sandbox.path("calls.log")));
            let said = said.ok().render();
            assert!(!said.contains("canary"), "{name}: {said}");
            if output == "text" {
                assert!(
                    said.contains("Images\n  acme/web  1.2.3 → 1.3.0  minor"),
                    "{name}: {said}"
                );
                let masked = "<masked> → <masked, another value>";
                assert!(said.contains(masked), "{name}: {said}");
            }
        }
        assert!(!sandbox.read("calls.log").contains("apply"), "{name}");
    }
}

#[test]
fn a_pinned_cluster_is_the_only_one() {
    let uid = "cluster-uid: 3f0c2f6e-0000-0000-0000-000000000000";
    let actuators = [
        format!("{{ {RELEASE}, {uid} }}"),
        format!("{{ kind: helmfile, {uid} }}"),
        format!("{{ kind: flux, kustomization: flux-system/apps, {uid} }}"),
        format!("{{ kind: argocd, application: argocd/shop, {uid} }}"),
    ];
    for actuator in actuators {
        let cluster = Cluster::fake();
        let (sandbox, _) = repository(&cluster, &actuator);
        let (code, said) = end(start(&sandbox, &[]));
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("not 3f0c2f6e-0000-0000-0000-000000000000"), "{said}");
        assert!(!cluster.log().iter().any(|line| !line.starts_with("GET")), "{actuator}");
    }
}

/// What Helm says of a release that was never deployed and whose second revision is pending.
const NEVER: &str = "case \"$*\" in\n\
    list*) echo '[{\"name\":\"shop\",\"namespace\":\"default\",\"enabled\":true,\"installed\":true}]';;\n\
    *list*) echo '[{\"name\":\"shop\",\"namespace\":\"default\",\"enabled\":true,\"installed\":true}]';;\n\
    status*) echo '{\"version\":2,\"info\":{\"status\":\"pending-upgrade\",\"last_deployed\":\"2020-01-01T00:00:00Z\"}}';;\n\
    history*) echo '[{\"revision\":1,\"status\":\"failed\"},{\"revision\":2,\"status\":\"pending-upgrade\"}]';;\nesac";

#[test]
fn a_release_that_was_never_deployed_loses_its_pending_revision_alone() {
    for actuator in [format!("{{ {RELEASE} }}"), "{ kind: helmfile }".to_owned()] {
        let cluster = Cluster::fake();
        let (sandbox, _) = repository(&cluster, &actuator);
        let secrets = "/api/v1/namespaces/default/secrets";
        for (revision, status) in [(1, "failed"), (2, "pending-upgrade")] {
            let name = format!("sh.helm.release.v1.shop.v{revision}");
            let labels = json!({"owner": "helm", "status": status});
            let secret = json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": name, "labels": labels}});
            cluster.create(secrets, &secret);
        }
        program(&sandbox, "helm", NEVER);
        program(&sandbox, "helmfile", NEVER);
        let (code, said, _) = run_with(&sandbox);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("nothing was ever deployed, revision 2 is deleted first"), "{said}");
        let there = |revision: u32| {
            cluster.get(&format!("{secrets}/sh.helm.release.v1.shop.v{revision}")).is_some()
        };
        assert!(there(1) && !there(2), "{said}");
    }
}

#[test]
fn a_release_that_somebody_may_be_at_is_left_alone() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, &format!("{{ {RELEASE} }}"));
    program(&sandbox, "helm", &NEVER.replace("2020-", "2999-"));
    let (code, said, calls) = run_with(&sandbox);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("somebody may be at it\nhint: wait until that has ended"), "{said}");
    assert_eq!(first_words(&calls), ["status", "history"], "{calls}");
}

#[test]
fn a_signal_is_for_helm_too_and_the_lock_is_held_until_it_has_ended() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, &format!("{{ {RELEASE} }}"));
    let body = "case \"$*\" in status*) echo 'Error: release: not found' >&2; exit 1;;\n\
        *dry-run*) echo '{}';;\n\
        upgrade*) trap 'echo ended >> \"$CALLS\"; exit 1' TERM; touch \"$CALLS.there\"; sleep 600 & wait;; esac";
    program(&sandbox, "helm", body);
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes"]);
    let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
    command.env("KUBECONFIG", sandbox.path("kubeconfig")).env("PATH", path);
    command.env("CALLS", sandbox.path("calls.log")).stderr(std::process::Stdio::piped());
    let run = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while !sandbox.path("calls.log.there").exists() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert!(sandbox.read("calls.log").ends_with("ended\n"), "{}", sandbox.read("calls.log"));
    let lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/gitops-prod";
    let holder = cluster.get(lease).unwrap()["spec"]["holderIdentity"].clone();
    assert_eq!(holder.as_str().unwrap_or_default(), "");
}
