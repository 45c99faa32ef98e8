//! Many at once: nothing is lost, nobody fails, nothing is left over.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::{Break, HttpServer, Repositories, breaking_proxy, installed, value_of};

const HTTP: &[&str] = &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl"];

/// One file with a key for each job, or a file for each job.
fn repository(jobs: usize, same_file: bool) -> Repositories {
    let repos = Repositories::new();
    let lines: Vec<String> = (0..jobs).map(|job| format!("k{job}: v0")).collect();
    let keys = lines.join("\n") + "\n";
    let names: Vec<String> = (0..jobs).map(|job| file_of(job, same_file)).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .enumerate()
        .filter(|(job, _)| !same_file || *job == 0)
        .map(|(_, name)| (name.as_str(), keys.as_str()))
        .collect();
    repos.bare("race", &files);
    repos
}

fn file_of(job: usize, same_file: bool) -> String {
    if same_file { "all.yaml".to_owned() } else { format!("apps/{job}.yaml") }
}

fn start(repos: &Repositories, url: &str, job: usize, same_file: bool, extra: &[&str]) -> Child {
    let (file, set) = (file_of(job, same_file), format!("k{job}=v1"));
    let args = ["--repo", url, "bump-tag", "--file", &file, "--set", &set];
    let mut command = repos.command(&[&args[..], extra].concat());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn check(repos: &Repositories, jobs: impl Iterator<Item = usize>, same_file: bool) {
    for job in jobs {
        let text = repos.show("race", &file_of(job, same_file));
        assert_eq!(value_of(&text, &format!("k{job}")), Some("v1"), "job {job} was lost");
    }
    repos.is_sound("race");
}

fn race(repos: &Repositories, url: &str, jobs: usize, same_file: bool, extra: &[&str]) {
    let children: Vec<Child> =
        (0..jobs).map(|job| start(repos, url, job, same_file, extra)).collect();
    for (job, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "job {job}: {said}");
    }
    check(repos, 0..jobs, same_file);
    assert_eq!(repos.log("race").len(), jobs + 1, "one commit for each job");
}

#[test]
fn jobs_at_once_over_http_in_one_file() {
    if !installed(HTTP) {
        return;
    }
    let repos = repository(64, true);
    let server = HttpServer::new(&repos.root(), "none");
    race(&repos, &server.url("open", "race.git"), 64, true, &["--no-cache"]);
}

#[test]
fn jobs_at_once_over_http_in_files_of_their_own() {
    if !installed(HTTP) {
        return;
    }
    let repos = repository(64, false);
    let server = HttpServer::new(&repos.root(), "none");
    race(&repos, &server.url("open", "race.git"), 64, false, &["--no-cache"]);
}

#[test]
fn jobs_at_once_with_a_shared_cache_queue_up() {
    if !installed(HTTP) {
        return;
    }
    let repos = repository(64, true);
    let server = HttpServer::new(&repos.root(), "none");
    race(&repos, &server.url("open", "race.git"), 64, true, &[]);
    let lost = server
        .log()
        .iter()
        .filter(|line| line.starts_with("POST") && line.contains("receive"))
        .count();
    assert_eq!(lost, 64, "with the lock no push is lost");
}

#[test]
fn jobs_at_once_in_a_directory() {
    if !installed(&["git"]) {
        return;
    }
    for same_file in [true, false] {
        let repos = repository(64, same_file);
        let url = format!("file://{}", repos.path("race.git"));
        race(&repos, &url, 64, same_file, &[]);
    }
}

