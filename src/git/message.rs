//! The commit message: a template, and trailers that say where the change comes from.

use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::error::{Code, Hinted};

/// As the seed's CI job wrote it: what changed where, then each value's old and new.
const DEFAULT: &str = "\
feat({{ scope }}): update {{ summary }}

{% for change in changes -%}
{{ change.name }}{% if environments|length > 1 %} in {{ change.environment }}{% endif %}: \
{{ change.before or '(none)' }} -> {{ change.after }}
{% endfor %}";

/// More than these are counted in the subject, not named.
const NAMED: usize = 3;

/// One value, for the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The image or key.
    pub name: String,
    /// The environment.
    pub environment: Option<String>,
    /// The file.
    pub file: String,
    /// The key path.
    pub key: String,
    /// The value before.
    pub before: Option<String>,
    /// The value after.
    pub after: String,
}

/// Where a change comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The URL of the source's repository.
    pub repository: Option<String>,
    /// Its commit.
    pub revision: Option<String>,
    /// The page of the CI's run.
    pub run: Option<String>,
    /// The commit's author, `Name <address>`, where the commit is at hand.
    pub author: Option<String>,
    /// Its date in ISO 8601.
    pub date: Option<String>,
    /// The first line of its message.
    pub subject: Option<String>,
}

/// What a template sees.
#[derive(Clone, Debug, Serialize)]
pub struct Message<'a> {
    /// The values, in order.
    pub changes: &'a [Change],
    /// Where they come from.
    pub source: &'a Origin,
}

#[derive(Serialize)]
struct Scene<'a> {
    /// The environments, or the files where there are none, joined by commas.
    scope: String,
    /// What is updated to what.
    summary: String,
    environments: Vec<&'a str>,
    files: Vec<&'a str>,
    changes: &'a [Change],
    source: &'a Origin,
}

impl Message<'_> {
    /// The whole message, by the user's template or the default one.
    pub fn render(&self, template: Option<&str>) -> anyhow::Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let text = environment
            .render_str(template.unwrap_or(DEFAULT), minijinja::value::Serde(self.scene()));
        let text = text.map_err(|error| {
            let message = format!("cannot write the commit message: {error:#}");
            let hint = "a template knows scope, summary, environments, files, changes (name, environment, \
                        file, key, before, after) and source (repository, revision, run, author, subject)";
            Hinted::new(Code::Usage, message, hint)
        })?;
        let text = text.trim().to_owned();
        if text.is_empty() {
            let message = "cannot write the commit message: the template gives an empty one";
            return Err(Hinted::plain(Code::Usage, message).into());
        }
        let trailers = self.source.trailers();
        let missing: Vec<&String> = trailers.iter().filter(|line| !text.contains(*line)).collect();
        if missing.is_empty() {
            return Ok(text);
        }
        let gap = if ends_in_trailers(&text) { "\n" } else { "\n\n" };
        let lines: Vec<&str> = missing.into_iter().map(String::as_str).collect();
        Ok(format!("{text}{gap}{}", lines.join("\n")))
    }

    fn scene(&self) -> Scene<'_> {
        let unique = |values: &mut dyn Iterator<Item = &'_ str>| -> Vec<String> {
            let mut seen = BTreeSet::new();
            values.filter(|value| seen.insert(value.to_owned())).map(str::to_owned).collect()
        };
        let environments: Vec<&str> =
            in_order(self.changes.iter().filter_map(|c| c.environment.as_deref()));
        let files: Vec<&str> = in_order(self.changes.iter().map(|c| c.file.as_str()));
        let scope = if environments.is_empty() { files.join(",") } else { environments.join(",") };
        let updates: Vec<String> = self
            .changes
            .iter()
            .map(|change| format!("{} to {}", change.name, change.after))
            .collect();
        let updates = unique(&mut updates.iter().map(String::as_str));
        let summary = match updates.len() {
            0..=NAMED => updates.join(", "),
            count => format!("{count} values"),
        };
        Scene { scope, summary, environments, files, changes: self.changes, source: self.source }
    }
}

fn in_order<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}

/// A message with further lines in its last paragraph, each once.
#[must_use]
pub fn with_trailers<'a>(message: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = message.trim_end().to_owned();
    for line in lines {
        let is_there = text.lines().any(|known| known == line);
        if !is_there {
            let gap = if ends_in_trailers(&text) { "\n" } else { "\n\n" };
            text.push_str(gap);
            text.push_str(line);
        }
    }
    text
}

/// Whether the last paragraph consists of `Key: value` lines, perhaps folded, and is not the subject. Lines
/// of changes (`Name: old -> new`) are none.
fn ends_in_trailers(text: &str) -> bool {
    let Some((_, last)) = text.rsplit_once("\n\n") else { return false };
    let is_trailer = |line: &str| {
        line.split_once(": ").is_some_and(|(key, value)| {
            key.starts_with(|c: char| c.is_ascii_uppercase())
                && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !value.contains(" -> ")
        })
    };
    let is_folded = |line: &str| line.starts_with([' ', '\t']);
    last.lines().next().is_some_and(is_trailer)
        && last.lines().all(|line| is_trailer(line) || is_folded(line))
}

