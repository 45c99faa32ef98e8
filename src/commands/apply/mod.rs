//! `gitops apply`: bring an environment to what Git declares.
//!
//! The order of events is in `converge`; what drives the place is an actuator.

mod converge;
mod images;
mod job;
pub mod live;
mod lock;
mod planfile;
mod prospect;
mod reading;
mod repository;
mod show;
mod stop;
mod tell;
mod wait;
mod watch;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::ValueEnum;

use crate::actuator;
use crate::cli::Globals;
use crate::commands::publishing::OutputArgs;
use crate::error::Outcome;
use crate::plan::duration;
use crate::ui::Ui;

use converge::Mode;
use job::Job;

const EXAMPLES: &str = "\
Examples:
  gitops apply -e staging --dry-run
  gitops apply -e staging --yes
  gitops apply -e production --plan-out plan.json && gitops apply --plan plan.json
  gitops apply -e production --watch --interval 60s --drift remediate";

/// Converge an environment to what Git declares
///
/// Compares everything first, refuses what is not safe, and shows the difference. What Git no longer declares
/// is deleted last, after everything else is healthy. A run that was interrupted is continued by the next.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Args {
    /// The environment
    #[arg(short, long, value_name = "ENV", required_unless_present = "plan")]
    env: Option<String>,
    /// Apply this commit or branch instead of what is checked out
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Apply the work tree as it is, with changes that are not committed
    #[arg(long, conflicts_with_all = ["rev", "plan_out"])]
    allow_dirty: bool,
    /// Show what would be done, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Write the plan to a file, and change nothing
    #[arg(long, value_name = "FILE")]
    plan_out: Option<PathBuf>,
    /// Carry out this plan, unless anything it depends on has moved
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan_out", "rev", "allow_dirty"])]
    plan: Option<PathBuf>,
    /// Do not wait until everything is healthy; nothing is deleted then
    #[arg(long)]
    no_wait: bool,
    /// How long to wait until everything is healthy
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// How long to wait for a lock that somebody else holds
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    lock_timeout: Option<Duration>,
    /// Whether to delete what Git no longer declares
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    prune: Prune,
    /// Go through this gate; it is named where it refuses
    #[arg(long, value_name = "GATE", value_delimiter = ',')]
    allow: Vec<String>,
    /// Take over fields that other managers hold
    #[arg(long)]
    force_conflicts: bool,
    /// Exit with 1 when there is something to do (`--dry-run`, `--plan-out`, drift that is left)
    #[arg(long)]
    exit_code: bool,
    /// Exit with 2 when there was something to do
    #[arg(long, conflicts_with = "exit_code")]
    detailed_exitcode: bool,
    /// Go on: apply each new commit, and look for drift in between
    #[arg(long, conflicts_with_all = ["plan", "plan_out", "dry_run"])]
    watch: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    interval: Duration,
    /// What to do about drift; the default is the environment's
    #[arg(long, value_name = "WHAT", requires = "watch")]
    drift: Option<Drift>,
    /// Look once and end: for a cron job
    #[arg(long, requires = "watch")]
    once: bool,
    /// Say so in the channels that gitops.yaml names: deploying, deployed, failed, drift, drift-resolved
    #[arg(long, conflicts_with_all = ["plan_out", "dry_run"])]
    notify: bool,
    /// For `diff --live` and `status --live`: the work tree as it is; the last commit where a controller has to have it.
    #[arg(skip)]
    live: bool,
    /// Break the lock of a holder that is gone
    #[arg(long)]
    unlock: bool,
    /// The kubeconfig file [env: KUBECONFIG]
    #[arg(long, value_name = "FILE", env = "KUBECONFIG", hide_env = true)]
    kubeconfig: Option<std::ffi::OsString>,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
}

/// Whether to delete what Git no longer declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Prune {
    /// As the environment says; by default, after everything else is healthy.
    Auto,
    /// No.
    Never,
}

/// What to do about drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Drift {
    /// Say so.
    Notify,
    /// Put it right.
    Remediate,
    /// Do not look.
    Off,
}

impl From<Drift> for actuator::Drift {
    fn from(drift: Drift) -> Self {
        match drift {
            Drift::Notify => Self::Notify,
            Drift::Remediate => Self::Remediate,
            Drift::Off => Self::Off,
        }
    }
}

/// Applies once, carries out or writes a plan, watches, or breaks a lock.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let plan = args.plan.as_deref().map(planfile::read).transpose()?;
    if args.watch {
        return watch::run(args, globals, ui);
    }
    let job = Job::read(args, globals, plan.as_ref(), ui)?;
    if args.unlock {
        return unlock(&job, args, ui);
    }
    let mode = match (&plan, &args.plan_out) {
        (plan, None) if args.dry_run => Mode::DryRun(plan.as_ref()),
        (Some(plan), _) => Mode::Planned(plan),
        (None, Some(path)) => Mode::Write(path),
        (None, None) => Mode::Apply { ask: !args.yes },
    };
    converge::run(&job, args, &mode, ui).map(|report| report.outcome(args))
}

fn unlock(job: &Job, args: &Args, ui: &Ui) -> anyhow::Result<Outcome> {
    let Some(holder) = lock::holder(job)? else {
        ui.status(format!("nobody holds the lock of `{}`", job.environment));
        return Ok(Outcome::Done);
    };
    let about =
        if holder.about.is_empty() { String::new() } else { format!(" ({})", holder.about) };
    ui.line(format!(
        "`{}`{about} holds the lock of `{}` since {}",
        holder.id, job.environment, holder.since
    ))?;
    if args.dry_run {
        return Ok(Outcome::Done);
    }
    converge::confirm(args.yes, "Break it?", &AtomicBool::new(false), ui)?;
    lock::unlock(job, &holder)?;
    ui.status("the lock is broken");
    Ok(Outcome::Done)
}
