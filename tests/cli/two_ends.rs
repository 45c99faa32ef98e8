//! The two ends of a pull request: which branch it is of, what lies between it and its base, where it comes from.

use serde_json::Value;

use std::io::Read as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::forge::{CANARY, Server};
use crate::pull_requests::{BUMP, HEAD, Shop, action, checkout, github, open_pr};

/// Somebody else's version on the served `main`.
fn others(shop: &Shop, image: &str, env: &str) {
    shop.repos.gitops(&["--repo", &shop.url(), "bump-tag", image, "-e", env]).ok();
}

fn posted(api: &Server) -> Vec<Value> {
    let seen = api.done().into_iter();
    seen.filter(|seen| seen.method == "POST").map(|seen| seen.body).collect()
}

/// What others did meanwhile is not undone by it, and so not part of its text, name and warnings.
#[test]
fn only_what_the_branch_did_counts() {
    for (fetched, url) in [(false, false), (true, false), (true, true)] {
        let Some(shop) = Shop::new() else { return };
        let api = github();
        checkout(&shop, "topic");
        for n in 0..3 {
            others(&shop, &format!("api=v9.0.{n}"), "dev");
        }
        if fetched {
            shop.repos.git(&["-C", "checkout", "fetch", "-q"]);
        }
        let _ = if url {
            shop.repos.git(&["-C", "checkout", "push", "-q", "origin", "topic"]);
            shop.fine(&mut shop.with("github", &api, &["open-pr", "--head", "topic"]))
        } else {
            shop.fine(&mut open_pr(&shop, &api, &[]))
        };
        let posted = posted(&api);
        let body = posted[0]["body"].as_str().unwrap();
        assert!(body.contains("gitops:key staging/web"), "{body}");
        assert!(body.contains("| staging | `web` |") && !body.contains("dev"), "{body}");
        assert!(!body.contains("v9.0"), "{body}");
        assert_eq!(posted[0]["title"], "feat(staging): update web to v3.0.0");
    }
}

#[test]
fn a_name_is_made_of_what_the_branch_did() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    shop.repos.git(&["-C", "checkout", "switch", "-q", "--detach"]);
    others(&shop, "api=v9.0.0", "dev");
    shop.repos.git(&["-C", "checkout", "fetch", "-q"]);
    let output = shop.fine(&mut open_pr(&shop, &api, &[]));
    assert_eq!(output.json()["head"], "gitops/staging/web");
}

/// A clone with one commit, as CI systems make them, whose base has moved.
#[test]
fn a_shallow_clone_is_enough_for_its_own_commits() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    others(&shop, "api=v8.0.0", "dev");
    shop.repos.git(&["clone", "-q", "--depth", "1", &shop.url(), "checkout"]);
    shop.repos.git(&["-C", "checkout", "switch", "-q", "-c", "topic"]);
    let bump = ["-C", "checkout", "bump-tag", "web=v3.0.0", "-e", "staging", "--commit"];
    shop.repos.gitops(&bump).ok();
    others(&shop, "api=v9.0.0", "dev");
    let _ = shop.fine(&mut open_pr(&shop, &api, &[]));
    let posted = posted(&api);
    let body = posted[0]["body"].as_str().unwrap();
    assert!(body.contains("| staging | `web` |") && !body.contains("dev"), "{body}");
}

/// The remote knows what is merged, not the checkout.
#[test]
fn what_is_merged_already_opens_nothing() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    shop.repos.git(&["-C", "checkout", "push", "-q", "origin", "topic"]);
    shop.repos.git(&["clone", "-q", &shop.url(), "other"]);
    shop.repos.git(&["-C", "other", "merge", "-q", "--no-ff", "-m", "merged", "origin/topic"]);
    shop.repos.git(&["-C", "other", "push", "-q"]);
    others(&shop, "api=v9.0.0", "dev");
    assert_eq!(action(&shop.fine(&mut open_pr(&shop, &api, &[]))).0, "skipped");
    let args = ["open-pr", "--head", "topic", "-o", "json"];
    assert_eq!(action(&shop.fine(&mut shop.with("github", &api, &args))).0, "skipped");
    assert!(api.targets().is_empty());
}

