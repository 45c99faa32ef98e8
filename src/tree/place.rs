//! Which repository a directory is in, and under which path: by how it is spelled, never by what is checked
//! out. The digest of a revision must not depend on that.

use std::io;
use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository};

/// A directory of a repository, which need not be on disk.
pub(super) struct Place {
    pub(super) repository: Repository,
    /// From the top of the work tree, or of the bare repository.
    pub(super) path: PathBuf,
}

/// What stands where a directory was looked for in a tree.
pub(super) enum Found {
    Directory(Oid),
    /// At this path there is a symbolic link.
    Link(PathBuf),
    /// At this path there is another repository's commit.
    Submodule(PathBuf),
    Nothing,
}

/// Finds the repository of `dir`, spelled from `start`: the one around `start`, where `dir` is below its top;
/// else the outermost on the way to `dir`. One inside another is its own only where `start` is in it.
pub(super) fn find(start: &Path, dir: &Path) -> Result<Place, git2::Error> {
    // Links are followed up to here: this is where the user stands.
    let start = start.canonicalize().map_err(|error| missing_start(&error))?;
    let full = lexical(&start.join(dir));
    if let Some(repository) = none_if_missing(Repository::discover(&start))?
        && let Ok(path) = full.strip_prefix(top(&repository))
    {
        let path = path.to_owned();
        return Ok(Place { repository, path });
    }
    let ways: Vec<&Path> = full.ancestors().collect();
    for way in ways.into_iter().rev() {
        let Some(repository) = none_if_missing(Repository::open(way))? else { continue };
        if let Ok(path) = full.strip_prefix(way) {
            return Ok(Place { repository, path: path.to_owned() });
        }
    }
    let message = format!("could not find repository at '{}'", full.display());
    Err(git2::Error::new(ErrorCode::NotFound, git2::ErrorClass::Repository, message))
}

fn missing_start(error: &io::Error) -> git2::Error {
    git2::Error::new(ErrorCode::NotFound, git2::ErrorClass::Os, error.to_string())
}

fn none_if_missing(
    opened: Result<Repository, git2::Error>,
) -> Result<Option<Repository>, git2::Error> {
    match opened {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the repository's tree begins, without symbolic links.
fn top(repository: &Repository) -> PathBuf {
    let top = repository.workdir().unwrap_or_else(|| repository.path());
    top.canonicalize().unwrap_or_else(|_| top.to_owned())
}

/// The path without `.` and `..`, as it reads.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// What a tree has at a path below it.
pub(super) fn look_up(
    repository: &Repository,
    root: Oid,
    path: &Path,
) -> Result<Found, git2::Error> {
    let (mut id, mut way) = (root, PathBuf::new());
    for component in path.components() {
        let Component::Normal(name) = component else { return Ok(Found::Nothing) };
        way.push(name);
        let tree = repository.find_tree(id)?;
        let Some(entry) = tree.get_name_bytes(name.as_encoded_bytes()) else {
            return Ok(Found::Nothing);
        };
        match (entry.kind(), entry.filemode_raw()) {
            (Some(ObjectType::Tree), _) => id = entry.id(),
            (_, 0o120_000) => return Ok(Found::Link(way)),
            (_, 0o160_000) => return Ok(Found::Submodule(way)),
            _ => return Ok(Found::Nothing),
        }
    }
    Ok(Found::Directory(id))
}
