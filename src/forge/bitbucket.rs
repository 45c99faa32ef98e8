//! Bitbucket Cloud: no labels, no assignees, no auto-merge; an existing pull request is no error there, so
//! it is looked for first.

use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Token, part, text};
use super::remote::{Known, Place, Remote};
use super::text::Marks;
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Method, Proposal, Pull, Row};
use crate::http;

/// Bitbucket Cloud's row.
pub(super) static ROW: Row = Row {
    name: "bitbucket",
    title: "Bitbucket Cloud",
    hosts: &["bitbucket.org", "altssh.bitbucket.org"],
    shape: |_| false,
    // It is one host, and that is known.
    probe: ("", |_| false),
    place,
    authorization: |token: &Token| {
        // An API token is a user's and goes with his address; access tokens stand for themselves.
        Ok(match token.user.as_deref().filter(|user| !user.starts_with("x-")) {
            Some(user) => token.secret.basic(user)?,
            None => token.secret.header("Bearer ")?,
        })
    },
    headers: &[("accept", "application/json")],
    open: |place, api| Box::new(Bitbucket { place, api }),
    permissions: "the scopes `write:pullrequest:bitbucket` and `write:repository:bitbucket`",
    variable: "BITBUCKET_TOKEN",
    advice,
    body_limit: 250_000,
    title_limit: 255,
    marks: Marks::Link,
    tokenless: Tokenless::None,
    commit_url: |place, sha| format!("{}/commits/{sha}", page(place)),
    compare_url: |place, from, to| format!("{}/branches/compare/{to}%0D{from}", page(place)),
    new_url: |place, base, head| {
        format!("{}/pull-requests/new?source={}&dest={}", page(place), part(head), part(base))
    },
};

fn page(place: &Place) -> String {
    format!("{}/{}/{}", place.web, part(&place.owner), part(&place.name))
}

fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let (owner, name) = remote.owner_and_name("")?;
    if owner.contains('/') {
        return Err(remote.unplaced("its path is no `workspace/repository`"));
    }
    let api = known.api_or(|| "https://api.bitbucket.org/2.0".to_owned());
    Ok(Place { api, web: "https://bitbucket.org".to_owned(), owner, name })
}

fn advice(answer: &Answer) -> Option<String> {
    if answer.status.as_u16() == 401 {
        let what =
            "an API token wants its owner's address in GITOPS_TOKEN_USER, an access token no user";
        return Some(format!("the token is not accepted: {what}"));
    }
    let required = &answer.body["error"]["detail"]["required"];
    let scopes: Vec<&str> = required.as_array()?.iter().filter_map(Value::as_str).collect();
    Some(format!("the token lacks the scope {}", scopes.join(", ")))
}

struct Bitbucket {
    place: Place,
    api: Api,
}

impl Bitbucket {
    fn repo(&self, rest: &str) -> String {
        format!("/repositories/{}/{}{rest}", part(&self.place.owner), part(&self.place.name))
    }

    fn request(&self, pull: &Pull, rest: &str) -> String {
        self.repo(&format!("/pullrequests/{}{rest}", pull.id()))
    }

    fn pull(&self, value: &Value) -> Pull {
        let full = format!("{}/{}", self.place.owner, self.place.name);
        let source = text(&value["source"]["repository"]["full_name"]);
        let reviewers = value["reviewers"].as_array().into_iter().flatten();
        Pull {
            number: value["id"].as_u64().unwrap_or_default(),
            url: text(&value["links"]["html"]["href"]),
            node_id: None,
            title: text(&value["title"]),
            body: text(&value["description"]),
            head: text(&value["source"]["branch"]["name"]),
            base: text(&value["destination"]["branch"]["name"]),
            head_sha: value["source"]["commit"]["hash"].as_str().map(str::to_owned),
            own: source.eq_ignore_ascii_case(&full),
            draft: value["draft"].as_bool().unwrap_or_default(),
            reviewers: reviewers.map(|user| text(&user["nickname"])).collect(),
            raw: value["reviewers"].clone(),
            ..Pull::default()
        }
    }

    /// An update must name title and reviewers again, or it removes them.
    fn put(&self, pull: &Pull, fields: Value, verb: &str) -> anyhow::Result<Answer> {
        let mut body = json!({ "type": "pullrequest", "title": pull.title });
        let ids = pull.raw.as_array().into_iter().flatten();
        let ids: Vec<Value> = ids.map(|user| json!({ "uuid": user["uuid"] })).collect();
        body["reviewers"] = json!(ids);
        if let (Value::Object(into), Value::Object(fields)) = (&mut body, fields) {
            into.extend(fields);
        }
        let answer = self.api.write(&http::Method::PUT, &self.request(pull, ""), &[], &body)?;
        self.api.expect(verb, answer)
    }

