//! The fake API server: kinds, objects, server-side apply with field managers, preconditions, namespaces.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::fields::{self, Set};
use super::{Answer, Backend, Call};

#[derive(Clone)]
#[expect(clippy::struct_field_names, reason = "a kind has a kind")]
struct Kind {
    group: String,
    version: String,
    kind: String,
    plural: String,
    namespaced: bool,
}

const KINDS: &[(&str, &str, &str, &str, bool)] = &[
    ("", "v1", "Namespace", "namespaces", false),
    ("", "v1", "ConfigMap", "configmaps", true),
    ("", "v1", "Secret", "secrets", true),
    ("", "v1", "Service", "services", true),
    ("", "v1", "ServiceAccount", "serviceaccounts", true),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "v1", "Pod", "pods", true),
    ("", "v1", "Event", "events", true),
    ("apps", "v1", "Deployment", "deployments", true),
    ("batch", "v1", "Job", "jobs", true),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", true),
    ("coordination.k8s.io", "v1", "Lease", "leases", true),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", true),
    ("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories", true),
    ("argoproj.io", "v1alpha1", "Application", "applications", true),
];

type Key = (String, String, String);

#[derive(Default)]
struct State {
    kinds: Vec<Kind>,
    objects: BTreeMap<Key, Value>,
    version: u64,
    uid: u64,
}

/// Everything in memory.
pub(crate) struct Fake(Mutex<State>);

/// A refusal: code, reason, message, causes.
struct No(u16, &'static str, String, Vec<Value>);

fn no(code: u16, reason: &'static str, message: impl Into<String>) -> No {
    No(code, reason, message.into(), Vec::new())
}

impl Fake {
    pub(crate) fn new() -> Self {
        let own = str::to_owned;
        let kind =
            |&(group, version, kind, plural, namespaced): &(&str, &str, &str, &str, bool)| {
                let (group, version) = (own(group), own(version));
                Kind { group, version, kind: own(kind), plural: own(plural), namespaced }
            };
        let mut state = State { kinds: KINDS.iter().map(kind).collect(), ..State::default() };
        for name in ["kube-system", "default"] {
            state.insert(("namespaces".to_owned(), String::new(), own(name)), json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}}));
        }
        Self(Mutex::new(state))
    }
}

impl Backend for Fake {
    fn answer(&self, call: &Call) -> Answer {
        let mut state = self.0.lock().unwrap();
        let (code, body) = match state.work(call) {
            Ok(value) => (if call.method == "POST" { 201 } else { 200 }, value),
            Err(No(code, reason, message, causes)) => (
                code,
                json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                "reason": reason, "message": message, "details": {"causes": causes}}),
            ),
        };
        Answer { code, body: body.to_string().into_bytes() }
    }
}

/// Which object or list a path names.
struct Place {
    kind: Kind,
    namespace: String,
    name: Option<String>,
    status: bool,
}

impl State {
    fn work(&mut self, call: &Call) -> Result<Value, No> {
        if call.path == "/api" || call.path == "/apis" {
            return Ok(self.discovery(&call.path));
        }
        let place = self.place(&call.path)?;
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        match (call.method.as_str(), &place.name) {
            ("GET", None) => Ok(self.list(&place, call)),
            ("GET", Some(name)) => self.find(&place, name).cloned(),
            ("POST", None) => self.create(&place, body, call),
            ("PUT", Some(name)) => self.replace(&place, name, body),
            ("PATCH", Some(name)) if call.content.contains("apply-patch") => {
                self.apply(&place, name, &body, call)
            }
            ("PATCH", Some(name)) => self.merge_patch(&place, name, &body, call),
            ("DELETE", Some(name)) => self.delete(&place, name, &body),
            _ => Err(no(405, "MethodNotAllowed", "no")),
        }
    }

