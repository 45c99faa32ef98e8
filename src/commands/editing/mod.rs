//! What every command shares that edits: in a directory, in a remote repository, or by a pull request.
//!
//! A command says what it wants as an `Intent`, a plan for any snapshot; where the plan goes is decided
//! here, once, by `--repo`, `--commit`, `--push` and `--pr`.

mod checkout;
pub(crate) mod record;
mod remote;
pub(crate) mod report;

use std::path::Path;

use serde_json::{Value, json};

use crate::bump::{Edit, Plan};
use crate::cli::Globals;
use crate::commands::landing::{self, Context, GitArgs, Place};
use crate::commands::notify::show_of_push;
use crate::commands::proposing::{self, ProposalArgs};
use crate::environment::{self, Config, Environment};
use crate::error::{Code, Hinted, Outcome};
use crate::event::Kind;
use crate::files;
use crate::git::local::LocalRepository;
use crate::git::{Change, Origin};
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::worktree::WorkTree;
use remote::Target;
use report::{Done, report};

pub(crate) use remote::superseded;

/// What a command wants to change.
pub(crate) trait Intent {
    /// Its name.
    fn command(&self) -> &'static str;

    /// The edits that bring a snapshot there.
    fn plan(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Plan>;

    /// Whether nothing has to be searched for.
    fn names_its_file(&self) -> bool {
        false
    }

    /// Has a remote repository send at once what the plan will read.
    fn prefetch(&self, _snapshot: &dyn Snapshot) {}

    /// Says what was looked at, and why it is meant or not.
    fn explain(&self, _snapshot: &dyn Snapshot, _ui: &Ui) -> anyhow::Result<()> {
        Ok(())
    }

    /// The template of its commit message; `None` for the usual one.
    fn message(&self) -> Option<&str> {
        None
    }

    /// Where the change comes from, given what flags and the CI system say.
    fn origin(&self, said: Origin) -> Origin {
        said
    }

    /// What sets the branch of its pull request apart: a command whose edits are of another kind than a change
    /// of versions must not replace one that is pending.
    fn kind(&self) -> &'static str {
        ""
    }

    /// What `--notify` says once it is pushed.
    fn event(&self) -> Kind {
        Kind::Deploying
    }

    /// What `--notify` says of each environment besides the images that change.
    fn news(&self) -> Vec<String> {
        Vec::new()
    }

    /// What its JSON has besides.
    fn fields(&self) -> Value {
        json!({})
    }

    /// Text for the body of its pull request.
    fn notes(&self) -> Option<String> {
        None
    }
}

/// Flags of the commands that edit environments.
#[derive(Debug, clap::Args)]
pub struct EditArgs {
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Make the change on a branch of its own and open, or update, its pull request
    #[arg(long, conflicts_with_all = ["commit", "push"])]
    pub pr: bool,
    #[command(flatten)]
    pub(crate) git: GitArgs,
    #[command(flatten)]
    pub(crate) proposal: ProposalArgs,
}

/// Where the edits go.
pub(crate) struct How<'a> {
    pub(crate) dry_run: bool,
    pub(crate) explain: bool,
    pub(crate) pr: bool,
    pub(crate) git: &'a GitArgs,
    pub(crate) proposal: &'a ProposalArgs,
}

impl EditArgs {
    pub(crate) fn how(&self) -> How<'_> {
        let Self { dry_run, pr, git, proposal } = self;
        How { dry_run: *dry_run, explain: false, pr: *pr, git, proposal }
    }

    /// Whether the result goes to a branch without anybody's review.
    pub(crate) fn pushes(&self, globals: &Globals) -> bool {
        !self.pr && (self.git.push || matches!(landing::place(globals), Place::Remote(_)))
    }
}

/// Carries an intent out, or shows what it would do.
pub(crate) fn run(
    intent: &dyn Intent,
    how: &How<'_>,
    globals: &Globals,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    how.proposal.check(how.pr)?;
    match landing::place(globals) {
        Place::Directory(start) => {
            in_directory(intent, how, &WorkTree::around(&start)?, globals, ui)
        }
        Place::Remote(url) => in_remote(intent, how, &url, globals, ui),
    }
}

