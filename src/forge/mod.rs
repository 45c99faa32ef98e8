//! Pull requests on every forge: found by head and base, created, updated where they differ.
//!
//! [`recognise`] and [`probe()`] tell which forge a remote belongs to, [`ensure()`] is the one algorithm, and
//! [`TABLE`] has one row per forge, each in a file of its own that knows that forge's API and nothing
//! else. Everything here takes plain values; a token arrives with the host it is for.

mod answer;
mod api;
mod azure;
mod bitbucket;
mod bitbucket_dc;
mod ensure;
mod extras;
mod gerrit;
mod gitea;
mod github;
mod gitlab;
mod probe;
mod remote;
mod text;
mod tokenless;

use std::time::{Duration, Instant};

pub use answer::Answer;
pub use api::{Access, Api, Planned, Refusal, Token};
pub use ensure::{Action, Outcome, Race, Watch, ensure};
pub use probe::probe;
pub use remote::{Hints, Known, Place, Remote, place_of, recognise, resolve_alias};
pub use text::Marks;
pub use tokenless::{Push, PushNotes, Tokenless, announced, tokenless_push};

/// What is to be open in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// The branch with the change.
    pub head: String,
    /// The branch it goes to.
    pub base: String,
    /// The commit that was pushed to `head`, where known.
    pub head_sha: Option<String>,
    /// Whether this run pushed commits to `head`.
    pub pushed: bool,
    /// One line.
    pub title: String,
    /// Our part of the body, without markers.
    pub body: String,
    /// What did not fit into the body; goes into a comment.
    pub overflow: Option<String>,
    /// Which environment and app it is about: other proposals with this key are superseded by it.
    pub key: String,
    /// Names, created where missing.
    pub labels: Vec<String>,
    /// Names; `org/team` is a team.
    pub reviewers: Vec<String>,
    /// Names.
    pub assignees: Vec<String>,
    /// Whether it is a draft; left alone where the user did not say.
    pub draft: Option<bool>,
    /// How to merge it, where it is to merge itself.
    pub merge: Option<Merge>,
    /// Whether older proposals with this key are to be closed.
    pub supersede: bool,
}

/// How a pull request merges itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// Squash, merge commit or rebase; the repository's habit where the user did not say.
    pub method: Method,
    /// Whether to merge at once where there is nothing to wait for.
    pub now: bool,
    /// Whether its branch goes with it.
    pub delete_branch: bool,
}

/// What a merge makes of the commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// One commit.
    #[default]
    Squash,
    /// A merge commit.
    Merge,
    /// The same commits on the new base.
    Rebase,
}

impl Method {
    /// What most forges call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Squash => "squash",
            Self::Merge => "merge",
            Self::Rebase => "rebase",
        }
    }
}

/// A pull request as its forge has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository; 0 in a dry run, where it does not exist yet.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// The identity that GitHub's GraphQL API wants.
    pub node_id: Option<String>,
    /// The title without any draft prefix.
    pub title: String,
    /// The whole body, a person's notes included.
    pub body: String,
    /// The branch with the change.
    pub head: String,
    /// The branch it goes to.
    pub base: String,
    /// The head's commit.
    pub head_sha: Option<String>,
    /// Whether the head is a branch of this very repository.
    pub own: bool,
    /// Whether it is a draft.
    pub draft: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Those asked to review, and those who did.
    pub reviewers: Vec<String>,
    /// Those it is assigned to.
    pub assignees: Vec<String>,
    /// What the forge wants to see again in an update: its version, ids it would otherwise forget.
    pub raw: serde_json::Value,
}

impl Pull {
    /// Its number in a path.
    #[must_use]
    pub fn id(&self) -> String {
        if self.number == 0 { "{number}".to_owned() } else { self.number.to_string() }
    }
}

/// What is to be different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// A new title.
    pub title: Option<String>,
    /// A new body.
    pub body: Option<String>,
    /// Draft, or ready for review.
    pub draft: Option<bool>,
}

impl Edit {
    /// Nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What became of an attempt to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// There it is.
    Now(Box<Pull>),
    /// Somebody was faster.
    Exists,
    /// The forge does not see the pushed branch yet, in its words.
    HeadUnknown(String),
    /// Nothing lies between base and head.
    Empty,
    /// The repository has no drafts, in the forge's words.
    NoDraft(String),
}

/// Whether a forge has such a thing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Done.
    Done,
    /// This forge knows no such thing.
    Lacking,
}

/// What became of `--auto-merge`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AutoMerge {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// The forge merges it when its conditions are met.
    Enabled,
    /// It is merged.
    Merged,
    /// It is neither, because.
    Unavailable(String),
}

/// What every forge can do, each in its own way.
pub trait Forge {
    /// Its row.
    fn row(&self) -> &'static Row;

    /// How it is reached; a dry run reads what it would have sent from here.
    fn api(&self) -> &Api;

    /// The open pull requests to `base`; only those of the branch `head` where one is named.
    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>>;

