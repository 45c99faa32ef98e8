//! `gitops digest-dir`: a digest of a directory that is the same on every machine.

mod show;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::cli::Globals;
use crate::commands::publishing::OutputArgs;
use crate::digest::check::{Change, Manifest};
use crate::digest::{Entry, Exclude, Expected, FORMATS, Format, Options, Tree, portable, shown};
use crate::error::{Code, Hinted, Outcome};
use crate::tree::{Commit, Directory, Source, Watch};
use crate::ui::{Meter, Ui};
use crate::{files, git};

const EXAMPLES: &str = "\
Examples:
  gitops digest-dir services/api
  gitops digest-dir services/api --expect gd1:2d71…4881 && echo nothing to release
  gitops digest-dir services/api --manifest > api.sums
  gitops digest-dir /srv/api --check api.sums";

/// How many unportable entries are named.
const NAMED: usize = 20;

/// Print a digest of a directory that is the same on every machine
///
/// The default format covers the names and contents of files and the texts of symbolic links; not
/// times, owners, or how the directory is called. Entries named `.git` are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are")]
pub struct Args {
    /// The directories
    #[arg(value_name = "DIR", default_value = ".")]
    dirs: Vec<PathBuf>,
    /// How to digest; read from the prefix of `--expect` if that is given
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    format: Option<String>,
    /// Compare with this digest: exit code 1 if it is another
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["manifest", "check"])]
    expect: Option<String>,
    /// Print the text that is digested: a line for each file
    #[arg(long, conflicts_with = "check")]
    manifest: bool,
    /// Compare with a manifest, `-` for standard input: exit code 1 on a difference
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "exec", "empty_dirs"])]
    check: Option<PathBuf>,
    /// Cover which files their owner may execute
    #[arg(long)]
    exec: bool,
    /// Cover directories in which nothing is
    #[arg(long)]
    empty_dirs: bool,
    /// Leave out what this pattern of `.gitignore`'s syntax matches
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Leave out what the patterns in this file match, `-` for standard input
    #[arg(long, value_name = "FILE")]
    exclude_from: Option<PathBuf>,
    /// Cover entries named `.git`, too
    #[arg(long)]
    include_vcs: bool,
    /// Digest a directory in which nothing is, rather than fail
    #[arg(long)]
    allow_empty: bool,
    /// Fail if another system could not hold the same tree
    #[arg(long)]
    portable: bool,
    /// Digest what this revision has, rather than what is on disk
    #[arg(long, value_name = "REV")]
    git: Option<String>,
    /// How many threads read; one per core by default
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
}

/// The table's names, for clap.
fn formats() -> PossibleValuesParser {
    FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.about)).into()
}

/// What to do, once flags and prefixes agree.
struct Plan {
    format: &'static Format,
    options: Options,
    expected: Option<Expected>,
    manifest: Option<Manifest>,
}

/// What is known of a directory once its entries are forgotten: there may be millions.
struct Digested {
    dir: Vec<u8>,
    digest: String,
    files: u64,
    bytes: u64,
    excluded: Vec<Vec<u8>>,
}

/// Reads the directories, digests them, and prints or compares.
pub fn run(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Outcome> {
    refuse_url(globals)?;
    let plan = plan(args)?;

    if let [dir] = &args.dirs[..] {
        let (one, tree) = digest(args, &plan, globals, dir, ui)?;
        return match &plan.manifest {
            Some(manifest) => show::changes(&one, &manifest.compare(&tree), ui),
            None if args.manifest => show::manifest(&plan, &one, &tree, ui),
            None => show::digest(&plan, &one, ui),
        };
    }
    let digest = |dir: &PathBuf| digest(args, &plan, globals, dir, ui).map(|(one, _)| one);
    let digested = args.dirs.iter().map(digest).collect::<anyhow::Result<Vec<_>>>()?;
    show::digests(&plan, &digested, ui)
}

/// What is digested is on this machine; a repository behind a URL is another command's.
fn refuse_url(globals: &Globals) -> anyhow::Result<()> {
    let place = globals.repo.to_string_lossy();
    if globals.repo.exists() || !git::looks_remote(&place) {
        return Ok(());
    }
    let message = "cannot digest what is behind a URL";
    let hint = "`-C` names the directory from which DIR is spelled; clone first, and see `--git`";
    Err(Hinted::new(Code::Usage, message, hint).into())
}

fn plan(args: &Args) -> anyhow::Result<Plan> {
    let is_of_one = args.expect.is_some() || args.manifest || args.check.is_some();
    if args.dirs.len() > 1 && (is_of_one || args.outputs.output_env.is_some()) {
        let message = "cannot compare, list or publish several directories at once";
        return Err(Hinted::new(Code::Usage, message, "name one directory").into());
    }
    let named = args.format.as_deref().map(find_format).transpose()?;
    let expected = args.expect.as_deref().map(|text| Expected::parse(text, named)).transpose()?;
    let manifest = args.check.as_deref().map(read_manifest).transpose()?;
    let format = expected.as_ref().map(|expected| expected.format).or(named);
    let format = format.unwrap_or(&FORMATS[0]);
    let asked = Options { exec: args.exec, empty_dirs: args.empty_dirs };
    if asked != Options::default() && format.name != FORMATS[0].name {
        let message =
            format!("cannot choose what a `{}` digest covers: its format does", format.name);
        let hint = "`--exec` and `--empty-dirs` belong to `gd1`";
        return Err(Hinted::new(Code::Usage, message, hint).into());
    }
    let known = expected.as_ref().and_then(|expected| expected.options);
    if let Some(known) = known
        && asked != Options::default()
        && asked != known
    {
        let message = "cannot compare: the expected digest covers something else than asked for";
        let hint = "leave out `--exec` and `--empty-dirs`; they are read from its prefix";
        return Err(Hinted::new(Code::Usage, message, hint).into());
    }
    let options = manifest.as_ref().map(|manifest| manifest.options).or(known).unwrap_or(asked);
    Ok(Plan { format, options, expected, manifest })
}

fn find_format(name: &str) -> anyhow::Result<&'static Format> {
    let missing = || Hinted::plain(Code::Usage, format!("cannot digest: no format `{name}`"));
    Ok(FORMATS.iter().find(|format| format.name == name).ok_or_else(missing)?)
}

