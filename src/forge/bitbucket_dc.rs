//! Bitbucket Data Center (and Server): every update carries the version it changes and all reviewers.

use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Token, part, text};
use super::remote::{Known, Place, Remote};
use super::text::Marks;
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Method, Proposal, Pull, Row};
use crate::http;
use crate::http::header::HeaderValue;

const API: &str = "/rest/api/latest";

/// Bitbucket Data Center's row.
pub(super) static ROW: Row = Row {
    name: "bitbucket-dc",
    title: "Bitbucket Data Center",
    hosts: &[],
    shape: |remote| {
        let ssh = remote.scheme == "ssh" && remote.port == Some(7999);
        ssh || remote.path.starts_with("scm/") || remote.path.contains("/scm/")
    },
    probe: ("/rest/api/latest/application-properties", |answer| {
        answer.body["displayName"].as_str().is_some_and(|name| name.contains("Bitbucket"))
    }),
    place,
    authorization: |token: &Token| {
        Ok::<HeaderValue, anyhow::Error>(token.secret.header("Bearer ")?)
    },
    headers: &[("accept", "application/json"), ("x-atlassian-token", "no-check")],
    open: |place, api| Box::new(DataCenter { place, api }),
    permissions: "the permission `Repository write` (an HTTP access token)",
    variable: "BITBUCKET_TOKEN",
    advice: |_| None,
    body_limit: 30_000,
    title_limit: 255,
    marks: Marks::Link,
    tokenless: Tokenless::None,
    commit_url: |place, sha| format!("{}/commits/{sha}", page(place)),
    compare_url: |place, from, to| {
        format!("{}/compare/commits?sourceBranch={to}&targetBranch={from}", page(place))
    },
    new_url: |place, base, head| {
        let (base, head) = (full(base), full(head));
        let (base, head) = (part(&base), part(&head));
        format!("{}/pull-requests?create&sourceBranch={head}&targetBranch={base}", page(place))
    },
};

fn full(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

fn page(place: &Place) -> String {
    match place.owner.strip_prefix('~') {
        Some(user) => format!("{}/users/{}/repos/{}", place.web, part(user), part(&place.name)),
        None => {
            format!("{}/projects/{}/repos/{}", place.web, part(&place.owner), part(&place.name))
        }
    }
}

/// `https://host/ctx/scm/KEY/slug` and `ssh://host:7999/key/slug`.
fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let (before, path) = match remote.path.find("scm/") {
        Some(at) if at == 0 || remote.path[..at].ends_with('/') => {
            (remote.path[..at].trim_matches('/'), &remote.path[at + "scm/".len()..])
        }
        _ => ("", remote.path.as_str()),
    };
    let mut root = known.root_before(API);
    if root.is_empty() {
        before.clone_into(&mut root);
    }
    let Some((owner, name)) = path.split_once('/').filter(|(_, name)| !name.contains('/')) else {
        return Err(remote.unplaced("its path is no `PROJECT/repository`"));
    };
    let web = known.web(remote, &root);
    let (owner, name) = (owner.to_owned(), name.to_owned());
    Ok(Place { api: known.api_or(|| format!("{web}{API}")), web, owner, name })
}

struct DataCenter {
    place: Place,
    api: Api,
}

impl DataCenter {
    fn repo(&self, rest: &str) -> String {
        let owner = self.place.owner.as_str();
        // The tilde of a personal project is no character to encode.
        let owner =
            owner.strip_prefix('~').map_or_else(|| part(owner), |u| format!("~{}", part(u)));
        format!("/projects/{owner}/repos/{}{rest}", part(&self.place.name))
    }

    fn request(&self, pull: &Pull, rest: &str) -> String {
        self.repo(&format!("/pull-requests/{}{rest}", pull.id()))
    }

    fn pull(&self, value: &Value) -> Pull {
        let branch = |side: &Value| text(&side["displayId"]);
        let source = &value["fromRef"]["repository"];
        let same = |field: &Value, ours: &str| {
            field.as_str().is_some_and(|text| text.eq_ignore_ascii_case(ours))
        };
        let reviewers = value["reviewers"].as_array().into_iter().flatten();
        Pull {
            number: value["id"].as_u64().unwrap_or_default(),
            url: text(&value["links"]["self"][0]["href"]),
            node_id: None,
            title: text(&value["title"]),
            body: text(&value["description"]),
            head: branch(&value["fromRef"]),
            base: branch(&value["toRef"]),
            head_sha: value["fromRef"]["latestCommit"].as_str().map(str::to_owned),
            own: same(&source["slug"], &self.place.name)
                && same(&source["project"]["key"], &self.place.owner),
            draft: value["draft"].as_bool().unwrap_or_default(),
            reviewers: reviewers.map(|user| text(&user["user"]["name"])).collect(),
            raw: json!({ "version": value["version"] }),
            ..Pull::default()
        }
    }

    fn side(&self, branch: &str) -> Value {
        json!({
            "id": full(branch),
            "repository": { "slug": self.place.name, "project": { "key": self.place.owner } },
        })
    }

    fn read(&self, pull: &Pull) -> anyhow::Result<Pull> {
        let answer = self.api.get(&self.request(pull, ""), &[])?;
        let answer = self.api.expect("read the pull request", answer)?;
        Ok(if answer.body.is_null() { pull.clone() } else { self.pull(&answer.body) })
    }

    /// Writes with the version that is current; once more where somebody else changed it meanwhile.
    fn versioned(
        &self,
        pull: &Pull,
        verb: &str,
        write: impl Fn(&Pull) -> anyhow::Result<Answer>,
    ) -> anyhow::Result<Answer> {
        let answer = write(pull)?;
        let stale = answer.status.as_u16() == 409 && answer.says("PullRequestOutOfDateException");
        let answer = if stale { write(&self.read(pull)?)? } else { answer };
        self.api.expect(verb, answer)
    }

