//! `helm-release`: `helm upgrade --install`, for teams that want `helm list`.
//!
//! Helm renders again, so a plan pins the release's revision and the digest of what is declared, no more. A release that
//! an interrupted Helm left pending is put right under our lock, and said so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::manifests;
use super::releases::{self, Release, Releases};
use super::settings::{self, Common};
use super::{Actuator, Applied, Context, Declared, Lock, State};
use crate::error::{Code, Hinted};
use crate::plan::digest::sha256;
use crate::plan::file::Target;
use crate::plan::{Compared, Id, Inventory, Item, Live, Observation, Operation, Prune};

/// The keys of `kind: helm-release`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    #[serde(default)]
    cluster_uid: Option<String>,
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
    release: Release,
    chart: String,
    version: Option<String>,
    values: Vec<String>,
    releases: Releases,
}

/// What begins the description of a release of ours; the digest of what is declared follows.
const MARK: &str = "gitops ";

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let Keys { context: name, kubeconfig, cluster_uid, pending_grace, .. } = keys;
    let place = releases::Keys { context: name, kubeconfig, cluster_uid, pending_grace };
    Ok(Box::new(Helm {
        release: Release { name: keys.release, namespace: keys.namespace },
        chart: keys.chart,
        version: keys.version,
        values: keys.values,
        releases: Releases::connect(place, context)?,
    }))
}

impl Helm {
    fn id(&self) -> Id {
        let namespace = self.release.namespace.clone();
        Id { namespace, ..Id::plain("HelmRelease", &self.release.name) }
    }

    /// What says which chart, which version and which values: none of the last revision, as Helm would have it where
    /// no files are given.
    fn source(&self) -> Vec<&str> {
        let mut words = vec![self.release.name.as_str(), self.chart.as_str(), "--reset-values"];
        words.extend(self.version.iter().flat_map(|version| ["--version", version.as_str()]));
        words.extend(self.values.iter().flat_map(|file| ["--values", file.as_str()]));
        words
    }

    /// Shows what the release consists of, and would: as Helm itself renders it, without doing anything.
    fn show(&self, compared: &mut Compared) -> anyhow::Result<()> {
        let live = match &compared.live {
            Some(_) => self.releases.manifest(&self.release)?,
            None => String::new(),
        };
        let mut words = vec!["upgrade", "--install"];
        words.extend(self.source());
        words.extend(["--dry-run=server", "--output", "json"]);
        let rendered: Value = serde_json::from_slice(&self.releases.helm(&self.release, &words)?)
            .context("cannot read what helm prints")?;
        manifests::show(compared, &live, rendered["manifest"].as_str().unwrap_or_default())
    }

    /// The same; where it cannot be shown, the note says why.
    fn shown(&self, mut compared: Compared, notes: &mut Vec<String>) -> Compared {
        if compared.operation != Operation::Keep
            && let Err(error) = self.show(&mut compared)
        {
            notes.push(releases::unseen(&self.release.to_string(), &error));
        }
        compared
    }

    fn upgrade(&self, item: &Item) -> anyhow::Result<String> {
        let description = format!("{MARK}{}", item.value["digest"].as_str().unwrap_or_default());
        let timeout = format!("{}s", self.releases.timeout.as_secs());
        let mut words = vec!["upgrade", "--install"];
        words.extend(self.source());
        words.extend(["--description", &description, "--timeout", &timeout]);
        words.extend((!self.releases.no_wait).then_some("--wait"));
        self.releases.helm(&self.release, &words)?;
        Ok(self.release.name.clone())
    }
}

impl Actuator for Helm {
    fn target(&self) -> anyhow::Result<Target> {
        self.releases.base.target("helm-release", &self.id().to_string())
    }

    fn state(&self) -> &dyn State {
        &self.releases.base
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        let files = self.releases.write(declared)?;
        let listed = format!("{:?}\n{files}", self.source());
        let dir = self.releases.dir.path();
        let missing = self.values.iter().find(|file| !dir.join(Path::new(file)).exists());
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

    fn observe(&self, items: Vec<Item>, inventory: &Inventory) -> anyhow::Result<Observation> {
        let status = self.releases.status(&self.release)?;
        let notes = releases::left_behind(&items, inventory).into_iter().collect();
        let mut observation = Observation { notes, ..Observation::default() };
        for item in items {
            let Some(status) = &status else {
                let compared = self.shown(Compared::absent(item), &mut observation.notes);
                observation.compared.push(compared);
                continue;
            };
            let info = &status["info"];
            let digest = info["description"].as_str().and_then(|text| text.strip_prefix(MARK));
            let value = json!({ "digest": digest.unwrap_or_default(), "status": info["status"] });
            let version = status["version"].to_string();
            let live = Live { uid: self.release.name.clone(), version, value };
            let mut compared = Compared::present(item, live);
            match self.releases.pending(&self.release, status)? {
                Some(pending) if pending.is_fresh => {
                    compared.rejected = Some(pending.fresh());
                    compared.remedy = Some(releases::WAIT);
                }
                Some(pending) => observation.notes.push(pending.announced(&self.release)),
                // Helm renders nothing for a release that is pending.
                None => compared = self.shown(compared, &mut observation.notes),
            }
            observation.compared.push(compared);
        }
        Ok(observation)
    }

    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
        let one = |compared: &Compared| {
            lock.check()?;
            self.releases.recover(&self.release)?;
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
