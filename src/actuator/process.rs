//! Running the user's commands: no shell, no stdin, a process group of their own, a deadline, and a limit to what
//! they may print.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::stop::{Stop, Work};
use crate::error::{Code, Hinted};
use crate::http;

/// What to run.
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
/// How long a command has to end itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often to look whether it has ended.
const POLL: Duration = Duration::from_millis(5);

impl Run<'_> {
    /// The command as a person would type it, for messages.
    fn shown(&self) -> String {
        http::mask(&self.argv.join(" "))
    }

    /// Runs it to its end; how it ended is for the caller to judge.
    pub(super) fn ended(&self) -> anyhow::Result<Ended> {
        let _busy = self.stop.busy(Work::Command);
        if self.stop.is_raised() {
            let message = format!("cannot run `{}`: interrupted", self.shown());
            return Err(Hinted::plain(Code::Error, message).into());
        }
        let mut child = self.spawn()?;
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let status = self.wait(&mut child)?;
        let stdout = stdout.join().unwrap_or_default();
        let stderr = stderr.join().unwrap_or_default();
        if stdout.len() as u64 >= MOST_OUTPUT {
            anyhow::bail!("cannot use what `{}` prints: it is more than 16 MiB", self.shown());
        }
        let stderr = http::mask(&String::from_utf8_lossy(&stderr)).trim_end().to_owned();
        Ok(Ended { status, stdout, stderr })
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

    fn spawn(&self) -> anyhow::Result<Child> {
        let (program, args) = self.argv.split_first().context("cannot run an empty command")?;
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.dir)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|error| {
            let message = format!("cannot run `{program}`: {error}");
            Hinted::new(Code::Error, message, format!("install `{program}`, or correct its name"))
                .into()
        })
    }

    fn wait(&self, child: &mut Child) -> anyhow::Result<ExitStatus> {
        let (start, mut asked, mut told) = (Instant::now(), false, false);
        loop {
            if let Some(status) = child.try_wait()? {
                if asked {
                    break;
                }
                return Ok(status);
            }
            if let Some(signal) = self.stop.signal().filter(|_| !told) {
                // It is asked as we are: Helm then marks its release as failed instead of leaving it pending.
                end(child, Ending::As(signal));
                told = true;
            }
            if told && self.stop.insists() {
                end(child, Ending::Kill);
                child.wait()?;
                let message = format!("cannot run `{}`: interrupted, and killed", self.shown());
                return Err(Hinted::plain(Code::Error, message).into());
            }
            if start.elapsed() > self.timeout && !asked {
                end(child, Ending::Ask);
                asked = true;
            }
            if start.elapsed() > self.timeout + GRACE {
                end(child, Ending::Kill);
                child.wait()?;
                break;
            }
            thread::sleep(POLL);
        }
        let seconds = self.timeout.as_secs();
        let message = format!("cannot run `{}`: it takes longer than {seconds} s", self.shown());
        Err(Hinted::new(Code::Timeout, message, "raise `timeout` of the actuator").into())
    }
}

/// How to end a command.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Ask,
    /// With the signal that we got.
    As(i32),
    Kill,
}

/// Ends the command and everything it started.
#[cfg(unix)]
fn end(child: &mut Child, how: Ending) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = match how {
        Ending::Kill => Signal::KILL,
        Ending::As(number) if number == Signal::INT.as_raw() => Signal::INT,
        Ending::As(_) | Ending::Ask => Signal::TERM,
    };
    // It may have ended by itself meanwhile.
    let _ = kill_process_group(Pid::from_child(child), signal);
}

#[cfg(not(unix))]
fn end(child: &mut Child, _: Ending) {
    // It may have ended by itself meanwhile.
    let _ = child.kill();
}

/// Reads a stream on a thread of its own, so that a full pipe stops nobody.
fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error still says something.
            let _ = stream.by_ref().take(MOST_OUTPUT).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        bytes
    })
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
