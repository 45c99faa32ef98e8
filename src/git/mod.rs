//! Git: landing a commit in a remote without a work tree, and committing in a checkout.
//!
//! The design in a paragraph: libgit2 is the database of objects and nothing more; bytes travel over our own
//! connections (`connection/`) by a small wire client (`wire/`), because only that way a push is a
//! compare-and-swap on the very tip that was edited, a fetch is a commit and its trees, and the user's `ssh`,
//! proxies and certificates count. [`land()`] repeats *read the tip, plan, commit, push* until the push wins;
//! it never merges text.

mod address;
mod backend;
mod cache;
mod checkout;
mod child;
mod commit;
mod committed;
mod config;
mod connection;
mod credentials;
mod fork;
mod head;
mod history;
mod identity;
mod land;
pub mod local;
mod message;
mod objects;
mod past;
mod reference;
mod refusal;
mod remote;
mod revision;
mod say;
mod settle;
mod sign;
mod store;
pub mod timeline;
mod trouble;
mod wire;

use std::path::PathBuf;

pub use address::{Address, carries_password, looks_remote};
pub use backend::branch_name;
pub use checkout::{Checkout, Hold, Prepared, Upstream, check_readable};
pub use commit::{Person, iso_date};
pub use config::{Config, Sources};
pub use credentials::{HostToken, password_for};
pub use head::Head;
pub use history::{create_bare, name_of, origin_of, provenance, subjects};
pub use identity::Identity;
pub use land::{Commit, Landed, Landing, Round, land};
pub use message::{Change, Message, Origin, with_trailers};
pub use past::{Look, Past, PastFile, Visit, Walked, subjects_between};
pub use reference::State;
pub use refusal::{is_closed, lacks_push_options};
pub use remote::{Remote, is_bare};
pub use revision::Committed;
pub use say::{Event, Say};
pub use sign::Signer;

/// What the environment and the flags say, as values: this module reads neither.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How to reach servers.
    pub http: crate::http::Settings,
    /// Which configuration counts.
    pub sources: Sources,
    /// Tokens and whose they are.
    pub tokens: Vec<HostToken>,
    /// Where `.netrc` is.
    pub netrc: Option<PathBuf>,
    /// What stands in for `ssh`.
    pub ssh: Ssh,
    /// Where fetched objects are kept between runs; nowhere with `--no-cache`.
    pub cache: Option<PathBuf>,
}

/// What Git's variables say about `ssh`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    /// `GIT_SSH_COMMAND`: a line for the shell.
    pub command: Option<String>,
    /// `GIT_SSH`: a program.
    pub program: Option<PathBuf>,
    /// `GIT_SSH_VARIANT`.
    pub variant: Option<String>,
}
