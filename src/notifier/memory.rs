//! What has been said about drift, so that it is said once: a small file for each environment.
//!
//! Deployments need none of this: what was deployed is in Git. What drifts is not, and a check that runs every
//! few minutes must not repeat itself.

use std::collections::BTreeSet;
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
    /// Reads what is remembered in `dir` of the event's environment.
    pub fn open(dir: &Path, event: &Event) -> anyhow::Result<Self> {
        let file = dir.join(format!("{}.json", event.condition("drift")));
        // A file that cannot be understood remembers nothing; the next notice replaces it.
        let said = match files::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Said::default(),
        };
        Ok(Self { file, said })
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
        if let Some(dir) = self.file.parent() {
            std::fs::create_dir_all(dir).map_err(|error| {
                let message = format!("cannot create `{}`: {error}", dir.display());
                Hinted::plain(Code::Io, message)
            })?;
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
