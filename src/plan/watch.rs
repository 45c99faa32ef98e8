//! What `--watch` decides between two rounds: when to try again, what is news, and when to stop fighting.

use serde_json::{Value, json};

use super::digest::sha256;
use super::{Compared, Plan};

/// What is remembered in the inventory, so that a loop that starts anew goes on where it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchState {
    /// The drift last reported; empty when there is none.
    pub drift: String,
    /// When it was reported, in seconds since 1970.
    pub reported: u64,
    /// When this drift was put right.
    pub remedied: Vec<u64>,
    /// The commit that failed last.
    pub failed: String,
    /// How often it failed.
    pub failures: u32,
    /// When it may be tried again.
    pub retry_at: u64,
}

/// What to do about a drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It is known.
    Nothing,
    /// Tell somebody.
    Report,
    /// What was reported is gone.
    Resolved,
    /// Put it right.
    Remedy,
    /// It came back each time: somebody else wants it so. Tell, and leave it.
    GiveUp,
}

/// How often a drift that stays is reported again.
const RENOTIFY: u64 = 24 * 60 * 60;
/// So often within that time the same drift is put right.
const FUSE: (usize, u64) = (3, 30 * 60);
/// Minutes to wait after a commit failed; after the last only a new commit is tried.
const BACKOFF: [u64; 3] = [1, 5, 15];

impl WatchState {
    /// What to do about the drift with this fingerprint; empty for none.
    pub fn react(&mut self, drift: &str, remediate: bool, now: u64) -> Reaction {
        if drift.is_empty() {
            let reported = self.reported > 0 && !self.drift.is_empty();
            let recent = |at: &u64| at + FUSE.1 > now;
            // A drift that was put right minutes ago may come back: the fuse must remember it.
            if !self.remedied.iter().any(recent) {
                self.drift.clear();
                self.remedied.clear();
            }
            let resolved = reported && self.remedied.is_empty();
            self.reported = if resolved { 0 } else { self.reported };
            return if resolved { Reaction::Resolved } else { Reaction::Nothing };
        }
        if self.drift != drift {
            *self = Self { drift: drift.to_owned(), ..Self::default() };
        }
        self.remedied.retain(|at| at + FUSE.1 > now);
        if remediate && self.remedied.len() < FUSE.0 {
            self.remedied.push(now);
            return Reaction::Remedy;
        }
        if self.reported > 0 && self.reported + RENOTIFY > now {
            return Reaction::Nothing;
        }
        self.reported = now;
        if remediate { Reaction::GiveUp } else { Reaction::Report }
    }

    /// Whether a commit may be tried.
    #[must_use]
    pub fn may_try(&self, commit: &str, now: u64) -> bool {
        self.failed != commit || now >= self.retry_at
    }

    /// Notes a failure; true when it is the first of this commit, and so is news.
    pub fn fail(&mut self, commit: &str, now: u64) -> bool {
        let first = self.failed != commit;
        if first {
            commit.clone_into(&mut self.failed);
            self.failures = 0;
        }
        let wait = BACKOFF.get(self.failures as usize);
        self.retry_at = wait.map_or(u64::MAX, |minutes| now + minutes * 60);
        self.failures += 1;
        first
    }

    /// What is left to remember after a run that succeeded.
    #[must_use]
    pub fn succeeded(&self) -> Self {
        Self { failed: String::new(), failures: 0, retry_at: 0, ..self.clone() }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "drift": self.drift, "reported": self.reported, "remedied": self.remedied,
            "failed": self.failed, "failures": self.failures, "retryAt": self.retry_at,
        })
    }

    /// Reads [`WatchState::to_json`] back; what is missing is as at the start.
    #[must_use]
    pub fn of_json(json: &Value) -> Self {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let number = |key: &str| json[key].as_u64().unwrap_or_default();
        let times = json["remedied"].as_array().into_iter().flatten();
        Self {
            drift: text("drift"),
            reported: number("reported"),
            remedied: times.filter_map(Value::as_u64).collect(),
            failed: text("failed"),
            failures: u32::try_from(number("failures")).unwrap_or(u32::MAX),
            retry_at: number("retryAt"),
        }
    }
}

/// Tells one drift from another: which fields of which objects differ, whatever their values.
#[must_use]
pub fn fingerprint(plan: &Plan) -> String {
    let line = |compared: &Compared| {
        let paths = compared.changes.iter().map(|drift| drift.change.path.to_string());
        let paths: Vec<String> = paths.collect();
        format!("{} {} {}", compared.operation.as_str(), compared.item.id.key(), paths.join(" "))
    };
    let mut lines: Vec<String> = plan.changes().map(line).collect();
    lines.extend(plan.prunes.iter().map(|prune| format!("prune {}", prune.id.key())));
    if lines.is_empty() {
        return String::new();
    }
    lines.sort();
    sha256(lines.join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    #[test]
    fn a_drift_is_reported_once_and_then_when_it_is_gone() {
        let mut state = WatchState::default();
        let rounds = [
            ("", 1, Reaction::Nothing),
            ("a", 2, Reaction::Report),
            ("a", 3, Reaction::Nothing),
            ("b", 4, Reaction::Report),
            ("b", 4 + RENOTIFY, Reaction::Report),
            ("", 5 + RENOTIFY, Reaction::Resolved),
            ("", 6 + RENOTIFY, Reaction::Nothing),
        ];
        for (drift, now, expected) in rounds {
            assert_eq!(state.react(drift, false, now), expected, "{drift} at {now}");
        }
    }

    #[test]
    fn the_fuse_stops_a_fight() {
        let mut state = WatchState::default();
        let rounds = [
            ("a", 1, Reaction::Remedy),
            ("", 2, Reaction::Nothing),
            ("a", 3, Reaction::Remedy),
            ("a", 4, Reaction::Remedy),
            ("a", 5, Reaction::GiveUp),
            ("a", 6, Reaction::Nothing),
            ("a", 5 + 31 * MINUTE, Reaction::Remedy),
        ];
        for (drift, now, expected) in rounds {
            assert_eq!(state.react(drift, true, now), expected, "{drift} at {now}");
        }
    }

    #[test]
    fn a_failing_commit_is_tried_less_and_less() {
        let mut state = WatchState::default();
        assert!(state.may_try("a", 0) && state.fail("a", 0));
        assert!(!state.may_try("a", MINUTE - 1) && state.may_try("a", MINUTE));
        assert!(!state.fail("a", MINUTE));
        assert!(!state.may_try("a", 6 * MINUTE - 1) && state.may_try("a", 6 * MINUTE));
        state.fail("a", 6 * MINUTE);
        state.fail("a", 21 * MINUTE);
        assert!(!state.may_try("a", 1_000_000) && state.may_try("b", 22 * MINUTE));
        assert_eq!(WatchState::of_json(&state.to_json()), state);
    }
}
