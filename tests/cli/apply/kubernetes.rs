//! The `kubernetes` actuator: what a person and a cluster see. Every test runs on the fake server, and on a real one
//! where there is one.

use std::time::Duration;

use serde_json::{Value, json};
use snapbox::str;

use super::revision::git;
use super::shop::{Shop, map};
use crate::support::kubernetes::{Cluster, Fault, clusters};

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: 'ghcr.io/acme/web:1.4', resources: { limits: { cpu: 1000m } } }
";

#[test]
fn converges_and_then_writes_nothing() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        shop.declare("web.yaml", DEPLOYMENT);
        shop.apply(&["--yes", "--no-wait"]).is(str![[r#"
[SHOP]: the work tree → kubernetes [SERVER]

Images
  ghcr.io/acme/web  – → 1.4  added  Deployment [SHOP]/web

+ create ConfigMap [SHOP]/a
+ create Deployment [SHOP]/web
2 to create
-- stderr --
`[SHOP]` is as declared
-- exit 0 --

"#]]);
        assert_eq!(shop.entries(), ["/ConfigMap/[SHOP]/a", "apps/Deployment/[SHOP]/web"]);
        cluster.forget();
        let output = shop.apply(&["--yes", "--no-wait"]);
        output.ok();
        assert!(output.stdout.contains("2 unchanged"), "{}", output.render());
        assert_eq!(cluster.writes(), [""; 0]);
    }
}

#[test]
fn says_which_field_changes_and_who_changed_it() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("web.yaml", DEPLOYMENT);
        shop.apply(&["--yes", "--no-wait"]).ok();
        shop.declare("web.yaml", &DEPLOYMENT.replace("web:1.4", "web:1.5"));
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", shop.name);
        cluster.edit(&path, &json!({"spec": {"replicas": 5}}));
        shop.apply(&["--yes"]).is(str![[r#"
[SHOP]: the work tree → kubernetes [SERVER]

Images
  ghcr.io/acme/web  1.4 → 1.5  minor  Deployment [SHOP]/web

~ update Deployment [SHOP]/web
    spec.replicas: 5 → 2 (changed by kubectl-edit, [..])
    spec.template.spec.containers[name=web].image: ghcr.io/acme/web:1.4 → ghcr.io/acme/web:1.5
    held by kubectl-edit: .spec.replicas
1 to update
-- stderr --
error: cannot apply `[SHOP]`: Deployment [SHOP]/web has fields of other managers: kubectl-edit → .spec.replicas
hint: drop them from Git, or take them over: --force-conflicts, or `conflicts:` in gitops.yaml
-- exit 3 --

"#]]);
        assert_eq!(cluster.get(&path).unwrap()["spec"]["replicas"], 5);
        shop.apply(&["--yes", "--no-wait", "--force-conflicts"]).ok();
        assert_eq!(cluster.get(&path).unwrap()["spec"]["replicas"], 2);
    }
}

#[test]
fn rules_say_whose_fields_are_left_or_taken() {
    for cluster in &clusters() {
        let rules = ", conflicts: { managers: { kubectl-edit: ignore } }";
        let shop = Shop::new(cluster, rules);
        shop.declare("web.yaml", DEPLOYMENT);
        shop.apply(&["--yes", "--no-wait"]).ok();
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", shop.name);
        cluster.edit(&path, &json!({"spec": {"replicas": 5}}));
        shop.apply(&["--yes", "--no-wait"]).ok();
        assert_eq!(cluster.get(&path).unwrap()["spec"]["replicas"], 5);
        shop.configure(", conflicts: { default: force }");
        shop.apply(&["--yes", "--no-wait"]).ok();
        assert_eq!(cluster.get(&path).unwrap()["spec"]["replicas"], 2);
        shop.configure(", ignore: [{ kind: Deployment, paths: [spec.replicas], reason: HPA }]");
        cluster.edit(&path, &json!({"spec": {"replicas": 7}}));
        let output = shop.apply(&["--yes", "--no-wait"]);
        output.ok();
        assert_eq!(cluster.get(&path).unwrap()["spec"]["replicas"], 7, "{}", output.render());
    }
}

#[test]
fn a_field_that_git_no_longer_declares_goes_and_others_stay() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare(
            "a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {ours: '1', old: '1'}\n",
        );
        shop.apply(&["--yes"]).ok();
        cluster.edit(&shop.path("configmaps", "a"), &json!({"data": {"theirs": "1"}}));
        assert!(shop.apply(&["--yes"]).ok().stdout.contains("1 unchanged"));
        shop.declare(
            "a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {ours: '1'}\n",
        );
        let output = shop.apply(&["--yes"]);
        output.ok();
        assert!(output.stdout.contains("data.old: 1 → nothing"), "{}", output.stdout);
        assert_eq!(shop.config_map("a").unwrap()["data"], json!({"ours": "1", "theirs": "1"}));
    }
}

