//! Two values become a list of changes.

mod inside;

use std::collections::HashMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::diff::mask::Place;
use crate::diff::path::{FieldPath, Step};
use crate::diff::rules::{self, ListRule, ListRules, Order};
use crate::manifest::Identity;
use crate::yaml::Value;
use crate::yaml::value::{Data, Map};

/// What became of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// It is new.
    Added(Value),
    /// It is gone.
    Removed(Value),
    /// It has another value.
    Changed(Value, Value),
    /// A list's items stand in another order; their names before and after.
    Reordered(Vec<String>, Vec<String>),
}

impl Edit {
    /// The value before, if any.
    #[must_use]
    pub fn before(&self) -> Option<&Value> {
        match self {
            Self::Removed(value) | Self::Changed(value, _) => Some(value),
            _ => None,
        }
    }

    /// The value after, if any.
    #[must_use]
    pub fn after(&self) -> Option<&Value> {
        match self {
            Self::Added(value) | Self::Changed(_, value) => Some(value),
            _ => None,
        }
    }
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where in the object.
    pub path: FieldPath,
    /// What happened.
    pub edit: Edit,
    /// The line of the newer file, or of the older one where the field is gone.
    pub line: u32,
    /// Whether it is a secret.
    pub(super) place: Place,
}

/// What a comparison of two values needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// How lists are compared.
    pub rules: &'a ListRules,
    /// The Kubernetes object the values are, if they are one.
    pub identity: Option<&'a Identity>,
}

/// What [`compare`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The differences, in the order of keys and items.
    pub changes: Vec<Change>,
    /// Lists whose items should have names of their own and have not: path and line.
    pub ambiguous: Vec<(FieldPath, u32)>,
}

/// Compares two values.
#[must_use]
pub fn compare(left: &Value, right: &Value, terms: Terms<'_>) -> Found {
    let mut comparer = Comparer::new(terms, Place::default());
    comparer.values(left, right);
    comparer.found
}

#[derive(Clone, Debug)]
enum At<'v> {
    Key(&'v str),
    Item(String),
    /// The number to show, and those on the older and the newer side.
    Index(usize, [usize; 2]),
    Inside,
}

struct Comparer<'v, 'a> {
    terms: Terms<'a>,
    path: Vec<At<'v>>,
    /// The collections that the steps of the path lead out of.
    above: Vec<(&'v Value, &'v Value)>,
    /// Where the values stand as a whole.
    base: Place,
    /// Quantities are texts here.
    verbatim: bool,
    found: Found,
}

impl<'v, 'a> Comparer<'v, 'a> {
    fn new(terms: Terms<'a>, base: Place) -> Self {
        Self {
            terms,
            path: Vec::new(),
            above: Vec::new(),
            base,
            verbatim: false,
            found: Found::default(),
        }
    }

    fn emit(&mut self, edit: Edit, line: u32) {
        let (path, place) = (self.field_path(), self.place(&edit));
        self.found.changes.push(Change { path, edit, line, place });
    }

