//! `diff --live` and `status --live`: what is there beside what is declared, compared as `apply` does, and nothing
//! changed.

use clap::{Args as _, FromArgMatches as _};
use serde_json::{Value, json};

use super::converge::{Extent, Report};
use super::job::Job;
use super::prospect::{self, Prospect};
use super::{Args, show};
use crate::cli::Globals;
use crate::commands::landing::{Place, place};
use crate::commands::{publishing, scope};
use crate::environment;
use crate::error::Report as ErrorReport;
use crate::http::mask;
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// Shows what differs; true when something does.
pub fn diff(environment: &str, globals: &Globals, ui: &Ui) -> anyhow::Result<bool> {
    let (job, prospect) = look(environment, globals, ui)?;
    let differs = !prospect.plan.is_empty();
    let before =
        ui.conclusion().is_some_and(|said| said.outputs.contains(&("changed", "true".to_owned())));
    publishing::conclude(&json!({ "changed": differs || before }), None, ui);
    if ui.is_json() {
        let report = Report { changed: differs, extent: Extent::Shown, ..Report::default() };
        ui.json("diff", show::to_json(&job, &prospect, &report))?;
    } else if differs {
        show::plan(&job, &prospect, ui)?;
    } else {
        ui.status(format!("nothing differs: `{environment}` is as declared"));
    }
    Ok(differs)
}

/// Says of each environment that has an actuator whether it is as declared; true when all are.
pub fn status(environments: &[String], globals: &Globals, ui: &Ui) -> anyhow::Result<bool> {
    let (mut all_well, mut rows) = (true, Vec::new());
    for name in chosen(environments, globals)? {
        // One that cannot be reached must not hide the others.
        let row = match look(&name, globals, ui) {
            Ok((job, prospect)) => row(&job, &prospect),
            Err(error) => {
                let cause = mask(&ErrorReport::of(&error).message);
                json!({ "environment": name, "state": "unknown", "cause": cause })
            }
        };
        all_well &= row["state"] == "as-declared";
        rows.push(row);
    }
    if ui.is_json() {
        ui.json("status", json!({ "live": rows }))?;
        return Ok(all_well);
    }
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let what = match row["state"].as_str() {
            Some("as-declared") => "as declared".to_owned(),
            Some("differs") if row["count"] == 1 => {
                format!("1 object differs: {}", text("objects"))
            }
            Some("differs") => format!("{} objects differ: {}", row["count"], text("objects")),
            _ => text("cause"),
        };
        ui.line(format!("{}: {what}", text("environment")))?;
    }
    Ok(all_well)
}

fn row(job: &Job, prospect: &Prospect) -> Value {
    let plan = &prospect.plan;
    let changed = plan.changes().map(|compared| compared.item.id.to_string());
    let gone = plan.prunes.iter().map(|prune| prune.id.to_string());
    let objects: Vec<String> = changed.chain(gone).collect();
    let state = if objects.is_empty() { "as-declared" } else { "differs" };
    json!({
        "environment": job.environment, "state": state, "count": objects.len(),
        "objects": objects.join(", "), "applied": prospect.stored.inventory.commit,
    })
}

fn look(environment: &str, globals: &Globals, ui: &Ui) -> anyhow::Result<(Job, Prospect)> {
    // As `apply --dry-run --allow-dirty`: what is compared is the work tree as it is.
    let words = ["apply", "--env", environment, "--dry-run", "--allow-dirty"];
    let is_checkout = matches!(place(globals), Place::Directory(_));
    let words: &[&str] = if is_checkout { &words } else { &words[..4] };
    let command = Args::augment_args(clap::Command::new("apply"));
    let mut args = Args::from_arg_matches(&command.try_get_matches_from(words)?)?;
    args.live = true;
    let job = Job::read(&args, globals, None, ui)?;
    let prospect = prospect::look(&job, ui)?;
    Ok((job, prospect))
}

/// The named environments, or all that have an actuator.
fn chosen(names: &[String], globals: &Globals) -> anyhow::Result<Vec<String>> {
    let tree = WorkTree::around(&globals.repo)?;
    let config = scope::config(&tree, globals)?;
    if !names.is_empty() {
        let found = environment::select(&environment::all(&tree, &config)?, names)?;
        return Ok(found.into_iter().map(|environment| environment.name).collect());
    }
    let driven = config.environments.iter().filter(|(_, e)| e.actuator.is_some());
    Ok(driven.map(|(name, _)| name.clone()).collect())
}
