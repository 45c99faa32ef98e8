//! `kubernetes`: server-side apply, one field manager, an inventory and a lock in the cluster.
//!
//! kubectl is not needed. What differs is decided by the server itself: objects are listed kind by kind and
//! compared on the fields that are ours; only those that may differ are sent, as a dry run.

pub(super) mod api;
mod base;
mod compare;
mod conflicts;
mod discovery;
mod hooks;
mod keys;
mod lease;
mod orphans;
mod store;
mod takeover;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::settings::{self, Common};
use super::{Actuator, Applied, Context, Declared, Holder, Lock, State, Stored, yaml};
use crate::error::{Code, Hinted};
use crate::plan::file::Target;
use crate::plan::health::{self, Health};
use crate::plan::hook;
use crate::plan::manifest::{self, Ignore};
use crate::plan::ownership::PART_OF;
use crate::plan::{Compared, Id, Inventory, Item, Observation, Prune};

pub(super) use api::Access;
use api::Api;
pub(super) use base::Base;
use base::cluster_uid;
use discovery::{Discovery, Resource};
use keys::{Conflicts, Keys, LockKind};
use lease::Leases;
use store::Store;

/// After that time without a sign of life, a lock is free.
const LEASE: Duration = Duration::from_mins(1);

struct Kubernetes {
    api: Arc<Api>,
    store: Store,
    leases: Option<Leases>,
    namespace: String,
    cluster_uid: Option<String>,
    manager: String,
    conflicts: Conflicts,
    force: bool,
    /// Fields of ours that others have taken are taken back.
    reclaims: AtomicBool,
    ignore: Vec<Ignore>,
    timeout: Duration,
    discovery: Mutex<Option<Arc<Discovery>>>,
    /// Objects whose conflicts are to be forced, as the comparison found.
    forced: Mutex<BTreeSet<Id>>,
}

pub(super) fn make(own: Value, context: Context, _: &Common) -> anyhow::Result<Box<dyn Actuator>> {
    let keys: Keys = settings::own(&context.environment, own)?;
    let kubeconfig = match keys.kubeconfig {
        Some(file) => vec![context.root.join(file)],
        None => context.kubeconfig,
    };
    let api = Arc::new(Api::connect(&Access { context: keys.context, kubeconfig })?);
    let place = keys.inventory.namespace.unwrap_or_else(|| api.namespace.clone());
    let environment = context.environment;
    let leases = (keys.lock.kind == LockKind::Lease).then(|| Leases {
        api: Arc::clone(&api),
        namespace: place.clone(),
        environment: environment.clone(),
        duration: keys.lock.duration.unwrap_or(LEASE),
    });
    let ignore =
        |rule: keys::IgnoreKeys| Ignore { group: rule.group, kind: rule.kind, paths: rule.paths };
    Ok(Box::new(Kubernetes {
        store: Store { api: Arc::clone(&api), namespace: place, environment },
        leases,
        namespace: keys.namespace.unwrap_or_else(|| api.namespace.clone()),
        cluster_uid: keys.cluster_uid,
        manager: keys.field_manager.unwrap_or_else(|| "gitops".to_owned()),
        conflicts: keys.conflicts,
        force: context.force_conflicts,
        reclaims: AtomicBool::new(false),
        ignore: keys.ignore.into_iter().map(ignore).collect(),
        timeout: context.timeout,
        discovery: Mutex::default(),
        forced: Mutex::default(),
        api,
    }))
}

impl Kubernetes {
    fn discovery(&self) -> anyhow::Result<Arc<Discovery>> {
        let mut known = self.discovery.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(discovery) = &*known {
            return Ok(Arc::clone(discovery));
        }
        let discovery = Arc::new(Discovery::read(&self.api)?);
        *known = Some(Arc::clone(&discovery));
        Ok(discovery)
    }

