//! Our reading of YAML against kubectl's own: a committed table that kubectl made, and kubectl itself
//! where it is installed. `SNAPSHOTS=overwrite` renews the table.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gitops::yaml::{Schema, Stream, expand};
use serde_json::{Value, json};

fn table() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/kubectl/table.json")
}

/// What stands behind `v: ` in the documents of the table.
fn values() -> Vec<String> {
    let words = "y Y yes Yes YES yEs n N no No NO on On ON oN off Off OFF true True TRUE tRUE false \
        False FALSE ~ null Null NULL nULL = v1 latest _1 1__0 . .. + e1 .e1 1e 1e+ 0x 0b 0o 0b2 0o8 0xg \
        0x1p4 .0x1p4 1:30 190:20:30 1.2.3 2020-01-01 2020-1-1 2020-01-01T10:00:00Z 12e 1e400 -1e400 \
        0644 0o644 0O17 0B11 0899 08 00 0_7 1_000 1_0.5 .1_0 0b11 -0b1 -0x1f +0x1F +12 -12 0x_1 0X1f \
        123e4 1e3 1E3 1e-3 -1e3 7e31209 .5 5. -.5 +.5 1.10 1.0 -0 0.0 -0.0 1e21 1e20 1e-7 0.00001 \
        0.1e-10 123456789.123 9007199254740993 9223372036854775807 9223372036854775808 \
        -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616 \
        12345678901234567890 123456789012345678901234 0777777777777777777777777 1.7976931348623157e308";
    let mut values: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    values.extend(
        [
            "",
            "\"1\"",
            "'yes'",
            "\"\"",
            "!!str 12",
            "!!int \"3\"",
            "!!float 1",
            "!!bool yes",
            "!foo 12",
            "! 12",
            "!!null ''",
            "[1, yes, 0x10]",
            "{yes: 1, 1: 2, 0x10: 3, 1.50: 4, 1e3: 5}",
            "|\n    a\n    b",
            ">-\n    a\n    b",
            "{a: &x {b: 1}, c: *x}",
            "{a: &x {b: 1, c: 2}, d: {<<: *x, b: 3}}",
            "{a: &x {b: 1, c: 2}, d: {b: 3, <<: *x}}",
            "{<<: [{a: 1, b: 1}, {a: 2, c: 2}]}",
            "{\"<<\": {a: 1}}",
            "\"\\u00e9\\n\"",
            "a b # c",
            "'it''s'",
            "[]",
            "{}",
            "[null, ~, ]",
        ]
        .map(str::to_owned),
    );
    // Digits, signs, points and letters that numbers are made of, in every arrangement of three.
    let letters = ["0", "1", "8", ".", "-", "e", "_", "x", "b", "o"];
    for a in letters {
        for b in letters {
            for c in letters {
                values.push(format!("{a}{b}{c}"));
            }
        }
    }
    // kubectl refuses these; see the unit tests.
    values.retain(|value| !["-", "---"].contains(&value.as_str()) && !value.starts_with("- "));
    values
}

fn document(value: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: T\nmetadata: {{name: x}}\nspec:\n  v: {value}\n")
}

fn ours(value: &str) -> Value {
    let stream =
        Stream::parse(document(value)).unwrap_or_else(|error| panic!("{value}: {error:#}"));
    let tree =
        expand(&stream, 0, Schema::Kubernetes, 0).unwrap_or_else(|e| panic!("{value}: {e:?}"));
    tree.value.get("spec").unwrap().to_json()
}

/// What kubectl makes of all values; `None` where there is no kubectl.
fn kubectl(values: &[String]) -> Option<Vec<Value>> {
    let mut child = Command::new("kubectl")
        .args(["label", "--local", "--dry-run=client", "-o", "json", "-f", "-", "a=b"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let text: Vec<String> = values.iter().map(|value| document(value)).collect();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || stdin.write_all(text.join("---\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    Some(documents.map(|document| document.unwrap()["spec"].clone()).collect())
}

fn read_table() -> Vec<(String, Value)> {
    serde_json::from_slice(&fs::read(table()).unwrap()).unwrap()
}

/// Byte for byte, but for the number of zeros that a float is written with.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    let number = |value: &Value| value["v"].as_f64().filter(|_| value["v"].as_i64().is_none());
    match (number(ours), number(theirs)) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        (None, None) => ours == theirs,
        _ => false,
    }
}

#[test]
fn values_read_as_in_the_table() {
    let table = read_table();
    assert!(table.len() > 1000);
    let wrong: Vec<String> = table
        .iter()
        .filter(|(value, theirs)| !is_same(&ours(value), theirs))
        .map(|(value, theirs)| format!("{value:?}: kubectl {theirs}, ours {}", ours(value)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kubectl_itself_agrees_with_the_table() {
    let values = values();
    let Some(theirs) = kubectl(&values) else {
        eprintln!("kubectl is not installed: its agreement with the table was not checked");
        assert!(std::env::var_os("CI").is_none(), "CI must have kubectl");
        return;
    };
    let made: Vec<Value> =
        values.iter().zip(theirs).map(|(value, theirs)| json!([value, theirs])).collect();
    let lines: Vec<String> = made.iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    snapbox::assert_data_eq!(
        text,
        snapbox::Data::read_from(&table(), Some(snapbox::data::DataFormat::Text)).raw()
    );
}
