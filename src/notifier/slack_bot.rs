//! Slack, through a bot: a confirmation answers its announcement in a thread, or replaces it.
//!
//! Nothing is handed along between the two. Each message carries its event's key as metadata, and the later
//! one looks for the earlier in the channel itself.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::markup::SLACK;
use super::slack::{HINTS, document};
use super::wire::{self, Answer, Post, Verdict, Wire};
use super::{Address, Channel, Delivery, Endpoint, Receipt, Row};
use crate::event::Style;

pub(super) static ROW: Row = Row {
    name: "slack-bot",
    title: "a Slack bot",
    hosts: &["slack.com"],
    address: Address::Fixed("https://slack.com/api"),
    keys: &["token_env", "token_file", "channel", "thread", "edit"],
    markup: &SLACK,
    channel: &Bot,
};

const EVENT_TYPE: &str = "gitops_notification";
/// How many messages are looked through for the announcement.
const HISTORY: usize = 100;

struct Bot;

impl Channel for Bot {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        endpoint.token()?;
        endpoint.required(endpoint.target.channel.as_deref(), "channel")?;
        Ok(())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        Ok(vec![post(delivery, "chat.postMessage", &body(delivery)?)?])
    }

    /// Slack answers 200 to almost everything; `ok` tells.
    fn read(&self, answer: &Answer) -> Verdict {
        let document = answer.json();
        if !answer.status.is_success() {
            return wire::standard(answer, HINTS);
        }
        match (document["ok"].as_bool(), document["error"].as_str()) {
            (Some(true), _) => Verdict::Accepted,
            (_, Some("ratelimited" | "rate_limited")) => {
                Verdict::Again(crate::http::retry_after(&answer.headers))
            }
            (_, Some("internal_error" | "service_unavailable" | "request_timeout")) => {
                Verdict::Again(None)
            }
            _ => wire::refused(answer, HINTS),
        }
    }

    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let target = &delivery.endpoint.target;
        let edits = target.edit == Some(true);
        let looks = edits || target.thread != Some(false);
        let note = RefCell::new(None);
        let earlier =
            if looks { Earlier::look(delivery, &wire.brief(), &note) } else { Earlier::default() };
        if earlier.repeated {
            return Ok(Receipt { repeated: true, ..Receipt::default() });
        }
        let mut body = body(delivery)?;
        let confirms = delivery.event.kind.style() == Style::Confirm;
        let method = match &earlier.announcement {
            Some(ts) if edits && confirms => {
                body["ts"] = json!(ts);
                "chat.update"
            }
            Some(ts) => {
                body["thread_ts"] = json!(ts);
                "chat.postMessage"
            }
            None => "chat.postMessage",
        };
        wire.send(&post(delivery, method, &body)?, |answer| self.read(answer))?;
        Ok(Receipt { note: note.take(), ..Receipt::default() })
    }
}

fn post(delivery: &Delivery<'_>, method: &str, body: &Value) -> anyhow::Result<Post> {
    let url = call(delivery.endpoint, method);
    Post::json(&url, &url, body).bearer(delivery.endpoint.token.as_ref())
}

fn call(endpoint: &Endpoint, method: &str) -> String {
    format!("{}/{method}", endpoint.url.expose().trim_end_matches('/'))
}

fn body(delivery: &Delivery<'_>) -> anyhow::Result<Value> {
    let event = delivery.event;
    let mut body = document(delivery)?;
    body["channel"] = json!(delivery.endpoint.target.channel);
    body["metadata"] = json!({
        "event_type": EVENT_TYPE,
        "event_payload": { "key": event.key(), "thread": event.thread() },
    });
    Ok(body)
}

/// What the channel knows of this event.
#[derive(Default)]
struct Earlier {
    /// The first message about it.
    announcement: Option<String>,
    /// Whether this very message is there.
    repeated: bool,
}

impl Earlier {
    /// Looks for the announcement. A bot that may not look posts all the same, and says why.
    fn look(delivery: &Delivery<'_>, wire: &Wire<'_>, note: &RefCell<Option<String>>) -> Self {
        let found = Self::find(delivery, wire);
        found.unwrap_or_else(|error| {
            let advice = "threads need the channel's id (C…) and the scope channels:history, or groups:history";
            *note.borrow_mut() = Some(format!("no thread: {error:#} ({advice})"));
            Self::default()
        })
    }

    fn find(delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Self> {
        let (key, thread) = (delivery.event.key(), delivery.event.thread());
        let messages = read_messages(delivery, wire, "conversations.history", None)?;
        let payload = |message: &Value, name: &str| {
            let metadata = &message["metadata"];
            let ours = metadata["event_type"] == EVENT_TYPE;
            metadata["event_payload"][name].as_str().filter(|_| ours).map(str::to_owned)
        };
        let about = |message: &&Value| payload(message, "thread").as_ref() == Some(&thread);
        // The newest comes first: a drift's notice from last week is not this one's announcement.
        let Some(first) = messages.iter().find(about) else { return Ok(Self::default()) };
        let announcement = first["ts"].as_str().map(str::to_owned);
        let said = |message: &Value| payload(message, "key").as_ref() == Some(&key);
        let mut repeated = said(first);
        if !repeated && first["reply_count"].as_u64().unwrap_or(0) > 0 {
            let replies =
                read_messages(delivery, wire, "conversations.replies", announcement.as_deref())?;
            repeated = replies.iter().any(said);
        }
        Ok(Self { announcement, repeated })
    }
}

fn read_messages(
    delivery: &Delivery<'_>,
    wire: &Wire<'_>,
    method: &str,
    ts: Option<&str>,
) -> anyhow::Result<Vec<Value>> {
    let shown = call(delivery.endpoint, method);
    let mut url = url::Url::parse(&shown)?;
    let channel = delivery.endpoint.target.channel.as_deref().unwrap_or_default();
    url.query_pairs_mut()
        .append_pair("channel", channel)
        .append_pair("limit", &HISTORY.to_string())
        .append_pair("include_all_metadata", "true");
    if let Some(ts) = ts {
        url.query_pairs_mut().append_pair("ts", ts);
    }
    let post = Post::get(url.as_str(), &shown).bearer(delivery.endpoint.token.as_ref())?;
    let answer = wire.send(&post, |answer| Bot.read(answer))?;
    Ok(answer.json()["messages"].as_array().cloned().unwrap_or_default())
}
