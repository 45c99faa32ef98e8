//! `PagerDuty`, through the Events API: deployments are change events; drift and failures are alerts, which
//! the event that ends them resolves.

use serde_json::{Map, Value, json};

use super::fit::Limit;
use super::markup::{PLAIN, TERSE};
use super::wire::{self, Answer, Post, Verdict, Wire};
use super::{Address, Channel, Delivery, Endpoint, Receipt, Row};
use crate::error::{Code, Hinted};
use crate::event::Kind;
use crate::event::message::Span;

pub(super) static ROW: Row = Row {
    name: "pagerduty",
    title: "PagerDuty",
    hosts: &["events.pagerduty.com", "events.eu.pagerduty.com"],
    address: Address::Fixed("https://events.pagerduty.com"),
    keys: &["token_env", "token_file"],
    markup: &PLAIN,
    channel: &PagerDuty,
};

const SUMMARY: usize = 1024;
/// An event takes 512 KB; nobody on call reads more than this.
const DETAILS: Limit = Limit::Bytes(20_000);

struct PagerDuty;

impl Channel for PagerDuty {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        endpoint.token().map(|_| ())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let event = delivery.event;
        let alert = |action: &str, name: &str| alert(delivery, action, &event.condition(name));
        match event.kind {
            _ if event.test => Ok(vec![change(delivery)?]),
            Kind::Drift => Ok(vec![alert("trigger", "drift")?]),
            Kind::DriftResolved => Ok(vec![alert("resolve", "drift")?]),
            Kind::Failed => Ok(vec![alert("trigger", "failed")?]),
            // Resolving what was never triggered is accepted and does nothing. It comes first: somebody was called.
            Kind::Deployed | Kind::RolledBack => {
                Ok(vec![alert("resolve", "failed")?, change(delivery)?])
            }
            Kind::Pushed | Kind::PrOpened | Kind::Deploying => Ok(vec![change(delivery)?]),
        }
    }

    /// What is refused keeps nothing else back, and everything that is refused is said.
    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let mut failures = Vec::new();
        for post in self.posts(delivery)? {
            failures.extend(wire.send(&post, |answer| self.read(answer)).err());
        }
        let Some(first) = failures.first() else { return Ok(Receipt::default()) };
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let hint = first.downcast_ref::<Hinted>().and_then(Hinted::hint).map(str::to_owned);
        let message = words.join("; ");
        Err(match hint {
            Some(hint) => Hinted::new(Code::Error, message, hint),
            None if words.len() == 1 => return Err(failures.remove(0)),
            None => Hinted::plain(Code::Error, message),
        }
        .into())
    }

    fn read(&self, answer: &Answer) -> Verdict {
        let is_own = answer.json()["status"] == "success";
        wire::confirmed(wire::standard(answer, HINTS), answer, is_own)
    }
}

const HINTS: &[(&str, &str)] = &[
    ("routing_key", "store the integration key of an \"Events API v2\" integration of the service"),
    (
        "Invalid routing key",
        "store the integration key of an \"Events API v2\" integration of the service",
    ),
    (
        "invalid event",
        "the integration key is of the wrong kind: make an \"Events API v2\" integration",
    ),
];

fn change(delivery: &Delivery<'_>) -> anyhow::Result<Post> {
    let document = json!({
        "routing_key": delivery.endpoint.token()?.expose(),
        "payload": {
            "summary": delivery.summary(SUMMARY),
            "source": source(delivery),
            "timestamp": delivery.timestamp(),
            "custom_details": details(delivery)?,
        },
        "links": links(delivery),
    });
    Ok(post(delivery, "/v2/change/enqueue", &document))
}

fn alert(delivery: &Delivery<'_>, action: &str, key: &str) -> anyhow::Result<Post> {
    let mut document = json!({
        "routing_key": delivery.endpoint.token()?.expose(),
        "event_action": action,
        "dedup_key": format!("gitops/{key}"),
    });
    if action == "trigger" {
        let severity = if delivery.event.kind == Kind::Failed { "error" } else { "warning" };
        document["payload"] = json!({
            "summary": delivery.summary(SUMMARY),
            "source": source(delivery),
            "severity": severity,
            "timestamp": delivery.timestamp(),
            "component": delivery.event.place(),
            "class": delivery.event.kind,
            "custom_details": details(delivery)?,
        });
        document["links"] = json!(links(delivery));
        document["client"] = json!("gitops");
    }
    Ok(Post { idempotent: true, ..post(delivery, "/v2/enqueue", &document) })
}

fn post(delivery: &Delivery<'_>, path: &str, document: &Value) -> Post {
    let url = format!("{}{path}", delivery.endpoint.url.expose().trim_end_matches('/'));
    Post::json(&url, &url, document)
}

fn source(delivery: &Delivery<'_>) -> String {
    let event = delivery.event;
    event
        .repository
        .clone()
        .or_else(|| event.environment.clone())
        .unwrap_or_else(|| "gitops".into())
}

fn details(delivery: &Delivery<'_>) -> anyhow::Result<Value> {
    let event = delivery.event;
    let mut details = Map::new();
    details.insert("text".to_owned(), json!(delivery.text(DETAILS)?));
    details.insert("event".to_owned(), json!(event.kind));
    for (key, value) in [("environment", &event.environment), ("actor", &event.actor)] {
        if let Some(value) = value {
            details.insert(key.to_owned(), json!(crate::event::clean(value, 200)));
        }
    }
    if let Some(commit) = &event.commit {
        details.insert("commit".to_owned(), json!(commit.sha));
    }
    Ok(Value::Object(details))
}

fn links(delivery: &Delivery<'_>) -> Vec<Value> {
    let message = &delivery.message;
    let link = |line: &Vec<Span>| {
        line.iter().find_map(|span| match span {
            Span::Link { url, .. } => Some(json!({ "href": url, "text": TERSE.line(line) })),
            _ => None,
        })
    };
    let lead = Some(&message.lead).into_iter();
    lead.chain(&message.links).filter_map(link).collect()
}
