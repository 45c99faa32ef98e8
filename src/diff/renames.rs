//! Which new object is an old one under another name: in linear time, without a limit on their number.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher};

use crate::manifest::Object;
use crate::yaml::Value;
use crate::yaml::value::Data;

/// The letters of kustomize's content hashes.
const HASH_ALPHABET: &str = "bcdfghkmt2456789";
const HASH_LENGTH: usize = 10;
/// How many of an object's smallest leaf hashes are looked up.
const SKETCH: usize = 6;
/// How many namesakes of a hash are looked at.
const WINDOW: usize = 8;
/// What share of all their leaves two objects must have in common.
const ENOUGH: f64 = 0.6;

/// A name without the hash that kustomize appends.
#[must_use]
pub fn stem(name: &str) -> Option<&str> {
    let (stem, hash) = name.rsplit_once('-')?;
    let is_hash = hash.len() == HASH_LENGTH && hash.chars().all(|c| HASH_ALPHABET.contains(c));
    (is_hash && !stem.is_empty()).then_some(stem)
}

/// Pairs of positions in `left` and `right`: first by stem, then by similarity.
#[must_use]
pub fn find(left: &[&Object], right: &[&Object]) -> Vec<(usize, usize)> {
    let mut pairs = by_stem(left, right);
    let used_left: HashSet<usize> = pairs.iter().map(|pair| pair.0).collect();
    let used_right: HashSet<usize> = pairs.iter().map(|pair| pair.1).collect();
    let rest = |count: usize, used: &HashSet<usize>| -> Vec<usize> {
        (0..count).filter(|index| !used.contains(index)).collect()
    };
    let (a, b) = (rest(left.len(), &used_left), rest(right.len(), &used_right));
    pairs.extend(by_similarity(left, right, &a, &b));
    pairs
}

type StemKey<'o> = (&'o str, &'o str, &'o str, &'o str, &'o str, &'o str);

fn by_stem<'o>(left: &[&'o Object], right: &[&'o Object]) -> Vec<(usize, usize)> {
    fn key(object: &Object) -> Option<StemKey<'_>> {
        let id = object.identity.as_ref()?;
        let stem = stem(&id.name).unwrap_or(&id.name);
        Some((&object.environment, &object.scope, &id.group, &id.kind, &id.namespace, stem))
    }
    let mut waiting: HashMap<StemKey<'o>, Vec<usize>> = HashMap::new();
    for (index, object) in left.iter().enumerate().rev() {
        if let Some(key) = key(object) {
            waiting.entry(key).or_default().push(index);
        }
    }
    let mut pairs = Vec::new();
    for (index, object) in right.iter().enumerate() {
        let old = key(object).and_then(|key| waiting.get_mut(&key)?.pop());
        pairs.extend(old.map(|old| (old, index)));
    }
    pairs
}

/// The leaves of an object as sorted hashes, its own name taken out of every value.
fn leaves(object: &Object) -> Vec<u64> {
    let name = object.identity.as_ref().map_or("", |id| id.name.as_str());
    let mut leaves = Vec::new();
    collect(&object.value, name, 0, 0, &mut leaves);
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

fn collect(value: &Value, name: &str, path: u64, depth: usize, leaves: &mut Vec<u64>) {
    let step = |key: &str| {
        let mut hasher = DefaultHasher::new();
        (path, key).hash(&mut hasher);
        hasher.finish()
    };
    match &value.data {
        Data::Map(map) => {
            for entry in map.entries() {
                let own = depth == 0 && matches!(&*entry.key, "apiVersion" | "kind");
                let named = depth == 1 && matches!(&*entry.key, "name" | "namespace");
                if !own && !named {
                    collect(&entry.value, name, step(&entry.key), depth + 1, leaves);
                }
            }
        }
        Data::List(items) => {
            for item in items {
                collect(item, name, step("[]"), depth + 1, leaves);
            }
        }
        Data::Text(text) if !name.is_empty() && text.contains(name) => {
            leaves.push(step(&text.replace(name, "\0")));
        }
        _ => leaves.push(step(&value.fingerprint().to_string())),
    }
}

/// Objects of other environments or kinds are never the same.
fn class(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.environment.hash(&mut hasher);
    match &object.identity {
        Some(id) => (&id.group, &id.kind).hash(&mut hasher),
        None => object.path.rsplit('.').next().hash(&mut hasher),
    }
    hasher.finish()
}

struct Candidate {
    index: usize,
    class: u64,
    leaves: Vec<u64>,
}

fn by_similarity(
    left: &[&Object],
    right: &[&Object],
    a: &[usize],
    b: &[usize],
) -> Vec<(usize, usize)> {
    let candidates = |objects: &[&Object], indices: &[usize]| -> Vec<Candidate> {
        let mut order: Vec<usize> = indices.to_vec();
        order.sort_by_key(|&index| (objects[index].title(), index));
        let candidate = |index: usize| Candidate {
            index,
            class: class(objects[index]),
            leaves: leaves(objects[index]),
        };
        order.into_iter().map(candidate).collect()
    };
    let (a, b) = (candidates(left, a), candidates(right, b));
    let buckets = buckets(&a);
    let mut ranks: HashMap<(u64, u64), usize> = HashMap::new();
    let mut scored: Vec<(f64, usize, usize)> = Vec::new();
    for (new, candidate) in b.iter().enumerate() {
        let mut seen = HashSet::new();
        for &leaf in candidate.leaves.iter().take(SKETCH) {
            let key = (candidate.class, leaf);
            let rank = ranks.entry(key).or_default();
            let Some(bucket) = buckets.get(&key) else { continue };
            let start = rank.saturating_sub(WINDOW / 2).min(bucket.len().saturating_sub(WINDOW));
            *rank += 1;
            for &old in bucket.iter().skip(start).take(WINDOW).filter(|&&old| seen.insert(old)) {
                let score = similarity(&a[old].leaves, &candidate.leaves);
                if score >= ENOUGH {
                    scored.push((score, old, new));
                }
            }
        }
    }
    assign(scored, &a, &b)
}

fn buckets(candidates: &[Candidate]) -> HashMap<(u64, u64), Vec<usize>> {
    let mut buckets: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        for &leaf in candidate.leaves.iter().take(SKETCH) {
            buckets.entry((candidate.class, leaf)).or_default().push(at);
        }
    }
    buckets
}

