//! GitLab: merge requests, on gitlab.com and self-managed, also below a folder of its host.

use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Token, part, parts, text, texts, without_nulls};
use super::remote::{Known, Place, Remote};
use super::text::{Draft, Marks};
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Method, Proposal, Pull, Row};
use crate::http;
use crate::http::header::HeaderValue;

/// GitLab's row.
pub(super) static ROW: Row = Row {
    name: "gitlab",
    title: "GitLab",
    hosts: &["gitlab.com", "altssh.gitlab.com"],
    shape: |_| false,
    // Without a token it is 401 in JSON, where other servers have their own page.
    probe: ("/api/v4/version", |answer| {
        answer.says("401 Unauthorized") || answer.body["revision"].is_string()
    }),
    place,
    // `PRIVATE-TOKEN` is the same, but is not a header that other software knows to hide.
    authorization: |token: &Token| {
        Ok::<HeaderValue, anyhow::Error>(token.secret.header("Bearer ")?)
    },
    headers: &[("accept", "application/json")],
    open: |place, api| Box::new(GitLab { place, api }),
    permissions: "the scope `api` and the role Developer (Maintainer where the base is protected)",
    variable: "GITLAB_TOKEN",
    advice,
    body_limit: 1_048_576,
    title_limit: 240,
    marks: Marks::Html,
    tokenless: Tokenless::PushOptions,
    commit_url: |place, sha| format!("{}/-/commit/{sha}", page(place)),
    compare_url: |place, from, to| format!("{}/-/compare/{from}...{to}", page(place)),
    new_url: |place, base, head| {
        format!(
            "{}/-/merge_requests/new?merge_request%5Bsource_branch%5D={}&merge_request%5Btarget_branch%5D={}",
            page(place),
            part(head),
            part(base)
        )
    },
};

const DRAFT: Draft = Draft { prefix: "Draft:", others: &["[Draft]", "(Draft)", "WIP:", "[WIP]"] };

fn page(place: &Place) -> String {
    format!("{}/{}/{}", place.web, parts(&place.owner), part(&place.name))
}

fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let root = known.root_before("/api/v4");
    let (owner, name) = remote.owner_and_name(&root)?;
    let ssh_host = remote.host == "altssh.gitlab.com";
    let web = if ssh_host { "https://gitlab.com".to_owned() } else { known.web(remote, &root) };
    Ok(Place { api: known.api_or(|| format!("{web}/api/v4")), web, owner, name })
}

fn advice(answer: &Answer) -> Option<String> {
    let known = [
        ("insufficient_scope", "the token needs the scope `api`"),
        ("Token is expired", "make a new token; this one has expired"),
        ("invalid_token", "make a new token; this one is revoked or has expired"),
    ];
    known.iter().find(|(words, _)| answer.says(words)).map(|(_, advice)| (*advice).to_owned())
}

struct GitLab {
    place: Place,
    api: Api,
}

impl GitLab {
    fn project(&self, rest: &str) -> String {
        let path = format!("{}/{}", self.place.owner, self.place.name);
        format!("/projects/{}{rest}", part(&path))
    }

    fn request(&self, pull: &Pull, rest: &str) -> String {
        self.project(&format!("/merge_requests/{}{rest}", pull.id()))
    }

    fn put(&self, path: &str, body: &Value, verb: &str) -> anyhow::Result<Answer> {
        let answer = self.api.write(&http::Method::PUT, path, &[], body)?;
        self.api.expect(verb, answer)
    }

    /// The numbers of users, which is all that the API takes.
    fn ids(&self, names: &[String]) -> anyhow::Result<Vec<u64>> {
        let mut ids = Vec::new();
        for name in names {
            let verb = format!("find the user `{name}`");
            let answer = self.api.get("/users", &[("username", name)])?;
            let answer = self.api.expect(&verb, answer)?;
            match answer.body[0]["id"].as_u64() {
                Some(id) => ids.push(id),
                None if self.api.is_dry_run() => {}
                None => anyhow::bail!("cannot {verb}: GitLab knows no such user"),
            }
        }
        Ok(ids)
    }

