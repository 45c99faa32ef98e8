//! `argocd`: the controller applies; we let it look, start its sync where it does not by itself, and wait until it has
//! our commit, its operation has succeeded and the application is healthy. No login: the Application is enough.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::handover::{History, compare, item, not_ours, split, text, wait};
use super::kubernetes::api::{Call, Failure};
use super::kubernetes::{Access, Base};
use super::settings::{self, Common};
use super::stop::Stop;
use super::{Actuator, Applied, Context, Declared, Lock, State};
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
    #[serde(default)]
    cluster_uid: Option<String>,
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
    no_wait: bool,
    history: History,
    stop: Stop,
}

const MERGE: &str = "application/merge-patch+json";
const GROUP: &str = "argoproj.io";
const REFRESH: &str = "argocd.argoproj.io/refresh";

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let (namespace, name) = split(&keys.application, "argocd");
    let kubeconfig =
        keys.kubeconfig.map_or(context.kubeconfig, |file| vec![context.root.join(file)]);
    let access = Access { context: keys.context, kubeconfig };
    let base = Base::connect(&access, &context.environment, Some(namespace.clone()))?;
    let base = base.pinned(keys.cluster_uid);
    let (sync, allow_set) = (keys.sync, keys.allow_application_set);
    let Context { timeout, no_wait, ancestry, stop, .. } = context;
    let history = History::new(ancestry);
    Ok(Box::new(ArgoCd { base, namespace, name, sync, allow_set, timeout, no_wait, history, stop }))
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

    fn patch(&self, patch: Value) -> Result<(), Failure> {
        let call = Call::patch(format!("{}?fieldManager=gitops", self.path()), patch, MERGE);
        self.base.api.call(call).map(|_| ())
    }

    /// Lets it look; it takes the annotation away in the same request that says what it saw.
    fn refresh(&self) -> anyhow::Result<()> {
        let told = self.patch(json!({"metadata": {"annotations": {REFRESH: "normal"}}}));
        told.map_err(|failure| failure.error(&format!("tell {} to look", self.id())))
    }

    /// Starts a sync of exactly our commit, unless the application is no longer as we saw it; `failed` says how the
    /// one before ended.
    fn start(&self, item: &Item, now: &Value, failed: Option<&str>) -> anyhow::Result<bool> {
        if !self.sync {
            let why = failed.map_or("it does not sync by itself".to_owned(), |said| {
                format!("its sync failed: {said}")
            });
            let message = format!("cannot apply by {}: {why}", self.id());
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
        // Somebody else's operation that began meanwhile must not be mixed with ours.
        let version = &now["metadata"]["resourceVersion"];
        let operation = operation(item, now, &self.history);
        let patch = json!({"metadata": {"resourceVersion": version}, "operation": operation});
        match self.patch(patch) {
            Ok(()) => Ok(true),
            Err(failure) if failure.code == 409 => Ok(false),
            Err(failure) => Err(failure.error(&format!("start the sync of {}", self.id()))),
        }
    }

    fn hand_over(&self, item: &Item) -> anyhow::Result<String> {
        let start = std::time::Instant::now();
        let before = self.application()?["status"]["operationState"].clone();
        self.refresh()?;
        let mut run = Run { looked_after: before.clone(), before, started: false };
        let left = self.timeout.saturating_sub(start.elapsed());
        wait(left, &self.stop, &self.id().to_string(), || self.step(item, &mut run))
    }

    /// One look at how far it is, and what follows from that; its uid at the end.
    fn step(&self, item: &Item, run: &mut Run) -> anyhow::Result<Result<String, String>> {
        let now = self.application()?;
        let uid = text(&now["metadata"]["uid"]).to_owned();
        if run.started && self.no_wait {
            return Ok(Ok(uid));
        }
        if now["metadata"]["annotations"][REFRESH].is_string() {
            return Ok(Err("it has not looked yet".to_owned()));
        }
        let state = &now["status"]["operationState"];
        let failed = match progress(item, &now, &self.history) {
            // What it says of health is older than an operation that ended since it looked.
            Progress::Done if *state != run.looked_after => {
                self.refresh()?;
                run.looked_after = state.clone();
                return Ok(Err("it has not looked at what it synced yet".to_owned()));
            }
            Progress::Done => return Ok(Ok(uid)),
            // One that had failed before we came says nothing about the one that we want.
            Progress::Failed(said) if *state != run.before => {
                let message = format!("cannot apply by {}: its sync failed: {said}", self.id());
                return Err(Hinted::plain(Code::Error, message).into());
            }
            Progress::Failed(said) => Some(said),
            Progress::Running => return Ok(Err(running(state))),
            Progress::Waiting => None,
        };
        if let Some(said) = condition(&now, UNUSABLE) {
            let message = format!("cannot apply by {}: {said}", self.id());
            return Err(Hinted::plain(Code::Error, message).into());
        }
        // It repeats no sync that failed.
        let by_itself = is_automated(&now) && failed.is_none();
        if by_itself && self.no_wait {
            return Ok(Ok(uid));
        }
        // It must have seen the commit before it can be told to sync it.
        let seen = revisions(&now["status"]["sync"]);
        if !seen.iter().any(|revision| self.history.contains(item, revision)) {
            return Ok(Err(not_ours(&seen.join(", "))));
        }
        if !by_itself && !run.started {
            run.started = self.start(item, &now, failed)?;
        }
        let said =
            condition(&now, &["SyncError"]).map_or(String::new(), |said| format!("; {said}"));
        Ok(Err(format!("it has {}; {}{said}", seen.join(", "), running(state))))
    }
}

