//! Which object of the newer side is which of the older one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::gather::Sourced;
use super::{Diagnostic, renames};
use crate::manifest::Object;

/// Groups that a kind moved between without becoming another object.
const MIGRATED: &[(&str, &[&str])] = &[
    ("Deployment", &["extensions", "apps"]),
    ("DaemonSet", &["extensions", "apps"]),
    ("ReplicaSet", &["extensions", "apps"]),
    ("StatefulSet", &["apps"]),
    ("Ingress", &["extensions", "networking.k8s.io"]),
    ("NetworkPolicy", &["extensions", "networking.k8s.io"]),
    ("PodSecurityPolicy", &["extensions", "policy"]),
    ("Event", &["", "events.k8s.io"]),
];

/// Positions in both sides.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// The same object on both sides.
    pub(super) pairs: Vec<(usize, usize)>,
    /// The same object under another name.
    pub(super) renamed: Vec<(usize, usize)>,
    pub(super) removed: Vec<usize>,
    pub(super) added: Vec<usize>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Scope, environment, group, kind, namespace, name.
type Key<'o> = (&'o str, &'o str, &'o str, &'o str, &'o str, &'o str);

fn full(object: &Object) -> Option<Key<'_>> {
    let id = object.identity.as_ref()?;
    Some((&object.scope, &object.environment, &id.group, &id.kind, namespace(object)?, &id.name))
}

fn namespace(object: &Object) -> Option<&str> {
    let id = object.identity.as_ref()?;
    let fill = id.namespace.is_empty() && !id.is_cluster_scoped();
    Some(if fill { &object.default_namespace } else { &id.namespace })
}

struct Open {
    left: Vec<usize>,
    right: Vec<usize>,
}

/// Matches all objects of two sides.
pub(super) fn find(left: &[Sourced], right: &[Sourced]) -> Matched {
    let mut matched = Matched::default();
    let mut open = Open { left: (0..left.len()).collect(), right: (0..right.len()).collect() };
    duplicates(left, right, &mut matched);
    pass(left, right, &mut open, &mut matched.pairs, Several::InOrder, full);
    // The same object in another directory has moved.
    pass(left, right, &mut open, &mut matched.pairs, Several::Never, |object| {
        let id = object.identity.as_ref()?;
        Some(("", &*object.environment, &*id.group, &*id.kind, namespace(object)?, &*id.name))
    });
    pass(left, right, &mut open, &mut matched.pairs, Several::Never, |object| {
        let id = object.identity.as_ref()?;
        let (kind, groups) = MIGRATED.iter().find(|(kind, _)| **kind == *id.kind)?;
        let moved = groups.contains(&id.group.as_str());
        moved.then_some(("", &*object.environment, "", *kind, namespace(object)?, &*id.name))
    });
    nameless(left, right, &mut open, &mut matched.pairs);
    let at = |side: &'_ [Sourced], indices: &[usize]| -> Vec<usize> {
        indices.iter().copied().filter(|&index| !side[index].cancelled).collect()
    };
    let (a, b) = (at(left, &open.left), at(right, &open.right));
    let old: Vec<&Object> = a.iter().map(|&index| &left[index].object).collect();
    let new: Vec<&Object> = b.iter().map(|&index| &right[index].object).collect();
    matched.renamed =
        renames::find(&old, &new).into_iter().map(|(old, new)| (a[old], b[new])).collect();
    finish(&mut matched, open);
    matched
}

fn finish(matched: &mut Matched, open: Open) {
    let old: HashSet<usize> = matched.renamed.iter().map(|pair| pair.0).collect();
    let new: HashSet<usize> = matched.renamed.iter().map(|pair| pair.1).collect();
    matched.removed = open.left.into_iter().filter(|index| !old.contains(index)).collect();
    matched.added = open.right.into_iter().filter(|index| !new.contains(index)).collect();
}

/// What to do where one key fits several objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Several {
    /// Pair equals first, then in the order of the files.
    InOrder,
    /// Leave them to the next pass.
    Never,
}