impl Origin {
    /// The source, a repository and a revision, where all of what changes has the same; and the run.
    pub fn of_all<'a>(
        sources: impl Iterator<Item = Option<&'a (String, String)>>,
        run: Option<String>,
    ) -> Self {
        let mut all: Vec<_> = sources.collect();
        all.dedup();
        let source = if let [source] = all[..] { source.cloned() } else { None };
        let (repository, revision) = source.unzip();
        Self { repository, revision, run, ..Self::default() }
    }

    fn trailers(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut add = |key: &str, value: Option<&String>| {
            // One line each: a trailer must not bring another.
            lines.extend(value.map(|value| format!("{key}: {}", value.replace(['\n', '\r'], " "))));
        };
        let source = self.repository.as_ref().zip(self.revision.as_ref());
        add("Gitops-Source", source.map(|(url, revision)| format!("{url}@{revision}")).as_ref());
        add("Gitops-Run", self.run.as_ref());
        if self.revision.is_some() {
            add("Argocd-reference-commit-author", self.author.as_ref());
            add("Argocd-reference-commit-date", self.date.as_ref());
            add("Argocd-reference-commit-sha", self.revision.as_ref());
            add("Argocd-reference-commit-subject", self.subject.as_ref());
            add("Argocd-reference-commit-repourl", self.repository.as_ref());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, environment: Option<&str>, before: &str, after: &str) -> Change {
        Change {
            name: name.to_owned(),
            environment: environment.map(str::to_owned),
            file: "env/x.yaml".to_owned(),
            key: "image.tag".to_owned(),
            before: Some(before.to_owned()),
            after: after.to_owned(),
        }
    }

    fn render(changes: &[Change], source: &Origin, template: Option<&str>) -> String {
        Message { changes, source }.render(template).unwrap()
    }

    #[test]
    fn the_default_names_what_changed_and_where_it_comes_from() {
        let source = Origin {
            repository: Some("https://h/acme/api".to_owned()),
            revision: Some("abc".to_owned()),
            run: Some("https://h/run/1".to_owned()),
            ..Origin::default()
        };
        let changes = [change("api", Some("staging"), "v1.2.2", "v1.2.3")];
        assert_eq!(
            render(&changes, &source, None),
            "feat(staging): update api to v1.2.3\n\napi: v1.2.2 -> v1.2.3\n\n\
             Gitops-Source: https://h/acme/api@abc\nGitops-Run: https://h/run/1\n\
             Argocd-reference-commit-sha: abc\n\
             Argocd-reference-commit-repourl: https://h/acme/api"
        );
    }

    #[test]
    fn several_are_joined_and_many_counted() {
        let two = [
            change("api", Some("staging"), "1", "2"),
            change("api", Some("production"), "1", "2"),
            change("web", Some("production"), "7", "8"),
        ];
        let text = render(&two, &Origin::default(), None);
        assert!(
            text.starts_with("feat(staging,production): update api to 2, web to 8\n"),
            "{text}"
        );
        let many: Vec<Change> =
            (0..5).map(|n| change(&format!("app{n}"), None, "1", "2")).collect();
        let text = render(&many, &Origin::default(), None);
        assert!(text.starts_with("feat(env/x.yaml): update 5 values\n"), "{text}");
    }

    #[test]
    fn a_template_is_the_users_and_keeps_the_trailers_in_one_paragraph() {
        let source = Origin { run: Some("https://h/run/1".to_owned()), ..Origin::default() };
        let changes = [change("api", Some("staging"), "1", "2")];
        let template = "deploy {{ changes[0].name }}\n\nReviewed-by: Ada <a@x>\n";
        assert_eq!(
            render(&changes, &source, Some(template)),
            "deploy api\n\nReviewed-by: Ada <a@x>\nGitops-Run: https://h/run/1"
        );
        for trailers in ["Fixes: #12", "Fixes: #12\n  and more\nReviewed-by: Ada <a@x>"] {
            let template = format!("deploy\n\n{trailers}");
            let text = render(&changes, &source, Some(&template));
            assert_eq!(text, format!("deploy\n\n{trailers}\nGitops-Run: https://h/run/1"));
        }
        for prose in ["Api: 1 -> 2", "As said: no", "  Fixes: #12"] {
            let text = render(&changes, &source, Some(&format!("deploy\n\n{prose}")));
            assert!(text.ends_with("\n\nGitops-Run: https://h/run/1"), "{text}");
        }
        let error = Message { changes: &changes, source: &source }.render(Some("{{ nope }}"));
        assert!(error.unwrap_err().to_string().contains("undefined"));
    }
}
