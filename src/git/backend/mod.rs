//! The three ways to read a branch and to push to it: our own wire client, the repository's directory where
//! no `git` is installed, and the user's `git` for what only it can do.

mod cli;
mod direct;
mod keep;
mod sides;
mod wire;

use std::fmt;

pub(super) use cli::Cli;
pub(super) use direct::Direct;
pub(super) use wire::Wire;

use url::Url;

use super::objects::{Files, Objects, Place};
use super::past::{Visit, Walked};
use super::store::Edit;
use crate::error::{Code, Hinted};
use crate::snapshot::Snapshot;

/// What will be done with the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A branch and the commit it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) branch: String,
    pub(super) id: String,
}

/// The files of a tip, and where an edit of a path really goes.
pub(super) trait View: Snapshot {
    fn place(&self, path: &str) -> anyhow::Result<Place>;
}

impl<O: Objects> View for Files<O> {
    fn place(&self, path: &str) -> anyhow::Result<Place> {
        self.locate(path)
    }
}

/// What became of a push.
#[derive(Debug)]
pub(super) enum Pushed {
    /// The server says it is there, and what it replaced where that is not the reference that was pushed to.
    Done(Option<String>),
    /// The server says why it is not.
    Refused(String),
    /// It may be there or not.
    Unknown(anyhow::Error),
}

/// What to push where.
#[derive(Clone, Debug)]
pub(super) struct Push<'a> {
    pub(super) commit: &'a str,
    /// Another branch than the one that was read, and the commit that it must still name, or not be there.
    pub(super) head: Option<(&'a str, Option<&'a str>)>,
    /// Words for the server's hooks.
    pub(super) options: &'a [String],
}

/// A push of somebody else's objects.
#[derive(Clone, Debug)]
pub(super) struct Send<'a> {
    pub(super) branch: &'a str,
    pub(super) old: Option<&'a str>,
    pub(super) new: &'a str,
    pub(super) pack: &'a [u8],
    pub(super) options: &'a [String],
}

/// A way to a repository.
pub(super) trait Backend {
    /// Says that only a few paths will be looked at, so that not all directories are worth getting.
    fn expect_few_paths(&mut self) {}

    /// Looks up the branch, or the default one, and makes its files readable.
    fn refresh(&mut self, branch: Option<&str>, access: Access) -> anyhow::Result<Tip>;

    /// The files of the tip.
    fn files(&self) -> anyhow::Result<Box<dyn View + '_>>;

