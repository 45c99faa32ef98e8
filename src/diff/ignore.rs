//! Differences that do not count, and why: the rules of `ignore:` and those that come with the program.

use std::sync::Arc;

use globset::{Glob, GlobMatcher};

use super::compare::Change;
use super::path::{FieldPath, Pattern};
use crate::manifest::Object;

/// Which built-in rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// None.
    Off,
    /// What tools write anew each time without meaning: the bookkeeping of SOPS.
    #[default]
    Git,
    /// Also what the cluster itself writes.
    Live,
}

/// A rule: which fields of which objects do not count.
#[derive(Clone, Debug)]
pub struct IgnoreRule {
    group: Option<GlobMatcher>,
    kind: Option<GlobMatcher>,
    namespace: Option<GlobMatcher>,
    name: Option<GlobMatcher>,
    file: Option<GlobMatcher>,
    fields: Vec<Pattern>,
    /// Why.
    pub reason: String,
}

/// The words of a rule, as the configuration has them. Names may hold `*`.
#[derive(Clone, Debug, Default)]
pub struct RuleText<'t> {
    /// The API group.
    pub group: Option<&'t str>,
    /// The kind.
    pub kind: Option<&'t str>,
    /// The namespace.
    pub namespace: Option<&'t str>,
    /// The name.
    pub name: Option<&'t str>,
    /// The file.
    pub file: Option<&'t str>,
    /// The fields; none means the whole object.
    pub fields: Vec<&'t str>,
    /// Why.
    pub reason: &'t str,
}

impl std::fmt::Display for IgnoreRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.as_ref().map_or("*", |kind| kind.glob().glob());
        let fields: Vec<String> = self.fields.iter().map(ToString::to_string).collect();
        let fields = if fields.is_empty() { "the object".to_owned() } else { fields.join(", ") };
        write!(f, "{kind}: {fields}")?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

impl IgnoreRule {
    /// Reads a rule; the error says what is wrong with it.
    pub fn new(text: &RuleText<'_>) -> Result<Self, String> {
        let glob = |text: Option<&str>| -> Result<Option<GlobMatcher>, String> {
            let compile = |text| Glob::new(text).map_err(|error| error.to_string());
            Ok(text.map(compile).transpose()?.map(|glob| glob.compile_matcher()))
        };
        let field = |text: &&str| {
            Pattern::parse(text).map_err(|cause| format!("cannot read the field `{text}`: {cause}"))
        };
        Ok(Self {
            group: glob(text.group)?,
            kind: glob(text.kind)?,
            namespace: glob(text.namespace)?,
            name: glob(text.name)?,
            file: glob(text.file)?,
            fields: text.fields.iter().map(field).collect::<Result<_, _>>()?,
            reason: text.reason.to_owned(),
        })
    }

    fn concerns(&self, object: &Object) -> bool {
        let fits = |matcher: &Option<GlobMatcher>, text: &str| {
            matcher.as_ref().is_none_or(|matcher| matcher.is_match(text))
        };
        let identity = object.identity.as_ref();
        let named = identity.is_some()
            || (self.group.is_none()
                && self.kind.is_none()
                && self.name.is_none()
                && self.namespace.is_none());
        named
            && fits(&self.file, &object.path)
            && identity.is_none_or(|id| {
                fits(&self.group, &id.group)
                    && fits(&self.kind, &id.kind)
                    && fits(&self.namespace, &id.namespace)
                    && fits(&self.name, &id.name)
            })
    }

    /// Whether the rule covers the whole object.
    #[must_use]
    pub fn covers_object(&self, object: &Object) -> bool {
        self.fields.is_empty() && self.concerns(object)
    }

    fn covers(&self, object: &Object, path: &FieldPath) -> bool {
        let field = self.fields.is_empty() || self.fields.iter().any(|field| field.covers(path));
        field && self.concerns(object)
    }
}

/// A difference that does not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignored {
    /// The object.
    pub object: String,
    /// The file.
    pub file: Arc<str>,
    /// The field; `None` for the whole object.
    pub path: Option<FieldPath>,
    /// The rule's place in the list.
    pub rule: usize,
}

