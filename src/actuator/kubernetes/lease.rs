//! The lock: a Lease that its holder renews, and that anyone may take when it was not renewed for its duration,
//! measured on the taker's own clock. A holder that is killed blocks nobody for longer than that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::{Api, Call, Failure};
use super::store::{homeless, object_name};
use crate::actuator::local::held;
use crate::actuator::{Holder, Lock};
use crate::error::{Code, Hinted};
use crate::plan::duration;

/// Says who holds it, for people.
const ABOUT: &str = "gitops/lock-info";
/// How often to look at a lease that somebody holds.
const POLL: Duration = Duration::from_millis(200);

/// Where the lease is.
#[derive(Clone)]
pub(super) struct Leases {
    pub(super) api: Arc<Api>,
    pub(super) namespace: String,
    pub(super) environment: String,
    pub(super) duration: Duration,
}

struct Held {
    leases: Leases,
    holder: Holder,
    token: u64,
    shared: Arc<Shared>,
    heart: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// When it was last renewed; `None` once it is lost.
    renewed: Mutex<Option<Instant>>,
    ends: Mutex<bool>,
    wake: Condvar,
    lost: AtomicBool,
}

impl Leases {
    fn list(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.list(), self.name())
    }

    fn name(&self) -> String {
        format!("gitops-{}", object_name(&self.environment))
    }

    pub(super) fn find(&self) -> anyhow::Result<Option<Value>> {
        self.api.find(&self.path()).map_err(|failure| self.error(&failure))
    }

    /// Who holds it.
    pub(super) fn holder(&self) -> anyhow::Result<Option<Holder>> {
        Ok(self.find()?.as_ref().and_then(holder_of))
    }

    /// Frees it, if that holder still has it.
    pub(super) fn unlock(&self, holder: &Holder) -> anyhow::Result<()> {
        let Some(mut lease) = self.find()? else { return Ok(()) };
        if holder_of(&lease).as_ref().is_none_or(|now| now.id != holder.id) {
            let message =
                format!("cannot break the lock of `{}`: it has another holder now", holder.id);
            return Err(Hinted::new(Code::Stale, message, "look again with --unlock").into());
        }
        lease["spec"]["holderIdentity"] = json!("");
        self.api.call(Call::put(self.path(), lease)).map_err(|failure| self.error(&failure))?;
        Ok(())
    }

    pub(super) fn lock(
        &self,
        holder: &Holder,
        patience: Duration,
    ) -> anyhow::Result<Box<dyn Lock>> {
        let start = Instant::now();
        let mut watched: Option<(String, Instant)> = None;
        loop {
            let lease = self.find()?;
            let now = lease.as_ref().and_then(holder_of);
            let seen = lease.as_ref().map(|lease| lease["spec"]["renewTime"].to_string());
            let seen = format!("{now:?} {seen:?}");
            let since = match &watched {
                Some((same, since)) if *same == seen => *since,
                _ => watched.insert((seen, Instant::now())).1,
            };
            let expires = lease.as_ref().map_or(self.duration, duration_of);
            let is_free = now.is_none() || since.elapsed() >= expires;
            if is_free && let Some(token) = self.take(lease, holder)? {
                return Ok(Box::new(self.hold(holder, token)));
            }
            if let Some(now) = now.filter(|_| start.elapsed() >= patience) {
                let spare = duration::show(expires + Duration::from_secs(30));
                let hint = format!(
                    "wait for it with --lock-timeout {spare}; a lock whose holder is gone is free after {}",
                    duration::show(expires)
                );
                let message = held(&self.environment, &now).to_string();
                return Err(Hinted::new(Code::Locked, message, hint).into());
            }
            thread::sleep(POLL);
        }
    }

    /// Writes our name into the lease, over exactly the one that was seen; `None` when somebody was faster.
    fn take(&self, lease: Option<Value>, holder: &Holder) -> anyhow::Result<Option<u64>> {
        let transitions =
            |lease: &Value| lease["spec"]["leaseTransitions"].as_u64().unwrap_or_default();
        let token = lease.as_ref().map_or(0, transitions) + 1;
        let now = timestamp();
        let spec = json!({
            "holderIdentity": holder.id, "leaseDurationSeconds": self.duration.as_secs().max(1),
            "acquireTime": now, "renewTime": now, "leaseTransitions": token,
        });
        let call = if let Some(mut lease) = lease {
            lease["spec"] = spec;
            lease["metadata"]["annotations"][ABOUT] = json!(holder.about);
            Call::put(self.path(), lease)
        } else {
            let metadata = json!({"name": self.name(), "namespace": self.namespace,
                    "annotations": {ABOUT: holder.about}});
            let body = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": metadata, "spec": spec});
            Call::post(self.list(), body)
        };
        match self.api.call(call) {
            Ok(_) => Ok(Some(token)),
            Err(failure) if failure.code == 409 => Ok(None),
            Err(failure) if failure.code == 0 => {
                // The answer was lost, perhaps not the request.
                let ours = self.holder()?.is_some_and(|now| now.id == holder.id);
                if ours { Ok(Some(token)) } else { Err(self.error(&failure)) }
            }
            Err(failure) => Err(self.error(&failure)),
        }
    }

    fn hold(&self, holder: &Holder, token: u64) -> Held {
        let shared = Arc::new(Shared::default());
        *lock(&shared.renewed) = Some(Instant::now());
        let (leases, ours, theirs) = (self.clone(), holder.clone(), Arc::clone(&shared));
        let heart = thread::spawn(move || leases.beat(&ours, &theirs));
        Held { leases: self.clone(), holder: holder.clone(), token, shared, heart: Some(heart) }
    }

    /// Renews the lease four times in its duration, until it is lost or given back.
    fn beat(&self, holder: &Holder, shared: &Shared) {
        loop {
            let ends = lock(&shared.ends);
            let wait = shared.wake.wait_timeout_while(ends, self.duration / 4, |ends| !*ends);
            if *wait.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
            match self.renew(holder) {
                Ok(true) => *lock(&shared.renewed) = Some(Instant::now()),
                Ok(false) => {
                    shared.lost.store(true, Ordering::SeqCst);
                    return;
                }
                // Whoever holds it asks `check` before each write; the next beat may reach the server.
                Err(_) => {}
            }
        }
    }

    /// False when somebody else holds it.
    fn renew(&self, holder: &Holder) -> anyhow::Result<bool> {
        let Some(mut lease) = self.find()? else { return Ok(false) };
        if holder_of(&lease).is_none_or(|now| now.id != holder.id) {
            return Ok(false);
        }
        lease["spec"]["renewTime"] = json!(timestamp());
        match self.api.call(Call::put(self.path(), lease)) {
            Ok(_) => Ok(true),
            Err(failure) => Err(self.error(&failure)),
        }
    }

    fn error(&self, failure: &Failure) -> anyhow::Error {
        if failure.code == 403 {
            let message =
                format!("cannot lock the environment `{}`: {}", self.environment, failure.message);
            let hint = format!(
                "allow it in the namespace {}: {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}}; or say `lock: {{kind: none}}`",
                self.namespace
            );
            return Hinted::new(Code::Error, message, hint).into();
        }
        if failure.code == 404 {
            return homeless("take the lock", &self.environment, &self.namespace);
        }
        failure.error(&format!("lock the environment `{}`", self.environment))
    }
}

