//! `gitops history`: every change of a version, from Git alone.

mod apps;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

pub(super) use apps::check_apps;

use crate::ci::web_url;
use crate::cli::Globals;
use crate::commands::scope::Scopes;
use crate::deployed::{self, Deployed, VersionChange};
use crate::environment::{self, Environment};
use crate::error::{Code, Hinted, Outcome};
use crate::git::local::{Content, LocalRepository, Revision};
use crate::git::timeline::{self, Range, Step};
use crate::moment;
use crate::ui::Ui;

const EXAMPLES: &str = "\
Examples:
  gitops history -e production
  gitops history -e production --app api --since 30d
  gitops history -o json | jq '.changes[0]'";

/// Show every change of a deployed version: when, who, from what to what, and by which commit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this environment; can be given several times
    #[arg(short, long, value_name = "ENV", value_delimiter = ',')]
    env: Vec<String>,
    /// Only this app; can be given several times
    #[arg(long, value_name = "APP")]
    app: Vec<String>,
    /// Only since then: 2026-01-31, 2026-01-31T12:00:00Z, 12h, 30d or 2w
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The newest commit to look at
    #[arg(long, value_name = "REF", default_value = "HEAD")]
    rev: String,
    /// At most so many changes
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
}

/// A version that a commit changed.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) environment: String,
    pub(super) change: VersionChange,
    pub(super) revision: Revision,
    pub(super) author: String,
    /// When it came to the branch.
    pub(super) seconds: i64,
    /// The address of the source's commit, as the `Gitops-Source` trailer has it.
    pub(super) source: Option<String>,
    /// The pull request's number.
    pub(super) request: Option<String>,
}

impl Event {
    /// The commit of the source, as short as Git shows it.
    pub(super) fn source_revision(&self) -> Option<&str> {
        const SHORT: usize = 7;
        let revision = self.source.as_deref()?.rsplit(['/', '@']).next()?;
        let is_hex = revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(if is_hex { revision.get(..SHORT).unwrap_or(revision) } else { revision })
    }
}

/// Walks the history and prints what it finds.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let repository = LocalRepository::around(&globals.repo)?;
    let tip = repository.resolve(&args.rev)?;
    let scopes = Scopes::read(&repository.snapshot(&tip), globals)?;
    let chosen = chosen(&scopes, &args.env)?;
    let since = args.since.as_deref().map(since).transpose()?;
    let mut events = Vec::new();
    let reader = Reader { repository: &repository, scopes: &scopes, environments: &chosen };
    reader.walk(&tip, since, |event| {
        if args.app.is_empty() || args.app.contains(&event.change.app) {
            events.push(event);
        }
        args.limit.is_none_or(|limit| events.len() < limit)
    })?;
    if let Some(limit) = args.limit {
        events.truncate(limit);
    }
    if events.is_empty() && !args.app.is_empty() {
        check_apps(&args.app, &reader.apps(&tip)?)?;
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.seconds));
    if repository.is_shallow() {
        ui.warn("this clone is shallow: older changes are not in it");
    }
    let web = web_of(&repository);
    if ui.is_json() {
        let changes: Json = events.iter().map(|event| to_json(event, web.as_deref())).collect();
        ui.json("history", json!({ "changed": false, "changes": changes }))?;
    } else if events.is_empty() {
        ui.status("no version changed there");
    } else {
        ui.text(&table(&events))?;
    }
    Ok(Outcome::Done)
}

/// The repository's page, where its remote has one.
pub(super) fn web_of(repository: &LocalRepository) -> Option<String> {
    let url = web_url(&repository.origin()?);
    url.starts_with("http").then_some(url)
}

/// The environments asked for, or all.
pub(super) fn chosen(scopes: &Scopes, names: &[String]) -> anyhow::Result<Vec<Environment>> {
    if names.is_empty() {
        if scopes.environments.is_empty() {
            let message = "cannot find an environment here";
            let hint = "name the files of one in gitops.yaml (`environments:`)";
            return Err(Hinted::new(Code::NotFound, message, hint).into());
        }
        return Ok(scopes.environments.clone());
    }
    environment::select(&scopes.environments, names)
}

fn since(text: &str) -> anyhow::Result<i64> {
    moment::parse(text, now()).ok_or_else(|| {
        let message = format!("cannot read the time `{text}`");
        Hinted::new(Code::Usage, message, "write 2026-01-31, 2026-01-31T12:00:00Z, 12h, 30d or 2w")
            .into()
    })
}

pub(super) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// Finds version changes in the files of environments.
pub(super) struct Reader<'a> {
    pub(super) repository: &'a LocalRepository,
    pub(super) scopes: &'a Scopes,
    pub(super) environments: &'a [Environment],
}

