//! `gitops diff`: what will change between revisions, environments, directories or files.

mod paths;
mod sources;

use std::collections::BTreeSet;

use clap::ValueEnum;
use globset::Glob;
use serde_json::json as value;

use crate::cli::Globals;
use crate::commands::apply;
use crate::commands::publishing::{self, OutputArgs};
use crate::diff::ignore::{IgnoreRule, Profile, RuleText, with_profile};
use crate::diff::render::{Sides, findings, human, json, markdown, unified};
use crate::diff::rules::ListRules;
use crate::diff::{Comparison, NameMap, ObjectDiff, Options, Status, compare};
use crate::environment::Config;
use crate::error::{Code, Hinted, Outcome};
use crate::ui::{Format, Ui};
use sources::Sources;

const EXAMPLES: &str = "\
Examples:
  gitops diff main...HEAD --exit-code
  gitops diff -e staging -e production --map name:-stg=-prod
  gitops diff --base main -o markdown > comment.md
  gitops diff old.yaml new.yaml";

/// The most bytes of the summary of a step.
const SUMMARY: usize = 20_000;

/// What it prints besides text and JSON.
pub const FORMATS: &[Format] = &[Format::Markdown, Format::Unified, Format::Github, Format::Sarif];

/// Show what will change: images first, then risks, then every object
///
/// Without operands: in the pipeline of a pull request what it changes, elsewhere what the work tree
/// changes against HEAD. Secret values are masked, always.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Args {
    /// A..B, A...B (since they parted), A and B; or two files or directories, `-` for stdin
    #[arg(value_name = "FROM[..TO]", num_args = 0..=9, allow_hyphen_values = false)]
    operands: Vec<String>,
    /// Compare with where this branch left REF, as a pull request shows it
    #[arg(long, value_name = "REF", conflicts_with = "operands")]
    base: Option<String>,
    /// Compare two environments, or only look at these; can be given several times
    #[arg(short, long, value_name = "ENV", value_delimiter = ',')]
    env: Vec<String>,
    /// Compare what is there with what an environment declares
    #[arg(long, requires = "env", conflicts_with_all = ["operands", "base"])]
    live: bool,
    /// Between environments: name:FROM=TO for parts of names, namespace:FROM=TO
    #[arg(long, value_name = "MAP")]
    map: Vec<String>,
    /// Compare the files as they are, without rendering
    #[arg(long)]
    raw: bool,
    /// Only files that fit; can be given several times
    #[arg(long, value_name = "GLOB")]
    path: Vec<String>,
    /// Only objects of this kind; can be given several times
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only objects whose name fits; can be given several times
    #[arg(long, value_name = "GLOB")]
    name: Vec<String>,
    /// Only what matters in this respect
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// Which built-in ignore rules apply
    #[arg(long, value_name = "PROFILE", default_value = "git")]
    ignore_profile: ProfileArg,
    /// Say which differences were ignored, by which rule, and which rule ignored nothing
    #[arg(long)]
    explain_ignored: bool,
    /// Show a change that many objects share in each of them
    #[arg(long)]
    no_fold: bool,
    /// The most bytes of a comment (-o markdown)
    #[arg(long, value_name = "N", default_value_t = markdown::DEFAULT_BUDGET)]
    max_bytes: usize,
    /// What makes the comment recognisable (-o markdown)
    #[arg(long, value_name = "ID", default_value = "default")]
    marker: String,
    /// Exit with 1 where something differs
    #[arg(long, conflicts_with = "detailed_exitcode")]
    exit_code: bool,
    /// Exit with 2 where something differs, as Terraform does
    #[arg(long)]
    detailed_exitcode: bool,
    /// Take the operands of Git's external diff: `GIT_EXTERNAL_DIFF='gitops diff --git-external'`
    #[arg(long)]
    git_external: bool,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Objects with other images.
    Images,
    /// What goes.
    Deletes,
    /// Objects at risk.
    Risks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProfileArg {
    /// No rule.
    Off,
    /// What tools write anew each time: the bookkeeping of SOPS.
    Git,
    /// Also what a cluster writes.
    Live,
}

impl From<ProfileArg> for Profile {
    fn from(profile: ProfileArg) -> Self {
        match profile {
            ProfileArg::Off => Self::Off,
            ProfileArg::Git => Self::Git,
            ProfileArg::Live => Self::Live,
        }
    }
}

