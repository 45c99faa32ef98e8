//! `flux` and `argocd`, with the test in the place of the controller; `helm-release` and `helmfile` with scripts.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::revision::{commit, git};
use crate::support::Sandbox;
use crate::support::kubernetes::Cluster;

fn repository(cluster: &Cluster, actuator: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    sandbox.write(".gitignore", "kubeconfig\nbin\n*.log\nstate\n");
    sandbox.write("kubeconfig", cluster.kubeconfig());
    sandbox.write(
        "gitops.yaml",
        format!("environments:\n  prod: {{ files: [env/*.yaml], actuator: {actuator} }}\n"),
    );
    sandbox.write("env/values.yaml", "a: 1\n");
    let id = commit(&sandbox, "one");
    namespaces(cluster);
    (sandbox, id)
}

fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes", "--timeout", "60s"]);
    command.args(args).env("KUBECONFIG", sandbox.path("kubeconfig"));
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Code and standard error.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the controller finds when it is told to look: the object, once it has the field that tells it.
fn told(cluster: &Cluster, path: &str, key: &str) -> Value {
    let start = Instant::now();
    loop {
        let object = cluster.get(path).unwrap();
        if object.pointer(key).is_some_and(|value| !value.is_null()) {
            return object;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "{path} has no {key}");
        std::thread::yield_now();
    }
}

const SOURCE: &str =
    "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/flux-system";
const APPS: &str =
    "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/apps";
const REQUESTED: &str = "/metadata/annotations/reconcile.fluxcd.io~1requestedAt";

fn namespaces(cluster: &Cluster) {
    for name in ["flux-system", "argocd"] {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        cluster.create("/api/v1/namespaces", &namespace);
    }
}

fn flux(cluster: &Cluster) {
    namespaces(cluster);
    let source = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "flux-system"}, "status": {"artifact": {"revision": "main@sha1:old"}}});
    cluster.create(SOURCE.trim_end_matches("/flux-system"), &source);
    let apps = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "apps"},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
        "status": {"lastAppliedRevision": "main@sha1:old", "observedGeneration": 1,
                   "conditions": [{"type": "Ready", "status": "True"}]}});
    cluster.create(APPS.trim_end_matches("/apps"), &apps);
}

/// Plays both controllers: the source gets `revision`, the Kustomization this status beside it.
fn reconcile(cluster: &Cluster, revision: &str, applied: &str, ready: &str) {
    told(cluster, SOURCE, REQUESTED);
    cluster.set_status(SOURCE, &json!({"artifact": {"revision": format!("main@sha1:{revision}")}}));
    let apps = told(cluster, APPS, REQUESTED);
    let token = apps.pointer(REQUESTED).unwrap();
    cluster.set_status(
        APPS,
        &json!({"lastHandledReconcileAt": token, "observedGeneration": 1,
        "lastAppliedRevision": format!("main@sha1:{applied}"),
        "lastAttemptedRevision": format!("main@sha1:{revision}"),
        "conditions": [{"type": "Ready", "status": ready, "reason": "R", "message": "said so"}]}),
    );
}

#[test]
fn flux_is_waited_for_until_it_has_our_commit() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, id) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &[]);
    reconcile(&cluster, &id, &id, "True");
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = end(start(&sandbox, &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing to do"), "{said}");
}

#[test]
fn flux_failing_on_our_commit_ends_the_wait() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, id) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &[]);
    reconcile(&cluster, &id, "old", "False");
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("said so"), "{said}");
}

#[test]
fn a_suspended_kustomization_is_refused() {
    let cluster = Cluster::fake();
    flux(&cluster);
    cluster.edit(APPS, &json!({"spec": {"suspend": true}}));
    let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let (code, said) = end(start(&sandbox, &[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("it is suspended"), "{said}");
}

const SHOP: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop";

#[test]
fn argocd_is_told_to_sync_and_waited_for() {
    let cluster = Cluster::fake();
    let (sandbox, id) =
        repository(&cluster, "{ kind: argocd, application: argocd/shop, sync: true }");
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop"}, "spec": {"source": {"path": "env"}},
        "status": {"sync": {"revision": id}, "health": {"status": "Healthy"},
                   "operationState": {"phase": "Succeeded", "syncResult": {"revision": "old"}}}});
    cluster.create(SHOP.trim_end_matches("/shop"), &application);
    let run = start(&sandbox, &[]);
    let refreshed = told(&cluster, SHOP, "/metadata/annotations/argocd.argoproj.io~1refresh");
    assert_eq!(
        refreshed.pointer("/metadata/annotations/argocd.argoproj.io~1refresh").unwrap(),
        "normal"
    );
    let now = told(&cluster, SHOP, "/operation");
    assert_eq!(now["operation"]["sync"], json!({"revision": id, "prune": false}));
    cluster.edit(SHOP, &json!({"operation": null}));
    cluster.set_status(
        SHOP,
        &json!({"operationState": {"phase": "Succeeded", "syncResult": {"revision": id}}}),
    );
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn argocd_that_is_not_ours_to_sync_is_left_alone() {
    let cluster = Cluster::fake();
    let (sandbox, id) = repository(&cluster, "{ kind: argocd, application: argocd/shop }");
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop"}, "spec": {"source": {"path": "env"}},
        "status": {"sync": {"revision": id}, "health": {"status": "Healthy"}}});
    cluster.create(SHOP.trim_end_matches("/shop"), &application);
    let (code, said) = end(start(&sandbox, &[]));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("it does not sync by itself"), "{said}");
    assert!(cluster.get(SHOP).unwrap()["operation"].is_null());
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
    let lines: Vec<&str> = calls.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(lines, ["status", "status", "history", "rollback", "upgrade"], "{calls}");
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
        "case \"$*\" in *apply*) touch state;; *diff*) test -f state || exit 2;; esac",
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
