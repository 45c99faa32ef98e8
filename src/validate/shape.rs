//! What a value may look like: from our own table of Kubernetes' kinds, and from CRDs.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::diff::quantity;
use crate::yaml::value::{Data, Map};
use crate::yaml::{Schema, Stream, Value, expand};

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Anything.
    Any,
    /// A string.
    Text,
    /// A name of DNS.
    Name,
    /// Base64.
    Base64,
    /// A whole number.
    Int,
    /// A number from 1 to 65535.
    Port,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// A whole number or a string.
    IntOrString,
    /// A quantity.
    Quantity,
    /// One of these strings.
    Words(Vec<String>),
    /// A list.
    List(Box<Self>),
    /// A mapping with keys of the user's choice.
    Named(Box<Self>),
    /// A mapping with known keys.
    Fields(Fields),
}

/// The keys of a mapping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    known: BTreeMap<String, Field>,
    /// Further keys are allowed.
    open: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    shape: Shape,
    required: bool,
}

/// A value that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The line.
    pub line: u32,
    /// The field.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// The shapes of kinds, by `apiVersion/kind`.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    kinds: HashMap<String, Fields>,
}

/// Our own table; a test reads it.
const TABLE: &str = include_str!("kubernetes.yaml");

impl Shapes {
    /// Kubernetes' own kinds.
    #[must_use]
    pub fn kubernetes() -> Self {
        let mut shapes = Self::default();
        let Ok(stream) = Stream::parse(TABLE.to_owned()) else { return shapes };
        let Ok(tree) = expand(&stream, 0, Schema::Core, 0) else { return shapes };
        let kinds = tree.value.get("kinds").and_then(Value::as_map);
        for entry in kinds.map(Map::entries).unwrap_or_default() {
            if let Shape::Fields(mut fields) = from_table(&entry.value) {
                fields.add_common();
                shapes.kinds.insert(entry.key.to_string(), fields);
            }
        }
        shapes
    }

    /// Learns a kind from its `CustomResourceDefinition`.
    pub fn learn(&mut self, crd: &Value) {
        let (Some(group), Some(kind)) =
            (crd.str_at(&["spec", "group"]), crd.str_at(&["spec", "names", "kind"]))
        else {
            return;
        };
        for version in crd.items_at(&["spec", "versions"]) {
            let (Some(name), Some(schema)) =
                (version.str_at(&["name"]), version.at(&["schema", "openAPIV3Schema"]))
            else {
                continue;
            };
            if let Shape::Fields(mut fields) = from_schema(schema) {
                fields.add_common();
                self.kinds.insert(format!("{group}/{name}/{kind}"), fields);
            }
        }
    }

    /// Compares an object with its kind's shape. A patch need not be complete.
    #[must_use]
    pub fn check(&self, object: &Value, is_patch: bool) -> Vec<Misfit> {
        let text = |key| object.str_at(&[key]).unwrap_or_default();
        let Some(fields) = self.kinds.get(&format!("{}/{}", text("apiVersion"), text("kind")))
        else {
            return Vec::new();
        };
        let mut checker = Checker { path: Vec::new(), found: Vec::new(), is_patch };
        if let Data::Map(map) = &object.data {
            checker.fields(map, fields, object.line);
        }
        checker.found
    }
}

impl Fields {
    /// What every object has; its metadata is checked against our own table's.
    fn add_common(&mut self) {
        let text = || Field { shape: Shape::Text, required: false };
        for key in ["apiVersion", "kind"] {
            self.known.insert(key.to_owned(), text());
        }
        let any = || Field { shape: Shape::Any, required: false };
        let strings = Field { shape: Shape::Named(Box::new(Shape::Text)), required: false };
        let metadata = Self {
            known: BTreeMap::from([
                ("name".to_owned(), Field { shape: Shape::Name, required: false }),
                ("namespace".to_owned(), text()),
                ("labels".to_owned(), strings.clone()),
                ("annotations".to_owned(), strings),
            ]),
            open: true,
        };
        let metadata = Field { shape: Shape::Fields(metadata), required: false };
        self.known.insert("metadata".to_owned(), metadata);
        self.known.entry("status".to_owned()).or_insert_with(any);
        // SOPS adds its own to any file.
        self.known.insert("sops".to_owned(), any());
    }
}

/// The notation of our table.
fn from_table(value: &Value) -> Shape {
    match &value.data {
        Data::Text(word) => word_shape(word.trim_end_matches('!')),
        Data::List(items) => Shape::List(Box::new(items.first().map_or(Shape::Any, from_table))),
        Data::Map(map) => {
            if let Some(any) = map.get("*") {
                return Shape::Named(Box::new(from_table(any)));
            }
            let mut fields = Fields::default();
            for entry in map.entries() {
                if &*entry.key == "..." {
                    fields.open = true;
                    continue;
                }
                let required = entry.key.ends_with('!')
                    || entry.value.as_str().is_some_and(|word| word.ends_with('!'));
                let field = Field { shape: from_table(&entry.value), required };
                fields.known.insert(entry.key.trim_end_matches('!').to_owned(), field);
            }
            Shape::Fields(fields)
        }
        _ => Shape::Any,
    }
}

