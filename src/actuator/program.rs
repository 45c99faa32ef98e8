//! Running a renderer: with a deadline, a limit to what it may print, and an end when we are told to end.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What a renderer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) time: Duration,
    pub(super) bytes: u64,
}

/// More than any chart takes, and more than any repository holds.
pub(super) const LIMITS: Limits = Limits { time: Duration::from_mins(5), bytes: 256 << 20 };

/// How long a program has to end itself before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How often to look whether it has ended.
const POLL: Duration = Duration::from_millis(5);
const PREFIX: &str = "gitops-render-";

/// The signals that end us, once somebody asked to have them caught.
#[derive(Debug)]
struct Signals {
    /// Nothing runs: a signal ends us at once.
    idle: Arc<AtomicBool>,
    /// The signal that came while something ran.
    came: Arc<AtomicUsize>,
}

static SIGNALS: OnceLock<Option<Signals>> = OnceLock::new();

/// From now on a signal that comes while a renderer runs ends that first, and its directory is
/// removed. For commands that do not catch signals themselves.
pub fn catch_signals() {
    SIGNALS.get_or_init(|| register().ok());
}

#[cfg(unix)]
fn register() -> io::Result<Signals> {
    use signal_hook::{consts, flag};
    let signals = Signals { idle: Arc::new(AtomicBool::new(true)), came: Arc::default() };
    for signal in [consts::SIGTERM, consts::SIGINT, consts::SIGHUP] {
        flag::register_conditional_default(signal, Arc::clone(&signals.idle))?;
        let number = usize::try_from(signal).unwrap_or_default();
        flag::register_usize(signal, Arc::clone(&signals.came), number)?;
    }
    Ok(signals)
}

#[cfg(not(unix))]
fn register() -> io::Result<Signals> {
    Err(io::ErrorKind::Unsupported.into())
}

fn signals() -> Option<&'static Signals> {
    SIGNALS.get()?.as_ref()
}

/// Sets `idle` again when the work is done, however it ends.
struct Busy(Option<&'static Signals>);

impl Busy {
    fn begin() -> Self {
        let signals = signals();
        if let Some(signals) = signals {
            signals.idle.store(false, Ordering::SeqCst);
        }
        Self(signals)
    }

    fn is_told_to_end(&self) -> bool {
        self.0.is_some_and(|signals| signals.came.load(Ordering::SeqCst) != 0)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(signals) = self.0 {
            signals.idle.store(true, Ordering::SeqCst);
        }
    }
}

/// Runs a command to its end. The variables are our own.
pub(super) fn run(command: &[String], dir: &Path, limits: Limits) -> io::Result<Output> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let busy = Busy::begin();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    if busy.0.is_some() {
        // Its own children are to end with it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let mut child = command.spawn()?;
    let (stdout, stderr) =
        (reader(child.stdout.take(), limits.bytes), reader(child.stderr.take(), limits.bytes));
    let status = wait(&mut child, &busy, limits.time)?;
    let [(stdout, much), (stderr, _)] = [stdout, stderr].map(|r| r.join().unwrap_or_default());
    if much {
        let message = format!("it prints more than {} MiB", limits.bytes >> 20);
        return Err(io::Error::other(message));
    }
    Ok(Output { status, stdout, stderr })
}

fn wait(child: &mut Child, busy: &Busy, time: Duration) -> io::Result<std::process::ExitStatus> {
    let start = Instant::now();
    let cause = loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if busy.is_told_to_end() {
            break "interrupted".to_owned();
        }
        if start.elapsed() > time {
            break format!("it takes longer than {} s", time.as_secs());
        }
        thread::sleep(POLL);
    };
    end(child, busy.0.is_some(), false);
    let asked = Instant::now();
    while child.try_wait()?.is_none() && asked.elapsed() < GRACE {
        thread::sleep(POLL);
    }
    end(child, busy.0.is_some(), true);
    child.wait()?;
    Err(io::Error::new(io::ErrorKind::TimedOut, cause))
}

/// Ends the program, and what it started where that is a group of its own.
#[cfg(unix)]
fn end(child: &Child, is_group: bool, by_force: bool) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    let signal = if by_force { Signal::KILL } else { Signal::TERM };
    // It may have ended by itself meanwhile.
    let _ = match (is_group, child.id()) {
        (true, _) => kill_process_group(Pid::from_child(child), signal),
        (false, _) => kill_process(Pid::from_child(child), signal),
    };
}

#[cfg(not(unix))]
fn end(child: &mut Child, _: bool, _: bool) {
    // It may have ended by itself meanwhile.
    let _ = child.kill();
}

/// Reads a stream on a thread of its own; says whether there was more than is allowed.
fn reader(
    stream: Option<impl Read + Send + 'static>,
    most: u64,
) -> thread::JoinHandle<(Vec<u8>, bool)> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let Some(mut stream) = stream else { return (bytes, false) };
        // What was read before an error still says something.
        let _ = stream.by_ref().take(most).read_to_end(&mut bytes);
        let more = io::copy(&mut stream, &mut io::sink()).unwrap_or_default();
        (bytes, more > 0)
    })
}

/// A directory to render in. Those that killed processes left behind are removed.
pub fn work_dir() -> io::Result<TempDir> {
    sweep(&std::env::temp_dir());
    tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir()
}

fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        if pid.is_some_and(|(pid, _)| is_dead(pid)) {
            // Somebody else's is not ours to remove.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_dead(pid: &str) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_dead(_: &str) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, limits: Limits) -> io::Result<Output> {
        let words = ["sh", "-c", script].map(str::to_owned);
        run(&words, Path::new("/"), limits)
    }

    #[test]
    fn a_program_is_bounded() {
        let quick = Limits { time: Duration::from_millis(50), ..LIMITS };
        let error = shell("exec sleep 600", quick).unwrap_err();
        assert!(error.to_string().contains("it takes longer"), "{error}");
        let small = Limits { bytes: 1000, ..LIMITS };
        let error = shell("head -c 5000 /dev/zero", small).unwrap_err();
        assert!(error.to_string().contains("it prints more"), "{error}");
        let output = shell("echo out; echo err >&2; exit 3", LIMITS).unwrap();
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }

    #[test]
    fn directories_of_the_dead_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let (dead, own) = (child.id(), std::process::id());
        child.wait().unwrap();
        let names = [format!("{PREFIX}{dead}-x"), format!("{PREFIX}{own}-x"), "other".to_owned()];
        for name in &names {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        sweep(dir.path());
        let there = names.map(|name| dir.path().join(name).exists());
        assert_eq!(there, [false, true, true]);
    }
}
