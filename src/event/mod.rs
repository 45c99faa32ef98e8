//! What there is to say: an event of an environment, made from two revisions of the GitOps repository.
//!
//! Pure: [`message`] turns an event into words, and the notifiers turn those into what each channel reads.

pub mod apps;
pub mod links;
pub mod message;
mod settings;
mod text;

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::{Position, Url};

pub use settings::{Format, Named, Signature, Target};
pub use text::{clean, cut};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An image was pushed to its registry.
    Pushed,
    /// A pull request proposes a change.
    PrOpened,
    /// A change is on its way.
    Deploying,
    /// A change has arrived.
    Deployed,
    /// A change has not arrived.
    Failed,
    /// An older version is back.
    RolledBack,
    /// What runs is not what Git declares.
    Drift,
    /// What runs is what Git declares again.
    DriftResolved,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everything: the changes first, the rest folded.
    Announce,
    /// One line.
    Confirm,
}

/// How a reader should feel about it; a colour where the channel has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// For information.
    Neutral,
    /// Good news.
    Good,
    /// Worth a look.
    Warning,
    /// Bad news.
    Bad,
}

impl Kind {
    /// All of them, in the order of a deployment.
    pub const ALL: [Self; 8] = [
        Self::Pushed,
        Self::PrOpened,
        Self::Deploying,
        Self::Deployed,
        Self::Failed,
        Self::RolledBack,
        Self::Drift,
        Self::DriftResolved,
    ];

    /// The word on the command line and in `gitops.yaml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::PrOpened => "pr-opened",
            Self::Deploying => "deploying",
            Self::Deployed => "deployed",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Drift => "drift",
            Self::DriftResolved => "drift-resolved",
        }
    }

    /// How much is said about it.
    #[must_use]
    pub fn style(self) -> Style {
        match self {
            Self::PrOpened | Self::Deploying | Self::Drift => Style::Announce,
            _ => Style::Confirm,
        }
    }

    /// How a reader should feel about it.
    #[must_use]
    pub fn tone(self) -> Tone {
        match self {
            Self::Pushed | Self::PrOpened | Self::Deploying => Tone::Neutral,
            Self::Deployed | Self::DriftResolved => Tone::Good,
            Self::RolledBack | Self::Drift => Tone::Warning,
            Self::Failed => Tone::Bad,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One version of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The image's tag.
    pub tag: Option<String>,
    /// `algorithm:hex`.
    pub digest: Option<String>,
    /// The commit of the app's source it was built from, where that is known.
    pub revision: Option<String>,
    /// Where that commit can be read, where that is known.
    pub url: Option<String>,
}

impl Release {
    /// What people call it: the tag, else the digest's first characters.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag.clone(),
            (None, Some(digest)) => {
                let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
                format!("{algorithm}:{}", hex.chars().take(12).collect::<String>())
            }
            (None, None) => "none".to_owned(),
        }
    }
}

/// An app of the environment, before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct App {
    /// Its name.
    pub app: String,
    /// The image's repository.
    pub image: Option<String>,
    /// What ran; none for a new app.
    pub old: Option<Release>,
    /// What runs; none for a removed app.
    pub new: Option<Release>,
    /// Where the app's source is, where that is known.
    pub source: Option<String>,
    /// Where the commits between the two can be read, where both are known.
    pub compare: Option<String>,
}

/// A commit of the GitOps repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its id.
    pub sha: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// Its first line.
    pub subject: Option<String>,
}

/// A pull request of the GitOps repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PullRequest {
    /// Its number.
    pub number: Option<u64>,
    /// Its title.
    pub title: Option<String>,
    /// Where it can be read.
    pub url: Option<String>,
}

/// Something worth saying. `Serialize` is the JSON that the generic webhook sends and templates see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What happened.
    #[serde(rename = "event")]
    pub kind: Kind,
    /// Where it happened.
    pub environment: Option<String>,
    /// The apps whose version changed.
    pub changes: Vec<App>,
    /// The others.
    pub unchanged: Vec<App>,
    /// The GitOps repository, without any credential.
    pub repository: Option<String>,
    /// The commit that brings it.
    pub commit: Option<Commit>,
    /// The branch the commit was read from, where there is one.
    pub branch: Option<String>,
    /// The commit it is compared with.
    pub from: Option<String>,
    /// The pull request that brings it.
    pub pull_request: Option<PullRequest>,
    /// The pipeline's page.
    pub run_url: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// Why, or why not.
    pub reason: Option<String>,
    /// What there is to say besides images: what differs, for a drift; what restarts.
    pub findings: Vec<String>,
    /// What tells one drift from another.
    pub fingerprint: Option<String>,
    /// What makes it different from the same event said before, where it is to be said again.
    #[serde(skip)]
    pub nonce: Option<String>,
    /// Whether it only tries a channel out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

