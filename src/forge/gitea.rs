//! Gitea and Forgejo (Codeberg): one API with two sets of filters.

use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Token, part, parts, text, texts, without_nulls};
use super::remote::{Known, Place, Remote};
use super::text::{Draft, Marks};
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Proposal, Pull, Row};
use crate::error::{Code, Hinted};
use crate::http;
use crate::http::header::HeaderValue;

/// Gitea's row.
pub(super) static GITEA: Row = Row {
    name: "gitea",
    title: "Gitea",
    hosts: &["gitea.com"],
    probe: ("/api/v1/version", |answer| version(answer).is_some_and(|v| !v.contains("+gitea-"))),
    open: |place, api| Box::new(Gitea { row: &GITEA, place, api }),
    variable: "GITEA_TOKEN",
    ..FORGEJO
};

/// Forgejo's row.
pub(super) static FORGEJO: Row = Row {
    name: "forgejo",
    title: "Forgejo",
    hosts: &["codeberg.org"],
    shape: |_| false,
    probe: ("/api/v1/version", |answer| version(answer).is_some_and(|v| v.contains("+gitea-"))),
    place,
    authorization: |token: &Token| {
        // With a name it may be a person's password, which is taken in this way alone.
        let user = token.user.as_ref().filter(|user| *user != "x-access-token");
        let named = user.map(|user| token.secret.basic(user));
        Ok::<HeaderValue, anyhow::Error>(named.unwrap_or_else(|| token.secret.header("token "))?)
    },
    headers: &[("accept", "application/json")],
    open: |place, api| Box::new(Gitea { row: &FORGEJO, place, api }),
    permissions: "the scopes `write:repository` and `write:issue`",
    variable: "FORGEJO_TOKEN",
    advice,
    body_limit: 1_000_000,
    title_limit: 240,
    marks: Marks::Html,
    tokenless: Tokenless::Agit,
    commit_url: |place, sha| format!("{}/commit/{sha}", page(place)),
    compare_url: |place, from, to| format!("{}/compare/{from}...{to}", page(place)),
    new_url: |place, base, head| {
        format!("{}/compare/{}...{}", page(place), parts(base), parts(head))
    },
};

const DRAFT: Draft = Draft { prefix: "WIP:", others: &["[WIP]", "Draft:", "[Draft]"] };

fn version(answer: &Answer) -> Option<&str> {
    answer.body["version"].as_str()
}

fn page(place: &Place) -> String {
    format!("{}/{}/{}", place.web, part(&place.owner), part(&place.name))
}

fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let root = known.root_before("/api/v1");
    let (owner, name) = remote.owner_and_name(&root)?;
    if owner.contains('/') {
        return Err(remote.unplaced("its path is no `owner/repository`"));
    }
    let web = known.web(remote, &root);
    Ok(Place { api: known.api_or(|| format!("{web}/api/v1")), web, owner, name })
}

fn advice(answer: &Answer) -> Option<String> {
    match answer.status.as_u16() {
        500 if answer.body["message"] == "" => {
            Some("is a name wrong? It answers so to an assignee whom it does not know".to_owned())
        }
        413 => Some("a quota of the owner is used up".to_owned()),
        404 if answer.says("' not exist") => {
            Some("is the name right? It is a user's, or ORG/TEAM for a team".to_owned())
        }
        423 => Some("the repository is archived; nothing can be proposed to it".to_owned()),
        _ => None,
    }
}

struct Gitea {
    row: &'static Row,
    place: Place,
    api: Api,
}

impl Gitea {
    fn repo(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", part(&self.place.owner), part(&self.place.name))
    }

