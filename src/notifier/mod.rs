//! Notifiers: say an [`Event`] where people and machines listen.
//!
//! One file and one row of [`KINDS`] for each service. A service turns an event into requests (`posts`),
//! says what an answer means (`read`), and seldom more than that. Everything else is here and
//! shared: secrets, limits, escaping, deadlines, retries, several channels at once.

mod cloudevents;
mod commit_status;
mod deployment;
mod discord;
mod endpoint;
mod fit;
mod forge_site;
mod google_chat;
mod grafana;
mod grammar;
mod markup;
mod matrix;
mod mattermost;
mod memory;
mod pagerduty;
mod rocketchat;
mod slack;
mod slack_bot;
mod smtp;
mod stdout;
mod suspect;
mod teams;
mod telegram;
mod template;
mod webhook;
mod wire;

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::error::{Code, Hinted};
use crate::event::Event;
use crate::event::message::{self, Message};
use crate::http::{Client, mask};

pub use endpoint::{Endpoint, Source};
use fit::Limit;
use markup::Markup;
pub use memory::{Memory, Recall};
use wire::{Answer, Post, Verdict, Wire};

/// Every kind of channel.
pub static KINDS: &[&Row] = &[
    &slack::ROW,
    &slack_bot::ROW,
    &teams::ROW,
    &discord::ROW,
    &mattermost::ROW,
    &rocketchat::ROW,
    &google_chat::ROW,
    &telegram::ROW,
    &matrix::ROW,
    &pagerduty::ROW,
    &smtp::ROW,
    &webhook::ROW,
    &commit_status::ROW,
    &deployment::ROW,
    &grafana::ROW,
    &stdout::ROW,
];

/// Where a kind of channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    /// At a URL that is a secret.
    Secret,
    /// At a URL that is none.
    Plain,
    /// At a URL that everybody shares, unless another is given.
    Fixed(&'static str),
    /// At a repository's; the event's own unless another is given.
    Repository,
    /// Nowhere.
    None,
}

/// A kind of channel.
pub struct Row {
    /// The word for `kind:`.
    pub name: &'static str,
    /// The service's name.
    pub title: &'static str,
    /// Hosts by which it is recognised; `.x` stands for those below `x`, `x:` for a URL's scheme.
    hosts: &'static [&'static str],
    address: Address,
    /// The settings it takes besides those that every kind takes.
    keys: &'static [&'static str],
    markup: &'static Markup,
    channel: &'static dyn Channel,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What makes one service different from another.
trait Channel: Sync {
    /// Refuses settings that cannot work.
    fn check(&self, _endpoint: &Endpoint) -> anyhow::Result<()> {
        Ok(())
    }

    /// The requests that say it, in order.
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>>;

    /// What an answer means.
    fn read(&self, answer: &Answer) -> Verdict {
        wire::standard(answer, &[])
    }

    /// Says it.
    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        for post in self.posts(delivery)? {
            wire.send(&post, |answer| self.read(answer))?;
        }
        Ok(Receipt::default())
    }

    /// What would be said, without any secret.
    fn preview(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Preview>> {
        Ok(self.posts(delivery)?.iter().map(Preview::of).collect())
    }
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What is to be printed, where the channel is the terminal.
    pub text: Option<String>,
    /// What the user should know.
    pub note: Option<String>,
    /// Whether it was there before.
    pub repeated: bool,
    /// Why there was nothing to send.
    pub skipped: Option<String>,
}

/// An event on its way to one channel.
#[derive(Debug)]
struct Delivery<'a> {
    endpoint: &'a Endpoint,
    event: &'a Event,
    message: Message,
    /// What the channel's template made of it.
    template: Option<String>,
    now: SystemTime,
}

impl<'a> Delivery<'a> {
    fn new(endpoint: &'a Endpoint, event: &'a Event, now: SystemTime) -> anyhow::Result<Self> {
        let source = endpoint.target.template.as_deref();
        let render = |source| template::render(source, event, endpoint.row.markup);
        let template = source.map(render).transpose()?;
        Ok(Self { endpoint, event, message: message::message(event), template, now })
    }

    fn markup(&self) -> &'static Markup {
        self.endpoint.row.markup
    }

    /// Everything, in the channel's markup.
    fn text(&self, limit: Limit) -> anyhow::Result<String> {
        let Some(template) = &self.template else {
            return Ok(fit::text(&self.message, self.markup(), limit));
        };
        let lines: Vec<String> = template.lines().map(str::to_owned).collect();
        let text = if limit.takes(template) {
            Some(template.clone())
        } else {
            fit::join(&lines, "\n", limit)
        };
        text.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            Hinted::plain(Code::Config, "its template makes no text, or one too long").into()
        })
    }

    /// The first line without markup.
    fn summary(&self, most: usize) -> String {
        fit::headline(&self.message, &markup::TERSE, Limit::Chars(most))
    }

    /// The time, as the internet writes it.
    fn timestamp(&self) -> String {
        jiff::Timestamp::try_from(self.now)
            .map_or_else(|_| String::new(), |now| format!("{now:.0}"))
    }
}

/// A request as it may be shown.
#[derive(Debug, PartialEq)]
pub struct Preview {
    /// Method and place.
    pub request: String,
    /// The headers that matter.
    pub headers: Vec<String>,
    /// The body: a document, or text.
    pub body: Value,
}

impl Preview {
    fn of(post: &Post) -> Self {
        let value = |value: &crate::http::header::HeaderValue| match value.to_str() {
            Ok(text) if !value.is_sensitive() => mask(text),
            _ => crate::http::MASK.to_owned(),
        };
        let headers = post.headers.iter().map(|(name, text)| format!("{name}: {}", value(text)));
        let text = mask(&String::from_utf8_lossy(&post.body));
        Self {
            request: format!("{} {}", post.method, post.shown),
            headers: headers.collect(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({ "request": self.request, "headers": self.headers, "body": self.body })
    }
}

/// How long to try, and what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The time for everything, attempts and waits together.
    pub timeout: Duration,
    /// Now.
    pub now: SystemTime,
}

/// Says an event in all channels at once; the results are in the channels' order.
#[must_use]
pub fn deliver(
    endpoints: &[Endpoint],
    event: &Event,
    client: &Client,
    terms: Terms,
) -> Vec<anyhow::Result<Receipt>> {
    let wire = Wire::new(client, Instant::now() + terms.timeout);
    let say = |endpoint: &Endpoint| {
        let delivery = Delivery::new(endpoint, event, terms.now)?;
        endpoint.row.channel.send(&delivery, &wire)
    };
    thread::scope(|scope| {
        let running: Vec<_> =
            endpoints.iter().map(|endpoint| scope.spawn(|| say(endpoint))).collect();
        let failure = || Hinted::plain(Code::Error, "the channel's thread failed").into();
        running.into_iter().map(|it| it.join().unwrap_or_else(|_| Err(failure()))).collect()
    })
}

/// What would be said in a channel.
pub fn preview(
    endpoint: &Endpoint,
    event: &Event,
    now: SystemTime,
) -> anyhow::Result<Vec<Preview>> {
    endpoint.row.channel.preview(&Delivery::new(endpoint, event, now)?)
}

#[cfg(test)]
mod tests;
