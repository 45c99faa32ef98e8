//! What holds for any two sets of documents.

use std::fmt::Write as _;

use gitops::diff::ignore::{Profile, with_profile};
use gitops::diff::render::{Sides, findings, human, json, markdown, unified};
use gitops::diff::{Comparison, Options, Status, compare};
use gitops::manifest::SourceFile;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A scalar that stands for itself however it is written.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{3,6}".prop_map(Value::from),
        (0..9000_i64).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!("yes")),
        Just(json!("0644")),
        Just(json!("two\nlines\n")),
        Just(json!("")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        let map = prop::collection::btree_map("[a-z]{1,3}", inner.clone(), 0..4);
        let named = prop::collection::btree_map("[a-z]{1,3}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            map.prop_map(|map| Value::Object(map.into_iter().collect())),
            named.prop_map(|map| {
                let item = |(name, value)| json!({ "name": name, "value": value });
                Value::Array(map.into_iter().map(item).collect())
            }),
        ]
    })
}

/// Objects of a few kinds and names, so that two sets have some in common.
fn objects() -> impl Strategy<Value = Vec<Value>> {
    let kind = prop_oneof![Just("ConfigMap"), Just("Widget"), Just("Secret")];
    prop::collection::btree_map((kind, "[ab]{1,2}"), value(), 0..8).prop_map(|map| {
        let object = |((kind, name), content): ((&str, String), Value)| {
            json!({
                "apiVersion": "v1", "kind": kind, "metadata": { "name": name },
                "data": { "x": content, "z": "same" },
            })
        };
        map.into_iter().map(object).collect()
    })
}

/// Chooses between ways to write the same.
struct Style(u64);

impl Style {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    /// Behind a key or a dash: on the same line, or below.
    fn write(&mut self, value: &Value, indent: usize, out: &mut String) {
        match value {
            Value::Object(map) if !map.is_empty() && self.roll(4) > 0 => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                let shift = self.roll(entries.len());
                entries.rotate_left(shift);
                for (key, value) in entries {
                    if self.roll(6) == 0 {
                        write!(out, "\n{:indent$}# a comment: {key}", "").unwrap();
                    }
                    let quoted = self.roll(3) == 0 || gitops::yaml::is_ambiguous(key);
                    let key = if quoted { format!("{key:?}") } else { key.clone() };
                    write!(out, "\n{:indent$}{key}:", "").unwrap();
                    self.write(value, indent + 2, out);
                }
            }
            Value::Array(items) if !items.is_empty() && self.roll(4) > 0 => {
                for item in items {
                    write!(out, "\n{:indent$}-", "").unwrap();
                    self.write(item, indent + 2, out);
                }
            }
            Value::String(text) if text == "two\nlines\n" && self.roll(2) == 0 => {
                write!(out, " |\n{:indent$}two\n{:indent$}lines", "", "").unwrap();
            }
            Value::String(text) if !gitops::yaml::is_ambiguous(text) && !text.contains('\n') => {
                match self.roll(3) {
                    0 => write!(out, " {text}").unwrap(),
                    1 => write!(out, " '{text}'").unwrap(),
                    _ => write!(out, " {text:?}   # c").unwrap(),
                }
            }
            _ => write!(out, " {value}").unwrap(),
        }
    }

    /// The objects in some order, in one to three files of a directory.
    fn files(&mut self, objects: &[Value]) -> Vec<SourceFile> {
        let mut texts = vec![String::new(); 1 + self.roll(3)];
        let mut order: Vec<&Value> = objects.iter().collect();
        if !order.is_empty() {
            let shift = self.roll(order.len());
            order.rotate_left(shift);
        }
        for object in order {
            let file = self.roll(texts.len());
            let mut text = String::new();
            self.write(object, 0, &mut text);
            write!(texts[file], "---\n{}\n", text.trim_start_matches(['\n', ' '])).unwrap();
        }
        let file = |(number, text): (usize, String)| {
            SourceFile::new(&format!("d/{number}.yaml"), text.into_bytes())
        };
        texts.into_iter().enumerate().map(file).collect()
    }
}

fn options(shortcut: bool) -> Options {
    Options { ignore: with_profile(Profile::Git, Vec::new()), shortcut, ..Options::default() }
}

fn run(left: &[SourceFile], right: &[SourceFile]) -> Comparison {
    compare(left, right, &options(true))
}

