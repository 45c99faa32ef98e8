//! The flags about pull requests.

use clap::ValueEnum;

use crate::error::{Code, Hinted};
use crate::forge;
use crate::git;

/// Flags about pull requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Pull request options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ProposalArgs {
    /// The branch to merge into; the repository's default branch when not given
    #[arg(long, value_name = "BRANCH", value_parser = git::branch_name)]
    pub base: Option<String>,
    /// The branch with the change; gitops/ENV/APP when not given
    #[arg(long, value_name = "BRANCH", value_parser = git::branch_name)]
    pub head: Option<String>,
    /// The title: a template in Jinja's language
    #[arg(long, value_name = "TEMPLATE")]
    pub title: Option<String>,
    /// The body: a template in Jinja's language
    #[arg(long, value_name = "TEMPLATE")]
    pub body: Option<String>,
    /// A label, made when missing; can be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub label: Vec<String>,
    /// Who is asked to review it: a name, or ORG/TEAM; can be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub reviewer: Vec<String>,
    /// Who it is assigned to; can be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub assignee: Vec<String>,
    /// Make it a draft
    #[arg(long, conflicts_with = "ready")]
    pub draft: bool,
    /// Mark a draft as ready for review
    #[arg(long)]
    pub ready: bool,
    /// Let it merge itself when its checks and reviews are there; never merges at once
    #[arg(long)]
    pub auto_merge: bool,
    /// What a merge makes of the commits
    #[arg(long, value_name = "METHOD", default_value = "squash")]
    pub merge_method: MergeMethod,
    /// With --auto-merge: merge at once where there is nothing to wait for
    #[arg(long)]
    pub merge_now: bool,
    /// Delete the branch after the merge
    #[arg(long)]
    pub delete_branch: bool,
    /// Close older pull requests of the same app and environment
    #[arg(long)]
    pub supersede: bool,
    /// Replace other people's commits on the branch
    #[arg(long)]
    pub overwrite: bool,
    /// The forge, where its host does not tell
    #[arg(long, value_name = "FORGE", value_parser = forge_names())]
    pub forge: Option<String>,
    /// The base of the forge's API, where it is in no usual place
    #[arg(long, value_name = "URL")]
    pub api_url: Option<String>,
    /// The forge's host, where the remote's URL has another name for it
    #[arg(long, value_name = "HOST")]
    pub forge_host: Option<String>,
    /// Ask no unknown host which forge it runs
    #[arg(long)]
    pub no_probe: bool,
    /// The remote of the checkout
    #[arg(long, value_name = "NAME", default_value = "origin")]
    pub remote: String,
}

/// What a merge makes of the commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MergeMethod {
    /// One commit
    #[default]
    Squash,
    /// A merge commit
    Merge,
    /// The same commits on the new base
    Rebase,
}

fn forge_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(forge::TABLE.iter().map(|row| row.name))
}

impl ProposalArgs {
    /// Refuses wishes for a pull request that nobody asked to open, and those that contradict each other.
    pub(crate) fn check(&self, pr: bool) -> anyhow::Result<()> {
        let wishes = [
            ("--base", self.base.is_some()),
            ("--head", self.head.is_some()),
            ("--title", self.title.is_some()),
            ("--body", self.body.is_some()),
            ("--label", !self.label.is_empty()),
            ("--reviewer", !self.reviewer.is_empty()),
            ("--assignee", !self.assignee.is_empty()),
            ("--draft", self.draft),
            ("--ready", self.ready),
            ("--auto-merge", self.auto_merge),
            ("--merge-now", self.merge_now),
            ("--delete-branch", self.delete_branch),
            ("--supersede", self.supersede),
            ("--overwrite", self.overwrite),
        ];
        if let Some((flag, _)) = wishes.iter().find(|(_, given)| *given && !pr) {
            let message =
                format!("cannot use {flag}: it is about a pull request, and none is asked for");
            return Err(Hinted::new(Code::Usage, message, "add --pr").into());
        }
        if self.merge_now && !self.auto_merge {
            let message = "cannot use --merge-now without --auto-merge";
            return Err(Hinted::new(Code::Usage, message, "add --auto-merge").into());
        }
        Ok(())
    }

    /// Draft, ready, or as it is.
    pub(crate) fn draft_state(&self) -> Option<bool> {
        (self.draft || self.ready).then_some(self.draft)
    }

    /// How it merges itself, where it is to.
    pub(crate) fn merge(&self) -> Option<forge::Merge> {
        let method = match self.merge_method {
            MergeMethod::Squash => forge::Method::Squash,
            MergeMethod::Merge => forge::Method::Merge,
            MergeMethod::Rebase => forge::Method::Rebase,
        };
        let (now, delete_branch) = (self.merge_now, self.delete_branch);
        self.auto_merge.then_some(forge::Merge { method, now, delete_branch })
    }
}
