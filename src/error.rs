//! Errors that carry advice, and the exit codes of the whole program.
//!
//! This module imports nothing of the project, so everything may use it.

use std::fmt;

use serde_json::Value;

/// What went wrong, in a word that scripts can match on (`error.code` of the JSON envelope).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Anything without a code of its own.
    Error,
    /// The command line contradicts itself or lacks something.
    Usage,
    /// `gitops.yaml` cannot be used.
    Config,
    /// A file cannot be read, written or replaced.
    Io,
    /// A file is not YAML that every reader understands in the same way.
    InvalidYaml,
    /// Nothing matches what was asked for.
    NotFound,
    /// More than one thing matches what was asked for.
    Ambiguous,
    /// The place exists but cannot be edited as one token.
    NotEditable,
    /// Other keys share the value through an anchor or a merge key.
    Shared,
    /// A digest pins the image, so that a tag alone would deploy nothing.
    Pinned,
    /// A path leads outside the repository.
    Outside,
    /// The edit did not read back as intended; nothing was written.
    Verification,
    /// The repository, its remote or the network failed.
    Git,
    /// The remote refused the push for good.
    Rejected,
    /// The deadline passed before the work was done.
    Timeout,
    /// A push was not answered: its commit may be there, or may still come.
    Unsettled,
    /// A rule of `policy:` forbids it.
    Policy,
    /// The new version is older than the deployed one, or cannot be compared with it.
    Downgrade,
    /// The value is not the one that `--expect` names.
    Unexpected,
    /// Somebody else's newer change won the race.
    Superseded,
    /// A guard of the environment forbids it (`protected: true`).
    Protected,
    /// What was planned is no longer what is there.
    Stale,
    /// Another process holds the lock.
    Locked,
    /// A gate of `apply` is closed.
    Refused,
    /// Changes were begun, and not brought to an end.
    Partial,
}

impl Code {
    /// The word in the JSON envelope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Io => "io",
            Self::InvalidYaml => "invalid-yaml",
            Self::NotFound => "not-found",
            Self::Ambiguous => "ambiguous",
            Self::NotEditable => "not-editable",
            Self::Shared => "shared",
            Self::Pinned => "pinned",
            Self::Outside => "outside",
            Self::Verification => "verification",
            Self::Git => "git",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Unsettled => "unsettled",
            Self::Policy => "policy",
            Self::Downgrade => "downgrade",
            Self::Unexpected => "unexpected",
            Self::Superseded => "superseded",
            Self::Protected => "protected",
            Self::Stale => "stale",
            Self::Locked => "locked",
            Self::Refused => "refused",
            Self::Partial => "partial",
        }
    }

    /// The exit code: 3 for a guard that refuses, 4 for what was done only in part, 2 for every other error.
    #[must_use]
    pub fn exit(self) -> u8 {
        match self {
            Self::Policy
            | Self::Downgrade
            | Self::Unexpected
            | Self::Superseded
            | Self::Protected
            | Self::Stale
            | Self::Locked
            | Self::Refused => 3,
            Self::Partial => 4,
            _ => 2,
        }
    }
}

/// An error whose maker knows what the user can do about it.
///
/// Used as the root of an [`anyhow::Error`] or as a context around one; the outermost is reported.
#[derive(Debug)]
pub struct Hinted {
    message: String,
    hint: Option<String>,
    code: Code,
    revision: Option<String>,
    details: Option<Box<Value>>,
}

impl Hinted {
    /// `message` reads `cannot <verb> <thing>: <cause>`; `hint` is the next step.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::plain(code, message) }
    }

    /// An error with a code but no advice.
    pub fn plain(code: Code, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code, revision: None, details: None }
    }

    /// The same about a commit, for programs.
    #[must_use]
    pub fn about(self, revision: &str) -> Self {
        Self { revision: Some(revision.to_owned()), ..self }
    }

    /// The same with what it is about, for programs.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details: Some(Box::new(details)), ..self }
    }

    /// What to do, without a leading `hint:`.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The error's class.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

/// What a reporter needs to know of any error.
#[derive(Debug)]
pub struct Report {
    /// The chain of causes on one line.
    pub message: String,
    /// The outermost advice.
    pub hint: Option<String>,
    /// The outermost code.
    pub code: Code,
    /// The commit that it is about.
    pub revision: Option<String>,
    /// More of what it is about.
    pub details: Option<Box<Value>>,
}

impl Report {
    /// Reads message, hint and code out of an error and its causes.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        let hinted = error.downcast_ref::<Hinted>();
        Self {
            message: format!("{error:#}"),
            hint: hinted.and_then(|h| h.hint().map(str::to_owned)),
            code: hinted.map_or(Code::Error, Hinted::code),
            revision: hinted.and_then(|h| h.revision.clone()),
            details: hinted.and_then(|h| h.details.clone()),
        }
    }
}

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do: exit code 0.
    Done,
    /// Differences or findings, where the user asked to be told: exit code 1.
    Differs,
    /// Terraform's third answer (`--detailed-exitcode`: succeeded, with changes): exit code 2.
    Changed,
    /// Failed, as the result on stdout says in JSON: exit code 2.
    Failed,
    /// Applied, but unhealthy or only in part: exit code 4.
    Unhealthy,
}

impl Outcome {
    /// The process exit code.
    #[must_use]
    pub fn exit(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differs => 1,
            Self::Changed | Self::Failed => 2,
            Self::Unhealthy => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn finds_the_hint_below_contexts() {
        let root = Err::<(), _>(Hinted::new(Code::NotFound, "no such image", "check the name"));
        let error = root.context("cannot plan the edit").unwrap_err();
        let report = Report::of(&error);
        assert_eq!(report.message, "cannot plan the edit: no such image");
        assert_eq!(report.hint.as_deref(), Some("check the name"));
        assert_eq!(report.code, Code::NotFound);
    }

    #[test]
    fn guards_exit_with_three() {
        assert_eq!(Code::Policy.exit(), 3);
        assert_eq!(Code::Ambiguous.exit(), 2);
    }
}
