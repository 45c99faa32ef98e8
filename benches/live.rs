//! `diff --live` of 1,000 objects against an API server that answers each request after 20 ms: wall time of the
//! whole process, and how many requests it took. `bench/live` runs it.

#![expect(dead_code, reason = "the tests use the rest of their fake API server")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "as in tests")]

#[path = "../tests/cli/support/kubernetes/mod.rs"]
mod kubernetes;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kubernetes::{Answer, Backend, Call, Cluster, Fake};

const RUNS: usize = 15;
const DELAY: u64 = 20;

/// The fake server, and milliseconds before each answer.
struct Slow(Fake, Arc<AtomicU64>);

impl Backend for Slow {
    fn answer(&self, call: &Call) -> Answer {
        thread::sleep(Duration::from_millis(self.1.load(Ordering::Relaxed)));
        self.0.answer(call)
    }
}

/// Kinds as a shop has them.
fn objects(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let (kind, body) = match n % 4 {
            0 => ("Secret", format!("stringData: {{ a: value-{n} }}")),
            1 => ("Service", format!("spec: {{ ports: [{{ port: {} }}] }}", n + 1)),
            _ => ("ConfigMap", format!("data: {{ value: \"{n}\" }}")),
        };
        let _ =
            write!(text, "---\napiVersion: v1\nkind: {kind}\nmetadata: {{ name: m{n} }}\n{body}\n");
    }
    text
}

fn gitops(dir: &Path, args: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gitops"));
    command.args(args).current_dir(dir).env("KUBECONFIG", dir.join("kubeconfig"));
    let output = command.stdout(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// The median and the fastest of several runs, and the requests of one.
fn measure(count: usize, delay: u64) -> Result<(Duration, Duration, usize), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let pause = Arc::new(AtomicU64::new(0));
    let cluster = Cluster::new(Arc::new(Slow(Fake::new(), Arc::clone(&pause))));
    fs::write(dir.path().join("kubeconfig"), cluster.kubeconfig())?;
    fs::write(
        dir.path().join("gitops.yaml"),
        "environments:\n  shop: { files: [env/**], actuator: { kind: kubernetes, namespace: default } }\n",
    )?;
    fs::create_dir(dir.path().join("env"))?;
    fs::write(dir.path().join("env/all.yaml"), objects(count))?;
    gitops(dir.path(), &["apply", "-e", "shop", "--yes", "--no-wait"])?;
    pause.store(delay, Ordering::Relaxed);
    let (mut times, mut requests) = (Vec::new(), 0);
    for _ in 0..RUNS {
        cluster.forget();
        let start = Instant::now();
        gitops(dir.path(), &["diff", "-e", "shop", "--live", "--exit-code"])?;
        times.push(start.elapsed());
        requests = cluster.log().len();
    }
    times.sort();
    Ok((times[RUNS / 2], times[0], requests))
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("| objects | delay | median | fastest | requests |\n| --- | --- | --- | --- | --- |");
    for (count, delay) in [(250, DELAY), (1000, DELAY), (4000, DELAY), (1000, 0)] {
        let (median, fastest, requests) = measure(count, delay)?;
        let [median, fastest] = [median, fastest].map(|time| time.as_millis());
        println!("| {count} | {delay} ms | {median} ms | {fastest} ms | {requests} |");
    }
    Ok(())
}
