//! The fast way: the tip from one list of references, its trees and the blobs that are read in two small
//! packs, and a push that compares and swaps.

mod getting;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::thread;
use std::time::Instant;

use git2::Oid;

use super::keep::Keep;
use super::sides::{Receive, Upload, failed, meet_receive};
use super::{Access, Backend, Push, Pushed, Send, Tip, View, full_name, no_branch, no_head};
use crate::git::cache::Memory;
use crate::git::connection::Connection;
use crate::git::fork::parents_in;
use crate::git::past::{self, Visit, Walked};
use crate::git::say::Say;
use crate::git::store::{Composed, Edit};
use crate::git::wire::{self, Capabilities, Refs, Reply, Update, Want};

/// How far back to look for a commit of ours whose push was not answered.
const SEARCHED: u32 = 500;

/// A remote repository.
pub(in crate::git) struct Wire {
    place: String,
    connection: Box<dyn Connection>,
    keep: Keep,
    memory: Memory,
    upload: RefCell<Upload>,
    receive: Option<Receive>,
    tip: Option<Tip>,
    /// A commit whose trees we hold.
    held: Option<Oid>,
    /// Only a few paths will be looked at.
    is_narrow: bool,
    /// Whether all trees of that commit are here.
    is_complete: Cell<bool>,
    /// Directories that were got one by one.
    subtrees: Cell<u32>,
    composed: Option<Composed>,
    /// What was pushed last.
    pack: Vec<u8>,
    is_healed: bool,
    words: Vec<String>,
    say: Say,
}

impl Wire {
    pub(in crate::git) fn new(
        place: &crate::git::Address,
        connection: Box<dyn Connection>,
        cache: Option<&Path>,
        deadline: Instant,
        say: Say,
    ) -> anyhow::Result<Self> {
        let (keep, memory) = Keep::open(place, cache, deadline, &say)?;
        let mut upload = Upload::default();
        if connection.is_stateless()
            && let Some(words) = &memory.capabilities
            && let known = Capabilities::new(words.clone())
            && known.is_usable()
        {
            upload.server = Some((true, known));
            upload.is_remembered = true;
        }
        let is_complete = Cell::new(memory.is_complete);
        Ok(Self {
            place: place.to_string(),
            connection,
            keep,
            memory,
            upload: RefCell::new(upload),
            receive: None,
            tip: None,
            held: None,
            is_narrow: false,
            is_complete,
            subtrees: Cell::new(0),
            composed: None,
            pack: Vec::new(),
            is_healed: false,
            words: Vec::new(),
            say,
        })
    }

    /// Both sides at once: one handshake's time instead of two.
    fn meet(&mut self, branch: Option<&str>, access: Access) -> anyhow::Result<Option<String>> {
        let connection = &*self.connection;
        let upload = self.upload.get_mut();
        if access == Access::Read {
            return upload.meet(connection, branch.is_none(), &self.place);
        }
        let place = &self.place;
        let (receive, head) = thread::scope(|scope| {
            let receive = scope.spawn(|| meet_receive(connection, place));
            let head = upload.meet(connection, branch.is_none(), place);
            (receive.join(), head)
        });
        let receive = receive.map_err(|_| anyhow::anyhow!("the connection's thread failed"))?;
        // Not being allowed to push is the more useful of two errors.
        self.receive = Some(receive?);
        head
    }

    fn refs_of(&mut self, name: &str, access: Access) -> anyhow::Result<Refs> {
        if access == Access::Write {
            return Ok(self.receive.as_ref().map(|side| side.refs.clone()).unwrap_or_default());
        }
        let upload = self.upload.get_mut();
        match &upload.server {
            Some((true, _)) => {
                let prefixes = [name, "refs/heads/", "refs/tags/"];
                // Exactly this one first; all of them only to say what is there instead.
                let refs = upload.list(&*self.connection, &prefixes[..1], &self.place)?;
                if refs.ids.contains_key(name) {
                    return Ok(refs);
                }
                upload.list(&*self.connection, &prefixes[1..], &self.place)
            }
            _ => Ok(upload.refs.clone()),
        }
    }

    /// Gets so many commits of the branch, with their trees.
    fn deepen(&self, depth: Option<u32>) -> anyhow::Result<Oid> {
        let tip = self.tip_id()?;
        let filters = self.upload.borrow().filters(self.connection.is_stateless());
        let filter = filters.then_some("blob:none");
        let (ids, have) = (vec![tip.to_string()], Vec::new());
        self.transfer(&Want { ids, have, depth, filter, thin: false })?;
        Ok(tip)
    }

