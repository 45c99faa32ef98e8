//! Editing in a directory: the files, and with `--commit` and `--push` the checkout's branch.

use std::collections::BTreeMap;

use super::report::{Committed, Done, report};
use super::{Intent, changes, config};
use crate::bump::Plan;
use crate::cli::Globals;
use crate::commands::landing::{Context, GitArgs};
use crate::commands::notify::tell_of_push;
use crate::error::{Code, Hinted, Outcome};
use crate::files::{self, Replaced, Replacement};
use crate::git::{Checkout, Prepared, Remote, Upstream};
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
        let plan = intent.plan(tree)?;
        let prepared = match &mut committing {
            Some(committing) if !plan.changes.is_empty() => {
                Some(committing.prepare(tree, &plan, intent, args, &context)?)
            }
            _ => None,
        };
        match write(tree, &plan)? {
            Replaced::All => {
                let done = match committing {
                    Some(committing) => committing.finish(prepared, &context)?,
                    None => Done::Written,
                };
                if args.notify {
                    notify(intent, tree, &plan, &done, &context, ui)?;
                }
                return report(intent, &plan, &done, ui);
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
    let Done::Committed(committed) = done else {
        ui.status("nothing was pushed, so nobody is told");
        return Ok(());
    };
    let config = config(context.globals().config.as_deref(), tree)?;
    let origin = intent.origin(context.origin(Some(tree.root())));
    tell_of_push(intent, &config, plan, committed, &origin, context, ui);
    Ok(())
}

fn write(tree: &WorkTree, plan: &Plan) -> anyhow::Result<Replaced> {
    // Two names of one file are one file.
    let mut by_path = BTreeMap::new();
    for change in plan.changes.files() {
        by_path.insert(tree.locate(&change.path)?, change);
    }
    let replacements: Vec<Replacement<'_>> = by_path
        .iter()
        .map(|(path, change)| Replacement {
            path,
            before: Some(&change.before),
            after: &change.after,
        })
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

    fn prepare(
        &mut self,
        tree: &WorkTree,
        plan: &Plan,
        intent: &dyn Intent,
        args: &GitArgs,
        context: &Context<'_>,
    ) -> anyhow::Result<Prepared> {
        let mut contents = BTreeMap::new();
        for change in plan.changes.files() {
            let real = tree.locate(&change.path)?;
            let relative = real.strip_prefix(tree.root()).unwrap_or(&real);
            contents.insert(relative.to_string_lossy().replace('\\', "/"), change.after.clone());
        }
        let contents: Vec<(String, Vec<u8>)> = contents.into_iter().collect();
        let paths: Vec<String> = contents.iter().map(|(path, _)| path.clone()).collect();
        self.checkout.check(&paths, args.include_changes)?;
        let (author, committer, signer) = context.people(self.checkout.config())?;
        let origin = intent.origin(context.origin(Some(tree.root())));
        self.message = context.message(&changes(plan), &origin, intent.message())?;
        self.checkout.prepare(&contents, &self.message, (&author, &committer), signer.as_ref())
    }

    /// Commits what was prepared, and pushes the branch even when that was nothing: an earlier run may have
    /// committed and failed to push.
    fn finish(mut self, prepared: Option<Prepared>, context: &Context<'_>) -> anyhow::Result<Done> {
        let revision = prepared.map(|prepared| self.checkout.finish(&prepared)).transpose()?;
        let mut pushed_to = None;
        if let Some((upstream, remote, old)) = &mut self.push {
            let options = context.push_options()?;
            self.checkout.push(upstream, remote, old.as_deref(), options)?;
            pushed_to = Some(remote.address().to_string());
        }
        let branch = self.checkout.branch();
        let message = self.message;
        let attempts = 1;
        let overtook = Vec::new();
        Ok(Done::Committed(Committed { revision, message, branch, pushed_to, attempts, overtook }))
    }
}
