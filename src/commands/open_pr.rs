//! `gitops open-pr`: push a branch that has the change already, and open, or update, its pull request.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::cli::Globals;
use crate::commands::landing::{self, Context, GitArgs, Place};
use crate::commands::notify::{Half, in_order};
use crate::commands::proposing::branches::{self, Fork, Side, files};
use crate::commands::proposing::{
    self, Connection, Ending, ProposalArgs, Scene, Shown, connect, show, tell,
};
use crate::error::{Code, Hinted, Outcome};
use crate::forge::{self, Proposal};
use crate::git::{self, Checkout, Origin, Remote, Upstream};
use crate::manifest::SourceFile;
use crate::ui::Ui;
use crate::validate::{self, Rules};

const EXAMPLES: &str = "\
Examples:
  gitops open-pr
  gitops open-pr --base main --label deploy --reviewer acme/ops --auto-merge
  gitops open-pr --repo https://github.com/acme/gitops.git --head gitops/production/api
  gitops open-pr --dry-run";

/// Without the flags about commits, of which this command makes none, and with its own word on the branch.
#[must_use]
pub fn defined(command: clap::Command) -> clap::Command {
    let ignored = ["commit", "push", "include_changes", "message", "author", "committer"];
    let hide = |command: clap::Command, name| command.mut_arg(name, |arg| arg.hide(true));
    let help = "The branch, which has the change already [default: the one that is checked out]";
    ignored.into_iter().fold(command, hide).mut_arg("head", |arg| arg.help(help))
}

/// Push a branch and open, or update, its pull request
///
/// In a checkout, the branch that is checked out; with a URL, a branch that is there already. There is one
/// pull request per branch and base: a second run updates it, or says that it is unchanged.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print branch, title, body and requests, and send nothing that writes
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    proposal: ProposalArgs,
    #[command(flatten)]
    pub(crate) git: GitArgs,
}

/// The two ends, and how the head gets to the remote.
struct Ends {
    base: Side,
    head: Side,
    /// Nothing lies between them.
    is_empty: bool,
    push: Option<(Checkout, Upstream)>,
}

/// Reads both ends, then opens the pull request or shows what it would be.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    args.proposal.check(true)?;
    let context = Context::new(&args.git, globals, ui);
    let base = args.proposal.base.as_deref().or(globals.branch.as_deref());
    let (mut remote, ends) = match landing::place(globals) {
        Place::Remote(url) => {
            let mut remote = context.remote(&url, ui)?;
            let ends = remote_ends(args, globals, &mut remote, base)?;
            (remote, ends)
        }
        Place::Directory(start) => checkout_ends(args, globals, &context, &start, base)?,
    };
    let Some(connection) = connect(&args.proposal, &context, &remote, args.dry_run, ui)? else {
        return Err(proposing::no_forge(&remote));
    };
    let scene = scene(&ends, &connection, &remote, &context);
    if ends.is_empty {
        return tell(&Shown::nothing("open-pr", &scene, &connection), None, ui);
    }
    doubts(&ends, ui)?;
    let (connection, proposal) = (&connection, proposing::proposal(&args.proposal, &scene)?);
    let push = proposing::push_of(connection, &remote, &proposal, 0);
    let config = globals.config.as_deref();
    let ending = Ending { connection, args: &args.proposal, context: &context, config, ui };
    if args.dry_run {
        let outcome = ending.rehearse(&proposal, push.as_ref())?;
        let shown = Shown::planned("open-pr", &scene, connection, &proposal, push.as_ref());
        let ended = show(&shown, outcome.as_ref(), ui)?;
        if context.notifies() {
            news(&ends, &scene, &proposal).show(&remote, &context, ui)?;
        }
        return Ok(ended);
    }
    let (sent, push) = send_somehow(args, &context, &mut remote, &ends, push)?;
    let mut shown = Shown::planned("open-pr", &scene, connection, &proposal, None);
    shown.pushed(&ends.head.revision, sent.pushed);
    let head_sha = Some(ends.head.revision.clone());
    let proposal = Proposal { head_sha, pushed: sent.pushed, ..proposal };
    ending.finish(&mut shown, &proposal, push.as_ref(), sent.existed, &mut remote)?;
    let told = || {
        if context.notifies() {
            news(&ends, &scene, &proposal).tell(&shown, &remote, &context, ui);
        }
    };
    in_order(ui, || tell(&shown, None, ui), told)
}

