//! Servers, locks and programs that are in the way for a while, or for good.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Break, Fate, HttpServer, Repositories, installed, is_push, scripted_proxy};

const HTTP: &[&str] = &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl"];
const STAGING: &str = "environments/staging.yaml";

fn served() -> Option<(Repositories, HttpServer)> {
    if !installed(HTTP) {
        return None;
    }
    let repos = Repositories::new();
    repos.shop();
    let server = HttpServer::new(&repos.root(), "canary-password");
    Some((repos, server))
}

/// A push that nobody answered, somebody's newer value on top of it, and a look for our commit that fails: it
/// is there all the same, and the newer value must not be overwritten.
#[test]
fn an_unanswered_push_is_not_forgotten_when_looking_for_it_fails() {
    let Some((repos, server)) = served() else { return };
    let bare = repos.path("shop.git");
    let newer = move || {
        let script = "set -e; git clone -q . other; cd other; \
                      sed -i 's/tag: v9 /tag: v11 /' environments/staging.yaml; \
                      git -c user.name=N -c user.email=n@x commit -qam newer; git push -q origin main";
        let status = Command::new("sh").args(["-c", script]).current_dir(&bare).status().unwrap();
        assert!(status.success());
    };
    let (pushes, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let judge = move |line: &str| {
        if is_push(line) && pushes.fetch_add(1, Ordering::SeqCst) == 0 {
            return Fate::Break(Break::After);
        }
        let is_fetch = line.starts_with("POST ") && line.contains("/git-upload-pack ");
        let is_over = pushes.load(Ordering::SeqCst) > 0;
        // The first gets the new tip, the second the commits between.
        if is_fetch && is_over && looks.fetch_add(1, Ordering::SeqCst) == 1 {
            return Fate::Break(Break::Before);
        }
        Fate::Pass
    };
    let port = scripted_proxy(server.port, judge, newer);
    let url = format!("http://127.0.0.1:{port}/open/shop.git");
    let said = repos.gitops(&["--repo", &url, "bump-tag", "api=v9", "-e", "staging", "-v"]);
    assert!(said.ok().stderr.contains("looking for our commit"), "{}", said.render());
    assert_eq!(repos.log("shop"), ["newer", "feat(staging): update api to v9", "init"]);
    assert!(repos.show("shop", STAGING).contains("tag: v11 "));
    repos.is_sound("shop");
}

#[test]
fn who_gives_up_says_which_commit_may_be_there() {
    let Some((repos, server)) = served() else { return };
    let pushes = AtomicUsize::new(0);
    let judge = move |line: &str| {
        if is_push(line) {
            pushes.fetch_add(1, Ordering::SeqCst);
            return Fate::Break(Break::After);
        }
        let is_over = pushes.load(Ordering::SeqCst) > 0;
        if is_over { Fate::Break(Break::Before) } else { Fate::Pass }
    };
    let port = scripted_proxy(server.port, judge, || ());
    let url = format!("http://127.0.0.1:{port}/open/shop.git");
    let args = ["--repo", &url, "bump-tag", "api=v9", "-e", "staging", "--timeout", "2s"];
    let said = repos.gitops(&[&args[..], &["-o", "json"]].concat());
    assert_eq!(said.code, 2, "{}", said.render());
    let head = repos.git(&["-C", "shop.git", "rev-parse", "main"]);
    let words = format!("the commit {} may be there", &head[..10]);
    assert!(said.stderr.contains(&words), "{}", said.stderr);
    assert!(said.stderr.contains("hint: run it again"), "{}", said.stderr);
    let fields: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(fields["error"]["code"], "unsettled");
    assert_eq!(fields["error"]["revision"], head.as_str());
}

/// More often than other troubles are put up with.
#[test]
fn a_lock_that_is_held_is_waited_for() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let hook = "#!/bin/sh\necho x >> tries\n\
                if test $(wc -l < tries) -gt 8; then rm -f refs/heads/main.lock; \
                else touch refs/heads/main.lock; fi\n";
    repos.hook("shop", "pre-receive", hook);
    repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v9", "-e", "staging"]).ok();
    assert_eq!(repos.log("shop").len(), 2);
    // One that stays, and what the server said of it.
    repos.hook(
        "shop",
        "pre-receive",
        "#!/bin/sh\necho see the runbook\ntouch refs/heads/main.lock\n",
    );
    let args = ["--repo", "shop.git", "bump-tag", "api=v10", "-e", "staging", "--timeout", "1s"];
    let said = repos.gitops(&args);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("remote: see the runbook\n"), "{}", said.stderr);
    assert!(said.stderr.contains("in time: "), "{}", said.stderr);
    assert!(said.stderr.contains("though nobody else pushed"), "{}", said.stderr);
}

#[test]
fn a_server_that_says_when_to_return_is_obeyed() {
    let Some((repos, server)) = served() else { return };
    let asked = AtomicUsize::new(0);
    let judge = move |_: &str| {
        if asked.fetch_add(1, Ordering::SeqCst) < 20 {
            let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\
                        Connection: close\r\n\r\n";
            return Fate::Answer(busy);
        }
        Fate::Pass
    };
    let port = scripted_proxy(server.port, judge, || ());
    let url = format!("http://127.0.0.1:{port}/open/shop.git");
    repos.gitops(&["--repo", &url, "bump-tag", "api=v9", "-e", "staging"]).ok();
    assert_eq!(repos.log("shop").len(), 2);
}

