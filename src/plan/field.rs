//! Field paths, and the differences between two JSON values named by them.
//!
//! Lists that the Kubernetes API merges by key are compared by that key, all others as a whole, so that a
//! difference is named as a person would: `spec.template.spec.containers[name=web].image`.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A key of a map.
    Key(String),
    /// The item of a list whose keys have these values, as JSON.
    Item(Vec<(String, String)>),
    /// The item of a set, as JSON.
    Member(String),
}

/// Where a field is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path one step deeper.
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The path of a key below this one.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.join(Step::Key(key.to_owned()))
    }

    /// The names of its map keys alone, which is what rules are written in.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let steps = self.0.iter();
        steps
            .filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Item(_) | Step::Member(_) => None,
            })
            .collect()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if key.contains(['.', '/', '[', '"']) => write!(f, "[\"{key}\"]")?,
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(keys) => {
                    let one = |(key, value): &(String, String)| {
                        format!("{key}={}", value.trim_matches('"'))
                    };
                    write!(f, "[{}]", keys.iter().map(one).collect::<Vec<_>>().join(","))?;
                }
                Step::Member(value) => write!(f, "[{}]", value.trim_matches('"'))?,
            }
        }
        Ok(())
    }
}

/// A field that is different on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Where.
    pub path: Path,
    /// What is there; `None` where nothing is.
    pub from: Option<Value>,
    /// What is to be there.
    pub to: Option<Value>,
}

