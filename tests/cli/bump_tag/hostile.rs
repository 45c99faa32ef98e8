//! Files made to exhaust a reader: each is edited or refused within 500 MB of address space.

use std::fmt::Write as _;

use crate::support::Sandbox;

fn repeated(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().concat()
}

/// Ten aliases of the level below, on each of forty levels.
fn bomb(open: &str, close: &str) -> String {
    let mut text = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..40 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} {open}{below}{close}");
    }
    text
}

/// The file's text, and whether it can be edited.
fn shapes() -> Vec<(&'static str, String, bool)> {
    let x = |count: usize| "x ".repeat(count);
    vec![
        ("300,000 keys", repeated(300_000, |n| format!("k{n}: v\n")), true),
        ("50,000 anchors", repeated(50_000, |n| format!("k{n}: &a{n} v\nl{n}: *a{n}\n")), true),
        ("100,000 documents", repeated(100_000, |_| "t: 1\n---\n".to_owned()), true),
        ("a line of 10 MB", format!("a: {}\n", x(5_000_000)), true),
        ("a quoted line of 10 MB", format!("a: \"{}\"\n", x(5_000_000)), true),
        ("a block of 10 MB", format!("a: |\n  {}\n", x(5_000_000)), true),
        ("an alias bomb", bomb("[", "]"), true),
        ("a merge bomb", bomb("{<<: [", "]}"), true),
        ("deep brackets", format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000)), false),
        ("deep dashes", format!("a:\n{}x\n", "- ".repeat(100_000)), false),
        ("deep question marks", format!("{}x\n", "? ".repeat(100_000)), false),
    ]
}

#[test]
fn hostile_files_end() {
    for (name, text, editable) in shapes() {
        let sandbox = Sandbox::new();
        let text = text + "tag: v1\n";
        sandbox.write("f.yaml", &text);
        let line = format!(
            "ulimit -v 500000; exec '{}' bump-tag --file f.yaml --set tag=v2",
            env!("CARGO_BIN_EXE_gitops")
        );
        let output = sandbox.finish(sandbox.command("sh").args(["-c", &line]));
        assert_eq!(output.code, if editable { 0 } else { 2 }, "{name}: {}", output.render());
        let expected = if editable { text.replace("tag: v1", "tag: v2") } else { text };
        assert!(sandbox.read("f.yaml") == expected, "{name} was edited wrongly");
        if !editable {
            assert!(output.stderr.contains("not valid YAML"), "{name}: {}", output.stderr);
        }
    }
}
