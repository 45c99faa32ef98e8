//! The one algorithm: find by head and base, create or update what differs, then the extras.

use super::text::{is_same, key_of, merge_body, short_title, wrap_body};
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Proposal, Pull};
use crate::error::{Code, Hinted, Report};

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was opened.
    Created,
    /// It was open, and something of it is new.
    Updated,
    /// It was open just so.
    Unchanged,
    /// There was nothing to propose.
    Skipped,
}

impl Action {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
        }
    }
}

/// Everything that came out of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was done.
    pub action: Action,
    /// The pull request, unless skipped.
    pub pull: Option<Pull>,
    /// What became of the wish to merge.
    pub auto_merge: AutoMerge,
    /// The numbers of the older pull requests that were closed.
    pub superseded: Vec<u64>,
    /// Extras that failed, or that the forge does not have.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Nothing lies between base and head.
    #[must_use]
    pub fn skipped() -> Self {
        let (pull, auto_merge, superseded, warnings) = Default::default();
        Self { action: Action::Skipped, pull, auto_merge, superseded, warnings }
    }
}

/// Told as soon as the pull request exists, so that nothing after it can hide that.
pub type Progress<'a> = &'a dyn Fn(Action, &Pull);

/// Opens the pull request, or brings the open one up to date.
pub fn ensure(
    forge: &dyn Forge,
    want: &Proposal,
    progress: Progress<'_>,
) -> anyhow::Result<Outcome> {
    let want = &fitted(forge, want);
    let done = match find(forge, want)? {
        Some(pull) => revise(forge, pull, want)?,
        None => match open(forge, want)? {
            Some(done) => done,
            None => return Ok(Outcome::skipped()),
        },
    };
    let mut pull = done.pull;
    // The forge may still show the commit before the push.
    pull.head_sha = want.head_sha.clone().or(pull.head_sha);
    progress(done.action, &pull);
    let mut outcome = Outcome { action: done.action, ..Outcome::skipped() };
    if let Some(text) = want.overflow.as_ref().filter(|_| done.wrote_body)
        && let Err(error) = forge.comment(&pull, text)
    {
        outcome.warnings.push(words(&error));
    }
    decorate(forge, &pull, want, &mut outcome);
    if want.supersede {
        supersede(forge, &pull, want, &mut outcome);
    }
    // In a dry run there is nothing yet whose state could decide it.
    if let Some(merge) = want.merge.as_ref().filter(|_| pull.number != 0) {
        outcome.auto_merge = merged(forge, &pull, merge, &mut outcome.warnings);
    }
    outcome.pull = Some(pull);
    Ok(outcome)
}

fn merged(forge: &dyn Forge, pull: &Pull, merge: &Merge, warnings: &mut Vec<String>) -> AutoMerge {
    let done = forge.merge(pull, merge);
    let done = done.unwrap_or_else(|error| AutoMerge::Unavailable(words(&error)));
    if let AutoMerge::Unavailable(reason) = &done {
        warnings.push(format!("it will not merge itself: {reason}"));
    }
    done
}

/// A pull request that is open, and what was done for it.
struct Done {
    action: Action,
    pull: Pull,
    wrote_body: bool,
}

/// The proposal within the forge's limits.
fn fitted(forge: &dyn Forge, want: &Proposal) -> Proposal {
    let row = forge.row();
    let mut want = want.clone();
    want.title = short_title(&want.title, row.title_limit);
    // Of 100 bytes for the markers and for a draft's prefix nobody will miss one.
    if want.overflow.is_none() && want.body.len() + want.key.len() + 100 > row.body_limit {
        want.overflow = Some(want.body.clone());
    }
    want
}

/// The open pull request of exactly this head and base, whatever filter the forge made of the question.
fn find(forge: &dyn Forge, want: &Proposal) -> anyhow::Result<Option<Pull>> {
    let open = forge.list(&want.base, Some(&want.head))?;
    Ok(open.into_iter().find(|pull| pull.own && pull.head == want.head && pull.base == want.base))
}

