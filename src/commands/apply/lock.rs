//! The lock of an environment: the actuator's own, and where that ends at this host a reference of the remote repository
//! besides, which all hosts see.
//!
//! Its holder gives the reference a new commit again and again. Who finds it unchanged for its whole duration, measured on
//! his own clock, takes it over: a holder that was killed blocks nobody for longer than that.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::job::{Job, random};
use super::stop;
use crate::actuator::{Holder, Lock, Stop};
use crate::error::{Code, Hinted, Report as ErrorReport};
use crate::git::{Remote, State};
use crate::plan::duration;

/// How often to look at a lock that somebody holds.
const POLL: Duration = Duration::from_secs(1);
/// What a lock says that nobody holds.
const FREE: &str = "nobody holds this lock";

/// The way to the remote repository.
pub(super) type Connect = Arc<dyn Fn() -> anyhow::Result<Remote> + Send + Sync>;

/// A lock that all hosts see.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) connect: Connect,
    /// The reference.
    pub(super) name: String,
    pub(super) environment: String,
    pub(super) duration: Duration,
}

/// Takes the lock of the environment, waiting up to `patience` for its holder.
pub(super) fn take(job: &Job, patience: Duration) -> anyhow::Result<Box<dyn Lock>> {
    let (holder, start) = (job.holder(), Instant::now());
    // First the one of this host: it costs nothing, and ends with the process.
    let own = job.actuator.state().lock(&holder, patience)?;
    let Some(shared) = &job.shared else { return Ok(own) };
    let left = patience.saturating_sub(start.elapsed());
    Ok(Box::new(Both { shared: shared.lock(&holder, left, &job.stop)?, own }))
}

/// Who holds it.
pub(super) fn holder(job: &Job) -> anyhow::Result<Option<Holder>> {
    match (job.actuator.state().holder()?, &job.shared) {
        (None, Some(shared)) => shared.holder(),
        (found, _) => Ok(found),
    }
}

/// Breaks it, if that holder still has it.
pub(super) fn unlock(job: &Job, holder: &Holder) -> anyhow::Result<()> {
    match &job.shared {
        Some(shared) if job.actuator.state().holder()?.is_none() => shared.unlock(holder),
        _ => job.actuator.state().unlock(holder),
    }
}

/// Dropped in this order: the shared one first, so that nobody on this host comes in between.
struct Both {
    shared: Held,
    own: Box<dyn Lock>,
}

impl Lock for Both {
    fn token(&self) -> u64 {
        self.own.token()
    }

    fn check(&self) -> anyhow::Result<()> {
        self.own.check()?;
        self.shared.check()
    }
}

struct Held {
    shared: Shared,
    pulse: Arc<Pulse>,
    heart: Option<JoinHandle<()>>,
}

struct Pulse {
    beat: Mutex<Beat>,
    wake: Condvar,
}

struct Beat {
    /// What the reference names since we wrote it last; `None` once somebody else did.
    id: Option<String>,
    renewed: Instant,
    ends: bool,
}

impl Shared {
    fn lock(&self, holder: &Holder, patience: Duration, stop: &Stop) -> anyhow::Result<Held> {
        let free = State::new(FREE)?;
        let (start, mut watched) = (Instant::now(), None);
        loop {
            // Each look is a connection of its own: none outlives a wait.
            let mut remote = (self.connect)().map_err(|error| self.error(&error))?;
            let now = remote.reference(&self.name).map_err(|error| self.error(&error))?;
            let since = match &watched {
                Some((same, since)) if *same == now => *since,
                _ => watched.insert((now.clone(), Instant::now())).1,
            };
            let is_free = now.as_ref().is_none_or(|id| *id == free.id);
            if is_free || since.elapsed() >= self.duration {
                let state = state(holder)?;
                let taken = remote.swap(&self.name, now.as_deref(), &state);
                if taken.map_err(|error| self.error(&error))? {
                    return Ok(self.hold(holder, state.id));
                }
            } else if start.elapsed() >= patience {
                let holder = self.read(&mut remote);
                return Err(self.held(&holder.unwrap_or_default()).into());
            }
            drop(remote);
            stop::sleep(stop.flag(), POLL);
            stop::check(stop.flag())?;
        }
    }

    fn hold(&self, holder: &Holder, id: String) -> Held {
        let beat = Beat { id: Some(id), renewed: Instant::now(), ends: false };
        let pulse = Arc::new(Pulse { beat: Mutex::new(beat), wake: Condvar::new() });
        let (shared, ours, theirs) = (self.clone(), holder.clone(), Arc::clone(&pulse));
        let heart = thread::spawn(move || shared.renew_often(&ours, &theirs));
        Held { shared: self.clone(), pulse, heart: Some(heart) }
    }

