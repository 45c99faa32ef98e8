//! `flux` and `argocd`, with the test in the place of the controller.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::revision::{commit, git};
use crate::support::Sandbox;
use crate::support::kubernetes::{Call, Cluster};

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
    let mut command = sandbox.gitops_command(&["apply", "-e", "prod", "--yes"]);
    if !args.contains(&"--timeout") {
        command.args(["--timeout", "60s"]);
    }
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
const REFRESH: &str = "/metadata/annotations/argocd.argoproj.io~1refresh";
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

/// What a Kustomization says of itself that failed, as its controller writes it: it never takes back how far it had
/// come, and keeps the generation of its last success.
fn failed(reason: &str, message: &str, step: &str) -> Value {
    json!([
        {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry", "message": step},
        {"type": "Ready", "status": "False", "reason": reason, "message": message}])
}

/// The source gets this revision, and both controllers have looked.
fn looked(cluster: &Cluster, revision: &str, status: Value) {
    told(cluster, SOURCE, REQUESTED);
    cluster.set_status(SOURCE, &json!({"artifact": {"revision": format!("main@sha1:{revision}")}}));
    let apps = told(cluster, APPS, REQUESTED);
    let mut status = status;
    status["lastHandledReconcileAt"] = apps.pointer(REQUESTED).unwrap().clone();
    cluster.set_status(APPS, &status);
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
fn flux_failing_says_why_and_not_how_far_it_came() {
    let about = |id: &str| format!("for revision main@sha1:{id} with a timeout of 30s");
    let table = [
        // The files are there, and cannot be applied; the generation is that of the last success.
        ("Detecting drift", "ReconciliationFailed", "ConfigMap/default/a dry-run failed\n", true),
        // They are not even there: the revision is in words alone.
        ("Fetching manifests", "ArtifactFailed", "kustomization path not found", false),
    ];
    for (step, reason, message, attempted) in table {
        let cluster = Cluster::fake();
        flux(&cluster);
        let (sandbox, id) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
        let run = start(&sandbox, &[]);
        let mut status = json!({"observedGeneration": -1,
            "conditions": failed(reason, message, &format!("{step} {}", about(&id)))});
        if attempted {
            status["lastAttemptedRevision"] = json!(format!("main@sha1:{id}"));
        }
        looked(&cluster, &id, status);
        let (code, said) = end(run);
        assert_eq!(code, Some(4), "{said}");
        assert!(
            said.contains(&format!("cannot apply {id}: {}\nwarning", message.trim_end())),
            "{said}"
        );
    }
}

#[test]
fn what_the_new_source_alone_set_off_counts() {
    for (ready, expected) in [("True", Some(0)), ("False", Some(4))] {
        let cluster = Cluster::fake();
        flux(&cluster);
        let (sandbox, id) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
        let run = start(&sandbox, &[]);
        told(&cluster, SOURCE, REQUESTED);
        let revision = format!("main@sha1:{id}");
        cluster.set_status(SOURCE, &json!({"artifact": {"revision": revision}}));
        let ready = json!({"type": "Ready", "status": ready, "reason": "R", "message": "said so"});
        // It comes to our request only after the health checks of this one.
        cluster.set_status(
            APPS,
            &json!({"lastAttemptedRevision": revision, "conditions": [ready],
            "lastAppliedRevision": if expected == Some(0) { &revision } else { "main@sha1:old" }}),
        );
        let (code, said) = end(run);
        assert_eq!(code, expected, "{said}");
    }
}

#[test]
fn flux_that_gives_up_a_health_check_for_the_next_commit_is_waited_for() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, id) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &["--timeout", "2s"]);
    let said = "New reconciliation triggered by GitRepository/flux-system/flux-system";
    let conditions = failed("HealthCheckCanceled", said, "Running health checks");
    let attempted = format!("main@sha1:{id}");
    looked(&cluster, &id, json!({"lastAttemptedRevision": attempted, "conditions": conditions}));
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("cannot wait longer for Kustomization"), "{said}");
    assert!(said.contains("not ready: New reconciliation triggered"), "{said}");
}