fn read_manifest(path: &Path) -> anyhow::Result<Manifest> {
    Manifest::parse(&path.display().to_string(), &files::read_or_stdin(path)?)
}

/// Reads one directory and digests it; no result is printed yet.
fn digest(
    args: &Args,
    plan: &Plan,
    globals: &Globals,
    dir: &Path,
    ui: &Ui,
) -> anyhow::Result<(Digested, Tree)> {
    let place = place(&globals.repo, dir);
    let jobs = args.jobs.map(usize::from);
    let source: Box<dyn Source> = match &args.git {
        Some(revision) => Box::new(Commit::open(&globals.repo, dir, revision, jobs)?),
        None => Box::new(Directory::open(&place, jobs)?),
    };
    let exclude = exclude(args, plan.format, &place)?;
    let meter = ui.meter();
    let listing = source.measure(&exclude, plan.format.content, &meter)?;
    let spelled = dir.as_os_str().as_encoded_bytes().to_vec();
    let mut tree = Tree::new(spelled, source.is_link(), plan.options, listing.entries);
    tree.tree_id = listing.tree_id;
    refuse(args, plan.format, &tree)?;
    let pour =
        |entry: &Entry, sink: &mut (dyn FnMut(&[u8]) + Send)| source.pour(entry, sink, &meter);
    let digest = plan.format.digest(&tree, &pour)?;
    drop(meter);
    for caution in plan.format.cautions(&tree)? {
        ui.warn(caution);
    }
    let excluded = if ui.is_json() { listing.excluded } else { Vec::new() };
    let ((files, bytes), dir) = (tree.totals(), tree.spelled.clone());
    Ok((Digested { dir, digest, files, bytes, excluded }, tree))
}

/// Where a directory is when `-C` says from where it is spelled.
fn place(start: &Path, dir: &Path) -> PathBuf {
    if start == Path::new(".") { dir.to_owned() } else { start.join(dir) }
}

fn exclude(args: &Args, format: &Format, dir: &Path) -> anyhow::Result<Exclude> {
    let vcs = !format.covers.vcs && !args.include_vcs;
    let flags = args.exclude.iter().map(String::as_bytes);
    let Some(file) = &args.exclude_from else { return Ok(Exclude::new(vcs, flags)) };
    let text = files::read_or_stdin(file)?;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let exclude = Exclude::new(vcs, text.split(|&byte| byte == b'\n').chain(flags));
    refuse_self_exclusion(file, dir, &exclude)?;
    Ok(exclude)
}

/// A file of the tree with patterns that leave itself out could be changed without changing the digest, and
/// then hide anything.
fn refuse_self_exclusion(file: &Path, dir: &Path, exclude: &Exclude) -> anyhow::Result<()> {
    let (Ok(real), Ok(dir)) = (file.canonicalize(), dir.canonicalize()) else { return Ok(()) };
    let Ok(inside) = real.strip_prefix(&dir) else { return Ok(()) };
    let inside = inside.as_os_str().as_encoded_bytes();
    if exclude.is_vcs(inside) || !exclude.excludes_below(inside) {
        return Ok(());
    }
    let message = format!("cannot exclude by `{}`: it leaves out itself", file.display());
    let hint = "whoever changes it could hide files; measure it, or keep it outside the directory";
    Err(Hinted::new(Code::Usage, message, hint).into())
}

fn refuse(args: &Args, format: &Format, tree: &Tree) -> anyhow::Result<()> {
    let dir = shown(&tree.spelled);
    if !args.allow_empty && format.sees_nothing(tree) {
        let message = format!("cannot digest `{dir}`: there is nothing in it to digest");
        return Err(Hinted::new(
            Code::NotFound,
            message,
            "`--allow-empty` digests it all the same",
        )
        .into());
    }
    let findings = if args.portable { portable::findings(tree) } else { Vec::new() };
    if findings.is_empty() {
        return Ok(());
    }
    let mut message = format!("cannot digest `{dir}`: not every system could hold the same tree");
    for finding in findings.iter().take(NAMED) {
        // Writing to a string cannot fail.
        let _ = write!(message, "\n  {finding}");
    }
    if findings.len() > NAMED {
        let _ = write!(message, "\n  and {} more", findings.len() - NAMED);
    }
    let hint = "rename these entries, leave them out with `--exclude`, or drop `--portable`";
    Err(Hinted::new(Code::NotEditable, message, hint).into())
}

impl Watch for Meter {
    fn found(&self, files: u64) {
        self.found(files);
    }

    fn sized(&self, bytes: u64) {
        self.sized(bytes);
    }

    fn read(&self, bytes: u64) {
        self.read(bytes);
    }

    fn done(&self) {
        self.done();
    }
}
