//! Where a change came from: repositories by their pages, and the sources that commits name.

use url::Url;

use super::link;

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

/// A commit's id and nothing else.
#[must_use]
pub fn id(sha: &str) -> Option<&str> {
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
