//! Waiting until everything is healthy, or certainly will not be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::stop;
use crate::actuator::Actuator;
use crate::plan::Id;
use crate::plan::health::Health;
use crate::ui::Ui;

/// The first waits are short, so that what is quick is not made slow.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The objects that are not healthy at the end; none when all are.
pub(super) fn healthy(
    actuator: &dyn Actuator,
    ids: &[Id],
    patience: Duration,
    stop: &AtomicBool,
    ui: &Ui,
) -> anyhow::Result<Vec<(Id, Health)>> {
    let (start, mut pause, mut said) = (Instant::now(), FIRST, String::new());
    loop {
        let health = actuator.health(ids)?;
        let unhealthy: Vec<_> = health.into_iter().filter(|(_, h)| !h.is_current()).collect();
        let hopeless = unhealthy.iter().any(|(_, health)| health.is_failed());
        let ends = start.elapsed() >= patience || stop.load(Ordering::Relaxed);
        if unhealthy.is_empty() || hopeless || ends {
            return Ok(unhealthy);
        }
        if let Some((id, health)) = unhealthy.first() {
            let more = match unhealthy.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let line = format!("waiting: {id}: {health}{more}");
            if line != said {
                ui.status(&line);
                said = line;
            }
        }
        stop::sleep(stop, pause.min(patience.saturating_sub(start.elapsed())));
        pause = (pause * 2).min(LONGEST);
    }
}

/// Waits until a deleted object is gone; false when it is still there at the end.
pub(super) fn gone(
    actuator: &dyn Actuator,
    id: &Id,
    uid: &str,
    patience: Duration,
    stop: &AtomicBool,
) -> anyhow::Result<bool> {
    let (start, mut pause) = (Instant::now(), FIRST);
    while actuator.lingers(id, uid)? {
        if start.elapsed() >= patience || stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        stop::sleep(stop, pause);
        pause = (pause * 2).min(LONGEST);
    }
    Ok(true)
}
