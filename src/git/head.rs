//! The branch of a pull request: made anew on each tip of its base, and never over somebody's work.

use super::commit::Person;
use crate::error::{Code, Hinted};

/// Another branch than the one that is read, to push to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The branch, or the full name of a reference that opens a pull request (`refs/for/main`).
    pub name: String,
    /// The line that the messages of our commits there have.
    pub mark: String,
    /// Whether other people's commits there may go.
    pub overwrite: bool,
}

/// The commit that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) id: String,
    tree: String,
    pub(super) parents: Vec<String>,
    author: String,
    committer: String,
    pub(super) message: String,
}

impl Head {
    /// Whether it is no branch, but a name that the server turns into a pull request.
    pub(super) fn is_magic(&self) -> bool {
        self.name.starts_with("refs/for/")
    }

    /// Refuses to replace what is not ours alone: a commit without our mark, one that somebody amended, or
    /// one on top of others.
    pub(super) fn check(&self, standing: &Standing, us: &Person) -> anyhow::Result<()> {
        let marked = standing.message.lines().any(|line| line.trim() == self.mark);
        let by_us = identity(&standing.committer) == format!("{} <{}>", us.name, us.email);
        let amended = identity(&standing.author) != identity(&standing.committer);
        if self.overwrite || (marked && standing.parents.len() == 1 && (by_us || !amended)) {
            return Ok(());
        }
        let who = identity(&standing.committer);
        let id = standing.id.get(..10).unwrap_or(&standing.id);
        let message = format!(
            "cannot push to `{}`: it has a commit that is not ours ({id} by {who})",
            self.name
        );
        let hint = "merge or delete that branch, choose another one with --head, or give the commit up \
                    with --overwrite";
        Err(Hinted::new(Code::Rejected, message, hint).into())
    }
}

impl Standing {
    /// Reads a commit's text.
    pub(super) fn parse(id: &str, text: &str) -> Self {
        let (head, message) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut new = Self { id: id.to_owned(), message: message.to_owned(), ..Self::default() };
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("tree", value)) => value.clone_into(&mut new.tree),
                Some(("parent", value)) => new.parents.push(value.to_owned()),
                Some(("author", value)) => value.clone_into(&mut new.author),
                Some(("committer", value)) => value.clone_into(&mut new.committer),
                _ => {}
            }
        }
        new
    }

    /// Whether it makes the same of the same commit.
    pub(super) fn is_same(&self, tree: &str, parent: &str) -> bool {
        self.tree == tree && self.parents == [parent]
    }

    /// When it was committed: seconds and minutes east of Greenwich.
    pub(super) fn when(&self) -> Option<(i64, i32)> {
        let mut words = self.committer.rsplit(' ');
        let (zone, seconds) = (words.next()?, words.next()?);
        let zone: i32 = zone.parse().ok()?;
        Some((seconds.parse().ok()?, zone / 100 * 60 + zone % 100))
    }
}

/// `Name <address>` of a line with a date.
fn identity(line: &str) -> &str {
    line.rfind('>').map_or(line, |end| &line[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Person {
        Person { name: "CI".into(), email: "ci@x".into(), seconds: 0, offset: 0 }
    }

    fn head(overwrite: bool) -> Head {
        Head { name: "gitops/x".into(), mark: "Gitops-Branch: gitops/x".into(), overwrite }
    }

    fn standing(author: &str, committer: &str, message: &str) -> Standing {
        let text = format!(
            "tree t\nparent p\nauthor {author} 1 +0000\ncommitter {committer} 1700000000 -0330\n\n{message}"
        );
        Standing::parse("0123456789abcdef", &text)
    }

    #[test]
    fn only_our_own_commit_is_replaced() {
        let mark = "deploy\n\nGitops-Branch: gitops/x\n";
        let table = [
            ("CI <ci@x>", "CI <ci@x>", mark, true),
            // Another runner's identity, but nobody touched it since.
            ("Old CI <old@x>", "Old CI <old@x>", mark, true),
            ("Ann <ann@x>", "CI <ci@x>", mark, true),
            // Amended by a person.
            ("CI <ci@x>", "Ann <ann@x>", mark, false),
            ("Ann <ann@x>", "Ann <ann@x>", "fix\n", false),
        ];
        for (author, committer, message, fine) in table {
            let standing = standing(author, committer, message);
            assert_eq!(head(false).check(&standing, &us()).is_ok(), fine, "{author} {committer}");
            assert!(head(true).check(&standing, &us()).is_ok());
        }
        let foreign = standing("Ann <ann@x>", "Ann <ann@x>", "fix");
        let error = head(false).check(&foreign, &us()).unwrap_err().to_string();
        let expected = "cannot push to `gitops/x`: it has a commit that is not ours (0123456789 by Ann <ann@x>)";
        assert_eq!(error, expected);
    }

    #[test]
    fn reads_what_it_compares() {
        let standing = standing("A <a>", "C <c>", "m");
        assert!(standing.is_same("t", "p") && !standing.is_same("t", "q"));
        assert_eq!(standing.when(), Some((1_700_000_000, -210)));
    }
}
