//! What has been said about drift, so that it is said once: a small file for each environment.
//!
//! Deployments need none of this: what was deployed is in Git. What drifts is not, and a check that runs every
//! few minutes must not repeat itself, not even where two of them run at once: whoever is about to tell holds
//! a lock until it is remembered.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Code, Hinted};
use crate::event::{Event, Kind};
use crate::files;

/// What is remembered of an environment.
#[derive(Debug)]
pub struct Memory {
    file: PathBuf,
    said: Said,
    /// Why nothing is remembered although there is a file.
    pub unread: Option<String>,
    /// Held by whoever may write; none where it is only looked at.
    lock: Option<File>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Said {
    /// The drift that was said last.
    fingerprint: Option<String>,
    /// The channels that know of it.
    told: BTreeSet<String>,
    /// The channels that were told of a drift and not yet of its end.
    open: BTreeSet<String>,
}

/// Whether a channel is to hear of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recall {
    /// It has not heard of it.
    New,
    /// It knows.
    Known,
    /// It was never told of the drift that has ended.
    NeverOpen,
}

impl Memory {
    /// Reads what is remembered in `dir` of the event's environment, and keeps others from telling until
    /// this is dropped. Fails where nothing could be remembered.
    pub fn open(dir: &Path, event: &Event) -> anyhow::Result<Self> {
        let failed = |error: &std::io::Error| {
            let message = format!("cannot remember drift in `{}`: {error}", dir.display());
            let hint = "--remember DIR names a directory that can be written; --again says it all the same";
            Hinted::new(Code::Io, message, hint)
        };
        std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
        let path = dir.join(format!("{}.lock", event.condition("drift")));
        let lock = OpenOptions::new().create(true).write(true).truncate(false).open(path);
        let lock = lock.map_err(|error| failed(&error))?;
        match lock.lock() {
            Err(error) if error.kind() != ErrorKind::Unsupported => {
                return Err(failed(&error).into());
            }
            _ => {}
        }
        // Only now: somebody may just have written.
        Ok(Self { lock: Some(lock), ..Self::look(dir, event) })
    }

    /// Reads what is remembered, for somebody who tells nobody.
    #[must_use]
    pub fn look(dir: &Path, event: &Event) -> Self {
        let file = dir.join(format!("{}.json", event.condition("drift")));
        let mut unread = None;
        let said = match files::read(&file) {
            Err(_) if !file.exists() => Said::default(),
            read => {
                let parsed = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
                parsed.unwrap_or_else(|error| {
                    let file = file.display();
                    unread = Some(format!(
                        "forgot which drift was said: cannot use `{file}`: {error:#}"
                    ));
                    Said::default()
                })
            }
        };
        Self { file, said, unread, lock: None }
    }

    /// Whether a channel is to hear of this event.
    #[must_use]
    pub fn recall(&self, event: &Event, channel: &str) -> Recall {
        match event.kind {
            Kind::Drift if event.fingerprint != self.said.fingerprint => Recall::New,
            Kind::Drift if self.said.told.contains(channel) => Recall::Known,
            Kind::DriftResolved if !self.said.open.contains(channel) => Recall::NeverOpen,
            _ => Recall::New,
        }
    }

    /// Remembers that these channels have heard of it.
    pub fn record(&mut self, event: &Event, channels: &[&str]) -> anyhow::Result<()> {
        debug_assert!(self.lock.is_some(), "somebody else may be writing");
        let channels = channels.iter().map(|&channel| channel.to_owned());
        match event.kind {
            Kind::Drift => {
                if event.fingerprint != self.said.fingerprint {
                    self.said.told.clear();
                    self.said.fingerprint.clone_from(&event.fingerprint);
                }
                self.said.told.extend(channels.clone());
                self.said.open.extend(channels);
            }
            Kind::DriftResolved => {
                for channel in channels {
                    self.said.open.remove(&channel);
                }
                self.said.fingerprint = None;
                self.said.told.clear();
            }
            _ => return Ok(()),
        }
        files::replace(&self.file, serde_json::to_string(&self.said)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(kind: Kind, fingerprint: &str) -> Event {
        Event {
            environment: Some("prod".to_owned()),
            fingerprint: Some(fingerprint.to_owned()).filter(|text| !text.is_empty()),
            ..Event::new(kind)
        }
    }

    #[test]
    fn who_tells_at_the_same_time_tells_once_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let event = drift(Kind::Drift, "a");
        let tell = |channel: &str| {
            let mut memory = Memory::open(dir.path(), &event).unwrap();
            let is_new = memory.recall(&event, channel) == Recall::New;
            memory.record(&event, &[channel]).unwrap();
            is_new
        };
        let told = std::thread::scope(|scope| {
            let running: Vec<_> = (0..16)
                .map(|n| scope.spawn(move || tell(["chat", "mail", "pager", "log"][n % 4])))
                .collect();
            running.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(told.iter().filter(|is_new| **is_new).count(), 4);
        let memory = Memory::look(dir.path(), &event);
        for channel in ["chat", "mail", "pager", "log"] {
            assert_eq!(memory.recall(&event, channel), Recall::Known);
        }
    }

    #[test]
    fn what_cannot_be_read_or_written_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let event = drift(Kind::Drift, "a");
        Memory::open(dir.path(), &event).unwrap().record(&event, &["chat"]).unwrap();
        let file = dir.path().join(format!("{}.json", event.condition("drift")));
        files::replace(&file, b"{\"fingerprint\": \"a").unwrap();
        let memory = Memory::open(dir.path(), &event).unwrap();
        assert!(memory.unread.as_ref().unwrap().starts_with("forgot which drift was said: "));
        assert_eq!(memory.recall(&event, "chat"), Recall::New);
        let error = Memory::open(&file, &event).unwrap_err().to_string();
        assert!(error.starts_with("cannot remember drift in `"), "{error}");
    }

    #[test]
    fn a_drift_is_said_once_and_its_end_to_those_who_know() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("notify");
        let open = |event: &Event| Memory::open(&dir, event).unwrap();
        let (first, second) = (drift(Kind::Drift, "a"), drift(Kind::Drift, "b"));
        let end = drift(Kind::DriftResolved, "");
        assert_eq!(open(&end).recall(&end, "chat"), Recall::NeverOpen);
        assert_eq!(open(&first).recall(&first, "chat"), Recall::New);
        open(&first).record(&first, &["chat"]).unwrap();
        assert_eq!(open(&first).recall(&first, "chat"), Recall::Known);
        assert_eq!(open(&first).recall(&first, "mail"), Recall::New);
        assert_eq!(open(&second).recall(&second, "chat"), Recall::New);
        open(&second).record(&second, &["mail"]).unwrap();
        assert_eq!(open(&second).recall(&second, "chat"), Recall::New);
        for channel in ["chat", "mail"] {
            assert_eq!(open(&end).recall(&end, channel), Recall::New);
        }
        open(&end).record(&end, &["chat", "mail"]).unwrap();
        assert_eq!(open(&end).recall(&end, "chat"), Recall::NeverOpen);
        assert_eq!(open(&second).recall(&second, "chat"), Recall::New);
    }
}
