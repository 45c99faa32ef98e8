//! Changing and deleting objects, each only if it is still the one that was judged.

use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::{APPLY, Call, encode};
use super::compare::hidden;
use super::discovery::Resource;
use super::{Kubernetes, takeover};
use crate::actuator::{Applied, Lock};
use crate::error::{Code, Hinted};
use crate::plan::ownership::{self, PART_OF};
use crate::plan::{Compared, Id, Operation, Prune};

/// How often to look whether a deleted object is gone.
const POLL: Duration = Duration::from_millis(200);
/// How long a kind may take to be listed after its definition is established.
const LISTED: Duration = Duration::from_secs(30);

pub(super) fn apply(cluster: &Kubernetes, stage: &[Compared], lock: &dyn Lock) -> Vec<Applied> {
    let (recreate, patch): (Vec<_>, Vec<_>) =
        stage.iter().partition(|compared| compared.operation == Operation::Recreate);
    let mut applied: Vec<Applied> = Vec::new();
    for compared in recreate {
        let made = lock.check().and_then(|()| make_again(cluster, compared));
        applied.push((compared.item.id.clone(), made));
    }
    // In parts, so that a lock that is lost stops what has not begun.
    for part in patch.chunks(32) {
        applied.extend(patches(cluster, part, lock));
    }
    if stage.iter().any(|compared| compared.item.id.kind == "CustomResourceDefinition") {
        cluster.forget_discovery();
    }
    applied
}

fn patches(cluster: &Kubernetes, part: &[&Compared], lock: &dyn Lock) -> Vec<Applied> {
    let (mut applied, mut items, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for compared in part {
        match lock.check().and_then(|()| patch(cluster, compared)) {
            Ok(call) => {
                items.push(&compared.item);
                calls.push(call);
            }
            Err(error) => applied.push((compared.item.id.clone(), Err(error))),
        }
    }
    for (item, answer) in items.into_iter().zip(cluster.api.calls(calls)) {
        let uid = match answer {
            Ok(object) => Ok(uid(&object)),
            Err(mut failure) => {
                failure.message = hidden(item, &failure.message);
                Err(failure.error(&format!("apply {}", item.id)))
            }
        };
        applied.push((item.id.clone(), uid));
    }
    applied
}

/// The server-side apply of an object that is there as it was judged, or is not there.
fn patch(cluster: &Kubernetes, compared: &Compared) -> anyhow::Result<Call> {
    let (id, resource) = (&compared.item.id, resource(cluster, compared)?);
    let forced = cluster.forced.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
    let path = format!(
        "{}?fieldManager={}&force={forced}&fieldValidation=Strict",
        resource.object(id),
        encode(&cluster.manager)
    );
    let mut object = compared.item.value.clone();
    if let Some(live) = &compared.live {
        if takeover::is_due(cluster, id, &live.value) {
            takeover::take(cluster, &resource, compared, &live.uid)?;
        }
        // Refused by the server if another object has this name by now.
        object["metadata"]["uid"] = json!(live.uid);
    }
    Ok(Call::patch(path, object, APPLY))
}

fn resource(cluster: &Kubernetes, compared: &Compared) -> anyhow::Result<Resource> {
    let start = Instant::now();
    let mut found = cluster.resource(&compared.item)?;
    // A server lists a kind only some time after it has established its definition.
    while found.is_none() && start.elapsed() < cluster.timeout.min(LISTED) {
        thread::sleep(POLL);
        cluster.forget_discovery();
        found = cluster.resource(&compared.item)?;
    }
    found.ok_or_else(|| {
        let id = &compared.item.id;
        Hinted::plain(
            Code::NotFound,
            format!("cannot apply {id}: the server does not know its kind"),
        )
        .into()
    })
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn make_again(cluster: &Kubernetes, compared: &Compared) -> anyhow::Result<String> {
    let (id, resource) = (&compared.item.id, resource(cluster, compared)?);
    if let Some(live) = &compared.live {
        let path = resource.object(id);
        let answer = cluster.api.call(Call::delete(&path, options(&live.uid, None)));
        if let Err(failure) = answer
            && failure.code != 404
        {
            return Err(failure.error(&format!("delete {id} to make it again")));
        }
        await_gone(cluster, id, &path, &live.uid)?;
    }
    let fresh = Compared { live: None, ..compared.clone() };
    let answer = cluster.api.call(patch(cluster, &fresh)?);
    answer.map(|object| uid(&object)).map_err(|failure| failure.error(&format!("make {id} again")))
}

fn await_gone(cluster: &Kubernetes, id: &Id, path: &str, uid: &str) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let found =
            cluster.api.find(path).map_err(|failure| failure.error(&format!("read {id}")))?;
        if found.is_none_or(|object| object["metadata"]["uid"] != uid) {
            return Ok(());
        }
        if start.elapsed() > cluster.timeout {
            let message = format!("cannot make {id} again: it is still being deleted");
            return Err(Hinted::new(Code::Timeout, message, "look at its finalizers").into());
        }
        thread::sleep(POLL);
    }
}

fn options(uid: &str, version: Option<&str>) -> Value {
    let mut preconditions = json!({ "uid": uid });
    if let Some(version) = version {
        preconditions["resourceVersion"] = json!(version);
    }
    json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions,
           "propagationPolicy": "Background"})
}

/// Deletes an object, once more when only its status has changed since it was judged.
pub(super) fn prune(cluster: &Kubernetes, prune: &Prune) -> anyhow::Result<()> {
    let discovery = cluster.discovery()?;
    let Some(resource) = discovery.of(&prune.id).cloned() else {
        if discovery.hides(&prune.id.group) {
            anyhow::bail!("cannot delete {}: the server of its kind does not answer", prune.id);
        }
        // A kind that is gone took its objects along.
        return Ok(());
    };
    let (path, mut version) = (resource.object(&prune.id), prune.live.version.clone());
    for _ in 0..3 {
        let options = options(&prune.live.uid, Some(&version));
        let failure = match cluster.api.call(Call::delete(&path, options)) {
            Ok(_) => return Ok(()),
            Err(failure) if failure.code == 404 => return Ok(()),
            Err(failure) => failure,
        };
        let attempt = format!("delete {}", prune.id);
        if failure.code != 409 {
            return Err(failure.error(&attempt));
        }
        let now = cluster.api.find(&path).map_err(|failure| failure.error(&attempt))?;
        let Some(now) = now else { return Ok(()) };
        if !is_as_judged(cluster, prune, &now) {
            let message = format!("cannot delete {}: it changed meanwhile", prune.id);
            return Err(Hinted::new(Code::Stale, message, "run it again").into());
        }
        now["metadata"]["resourceVersion"].as_str().unwrap_or_default().clone_into(&mut version);
    }
    let message = format!("cannot delete {}: it changes all the time", prune.id);
    Err(Hinted::plain(Code::Stale, message).into())
}

/// The same object, still ours, with the same content.
fn is_as_judged(cluster: &Kubernetes, prune: &Prune, now: &Value) -> bool {
    let labels = &now["metadata"]["labels"];
    let generation = |object: &Value| object["metadata"]["generation"].as_i64();
    uid(now) == prune.live.uid
        && labels[PART_OF] == cluster.store.part_of().as_str()
        && ownership::keep(now).is_none()
        && generation(now) == generation(&prune.live.value)
        && now["data"] == prune.live.value["data"]
}
