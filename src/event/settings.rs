//! `notify:` in `gitops.yaml`: where to say what. No secret is in it: it names the variables and files
//! that hold them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::Kind;

/// A channel, as `gitops.yaml` describes it. Which keys a kind of channel takes is its own affair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// Which service it is; not needed where the URL's host tells.
    pub kind: Option<String>,
    /// The address, where it is no secret.
    pub url: Option<String>,
    /// The variable that holds the address.
    pub url_env: Option<String>,
    /// The file that holds the address.
    pub url_file: Option<PathBuf>,
    /// The variable that holds the token or password.
    pub token_env: Option<String>,
    /// The file that holds the token or password.
    pub token_file: Option<PathBuf>,
    /// The variable that holds the key requests are signed with.
    pub secret_env: Option<String>,
    /// The file that holds the key requests are signed with.
    pub secret_file: Option<PathBuf>,
    /// What is said there; everything where it is missing.
    pub events: Option<Vec<Kind>>,
    /// Of which environments; of all where it is missing. `*` and `?` are wild.
    pub environments: Option<Vec<String>>,
    /// The channel, room or chat.
    pub channel: Option<String>,
    /// The topic or thread inside it.
    pub topic: Option<String>,
    /// Whether a confirmation answers its announcement.
    pub thread: Option<bool>,
    /// Whether a confirmation replaces its announcement.
    pub edit: Option<bool>,
    /// The name to post under.
    pub username: Option<String>,
    /// The words, instead of ours.
    pub template: Option<String>,
    /// What a webhook is sent.
    pub format: Option<Format>,
    /// How a webhook is signed.
    pub signature: Option<Signature>,
    /// Which forge it is, where its host does not tell.
    pub forge: Option<String>,
    /// Whose mail it is.
    pub from: Option<String>,
    /// Who gets the mail.
    pub to: Option<Vec<String>>,
    /// Further tags of an annotation.
    pub tags: Option<Vec<String>>,
    /// The dashboard an annotation belongs to.
    pub dashboard: Option<String>,
    /// Whether unencrypted HTTP is good enough.
    pub allow_http: Option<bool>,
}

/// The channels of `gitops.yaml` by name.
pub type Named = BTreeMap<String, Target>;

/// What a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The event as our JSON.
    #[default]
    Json,
    /// The event in a `CloudEvents` envelope.
    Cloudevents,
    /// `CDEvents` in a `CloudEvents` envelope, one for each app.
    Cdevents,
}

/// How a webhook is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// `X-Signature: sha256=…`, as Flux checks it.
    #[default]
    Generic,
    /// `X-Hub-Signature-256: sha256=…`, as receivers of GitHub's webhooks check it.
    Github,
    /// Standard Webhooks: with an id and a time, against replay.
    StandardWebhooks,
}

impl Target {
    /// Whether an event belongs there.
    #[must_use]
    pub fn wants(&self, kind: Kind, environment: Option<&str>) -> bool {
        let kinds = self.events.as_ref();
        let names = self.environments.as_ref();
        kinds.is_none_or(|kinds| kinds.contains(&kind))
            && names.is_none_or(|names| match environment {
                Some(environment) => names.iter().any(|name| fits(name, environment)),
                // What belongs to no environment was excluded by nobody.
                None => true,
            })
    }

    /// The keys that are set, by name; without the ones that every kind takes.
    #[must_use]
    pub fn particulars(&self) -> Vec<&'static str> {
        let table = [
            ("url", self.url.is_some()),
            ("url_env", self.url_env.is_some()),
            ("url_file", self.url_file.is_some()),
            ("token_env", self.token_env.is_some()),
            ("token_file", self.token_file.is_some()),
            ("secret_env", self.secret_env.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("channel", self.channel.is_some()),
            ("topic", self.topic.is_some()),
            ("thread", self.thread.is_some()),
            ("edit", self.edit.is_some()),
            ("username", self.username.is_some()),
            ("template", self.template.is_some()),
            ("format", self.format.is_some()),
            ("signature", self.signature.is_some()),
            ("forge", self.forge.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("tags", self.tags.is_some()),
            ("dashboard", self.dashboard.is_some()),
            ("allow_http", self.allow_http.is_some()),
        ];
        table.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
    }
}

/// Whether a name fits a pattern of `*` and `?`; a pattern that is none fits itself alone.
fn fits(pattern: &str, name: &str) -> bool {
    match globset::Glob::new(pattern) {
        Ok(glob) => glob.compile_matcher().is_match(name),
        Err(_) => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(yaml: &str) -> Target {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn wants_what_it_lists() {
        let all = target("url_env: X");
        assert!(all.wants(Kind::Drift, Some("prod")) && all.wants(Kind::Pushed, None));
        let some = target("events: [deployed, rolled-back]\nenvironments: [prod, 'eu-*']");
        assert!(some.wants(Kind::RolledBack, Some("prod")));
        assert!(some.wants(Kind::Deployed, Some("eu-1")));
        assert!(!some.wants(Kind::Deploying, Some("prod")));
        assert!(!some.wants(Kind::Deployed, Some("staging")));
    }

    #[test]
    fn a_mistyped_key_is_an_error() {
        let error = serde_yaml::from_str::<Target>("url-env: X").unwrap_err().to_string();
        assert!(error.contains("unknown field `url-env`"), "{error}");
        assert!(serde_yaml::from_str::<Target>("events: [deploy]").is_err());
    }

    #[test]
    fn lists_the_keys_that_are_set() {
        assert_eq!(target("url_env: X\nthread: false").particulars(), ["url_env", "thread"]);
    }
}
