//! What a forge accepts: our own request tables, and the published descriptions where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::server::Seen;

/// One operation.
struct Operation {
    method: String,
    path: Vec<String>,
    /// Name, schema, required.
    query: Vec<(String, Value, bool)>,
    body: Option<Value>,
    /// Ours alone: the reduced description leaves it out.
    only_ours: bool,
}

/// The operations of one forge.
pub(crate) struct Description {
    ours: Vec<Operation>,
    published: Option<Vec<Operation>>,
}

impl Description {
    /// The table `requests/<ours>.json`, and `../shared/specs/<published>` where it is.
    pub(crate) fn load(ours: &str, published: Option<&str>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let table = root.join(format!("tests/cli/forge/requests/{ours}.json"));
        let ours = read(&table).as_object().unwrap().iter().map(|(k, v)| own(k, v)).collect();
        let path = published.map(|name| root.join("../shared/specs").join(name));
        Self { ours, published: path.and_then(|path| published_at(&path)) }
    }

    /// What is wrong with a request, or nothing.
    pub(crate) fn check(&self, path: &str, seen: &Seen) -> Result<(), String> {
        let ours = find(&self.ours, path, seen)
            .ok_or_else(|| format!("{} {path}: not in our request table", seen.method))?;
        ours.check(seen)?;
        let Some(published) = self.published.as_ref().filter(|_| !ours.only_ours) else {
            return Ok(());
        };
        let operation = find(published, path, seen)
            .ok_or_else(|| format!("{} {path}: not in the published description", seen.method))?;
        operation.check(seen).map_err(|error| format!("published description: {error}"))
    }
}

fn read(path: &PathBuf) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn published_at(path: &PathBuf) -> Option<Vec<Operation>> {
    if !path.exists() {
        // Past the test harness, which would swallow it.
        let place = path.display();
        let note = format_args!("\nNOTE: {place} is not here: checked by our own table alone\n");
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), note);
        return None;
    }
    let mut document = strict(read(path));
    open_bases(&mut document);
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            all.push(published_operation(&document, method, path, operation));
        }
    }
    Some(all)
}

fn published_operation(document: &Value, method: &str, path: &str, operation: &Value) -> Operation {
    let mut body = operation["requestBody"]["content"]["application/json"].get("schema").cloned();
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = match parameter["$ref"].as_str() {
            Some(pointer) => document.pointer(pointer.trim_start_matches('#')).unwrap(),
            None => parameter,
        };
        let name = parameter["name"].as_str().unwrap().to_owned();
        match parameter["in"].as_str().unwrap() {
            "query" => {
                let schema = parameter.get("schema").unwrap_or(parameter);
                let kept = json!({ "type": schema["type"], "enum": schema["enum"] });
                query.push((name, kept, parameter["required"] == true));
            }
            "body" => body = Some(parameter["schema"].clone()),
            _ => {}
        }
    }
    let body = body.map(|mut schema| {
        // So that its `$ref`s lead somewhere.
        for root in ["definitions", "components"] {
            if let Some(part) = document.get(root) {
                schema[root] = part.clone();
            }
        }
        schema
    });
    let path = path.split('/').map(str::to_owned).collect();
    Operation { method: method.to_uppercase(), path, query, body, only_ours: false }
}

/// What `allOf` adds fields to cannot be closed by itself.
fn open_bases(document: &mut Value) {
    let mut bases = Vec::new();
    for definition in document["definitions"].as_object().into_iter().flat_map(Map::values) {
        let parts = definition["allOf"].as_array().into_iter().flatten();
        bases.extend(parts.filter_map(|part| part["$ref"].as_str().map(str::to_owned)));
    }
    for base in bases {
        let definition = document.pointer_mut(base.trim_start_matches('#'));
        definition
            .and_then(Value::as_object_mut)
            .map(|fields| fields.remove("additionalProperties"));
    }
}

/// Descriptions allow unknown fields, which is where typing errors hide; and `nullable` is no JSON Schema.
fn strict(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = strict(item.take())),
        Value::Object(map) => {
            for (_, item) in map.iter_mut() {
                *item = strict(item.take());
            }
            if map.get("nullable") == Some(&json!(true))
                && let Some(kind) = map.get("type").cloned()
            {
                map.insert("type".into(), json!([kind, "null"]));
            }
            let is_schema = map.get("properties").is_some_and(Value::is_object);
            let open = map.contains_key("allOf") || map.contains_key("additionalProperties");
            if is_schema && !open {
                map.insert("additionalProperties".into(), json!(false));
            }
        }
        _ => {}
    }
    value
}

/// `"POST /a/{b}": {"query": {…}, "body": {…}}` in the short form of [`schema`]; a `+` before the method
/// marks what the reduced published description leaves out.
fn own(key: &str, value: &Value) -> Operation {
    let (method, path) = key.trim_start_matches('+').split_once(' ').unwrap();
    let empty = Map::new();
    let query = value["query"].as_object().unwrap_or(&empty).iter().map(|(name, kind)| {
        (name.trim_end_matches('!').to_owned(), schema(kind), name.ends_with('!'))
    });
    Operation {
        method: method.to_owned(),
        path: path.split('/').map(str::to_owned).collect(),
        query: query.collect(),
        body: value.get("body").map(schema),
        only_ours: key.starts_with('+'),
    }
}