    /// Adds people to one of the lists of ids, which an update replaces.
    fn add(&self, pull: &Pull, field: &str, names: &[String], verb: &str) -> anyhow::Result<Extra> {
        let there = pull.raw[field].as_array();
        let mut ids: Vec<u64> =
            there.into_iter().flatten().filter_map(|user| user["id"].as_u64()).collect();
        ids.extend(self.ids(names)?);
        let list = if field == "reviewers" { "reviewer_ids" } else { "assignee_ids" };
        self.put(&self.request(pull, ""), &json!({ list: ids }), verb)?;
        Ok(Extra::Done)
    }

    /// Waits while GitLab still computes whether it can be merged, and for a pipeline: just after a push there
    /// is none yet, and without one GitLab would merge at once.
    fn settled(&self, pull: &Pull) -> anyhow::Result<Value> {
        let mut last = Value::Null;
        self.api.pace().until(|| {
            let answer = self.api.get(&self.request(pull, ""), &[])?;
            last = self.api.expect("read the merge request", answer)?.body;
            let is_open_end = last["head_pipeline"].is_null() && may_be_merged(&last);
            Ok((!is_busy(&last) && !is_open_end).then_some(()))
        })?;
        Ok(last)
    }

    /// `PUT …/merge`, again while it is 405: just after the creation there may be no pipeline yet.
    fn accept(&self, pull: &Pull, body: &Value) -> anyhow::Result<Option<Answer>> {
        let path = self.request(pull, "/merge");
        let mut last = None;
        let answer = self.api.pace().until(|| {
            let answer = self.api.write(&http::Method::PUT, &path, &[], body)?;
            let wait = matches!(answer.status.as_u16(), 405 | 422);
            last = Some(answer.clone());
            Ok((!wait).then_some(answer))
        })?;
        Ok(answer.or(last))
    }
}

/// States of a pipeline that is not at its end.
const RUNNING: &[&str] = &[
    "created",
    "waiting_for_resource",
    "waiting_for_callback",
    "preparing",
    "pending",
    "running",
    "scheduled",
    "manual",
];

/// Whether GitLab has yet to compute if it can be merged.
fn is_busy(request: &Value) -> bool {
    let status = text(&request["detailed_merge_status"]);
    matches!(status.as_str(), "checking" | "unchecked" | "preparing" | "approvals_syncing" | "")
}

fn may_be_merged(request: &Value) -> bool {
    request["detailed_merge_status"] == "mergeable"
}

fn pull(value: &Value) -> Pull {
    let (title, draft) = {
        let title = text(&value["title"]);
        let (bare, marked) = DRAFT.split(&title);
        (bare.to_owned(), marked)
    };
    let labels = value["labels"].as_array().into_iter().flatten();
    Pull {
        number: value["iid"].as_u64().unwrap_or_default(),
        url: text(&value["web_url"]),
        node_id: None,
        title,
        body: text(&value["description"]),
        head: text(&value["source_branch"]),
        base: text(&value["target_branch"]),
        head_sha: value["sha"].as_str().map(str::to_owned),
        own: value["source_project_id"] == value["target_project_id"],
        draft: value["draft"].as_bool().unwrap_or(draft),
        // With `with_labels_details` they are objects.
        labels: labels
            .map(|l| l.as_str().map_or_else(|| text(&l["name"]), str::to_owned))
            .collect(),
        reviewers: texts(&value["reviewers"], "username"),
        assignees: texts(&value["assignees"], "username"),
        raw: value.clone(),
    }
}

