//! Web pages of commits: only for hosts whose pages are known, or as the user says. Nothing is guessed.

use url::Url;

use super::link;

/// How a kind of forge names its pages below a repository's.
struct Pages {
    commit: &'static str,
    compare: &'static str,
}

const GITHUB: Pages = Pages { commit: "/commit/{sha}", compare: "/compare/{from}...{sha}" };
const GITLAB: Pages = Pages { commit: "/-/commit/{sha}", compare: "/-/compare/{from}...{sha}" };
const BITBUCKET: Pages =
    Pages { commit: "/commits/{sha}", compare: "/branches/compare/{sha}%0D{from}" };
const AZURE: Pages = Pages {
    commit: "/commit/{sha}",
    compare: "/branchCompare?baseVersion=GC{from}&targetVersion=GC{sha}",
};

const HOSTS: &[(&str, Pages)] = &[
    ("github.com", GITHUB),
    ("gitlab.com", GITLAB),
    ("codeberg.org", GITHUB),
    ("gitea.com", GITHUB),
    ("bitbucket.org", BITBUCKET),
    ("dev.azure.com", AZURE),
];

/// A repository's page: `git@h:a/b.git`, `ssh://git@h/a/b` and `https://me:pw@h/a/b.git` are `https://h/a/b`.
#[must_use]
pub fn page(repository: &str) -> Option<String> {
    let text = repository.trim();
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        // The port of SSH is not that of the pages.
        Ok(url) if matches!(url.scheme(), "ssh" | "git+ssh") => {
            Url::parse(&format!("https://{}{}", url.host_str()?, url.path())).ok()?
        }
        Ok(_) | Err(_) => {
            let (host, path) = text.split_once(':').filter(|(host, path)| {
                !host.contains('/') && host.len() > 1 && !path.starts_with("//")
            })?;
            let host = host.rsplit('@').next()?;
            Url::parse(&format!("https://{host}/{path}")).ok()?
        }
    };
    let page = link(url.as_str())?;
    let page = page.trim_end_matches('/');
    Some(page.strip_suffix(".git").unwrap_or(page).to_owned())
}

/// How to make links; `template` is the user's, with `{repository}` and `{sha}`, for hosts that are not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links<'a> {
    /// The page of a commit.
    pub template: Option<&'a str>,
}

impl Links<'_> {
    /// The page of a commit.
    #[must_use]
    pub fn commit(self, repository: &str, sha: &str) -> Option<String> {
        let page = page(repository)?;
        let filled = match (pages(&page), self.template) {
            (Some(pages), _) => format!("{page}{}", pages.commit.replace("{sha}", id(sha)?)),
            (None, Some(template)) => {
                template.replace("{repository}", &page).replace("{sha}", id(sha)?)
            }
            (None, None) => return None,
        };
        link(&filled)
    }

    /// The page that compares two commits.
    #[must_use]
    pub fn compare(self, repository: &str, from: &str, to: &str) -> Option<String> {
        let page = page(repository)?;
        let path = pages(&page)?.compare.replace("{from}", id(from)?).replace("{sha}", id(to)?);
        link(&format!("{page}{path}"))
    }
}

fn pages(page: &str) -> Option<&'static Pages> {
    let url = Url::parse(page).ok()?;
    let host = url.host_str()?;
    HOSTS.iter().find(|(known, _)| *known == host && url.port().is_none()).map(|(_, pages)| pages)
}

/// A commit's id and nothing else.
fn id(sha: &str) -> Option<&str> {
    (sha.len() >= 7 && sha.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(sha)
}

/// The sources a commit's message names: `Gitops-Source: URL@SHA`, `Image-Revision: URL@SHA`, or Argo CD's pair.
#[must_use]
pub fn sources(message: &str) -> Vec<(String, String)> {
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    let trailers: Vec<(&str, &str)> = last
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key, value.trim()))
        .collect();
    let mut sources = Vec::new();
    for (key, value) in &trailers {
        let ours = ["gitops-source", "image-revision"].contains(&key.to_lowercase().as_str());
        if let Some((url, sha)) = value.rsplit_once('@').filter(|_| ours)
            && let (Some(url), Some(sha)) = (page(url), id(sha))
        {
            sources.push((url, sha.to_owned()));
        }
    }
    let argo = |name: &str| {
        let key = format!("argocd-reference-commit-{name}");
        trailers.iter().find(|(known, _)| known.eq_ignore_ascii_case(&key)).map(|(_, value)| *value)
    };
    if let (Some(url), Some(sha)) = (argo("repourl").and_then(page), argo("sha").and_then(id)) {
        sources.push((url, sha.to_owned()));
    }
    let mut seen = Vec::new();
    sources.retain(|source| {
        !seen.contains(source) && {
            seen.push(source.clone());
            true
        }
    });
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_one_page() {
        let table = [
            ("git@github.com:acme/api.git", Some("https://github.com/acme/api")),
            ("ssh://git@ssh.example:2222/acme/api.git", Some("https://ssh.example/acme/api")),
            ("https://me:pw@github.com/acme/api.git/", Some("https://github.com/acme/api")),
            ("https://dev.azure.com/o/p/_git/r", Some("https://dev.azure.com/o/p/_git/r")),
            ("/srv/git/deploy.git", None),
            ("../deploy", None),
            ("file:///srv/git", None),
            ("C:\\repos\\deploy", None),
        ];
        for (repository, expected) in table {
            assert_eq!(page(repository).as_deref(), expected, "{repository}");
        }
    }

    #[test]
    fn only_known_hosts_have_pages() {
        let links = Links::default();
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
            ("https://github.com:8443/a/b", None),
        ];
        for (repository, expected) in table {
            assert_eq!(links.commit(repository, "0123456").as_deref(), expected, "{repository}");
        }
        assert_eq!(links.commit("https://github.com/a/b", "not-an-id"), None);
        let template = Links { template: Some("{repository}/-/commit/{sha}") };
        let own = template.commit("https://git.corp.example/a/b", "0123456");
        assert_eq!(own.as_deref(), Some("https://git.corp.example/a/b/-/commit/0123456"));
        let compare = links.compare("https://github.com/a/b", "0123456", "6543210");
        assert_eq!(compare.as_deref(), Some("https://github.com/a/b/compare/0123456...6543210"));
    }

    #[test]
    fn sources_come_from_trailers_alone() {
        let message = "feat: update api\n\nGitops-Source: https://evil.example/x@0123456\n\n\
                       Gitops-Source: git@github.com:acme/api.git@0123456789\n\
                       Gitops-Run: https://ci.example/1\n";
        let expected = [("https://github.com/acme/api".to_owned(), "0123456789".to_owned())];
        assert_eq!(sources(message), expected);
        let argo = "x\n\nArgocd-reference-commit-repourl: https://github.com/acme/api\n\
                    Argocd-reference-commit-sha: 0123456789";
        assert_eq!(sources(argo), expected);
        for none in
            ["", "x", "x\n\nGitops-Source: nonsense", "x\n\nGitops-Source: https://h/a@main"]
        {
            assert!(sources(none).is_empty(), "{none}");
        }
    }
}