/// Our first plan had nothing to do at `web`, so that somebody else's value there was not seen to be replaced.
#[test]
fn a_value_that_was_ours_already_and_is_overtaken_is_told() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    let text = repos.show("shop", STAGING).replace("v2.0.4", "v7.7.7") + "\n";
    repos.lose_once_to("shop", STAGING, &text);
    let args = ["--repo", "shop.git", "bump-tag", "api=v9", "web=v2.0.4", "-e", "staging"];
    let said = repos.gitops(&args);
    let warning = "web.image.tag was set to v7.7.7 by somebody else meanwhile; v2.0.4 replaces it";
    assert!(said.ok().stderr.contains(warning), "{}", said.render());
}

/// A loose object that was cut short sends libgit2 into an endless loop.
#[test]
fn a_cache_that_was_cut_short_is_no_trap() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("open", "shop.git");
    let bump = |image: &str| {
        repos.gitops(&["--repo", &url, "bump-tag", image, "-e", "staging"]).ok();
    };
    bump("api=v1");
    let cache = repos.root().parent().unwrap().join("home/.cache/gitops/git");
    let cache = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    for object in ["main", "main^{tree}", "main:environments", &format!("main:{STAGING}")] {
        let id = repos.git(&["-C", "shop.git", "rev-parse", object]);
        let file = format!("objects/{}/{}", &id[..2], &id[2..]);
        let bytes = std::fs::read(repos.sandbox.path(format!("shop.git/{file}"))).unwrap();
        let cut = cache.join("objects.git").join(file);
        std::fs::create_dir_all(cut.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&cut);
        std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    }
    bump("api=v2");
    assert_eq!(repos.log("shop").len(), 3);
    repos.is_sound("shop");
}

#[test]
fn a_helper_that_hangs_does_not_outlast_the_deadline() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("auth", "shop.git");
    let start = Instant::now();
    repos.git(&["config", "--global", "credential.helper", "!sleep 30; true"]);
    let args = ["--repo", &url, "bump-tag", "api=v1", "-e", "staging", "--timeout", "1s"];
    assert_eq!(repos.gitops(&args).code, 2);
    repos.git(&["config", "--global", "commit.gpgSign", "true"]);
    repos.sandbox.write("slow", "#!/bin/sh\nsleep 30 &\nsleep 30\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(repos.sandbox.path("slow"), mode).unwrap();
    repos.git(&["config", "--global", "gpg.program", &repos.path("slow")]);
    let args = ["--repo", "shop.git", "bump-tag", "api=v1", "-e", "staging", "--timeout", "1s"];
    let said = repos.gitops(&args);
    assert!(said.stderr.contains("it takes too long"), "{}", said.stderr);
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
}

#[test]
fn certificates_are_never_taken_unseen() {
    let Some((repos, server)) = served() else { return };
    let url = server.tls_url("open", "shop.git");
    let args = ["--repo", &url, "bump-tag", "api=v1", "-e", "staging"];
    let refused = |said: &str| {
        assert!(said.contains("without checking its certificate"), "{said}");
        assert!(said.contains("hint: trust the authority"), "{said}");
    };
    let mut blind = repos.command(&args);
    refused(&repos.sandbox.finish(blind.env("GIT_SSL_NO_VERIFY", "1")).stderr);
    repos.git(&["config", "--global", "http.sslVerify", "false"]);
    refused(&repos.gitops(&args).stderr);
    repos.git(&["config", "--global", "http.sslVerify", "true"]);
    let home = repos.root().parent().unwrap().join("home");
    std::fs::copy(server.ca_file(), home.join("ca.pem")).unwrap();
    repos.git(&["config", "--global", "http.sslCAInfo", "~/ca.pem"]);
    repos.gitops(&args).ok();
}

#[test]
fn the_repository_that_is_edited_is_not_its_own_source() {
    if !installed(&["git"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.git(&["clone", "-q", "shop.git", "clone"]);
    repos.git(&["clone", "-q", "shop.git", "app"]);
    repos.git(&["-C", "app", "remote", "set-url", "origin", "https://h.example/acme/app.git"]);
    let shop = repos.path("shop.git");
    for (dir, image, has_source) in [("clone", "api=v1", false), ("app", "api=v2", true)] {
        let mut command = repos.command(&["--repo", &shop, "bump-tag", image, "-e", "staging"]);
        repos.sandbox.finish(command.current_dir(repos.sandbox.path(dir))).ok();
        let message = repos.git(&["-C", "shop.git", "log", "-1", "--format=%B", "main"]);
        assert_eq!(message.contains("Gitops-Source: "), has_source, "{message}");
    }
}

#[test]
fn a_key_command_names_the_key() {
    if !installed(&["git", "ssh-keygen"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    for (key, value) in [("gpg.format", "ssh"), ("commit.gpgSign", "true")] {
        repos.git(&["config", "--global", key, value]);
    }
    let sign = |command: &str| {
        repos.git(&["config", "--global", "gpg.ssh.defaultKeyCommand", command]);
        repos.gitops(&["--repo", "shop.git", "bump-tag", "api=v1", "-e", "staging"]).stderr
    };
    assert!(sign("false").contains("`gpg.ssh.defaultKeyCommand` failed"));
    assert!(sign("echo nothing").contains("`gpg.ssh.defaultKeyCommand` prints no key"));
    // No agent holds it, but it is asked for.
    let said = sign(
        "echo key::ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    );
    assert!(said.contains("cannot sign the commit with `ssh-keygen`"), "{said}");
}
