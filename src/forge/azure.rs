//! Azure DevOps, Services and Server: an API version in every request, 4,000 characters for a body, and a
//! sign-in page where others answer 401.

use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Token, part, text, texts, without_nulls};
use super::remote::{Known, Place, Remote};
use super::text::Marks;
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Method, Proposal, Pull, Row};
use crate::http;

const VERSION: (&str, &str) = ("api-version", "7.1");
const PREVIEW: (&str, &str) = ("api-version", "7.1-preview.1");

/// Azure DevOps' row.
pub(super) static ROW: Row = Row {
    name: "azure",
    title: "Azure DevOps",
    hosts: &["dev.azure.com", "ssh.dev.azure.com", "*.visualstudio.com"],
    shape: |remote| remote.path.starts_with("_git/") || remote.path.contains("/_git/"),
    probe: ("/_apis/connectionData", |answer| answer.body["instanceId"].is_string()),
    place,
    authorization: |token: &Token| {
        // Pipelines and Entra give JSON Web Tokens, people make personal ones.
        let is_jwt = token.secret.expose().matches('.').count() == 2;
        Ok(if is_jwt { token.secret.header("Bearer ")? } else { token.secret.basic("")? })
    },
    headers: &[("accept", "application/json"), ("x-tfs-fedauthredirect", "Suppress")],
    open: |place, api| Box::new(Azure { place, api }),
    permissions: "`Code (read & write)`, and in a pipeline the build service's `Contribute to pull requests`",
    variable: "SYSTEM_ACCESSTOKEN",
    advice,
    body_limit: 4_000,
    title_limit: 400,
    marks: Marks::Html,
    tokenless: Tokenless::None,
    commit_url: |place, sha| format!("{}/commit/{sha}", page(place)),
    compare_url: |place, from, to| {
        format!("{}/branchCompare?baseVersion=GC{from}&targetVersion=GC{to}", page(place))
    },
    new_url: |place, base, head| {
        let (base, head) = (part(base), part(head));
        format!("{}/pullrequestcreate?sourceRef={head}&targetRef={base}", page(place))
    },
};

fn page(place: &Place) -> String {
    format!("{}/{}/_git/{}", place.web, part(&place.owner), part(&place.name))
}

/// The four shapes of its clone URLs, all of which name organisation, project and repository.
fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let odd = || remote.unplaced("its path is no `organisation/project/_git/repository`");
    let mut segments = remote.segments();
    if segments.first() == Some(&"v3") {
        segments.remove(0);
        let [org, project, name] = segments[..] else { return Err(odd()) };
        return Ok(services(known, org, project, name));
    }
    let git = segments.iter().position(|part| *part == "_git").ok_or_else(odd)?;
    let name = segments.get(git + 1).filter(|_| segments.len() == git + 2).ok_or_else(odd)?;
    let mut before = segments[..git].to_vec();
    if let Some(org) = remote.host.strip_suffix(".visualstudio.com") {
        before.retain(|part| *part != "DefaultCollection");
        // A repository that is named like its project leaves it out.
        let project = before.first().unwrap_or(name);
        return Ok(services(known, org, project, name));
    }
    if remote.host == "dev.azure.com" {
        let org = before.first().ok_or_else(odd)?;
        return Ok(services(known, org, before.get(1).unwrap_or(name), name));
    }
    // A server: everything before the project is folder and collection.
    let project = if before.len() > 1 { before.pop().unwrap_or(name) } else { name };
    let collection = before.iter().map(|text| part(text)).collect::<Vec<_>>().join("/");
    let web = format!("{}/{collection}", remote.origin()).trim_end_matches('/').to_owned();
    let (owner, name) = (project.to_owned(), (*name).to_owned());
    Ok(Place { api: known.api_or(|| web.clone()), web, owner, name })
}

fn services(known: &Known, org: &str, project: &str, name: &str) -> Place {
    let web = format!("https://dev.azure.com/{}", part(org));
    let api = known.api_or(|| web.clone());
    Place { api, web, owner: project.to_owned(), name: name.to_owned() }
}

/// A bad token gets a sign-in page: 203, 302, or HTML.
fn is_sign_in(answer: &Answer) -> bool {
    let html = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
    matches!(answer.status.as_u16(), 203 | 302) || (html && answer.is_success())
}

fn advice(answer: &Answer) -> Option<String> {
    if is_sign_in(answer) || answer.status.as_u16() == 401 {
        let what = "the token is not accepted (Azure DevOps sent its sign-in page)";
        return Some(format!("{what}: is it expired, or of another organisation?"));
    }
    let known = [
        ("TF401027", "grant the build service `Contribute to pull requests` on the repository"),
        ("TF401019", "there is no such repository, or the token cannot see it"),
        ("TF400733", "Azure DevOps limits the rate of requests; try again later"),
    ];
    known.iter().find(|(words, _)| answer.says(words)).map(|(_, advice)| (*advice).to_owned())
}

