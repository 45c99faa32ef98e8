//! `flux`: the controller applies; we tell it to look, and wait until it has our commit and is well.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::handover::{commit_of, compare, contains, item, split, text, token, wait};
use super::kubernetes::api::Call;
use super::kubernetes::{Access, Base};
use super::settings::{self, Common};
use super::stop::Stop;
use super::{Actuator, Applied, Context, Declared, Lock, State};
use crate::error::{Code, Hinted};
use crate::plan::file::Target;
use crate::plan::health::{self, Health};
use crate::plan::{Compared, Id, Inventory, Item, Observation, Prune};

/// The keys of `kind: flux`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    #[serde(default)]
    cluster_uid: Option<String>,
    /// `NAMESPACE/NAME` of the Kustomization.
    kustomization: String,
}

struct Flux {
    base: Base,
    namespace: String,
    name: String,
    timeout: Duration,
    no_wait: bool,
    stop: Stop,
}

const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";
const MERGE: &str = "application/merge-patch+json";
const GROUP: &str = "kustomize.toolkit.fluxcd.io";

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let (namespace, name) = split(&keys.kustomization, "flux-system");
    let kubeconfig =
        keys.kubeconfig.map_or(context.kubeconfig, |file| vec![context.root.join(file)]);
    let access = Access { context: keys.context, kubeconfig };
    let base = Base::connect(&access, &context.environment, Some(namespace.clone()))?;
    let Context { timeout, no_wait, stop, .. } = context;
    let base = base.pinned(keys.cluster_uid);
    Ok(Box::new(Flux { base, namespace, name, timeout, no_wait, stop }))
}

impl Flux {
    fn id(&self) -> Id {
        Id {
            group: GROUP.to_owned(),
            kind: "Kustomization".to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    fn path(&self) -> String {
        format!("/apis/{GROUP}/v1/namespaces/{}/kustomizations/{}", self.namespace, self.name)
    }

    fn kustomization(&self) -> anyhow::Result<Value> {
        let found = self.base.api.call(Call::get(self.path()));
        found.map_err(|failure| failure.error(&format!("read {}", self.id())))
    }

    /// The path of the source; only Git has commits to wait for.
    fn source(&self, kustomization: &Value) -> anyhow::Result<String> {
        let source = &kustomization["spec"]["sourceRef"];
        if source["kind"] != "GitRepository" {
            let message = format!(
                "cannot wait for {}: its source is {} {}, not a GitRepository",
                self.id(),
                text(&source["kind"]),
                text(&source["name"])
            );
            return Err(Hinted::plain(Code::Config, message).into());
        }
        let namespace = source["namespace"].as_str().unwrap_or(&self.namespace);
        Ok(format!(
            "/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories/{}",
            text(&source["name"])
        ))
    }

    /// Tells a controller to look now.
    fn request(&self, path: &str, token: &str) -> anyhow::Result<()> {
        let body = json!({"metadata": {"annotations": {REQUESTED: token}}});
        let answer =
            self.base.api.call(Call::patch(format!("{path}?fieldManager=gitops"), body, MERGE));
        answer.map(|_| ()).map_err(|failure| failure.error(&format!("tell {} to look", self.id())))
    }

    fn hand_over(&self, item: &Item) -> anyhow::Result<String> {
        let start = std::time::Instant::now();
        let left = || self.timeout.saturating_sub(start.elapsed());
        let kustomization = self.kustomization()?;
        let (source, token) = (self.source(&kustomization)?, token());
        self.request(&source, &token)?;
        if self.no_wait {
            self.request(&self.path(), &token)?;
            return Ok(text(&kustomization["metadata"]["uid"]).to_owned());
        }
        wait(left(), &self.stop, "the source", || {
            let found = self.base.api.call(Call::get(&source));
            let found = found.map_err(|failure| failure.error("read the source"))?;
            let status = &found["status"];
            let revision = text(&status["artifact"]["revision"]);
            if contains(item, revision) {
                return Ok(Ok(()));
            }
            let trouble = failure(status);
            match trouble {
                // It has looked since we told it to.
                Some(said) if status["lastHandledReconcileAt"] == token.as_str() => {
                    let message =
                        format!("cannot apply by {}: its source failed: {said}", self.id());
                    Err(Hinted::plain(Code::Error, message).into())
                }
                Some(said) => Ok(Err(format!("it has {revision}: {said}"))),
                None => Ok(Err(format!("it has {revision}"))),
            }
        })?;
        self.request(&self.path(), &token)?;
        wait(left(), &self.stop, &self.id().to_string(), || {
            let now = self.kustomization()?;
            let status = &now["status"];
            let applied = text(&status["lastAppliedRevision"]);
            let seen = status["lastHandledReconcileAt"] == token.as_str();
            let is_well = health::of(&now, &[]).is_current();
            if seen && contains(item, applied) && is_well {
                return Ok(Ok(text(&now["metadata"]["uid"]).to_owned()));
            }
            let attempted = text(&status["lastAttemptedRevision"]);
            if seen && contains(item, attempted) && failure(status).is_some() {
                let message =
                    format!("cannot apply {}: {}", commit_of(attempted), health::of(&now, &[]));
                return Err(Hinted::plain(Code::Error, message).into());
            }
            Ok(Err(format!("it has applied {applied}; {}", health::of(&now, &[]))))
        })
    }
}

/// What the controller says where it tried and failed, rather than not yet succeeded.
fn failure(status: &Value) -> Option<&str> {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let failed = conditions.find(|c| {
        c["type"] == "Ready"
            && c["status"] == "False"
            && c["reason"] != "Progressing"
            && c["reason"] != "DependencyNotReady"
    })?;
    Some(failed["message"].as_str().unwrap_or_default())
}

impl Actuator for Flux {
    fn target(&self) -> anyhow::Result<Target> {
        self.base.target("flux", &self.id().to_string())
    }

    fn state(&self) -> &dyn State {
        &self.base
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        item(self.id(), declared)
    }

    fn observe(&self, items: Vec<Item>, _: &Inventory) -> anyhow::Result<Observation> {
        let now = self.kustomization()?;
        let uid = text(&now["metadata"]["uid"]).to_owned();
        let revision = text(&now["status"]["lastAppliedRevision"]);
        let suspended = now["spec"]["suspend"] == true;
        let one = |item: Item| {
            let trouble = Some(health::of(&now, &[])).filter(|health| !health.is_current());
            let trouble = trouble.map(|health| health.to_string());
            let mut compared = compare(item, uid.clone(), revision, trouble);
            compared.rejected = suspended.then(|| "it is suspended".to_owned());
            compared
        };
        let compared = items.into_iter().map(one).collect();
        Ok(Observation { compared, ..Observation::default() })
    }

    fn apply(&self, stage: &[Compared], _: &dyn Lock) -> Vec<Applied> {
        let one = |compared: &Compared| (compared.item.id.clone(), self.hand_over(&compared.item));
        stage.iter().map(one).collect()
    }

    fn health(&self, ids: &[Id]) -> anyhow::Result<Vec<(Id, Health)>> {
        let health = health::of(&self.kustomization()?, &[]);
        Ok(ids.iter().map(|id| (id.clone(), health.clone())).collect())
    }

    fn prune(&self, _: &Prune) -> anyhow::Result<()> {
        Ok(())
    }

    fn guarantee(&self) -> &'static str {
        "revision"
    }
}