    fn tip_id(&self) -> anyhow::Result<Oid> {
        let tip = self.tip.as_ref().ok_or_else(|| anyhow::anyhow!("no branch was read"))?;
        Ok(Oid::from_str(&tip.id)?)
    }
}

impl Backend for Wire {
    fn expect_few_paths(&mut self) {
        self.is_narrow = true;
    }

    fn refresh(&mut self, branch: Option<&str>, access: Access) -> anyhow::Result<Tip> {
        let branch =
            branch.map(str::to_owned).or_else(|| self.tip.as_ref().map(|t| t.branch.clone()));
        let default = self.meet(branch.as_deref(), access)?;
        let Some(branch) = branch.or(default) else {
            let refs = self.refs_of("HEAD", access)?;
            return Err(no_head(&self.place, &refs.branches()));
        };
        let name = full_name(&branch)?;
        let short = super::short_name(&name).to_owned();
        let refs = self.refs_of(&name, access)?;
        let Some(id) = refs.ids.get(&name) else {
            let is_tag = refs.ids.contains_key(&format!("refs/tags/{short}"));
            return Err(no_branch(&self.place, &short, &refs.branches(), is_tag));
        };
        if self.held.is_none() {
            let held =
                self.memory.branches.get(&short).or_else(|| self.memory.branches.values().next());
            self.held = held.and_then(|id| Oid::from_str(id).ok());
        }
        let tip = Tip { branch: short, id: id.clone() };
        if !self.connection.is_stateless() {
            self.upload.get_mut().advertises(&tip.id, &*self.connection, &self.place)?;
        }
        let id = Oid::from_str(&tip.id)?;
        self.tip = Some(tip.clone());
        if self.held != Some(id) || self.keep.store.tree_of(id).is_err() {
            self.fetch_tip(id)?;
            self.held = Some(id);
        }
        Ok(tip)
    }