impl Reader<'_> {
    /// Hands over every change, newest first, until `take` says that it is enough.
    pub(super) fn walk(
        &self,
        tip: &Revision,
        since: Option<i64>,
        mut take: impl FnMut(Event) -> bool,
    ) -> anyhow::Result<()> {
        let paths = self.paths();
        let range = Range { from: tip, since, paths: &paths, mainline: false };
        // What a commit found before it is what its parent left behind.
        let mut read = Kept::new();
        let boundary = self.repository.shallow_boundary();
        timeline::walk(self.repository, &range, |step| {
            if boundary.contains(&step.revision.id) {
                // What its parents had is not here: everything in it would read as new.
                return Ok(true);
            }
            let mut next = Kept::new();
            let mut going = true;
            for event in self.events(&step, &mut read, &mut next)? {
                going = going && take(event);
            }
            read.extend(next);
            if read.len() > MOST_KEPT {
                read.clear();
            }
            Ok(going)
        })
    }

    /// The files and directories that patterns begin with; one within another is left out.
    fn paths(&self) -> Vec<String> {
        let patterns = self.environments.iter().flat_map(|environment| &environment.files);
        let mut paths: Vec<String> = patterns.map(|pattern| literal(pattern).to_owned()).collect();
        paths.sort();
        paths.dedup();
        let all = paths.clone();
        let inside = |path: &String| {
            all.iter().any(|other| {
                other != path
                    && (other.is_empty()
                        || path
                            .strip_prefix(other.as_str())
                            .is_some_and(|rest| rest.starts_with('/')))
            })
        };
        paths.retain(|path| !inside(path));
        paths
    }

    fn events(&self, step: &Step, read: &mut Kept, next: &mut Kept) -> anyhow::Result<Vec<Event>> {
        let mut changes: Vec<(String, VersionChange)> = Vec::new();
        for delta in &step.deltas {
            let environment = self.scopes.environment_of(&delta.path);
            let wanted = self.environments.iter().any(|known| known.name == environment);
            if !wanted || !environment::is_yaml(&delta.path) {
                continue;
            }
            let mut side =
                |content: Option<Content>, keep: bool| -> anyhow::Result<Vec<Deployed>> {
                    let Some(content @ Content::Blob(_)) = content else { return Ok(Vec::new()) };
                    let key = (content, delta.path.clone());
                    if let Some(known) = read.remove(&key) {
                        return Ok(known);
                    }
                    let bytes = self.repository.read(&delta.path, content)?;
                    let text = String::from_utf8_lossy(&bytes);
                    let apps = &self.scopes.config.apps;
                    let found = deployed::of_file(&delta.path, &text, apps).unwrap_or_default();
                    if keep {
                        next.insert(key, found.clone());
                    }
                    Ok(found)
                };
            let (after, before) = (side(delta.after, false)?, side(delta.before, true)?);
            for change in deployed::changes(&before, &after) {
                changes.push((environment.to_owned(), change));
            }
        }
        let events = apps::joined(changes).into_iter();
        Ok(events.map(|(environment, change)| self.event(step, &environment, change)).collect())
    }

    fn event(&self, step: &Step, environment: &str, change: VersionChange) -> Event {
        let app = self.scopes.config.apps.get(&change.app);
        let own = app.and_then(|app| app.source.as_deref());
        let merge = step.merge.as_ref();
        Event {
            environment: environment.to_owned(),
            source: source(&step.message, own),
            request: request(&step.message).or_else(|| request(&merge?.message)),
            change,
            revision: step.revision.clone(),
            author: step.author.clone(),
            // What was merged counts from then on.
            seconds: merge.map_or(step.seconds, |merge| merge.seconds),
        }
    }
}

/// What files hold, by their content and path.
type Kept = HashMap<(Content, String), Vec<Deployed>>;

/// How many readings are kept for the next commit.
const MOST_KEPT: usize = 10_000;

/// The part of a pattern before its first special character, as a path.
fn literal(pattern: &str) -> &str {
    let pattern = pattern.trim_start_matches("./");
    match pattern.find(['*', '?', '[', '{']) {
        None => pattern,
        Some(special) => pattern[..special].rfind('/').map_or("", |at| &pattern[..at]),
    }
}

