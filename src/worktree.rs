//! A checkout, or any directory, as a [`Snapshot`].

use std::fs;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::{Code, Hinted};
use crate::files;
use crate::snapshot::{Entry, Kind, Snapshot};

/// The files below a directory as they are now.
#[derive(Clone, Debug)]
pub struct WorkTree {
    root: PathBuf,
    is_repository: bool,
}

impl WorkTree {
    /// The checkout around `start`: up to the directory with `.git`, else the one with `gitops.yaml`,
    /// else `start` itself.
    pub fn around(start: &Path) -> anyhow::Result<Self> {
        files::refuse_url(start)?;
        let start = start
            .canonicalize()
            .with_context(|| format!("cannot find the directory `{}`", start.display()))?;
        let holding = |name: &str| start.ancestors().find(|dir| dir.join(name).exists());
        let repository = holding(".git").or_else(|| holding("gitops.yaml"));
        let root = repository.unwrap_or(&start).to_owned();
        Ok(Self { root, is_repository: repository.is_some() })
    }

    /// Whether something marks its directory as the root of a repository.
    #[must_use]
    pub fn is_repository(&self) -> bool {
        self.is_repository
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file really is, links followed; an error where that is outside, in `.git`, or in a submodule.
    pub fn locate(&self, path: &str) -> anyhow::Result<PathBuf> {
        let real = files::within(&self.root, Path::new(path))?;
        let inside = real.strip_prefix(&self.root).unwrap_or(&real);
        let refuse = |cause: String, hint: &str| {
            let message = format!("cannot use `{path}`: {cause}");
            Err(Hinted::new(Code::Outside, message, hint).into())
        };
        if inside.components().any(|name| name.as_os_str() == ".git") {
            return refuse("it belongs to Git".to_owned(), "name a file of the work tree");
        }
        let mut dirs = inside.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty());
        match dirs.find(|dir| self.root.join(dir).join(".git").exists()) {
            None => Ok(real),
            Some(dir) => {
                let cause = format!("`{}` is another repository", dir.display());
                refuse(cause, "run it there, with -C")
            }
        }
    }
}

impl Snapshot for WorkTree {
    fn entries(&self, dir: &str) -> anyhow::Result<Vec<Entry>> {
        let path = self.root.join(dir);
        let listing = match fs::read_dir(&path) {
            Ok(listing) => listing,
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(Vec::new()),
            Err(error) => {
                let message = format!("cannot list `{}`: {error}", path.display());
                return Err(Hinted::plain(Code::Io, message).into());
            }
        };
        let mut entries = Vec::new();
        for entry in listing {
            let entry = entry.with_context(|| format!("cannot list `{}`", path.display()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(found) = entry.file_type() else { continue };
            let kind = match found {
                _ if name == ".git" => continue,
                found if found.is_symlink() => Kind::Symlink,
                found if found.is_dir() && entry.path().join(".git").exists() => Kind::Submodule,
                found if found.is_dir() => Kind::Directory,
                found if found.is_file() => Kind::File,
                // Sockets and the like hold no text.
                _ => continue,
            };
            entries.push(Entry { name, kind });
        }
        entries.sort();
        Ok(entries)
    }

    fn read(&self, paths: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        paths.iter().map(|path| files::read(&self.locate(path)?)).collect()
    }

    fn real_path(&self, path: &str) -> anyhow::Result<String> {
        let real = self.locate(path)?;
        let inside = real.strip_prefix(&self.root).unwrap_or(&real);
        let name = inside.to_str().with_context(|| format!("the name of `{path}` is not UTF-8"))?;
        Ok(name.replace('\\', "/"))
    }

    #[cfg(unix)]
    fn is_executable(&self, path: &str) -> anyhow::Result<bool> {
        use std::os::unix::fs::PermissionsExt as _;
        let real = self.locate(path)?;
        let metadata =
            fs::metadata(&real).with_context(|| format!("cannot read `{}`", real.display()))?;
        Ok(metadata.permissions().mode() & 0o111 != 0)
    }
}