    fn files(&self) -> anyhow::Result<Box<dyn View + '_>> {
        Ok(Box::new(self.keep.store.files(self.keep.store.tree_of(self.tip_id()?)?, self)))
    }

    fn commit(
        &mut self,
        edits: &[Edit],
        text: &dyn Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let store = &self.keep.store;
        let mut composed = store.compose(Some(store.tree_of(self.tip_id()?)?), edits)?;
        let text = text(&composed.tree.to_string())?;
        let commit = store.write_commit(text.as_bytes())?;
        composed.objects.push(commit);
        self.composed = Some(composed);
        Ok(commit.to_string())
    }

    fn push(&mut self, push: &Push<'_>) -> anyhow::Result<Pushed> {
        let Some(tip) = &self.tip else { anyhow::bail!("no branch was read") };
        let objects = self.composed.as_ref().map(|composed| composed.objects.as_slice());
        let pack = self.keep.store.pack(objects.unwrap_or_default())?;
        let (branch, old) = match push.head {
            Some((head, old)) => (head.to_owned(), old.map(str::to_owned)),
            None => (tip.branch.clone(), Some(tip.id.clone())),
        };
        let (old, new) = (old.as_deref(), push.commit);
        let sent =
            self.send(&Send { branch: &branch, old, new, pack: &pack, options: push.options });
        self.pack = pack;
        sent
    }

    fn commit_text(&mut self, branch: &str) -> anyhow::Result<Option<(String, String)>> {
        let name = full_name(branch)?;
        let refs = self.receive.as_ref().map(|side| &side.refs);
        let Some(id) = refs.and_then(|refs| refs.ids.get(&name)).cloned() else { return Ok(None) };
        let oid = Oid::from_str(&id)?;
        if !self.keep.store.has(oid) {
            let have = self.held.into_iter().collect::<Vec<_>>();
            self.fetch_commits(oid, &have, 1)?;
        }
        Ok(Some((id, self.keep.store.text_of(oid)?)))
    }

    fn advertised(&mut self, branch: &str) -> anyhow::Result<Option<String>> {
        let receive = meet_receive(&*self.connection, &self.place)?;
        let id = receive.refs.ids.get(&full_name(branch)?).cloned();
        self.receive = Some(receive);
        Ok(id)
    }

    fn send(&mut self, send: &Send<'_>) -> anyhow::Result<Pushed> {
        let Some(receive) = &mut self.receive else { anyhow::bail!("no branch was read") };
        if !send.options.is_empty() && !receive.capabilities.has("push-options") {
            return Ok(Pushed::Refused("the server takes no push options".to_owned()));
        }
        let name = full_name(send.branch)?;
        let zeros = "0".repeat(send.new.len());
        let old = send.old.unwrap_or(&zeros);
        let update = Update { name: &name, old, new: send.new, options: send.options };
        let words = RefCell::new(Vec::new());
        let tell = |line: &str| words.borrow_mut().push(line.to_owned());
        let session = &mut *receive.session;
        let reply = wire::push(&receive.capabilities, &update, send.pack, session, &tell);
        self.words = words.into_inner();
        Ok(match reply {
            Ok(Reply::Done(replaced)) => Pushed::Done(replaced),
            Ok(Reply::Refused(reason)) => Pushed::Refused(reason),
            Ok(Reply::Silent) => {
                Pushed::Unknown(anyhow::anyhow!("the server did not say how it went"))
            }
            Err(error) => failed(session.explain(error))?,
        })
    }

    fn take_words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }

    fn base(&self) -> Option<url::Url> {
        self.connection.base()
    }

    fn past(
        &mut self,
        depth: Option<u32>,
        from: Option<&str>,
        paths: &[String],
        visit: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        let tip = self.deepen(depth)?;
        let from = from.map_or(Ok(tip), Oid::from_str)?;
        past::walk(&self.keep.store, self, from, paths, visit)
    }

    fn find(&mut self, depth: Option<u32>, revision: &str) -> anyhow::Result<Option<String>> {
        let tip = self.deepen(depth)?;
        Ok(past::find(&self.keep.store, tip, revision).map(|id| id.to_string()))
    }

    fn files_of(&self, commit: &str) -> anyhow::Result<Box<dyn View + '_>> {
        let commit = Oid::from_str(commit)?;
        if self.keep.store.tree_of(commit).is_err() {
            self.fetch_trees(commit)?;
        }
        Ok(Box::new(self.keep.store.files(self.keep.store.tree_of(commit)?, self)))
    }

    fn parents(&self, commit: &str) -> anyhow::Result<Option<Vec<String>>> {
        let text = self.keep.store.text_of(Oid::from_str(commit)?);
        Ok(text.ok().map(|text| parents_in(&text)))
    }

    fn learn(&mut self, commit: &str, depth: Option<u32>) -> anyhow::Result<()> {
        // The most there is to Git: all of them.
        self.fetch_commits(Oid::from_str(commit)?, &[], depth.unwrap_or(i32::MAX.unsigned_abs()))
    }

    fn holds(&mut self, commit: &str) -> anyhow::Result<bool> {
        let (ours, tip) = (Oid::from_str(commit)?, self.tip_id()?);
        if tip == ours {
            return Ok(true);
        }
        let parents = self.keep.store.parents(ours);
        if parents.contains(&tip) {
            return Ok(false);
        }
        self.fetch_commits(tip, &parents, SEARCHED)?;
        Ok(past::reaches(&self.keep.store, tip, ours, &parents))
    }

    fn heal(&mut self) -> bool {
        // Also of what was written for a commit: it is in another directory then.
        self.composed = None;
        let Some(cache) = self.keep.cache.take() else { return false };
        cache.wipe();
        self.say.detail("the cache cannot be read: making it anew");
        let is_second = std::mem::replace(&mut self.is_healed, true);
        let keep = if is_second { Keep::temporary() } else { Keep::cached(cache) };
        let Ok(keep) = keep else { return false };
        self.keep = keep;
        self.memory = Memory::default();
        self.held = None;
        self.is_complete.set(false);
        true
    }

    fn finish(&mut self, landed: Option<&str>) {
        if let Some(receive) = &mut self.receive {
            if landed.is_none() {
                receive.session.finish();
            }
            self.connection.succeeded();
        }
        let (Some(cache), Some(tip)) = (&self.keep.cache, &self.tip) else { return };
        // Only packs are kept: without ours the next run starts from the tip before.
        let kept = landed.filter(|_| {
            let pack = |sink: &mut dyn std::io::Write| Ok(sink.write_all(&self.pack)?);
            !self.pack.is_empty() && self.keep.store.receive(pack).is_ok()
        });
        let id = kept.unwrap_or(&tip.id).to_owned();
        if self.memory.is_complete != self.is_complete.get() {
            // It is said of all of them.
            self.memory.branches.clear();
            self.memory.is_complete = self.is_complete.get();
        }
        self.memory.branches.insert(tip.branch.clone(), id);
        if let Some((true, capabilities)) = &self.upload.borrow().server {
            self.memory.capabilities = Some(capabilities.words().to_vec());
        }
        cache.remember(&self.memory);
    }
}
