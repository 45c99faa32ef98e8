//! Large files in the shapes that public repositories have: each edit changes the marked token and
//! no other byte. Three dozen shapes, each in eight dresses: some 300 files of up to 200 kB.

use gitops::bump::{Assignment, Rules, Selector, plan_values};
use gitops::manifest::chunks;
use gitops::policy::Policy;
use gitops::snapshot::{Entry, Snapshot};
use gitops::yaml::{Schema, Sharing, Stream, expand, read_plain};
use walkdir::WalkDir;

/// One file in memory.
struct OneFile(Vec<u8>);

impl Snapshot for OneFile {
    fn entries(&self, _: &str) -> anyhow::Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        Ok(vec![self.0.clone()])
    }

    fn real_path(&self, path: &str) -> anyhow::Result<String> {
        Ok(path.to_owned())
    }
}

/// A shape with its token between `«»`, the path that leads there, and the new value and token.
type Shape = (&'static str, &'static str, &'static str, &'static str);

const SHAPES: &[Shape] = &[
    ("tag: «v1»\n", "tag", "v2", "v2"),
    ("image:\n  tag: «1.9»\n", "image.tag", "1.10", "\"1.10\""),
    ("image:\n  tag: «7e31209»  # short SHA\n", "image.tag", "12e4567", "\"12e4567\""),
    ("image:\n  tag: «20240102»\n", "image.tag", "main-1", "main-1"),
    ("image:\n  tag: «012345»\n", "image.tag", "0755", "\"0755\""),
    ("image:\n  tag: «on»\n", "image.tag", "off", "\"off\""),
    ("image:\n  tag: «\"1.2\"»   # falls back to appVersion\n", "image.tag", "1.3", "\"1.3\""),
    ("image:\n  tag: «'it''s'»\n", "image.tag", "it's", "'it''s'"),
    ("image:  «r/a:1»\n", "image", "r/a:2", "r/a:2"),
    ("image: «r/a:1» \nnext: 1\n", "image", "r/a:2", "r/a:2"),
    (
        "image: >-\n            «registry.example.svc:5000/team/app:stable»\n",
        "image",
        "r/a:2",
        "r/a:2",
    ),
    ("image: |-\n  «r/a:1»\n", "image", "1.10", "1.10"),
    (
        "image: {repository: r/a, tag: «v1», pullPolicy: Always} # c\n",
        "image.tag",
        "v,2",
        "\"v,2\"",
    ),
    ("image: {\n  tag: «v1»\n}\n", "image.tag", "v2", "v2"),
    ("annotations: {\n\n}\nimage: {tag: «v1»}\n", "image.tag", "v2", "v2"),
    ("l:\n- name: a\n  image: «r/a:1»\n", "l[name=a].image", "r/a:2", "r/a:2"),
    ("l:\n  - image: «r/a:1»\n    name: a\nm:\n- x\n", "l[0].image", "r/a:2", "r/a:2"),
    ("l:\n  -\n    image: «r/a:1»\n", "l[0].image", "r/a:2", "r/a:2"),
    ("l: [[a, «r/a:1»], b]\n", "l[0][1]", "r/a:2", "r/a:2"),
    (
        "sidecar.example.io/proxyImage: «r/a:1»\n",
        "[\"sidecar.example.io/proxyImage\"]",
        "r/a:2",
        "r/a:2",
    ),
    (
        "motd: |\n  a line longer than sixteen characters — a dash\nimage: {tag: «v1»}\n",
        "image.tag",
        "v2",
        "v2",
    ),
    ("日本: é\nimage: {名: ü, tag: «v1»}\n", "image.tag", "v2", "v2"),
    ("image: &app «r/app:1»\n", "image", "r/app:2", "r/app:2"),
    ("a: &v \"1\"\nb: *v\ntag: &v «\"2\"»\n", "tag", "3", "\"3\""),
    ("a: &v r/a:1\nimage: «*v»\n", "image", "r/a:2", "r/a:2"),
    ("image: !!str «1»\n", "image", "2", "\"2\""),
    ("tag: «2026.3.1@sha256:0d1e»\n", "tag", "2026.3.2", "2026.3.2"),
    ("replicas: {{ .Values.web.replicas }}\nimage: «r/a:1»\n", "image", "r/a:2", "r/a:2"),
    ("image:\n  repository: v1 # v1\n  v1: v1\n  tag: «v1» # v1\n", "image.tag", "v2", "v2"),
    ("{\"image\": {\"repository\": \"r/a\", \"tag\": «\"v1\"»}}\n", "image.tag", "v2", "\"v2\""),
    ("tag:«» # none\nx: 1\n", "tag", "v2", " v2"),
    ("on: «yes»\n", "on", "no", "\"no\""),
    ("tag:\t«v1»\n", "tag", "v2", "v2"),
    ("? tag\n: «v1»\n", "tag", "v2", "v2"),
    ("tag: «one\n  two\n\n  three»\nx: 1\n", "tag", "v2", "v2"),
    ("tag: «\"a \\\n  b\"»\nx: 1\n", "tag", "v2", "\"v2\""),
    ("\"quoted key\": {«v1»: x}\nimage: v1\n", "\"quoted key\".nothing", "v2", ""),
];

