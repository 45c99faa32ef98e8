//! A reference of a remote repository that is compared and swapped, for locks: what it names says who holds it.
//!
//! Each state is a commit of its own without a parent, so that any change can be seen by its id alone, and a push goes
//! through only from the very state that was seen.

use git2::Oid;

use super::backend::Pushed;
use super::commit::{self, Person};
use super::refusal::{is_race, rejected};
use super::remote::Remote;
use super::store::Store;

/// What a reference is to name.
pub struct State {
    /// The commit.
    pub id: String,
    pack: Vec<u8>,
}

impl State {
    /// A commit that says this; the same words make the same commit.
    pub fn new(words: &str) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = Store::create(dir.path())?;
        let tree = Oid::from_str(&store.compose(None, &[])?.tree.to_string())?;
        let own = str::to_owned;
        let person =
            Person { name: own("gitops"), email: own("gitops@localhost"), seconds: 0, offset: 0 };
        let text = commit::text(&tree.to_string(), None, &person, &person, words);
        let id = store.write_commit(text.as_bytes())?;
        Ok(Self { id: id.to_string(), pack: store.pack(&[tree, id])? })
    }
}

impl Remote {
    /// What a reference names now.
    pub fn reference(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        self.backend.advertised(name)
    }

    /// What the commit says that it named when it was last looked at, and still names.
    pub fn words_of(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        let found = self.backend.commit_text(name)?;
        Ok(found.map(|(_, text)| {
            let (_, words) = text.split_once("\n\n").unwrap_or_default();
            words.trim_end().to_owned()
        }))
    }

    /// Sets it from what it was seen to name; false when it is something else by now.
    pub fn swap(&mut self, name: &str, old: Option<&str>, new: &State) -> anyhow::Result<bool> {
        let sent = self.send(name, old, &new.id, &new.pack, &[])?;
        if let Pushed::Done(_) = sent {
            return Ok(true);
        }
        let now = self.reference(name)?;
        if now.as_deref() == Some(&new.id) {
            return Ok(true);
        }
        match sent {
            _ if now.as_deref() != old => Ok(false),
            Pushed::Refused(reason) if is_race(&reason) => Ok(false),
            Pushed::Refused(reason) => Err(rejected(self, &reason)),
            Pushed::Unknown(error) => Err(error),
            Pushed::Done(_) => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Say, Settings, create_bare};
    use std::time::Duration;

    #[test]
    fn only_from_what_was_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.git");
        let own = str::to_owned;
        let person = Person { name: own("a"), email: own("a@b"), seconds: 0, offset: 0 };
        create_bare(&path, "main", &[("a", b"1")], (&person, "one")).unwrap();
        let open = || {
            let timeout = Duration::from_mins(1);
            Remote::open(path.to_str().unwrap(), &Settings::default(), timeout, Say::nobody())
        };
        let (mut one, mut other) = (open().unwrap(), open().unwrap());
        let (a, b) = (State::new("a").unwrap(), State::new("b").unwrap());
        let name = "refs/gitops/locks/x";
        assert_eq!((one.reference(name).unwrap(), other.reference(name).unwrap()), (None, None));
        assert!(one.swap(name, None, &a).unwrap());
        assert!(!other.swap(name, None, &b).unwrap());
        assert_eq!(other.reference(name).unwrap().as_ref(), Some(&a.id));
        assert_eq!(other.words_of(name).unwrap().as_deref(), Some("a"));
        assert!(other.swap(name, Some(&a.id), &b).unwrap());
        assert!(one.reference(name).unwrap().is_some());
        assert!(!one.swap(name, Some(&a.id), &a).unwrap());
    }
}
