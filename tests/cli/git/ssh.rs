//! Over SSH: a real `sshd`, and the user's own `ssh`.

use std::process::Stdio;

use crate::support::{Output, Repositories, SshServer, installed};

const TOOLS: &[&str] = &["git", "ssh", "sshd", "ssh-keygen"];

fn served(two: bool) -> Option<(Repositories, SshServer)> {
    if !installed(TOOLS) {
        return None;
    }
    let repos = Repositories::new();
    repos.shop();
    Some((repos, SshServer::new(two)))
}

/// With the `ssh` whose configuration knows the server first on the path.
fn gitops(repos: &Repositories, server: &SshServer, args: &[&str]) -> Output {
    let mut command = repos.command(args);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", server.bin().display()));
    repos.sandbox.finish(&mut command)
}

#[test]
fn every_form_of_address_lands() {
    let Some((repos, server)) = served(true) else { return };
    let path = repos.path("shop.git");
    let urls = [
        format!("ssh://127.0.0.1:{}{path}", server.port),
        format!("forge:{path}"),
        format!("ssh://forge{path}"),
        format!("[127.0.0.1:{}]:{path}", server.port),
    ];
    for (at, url) in urls.iter().enumerate() {
        let image = format!("api=v{at}");
        gitops(&repos, &server, &["--repo", url, "bump-tag", &image, "-e", "staging"]).ok();
    }
    assert_eq!(repos.log("shop").len(), 1 + urls.len());
    repos.is_sound("shop");
}

#[test]
fn a_server_that_drops_the_version_does_as_well() {
    let Some((repos, server)) = served(false) else { return };
    let url = format!("forge:{}", repos.path("shop.git"));
    for tag in ["v1", "v2", "v3"] {
        let image = format!("api={tag}");
        gitops(&repos, &server, &["--repo", &url, "bump-tag", &image, "-e", "staging"]).ok();
    }
    assert_eq!(repos.log("shop").len(), 4);
    repos.is_sound("shop");
}

#[test]
fn the_users_own_command_counts() {
    let Some((repos, server)) = served(true) else { return };
    let ssh = format!("{}/ssh", server.bin().display());
    let url = format!("forge:{}", repos.path("shop.git"));
    let mut command = repos.command(&["--repo", &url, "bump-tag", "api=v1", "-e", "staging"]);
    repos.sandbox.finish(command.env("GIT_SSH_COMMAND", format!("{ssh} -o LogLevel=ERROR"))).ok();
    assert!(server.log().iter().all(|line| line.contains("LogLevel=ERROR")), "{:?}", server.log());
    // It may have its own way to share connections.
    assert!(!server.log().iter().any(|line| line.contains("ControlPath")));
    repos.git(&["config", "--global", "core.sshCommand", &ssh]);
    repos.gitops(&["--repo", &url, "bump-tag", "api=v2", "-e", "staging"]).ok();
    repos.is_sound("shop");
}

