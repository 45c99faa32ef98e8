//! The command line: global flags, and one line per subcommand.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _,
};

use crate::commands::publishing::{self, OutputArgs};
use crate::commands::{
    apply, bump_tag, completions, demo, diff, digest_dir, history, man, notify, open_pr, promote,
    restart, rollback, status, validate,
};
use crate::error::{Code, Hinted, Outcome, Report};
use crate::ui::{Color, Format, Ui, Verbosity};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  differences or findings, where asked for
  2  error: usage, input, configuration, network
  3  refused by a guard: downgrade, policy, stale plan, lock held
  4  applied, but unhealthy or only in part

Every flag can be given as an environment variable, GITOPS_ and its name: GITOPS_DRY_RUN=1.";

/// Carry a new image tag from a build to a running environment, through Git
#[derive(Debug, Parser)]
#[command(name = "gitops", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote
    #[arg(short = 'C', long, global = true, value_name = "PATH|URL", default_value = ".")]
    pub repo: PathBuf,
    /// The branch of a remote repository; its default branch when not given
    #[arg(long, global = true, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Use this file instead of `gitops.yaml` at the repository's root
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to print on stdout; some commands know more than text and json
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
    /// When to colour; `NO_COLOR` is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Print nothing but results, warnings and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say how and why
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

impl Globals {
    fn ui(&self) -> Ui {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Ui::new(self.output, self.color, verbosity)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    BumpTag(Box<bump_tag::Args>),
    OpenPr(Box<open_pr::Args>),
    Promote(Box<promote::Args>),
    Rollback(Box<rollback::Args>),
    Restart(Box<restart::Args>),
    Apply(Box<apply::Args>),
    DigestDir(digest_dir::Args),
    Demo(demo::Args),
    Diff(Box<diff::Args>),
    History(history::Args),
    Status(status::Args),
    Validate(validate::Args),
    Notify(Box<notify::Args>),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// What else than text and JSON a command can print.
    fn formats(&self) -> &'static [Format] {
        match self {
            Self::Diff(_) => diff::FORMATS,
            Self::Status(_) => status::FORMATS,
            Self::Validate(_) => validate::FORMATS,
            _ => &[],
        }
    }

    /// Of the commands whose results are a matter of later jobs.
    fn outputs(&self) -> Option<&OutputArgs> {
        match self {
            Self::BumpTag(args) => Some(&args.edit.git.outputs),
            Self::OpenPr(args) => Some(&args.git.outputs),
            Self::Promote(args) => Some(&args.edit.git.outputs),
            Self::Rollback(args) => Some(&args.edit.git.outputs),
            Self::Restart(args) => Some(&args.edit.git.outputs),
            Self::Apply(args) => Some(&args.outputs),
            Self::DigestDir(args) => Some(&args.outputs),
            Self::Diff(args) => Some(&args.outputs),
            _ => None,
        }
    }

    /// `GITOPS_REPO` names the GitOps repository, which is none of these commands' business.
    fn forget_repository(&self, globals: &mut Globals) {
        if matches!(self, Self::DigestDir(_)) {
            globals.repo = PathBuf::from(".");
        }
    }

    fn run(&self, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
        match self {
            Self::BumpTag(args) => bump_tag::run(args, globals, ui),
            Self::OpenPr(args) => open_pr::run(args, globals, ui),
            Self::Promote(args) => promote::run(args, globals, ui),
            Self::Rollback(args) => rollback::run(args, globals, ui),
            Self::Restart(args) => restart::run(args, globals, ui),
            Self::Apply(args) => apply::run(args, globals, ui),
            Self::DigestDir(args) => digest_dir::run(args, globals, ui),
            Self::Demo(args) => demo::run(args, ui),
            Self::Diff(args) => diff::run(args, globals, ui),
            Self::History(args) => history::run(args, globals, ui),
            Self::Status(args) => status::run(args, globals, ui),
            Self::Validate(args) => validate::run(args, globals, ui),
            Self::Notify(args) => notify::run(args, globals, ui),
            Self::Completions(args) => completions::run(args, ui),
            Self::Man(args) => man::run(args, ui),
        }
    }
}

/// The definitions from which parser, help, completions and man pages follow.
#[must_use]
pub fn command() -> clap::Command {
    with_environment(Cli::command()).mut_subcommands(|command| match command.get_name() {
        "open-pr" => open_pr::defined(command),
        _ => command,
    })
}

/// Gives each flag its `GITOPS_<FLAG>` variable, in every subcommand alike.
fn with_environment(command: clap::Command) -> clap::Command {
    command.mut_args(variable_of).mut_subcommands(with_environment)
}

