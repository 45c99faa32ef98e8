//! `docs/notify.md` shows what each channel is sent: the block behind `<!-- message: KIND -->` is made here.
//! `SNAPSHOTS=overwrite` renews it.

use serde_json::Value;

use super::events::ordinary;
use super::*;

/// The words of a payload as the service is sent them, one text below the other.
fn words(kind: &str, body: &Value) -> String {
    let texts = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let found: Vec<String> = match kind {
        "slack" | "slack-bot" => {
            let blocks = body["blocks"].as_array().unwrap().iter();
            let text = |block: &Value| {
                let text = block["text"]["text"].as_str().or(block["elements"][0]["text"].as_str());
                text.unwrap().to_owned()
            };
            blocks.map(text).collect()
        }
        "teams" => {
            let card = &body["attachments"][0]["content"];
            let body = card["body"].as_array().unwrap().iter();
            let text = |item: &Value| {
                item["text"].as_str().or(item["items"][0]["text"].as_str()).unwrap().to_owned()
            };
            let buttons = card["actions"].as_array().unwrap().iter();
            let button = |action: &Value| format!("[ {} ]", action["title"].as_str().unwrap());
            body.map(text).chain(buttons.map(button)).collect()
        }
        "discord" => texts("/embeds/0/description").into_iter().collect(),
        "matrix" => texts("/formatted_body").into_iter().collect(),
        "pagerduty" => {
            let summary = texts("/payload/summary").unwrap_or_default();
            let action = body["event_action"].as_str().unwrap_or("change");
            vec![format!("{action}: {summary}").trim_end_matches(": ").to_owned()]
        }
        "smtp" => {
            let line = |name: &str, key: &str| format!("{name}: {}", body[key].as_str().unwrap());
            vec![line("Subject", "subject"), String::new(), texts("/text").unwrap()]
        }
        "commit-status" => {
            let [state, context, text] =
                ["state", "context", "description"].map(|key| body[key].as_str().unwrap());
            vec![format!("{context} {state}: {text}")]
        }
        "deployment" => match body["state"].as_str() {
            Some(state) => vec![format!("{state}: {}", body["description"].as_str().unwrap())],
            None => vec![format!("deployment to {}", body["environment"].as_str().unwrap())],
        },
        "stdout" => vec![body.as_str().unwrap().to_owned()],
        "grafana" => {
            let tags: Vec<&str> =
                body["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            vec![texts("/text").unwrap(), format!("tags: {}", tags[..3].join(", "))]
        }
        _ => texts("/text").into_iter().collect(),
    };
    found.join("\n")
}

fn endpoint(kind: &str) -> Endpoint {
    let settings = match kind {
        "slack-bot" | "matrix" | "pagerduty" | "grafana" | "commit-status" | "deployment" => {
            "token_env: TOKEN"
        }
        _ => "url_env: A",
    };
    let more = match kind {
        "slack-bot" => ", channel: C0123456789",
        "matrix" => ", channel: '!room:example.org', url_env: A",
        "grafana" => ", url_env: A",
        "telegram" => ", channel: '-100123'",
        "commit-status" | "deployment" => ", forge: github, url_env: A",
        "smtp" => ", from: gitops@example.org, to: [team@example.org]",
        _ => "",
    };
    let settings = if kind == "stdout" {
        "{kind: stdout}".to_owned()
    } else {
        format!("{{kind: {kind}, {settings}{more}}}")
    };
    let address = match kind {
        "smtp" => "smtps://mail.example.org",
        "commit-status" | "deployment" => "https://forge.example/acme/deploy",
        "telegram" => "https://api.telegram.org/bot1:x/sendMessage",
        _ => "https://chat.example.org/hooks/x",
    };
    resolve(kind, &serde_yaml::from_str(&settings).unwrap(), &[("A", address)]).unwrap()
}

fn block(kind: &str) -> String {
    let say = |event: Kind| {
        let event = Event { actor: Some("Ada".to_owned()), pull_request: None, ..ordinary(event) };
        let previews = preview(&endpoint(kind), &event, UNIX_EPOCH).unwrap();
        let bodies = previews.iter().map(|preview| words(kind, &preview.body));
        bodies.collect::<Vec<_>>().join("\n")
    };
    format!("{}\n\n{}", say(Kind::Deploying), say(Kind::Deployed))
}

#[test]
fn the_page_shows_each_message() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notify.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut made = String::new();
    let mut lines = page.split_inclusive('\n');
    let mut shown = Vec::new();
    while let Some(line) = lines.next() {
        made.push_str(line);
        let Some(kind) = line.trim().strip_prefix("<!-- message: ") else { continue };
        let kind = kind.trim_end_matches(" -->");
        made.push_str(lines.next().unwrap());
        let end = lines.find(|line| line.trim_end() == "```").unwrap();
        made.push_str(&block(kind));
        made.push('\n');
        made.push_str(end);
        shown.push(kind.to_owned());
    }
    let kinds: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
    assert_eq!(shown, kinds);
    let text = snapbox::Data::read_from(&file, Some(snapbox::data::DataFormat::Text)).raw();
    snapbox::assert_data_eq!(made, text);
}
