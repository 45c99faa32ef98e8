//! The two sides of a remote: the one that gives objects and the one that takes them.

use crate::error::{Code, Hinted};
use crate::git::connection::{Connection, Heard, Service, Session};
use crate::git::say::Say;
use crate::git::store::Store;
use crate::git::trouble;
use crate::git::wire::{self, Capabilities, Greeting, Refs, Want};
use crate::http::Failure;

use super::{NeedsGit, Pushed};

/// The side that gives objects.
#[derive(Default)]
pub(super) struct Upload {
    pub(super) session: Option<Box<dyn Session>>,
    /// Whether it speaks version 2, and what it can do.
    pub(super) server: Option<(bool, Capabilities)>,
    /// Whether that is only remembered.
    pub(super) is_remembered: bool,
    /// What a version 0 server said of its references.
    pub(super) refs: Refs,
    /// It does not give single blobs, whatever it promised.
    pub(super) is_whole: bool,
}

/// The side that takes objects.
pub(super) struct Receive {
    pub(super) session: Box<dyn Session>,
    pub(super) capabilities: Capabilities,
    pub(super) refs: Refs,
}

/// Says where an error happened, and what to do about those that `ssh` and servers are known for.
fn at(place: &str, error: anyhow::Error) -> anyhow::Error {
    if error.downcast_ref::<Hinted>().is_some() || error.downcast_ref::<NeedsGit>().is_some() {
        return error;
    }
    let text = format!("{error:#}");
    let message = format!("cannot reach `{place}`");
    let hint = if text.contains("Host key verification failed") {
        "check the host's key and add it to known_hosts"
    } else if text.contains("Permission denied (") {
        "add a key that the host knows to the ssh-agent, or name it in ~/.ssh/config"
    } else if text.contains("does not appear to be a git repository") || text.contains("not found")
    {
        "check the URL, and that you may see the repository"
    } else if text.contains("dubious ownership") {
        "the repository belongs to somebody else: see `safe.directory` in git-config"
    } else {
        return error.context(Hinted::plain(Code::Git, message));
    };
    error.context(Hinted::new(Code::Git, message, hint))
}

pub(super) fn meet_receive(connection: &dyn Connection, place: &str) -> anyhow::Result<Receive> {
    let mut session = connection.open(Service::Receive).map_err(|error| at(place, error))?;
    let greeting = session.greeting().and_then(wire::greeting);
    match greeting {
        Ok(Greeting::Zero(capabilities, refs)) => {
            known_format(&capabilities)?;
            Ok(Receive { session, capabilities, refs })
        }
        Ok(Greeting::Two(_)) => {
            let message =
                format!("cannot push to `{place}`: it offers a protocol that does not exist");
            Err(Hinted::plain(Code::Git, message).into())
        }
        Err(error) => Err(at(place, session.explain(error))),
    }
}

fn known_format(capabilities: &Capabilities) -> anyhow::Result<()> {
    match capabilities.object_format() {
        "sha1" => Ok(()),
        other => Err(NeedsGit(format!("the repository's object format is {other}")).into()),
    }
}

impl Upload {
    /// Learns what the server can do, and its default branch when that is wanted.
    pub(super) fn meet(
        &mut self,
        connection: &dyn Connection,
        wants_head: bool,
        place: &str,
    ) -> anyhow::Result<Option<String>> {
        self.open(connection, place)?;
        if !wants_head {
            return Ok(None);
        }
        match &self.server {
            Some((true, _)) => Ok(self.list(connection, &["HEAD"], place)?.head),
            _ => Ok(self.refs.head.clone()),
        }
    }

    /// Opens a session, and reads its greeting where that has to be, or tells something new.
    pub(super) fn open(&mut self, connection: &dyn Connection, place: &str) -> anyhow::Result<()> {
        if self.session.is_some() {
            return Ok(());
        }
        let mut session = connection.open(Service::Upload).map_err(|error| at(place, error))?;
        if self.server.is_none() || !connection.is_stateless() {
            let greeting = session.greeting().and_then(wire::greeting);
            match greeting.map_err(|error| at(place, session.explain(error)))? {
                Greeting::Two(capabilities) => {
                    known_format(&capabilities)?;
                    self.server = Some((true, capabilities));
                }
                Greeting::Zero(capabilities, refs) => {
                    known_format(&capabilities)?;
                    self.server = Some((false, capabilities));
                    self.refs = refs;
                }
            }
        }
        self.session = Some(session);
        Ok(())
    }

    /// Asks anew where a version 0 session was opened before somebody's push: it gives what it advertised, and
    /// nothing else.
    pub(super) fn advertises(
        &mut self,
        id: &str,
        connection: &dyn Connection,
        place: &str,
    ) -> anyhow::Result<()> {
        let is_zero = matches!(self.server, Some((false, _)));
        if is_zero && self.session.is_some() && !self.refs.ids.values().any(|known| known == id) {
            self.session = None;
            self.open(connection, place)?;
        }
        Ok(())
    }

    pub(super) fn list(
        &mut self,
        connection: &dyn Connection,
        prefixes: &[&str],
        place: &str,
    ) -> anyhow::Result<Refs> {
        self.open(connection, place)?;
        let (Some(session), Some((_, capabilities))) = (&mut self.session, &self.server) else {
            anyhow::bail!("no session");
        };
        match wire::list_refs(capabilities, prefixes, &mut **session) {
            Ok(refs) => Ok(refs),
            Err(error) => {
                let error = at(place, session.explain(error));
                self.session = None;
                if self.is_remembered {
                    // The server may have changed since, or the memory is damaged.
                    *self = Self::default();
                    return self.list(connection, prefixes, place);
                }
                Err(error)
            }
        }
    }

    /// Whether blobs can be left out, because they can be asked for one by one later.
    pub(super) fn filters(&self, is_stateless: bool) -> bool {
        !self.is_whole
            && match &self.server {
                Some((true, capabilities)) => capabilities.fetch_has("filter"),
                Some((false, capabilities)) => {
                    // A version 0 session ends with its first pack, so the blobs would cost another.
                    is_stateless
                        && capabilities.has("filter")
                        && capabilities.has("allow-any-sha1-in-want")
                }
                None => false,
            }
    }

    pub(super) fn fetch(
        &mut self,
        connection: &dyn Connection,
        store: &Store,
        want: &Want<'_>,
        say: &Say,
        place: &str,
    ) -> anyhow::Result<()> {
        self.open(connection, place)?;
        let (Some(session), Some((is_two, capabilities))) = (&mut self.session, &self.server)
        else {
            anyhow::bail!("no session");
        };
        let tell = |line: &str| say.detail(format!("remote: {line}"));
        let result = store
            .receive(|sink| wire::fetch(capabilities, *is_two, want, &mut **session, &tell, sink));
        let is_over = !*is_two || result.is_err();
        let result = result.map_err(|error| at(place, session.explain(error)));
        if is_over {
            self.session = None;
        }
        result
    }
}

/// What a push that was not answered may have become.
pub(super) fn failed(error: anyhow::Error) -> anyhow::Result<Pushed> {
    if let Some(text) = trouble::remote_error(&error) {
        return Ok(Pushed::Refused(text.to_owned()));
    }
    let unsent = error.downcast_ref::<Failure>().is_some_and(|failure| failure.unsent);
    let is_final = error.downcast_ref::<Heard>().is_none() && !trouble::passes(&error);
    if unsent || is_final { Err(error) } else { Ok(Pushed::Unknown(error)) }
}
