//! A conversation with a running program, in which waiting always ends.

use std::fmt;
use std::io::{self, Read, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::super::child::{self, Group};
use super::process::NoProgram;
use super::{Patience, Session};
use crate::http::plain_text;

/// How much of what a program says on stderr is kept.
const KEPT: usize = 4096;

/// How long a program's own children may hold its stderr open after its end.
const LINGER: Duration = Duration::from_secs(2);

/// A running program, with threads that read what it says so that waiting can end.
pub(super) struct Process {
    name: String,
    group: Group,
    /// To the thread that writes: a program that does not read must not stop us from noticing the deadline.
    input: Option<Sender<Vec<u8>>>,
    output: Output,
    heard: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
}

/// A stream that is read by a thread of its own, so that waiting for it ends.
pub(super) struct Output {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    patience: Patience,
}

impl Process {
    pub(super) fn start(mut command: Command, patience: Patience) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = child::start(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow::Error::new(NoProgram(name.clone())),
            _ => anyhow::Error::new(error).context(format!("cannot start `{name}`")),
        })?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = group.child.stderr.take().map(|stderr| listen(stderr, Arc::clone(&heard)));
        let output = Output::of(group.child.stdout.take(), patience);
        let input = group.child.stdin.take().map(feed);
        Ok(Self { name, group, input, output, heard, listener })
    }
}

/// Passes on what is sent; the end of that is the end of the program's input.
fn feed(mut stdin: ChildStdin) -> Sender<Vec<u8>> {
    let (send, bodies) = channel::<Vec<u8>>();
    thread::spawn(move || {
        for body in bodies {
            // A program that has ended is noticed by the end of its output.
            if stdin.write_all(&body).and_then(|()| stdin.flush()).is_err() {
                return;
            }
        }
    });
    send
}

fn listen(mut stderr: impl Read + Send + 'static, heard: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut chunk = [0; 1024];
        while let Ok(length @ 1..) = stderr.read(&mut chunk) {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.extend(&chunk[..length]);
            let excess = heard.len().saturating_sub(KEPT);
            heard.drain(..excess);
        }
    })
}

impl Output {
    pub(super) fn of(stream: Option<impl Read + Send + 'static>, patience: Patience) -> Self {
        let (send, chunks) = sync_channel(16);
        let pump = |mut stream: Box<dyn Read + Send>| {
            thread::spawn(move || {
                loop {
                    let mut chunk = vec![0; 1 << 16];
                    let read = stream.read(&mut chunk).map(|length| {
                        chunk.truncate(length);
                        chunk
                    });
                    let is_last = read.as_ref().map_or(true, Vec::is_empty);
                    if send.send(read).is_err() || is_last {
                        return;
                    }
                }
            })
        };
        stream.map(|stream| pump(Box::new(stream)));
        Self { chunks, chunk: Vec::new(), at: 0, patience }
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.at = 0;
            self.chunk = match self.chunks.recv_timeout(self.patience.left()) {
                Ok(chunk) => chunk?,
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long"));
                }
            };
        }
        let length = buffer.len().min(self.chunk.len() - self.at);
        buffer[..length].copy_from_slice(&self.chunk[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

impl Session for Process {
    fn greeting(&mut self) -> anyhow::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&mut self.output))
    }

    fn ask(&mut self, body: Vec<u8>) -> anyhow::Result<Box<dyn Read + '_>> {
        let input = self.input.as_ref();
        let sent = input.is_some_and(|input| input.send(body).is_ok());
        if !sent {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        Ok(Box::new(&mut self.output))
    }

    fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        let has_ended = error
            .chain()
            .filter_map(|e| e.downcast_ref::<io::Error>())
            .any(|e| matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe));
        if !has_ended {
            return error;
        }
        self.input = None;
        if let Some(listener) = self.listener.take() {
            // It ends when the program does, which has closed its output already; unless a child of the program
            // holds on.
            let until = Instant::now() + self.output.patience.left().min(LINGER);
            while !listener.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
        }
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let text = plain_text(&String::from_utf8_lossy(&heard), 10, 2000);
        let text = if text.is_empty() { format!("`{}` ended early", self.name) } else { text };
        // The end of the stream says nothing; what the program said is the cause.
        Heard(text).into()
    }

    fn finish(&mut self) {
        if let Some(input) = self.input.take() {
            // An empty list: nothing is wanted. The program may be gone already.
            let _ = input.send(b"0000".to_vec());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        if self.output.patience.left().is_zero() {
            // It did not answer in time; one that did ends by itself, perhaps after a hook of its own.
            self.group.end();
        }
    }
}

/// What a program said on stderr before it ended.
#[derive(Debug)]
pub(in crate::git) struct Heard(pub(in crate::git) String);

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Heard {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// Nobody reads the input, and a child holds the output.
    #[test]
    fn a_program_that_neither_reads_nor_answers_is_given_up() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 20 & sleep 20"]);
        let deadline = Instant::now() + Duration::from_millis(100);
        let patience = Patience { deadline, idle: Duration::from_mins(1) };
        let mut process = Process::start(command, patience).unwrap();
        let mut answer = process.ask(vec![0; 1 << 20]).unwrap();
        let error = answer.read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.to_string(), "it takes too long");
        drop(answer);
        drop(process);
        assert!(deadline.elapsed() < Duration::from_secs(15));
    }
}
