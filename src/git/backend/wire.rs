//! The fast way: the tip from one list of references, its trees and the blobs that are read in two small
//! packs, and a push that compares and swaps.

use std::cell::RefCell;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use git2::Oid;

use super::sides::{Receive, Upload, meet_receive};
use super::{Access, Backend, Push, Pushed, Send, Tip, View, full_name, no_branch, no_head};
use crate::git::cache::{Cache, Memory};
use crate::git::connection::{Connection, Heard};
use crate::git::say::Say;
use crate::git::store::{Composed, Edit, Fetch, Store};
use crate::git::trouble;
use crate::git::wire::{self, Capabilities, Refs, Reply, Update, Want};
use crate::http::Failure;

/// How far back to look for a commit of ours whose push was not answered.
const SEARCHED: u32 = 500;

/// Where objects are kept, and for how long.
struct Keep {
    store: Store,
    cache: Option<Cache>,
    /// Removed with us, where nothing is kept.
    _temporary: Option<tempfile::TempDir>,
}

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
    composed: Option<Composed>,
    is_healed: bool,
    words: Vec<String>,
    say: Say,
}

impl Keep {
    fn temporary() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gitops-").tempdir()?;
        Ok(Self { store: Store::create(dir.path())?, cache: None, _temporary: Some(dir) })
    }

    fn cached(cache: Cache) -> anyhow::Result<Self> {
        let path = cache.objects();
        let store = Store::open(&path).or_else(|_| {
            cache.wipe();
            Store::create(&path)
        })?;
        Ok(Self { store, cache: Some(cache), _temporary: None })
    }
}