    fn discovery(&self, path: &str) -> Value {
        let mut groups: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
        for kind in self.kinds.iter().filter(|kind| kind.group.is_empty() == (path == "/api")) {
            groups.entry((&kind.group, &kind.version)).or_default().push(json!({
                "resource": kind.plural, "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
                "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
                "verbs": ["get", "list", "patch", "delete"]}));
        }
        let item = |((group, version), resources): ((&str, &str), Vec<Value>)| {
            json!({"metadata": {"name": group},
                   "versions": [{"version": version, "freshness": "Current", "resources": resources}]})
        };
        json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
               "items": groups.into_iter().map(item).collect::<Vec<_>>()})
    }

    fn place(&self, path: &str) -> Result<Place, No> {
        let missing = || no(404, "NotFound", format!("the server could not find {path}"));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (group, version, rest) = match parts[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return Err(missing()),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() && rest[0] != "status" => {
                (*namespace, rest)
            }
            rest => ("", rest),
        };
        let (plural, name, status) = match rest {
            [plural] => (*plural, None, false),
            [plural, name] => (*plural, Some((*name).to_owned()), false),
            [plural, name, "status"] => (*plural, Some((*name).to_owned()), true),
            _ => return Err(missing()),
        };
        let found = self
            .kinds
            .iter()
            .find(|k| k.group == group && k.version == version && k.plural == plural);
        let kind = found.ok_or_else(missing)?.clone();
        Ok(Place { kind, namespace: namespace.to_owned(), name, status })
    }

    fn key(place: &Place, name: &str) -> Key {
        let table = match place.kind.group.as_str() {
            "" => place.kind.plural.clone(),
            group => format!("{}.{group}", place.kind.plural),
        };
        (table, place.namespace.clone(), name.to_owned())
    }

    fn find(&self, place: &Place, name: &str) -> Result<&Value, No> {
        let missing = || no(404, "NotFound", format!("{} {name:?} not found", place.kind.plural));
        self.objects.get(&Self::key(place, name)).ok_or_else(missing)
    }

    fn list(&self, place: &Place, call: &Call) -> Value {
        let table = Self::key(place, "").0;
        let mut items: Vec<Value> = self
            .objects
            .iter()
            .filter(|((t, ns, _), _)| {
                *t == table && (place.namespace.is_empty() || *ns == place.namespace)
            })
            .map(|(_, object)| object.clone())
            .collect();
        if let Some(selector) = call.query.get("labelSelector") {
            items.retain(|item| {
                selector.split(',').all(|pair| {
                    let (key, value) = pair.split_once('=').unwrap();
                    item["metadata"]["labels"][key] == value
                })
            });
        }
        let limit: usize =
            call.query.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let start: usize = call.query.get("continue").map_or(0, |at| at.parse().unwrap());
        let next = if items.len() > start.saturating_add(limit) {
            (start + limit).to_string()
        } else {
            String::new()
        };
        let mut items: Vec<Value> = items.into_iter().skip(start).take(limit).collect();
        for item in &mut items {
            let map = item.as_object_mut().unwrap();
            map.remove("kind");
            map.remove("apiVersion");
        }
        let api = match place.kind.group.as_str() {
            "" => place.kind.version.clone(),
            group => format!("{group}/{}", place.kind.version),
        };
        json!({"kind": format!("{}List", place.kind.kind), "apiVersion": api,
                  "metadata": {"resourceVersion": self.version.to_string(), "continue": next}, "items": items})
    }

    fn insert(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            self.uid += 1;
            metadata["uid"] = json!(format!("uid-{}", self.uid));
            metadata["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
            metadata["generation"] = json!(1);
        }
        metadata["resourceVersion"] = json!(self.version.to_string());
        self.define(&object);
        self.objects.insert(key, object.clone());
        object
    }

    /// A definition makes a kind.
    fn define(&mut self, object: &Value) {
        if object["kind"] != "CustomResourceDefinition" {
            return;
        }
        let (spec, text) = (&object["spec"], |value: &Value| value.as_str().unwrap().to_owned());
        let kind = Kind {
            group: text(&spec["group"]),
            version: text(&spec["versions"][0]["name"]),
            kind: text(&spec["names"]["kind"]),
            plural: text(&spec["names"]["plural"]),
            namespaced: spec["scope"] == "Namespaced",
        };
        self.kinds.retain(|other| (&other.group, &other.kind) != (&kind.group, &kind.kind));
        self.kinds.push(kind);
    }

    fn needs_namespace(&self, place: &Place) -> Result<(), No> {
        let key = ("namespaces".to_owned(), String::new(), place.namespace.clone());
        if place.kind.namespaced && !self.objects.contains_key(&key) {
            return Err(no(404, "NotFound", format!("namespaces {:?} not found", place.namespace)));
        }
        Ok(())
    }

    fn create(&mut self, place: &Place, object: Value, call: &Call) -> Result<Value, No> {
        self.needs_namespace(place)?;
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = Self::key(place, &name);
        if self.objects.contains_key(&key) {
            return Err(no(
                409,
                "AlreadyExists",
                format!("{} {name:?} already exists", place.kind.plural),
            ));
        }
        let mut object = object;
        if place.kind.namespaced {
            object["metadata"]["namespace"] = json!(place.namespace);
        }
        let manager = call.query.get("fieldManager").map_or("test", String::as_str);
        own(&mut object, manager, false, None);
        let object = defaulted(object);
        Ok(self.insert(key, object))
    }

    fn replace(&mut self, place: &Place, name: &str, object: Value) -> Result<Value, No> {
        let live = self.find(place, name)?.clone();
        for field in ["uid", "resourceVersion"] {
            let wanted = &object["metadata"][field];
            if !wanted.is_null() && *wanted != live["metadata"][field] {
                let message = format!(
                    "Operation cannot be fulfilled on {name:?}: the object has been modified"
                );
                return Err(no(409, "Conflict", message));
            }
        }
        let mut object = object;
        for field in ["uid", "creationTimestamp", "generation"] {
            object["metadata"][field] = live["metadata"][field].clone();
        }
        Ok(self.insert(Self::key(place, name), object))
    }

    fn delete(&mut self, place: &Place, name: &str, options: &Value) -> Result<Value, No> {
        let live = self.find(place, name)?.clone();
        for field in ["uid", "resourceVersion"] {
            let wanted = &options["preconditions"][field];
            if !wanted.is_null() && *wanted != live["metadata"][field] {
                let message = format!("Precondition failed: {field} in precondition: {wanted}");
                return Err(no(409, "Conflict", message));
            }
        }
        let key = Self::key(place, name);
        let is_held =
            live["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if is_held {
            let mut object = live;
            object["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
            return Ok(self.insert(key, object));
        }
        self.objects.remove(&key);
        if place.kind.kind == "Namespace" {
            self.objects.retain(|(_, namespace, _), _| namespace != name);
        }
        Ok(live)
    }

    fn merge_patch(
        &mut self,
        place: &Place,
        name: &str,
        patch: &Value,
        call: &Call,
    ) -> Result<Value, No> {
        let live = self.find(place, name)?.clone();
        let wanted = &patch["metadata"]["resourceVersion"];
        if !wanted.is_null() && *wanted != live["metadata"]["resourceVersion"] {
            return Err(no(409, "Conflict", "the object has been modified".to_owned()));
        }
        let mut object = live.clone();
        merge_patch(&mut object, patch);
        if !place.status {
            immutable(&live, &object)?;
            if object["spec"] != live["spec"] {
                object["metadata"]["generation"] =
                    json!(live["metadata"]["generation"].as_u64().unwrap_or(0) + 1);
            }
            let manager = call.query.get("fieldManager").map_or("unknown", String::as_str);
            // Who owns what can be written like anything else.
            let mut before = live;
            before["metadata"]["managedFields"] = object["metadata"]["managedFields"].clone();
            own(&mut object, manager, false, Some(&before));
        }
        Ok(self.insert(Self::key(place, name), object))
    }

    /// Server-side apply.
    #[expect(clippy::too_many_lines, reason = "the steps of the specification, in order")]
    fn apply(
        &mut self,
        place: &Place,
        name: &str,
        applied: &Value,
        call: &Call,
    ) -> Result<Value, No> {
        self.needs_namespace(place)?;
        let manager = call.query.get("fieldManager").cloned().unwrap_or_default();
        let force = call.query.get("force").is_some_and(|force| force == "true");
        let key = Self::key(place, name);
        let live = self.objects.get(&key).cloned();
        if let Some(live) = &live
            && !applied["metadata"]["uid"].is_null()
            && applied["metadata"]["uid"] != live["metadata"]["uid"]
        {
            return Err(no(409, "Conflict", "Precondition failed: UID in precondition"));
        }
        if live.is_none() && !applied["metadata"]["uid"].is_null() {
            return Err(no(409, "Conflict", "uid mismatch: the object is gone"));
        }
        let fields = fields::leaves(applied);
        let mut object = live.clone().unwrap_or_else(|| {
            json!({"apiVersion": applied["apiVersion"], "kind": applied["kind"],
                   "metadata": {"name": name, "namespace": applied["metadata"]["namespace"]}})
        });
        let mut entries = managed(&object);
        let mut conflicts = Vec::new();
        for entry in entries.iter_mut().filter(|entry| !entry.is(&manager, true)) {
            let theirs = entry.set.intersection(&fields).cloned().collect::<Vec<_>>();
            for leaf in theirs {
                if fields::get(&object, &leaf) == fields::get(applied, &leaf)
                    || leaf.last().is_some_and(|s| s.starts_with("k:"))
                {
                    continue;
                }
                conflicts
                    .push(json!({"reason": "FieldManagerConflict", "field": fields::shown(&leaf),
                    "message": format!("conflict with {:?} using v1", entry.name)}));
                entry.set.remove(&leaf);
            }
        }
        if !conflicts.is_empty() && !force {
            let message = format!("Apply failed with {} conflicts", conflicts.len());
            return Err(No(409, "Conflict", message, conflicts));
        }
        let ours = entries
            .iter()
            .find(|entry| entry.is(&manager, true))
            .map(|e| e.set.clone())
            .unwrap_or_default();
        for leaf in ours.difference(&fields) {
            let shared = entries.iter().any(|e| !e.is(&manager, true) && e.set.contains(leaf));
            if !shared {
                fields::remove(&mut object, leaf);
            }
        }
        let mut config = applied.clone();
        if let Some(metadata) = config["metadata"].as_object_mut() {
            metadata.remove("uid");
        }
        fields::merge(&mut object, &config, "");
        let mut object = defaulted(object);
        if let Some(live) = &live {
            immutable(live, &object)?;
        }
        entries.retain(|entry| !entry.is(&manager, true) && !entry.set.is_empty());
        let same = ours == fields;
        let time = if same { old_time(live.as_ref(), &manager) } else { stamp(self.version) };
        entries.push(Entry { name: manager, applies: true, time, set: fields });
        set_managed(&mut object, &entries);
        let unchanged = live.as_ref().is_some_and(|live| *live == object);
        if unchanged {
            return Ok(object);
        }
        if let Some(live) = &live
            && live["spec"] != object["spec"]
        {
            object["metadata"]["generation"] =
                json!(live["metadata"]["generation"].as_u64().unwrap_or(0) + 1);
        }
        if call.query.contains_key("dryRun") {
            if live.is_none() {
                object["metadata"]["uid"] = json!("dry");
            }
            return Ok(object);
        }
        Ok(self.insert(key, object))
    }
}

