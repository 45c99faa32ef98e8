//! `gitops validate`: everything that is wrong with the repository's files, in one run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::scope::{self, Scopes};
use crate::cli::Globals;
use crate::deployed;
use crate::diff::render::findings;
use crate::environment::{Config, FILE_NAME, RenderConfig, RenderKind, select};
use crate::error::{Code, Hinted, Outcome};
use crate::files;
use crate::manifest::{SourceFile, is_structured};
use crate::policy::Policy;
use crate::snapshot::{Kind, Snapshot};
use crate::ui::{Format, Ui};
use crate::validate::{Finding, IDS, Report, Rules, check};
use crate::worktree::WorkTree;
use crate::yaml::{NodeRef, Stream};

const EXAMPLES: &str = "\
Examples:
  gitops validate
  gitops validate -e production
  gitops validate -o github";

/// What it prints besides text and JSON.
pub const FORMATS: &[Format] = &[Format::Github, Format::Sarif];

/// Check every file, gitops.yaml and the policy; exit with 1 where something is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only the files of this environment; can be given several times
    #[arg(short, long, value_name = "ENV", value_delimiter = ',')]
    env: Vec<String>,
}

/// Reads the files, checks them and prints the findings.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let tree = WorkTree::around(&globals.repo)?;
    let report = examine(args, globals, &tree)?;
    show(&report, ui)?;
    Ok(if report.findings.is_empty() { Outcome::Done } else { Outcome::Differs })
}

fn examine(args: &Args, globals: &Globals, tree: &WorkTree) -> anyhow::Result<Report> {
    let mut found = Vec::new();
    let config = match scope::config(tree, globals) {
        Ok(config) => config,
        Err(error) => {
            // A configuration that cannot be used is a finding like any other; the rest goes on.
            let name = globals.config.as_ref().map(|path| path.display().to_string());
            let name = name.as_deref().unwrap_or(FILE_NAME);
            found.push(unusable(&error, name).ok_or(error)?);
            Config::default()
        }
    };
    let usable = found.is_empty();
    let scopes = Scopes::of(tree, config)?;
    let chosen = match select(&scopes.environments, &args.env) {
        _ if args.env.is_empty() => scopes.environments.clone(),
        Ok(chosen) => chosen,
        Err(error) if usable => return Err(error),
        // Nobody knows which files were meant.
        Err(_) => Vec::new(),
    };
    let mut deployed = BTreeSet::new();
    for environment in &chosen {
        match environment.list(tree) {
            Ok(paths) => deployed.extend(paths),
            Err(error) => found.push(configuration(
                tree,
                &["environments", &environment.name],
                format!("{error:#}"),
            )),
        }
    }
    let links = dangling(tree)?;
    let paths = if args.env.is_empty() { all(tree)? } else { deployed.iter().cloned().collect() };
    let files = read(tree, &paths)?;
    let policy: Policy = scopes.config.policy()?;
    let rules = Rules { policy: &policy, apps: &scopes.config.apps, deployed: &deployed };
    let mut report = check(&files, &rules);
    found.extend(of_configuration(&scopes.config, tree, &files, args.env.is_empty()));
    report.findings.extend(found);
    report.findings.extend(links.into_iter().filter(|link| {
        let file = link.file.as_str();
        args.env.is_empty() || chosen.iter().any(|known| scopes.environment_of(file) == known.name)
    }));
    report.findings.sort();
    Ok(report)
}

/// The finding that an error about the configuration is; `None` where it is about something else.
fn unusable(error: &anyhow::Error, name: &str) -> Option<Finding> {
    let code = error.downcast_ref::<Hinted>().map(Hinted::code);
    let is_content = code.is_none_or(|code| matches!(code, Code::Config | Code::InvalidYaml));
    placed(error).or_else(|| {
        let message = format!("{error:#}");
        let line = message.split_once("line ").and_then(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
        });
        let file = name.to_owned();
        let id = "configuration";
        is_content.then(|| Finding { file, line: line.unwrap_or(1), id, message })
    })
}

