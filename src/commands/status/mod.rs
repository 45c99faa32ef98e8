//! `gitops status`: which version of which app runs where, from Git alone.

mod html;
mod matrix;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::history::{self, Event, Reader, chosen};
use super::scope::Scopes;
use crate::cli::Globals;
use crate::commands::apply;
use crate::deployed;
use crate::error::Outcome;
use crate::git::local::LocalRepository;
use crate::moment;
use crate::snapshot::Snapshot;
use crate::ui::{Format, Ui};
use crate::worktree::WorkTree;
use matrix::{Cell, Matrix};

const EXAMPLES: &str = "\
Examples:
  gitops status
  gitops status -e staging -e production -o markdown
  gitops status -o html > status.html";

/// What it prints besides text and JSON.
pub const FORMATS: &[Format] = &[Format::Markdown, Format::Html];

/// Show which version of which app is declared in which environment, since when, and what lags
///
/// The files are those of the work tree, or of --rev; the ages come from the history.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this environment; can be given several times
    #[arg(short, long, value_name = "ENV", value_delimiter = ',')]
    env: Vec<String>,
    /// Only this app; can be given several times
    #[arg(long, value_name = "APP")]
    app: Vec<String>,
    /// The commit to look at, instead of the work tree
    #[arg(long, value_name = "REF")]
    rev: Option<String>,
    /// Say of each environment with an actuator whether it is as declared
    #[arg(long, conflicts_with_all = ["app", "rev"])]
    live: bool,
    /// Exit with 1 where an environment lags, or is not as declared
    #[arg(long)]
    exit_code: bool,
}

/// Reads the files, looks up their history and shows the matrix.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    if args.live {
        let all_well = apply::live::status(&args.env, globals, ui)?;
        return Ok(if args.exit_code && !all_well { Outcome::Differs } else { Outcome::Done });
    }
    let repository = LocalRepository::around(&globals.repo).ok();
    let mut matrix = match (&args.rev, &repository) {
        (Some(rev), _) => {
            let repository = LocalRepository::around(&globals.repo)?;
            let revision = repository.resolve(rev)?;
            read(args, globals, &repository.snapshot(&revision), ui)?
        }
        (None, _) => read(args, globals, &WorkTree::around(&globals.repo)?, ui)?,
    };
    if let Some(repository) = &repository {
        date(&mut matrix, args, globals, repository)?;
        if repository.is_shallow() {
            ui.warn("this clone is shallow: ages older than it are not known");
        }
    }
    matrix.judge();
    let web = repository.as_ref().and_then(history::web_of);
    let now = history::now();
    match ui.format() {
        Format::Json => ui.json("status", to_json(&matrix, web.as_deref()))?,
        Format::Markdown => ui.text(&matrix.markdown(now))?,
        Format::Html => ui.text(&html::page(&matrix, now, web.as_deref()))?,
        _ => ui.text(&matrix.text(now))?,
    }
    Ok(if args.exit_code && (matrix.lags() || !matrix.unreadable.is_empty()) {
        Outcome::Differs
    } else {
        Outcome::Done
    })
}

/// The versions that the files declare.
fn read(
    args: &Args,
    globals: &Globals,
    snapshot: &dyn Snapshot,
    ui: &Ui,
) -> anyhow::Result<Matrix> {
    let scopes = Scopes::read(snapshot, globals)?;
    let environments = chosen(&scopes, &args.env)?;
    let mut matrix = Matrix {
        environments: environments.iter().map(|environment| environment.name.clone()).collect(),
        rows: BTreeMap::new(),
        unreadable: BTreeSet::new(),
    };
    let mut known = BTreeSet::new();
    for (column, environment) in environments.iter().enumerate() {
        let paths = environment.list(snapshot)?;
        for (path, bytes) in paths.iter().zip(snapshot.read(&paths)?) {
            let text = String::from_utf8_lossy(&bytes);
            let Some(found) = deployed::of_file(path, &text, &scopes.config.apps) else {
                ui.warn(format!(
                    "`{path}` is left out: it cannot be read (`gitops validate` says why)"
                ));
                matrix.unreadable.insert(environment.name.clone());
                continue;
            };
            for place in found {
                known.insert(place.app.clone());
                if args.app.is_empty() || args.app.contains(&place.app) {
                    matrix.add(column, place);
                }
            }
        }
    }
    known.extend(scopes.config.apps.into_keys());
    // Where a file cannot be read, nobody knows what is in it.
    if matrix.unreadable.is_empty() {
        history::check_apps(&args.app, &known)?;
    }
    Ok(matrix)
}

/// Looks up when each cell came to be what it is: the newest change of its version.
fn date(
    matrix: &mut Matrix,
    args: &Args,
    globals: &Globals,
    repository: &LocalRepository,
) -> anyhow::Result<()> {
    let Ok(tip) = repository.resolve(args.rev.as_deref().unwrap_or("HEAD")) else {
        // A repository without a commit has no history.
        return Ok(());
    };
    let scopes = Scopes::read(&repository.snapshot(&tip), globals)?;
    let environments: Vec<_> = scopes
        .environments
        .iter()
        .filter(|environment| matrix.environments.contains(&environment.name))
        .cloned()
        .collect();
    let mut open = matrix.undated();
    let reader = Reader { repository, scopes: &scopes, environments: &environments };
    reader.walk(&tip, None, |event: Event| {
        if let Some(cell) = matrix.cell_mut(&event.change.app, &event.environment)
            && cell.since.is_none()
            && event.change.after.as_ref().is_some_and(|version| cell.has(version))
        {
            cell.since = Some(event);
            open -= 1;
        }
        open > 0
    })
}

fn to_json(matrix: &Matrix, web: Option<&str>) -> Json {
    let cell = |(environment, cell): (&String, &Option<Cell>)| {
        let cell = cell.as_ref()?;
        let event = cell.since.as_ref().map(|event| history::to_json(event, web));
        let places: Json = cell
            .places
            .iter()
            .map(|place| {
                json!({
                    "version": place.version, "repository": place.repository,
                    "file": place.file, "line": place.line, "key": place.key,
                })
            })
            .collect();
        Some(json!({
            "environment": environment,
            "version": cell.version(),
            "lags": cell.lags,
            "since": cell.since.as_ref().map(|event| moment::iso(event.seconds)),
            "change": event,
            "places": places,
        }))
    };
    let apps: Json = matrix
        .rows
        .iter()
        .map(|(app, cells)| {
            let cells: Json = matrix.environments.iter().zip(cells).filter_map(cell).collect();
            json!({ "app": app, "environments": cells })
        })
        .collect();
    json!({ "changed": false, "environments": matrix.environments, "unreadable": matrix.unreadable, "apps": apps })
}