/// What a hand-over remembers.
struct Run {
    /// The operation that had been before.
    before: Value,
    /// The last operation that ended before it was let look.
    looked_after: Value,
    /// Whether a sync of ours was started.
    started: bool,
}

/// Conditions in which nothing is synced.
const UNUSABLE: &[&str] = &["ComparisonError", "InvalidSpecError"];

/// What the first condition of some types says.
fn condition<'v>(application: &'v Value, types: &[&str]) -> Option<&'v str> {
    let mut conditions = application["status"]["conditions"].as_array()?.iter();
    let found = conditions.find(|condition| types.contains(&text(&condition["type"])))?;
    Some(text(&found["message"]))
}

/// How an operation is, for people.
fn running(state: &Value) -> String {
    match (text(&state["phase"]), text(&state["message"])) {
        ("", _) => "there is no operation".to_owned(),
        (phase, "") => format!("its operation is {phase}"),
        (phase, said) => format!("its operation is {phase}: {said}"),
    }
}

/// How far an application is with our commit.
#[derive(Debug, PartialEq, Eq)]
enum Progress<'a> {
    /// It has it.
    Done,
    /// Its sync of it failed.
    Failed(&'a str),
    /// Something is being synced.
    Running,
    /// It is nothing of that.
    Waiting,
}

fn progress<'a>(item: &Item, now: &'a Value, history: &History) -> Progress<'a> {
    let (state, sync) = (&now["status"]["operationState"], &now["status"]["sync"]);
    let ours = |status: &Value| revisions(status).iter().any(|r| history.contains(item, r));
    let (phase, asked) = (text(&state["phase"]), &state["operation"]["sync"]);
    if !now["operation"].is_null() || matches!(phase, "Running" | "Terminating") {
        return Progress::Running;
    }
    let is_whole = asked["dryRun"] != true && asked["resources"].is_null();
    match phase {
        "Succeeded" if is_whole && ours(&state["syncResult"]) => Progress::Done,
        // One that ended before it came to anything leaves the result of another one, or none.
        "Failed" | "Error" if ours(&state["syncResult"]) || ours(asked) => {
            Progress::Failed(text(&state["message"]))
        }
        // Where the commit changes nothing, there is no operation of it.
        _ if sync["status"] == "Synced" && ours(sync) => Progress::Done,
        _ => Progress::Waiting,
    }
}

/// Whether it syncs by itself.
fn is_automated(application: &Value) -> bool {
    let automated = &application["spec"]["syncPolicy"]["automated"];
    !automated.is_null() && automated["enabled"] != false
}

/// A sync as the application's own settings want it.
fn operation(item: &Item, now: &Value, history: &History) -> Value {
    let ours = &item.value["revision"];
    let mut sync = json!({ "prune": false });
    let is_several = now["spec"]["sources"].as_array().is_some_and(|several| !several.is_empty());
    if is_several {
        // Other sources stay where they are.
        let seen = revisions(&now["status"]["sync"]);
        let one =
            |seen: &String| if history.contains(item, seen) { ours.clone() } else { json!(seen) };
        sync["revisions"] = seen.iter().map(one).collect();
    } else {
        sync["revision"] = ours.clone();
    }
    let policy = &now["spec"]["syncPolicy"];
    if !policy["syncOptions"].is_null() {
        sync["syncOptions"] = policy["syncOptions"].clone();
    }
    let mut operation = json!({ "initiatedBy": { "username": "gitops" }, "sync": sync });
    if !policy["retry"].is_null() {
        operation["retry"] = policy["retry"].clone();
    }
    operation
}

/// One source has `revision`, several have `revisions`.
fn revisions(status: &Value) -> Vec<String> {
    let several = status["revisions"].as_array().into_iter().flatten();
    let all = several.chain(std::iter::once(&status["revision"]));
    all.filter_map(|revision| revision.as_str().map(str::to_owned))
        .filter(|r| !r.is_empty())
        .collect()
}

