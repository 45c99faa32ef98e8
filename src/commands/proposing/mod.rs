//! Pull requests of commands: the change on a branch of its own, pushed, and its pull request opened or
//! brought up to date.
//!
//! With a token for the host the forge's API does it; without one the push itself, where the forge knows
//! how; else a person, at the page that is printed.

mod args;
mod connect;
mod report;
mod text;

pub use args::{MergeMethod, ProposalArgs};
pub use connect::remote_of;
pub(crate) use connect::{Connection, connect};
pub(crate) use report::{Shown, show, tell};
pub(crate) use text::{Row, Scene, budget, difference, rows_between};

pub(crate) use connect::no_forge;

use crate::bump::Plan;
use crate::commands::editing::{How, Intent, changes, config, superseded};
use crate::commands::landing::Context;
use crate::commands::notify;
use crate::environment::Config;
use crate::error::Outcome;
use crate::event::{Kind, PullRequest};
use crate::forge::{self, Action, AutoMerge, Marks, Proposal, Tokenless};
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
    context: &'a Context<'a>,
    origin: Origin,
    limit: usize,
    marks: Marks,
}

/// Makes an edit on a branch of its own and opens, or updates, its pull request.
pub(crate) fn edit(
    intent: &dyn Intent,
    how: &How<'_>,
    context: &Context<'_>,
    remote: &mut git::Remote,
    base: Option<&str>,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let origin = intent.origin(context.origin(None));
    let Some(connection) = connect(how.proposal, context, remote, how.dry_run, ui)? else {
        return Err(no_forge(remote));
    };
    let (limit, marks) = (connection.row.body_limit, connection.row.marks);
    let edit = Edit { intent, how, context, origin, limit, marks };
    let first = remote.look(base, |round| {
        if how.explain {
            intent.explain(round.snapshot(), ui)?;
        }
        edit.plan(round)
    })?;
    if first.plan.changes.is_empty() {
        return tell(
            &Shown::nothing(intent.command(), &first.scene, &connection),
            Some(&first.plan),
            ui,
        );
    }
    let proposal = edit.proposal(&first)?;
    let push = push_of(&connection, remote, &proposal);
    if how.dry_run {
        let outcome = match (&connection.forge, &push) {
            (Some(forge), None) => Some(forge::ensure(&**forge, &proposal, &|_, _| {})?),
            _ => None,
        };
        let mut shown =
            Shown::planned(intent.command(), &first.scene, &connection, &proposal, push.as_ref());
        shown.plan = Some(&first.plan);
        return show(&shown, outcome.as_ref(), ui);
    }
    let base = first.scene.base.clone();
    let (landed, last) = edit.land(remote, &base, &proposal, push.as_ref(), first)?;
    let mut shown = Shown::planned(intent.command(), &last.scene, &connection, &proposal, None);
    shown.landed(&landed);
    if landed.revision.is_none() {
        return tell(
            &Shown::nothing(intent.command(), &last.scene, &connection),
            Some(&last.plan),
            ui,
        );
    }
    let proposal = Proposal {
        head_sha: landed.revision.clone(),
        pushed: landed.pushed,
        ..edit.proposal(&last)?
    };
    finish(&mut shown, &connection, &proposal, push, landed.replaced.is_some(), context, ui)?;
    if context.notifies() {
        let halves = notify::Half::of_plan(&last.plan, &last.config);
        let news = News { config: &last.config, halves, scene: &last.scene, proposal: &proposal };
        news.tell(&shown, remote, context, ui);
    }
    tell(&shown, Some(&last.plan), ui)
}

