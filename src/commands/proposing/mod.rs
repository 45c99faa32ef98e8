//! Pull requests of commands: the change on a branch of its own, pushed, and its pull request opened or
//! brought up to date.
//!
//! With a token for the host the forge's API does it; without one the push itself, where the forge knows
//! how; else a person, at the page that is printed.

mod args;
pub(crate) mod branches;
mod connect;
mod ending;
mod report;
mod text;

pub use args::{MergeMethod, ProposalArgs};
pub use connect::remote_of;
pub(crate) use connect::{Connection, connect};
pub(crate) use ending::Ending;
pub(crate) use report::{Shown, show, tell};
pub(crate) use text::{Row, Scene, budget, difference, rows_between};

pub(crate) use connect::no_forge;

use std::path::Path;

use crate::bump::Plan;
use crate::cli::Globals;
use crate::commands::editing::{How, Intent, changes, config, superseded};
use crate::commands::landing::Context;
use crate::commands::notify;
use crate::environment::Config;
use crate::error::{Code, Hinted, Outcome};
use crate::event::{Kind, PullRequest};
use crate::forge::{self, Action, Proposal, Tokenless};
use crate::git::{self, Commit, Head, Landed, Landing, Origin, Round};
use crate::ui::Ui;

/// What a tip says: the plan on it, and how to talk about it.
struct Planned {
    plan: Plan,
    config: Config,
    message: String,
    scene: Scene,
}

struct Edit<'a> {
    intent: &'a dyn Intent,
    how: &'a How<'a>,
    origin: Origin,
    ending: Ending<'a>,
}

/// Gerrit changes of the same proposal that may be closed already.
const MOST_CLOSED: u32 = 50;

/// Makes an edit on a branch of its own and opens, or updates, its pull request. `root` is that of the
/// checkout whose remote it is.
pub(crate) fn edit(
    intent: &dyn Intent,
    how: &How<'_>,
    context: &Context<'_>,
    (remote, root): (&mut git::Remote, Option<&Path>),
    globals: &Globals,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let origin = context.origin_apart(root, &remote.address().to_string());
    let origin = intent.origin(origin);
    let Some(connection) = connect(how.proposal, context, remote, how.dry_run, ui)? else {
        return Err(no_forge(remote));
    };
    let (connection, config) = (&connection, globals.config.as_deref());
    let ending = Ending { connection, args: how.proposal, context, config, ui };
    let edit = Edit { intent, how, origin, ending };
    let base = how.proposal.base.as_deref().or(globals.branch.as_deref());
    let first = remote.look(base, |round| {
        if how.explain {
            intent.explain(round.snapshot(), ui)?;
        }
        edit.plan(round)
    })?;
    edit.propose(remote, first)
}

