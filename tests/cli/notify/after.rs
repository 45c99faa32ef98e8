//! `--notify`: the command that pushes says so.

use std::process::Command;

use gitops::cli::Globals;
use gitops::commands::notify::{Happening, happened};
use gitops::environment::Config;
use gitops::event::Kind;
use gitops::ui::{Color, Format, Ui, Verbosity};

use super::world::{CONFIG, Server, World};
use crate::support::Output;

/// A clone of a bare repository, as `work/clone` beside `work/bare.git`.
struct Clone(World);

impl Clone {
    fn new(config: &str) -> Self {
        Self::of(World::new(config))
    }

    fn of(world: World) -> Self {
        let (from, bare) = (world.sandbox.path(""), world.sandbox.path("../bare.git"));
        git2::build::RepoBuilder::new().bare(true).clone(from.to_str().unwrap(), &bare).unwrap();
        Self(world)
    }

    fn command(&self, args: &[&str]) -> Command {
        let bare = self.0.sandbox.path("../bare.git");
        let mut command =
            self.0.sandbox.gitops_command(&[&["--repo", bare.to_str().unwrap()], args].concat());
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Ada")
                .env(format!("GIT_{role}_EMAIL"), "ada@example.org");
        }
        command
    }

    fn run(&self, command: &mut Command) -> Output {
        let output = self.0.sandbox.finish(command);
        output.ok();
        output
    }
}

const SOURCE: [&str; 4] = [
    "--source",
    "https://github.com/acme/api",
    "--source-revision",
    "3333333333333333333333333333333333333333",
];

#[test]
fn a_push_is_announced_and_a_rollback_said() {
    let clone = Clone::new(CONFIG);
    let args = [&["bump-tag", "api=v3", "-e", "production", "--notify"][..], &SOURCE].concat();
    let output = clone.run(&mut clone.command(&args));
    let expected = "Deploying to production\n  api v2 → v3 \
        <https://github.com/acme/api/commit/3333333333333333333333333333333333333333>\n\
        Unchanged: postgres 17, web v7\ncommit ";
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    // What was done is said before anybody is told.
    assert!(output.stdout.starts_with("environments/production.yaml:"), "{}", output.stdout);
    let output = clone.run(&mut clone.command(&["rollback", "-e", "production", "--notify"]));
    assert!(output.stdout.contains("\nRolled back api to v2"), "{}", output.stdout);
    // What did not change is no news.
    let output =
        clone.run(&mut clone.command(&["bump-tag", "api=v2", "-e", "production", "--notify"]));
    assert!(!output.stdout.contains("Deploying"), "{}", output.stdout);
}

#[test]
fn promotions_and_restarts_are_announced_and_each_environment_for_itself() {
    let clone = Clone::new(CONFIG);
    let run = |args: &[&str]| clone.run(&mut clone.command(args)).stdout;
    let said = run(&["bump-tag", "api=v5", "-e", "production", "-e", "staging", "--notify"]);
    for expected in
        ["Deploying to production\n  api v2 → v5", "Deploying to staging\n  api v1 → v5"]
    {
        assert!(said.contains(expected), "{said}");
    }
    run(&["bump-tag", "web=v9", "-e", "staging"]);
    let said = run(&["promote", "--from", "staging", "--to", "production", "--notify"]);
    assert!(said.contains("Deploying to production\n  web v7 → v9"), "{said}");
}

#[test]
fn a_restart_is_announced_though_no_image_changes() {
    let files = "[environments/staging.yaml]";
    let mut world = World::new(&CONFIG.replace(files, "[environments/api.yaml]"));
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: api }\nspec:\n  template:\n    \
                    metadata: { labels: { app: api } }\n    spec:\n      containers:\n        - name: api\n          \
                    image: ghcr.io/acme/api:v1\n";
    world.sandbox.write("environments/api.yaml", manifest);
    world.commit("a manifest");
    let clone = Clone::of(world);
    let output = clone.run(&mut clone.command(&["restart", "api", "-e", "staging", "--notify"]));
    let said = "\nDeploying to staging\n  restarts api\nUnchanged: api v1\ncommit ";
    assert!(output.stdout.contains(said), "{}", output.render());
}

#[test]
fn slow_channels_are_waited_for_together() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hooks/x", listener.local_addr().unwrap());
    // Each environment's message is answered once both are there.
    let answers = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let streams: Vec<_> = (0..2).map(|_| listener.accept().unwrap().0).collect();
        for mut stream in streams {
            let mut bytes = vec![0; 65_536];
            let _ = stream.read(&mut bytes).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let channel = "chat: { kind: mattermost, url_env: HOOK }";
    let clone = Clone::new(&CONFIG.replace("log: { kind: stdout }", channel));
    let args = ["bump-tag", "api=v5", "-e", "production", "-e", "staging", "--notify"];
    let output = clone.run(clone.command(&args).env("HOOK", hook));
    assert_eq!(output.stderr.matches("chat: sent\n").count(), 2, "{}", output.render());
    answers.join().unwrap();
}

