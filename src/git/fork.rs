//! Where two branches parted: what a pull request is about is what happened since then on its own side, and not
//! what others did on the other.

use std::collections::BTreeSet;

use super::checkout::Checkout;
use super::head::Standing;
use super::past::{DEPTHS, Look};
use super::remote::Remote;
use crate::error::{Code, Hinted};

/// The parents of a commit; none where it is not here.
type Parents<'p> = &'p dyn Fn(&str) -> anyhow::Result<Option<Vec<String>>>;

/// What is known of two histories.
#[derive(Debug, PartialEq, Eq)]
enum Parted {
    At(String),
    /// More of their history may tell.
    Unknown,
    Never,
}

/// The commit before which everything of `head` is in `base` too: the newest one that both have.
fn parted(base: &str, head: &str, parents: Parents<'_>) -> anyhow::Result<Parted> {
    let (theirs, is_cut) = ancestors(base, parents)?;
    let (mut met, mut seen, mut is_short) = (Vec::new(), BTreeSet::new(), false);
    let mut next = vec![head.to_owned()];
    while let Some(id) = next.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        if theirs.contains(&id) {
            met.push(id);
            continue;
        }
        match parents(&id)? {
            Some(ids) => next.extend(ids),
            None => is_short = true,
        }
    }
    if is_short || (met.is_empty() && is_cut) {
        return Ok(Parted::Unknown);
    }
    // A branch that the other was merged into has met it several times.
    for id in &met {
        let (older, _) = ancestors(id, parents)?;
        if met.iter().all(|other| older.contains(other)) {
            return Ok(Parted::At(id.clone()));
        }
    }
    Ok(met.pop().map_or(Parted::Never, Parted::At))
}

/// A commit and all before it, as far as they are here, and whether there are more.
fn ancestors(tip: &str, parents: Parents<'_>) -> anyhow::Result<(BTreeSet<String>, bool)> {
    let (mut seen, mut is_cut) = (BTreeSet::new(), false);
    let mut next = vec![tip.to_owned()];
    while let Some(id) = next.pop() {
        if seen.insert(id.clone()) {
            match parents(&id)? {
                Some(ids) => next.extend(ids),
                None => is_cut = true,
            }
        }
    }
    Ok((seen, is_cut))
}

/// The parents that a commit's text names.
pub(super) fn parents_in(text: &str) -> Vec<String> {
    Standing::parse("", text).parents
}

impl Remote {
    /// Where `head` parted from `base`, both given as name and commit; `checkout` is where the head is that the
    /// remote may not have.
    pub fn fork(
        &mut self,
        (base, base_id): (&str, &str),
        (head, head_id): (&str, &str),
        checkout: Option<&Checkout>,
    ) -> anyhow::Result<String> {
        let mut depths = DEPTHS.iter();
        loop {
            let known = |id: &str| match checkout.and_then(|checkout| checkout.parents(id)) {
                Some(parents) => Ok(Some(parents)),
                None => self.backend.parents(id),
            };
            match parted(base_id, head_id, &known)? {
                Parted::At(id) => return Ok(id),
                Parted::Never => return Err(unrelated(base, head).into()),
                Parted::Unknown => {}
            }
            let Some(depth) = depths.next() else { return Err(too_short(base, head).into()) };
            self.backend.learn(base_id, *depth)?;
            if checkout.is_none() {
                self.backend.learn(head_id, *depth)?;
            }
        }
    }

    /// Whether a commit has another one in its history, whatever branches they are on.
    pub fn follows(&mut self, later: &str, earlier: &str) -> anyhow::Result<bool> {
        let tip = self.look(None, |round| Ok(round.tip.to_owned()))?;
        if tip == later {
            return self.backend.holds(earlier);
        }
        Ok(self.fork((earlier, earlier), (later, later), None)? == earlier)
    }

    /// Shows a commit that was found.
    pub fn look_at<T>(&mut self, commit: &str, look: Look<'_, T>) -> anyhow::Result<T> {
        let files = self.backend.files_of(commit)?;
        look(commit, &*files)
    }
}

fn unrelated(base: &str, head: &str) -> Hinted {
    let message = format!("cannot compare `{head}` with `{base}`: they have no commit in common");
    Hinted::new(Code::Git, message, "begin the branch at one of the other's commits")
}

fn too_short(base: &str, head: &str) -> Hinted {
    let message =
        format!("cannot tell where `{head}` parted from `{base}`: this clone is too shallow");
    let hint = "fetch all of it with `git fetch --unshallow` (in GitHub Actions `fetch-depth: 0`)";
    Hinted::new(Code::Git, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `d:bc b:a`: the commit d has the parents b and c; `?` instead is what is not here.
    fn at(graph: &str, base: &str, head: &str) -> Parted {
        let parents = |id: &str| {
            let found = graph.split(' ').find_map(|line| line.strip_prefix(id)?.strip_prefix(':'));
            let found = found.filter(|parents| *parents != "?");
            Ok(found.map(|parents| parents.chars().map(String::from).collect()))
        };
        parted(base, head, &parents).unwrap()
    }

    #[test]
    fn finds_the_newest_commit_in_common() {
        let table = [
            ("a: b:a h:a", "b", "h", Some("a")),
            // Nothing new on either side.
            ("a: b:a", "b", "a", Some("a")),
            ("a: b:a", "a", "b", Some("a")),
            // Merged back: all of the head is in the base.
            ("a: h:a m:ah", "m", "h", Some("h")),
            // The base was merged into the head meanwhile, once or twice.
            ("a: b:a c:b h:a i:hb", "c", "i", Some("b")),
            ("a: b:a c:b d:c h:a i:hb j:ic", "d", "j", Some("c")),
            ("a: z:", "a", "z", None),
        ];
        for (graph, base, head, expected) in table {
            let expected = expected.map_or(Parted::Never, |id| Parted::At(id.to_owned()));
            assert_eq!(at(graph, base, head), expected, "{graph}: {base} {head}");
        }
    }

    #[test]
    fn knows_what_it_does_not_know() {
        assert_eq!(at("c:b h:a", "c", "h"), Parted::Unknown);
        assert_eq!(at("c:? h:a a:", "c", "h"), Parted::Unknown);
        // What is not here is known by name all the same.
        assert_eq!(at("c:b h:b", "c", "h"), Parted::At("b".to_owned()));
    }
}
