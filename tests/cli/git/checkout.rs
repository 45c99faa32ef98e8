//! `--commit` and `--push` in a checkout.

use snapbox::str;

use super::{bump, cloned};
use crate::support::Repositories;

const STAGING: &str = "environments/staging.yaml";

fn status(repos: &Repositories) -> String {
    repos.git(&["-C", "clone", "status", "--porcelain"])
}

#[test]
fn commits_the_edited_file_and_leaves_the_rest_as_it_is() {
    let Some(repos) = cloned() else { return };
    repos.sandbox.write("clone/environments/dev.yaml", "staged: true\n");
    repos.git(&["-C", "clone", "add", "environments/dev.yaml"]);
    repos.sandbox.write("clone/environments/dev.yaml", "unstaged: true\n");
    repos.sandbox.write("clone/new.txt", "new");
    let before = status(&repos);
    bump(&repos, &["--commit"]).is(str![[r#"
environments/staging.yaml:6: api.image.tag: v1.2.2 -> v1.2.3
committed [..] on main
-- exit 0 --

"#]]);
    assert_eq!(status(&repos), before);
    let files = repos.git(&["-C", "clone", "show", "--stat", "--format=%s", "HEAD"]);
    assert!(files.starts_with("feat(staging): update api to v1.2.3\n"), "{files}");
    assert!(files.ends_with("1 file changed, 1 insertion(+), 1 deletion(-)"), "{files}");
    repos.git(&["-C", "clone", "fsck", "--strict"]);
    bump(&repos, &["--commit"]).is(str![[r#"
-- stderr --
nothing to do: every value is already there
-- exit 0 --

"#]]);
    assert_eq!(repos.log("shop"), ["init"]);
}

#[test]
fn refuses_a_file_with_other_changes_unless_they_are_wanted() {
    let Some(repos) = cloned() else { return };
    let text = repos.sandbox.read(&format!("clone/{STAGING}"));
    let mine = format!("{text}# mine\n");
    for stage in [false, true] {
        repos.sandbox.write(&format!("clone/{STAGING}"), &mine);
        if stage {
            repos.git(&["-C", "clone", "add", STAGING]);
        }
        bump(&repos, &["--commit"]).is(str![[r#"
-- stderr --
error: cannot commit `environments/staging.yaml`: it has other changes that are not committed
hint: commit or undo them first, or take them along with --include-changes
-- exit 2 --

"#]]);
        assert_eq!(repos.sandbox.read(&format!("clone/{STAGING}")), mine);
    }
    bump(&repos, &["--commit", "--include-changes"]).ok();
    assert_eq!(status(&repos), "");
    let committed = repos.git(&["-C", "clone", "show", &format!("HEAD:{STAGING}")]);
    assert!(committed.ends_with("# mine") && committed.contains("v1.2.3"), "{committed}");
}

#[test]
fn pushes_to_the_upstream_and_takes_unpushed_commits_along() {
    let Some(repos) = cloned() else { return };
    repos.git(&["-C", "clone", "commit", "-q", "--allow-empty", "-m", "mine"]);
    bump(&repos, &["--push"]).is(str![[r#"
environments/staging.yaml:6: api.image.tag: v1.2.2 -> v1.2.3
pushed [..] on main of [SANDBOX]/work/shop.git
-- exit 0 --

"#]]);
    assert_eq!(repos.log("shop"), ["feat(staging): update api to v1.2.3", "mine", "init"]);
    assert_eq!(repos.git(&["-C", "clone", "status", "--porcelain", "-b"]), "## main...origin/main");
    repos.is_sound("shop");
}

#[test]
fn when_behind_it_says_so_before_anything_is_written() {
    let Some(repos) = cloned() else { return };
    repos.gitops(&["--repo", "shop.git", "bump-tag", "web=v9", "-e", "staging"]).ok();
    bump(&repos, &["--push"]).is(str![[r#"
-- stderr --
error: cannot push to `origin/main`: it has commits that are not here
hint: run `git pull --rebase`, or let gitops edit the remote's branch itself: --repo [SANDBOX]/work/shop.git --branch main
-- exit 2 --

"#]]);
    assert_eq!(status(&repos), "");
    assert_eq!(repos.git(&["-C", "clone", "log", "--format=%s"]), "init");
}

#[test]
fn pushes_without_git_too() {
    let Some(repos) = cloned() else { return };
    let mut command =
        repos.command(&["-C", "clone", "bump-tag", "api=v1.2.3", "-e", "staging", "--push"]);
    repos.sandbox.finish(command.env("PATH", "/nonexistent")).ok();
    assert_eq!(repos.log("shop").len(), 2);
    repos.is_sound("shop");
}

#[test]
fn a_detached_head_and_a_missing_upstream_are_said() {
    let Some(repos) = cloned() else { return };
    repos.git(&["-C", "clone", "checkout", "-q", "--detach"]);
    let detached = bump(&repos, &["--push"]);
    assert!(detached.stderr.contains("HEAD is detached"), "{}", detached.stderr);
    bump(&repos, &["--commit"]).ok();
    assert_eq!(
        repos.git(&["-C", "clone", "log", "-1", "--format=%s"]),
        "feat(staging): update api to v1.2.3"
    );
    repos.git(&["-C", "clone", "checkout", "-q", "-b", "lonely"]);
    let lonely = bump(&repos, &["--push"]);
    assert!(lonely.stderr.contains("`lonely` has no upstream"), "{}", lonely.stderr);
}

#[test]
fn a_linked_work_tree_commits_to_its_own_branch() {
    let Some(repos) = cloned() else { return };
    repos.git(&["-C", "clone", "worktree", "add", "-q", "../linked", "-b", "side"]);
    let args = ["-C", "linked", "bump-tag", "api=v1.2.3", "-e", "staging", "--commit"];
    repos.gitops(&args).ok();
    assert_eq!(repos.git(&["-C", "linked", "status", "--porcelain"]), "");
    assert_eq!(
        repos.git(&["-C", "clone", "log", "--format=%s", "side", "-1"]),
        "feat(staging): update api to v1.2.3"
    );
    assert_eq!(repos.git(&["-C", "clone", "log", "--format=%s", "main"]), "init");
}

#[test]
fn attributes_decide_how_the_file_is_stored() {
    let Some(repos) = cloned() else { return };
    repos.sandbox.write("clone/.gitattributes", "*.yaml text eol=crlf\n");
    repos.git(&["-C", "clone", "add", ".gitattributes"]);
    repos.git(&["-C", "clone", "commit", "-q", "-m", "attributes"]);
    std::fs::remove_file(repos.sandbox.path(format!("clone/{STAGING}"))).unwrap();
    repos.git(&["-C", "clone", "checkout", "--", STAGING]);
    assert!(repos.sandbox.read(&format!("clone/{STAGING}")).contains("\r\n"));
    bump(&repos, &["--commit"]).ok();
    let stored = repos.git(&["-C", "clone", "cat-file", "blob", &format!("HEAD:{STAGING}")]);
    assert!(!stored.contains('\r') && stored.contains("v1.2.3"), "{stored:?}");
    assert!(repos.sandbox.read(&format!("clone/{STAGING}")).contains("v1.2.3 "));
    assert_eq!(status(&repos), "");
}

#[test]
fn a_merge_in_progress_is_left_alone() {
    let Some(repos) = cloned() else { return };
    let head = repos.git(&["-C", "clone", "rev-parse", "HEAD"]);
    repos.sandbox.write("clone/.git/MERGE_HEAD", format!("{head}\n"));
    let said = bump(&repos, &["--commit"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("a merge, rebase or the like is in progress"), "{}", said.stderr);
    assert_eq!(status(&repos), "");
}

#[test]
fn a_branch_of_a_checkout_is_not_chosen_by_a_flag() {
    let Some(repos) = cloned() else { return };
    let said = bump(&repos, &["--branch", "other"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("cannot use --branch in a checkout"), "{}", said.stderr);
}