struct Azure {
    place: Place,
    api: Api,
}

fn full(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

fn branch(name: &Value) -> String {
    let name = text(name);
    name.strip_prefix("refs/heads/").map(str::to_owned).unwrap_or(name)
}

impl Azure {
    fn repo(&self, rest: &str) -> String {
        let (project, name) = (part(&self.place.owner), part(&self.place.name));
        format!("/{project}/_apis/git/repositories/{name}{rest}")
    }

    /// An answer that is no document of the API is no success.
    fn checked(&self, verb: &str, answer: Answer) -> anyhow::Result<Answer> {
        if is_sign_in(&answer) {
            return Err(self.api.refusal(verb, &answer));
        }
        self.api.expect(verb, answer)
    }

    fn get(&self, path: &str, query: &[(&str, &str)], verb: &str) -> anyhow::Result<Answer> {
        let mut query = query.to_vec();
        query.push(VERSION);
        self.checked(verb, self.api.get(path, &query)?)
    }

    fn write(
        &self,
        method: &http::Method,
        path: &str,
        body: &Value,
        verb: &str,
    ) -> anyhow::Result<Answer> {
        self.checked(verb, self.api.write(method, path, &[VERSION], body)?)
    }

    fn pull(&self, value: &Value) -> Pull {
        let number = value["pullRequestId"].as_u64().unwrap_or_default();
        let mut reviewers = texts(&value["reviewers"], "uniqueName");
        reviewers.extend(texts(&value["reviewers"], "displayName"));
        reviewers.extend(texts(&value["reviewers"], "id"));
        Pull {
            number,
            // `url` of the answer is the API's; this is the page.
            url: if number == 0 {
                String::new()
            } else {
                format!("{}/pullrequest/{number}", page(&self.place))
            },
            node_id: None,
            title: text(&value["title"]),
            body: text(&value["description"]),
            head: branch(&value["sourceRefName"]),
            base: branch(&value["targetRefName"]),
            head_sha: value["lastMergeSourceCommit"]["commitId"].as_str().map(str::to_owned),
            own: value["forkSource"].is_null(),
            draft: value["isDraft"].as_bool().unwrap_or_default(),
            labels: texts(&value["labels"], "name"),
            reviewers,
            assignees: Vec::new(),
            raw: json!({
                "creator": value["createdBy"]["id"], "project": value["repository"]["project"]["id"],
            }),
        }
    }

    /// Where identities are looked up: Services keep them on a host of their own.
    fn identities(&self) -> Api {
        let sister = self.place.api.strip_prefix("https://dev.azure.com/");
        match sister {
            Some(org) => self.api.at(&format!("https://vssps.dev.azure.com/{org}")),
            None => self.api.at(&self.place.api),
        }
    }

    fn identity(&self, name: &str) -> anyhow::Result<String> {
        let verb = format!("find the user `{name}`");
        let query = [("searchFilter", "General"), ("filterValue", name), VERSION];
        let answer = self.identities().get("/_apis/identities", &query)?;
        let answer = self.checked(&verb, answer)?;
        match answer.body["value"][0]["id"].as_str() {
            Some(id) => Ok(id.to_owned()),
            None if self.api.is_dry_run() => Ok(name.to_owned()),
            None => anyhow::bail!("cannot {verb}: Azure DevOps knows no such user"),
        }
    }

    /// Whether a policy that blocks has not been met: without one, auto-complete completes at once.
    fn waits(&self, pull: &Pull) -> anyhow::Result<bool> {
        let project = text(&pull.raw["project"]);
        let artifact = format!("vstfs:///CodeReview/CodeReviewId/{project}/{}", pull.id());
        let path = format!("/{}/_apis/policy/evaluations", part(&self.place.owner));
        let answer = self.api.get(&path, &[("artifactId", &artifact), PREVIEW])?;
        let answer = self.checked("read the policies", answer)?;
        let policies =
            self.api.items("read the policies", &answer, |body| body["value"].as_array())?;
        let mut open = policies.into_iter().filter(|policy| {
            let blocks = policy["configuration"]["isBlocking"] == true;
            let met = ["approved", "notApplicable"].iter().any(|state| policy["status"] == *state);
            blocks && !met
        });
        Ok(open.next().is_some())
    }
}

impl Forge for Azure {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        let (base, head) = (full(base), head.map(full));
        let mut query = vec![
            ("searchCriteria.status", "active"),
            ("searchCriteria.targetRefName", base.as_str()),
            ("$top", "1000"),
        ];
        query.extend(head.as_deref().map(|head| ("searchCriteria.sourceRefName", head)));
        let answer = self.get(&self.repo("/pullrequests"), &query, "look for pull requests")?;
        let verb = "look for pull requests";
        let all = self.api.items(verb, &answer, |body| body["value"].as_array())?;
        let mut found: Vec<Pull> = all.iter().map(|value| self.pull(value)).collect();
        // A list cuts descriptions at 400 characters: whoever is to be compared is read alone.
        if head.is_some() || found.len() <= 20 {
            for pull in &mut found {
                let path = self.repo(&format!("/pullrequests/{}", pull.id()));
                *pull = self.pull(&self.get(&path, &[], "read the pull request")?.body);
            }
        }
        Ok(found)
    }

    fn create(&self, want: &Proposal) -> anyhow::Result<Created> {
        let mut body = json!({
            "sourceRefName": full(&want.head), "targetRefName": full(&want.base),
            "title": want.title, "description": want.body, "isDraft": want.draft.unwrap_or_default(),
        });
        if !want.labels.is_empty() {
            let labels: Vec<Value> = want.labels.iter().map(|n| json!({ "name": n })).collect();
            body["labels"] = json!(labels);
        }
        let path = self.repo("/pullrequests");
        let answer = self.api.write(&http::Method::POST, &path, &[VERSION], &body)?;
        if answer.says("TF401179") || answer.body["typeKey"] == "GitPullRequestExistsException" {
            return Ok(Created::Exists);
        }
        if answer.says("TF401398") {
            return Ok(Created::HeadUnknown(answer.message()));
        }
        let answer = self.checked("open the pull request", answer)?;
        let mut pull = self.pull(&answer.body);
        // The answer leaves them out.
        pull.labels.clone_from(&want.labels);
        Ok(Created::Now(Box::new(pull)))
    }

    fn update(&self, pull: &Pull, edit: &Edit) -> anyhow::Result<Pull> {
        let body = without_nulls(json!({
            "title": edit.title, "description": edit.body, "isDraft": edit.draft,
        }));
        let path = self.repo(&format!("/pullrequests/{}", pull.id()));
        let verb = format!("update !{}", pull.id());
        let answer = self.write(&http::Method::PATCH, &path, &body, &verb)?;
        Ok(self.pull(&answer.body))
    }

    fn label(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let path = self.repo(&format!("/pullRequests/{}/labels", pull.id()));
        for name in names {
            let verb = format!("label !{} with {name}", pull.id());
            self.write(&http::Method::POST, &path, &json!({ "name": name }), &verb)?;
        }
        Ok(Extra::Done)
    }

    fn review(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        for name in names {
            let id = self.identity(name)?;
            let path = self.repo(&format!("/pullRequests/{}/reviewers/{}", pull.id(), part(&id)));
            let verb = format!("ask {name} to review !{}", pull.id());
            self.write(&http::Method::PUT, &path, &json!({ "id": id, "vote": 0 }), &verb)?;
        }
        Ok(Extra::Done)
    }

    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        // What a dry run only plans has no policies yet.
        let waits = pull.number == 0 || self.waits(pull)?;
        if !waits && !merge.now {
            let reason = "no policy holds it back; --merge-now would complete it at once";
            return Ok(AutoMerge::Unavailable(reason.to_owned()));
        }
        let strategy = match merge.method {
            Method::Squash => "squash",
            Method::Merge => "noFastForward",
            Method::Rebase => "rebase",
        };
        let options =
            json!({ "mergeStrategy": strategy, "deleteSourceBranch": merge.delete_branch });
        let body = if waits {
            json!({
                "autoCompleteSetBy": { "id": pull.raw["creator"] }, "completionOptions": options,
            })
        } else {
            json!({
                "status": "completed", "completionOptions": options,
                "lastMergeSourceCommit": { "commitId": pull.head_sha },
            })
        };
        let path = self.repo(&format!("/pullrequests/{}", pull.id()));
        self.write(&http::Method::PATCH, &path, &body, &format!("complete !{}", pull.id()))?;
        Ok(if waits { AutoMerge::Enabled } else { AutoMerge::Merged })
    }

    fn comment(&self, pull: &Pull, text: &str) -> anyhow::Result<()> {
        let path = self.repo(&format!("/pullRequests/{}/threads", pull.id()));
        let comment = json!({ "content": text, "commentType": "text" });
        let body = json!({ "comments": [comment], "status": "closed" });
        self.write(&http::Method::POST, &path, &body, &format!("comment on !{}", pull.id()))?;
        Ok(())
    }

    fn close(&self, pull: &Pull) -> anyhow::Result<()> {
        let path = self.repo(&format!("/pullrequests/{}", pull.id()));
        let verb = format!("abandon !{}", pull.id());
        self.write(&http::Method::PATCH, &path, &json!({ "status": "abandoned" }), &verb)?;
        Ok(())
    }
}
