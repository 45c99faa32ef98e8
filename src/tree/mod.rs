//! Where the trees to digest come from: a directory, read in parallel, or a Git commit.

mod files;
mod git;
mod open;
mod place;
mod problem;
mod read;
mod walk;

pub use files::Directory;
pub use git::Commit;

use crate::digest::{Content, Entry, Exclude, Sink};

/// What is below a directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// The entries, in no order, files without their hashes.
    pub entries: Vec<Entry>,
    /// What was left out, without what is below it.
    pub excluded: Vec<Vec<u8>>,
    /// The id under which Git keeps the whole of it, where nothing was left out.
    pub tree_id: Option<[u8; 20]>,
}

/// So many threads, or one per core. rayon would ask a variable of its own.
fn pool(jobs: Option<usize>) -> anyhow::Result<rayon::ThreadPool> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = jobs.unwrap_or_else(cores);
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
}

/// Is told how the work goes on, from several threads.
pub trait Watch: Sync {
    /// So many files are to be read.
    fn found(&self, files: u64);
    /// One of them has this length.
    fn sized(&self, bytes: u64);
    /// So many bytes were read.
    fn read(&self, bytes: u64);
    /// A file was read to its end.
    fn done(&self);
}

/// A tree somewhere.
pub trait Source {
    /// Whether the path as it was spelled is a symbolic link.
    fn is_link(&self) -> bool;

    /// The entries, and the digest of each file's content. Everything that cannot be read, or
    /// changes meanwhile, is in one error.
    fn measure(
        &self,
        exclude: &Exclude,
        content: Content,
        watch: &dyn Watch,
    ) -> anyhow::Result<Listing>;

    /// Pours the content of a file that was measured before.
    fn pour(&self, entry: &Entry, sink: Sink<'_>, watch: &dyn Watch) -> anyhow::Result<()>;
}
