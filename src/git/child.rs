//! Programs that are run to their end or to a deadline, whatever they and their own children do.

use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::pipe::{Collected, LINGER};

/// What a program said.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// None where it was ended because it took too long.
    pub(super) status: Option<ExitStatus>,
}

impl Finished {
    pub(super) fn is_ok(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// What it said on stderr, and that it took too long where it did.
    pub(super) fn words(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.stderr).into_owned();
        if self.status.is_none() {
            text.push_str("it takes too long");
        }
        text
    }
}

/// A program, ended with all that it started.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) child: Child,
    /// Whether it has a process group of its own.
    is_own: bool,
}

/// Starts a program. Without a terminal it gets a process group of its own, so that its children can be ended
/// with it; with one it could then neither ask a question nor hear Ctrl-C.
pub(super) fn start(command: &mut Command) -> io::Result<Group> {
    let is_own = cfg!(unix) && !has_terminal();
    #[cfg(unix)]
    if is_own {
        std::os::unix::process::CommandExt::process_group(command, 0);
    }
    Ok(Group { child: command.spawn()?, is_own })
}

fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

impl Group {
    /// Ends it at once. What it started goes too where that can be done.
    pub(super) fn end(&mut self) {
        #[cfg(unix)]
        if self.is_own
            && let Ok(id) = i32::try_from(self.child.id())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program with an input, until it ends or the deadline comes.
pub(super) fn run(command: &mut Command, input: &[u8], deadline: Instant) -> io::Result<Finished> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = start(command)?;
    let (stdout, stderr) = (
        Collected::of(group.child.stdout.take(), u64::MAX),
        Collected::of(group.child.stderr.take(), u64::MAX),
    );
    if let Some(mut stdin) = group.child.stdin.take() {
        let input = input.to_vec();
        // Closing it is the end of the input; a program that does not read says elsewhere why.
        thread::spawn(move || stdin.write_all(&input));
    }
    let mut pause = Duration::from_millis(1);
    let mut wait = || {
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    };
    let status = loop {
        if let Some(status) = group.child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            group.end();
            break None;
        }
        wait();
    };
    let until = deadline.min(Instant::now() + LINGER);
    while !(stdout.is_over() && stderr.is_over()) && Instant::now() < until {
        wait();
    }
    Ok(Finished { stdout: stdout.take().bytes, stderr: stderr.take().bytes, status })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn sh(line: &str, input: &[u8], left: Duration) -> Finished {
        run(Command::new("sh").args(["-c", line]), input, Instant::now() + left).unwrap()
    }

    #[test]
    fn gives_what_was_said() {
        let input = vec![b'x'; 300_000];
        let finished = sh("cat; echo no >&2; exit 3", &input, Duration::from_mins(1));
        assert_eq!(finished.stdout, input);
        assert_eq!(finished.words(), "no\n");
        assert_eq!(finished.status.unwrap().code(), Some(3));
    }

    /// A child of the program holds its output, and nobody reads the input.
    #[test]
    fn ends_at_the_deadline_whoever_holds_the_pipes() {
        let start = Instant::now();
        let input = vec![b'x'; 300_000];
        let finished = sh("sleep 20 & sleep 20", &input, Duration::from_millis(50));
        assert!(!finished.is_ok() && finished.words().ends_with("it takes too long"));
        let finished = sh("sleep 20 & echo done", b"", Duration::from_millis(200));
        assert!(finished.is_ok());
        assert_eq!(finished.stdout, b"done\n");
        assert!(start.elapsed() < Duration::from_mins(1));
    }
}
