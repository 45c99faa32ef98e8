//! Landing a commit: read the tip, plan, commit, push, and when somebody else was faster, all of it again on
//! the new tip. The plan is made anew each time, so nothing is merged and nothing is lost.
//!
//! Pauses are random and in proportion to our own last round (`U(0, min(n, 4)) × round`): they tune
//! themselves to the distance and load of the server. The end is a deadline, not a number of attempts: of
//! 64 racing jobs some need 18 tries, and that is normal.

use std::cell::RefCell;
use std::io::{
    self, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem, ErrorKind::StorageFull,
};
use std::thread;
use std::time::{Duration, Instant};

use super::backend::{Access, Push, Pushed, Tip, View};
use super::commit::{self, Person};
use super::head::{Head, Standing, sealed};
use super::objects::Mode;
use super::refusal::{is_final, is_same, rejected};
use super::remote::Remote;
use super::settle::{Course, Refused, Unanswered};
use super::sign::Signer;
use super::store::Edit;
use super::trouble;
use crate::change::ChangeSet;
use crate::error::{Code, Hinted};
use crate::snapshot::Snapshot;

/// Who commits, and where to.
#[derive(Clone, Debug)]
pub struct Landing<'a> {
    /// The branch; the repository's default one when none is named.
    pub branch: Option<&'a str>,
    /// Another branch to push to: a pull request's.
    pub head: Option<&'a Head>,
    /// Who wrote it.
    pub author: &'a Person,
    /// Who commits it.
    pub committer: &'a Person,
    /// How to sign it.
    pub signer: Option<&'a Signer>,
    /// Words for the server's hooks.
    pub push_options: &'a [String],
}

/// A tip to plan on.
pub struct Round<'a> {
    /// Counts from 1; more than that means that others were faster.
    pub number: u32,
    /// The branch.
    pub branch: &'a str,
    /// The commit.
    pub tip: &'a str,
    pub(super) files: &'a dyn View,
}

impl Round<'_> {
    /// The files of the tip.
    #[must_use]
    pub fn snapshot(&self) -> &dyn Snapshot {
        self.files
    }
}

/// What to commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The files.
    pub changes: ChangeSet,
    /// The message.
    pub message: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Our commit; none when there was nothing to change.
    pub revision: Option<String>,
    /// Whether it was pushed by this run: the head may have been just so.
    pub pushed: bool,
    /// The commit that the head named before.
    pub replaced: Option<String>,
    /// The commit it was made on, or that had everything already.
    pub base: String,
    /// The branch that was read.
    pub branch: String,
    /// Rounds that were needed.
    pub rounds: u32,
}

impl Landed {
    /// Nothing done on a tip.
    pub(super) fn at(tip: Tip) -> Self {
        let (revision, replaced) = (None, None);
        Self { revision, pushed: false, replaced, base: tip.id, branch: tip.branch, rounds: 0 }
    }
}

enum Step {
    Landed(Landed),
    Again,
}

/// Lands what `plan` makes of the branch's tip. It is called again for every new tip; `None`, or a change set
/// without changes, ends the matter.
pub fn land(
    remote: &mut Remote,
    landing: &Landing<'_>,
    plan: &mut dyn FnMut(&Round<'_>) -> anyhow::Result<Option<Commit>>,
) -> anyhow::Result<Landed> {
    let mut course = Course::default();
    let landed = rounds(remote, landing, plan, &mut course);
    match landed {
        Ok(landed) => {
            let revision = landed.revision.as_deref().filter(|_| landing.head.is_none());
            remote.backend.finish(revision);
            Ok(landed)
        }
        Err(error) => Err(course.give_up(remote, error)),
    }
}

fn rounds(
    remote: &mut Remote,
    landing: &Landing<'_>,
    plan: &mut dyn FnMut(&Round<'_>) -> anyhow::Result<Option<Commit>>,
    course: &mut Course,
) -> anyhow::Result<Landed> {
    loop {
        let (start, before) = (Instant::now(), course.rounds);
        match round(remote, landing, plan, course) {
            Ok(Step::Landed(landed)) => return Ok(landed),
            Ok(Step::Again) => {}
            Err(error) if is_unreadable(&error) && remote.backend.heal() => {
                // It was not for others.
                course.rounds = before;
                continue;
            }
            Err(error) if course.is_overtaken(&error) => course.rounds = before + 1,
            Err(error) if trouble::passes(&error) => {
                let Some(pause) = course.patience(trouble::wished(&error)) else {
                    return Err(error);
                };
                if pause >= left(remote) {
                    return Err(error);
                }
                remote.say().detail(format!("{error:#}: trying again"));
                thread::sleep(pause);
                continue;
            }
            Err(error) => return Err(error),
        }
        let pause = pause(course.rounds, start.elapsed()) + course.lock_pause();
        if pause >= left(remote) {
            return Err(course.too_late(remote));
        }
        thread::sleep(pause);
    }
}

pub(super) fn left(remote: &Remote) -> Duration {
    remote.deadline().saturating_duration_since(Instant::now())
}

fn pause(rounds: u32, round: Duration) -> Duration {
    let round = round.clamp(Duration::from_millis(20), Duration::from_secs(5));
    round.mul_f64(f64::from(rounds.min(4)) * fastrand::f64())
}

/// Objects that are not what their names say, or that cannot be written: the cache's fault, if there is one.
pub(super) fn is_unreadable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let Some(error) = cause.downcast_ref::<io::Error>() else {
            return cause.is::<git2::Error>();
        };
        // libgit2's error of a full disk comes through a stream.
        let is_inside = error
            .get_ref()
            .is_some_and(<dyn std::error::Error + std::marker::Send + Sync>::is::<git2::Error>);
        is_inside || matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
    })
}

