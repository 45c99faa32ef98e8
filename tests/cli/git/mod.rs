//! `bump-tag` in remote repositories and in checkouts, against the real `git`.

mod checkout;
mod edges;
mod http;
mod race;
mod remote;
mod secrets;
mod ssh;
