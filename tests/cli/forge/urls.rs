//! Every form in which people write a remote's URL, to the forge and the repository's place on it.

use gitops::commands::remote_of;
use gitops::forge::{Hints, Known, named, place_of, recognise};

use crate::support::Repositories;

/// URL, the forge by URL alone (or as `--forge` where it starts with `=`), API base, owner, name.
const FORMS: &[(&str, &str, &str, &str, &str)] = &[
    ("git@github.com:o/r.git", "github", "https://api.github.com", "o", "r"),
    ("org-123@github.com:o/r", "github", "https://api.github.com", "o", "r"),
    ("ssh://git@ssh.github.com:443/o/r.git", "github", "https://api.github.com", "o", "r"),
    ("https://x-access-token:T0K3N@github.com/o/r", "github", "https://api.github.com", "o", "r"),
    ("https://GitHub.com/o/r.git/", "github", "https://api.github.com", "o", "r"),
    ("https://acme.ghe.com/o/r.git", "github", "https://api.acme.ghe.com", "o", "r"),
    // scp-like URLs have no port: it is a folder.
    ("git@gitlab.corp:2222/g/r.git", "=gitlab", "https://gitlab.corp/api/v4", "2222/g", "r"),
    ("https://gitlab.corp:8443/g/r.git", "=gitlab", "https://gitlab.corp:8443/api/v4", "g", "r"),
    ("https://user@gitlab.com/g/r", "gitlab", "https://gitlab.com/api/v4", "g", "r"),
    ("ssh://git@codeberg.org/o/r.git", "forgejo", "https://codeberg.org/api/v1", "o", "r"),
    ("git@altssh.bitbucket.org:w/r.git", "bitbucket", "https://api.bitbucket.org/2.0", "w", "r"),
    (
        "https://bb.corp/scm/~user/r.git",
        "bitbucket-dc",
        "https://bb.corp/rest/api/latest",
        "~user",
        "r",
    ),
    ("ssh://u@gerrit.corp:29418/p", "gerrit", "https://gerrit.corp/a", "", "p"),
    ("git@ghes.corp:o/r.git", "=github", "https://ghes.corp/api/v3", "o", "r"),
    ("https://ghes.corp:8443/o/r.git", "=github", "https://ghes.corp:8443/api/v3", "o", "r"),
    (
        "ssh://git@gitlab.corp:2222/g/sub/sub2/r.git",
        "=gitlab",
        "https://gitlab.corp/api/v4",
        "g/sub/sub2",
        "r",
    ),
    ("https://gitlab.com/g/sub/r.git", "gitlab", "https://gitlab.com/api/v4", "g/sub", "r"),
    ("git@altssh.gitlab.com:g/r.git", "gitlab", "https://gitlab.com/api/v4", "g", "r"),
    ("https://codeberg.org/o/r.git", "forgejo", "https://codeberg.org/api/v1", "o", "r"),
    ("http://[::1]:3000/o/r.git", "=gitea", "http://[::1]:3000/api/v1", "o", "r"),
    ("ssh://git@[fe80::1]:22/o/r", "=gitea", "https://[fe80::1]/api/v1", "o", "r"),
    ("git@bitbucket.org:w/r.git", "bitbucket", "https://api.bitbucket.org/2.0", "w", "r"),
    (
        "ssh://git@bb.corp:7999/~user/r.git",
        "bitbucket-dc",
        "https://bb.corp/rest/api/latest",
        "~user",
        "r",
    ),
    (
        "https://bb.corp/ctx/scm/PRJ/r.git",
        "bitbucket-dc",
        "https://bb.corp/ctx/rest/api/latest",
        "PRJ",
        "r",
    ),
    (
        "https://org@dev.azure.com/org/My%20Project/_git/r",
        "azure",
        "https://dev.azure.com/org",
        "My Project",
        "r",
    ),
    ("https://dev.azure.com/org/_git/r", "azure", "https://dev.azure.com/org", "r", "r"),
    ("git@ssh.dev.azure.com:v3/org/p/r", "azure", "https://dev.azure.com/org", "p", "r"),
    (
        "https://org.visualstudio.com/DefaultCollection/p/_git/r",
        "azure",
        "https://dev.azure.com/org",
        "p",
        "r",
    ),
    ("org@vs-ssh.visualstudio.com:v3/org/p/r", "azure", "https://dev.azure.com/org", "p", "r"),
    ("https://tfs.corp/tfs/Coll/p/_git/r", "azure", "https://tfs.corp/tfs/Coll", "p", "r"),
    ("ssh://u@gerrit:29418/a/b", "gerrit", "https://gerrit/a", "", "a/b"),
    ("https://gerrit/a/a/b", "gerrit", "https://gerrit/a", "", "a/b"),
    (
        "https://android.googlesource.com/platform/build",
        "gerrit",
        "https://android.googlesource.com/a",
        "",
        "platform/build",
    ),
];

#[test]
fn every_form_is_understood() {
    for (url, forge, api, owner, name) in FORMS {
        let remote = remote_of(url).unwrap();
        let by_hand = forge.strip_prefix('=');
        let hints = Hints { forge: by_hand.map(str::to_owned), ..Hints::default() };
        if by_hand.is_some() {
            let seen = recognise(&remote, &Hints::default()).unwrap();
            assert!(seen.is_none(), "{url} is {}", seen.unwrap().name);
        }
        let row = recognise(&remote, &hints).unwrap().unwrap_or_else(|| panic!("{url}: no forge"));
        assert_eq!(row.name, by_hand.unwrap_or(forge), "{url}");
        let place = place_of(row, &remote, &Known::default()).unwrap();
        assert_eq!((&*place.api, &*place.owner, &*place.name), (*api, *owner, *name), "{url}");
        assert!(!format!("{remote:?} {place:?}").contains("T0K3N"));
    }
}