/// Edits a remote repository.
pub(crate) fn in_remote(
    intent: &dyn Intent,
    how: &How<'_>,
    url: &str,
    globals: &Globals,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    if how.git.commit && !how.git.push {
        let message = "cannot commit without pushing: a remote repository has no work tree";
        return Err(Hinted::new(Code::Usage, message, "leave out --commit").into());
    }
    let context = Context::new(how.git, globals, ui);
    if how.pr {
        let mut remote = context.remote(url, ui)?;
        return proposing::edit(intent, how, &context, (&mut remote, None), globals, ui);
    }
    let (dry_run, explain) = (how.dry_run, how.explain);
    let target = Target { url, branch: globals.branch.as_deref(), dry_run, explain };
    remote::run(intent, &target, &context, ui)
}

/// Edits a directory, or by a pull request the remote that the directory was checked out from.
pub(crate) fn in_directory(
    intent: &dyn Intent,
    how: &How<'_>,
    tree: &WorkTree,
    globals: &Globals,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    if how.pr {
        let context = Context::new(how.git, globals, ui);
        let (url, config) = context.origin_remote(tree.root(), &how.proposal.remote)?;
        let mut remote = context.remote_of(&url, &config)?;
        let to = (&mut remote, Some(tree.root()));
        return proposing::edit(intent, how, &context, to, globals, ui);
    }
    if globals.branch.is_some() {
        let message = "cannot use --branch in a checkout: the branch is the one checked out";
        let hint = "check it out, or give the repository's URL as --repo";
        return Err(Hinted::new(Code::Usage, message, hint).into());
    }
    if how.explain {
        intent.explain(tree, ui)?;
    }
    if how.dry_run {
        let plan = intent.plan(tree)?;
        let outcome = report(intent, &plan, &Done::DryRun, ui)?;
        if how.git.notify {
            preview(intent, how, tree, &plan, globals, ui)?;
        }
        return Ok(outcome);
    }
    checkout::run(intent, tree, how.git, globals, ui)
}

/// What `--notify` would say of a plan in a directory.
fn preview(
    intent: &dyn Intent,
    how: &How<'_>,
    tree: &WorkTree,
    plan: &Plan,
    globals: &Globals,
    ui: &Ui,
) -> anyhow::Result<()> {
    if !how.git.push {
        ui.status("nothing would be pushed, so nobody would be told");
        return Ok(());
    }
    let context = Context::new(how.git, globals, ui);
    let config = config(globals.config.as_deref(), tree)?;
    let origin = intent.origin(context.origin(Some(tree.root())));
    let repository = LocalRepository::around(tree.root())?.origin().unwrap_or_default();
    show_of_push(intent, &config, plan, &repository, &origin, &context, ui)
}

/// The values for the message.
pub(crate) fn changes(plan: &Plan) -> Vec<Change> {
    let change = |edit: &Edit| Change {
        name: edit.image.clone().unwrap_or_else(|| edit.key.clone()),
        environment: edit.environment.clone(),
        file: edit.file.clone(),
        key: edit.key.clone(),
        before: edit.before.clone(),
        after: edit.after.clone(),
    };
    plan.edits.iter().map(change).collect()
}

/// `gitops.yaml`: the user's, or the repository's.
pub(crate) fn config(file: Option<&Path>, snapshot: &dyn Snapshot) -> anyhow::Result<Config> {
    match file {
        Some(path) => Config::parse(&path.display().to_string(), files::read(path)?),
        None => Config::load(snapshot),
    }
}

/// The environment of a name; refused where it takes no direct pushes and this would be one.
pub(crate) fn environment_of(
    snapshot: &dyn Snapshot,
    config: &Config,
    name: &str,
    pushes: bool,
) -> anyhow::Result<Environment> {
    let all = environment::all(snapshot, config)?;
    let environment = environment::select(&all, &[name.to_owned()])?.swap_remove(0);
    refuse_protected(&environment, pushes)?;
    Ok(environment)
}

/// Refuses a push to an environment that takes pull requests only.
pub(crate) fn refuse_protected(environment: &Environment, pushes: bool) -> anyhow::Result<()> {
    if !(pushes && environment.protected) {
        return Ok(());
    }
    let message = format!("cannot push to the environment `{}`: it is protected", environment.name);
    let hint = "its changes go through a pull request (--pr); `protected` is set in gitops.yaml";
    Err(Hinted::new(Code::Protected, message, hint).into())
}
