//! `helm-release`: `helm upgrade --install`, for teams that want `helm list`.
//!
//! Helm renders again, so a plan pins the release's revision and the digest of what is declared, no more. A release that
//! an interrupted Helm left pending is put right under our lock, and said so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::kubernetes::api::Call;
use super::kubernetes::{Access, Base};
use super::process::Run;
use super::settings::{self, Common};
use super::{Actuator, Applied, Context, Declared, Holder, Lock, Stored};
use crate::error::{Code, Hinted};
use crate::files;
use crate::plan::digest::sha256;
use crate::plan::file::Target;
use crate::plan::{Compared, Id, Inventory, Item, Live, Observation, Prune};

/// The keys of `kind: helm-release`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    release: String,
    namespace: String,
    /// A directory below the environment's, or a reference that Helm knows.
    chart: String,
    #[serde(default)]
    version: Option<String>,
    /// Files below the environment's directory.
    #[serde(default)]
    values: Vec<String>,
    /// How long a release may be pending before it counts as left behind.
    #[serde(default, deserialize_with = "settings::span")]
    pending_grace: Option<Duration>,
}

struct Helm {
    keys: Keys,
    base: Base,
    variables: Vec<(String, String)>,
    timeout: Duration,
    /// The declared files, for Helm to read.
    dir: tempfile::TempDir,
}

/// Longer than Helm's own default time-out.
const GRACE: Duration = Duration::from_mins(10);
/// What begins the description of a release of ours; the digest of what is declared follows.
const MARK: &str = "gitops ";

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let kubeconfig =
        keys.kubeconfig.as_ref().map_or(context.kubeconfig, |file| vec![context.root.join(file)]);
    let access = Access { context: keys.context.clone(), kubeconfig };
    let base = Base::connect(&access, &context.environment, None)?;
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    Ok(Box::new(Helm { keys, base, variables: context.variables, timeout: context.timeout, dir }))
}

impl Helm {
    fn id(&self) -> Id {
        let namespace = self.keys.namespace.clone();
        Id { namespace, ..Id::plain("HelmRelease", &self.keys.release) }
    }

    /// `helm WORDS`, in the release's namespace and context.
    fn argv(&self, words: &[&str]) -> Vec<String> {
        let mut argv: Vec<String> =
            std::iter::once("helm").chain(words.iter().copied()).map(str::to_owned).collect();
        argv.extend(["--namespace".to_owned(), self.keys.namespace.clone()]);
        if let Some(context) = &self.keys.context {
            argv.extend(["--kube-context".to_owned(), context.clone()]);
        }
        argv
    }

    fn run(&self, argv: &[String]) -> anyhow::Result<Vec<u8>> {
        let (dir, variables) = (self.dir.path(), self.variables.as_slice());
        // Helm is asked to end by itself before it is ended.
        let timeout = self.timeout + Duration::from_secs(30);
        Run { argv, dir, variables, timeout }.succeed()
    }

