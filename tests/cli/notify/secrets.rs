//! Planted secrets are found nowhere: not in a stream, a file or a request to another place.

use super::world::{CONFIG, SEEN, Server, World};

const CHANNELS: &str = "  slack: { kind: slack, url_env: SLACK }
  bot: { kind: slack-bot, url_env: API, token_env: TOKEN, channel: C0123456789 }
  teams: { kind: teams, url_file: teams.url }
  discord: { kind: discord, url_env: DISCORD }
  mattermost: { kind: mattermost, url_env: HOOK }
  rocketchat: { kind: rocketchat, url_env: HOOK }
  google: { kind: google-chat, url_env: GOOGLE }
  telegram: { kind: telegram, url_env: TELEGRAM, channel: '-1' }
  matrix: { kind: matrix, url_env: API, token_env: TOKEN, channel: '!r:example.org' }
  pager: { kind: pagerduty, url_env: API, token_env: TOKEN }
  mail: { kind: smtp, url_env: MAIL, from: a@example.org, to: [b@example.org] }
  hook: { kind: webhook, url_env: HOOK, token_env: TOKEN, secret_env: KEY, signature: standard-webhooks }
  grafana: { kind: grafana, url_env: API, token_env: TOKEN }
";

const CANARY: &str = "canary0123456789abcdef";

fn run(world: &World, server: &Server, args: &[&str]) -> crate::support::Output {
    let mut command = world.sandbox.gitops_command(args);
    let at = |path: &str| format!("{}/{path}", server.origin);
    command
        .env("SLACK", at(&format!("services/T/B/{CANARY}")))
        .env("DISCORD", at(&format!("api/webhooks/1/{CANARY}")))
        .env("HOOK", at(&format!("hooks/{CANARY}")))
        .env("GOOGLE", at(&format!("v1/spaces/A/messages?key=k&token={CANARY}")))
        .env("TELEGRAM", at(&format!("bot1:{CANARY}/sendMessage")))
        .env("API", at(""))
        .env("TOKEN", format!("xoxb-{CANARY}"))
        .env("KEY", format!("key-{CANARY}"))
        .env("MAIL", format!("smtp://me:{CANARY}@127.0.0.1:1"));
    world.sandbox.finish(&mut command)
}

#[test]
fn a_canary_is_found_nowhere() {
    let world = World::new(&format!("{CONFIG}{CHANNELS}"));
    // The server repeats what it may have seen, as careless services do.
    let echo = Server::watching(
        400,
        "bad canary0123456789abcdef /hooks/canary0123456789abcdef xoxb-canary0123456789abcdef",
        Some(CANARY),
    );
    let busy = Server::new(503, "");
    let events = ["deploying", "deployed", "failed", "drift", "drift-resolved"];
    let flags: [&[&str]; 5] = [&[], &["-v"], &["-o", "json"], &["-n"], &["--strict"]];
    let all = events.iter().flat_map(|event| flags.iter().map(|flags| (&echo, *event, *flags)));
    let some = [(&busy, "deployed", flags[0]), (&busy, "drift", flags[2])];
    for (server, event, flags) in all.chain(some) {
        world.sandbox.write("teams.url", format!("{}/workflows/x?sig={CANARY}\n", server.origin));
        let args = [&["notify", event, "-e", "production", "--timeout", "1"], flags].concat();
        let output = run(&world, server, &args);
        assert!(!output.render().contains("canary"), "{args:?}: {}", output.render());
        assert!(output.code == 0 || flags == ["--strict"], "{args:?}: {}", output.render());
    }
    std::fs::remove_file(world.sandbox.path("teams.url")).unwrap();
    for entry in walkdir::WalkDir::new(world.sandbox.path("..")).into_iter().filter_map(Result::ok)
    {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let found = bytes.windows(6).any(|six| six == b"canary");
        assert!(!found, "{}", entry.path().display());
    }
    let seen: Vec<String> =
        echo.bodies().into_iter().filter(|body| body.starts_with(SEEN)).collect();
    assert!(seen.is_empty(), "{seen:?}");
    // Most of the channels were asked indeed.
    let asked = (echo.bodies().len(), busy.bodies().len());
    assert!(asked.0 > 100 && asked.1 > 20, "{asked:?}");
}
