//! A saved plan is carried out as it was shown, or not at all.

use serde_json::json;

use super::shop::{Shop, map};
use crate::support::kubernetes::{Cluster, clusters};

fn planned(cluster: &Cluster) -> Shop<'_> {
    let shop = Shop::new(cluster, "");
    for name in ["same", "changed", "old"] {
        shop.declare(&format!("{name}.yaml"), &map(name, "1"));
    }
    shop.apply(&["--yes"]).ok();
    shop.declare("changed.yaml", &map("changed", "2"));
    shop.declare("new.yaml", &map("new", "1"));
    shop.undeclare("old.yaml");
    shop.apply(&["--plan-out", "plan.json", "--exit-code"]).is_exit(1);
    cluster.forget();
    shop
}

trait Exit {
    fn is_exit(&self, code: i32);
}

impl Exit for crate::support::Output {
    #[track_caller]
    fn is_exit(&self, code: i32) {
        assert_eq!(self.code, code, "{}", self.render());
    }
}

fn carry_out(shop: &Shop<'_>) -> crate::support::Output {
    shop.finish(&mut shop.command(&["--plan", "plan.json"]))
}

#[test]
fn is_carried_out_once() {
    for cluster in &clusters() {
        let shop = planned(cluster);
        carry_out(&shop).is_exit(0);
        assert_eq!(shop.config_maps(), ["changed", "new", "same"]);
        let again = carry_out(&shop);
        again.is_exit(3);
        assert!(again.stderr.contains("applied since: run 1 → run 2"), "{}", again.stderr);
    }
}

#[test]
fn whatever_it_depends_on_makes_it_stale() {
    type Move = fn(&Shop<'_>);
    let table: &[(Move, &str)] = &[
        (|s| s.declare("same.yaml", &map("same", "9")), "the files of the environment"),
        (|s| s.configure(", protect: [Widget]"), "the environment's settings"),
        (|s| s.configure(", path: env"), "the renderer: manifests of env/** → manifests of env"),
        (
            |s| s.cluster.edit(&s.path("configmaps", "changed"), &json!({"data": {"value": "3"}})),
            "ConfigMap [SHOP]/changed: what is there has changed",
        ),
        (
            |s| s.cluster.edit(&s.path("configmaps", "same"), &json!({"data": {"value": "3"}})),
            "ConfigMap [SHOP]/same: what is there has changed: data.value",
        ),
        (|s| s.cluster.delete(&s.path("configmaps", "same")), "ConfigMap [SHOP]/same: it is gone"),
        (
            |s| {
                let object =
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}});
                s.cluster.create(s.path("configmaps", "").trim_end_matches('/'), &object);
            },
            "ConfigMap [SHOP]/new: it is there by now",
        ),
        (
            |s| s.cluster.edit(&s.path("configmaps", "old"), &json!({"data": {"more": "3"}})),
            "ConfigMap [SHOP]/old: what is there has changed",
        ),
        (
            |s| s.cluster.delete(&s.path("configmaps", "old")),
            "ConfigMap [SHOP]/old: no longer declared, nor there",
        ),
        (|s| s.cluster.delete(&s.inventory_path()), "the inventory: "),
        (
            |s| {
                let other = s.cluster.kubeconfig().replace("127.0.0.1", "localhost");
                s.sandbox.write("kubeconfig", other);
            },
            "the address: [SERVER] → http://localhost",
        ),
    ];
    for cluster in &clusters() {
        for (change, moved) in table {
            let shop = planned(cluster);
            change(&shop);
            cluster.forget();
            let output = carry_out(&shop);
            output.is_exit(3);
            assert!(output.stderr.contains(moved), "{moved}: {}", output.stderr);
            assert_eq!(cluster.writes(), [""; 0], "{moved}");
        }
    }
}

#[test]
fn another_cluster_at_the_same_address_makes_it_stale() {
    let cluster = Cluster::fake();
    let shop = planned(&cluster);
    cluster.delete("/api/v1/namespaces/kube-system");
    let system =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}});
    cluster.create("/api/v1/namespaces", &system);
    let output = carry_out(&shop);
    output.is_exit(3);
    assert!(output.stderr.contains("what is at that address"), "{}", output.stderr);
}

#[test]
fn what_changes_by_itself_does_not() {
    for cluster in &clusters() {
        let shop = planned(cluster);
        let annotation = json!({"metadata": {"annotations": {"controller/seen": "1"}}});
        cluster.edit(&shop.path("configmaps", "changed"), &annotation);
        cluster.edit(&shop.path("configmaps", "same"), &annotation);
        carry_out(&shop).is_exit(0);
    }
}

#[test]
fn a_file_that_was_touched_or_is_old_is_refused() {
    let cluster = Cluster::fake();
    let shop = planned(&cluster);
    let text = shop.sandbox.read("plan.json");
    let name = shop.sandbox.path("plan.json");
    shop.sandbox.write("plan.json", text.replace("\"update\"", "\"delete\""));
    let output = carry_out(&shop);
    output.is_exit(3);
    assert!(output.stderr.contains("it was changed after it was made"), "{}", output.stderr);

    let mut plan = gitops::plan::file::PlanFile::parse("p", &text).unwrap();
    plan.expires = 1;
    shop.sandbox.write("plan.json", plan.to_text());
    let output = carry_out(&shop);
    output.is_exit(3);
    assert!(output.stderr.contains("it is too old"), "{}", output.stderr);

    let other = shop.finish(&mut shop.command(&["--plan", "plan.json", "-e", "other"]));
    other.is_exit(3);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(name).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_dry_run_of_a_plan_checks_it_and_changes_nothing() {
    for cluster in &clusters() {
        let shop = planned(cluster);
        let dry = || shop.finish(&mut shop.command(&["--plan", "plan.json", "--dry-run"]));
        let output = dry();
        output.is_exit(0);
        assert!(
            output.stdout.contains("1 to create, 1 to update, 1 to delete"),
            "{}",
            output.stdout
        );
        assert!(output.stderr.contains("nothing was changed"), "{}", output.stderr);
        shop.finish(&mut shop.command(&["-e", &shop.name, "-n", "--plan-out", "other.json"])).ok();
        assert!(shop.sandbox.path("other.json").exists());
        assert_eq!(cluster.writes(), [""; 0]);
        cluster.edit(&shop.path("configmaps", "changed"), &json!({"data": {"value": "3"}}));
        let stale = dry();
        stale.is_exit(3);
        assert!(stale.stderr.contains("it is stale"), "{}", stale.stderr);
        assert_eq!(cluster.writes(), [""; 0]);
    }
}