fn word_shape(word: &str) -> Shape {
    match word {
        "string" => Shape::Text,
        "name" => Shape::Name,
        "base64" => Shape::Base64,
        "int" => Shape::Int,
        "port" => Shape::Port,
        "bool" => Shape::Bool,
        "int-or-string" => Shape::IntOrString,
        "quantity" => Shape::Quantity,
        _ => Shape::Any,
    }
}

/// The notation of `OpenAPI`, as CRDs use it.
fn from_schema(schema: &Value) -> Shape {
    let is_set =
        |key: &str| schema.get(key).is_some_and(|value| matches!(value.data, Data::Bool(true)));
    if is_set("x-kubernetes-int-or-string") {
        return Shape::IntOrString;
    }
    if is_set("nullable") || is_set("x-kubernetes-embedded-resource") {
        return Shape::Any;
    }
    match schema.str_at(&["type"]) {
        Some("string") => {
            let words: Vec<String> = schema
                .items_at(&["enum"])
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect();
            if words.is_empty() { Shape::Text } else { Shape::Words(words) }
        }
        Some("integer") => Shape::Int,
        Some("number") => Shape::Number,
        Some("boolean") => Shape::Bool,
        Some("array") => Shape::List(Box::new(schema.get("items").map_or(Shape::Any, from_schema))),
        Some("object") => object_schema(schema, is_set("x-kubernetes-preserve-unknown-fields")),
        _ => Shape::Any,
    }
}

fn object_schema(schema: &Value, open: bool) -> Shape {
    let Some(properties) = schema.get("properties").and_then(Value::as_map) else {
        return match schema.get("additionalProperties") {
            Some(any) if any.as_map().is_some() => Shape::Named(Box::new(from_schema(any))),
            _ => Shape::Any,
        };
    };
    let required: Vec<&str> = schema.items_at(&["required"]).filter_map(Value::as_str).collect();
    let field = |entry: &crate::yaml::value::Entry| {
        let required = required.contains(&&*entry.key) && entry.value.get("default").is_none();
        (entry.key.to_string(), Field { shape: from_schema(&entry.value), required })
    };
    let known = properties.entries().iter().map(field).collect();
    Shape::Fields(Fields { known, open: open || schema.get("additionalProperties").is_some() })
}

struct Checker {
    path: Vec<String>,
    found: Vec<Misfit>,
    is_patch: bool,
}

impl Checker {
    fn say(&mut self, line: u32, message: impl Into<String>) {
        let path = self.path.concat().trim_start_matches('.').to_owned();
        self.found.push(Misfit { line, path, message: message.into() });
    }

    fn value(&mut self, value: &Value, shape: &Shape) {
        // A patch removes with null, and null is the same as nothing to the API server.
        if matches!(value.data, Data::Null) {
            return;
        }
        match (shape, &value.data) {
            (Shape::Fields(fields), Data::Map(map)) => self.fields(map, fields, value.line),
            (Shape::Named(shape), Data::Map(map)) => {
                for entry in map.entries() {
                    self.below(format!("[{}]", entry.key), &entry.value, shape);
                }
            }
            (Shape::List(shape), Data::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(format!("[{index}]"), item, shape);
                }
            }
            _ if fits(shape, value) => {}
            _ => self.say(value.line, wanted(shape, value)),
        }
    }

    fn below(&mut self, step: String, value: &Value, shape: &Shape) {
        self.path.push(step);
        self.value(value, shape);
        self.path.pop();
    }

    fn fields(&mut self, map: &Map, fields: &Fields, line: u32) {
        for entry in map.entries() {
            match fields.known.get(&*entry.key) {
                Some(field) => self.below(format!(".{}", entry.key), &entry.value, &field.shape),
                // Directives of patches (`$patch: delete`) are kustomize's.
                None if fields.open || entry.key.starts_with('$') => {}
                None => self.say(entry.line, unknown(&entry.key, fields)),
            }
        }
        if self.is_patch {
            return;
        }
        for (key, field) in &fields.known {
            if field.required && map.get(key).is_none() {
                self.say(line, format!("`{key}` is missing"));
            }
        }
    }
}

fn unknown(key: &str, fields: &Fields) -> String {
    let near = fields
        .known
        .keys()
        .map(|known| {
            (strsim::damerau_levenshtein(&known.to_lowercase(), &key.to_lowercase()), known)
        })
        .min();
    match near {
        Some((distance, known)) if distance <= 1 + key.len() / 6 => {
            format!("unknown field `{key}`; did you mean `{known}`?")
        }
        _ => format!("unknown field `{key}`"),
    }
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match (shape, &value.data) {
        (Shape::Any, _)
        | (Shape::Text, Data::Text(_))
        | (Shape::Int, Data::Int(_))
        | (Shape::Number, Data::Int(_) | Data::Float(_))
        | (Shape::Bool, Data::Bool(_))
        | (Shape::IntOrString, Data::Int(_) | Data::Text(_)) => true,
        (Shape::Name, Data::Text(text)) => is_name(text),
        (Shape::Base64, Data::Text(text)) => {
            // SOPS and other tools put their own marks in the place of values.
            let foreign = text.starts_with("ENC[") || text.contains('<') || text.contains("${");
            let compact: String = text.split_whitespace().collect();
            foreign || STANDARD.decode(compact).is_ok()
        }
        (Shape::Port, Data::Int(number)) => (1..=65_535).contains(number),
        (Shape::Quantity, _) => quantity::of(value).is_some(),
        (Shape::Words(words), Data::Text(text)) => words.iter().any(|word| **word == **text),
        _ => false,
    }
}