/// What there is to tell of the pull request. Who proposes a change does not choose who is told of it.
fn news<'a>(ends: &'a Ends, scene: &'a Scene, proposal: &'a Proposal) -> proposing::News<'a> {
    let (before, after) = (texts(&ends.base.files), texts(&ends.head.files));
    let halves = Half::of_files(before, after, &ends.head.config);
    proposing::News { config: &ends.base.config, halves, scene, proposal, also: Vec::new() }
}

/// Environment, path and text of each file.
fn texts(files: &[SourceFile]) -> impl Iterator<Item = (&str, &str, &str)> {
    files.iter().filter_map(|file| Some((&*file.environment, &*file.path, file.text.as_deref()?)))
}

/// Warns of what `validate` finds in the files that the branch changes.
fn doubts(ends: &Ends, ui: &Ui) -> anyhow::Result<()> {
    let Ends { base, head, .. } = ends;
    let old: HashMap<&str, &SourceFile> =
        base.files.iter().map(|file| (&*file.path, file)).collect();
    let same = |file: &&SourceFile| old.get(&*file.path).is_some_and(|old| old.text == file.text);
    let touched: HashSet<&str> =
        head.files.iter().filter(|file| !same(file)).map(|file| &*file.path).collect();
    let deployed = touched.iter().map(|path| (*path).to_owned()).collect();
    let policy = head.config.policy()?;
    let rules = Rules { policy: &policy, apps: &head.config.apps, deployed: &deployed };
    // All files are checked: the others say what is a patch, and which kinds there are.
    for finding in validate::check(&head.files, &rules).findings {
        if touched.contains(finding.file.as_str()) {
            ui.warn(format!("{}:{}: {}", finding.file, finding.line, finding.message));
        }
    }
    Ok(())
}

/// Two branches of a remote.
fn remote_ends(
    args: &Args,
    globals: &Globals,
    remote: &mut Remote,
    base: Option<&str>,
) -> anyhow::Result<Ends> {
    let Some(head) = &args.proposal.head else {
        let message = "cannot open a pull request: a remote repository has no branch checked out";
        return Err(Hinted::new(Code::Usage, message, "name the branch with --head").into());
    };
    let base = remote.look(base, |round| Side::of(round, globals.config.as_deref()))?;
    let head = remote.look(Some(head), |round| Side::of(round, globals.config.as_deref()))?;
    proposing::refuse_same(&base.branch, &head.branch)?;
    let Fork { side: base, is_empty } =
        base.before(&head, (remote, None), globals.config.as_deref())?;
    Ok(Ends { base, head, is_empty, push: None })
}

/// The commit that is checked out, against a branch of the checkout's remote.
fn checkout_ends(
    args: &Args,
    globals: &Globals,
    context: &Context<'_>,
    start: &Path,
    base: Option<&str>,
) -> anyhow::Result<(Remote, Ends)> {
    let checkout = Checkout::open(start, context.settings())?;
    let (url, git_config) = context.origin_remote(checkout.root(), &args.proposal.remote)?;
    let mut remote = context.remote_of(&url, &git_config)?;
    let own_config = globals.config.as_deref();
    let base = remote.look(base, |round| Side::of(round, own_config))?;
    let (revision, (files, config)) = checkout
        .look(|revision, snapshot| Ok((revision.to_owned(), files(snapshot, own_config)?)))?;
    let name = checkout.branch().unwrap_or_else(|| "HEAD".to_owned());
    let mut head = Side { branch: name, revision, files, config };
    let own = checkout.branch().filter(|branch| *branch != base.branch);
    let Fork { side: base, is_empty } =
        base.before(&head, (&mut remote, Some(&checkout)), own_config)?;
    // Commits on the base itself, or on no branch: they get the branch their change has.
    let made = || Scene::default().with(branches::rows(&base, &head, &Origin::default())).branch();
    let name = args.proposal.head.clone().or(own).or_else(made);
    head.branch = if is_empty { name.unwrap_or_default() } else { name.ok_or_else(no_name)? };
    proposing::refuse_same(&base.branch, &head.branch)?;
    let upstream = checkout.destination(&args.proposal.remote, &head.branch)?;
    Ok((remote, Ends { base, head, is_empty, push: Some((checkout, upstream)) }))
}

