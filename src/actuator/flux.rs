//! `flux`: the controller applies; we tell it to look, and wait until it has our commit and is well.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::handover::{
    History, commit_of, compare, item, not_ours, shown, split, text, token, wait,
};
use super::kubernetes::api::Call;
use super::kubernetes::{Access, Base};
use super::settings::{self, Common};
use super::stop::Stop;
use super::{Actuator, Applied, Context, Declared, Lock, State};
use crate::error::{Code, Hinted};
use crate::plan::file::Target;
use crate::plan::health::{self, Health};
use crate::plan::{Compared, Id, Inventory, Item, Observation, Operation, Prune};

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
    history: History,
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
    let Context { timeout, no_wait, ancestry, stop, .. } = context;
    let (base, history) = (base.pinned(keys.cluster_uid), History::new(ancestry));
    Ok(Box::new(Flux { base, namespace, name, timeout, no_wait, history, stop }))
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

    /// Tells a controller to look now.
    fn request(&self, path: &str, what: &str, token: &str) -> anyhow::Result<()> {
        let body = json!({"metadata": {"annotations": {REQUESTED: token}}});
        let answer =
            self.base.api.call(Call::patch(format!("{path}?fieldManager=gitops"), body, MERGE));
        answer.map(|_| ()).map_err(|failure| failure.error(&format!("tell {what} to look")))
    }

    /// Why nothing can be handed over now, and what to do about it.
    fn obstacle(&self, item: &Item, now: &Value) -> anyhow::Result<Option<(String, &'static str)>> {
        if now["spec"]["suspend"] == true {
            return Ok(Some(("it is suspended".to_owned(), "let it go on: `flux resume`")));
        }
        let source = Source::of(now, &self.namespace);
        if source.kind != "GitRepository" {
            let cause = format!("its source is {source}, not a GitRepository");
            return Ok(Some((cause, "only a Git repository has commits to wait for")));
        }
        let found = match self.base.api.call(Call::get(source.path())) {
            Ok(found) => found,
            Err(failure) if failure.code == 404 => {
                let cause = format!("its source {source} is not there");
                return Ok(Some((cause, "correct `spec.sourceRef` of the Kustomization")));
            }
            Err(failure) => return Err(failure.error(&format!("read {source}"))),
        };
        let has_ours = self.history.contains(item, text(&found["status"]["artifact"]["revision"]));
        let suspended = found["spec"]["suspend"] == true && !has_ours;
        let cause = || (format!("its source {source} is suspended"), "let it go on: `flux resume`");
        Ok(suspended.then(cause))
    }

    fn hand_over(&self, item: &Item) -> anyhow::Result<String> {
        let start = std::time::Instant::now();
        let left = || self.timeout.saturating_sub(start.elapsed());
        let before = self.kustomization()?;
        let (source, token) = (Source::of(&before, &self.namespace), token());
        let is_news = self.tried_ours(item, &before["status"]).is_none();
        self.request(&source.path(), &source.to_string(), &token)?;
        let us = self.id().to_string();
        if !self.no_wait {
            wait(left(), &self.stop, &source.to_string(), || self.fetched(item, &source, &token))?;
        }
        self.request(&self.path(), &us, &token)?;
        if self.no_wait {
            return Ok(text(&self.kustomization()?["metadata"]["uid"]).to_owned());
        }
        wait(left(), &self.stop, &us, || self.applied(item, &token, is_news))
    }

    /// Whether the source has our commit.
    fn fetched(
        &self,
        item: &Item,
        source: &Source,
        token: &str,
    ) -> anyhow::Result<Result<(), String>> {
        let found = self.base.api.call(Call::get(source.path()));
        let found = found.map_err(|failure| failure.error(&format!("read {source}")))?;
        let status = &found["status"];
        let revision = text(&status["artifact"]["revision"]);
        if self.history.contains(item, revision) {
            return Ok(Ok(()));
        }
        let has_looked = status["lastHandledReconcileAt"] == token;
        match failure(status) {
            Some(said) if has_looked => {
                let message = format!("cannot apply by {}: its source failed: {said}", self.id());
                Err(Hinted::plain(Code::Error, message).into())
            }
            Some(said) => Ok(Err(format!("it has {}: {said}", shown(revision)))),
            None if has_looked => Ok(Err(not_ours(revision))),
            None => Ok(Err(format!("it has {}", shown(revision)))),
        }
    }

    /// Whether our commit is applied and well; then the uid of what applied it. What is said of our commit counts when
    /// it is said after we asked, or was not said before: the new source alone makes the controller begin.
    fn applied(
        &self,
        item: &Item,
        token: &str,
        is_news: bool,
    ) -> anyhow::Result<Result<String, String>> {
        let now = self.kustomization()?;
        let status = &now["status"];
        let applied = text(&status["lastAppliedRevision"]);
        let counts = is_news || status["lastHandledReconcileAt"] == token;
        if counts && self.history.contains(item, applied) && state(&now).is_current() {
            return Ok(Ok(text(&now["metadata"]["uid"]).to_owned()));
        }
        if let (true, Some(revision), Some(said)) =
            (counts, self.tried_ours(item, status), failure(status))
        {
            let message = format!("cannot apply {}: {said}", commit_of(revision));
            return Err(Hinted::plain(Code::Error, message).into());
        }
        Ok(Err(format!("it has applied {}; {}", shown(applied), state(&now))))
    }

    /// The revision that contains our commit, where a status is about one.
    fn tried_ours<'v>(&self, item: &Item, status: &'v Value) -> Option<&'v str> {
        tried(status).find(|revision| self.history.contains(item, revision))
    }
}