/// The source's commit: of the `Gitops-Source: URL@REVISION` trailer that fits the app's repository,
/// else of the only one.
fn source(message: &str, own: Option<&str>) -> Option<String> {
    let trailers: Vec<(&str, &str)> = message
        .lines()
        .filter_map(|line| line.strip_prefix("Gitops-Source:"))
        .filter_map(|value| value.trim().rsplit_once('@'))
        .collect();
    let fits = |url: &&str| {
        own.is_some_and(|own| own.trim_end_matches(".git") == url.trim_end_matches(".git"))
    };
    let (url, revision) = match trailers.as_slice() {
        [only] => only,
        several => several.iter().find(|(url, _)| fits(url))?,
    };
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    Some(if is_web {
        format!("{}/commit/{revision}", url.trim_end_matches(".git"))
    } else {
        format!("{url}@{revision}")
    })
}

/// The number of the pull request that a message speaks of, as forges write it.
fn request(message: &str) -> Option<String> {
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        Some(text[..end].to_owned()).filter(|digits| !digits.is_empty())
    };
    let behind = |mark: &str| message.split_once(mark).and_then(|(_, rest)| number(rest));
    let first = message.lines().next().unwrap_or_default().trim_end();
    let squashed = || {
        let (_, rest) = first.strip_suffix(')')?.rsplit_once("(#")?;
        number(rest).filter(|digits| digits.len() == rest.len())
    };
    let gitlab = || {
        let line = message.lines().find_map(|line| line.strip_prefix("See merge request "))?;
        number(line.rsplit_once('!')?.1)
    };
    behind("Merge pull request #")
        .or_else(|| behind("(pull request #"))
        .or_else(|| first.strip_prefix("Merged PR ").and_then(number))
        .or_else(squashed)
        .or_else(gitlab)
}

/// Where a browser finds a pull request.
fn request_url(web: &str, number: &str) -> String {
    let host = web.split('/').nth(2).unwrap_or_default();
    let path = match () {
        () if host.contains("gitlab") => "-/merge_requests",
        () if host.contains("bitbucket") => "pull-requests",
        () if host.contains("dev.azure.com") => "pullrequest",
        () => "pull",
    };
    format!("{web}/{path}/{number}")
}

pub(super) fn to_json(event: &Event, web: Option<&str>) -> Json {
    json!({
        "time": moment::iso(event.seconds),
        "environment": event.environment,
        "app": event.change.app,
        "before": event.change.before,
        "after": event.change.after,
        "file": event.change.file,
        "key": event.change.key,
        "author": event.author,
        "commit": event.revision.id.to_string(),
        "subject": event.revision.subject,
        "commit_url": web.map(|web| format!("{web}/commit/{}", event.revision.id)),
        "source_url": event.source,
        "pull_request": event.request,
        "pull_request_url": web.zip(event.request.as_deref()).map(|(web, number)| request_url(web, number)),
    })
}

fn table(events: &[Event]) -> String {
    let side = |version: &Option<String>| version.clone().unwrap_or_else(|| "–".to_owned());
    let rows: Vec<[String; 7]> = events
        .iter()
        .map(|event| {
            let request = event.request.as_ref().map(|number| format!("#{number}"));
            [
                moment::minute(event.seconds),
                event.environment.clone(),
                event.change.app.clone(),
                format!("{} → {}", side(&event.change.before), side(&event.change.after)),
                event.revision.short(),
                event.author.clone(),
                [request, event.source.clone()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("  "),
            ]
        })
        .collect();
    aligned(&rows)
}

/// Columns as wide as their widest cell.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_pull_requests_of_forges() {
        let cases = [
            ("Merge pull request #12 from acme/x\n\nt", Some("12")),
            ("api: v2 (#34)", Some("34")),
            ("Merge branch 'x' into 'main'\n\nt\n\nSee merge request acme/ops!56", Some("56")),
            ("Merged in x (pull request #7)", Some("7")),
            ("Merged PR 8: api", Some("8")),
            ("api: v2", None),
            ("fix (#x)", None),
        ];
        for (message, expected) in cases {
            assert_eq!(request(message).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn links_the_source() {
        let one = "x\n\nGitops-Source: https://h/acme/api.git@abc\n";
        assert_eq!(source(one, None).as_deref(), Some("https://h/acme/api/commit/abc"));
        let two = format!("{one}Gitops-Source: https://h/acme/web@def\n");
        assert_eq!(source(&two, None), None);
        assert_eq!(
            source(&two, Some("https://h/acme/web")).as_deref(),
            Some("https://h/acme/web/commit/def")
        );
    }

    #[test]
    fn patterns_begin_somewhere() {
        for (pattern, path) in
            [("a/b.yaml", "a/b.yaml"), ("a/**", "a"), ("./a/x-*.yaml", "a"), ("*.yaml", "")]
        {
            assert_eq!(literal(pattern), path);
        }
    }
}
