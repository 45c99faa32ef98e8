//! Rocket.Chat, through an incoming integration.

use serde_json::json;

use super::fit::Limit;
use super::markup::ROCKETCHAT;
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Row};

pub(super) static ROW: Row = Row {
    name: "rocketchat",
    title: "Rocket.Chat",
    hosts: &[],
    address: Address::Secret,
    keys: &["channel", "username"],
    markup: &ROCKETCHAT,
    channel: &RocketChat,
};

/// `Message_MaxAllowedSize` as servers come.
const TEXT: Limit = Limit::Chars(5000);

struct RocketChat;

impl Channel for RocketChat {
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let mut document = json!({ "text": delivery.text(TEXT)?, "parseUrls": false });
        for (key, value) in
            [("channel", &endpoint.target.channel), ("alias", &endpoint.target.username)]
        {
            if let Some(value) = value {
                document[key] = json!(value);
            }
        }
        Ok(vec![Post::json(endpoint.url.expose(), &endpoint.shown(), &document)])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        match wire::standard(answer, HINTS) {
            Verdict::Accepted if answer.json()["success"] == json!(false) => {
                wire::refused(answer, HINTS)
            }
            verdict => wire::confirmed(verdict, answer, answer.json()["success"] == json!(true)),
        }
    }
}

const HINTS: &[(&str, &str)] = &[
    ("invalid-channel", "the channel is gone, or the integration's user is not in it"),
    ("error-invalid-channel", "the channel is gone, or the integration's user is not in it"),
    (
        "Invalid integration id or token provided",
        "the integration was removed: create a new one and store its address",
    ),
    ("error-action-not-allowed", "the integration's user may not post there"),
];
