//! Matrix: a notice in a room. The event's key is the transaction's id, so a repetition is none.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::fit::{self, Limit};
use super::markup::{HTML, PLAIN};
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Endpoint, Row};
use crate::error::{Code, Hinted};
use crate::http::Method;

pub(super) static ROW: Row = Row {
    name: "matrix",
    title: "Matrix",
    hosts: &["matrix.org", "matrix-client.matrix.org"],
    address: Address::Plain,
    keys: &["token_env", "token_file", "channel"],
    markup: &HTML,
    channel: &Matrix,
};

/// An event takes 65,536 bytes, in JSON, with both texts and what the server adds.
const TEXT: Limit = Limit::Bytes(14_000);

struct Matrix;

impl Channel for Matrix {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        endpoint.token()?;
        let room = endpoint.required(endpoint.target.channel.as_deref(), "channel")?;
        if !room.starts_with('!') {
            let message = format!("`channel: {room}` is no room's id");
            let hint = "a room's settings show it under Advanced: it starts with `!`";
            return Err(Hinted::new(Code::Config, message, hint).into());
        }
        Ok(())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        let (body, formatted) = match &delivery.template {
            Some(_) => (delivery.summary(1000), delivery.text(TEXT)?.replace('\n', "<br>\n")),
            None => (fit::text(&delivery.message, &PLAIN, TEXT), delivery.text(TEXT)?),
        };
        let document = json!({
            "msgtype": "m.notice",
            "body": body,
            "format": "org.matrix.custom.html",
            "formatted_body": formatted,
            // Names nobody, so that no word of the text pings anybody.
            "m.mentions": {},
        });
        let base = endpoint.url.expose().trim_end_matches('/').to_owned();
        let room = endpoint.target.channel.as_deref().unwrap_or_default();
        let room = utf8_percent_encode(room, NON_ALPHANUMERIC);
        let key = delivery.event.key();
        let url = format!("{base}/_matrix/client/v3/rooms/{room}/send/m.room.message/{key}");
        let post = Post::json(&url, &url, &document).bearer(endpoint.token.as_ref())?;
        Ok(vec![Post { method: Method::PUT, idempotent: true, ..post }])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        let wish = || Some(Duration::from_millis(answer.json()["retry_after_ms"].as_u64()?));
        match wire::standard(answer, HINTS) {
            Verdict::Again(wait) => Verdict::Again(wait.or_else(wish)),
            verdict => wire::confirmed(verdict, answer, answer.json()["event_id"].is_string()),
        }
    }
}

const HINTS: &[(&str, &str)] = &[
    ("M_UNKNOWN_TOKEN", "the access token is no longer good: log in again and store the new one"),
    ("M_MISSING_TOKEN", "the access token is missing"),
    ("M_FORBIDDEN", "invite the user into the room and let it speak there"),
    ("M_NOT_FOUND", "the address is no Matrix server, or the room is gone"),
    ("M_UNRECOGNIZED", "the address is no Matrix server: it is the homeserver's, not the client's"),
    ("M_TOO_LARGE", "shorten the template"),
];
