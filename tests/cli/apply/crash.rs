//! kill -9 at every request of a whole apply: the next run converges, loses nothing, and deletes nothing of others.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::shop::{Shop, map};
use crate::support::kubernetes::{Cluster, Fault, clusters};

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 1 }] }\n";
const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: canary-crash }\n";

/// One state is applied, another declared; somebody else has an object beside them.
fn half_way(cluster: &Cluster) -> Shop<'_> {
    let shop = Shop::new(cluster, "");
    for name in ["kept", "changed", "old"] {
        shop.declare(&format!("{name}.yaml"), &map(name, "1"));
    }
    shop.apply(&["--yes"]).ok();
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
    cluster.create(shop.path("configmaps", "").trim_end_matches('/'), &foreign);
    shop.declare("changed.yaml", &map("changed", "2"));
    shop.declare("new.yaml", &map("new", "1"));
    shop.declare("service.yaml", SERVICE);
    shop.declare("secret.yaml", SECRET);
    shop.undeclare("old.yaml");
    // Whoever is killed leaves a lock that is soon free; who comes after must not lose his on a slow machine.
    shop.configure(", lock: { duration: 1s }");
    cluster.forget();
    shop
}

/// Kills the process when the server hears of the request; false when it ended before.
fn kill_when(reached: &Receiver<()>, child: &mut Child) -> bool {
    loop {
        if reached.recv_timeout(Duration::from_millis(5)).is_ok() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
    }
}

/// Kills one run at its `number`th request, before or after that was worked on, and judges the next run.
fn survives(cluster: &Cluster, number: usize, worked: bool) -> bool {
    let shop = half_way(cluster);
    let (say, reached) = channel();
    cluster.fault(number, Fault::Stall { worked, reached: say });
    let mut child = shop
        .command(&["-e", &shop.name, "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let killed = kill_when(&reached, &mut child);
    cluster.forget();
    shop.configure("");
    let output = shop.apply(&["--yes", "--lock-timeout", "60s"]);
    let what = format!("request {number}, worked on: {worked}: {}", output.render());
    assert_eq!(output.code, 0, "{what}");
    assert_eq!(shop.config_maps(), ["changed", "foreign", "kept", "new"], "{what}");
    assert_eq!(shop.config_map("changed").unwrap()["data"]["value"], "2", "{what}");
    for path in [shop.path("services", "s"), shop.path("secrets", "s")] {
        assert!(cluster.get(&path).is_some(), "{path}: {what}");
    }
    let all = [
        "ConfigMap/[SHOP]/changed",
        "ConfigMap/[SHOP]/kept",
        "ConfigMap/[SHOP]/new",
        "Secret/[SHOP]/s",
        "Service/[SHOP]/s",
    ];
    assert_eq!(shop.entries(), all.map(|key| format!("/{key}")), "{what}");
    let inventory = shop.inventory();
    assert_eq!(inventory["pending"], json!(null), "{what}");
    let uids = inventory["entries"].as_object().unwrap().values();
    assert!(uids.clone().all(|uid| uid.as_str().is_some_and(|uid| !uid.is_empty())), "{what}");
    killed
}

/// Every request, several clusters at once.
fn everywhere(make: impl Fn() -> Cluster + Sync, threads: usize) -> usize {
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let longest = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let step = next.fetch_add(1, Ordering::Relaxed);
                    let (number, worked) = (step / 2 + 1, step % 2 == 1);
                    if survives(&make(), number, worked) {
                        longest.fetch_max(number, Ordering::Relaxed);
                    } else {
                        done.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    longest.into_inner()
}

#[test]
fn kill_9_at_every_request() {
    let requests = everywhere(Cluster::fake, 6);
    // Lock, inventory, kinds, lists, dry runs, writes, health, deletion, inventory, unlock.
    assert!(requests >= 20, "only {requests} requests: the loop ended early");
}

#[test]
fn kill_9_at_every_request_of_a_real_server() {
    if clusters().len() < 2 {
        return;
    }
    let requests = everywhere(|| clusters().pop().unwrap(), 2);
    assert!(requests >= 20, "only {requests} requests: the loop ended early");
}

#[test]
fn a_signal_ends_it_between_two_changes_and_gives_the_lock_back() {
    for cluster in &clusters() {
        let shop = half_way(cluster);
        shop.configure("");
        let (reached, go) =
            cluster.hold(|call| call.method == "PATCH" && !call.target.contains("dryRun"));
        let mut child = shop
            .command(&["-e", &shop.name, "--yes"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        reached.recv_timeout(Duration::from_mins(1)).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let is_noticed = |line: &str| line == "interrupting: what has begun is finished first";
        assert!(said.by_ref().lines().any(|line| is_noticed(&line.unwrap())));
        go.send(()).unwrap();
        let said = io::read_to_string(said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(4), "{said}");
        assert!(said.contains("interrupted: the next run goes on from here"), "{said}");
        assert!(shop.config_map("old").is_some());
        let lease = cluster.get(&shop.lease_path()).unwrap();
        assert_eq!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "");
        shop.apply(&["--yes"]).ok();
        assert_eq!(shop.config_maps(), ["changed", "foreign", "kept", "new"]);
    }
}