    /// Renews it four times in its duration, until it is lost or given back.
    fn renew_often(&self, holder: &Holder, pulse: &Pulse) {
        loop {
            let waited =
                pulse.wake.wait_timeout_while(pulse.beat(), self.duration / 4, |beat| !beat.ends);
            let (beat, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let Some(old) = beat.id.clone().filter(|_| !beat.ends) else { return };
            drop(beat);
            let start = Instant::now();
            let renewed = state(holder).and_then(|state| {
                let mut remote = (self.connect)()?;
                // A push needs to know what it is up against.
                remote.reference(&self.name)?;
                Ok((remote.swap(&self.name, Some(&old), &state)?, state.id))
            });
            let mut beat = pulse.beat();
            match renewed {
                Ok((true, id)) => (beat.id, beat.renewed) = (Some(id), start),
                Ok((false, _)) => beat.id = None,
                // Whoever holds it asks `check` before each change; the next beat may get through.
                Err(_) => {}
            }
        }
    }

    fn holder(&self) -> anyhow::Result<Option<Holder>> {
        let mut remote = (self.connect)()?;
        match remote.reference(&self.name)? {
            Some(id) if id != State::new(FREE)?.id => self.read(&mut remote).map(Some),
            _ => Ok(None),
        }
    }

    fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        let mut remote = (self.connect)()?;
        let now = remote.reference(&self.name)?;
        if self.read(&mut remote)?.id != holder.id
            || !remote.swap(&self.name, now.as_deref(), &State::new(FREE)?)?
        {
            let message = format!(
                "cannot break the lock of `{}`: `{}` does not hold it any more",
                self.environment, holder.id
            );
            return Err(Hinted::new(Code::Stale, message, "look again with --unlock").into());
        }
        Ok(())
    }

    /// Who holds it, as it says itself.
    fn read(&self, remote: &mut Remote) -> anyhow::Result<Holder> {
        let words = remote.words_of(&self.name)?.unwrap_or_default();
        let json: Value = serde_json::from_str(&words).unwrap_or_default();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        Ok(Holder { id: text("holder"), about: text("about"), since: text("since") })
    }

    fn held(&self, holder: &Holder) -> Hinted {
        let Holder { id, about, since } = holder;
        let message = format!(
            "cannot lock the environment `{}`: `{id}` ({about}) holds it since {since}",
            self.environment
        );
        let spare = duration::show(self.duration + Duration::from_secs(30));
        let hint = format!(
            "wait for it with --lock-timeout {spare}; a lock whose holder is gone is free after {}",
            duration::show(self.duration)
        );
        Hinted::new(Code::Locked, message, hint)
    }

    fn error(&self, error: &anyhow::Error) -> anyhow::Error {
        let message = format!(
            "cannot lock the environment `{}` by `{}` of the remote repository: {}",
            self.environment,
            self.name,
            ErrorReport::of(error).message
        );
        let hint = "let it push there; or, where one host alone applies: `lock: { kind: file }`";
        Hinted::new(Code::Error, message, hint).into()
    }
}

impl Held {
    fn check(&self) -> anyhow::Result<()> {
        let beat = self.pulse.beat();
        if beat.id.is_some() && beat.renewed.elapsed() < self.shared.duration * 2 / 3 {
            return Ok(());
        }
        let message = format!(
            "cannot go on with `{}`: its lock was lost, and somebody else may hold it",
            self.shared.environment
        );
        Err(Hinted::new(Code::Locked, message, "run it again: it goes on from there").into())
    }

    fn give_back(&self) -> anyhow::Result<()> {
        let Some(old) = self.pulse.beat().id.take() else { return Ok(()) };
        let mut remote = (self.shared.connect)()?;
        remote.reference(&self.shared.name)?;
        remote.swap(&self.shared.name, Some(&old), &State::new(FREE)?).map(drop)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.pulse.beat().ends = true;
        self.pulse.wake.notify_all();
        if let Some(heart) = self.heart.take() {
            // It has nothing to say that matters any more.
            let _ = heart.join();
        }
        // One that cannot be given back expires.
        let _ = self.give_back();
    }
}

impl Pulse {
    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new state each time, which says who holds it.
fn state(holder: &Holder) -> anyhow::Result<State> {
    let Holder { id, about, since } = holder;
    State::new(&json!({"holder": id, "about": about, "since": since, "beat": random()}).to_string())
}
