//! Where a repository on this machine came from.

use super::local::LocalRepository;

/// The address of the remote `origin`, or of the only remote.
#[must_use]
pub fn origin(repository: &LocalRepository) -> Option<String> {
    let raw = repository.raw();
    let remotes = raw.remotes().ok()?;
    let only =
        || remotes.iter().next().and_then(Result::ok).flatten().filter(|_| remotes.len() == 1);
    let remote = raw.find_remote("origin").or_else(|error| match only() {
        Some(name) => raw.find_remote(name),
        None => Err(error),
    });
    remote.ok()?.url().ok().map(str::to_owned)
}
