//! Bare repositories made and read by the real `git`.

use std::path::PathBuf;
use std::process::Command;

use super::sandbox::example_shop;
use super::{Output, Sandbox};

/// A sandbox with bare repositories, and an identity to commit with.
pub(crate) struct Repositories {
    pub(crate) sandbox: Sandbox,
}

/// The value of a key in `key: value` lines.
pub(crate) fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "))
}

const IDENTITY: &[(&str, &str)] = &[
    ("GIT_AUTHOR_NAME", "Ada"),
    ("GIT_AUTHOR_EMAIL", "ada@example.com"),
    ("GIT_AUTHOR_DATE", "1700000000 +0000"),
    ("GIT_COMMITTER_NAME", "CI"),
    ("GIT_COMMITTER_EMAIL", "ci@example.com"),
    ("GIT_COMMITTER_DATE", "1700000000 +0000"),
];

impl Repositories {
    pub(crate) fn new() -> Self {
        Self { sandbox: Sandbox::new() }
    }

    /// The directory that holds them all.
    pub(crate) fn root(&self) -> PathBuf {
        self.sandbox.path("").canonicalize().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.root().join(name).to_str().unwrap().to_owned()
    }

    /// `git`, which must succeed; its output without the last line's end.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = self.sandbox.command("git");
        command.args(args).envs(IDENTITY.iter().copied());
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A bare repository `NAME.git` with these files in one commit on `main`; anybody may push by HTTP.
    pub(crate) fn bare(&self, name: &str, files: &[(&str, &str)]) {
        self.bare_as("sha1", name, files);
    }

    /// The same with another kind of object ids.
    pub(crate) fn bare_as(&self, format: &str, name: &str, files: &[(&str, &str)]) {
        let work = format!("{name}.work");
        let format = format!("--object-format={format}");
        self.git(&["init", "-q", "-b", "main", &format, &work]);
        for (path, text) in files {
            self.sandbox.write(&format!("{work}/{path}"), text);
        }
        self.git(&["-C", &work, "add", "-A"]);
        self.git(&["-C", &work, "commit", "-q", "--allow-empty", "-m", "init"]);
        self.git(&["clone", "-q", "--bare", &work, &format!("{name}.git")]);
        self.serve(name);
    }

    /// Lets a repository be pushed to by HTTP, and be read in part.
    pub(crate) fn serve(&self, name: &str) {
        let dir = format!("{name}.git");
        self.git(&["-C", &dir, "config", "http.receivepack", "true"]);
        self.git(&["-C", &dir, "config", "uploadpack.allowFilter", "true"]);
    }

    /// The example shop as `shop.git`.
    pub(crate) fn shop(&self) {
        let files = example_shop();
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, bytes)| (path.as_str(), text(bytes))).collect();
        self.bare("shop", &files);
    }

    /// Installs a hook.
    pub(crate) fn hook(&self, name: &str, hook: &str, script: &str) {
        let path = format!("{name}.git/hooks/{hook}");
        self.sandbox.write(&path, script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.sandbox.path(&path), mode).unwrap();
    }

    /// Has the next push lose a race: while its hook runs, somebody else's commit becomes the tip.
    pub(crate) fn lose_once(&self, name: &str) {
        self.lose_once_to(name, "other.txt", "other\n");
    }

    /// The same, with what the other commit does.
    pub(crate) fn lose_once_to(&self, name: &str, path: &str, text: &str) {
        let work = format!("{name}.work");
        self.sandbox.write(&format!("{work}/{path}"), text);
        self.git(&["-C", &work, "add", "-A"]);
        self.git(&["-C", &work, "commit", "-q", "-m", "somebody else"]);
        // Its objects arrive under another name, as if it had been pushed while ours was under way.
        self.git(&[
            "-C",
            &work,
            "push",
            "-q",
            &self.path(&format!("{name}.git")),
            "HEAD:refs/other/x",
        ]);
        // In the hook the new objects are in quarantine, where references must not be written by `git`.
        let script = "#!/bin/sh\ntest -e moved && exit 0\ntouch moved\n\
                      cat refs/other/x > refs/heads/main\nexit 0\n";
        self.hook(name, "pre-receive", script);
    }

    /// `gitops` with an identity, not yet run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.gitops_command(args);
        command.envs(IDENTITY.iter().copied());
        command
    }

    pub(crate) fn gitops(&self, args: &[&str]) -> Output {
        self.sandbox.finish(&mut self.command(args))
    }

    /// A file of a branch.
    pub(crate) fn show(&self, name: &str, path: &str) -> String {
        self.git(&["-C", &format!("{name}.git"), "show", &format!("main:{path}")])
    }

    /// The subjects of `main`, the newest first.
    pub(crate) fn log(&self, name: &str) -> Vec<String> {
        let text = self.git(&["-C", &format!("{name}.git"), "log", "--format=%s", "main"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Nothing is broken, nobody was left out, no merge, no lock.
    pub(crate) fn is_sound(&self, name: &str) {
        let dir = format!("{name}.git");
        self.git(&["-C", &dir, "fsck", "--strict"]);
        assert_eq!(self.git(&["-C", &dir, "log", "--merges", "--format=%h", "main"]), "");
        let locks: Vec<PathBuf> = walkdir::WalkDir::new(self.sandbox.path(&dir))
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "lock"))
            .map(walkdir::DirEntry::into_path)
            .collect();
        assert!(locks.is_empty(), "{locks:?}");
    }
}
