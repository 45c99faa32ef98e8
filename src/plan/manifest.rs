//! Kubernetes objects as they are declared: checked and brought into the form in which they are applied.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::{Id, Item};

/// Fields left to somebody else: neither compared nor applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// The API group; empty or `*` for any.
    pub group: String,
    /// The kind; `*` for any.
    pub kind: String,
    /// Key paths: `spec.replicas`, `webhooks[*].clientConfig.caBundle`, `metadata.annotations["a.b/c"]`.
    pub paths: Vec<String>,
}

/// A file's object, not yet checked.
#[derive(Clone, Debug)]
pub struct Document {
    /// The object.
    pub value: Value,
    /// `file:line`.
    pub origin: String,
}

/// Checks documents and makes items of them; on failure every finding of all of them.
pub fn items(documents: Vec<Document>, ignore: &[Ignore]) -> Result<Vec<Item>, Vec<String>> {
    let (mut items, mut findings) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<Id, String> = BTreeMap::new();
    for document in documents.into_iter().flat_map(flatten) {
        let origin = document.origin.clone();
        match item(document, ignore) {
            Ok(item) => {
                if let Some(first) = seen.insert(item.id.clone(), origin.clone()) {
                    findings.push(format!("{origin}: {} is already declared in {first}", item.id));
                }
                items.push(item);
            }
            Err(finding) => findings.push(format!("{origin}: {finding}")),
        }
    }
    if findings.is_empty() { Ok(items) } else { Err(findings) }
}

/// A `List` stands for its items.
fn flatten(document: Document) -> Vec<Document> {
    let is_list = document.value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document.value.get("items") {
        Some(Value::Array(items)) if is_list => {
            let one = |value: &Value| Document { value: value.clone(), ..document.clone() };
            items.iter().map(one).collect()
        }
        _ => vec![document],
    }
}

fn item(document: Document, ignore: &[Ignore]) -> Result<Item, String> {
    let Document { mut value, origin } = document;
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    for (field, text) in [("apiVersion", api), ("kind", kind)] {
        if text.is_empty() {
            return Err(format!("no `{field}`: it is no Kubernetes object"));
        }
    }
    if name.is_empty() {
        let generated = !text("/metadata/generateName").is_empty();
        let why =
            if generated { "`generateName` names it anew each time" } else { "no `metadata.name`" };
        return Err(format!("{why}: {kind} cannot be found again"));
    }
    let id = Id {
        group: api.split_once('/').map_or("", |(group, _)| group).to_owned(),
        kind: kind.to_owned(),
        namespace: text("/metadata/namespace").to_owned(),
        name: name.to_owned(),
    };
    if id.is_secret() {
        check_secret(&value).map_err(|finding| format!("{id}: {finding}"))?;
        encode_string_data(&mut value);
    }
    if value["sops"].is_object() {
        return Err(format!("{id} is encrypted by SOPS: render it decrypted"));
    }
    strip(&mut value);
    for rule in ignore.iter().filter(|rule| rule.fits(&id)) {
        rule.remove(&mut value);
    }
    Ok(Item { id, value, origin })
}

/// What is in a Secret must be text: of anything else, the server's refusal would quote the value.
fn check_secret(secret: &Value) -> Result<(), String> {
    for field in ["data", "stringData"] {
        let map = match &secret[field] {
            Value::Null => continue,
            Value::Object(map) => map,
            _ => return Err(format!("`{field}` is no mapping")),
        };
        if let Some((key, _)) = map.iter().find(|(_, v)| !v.is_string() && !v.is_null()) {
            return Err(format!("`{field}.{key}` is no string: quote it"));
        }
    }
    Ok(())
}

/// `stringData` is for writing alone; what is compared and owned is `data`.
fn encode_string_data(secret: &mut Value) {
    let Some(Value::Object(plain)) =
        secret.as_object_mut().and_then(|map| map.remove("stringData"))
    else {
        return;
    };
    for (key, value) in plain {
        if let Value::String(text) = value {
            secret["data"][key] = Value::String(STANDARD.encode(text));
        }
    }
}

/// Drops what a server sets, and keys without a value, which declare nothing.
fn strip(object: &mut Value) {
    const SERVERS: &[&str] = &[
        "managedFields",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "selfLink",
        "deletionTimestamp",
    ];
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !SERVERS.contains(&key.as_str()));
    }
    drop_nulls(object);
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

