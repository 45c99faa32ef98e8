//! What `--commit` and `--push` in a checkout refuse, and that nothing is half done then.

use snapbox::str;

use super::{bump, cloned};
use crate::support::Repositories;

const STAGING: &str = "environments/staging.yaml";

fn git(repos: &Repositories, args: &[&str]) -> String {
    repos.git(&[&["-C", "clone"], args].concat())
}

fn staging(repos: &Repositories) -> String {
    repos.sandbox.read(&format!("clone/{STAGING}"))
}

/// Refused, with nothing written and nothing committed.
#[track_caller]
fn refuses(repos: &Repositories, words: &str) {
    let before = (staging(repos), git(repos, &["rev-parse", "HEAD"]));
    for flag in ["--commit", "--push"] {
        let said = bump(repos, &[flag]);
        assert_eq!(said.code, 2, "{}", said.render());
        assert!(said.stderr.contains(words), "{}", said.stderr);
        assert_eq!((staging(repos), git(repos, &["rev-parse", "HEAD"])), before);
    }
}

#[test]
fn a_file_that_a_filter_stores_otherwise_is_left_to_git() {
    let Some(repos) = cloned() else { return };
    let attributes = |text: &str| repos.sandbox.write("clone/.gitattributes", text);
    attributes("environments/*.yaml filter=rot\n");
    git(&repos, &["config", "filter.rot.clean", "tr a-z n-za-m"]);
    bump(&repos, &["--commit"]).is(str![[r#"
-- stderr --
error: cannot commit `environments/staging.yaml`: the filter `rot` decides how it is stored
hint: edit without --commit, then commit with `git`, which runs the filter
-- exit 2 --

"#]]);
    refuses(&repos, "the filter `rot`");
    git(&repos, &["config", "--unset", "filter.rot.clean"]);
    git(&repos, &["config", "filter.rot.process", "cat"]);
    refuses(&repos, "the filter `rot`");
    git(&repos, &["config", "--unset", "filter.rot.process"]);
    git(&repos, &["config", "filter.rot.required", "true"]);
    refuses(&repos, "the filter `rot`");
    // Where the program is not even set up, its files must not be stored as they are.
    for name in ["lfs", "git-crypt", "git-crypt-team"] {
        attributes(&format!("*.yaml filter={name} diff={name}\n"));
        refuses(&repos, &format!("the filter `{name}`"));
    }
    attributes("*.yaml working-tree-encoding=UTF-16\n");
    refuses(&repos, "`working-tree-encoding` asks for UTF-16");
    // A filter that nobody defined does nothing, in Git as well.
    attributes("*.yaml filter=nowhere working-tree-encoding=utf8\n");
    bump(&repos, &["--push"]).ok();
    assert!(repos.show("shop", STAGING).contains("v1.2.3"));
}

#[test]
fn a_lock_that_is_held_leaves_the_files_alone() {
    let Some(repos) = cloned() else { return };
    for lock in ["index.lock", "refs/heads/main.lock"] {
        let lock = format!("clone/.git/{lock}");
        repos.sandbox.write(&lock, "");
        refuses(&repos, "holds its lock");
        std::fs::remove_file(repos.sandbox.path(&lock)).unwrap();
    }
    // What one of ours left that was killed is taken over.
    repos.sandbox.write("clone/.git/index.lock", "gitops\n");
    bump(&repos, &["--commit"]).ok();
    assert!(!repos.sandbox.path("clone/.git/index.lock").exists());
    assert_eq!(git(&repos, &["status", "--porcelain"]), "");
    git(&repos, &["fsck", "--strict"]);
    let log = git(&repos, &["reflog", "-1", "--format=%gs"]);
    assert_eq!(log, "commit: feat(staging): update api to v1.2.3");
}

#[test]
fn what_an_earlier_run_left_uncommitted_is_committed() {
    let Some(repos) = cloned() else { return };
    bump(&repos, &[]).ok();
    assert_eq!(git(&repos, &["status", "--porcelain"]), format!(" M {STAGING}"));
    bump(&repos, &["--commit"]).is(str![[r#"
environments/staging.yaml:6: api.image.tag: v1.2.2 -> v1.2.3
committed [..] on main
-- exit 0 --

"#]]);
    assert_eq!(git(&repos, &["status", "--porcelain"]), "");
    bump(&repos, &["--commit"]).is(str![[r#"
-- stderr --
nothing to do: every value is already there
-- exit 0 --

"#]]);
}

#[test]
fn what_an_earlier_run_left_is_not_committed_with_other_changes() {
    let Some(repos) = cloned() else { return };
    bump(&repos, &[]).ok();
    repos.sandbox.write(&format!("clone/{STAGING}"), format!("{}# mine\n", staging(&repos)));
    refuses(&repos, "it has other changes that are not committed");
    bump(&repos, &["--commit", "--include-changes"]).ok();
    let committed = git(&repos, &["show", &format!("HEAD:{STAGING}")]);
    assert!(committed.ends_with("# mine") && committed.contains("v1.2.3"), "{committed}");
}

#[test]
fn changes_that_git_was_told_not_to_see_are_seen() {
    let Some(repos) = cloned() else { return };
    for flag in ["assume-unchanged", "skip-worktree"] {
        git(&repos, &["update-index", &format!("--{flag}"), STAGING]);
        let clean = staging(&repos);
        repos.sandbox.write(&format!("clone/{STAGING}"), format!("{clean}# mine\n"));
        refuses(&repos, "it has other changes that are not committed");
        repos.sandbox.write(&format!("clone/{STAGING}"), clean);
        git(&repos, &["update-index", &format!("--no-{flag}"), STAGING]);
    }
}

#[test]
fn an_index_that_only_git_reads_is_named() {
    let Some(repos) = cloned() else { return };
    git(&repos, &["config", "index.sparse", "true"]);
    for n in 0..3 {
        repos.sandbox.write(&format!("clone/far/{n}/x.yaml"), "k: v\n");
    }
    git(&repos, &["add", "-A"]);
    git(&repos, &["commit", "-q", "-m", "more"]);
    git(&repos, &["push", "-q"]);
    git(&repos, &["sparse-checkout", "set", "--cone", "--sparse-index", "environments"]);
    refuses(&repos, "its index is sparse");
    git(&repos, &["sparse-checkout", "reapply", "--no-sparse-index"]);
    bump(&repos, &["--push"]).ok();
}

#[test]
fn a_relative_remote_is_relative_to_the_work_tree() {
    let Some(repos) = cloned() else { return };
    git(&repos, &["remote", "set-url", "origin", "../shop.git"]);
    bump(&repos, &["--push"]).ok();
    assert_eq!(repos.log("shop").len(), 2);
}

/// A hook moves the branch while our push is under way.
#[test]
fn a_push_that_lost_says_where_the_commit_is() {
    let Some(repos) = cloned() else { return };
    repos.lose_once("shop");
    let said = bump(&repos, &["--push"]);
    assert_eq!(said.code, 2);
    let head = git(&repos, &["rev-parse", "--short=10", "HEAD"]);
    let words = format!("the commit {head} is in the checkout");
    assert!(said.stderr.contains(&words), "{}", said.stderr);
    assert_eq!(git(&repos, &["log", "--format=%s", "origin/main.."]).lines().count(), 1);
    git(&repos, &["pull", "-q", "--rebase"]);
    bump(&repos, &["--push"]).is(str![[r#"
pushed [..] on main of [SANDBOX]/work/shop.git
-- exit 0 --

"#]]);
    assert_eq!(repos.log("shop").len(), 3);
    bump(&repos, &["--push"]).is(str![[r#"
-- stderr --
nothing to do: every value is already there
-- exit 0 --

"#]]);
}

/// Somebody else holds the branch's lock for a moment.
#[test]
fn a_push_that_meets_a_lock_is_tried_again() {
    let Some(repos) = cloned() else { return };
    let script = "#!/bin/sh\ntest -e second && { rm -f refs/heads/main.lock; exit 0; }\n\
                  touch second refs/heads/main.lock\nexit 0\n";
    repos.hook("shop", "pre-receive", script);
    bump(&repos, &["--push"]).ok();
    assert_eq!(repos.log("shop").len(), 2);
}
