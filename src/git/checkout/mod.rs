//! A checkout: committing just the edited files, and pushing the branch to its upstream.
//!
//! Everything else stays as it is, staged or not. The order is: objects, locks, files, index, branch. Killed at
//! any moment the repository is whole: at worst the files are edited and staged, but not committed, and the
//! next run commits them.

mod guard;
mod hold;
mod upstream;

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository, RepositoryState};

pub use hold::Hold;
pub use upstream::Upstream;

use super::Settings;
use super::commit::{self, Person};
use super::config::Config;
use super::sign::Signer;
use super::store::{Edit, Store};
use crate::error::{Code, Hinted};

/// A repository with a work tree.
pub struct Checkout {
    store: Store,
    root: PathBuf,
    config: Config,
}

/// A commit whose objects are made, and that no branch names yet.
#[derive(Clone, Debug)]
pub struct Prepared {
    commit: Oid,
    parent: Option<Oid>,
    paths: Vec<String>,
    subject: String,
}

fn is_sha256(error: &git2::Error) -> bool {
    error.message().contains("unknown object format")
}

fn sha256(dir: &Path) -> Hinted {
    let dir = dir.display();
    let message = format!("cannot use the checkout `{dir}`: it is of a SHA-256 repository");
    let hint = "only its files can be edited here; commit and push with `git`, or land the change in the \
                remote with --repo URL";
    Hinted::new(Code::Git, message, hint)
}

/// Refuses a directory whose history cannot be read though it has one.
pub fn check_readable(dir: &Path) -> anyhow::Result<()> {
    match Repository::discover(dir) {
        Err(error) if is_sha256(&error) => Err(sha256(dir).into()),
        _ => Ok(()),
    }
}

impl Checkout {
    /// The repository around a directory.
    pub fn open(dir: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let fail = |cause: &str, hint: &str| {
            let message = format!("cannot commit in `{}`: {cause}", dir.display());
            Hinted::new(Code::Git, message, hint)
        };
        let repository = Repository::discover(dir).map_err(|error| match error.code() {
            ErrorCode::NotFound => {
                fail("it is in no Git repository", "leave out --commit and --push")
            }
            _ if is_sha256(&error) => sha256(dir),
            _ => fail(error.message(), "commit with `git`"),
        })?;
        let root = repository.workdir().map(Path::to_owned);
        let root = root.ok_or_else(|| fail("the repository is bare", "give it as --repo"))?;
        if repository.state() != RepositoryState::Clean {
            let cause = "a merge, rebase or the like is in progress";
            return Err(fail(cause, "finish it, or abort it").into());
        }
        let config = Config::read(&settings.sources, Some(repository.commondir()))?;
        Ok(Self { store: Store::of(repository), root, config })
    }

    /// The directory of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Git's configuration as it counts here.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn head_id(&self) -> anyhow::Result<Option<Oid>> {
        self.head()
    }

    fn repository(&self) -> &Repository {
        self.store.repository()
    }

    fn head(&self) -> anyhow::Result<Option<Oid>> {
        match self.repository().head() {
            Ok(head) => Ok(head.target()),
            Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The branch that is checked out; none when `HEAD` is detached.
    #[must_use]
    pub fn branch(&self) -> Option<String> {
        let head = self.repository().find_reference("HEAD").ok()?;
        let target = head.symbolic_target().ok().flatten()?;
        target.strip_prefix("refs/heads/").map(str::to_owned)
    }

    /// Makes the commit's objects from the bytes the files are to have. Nothing that anybody sees changes.
    pub fn prepare(
        &self,
        files: &[(String, Vec<u8>)],
        message: &str,
        (author, committer): (&Person, &Person),
        signer: Option<&Signer>,
    ) -> anyhow::Result<Prepared> {
        let parent = self.head()?;
        let tree = parent.map(|parent| self.store.tree_of(parent)).transpose()?;
        let mut edits = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            edits.push(self.edit(tree, path, bytes)?);
        }
        let composed = self.store.compose(tree, &edits)?;
        let parent_id = parent.map(|parent| parent.to_string());
        let tree = composed.tree.to_string();
        let mut text = commit::text(&tree, parent_id.as_deref(), author, committer, message);
        if let Some(signer) = signer {
            text = commit::signed(&text, "gpgsig", &signer.sign(&text)?);
        }
        let commit = self.store.write_commit(text.as_bytes())?;
        let paths = files.iter().map(|(path, _)| path.clone()).collect();
        let subject = message.lines().next().unwrap_or_default().to_owned();
        Ok(Prepared { commit, parent, paths, subject })
    }

    /// The file as Git stores it: attributes may ask for other line ends than the work tree has.
    fn edit(&self, tree: Option<Oid>, path: &str, bytes: &[u8]) -> anyhow::Result<Edit> {
        let blob = self.repository().find_blob(self.stored(path, bytes)?)?;
        let old = tree.and_then(|tree| {
            let tree = self.repository().find_tree(tree).ok()?;
            tree.get_path(Path::new(path)).ok().map(|entry| entry.filemode())
        });
        let is_executable =
            old.map_or_else(|| is_executable(&self.root.join(path)), |mode| mode == 0o100_755);
        Ok(Edit { path: path.to_owned(), bytes: blob.content().to_vec(), is_executable })
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}
