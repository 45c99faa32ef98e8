//! What `flux` and `argocd` share: a controller that is told to look, and waited for until it has our commit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Declared;
use super::stop::Stop;
use crate::error::{Code, Hinted};
use crate::plan::{Compared, Id, Item, Live};

/// How often to look.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);
/// How soon a signal is noticed.
const NOTICE: Duration = Duration::from_millis(50);

/// The commit in a controller's revision: `main@sha1:abc`, `main/abc`, `sha1:abc` or `abc`.
pub(super) fn commit_of(revision: &str) -> &str {
    let last = revision.rsplit(['@', '/']).next().unwrap_or_default();
    last.rsplit(':').next().unwrap_or_default()
}

/// Tells whether a commit has another one in its history, be it one that came to the remote repository only later.
#[derive(Clone, Default)]
pub struct Ancestry(Option<Arc<Ask>>);

type Ask = dyn Fn(&str, &str) -> Option<bool> + Send + Sync;

impl Ancestry {
    /// `ask` is given the later one and the earlier one; `None` where it cannot tell now.
    pub fn new(ask: impl Fn(&str, &str) -> Option<bool> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }
}

impl fmt::Debug for Ancestry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ancestry")
    }
}

/// Whether what a controller has contains our commit; each of its commits is asked about once.
#[derive(Debug, Default)]
pub(super) struct History {
    ancestry: Ancestry,
    known: Mutex<BTreeMap<String, bool>>,
}

impl History {
    pub(super) fn new(ancestry: Ancestry) -> Self {
        Self { ancestry, known: Mutex::default() }
    }

    /// Whether a revision is ours, or a later one that contains ours.
    pub(super) fn contains(&self, item: &Item, revision: &str) -> bool {
        let (commit, ours) = (commit_of(revision), text(&item.value["revision"]));
        if commit.is_empty() || commit == ours {
            return !commit.is_empty();
        }
        let Some(ask) = self.ancestry.0.as_ref().filter(|_| is_commit(commit)) else {
            return false;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(commit) {
            return *known;
        }
        let answer = ask(commit, ours);
        if let Some(answer) = answer {
            known.insert(commit.to_owned(), answer);
        }
        answer.unwrap_or(false)
    }
}

/// Whether it is a commit's id, rather than the version of a chart.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The one item: the commit that the controller is to have.
pub(super) fn item(id: Id, declared: &Declared) -> anyhow::Result<Vec<Item>> {
    if declared.commit.is_empty() {
        let message = format!("cannot hand over to {id}: there is no commit to wait for");
        return Err(
            Hinted::new(Code::Usage, message, "commit and push what is to be applied").into()
        );
    }
    let value = json!({ "revision": declared.commit });
    Ok(vec![Item { id, value, origin: String::new() }])
}

/// The item beside the revision that the controller has, and whether that contains ours; what it says is wrong with
/// it is a difference too.
pub(super) fn compare(
    item: Item,
    uid: String,
    (revision, ours): (&str, bool),
    trouble: Option<String>,
) -> Compared {
    // A later revision that contains ours is no difference.
    let shown = if ours { text(&item.value["revision"]) } else { commit_of(revision) };
    let state = trouble.unwrap_or_else(|| APPLIED.to_owned());
    let value = json!({ "revision": shown, "state": state });
    let live = Live { uid, version: revision.to_owned(), value };
    let declared = json!({ "revision": item.value["revision"], "state": APPLIED });
    let compared = Compared::present(Item { value: declared, ..item.clone() }, live);
    Compared { item, ..compared }
}

/// The state that is wanted.
const APPLIED: &str = "applied";

/// What is said of a controller that has looked, and has another commit.
pub(super) fn not_ours(revision: &str) -> String {
    let has = shown(revision);
    format!("it has looked, and has {has}: is our commit pushed to the branch that it follows?")
}

/// Asks again and again until there is an answer, the time is over, or somebody asks us to end.
pub(super) fn wait<T>(
    patience: Duration,
    stop: &Stop,
    what: &str,
    mut look: impl FnMut() -> anyhow::Result<Result<T, String>>,
) -> anyhow::Result<T> {
    let (start, mut pause) = (Instant::now(), FIRST);
    loop {
        let reason = match look()? {
            Ok(found) => return Ok(found),
            Err(reason) => reason,
        };
        if start.elapsed() >= patience {
            let message = format!("cannot wait longer for {what}: {reason}");
            return Err(Hinted::new(Code::Timeout, message, "raise --timeout").into());
        }
        let until = Instant::now() + pause.min(patience.saturating_sub(start.elapsed()));
        while Instant::now() < until {
            if stop.is_raised() {
                let message = format!("cannot wait longer for {what}: interrupted: {reason}");
                return Err(Hinted::plain(Code::Error, message).into());
            }
            thread::sleep(NOTICE.min(until.saturating_duration_since(Instant::now())));
        }
        pause = (pause * 2).min(LONGEST);
    }
}

/// `NAMESPACE/NAME`.
pub(super) fn split(reference: &str, default: &str) -> (String, String) {
    match reference.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), name.to_owned()),
        None => (default.to_owned(), reference.to_owned()),
    }
}

/// A time that no other run has, as controllers want it.
pub(super) fn token() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

/// A revision for people.
pub(super) fn shown(revision: &str) -> &str {
    if revision.is_empty() { "nothing" } else { revision }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_commit_in_every_form_of_revision() {
        for revision in ["main@sha1:abc", "main/abc", "sha1:abc", "abc", "refs/heads/main@sha1:abc"]
        {
            assert_eq!(commit_of(revision), "abc", "{revision}");
        }
        let id = |digit: &str| digit.repeat(40);
        let item = Item {
            id: Id::plain("Kustomization", "a"),
            value: json!({"revision": id("a")}),
            origin: String::new(),
        };
        let later = id("b");
        let history = History::new(Ancestry::new(move |commit, ours| {
            assert!(commit != "1.2", "a chart's version is no commit");
            Some(commit == later && ours == "a".repeat(40))
        }));
        let table = [
            (format!("main@sha1:{}", id("a")), true),
            (format!("main@sha1:{}", id("b")), true),
            (format!("main@sha1:{}", id("c")), false),
            ("1.2".to_owned(), false),
            (String::new(), false),
        ];
        for (revision, ours) in table {
            assert_eq!(history.contains(&item, &revision), ours, "{revision}");
        }
    }
}
