//! What services document of their payloads, in our own words: schemas that take nothing else.

use serde_json::{Value, json};

pub(super) fn object(required: &[&str], properties: &Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

pub(super) fn text(most: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most })
}

pub(super) fn link() -> Value {
    json!({ "type": "string", "pattern": "^https://[^\\s<>|()\"]+$", "format": "uri" })
}

/// Block Kit: at most 50 blocks, 3,000 characters in a section, ten elements in a context.
pub(super) fn slack(extra: &Value) -> Value {
    let words = object(
        &["type", "text"],
        &json!({
            "type": { "const": "mrkdwn" }, "text": text(3000), "verbatim": { "const": true },
        }),
    );
    let section =
        object(&["type", "text"], &json!({ "type": { "const": "section" }, "text": words }));
    let context = object(
        &["type", "elements"],
        &json!({
            "type": { "const": "context" },
            "elements": { "type": "array", "minItems": 1, "maxItems": 10, "items": words },
        }),
    );
    let mut properties = json!({
        "text": text(40_000),
        "blocks": { "type": "array", "minItems": 1, "maxItems": 50, "items": { "oneOf": [section, context] } },
        "unfurl_links": { "const": false },
        "unfurl_media": { "const": false },
    });
    properties.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    object(&["text", "blocks"], &properties)
}

/// What we use of an Adaptive Card.
pub(super) fn card() -> Value {
    let block = object(
        &["type", "text", "wrap"],
        &json!({
            "type": { "const": "TextBlock" }, "text": text(28_000), "wrap": { "const": true },
            "isSubtle": { "type": "boolean" }, "size": { "enum": ["small", "default"] },
        }),
    );
    let container = object(
        &["type", "items"],
        &json!({
            "type": { "const": "Container" }, "bleed": { "type": "boolean" },
            "style": { "enum": ["default", "emphasis", "good", "attention", "warning", "accent"] },
            "items": { "type": "array", "minItems": 1, "items": block },
        }),
    );
    let button = object(
        &["type", "title", "url"],
        &json!({ "type": { "const": "Action.OpenUrl" }, "title": text(200), "url": link() }),
    );
    object(
        &["type", "version", "body"],
        &json!({
            "$schema": { "const": "http://adaptivecards.io/schemas/adaptive-card.json" },
            "type": { "const": "AdaptiveCard" }, "version": { "enum": ["1.4", "1.5"] },
            "fallbackText": text(1000),
            "body": { "type": "array", "minItems": 1, "items": { "oneOf": [block, container] } },
            "actions": { "type": "array", "maxItems": 6, "items": button },
        }),
    )
}

/// What we use of a Discord webhook.
pub(super) fn embeds() -> Value {
    let embed = object(
        &["description"],
        &json!({
            "description": text(4096),
            "color": { "type": "integer", "minimum": 0, "maximum": 0xff_ffff },
        }),
    );
    object(
        &["embeds", "allowed_mentions"],
        &json!({
            "embeds": { "type": "array", "minItems": 1, "maxItems": 10, "items": embed },
            "allowed_mentions": { "type": "object" }, "username": text(80),
        }),
    )
}

/// A `CloudEvents` envelope.
pub(super) fn envelope() -> Value {
    let reference = json!({ "type": "string", "format": "uri-reference", "minLength": 1 });
    object(
        &["specversion", "id", "source", "type"],
        &json!({
            "specversion": { "const": "1.0" }, "id": text(300), "source": reference,
            "type": { "type": "string", "pattern": "^[a-z]+(\\.[a-z0-9-]+)+$" }, "subject": text(10_000),
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" }, "data": { "type": "object" },
        }),
    )
}

/// What every `CDEvents` event has.
pub(super) fn cdevent() -> Value {
    let context = object(
        &["specversion", "id", "source", "type", "timestamp"],
        &json!({
            "specversion": text(20), "id": text(300), "source": text(1000), "type": text(100),
            "timestamp": { "type": "string", "format": "date-time" }, "chainId": text(64),
        }),
    );
    let subject = object(
        &["id", "content"],
        &json!({ "id": text(10_000), "source": text(1000), "content": { "type": "object" } }),
    );
    object(&["context", "subject"], &json!({ "context": context, "subject": subject }))
}
