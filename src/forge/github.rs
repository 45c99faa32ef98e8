//! GitHub, GitHub Enterprise Server and GHE.com: REST, and GraphQL for drafts and auto-merge.

use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Api, Token, part, parts, text, texts, without_nulls};
use super::remote::{Known, Place, Remote};
use super::text::Marks;
use super::tokenless::Tokenless;
use super::{AutoMerge, Created, Edit, Extra, Forge, Merge, Proposal, Pull, Row};
use crate::http;
use crate::http::header::HeaderValue;

/// GitHub's row.
pub(super) static ROW: Row = Row {
    name: "github",
    title: "GitHub",
    hosts: &["github.com", "ssh.github.com", "*.ghe.com"],
    shape: |_| false,
    probe: ("/api/v3/meta", |answer| answer.header("x-github-enterprise-version").is_some()),
    place,
    authorization: |token: &Token| {
        Ok::<HeaderValue, anyhow::Error>(token.secret.header("Bearer ")?)
    },
    headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
    open: |place, api| Box::new(GitHub { place, api }),
    permissions: "`pull_requests: write` and `contents: write`, and `issues: write` for labels",
    variable: "GITHUB_TOKEN",
    advice,
    body_limit: 65_536,
    title_limit: 256,
    marks: Marks::Html,
    tokenless: Tokenless::None,
    commit_url: |place, sha| format!("{}/{}/{}/commit/{sha}", place.web, place.owner, place.name),
    compare_url: |place, from, to| {
        format!("{}/{}/{}/compare/{from}...{to}", place.web, place.owner, place.name)
    },
    new_url: |place, base, head| {
        let (base, head) = (parts(base), parts(head));
        format!("{}/{}/{}/compare/{base}...{head}?expand=1", place.web, place.owner, place.name)
    },
};

fn place(remote: &Remote, known: &Known) -> anyhow::Result<Place> {
    let (owner, name) = remote.owner_and_name("")?;
    if owner.contains('/') {
        return Err(remote.unplaced("its path is no `owner/repository`"));
    }
    let host = remote.host.as_str();
    let public = matches!(host, "github.com" | "ssh.github.com");
    let web = if public { "https://github.com".to_owned() } else { known.web(remote, "") };
    let api = known.api_or(|| match () {
        () if public => "https://api.github.com".to_owned(),
        () if host.ends_with(".ghe.com") => format!("https://api.{host}"),
        () => format!("{}/api/v3", remote.origin()),
    });
    Ok(Place { api, web, owner, name })
}

fn advice(answer: &Answer) -> Option<String> {
    if let Some(sso) = answer.header("x-github-sso") {
        let url = sso.split("url=").nth(1).unwrap_or(sso);
        return Some(format!(
            "the organisation wants single sign-on; authorise the token at {url}"
        ));
    }
    let known = [
        (
            "GitHub Actions is not permitted to create or approve pull requests",
            "allow it under Settings → Actions → General → Workflow permissions, or use the token of \
             an App",
        ),
        (
            "rate limit",
            "GitHub limits the rate of requests; try again later, or use a token of its own",
        ),
        (
            "Resource not accessible by integration",
            "give the job `permissions: {contents: write, pull-requests: write, issues: write}`",
        ),
    ];
    known.iter().find(|(words, _)| answer.says(words)).map(|(_, advice)| (*advice).to_owned())
}

struct GitHub {
    place: Place,
    api: Api,
}

impl GitHub {
    fn repo(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", part(&self.place.owner), part(&self.place.name))
    }

    fn pull(&self, value: &Value) -> Pull {
        let full = format!("{}/{}", self.place.owner, self.place.name);
        let head_repo = text(&value["head"]["repo"]["full_name"]);
        let mut reviewers = texts(&value["requested_reviewers"], "login");
        let teams = texts(&value["requested_teams"], "slug");
        reviewers.extend(teams.iter().map(|slug| format!("{}/{slug}", self.place.owner)));
        Pull {
            number: value["number"].as_u64().unwrap_or_default(),
            url: text(&value["html_url"]),
            node_id: value["node_id"].as_str().map(str::to_owned),
            title: text(&value["title"]),
            body: text(&value["body"]),
            head: text(&value["head"]["ref"]),
            base: text(&value["base"]["ref"]),
            head_sha: value["head"]["sha"].as_str().map(str::to_owned),
            own: head_repo.eq_ignore_ascii_case(&full),
            draft: value["draft"].as_bool().unwrap_or_default(),
            labels: texts(&value["labels"], "name"),
            reviewers,
            assignees: texts(&value["assignees"], "login"),
            raw: Value::Null,
        }
    }

    /// `https://HOST/api/graphql`, which does not lie below `/api/v3`.
    fn graphql(&self) -> Api {
        let base = self.place.api.strip_suffix("/v3").unwrap_or(&self.place.api);
        self.api.at(base)
    }