    fn field_path(&self) -> FieldPath {
        let step = |at: &At<'_>| match at {
            At::Key(key) => Step::Key((*key).into()),
            At::Item(name) => Step::Item(name.as_str().into()),
            At::Index(index, _) => Step::Index(*index),
            At::Inside => Step::Inside,
        };
        FieldPath(self.path.iter().map(step).collect())
    }

    fn below(&mut self, at: At<'v>, work: impl FnOnce(&mut Self)) {
        self.path.push(at);
        work(self);
        self.path.pop();
    }

    fn keys(&self) -> Vec<&'v str> {
        let key = |at: &At<'v>| match at {
            At::Key(key) => Some(*key),
            _ => None,
        };
        self.path.iter().filter_map(key).collect()
    }

    fn values(&mut self, left: &'v Value, right: &'v Value) {
        match (&left.data, &right.data) {
            (Data::Map(a), Data::Map(b)) => {
                self.above.push((left, right));
                self.maps(a, b);
                self.above.pop();
            }
            (Data::List(a), Data::List(b)) => {
                self.above.push((left, right));
                self.lists(a, b, right.line);
                self.above.pop();
            }
            (Data::Text(a), Data::Text(b)) if a != b && self.embedded(a, b, right.line) => {}
            _ if left == right || self.is_same_quantity(left, right) => {}
            _ => self.emit(Edit::Changed(left.clone(), right.clone()), right.line),
        }
    }

    fn maps(&mut self, left: &'v Map, right: &'v Map) {
        let (mut a, mut b) = (left.entries().iter().peekable(), right.entries().iter().peekable());
        loop {
            let order = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) => x.key.cmp(&y.key),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let old = if order.is_le() { a.next() } else { None };
            let new = if order.is_ge() { b.next() } else { None };
            match (old, new) {
                (Some(old), Some(new)) => {
                    self.below(At::Key(&new.key), |this| this.values(&old.value, &new.value));
                }
                (Some(entry), None) => self.one_sided(&entry.key, &entry.value, |this| {
                    this.emit(Edit::Removed(entry.value.clone()), entry.line);
                }),
                (None, Some(entry)) => self.one_sided(&entry.key, &entry.value, |this| {
                    this.emit(Edit::Added(entry.value.clone()), entry.line);
                }),
                (None, None) => return,
            }
        }
    }

    /// A key that one side lacks, unless its value says what its absence says.
    fn one_sided(&mut self, key: &'v str, value: &Value, emit: impl FnOnce(&mut Self)) {
        if !self.is_default(key, value) {
            self.below(At::Key(key), emit);
        }
    }

    fn is_default(&self, key: &str, value: &Value) -> bool {
        // Only where the API server itself drops an empty value.
        const PRUNED: &[&str] =
            &["resources", "status", "strategy", "labels", "annotations", "securityContext"];
        let empty = match &value.data {
            Data::Null => return self.terms.identity.is_some(),
            Data::Map(map) => map.entries().is_empty(),
            Data::List(items) => items.is_empty(),
            Data::Text(text) => {
                let ports = self.path.iter().any(|at| matches!(at, At::Key("ports")));
                return self.terms.identity.is_some()
                    && ports
                    && key == "protocol"
                    && **text == *"TCP";
            }
            _ => return false,
        };
        empty && self.terms.identity.is_some() && PRUNED.contains(&key)
    }

    fn lists(&mut self, left: &'v [Value], right: &'v [Value], line: u32) {
        let rule = self.terms.rules.find(self.terms.identity, &self.keys());
        let keyed = match &rule {
            Some(rule) if rule.keys.is_empty() => None,
            Some(rule) => {
                let both = (rules::labels(left, &rule.keys), rules::labels(right, &rule.keys));
                if both.0.is_none() || both.1.is_none() {
                    let path = self.field_path();
                    self.found.ambiguous.push((path, line));
                }
                both.0.zip(both.1)
            }
            None => rules::guess(left, right)
                .and_then(|keys| rules::labels(left, &keys).zip(rules::labels(right, &keys))),
        };
        let order = rule.map_or(Order::Counts, |ListRule { order, .. }| order);
        match keyed {
            Some((a, b)) => self.keyed((left, &a), (right, &b), order, line),
            None if order == Order::Free => self.sets(left, right),
            None => self.sequences(left, right),
        }
    }

    fn keyed(
        &mut self,
        (left, a): (&'v [Value], &[String]),
        (right, b): (&'v [Value], &[String]),
        order: Order,
        line: u32,
    ) {
        let new: HashMap<&str, usize> =
            b.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
        let old: HashMap<&str, usize> =
            a.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
        for (item, label) in left.iter().zip(a) {
            self.below(At::Item(label.clone()), |this| match new.get(label.as_str()) {
                Some(&at) => this.values(item, &right[at]),
                None => this.emit(Edit::Removed(item.clone()), item.line),
            });
        }
        for (item, label) in
            right.iter().zip(b).filter(|(_, label)| !old.contains_key(label.as_str()))
        {
            let added = Edit::Added(item.clone());
            self.below(At::Item(label.clone()), |this| this.emit(added, item.line));
        }
        let counts = match order {
            Order::Counts => true,
            Order::Free => false,
            Order::Referring => left.iter().chain(right).any(refers),
        };
        let kept = |labels: &[String], other: &HashMap<&str, usize>| -> Vec<String> {
            labels.iter().filter(|label| other.contains_key(label.as_str())).cloned().collect()
        };
        let (before, after) = (kept(a, &new), kept(b, &old));
        if counts && before != after {
            self.emit(Edit::Reordered(before, after), line);
        }
    }

    /// Items without names whose order means nothing: what both have cancels out.
    fn sets(&mut self, left: &'v [Value], right: &'v [Value]) {
        let mut count: HashMap<u64, isize> = HashMap::new();
        for item in left {
            *count.entry(item.fingerprint()).or_default() += 1;
        }
        let mut added = Vec::new();
        for (index, item) in right.iter().enumerate() {
            let left = count.entry(item.fingerprint()).or_default();
            if *left > 0 {
                *left -= 1;
            } else {
                added.push((index, item));
            }
        }
        let mut removed = Vec::new();
        for (index, item) in left.iter().enumerate().rev() {
            let left = count.entry(item.fingerprint()).or_default();
            if *left > 0 {
                *left -= 1;
                removed.push((index, item));
            }
        }
        removed.reverse();
        self.runs(&removed, &added);
    }

    /// Items without names whose order counts: the longest common part stays.
    fn sequences(&mut self, left: &'v [Value], right: &'v [Value]) {
        let prints = |items: &[Value]| items.iter().map(Value::fingerprint).collect::<Vec<_>>();
        let (a, b) = (prints(left), prints(right));
        // One of two equally good alignments is chosen by the contents, not by the direction.
        let swapped = b < a;
        let (first, second) = if swapped { (&b, &a) } else { (&a, &b) };
        for op in capture_diff_slices(Algorithm::Myers, first, second) {
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            let (mut old, mut new) = (op.old_range(), op.new_range());
            if swapped {
                std::mem::swap(&mut old, &mut new);
            }
            let removed: Vec<_> = old.map(|index| (index, &left[index])).collect();
            let added: Vec<_> = new.map(|index| (index, &right[index])).collect();
            self.runs(&removed, &added);
        }
    }

    /// Items that gave way to others, pair by pair where a pair has something in common.
    fn runs(&mut self, removed: &[(usize, &'v Value)], added: &[(usize, &'v Value)]) {
        let paired = removed.len().min(added.len());
        for (&(was, old), &(index, new)) in removed.iter().zip(added) {
            let at = At::Index(index, [was, index]);
            if is_related(old, new) {
                self.below(at, |this| this.values(old, new));
            } else {
                self.below(at, |this| {
                    this.emit(Edit::Changed(old.clone(), new.clone()), new.line);
                });
            }
        }
        for &(index, item) in &removed[paired..] {
            let edit = Edit::Removed(item.clone());
            self.below(At::Index(index, [index; 2]), |this| this.emit(edit, item.line));
        }
        for &(index, item) in &added[paired..] {
            let edit = Edit::Added(item.clone());
            self.below(At::Index(index, [index; 2]), |this| this.emit(edit, item.line));
        }
    }
}

fn refers(item: &Value) -> bool {
    item.str_at(&["value"]).is_some_and(|value| value.contains("$("))
}

/// Whether two collections share an entry, so that showing their differences says more than both.
fn is_related(left: &Value, right: &Value) -> bool {
    match (&left.data, &right.data) {
        (Data::Map(a), Data::Map(b)) => {
            a.entries().iter().any(|entry| b.get(&entry.key) == Some(&entry.value))
        }
        (Data::List(_), Data::List(_)) => true,
        _ => left.is_scalar() && right.is_scalar(),
    }
}
