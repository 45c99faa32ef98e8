//! Who owns what: field managers (`metadata.managedFields`), and other tools' marks on whole objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::field::{Path, Step, item_step, list_keys};

/// The label that says which environment's inventory an object belongs to; `ApplySet`-compatible, so that
/// `kubectl get -l applyset.kubernetes.io/part-of=…` lists them.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";

/// A tree of fields, as in `fieldsV1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<Step, Self>);

impl Fields {
    /// Reads `fieldsV1`: `f:` names keys, `k:` the items of keyed lists, `v:` the members of sets.
    #[must_use]
    pub fn parse(fields: &Value) -> Self {
        let Some(map) = fields.as_object() else { return Self::default() };
        let step = |name: &str| -> Option<Step> {
            match name.split_at_checked(2)? {
                ("f:", key) => Some(Step::Key(key.to_owned())),
                ("k:", keys) => {
                    let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
                    let keys = keys.into_iter().map(|(key, value)| (key, value.to_string()));
                    Some(Step::Item(keys.collect()))
                }
                ("v:", value) => Some(Step::Member(value.to_owned())),
                _ => None,
            }
        };
        let children =
            map.iter().filter_map(|(name, below)| Some((step(name)?, Self::parse(below))));
        Self(children.collect())
    }

    /// The part below a step.
    #[must_use]
    pub fn below(&self, step: &Step) -> Option<&Self> {
        self.0.get(step)
    }

    /// Whether nothing is below: the field is owned as a whole.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds a path, or a field above it as a whole.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        let mut at = self;
        for step in &path.0 {
            match at.below(step) {
                Some(below) => at = below,
                None => return at.is_leaf() && !std::ptr::eq(at, self),
            }
        }
        true
    }

    /// Whether every leaf of `value` is held.
    #[must_use]
    pub fn covers(&self, value: &Value) -> bool {
        match value {
            Value::Object(map) => map.iter().all(|(key, value)| {
                self.below(&Step::Key(key.clone()))
                    .is_some_and(|below| below.covers_value(key, value))
            }),
            _ => true,
        }
    }

    fn covers_value(&self, field: &str, value: &Value) -> bool {
        if self.is_leaf() {
            return true;
        }
        match value {
            Value::Array(items) => items.iter().all(|item| {
                self.item(field, item)
                    .is_some_and(|(_, below)| below.is_leaf() || below.covers(item))
            }),
            _ => self.covers(value),
        }
    }

    /// The part that belongs to an item of a list.
    #[must_use]
    pub fn item(&self, field: &str, item: &Value) -> Option<(Step, &Self)> {
        let json = item.to_string();
        self.0
            .iter()
            .find_map(|(step, below)| match step {
                Step::Item(keys) => {
                    let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
                    (item_step(item, &names).as_ref() == Some(step)).then(|| (step.clone(), below))
                }
                Step::Member(value) => (json == *value).then(|| (step.clone(), below)),
                Step::Key(_) => None,
            })
            .or_else(|| self.is_leaf().then(|| (Step::Key(field.to_owned()), self)))
    }

    fn steps(&self) -> impl Iterator<Item = (&Step, &Self)> {
        self.0.iter()
    }
}

/// A field manager's entry.
#[derive(Clone, Debug)]
pub struct Manager {
    /// Its name: `gitops`, `kubectl-edit`.
    pub name: String,
    /// `Apply` for server-side apply, `Update` for everything else.
    pub applies: bool,
    /// When it last changed something.
    pub time: String,
    /// The fields it owns.
    pub fields: Fields,
}

/// The managers of an object; those of a subresource (`status`, `scale`) too.
#[must_use]
pub fn managers(object: &Value) -> Vec<Manager> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let entries = object["metadata"]["managedFields"].as_array();
    let entry = |entry: &Value| Manager {
        name: text(entry, "manager"),
        applies: entry["operation"] == "Apply",
        time: text(entry, "time"),
        fields: Fields::parse(&entry["fieldsV1"]),
    };
    entries.map(|entries| entries.iter().map(entry).collect()).unwrap_or_default()
}

/// Who last changed a field other than `ours`.
#[must_use]
pub fn changed_by<'m>(managers: &'m [Manager], path: &Path, ours: &str) -> Option<&'m Manager> {
    let others = managers.iter().filter(|manager| manager.name != ours || !manager.applies);
    others.filter(|manager| manager.fields.holds(path)).max_by(|a, b| a.time.cmp(&b.time))
}

/// The part of `live` that Git declares or that we own: what is ours to compare.
///
/// Server defaults, other managers' fields and status are not in it.
#[must_use]
pub fn projection(live: &Value, declared: &Value, owned: &Fields) -> Value {
    project("", live, Some(declared), Some(owned))
}