fn no_name() -> Hinted {
    let message = "cannot name the branch of the pull request: no image changes in any environment";
    Hinted::new(Code::Usage, message, "name one with --head")
}

fn scene(ends: &Ends, connection: &Connection, remote: &Remote, context: &Context<'_>) -> Scene {
    let checkout = ends.push.as_ref().map(|(checkout, _)| checkout);
    let subject = checkout.and_then(Checkout::subject);
    let edited = checkout.map(Checkout::root);
    let origin = context.origin_apart(edited, &remote.address().to_string());
    branches::scene(&ends.base, &ends.head, subject, origin, connection)
}

/// What became of the push.
struct Sent {
    /// Whether anything was new.
    pushed: bool,
    /// Whether the branch was there before.
    existed: bool,
}

/// Pushes the branch; without options where the server takes none.
fn send_somehow(
    args: &Args,
    context: &Context<'_>,
    remote: &mut Remote,
    ends: &Ends,
    push: Option<forge::Push>,
) -> anyhow::Result<(Sent, Option<forge::Push>)> {
    match send(args, context, remote, ends, push.as_ref()) {
        Ok(sent) => Ok((sent, push)),
        Err(error) => {
            let is_branch =
                push.as_ref().is_some_and(|push| push.reference.starts_with("refs/heads/"));
            let ours = context.push_options()?.is_empty();
            if is_branch && ours && git::lacks_push_options(&error) {
                return Ok((send(args, context, remote, ends, None)?, None));
            }
            Err(error)
        }
    }
}

fn send(
    args: &Args,
    context: &Context<'_>,
    remote: &mut Remote,
    ends: &Ends,
    push: Option<&forge::Push>,
) -> anyhow::Result<Sent> {
    let Some((checkout, upstream)) = &ends.push else {
        // The page for a person is all there is without a push.
        if let Some(push) = push.filter(|push| !push.reference.starts_with("refs/heads/")) {
            let message = format!(
                "cannot open the pull request of `{}`: without an API token only a push can, and the \
                 branch is pushed already",
                ends.head.branch
            );
            let hint = format!(
                "set GITOPS_TOKEN, or push it with `git push -o {}`",
                push.options.first().map_or("…", String::as_str)
            );
            return Err(Hinted::new(Code::Usage, message, hint).into());
        }
        return Ok(Sent { pushed: false, existed: true });
    };
    let mut options = context.push_options()?.to_vec();
    let mut upstream = upstream.clone();
    if let Some(push) = push {
        options.extend(push.options.iter().cloned());
        upstream.branch.clone_from(&push.reference);
        if push.trailer.is_some() && !checkout.message_has("Change-Id: ") {
            let message = "cannot push to Gerrit: the commit's message has no Change-Id";
            let hint =
                "amend it with Gerrit's commit-msg hook, or let `bump-tag --pr` make the commit";
            return Err(Hinted::new(Code::Git, message, hint).into());
        }
    }
    let old = if args.proposal.overwrite {
        checkout.tip_of(&upstream, remote)?
    } else {
        checkout.check_upstream(&upstream, remote)?
    };
    let pushed = old.as_deref() != Some(&ends.head.revision);
    checkout.push(&upstream, remote, old.as_deref(), &options)?;
    Ok(Sent { pushed, existed: old.is_some() })
}
