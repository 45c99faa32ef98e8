//! Why a remote refuses a push, by its own words: for good, for a race, or because all is there already.

use super::remote::Remote;
use crate::error::{Code, Hinted};

/// What servers say when trying again cannot help.
const FINAL: &[&str] = &[
    "hook declined",
    "protected branch",
    "gh006",
    "gh013",
    "repository rule violations",
    "not allowed to push",
    "denied",
    "deny updating a hidden ref",
    "no space left",
    "shallow update not allowed",
    "is currently checked out",
    "push options",
    "prohibited",
    "read-only",
    "read only",
    "archived",
];

/// What they say to a pull request that is there already, just so.
const SAME: &[&str] = &["same with old commit", "no new changes", "already contains this commit"];

/// What they say when somebody else was faster.
const RACE: &[&str] = &[
    "failed to update ref",
    "cannot lock ref",
    "failed to lock",
    "fetch first",
    "non-fast-forward",
    "stale",
    "lock error",
    "but expected",
    "already exists",
    "incorrect old value",
    "reference changed",
    "remote ref has changed",
    "transaction failed",
];

fn contains_any(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(word))
}

pub(super) fn is_final(reason: &str) -> bool {
    contains_any(reason, FINAL)
}

pub(super) fn is_race(reason: &str) -> bool {
    contains_any(reason, RACE)
}

pub(super) fn rejected(remote: &Remote, reason: &str) -> anyhow::Error {
    let reason = crate::http::plain_text(reason, 5, 1000);
    let message = format!("cannot push to `{}`: {reason}", remote.address());
    let is_protected =
        contains_any(&reason, &["protected", "gh006", "gh013", "not allowed", "rule"]);
    let hint = if is_protected {
        "the branch takes no direct pushes: open a pull request instead (--pr)"
    } else {
        "the remote's own words are above; it will refuse the same push again"
    };
    Hinted::new(Code::Rejected, message, hint).into()
}

/// Whether a pull request is there already, just so.
pub(super) fn is_same(reason: &str) -> bool {
    contains_any(reason, SAME)
}

/// Whether Gerrit refused a push because the change that its `Change-Id` names is merged or abandoned.
#[must_use]
pub fn is_closed(error: &anyhow::Error) -> bool {
    let text = error.to_string();
    text.contains(": change ") && text.trim_end().ends_with(" closed")
}

/// Whether a push failed because the server takes no options with it.
#[must_use]
pub fn lacks_push_options(error: &anyhow::Error) -> bool {
    contains_any(&error.to_string(), &["push options"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_words_of_servers() {
        let lost = [
            "failed to update ref",
            "cannot lock ref 'refs/heads/main': is at 1 but expected 2",
            "fetch first",
            "stale info",
            "TF401035: StaleOldObjectId",
        ];
        assert!(lost.iter().all(|text| is_race(text) && !is_final(text)));
        let refused = [
            "pre-receive hook declined",
            "protected branch hook declined",
            "GH006: Protected branch update failed",
            "GitLab: You are not allowed to push code to protected branches on this project.",
            "unpacker error: No space left on device",
            "shallow update not allowed",
        ];
        assert!(refused.iter().all(|text| is_final(text)));
    }
}