fn project(field: &str, live: &Value, declared: Option<&Value>, owned: Option<&Fields>) -> Value {
    let inner = owned.filter(|owned| !owned.is_leaf());
    match live {
        Value::Object(map) if declared.is_some_and(Value::is_object) || inner.is_some() => {
            Value::Object(project_map(map, declared, inner))
        }
        Value::Array(items) => project_list(field, items, declared, inner),
        other => other.clone(),
    }
}

fn project_map(
    live: &Map<String, Value>,
    declared: Option<&Value>,
    owned: Option<&Fields>,
) -> Map<String, Value> {
    let below = |key: &str| owned.and_then(|owned| owned.below(&Step::Key(key.to_owned())));
    let part = |(key, value): (&String, &Value)| {
        let declared = declared.and_then(|declared| declared.get(key));
        let owned = below(key);
        (declared.is_some() || owned.is_some())
            .then(|| (key.clone(), project(key, value, declared, owned)))
    };
    live.iter().filter_map(part).collect()
}

fn project_list(
    field: &str,
    live: &[Value],
    declared: Option<&Value>,
    owned: Option<&Fields>,
) -> Value {
    let wanted = declared.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let keys: Option<Vec<String>> = owned
        .and_then(|owned| {
            owned.steps().find_map(|(step, _)| match step {
                Step::Item(keys) => Some(keys.iter().map(|(key, _)| key.clone()).collect()),
                _ => None,
            })
        })
        .or_else(|| {
            let keys = list_keys(field, &[live, wanted])?;
            Some(keys.iter().map(|key| (*key).to_owned()).collect())
        });
    let is_set = owned.is_some_and(|o| o.steps().any(|(s, _)| matches!(s, Step::Member(_))));
    if is_set {
        let ours = |item: &&Value| {
            wanted.contains(item) || owned.is_some_and(|o| o.item(field, item).is_some())
        };
        return live.iter().filter(ours).cloned().collect();
    }
    let Some(keys) = keys else {
        // Without keys the items can only be told by their places.
        let pair = |(item, wanted)| project("", item, Some(wanted), None);
        let same_length = live.len() == wanted.len();
        let as_declared = || live.iter().zip(wanted).map(pair).collect();
        return if same_length { as_declared() } else { Value::Array(live.to_vec()) };
    };
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let part = |item: &Value| {
        let step = item_step(item, &keys)?;
        let declared = wanted.iter().find(|other| item_step(other, &keys).as_ref() == Some(&step));
        let owned = owned.and_then(|owned| owned.below(&step));
        (declared.is_some() || owned.is_some()).then(|| project("", item, declared, owned))
    };
    live.iter().filter_map(part).collect()
}

/// What another tool wrote on an object: its name, and the mark.
struct Mark {
    tool: &'static str,
    place: &'static str,
    key: &'static str,
    value: Option<&'static str>,
}

const MARKS: &[Mark] = &[
    Mark {
        tool: "Helm",
        place: "labels",
        key: "app.kubernetes.io/managed-by",
        value: Some("Helm"),
    },
    Mark { tool: "Flux", place: "labels", key: "kustomize.toolkit.fluxcd.io/name", value: None },
    Mark { tool: "Flux", place: "labels", key: "helm.toolkit.fluxcd.io/name", value: None },
    Mark {
        tool: "Argo CD",
        place: "annotations",
        key: "argocd.argoproj.io/tracking-id",
        value: None,
    },
    Mark { tool: "Argo CD", place: "labels", key: "argocd.argoproj.io/instance", value: None },
    Mark { tool: "kapp", place: "labels", key: "kapp.k14s.io/app", value: None },
    Mark { tool: "kpt", place: "annotations", key: "config.k8s.io/owning-inventory", value: None },
];

/// The other tool, or the other environment of ours, that an object belongs to.
#[must_use]
pub fn foreign_owner(object: &Value, part_of: &str) -> Option<String> {
    let metadata = &object["metadata"];
    if let Some(other) = metadata["labels"][PART_OF].as_str().filter(|set| *set != part_of) {
        return Some(format!("the set `{other}`"));
    }
    let marked = MARKS.iter().find(|mark| {
        let value = metadata[mark.place][mark.key].as_str();
        // Helm's own releases carry an annotation too: charts rendered by us keep the label alone.
        let is_release =
            mark.tool != "Helm" || metadata["annotations"]["meta.helm.sh/release-name"].is_string();
        is_release && value.is_some_and(|value| mark.value.is_none_or(|wanted| wanted == value))
    });
    marked.map(|mark| mark.tool.to_owned())
}