    /// Opens one.
    fn create(&self, want: &Proposal) -> anyhow::Result<Created>;

    /// Changes one.
    fn update(&self, pull: &Pull, edit: &Edit) -> anyhow::Result<Pull>;

    /// Adds labels, and makes those that do not exist.
    fn label(&self, _pull: &Pull, _names: &[String]) -> anyhow::Result<Extra> {
        Ok(Extra::Lacking)
    }

    /// Who has been asked to review it or has reviewed it, where the pull request itself does not tell.
    fn reviewers(&self, pull: &Pull) -> anyhow::Result<Vec<String>> {
        Ok(pull.reviewers.clone())
    }

    /// Asks for reviews.
    fn review(&self, _pull: &Pull, _names: &[String]) -> anyhow::Result<Extra> {
        Ok(Extra::Lacking)
    }

    /// Assigns it.
    fn assign(&self, _pull: &Pull, _names: &[String]) -> anyhow::Result<Extra> {
        Ok(Extra::Lacking)
    }

    /// Lets it merge itself; at once only where `merge.now` says so.
    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge>;

    /// Writes a comment.
    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()>;

    /// Closes it unmerged.
    fn close(&self, pull: &Pull) -> anyhow::Result<()>;
}

/// One forge.
#[derive(Debug)]
pub struct Row {
    /// The value of `--forge`.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its public hosts, exactly; `*.` stands for one or more labels before the rest.
    pub hosts: &'static [&'static str],
    /// Whether a remote looks like one of its own on a host nobody knows.
    pub shape: fn(&Remote) -> bool,
    /// What to ask a host that may be one, below its root, and whether the answer says so.
    pub probe: (&'static str, fn(&Answer) -> bool),
    /// Where its API and the repository are.
    pub place: fn(&Remote, &Known) -> anyhow::Result<Place>,
    /// The header that carries a token.
    pub authorization: fn(&Token) -> anyhow::Result<crate::http::header::HeaderValue>,
    /// What every request carries besides.
    pub headers: &'static [(&'static str, &'static str)],
    /// Talks to it.
    pub open: fn(Place, Api) -> Box<dyn Forge>,
    /// What a token needs to be allowed, in the forge's words.
    pub permissions: &'static str,
    /// The variable that a token for it is usually in.
    pub variable: &'static str,
    /// Advice for a refusal that only this forge gives.
    pub advice: fn(&Answer) -> Option<String>,
    /// The most bytes of a body.
    pub body_limit: usize,
    /// The most characters of a title.
    pub title_limit: usize,
    /// How invisible text is written in a body.
    pub marks: Marks,
    /// How it opens pull requests for a push alone.
    pub tokenless: Tokenless,
    /// The page of a commit.
    pub commit_url: fn(&Place, &str) -> String,
    /// The page of the commits between two.
    pub compare_url: fn(&Place, &str, &str) -> String,
    /// The page where a person opens a pull request: base and head.
    pub new_url: fn(&Place, &str, &str) -> String,
}

/// The colour of labels that we make: a quiet blue.
const LABEL_COLOR: &str = "1d76db";

/// Every forge, in the order in which unknown hosts are tried.
pub static TABLE: &[&Row] = &[
    &github::ROW,
    &gitlab::ROW,
    &gitea::GITEA,
    &gitea::FORGEJO,
    &bitbucket::ROW,
    &bitbucket_dc::ROW,
    &azure::ROW,
    &gerrit::ROW,
];

/// The row of a `--forge` value.
#[must_use]
pub fn named(name: &str) -> Option<&'static Row> {
    TABLE.iter().copied().find(|row| row.name == name)
}

/// How long to wait for what a forge has not noticed yet.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first pause; each later one is longer by as much.
    pub step: Duration,
    /// How often to look.
    pub tries: u32,
    /// The longest that one request is repeated while the forge is busy.
    pub busy: Duration,
    /// The end of all patience.
    pub deadline: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        // 0.7 + 1.4 + 2.1 + 2.8 + 3.5: ten seconds, which was enough for hub.
        Self {
            step: Duration::from_millis(700),
            tries: 6,
            busy: Duration::from_mins(1),
            deadline: None,
        }
    }
}

impl Pace {
    /// Looks until there is something to see; `None` when the patience is at its end.
    pub fn until<T>(
        &self,
        mut look: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<Option<T>> {
        for attempt in 1..=self.tries {
            if let Some(seen) = look()? {
                return Ok(Some(seen));
            }
            let pause = self.step * attempt;
            if attempt == self.tries || self.left().is_some_and(|left| left <= pause) {
                break;
            }
            std::thread::sleep(pause);
        }
        Ok(None)
    }

    /// What is left of it, where it ends.
    fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE[at + 1..].iter().all(|other| other.name != row.name), "{}", row.name);
            assert!(!row.permissions.is_empty(), "{}", row.name);
            assert_eq!(named(row.name).map(|row| row.title), Some(row.title));
        }
        assert!(named("sourceforge").is_none());
    }
}