#[test]
fn branches_without_a_common_commit_are_refused() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    shop.repos.git(&["-C", "checkout", "switch", "-q", "--orphan", "alone"]);
    shop.repos.git(&["-C", "checkout", "commit", "-q", "--allow-empty", "-m", "alone"]);
    let output = shop.run(&mut open_pr(&shop, &api, &[]));
    assert_eq!(output.code, 2, "{}", output.render());
    let said = output.json()["error"].to_string();
    assert!(said.contains("they have no commit in common"), "{said}");
}

/// Whatever the flags are, and however the name is written: a pull request's push never goes to its base.
#[test]
fn the_base_is_no_head() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let _ = shop.fine(&mut shop.with("github", &api, BUMP));
    let before = shop.git(&["rev-parse", "main"]);
    for head in ["main", "refs/heads/main"] {
        for more in [&["--overwrite"][..], &["--base", "refs/heads/main"], &["--dry-run"]] {
            let args = [BUMP, &["--head", head], more].concat();
            let output = shop.run(&mut shop.with("github", &api, &args));
            let said = output.json()["error"].to_string();
            assert!(said.contains("cannot open a pull request of `main` to itself"), "{said}");
            assert_eq!(output.code, 2);
        }
    }
    let args = ["bump-tag", "api=v3.0.0", "-e", "production", "--pr", "--base", HEAD, "-o", "json"];
    let output = shop.run(&mut shop.with("github", &api, &args));
    assert!(output.render().contains("to itself"), "{}", output.render());
    checkout(&shop, "topic");
    let output = shop.run(&mut open_pr(&shop, &api, &["--head", "refs/heads/main"]));
    assert!(output.render().contains("to itself"), "{}", output.render());
    assert_eq!(shop.git(&["rev-parse", "main"]), before);
}

#[test]
fn a_name_is_one_of_a_branch() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let long = "x".repeat(300);
    let names =
        ["HEAD", "@", "-x", "refs/for/main", "refs/tags/v1", "a b", "x..y", "a.lock", &long];
    for name in names {
        let head = format!("--head={name}");
        let output = shop.run(&mut shop.with("github", &api, &[BUMP, &[&head]].concat()));
        assert_eq!(output.code, 2, "{name}: {}", output.render());
        assert!(output.render().contains("--head <BRANCH>"), "{name}: {}", output.render());
    }
    assert!(api.targets().is_empty());
    let args = [BUMP, &["--head", "refs/heads/foo"]].concat();
    let output = shop.fine(&mut shop.with("github", &api, &args));
    assert_eq!(output.json()["head"], "foo");
    assert_eq!(posted(&api)[0]["head"], "open:foo");
    assert_eq!(shop.git(&["branch", "--format=%(refname:short)"]), "foo\nmain");
}

/// The repository that is edited is no source of what is deployed.
#[test]
fn a_change_comes_from_where_it_was_built() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    checkout(&shop, "topic");
    shop.repos.git(&["init", "-q", "app"]);
    shop.repos.git(&["-C", "app", "remote", "add", "origin", "https://github.com/acme/web.git"]);
    shop.repos.git(&["-C", "app", "commit", "-q", "--allow-empty", "-m", "app"]);
    let app = shop.repos.sandbox.path("app").canonicalize().unwrap();
    for (cwd, expected) in [(None, 0), (Some(app), 1)] {
        let bump = [
            "bump-tag",
            "api=v2.0.0",
            "-e",
            "production",
            "--pr",
            "--head",
            &format!("b{expected}"),
        ];
        let other = shop.repos.sandbox.path("checkout").canonicalize().unwrap();
        let (cwd, other) = (cwd.unwrap_or_else(|| other.clone()), other.display().to_string());
        for args in [&bump[..], &["open-pr", "--head", &format!("o{expected}")]] {
            let mut command = shop.repos.command(&[&["-C", &other], args].concat());
            let known = open_pr(&shop, &api, &[]);
            command.envs(known.get_envs().filter_map(|(key, value)| Some((key, value?))));
            let _ = shop.fine(command.current_dir(&cwd));
        }
        let text = shop.git(&["log", "-1", "--format=%B", &format!("b{expected}")]);
        assert_eq!(text.matches("Gitops-Source: https://github.com/acme/web@").count(), expected);
        assert_eq!(text.matches("Gitops-Source").count(), expected, "{text}");
    }
    let posted = posted(&api);
    let sources = |at: usize| posted[at]["body"].as_str().unwrap().matches("Source: ").count();
    assert_eq!([0, 1, 2, 3].map(sources), [0, 0, 1, 1]);
}

