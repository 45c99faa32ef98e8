//! `--notify`: the command that made a change says so, from the files it changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::SystemTime;

use super::channels::{base, resolve, select};
use super::pages::Pages;
use super::report::{Said, Telling, announce};
use super::saying::deliver;
use crate::bump::Plan;
use crate::ci::Variables;
use crate::commands::editing::Intent;
use crate::commands::editing::report::Committed;
use crate::commands::landing::Context;
use crate::environment::Config;
use crate::error::Outcome;
use crate::event::apps::{Running, compare, running};
use crate::event::links::page;
use crate::event::{App, Commit, Event, Kind, PullRequest};
use crate::git::Origin;
use crate::http::Client;
use crate::notifier::Recall;
use crate::ui::Ui;

/// The time for telling everybody: the change itself has been made.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// What an environment runs, before and after.
#[derive(Debug, Default)]
pub(crate) struct Half {
    before: Vec<Running>,
    after: Vec<Running>,
}

/// Environments by name.
pub(crate) type Halves = BTreeMap<String, Half>;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Deed<'a> {
    pub(crate) kind: Kind,
    pub(crate) config: &'a Config,
    pub(crate) environments: Halves,
    /// The GitOps repository's address.
    pub(crate) repository: String,
    pub(crate) branch: Option<String>,
    pub(crate) revision: String,
    pub(crate) subject: String,
    pub(crate) pull_request: Option<PullRequest>,
    pub(crate) origin: &'a Origin,
    /// What is done there besides changing images.
    pub(crate) news: Vec<String>,
}

impl Half {
    /// The environments of a plan, as far as its files tell.
    pub(crate) fn of_plan(plan: &Plan, config: &Config) -> Halves {
        let mut halves = Halves::new();
        for change in plan.changes.files() {
            let edit = plan.edits.iter().find(|edit| edit.file == change.path);
            let Some(environment) = edit.and_then(|edit| edit.environment.clone()) else {
                continue;
            };
            let half = halves.entry(environment).or_default();
            half.before.extend(running(&change.path, &change.before, config).unwrap_or_default());
            half.after.extend(running(&change.path, &change.after, config).unwrap_or_default());
        }
        halves
    }

