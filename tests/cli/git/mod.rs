//! `bump-tag` in remote repositories and in checkouts, against the real `git`.

mod checkout;
mod edges;
mod guards;
mod http;
mod race;
mod remote;
mod secrets;
mod sha256;
mod ssh;
mod trouble;