/// The revisions that it has; what was synced last may have been a part of one, or a rehearsal.
fn deployed(now: &Value, progress: &Progress<'_>) -> Vec<String> {
    let status = &now["status"];
    let mut found = match progress {
        Progress::Waiting => Vec::new(),
        _ => revisions(&status["operationState"]["syncResult"]),
    };
    if *progress == Progress::Done {
        found.extend(revisions(&status["sync"]));
    }
    if found.is_empty() {
        let last = status["history"].as_array().and_then(|history| history.last());
        found.extend(last.map(revisions).unwrap_or_default());
    }
    found
}

impl Actuator for ArgoCd {
    fn target(&self) -> anyhow::Result<Target> {
        self.base.target("argocd", &self.id().to_string())
    }

    fn state(&self) -> &dyn State {
        &self.base
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        item(self.id(), declared)
    }

    fn observe(&self, items: Vec<Item>, _: &Inventory) -> anyhow::Result<Observation> {
        let now = self.application()?;
        let uid = text(&now["metadata"]["uid"]).to_owned();
        let one = |item: Item| {
            let progress = progress(&item, &now, &self.history);
            let trouble = match &progress {
                Progress::Failed(said) => Some(format!("its sync failed: {said}")),
                Progress::Running => Some("its operation is running".to_owned()),
                Progress::Done | Progress::Waiting => None,
            };
            let has = deployed(&now, &progress);
            let ours = has.iter().find(|revision| self.history.contains(&item, revision));
            let revision = ours.or(has.first()).cloned().unwrap_or_default();
            compare(item, uid.clone(), (&revision, ours.is_some()), trouble)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Ancestry;

    const NEW: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const LATER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn ours() -> Item {
        let value = json!({"revision": NEW});
        Item { id: Id::plain("Application", "a"), value, origin: String::new() }
    }

    fn history() -> History {
        History::new(Ancestry::new(|later, earlier| Some(later == LATER && earlier == NEW)))
    }

    #[test]
    fn tells_how_far_it_is() {
        let state = |phase: &str, revision: &str, synced: &str| {
            json!({"status": {
                "operationState": {"phase": phase, "syncResult": {"revision": revision}, "message": "m"},
                "sync": {"status": synced, "revision": NEW}}})
        };
        let asked = |phase: &str, sync: Value| {
            let mut application = state(phase, NEW, "OutOfSync");
            application["status"]["operationState"]["operation"] = json!({ "sync": sync });
            application
        };
        let mut nowhere = asked("Error", json!({"revision": NEW}));
        nowhere["status"]["operationState"]["syncResult"]["revision"] = json!("");
        let table = [
            (state("Succeeded", NEW, "OutOfSync"), Progress::Done),
            (state("Succeeded", LATER, "Synced"), Progress::Done),
            (state("Succeeded", "old", "Synced"), Progress::Done),
            (state("Failed", "old", "Synced"), Progress::Done),
            (state("Succeeded", "old", "OutOfSync"), Progress::Waiting),
            (state("Failed", NEW, "OutOfSync"), Progress::Failed("m")),
            (state("Error", NEW, "Synced"), Progress::Failed("m")),
            (state("Running", "old", "Synced"), Progress::Running),
            // A rehearsal and a part are not our commit; an error may come before any result.
            (asked("Succeeded", json!({"revision": NEW, "dryRun": true})), Progress::Waiting),
            (asked("Succeeded", json!({"resources": [{"kind": "Job"}]})), Progress::Waiting),
            (asked("Succeeded", json!({"revision": NEW})), Progress::Done),
            (nowhere, Progress::Failed("m")),
            (json!({"operation": {}, "status": {}}), Progress::Running),
            (json!({}), Progress::Waiting),
        ];
        for (application, expected) in table {
            assert_eq!(progress(&ours(), &application, &history()), expected, "{application}");
        }
    }

    #[test]
    fn an_operation_is_as_the_application_wants_it() {
        let policy = json!({"syncOptions": ["ServerSideApply=true"], "retry": {"limit": 2}});
        let one = json!({"spec": {"syncPolicy": policy}});
        let expected = json!({"initiatedBy": {"username": "gitops"}, "retry": {"limit": 2},
            "sync": {"revision": NEW, "prune": false, "syncOptions": ["ServerSideApply=true"]}});
        assert_eq!(operation(&ours(), &one, &history()), expected);
        let several = json!({"spec": {"sources": [{}, {}]},
            "status": {"sync": {"revisions": ["chart-1.2", LATER]}}});
        let sync = json!({"revisions": ["chart-1.2", NEW], "prune": false});
        assert_eq!(operation(&ours(), &several, &history())["sync"], sync);
    }

    #[test]
    fn automated_may_be_switched_off() {
        let with = |automated: Value| json!({"spec": {"syncPolicy": {"automated": automated}}});
        let table = [(json!(null), false), (json!({}), true), (json!({"enabled": false}), false)];
        for (automated, expected) in table {
            assert_eq!(is_automated(&with(automated)), expected);
        }
    }
}
