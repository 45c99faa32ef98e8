//! What `helm-release` and `helmfile` share: they see the very cluster that we lock, and what an interrupted Helm left
//! pending is put right, under our lock and never silently.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::kubernetes::api::Call;
use super::kubernetes::{Access, Base};
use super::process::Run;
use super::stop::Stop;
use super::{Context, Declared};
use crate::error::{Code, Hinted};
use crate::files;
use crate::plan::digest::sha256;
use crate::plan::{Id, Inventory, Item};

/// Longer than Helm's own default time-out.
const GRACE: Duration = Duration::from_mins(10);
const KUBECONFIG: &str = "KUBECONFIG";

/// A cluster, as Helm is led to it.
pub(super) struct Releases {
    pub(super) base: Base,
    context: Option<String>,
    variables: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) no_wait: bool,
    grace: Duration,
    stop: Stop,
    /// The declared files, for the tool to read.
    pub(super) dir: tempfile::TempDir,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) name: String,
    /// Empty for that of the context.
    pub(super) namespace: String,
}

/// A release that Helm has begun to change and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// `pending-upgrade`.
    pub(super) state: String,
    /// Since when, as Helm says.
    since: String,
    /// Somebody may still be at it.
    pub(super) is_fresh: bool,
    remedy: Remedy,
}

/// What puts a pending release right.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Remedy {
    /// Back to the last revision that was deployed.
    Rollback(u64),
    /// None ever was: the revisions that are pending go.
    Delete(Vec<u64>),
}

/// Where to look.
pub(super) struct Keys {
    pub(super) context: Option<String>,
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) cluster_uid: Option<String>,
    pub(super) pending_grace: Option<Duration>,
}

impl Releases {
    pub(super) fn connect(keys: Keys, context: Context) -> anyhow::Result<Self> {
        let kubeconfig =
            keys.kubeconfig.map_or(context.kubeconfig, |file| vec![context.root.join(file)]);
        let variables = variables(context.variables, &kubeconfig)?;
        let access = Access { context: keys.context.clone(), kubeconfig };
        let base = Base::connect(&access, &context.environment, None)?.pinned(keys.cluster_uid);
        Ok(Self {
            base,
            context: keys.context,
            variables,
            timeout: context.timeout,
            no_wait: context.no_wait,
            grace: keys.pending_grace.unwrap_or(GRACE.max(context.timeout)),
            stop: context.stop,
            dir: tempfile::tempdir().context("cannot make a temporary directory")?,
        })
    }

    pub(super) fn run<'a>(&'a self, argv: &'a [String]) -> Run<'a> {
        let (dir, variables) = (self.dir.path(), self.variables.as_slice());
        // Helm is asked to end by itself before it is ended.
        let timeout = self.timeout + Duration::from_secs(30);
        Run { argv, dir, variables, timeout, stop: &self.stop }
    }

    /// `--kube-context …`, where one is chosen.
    pub(super) fn context(&self) -> Vec<String> {
        let flag = |context: &String| ["--kube-context".to_owned(), context.clone()];
        self.context.iter().flat_map(flag).collect()
    }

    /// `helm WORDS`, in the release's namespace and our context.
    pub(super) fn helm(&self, release: &Release, words: &[&str]) -> anyhow::Result<Vec<u8>> {
        let words = std::iter::once("helm").chain(words.iter().copied());
        let mut argv: Vec<String> = words.map(str::to_owned).collect();
        if !release.namespace.is_empty() {
            argv.extend(["--namespace".to_owned(), release.namespace.clone()]);
        }
        argv.extend(self.context());
        self.run(&argv).succeed()
    }