struct Entry {
    name: String,
    applies: bool,
    time: String,
    set: Set,
}

impl Entry {
    fn is(&self, name: &str, applies: bool) -> bool {
        self.name == name && self.applies == applies
    }
}

fn managed(object: &Value) -> Vec<Entry> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|entry| Entry {
            name: entry["manager"].as_str().unwrap().to_owned(),
            applies: entry["operation"] == "Apply",
            time: entry["time"].as_str().unwrap().to_owned(),
            set: fields::of_json(&entry["fieldsV1"]),
        })
        .collect()
}

fn set_managed(object: &mut Value, entries: &[Entry]) {
    let entry = |entry: &Entry| {
        json!({"manager": entry.name, "operation": if entry.applies { "Apply" } else { "Update" },
               "time": entry.time, "apiVersion": "v1", "fieldsType": "FieldsV1",
               "fieldsV1": fields::to_json(&entry.set)})
    };
    object["metadata"]["managedFields"] = entries.iter().map(entry).collect();
}

fn stamp(version: u64) -> String {
    format!("2026-01-01T{:02}:{:02}:{:02}Z", version / 3600 % 24, version / 60 % 60, version % 60)
}

fn old_time(live: Option<&Value>, manager: &str) -> String {
    let entries = live.map(managed).unwrap_or_default();
    let ours = entries.into_iter().find(|entry| entry.is(manager, true));
    ours.map_or_else(|| stamp(0), |entry| entry.time)
}