/// The rules of a profile, those of the configuration behind them.
#[must_use]
pub fn with_profile(profile: Profile, configured: Vec<IgnoreRule>) -> Vec<IgnoreRule> {
    let git = PROFILE_GIT.iter().filter(|_| profile != Profile::Off);
    let live = PROFILE_LIVE.iter().filter(|_| profile == Profile::Live);
    let built_in = git.chain(live).filter_map(|(kind, fields, reason)| {
        let fields = fields.to_vec();
        // The tables are constants, and a test reads every row.
        IgnoreRule::new(&RuleText {
            kind: Some(*kind).filter(|k| !k.is_empty()),
            fields,
            reason,
            ..RuleText::default()
        })
        .ok()
    });
    built_in.chain(configured).collect()
}

/// Splits changes into those that count and those that a rule covers.
#[must_use]
pub fn apply(
    rules: &[IgnoreRule],
    object: &Object,
    changes: Vec<Change>,
    ignored: &mut Vec<Ignored>,
) -> Vec<Change> {
    let concerned: Vec<(usize, &IgnoreRule)> =
        rules.iter().enumerate().filter(|(_, rule)| rule.concerns(object)).collect();
    if concerned.is_empty() {
        return changes;
    }
    let mut kept = Vec::new();
    for change in changes {
        match concerned.iter().find(|(_, rule)| rule.covers(object, &change.path)) {
            Some((rule, _)) => ignored.push(Ignored {
                object: object.title(),
                file: Arc::clone(&object.path),
                path: Some(change.path),
                rule: *rule,
            }),
            None => kept.push(change),
        }
    }
    kept
}

type Row = (&'static str, &'static [&'static str], &'static str);

const PROFILE_GIT: &[Row] =
    &[("", &["sops.mac", "sops.lastmodified", "sops.version"], "bookkeeping of SOPS")];

const PROFILE_LIVE: &[Row] = &[
    (
        "*",
        &[
            "status",
            "metadata.managedFields",
            "metadata.uid",
            "metadata.resourceVersion",
            "metadata.generation",
            "metadata.creationTimestamp",
            "metadata.selfLink",
            "metadata.deletionTimestamp",
            "metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]",
            "metadata.annotations[\"deployment.kubernetes.io/revision\"]",
        ],
        "written by the cluster",
    ),
    (
        "*",
        &[
            "metadata.labels[\"kustomize.toolkit.fluxcd.io/name\"]",
            "metadata.labels[\"kustomize.toolkit.fluxcd.io/namespace\"]",
            "metadata.labels[\"argocd.argoproj.io/instance\"]",
            "metadata.annotations[\"argocd.argoproj.io/tracking-id\"]",
            "metadata.labels[\"helm.toolkit.fluxcd.io/name\"]",
            "metadata.labels[\"helm.toolkit.fluxcd.io/namespace\"]",
            "metadata.annotations[\"meta.helm.sh/release-name\"]",
            "metadata.annotations[\"meta.helm.sh/release-namespace\"]",
        ],
        "written by the deployer",
    ),
    (
        "Service",
        &[
            "spec.clusterIP",
            "spec.clusterIPs",
            "spec.healthCheckNodePort",
            "spec.ports[*].nodePort",
            "spec.ipFamilies",
            "spec.ipFamilyPolicy",
        ],
        "chosen by the cluster",
    ),
    (
        "PersistentVolumeClaim",
        &["spec.volumeName", "spec.storageClassName"],
        "chosen by the binder",
    ),
    ("PersistentVolume", &["spec.claimRef"], "chosen by the binder"),
    ("*WebhookConfiguration", &["webhooks[*].clientConfig.caBundle"], "injected"),
    ("CustomResourceDefinition", &["spec.conversion.webhook.clientConfig.caBundle"], "injected"),
    ("APIService", &["spec.caBundle"], "injected"),
    ("Pod", &["spec.nodeName"], "chosen by the scheduler"),
    ("ServiceAccount", &["secrets"], "created by the cluster"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_reads() {
        let rules = with_profile(Profile::Live, Vec::new());
        assert_eq!(rules.len(), PROFILE_GIT.len() + PROFILE_LIVE.len());
        assert_eq!(with_profile(Profile::Git, Vec::new()).len(), PROFILE_GIT.len());
        assert!(with_profile(Profile::Off, Vec::new()).is_empty());
    }

    #[test]
    fn a_bad_rule_says_why() {
        let text = RuleText { fields: vec!["a..b"], ..RuleText::default() };
        assert!(IgnoreRule::new(&text).unwrap_err().contains("a key is empty"));
    }
}
