//! What every actuator has that works in a cluster: a server, a lock and an inventory.

use std::sync::Arc;
use std::time::Duration;

use super::LEASE;
use super::api::{Access, Api, Call};
use super::lease::Leases;
use super::store::Store;
use crate::actuator::{Holder, Lock, State, Stored};
use crate::error::{Code, Hinted};
use crate::plan::Inventory;
use crate::plan::file::Target;

/// A server, and our lock and inventory there.
pub(in crate::actuator) struct Base {
    pub(in crate::actuator) api: Arc<Api>,
    store: Store,
    leases: Leases,
    cluster_uid: Option<String>,
}

impl Base {
    pub(in crate::actuator) fn connect(
        access: &Access,
        environment: &str,
        namespace: Option<String>,
    ) -> anyhow::Result<Self> {
        let api = Arc::new(Api::connect(access)?);
        let namespace = namespace.unwrap_or_else(|| api.namespace.clone());
        let environment = environment.to_owned();
        let store = Store {
            api: Arc::clone(&api),
            namespace: namespace.clone(),
            environment: environment.clone(),
        };
        let leases = Leases { api: Arc::clone(&api), namespace, environment, duration: LEASE };
        Ok(Self { api, store, leases, cluster_uid: None })
    }

    /// Refuses every other cluster.
    pub(in crate::actuator) fn pinned(self, cluster_uid: Option<String>) -> Self {
        Self { cluster_uid, ..self }
    }

    pub(in crate::actuator) fn target(&self, kind: &str, object: &str) -> anyhow::Result<Target> {
        let uid = cluster_uid(&self.api, self.cluster_uid.as_deref())?;
        let address = format!("{} {object}", self.api.address);
        Ok(Target { kind: kind.to_owned(), address, uid })
    }
}

impl State for Base {
    fn lock(&self, holder: &Holder, patience: Duration) -> anyhow::Result<Box<dyn Lock>> {
        self.leases.lock(holder, patience)
    }

    fn holder(&self) -> anyhow::Result<Option<Holder>> {
        self.leases.holder()
    }

    fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        self.leases.unlock(holder)
    }

    fn inventory(&self) -> anyhow::Result<Stored> {
        self.store.read()
    }

    fn record(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored> {
        self.store.write(inventory, over)
    }
}

/// What tells a cluster from another one: the uid of the namespace that each has; an error when it is not the wanted one.
pub(super) fn cluster_uid(api: &Api, wanted: Option<&str>) -> anyhow::Result<String> {
    let system = api.call(Call::get("/api/v1/namespaces/kube-system"));
    let system = system.map_err(|failure| failure.error(&format!("reach `{}`", api.address)))?;
    let uid = system["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    if let Some(wanted) = wanted.filter(|wanted| **wanted != uid) {
        let message =
            format!("cannot apply to `{}`: it is the cluster {uid}, not {wanted}", api.address);
        let hint = "choose the right context; `cluster-uid` in gitops.yaml pins it";
        return Err(Hinted::new(Code::Refused, message, hint).into());
    }
    Ok(uid)
}
