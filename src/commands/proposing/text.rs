//! Branch, title and body of a pull request, from what changes.

use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::remote_of;
use crate::bump::Plan;
use crate::diff::render::{Sides, markdown};
use crate::diff::{self, Comparison};
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::forge::{self, Hints, Known, Marks};
use crate::git::Origin;
use crate::manifest::SourceFile;

/// As the reviewer wants it: what goes where at a glance, then where it comes from, then all of it.
const BODY: &str = "\
{% if changes %}| environment | app | from | to |
| --- | --- | --- | --- |
{% for change in changes %}| {{ change.environment or '–' }} | {{ change.app|code }} | \
{{ change.before|code }} | {{ change.after|code }}\
{% if change.compare_url %} ([changes]({{ change.compare_url }})){% endif %} |
{% endfor %}{% endif %}\
{% if notes %}
{{ notes }}
{% endif %}\
{% if source.repository and source.revision %}
Source: {{ source.repository }}@{{ source.revision }}
{% endif %}\
{% if source.run %}
Run: {{ source.run }}
{% endif %}
{{ diff }}";

/// One value that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) environment: String,
    pub(crate) app: String,
    pub(crate) before: String,
    pub(crate) after: String,
    /// The page with the source's commits between both, where they are known.
    pub(crate) compare_url: Option<String>,
}

/// What templates see.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Scene {
    pub(crate) changes: Vec<Row>,
    pub(crate) environments: Vec<String>,
    pub(crate) apps: Vec<String>,
    pub(crate) source: Origin,
    pub(crate) notes: Option<String>,
    pub(crate) diff: String,
    pub(crate) base: String,
    pub(crate) head: String,
    /// The first line of the commit message.
    pub(crate) subject: String,
    /// What sets branch and key apart from those of a change of versions.
    #[serde(skip)]
    pub(crate) kind: &'static str,
}

