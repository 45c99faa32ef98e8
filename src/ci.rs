//! The environment: which CI this is, what it builds, and the values that Git, proxies and tokens take from
//! variables. Together with clap this is the only place that reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::files;
use crate::http::{Proxies, Secret, Settings, Trust, Url};

/// The variables of a process.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

/// Where a change comes from: what was built, and by which run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The URL of the repository that was built.
    pub repository: Option<String>,
    /// The commit that was built.
    pub revision: Option<String>,
    /// The page of the run.
    pub run: Option<String>,
}

/// A token and the only host it may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The variable it was in.
    pub variable: &'static str,
    /// `host` or `host:port`; none for the host that the user names.
    pub host: Option<String>,
    /// The user that goes with it.
    pub user: Option<String>,
    /// The token.
    pub token: Secret,
}

/// A CI system: how to know it, and templates of its variables.
struct System {
    /// A variable that only it sets, with its value where that decides.
    marker: (&'static str, Option<&'static str>),
    repository: &'static [&'static str],
    revision: &'static [&'static str],
    run: &'static [&'static str],
}

/// The first that fits. Gitea's and Forgejo's runners also say they are GitHub's, so they come first.
const SYSTEMS: &[System] = &[
    System {
        marker: ("FORGEJO_ACTIONS", None),
        repository: &[
            "{FORGEJO_SERVER_URL}/{GITHUB_REPOSITORY}",
            "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",
        ],
        revision: &["{GITHUB_SHA}"],
        run: &["{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}"],
    },
    System {
        marker: ("GITEA_ACTIONS", None),
        repository: &["{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}"],
        revision: &["{GITHUB_SHA}"],
        run: &["{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}"],
    },
    System {
        marker: ("GITHUB_ACTIONS", None),
        repository: &["{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}"],
        revision: &["{GITHUB_SHA}"],
        run: &[
            "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
            "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
        ],
    },
    System {
        marker: ("GITLAB_CI", None),
        repository: &["{CI_PROJECT_URL}"],
        revision: &["{CI_COMMIT_SHA}"],
        run: &["{CI_JOB_URL}", "{CI_PIPELINE_URL}"],
    },
    System {
        marker: ("BITBUCKET_BUILD_NUMBER", None),
        repository: &[
            "{BITBUCKET_GIT_HTTP_ORIGIN}",
            "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}",
        ],
        revision: &["{BITBUCKET_COMMIT}"],
        run: &["{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}"],
    },
    System {
        marker: ("TF_BUILD", None),
        repository: &["{BUILD_REPOSITORY_URI}"],
        revision: &["{BUILD_SOURCEVERSION}"],
        run: &["{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}"],
    },
    System {
        marker: ("JENKINS_URL", None),
        repository: &["{GIT_URL}"],
        revision: &["{GIT_COMMIT}"],
        run: &["{BUILD_URL}"],
    },
    System {
        marker: ("CIRCLECI", None),
        repository: &["{CIRCLE_REPOSITORY_URL}"],
        revision: &["{CIRCLE_SHA1}"],
        run: &["{CIRCLE_BUILD_URL}"],
    },
    System {
        marker: ("DRONE", None),
        repository: &["{DRONE_REPO_LINK}", "{DRONE_GIT_HTTP_URL}"],
        revision: &["{DRONE_COMMIT_SHA}"],
        run: &["{DRONE_BUILD_LINK}"],
    },
    System {
        marker: ("CI", Some("woodpecker")),
        repository: &["{CI_REPO_URL}"],
        revision: &["{CI_COMMIT_SHA}"],
        run: &["{CI_STEP_URL}", "{CI_PIPELINE_URL}"],
    },
    System {
        marker: ("BUILDKITE", None),
        repository: &["{BUILDKITE_REPO}"],
        revision: &["{BUILDKITE_COMMIT}"],
        run: &["{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "{BUILDKITE_BUILD_URL}"],
    },
    System {
        marker: ("TRAVIS", None),
        repository: &["https://github.com/{TRAVIS_REPO_SLUG}"],
        revision: &["{TRAVIS_COMMIT}"],
        run: &["{TRAVIS_BUILD_WEB_URL}"],
    },
];

/// Tokens: the variable, the templates of its host's URL, and the user that goes with it.
const TOKENS: &[(&str, &[&str], &str)] = &[
    ("GH_TOKEN", &["{GITHUB_SERVER_URL}", "https://github.com"], "x-access-token"),
    ("GITHUB_TOKEN", &["{GITHUB_SERVER_URL}", "https://github.com"], "x-access-token"),
    ("GH_ENTERPRISE_TOKEN", &["https://{GH_HOST}"], "x-access-token"),
    ("GITHUB_ENTERPRISE_TOKEN", &["https://{GH_HOST}"], "x-access-token"),
    (
        "FORGEJO_TOKEN",
        &["{FORGEJO_SERVER_URL}", "{GITHUB_SERVER_URL}", "https://codeberg.org"],
        "x-access-token",
    ),
    (
        "GITEA_TOKEN",
        &["{GITEA_SERVER_URL}", "{GITHUB_SERVER_URL}", "https://gitea.com"],
        "x-access-token",
    ),
    ("GITLAB_TOKEN", &["{CI_SERVER_URL}", "https://{GITLAB_HOST}", "https://gitlab.com"], "oauth2"),
    ("CI_JOB_TOKEN", &["{CI_SERVER_URL}"], "gitlab-ci-token"),
    ("BITBUCKET_TOKEN", &["https://bitbucket.org"], "x-token-auth"),
    ("SYSTEM_ACCESSTOKEN", &["{SYSTEM_COLLECTIONURI}"], "x-access-token"),
    ("AZURE_DEVOPS_EXT_PAT", &["https://dev.azure.com"], "x-access-token"),
    ("DRONE_NETRC_PASSWORD", &["https://{DRONE_NETRC_MACHINE}"], "{DRONE_NETRC_USERNAME}"),
    ("CI_NETRC_PASSWORD", &["https://{CI_NETRC_MACHINE}"], "{CI_NETRC_USERNAME}"),
];

/// Variables that name the branch a pull request is to be merged into, one per CI system.
const PULL_REQUEST_TARGETS: &[&str] = &[
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "CHANGE_TARGET",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
];

impl Variables {
    /// Those of this process. What is not UTF-8 is none of ours.
    #[must_use]
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os();
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(pairs.filter_map(text).collect())
    }

    /// All of them, for a command that is to have some.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that names a file or directory.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Tells later steps and jobs: GitHub Actions through its own file, and any system through a
    /// dotenv file, if one is named. Values are of one line.
    pub fn publish(
        &self,
        outputs: &[(&'static str, String)],
        dotenv: Option<&Path>,
    ) -> anyhow::Result<()> {
        let line = |(name, value): &(&str, String)| format!("{name}={value}\n");
        let lines = outputs.iter().map(line).collect::<Vec<_>>().concat();
        let github = self.path("GITHUB_OUTPUT");
        github.as_deref().into_iter().chain(dotenv).try_for_each(|path| files::append(path, &lines))
    }

    /// Adds a text in Markdown to the page of the run, where the CI system has one.
    pub fn summarize(&self, text: &str) -> anyhow::Result<()> {
        self.path("GITHUB_STEP_SUMMARY").map_or(Ok(()), |path| files::append(&path, text))
    }

    /// The first of several names, as with `https_proxy` and `HTTPS_PROXY`.
    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The first template all of whose variables are set.
    fn fill(&self, templates: &[&str]) -> Option<String> {
        templates.iter().find_map(|template| {
            let mut out = String::new();
            let mut rest = *template;
            while let Some((before, after)) = rest.split_once('{') {
                let (name, after) = after.split_once('}')?;
                out.push_str(before);
                out.push_str(self.get(name)?);
                rest = after;
            }
            Some(out + rest)
        })
    }

    fn system(&self) -> Option<&'static System> {
        SYSTEMS.iter().find(|system| {
            let (name, wanted) = system.marker;
            self.get(name).is_some_and(|value| wanted.is_none_or(|wanted| wanted == value))
        })
    }

    /// What the CI system builds; nothing where none is known.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        let system = self.system()?;
        let revision = self.head_of_pull_request().or_else(|| self.fill(system.revision));
        Some(Source {
            repository: self.fill(system.repository).map(|url| web_url(&url)),
            // Buildkite may say `HEAD`.
            revision: revision
                .filter(|id| id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit())),
            run: self.fill(system.run),
        })
    }

    /// `GITHUB_SHA` of a pull request is a merge that nobody made; the event knows the commit.
    fn head_of_pull_request(&self) -> Option<String> {
        self.get("GITHUB_EVENT_NAME").filter(|name| name.starts_with("pull_request"))?;
        let event = std::fs::read(self.get("GITHUB_EVENT_PATH")?).ok()?;
        let event: serde_json::Value = serde_json::from_slice(&event).ok()?;
        event["pull_request"]["head"]["sha"].as_str().map(str::to_owned)
    }

    /// The server of the CI system and the forge that it is, as `--forge` names it.
    #[must_use]
    pub fn forge(&self) -> Option<(String, String)> {
        let found =
            |server: &str, name: &str| Some((self.get(server)?.to_owned(), name.to_owned()));
        let marked = |name: &str| self.get(name).is_some();
        if marked("FORGEJO_ACTIONS") {
            return found("FORGEJO_SERVER_URL", "forgejo")
                .or_else(|| found("GITHUB_SERVER_URL", "forgejo"));
        } else if marked("GITEA_ACTIONS") {
            return found("GITHUB_SERVER_URL", "gitea");
        } else if marked("GITHUB_ACTIONS") {
            return found("GITHUB_SERVER_URL", "github");
        } else if marked("GITLAB_CI") {
            return found("CI_SERVER_URL", "gitlab");
        } else if marked("TF_BUILD") {
            return found("SYSTEM_COLLECTIONURI", "azure");
        }
        // Woodpecker names the forge in so many words.
        let kind = self.get("CI_FORGE_TYPE")?;
        found("CI_FORGE_URL", if kind == "bitbucket_dc" { "bitbucket-dc" } else { kind })
    }

    /// Every token, bound to its host; one whose host is not known is left out.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        let own = self.get("GITOPS_TOKEN").map(|token| Token {
            variable: "GITOPS_TOKEN",
            host: None,
            user: self.get("GITOPS_TOKEN_USER").map(str::to_owned),
            token: Secret::new(token),
        });
        // A job of GitHub's own names GitHub there, which is no place for the others' tokens.
        let set = |name| self.get(name).is_some();
        let in_github = set("GITHUB_ACTIONS") && !set("GITEA_ACTIONS") && !set("FORGEJO_ACTIONS");
        let bound = TOKENS.iter().filter_map(|(variable, urls, user)| {
            let token = Secret::new(self.get(variable)?);
            let foreign = in_github && matches!(*variable, "FORGEJO_TOKEN" | "GITEA_TOKEN");
            let usable = |url: &&str| !foreign || *url != "{GITHUB_SERVER_URL}";
            let urls: Vec<&str> = urls.iter().copied().filter(usable).collect();
            let url = Url::parse(&self.fill(&urls)?).ok()?;
            let host = url.host_str()?.to_lowercase();
            let host = url.port().map_or(host.clone(), |port| format!("{host}:{port}"));
            Some(Token { variable, host: Some(host), user: self.fill(&[user]), token })
        });
        own.into_iter().chain(bound).collect()
    }

    /// How to reach servers, with a file of `--ca-file` in addition.
    #[must_use]
    pub fn http(&self, ca_file: Option<&PathBuf>) -> Settings {
        let secret = |names: &[&str]| self.first(names).map(Secret::public);
        let extra = ["CI_SERVER_TLS_CA_FILE", "GIT_SSL_CAINFO"].iter().filter_map(|n| self.path(n));
        Settings {
            trust: Trust {
                extra: ca_file.cloned().into_iter().chain(extra).collect(),
                file: self.path("SSL_CERT_FILE"),
                dir: self.path("SSL_CERT_DIR"),
            },
            proxies: Proxies {
                https: secret(&["https_proxy", "HTTPS_PROXY"]),
                // In a CGI program `HTTP_PROXY` is the header `Proxy:` of whoever asks, so only this one counts.
                http: secret(&["http_proxy"]),
                all: secret(&["all_proxy", "ALL_PROXY"]),
                none: self.first(&["no_proxy", "NO_PROXY"]).map(str::to_owned),
            },
            ..Settings::default()
        }
    }

    /// The pairs of `GIT_CONFIG_COUNT`.
    #[must_use]
    pub fn git_config_pairs(&self) -> Vec<(String, String)> {
        let count = self.get("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
        let pair = |at: u32| {
            let key = self.get(&format!("GIT_CONFIG_KEY_{at}"))?;
            let value = self.0.get(&format!("GIT_CONFIG_VALUE_{at}"))?;
            Some((key.to_owned(), value.clone()))
        };
        (0..count).map_while(pair).collect()
    }

    /// The branch that the pull request of this pipeline is to be merged into.
    #[must_use]
    pub fn pull_request_target(&self) -> Option<String> {
        let is_drone_request = self.get("DRONE_BUILD_EVENT") == Some("pull_request");
        // Drone sets its own for pushes too.
        let drone = is_drone_request.then_some("DRONE_TARGET_BRANCH");
        let branch =
            PULL_REQUEST_TARGETS.iter().copied().chain(drone).find_map(|name| self.get(name))?;
        Some(branch.strip_prefix("refs/heads/").unwrap_or(branch).to_owned())
    }

    /// The directory for caches: `$XDG_CACHE_HOME/gitops`, else the system's usual place.
    #[must_use]
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let home = || self.path("HOME").or_else(|| self.path("USERPROFILE"));
        let root = self
            .path("XDG_CACHE_HOME")
            .or_else(|| self.path("LOCALAPPDATA"))
            .or_else(|| home().map(|home| home.join(".cache")))?;
        Some(root.join("gitops"))
    }
}

