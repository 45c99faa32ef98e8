//! The main job in a bare repository on this machine: what is said, committed and refused.

use snapbox::str;

use crate::support::{Repositories, installed};

#[test]
fn lands_one_commit_and_says_so() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v1.2.3", "web=v9", "-e", "staging"]).is(
        str![[r#"
environments/staging.yaml:6: api.image.tag: v1.2.2 -> v1.2.3
environments/staging.yaml:10: web.image.tag: v2.0.4 -> v9
pushed [..] on main of [SANDBOX]/work/shop.git
-- exit 0 --

"#]],
    );
    let commit =
        repos.git(&["-C", "shop.git", "show", "--format=%an <%ae> %cn%n%B", "--stat", "main"]);
    snapbox::assert_data_eq!(
        commit,
        str![[r#"
Ada <ada@example.com> CI
feat(staging): update api to v1.2.3, web to v9

api: v1.2.2 -> v1.2.3
web: v2.0.4 -> v9


 environments/staging.yaml | 4 ++--
 1 file changed, 2 insertions(+), 2 deletions(-)
"#]]
    );
    repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v1.2.3", "-e", "staging"]).is(str![[
        r#"
-- stderr --
nothing to do: every value is already there
-- exit 0 --

"#
    ]]);
    assert_eq!(repos.log("shop").len(), 2);
    repos.is_sound("shop");
}

#[test]
fn a_dry_run_shows_the_diff_and_pushes_nothing() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let url = format!("file://{}", repos.path("shop.git"));
    repos.gitops(&["--repo", &url, "bump-tag", "api=v1.2.3", "-e", "staging", "-n"]).is(str![[
        r#"
diff --git a/environments/staging.yaml b/environments/staging.yaml
--- a/environments/staging.yaml
+++ b/environments/staging.yaml
@@ -3,7 +3,7 @@
   replicas: 2
   image:
     repository: ghcr.io/acme/api
-    tag: v1.2.2  # set by CI
+    tag: v1.2.3  # set by CI
 
 web:
   replicas: 2
-- exit 0 --

"#
    ]]);
    assert_eq!(repos.log("shop"), ["init"]);
}

#[test]
fn json_tells_what_landed_where() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let args = ["--repo", "shop.git", "bump-tag", "api=v1.2.3", "-e", "staging", "-o", "json"];
    let said = repos.gitops(&args).ok().json();
    assert_eq!(said["revision"], repos.git(&["-C", "shop.git", "rev-parse", "main"]));
    assert_eq!(said["branch"], "main");
    assert_eq!(said["pushed"], true);
    assert_eq!(said["attempts"], 1);
    let again = repos.gitops(&args).ok().json();
    assert_eq!((&again["changed"], &again["pushed"]), (&false.into(), &false.into()));
    assert_eq!(again["revision"], serde_json::Value::Null);
}

#[test]
fn a_protected_environment_takes_no_push() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v9", "-e", "production"]).is(str![[r#"
-- stderr --
error: cannot push to the environment `production`: it is protected
hint: its changes go through a pull request (--pr); `protected` is set in gitops.yaml
-- exit 3 --

"#]]);
}

#[test]
fn a_hook_that_declines_is_quoted_and_final() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.hook("shop", "pre-receive", "#!/bin/sh\necho 'ask the owners first' >&2\nexit 1\n");
    repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v9", "-e", "staging"]).is(str![[r#"
-- stderr --
remote: ask the owners first
error: cannot push to `[SANDBOX]/work/shop.git`: pre-receive hook declined
hint: the remote's own words are above; it will refuse the same push again
-- exit 2 --

"#]]);
}

#[test]
fn hooks_get_push_options_and_are_heard_on_success() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let args =
        ["--repo", "shop.git", "bump-tag", "api=v9", "-e", "staging", "--push-option", "ci.skip"];
    let refused = repos.gitops(&args);
    assert!(refused.stderr.contains("takes no push options"), "{}", refused.render());
    repos.git(&["-C", "shop.git", "config", "receive.advertisePushOptions", "true"]);
    repos.hook("shop", "post-receive", "#!/bin/sh\necho \"heard $GIT_PUSH_OPTION_0\"\n");
    let done = repos.gitops(&args);
    assert_eq!(done.ok().stderr, "remote: heard ci.skip\n");
}

#[test]
fn the_message_is_the_users_and_trailers_say_where_it_comes_from() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let mut command = repos.command(&[
        "--repo",
        "shop.git",
        "bump-tag",
        "api=v9",
        "-e",
        "staging",
        "-m",
        "deploy {{ summary }}",
    ]);
    command
        .env("GITLAB_CI", "true")
        .env("CI_PROJECT_URL", "https://gitlab.example/acme/api")
        .env("CI_COMMIT_SHA", sha)
        .env("CI_JOB_URL", "https://gitlab.example/acme/api/-/jobs/7");
    repos.sandbox.finish(&mut command).ok();
    let message = repos.git(&["-C", "shop.git", "log", "-1", "--format=%B", "main"]);
    snapbox::assert_data_eq!(
        message,
        str![[r#"
deploy api to v9

Gitops-Source: https://gitlab.example/acme/api@0123456789abcdef0123456789abcdef01234567
Gitops-Run: https://gitlab.example/acme/api/-/jobs/7
Argocd-reference-commit-sha: 0123456789abcdef0123456789abcdef01234567
Argocd-reference-commit-repourl: https://gitlab.example/acme/api
"#]]
    );
}

#[test]
fn the_source_is_the_repository_one_stands_in() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.bare("api", &[("main.go", "package main\n")]);
    repos.git(&["-C", "api.work", "remote", "add", "origin", "git@github.com:acme/api.git"]);
    let shop = repos.path("shop.git");
    let mut command = repos.command(&["--repo", &shop, "bump-tag", "api=v9", "-e", "staging"]);
    repos.sandbox.finish(command.current_dir(repos.root().join("api.work"))).ok();
    let sha = repos.git(&["-C", "api.work", "rev-parse", "HEAD"]);
    let message = repos.git(&["-C", "shop.git", "log", "-1", "--format=%(trailers)", "main"]);
    let expected = format!(
        "Gitops-Source: https://github.com/acme/api@{sha}\n\
         Argocd-reference-commit-author: Ada <ada@example.com>\n\
         Argocd-reference-commit-date: 2023-11-14T22:13:20+00:00\n\
         Argocd-reference-commit-sha: {sha}\n\
         Argocd-reference-commit-subject: init\n\
         Argocd-reference-commit-repourl: https://github.com/acme/api"
    );
    assert_eq!(message.trim_end(), expected);
}

