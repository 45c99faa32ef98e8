//! What kept entries from being measured, in one error: a directory is digested whole or not at all.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::digest::shown;
use crate::error::{Code, Hinted};

/// How many are named; the rest is counted.
const NAMED: usize = 20;

/// Why an entry cannot be measured.
#[derive(Debug)]
pub(super) enum Cause {
    /// The system says so.
    Io(io::Error),
    /// It is a FIFO, a socket or a device.
    Special(&'static str),
    /// It is not what it was.
    Changed,
    /// Its name has no form with `/` and bytes.
    Name,
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for Cause {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Special(what) => write!(f, "it is {what}"),
            Self::Changed => f.write_str("it changed while it was read"),
            Self::Name => f.write_str("its name is not Unicode"),
        }
    }
}

/// Collects problems from several threads.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Mutex<Vec<(Vec<u8>, Cause)>>,
    any: AtomicBool,
}

impl Problems {
    pub(super) fn add(&self, path: &[u8], cause: impl Into<Cause>) {
        // A thread that panicked has not left a problem half added.
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push((path.to_vec(), cause.into()));
        self.any.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Relaxed)
    }

    /// One error for all of them, or none. `root` is how the user spelled the directory.
    pub(super) fn into_result(self, root: &str) -> anyhow::Result<()> {
        let mut list = self.list.into_inner().unwrap_or_else(PoisonError::into_inner);
        list.sort_by(|a, b| a.0.cmp(&b.0));
        // A directory may be met twice, when it is found and when it is listed.
        list.dedup_by(|a, b| a.0 == b.0);
        if let [(path, cause)] = &list[..] {
            let message = format!("cannot digest `{root}`: `{}`: {cause}", shown(path));
            return Err(Hinted::new(Code::Io, message, hint(cause)).into());
        }
        let Some((_, first)) = list.first() else { return Ok(()) };
        let mut message = format!("cannot digest `{root}`: {} entries cannot be read", list.len());
        for (path, cause) in list.iter().take(NAMED) {
            // Writing to a string cannot fail.
            let _ = write!(message, "\n  `{}`: {cause}", shown(path));
        }
        if list.len() > NAMED {
            let _ = write!(message, "\n  and {} more", list.len() - NAMED);
        }
        Err(Hinted::new(Code::Io, message, hint(first)).into())
    }
}

fn hint(cause: &Cause) -> &'static str {
    match cause {
        #[cfg(unix)]
        Cause::Io(error)
            if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::MFILE) =>
        {
            "`ulimit -n` raises how many files may be open, and `--jobs` takes fewer at once"
        }
        Cause::Changed => "run it again when nothing writes to the directory",
        _ => "a digest covers everything; leave entries out with `--exclude`",
    }
}
