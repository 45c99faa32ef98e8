//! What can go wrong with pull requests between two runs, two people or two hosts: by the program itself,
//! against a real `git http-backend`.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::forge::{CANARY, Reply, Server, rules};
use crate::pull_requests::{BUMP, HEAD, Shop, action, agit, checkout, github, open_pr};
use crate::support::Output;

fn bump<'a>(tag: &'a str, more: &[&'a str]) -> Vec<String> {
    let args = ["bump-tag", &format!("api={tag}"), "-e", "production", "--pr", "-o", "json"];
    args.iter().chain(more).map(|text| (*text).to_owned()).collect()
}

/// Adds a file to the shop's `main`.
fn add(shop: &Shop, path: &str, text: &str) {
    shop.repos.sandbox.write(&format!("shop.work/{path}"), text);
    shop.repos.git(&["-C", "shop.work", "add", "-A"]);
    shop.repos.git(&["-C", "shop.work", "commit", "-q", "-m", "more"]);
    let url = shop.repos.path("shop.git");
    shop.repos.git(&["-C", "shop.work", "push", "-q", &url, "HEAD:main"]);
}

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: OLD-hidden\n\
                      data:\n  key: T0xELWhpZGRlbg==\n";

#[test]
fn a_secrets_values_are_shown_nowhere() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    add(&shop, "environments/production/secret.yaml", SECRET);
    let set = [
        "--file",
        "environments/production/secret.yaml",
        "--set",
        "stringData.password=NEW-hidden",
    ];
    let runs: [&[&str]; 5] = [
        &["--pr", "--dry-run"],
        &["--pr", "--dry-run", "-o", "json"],
        &["--dry-run"],
        &["--dry-run", "-o", "json"],
        &["--pr", "-o", "json"],
    ];
    let seen = |output: &Output| {
        let text = output.render();
        for hidden in ["hidden", "T0xEL"] {
            assert!(!text.contains(hidden), "{text}");
        }
        assert!(text.contains("<masked"), "{text}");
    };
    for more in runs {
        let args = [&["bump-tag"], &set[..], more].concat();
        seen(&shop.fine(&mut shop.with("github", &api, &args)));
    }
    let head = "gitops/environments-production-secret-b7971b96/stringData.password";
    let commit = shop.git(&["log", "-1", "--format=%B", head]);
    assert!(commit.contains("<masked>") && !commit.contains("hidden"), "{commit}");
    let posted =
        api.done().into_iter().find(|seen| seen.method == "POST").unwrap().body.to_string();
    assert!(posted.contains("<masked>") && !posted.contains("hidden"), "{posted}");
    // It is there all the same.
    let path = format!("{head}:environments/production/secret.yaml");
    assert!(shop.git(&["show", &path]).contains("password: NEW-hidden"));
    // A guard's refusal quotes the value, and so would two values for one place.
    for more in [&["--expect", "x"][..], &["--set", "stringData.password=OTHER-hidden"]] {
        let args = [&["bump-tag"], &set[..], more].concat();
        let output = shop.run(&mut shop.command(&args));
        assert_ne!(output.code, 0);
        assert!(!output.render().contains("hidden"), "{}", output.render());
    }
    // Without a pull request: text, JSON and the message.
    let output = shop.fine(&mut shop.command(&[&["bump-tag"], &set[..], &["-o", "json"]].concat()));
    seen(&output);
    let message = shop.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("<masked>") && !message.contains("hidden"), "{message}");
    let again = ["bump-tag", "--file", set[1], "--set", "stringData.password=THIRD-hidden"];
    seen(&shop.fine(&mut shop.command(&again)));
}

#[test]
fn what_is_about_nothing_known_supersedes_nothing() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    shop.repos.git(&["clone", "-q", &shop.url(), "checkout"]);
    for (branch, more) in [("one", &[][..]), ("two", &["--supersede"][..])] {
        shop.repos.git(&["-C", "checkout", "switch", "-q", "-c", branch, "origin/main"]);
        shop.repos.sandbox.write(&format!("checkout/{branch}.txt"), branch);
        shop.repos.git(&["-C", "checkout", "add", "-A"]);
        shop.repos.git(&["-C", "checkout", "commit", "-q", "-m", branch]);
        let output = shop.fine(&mut open_pr(&shop, &api, more));
        assert_eq!(output.json()["action"], "created");
        assert_eq!(output.json()["superseded"], json!([]));
        let warned = output.json()["warnings"].to_string().contains("--supersede closed nothing");
        assert_eq!(warned, !more.is_empty(), "{}", output.render());
    }
    assert!(api.done().iter().all(|seen| seen.body["state"] != "closed"));
}