impl std::fmt::Debug for Variables {
    /// Names only: values are secrets as often as not.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A repository's address as people open it: without credentials and `.git`, and https for SSH.
#[must_use]
pub fn web_url(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        return match scheme {
            "ssh" | "git+ssh" => {
                let host = host.split(':').next().unwrap_or(host);
                format!("https://{host}/{path}")
            }
            _ => format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned(),
        };
    }
    match url.split_once(':') {
        Some((login, path)) if !login.contains('/') && !path.is_empty() => {
            let host = login.rsplit('@').next().unwrap_or(login);
            format!("https://{host}/{}", path.trim_start_matches('/'))
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    fn source(pairs: &[(&str, &str)]) -> (String, Option<String>, String) {
        let found = variables(pairs).source().unwrap();
        (found.repository.unwrap(), found.revision, found.run.unwrap_or_default())
    }

    const GITHUB: &[(&str, &str)] = &[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/api"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_RUN_NUMBER", "3"),
    ];

    #[test]
    fn knows_what_is_built() {
        let (repository, revision, run) = source(GITHUB);
        assert_eq!(repository, "https://github.com/acme/api");
        assert_eq!(revision.as_deref(), Some(SHA));
        assert_eq!(run, "https://github.com/acme/api/actions/runs/7/attempts/2");
        let gitea = [GITHUB, &[("GITEA_ACTIONS", "true")]].concat();
        assert_eq!(source(&gitea).2, "https://github.com/acme/api/actions/runs/3");
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_URL", "https://gl.example/acme/api"),
            ("CI_COMMIT_SHA", SHA),
            ("CI_PIPELINE_URL", "https://gl.example/acme/api/-/pipelines/9"),
        ];
        assert_eq!(source(&gitlab).2, "https://gl.example/acme/api/-/pipelines/9");
        let buildkite = [
            ("BUILDKITE", "true"),
            ("BUILDKITE_REPO", "git@github.com:acme/api.git"),
            ("BUILDKITE_COMMIT", "HEAD"),
        ];
        let expected = ("https://github.com/acme/api".to_owned(), None, String::new());
        assert_eq!(source(&buildkite), expected);
        let azure = [
            ("TF_BUILD", "True"),
            ("BUILD_REPOSITORY_URI", "https://acme@dev.azure.com/acme/p/_git/api"),
            ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/acme/"),
            ("SYSTEM_TEAMPROJECT", "p"),
            ("BUILD_BUILDID", "5"),
        ];
        let (repository, _, run) = source(&azure);
        assert_eq!(repository, "https://dev.azure.com/acme/p/_git/api");
        assert_eq!(run, "https://dev.azure.com/acme/p/_build/results?buildId=5");
        assert_eq!(variables(&[("CI", "true")]).source(), None);
        assert!(variables(&[("CI", "woodpecker")]).source().is_some());
    }

