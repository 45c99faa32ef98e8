//! Asking an unknown host which forge it runs: without any token, and nothing but version pages.

use std::time::{Duration, Instant};

use super::answer::Answer;
use super::{Known, Remote, Row, TABLE};
use crate::http::{Client, Failure, Request};

/// The longest wait for one page.
const LONGEST: Duration = Duration::from_secs(10);

/// The row of a host that nobody knows, and the folder it lives in; none where it answers like no forge.
///
/// The folder is tried where the path is longer than `owner/repository`: `https://corp/gitlab/g/r`.
/// The host is given up at the deadline.
pub fn probe(
    client: &Client,
    remote: &Remote,
    deadline: Instant,
) -> anyhow::Result<Option<(&'static Row, Known)>> {
    if remote.is_local() {
        return Ok(None);
    }
    let mut roots = vec![String::new()];
    let segments = remote.segments();
    if remote.scheme.starts_with("http") && segments.len() > 2 {
        roots.push(segments[0].to_owned());
    }
    for root in roots {
        let base =
            if root.is_empty() { remote.origin() } else { format!("{}/{root}", remote.origin()) };
        let mut asked: Vec<(&str, Answer)> = Vec::new();
        for row in TABLE.iter().filter(|row| !row.probe.0.is_empty()) {
            let (path, is_it) = row.probe;
            if let Some((_, answer)) = asked.iter().find(|(known, _)| *known == path) {
                if is_it(answer) {
                    return Ok(Some((row, Known { api: None, root })));
                }
                continue;
            }
            let answer = match ask(client, &format!("{base}{path}"), deadline) {
                Ok(answer) => answer,
                Err(error) if is_unreachable(&error) => return Ok(None),
                // A redirect to elsewhere, or an answer that makes no sense: not this forge.
                Err(_) => continue,
            };
            if is_it(&answer) {
                return Ok(Some((row, Known { api: None, root })));
            }
            asked.push((path, answer));
        }
    }
    Ok(None)
}

fn ask(client: &Client, url: &str, deadline: Instant) -> anyhow::Result<Answer> {
    let left = deadline.saturating_duration_since(Instant::now());
    // Version pages are quick, and a host that is none of these may swallow what it does not know.
    let patience = left.clamp(Duration::from_millis(1), LONGEST);
    Answer::read(client.send(&Request::get(url)?.timeout(patience))?)
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some()
}