impl Event {
    /// An event of which nothing but its kind is known yet.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            environment: None,
            changes: Vec::new(),
            unchanged: Vec::new(),
            repository: None,
            commit: None,
            branch: None,
            from: None,
            pull_request: None,
            run_url: None,
            actor: None,
            reason: None,
            findings: Vec::new(),
            fingerprint: None,
            nonce: None,
            test: false,
        }
    }

    /// The environment's name for people.
    #[must_use]
    pub fn place(&self) -> &str {
        self.environment.as_deref().unwrap_or("no environment")
    }

    /// What the same event has again when a job is run twice, whenever that is: no clock goes into it.
    #[must_use]
    pub fn key(&self) -> String {
        let mut parts = vec![self.kind.as_str().to_owned()];
        parts.extend(self.subject());
        parts.extend(self.nonce.clone());
        digest(&parts)
    }

    /// What an announcement shares with its confirmation: the key without the kind. A drift and its end
    /// share the environment alone.
    #[must_use]
    pub fn thread(&self) -> String {
        match self.kind {
            Kind::Drift | Kind::DriftResolved => self.condition("drift"),
            _ => digest(&self.subject()),
        }
    }

    /// What holds for an environment as a whole, until somebody resolves it: `drift`, or a failure to deploy.
    #[must_use]
    pub fn condition(&self, name: &str) -> String {
        let place = self.environment.clone().unwrap_or_default();
        let repository = self.repository.clone().unwrap_or_default();
        digest(&[name.to_owned(), repository, place])
    }

    fn subject(&self) -> Vec<String> {
        let mut parts = vec![
            self.repository.clone().unwrap_or_default(),
            self.environment.clone().unwrap_or_default(),
            self.fingerprint.clone().unwrap_or_default(),
        ];
        // A drift stays the same one while commits come and go.
        let drifts = matches!(self.kind, Kind::Drift | Kind::DriftResolved);
        if let Some(commit) = self.commit.as_ref().filter(|_| !drifts) {
            parts.push(commit.sha.clone());
        } else {
            for app in &self.changes {
                let label = app.new.as_ref().map(Release::label).unwrap_or_default();
                parts.push(format!("{}={label}", app.image.as_deref().unwrap_or(&app.app)));
            }
        }
        parts
    }
}

/// 32 hexadecimal digits that stand for the parts. Their lengths are digested too, so that no two lists
/// of parts read alike.
fn digest(parts: &[String]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    HEXLOWER.encode(&hasher.finalize()[..16])
}

/// A URL that may be shown as a link: http or https, without credentials, and without the characters that
/// end a link in one markup or another.
#[must_use]
pub fn link(url: &str) -> Option<String> {
    const MOST: usize = 1000;
    let mut url = Url::parse(url.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let path = encode(&url[Position::BeforePath..]);
    let text = format!("{}{path}", &url[..Position::BeforePath]);
    (text.len() <= MOST).then_some(text)
}

fn encode(text: &str) -> String {
    const MARKUP: &str = "()[]{}$<>|'\"\\`*^@";
    let is_escape = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let one = |(at, c): (usize, char)| match c {
        '%' if is_escape(at) => c.to_string(),
        c if c == '%' || MARKUP.contains(c) => format!("%{:02X}", c as u32),
        c => c.to_string(),
    };
    text.char_indices().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_as_they_are_written() {
        for kind in Kind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
    }

    #[test]
    fn keys_tell_events_apart_and_repetitions_not() {
        let mut event = Event::new(Kind::Deployed);
        event.environment = Some("prod".to_owned());
        event.commit = Some(Commit { sha: "1234".to_owned(), ..Commit::default() });
        let again = Event { actor: Some("someone else".to_owned()), ..event.clone() };
        assert_eq!(event.key(), again.key());
        let announced = Event { kind: Kind::Deploying, ..event.clone() };
        assert_ne!(event.key(), announced.key());
        assert_eq!(event.thread(), announced.thread());
        let other = Event { environment: Some("prod1".to_owned()), ..event.clone() };
        assert_ne!(event.thread(), other.thread());
        assert_eq!(event.key().len(), 32);
    }

    #[test]
    fn links_carry_no_credentials_and_no_markup() {
        let table = [
            ("https://h/a", Some("https://h/a")),
            ("https://me:pw@h/a", Some("https://h/a")),
            ("https://h/a)b|c>d", Some("https://h/a%29b%7Cc%3Ed")),
            ("https://h/a b\n", Some("https://h/a%20b")),
            ("https://h/100%/%41[1]", Some("https://h/100%25/%41%5B1%5D")),
            ("https://[::1]/a", Some("https://[::1]/a")),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("h/a", None),
        ];
        for (url, expected) in table {
            assert_eq!(link(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_digest_alone_has_a_short_name() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let release = Release { digest: Some(digest), ..Release::default() };
        assert_eq!(release.label(), "sha256:abababababab");
    }
}
