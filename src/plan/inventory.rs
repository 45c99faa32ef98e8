//! The inventory: which objects an environment owns, and what its runs left half done.
//!
//! It is written before the first change with the objects of both sides ([`Inventory::superset`]) and after the
//! last with what is left ([`Inventory::finished`]), so that a run that is killed at any moment leaves no object
//! that no later run knows of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Id;
use super::watch::WatchState;

/// What is known of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its uid; `None` as long as it was only about to be created.
    pub uid: Option<String>,
}

/// A run that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Which run.
    pub run: String,
    /// What it is to bring about.
    pub commit: String,
}

/// What an environment owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Whose it is.
    pub environment: String,
    /// Rises with every run, so that a plan can be carried out once.
    pub serial: u64,
    /// The fencing token of the lock under which it was written.
    pub token: u64,
    /// A random key for the digests of secrets, which never leaves the place it is kept in.
    pub key: String,
    /// How the objects were made: repository, files and renderer. More than one as long as objects of each may be
    /// there that the others do not declare.
    pub sources: BTreeSet<String>,
    /// The commit last applied in full.
    pub commit: String,
    /// When, in seconds since 1970.
    pub applied: u64,
    /// What a run is about to do, or died doing.
    pub pending: Option<Pending>,
    /// The objects.
    pub entries: BTreeMap<Id, Entry>,
    /// What `--watch` remembers.
    pub watch: WatchState,
}

impl Inventory {
    /// Whether any run has ever been here.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.serial == 0
    }

    /// What to write before the first change.
    #[must_use]
    pub fn superset(
        &self,
        declared: &[(Id, Option<String>)],
        source: &str,
        pending: Pending,
        token: u64,
    ) -> Self {
        let mut next =
            Self { serial: self.serial + 1, token, pending: Some(pending), ..self.clone() };
        next.sources.insert(source.to_owned());
        for (id, uid) in declared {
            let entry = next.entries.entry(id.clone()).or_default();
            if uid.is_some() {
                entry.uid.clone_from(uid);
            }
        }
        next
    }

    /// The sources after a run; `held` when objects of others were left that it does not declare.
    #[must_use]
    pub fn sources_after(&self, source: &str, held: bool) -> BTreeSet<String> {
        let mut sources = if held { self.sources.clone() } else { BTreeSet::new() };
        sources.insert(source.to_owned());
        sources
    }

    /// What to write after the last change.
    #[must_use]
    pub fn finished(
        &self,
        entries: BTreeMap<Id, Entry>,
        sources: BTreeSet<String>,
        now: u64,
    ) -> Self {
        let commit = self.pending.as_ref().map(|pending| pending.commit.clone());
        Self {
            commit: commit.unwrap_or_default(),
            sources,
            applied: now,
            pending: None,
            entries,
            watch: self.watch.succeeded(),
            ..self.clone()
        }
    }

    /// As JSON; entries are one string each, since there may be ten thousand.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let entries: BTreeMap<String, &str> = self
            .entries
            .iter()
            .map(|(id, entry)| (id.key(), entry.uid.as_deref().unwrap_or_default()))
            .collect();
        let pending = self.pending.as_ref();
        json!({
            "schema": "gitops/v1", "kind": "Inventory", "environment": self.environment,
            "serial": self.serial, "token": self.token, "key": self.key, "sources": self.sources,
            "commit": self.commit, "applied": self.applied,
            "pending": pending.map(|p| json!({ "run": p.run, "commit": p.commit })),
            "watch": self.watch.to_json(),
            "entries": entries,
        })
    }

    /// Reads [`Inventory::to_json`] back.
    #[must_use]
    pub fn of_json(json: &Value) -> Option<Self> {
        if json["kind"] != "Inventory" {
            return None;
        }
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let pending = &json["pending"];
        let field = |key: &str| pending[key].as_str().map(str::to_owned);
        let entry = |(key, uid): (&String, &Value)| {
            let uid = uid.as_str().filter(|uid| !uid.is_empty()).map(str::to_owned);
            Some((Id::of_key(key)?, Entry { uid }))
        };
        let entries: Option<_> = json["entries"].as_object()?.iter().map(entry).collect();
        Some(Self {
            environment: text("environment"),
            serial: json["serial"].as_u64()?,
            token: json["token"].as_u64().unwrap_or_default(),
            key: text("key"),
            sources: texts(&json["sources"]),
            commit: text("commit"),
            applied: json["applied"].as_u64().unwrap_or_default(),
            pending: field("run").zip(field("commit")).map(|(run, commit)| Pending { run, commit }),
            entries: entries?,
            watch: WatchState::of_json(&json["watch"]),
        })
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> Id {
        Id::plain("File", name)
    }

    #[test]
    fn the_superset_loses_nothing_and_survives_being_written() {
        let old = Inventory {
            environment: "prod".to_owned(),
            serial: 4,
            entries: BTreeMap::from([
                (id("a/b"), Entry { uid: Some("1".to_owned()) }),
                (id("c"), Entry { uid: Some("2".to_owned()) }),
            ]),
            ..Inventory::default()
        };
        let pending = Pending { run: "r".to_owned(), commit: "abc".to_owned() };
        let declared = [(id("c"), Some("3".to_owned())), (id("new"), None), (id("a/b"), None)];
        let superset = old.superset(&declared, "here", pending, 7);
        let uids: Vec<_> = superset.entries.values().map(|e| e.uid.as_deref()).collect();
        assert_eq!(uids, [Some("1"), Some("3"), None]);
        assert_eq!((superset.serial, superset.token), (5, 7));
        assert_eq!(Inventory::of_json(&superset.to_json()), Some(superset.clone()));

        let mut superset = superset;
        superset.watch.fail("abc", 1);
        "drift".clone_into(&mut superset.watch.drift);
        let sources = superset.sources_after("here", false);
        let done = superset.finished(BTreeMap::new(), sources, 9);
        assert_eq!((done.commit.as_str(), done.pending.as_ref()), ("abc", None));
        // It does not count as failed any more, or the watch would go on trying.
        let watch = WatchState { drift: "drift".to_owned(), ..WatchState::default() };
        assert_eq!(done.watch, watch);
    }

    #[test]
    fn a_source_is_forgotten_only_when_nothing_of_it_is_left() {
        let theirs = Inventory { sources: ["b".to_owned()].into(), ..Inventory::default() };
        assert_eq!(theirs.sources_after("a", true), ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(theirs.sources_after("a", false), ["a".to_owned()].into());
    }

    #[test]
    fn another_document_is_no_inventory() {
        for json in [json!(null), json!({}), json!({"kind": "Inventory"}), json!([1])] {
            assert_eq!(Inventory::of_json(&json), None);
        }
    }
}
