//! Planted tokens, and a search for them everywhere they must not be.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{HttpServer, Repositories, SshServer, installed};

const TOOLS: &[&str] =
    &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl", "ssh", "sshd", "ssh-keygen"];

/// As it is, in base64 as Basic credentials have it, and percent-encoded.
const SHAPES: &[&str] = &["canary", "Y2FuYXJ5", "NhbmFyeS", "jYW5hcnkt"];

fn holds_a_canary(bytes: &[u8]) -> bool {
    SHAPES.iter().any(|shape| bytes.windows(shape.len()).any(|window| window == shape.as_bytes()))
}

/// Watches the arguments of all processes that a command starts, as anybody on the machine may.
fn watch_arguments(done: &AtomicBool, own: u32) -> Vec<String> {
    let mut caught = Vec::new();
    while !done.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.parse::<u32>().is_ok_and(|id| id != own) {
                let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                if holds_a_canary(&arguments) {
                    caught.push(String::from_utf8_lossy(&arguments).into_owned());
                }
            }
        }
    }
    caught
}

fn files_with_canaries(dir: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(dir).into_iter().filter_map(Result::ok);
    let files = all.filter(|entry| entry.file_type().is_file());
    let found =
        files.filter(|entry| holds_a_canary(&std::fs::read(entry.path()).unwrap_or_default()));
    found.map(|entry| entry.path().display().to_string()).collect()
}

/// Every way to push and to look, with every format, and a push from the clone.
fn commands(urls: &[String]) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for (at, url) in urls.iter().enumerate() {
        // Those that nobody answers take their time, so once is enough.
        let is_slow = url.contains("/broken/") || url.contains("127.0.0.1:1/");
        let all = [&["-v"][..], &["-n", "-v"], &["-o", "json"]];
        for flags in &all[..if is_slow { 1 } else { 3 }] {
            let bump = format!("api=v{at}.{}", flags.len());
            let head = [
                "--repo",
                url,
                "bump-tag",
                &bump,
                "-e",
                "staging",
                "--timeout",
                if is_slow { "1s" } else { "60s" },
            ];
            commands.push(head.iter().chain(*flags).map(|word| (*word).to_owned()).collect());
        }
    }
    let push = ["-C", "clone", "bump-tag", "api=v77", "-e", "staging", "--push", "-v"];
    commands.push(push.map(str::to_owned).to_vec());
    commands
}

/// Tokens in every variable that is read, and everything that makes programs talkative.
fn plant<'a>(command: &'a mut Command, token: &str) -> &'a mut Command {
    command
        .env("GITOPS_TOKEN", token)
        .env("GITOPS_TOKEN_USER", "ci")
        .env("GITHUB_TOKEN", "canary-github")
        .env("GITLAB_TOKEN", "canary-gitlab")
        .env("CI_JOB_TOKEN", "canary-job")
        .env("CI_SERVER_URL", "https://localhost")
        .env("CANARY", token)
        .env("RUST_BACKTRACE", "1")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::null())
}

#[test]
fn no_secret_gets_out() {
    if !installed(TOOLS) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.git(&["clone", "-q", "shop.git", "clone"]);
    // The server itself must know the password; it keeps it outside of the sandbox.
    let server = HttpServer::new(&repos.root(), "canary-right");
    let ssh = SshServer::new(true);
    repos.hook("shop", "update", "#!/bin/sh\necho \"$CANARY canary-right\" >&2\n");
    let (auth, open) = (server.url("auth", "shop.git"), server.url("open", "shop.git"));
    let (away, page) = (server.url("away", "shop.git"), server.url("page", "shop.git"));
    let missing = server.url("auth", "missing.git");
    let broken = server.url("broken", "shop.git");
    let tls = server.tls_url("auth", "shop.git");
    let behind_ssh = format!("forge:{}", repos.path("shop.git"));
    let dead = "http://127.0.0.1:1/x.git".to_owned();
    let urls = [auth, open, away, page, missing, broken, tls, behind_ssh, dead];
    repos.git(&["-C", "clone", "remote", "set-url", "origin", &urls[0]]);
    let commands = commands(&urls);

    let done = AtomicBool::new(false);
    let path = format!("{}:{}", ssh.bin().display(), std::env::var("PATH").unwrap());
    let (mut masked, mut leaks) = (0, Vec::new());
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_arguments(&done, std::process::id()));
        for args in &commands {
            // The right one first: the other then finds nothing to push, and the hook, whose password it
            // does not know, says nothing.
            for token in ["canary-right", "canary-wrong/+="] {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let mut command = repos.command(&args);
                plant(&mut command, token)
                    .env("PATH", &path)
                    .env("SSL_CERT_FILE", server.ca_file());
                let said = repos.sandbox.finish(&mut command);
                let text = said.render();
                if holds_a_canary(text.as_bytes()) {
                    leaks.push(format!("{args:?} said {text}"));
                }
                masked += usize::from(text.contains("***"));
            }
        }
        done.store(true, Ordering::Relaxed);
        let caught = watcher.join().unwrap();
        assert!(caught.is_empty(), "in the list of processes: {caught:?}");
    });
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(masked > 0, "the hook's words were never heard");
    // Some of them worked, so that the caches and the clone were used.
    assert!(repos.log("shop").len() > 3, "{:?}", repos.log("shop"));
    let found: Vec<String> = files_with_canaries(&repos.root())
        .into_iter()
        .chain(files_with_canaries(&repos.root().parent().unwrap().join("home")))
        .filter(|path| !path.ends_with("hooks/update"))
        .collect();
    assert!(found.is_empty(), "in files: {found:?}");
}

/// Another word than above, whose test watches the list of processes. Somebody who writes a password into a URL is warned, and it goes nowhere else.
#[test]
fn a_password_in_a_url_is_used_and_not_kept() {
    if !installed(TOOLS) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let server = HttpServer::new(&repos.root(), "finch-in-the-url");
    let url = server.url("auth", "shop.git").replace("http://", "http://ci:finch-in-the-url@");
    let said = repos.gitops(&["--repo", &url, "bump-tag", "api=v9", "-e", "staging", "-v"]);
    let text = said.ok().render();
    assert!(text.contains("warning: the URL carries a password"), "{text}");
    assert!(!text.contains("finch"), "{text}");
    let home = walkdir::WalkDir::new(repos.root().parent().unwrap().join("home"));
    for entry in home.into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("finch"), "{}", entry.path().display());
    }
}
