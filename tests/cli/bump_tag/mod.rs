//! `bump-tag` in a directory, as a user runs it.

mod cases;
mod crash;
mod hostile;

use snapbox::str;

use crate::support::Sandbox;

#[test]
fn changes_one_token_of_one_environment() {
    let sandbox = Sandbox::shop();
    let before = sandbox.read("environments/staging.yaml");
    sandbox.gitops(&["bump-tag", "api=v1.2.3", "-e", "staging"]).is(str![[r#"
environments/staging.yaml:6: api.image.tag: v1.2.2 -> v1.2.3
-- exit 0 --

"#]]);
    assert_eq!(sandbox.read("environments/staging.yaml"), before.replace("v1.2.2", "v1.2.3"));
}

#[test]
fn git_applies_the_dry_run() {
    let sandbox = Sandbox::shop();
    sandbox.write("environments/staging.yaml", "image: ghcr.io/acme/api:v1\r\nlast: \"é\"");
    let args = ["bump-tag", "api=v2", "-e", "staging", "--dry-run"];
    let diff = sandbox.gitops_command(&args).output().unwrap().stdout;
    sandbox.write("the.diff", diff);
    let applied = sandbox.command("git").args(["apply", "the.diff"]).output();
    let applied = applied.expect("git is needed: install it");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    assert_eq!(
        sandbox.read("environments/staging.yaml"),
        "image: ghcr.io/acme/api:v2\r\nlast: \"é\""
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_inside_and_refused_outside() {
    use std::os::unix::fs::symlink;
    let sandbox = Sandbox::shop();
    let real = sandbox.path("environments/staging.yaml");
    let before = sandbox.read("environments/staging.yaml");
    symlink(&real, sandbox.path("link.yaml")).unwrap();
    let output = sandbox.gitops(&["bump-tag", "api=v1.2.3", "--file", "link.yaml"]);
    assert_eq!(output.code, 0, "{}", output.render());
    assert!(sandbox.path("link.yaml").is_symlink());
    assert_eq!(sandbox.read("environments/staging.yaml"), before.replace("v1.2.2", "v1.2.3"));

    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), &before).unwrap();
    symlink(outside.path(), sandbox.path("environments/dev2.yaml")).unwrap();
    let output = sandbox.gitops(&["bump-tag", "api=v1.2.3", "--file", "environments/dev2.yaml"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("is outside the repository"), "{}", output.stderr);
    assert_eq!(std::fs::read_to_string(outside.path()).unwrap(), before);
}

#[test]
fn says_under_verbose_when_one_reader_had_to_do() {
    let sandbox = Sandbox::new();
    sandbox.write("f.yaml", "a: {\n}\nimage: acme/api:v1\n");
    sandbox.gitops(&["bump-tag", "api=v2", "--file", "f.yaml", "-v"]).is(str![[r#"
f.yaml:3: image: acme/api:v1 -> acme/api:v2
-- stderr --
`f.yaml`: checked with one YAML reader; the second cannot read it: [..]
-- exit 0 --

"#]]);
}

#[test]
fn a_file_in_no_repository_needs_none() {
    let sandbox = Sandbox::new();
    sandbox.write("here/x", "");
    sandbox.write("there/f.yaml", "a: 1\n");
    let output =
        sandbox.gitops(&["-C", "here", "bump-tag", "--file", "../there/f.yaml", "--set", "a=2"]);
    assert_eq!(output.code, 0, "{}", output.render());
    assert_eq!(sandbox.read("there/f.yaml"), "a: \"2\"\n");
}

#[test]
fn what_belongs_to_git_or_to_another_repository_is_refused() {
    let sandbox = Sandbox::shop();
    sandbox.write(".git/f.yaml", "a: v1\n");
    sandbox.write("sub/.git", "gitdir: ../elsewhere\n");
    sandbox.write("sub/f.yaml", "a: v1\n");
    for (file, cause) in
        [(".git/f.yaml", "it belongs to Git"), ("sub/f.yaml", "`sub` is another repository")]
    {
        let output = sandbox.gitops(&["bump-tag", "--file", file, "--set", "a=v2"]);
        assert_eq!(output.code, 2);
        assert!(output.stderr.contains(cause), "{}", output.stderr);
        assert_eq!(sandbox.read(file), "a: v1\n");
    }
}

#[cfg(unix)]
#[test]
fn two_names_of_one_file_lose_no_update() {
    let sandbox = Sandbox::new();
    sandbox.write("shared.yaml", "api: {image: {tag: v1}}\nweb: {image: {tag: v1}}\n");
    std::fs::create_dir_all(sandbox.path("environments/staging")).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        std::os::unix::fs::symlink(
            "../../shared.yaml",
            sandbox.path("environments/staging").join(name),
        )
        .unwrap();
    }
    sandbox.gitops(&["bump-tag", "api=v2", "web=v3", "-e", "staging"]).is(str![[r#"
shared.yaml:1: api.image.tag: v1 -> v2
shared.yaml:2: web.image.tag: v1 -> v3
-- exit 0 --

"#]]);
    assert_eq!(sandbox.read("shared.yaml"), "api: {image: {tag: v2}}\nweb: {image: {tag: v3}}\n");
}

#[test]
fn empty_variables_are_none() {
    let sandbox = Sandbox::shop();
    let mut command = sandbox.gitops_command(&["bump-tag", "api=v2", "-e", "staging", "-v"]);
    for name in ["GITOPS_FILE", "GITOPS_CONFIG", "GITOPS_OUTPUT"] {
        command.env(name, "");
    }
    let output = sandbox.finish(command.env("GITOPS_QUIET", "false"));
    assert_eq!(output.code, 0, "{}", output.render());
    // Without it there would be no guard, although the pipeline asks for one.
    let mut command = sandbox.gitops_command(&["bump-tag", "api=v3", "-e", "staging"]);
    let output = sandbox.finish(command.env("GITOPS_EXPECT", ""));
    assert_eq!(output.code, 3, "{}", output.render());
}
