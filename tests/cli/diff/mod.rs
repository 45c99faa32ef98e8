//! `gitops diff`, as a user, Git and kubectl run it.

mod masking;
mod patch;
mod properties;
mod render;
mod sources;

use std::process::Stdio;

use snapbox::str;

use crate::support::{Repository, Sandbox};

const API: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: ghcr.io/acme/api:v1.2.3
        args: [--one, --two]
        resources: {limits: {cpu: 1000m}}
        ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53}]
        envFrom: [{configMapRef: {name: api}}]
";

const CONFIG: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: api, namespace: shop}
data:
  mode: \"0644\"
  app.json: '{\"a\": 1, \"b\": [1, 2]}'
";

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: api, namespace: shop}
stringData: {password: correct-horse-battery}
";

fn repository() -> Repository {
    let repository = Repository::new();
    repository.sandbox.write("apps/api.yaml", API);
    repository.sandbox.write("apps/config.yaml", CONFIG);
    repository.sandbox.write("apps/secret.yaml", SECRET);
    repository.sandbox.write("environments/staging.yaml", "web: {image: {tag: v5}}\n");
    repository.commit("start");
    repository
}

/// A change of everything that matters.
fn change(repository: &Repository) {
    let api = API
        .replace("v1.2.3", "v1.3.0")
        .replace("[--one, --two]", "[--one, --more, --two]")
        .replace("1000m", "1")
        .replace(
            "[{containerPort: 53, protocol: UDP}, {containerPort: 53}]",
            "[{containerPort: 53}, {containerPort: 53, protocol: UDP}]",
        );
    repository.sandbox.write("apps/api.yaml", api);
    repository.sandbox.write("apps/config.yaml", CONFIG.replace("[1, 2]", "[1, 3]"));
    repository.sandbox.write("apps/secret.yaml", SECRET.replace("horse", "zebra"));
    repository.sandbox.write(
        "apps/copy.yaml",
        CONFIG.replace("name: api", "name: copy").replace("0644", "x?p=correct-zebra-battery"),
    );
    repository.sandbox.write("environments/staging.yaml", "web: {image: {tag: v4}}\n");
}

