//! `gitops.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::schema;
use crate::error::{Code, Hinted};
use crate::event::Target;
use crate::policy::Policy;
use crate::snapshot::Snapshot;

/// The configuration's name at the repository's root.
pub const FILE_NAME: &str = "gitops.yaml";

/// What `gitops.yaml` says; everything is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Config {
    /// By name.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// By name.
    pub apps: BTreeMap<String, App>,
    /// Where to say what happens, by name.
    pub notify: BTreeMap<String, Target>,
    policy: PolicyConfig,
    /// Differences that do not count.
    pub ignore: Vec<IgnoreConfig>,
    /// What tells the items of a list apart, by the keys that lead to it.
    #[serde(alias = "listKeys")]
    pub list_keys: BTreeMap<String, Vec<String>>,
}

/// A rule of `ignore:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct IgnoreConfig {
    /// The API group.
    pub group: Option<String>,
    /// The kind.
    pub kind: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The file.
    pub file: Option<String>,
    /// The fields; none means the whole object.
    pub fields: Vec<String>,
    /// Why.
    pub reason: String,
}

/// How an environment becomes manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RenderConfig {
    /// By what.
    pub kind: RenderKind,
    /// The directory of the kustomization or of the Helmfile.
    pub path: Option<String>,
    /// The directory of the Helm chart.
    pub chart: Option<String>,
    /// The name of the Helm release; else the environment's.
    pub release: Option<String>,
    /// The values files of the Helm release, relative to the repository.
    pub values: Vec<String>,
    /// More arguments for the renderer.
    pub args: Vec<String>,
}

/// By what an environment is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenderKind {
    /// The files are manifests already.
    #[default]
    Manifests,
    /// `kustomize build`, or `kubectl kustomize`.
    Kustomize,
    /// `helm template`.
    Helm,
    /// `helmfile template`.
    Helmfile,
}

/// One environment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct EnvironmentConfig {
    /// Patterns of its files.
    pub files: Vec<String>,
    /// Changes go through a pull request only.
    pub protected: bool,
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
    /// How it becomes manifests.
    pub render: RenderConfig,
}

/// One app.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct App {
    /// The repository of its image.
    pub image: Option<String>,
    /// The address of its source repository.
    pub source: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct PolicyConfig {
    registries: Vec<String>,
    deny_tags: Vec<String>,
}

impl Config {
    /// Reads the configuration at the root of a repository; there need not be one.
    pub fn load(snapshot: &dyn Snapshot) -> anyhow::Result<Self> {
        if !snapshot.entries("")?.iter().any(|entry| entry.name == FILE_NAME) {
            return Ok(Self::default());
        }
        let bytes = snapshot.read(&[FILE_NAME.to_owned()])?.pop().unwrap_or_default();
        Self::parse(FILE_NAME, bytes)
    }

    /// Reads a configuration; `name` is the file's, for messages.
    pub fn parse(name: &str, bytes: Vec<u8>) -> anyhow::Result<Self> {
        let refuse = |cause: String| {
            let hint = "docs/configuration.md describes every key";
            Hinted::new(Code::Config, format!("cannot use `{name}`: {cause}"), hint)
        };
        let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
        schema::check(name, &text)?;
        let config: Option<Self> =
            serde_yaml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        let config = config.unwrap_or_default();
        if let Some((name, _)) = config.environments.iter().find(|(_, e)| e.files.is_empty()) {
            return Err(refuse(format!("the environment `{name}` names no files")).into());
        }
        let patterns = config.environments.values().flat_map(|environment| &environment.files);
        let mut outside = patterns.filter(|pattern| {
            pattern.starts_with('/') || pattern.split(['/', '\\']).any(|step| step == "..")
        });
        if let Some(pattern) = outside.next() {
            return Err(refuse(format!("`{pattern}` leads outside the repository")).into());
        }
        config.policy()?;
        Ok(config)
    }

    /// The rules of `policy:`.
    pub fn policy(&self) -> anyhow::Result<Policy> {
        Policy::new(&self.policy.registries, &self.policy.deny_tags)
    }

    /// The repository of an app's image.
    #[must_use]
    pub fn image_of(&self, app: &str) -> Option<&str> {
        self.apps.get(app)?.image.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("gitops.yaml", text.as_bytes().to_vec()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn reads_every_section() {
        let config = parse(
            "environments:\n  staging: { files: [environments/staging.yaml] }\n  production:\n    \
             files: [environments/production/**]\n    protected: true\napps:\n  api: { image: \
             ghcr.io/acme/api, source: https://example.com/api }\npolicy:\n  registries: \
             [ghcr.io/acme/*]\n  deny-tags: [latest]\n",
        )
        .unwrap();
        assert!(config.environments["production"].protected);
        assert_eq!(config.image_of("api"), Some("ghcr.io/acme/api"));
        assert!(parse("").is_ok() && parse("# nothing yet\n").is_ok());
    }

    #[test]
    fn names_line_and_nearest_key() {
        let cases = [
            ("enviroments: {}\n", "gitops.yaml:1: unknown key `enviroments`"),
            ("apps:\n  api:\n    imgae: x\n", "gitops.yaml:3: unknown key `imgae` in `apps.api`"),
            ("environments:\n  s: {files: [a], protectd: true}\n", "gitops.yaml:2: unknown key"),
            ("policy:\n  deny-tags: latest\n", "gitops.yaml:2: `policy.deny-tags` must be a list"),
            ("environments: [a]\n", "gitops.yaml:1: `environments` must be a mapping"),
            ("environments:\n  s: {}\n", "names no files"),
            ("environments:\n  s: {files: [a], protected: maybe}\n", "invalid type"),
            ("environments:\n  s: {files: [/etc/**]}\n", "leads outside the repository"),
            ("environments:\n  s: {files: [a/../../b]}\n", "leads outside the repository"),
            ("a: b: c\n", "line 1: not valid YAML"),
            ("apps: {}\napps: {}\n", "gitops.yaml:2: the key `apps` stands twice"),
        ];
        for (text, cause) in cases {
            let said = parse(text).unwrap_err();
            assert!(said.contains(cause), "{text:?}: {said}");
        }
        let error = Config::parse("g", b"enviroments: {}".to_vec()).unwrap_err();
        let hint = error.downcast_ref::<Hinted>().and_then(Hinted::hint).unwrap().to_owned();
        assert_eq!(hint, "did you mean `environments`?");
    }
}