    /// The members of the workspace by nickname, display name or uuid: the API takes uuids alone.
    fn uuid(&self, name: &str) -> anyhow::Result<Value> {
        if name.starts_with('{') {
            return Ok(json!({ "uuid": name }));
        }
        let path = format!("/workspaces/{}/members", part(&self.place.owner));
        let verb = format!("find the user `{name}`");
        let query = [("pagelen", "100")];
        let members = self.api.pages(&path, &query, |body| body["values"].as_array(), &verb)?;
        let is_him = |member: &&Value| {
            ["nickname", "display_name", "account_id"].iter().any(|field| {
                member["user"][*field].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name))
            })
        };
        match members.iter().find(is_him) {
            Some(member) => Ok(json!({ "uuid": member["user"]["uuid"] })),
            None if self.api.is_dry_run() => Ok(json!({ "uuid": name })),
            None => anyhow::bail!("cannot {verb}: the workspace has no such member"),
        }
    }
}

impl Forge for Bitbucket {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut q = format!("destination.branch.name=\"{}\"", quoted(base));
        if let Some(head) = head {
            q = format!("source.branch.name=\"{}\" AND {q}", quoted(head));
        }
        let query = [("state", "OPEN"), ("q", &*q), ("pagelen", "50")];
        let path = self.repo("/pullrequests");
        let verb = "look for pull requests";
        let all = self.api.pages(&path, &query, |body| body["values"].as_array(), verb)?;
        let mut found: Vec<Pull> = all.iter().map(|value| self.pull(value)).collect();
        // A list leaves the reviewers out, and an update that does not name them removes them.
        if let Some(head) = head {
            let ours = |pull: &&mut Pull| pull.own && pull.head == head && pull.base == base;
            for pull in found.iter_mut().filter(ours) {
                let answer = self.api.get(&self.request(pull, ""), &[])?;
                *pull = self.pull(&self.api.expect("read the pull request", answer)?.body);
            }
        }
        Ok(found)
    }

    fn create(&self, want: &Proposal) -> anyhow::Result<Created> {
        let mut body = json!({
            "type": "pullrequest", "title": want.title, "description": want.body,
            "source": { "branch": { "name": want.head } },
            "destination": { "branch": { "name": want.base } },
            "close_source_branch": want.merge.as_ref().is_some_and(|merge| merge.delete_branch),
        });
        if want.draft == Some(true) {
            body["draft"] = json!(true);
        }
        let answer = self.api.post(&self.repo("/pullrequests"), &body)?;
        if answer.status.as_u16() == 400 {
            if answer.says("There are no changes to be pulled") {
                return Ok(Created::Empty);
            } else if answer.says("branch not found") {
                return Ok(Created::HeadUnknown(answer.message()));
            }
        }
        let answer = self.api.expect("open the pull request", answer)?;
        Ok(Created::Now(Box::new(self.pull(&answer.body))))
    }

    fn update(&self, pull: &Pull, edit: &Edit) -> anyhow::Result<Pull> {
        let mut fields = json!({});
        if let Some(title) = &edit.title {
            fields["title"] = json!(title);
        }
        if let Some(body) = &edit.body {
            fields["description"] = json!(body);
        }
        if let Some(draft) = edit.draft {
            fields["draft"] = json!(draft);
        }
        let answer = self.put(pull, fields, &format!("update #{}", pull.id()))?;
        Ok(self.pull(&answer.body))
    }

    fn reviewers(&self, pull: &Pull) -> anyhow::Result<Vec<String>> {
        let mut known = pull.reviewers.clone();
        for user in pull.raw.as_array().into_iter().flatten() {
            known.extend([text(&user["uuid"]), text(&user["display_name"])]);
        }
        Ok(known)
    }

    fn review(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let there = pull.raw.as_array().into_iter().flatten();
        let mut all: Vec<Value> = there.map(|user| json!({ "uuid": user["uuid"] })).collect();
        for name in names {
            all.push(self.uuid(name)?);
        }
        let verb = format!("ask {} to review #{}", names.join(", "), pull.id());
        self.put(pull, json!({ "reviewers": all }), &verb)?;
        Ok(Extra::Done)
    }

    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        if !merge.now {
            let reason = "Bitbucket Cloud has no auto-merge; --merge-now would merge it at once";
            return Ok(AutoMerge::Unavailable(reason.to_owned()));
        }
        let strategy = match merge.method {
            Method::Squash => "squash",
            Method::Merge => "merge_commit",
            Method::Rebase => "fast_forward",
        };
        let body = json!({
            "type": "pullrequest", "merge_strategy": strategy,
            "close_source_branch": merge.delete_branch,
        });
        let answer = self.api.post(&self.request(pull, "/merge"), &body)?;
        match answer.status.as_u16() {
            202 => Ok(AutoMerge::Enabled),
            400 | 409 => {
                Ok(AutoMerge::Unavailable(format!("Bitbucket says: {}", answer.message())))
            }
            _ => {
                self.api.expect(&format!("merge #{}", pull.id()), answer)?;
                Ok(AutoMerge::Merged)
            }
        }
    }

    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()> {
        let body = json!({ "content": { "raw": text } });
        let answer = self.api.post(&self.request(pull, "/comments"), &body)?;
        self.api.expect(&format!("comment on #{}", pull.id()), answer).map(|_| ())
    }

    fn close(&self, pull: &Pull) -> anyhow::Result<()> {
        let answer = self.api.post(&self.request(pull, "/decline"), &Value::Null)?;
        self.api.expect(&format!("decline #{}", pull.id()), answer).map(|_| ())
    }
}
