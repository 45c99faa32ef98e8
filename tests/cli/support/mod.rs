//! What the tests share: a sandbox to run the program in.

mod sandbox;

pub(crate) use sandbox::Sandbox;