    /// Answers promise objects and lists and hold nulls, so every field may be missing.
    fn pull(&self, value: &Value) -> Pull {
        let title = text(&value["title"]);
        let (bare, marked) = DRAFT.split(&title);
        let repo = |side: &Value| text(&side["repo"]["full_name"]);
        let full = format!("{}/{}", self.place.owner, self.place.name);
        Pull {
            number: value["number"].as_u64().unwrap_or_default(),
            url: text(&value["html_url"]),
            node_id: None,
            title: bare.to_owned(),
            body: text(&value["body"]),
            head: text(&value["head"]["ref"]),
            base: text(&value["base"]["ref"]),
            head_sha: value["head"]["sha"].as_str().map(str::to_owned),
            own: repo(&value["head"]).eq_ignore_ascii_case(&full),
            draft: value["draft"].as_bool().unwrap_or(marked),
            labels: texts(&value["labels"], "name"),
            reviewers: texts(&value["requested_reviewers"], "login"),
            assignees: texts(&value["assignees"], "login"),
            raw: Value::Null,
        }
    }

    /// Labels that the repository does not list.
    fn unlisted(&self, names: &[String]) -> anyhow::Result<Vec<String>> {
        let query = [("limit", "50")];
        let verb = "read the labels";
        let known = self.api.pages(&self.repo("/labels"), &query, Value::as_array, verb)?;
        Ok(without(names, &texts(&Value::Array(known), "name")))
    }

    /// Adds labels; gives those that are not there then: what nobody knows is left out without a word.
    fn add_labels(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Vec<String>> {
        let path = self.repo(&format!("/issues/{}/labels", pull.id()));
        let answer = self.api.post(&path, &json!({ "labels": names }))?;
        let verb = format!("label #{} with {}", pull.id(), names.join(", "));
        let there = texts(&self.api.expect(&verb, answer)?.body, "name");
        Ok(without(names, &there))
    }

    /// Whether a merge on success would surely wait for something: else the server merges at once.
    fn waits(&self, pull: &Pull) -> anyhow::Result<bool> {
        let verb = "read the checks";
        let sha = pull.head_sha.as_deref().unwrap_or(&pull.head);
        let path = self.repo(&format!("/commits/{}/status", part(sha)));
        let answer = self.api.expect(verb, self.api.get(&path, &[("limit", "50")])?)?;
        let total = answer.header("x-total-count").and_then(|total| total.parse().ok());
        let checks = answer.body["statuses"].as_array().cloned().unwrap_or_default();
        // Forgejo merges when the next check succeeds, Gitea as soon as the rules of the base allow it,
        // whatever checks run that no rule asks for. A commit without any check is called pending too.
        if self.row.name == "forgejo" && answer.body["state"] == "pending" && !checks.is_empty() {
            return Ok(true);
        }
        let answer = self.api.get(&self.repo(&format!("/branches/{}", parts(&pull.base))), &[])?;
        let branch = self.api.expect(verb, answer)?.body;
        let all_known = total.is_none_or(|total: usize| total <= checks.len());
        Ok((all_known && lacks_checks(&branch, &checks)) || self.lacks_approvals(pull, &branch)?)
    }

    /// Whether the base wants more approvals than there can be.
    fn lacks_approvals(&self, pull: &Pull, branch: &Value) -> anyhow::Result<bool> {
        let Some(wanted) = branch["required_approvals"].as_u64().filter(|wanted| *wanted > 0)
        else {
            return Ok(false);
        };
        let reviews = self.reviews(pull)?;
        let counts = |review: &&Value| review["state"] == "APPROVED" && review["dismissed"] != true;
        Ok((reviews.iter().filter(counts).count() as u64) < wanted)
    }

    fn reviews(&self, pull: &Pull) -> anyhow::Result<Vec<Value>> {
        let path = self.repo(&format!("/pulls/{}/reviews", pull.id()));
        self.api.pages(&path, &[("limit", "50")], Value::as_array, "read the reviews")
    }
}

fn without(names: &[String], there: &[String]) -> Vec<String> {
    let is_there = |name: &String| there.iter().any(|other| other.eq_ignore_ascii_case(name));
    names.iter().filter(|name| !is_there(name)).cloned().collect()
}

/// Whether a check that the base requires is missing or has not succeeded.
fn lacks_checks(branch: &Value, checks: &[Value]) -> bool {
    if branch["enable_status_check"] != true {
        return false;
    }
    let is_good =
        |check: &Value| matches!(check["status"].as_str(), Some("success" | "warning" | "skipped"));
    let required: Vec<&str> = branch["status_check_contexts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if required.is_empty() || !checks.iter().any(is_good) {
        return checks.is_empty() || !checks.iter().all(is_good);
    }
    // What a pattern matches is the server's to say.
    let mut names = required.iter().filter(|name| !name.contains(['*', '?', '[', '{', '\\']));
    names.any(|name| !checks.iter().any(|check| check["context"] == **name && is_good(check)))
}

impl Forge for Gitea {
    fn row(&self) -> &'static Row {
        self.row
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        // The pull request of two branches has an address of its own, but without regard to its state: a
        // branch that is used again gives the closed one of before.
        if let Some(head) = head {
            let path = self.repo(&format!("/pulls/{}/{}", part(base), part(head)));
            let answer = self.api.get(&path, &[])?;
            if answer.is_success() && answer.body["state"] == "open" {
                return Ok(vec![self.pull(&answer.body)]);
            }
            if !answer.is_success() && answer.status.as_u16() != 404 {
                return Err(self.api.refusal("look for pull requests", &answer));
            }
        }
        let path = self.repo("/pulls");
        let query = [("state", "open"), ("limit", "50")];
        let verb = "look for pull requests";
        let all = self.api.pages(&path, &query, Value::as_array, verb)?;
        let all = all.iter().map(|value| self.pull(value));
        // The filters' names differ between Gitea and Forgejo's versions, so the choice is made here.
        Ok(all.filter(|pull| pull.base == base).collect())
    }