/// What stands around the shape in the file.
struct Dress {
    name: &'static str,
    before: String,
    after: String,
    crlf: bool,
    final_newline: bool,
    document: usize,
}

fn dresses() -> Vec<Dress> {
    let plain = |name, before: String, after: String| Dress {
        name,
        before,
        after,
        crlf: false,
        final_newline: true,
        document: 0,
    };
    let comments = "# -- docs of the next value, as chart authors write them\n".repeat(120);
    let noise: Vec<String> = (0..1500)
        .map(|n| {
            format!(
                "---\nkind: ConfigMap\nmetadata: {{name: c{n}}}\ndata:\n  k: |\n    text é {n}\n\n"
            )
        })
        .collect();
    vec![
        plain("alone", String::new(), String::new()),
        plain("behind 120 lines of comment", comments, "# the end\n\n\n".to_owned()),
        plain("with a byte order mark", "\u{feff}# é\n".to_owned(), String::new()),
        Dress { crlf: true, ..plain("with CRLF", "# c\n".to_owned(), "# end\n".to_owned()) },
        Dress {
            final_newline: false,
            ..plain("without a final newline", String::new(), String::new())
        },
        Dress {
            document: 1500,
            ..plain("behind 1,500 documents", noise.concat() + "---\n", String::new())
        },
        Dress {
            document: 1,
            ..plain("before 1,500 documents", "---\n---\n".to_owned(), noise.concat())
        },
        Dress {
            crlf: true,
            document: 2,
            ..plain(
                "third of CRLF documents",
                "a: 1\n---\n---\n".to_owned(),
                "---\nb: 1\n".to_owned(),
            )
        },
    ]
}

fn rules() -> Rules {
    Rules {
        all: false,
        sharing: Sharing::Refuse,
        drop_digest: false,
        no_downgrade: false,
        expect: None,
        create: false,
    }
}

fn set(text: &str, document: usize, path: &str, value: &str) -> Result<String, String> {
    let assignment = Assignment::parse(&format!("{path}={value}")).unwrap();
    let selector = Selector::Number(document);
    let file = OneFile(text.as_bytes().to_vec());
    let plan =
        plan_values(&file, "f.yaml", Some(&selector), &[assignment], &rules(), &Policy::default())
            .map_err(|error| format!("{error:#}"))?;
    let after = plan.changes.files().first().map(|file| file.after.clone());
    Ok(after.map_or_else(|| text.to_owned(), |after| String::from_utf8(after).unwrap()))
}

/// The file before and after, as the dress has it.
fn dressed(shape: &Shape, dress: &Dress) -> (String, String) {
    let (marked, _, _, token) = shape;
    let (before, rest) = marked.split_once('«').unwrap();
    let (old, after) = rest.split_once('»').unwrap();
    let build = |token: &str| {
        let mut text = format!("{}{before}{token}{after}{}", dress.before, dress.after);
        if !dress.final_newline {
            text.truncate(text.trim_end_matches('\n').len());
        }
        if dress.crlf { text.replace('\n', "\r\n") } else { text }
    };
    (build(old), build(token))
}

#[test]
fn every_edit_is_exact_or_refused() {
    let mut exact = 0;
    for shape in SHAPES {
        let (marked, path, value, token) = shape;
        for dress in dresses() {
            let (before, expected) = dressed(shape, &dress);
            let got = set(&before, dress.document, path, value);
            if token.is_empty() {
                assert!(got.is_err(), "{marked:?} {} was edited", dress.name);
                continue;
            }
            let got = got.unwrap_or_else(|said| panic!("{marked:?} {}: {said}", dress.name));
            assert!(got == expected, "{marked:?} {}: {:?}", dress.name, &got[..got.len().min(300)]);
            exact += 1;
        }
    }
    assert!(exact >= 200, "only {exact} files were tried");
}

/// Whether the quick reader answers for a document; it must say what the full reader says.
fn is_read_quickly(text: &str) -> bool {
    let Some(quick) = read_plain(text, |_, _| Schema::Either, 0) else { return false };
    let stream = Stream::parse(text.to_owned()).unwrap();
    let full = expand(&stream, 0, Schema::Either, 0).unwrap();
    assert_eq!(stream.documents(), 1, "{text}");
    assert_eq!(
        (format!("{quick:?}"), 0),
        (format!("{:?}", full.value), full.duplicates.len()),
        "{text}"
    );
    true
}

#[test]
fn the_quick_reader_says_what_the_full_one_says() {
    let mut texts: Vec<String> = Vec::new();
    for shape in SHAPES {
        let both = dresses().into_iter().map(|dress| dressed(shape, &dress));
        texts.extend(both.flat_map(|(before, after)| [before, after]));
    }
    for dir in ["examples", "tests", "src"] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let files = WalkDir::new(root).into_iter().filter_map(Result::ok);
        let yaml = files.filter(|file| file.path().extension().is_some_and(|end| end == "yaml"));
        texts.extend(yaml.filter_map(|file| std::fs::read_to_string(file.path()).ok()));
    }
    let pieces = texts.iter().flat_map(|text| chunks(text).into_iter().map(|c| &text[c.range]));
    let (quick, others): (Vec<&str>, Vec<&str>) = pieces.partition(|text| is_read_quickly(text));
    assert!(quick.len() >= 200, "only {} of {}", quick.len(), quick.len() + others.len());
}