#[test]
fn other_tools_objects_and_other_clusters_are_refused() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        let flux = json!({"kustomize.toolkit.fluxcd.io/name": "apps"});
        let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "1"},
            "metadata": {"name": "a", "labels": flux}});
        cluster.create(shop.path("configmaps", "").trim_end_matches('/'), &theirs);
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("ConfigMap [SHOP]/a belongs to Flux"), "{}", output.stderr);

        shop.configure(", cluster-uid: another");
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("not another"), "{}", output.stderr);
        assert_eq!(cluster.writes(), [""; 0]);
    }
}

#[test]
fn prune_is_careful() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        for name in ["a", "kept", "replaced", "unlabelled", "stays"] {
            shop.declare(&format!("{name}.yaml"), &map(name, "1"));
        }
        shop.apply(&["--yes"]).ok();
        cluster.edit(
            &shop.path("configmaps", "kept"),
            &json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}),
        );
        cluster.delete(&shop.path("configmaps", "replaced"));
        let again =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "replaced"}});
        cluster.create(shop.path("configmaps", "").trim_end_matches('/'), &again);
        let label = json!({"metadata": {"labels": {"applyset.kubernetes.io/part-of": null}}});
        cluster.edit(&shop.path("configmaps", "unlabelled"), &label);
        for name in ["a", "kept", "replaced", "unlabelled"] {
            shop.undeclare(&format!("{name}.yaml"));
        }
        shop.apply(&["--yes"]).is(str![[r#"
[SHOP]: the work tree → kubernetes [SERVER]
- delete ConfigMap [SHOP]/a
  spare ConfigMap [SHOP]/kept: `helm.sh/resource-policy: keep`
  spare ConfigMap [SHOP]/replaced: it was deleted and made again by somebody else
  spare ConfigMap [SHOP]/unlabelled: it no longer carries this environment's label
1 to delete, 1 unchanged
-- stderr --
`[SHOP]` is as declared
-- exit 0 --

"#]]);
        assert_eq!(shop.config_maps(), ["kept", "replaced", "stays", "unlabelled"]);
    }
}

#[test]
fn a_namespace_goes_only_when_allowed_and_empty() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let extra = format!("{}-extra", shop.name);
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {extra} }}\n");
        shop.declare("ns.yaml", &namespace);
        shop.declare("a.yaml", &map("a", "1"));
        shop.apply(&["--yes"]).ok();
        shop.undeclare("ns.yaml");
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("--allow delete-namespace"), "{}", output.stderr);
        let path = format!("/api/v1/namespaces/{extra}/configmaps");
        let other =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}});
        cluster.create(&path, &other);
        let output = shop.apply(&["--yes", "--allow", "delete-namespace"]);
        output.ok();
        assert!(
            output.stdout.contains("objects in it that are not to be deleted"),
            "{}",
            output.stdout
        );
        assert!(cluster.get(&format!("{path}/theirs")).is_some());
    }
}

#[test]
fn a_namespace_stays_with_what_stays_in_it() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let extra = format!("{}-extra", shop.name);
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {extra} }}\n");
        let claim = format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{ name: data, namespace: {extra}, \
             annotations: {{ helm.sh/resource-policy: keep }} }}\nspec: {{ accessModes: [ReadWriteOnce], \
             resources: {{ requests: {{ storage: 1Gi }} }} }}\n"
        );
        shop.declare("ns.yaml", &namespace);
        shop.declare("claim.yaml", &claim);
        shop.declare("a.yaml", &map("a", "1"));
        shop.apply(&["--yes", "--no-wait"]).ok();
        shop.undeclare("ns.yaml");
        shop.undeclare("claim.yaml");
        let output = shop.apply(&["--yes", "--allow", "delete-namespace"]);
        output.ok();
        assert!(output.stdout.contains("objects in it that are not"), "{}", output.stdout);
        assert!(
            cluster
                .get(&format!("/api/v1/namespaces/{extra}/persistentvolumeclaims/data"))
                .is_some()
        );
    }
}

