//! Field sets, for the fake server: which leaves an object has, and who owns them. Written after the specification of
//! `fieldsV1`, and apart from the program's own reading of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

pub(super) type Leaf = Vec<String>;
pub(super) type Set = BTreeSet<Leaf>;

fn list_keys(field: &str, items: &[Value]) -> Option<&'static [&'static str]> {
    let keys: &[&str] = match field {
        "containers" | "initContainers" | "env" | "volumes" | "webhooks" | "versions" => &["name"],
        "conditions" => &["type"],
        "volumeMounts" => &["mountPath"],
        "ports" if items.iter().any(|item| item.get("port").is_some()) => &["port", "protocol"],
        "ports" => &["containerPort", "protocol"],
        _ => return None,
    };
    items.iter().all(Value::is_object).then_some(keys)
}

fn item_key(item: &Value, keys: &[&str]) -> String {
    let mut map = Map::new();
    for key in keys {
        let default = if *key == "protocol" { json!("TCP") } else { Value::Null };
        map.insert((*key).to_owned(), item.get(*key).cloned().unwrap_or(default));
    }
    format!("k:{}", Value::Object(map))
}

const NOT: &[&[&str]] = &[
    &["f:apiVersion"],
    &["f:kind"],
    &["f:status"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:managedFields"],
];

/// The leaves of an object, without what identifies it and what the server sets.
pub(super) fn leaves(object: &Value) -> Set {
    let mut set = Set::new();
    collect(object, "", &mut Vec::new(), &mut set);
    set.retain(|leaf| {
        !NOT.iter().any(|not| leaf.len() >= not.len() && leaf.iter().zip(*not).all(|(a, b)| a == b))
    });
    set
}

fn collect(value: &Value, field: &str, at: &mut Leaf, set: &mut Set) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                at.push(format!("f:{key}"));
                collect(value, key, at, set);
                at.pop();
            }
        }
        Value::Array(items) if field == "finalizers" => {
            for item in items {
                at.push(format!("v:{item}"));
                set.insert(at.clone());
                at.pop();
            }
        }
        Value::Array(items) => match list_keys(field, items) {
            Some(keys) => {
                for item in items {
                    at.push(item_key(item, keys));
                    set.insert(at.clone());
                    collect(item, "", at, set);
                    at.pop();
                }
            }
            None => drop(set.insert(at.clone())),
        },
        _ => drop(set.insert(at.clone())),
    }
}

/// `fieldsV1` of a set.
pub(super) fn to_json(set: &Set) -> Value {
    let mut root = json!({});
    for leaf in set {
        let mut node = &mut root;
        for step in leaf {
            node = &mut node[step];
            if node.is_null() {
                *node = json!({});
            }
        }
        let has_below = set.iter().any(|other| other.len() > leaf.len() && other.starts_with(leaf));
        if has_below {
            node["."] = json!({});
        }
    }
    root
}

pub(super) fn of_json(fields: &Value) -> Set {
    fn walk(node: &Value, at: &mut Leaf, set: &mut Set) {
        let map = node.as_object().unwrap();
        if map.is_empty() || map.contains_key(".") {
            set.insert(at.clone());
        }
        for (step, below) in map.iter().filter(|(step, _)| *step != ".") {
            at.push(step.clone());
            walk(below, at, set);
            at.pop();
        }
    }
    let mut set = Set::new();
    if fields.as_object().is_some_and(|map| !map.is_empty()) {
        walk(fields, &mut Vec::new(), &mut set);
    }
    set
}

fn matches(item: &Value, key: &str) -> bool {
    let wanted: Map<String, Value> = serde_json::from_str(&key[2..]).unwrap();
    let keys: Vec<&str> = wanted.keys().map(String::as_str).collect();
    item_key(item, &keys) == key
}

pub(super) fn get<'v>(value: &'v Value, leaf: &[String]) -> Option<&'v Value> {
    let Some((first, rest)) = leaf.split_first() else { return Some(value) };
    let below = match &first[..2] {
        "f:" => value.get(&first[2..])?,
        "k:" => value.as_array()?.iter().find(|item| matches(item, first))?,
        _ => value.as_array()?.iter().find(|item| item.to_string() == first[2..])?,
    };
    get(below, rest)
}

pub(super) fn remove(value: &mut Value, leaf: &[String]) {
    let Some((first, rest)) = leaf.split_first() else { return };
    match (&first[..2], value) {
        ("f:", Value::Object(map)) if rest.is_empty() => drop(map.remove(&first[2..])),
        ("f:", Value::Object(map)) => {
            if let Some(below) = map.get_mut(&first[2..]) {
                remove(below, rest);
                if below.as_object().is_some_and(Map::is_empty)
                    || below.as_array().is_some_and(Vec::is_empty)
                {
                    map.remove(&first[2..]);
                }
            }
        }
        ("k:", Value::Array(items)) if rest.is_empty() => {
            items.retain(|item| !matches(item, first));
        }
        ("k:", Value::Array(items)) => {
            if let Some(item) = items.iter_mut().find(|item| matches(item, first)) {
                remove(item, rest);
            }
        }
        ("v:", Value::Array(items)) => items.retain(|item| {
            let json = item.to_string();
            json != first[2..]
        }),
        _ => {}
    }
}

/// Lays an applied configuration over what is there.
pub(super) fn merge(live: &mut Value, applied: &Value, field: &str) {
    match (live, applied) {
        (Value::Object(live), Value::Object(applied)) => {
            for (key, value) in applied {
                let below = live.entry(key.clone()).or_insert(Value::Null);
                merge(below, value, key);
            }
        }
        (Value::Array(live), Value::Array(applied)) if list_keys(field, applied).is_some() => {
            let keys = list_keys(field, applied).unwrap();
            for item in applied {
                let key = item_key(item, keys);
                match live.iter_mut().find(|other| item_key(other, keys) == key) {
                    Some(other) => merge(other, item, ""),
                    None => live.push(item.clone()),
                }
            }
        }
        (Value::Array(live), Value::Array(applied)) if field == "finalizers" => {
            for item in applied {
                if !live.contains(item) {
                    live.push(item.clone());
                }
            }
        }
        (live, applied) => *live = applied.clone(),
    }
}

/// `.spec.containers[name="web"].image`, as the server names fields in conflicts.
pub(super) fn shown(leaf: &Leaf) -> String {
    let step = |step: &String| match &step[..2] {
        "f:" => format!(".{}", &step[2..]),
        "k:" => {
            let keys: Map<String, Value> = serde_json::from_str(&step[2..]).unwrap();
            let keys: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        _ => format!("[={}]", &step[2..]),
    };
    leaf.iter().map(step).collect()
}
