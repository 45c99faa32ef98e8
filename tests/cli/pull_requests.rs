//! Pull requests by the program itself: a real `git http-backend` for the pushes, and a forge on the
//! loopback interface that keeps what it is given and checks every request.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use snapbox::str;

use crate::forge::{CANARY, Reply, Seen, Server, rules};
use crate::support::{HttpServer, Output, Repositories, installed};

const TOOLS: &[&str] = &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl"];
pub(crate) const HEAD: &str = "gitops/production/api";

/// A GitHub that keeps what it is given.
pub(crate) fn github() -> Server {
    Server::new(rules("github"), keeping())
}

pub(crate) fn keeping() -> impl FnMut(&Seen) -> Reply + Send {
    let mut open: BTreeMap<u64, Value> = BTreeMap::new();
    move |seen| {
        let ok = |value: &Value| Reply::json(200, value);
        match (seen.method.as_str(), seen.path.rsplit('/').next().unwrap()) {
            ("GET", "pulls") => ok(&json!(open.values().collect::<Vec<_>>())),
            ("POST", "pulls") => created(seen, &mut open),
            ("PATCH", number) => {
                let pull = open.get_mut(&number.parse().unwrap()).unwrap();
                for (field, value) in seen.body.as_object().unwrap() {
                    pull[field] = value.clone();
                }
                ok(pull)
            }
            _ => ok(&json!([])),
        }
    }
}

fn created(seen: &Seen, open: &mut BTreeMap<u64, Value>) -> Reply {
    let head = seen.body["head"].as_str().unwrap().split_once(':').unwrap().1;
    if open.values().any(|pull| pull["head"]["ref"] == head) {
        let error = json!({ "message": format!("A pull request already exists for open:{head}.") });
        return Reply::json(422, &json!({ "message": "Validation Failed", "errors": [error] }));
    }
    let number = open.len() as u64 + 7;
    let pull = json!({
        "number": number, "html_url": format!("https://github.example/open/shop/pull/{number}"),
        "node_id": "PR", "title": seen.body["title"], "body": seen.body["body"],
        "draft": seen.body["draft"],
        "head": { "ref": head, "repo": { "full_name": "open/shop" } },
        "base": { "ref": seen.body["base"] },
    });
    open.insert(number, pull);
    Reply::json(201, &open[&number])
}

/// A shop that is served, with a remote's URL.
pub(crate) struct Shop {
    pub(crate) repos: Repositories,
    http: HttpServer,
}

impl Shop {
    pub(crate) fn new() -> Option<Self> {
        if !installed(TOOLS) {
            return None;
        }
        let repos = Repositories::new();
        repos.shop();
        let http = HttpServer::new(&repos.root(), "password");
        Some(Self { repos, http })
    }

    pub(crate) fn url(&self) -> String {
        self.http.url("open", "shop.git")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let url = self.url();
        self.repos.command(&[&["--repo", &url][..], args].concat())
    }

    /// With the API of a forge and a token for it.
    pub(crate) fn with(&self, forge: &str, api: &Server, args: &[&str]) -> Command {
        let mut command = self.command(args);
        let base = rules(forge).base;
        command
            .env("GITOPS_FORGE", forge)
            .env("GITOPS_API_URL", format!("{}{base}", api.origin))
            .env("GITOPS_TOKEN", CANARY);
        command
    }

    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let output = self.repos.sandbox.finish(command);
        let text = output.render();
        assert!(!text.contains("canary"), "{text}");
        output
    }

    /// Runs what must succeed.
    #[track_caller]
    pub(crate) fn fine(&self, command: &mut Command) -> Output {
        let output = self.run(command);
        output.ok();
        output
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.repos.git(&[&["-C", "shop.git"][..], args].concat())
    }

    /// Commits on a branch that are not on `main`.
    pub(crate) fn ahead(&self, branch: &str) -> Vec<String> {
        let text = self.git(&["log", "--format=%s", &format!("main..{branch}")]);
        text.lines().map(str::to_owned).collect()
    }
}

