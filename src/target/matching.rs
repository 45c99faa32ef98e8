//! Which sites a user's name for an image means.

use std::fmt;

use super::{NameKind, Site};
use crate::image::{ends_with, is_same_repository};

/// How a user names an image.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    /// What the user typed.
    pub image: &'q str,
    /// The repository that `apps:` of the configuration gives that name.
    pub configured: Option<&'q str>,
}

/// Why a site is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The same repository.
    Repository,
    /// The end of the repository.
    Suffix,
    /// One of its names.
    Name(NameKind),
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repository => "names the same repository",
            Self::Suffix => "is the end of its repository",
            Self::Name(NameKind::App) => "is the app's key",
            Self::Name(NameKind::Container) => "is the container's name",
            Self::Name(NameKind::Object) => "is the name of its object",
            Self::Name(NameKind::Marker) => "is in the marker beside it",
            Self::Name(NameKind::File) => "is the name of its file",
        })
    }
}

impl Query<'_> {
    /// Whether, and why, a site is meant.
    #[must_use]
    pub fn matches(&self, site: &Site) -> Option<Match> {
        let repository = self.configured.unwrap_or(self.image);
        let any = |test: &dyn Fn(&str) -> bool| site.repositories.iter().any(|r| test(r));
        if any(&|known| is_same_repository(known, repository)) {
            return Some(Match::Repository);
        }
        // A name that the configuration explains means that repository and no namesake.
        if self.configured.is_none() && any(&|known| ends_with(known, self.image)) {
            return Some(Match::Suffix);
        }
        if self.configured.is_some() && !site.repositories.is_empty() {
            return None;
        }
        let named = site.names.iter().find(|name| name.text == self.image);
        named.map(|name| Match::Name(name.kind))
    }

    /// Whether the name is a repository in full, so that nothing less may stand for it.
    fn is_full(&self) -> bool {
        self.configured.is_some() || self.image.contains('/')
    }

    /// A text that every file with a matching site, or its path, contains.
    #[must_use]
    pub fn needles(&self) -> Vec<&str> {
        let last =
            |name: &'_ str| name.rsplit('/').next().map_or(0, |last| name.len() - last.len());
        let mut needles = vec![&self.image[last(self.image)..]];
        needles.extend(self.configured.map(|configured| &configured[last(configured)..]));
        needles
    }
}

/// The sites meant: a repository named in full leaves out those that only have its name.
#[must_use]
pub fn select<'s, S: AsRef<Site>>(query: &Query<'_>, sites: &'s [S]) -> Vec<(&'s S, Match)> {
    let mut found: Vec<(&S, Match)> =
        sites.iter().filter_map(|site| Some((site, query.matches(site.as_ref())?))).collect();
    let exact = found.iter().any(|(_, found)| *found == Match::Repository);
    if exact && query.is_full() {
        found.retain(|(_, found)| *found == Match::Repository);
    }
    found
}

/// The names nearest to a name that no site has, the likeliest first.
#[must_use]
pub fn nearest<'s>(name: &str, sites: impl Iterator<Item = &'s Site>) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut names: Vec<&str> = sites
        .flat_map(|site| {
            // A file's name is a guess, not worth suggesting.
            let names = site.names.iter().filter(|name| name.kind != NameKind::File);
            let names = names.map(|name| name.text.as_str());
            site.repositories.iter().map(String::as_str).chain(names)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let score = |known: &&str| strsim::jaro_winkler(&short(known), &short(name));
    names.sort_by(|a, b| score(b).total_cmp(&score(a)));
    names.into_iter().take(SHOWN).map(str::to_owned).collect()
}
