//! Layouts that need no configuration: `environments/ENV.yaml`, `overlays/ENV/…`, `values-ENV.yaml`,
//! `ENV/values.yaml`, and the environments of a Helmfile.

use std::collections::BTreeMap;

use super::{Environment, is_yaml, join};
use crate::snapshot::{Entry, Kind, Snapshot};
use crate::yaml::{NodeRef, Stream};

/// Directories whose children are environments.
const PARENTS: &[&str] = &["environments", "envs", "env", "overlays", "clusters", "deploy"];
/// Children of such directories that are parts of others.
const SHARED: &[&str] =
    &["base", "bases", "common", "components", "shared", "templates", "charts", "crds"];
/// Directories that hold no environments at any depth.
const SKIPPED: &[&str] = &["node_modules", "vendor", "target", "templates", "dist"];
const MAX_DEPTH: usize = 4;

type Found = BTreeMap<String, Vec<String>>;

pub(super) fn detect(snapshot: &dyn Snapshot) -> anyhow::Result<Vec<Environment>> {
    let mut found = Found::new();
    search(snapshot, "", 0, &mut found)?;
    helmfile(snapshot, &mut found)?;
    if found.is_empty() {
        directories_with_values(snapshot, &mut found)?;
    }
    Ok(found
        .into_iter()
        .map(|(name, mut files)| {
            files.sort();
            files.dedup();
            Environment { name, files, protected: false, detected: true }
        })
        .collect())
}

fn search(
    snapshot: &dyn Snapshot,
    dir: &str,
    depth: usize,
    found: &mut Found,
) -> anyhow::Result<()> {
    let entries = snapshot.entries(dir)?;
    let is_chart = entries.iter().any(|entry| entry.name == "Chart.yaml");
    let name = dir.rsplit('/').next().unwrap_or_default();
    let holds = PARENTS.contains(&name) && !is_chart;
    for entry in &entries {
        let path = join(dir, &entry.name);
        if entry.kind != Kind::Directory {
            if let Some(environment) = values_file(&entry.name) {
                add(found, environment, &path);
            } else if holds && let Some(environment) = stem(&entry.name) {
                add(found, environment, &path);
            }
        } else if holds && is_environment(entry) && !holds_environments(snapshot, &path)? {
            let dir = globset::escape(&path);
            found.entry(entry.name.clone()).or_default().push(format!("{dir}/**"));
        } else if depth < MAX_DEPTH && !is_skipped(&entry.name) {
            search(snapshot, &path, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Adds a file, whose name is to be taken as it stands.
fn add(found: &mut Found, environment: &str, path: &str) {
    found.entry(environment.to_owned()).or_default().push(globset::escape(path));
}

/// `deploy/kustomize/overlays`: what is in `deploy` is no environment but leads to some.
fn holds_environments(snapshot: &dyn Snapshot, dir: &str) -> anyhow::Result<bool> {
    let entries = snapshot.entries(dir)?;
    Ok(entries.iter().any(|e| e.kind == Kind::Directory && PARENTS.contains(&e.name.as_str())))
}

fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || SKIPPED.contains(&name)
}

fn is_environment(entry: &Entry) -> bool {
    let name = entry.name.as_str();
    !name.starts_with('.') && !SHARED.contains(&name) && !PARENTS.contains(&name)
}

/// `staging.yaml` in a directory of environments is staging's.
fn stem(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"))?;
    let other = ["kustomization", "values", "Chart", "gitops", "helmfile", "base", "common"];
    let is_chart_of_its_own = other.contains(&stem) || stem.starts_with('.') || stem.is_empty();
    (!is_chart_of_its_own).then_some(stem)
}

/// `values-staging.yaml`.
fn values_file(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("values-")?;
    let name = rest.strip_suffix(".yaml").or_else(|| rest.strip_suffix(".yml"))?;
    (!matches!(name, "" | "example" | "sample" | "default" | "template")).then_some(name)
}

/// `ENV/values.yaml` at the root, unless it is a chart.
fn directories_with_values(snapshot: &dyn Snapshot, found: &mut Found) -> anyhow::Result<()> {
    for entry in snapshot.entries("")? {
        if entry.kind != Kind::Directory || is_skipped(&entry.name) {
            continue;
        }
        let inside = snapshot.entries(&entry.name)?;
        let has = |name: &str| inside.iter().any(|entry| entry.name == name);
        if has("values.yaml") && !has("Chart.yaml") {
            add(found, &entry.name, &format!("{}/values.yaml", entry.name));
        }
    }
    Ok(())
}

/// The values files that `environments:` of a Helmfile names.
fn helmfile(snapshot: &dyn Snapshot, found: &mut Found) -> anyhow::Result<()> {
    let entries = snapshot.entries("")?;
    let Some(file) =
        entries.iter().find(|e| matches!(e.name.as_str(), "helmfile.yaml" | "helmfile.yml"))
    else {
        return Ok(());
    };
    let text = snapshot.read(std::slice::from_ref(&file.name))?.pop().unwrap_or_default();
    // A Helmfile that is a template tells its environments only to helmfile itself.
    let Some(stream) = String::from_utf8(text).ok().and_then(|text| Stream::parse(text).ok())
    else {
        return Ok(());
    };
    let roots = (0..stream.documents()).filter_map(|document| stream.root(document));
    for root in roots {
        for (key, environment) in root.get("environments").iter().flat_map(|e| e.entries()) {
            let values = environment.resolved().get("values");
            let files = values.iter().flat_map(|values| values.items()).filter_map(NodeRef::text);
            for path in files.filter(|path| is_yaml(path) && exists(snapshot, path)) {
                add(found, key.scalar().unwrap_or_default(), path.trim_start_matches("./"));
            }
        }
    }
    Ok(())
}

fn exists(snapshot: &dyn Snapshot, path: &str) -> bool {
    let (dir, name) = path.trim_start_matches("./").rsplit_once('/').unwrap_or(("", path));
    snapshot.entries(dir).is_ok_and(|entries| entries.iter().any(|entry| entry.name == name))
}