/// Reads both sides, compares them and shows the result.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    if args.live {
        return live(args, globals, ui);
    }
    let mut sources = Sources::read(args, globals, ui)?;
    let options = options(args, &sources)?;
    let mut comparison = compare(&sources.left, &sources.right, &options);
    if let Some(lists) = sources.schemas(&comparison, &options.lists)? {
        let options = Options { lists, ..options.clone() };
        comparison = compare(&sources.left, &sources.right, &options);
    }
    comparison.add_context(&sources.context(&comparison)?);
    comparison.diagnostics.append(&mut sources.notices);
    filter(args, &mut comparison)?;
    show(args, &sources, &comparison, &options.ignore, ui)?;
    if args.explain_ignored {
        explain(&comparison, &options.ignore, ui);
    }
    let differs = !comparison.is_empty();
    let summary =
        differs.then(|| markdown::render(&comparison, &sources.sides, &args.marker, SUMMARY));
    publishing::conclude(&value!({ "changed": differs }), summary, ui);
    // The program ends here; to free what may be a million values one by one would be waste.
    std::mem::forget(comparison);
    Ok(match (differs, args.exit_code, args.detailed_exitcode) {
        (true, true, _) => Outcome::Differs,
        (true, _, true) => Outcome::Changed,
        _ => Outcome::Done,
    })
}

/// Drift, as `apply` would put it right.
fn live(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let mut differs = false;
    for environment in &args.env {
        differs |= apply::live::diff(environment, globals, ui)?;
    }
    Ok(match (differs, args.exit_code, args.detailed_exitcode) {
        (true, true, _) => Outcome::Differs,
        (true, _, true) => Outcome::Changed,
        _ => Outcome::Done,
    })
}

fn options(args: &Args, sources: &Sources) -> anyhow::Result<Options> {
    let mut names = Vec::new();
    for text in &args.map {
        names.push(NameMap::parse(text).ok_or_else(|| {
            let message = format!("cannot read the map `{text}`");
            Hinted::new(Code::Usage, message, "write name:-stg=-prod or namespace:staging=prod")
        })?);
    }
    Ok(Options {
        lists: list_rules(&sources.config),
        ignore: with_profile(args.ignore_profile.into(), ignore_rules(&sources.config)?),
        names,
        ..Options::default()
    })
}

/// The rules of `list-keys:`.
pub(super) fn list_rules(config: &Config) -> ListRules {
    let mut rules = ListRules::default();
    for (place, keys) in &config.list_keys {
        rules.configure(place, keys.clone());
    }
    rules
}

/// The rules of `ignore:`.
pub(super) fn ignore_rules(config: &Config) -> anyhow::Result<Vec<IgnoreRule>> {
    let mut rules = Vec::new();
    for (number, rule) in config.ignore.iter().enumerate() {
        let text = RuleText {
            group: rule.group.as_deref(),
            kind: rule.kind.as_deref(),
            namespace: rule.namespace.as_deref(),
            name: rule.name.as_deref(),
            file: rule.file.as_deref(),
            fields: rule.fields.iter().map(String::as_str).collect(),
            reason: &rule.reason,
        };
        rules.push(IgnoreRule::new(&text).map_err(|cause| {
            let message =
                format!("cannot use rule {} of `ignore:` in gitops.yaml: {cause}", number + 1);
            Hinted::new(
                Code::Config,
                message,
                "fields read like spec.ports[*].nodePort or **.caBundle",
            )
        })?);
    }
    Ok(rules)
}

