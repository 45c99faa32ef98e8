//! Every channel against a server that checks what it is sent, and against every answer a service documents.

mod answers;
mod bot;
mod documented;
mod events;
mod forge;
mod page;
mod resolve;
mod server;
mod shapes;
mod smtp;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::error::Report;
use crate::event::{Kind, Target};
use crate::http::Settings;

/// A channel's settings, and the address and token a user would store for it. `ORIGIN` is the server's.
struct Case {
    name: &'static str,
    settings: &'static str,
    address: &'static str,
    /// What the service answers when all is well.
    accepts: (u16, &'static str),
}

/// The piece of each secret address that must be seen nowhere.
const CANARY: &str = "canary0000address0000secret0000";
const TOKEN: &str = "canary1111token1111secret1111xyz";
const KEY: &str = "canary2222signing2222key2222";

const CASES: &[Case] = &[
    Case {
        name: "slack",
        settings: "kind: slack",
        address: "ORIGIN/services/T0001/B0002/canary0000address0000secret0000",
        accepts: (200, "ok"),
    },
    Case {
        name: "slack-bot",
        settings: "{kind: slack-bot, token_env: TOKEN, channel: C0123456789}",
        address: "ORIGIN/api",
        accepts: (200, r#"{"ok":true,"ts":"1700000000.000100","messages":[]}"#),
    },
    Case {
        name: "teams",
        settings: "kind: teams",
        address: "ORIGIN/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=canary0000address0000secret0000",
        accepts: (202, ""),
    },
    Case {
        name: "discord",
        settings: "{kind: discord, topic: '1234', username: gitops}",
        address: "ORIGIN/api/webhooks/123456789012345678/canary0000address0000secret0000",
        accepts: (200, r#"{"id":"1"}"#),
    },
    Case {
        name: "mattermost",
        settings: "{kind: mattermost, channel: deploys}",
        address: "ORIGIN/hooks/canary0000address0000secret0000",
        accepts: (200, "ok"),
    },
    Case {
        name: "rocketchat",
        settings: "kind: rocketchat",
        address: "ORIGIN/hooks/64f0/canary0000address0000secret0000",
        accepts: (200, r#"{"success":true}"#),
    },
    Case {
        name: "google-chat",
        settings: "kind: google-chat",
        address: "ORIGIN/v1/spaces/AAAA/messages?key=k&token=canary0000address0000secret0000",
        accepts: (200, r#"{"name":"spaces/AAAA/messages/1"}"#),
    },
    Case {
        name: "telegram",
        settings: "{kind: telegram, channel: '-100123', topic: '7'}",
        address: "ORIGIN/bot123:canary0000address0000secret0000/sendMessage",
        accepts: (200, r#"{"ok":true,"result":{}}"#),
    },
    Case {
        name: "matrix",
        settings: "{kind: matrix, token_env: TOKEN, channel: '!room:example.org'}",
        address: "ORIGIN",
        accepts: (200, r#"{"event_id":"$1"}"#),
    },
    Case {
        name: "pagerduty",
        settings: "{kind: pagerduty, token_env: TOKEN}",
        address: "ORIGIN",
        accepts: (202, r#"{"status":"success","message":"Event processed"}"#),
    },
    Case {
        name: "json",
        settings: "{kind: webhook, secret_env: KEY}",
        address: "ORIGIN/in/canary0000address0000secret0000",
        accepts: (204, ""),
    },
    Case {
        name: "cloudevents",
        settings: "{kind: webhook, format: cloudevents, secret_env: KEY, signature: github}",
        address: "ORIGIN/in/canary0000address0000secret0000",
        accepts: (204, ""),
    },
    Case {
        name: "cdevents",
        settings: "{kind: webhook, format: cdevents, token_env: TOKEN}",
        address: "ORIGIN/in/canary0000address0000secret0000",
        accepts: (204, ""),
    },
    Case {
        name: "grafana",
        settings: "{kind: grafana, token_env: TOKEN, tags: [team], dashboard: abc}",
        address: "ORIGIN/grafana",
        accepts: (200, "[]"),
    },
];

impl Case {
    fn endpoint(&self, origin: &str) -> Endpoint {
        let mut target: Target = serde_yaml::from_str(self.settings).unwrap();
        target.url_env = Some("ADDRESS".to_owned());
        let address = self.address.replace("ORIGIN", origin);
        resolve(self.name, &target, &[("ADDRESS", &address)]).unwrap()
    }
}

fn resolve(name: &str, target: &Target, variables: &[(&str, &str)]) -> anyhow::Result<Endpoint> {
    let mut known = BTreeMap::from([("TOKEN", TOKEN), ("KEY", KEY)]);
    known.extend(variables.iter().copied());
    let variable = |name: &str| known.get(name).map(|value| (*value).to_owned());
    let host = |name: &str| (name == "GITHUB_TOKEN").then(|| "github.com".to_owned());
    let ci = Some(("https://git.corp.example".to_owned(), "gitlab".to_owned()));
    let source = Source { variable: &variable, base: Path::new("."), ci, host: &host };
    Endpoint::resolve(name, target, &source)
}

/// Says an event in one channel.
fn say(endpoint: Endpoint, event: &Event) -> anyhow::Result<Receipt> {
    say_within(endpoint, event, Duration::from_secs(30))
}

/// A client of its own for each message would start a thread for each.
static CLIENT: LazyLock<Client> = LazyLock::new(|| Client::new(Settings::default()));

fn say_within(endpoint: Endpoint, event: &Event, timeout: Duration) -> anyhow::Result<Receipt> {
    let terms = Terms { timeout, now: UNIX_EPOCH + Duration::from_secs(1_700_000_000) };
    deliver(&[endpoint], event, &CLIENT, terms).pop().unwrap()
}

/// Everything a user would read of an error.
fn read(error: &anyhow::Error) -> String {
    let report = Report::of(error);
    format!("{}\nhint: {}", report.message, report.hint.unwrap_or_default())
}

fn has_canary(text: &str) -> bool {
    text.contains("canary")
}