impl Forge for GitLab {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        let mut query = vec![("state", "opened"), ("target_branch", base), ("per_page", "100")];
        query.extend(head.map(|head| ("source_branch", head)));
        let path = self.project("/merge_requests");
        let all = self.api.pages(&path, &query, Value::as_array, "look for merge requests")?;
        Ok(all.iter().map(pull).collect())
    }

    fn create(&self, want: &Proposal) -> anyhow::Result<Created> {
        let delete = want.merge.as_ref().is_some_and(|merge| merge.delete_branch);
        let mut body = json!({
            "source_branch": want.head, "target_branch": want.base,
            "title": DRAFT.join(&want.title, want.draft.unwrap_or_default()),
            "description": want.body, "remove_source_branch": delete,
        });
        if !want.labels.is_empty() {
            body["labels"] = json!(want.labels);
        }
        let answer = self.api.post(&self.project("/merge_requests"), &body)?;
        let source = |words: &str| answer.says("source_branch") && answer.says(words);
        match answer.status.as_u16() {
            409 => return Ok(Created::Exists),
            400 | 404 | 422 if source("does not exist") || source("is invalid") => {
                return Ok(Created::HeadUnknown(answer.message()));
            }
            _ => {}
        }
        let answer = self.api.expect("open the merge request", answer)?;
        Ok(Created::Now(Box::new(pull(&answer.body))))
    }

    fn update(&self, old: &Pull, edit: &Edit) -> anyhow::Result<Pull> {
        let draft = edit.draft.unwrap_or(old.draft);
        let retitled = edit.title.is_some() || edit.draft.is_some();
        let title = edit.title.as_deref().unwrap_or(&old.title);
        let title = retitled.then(|| DRAFT.join(title, draft));
        let body = without_nulls(json!({ "title": title, "description": edit.body }));
        let verb = format!("update !{}", old.id());
        Ok(pull(&self.put(&self.request(old, ""), &body, &verb)?.body))
    }

    fn label(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let verb = format!("label !{} with {}", pull.id(), names.join(", "));
        self.put(&self.request(pull, ""), &json!({ "add_labels": names }), &verb)?;
        Ok(Extra::Done)
    }

    fn review(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let verb = format!("ask {} to review !{}", names.join(", "), pull.id());
        self.add(pull, "reviewers", names, &verb)
    }

    fn assign(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let verb = format!("assign !{} to {}", pull.id(), names.join(", "));
        self.add(pull, "assignees", names, &verb)
    }

    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        // What a dry run only plans has no state yet.
        let is_planned = pull.number == 0;
        let seen = if is_planned { Value::Null } else { self.settled(pull)? };
        let pipeline = text(&seen["head_pipeline"]["status"]);
        // GitLab would merge at once where the pipeline has passed.
        let waits = is_planned || RUNNING.contains(&pipeline.as_str());
        if is_busy(&seen) && !waits && !merge.now {
            let what = "GitLab still computes whether it can merge, and no pipeline holds it back";
            return Ok(AutoMerge::Unavailable(what.to_owned()));
        }
        let at_once = may_be_merged(&seen) && !waits;
        if at_once && !merge.now {
            let what = match pipeline.as_str() {
                "" => "there is no pipeline to wait for",
                "success" => "its pipeline has passed already",
                _ => "no pipeline holds it back",
            };
            let advice = "--merge-now would merge it at once";
            return Ok(AutoMerge::Unavailable(format!("{what}; {advice}")));
        }
        let body = without_nulls(json!({
            "auto_merge": (!at_once).then_some(true),
            "merge_when_pipeline_succeeds": (!at_once).then_some(true),
            "sha": pull.head_sha, "should_remove_source_branch": merge.delete_branch,
            "squash": merge.method == Method::Squash,
        }));
        match self.accept(pull, &body)? {
            Some(answer) if matches!(answer.status.as_u16(), 405 | 409 | 422) => {
                let why = text(&seen["detailed_merge_status"]);
                let said = answer.message();
                Ok(AutoMerge::Unavailable(format!("GitLab says: {said} (its status is {why})")))
            }
            Some(answer) => {
                let done = self.api.expect(&format!("merge !{}", pull.id()), answer)?;
                let merged = done.body["state"] == "merged";
                Ok(if merged { AutoMerge::Merged } else { AutoMerge::Enabled })
            }
            None => Ok(AutoMerge::Unavailable("GitLab does not answer".to_owned())),
        }
    }

    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()> {
        let answer = self.api.post(&self.request(pull, "/notes"), &json!({ "body": text }))?;
        self.api.expect(&format!("comment on !{}", pull.id()), answer).map(|_| ())
    }

    fn close(&self, pull: &Pull) -> anyhow::Result<()> {
        let verb = format!("close !{}", pull.id());
        self.put(&self.request(pull, ""), &json!({ "state_event": "close" }), &verb).map(|_| ())
    }
}