/// A GitHub whose first answer comes only when it is let go.
fn slow_github(
    gate: mpsc::Receiver<()>,
    arrived: mpsc::Sender<()>,
    method: &'static str,
) -> Server {
    let inner = crate::pull_requests::keeping();
    let inner = std::sync::Mutex::new(inner);
    let first = std::sync::Mutex::new(Some((gate, arrived)));
    Server::new_unlocked(rules("github"), move |seen| {
        let held = if seen.method == method { first.lock().unwrap().take() } else { None };
        if let Some((gate, arrived)) = held {
            arrived.send(()).unwrap();
            gate.recv().unwrap();
        }
        let mut keep = inner.lock().unwrap();
        keep(seen)
    })
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finished(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap()
}

/// The slower of two runs holds an old answer of the forge's (`GET`), or has sent its text already (`POST`,
/// `PATCH`): either way the text is of the commit that the branch has in the end.
#[test]
fn the_text_is_of_the_commit_that_the_branch_has() {
    for method in ["GET", "POST", "PATCH"] {
        let Some(shop) = Shop::new() else { return };
        let ((go, gate), (arrived, arrives)) = (mpsc::channel(), mpsc::channel());
        let api = slow_github(gate, arrived, method);
        let run = |tag: &str, home: &str| {
            let args = bump(tag, &[]);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let mut command = shop.with("github", &api, &args);
            // Several machines: no cache is shared, and nobody waits for its lock.
            command.env("XDG_CACHE_HOME", shop.repos.root().join(home));
            spawn(command)
        };
        if method == "PATCH" {
            assert_eq!(finished(run("v2.0.0", "0"))["action"], "created");
        }
        let slow = run("v2.0.1", "a");
        arrives.recv().unwrap();
        let fast = finished(run("v2.0.2", "b"));
        assert_eq!(fast["number"], 7, "{fast}");
        go.send(()).unwrap();
        let slow = finished(slow);
        assert_eq!(shop.ahead(HEAD), ["feat(production): update api to v2.0.2"]);
        let expected = if method == "PATCH" { "updated" } else { "skipped" };
        assert_eq!(slow["action"], expected, "{method}: {slow}");
        assert_eq!(slow["warnings"].to_string().contains("another run pushed"), method != "PATCH");
        if method == "PATCH" {
            let mut patches = api.done().into_iter().filter(|seen| seen.method == "PATCH");
            let last = patches.next_back().unwrap().body;
            assert_eq!(last["title"], "feat(production): update api to v2.0.2");
            let body = last["body"].as_str().unwrap();
            assert!(body.contains("`v2.0.2`") && !body.contains("v2.0.1"), "{body}");
        } else {
            // Nothing is left to be put right.
            assert_eq!(finished(run("v2.0.2", "c"))["action"], "unchanged", "{method}: {slow}");
        }
    }
}

#[test]
fn two_open_prs_of_one_branch_with_different_tags() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let mut running = Vec::new();
    for (name, tag) in [("one", "v3.0.1"), ("two", "v3.0.2")] {
        shop.repos.git(&["clone", "-q", &shop.url(), name]);
        shop.repos.git(&["-C", name, "switch", "-q", "-c", "topic"]);
        let image = format!("web={tag}");
        shop.repos.gitops(&["-C", name, "bump-tag", &image, "-e", "staging", "--commit"]).ok();
    }
    for name in ["one", "two"] {
        let mut command = shop.repos.command(&["-C", name, "open-pr", "-o", "json"]);
        command
            .env("GITOPS_FORGE", "github")
            .env("GITOPS_API_URL", format!("{}/api/v3", api.origin))
            .env("GITOPS_TOKEN", CANARY);
        running.push(spawn(command));
    }
    let outputs = running.into_iter().map(|child| child.wait_with_output().unwrap());
    let texts: Vec<(bool, String)> = outputs
        .map(|output| {
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        })
        .collect();
    // One branch has one commit: the other run's is refused, and its text is not written.
    assert_eq!(texts.iter().filter(|(fine, _)| *fine).count(), 1, "{texts:?}");
    let (_, loser) = texts.iter().find(|(fine, _)| !fine).unwrap();
    assert!(loser.contains("it has commits that are not here"), "{loser}");
    let posts: Vec<_> = api.done().into_iter().filter(|seen| seen.method == "POST").collect();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].body["title"], json!(shop.ahead("topic")[0]));
}

