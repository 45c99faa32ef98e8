//! After the push: the API, what the push was answered, or the page for a person.

use std::cell::RefCell;
use std::path::Path;

use super::branches::{self, Side};
use super::{Connection, ProposalArgs, Shown, proposal};
use crate::commands::landing::Context;
use crate::forge::{
    self, Action, AutoMerge, Outcome, Proposal, Pull, Push, Race, Tokenless, Watch,
};
use crate::git::{self, Origin};
use crate::ui::Ui;

/// So often a text is written anew because somebody pushed meanwhile.
const MOST_REWRITES: u32 = 3;

/// What the end of a run needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Ending<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) args: &'a ProposalArgs,
    pub(crate) context: &'a Context<'a>,
    /// The user's own `gitops.yaml`.
    pub(crate) config: Option<&'a Path>,
    pub(crate) ui: &'a Ui,
}

impl Ending<'_> {
    /// What the API would be asked, and all that a real run would warn of.
    pub(crate) fn rehearse(
        &self,
        proposal: &Proposal,
        push: Option<&Push>,
    ) -> anyhow::Result<Option<Outcome>> {
        if let Some(push) = push {
            push.warnings.iter().for_each(|warning| self.ui.warn(warning));
            self.warn_of_texts();
            return Ok(None);
        }
        let Some(forge) = &self.connection.forge else {
            self.warn_of_no_token();
            return Ok(None);
        };
        let outcome = forge::ensure(&**forge, proposal, Watch { told: &|_, _| {}, tip: &|| None })?;
        outcome.warnings.iter().for_each(|warning| self.ui.warn(warning));
        Ok(Some(outcome))
    }

    /// Opens the pull request, or says how it was opened.
    pub(crate) fn finish(
        &self,
        shown: &mut Shown<'_>,
        proposal: &Proposal,
        push: Option<&Push>,
        existed: bool,
        remote: &mut git::Remote,
    ) -> anyhow::Result<()> {
        if let Some(push) = push {
            self.heard(shown, proposal, push, existed);
            return Ok(());
        }
        if !self.connection.has_token || self.connection.forge.is_none() {
            self.warn_of_no_token();
            return Ok(());
        }
        let outcome = self.ensure(proposal, remote)?;
        if outcome.auto_merge == AutoMerge::Enabled {
            self.caution();
        }
        outcome.warnings.iter().for_each(|warning| self.ui.warn(warning));
        if outcome.race != Race::None {
            self.ui.warn(format!(
                "another run pushed to `{}` meanwhile: the pull request is about its commit",
                proposal.head
            ));
        }
        shown.outcome(outcome);
        Ok(())
    }

    /// Has the forge brought there; again from what the branch has, where somebody pushed while our text was
    /// on its way: else the text could name another version than the branch has.
    fn ensure(&self, proposal: &Proposal, remote: &mut git::Remote) -> anyhow::Result<Outcome> {
        let Some(forge) = &self.connection.forge else { return Ok(Outcome::skipped()) };
        let told = |action: Action, pull: &Pull| {
            self.ui.detail(format!("pull request {}: {}", action.as_str(), pull.url));
        };
        let remote = RefCell::new(remote);
        // Whoever may not push there may not be told either.
        let tip = || remote.borrow_mut().tip_of(&proposal.head).ok().flatten();
        let watch = Watch { told: &told, tip: &tip };
        let mut outcome = forge::ensure(&**forge, proposal, watch)?;
        let first = outcome.action;
        for _ in 0..MOST_REWRITES {
            if outcome.race != Race::Stale {
                break;
            }
            self.ui.detail(format!("`{}` moved: writing its text anew", proposal.head));
            let anew = self.rewritten(proposal, &mut remote.borrow_mut())?;
            outcome = Outcome { action: first, ..forge::ensure(&**forge, &anew, watch)? };
        }
        Ok(outcome)
    }

    /// The proposal for what the branch has now.
    fn rewritten(&self, old: &Proposal, remote: &mut git::Remote) -> anyhow::Result<Proposal> {
        let Some((id, message)) = remote.commit_of(&old.head)? else { return Ok(old.clone()) };
        let base = remote.look(Some(&old.base), |round| Side::of(round, self.config))?;
        let head = remote.look(Some(&old.head), |round| Side::of(round, self.config))?;
        let base = base.before(&head, (remote, None), self.config)?.side;
        let subject = message.lines().next().map(str::to_owned);
        let scene = branches::scene(&base, &head, subject, Origin::default(), self.connection);
        let (key, head_sha) = (old.key.clone(), Some(id));
        Ok(Proposal { key, head_sha, pushed: old.pushed, ..proposal(self.args, &scene)? })
    }

    /// What the push was answered.
    fn heard(&self, shown: &mut Shown<'_>, proposal: &Proposal, push: &Push, existed: bool) {
        push.warnings.iter().for_each(|warning| self.ui.warn(warning));
        self.warn_of_texts();
        let row = self.connection.row;
        let notes = forge::announced(&self.context.heard());
        let is_new = notes.is_new.unwrap_or(!existed);
        (shown.number, shown.url) = (notes.number, notes.url);
        shown.action = match (proposal.pushed, row.tokenless) {
            (true, _) => Some(if is_new { Action::Created } else { Action::Updated }),
            // There is a branch; whether its merge request is open nobody has said.
            (false, Tokenless::PushOptions) => None,
            (false, _) => Some(Action::Unchanged),
        };
        let title = row.title;
        if shown.action.is_none() {
            self.ui.warn(format!(
                "`{}` is pushed already, and without an API token {title} does not tell whether its merge \
                 request is open",
                proposal.head
            ));
        } else if shown.url.is_none() && proposal.pushed {
            self.ui
                .warn(format!("{title} took the push and did not say where the pull request is"));
        }
        if shown.action == Some(Action::Updated) && row.tokenless == Tokenless::Agit {
            let what = "title and body are those of the first push";
            self.ui.warn(format!("{title} keeps the text: {what}; another one needs an API token"));
        }
    }

    /// A change of Gerrit's has no text but the commit's.
    fn warn_of_texts(&self) {
        let asked = self.args.title.is_some() || self.args.body.is_some();
        if asked && self.connection.row.tokenless == Tokenless::RefsFor {
            let title = self.connection.row.title;
            self.ui.warn(format!(
                "{title} has no title and body but the commit's message: --message sets it, --title and \
                 --body are left out"
            ));
        }
    }

    fn warn_of_no_token(&self) {
        let (title, variable) = (self.connection.row.title, self.connection.row.variable);
        self.ui.warn(format!(
            "no token for {title}: the branch is pushed, and the pull request is yours to open; set \
             {variable} or GITOPS_TOKEN"
        ));
    }

    /// GitHub starts no workflow without approval for what a job's own token does.
    fn caution(&self) {
        let variables = self.context.variables();
        let in_actions = variables.get("GITHUB_ACTIONS").is_some();
        let own = variables.get("GITHUB_TOKEN").is_some_and(|token| token.starts_with("ghs_"));
        if self.connection.row.name == "github" && in_actions && own {
            self.ui.warn(
                "if GITHUB_TOKEN is the job's own, checks on this pull request wait for approval, and so \
                 does the merge; use the token of an App or a person",
            );
        }
    }
}
