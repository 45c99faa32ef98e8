//! Slack, through an incoming webhook: Block Kit, with `text` for pop-ups and screen readers.

use serde_json::{Value, json};

use super::fit::{self, Limit};
use super::markup::SLACK;
use super::wire::{self, Answer, Post, Verdict};
use super::{Address, Channel, Delivery, Endpoint, Row};
use crate::error::Hinted;

pub(super) static ROW: Row = Row {
    name: "slack",
    title: "Slack",
    hosts: &["hooks.slack.com", "hooks.slack-gov.com"],
    address: Address::Secret,
    keys: &[],
    markup: &SLACK,
    channel: &Webhook,
};

/// A section's text takes 3,000 characters.
const SECTION: Limit = Limit::Chars(3000);
/// About 13,200 characters in all blocks are refused as `msg_blocks_too_long`: three pages of changes, and
/// less than a section for the rest.
const PAGES: usize = 3;
const FOLD: Limit = Limit::Chars(1500);
/// The text beside the blocks: pop-ups show no more.
const FALLBACK: Limit = Limit::Chars(300);

struct Webhook;

impl Channel for Webhook {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        let path = endpoint.address()?.path().to_owned();
        if path.starts_with("/triggers/") || path.starts_with("/workflows/") {
            let message = "its address starts a workflow, which takes no messages";
            let hint = "create an incoming webhook: its address has /services/ in it";
            return Err(Hinted::new(endpoint.fault(), message, hint).into());
        }
        Ok(())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let endpoint = delivery.endpoint;
        Ok(vec![Post::json(endpoint.url.expose(), &endpoint.shown(), &document(delivery)?)])
    }

    fn read(&self, answer: &Answer) -> Verdict {
        wire::confirmed(wire::standard(answer, HINTS), answer, answer.says("ok"))
    }
}

/// Slack's words, of webhooks and of its API alike.
pub(super) const HINTS: &[(&str, &str)] = &[
    ("no_service", "the webhook was removed: create a new one and store its address"),
    ("no_active_hooks", "the webhook is switched off: create a new one and store its address"),
    ("invalid_token", "the webhook was removed: create a new one and store its address"),
    ("no_team", "the workspace is gone"),
    ("channel_not_found", "the channel is gone, or the app may not see it: invite it"),
    ("channel_is_archived", "the channel is archived: choose another"),
    ("is_archived", "the channel is archived: choose another"),
    ("not_in_channel", "invite the app: /invite @its-name in the channel"),
    ("posting_to_general_channel_denied", "an administrator must allow posting there"),
    ("action_prohibited", "an administrator of the workspace forbids it"),
    ("restricted_action", "an administrator of the workspace forbids it"),
    ("missing_scope", "give the app the scope chat:write and install it again"),
    ("invalid_auth", "the token is no good: copy it again from the app's page"),
    ("not_authed", "the token is missing: store the one that starts with xoxb-"),
    ("account_inactive", "the app or its user was removed from the workspace"),
    ("token_revoked", "the token was revoked: install the app again"),
    ("token_expired", "the token has expired: store a new one"),
    ("not_allowed_token_type", "store the bot's token, the one that starts with xoxb-"),
    ("msg_too_long", "shorten the template"),
];

/// The message: blocks and their fallback.
pub(super) fn document(delivery: &Delivery<'_>) -> anyhow::Result<Value> {
    let text = fit::headline(&delivery.message, &SLACK, FALLBACK);
    let blocks = match &delivery.template {
        Some(_) => vec![section(&delivery.text(SECTION)?)],
        None => blocks(delivery),
    };
    Ok(json!({ "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false }))
}

fn blocks(delivery: &Delivery<'_>) -> Vec<Value> {
    let message = &delivery.message;
    let mut blocks = vec![section(&fit::opening(message, &SLACK, SECTION))];
    let items = fit::items(message, &SLACK);
    blocks.extend(fit::pages(&items, "\n", SECTION, PAGES).iter().map(|page| section(page)));
    for note in fit::notes(message, &SLACK) {
        blocks.push(section(&note));
    }
    blocks.extend(fit::unchanged(message, &SLACK, FOLD).map(|fold| context(&fold)));
    blocks.extend(fit::links(message, &SLACK, FOLD).map(|links| context(&links)));
    blocks
}

/// `verbatim` keeps Slack from turning names into links and mentions.
fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text, "verbatim": true }] })
}
