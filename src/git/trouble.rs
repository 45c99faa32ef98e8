//! Which errors pass by themselves, so that trying again makes sense.

use std::fmt;
use std::io;
use std::time::Duration;

use super::connection::Heard;
use super::wire::packet::RemoteError;
use crate::error::{Code, Hinted};
use crate::http::Failure;

/// Marks an error as one that may pass, perhaps after a time that the server wishes.
#[derive(Debug)]
struct Passing(String, Option<Duration>);

impl fmt::Display for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Passing {}

/// `message: cause`, marked as an error that may pass by itself.
pub(super) fn passing(message: impl Into<String>, cause: impl Into<String>) -> anyhow::Error {
    passing_after(message, cause, None)
}

/// The same, and how long the server wishes to be left alone.
pub(super) fn passing_after(
    message: impl Into<String>,
    cause: impl Into<String>,
    wished: Option<Duration>,
) -> anyhow::Error {
    let cause = Passing(cause.into(), wished);
    anyhow::Error::new(cause).context(Hinted::plain(Code::Git, message))
}

/// How long the server wishes to be left alone.
pub(super) fn wished(error: &anyhow::Error) -> Option<Duration> {
    error.chain().find_map(|cause| cause.downcast_ref::<Passing>()?.1)
}

/// What servers, proxies and `ssh` say of troubles that pass.
const PASSING: &[&str] = &[
    "connection reset",
    "connection closed",
    "connection timed out",
    "connection refused",
    "closed by remote host",
    "kex_exchange",
    "broken pipe",
    "timed out",
    "takes too long",
    "lock file exists",
    "unable to lock",
    "cannot lock",
    "failed to lock",
    "temporary failure in name resolution",
    "internal error",
    "internal server error",
    "try again",
    "rate limit",
];

/// Whether a text tells of a trouble that passes.
pub(super) fn sounds_passing(text: &str) -> bool {
    let text = text.to_lowercase();
    PASSING.iter().any(|words| text.contains(words))
}

/// What the remote itself said was wrong.
pub(super) fn remote_error(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| {
        // An I/O error does not count what it wraps among its sources.
        let inner = cause.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
        let inner = inner.and_then(|inner| inner.downcast_ref::<RemoteError>());
        inner.or_else(|| cause.downcast_ref()).map(|remote| remote.0.as_str())
    })
}

/// What the remote said where it does not know, or no longer gives, an object that was asked for.
pub(super) fn is_missing(error: &anyhow::Error) -> Option<&str> {
    // Git's words, and those of JGit.
    remote_error(error).filter(|text| {
        text.contains("not our ref") || (text.contains("want ") && text.contains("not valid"))
    })
}

/// Whether doing the same again may succeed.
pub(super) fn passes(error: &anyhow::Error) -> bool {
    if let Some(text) = remote_error(error) {
        return sounds_passing(text);
    }
    if let Some(heard) = error.downcast_ref::<Heard>() {
        return sounds_passing(&heard.0);
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.hint().is_none();
    }
    error.chain().any(|cause| {
        cause.is::<Passing>()
            || cause.downcast_ref::<io::Error>().is_some_and(|io| {
                !matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound)
            })
    })
}