#[test]
fn a_pod_that_somebody_started_keeps_its_namespace() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let extra = format!("{}-extra", shop.name);
        shop.declare(
            "ns.yaml",
            &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {extra} }}\n"),
        );
        shop.declare(
            "web.yaml",
            &DEPLOYMENT
                .replace("name: web }\nspec", &format!("name: web, namespace: {extra} }}\nspec")),
        );
        shop.declare("a.yaml", &map("a", "1"));
        shop.apply(&["--yes", "--no-wait"]).ok();
        let web = format!("/apis/apps/v1/namespaces/{extra}/deployments/web");
        let uid = cluster.get(&web).unwrap()["metadata"]["uid"].clone();
        let pod = |name: &str, owners: serde_json::Value| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "ownerReferences": owners},
                "spec": {"serviceAccountName": "default", "automountServiceAccountToken": false,
                         "containers": [{"name": "c", "image": "i"}]}})
        };
        let pods = format!("/api/v1/namespaces/{extra}/pods");
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        cluster.create(&format!("/api/v1/namespaces/{extra}/serviceaccounts"), &account);
        let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid, "controller": true}]);
        cluster.create(&pods, &pod("owned", owner));
        cluster.create(&pods, &pod("by-hand", json!([])));
        shop.undeclare("ns.yaml");
        shop.undeclare("web.yaml");
        let allow = ["--yes", "--no-wait", "--dry-run", "--allow", "delete-namespace"];
        let output = shop.apply(&allow);
        output.ok();
        assert!(output.stdout.contains("objects in it that are not"), "{}", output.stdout);
        cluster.delete(&format!("{pods}/by-hand?gracePeriodSeconds=0"));
        let output = shop.apply(&allow);
        output.ok();
        assert!(output.stdout.contains("- delete Namespace"), "{}", output.stdout);
    }
}

#[test]
fn what_cannot_be_asked_about_stays_known() {
    let cluster = Cluster::fake();
    let shop = Shop::new(&cluster, "");
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\n";
    shop.declare("a.yaml", &map("a", "1"));
    shop.declare("web.yaml", ingress);
    shop.apply(&["--yes"]).ok();
    shop.undeclare("web.yaml");
    shop.declare("a.yaml", &map("a", "2"));
    let group = "networking.k8s.io";
    let (_, mut kinds) = cluster.call("GET", "/apis", "", &serde_json::Value::Null);
    for item in kinds["items"].as_array_mut().unwrap() {
        if item["metadata"]["name"] == group {
            item["versions"][0]["freshness"] = json!("Stale");
            item["versions"][0]["resources"] = json!([]);
        }
    }
    cluster.fault_at(|call| call.path == "/apis", Fault::Status(200, kinds));
    let output = shop.apply(&["--yes"]);
    output.ok();
    let spared = "spare Ingress [SHOP]/web: the server of its kind does not answer";
    assert!(output.stdout.contains(spared), "{}", output.render());
    assert!(output.stderr.contains("does not answer"), "{}", output.stderr);
    assert_eq!(shop.entries(), ["/ConfigMap/[SHOP]/a", "networking.k8s.io/Ingress/[SHOP]/web"]);
    let output = shop.apply(&["--yes"]);
    assert!(output.ok().stdout.contains("- delete Ingress [SHOP]/web"), "{}", output.stdout);
    assert_eq!(shop.entries(), ["/ConfigMap/[SHOP]/a"]);
}

