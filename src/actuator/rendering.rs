//! Manifests made of an environment's files by the program that its settings name.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use super::process::Run;
use super::{File, Render};
use crate::error::{Code, Hinted};

/// Longer than any chart takes.
const LONGEST: Duration = Duration::from_mins(5);

/// A private copy of files, for a program that reads them.
pub fn copy(files: &[File]) -> anyhow::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    for file in files {
        let place = dir.path().join(&file.path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot create `{}`", parent.display()))?;
        }
        crate::files::replace(&place, &file.bytes)?;
    }
    Ok(dir)
}

/// Runs the renderer on a private copy of the files.
pub fn run_renderer(
    render: &Render,
    environment: &str,
    path: &str,
    all: &[File],
    variables: &[(String, String)],
) -> anyhow::Result<Vec<u8>> {
    let commands = commands(render, environment, path)?;
    if commands.is_empty() {
        anyhow::bail!("cannot render `{environment}`: no renderer is named");
    }
    let dir = copy(all)?;
    let mut missing = None;
    for argv in &commands {
        let run = Run { argv, dir: dir.path(), variables, timeout: LONGEST };
        match run.succeed() {
            Ok(text) => return Ok(text),
            // The next program may be there.
            Err(error) if error.to_string().contains("No such file") => missing = Some(error),
            Err(error) => return Err(error.context(format!("cannot render `{environment}`"))),
        }
    }
    Err(missing.unwrap_or_else(|| anyhow::anyhow!("cannot render `{environment}`")))
}

/// The command lines to try, the second where the first one's program is missing.
fn commands(render: &Render, environment: &str, path: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    match render {
        Render::Command(argv) => Ok(vec![argv.clone()]),
        Render::Kind(kind) => match kind.as_str() {
            "kustomize" => Ok(vec![
                words(&["kustomize", "build", path]),
                words(&["kubectl", "kustomize", path]),
            ]),
            "helm" => Ok(vec![words(&["helm", "template", environment, path, "--include-crds"])]),
            "helmfile" => Ok(vec![words(&[
                "helmfile",
                "--environment",
                environment,
                "--file",
                path,
                "template",
            ])]),
            other => {
                let message =
                    format!("cannot render `{environment}`: there is no renderer `{other}`");
                let hint = "kustomize, helm, helmfile, or a command as a list";
                Err(Hinted::new(Code::Config, message, hint).into())
            }
        },
    }
}
