//! Whatever a file looks like, and however often it is bumped: it differs in the token only, and an
//! independent reader finds there the very string that was asked for.

use gitops::yaml::{self, Address, Change, Found, Operation, Sharing, Stream, YamlPath};
use proptest::prelude::*;

/// A file with a hole where the token goes.
#[derive(Clone, Debug)]
struct Holed {
    before: String,
    after: String,
    token: String,
    path: String,
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("# a comment: with [brackets] and 'quotes\n".to_owned()),
        "[a-z]{1,6}[0-9]{3}".prop_map(|key| format!("{key}: plain text\n")),
        "[a-z]{1,6}[0-9]{3}".prop_map(|key| format!("{key}: {{a: [1, 'two'], \"b\": ~}} # c\n")),
        "[a-z]{1,6}[0-9]{3}"
            .prop_map(|key| format!("{key}:\n- x: 1\n\n  y: |\n    block — é\n\n    more\n- z\n")),
        "[a-z]{1,6}[0-9]{3}"
            .prop_map(|key| format!("{key}:   \"double \\\"quoted\\\" \\u00e9\"   \n")),
        "[a-z]{1,6}[0-9]{3}".prop_map(|key| format!("{key}: >-\n      folded\n      text\n")),
        "[a-z]{1,6}[0-9]{3}".prop_map(|key| format!("日本{key}: 0644\n")),
    ]
}

fn target() -> impl Strategy<Value = (String, String, &'static str)> {
    let token = prop_oneof![Just("v0"), Just("\"v0\""), Just("'v0'"), Just("1.0"), Just("")];
    let shape = prop_oneof![
        Just(("image:\n    repository: r/a\n    tag: ", "", "image.tag")),
        Just(("image: {repository: r/a, tag: ", " , x: 1}", "image.tag")),
        Just(("image:\n- name: web\n  tag: ", "   # set by CI", "image[name=web].tag")),
        Just(("image: {\"a.b/c\": [x, {tag: ", " }]}", "image[\"a.b/c\"][1].tag")),
    ];
    (shape, token).prop_map(|((before, after, path), token)| {
        (format!("{before}{token}"), after.to_owned(), path)
    })
}

fn file() -> impl Strategy<Value = Holed> {
    let lines = || prop::collection::vec(line(), 0..12).prop_map(|lines| lines.concat());
    (lines(), target(), lines(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(head, (target, rest, path), tail, crlf, mark, newline)| {
            let tail = if newline { format!("\n{tail}") } else { String::new() };
            let fix = |text: String| if crlf { text.replace('\n', "\r\n") } else { text };
            let at = target.rfind(": ").unwrap() + 2;
            let mark = if mark { "\u{feff}" } else { "" };
            Holed {
                before: fix(format!("{mark}{head}{}", &target[..at])),
                token: target[at..].to_owned(),
                after: fix(format!("{rest}{tail}")),
                path: path.to_owned(),
            }
        },
    )
}

fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        "v[0-9]{1,2}\\.[0-9]{1,2}",
        "[0-9]{1,3}\\.[0-9]{1,3}",
        "[0-9a-f]{7}",
        "[0-9]{1,2}e[0-9]{1,4}",
        "(yes|No|on|OFF|null|~|true|0x1F|0o17|0755|1_000|1:30|2024-01-02|\\.inf|=|<<)",
        "[ -~]{0,12}",
        "\\PC{1,8}",
    ]
}

fn bump(text: &str, path: &str, value: &str) -> anyhow::Result<String> {
    let stream = Stream::parse(text.to_owned())?;
    let path = YamlPath::parse(path)?;
    let Found::Node(node) = yaml::find(&stream, 0, &path, Sharing::Refuse)? else {
        anyhow::bail!("the path leads nowhere");
    };
    let at = Address { node, inner: None };
    let change = Change { at, operation: Operation::Set(value.to_owned()) };
    Ok(yaml::edit::edit(&stream, &[change])?.text)
}

/// The value as libyaml and `serde_yaml` read it.
fn independent(text: &str, path: &str) -> Option<serde_yaml::Value> {
    let mut value: serde_yaml::Value =
        serde_yaml::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    for step in path.replace(['[', ']'], "/").replace("\"a.b/c\"", "dotted").split(['.', '/']) {
        value = match step {
            "" => continue,
            "name=web" => value.get(0)?.clone(),
            "dotted" => value.get("a.b/c")?.clone(),
            digit if digit.parse::<usize>().is_ok() => {
                value.get(digit.parse::<usize>().ok()?)?.clone()
            }
            key => value.get(key)?.clone(),
        };
    }
    Some(value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_the_token_changes(file in file(), tags in prop::collection::vec(tag(), 1..6)) {
        let Holed { before, after, token, path } = file;
        let mut text = format!("{before}{token}{after}");
        // Random keys may repeat; such a file says the same to no two readers.
        prop_assume!(serde_yaml::from_str::<serde_yaml::Value>(text.trim_start_matches('\u{feff}')).is_ok());
        for tag in tags {
            text = bump(&text, &path, &tag).map_err(|e| TestCaseError::fail(format!("{e:#}\n{text}")))?;
            let missing = before.trim_end_matches(' ').len();
            prop_assert!(text.starts_with(&before[..missing]) && text.ends_with(&after), "{text:?}");
            prop_assert_eq!(text.matches('\n').count(), before.matches('\n').count() + after.matches('\n').count());
            let read = independent(&text, &path);
            prop_assert_eq!(read, Some(serde_yaml::Value::String(tag)), "{}", text);
        }
    }
}
