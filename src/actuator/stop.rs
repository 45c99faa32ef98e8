//! Signals that ask us to end, as those see them who have something to finish first.
//!
//! The first one is for whoever holds a lock or waits for a command: they end in their own time. A second one ends the
//! process, unless a command runs: that one is killed before its lock is given back.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a command has to end by itself after the first signal before a second one kills it.
const GRACE: Duration = Duration::from_secs(10);

/// Whether somebody asked us to end; its clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The first signal, and when it came.
    first: Option<(i32, Instant)>,
    /// Whether another one came, or none is needed.
    insists: bool,
    locks: usize,
    commands: usize,
    /// Another grace than the usual one.
    grace: Option<Duration>,
}

/// What must not be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A lock is held.
    Lock,
    /// A command runs.
    Command,
}

/// As long as it lives, its work is going on.
#[derive(Debug)]
pub struct Busy {
    stop: Stop,
    work: Work,
}

impl Stop {
    /// For work that changes nothing: at the first signal a command is asked to end, and killed soon after.
    pub(super) fn impatient() -> Self {
        let stop = Self::default();
        *stop.state() =
            State { insists: true, grace: Some(Duration::from_secs(2)), ..State::default() };
        stop
    }

    /// From now on these signals raise it; where nothing is worth waiting for, they end the process. Where something
    /// is, the first one calls `waits`.
    pub fn listen(&self, signals: &[i32], waits: impl Fn() + Send + 'static) -> io::Result<()> {
        let mut signals = signal_hook::iterator::Signals::new(signals)?;
        let stop = self.clone();
        thread::spawn(move || {
            for signal in signals.forever() {
                let is_first = !stop.is_raised();
                if stop.raise(signal) {
                    // It fails for no signal that can be asked for.
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                } else if is_first {
                    waits();
                }
            }
        });
        Ok(())
    }

    /// Set by the first signal.
    #[must_use]
    pub fn flag(&self) -> &Arc<AtomicBool> {
        &self.flag
    }

    /// Whether a signal has come.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Notes a signal; true when nothing is worth waiting for, and the process may end.
    #[must_use]
    pub fn raise(&self, signal: i32) -> bool {
        let mut state = self.state();
        let again = state.first.is_some();
        state.insists |= again;
        state.first.get_or_insert((signal, Instant::now()));
        self.flag.store(true, Ordering::SeqCst);
        state.commands == 0 && (again || state.locks == 0)
    }

    /// Says that something is begun that must not be cut off.
    #[must_use]
    pub fn busy(&self, work: Work) -> Busy {
        *self.state().count(work) += 1;
        Busy { stop: self.clone(), work }
    }

    /// The first signal.
    pub(super) fn signal(&self) -> Option<i32> {
        self.state().first.map(|(signal, _)| signal)
    }

    /// Whether a command that was asked to end is to be killed.
    pub(super) fn insists(&self) -> bool {
        let state = self.state();
        state.insists
            && state.first.is_some_and(|(_, since)| since.elapsed() >= state.grace.unwrap_or(GRACE))
    }

    #[cfg(test)]
    pub(super) fn hasty() -> Self {
        let stop = Self::default();
        stop.state().grace = Some(Duration::from_millis(1));
        stop
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, work: Work) -> &mut usize {
        match work {
            Work::Lock => &mut self.locks,
            Work::Command => &mut self.commands,
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.stop.state().count(self.work) -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_something_to_finish_is_waited_for() {
        let table: [(&[Work], [bool; 2]); 4] = [
            (&[], [true, true]),
            (&[Work::Lock], [false, true]),
            (&[Work::Command], [false, false]),
            (&[Work::Lock, Work::Command], [false, false]),
        ];
        for (works, ends) in table {
            let stop = Stop::default();
            let busy: Vec<Busy> = works.iter().map(|work| stop.busy(*work)).collect();
            assert_eq!([stop.raise(15), stop.raise(2)], ends, "{works:?}");
            assert_eq!((stop.signal(), stop.insists()), (Some(15), false));
            drop(busy);
            assert!(stop.raise(15));
        }
    }
}
