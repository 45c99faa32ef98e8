//! `flux` and `argocd`, with the test in the place of the controller.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::revision::{commit, git};
use crate::support::Sandbox;
use crate::support::kubernetes::Cluster;

pub(super) fn repository(cluster: &Cluster, actuator: &str) -> (Sandbox, String) {
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

pub(super) fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes", "--timeout", "60s"]);
    command.args(args).env("KUBECONFIG", sandbox.path("kubeconfig"));
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Code and standard error.
pub(super) fn end(child: Child) -> (Option<i32>, String) {
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

/// An application whose last operation ended like this, and that has this sync status.
fn application(cluster: &Cluster, spec: &Value, status: &Value) {
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop"}, "spec": spec, "status": status});
    cluster.create(SHOP.trim_end_matches("/shop"), &application);
}

#[test]
fn argocd_that_failed_before_is_told_to_sync_again() {
    let cluster = Cluster::fake();
    let (sandbox, id) =
        repository(&cluster, "{ kind: argocd, application: argocd/shop, sync: true }");
    let failed = json!({"phase": "Failed", "message": "hook failed", "startedAt": "1",
        "syncResult": {"revision": id}});
    let spec = json!({"source": {"path": "env"}, "syncPolicy": {"automated": {}}});
    let status = json!({"sync": {"revision": id, "status": "OutOfSync"},
        "health": {"status": "Healthy"}, "operationState": failed});
    application(&cluster, &spec, &status);
    let mut live = sandbox.gitops_command(&["diff", "-e", "prod", "--live"]);
    let said = sandbox.finish(live.env("KUBECONFIG", sandbox.path("kubeconfig")));
    assert!(
        said.stdout.contains("state: its sync failed: hook failed → applied"),
        "{}",
        said.render()
    );

    let run = start(&sandbox, &[]);
    told(&cluster, SHOP, "/operation");
    cluster.edit(SHOP, &json!({"operation": null}));
    let done = json!({"phase": "Succeeded", "startedAt": "2", "syncResult": {"revision": id}});
    cluster.set_status(SHOP, &json!({"operationState": done}));
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn argocd_failing_on_our_sync_ends_the_wait() {
    let cluster = Cluster::fake();
    let (sandbox, id) =
        repository(&cluster, "{ kind: argocd, application: argocd/shop, sync: true }");
    let status = json!({"sync": {"revision": id, "status": "OutOfSync"}});
    let spec = json!({"source": {}, "syncPolicy": {"automated": {"enabled": false}}});
    application(&cluster, &spec, &status);
    let run = start(&sandbox, &[]);
    told(&cluster, SHOP, "/operation");
    cluster.edit(SHOP, &json!({"operation": null}));
    let failed = json!({"phase": "Failed", "message": "no quota", "syncResult": {"revision": id}});
    cluster.set_status(SHOP, &json!({"operationState": failed}));
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("its sync failed: no quota"), "{said}");
}

#[test]
fn argocd_that_has_our_commit_without_an_operation_is_done() {
    let cluster = Cluster::fake();
    let (sandbox, id) = repository(&cluster, "{ kind: argocd, application: argocd/shop }");
    let spec = json!({"source": {}, "syncPolicy": {"automated": {}}});
    let status = json!({"sync": {"revision": id, "status": "Synced"}, "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded", "syncResult": {"revision": "old"}}});
    application(&cluster, &spec, &status);
    let (code, said) = end(start(&sandbox, &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing to do"), "{said}");
}

#[test]
fn flux_that_has_our_commit_and_failed_is_no_success() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, id) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let status = |ready: &str| {
        json!({"lastAppliedRevision": format!("main@sha1:{id}"), "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": ready, "reason": "R", "message": "not healthy"}]})
    };
    cluster.set_status(APPS, &status("False"));
    let live = |args: &[&str]| {
        let mut command = sandbox.gitops_command(args);
        sandbox.finish(command.env("KUBECONFIG", sandbox.path("kubeconfig"))).render()
    };
    let said = live(&["status", "--live"]);
    assert!(said.contains("prod: 1 object differs: Kustomization flux-system/apps"), "{said}");
    let run = start(&sandbox, &[]);
    reconcile(&cluster, &id, &id, "False");
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    cluster.set_status(APPS, &status("True"));
    let said = live(&["diff", "-e", "prod", "--live", "--exit-code"]);
    assert!(said.contains("nothing differs"), "{said}");
}

#[test]
fn a_source_that_fails_ends_the_wait_and_is_heard() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &[]);
    let source = told(&cluster, SOURCE, REQUESTED);
    let condition = json!({"type": "Ready", "status": "False", "reason": "GitOperationFailed",
        "message": "authentication required"});
    let token = source.pointer(REQUESTED).unwrap();
    cluster
        .set_status(SOURCE, &json!({"lastHandledReconcileAt": token, "conditions": [condition]}));
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("its source failed: authentication required"), "{said}");
}

#[test]
fn no_wait_tells_and_leaves() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let (code, said) = end(start(&sandbox, &["--no-wait"]));
    assert_eq!(code, Some(0), "{said}");
    for path in [SOURCE, APPS] {
        assert!(cluster.get(path).unwrap().pointer(REQUESTED).is_some(), "{path}");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_controller() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &[]);
    told(&cluster, SOURCE, REQUESTED);
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("cannot wait longer for the source: interrupted"), "{said}");
    let lease = "/apis/coordination.k8s.io/v1/namespaces/flux-system/leases/gitops-prod";
    let holder = cluster.get(lease).unwrap()["spec"]["holderIdentity"].clone();
    assert_eq!(holder.as_str().unwrap_or_default(), "");
}