#[test]
fn what_somebody_made_by_hand_is_not_taken_over() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
            "data": {"value": "1", "theirs": "precious"}});
        cluster.create(shop.path("configmaps", "").trim_end_matches('/'), &theirs);
        shop.declare("a.yaml", &map("a", "1"));
        // What holds everything else may be there.
        let name = &shop.name;
        shop.declare(
            "ns.yaml",
            &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {name} }}\n"),
        );
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 3, "{}", output.render());
        let cause = "cannot apply `[SHOP]`: ConfigMap [SHOP]/a belongs to somebody else\n";
        assert!(output.stderr.contains(cause), "{}", output.stderr);
        assert_eq!(cluster.writes(), [""; 0]);
        shop.apply(&["--yes", "--allow", "take-over"]).ok();
        shop.apply(&["--yes"]).ok();
        assert_eq!(shop.config_map("a").unwrap()["data"]["theirs"], "precious");
    }
}

#[test]
fn what_kubectl_applied_is_taken_over_as_a_whole() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let mut theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
            "data": {"value": "1", "old": "2", "edited": "3"}});
        let applied = theirs.to_string();
        theirs["data"]["default"] = json!("of the server");
        let annotation = "kubectl.kubernetes.io/last-applied-configuration";
        theirs["metadata"]["annotations"] = json!({annotation: applied});
        let path = shop.path("configmaps", "");
        let path = format!("{}?fieldManager=kubectl-client-side-apply", path.trim_end_matches('/'));
        cluster.create(&path, &theirs);
        cluster.edit(&shop.path("configmaps", "a"), &json!({"data": {"edited": "4"}}));
        shop.declare("a.yaml", &map("a", "1"));
        let output = shop.apply(&["--yes", "--allow", "take-over"]);
        let shown = output.ok().stdout.matches(" → nothing").count();
        assert!(
            shown == 1 && output.stdout.contains("\n    data.old: 2 → nothing"),
            "{}",
            output.stdout
        );
        let data = shop.config_map("a").unwrap()["data"].clone();
        assert_eq!(data, json!({"value": "1", "edited": "4", "default": "of the server"}));
        // From now on what Git drops goes too.
        let two = map("a", "1").replace("value:", "more: \"2\", value:");
        let one = map("a", "1");
        for (text, more) in [(two, json!("2")), (one, Value::Null)] {
            shop.declare("a.yaml", &text);
            shop.apply(&["--yes"]).ok();
            assert_eq!(shop.config_map("a").unwrap()["data"]["more"], more);
        }
        let output = shop.apply(&["--yes"]);
        assert!(output.ok().stderr.contains("nothing to do"), "{}", output.render());
    }
}

#[test]
fn what_was_refused_is_in_the_json_too() {
    let cluster = Cluster::fake();
    let shop = Shop::new(&cluster, "");
    for name in ["a", "b"] {
        shop.declare(&format!("{name}.yaml"), &map(name, "1"));
    }
    shop.apply(&["--yes"]).ok();
    shop.configure(", protect: [ConfigMap]");
    shop.undeclare("b.yaml");
    let output = shop.apply(&["--yes", "-o", "json"]);
    assert_eq!(output.code, 3, "{}", output.render());
    let error = &output.json()["error"];
    assert_eq!(error["code"], "refused");
    let details = &error["details"];
    assert_eq!(details["status"], "refused");
    assert_eq!(details["deletes"], json!(["/ConfigMap/[SHOP]/b"]));
    assert_eq!(details["refusals"][0]["gate"], "delete-configmap");
}

#[test]
fn lock_and_inventory_need_a_namespace_that_is_there() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let nowhere = format!("{}-nowhere", shop.name);
        shop.configure(&format!(", inventory: {{ namespace: {nowhere} }}"));
        shop.declare("a.yaml", &map("a", "1"));
        let namespace =
            format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {nowhere} }}\n");
        shop.declare("ns.yaml", &namespace);
        for how in ["--dry-run", "--yes"] {
            let output = shop.apply(&[how]);
            assert_eq!(output.code, 2, "{}", output.render());
            assert!(
                output.stderr.contains("there is no namespace `[SHOP]-nowhere`"),
                "{}",
                output.stderr
            );
            assert!(output.stderr.contains("`inventory: { namespace: … }`"), "{}", output.stderr);
        }
        assert_eq!(cluster.writes(), [""; 0]);
    }
}