/// Where a Kustomization takes its files from.
struct Source {
    kind: String,
    namespace: String,
    name: String,
}

impl Source {
    fn of(kustomization: &Value, namespace: &str) -> Self {
        let reference = &kustomization["spec"]["sourceRef"];
        Self {
            kind: text(&reference["kind"]).to_owned(),
            namespace: reference["namespace"].as_str().unwrap_or(namespace).to_owned(),
            name: text(&reference["name"]).to_owned(),
        }
    }

    fn path(&self) -> String {
        let Self { namespace, name, .. } = self;
        format!("/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories/{name}")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// What the controller does not stop at: it comes back by itself.
const PASSING: &[&str] = &["Progressing", "DependencyNotReady", "HealthCheckCanceled"];

fn condition<'v>(status: &'v Value, kind: &str) -> Option<&'v Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// What is not ready, and whether that has failed. While it is tried again other conditions say only how far the
/// last attempt came, and until one succeeds the status is that of an older generation.
fn not_ready(status: &Value) -> Option<(&str, bool)> {
    let ready = condition(status, "Ready").filter(|ready| ready["status"] == "False")?;
    let is_passing = PASSING.contains(&text(&ready["reason"]));
    Some((text(&ready["message"]).trim_end(), !is_passing))
}

/// What the controller says where it tried and failed, rather than not yet succeeded.
fn failure(status: &Value) -> Option<&str> {
    not_ready(status).filter(|(_, failed)| *failed).map(|(said, _)| said)
}

fn state(kustomization: &Value) -> Health {
    let status = &kustomization["status"];
    let reconciling = condition(status, "Reconciling").filter(|c| c["status"] == "True");
    match (not_ready(status), reconciling) {
        (Some((said, true)), _) => Health::Failed(said.to_owned()),
        (Some((said, false)), _) => Health::Progressing(said.to_owned()),
        (None, Some(doing)) => Health::Progressing(text(&doing["message"]).to_owned()),
        (None, None) => health::of(kustomization, &[]),
    }
}

/// The revisions that a failure may be about: the last one attempted, and one whose files it could not even get,
/// which is in words alone: `Fetching manifests for revision main@sha1:… with a timeout of …`.
fn tried(status: &Value) -> impl Iterator<Item = &str> {
    let reconciling = condition(status, "Reconciling").map_or("", |c| text(&c["message"]));
    let named = reconciling.split(' ').filter(|word| word.contains(':'));
    named.chain(std::iter::once(text(&status["lastAttemptedRevision"])))
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
        let one = |item: Item| {
            let trouble = Some(state(&now)).filter(|health| !health.is_current());
            let trouble = trouble.map(|health| health.to_string());
            let has = (revision, self.history.contains(&item, revision));
            let mut compared = compare(item, uid.clone(), has, trouble);
            if compared.operation != Operation::Keep {
                let obstacle = self.obstacle(&compared.item, &now)?;
                (compared.rejected, compared.remedy) = obstacle.unzip();
            }
            Ok(compared)
        };
        let compared = items.into_iter().map(one).collect::<anyhow::Result<_>>()?;
        Ok(Observation { compared, ..Observation::default() })
    }

    fn apply(&self, stage: &[Compared], _: &dyn Lock) -> Vec<Applied> {
        let one = |compared: &Compared| (compared.item.id.clone(), self.hand_over(&compared.item));
        stage.iter().map(one).collect()
    }

    fn health(&self, ids: &[Id]) -> anyhow::Result<Vec<(Id, Health)>> {
        let health = state(&self.kustomization()?);
        Ok(ids.iter().map(|id| (id.clone(), health.clone())).collect())
    }

    fn prune(&self, _: &Prune) -> anyhow::Result<()> {
        Ok(())
    }

    fn guarantee(&self) -> &'static str {
        "revision"
    }
}
