//! `helmfile`: `helmfile diff` says whether there is something to do, `helmfile apply` does it.
//!
//! Helmfile renders again, so a plan pins what is declared and no more. Its lock and its inventory are in the cluster of
//! the kubeconfig and context that it is led to.

use std::path::PathBuf;
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
use crate::plan::{Compared, Id, Inventory, Item, Live, Observation, Prune};

/// The keys of `kind: helmfile`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    /// The Helmfile, below the environment's directory.
    #[serde(default)]
    file: Option<String>,
    /// Its environment, where that is not called like ours.
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    #[serde(default)]
    cluster_uid: Option<String>,
    /// How long a release may be pending before it counts as left behind.
    #[serde(default, deserialize_with = "settings::span")]
    pending_grace: Option<Duration>,
}

struct Helmfile {
    file: Option<String>,
    environment: String,
    releases: Releases,
}

/// `helmfile diff --detailed-exitcode` when something differs.
const DIFFERS: i32 = 2;

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let environment = keys.environment.unwrap_or_else(|| context.environment.clone());
    let Keys { file, context: name, kubeconfig, cluster_uid, pending_grace, .. } = keys;
    let place = releases::Keys { context: name, kubeconfig, cluster_uid, pending_grace };
    Ok(Box::new(Helmfile { file, environment, releases: Releases::connect(place, context)? }))
}

impl Helmfile {
    fn argv(&self, words: &[&str]) -> Vec<String> {
        let mut argv =
            vec!["helmfile".to_owned(), "--environment".to_owned(), self.environment.clone()];
        if let Some(file) = &self.file {
            argv.extend(["--file".to_owned(), file.clone()]);
        }
        argv.extend(self.releases.context());
        argv.extend(words.iter().map(|&word| word.to_owned()));
        argv
    }

    fn name(&self) -> &str {
        self.file.as_deref().unwrap_or("helmfile.yaml")
    }

    /// The releases that it is about, and whether they are to be there.
    fn releases(&self) -> anyhow::Result<Vec<(Release, bool)>> {
        let argv = self.argv(&["list", "--output", "json"]);
        let text = self.releases.run(&argv).succeed()?;
        let list: Value =
            serde_json::from_slice(&text).context("cannot read what helmfile prints")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let release = |one: &Value| {
            let release = Release { name: text(&one["name"]), namespace: text(&one["namespace"]) };
            (release, one["installed"] != false)
        };
        let is_meant = |one: &&Value| one["enabled"] != false;
        Ok(list.as_array().into_iter().flatten().filter(is_meant).map(release).collect())
    }

    /// Shows what the releases consist of, and would.
    fn show(
        &self,
        all: &[(Release, bool)],
        compared: &mut Compared,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let mut live = String::new();
        for (release, installed) in all {
            if self.releases.status(release)?.is_some() {
                live.push_str("\n---\n");
                live.push_str(&self.releases.manifest(release)?);
                let why = "the Helmfile says `installed: false`";
                notes.extend((!installed).then(|| format!("{release} is uninstalled: {why}")));
            }
        }
        let argv = self.argv(&["template", "--skip-tests"]);
        let declared = self.releases.run(&argv).succeed()?;
        let declared = String::from_utf8(declared).context("cannot read what helmfile prints")?;
        manifests::show(compared, &live, &declared)
    }

    /// What an interrupted Helm left: what is done about it, and why it may not be yet.
    fn pending(&self, all: &[(Release, bool)]) -> anyhow::Result<(Vec<String>, Option<String>)> {
        let (mut notes, mut rejected) = (Vec::new(), None);
        for release in installed(all) {
            let Some(status) = self.releases.status(release)? else { continue };
            match self.releases.pending(release, &status)? {
                Some(pending) if pending.is_fresh => {
                    rejected = Some(format!("{release}: {}", pending.fresh()));
                }
                Some(pending) => notes.push(pending.announced(release)),
                None => {}
            }
        }
        Ok((notes, rejected))
    }

    fn upgrade(&self) -> anyhow::Result<String> {
        for release in installed(&self.releases()?) {
            self.releases.recover(release)?;
        }
        let mut words = vec!["apply", "--suppress-secrets"];
        words.extend((!self.releases.no_wait).then_some("--wait"));
        let argv = self.argv(&words);
        self.releases.run(&argv).succeed().map(|_| "helmfile".to_owned())
    }
}

/// The releases that are to be there.
fn installed(all: &[(Release, bool)]) -> impl Iterator<Item = &Release> {
    all.iter().filter(|(_, installed)| *installed).map(|(release, _)| release)
}

impl Actuator for Helmfile {
    fn target(&self) -> anyhow::Result<Target> {
        self.releases.base.target("helmfile", self.name())
    }

    fn state(&self) -> &dyn State {
        &self.releases.base
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        let (listed, name) = (self.releases.write(declared)?, self.name());
        let value = json!({ "declared": sha256(listed.as_bytes()), "releases": "as declared" });
        Ok(vec![Item { id: Id::plain("Helmfile", name), value, origin: name.to_owned() }])
    }

    fn observe(&self, items: Vec<Item>, inventory: &Inventory) -> anyhow::Result<Observation> {
        let argv = self.argv(&["diff", "--detailed-exitcode", "--suppress-secrets"]);
        let run = self.releases.run(&argv);
        let ended = run.ended()?;
        let differs = match ended.status.code() {
            Some(0) => false,
            Some(DIFFERS) => true,
            // It is Helm's plugin that finds the differences.
            _ if ended.stderr.contains("unknown command \"diff\" for \"helm\"") => {
                let message = "cannot compare with Helmfile: Helm has no plugin `diff`";
                let hint = "install it: helm plugin install https://github.com/databus23/helm-diff";
                return Err(Hinted::new(Code::Config, message, hint).into());
            }
            _ => return Err(run.failed(&ended).into()),
        };
        // Helm shows no difference to what it left half done.
        let all = self.releases()?;
        let (mut notes, rejected) = self.pending(&all)?;
        let differs = differs || !notes.is_empty() || rejected.is_some();
        notes.extend(releases::left_behind(&items, inventory));
        let one = |item: Item| {
            let mut value = item.value.clone();
            if differs {
                value["releases"] = json!("otherwise");
            }
            let live = Live { uid: "helmfile".to_owned(), version: differs.to_string(), value };
            let mut compared = Compared {
                rejected: rejected.clone(),
                remedy: rejected.is_some().then_some(releases::WAIT),
                ..Compared::present(item, live)
            };
            if differs && let Err(error) = self.show(&all, &mut compared, &mut notes) {
                notes.push(releases::unseen(&compared.item.id.to_string(), &error));
            }
            compared
        };
        let compared = items.into_iter().map(one).collect();
        Ok(Observation { compared, notes, ..Observation::default() })
    }

    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
        let one = || {
            lock.check()?;
            self.upgrade()
        };
        stage.iter().map(|compared| (compared.item.id.clone(), one())).collect()
    }

    fn prune(&self, _: &Prune) -> anyhow::Result<()> {
        Ok(())
    }

    fn guarantee(&self) -> &'static str {
        "release-revision"
    }
}
