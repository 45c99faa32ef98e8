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

const GIT: &str = "git -c user.name=a -c user.email=a -c protocol.file.allow=always";

/// What is checked out, whatever became of it, has no part in a revision's digest.
#[test]
fn a_revision_does_not_depend_on_the_work_tree() {
    let changes = [
        "mv sub bak; ln -s other sub",
        "rm -rf sub",
        "rm -rf sub; echo 1 > sub",
        "chmod 000 sub",
        "rm -rf sub/*; git init -q sub; cd sub; echo 3 > new; git add -A; $GIT commit -qm nested",
        "git init -q --bare sub",
        "rm -rf sub; git clone -q . sub",
        "mv sub Sub; git update-index --assume-unchanged sub/f; git checkout -q --detach",
        "mv ../repo ../moved; ln -s moved ../repo",
    ];
    for change in changes {
        let Some(sandbox) = repository() else { return };
        let setup = "cd repo; mkdir sub other; echo 1 > sub/f; echo 2 > other/f
            git add -A; $GIT commit -qm two; git rev-parse HEAD:sub";
        let expected = shell(&sandbox, &setup.replace("$GIT", GIT), &[]);
        shell(&sandbox, &format!("cd repo; {}", change.replace("$GIT", GIT)), &[]);
        let absolute = sandbox.path("repo/sub");
        let v2 = shell(&sandbox, "git -C repo rev-parse HEAD", &[]);
        for args in [
            &["repo/sub"][..],
            &["repo/./other/../sub/"],
            &[absolute.to_str().unwrap()],
            &["-C", "repo", "sub"],
            &["-C", "repo/other", "../sub"],
            &["-C", "repo/.git/..", "sub"],
        ] {
            let git = ["--git", v2.trim(), "--format", "git-tree"];
            let found = digest(&sandbox, &[&git[..], args].concat());
            assert_eq!(found, expected.trim(), "{change}: {args:?}");
        }
    }
}

#[test]
fn a_repository_within_another_is_named_by_standing_in_it() {
    let Some(sandbox) = repository() else { return };
    let script = "git init -q repo/nested; cd repo/nested; mkdir app; echo 1 > app/new
        git add -A; $GIT commit -qm nested; git rev-parse HEAD:app";
    let expected = shell(&sandbox, &script.replace("$GIT", GIT), &[]);
    let tree = ["--git", "HEAD", "--format", "git-tree"];
    let inside = digest(&sandbox, &[&["-C", "repo/nested", "app"], &tree[..]].concat());
    assert_eq!(inside, expected.trim());
    sandbox.gitops(&["digest-dir", "repo/nested/app", "--git", "HEAD"]).is(str![[r#"
-- stderr --
error: cannot digest `repo/nested/app`: there is no directory `nested/app` in `HEAD`
hint: is it committed? `-C` goes into a repository within another
-- exit 2 --

"#]]);
    shell(
        &sandbox,
        &"cd repo/app; ln -s sub way; git add way; $GIT commit -qm x".replace("$GIT", GIT),
        &[],
    );
    sandbox.gitops(&["digest-dir", "-C", "repo", "app/way", "--git", "HEAD"]).is(str![[r#"
-- stderr --
error: cannot digest `app/way`: `app/way` is a symbolic link in `HEAD`
hint: name the directory that it leads to
-- exit 2 --

"#]]);
}

/// Git would not write them today, but keeps them.
#[test]
fn the_id_of_a_tree_is_the_one_that_git_has() {
    let Some(sandbox) = repository() else { return };
    let script = r#"cd repo; blob=$(git hash-object -w .gitattributes)
        empty=$(git hash-object -t tree -w /dev/null)
        bytes() { printf "$(printf %s "$1" | sed 's/../\\x&/g')"; }
        { printf '40000 empty\0'; bytes $empty; printf '100600 private\0'; bytes $blob; } > ../tree
        git hash-object -t tree -w --literally ../tree"#;
    let expected = shell(&sandbox, script, &[]);
    let args = ["-C", "repo", "--format", "git-tree", "--git", expected.trim()];
    assert_eq!(digest(&sandbox, &args), expected.trim());
    let pruned =
        digest(&sandbox, &[&args[..], &["--exclude", "/private", "--allow-empty"]].concat());
    assert_eq!(pruned, "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "what is left is empty");
}

#[test]
fn clones_that_lack_something_say_how_to_get_it() {
    let Some(sandbox) = repository() else { return };
    shell(
        &sandbox,
        &"git -C repo config uploadpack.allowFilter true; cd repo; $GIT commit -q --allow-empty -m two; cd ..
         for filter in depth=1 filter=blob:none filter=tree:0; do
             git clone -q --no-checkout --$filter file://$PWD/repo ${filter%%=*}-${filter##*[=:]}
         done
         git init -q --object-format=sha256 sha256".replace("$GIT", GIT),
        &[],
    );
    let cases = [
        ("depth-1", "HEAD~1", "this clone is shallow: `git fetch --unshallow` gets all revisions"),
        (
            "filter-none",
            "HEAD",
            "a partial clone lacks contents: `git fetch --refetch --no-filter` gets them",
        ),
        (
            "filter-0",
            "HEAD",
            "a partial clone lacks contents: `git fetch --refetch --no-filter` gets them",
        ),
        (
            "sha256",
            "HEAD",
            "`--git` reads SHA-1 repositories only; check the revision out, and digest that",
        ),
    ];
    for (clone, revision, hint) in cases {
        let output = sandbox.gitops(&["digest-dir", "-C", clone, "app", "--git", revision]);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{clone}");
        assert!(
            output.stderr.ends_with(&format!("\nhint: {hint}\n")),
            "{clone}: {}",
            output.stderr
        );
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
    sandbox.gitops(&["digest-dir", "--git", "HEAD", "outer/module/app"]).is(str![[r#"
-- stderr --
error: cannot digest `outer/module/app`: `module` is a submodule in `HEAD`
hint: `-C` goes into its own repository
-- exit 2 --

"#]]);
}

#[test]
fn says_what_is_not_there() {
    let Some(sandbox) = repository() else { return };
    sandbox.gitops(&["digest-dir", "--git", "v1", "repo/none"]).is(str![[r#"
-- stderr --
error: cannot digest `repo/none`: there is no directory `none` in `v1`
hint: is it committed? `-C` goes into a repository within another
-- exit 2 --

"#]]);
    sandbox.gitops(&["digest-dir", "--git", "v9", "repo/app"]).is(str![[r#"
-- stderr --
error: cannot digest `repo/app` in `v9`: revspec 'v9' not found
hint: is it fetched? `git rev-parse` tells what it is called
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