impl Edit<'_> {
    fn plan(&self, round: &Round<'_>) -> anyhow::Result<Planned> {
        let snapshot = round.snapshot();
        self.intent.prefetch(snapshot);
        let plan = self.intent.plan(snapshot)?;
        let config = config(self.context.globals().config.as_deref(), snapshot)?;
        let rows = text::rows_of(&plan, &config, &self.origin);
        let mut scene = Scene {
            source: self.origin.clone(),
            notes: self.intent.notes(),
            base: round.branch.to_owned(),
            ..Scene::default()
        }
        .with(rows);
        scene.head = self.how.proposal.head.clone().unwrap_or_else(|| scene.branch());
        let mut message = String::new();
        if !plan.changes.is_empty() {
            let [left, right] = text::sides_of(&plan);
            let sides = [scene.base.as_str(), scene.head.as_str()];
            scene.diff = difference(&left, &right, sides, budget(self.limit, self.marks));
            let usual = self.intent.message();
            message = self.context.message(&changes(&plan), &self.origin, usual)?;
            message.lines().next().unwrap_or_default().clone_into(&mut scene.subject);
        }
        Ok(Planned { plan, config, message, scene })
    }

    fn proposal(&self, planned: &Planned) -> anyhow::Result<Proposal> {
        proposal(self.how.proposal, &planned.scene)
    }

    /// Pushes the commit to the branch, or to the name that opens a pull request.
    fn land(
        &self,
        remote: &mut git::Remote,
        base: &str,
        proposal: &Proposal,
        push: Option<&forge::Push>,
        first: Planned,
    ) -> anyhow::Result<(Landed, Planned)> {
        let (author, committer, signer) = self.context.people(remote.config())?;
        let mark = format!("Gitops-Branch: {}", proposal.head);
        let name = push.map_or(proposal.head.clone(), |push| push.reference.clone());
        let head = Head { name, mark, overwrite: self.how.proposal.overwrite };
        let mut options = self.context.push_options()?.to_vec();
        options.extend(push.into_iter().flat_map(|push| push.options.iter().cloned()));
        let landing = Landing {
            branch: Some(base),
            head: Some(&head),
            author: &author,
            committer: &committer,
            signer: signer.as_ref(),
            push_options: &options,
        };
        let mut last = first;
        let landed = git::land(remote, &landing, &mut |round| {
            last = self.plan(round).map_err(|error| superseded(error, round.number))?;
            let trailers = std::iter::once(head.mark.as_str())
                .chain(push.and_then(|push| push.trailer.as_deref()));
            let message = git::with_trailers(&last.message, trailers);
            Ok(Some(Commit { changes: last.plan.changes.clone(), message }))
        })?;
        Ok((landed, last))
    }
}

/// What there is to tell of a pull request.
pub(crate) struct News<'a> {
    pub(crate) config: &'a Config,
    pub(crate) halves: notify::Halves,
    pub(crate) scene: &'a Scene,
    pub(crate) proposal: &'a Proposal,
}

impl News<'_> {
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
        let deed = notify::Deed {
            kind: Kind::PrOpened,
            config: self.config,
            environments: self.halves,
            repository: remote.address().to_string(),
            branch: Some(self.scene.head.clone()),
            revision: revision.clone(),
            subject: self.scene.subject.clone(),
            pull_request: Some(PullRequest {
                number: shown.number,
                title: Some(self.proposal.title.clone()),
                url: shown.url.clone(),
            }),
            origin: &self.scene.source,
        };
        notify::tell(&deed, context, ui);
    }
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
) -> Option<forge::Push> {
    let only_way = connection.row.tokenless == Tokenless::RefsFor;
    let address = remote.address().to_string();
    let wanted = only_way || !connection.has_token;
    wanted.then(|| forge::tokenless_push(connection.row, &address, proposal)).flatten()
}

/// After the push: the API, what the push was answered, or the page for a person.
pub(crate) fn finish(
    shown: &mut Shown<'_>,
    connection: &Connection,
    proposal: &Proposal,
    push: Option<forge::Push>,
    existed: bool,
    context: &Context<'_>,
    ui: &Ui,
) -> anyhow::Result<()> {
    if let Some(push) = push {
        push.warnings.iter().for_each(|warning| ui.warn(warning));
        let notes = forge::announced(&context.heard());
        shown.action = Some(match (proposal.pushed, existed) {
            (false, _) => Action::Unchanged,
            (true, true) => Action::Updated,
            (true, false) => Action::Created,
        });
        (shown.number, shown.url) = (notes.number, notes.url);
        if shown.url.is_none() && proposal.pushed {
            let title = connection.row.title;
            ui.warn(format!("{title} took the push and did not say where the pull request is"));
        }
        return Ok(());
    }
    let Some(forge) = connection.forge.as_ref().filter(|_| connection.has_token) else {
        let (title, variable) = (connection.row.title, connection.row.variable);
        ui.warn(format!(
            "no token for {title}: the branch is pushed, and the pull request is yours to open; set \
             {variable} or GITOPS_TOKEN"
        ));
        return Ok(());
    };
    let progress = |action: Action, pull: &forge::Pull| {
        ui.detail(format!("pull request {}: {}", action.as_str(), pull.url));
    };
    let outcome = forge::ensure(&**forge, proposal, &progress)?;
    if outcome.auto_merge == AutoMerge::Enabled {
        caution(connection, context, ui);
    }
    outcome.warnings.iter().for_each(|warning| ui.warn(warning));
    shown.outcome(outcome);
    Ok(())
}

/// GitHub starts no workflow without approval for what a job's own token does.
fn caution(connection: &Connection, context: &Context<'_>, ui: &Ui) {
    let in_actions = context.variables().get("GITHUB_ACTIONS").is_some();
    let own =
        context.variables().get("GITHUB_TOKEN").is_some_and(|token| token.starts_with("ghs_"));
    if connection.row.name == "github" && in_actions && own {
        ui.warn(
            "if GITHUB_TOKEN is the job's own, checks on this pull request wait for approval, and so does \
             the merge; use the token of an App or a person",
        );
    }
}
