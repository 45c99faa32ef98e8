//! Repositories made and read in place: a new bare one, and the commits of a branch.

use std::path::Path;

use git2::{Oid, Repository};

use super::backend::full_name;
use super::commit::{self, Person};
use super::store::{Edit, Store};

/// Makes a bare repository whose branch has one commit with these files.
pub fn create_bare(
    path: &Path,
    branch: &str,
    files: &[(&str, &[u8])],
    (author, message): (&Person, &str),
) -> anyhow::Result<()> {
    let store = Store::create(path)?;
    let edit = |(path, bytes): &(&str, &[u8])| Edit {
        path: (*path).to_owned(),
        bytes: bytes.to_vec(),
        is_executable: false,
    };
    let edits: Vec<Edit> = files.iter().map(edit).collect();
    let tree = store.compose(None, &edits)?.tree.to_string();
    let text = commit::text(&tree, None, author, author, message);
    let commit = store.write_commit(text.as_bytes())?;
    let name = full_name(branch)?;
    store.repository().reference(&name, commit, false, "init")?;
    store.repository().set_head(&name)?;
    Ok(())
}

/// The newest commits of a branch of a repository on this machine: id and first line of the message.
pub fn subjects(path: &Path, branch: &str, most: usize) -> anyhow::Result<Vec<(String, String)>> {
    let repository = Repository::open(path)?;
    let mut walk = repository.revwalk()?;
    walk.push_ref(&full_name(branch)?)?;
    let subject = |id: Result<Oid, git2::Error>| {
        let commit = repository.find_commit(id?)?;
        let subject = String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default());
        Ok((commit.id().to_string(), subject.into_owned()))
    };
    walk.take(most).map(subject).collect()
}
