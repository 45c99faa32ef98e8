//! What the tests share: a sandbox to run the program in.

mod repository;
mod sandbox;

pub(crate) use repository::Repository;
pub(crate) use sandbox::Sandbox;
