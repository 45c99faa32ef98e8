//! Rolling the pods of an app whose Secret or `ConfigMap` changed: one token of the pod template becomes
//! another, and the controller does the rest.
//!
//! Two conventions are known: a counter, `RESTART_ME … [COUNTER:7]`, which any value may carry, and an
//! annotation that holds a time, as `kubectl rollout restart` writes it.

use super::images::{Images, search};
use super::{Draft, Edit, Plan, Rules, Source, guard_shared, read};
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::snapshot::Snapshot;
use crate::target::Query;
use crate::yaml::{Added, Address, Change, NodeRef, Operation};

const WORD: &str = "RESTART_ME";
const COUNTER: &str = "[COUNTER:";
const ANNOTATION: &str = "kubectl.kubernetes.io/restartedAt";

/// Where the token is, or is to be.
enum Token {
    /// A value that becomes another.
    Value { after: String },
    /// The annotation is new.
    New,
    /// The annotation is new, and so is the map that holds it.
    NewMap,
}

struct Candidate<'s> {
    source: &'s Source,
    document: usize,
    node: NodeRef<'s>,
    token: Token,
}

/// Plans the restart of an app in a scope; `now` is the time for an annotation.
pub fn plan_restart(
    snapshot: &dyn Snapshot,
    config: &Config,
    app: &str,
    scope: &Images,
    now: &str,
    rules: &Rules,
) -> anyhow::Result<Plan> {
    let searched = search(snapshot, scope, None)?;
    let query = Query { image: app, configured: config.image_of(app) };
    let homes: Vec<(String, usize)> = searched
        .located
        .iter()
        .filter(|located| query.matches(&located.site).is_some())
        .map(|located| (located.source.path.clone(), located.site.document))
        .collect();
    let mut sources = Vec::new();
    for (path, bytes) in read(snapshot, &scope.files)? {
        // A template of a renderer has no token that one could edit.
        sources.extend(Source::read(&path, bytes));
    }
    let place = Owner { app, homes: &homes };
    let counters = candidates(&sources, &place, |node| counted(node));
    let mut found = if counters.is_empty() {
        let stamp =
            |node: NodeRef<'_>| is_stamp(node).then(|| Token::Value { after: now.to_owned() });
        candidates(&sources, &place, stamp)
    } else {
        counters
    };
    if found.is_empty() {
        found = candidates(&sources, &place, |node| {
            let token = is_bare_template(node).then_some(Token::NewMap);
            is_template_annotations(node).then_some(Token::New).or(token)
        });
    }
    if found.is_empty() {
        return Err(nothing(app, scope, &homes).into());
    }
    if found.len() > 1 && !rules.all {
        return Err(ambiguous(app, &found).into());
    }
    let mut draft = Draft::default();
    for candidate in found {
        add(&mut draft, scope, app, now, &candidate, rules)?;
    }
    draft.finish()
}

/// What belongs to an app.
struct Owner<'a> {
    app: &'a str,
    /// Documents with an image of the app.
    homes: &'a [(String, usize)],
}

impl Owner<'_> {
    /// Whether a node lies below the app's key, or in a document that is about the app and has no keys of
    /// several apps.
    fn owns(&self, source: &Source, document: usize, node: NodeRef<'_>) -> bool {
        let mut at = Some(node);
        while let Some(node) = at {
            if node.key().and_then(NodeRef::scalar) == Some(self.app) {
                return true;
            }
            at = node.parent();
        }
        let is_home = self.homes.iter().any(|(path, at)| *path == source.path && *at == document);
        is_home && is_object(source, document)
    }
}

/// Whether a document is a Kubernetes object, or the values of one app.
fn is_object(source: &Source, document: usize) -> bool {
    source
        .stream
        .root(document)
        .is_some_and(|root| root.get("kind").is_some() || root.get("image").is_some())
}

fn candidates<'s>(
    sources: &'s [Source],
    owner: &Owner<'_>,
    token: impl Fn(NodeRef<'s>) -> Option<Token>,
) -> Vec<Candidate<'s>> {
    let mut found = Vec::new();
    for source in sources {
        for document in 0..source.stream.documents() {
            for node in source.stream.nodes_of(document).filter(|node| !node.is_key()) {
                let Some(token) = token(node) else { continue };
                if owner.owns(source, document, node) {
                    found.push(Candidate { source, document, node, token });
                }
            }
        }
    }
    found
}

/// `RESTART_ME … [COUNTER:7]`, where the word may also be the value's key or the name beside it.
fn counted(node: NodeRef<'_>) -> Option<Token> {
    let text = node.scalar()?;
    let start = text.find(COUNTER)? + COUNTER.len();
    let end = start + text[start..].find(']')?;
    let count: u64 = text[start..end].trim().parse().ok()?;
    let key = node.key().and_then(NodeRef::scalar);
    let name = node.parent().and_then(|parent| parent.get_text("name"));
    if ![Some(text), key, name].into_iter().flatten().any(|said| said.contains(WORD)) {
        return None;
    }
    let next = count.checked_add(1)?;
    Some(Token::Value { after: format!("{}{next}{}", &text[..start], &text[end..]) })
}