    /// GraphQL answers 200 and says in `errors` what it did not do.
    fn mutate(
        &self,
        verb: &str,
        query: &str,
        variables: &Value,
    ) -> anyhow::Result<Result<(), String>> {
        let document = json!({ "query": query, "variables": variables });
        let api = self.graphql();
        let answer = api.expect(verb, api.post("/graphql", &document)?)?;
        let said = texts(&answer.body["errors"], "message").join(": ");
        if said.is_empty() && answer.was_given() && !answer.body["data"].is_object() {
            return Err(api.nonsense(verb, &answer, "no data"));
        }
        Ok(if said.is_empty() { Ok(()) } else { Err(said) })
    }

    fn set_draft(&self, pull: &Pull, draft: bool) -> anyhow::Result<()> {
        let name =
            if draft { "convertPullRequestToDraft" } else { "markPullRequestReadyForReview" };
        let query = format!(
            "mutation($id: ID!) {{ {name}(input: {{pullRequestId: $id}}) {{ pullRequest {{ isDraft }} }} }}"
        );
        let verb = format!("change the draft state of #{}", pull.id());
        let done = self.mutate(&verb, &query, &json!({ "id": pull.node_id }))?;
        done.map_err(|said| anyhow::anyhow!("cannot {verb}: GitHub says: {said}"))
    }

    /// What follows the creation at once may not find it yet (peter-evans/create-pull-request#4321).
    fn settled(
        &self,
        verb: &str,
        send: impl Fn() -> anyhow::Result<Answer>,
    ) -> anyhow::Result<Extra> {
        let seen = self.api.pace().until(|| {
            let answer = send()?;
            let lag = answer.status.as_u16() == 422 && answer.says("Could not resolve to a node");
            Ok((!lag).then_some(answer))
        })?;
        match seen {
            Some(answer) => self.api.expect(verb, answer).map(|_| Extra::Done),
            None => Err(anyhow::anyhow!("cannot {verb}: GitHub does not see it yet")),
        }
    }

    fn merge_now(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        let path = self.repo(&format!("/pulls/{}/merge", pull.id()));
        let body = json!({ "merge_method": merge.method.as_str(), "sha": pull.head_sha });
        let body = without_nulls(body);
        let answer = self.api.write(&http::Method::PUT, &path, &[], &body)?;
        match answer.status.as_u16() {
            405 | 409 => Ok(AutoMerge::Unavailable(format!("GitHub says: {}", answer.message()))),
            _ => {
                self.api.expect(&format!("merge #{}", pull.id()), answer)?;
                self.delete_branch(pull, merge)?;
                Ok(AutoMerge::Merged)
            }
        }
    }

    fn delete_branch(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<()> {
        if !merge.delete_branch {
            return Ok(());
        }
        let path = self.repo(&format!("/git/refs/heads/{}", parts(&pull.head)));
        let answer = self.api.write(&http::Method::DELETE, &path, &[], &Value::Null)?;
        if answer.says("Reference does not exist") {
            return Ok(());
        }
        self.api.expect(&format!("delete the branch `{}`", pull.head), answer).map(|_| ())
    }
}

/// Refusals of auto-merge that mean: nothing holds it back.
fn nothing_to_wait_for(said: &str) -> bool {
    ["clean status", "unstable status", "Protected branch rules not configured"]
        .iter()
        .any(|words| said.contains(words))
}

impl Forge for GitHub {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn api(&self) -> &Api {
        &self.api
    }

    fn list(&self, base: &str, head: Option<&str>) -> anyhow::Result<Vec<Pull>> {
        let verb = "look for pull requests";
        let query = [("state", "open"), ("base", base), ("per_page", "100")];
        let path = self.repo("/pulls");
        // `head=` finds nothing where a fork has the same owner: without a match all are read.
        if let Some(head) = head {
            let mut query = query.to_vec();
            let label = format!("{}:{head}", self.place.owner);
            query.push(("head", &label));
            let found = self.api.pages(&path, &query, Value::as_array, verb)?;
            let found: Vec<Pull> = found.iter().map(|value| self.pull(value)).collect();
            if found.iter().any(|pull| pull.own && pull.head == head && pull.base == base) {
                return Ok(found);
            }
        }
        let all = self.api.pages(&path, &query, Value::as_array, verb)?;
        Ok(all.iter().map(|value| self.pull(value)).collect())
    }

