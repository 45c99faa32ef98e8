//! SHA-256 repositories, which the user's `git` reads and writes for us.

use crate::support::{HttpServer, Repositories, installed};

const HTTP: &[&str] = &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl"];

fn repository() -> Repositories {
    let repos = Repositories::new();
    repos.bare_as("sha256", "r", &[("a.yaml", "k: v\n")]);
    repos
}

#[test]
fn a_redirect_is_followed_and_credentials_stay_behind() {
    if !installed(HTTP) {
        return;
    }
    let repos = repository();
    let server = HttpServer::new(&repos.root(), "canary-password");
    for (way, value) in [("moved", "one"), ("hop", "two")] {
        let (url, set) = (server.url(way, "r.git"), format!("k={value}"));
        let before = server.log().len();
        let args = ["--repo", &url, "bump-tag", "--file", "a.yaml", "--set", &set];
        let mut command = repos.command(&args);
        command.env("GITOPS_TOKEN", "canary-password").env("GITOPS_TOKEN_USER", "ci");
        repos.sandbox.finish(&mut command).ok();
        assert_eq!(repos.show("r", "a.yaml"), format!("k: {value}"));
        // To another host name: the token for the first does not go there.
        let log = server.log().split_off(before);
        let arrived: Vec<&String> = log.iter().filter(|line| line.contains(" /open/")).collect();
        assert!(arrived.len() > 3, "{log:?}");
        let is_bare = arrived.iter().all(|line| line.ends_with(" -"));
        assert_eq!(is_bare, way == "hop", "{arrived:?}");
    }
}

/// The branch moves after it was listed, and before it is fetched.
#[test]
fn a_branch_that_moves_while_it_is_fetched_is_taken_as_it_came() {
    if !installed(&["git"]) {
        return;
    }
    let repos = repository();
    repos.sandbox.write("r.work/b.yaml", "k: v\n");
    repos.git(&["-C", "r.work", "add", "-A"]);
    repos.git(&["-C", "r.work", "commit", "-q", "-m", "somebody else"]);
    repos.git(&["-C", "r.work", "push", "-q", &repos.path("r.git"), "HEAD:refs/other/x"]);
    let path = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\nPATH='{path}'\ncase \" $* \" in *' fetch '*)\n\
         if ! test -e {0}/moved; then touch {0}/moved; \
         git -C {0}/r.git update-ref refs/heads/main refs/other/x; fi;;\nesac\nexec git \"$@\"\n",
        repos.root().display()
    );
    repos.sandbox.write("bin/git", script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(repos.sandbox.path("bin/git"), mode).unwrap();
    let args = ["--repo", "r.git", "bump-tag", "--file", "a.yaml", "--set", "k=w"];
    let mut command = repos.command(&args);
    repos.sandbox.finish(command.env("PATH", format!("{}:{path}", repos.path("bin")))).ok();
    assert!(repos.sandbox.path("moved").exists());
    assert_eq!(repos.log("r").len(), 3);
    repos.is_sound("r");
}