/// Links to YAML files that lead nowhere.
fn dangling(tree: &WorkTree) -> anyhow::Result<Vec<Finding>> {
    fn collect(tree: &WorkTree, dir: &str, found: &mut Vec<Finding>) -> anyhow::Result<()> {
        for entry in tree.entries(dir)? {
            let path = if dir.is_empty() { entry.name } else { format!("{dir}/{}", entry.name) };
            match entry.kind {
                Kind::Directory => collect(tree, &path, found)?,
                Kind::Symlink if is_structured(&path) && !tree.root().join(&path).exists() => {
                    let message = "the link leads nowhere".to_owned();
                    found.push(Finding { file: path, line: 1, id: "dangling-link", message });
                }
                _ => {}
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    collect(tree, "", &mut found)?;
    Ok(found)
}

/// `gitops.yaml:3: …` of an error.
fn placed(error: &anyhow::Error) -> Option<Finding> {
    let said = format!("{error:#}");
    let (file, rest) = said.split_once(':')?;
    let (line, message) = rest.split_once(": ")?;
    let line = line.parse().ok()?;
    let message = message.to_owned();
    is_structured(file).then(|| Finding {
        file: file.to_owned(),
        line,
        id: "configuration",
        message,
    })
}

/// Every YAML file of the repository that is not hidden from Git's eyes by its directory's name.
fn all(tree: &WorkTree) -> anyhow::Result<Vec<String>> {
    let mut paths = Vec::new();
    collect(tree, "", &mut paths)?;
    Ok(paths)
}

fn collect(tree: &WorkTree, dir: &str, paths: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in tree.entries(dir)? {
        let path =
            if dir.is_empty() { entry.name.clone() } else { format!("{dir}/{}", entry.name) };
        match entry.kind {
            Kind::Directory if entry.name != "node_modules" && entry.name != "vendor" => {
                collect(tree, &path, paths)?;
            }
            Kind::File if is_structured(&path) => paths.push(path),
            _ => {}
        }
    }
    Ok(())
}

fn read(tree: &WorkTree, paths: &[String]) -> anyhow::Result<Vec<SourceFile>> {
    let file = |path: &String| Ok(SourceFile::new(path, files::read(&tree.root().join(path))?));
    paths.iter().map(file).collect()
}

/// What `gitops.yaml` names must be there.
fn of_configuration(
    config: &Config,
    tree: &WorkTree,
    files: &[SourceFile],
    complete: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, environment) in &config.environments {
        for (key, path) in rendered(&environment.render) {
            if !tree.root().join(path).exists() {
                let message = format!("`render.{key}` of `{name}`: there is no `{path}`");
                findings.push(configuration(tree, &["environments", name, "render", key], message));
            }
        }
    }
    if complete && !config.apps.is_empty() {
        let mut known: BTreeSet<String> = BTreeSet::new();
        for file in files {
            let text = file.text.as_deref().unwrap_or_default();
            let found = deployed::of_file(&file.path, text, &config.apps).unwrap_or_default();
            known.extend(found.into_iter().map(|place| place.app));
        }
        for app in config.apps.keys().filter(|app| !known.contains(*app)) {
            let message = format!("no file deploys the app `{app}`");
            findings.push(configuration(tree, &["apps", app], message));
        }
    }
    findings
}

fn rendered(render: &RenderConfig) -> Vec<(&'static str, &str)> {
    let mut paths: Vec<(&'static str, &str)> = Vec::new();
    if render.kind != RenderKind::Manifests {
        paths.extend(render.path.as_deref().map(|path| ("path", path)));
        paths.extend(
            render.chart.as_deref().filter(|c| !c.contains("://")).map(|chart| ("chart", chart)),
        );
        paths.extend(render.values.iter().map(|path| ("values", path.as_str())));
    }
    paths
}

/// A finding at a key of `gitops.yaml`, or at the nearest key above it that is there.
fn configuration(tree: &WorkTree, keys: &[&str], message: String) -> Finding {
    let text = files::read(&tree.root().join(FILE_NAME)).unwrap_or_default();
    let stream = Stream::parse(String::from_utf8(text).unwrap_or_default()).ok();
    let mut line = 1;
    let mut node = stream.as_ref().and_then(|stream| stream.root(0));
    for key in keys {
        let entry =
            node.and_then(|node| node.entries().find(|(name, _)| name.scalar() == Some(key)));
        if let Some((name, _)) = entry {
            line = name.line();
        }
        node = entry.map(|(_, value)| NodeRef::resolved(value));
    }
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    Finding { file: FILE_NAME.to_owned(), line, id: "configuration", message }
}

fn show(report: &Report, ui: &Ui) -> anyhow::Result<()> {
    let as_findings = || -> Vec<findings::Finding> {
        let one = |finding: &Finding| findings::Finding {
            id: finding.id.to_owned(),
            file: finding.file.clone(),
            line: finding.line,
            message: finding.message.clone(),
            is_warning: true,
        };
        report.findings.iter().map(one).collect()
    };
    match ui.format() {
        Format::Json => ui.json("validate", to_json(report))?,
        Format::Github => ui.text(&findings::github(&as_findings(), "gitops validate"))?,
        Format::Sarif => {
            ui.line(serde_json::to_string_pretty(&findings::sarif(&as_findings(), IDS))?)?;
        }
        _ => {
            for finding in &report.findings {
                ui.line(format!(
                    "{}:{}: {}: {}",
                    finding.file, finding.line, finding.id, finding.message
                ))?;
            }
            let templates = match report.templates {
                0 => String::new(),
                count => format!("; left to helm: {}", counted(count, "template")),
            };
            ui.status(format!(
                "{} in {}, {}{templates}",
                counted(report.findings.len(), "finding"),
                counted(report.files, "file"),
                counted(report.documents, "document"),
            ));
        }
    }
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn to_json(report: &Report) -> Json {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &report.findings {
        *counts.entry(finding.id).or_default() += 1;
    }
    let findings: Json = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id, "file": finding.file, "line": finding.line, "message": finding.message,
            })
        })
        .collect();
    json!({
        "changed": false,
        "files": report.files,
        "documents": report.documents,
        "templates": report.templates,
        "counts": counts,
        "findings": findings,
    })
}