/// The rows of a plan, each image once per environment.
pub(crate) fn rows_of(plan: &Plan, config: &Config, origin: &Origin) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let apps: BTreeSet<&str> = plan.edits.iter().filter_map(|e| e.image.as_deref()).collect();
    for edit in &plan.edits {
        let image = edit.image.as_deref();
        let before = edit.before.clone().unwrap_or_default();
        let lone = apps.len() == 1;
        let links =
            image.and_then(|app| compare_url(config, origin, app, lone, &before, &edit.after));
        let row = Row {
            environment: edit.environment.clone().unwrap_or_else(|| edit.file.clone()),
            app: image.map_or_else(|| edit.key.clone(), short_name),
            before,
            after: edit.after.clone(),
            compare_url: links,
        };
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// The rows of two sides of a branch.
pub(crate) fn rows_between(comparison: &Comparison, config: &Config, origin: &Origin) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let lone = comparison.images.len() == 1;
    for image in &comparison.images {
        let before = image.before.clone().unwrap_or_default();
        let after = image.after.clone().unwrap_or_default();
        let link = compare_url(config, origin, &image.name, lone, &before, &after);
        for user in &image.users {
            let environment = match &*user.environment {
                "" => user.path.to_string(),
                name => name.to_owned(),
            };
            let row = Row {
                environment,
                app: short_name(&image.name),
                before: before.clone(),
                after: after.clone(),
                compare_url: link.clone(),
            };
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows
}

fn short_name(image: &str) -> String {
    image.rsplit('/').next().unwrap_or(image).to_owned()
}

/// The source's commits between two versions: only where both are known to be commits or tags of the source.
fn compare_url(
    config: &Config,
    origin: &Origin,
    app: &str,
    lone: bool,
    before: &str,
    after: &str,
) -> Option<String> {
    let short = short_name(app);
    let configured = config.apps.iter().find(|(name, described)| {
        **name == short || described.image.as_deref().is_some_and(|image| image == app)
    });
    let configured = configured.and_then(|(_, app)| app.source.clone());
    let repository = configured.clone().or_else(|| origin.repository.clone().filter(|_| lone))?;
    let is_origin = origin.repository.as_deref() == Some(repository.as_str());
    let built = origin.revision.clone().filter(|_| is_origin && lone);
    let named = |version: &str| {
        let tag = version.split('@').next().unwrap_or(version);
        let hex = tag.trim_start_matches("sha-").trim_start_matches("git-");
        let is_commit = (7..=40).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let is_release =
            configured.is_some() && semver::Version::parse(tag.trim_start_matches('v')).is_ok();
        if is_commit { Some(hex.to_owned()) } else { is_release.then(|| tag.to_owned()) }
    };
    let (from, to) = (named(before)?, built.or_else(|| named(after))?);
    let remote = remote_of(&repository).ok()?;
    let row = forge::recognise(&remote, &Hints::default()).ok()??;
    let place = forge::place_of(row, &remote, &Known::default()).ok()?;
    Some((row.compare_url)(&place, &from, &to))
}

/// The semantic difference, within a number of bytes; secrets are masked.
pub(crate) fn difference(
    left: &[SourceFile],
    right: &[SourceFile],
    sides: [&str; 2],
    budget: usize,
) -> String {
    let mut comparison = diff::compare(left, right, &diff::Options::default());
    // The table above says it, with environments and links.
    comparison.images.clear();
    let [before, after] = sides.map(str::to_owned);
    let text = markdown::render(&comparison, &Sides { before, after }, "pr", budget);
    // Its first line is a mark for comments, which this is not.
    text.split_once('\n').map(|(_, rest)| rest.trim().to_owned()).unwrap_or_default()
}

/// The files of a plan, as both sides of a comparison.
pub(crate) fn sides_of(plan: &Plan) -> [Vec<SourceFile>; 2] {
    let side = |newer: bool| {
        let files = plan.changes.files().iter().map(|file| {
            let bytes = if newer { &file.after } else { &file.before };
            let mut source = SourceFile::new(&file.path, bytes.clone());
            let edit = plan.edits.iter().find(|edit| edit.file == file.path);
            if let Some(environment) = edit.and_then(|edit| edit.environment.as_deref()) {
                source.environment = environment.into();
            }
            source
        });
        files.collect()
    };
    [side(false), side(true)]
}

impl Scene {
    /// Environments and apps of the rows.
    pub(crate) fn with(mut self, rows: Vec<Row>) -> Self {
        let unique = |values: Vec<&String>| -> Vec<String> {
            values.into_iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()
        };
        self.environments = unique(rows.iter().map(|row| &row.environment).collect());
        self.apps = unique(rows.iter().map(|row| &row.app).collect());
        self.changes = rows;
        self
    }

    /// `prod/api`: what an older pull request must be about to be superseded.
    ///
    /// Empty where nobody can tell.
    pub(crate) fn key(&self) -> String {
        if self.environments.is_empty() || self.apps.is_empty() {
            return String::new();
        }
        format!("{}/{}{}", self.environments.join(","), self.apps.join(","), self.kind)
    }

    /// `gitops/prod/api`, the same for the same environments and apps; none where nothing known changes.
    pub(crate) fn branch(&self) -> Option<String> {
        let is_known = !self.environments.is_empty() && !self.apps.is_empty();
        let name =
            || format!("gitops/{}/{}{}", part(&self.environments), part(&self.apps), self.kind);
        is_known.then(name)
    }

    /// The title, on one line.
    pub(crate) fn title(&self, template: Option<&str>) -> anyhow::Result<String> {
        let text = self.render("title", template.unwrap_or("{{ subject }}"))?;
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            let message = "cannot write the title: the template gives an empty one";
            return Err(Hinted::plain(Code::Usage, message).into());
        }
        Ok(line)
    }

    /// Our part of the body.
    pub(crate) fn body(&self, template: Option<&str>) -> anyhow::Result<String> {
        Ok(self.render("body", template.unwrap_or(BODY))?.trim().to_owned())
    }

    fn render(&self, what: &str, template: &str) -> anyhow::Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("code", code);
        let text = environment.render_str(template, minijinja::value::Serde(self));
        text.map_err(|error| {
            let message = format!("cannot write the {what}: {error:#}");
            let hint = "a template knows changes (environment, app, before, after, compare_url), \
                        environments, apps, source (repository, revision, run), subject, diff, notes, base \
                        and head, and the filter `code`";
            Hinted::new(Code::Usage, message, hint).into()
        })
    }
}

/// A code span that nothing in the text can end; none for no text.
#[expect(clippy::needless_pass_by_value, reason = "a filter of minijinja takes it so")]
fn code(text: String) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() || c == '`' { ' ' } else { c }).collect();
    if text.trim().is_empty() {
        "–".to_owned()
    } else {
        format!("`{}`", text.replace('|', "\\|"))
    }
}

/// Names as one part of a branch's name.
fn part(names: &[String]) -> String {
    const LONGEST: usize = 60;
    let safe = |name: &String| -> String {
        let name = name.trim_end_matches(".yaml").trim_end_matches(".yml");
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let text: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        text.replace("..", "-").trim_matches(['.', '-']).trim_end_matches(".lock").to_owned()
    };
    let joined = names.iter().map(safe).collect::<Vec<_>>().join("+");
    // Two names that look the same after this must not share a branch.
    if joined.len() <= LONGEST
        && joined == names.join("+")
        && !names.iter().any(|n| n.contains('+'))
    {
        return joined;
    }
    let digest = Sha256::digest(names.join("\n").as_bytes());
    let short = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let start = joined.get(..LONGEST - 9).unwrap_or(&joined).trim_end_matches(['.', '-']);
    if start.is_empty() { format!("{short:08x}") } else { format!("{start}-{short:08x}") }
}