    #[test]
    fn a_pull_request_is_its_head() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let head = SHA.replace('0', "f");
        let event = format!(r#"{{"pull_request": {{"head": {{"sha": "{head}"}}}}}}"#);
        std::io::Write::write_all(&mut file.as_file(), event.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let event = [("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", path)];
        assert_eq!(source(&[GITHUB, &event].concat()).1, Some(head));
    }

    #[test]
    fn tokens_are_bound_to_hosts() {
        let hosts = |pairs: &[(&str, &str)]| -> Vec<(&str, Option<String>)> {
            let tokens = variables(pairs).tokens().into_iter();
            tokens.map(|token| (token.variable, token.host)).collect()
        };
        let bound = |name, host: &str| (name, Some(host.to_owned()));
        let github = [("GITHUB_TOKEN", "canary-1"), ("GITOPS_TOKEN", "canary-2")];
        assert_eq!(hosts(&github), [("GITOPS_TOKEN", None), bound("GITHUB_TOKEN", "github.com")]);
        let server =
            [("GITHUB_TOKEN", "canary-1"), ("GITHUB_SERVER_URL", "https://GHE.example:8443")];
        assert_eq!(hosts(&server), [bound("GITHUB_TOKEN", "ghe.example:8443")]);
        assert!(hosts(&[("CI_JOB_TOKEN", "canary-1")]).is_empty());
        let job = [("CI_JOB_TOKEN", "canary-1"), ("CI_SERVER_URL", "https://gl.example")];
        assert_eq!(hosts(&job), [bound("CI_JOB_TOKEN", "gl.example")]);
        assert!(hosts(&[("GH_ENTERPRISE_TOKEN", "canary-1")]).is_empty());
        let forgejo = ("FORGEJO_TOKEN", "canary-1");
        let job = [
            forgejo,
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://git.example"),
            ("FORGEJO_ACTIONS", "true"),
        ];
        // On a laptop, in GitHub's jobs, and in its own.
        assert_eq!(hosts(&job[..1]), [bound("FORGEJO_TOKEN", "codeberg.org")]);
        assert_eq!(hosts(&job[..3]), [bound("FORGEJO_TOKEN", "codeberg.org")]);
        assert_eq!(hosts(&job), [bound("FORGEJO_TOKEN", "git.example")]);
    }

    #[test]
    fn reads_pairs_and_prints_names_only() {
        let variables = variables(&[
            ("GIT_CONFIG_COUNT", "3"),
            ("GIT_CONFIG_KEY_0", "a.b"),
            ("GIT_CONFIG_VALUE_0", "canary-value"),
            ("GIT_CONFIG_KEY_1", "c.d"),
            ("GIT_CONFIG_VALUE_1", ""),
        ]);
        let pairs = variables.git_config_pairs();
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[1], ("c.d".to_owned(), String::new()));
        assert!(!format!("{variables:?}").contains("canary"));
    }

