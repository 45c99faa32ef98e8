//! `gitops notify`: what is said, to whom, and what must never be.

mod after;
mod secrets;
mod world;

use snapbox::str;

use world::{CONFIG, Server, World, message};

#[test]
fn an_announcement_says_what_changed_and_folds_the_rest() {
    let world = World::new(CONFIG);
    world.sandbox.gitops(&["notify", "deploying", "-e", "production"]).is(str![[r#"
Deploying to production
  api v1 → v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222>
Unchanged: postgres 17, web v7
commit 3c5483cf <https://github.com/acme/deploy/commit/3c5483cf3211ad7d553f775c62096d0b1e3dd97f> · by Ada
-- exit 0 --

"#]]);
}

#[test]
fn a_confirmation_is_one_line() {
    let world = World::new(CONFIG);
    world.sandbox.gitops(&["notify", "deployed", "-e", "production"]).is(str![[r#"
Deployed api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> to production · commit 3c5483cf <https://github.com/acme/deploy/commit/3c5483cf3211ad7d553f775c62096d0b1e3dd97f>
-- exit 0 --

"#]]);
}

#[test]
fn a_failure_says_why_and_where_to_look() {
    let world = World::new(CONFIG);
    let args = [
        "notify",
        "failed",
        "-e",
        "production",
        "--reason",
        "2 pods\nare not ready",
        "--run-url",
        "https://ci.example/7",
    ];
    world.sandbox.gitops(&args).is(str![[r#"
Failed to deploy api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> to production · commit 3c5483cf <https://github.com/acme/deploy/commit/3c5483cf3211ad7d553f775c62096d0b1e3dd97f> · run <https://ci.example/7>
Reason: 2 pods are not ready
-- exit 0 --

"#]]);
}

#[test]
fn commits_elsewhere_and_repeated_runs_change_nothing() {
    let mut world = World::new(CONFIG);
    let before = world.ok(&["notify", "deployed", "-e", "production"]);
    world.write("staging", "v9", "v7");
    world.sandbox.write("README.md", "hello");
    world.commit("staging moves on");
    let after = world.ok(&["notify", "deployed", "-e", "production"]);
    assert_eq!(before.stdout, after.stdout);
    let key = |world: &World| {
        let output =
            world.sandbox.gitops(&["notify", "deployed", "-e", "production", "-o", "json"]);
        output.json()["key"].clone()
    };
    assert_eq!(key(&world), key(&world));
}

#[test]
fn from_and_to_name_other_revisions() {
    let mut world = World::new(CONFIG);
    world.write("production", "v2", "v8");
    world.commit(&message("web to v8", "web", "8"));
    let args = ["notify", "deploying", "-e", "production", "--from", "HEAD~2"];
    world.sandbox.gitops(&args).is(str![[r#"
Deploying to production
  api v1 → v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222>
  web v7 → v8 <https://github.com/acme/web/commit/8888888888888888888888888888888888888888>
Unchanged: postgres 17
commit c42c49cc <https://github.com/acme/deploy/commit/c42c49ccf742ae688f64cd13bde580fb6ec70b11> · by Ada
-- exit 0 --

"#]]);
    let args = ["notify", "deploying", "-e", "production", "--from", "HEAD", "--to", "HEAD~1"];
    let backwards = world.ok(&args);
    assert!(backwards.stdout.contains("web v8 "), "{}", backwards.stdout);
    assert!(backwards.stdout.contains(" → v7"), "{}", backwards.stdout);
}

#[test]
fn a_source_is_linked_only_to_its_own_app() {
    let mut world = World::new(CONFIG);
    // The commit says where web came from; nothing says where api and db did.
    let yaml = "api: { image: { repository: ghcr.io/acme/api, tag: v3 } }\n\
                web: { image: { repository: ghcr.io/acme/web, tag: v8 } }\n\
                db: { image: { repository: docker.io/library/postgres, tag: \"18\" } }\n";
    world.sandbox.write("environments/production.yaml", yaml);
    world.commit(&message("all of them", "web", "8"));
    let said = world.ok(&["notify", "deployed", "-e", "production"]);
    let link = format!("web v8 <https://github.com/acme/web/commit/{}>", "8".repeat(40));
    assert!(said.stdout.contains(&link), "{}", said.stdout);
    assert!(
        said.stdout.contains("api v3,") && said.stdout.contains("postgres 18,"),
        "{}",
        said.stdout
    );
}

/// As manifest and as configuration of an image.
const LABELS: &str = r#"{"config": {"digest": "sha256:aa", "Labels": {
    "org.opencontainers.image.source": "https://github.com/acme/tool",
    "org.opencontainers.image.revision": "5555555555555555555555555555555555555555"}}}"#;

#[test]
fn an_images_labels_give_the_link_that_no_commit_gives() {
    let server = Server::new(200, LABELS);
    let registry = server.origin.strip_prefix("http://").unwrap();
    let mut world = World::new(CONFIG);
    let yaml = format!("tool:\n  image:\n    repository: {registry}/acme/tool\n    tag: v5\n");
    world.sandbox.write("environments/production.yaml", yaml);
    world.commit("tool to v5");
    let link = format!("tool v5 <https://github.com/acme/tool/commit/{}>", "5".repeat(40));
    let without = world.ok(&["notify", "deployed", "-e", "production"]);
    assert!(without.stdout.contains("tool v5, "), "{}", without.stdout);
    let said = world.ok(&["notify", "deployed", "-e", "production", "--image-labels"]);
    assert!(said.stdout.contains(&link), "{}", said.render());
}

#[test]
fn an_image_that_was_pushed_needs_no_repository() {
    let world = World::new(CONFIG);
    std::fs::remove_dir_all(world.sandbox.path(".git")).unwrap();
    let args = [
        "notify",
        "pushed",
        "--image",
        "ghcr.io/acme/api=v3",
        "--kind",
        "stdout",
        "--source",
        "git@github.com:acme/api.git",
        "--source-revision",
        "3333333333333333333333333333333333333333",
    ];
    world.sandbox.gitops(&args).is(str![[r#"
Pushed new api image: v3 <https://github.com/acme/api/commit/3333333333333333333333333333333333333333>
-- exit 0 --

"#]]);
}

#[test]
fn a_drift_is_said_once_and_its_end_too() {
    let world = World::new(CONFIG);
    let drift = |finding: &str| {
        let args = ["notify", "drift", "-e", "production", "--finding", finding];
        world.ok(&args)
    };
    let resolved = || world.ok(&["notify", "drift-resolved", "-e", "production"]);
    assert_eq!(resolved().stderr, "log: not sent: it was told of no drift\n");
    drift("web: 5 replicas instead of 3").is(str![[r#"
Drift in production
  web: 5 replicas instead of 3
commit 3c5483cf <https://github.com/acme/deploy/commit/3c5483cf3211ad7d553f775c62096d0b1e3dd97f>
-- exit 0 --

"#]]);
    assert_eq!(
        drift("web: 5 replicas instead of 3").stderr,
        "log: not sent: it knows of this drift\n"
    );
    assert!(drift("web: 6 replicas instead of 3").stdout.starts_with("Drift in production\n"));
    assert!(resolved().stdout.starts_with("Drift resolved in production"));
    assert!(resolved().stdout.is_empty());
    assert!(drift("web: 6 replicas instead of 3").stdout.starts_with("Drift in production\n"));
}

#[test]
fn a_dry_run_shows_requests_without_secrets() {
    let config = CONFIG.replace("log: { kind: stdout }", "chat: { url_env: HOOK }");
    let world = World::new(&config);
    let mut command =
        world.sandbox.gitops_command(&["notify", "deployed", "-e", "production", "-n"]);
    command.env("HOOK", "https://discord.com/api/webhooks/1/canarycanarycanary");
    world.sandbox.finish(&mut command).is(str![[r##"
# chat (discord)
POST https://discord.com/***
content-type: application/json; charset=utf-8

{
  "embeds": [
    {
      "description": "Deployed **api** [v2](https://github.com/acme/api/commit/2222222222222222222222222222222222222222) to **production** · commit [e3fbef3c](https://github.com/acme/deploy/commit/e3fbef3c460e18bae578bac0ac730b311ac47efc)",
      "color": 3066993
    }
  ],
  "allowed_mentions": {
    "parse": []
  }
}

-- exit 0 --

"##]]);
}

#[test]
fn a_channel_that_fails_is_a_warning_unless_strict() {
    let server = Server::new(404, "no_service");
    let config = format!("{CONFIG}  chat: {{ kind: slack, url_env: HOOK }}\n");
    let world = World::new(&config);
    let run = |more: &[&str]| {
        let args = [&["notify", "deployed", "-e", "production", "-q"], more].concat();
        let hook = format!("{}/services/x", server.origin);
        let mut command = world.sandbox.gitops_command(&args);
        let output = world.sandbox.finish(command.env("HOOK", hook));
        output.render().replace(server.origin.rsplit(':').next().unwrap(), "PORT")
    };
    snapbox::assert_data_eq!(
        run(&[]),
        str![[r#"
Deployed api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> to production · commit 41b92f2f <https://github.com/acme/deploy/commit/41b92f2ff5eee1407ba2241f1235729b1d64cfa5>
-- stderr --
warning: chat: `http://127.0.0.1:PORT/***` answered 404 Not Found: no_service (the webhook was removed: create a new one and store its address)
-- exit 0 --

"#]]
    );
    snapbox::assert_data_eq!(
        run(&["--strict"]),
        str![[r#"
Deployed api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> to production · commit 41b92f2f <https://github.com/acme/deploy/commit/41b92f2ff5eee1407ba2241f1235729b1d64cfa5>
-- stderr --
warning: chat: `http://127.0.0.1:PORT/***` answered 404 Not Found: no_service (the webhook was removed: create a new one and store its address)
error: cannot notify chat
-- exit 2 --

"#]]
    );
    assert_eq!(server.bodies().len(), 2);
}

#[test]
fn a_missing_secret_fails_one_channel_and_wrong_settings_all() {
    let config = format!("{CONFIG}  chat: {{ url_env: HOOK }}\n");
    World::new(&config).sandbox.gitops(&["notify", "deployed", "-e", "production"]).is(str![[r#"
Deployed api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> to production · commit 37166b20 <https://github.com/acme/deploy/commit/37166b20f2d6c880ea8e58b999aedb2e38aec0ee>
-- stderr --
warning: cannot use the channel `chat`: the variable HOOK is empty or not set (store the secret there; in CI, check that this job may see it)
-- exit 0 --

"#]]);
    let config =
        format!("{CONFIG}  chat: {{ url: https://hooks.slack.com/services/T/B/canarycanary }}\n");
    World::new(&config).sandbox.gitops(&["notify", "deployed", "-e", "production"]).is(str![[r#"
-- stderr --
error: cannot use the channel `chat`: the address of Slack is a secret and must not be written out
hint: store it in a variable and write `url_env: NAME`, or in a file and write `url_file: PATH`
-- exit 2 --

"#]]);
    let config = format!("{CONFIG}  chat: {{ url-env: HOOK }}\n");
    World::new(&config).sandbox.gitops(&["notify", "deployed", "-e", "production"]).is(str![[r#"
-- stderr --
error: gitops.yaml:9: unknown key `url-env` in `notify.chat`
hint: did you mean `url_env`?
-- exit 2 --

"#]]);
}

#[test]
fn only_channels_that_want_it_are_told() {
    let config = CONFIG.replace(
        "log: { kind: stdout }",
        "log: { kind: stdout, events: [deployed], environments: ['prod*'] }",
    );
    let world = World::new(&config);
    let said = |event: &str, environment: &str| world.ok(&["notify", event, "-e", environment]);
    assert!(said("deployed", "production").stdout.starts_with("Deployed api"));
    let nobody = "no channel wants `deploying` of production\n";
    assert_eq!(said("deploying", "production").stderr, nobody);
    assert!(said("deployed", "staging").stdout.is_empty());
    let named = ["notify", "deploying", "-e", "staging", "--channel", "log"];
    assert!(world.ok(&named).stdout.starts_with("Deploying to staging"));
}

#[test]
fn a_template_replaces_the_words() {
    let config = CONFIG.replace(
        "log: { kind: stdout }",
        "log: { kind: stdout, template: '{{ event }} {{ environment | upper }}: {% for app in changes %}{{ app.app }} {{ app.new.tag }}{% endfor %}' }",
    );
    let world = World::new(&config);
    let said = world.ok(&["notify", "deployed", "-e", "production"]);
    assert_eq!(said.stdout, "deployed PRODUCTION: api v2\n");
}

#[test]
fn a_shallow_clone_does_not_call_everything_new() {
    let world = World::new(CONFIG);
    let head = std::fs::read_to_string(world.sandbox.path(".git/refs/heads/main")).unwrap();
    world.sandbox.write(".git/shallow", head);
    world.sandbox.gitops(&["notify", "deployed", "-e", "production"]).is(str![[r#"
Deployed to production · commit 3c5483cf <https://github.com/acme/deploy/commit/3c5483cf3211ad7d553f775c62096d0b1e3dd97f>
-- stderr --
warning: the message lacks what changed in `production`: this clone is shallow and ends there; fetch more of it (in GitHub Actions `fetch-depth: 0`), or name --from
-- exit 0 --

"#]]);
    let named = ["notify", "deployed", "-e", "production", "--from", "HEAD"];
    assert!(world.ok(&named).stdout.starts_with("Deployed to production: no image"));
}

#[test]
fn a_merge_is_the_change_and_a_proposal_is_all_its_commits() {
    let mut world = World::new(CONFIG);
    let main = world.head();
    world.write("production", "v3", "v7");
    world.commit(&message("api to v3", "api", "3"));
    world.write("production", "v3", "v8");
    let proposal = world.commit(&message("web to v8", "web", "8"));
    // The proposal is read where the remote's branch is known.
    world.sandbox.write(".git/refs/remotes/origin/main", format!("{main}\n"));
    world.sandbox.write(".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/main\n");
    let args = ["notify", "pr-opened", "-e", "production", "--pull-request", "https://h/pull/7"];
    world.sandbox.gitops(&args).is(str![[r#"
Pull request #7 <https://h/pull/7> for production
  api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> → v3 <https://github.com/acme/api/commit/3333333333333333333333333333333333333333> · changes <https://github.com/acme/api/compare/2222222222222222222222222222222222222222...3333333333333333333333333333333333333333>
  web v7 → v8 <https://github.com/acme/web/commit/8888888888888888888888888888888888888888>
Unchanged: postgres 17
commit 0d360d70 <https://github.com/acme/deploy/commit/0d360d7064c62d51934716402b70b24fbd40998a> · by Ada
-- exit 0 --

"#]]);
    world.reset(&main);
    world.write("staging", "v9", "v7");
    let moved = world.commit("staging moves on");
    world.write("production", "v3", "v8");
    world.merge("Merge pull request #7", &[&moved, &proposal]);
    world.sandbox.gitops(&["notify", "deploying", "-e", "production"]).is(str![[r#"
Deploying to production
  api v2 <https://github.com/acme/api/commit/2222222222222222222222222222222222222222> → v3 <https://github.com/acme/api/commit/3333333333333333333333333333333333333333> · changes <https://github.com/acme/api/compare/2222222222222222222222222222222222222222...3333333333333333333333333333333333333333>
  web v7 → v8 <https://github.com/acme/web/commit/8888888888888888888888888888888888888888>
Unchanged: postgres 17
commit e80cc36d <https://github.com/acme/deploy/commit/e80cc36d1282f5a7adcb43ec4d1f438922bcfe7d> · by Ada
-- exit 0 --

"#]]);
    let output = world.sandbox.gitops(&["notify", "deployed", "-e", "production", "-o", "json"]);
    let event = &output.json()["event"];
    assert_eq!(event["commit"]["subject"], "Merge pull request #7");
    assert_eq!(event["from"], moved.as_str());
}

#[test]
fn the_same_image_in_several_places_is_compared_place_by_place() {
    let mut world = World::new(CONFIG);
    let write = |world: &World, worker: &str| {
        let image = |name: &str, tag: &str| {
            format!("{name}:\n  image: {{ repository: ghcr.io/acme/app, tag: {tag} }}\n")
        };
        let text = [image("api", "v1"), image("worker", worker), image("canary", "v1")].concat();
        world.sandbox.write("environments/production.yaml", text);
    };
    write(&world, "v1");
    world.commit("all of them");
    write(&world, "v2");
    world.commit("the worker alone");
    world.sandbox.gitops(&["notify", "deploying", "-e", "production"]).is(str![[r#"
Deploying to production
  app v1 → v2
Unchanged: app v1
commit c285c012 <https://github.com/acme/deploy/commit/c285c0120b30987bf8065cc9f9821ec52393708d> · by Ada
-- exit 0 --

"#]]);
}

#[test]
fn usage_errors_say_what_to_do() {
    let world = World::new(CONFIG);
    let table: [(&[&str], &str); 15] = [
        (&["deployed"], "name the environment with -e ENV"),
        (&["pushed"], "name it with --image IMAGE=TAG"),
        (&["deployed", "-e", "prod"], "did you mean `production`?"),
        (&["deployed", "-e", "production", "--image", "a=b"], "cannot use --image with `deployed`"),
        (&["deployed", "-e", "production", "--branch", "x"], "cannot use --branch with `deployed`"),
        (&["pushed", "--image", "a=b", "--from", "HEAD"], "cannot use --from with `pushed`"),
        (&["pushed", "--image", "a=b", "--to", "HEAD"], "cannot use --to with `pushed`"),
        (&["drift", "-e", "production", "--from", "HEAD"], "cannot use --from with `drift`"),
        (&["test", "-e", "production"], "cannot use --env with `test`"),
        (&["deployed", "-e", "production", "--title", "x"], "--title without --pull-request"),
        (&["deployed", "-e", "production", "--source", "x"], "--source with `deployed`"),
        (&["deployed", "log", "-e", "production"], "only `test` takes a channel's name"),
        (&["test", "chat"], "`notify:` names log"),
        (&["test", "--kind", "slak", "--url-env", "NONE"], "a similar value exists: 'slack'"),
        (
            &["deployed", "-e", "production", "--from", "nonsense"],
            "cannot find the revision `nonsense`",
        ),
    ];
    for (args, expected) in table {
        let output = world.sandbox.gitops(&[&["notify"], args].concat());
        assert_eq!(output.code, 2, "{}", output.render());
        assert!(output.stderr.contains(expected), "{}", output.render());
    }
    let remote =
        ["--repo", "https://forge.invalid/a/b.git", "notify", "deployed", "-e", "production"];
    let output = world.sandbox.gitops(&[&remote[..], &["--kind", "stdout"]].concat());
    assert!(output.stderr.contains("clone it and run this"), "{}", output.render());
    std::fs::remove_file(world.sandbox.path("gitops.yaml")).unwrap();
    let output = world.sandbox.gitops(&["notify", "test"]);
    assert!(output.stderr.contains("no channel is configured"), "{}", output.render());
}

#[test]
fn variables_of_other_commands_break_nothing() {
    let world = World::new(CONFIG);
    let run = |args: &[&str]| {
        let mut command = world.sandbox.gitops_command(&[&["notify"], args].concat());
        command
            .env("GITOPS_TITLE", "chore: {{ images }}")
            .env("GITOPS_SOURCE_REVISION", "3".repeat(40))
            .env("GITOPS_FROM", "staging")
            .env("GITOPS_TO", "production")
            .env("GITOPS_IMAGE", "api=v9")
            .env("GITOPS_BRANCH", "main");
        let output = world.sandbox.finish(&mut command);
        output.ok();
        output.stdout
    };
    assert!(run(&["deployed", "-e", "production"]).starts_with("Deployed api v2 "));
    assert!(run(&["test"]).starts_with("Test message"));
    let pushed = run(&["pushed", "--source", "https://github.com/acme/api"]);
    assert!(pushed.starts_with("Pushed new api image: v9 <https://github.com/"), "{pushed}");
}

#[test]
fn a_dry_run_knows_what_was_said_and_says_nothing_itself() {
    let world = World::new(CONFIG);
    let drift = ["notify", "drift", "-e", "production", "--finding", "x"];
    let dry = [&drift[..], &["-n"]].concat();
    assert!(world.ok(&dry).stdout.starts_with("# log (stdout)"));
    assert!(world.ok(&dry).stdout.starts_with("# log (stdout)"));
    assert!(world.ok(&drift).stdout.starts_with("Drift in production"));
    let known = world.ok(&dry);
    assert_eq!((&*known.stdout, &*known.stderr), ("", "log: not sent: it knows of this drift\n"));
    let json = world.sandbox.gitops(&[&dry[..], &["-o", "json"]].concat()).json();
    assert_eq!(json["channels"][0]["result"], "skipped");
}

#[test]
fn channels_of_flags_are_remembered_apart() {
    let server = Server::new(200, "ok");
    let world = World::new(CONFIG);
    let drift = |variable: &str| {
        let args =
            ["notify", "drift", "-e", "production", "--finding", "x", "--kind", "mattermost"];
        let args = [&args[..], &["--url-env", variable]].concat();
        let mut command = world.sandbox.gitops_command(&args);
        let hook = format!("{}/hooks/x", server.origin);
        world.sandbox.finish(command.env("ONE", &hook).env("TWO", &hook)).stderr
    };
    assert_eq!(drift("ONE"), "mattermost: sent\n");
    assert_eq!(drift("TWO"), "mattermost: sent\n");
    assert_eq!(drift("ONE"), "mattermost: not sent: it knows of this drift\n");
}

#[test]
fn memory_that_cannot_be_written_is_an_error_before_anything_is_said() {
    let world = World::new(CONFIG);
    world.sandbox.write("file", "");
    let args = ["notify", "drift", "-e", "production", "--finding", "x", "--remember", "file"];
    let output = world.sandbox.gitops(&args);
    assert_eq!((output.code, &*output.stdout), (2, ""), "{}", output.render());
    assert!(output.stderr.contains("cannot remember drift in `file`"), "{}", output.stderr);
}

#[test]
fn a_malformed_secret_keeps_nobody_else_from_hearing() {
    let world = World::new(&format!("{CONFIG}  chat: {{ kind: slack, url_env: BAD }}\n"));
    for bad in ["htps//typo", "http://chat.example/x"] {
        let mut command = world.sandbox.gitops_command(&["notify", "deployed", "-e", "production"]);
        let output = world.sandbox.finish(command.env("BAD", bad));
        output.ok();
        assert!(output.stdout.starts_with("Deployed api v2 "), "{}", output.render());
        assert!(output.stderr.starts_with("warning: cannot use the channel `chat`: its address"));
    }
}

#[test]
fn one_run_prints_one_document() {
    let world = World::new(&format!("{CONFIG}  chat: {{ kind: slack, url_env: MISSING }}\n"));
    let args = ["notify", "deployed", "-e", "production", "-o", "json", "--strict"];
    let output = world.sandbox.gitops(&args);
    assert_eq!((output.code, output.stdout.lines().count()), (2, 1), "{}", output.render());
    let document = output.json();
    assert_eq!(document["channels"][0]["result"], "failed");
    assert_eq!(document["channels"][1]["result"], "sent");
}

#[test]
fn what_is_not_sent_is_not_called_sent() {
    let config = CONFIG.replace(
        "log: { kind: stdout }",
        "status: { kind: commit-status, token_env: TOKEN }\n  \
         events: { kind: webhook, format: cdevents, url: https://events.example.org/in }",
    );
    let world = World::new(&config);
    let run = |args: &[&str]| {
        let mut command = world.sandbox.gitops_command(&[&["notify"], args].concat());
        world.sandbox.finish(command.env("TOKEN", "canary0123456789"))
    };
    let output = run(&["test", "status", "-o", "json"]);
    assert_eq!(output.json()["channels"][0]["result"], "skipped", "{}", output.render());
    let output = run(&["deploying", "-e", "production", "--channel", "events"]);
    assert_eq!(output.stderr, "events: not sent: CDEvents has no event for `deploying`\n");
}

#[test]
fn a_test_message_reaches_every_channel() {
    let server = Server::new(200, "ok");
    let world = World::new(&format!(
        "{CONFIG}  chat: {{ kind: mattermost, url_env: HOOK, events: [drift] }}\n"
    ));
    let mut command = world.sandbox.gitops_command(&["notify", "test"]);
    let output = world.sandbox.finish(command.env("HOOK", format!("{}/hooks/x", server.origin)));
    output.is(str![[r#"
Test message: Deployed api v2 to nowhere
Reason: somebody ran `gitops notify test`
-- stderr --
chat: sent
-- exit 0 --

"#]]);
    assert!(
        server.bodies()[0].contains("Test message: Deployed **api** `v2`"),
        "{:?}",
        server.bodies()
    );
}
