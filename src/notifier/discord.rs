//! Discord, through a webhook: an embed, in which nobody can be mentioned.

use std::time::Duration;

use serde_json::{Value, json};

use super::fit::{self, Limit};
use super::markup::MARKDOWN;
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Row};
use crate::event::Tone;

pub(super) static ROW: Row = Row {
    name: "discord",
    title: "Discord",
    hosts: &["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"],
    address: Address::Secret,
    keys: &["topic", "username"],
    markup: &MARKDOWN,
    channel: &Discord,
};

const CONTENT: Limit = Limit::Chars(2000);
/// An embed's description takes 4,096 characters.
const DESCRIPTION: Limit = Limit::Chars(4096);
/// What the first line may take of it.
const USERNAME: usize = 80;

struct Discord;

impl Channel for Discord {
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let mut url = endpoint.address()?;
        // The answer to `wait` tells whether the message was saved.
        url.query_pairs_mut().append_pair("wait", "true");
        if let Some(topic) = &endpoint.target.topic {
            url.query_pairs_mut().append_pair("thread_id", topic);
        }
        Ok(vec![Post::json(url.as_str(), &endpoint.shown(), &document(delivery)?)])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        match wire::standard(answer, HINTS) {
            Verdict::Again(wait) => Verdict::Again(wait.or_else(|| retry_after(&answer.json()))),
            // What passes messages on may answer as Discord does without `wait`: with nothing.
            verdict => {
                let is_empty = answer.status.as_u16() == 204;
                wire::confirmed(verdict, answer, is_empty || answer.json()["id"].is_string())
            }
        }
    }
}

const HINTS: &[(&str, &str)] = &[
    ("10015", "the webhook was removed: create a new one and store its address"),
    ("50027", "the webhook's token is wrong: copy the address again"),
    ("10003", "the channel or thread is gone"),
    ("50083", "the thread is archived"),
    ("220001", "a forum's webhook needs `topic:`, the id of a post"),
    ("160005", "the thread is locked"),
];

/// A number of seconds with a fraction.
fn retry_after(document: &Value) -> Option<Duration> {
    let seconds = document["retry_after"].as_f64().filter(|seconds| *seconds >= 0.0)?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn document(delivery: &Delivery<'_>) -> anyhow::Result<Value> {
    let mut document = match &delivery.template {
        Some(_) => json!({ "content": delivery.text(CONTENT)? }),
        None => json!({ "embeds": [{
            "description": fit::text(&delivery.message, &MARKDOWN, DESCRIPTION),
            "color": color(delivery.message.tone),
        }] }),
    };
    document["allowed_mentions"] = json!({ "parse": [] });
    if let Some(username) = &delivery.endpoint.target.username {
        document["username"] = json!(crate::event::cut(username, USERNAME));
    }
    Ok(document)
}

fn color(tone: Tone) -> u32 {
    match tone {
        Tone::Neutral => 0x34_98db,
        Tone::Good => 0x2e_cc71,
        Tone::Warning => 0xf1_c40f,
        Tone::Bad => 0xe7_4c3c,
    }
}
