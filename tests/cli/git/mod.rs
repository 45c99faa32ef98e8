//! `bump-tag` in remote repositories and in checkouts, against the real `git`.

mod http;
mod race;
mod remote;
mod ssh;