/// Creates it, unless somebody else is faster; waits while the forge does not see the branch.
fn open(forge: &dyn Forge, want: &Proposal) -> anyhow::Result<Option<Done>> {
    let row = forge.row();
    let created = Proposal {
        body: wrap_body(row.marks, &want.key, &want.body, row.body_limit),
        ..want.clone()
    };
    let mut unseen = String::new();
    let done = forge.api().pace().until(|| match forge.create(&created)? {
        Created::Now(pull) => {
            Ok(Some(Some(Done { action: Action::Created, pull: *pull, wrote_body: true })))
        }
        Created::Empty => Ok(Some(None)),
        Created::Exists => {
            "it says there is one already, and shows none".clone_into(&mut unseen);
            let found = find(forge, want)?;
            found.map(|pull| revise(forge, pull, want).map(Some)).transpose()
        }
        Created::HeadUnknown(reason) => {
            unseen = reason;
            Ok(None)
        }
    })?;
    done.ok_or_else(|| {
        let message = format!(
            "cannot open the pull request of `{}`: {} says: {unseen}",
            want.head, row.title
        );
        let hint =
            format!("is `{}` pushed to this repository, and is `{}` there?", want.head, want.base);
        Hinted::new(Code::NotFound, message, hint).into()
    })
}

/// Changes what differs of an open one.
fn revise(forge: &dyn Forge, pull: Pull, want: &Proposal) -> anyhow::Result<Done> {
    let row = forge.row();
    let body = merge_body(row.marks, &want.key, &pull.body, &want.body, row.body_limit);
    let edit = Edit {
        title: (pull.title != want.title).then(|| want.title.clone()),
        body: (!is_same(&pull.body, &body)).then_some(body),
        draft: want.draft.filter(|draft| *draft != pull.draft),
    };
    if edit.is_empty() {
        let action = if want.pushed { Action::Updated } else { Action::Unchanged };
        return Ok(Done { action, pull, wrote_body: false });
    }
    let mut updated = forge.update(&pull, &edit)?;
    if updated.url.is_empty() {
        // A dry run has no answer to read.
        updated = pull;
    }
    Ok(Done { action: Action::Updated, pull: updated, wrote_body: edit.body.is_some() })
}

/// Labels, reviewers and assignees that are missing; what fails is a warning.
fn decorate(forge: &dyn Forge, pull: &Pull, want: &Proposal, outcome: &mut Outcome) {
    let labels = missing(&want.labels, &pull.labels);
    let assignees = missing(&want.assignees, &pull.assignees);
    let mut done = false;
    let mut note = |what: &str, names: &[String], result: anyhow::Result<Extra>| match result {
        Ok(Extra::Done) => done = true,
        Ok(Extra::Lacking) => {
            let title = forge.row().title;
            outcome.warnings.push(format!("{title} has no {what}: left out {}", names.join(", ")));
        }
        Err(error) => outcome.warnings.push(words(&error)),
    };
    if !labels.is_empty() {
        note("labels", &labels, forge.label(pull, &labels));
    }
    if !want.reviewers.is_empty() {
        match forge.reviewers(pull).map(|known| missing(&want.reviewers, &known)) {
            Ok(names) if names.is_empty() => {}
            Ok(names) => note("reviewers", &names, forge.review(pull, &names)),
            Err(error) => note("reviewers", &want.reviewers, Err(error)),
        }
    }
    if !assignees.is_empty() {
        note("assignees", &assignees, forge.assign(pull, &assignees));
    }
    if done && outcome.action == Action::Unchanged {
        outcome.action = Action::Updated;
    }
}

/// Names that are not there yet; forges do not mind upper and lower case.
fn missing(wanted: &[String], there: &[String]) -> Vec<String> {
    let is_there = |name: &String| there.iter().any(|other| other.eq_ignore_ascii_case(name));
    wanted.iter().filter(|name| !is_there(name)).cloned().collect()
}

/// Closes the other open pull requests of ours that are about the same app and environment.
fn supersede(forge: &dyn Forge, pull: &Pull, want: &Proposal, outcome: &mut Outcome) {
    let open = match forge.list(&want.base, None) {
        Ok(open) => open,
        Err(error) => return outcome.warnings.push(words(&error)),
    };
    let is_older = |other: &Pull| {
        let same_key = key_of(&other.body) == Some(&*want.key);
        // A fork's author may write what he likes into a body.
        let ours = other.own && same_key && other.head != want.head;
        ours && (pull.number == 0 || other.number < pull.number)
    };
    for other in open.iter().filter(|other| is_older(other)) {
        let by = if pull.url.is_empty() { "a newer one".to_owned() } else { pull.url.clone() };
        let closed =
            forge.comment(other, &format!("Superseded by {by}.")).and_then(|()| forge.close(other));
        match closed {
            Ok(()) => outcome.superseded.push(other.number),
            Err(error) => outcome.warnings.push(words(&error)),
        }
    }
}

/// An error as a warning's text.
fn words(error: &anyhow::Error) -> String {
    let report = Report::of(error);
    match report.hint {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}