#[test]
fn shows_what_the_work_tree_changes() {
    let repository = repository();
    change(&repository);
    repository.sandbox.gitops(&["diff"]).is(str![[r#"
b635943 "start" → work tree

Images
  ghcr.io/acme/api  v1.2.3 → v1.3.0  minor  Deployment shop/api
  web               v5 → v4          downgrade  environments/staging.yaml (staging)

Risks
  ! downgrade  environments/staging.yaml: web: v5 → v4  environments/staging.yaml:1

4 changed, 1 added (0 unchanged)

~ ConfigMap shop/api  apps/config.yaml:1
    data["app.json"]→b[1]: 2 → 3

+ ConfigMap shop/copy  apps/copy.yaml:1
      + apiVersion: v1
      + data:
      +   app.json: "{/"a/": 1, /"b/": [1, 2]}"
      +   mode: "x?p=<masked #2>"
      + kind: ConfigMap
      + metadata:
      +   name: copy
      +   namespace: shop

~ Deployment shop/api  apps/api.yaml:1
    spec.template.spec.containers[api].args[1]: + "--more"
    spec.template.spec.containers[api].image: ghcr.io/acme/api:v1.2.3 → ghcr.io/acme/api:v1.3.0

~ Secret shop/api  apps/secret.yaml:1
    data.password: <masked #1> → <masked #2>

staging

~ environments/staging.yaml  line 1
    web.image.tag: v5 → v4
-- exit 0 --

"#]]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of it is the comment itself")]
fn writes_a_comment_within_its_budget() {
    let repository = repository();
    change(&repository);
    let full = repository.sandbox.gitops(&["diff", "-o", "markdown"]);
    full.is(str![[r#"
<!-- gitops-diff:default -->
### b635943 "start" → work tree

| Image | From | To | Step | Used by |
|---|---|---|---|---|
| `ghcr.io/acme/api` | `v1.2.3` | `v1.3.0` | minor | Deployment shop/api |
| `web` | `v5` | `v4` | downgrade | environments/staging.yaml (staging) |

**Risks**

- :warning: **downgrade** environments/staging.yaml: web: v5 → v4 (`environments/staging.yaml`:1)

**4 changed, 1 added (0 unchanged)**

`~` **ConfigMap shop/api — apps/config.yaml:1**
```diff
- data["app.json"]→b[1]: 2
+ data["app.json"]→b[1]: 3
```

`+` **ConfigMap shop/copy — apps/copy.yaml:1**
```diff
+ apiVersion: v1
+ data:
+   app.json: "{/"a/": 1, /"b/": [1, 2]}"
+   mode: "x?p=<masked #2>"
+ kind: ConfigMap
+ metadata:
+   name: copy
+   namespace: shop
```

`~` **Deployment shop/api — apps/api.yaml:1**
```diff
+ spec.template.spec.containers[api].args[1]: "--more"
- spec.template.spec.containers[api].image: ghcr.io/acme/api:v1.2.3
+ spec.template.spec.containers[api].image: ghcr.io/acme/api:v1.3.0
```

`~` **Secret shop/api — apps/secret.yaml:1**
```diff
- data.password: <masked #1>
+ data.password: <masked #2>
```

#### staging

`~` **environments/staging.yaml — line 1**
```diff
- web.image.tag: v5
+ web.image.tag: v4
```
-- exit 0 --

"#]]);
    let short = repository.sandbox.gitops(&[
        "diff",
        "-o",
        "markdown",
        "--max-bytes",
        "1000",
        "--marker",
        "shop",
    ]);
    assert!(short.stdout.len() <= 1000, "{}", short.render());
    assert!(short.stdout.starts_with("<!-- gitops-diff:shop -->"));
    assert!(
        short.stdout.contains("v1.3.0") && short.stdout.contains("**downgrade**"),
        "{}",
        short.render()
    );
    assert!(short.stdout.contains("_Left out for size"));
}

#[test]
fn says_the_same_to_programs() {
    let repository = repository();
    change(&repository);
    let json = repository.sandbox.gitops(&["diff", "-o", "json"]).json();
    assert_eq!(json["schema"], "gitops/v1");
    assert_eq!(json["changed"], true);
    assert_eq!(json["counts"]["changed"], 4);
    assert_eq!(json["images"][0]["after"], "v1.3.0");
    assert_eq!(json["images"][0]["class"], "minor");
    let objects = json["objects"].as_array().unwrap();
    let config = objects.iter().find(|object| object["title"] == "ConfigMap shop/api").unwrap();
    assert_eq!(config["changes"][0]["path"], "data[\"app.json\"]→b[1]");
    assert_eq!(
        (&config["changes"][0]["before"], &config["changes"][0]["after"]),
        (&2.into(), &3.into())
    );
    let github = repository.sandbox.gitops(&["diff", "-o", "github"]);
    github.is(str![[r#"
::warning file=environments/staging.yaml,line=1,title=downgrade::environments/staging.yaml: web: v5 → v4
::notice file=apps/api.yaml,line=12,title=image::ghcr.io/acme/api: v1.2.3 → v1.3.0 (minor)
::notice file=environments/staging.yaml,line=1,title=image::web: v5 → v4 (downgrade)
-- exit 0 --

"#]]);
    let sarif = repository.sandbox.gitops(&["diff", "-o", "sarif"]).json();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 3);
}

#[test]
fn no_output_holds_a_secret() {
    let repository = repository();
    change(&repository);
    for format in ["text", "json", "markdown", "unified", "github", "sarif"] {
        let output =
            repository.sandbox.gitops(&["diff", "--no-fold", "--color", "always", "-o", format]);
        for secret in ["correct-horse", "correct-zebra", "Y29ycmVjdC"] {
            assert!(!output.render().contains(secret), "{format}: {}", output.render());
        }
    }
}

#[test]
fn git_applies_the_patch() {
    let repository = repository();
    repository.sandbox.write("apps/api.yaml", API.replace("v1.2.3", "v1.3.0"));
    repository.sandbox.write("apps/new one.yaml", "a: 1\nb: é");
    std::fs::remove_file(repository.sandbox.path("environments/staging.yaml")).unwrap();
    let patch = repository.sandbox.gitops(&["diff", "-o", "unified"]);
    repository.commit("after");
    let after = repository.git(&["rev-parse", "HEAD^{tree}"]);
    repository.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let file = repository.sandbox.path("../changes");
    std::fs::write(&file, &patch.stdout).unwrap();
    repository.git(&["apply", "--index", file.to_str().unwrap()]);
    assert_eq!(repository.git(&["write-tree"]), after);
}

#[test]
fn revisions_and_their_merge_base() {
    let repository = repository();
    repository.git(&["checkout", "-q", "-b", "topic"]);
    repository.sandbox.write("environments/staging.yaml", "web: {image: {tag: v6}}\n");
    repository.commit("web v6");
    repository.git(&["checkout", "-q", "main"]);
    repository.sandbox.write("apps/config.yaml", CONFIG.replace("0644", "0755"));
    repository.commit("mode");
    let names = |args: &[&str]| -> Vec<String> {
        let json = repository.sandbox.gitops(&[&["diff", "-o", "json"], args].concat()).json();
        let objects = json["objects"].as_array().unwrap_or_else(|| panic!("{json}"));
        objects.iter().map(|object| object["title"].as_str().unwrap().to_owned()).collect()
    };
    let (staging, config) = ("environments/staging.yaml", "ConfigMap shop/api");
    assert_eq!(names(&["main..topic"]), [config, staging]);
    assert_eq!(names(&["main", "topic"]), [config, staging]);
    assert_eq!(names(&["main...topic"]), [staging]);
    assert_eq!(names(&["HEAD~1.."]), [config]);
    assert!(names(&[]).is_empty());
    repository.git(&["checkout", "-q", "topic"]);
    assert_eq!(names(&["--base", "main"]), [staging]);
    // In the pipeline of a pull request that is the default.
    let mut command = repository.sandbox.gitops_command(&["diff", "-o", "json"]);
    let json = repository.sandbox.finish(command.env("GITHUB_BASE_REF", "main")).json();
    assert_eq!(json["objects"][0]["title"], staging);
}

#[test]
fn a_shallow_clone_is_an_error_that_names_the_way_out() {
    let repository = repository();
    repository.git(&["checkout", "-q", "-b", "topic"]);
    repository.sandbox.write("environments/staging.yaml", "web: {image: {tag: v6}}\n");
    repository.commit("web v6");
    let url = format!("file://{}", repository.sandbox.path("").display());
    repository.git(&["clone", "-q", "--depth", "1", "--no-single-branch", &url, "../clone"]);
    let output = repository.sandbox.gitops(&["-C", "../clone", "diff", "--base", "main"]);
    output.is(str![[r#"
-- stderr --
error: cannot find the merge base of b635943 and d75826f
hint: this clone is shallow; fetch all of it (in GitHub Actions `fetch-depth: 0`)
-- exit 2 --

"#]]);
}

#[test]
fn exit_codes() {
    let sandbox = Sandbox::new();
    sandbox.write("a.yaml", "a: 1\n");
    sandbox.write("b.yaml", "a: 2\n");
    let code = |args: &[&str]| sandbox.gitops(&[&["diff"], args].concat()).code;
    assert_eq!(code(&["a.yaml", "b.yaml"]), 0);
    assert_eq!(code(&["a.yaml", "b.yaml", "--exit-code"]), 1);
    assert_eq!(code(&["a.yaml", "b.yaml", "--detailed-exitcode"]), 2);
    assert_eq!(code(&["a.yaml", "a.yaml", "--exit-code"]), 0);
    assert_eq!(code(&["a.yaml", "missing.yaml"]), 2);
    // What is filtered out, or ignored, does not count.
    assert_eq!(code(&["a.yaml", "b.yaml", "--exit-code", "--kind", "Secret"]), 0);
    sandbox.gitops(&["diff", "a.yaml", "b.yaml", "--kind", "Secret"]).is(str![[r#"
a.yaml → b.yaml

No differences of that kind. (0 unchanged, 1 not shown)
-- exit 0 --

"#]]);
}

#[test]
fn ignored_differences_do_not_count_and_are_explained() {
    let repository = repository();
    repository.sandbox.write("gitops.yaml", "ignore:\n- {kind: Deployment, fields: [spec.replicas], reason: an autoscaler sets it}\n- {kind: Job, fields: ['**.x']}\n");
    repository.commit("rules");
    repository.sandbox.write("apps/api.yaml", API.replace("replicas: 3", "replicas: 9"));
    repository.sandbox.gitops(&["diff", "--exit-code", "--explain-ignored"]).is(str![[r#"
86f1f10 "rules" → work tree

No differences. (1 unchanged, 1 ignored)
-- stderr --
*: sops.mac, sops.lastmodified, sops.version (bookkeeping of SOPS): ignored nothing
Deployment: spec.replicas (an autoscaler sets it): ignored 1
  Deployment shop/api spec.replicas (apps/api.yaml)
Job: **.x: ignored nothing
-- exit 0 --

"#]]);
}

#[test]
fn environments_compare_under_mapped_names() {
    let sandbox = Sandbox::new();
    let object = |env: &str, tag: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api-{env}, namespace: {env}}}\nspec:\n  template:\n    spec:\n      serviceAccountName: api-{env}\n      containers: [{{name: api, image: r.io/api:{tag}}}]\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: api-{env}, namespace: {env}}}\n"
        )
    };
    sandbox.write("envs/staging/api.yaml", object("staging", "v2"));
    sandbox.write("envs/prod/api.yaml", object("prod", "v1"));
    let map = ["--map", "name:-staging=-prod", "--map", "namespace:staging=prod"];
    let args = [&["diff", "-e", "staging", "-e", "prod"], map.as_slice()].concat();
    sandbox.gitops(&args).is(str![[r#"
staging → prod

Images
  r.io/api  v2 → v1  downgrade  Deployment prod/api-prod

Risks
  ! downgrade  Deployment prod/api-prod: r.io/api: v2 → v1  envs/prod/api.yaml:8

1 changed (1 unchanged)

~ Deployment prod/api-prod  envs/prod/api.yaml:1
    spec.template.spec.containers[api].image: r.io/api:v2 → r.io/api:v1
-- exit 0 --

"#]]);
}

#[test]
fn templates_and_broken_files_are_shown_line_by_line() {
    let sandbox = Sandbox::new();
    sandbox.write("a/t.yaml", "kind: X\n{{- if .Values.x }}\na: 1\n{{- end }}\n");
    sandbox.write("b/t.yaml", "kind: X\n{{- if .Values.x }}\na: 2\n{{- end }}\n");
    sandbox.write("a/README.md", "one\n");
    sandbox.write("b/README.md", "two\n");
    sandbox.write("a/i.png", [0x89, 0xff, 0x00]);
    sandbox.write("b/i.png", [0x89, 0xff, 0x01]);
    sandbox.gitops(&["diff", "a", "b", "--exit-code"]).is(str![[r#"
a → b

3 changed (0 unchanged)

~ README.md
      - one
      + two

~ i.png
    ! binary files differ

~ t.yaml
    ! compared line by line: line 2: not valid YAML: "-" is only valid inside a block; it looks like a Helm template (`{{` on line 2)
        kind: X
        {{- if .Values.x }}
      - a: 1
      + a: 2
        {{- end }}
-- exit 1 --

"#]]);
}

#[test]
fn duplicates_are_named_with_both_lines() {
    let sandbox = Sandbox::new();
    let map = |x: u8| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{x: \"{x}\"}}\n")
    };
    sandbox.write("a.yaml", format!("{}---\n{}", map(1), map(2)));
    sandbox.write("b.yaml", format!("{}---\n{}", map(1), map(3)));
    sandbox.gitops(&["diff", "a.yaml", "b.yaml"]).is(str![[r#"
a.yaml → b.yaml

1 changed (1 unchanged)

~ ConfigMap a  b.yaml:6
    data.x: "2" → "3"

Notices
  ! b.yaml:6: ConfigMap a is declared 2 times: b.yaml:1, b.yaml:6
-- exit 0 --

"#]]);
    sandbox.gitops(&["diff", "a.yaml", "a.yaml", "--exit-code"]).is(str![[r#"
a.yaml → a.yaml

No differences. (2 unchanged)
-- exit 0 --

"#]]);
}

/// Two bodies of a Pod, and whether they differ.
const READINGS: &[(&str, &str, i32)] = &[
    (
        "spec: {volumes: [{name: v, secret: {defaultMode: 0644}}]}",
        "spec: {volumes: [{name: v, secret: {defaultMode: 420}}]}",
        0,
    ),
    (
        "spec: {volumes: [{name: v, secret: {defaultMode: 0644}}]}",
        "spec: {volumes: [{name: v, secret: {defaultMode: 644}}]}",
        1,
    ),
    ("spec: {hostNetwork: yes}", "spec: {hostNetwork: true}", 0),
    ("spec: {x: 123e4}", "spec: {x: \"123e4\"}", 1),
    (
        "spec: {containers: [{name: a, resources: {limits: {memory: 1024Mi}}}]}",
        "spec: {containers: [{resources: {limits: {memory: 1Gi}}, name: a}]}",
        0,
    ),
    ("spec: {containers: [{name: a}, {name: b}]}", "spec: {containers: [{name: b}, {name: a}]}", 0),
    (
        "spec: {initContainers: [{name: a}, {name: b}]}",
        "spec: {initContainers: [{name: b}, {name: a}]}",
        1,
    ),
    (
        "spec: {containers: [{name: a, env: [{name: x, value: v}, {name: w, value: z}]}]}",
        "spec: {containers: [{name: a, env: [{name: w, value: z}, {name: x, value: v}]}]}",
        0,
    ),
    (
        "spec: {containers: [{name: a, env: [{name: x, value: v}, {name: w, value: $(x)}]}]}",
        "spec: {containers: [{name: a, env: [{name: w, value: $(x)}, {name: x, value: v}]}]}",
        1,
    ),
    (
        "spec: {containers: [{name: a, ports: [{containerPort: 53}]}]}",
        "spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}]}]}",
        0,
    ),
    ("spec: {tolerations: [{key: a}, {key: b}]}", "spec: {tolerations: [{key: b}, {key: a}]}", 0),
    ("spec: {x: &a {b: 1}, c: *a}", "spec: {x: {b: 1}, c: {b: 1}}", 0),
    ("spec: {x: &a {b: 1}, c: {<<: *a}}", "spec: {x: {b: 1}, c: {b: 1}}", 0),
    ("spec: {x: null}", "spec: {}", 0),
    ("spec: {emptyDir: {}}", "spec: {}", 1),
    ("status: {}", "", 0),
];

#[test]
fn what_kubectl_reads_as_equal_is_equal() {
    let sandbox = Sandbox::new();
    let object = |body: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n{body}\n");
    for (left, right, code) in READINGS {
        sandbox.write("a.yaml", object(left));
        sandbox.write("b.yaml", object(right));
        let output = sandbox.gitops(&["diff", "a.yaml", "b.yaml", "--exit-code"]);
        assert_eq!(output.code, *code, "{left} against {right}: {}", output.render());
    }
}

#[test]
fn lists_of_custom_kinds_follow_their_crds() {
    let repository = Repository::new();
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  names: {kind: Widget, plural: widgets}\n  scope: Namespaced\n  versions:\n  - name: v1\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n          spec:\n            type: object\n            properties:\n              parts:\n                type: array\n                x-kubernetes-list-type: map\n                x-kubernetes-list-map-keys: [slot, side]\n                items: {type: object}\n";
    let widget = |parts: &str| {
        format!(
            "apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{parts: [{parts}]}}\n"
        )
    };
    repository.sandbox.write("crds/widget.yaml", crd);
    repository
        .sandbox
        .write("w.yaml", widget("{slot: 1, side: a, x: 1}, {slot: 1, side: b, x: 2}"));
    repository.commit("start");
    repository
        .sandbox
        .write("w.yaml", widget("{slot: 1, side: b, x: 3}, {slot: 1, side: a, x: 1}"));
    let json = repository.sandbox.gitops(&["diff", "-o", "json"]).json();
    let changes = json["objects"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{json}");
    assert_eq!(changes[0]["path"], "spec.parts[1/b].x");
}

#[test]
fn a_changed_config_map_that_restarts_nothing_is_a_risk() {
    let repository = repository();
    repository.sandbox.write("apps/config.yaml", CONFIG.replace("0644", "0755"));
    let json = repository.sandbox.gitops(&["diff", "-o", "json"]).json();
    assert_eq!(json["risks"][0]["id"], "configmap-change-without-restart", "{json}");
    assert!(json["risks"][0]["message"].as_str().unwrap().contains("Deployment shop/api"));
    // The pods that get another template restart.
    repository.sandbox.write("apps/api.yaml", API.replace("v1.2.3", "v1.2.4"));
    let json = repository.sandbox.gitops(&["diff", "-o", "json"]).json();
    assert_eq!(json["risks"].as_array().unwrap().len(), 0, "{json}");
}

#[test]
fn serves_git_and_kubectl_as_their_external_diff() {
    let repository = repository();
    repository.sandbox.write("environments/staging.yaml", "web: {image: {tag: v6}}\n");
    let bin = env!("CARGO_BIN_EXE_gitops");
    let mut command = repository.sandbox.command("git");
    command
        .env("GIT_EXTERNAL_DIFF", format!("{bin} diff --git-external"))
        .args(["diff", "--ext-diff"]);
    let output = repository.sandbox.finish(&mut command);
    assert_eq!(output.code, 0, "{}", output.render());
    assert!(output.stdout.contains("web  v5 → v6  major"), "{}", output.render());
    // kubectl gives two directories of files that are named after the objects.
    repository.sandbox.write("LIVE-1/v1.ConfigMap.shop.api", CONFIG);
    repository.sandbox.write("MERGED-1/v1.ConfigMap.shop.api", CONFIG.replace("0644", "0755"));
    // It puts them before the words of KUBECTL_EXTERNAL_DIFF, but for the first.
    let path = |name: &str| repository.sandbox.path(name).display().to_string();
    let (live, merged) = (path("LIVE-1"), path("MERGED-1"));
    for words in [&["diff", "--exit-code"][..], &["--color=never", "diff", "--exit-code"]] {
        let words = [&[live.as_str(), &merged], words].concat();
        let output = repository.sandbox.gitops(&words);
        assert_eq!(output.code, 1, "{}", output.render());
        let shown = "data.mode: \"0644\" → \"0755\"";
        assert!(output.stdout.contains(shown), "{}", output.render());
    }
}

#[test]
fn one_side_can_be_stdin() {
    let sandbox = Sandbox::new();
    sandbox.write("a.yaml", "a: 1\n");
    let mut command = sandbox.gitops_command(&["diff", "a.yaml", "-", "--exit-code"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"a: 2\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("a: 1 → 2"));
}

#[test]
fn renames_are_found_by_hash_and_by_likeness() {
    let sandbox = Sandbox::new();
    let map = |name: &str, x: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{x: {x}, b: b, c: c}}\n"
        )
    };
    sandbox
        .write("a.yaml", map("env-5c7g9kbf2m", "one") + &map("first", "two") + &map("gone", "'1'"));
    sandbox.write("b.yaml", map("env-9kbf2m5c7g", "three") + &map("second", "two"));
    sandbox.gitops(&["diff", "a.yaml", "b.yaml", "--only", "deletes"]).is(str![[r#"
a.yaml → b.yaml

1 removed (0 unchanged, 2 not shown)

- ConfigMap gone  a.yaml:12
      - apiVersion: v1
      - data:
      -   b: b
      -   c: c
      -   x: "1"
      - kind: ConfigMap
      - metadata:
      -   name: gone
-- exit 0 --

"#]]);
    sandbox.gitops(&["diff", "a.yaml", "b.yaml"]).is(str![[r#"
a.yaml → b.yaml

1 removed, 2 renamed (0 unchanged)

> ConfigMap env-9kbf2m5c7g (was ConfigMap env-5c7g9kbf2m)  b.yaml:2
    data.x: one → three

- ConfigMap gone  a.yaml:12
      - apiVersion: v1
      - data:
      -   b: b
      -   c: c
      -   x: "1"
      - kind: ConfigMap
      - metadata:
      -   name: gone

> ConfigMap second (was ConfigMap first)  b.yaml:7
-- exit 0 --

"#]]);
}

#[test]
fn bad_input_gets_a_hint() {
    let sandbox = Sandbox::new();
    sandbox.write("a.yaml", "a: 1\n");
    sandbox.write("d/a.yaml", "a: 1\n");
    for args in [
        &["diff"][..],
        &["diff", "a.yaml", "d"],
        &["diff", "-", "-"],
        &["diff", "a.yaml", "a.yaml", "--map", "x"],
        &["diff", "--git-external", "a"],
        &["diff", "a.yaml", "a.yaml", "-o", "html"],
        &["diff", "-e", "a", "-e", "b"],
    ] {
        let output = sandbox.gitops(args);
        assert_eq!(output.code, 2, "{args:?}: {}", output.render());
        assert!(output.stderr.starts_with("error: cannot "), "{args:?}: {}", output.render());
    }
    sandbox.gitops(&["diff"]).is(str![[r#"
-- stderr --
error: cannot find a Git repository around `.`
hint: compare two files or directories, or name a repository with --repo
-- exit 2 --

"#]]);
}
