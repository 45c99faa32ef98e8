//! `gitops restart`: roll the pods of an app, as a change in Git.

use std::time::SystemTime;

use crate::bump::{Plan, Rules, plan_restart};
use crate::cli::Globals;
use crate::commands::editing::{self, EditArgs, Intent, config, environment_of, record};
use crate::error::Outcome;
use crate::git;
use crate::snapshot::Snapshot;
use crate::ui::Ui;
use crate::yaml::Sharing;

const EXAMPLES: &str = "\
Examples:
  gitops restart api -e staging
  gitops restart api -e production --pr
  gitops restart api -e staging --dry-run";

const MESSAGE: &str = "chore({{ scope }}): restart {{ changes[0].name }}";

/// Roll the pods of an app whose Secret or `ConfigMap` changed
///
/// Counts up `RESTART_ME … [COUNTER:n]` where the app has such a value, else sets the annotation
/// `kubectl.kubernetes.io/restartedAt` of its pod template to the present time.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The app: its key, the name of its container, or its image
    app: String,
    /// Where it runs
    #[arg(short, long, value_name = "ENV")]
    env: String,
    /// Where several places match, change them all
    #[arg(long)]
    all: bool,
    /// Change a value that other keys share through an anchor or a merge key
    #[arg(long)]
    shared: bool,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

struct Restart<'a> {
    args: &'a Args,
    globals: &'a Globals,
    pushes: bool,
    now: String,
}

/// Plans the edit and makes it, or shows it.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = git::iso_date(i64::try_from(since.as_secs()).unwrap_or_default(), 0);
    let intent = Restart { args, globals, pushes: args.edit.pushes(globals), now };
    editing::run(&intent, &args.edit.how(), globals, ui)
}

impl Intent for Restart<'_> {
    fn command(&self) -> &'static str {
        "restart"
    }

    fn plan(&self, snapshot: &dyn Snapshot) -> anyhow::Result<Plan> {
        let config = config(self.globals.config.as_deref(), snapshot)?;
        let environment = environment_of(snapshot, &config, &self.args.env, self.pushes)?;
        let scope = record::scope(snapshot, &environment)?;
        let rules = Rules {
            all: self.args.all,
            sharing: if self.args.shared { Sharing::Edit } else { Sharing::Refuse },
            drop_digest: false,
            no_downgrade: false,
            expect: None,
            create: true,
        };
        plan_restart(snapshot, &config, &self.args.app, &scope, &self.now, &rules)
    }

    fn message(&self) -> Option<&str> {
        Some(MESSAGE)
    }

    fn news(&self) -> Vec<String> {
        vec![format!("restarts {}", self.args.app)]
    }

    fn kind(&self) -> &'static str {
        "-restart"
    }
}
