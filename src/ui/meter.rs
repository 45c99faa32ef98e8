//! How far reading is: a bar for people, on a terminal only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Work that takes less is over before anybody looks.
const PATIENCE: Duration = Duration::from_millis(250);

const METER: &str =
    "{spinner} {bar:20} {files}  {bytes}/{total_bytes}  {binary_bytes_per_sec}  {elapsed}";

/// A bar for several threads; it is gone when it is dropped.
#[derive(Debug)]
pub struct Meter {
    bar: Option<ProgressBar>,
    started: Instant,
    shown: AtomicBool,
    files: Arc<Files>,
}

#[derive(Debug, Default)]
struct Files {
    found: AtomicU64,
    done: AtomicU64,
}

impl Meter {
    pub(super) fn new(visible: bool) -> Self {
        let files = Arc::new(Files::default());
        let bar = visible.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
            bar.with_style(meter_style(Arc::clone(&files)))
        });
        Self { bar, started: Instant::now(), shown: AtomicBool::new(false), files }
    }

    /// So many more files are to be read.
    pub fn found(&self, files: u64) {
        self.files.found.fetch_add(files, Ordering::Relaxed);
    }

    /// So many more bytes are to be read.
    pub fn sized(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc_length(bytes);
        }
    }

    /// So many bytes were read.
    pub fn read(&self, bytes: u64) {
        let Some(bar) = &self.bar else { return };
        bar.inc(bytes);
        if self.started.elapsed() > PATIENCE && !self.shown.swap(true, Ordering::Relaxed) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(PATIENCE);
        }
    }

    /// A file was read to its end.
    pub fn done(&self) {
        self.files.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn meter_style(files: Arc<Files>) -> ProgressStyle {
    let count = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let (done, found) =
            (files.done.load(Ordering::Relaxed), files.found.load(Ordering::Relaxed));
        // A bar that cannot be written is not worth an error.
        let _ = std::fmt::Write::write_fmt(out, format_args!("{done}/{found} files"));
    };
    // The template is a constant; were it broken, a plain bar would do.
    ProgressStyle::with_template(METER)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("files", count)
}