    fn put(&self, pull: &Pull, edit: &Edit, more: &[String], verb: &str) -> anyhow::Result<Pull> {
        let answer = self.versioned(pull, verb, |pull| {
            let names = pull.reviewers.iter().chain(more);
            let reviewers: Vec<Value> = names.map(|n| json!({ "user": { "name": n } })).collect();
            let mut body = json!({
                "version": pull.raw["version"],
                "title": edit.title.as_ref().unwrap_or(&pull.title),
                "description": edit.body.as_ref().unwrap_or(&pull.body),
                "reviewers": reviewers,
            });
            if let Some(draft) = edit.draft {
                body["draft"] = json!(draft);
            }
            self.api.write(&http::Method::PUT, &self.request(pull, ""), &[], &body)
        })?;
        Ok(self.pull(&answer.body))
    }
}

impl Forge for DataCenter {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        let at = full(head.unwrap_or(base));
        let direction = if head.is_some() { "OUTGOING" } else { "INCOMING" };
        let verb = "look for pull requests";
        let mut found = Vec::new();
        let mut start = "0".to_owned();
        loop {
            let query = [
                ("direction", direction),
                ("at", &at),
                ("state", "OPEN"),
                ("start", &start),
                ("limit", "100"),
            ];
            let answer = self.api.get(&self.repo("/pull-requests"), &query)?;
            let answer = self.api.expect(verb, answer)?;
            let values = self.api.items(verb, &answer, |body| body["values"].as_array())?;
            found.extend(values.iter().map(|value| self.pull(value)));
            let body = answer.body;
            match body["nextPageStart"].as_u64().filter(|_| body["isLastPage"] == false) {
                Some(next) if next.to_string() != start => start = next.to_string(),
                _ => break,
            }
        }
        // The filter is one branch of the two (ansible/apme#544 used the wrong one).
        found.retain(|pull| pull.base == base);
        Ok(found)
    }

    fn create(&self, want: &Proposal) -> anyhow::Result<Created> {
        let mut body = json!({
            "title": want.title, "description": want.body,
            "fromRef": self.side(&want.head), "toRef": self.side(&want.base),
        });
        if want.draft == Some(true) {
            body["draft"] = json!(true);
        }
        let answer = self.api.post(&self.repo("/pull-requests"), &body)?;
        let threw = |name: &str| answer.says(name);
        match answer.status.as_u16() {
            409 if threw("DuplicatePullRequestException") => return Ok(Created::Exists),
            409 if threw("EmptyPullRequestException") => return Ok(Created::Empty),
            404 if threw("NoSuchBranchException") || threw("NoSuchCommitException") => {
                return Ok(Created::HeadUnknown(answer.message()));
            }
            _ => {}
        }
        let answer = self.api.expect("open the pull request", answer)?;
        Ok(Created::Now(Box::new(self.pull(&answer.body))))
    }

    fn update(&self, pull: &Pull, edit: &Edit) -> anyhow::Result<Pull> {
        self.put(pull, edit, &[], &format!("update #{}", pull.id()))
    }

    fn review(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let verb = format!("ask {} to review #{}", names.join(", "), pull.id());
        // What happened to it since has changed its version.
        self.put(&self.read(pull)?, &Edit::default(), names, &verb)?;
        Ok(Extra::Done)
    }

    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        let answer = self.api.get(&self.request(pull, "/merge"), &[])?;
        let state = self.api.expect("read whether it can merge", answer)?.body;
        if state["conflicted"] == true {
            return Ok(AutoMerge::Unavailable("it conflicts with its base".to_owned()));
        }
        let ready = state["canMerge"] == true;
        if ready && !merge.now {
            let reason = "nothing holds it back; --merge-now would merge it at once";
            return Ok(AutoMerge::Unavailable(reason.to_owned()));
        }
        let strategy = match merge.method {
            Method::Squash => "squash",
            Method::Merge => "no-ff",
            Method::Rebase => "rebase-no-ff",
        };
        let mut body = json!({ "strategyId": strategy });
        if !ready {
            body["autoMerge"] = json!(true);
        }
        let current = self.read(pull)?;
        let version = current.raw["version"].to_string();
        let path = self.request(pull, "/merge");
        let answer = self.api.write(&http::Method::POST, &path, &[("version", &version)], &body)?;
        match answer.status.as_u16() {
            403 | 409 => {
                let said = answer.message();
                Ok(AutoMerge::Unavailable(format!("Bitbucket says: {said}")))
            }
            _ => {
                let done = self.api.expect(&format!("merge #{}", pull.id()), answer)?;
                let merged = done.body["state"] == "MERGED";
                Ok(if merged { AutoMerge::Merged } else { AutoMerge::Enabled })
            }
        }
    }

    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()> {
        let answer = self.api.post(&self.request(pull, "/comments"), &json!({ "text": text }))?;
        self.api.expect(&format!("comment on #{}", pull.id()), answer).map(|_| ())
    }

    fn close(&self, pull: &Pull) -> anyhow::Result<()> {
        let verb = format!("decline #{}", pull.id());
        // A comment changes the version as well.
        let current = self.read(pull)?;
        self.versioned(&current, &verb, |pull| {
            let version = pull.raw["version"].to_string();
            let path = self.request(pull, "/decline");
            self.api.write(&http::Method::POST, &path, &[("version", &version)], &json!({}))
        })?;
        Ok(())
    }
}