/// A value whose key says that it is the time of a restart, and that a pod template has: the annotations of
/// the object around it roll nothing.
fn is_stamp(node: NodeRef<'_>) -> bool {
    let key = key_of(node).unwrap_or_default();
    let name = key.rsplit('/').next().unwrap_or(key);
    if node.scalar().is_none() || !["restartedAt", "restarted-at"].contains(&name) {
        return false;
    }
    let annotations = node.parent().filter(|parent| key_of(*parent) == Some("annotations"));
    let metadata =
        annotations.and_then(NodeRef::parent).filter(|parent| key_of(*parent) == Some("metadata"));
    metadata.is_none_or(|metadata| {
        metadata.parent().is_some_and(|above| key_of(above) == Some("template"))
    })
}

/// The annotations of a pod template: in a workload, or as charts have them in their values.
fn is_template_annotations(node: NodeRef<'_>) -> bool {
    if !node.is_mapping() && !node.is_missing() {
        return false;
    }
    match key_of(node) {
        Some("podAnnotations") => true,
        Some("annotations") => {
            let metadata = node.parent();
            let template = metadata.and_then(NodeRef::parent);
            metadata.and_then(key_of) == Some("metadata")
                && template.and_then(key_of) == Some("template")
        }
        _ => false,
    }
}

/// The metadata of a pod template that has no annotations.
fn is_bare_template(node: NodeRef<'_>) -> bool {
    let template = node.parent();
    let has_containers = || {
        let spec = template.and_then(|template| template.get("spec"));
        spec.is_some_and(|spec| spec.get("containers").is_some())
    };
    key_of(node) == Some("metadata")
        && node.is_mapping()
        && node.get("annotations").is_none()
        && template.and_then(key_of) == Some("template")
        && has_containers()
}

fn key_of(node: NodeRef<'_>) -> Option<&str> {
    node.key().and_then(NodeRef::scalar)
}

fn add(
    draft: &mut Draft,
    scope: &Images,
    app: &str,
    now: &str,
    candidate: &Candidate<'_>,
    rules: &Rules,
) -> anyhow::Result<()> {
    let Candidate { source, document, node, token } = candidate;
    guard_shared(*node, rules)
        .map_err(|error| error.context(format!("cannot edit `{}`", source.path)))?;
    let path = node.path().to_string();
    let (key, before, after, operation) = match token {
        Token::Value { after } => {
            let before = node.text().map(str::to_owned);
            (path, before, after.clone(), Operation::Set(after.clone()))
        }
        Token::New => {
            let value = Added::Text(now.to_owned());
            let full = format!("{path}[\"{ANNOTATION}\"]");
            let operation = Operation::Append { key: ANNOTATION.to_owned(), value };
            (full, None, now.to_owned(), operation)
        }
        Token::NewMap => {
            let value = Added::Entry(ANNOTATION.to_owned(), now.to_owned());
            let full = format!("{path}.annotations[\"{ANNOTATION}\"]");
            let operation = Operation::Append { key: "annotations".to_owned(), value };
            (full, None, now.to_owned(), operation)
        }
    };
    let edit = Edit {
        environment: scope.environment.clone(),
        image: Some(app.to_owned()),
        target: None,
        file: source.path.clone(),
        document: *document,
        key,
        line: node.line(),
        before,
        after,
        replaced: 0,
    };
    let at = Address { node: node.id(), inner: None };
    draft.add(source, Change { at, operation }, edit);
    Ok(())
}

fn nothing(app: &str, scope: &Images, homes: &[(String, usize)]) -> Hinted {
    let place = scope.environment.as_deref().unwrap_or("the file");
    if homes.is_empty() {
        let message = format!("cannot restart `{app}`: `{place}` has no such app");
        return Hinted::new(Code::NotFound, message, "`gitops status` lists apps and environments");
    }
    let message = format!(
        "cannot restart `{app}`: its pod template in `{place}` has nothing that a restart could change"
    );
    let hint = format!(
        "give the values `podAnnotations:` if the chart knows it, or a value like `{WORD}: \"[COUNTER:0]\"` \
         that reaches the pod template"
    );
    Hinted::new(Code::NotFound, message, hint)
}