#[test]
fn an_environment_may_have_a_name_that_no_object_can_have() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        let config = shop.sandbox.read("gitops.yaml");
        let config = config.replacen(&format!("  {}:", shop.name), "  Prod_EU:", 1);
        shop.sandbox.write(
            "gitops.yaml",
            config.replace("}\n", &format!(", inventory: {{ namespace: {} }} }}\n", shop.name)),
        );
        let apply = |how: &str| shop.finish(&mut shop.command(&["-e", "Prod_EU", how]));
        apply("--dry-run").ok();
        apply("--yes").ok();
        assert!(apply("--yes").ok().stdout.contains("1 unchanged"));
        let inventories = shop.config_maps();
        assert!(
            inventories.iter().any(|name| name.starts_with("gitops-inventory-prod-eu-")),
            "{inventories:?}"
        );
    }
}

#[test]
fn the_role_of_a_binding_can_be_changed_where_it_may_be_made_again() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let binding = |role: &str| {
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{ name: b }}\nroleRef: {{ \
                 apiGroup: rbac.authorization.k8s.io, kind: Role, name: {role} }}\n"
            )
        };
        shop.declare("b.yaml", &binding("one"));
        shop.apply(&["--yes"]).ok();
        shop.declare("b.yaml", &binding("two"));
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("`recreate: [RoleBinding]`"), "{}", output.stderr);
        shop.configure(", recreate: [RoleBinding]");
        shop.apply(&["--yes"]).ok();
        let path =
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/b", shop.name);
        assert_eq!(cluster.get(&path).unwrap()["roleRef"]["name"], "two");
    }
}

#[test]
fn drift_by_kubectl_is_put_right() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("web.yaml", DEPLOYMENT);
        git(&shop.sandbox, &["init", "-q", "-b", "main"]);
        git(&shop.sandbox, &["add", "gitops.yaml", "env"]);
        git(&shop.sandbox, &["commit", "-q", "-m", "one"]);
        shop.apply(&["--yes", "--no-wait"]).ok();
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", shop.name);
        let replicas = || cluster.get(&path).unwrap()["spec"]["replicas"].clone();
        let watch = || shop.apply(&["--watch", "--once", "--no-wait", "--drift", "remediate"]);
        cluster.edit(&path, &json!({"spec": {"replicas": 5}}));
        let output = watch();
        output.ok();
        assert!(
            output.stdout.contains("replicas: 5 → 2 (changed by kubectl-edit"),
            "{}",
            output.stdout
        );
        assert_eq!(replicas(), 2);
        // Whom the settings name, they mean.
        cluster.edit(&path, &json!({"spec": {"replicas": 5}}));
        shop.configure(", conflicts: { managers: { kubectl-edit: fail } }");
        git(&shop.sandbox, &["commit", "-qam", "two"]);
        assert_eq!(watch().code, 3);
        assert_eq!(replicas(), 5);
    }
}

#[test]
fn what_is_no_text_in_a_secret_is_quoted_by_nobody() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        for secret in
            ["data: { pin: 918273645 }", "stringData: { pins: [1234] }", "stringData: canary"]
        {
            let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: s }}\n{secret}\n");
            shop.declare("s.yaml", &text);
            let output = shop.apply(&["--yes"]);
            assert_eq!(output.code, 2, "{}", output.render());
            let said = output.render();
            assert!(said.contains("s.yaml:1: Secret s: `"), "{said}");
            for value in ["918273645", "1234", "canary"] {
                assert!(!said.contains(value), "{said}");
            }
        }
        assert!(cluster.get(&shop.path("secrets", "s")).is_none());
    }
}

#[test]
fn a_lost_inventory_deletes_nothing_and_is_found_again() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        for name in ["a", "b", "c"] {
            shop.declare(&format!("{name}.yaml"), &map(name, "1"));
        }
        shop.apply(&["--yes"]).ok();
        cluster.delete(&shop.inventory_path());
        shop.undeclare("c.yaml");
        let output = shop.apply(&["--yes"]);
        output.ok();
        assert!(output.stdout.contains("c: the inventory was lost"), "{}", output.stdout);
        assert_eq!(shop.config_maps(), ["a", "b", "c"]);
        shop.apply(&["--yes"]).ok();
        assert_eq!(shop.config_maps(), ["a", "b"]);
    }
}

