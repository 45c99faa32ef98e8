//! `gitops validate`: all findings in one run.

use snapbox::str;

use crate::support::Sandbox;

fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "gitops.yaml",
        "environments:\n  prod: {files: [envs/prod.yaml]}\n  gone: {files: [envs/gone.yaml]}\n  shop:\n    files: [shop/**]\n    render: {kind: kustomize, path: overlays/shop}\napps:\n  api: {image: ghcr.io/acme/api}\n  ghost: {image: ghcr.io/acme/ghost}\npolicy:\n  registries: [ghcr.io/acme/*]\n  deny-tags: [latest]\n",
    );
    sandbox.write("envs/prod.yaml", "api: {image: {repository: ghcr.io/acme/api, tag: latest}}\nweb: {image: docker.io/library/nginx}\n");
    sandbox.write("shop/a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: \"2\"\n  template:\n    spec:\n      containers:\n      - {name: a, image: ghcr.io/acme/api:v1, env: [{name: X, value: 1}]}\n");
    sandbox.write("shop/b.yaml", "a: 1\nb: 2\na: 3\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\n---\napiVersion: v1\nkind: Service\nspec: {}\n");
    sandbox.write("shop/broken.yaml", "a: [1\n");
    sandbox.write("chart/Chart.yaml", "apiVersion: v2\nname: chart\n");
    sandbox.write("chart/templates/d.yaml", "{{ if }}\n");
    sandbox
}

#[test]
fn reports_everything_in_one_run() {
    let sandbox = repository();
    sandbox.gitops(&["validate"]).is(str![[r#"
envs/prod.yaml:1: policy: `api.image.tag`: the policy denies the tag `latest`
envs/prod.yaml:2: missing-tag: `web.image`: the image `docker.io/library/nginx` has neither tag nor digest
envs/prod.yaml:2: policy: `web.image`: the policy does not allow images of `docker.io/library/nginx`
gitops.yaml:3: configuration: cannot find the files of `gone`: nothing matches `envs/gone.yaml`
gitops.yaml:6: configuration: `render.path` of `shop`: there is no `overlays/shop`
gitops.yaml:9: configuration: no file deploys the app `ghost`
shop/a.yaml:5: shape: Deployment a: `spec.replicas`: must be a whole number, not a string
shop/a.yaml:5: shape: Deployment a: `spec`: `selector` is missing
shop/a.yaml:9: shape: Deployment a: `spec.template.spec.containers[0].env[0].value`: must be a string, not a number; put it in quotes
shop/b.yaml:3: duplicate-key: the key `a` stands twice: lines 1 and 3
shop/b.yaml:9: duplicate-object: ConfigMap twice is declared twice: shop/b.yaml:5 and shop/b.yaml:9
shop/b.yaml:13: missing-name: the Service has no `metadata.name`
shop/broken.yaml:1: invalid-yaml: not valid YAML: unclosed bracket '['
-- stderr --
13 findings in 6 files, 8 documents; left to helm: 1 template
-- exit 1 --

"#]]);
    sandbox.gitops(&["validate", "-e", "prod", "-o", "github"]).is(str![[r#"
::warning file=envs/prod.yaml,line=1,title=policy::`api.image.tag`: the policy denies the tag `latest`
::warning file=envs/prod.yaml,line=2,title=missing-tag::`web.image`: the image `docker.io/library/nginx` has neither tag nor digest
::warning file=envs/prod.yaml,line=2,title=policy::`web.image`: the policy does not allow images of `docker.io/library/nginx`
::warning file=gitops.yaml,line=6,title=configuration::`render.path` of `shop`: there is no `overlays/shop`
-- exit 1 --

"#]]);
    let json = sandbox.gitops(&["validate", "-o", "json"]).json();
    assert_eq!(json["counts"]["duplicate-object"], 1);
    assert_eq!(json["findings"].as_array().unwrap().len(), 13, "{json}");
    let sarif = sandbox.gitops(&["validate", "-o", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 13);
}

#[test]
fn a_clean_repository_is_clean() {
    let sandbox = Sandbox::shop();
    sandbox.gitops(&["validate"]).is(str![[r#"
-- stderr --
0 findings in 4 files, 4 documents
-- exit 0 --

"#]]);
}

#[test]
fn a_configuration_that_cannot_be_used_is_a_finding() {
    let sandbox = Sandbox::new();
    sandbox.write("gitops.yaml", "enviroments: {}\n");
    sandbox.gitops(&["validate"]).is(str![[r#"
gitops.yaml:1: configuration: unknown key `enviroments`
-- stderr --
1 finding in 1 file, 1 document
-- exit 1 --

"#]]);
}

/// kubectl refuses what we find, and takes what we let pass.
#[test]
fn types_are_those_of_the_api() {
    let sandbox = Sandbox::new();
    let pod = |body: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: a:v1, {body}}}]}}\n"
        )
    };
    for (body, sound) in [
        ("env: [{name: X, value: \"1\"}]", true),
        ("env: [{name: X, value: 1}]", false),
        ("env: [{name: X, value: yes}]", false),
        ("args: [a, 1]", false),
        ("ports: [{containerPort: \"80\"}]", false),
        ("resources: {limits: {cpu: 0.5, memory: 1Gi}}", true),
        ("tty: \"true\"", false),
        ("livenessProbe: {httpGet: {path: /, port: http}}", true),
    ] {
        sandbox.write("pod.yaml", pod(body));
        let output = sandbox.gitops(&["validate"]);
        assert_eq!(output.code == 0, sound, "{body}: {}", output.render());
    }
}