/// A forge below a folder of its host: by the API's URL, or by what a probe or the CI knows.
#[test]
fn a_folder_of_the_host_is_no_group() {
    let remote = remote_of("https://corp/gitlab/g/sub/r.git").unwrap();
    let row = named("gitlab").unwrap();
    let by_api = Known { api: Some("https://corp/gitlab/api/v4".to_owned()), ..Known::default() };
    let by_root = Known { root: "gitlab".to_owned(), ..Known::default() };
    for known in [by_api, by_root] {
        let place = place_of(row, &remote, &known).unwrap();
        assert_eq!((&*place.owner, &*place.name), ("g/sub", "r"), "{known:?}");
        assert_eq!(place.api, "https://corp/gitlab/api/v4");
        assert_eq!(place.web, "https://corp/gitlab");
    }
}

/// `Host gh-work` and `Host github.com-work` of `~/.ssh/config`, and `url.….insteadOf`: by the program, which
/// asks the user's own `ssh` and reads the user's own configuration.
#[test]
fn aliases_of_ssh_and_of_git_are_followed() {
    let repos = Repositories::new();
    repos.shop();
    let ssh = "#!/bin/sh\nif [ \"$1\" = -G ]; then\n  for host; do :; done\n  case $host in\n    \
               *-work) echo 'hostname github.com';;\n    *) echo \"hostname $host\";;\n  esac\n  exit 0\nfi\n\
               exec git-upload-pack \"$SHOP\"\n";
    repos.sandbox.write("bin/ssh", ssh);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(repos.sandbox.path("bin/ssh"), mode).unwrap();
    let path = format!("{}:{}", repos.path("bin"), std::env::var("PATH").unwrap());
    for url in ["git@gh-work:o/r.git", "git@github.com-work:o/r.git", "work:o/r.git"] {
        let args =
            ["--repo", url, "bump-tag", "api=v9", "-e", "production", "--pr", "-n", "-o", "json"];
        let mut command = repos.command(&[&args[..], &["--no-probe"]].concat());
        command.env("PATH", &path).env("SHOP", repos.path("shop.git"));
        command.env("GIT_CONFIG_COUNT", "1");
        command.env("GIT_CONFIG_KEY_0", "url.git@github.com-work:.insteadOf");
        command.env("GIT_CONFIG_VALUE_0", "work:");
        let output = repos.sandbox.finish(&mut command);
        let json = output.json();
        assert_eq!(json["forge"], "github", "{url}: {}", output.render());
        let page = "https://github.com/o/r/compare/main...gitops/production/api?expand=1";
        assert_eq!(json["new_url"], page, "{url}");
    }
}

#[test]
fn directories_have_no_forge() {
    for url in
        ["file:///srv/git/r.git", "/srv/git/github.com/o/r.git", "../x", "file://localhost/x"]
    {
        let remote = remote_of(url).unwrap();
        assert!(remote.is_local(), "{url}: {remote:?}");
        assert!(recognise(&remote, &Hints::default()).unwrap().is_none(), "{url}");
    }
}

#[test]
fn pages_are_those_of_the_forge() {
    let table = [
        (
            "git@github.com:o/r.git",
            "https://github.com/o/r/commit/b",
            "https://github.com/o/r/compare/a...b",
            "https://github.com/o/r/compare/main...x/y?expand=1",
        ),
        (
            "https://gitlab.com/g/s/r",
            "https://gitlab.com/g/s/r/-/commit/b",
            "https://gitlab.com/g/s/r/-/compare/a...b",
            "https://gitlab.com/g/s/r/-/merge_requests/new?merge_request%5Bsource_branch%5D=x%2Fy&merge_request%5Btarget_branch%5D=main",
        ),
        (
            "https://codeberg.org/o/r",
            "https://codeberg.org/o/r/commit/b",
            "https://codeberg.org/o/r/compare/a...b",
            "https://codeberg.org/o/r/compare/main...x/y",
        ),
        (
            "git@bitbucket.org:w/r.git",
            "https://bitbucket.org/w/r/commits/b",
            "https://bitbucket.org/w/r/branches/compare/b%0Da",
            "https://bitbucket.org/w/r/pull-requests/new?source=x%2Fy&dest=main",
        ),
        (
            "https://bb.corp/scm/PRJ/r.git",
            "https://bb.corp/projects/PRJ/repos/r/commits/b",
            "https://bb.corp/projects/PRJ/repos/r/compare/commits?sourceBranch=b&targetBranch=a",
            "https://bb.corp/projects/PRJ/repos/r/pull-requests?create&sourceBranch=refs%2Fheads%2Fx%2Fy&targetBranch=refs%2Fheads%2Fmain",
        ),
        (
            "https://dev.azure.com/org/p/_git/r",
            "https://dev.azure.com/org/p/_git/r/commit/b",
            "https://dev.azure.com/org/p/_git/r/branchCompare?baseVersion=GCa&targetVersion=GCb",
            "https://dev.azure.com/org/p/_git/r/pullrequestcreate?sourceRef=x%2Fy&targetRef=main",
        ),
    ];
    for (url, commit, compare, new) in table {
        let remote = remote_of(url).unwrap();
        let row = recognise(&remote, &Hints::default()).unwrap().unwrap();
        let place = place_of(row, &remote, &Known::default()).unwrap();
        assert_eq!((row.commit_url)(&place, "b"), commit);
        assert_eq!((row.compare_url)(&place, "a", "b"), compare);
        assert_eq!((row.new_url)(&place, "main", "x/y"), new);
    }
}
