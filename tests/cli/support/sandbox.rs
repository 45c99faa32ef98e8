//! A temporary directory with an empty home and a cleared environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::IntoData;

/// A directory `work` to run commands in, and a home without any configuration.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

/// Everything a finished command said.
#[must_use]
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

/// The files of the example repository.
pub(crate) fn example_shop() -> Vec<(String, Vec<u8>)> {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    let all = walkdir::WalkDir::new(&shop).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = all.filter(|entry| entry.file_type().is_file());
    let read = |entry: walkdir::DirEntry| {
        let path = entry.path().strip_prefix(&shop).unwrap().to_str().unwrap().to_owned();
        (path, fs::read(entry.path()).unwrap())
    };
    files.map(read).collect()
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["work", "home"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    /// The example repository, without version control.
    pub(crate) fn shop() -> Self {
        let sandbox = Self::new();
        for (path, bytes) in example_shop() {
            sandbox.write(&path, bytes);
        }
        sandbox
    }

    /// A path below the working directory.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("work").join(relative)
    }

    /// Writes a file below the working directory, and the directories above it.
    pub(crate) fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The text of a file below the working directory.
    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Any program, in the working directory, with the sandbox's environment.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.dir.path().join("home");
        command
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TZ", "UTC")
            .env("LC_ALL", "C");
        command
    }

    /// `gitops`, not yet run.
    pub(crate) fn gitops_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_gitops"));
        command.args(args);
        command
    }

    /// Runs `gitops` to its end.
    pub(crate) fn gitops(&self, args: &[&str]) -> Output {
        self.finish(&mut self.gitops_command(args))
    }

    /// Runs a command to its end; the sandbox's own path reads `[SANDBOX]` in what it says.
    pub(crate) fn finish(&self, command: &mut Command) -> Output {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let here = self.dir.path().canonicalize().unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8_lossy(&bytes).replace(here.to_str().unwrap(), "[SANDBOX]")
        };
        Output {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

impl Output {
    /// Both streams and the exit code as one text.
    pub(crate) fn render(&self) -> String {
        let mut text = self.stdout.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("[no newline]\n");
        }
        if !self.stderr.is_empty() {
            text.push_str("-- stderr --\n");
            text.push_str(&self.stderr);
        }
        text + &format!("-- exit {} --\n", self.code)
    }

    /// Compares everything said with the expectation (`[..]` and `...` match anything).
    #[track_caller]
    pub(crate) fn is(&self, expected: impl IntoData) {
        snapbox::assert_data_eq!(self.render(), expected.into_data());
    }

    /// Insists on success.
    #[track_caller]
    pub(crate) fn ok(&self) -> &Self {
        assert_eq!(self.code, 0, "{}", self.render());
        self
    }

    /// The JSON document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.render()))
    }
}