impl Edit<'_> {
    fn plan(&self, round: &Round<'_>) -> anyhow::Result<Planned> {
        let snapshot = round.snapshot();
        self.intent.prefetch(snapshot);
        let plan = self.intent.plan(snapshot)?;
        let config = config(self.ending.context.globals().config.as_deref(), snapshot)?;
        let rows = text::rows_of(&plan, &config, &self.origin);
        let mut scene = Scene {
            source: self.origin.clone(),
            notes: self.intent.notes(),
            base: round.branch.to_owned(),
            kind: self.intent.kind(),
            ..Scene::default()
        }
        .with(rows);
        scene.head = self.how.proposal.head.clone().or_else(|| scene.branch()).unwrap_or_default();
        refuse_same(&scene.base, &scene.head)?;
        let mut message = String::new();
        if !plan.changes.is_empty() {
            let [left, right] = text::sides_of(&plan);
            let sides = [scene.base.as_str(), scene.head.as_str()];
            let row = self.ending.connection.row;
            let limit = budget(row.body_limit, row.marks);
            scene.diff = difference(&left, &right, sides, limit);
            let usual = self.intent.message();
            message = self.ending.context.message(&changes(&plan), &self.origin, usual)?;
            message.lines().next().unwrap_or_default().clone_into(&mut scene.subject);
        }
        Ok(Planned { plan, config, message, scene })
    }

    fn proposal(&self, planned: &Planned) -> anyhow::Result<Proposal> {
        proposal(self.how.proposal, &planned.scene)
    }

    /// Shows the plan, or pushes it and opens its pull request.
    fn propose(&self, remote: &mut git::Remote, first: Planned) -> anyhow::Result<Outcome> {
        let Ending { connection, ui, .. } = self.ending;
        let (command, more) = (self.intent.command(), self.intent.fields());
        if first.plan.changes.is_empty() {
            let shown = Shown::nothing(command, &first.scene, connection).with(more);
            return tell(&shown, Some(&first.plan), ui);
        }
        let proposal = self.proposal(&first)?;
        let push = push_of(connection, remote, &proposal, 0);
        if self.how.dry_run {
            let outcome = self.ending.rehearse(&proposal, push.as_ref())?;
            let shown = Shown::planned(command, &first.scene, connection, &proposal, push.as_ref());
            let mut shown = shown.with(more);
            shown.plan = Some(&first.plan);
            let ended = show(&shown, outcome.as_ref(), ui)?;
            if self.ending.context.notifies() {
                let halves = notify::Half::of_plan(&first.plan, &first.config);
                let (config, scene) = (&first.config, &first.scene);
                let also = self.intent.news();
                let news = News { config, halves, scene, proposal: &proposal, also };
                news.show(remote, self.ending.context, ui)?;
            }
            return Ok(ended);
        }
        let (landed, last, push) = self.land(remote, &proposal, push, first)?;
        if landed.revision.is_none() {
            let shown = Shown::nothing(command, &last.scene, connection).with(more);
            return tell(&shown, Some(&last.plan), ui);
        }
        let shown = Shown::planned(command, &last.scene, connection, &proposal, None);
        let mut shown = shown.with(more);
        shown.landed(&landed);
        let (head_sha, pushed) = (landed.revision.clone(), landed.pushed);
        let proposal = Proposal { head_sha, pushed, ..self.proposal(&last)? };
        let existed = landed.replaced.is_some();
        self.ending.finish(&mut shown, &proposal, push.as_ref(), existed, remote)?;
        let context = self.ending.context;
        let news = || {
            if context.notifies() {
                let halves = notify::Half::of_plan(&last.plan, &last.config);
                let (config, scene) = (&last.config, &last.scene);
                let also = self.intent.news();
                let news = News { config, halves, scene, proposal: &proposal, also };
                news.tell(&shown, remote, context, ui);
            }
        };
        notify::in_order(ui, || tell(&shown, Some(&last.plan), ui), news)
    }

    /// Pushes the commit; in another way where the forge does not take this one.
    fn land(
        &self,
        remote: &mut git::Remote,
        proposal: &Proposal,
        mut push: Option<forge::Push>,
        mut last: Planned,
    ) -> anyhow::Result<(Landed, Planned, Option<forge::Push>)> {
        let Ending { connection, context, ui, .. } = self.ending;
        for salt in 1.. {
            let error = match self.land_by(remote, proposal, push.as_ref(), &mut last) {
                Ok(landed) => return Ok((landed, last, push)),
                Err(error) => error,
            };
            let kind = push.as_ref().map_or(Tokenless::None, |_| connection.row.tokenless);
            let own_options = context.push_options()?.is_empty();
            match kind {
                Tokenless::PushOptions if own_options && git::lacks_push_options(&error) => {
                    ui.detail(format!("{error:#}: pushing without"));
                    push = None;
                }
                Tokenless::RefsFor if salt <= MOST_CLOSED && git::is_closed(&error) => {
                    ui.detail(format!("{error:#}: opening another one"));
                    push = push_of(connection, remote, proposal, salt);
                }
                _ => return Err(error),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Pushes the commit to the branch, or to the name that opens a pull request.
    fn land_by(
        &self,
        remote: &mut git::Remote,
        proposal: &Proposal,
        push: Option<&forge::Push>,
        last: &mut Planned,
    ) -> anyhow::Result<Landed> {
        let context = self.ending.context;
        let (author, committer, signer) = context.people(remote.config())?;
        let mark = format!("Gitops-Branch: {}", proposal.head);
        let name = push.map_or(proposal.head.clone(), |push| push.reference.clone());
        let head = Head { name, mark, overwrite: self.how.proposal.overwrite };
        let mut options = context.push_options()?.to_vec();
        options.extend(push.into_iter().flat_map(|push| push.options.iter().cloned()));
        let landing = Landing {
            branch: Some(&proposal.base),
            head: Some(&head),
            author: &author,
            committer: &committer,
            signer: signer.as_ref(),
            push_options: &options,
        };
        git::land(remote, &landing, &mut |round| {
            *last = self.plan(round).map_err(|error| superseded(error, round.number))?;
            let trailers = std::iter::once(head.mark.as_str())
                .chain(push.and_then(|push| push.trailer.as_deref()));
            let message = git::with_trailers(&last.message, trailers);
            Ok(Some(Commit { changes: last.plan.changes.clone(), message }))
        })
    }
}

/// What there is to tell of a pull request.
pub(crate) struct News<'a> {
    pub(crate) config: &'a Config,
    pub(crate) halves: notify::Halves,
    pub(crate) scene: &'a Scene,
    pub(crate) proposal: &'a Proposal,
    /// What it does besides changing images.
    pub(crate) also: Vec<String>,
}

impl<'a> News<'a> {
    /// Tells of a pull request that is new; one that was brought up to date is known.
    pub(crate) fn tell(
        self,
        shown: &Shown<'_>,
        remote: &git::Remote,
        context: &Context<'_>,
        ui: &Ui,
    ) {
        let (Some(Action::Created), Some(revision)) = (shown.action, &self.proposal.head_sha)
        else {
            ui.status("no new pull request, so nobody is told");
            return;
        };
        let mut deed = self.deed(remote);
        deed.revision.clone_from(revision);
        if let Some(request) = &mut deed.pull_request {
            (request.number, request.url) = (shown.number, shown.url.clone());
        }
        notify::tell(&deed, context, ui);
    }

    /// Shows what would be told: without the number and the commit that nobody made.
    pub(crate) fn show(
        self,
        remote: &git::Remote,
        context: &Context<'_>,
        ui: &Ui,
    ) -> anyhow::Result<()> {
        notify::show(&self.deed(remote), context, ui)
    }

    fn deed(self, remote: &git::Remote) -> notify::Deed<'a> {
        notify::Deed {
            kind: Kind::PrOpened,
            config: self.config,
            environments: self.halves,
            repository: remote.address().to_string(),
            branch: Some(self.scene.head.clone()),
            revision: String::new(),
            subject: self.scene.subject.clone(),
            pull_request: Some(PullRequest {
                number: None,
                title: Some(self.proposal.title.clone()),
                url: None,
            }),
            origin: &self.scene.source,
            news: self.also,
        }
    }
}

