//! What is left of the files when processes race for them or are killed.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::Sandbox;

const FILES: usize = 6;
const ROUNDS: usize = 500;

fn file(number: usize) -> String {
    format!("environments/staging/app{number}.yaml")
}

fn text(tag: &str) -> String {
    format!("# one of several\nimage:\n  repository: acme/api\n  tag: {tag} # set by CI\n")
}

fn prepare() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 0..FILES {
        sandbox.write(&file(number), text("v0"));
    }
    sandbox
}

fn spawn(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.gitops_command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn left_overs(sandbox: &Sandbox) -> Vec<String> {
    std::fs::read_dir(sandbox.path("environments/staging"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("app"))
        .collect()
}

/// Waits without sleeping, so that a kill can fall between any two steps of the other process.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn killed_at_any_moment_each_file_is_old_or_new() {
    let sandbox = prepare();
    let full = Instant::now();
    let _ = sandbox.gitops(&["bump-tag", "api=v1", "-e", "staging", "--all"]);
    let full = full.elapsed();
    let mut now = vec![text("v1"); FILES];
    let mut killed = 0;
    for round in 2..ROUNDS + 2 {
        let tag = format!("v{round}");
        let mut child =
            spawn(&sandbox, &["bump-tag", &format!("api={tag}"), "-e", "staging", "--all"]);
        // From before its first instruction to after its last, in steps that never repeat.
        spin(full * u32::try_from(round * 61 % 500).unwrap() / 400);
        let _ = child.kill();
        killed += usize::from(!child.wait().unwrap().success());
        for (number, now) in now.iter_mut().enumerate() {
            let found = sandbox.read(&file(number));
            assert!(found == *now || found == text(&tag), "round {round}: {found:?}");
            *now = found;
        }
    }
    assert!(killed > ROUNDS / 10, "only {killed} of {ROUNDS} runs were killed");
    let _ = sandbox.gitops(&["bump-tag", "api=end", "-e", "staging", "--all"]);
    for number in 0..FILES {
        assert_eq!(sandbox.read(&file(number)), text("end"));
    }
    assert_eq!(left_overs(&sandbox), Vec::<String>::new());
}

#[test]
fn racing_processes_lose_no_update() {
    const JOBS: usize = 24;
    let sandbox = Sandbox::new();
    let keys = (0..JOBS).map(|n| format!("app{n}: {{image: {{tag: v0}}}}\n"));
    let keys = keys.collect::<Vec<_>>().concat();
    sandbox.write("environments/staging.yaml", &keys);
    let args = |n: usize| format!("app{n}=v1");
    let children: Vec<Child> =
        (0..JOBS).map(|n| spawn(&sandbox, &["bump-tag", &args(n), "-e", "staging"])).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(sandbox.read("environments/staging.yaml"), keys.replace("v0", "v1"));
}
