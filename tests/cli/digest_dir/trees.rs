//! Directories for the tests of digests.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::support::Sandbox;

/// What to make at a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Make<'a> {
    File(&'a [u8]),
    Executable(&'a [u8]),
    Link(&'a str),
    Directory,
}

use Make::{Directory, Executable, File, Link};

/// A directory and what is in it.
pub(super) type Named<'a> = (&'a str, Vec<(&'a [u8], Make<'a>)>);

pub(super) fn make(root: &Path, entries: &[(&[u8], Make<'_>)]) {
    fs::create_dir_all(root).unwrap();
    for (path, what) in entries {
        let path = root.join(OsStr::from_bytes(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match what {
            Directory => fs::create_dir_all(&path).unwrap(),
            Link(target) => symlink(target, &path).unwrap(),
            File(content) => write(&path, content, 0o644),
            Executable(content) => write(&path, content, 0o755),
        }
    }
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A sandbox with these directories in it.
pub(super) fn sandbox(trees: &[Named<'_>]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, entries) in trees {
        make(&sandbox.path(name), entries);
    }
    sandbox
}

const BIG: &[u8] = &[0; 3_000_000];

/// Trees in which formats differ; none holds what a format refuses, apart from what its name says.
pub(super) fn samples() -> Vec<Named<'static>> {
    vec![
        (
            "plain",
            vec![
                (b"a.txt", File(b"hello")),
                (b"empty", File(b"")),
                (b"sub/run", Executable(b"#!/bin/sh\n")),
                (b"sub/deep/big", File(BIG)),
                (b"sub/b c", File(b"b\n")),
            ],
        ),
        (
            "order",
            vec![
                (b"a/z", File(b"1")),
                (b"a-b", File(b"2")),
                (b"a.b", File(b"3")),
                (b"ab", File(b"4")),
                (b"a0/x", File(b"5")),
                (b"a/b/c", File(b"6")),
                (b"a/b-c", File(b"7")),
                (b"A/Z", File(b"8")),
            ],
        ),
        (
            "escapes",
            vec![
                (b"-", File(b"1")),
                (b"new\nline", File(b"2")),
                (b"back\\slash", File(b"3")),
                (b"cr\rx", File(b"4")),
                (b"di r/*", File(b"5")),
                ("é".as_bytes(), File(b"6")),
                (b".hidden", File(b"7")),
                (b"\x01", File(b"8")),
            ],
        ),
        ("empties", vec![(b"e/f/g", Directory), (b"f", File(b"x"))]),
        ("bytes", vec![(b"\xff\xfe", File(b"1")), (b"\xc3/\xc3/x", File(b"2"))]),
        ("file-links", vec![(b"d/f", File(b"1")), (b"lf", Link("d/f")), (b"lf2", Link("lf"))]),
        (
            "dir-links",
            vec![
                (b"d/f", File(b"1")),
                (b"ld", Link("d")),
                (b"x", Link("ld/f")),
                (b"e/k", Link("../d")),
            ],
        ),
        (
            "loose-links",
            vec![
                (b"d/f", File(b"1")),
                (b"dangling", Link("nowhere")),
                (b"absolute", Link("/etc/passwd")),
                (b"self", Link(".")),
            ],
        ),
    ]
}