    /// `helm status` as JSON; `None` where there is no such release.
    fn status(&self) -> anyhow::Result<Option<Value>> {
        let argv = self.argv(&["status", &self.keys.release, "--output", "json"]);
        match self.run(&argv) {
            Ok(text) => {
                Ok(Some(serde_json::from_slice(&text).context("cannot read what helm prints")?))
            }
            Err(error) if error.to_string().contains("release: not found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn upgrade(&self, item: &Item) -> anyhow::Result<String> {
        let description = format!("{MARK}{}", item.value["digest"].as_str().unwrap_or_default());
        let timeout = format!("{}s", self.timeout.as_secs());
        let mut words = vec!["upgrade", "--install", &self.keys.release, &self.keys.chart];
        words.extend(["--description", &description, "--wait", "--timeout", &timeout]);
        if let Some(version) = &self.keys.version {
            words.extend(["--version", version]);
        }
        for values in &self.keys.values {
            words.extend(["--values", values]);
        }
        self.run(&self.argv(&words))?;
        Ok(self.keys.release.clone())
    }

    /// Puts a release right that an interrupted Helm left pending: back to the last one that was deployed, or away with
    /// it when it is the first.
    fn recover(&self, status: &Value) -> anyhow::Result<()> {
        let state = status["info"]["status"].as_str().unwrap_or_default();
        if !state.starts_with("pending-") {
            return Ok(());
        }
        let since = status["info"]["last_deployed"].as_str().unwrap_or_default();
        let age = since.parse::<jiff::Timestamp>().map_or(Duration::ZERO, |since| {
            Duration::try_from(jiff::Timestamp::now().duration_since(since)).unwrap_or_default()
        });
        if age < self.keys.pending_grace.unwrap_or(GRACE) {
            let message = format!("cannot upgrade {}: it is {state} since {since}", self.id());
            let hint =
                "somebody else may be at it; `pending-grace` says when it counts as left behind";
            return Err(Hinted::new(Code::Locked, message, hint).into());
        }
        let argv = self.argv(&["history", &self.keys.release, "--output", "json"]);
        let history: Value = serde_json::from_slice(&self.run(&argv)?)?;
        let deployed = history.as_array().into_iter().flatten().filter(|revision| {
            matches!(revision["status"].as_str(), Some("deployed" | "superseded"))
        });
        let last = deployed.filter_map(|revision| revision["revision"].as_u64()).max();
        if let Some(revision) = last {
            let argv = self.argv(&["rollback", &self.keys.release, &revision.to_string()]);
            self.run(&argv).map(|_| ())
        } else {
            let name = format!("sh.helm.release.v1.{}.v1", self.keys.release);
            let path = format!("/api/v1/namespaces/{}/secrets/{name}", self.keys.namespace);
            let answer = self.base.api.call(Call::delete(path, json!({})));
            answer.map(|_| ()).map_err(|failure| failure.error(&format!("delete {name}")))
        }
    }
}

impl Actuator for Helm {
    fn target(&self) -> anyhow::Result<Target> {
        self.base.target("helm-release", &self.id().to_string())
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
        let mut listed = format!("{} {:?}\n", self.keys.chart, self.keys.version);
        for file in &declared.files {
            let path = self.dir.path().join(&file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            files::replace(&path, &file.bytes)?;
            // Writing to a string cannot fail.
            let _ = writeln!(listed, "{} {}", sha256(&file.bytes), file.path);
        }
        let missing =
            self.keys.values.iter().find(|file| !self.dir.path().join(Path::new(file)).exists());
        if let Some(file) = missing {
            let message = format!(
                "cannot use the values file `{file}`: the environment has none of that name"
            );
            return Err(
                Hinted::new(Code::Config, message, "`path:` says where its files are").into()
            );
        }
        let value = json!({ "digest": sha256(listed.as_bytes()), "status": "deployed" });
        Ok(vec![Item { id: self.id(), value, origin: String::new() }])
    }

    fn observe(&self, items: Vec<Item>, _: &Inventory) -> anyhow::Result<Observation> {
        let status = self.status()?;
        let mut observation = Observation::default();
        for item in items {
            let Some(status) = &status else {
                observation.compared.push(Compared::absent(item));
                continue;
            };
            let info = &status["info"];
            let digest = info["description"].as_str().and_then(|text| text.strip_prefix(MARK));
            let value = json!({ "digest": digest.unwrap_or_default(), "status": info["status"] });
            let version = status["version"].to_string();
            let live = Live { uid: self.keys.release.clone(), version, value };
            if info["status"].as_str().is_some_and(|state| state.starts_with("pending-")) {
                let state = info["status"].as_str().unwrap_or_default();
                observation
                    .notes
                    .push(format!("{} is {state}: an interrupted Helm left it so", item.id));
            }
            observation.compared.push(Compared::present(item, live));
        }
        Ok(observation)
    }

    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
        let one = |compared: &Compared| {
            lock.check()?;
            if let Some(status) = self.status()? {
                self.recover(&status)?;
            }
            self.upgrade(&compared.item)
        };
        stage.iter().map(|compared| (compared.item.id.clone(), one(compared))).collect()
    }

    fn prune(&self, _: &Prune) -> anyhow::Result<()> {
        Ok(())
    }

    fn guarantee(&self) -> &'static str {
        "release-revision"
    }
}
