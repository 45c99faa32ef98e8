//! The event as `CloudEvents` 1.0 and, in such an envelope, as `CDEvents`: one for each app.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Delivery;
use crate::event::{App, Event, Kind, Release, clean, link};

const CDEVENTS: &str = "0.6.0-draft";
/// More events than a receiver wants of one deployment.
const MOST: usize = 100;
/// The longest document, in bytes: receivers commonly take 1 MB, with its envelope.
const DOCUMENT: usize = 900_000;
/// The longest name in an envelope.
const NAME: usize = 200;
/// Of a package URL's parts these are kept as they are.
const PURL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// The event in one envelope.
pub(super) fn cloudevent(delivery: &Delivery<'_>) -> Value {
    let event = delivery.event;
    let kind = event.kind.as_str().replace('-', "");
    let mut envelope = envelope(delivery, &event.key(), &format!("gitops.{kind}.v1"));
    if let Some(environment) = &event.environment {
        envelope["subject"] = json!(clean(environment, NAME));
    }
    envelope["data"] = document(delivery);
    envelope
}

/// The event as our own JSON.
pub(super) fn document(delivery: &Delivery<'_>) -> Value {
    let event = delivery.event;
    let mut document =
        json!({ "schema": "gitops/v1", "key": event.key(), "thread": event.thread() });
    document["text"] = json!(super::fit::text(
        &delivery.message,
        &super::markup::PLAIN,
        super::fit::Limit::Bytes(10_000),
    ));
    // An event's JSON is an object, and nothing in it can fail to be written.
    if let (Some(into), Ok(Value::Object(fields))) =
        (document.as_object_mut(), serde_json::to_value(event))
    {
        into.extend(fields);
    }
    shorten(&mut document);
    document
}

/// Leaves out what is least important until it is short enough, and counts that.
fn shorten(document: &mut Value) {
    for list in ["unchanged", "findings", "changes"] {
        let whole = document[list].as_array().map_or(0, Vec::len);
        while document.to_string().len() > DOCUMENT
            && let Some(items) = document[list].as_array_mut().filter(|items| !items.is_empty())
        {
            items.truncate(items.len() / 2);
            let left_out = whole - items.len();
            document["left_out"][list] = json!(left_out);
        }
    }
}

fn envelope(delivery: &Delivery<'_>, id: &str, kind: &str) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": source(delivery.event),
        "type": kind,
        "time": delivery.timestamp(),
        "datacontenttype": "application/json",
    })
}

/// The repository as a reference of a URI, which `git@host:path` is not.
fn source(event: &Event) -> String {
    event.repository.as_deref().and_then(link).unwrap_or_else(|| "/gitops".to_owned())
}

/// The event as `CDEvents`; none where there is no fitting one.
pub(super) fn cdevents(delivery: &Delivery<'_>) -> Vec<Value> {
    let event = delivery.event;
    match event.kind {
        Kind::Pushed => apps(delivery, |app| {
            let purl = purl(app)?;
            Some(("artifact.published.0.3.0", purl, json!({})))
        }),
        Kind::Deployed => services(delivery, |app| match (&app.old, &app.new) {
            (None, _) => "service.deployed.0.3.0",
            (Some(_), Some(_)) => "service.upgraded.0.3.0",
            (Some(_), None) => "service.removed.0.3.0",
        }),
        Kind::RolledBack => services(delivery, |_| "service.rolledback.0.3.0"),
        Kind::PrOpened => vec![change(delivery)],
        Kind::Drift => vec![incident(delivery, "incident.detected.0.3.0")],
        Kind::DriftResolved => vec![incident(delivery, "incident.resolved.0.3.0")],
        Kind::Deploying | Kind::Failed => Vec::new(),
    }
}

