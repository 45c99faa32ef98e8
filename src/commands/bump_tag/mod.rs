//! `gitops bump-tag`: give images, or any key, a new value in the files of environments.

mod request;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::Globals;
use crate::commands::editing::{self, EditArgs, How};
use crate::commands::landing::{self, Place};
use crate::error::{Code, Hinted, Outcome};
use crate::files;
use crate::ui::Ui;
use crate::worktree::WorkTree;
use request::Request;

const EXAMPLES: &str = "\
Examples:
  gitops bump-tag api=v1.2.3 -e staging
  gitops bump-tag --repo https://github.com/acme/gitops.git api=v1.2.3 -e staging
  gitops bump-tag api=v1.2.3 web=v7 -e staging -e production --dry-run
  gitops bump-tag --file values.yaml --set 'image.tag=v1.2.3'";

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
    /// Say for every candidate why it is meant or not
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

/// Plans the edits and makes them, or shows them.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    args.edit.proposal.check(args.edit.pr)?;
    let (config, pushes) = (globals.config.as_deref(), args.edit.pushes(globals));
    let how = How { explain: args.explain, ..args.edit.how() };
    match landing::place(globals) {
        Place::Remote(url) => {
            let request = Request::read(args, config, remote_file(args)?, pushes)?;
            editing::in_remote(&request, &how, &url, globals, ui)
        }
        Place::Directory(start) => {
            let (tree, file) = locate(args.file.as_deref(), &start)?;
            let request = Request::read(args, config, file, pushes)?;
            editing::in_directory(&request, &how, &tree, globals, ui)
        }
    }
}

/// The file as the remote names it.
fn remote_file(args: &Args) -> anyhow::Result<Option<String>> {
    let Some(file) = &args.file else { return Ok(None) };
    let text = file.to_str().filter(|_| file.is_relative());
    let Some(text) = text else {
        let message = format!("cannot use `{}` in a remote repository", file.display());
        return Err(Hinted::new(Code::Usage, message, "name it relative to the root").into());
    };
    Ok(Some(text.replace('\\', "/")))
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
