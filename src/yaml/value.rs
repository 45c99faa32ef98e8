//! A document as its reader sees it: scalars resolved, anchors and merge keys expanded, keys sorted.
//!
//! Places are kept by line only; whoever edits uses the [`super::Stream`] itself.

use std::hash::{DefaultHasher, Hash as _, Hasher};

use serde_json::{Map as JsonMap, Value as Json};

use super::resolver::{Scalar, format_float};

/// A value and the line it was read from.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// The line of the file (from 1); for an entry of a mapping see [`Entry::line`].
    pub line: u32,
    /// Written bare, and read differently by YAML 1.1 and 1.2.
    pub disputed: bool,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Data {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Box<str>),
    /// A bare scalar whose reader is not known, as it is written.
    Bare(Box<str>),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping.
    Map(Map),
}

impl Data {
    /// What a scalar stands for, as it is written and resolved.
    pub(super) fn of_scalar(scalar: &Scalar, text: &str) -> Self {
        match *scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Int(value) => Self::Int(value),
            Scalar::Float(value) => Self::Float(value),
            Scalar::Text => Self::Text(text.into()),
            Scalar::Ambiguous => Self::Bare(text.into()),
        }
    }
}

/// A mapping, ordered by key; each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key; numbers and truth values as JSON writes them.
    pub key: Box<str>,
    /// The line the key stands on.
    pub line: u32,
    /// Its value.
    pub value: Value,
}

/// A string in double quotes.
#[must_use]
pub fn format_text(text: &str) -> String {
    super::scalar::double_quoted(text)
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Data::Null, Data::Null) => true,
            (Data::Bool(a), Data::Bool(b)) => a == b,
            (Data::Int(a), Data::Int(b)) => a == b,
            (Data::Float(a), Data::Float(b)) => a.to_bits() == b.to_bits(),
            (Data::Text(a), Data::Text(b)) | (Data::Bare(a), Data::Bare(b)) => a == b,
            (Data::List(a), Data::List(b)) => a == b,
            (Data::Map(a), Data::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Map {
    /// A mapping of these entries; of two with one key the later counts.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        entries.dedup_by(|later, kept| {
            let same = later.key == kept.key;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self { entries }
    }

    /// The entries in the order of their keys.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries themselves.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| (*entry.key).cmp(key)).ok()?;
        self.entries.get(at)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let at = self.entries.binary_search_by(|entry| (*entry.key).cmp(key)).ok()?;
        self.entries.get_mut(at).map(|entry| &mut entry.value)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.binary_search_by(|entry| (*entry.key).cmp(key)).ok()?;
        Some(self.entries.remove(at))
    }

    /// Puts an entry in, in the place of one with the same key.
    pub fn insert(&mut self, entry: Entry) {
        match self.entries.binary_search_by(|old| old.key.cmp(&entry.key)) {
            Ok(at) => self.entries[at] = entry,
            Err(at) => self.entries.insert(at, entry),
        }
    }

    /// Every key with its value, to be changed in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.entries.iter_mut().map(|entry| (&*entry.key, &mut entry.value))
    }
}

impl Value {
    /// A string without a place of its own.
    #[must_use]
    pub fn text(text: impl Into<Box<str>>, line: u32) -> Self {
        Self { data: Data::Text(text.into()), line, disputed: false }
    }

    /// The string, where it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The mapping, where it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, where it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self.data {
            Data::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The value at the end of a way through mappings.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The string under a key.
    #[must_use]
    pub fn str_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys)?.as_str()
    }

    /// The items under a key; none where it is missing or no list.
    pub fn items_at(&self, keys: &[&str]) -> impl Iterator<Item = &Self> {
        self.at(keys).and_then(Self::as_list).unwrap_or_default().iter()
    }

    /// Neither a mapping nor a list.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        !matches!(self.data, Data::List(_) | Data::Map(_))
    }

    /// A scalar as a key would be written; `None` for collections.
    #[must_use]
    pub fn scalar_text(&self) -> Option<String> {
        Some(match &self.data {
            Data::Null => "null".to_owned(),
            Data::Bool(value) => value.to_string(),
            Data::Int(value) => value.to_string(),
            Data::Float(value) => format_float(*value),
            Data::Text(text) | Data::Bare(text) => text.to_string(),
            Data::List(_) | Data::Map(_) => return None,
        })
    }

    /// A number that equal values share, on every machine alike.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.feed(&mut hasher);
        hasher.finish()
    }

    fn feed(&self, hasher: &mut DefaultHasher) {
        match &self.data {
            Data::Null => 0_u8.hash(hasher),
            Data::Bool(value) => (1_u8, value).hash(hasher),
            Data::Int(value) => (2_u8, value).hash(hasher),
            Data::Float(value) => (3_u8, value.to_bits()).hash(hasher),
            Data::Text(text) => (4_u8, text).hash(hasher),
            Data::Bare(text) => (5_u8, text).hash(hasher),
            Data::List(items) => {
                (6_u8, items.len()).hash(hasher);
                for item in items {
                    item.feed(hasher);
                }
            }
            Data::Map(map) => {
                (7_u8, map.entries.len()).hash(hasher);
                for entry in &map.entries {
                    entry.key.hash(hasher);
                    entry.value.feed(hasher);
                }
            }
        }
    }

    /// The same value as JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.data {
            Data::Null => Json::Null,
            Data::Bool(value) => Json::Bool(*value),
            Data::Int(value) => Json::from(*value),
            Data::Float(value) => serde_json::Number::from_f64(*value)
                .map_or_else(|| Json::from(format_float(*value)), Json::Number),
            Data::Text(text) | Data::Bare(text) => Json::from(text.as_ref()),
            Data::List(items) => items.iter().map(Self::to_json).collect(),
            Data::Map(map) => {
                let entries = map.entries.iter();
                let pairs = entries.map(|entry| (entry.key.to_string(), entry.value.to_json()));
                Json::Object(pairs.collect::<JsonMap<_, _>>())
            }
        }
    }
}