fn apps(
    delivery: &Delivery<'_>,
    about: impl Fn(&App) -> Option<(&'static str, String, Value)>,
) -> Vec<Value> {
    let key = delivery.event.key();
    let changes = &delivery.event.changes;
    let one = |(at, app): (usize, &App)| {
        let (kind, subject, content) = about(app)?;
        let name = clean(&app.app, NAME);
        // An app may have several changes, and each event an id of its own.
        let id = match changes[..at].iter().filter(|other| other.app == app.app).count() {
            0 => format!("{key}-{name}"),
            earlier => format!("{key}-{name}-{}", earlier + 1),
        };
        Some(cdevent(delivery, &id, kind, &subject, &content))
    };
    changes.iter().enumerate().take(MOST).filter_map(one).collect()
}

/// A deployment in which no image changed still modified its environment.
fn services(delivery: &Delivery<'_>, kind: impl Fn(&App) -> &'static str) -> Vec<Value> {
    let event = delivery.event;
    if event.changes.is_empty() {
        let environment = environment(event);
        let mut content = json!({ "name": environment["id"] });
        if let Some(url) = event.repository.as_deref().and_then(link) {
            content["uri"] = json!(url);
        }
        let subject = environment["id"].as_str().unwrap_or_default().to_owned();
        return vec![cdevent(
            delivery,
            &event.key(),
            "environment.modified.0.3.0",
            &subject,
            &content,
        )];
    }
    apps(delivery, |app| {
        let kind = kind(app);
        let mut content = json!({ "environment": environment(event) });
        if kind != "service.removed.0.3.0" {
            content["artifactId"] = json!(purl(app)?);
        }
        Some((kind, clean(&app.app, NAME), content))
    })
}

fn change(delivery: &Delivery<'_>) -> Value {
    let event = delivery.event;
    let request = event.pull_request.as_ref();
    let number = request.and_then(|request| request.number).map(|number| number.to_string());
    let title = request.and_then(|request| request.title.as_deref());
    let mut content = json!({ "description": clean(title.unwrap_or(event.kind.as_str()), NAME) });
    if let Some(repository) = event.repository.as_deref().and_then(link) {
        content["repository"] = json!({ "id": repository, "source": repository });
    }
    let subject = number.unwrap_or_else(|| event.key());
    cdevent(delivery, &event.key(), "change.created.0.4.0", &subject, &content)
}

fn incident(delivery: &Delivery<'_>, kind: &str) -> Value {
    let event = delivery.event;
    let content = json!({
        "description": delivery.summary(1000),
        "environment": environment(event),
    });
    let subject = format!("drift-{}", event.condition("drift"));
    cdevent(delivery, &event.key(), kind, &subject, &content)
}

fn environment(event: &Event) -> Value {
    let id = clean(event.place(), NAME);
    json!({ "id": id, "source": source(event) })
}

fn cdevent(delivery: &Delivery<'_>, id: &str, kind: &str, subject: &str, content: &Value) -> Value {
    let kind = format!("dev.cdevents.{kind}");
    let source = source(delivery.event);
    let mut envelope = envelope(delivery, id, &kind);
    envelope["subject"] = json!(subject);
    envelope["data"] = json!({
        "context": {
            "specversion": CDEVENTS,
            "id": id,
            "source": source,
            "type": kind,
            "timestamp": delivery.timestamp(),
            "chainId": delivery.event.thread(),
        },
        "subject": { "id": subject, "source": source, "content": content },
    });
    envelope
}

/// `pkg:oci/api@sha256%3A…?repository_url=ghcr.io/acme/api&tag=v2`.
fn purl(app: &App) -> Option<String> {
    let Release { tag, digest, .. } = app.new.as_ref()?;
    let image = app.image.as_deref().unwrap_or(&app.app);
    let name = image.rsplit('/').next().unwrap_or(image).to_lowercase();
    let encode = |text: &str| utf8_percent_encode(&clean(text, NAME), PURL).to_string();
    let digest = digest.as_deref().map_or_else(String::new, |d| format!("@{}", encode(d)));
    let repository = image
        .contains('/')
        .then(|| format!("repository_url={}", encode(image).replace("%2F", "/")));
    let tag = tag.as_deref().map(|tag| format!("tag={}", encode(tag)));
    let qualifiers: Vec<String> = repository.into_iter().chain(tag).collect();
    let joint = if qualifiers.is_empty() { "" } else { "?" };
    Some(format!("pkg:oci/{}{digest}{joint}{}", encode(&name), qualifiers.join("&")))
}
