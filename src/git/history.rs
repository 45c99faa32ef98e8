//! Repositories made and read in place: a new bare one, the commits of a branch, what a commit comes from.

use std::path::Path;

use git2::{Oid, Repository};

use super::backend::full_name;
use super::commit::{self, Person};
use super::message::Origin;
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

/// What the repository around a directory says of a commit, by default of the one checked out; nothing
/// where there is no repository, or it is the one at `not`.
#[must_use]
pub fn origin_of(dir: &Path, revision: Option<&str>, not: Option<&Path>) -> Option<Origin> {
    let repository = Repository::discover(dir).ok()?;
    let is_same = |other: &Path| {
        let root = repository.workdir().and_then(|root| root.canonicalize().ok());
        root.is_some() && root == other.canonicalize().ok()
    };
    if not.is_some_and(is_same) {
        return None;
    }
    let commit = match revision {
        Some(id) => repository.find_commit(Oid::from_str(id).ok()?).ok()?,
        None => repository.head().ok()?.peel_to_commit().ok()?,
    };
    let url = repository.find_remote("origin").ok().and_then(|r| r.url().ok().map(str::to_owned));
    let author = commit.author();
    let (name, email) = (author.name().ok()?.to_owned(), author.email().ok()?.to_owned());
    Some(Origin {
        repository: url,
        revision: Some(commit.id().to_string()),
        run: None,
        author: Some(format!("{name} <{email}>")),
        date: Some(commit::iso_date(author.when().seconds(), author.when().offset_minutes())),
        subject: commit.summary().ok().flatten().map(str::to_owned),
    })
}