#[test]
fn a_token_of_one_host_does_not_go_to_another() {
    let Some(shop) = Shop::new() else { return };
    shop.git(&["config", "receive.advertisePushOptions", "true"]);
    let api = Server::new(rules("gitlab"), |_| Reply::json(200, &json!([])));
    let origin = shop.url().split("/open/").next().unwrap().to_owned();
    let args = [BUMP, &["--dry-run"]].concat();
    let mut command = shop.command(&args);
    command
        .env("GITOPS_FORGE", "gitlab")
        .env("GITOPS_API_URL", format!("{}/api/v4", api.origin.replace("127.0.0.1", "localhost")))
        .env("CI_SERVER_URL", origin)
        .env("GITLAB_TOKEN", CANARY);
    let output = shop.fine(&mut command);
    let warnings = output.json()["warnings"].to_string();
    assert!(
        warnings.contains("GITLAB_TOKEN is for") && warnings.contains("GITOPS_TOKEN"),
        "{warnings}"
    );
    assert!(api.targets().is_empty());
    // Nor without a dry run.
    let mut command = shop.command(BUMP);
    command
        .env("GITOPS_FORGE", "gitlab")
        .env("GITOPS_API_URL", format!("{}/api/v4", api.origin))
        .env("CI_SERVER_URL", "http://127.0.0.1:1")
        .env("GITLAB_TOKEN", CANARY);
    let _ = shop.fine(&mut command);
    assert!(api.targets().is_empty());
}

#[test]
fn an_amended_commit_is_somebodys_work_whatever_its_author() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let _ = shop.fine(&mut shop.with("github", &api, BUMP));
    // The same person as the run's, the same message: only the files differ.
    shop.repos.git(&["clone", "-q", "-b", HEAD, "shop.git", "ann"]);
    shop.repos.sandbox.write("ann/hand.txt", "mine");
    shop.repos.git(&["-C", "ann", "add", "-A"]);
    shop.repos.git(&["-C", "ann", "commit", "-q", "--amend", "--no-edit"]);
    shop.repos.git(&["-C", "ann", "push", "-q", "-f"]);
    let args = bump("v2.0.1", &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = shop.run(&mut shop.with("github", &api, &args));
    assert_eq!(output.code, 2, "{}", output.render());
    assert!(output.stdout.contains("it has a commit that is not ours"), "{}", output.stdout);
    assert_eq!(shop.git(&["show", &format!("{HEAD}:hand.txt")]), "mine");
    let _ = shop.fine(&mut shop.with("github", &api, &[&args[..], &["--overwrite"]].concat()));
    assert_eq!(shop.ahead(HEAD), ["feat(production): update api to v2.0.1"]);
}

#[test]
fn a_restart_does_not_replace_a_pending_version() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let file = "environments/production.yaml";
    let text = shop.git(&["show", &format!("main:{file}")]);
    let text = text.replacen("api:\n", "api:\n  env:\n    RESTART_ME: \"[COUNTER:1]\"\n", 1);
    add(&shop, file, &format!("{text}\n"));
    let _ = shop.fine(&mut shop.with("github", &api, BUMP));
    let restart = ["restart", "api", "-e", "production", "--pr", "-o", "json", "--supersede"];
    let output = shop.fine(&mut shop.with("github", &api, &restart));
    assert_eq!(output.json()["head"], "gitops/production/api-restart");
    assert_eq!(output.json()["action"], "created");
    assert_eq!(output.json()["superseded"], json!([]));
    assert_eq!(shop.ahead(HEAD), ["feat(production): update api to v2.0.0"]);
}

