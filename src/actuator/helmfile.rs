//! `helmfile`: `helmfile diff` says whether there is something to do, `helmfile apply` does it.
//!
//! Helmfile renders again, so a plan pins what is declared and no more. Its lock and its inventory are on this host.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::local::State;
use super::process::Run;
use super::settings::{self, Common};
use super::{Actuator, Applied, Context, Declared, Holder, Lock, Stored};
use crate::files;
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
}

struct Helmfile {
    keys: Keys,
    environment: String,
    state: State,
    variables: Vec<(String, String)>,
    timeout: Duration,
    /// The declared files, for Helmfile to read.
    dir: tempfile::TempDir,
    address: PathBuf,
}

/// `helmfile diff --detailed-exitcode` when something differs.
const DIFFERS: i32 = 2;

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let environment = keys.environment.clone().unwrap_or_else(|| context.environment.clone());
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    Ok(Box::new(Helmfile {
        keys,
        environment,
        state: State::new(context.state, &context.environment),
        variables: context.variables,
        timeout: context.timeout,
        dir,
        address: context.root,
    }))
}

impl Helmfile {
    fn argv(&self, words: &[&str]) -> Vec<String> {
        let mut argv =
            vec!["helmfile".to_owned(), "--environment".to_owned(), self.environment.clone()];
        if let Some(file) = &self.keys.file {
            argv.extend(["--file".to_owned(), file.clone()]);
        }
        if let Some(context) = &self.keys.context {
            argv.extend(["--kube-context".to_owned(), context.clone()]);
        }
        argv.extend(words.iter().map(|&word| word.to_owned()));
        argv
    }

    fn run<'a>(&'a self, argv: &'a [String]) -> Run<'a> {
        let (dir, variables) = (self.dir.path(), self.variables.as_slice());
        Run { argv, dir, variables, timeout: self.timeout + Duration::from_secs(30) }
    }
}

impl Actuator for Helmfile {
    fn target(&self) -> anyhow::Result<Target> {
        let context = self.keys.context.as_deref().unwrap_or("the current context");
        let address = format!("{} in {context}", self.address.display());
        Ok(Target { kind: "helmfile".to_owned(), address, uid: String::new() })
    }

    fn lock(&self, holder: &Holder, patience: Duration) -> anyhow::Result<Box<dyn Lock>> {
        self.state.lock(holder, patience)
    }

    fn holder(&self) -> anyhow::Result<Option<Holder>> {
        self.state.holder()
    }

    fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        State::unlock(holder)
    }

    fn inventory(&self) -> anyhow::Result<Stored> {
        self.state.inventory()
    }

    fn record(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored> {
        self.state.record(inventory, over)
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        let mut listed = String::new();
        for file in &declared.files {
            let path = self.dir.path().join(&file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            files::replace(&path, &file.bytes)?;
            // Writing to a string cannot fail.
            let _ = writeln!(listed, "{} {}", sha256(&file.bytes), file.path);
        }
        let name = self.keys.file.as_deref().unwrap_or("helmfile.yaml");
        let value = json!({ "declared": sha256(listed.as_bytes()), "releases": "as declared" });
        Ok(vec![Item { id: Id::plain("Helmfile", name), value, origin: name.to_owned() }])
    }

    fn observe(&self, items: Vec<Item>, _: &Inventory) -> anyhow::Result<Observation> {
        let argv = self.argv(&["diff", "--detailed-exitcode", "--suppress-secrets"]);
        let run = self.run(&argv);
        let ended = run.ended()?;
        let differs = match ended.status.code() {
            Some(0) => false,
            Some(DIFFERS) => true,
            _ => return Err(run.failed(&ended).into()),
        };
        let one = |item: Item| {
            let mut value = item.value.clone();
            if differs {
                value["releases"] = json!("otherwise");
            }
            let live = Live { uid: "helmfile".to_owned(), version: differs.to_string(), value };
            Compared::present(item, live)
        };
        let compared = items.into_iter().map(one).collect();
        Ok(Observation { compared, ..Observation::default() })
    }

    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
        let one = || {
            lock.check()?;
            let argv = self.argv(&["apply", "--suppress-secrets"]);
            self.run(&argv).succeed().map(|_| "helmfile".to_owned())
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