/// A repository with a remote one, to which somebody else pushes a commit on top of ours.
fn overtaken(cluster: &Cluster, actuator: &str) -> (Sandbox, String, String) {
    let (sandbox, id) = repository(cluster, actuator);
    git(&sandbox, &["clone", "-q", "--bare", ".", "state/remote.git"]);
    git(&sandbox, &["clone", "-q", "state/remote.git", "state/other"]);
    let url =
        format!("file://{}", sandbox.path("state/remote.git").canonicalize().unwrap().display());
    git(&sandbox, &["remote", "add", "origin", &url]);
    let other = |args: &[&str]| git(&sandbox, &[&["-C", "state/other"], args].concat());
    other(&["commit", "-q", "--allow-empty", "-m", "two"]);
    other(&["push", "-q", "origin", "main"]);
    let later = other(&["rev-parse", "HEAD"]);
    (sandbox, id, later)
}

#[test]
fn a_commit_that_landed_meanwhile_contains_ours() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, _, later) =
        overtaken(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &[]);
    reconcile(&cluster, &later, &later, "True");
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
    // What is not known here is asked of the remote repository also by those who only look.
    let mut live = sandbox.gitops_command(&["status", "--live"]);
    let said = sandbox.finish(live.env("KUBECONFIG", sandbox.path("kubeconfig"))).render();
    assert!(said.contains("prod: as declared"), "{said}");
}

#[test]
fn a_source_without_our_commit_is_said_to_want_a_push() {
    let cluster = Cluster::fake();
    flux(&cluster);
    let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let run = start(&sandbox, &["--timeout", "1s"]);
    let source = told(&cluster, SOURCE, REQUESTED);
    cluster.set_status(
        SOURCE,
        &json!({"lastHandledReconcileAt": source.pointer(REQUESTED),
        "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded"}]}),
    );
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("it has looked, and has main@sha1:old: is our commit pushed"), "{said}");
}

#[test]
fn a_source_that_gives_nothing_is_refused() {
    let table = [
        (json!({"suspend": true}), "its source GitRepository flux-system/flux-system is suspended"),
        (json!({"sourceRef": {"name": "gone"}}), "GitRepository flux-system/gone is not there"),
        (json!({"sourceRef": {"kind": "Bucket"}}), "Bucket flux-system/flux-system, not a GitRep"),
    ];
    for (spec, expected) in table {
        let cluster = Cluster::fake();
        flux(&cluster);
        let path = if spec["suspend"].is_null() { APPS } else { SOURCE };
        cluster.edit(path, &json!({ "spec": spec }));
        let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
        cluster.forget();
        let (code, said) = end(start(&sandbox, &[]));
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(expected), "{said}");
        assert_eq!(cluster.writes(), [""; 0]);
    }
}

#[test]
fn a_suspended_kustomization_is_refused() {
    let cluster = Cluster::fake();
    flux(&cluster);
    cluster.edit(APPS, &json!({"spec": {"suspend": true}}));
    let (sandbox, _) = repository(&cluster, "{ kind: flux, kustomization: flux-system/apps }");
    let (code, said) = end(start(&sandbox, &[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("it is suspended\nhint: let it go on: `flux resume`"), "{said}");
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
    refreshed(&cluster, &json!({}));
    let now = told(&cluster, SHOP, "/operation");
    assert_eq!(now["operation"]["sync"], json!({"revision": id, "prune": false}));
    ended(&cluster, &json!({"phase": "Succeeded", "syncResult": {"revision": id}}));
    refreshed(&cluster, &json!({"health": {"status": "Healthy"}}));
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
}

/// It has looked: it takes the annotation away in the same request that says what it saw.
fn refreshed(cluster: &Cluster, status: &Value) {
    let told = told(cluster, SHOP, REFRESH);
    assert_eq!(told.pointer(REFRESH).unwrap(), "normal");
    let annotations = json!({"argocd.argoproj.io/refresh": null});
    cluster.edit(SHOP, &json!({"metadata": {"annotations": annotations}, "status": status}));
}

/// An operation has ended: it is taken away in the same request that says how.
fn ended(cluster: &Cluster, state: &Value) {
    cluster.edit(SHOP, &json!({"operation": null, "status": {"operationState": state}}));
}

#[test]
fn the_health_of_before_the_sync_is_not_that_of_after() {
    let cluster = Cluster::fake();
    let (sandbox, id) =
        repository(&cluster, "{ kind: argocd, application: argocd/shop, sync: true }");
    let status = json!({"sync": {"revision": id}, "health": {"status": "Healthy"}});
    application(&cluster, &json!({"source": {}}), &status);
    let run = start(&sandbox, &[]);
    refreshed(&cluster, &json!({}));
    told(&cluster, SHOP, "/operation");
    ended(&cluster, &json!({"phase": "Succeeded", "syncResult": {"revision": id}}));
    refreshed(&cluster, &json!({"health": {"status": "Degraded"}}));
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("degraded"), "{said}");
}

#[test]
fn argocd_that_cannot_render_ends_the_wait_and_is_heard() {
    let cluster = Cluster::fake();
    let (sandbox, _) = repository(&cluster, "{ kind: argocd, application: argocd/shop }");
    let spec = json!({"source": {}, "syncPolicy": {"automated": {}}});
    application(&cluster, &spec, &json!({"sync": {"revision": "old"}}));
    let run = start(&sandbox, &[]);
    let condition =
        json!({"type": "ComparisonError", "message": "Failed to load target state: no"});
    refreshed(&cluster, &json!({"sync": {"status": "Unknown"}, "conditions": [condition]}));
    let (code, said) = end(run);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("Application argocd/shop: Failed to load target state: no"), "{said}");
}

