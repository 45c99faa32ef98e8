//! A checkout: committing just the edited files, and pushing the branch to its upstream.
//!
//! Everything else stays as it is, staged or not. The order is: objects, files, index, branch. Killed at any
//! moment the repository is whole: at worst the files are edited and staged, but not committed.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository, RepositoryState, Status};

use super::Settings;
use super::backend::Pushed;
use super::commit::{self, Person};
use super::config::Config;
use super::refusal::{is_final, rejected};
use super::remote::Remote;
use super::sign::Signer;
use super::store::{Edit, Store};
use crate::error::{Code, Hinted};
use crate::http::mask;

/// A repository with a work tree.
pub struct Checkout {
    store: Store,
    root: PathBuf,
    config: Config,
}

/// Where a branch is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The name of the remote.
    pub remote: String,
    /// Its URL for pushing; may hold credentials, so it is not for showing.
    url: String,
    /// The branch there.
    pub branch: String,
}

/// A commit whose objects are made, and that no branch names yet.
#[derive(Clone, Debug)]
pub struct Prepared {
    commit: Oid,
    parent: Option<Oid>,
    paths: Vec<String>,
    subject: String,
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

    /// Refuses files that differ from the last commit already, staged or not: what else is in them would be
    /// committed too. Conflicts are never committed.
    pub fn check(&self, paths: &[String], include_changes: bool) -> anyhow::Result<()> {
        for path in paths {
            let status = self.repository().status_file(Path::new(path))?;
            let cause = if status.contains(Status::CONFLICTED) {
                "it has conflicts"
            } else if status == Status::CURRENT || include_changes {
                continue;
            } else if status.intersects(Status::WT_NEW | Status::INDEX_NEW | Status::IGNORED) {
                "it was never committed"
            } else {
                "it has other changes that are not committed"
            };
            let message = format!("cannot commit `{path}`: {cause}");
            let hint = "commit or undo them first, or take them along with --include-changes";
            return Err(Hinted::new(Code::Git, message, hint).into());
        }
        Ok(())
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
        use std::io::Write as _;
        let mut writer = self.repository().blob_writer(Some(Path::new(path)))?;
        writer.write_all(bytes)?;
        let blob = self.repository().find_blob(writer.commit()?)?;
        let old = tree.and_then(|tree| {
            let tree = self.repository().find_tree(tree).ok()?;
            tree.get_path(Path::new(path)).ok().map(|entry| entry.filemode())
        });
        let is_executable =
            old.map_or_else(|| is_executable(&self.root.join(path)), |mode| mode == 0o100_755);
        Ok(Edit { path: path.to_owned(), bytes: blob.content().to_vec(), is_executable })
    }

    /// Gives the branch the prepared commit, once the files are written: first the index, for these files alone.
    pub fn finish(&self, prepared: &Prepared) -> anyhow::Result<String> {
        let repository = self.repository();
        let mut index = repository.index()?;
        index.read(true)?;
        for path in &prepared.paths {
            index.add_path(Path::new(path))?;
        }
        index.write()?;
        let name = self.branch().map_or("HEAD".to_owned(), |branch| format!("refs/heads/{branch}"));
        let log = format!("commit: {}", prepared.subject);
        let swapped = match prepared.parent {
            Some(parent) => {
                repository.reference_matching(&name, prepared.commit, true, parent, &log)
            }
            None => repository.reference(&name, prepared.commit, false, &log),
        };
        swapped.map_err(|error| {
            let cause = match error.code() {
                ErrorCode::Modified => "somebody else committed meanwhile".to_owned(),
                ErrorCode::Locked => "another `git` holds its lock".to_owned(),
                _ => error.message().to_owned(),
            };
            let message = format!("cannot commit to `{name}`: {cause}");
            let hint = "the files are edited and staged: commit them with `git commit`";
            Hinted::new(Code::Git, message, hint)
        })?;
        Ok(prepared.commit.to_string())
    }