    /// Asks again: definitions that were just applied are kinds now.
    fn forget_discovery(&self) {
        *self.discovery.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The kind of an item in the version it is declared in.
    fn resource(&self, item: &Item) -> anyhow::Result<Option<Resource>> {
        let version = item.value["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        let discovery = self.discovery()?;
        Ok(discovery.find(&item.id.group, &item.id.kind, version).cloned())
    }

    /// Puts an object where it belongs, and marks it as ours.
    fn place(
        &self,
        item: &mut Item,
        defined: &BTreeMap<(String, String), bool>,
    ) -> Result<(), String> {
        let key = (item.id.group.clone(), item.id.kind.clone());
        let resource = self.resource(item).map_err(|error| format!("{error:#}"))?;
        let namespaced = match (resource, defined.get(&key)) {
            (Some(resource), _) => resource.is_namespaced,
            (None, Some(namespaced)) => *namespaced,
            (None, None) => {
                let version = item.value["apiVersion"].as_str().unwrap_or_default();
                if self.discovery().is_ok_and(|discovery| discovery.hides(&item.id.group)) {
                    return Err(format!("the server of {version} does not answer"));
                }
                return Err(format!("the server knows no {version} {}", item.id.kind));
            }
        };
        let metadata = &mut item.value["metadata"];
        if !namespaced {
            item.id.namespace.clear();
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.remove("namespace");
            }
        } else if item.id.namespace.is_empty() {
            item.id.namespace.clone_from(&self.namespace);
            metadata["namespace"] = json!(self.namespace);
        }
        metadata["labels"][PART_OF] = json!(self.store.part_of());
        Ok(())
    }

    /// What is there, of many objects: lists where there are several of a kind, single requests otherwise.
    fn fetch(
        &self,
        ids: &[(Id, Resource)],
        lists_only: bool,
    ) -> anyhow::Result<BTreeMap<Id, Value>> {
        const FEW: usize = 2;
        let mut groups: BTreeMap<(Resource, String), Vec<Id>> = BTreeMap::new();
        for (id, resource) in ids {
            groups.entry((resource.clone(), id.namespace.clone())).or_default().push(id.clone());
        }
        let (few, many): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(_, ids)| ids.len() <= FEW && !lists_only);
        let mut found = BTreeMap::new();
        let paths: Vec<String> =
            many.iter().map(|((resource, namespace), _)| resource.path(namespace)).collect();
        for (((resource, _), _), answer) in many.iter().zip(self.api.lists(&paths)) {
            let attempt = format!("list {}", resource.plural);
            let answer = match answer {
                Err(failure) if failure.code == 404 => continue,
                answer => answer.map_err(|failure| failure.error(&attempt))?,
            };
            found.extend(answer.into_iter().map(|object| (id_of(resource, &object), object)));
        }
        let single: Vec<(Id, String)> = few
            .iter()
            .flat_map(|((resource, _), ids)| ids.iter().map(|id| (id.clone(), resource.object(id))))
            .collect();
        let calls = single.iter().map(|(_, path)| api::Call::get(path)).collect();
        for ((id, _), answer) in single.into_iter().zip(self.api.calls(calls)) {
            match answer {
                Ok(object) => drop(found.insert(id, object)),
                Err(failure) if failure.code == 404 => {}
                Err(failure) => return Err(failure.error(&format!("read {id}"))),
            }
        }
        Ok(found)
    }

    /// The pods that a workload selects.
    fn pods(&self, object: &Value) -> Vec<Value> {
        let Some(labels) = object["spec"]["selector"]["matchLabels"].as_object() else {
            return Vec::new();
        };
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let pair = |(key, value): (&String, &Value)| {
            format!("{key}={}", value.as_str().unwrap_or_default())
        };
        let selector: Vec<String> = labels.iter().map(pair).collect();
        let query = format!("labelSelector={}", api::encode(&selector.join(",")));
        // Without its pods a workload is judged by its status alone.
        self.api.list(&format!("/api/v1/namespaces/{namespace}/pods"), &query).unwrap_or_default()
    }
}

fn id_of(resource: &Resource, object: &Value) -> Id {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    Id {
        group: resource.group.clone(),
        kind: resource.kind.clone(),
        namespace: text("namespace"),
        name: text("name"),
    }
}

/// The kinds that definitions in the set bring with them, and whether they are namespaced.
fn defined(items: &[Item]) -> BTreeMap<(String, String), bool> {
    let definitions = items.iter().filter(|item| item.id.kind == "CustomResourceDefinition");
    definitions
        .map(|item| {
            let spec = &item.value["spec"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let key = (text(&spec["group"]), text(&spec["names"]["kind"]));
            (key, spec["scope"] != "Cluster")
        })
        .collect()
}

impl State for Kubernetes {
    fn lock(&self, holder: &Holder, patience: Duration) -> anyhow::Result<Box<dyn Lock>> {
        match &self.leases {
            Some(leases) => leases.lock(holder, patience),
            None => Ok(Box::new(lease::Nothing)),
        }
    }

    fn holder(&self) -> anyhow::Result<Option<Holder>> {
        self.leases.as_ref().map_or(Ok(None), Leases::holder)
    }

    fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        self.leases.as_ref().map_or(Ok(()), |leases| leases.unlock(holder))
    }

    fn inventory(&self) -> anyhow::Result<Stored> {
        self.store.read()
    }

    fn record(&self, inventory: &Inventory, over: &Stored) -> anyhow::Result<Stored> {
        self.store.write(inventory, over)
    }
}

