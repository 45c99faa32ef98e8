//! A Git repository in a sandbox, whose commits have fixed dates and therefore fixed ids.

use std::cell::Cell;

use super::Sandbox;

/// A sandbox whose working directory is a repository.
pub(crate) struct Repository {
    pub(crate) sandbox: Sandbox,
    clock: Cell<u64>,
}

impl Repository {
    pub(crate) fn new() -> Self {
        let repository = Self { sandbox: Sandbox::new(), clock: Cell::new(1_700_000_000) };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    /// Runs git, which must succeed; what it printed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let date = format!("{} +0000", self.clock.get());
        let mut command = self.sandbox.command("git");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Ada")
                .env(format!("GIT_{role}_EMAIL"), "ada@example.com");
            command.env(format!("GIT_{role}_DATE"), &date);
        }
        let output = self.sandbox.finish(command.args(args));
        assert_eq!(output.code, 0, "git {args:?}: {}", output.render());
        output.stdout
    }

    /// Commits everything, a day after the commit before.
    pub(crate) fn commit(&self, message: &str) {
        self.clock.set(self.clock.get() + 86_400);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }
}
