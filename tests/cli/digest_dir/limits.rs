//! Trees at the limits of the system: deep, long, and with names that are no text.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use data_encoding::{BASE64, HEXLOWER};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{digest, shell};
use crate::support::{Sandbox, installed};

/// Makes directories of this name one in the other, and a file in the last; gives its path.
fn deep(sandbox: &Sandbox, name: &str, levels: usize) -> String {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    fs::create_dir(sandbox.path("app")).unwrap();
    let mut dir: OwnedFd = openat(CWD, sandbox.path("app"), flags, Mode::empty()).unwrap();
    for _ in 0..levels {
        mkdirat(&dir, name, Mode::RWXU).unwrap();
        dir = openat(&dir, name, flags, Mode::empty()).unwrap();
    }
    let file = openat(&dir, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    rustix::io::write(&file, b"hello").unwrap();
    format!("{}file", format!("{name}/").repeat(levels))
}

/// `gd1` of a directory with this one file in it.
fn expected(path: &str) -> String {
    let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let manifest = format!("# gitops-dir-digest gd1\n{hello}  ./{path}\n");
    let hash = HEXLOWER.encode(&Sha256::digest(manifest));
    format!("gd1:{hash}")
}

#[test]
fn a_thousand_levels() {
    let sandbox = Sandbox::new();
    let path = deep(&sandbox, "d", 1000);
    assert_eq!(digest(&sandbox, &["app"]), expected(&path));
    for format in ["git-tree", "swh", "nar", "dirhash", "h1", "seed-rel"] {
        digest(&sandbox, &["app", "--format", format]);
    }
}

/// 60 names of 255 bytes are almost four times what a system call takes as a path.
#[cfg(target_os = "linux")]
#[test]
fn paths_that_are_too_long_for_the_system() {
    let sandbox = Sandbox::new();
    let path = deep(&sandbox, &"n".repeat(255), 60);
    assert_eq!(digest(&sandbox, &["app"]), expected(&path));
    assert_eq!(digest(&sandbox, &["-j1", "app"]), expected(&path));
    let nar = digest(&sandbox, &["app", "--format", "nar"]);
    assert!(nar.starts_with("sha256-"), "{nar}");
}

#[test]
fn every_byte_that_a_name_may_have() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("app")).unwrap();
    let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for byte in (1..=255).filter(|byte| !b"/.".contains(byte)) {
        fs::write(sandbox.path("app").join(OsStr::from_bytes(&[byte])), [byte]).unwrap();
        let hash = HEXLOWER.encode(&Sha256::digest([byte]));
        let (mark, name): (&str, Vec<u8>) = match byte {
            b'\\' => ("\\", b"\\\\".to_vec()),
            b'\n' => ("\\", b"\\n".to_vec()),
            b'\r' => ("\\", b"\\r".to_vec()),
            byte => ("", vec![byte]),
        };
        let line = [mark.as_bytes(), hash.as_bytes(), b"  ./", &name, b"\n"].concat();
        records.push((vec![byte], line));
    }
    records.sort();
    let header = b"# gitops-dir-digest gd1\n".to_vec();
    let manifest = records.into_iter().fold(header, |text, (_, line)| [text, line].concat());
    let mut command = sandbox.gitops_command(&["digest-dir", "--manifest", "app"]);
    assert_eq!(command.output().unwrap().stdout, manifest);
}

#[test]
fn a_large_sparse_file() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("app")).unwrap();
    let file = fs::File::create(sandbox.path("app/sparse")).unwrap();
    file.set_len(40 << 20).unwrap();
    // head -c 40M /dev/zero | sha256sum
    let zeros = "80a3721188e40218b08b26776bc53bdae81e4784fff71d71450a197319cba113";
    let output = sandbox.gitops(&["digest-dir", "--manifest", "app"]);
    output.ok();
    assert_eq!(output.stdout, format!("# gitops-dir-digest gd1\n{zeros}  ./sparse\n"));
}

/// What a process may write to, in KiB: a bound that the system itself holds.
fn within(sandbox: &Sandbox, bound: u32, args: &[&str]) {
    let script =
        format!("ulimit -d {bound}; exec {} digest-dir -j2 \"$@\"", env!("CARGO_BIN_EXE_gitops"));
    assert!(shell(sandbox, &script, args).len() > 64, "{args:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded() {
    if !installed(&["bash"]) {
        return;
    }
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("many/d")).unwrap();
    for number in 0..100_000 {
        let name = format!("many/d/a-name-of-the-usual-length-{number:06}");
        fs::File::create(sandbox.path(name)).unwrap();
    }
    within(&sandbox, 40 << 10, &["many"]);
    within(&sandbox, 40 << 10, &["many", "--manifest", "-o", "json"]);
    within(&sandbox, 80 << 10, &["many", "many", "many", "many", "many"]);
    fs::create_dir(sandbox.path("large")).unwrap();
    fs::File::create(sandbox.path("large/sparse")).unwrap().set_len(300 << 20).unwrap();
    within(&sandbox, 12 << 10, &["large"]);
}

#[test]
fn a_directory_whose_name_is_no_text() {
    let sandbox = Sandbox::new();
    let name = OsStr::from_bytes(b"\xff\n");
    fs::create_dir(sandbox.path("").join(name)).unwrap();
    fs::write(sandbox.path("").join(name).join("file"), "hello").unwrap();
    let mut command = sandbox.gitops_command(&["digest-dir"]);
    let output = sandbox.finish(command.arg(name));
    assert_eq!(output.ok().stdout.trim(), expected("file"));
    let mut command = sandbox.gitops_command(&["digest-dir"]);
    let output = command.args([name, name]).output().unwrap();
    let line = [expected("file").as_bytes(), b"  \xff\\n\n"].concat();
    assert_eq!(output.stdout, [&*line, &line].concat());
    let mut command = sandbox.gitops_command(&["digest-dir", "-o", "json"]);
    let output = sandbox.finish(command.arg(name));
    assert_eq!(output.ok().json()["dir"], "\\xff\\n");
}

/// JSON has no bytes: what is no text is base64, and two names never read alike.
#[test]
fn a_manifest_that_is_no_text_is_whole_in_json() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("app")).unwrap();
    fs::write(sandbox.path("app").join("plain \"\u{e9}\u{1b}"), "1").unwrap();
    let json = |field: &str| {
        let output = sandbox.gitops(&["digest-dir", "app", "--manifest", "-o", "json"]);
        output.ok().json()[field].clone()
    };
    let printed = || {
        let mut command = sandbox.gitops_command(&["digest-dir", "app", "--manifest"]);
        command.output().unwrap().stdout
    };
    assert_eq!(json("manifest").as_str().unwrap().as_bytes(), printed());
    assert_eq!((json("manifest_base64"), json("warnings")), (Value::Null, json!([])));
    for name in [&b"\xff"[..], b"\\xff", b"\xfe\xff"] {
        fs::write(sandbox.path("app").join(OsStr::from_bytes(name)), "2").unwrap();
    }
    let encoded = json("manifest_base64");
    assert_eq!(BASE64.decode(encoded.as_str().unwrap().as_bytes()).unwrap(), printed());
    assert_eq!((json("manifest"), json("files")), (Value::Null, json!(4)));

    sandbox.write("sums", "# gitops-dir-digest gd1\n");
    let output = sandbox.gitops(&["digest-dir", "app", "--check", "sums"]);
    let lines = "added\t\\\\xff\nadded\tplain \"\u{e9}\\u{1b}\nadded\t\\xfe\\xff\nadded\t\\xff\n";
    assert_eq!(output.stdout, lines);
}
