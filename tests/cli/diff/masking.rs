//! No secret reaches an output, wherever in a file it stands.

use gitops::diff::render::{Sides, findings, human, json, markdown, unified};
use gitops::diff::{Options, compare};
use gitops::manifest::SourceFile;
use proptest::prelude::*;

/// Files with a secret each: `MARK`, or its base64 `B64M`.
const PLACES: &[(&str, &str)] = &[
    // Secrets that are not the document itself.
    (
        "values.yaml",
        "extraObjects:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: x}\n  stringData: {foo: MARK}\n",
    ),
    (
        "values.yaml",
        "extraObjects:\n- kind: Secret\n  # old: MARK\n  data:\n    foo: B64M # MARK\n",
    ),
    (
        "release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x}\nspec: {values: {extra: [{kind: Secret, stringData: {foo: MARK}}]}}\n",
    ),
    (
        "kustomization.yaml",
        "patches:\n- patch: |-\n    apiVersion: v1\n    kind: Secret\n    metadata:\n      name: x\n    stringData:\n      foo: MARK\n",
    ),
    (
        "kustomization.yaml",
        "patches:\n- target: {kind: Secret, name: x}\n  patch: |-\n    - op: replace\n      path: /data/foo\n      value: B64M\n",
    ),
    (
        "kustomization.yaml",
        "patches:\n- patch: '[{\"op\": \"add\", \"path\": \"/stringData/foo\", \"value\": \"MARK\"}]'\n  target: {name: x}\n",
    ),
    (
        "kustomization.yaml",
        "secretGenerator:\n- name: x\n  literals:\n  - FOO=MARK\n  - \"BAR=MARK\"\n",
    ),
    (
        "kustomization.yaml",
        "configMapGenerator:\n- name: x\n  literals: [DB_PASSWORD=MARK, 'API_TOKEN=MARK']\n",
    ),
    (
        "values.yaml",
        "raw: |\n  apiVersion: v1\n  kind: Secret\n  metadata: {name: x}\n  stringData:\n    foo: MARK\n",
    ),
    ("values.yaml", "raw:\n- |\n  kind: Secret\n  stringData:\n    foo: {{ .x }}MARK\n"),
    (
        "list.yaml",
        "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: x}\n  stringData: {foo: MARK}\n",
    ),
    (
        "list.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: x}\n  stringData: {foo: MARK}\n",
    ),
    ("anchor.yaml", "y:\n  kind: Secret\n  stringData: {foo: &a MARK, bar: *a}\n"),
    // Copies in annotations.
    (
        "copy.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"foo\":\"B64M\"}}'\n",
    ),
    (
        "copy.yaml",
        "kind: X\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{\"kind\":\"Secret\",\"data\":{\"foo\":\"B64M\"}}'\n",
    ),
    // What cannot be parsed.
    ("broken.yaml", "kind: Secret\n{{- if .a }}\nstringData: {foo: MARK}\n{{- end }}\n"),
    (
        "broken.yaml",
        "{{- if .a }}\nkind: Secret # c\nmetadata:\n  name: x\n  annotations: {x: MARK}\nstringData:\n  name: MARK\n  type: MARK\n  kind: MARK\n{{- end }}\n",
    ),
    (
        "broken.yaml",
        "{{- if .a }}\nkind: List\nitems:\n- kind: Secret\n  stringData:\n    foo: |\n      MARK: x\n      MARK\n    bar: \"x\n      MARK: y\"\n{{- end }}\n",
    ),
    (
        "broken.yaml",
        "kind: Secret\ndata:\n  {{ if a }}foo: MARK{{ end }}\n  {{ printf \"MARK\" }}\n  {{- if eq .a \"MARK\" }}\n  # MARK\n",
    ),
    ("broken.json", "{\"kind\": \"Secret\", \"stringData\": {\"foo\": \"MARK\",,}\n"),
    (
        "broken.json",
        "{\n\"kind\": \"Secret\",\n\"stringData\": {\n\"foo\": \"MARK\",\n\"kind\": \"MARK\"\n,,\n",
    ),
    ("broken.yaml", "{{- if .a }}\nsecretGenerator:\n- literals:\n  - FOO=MARK\n"),
    (
        "broken.yaml",
        "a: [\npassword: MARK\nadmin-token: 'MARK'\n# password: MARK\nfoo: {clientSecret: MARK, b: 1}\n",
    ),
    ("broken.yaml", "a: [\npassword: |\n  MARK\n  MARK: x\npasswords:\n  - MARK\nx: 1\n"),
    (
        "broken.json",
        "{\"a\": 1, \"password\": \"MARK\", \"b\": \"a \\\"token\\\": \\\"MARK\\\"\",,\n",
    ),
    (
        "deployment.yaml",
        "{{- if .x }}\nenv:\n- name: DB_PASSWORD\n  value: MARK # x\n- value: 'MARK'\n  name: API_TOKEN\n- {name: X_SECRET, value: MARK}\n- {name: Y_TOKEN, value: {{ .y }}MARK}\n- name: KEY_TOKEN\n  value: |\n    MARK: x\n{{- end }}\n",
    ),
    (
        "patch.yaml",
        "a: [\n- {op: replace, path: /data/password, value: MARK}\n- op: add\n  path: /stringData/x\n  value: \"MARK\"\n",
    ),
    ("broken.json", "{\"env\": [\n{\"name\": \"DB_PASSWORD\",\n\"value\": \"MARK\"},,\n"),
    // Texts within texts.
    (
        "config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a.yaml: |\n    db:\n      password: MARK\n  b.json: '{\"token\": \"MARK\"}'\n  c.ini: |\n    [db]\n    password = MARK\n  d.env: |\n    export DB_PASSWORD=MARK\n",
    ),
    (
        "secret.yaml",
        "# MARK\napiVersion: v1\nkind: Secret\nmetadata: {name: x} # MARK\nstringData:\n  # MARK\n  foo: | # MARK\n    x\n",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  foo: | # MARK\n    ",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x} # MARK\nstringData:\n  foo: MARK # MARK\nkind: X\n",
    ),
    // Names that tell.
    (
        "compose.yaml",
        "services:\n  web:\n    environment:\n    - DB_PASSWORD=MARK\n    - \"API_TOKEN=MARK\"\n    command: run --token=MARK --x --password MARK\n",
    ),
    (
        "compose.yaml",
        "services: {web: {environment: {DB_SECRET: MARK}, command: [run, --password, MARK, '--token=MARK']}}\n",
    ),
    (
        "prod.env",
        "DB_PASSWORD=MARK\nexport API_TOKEN='MARK'\n# OLD_PASSWORD=MARK\nX_SECRET = \"MARK\"\n",
    ),
    ("app.ini", "[db]\npassword = MARK\n;token: MARK\n"),
    ("app.properties", "spring.datasource.password=MARK\nspring.x.client-secret: MARK\n"),
    (
        "run.sh",
        "exec web --x --token=MARK --password MARK\nPGPASSWORD=\"MARK\" psql\ncurl 'http://x?access_token=MARK'\n",
    ),
    (
        "values.yaml",
        "passwords: [MARK, MARK]\ncredentials: {user: MARK, nested: {x: [MARK]}}\nsecretEnv: {FOO: MARK}\nx: [{tokens: {a: MARK}}]\n",
    ),
    (
        "values.yaml",
        "args: [--password, MARK]\nusers: [{password: MARK, x: 1}, {password: x, x: 1}]\n",
    ),
    ("patch.yaml", "- {op: replace, path: /data/password, value: MARK}\n"),
];

