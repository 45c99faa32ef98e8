//! A remote repository, by the best way there is to it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use url::Url;

use super::address::{self, Address, UserInfo};
use super::backend::{Access, Backend, Cli, Direct, NeedsGit, Pushed, Send, Tip, Wire};
use super::config::Config;
use super::connection::{Patience, connect, local_command, real_host};
use super::land::{Round, is_unreadable};
use super::say::Say;
use super::{Settings, trouble};
use crate::error::{Code, Hinted};

/// A repository to read from and push to. Nothing is asked of it before it is used.
pub struct Remote {
    pub(super) backend: Box<dyn Backend>,
    way: Way,
}

/// All that is needed to get there.
struct Way {
    address: Address,
    carried: Option<UserInfo>,
    config: Config,
    settings: Settings,
    deadline: Instant,
    say: Say,
}

impl Way {
    fn backend(&self) -> anyhow::Result<Box<dyn Backend>> {
        if let Some(path) = self.address.as_path().filter(|_| !git_is_installed()) {
            self.say.detail("no `git` is installed: editing the repository where it lies");
            return Ok(Box::new(Direct::open(path)?));
        }
        let idle = self.settings.http.idle_timeout;
        let patience = Patience { deadline: self.deadline, idle };
        let (carried, config, settings) = (self.carried.clone(), &self.config, &self.settings);
        let say = self.say.clone();
        let connection = connect(&self.address, carried, config, settings, patience, &say)?;
        // A directory on this machine is as near as a cache of it.
        let cache = settings.cache.as_deref().filter(|_| self.address.as_path().is_none());
        Ok(Box::new(Wire::new(&self.address, connection, cache, self.deadline, say)?))
    }

    /// `base` is the URL that answered.
    fn by_git(&self, base: Option<&Url>) -> anyhow::Result<Box<dyn Backend>> {
        let carried = self.carried.clone();
        let (address, config, settings) = (&self.address, &self.config, &self.settings);
        Ok(Box::new(Cli::new(address, base, carried, config, settings, self.deadline)?))
    }
}

impl Remote {
    /// The repository at a URL or path. `timeout` is for everything that is done with it.
    pub fn open(
        url: &str,
        settings: &Settings,
        timeout: Duration,
        say: Say,
    ) -> anyhow::Result<Self> {
        let config = Config::read(&settings.sources, None)?;
        Self::open_with(url, config, settings, timeout, say)
    }

    /// The same with a configuration that was read already: a checkout has one of its own.
    pub fn open_with(
        url: &str,
        config: Config,
        settings: &Settings,
        timeout: Duration,
        say: Say,
    ) -> anyhow::Result<Self> {
        config.hide_secrets();
        let (address, carried) = address::parse(&config.rewrite(url, true))?;
        let address = absolute(address)?;
        let deadline = Instant::now() + timeout;
        let way = Way { address, carried, config, settings: settings.clone(), deadline, say };
        Ok(Self { backend: way.backend()?, way })
    }

