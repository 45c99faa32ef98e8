//! Running other programs: no shell, no stdin, a deadline, a limit to what they may print, and an end when we are
//! told to end.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::stop::{Stop, Work};
use crate::error::{Code, Hinted};
use crate::http;
use crate::pipe::{Collected, LINGER};

/// What a program may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) time: Duration,
    pub(super) bytes: u64,
}

/// Why a program was not heard to its end.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    TooLong(Duration),
    TooMuch(u64),
    /// Somebody asked us to end.
    Interrupted,
    /// It did not end when it was asked to.
    Killed,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLong(time) => write!(f, "it takes longer than {} s", time.as_secs()),
            Self::TooMuch(bytes) => write!(f, "it prints more than {} MiB", bytes >> 20),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Killed => f.write_str("interrupted, and killed"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How long a program has to end itself after its time before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often to look whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// Runs a program to its end; how it ended is for the caller to judge.
///
/// With a `stop` it has a process group of its own, which is ended with it, and hears of signals through us. Without
/// one it hears of a terminal's signals as we do.
pub(super) fn run(
    command: &mut Command,
    limits: Limits,
    stop: Option<&Stop>,
) -> Result<Output, Failure> {
    let _busy = stop.map(|stop| stop.busy(Work::Command));
    if stop.is_some_and(Stop::is_raised) {
        return Err(Failure::Interrupted);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    if stop.is_some() {
        std::os::unix::process::CommandExt::process_group(command, 0);
    }
    let mut child = command.spawn()?;
    let stdout = Collected::of(child.stdout.take(), limits.bytes);
    let stderr = Collected::of(child.stderr.take(), limits.bytes);
    let status = wait(&mut child, limits.time, stop)?;
    let ended = Instant::now();
    while !(stdout.is_over() && stderr.is_over()) && ended.elapsed() < LINGER {
        thread::sleep(POLL);
    }
    let (stdout, stderr) = (stdout.take(), stderr.take());
    if stdout.is_cut {
        return Err(Failure::TooMuch(limits.bytes));
    }
    Ok(Output { status, stdout: stdout.bytes, stderr: stderr.bytes })
}

fn wait(child: &mut Child, time: Duration, stop: Option<&Stop>) -> Result<ExitStatus, Failure> {
    let (start, mut asked, mut told) = (Instant::now(), false, false);
    let is_group = stop.is_some();
    loop {
        if let Some(status) = child.try_wait()? {
            return if asked { Err(Failure::TooLong(time)) } else { Ok(status) };
        }
        if let Some(signal) = stop.and_then(Stop::signal).filter(|_| !told) {
            // It is asked as we are: Helm then marks its release as failed instead of leaving it pending.
            end(child, is_group, Ending::As(signal));
            told = true;
        }
        let insists = told && stop.is_some_and(Stop::insists);
        if insists || start.elapsed() > time + GRACE {
            end(child, is_group, Ending::Kill);
            child.wait()?;
            return Err(if insists { Failure::Killed } else { Failure::TooLong(time) });
        }
        if start.elapsed() > time && !asked {
            end(child, is_group, Ending::Ask);
            asked = true;
        }
        thread::sleep(POLL);
    }
}

/// How to end a program.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Ask,
    /// With the signal that we got.
    As(i32),
    Kill,
}

/// Ends a program, and all that it started where that is a group of its own.
#[cfg(unix)]
fn end(child: &Child, is_group: bool, how: Ending) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    let signal = match how {
        Ending::Kill => Signal::KILL,
        Ending::As(number) if number == Signal::INT.as_raw() => Signal::INT,
        Ending::As(_) | Ending::Ask => Signal::TERM,
    };
    let kill = if is_group { kill_process_group } else { kill_process };
    // It may have ended by itself meanwhile.
    let _ = kill(Pid::from_child(child), signal);
}

#[cfg(not(unix))]
fn end(child: &mut Child, _: bool, _: Ending) {
    // It may have ended by itself meanwhile.
    let _ = child.kill();
}

