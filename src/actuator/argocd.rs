//! `argocd`: the controller applies; we let it look, start its sync where it does not by itself, and wait until it has
//! our commit, its operation has succeeded and the application is healthy. No login: the Application is enough.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::handover::{compare, contains, item, split, text, wait};
use super::kubernetes::api::Call;
use super::kubernetes::{Access, Base};
use super::settings::{self, Common};
use super::{Actuator, Applied, Context, Declared, Holder, Lock, Stored};
use crate::error::{Code, Hinted};
use crate::plan::file::Target;
use crate::plan::health::Health;
use crate::plan::{Compared, Id, Inventory, Item, Observation, Prune};

/// The keys of `kind: argocd`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    /// `NAMESPACE/NAME` of the Application.
    application: String,
    /// Start a sync where the application does not by itself.
    #[serde(default)]
    sync: bool,
    /// Start one also of an application that an `ApplicationSet` makes.
    #[serde(default)]
    allow_application_set: bool,
}

struct ArgoCd {
    base: Base,
    namespace: String,
    name: String,
    sync: bool,
    allow_set: bool,
    timeout: Duration,
}

const MERGE: &str = "application/merge-patch+json";
const GROUP: &str = "argoproj.io";

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let (namespace, name) = split(&keys.application, "argocd");
    let kubeconfig =
        keys.kubeconfig.map_or(context.kubeconfig, |file| vec![context.root.join(file)]);
    let access = Access { context: keys.context, kubeconfig };
    let base = Base::connect(&access, &context.environment, Some(namespace.clone()))?;
    let (sync, allow_set, timeout) = (keys.sync, keys.allow_application_set, context.timeout);
    Ok(Box::new(ArgoCd { base, namespace, name, sync, allow_set, timeout }))
}

impl ArgoCd {
    fn id(&self) -> Id {
        Id {
            group: GROUP.to_owned(),
            kind: "Application".to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    fn path(&self) -> String {
        format!("/apis/{GROUP}/v1alpha1/namespaces/{}/applications/{}", self.namespace, self.name)
    }

    fn application(&self) -> anyhow::Result<Value> {
        let found = self.base.api.call(Call::get(self.path()));
        found.map_err(|failure| failure.error(&format!("read {}", self.id())))
    }

    fn patch(&self, patch: Value) -> anyhow::Result<()> {
        let call = Call::patch(format!("{}?fieldManager=gitops", self.path()), patch, MERGE);
        let answer = self.base.api.call(call);
        answer.map(|_| ()).map_err(|failure| failure.error(&format!("change {}", self.id())))
    }

    /// Starts a sync of exactly our commit, unless the application does so by itself or is at it.
    fn start(&self, item: &Item, now: &Value) -> anyhow::Result<()> {
        if !now["spec"]["syncPolicy"]["automated"].is_null() {
            return Ok(());
        }
        if !self.sync {
            let message = format!("cannot apply by {}: it does not sync by itself", self.id());
            return Err(
                Hinted::new(Code::Refused, message, "let gitops start it: `sync: true`").into()
            );
        }
        let owners = now["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        if owners.into_iter().any(|owner| owner["kind"] == "ApplicationSet") && !self.allow_set {
            let message = format!("cannot sync {}: an ApplicationSet makes it", self.id());
            let hint = "if it leaves `operation` alone: `allow-application-set: true`";
            return Err(Hinted::new(Code::Refused, message, hint).into());
        }
        if !now["operation"].is_null()
            || text(&now["status"]["operationState"]["phase"]) == "Running"
        {
            return Ok(());
        }
        let sync = json!({"revision": item.value["revision"], "prune": false});
        let by = json!({"username": "gitops"});
        self.patch(json!({"operation": {"initiatedBy": by, "sync": sync}}))
    }

    fn hand_over(&self, item: &Item) -> anyhow::Result<String> {
        let start = std::time::Instant::now();
        self.patch(json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}))?;
        let left = self.timeout.saturating_sub(start.elapsed());
        wait(left, &self.id().to_string(), || {
            let now = self.application()?;
            let state = &now["status"]["operationState"];
            let synced =
                revisions(&state["syncResult"]).iter().any(|revision| contains(item, revision));
            match text(&state["phase"]) {
                "Succeeded" if synced => Ok(Ok(text(&now["metadata"]["uid"]).to_owned())),
                "Failed" | "Error" if synced => {
                    let said = text(&state["message"]);
                    let message = format!("cannot apply by {}: its sync failed: {said}", self.id());
                    Err(Hinted::plain(Code::Error, message).into())
                }
                phase => {
                    let seen = revisions(&now["status"]["sync"]);
                    // It must have seen the commit before it can be told to sync it.
                    if seen.iter().any(|revision| contains(item, revision)) && phase != "Running" {
                        self.start(item, &now)?;
                    }
                    Ok(Err(format!("it has {}; its operation is {phase}", seen.join(", "))))
                }
            }
        })
    }
}

/// One source has `revision`, several have `revisions`.
fn revisions(status: &Value) -> Vec<String> {
    let several = status["revisions"].as_array().into_iter().flatten();
    let all = several.chain(std::iter::once(&status["revision"]));
    all.filter_map(|revision| revision.as_str().map(str::to_owned))
        .filter(|r| !r.is_empty())
        .collect()
}

impl Actuator for ArgoCd {
    fn target(&self) -> anyhow::Result<Target> {
        self.base.target("argocd", &self.id().to_string())
    }

    fn lock(&self, holder: &Holder, patience: Duration) -> anyhow::Result<Box<dyn Lock>> {
        self.base.lock(holder, patience)
    }

    fn holder(&self) -> anyhow::Result<Option<Holder>> {
        self.base.holder()
    }

    fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        self.base.unlock(holder)
    }

    fn inventory(&self) -> anyhow::Result<Stored> {
        self.base.inventory()
    }

    fn record(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored> {
        self.base.record(inventory, over)
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        item(self.id(), declared)
    }

    fn observe(&self, items: Vec<Item>, _: &Inventory) -> anyhow::Result<Observation> {
        let now = self.application()?;
        let uid = text(&now["metadata"]["uid"]).to_owned();
        let synced = revisions(&now["status"]["operationState"]["syncResult"]);
        let one = |item: Item| {
            let ours = synced.iter().find(|revision| contains(&item, revision));
            let revision = ours.or(synced.first()).cloned().unwrap_or_default();
            compare(item, uid.clone(), &revision)
        };
        let compared = items.into_iter().map(one).collect();
        Ok(Observation { compared, ..Observation::default() })
    }

    fn apply(&self, stage: &[Compared], _: &dyn Lock) -> Vec<Applied> {
        let one = |compared: &Compared| (compared.item.id.clone(), self.hand_over(&compared.item));
        stage.iter().map(one).collect()
    }

    fn health(&self, ids: &[Id]) -> anyhow::Result<Vec<(Id, Health)>> {
        let now = self.application()?;
        let said = text(&now["status"]["health"]["message"]).to_owned();
        let health = match text(&now["status"]["health"]["status"]) {
            "Healthy" => Health::Current(None),
            "Suspended" => Health::Current(Some("suspended")),
            "Degraded" => {
                Health::Failed(if said.is_empty() { "degraded".to_owned() } else { said })
            }
            other => Health::Progressing(format!("its health is {other}")),
        };
        Ok(ids.iter().map(|id| (id.clone(), health.clone())).collect())
    }

    fn prune(&self, _: &Prune) -> anyhow::Result<()> {
        Ok(())
    }

    fn guarantee(&self) -> &'static str {
        "revision"
    }
}
