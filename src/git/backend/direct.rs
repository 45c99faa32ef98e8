//! A bare repository on this machine without any `git`: libgit2 edits it where it lies.
//!
//! Setting the branch is a compare-and-swap under the same lock file that `git` takes. What only `git` would
//! do, such as running hooks, is refused rather than left out.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository};

use super::{
    Access, Backend, Push, Pushed, Send, Tip, View, full_name, no_branch, no_head, short_name,
};
use crate::error::{Code, Hinted};
use crate::git::fork::parents_in;
use crate::git::past::{self, Visit, Walked};
use crate::git::store::{Complete, Edit, Store};

/// What runs on a push.
const HOOKS: &[&str] = &[
    "pre-receive",
    "update",
    "proc-receive",
    "reference-transaction",
    "post-receive",
    "post-update",
];

/// The repository.
pub(in crate::git) struct Direct {
    path: PathBuf,
    store: Store,
    tip: Option<Tip>,
}

impl Direct {
    pub(in crate::git) fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = git2::RepositoryOpenFlags::NO_SEARCH;
        let opened = Repository::open_ext(path, flags, [] as [&Path; 0]);
        let repository = opened.map_err(|error| {
            let shown = path.display();
            let message = format!("cannot open `{shown}` without `git`: {}", error.message());
            Hinted::new(Code::Git, message, "install git, or check the path")
        })?;
        Ok(Self { path: path.to_owned(), store: Store::of(repository), tip: None })
    }

    fn tip(&self) -> anyhow::Result<(&Tip, Oid)> {
        let tip = self.tip.as_ref().ok_or_else(|| anyhow::anyhow!("no branch was read"))?;
        Ok((tip, Oid::from_str(&tip.id)?))
    }

    /// Refuses what a push by `git` would do and we cannot.
    fn check_push(&self, name: &str) -> anyhow::Result<()> {
        let repository = self.store.repository();
        let shown = self.path.display();
        let refuse = |cause: String| {
            let message = format!("cannot push to `{shown}` without `git`: {cause}");
            Err(Hinted::new(Code::Git, message, "install git").into())
        };
        let configured = repository.config().and_then(|config| config.get_path("core.hookspath"));
        let dir = configured.unwrap_or_else(|_| repository.path().join("hooks"));
        if let Some(hook) =
            HOOKS.iter().find(|hook| repository.path().join(&dir).join(hook).exists())
        {
            return refuse(format!("it has the hook `{hook}`"));
        }
        let head = repository.find_reference("HEAD");
        let is_out = head.is_ok_and(|head| head.symbolic_target().ok().flatten() == Some(name));
        if is_out && !repository.is_bare() {
            return refuse(format!("`{}` is checked out there", short_name(name)));
        }
        Ok(())
    }

    fn branches(&self) -> Vec<String> {
        let repository = self.store.repository();
        let Ok(names) = repository.branches(Some(git2::BranchType::Local)) else {
            return Vec::new();
        };
        let name = |branch: git2::Branch<'_>| branch.name().ok().flatten().map(str::to_owned);
        names.flatten().filter_map(|(branch, _)| name(branch)).collect()
    }
}

impl Backend for Direct {
    fn refresh(&mut self, branch: Option<&str>, access: Access) -> anyhow::Result<Tip> {
        let repository = self.store.repository();
        let names = self.branches();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shown = self.path.display();
        let head = || {
            let head = repository.find_reference("HEAD").ok()?;
            head.symbolic_target().ok().flatten().map(str::to_owned)
        };
        let name = match branch {
            Some(branch) => full_name(branch)?,
            None => head().filter(|_| !names.is_empty()).ok_or_else(|| no_head(&shown, &names))?,
        };
        let short = short_name(&name).to_owned();
        let Ok(id) = repository.refname_to_id(&name) else {
            let is_tag = repository.find_reference(&format!("refs/tags/{short}")).is_ok();
            return Err(no_branch(&shown, &short, &names, is_tag));
        };
        if access == Access::Write {
            self.check_push(&name)?;
        }
        let tip = Tip { branch: short, id: id.to_string() };
        self.tip = Some(tip.clone());
        Ok(tip)
    }