#[test]
fn without_an_identity_nothing_is_pushed() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let args = ["--repo", "shop.git", "bump-tag", "api=v9", "-e", "staging"];
    repos.sandbox.gitops(&args).is(str![[r#"
-- stderr --
error: cannot commit: the author has no name
hint: use --author 'Name <address>', or set GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME and GIT_COMMITTER_EMAIL, or user.name and user.email in Git's configuration
-- exit 2 --

"#]]);
    let flag = [&args[..], &["--author", "Grace <g@example.com>"]].concat();
    repos.sandbox.gitops(&flag).ok();
    let who = repos.git(&["-C", "shop.git", "log", "-1", "--format=%an %cn", "main"]);
    assert_eq!(who, "Grace Grace");
}

#[test]
fn commits_are_signed_as_git_is_configured() {
    if !installed(&["git", "ssh-keygen"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let key = repos.path("key");
    let made = repos
        .sandbox
        .command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &key])
        .status();
    assert!(made.unwrap().success());
    let public = repos.sandbox.read("key.pub");
    repos.sandbox.write("signers", format!("ci@example.com {public}"));
    repos.git(&["config", "--global", "gpg.format", "ssh"]);
    repos.git(&["config", "--global", "user.signingKey", &key]);
    repos.git(&["config", "--global", "commit.gpgSign", "true"]);
    repos.git(&["config", "--global", "gpg.ssh.allowedSignersFile", &repos.path("signers")]);
    repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v9", "-e", "staging"]).ok();
    repos.git(&["-C", "shop.git", "verify-commit", "main"]);
    repos.git(&["config", "--global", "user.signingKey", "/nonexistent"]);
    let failed = repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v10", "-e", "staging"]);
    assert_eq!(failed.code, 2);
    assert!(
        failed.stderr.contains("cannot sign the commit with `ssh-keygen`"),
        "{}",
        failed.stderr
    );
    assert_eq!(repos.log("shop").len(), 2);
}

#[test]
fn commits_are_signed_with_gpg_too() {
    if !installed(&["git", "gpg"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    // The agent's socket wants a short path and a private directory.
    let home = tempfile::Builder::new().prefix("g").tempdir_in("/tmp").unwrap();
    let gpg = |args: &[&str]| {
        let mut command = repos.sandbox.command("gpg");
        command.args(["--batch", "--quiet"]).args(args).env("GNUPGHOME", home.path());
        assert!(command.status().unwrap().success());
    };
    gpg(&["--passphrase", "", "--quick-generate-key", "CI <ci@example.com>", "ed25519", "sign"]);
    repos.git(&["config", "--global", "commit.gpgSign", "true"]);
    let mut command = repos.command(&["--repo", "shop.git", "bump-tag", "api=v9", "-e", "staging"]);
    repos.sandbox.finish(command.env("GNUPGHOME", home.path())).ok();
    let mut verify = repos.sandbox.command("git");
    verify.args(["-C", "shop.git", "verify-commit", "main"]).env("GNUPGHOME", home.path());
    assert!(verify.output().unwrap().status.success());
    let mut kill = repos.sandbox.command("gpgconf");
    let _ = kill.args(["--kill", "all"]).env("GNUPGHOME", home.path()).status();
}

/// `PATH` without any program.
#[test]
fn without_any_git_a_bare_repository_is_edited_where_it_lies() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let gitops = |tag: &str| {
        let image = format!("api={tag}");
        let mut command =
            repos.command(&["--repo", "shop.git", "bump-tag", &image, "-e", "staging"]);
        repos.sandbox.finish(command.env("PATH", "/nonexistent"))
    };
    gitops("v8").ok();
    assert_eq!(repos.log("shop")[0], "feat(staging): update api to v8");
    repos.hook("shop", "update", "#!/bin/sh\nexit 0\n");
    gitops("v9").is(str![[r#"
-- stderr --
error: cannot push to `[SANDBOX]/work/shop.git` without `git`: it has the hook `update`
hint: install git
-- exit 2 --

"#]]);
    repos.is_sound("shop");
}

#[test]
fn the_demo_needs_no_other_program() {
    let repos = Repositories::new();
    let mut command = repos.sandbox.gitops_command(&["demo"]);
    let said = repos.sandbox.finish(command.env("PATH", "/nonexistent"));
    let (_, history) = said.ok().stdout.split_once("The history, the newest first:\n").unwrap();
    let mut subjects: Vec<&str> =
        history.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    // Either of the two builds may have won.
    subjects[..2].sort_unstable();
    assert_eq!(
        subjects,
        [
            "feat(staging): update api to v1.2.4",
            "feat(staging): update web to v2.1.0",
            "feat(staging): update api to v1.2.3",
            "three environments",
        ]
    );
}
