//! The comparator of `bench/digest`: the shortest loop that reads every file of a directory with
//! walkdir, rayon and sha2. It checks nothing and its value means nothing.

use std::io::Read as _;
use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

fn main() {
    // `cargo bench` and `cargo test` call it with flags of their own.
    let Some(dir) = std::env::args_os().skip(1).find(|arg| PathBuf::from(arg).is_dir()) else {
        return;
    };
    let mut files: Vec<PathBuf> = WalkDir::new(dir)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|found| found.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    files.sort_unstable();
    let hash = |path: &PathBuf| -> std::io::Result<[u8; 32]> {
        let (mut file, mut hasher) = (std::fs::File::open(path)?, Sha256::new());
        let mut block = vec![0; 64 << 10];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hasher.finalize().into()),
                length => hasher.update(&block[..length]),
            }
        }
    };
    let hashes: Vec<[u8; 32]> = files.par_iter().filter_map(|path| hash(path).ok()).collect();
    let mut all = Sha256::new();
    for (path, hash) in files.iter().zip(&hashes) {
        all.update(path.as_os_str().as_encoded_bytes());
        all.update(hash);
    }
    // Keeps the work from being optimised away.
    std::hint::black_box(all.finalize());
}
