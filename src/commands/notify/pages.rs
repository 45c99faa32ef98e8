//! Web pages of commits: of forges that are recognised, or as the user says. Nothing is guessed.

use crate::ci::Variables;
use crate::event::link;
use crate::event::links::{id, page};
use crate::forge::{Hints, Known, Place, Remote, Row, place_of, recognise};
use crate::http::Url;

/// How to find the pages of commits.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// The user's words for a commit's page, with `{repository}` and `{sha}`.
    pub(super) template: Option<String>,
    /// What else tells which forge a host is.
    pub(super) hints: Hints,
}

impl Pages {
    /// What the user and the CI system say.
    pub(super) fn of(template: Option<String>, variables: &Variables) -> Self {
        Self { template, hints: Hints { ci: variables.forge(), ..Hints::default() } }
    }

    /// The page of a commit.
    pub(super) fn commit(&self, repository: &str, sha: &str) -> Option<String> {
        let (page, sha) = (page(repository)?, id(sha)?);
        if let Some(template) = &self.template {
            return link(&template.replace("{repository}", &page).replace("{sha}", sha));
        }
        let (row, place) = self.place(&page)?;
        link(&(row.commit_url)(&place, sha))
    }

    /// The page of the commits between two.
    pub(super) fn compare(&self, repository: &str, from: &str, to: &str) -> Option<String> {
        let (row, place) = self.place(&page(repository)?)?;
        link(&(row.compare_url)(&place, id(from)?, id(to)?))
    }

    fn place(&self, page: &str) -> Option<(&'static Row, Place)> {
        let url = Url::parse(page).ok()?;
        let remote = Remote::new(url.scheme(), url.host_str()?, url.port(), url.path());
        let row = recognise(&remote, &self.hints).ok()??;
        // The shape of a path is reason enough to ask a forge, but not to print its pages.
        let is_known = row.hosts.iter().any(|host| match host.strip_prefix('*') {
            Some(below) => remote.host.ends_with(below),
            None => remote.host == **host,
        });
        let ci = self.hints.ci.as_ref().and_then(|(server, _)| Url::parse(server).ok());
        let is_own = ci.is_some_and(|server| server.host_str() == url.host_str());
        if !is_known && !is_own {
            return None;
        }
        Some((row, place_of(row, &remote, &Known::default()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forges_that_are_recognised_have_pages() {
        let pages = Pages::default();
        let table = [
            ("git@github.com:a/b.git", Some("https://github.com/a/b/commit/0123456")),
            ("https://gitlab.com/g/s/p.git", Some("https://gitlab.com/g/s/p/-/commit/0123456")),
            ("https://codeberg.org/a/b", Some("https://codeberg.org/a/b/commit/0123456")),
            ("https://bitbucket.org/w/r", Some("https://bitbucket.org/w/r/commits/0123456")),
            (
                "https://dev.azure.com/o/p/_git/r",
                Some("https://dev.azure.com/o/p/_git/r/commit/0123456"),
            ),
            ("https://git.corp.example/a/b", None),
            ("https://github.com.evil.example/a/b", None),
            ("/srv/git/deploy.git", None),
        ];
        for (repository, expected) in table {
            assert_eq!(pages.commit(repository, "0123456").as_deref(), expected, "{repository}");
        }
        assert_eq!(pages.commit("https://github.com/a/b", "not-an-id"), None);
        let compare = pages.compare("https://github.com/a/b", "0123456", "6543210");
        assert_eq!(compare.as_deref(), Some("https://github.com/a/b/compare/0123456...6543210"));
    }

    #[test]
    fn a_ci_system_knows_its_own_server_and_the_user_everything() {
        let ci = Some(("https://git.corp.example".to_owned(), "gitlab".to_owned()));
        let own = Pages { hints: Hints { ci, ..Hints::default() }, ..Pages::default() };
        let expected = "https://git.corp.example/a/b/-/commit/0123456";
        let found = own.commit("git@git.corp.example:a/b.git", "0123456");
        assert_eq!(found.as_deref(), Some(expected));
        let template = Some("{repository}/-/commit/{sha}".to_owned());
        let told = Pages { template, ..Pages::default() };
        assert_eq!(
            told.commit("https://git.corp.example/a/b", "0123456").as_deref(),
            Some(expected)
        );
    }
}