/// Names as the strictest kinds of Kubernetes take them would be too strict; this is the laxest.
fn is_name(text: &str) -> bool {
    let lax = |c: char| c.is_ascii_alphanumeric() || "-.:_${}".contains(c);
    !text.is_empty() && text.len() <= 253 && text.chars().all(lax)
}

fn wanted(shape: &Shape, value: &Value) -> String {
    let wanted = match shape {
        Shape::Any => "anything",
        Shape::Text => "a string",
        Shape::Name => "a name: letters, digits, `-` and `.`",
        Shape::Base64 => "base64",
        Shape::Int => "a whole number",
        Shape::Port => "a port from 1 to 65535",
        Shape::Number => "a number",
        Shape::Bool => "true or false",
        Shape::IntOrString => "a whole number or a string",
        Shape::Quantity => "a quantity such as 500m or 1Gi",
        Shape::Words(words) => return format!("must be one of {}", words.join(", ")),
        Shape::List(_) => "a list",
        Shape::Named(_) | Shape::Fields(_) => "a mapping",
    };
    let is = match &value.data {
        Data::Null => "nothing",
        Data::Bool(_) => "a truth value",
        Data::Int(_) | Data::Float(_) => "a number",
        Data::Text(_) | Data::Bare(_) => "a string",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    };
    let quote = matches!(shape, Shape::Text) && value.is_scalar();
    let hint = if quote { "; put it in quotes" } else { "" };
    if wanted == is {
        format!("must be {wanted}, and this is none")
    } else {
        format!("must be {wanted}, not {is}{hint}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        let stream = Stream::parse(text.to_owned()).unwrap();
        expand(&stream, 0, Schema::Kubernetes, 0).unwrap().value
    }

    fn misfits(text: &str, is_patch: bool) -> Vec<String> {
        let found = Shapes::kubernetes().check(&value(text), is_patch);
        found.into_iter().map(|m| format!("{}: {}: {}", m.line, m.path, m.message)).collect()
    }

    #[test]
    fn the_table_reads() {
        assert_eq!(Shapes::kubernetes().kinds.len(), 19);
    }

    #[test]
    fn finds_what_the_api_server_refuses() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, labels: {x: true}}\nspec:\n  replicas: \"3\"\n  template:\n    spec:\n      containers:\n      - name: w\n        imagePullpolicy: Always\n        env: [{name: P, value: 80}]\n        resources: {limits: {cpu: lots}}\n        ports: [{containerPort: 70000}]\n";
        assert_eq!(
            misfits(text, false),
            [
                "3: metadata.labels[x]: must be a string, not a truth value; put it in quotes",
                "5: spec.replicas: must be a whole number, not a string",
                "11: spec.template.spec.containers[0].env[0].value: must be a string, not a number; put it in quotes",
                "10: spec.template.spec.containers[0]: unknown field `imagePullpolicy`; did you mean `imagePullPolicy`?",
                "13: spec.template.spec.containers[0].ports[0].containerPort: must be a port from 1 to 65535, not a number",
                "12: spec.template.spec.containers[0].resources.limits[cpu]: must be a quantity such as 500m or 1Gi, not a string",
                "5: spec: `selector` is missing",
            ]
        );
    }

    #[test]
    fn a_patch_need_not_be_complete() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3, strategy: null}\n";
        assert!(misfits(text, true).is_empty());
        assert_eq!(misfits(text, false).len(), 2);
    }

    #[test]
    fn learns_from_crds() {
        let crd = value(
            "spec: {group: x.io, names: {kind: Job}, versions: [{name: v1, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, required: [mode], properties: {mode: {type: string, enum: [a, b]}, size: {x-kubernetes-int-or-string: true}}}}}}}]}",
        );
        let mut shapes = Shapes::default();
        shapes.learn(&crd);
        let check = |spec: &str| {
            let object = value(&format!(
                "apiVersion: x.io/v1\nkind: Job\nmetadata: {{name: a}}\nspec: {spec}\n"
            ));
            shapes.check(&object, false).into_iter().map(|m| m.message).collect::<Vec<_>>()
        };
        assert!(check("{mode: a, size: 50%}").is_empty());
        assert_eq!(check("{mode: c}"), ["must be one of a, b"]);
        assert_eq!(
            check("{more: 1}"),
            ["unknown field `more`; did you mean `mode`?", "`mode` is missing"]
        );
    }
}