/// The best pairs first; equals in the order of their names.
fn assign(
    mut scored: Vec<(f64, usize, usize)>,
    a: &[Candidate],
    b: &[Candidate],
) -> Vec<(usize, usize)> {
    scored.sort_by(|x, y| {
        y.0.total_cmp(&x.0).then((x.1.abs_diff(x.2), x.1, x.2).cmp(&(y.1.abs_diff(y.2), y.1, y.2)))
    });
    let (mut old_used, mut new_used) = (HashSet::new(), HashSet::new());
    let mut pairs = Vec::new();
    for (_, old, new) in scored {
        if !old_used.contains(&old) && !new_used.contains(&new) {
            old_used.insert(old);
            new_used.insert(new);
            pairs.push((a[old].index, b[new].index));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// The share of leaves that both have.
fn similarity(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut common) = (0_u32, 0_u32, 0_u32);
    let at = |leaves: &[u64], index: u32| leaves.get(index as usize).copied();
    while let (Some(x), Some(y)) = (at(a, i), at(b, j)) {
        common += u32::from(x == y);
        i += u32::from(x <= y);
        j += u32::from(y <= x);
    }
    let size = |leaves: &[u64]| u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    let all = size(a).saturating_add(size(b)).saturating_sub(common);
    if all == 0 { 0.0 } else { f64::from(common) / f64::from(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{SourceFile, chunks, read};

    #[test]
    fn strips_the_hash_of_kustomize() {
        assert_eq!(stem("env-5c7g9kbf2m"), Some("env"));
        for name in ["env", "env-abcdefghij", "env-5c7g9kbf2", "-5c7g9kbf2m"] {
            assert_eq!(stem(name), None, "{name}");
        }
    }

    fn objects(
        count: usize,
        name: impl Fn(usize) -> String,
        data: impl Fn(usize) -> String,
    ) -> Vec<Object> {
        let one = |n: usize| {
            let (name, data) = (name(n), data(n));
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{{data}}}\n"
            )
        };
        let text: Vec<String> = (0..count).map(one).collect();
        let file = SourceFile::new("a.yaml", text.join("---\n").into_bytes());
        let pieces = chunks(file.text.as_deref().unwrap());
        pieces.iter().flat_map(|chunk| read(&file, chunk, 0).unwrap().objects).collect()
    }

    #[test]
    fn finds_every_rename() {
        let data = |n: usize| format!("a: x{n}, b: y{n}, c: z");
        let same = |_: usize| "a: x, b: y".to_owned();
        let cases: [&dyn Fn(usize) -> String; 2] = [&data, &same];
        for data in cases {
            let old = objects(500, |n| format!("old-{n:04}"), data);
            let new = objects(500, |n| format!("new-{n:04}"), data);
            let (a, b): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
            let pairs = find(&a, &b);
            assert_eq!(pairs.len(), 500);
            assert!(pairs.iter().all(|(old, new)| old == new));
        }
    }
}
