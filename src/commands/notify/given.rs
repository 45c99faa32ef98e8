//! Which flags the user typed: a variable such as `GITOPS_SOURCE` may be meant for another command of the same
//! job, so where it does not belong it is no mistake.

use std::collections::BTreeSet;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{Args as NotifyArgs, TEST};
use crate::error::{Code, Hinted};
use crate::event::Kind;

/// The flags of the command line itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Given(BTreeSet<String>);

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed =
            |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        Ok(Self(matches.ids().filter(typed).map(ToString::to_string).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// It has no flags of its own.
impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

/// Whether a flag says something about an event; none stands for `test`.
fn belongs(flag: &str, kind: Option<Kind>) -> bool {
    let is_drift = matches!(kind, Some(Kind::Drift | Kind::DriftResolved));
    let is_deployment = kind.is_some_and(|kind| kind != Kind::Pushed) && !is_drift;
    match flag {
        "image" | "source" | "source_revision" => kind == Some(Kind::Pushed),
        "from" | "pull_request" | "title" => is_deployment,
        "to" => is_deployment || is_drift,
        "finding" | "fingerprint" => kind == Some(Kind::Drift),
        "remember" => is_drift,
        "image_labels" => is_deployment || kind == Some(Kind::Pushed),
        "env" | "commit_url" => kind.is_some(),
        // The branch of a remote repository; what is read here is named by --to.
        "branch" => false,
        _ => true,
    }
}

impl Given {
    fn has(&self, flag: &str) -> bool {
        self.0.contains(flag)
    }

    /// Refuses the flags that say nothing about this event.
    pub(super) fn check(&self, kind: Option<Kind>) -> anyhow::Result<()> {
        let Some(stray) = self.0.iter().find(|flag| !belongs(flag, kind)) else { return Ok(()) };
        let flag = stray.replace('_', "-");
        let word = kind.map_or(TEST, Kind::as_str);
        let message = format!("cannot use --{flag} with `{word}`");
        let hint = match stray.as_str() {
            "branch" => "it reads the commit that is checked out; --to REV names another",
            _ => "`gitops help notify` says what it goes with",
        };
        Err(Hinted::new(Code::Usage, message, hint).into())
    }
}

impl NotifyArgs {
    /// Leaves out what variables say that do not belong to this event, and refuses flags that do not.
    pub(super) fn sift(&mut self, kind: Option<Kind>) -> anyhow::Result<()> {
        self.given.check(kind)?;
        if self.given.has("title") && self.pull_request.is_none() {
            let message = "cannot use --title without --pull-request";
            let hint = "it is the title of the pull request that --pull-request names";
            return Err(Hinted::new(Code::Usage, message, hint).into());
        }
        let none = |flag: &str| !belongs(flag, kind);
        for (flag, value) in [
            ("from", &mut self.from),
            ("source", &mut self.source),
            ("source_revision", &mut self.source_revision),
            ("pull_request", &mut self.pull_request),
            ("title", &mut self.title),
            ("fingerprint", &mut self.fingerprint),
        ] {
            if none(flag) {
                *value = None;
            }
        }
        for (flag, values) in [("image", &mut self.image), ("finding", &mut self.finding)] {
            if none(flag) {
                values.clear();
            }
        }
        self.image_labels &= !none("image_labels");
        Ok(())
    }
}