/// The annotations by which each tool's users say that an object is never to be deleted.
const KEEP: &[(&str, &str)] = &[
    ("helm.sh/resource-policy", "keep"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ("argocd.argoproj.io/sync-options", "Prune=false"),
    ("argocd.argoproj.io/sync-options", "Delete=false"),
    ("cli-utils.sigs.k8s.io/on-remove", "keep"),
    ("client.lifecycle.config.k8s.io/deletion", "detach"),
    ("kapp.k14s.io/delete-strategy", "orphan"),
    ("gitops/prune", "false"),
];

/// The annotation that keeps an object, as `key: value`.
#[must_use]
pub fn keep(object: &Value) -> Option<String> {
    let annotations = &object["metadata"]["annotations"];
    let set = |(key, wanted): &&(&str, &str)| {
        let value = annotations[*key].as_str().unwrap_or_default();
        value.split(',').any(|part| part.trim() == *wanted)
    };
    KEEP.iter().find(set).map(|(key, value)| format!("{key}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> Fields {
        Fields::parse(&json!({"f:spec": {
            "f:replicas": {},
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}},
            "f:finalizers": {"v:\"a\"": {}},
        }}))
    }

    #[test]
    fn projects_on_what_is_declared_or_owned() {
        let live = json!({
            "spec": {
                "replicas": 3, "paused": false,
                "containers": [
                    {"name": "istio", "image": "i"},
                    {"name": "web", "image": "w", "terminationMessagePath": "/dev"},
                ],
                "finalizers": ["a", "b"],
                "args": ["x"],
            },
            "status": {"ready": 1},
        });
        let declared = json!({"spec": {"containers": [{"name": "web", "env": []}], "args": ["y"]}});
        let expected = json!({"spec": {
            "replicas": 3,
            "containers": [{"name": "web", "image": "w"}],
            "finalizers": ["a"],
            "args": ["x"],
        }});
        assert_eq!(projection(&live, &declared, &fields()), expected);
    }

    #[test]
    fn covers_only_what_every_leaf_is_owned_of() {
        let table = [
            (json!({"spec": {"replicas": 1}}), true),
            (json!({"spec": {"replicas": 1, "paused": true}}), false),
            (json!({"spec": {"containers": [{"name": "web", "image": "x"}]}}), true),
            (json!({"spec": {"containers": [{"name": "web", "args": []}]}}), false),
            (json!({"spec": {"containers": [{"name": "other"}]}}), false),
            (json!({"spec": {"finalizers": ["a"]}}), true),
            (json!({"spec": {"finalizers": ["b"]}}), false),
        ];
        for (value, covered) in table {
            assert_eq!(fields().covers(&value), covered, "{value}");
        }
    }

    #[test]
    fn names_the_manager_that_changed_a_field() {
        let entry = |name: &str, time: &str, fields: Value| json!({"manager": name, "operation": "Update", "time": time, "fieldsV1": fields});
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let object = json!({"metadata": {"managedFields": [
            entry("kubectl-edit", "2026-01-01T12:04:00Z", replicas.clone()),
            entry("hpa", "2025-01-01T00:00:00Z", replicas),
            entry("kubelet", "2026-02-01T00:00:00Z", json!({"f:status": {}})),
        ]}});
        let managers = managers(&object);
        let path = Path::default().key("spec").key("replicas");
        assert_eq!(changed_by(&managers, &path, "gitops").unwrap().name, "kubectl-edit");
        assert!(changed_by(&managers, &Path::default().key("spec").key("x"), "gitops").is_none());
    }

    #[test]
    fn knows_other_tools_objects() {
        let table = [
            (json!({}), None),
            (json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}}), None),
            (
                json!({"labels": {"app.kubernetes.io/managed-by": "Helm"},
                       "annotations": {"meta.helm.sh/release-name": "shop"}}),
                Some("Helm"),
            ),
            (json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}), Some("Flux")),
            (json!({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}), Some("Argo CD")),
            (json!({"labels": {PART_OF: "ours"}}), None),
            (json!({"labels": {PART_OF: "theirs"}}), Some("the set `theirs`")),
        ];
        for (metadata, owner) in table {
            let found = foreign_owner(&json!({"metadata": metadata}), "ours");
            assert_eq!(found.as_deref(), owner, "{metadata}");
        }
    }

    #[test]
    fn honours_the_keep_annotations_of_every_tool() {
        for (key, value) in KEEP {
            let object = json!({"metadata": {"annotations": {*key: *value}}});
            assert!(keep(&object).is_some(), "{key}");
        }
        let listed = json!({"metadata": {"annotations":
            {"argocd.argoproj.io/sync-options": "ServerSideApply=true, Prune=false"}}});
        assert!(keep(&listed).is_some());
        let other = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "delete"}}});
        assert_eq!(keep(&other), None);
    }
}
