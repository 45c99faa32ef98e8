//! Git's credential helpers: through `git credential` where there is a `git`, else started as Git would.

use std::io;
use std::process::Command;
use std::time::Instant;

use url::Url;

use super::super::child;
use super::super::config::Config;
use super::super::connection::local_command;
use crate::http::Secret;

/// What a helper says: `key=value` lines, any of which may be secret.
type Answer = Vec<(String, Secret)>;

/// Asks for the credentials of a URL; nothing where no helper knows any.
pub(super) fn fill(
    config: &Config,
    url: &Url,
    user: Option<&str>,
    challenges: &[String],
    deadline: Instant,
) -> Option<Answer> {
    let question = question(url, user, challenges);
    let answer = match run(git("fill"), &question, deadline) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let helpers = helpers(config, url);
            helpers
                .iter()
                .find_map(|helper| complete(run(shell(helper, "get"), &question, deadline).ok()?))
        }
        answer => complete(answer.ok()?),
    }?;
    // What was asked comes first: a helper need not repeat it.
    let known =
        parse(&question).into_iter().filter(|(key, _)| answer.iter().all(|(k, _)| k != key));
    let known: Answer = known.filter(|(key, _)| key != "wwwauth[]").collect();
    Some(known.into_iter().chain(answer).collect())
}

/// Tells how it went: `approve` or `reject`. A helper that fails to remember is no reason to fail.
pub(super) fn tell(config: &Config, url: &Url, how: &str, answer: &Answer, deadline: Instant) {
    let lines = answer.iter().map(|(key, value)| format!("{key}={}\n", value.expose()));
    let text: String = lines.collect();
    if let Err(error) = run(git(how), &text, deadline)
        && error.kind() == io::ErrorKind::NotFound
    {
        let action = if how == "approve" { "store" } else { "erase" };
        for helper in helpers(config, url) {
            let _ = run(shell(&helper, action), &text, deadline);
        }
    }
}

fn question(url: &Url, user: Option<&str>, challenges: &[String]) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_start_matches('/');
    let place = format!("protocol={}\nhost={host}{port}\npath={path}\n", url.scheme());
    let user = user.map(|user| format!("username={user}\n"));
    let challenges = challenges.iter().map(|challenge| format!("wwwauth[]={challenge}\n"));
    std::iter::once(place).chain(user).chain(challenges).collect()
}

fn git(action: &str) -> Command {
    let mut command = local_command();
    command.args(["credential", action]).env("GIT_TERMINAL_PROMPT", "0");
    command
}

/// The helpers that the configuration names for a URL; an empty name forgets those before it.
fn helpers(config: &Config, url: &Url) -> Vec<String> {
    let mut helpers = Vec::new();
    for (name, _) in config.all_for("credential", "helper", url) {
        if name.is_empty() {
            helpers.clear();
        } else {
            helpers.push(name.to_owned());
        }
    }
    helpers
}

/// A helper's name as the command that Git makes of it.
fn shell(helper: &str, action: &str) -> Command {
    let line = match helper.strip_prefix('!') {
        Some(line) => line.to_owned(),
        None if helper.starts_with('/') => helper.to_owned(),
        None => format!("git-credential-{helper}"),
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{line} {action}"));
    command
}

/// Feeds a program the text by stdin, so that no secret is in its arguments, and gives its answer.
fn run(mut command: Command, text: &str, deadline: Instant) -> io::Result<Answer> {
    let finished = child::run(&mut command, format!("{text}\n").as_bytes(), deadline)?;
    if !finished.is_ok() {
        return Err(io::Error::other("the helper failed"));
    }
    Ok(parse(&String::from_utf8_lossy(&finished.stdout)))
}

fn parse(text: &str) -> Answer {
    let is_public = |key: &str| {
        matches!(key, "protocol" | "host" | "path" | "username" | "wwwauth[]" | "authtype")
    };
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let secret = |(key, value): (&str, &str)| {
        let value = if is_public(key) { Secret::public(value) } else { Secret::new(value) };
        (key.to_owned(), value)
    };
    pairs.map(secret).collect()
}

fn complete(answer: Answer) -> Option<Answer> {
    let has = |key: &str| answer.iter().any(|(name, value)| name == key && !value.is_empty());
    ((has("username") && has("password")) || (has("authtype") && has("credential")))
        .then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::time::Duration;

    #[test]
    fn asks_helpers_as_git_does() {
        let url = Url::parse("https://h:8443/a/b.git").unwrap();
        let asked = question(&url, Some("me"), &["Basic realm=\"x\"".to_owned()]);
        let expected = "protocol=https\nhost=h:8443\npath=a/b.git\nusername=me\n\
                        wwwauth[]=Basic realm=\"x\"\n";
        assert_eq!(asked, expected);
    }

    #[cfg(unix)]
    #[test]
    fn runs_a_helper_without_git() {
        let helper = "!f() { cat >/dev/null; echo username=me; echo password=canary-help-$1; }; f";
        let run = |command| run(command, "host=h\n", Instant::now() + Duration::from_mins(1));
        let answer = complete(run(shell(helper, "get")).unwrap()).unwrap();
        assert_eq!(answer[1].1.expose(), "canary-help-get");
        assert!(complete(run(shell("!true", "get")).unwrap()).is_none());
        assert!(run(shell("!false", "get")).is_err());
    }
}