#[test]
fn definitions_and_their_objects_come_in_one_set() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let group = format!("{}.example.com", shop.name);
        shop.declare(
            "crd.yaml",
            &format!(
                "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{ name: \
                 widgets.{group} }}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{ plural: widgets, \
                 singular: widget, kind: Widget, listKind: WidgetList }}\n  versions:\n    - name: v1\n      \
                 served: true\n      storage: true\n      schema: {{ openAPIV3Schema: {{ type: object, \
                 x-kubernetes-preserve-unknown-fields: true }} }}\n"
            ),
        );
        shop.declare(
            "w.yaml",
            &format!(
                "apiVersion: {group}/v1\nkind: Widget\nmetadata: {{ name: w }}\nspec: {{ a: 1 }}\n"
            ),
        );
        let output = shop.apply(&["--yes", "--timeout", "60s"]);
        assert_eq!(output.code, 0, "{}", output.render());
        assert!(shop.apply(&["--yes"]).ok().stdout.contains("2 unchanged"));
    }
}

#[test]
fn findings_stop_before_the_first_write() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        shop.declare("b.yaml", "apiVersion: v1\nkind: Gadget\nmetadata: { name: b }\n");
        shop.declare("c.yaml", &map("a", "2"));
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 2, "{}", output.render());
        assert!(
            output.stderr.contains("c.yaml:1: ConfigMap a is already declared in a.yaml:1"),
            "{}",
            output.stderr
        );
        shop.undeclare("c.yaml");
        let output = shop.apply(&["--yes"]);
        assert!(output.stderr.contains("the server knows no v1 Gadget"), "{}", output.stderr);
        shop.declare("b.yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: b, namespace: nowhere }\nspec: { ports: [{ port: 1 }] }\n");
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("there is no namespace `nowhere`"), "{}", output.stderr);
        assert_eq!(cluster.writes(), [""; 0]);
    }
}

#[test]
fn what_cannot_be_changed_is_made_again_only_where_allowed() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("web.yaml", DEPLOYMENT);
        shop.apply(&["--yes", "--no-wait"]).ok();
        shop.declare("web.yaml", &DEPLOYMENT.replace("app: web", "app: other"));
        let output = shop.apply(&["--yes", "--no-wait"]);
        assert_eq!(output.code, 3, "{}", output.render());
        assert!(output.stderr.contains("spec.selector.matchLabels.app"), "{}", output.stderr);
        shop.configure(", recreate: [Deployment]");
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", shop.name);
        let before = cluster.get(&path).unwrap()["metadata"]["uid"].clone();
        shop.apply(&["--yes", "--no-wait"]).ok();
        let after = cluster.get(&path).unwrap();
        assert_ne!(after["metadata"]["uid"], before);
        assert_eq!(after["spec"]["selector"]["matchLabels"]["app"], "other");
    }
}

#[test]
fn unhealthy_is_exit_4_and_deletes_nothing_until_it_is_well() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("old.yaml", &map("old", "1"));
        shop.declare("a.yaml", &map("a", "1"));
        shop.apply(&["--yes"]).ok();
        shop.undeclare("old.yaml");
        shop.declare("web.yaml", DEPLOYMENT);
        let output = shop.apply(&["--yes", "--timeout", "300ms"]);
        assert_eq!(output.code, 4, "{}", output.render());
        assert!(output.stderr.contains("Deployment [SHOP]/web: not ready"), "{}", output.stderr);
        assert_eq!(shop.config_maps(), ["a", "old"]);
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", shop.name);
        let status = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2,
            "readyReplicas": 2, "availableReplicas": 2});
        cluster.set_status(&path, &status);
        shop.apply(&["--yes", "--timeout", "30s"]).ok();
        assert_eq!(shop.config_maps(), ["a"]);
        assert_eq!(shop.inventory()["pending"], json!(null));
    }
}

#[test]
fn secret_values_are_nowhere() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        let secret = |value: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{ name: s }}\nstringData: {{ password: {value} }}\n"
            )
        };
        shop.declare("s.yaml", &secret("canary-one-1"));
        shop.declare("a.yaml", &map("a", "1"));
        let mut said = shop.apply(&["-v", "--yes"]).ok().render();
        shop.declare("s.yaml", &secret("canary-two-2"));
        shop.declare("a.yaml", &map("a", "canary-two-2"));
        for args in [&["-n"][..], &["-n", "-o", "json"], &["--plan-out", "p"]] {
            said += &shop.apply(args).ok().render();
        }
        said += &shop.sandbox.read("p");
        // An error that quotes it.
        let body = json!({"kind": "Status", "status": "Failure", "code": 422, "reason": "Invalid",
            "message": "password canary-two-2 is too short, so is Y2FuYXJ5LXR3by0y"});
        cluster.fault_at(|call| call.target.contains("/secrets/s?"), Fault::Status(422, body));
        let refused = shop.apply(&["--yes"]);
        assert_eq!(refused.code, 3, "{}", refused.render());
        said += &refused.render();
        said += &shop.inventory().to_string();
        assert!(!said.contains("canary") && !said.contains("Y2FuYXJ5"), "{said}");
    }
}

