//! Microsoft Teams, through a workflow's webhook: an Adaptive Card.

use serde_json::{Value, json};

use super::fit::{self, Limit};
use super::markup::{TEAMS, defused};
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Row};
use crate::event::Tone;
use crate::event::message::{Message, Span};

pub(super) static ROW: Row = Row {
    name: "teams",
    title: "Microsoft Teams",
    hosts: &[
        ".logic.azure.com",
        ".logic.azure.us",
        ".api.powerplatform.com",
        ".api.powerautomate.com",
    ],
    address: Address::Secret,
    keys: &[],
    markup: &TEAMS,
    channel: &Teams,
};

/// A message takes 28 KB. JSON doubles quotes and backslashes at worst, so the words take less than a half.
const HEAD: Limit = Limit::Bytes(2000);
const LIST: Limit = Limit::Bytes(6000);
const FOLD: Limit = Limit::Bytes(1500);
const MOST_BUTTONS: usize = 4;

struct Teams;

impl Channel for Teams {
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let document = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card(delivery)?,
            }],
        });
        Ok(vec![Post::json(endpoint.url.expose(), &endpoint.shown(), &document)])
    }

    /// Connectors used to answer 200 with an error's text; workflows answer 202 with nothing.
    fn read(&self, answer: &Answer) -> Verdict {
        let words = answer.quote();
        if answer.status.is_success()
            && words.contains("Microsoft Teams endpoint returned HTTP error 429")
        {
            return Verdict::Again(None);
        }
        if answer.status.is_success() && words.contains("returned HTTP error") {
            return wire::refused(answer, HINTS);
        }
        wire::confirmed(wire::standard(answer, HINTS), answer, !answer.is_page())
    }
}

const HINTS: &[(&str, &str)] = &[
    ("WorkflowNotFound", "the workflow was removed: make a new one and store its address"),
    ("WorkflowTriggerIsNotEnabled", "the workflow is switched off: turn it on"),
    ("DirectApiAuthorizationRequired", "the address is incomplete: store it with its whole query"),
    (
        "AuthorizationFailed",
        "the address is incomplete or outdated: store the workflow's current one",
    ),
    (
        "InvalidRequestContent",
        "the workflow expects something else: use \"Send webhook alerts to a channel\"",
    ),
    (
        "TriggerInputSchemaMismatch",
        "the workflow expects something else: use \"Send webhook alerts to a channel\"",
    ),
];

fn card(delivery: &Delivery<'_>) -> anyhow::Result<Value> {
    let message = &delivery.message;
    let body = match &delivery.template {
        Some(_) => vec![paragraph(&delivery.text(LIST)?)],
        None => body(message),
    };
    Ok(json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": defused(&delivery.summary(300)),
        "body": body,
        "actions": actions(message),
    }))
}

fn body(message: &Message) -> Vec<Value> {
    let head = paragraph(&fit::opening(message, &TEAMS, HEAD));
    let style = match message.tone {
        Tone::Neutral => "accent",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "attention",
    };
    let mut body =
        vec![json!({ "type": "Container", "style": style, "bleed": true, "items": [head] })];
    let items = fit::items(message, &TEAMS);
    body.extend(
        fit::join(&items, "\n", LIST).filter(|_| !items.is_empty()).map(|list| paragraph(&list)),
    );
    body.extend(fit::notes(message, &TEAMS).iter().map(|note| paragraph(note)));
    body.extend(fit::unchanged(message, &TEAMS, FOLD).map(|fold| small(&fold)));
    body.extend(fit::links(message, &TEAMS, FOLD).map(|links| small(&links)));
    body
}

fn paragraph(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": text, "wrap": true })
}

fn small(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": text, "wrap": true, "isSubtle": true, "size": "small" })
}

/// A button for each place to read on.
fn actions(message: &Message) -> Vec<Value> {
    // What is on the first line needs no button.
    let elsewhere = message.links.iter().filter(|_| !message.is_short);
    let links = elsewhere.flatten().filter_map(|span| match span {
        Span::Link { label, url, .. } => Some((label, url)),
        _ => None,
    });
    let button = |(label, url): (&String, &String)| {
        let title = match label.as_str() {
            "run" => "Run".to_owned(),
            label if label.starts_with("pull request") => label.replacen('p', "P", 1),
            label => format!("Commit {label}"),
        };
        json!({ "type": "Action.OpenUrl", "title": defused(&title), "url": url })
    };
    links.take(MOST_BUTTONS).map(button).collect()
}