/// What of a limit is left for the difference.
pub(crate) fn budget(limit: usize, marks: Marks) -> usize {
    // Marks, table and sources; a body that is over nevertheless is cut by the forge's module.
    let rest = if marks == Marks::Html { 1_200 } else { 1_300 };
    limit.saturating_sub(rest).min(60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(environment: &str, app: &str, before: &str, after: &str) -> Row {
        Row {
            environment: environment.to_owned(),
            app: app.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            compare_url: None,
        }
    }

    #[test]
    fn branches_are_stable_and_valid() {
        let table = [
            (vec![row("prod", "api", "1", "2")], "gitops/prod/api"),
            (vec![row("prod", "web", "", "2"), row("prod", "api", "", "2")], "gitops/prod/api+web"),
            (
                vec![row("env/x y.yaml", "a[0].b", "", "")],
                "gitops/env-x-y-f2104556/a-0-.b-935fd8e6",
            ),
        ];
        for (rows, expected) in table {
            assert_eq!(Scene::default().with(rows).branch().as_deref(), Some(expected));
        }
        assert_eq!(Scene::default().branch(), None);
        let many = (0..40).map(|n| row("prod", &format!("service-{n}"), "1", "2")).collect();
        let branch = Scene::default().with(many).branch().unwrap();
        assert!(branch.len() < 80, "{branch}");
    }

    #[test]
    fn names_that_no_branch_can_have_still_get_branches_of_their_own() {
        let odd =
            ["x", "x.lock", "x.yaml", "pro d", "pro-d", "pro~d", "..", "é", "-x", "a+b", "x-"];
        let mut all = BTreeSet::new();
        for name in odd {
            let branch = Scene::default().with(vec![row(name, name, "", "")]).branch().unwrap();
            assert!(git2::Reference::is_valid_name(&format!("refs/heads/{branch}")), "{branch}");
            assert!(all.insert(branch.clone()), "{branch}");
        }
        let two = vec![row("p", "a", "", ""), row("p", "b", "", "")];
        let both = Scene::default().with(two).branch().unwrap();
        assert_ne!(both, Scene::default().with(vec![row("p", "a+b", "", "")]).branch().unwrap());
    }

    #[test]
    fn the_body_shows_what_goes_where_and_nothing_breaks_the_table() {
        let mut changed = row("prod", "api", "v1", "v|2`<b>");
        changed.compare_url = Some("https://h/compare/a...b".to_owned());
        let source = Origin {
            repository: Some("https://h/o/r".to_owned()),
            revision: Some("abc".to_owned()),
            ..Origin::default()
        };
        let scene = Scene { source, diff: "the diff".to_owned(), ..Scene::default() };
        let body = scene.with(vec![changed]).body(None).unwrap();
        assert_eq!(
            body,
            "| environment | app | from | to |\n| --- | --- | --- | --- |\n\
             | prod | `api` | `v1` | `v\\|2 <b>` ([changes](https://h/compare/a...b)) |\n\n\
             Source: https://h/o/r@abc\n\nthe diff"
        );
    }

    #[test]
    fn templates_are_the_users_and_their_errors_help() {
        let scene = Scene { subject: "feat: x\n".to_owned(), ..Scene::default() };
        assert_eq!(scene.title(None).unwrap(), "feat: x");
        assert_eq!(scene.title(Some("to {{ base }}\n now")).unwrap(), "to now");
        let error = scene.title(Some("{{ nope }}")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the title: undefined"), "{error}");
        assert!(scene.title(Some(" ")).is_err());
    }

    #[test]
    fn links_only_what_is_known() {
        let origin = Origin {
            repository: Some("https://github.com/o/api".to_owned()),
            revision: Some("b".repeat(40)),
            ..Origin::default()
        };
        let config = Config::default();
        let url = |before: &str, lone: bool| {
            compare_url(&config, &origin, "ghcr.io/o/api", lone, before, "v2")
        };
        assert_eq!(url("v1", true), None);
        let expected = format!("https://github.com/o/api/compare/1234567...{}", "b".repeat(40));
        assert_eq!(url("sha-1234567", true), Some(expected));
        assert_eq!(url("sha-1234567", false), None);
        let text = "apps:\n  api: {image: ghcr.io/o/api, source: https://gitlab.com/g/api}\n";
        let config = Config::parse("gitops.yaml", text.as_bytes().to_vec()).unwrap();
        let url = compare_url(&config, &origin, "ghcr.io/o/api", true, "v1.0.0", "v1.1.0");
        let expected = "https://gitlab.com/g/api/-/compare/v1.0.0...v1.1.0";
        assert_eq!(url.as_deref(), Some(expected));
    }
}
