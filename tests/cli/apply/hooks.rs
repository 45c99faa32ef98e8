//! Helm's hooks in a rendered set: before, after, left out, refused.

use serde_json::{Value, json};

use super::shop::{Shop, map};
use crate::support::kubernetes::clusters;

fn hooked(kind: &str, name: &str, hook: &str, rest: &str) -> String {
    let api = if kind == "Job" { "batch/v1" } else { "v1" };
    format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata: {{ name: {name}, annotations: {{ helm.sh/hook: '{hook}' }} }}\n{rest}\n"
    )
}

fn job(name: &str, hook: &str, image: &str) -> String {
    let pod = format!("restartPolicy: Never, containers: [{{ name: c, image: '{image}' }}]");
    let spec =
        format!("spec: {{ ttlSecondsAfterFinished: 1, template: {{ spec: {{ {pod} }} }} }}\n");
    hooked("Job", name, hook, &spec)
}

fn path(shop: &Shop<'_>, name: &str) -> String {
    format!("/apis/batch/v1/namespaces/{}/jobs/{name}", shop.name)
}

fn end(shop: &Shop<'_>, name: &str, well: bool) {
    let time = "2026-01-01T00:00:00Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": time, "lastProbeTime": time, "reason": "R", "message": "m"});
    let status = if well {
        json!({"startTime": time, "completionTime": time, "succeeded": 1, "uncountedTerminatedPods": {},
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]})
    } else {
        json!({"startTime": time, "failed": 1, "uncountedTerminatedPods": {},
            "conditions": [condition("FailureTarget"), condition("Failed")]})
    };
    shop.cluster.set_status(&path(shop, name), &status);
}

/// Everything that a run said that ended before something was healthy.
#[track_caller]
fn waits_for(shop: &Shop<'_>, what: &str) -> String {
    let output = shop.apply(&["--yes", "--timeout", "300ms"]);
    assert_eq!(output.code, 4, "{}", output.render());
    assert!(output.stderr.contains(&format!("Job [SHOP]/{what}: not ready")), "{}", output.stderr);
    output.render()
}

fn uid(shop: &Shop<'_>, name: &str) -> Value {
    shop.cluster.get(&path(shop, name)).unwrap()["metadata"]["uid"].clone()
}

fn value(shop: &Shop<'_>, name: &str) -> Option<String> {
    Some(shop.config_map(name)?["data"]["value"].as_str().unwrap().to_owned())
}

/// A release that was installed, hook after hook.
fn installed(shop: &Shop<'_>) {
    let always = "pre-install,pre-upgrade";
    shop.declare("a.yaml", &map("a", "1"));
    shop.declare("once.yaml", &hooked("ConfigMap", "once", "pre-install", "data: { value: '1' }"));
    shop.declare("migrate.yaml", &job("migrate", always, "web:1"));
    shop.declare("tell.yaml", &job("tell", "post-install,post-upgrade", "tell:1"));
    shop.declare("test.yaml", &hooked("Pod", "web-test", "test", "spec: { containers: [] }"));
    let dry = shop.apply(&["-n", "-o", "json"]).ok().json();
    let hooks: Vec<Value> =
        dry["changes"].as_array().unwrap().iter().map(|change| change["hook"].clone()).collect();
    assert_eq!(Value::from(hooks), json!(["before", "before", null, "after"]));
    let first = waits_for(shop, "migrate");
    assert!(first.contains("+ create Job [SHOP]/migrate (hook, before everything else)\n"));
    assert!(first.contains("Helm's tests are left out: Pod [SHOP]/web-test"), "{first}");
    assert_eq!((value(shop, "once").as_deref(), value(shop, "a")), (Some("1"), None));
    // What did not end is waited for again.
    waits_for(shop, "migrate");
    assert_eq!(value(shop, "a"), None);
    end(shop, "migrate", true);
    waits_for(shop, "tell");
    assert_eq!(value(shop, "a").as_deref(), Some("1"));
    end(shop, "tell", true);
    shop.apply(&["--yes"]).ok();
    assert!(shop.cluster.get(&shop.path("pods", "web-test")).is_none());
}

#[test]
fn run_before_and_after_everything_else() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        installed(&shop);
        cluster.forget();
        assert!(shop.apply(&["--yes"]).ok().stdout.contains("4 unchanged"));
        assert_eq!(cluster.writes(), [""; 0]);

        // An upgrade that changes nothing of the hooks; that of the installation rests.
        let (migrate, tell) = (uid(&shop, "migrate"), uid(&shop, "tell"));
        shop.declare("a.yaml", &map("a", "2"));
        let once = hooked("ConfigMap", "once", "pre-install", "data: { value: '2' }");
        shop.declare("once.yaml", &once);
        shop.declare("never.yaml", &once.replace("name: once", "name: never"));
        shop.apply(&["--yes"]).ok();
        assert_eq!(value(&shop, "a").as_deref(), Some("2"));
        assert_eq!((value(&shop, "once").as_deref(), value(&shop, "never")), (Some("1"), None));
        assert_eq!((uid(&shop, "migrate"), uid(&shop, "tell")), (migrate, tell));
        assert!(
            cluster.get(&path(&shop, "migrate")).unwrap()["spec"]["ttlSecondsAfterFinished"]
                .is_null()
        );
    }
}

#[test]
fn run_again_when_they_change_or_failed() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        installed(&shop);
        let before = uid(&shop, "migrate");
        shop.declare("a.yaml", &map("a", "2"));
        shop.declare("migrate.yaml", &job("migrate", "pre-install,pre-upgrade", "web:2"));
        let said = waits_for(&shop, "migrate");
        assert!(said.contains("! recreate Job [SHOP]/migrate (hook"), "{said}");
        let second = uid(&shop, "migrate");
        assert_ne!(second, before);
        end(&shop, "migrate", false);
        waits_for(&shop, "migrate");
        assert_ne!(uid(&shop, "migrate"), second);
        assert_eq!(value(&shop, "a").as_deref(), Some("1"));
        end(&shop, "migrate", true);
        shop.apply(&["--yes"]).ok();
        assert_eq!(value(&shop, "a").as_deref(), Some("2"));
    }
}

#[test]
fn that_cannot_be_done_are_refused() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        shop.declare("clean.yaml", &job("clean", "pre-delete", "web:1"));
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 2, "{}", output.render());
        let cause = "clean.yaml:1: Job clean: `helm.sh/hook: pre-delete` cannot be done here";
        assert!(output.stderr.contains(cause), "{}", output.stderr);
        assert_eq!(cluster.writes(), [""; 0]);
    }
}
