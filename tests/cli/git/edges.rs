//! Repositories as they also are: empty, huge, rewritten, with links, submodules and SHA-256.

use std::fmt::Write as _;

use snapbox::str;

use crate::support::{HttpServer, Output, Repositories, installed};

fn set(repos: &Repositories, url: &str, file: &str, set: &str) -> Output {
    repos.gitops(&["--repo", url, "bump-tag", "--file", file, "--set", set])
}

fn with_git() -> Option<Repositories> {
    installed(&["git"]).then(Repositories::new)
}

const HTTP: &[&str] = &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl"];

#[test]
fn an_empty_repository_is_said_to_be_empty() {
    let Some(repos) = with_git() else { return };
    repos.git(&["init", "-q", "--bare", "-b", "main", "empty.git"]);
    for branch in [&[][..], &["--branch", "main"]] {
        let args = ["--repo", "empty.git", "bump-tag", "--file", "a.yaml", "--set", "k=v"];
        let said = repos.gitops(&[&args[..], branch].concat());
        assert_eq!(said.code, 2);
        assert!(said.stderr.contains("the repository is empty"), "{}", said.stderr);
    }
}

#[test]
fn a_missing_branch_and_a_tag_of_its_name_are_told_apart() {
    let Some(repos) = with_git() else { return };
    repos.bare("r", &[("a.yaml", "k: v\n")]);
    repos.git(&["-C", "r.git", "branch", "production", "main"]);
    repos.git(&["-C", "r.git", "tag", "v1", "main"]);
    let on = |branch: &str| {
        repos.gitops(&[
            "--repo", "r.git", "--branch", branch, "bump-tag", "--file", "a.yaml", "--set", "k=w",
        ])
    };
    on("prodution").is(str![[r#"
-- stderr --
error: cannot find the branch `prodution` in `[SANDBOX]/work/r.git`: there is no such branch
hint: did you mean `production`?
-- exit 2 --

"#]]);
    on("v1").is(str![[r#"
-- stderr --
error: cannot find the branch `v1` in `[SANDBOX]/work/r.git`: that is a tag
hint: there are main, production
-- exit 2 --

"#]]);
    on("refs/heads/production").ok();
    assert_eq!(repos.git(&["-C", "r.git", "show", "production:a.yaml"]), "k: w");
    assert_eq!(repos.show("r", "a.yaml"), "k: v");
}

#[test]
fn a_rewritten_branch_does_not_confuse_the_cache() {
    if !installed(HTTP) {
        return;
    }
    let repos = Repositories::new();
    repos.bare("r", &[("a.yaml", "k: v\n"), ("b.yaml", "k: v\n")]);
    let server = HttpServer::new(&repos.root(), "none");
    let url = server.url("open", "r.git");
    set(&repos, &url, "a.yaml", "k=one").ok();
    // An unrelated history takes its place, and what the cache holds is gone from the server.
    repos.sandbox.write("r.work/a.yaml", "k: rewritten\n");
    repos.git(&["-C", "r.work", "checkout", "-q", "--orphan", "fresh"]);
    repos.git(&["-C", "r.work", "commit", "-q", "-a", "-m", "rewritten"]);
    repos.git(&["-C", "r.work", "push", "-q", "-f", &repos.path("r.git"), "fresh:main"]);
    repos.git(&["-C", "r.git", "reflog", "expire", "--expire=now", "--all"]);
    repos.git(&["-C", "r.git", "gc", "-q", "--prune=now"]);
    set(&repos, &url, "a.yaml", "k=two").ok();
    assert_eq!(repos.log("r").len(), 2);
    assert_eq!(repos.show("r", "a.yaml"), "k: two");
    repos.is_sound("r");
}

#[test]
fn links_are_followed_inside_and_the_mode_is_kept() {
    let Some(repos) = with_git() else { return };
    repos.bare("r", &[("real/a.yaml", "k: v\n"), ("run.yaml", "k: v\n")]);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, repos.sandbox.path(format!("r.work/{name}"))).unwrap();
    };
    link("real/a.yaml", "link.yaml");
    link("real", "dir");
    link("../outside.yaml", "out.yaml");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(repos.sandbox.path("r.work/run.yaml"), mode).unwrap();
    repos.git(&["-C", "r.work", "add", "-A"]);
    repos.git(&["-C", "r.work", "commit", "-q", "-m", "links"]);
    repos.git(&["-C", "r.work", "push", "-q", &repos.path("r.git"), "main"]);
    set(&repos, "r.git", "link.yaml", "k=one").ok();
    assert_eq!(repos.show("r", "real/a.yaml"), "k: one");
    set(&repos, "r.git", "dir/a.yaml", "k=two").ok();
    assert_eq!(repos.show("r", "real/a.yaml"), "k: two");
    let said = set(&repos, "r.git", "out.yaml", "k=three");
    assert!(said.stderr.contains("outside the repository"), "{}", said.stderr);
    set(&repos, "r.git", "run.yaml", "k=w").ok();
    let modes = repos.git(&["-C", "r.git", "ls-tree", "main"]);
    assert!(modes.contains("100755 blob") && modes.contains("120000 blob"), "{modes}");
    repos.is_sound("r");
}

#[test]
fn a_submodule_on_the_path_is_named() {
    let Some(repos) = with_git() else { return };
    repos.bare("r", &[("a.yaml", "k: v\n")]);
    let head = repos.git(&["-C", "r.work", "rev-parse", "HEAD"]);
    let entry = format!("160000,{head},charts");
    repos.git(&["-C", "r.work", "update-index", "--add", "--cacheinfo", &entry]);
    repos.git(&["-C", "r.work", "commit", "-q", "-m", "submodule"]);
    repos.git(&["-C", "r.work", "push", "-q", &repos.path("r.git"), "main"]);
    set(&repos, "r.git", "charts/values.yaml", "k=w").is(str![[r#"
-- stderr --
error: cannot read `charts/values.yaml`: `charts` is a submodule, another repository
hint: run gitops with that repository's URL as --repo
-- exit 2 --

"#]]);
    set(&repos, "r.git", "a.yaml", "k=w").ok();
}

#[test]
fn files_that_only_stand_for_others_are_refused() {
    let Some(repos) = with_git() else { return };
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    repos.bare("r", &[("lfs.yaml", pointer), ("crypt.yaml", "\0GITCRYPT\0x")]);
    for (file, what) in [("lfs.yaml", "Git LFS"), ("crypt.yaml", "git-crypt")] {
        let said = set(&repos, "r.git", file, "k=w");
        assert_eq!(said.code, 2);
        assert!(said.stderr.contains(what), "{}", said.stderr);
    }
}

#[test]
fn only_the_bytes_of_the_value_change_in_a_crlf_file() {
    let Some(repos) = with_git() else { return };
    repos.bare("r", &[("a.yaml", "a: 1\r\nk: v # x\r\nz: 1"), (".gitattributes", "* -text\n")]);
    set(&repos, "r.git", "a.yaml", "k=w").ok();
    assert_eq!(repos.show("r", "a.yaml"), "a: 1\r\nk: w # x\r\nz: 1");
}

#[test]
fn twenty_thousand_references_are_no_obstacle() {
    if !installed(HTTP) {
        return;
    }
    let repos = Repositories::new();
    repos.bare("r", &[("a.yaml", "k: v\n")]);
    let head = repos.git(&["-C", "r.git", "rev-parse", "main"]);
    let mut packed = String::from("# pack-refs with: peeled fully-peeled sorted \n");
    writeln!(packed, "{head} refs/heads/main").unwrap();
    for number in 0..20_000 {
        writeln!(packed, "{head} refs/tags/t{number:05}").unwrap();
    }
    repos.sandbox.write("r.git/packed-refs", packed);
    let _ = std::fs::remove_file(repos.sandbox.path("r.git/refs/heads/main"));
    let server = HttpServer::new(&repos.root(), "none");
    set(&repos, &server.url("open", "r.git"), "a.yaml", "k=w").ok();
    set(&repos, "r.git", "a.yaml", "k=x").ok();
    assert_eq!(repos.log("r").len(), 3);
}

#[test]
fn a_sha256_repository_is_left_to_git() {
    if !installed(HTTP) {
        return;
    }
    let repos = Repositories::new();
    repos.bare_as("sha256", "r", &[("dir/a.yaml", "k: v\n")]);
    let server = HttpServer::new(&repos.root(), "canary-password");
    set(&repos, "r.git", "dir/a.yaml", "k=one").ok();
    set(&repos, &server.url("open", "r.git"), "dir/a.yaml", "k=two").ok();
    let url = server.url("auth", "r.git");
    let mut command =
        repos.command(&["--repo", &url, "bump-tag", "--file", "dir/a.yaml", "--set", "k=three"]);
    command.env("GITOPS_TOKEN", "canary-password").env("GITOPS_TOKEN_USER", "ci");
    repos.sandbox.finish(&mut command).ok();
    assert_eq!(repos.show("r", "dir/a.yaml"), "k: three");
    assert_eq!(repos.log("r").len(), 4);
    repos.hook("r", "pre-receive", "#!/bin/sh\necho no >&2\nexit 1\n");
    let said = set(&repos, "r.git", "dir/a.yaml", "k=four");
    assert_eq!(said.code, 2);
    assert!(said.stderr.starts_with("remote: no\nerror: cannot push to `"), "{}", said.stderr);
    std::fs::remove_file(repos.sandbox.path("r.git/hooks/pre-receive")).unwrap();
    let mut none =
        repos.command(&["--repo", "r.git", "bump-tag", "--file", "dir/a.yaml", "--set", "k=x"]);
    let said = repos.sandbox.finish(none.env("PATH", "/nonexistent"));
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("without `git`") && said.stderr.contains("install git"),
        "{}",
        said.stderr
    );
    repos.is_sound("r");
}

#[test]
fn the_default_branch_is_the_remotes() {
    let Some(repos) = with_git() else { return };
    repos.bare("r", &[("a.yaml", "k: v\n")]);
    repos.git(&["-C", "r.git", "branch", "-m", "main", "trunk"]);
    set(&repos, "r.git", "a.yaml", "k=w").ok();
    assert_eq!(repos.git(&["-C", "r.git", "show", "trunk:a.yaml"]), "k: w");
    repos.git(&["-C", "r.git", "symbolic-ref", "HEAD", "refs/heads/gone"]);
    let said = set(&repos, "r.git", "a.yaml", "k=x");
    assert!(said.stderr.contains("cannot tell the default branch"), "{}", said.stderr);
}
