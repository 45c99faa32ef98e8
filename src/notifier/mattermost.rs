//! Mattermost, through an incoming webhook: Markdown.

use serde_json::json;

use super::fit::Limit;
use super::markup::MARKDOWN;
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Row};

pub(super) static ROW: Row = Row {
    name: "mattermost",
    title: "Mattermost",
    hosts: &[],
    address: Address::Secret,
    keys: &["channel", "username"],
    markup: &MARKDOWN,
    channel: &Mattermost,
};

/// Servers before 5.0 took 4,000 characters; those since take 16,383.
const TEXT: Limit = Limit::Chars(16_383);

struct Mattermost;

impl Channel for Mattermost {
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let mut document = json!({ "text": delivery.text(TEXT)? });
        for (key, value) in
            [("channel", &endpoint.target.channel), ("username", &endpoint.target.username)]
        {
            if let Some(value) = value {
                document[key] = json!(value);
            }
        }
        Ok(vec![Post::json(endpoint.url.expose(), &endpoint.shown(), &document)])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        wire::confirmed(wire::standard(answer, HINTS), answer, answer.says("ok"))
    }
}

const HINTS: &[(&str, &str)] = &[
    (
        "web.incoming_webhook.invalid.app_error",
        "the webhook was removed: create a new one and store its address",
    ),
    ("web.incoming_webhook.disabled.app_error", "an administrator must enable incoming webhooks"),
    (
        "web.incoming_webhook.channel.app_error",
        "the channel is gone, or the webhook may not post there",
    ),
    ("web.incoming_webhook.channel_locked.app_error", "the webhook is bound to another channel"),
    ("web.incoming_webhook.permissions.app_error", "the webhook's owner may not post there"),
];
