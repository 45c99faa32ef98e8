//! `gitops demo`: the whole main job on a throw-away repository, without network or other programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::cli;
use crate::error::{Code, Hinted, Outcome};
use crate::files;
use crate::git::{self, Person};
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

/// Nobody need be configured to try it.
const AUTHOR: [&str; 2] = ["--author", "Demo <demo@example.com>"];

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
    converge(ui, &dir)?;
    remote(ui, &dir.join("remote.git"))?;
    if args.dir.is_some() {
        ui.line(format!("\nThe repository stays in {}.", dir.display()))?;
    }
    Ok(Outcome::Done)
}

/// An environment that is a folder: what is declared becomes what is there, and a change by hand is found.
fn converge(ui: &Ui, dir: &Path) -> anyhow::Result<()> {
    step(
        ui,
        dir,
        "Make what runs what is declared; staging is a folder here, and would be a cluster elsewhere:",
        &["apply", "-e", "staging", "--yes"],
    )?;
    let live = dir.join("live/staging/staging.yaml");
    let text = String::from_utf8(files::read(&live)?).unwrap_or_default();
    files::replace(&live, text.replacen("replicas: 2", "replicas: 7", 1).as_bytes())?;
    step(
        ui,
        dir,
        "Somebody changes it by hand. Is it still what is declared?",
        &["diff", "-e", "staging", "--live"],
    )?;
    step(
        ui,
        dir,
        "Put it right, as a watch does:",
        &["apply", "-e", "staging", "--watch", "--once", "--drift", "remediate"],
    )
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

/// The same in a remote repository, as the last step of a build, and two builds at once.
fn remote(ui: &Ui, bare: &Path) -> anyhow::Result<()> {
    let author =
        Person { name: "Demo".into(), email: "demo@example.com".into(), seconds: 0, offset: 0 };
    let files: Vec<(&str, &[u8])> =
        SHOP.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    git::create_bare(bare, "main", &files, (&author, "three environments"))?;
    ui.line("\nThe same without a checkout, as a build's last step: commit and push to a bare repository.")?;
    let args = ["bump-tag", "api=v1.2.3", "-e", "staging"];
    ui.line(format!("$ gitops --repo remote.git {}", args.join(" ")))?;
    cli::run_in(bare, &[&args[..], &AUTHOR].concat(), ui)?;

    ui.line("\nTwo builds at once, in one file. Neither is lost: who comes second plans again on the new tip.")?;
    let racers = ["api=v1.2.4", "web=v2.1.0"].map(|image| {
        let args = ["bump-tag", image, "-e", "staging"];
        (args.join(" "), race(bare, &args))
    });
    for (line, racer) in racers {
        let output = racer?.wait_with_output().context("cannot wait for a build")?;
        if !output.status.success() {
            let cause = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(
                Hinted::plain(Code::Error, format!("cannot run `gitops {line}`: {cause}")).into()
            );
        }
        ui.line(format!("$ gitops --repo remote.git {line} &"))?;
        ui.text(&String::from_utf8_lossy(&output.stdout))?;
    }

    ui.line("\nThe history, the newest first:")?;
    for (id, subject) in git::subjects(bare, "main", 10)? {
        ui.line(format!("{} {subject}", id.get(..10).unwrap_or(&id)))?;
    }
    Ok(())
}

/// This program as a process of its own, so that the race is a real one.
fn race(bare: &Path, args: &[&str]) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.arg("--quiet").arg("--repo").arg(bare).args(args).args(AUTHOR);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().context("cannot start this program")
}

fn step(ui: &Ui, dir: &Path, title: &str, args: &[&str]) -> anyhow::Result<()> {
    ui.line(format!("\n{title}\n$ gitops {}", args.join(" ")))?;
    cli::run_in(dir, args, ui)?;
    Ok(())
}
