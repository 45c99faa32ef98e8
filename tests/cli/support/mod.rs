//! What the tests share: a sandbox to run the program in, Git repositories, and servers for them.

mod git;
mod proxy;
mod repository;
mod sandbox;
mod servers;

pub(crate) use git::{Repositories, value_of};
pub(crate) use proxy::{Break, Fate, breaking_proxy, is_push, scripted_proxy};
pub(crate) use repository::Repository;
pub(crate) use sandbox::{Output, Sandbox};
pub(crate) use servers::{HttpServer, SshServer, installed};