    fn create(&self, want: &Proposal) -> anyhow::Result<Created> {
        let mut body = json!({
            "title": DRAFT.join(&want.title, want.draft.unwrap_or_default()),
            "head": want.head, "base": want.base, "body": want.body,
        });
        if !want.assignees.is_empty() {
            body["assignees"] = json!(want.assignees);
        }
        let mut answer = self.api.post(&self.repo("/pulls"), &body)?;
        let is_about_them = answer.says("assignee") || answer.says("have access to repo");
        if answer.status.as_u16() == 422 && is_about_them {
            // One wrong name must not cost the pull request; the names are tried again one step later.
            body.as_object_mut().map(|fields| fields.remove("assignees"));
            answer = self.api.post(&self.repo("/pulls"), &body)?;
        }
        match answer.status.as_u16() {
            409 => return Ok(Created::Exists),
            422 if answer.says("no changes between") => return Ok(Created::Empty),
            404 if answer.message().to_lowercase().contains("exist") => {
                return Ok(Created::HeadUnknown(answer.message()));
            }
            _ => {}
        }
        let answer = self.api.expect("open the pull request", answer)?;
        Ok(Created::Now(Box::new(self.pull(&answer.body))))
    }

    fn update(&self, old: &Pull, edit: &Edit) -> anyhow::Result<Pull> {
        let draft = edit.draft.unwrap_or(old.draft);
        let retitled = edit.title.is_some() || edit.draft.is_some();
        let title = edit.title.as_deref().unwrap_or(&old.title);
        let title = retitled.then(|| DRAFT.join(title, draft));
        let body = without_nulls(json!({ "title": title, "body": edit.body }));
        let path = self.repo(&format!("/pulls/{}", old.id()));
        let answer = self.api.write(&http::Method::PATCH, &path, &[], &body)?;
        let answer = self.api.expect(&format!("update #{}", old.id()), answer)?;
        Ok(self.pull(&answer.body))
    }

    fn label(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        // An organisation's labels are in no repository's list, so that to try is the only way to know.
        let unknown = if self.api.is_dry_run() {
            self.unlisted(names)?
        } else {
            self.add_labels(pull, names)?
        };
        for name in &unknown {
            let color = format!("#{}", super::LABEL_COLOR);
            let answer =
                self.api.post(&self.repo("/labels"), &json!({ "name": name, "color": color }))?;
            self.api.expect(&format!("make the label `{name}`"), answer)?;
        }
        if unknown.is_empty() && !self.api.is_dry_run() {
            return Ok(Extra::Done);
        }
        let left = self.add_labels(pull, names)?;
        if left.is_empty() || self.api.is_dry_run() {
            return Ok(Extra::Done);
        }
        let (id, left, title) = (pull.id(), left.join(", "), self.row.title);
        let message = format!("cannot label #{id} with {left}: {title} left it out");
        Err(Hinted::plain(Code::Error, message).into())
    }

