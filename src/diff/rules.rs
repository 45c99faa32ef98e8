//! How lists are compared: what tells their items apart, and whether their order counts.
//!
//! The sources, in this order: `listKeys` of the configuration, CRDs found in the repository, the table
//! of Kubernetes' own types below, a guess from the items.

use std::collections::HashMap;

use super::mask::is_telling_key;
use crate::manifest::Identity;
use crate::yaml::Value;
use crate::yaml::value::Data;
use crate::yaml::value::Entry;

/// Whether the order of a list's items means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It does.
    Counts,
    /// It does not.
    Free,
    /// Only if a value refers to an earlier one: `$(NAME)` in `env`.
    Referring,
}

/// How to compare one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRule {
    /// The keys that tell items apart; none: an item is its whole content.
    pub keys: Vec<String>,
    /// Whether order counts.
    pub order: Order,
}

/// A rule for the lists at one place of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    /// The keys that lead there, items left out.
    keys: Vec<String>,
    rule: ListRule,
}

/// Rules that do not come with the program.
#[derive(Clone, Debug, Default)]
pub struct ListRules {
    /// By group and kind, from CRDs.
    schemas: HashMap<(String, String), Vec<Placed>>,
    /// From the configuration; for every kind.
    configured: Vec<Placed>,
}

impl ListRules {
    /// Adds a rule of the configuration: the place as `spec.steps`, the keys as `[name]`.
    pub fn configure(&mut self, place: &str, keys: Vec<String>) {
        let place = place.replace("[*]", "");
        let path = place.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
        let order = if keys.is_empty() { Order::Free } else { Order::Counts };
        self.configured.push(Placed { keys: path, rule: ListRule { keys, order } });
    }

    /// Learns the lists of a kind from its `CustomResourceDefinition`.
    pub fn learn(&mut self, crd: &Value) {
        let (Some(group), Some(kind)) =
            (crd.str_at(&["spec", "group"]), crd.str_at(&["spec", "names", "kind"]))
        else {
            return;
        };
        let mut rules = Vec::new();
        for version in crd.items_at(&["spec", "versions"]) {
            if let Some(schema) = version.at(&["schema", "openAPIV3Schema"]) {
                learn(schema, &mut Vec::new(), &mut rules);
            }
        }
        self.schemas.insert((group.to_owned(), kind.to_owned()), rules);
    }

    /// The rule for the list at `path` (keys only), if there is one.
    #[must_use]
    pub fn find(&self, identity: Option<&Identity>, path: &[&str]) -> Option<ListRule> {
        let at = |placed: &&Placed| placed.keys.iter().map(String::as_str).eq(path.iter().copied());
        if let Some(placed) = self.configured.iter().find(at) {
            return Some(placed.rule.clone());
        }
        let identity = identity?;
        let key = (identity.group.clone(), identity.kind.clone());
        if let Some(placed) = self.schemas.get(&key).and_then(|rules| rules.iter().find(at)) {
            return Some(placed.rule.clone());
        }
        built_in(identity, path)
    }
}

fn learn(schema: &Value, path: &mut Vec<String>, rules: &mut Vec<Placed>) {
    if let Some(kind) = schema.str_at(&["x-kubernetes-list-type"]) {
        let keys: Vec<String> = schema
            .items_at(&["x-kubernetes-list-map-keys"])
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
        let order = if kind == "atomic" { Order::Counts } else { Order::Free };
        rules.push(Placed { keys: path.clone(), rule: ListRule { keys, order } });
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_map) {
        for entry in properties.entries() {
            path.push(entry.key.to_string());
            learn(&entry.value, path, rules);
            path.pop();
        }
    }
    if let Some(items) = schema.get("items") {
        learn(items, path, rules);
    }
}

const FREE: Order = Order::Free;