pub(crate) fn action(output: &Output) -> (String, Value, Value) {
    let json = output.json();
    (
        json["action"].as_str().unwrap_or("none").to_owned(),
        json["number"].clone(),
        json["url"].clone(),
    )
}

pub(crate) const BUMP: &[&str] =
    &["bump-tag", "api=v2.0.0", "-e", "production", "--pr", "-o", "json"];

#[test]
fn one_branch_one_pull_request_however_often() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let bump = |tag: &str| {
        let image = format!("api={tag}");
        let args = ["bump-tag", &image, "-e", "production", "--pr", "-o", "json"];
        action(&shop.fine(&mut shop.with("github", &api, &args)))
    };
    let url = json!("https://github.example/open/shop/pull/7");
    assert_eq!(bump("v2.0.0"), ("created".to_owned(), json!(7), url.clone()));
    let first = shop.git(&["rev-parse", HEAD]);
    assert_eq!(bump("v2.0.0"), ("unchanged".to_owned(), json!(7), url.clone()));
    assert_eq!(shop.git(&["rev-parse", HEAD]), first);
    assert_eq!(bump("v2.0.1"), ("updated".to_owned(), json!(7), url));
    assert_eq!(shop.ahead(HEAD), ["feat(production): update api to v2.0.1"]);
    // The base moves: the branch is made anew on it, by one commit.
    shop.repos.gitops(&["--repo", &shop.url(), "bump-tag", "web=v9", "-e", "staging"]).ok();
    assert_eq!(bump("v2.0.1").0, "updated");
    assert_eq!(shop.ahead(HEAD), ["feat(production): update api to v2.0.1"]);
    assert_eq!(shop.git(&["merge-base", "main", HEAD]), shop.git(&["rev-parse", "main"]));
    assert!(
        shop.git(&["log", "-1", "--format=%b", HEAD]).contains(&format!("Gitops-Branch: {HEAD}"))
    );
    assert_eq!(
        shop.git(&["show", "main:environments/production.yaml"]).matches("v1.2.1").count(),
        1
    );
    api.done();
}