#[test]
fn an_unknown_host_key_and_a_wrong_path_are_said_plainly() {
    let Some((repos, server)) = served(true) else { return };
    let wrong = format!("forge:{}", repos.path("nope.git"));
    let said = gitops(&repos, &server, &["--repo", &wrong, "bump-tag", "api=v1", "-e", "staging"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("does not appear to be a git repository"), "{}", said.stderr);
    assert!(said.stderr.contains("hint: check the URL"), "{}", said.stderr);
    server.forget_host();
    let url = format!("forge:{}", repos.path("shop.git"));
    let said = gitops(&repos, &server, &["--repo", &url, "bump-tag", "api=v1", "-e", "staging"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("Host key verification failed"), "{}", said.stderr);
    assert!(said.stderr.contains("hint: check the host's key"), "{}", said.stderr);
    assert_eq!(repos.log("shop"), ["init"]);
}

/// A hook moves the branch once, so that the first push loses; the second goes through the connection
/// that is open.
#[test]
fn a_lost_race_is_run_again_over_the_open_connection() {
    let Some((repos, server)) = served(true) else { return };
    repos.lose_once("shop");
    let url = format!("forge:{}", repos.path("shop.git"));
    let said = gitops(&repos, &server, &["--repo", &url, "bump-tag", "api=v1", "-e", "staging"]);
    assert_eq!(said.ok().stderr, "others pushed meanwhile: it took 2 attempts\n");
    let log = repos.log("shop");
    assert_eq!(log, ["feat(staging): update api to v1", "somebody else", "init"]);
    let shared =
        |line: &&String| line.contains("ControlMaster=no") && line.contains("receive-pack");
    assert_eq!(server.log().iter().filter(shared).count(), 1, "{:?}", server.log());
    repos.is_sound("shop");
}

/// The alias of a forge's host is in the configuration that the user's own command names.
#[test]
fn an_alias_is_looked_up_by_the_users_own_command() {
    if !installed(&["git", "ssh"]) {
        return;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.sandbox.write("ssh_config", "Host gh-work\n  HostName github.com\n");
    let config = repos.path("ssh_config");
    // It looks names up, and connects to the repository in this directory.
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\ncase \" $* \" in *' -G '*) exec ssh -F {config} \"$@\";; esac\n\
         exec sh -c \"cd {}; $(echo \"$last\" | tr -d \\')\"\n",
        repos.root().display()
    );
    repos.sandbox.write("own-ssh", &script);
    let url = "git@gh-work:open/shop.git";
    repos.git(&["clone", "-q", "--bare", "shop.git", "open/shop.git"]);
    let run = |by_config: bool| {
        let args = ["--repo", url, "bump-tag", "api=v1", "-e", "staging", "--pr", "-o", "json"];
        let mut command = repos.command(&args);
        let line = format!("sh {}", repos.path("own-ssh"));
        if by_config {
            repos.git(&["config", "--global", "core.sshCommand", &line]);
        } else {
            command.env("GIT_SSH_COMMAND", line);
        }
        let said = repos.sandbox.finish(&mut command);
        assert_eq!(said.code, 0, "{}", said.render());
        said.json()["new_url"].as_str().unwrap().to_owned()
    };
    let page = "https://github.com/open/shop/compare/main...gitops/staging/api?expand=1";
    assert_eq!([run(false), run(true)], [page, page]);
}

/// Several at once, each with a key of its own in one file.
fn race(two: bool) {
    let Some((repos, server)) = served(two) else { return };
    let url = format!("forge:{}", repos.path("shop.git"));
    let path = format!("{}:{}", server.bin().display(), std::env::var("PATH").unwrap());
    let start = |job: usize| {
        let set = format!("k{job}=v1");
        let file = "environments/dev.yaml";
        let args = ["--repo", &url, "bump-tag", "--file", file, "--create", "--set", &set];
        let mut command = repos.command(&args);
        command.env("PATH", &path).env("XDG_CACHE_HOME", repos.sandbox.path(format!("c{job}")));
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..8).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = repos.show("shop", "environments/dev.yaml");
    assert!((0..8).all(|job| text.contains(&format!("k{job}: v1"))), "{text}");
    assert_eq!(repos.log("shop").len(), 9);
    repos.is_sound("shop");
}

#[test]
fn jobs_at_once_all_land() {
    race(true);
}

#[test]
fn jobs_at_once_all_land_where_the_server_drops_the_version() {
    race(false);
}

/// Of the two sides, which are opened at once, one saw the branch before somebody's push: a version 0 server
/// gives nothing but what it said then.
#[test]
fn a_push_between_the_two_sides_is_a_lost_race() {
    if !installed(&["git"]) {
        return;
    }
    for late in ["upload-pack", "receive-pack"] {
        let repos = Repositories::new();
        repos.shop();
        let root = repos.root();
        repos.git(&["clone", "-q", "--bare", "shop.git", "before.git"]);
        repos.gitops(&["--repo", "shop.git", "bump-tag", "web=v7", "-e", "staging"]).ok();
        // The one side answers from a copy of before, once.
        let script = format!(
            "#!/bin/sh\nfor last; do :; done\nunset GIT_PROTOCOL\ncase \"$last\" in *{late}*)\n\
             mkdir {root}/once 2>/dev/null && last=\"git {late} {root}/before.git\" ;; esac\n\
             exec sh -c \"$last\"\n",
            root = root.display()
        );
        repos.sandbox.write("ssh", &script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(repos.sandbox.path("ssh"), mode).unwrap();
        let url = format!("ssh://forge{}", repos.path("shop.git"));
        let mut command = repos.command(&["--repo", &url, "bump-tag", "api=v1", "-e", "staging"]);
        repos.sandbox.finish(command.env("GIT_SSH", repos.sandbox.path("ssh"))).ok();
        assert_eq!(repos.log("shop").len(), 3, "{late}");
        repos.is_sound("shop");
    }
}