    fn reviewers(&self, pull: &Pull) -> anyhow::Result<Vec<String>> {
        let mut known = pull.reviewers.clone();
        if pull.number != 0 {
            for review in self.reviews(pull)? {
                known.push(text(&review["user"]["login"]));
                // A team's request has no user, and a team is one of the owner's.
                known.push(format!("{}/{}", self.place.owner, text(&review["team"]["name"])));
            }
        }
        Ok(known)
    }

    fn review(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let (teams, people): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| name.contains('/'));
        let teams: Vec<&str> = teams.iter().filter_map(|name| name.rsplit('/').next()).collect();
        let body = json!({ "reviewers": people, "team_reviewers": teams });
        let path = self.repo(&format!("/pulls/{}/requested_reviewers", pull.id()));
        let answer = self.api.post(&path, &body)?;
        let verb = format!("ask {} to review #{}", names.join(", "), pull.id());
        self.api.expect(&verb, answer).map(|_| Extra::Done)
    }

    fn assign(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let mut all = pull.assignees.clone();
        all.extend(names.iter().cloned());
        let path = self.repo(&format!("/issues/{}", pull.id()));
        let body = json!({ "assignees": all });
        let answer = self.api.write(&http::Method::PATCH, &path, &[], &body)?;
        let verb = format!("assign #{} to {}", pull.id(), names.join(", "));
        self.api.expect(&verb, answer).map(|_| Extra::Done)
    }

    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        // What a dry run only plans has no checks yet.
        let waits = pull.number == 0 || self.waits(pull)?;
        if !waits && !merge.now {
            let reason = format!(
                "no check and no approval that `{}` requires is missing; --merge-now would merge it at once",
                pull.base
            );
            return Ok(AutoMerge::Unavailable(reason));
        }
        let body = without_nulls(json!({
            "Do": merge.method.as_str(), "merge_when_checks_succeed": waits,
            "delete_branch_after_merge": merge.delete_branch, "head_commit_id": pull.head_sha,
        }));
        let path = self.repo(&format!("/pulls/{}/merge", pull.id()));
        let answer = self.api.pace().until(|| {
            let answer = self.api.post(&path, &body)?;
            let busy = answer.status.as_u16() == 405 && answer.says("try again later");
            Ok((!busy).then_some(answer))
        })?;
        let Some(answer) = answer else {
            // It says the same of a conflict.
            let (title, base) = (self.row.title, &pull.base);
            let reason = format!(
                "{title} cannot merge it, or still computes whether it can: does it conflict with `{base}`?"
            );
            return Ok(AutoMerge::Unavailable(reason));
        };
        match answer.status.as_u16() {
            _ if answer.is_success() && !answer.is_document => {
                Err(self.api.nonsense(&format!("merge #{}", pull.id()), &answer, "no JSON"))
            }
            201 => Ok(AutoMerge::Enabled),
            200 => Ok(AutoMerge::Merged),
            409 if answer.says("already scheduled") => Ok(AutoMerge::Enabled),
            405 | 409 => {
                let said = answer.message();
                Ok(AutoMerge::Unavailable(format!("{} says: {said}", self.row.title)))
            }
            _ => Err(self.api.refusal(&format!("merge #{}", pull.id()), &answer)),
        }
    }

    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()> {
        let path = self.repo(&format!("/issues/{}/comments", pull.id()));
        let answer = self.api.post(&path, &json!({ "body": text }))?;
        self.api.expect(&format!("comment on #{}", pull.id()), answer).map(|_| ())
    }

    fn close(&self, pull: &Pull) -> anyhow::Result<()> {
        let path = self.repo(&format!("/pulls/{}", pull.id()));
        let body = json!({ "state": "closed" });
        let answer = self.api.write(&http::Method::PATCH, &path, &[], &body)?;
        self.api.expect(&format!("close #{}", pull.id()), answer).map(|_| ())
    }
}
