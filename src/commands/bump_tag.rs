//! `gitops bump-tag`: give images, or any key, a new value in the files of environments.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use crate::bump::{self, Assignment, Images, Plan, Rules, Selector};
use crate::cli::Globals;
use crate::environment::{self, Config};
use crate::error::{Code, Hinted, Outcome};
use crate::files::{self, Replaced, Replacement};
use crate::image::Bump;
use crate::ui::Ui;
use crate::worktree::WorkTree;
use crate::yaml::Sharing;

const EXAMPLES: &str = "\
Examples:
  gitops bump-tag api=v1.2.3 -e staging
  gitops bump-tag api=v1.2.3 web=v7 -e staging -e production --dry-run
  gitops bump-tag --file values.yaml --set 'image.tag=v1.2.3'";

/// How often a plan is made again because somebody else wrote the same file meanwhile.
const MAX_ATTEMPTS: usize = 64;

/// Set the tag of images in the files of environments
///
/// Exactly the bytes of the value change. The image is found by its repository, the end of its
/// repository, the app's key in the file or the container's name.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Args {
    /// An image and its new version: TAG, TAG@DIGEST or @DIGEST
    #[arg(value_name = "IMAGE=TAG", required_unless_present = "set")]
    images: Vec<String>,
    /// The environment to change; can be given several times
    #[arg(short, long, value_name = "ENV", value_delimiter = ',')]
    env: Vec<String>,
    /// Change this file instead of an environment's
    #[arg(long, value_name = "FILE", conflicts_with = "env")]
    file: Option<PathBuf>,
    /// The document of the file: its number from 0, or kind=K,name=N
    #[arg(long, value_name = "DOCUMENT", requires = "file")]
    document: Option<String>,
    /// Set the string at a key path of the file; can be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "file", conflicts_with = "images")]
    set: Vec<String>,
    /// Add the last key of a path that is missing
    #[arg(long, requires = "set")]
    create: bool,
    /// Where several places match, change them all
    #[arg(long)]
    all: bool,
    /// Change a value that other keys share through an anchor or a merge key
    #[arg(long)]
    shared: bool,
    /// Remove a digest that pins the image, where none is given
    #[arg(long)]
    drop_digest: bool,
    /// Refuse a version older than the present one
    #[arg(long)]
    no_downgrade: bool,
    /// Refuse unless the present value is this
    #[arg(long, value_name = "OLD")]
    expect: Option<String>,
    /// Print the diff that would be made, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Say for every candidate why it is meant or not
    #[arg(long)]
    explain: bool,
}

/// What is asked for, read from the arguments.
struct Request {
    bumps: Vec<Bump>,
    assignments: Vec<Assignment>,
    environments: Vec<String>,
    file: Option<String>,
    selector: Option<Selector>,
    rules: Rules,
}

/// Plans the edits and makes them, or shows them.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    let (tree, file) = locate(args.file.as_deref(), &globals.repo)?;
    let request = Request::read(args, file)?;
    if args.explain {
        explain(&request, &tree, globals, ui)?;
    }
    let mut plan = request.plan(&tree, globals)?;
    if args.dry_run {
        return report(&plan, true, ui);
    }
    for _ in 0..MAX_ATTEMPTS {
        match write(&tree, &plan)? {
            Replaced::All => return report(&plan, false, ui),
            Replaced::Moved(path) => {
                ui.detail(format!("`{}` changed meanwhile: planning again", path.display()));
                plan = request.plan(&tree, globals)?;
            }
        }
    }
    let message = "cannot write the files: they change all the time";
    Err(Hinted::new(Code::Stale, message, "stop what else writes them, then run it again").into())
}

/// The work tree, and the file relative to its root.
///
/// A file in no repository stands for itself: its directory is the root.
fn locate(file: Option<&Path>, start: &Path) -> anyhow::Result<(WorkTree, Option<String>)> {
    let tree = WorkTree::around(start)?;
    let Some(file) = file else { return Ok((tree, None)) };
    let path = start.join(file);
    let tree = if tree.is_repository() {
        tree
    } else {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        WorkTree::around(dir.unwrap_or(Path::new(".")))?
    };
    let absolute = std::path::absolute(&path).context("cannot tell the current directory")?;
    let real = files::within(tree.root(), &absolute)
        .with_context(|| format!("cannot use `{}`", file.display()))?;
    let relative = real.strip_prefix(tree.root()).unwrap_or(&real);
    let name = relative.to_str().with_context(|| format!("`{}` is not UTF-8", file.display()))?;
    Ok((tree, Some(name.replace('\\', "/"))))
}

