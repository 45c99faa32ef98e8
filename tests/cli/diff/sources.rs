//! What the operands mean, and files that are easily overlooked.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::support::{Repository, Sandbox};

#[test]
fn a_name_means_what_it_says() {
    let repository = Repository::new();
    repository.sandbox.write("a.yaml", "a: 1\n");
    repository.commit("one");
    // The remote's branch of the same name, and its HEAD, are behind.
    repository.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repository.git(&["update-ref", "refs/remotes/origin/only", "HEAD"]);
    repository.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    repository.git(&["branch", "-M", "main"]);
    repository.sandbox.write("a.yaml", "a: 2\n");
    repository.commit("two");
    for args in
        [&["diff", "HEAD...main"][..], &["diff", "main...HEAD"], &["diff", "--base", "main"]]
    {
        let output = repository.sandbox.gitops(&[args, &["--exit-code"]].concat());
        assert_eq!(output.code, 0, "{args:?}: {}", output.render());
    }
    // What is only there as the remote's is that; a pull request's target is the remote's.
    let output = repository.sandbox.gitops(&["diff", "--base", "only", "--exit-code"]);
    assert_eq!(output.code, 1, "{}", output.render());
    let mut command = repository.sandbox.gitops_command(&["diff", "--exit-code"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_BASE_REF", "main");
    assert_eq!(repository.sandbox.finish(&mut command).code, 1);
}

#[test]
fn names_that_are_no_utf8_are_compared() {
    let repository = Repository::new();
    let name = repository.sandbox.path(OsStr::from_bytes(b"b\xff.yaml"));
    repository.sandbox.write("a.yaml", "a: 1\n");
    repository.commit("one");
    std::fs::write(&name, "b: 1\n").unwrap();
    let output = repository.sandbox.gitops(&["diff", "--exit-code"]);
    assert_eq!(output.code, 1, "{}", output.render());
    assert!(output.stdout.contains("b\\xFF.yaml"), "{}", output.render());
    repository.commit("two");
    std::fs::write(&name, "b: 2\n").unwrap();
    repository.commit("three");
    let output = repository.sandbox.gitops(&["diff", "HEAD~1..HEAD"]);
    assert!(output.stdout.contains("b: 1 → 2"), "{}", output.render());
    std::fs::create_dir(repository.sandbox.path("d")).unwrap();
    std::fs::create_dir(repository.sandbox.path("e")).unwrap();
    let name = OsStr::from_bytes(b"x\xff.yaml");
    std::fs::write(repository.sandbox.path("d").join(name), "x: 1\n").unwrap();
    std::fs::write(repository.sandbox.path("e").join(name), "x: 2\n").unwrap();
    let output = repository.sandbox.gitops(&["diff", "d", "e"]);
    assert!(output.stdout.contains("x: 1 → 2"), "{}", output.render());
}

#[test]
fn a_merge_that_is_not_resolved_is_refused() {
    let repository = Repository::new();
    repository.sandbox.write("a.yaml", "a: 1\n");
    repository.commit("one");
    repository.git(&["branch", "-M", "main"]);
    repository.git(&["checkout", "-q", "-b", "other"]);
    repository.sandbox.write("a.yaml", "a: 2\n");
    repository.commit("two");
    repository.git(&["checkout", "-q", "main"]);
    repository.sandbox.write("a.yaml", "a: 3\n");
    repository.commit("three");
    let mut merge = repository.sandbox.command("git");
    assert_ne!(
        repository
            .sandbox
            .finish(merge.args([
                "-c",
                "user.name=x",
                "-c",
                "user.email=x@example.com",
                "merge",
                "-q",
                "other",
            ]))
            .code,
        0
    );
    let output = repository.sandbox.gitops(&["diff"]);
    assert!(output.stderr.contains("a merge is not resolved"), "{}", output.render());
    assert!(output.stderr.contains("hint: resolve it"), "{}", output.render());
}

#[test]
fn kubectl_names_are_known_one_by_one() {
    let sandbox = Sandbox::new();
    let object = |name: &str, x: u8| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: \"{x}\", b: c}}\n"
        )
    };
    for (dir, x) in [("LIVE-1", 1), ("MERGED-1", 2)] {
        for name in ["foo.yaml", "bar"] {
            sandbox.write(&format!("{dir}/v1.ConfigMap.shop.{name}"), object(name, x));
        }
    }
    let output = sandbox.gitops(&["diff", "LIVE-1", "MERGED-1"]);
    assert_eq!(output.stdout.matches("data.a: \"1\" → \"2\"").count(), 2, "{}", output.render());
}

#[test]
fn what_only_looks_the_same_differs() {
    let cases = [
        ("a.yaml", "a: !Sub foo\n", "a: !Ref foo\n"),
        ("a.yaml", "a: !Ref x\n", "a: x\n"),
        ("a.yaml", "a: !!binary aGk=\n", "a: aGk=\n"),
        ("a.yaml", "a: !GetAtt [x, y]\n", "a: [x, y]\n"),
    ];
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {storage: 1Gi}}\ndata: {storage: 1Gi, a.yaml: \"limits: {cpu: 1}\"}\n";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: x, env: [{name: storage, value: 1Gi}], resources: {limits: {memory: 1Gi}}}]}}}\n";
    let more = [
        ("m.yaml", map.to_owned(), map.replace("data: {storage: 1Gi", "data: {storage: 1024Mi")),
        (
            "m.yaml",
            map.to_owned(),
            map.replace("labels: {storage: 1Gi", "labels: {storage: 1024Mi"),
        ),
        ("m.yaml", map.to_owned(), map.replace("cpu: 1}", "cpu: 1000m}")),
        ("d.yaml", deployment.to_owned(), deployment.replace("value: 1Gi", "value: 1024Mi")),
    ];
    let cases = cases.map(|(name, a, b)| (name, a.to_owned(), b.to_owned()));
    for (name, old, new) in cases.into_iter().chain(more) {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("old/{name}"), &old);
        sandbox.write(&format!("new/{name}"), &new);
        let output = sandbox.gitops(&["diff", "old", "new", "--exit-code"]);
        assert_eq!(output.code, 1, "{old}{new}{}", output.render());
    }
    let sandbox = Sandbox::new();
    sandbox.write("old.yaml", deployment);
    sandbox.write("new.yaml", deployment.replace("memory: 1Gi", "memory: 1024Mi"));
    assert_eq!(sandbox.gitops(&["diff", "old.yaml", "new.yaml", "--exit-code"]).code, 0);
}
