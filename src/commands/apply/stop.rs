//! SIGTERM and SIGINT: what has begun is finished, the inventory written, the lock given back.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::actuator::Stop;
use crate::error::{Code, Hinted};
use crate::ui::Ui;

/// How soon a sleeper notices.
const NOTICE: Duration = Duration::from_millis(50);

/// From the first call on, signals are for those who have something to finish; where nobody has, they end the process.
pub(super) fn listen(ui: &Ui) -> anyhow::Result<Stop> {
    static STOP: OnceLock<Stop> = OnceLock::new();
    if let Some(stop) = STOP.get() {
        return Ok(stop.clone());
    }
    let stop = STOP.get_or_init(Stop::default).clone();
    let voice = ui.voice();
    stop.listen(&[SIGTERM, SIGINT], move || {
        voice.status("interrupting: what has begun is finished first");
    })?;
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