impl Ignore {
    /// Whether the rule is about this object.
    #[must_use]
    pub fn fits(&self, id: &Id) -> bool {
        let is = |rule: &str, name: &str| rule == "*" || rule == name;
        (self.group.is_empty() || is(&self.group, &id.group)) && is(&self.kind, &id.kind)
    }

    /// Takes the fields out of an object.
    pub fn remove(&self, object: &mut Value) {
        for path in &self.paths {
            remove(object, &steps(path));
        }
    }
}

/// `a.b[*]["c.d"]` as steps; `*` stands for each item of a list.
fn steps(path: &str) -> Vec<String> {
    let (mut steps, mut step, mut rest) = (Vec::new(), String::new(), path);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '.' => steps.push(std::mem::take(&mut step)),
            '[' => {
                steps.push(std::mem::take(&mut step));
                let end = match rest.strip_prefix('"').and_then(|quoted| quoted.find('"')) {
                    Some(quote) => rest[quote + 2..].find(']').map(|at| at + quote + 2),
                    None => rest.find(']'),
                };
                let end = end.unwrap_or(rest.len());
                steps.push(rest[..end].trim_matches('"').to_owned());
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            c => step.push(c),
        }
    }
    steps.push(step);
    steps.retain(|step| !step.is_empty());
    steps
}

fn remove(value: &mut Value, steps: &[String]) {
    let Some((first, rest)) = steps.split_first() else { return };
    match value {
        Value::Object(map) => remove_key(map, first, rest),
        Value::Array(items) if first == "*" => items.iter_mut().for_each(|item| remove(item, rest)),
        _ => {}
    }
}

fn remove_key(map: &mut Map<String, Value>, key: &str, rest: &[String]) {
    if rest.is_empty() {
        map.remove(key);
    } else if let Some(value) = map.get_mut(key) {
        remove(value, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(value: Value) -> Document {
        Document { value, origin: "a.yaml:1".to_owned() }
    }

    #[test]
    fn brings_objects_into_the_form_that_is_applied() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "creationTimestamp": null, "uid": "x"},
            "stringData": {"a": "b"}, "data": {"c": "ZA=="}, "status": {}});
        let found = items(vec![document(secret)], &[]).unwrap();
        assert_eq!(
            found[0].value,
            json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s"}, "data": {"c": "ZA==", "a": "Yg=="}})
        );
    }

    #[test]
    fn what_is_in_a_secret_must_be_text() {
        let table = [
            (json!({"stringData": "canary"}), "`stringData` is no mapping"),
            (json!({"data": ["canary"]}), "`data` is no mapping"),
            (json!({"data": {"pin": 918}}), "`data.pin` is no string: quote it"),
            (json!({"stringData": {"pins": [1]}}), "`stringData.pins` is no string: quote it"),
        ];
        for (mut secret, finding) in table {
            secret["apiVersion"] = json!("v1");
            secret["kind"] = json!("Secret");
            secret["metadata"] = json!({"name": "s"});
            let found = items(vec![document(secret)], &[]).unwrap_err();
            assert_eq!(found, [format!("a.yaml:1: Secret s: {finding}")]);
        }
    }

    #[test]
    fn says_everything_that_is_wrong_at_once() {
        let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [map("a"), map("b")]});
        let bad = [
            map("a"),
            list,
            json!({"kind": "X"}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}}),
            json!("text"),
        ];
        let findings = items(bad.map(document).to_vec(), &[]).unwrap_err();
        assert_eq!(
            findings,
            [
                "a.yaml:1: ConfigMap a is already declared in a.yaml:1",
                "a.yaml:1: no `apiVersion`: it is no Kubernetes object",
                "a.yaml:1: `generateName` names it anew each time: Pod cannot be found again",
                "a.yaml:1: no `apiVersion`: it is no Kubernetes object",
            ]
        );
    }

    #[test]
    fn ignored_fields_are_taken_out() {
        let rule = Ignore {
            group: String::new(),
            kind: "*".to_owned(),
            paths: ["spec.replicas", "webhooks[*].caBundle", "metadata.annotations[\"a.b/c\"]"]
                .map(str::to_owned)
                .to_vec(),
        };
        let mut object = json!({"spec": {"replicas": 1, "x": 1}, "webhooks": [{"caBundle": 1, "n": 1}],
            "metadata": {"annotations": {"a.b/c": "1", "d": "2"}}});
        rule.remove(&mut object);
        let left = json!({"spec": {"x": 1}, "webhooks": [{"n": 1}], "metadata": {"annotations": {"d": "2"}}});
        assert_eq!(object, left);
    }
}
