//! A deployment on its forge: begun by the announcement, ended by the event that ends it.

use serde_json::{Value, json};

use super::commit_status::{read, without_nulls};
use super::forge_site::{Site, commits, encode, target};
use super::markup::TERSE;
use super::wire::{Answer, Post, Verdict, Wire};
use super::{Address, Channel, Delivery, Endpoint, Receipt, Row};
use crate::error::{Code, Hinted};
use crate::event::{Kind, clean};
use crate::http::Method;

pub(super) static ROW: Row = Row {
    name: "deployment",
    title: "a forge's deployments",
    hosts: &[],
    address: Address::Repository,
    keys: &["token_env", "token_file", "forge"],
    markup: &TERSE,
    channel: &Deployment,
};

const DESCRIPTION: usize = 140;
const ENVIRONMENT: usize = 255;

struct Deployment;

impl Channel for Deployment {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        endpoint.token().map(|_| ())
    }

    /// As if nothing had been begun before.
    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let mut posts = Vec::new();
        for one in begun(delivery)? {
            posts.push(one.create()?);
            posts.extend(one.update("{id}")?);
        }
        Ok(posts)
    }

    fn read(&self, answer: &Answer) -> Verdict {
        read(answer)
    }

    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let all = begun(delivery)?;
        for one in &all {
            one.send(wire)?;
        }
        let why = || format!("no deployment for `{}`", delivery.event.kind);
        Ok(Receipt { skipped: all.is_empty().then(why), ..Receipt::default() })
    }
}

/// The deployment of one commit.
struct One<'a> {
    site: Site<'a>,
    delivery: &'a Delivery<'a>,
    environment: String,
    sha: String,
    /// GitHub's and GitLab's words for how it is.
    states: (&'static str, &'static str),
}

fn begun<'a>(delivery: &'a Delivery<'a>) -> anyhow::Result<Vec<One<'a>>> {
    let event = delivery.event;
    let states = match event.kind {
        Kind::Deploying => ("in_progress", "running"),
        Kind::Deployed | Kind::RolledBack => ("success", "success"),
        Kind::Failed => ("failure", "failed"),
        _ => return Ok(Vec::new()),
    };
    let Some(environment) = event.environment.as_deref().filter(|_| !event.test) else {
        return Ok(Vec::new());
    };
    let environment = clean(environment, ENVIRONMENT);
    let one = |sha: String| {
        let site = Site::of(delivery.endpoint, event)?;
        if !matches!(site.row.name, "github" | "gitlab") {
            let message = format!("{} keeps no deployments", site.row.title);
            return Err(Hinted::new(Code::Config, message, "use `kind: commit-status`").into());
        }
        Ok(One { site, delivery, environment: environment.clone(), sha, states })
    };
    commits(delivery).into_iter().map(one).collect()
}

impl One<'_> {
    fn is_github(&self) -> bool {
        self.site.row.name == "github"
    }

    fn send(&self, wire: &Wire<'_>) -> anyhow::Result<()> {
        let found = wire.send(&self.find()?, read)?.json();
        let known = found.as_array().into_iter().flatten().find(|known| self.is_it(known));
        let id = match known.and_then(|known| known["id"].as_u64()) {
            // GitLab takes each state once.
            Some(_) if !self.is_github() && self.states.1 == "running" => return Ok(()),
            Some(id) => id,
            None => {
                let made = wire.send(&self.create()?, read)?.json();
                if !self.is_github() {
                    return Ok(());
                }
                made["id"].as_u64().unwrap_or_default()
            }
        };
        match self.update(&id.to_string())? {
            Some(post) => wire.send(&post, read).map(|_| ()),
            None => wire.send(&self.finish(id)?, read).map(|_| ()),
        }
    }

    /// One that was begun for this commit.
    fn find(&self) -> anyhow::Result<Post> {
        let environment = encode(&self.environment);
        let rest = if self.is_github() {
            format!(
                "/deployments?sha={}&environment={environment}&task=deploy&per_page=10",
                self.sha
            )
        } else {
            format!("/deployments?environment={environment}&order_by=id&sort=desc&per_page=20")
        };
        self.site.post(Method::GET, &rest, &Value::Null)
    }

    fn is_it(&self, known: &Value) -> bool {
        known["sha"] == self.sha.as_str()
            && (self.is_github() || matches!(known["status"].as_str(), Some("created" | "running")))
    }

    /// `auto_merge` and `required_contexts` as they are keep GitHub from merging or refusing.
    fn create(&self) -> anyhow::Result<Post> {
        let body = if self.is_github() {
            json!({
                "ref": self.sha, "task": "deploy", "environment": self.environment,
                "auto_merge": false, "required_contexts": [],
                "description": self.delivery.summary(DESCRIPTION),
                "payload": { "key": self.delivery.event.key() },
            })
        } else {
            let branch = self.delivery.event.branch.as_deref().unwrap_or(&self.sha);
            json!({
                "sha": self.sha, "ref": branch, "tag": false,
                "environment": self.environment, "status": self.states.1,
            })
        };
        self.site.post(Method::POST, "/deployments", &body)
    }

    /// GitHub keeps statuses of a deployment; GitLab's deployment is made with one.
    fn update(&self, id: &str) -> anyhow::Result<Option<Post>> {
        if !self.is_github() {
            return Ok(None);
        }
        let body = without_nulls(json!({
            "state": self.states.0, "environment": self.environment,
            "description": self.delivery.summary(DESCRIPTION),
            "log_url": target(self.delivery.event),
        }));
        self.site.post(Method::POST, &format!("/deployments/{id}/statuses"), &body).map(Some)
    }

    fn finish(&self, id: u64) -> anyhow::Result<Post> {
        let body = json!({ "status": self.states.1 });
        let post = self.site.post(Method::PUT, &format!("/deployments/{id}"), &body)?;
        Ok(Post { idempotent: true, ..post })
    }
}