    /// Where the branch that is checked out is pushed to.
    pub fn upstream(&self) -> anyhow::Result<Upstream> {
        let fail = |cause: String, hint: &str| {
            Err(Hinted::new(Code::Git, format!("cannot push: {cause}"), hint).into())
        };
        let Some(branch) = self.branch() else {
            let hint = "check a branch out, or give the repository's URL as --repo";
            return fail("no branch is checked out (HEAD is detached)".to_owned(), hint);
        };
        let value =
            |key: &str| self.config.get(&format!("branch.{branch}.{key}")).map(str::to_owned);
        let (Some(remote), Some(merge)) = (value("remote"), value("merge")) else {
            let hint = "set it once with `git push --set-upstream origin HEAD`, or use --repo URL";
            return fail(format!("`{branch}` has no upstream"), hint);
        };
        let url = |key: &str| self.config.get(&format!("remote.{remote}.{key}")).map(str::to_owned);
        let Some(url) = url("pushurl").or_else(|| url("url")) else {
            return fail(format!("the remote `{remote}` has no URL"), "see `git remote -v`");
        };
        let branch = merge.strip_prefix("refs/heads/").unwrap_or(&merge).to_owned();
        Ok(Upstream { remote, url, branch })
    }

    /// Refuses to push when the upstream has what is not here; gives its commit otherwise.
    pub fn check_upstream(
        &self,
        upstream: &Upstream,
        remote: &mut Remote,
    ) -> anyhow::Result<Option<String>> {
        let tip = remote.advertised(&upstream.branch)?;
        let (Some(tip), Some(head)) = (&tip, self.head()?) else { return Ok(tip) };
        let id = Oid::from_str(tip)?;
        let is_in_history = id == head
            || (self.store.has(id) && self.repository().graph_descendant_of(head, id)?);
        if is_in_history {
            return Ok(Some(tip.clone()));
        }
        Err(behind(upstream).into())
    }

    /// Pushes the branch; `old` is what [`Self::check_upstream`] gave.
    pub fn push(
        &self,
        upstream: &Upstream,
        remote: &mut Remote,
        old: Option<&str>,
        options: &[String],
    ) -> anyhow::Result<()> {
        let Some(head) = self.head()? else { return Ok(()) };
        let new = head.to_string();
        if old == Some(&new) {
            return Ok(());
        }
        if old.is_none() && !upstream.branch.starts_with("refs/") {
            remote.check_way(&upstream.branch)?;
        }
        let pack = self.pack(upstream, head, old)?;
        let sent = remote.send(&upstream.branch, old, &new, &pack, options)?;
        match sent {
            Pushed::Done(_) => {}
            Pushed::Refused(reason) if is_final(&reason) => return Err(rejected(remote, &reason)),
            // Lost, or not answered: what is there now tells.
            Pushed::Refused(_) | Pushed::Unknown(_) => {
                let now = remote.advertised(&upstream.branch)?;
                if now.as_deref() != Some(&new) {
                    return Err(match sent {
                        Pushed::Refused(reason) if now.as_deref() == old => {
                            rejected(remote, &reason)
                        }
                        Pushed::Unknown(error) if now.as_deref() == old => error,
                        _ => behind(upstream).into(),
                    });
                }
            }
        }
        let tracking = format!("refs/remotes/{}/{}", upstream.remote, upstream.branch);
        // Only a convenience: the next fetch sets it too.
        let _ = self.repository().reference(&tracking, head, true, "update by push");
        Ok(())
    }

    /// All objects that the remote lacks, as far as we know.
    fn pack(&self, upstream: &Upstream, head: Oid, old: Option<&str>) -> anyhow::Result<Vec<u8>> {
        let repository = self.repository();
        let mut walk = repository.revwalk()?;
        walk.push(head)?;
        if let Some(old) = old {
            walk.hide(Oid::from_str(old)?)?;
        } else {
            // The branch is new there, but not what it grew from. There may be no such reference.
            let _ = walk.hide_glob(&format!("refs/remotes/{}/*", upstream.remote));
        }
        let mut builder = repository.packbuilder()?;
        builder.insert_walk(&mut walk)?;
        let mut pack = git2::Buf::new();
        builder.write_buf(&mut pack)?;
        Ok(pack.to_vec())
    }
}

impl Upstream {
    /// A branch of a remote with this URL.
    pub(super) fn new(remote: &str, url: String, branch: &str) -> Self {
        Self { remote: remote.to_owned(), url, branch: branch.to_owned() }
    }

    /// The URL, for [`Remote::open_with`].
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn behind(upstream: &Upstream) -> Hinted {
    let Upstream { remote, branch, url } = upstream;
    let message = format!("cannot push to `{remote}/{branch}`: it has commits that are not here");
    let url = mask(url);
    let hint = format!(
        "run `git pull --rebase`, or let gitops edit the remote's branch itself: --repo {url} --branch {branch}"
    );
    Hinted::new(Code::Rejected, message, hint)
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