    #[test]
    fn knows_the_forge_it_runs_on() {
        let table = [
            (vec![("GITHUB_ACTIONS", "true"), ("GITHUB_SERVER_URL", "https://h")], "github"),
            (
                vec![
                    ("GITHUB_ACTIONS", "true"),
                    ("GITEA_ACTIONS", "true"),
                    ("GITHUB_SERVER_URL", "https://h"),
                ],
                "gitea",
            ),
            (vec![("GITLAB_CI", "true"), ("CI_SERVER_URL", "https://h")], "gitlab"),
            (vec![("CI_FORGE_TYPE", "forgejo"), ("CI_FORGE_URL", "https://h")], "forgejo"),
        ];
        for (pairs, name) in table {
            let expected = ("https://h".to_owned(), name.to_owned());
            assert_eq!(variables(&pairs).forge(), Some(expected));
        }
        assert_eq!(variables(&[("JENKINS_URL", "x")]).forge(), None);
    }

    #[test]
    fn addresses_read_as_people_open_them() {
        let table = [
            ("https://u:p@h/a/b.git", "https://h/a/b"),
            ("git@h:a/b.git", "https://h/a/b"),
            ("ssh://git@h:22/a/b", "https://h/a/b"),
            ("https://h:8443/a/", "https://h:8443/a"),
            ("/srv/a.git", "/srv/a"),
        ];
        for (url, expected) in table {
            assert_eq!(web_url(url), expected);
        }
    }
}
