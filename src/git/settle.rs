//! What pushes left open: refused ones, which a new tip makes lost races, and unanswered ones, which are
//! looked for until it is certain that they cannot land any more.

use std::time::Duration;

use super::backend::Tip;
use super::land::{Landed, left};
use super::refusal::{is_race, rejected};
use super::remote::Remote;
use super::trouble;
use crate::error::{Code, Hinted, Report};

/// Failures in a row that may pass by themselves.
const MOST_TROUBLES: u32 = 5;
/// The same unknown reason so often is no race.
const MOST_SAME: u32 = 10;

/// A push that was refused.
pub(super) struct Refused {
    /// The tip it was made on.
    pub(super) tip: String,
    pub(super) reason: String,
}

/// A push that nobody answered.
pub(super) struct Unanswered {
    pub(super) commit: String,
    /// The tip it was made on: while that is the tip it may still land.
    pub(super) tip: String,
    pub(super) error: anyhow::Error,
}

/// How it went so far.
#[derive(Default)]
pub(super) struct Course {
    pub(super) rounds: u32,
    /// What the remote said of the last push, where it was not shown.
    pub(super) words: Vec<String>,
    pub(super) refused: Option<Refused>,
    pub(super) open: Vec<Unanswered>,
    troubles: u32,
    /// How often the tip did not move and the push was refused all the same: a lock is held.
    locked: u32,
    /// The last unknown reason, and how often it was given in a row.
    same: (String, u32),
    /// What the server last said not to have, though it had named it before.
    missing: String,
}

impl Course {
    /// How long to wait after a trouble that may pass; none where it did not after so many attempts. What the
    /// server itself wishes is no attempt.
    pub(super) fn patience(&mut self, wished: Option<Duration>) -> Option<Duration> {
        if let Some(wished) = wished {
            return Some(wished.max(Duration::from_millis(100)));
        }
        self.troubles += 1;
        let pause = Duration::from_millis(100 << self.troubles.min(8));
        (self.troubles <= MOST_TROUBLES).then(|| pause.mul_f64(0.5 + fastrand::f64() / 2.0))
    }

    /// Whether the server does not give what it named: then somebody pushed between two questions, or one of
    /// several machines is behind the others.
    pub(super) fn is_overtaken(&mut self, error: &anyhow::Error) -> bool {
        let Some(text) = trouble::is_missing(error) else { return false };
        if self.missing == text {
            self.troubles += 1;
        } else {
            text.clone_into(&mut self.missing);
        }
        self.troubles <= MOST_TROUBLES
    }

    /// The pause that is due because somebody holds a lock.
    pub(super) fn lock_pause(&self) -> Duration {
        match self.locked {
            0 => Duration::ZERO,
            count => Duration::from_millis(25 << count.min(5)).mul_f64(0.5 + fastrand::f64() / 2.0),
        }
    }

    /// What the new tip says of the pushes so far: landed, lost, or in trouble.
    pub(super) fn settle(
        &mut self,
        remote: &mut Remote,
        tip: &Tip,
    ) -> anyhow::Result<Option<Landed>> {
        // An error leaves them all as they are.
        for open in &self.open {
            if remote.backend.holds(&open.commit)? {
                let (revision, rounds) = (Some(open.commit.clone()), self.rounds);
                let tip = tip.clone();
                return Ok(Some(Landed { revision, pushed: true, rounds, ..Landed::at(tip) }));
            }
        }
        // A push sets the branch from one commit only.
        self.open.retain(|open| open.tip == tip.id);
        if let Some(open) = self.open.last() {
            self.troubles += 1;
            if self.troubles > MOST_TROUBLES {
                let message = format!("cannot push to `{}`: {:#}", remote.address(), open.error);
                return Err(Hinted::plain(Code::Git, message).into());
            }
        }
        let Some(Refused { tip: old, reason }) = self.refused.take() else { return Ok(None) };
        if old == tip.id {
            self.locked += 1;
            if is_race(&reason) || trouble::sounds_passing(&reason) {
                self.refused = Some(Refused { tip: old, reason });
                return Ok(None);
            }
            return Err(rejected(remote, &reason));
        }
        (self.troubles, self.locked) = (0, 0);
        if is_race(&reason) {
            self.same = <_>::default();
        } else if self.same.0 == reason {
            self.same.1 += 1;
        } else {
            self.same = (reason.clone(), 1);
        }
        if self.same.1 >= MOST_SAME {
            return Err(rejected(remote, &reason));
        }
        Ok(None)
    }

    /// The deadline came.
    pub(super) fn too_late(&self, remote: &Remote) -> anyhow::Error {
        let (place, rounds) = (remote.address(), self.rounds);
        let plural = if rounds == 1 { "" } else { "s" };
        let why = match (&self.refused, self.open.last()) {
            (Some(Refused { reason, .. }), _) if self.locked > 0 => {
                format!("the last refused with `{reason}`, though nobody else pushed")
            }
            (Some(Refused { reason, .. }), _) => {
                format!("each time others were faster ({reason})")
            }
            (None, Some(open)) => format!("the last without an answer ({:#})", open.error),
            (None, None) => "each time others were faster".to_owned(),
        };
        let message = format!("cannot push to `{place}` in time: {rounds} attempt{plural}, {why}");
        Hinted::new(Code::Timeout, message, "try again, or give it longer with --timeout").into()
    }

    /// The last words: what the remote said, and which of our commits may be there nevertheless.
    pub(super) fn give_up(&self, remote: &Remote, error: anyhow::Error) -> anyhow::Error {
        for line in &self.words {
            remote.say().remote(line);
        }
        let Some(open) = self.open.last() else { return error };
        let cause = Report::of(&error).message;
        let short = open.commit.get(..10).unwrap_or(&open.commit);
        let in_time = if left(remote) < Duration::from_secs(1) { " in time" } else { "" };
        let message = format!(
            "cannot tell{in_time} whether the push to `{}` landed: the commit {short} may be there, or may \
             still come ({cause})",
            remote.address()
        );
        let hint = "run it again: it does nothing if the commit is there";
        Hinted::new(Code::Unsettled, message, hint).about(&open.commit).into()
    }
}