    fn create(&self, want: &Proposal) -> anyhow::Result<Created> {
        let body = json!({
            "title": want.title, "head": format!("{}:{}", self.place.owner, want.head),
            "base": want.base, "body": want.body, "draft": want.draft.unwrap_or_default(),
        });
        let answer = self.api.post(&self.repo("/pulls"), &body)?;
        if answer.status.as_u16() == 422 {
            let fields = &answer.body["errors"];
            let head_invalid = fields
                .as_array()
                .into_iter()
                .flatten()
                .any(|error| error["field"] == "head" && error["code"] == "invalid");
            if want.draft == Some(true) && answer.says("Draft pull requests are not supported") {
                return Ok(Created::NoDraft(answer.message()));
            } else if answer.says("A pull request already exists") {
                return Ok(Created::Exists);
            } else if answer.says("No commits between") {
                return Ok(Created::Empty);
            } else if head_invalid {
                return Ok(Created::HeadUnknown(answer.message()));
            }
        }
        let answer = self.api.expect("open the pull request", answer)?;
        Ok(Created::Now(Box::new(self.pull(&answer.body))))
    }

    fn update(&self, pull: &Pull, edit: &Edit) -> anyhow::Result<Pull> {
        let mut updated = pull.clone();
        let body = without_nulls(json!({ "title": edit.title, "body": edit.body }));
        if body.as_object().is_some_and(|fields| !fields.is_empty()) {
            let path = self.repo(&format!("/pulls/{}", pull.id()));
            let answer = self.api.write(&http::Method::PATCH, &path, &[], &body)?;
            let verb = format!("update #{}", pull.id());
            let answer = self.api.expect(&verb, answer)?;
            updated = self.pull(&answer.body);
        }
        if let Some(draft) = edit.draft {
            self.set_draft(pull, draft)?;
            updated.draft = draft;
        }
        Ok(updated)
    }

    fn label(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        for name in names {
            let label = json!({ "name": name, "color": super::LABEL_COLOR });
            let answer = self.api.post(&self.repo("/labels"), &label)?;
            let exists = answer.status.as_u16() == 422 && answer.says("already_exists");
            // Whoever may not make labels may still use those that exist.
            if !exists && !matches!(answer.status.as_u16(), 403 | 404) {
                self.api.expect(&format!("make the label `{name}`"), answer)?;
            }
        }
        let path = self.repo(&format!("/issues/{}/labels", pull.id()));
        let verb = format!("label #{} with {}", pull.id(), names.join(", "));
        self.settled(&verb, || self.api.post(&path, &json!({ "labels": names })))
    }

    fn reviewers(&self, pull: &Pull) -> anyhow::Result<Vec<String>> {
        let mut known = pull.reviewers.clone();
        if pull.number != 0 {
            // Who has reviewed is no longer requested, and asking again would ask for a second review.
            let path = self.repo(&format!("/pulls/{}/reviews", pull.id()));
            let query = [("per_page", "100")];
            let reviews = self.api.pages(&path, &query, Value::as_array, "read the reviews")?;
            known.extend(reviews.iter().map(|review| text(&review["user"]["login"])));
        }
        Ok(known)
    }

    fn review(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let (teams, people): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| name.contains('/'));
        let slugs: Vec<&str> = teams.iter().filter_map(|name| name.rsplit('/').next()).collect();
        let mut body = json!({});
        if !people.is_empty() {
            body["reviewers"] = json!(people);
        }
        if !slugs.is_empty() {
            body["team_reviewers"] = json!(slugs);
        }
        let path = self.repo(&format!("/pulls/{}/requested_reviewers", pull.id()));
        let verb = format!("ask {} to review #{}", names.join(", "), pull.id());
        self.settled(&verb, || self.api.post(&path, &body))
    }

    fn assign(&self, pull: &Pull, names: &[String]) -> anyhow::Result<Extra> {
        let path = self.repo(&format!("/issues/{}/assignees", pull.id()));
        let verb = format!("assign #{} to {}", pull.id(), names.join(", "));
        self.settled(&verb, || self.api.post(&path, &json!({ "assignees": names })))
    }

    fn merge(&self, pull: &Pull, merge: &Merge) -> anyhow::Result<AutoMerge> {
        let query = "mutation($id: ID!, $method: PullRequestMergeMethod!, $head: GitObjectID) { \
                     enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: $method, \
                     expectedHeadOid: $head}) { pullRequest { autoMergeRequest { enabledAt } } } }";
        let variables = json!({
            "id": pull.node_id, "method": merge.method.as_str().to_uppercase(), "head": pull.head_sha,
        });
        match self.mutate(&format!("enable auto-merge of #{}", pull.id()), query, &variables)? {
            Ok(()) => Ok(AutoMerge::Enabled),
            Err(said) if nothing_to_wait_for(&said) && merge.now => self.merge_now(pull, merge),
            Err(said) if nothing_to_wait_for(&said) => {
                let advice = "there is nothing to wait for; --merge-now would merge it at once";
                Ok(AutoMerge::Unavailable(format!("GitHub says: {said}: {advice}")))
            }
            Err(said) if said.contains("not allowed for this repository") => {
                let advice = "allow it under Settings → General → Pull Requests";
                Ok(AutoMerge::Unavailable(format!("GitHub says: {said}: {advice}")))
            }
            Err(said) => Ok(AutoMerge::Unavailable(format!("GitHub says: {said}"))),
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