#[test]
fn gerrit_gets_another_change_where_the_first_is_closed() {
    let Some(shop) = Shop::new() else { return };
    agit(&shop, "no new changes", "https://gerrit.example/c/open/shop/+/42 feat [NEW]");
    let script = shop.repos.sandbox.read("shop.git/hooks/proc-receive");
    // Closed is what was pushed before: by the commit's Change-Id.
    let closing = "id=$(git cat-file commit \"$2\" | sed -n 's/^Change-Id: //p')\n\
                   if grep -qsx \"$id\" closed; then\n    \
                   say \"ng $3 change https://gerrit.example/c/open/shop/+/42 closed\"\n\
                   elif [ \"$(cat last";
    let script = script.replace("if [ \"$(cat last", closing);
    shop.repos.hook("shop", "proc-receive", &script);
    let run = |tag: &str, more: &[&str]| {
        let args = bump(tag, more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = shop.command(&args);
        command.env("GITOPS_FORGE", "gerrit");
        shop.fine(&mut command)
    };
    let id = || {
        let commit = shop.repos.sandbox.read("shop.git/last");
        shop.git(&["log", "-1", "--format=%(trailers:key=Change-Id,valueonly)", commit.trim()])
    };
    assert_eq!(action(&run("v2.0.0", &[])).0, "created");
    let first = id().trim().to_owned();
    shop.repos.sandbox.write("shop.git/closed", format!("{first}\n"));
    assert_eq!(action(&run("v2.0.1", &[])).0, "created");
    assert_ne!(id().trim(), first);
    assert_eq!(action(&run("v2.0.1", &[])).0, "unchanged");
    // Title and body are the commit's there.
    let output = run("v2.0.1", &["--dry-run", "--title", "mine"]);
    assert!(
        output.json()["warnings"].to_string().contains("--message sets it"),
        "{}",
        output.render()
    );
}

#[test]
fn a_second_version_by_agit_is_an_update() {
    let Some(shop) = Shop::new() else { return };
    let page = "https://git.example/open/shop/pulls/3";
    agit(
        &shop,
        "new commit is same with old commit",
        &format!("Visit the existing pull request: {page}"),
    );
    let script = shop.repos.sandbox.read("shop.git/hooks/proc-receive");
    // As Gitea reports it: the head of the pull request before, or zeros.
    let script = script.replace(
        "set -- $command\n",
        "set -- $command\nold=$(cat last 2>/dev/null || printf '%040d' 0)\n",
    );
    let script = script.replace(
        "    say \"ok $3\"\n",
        "    say \"ok $3\"\n    say \"option refname refs/pull/3/head\"\n    say \"option old-oid $old\"\n    say \"option new-oid $2\"\n",
    );
    shop.repos.hook("shop", "proc-receive", &script);
    let run = |tag: &str| {
        let args = bump(tag, &[]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = shop.command(&args);
        command.env("GITOPS_FORGE", "gitea");
        shop.fine(&mut command)
    };
    assert_eq!(action(&run("v2.0.0")), ("created".to_owned(), json!(3), json!(page)));
    let second = run("v2.0.1");
    assert_eq!(action(&second), ("updated".to_owned(), json!(3), json!(page)));
    assert!(second.json()["warnings"].to_string().contains("keeps the text"));
    assert_eq!(action(&run("v2.0.1")).0, "unchanged");
}

/// `Authorization: token …` with a password is 401 at Gitea 1.25.4.
#[test]
fn a_password_of_netrc_goes_to_gitea_with_its_name() {
    let Some(shop) = Shop::new() else { return };
    let mut rules = rules("gitea");
    // `ann:canary-forge-7f3a`
    rules.headers[0] = ("authorization", "Basic YW5uOmNhbmFyeS1mb3JnZS03ZjNh".to_owned());
    let pull = json!({
        "number": 3, "html_url": "https://git.example/open/shop/pulls/3", "state": "open",
        "head": { "ref": HEAD, "repo": { "full_name": "open/shop" } }, "base": { "ref": "main" },
    });
    let api = Server::new(rules, move |seen| match (seen.method.as_str(), &*seen.path) {
        ("POST", _) => Reply::json(201, &pull),
        (_, path) if path.ends_with("/pulls") => Reply::json(200, &json!([])),
        _ => Reply::json(404, &json!({ "message": "not found" })),
    });
    shop.repos.sandbox.write("netrc", format!("machine 127.0.0.1 login ann password {CANARY}\n"));
    let mut command = shop.with("gitea", &api, BUMP);
    command.env_remove("GITOPS_TOKEN").env("NETRC", shop.repos.path("netrc"));
    assert_eq!(action(&shop.fine(&mut command)).0, "created");
    api.done();
}

#[test]
fn gitlab_without_a_token_says_what_it_cannot_know() {
    let Some(shop) = Shop::new() else { return };
    let run = |args: &[&str]| {
        let mut command = shop.command(args);
        command.env("GITOPS_FORGE", "gitlab");
        shop.fine(&mut command)
    };
    // The server takes no push options: the branch is pushed all the same.
    shop.git(&["config", "receive.advertisePushOptions", "false"]);
    let output = run(BUMP);
    let json = output.json();
    assert_eq!((&json["action"], &json["pushed"]), (&Value::Null, &json!(true)), "{json}");
    assert!(json["new_url"].as_str().unwrap().contains("merge_requests/new"), "{json}");
    assert_eq!(shop.ahead(HEAD).len(), 1);
    // The branch is there; nobody says whether its merge request is.
    shop.git(&["config", "receive.advertisePushOptions", "true"]);
    let again = run(BUMP).json();
    assert_eq!((&again["action"], &again["changed"]), (&Value::Null, &json!(false)), "{again}");
    assert!(again["warnings"].to_string().contains("does not tell"), "{again}");
    let args = ["open-pr", "--head", HEAD, "-o", "json"];
    let open = run(&args).json();
    assert_eq!(open["action"], Value::Null, "{open}");
    assert!(open["new_url"].is_string());
}

#[test]
fn marks_in_a_value_change_nothing() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    add(&shop, "environments/dev.yaml", "note: x\napi:\n  image: {repository: r/api, tag: v1}\n");
    let set = ["bump-tag", "--file", "environments/dev.yaml", "--set"];
    let value = ["note=<!-- gitops:end --> hi", "--pr", "-o", "json"];
    let args = [&set[..], &value[..]].concat();
    for expected in ["created", "unchanged", "unchanged"] {
        let output = shop.fine(&mut shop.with("github", &api, &args));
        assert_eq!(action(&output).0, expected, "{}", output.render());
    }
}

#[test]
fn a_branch_in_the_way_is_named() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    shop.git(&["branch", "gitops"]);
    let output = shop.run(&mut shop.with("github", &api, BUMP));
    assert_eq!(output.code, 2, "{}", output.render());
    assert!(output.stdout.contains("there is a branch `gitops`"), "{}", output.stdout);
    assert!(output.stdout.contains("--head"), "{}", output.stdout);
    checkout(&shop, "gitops/topic");
    let output = shop.run(&mut open_pr(&shop, &api, &[]));
    assert!(output.stdout.contains("there is a branch `gitops`"), "{}", output.render());
    assert!(api.targets().is_empty());
}

