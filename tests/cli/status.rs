//! `gitops status` and `gitops history`: what Git alone knows of deployments.

use snapbox::str;

use crate::support::Repository;

fn values(api: &str, web: &str) -> String {
    format!(
        "api:\n  image: {{repository: ghcr.io/acme/api, tag: {api}}}\nweb:\n  image: {{repository: ghcr.io/acme/web, tag: {web}}}\n"
    )
}

/// Three environments and a week of deployments, one of them by a merged pull request.
fn repository() -> Repository {
    let repository = Repository::new();
    let set = |env: &str, api: &str, web: &str| {
        repository.sandbox.write(&format!("environments/{env}.yaml"), values(api, web));
    };
    set("staging", "v1.0.0", "v1");
    set("production", "v1.0.0", "v1");
    repository.commit("start");
    set("staging", "v1.1.0", "v1");
    repository.commit("api: v1.1.0 (#7)\n\nGitops-Source: https://github.com/acme/api@0a1b2c3\n");
    repository.sandbox.write("README.md", "nothing to see\n");
    repository.commit("docs");
    repository.git(&["checkout", "-q", "-b", "bump"]);
    set("production", "v1.1.0", "v1");
    repository.commit("api: v1.1.0 in production");
    repository.git(&["checkout", "-q", "main"]);
    set("staging", "v1.2.0-rc.1", "v1");
    repository.commit("api: rc");
    repository.git(&[
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "Merge pull request #9 from acme/bump",
        "bump",
    ]);
    set("production", "v1.1.0", "v2");
    repository.sandbox.write(
        "environments/dev.yaml",
        "api: {image: {repository: ghcr.io/acme/api, tag: main-0a1b2c3}}\n",
    );
    repository.commit("web v2, dev");
    repository
}