#[expect(
    clippy::disallowed_methods,
    reason = "only to see which variables clap need not be told of"
)]
fn environment_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Without these a command would succeed at something else: empty is an error then, as on the command line,
/// where a pipeline's variable was never set.
const DECISIVE: &[&str] = &["expect", "check", "exclude-from", "git", "plan", "rev"];

fn variable_of(arg: Arg) -> Arg {
    let Some(long) = arg.get_long() else { return arg };
    if arg.get_env().is_some() {
        // It has a variable that everybody knows it by: KUBECONFIG.
        return arg;
    }
    let name = format!("GITOPS_{}", long.replace('-', "_").to_uppercase());
    let is_decisive = DECISIVE.contains(&long);
    let arg = match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
        ArgAction::Set | ArgAction::Append => arg,
        _ => return arg,
    };
    // An empty variable is none, and one that says no is as if the flag were not given.
    let no = ["", "0", "n", "no", "f", "false", "off"];
    let silent = no.iter().take(match arg.get_action() {
        ArgAction::SetTrue => no.len(),
        _ if is_decisive => 0,
        _ => 1,
    });
    let value = environment_variable(&name);
    if value.is_none_or(|value| silent.into_iter().any(|word| value.eq_ignore_ascii_case(word))) {
        return arg;
    }
    // The footer of `gitops --help` states the rule once, so that each flag need not.
    arg.env(OsString::from(name)).hide_env(true)
}

/// Parses the arguments, runs the command, reports an error and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let parsed = command().try_get_matches_from(words()).and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        if matches.value_source("repo") == Some(ValueSource::EnvVariable) {
            cli.command.forget_repository(&mut cli.globals);
        }
        Ok(cli)
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` arrive here too; clap chooses the stream and the code.
            let _ = error.print();
            if error.use_stderr() && asks_for_json() {
                usage_as_json(&error);
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let ui = cli.globals.ui();
    match run(&cli, &ui) {
        Ok(outcome) => ExitCode::from(outcome.exit()),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let report = Report::of(&error);
            ui.error(&report);
            ExitCode::from(report.code.exit())
        }
    }
}

/// The command line. `kubectl diff` puts its two directories before the words of `KUBECTL_EXTERNAL_DIFF`, but for the
/// program's name.
fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let is_absolute = |word: &OsString| Path::new(word).is_absolute();
    if words.len() > 3 && words[1..3].iter().all(is_absolute) {
        words[1..].rotate_left(2);
    }
    words
}

/// Runs the command, and tells the CI system how it ended.
fn run(cli: &Cli, ui: &Ui) -> anyhow::Result<Outcome> {
    check_format(cli, ui)?;
    let outcome = cli.command.run(&cli.globals, ui)?;
    if let Some(args) = cli.command.outputs() {
        publishing::publish(args, ui)?;
    }
    Ok(outcome)
}

/// Whether JSON is asked for on a command line that cannot be parsed.
fn asks_for_json() -> bool {
    let words: Vec<OsString> = std::env::args_os().collect();
    let pairs = words.windows(2);
    let apart =
        |flag: &OsString, value: &OsString| (flag == "-o" || flag == "--output") && value == "json";
    pairs.into_iter().any(|pair| apart(&pair[0], &pair[1]))
        || words.iter().any(|word| word == "-ojson" || word == "--output=json")
}

fn usage_as_json(error: &clap::Error) {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let report = Report { message, hint: None, code: Code::Usage, revision: None, details: None };
    Ui::new(Format::Json, Color::Never, Verbosity::Quiet).json_error(&report);
}

/// Runs a command line in a directory, as part of another command (`demo`).
pub fn run_in(dir: &Path, args: &[&str], ui: &Ui) -> anyhow::Result<Outcome> {
    let words = ["gitops"].iter().chain(args);
    let mut cli = Cli::try_parse_from(words)?;
    dir.clone_into(&mut cli.globals.repo);
    cli.command.run(&cli.globals, ui)
}

/// Refuses a format that the command does not know.
fn check_format(cli: &Cli, ui: &Ui) -> anyhow::Result<()> {
    let format = ui.format();
    let own = cli.command.formats();
    if matches!(format, Format::Text | Format::Json) || own.contains(&format) {
        return Ok(());
    }
    let name = |format: &Format| {
        format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let known: Vec<String> = [Format::Text, Format::Json].iter().chain(own).map(name).collect();
    let message = format!("cannot print `{}`: this command does not", name(&format));
    Err(Hinted::new(Code::Usage, message, format!("it prints {}", known.join(", "))).into())
}

/// Whether the reader of stdout left, as in `gitops … | head -1`: not an error of ours.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<io::Error>()
        .is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_hold_together() {
        command().debug_assert();
    }

    #[test]
    fn every_command_ends_with_examples() {
        for sub in command().get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.matches("\n  gitops ").count();
            assert!((2..=4).contains(&examples), "{}: {examples} examples", sub.get_name());
        }
    }
}
