//! Over HTTP: `git http-backend` behind nginx.

use snapbox::str;

use crate::support::{HttpServer, Repositories, installed};

const TOOLS: &[&str] = &["git", "git-http-backend", "nginx", "fcgiwrap", "openssl"];

fn served() -> Option<(Repositories, HttpServer)> {
    if !installed(TOOLS) {
        return None;
    }
    let repos = Repositories::new();
    repos.shop();
    let server = HttpServer::new(&repos.root(), "canary-password");
    Some((repos, server))
}

/// Method, path and status, without the repository's own.
fn requests(lines: &[String]) -> Vec<String> {
    let short = |line: &String| {
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let status = words.next().unwrap();
        let (_, action) = path.split_once(".git/").unwrap_or(("", path));
        format!("{method} {action} {status}")
    };
    lines.iter().map(short).collect()
}

#[test]
fn the_first_run_needs_few_requests_and_the_next_fewer() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("open", "shop.git");
    let bump = |tag: &str, extra: &[&str]| {
        let image = format!("api={tag}");
        let args = ["--repo", &url, "--branch", "main", "bump-tag", &image, "-e", "staging"];
        repos.gitops(&[&args[..], extra].concat()).ok();
    };
    bump("v1", &[]);
    let cold = server.log();
    let mut expected = [
        "GET info/refs?service=git-receive-pack 200",
        "GET info/refs?service=git-upload-pack 200",
        "POST git-upload-pack 200",
        "POST git-upload-pack 200",
        "POST git-receive-pack 200",
    ];
    let mut seen = requests(&cold);
    // The first two go out together.
    seen[..2].sort();
    expected[..2].sort_unstable();
    assert_eq!(seen, expected);

    bump("v2", &[]);
    let warm = server.log().split_off(cold.len());
    let same = ["GET info/refs?service=git-receive-pack 200", "POST git-receive-pack 200"];
    assert_eq!(requests(&warm), same);

    // Somebody else commits: the difference is fetched.
    bump("v3", &["--no-cache"]);
    let before = server.log().len();
    bump("v4", &[]);
    let moved = server.log().split_off(before);
    assert_eq!(requests(&moved).len(), 4, "{moved:?}");
    assert_eq!(repos.log("shop").len(), 5);
    repos.is_sound("shop");
}

#[test]
fn a_server_of_version_zero_does_as_well() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("v0", "shop.git");
    for tag in ["v1", "v2", "v3"] {
        let image = format!("api={tag}");
        repos.gitops(&["--repo", &url, "bump-tag", &image, "-e", "staging"]).ok();
    }
    repos.git(&["-C", "shop.git", "config", "uploadpack.allowFilter", "false"]);
    repos.gitops(&["--repo", &url, "bump-tag", "api=v4", "-e", "staging", "--no-cache"]).ok();
    let any = "uploadpack.allowAnySHA1InWant";
    repos.git(&["-C", "shop.git", "config", any, "true"]);
    repos.git(&["-C", "shop.git", "config", "uploadpack.allowFilter", "true"]);
    repos.gitops(&["--repo", &url, "bump-tag", "api=v5", "-e", "staging", "--no-cache"]).ok();
    assert_eq!(repos.log("shop").len(), 6);
    repos.is_sound("shop");
}

#[test]
fn a_server_without_filters_sends_everything() {
    let Some((repos, server)) = served() else { return };
    repos.git(&["-C", "shop.git", "config", "uploadpack.allowFilter", "false"]);
    let url = server.url("open", "shop.git");
    for (tag, extra) in [("v1", "-v"), ("v2", "--no-cache"), ("v3", "-v")] {
        let image = format!("api={tag}");
        repos.gitops(&["--repo", &url, "bump-tag", &image, "-e", "staging", extra]).ok();
    }
    assert_eq!(repos.log("shop").len(), 4);
    repos.is_sound("shop");
}