fn filter(args: &Args, comparison: &mut Comparison) -> anyhow::Result<()> {
    if args.path.is_empty() && args.kind.is_empty() && args.name.is_empty() && args.only.is_none() {
        return Ok(());
    }
    let globs = |texts: &[String]| -> anyhow::Result<Vec<globset::GlobMatcher>> {
        let compile = |text: &String| {
            let refuse = |error: globset::Error| {
                Hinted::plain(
                    Code::Usage,
                    format!("cannot read the pattern `{text}`: {}", error.kind()),
                )
            };
            Ok(Glob::new(text).map_err(refuse)?.compile_matcher())
        };
        texts.iter().map(compile).collect()
    };
    let (paths, names) = (globs(&args.path)?, globs(&args.name)?);
    let fits = |rules: &[globset::GlobMatcher], text: &str| {
        rules.is_empty() || rules.iter().any(|rule| rule.is_match(text))
    };
    let kind = |kind: Option<&str>| {
        args.kind.is_empty()
            || kind.is_some_and(|kind| args.kind.iter().any(|k| k.eq_ignore_ascii_case(kind)))
    };
    let risky: BTreeSet<String> = comparison.risks.iter().map(|risk| risk.object.clone()).collect();
    let imaged: BTreeSet<String> = comparison
        .images
        .iter()
        .flat_map(|image| &image.users)
        .map(|user| user.title.clone())
        .collect();
    let matters = |diff: &ObjectDiff| match args.only {
        None => true,
        Some(Only::Deletes) => diff.status == Status::Removed,
        Some(Only::Risks) => risky.contains(&diff.object().title()),
        Some(Only::Images) => imaged.contains(&diff.object().title()),
    };
    let selects_objects = !args.kind.is_empty() || !args.name.is_empty();
    comparison.retain(
        |diff| {
            let object = diff.object();
            let identity = object.identity.as_ref();
            matters(diff)
                && fits(&paths, &object.path)
                && kind(identity.map(|id| id.kind.as_str()))
                && fits(&names, identity.map_or("", |id| id.name.as_str()))
        },
        |text| {
            let deleted = args.only == Some(Only::Deletes) && text.status() == Status::Removed;
            !selects_objects && (args.only.is_none() || deleted) && fits(&paths, &text.path)
        },
    );
    Ok(())
}

fn show(
    args: &Args,
    sources: &Sources,
    comparison: &Comparison,
    rules: &[IgnoreRule],
    ui: &Ui,
) -> anyhow::Result<()> {
    let scrub = |side: &str| comparison.masker.scrub(side);
    let sides = &Sides { before: scrub(&sources.sides.before), after: scrub(&sources.sides.after) };
    match ui.format() {
        Format::Json => ui.json("diff", json::render(comparison, sides, rules))?,
        Format::Markdown => {
            ui.text(&markdown::render(comparison, sides, &args.marker, args.max_bytes))?;
        }
        Format::Github => ui.text(&findings::github(&findings::of(comparison), "gitops diff"))?,
        Format::Sarif => {
            let log = findings::sarif(&findings::of(comparison), findings::DESCRIPTIONS);
            ui.line(serde_json::to_string_pretty(&log)?)?;
        }
        Format::Unified => {
            let keep = in_patch(args, comparison);
            let patch =
                unified::render(&sources.left, &sources.right, &comparison.masker, |path| {
                    keep(path)
                });
            for path in patch.masked {
                ui.warn(format!(
                    "`{path}` holds secrets: masked here, so that part of the patch does not apply"
                ));
            }
            for path in patch.binary {
                ui.warn(format!("`{path}` is no text: it is not in the patch"));
            }
            ui.diff(&patch.text)?;
        }
        Format::Text | Format::Html => {
            let look = human::Look { width: ui.width(), fold: !args.no_fold };
            ui.text(&human::render(comparison, sides, look))?;
        }
    }
    Ok(())
}

/// Which files belong into the patch: with filters those that are left, else all but those that only
/// differ in what is ignored.
fn in_patch(args: &Args, comparison: &Comparison) -> impl Fn(&str) -> bool {
    let objects = comparison.objects.iter().flat_map(|diff| diff.before.iter().chain(&diff.after));
    let left: BTreeSet<String> = objects
        .map(|object| object.path.to_string())
        .chain(comparison.texts.iter().map(|text| text.path.to_string()))
        .collect();
    let ignored: BTreeSet<String> =
        comparison.ignored.iter().map(|ignored| ignored.file.to_string()).collect();
    let filtered = !(args.path.is_empty()
        && args.kind.is_empty()
        && args.name.is_empty()
        && args.only.is_none());
    move |path| left.contains(path) || !(filtered || ignored.contains(path))
}

fn explain(comparison: &Comparison, rules: &[IgnoreRule], ui: &Ui) {
    for (number, rule) in rules.iter().enumerate() {
        let own: Vec<_> =
            comparison.ignored.iter().filter(|ignored| ignored.rule == number).collect();
        if own.is_empty() {
            ui.status(format!("{rule}: ignored nothing"));
            continue;
        }
        ui.status(format!("{rule}: ignored {}", own.len()));
        for ignored in own {
            let path = ignored.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
            ui.status(format!("  {}{path} ({})", ignored.object, ignored.file));
        }
    }
}
