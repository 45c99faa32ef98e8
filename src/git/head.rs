//! The branch of a pull request: made anew on each tip of its base, and never over somebody's work.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::message::with_trailers;
use crate::error::{Code, Hinted};

/// Begins the line of a commit's message that its files, parent and message are checked against.
const SEAL: &str = "Gitops-Seal: ";

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
    committer: String,
    pub(super) message: String,
}

impl Head {
    /// Whether it is no branch, but a name that the server turns into a pull request.
    pub(super) fn is_magic(&self) -> bool {
        self.name.starts_with("refs/for/")
    }

    /// Refuses to replace what is not ours alone: a commit without our mark, or one that is not as we made it.
    pub(super) fn check(&self, standing: &Standing) -> anyhow::Result<()> {
        let marked = standing.message.lines().any(|line| line.trim() == self.mark);
        if self.overwrite || (marked && standing.is_as_made()) {
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
                Some(("committer", value)) => value.clone_into(&mut new.committer),
                _ => {}
            }
        }
        new
    }

    /// Whether files, parent and message are those it was made with: whoever amends or rebases it, breaks its
    /// seal, whatever his name is.
    fn is_as_made(&self) -> bool {
        let [parent] = &self.parents[..] else { return false };
        let sealed = |line: &str| line.trim().strip_prefix(SEAL).map(str::to_owned);
        let is_seal = |line: &&str| sealed(line).is_some();
        let seals: Vec<String> = self.message.lines().filter_map(sealed).collect();
        let rest: Vec<&str> = self.message.lines().filter(|line| !is_seal(line)).collect();
        seals == [digest(&self.tree, parent, &rest.join("\n"))]
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

/// The message with the line that tells later whether somebody changed the commit.
pub(super) fn sealed(tree: &str, parent: &str, message: &str) -> String {
    let seal = format!("{SEAL}{}", digest(tree, parent, message));
    with_trailers(message, std::iter::once(seal.as_str()))
}

fn digest(tree: &str, parent: &str, message: &str) -> String {
    // Forges and editors change the space at the ends of lines.
    let lines: Vec<&str> = message.trim().lines().map(str::trim_end).collect();
    let digest = Sha256::digest(format!("{tree}\n{parent}\n{}", lines.join("\n")).as_bytes());
    HEXLOWER.encode(&digest[..16])
}

/// `Name <address>` of a line with a date.
fn identity(line: &str) -> &str {
    line.rfind('>').map_or(line, |end| &line[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let made = sealed("t", "p", "deploy\n\nGitops-Branch: gitops/x");
        let table = [
            (made.clone() + "\n", true),
            // Another branch's, or a person's, or one whose message somebody wrote on.
            (sealed("t", "p", "deploy\n\nGitops-Branch: gitops/y"), false),
            ("fix\n".to_owned(), false),
            (made.replace("deploy", "deploy, please wait"), false),
            // Amended: other files, with everything else kept.
            (sealed("other", "p", "deploy\n\nGitops-Branch: gitops/x"), false),
            (sealed("t", "other", "deploy\n\nGitops-Branch: gitops/x"), false),
            ("deploy\n\nGitops-Branch: gitops/x\n".to_owned(), false),
        ];
        for (message, fine) in table {
            let standing = standing("CI <ci@x>", "CI <ci@x>", &message);
            assert_eq!(head(false).check(&standing).is_ok(), fine, "{message}");
            assert!(head(true).check(&standing).is_ok());
        }
        let foreign = standing("Ann <ann@x>", "Ann <ann@x>", "fix");
        let error = head(false).check(&foreign).unwrap_err().to_string();
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