#[test]
fn argocd_that_was_faster_is_not_told_twice() {
    let cluster = Cluster::fake();
    let (sandbox, id) =
        repository(&cluster, "{ kind: argocd, application: argocd/shop, sync: true }");
    application(&cluster, &json!({"source": {}}), &json!({"sync": {"revision": id}}));
    let is_start = |call: &Call| String::from_utf8_lossy(&call.body).contains("\"operation\"");
    let (reached, go) = cluster.hold(is_start);
    let run = start(&sandbox, &[]);
    refreshed(&cluster, &json!({}));
    reached.recv().unwrap();
    let theirs = json!({"sync": {"revision": id, "prune": true}});
    cluster.edit(SHOP, &json!({ "operation": theirs }));
    let before = cluster.log().len();
    go.send(()).unwrap();
    // It looks again once it was answered.
    while cluster.log().len() == before {
        std::thread::yield_now();
    }
    assert_eq!(cluster.get(SHOP).unwrap()["operation"], theirs);
    ended(&cluster, &json!({"phase": "Succeeded", "syncResult": {"revision": id}}));
    refreshed(&cluster, &json!({"health": {"status": "Healthy"}}));
    let (code, said) = end(run);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_rehearsal_of_our_commit_is_no_sync_of_it() {
    let cluster = Cluster::fake();
    let (sandbox, id) = repository(&cluster, "{ kind: argocd, application: argocd/shop }");
    let state = json!({"phase": "Succeeded", "syncResult": {"revision": id},
        "operation": {"sync": {"revision": id, "dryRun": true}}});
    let status = json!({"sync": {"revision": id, "status": "OutOfSync"}, "operationState": state,
        "history": [{"revision": "older"}, {"revision": "old"}]});
    application(&cluster, &json!({"source": {}}), &status);
    let mut live = sandbox.gitops_command(&["diff", "-e", "prod", "--live"]);
    let said = sandbox.finish(live.env("KUBECONFIG", sandbox.path("kubeconfig"))).render();
    assert!(said.contains(&format!("revision: old → {id}")), "{said}");
}

#[test]
fn argocd_that_is_not_ours_to_sync_is_left_alone() {
    let cluster = Cluster::fake();
    let (sandbox, id) = repository(&cluster, "{ kind: argocd, application: argocd/shop }");
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop"}, "spec": {"source": {"path": "env"}},
        "status": {"sync": {"revision": id}, "health": {"status": "Healthy"}}});
    cluster.create(SHOP.trim_end_matches("/shop"), &application);
    let run = start(&sandbox, &[]);
    refreshed(&cluster, &json!({}));
    let (code, said) = end(run);
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
    refreshed(&cluster, &json!({}));
    told(&cluster, SHOP, "/operation");
    let done = json!({"phase": "Succeeded", "startedAt": "2", "syncResult": {"revision": id}});
    ended(&cluster, &done);
    refreshed(&cluster, &json!({}));
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
    refreshed(&cluster, &json!({}));
    told(&cluster, SHOP, "/operation");
    // What it never came to is not in its result.
    ended(
        &cluster,
        &json!({"phase": "Error", "message": "no quota", "syncResult": {"revision": ""},
        "operation": {"sync": {"revision": id}}}),
    );
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
    assert!(said.contains("`prod`: its controller was told, and is not waited for"), "{said}");
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
    assert!(
        said.contains("cannot wait longer for GitRepository flux-system/flux-system: interrupted"),
        "{said}"
    );
    let lease = "/apis/coordination.k8s.io/v1/namespaces/flux-system/leases/gitops-prod";
    let holder = cluster.get(lease).unwrap()["spec"]["holderIdentity"].clone();
    assert_eq!(holder.as_str().unwrap_or_default(), "");
}
