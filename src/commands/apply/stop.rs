//! SIGTERM and SIGINT: what has begun is finished, the inventory written, the lock given back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Code, Hinted};

/// How soon a sleeper notices.
const NOTICE: Duration = Duration::from_millis(50);

/// From the first call on, set by the first signal; the second one ends the process at once.
pub(super) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(stop) = STOP.get() {
        return Ok(Arc::clone(stop));
    }
    let stop = Arc::clone(STOP.get_or_init(Arc::default));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// An error once a signal has come, as long as nothing has begun.
pub(super) fn check(stop: &AtomicBool) -> anyhow::Result<()> {
    if stop.load(Ordering::Relaxed) {
        return Err(Hinted::plain(Code::Error, "interrupted: nothing was changed").into());
    }
    Ok(())
}

/// Sleeps, until a signal comes.
pub(super) fn sleep(stop: &AtomicBool, time: Duration) {
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) && start.elapsed() < time {
        thread::sleep(NOTICE.min(time.saturating_sub(start.elapsed())));
    }
}
