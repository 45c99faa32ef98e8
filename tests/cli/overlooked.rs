//! What `validate`, `status` and `history` must not pass over in silence, nor invent.

use std::os::unix::fs::symlink;

use crate::support::Repository;

const CONFIG: &str = "environments:\n  prod: {files: [prod/**]}\n";

#[test]
fn validate_goes_on_behind_a_broken_configuration() {
    for (config, said) in [
        ("enviroments: {}\n", "gitops.yaml:1: configuration: unknown key"),
        ("a: b: c\n", "gitops.yaml:1: configuration: "),
    ] {
        let repository = Repository::new();
        repository.sandbox.write("gitops.yaml", config);
        repository.sandbox.write("x.yaml", "a: [\n");
        let output = repository.sandbox.gitops(&["validate"]);
        assert_eq!(output.code, 1, "{}", output.render());
        assert!(output.stdout.contains(said), "{}", output.render());
        assert!(output.stdout.contains("x.yaml:1: invalid-yaml"), "{}", output.render());
    }
}

#[test]
fn validate_finds_what_is_easily_missed() {
    let repository = Repository::new();
    repository.sandbox.write(
        "gitops.yaml",
        "environments:\n  prod: {files: [prod/**]}\n  x: {files: [a/**, b/**]}\n",
    );
    repository.sandbox.write(
        "prod/values.yaml",
        "image: {repository: r.io/a}\nweb: {image: {repository: r.io/b, tag: \"\"}}\nx: {image: {repository: r.io/c, tag: }}\n",
    );
    repository.sandbox.write("prod/x.json", "{\"a\": 1,}\n");
    repository.sandbox.write("prod/o.yaml", "kind: ConfigMap\nmetadata: {name: x}\n");
    symlink("nowhere", repository.sandbox.path("prod/l.yaml")).unwrap();
    let output = repository.sandbox.gitops(&["validate"]);
    for wanted in [
        "`a/**`, `b/**`",
        "missing-tag: `image`: the image `r.io/a`",
        "`r.io/b` has neither",
        "`r.io/c` has neither",
        "prod/x.json:1: invalid-yaml: not valid JSON",
        "the ConfigMap has no `apiVersion`",
        "prod/l.yaml:1: dangling-link",
    ] {
        assert!(output.stdout.contains(wanted), "{wanted}: {}", output.render());
    }
    let object = |number: u8| format!("---\nkind: X\nmetadata: {{name: a{number}}}\n");
    let many: String = (0..12).map(object).collect();
    repository.sandbox.write("prod/many.yaml", many);
    let output = repository.sandbox.gitops(&["validate", "-o", "github"]);
    assert!(output.stdout.contains("title=gitops validate::"), "{}", output.render());
}

#[test]
fn status_says_what_it_cannot_read() {
    let repository = Repository::new();
    repository
        .sandbox
        .write("gitops.yaml", "environments:\n  a: {files: [a.yaml]}\n  b: {files: [b.yaml]}\n");
    repository.sandbox.write("a.yaml", "web: {image: {repository: r.io/web, tag: v1}}\n");
    repository.sandbox.write("b.yaml", "x: [\n");
    repository.commit("start");
    for format in ["text", "markdown", "json", "html"] {
        let output = repository.sandbox.gitops(&["status", "--exit-code", "-o", format]);
        assert_eq!(output.code, 1, "{}", output.render());
        assert!(output.stdout.contains("unreadable"), "{}", output.render());
    }
}

#[test]
fn history_invents_nothing() {
    let repository = Repository::new();
    repository.sandbox.write("gitops.yaml", CONFIG);
    let values = |tag: &str| format!("web: {{image: {{repository: r.io/web, tag: {tag}}}}}\n");
    repository.sandbox.write("prod/a.yaml", values("v1"));
    repository.commit("one");
    repository.sandbox.write("prod/a.yaml", values("v2"));
    repository.commit("two");
    repository.git(&["mv", "prod/a.yaml", "prod/b.yaml"]);
    repository.commit("moved");
    repository.git(&["mv", "prod/b.yaml", "prod/c.yaml"]);
    repository.sandbox.write("prod/c.yaml", values("v3"));
    repository.commit("moved and set");
    let output = repository.sandbox.gitops(&["history", "-o", "json"]);
    let seen: Vec<String> = output.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| format!("{} {} {}", change["subject"], change["before"], change["after"]))
        .collect();
    let expected = [r#""moved and set" "v2" "v3""#, r#""two" "v1" "v2""#, r#""one" null "v1""#];
    let mut sorted = [seen.clone(), expected.map(str::to_owned).to_vec()];
    for side in &mut sorted {
        side.sort();
    }
    assert_eq!(sorted[0], sorted[1]);
    // A shallow clone does not know what was before its oldest commit.
    let root = repository.sandbox.path("");
    let clone = repository.sandbox.path("../clone");
    let from = format!("file://{}", root.display());
    let to = clone.display().to_string();
    repository.git(&["clone", "-q", "--depth", "2", &from, &to]);
    let output = repository.sandbox.gitops(&["history", "--repo", &to, "-o", "json"]);
    let changes = output.json()["changes"].as_array().unwrap().len();
    assert_eq!(changes, 1, "{}", output.render());
    for command in ["history", "status"] {
        let output = repository.sandbox.gitops(&[command, "--app", "wbe"]);
        assert_ne!(output.code, 0);
        assert!(output.stderr.contains("hint: there are web"), "{}", output.render());
        let output = repository.sandbox.gitops(&[command, "--repo", "https://example.com/x.git"]);
        assert!(output.stderr.contains("this command works in a checkout"), "{}", output.render());
    }
}