/// The lists that the Kubernetes API merges by key, by the name of their field; and those of a Compute
/// Engine instance, whose names are no field of Kubernetes.
const KEYED: &[(&str, &[&str])] = &[
    ("accessConfigs", &["name"]),
    ("conditions", &["type"]),
    ("containers", &["name"]),
    ("disks", &["deviceName"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("items", &["key"]),
    ("networkInterfaces", &["name"]),
    ("ownerReferences", &["uid"]),
    ("ports", &["containerPort", "protocol"]),
    ("ports", &["port", "protocol"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("secrets", &["name"]),
    ("serviceAccounts", &["email"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("versions", &["name"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
    ("webhooks", &["name"]),
];

/// The keys by which the items of a list are told apart, where all items on both sides have them and
/// no two are the same.
#[must_use]
pub fn list_keys(field: &str, sides: &[&[Value]]) -> Option<&'static [&'static str]> {
    let rows = KEYED.iter().filter(|(name, _)| *name == field);
    rows.map(|&(_, keys)| keys).find(|keys| {
        sides.iter().all(|items| {
            let mut seen = BTreeSet::new();
            items.iter().all(|item| item_step(item, keys).is_some_and(|step| seen.insert(step)))
        })
    })
}

/// The step that leads to an item of a keyed list; a missing `protocol` is TCP, as for the API.
#[must_use]
pub fn item_step(item: &Value, keys: &[&str]) -> Option<Step> {
    let one = |key: &&str| match item.get(*key) {
        Some(value) => Some(((*key).to_owned(), value.to_string())),
        None if *key == "protocol" => Some(((*key).to_owned(), "\"TCP\"".to_owned())),
        None => None,
    };
    item.as_object()?;
    keys.iter().map(one).collect::<Option<Vec<_>>>().map(Step::Item)
}

/// What turns `from` into `to`, in the order of `to`.
#[must_use]
pub fn changes(from: &Value, to: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(&Path::default(), Some(from), Some(to), &mut found);
    found
}

fn compare(path: &Path, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<FieldChange>) {
    match (from, to) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => maps(path, from, to, found),
        (Some(Value::Array(from)), Some(Value::Array(to))) => lists(path, from, to, found),
        (Some(from), Some(to)) if same(path, from, to) => {}
        (None, None) => {}
        (from, to) => {
            found.push(FieldChange { path: path.clone(), from: from.cloned(), to: to.cloned() });
        }
    }
}

type Object = Map<String, Value>;

fn maps(path: &Path, from: &Object, to: &Object, found: &mut Vec<FieldChange>) {
    for (key, value) in to {
        compare(&path.key(key), from.get(key), Some(value), found);
    }
    for (key, value) in from.iter().filter(|(key, _)| !to.contains_key(*key)) {
        compare(&path.key(key), Some(value), None, found);
    }
}

fn lists(path: &Path, from: &[Value], to: &[Value], found: &mut Vec<FieldChange>) {
    let field = match path.0.last() {
        Some(Step::Key(key)) => key.as_str(),
        _ => "",
    };
    let Some(keys) = list_keys(field, &[from, to]) else {
        if from != to {
            let whole = |items: &[Value]| Some(Value::Array(items.to_vec()));
            found.push(FieldChange { path: path.clone(), from: whole(from), to: whole(to) });
        }
        return;
    };
    let with_step = |items: &[Value]| -> Vec<(Step, Value)> {
        items.iter().filter_map(|item| Some((item_step(item, keys)?, item.clone()))).collect()
    };
    let (from, to) = (with_step(from), with_step(to));
    let at = |side: &[(Step, Value)], step: &Step| {
        side.iter().find(|(other, _)| other == step).map(|(_, item)| item.clone())
    };
    for (step, item) in &to {
        compare(&path.join(step.clone()), at(&from, step).as_ref(), Some(item), found);
    }
    for (step, item) in from.iter().filter(|(step, _)| at(&to, step).is_none()) {
        compare(&path.join(step.clone()), Some(item), None, found);
    }
}

/// Equal to the API: `1000m` CPU is 1 CPU where a quantity stands.
fn same(path: &Path, from: &Value, to: &Value) -> bool {
    if from == to {
        return true;
    }
    let keys = path.keys();
    let is_quantity =
        keys.iter().any(|key| matches!(*key, "limits" | "requests" | "capacity" | "hard"));
    is_quantity && matches!((quantity(from), quantity(to)), (Some(a), Some(b)) if a == b)
}

/// A Kubernetes quantity in thousandths, `None` where it is none or too large to tell.
fn quantity(value: &Value) -> Option<i128> {
    const SUFFIXES: &[(&str, i128)] = &[
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
    ];
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if let Some(milli) = text.strip_suffix('m') {
        return milli.parse().ok();
    }
    let (digits, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))
        .unwrap_or((&text, 1));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = number.checked_mul(factor)?.checked_mul(1000)?;
    (scaled % scale == 0).then_some(scaled / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(from: &Value, to: &Value) -> Vec<String> {
        changes(from, to).iter().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn names_what_differs() {
        let containers = |image: &str| {
            json!({"spec": {"containers": [
            {"name": "sidecar", "image": "s"}, {"name": "web", "image": image}]}})
        };
        let table = [
            (json!({"a": 1}), json!({"a": 1}), vec![]),
            (containers("1"), containers("2"), vec!["spec.containers[name=web].image"]),
            (
                json!({"containers": [{"name": "a"}, {"name": "b"}]}),
                json!({"containers": [{"name": "b"}, {"name": "a"}]}),
                vec![],
            ),
            (json!({"args": ["a", "b"]}), json!({"args": ["b", "a"]}), vec!["args"]),
            (
                json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "name": "x"}]}),
                json!({"ports": [{"port": 53, "protocol": "TCP", "name": "y"}]}),
                vec![
                    "ports[port=53,protocol=TCP].protocol",
                    "ports[port=53,protocol=TCP].name",
                    "ports[port=53,protocol=UDP]",
                ],
            ),
            (
                json!({"metadata": {"labels": {"a.b/c": "1"}}}),
                json!({"metadata": {"labels": {}}}),
                vec!["metadata.labels[\"a.b/c\"]"],
            ),
        ];
        for (from, to, expected) in table {
            assert_eq!(named(&from, &to), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn quantities_are_equal_by_value_where_they_stand() {
        let at = |key: &str, value: Value| json!({key: {"cpu": value}});
        for (a, b) in [
            (json!("1000m"), json!(1)),
            (json!("1Gi"), json!("1024Mi")),
            (json!("0.5"), json!("500m")),
            (json!("1.5Gi"), json!("1536Mi")),
        ] {
            assert_eq!(named(&at("limits", a.clone()), &at("limits", b.clone())), [""; 0]);
            assert_eq!(named(&at("data", a), &at("data", b)), ["data.cpu"]);
        }
        assert_eq!(named(&at("limits", json!("1")), &at("limits", json!("1m"))), ["limits.cpu"]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_differs_from_itself(text in "[a-z]{0,8}", number: i64) {
            let value = json!({"a": [text, {"b": number}], "containers": [{"name": text}]});
            proptest::prop_assert!(changes(&value, &value).is_empty());
        }
    }
}
