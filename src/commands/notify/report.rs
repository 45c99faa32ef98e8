//! What came of it, channel by channel; and what would be said.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::channels::Resolved;
use crate::error::{Code, Hinted, Outcome, Report};
use crate::event::Event;
use crate::notifier::{Endpoint, Preview, Recall, Receipt, preview};
use crate::ui::Ui;

/// What became of one channel.
#[derive(Debug)]
pub(super) struct Said {
    name: String,
    kind: Option<&'static str>,
    result: Fate,
}

#[derive(Debug)]
enum Fate {
    Sent(Receipt),
    Skipped(String),
    Failed(Report),
}

impl Said {
    pub(super) fn of(endpoint: &Endpoint, result: anyhow::Result<Receipt>) -> Self {
        let result = match result {
            Ok(Receipt { skipped: Some(why), .. }) => Fate::Skipped(why),
            Ok(receipt) => Fate::Sent(receipt),
            Err(error) => Fate::Failed(Report::of(&error)),
        };
        Self { name: endpoint.name.clone(), kind: Some(endpoint.kind()), result }
    }

    pub(super) fn failed(name: String, error: &anyhow::Error) -> Self {
        Self { name, kind: None, result: Fate::Failed(Report::of(error)) }
    }

    pub(super) fn skipped(name: String, recall: Recall) -> Self {
        let why = told(recall).unwrap_or_default();
        Self { name, kind: None, result: Fate::Skipped(why.to_owned()) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn arrived(&self) -> bool {
        matches!(self.result, Fate::Sent(_))
    }

    fn document(&self) -> Value {
        let mut document = json!({ "name": self.name, "kind": self.kind });
        let fields = match &self.result {
            Fate::Sent(Receipt { repeated: true, .. }) => json!({ "result": "known" }),
            Fate::Sent(receipt) => {
                json!({ "result": "sent", "note": receipt.note, "text": receipt.text })
            }
            Fate::Skipped(why) => json!({ "result": "skipped", "note": why }),
            Fate::Failed(report) => {
                json!({ "result": "failed", "error": report.message, "hint": report.hint })
            }
        };
        let present =
            fields.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        for (key, value) in present {
            document[key] = value.clone();
        }
        document
    }
}

/// An event, and whether a failure is one.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub(super) event: &'a Event,
    pub(super) strict: bool,
}

impl Telling<'_> {
    /// Prints what would be said.
    pub(super) fn show(
        &self,
        resolved: &[Resolved],
        recall: impl Fn(&str) -> Recall,
        now: SystemTime,
        ui: &Ui,
    ) -> anyhow::Result<Outcome> {
        let mut documents = Vec::new();
        let mut failed = Vec::new();
        for (name, endpoint) in resolved {
            if let Some(why) = told(recall(name)) {
                documents.push(json!({ "name": name, "result": "skipped", "note": why }));
                ui.status(format!("{name}: not sent: {why}"));
                continue;
            }
            let made = endpoint.as_ref().map_err(Report::of).and_then(|endpoint| {
                preview(endpoint, self.event, now)
                    .map(|previews| (endpoint.kind(), previews))
                    .map_err(|error| Report::of(&error))
            });
            match made {
                Ok((kind, previews)) if ui.is_json() => {
                    let requests: Vec<Value> = previews.iter().map(Preview::document).collect();
                    documents.push(json!({ "name": name, "kind": kind, "requests": requests }));
                }
                Ok((kind, previews)) if previews.is_empty() => {
                    ui.status(format!("{name}: nothing to send ({kind})"));
                }
                Ok((kind, previews)) => print(name, kind, &previews, ui)?,
                Err(report) => {
                    failed.push(name.as_str());
                    documents.push(json!({
                        "name": name, "result": "failed", "error": report.message, "hint": report.hint,
                    }));
                    ui.warn(advised(&report));
                }
            }
        }
        if ui.is_json() {
            ui.json("notify", self.envelope(true, &documents))?;
        } else if resolved.is_empty() {
            ui.status(self.nobody());
        }
        self.outcome(&failed, ui)
    }

    /// Prints what came of it.
    pub(super) fn report(&self, said: &[Said], ui: &Ui) -> anyhow::Result<Outcome> {
        let failed = announce(said, ui)?;
        if ui.is_json() {
            let documents: Vec<Value> = said.iter().map(Said::document).collect();
            ui.json("notify", self.envelope(false, &documents))?;
        } else if said.is_empty() {
            ui.status(self.nobody());
        }
        self.outcome(&failed, ui)
    }

    fn envelope(&self, dry_run: bool, channels: &[Value]) -> Value {
        json!({
            "changed": !dry_run && channels.iter().any(|channel| channel["result"] == "sent"),
            "dry_run": dry_run,
            "key": self.event.key(),
            "event": self.event,
            "channels": channels,
        })
    }

    fn nobody(&self) -> String {
        format!("no channel wants `{}` of {}", self.event.kind, self.event.place())
    }

    fn outcome(&self, failed: &[&str], ui: &Ui) -> anyhow::Result<Outcome> {
        if failed.is_empty() || !self.strict {
            return Ok(Outcome::Done);
        }
        if ui.is_json() {
            // One run prints one document, and it names what failed.
            return Ok(Outcome::Failed);
        }
        let message = format!("cannot notify {}", failed.join(", "));
        Err(Hinted::plain(Code::Error, message).into())
    }
}

/// Why a channel is not told.
fn told(recall: Recall) -> Option<&'static str> {
    match recall {
        Recall::New => None,
        Recall::Known => Some("it knows of this drift"),
        Recall::NeverOpen => Some("it was told of no drift"),
    }
}

/// Says for each channel what became of it; gives the names of those that failed.
pub(super) fn announce<'s>(said: &'s [Said], ui: &Ui) -> anyhow::Result<Vec<&'s str>> {
    let mut failed = Vec::new();
    for said in said {
        let name = &said.name;
        match &said.result {
            Fate::Failed(report) => {
                failed.push(name.as_str());
                // A channel that was not even found has its name in the message.
                let prefix = said.kind.map_or_else(String::new, |_| format!("{name}: "));
                ui.warn(format!("{prefix}{}", advised(report)));
            }
            Fate::Skipped(why) => ui.status(format!("{name}: not sent: {why}")),
            Fate::Sent(receipt) => {
                if let Some(note) = &receipt.note {
                    ui.warn(format!("{name}: {note}"));
                }
                match &receipt.text {
                    _ if ui.is_json() => {}
                    Some(text) => ui.line(text)?,
                    None if receipt.repeated => ui.status(format!("{name}: knows it already")),
                    None => ui.status(format!("{name}: sent")),
                }
            }
        }
    }
    Ok(failed)
}

fn advised(report: &Report) -> String {
    match &report.hint {
        Some(hint) => format!("{} ({hint})", report.message),
        None => report.message.clone(),
    }
}

fn print(name: &str, kind: &str, previews: &[Preview], ui: &Ui) -> anyhow::Result<()> {
    // A channel of the flags is called by its kind.
    let kind = if name == kind { String::new() } else { format!(" ({kind})") };
    ui.line(format!("# {name}{kind}"))?;
    for preview in previews {
        ui.line(&preview.request)?;
        for header in &preview.headers {
            ui.line(header)?;
        }
        match &preview.body {
            Value::String(text) => ui.line(format!("\n{text}"))?,
            body => ui.line(format!("\n{}", serde_json::to_string_pretty(body)?))?,
        }
        ui.line("")?;
    }
    Ok(())
}