/// An update makes its maker the only owner of what it changed.
fn own(object: &mut Value, manager: &str, applies: bool, live: Option<&Value>) {
    let mut entries = live.map(managed).unwrap_or_default();
    let all = fields::leaves(object);
    let changed: Set = match live {
        None => all.clone(),
        Some(live) => {
            all.iter().filter(|l| fields::get(live, l) != fields::get(object, l)).cloned().collect()
        }
    };
    // An item of a keyed list is not changed when a field of it is.
    let changed: Set = changed
        .into_iter()
        .filter(|l| live.is_none() || !l.last().unwrap().starts_with("k:"))
        .collect();
    for entry in &mut entries {
        entry.set.retain(|leaf| all.contains(leaf) && !changed.contains(leaf));
    }
    match entries.iter_mut().find(|entry| entry.is(manager, applies)) {
        Some(entry) => entry.set.extend(changed),
        None => entries.push(Entry {
            name: manager.to_owned(),
            applies,
            time: "2026-01-01T12:04:00Z".to_owned(),
            set: changed,
        }),
    }
    entries.retain(|entry| !entry.set.is_empty());
    set_managed(object, &entries);
}

fn merge_patch(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    let map: &mut Map<String, Value> = value.as_object_mut().unwrap();
    for (key, patch) in patch {
        if patch.is_null() {
            map.remove(key);
        } else {
            merge_patch(map.entry(key.clone()).or_insert(Value::Null), patch);
        }
    }
}