#[test]
fn jobs_at_once_in_a_directory_without_git() {
    if !installed(&["git"]) {
        return;
    }
    let repos = repository(64, true);
    let path = repos.path("race.git");
    let children: Vec<Child> = (0..64)
        .map(|job| {
            let set = format!("k{job}=v1");
            let mut command =
                repos.command(&["--repo", &path, "bump-tag", "--file", "all.yaml", "--set", &set]);
            command.env("PATH", "/nonexistent").stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    check(&repos, 0..64, true);
    assert_eq!(repos.log("race").len(), 65);
}

/// Of eight, two are killed at a random moment: the others land, and nothing stays locked.
fn killed(repos: &Repositories, url: &str) {
    for turn in 0..6_usize {
        let mut children: Vec<Child> =
            (0..8).map(|job| start(repos, url, turn * 8 + job, true, &[])).collect();
        let spun = AtomicUsize::new(0);
        // Work of random length rather than a sleep: the moment need not be known, only different.
        let work = 1 + (turn * 7919) % 23;
        thread::scope(|scope| {
            scope.spawn(|| {
                while spun.load(Ordering::Relaxed) < work * 200_000 {
                    spun.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
        for child in &mut children[..2] {
            let _ = child.kill();
        }
        for (job, child) in children.into_iter().enumerate() {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(job < 2 || output.status.success(), "job {job}: {said}");
        }
        check(repos, (turn * 8 + 2)..(turn * 8 + 8), true);
    }
    // Whoever was killed can simply run again.
    let again: Vec<Child> = (0..48).map(|job| start(repos, url, job, true, &[])).collect();
    for child in again {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    check(repos, 0..48, true);
}

#[test]
fn the_killed_take_nobody_along_over_http() {
    if !installed(HTTP) {
        return;
    }
    let repos = repository(48, true);
    let server = HttpServer::new(&repos.root(), "none");
    killed(&repos, &server.url("open", "race.git"));
}

#[test]
fn the_killed_take_nobody_along_in_a_directory() {
    if !installed(&["git"]) {
        return;
    }
    let repos = repository(48, true);
    killed(&repos, &format!("file://{}", repos.path("race.git")));
}

#[test]
fn the_last_writer_wins_and_says_what_it_replaced() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let other = repos.show("shop", "environments/staging.yaml").replace("v1.2.2", "v1.2.9");
    repos.lose_once_to("shop", "environments/staging.yaml", &other);
    let args = ["--repo", "shop.git", "bump-tag", "api=v1.2.3", "-e", "staging"];
    let said = repos.gitops(&args);
    assert_eq!(
        said.ok().stderr,
        "warning: environments/staging.yaml: api.image.tag was set to v1.2.9 by somebody else \
         meanwhile; v1.2.3 replaces it\nothers pushed meanwhile: it took 2 attempts\n"
    );
    assert!(
        said.stdout.starts_with("environments/staging.yaml:6: api.image.tag: v1.2.9 -> v1.2.3\n")
    );
}

#[test]
fn guards_are_asked_again_on_every_tip() {
    if !installed(&["git"]) {
        return;
    }
    for (guard, value) in [("--no-downgrade", None), ("--expect", Some("v1.2.2"))] {
        let repos = Repositories::new();
        repos.shop();
        let other = repos.show("shop", "environments/staging.yaml").replace("v1.2.2", "v1.2.9");
        repos.lose_once_to("shop", "environments/staging.yaml", &other);
        let mut args = vec!["--repo", "shop.git", "bump-tag", "api=v1.2.3", "-e", "staging", guard];
        args.extend(value);
        args.extend(["-o", "json"]);
        let said = repos.gitops(&args);
        assert_eq!(said.code, 3, "{}", said.render());
        assert_eq!(said.json()["error"]["code"], "superseded");
        assert_eq!(repos.log("shop"), ["somebody else", "init"]);
    }
}

/// The answer to a push is lost. Whether the commit arrived has to be found out, not guessed.
#[test]
fn a_push_without_an_answer_is_looked_for_before_it_is_repeated() {
    if !installed(HTTP) {
        return;
    }
    for moment in [Break::Before, Break::After] {
        for moved_on in [false, true] {
            let repos = Repositories::new();
            repos.shop();
            let server = HttpServer::new(&repos.root(), "none");
            let port = breaking_proxy(server.port, moment);
            if moved_on {
                // Somebody else commits on top before we can look.
                let hook = "#!/bin/sh\ntest -e moved && exit 0\ntouch moved\n\
                            tree=$(git rev-parse main^{tree})\n\
                            next=$(echo on top | git -c user.name=x -c user.email=x@x commit-tree -p main $tree)\n\
                            git update-ref refs/heads/main $next\n";
                repos.hook("shop", "post-receive", hook);
            }
            let url = format!("http://127.0.0.1:{port}/open/shop.git");
            let said = repos.gitops(&["--repo", &url, "bump-tag", "api=v9", "-e", "staging", "-v"]);
            assert!(said.ok().stderr.contains("looking for our commit"), "{}", said.render());
            assert!(said.stdout.contains("pushed "), "{}", said.render());
            let mut log = repos.log("shop");
            log.sort_unstable();
            let mut expected = vec!["feat(staging): update api to v9", "init"];
            if moved_on {
                expected.push("on top");
            }
            assert_eq!(log, expected, "{moment:?} {moved_on}");
            repos.is_sound("shop");
        }
    }
}
