//! Repositories made and read in place: a new bare one, the commits of a branch, what a commit comes from.

use std::path::Path;

use git2::{Oid, Repository};

use super::address::Address;
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

/// What tells the repository at a directory from every other one, however it was cloned: where `origin` is, without
/// the way there and without credentials; else its first commit. Nothing where neither is known.
#[must_use]
pub fn provenance(root: &Path) -> Option<String> {
    let repository = Repository::open(root).ok()?;
    let origin =
        repository.find_remote("origin").ok().and_then(|r| r.url().ok().map(str::to_owned));
    let named = origin.and_then(|url| name_of(&url, root));
    named.or_else(|| Some(format!("the repository {}", first_commit(&repository)?)))
}

/// `github.com/acme/shop`: the same for every URL of a repository.
#[must_use]
pub fn name_of(url: &str, root: &Path) -> Option<String> {
    let (host, path) = match Address::of(url).ok()? {
        Address::Local(path) => {
            let path = root.join(path);
            // A repository that is gone is still told from others by its path.
            let path = path.canonicalize().unwrap_or(path);
            (String::new(), path.display().to_string())
        }
        Address::Ssh { host, path, .. } => (format!("{}/", host.to_lowercase()), path),
        Address::Http(url) => {
            let path = url.path().to_owned();
            (format!("{}/", Address::Http(url).host()?), path)
        }
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    let path = if host.is_empty() { path } else { path.trim_start_matches('/') };
    Some(format!("{host}{path}"))
}

/// The commit that a history begins with, if all of it is here.
fn first_commit(repository: &Repository) -> Option<String> {
    if repository.is_shallow() {
        return None;
    }
    let mut walk = repository.revwalk().ok()?;
    walk.simplify_first_parent().ok()?;
    walk.push_head().ok()?;
    let first = walk.last()?.ok()?.to_string();
    Some(first[..10].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_one_name_whatever_its_url() {
        let table = [
            ("https://ci:canary@GitHub.com/acme/shop.git", "github.com/acme/shop"),
            ("git@github.com:acme/shop.git", "github.com/acme/shop"),
            ("ssh://git@github.com:22/acme/shop/", "github.com/acme/shop"),
            ("https://h:8443/a", "h:8443/a"),
            ("file:///nowhere/shop.git", "/nowhere/shop"),
            ("../nowhere", "/root/../nowhere"),
        ];
        for (url, name) in table {
            assert_eq!(name_of(url, Path::new("/root")).as_deref(), Some(name), "{url}");
        }
    }
}
