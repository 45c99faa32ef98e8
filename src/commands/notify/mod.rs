//! `gitops notify`: say what happened where people listen, from two revisions and nothing handed along.

mod after;
mod channels;
mod facts;
mod given;
mod happening;
mod pages;
mod report;
mod saying;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use clap::builder::PossibleValuesParser;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::landing::parse_time;
use crate::error::{Code, Hinted, Outcome};
use crate::event::links::page;
use crate::event::{App, Event, Kind, PullRequest, Release};
use crate::http::Client;
use crate::image::Bump;
use crate::notifier::{Memory, Recall};
use crate::ui::Ui;

pub(crate) use after::{Deed, Half, Halves, in_order, show, show_of_push, tell, tell_of_push};
use channels::AdHoc;
use given::Given;
pub use happening::{Happening, happened};
use pages::Pages;
use report::Telling;
use saying::{memory_dir, say};

const EXAMPLES: &str = "\
Examples:
  gitops notify deploying -e production
  gitops notify deployed -e production --from HEAD~3 --dry-run
  gitops notify pushed --image api=v1.2.3 --url-env SLACK_URL
  gitops notify test deploys";

/// The part of the time for asking registries: what they tell is nice to have.
const LABELS: u32 = 3;
/// What tries a channel out.
const TEST: &str = "test";

/// Say in chat what happened to an environment
///
/// What changed is read from two revisions of the repository. Channels are named under `notify:` in
/// gitops.yaml. A channel that fails is a warning, so that a deployment does not fail with it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    // The first: what is read is taken out of the matches.
    #[command(flatten)]
    given: Given,
    /// What happened, or `test` to try channels out
    #[arg(value_name = "EVENT", value_parser = PossibleValuesParser::new(words()))]
    event: String,
    /// With `test`: the channel to try
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The environment
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// The revision before [default: the one before the last that changed the environment]
    // `promote` knows GITOPS_FROM and GITOPS_TO as environments.
    #[arg(long, value_name = "REV", env = "GITOPS_NOTIFY_FROM", hide_env = true)]
    from: Option<String>,
    /// The revision after
    #[arg(
        long,
        value_name = "REV",
        default_value = "HEAD",
        env = "GITOPS_NOTIFY_TO",
        hide_env = true
    )]
    to: String,
    /// With `pushed`: an image that was pushed; can be given several times
    #[arg(long, value_name = "IMAGE=TAG")]
    image: Vec<String>,
    /// With `pushed`: the repository it was built from; CI systems tell
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// With `pushed`: the commit it was built from; CI systems tell
    #[arg(long, value_name = "COMMIT")]
    source_revision: Option<String>,
    /// The pull request's page
    #[arg(long, value_name = "URL")]
    pull_request: Option<String>,
    /// The pull request's title
    // Its own variable: GITOPS_TITLE may be a template of `open-pr`.
    #[arg(long, env = "GITOPS_NOTIFY_TITLE", hide_env = true)]
    title: Option<String>,
    /// With `drift`: what differs; can be given several times
    #[arg(long, value_name = "TEXT")]
    finding: Vec<String>,
    /// With `drift`: what tells this drift from another [default: made from the findings]
    #[arg(long, value_name = "TEXT")]
    fingerprint: Option<String>,
    /// Why, or why not
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who did it [default: the commit's author]
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// The page of the run; CI systems tell
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
    /// The page of a commit, for forges whose host does not tell: {repository}/-/commit/{sha}
    #[arg(long, value_name = "TEMPLATE")]
    commit_url: Option<String>,
    /// Ask registries for the labels of images whose commit tells no source
    #[arg(long)]
    image_labels: bool,
    #[command(flatten)]
    telling: TellingArgs,
    #[command(flatten)]
    ad_hoc: AdHoc,
}

/// How to tell.
#[derive(Clone, Debug, clap::Args)]
struct TellingArgs {
    /// Tell only this channel, whatever it wants; can be given several times
    #[arg(long, value_name = "NAME", conflicts_with_all = ["url_env", "url_file", "kind", "setting"])]
    channel: Vec<String>,
    /// Give up after this time, attempts and waits together: 30, 30s or 2m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    timeout: Duration,
    /// Fail when a channel fails
    #[arg(long)]
    strict: bool,
    /// Say it again where it was said before
    #[arg(long)]
    again: bool,
    /// Where to remember which drift was said [default: in the repository's .git]
    #[arg(long, value_name = "DIR")]
    remember: Option<PathBuf>,
    /// Print what would be sent, without secrets, and send nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Trust the authorities in this file too
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

fn words() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str()).chain([TEST]).collect()
}

/// Reads what happened, and says it or shows what would be said.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let variables = Variables::of_process();
    let mut args = args.clone();
    args.sift(args.kind())?;
    let args = &args;
    let event = args.event(globals, &variables, ui)?;
    let mut names = args.telling.channel.clone();
    names.extend(args.name.clone());
    let all = channels::named(&args.ad_hoc, globals)?;
    let chosen = channels::select(all, &names, &event)?;
    let resolved = channels::resolve(&chosen, &channels::base(globals), &variables)?;
    let telling = Telling { event: &event, strict: args.telling.strict || event.test };
    if args.telling.dry_run {
        let memory = memory_dir(&event, &args.telling, globals)?;
        let memory = memory.map(|dir| Memory::look(&dir, &event));
        let recall = |name: &str| args.recall(memory.as_ref(), &event, name);
        return telling.show(&resolved, recall, SystemTime::now(), ui);
    }
    let said = say(&event, resolved, args, globals, &variables, ui)?;
    telling.report(&said, ui)
}