    /// Makes a commit on the tip: `text` gives its bytes for a tree.
    fn commit(
        &mut self,
        edits: &[Edit],
        text: &dyn Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<String>;

    /// Sets the branch to the commit if it still is the tip.
    fn push(&mut self, push: &Push<'_>) -> anyhow::Result<Pushed>;

    /// The text of the commit that a branch named when the tip was read, with its id; none where there is
    /// no such branch.
    fn commit_text(&mut self, branch: &str) -> anyhow::Result<Option<(String, String)>>;

    /// What a branch is now, for pushing to it; nothing where it is not there.
    fn advertised(&mut self, branch: &str) -> anyhow::Result<Option<String>>;

    /// The same where nothing is to be pushed.
    fn named(&mut self, branch: &str) -> anyhow::Result<Option<String>> {
        self.advertised(branch)
    }

    /// Sets a branch from one commit to another, with the objects that are new there.
    fn send(&mut self, send: &Send<'_>) -> anyhow::Result<Pushed>;

    /// What the remote said during the last push: worth showing, or not, depending on how it ended.
    fn take_words(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Walks back from the tip or from a commit, over at most so many commits of the branch.
    fn past(
        &mut self,
        depth: Option<u32>,
        from: Option<&str>,
        paths: &[String],
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked>;

    /// Finds a commit among at most so many of the branch.
    fn find(&mut self, depth: Option<u32>, revision: &str) -> anyhow::Result<Option<String>>;

    /// The files of a commit that was found.
    fn files_of(&self, commit: &str) -> anyhow::Result<Box<dyn View + '_>>;

    /// The parents of a commit; none where it is not here.
    fn parents(&self, commit: &str) -> anyhow::Result<Option<Vec<String>>>;

    /// Gets so many commits back from one, where they are not here.
    fn learn(&mut self, _commit: &str, _depth: Option<u32>) -> anyhow::Result<()> {
        Ok(())
    }

    /// The URL that answered, after redirects; for HTTP alone.
    fn base(&self) -> Option<Url> {
        None
    }

    /// Whether the tip holds a commit of ours in its history.
    fn holds(&mut self, commit: &str) -> anyhow::Result<bool>;

    /// After objects that cannot be read: whether starting without them may help.
    fn heal(&mut self) -> bool {
        false
    }

    /// Keeps for the next run what this one learnt; `landed` is the branch's new tip.
    fn finish(&mut self, _landed: Option<&str>) {}
}

/// Only the user's `git` can do it.
#[derive(Debug)]
pub(super) struct NeedsGit(pub(super) String);

impl fmt::Display for NeedsGit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NeedsGit {}

/// The full name of a branch, given with or without `refs/heads/`.
///
/// `refs/for/…` names what some forges turn into a pull request; options may follow its name. What is below `refs/gitops/`
/// is ours.
pub(super) fn full_name(branch: &str) -> anyhow::Result<String> {
    if branch.starts_with("refs/for/") && !branch.contains(char::is_whitespace) {
        return Ok(branch.to_owned());
    }
    if branch.starts_with("refs/gitops/") && git2::Reference::is_valid_name(branch) {
        return Ok(branch.to_owned());
    }
    let name = format!("refs/heads/{}", short_name(branch));
    if git2::Reference::is_valid_name(&name) {
        return Ok(name);
    }
    let message = format!("cannot use the branch `{branch}`: it is no name of a branch");
    Err(Hinted::plain(Code::Usage, message).into())
}

/// The most bytes that forges and file systems take for a branch, `refs/heads/` and `.lock` not counted.
const LONGEST: usize = 239;

/// Reads the name of a branch that somebody gives, with or without `refs/heads/`.
pub fn branch_name(text: &str) -> Result<String, String> {
    let name = short_name(text);
    let is_odd = matches!(name, "HEAD" | "@") || name.starts_with('-') || name.starts_with("refs/");
    if is_odd || !git2::Reference::is_valid_name(&format!("refs/heads/{name}")) {
        return Err("it is no name of a branch".to_owned());
    }
    if name.len() > LONGEST {
        return Err(format!("it is too long for a branch: {LONGEST} bytes are the most"));
    }
    Ok(name.to_owned())
}

pub(super) fn short_name(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// The error for a branch that is not there, with what may have been meant.
pub(super) fn no_branch(
    place: &dyn fmt::Display,
    branch: &str,
    branches: &[&str],
    is_tag: bool,
) -> anyhow::Error {
    let branch = short_name(branch);
    if branches.is_empty() && !is_tag {
        let message =
            format!("cannot find the branch `{branch}` in `{place}`: the repository is empty");
        return Hinted::new(Code::NotFound, message, "push a first commit").into();
    }
    let cause = if is_tag { "that is a tag" } else { "there is no such branch" };
    let message = format!("cannot find the branch `{branch}` in `{place}`: {cause}");
    let mut near: Vec<_> = branches
        .iter()
        .map(|name| (strsim::jaro_winkler(branch, name), *name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let meant: Vec<_> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    let hint = match (meant.is_empty(), branches) {
        (false, _) => format!("did you mean {}?", meant.join(", ")),
        (true, few) if few.len() <= 8 => format!("there are {}", few.join(", ")),
        (true, _) => "`git ls-remote --heads` lists them".to_owned(),
    };
    Hinted::new(Code::NotFound, message, hint).into()
}

/// The error for a repository whose default branch is not known.
pub(super) fn no_head(place: &dyn fmt::Display, branches: &[&str]) -> anyhow::Error {
    if branches.is_empty() {
        let message = format!("cannot read `{place}`: the repository is empty");
        return Hinted::new(Code::NotFound, message, "push a first commit").into();
    }
    let message = format!("cannot tell the default branch of `{place}`");
    Hinted::new(Code::Ambiguous, message, "name one with --branch").into()
}
