//! A pull request's text from its two branches alone: for a branch that has the change already.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Connection, Row, Scene, budget, difference, rows_between};
use crate::diff;
use crate::environment::{self, Config};
use crate::git::{Checkout, Origin, Remote, Round};
use crate::manifest::SourceFile;
use crate::snapshot::Snapshot;

/// One end of the pull request.
pub(crate) struct Side {
    pub(crate) branch: String,
    pub(crate) revision: String,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) config: Config,
}

impl Side {
    /// What a branch of the remote holds; `config` is the user's own `gitops.yaml`.
    pub(crate) fn of(round: &Round<'_>, config: Option<&Path>) -> anyhow::Result<Self> {
        let (files, config) = files(round.snapshot(), config)?;
        let (branch, revision) = (round.branch.to_owned(), round.tip.to_owned());
        Ok(Self { branch, revision, files, config })
    }
}

impl Side {
    /// This side as it was when `head` parted from it, in its own words: its settings are those of today.
    pub(crate) fn before(
        &self,
        head: &Self,
        (remote, checkout): (&mut Remote, Option<&Checkout>),
        config: Option<&Path>,
    ) -> anyhow::Result<Fork> {
        let (base, tip) = ((&*self.branch, &*self.revision), (&*head.branch, &*head.revision));
        let revision = remote.fork(base, tip, checkout)?;
        let mut read = |_: &str, snapshot: &dyn Snapshot| Ok(files(snapshot, config)?.0);
        let here = match checkout {
            Some(checkout) => checkout.at(&revision, &mut read)?,
            None => None,
        };
        let files = match here {
            Some(files) => files,
            None => remote.look_at(&revision, &mut read)?,
        };
        let is_empty = revision == head.revision;
        let (branch, config) = (self.branch.clone(), self.config.clone());
        Ok(Fork { side: Self { branch, revision, files, config }, is_empty })
    }
}

/// Where a branch parted from its base.
pub(crate) struct Fork {
    pub(crate) side: Side,
    /// It has nothing of its own.
    pub(crate) is_empty: bool,
}

/// The files of all environments, each with its environment.
pub(crate) fn files(
    snapshot: &dyn Snapshot,
    config: Option<&Path>,
) -> anyhow::Result<(Vec<SourceFile>, Config)> {
    let config = crate::commands::editing::config(config, snapshot)?;
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for environment in environment::all(snapshot, &config)? {
        let mut paths = environment.list(snapshot)?;
        paths.retain(|path| seen.insert(path.clone()));
        let contents = snapshot.read(&paths)?;
        for (path, bytes) in paths.iter().zip(contents) {
            let mut file = SourceFile::new(path, bytes);
            file.environment = environment.name.as_str().into();
            found.push(file);
        }
    }
    Ok((found, config))
}

/// What changes between both.
pub(crate) fn rows(base: &Side, head: &Side, origin: &Origin) -> Vec<Row> {
    let comparison = diff::compare(&base.files, &head.files, &diff::Options::default());
    rows_between(&comparison, &head.config, origin)
}

/// What there is to say; `subject` is the commit's, where it is at hand.
pub(crate) fn scene(
    base: &Side,
    head: &Side,
    subject: Option<String>,
    origin: Origin,
    connection: &Connection,
) -> Scene {
    let rows = rows(base, head, &origin);
    let limit = budget(connection.row.body_limit, connection.row.marks);
    let sides = [base.branch.as_str(), head.branch.as_str()];
    let subject = subject.unwrap_or_else(|| usual_subject(&rows, &head.branch));
    Scene {
        source: origin,
        diff: difference(&base.files, &head.files, sides, limit),
        base: base.branch.clone(),
        head: head.branch.clone(),
        subject,
        ..Scene::default()
    }
    .with(rows)
}

/// A title for a branch whose commits nobody has at hand.
fn usual_subject(rows: &[Row], branch: &str) -> String {
    let [first, rest @ ..] = rows else { return format!("Merge {branch}") };
    let others = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("feat({}): update {} to {}{others}", first.environment, first.app, first.after)
}
