//! Grafana: an annotation. A deployment's confirmation ends the region its announcement began.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::fit::Limit;
use super::markup::HTML;
use super::wire::{self, Answer, Post, Verdict, Wire};
use super::{Address, Channel, Delivery, Endpoint, Receipt, Row};
use crate::event::{Kind, clean};
use crate::http::Method;

pub(super) static ROW: Row = Row {
    name: "grafana",
    title: "Grafana",
    hosts: &[".grafana.net"],
    address: Address::Plain,
    keys: &["token_env", "token_file", "tags", "dashboard"],
    markup: &HTML,
    channel: &Grafana,
};

const TEXT: Limit = Limit::Chars(4000);
const TAG: usize = 100;

struct Grafana;

impl Channel for Grafana {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        endpoint.token().map(|_| ())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let mut document = json!({
            "time": milliseconds(delivery),
            "tags": tags(delivery),
            "text": delivery.text(TEXT)?,
        });
        if let Some(dashboard) = &delivery.endpoint.target.dashboard {
            document["dashboardUID"] = json!(dashboard);
        }
        Ok(vec![post(delivery, "", &document)?])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        wire::confirmed(wire::standard(answer, HINTS), answer, !answer.json().is_null())
    }

    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let mut receipt = Receipt::default();
        let earlier = earlier(delivery, &wire.brief()).unwrap_or_else(|error| {
            receipt.note =
                Some(format!("a new annotation, since earlier ones cannot be read: {error:#}"));
            Vec::new()
        });
        let has = |annotation: &Value, tag: String| {
            annotation["tags"].as_array().is_some_and(|tags| tags.contains(&json!(tag)))
        };
        let key = format!("key:{}", delivery.event.key());
        if earlier.iter().any(|annotation| has(annotation, key.clone())) {
            return Ok(Receipt { repeated: true, ..receipt });
        }
        let ends = matches!(delivery.event.kind, Kind::Deployed | Kind::Failed | Kind::RolledBack);
        let begun = earlier
            .iter()
            .find(|annotation| ends && has(annotation, format!("event:{}", Kind::Deploying)));
        let posts = match begun.and_then(|annotation| annotation["id"].as_u64()) {
            Some(id) => vec![end(delivery, id)?],
            None => self.posts(delivery)?,
        };
        for post in &posts {
            wire.send(post, |answer| self.read(answer))?;
        }
        Ok(receipt)
    }
}

const HINTS: &[(&str, &str)] = &[
    ("Invalid API key", "store the token of a service account that may write annotations"),
    ("invalid API key", "store the token of a service account that may write annotations"),
    ("Unauthorized", "store the token of a service account that may write annotations"),
    (
        "ermission",
        "the service account needs annotations:create, annotations:read and annotations:write",
    ),
    (
        "Access denied",
        "the service account needs annotations:create, annotations:read and annotations:write",
    ),
];

fn post(delivery: &Delivery<'_>, path: &str, document: &Value) -> anyhow::Result<Post> {
    let url = format!("{}{path}", annotations(delivery));
    Post::json(&url, &url, document).bearer(delivery.endpoint.token.as_ref())
}

fn annotations(delivery: &Delivery<'_>) -> String {
    format!("{}/api/annotations", delivery.endpoint.url.expose().trim_end_matches('/'))
}

fn end(delivery: &Delivery<'_>, id: u64) -> anyhow::Result<Post> {
    let document = json!({
        "timeEnd": milliseconds(delivery),
        "tags": tags(delivery),
        "text": delivery.text(TEXT)?,
    });
    let post = post(delivery, &format!("/{id}"), &document)?;
    Ok(Post { method: Method::PATCH, idempotent: true, ..post })
}

fn earlier(delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Vec<Value>> {
    let shown = annotations(delivery);
    let mut url = url::Url::parse(&shown)?;
    url.query_pairs_mut()
        .append_pair("tags", "gitops")
        .append_pair("tags", &format!("thread:{}", delivery.event.thread()))
        .append_pair("limit", "20");
    let post = Post::get(url.as_str(), &shown).bearer(delivery.endpoint.token.as_ref())?;
    let answer = wire.send(&post, |answer| Grafana.read(answer))?;
    Ok(answer.json().as_array().cloned().unwrap_or_default())
}

fn tags(delivery: &Delivery<'_>) -> Vec<String> {
    let event = delivery.event;
    let mut tags = vec!["gitops".to_owned(), format!("event:{}", event.kind)];
    tags.extend(event.environment.iter().map(|name| format!("env:{}", clean(name, TAG))));
    tags.extend(event.changes.iter().take(20).map(|app| format!("app:{}", clean(&app.app, TAG))));
    tags.extend([format!("thread:{}", event.thread()), format!("key:{}", event.key())]);
    tags.extend(delivery.endpoint.target.tags.iter().flatten().cloned());
    tags
}

fn milliseconds(delivery: &Delivery<'_>) -> u64 {
    let since = delivery.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