    /// Writes the declared files; a digest of each, line by line.
    pub(super) fn write(&self, declared: &Declared) -> anyhow::Result<String> {
        let mut listed = String::new();
        for file in &declared.files {
            let path = self.dir.path().join(&file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            files::replace(&path, &file.bytes)?;
            if file.is_executable {
                files::set_program(&path, true)?;
            }
            // Writing to a string cannot fail.
            let _ = writeln!(listed, "{} {}", sha256(&file.bytes), file.path);
        }
        Ok(listed)
    }

    /// `helm status` as JSON; `None` where there is no such release.
    pub(super) fn status(&self, release: &Release) -> anyhow::Result<Option<Value>> {
        match self.helm(release, &["status", &release.name, "--output", "json"]) {
            Ok(text) => {
                Ok(Some(serde_json::from_slice(&text).context("cannot read what helm prints")?))
            }
            Err(error) if error.to_string().contains("release: not found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The objects that Helm made of a release last.
    pub(super) fn manifest(&self, release: &Release) -> anyhow::Result<String> {
        let text = self.helm(release, &["get", "manifest", &release.name])?;
        String::from_utf8(text).context("cannot read what helm prints: it is not UTF-8")
    }

    /// What is to be done first, where an interrupted Helm left a release pending.
    pub(super) fn pending(
        &self,
        release: &Release,
        status: &Value,
    ) -> anyhow::Result<Option<Pending>> {
        let state = status["info"]["status"].as_str().unwrap_or_default();
        if !state.starts_with("pending-") {
            return Ok(None);
        }
        let since = status["info"]["last_deployed"].as_str().unwrap_or_default();
        let age = since.parse::<jiff::Timestamp>().map_or(Duration::ZERO, |since| {
            Duration::try_from(jiff::Timestamp::now().duration_since(since)).unwrap_or_default()
        });
        let history = self.helm(release, &["history", &release.name, "--output", "json"])?;
        let history: Value =
            serde_json::from_slice(&history).context("cannot read what helm prints")?;
        Ok(Some(Pending {
            state: state.to_owned(),
            since: since.to_owned(),
            is_fresh: age < self.grace,
            remedy: remedy(&history),
        }))
    }

    /// Puts it right; an error while somebody may be at it.
    pub(super) fn recover(&self, release: &Release) -> anyhow::Result<()> {
        let Some(status) = self.status(release)? else { return Ok(()) };
        let Some(pending) = self.pending(release, &status)? else { return Ok(()) };
        if pending.is_fresh {
            let message = format!("cannot upgrade {release}: {}", pending.fresh());
            return Err(Hinted::plain(Code::Locked, message).into());
        }
        match &pending.remedy {
            Remedy::Rollback(revision) => {
                self.helm(release, &["rollback", &release.name, &revision.to_string()]).map(drop)
            }
            Remedy::Delete(revisions) => {
                revisions.iter().try_for_each(|revision| self.delete(release, *revision))
            }
        }
    }

    /// Deletes a revision as Helm keeps it, if it is still pending.
    fn delete(&self, release: &Release, revision: u64) -> anyhow::Result<()> {
        let driver = self.variables.iter().find(|(name, _)| name == "HELM_DRIVER");
        let kept = match driver.map_or("secret", |(_, driver)| driver.as_str()) {
            "" | "secret" | "secrets" => "secrets",
            "configmap" | "configmaps" => "configmaps",
            other => {
                let message = format!("cannot put {release} right: HELM_DRIVER is `{other}`");
                let hint = format!("delete its revision {revision} where that driver keeps it");
                return Err(Hinted::new(Code::Config, message, hint).into());
            }
        };
        let api = &self.base.api;
        let namespace =
            if release.namespace.is_empty() { &api.namespace } else { &release.namespace };
        let name = format!("sh.helm.release.v1.{}.v{revision}", release.name);
        let path = format!("/api/v1/namespaces/{namespace}/{kept}/{name}");
        let found = api.find(&path).map_err(|failure| failure.error(&format!("read {name}")))?;
        let Some(found) = found else { return Ok(()) };
        let state = found["metadata"]["labels"]["status"].as_str().unwrap_or_default();
        if !state.starts_with("pending-") {
            let message =
                format!("cannot put {release} right: its revision {revision} is {state} now");
            return Err(Hinted::new(Code::Stale, message, "run it again").into());
        }
        let uid = json!({"preconditions": {"uid": found["metadata"]["uid"]}});
        let answer = api.call(Call::delete(path, uid));
        answer.map(drop).map_err(|failure| failure.error(&format!("delete {name}")))
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "HelmRelease {}", self.name),
            namespace => write!(f, "HelmRelease {namespace}/{}", self.name),
        }
    }
}

impl Pending {
    /// What will be done about it.
    pub(super) fn announced(&self, release: &Release) -> String {
        let Self { state, since, remedy, .. } = self;
        let first = match remedy {
            Remedy::Rollback(revision) => format!("it is rolled back to revision {revision} first"),
            Remedy::Delete(revisions) => {
                let revisions: Vec<String> = revisions.iter().map(u64::to_string).collect();
                format!(
                    "nothing was ever deployed, revision {} is deleted first",
                    revisions.join(", ")
                )
            }
        };
        format!("{release} is {state} since {since}: an interrupted Helm left it so; {first}")
    }

    /// Why nothing is done about it.
    pub(super) fn fresh(&self) -> String {
        let Self { state, since, .. } = self;
        format!("it is {state} since {since}, and somebody may be at it")
    }
}

/// What to do about a release that somebody may be at.
pub(super) const WAIT: &str =
    "wait until that has ended; `pending-grace` of the actuator says when it counts as left behind";

/// What was applied before, and is not declared any more: Helm uninstalls nothing by itself, and neither do we.
pub(super) fn left_behind(items: &[Item], inventory: &Inventory) -> Option<String> {
    const SHOWN: usize = 3;
    let is_declared = |id: &Id| items.iter().any(|item| item.id == *id);
    let left: Vec<String> =
        inventory.entries.keys().filter(|id| !is_declared(id)).map(Id::to_string).collect();
    let mut names = left.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if left.len() > SHOWN {
        let _ = write!(names, " and {} more", left.len() - SHOWN);
    }
    let what = "not declared any more; left there, for you to uninstall or delete";
    (!left.is_empty()).then(|| format!("{names}: {what}"))
}

/// Why the objects of a release are not shown.
pub(super) fn unseen(release: &str, error: &anyhow::Error) -> String {
    format!("what changes in {release} cannot be shown: {error:#}")
}

fn remedy(history: &Value) -> Remedy {
    let with = |fits: fn(&str) -> bool| {
        let all = history.as_array().into_iter().flatten();
        let those = all.filter(move |one| fits(one["status"].as_str().unwrap_or_default()));
        those.filter_map(|one| one["revision"].as_u64())
    };
    let deployed = with(|state| matches!(state, "deployed" | "superseded")).max();
    let pending = || Remedy::Delete(with(|state| state.starts_with("pending-")).collect());
    deployed.map_or_else(pending, Remedy::Rollback)
}

/// What a tool gets of our variables: the kubeconfig that we use, and nothing that leads it elsewhere.
fn variables(
    mut ours: Vec<(String, String)>,
    kubeconfig: &[PathBuf],
) -> anyhow::Result<Vec<(String, String)>> {
    let leads_elsewhere = |name: &str| {
        name == KUBECONFIG || name == "HELM_NAMESPACE" || name.starts_with("HELM_KUBE")
    };
    ours.retain(|(name, _)| !leads_elsewhere(name));
    if !kubeconfig.is_empty() {
        // The tool runs in a directory of its own.
        let files = kubeconfig.iter().map(|file: &PathBuf| std::path::absolute(Path::new(file)));
        let files = files.collect::<Result<Vec<_>, _>>().context("cannot find a kubeconfig")?;
        let list = std::env::join_paths(files).context("cannot use the name of a kubeconfig")?;
        let list = list.into_string().ok().context("cannot use a kubeconfig: it is not UTF-8")?;
        ours.push((KUBECONFIG.to_owned(), list));
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_sees_our_cluster_alone() {
        let ours = ["PATH", "KUBECONFIG", "HELM_KUBECONTEXT", "HELM_KUBETOKEN", "HELM_NAMESPACE"];
        let ours = || ours.map(|name| (name.to_owned(), "/x".to_owned())).to_vec();
        let path = ("PATH".to_owned(), "/x".to_owned());
        assert_eq!(variables(ours(), &[]).unwrap(), std::slice::from_ref(&path));
        let found = variables(ours(), &["/a".into(), "/b".into()]).unwrap();
        assert_eq!(found, [path, (KUBECONFIG.to_owned(), "/a:/b".to_owned())]);
    }

    #[test]
    fn a_pending_release_goes_back_to_what_was_deployed_or_away() {
        let history = |states: &[&str]| -> Value {
            let row = |(at, state): (usize, &&str)| json!({"revision": at + 1, "status": state});
            states.iter().enumerate().map(row).collect()
        };
        let table: [(&[&str], Remedy); 4] = [
            (&["superseded", "deployed", "pending-upgrade"], Remedy::Rollback(2)),
            (&["superseded", "failed", "pending-rollback"], Remedy::Rollback(1)),
            (&["failed", "pending-upgrade"], Remedy::Delete(vec![2])),
            (&["pending-install"], Remedy::Delete(vec![1])),
        ];
        for (states, expected) in table {
            assert_eq!(remedy(&history(states)), expected, "{states:?}");
        }
    }
}
