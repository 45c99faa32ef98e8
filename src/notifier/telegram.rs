//! Telegram, through a bot: HTML, in a chat and, if wished, one of its topics.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::fit::Limit;
use super::markup::TELEGRAM;
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Endpoint, Row};
use crate::error::{Code, Hinted};
use crate::http::origin;

pub(super) static ROW: Row = Row {
    name: "telegram",
    title: "Telegram",
    hosts: &["api.telegram.org"],
    address: Address::Fixed("https://api.telegram.org"),
    keys: &["token_env", "token_file", "channel", "topic"],
    markup: &TELEGRAM,
    channel: &Telegram,
};

/// Telegram counts without the tags; counting them too is safe.
const TEXT: Limit = Limit::Chars(4096);

struct Telegram;

impl Channel for Telegram {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        call(endpoint)?;
        chat(endpoint)?;
        if let Some(topic) = &endpoint.target.topic
            && topic.parse::<i64>().is_err()
        {
            let message = format!("`topic: {topic}` is no number");
            return Err(Hinted::plain(Code::Config, message).into());
        }
        Ok(())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let mut document = json!({
            "chat_id": chat(endpoint)?,
            "text": delivery.text(TEXT)?,
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(topic) = endpoint.target.topic.as_deref().and_then(|t| t.parse::<i64>().ok()) {
            document["message_thread_id"] = json!(topic);
        }
        let shown = format!("{}/bot***/sendMessage", origin(&endpoint.address()?));
        Ok(vec![Post::json(&call(endpoint)?, &shown, &document)])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        match wire::standard(answer, HINTS) {
            Verdict::Again(wait) => Verdict::Again(wait.or_else(|| retry_after(&answer.json()))),
            Verdict::Accepted if answer.json()["ok"] == json!(false) => {
                wire::refused(answer, HINTS)
            }
            verdict => wire::confirmed(verdict, answer, answer.json()["ok"] == json!(true)),
        }
    }
}

const HINTS: &[(&str, &str)] = &[
    ("Unauthorized", "the bot's token is wrong: copy it again from @BotFather"),
    ("chat not found", "`channel` is a chat's number or @name, and the bot must be in it"),
    ("bot was kicked", "add the bot to the chat again"),
    ("bot was blocked", "the user must unblock the bot"),
    ("bot is not a member", "add the bot to the channel as an administrator"),
    ("not enough rights", "allow the bot to send messages there"),
    ("message thread not found", "`topic` is the number of a topic of that chat"),
    ("group chat was upgraded", "the chat has a new number, which starts with -100"),
];

fn retry_after(document: &Value) -> Option<Duration> {
    document["parameters"]["retry_after"].as_u64().map(Duration::from_secs)
}

/// `…/bot<token>/sendMessage`, from a token of its own or from the pasted address.
fn call(endpoint: &Endpoint) -> anyhow::Result<String> {
    let mut url = endpoint.address()?;
    if url.path().split('/').any(|part| part.starts_with("bot")) {
        let path = url.path().trim_end_matches('/').trim_end_matches("/sendMessage").to_owned();
        url.set_query(None);
        url.set_path(&format!("{path}/sendMessage"));
        return Ok(url.into());
    }
    let base = url.as_str().trim_end_matches('/');
    Ok(format!("{base}/bot{}/sendMessage", endpoint.token()?.expose()))
}

/// The chat, from the settings or from the pasted address.
fn chat(endpoint: &Endpoint) -> anyhow::Result<String> {
    if let Some(channel) = &endpoint.target.channel {
        return Ok(channel.clone());
    }
    let pasted: Option<Url> = endpoint.address().ok();
    let chat = pasted.and_then(|url| {
        url.query_pairs().find(|(name, _)| name == "chat_id").map(|(_, chat)| chat.into_owned())
    });
    match chat {
        Some(chat) if !chat.trim().is_empty() => Ok(chat),
        // A pasted address may name the chat, or another one next time.
        _ if endpoint.fault() == Code::Error => {
            let message = "its address names no chat";
            let hint = "add `?chat_id=…` to it, or write `channel:`";
            Err(Hinted::new(Code::Error, message, hint).into())
        }
        _ => Ok(endpoint.required(None, "channel")?.to_owned()),
    }
}
