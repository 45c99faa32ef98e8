//! `--exclude`, beside Git: what `.gitignore` would leave out, and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::shell;
use crate::support::{Sandbox, installed};

const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"{a,b}",
    b"a{b",
    b"a\\",
    b"a b",
    b"a ",
    b" a",
    b"#x",
    b"!x",
    b"[ab]",
    b"a]b",
    b"A",
    b"1",
    b"a1",
    b"a-b",
    b"x.log",
    b"keep.log",
    b"\xc3\xa9",
    b"\xff",
    b"a\nb",
    b"a\tb",
    b"*",
    b"a*b",
    b"?",
    b"ab",
    b"abc",
    b"-",
    b".hidden",
    b"..x",
    b"a,b",
    b"a}b",
    b"^",
];

/// One set of patterns per line; `|` parts the lines of a set.
const PATTERNS: &[&[u8]] = &[
    b"{a,b}",
    b"a{b",
    b"a\\",
    b"a\\\\",
    b"[[:digit:]]",
    b"[[:alpha:]]*",
    b"[![:alpha:]]*",
    b"[^a]",
    b"[]a]*",
    b"[a-c]",
    b"[",
    b"[a",
    b"[[:nope:]]",
    b"[[:digit:]",
    b"[a-]",
    b"[\\]]",
    b"*.log|!keep.log",
    b"*|!a",
    b"/*|!/sub",
    b"sub/",
    b"/sub/",
    b"sub",
    b"sub/*",
    b"sub/**",
    b"**/a",
    b"sub/**/a",
    b"s*/a",
    b"s**/a",
    b"**a",
    b"sub/deep/a*",
    b"a?b",
    b"?",
    b"\\?",
    b"\\*",
    b"a\\*b",
    b"#x",
    b"\\#x",
    b"!x",
    b"\\!x",
    b"a ",
    b"a\\ ",
    b" a",
    b"a b",
    b"a\r",
    b"\xff",
    b"\xc3*",
    b"a*b",
    b"/a",
    b"a/",
    b"//a",
    b"./a",
    b"sub//a",
    b"**",
    b"*/",
    b"**/",
    b"/",
    b"!",
    b"",
    b"..x",
    b".*",
    b"deep/a",
    b"*/deep/a",
    b"sub/?eep",
    b"sub[/]a",
    b"sub\\/a",
    b"A",
    b"[A-Z]",
    b"[[:space:]]*",
    b"*[[:space:]]*",
    b"*[[:punct:]]",
    b"***",
    b"a**",
    b"s*b/**/deep/**",
    b"^",
    b"[^^]",
    b"\xef\xbb\xbfa|b",
];

#[test]
fn patterns_leave_out_what_git_ignores() {
    if !installed(&["bash", "git"]) {
        return;
    }
    let sandbox = Sandbox::new();
    for dir in ["app", "app/sub", "app/sub/deep"] {
        fs::create_dir(sandbox.path(dir)).unwrap();
        for name in NAMES {
            fs::write(sandbox.path(dir).join(OsStr::from_bytes(name)), "").unwrap();
        }
    }
    fs::create_dir_all(sandbox.path("app/dir/a/b")).unwrap();
    sandbox.write("app/dir/a/b/file", "");
    shell(&sandbox, "git init -q app; git -C app config core.excludesFile /dev/null", &[]);
    for patterns in PATTERNS {
        let lines = patterns.split(|&byte| byte == b'|').collect::<Vec<_>>().join(&b'\n');
        for file in ["app/.git/info/exclude", "patterns"] {
            fs::write(sandbox.path(file), [&lines, &b"\n"[..]].concat()).unwrap();
        }
        let mut command = sandbox.command("git");
        command.args(["-C", "app", "ls-files", "-oz", "--exclude-standard"]);
        let mut expected: Vec<Vec<u8>> =
            command.output().unwrap().stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
        // Nothing stands behind the last NUL.
        expected.pop();
        expected.sort();
        let args =
            ["digest-dir", "app", "--allow-empty", "--exclude-from", "patterns", "--manifest"];
        let output = sandbox.gitops_command(&args).output().unwrap();
        let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let found: Vec<Vec<u8>> = lines.skip(1).map(name_in).collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(patterns));
    }
}

/// The name in a line of a manifest.
fn name_in(line: &[u8]) -> Vec<u8> {
    let Some(line) = line.strip_prefix(b"\\") else { return line[68..].to_vec() };
    let (mut name, mut bytes) = (Vec::new(), line[68..].iter());
    while let Some(&byte) = bytes.next() {
        name.push(match byte {
            b'\\' => {
                if bytes.next() == Some(&b'n') {
                    b'\n'
                } else {
                    b'\\'
                }
            }
            byte => byte,
        });
    }
    name
}