    /// The environments of two branches: name, path and text of each file.
    pub(crate) fn of_files<'f>(
        before: impl Iterator<Item = (&'f str, &'f str, &'f str)>,
        after: impl Iterator<Item = (&'f str, &'f str, &'f str)>,
        config: &Config,
    ) -> Halves {
        let mut halves = Halves::new();
        for (environment, path, text) in before {
            let half = halves.entry(environment.to_owned()).or_default();
            half.before.extend(running(path, text.as_bytes(), config).unwrap_or_default());
        }
        for (environment, path, text) in after {
            let half = halves.entry(environment.to_owned()).or_default();
            half.after.extend(running(path, text.as_bytes(), config).unwrap_or_default());
        }
        halves.retain(|_, half| half.before != half.after);
        halves
    }
}

/// Prints a result and tells of it. People see what was done before anybody is waited for; a document waits,
/// since the warnings belong to it.
pub(crate) fn in_order(
    ui: &Ui,
    print: impl FnOnce() -> anyhow::Result<Outcome>,
    tell: impl FnOnce(),
) -> anyhow::Result<Outcome> {
    if ui.is_json() {
        tell();
        return print();
    }
    let outcome = print()?;
    tell();
    Ok(outcome)
}

/// Tells of a commit that was pushed. What is not pushed is on its way to nowhere yet.
pub(crate) fn tell_of_push(
    intent: &dyn Intent,
    config: &Config,
    plan: &Plan,
    committed: &Committed,
    origin: &Origin,
    context: &Context<'_>,
    ui: &Ui,
) {
    let (Some(revision), Some(repository)) = (&committed.revision, &committed.pushed_to) else {
        ui.status("nothing was pushed, so nobody is told");
        return;
    };
    let deed = Deed {
        kind: intent.event(),
        config,
        environments: Half::of_plan(plan, config),
        repository: repository.clone(),
        branch: committed.branch.clone(),
        revision: revision.clone(),
        subject: committed.message.lines().next().unwrap_or_default().to_owned(),
        pull_request: None,
        origin,
        news: intent.news(),
    };
    tell(&deed, context, ui);
}

/// Shows what would be said once a plan is pushed: everything but the commit, which nobody made.
pub(crate) fn show_of_push(
    intent: &dyn Intent,
    config: &Config,
    plan: &Plan,
    repository: &str,
    origin: &Origin,
    context: &Context<'_>,
    ui: &Ui,
) -> anyhow::Result<()> {
    if plan.changes.is_empty() {
        ui.status("nothing would be pushed, so nobody would be told");
        return Ok(());
    }
    let deed = Deed {
        kind: intent.event(),
        config,
        environments: Half::of_plan(plan, config),
        repository: repository.to_owned(),
        branch: None,
        revision: String::new(),
        subject: String::new(),
        pull_request: None,
        origin,
        news: intent.news(),
    };
    show(&deed, context, ui)
}

/// Shows what would be said.
pub(crate) fn show(deed: &Deed<'_>, context: &Context<'_>, ui: &Ui) -> anyhow::Result<()> {
    if !reached(deed.config, ui) {
        return Ok(());
    }
    if ui.is_json() {
        // The document of the command is the only one it prints.
        ui.status("--notify shows its messages without -o json");
        return Ok(());
    }
    let base = base(context.globals());
    for (name, half) in &deed.environments {
        let event = event(deed, name, half, context);
        let chosen = select(deed.config.notify.clone(), &[], &event)?;
        let resolved = resolve(&chosen, &base, context.variables())?;
        let telling = Telling { event: &event, strict: false };
        telling.show(&resolved, |_| Recall::New, SystemTime::now(), ui)?;
    }
    Ok(())
}

/// Tells the channels that want to know. The change is made, so nothing that fails here is an error.
pub(crate) fn tell(deed: &Deed<'_>, context: &Context<'_>, ui: &Ui) {
    if !reached(deed.config, ui) {
        return;
    }
    let client = Client::new(context.settings().http.clone());
    let base = base(context.globals());
    let environments = deed.environments.iter();
    let events: Vec<Event> =
        environments.map(|(name, half)| event(deed, name, half, context)).collect();
    pass_on(&events, deed.config, &base, context.variables(), &client, ui);
}

/// Whether there is anybody to tell.
pub(super) fn reached(config: &Config, ui: &Ui) -> bool {
    if config.notify.is_empty() {
        ui.warn("--notify tells nobody: gitops.yaml names no channel under `notify:`");
    }
    !config.notify.is_empty()
}

/// Tells the channels that want an event, all of them at once; what fails is a warning. Relative paths of
/// settings start at `base`.
pub(super) fn pass_on(
    events: &[Event],
    config: &Config,
    base: &Path,
    variables: &Variables,
    client: &Client,
    ui: &Ui,
) {
    let channels = |event: &Event| {
        let chosen = select(config.notify.clone(), &[], event)?;
        resolve(&chosen, base, variables)
    };
    let told = events.iter().map(channels).collect::<anyhow::Result<Vec<_>>>().and_then(|all| {
        let say = |event, resolved| deliver(event, resolved, |_| Recall::New, client, TIMEOUT);
        let said: Vec<Vec<Said>> = thread::scope(|scope| {
            let pairs = events.iter().zip(all);
            let running: Vec<_> =
                pairs.map(|(event, resolved)| scope.spawn(move || say(event, resolved))).collect();
            running.into_iter().filter_map(|it| it.join().ok()).collect()
        });
        said.iter().try_for_each(|said| announce(said, ui).map(|_| ()))
    });
    if let Err(error) = told {
        ui.warn(format!("{error:#}"));
    }
}

fn event(deed: &Deed<'_>, environment: &str, half: &Half, context: &Context<'_>) -> Event {
    let pages = Pages::of(None, context.variables());
    let (mut changes, unchanged) = compare(&half.before, &half.after);
    let alone = changes.len() == 1;
    for app in &mut changes {
        link(app, alone, deed, &pages);
    }
    Event {
        environment: Some(environment.to_owned()),
        changes,
        unchanged,
        repository: page(&deed.repository),
        // There is none yet where it is only shown.
        commit: Some(&deed.revision).filter(|revision| !revision.is_empty()).map(|revision| {
            Commit {
                sha: revision.clone(),
                url: pages.commit(&deed.repository, revision),
                subject: Some(deed.subject.clone()),
            }
        }),
        branch: deed.branch.clone(),
        pull_request: deed.pull_request.clone(),
        run_url: deed.origin.run.clone(),
        findings: deed.news.clone(),
        ..Event::new(deed.kind)
    }
}

/// As with a commit's trailers: the app's own source, or that of the only app.
fn link(app: &mut App, alone: bool, deed: &Deed<'_>, pages: &Pages) {
    let configured = deed.config.apps.get(&app.app).and_then(|app| page(app.source.as_deref()?));
    let origin = deed.origin.repository.as_deref().and_then(page);
    let is_it = if configured.is_some() { configured == origin } else { alone };
    app.source = configured.or_else(|| origin.clone().filter(|_| alone));
    let (Some(release), Some(url), Some(sha)) = (&mut app.new, origin, &deed.origin.revision)
    else {
        return;
    };
    if is_it {
        release.revision = Some(sha.clone());
        release.url = pages.commit(&url, sha);
    }
}
