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

use crate::support::{Output, Repositories, installed};

/// A clone of the shop, `shop.git` its upstream.
fn cloned() -> Option<Repositories> {
    if !installed(&["git"]) {
        return None;
    }
    let repos = Repositories::new();
    repos.shop();
    repos.git(&["clone", "-q", "shop.git", "clone"]);
    Some(repos)
}

/// Runs `bump-tag` in the clone.
fn bump(repos: &Repositories, extra: &[&str]) -> Output {
    repos.gitops(&[&["-C", "clone", "bump-tag", "api=v1.2.3", "-e", "staging"], extra].concat())
}
