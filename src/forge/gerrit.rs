//! Gerrit: changes come by push alone; its REST API lists, comments and abandons them.

use serde_json::{Value, json};

use super::api::{Api, Token, part, text};
use super::remote::{Known, Place, Remote};
use super::text::Marks;
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Proposal, Pull, Row};
use crate::error::{Code, Hinted};
use crate::http;

/// Gerrit's row.
pub(super) static ROW: Row = Row {
    name: "gerrit",
    title: "Gerrit",
    hosts: &["*.googlesource.com"],
    shape: |remote| {
        let ssh = remote.scheme == "ssh" && remote.port == Some(29418);
        ssh || (remote.scheme.starts_with("http") && remote.path.starts_with("a/"))
    },
    // The one answer that begins with `)]}'`, and is a bare text.
    probe: ("/config/server/version", |answer| {
        answer.body.as_str().is_some_and(|version| version.contains('.'))
    }),
    place,
    authorization: |token: &Token| {
        Ok(token.secret.basic(token.user.as_deref().unwrap_or("git"))?)
    },
    headers: &[("accept", "application/json")],
    open: |place, api| Box::new(Gerrit { place, api }),
    permissions: "the right to push to `refs/for/` of the branch",
    variable: "GITOPS_TOKEN",
    advice: |_| None,
    body_limit: 16_384,
    title_limit: 200,
    marks: Marks::Html,
    tokenless: Tokenless::RefsFor,
    commit_url: |place, sha| format!("{}/plugins/gitiles/{}/+/{sha}", place.web, place.name),
    compare_url: |place, from, to| {
        format!("{}/plugins/gitiles/{}/+/{from}..{to}", place.web, place.name)
    },
    new_url: |place, base, head| {
        let query = format!("project:{} branch:{base} topic:{head}", place.name);
        format!("{}/q/{}", place.web, part(&query))
    },
};

/// A project is any path; `/a/` before it is how authenticated URLs begin.
fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let path = remote.below(&known.root);
    let web_url = remote.scheme.starts_with("http");
    let name = path.strip_prefix("a/").filter(|_| web_url).unwrap_or(path).to_owned();
    if name.is_empty() {
        return Err(remote.unplaced("it names no project"));
    }
    let web = known.web(remote, &known.root);
    Ok(Place { api: known.api_or(|| format!("{web}/a")), web, owner: String::new(), name })
}

struct Gerrit {
    place: Place,
    api: Api,
}

impl Gerrit {
    fn change(&self, pull: &Pull, rest: &str) -> String {
        format!("/changes/{}~{}{rest}", part(&self.place.name), pull.id())
    }

    fn pull(&self, value: &Value) -> Pull {
        let number = value["_number"].as_u64().unwrap_or_default();
        let revision = text(&value["current_revision"]);
        let commit = &value["revisions"][&revision]["commit"];
        Pull {
            number,
            url: format!("{}/c/{}/+/{number}", self.place.web, self.place.name),
            title: text(&value["subject"]),
            body: text(&commit["message"]),
            head: text(&value["topic"]),
            base: text(&value["branch"]),
            head_sha: Some(revision).filter(|sha| !sha.is_empty()),
            own: true,
            draft: value["work_in_progress"].as_bool().unwrap_or_default(),
            ..Pull::default()
        }
    }
}

impl Forge for Gerrit {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', ""));
        let mut q =
            format!("status:open project:{} branch:{}", quoted(&self.place.name), quoted(base));
        if let Some(head) = head {
            q = format!("{q} topic:{}", quoted(head));
        }
        let query =
            [("q", q.as_str()), ("o", "CURRENT_REVISION"), ("o", "CURRENT_COMMIT"), ("n", "100")];
        let answer = self.api.get("/changes/", &query)?;
        let answer = self.api.expect("look for changes", answer)?;
        let all = self.api.items("look for changes", &answer, Value::as_array)?;
        Ok(all.iter().map(|value| self.pull(value)).collect())
    }

    fn create(&self, _want: &Proposal) -> anyhow::Result<Created> {
        let message = "cannot open a change: Gerrit takes changes by push alone";
        Err(Hinted::new(Code::Usage, message, "push to `refs/for/`, as --pr does").into())
    }

    fn update(&self, pull: &Pull, _edit: &Edit) -> anyhow::Result<Pull> {
        // Title and body are the commit's message, which came with the push.
        Ok(pull.clone())
    }

    fn label(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let answer = self.api.post(&self.change(pull, "/hashtags"), &json!({ "add": names }))?;
        let verb = format!("add hashtags to {}", pull.id());
        self.api.expect(&verb, answer).map(|_| Extra::Done)
    }

    fn merge(&self, _pull: &Pull, _merge: &Merge) -> anyhow::Result<AutoMerge> {
        Ok(AutoMerge::Unavailable("Gerrit has no auto-merge".to_owned()))
    }

    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()> {
        let path = self.change(pull, "/revisions/current/review");
        let answer = self.api.post(&path, &json!({ "message": text }))?;
        self.api.expect(&format!("comment on {}", pull.id()), answer).map(|_| ())
    }

    fn close(&self, pull: &Pull) -> anyhow::Result<()> {
        let body = json!({});
        let path = self.change(pull, "/abandon");
        let answer = self.api.write(&http::Method::POST, &path, &[], &body)?;
        self.api.expect(&format!("abandon {}", pull.id()), answer).map(|_| ())
    }
}