#[test]
fn faults_that_pass_are_outlasted() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        shop.declare("b.yaml", &map("b", "1"));
        shop.declare("c.yaml", &map("c", "1"));
        let status = |code: u16| {
            Fault::Status(
                code,
                json!({"kind": "Status", "status": "Failure", "code": code, "message": "busy"}),
            )
        };
        cluster.fault_at(|call| call.method == "GET" && call.path == "/apis", status(503));
        cluster.fault_at(
            |call| call.path.ends_with("/configmaps") && call.method == "GET",
            Fault::CloseWithin,
        );
        cluster.fault_at(|call| call.target.contains("dryRun"), status(500));
        let real = |call: &crate::support::kubernetes::Call| {
            call.method == "PATCH" && !call.target.contains("dryRun")
        };
        cluster.fault_at(real, status(429));
        cluster.fault_at(real, Fault::CloseAfter);
        cluster.fault_at(
            |call| call.method == "POST" && call.path.ends_with("/configmaps"),
            Fault::CloseAfter,
        );
        cluster.fault_at(
            |call| call.method == "PUT" && call.path.contains("inventory"),
            Fault::CloseAfter,
        );
        shop.apply(&["--yes"]).ok();
        assert_eq!(shop.config_maps(), ["a", "b", "c"]);
        assert_eq!(shop.inventory()["pending"], json!(null));
    }
}

#[test]
fn a_failure_in_a_stage_is_exit_4_and_the_next_run_goes_on() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        shop.declare("s.yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 1 }] }\n");
        let body = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "quota"});
        let first = |call: &crate::support::kubernetes::Call| {
            call.method == "PATCH" && call.path.ends_with("/a") && !call.target.contains("dryRun")
        };
        cluster.fault_at(first, Fault::Status(403, body));
        let output = shop.apply(&["--yes"]);
        assert_eq!(output.code, 4, "{}", output.render());
        assert!(output.stderr.contains("changed only in part"), "{}", output.stderr);
        assert!(cluster.get(&shop.path("services", "s")).is_none());
        let output = shop.apply(&["--yes"]);
        output.ok();
        assert!(
            output.stderr.contains("did not reach its end: going on from there"),
            "{}",
            output.stderr
        );
        assert!(cluster.get(&shop.path("services", "s")).is_some());
    }
}

fn first_write(cluster: &Cluster) -> (std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    cluster.hold(|call| call.method == "PATCH" && !call.target.contains("dryRun"))
}

#[test]
fn of_two_at_once_one_mutates() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        let (reached, go) = first_write(cluster);
        let first = shop.command(&["-e", &shop.name, "--yes"]).spawn().unwrap();
        reached.recv_timeout(Duration::from_mins(1)).unwrap();
        let second = shop.apply(&["--yes"]);
        assert_eq!(second.code, 3, "{}", second.render());
        assert!(second.stderr.contains("holds it since"), "{}", second.stderr);
        assert!(second.stderr.contains("wait for it with --lock-timeout"), "{}", second.stderr);
        let third =
            shop.command(&["-e", &shop.name, "--yes", "--lock-timeout", "60s"]).spawn().unwrap();
        go.send(()).unwrap();
        for process in [first, third] {
            assert!(process.wait_with_output().unwrap().status.success());
        }
        let patches = cluster.writes().iter().filter(|line| line.starts_with("PATCH")).count();
        assert_eq!(patches, 1, "{:?}", cluster.writes());
    }
}