impl Wire {
    pub(in crate::git) fn new(
        place: &crate::git::Address,
        connection: Box<dyn Connection>,
        cache: Option<&Path>,
        deadline: Instant,
        say: Say,
    ) -> anyhow::Result<Self> {
        // Somebody who holds the lock for long is stuck; there is time left to go on without.
        let now = Instant::now();
        let patience = deadline.saturating_duration_since(now) / 2;
        let locked = cache
            .and_then(|root| Cache::lock(root, place, now + patience.min(Duration::from_secs(30))));
        if cache.is_some() && locked.is_none() {
            say.detail("the cache cannot be used: going on without it");
        }
        let memory = locked.as_ref().map(Cache::memory).unwrap_or_default();
        let keep = match locked.map(Keep::cached) {
            Some(Ok(keep)) => keep,
            _ => Keep::temporary()?,
        };
        let mut upload = Upload::default();
        if connection.is_stateless()
            && let Some(words) = &memory.capabilities
        {
            upload.server = Some((true, Capabilities::new(words.clone())));
            upload.is_remembered = true;
        }
        Ok(Self {
            place: place.to_string(),
            connection,
            keep,
            memory,
            upload: RefCell::new(upload),
            receive: None,
            tip: None,
            held: None,
            composed: None,
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

    /// Gets the tip with its trees, as a difference to what we hold.
    fn fetch_tip(&mut self, id: Oid) -> anyhow::Result<()> {
        let base = self.held.filter(|held| self.keep.store.tree_of(*held).is_ok());
        let filters = self.upload.borrow().filters(self.connection.is_stateless());
        let want = Want {
            ids: vec![id.to_string()],
            have: base.iter().map(ToString::to_string).collect(),
            // Without a filter a new depth would make the server send every file again.
            depth: (filters || base.is_none()).then_some(1),
            filter: filters.then_some("blob:none"),
        };
        self.transfer(&want)?;
        self.keep.store.tree_of(id).context("the server sent no usable commit")?;
        Ok(())
    }

    fn transfer(&self, want: &Want<'_>) -> anyhow::Result<()> {
        let mut upload = self.upload.borrow_mut();
        let result =
            upload.fetch(&*self.connection, &self.keep.store, want, &self.say, &self.place);
        if result.is_err() && upload.is_remembered {
            // The server may have changed since.
            *upload = Upload::default();
            return upload.fetch(&*self.connection, &self.keep.store, want, &self.say, &self.place);
        }
        result
    }

    fn tip_id(&self) -> anyhow::Result<Oid> {
        let tip = self.tip.as_ref().ok_or_else(|| anyhow::anyhow!("no branch was read"))?;
        Ok(Oid::from_str(&tip.id)?)
    }
}

impl Fetch for Wire {
    fn fetch(&self, ids: &[Oid]) -> anyhow::Result<()> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let result = self.transfer(&Want { ids, ..Want::default() });
        match result {
            Err(error) if trouble::remote_error(&error).is_some() => {
                self.say
                    .detail(format!("the server gives no single files ({error:#}): getting all"));
                self.upload.borrow_mut().is_whole = true;
                let ids = vec![self.tip_id()?.to_string()];
                self.transfer(&Want { ids, depth: Some(1), ..Want::default() })
            }
            result => result,
        }
    }
}

impl Backend for Wire {
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
        let (Some(tip), Some(receive)) = (&self.tip, &self.receive) else {
            anyhow::bail!("no branch was read");
        };
        let objects = self.composed.as_ref().map(|composed| composed.objects.as_slice());
        let pack = self.keep.store.pack(objects.unwrap_or_default())?;
        let (branch, old) = match push.head {
            Some(head) => (head.to_owned(), receive.refs.ids.get(&full_name(head)?).cloned()),
            None => (tip.branch.clone(), Some(tip.id.clone())),
        };
        let (old, new) = (old.as_deref(), push.commit);
        self.send(&Send { branch: &branch, old, new, pack: &pack, options: push.options })
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
            Ok(Reply::Done) => Pushed::Done,
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

    fn holds(&mut self, commit: &str) -> anyhow::Result<bool> {
        let (ours, tip) = (Oid::from_str(commit)?, self.tip_id()?);
        if tip == ours {
            return Ok(true);
        }
        let parents = self.keep.store.parents(ours);
        if parents.contains(&tip) {
            return Ok(false);
        }
        let filters = self.upload.borrow().filters(self.connection.is_stateless());
        self.transfer(&Want {
            ids: vec![tip.to_string()],
            have: parents.iter().map(ToString::to_string).collect(),
            depth: filters.then_some(SEARCHED),
            filter: filters.then_some("tree:0"),
        })?;
        let mut seen = std::collections::BTreeSet::new();
        let mut next = vec![tip];
        while let Some(id) = next.pop() {
            if id == ours {
                return Ok(true);
            }
            if seen.insert(id) && !parents.contains(&id) {
                next.extend(self.keep.store.parents(id));
            }
        }
        Ok(false)
    }

    fn heal(&mut self) -> bool {
        let Some(cache) = self.keep.cache.take() else { return false };
        cache.wipe();
        self.say.detail("the cache cannot be read: making it anew");
        let is_second = std::mem::replace(&mut self.is_healed, true);
        let keep = if is_second { Keep::temporary() } else { Keep::cached(cache) };
        let Ok(keep) = keep else { return false };
        self.keep = keep;
        self.memory = Memory::default();
        self.held = None;
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
        let id = landed.unwrap_or(&tip.id).to_owned();
        self.memory.branches.insert(tip.branch.clone(), id);
        if let Some((true, capabilities)) = &self.upload.borrow().server {
            self.memory.capabilities = Some(capabilities.words().to_vec());
        }
        cache.remember(&self.memory);
    }
}

/// What a push that was not answered may have become.
fn failed(error: anyhow::Error) -> anyhow::Result<Pushed> {
    if let Some(text) = trouble::remote_error(&error) {
        return Ok(Pushed::Refused(text.to_owned()));
    }
    let unsent = error.downcast_ref::<Failure>().is_some_and(|failure| failure.unsent);
    let is_final = error.downcast_ref::<Heard>().is_none() && !trouble::passes(&error);
    if unsent || is_final { Err(error) } else { Ok(Pushed::Unknown(error)) }
}
