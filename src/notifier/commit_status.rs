//! A commit's status on its forge: the deployment beside the checks.

use serde_json::{Value, json};

use super::forge_site::{Site, commits, target};
use super::markup::TERSE;
use super::wire::{self, Answer, Post, Verdict, Wire};
use super::{Address, Channel, Delivery, Endpoint, Receipt, Row};
use crate::error::{Code, Hinted};
use crate::event::{Kind, clean};
use crate::http::Method;

pub(super) static ROW: Row = Row {
    name: "commit-status",
    title: "a commit's status",
    hosts: &[],
    address: Address::Repository,
    keys: &["token_env", "token_file", "forge"],
    markup: &TERSE,
    channel: &CommitStatus,
};

/// GitHub takes 140 characters, the others more.
const DESCRIPTION: usize = 140;
/// Bitbucket takes 40.
const KEY: usize = 40;

struct CommitStatus;

/// Where a deployment is; each forge has its own word for it.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Running,
    Good,
    Bad,
}

fn state(kind: Kind) -> Option<State> {
    match kind {
        Kind::Deploying => Some(State::Running),
        Kind::Deployed | Kind::RolledBack | Kind::DriftResolved => Some(State::Good),
        Kind::Failed | Kind::Drift => Some(State::Bad),
        Kind::Pushed | Kind::PrOpened => None,
    }
}

impl Channel for CommitStatus {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        endpoint.token().map(|_| ())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let Some(state) = state(delivery.event.kind) else { return Ok(Vec::new()) };
        if delivery.event.test {
            return Ok(Vec::new());
        }
        let site = Site::of(delivery.endpoint, delivery.event)?;
        let one = |sha: &String| status(&site, delivery, state, sha);
        commits(delivery).iter().map(one).collect()
    }

    fn read(&self, answer: &Answer) -> Verdict {
        read(answer)
    }

    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let posts = self.posts(delivery)?;
        for post in &posts {
            wire.send(post, read)?;
        }
        let why = || format!("no commit gets a status for `{}`", delivery.event.kind);
        Ok(Receipt { skipped: posts.is_empty().then(why), ..Receipt::default() })
    }
}

/// What forges answer, deployments included.
pub(super) fn read(answer: &Answer) -> Verdict {
    match wire::standard(answer, HINTS) {
        // GitHub words its limits as 403; and a sign-in page, or a redirect to one, is no success.
        Verdict::Refused { .. } if answer.headers.contains_key("retry-after") => {
            Verdict::Again(crate::http::retry_after(&answer.headers))
        }
        Verdict::Accepted if answer.status.as_u16() == 203 => wire::refused(answer, HINTS),
        verdict => wire::confirmed(verdict, answer, !answer.is_page()),
    }
}

const HINTS: &[(&str, &str)] = &[
    ("Bad credentials", "the token is no good: store a new one"),
    (
        "Resource not accessible",
        "the token needs `statuses: write`, and `deployments: write` for deployments",
    ),
    ("insufficient_scope", "the token needs the scope `api`"),
    ("Cannot transition status", "the commit has this status already"),
    ("No commit found", "push the commit first"),
    // Gitea's 500 for a commit that it does not have.
    ("\"message\":\"\"", "is the commit pushed, and is the server well?"),
    ("Not Found", "there is no such repository or commit, or the token cannot see it"),
];

fn status(
    site: &Site<'_>,
    delivery: &Delivery<'_>,
    state: State,
    sha: &str,
) -> anyhow::Result<Post> {
    let words = |running, good, bad| match state {
        State::Running => running,
        State::Good => good,
        State::Bad => bad,
    };
    let what = delivery.event.environment.as_deref().unwrap_or("deployment");
    let context = format!("gitops/{}", clean(what, KEY - "gitops/".len()));
    let description = delivery.summary(DESCRIPTION);
    let target = target(delivery.event);
    let (rest, body) = match site.row.name {
        "github" | "gitea" | "forgejo" => (
            format!("/statuses/{sha}"),
            json!({
                "state": words("pending", "success", "failure"),
                "context": context, "description": description, "target_url": target,
            }),
        ),
        "gitlab" => (
            format!("/statuses/{sha}"),
            json!({
                "state": words("running", "success", "failed"),
                "name": context, "description": description, "target_url": target,
            }),
        ),
        "bitbucket" | "bitbucket-dc" => {
            let is_cloud = site.row.name == "bitbucket";
            let rest = if is_cloud {
                format!("/commit/{sha}/statuses/build")
            } else {
                format!("/commits/{sha}/builds")
            };
            (
                rest,
                json!({
                    "key": context, "state": words("INPROGRESS", "SUCCESSFUL", "FAILED"),
                    "name": context, "description": description,
                    "url": target.unwrap_or_else(|| "https://bitbucket.org".to_owned()),
                }),
            )
        }
        "azure" => (
            format!("/commits/{sha}/statuses?api-version=7.1"),
            json!({
                "state": words("pending", "succeeded", "failed"),
                "context": { "genre": "gitops", "name": clean(what, KEY) },
                "description": description, "targetUrl": target,
            }),
        ),
        _ => {
            let message = format!("{} has no statuses that we could set", site.row.title);
            return Err(Hinted::plain(Code::Config, message).into());
        }
    };
    site.post(Method::POST, &rest, &without_nulls(body))
}

/// Some forges refuse null where a text may be missing.
pub(super) fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}