/// A command of the user's, or one that changes what is driven.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) argv: &'a [String],
    pub(super) dir: &'a Path,
    /// All that is in its environment.
    pub(super) variables: &'a [(String, String)],
    pub(super) timeout: Duration,
    pub(super) stop: &'a Stop,
}

/// What a command that ended has said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// With secrets masked.
    pub(super) stderr: String,
}

/// More than any manifest; a command that prints more has gone wrong.
const MOST_OUTPUT: u64 = 16 << 20;

impl Run<'_> {
    /// The command as a person would type it, for messages.
    fn shown(&self) -> String {
        http::mask(&self.argv.join(" "))
    }

    /// Runs it to its end; how it ended is for the caller to judge.
    pub(super) fn ended(&self) -> anyhow::Result<Ended> {
        let (program, args) = self.argv.split_first().context("cannot run an empty command")?;
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let limits = Limits { time: self.timeout, bytes: MOST_OUTPUT };
        let output = run(&mut command, limits, Some(self.stop))
            .map_err(|failure| self.not_ended(program, failure))?;
        let stderr = http::mask(&String::from_utf8_lossy(&output.stderr)).trim_end().to_owned();
        Ok(Ended { status: output.status, stdout: output.stdout, stderr })
    }

    fn not_ended(&self, program: &str, failure: Failure) -> Hinted {
        let message = format!("cannot run `{}`: {failure}", self.shown());
        match failure {
            Failure::Io(error) => {
                let message = format!("cannot run `{program}`: {error}");
                let hint = format!("install `{program}`, or correct its name");
                Hinted::new(Code::Error, message, hint)
            }
            Failure::TooLong(_) => {
                Hinted::new(Code::Timeout, message, "raise `timeout` of the actuator")
            }
            _ => Hinted::plain(Code::Error, message),
        }
    }

    /// Runs it to its end, which must be a success.
    pub(super) fn succeed(&self) -> anyhow::Result<Vec<u8>> {
        let ended = self.ended()?;
        if ended.status.success() {
            return Ok(ended.stdout);
        }
        Err(self.failed(&ended).into())
    }

    /// The error of a command that failed.
    pub(super) fn failed(&self, ended: &Ended) -> Hinted {
        let said = if ended.stderr.is_empty() { "it said nothing" } else { &ended.stderr };
        let message = format!("cannot run `{}`: {}: {said}", self.shown(), ended.status);
        Hinted::plain(Code::Error, message)
    }
}

/// Fills placeholders of an argument list: `{name}` as a whole argument or behind `--flag=`.
pub(super) fn fill(argv: &[String], values: &[(&str, &str)]) -> anyhow::Result<Vec<String>> {
    argv.iter().map(|argument| fill_one(argument, values)).collect()
}