fn pass<'o>(
    left: &'o [Sourced],
    right: &'o [Sourced],
    open: &mut Open,
    pairs: &mut Vec<(usize, usize)>,
    several: Several,
    key: impl Fn(&'o Object) -> Option<Key<'o>>,
) {
    if open.left.is_empty() || open.right.is_empty() {
        return;
    }
    let mut groups: HashMap<Key<'o>, (Vec<usize>, Vec<usize>)> =
        HashMap::with_capacity(open.left.len());
    for &index in &open.left {
        if let Some(key) = key(&left[index].object) {
            groups.entry(key).or_default().0.push(index);
        }
    }
    for &index in &open.right {
        if let Some(key) = key(&right[index].object) {
            groups.entry(key).or_default().1.push(index);
        }
    }
    let mut found = Vec::new();
    for (mut old, mut new) in groups.into_values() {
        match (old.len(), new.len()) {
            (1, 1) => found.push((old[0], new[0])),
            _ if several == Several::Never => {}
            _ => found.extend(pair_several(left, right, &mut old, &mut new)),
        }
    }
    take(open, &found);
    pairs.extend(found);
}

fn pair_several(
    left: &[Sourced],
    right: &[Sourced],
    old: &mut Vec<usize>,
    new: &mut Vec<usize>,
) -> Vec<(usize, usize)> {
    let mut pairs = pair_equals(left, right, old, new);
    pairs.extend(old.iter().copied().zip(new.iter().copied()));
    pairs
}

/// Pairs objects of equal content, and takes them out of both lists.
fn pair_equals(
    left: &[Sourced],
    right: &[Sourced],
    old: &mut Vec<usize>,
    new: &mut Vec<usize>,
) -> Vec<(usize, usize)> {
    let mut prints: HashMap<u64, Vec<usize>> = HashMap::new();
    for &index in old.iter().rev() {
        prints.entry(left[index].object.value.fingerprint()).or_default().push(index);
    }
    let mut pairs = Vec::new();
    new.retain(|&index| {
        let print = right[index].object.value.fingerprint();
        let twin = prints.get_mut(&print).and_then(Vec::pop);
        pairs.extend(twin.map(|twin| (twin, index)));
        twin.is_none()
    });
    let used: HashSet<usize> = pairs.iter().map(|pair| pair.0).collect();
    old.retain(|index| !used.contains(index));
    pairs
}

fn take(open: &mut Open, found: &[(usize, usize)]) {
    let old: HashSet<usize> = found.iter().map(|pair| pair.0).collect();
    let new: HashSet<usize> = found.iter().map(|pair| pair.1).collect();
    open.left.retain(|index| !old.contains(index));
    open.right.retain(|index| !new.contains(index));
}

/// Documents that are no objects belong to their file: equals first, then in order where no document
/// came or went. What is left is for the renames.
fn nameless(left: &[Sourced], right: &[Sourced], open: &mut Open, pairs: &mut Vec<(usize, usize)>) {
    let mut files: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for &index in &open.left {
        let object = &left[index].object;
        if object.identity.is_none() {
            files.entry(&object.key).or_default().0.push(index);
        }
    }
    for &index in &open.right {
        let object = &right[index].object;
        if object.identity.is_none() {
            files.entry(&object.key).or_default().1.push(index);
        }
    }
    let mut found = Vec::new();
    for (mut old, mut new) in files.into_values() {
        found.extend(pair_equals(left, right, &mut old, &mut new));
        if old.len() == new.len() {
            found.extend(old.into_iter().zip(new));
        }
    }
    take(open, &found);
    pairs.extend(found);
}

/// Reports objects that one side declares twice, where one of them differs from the other side.
fn duplicates(left: &[Sourced], right: &[Sourced], matched: &mut Matched) {
    let mut said: HashSet<Key<'_>> = HashSet::new();
    for (side, name) in [(right, ""), (left, " on the older side")] {
        let mut seen: HashMap<Key<'_>, Vec<usize>> = HashMap::with_capacity(side.len());
        for (index, sourced) in side.iter().enumerate() {
            if let Some(key) = full(&sourced.object) {
                seen.entry(key).or_default().push(index);
            }
        }
        let mut groups: Vec<Vec<usize>> = seen.into_values().filter(|g| g.len() > 1).collect();
        groups.sort_unstable();
        for group in groups {
            let known = full(&side[group[0]].object).is_some_and(|key| !said.insert(key));
            if known || group.iter().all(|&index| side[index].cancelled) {
                continue;
            }
            matched.diagnostics.push(duplicate(side, &group, name));
        }
    }
}

fn duplicate(side: &[Sourced], group: &[usize], name: &str) -> Diagnostic {
    let places: Vec<String> = group
        .iter()
        .map(|&index| format!("{}:{}", side[index].object.path, side[index].object.line))
        .collect();
    let first = &side[group[0]].object;
    Diagnostic {
        path: first.path.clone(),
        lines: group.iter().map(|&index| side[index].object.line).collect(),
        message: format!(
            "{} is declared {} times{name}: {}",
            first.title(),
            group.len(),
            places.join(", ")
        ),
    }
}
