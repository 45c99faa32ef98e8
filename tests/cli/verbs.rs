//! `promote`, `rollback` and `restart`, in checkouts and in remote repositories.

use serde_json::json;
use snapbox::str;

use crate::support::{Repositories, installed};

/// The shop as a checkout `shop.work` and a bare repository `shop.git`.
fn shop() -> Option<Repositories> {
    if !installed(&["git"]) {
        return None;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.git(&["-C", "shop.work", "remote", "add", "origin", &repos.path("shop.git")]);
    Some(repos)
}

fn bump(repos: &Repositories, image: &str, env: &str, more: &[&str]) {
    let args = ["-C", "shop.work", "bump-tag", image, "-e", env, "--commit"];
    repos.gitops(&[&args[..], more].concat()).ok();
}

fn push(repos: &Repositories) {
    repos.git(&["-C", "shop.work", "push", "-q", "origin", "main"]);
}

fn production(repos: &Repositories) -> String {
    repos.sandbox.read("shop.work/environments/production.yaml")
}

const SOURCE: &[&str] =
    &["--source", "https://github.com/acme/api", "--source-revision", "4f2a91c"];

#[test]
fn promote_copies_versions_digests_and_the_source() {
    let Some(repos) = shop() else { return };
    let digest = format!("sha256:{}", "a".repeat(64));
    bump(&repos, &format!("api=v1.3.0@{digest}"), "staging", SOURCE);
    let args = ["-C", "shop.work", "promote", "--from", "staging", "--to", "production", "api"];
    repos.gitops(&[&args[..], &["--commit"]].concat()).is(str![[r#"
environments/production.yaml:6: api.image.tag: v1.2.1 -> v1.3.0@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
committed [..] on main
-- exit 0 --

"#]]);
    let message = repos.git(&["-C", "shop.work", "log", "-1", "--format=%B"]);
    snapbox::assert_data_eq!(
        message,
        str![[r#"
feat(production): promote api to v1.3.0@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

api: v1.2.1 -> v1.3.0@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

Gitops-Source: https://github.com/acme/api@4f2a91c
Argocd-reference-commit-sha: 4f2a91c
Argocd-reference-commit-repourl: https://github.com/acme/api
"#]]
    );
    repos.gitops(&args).is(str![[r#"
-- stderr --
nothing to do: every value is already there
-- exit 0 --

"#]]);
}

#[test]
fn promote_tells_the_commits_between_where_the_source_is_at_hand() {
    let Some(repos) = shop() else { return };
    repos.git(&["init", "-q", "-b", "main", "source"]);
    let mut ids = Vec::new();
    for subject in ["one", "two", "three"] {
        repos.git(&["-C", "source", "commit", "-q", "--allow-empty", "-m", subject]);
        ids.push(repos.git(&["-C", "source", "rev-parse", "HEAD"]));
    }
    for (env, tag, id) in [("production", "v2", &ids[0]), ("staging", "v3", &ids[2])] {
        let more = ["--source", "https://github.com/acme/api", "--source-revision", id];
        bump(&repos, &format!("api={tag}"), env, &more);
    }
    let mut command = repos.command(&[
        "-C",
        "../shop.work",
        "promote",
        "--from",
        "staging",
        "--to",
        "production",
        "api",
        "-n",
        "-o",
        "json",
    ]);
    command.current_dir(repos.sandbox.path("source"));
    let output = repos.sandbox.finish(&mut command);
    let sources = &output.json()["sources"][0];
    let short = |id: &str| id[..7].to_owned();
    let expected = [format!("{} three", short(&ids[2])), format!("{} two", short(&ids[1]))];
    assert_eq!(sources["commits"], json!(expected));
    assert_eq!(sources["before"]["revision"], json!(ids[0]));
}

#[test]
fn promote_says_what_it_leaves_out_and_what_it_cannot_tell() {
    let Some(repos) = shop() else { return };
    let staging = repos.sandbox.read("shop.work/environments/staging.yaml");
    let more = format!("{staging}db:\n  image: {{repository: ghcr.io/acme/db, tag: v1}}\n");
    repos.sandbox.write("shop.work/environments/staging.yaml", more);
    let promote = |from: &str, to: &str, apps: &[&str]| {
        let args = ["-C", "shop.work", "promote", "--from", from, "--to", to, "--dry-run", "-q"];
        repos.gitops(&[&args[..], apps].concat())
    };
    let output = promote("staging", "production", &[]);
    assert!(output.stderr.contains("warning: `db` is not in `production`: left out"));
    promote("staging", "production", &["db"]).is(str![[r#"
-- stderr --
error: cannot promote `db`: `production` does not have it
hint: add it to the files of that environment first
-- exit 2 --

"#]]);
    promote("staging", "staging", &[]).is(str![[r#"
-- stderr --
error: cannot promote from `staging` to itself
hint: name two environments
-- exit 2 --

"#]]);
    promote("staging", "production", &["nope"]).is(str![[r#"
-- stderr --
error: cannot promote from `staging`: it has no such image
hint: `gitops status` lists apps and environments
-- exit 2 --

"#]]);
    // Under another name the same image may have another version: each goes where its name is.
    let twice = format!("{staging}old:\n  image: ghcr.io/acme/api:v0\n");
    repos.sandbox.write("shop.work/environments/staging.yaml", &twice);
    let output = promote("staging", "production", &[]);
    assert!(output.stdout.contains("+    tag: v1.2.2"), "{}", output.render());
    let warning = "`production` has no place like environments/staging.yaml:";
    assert!(output.stderr.contains(warning), "{}", output.stderr);
    // A third name does not say which of the two it is.
    let renamed = repos.sandbox.read("shop.work/environments/production.yaml");
    let renamed = renamed.replace("\napi:\n", "\nshop:\n");
    repos.sandbox.write("shop.work/environments/production.yaml", renamed);
    let output = promote("staging", "production", &[]);
    assert!(output.stderr.contains("`staging` has it in two versions:"), "{}", output.stderr);
}

#[test]
fn a_protected_environment_takes_no_promotion_by_push() {
    let Some(repos) = shop() else { return };
    let url = repos.path("shop.git");
    repos.gitops(&["--repo", &url, "promote", "--from", "staging", "--to", "production"]).is(str![
        [r#"
-- stderr --
error: cannot push to the environment `production`: it is protected
hint: its changes go through a pull request (--pr); `protected` is set in gitops.yaml
-- exit 3 --

"#]
    ]);
}

#[test]
fn rollback_goes_to_the_version_before() {
    let Some(repos) = shop() else { return };
    bump(&repos, "api=v1.3.0", "production", SOURCE);
    bump(&repos, "web=v3", "production", &[]);
    bump(&repos, "api=v1.4.0", "production", &[]);
    let rollback = |args: &[&str]| {
        repos.gitops(&[&["-C", "shop.work", "rollback", "-e", "production"][..], args].concat())
    };
    let diff = rollback(&["--dry-run"]);
    assert!(diff.stdout.contains("-    tag: v1.4.0"), "{}", diff.render());
    assert!(diff.stdout.contains("+    tag: v1.3.0"), "{}", diff.render());
    // The last two commits were of two apps.
    let edits = rollback(&["--steps", "2", "-n", "-o", "json"]).json()["edits"].clone();
    let after: Vec<&str> =
        edits.as_array().unwrap().iter().map(|edit| edit["after"].as_str().unwrap()).collect();
    assert_eq!(after, ["v1.3.0", "v2.0.3"]);
    let two = rollback(&["--app", "api", "--steps", "2", "-n", "-o", "json"]).json();
    assert_eq!(two["edits"][0]["after"], "v1.2.1");
    rollback(&["--commit"]).is(str![[r#"
environments/production.yaml:6: api.image.tag: v1.4.0 -> v1.3.0
committed [..] on main
-- exit 0 --

"#]]);
    let message = repos.git(&["-C", "shop.work", "log", "-1", "--format=%B"]);
    assert!(message.starts_with("revert(production): roll back api to v1.3.0\n"), "{message}");
    assert!(message.contains("Gitops-Source: https://github.com/acme/api@4f2a91c"), "{message}");
}

#[test]
fn rollback_knows_commits_and_says_when_history_ends() {
    let Some(repos) = shop() else { return };
    bump(&repos, "api=v1.3.0", "production", &[]);
    let id = repos.git(&["-C", "shop.work", "rev-parse", "HEAD"]);
    bump(&repos, "api=v1.4.0", "production", &[]);
    bump(&repos, "web=v9", "production", &[]);
    let rollback = |args: &[&str]| {
        repos.gitops(&[&["-C", "shop.work", "rollback", "-e", "production"][..], args].concat())
    };
    rollback(&["--to", &id[..8]]).ok();
    let text = production(&repos);
    assert!(text.contains("tag: v1.3.0") && text.contains("v2.0.3"), "{text}");
    rollback(&["--to", "0123abc"]).is(str![[r#"
-- stderr --
error: cannot roll back `production`: no commit `0123abc` is known
hint: `gitops history` lists the changes; a shallow clone does not know all commits
-- exit 2 --

"#]]);
    rollback(&["--app", "api", "--steps", "9"]).is(str![[r#"
-- stderr --
error: cannot roll back `production`: its history has no 9 changes of version
hint: `gitops history` lists the changes
-- exit 2 --

"#]]);
    rollback(&["--app", "nope"]).is(str![[r#"
-- stderr --
error: cannot roll back: `production` does not have nope
hint: `gitops status` lists apps
-- exit 2 --

"#]]);
    repos.git(&[
        "clone",
        "-q",
        "--depth",
        "1",
        &format!("file://{}", repos.path("shop.work")),
        "thin",
    ]);
    repos.gitops(&["-C", "thin", "rollback", "-e", "production", "--app", "api"]).is(str![[r#"
-- stderr --
error: cannot roll back `production`: its history has no change of version
hint: this clone is shallow; fetch all of it (in GitHub Actions `fetch-depth: 0`)
-- exit 2 --

"#]]);
}

#[test]
fn rollback_reads_the_history_of_a_remote_as_far_as_it_must() {
    let Some(repos) = shop() else { return };
    bump(&repos, "api=v1.3.0", "staging", &[]);
    // More commits than are fetched at first.
    let stamp =
        "commit refs/heads/main\ncommitter CI <ci@example.com> 1700000100 +0000\ndata 1\nx\n";
    let head = repos.git(&["-C", "shop.work", "rev-parse", "HEAD"]);
    let mut stream = format!("{stamp}from {head}\n\n");
    stream.push_str(&stamp.repeat(80));
    repos.sandbox.write("stream", stream);
    let mut import = repos.sandbox.command("sh");
    import.args(["-c", "git -C shop.work fast-import --quiet < stream"]);
    repos.sandbox.finish(&mut import).ok();
    repos.git(&["-C", "shop.work", "reset", "-q", "--hard"]);
    push(&repos);
    let url = repos.path("shop.git");
    let args = ["--repo", &url, "rollback", "-e", "staging", "--app", "api"];
    repos.gitops(&args).is(str![[r#"
environments/staging.yaml:6: api.image.tag: v1.3.0 -> v1.2.2
pushed [..] on main of [..]
-- exit 0 --

"#]]);
    repos.is_sound("shop");
    assert!(repos.show("shop", "environments/staging.yaml").contains("tag: v1.2.2"));
}

/// A repository `ops` with a commit for each text of a file.
fn ops(commits: &[(&str, &str)]) -> Option<Repositories> {
    if !installed(&["git"]) {
        return None;
    }
    let repos = Repositories::new();
    repos.git(&["init", "-q", "-b", "main", "ops"]);
    for (path, text) in commits {
        repos.sandbox.write(&format!("ops/{path}"), text);
        repos.git(&["-C", "ops", "add", "-A"]);
        repos.git(&["-C", "ops", "commit", "-q", "-m", "next"]);
    }
    Some(repos)
}

/// What a rollback would change: `api.image.tag: v2 -> v1`.
fn rolled(repos: &Repositories, args: &[&str]) -> Vec<String> {
    let all = [&["-C", "ops", "rollback", "-e", "prod", "-n", "-o", "json"][..], args].concat();
    let output = repos.gitops(&all).json();
    let edits = output["edits"].as_array().unwrap_or_else(|| panic!("{output}"));
    let line = |edit: &serde_json::Value| {
        let text = |field: &str| edit[field].as_str().unwrap().to_owned();
        format!("{}: {} -> {}", text("key"), text("before"), text("after"))
    };
    edits.iter().map(line).collect()
}

const PROD: &str = "environments/prod.yaml";

#[test]
fn rollback_tells_apps_apart_that_share_an_image() {
    let image =
        |app: &str, tag: &str| format!("{app}:\n  image: {{repository: r.io/a/api, tag: {tag}}}\n");
    for apps in [["worker", "api"], ["api", "worker"]] {
        let text =
            |api: &str| apps.map(|app| image(app, if app == "api" { api } else { "v0" })).concat();
        let Some(repos) = ops(&[(PROD, &text("v1")), (PROD, &text("v2"))]) else { return };
        assert_eq!(rolled(&repos, &[]), ["api.image.tag: v2 -> v1"]);
        assert_eq!(rolled(&repos, &["--app", "api"]), ["api.image.tag: v2 -> v1"]);
        let output = repos.gitops(&["-C", "ops", "rollback", "-e", "prod", "--app", "worker"]);
        assert!(
            output.stderr.contains("nothing there had an earlier version"),
            "{}",
            output.render()
        );
    }
}

#[test]
fn rollback_follows_moved_files_and_any_revision() {
    let text = |api: &str| {
        format!(
            "# the shop\napi:\n  image: {{repository: r.io/a/api, tag: {api}}}\n  replicas: 2\n"
        )
    };
    let Some(repos) = ops(&[(PROD, &text("v1")), (PROD, &text("v2"))]) else { return };
    repos.git(&["-C", "ops", "tag", "good", "HEAD~1"]);
    repos.git(&["-C", "ops", "rm", "-q", "--cached", PROD]);
    std::fs::remove_file(repos.sandbox.path(format!("ops/{PROD}"))).unwrap();
    // Moved, and edited in the same commit.
    let moved = "environments/prod/values.yaml";
    repos.sandbox.write(&format!("ops/{moved}"), format!("{}more: 1\n", text("v2")));
    repos.git(&["-C", "ops", "add", "-A"]);
    repos.git(&["-C", "ops", "commit", "-q", "-m", "move"]);
    assert_eq!(rolled(&repos, &[]), ["api.image.tag: v2 -> v1"]);
    for revision in ["good", "HEAD~2"] {
        assert_eq!(rolled(&repos, &["--to", revision]), ["api.image.tag: v2 -> v1"], "{revision}");
    }
    // As of a commit that changed nothing, of a side branch, and of the present one.
    repos.git(&["-C", "ops", "switch", "-q", "-c", "side"]);
    repos.sandbox.write(&format!("ops/{moved}"), text("v3"));
    repos.git(&["-C", "ops", "commit", "-q", "-a", "-m", "side"]);
    let side = repos.git(&["-C", "ops", "rev-parse", "HEAD"]);
    repos.sandbox.write(&format!("ops/{moved}"), text("v4"));
    repos.git(&["-C", "ops", "commit", "-q", "-a", "-m", "side"]);
    repos.git(&["-C", "ops", "switch", "-q", "main"]);
    repos.git(&["-C", "ops", "merge", "-q", "--no-ff", "-m", "merge", "side"]);
    assert_eq!(rolled(&repos, &["--to", &side[..9]]), ["api.image.tag: v4 -> v3"]);
    assert_eq!(rolled(&repos, &[]), ["api.image.tag: v4 -> v2"]);
    assert!(rolled(&repos, &["--to", "HEAD"]).is_empty());
    // What was not committed is the newest change.
    repos.sandbox.write(&format!("ops/{moved}"), text("v9"));
    assert_eq!(rolled(&repos, &[]), ["api.image.tag: v9 -> v4"]);
    assert_eq!(rolled(&repos, &["--steps", "2"]), ["api.image.tag: v9 -> v2"]);
    let output = repos.gitops(&["-C", "ops", "rollback", "-e", "prod", "--to", ""]);
    assert!(output.stderr.contains("a value is required for '--to <REV>'"), "{}", output.render());
    // A remote knows the same commits by their ids.
    repos.git(&["clone", "-q", "--bare", "ops", "ops.git"]);
    let url = repos.path("ops.git");
    let args = ["--repo", &url, "rollback", "-e", "prod", "-n", "--to"];
    let output = repos.gitops(&[&args[..], &[&side[..9]]].concat());
    assert!(output.stdout.contains("tag: v3"), "{}", output.render());
    let output = repos.gitops(&[&args[..], &["HEAD~3"]].concat());
    assert!(output.stdout.contains("tag: v1"), "{}", output.render());
}

#[test]
fn restart_counts_or_stamps() {
    let Some(repos) = shop() else { return };
    let dev = repos.sandbox.read("shop.work/environments/dev.yaml");
    let text = format!(
        "{dev}worker:\n  image: {{repository: ghcr.io/acme/worker, tag: v1}}\n  \
                        env: {{RESTART_ME: 'any change does [COUNTER:41]'}}\n"
    );
    repos.sandbox.write("shop.work/environments/dev.yaml", text);
    repos.gitops(&["-C", "shop.work", "restart", "worker", "-e", "dev"]).is(str![[r#"
environments/dev.yaml:[..]: worker.env.RESTART_ME: any change does [COUNTER:41] -> any change does [COUNTER:42]
-- exit 0 --

"#]]);
    repos.gitops(&["-C", "shop.work", "restart", "api", "-e", "dev"]).is(str![[r#"
-- stderr --
error: cannot restart `api`: its pod template in `dev` has nothing that a restart could change
hint: give the values `podAnnotations:` if the chart knows it, or a value like `RESTART_ME: "[COUNTER:0]"` that reaches the pod template
-- exit 2 --

"#]]);
}

/// The sources of a promotion are those of what changes; a version that nobody knows the source of has none,
/// and gets none of another app.
#[test]
fn promote_names_the_source_of_what_changes() {
    let Some(repos) = shop() else { return };
    let from = |app: &str, revision: &str| {
        let url = format!("https://github.com/acme/{app}");
        ["--source", &url, "--source-revision", revision].map(str::to_owned)
    };
    let set = |image: &str, source: &[String]| {
        let source: Vec<&str> = source.iter().map(String::as_str).collect();
        bump(&repos, image, "staging", &source);
    };
    let promoted = || {
        let args = ["-C", "shop.work", "promote", "--from", "staging", "--to", "dev", "--commit"];
        repos.gitops(&args).ok();
        let text = repos.git(&["-C", "shop.work", "log", "-1", "--format=%B"]);
        let sources = text.lines().filter_map(|line| line.strip_prefix("Gitops-Source: "));
        sources.map(str::to_owned).collect::<Vec<_>>()
    };
    set("web=v2.0.5", &from("web", "bbbbbbb"));
    // `api` changes too, and its version is from the first commit, which names no source.
    assert_eq!(promoted(), [""; 0]);
    set("api=v2", &from("api", "aaaaaaa"));
    assert_eq!(promoted(), ["https://github.com/acme/api@aaaaaaa"]);
    set("api=v3", &from("api", "ccccccc"));
    set("web=v2.0.6", &from("web", "ddddddd"));
    assert_eq!(promoted(), [""; 0]);
    set("web=v2.0.7", &from("web", "eeeeeee"));
    bump(
        &repos,
        "api=v4",
        "staging",
        &["--source", "https://github.com/acme/web", "--source-revision", "eeeeeee"],
    );
    assert_eq!(promoted(), ["https://github.com/acme/web@eeeeeee"]);
}

/// Only its files and its newest commit: what needs more says so, and what works instead.
#[test]
fn a_sha256_repository_is_refused_where_its_history_counts() {
    let Some(repos) = shop() else { return };
    repos.git(&["init", "-q", "-b", "main", "--object-format=sha256", "new"]);
    for path in ["gitops.yaml", "environments/staging.yaml"] {
        repos
            .sandbox
            .write(&format!("new/{path}"), repos.sandbox.read(&format!("shop.work/{path}")));
    }
    repos.git(&["-C", "new", "add", "-A"]);
    repos.git(&["-C", "new", "commit", "-q", "-m", "init"]);
    repos.git(&["clone", "-q", "--bare", "new", "new.git"]);
    repos.git(&["-C", "new", "remote", "add", "origin", "../new.git"]);
    let here: [&[&str]; 4] = [
        &["rollback", "-e", "staging"],
        &["rollback", "-e", "staging", "--pr"],
        &["bump-tag", "api=v2", "-e", "staging", "--pr"],
        &["open-pr"],
    ];
    for args in here {
        let said = repos.gitops(&[&["-C", "new"], args].concat());
        assert!(
            said.stderr.contains("it is of a SHA-256 repository\nhint: only its files"),
            "{}",
            said.render()
        );
        assert_eq!(said.code, 2);
    }
    let said = repos.gitops(&["--repo", "new.git", "rollback", "-e", "staging"]);
    assert!(
        said.stderr.contains("of a SHA-256 repository only the newest commit"),
        "{}",
        said.render()
    );
    repos.gitops(&["-C", "new", "bump-tag", "api=v2", "-e", "staging"]).ok();
}