impl Lock for Held {
    fn token(&self) -> u64 {
        self.token
    }

    fn check(&self) -> anyhow::Result<()> {
        let fresh = lock(&self.shared.renewed)
            .is_some_and(|renewed| renewed.elapsed() < self.leases.duration * 2 / 3);
        if fresh && !self.shared.lost.load(Ordering::SeqCst) {
            return Ok(());
        }
        let message = format!(
            "cannot go on with `{}`: its lock was lost, and somebody else may hold it",
            self.leases.environment
        );
        Err(Hinted::new(Code::Locked, message, "run it again: it goes on from there").into())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *lock(&self.shared.ends) = true;
        self.shared.wake.notify_all();
        if let Some(heart) = self.heart.take() {
            // It has nothing to say that matters any more.
            let _ = heart.join();
        }
        // A lease that cannot be given back expires.
        let _ = self.leases.unlock(&self.holder);
    }
}

/// Without a lock, for clusters whose users may not have leases; the settings must say so.
pub(super) struct Nothing;

impl Lock for Nothing {
    fn token(&self) -> u64 {
        0
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn holder_of(lease: &Value) -> Option<Holder> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = text(&lease["spec"]["holderIdentity"]);
    let about = text(&lease["metadata"]["annotations"][ABOUT]);
    let since = text(&lease["spec"]["acquireTime"]);
    (!id.is_empty()).then_some(Holder { id, about, since })
}

fn duration_of(lease: &Value) -> Duration {
    Duration::from_secs(lease["spec"]["leaseDurationSeconds"].as_u64().unwrap_or(60))
}

fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