/// Refuses a pull request whose push would be one to its base.
pub(crate) fn refuse_same(base: &str, head: &str) -> anyhow::Result<()> {
    if base != head {
        return Ok(());
    }
    let message = format!("cannot open a pull request of `{head}` to itself");
    Err(Hinted::new(Code::Usage, message, "choose the other branch with --base or --head").into())
}

/// The proposal that the flags and the texts make.
pub(crate) fn proposal(args: &ProposalArgs, scene: &Scene) -> anyhow::Result<Proposal> {
    Ok(Proposal {
        head: scene.head.clone(),
        base: scene.base.clone(),
        title: scene.title(args.title.as_deref())?,
        body: scene.body(args.body.as_deref())?,
        key: scene.key(),
        labels: args.label.clone(),
        reviewers: args.reviewer.clone(),
        assignees: args.assignee.clone(),
        draft: args.draft_state(),
        merge: args.merge(),
        supersede: args.supersede,
        ..Proposal::default()
    })
}

/// The push that opens the pull request by itself: Gerrit's only way, and the way without a token.
pub(crate) fn push_of(
    connection: &Connection,
    remote: &git::Remote,
    proposal: &Proposal,
    salt: u32,
) -> Option<forge::Push> {
    let only_way = connection.row.tokenless == Tokenless::RefsFor;
    let address = remote.address().to_string();
    let wanted = only_way || !connection.has_token;
    wanted.then(|| forge::tokenless_push(connection.row, &address, proposal, salt)).flatten()
}