    /// Where it is, without credentials.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.way.address
    }

    /// The host that the user's `ssh` reaches for the address, as its configuration says.
    #[must_use]
    pub fn ssh_host(&self) -> Option<String> {
        let Way { address, config, settings, .. } = &self.way;
        real_host(address, config, settings, self.way.deadline)
    }

    /// When to give up.
    pub(super) fn deadline(&self) -> Instant {
        self.way.deadline
    }

    pub(super) fn say(&self) -> &Say {
        &self.way.say
    }

    /// Git's configuration as it counts here.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.way.config
    }

    /// Says that only a few paths will be looked at: it makes the first fetch from a large repository faster.
    pub fn expect_few_paths(&mut self) {
        self.backend.expect_few_paths();
    }

    /// Shows a branch, or the default one, to `look`; nothing is written, and no right to is needed.
    pub fn look<T>(
        &mut self,
        branch: Option<&str>,
        look: impl FnOnce(&Round<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let tip = self.refresh_patiently(branch)?;
        let files = self.backend.files()?;
        let round = Round { number: 1, branch: &tip.branch, tip: &tip.id, files: &*files };
        let seen = look(&round)?;
        drop(files);
        self.backend.finish(None);
        Ok(seen)
    }

    /// Whether a branch's history holds a commit.
    pub fn contains(&mut self, branch: &str, commit: &str) -> anyhow::Result<bool> {
        self.refresh_patiently(Some(branch))?;
        self.backend.holds(commit)
    }

    /// The commit that a branch names now.
    pub fn tip_of(&mut self, branch: &str) -> anyhow::Result<Option<String>> {
        self.backend.named(branch)
    }

    /// The commit that a branch names now, and its message; none where there is no such branch.
    pub fn commit_of(&mut self, branch: &str) -> anyhow::Result<Option<(String, String)>> {
        if self.backend.named(branch)?.is_none() {
            return Ok(None);
        }
        let found = self.backend.commit_text(branch)?;
        Ok(found.map(|(id, text)| {
            let message = text.split_once("\n\n").map_or("", |(_, message)| message);
            (id, message.to_owned())
        }))
    }

    /// Refuses a new branch `a/b` where there is a branch `a`: servers only say that they cannot lock it.
    pub(super) fn check_way(&mut self, branch: &str) -> anyhow::Result<()> {
        for (at, _) in branch.match_indices('/') {
            let above = &branch[..at];
            if self.backend.commit_text(above)?.is_some() {
                let message = format!(
                    "cannot push to `{branch}`: there is a branch `{above}`, and Git allows none below it"
                );
                let hint = format!("choose another branch with --head, or delete `{above}`");
                return Err(Hinted::new(Code::Rejected, message, hint).into());
            }
        }
        Ok(())
    }

    /// What a branch is now, for pushing to it.
    pub(super) fn advertised(&mut self, branch: &str) -> anyhow::Result<Option<String>> {
        self.backend.advertised(branch)
    }

    /// Pushes objects of a checkout.
    pub(super) fn send(
        &mut self,
        branch: &str,
        old: Option<&str>,
        new: &str,
        pack: &[u8],
        options: &[String],
    ) -> anyhow::Result<Pushed> {
        let sent = self.backend.send(&Send { branch, old, new, pack, options });
        let words = self.backend.take_words();
        for line in &words {
            self.way.say.remote(line);
        }
        sent
    }

    fn refresh_patiently(&mut self, branch: Option<&str>) -> anyhow::Result<Tip> {
        for attempt in 0.. {
            match self.refresh(branch, Access::Read) {
                Err(error) if is_unreadable(&error) && self.backend.heal() => {}
                Err(error) if trouble::passes(&error) && attempt < 3 => {
                    let pause = Duration::from_millis(200 << attempt);
                    if Instant::now() + pause >= self.way.deadline {
                        return Err(error);
                    }
                    std::thread::sleep(pause.mul_f64(0.5 + fastrand::f64()));
                }
                result => return result,
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Looks the branch up, by `git` where it turns out that only it can.
    pub(super) fn refresh(&mut self, branch: Option<&str>, access: Access) -> anyhow::Result<Tip> {
        match self.backend.refresh(branch, access) {
            Err(error) if error.downcast_ref::<NeedsGit>().is_some() => {
                self.way.say.detail(format!("{error}: using `git`"));
                self.backend = self.way.by_git(self.backend.base().as_ref())?;
                self.backend.refresh(branch, access)
            }
            result => result,
        }
    }
}

/// A path as every program sees it.
fn absolute(address: Address) -> anyhow::Result<Address> {
    let Address::Local(path) = address else { return Ok(address) };
    let found = path.canonicalize().map_err(|error| {
        let message = format!("cannot find the repository `{}`: {error}", path.display());
        Hinted::new(Code::NotFound, message, "check --repo")
    })?;
    Ok(Address::Local(found))
}

fn git_is_installed() -> bool {
    let quiet = Stdio::null;
    let mut command = local_command();
    command.arg("--version").stdin(quiet()).stdout(quiet()).stderr(quiet());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a path is a repository without a work tree, which is used like a remote one.
#[must_use]
pub fn is_bare(path: &Path) -> bool {
    let flags = git2::RepositoryOpenFlags::NO_SEARCH;
    let opened = git2::Repository::open_ext(path, flags, [] as [&Path; 0]);
    match opened {
        Ok(repository) => repository.is_bare(),
        // libgit2 opens no SHA-256 repository; its files look the same.
        Err(_) => path.join("HEAD").is_file() && path.join("objects").is_dir(),
    }
}
