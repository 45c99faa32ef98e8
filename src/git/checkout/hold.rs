//! The lock of the index, taken before a file is written: who cannot have it leaves everything as it was.
//! While it is held no `git commit` moves the branch, so that the branch's own lock can wait for the end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Index, IndexEntry, IndexTime};

use super::guard::unreadable;
use super::{Checkout, Prepared};
use crate::error::{Code, Hinted};

/// A prepared commit with the right to become the branch's tip. Dropped, it leaves no trace.
pub struct Hold<'a> {
    checkout: &'a Checkout,
    prepared: Prepared,
    branch: String,
    index: IndexLock,
}

/// What our `index.lock` holds, to tell it from that of `git`.
const MARK: &[u8] = b"gitops\n";

/// `index.lock`, as `git` makes it. The open file is locked too, which ends with the process: what one that
/// was killed left behind can be taken over.
struct IndexLock {
    index: PathBuf,
    lock: PathBuf,
    _file: File,
}

impl IndexLock {
    fn take(dir: &Path) -> io::Result<Self> {
        let (index, lock) = (dir.join("index"), dir.join("index.lock"));
        let file = match File::options().write(true).create_new(true).open(&lock) {
            Ok(mut file) => {
                file.try_lock().map_err(|_| ErrorKind::AlreadyExists)?;
                file.write_all(MARK)?;
                file
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => left_behind(&lock)?,
            Err(error) => return Err(error),
        };
        Ok(Self { index, lock, _file: file })
    }
}

/// Our own lock of a process that is no more.
fn left_behind(lock: &Path) -> io::Result<File> {
    let mut file = File::open(lock)?;
    let mut held = Vec::new();
    file.read_to_end(&mut held)?;
    let is_ours = held == MARK && file.try_lock().is_ok();
    // Whoever had it may have given it back meanwhile, and somebody else have made a new one.
    if is_ours && is_at(&file, lock)? { Ok(file) } else { Err(ErrorKind::AlreadyExists.into()) }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(false)
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        // Nobody else removes it while we hold it.
        let _ = fs::remove_file(&self.lock);
    }
}

fn refuse(branch: &str, cause: &str, hint: &str) -> anyhow::Error {
    Hinted::new(Code::Git, format!("cannot commit to `{branch}`: {cause}"), hint).into()
}

impl Checkout {
    /// Locks the index for a prepared commit.
    pub fn hold(&self, prepared: Prepared) -> anyhow::Result<Hold<'_>> {
        let repository = self.repository();
        let branch = self.branch().map_or("HEAD".to_owned(), |name| format!("refs/heads/{name}"));
        let taken = IndexLock::take(repository.path());
        let index = taken.map_err(|error| {
            let lock = repository.path().join("index.lock");
            let cause = match error.kind() {
                ErrorKind::AlreadyExists => "another `git` holds its lock".to_owned(),
                _ => format!("cannot make `{}`: {error}", lock.display()),
            };
            let hint = format!(
                "wait for it, then run this again; nothing was written. Is no `git` running, remove `{}`",
                lock.display()
            );
            refuse(&branch, &cause, &hint)
        })?;
        // Tried and given back: a process that is killed while it writes files is not to leave it locked.
        repository.transaction()?.lock_ref(&branch).map_err(|error| {
            let cause = match error.code() {
                ErrorCode::Locked => "another `git` holds its lock",
                _ => error.message(),
            };
            let hint = "wait for it, then run this again; nothing was written. Is no `git` running, remove \
                        the branch's `.lock` in `.git`";
            refuse(&branch, cause, hint)
        })?;
        if self.head()? != prepared.parent {
            let hint = "run this again: nothing was written";
            return Err(refuse(&branch, "somebody else committed meanwhile", hint));
        }
        Ok(Hold { checkout: self, prepared, branch, index })
    }
}

impl Hold<'_> {
    /// Gives the branch the prepared commit, once the files are written: first the index, for these files
    /// alone.
    pub fn finish(self) -> anyhow::Result<String> {
        self.stage()?;
        let Prepared { commit, parent, subject, .. } = &self.prepared;
        let log = format!("commit: {}", subject.replace('\0', ""));
        let hint = "the files are edited and staged: run this again, or `git commit`";
        let set = || -> anyhow::Result<bool> {
            let mut transaction = self.checkout.repository().transaction()?;
            transaction.lock_ref(&self.branch)?;
            if self.checkout.head()? != *parent {
                return Ok(false);
            }
            transaction.set_target(&self.branch, *commit, None, &log)?;
            transaction.commit()?;
            Ok(true)
        };
        match set() {
            Ok(true) => Ok(commit.to_string()),
            Ok(false) => Err(refuse(&self.branch, "somebody else committed meanwhile", hint)),
            Err(error) => {
                let error = error.downcast::<git2::Error>()?;
                let cause = match error.code() {
                    ErrorCode::Locked => "another `git` holds its lock",
                    _ => error.message(),
                };
                Err(refuse(&self.branch, cause, hint))
            }
        }
    }

    /// Writes an index with the commit's files beside the old one, and puts it in its place.
    fn stage(&self) -> anyhow::Result<()> {
        let IndexLock { index: path, .. } = &self.index;
        let dir = self.checkout.repository().path();
        let new =
            tempfile::Builder::new().prefix("index.gitops-").tempfile_in(dir)?.into_temp_path();
        if path.exists() {
            fs::copy(path, &new)?;
        } else {
            fs::remove_file(&new)?;
        }
        let staged = || -> Result<(), git2::Error> {
            let mut index = Index::open(&new)?;
            for file in &self.prepared.paths {
                let old = index.get_path(Path::new(file), 0);
                index.add(&self.entry(file, old)?)?;
            }
            index.write()
        };
        staged().map_err(|error| unreadable(&path.display().to_string(), &error))?;
        new.persist(path)?;
        Ok(())
    }

    /// A file of the commit with what tells `git` that the work tree has the same.
    fn entry(&self, file: &str, old: Option<IndexEntry>) -> Result<IndexEntry, git2::Error> {
        let repository = self.checkout.repository();
        let tree = repository.find_commit(self.prepared.commit)?.tree()?;
        let found = tree.get_path(Path::new(file))?;
        let (flags, flags_extended) =
            old.map_or((0, 0), |entry| (entry.flags, entry.flags_extended));
        let mode = found.filemode().unsigned_abs();
        let zero = IndexTime::new(0, 0);
        let mut entry = IndexEntry {
            ctime: zero,
            mtime: zero,
            dev: 0,
            ino: 0,
            mode,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: found.id(),
            flags,
            flags_extended,
            path: file.as_bytes().to_vec(),
        };
        // Without these numbers `git` looks at the bytes once.
        if let Ok(metadata) = fs::symlink_metadata(self.checkout.root.join(file)) {
            note(&mut entry, &metadata);
        }
        Ok(entry)
    }
}

#[cfg(unix)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as Git keeps them")]
fn note(entry: &mut IndexEntry, found: &fs::Metadata) {
    use std::os::unix::fs::MetadataExt as _;
    entry.ctime = IndexTime::new(found.ctime() as i32, found.ctime_nsec() as u32);
    entry.mtime = IndexTime::new(found.mtime() as i32, found.mtime_nsec() as u32);
    (entry.dev, entry.ino) = (found.dev() as u32, found.ino() as u32);
    (entry.uid, entry.gid) = (found.uid(), found.gid());
    entry.file_size = found.len() as u32;
}

#[cfg(not(unix))]
fn note(_: &mut IndexEntry, _: &fs::Metadata) {}