/// Deep directories, so that the upper trees are not enough.
#[test]
fn directories_are_got_one_by_one_and_then_all_at_once() {
    if !installed(TOOLS) {
        return;
    }
    let repos = Repositories::new();
    let names: Vec<String> = (0..9).map(|n| format!("teams/t{n}/apps/a{n}/values.yaml")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "k: v\n")).collect();
    repos.bare("deep", &files);
    let server = HttpServer::new(&repos.root(), "none");
    let url = server.url("open", "deep.git");
    let set = |file: &str, value: &str, extra: &[&str]| {
        let set = format!("k={value}");
        let args = ["--repo", &url, "--branch", "main", "bump-tag", "--file", file, "--set", &set];
        repos.gitops(&[&args[..], extra].concat()).ok();
    };
    let posts = |from: usize| requests(&server.log()[from..]).len();
    set(&names[3], "one", &["--no-cache"]);
    assert_eq!(posts(0), 6, "{:?}", server.log());
    for (at, name) in names.iter().enumerate() {
        set(name, &format!("two{at}"), &[]);
        // Each time somebody else commits in another place.
        set(&names[(at + 4) % 9], &format!("other{at}"), &["--no-cache"]);
    }
    repos.is_sound("deep");
    // A server that does not leave trees out.
    repos.git(&["-C", "deep.git", "config", "uploadpackfilter.tree.allow", "false"]);
    set(&names[1], "three", &["--no-cache"]);
    set(&names[1], "four", &[]);
    assert_eq!(repos.show("deep", &names[1]), "k: four");
    // Who searches gets all directories at once.
    repos.git(&["-C", "deep.git", "config", "uploadpackfilter.tree.allow", "true"]);
    let before = server.log().len();
    let args =
        ["--repo", &url, "--branch", "main", "bump-tag", "api=v1", "-e", "all", "--no-cache"];
    let said = repos.gitops(&args);
    assert!(said.stderr.contains("cannot find the environment `all`"), "{}", said.render());
    assert_eq!(posts(before), 3, "{:?}", server.log());
    // A link leads to directories that were not expected, one after the other.
    for name in ["one", "two", "three"] {
        let target = format!("teams/t{}/apps", name.len());
        std::os::unix::fs::symlink(target, repos.sandbox.path(format!("deep.work/{name}")))
            .unwrap();
    }
    repos.git(&["-C", "deep.work", "pull", "-q", &repos.path("deep.git"), "main"]);
    repos.git(&["-C", "deep.work", "add", "-A"]);
    repos.git(&["-C", "deep.work", "commit", "-q", "-m", "links"]);
    repos.git(&["-C", "deep.work", "push", "-q", &repos.path("deep.git"), "main"]);
    for name in ["one/a3", "three/a5"] {
        set(&format!("{name}/values.yaml"), "linked", &["--no-cache"]);
    }
    assert_eq!(repos.show("deep", &names[5]), "k: linked");
    repos.is_sound("deep");
}

#[test]
fn credentials_come_from_the_environment_or_a_helper_or_netrc() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("auth", "shop.git");
    let args = ["--repo", &url, "bump-tag", "api=v1", "-e", "staging"];
    let refused = repos.gitops(&args);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("asks for credentials, and none are known"),
        "{}",
        refused.stderr
    );

    let mut token = repos.command(&args);
    token.env("GITOPS_TOKEN", "canary-password").env("GITOPS_TOKEN_USER", "ci");
    repos.sandbox.finish(&mut token).ok();
    assert!(!server.log().iter().rev().take(4).any(|line| line.contains(" 401 ")));

    let mut wrong = repos.command(&args);
    wrong.env("GITOPS_TOKEN", "canary-wrong").env("GITOPS_TOKEN_USER", "ci");
    let wrong = repos.sandbox.finish(&mut wrong);
    assert!(
        wrong.stderr.contains("does not accept the credentials from `GITOPS_TOKEN`"),
        "{}",
        wrong.stderr
    );

    let helper = "!f() { test \"$1\" = get || { echo $1 >> helped; cat >> helped; exit; }; \
                  echo username=ci; echo password=canary-password; }; f";
    repos.git(&["config", "--global", "credential.helper", helper]);
    repos.gitops(&["--repo", &url, "bump-tag", "api=v2", "-e", "staging"]).ok();
    let told = repos.sandbox.read("helped");
    assert!(told.starts_with("store\n") && told.contains("password=canary-password"), "{told}");
    repos.git(&["config", "--global", "--unset", "credential.helper"]);

    let host = "machine 127.0.0.1 login ci password canary-password\n";
    repos.sandbox.write("netrc", host);
    let mut netrc = repos.command(&["--repo", &url, "bump-tag", "api=v3", "-e", "staging"]);
    repos.sandbox.finish(netrc.env("NETRC", repos.path("netrc"))).ok();

    let header = "authorization: basic Y2k6Y2FuYXJ5LXBhc3N3b3Jk";
    let mut extra = repos.command(&["--repo", &url, "bump-tag", "api=v4", "-e", "staging"]);
    extra
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", format!("http.http://127.0.0.1:{}/.extraheader", server.port))
        .env("GIT_CONFIG_VALUE_0", header);
    repos.sandbox.finish(&mut extra).ok();
    assert_eq!(repos.log("shop").len(), 5);
}

