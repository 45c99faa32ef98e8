//! Where a checkout's branch is pushed to, and pushing it there.

use std::thread;
use std::time::{Duration, Instant};

use git2::Oid;

use super::Checkout;
use crate::error::{Code, Hinted};
use crate::git::address::{self, Address};
use crate::git::backend::Pushed;
use crate::git::refusal::{is_final, is_race, rejected};
use crate::git::remote::Remote;
use crate::git::trouble::sounds_passing;
use crate::http::mask;

/// Where a branch is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The name of the remote.
    pub remote: String,
    /// Its URL for pushing; may hold credentials, so it is not for showing.
    url: String,
    /// The branch there.
    pub branch: String,
}

impl Checkout {
    /// Where the branch that is checked out is pushed to.
    pub fn upstream(&self) -> anyhow::Result<Upstream> {
        let fail = |cause: String, hint: &str| {
            Err(Hinted::new(Code::Git, format!("cannot push: {cause}"), hint).into())
        };
        let Some(branch) = self.branch() else {
            let hint = "check a branch out, or give the repository's URL as --repo";
            return fail("no branch is checked out (HEAD is detached)".to_owned(), hint);
        };
        let value =
            |key: &str| self.config.get(&format!("branch.{branch}.{key}")).map(str::to_owned);
        let (Some(remote), Some(merge)) = (value("remote"), value("merge")) else {
            let hint = "set it once with `git push --set-upstream origin HEAD`, or use --repo URL";
            return fail(format!("`{branch}` has no upstream"), hint);
        };
        let url = |key: &str| self.config.get(&format!("remote.{remote}.{key}")).map(str::to_owned);
        let Some(url) = url("pushurl").or_else(|| url("url")) else {
            return fail(format!("the remote `{remote}` has no URL"), "see `git remote -v`");
        };
        let url = self.placed(url);
        let branch = merge.strip_prefix("refs/heads/").unwrap_or(&merge).to_owned();
        Ok(Upstream { remote, url, branch })
    }

    /// A remote's URL; a relative path there is one from the work tree's root, wherever we were started.
    pub(in crate::git) fn placed(&self, url: String) -> String {
        let parsed = address::parse(&self.config().rewrite(&url, true));
        match parsed {
            Ok((Address::Local(path), _)) if path.is_relative() => {
                self.root().join(path).display().to_string()
            }
            _ => url,
        }
    }

    /// Refuses to push when the upstream has what is not here; gives its commit otherwise.
    pub fn check_upstream(
        &self,
        upstream: &Upstream,
        remote: &mut Remote,
    ) -> anyhow::Result<Option<String>> {
        let tip = remote.advertised(&upstream.branch)?;
        let (Some(tip), Some(head)) = (&tip, self.head()?) else { return Ok(tip) };
        let id = Oid::from_str(tip)?;
        let is_in_history = id == head
            || (self.store.has(id) && self.repository().graph_descendant_of(head, id)?);
        if is_in_history {
            return Ok(Some(tip.clone()));
        }
        Err(behind(upstream).into())
    }

    /// Pushes the branch; `old` is what [`Self::check_upstream`] gave. The commit, where it was not there.
    pub fn push(
        &self,
        upstream: &Upstream,
        remote: &mut Remote,
        old: Option<&str>,
        options: &[String],
    ) -> anyhow::Result<Option<String>> {
        let Some(head) = self.head()? else { return Ok(None) };
        let new = head.to_string();
        if old == Some(&new) {
            return Ok(None);
        }
        if old.is_none() && !upstream.branch.starts_with("refs/") {
            remote.check_way(&upstream.branch)?;
        }
        let pack = self.pack(upstream, head, old)?;
        let mut attempt = 1;
        loop {
            let sent = remote.send(&upstream.branch, old, &new, &pack, options)?;
            if let Pushed::Done(_) = sent {
                break;
            }
            if let Pushed::Refused(reason) = &sent
                && is_final(reason)
            {
                return Err(rejected(remote, reason));
            }
            // Lost, or not answered: what is there now tells.
            let now = remote.advertised(&upstream.branch)?;
            if now.as_deref() == Some(&new) {
                break;
            }
            match sent {
                _ if now.as_deref() != old => return Err(behind(upstream).into()),
                Pushed::Refused(reason) if !(is_race(&reason) || sounds_passing(&reason)) => {
                    return Err(rejected(remote, &reason));
                }
                Pushed::Refused(reason) if !pause(remote, attempt) => {
                    return Err(rejected(remote, &reason));
                }
                Pushed::Unknown(error) => return Err(error),
                _ => attempt += 1,
            }
        }
        let tracking = format!("refs/remotes/{}/{}", upstream.remote, upstream.branch);
        // Only a convenience: the next fetch sets it too.
        let _ = self.repository().reference(&tracking, head, true, "update by push");
        Ok(Some(new))
    }

    /// All objects that the remote lacks, as far as we know.
    fn pack(&self, upstream: &Upstream, head: Oid, old: Option<&str>) -> anyhow::Result<Vec<u8>> {
        let repository = self.repository();
        let mut walk = repository.revwalk()?;
        walk.push(head)?;
        if let Some(old) = old {
            walk.hide(Oid::from_str(old)?)?;
        } else {
            // The branch is new there, but not what it grew from. There may be no such reference.
            let _ = walk.hide_glob(&format!("refs/remotes/{}/*", upstream.remote));
        }
        let mut builder = repository.packbuilder()?;
        builder.insert_walk(&mut walk)?;
        let mut pack = git2::Buf::new();
        builder.write_buf(&mut pack)?;
        Ok(pack.to_vec())
    }
}

impl Upstream {
    /// A branch of a remote with this URL.
    pub(in crate::git) fn new(remote: &str, url: String, branch: &str) -> Self {
        Self { remote: remote.to_owned(), url, branch: branch.to_owned() }
    }

    /// The URL, for [`Remote::open_with`].
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Waits for somebody else's lock to go; not where that is beyond the deadline.
fn pause(remote: &Remote, attempt: u32) -> bool {
    let pause = Duration::from_millis(50 << attempt.min(6)).mul_f64(0.5 + fastrand::f64() / 2.0);
    let fits = Instant::now() + pause < remote.deadline();
    if fits {
        thread::sleep(pause);
    }
    fits
}

fn behind(upstream: &Upstream) -> Hinted {
    let Upstream { remote, branch, url } = upstream;
    let message = format!("cannot push to `{remote}/{branch}`: it has commits that are not here");
    let url = mask(url);
    let hint = format!(
        "run `git pull --rebase`, or let gitops edit the remote's branch itself: --repo {url} --branch {branch}"
    );
    Hinted::new(Code::Rejected, message, hint)
}