#[test]
fn a_watch_does_not_disturb_a_run() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        shop.apply(&["--yes"]).ok();
        shop.declare("a.yaml", &map("a", "2"));
        cluster.forget();
        let (reached, go) = first_write(cluster);
        let run = shop.command(&["-e", &shop.name, "--yes"]).spawn().unwrap();
        reached.recv_timeout(Duration::from_mins(1)).unwrap();
        let before = shop.inventory();
        shop.apply(&["--watch", "--once"]).ok();
        assert_eq!(shop.inventory(), before);
        go.send(()).unwrap();
        assert!(run.wait_with_output().unwrap().status.success());
        assert_eq!(shop.inventory()["pending"], json!(null));
    }
}

#[test]
fn a_signal_ends_a_watch_that_sleeps() {
    let cluster = Cluster::fake();
    let shop = Shop::new(&cluster, "");
    shop.declare("a.yaml", &map("a", "1"));
    let (reached, go) = cluster.hold(|call| call.method == "PUT" && call.path.contains("/leases/"));
    let watch = ["-e", &shop.name, "--watch", "--interval", "1h"];
    let child = shop.command(&watch).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // The lock is given back last; what follows is sleep.
    reached.recv_timeout(Duration::from_mins(1)).unwrap();
    go.send(()).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("stopped"), "{said}");
}

#[test]
fn a_lost_lock_stops_the_writes() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, ", lock: { duration: 1s }");
        shop.declare("a.yaml", &map("a", "1"));
        shop.declare("s.yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 1 }] }\n");
        let (reached, go) = first_write(cluster);
        let first = shop
            .command(&["-e", &shop.name, "--yes"])
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        reached.recv_timeout(Duration::from_mins(1)).unwrap();
        let thief = json!({"spec": {"holderIdentity": "thief"}});
        cluster.edit(&shop.lease_path(), &thief);
        // The next beat finds out: it reads the lease.
        let (beat, on) =
            cluster.hold(|call| call.path.contains("/leases/") && call.method == "GET");
        beat.recv_timeout(Duration::from_mins(1)).unwrap();
        on.send(()).unwrap();
        // Only after the heart has stopped may the first write end.
        let (gone, unused) = cluster.hold(|call| call.path.contains("/leases/"));
        assert!(gone.recv_timeout(Duration::from_millis(1500)).is_err());
        go.send(()).unwrap();
        drop(unused);
        let output = first.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("its lock was lost"), "{said}");
        assert!(cluster.get(&shop.path("services", "s")).is_none());
    }
}

#[test]
fn a_lock_can_be_broken() {
    for cluster in &clusters() {
        let shop = Shop::new(cluster, "");
        shop.declare("a.yaml", &map("a", "1"));
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": format!("gitops-{}", shop.name)},
            "spec": {"holderIdentity": "ci/7", "leaseDurationSeconds": 3600, "leaseTransitions": 4,
                     "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.000000Z"}});
        cluster.create("/apis/coordination.k8s.io/v1/namespaces/default/leases", &lease);
        assert_eq!(shop.apply(&["--yes"]).code, 3);
        shop.apply(&["--unlock", "--yes"]).is(str![[r#"
`ci/7` holds the lock of `[SHOP]` since 2026-01-01T00:00:00.000000Z
-- stderr --
the lock is broken
-- exit 0 --

"#]]);
        shop.apply(&["--yes"]).ok();
        assert_eq!(shop.inventory()["token"], 5);
    }
}

#[test]
fn a_large_inventory_is_kept_in_parts() {
    let cluster = Cluster::fake();
    let shop = Shop::new(&cluster, "");
    let all: Vec<String> = (0..5002).map(|n| map(&format!("m{n:04}"), "1")).collect();
    shop.declare("all.yaml", &all.join("---\n"));
    shop.apply(&["--yes"]).ok();
    assert_eq!(shop.inventory()["entries"].as_object().unwrap().len(), 5000);
    assert_eq!(shop.inventory()["shards"].as_array().unwrap().len(), 1);
    shop.declare("all.yaml", &all[..5001].join("---\n"));
    shop.apply(&["--yes"]).ok();
    assert!(shop.config_map("m5001").is_none());
    let shards =
        cluster.get("/api/v1/namespaces/default/configmaps?labelSelector=gitops/inventory=x");
    assert!(shards.is_some());
    assert!(shop.apply(&["--yes"]).ok().stdout.contains("5001 unchanged"));
}
