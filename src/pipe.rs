//! What another program prints, read by a thread of its own that nobody has to wait for: the program's own children
//! can hold its output open long after its end.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a program's own children may hold its output open after its end.
pub const LINGER: Duration = Duration::from_secs(2);

/// What was printed into a pipe so far.
#[derive(Debug)]
pub struct Collected {
    read: Arc<Mutex<Printed>>,
    thread: Option<JoinHandle<()>>,
}

/// What a program printed.
#[derive(Debug, Default)]
pub struct Printed {
    /// The bytes, as many as are wanted.
    pub bytes: Vec<u8>,
    /// Whether there were more than that.
    pub is_cut: bool,
}

impl Collected {
    /// Reads a stream to its end and keeps `most` bytes of it, so that a full pipe stops nobody.
    pub fn of(stream: Option<impl Read + Send + 'static>, most: u64) -> Self {
        let read: Arc<Mutex<Printed>> = Arc::default();
        let into = Arc::clone(&read);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let thread = stream.map(|mut stream| {
            thread::spawn(move || {
                let mut chunk = vec![0; 1 << 16];
                // What was read before an error still says something.
                while let Ok(length @ 1..) = stream.read(&mut chunk) {
                    into.lock().unwrap_or_else(PoisonError::into_inner).add(&chunk[..length], most);
                }
            })
        });
        Self { read, thread }
    }

    /// Whether the end was reached.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What came until now.
    #[must_use]
    pub fn take(&self) -> Printed {
        std::mem::take(&mut self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Printed {
    fn add(&mut self, bytes: &[u8], most: usize) {
        let kept = bytes.len().min(most - self.bytes.len());
        self.bytes.extend(&bytes[..kept]);
        self.is_cut |= kept < bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_wanted_and_says_that_there_was_more() {
        for (most, kept, is_cut) in
            [(200_000, 100_000, false), (100_000, 100_000, false), (7, 7, true)]
        {
            let stream = std::io::repeat(b'x').take(100_000);
            let collected = Collected::of(Some(stream), most);
            while !collected.is_over() {
                thread::yield_now();
            }
            let printed = collected.take();
            assert_eq!((printed.bytes.len(), printed.is_cut), (kept, is_cut));
        }
    }
}