fn round(
    remote: &mut Remote,
    landing: &Landing<'_>,
    plan: &mut dyn FnMut(&Round<'_>) -> anyhow::Result<Option<Commit>>,
    course: &mut Course,
) -> anyhow::Result<Step> {
    let tip = remote.refresh(landing.branch, Access::Write)?;
    if let Some(landed) = course.settle(remote, &tip)? {
        return Ok(Step::Landed(landed));
    }
    course.rounds += 1;
    course.words.clear();
    let files = remote.backend.files()?;
    let rounds = course.rounds;
    let round = Round { number: rounds, branch: &tip.branch, tip: &tip.id, files: &*files };
    let planned = plan(&round)?.filter(|commit| !commit.changes.is_empty());
    let Some(Commit { changes, message }) = planned else {
        return Ok(Step::Landed(Landed { rounds, ..Landed::at(tip) }));
    };
    let edits = edits(&*files, &changes)?;
    drop(files);
    let standing = match landing.head {
        Some(head) => standing(remote, &head.name)?,
        None => None,
    };
    if let Some(head) = landing.head.filter(|head| standing.is_none() && !head.is_magic()) {
        remote.check_way(&head.name)?;
    }
    let people = punctual(remote, landing, &tip)?;
    let made = RefCell::<String>::default();
    let text = |tree: &str| {
        tree.clone_into(&mut made.borrow_mut());
        let is_branch = landing.head.is_some_and(|head| !head.is_magic());
        let message = if is_branch { sealed(tree, &tip.id, &message) } else { message.clone() };
        text(landing.signer, &people, &tip, tree, &message)
    };
    let commit = remote.backend.commit(&edits, &text)?;
    let replaced = standing.as_ref().map(|standing| standing.id.clone());
    if let (Some(head), Some(standing)) = (landing.head, &standing) {
        if standing.is_same(&made.borrow(), &tip.id) {
            let revision = replaced.clone();
            return Ok(Step::Landed(Landed { revision, replaced, rounds, ..Landed::at(tip) }));
        }
        head.check(standing)?;
    }
    let head = landing.head.map(|head| (head.name.as_str(), replaced.as_deref()));
    let push = Push { commit: &commit, head, options: landing.push_options };
    let pushed = remote.backend.push(&push);
    let words = remote.backend.take_words();
    let pushed = pushed?;
    let is_magic = landing.head.is_some_and(Head::is_magic);
    course.words = speak(remote, &pushed, is_magic, words);
    let landed = Landed {
        revision: Some(commit.clone()),
        pushed: true,
        replaced,
        rounds,
        ..Landed::at(tip)
    };
    after_push(remote, landing, landed, pushed, course)
}

fn after_push(
    remote: &Remote,
    landing: &Landing<'_>,
    landed: Landed,
    pushed: Pushed,
    course: &mut Course,
) -> anyhow::Result<Step> {
    let rounds = landed.rounds;
    match pushed {
        Pushed::Done(replaced) => {
            let replaced = landed.replaced.or(replaced);
            Ok(Step::Landed(Landed { replaced, ..landed }))
        }
        Pushed::Refused(reason) => {
            let is_magic = landing.head.is_some_and(Head::is_magic);
            if is_magic && is_same(&reason) {
                return Ok(Step::Landed(Landed { pushed: false, ..landed }));
            }
            if is_final(&reason) || is_magic {
                return Err(rejected(remote, &reason));
            }
            remote.say().detail(format!("attempt {rounds}: {reason}"));
            course.refused = Some(Refused { tip: landed.base, reason });
            Ok(Step::Again)
        }
        Pushed::Unknown(error) => {
            remote.say().detail(format!("attempt {rounds}: {error:#}: looking for our commit"));
            let commit = landed.revision.unwrap_or_default();
            course.open.retain(|open| open.commit != commit);
            course.open.push(Unanswered { commit, tip: landed.base, error });
            Ok(Step::Again)
        }
    }
}

/// Passes on what the remote said. Of a lost race only whoever asks wants to hear, or who gives up: the lines
/// that are held back for that.
fn speak(remote: &Remote, pushed: &Pushed, is_magic: bool, words: Vec<String>) -> Vec<String> {
    let is_over = match pushed {
        Pushed::Refused(reason) => is_final(reason) || is_magic,
        Pushed::Done(_) | Pushed::Unknown(_) => true,
    };
    for line in &words {
        if is_over {
            remote.say().remote(line);
        } else {
            remote.say().detail(format!("remote: {line}"));
        }
    }
    if is_over { Vec::new() } else { words }
}

fn standing(remote: &mut Remote, branch: &str) -> anyhow::Result<Option<Standing>> {
    let found = remote.backend.commit_text(branch)?;
    Ok(found.map(|(id, text)| Standing::parse(&id, &text)))
}

/// A second run must make the same commit where the server alone can tell that nothing is new: it gets the
/// time of the commit it is made on.
fn punctual(remote: &mut Remote, landing: &Landing<'_>, tip: &Tip) -> anyhow::Result<[Person; 2]> {
    let mut people = [landing.author.clone(), landing.committer.clone()];
    if landing.head.is_some_and(Head::is_magic) {
        let when = standing(remote, &tip.branch)?.and_then(|standing| standing.when());
        for (person, (seconds, offset)) in people.iter_mut().zip(when.into_iter().cycle()) {
            (person.seconds, person.offset) = (seconds, offset);
        }
    }
    Ok(people)
}

/// The changes at their real places.
fn edits(files: &dyn View, changes: &ChangeSet) -> anyhow::Result<Vec<Edit>> {
    let mut edits: Vec<Edit> = Vec::with_capacity(changes.files().len());
    for change in changes.files() {
        let place = files.place(&change.path)?;
        let is_executable = place.node.is_some_and(|node| node.mode == Mode::Executable);
        let edit = Edit { path: place.path, bytes: change.after.clone(), is_executable };
        match edits.iter().find(|other| other.path == edit.path) {
            // The same file by two names, with the same result.
            Some(other) if *other == edit => {}
            Some(_) => {
                let message =
                    format!("cannot commit `{}`: it is edited under two names", edit.path);
                return Err(Hinted::plain(Code::Ambiguous, message).into());
            }
            None => edits.push(edit),
        }
    }
    Ok(edits)
}

fn text(
    signer: Option<&Signer>,
    [author, committer]: &[Person; 2],
    tip: &Tip,
    tree: &str,
    message: &str,
) -> anyhow::Result<String> {
    let text = commit::text(tree, Some(&tip.id), author, committer, message);
    let Some(signer) = signer else { return Ok(text) };
    let header = if tip.id.len() == 64 { "gpgsig-sha256" } else { "gpgsig" };
    Ok(commit::signed(&text, header, &signer.sign(&text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_cannot_be_read_or_written_is_known() {
        let git = || git2::Error::from_str("failed to write");
        let full = anyhow::Error::new(io::Error::from(StorageFull)).context("cannot fetch");
        let yes = [git().into(), io::Error::other(git()).into(), full];
        assert!(yes.iter().all(is_unreadable));
        assert!(!is_unreadable(&io::Error::from(io::ErrorKind::BrokenPipe).into()));
    }

    #[test]
    fn pauses_grow_with_the_round_and_stop_growing() {
        let round = Duration::from_millis(100);
        for rounds in [1, 2, 4, 50] {
            let most = round * rounds.min(4);
            assert!((0..100).all(|_| pause(rounds, round) <= most));
        }
        assert!((0..100).all(|_| pause(9, Duration::from_hours(1)) <= Duration::from_secs(20)));
    }
}