impl Args {
    /// What happened; none for `test`.
    fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == self.event)
    }

    fn event(&self, globals: &Globals, variables: &Variables, ui: &Ui) -> anyhow::Result<Event> {
        let mut event = match self.kind() {
            None => sample(),
            Some(kind) => self.real(kind, globals, variables, ui)?,
        };
        if self.image_labels {
            let client = Client::new(variables.http(self.telling.ca_file.as_ref()));
            let pages = Pages::of(self.commit_url.clone(), variables);
            let deadline = Instant::now() + self.telling.timeout / LABELS;
            facts::ask_registries(&mut event, &pages, &client, deadline, ui);
        }
        if self.telling.again || event.test {
            event.nonce = Some(format!("{:016x}", fastrand::u64(..)));
        }
        event.reason = self.reason.clone().or(event.reason);
        event.actor = self.actor.clone().or(event.actor);
        let run = || variables.source().and_then(|source| source.run);
        event.run_url = self.run_url.clone().or_else(run);
        Ok(event)
    }

    fn real(
        &self,
        kind: Kind,
        globals: &Globals,
        variables: &Variables,
        ui: &Ui,
    ) -> anyhow::Result<Event> {
        self.check(kind)?;
        let pages = Pages::of(self.commit_url.clone(), variables);
        let fingerprint = (kind == Kind::Drift).then(|| self.fingerprint());
        let parting = match &self.from {
            None if kind == Kind::PrOpened => {
                facts::parting(globals, &self.to, variables.pull_request_target())?
            }
            from => from.clone(),
        };
        let mut event = match &self.env {
            Some(environment) if kind != Kind::Pushed => Happening {
                kind,
                environment,
                from: parting.as_deref(),
                runs: (&[], &[]),
                to: &self.to,
                reason: self.reason.as_deref(),
                findings: &self.finding,
                fingerprint: fingerprint.as_deref(),
            }
            .event(globals, &pages, ui)?,
            environment => Event {
                environment: environment.clone(),
                changes: self.pushed(&pages, variables)?,
                ..Event::new(kind)
            },
        };
        event.pull_request = self.pull_request.as_deref().map(|url| PullRequest {
            number: url.trim_end_matches('/').rsplit('/').next().and_then(|n| n.parse().ok()),
            title: self.title.clone(),
            url: Some(url.to_owned()),
        });
        Ok(event)
    }

    fn check(&self, kind: Kind) -> anyhow::Result<()> {
        let wrong =
            |message: String, hint: &str| Err(Hinted::new(Code::Usage, message, hint).into());
        if let Some(name) = &self.name {
            return wrong(
                format!("cannot use `{name}`: only `test` takes a channel's name"),
                "--channel NAME tells one channel",
            );
        }
        if kind == Kind::Pushed && self.image.is_empty() {
            return wrong(
                "cannot tell what was pushed".to_owned(),
                "name it with --image IMAGE=TAG",
            );
        }
        if kind != Kind::Pushed && self.env.is_none() {
            return wrong(
                format!("cannot tell where `{kind}` happened"),
                "name the environment with -e ENV",
            );
        }
        Ok(())
    }

    /// The images that were pushed, with the commit they were built from where that is given.
    fn pushed(&self, pages: &Pages, variables: &Variables) -> anyhow::Result<Vec<App>> {
        let built = variables.source().filter(|_| self.source.is_none()).unwrap_or_default();
        let source = self.source.as_deref().or(built.repository.as_deref());
        let revision = self.source_revision.as_ref().or(built.revision.as_ref());
        let one = |text: &String| -> anyhow::Result<App> {
            let bump = Bump::parse(text)?;
            let url = source.zip(revision).and_then(|(url, sha)| pages.commit(url, sha));
            let release = Release {
                tag: bump.version.tag,
                digest: bump.version.digest,
                revision: revision.cloned(),
                url,
            };
            let name = bump.image.rsplit('/').next().unwrap_or(&bump.image).to_owned();
            Ok(App {
                app: name,
                image: Some(bump.image),
                new: Some(release),
                source: source.and_then(page),
                ..App::default()
            })
        };
        self.image.iter().map(one).collect()
    }

    /// What a channel is remembered by: two that flags describe are two, though both are called by their kind.
    fn remembered(&self, name: &str) -> String {
        self.ad_hoc.identity().unwrap_or_else(|| name.to_owned())
    }

    fn recall(&self, memory: Option<&Memory>, event: &Event, name: &str) -> Recall {
        memory.map_or(Recall::New, |memory| memory.recall(event, &self.remembered(name)))
    }

    /// The same for the same findings in any order.
    fn fingerprint(&self) -> String {
        self.fingerprint.clone().unwrap_or_else(|| {
            let mut findings = self.finding.clone();
            findings.sort();
            HEXLOWER.encode(&Sha256::digest(findings.join("\n"))[..8])
        })
    }
}

/// What `test` says: every part of a message, so that one sees how the channel shows it.
fn sample() -> Event {
    let release = |tag: &str| Some(Release { tag: Some(tag.to_owned()), ..Release::default() });
    let app =
        App { app: "api".to_owned(), old: release("v1"), new: release("v2"), ..App::default() };
    Event {
        environment: Some("nowhere".to_owned()),
        changes: vec![app],
        reason: Some("somebody ran `gitops notify test`".to_owned()),
        test: true,
        ..Event::new(Kind::Deployed)
    }
}