impl Request {
    fn read(args: &Args, file: Option<String>) -> anyhow::Result<Self> {
        Ok(Self {
            bumps: args.images.iter().map(|text| Bump::parse(text)).collect::<Result<_, _>>()?,
            assignments: args
                .set
                .iter()
                .map(|text| Assignment::parse(text))
                .collect::<Result<_, _>>()?,
            environments: args.env.clone(),
            file,
            selector: args.document.as_deref().map(Selector::parse).transpose()?,
            rules: Rules {
                all: args.all,
                sharing: if args.shared { Sharing::Edit } else { Sharing::Refuse },
                drop_digest: args.drop_digest,
                no_downgrade: args.no_downgrade,
                expect: args.expect.clone(),
                create: args.create,
            },
        })
    }

    fn plan(&self, tree: &WorkTree, globals: &Globals) -> anyhow::Result<Plan> {
        if let Some(file) = self.file.as_deref().filter(|_| !self.assignments.is_empty()) {
            let selector = self.selector.as_ref();
            return bump::plan_values(tree, file, selector, &self.assignments, &self.rules);
        }
        let config = config(tree, globals)?;
        let scopes = self.scopes(tree, &config)?;
        bump::plan_images(tree, &config, &self.bumps, &scopes, &self.rules)
    }

    fn scopes(&self, tree: &WorkTree, config: &Config) -> anyhow::Result<Vec<Images>> {
        let document = self.selector.clone();
        if let Some(file) = &self.file {
            return Ok(vec![Images { environment: None, files: vec![file.clone()], document }]);
        }
        let all = environment::all(tree, config)?;
        if self.environments.is_empty() {
            let names: Vec<&str> = all.iter().map(|e| e.name.as_str()).collect();
            let hint = if names.is_empty() {
                "no environment is recognised here; name the file with --file".to_owned()
            } else {
                format!("choose with -e: {}", names.join(", "))
            };
            let message = "cannot tell which environment to change";
            return Err(Hinted::new(Code::Usage, message, hint).into());
        }
        let chosen = environment::select(&all, &self.environments)?;
        chosen
            .into_iter()
            .map(|environment| {
                let files = environment.list(tree)?;
                Ok(Images { environment: Some(environment.name), files, document: None })
            })
            .collect()
    }
}

fn config(tree: &WorkTree, globals: &Globals) -> anyhow::Result<Config> {
    match &globals.config {
        Some(path) => Config::parse(&path.display().to_string(), files::read(path)?),
        None => Config::load(tree),
    }
}

fn explain(request: &Request, tree: &WorkTree, globals: &Globals, ui: &Ui) -> anyhow::Result<()> {
    let config = config(tree, globals)?;
    let scopes = request.scopes(tree, &config)?;
    for candidate in bump::explain(tree, &config, &request.bumps, &scopes)? {
        let sign = if candidate.matched { "meant" } else { "not meant" };
        ui.status(format!(
            "{}:{}: {} = {} [{}]\n  {sign}: {}",
            candidate.file,
            candidate.line,
            candidate.key,
            candidate.value,
            candidate.target,
            candidate.reason
        ));
    }
    Ok(())
}

fn write(tree: &WorkTree, plan: &Plan) -> anyhow::Result<Replaced> {
    // Two names of one file are one file.
    let mut by_path = BTreeMap::new();
    for change in plan.changes.files() {
        by_path.insert(tree.real_path(&change.path)?, change);
    }
    let replacements: Vec<Replacement<'_>> = by_path
        .iter()
        .map(|(path, change)| Replacement {
            path,
            before: Some(&change.before),
            after: &change.after,
        })
        .collect();
    files::replace_all(&replacements)
}

fn report(plan: &Plan, dry_run: bool, ui: &Ui) -> anyhow::Result<Outcome> {
    plan.warnings.iter().for_each(|warning| ui.warn(warning));
    plan.notes.iter().for_each(|note| ui.detail(note));
    let changed = !plan.changes.is_empty();
    if ui.is_json() {
        let diff = dry_run.then(|| plan.changes.unified_diff());
        let fields = json!({
            "changed": changed, "dry_run": dry_run, "edits": plan.edits, "diff": diff,
        });
        ui.json("bump-tag", fields)?;
        return Ok(Outcome::Done);
    }
    if !changed {
        ui.status("nothing to do: every value is already there");
    } else if dry_run {
        ui.diff(&plan.changes.unified_diff())?;
    } else {
        for edit in &plan.edits {
            let before = edit.before.as_deref().map_or("(none)", shown);
            let after = shown(&edit.after);
            ui.line(format!("{}:{}: {}: {before} -> {after}", edit.file, edit.line, edit.key))?;
        }
    }
    Ok(Outcome::Done)
}

/// An empty value would not be seen.
fn shown(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}