/// Tags, branches and the like are known in the checkout; the change is still made on the remote's base.
#[test]
fn a_rollback_by_pull_request_knows_the_checkouts_names() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    shop.repos.git(&["clone", "-q", &shop.url(), "checkout"]);
    shop.repos.git(&["-C", "checkout", "tag", "rel1"]);
    for n in 0..2 {
        others(&shop, &format!("web=v9.0.{n}"), "staging");
    }
    let mut command = shop.repos.command(
        &[
            &["-C", "checkout", "rollback", "-e", "staging", "--pr", "-o", "json"][..],
            &["--to", "rel1"],
        ]
        .concat(),
    );
    let known = open_pr(&shop, &api, &[]);
    command.envs(known.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = shop.fine(&mut command);
    assert_eq!(output.json()["edits"][0]["after"], "v2.0.4");
    assert_eq!(shop.ahead("gitops/staging/web").len(), 1);
}

/// A dry run without a token plans what a run without one does, which is a push and a page for a person.
#[test]
fn without_a_token_a_dry_run_plans_no_requests() {
    let Some(shop) = Shop::new() else { return };
    let run = |more: &[&str]| {
        let mut command = shop.command(&[BUMP, &["--auto-merge"], more].concat());
        shop.fine(command.env("GITOPS_FORGE", "github")).json()
    };
    let (dry, real) = (run(&["--dry-run"]), run(&[]));
    assert_eq!(dry["requests"], json!([]));
    for field in ["action", "changed", "new_url", "head", "warnings"] {
        assert_eq!(dry[field], real[field], "{field}");
    }
    assert_eq!(dry["changed"], true);
}

/// `changed` says in a dry run what it would say in a real one.
#[test]
fn a_dry_run_says_whether_something_would_change() {
    let Some(shop) = Shop::new() else { return };
    let api = github();
    let dry = [BUMP, &["--dry-run"]].concat();
    let changed =
        |args: &[&str]| shop.fine(&mut shop.with("github", &api, args)).json()["changed"].clone();
    assert_eq!(changed(&dry), true);
    assert_eq!(changed(BUMP), true);
    assert_eq!(changed(&dry), false);
    checkout(&shop, "topic");
    let said = shop.fine(&mut open_pr(&shop, &api, &["--dry-run"])).json();
    assert_eq!((&said["changed"], &said["dry_run"]), (&json!(true), &json!(true)));
}

/// A host that takes what it is sent, and never answers.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut copy = stream.try_clone().unwrap();
            std::thread::spawn(move || copy.read_to_end(&mut Vec::new()));
            kept.push(stream);
        }
    });
    format!("http://{address}")
}

#[test]
fn the_timeout_is_also_for_the_forge() {
    let Some(shop) = Shop::new() else { return };
    let start = Instant::now();
    let mut command = shop.command(&[BUMP, &["--timeout", "3s"]].concat());
    command.env("GITOPS_FORGE", "github").env("GITOPS_TOKEN", CANARY);
    command.env("GITOPS_API_URL", format!("{}/api/v3", silent()));
    let output = shop.run(&mut command);
    let error = &output.json()["error"];
    assert_eq!(error["code"], "timeout", "{error}");
    assert!(error["message"].as_str().unwrap().contains("in time"), "{error}");
    // Asking an unknown host which forge it is, too.
    shop.repos.git(&["clone", "-q", &shop.url(), "checkout"]);
    let url = format!("{}/open/shop.git", silent());
    shop.repos.git(&["-C", "checkout", "remote", "set-url", "origin", &url]);
    let args = [&["-C", "checkout"], BUMP, &["--timeout", "3s"]].concat();
    let output = shop.run(&mut shop.repos.command(&args));
    assert!(output.render().contains("no forge is known there"), "{}", output.render());
    assert!(start.elapsed() < Duration::from_secs(30));
}
