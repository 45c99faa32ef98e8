//! The repository as it is and as it was, read from a checkout or a remote alike.

use std::collections::BTreeMap;

use crate::bump::{Deployed, Images, Plan, survey};
use crate::cli::Globals;
use crate::commands::landing::{self, Context, Place};
use crate::environment::{Config, Environment};
use crate::git::{Checkout, Past, Remote, Visit, Walked};
use crate::image::Version;
use crate::snapshot::{Entry, Snapshot};
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// Where to read.
pub(crate) enum Record {
    /// A directory, and its history where it is a Git checkout.
    Here(WorkTree, Option<Box<Checkout>>),
    /// A remote's branch.
    There(Box<Remote>, Option<String>),
}

impl Record {
    /// What `--repo` names.
    pub(crate) fn open(globals: &Globals, context: &Context<'_>, ui: &Ui) -> anyhow::Result<Self> {
        match landing::place(globals) {
            Place::Directory(start) => {
                let tree = WorkTree::around(&start)?;
                let checkout = Checkout::open(tree.root(), context.settings()).ok().map(Box::new);
                Ok(Self::Here(tree, checkout))
            }
            Place::Remote(url) => {
                let remote = Box::new(context.remote(&url, ui)?);
                Ok(Self::There(remote, globals.branch.clone()))
            }
        }
    }

    /// Shows the files as they are.
    pub(crate) fn look<T>(
        &mut self,
        look: impl FnOnce(&dyn Snapshot) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match self {
            Self::Here(tree, _) => look(tree),
            Self::There(remote, branch) => {
                remote.look(branch.as_deref(), |round| look(round.snapshot()))
            }
        }
    }

    /// Walks back over the commits that changed some files.
    pub(crate) fn past(
        &mut self,
        paths: &[String],
        restart: &mut dyn FnMut(),
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        match self {
            Self::Here(_, Some(checkout)) => {
                restart();
                checkout.past(paths, visit)
            }
            Self::Here(_, None) => Ok(Walked::Shallow),
            Self::There(remote, branch) => remote.past(branch.as_deref(), paths, restart, visit),
        }
    }
}

/// The scope of an environment.
pub(crate) fn scope(snapshot: &dyn Snapshot, environment: &Environment) -> anyhow::Result<Images> {
    let files = environment.list(snapshot)?;
    Ok(Images { environment: Some(environment.name.clone()), files, document: None })
}

/// Calls the images of a plan as people do: by the app's name rather than by the repository.
pub(crate) fn call_by_app(plan: &mut Plan, deployed: &[Deployed]) {
    for edit in &mut plan.edits {
        let image = edit.image.as_deref().unwrap_or_default();
        if let Some(found) = deployed.iter().find(|deployed| deployed.image == image) {
            edit.image = Some(found.app.clone());
        }
    }
}

/// What one commit made of the versions of an environment.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) revision: String,
    pub(crate) message: String,
    /// By image: before and after.
    pub(crate) changed: BTreeMap<String, (Option<Version>, Option<Version>)>,
}

impl Step {
    /// Reads the versions on both sides of a commit.
    pub(crate) fn of(past: Past, config: &Config) -> Self {
        let mut changed: BTreeMap<String, (Option<Version>, Option<Version>)> = BTreeMap::new();
        for (path, before, after) in &past.files {
            for deployed in versions(config, path, before.as_deref()) {
                changed.entry(deployed.image).or_default().0 = Some(deployed.version);
            }
            for deployed in versions(config, path, after.as_deref()) {
                changed.entry(deployed.image).or_default().1 = Some(deployed.version);
            }
        }
        changed.retain(|_, (before, after)| before != after);
        Self { revision: past.revision, message: past.message, changed }
    }

    /// The source that the commit's message names: repository and revision.
    pub(crate) fn source(&self) -> Option<(String, String)> {
        let value = self.message.lines().find_map(|line| line.strip_prefix("Gitops-Source: "))?;
        let (repository, revision) = value.trim().rsplit_once('@')?;
        Some((repository.to_owned(), revision.to_owned()))
    }
}

/// The versions in one file's old text; nothing where it cannot be read, for it may have been broken.
fn versions(config: &Config, path: &str, bytes: Option<&[u8]>) -> Vec<Deployed> {
    let Some(bytes) = bytes else { return Vec::new() };
    let file = OneFile(bytes);
    let scope =
        Images { environment: Some(String::new()), files: vec![path.to_owned()], document: None };
    survey(&file, config, &scope, &[]).unwrap_or_default()
}

/// A file by itself.
struct OneFile<'a>(&'a [u8]);

impl Snapshot for OneFile<'_> {
    fn entries(&self, _: &str) -> anyhow::Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn read(&self, paths: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        Ok(paths.iter().map(|_| self.0.to_vec()).collect())
    }
    fn real_path(&self, path: &str) -> anyhow::Result<String> {
        Ok(path.to_owned())
    }
}