fn fill_one(argument: &str, values: &[(&str, &str)]) -> anyhow::Result<String> {
    for (name, value) in values {
        let place = format!("{{{name}}}");
        if !argument.contains(&place) {
            continue;
        }
        if value.starts_with('-') {
            let message = format!("cannot use `{value}` as an argument: it reads as a flag");
            return Err(Hinted::new(Code::Usage, message, "rename the file").into());
        }
        let is_flag = argument.starts_with("--") && argument.ends_with(&format!("={place}"));
        if argument != place && !is_flag {
            let message = format!("cannot use the argument `{argument}`: `{place}` is only a part");
            let hint = format!("write `{place}` or `--flag={place}`");
            return Err(Hinted::new(Code::Config, message, hint).into());
        }
        return Ok(argument.replace(&place, value));
    }
    Ok(argument.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &[&str]) -> Vec<String> {
        text.iter().map(|&part| part.to_owned()).collect()
    }

    fn run(words: &[&str], timeout: Duration) -> anyhow::Result<Ended> {
        let path = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let dir = Path::new("/");
        Run { argv: &argv(words), dir, variables: &path, timeout, stop: &Stop::default() }.ended()
    }

    #[test]
    fn placeholders_are_whole_arguments() {
        let values = [("name", "web 1\n;"), ("file", "/tmp/x")];
        let filled = fill(&argv(&["a", "{name}", "--source={file}"]), &values).unwrap();
        assert_eq!(filled, ["a", "web 1\n;", "--source=/tmp/x"]);
        for (argument, value) in [("x{name}", "a"), ("-f={name}", "a"), ("{name}", "--force")] {
            assert!(fill(&argv(&[argument]), &[("name", value)]).is_err(), "{argument} {value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_is_bounded() {
        let limits = Limits { time: Duration::from_mins(1), bytes: 1 << 20 };
        let shell = |script: &str, limits| {
            let result = super::run(Command::new("sh").args(["-c", script]), limits, None);
            result.map_err(|failure| failure.to_string())
        };
        let quick = Limits { time: Duration::from_millis(50), ..limits };
        assert_eq!(shell("exec sleep 600", quick).unwrap_err(), "it takes longer than 0 s");
        let small = Limits { bytes: 1000, ..limits };
        assert_eq!(
            shell("head -c 5000 /dev/zero", small).unwrap_err(),
            "it prints more than 0 MiB"
        );
        let full = Limits { bytes: 5000, ..limits };
        assert_eq!(shell("head -c 5000 /dev/zero", full).unwrap().stdout.len(), 5000);
        // What it left behind holds its output open.
        let start = Instant::now();
        assert_eq!(shell("sleep 60 & echo done", limits).unwrap().stdout, b"done\n");
        assert!(start.elapsed() < Duration::from_secs(50));
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_hangs_is_ended_with_its_children() {
        let error = run(&["sh", "-c", "sleep 600 & wait"], Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("it takes longer"), "{error}");
    }

    /// Runs a script, and gives it signals as soon as it says that it is there.
    #[cfg(unix)]
    fn signalled(script: &str, stop: &Stop, signals: usize) -> anyhow::Result<Ended> {
        let dir = tempfile::tempdir().unwrap();
        let path = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let argv = argv(&["sh", "-c", script]);
        let timeout = Duration::from_mins(1);
        let run = Run { argv: &argv, dir: dir.path(), variables: &path, timeout, stop };
        thread::scope(|scope| {
            scope.spawn(|| {
                while signals > 0 && !dir.path().join("there").exists() {
                    thread::yield_now();
                }
                for _ in 0..signals {
                    assert!(!stop.raise(15));
                }
            });
            run.ended()
        })
    }

    #[cfg(unix)]
    #[test]
    fn a_signal_is_handed_on_and_the_command_waited_for() {
        let script = "trap 'echo put right; exit 9' TERM; touch there; sleep 600 & wait";
        let ended = signalled(script, &Stop::hasty(), 1).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(9), &b"put right\n"[..]));
    }

    #[cfg(unix)]
    #[test]
    fn a_second_signal_kills_the_command_and_nothing_is_begun_any_more() {
        let stop = Stop::hasty();
        let script = "trap '' TERM; touch there; sleep 600 & wait";
        let error = signalled(script, &stop, 2).unwrap_err();
        assert!(error.to_string().ends_with("interrupted, and killed"), "{error}");
        let error = signalled("touch there", &stop, 0).unwrap_err();
        assert!(error.to_string().ends_with("interrupted"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn says_what_a_command_said() {
        let ended = run(&["sh", "-c", "echo out; echo err >&2; exit 3"], Duration::from_mins(1));
        let ended = ended.unwrap();
        assert_eq!((ended.stdout.as_slice(), ended.stderr.as_str()), (&b"out\n"[..], "err"));
        assert_eq!(ended.status.code(), Some(3));
        let error = run(&["no-such-program-here"], Duration::from_mins(1)).unwrap_err();
        assert!(error.to_string().starts_with("cannot run `no-such-program-here`"), "{error}");
    }
}
