//! The files of a repository at one moment, wherever they are: a work tree or a Git commit.
//!
//! Domain code reads through this trait, so the same plan is made on a laptop and on a bare clone.

/// What a directory holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file, executable or not.
    File,
    /// A symbolic link.
    Symlink,
    /// Another repository's commit.
    Submodule,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last component of its path.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// Files at one moment. Paths are relative to the repository's root, with `/`; the root is `""`.
pub trait Snapshot {
    /// The entries of a directory, ordered by name; none where no such directory exists.
    /// Names that are not UTF-8 are left out, and so is `.git`.
    fn entries(&self, dir: &str) -> anyhow::Result<Vec<Entry>>;

    /// The bytes of the files at `paths`, in that order, read together because a remote repository
    /// is asked once for all. A symbolic link is followed as long as it stays inside; a file that does
    /// not exist, or leads outside, is an error that names it.
    fn read(&self, paths: &[String]) -> anyhow::Result<Vec<Vec<u8>>>;

    /// The path of the file itself, once symbolic links are followed; an error where they lead outside or
    /// nowhere.
    fn real_path(&self, path: &str) -> anyhow::Result<String>;

    /// Whether a file is a program; where nothing says so, it is none.
    fn is_executable(&self, _path: &str) -> anyhow::Result<bool> {
        Ok(false)
    }
}
