//! Google Chat, through a space's webhook: text in one thread for each deployment.

use serde_json::{Value, json};

use super::fit::Limit;
use super::markup::GOOGLE_CHAT;
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Row};

pub(super) static ROW: Row = Row {
    name: "google-chat",
    title: "Google Chat",
    hosts: &["chat.googleapis.com"],
    address: Address::Secret,
    keys: &["thread"],
    markup: &GOOGLE_CHAT,
    channel: &GoogleChat,
};

/// A message takes 32,000 bytes, and JSON doubles what it quotes at worst.
const TEXT: Limit = Limit::Bytes(15_000);

struct GoogleChat;

impl Channel for GoogleChat {
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let mut url = endpoint.address()?;
        let mut document: Value = json!({ "text": delivery.text(TEXT)? });
        if endpoint.target.thread != Some(false) {
            let fallback = "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD";
            url.query_pairs_mut().append_pair("messageReplyOption", fallback);
            document["thread"] = json!({ "threadKey": delivery.event.thread() });
        }
        Ok(vec![Post::json(url.as_str(), &endpoint.shown(), &document)])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        let is_own = answer.json()["name"].is_string();
        wire::confirmed(wire::standard(answer, HINTS), answer, is_own)
    }
}

const HINTS: &[(&str, &str)] = &[
    ("UNAUTHENTICATED", "the address is incomplete: it ends in ?key=…&token=…"),
    ("PERMISSION_DENIED", "the webhook was removed, or an administrator forbids webhooks"),
    ("NOT_FOUND", "the space is gone: create a webhook in another and store its address"),
    ("INVALID_ARGUMENT", "the address is incomplete: it ends in ?key=…&token=…"),
];