/// A type, `"a|b"` for these words, `["string"]`, `{"required!": …, "optional": …}` as JSON Schema.
fn schema(short: &Value) -> Value {
    match short {
        Value::String(kind) => match kind.as_str() {
            "string" | "integer" | "boolean" | "object" => json!({ "type": kind }),
            words => json!({ "enum": words.split('|').collect::<Vec<_>>() }),
        },
        Value::Array(item) => json!({ "type": "array", "items": schema(&item[0]) }),
        Value::Object(fields) => {
            let name = |name: &String| name.trim_end_matches('!').to_owned();
            let properties: Map<String, Value> =
                fields.iter().map(|(key, value)| (name(key), schema(value))).collect();
            let required: Vec<String> =
                fields.keys().filter(|key| key.ends_with('!')).map(name).collect();
            json!({
                "type": "object", "properties": properties, "required": required,
                "additionalProperties": false,
            })
        }
        _ => panic!("no schema: {short}"),
    }
}

fn find<'a>(all: &'a [Operation], path: &str, seen: &Seen) -> Option<&'a Operation> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |operation: &&Operation| {
        let template = &operation.path;
        // `{ref}` at the end takes the rest of the path.
        let greedy = template.last().is_some_and(|last| last == "{ref}" || last == "{branch}");
        let length = parts.len() == template.len() || (greedy && parts.len() > template.len());
        let same = template.iter().zip(&parts).all(|(template, part)| {
            template == part || (template.starts_with('{') && !part.is_empty())
        });
        operation.method == seen.method && length && same
    };
    // The one with the most literal parts: `/pulls/{index}` also fits what `/pulls/{base}/{head}` does not.
    all.iter().filter(fits).min_by_key(|o| o.path.iter().filter(|p| p.starts_with('{')).count())
}

impl Operation {
    fn check(&self, seen: &Seen) -> Result<(), String> {
        let at = format!("{} {}", seen.method, seen.path);
        for (name, value) in &seen.query {
            let known = self.query.iter().find(|(known, ..)| known == name);
            let (_, schema, _) = known.ok_or_else(|| format!("{at}: unknown query `{name}`"))?;
            let number = schema["type"] == "integer" || schema["type"] == "number";
            let value =
                value.parse::<u64>().ok().filter(|_| number).map_or(json!(value), |n| json!(n));
            let mut schema = schema.clone();
            schema.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            validate(&schema, &value).map_err(|error| format!("{at}: query `{name}`: {error}"))?;
        }
        for (name, _, required) in &self.query {
            let given = seen.query.iter().any(|(known, _)| known == name);
            if *required && !given {
                return Err(format!("{at}: query `{name}` is missing"));
            }
        }
        match (&self.body, &seen.body) {
            (None, Value::Null) => Ok(()),
            (None, body) => Err(format!("{at}: takes no body, got {body}")),
            (Some(schema), body) => {
                validate(schema, body).map_err(|error| format!("{at}: {error}"))
            }
        }
    }
}

fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    validator.validate(value).map_err(|error| format!("{error} (in {value})"))
}

/// The part of a path that belongs to the forge, decoded where a template compares it.
pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The validator itself refuses what the published descriptions refuse.
#[test]
fn descriptions_refuse_what_is_wrong() {
    let github = Description::load("github", Some("github.req.json"));
    let seen = |method: &str, target: &str, body: Value| {
        let (path, query) = super::server::split_target(target);
        Seen { method: method.into(), path, query, headers: Vec::new(), body }
    };
    let good = json!({ "title": "t", "head": "o:b", "base": "main", "body": "", "draft": true });
    let table = [
        ("POST", "/repos/o/r/pulls", good, true),
        ("POST", "/repos/o/r/pulls", json!({ "title": "t", "head": "o:b" }), false),
        ("POST", "/repos/o/r/pulls", json!({ "head": "h", "base": "b", "draft": "yes" }), false),
        ("POST", "/repos/o/r/pulls", json!({ "head": "h", "base": "b", "labels": ["a"] }), false),
        ("GET", "/repos/o/r/pulls?state=open&base=main&per_page=100", Value::Null, true),
        ("GET", "/repos/o/r/pulls?state=opened", Value::Null, false),
        ("GET", "/repos/o/r/pulls?base_branch=main", Value::Null, false),
        ("PUT", "/repos/o/r/pulls", Value::Null, false),
        (
            "POST",
            "/repos/o/r/pulls/3/requested_reviewers",
            json!({ "reviewers": "octocat" }),
            false,
        ),
    ];
    for (method, target, body, fine) in table {
        let seen = seen(method, target, body);
        assert_eq!(
            github.check(&seen.path, &seen).is_ok(),
            fine,
            "{method} {target} {}",
            seen.body
        );
    }
}