#[test]
fn a_dry_run_shows_what_would_be_said() {
    let clone = Clone::new(CONFIG);
    let args = ["bump-tag", "api=v3", "-e", "production", "--notify", "-n"];
    let output = clone.run(&mut clone.command(&[&args[..], &SOURCE].concat()));
    let expected = "# log (stdout)\nprint\n\nDeploying to production\n  api v2 → v3 \
        <https://github.com/acme/api/commit/3333333333333333333333333333333333333333>\n\
        Unchanged: postgres 17, web v7\n";
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    let output = clone.run(&mut clone.command(&[&args[..], &["-o", "json"]].concat()));
    assert_eq!(output.stdout.lines().count(), 1, "{}", output.render());
}

#[test]
fn a_bare_repository_has_its_channels_in_its_last_commit() {
    let clone = Clone::new(CONFIG);
    let output = clone.run(&mut clone.command(&["notify", "deployed", "-e", "production"]));
    assert!(output.stdout.starts_with("Deployed api v2 <https://"), "{}", output.render());
}

#[test]
fn a_channel_that_fails_is_a_warning_and_the_push_is_done() {
    let server = Server::new(404, "no_service");
    let clone = Clone::new(&format!("{CONFIG}  chat: {{ kind: slack, url_env: HOOK }}\n"));
    let mut command =
        clone.command(&["bump-tag", "api=v3", "-e", "production", "--notify", "-o", "json"]);
    let output =
        clone.run(command.env("HOOK", format!("{}/services/canarycanarycanary", server.origin)));
    let document = output.json();
    assert_eq!(document["pushed"], true);
    let warning = document["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("chat: ") && warning.contains("no_service"), "{warning}");
    assert!(!output.render().contains("canary"), "{}", output.render());
}

#[test]
fn what_is_not_pushed_is_told_to_nobody() {
    let world = World::new(CONFIG);
    let output = world.ok(&["bump-tag", "api=v3", "-e", "production", "--notify"]);
    assert!(!output.stdout.contains("Deploying"), "{}", output.stdout);
    assert_eq!(output.stderr, "nothing was pushed, so nobody is told\n");
    let bare = CONFIG.split("notify:").next().unwrap();
    let clone = Clone::new(bare);
    let output =
        clone.run(&mut clone.command(&["bump-tag", "api=v3", "-e", "production", "--notify"]));
    assert!(output.stderr.contains("names no channel"), "{}", output.stderr);
}

/// What a command that drives environments, such as `apply`, has told by the same means.
#[test]
fn a_deployment_and_a_drift_are_told_without_the_command_line() {
    let world = World::new(CONFIG);
    let server = Server::new(200, "ok");
    let file = world.sandbox.path("hook.url");
    std::fs::write(&file, format!("{}/hooks/x", server.origin)).unwrap();
    let channel = "notify:\n  chat: { kind: webhook, url_file: hook.url, environments: [prod*] }\n";
    let config = CONFIG.split("notify:").next().unwrap().to_owned() + channel;
    let config = Config::parse("gitops.yaml", config.into_bytes()).unwrap();
    let ui = Ui::new(Format::Text, Color::Never, Verbosity::Quiet);
    let globals = |repo: &str| Globals {
        repo: repo.into(),
        branch: None,
        config: None,
        output: Format::Text,
        color: Color::Never,
        quiet: true,
        verbose: false,
    };
    let findings = ["web: 5 replicas instead of 3".to_owned()];
    let happening = Happening {
        kind: Kind::Deployed,
        environment: "production",
        from: Some("HEAD~1"),
        to: "HEAD",
        runs: (&[], &[]),
        reason: None,
        findings: &[],
        fingerprint: None,
    };
    let drift =
        Happening { kind: Kind::Drift, findings: &findings, fingerprint: Some("f1"), ..happening };
    let here = globals(world.sandbox.path("").to_str().unwrap());
    let elsewhere = Happening { environment: "staging", ..drift };
    for happening in [happening, drift, elsewhere] {
        happened(&happening, &config, &here, &ui);
    }
    // Of a repository that is elsewhere only the commit is known.
    let absolute = file.to_str().unwrap();
    let mut there = config.clone();
    there.notify.get_mut("chat").unwrap().url_file = Some(absolute.into());
    let sha = "a".repeat(40);
    let url = globals("https://github.com/acme/deploy.git");
    happened(&Happening { to: &sha, ..happening }, &there, &url, &ui);
    let said: Vec<serde_json::Value> =
        server.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert_eq!(said[0]["changes"][0]["new"]["tag"], "v2");
    assert_eq!((&said[1]["event"], &said[1]["fingerprint"]), (&"drift".into(), &"f1".into()));
    assert_eq!(said[1]["findings"][0], "web: 5 replicas instead of 3");
    let link = format!("https://github.com/acme/deploy/commit/{sha}");
    assert_eq!(said[2]["text"], format!("Deployed to production · commit aaaaaaaa <{link}>"));
}