#[test]
fn says_it_for_people_too() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let args = ["bump-tag", "api=v2.0.0", "-e", "production", "--pr"];
    shop.run(&mut shop.with("github", &api, &args)).is(str![[r#"
environments/production.yaml:6: api.image.tag: v1.2.1 -> v2.0.0
pushed [..] to gitops/production/api
created #7: https://github.example/open/shop/pull/7
-- exit 0 --

"#]]);
    let seen = api.done();
    let body = seen.last().unwrap().body["body"].as_str().unwrap().to_owned();
    snapbox::assert_data_eq!(
        body.as_str(),
        str![[r#"
<!-- gitops:begin -->
<!-- gitops:key production/api -->

| environment | app | from | to |
| --- | --- | --- | --- |
| production | `api` | `v1.2.1` | `v2.0.0` ([changes](https://github.com/acme/api/compare/v1.2.1...v2.0.0)) |

### main → gitops/production/api
...
<!-- gitops:end -->
"#]]
    );
    assert!(body.contains("api.image.tag") && body.contains("v2.0.0"), "{body}");
}

#[test]
fn nothing_to_change_is_no_call_no_branch_and_no_pull_request() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let args = ["bump-tag", "api=v1.2.1", "-e", "production", "--pr", "-o", "json"];
    let output = shop.fine(&mut shop.with("github", &api, &args));
    assert_eq!(action(&output).0, "skipped");
    assert_eq!(output.json()["changed"], false);
    assert_eq!(output.json()["head"], Value::Null);
    assert!(api.targets().is_empty());
    assert_eq!(shop.git(&["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn other_peoples_commits_are_not_overwritten() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let _ = shop.fine(&mut shop.with("github", &api, BUMP));
    // Ann adds a commit to the branch.
    let ann = ["-c", "user.name=Ann", "-c", "user.email=ann@x"];
    shop.repos.git(&["clone", "-q", "-b", HEAD, "shop.git", "ann"]);
    shop.repos.sandbox.write("ann/note.txt", "mine");
    shop.repos.git(&["-C", "ann", "add", "-A"]);
    shop.repos.git(&[&ann[..], &["-C", "ann", "commit", "-q", "-m", "mine"]].concat());
    shop.repos.git(&["-C", "ann", "push", "-q"]);
    let args = ["bump-tag", "api=v2.0.1", "-e", "production", "--pr"];
    shop.run(&mut shop.with("github", &api, &args)).is(str![[r#"
-- stderr --
error: cannot push to `gitops/production/api`: it has a commit that is not ours ([..] by CI <ci@example.com>)
hint: merge or delete that branch, choose another one with --head, or give the commit up with --overwrite
-- exit 2 --

"#]]);
    assert_eq!(shop.ahead(HEAD).len(), 2);
    let _ = shop.fine(&mut shop.with("github", &api, &[&args[..], &["--overwrite"]].concat()));
    assert_eq!(shop.ahead(HEAD), ["feat(production): update api to v2.0.1"]);
    api.done();
}

#[test]
fn two_at_once_end_with_one_pull_request() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let mut running: Vec<_> = (0..2)
        .map(|_| {
            let mut command = shop.with("github", &api, BUMP);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in running.drain(..) {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let posts = api.targets().iter().filter(|target| target.starts_with("POST")).count();
    assert!((1..=2).contains(&posts), "{posts}");
    assert_eq!(shop.ahead(HEAD).len(), 1);
}

#[test]
fn a_dry_run_shows_everything_and_writes_nothing() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let args =
        ["bump-tag", "api=v2.0.0", "-e", "production", "--pr", "--dry-run", "--label", "deploy"];
    let mut command = shop.with("github", &api, &args);
    let output = shop.fine(&mut command);
    let text = output.stdout.replace(&api.origin, "[FORGE]");
    snapbox::assert_data_eq!(
        text,
        str![[r#"
branch: gitops/production/api -> main
title: feat(production): update api to v2.0.0

diff --git a/environments/production.yaml b/environments/production.yaml
...
body:
| environment | app | from | to |
...
POST [FORGE]/api/v3/repos/open/shop/pulls
{
...
POST [FORGE]/api/v3/repos/open/shop/labels
...
POST [FORGE]/api/v3/repos/open/shop/issues/{number}/labels
...
"#]]
    );
    assert!(api.targets().iter().all(|target| target.starts_with("GET ")));
    assert_eq!(shop.git(&["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn without_a_token_a_person_gets_the_page() {
    let Some(shop) = Shop::new() else { return };
    let mut command = shop.command(&["bump-tag", "api=v2.0.0", "-e", "production", "--pr"]);
    command.env("GITOPS_FORGE", "github");
    let output = shop.fine(&mut command);
    assert!(output.stderr.contains("no token for GitHub"), "{}", output.stderr);
    let page = format!("/open/shop/compare/main...{HEAD}?expand=1\n");
    assert!(output.stdout.ends_with(&page), "{}", output.stdout);
    assert_eq!(shop.ahead(HEAD).len(), 1);
}

#[test]
fn a_flag_about_pull_requests_wants_one() {
    let Some(shop) = Shop::new() else { return };
    shop.run(&mut shop.command(&["bump-tag", "api=v2", "-e", "staging", "--draft"])).is(str![[
        r#"
-- stderr --
error: cannot use --draft: it is about a pull request, and none is asked for
hint: add --pr
-- exit 2 --

"#
    ]]);
}

/// What a push told the server's hooks.
const OPTIONS_HOOK: &str = "#!/bin/sh\ni=0\nwhile [ \"$i\" -lt \"${GIT_PUSH_OPTION_COUNT:-0}\" ]; do\n  \
    eval \"printf '%s\\n' \\\"\\$GIT_PUSH_OPTION_$i\\\"\" >> options\n  i=$((i + 1))\ndone\n\
    echo >&2\necho 'View merge request for gitops/production/api:' >&2\n\
    echo '  https://gitlab.example/open/shop/-/merge_requests/5' >&2\n";

#[test]
fn gitlab_opens_it_for_the_push() {
    let Some(shop) = Shop::new() else { return };
    shop.git(&["config", "receive.advertisePushOptions", "true"]);
    shop.repos.hook("shop", "pre-receive", OPTIONS_HOOK);
    let run = |tag: &str| {
        let image = format!("api={tag}");
        let args =
            ["bump-tag", &image, "-e", "production", "--pr", "--label", "deploy", "-o", "json"];
        let mut command = shop.command(&args);
        // The job's own token can push, and cannot use the API.
        command.env("GITOPS_FORGE", "gitlab").env("CI_SERVER_URL", "http://127.0.0.1");
        action(&shop.fine(&mut command))
    };
    let url = json!("https://gitlab.example/open/shop/-/merge_requests/5");
    assert_eq!(run("v2.0.0"), ("created".to_owned(), json!(5), url.clone()));
    let options = shop.repos.sandbox.read("shop.git/options");
    let lines: Vec<&str> = options.lines().collect();
    assert_eq!(lines[0], "merge_request.create");
    assert_eq!(lines[1], "merge_request.target=main");
    assert_eq!(lines[2], "merge_request.title=feat(production): update api to v2.0.0");
    assert!(lines[3].starts_with("merge_request.description=<!-- gitops:begin -->\\n"));
    assert_eq!(lines[4], "merge_request.label=deploy");
    // Nothing new: nothing is pushed, so nobody says whether the merge request is still open.
    assert_eq!(run("v2.0.0").0, "none");
    assert_eq!(shop.repos.sandbox.read("shop.git/options"), options);
    assert_eq!(run("v2.0.1"), ("updated".to_owned(), json!(5), url));
}

/// `refs/for/` as Gitea and Gerrit have it: no reference is made, the same commit again is refused.
const PROC_RECEIVE: &str = r#"#!/bin/sh
packet() {
    size=$(dd bs=1 count=4 2>/dev/null)
    [ "$size" = 0000 ] && return 1
    text=$(dd bs=1 count=$((0x$size - 4)) 2>/dev/null | tr -d '\000')
}
say() { printf '%04x%s' $((${#1} + 4)) "$1"; }
while packet; do :; done
printf '001aversion=1\000push-options0000'
packet && command=$text
while packet; do :; done
while packet; do echo "$text" >> options; done
set -- $command
if [ "$(cat last 2>/dev/null)" = "$2" ]; then
    say "ng $3 @same@"
else
    echo "$2" > last
    echo "$3" >> pushed
    echo "@page@" >&2
    say "ok $3"
fi
printf 0000
"#;

pub(crate) fn agit(shop: &Shop, same: &str, page: &str) {
    shop.git(&["config", "receive.advertisePushOptions", "true"]);
    shop.git(&["config", "receive.procReceiveRefs", "refs/for"]);
    let script = PROC_RECEIVE.replace("@same@", same).replace("@page@", page);
    shop.repos.hook("shop", "proc-receive", &script);
}

#[test]
fn agit_opens_it_for_the_push_and_a_second_run_changes_nothing() {
    let Some(shop) = Shop::new() else { return };
    let page = "https://git.example/open/shop/pulls/3";
    agit(
        &shop,
        "new commit is same with old commit",
        &format!("Visit the existing pull request: {page}"),
    );
    let run = || {
        let mut command = shop.command(BUMP);
        command.env("GITOPS_FORGE", "gitea");
        action(&shop.fine(&mut command))
    };
    assert_eq!(run(), ("created".to_owned(), json!(3), json!(page)));
    assert_eq!(shop.repos.sandbox.read("shop.git/pushed"), "refs/for/main\n");
    let options = shop.repos.sandbox.read("shop.git/options");
    assert!(options.starts_with(&format!("topic={HEAD}\ntitle=feat(production)")), "{options}");
    assert_eq!(run().0, "unchanged");
    assert_eq!(shop.repos.sandbox.read("shop.git/pushed"), "refs/for/main\n");
    assert_eq!(shop.git(&["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn gerrit_gets_a_change_with_its_id() {
    let Some(shop) = Shop::new() else { return };
    agit(&shop, "no new changes", "https://gerrit.example/c/open/shop/+/42 feat [NEW]");
    let run = || {
        let mut command = shop.command(&[BUMP, &["--reviewer", "ann@x"]].concat());
        command.env("GITOPS_FORGE", "gerrit");
        action(&shop.fine(&mut command))
    };
    let url = json!("https://gerrit.example/c/open/shop/+/42");
    assert_eq!(run(), ("created".to_owned(), json!(42), url));
    let pushed = shop.repos.sandbox.read("shop.git/pushed");
    assert_eq!(pushed, format!("refs/for/main%topic={HEAD},r=ann@x\n"));
    let commit = shop.repos.sandbox.read("shop.git/last");
    let message = shop.git(&["log", "-1", "--format=%(trailers:key=Change-Id)", commit.trim()]);
    assert!(message.starts_with("Change-Id: I") && message.trim().len() == 52, "{message}");
    assert_eq!(run().0, "unchanged");
}

/// A checkout of the served shop, with one commit more.
pub(crate) fn checkout(shop: &Shop, branch: &str) {
    shop.repos.git(&["clone", "-q", &shop.url(), "checkout"]);
    shop.repos.git(&["-C", "checkout", "switch", "-q", "-c", branch]);
    shop.repos
        .gitops(&["-C", "checkout", "bump-tag", "web=v3.0.0", "-e", "staging", "--commit"])
        .ok();
}

pub(crate) fn open_pr(shop: &Shop, api: &Server, args: &[&str]) -> Command {
    open_pr_as("json", shop, api, args)
}

fn open_pr_as(format: &str, shop: &Shop, api: &Server, args: &[&str]) -> Command {
    let start = ["-C", "checkout", "open-pr", "-o", format];
    let mut command = shop.repos.command(&[&start, args].concat());
    command
        .env("GITOPS_FORGE", "github")
        .env("GITOPS_API_URL", format!("{}/api/v3", api.origin))
        .env("GITOPS_TOKEN", CANARY);
    command
}

#[test]
fn open_pr_pushes_the_branch_that_is_checked_out() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    let run = |args: &[&str]| shop.fine(&mut open_pr(&shop, &api, args));
    assert_eq!(action(&run(&["--dry-run"])).0, "created");
    assert_eq!(shop.git(&["branch", "--format=%(refname:short)"]), "main");
    let first = run(&[]);
    assert_eq!(action(&first).0, "created");
    assert_eq!(first.json()["pushed"], true);
    assert_eq!(shop.ahead("topic"), ["feat(staging): update web to v3.0.0"]);
    assert_eq!(action(&run(&[])).0, "unchanged");
    assert_eq!(action(&run(&["--title", "Ship it"])).0, "updated");
    // The branch is there now, so that no checkout is needed.
    let args = ["open-pr", "--head", "topic", "-o", "json", "--title", "Ship it"];
    let output = shop.fine(&mut shop.with("github", &api, &args));
    assert_eq!(action(&output).1, json!(7));
    let config = shop.repos.sandbox.read("checkout/.git/config");
    assert!(!config.contains("canary"), "{config}");
    let posts: Vec<Seen> = api.done().into_iter().filter(|seen| seen.method == "POST").collect();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].body["title"], "feat(staging): update web to v3.0.0");
    assert!(posts[0].body["body"].as_str().unwrap().contains("| staging | `web` |"));
}

#[test]
fn open_pr_warns_of_what_the_branch_brings() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    let staging = shop.repos.sandbox.read("checkout/environments/staging.yaml");
    let twice = format!("{staging}db: {{image: docker.io/acme/db}}\ndb: {{}}\n");
    shop.repos.sandbox.write("checkout/environments/staging.yaml", twice);
    shop.repos.git(&["-C", "checkout", "commit", "-qam", "a key twice"]);
    let output = shop.fine(&mut open_pr(&shop, &api, &["--dry-run"]));
    let warnings = output.json()["warnings"].to_string();
    assert!(warnings.contains("environments/staging.yaml:"), "{warnings}");
    assert!(warnings.contains("the key `db` stands twice"), "{warnings}");
}

#[test]
fn open_pr_of_nothing_calls_nobody() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    shop.repos.git(&["clone", "-q", &shop.url(), "checkout"]);
    shop.repos.git(&["-C", "checkout", "switch", "-q", "-c", "topic"]);
    let output = shop.fine(&mut open_pr(&shop, &api, &[]));
    assert_eq!(action(&output).0, "skipped");
    assert!(api.targets().is_empty());
    assert_eq!(shop.git(&["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn open_pr_names_a_branch_for_commits_on_the_base() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    shop.repos.git(&["-C", "checkout", "switch", "-q", "--detach"]);
    let output = shop.fine(&mut open_pr(&shop, &api, &[]));
    assert_eq!(output.json()["head"], "gitops/staging/web");
    assert_eq!(shop.ahead("gitops/staging/web").len(), 1);
}

#[test]
fn open_pr_does_not_push_over_other_peoples_commits() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    let _ = shop.fine(&mut open_pr(&shop, &api, &[]));
    shop.repos.git(&["-C", "checkout", "commit", "-q", "--amend", "-m", "amended"]);
    let output = shop.run(&mut open_pr(&shop, &api, &[]));
    assert_eq!(output.code, 2, "{}", output.render());
    assert!(output.stderr.contains("it has commits that are not here"), "{}", output.stderr);
    assert_eq!(shop.ahead("topic"), ["feat(staging): update web to v3.0.0"]);
    let _ = shop.fine(&mut open_pr(&shop, &api, &["--overwrite"]));
    assert_eq!(shop.ahead("topic"), ["amended"]);
}

/// Every error of the forge, with a token that must be seen nowhere, not even in the process's arguments.
#[test]
fn a_token_is_never_seen() {
    let Some(shop) = Shop::new() else { return };
    for status in [401, 403, 404, 500] {
        let echo = format!("you sent {CANARY}");
        let answer = Reply::json(status, &json!({ "message": echo }));
        let api = Server::new(rules("github"), move |_| answer.clone());
        let output = shop.run(&mut shop.with("github", &api, BUMP));
        assert_eq!(output.code, 2);
        assert!(output.stderr.contains("you sent ***"), "{}", output.stderr);
        api.done();
    }
    let files = walkdir::WalkDir::new(shop.repos.root().parent().unwrap());
    let files = files.into_iter().flatten().filter(|entry| entry.file_type().is_file());
    for file in files {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{}", file.path().display());
    }
}

#[test]
fn verbs_open_pull_requests_too() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let verbs: [(&[&str], &str); 2] = [
        (&["promote", "--from", "staging", "--to", "production"], "gitops/production/api+web"),
        (&["restart", "api", "-e", "dev"], "gitops/dev/api"),
    ];
    let running: Vec<_> = verbs
        .into_iter()
        .map(|(args, head)| {
            let mut command = shop.with("github", &api, &[args, &["--pr", "-o", "json"]].concat());
            thread::spawn(move || (command.output().unwrap(), head))
        })
        .collect();
    for run in running {
        let (output, head) = run.join().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let json: Value = serde_json::from_str(&text).unwrap();
        if head == "gitops/dev/api" {
            assert_eq!(json["error"]["code"], "not-found", "{text}");
            continue;
        }
        assert_eq!((&json["action"], &json["head"]), (&json!("created"), &json!(head)), "{text}");
    }
    api.done();
}

const CHANNELS: &str = "environments:
  dev: { files: [environments/dev.yaml] }
  staging: { files: [environments/staging.yaml] }
  production: { files: [environments/production.yaml] }
notify:
  log: { kind: stdout, events: [pr-opened] }
";

#[test]
fn a_new_pull_request_is_told_of_once() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    shop.repos.sandbox.write("channels.yaml", CHANNELS);
    let run = |args: &[&str]| {
        let args = [&["--config", "channels.yaml"], args, &["--notify"]].concat();
        shop.fine(&mut shop.with("github", &api, &args))
    };
    let bump = ["bump-tag", "api=v2.0.0", "-e", "production", "--pr"];
    let shown = run(&[&bump[..], &["-n"]].concat());
    let would = "\n# log (stdout)\nprint\n\nPull request for production: ";
    assert!(shown.stdout.contains(would), "{}", shown.render());
    assert!(shown.stdout.contains("\n  api v1.2.1 → v2.0.0"), "{}", shown.render());
    let first = run(&bump);
    let said = "Pull request #7 <https://github.example/open/shop/pull/7> for production";
    assert!(first.stdout.contains(said), "{}", first.render());
    assert!(first.stdout.contains("\n  api v1.2.1 → v2.0.0"), "{}", first.render());
    let again = run(&bump);
    assert!(!again.stdout.contains(said), "{}", again.render());
    assert!(again.stderr.contains("nobody is told"), "{}", again.render());
    let promoted = run(&["promote", "--from", "staging", "--to", "production", "--pr"]);
    assert!(promoted.stdout.contains("\nPull request #8 <"), "{}", promoted.render());
    checkout(&shop, "topic");
    let mut command = open_pr_as("text", &shop, &api, &["--notify"]);
    let config = shop.repos.sandbox.path("channels.yaml");
    command.env("GITOPS_CONFIG", config);
    let opened = shop.fine(&mut command);
    let said = "Pull request #9 <https://github.example/open/shop/pull/9> for staging";
    assert!(opened.stdout.contains(said), "{}", opened.render());
    assert!(opened.stdout.contains("→ v3.0.0"), "{}", opened.render());
}

/// A restart changes no image, and says what it does instead.
#[test]
fn a_restart_is_told_of_as_one() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let channels = CHANNELS.replace("[pr-opened]", "[pr-opened, deploying]");
    shop.repos.sandbox.write("channels.yaml", channels);
    let work = "shop.work/environments/staging.yaml";
    let text = shop.repos.sandbox.read(work) + "  podAnnotations: {}\n";
    shop.repos.sandbox.write(work, text);
    shop.repos.git(&["-C", "shop.work", "commit", "-qam", "annotations"]);
    shop.repos.git(&["-C", "shop.work", "push", "-q", &shop.repos.path("shop.git"), "HEAD:main"]);
    let run = |args: &[&str]| {
        let restart = ["--config", "channels.yaml", "restart", "web", "-e", "staging", "--notify"];
        shop.fine(&mut shop.with("github", &api, &[&restart[..], args].concat())).stdout
    };
    let said = run(&["--pr"]);
    assert!(said.contains("\nPull request #7 <") && said.contains("\n  restarts web"), "{said}");
    let said = run(&[]);
    assert!(said.contains("Deploying to staging\n  restarts web\n"), "{said}");
    assert!(!said.contains("no image changes"), "{said}");
}
