//! What never matters to a digest, and that everything else does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use proptest::prelude::*;

use super::{digest, shell};
use crate::support::{Sandbox, installed};

/// What a random tree holds at a path.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    File(Vec<u8>, bool),
    Link(String),
    EmptyDirectory,
}

type Tree = BTreeMap<String, Node>;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abAB.-]{1,3}".prop_filter("special", |name| name != "." && name != ".."),
        prop::sample::select(vec!["é", "a b", "back\\slash", "new\nline", "-", "#l", "*"])
            .prop_map(str::to_owned),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        6 => (prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(content, executable)| Node::File(content, executable)),
        1 => name().prop_map(Node::Link),
        1 => Just(Node::EmptyDirectory),
    ]
}

/// Paths whose first component tells files from directories, so that none is below a file.
fn tree() -> impl Strategy<Value = Tree> {
    let path = prop::collection::vec(name(), 1..4).prop_map(|names| {
        let last = names.len() - 1;
        let place = |(at, name): (usize, &String)| {
            if at == last { format!("f{name}") } else { format!("d{name}") }
        };
        names.iter().enumerate().map(place).collect::<Vec<_>>().join("/")
    });
    prop::collection::btree_map(path, node(), 1..12)
}

fn make<'a>(root: &Path, entries: impl Iterator<Item = (&'a String, &'a Node)>) {
    fs::create_dir_all(root).unwrap();
    for (path, node) in entries {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match node {
            Node::File(content, executable) => {
                fs::write(&path, content).unwrap();
                let mode = if *executable { 0o755 } else { 0o644 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            Node::Link(target) => symlink(target, &path).unwrap(),
            Node::EmptyDirectory => fs::create_dir(&path).unwrap(),
        }
    }
}

const EVERYTHING: &[&str] = &["--exec", "--empty-dirs", "--allow-empty"];

fn everything(sandbox: &Sandbox, args: &[&str]) -> String {
    digest(sandbox, &[EVERYTHING, args].concat())
}

fn few() -> ProptestConfig {
    // Each case runs the program dozens of times.
    ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn circumstances_never_matter(tree in tree()) {
        if !installed(&["bash", "cp", "tar", "touch"]) {
            return Ok(());
        }
        let sandbox = Sandbox::new();
        make(&sandbox.path("app"), tree.iter());
        let expected = everything(&sandbox, &["app"]);

        let absolute = sandbox.path("app");
        for dir in ["app/", "./app", "app/.", "../work//app", absolute.to_str().unwrap()] {
            prop_assert_eq!(&everything(&sandbox, &[dir]), &expected, "{}", dir);
        }
        for jobs in [1, 2, 3, 7, 16, 64] {
            prop_assert_eq!(&everything(&sandbox, &["app", "-j", &jobs.to_string()]), &expected);
        }
        for locale in ["C.UTF-8", "en_US.UTF-8", "tr_TR.UTF-8", "nonsense"] {
            let mut command = sandbox.gitops_command(&["digest-dir", "app"]);
            let output = sandbox.finish(command.args(EVERYTHING).env("LC_ALL", locale));
            prop_assert_eq!(output.stdout.trim(), &expected, "{}", locale);
        }
        make(&sandbox.path("backwards"), tree.iter().rev());
        shell(&sandbox, "cp -r app copy; mkdir tarred; tar -cf - -C app . | tar -xf - -C tarred", &[]);
        shell(&sandbox, "cp -a app touched; find touched -exec touch -hd 2001-01-01 {} +", &[]);
        shell(&sandbox, "cp -a app modes; find modes -type f -exec chmod go-rwx,u-w {} +", &[]);
        shell(&sandbox, "ln -s app linked; cp -al app hard", &[]);
        for dir in ["backwards", "copy", "tarred", "touched", "modes", "linked", "hard"] {
            prop_assert_eq!(&everything(&sandbox, &[dir]), &expected, "{}", dir);
        }
    }

    #[test]
    fn every_single_change_matters(tree in tree(), which: prop::sample::Index, extra in name()) {
        let sandbox = Sandbox::new();
        make(&sandbox.path("app"), tree.iter());
        let mut seen = vec![(tree.clone(), everything(&sandbox, &["app"]))];
        for (at, changed) in mutations(&tree, which.index(tree.len()), &extra).into_iter().enumerate() {
            let name = format!("m{at}");
            make(&sandbox.path(&name), changed.iter());
            let digest = everything(&sandbox, &[&name]);
            for (other, known) in &seen {
                prop_assert_eq!(*other == changed, *known == digest, "{:?} {:?}", other, changed);
            }
            seen.push((changed, digest));
        }
    }
}

/// The tree with one entry changed, in each way in which it can be.
fn mutations(tree: &Tree, which: usize, extra: &str) -> Vec<Tree> {
    let (path, node) = tree.iter().nth(which).unwrap();
    let with = |path: &str, node: Node| {
        let mut changed = tree.clone();
        changed.insert(path.to_owned(), node);
        changed
    };
    let mut all = vec![with(&format!("fnew{extra}"), Node::File(vec![], false))];
    let mut renamed = tree.clone();
    let moved = renamed.remove(path).unwrap();
    renamed.insert(format!("{path}{extra}"), moved.clone());
    all.push(renamed.clone());
    renamed.remove(&format!("{path}{extra}"));
    renamed.insert(format!("dmoved/{}", path.replace('/', "-")), moved);
    all.push(renamed);
    match node {
        Node::File(content, executable) => {
            let mut flipped = content.clone();
            flipped.push(b'x');
            all.push(with(path, Node::File(flipped, *executable)));
            all.push(with(path, Node::File(content.clone(), !executable)));
            let text = String::from_utf8_lossy(content).replace('\0', "").clone();
            all.push(with(path, Node::Link(format!("t{text}"))));
        }
        Node::Link(target) => {
            all.push(with(path, Node::Link(format!("{target}x"))));
            all.push(with(path, Node::File(target.clone().into_bytes(), false)));
        }
        Node::EmptyDirectory => all.push(with(path, Node::File(vec![], false))),
    }
    all
}

/// Pairs that schemes with ambiguous texts take for the same.
#[test]
fn designed_pairs_differ() {
    type Files<'a> = &'a [(&'a str, &'a str)];
    let pairs: &[(Files<'_>, Files<'_>)] = &[
        (&[("a", "hell"), ("b", "oworld")], &[("a", "hello"), ("b", "world")]),
        (&[("a/b", "1")], &[("b", "1")]),
        (&[("ab", "c")], &[("a", "bc")]),
        (&[("a", "1"), ("b", "2")], &[("a", "2"), ("b", "1")]),
        (&[("a\nb", "")], &[("a", ""), ("b", "")]),
        (&[("a\\nb", "")], &[("a\nb", "")]),
        (&[("a", "1")], &[("A", "1")]),
        (&[("\u{e9}", "1")], &[("e\u{301}", "1")]),
        (&[("a", "1\n")], &[("a", "1\r\n")]),
        (&[("x/.gitignore", "*\n"), ("x/a", "1")], &[("x/.gitignore", "*\n"), ("x/a", "2")]),
    ];
    for (left, right) in pairs {
        let digests = [left, right].map(|files| {
            let sandbox = Sandbox::new();
            for (path, content) in *files {
                sandbox.write(&format!("app/{path}"), content);
            }
            digest(&sandbox, &["app"])
        });
        assert_ne!(digests[0], digests[1], "{left:?} {right:?}");
    }
}
