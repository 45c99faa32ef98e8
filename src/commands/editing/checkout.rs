//! Editing in a directory: the files, and with `--commit` and `--push` the checkout's branch.

use std::collections::BTreeMap;

use super::report::{Committed, Done, report};
use super::{Intent, changes, config};
use crate::bump::Plan;
use crate::change::ChangeSet;
use crate::cli::Globals;
use crate::commands::landing::{Context, GitArgs};
use crate::commands::notify::{in_order, tell_of_push};
use crate::error::{Code, Hinted, Outcome, Report};
use crate::files::{self, Replaced, Replacement};
use crate::git::{Checkout, Hold, Prepared, Remote, Upstream};
use crate::snapshot::Snapshot as _;
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// How often a plan is made again because somebody else wrote the same file meanwhile.
const MAX_ATTEMPTS: usize = 64;

pub(super) fn run(
    intent: &dyn Intent,
    tree: &WorkTree,
    args: &GitArgs,
    globals: &Globals,
    ui: &Ui,
) -> anyhow::Result<Outcome> {
    let context = Context::new(args, globals, ui);
    let committing =
        if args.commit || args.push { Some(Committing::open(tree, args, &context)?) } else { None };
    let mut committing = committing;
    for _ in 0..MAX_ATTEMPTS {
        let mut plan = intent.plan(tree)?;
        let edited = match &committing {
            Some(committing) => committing.left_over(tree, intent, &mut plan),
            None => BTreeMap::new(),
        };
        let prepared = match &mut committing {
            Some(committing) if !plan.changes.is_empty() => {
                Some(committing.prepare(tree, &plan, &edited, intent, args, &context)?)
            }
            _ => None,
        };
        // From here on nobody else can commit, so that the files are not written for nothing.
        let hold = match (&committing, prepared) {
            (Some(committing), Some(prepared)) => Some(committing.checkout.hold(prepared)?),
            _ => None,
        };
        match write(tree, &plan, &edited)? {
            Replaced::All => {
                let revision = hold.map(Hold::finish).transpose()?;
                let done = match committing {
                    Some(committing) => committing.finish(revision, &context)?,
                    None => Done::Written,
                };
                let tell = || {
                    let told = notify(intent, tree, &plan, &done, &context, ui);
                    // The change is made.
                    if let Err(error) = told {
                        ui.warn(format!("{error:#}"));
                    }
                };
                return in_order(ui, || report(intent, &plan, &done, ui), tell);
            }
            Replaced::Moved(path) => {
                ui.detail(format!("`{}` changed meanwhile: planning again", path.display()));
            }
        }
    }
    let message = "cannot write the files: they change all the time";
    Err(Hinted::new(Code::Stale, message, "stop what else writes them, then run it again").into())
}

fn notify(
    intent: &dyn Intent,
    tree: &WorkTree,
    plan: &Plan,
    done: &Done,
    context: &Context<'_>,
    ui: &Ui,
) -> anyhow::Result<()> {
    if !context.notifies() {
        return Ok(());
    }
    let Done::Committed(committed) = done else {
        ui.status("nothing was pushed, so nobody is told");
        return Ok(());
    };
    let config = config(context.globals().config.as_deref(), tree)?;
    let origin = intent.origin(context.origin(Some(tree.root())));
    tell_of_push(intent, &config, plan, committed, &origin, context, ui);
    Ok(())
}

/// Files that hold their new values already, without a commit: what each has now.
type Edited = BTreeMap<String, Vec<u8>>;

fn write(tree: &WorkTree, plan: &Plan, edited: &Edited) -> anyhow::Result<Replaced> {
    // Two names of one file are one file.
    let mut by_path = BTreeMap::new();
    for change in plan.changes.files() {
        let now = edited.get(&change.path);
        by_path.insert(
            tree.locate(&change.path)?,
            (now.unwrap_or(&change.before), now.unwrap_or(&change.after)),
        );
    }
    let replacements: Vec<Replacement<'_>> = by_path
        .iter()
        .map(|(path, (before, after))| Replacement { path, before: Some(before), after })
        .collect();
    files::replace_all(&replacements)
}

/// The checkout, and where its branch is pushed to.
struct Committing {
    checkout: Checkout,
    push: Option<(Upstream, Remote, Option<String>)>,
    message: String,
}