fn ambiguous(app: &str, found: &[Candidate<'_>]) -> Hinted {
    let list: Vec<String> = found
        .iter()
        .map(|c| format!("\n  {}:{}: {}", c.source.path, c.node.line(), c.node.path()))
        .collect();
    let message =
        format!("cannot choose: `{app}` restarts in {} places:{}", found.len(), list.concat());
    Hinted::new(Code::Ambiguous, message, "--all changes them all")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Entry;
    use crate::yaml::Sharing;

    struct One(&'static str);

    impl Snapshot for One {
        fn entries(&self, _: &str) -> anyhow::Result<Vec<Entry>> {
            Ok(Vec::new())
        }

        fn read(&self, paths: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
            Ok(paths.iter().map(|_| self.0.as_bytes().to_vec()).collect())
        }

        fn real_path(&self, path: &str) -> anyhow::Result<String> {
            Ok(path.to_owned())
        }
    }

    fn restart(text: &'static str, app: &str, all: bool) -> Result<String, String> {
        let scope = Images {
            environment: Some("prod".to_owned()),
            files: vec!["prod.yaml".to_owned()],
            document: None,
        };
        let rules = Rules {
            all,
            sharing: Sharing::Refuse,
            drop_digest: false,
            no_downgrade: false,
            expect: None,
            create: false,
        };
        let config = Config::default();
        let now = "2026-11-21T08:00:00Z";
        let plan = plan_restart(&One(text), &config, app, &scope, now, &rules);
        let plan = plan.map_err(|error| error.to_string())?;
        let lines = plan.edits.iter().map(|e| {
            format!("{}: {} -> {}\n", e.key, e.before.as_deref().unwrap_or("(none)"), e.after)
        });
        Ok(lines.collect())
    }

    #[test]
    fn a_counter_counts() {
        let text = "api:\n  image: {repository: r/api, tag: v1}\n  env:\n    \
                    RESTART_ME: \"bump me [COUNTER:9]\" # why\nweb:\n  \
                    image: {repository: r/web, tag: v1}\n  \
                    note: RESTART_ME by hand [COUNTER:3]\n";
        assert_eq!(
            restart(text, "api", false).unwrap(),
            "api.env.RESTART_ME: bump me [COUNTER:9] -> bump me [COUNTER:10]\n"
        );
        assert_eq!(
            restart(text, "web", false).unwrap(),
            "web.note: RESTART_ME by hand [COUNTER:3] -> RESTART_ME by hand [COUNTER:4]\n"
        );
        let message = restart(text, "db", false).unwrap_err();
        assert_eq!(message, "cannot restart `db`: `prod` has no such app");
    }

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  \
        template:\n    metadata:\n      annotations:\n        a: b\n    spec:\n      containers:\n      \
        - name: api\n        image: r/api:v1\n";

    #[test]
    fn an_annotation_is_added_or_renewed() {
        let key = "spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]";
        let expected = format!("{key}: (none) -> 2026-11-21T08:00:00Z\n");
        assert_eq!(restart(DEPLOYMENT, "api", false).unwrap(), expected);
        let values = "api:\n  image: {repository: r/api, tag: v1}\n  podAnnotations:\n    \
                      kubectl.kubernetes.io/restartedAt: \"2020-01-01T00:00:00Z\"\n";
        assert_eq!(
            restart(values, "api", false).unwrap(),
            "api.podAnnotations[\"kubectl.kubernetes.io/restartedAt\"]: 2020-01-01T00:00:00Z -> \
             2026-11-21T08:00:00Z\n"
        );
    }

    #[test]
    fn only_the_pod_template_counts() {
        let key = "spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]";
        let expected = format!("{key}: (none) -> 2026-11-21T08:00:00Z\n");
        // The object's own annotations roll nothing; a map that is not there, or empty, is made.
        let own = "metadata: {name: api, annotations: {kubectl.kubernetes.io/restartedAt: x}}";
        for (old, new) in [
            ("metadata: {name: api}", own),
            ("      annotations:\n        a: b\n", "      labels: {a: b}\n"),
            ("      annotations:\n        a: b\n", "      annotations:\n"),
        ] {
            let text = DEPLOYMENT.replace(old, new);
            assert_ne!(text, DEPLOYMENT);
            assert_eq!(restart(text.leak(), "api", false).unwrap(), expected);
        }
        let long =
            "api:\n  image: {repository: r/api, tag: v1}\n  RESTART_ME_ON_SECRETS: '[COUNTER:1]'\n";
        assert_eq!(
            restart(long, "api", false).unwrap(),
            "api.RESTART_ME_ON_SECRETS: [COUNTER:1] -> [COUNTER:2]\n"
        );
    }

    #[test]
    fn says_what_is_missing_and_what_is_too_much() {
        let bare = "api:\n  image: {repository: r/api, tag: v1}\n";
        let message = restart(bare, "api", false).unwrap_err();
        assert!(message.starts_with("cannot restart `api`: its pod template"), "{message}");
        let two = "api:\n  image: {repository: r/api, tag: v1}\n  a: RESTART_ME [COUNTER:1]\n  \
                   b: RESTART_ME [COUNTER:1]\n";
        let message = restart(two, "api", false).unwrap_err();
        assert!(message.starts_with("cannot choose: `api` restarts in 2 places:"), "{message}");
        assert_eq!(restart(two, "api", true).unwrap().lines().count(), 2);
    }
}
