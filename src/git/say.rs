//! What the Git layer has to tell while it works: adapters do not print, so a command passes an ear.

use std::fmt;
use std::sync::Arc;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line of the remote's, as `git` shows behind `remote:`.
    Remote(String),
    /// How and why, for `--verbose`.
    Detail(String),
}

/// An ear for [`Event`]s.
#[derive(Clone)]
pub struct Say(Arc<dyn Fn(Event) + Send + Sync>);

impl Say {
    /// Passes every event to `ear`.
    pub fn new(ear: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(ear))
    }

    /// Tells nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }

    pub(super) fn remote(&self, line: &str) {
        let line = crate::http::plain_text(line, 1, 2000);
        if !line.is_empty() {
            (self.0)(Event::Remote(line));
        }
    }

    pub(super) fn detail(&self, text: impl Into<String>) {
        (self.0)(Event::Detail(text.into()));
    }
}

impl fmt::Debug for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Say")
    }
}
