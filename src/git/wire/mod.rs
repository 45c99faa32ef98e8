//! The client side of Git's wire protocol: what an update needs of it, and no more.
//!
//! Version 2 for reading, with a filter where the server has one, and version 0 where it knows no other;
//! pushing exists only in version 0. See `gitprotocol-v2`, `gitprotocol-pack` and `gitprotocol-common`.

mod fetch;
mod greeting;
pub(super) mod packet;
mod push;

pub(super) use fetch::{Want, fetch, list_refs};
pub(super) use greeting::{Capabilities, Greeting, Refs, greeting};
pub(super) use push::{Reply, Update, push};

/// What we call ourselves.
const AGENT: &str = concat!("agent=gitops/", env!("CARGO_PKG_VERSION"));
