//! The one algorithm: find by head and base, create or update what differs, then the extras.

use super::extras::{decorate, supersede};
use super::text::{is_same, merge_body, short_title, wrap_body};
use super::{AutoMerge, Created, Edit, Forge, Merge, Proposal, Pull};
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
    /// Whether somebody else's push got between.
    pub race: Race,
}

/// Whether the branch got another commit than ours while its text was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Race {
    /// It did not.
    #[default]
    None,
    /// Before our text was written: whoever pushed writes his own.
    Yielded,
    /// Our text is of a commit that is no longer there, and has to be written anew.
    Stale,
}

/// What the caller is asked and told on the way.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told as soon as the pull request exists, so that nothing after it can hide that.
    pub told: &'a dyn Fn(Action, &Pull),
    /// The commit that the branch names now; none where nobody can say.
    pub tip: &'a dyn Fn() -> Option<String>,
}

impl Watch<'_> {
    /// Whether the branch has another commit than the one that the text is about.
    fn has_moved(&self, want: &Proposal) -> bool {
        let ours = want.head_sha.as_ref();
        ours.is_some_and(|ours| (self.tip)().is_some_and(|tip| tip != *ours))
    }
}

impl Outcome {
    /// Nothing lies between base and head.
    #[must_use]
    pub fn skipped() -> Self {
        let (pull, auto_merge, superseded, warnings, race) = Default::default();
        Self { action: Action::Skipped, pull, auto_merge, superseded, warnings, race }
    }
}

