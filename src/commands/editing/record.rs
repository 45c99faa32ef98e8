//! The repository as it is and as it was, read from a checkout or a remote alike.

use crate::bump::{Deployed, Images, survey};
use crate::cli::Globals;
use crate::commands::editing::How;
use crate::commands::landing::{self, Context, Place};
use crate::environment::{Config, Environment};
use crate::git::{self, Checkout, Look, Past, Remote, Visit, Walked};
use crate::image::Version;
use crate::snapshot::{Entry, Snapshot};
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// Where to read.
pub(crate) enum Record {
    /// A directory, and its history where it is a Git checkout.
    Here(WorkTree, Option<Box<Checkout>>),
    /// A remote's branch, and the checkout that it is the remote of.
    There(Box<Remote>, Option<String>, Option<Box<Checkout>>),
}

impl Record {
    /// What `--repo` names; for a pull request from a checkout, the remote that it goes to, which may be ahead.
    pub(crate) fn open(
        globals: &Globals,
        how: &How<'_>,
        context: &Context<'_>,
        ui: &Ui,
    ) -> anyhow::Result<Self> {
        let base = || how.proposal.base.clone().filter(|_| how.pr);
        match landing::place(globals) {
            Place::Directory(start) => {
                let tree = WorkTree::around(&start)?;
                let checkout = Checkout::open(tree.root(), context.settings()).ok().map(Box::new);
                if how.pr {
                    let (url, config) = context.origin_remote(tree.root(), &how.proposal.remote)?;
                    let remote = Box::new(context.remote_of(&url, &config)?);
                    let base = base().or_else(|| globals.branch.clone());
                    return Ok(Self::There(remote, base, checkout));
                }
                Ok(Self::Here(tree, checkout))
            }
            Place::Remote(url) => {
                let remote = Box::new(context.remote(&url, ui)?);
                Ok(Self::There(remote, base().or_else(|| globals.branch.clone()), None))
            }
        }
    }

    /// Refuses a history that is there and cannot be read.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Here(tree, None) => git::check_readable(tree.root()),
            Self::Here(_, Some(_)) | Self::There(..) => Ok(()),
        }
    }

    /// Whether the files may differ from the newest commit.
    pub(crate) fn is_work_tree(&self) -> bool {
        matches!(self, Self::Here(_, Some(_)))
    }

    /// Shows the files as they are.
    pub(crate) fn look<T>(
        &mut self,
        look: impl FnOnce(&dyn Snapshot) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match self {
            Self::Here(tree, _) => look(tree),
            Self::There(remote, branch, _) => {
                remote.look(branch.as_deref(), |round| look(round.snapshot()))
            }
        }
    }

    /// Walks back over the commits that changed some files, from the newest or from a certain one.
    pub(crate) fn past(
        &mut self,
        from: Option<&str>,
        paths: &[String],
        restart: &mut dyn FnMut(),
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        match self {
            Self::Here(_, Some(checkout)) => {
                restart();
                checkout.past(from, paths, visit)
            }
            Self::Here(_, None) => Ok(Walked::Shallow),
            Self::There(remote, branch, _) => {
                remote.past(branch.as_deref(), from, paths, restart, visit)
            }
        }
    }

    /// Shows a commit, with its id; nothing where there is no such commit.
    pub(crate) fn at<T>(&mut self, revision: &str, look: Look<'_, T>) -> anyhow::Result<Option<T>> {
        match self {
            Self::Here(_, Some(checkout)) => checkout.at(revision, look),
            Self::Here(_, None) => Ok(None),
            Self::There(remote, branch, checkout) => {
                // Tags and the like are the checkout's: the remote tells of its branches alone.
                let id = checkout.as_ref().and_then(|checkout| checkout.resolve(revision));
                let found = match &id {
                    Some(id) => remote.at(branch.as_deref(), id, look)?,
                    None => None,
                };
                if found.is_some() {
                    return Ok(found);
                }
                remote.at(branch.as_deref(), revision, look)
            }
        }
    }
}

/// The scope of an environment.
pub(crate) fn scope(snapshot: &dyn Snapshot, environment: &Environment) -> anyhow::Result<Images> {
    let files = environment.list(snapshot)?;
    Ok(Images { environment: Some(environment.name.clone()), files, document: None })
}

/// What one commit made of the versions of an environment.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) revision: String,
    pub(crate) message: String,
    pub(crate) changed: Vec<Changed>,
}

/// A version that a commit changed.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// The place, as it is after the commit; where it is gone, before it.
    place: Deployed,
    pub(crate) before: Option<Version>,
    pub(crate) after: Option<Version>,
}

impl Step {
    /// Reads the versions on both sides of a commit.
    pub(crate) fn of(past: Past, config: &Config) -> Self {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for file in &past.files {
            old.extend(versions(config, &file.old_path, file.before.as_deref()));
            new.extend(versions(config, &file.path, file.after.as_deref()));
        }
        let mut changed = Vec::new();
        for place in new {
            let before = twin(&place, &old).map(|at| old.swap_remove(at).version);
            let after = Some(place.version.clone());
            changed.push(Changed { place, before, after });
        }
        let gone = |place: Deployed| {
            let before = Some(place.version.clone());
            Changed { place, before, after: None }
        };
        changed.extend(old.into_iter().map(gone));
        changed.retain(|changed| changed.before != changed.after);
        Self { revision: past.revision, message: past.message, changed }
    }

    /// What a work tree changed that is not committed; nothing where it is as the commit.
    pub(crate) fn uncommitted(now: &[Deployed], committed: &[Deployed]) -> Option<Self> {
        let change = |place: &Deployed| {
            let before = committed[twin(place, committed)?].version.clone();
            let (place, after) = (place.clone(), Some(place.version.clone()));
            Some(Changed { place, before: Some(before), after })
        };
        let mut changed: Vec<Changed> = now.iter().filter_map(change).collect();
        changed.retain(|changed| changed.before != changed.after);
        let (revision, message) = (String::new(), String::new());
        (!changed.is_empty()).then_some(Self { revision, message, changed })
    }

    /// What the commit made of a place; `all` are the places beside it, which may be hard to tell from it.
    pub(crate) fn change_of(&self, place: &Deployed, all: &[Deployed]) -> Option<&Changed> {
        let same = || self.changed.iter().filter(|changed| changed.place.is_alike(place));
        let exact = same().find(|c| c.place.file == place.file && c.place.key == place.key);
        // What looks the same in two files was not moved from one to the other.
        let is_single = all.iter().filter(|other| other.is_alike(place)).count() < 2;
        exact.or_else(|| same().next().filter(|_| is_single))
    }

    /// The source that the commit's message names: repository and revision.
    pub(crate) fn source(&self) -> Option<(String, String)> {
        let value = self.message.lines().find_map(|line| line.strip_prefix("Gitops-Source: "))?;
        let (repository, revision) = value.trim().rsplit_once('@')?;
        Some((repository.to_owned(), revision.to_owned()))
    }
}

/// Which of some places is the same as one: at the same key of the same file, else there is no other.
pub(crate) fn twin(place: &Deployed, others: &[Deployed]) -> Option<usize> {
    let by = |same: &dyn Fn(&Deployed) -> bool| {
        others.iter().position(|other| other.is_alike(place) && same(other))
    };
    by(&|other| other.file == place.file && other.key == place.key)
        .or_else(|| by(&|other| other.file == place.file))
        .or_else(|| by(&|_| true))
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