/// Every output for these two sides.
fn outputs(left: &[SourceFile], right: &[SourceFile]) -> Vec<(&'static str, String)> {
    let comparison = compare(left, right, &Options::default());
    let sides = Sides::default();
    vec![
        ("text", human::render(&comparison, &sides, human::Look { width: 80, fold: true })),
        ("markdown", markdown::render(&comparison, &sides, "x", 60_000)),
        ("json", json::render(&comparison, &sides, &[]).to_string()),
        ("github", findings::github(&findings::of(&comparison), "gitops diff")),
        ("sarif", findings::sarif(&findings::of(&comparison), &[]).to_string()),
        ("unified", unified::render(left, right, &comparison.masker, |_| true).text),
    ]
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn file(name: &str, text: &str, mark: &str) -> Vec<SourceFile> {
    let text = text.replace("MARK", mark).replace("B64M", &encoded(mark));
    vec![SourceFile::new(name, text.into_bytes())]
}

fn leaks(left: &[SourceFile], right: &[SourceFile], marks: [&str; 2]) -> Vec<String> {
    let mut leaks = Vec::new();
    for (output, text) in outputs(left, right) {
        let bare = text.replace("\\n", "\n");
        for mark in marks {
            if text.contains(mark) || bare.contains(&encoded(mark)) {
                let shows = |line: &&str| line.contains(mark) || line.contains(&encoded(mark));
                let lines: Vec<&str> = bare.lines().filter(shows).collect();
                leaks.push(format!("{output} shows {mark}: {}", lines.join("\n")));
            }
        }
    }
    leaks
}

#[test]
fn no_place_is_shown() {
    // Too short to be looked for elsewhere: each must be found in its own place.
    let marks = ["Zq7x", "Wj9k"];
    let mut found = Vec::new();
    for (name, text) in PLACES {
        let (old, new) = (file(name, text, marks[0]), file(name, text, marks[1]));
        for (left, right) in [(&old, &new), (&old, &Vec::new()), (&Vec::new(), &new)] {
            let leaks = leaks(left, right, marks);
            found.extend(leaks.into_iter().map(|leak| format!("== {name}\n{text}\n{leak}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_is_no_secret_stays() {
    let cases = [
        (
            "values.yaml",
            "existingSecret: OPEN\nsecretName: OPEN\nserviceAccountToken: {path: OPEN}\n",
        ),
        (
            "values.yaml",
            "credentials: {secretRef: {name: OPEN}}\nargs: [--tokens-dir, OPEN, a=OPEN]\n",
        ),
        (
            "config.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: OPEN, monkey: OPEN}\n",
        ),
        ("compose.yaml", "environment: [HOST=OPEN, 'DB_PASSWORD=${OPEN}']\n"),
        ("a.yaml", "kind: ExternalSecret\nspec: {data: [{remoteRef: {key: OPEN}}]}\n"),
        ("broken.yaml", "a: [\nfoo: OPEN\nimagePullSecrets: OPEN\n"),
        (
            "deployment.yaml",
            "{{- if .x }}\nenv:\n- name: PORT\n  value: OPEN\n- name: DB_PASSWORD\n  value: ${OPEN}\n{{- end }}\n",
        ),
        ("notes.md", "Set the OPEN == token.\n"),
    ];
    for (name, text) in cases {
        let side =
            |word: &str| vec![SourceFile::new(name, text.replace("OPEN", word).into_bytes())];
        for (output, shown) in outputs(&side("Zq7x"), &side("Wj9k")) {
            if !matches!(output, "github" | "sarif") {
                let all = text.matches("OPEN").count();
                let found = shown.matches("Wj9k").count();
                assert!(found >= all, "{output} of {text}:\n{shown}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_combination_is_shown(
        chosen in prop::collection::vec(0..PLACES.len(), 1..5),
        comment in any::<bool>(),
        cut in 0..40_usize,
    ) {
        // Several places in one file, cut short somewhere: often that cannot be parsed.
        let text = |mark: &str| {
            let mut text = String::new();
            for &place in &chosen {
                if comment {
                    text.push_str("# a comment\n");
                }
                text.push_str(PLACES[place].1);
                text.push_str("---\n");
            }
            text.truncate(text.len().saturating_sub(cut));
            file(PLACES[chosen[0]].0, &text, mark)
        };
        let marks = ["Zq7x", "Wj9k"];
        let leaks = leaks(&text(marks[0]), &text(marks[1]), marks);
        prop_assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}