/// What the server fills in, and what its controllers report at once.
fn defaulted(mut object: Value) -> Value {
    fn default(value: &mut Value, key: &str, default: Value) {
        if value[key].is_null() {
            value[key] = default;
        }
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => {
            let spec = &mut object["spec"];
            default(spec, "replicas", json!(1));
            default(spec, "revisionHistoryLimit", json!(10));
            default(spec, "strategy", json!({"type": "RollingUpdate"}));
            let pod = &mut spec["template"]["spec"];
            default(pod, "restartPolicy", json!("Always"));
            for container in pod["containers"].as_array_mut().into_iter().flatten() {
                default(container, "imagePullPolicy", json!("IfNotPresent"));
            }
        }
        "Service" => {
            let spec = &mut object["spec"];
            default(spec, "type", json!("ClusterIP"));
            default(spec, "clusterIP", json!("10.0.0.9"));
            for port in spec["ports"].as_array_mut().into_iter().flatten() {
                default(port, "protocol", json!("TCP"));
            }
        }
        "Namespace" => default(&mut object, "status", json!({"phase": "Active"})),
        "CustomResourceDefinition" => {
            let established = json!({"conditions": [{"type": "Established", "status": "True"}]});
            default(&mut object, "status", established);
        }
        _ => {}
    }
    object
}

fn immutable(live: &Value, object: &Value) -> Result<(), No> {
    let fields: &[&str] = match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => &["/spec/selector"],
        "Service" => &["/spec/clusterIP"],
        "Job" => &["/spec/template"],
        "RoleBinding" => &["/roleRef"],
        _ => return Ok(()),
    };
    let changed = fields.iter().find(|field| live.pointer(field) != object.pointer(field));
    let Some(field) = changed else { return Ok(()) };
    let name = field.trim_start_matches('/').replace('/', ".");
    let why = if name == "roleRef" { "cannot change roleRef" } else { "field is immutable" };
    let message = format!("Invalid value: {why}");
    let cause = json!({"reason": "FieldValueInvalid", "field": name, "message": message});
    Err(No(422, "Invalid", format!("{name}: {message}"), vec![cause]))
}
