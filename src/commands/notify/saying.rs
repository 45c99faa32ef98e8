//! Telling the channels, and remembering what they were told of drift.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::channels::Resolved;
use super::report::Said;
use super::{Args, LABELS, TellingArgs};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::event::{Event, Kind};
use crate::git::local::LocalRepository;
use crate::http::Client;
use crate::notifier::{self, Endpoint, Memory, Recall, Terms};
use crate::ui::Ui;

/// Tells each channel that has not heard of it, and remembers who has.
pub(super) fn say(
    event: &Event,
    resolved: Vec<Resolved>,
    args: &Args,
    globals: &Globals,
    variables: &Variables,
    ui: &Ui,
) -> anyhow::Result<Vec<Said>> {
    let telling = &args.telling;
    let memory = memory_dir(event, telling, globals)?;
    let mut memory = memory.map(|dir| Memory::open(&dir, event)).transpose()?;
    if let Some(unread) = memory.as_ref().and_then(|memory| memory.unread.as_ref()) {
        ui.warn(unread);
    }
    let client = Client::new(variables.http(telling.ca_file.as_ref()));
    let recall = |name: &str| args.recall(memory.as_ref(), event, name);
    // What asking registries may take is not there for telling.
    let spent = if args.image_labels { telling.timeout / LABELS } else { Duration::ZERO };
    let mut said = deliver(event, resolved, recall, &client, telling.timeout.saturating_sub(spent));
    if let Some(memory) = &mut memory {
        let heard = said.iter().filter(|said| said.arrived()).map(Said::name);
        let heard: Vec<String> = heard.map(|name| args.remembered(name)).collect();
        let heard: Vec<&str> = heard.iter().map(String::as_str).collect();
        // They have heard it, whatever becomes of this.
        let recorded = if heard.is_empty() { Ok(()) } else { memory.record(event, &heard) };
        if let Err(error) = recorded {
            ui.warn(format!("the next run says it again: {error:#}"));
        }
    }
    said.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(said)
}

/// Tells every channel at once but those that know.
pub(super) fn deliver(
    event: &Event,
    resolved: Vec<Resolved>,
    recall: impl Fn(&str) -> Recall,
    client: &Client,
    timeout: Duration,
) -> Vec<Said> {
    let mut said = Vec::new();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (name, endpoint) in resolved {
        match (recall(&name), endpoint) {
            (Recall::New, Ok(endpoint)) => endpoints.push(endpoint),
            (Recall::New, Err(error)) => said.push(Said::failed(name, &error)),
            (recall, _) => said.push(Said::skipped(name, recall)),
        }
    }
    let terms = Terms { timeout, now: SystemTime::now() };
    let results = notifier::deliver(&endpoints, event, client, terms);
    for (endpoint, result) in endpoints.iter().zip(results) {
        said.push(Said::of(endpoint, result));
    }
    said
}

/// Where drift is remembered. Everything else is in Git.
pub(super) fn memory_dir(
    event: &Event,
    telling: &TellingArgs,
    globals: &Globals,
) -> anyhow::Result<Option<PathBuf>> {
    if telling.again || event.test || !matches!(event.kind, Kind::Drift | Kind::DriftResolved) {
        return Ok(None);
    }
    Ok(Some(match &telling.remember {
        Some(dir) => dir.clone(),
        None => LocalRepository::around(&globals.repo)?.directory().join("gitops").join("notify"),
    }))
}