/// Opens the pull request, or brings the open one up to date.
pub fn ensure(forge: &dyn Forge, want: &Proposal, watch: Watch<'_>) -> anyhow::Result<Outcome> {
    let want = &fitted(forge, want);
    let done = match find(forge, want)? {
        Some(pull) => revise(forge, pull, want, watch)?,
        None => match open(forge, want, watch)? {
            Some(done) => done,
            None => return Ok(Outcome::skipped()),
        },
    };
    let Done { action, pull, wrote_text, wrote_body, mut race, warnings } = done;
    let mut outcome = Outcome { action, warnings, ..Outcome::skipped() };
    let Some(mut pull) = pull else { return Ok(Outcome { race, ..outcome }) };
    // The forge may still show the commit before the push.
    pull.head_sha = want.head_sha.clone().or(pull.head_sha);
    if wrote_text && watch.has_moved(want) {
        race = Race::Stale;
    }
    if race != Race::None {
        return Ok(Outcome { race, pull: Some(pull), ..outcome });
    }
    (watch.told)(action, &pull);
    if let Some(text) = want.overflow.as_ref().filter(|_| wrote_body)
        && let Err(error) = forge.comment(&pull, text)
    {
        outcome.warnings.push(words(&error));
    }
    decorate(forge, &pull, want, &mut outcome);
    if want.supersede {
        supersede(forge, &pull, want, &mut outcome);
    }
    if let Some(merge) = &want.merge {
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
    pull: Option<Pull>,
    wrote_text: bool,
    wrote_body: bool,
    race: Race,
    warnings: Vec<String>,
}

impl Done {
    fn of(action: Action, pull: Pull) -> Self {
        let (wrote_text, wrote_body, race, warnings) = Default::default();
        Self { action, pull: Some(pull), wrote_text, wrote_body, race, warnings }
    }

    /// Nothing is written: the text would be of an older commit than the branch has.
    fn yielded(pull: Option<Pull>) -> Self {
        let (wrote_text, wrote_body, warnings) = Default::default();
        let (action, race) = (Action::Skipped, Race::Yielded);
        Self { action, pull, wrote_text, wrote_body, race, warnings }
    }

    /// Warns where the pull request is to be a draft and is none.
    fn checked(mut self, forge: &dyn Forge, want: &Proposal) -> Self {
        let is_real = |pull: &&Pull| pull.number != 0;
        let is_ready = self.pull.as_ref().filter(is_real).is_some_and(|pull| !pull.draft);
        if want.draft == Some(true) && is_ready && self.warnings.is_empty() {
            let title = forge.row().title;
            self.warnings.push(format!("{title} did not make it a draft: it is ready for review"));
        }
        self
    }
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
fn open(forge: &dyn Forge, want: &Proposal, watch: Watch<'_>) -> anyhow::Result<Option<Done>> {
    let row = forge.row();
    let mut created = Proposal {
        body: wrap_body(row.marks, &want.key, &want.body, row.body_limit),
        ..want.clone()
    };
    let mut unseen = String::new();
    let mut warnings = Vec::new();
    let done = forge.api().pace().until(|| {
        if watch.has_moved(want) {
            return Ok(Some(Some(Done::yielded(None))));
        }
        let mut made = forge.create(&created)?;
        if let Created::NoDraft(reason) = made {
            warnings.push(format!("it is no draft: {} says: {reason}", row.title));
            created.draft = None;
            made = forge.create(&created)?;
        }
        match made {
            Created::Now(pull) => {
                is_real(forge, &pull, "opened", None)?;
                let done = Done::of(Action::Created, *pull);
                Ok(Some(Some(Done { wrote_text: true, wrote_body: true, ..done })))
            }
            Created::Empty => Ok(Some(None)),
            Created::Exists => {
                "it says there is one already, and shows none".clone_into(&mut unseen);
                let found = find(forge, want)?;
                found.map(|pull| revise(forge, pull, want, watch).map(Some)).transpose()
            }
            Created::HeadUnknown(reason) | Created::NoDraft(reason) => {
                unseen = reason;
                Ok(None)
            }
        }
    })?;
    let done = done.ok_or_else(|| unopened(forge, want, &unseen))?;
    Ok(done.map(|mut done| {
        warnings.append(&mut done.warnings);
        Done { warnings, ..done }.checked(forge, want)
    }))
}

/// Refuses an answer to a write that is about no pull request, or about another one.
fn is_real(forge: &dyn Forge, pull: &Pull, done: &str, known: Option<u64>) -> anyhow::Result<()> {
    let is_it = known.map_or(pull.number != 0, |number| pull.number == number);
    if is_it || forge.api().is_dry_run() {
        return Ok(());
    }
    let title = forge.row().title;
    let message = format!(
        "cannot tell whether the pull request is {done}: {title} answered that it is, and did not show it"
    );
    let hint = format!("look whether it is there; is that {title}'s API? --api-url names another");
    Err(Hinted::new(Code::Error, message, hint).into())
}

fn unopened(forge: &dyn Forge, want: &Proposal, unseen: &str) -> anyhow::Error {
    let (head, base, title) = (&want.head, &want.base, forge.row().title);
    let message = format!("cannot open the pull request of `{head}`: {title} says: {unseen}");
    let hint = format!("is `{head}` pushed to this repository, and is `{base}` there?");
    Hinted::new(Code::NotFound, message, hint).into()
}

/// Changes what differs of an open one.
fn revise(
    forge: &dyn Forge,
    pull: Pull,
    want: &Proposal,
    watch: Watch<'_>,
) -> anyhow::Result<Done> {
    let row = forge.row();
    let body = merge_body(row.marks, &want.key, &pull.body, &want.body, row.body_limit);
    let edit = Edit {
        title: (pull.title != want.title).then(|| want.title.clone()),
        body: (!is_same(&pull.body, &body)).then_some(body),
        draft: want.draft.filter(|draft| *draft != pull.draft),
    };
    let idle = if want.pushed { Action::Updated } else { Action::Unchanged };
    if edit.is_empty() {
        return Ok(Done::of(idle, pull));
    }
    if watch.has_moved(want) {
        return Ok(Done::yielded(Some(pull)));
    }
    let (updated, warnings) = update(forge, &pull, &edit)?;
    let action = if updated.is_some() { Action::Updated } else { idle };
    // A dry run has no answer to read.
    let updated = updated.filter(|updated| !updated.url.is_empty()).unwrap_or(pull);
    let (wrote_text, wrote_body) =
        (edit.title.is_some() || edit.body.is_some(), edit.body.is_some());
    Ok(Done { wrote_text, wrote_body, warnings, ..Done::of(action, updated) })
}

/// Sends the edit; where it fails with another draft state, without that.
fn update(
    forge: &dyn Forge,
    pull: &Pull,
    edit: &Edit,
) -> anyhow::Result<(Option<Pull>, Vec<String>)> {
    let error = match forge.update(pull, edit) {
        Ok(updated) => {
            is_real(forge, &updated, "updated", Some(pull.number))?;
            return Ok((Some(updated), Vec::new()));
        }
        Err(error) if edit.draft.is_some() => error,
        Err(error) => return Err(error),
    };
    let rest = Edit { draft: None, ..edit.clone() };
    let warnings = vec![words(&error)];
    if rest.is_empty() {
        return Ok((None, warnings));
    }
    match forge.update(pull, &rest) {
        Ok(updated) => Ok((Some(updated), warnings)),
        Err(_) => Err(error),
    }
}

/// An error as a warning's text.
pub(super) fn words(error: &anyhow::Error) -> String {
    let report = Report::of(error);
    match report.hint {
        Some(hint) => format!("{} ({hint})", report.message),
        None => report.message,
    }
}