#[test]
fn the_matrix_says_what_lags() {
    let sandbox = repository().sandbox;
    sandbox.gitops(&["status"]).is(str![[r#"
APP   dev                     production              staging
api   main-0a1b2c3  [..] years   v1.1.0  [..] years  lags   v1.2.0-rc.1  [..] years  lags
web   –                       v2  [..] years             v1  [..] years  lags
-- exit 0 --

"#]]);
    sandbox.gitops(&["status", "-e", "staging", "-e", "production", "-o", "markdown"]).is(str![[
        r#"
| App | staging | production |
|---|---|---|
| `api` | `v1.2.0-rc.1` ([..] years) | `v1.1.0` ([..] years) :warning: lags |
| `web` | `v1` ([..] years) :warning: lags | `v2` ([..] years) |
-- exit 0 --

"#
    ]]);
    assert_eq!(sandbox.gitops(&["status", "--exit-code"]).code, 1);
    assert_eq!(sandbox.gitops(&["status", "-e", "production", "--exit-code"]).code, 0);
}

#[test]
fn the_source_commit_is_named() {
    let sandbox = repository().sandbox;
    sandbox.gitops(&["status", "--rev", "HEAD~3", "--app", "api"]).is(str![[r#"
APP   production              staging
api   v1.0.0  [..] years  lags   v1.1.0 (0a1b2c3)  [..] years
-- exit 0 --

"#]]);
    sandbox.gitops(&["status", "--rev", "HEAD~3", "--app", "api", "-o", "markdown"]).is(str![[r#"
| App | production | staging |
|---|---|---|
| `api` | `v1.0.0` ([..] years) :warning: lags | `v1.1.0` ([0a1b2c3](https://github.com/acme/api/commit/0a1b2c3), [..] years) |
-- exit 0 --

"#]]);
    let page = sandbox.gitops(&["status", "--rev", "HEAD~3", "-o", "html"]).stdout;
    let link = "source <a href=\"https://github.com/acme/api/commit/0a1b2c3\">0a1b2c3</a>";
    assert!(page.contains(link), "{page}");
}

#[test]
fn programs_learn_where_and_since_when() {
    let repository = repository();
    repository.git(&["remote", "add", "origin", "git@github.com:acme/ops.git"]);
    let json = repository.sandbox.gitops(&["status", "--app", "api", "-o", "json"]).json();
    let cells = json["apps"][0]["environments"].as_array().unwrap();
    let staging = cells.iter().find(|cell| cell["environment"] == "staging").unwrap();
    assert_eq!(staging["version"], "v1.2.0-rc.1");
    assert_eq!(staging["since"], "2023-11-19T22:13:20Z");
    assert_eq!(staging["places"][0]["line"], 2);
    let production = cells.iter().find(|cell| cell["environment"] == "production").unwrap();
    assert_eq!(production["lags"], true);
    assert_eq!(production["change"]["pull_request_url"], "https://github.com/acme/ops/pull/9");
    let old = repository.sandbox.gitops(&["status", "--rev", "HEAD~50", "-o", "json"]);
    assert_eq!(old.code, 2, "{}", old.render());
    let old = repository.sandbox.gitops(&["status", "--rev", "HEAD~2", "-o", "json"]).json();
    assert_eq!(old["environments"].as_array().unwrap().len(), 2);
}

#[test]
fn history_names_commits_sources_and_pull_requests() {
    let repository = repository();
    let sandbox = &repository.sandbox;
    sandbox.gitops(&["history"]).is(str![[r#"
2023-11-20 22:13  dev         api  – → main-0a1b2c3      19e0cf1  Ada
2023-11-20 22:13  production  web  v1 → v2               19e0cf1  Ada
2023-11-19 22:13  staging     api  v1.1.0 → v1.2.0-rc.1  eda6516  Ada
2023-11-19 22:13  production  api  v1.0.0 → v1.1.0       5f8fbbf  Ada  #9
2023-11-16 22:13  staging     api  v1.0.0 → v1.1.0       45f2276  Ada  #7  https://github.com/acme/api/commit/0a1b2c3
2023-11-15 22:13  production  api  – → v1.0.0            948a27f  Ada
2023-11-15 22:13  production  web  – → v1                948a27f  Ada
2023-11-15 22:13  staging     api  – → v1.0.0            948a27f  Ada
2023-11-15 22:13  staging     web  – → v1                948a27f  Ada
-- exit 0 --

"#]]);
    sandbox.gitops(&["history", "-e", "production", "--app", "api"]).is(str![[r#"
2023-11-19 22:13  production  api  v1.0.0 → v1.1.0  5f8fbbf  Ada  #9
2023-11-15 22:13  production  api  – → v1.0.0       948a27f  Ada
-- exit 0 --

"#]]);
    sandbox.gitops(&["history", "--since", "2023-11-20T00:00:00Z"]).is(str![[r#"
2023-11-20 22:13  dev         api  – → main-0a1b2c3  19e0cf1  Ada
2023-11-20 22:13  production  web  v1 → v2           19e0cf1  Ada
-- exit 0 --

"#]]);
    sandbox.gitops(&["history", "-n", "1"]).is(str![[r#"
2023-11-20 22:13  dev  api  – → main-0a1b2c3  19e0cf1  Ada
-- exit 0 --

"#]]);
    sandbox.gitops(&["history", "--since", "yesterday"]).is(str![[r#"
-- stderr --
error: cannot read the time `yesterday`
hint: write 2026-01-31, 2026-01-31T12:00:00Z, 12h, 30d or 2w
-- exit 2 --

"#]]);
    sandbox.gitops(&["history", "-e", "prod"]).is(str![[r#"
-- stderr --
error: cannot find the environment `prod`
hint: there are dev, production, staging; did you mean `production`?
-- exit 2 --

"#]]);
    let json = sandbox.gitops(&["history", "-e", "staging", "--app", "api", "-o", "json"]).json();
    let change = &json["changes"][1];
    assert_eq!(change["before"], "v1.0.0");
    assert_eq!(change["pull_request"], "7");
    assert_eq!(change["source_url"], "https://github.com/acme/api/commit/0a1b2c3");
    assert_eq!(change["author"], "Ada");
}

#[test]
fn the_page_holds_everything_and_loads_nothing() {
    let repository = repository();
    repository.sandbox.write("environments/evil.yaml", "\"<b>&\": {image: {tag: v1}}\n");
    let page = repository.sandbox.gitops(&["status", "-o", "html"]);
    assert_eq!(page.code, 0, "{}", page.render());
    let text = &page.stdout;
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
    assert!(text.contains("prefers-color-scheme:dark"));
    for outside in ["<script", "<link", "<img", "@import", "url(", "<b>"] {
        assert!(!text.contains(outside), "{outside} in {text}");
    }
    assert!(text.contains("&lt;b&gt;&amp;"));
}

/// What a browser makes of the page: its text, and that it scrolls where it is narrow.
#[test]
fn a_real_browser_shows_the_page() {
    let repository = repository();
    let page = repository.sandbox.gitops(&["status", "-o", "html"]).stdout;
    let probe = "<script>onload=()=>{const d=document,m=d.querySelector('main');\
        d.title=[d.querySelectorAll('tbody tr').length,d.querySelectorAll('td.lags').length,\
        d.documentElement.scrollWidth<=innerWidth,getComputedStyle(d.body).backgroundColor,\
        m.querySelector('td code').textContent].join('|')}</script></body>";
    repository.sandbox.write("page.html", page.replace("</body>", probe));
    let url = format!("file://{}", repository.sandbox.path("page.html").display());
    for (dark, paper) in [(false, "rgb(255, 255, 255)"), (true, "rgb(22, 24, 28)")] {
        let mut command = repository.sandbox.command("chromium");
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--window-size=500,800",
            "--virtual-time-budget=2000",
            "--dump-dom",
        ]);
        command.args(dark.then_some("--blink-settings=preferredColorScheme=0"));
        command.args((!dark).then_some("--blink-settings=preferredColorScheme=1"));
        let Ok(output) = command.arg(&url).output() else {
            eprintln!("chromium is not installed: the page was not seen in a browser");
            assert!(std::env::var_os("CI").is_none(), "CI must have chromium");
            return;
        };
        let dom = String::from_utf8_lossy(&output.stdout);
        let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        let expected = format!("2|3|true|{paper}|main-0a1b2c3");
        assert_eq!(
            title,
            Some(expected.as_str()),
            "{dom}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