impl Committing {
    /// Finds out whether committing and pushing can work, before anything is written.
    fn open(tree: &WorkTree, args: &GitArgs, context: &Context<'_>) -> anyhow::Result<Self> {
        let checkout = Checkout::open(tree.root(), context.settings())?;
        let mut push = None;
        if args.push {
            let upstream = checkout.upstream()?;
            let mut remote = context.remote_of(upstream.url(), checkout.config())?;
            let old = checkout.check_upstream(&upstream, &mut remote)?;
            push = Some((upstream, remote, old));
        }
        Ok(Self { checkout, push, message: String::new() })
    }

    /// Adds to the plan what an earlier run wrote and did not commit: the last commit tells. Gives the files.
    fn left_over(&self, tree: &WorkTree, intent: &dyn Intent, plan: &mut Plan) -> Edited {
        // Where the last commit cannot be planned on, it is not what anybody left over.
        let Ok(at_head) = self.checkout.look(|_, snapshot| intent.plan(snapshot)) else {
            return Edited::new();
        };
        let mut edited = Edited::new();
        for change in at_head.changes.files() {
            let planned = plan.changes.files().iter().any(|planned| planned.path == change.path);
            if let (false, Ok(bytes)) = (planned, tree.read(std::slice::from_ref(&change.path))) {
                edited.insert(change.path.clone(), bytes.concat());
            }
        }
        let is_left = |path: &String| edited.contains_key(path);
        let files = at_head.changes.files().iter().filter(|change| is_left(&change.path));
        let all = files.chain(plan.changes.files()).cloned().collect();
        plan.changes = ChangeSet::new(all);
        plan.edits.extend(at_head.edits.into_iter().filter(|edit| is_left(&edit.file)));
        edited
    }

    fn prepare(
        &mut self,
        tree: &WorkTree,
        plan: &Plan,
        edited: &Edited,
        intent: &dyn Intent,
        args: &GitArgs,
        context: &Context<'_>,
    ) -> anyhow::Result<Prepared> {
        let mut contents = BTreeMap::new();
        let mut planned = Vec::new();
        for change in plan.changes.files() {
            let real = tree.locate(&change.path)?;
            let relative = real.strip_prefix(tree.root()).unwrap_or(&real);
            let path = relative.to_string_lossy().replace('\\', "/");
            let now = edited.get(&change.path);
            if now.is_some() {
                self.checkout.check_edited(&path, &change.after, args.include_changes)?;
            } else {
                planned.push(path.clone());
            }
            contents.insert(path, now.unwrap_or(&change.after).clone());
        }
        let contents: Vec<(String, Vec<u8>)> = contents.into_iter().collect();
        self.checkout.check(&planned, args.include_changes)?;
        let (author, committer, signer) = context.people(self.checkout.config())?;
        let own = self.checkout.config().get("remote.origin.url").unwrap_or_default();
        let origin = intent.origin(context.origin_apart(Some(tree.root()), own));
        self.message = context.message(&changes(plan), &origin, intent.message())?;
        self.checkout.prepare(&contents, &self.message, (&author, &committer), signer.as_ref())
    }

    /// Pushes the branch even when nothing was committed: an earlier run may have committed and failed to push.
    fn finish(mut self, revision: Option<String>, context: &Context<'_>) -> anyhow::Result<Done> {
        let mut pushed = None;
        if let Some((upstream, remote, old)) = &mut self.push {
            let options = context.push_options()?;
            let sent = self.checkout.push(upstream, remote, old.as_deref(), options);
            let sent = sent.map_err(|error| still_here(error, revision.as_deref()))?;
            pushed = Some((remote.address().to_string(), sent));
        }
        let (pushed_to, sent) = pushed.unzip();
        Ok(Done::Committed(Committed {
            revision: revision.or(sent.flatten()),
            message: self.message,
            branch: self.checkout.branch(),
            pushed_to,
            attempts: 1,
            overtook: Vec::new(),
        }))
    }
}

/// A push that failed, and the commit that it leaves in the checkout.
fn still_here(error: anyhow::Error, revision: Option<&str>) -> anyhow::Error {
    let Some(revision) = revision else { return error };
    let report = Report::of(&error);
    let short = revision.get(..10).unwrap_or(revision);
    let message = format!("{}; the commit {short} is in the checkout", report.message);
    let hint = report.hint.unwrap_or_else(|| "run it again with --push to push it".to_owned());
    Hinted::new(report.code, message, hint).into()
}
