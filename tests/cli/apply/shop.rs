//! An environment on a cluster, in a namespace of its own, so that tests share a server.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::kubernetes::Cluster;
use crate::support::{Output, Sandbox};

/// A checkout whose environment `NAME` is applied to the namespace `NAME`.
pub(crate) struct Shop<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) sandbox: Sandbox,
    pub(crate) name: String,
}

impl<'c> Shop<'c> {
    /// `settings`: further keys of the actuator.
    pub(crate) fn new(cluster: &'c Cluster, settings: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // A cluster may outlive this process.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("shop-{}-{number}", std::process::id());
        let sandbox = Sandbox::new();
        sandbox.write("kubeconfig", cluster.kubeconfig());
        let shop = Self { cluster, sandbox, name };
        shop.configure(settings);
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop.name}});
        cluster.create("/api/v1/namespaces", &namespace);
        cluster.forget();
        shop
    }

    pub(crate) fn configure(&self, settings: &str) {
        let name = &self.name;
        self.sandbox.write(
            "gitops.yaml",
            format!(
                "environments:\n  {name}:\n    files: [env/**]\n    actuator: {{ kind: kubernetes, namespace: \
                 {name}{settings} }}\n"
            ),
        );
    }

    pub(crate) fn declare(&self, file: &str, text: &str) {
        self.sandbox.write(&format!("env/{file}"), text);
    }

    pub(crate) fn undeclare(&self, file: &str) {
        std::fs::remove_file(self.sandbox.path(format!("env/{file}"))).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.gitops_command(&["apply"]);
        command.args(args).env("KUBECONFIG", self.sandbox.path("kubeconfig"));
        command
    }

    /// `gitops apply -e NAME …`; names that differ from run to run read `[SHOP]` and `[SERVER]`.
    pub(crate) fn apply(&self, args: &[&str]) -> Output {
        let args: Vec<&str> = ["-e", &self.name].iter().chain(args).copied().collect();
        self.finish(&mut self.command(&args))
    }

    pub(crate) fn finish(&self, command: &mut Command) -> Output {
        let output = self.sandbox.finish(command);
        let server = self.cluster.kubeconfig();
        let server = server.split('"').nth(1).unwrap().to_owned();
        let clean = |text: String| text.replace(&server, "[SERVER]").replace(&self.name, "[SHOP]");
        Output { stdout: clean(output.stdout), stderr: clean(output.stderr), code: output.code }
    }

    pub(crate) fn path(&self, plural: &str, name: &str) -> String {
        format!("/api/v1/namespaces/{}/{plural}/{name}", self.name)
    }

    pub(crate) fn config_map(&self, name: &str) -> Option<Value> {
        self.cluster.get(&self.path("configmaps", name))
    }

    /// The names of the ConfigMaps in the namespace, but for those that a cluster makes itself.
    pub(crate) fn config_maps(&self) -> Vec<String> {
        let list = self.cluster.get(self.path("configmaps", "").trim_end_matches('/')).unwrap();
        let names = list["items"].as_array().unwrap().iter();
        let names = names.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned());
        names.filter(|name| name != "kube-root-ca.crt").collect()
    }

    pub(crate) fn inventory_path(&self) -> String {
        format!("/api/v1/namespaces/default/configmaps/gitops-inventory-{}", self.name)
    }

    pub(crate) fn lease_path(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/default/leases/gitops-{}", self.name)
    }

    pub(crate) fn inventory(&self) -> Value {
        let map = self.cluster.get(&self.inventory_path()).unwrap();
        serde_json::from_str(map["data"]["inventory.json"].as_str().unwrap()).unwrap()
    }

    /// The objects of the inventory, without their uids.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.inventory()["entries"]
            .as_object()
            .unwrap()
            .keys()
            .map(|key| key.replace(&self.name, "[SHOP]"))
            .collect()
    }
}

impl Drop for Shop<'_> {
    fn drop(&mut self) {
        if self.cluster.is_lasting() {
            let namespace = format!("/api/v1/namespaces/{}", self.name);
            for path in [self.inventory_path(), self.lease_path(), namespace] {
                // What a test deleted is gone already.
                let _ = self.cluster.call("DELETE", &path, "application/json", &Value::Null);
            }
        }
    }
}

/// A ConfigMap as YAML.
pub(crate) fn map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\ndata: {{ value: \"{value}\" }}\n"
    )
}