#[test]
fn a_redirect_is_followed_and_credentials_stay_behind() {
    let Some((repos, server)) = served() else { return };
    let moved = server.url("moved", "shop.git");
    repos.gitops(&["--repo", &moved, "bump-tag", "api=v1", "-e", "staging"]).ok();
    // To another host name: the token for the first does not go there.
    let away = server.url("away", "shop.git");
    let mut command = repos.command(&["--repo", &away, "bump-tag", "api=v2", "-e", "staging"]);
    command.env("GITOPS_TOKEN", "canary-password").env("GITOPS_TOKEN_USER", "ci");
    let refused = repos.sandbox.finish(&mut command);
    assert!(
        refused.stderr.contains("asks for credentials, and none are known"),
        "{}",
        refused.stderr
    );
    let at_auth: Vec<String> =
        server.log().into_iter().filter(|line| line.contains("/auth/")).collect();
    assert!(!at_auth.is_empty() && at_auth.iter().all(|line| line.ends_with(" -")), "{at_auth:?}");
}

#[test]
fn certificates_are_checked_against_the_authorities_given() {
    let Some((repos, server)) = served() else { return };
    let url = server.tls_url("open", "shop.git");
    let args = ["--repo", &url, "bump-tag", "api=v1", "-e", "staging"];
    let refused = repos.gitops(&args);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("invalid peer certificate"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: --ca-file"), "{}", refused.stderr);
    let ca = server.ca_file();
    let ca = ca.to_str().unwrap();
    repos.gitops(&[&args[..], &["--ca-file", ca]].concat()).ok();
    let mut command = repos.command(&["--repo", &url, "bump-tag", "api=v2", "-e", "staging"]);
    repos.sandbox.finish(command.env("SSL_CERT_FILE", ca)).ok();
    repos.git(&["config", "--global", "http.sslCAInfo", ca]);
    repos.gitops(&["--repo", &url, "bump-tag", "api=v3", "-e", "staging"]).ok();
    let missing = repos.gitops(&[&args[..], &["--ca-file", "/nonexistent.pem"]].concat());
    assert!(missing.stderr.contains("cannot read certificates from `/nonexistent.pem`"));
}

#[test]
fn says_what_is_wrong_with_an_address() {
    let Some((repos, server)) = served() else { return };
    let bump = |url: &str| {
        let said = repos.gitops(&["--repo", url, "bump-tag", "api=v1", "-e", "staging"]);
        assert_eq!(said.code, 2);
        said.stderr.replace(&server.port.to_string(), "PORT")
    };
    snapbox::assert_data_eq!(
        bump(&server.url("open", "nope.git")),
        str![[r#"
error: cannot push to `http://127.0.0.1:PORT/open/nope.git`: the server answered 404 Not Found
hint: there is no such repository, or the credentials do not allow to see it

"#]]
    );
    snapbox::assert_data_eq!(
        bump(&server.url("page", "shop.git")),
        str![[r#"
error: cannot open `http://127.0.0.1:PORT/page/shop.git`: `http://127.0.0.1:PORT` does not speak Git there (it sent text/html)
hint: check the URL; a page to log in or a proxy may answer

"#]]
    );
    repos.git(&["-C", "shop.git", "config", "http.receivepack", "false"]);
    snapbox::assert_data_eq!(
        bump(&server.url("open", "shop.git")),
        str![[r#"
error: cannot push to `http://127.0.0.1:PORT/open/shop.git`: the server answered 403 Forbidden
hint: the credentials lack the right to do so

"#]]
    );
    assert_eq!(
        repos.gitops(&["--repo", "ftp://h/x", "bump-tag", "api=v1", "-e", "staging"]).stderr,
        "error: cannot use `ftp://h/x`: `ftp` is not supported\n\
         hint: use https://, ssh://, user@host:path, file:// or a path\n"
    );
}

#[test]
fn a_server_in_trouble_is_asked_again_and_given_up_in_time() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("broken", "shop.git");
    let said =
        repos.gitops(&["--repo", &url, "bump-tag", "api=v1", "-e", "staging", "--timeout", "1s"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("the server answered 503"), "{}", said.stderr);
    assert!(server.log().len() >= 4, "{:?}", server.log());
}

#[test]
fn a_broken_cache_is_made_anew() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("open", "shop.git");
    let bump = |tag: &str| {
        let image = format!("api={tag}");
        repos.gitops(&["--repo", &url, "bump-tag", &image, "-e", "staging"]).ok();
    };
    bump("v1");
    let cache = repos.root().parent().unwrap().join("home/.cache/gitops/git");
    let files = || {
        let all = walkdir::WalkDir::new(&cache).into_iter().filter_map(Result::ok);
        all.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path)
    };
    assert!(files().count() > 3);
    // Every object is cut short; then the database is a file; then the memory is nonsense.
    for file in files().filter(|file| file.to_str().unwrap().contains("/objects/")) {
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "x").unwrap();
    }
    bump("v2");
    let dir = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_dir_all(dir.join("objects.git")).unwrap();
    std::fs::write(dir.join("objects.git"), "x").unwrap();
    bump("v3");
    std::fs::write(dir.join("memory.json"), "{\"branches\":{\"main\":\"1234\"}}").unwrap();
    bump("v4");
    std::fs::write(dir.join("memory.json"), "{\"capabilities\":[\"fetch=nonsense\"]}").unwrap();
    bump("v5");
    assert_eq!(repos.log("shop").len(), 6);
    repos.is_sound("shop");
}

/// What is remembered of a server is asked anew where it does not work, with a branch named or not.
#[test]
fn a_damaged_memory_costs_one_question() {
    let Some((repos, server)) = served() else { return };
    let url = server.url("open", "shop.git");
    for (at, branch) in [None, Some("main")].into_iter().enumerate() {
        for (turn, words) in [
            "[\"fetch=shallow filter\",\"object-format=3ha1\"]",
            "[\"ls-refs=unborn\",\"fetch=shallow filter\",\"object-format=\"]",
            "[]",
        ]
        .iter()
        .enumerate()
        {
            repos
                .gitops(&[
                    "--repo",
                    &url,
                    "bump-tag",
                    &format!("api=v{at}.{turn}.0"),
                    "-e",
                    "staging",
                ])
                .ok();
            let cache = repos.root().parent().unwrap().join("home/.cache/gitops/git");
            let dir = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
            let file = dir.join("memory.json");
            let mut memory: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            memory["capabilities"] = serde_json::from_str(words).unwrap();
            std::fs::write(&file, memory.to_string()).unwrap();
            let tag = format!("api=v{at}.{turn}.1");
            let mut args = vec!["--repo", &url, "bump-tag", &tag, "-e", "staging"];
            args.extend(branch.iter().flat_map(|branch| ["--branch", branch]));
            repos.gitops(&args).ok();
            let memory = std::fs::read_to_string(&file).unwrap();
            assert!(memory.contains("object-format=sha1"), "{memory}");
        }
    }
    repos.is_sound("shop");
}
