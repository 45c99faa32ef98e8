//! `gitops open-pr`: push a branch that has the change already, and open, or update, its pull request.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use crate::cli::Globals;
use crate::commands::landing::{self, Context, GitArgs, Place};
use crate::commands::notify::Half;
use crate::commands::proposing::{
    self, Connection, ProposalArgs, Scene, Shown, budget, connect, difference, rows_between, show,
    tell,
};
use crate::diff;
use crate::environment::{self, Config};
use crate::error::{Code, Hinted, Outcome};
use crate::forge::{self, Proposal};
use crate::git::{Checkout, Origin, Remote, Round, Upstream};
use crate::manifest::SourceFile;
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::validate::{self, Rules};

const EXAMPLES: &str = "\
Examples:
  gitops open-pr
  gitops open-pr --base main --label deploy --reviewer acme/ops --auto-merge
  gitops open-pr --repo https://github.com/acme/gitops.git --head gitops/production/api
  gitops open-pr --dry-run";

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
    git: GitArgs,
}

/// One end of the pull request.
struct Side {
    branch: String,
    revision: String,
    files: Vec<SourceFile>,
    config: Config,
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
    let scene = scene(&ends, &connection, &context);
    if ends.is_empty {
        return tell(&Shown::nothing("open-pr", &scene, &connection), None, ui);
    }
    doubts(&ends, ui)?;
    let proposal = proposing::proposal(&args.proposal, &scene)?;
    let push = proposing::push_of(&connection, &remote, &proposal);
    if args.dry_run {
        let outcome = match (&connection.forge, &push) {
            (Some(forge), None) => Some(forge::ensure(&**forge, &proposal, &|_, _| {})?),
            _ => None,
        };
        let shown = Shown::planned("open-pr", &scene, &connection, &proposal, push.as_ref());
        return show(&shown, outcome.as_ref(), ui);
    }
    let (pushed, existed) = send(args, &context, &mut remote, &ends, push.as_ref())?;
    let mut shown = Shown::planned("open-pr", &scene, &connection, &proposal, None);
    shown.pushed(&ends.head.revision, pushed);
    let head_sha = Some(ends.head.revision.clone());
    let proposal = Proposal { head_sha, pushed, ..proposal };
    proposing::finish(&mut shown, &connection, &proposal, push, existed, &context, ui)?;
    if context.notifies() {
        let (before, after) = (texts(&ends.base.files), texts(&ends.head.files));
        let halves = Half::of_files(before, after, &ends.head.config);
        // Who proposes a change does not choose who is told of it.
        let config = &ends.base.config;
        let news = proposing::News { config, halves, scene: &scene, proposal: &proposal };
        news.tell(&shown, &remote, &context, ui);
    }
    tell(&shown, None, ui)
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

/// What a branch of the remote holds.
fn side(round: &Round<'_>, globals: &Globals) -> anyhow::Result<Side> {
    let (files, config) = files(round.snapshot(), globals)?;
    let (branch, revision) = (round.branch.to_owned(), round.tip.to_owned());
    Ok(Side { branch, revision, files, config })
}

/// The files of all environments, each with its environment.
fn files(snapshot: &dyn Snapshot, globals: &Globals) -> anyhow::Result<(Vec<SourceFile>, Config)> {
    let config = crate::commands::editing::config(globals.config.as_deref(), snapshot)?;
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for environment in environment::all(snapshot, &config)? {
        let mut paths = environment.list(snapshot)?;
        paths.retain(|path| seen.insert(path.clone()));
        let contents = snapshot.read(&paths)?;
        for (path, bytes) in paths.iter().zip(contents) {
            let mut file = SourceFile::new(path, bytes);
            file.environment = environment.name.as_str().into();
            found.push(file);
        }
    }
    Ok((found, config))
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
    let base = remote.look(base, |round| side(round, globals))?;
    let head = remote.look(Some(head), |round| side(round, globals))?;
    refuse_same(&base.branch, &head.branch)?;
    let is_empty = remote.contains(&base.branch, &head.revision)?;
    Ok(Ends { base, head, is_empty, push: None })
}

fn refuse_same(base: &str, head: &str) -> anyhow::Result<()> {
    if base != head {
        return Ok(());
    }
    let message = format!("cannot open a pull request of `{head}` to itself");
    Err(Hinted::new(Code::Usage, message, "choose the other branch with --base or --head").into())
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
    let (url, config) = context.origin_remote(checkout.root(), &args.proposal.remote)?;
    let mut remote = context.remote_of(&url, &config)?;
    let base = remote.look(base, |round| side(round, globals))?;
    let (revision, (files, config)) =
        checkout.look(|revision, snapshot| Ok((revision.to_owned(), files(snapshot, globals)?)))?;
    let mut head = Side { branch: String::new(), revision, files, config };
    let own = checkout.branch().filter(|branch| *branch != base.branch);
    head.branch = match args.proposal.head.clone().or(own) {
        Some(branch) => branch,
        // Commits on the base itself, or on no branch: they get the branch their change has.
        None => Scene::default().with(rows(&base, &head, &Origin::default())).branch(),
    };
    refuse_same(&base.branch, &head.branch)?;
    let is_empty = checkout.is_in_history(&head.revision, &base.revision);
    let upstream = checkout.destination(&args.proposal.remote, &head.branch)?;
    Ok((remote, Ends { base, head, is_empty, push: Some((checkout, upstream)) }))
}

fn rows(base: &Side, head: &Side, origin: &Origin) -> Vec<proposing::Row> {
    let comparison = diff::compare(&base.files, &head.files, &diff::Options::default());
    rows_between(&comparison, &head.config, origin)
}

fn scene(ends: &Ends, connection: &Connection, context: &Context<'_>) -> Scene {
    let Ends { base, head, .. } = ends;
    let origin = context.origin(Some(Path::new(".")));
    let rows = rows(base, head, &origin);
    let limit = budget(connection.row.body_limit, connection.row.marks);
    let sides = [base.branch.as_str(), head.branch.as_str()];
    let subject = match ends.push.as_ref().and_then(|(checkout, _)| checkout.subject()) {
        Some(subject) => subject,
        None => subject(&rows, &head.branch),
    };
    Scene {
        source: origin,
        diff: difference(&base.files, &head.files, sides, limit),
        base: base.branch.clone(),
        head: head.branch.clone(),
        subject,
        ..Scene::default()
    }
    .with(rows)
}

/// A title for a branch whose commits nobody has at hand.
fn subject(rows: &[proposing::Row], branch: &str) -> String {
    let [first, rest @ ..] = rows else { return format!("Merge {branch}") };
    let others = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("feat({}): update {} to {}{others}", first.environment, first.app, first.after)
}

/// Pushes the branch; whether anything was new, and whether it was there before.
fn send(
    args: &Args,
    context: &Context<'_>,
    remote: &mut Remote,
    ends: &Ends,
    push: Option<&forge::Push>,
) -> anyhow::Result<(bool, bool)> {
    let Some((checkout, upstream)) = &ends.push else {
        if let Some(push) = push {
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
        return Ok((false, true));
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
    Ok((pushed, old.is_some()))
}