impl Actuator for Kubernetes {
    fn target(&self) -> anyhow::Result<Target> {
        let uid = cluster_uid(&self.api, self.cluster_uid.as_deref())?;
        Ok(Target { kind: "kubernetes".to_owned(), address: self.api.address.clone(), uid })
    }

    fn state(&self) -> &dyn State {
        self
    }

    fn reclaim(&self) {
        self.reclaims.store(true, Ordering::Relaxed);
    }

    fn items(&self, declared: &Declared) -> anyhow::Result<Vec<Item>> {
        let is_manifest = |file: &&super::File| {
            [".yaml", ".yml", ".json"].iter().any(|end| file.path.ends_with(end))
        };
        let files: Vec<_> = declared.files.iter().filter(is_manifest).cloned().collect();
        let documents = yaml::documents(&files)?;
        let mut items =
            manifest::items(documents, &self.ignore).map_err(|found| invalid(&found))?;
        let defined = defined(&items);
        let mut findings = Vec::new();
        let mut seen: BTreeMap<Id, String> = BTreeMap::new();
        for item in &mut items {
            let hook = hook::role(&item.id, &item.value);
            if matches!(hook, Ok(hook::Role::Hook(_))) {
                hook::strip(&mut item.value);
            }
            if let Err(finding) = hook.map(drop).and_then(|()| self.place(item, &defined)) {
                findings.push(format!("{}: {}: {finding}", item.origin, item.id));
            } else if let Some(first) = seen.insert(item.id.clone(), item.origin.clone()) {
                findings
                    .push(format!("{}: {} is already declared in {first}", item.origin, item.id));
            }
        }
        if findings.is_empty() { Ok(items) } else { Err(invalid(&findings)) }
    }

    fn observe(&self, items: Vec<Item>, inventory: &Inventory) -> anyhow::Result<Observation> {
        compare::observe(self, items, inventory)
    }

    fn apply(&self, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
        write::apply(self, stage, lock)
    }

    fn prune(&self, prune: &Prune) -> anyhow::Result<()> {
        write::prune(self, prune)
    }

    fn lingers(&self, id: &Id, uid: &str) -> anyhow::Result<bool> {
        let Some(resource) = self.discovery()?.of(id).cloned() else { return Ok(false) };
        let found = self.api.find(&resource.object(id));
        let found = found.map_err(|failure| failure.error(&format!("read {id}")))?;
        Ok(found.is_some_and(|object| object["metadata"]["uid"] == uid))
    }

    fn health(&self, ids: &[Id]) -> anyhow::Result<Vec<(Id, Health)>> {
        let discovery = self.discovery()?;
        let known = |id: &Id| Some((id.clone(), discovery.of(id)?.clone()));
        let objects = self.fetch(&ids.iter().filter_map(known).collect::<Vec<_>>(), false)?;
        let judge = |id: &Id| {
            let Some(object) = objects.get(id) else { return (id.clone(), Health::Missing) };
            let health = health::of(object, &[]);
            if !matches!(health, Health::Progressing(_)) {
                return (id.clone(), health);
            }
            let pods = self.pods(object);
            (id.clone(), health::of(object, &pods.iter().collect::<Vec<_>>()))
        };
        Ok(ids.iter().map(judge).collect())
    }

    fn diagnose(&self, id: &Id) -> Vec<String> {
        let query = format!(
            "fieldSelector={}",
            api::encode(&format!(
                "involvedObject.kind={},involvedObject.name={}",
                id.kind, id.name
            ))
        );
        let path = format!("/api/v1/namespaces/{}/events", id.namespace);
        let events = self.api.list(&path, &query).unwrap_or_default();
        let warnings = events.iter().filter(|event| event["type"] == "Warning");
        let line = |event: &Value| {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", text("reason"), text("message"))
        };
        let lines: Vec<String> = warnings.map(line).collect();
        lines.into_iter().rev().take(10).rev().collect()
    }
}

fn invalid(findings: &[String]) -> anyhow::Error {
    let message = format!("cannot use what is declared: {}", findings.join("; "));
    Hinted::new(Code::InvalidYaml, message, "correct it; nothing was changed").into()
}