#[test]
fn the_commands_own_fields_stay_with_pr() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let args = ["promote", "--from", "staging", "--to", "production", "--pr", "-o", "json"];
    for more in [&["--dry-run"][..], &[]] {
        let json = shop.fine(&mut shop.with("github", &api, &[&args[..], more].concat())).json();
        assert_eq!((&json["from"], &json["to"]), (&json!("staging"), &json!("production")));
        assert!(json["sources"].is_array() && json["action"].is_string(), "{json}");
    }
}

#[test]
fn a_dry_run_warns_of_what_the_forge_lacks() {
    let Some(shop) = Shop::new() else { return };
    let api = Server::new(rules("bitbucket"), |_| Reply::json(200, &json!({ "values": [] })));
    let args = [BUMP, &["--dry-run", "--label", "x", "--auto-merge"]].concat();
    let json = shop.fine(&mut shop.with("bitbucket", &api, &args)).json();
    let warnings = json["warnings"].to_string();
    assert!(warnings.contains("Bitbucket Cloud has no labels"), "{warnings}");
    assert!(warnings.contains("it will not merge itself"), "{warnings}");
    let api = github();
    let json = shop.fine(&mut shop.with("github", &api, &args)).json();
    assert!(json["requests"].to_string().contains("enablePullRequestAutoMerge"), "{json}");
}

/// While any of these runs, no process has the token among its arguments.
#[test]
fn no_verb_and_no_way_shows_a_token() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    shop.git(&["config", "receive.advertisePushOptions", "true"]);
    let (stop, stopped) = mpsc::channel::<()>();
    let watcher = thread::spawn(move || {
        let mut seen = 0;
        // A look every few milliseconds leaves the processor to those that are looked at.
        let pause = std::time::Duration::from_millis(3);
        while stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
            for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
                seen += 1;
                let leaks = line.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
                assert!(!leaks, "{}", String::from_utf8_lossy(&line));
            }
        }
        seen
    });
    let verbs: [&[&str]; 3] = [
        &["promote", "--from", "staging", "--to", "production"],
        &["rollback", "-e", "production"],
        &["restart", "api", "-e", "production"],
    ];
    for verb in verbs {
        for way in [&["--pr"][..], &["--pr", "--dry-run"], &["--push"]] {
            let args = [verb, way, &["-v"]].concat();
            // Some have nothing to do in this shop; what they say is looked at all the same.
            let _ = shop.run(&mut shop.with("github", &api, &args));
        }
        // By push options, with a token for Git alone.
        let args = [verb, &["--pr", "-v"]].concat();
        let mut command = shop.command(&args);
        let _ = shop.run(
            command
                .env("GITOPS_FORGE", "gitlab")
                .env("CI_JOB_TOKEN", CANARY)
                .env("CI_SERVER_URL", shop.url().split("/open/").next().unwrap()),
        );
    }
    stop.send(()).unwrap();
    assert!(watcher.join().unwrap() > 0);
    for file in walkdir::WalkDir::new(shop.repos.root()).into_iter().flatten() {
        let Ok(bytes) = std::fs::read(file.path()) else { continue };
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{}", file.path().display());
    }
}
