//! `gitops demo`: the whole main job on a throw-away repository, without network or other programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli;
use crate::error::{Code, Hinted, Outcome};
use crate::files;
use crate::ui::Ui;

const EXAMPLES: &str = "\
Examples:
  gitops demo
  gitops demo --dir /tmp/shop";

/// Three environments of two apps.
const SHOP: &[(&str, &str)] = &[
    ("gitops.yaml", include_str!("../../examples/shop/gitops.yaml")),
    ("environments/dev.yaml", include_str!("../../examples/shop/environments/dev.yaml")),
    ("environments/staging.yaml", include_str!("../../examples/shop/environments/staging.yaml")),
    (
        "environments/production.yaml",
        include_str!("../../examples/shop/environments/production.yaml"),
    ),
];

/// Try the main job on a throw-away GitOps repository
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Make the repository here, in a new directory, and keep it
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Makes the repository and shows each step with what it prints.
pub fn run(args: &Args, ui: &Ui) -> anyhow::Result<Outcome> {
    let temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
    let dir = match &args.dir {
        Some(dir) if dir.exists() => {
            let message = format!("cannot make `{}`: it exists already", dir.display());
            return Err(Hinted::new(Code::Usage, message, "name a new directory").into());
        }
        Some(dir) => dir.clone(),
        None => temporary.path().join("shop"),
    };
    make(&dir)?;
    ui.line("A GitOps repository with three environments: dev, staging and production.")?;
    step(
        ui,
        &dir,
        "What would change?",
        &["bump-tag", "api=v1.2.3", "-e", "staging", "--dry-run"],
    )?;
    step(ui, &dir, "Change it:", &["bump-tag", "api=v1.2.3", "-e", "staging"])?;
    step(ui, &dir, "Again: nothing is left to do.", &["bump-tag", "api=v1.2.3", "-e", "staging"])?;
    step(
        ui,
        &dir,
        "Several images and environments, all or nothing:",
        &["bump-tag", "api=v1.3.1", "web=v2.1.0", "-e", "staging,production"],
    )?;
    if args.dir.is_some() {
        ui.line(format!("\nThe repository stays in {}.", dir.display()))?;
    }
    Ok(Outcome::Done)
}

fn make(dir: &Path) -> anyhow::Result<()> {
    for (name, text) in SHOP {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot create `{}`", parent.display()))?;
        }
        files::replace(&path, text.as_bytes())?;
    }
    Ok(())
}

fn step(ui: &Ui, dir: &Path, title: &str, args: &[&str]) -> anyhow::Result<()> {
    ui.line(format!("\n{title}\n$ gitops {}", args.join(" ")))?;
    cli::run_in(dir, args, ui)?;
    Ok(())
}
