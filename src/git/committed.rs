//! What a checkout has committed, and where it can be pushed to besides the upstream.

use git2::Oid;

use super::checkout::{Checkout, Upstream};
use super::fork::parents_in;
use super::remote::Remote;
use super::store::Complete;
use crate::error::{Code, Hinted};
use crate::snapshot::Snapshot;

impl Checkout {
    /// Shows the commit that is checked out, as it was committed.
    pub fn look<T>(
        &self,
        look: impl FnOnce(&str, &dyn Snapshot) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let Some(head) = self.head_id()? else {
            let message = "cannot read the commit that is checked out: there is none yet";
            return Err(Hinted::new(Code::Git, message, "make a first commit").into());
        };
        look(&head.to_string(), &self.store().files(self.store().tree_of(head)?, &Complete))
    }

    fn message(&self) -> Option<String> {
        let head = self.store().repository().find_commit(self.head_id().ok()??).ok()?;
        Some(String::from_utf8_lossy(head.message_bytes()).into_owned())
    }

    /// The first line of the message of the commit that is checked out.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        self.message()?.lines().next().map(str::to_owned)
    }

    /// Whether that message has a line that begins so.
    #[must_use]
    pub fn message_has(&self, beginning: &str) -> bool {
        self.message().is_some_and(|text| text.lines().any(|line| line.starts_with(beginning)))
    }

    /// The parents of a commit; none where it is not here.
    pub(super) fn parents(&self, commit: &str) -> Option<Vec<String>> {
        // By its text: libgit2 hides the parents of a shallow clone's last commit.
        Some(parents_in(&self.store().text_of(Oid::from_str(commit).ok()?).ok()?))
    }

    /// What a branch of the remote is now.
    pub fn tip_of(
        &self,
        upstream: &Upstream,
        remote: &mut Remote,
    ) -> anyhow::Result<Option<String>> {
        remote.advertised(&upstream.branch)
    }

    /// A branch of a remote that was given by its name.
    pub fn destination(&self, remote: &str, branch: &str) -> anyhow::Result<Upstream> {
        let url =
            |key: &str| self.config().get(&format!("remote.{remote}.{key}")).map(str::to_owned);
        let Some(url) = url("pushurl").or_else(|| url("url")) else {
            let message = format!("cannot push: the checkout has no remote `{remote}`");
            let hint = "`git remote -v` lists them; --remote chooses one, --repo URL needs none";
            return Err(Hinted::new(Code::Git, message, hint).into());
        };
        Ok(Upstream::new(remote, self.placed(url), branch))
    }
}