fn as_json(comparison: &Comparison) -> Value {
    json::render(comparison, &Sides::default(), &[])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_differs_from_itself(objects in objects(), seed: u64) {
        let files = Style(seed).files(&objects);
        let same = run(&files, &files);
        prop_assert!(same.is_empty(), "{}", as_json(&same));
        prop_assert!(same.diagnostics.is_empty());
    }

    #[test]
    fn order_comments_quotes_and_files_mean_nothing(objects in objects(), a: u64, b: u64) {
        let (left, right) = (Style(a).files(&objects), Style(b).files(&objects));
        let same = run(&left, &right);
        prop_assert!(same.is_empty(), "{}", as_json(&same));
    }

    #[test]
    fn both_directions_say_the_same(old in objects(), new in objects(), seed: u64) {
        let (left, right) = (Style(seed).files(&old), Style(seed ^ 1).files(&new));
        let (there, back) = (run(&left, &right), run(&right, &left));
        for (status, mirrored) in [
            (Status::Added, Status::Removed),
            (Status::Removed, Status::Added),
            (Status::Changed, Status::Changed),
            (Status::Renamed, Status::Renamed),
        ] {
            prop_assert_eq!(there.count(status), back.count(mirrored));
        }
        let changes = |comparison: &Comparison| {
            let mut counts: Vec<usize> = comparison.objects.iter().map(|o| o.changes.len()).collect();
            counts.sort_unstable();
            counts
        };
        prop_assert_eq!(changes(&there), changes(&back));
    }

    #[test]
    fn the_shortcut_changes_no_result(old in objects(), new in objects(), seed: u64) {
        // Of one style, so that many documents have the same text on both sides.
        let (left, right) = (Style(seed).files(&old), Style(seed).files(&new));
        let (fast, slow) = (run(&left, &right), compare(&left, &right, &options(false)));
        prop_assert_eq!(as_json(&fast), as_json(&slow));
    }

    #[test]
    fn masking_changes_no_path_and_hides_every_value(
        old in prop::collection::btree_map("[a-z]{3}", "[A-Za-z0-9]{24}", 0..5),
        new in prop::collection::btree_map("[a-z]{3}", "[A-Za-z0-9]{24}", 0..5),
    ) {
        let object = |kind: &str, key: &str, data: &std::collections::BTreeMap<String, String>| {
            let object = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "s" }, key: data });
            // A copy elsewhere, and one in a text that is no YAML.
            let copy = data.values().next().cloned().unwrap_or_default();
            let config = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "copy" },
                "data": { "url": format!("x?{copy}"), "text": format!("a\n{copy}\nb\n") },
            });
            vec![
                SourceFile::new("s.yaml", object.to_string().into_bytes()),
                SourceFile::new("c.yaml", config.to_string().into_bytes()),
                SourceFile::new("t.yaml", format!("kind: Secret\ndata: {{{{ x }}\n  a: {copy}\n").into_bytes()),
                SourceFile::new("n.txt", format!("{copy}\n").into_bytes()),
            ]
        };
        let secret = run(&object("Secret", "stringData", &old), &object("Secret", "stringData", &new));
        let open = run(&object("Widget", "stringData", &old), &object("Widget", "stringData", &new));
        let paths = |comparison: &Comparison, kind: &str| -> Vec<String> {
            let of = comparison.objects.iter().filter(|o| o.object().is_kind("", kind));
            of.flat_map(|o| &o.changes).filter_map(|c| c.path.last_key().map(str::to_owned)).collect()
        };
        prop_assert_eq!(paths(&secret, "Secret"), paths(&open, "Widget"));
        let sides = Sides::default();
        let outputs = [
            human::render(&secret, &sides, human::Look { width: 80, fold: true }),
            markdown::render(&secret, &sides, "x", 60_000),
            as_json(&secret).to_string(),
            findings::github(&findings::of(&secret), "gitops diff"),
            unified::render(
                &object("Secret", "stringData", &old),
                &object("Secret", "stringData", &new),
                &secret.masker,
                |_| true,
            ).text,
        ];
        for (output, text) in outputs.iter().enumerate() {
            for hidden in old.values().chain(new.values()) {
                prop_assert!(!text.contains(hidden.as_str()), "output {}: {}", output, text);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(left in "\\PC{0,80}|[-:a \\n\\[{&*<#'\"|>%]{0,60}", right in "[-:a \\n\\[{&*<#'\"|>%]{0,60}") {
        let side = |text: &str| vec![SourceFile::new("a.yaml", text.as_bytes().to_vec())];
        let comparison = run(&side(&left), &side(&right));
        let _ = human::render(&comparison, &Sides::default(), human::Look { width: 80, fold: true });
        let _ = markdown::render(&comparison, &Sides::default(), "x", 500);
        prop_assert_eq!(as_json(&comparison), as_json(&compare(&side(&left), &side(&right), &options(false))));
    }
}
