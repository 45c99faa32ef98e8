//! How bytes reach the remote's `git`: over HTTP, through the user's `ssh`, or from a local process.

mod conversation;
mod http;
mod process;

use std::io::Read;
use std::time::{Duration, Instant};

use url::Url;

use super::address::{Address, UserInfo};
use super::config::Config;
use super::{Settings, say::Say};

pub(super) use conversation::Heard;
pub(super) use process::{NoProgram, local_command, real_host};

/// The two programs at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Gives objects.
    Upload,
    /// Takes them.
    Receive,
}

impl Service {
    /// The program's name.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Upload => "git-upload-pack",
            Self::Receive => "git-receive-pack",
        }
    }
}

/// A way to one repository.
pub(super) trait Connection: Send + Sync {
    /// Starts a conversation; may return before the other side answers.
    fn open(&self, service: Service) -> anyhow::Result<Box<dyn Session>>;

    /// Whether every request is a conversation of its own, with the whole state in it.
    fn is_stateless(&self) -> bool {
        false
    }

    /// The URL that answered, after redirects.
    fn base(&self) -> Option<Url> {
        None
    }

    /// Whether it had to say who it is, which the next run may do at once.
    fn succeeded(&self) {}
}

/// One conversation.
pub(super) trait Session: Send {
    /// What the other side says first.
    fn greeting(&mut self) -> anyhow::Result<Box<dyn Read + '_>>;

    /// Sends a request and gives the answer.
    fn ask(&mut self, body: Vec<u8>) -> anyhow::Result<Box<dyn Read + '_>>;

    /// The error with what else is known of its cause.
    fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        error
    }

    /// Ends a conversation in which nothing more is wanted.
    fn finish(&mut self) {}
}

/// When to stop waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) deadline: Instant,
    pub(super) idle: Duration,
}

impl Patience {
    /// The longest wait from now for a sign of life.
    pub(super) fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).min(self.idle)
    }

    /// What is left before the deadline, where that is less than the patience with silence.
    pub(super) fn short(self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (left < self.idle).then(|| left.max(Duration::from_millis(1)))
    }
}

/// The connection for an address.
pub(super) fn connect(
    address: &Address,
    carried: Option<UserInfo>,
    config: &Config,
    settings: &Settings,
    patience: Patience,
    say: &Say,
) -> anyhow::Result<Box<dyn Connection>> {
    Ok(match address {
        Address::Http(url) => {
            let (url, say) = (url.clone(), say.clone());
            Box::new(http::Http::new(url, carried, config, settings, patience, say)?)
        }
        Address::Ssh { .. } => Box::new(process::Ssh::new(address, config, settings, patience)?),
        Address::Local(path) => Box::new(process::Local::new(path, patience)),
    })
}
