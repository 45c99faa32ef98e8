//! Equality with Git: `git write-tree`, `git rev-parse`, clones, bare repositories.

use std::fs;

use super::trees::{samples, sandbox};
use super::{digest, shell};
use crate::support::{Sandbox, installed};
use snapbox::str;

#[test]
fn the_tree_that_git_would_write() {
    if !installed(&["bash", "git"]) {
        return;
    }
    let sandbox = sandbox(&samples());
    for (name, _) in samples() {
        for (object_format, format) in [("sha1", "git-tree"), ("sha256", "git-tree-sha256")] {
            let script = r#"rm -rf copy; cp -a "$1" copy; cd copy
                git init -q --object-format="$2"; git add -A; git write-tree"#;
            let expected = shell(&sandbox, script, &[name, object_format]);
            let found = digest(&sandbox, &["--format", format, name]);
            assert_eq!(found, expected.trim(), "{name}");
            // The repository's own directory is no part of it.
            assert_eq!(digest(&sandbox, &["--format", format, "copy"]), found, "{name}");
        }
    }
}

const SETUP: &str = r#"
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
    git init -q -b main repo; cd repo
    printf '* text=auto eol=crlf\n' > .gitattributes
    mkdir -p app/sub; printf 'a\nb\n' > app/sub/text; printf x > app/run; chmod +x app/run
    ln -s sub/text app/link; printf 1 > "app/$(printf '\377')"
    git add -A; git commit -qm one; git tag v1"#;

fn repository() -> Option<Sandbox> {
    if !installed(&["bash", "git"]) {
        return None;
    }
    let sandbox = Sandbox::new();
    shell(&sandbox, SETUP, &[]);
    Some(sandbox)
}

#[test]
fn a_committed_tree_without_a_checkout() {
    let Some(sandbox) = repository() else { return };
    let expected = shell(&sandbox, "git -C repo rev-parse v1:app", &[]);
    let tree = ["--git", "v1", "--format", "git-tree"];
    assert_eq!(digest(&sandbox, &[&tree[..], &["repo/app"]].concat()), expected.trim());
    assert_eq!(
        digest(&sandbox, &[&tree[..], &["repo/app"]].concat()),
        digest(&sandbox, &["--format", "git-tree", "repo/app"])
    );

    let formats = ["gd1", "seed-rel", "git-tree", "git-tree-sha256", "swh", "nar", "seed-content"];
    let all = |dir: &str| {
        formats.map(|format| digest(&sandbox, &["--format", format, "--git", "v1", dir]))
    };
    let before = all("repo/app");
    assert_eq!(before, formats.map(|format| digest(&sandbox, &["--format", format, "repo/app"])));
    shell(&sandbox, "git clone -q --bare repo bare.git; rm -rf repo/app; echo x > repo/new", &[]);
    assert_eq!(all("repo/app"), before, "the directory is not on disk");
    assert_eq!(all("bare.git/app"), before, "the repository is bare");
    let args = ["-C", "bare.git", "digest-dir", "app", "--git", "v1"];
    assert_eq!(sandbox.gitops(&args).ok().stdout.trim(), before[0]);
    let root = shell(&sandbox, "git -C repo rev-parse v1^{tree}", &[]);
    assert_eq!(digest(&sandbox, &[&tree[..], &["repo"]].concat()), root.trim());
}

#[test]
fn line_endings_of_a_checkout_are_not_those_of_the_commit() {
    let Some(sandbox) = repository() else { return };
    shell(&sandbox, "git clone -q repo clone", &[]);
    let committed = digest(&sandbox, &["--git", "HEAD", "clone/app"]);
    assert_eq!(committed, digest(&sandbox, &["--git", "v1", "repo/app"]));
    assert_ne!(committed, digest(&sandbox, &["clone/app"]), "eol=crlf has no effect");
}

#[test]
fn a_clone_has_the_same_digests_as_the_original() {
    let Some(sandbox) = repository() else { return };
    shell(
        &sandbox,
        "rm repo/.gitattributes; git -C repo -c user.name=a -c user.email=a commit -qam two; git clone -q repo clone",
        &[],
    );
    for format in ["gd1", "git-tree", "git-tree-sha256"] {
        let args = ["--format", format];
        let both = ["repo", "clone"].map(|dir| digest(&sandbox, &[&args[..], &[dir]].concat()));
        assert_eq!(both[0], both[1], "{format}");
    }
}

#[test]
fn submodules_are_gits_only() {
    let Some(sandbox) = repository() else { return };
    shell(
        &sandbox,
        "git init -q outer; cd outer; git -c protocol.file.allow=always submodule --quiet add ../repo module
         git -c user.name=a -c user.email=a commit -qm one",
        &[],
    );
    let expected = shell(&sandbox, "git -C outer rev-parse HEAD:", &[]);
    let args = ["--git", "HEAD", "outer", "--format"];
    assert_eq!(digest(&sandbox, &[&args[..], &["git-tree"]].concat()), expected.trim());
    sandbox.gitops(&["digest-dir", "--git", "HEAD", "outer"]).is(str![[r#"
-- stderr --
error: cannot digest `module`: it is a submodule, whose files are in another repository
hint: leave it out with `--exclude`, or use `--format git-tree`
-- exit 2 --

"#]]);
    digest(&sandbox, &["--git", "HEAD", "outer", "--exclude", "/module"]);
}

#[test]
fn says_what_is_not_there() {
    let Some(sandbox) = repository() else { return };
    sandbox.gitops(&["digest-dir", "--git", "v1", "repo/none"]).is(str![[r#"
-- stderr --
error: cannot digest `repo/none`: there is no directory `none` in `v1`
hint: is it committed?
-- exit 2 --

"#]]);
    sandbox.gitops(&["digest-dir", "--git", "v9", "repo/app"]).is(str![[r#"
-- stderr --
error: cannot digest `repo/app` in `v9`: revspec 'v9' not found
hint: a shallow clone has few revisions; fetch it first
-- exit 2 --

"#]]);
    sandbox.gitops(&["digest-dir", "--git", "HEAD"]).is(str![[r#"
-- stderr --
error: cannot digest `.` in `HEAD`: could not find repository at '[..]'
-- exit 2 --

"#]]);
    fs::create_dir(sandbox.path("repo/app/.GIT")).unwrap();
    fs::write(sandbox.path("repo/app/.GIT/x"), "").unwrap();
    sandbox.gitops(&["digest-dir", "--format", "git-tree", "repo/app"]).is(str![[r#"
-- stderr --
error: cannot digest `.GIT` as `git-tree`: Git holds no entry of that name
hint: use another `--format`, or `--exclude` it
-- exit 2 --

"#]]);
}