    fn files(&self) -> anyhow::Result<Box<dyn View + '_>> {
        let (_, id) = self.tip()?;
        Ok(Box::new(self.store.files(self.store.tree_of(id)?, &Complete)))
    }

    fn commit(
        &mut self,
        edits: &[Edit],
        text: &dyn Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let (_, id) = self.tip()?;
        let composed = self.store.compose(Some(self.store.tree_of(id)?), edits)?;
        let text = text(&composed.tree.to_string())?;
        Ok(self.store.write_commit(text.as_bytes())?.to_string())
    }

    fn push(&mut self, push: &Push<'_>) -> anyhow::Result<Pushed> {
        let (tip, _) = self.tip()?;
        if let Some((head, _)) = push.head {
            self.check_push(&full_name(head)?)?;
        }
        let (branch, old) = match push.head {
            Some((head, old)) => (head.to_owned(), old.map(str::to_owned)),
            None => (tip.branch.clone(), Some(tip.id.clone())),
        };
        let (old, new) = (old.as_deref(), push.commit);
        // The objects are here already.
        self.send(&Send { branch: &branch, old, new, pack: &[], options: push.options })
    }

    fn commit_text(&mut self, branch: &str) -> anyhow::Result<Option<(String, String)>> {
        let Some(id) = self.advertised(branch)? else { return Ok(None) };
        let text = self.store.text_of(Oid::from_str(&id)?)?;
        Ok(Some((id, text)))
    }

    fn advertised(&mut self, branch: &str) -> anyhow::Result<Option<String>> {
        let name = full_name(branch)?;
        self.check_push(&name)?;
        match self.store.repository().refname_to_id(&name) {
            Ok(id) => Ok(Some(id.to_string())),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self, send: &Send<'_>) -> anyhow::Result<Pushed> {
        if !send.options.is_empty() {
            return Ok(Pushed::Refused("push options need `git`".to_owned()));
        }
        self.store.receive(|sink| Ok(sink.write_all(send.pack)?))?;
        let (name, new) = (full_name(send.branch)?, Oid::from_str(send.new)?);
        let old = send.old.map_or(Ok(Oid::ZERO_SHA1), Oid::from_str)?;
        let repository = self.store.repository();
        Ok(match repository.reference_matching(&name, new, true, old, "gitops: push") {
            Ok(_) => Pushed::Done(None),
            Err(error) => match error.code() {
                ErrorCode::Modified | ErrorCode::NotFound | ErrorCode::Exists => {
                    Pushed::Refused("failed to update ref".to_owned())
                }
                ErrorCode::Locked => Pushed::Refused("cannot lock ref".to_owned()),
                _ => return Err(error.into()),
            },
        })
    }

    fn past(
        &mut self,
        _: Option<u32>,
        from: Option<&str>,
        paths: &[String],
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        let from = match from {
            Some(id) => Oid::from_str(id)?,
            None => self.tip()?.1,
        };
        past::walk(&self.store, &Complete, from, paths, visit)
    }

    fn find(&mut self, _: Option<u32>, revision: &str) -> anyhow::Result<Option<String>> {
        Ok(past::find(&self.store, self.tip()?.1, revision).map(|id| id.to_string()))
    }

    fn files_of(&self, commit: &str) -> anyhow::Result<Box<dyn View + '_>> {
        let tree = self.store.tree_of(Oid::from_str(commit)?)?;
        Ok(Box::new(self.store.files(tree, &Complete)))
    }

    fn parents(&self, commit: &str) -> anyhow::Result<Option<Vec<String>>> {
        Ok(self.store.text_of(Oid::from_str(commit)?).ok().map(|text| parents_in(&text)))
    }

    fn holds(&mut self, commit: &str) -> anyhow::Result<bool> {
        let (_, tip) = self.tip()?;
        let commit = Oid::from_str(commit)?;
        let repository = self.store.repository();
        // What was rewritten may be gone altogether.
        let is_here = repository.find_commit(commit).is_ok();
        Ok(tip == commit || (is_here && repository.graph_descendant_of(tip, commit)?))
    }
}
