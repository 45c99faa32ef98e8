//! Two files, two directories, or what Git and kubectl give their external diff.

use std::path::Path;

use anyhow::Context as _;
use walkdir::WalkDir;

use super::sources::Sources;
use crate::cli::Globals;
use crate::commands::scope;
use crate::diff::render::Sides;
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::files;
use crate::git::local::LocalRepository;
use crate::manifest::{SourceFile, is_structured};
use crate::worktree::WorkTree;

/// Two operands are paths where both exist as such, or one is stdin.
pub(super) fn is_pair(repo: &Path, a: &str, b: &str) -> bool {
    let exists = |text: &str| text == "-" || repo.join(text).exists();
    exists(a) && exists(b)
}

/// Git refuses a name that is a revision and a path, and so does this where both could be meant.
pub(super) fn refuse_ambiguous(globals: &Globals, a: &str, b: &str) -> anyhow::Result<()> {
    let Ok(repository) = LocalRepository::around(&globals.repo) else { return Ok(()) };
    if a == "-" || b == "-" || !repository.knows(a) || !repository.knows(b) {
        return Ok(());
    }
    let message = format!("cannot compare `{a}` and `{b}`: both are revisions and paths");
    let hint = format!("write {a}..{b} for the revisions, ./{a} ./{b} for the paths");
    Err(Hinted::new(Code::Usage, message, hint).into())
}

/// The configuration for files that belong to no environment: that of --config, or of the directory
/// we are in.
fn config_here(globals: &Globals) -> anyhow::Result<Config> {
    match WorkTree::around(&globals.repo) {
        Ok(tree) => scope::config(&tree, globals),
        Err(_) if globals.config.is_none() => Ok(Config::default()),
        Err(error) => Err(error),
    }
}

pub(super) fn read(globals: &Globals, a: &str, b: &str) -> anyhow::Result<Sources> {
    let repo = &globals.repo;
    if a == "-" && b == "-" {
        let message = "cannot compare stdin with itself";
        return Err(Hinted::new(
            Code::Usage,
            message,
            "give one file, as in gitops diff old.yaml -",
        )
        .into());
    }
    let (left, right) = (repo.join(a), repo.join(b));
    let is_dir = |text: &str, path: &Path| text != "-" && path.is_dir();
    let (left, right) = match (is_dir(a, &left), is_dir(b, &right)) {
        (true, true) => directories(&left, &right)?,
        (false, false) => {
            let structured = [a, b].iter().any(|operand| is_structured(operand))
                || [a, b].iter().all(|operand| !file_name(operand).contains('.'));
            (vec![single(a, &left, structured)?], vec![single(b, &right, structured)?])
        }
        _ => {
            let message =
                format!("cannot compare `{a}` with `{b}`: one is a directory, one is not");
            return Err(Hinted::plain(Code::Usage, message).into());
        }
    };
    Ok(Sources::whole(
        (left, right),
        Sides { before: a.to_owned(), after: b.to_owned() },
        config_here(globals)?,
    ))
}

/// A file that is named is meant to be compared, whatever the other one is called.
fn single(operand: &str, path: &Path, structured: bool) -> anyhow::Result<SourceFile> {
    let bytes = if operand == "-" { stdin()? } else { files::read(path)? };
    let mut file = SourceFile::new(if operand == "-" { "stdin" } else { operand }, bytes);
    file.structured = structured;
    file.key = "file".into();
    file.scope = "".into();
    Ok(file)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn stdin() -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read stdin")?;
    Ok(bytes)
}

fn directories(left: &Path, right: &Path) -> anyhow::Result<(Vec<SourceFile>, Vec<SourceFile>)> {
    let (mut left, mut right) = (directory(left)?, directory(right)?);
    // Two directories without a YAML file between them are meant to be compared as such all the same.
    let named = |files: &[SourceFile]| files.iter().any(|file| file.structured);
    let none = !named(&left) && !named(&right);
    for file in left.iter_mut().chain(&mut right) {
        file.structured |= none || is_kubectl_name(file_name(&file.path));
    }
    Ok((left, right))
}

/// kubectl names the files of its two directories after the objects: `apps.v1.Deployment.shop.web`.
fn is_kubectl_name(name: &str) -> bool {
    let is_version = |part: &str| {
        let digits = part.strip_prefix('v');
        digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let parts: Vec<&str> = name.split('.').collect();
    parts
        .windows(2)
        .take(parts.len().saturating_sub(3))
        .any(|pair| is_version(pair[0]) && pair[1].starts_with(|c: char| c.is_ascii_uppercase()))
}

fn directory(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let walk = WalkDir::new(root).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.file_name() != ".git") {
        let entry = entry.with_context(|| format!("cannot list `{}`", root.display()))?;
        let is_link = entry.path_is_symlink();
        if !is_link && !entry.file_type().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let path = files::shown_name(relative.as_os_str().as_encoded_bytes());
        let path = if cfg!(windows) { path.replace('\\', "/") } else { path };
        found.push(if is_link {
            let target = std::fs::read_link(entry.path())
                .with_context(|| format!("cannot read the link `{}`", entry.path().display()))?;
            let target = target.into_os_string().into_encoded_bytes();
            SourceFile::new(&path, target).with_mode(SourceFile::LINK)
        } else {
            SourceFile::new(&path, files::read(entry.path())?).with_mode(mode(&entry))
        });
    }
    Ok(found)
}

/// The bits of a file's mode, as Git's: the patch of two directories tells who executes it.
#[cfg(unix)]
fn mode(entry: &walkdir::DirEntry) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    entry.metadata().map_or(SourceFile::PLAIN, |metadata| metadata.permissions().mode())
}

#[cfg(not(unix))]
fn mode(_: &walkdir::DirEntry) -> u32 {
    SourceFile::PLAIN
}

/// `path old-file old-hex old-mode new-file new-hex new-mode [new-path …]`.
pub(super) fn external(operands: &[String], globals: &Globals) -> anyhow::Result<Sources> {
    let [path, old, _, _, new, _, _, ..] = operands else {
        let message =
            format!("cannot take {} operands as those of Git's external diff", operands.len());
        let hint =
            "Git gives 7: GIT_EXTERNAL_DIFF='gitops diff --git-external' git diff --ext-diff";
        return Err(Hinted::new(Code::Usage, message, hint).into());
    };
    let name = operands.get(7).unwrap_or(path);
    let side = |file: &str| -> anyhow::Result<Vec<SourceFile>> {
        if file == "/dev/null" {
            return Ok(Vec::new());
        }
        Ok(vec![SourceFile::new(name, files::read(Path::new(file))?)])
    };
    Ok(Sources::whole(
        (side(old)?, side(new)?),
        Sides { before: format!("a/{path}"), after: format!("b/{name}") },
        config_here(globals)?,
    ))
}