/// The last key of a list's path, the key above it (or `*`), what tells items apart, order.
///
/// Associative lists and sets are those of Kubernetes' static schema; where the API takes a list as
/// a whole but its meaning is a set (tolerations, RBAC rules), order is free too.
const TABLE: &[(&str, &str, &[&str], Order)] = &[
    ("containers", "*", &["name"], FREE),
    ("initContainers", "*", &["name"], Order::Counts),
    ("ephemeralContainers", "*", &["name"], FREE),
    ("env", "*", &["name"], Order::Referring),
    ("volumes", "*", &["name"], FREE),
    ("volumeMounts", "*", &["mountPath"], FREE),
    ("volumeDevices", "*", &["devicePath"], FREE),
    ("volumeClaimTemplates", "*", &["metadata.name"], FREE),
    ("ports", "containers", &["containerPort", "protocol"], FREE),
    ("ports", "initContainers", &["containerPort", "protocol"], FREE),
    ("ports", "spec", &["port", "protocol"], FREE),
    ("imagePullSecrets", "*", &["name"], FREE),
    ("hostAliases", "*", &["ip"], FREE),
    ("topologySpreadConstraints", "*", &["topologyKey", "whenUnsatisfiable"], FREE),
    ("resourceClaims", "*", &["name"], FREE),
    ("schedulingGates", "*", &["name"], FREE),
    ("secrets", "*", &["name"], FREE),
    ("ownerReferences", "*", &["uid"], FREE),
    ("conditions", "*", &["type"], FREE),
    ("webhooks", "*", &["name"], FREE),
    ("subjects", "*", &["kind", "namespace", "name"], FREE),
    ("versions", "spec", &["name"], FREE),
    ("paths", "http", &["path", "pathType"], FREE),
    ("tolerations", "*", &[], FREE),
    ("finalizers", "*", &[], FREE),
    ("rules", "", &[], FREE),
    ("verbs", "rules", &[], FREE),
    ("apiGroups", "rules", &[], FREE),
    ("resources", "rules", &[], FREE),
    ("resourceNames", "rules", &[], FREE),
    ("nonResourceURLs", "rules", &[], FREE),
    ("matchExpressions", "*", &[], FREE),
    ("values", "matchExpressions", &[], FREE),
    ("required", "*", &[], FREE),
    ("policyTypes", "*", &[], FREE),
    ("ingress", "spec", &[], FREE),
    ("egress", "spec", &[], FREE),
    ("from", "ingress", &[], FREE),
    ("to", "egress", &[], FREE),
    ("ports", "ingress", &[], FREE),
    ("ports", "egress", &[], FREE),
    ("accessModes", "*", &[], FREE),
    ("add", "capabilities", &[], FREE),
    ("drop", "capabilities", &[], FREE),
    ("args", "*", &[], Order::Counts),
    ("command", "*", &[], Order::Counts),
];

fn built_in(identity: &Identity, path: &[&str]) -> Option<ListRule> {
    let (last, above) = path.split_last()?;
    let parent = above.last().copied().unwrap_or_default();
    // Names such as `rules` and `ports` mean these things in Kubernetes' own kinds; the parts of a
    // pod are the same wherever they are embedded.
    let own = !identity.group.contains('.') || identity.group.ends_with(".k8s.io");
    let everywhere = ["containers", "initContainers", "env", "volumes", "volumeMounts", "args"];
    if !own && !everywhere.contains(last) {
        return None;
    }
    let row =
        TABLE.iter().find(|(key, under, ..)| key == last && (*under == "*" || *under == parent));
    row.map(|(_, _, keys, order)| ListRule {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        order: *order,
    })
}

/// The text that tells an item from the others of its list: the values of its keys.
#[must_use]
pub fn label(item: &Value, keys: &[String]) -> Option<String> {
    item.as_map()?;
    let mut parts = Vec::new();
    for key in keys {
        let value = key.split('.').try_fold(item, |value, key| value.get(key));
        match value.map(|value| (&value.data, value)) {
            Some((Data::Null, _)) | None => match key.as_str() {
                "protocol" => parts.push("TCP".to_owned()),
                "namespace" | "pathType" | "path" => {}
                _ => return None,
            },
            Some((_, value)) => parts.push(value.scalar_text()?),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The labels of all items; `None` where an item has none or two have the same.
#[must_use]
pub fn labels(items: &[Value], keys: &[String]) -> Option<Vec<String>> {
    let labels: Vec<String> = items.iter().map(|item| label(item, keys)).collect::<Option<_>>()?;
    let mut sorted: Vec<&String> = labels.iter().collect();
    sorted.sort_unstable();
    let unique = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    unique.then_some(labels)
}

/// A key that tells the items of both lists apart, for lists nothing is known of.
#[must_use]
pub fn guess(left: &[Value], right: &[Value]) -> Option<Vec<String>> {
    for known in ["name", "key", "id"] {
        let keys = [known.to_owned()];
        if labels(left, &keys).is_some() && labels(right, &keys).is_some() {
            return Some(keys.into());
        }
    }
    let first = left.first().or(right.first())?.as_map()?;
    // A secret is no name.
    let is_name =
        |entry: &&Entry| entry.value.is_scalar() && !is_telling_key(&entry.key, &entry.value);
    let scalars = first.entries().iter().filter(is_name);
    scalars.map(|entry| vec![entry.key.to_string()]).find(|keys| {
        let (Some(a), Some(b)) = (labels(left, keys), labels(right, keys)) else { return false };
        // A field that mostly changed is no name.
        let known: std::collections::HashSet<&String> = a.iter().collect();
        let common = b.iter().filter(|label| known.contains(label)).count();
        a.len().max(b.len()) > 1 && common * 2 >= a.len().max(b.len())
    })
}
