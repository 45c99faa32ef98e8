//! What is wrong with files before anything reads them: all of it, each with its place.

pub mod shape;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::deployed;
use crate::diff::{images, risks};
use crate::environment::App;
use crate::image::Version;
use crate::manifest::{Documents, Object, SourceFile, chunks, group_of, read};
use crate::policy::Policy;
use crate::yaml::Value;
use crate::yaml::value::Data;
use shape::Shapes;

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// A stable id; [`IDS`] has them all.
    pub id: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Every id, and what it means.
pub const IDS: &[(&str, &str)] = &[
    ("invalid-yaml", "No reader understands the file"),
    ("duplicate-key", "A key stands twice in one mapping; readers take the later value or refuse"),
    ("duplicate-object", "Two documents of one directory declare the same object"),
    ("missing-name", "A Kubernetes object has no name"),
    ("dangling-link", "A symbolic link leads nowhere"),
    ("configuration", "gitops.yaml names what is not there"),
    ("policy", "The policy forbids this image"),
    ("missing-tag", "An image has neither tag nor digest"),
    ("misread-tag", "A tag without quotes is read as a number or a truth value"),
    ("shape", "The API server would refuse this field"),
    ("api-removed", "Current Kubernetes has no such API version any more"),
    ("selector-mismatch", "The selector does not select the workload's own pods"),
];

/// What files are checked against.
#[derive(Debug)]
pub struct Rules<'a> {
    /// `policy:`.
    pub policy: &'a Policy,
    /// `apps:`.
    pub apps: &'a BTreeMap<String, App>,
    /// The files of environments: only there images are judged.
    pub deployed: &'a BTreeSet<String>,
}

/// What the files hold and what is wrong with them.
#[derive(Debug, Default)]
pub struct Report {
    /// Ordered by place.
    pub findings: Vec<Finding>,
    /// How many files were read.
    pub files: usize,
    /// How many documents they hold.
    pub documents: usize,
    /// Templates of Helm charts, which only Helm can read.
    pub templates: usize,
}

/// Checks files together.
#[must_use]
pub fn check(files: &[SourceFile], rules: &Rules<'_>) -> Report {
    let mut report = Report::default();
    let charts = charts(files);
    let mut objects: Vec<Object> = Vec::new();
    for file in files.iter().filter(|file| file.structured) {
        if is_template(&file.path, &charts) {
            report.templates += 1;
            continue;
        }
        report.files += 1;
        let found = of_file(file, &mut report.findings);
        report.documents += found.len();
        if rules.deployed.contains(&*file.path) {
            policy(file, rules, &mut report.findings);
            for object in &found {
                untagged(object, rules.policy, &mut report.findings);
            }
        }
        objects.extend(found);
    }
    let patches = patches(&objects);
    let mut shapes = Shapes::kubernetes();
    for object in objects
        .iter()
        .filter(|object| object.is_kind("apiextensions.k8s.io", "CustomResourceDefinition"))
    {
        shapes.learn(&object.value);
    }
    for object in &objects {
        of_object(object, patches.contains(&*object.path), &shapes, &mut report.findings);
    }
    duplicates(&objects, &patches, &mut report.findings);
    report.findings.sort();
    report.findings.dedup();
    report
}

/// What can be said of one file alone: for commands that edit it.
#[must_use]
pub fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut objects = of_file(&SourceFile::new(path, text.as_bytes().to_vec()), &mut findings);
    objects.retain(|object| group_of(&object.value).is_some());
    if !objects.is_empty() {
        let shapes = Shapes::kubernetes();
        for object in &objects {
            // Only its kustomization would know whether the file is a patch.
            of_object(object, true, &shapes, &mut findings);
        }
        duplicates(&objects, &BTreeSet::new(), &mut findings);
    }
    findings.sort();
    findings.dedup();
    findings
}

fn finding(file: &str, line: u32, id: &'static str, message: impl Into<String>) -> Finding {
    Finding { file: file.to_owned(), line: line.max(1), id, message: message.into() }
}

/// Reads a file's documents; what cannot be read becomes a finding.
fn of_file(file: &SourceFile, findings: &mut Vec<Finding>) -> Vec<Object> {
    let Some(text) = &file.text else {
        findings.push(finding(&file.path, 1, "invalid-yaml", "it is not UTF-8"));
        return Vec::new();
    };
    let mut objects = Vec::new();
    if file.path.ends_with(".json")
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        // YAML allows more than JSON does.
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
        let message = format!("not valid JSON: {error}");
        findings.push(finding(&file.path, line, "invalid-yaml", message));
        return objects;
    }
    for (position, chunk) in chunks(text).iter().enumerate() {
        match read(file, chunk, position) {
            Ok(Documents { objects: own, duplicates }) => {
                objects.extend(own);
                for key in duplicates {
                    let message = format!(
                        "the key `{}` stands twice: lines {} and {}",
                        key.key, key.lines[0], key.lines[1]
                    );
                    findings.push(finding(&file.path, key.lines[1], "duplicate-key", message));
                }
            }
            Err(error) => {
                let line = u32::try_from(error.line).unwrap_or(u32::MAX);
                findings.push(finding(&file.path, line, "invalid-yaml", error.cause));
            }
        }
    }
    objects
}

/// The directories of Helm charts.
fn charts(files: &[SourceFile]) -> BTreeSet<&str> {
    files.iter().filter_map(|file| file.path.strip_suffix("Chart.yaml")).collect()
}

fn is_template(path: &str, charts: &BTreeSet<&str>) -> bool {
    path.match_indices("templates/").any(|(at, _)| charts.contains(&path[..at]))
}

/// The files that kustomizations use as patches: parts of objects.
fn patches(objects: &[Object]) -> BTreeSet<String> {
    let mut patches = BTreeSet::new();
    for object in objects {
        let name = object.path.rsplit('/').next().unwrap_or_default();
        if !name.starts_with("kustomization.") {
            continue;
        }
        let dir = object.path.strip_suffix(name).unwrap_or_default();
        let value = &object.value;
        let plain = value.items_at(&["patchesStrategicMerge"]).filter_map(Value::as_str);
        let named = ["patches", "patchesJson6902", "transformers", "replacements"]
            .into_iter()
            .filter_map(|key| value.get(key)?.as_list())
            .flatten()
            .filter_map(|patch| patch.str_at(&["path"]).or(patch.as_str()));
        for path in plain.chain(named).filter(|path| !path.contains('\n')) {
            patches.insert(joined(dir, path));
        }
    }
    patches
}

fn joined(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn of_object(object: &Object, is_patch: bool, shapes: &Shapes, findings: &mut Vec<Finding>) {
    let value = &object.value;
    let (version, kind) = (value.str_at(&["apiVersion"]), value.str_at(&["kind"]));
    if let (None, Some(kind), false) = (version, kind, is_patch)
        && value.get("metadata").is_some_and(|metadata| metadata.get("name").is_some())
    {
        let message = format!("the {kind} has no `apiVersion`");
        findings.push(finding(&object.path, object.line, "shape", message));
    }
    let (Some(version), Some(kind)) = (version, kind) else { return };
    let nameless = version.starts_with("kustomize.config.k8s.io/") || kind.ends_with("List");
    if object.identity.is_none() && !nameless && version.contains('v') {
        let message = format!("the {kind} has no `metadata.name`");
        findings.push(finding(&object.path, object.line, "missing-name", message));
    }
    if risks::is_removed_api(object) {
        let message = format!("`{version}` is no longer served for {kind}");
        findings.push(finding(&object.path, object.line, "api-removed", message));
    }
    if risks::selects_others(value) && !is_patch {
        let message = "`spec.selector` does not match the labels of its own template";
        findings.push(finding(&object.path, object.line, "selector-mismatch", message));
    }
    for misfit in shapes.check(value, is_patch) {
        let field =
            if misfit.path.is_empty() { String::new() } else { format!("`{}`: ", misfit.path) };
        let message = format!("{}: {field}{}", object.title(), misfit.message);
        findings.push(finding(&object.path, misfit.line, "shape", message));
    }
}

fn duplicates(objects: &[Object], patches: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    let mut seen: HashMap<(&Arc<str>, String, &str), &Object> = HashMap::new();
    for object in objects.iter().filter(|object| !patches.contains(&*object.path)) {
        let Some(identity) = &object.identity else { continue };
        let key = (&object.scope, identity.to_string(), identity.group.as_str());
        match seen.get(&key) {
            None => {
                seen.insert(key, object);
            }
            Some(first) => {
                let message = format!(
                    "{identity} is declared twice: {}:{} and {}:{}",
                    first.path, first.line, object.path, object.line
                );
                findings.push(finding(&object.path, object.line, "duplicate-object", message));
            }
        }
    }
}

fn policy(file: &SourceFile, rules: &Rules<'_>, findings: &mut Vec<Finding>) {
    let text = file.text.as_deref().unwrap_or_default();
    for place in deployed::of_file(&file.path, text, rules.apps).unwrap_or_default() {
        let line = u32::try_from(place.line).unwrap_or(u32::MAX);
        if place.is_misread {
            let message = format!(
                "`{}`: the tag {} is read as another value: quote it",
                place.key, place.version
            );
            findings.push(finding(&file.path, line, "misread-tag", message));
        }
        let Ok(version) = Version::parse(&place.version) else { continue };
        if let Err(error) = rules.policy.check(place.repository.as_deref(), &version) {
            findings.push(finding(&file.path, line, "policy", format!("`{}`: {error}", place.key)));
        }
    }
}

/// The images of Helm values that name a repository and no tag: `image: {repository: x, tag: ""}`.
fn untagged_values(value: &Value, path: &str, found: &mut Vec<(String, String, u32)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for entry in value.as_map().iter().flat_map(|map| map.entries()) {
        let image = &entry.value;
        let text = |key: &str| image.str_at(&[key]).filter(|text| !text.is_empty());
        let is_given = |key: &str| {
            let given = image.get(key).filter(|value| !matches!(value.data, Data::Null));
            given.is_some_and(|value| value.scalar_text().is_some_and(|text| !text.is_empty()))
        };
        if let Some(name) = text("repository").filter(|_| entry.key.ends_with("mage"))
            && !is_given("tag")
            && !is_given("digest")
            && !name.contains(['@', '{'])
            && !name.rsplit('/').next().unwrap_or_default().contains(':')
        {
            let name = text("registry").map_or(name.to_owned(), |host| format!("{host}/{name}"));
            found.push((below(&entry.key), name, entry.line));
        }
        untagged_values(image, &below(&entry.key), found);
    }
    for item in value.as_list().unwrap_or_default() {
        untagged_values(item, path, found);
    }
}

/// Images without a version are no place to bump, and are judged all the same.
fn untagged(object: &Object, policy: &Policy, findings: &mut Vec<Finding>) {
    let mut values = Vec::new();
    untagged_values(&object.value, "", &mut values);
    let known = images::of(&object.value);
    let is_bare = |image: &images::Use| image.tag.is_none() && image.digest.is_none();
    values.retain(|(place, _, _)| {
        !known.iter().any(|(other, image)| other == place && is_bare(image))
    });
    for (place, name, line) in values {
        let message = format!("`{place}`: the image `{name}` has neither tag nor digest");
        findings.push(finding(&object.path, line, "missing-tag", message));
    }
    for (place, image) in known {
        if image.tag.is_none() && image.digest.is_none() {
            let message =
                format!("`{place}`: the image `{}` has neither tag nor digest", image.name);
            findings.push(finding(&object.path, image.line, "missing-tag", message));
            if let Err(error) = policy.check(Some(&image.name), &Version::default()) {
                let message = format!("`{place}`: {error}");
                findings.push(finding(&object.path, image.line, "policy", message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile::new(path, text.as_bytes().to_vec()))
            .collect();
        let policy = Policy::new(&["ghcr.io/acme/*".into()], &["latest".into()]).unwrap();
        let deployed = files.iter().map(|file| file.path.to_string()).collect();
        let report =
            check(&files, &Rules { policy: &policy, apps: &BTreeMap::new(), deployed: &deployed });
        let line = |f: Finding| format!("{}:{}: {}: {}", f.file, f.line, f.id, f.message);
        report.findings.into_iter().map(line).collect()
    }

    #[test]
    fn reports_everything_at_once() {
        let text = "a: 1\na: 2\nimage: {repository: docker.io/x/y, tag: latest}\n---\napiVersion: v1\nkind: Pod\n---\nx: [\n";
        assert_eq!(
            found(&[("a.yaml", text)]),
            [
                "a.yaml:2: duplicate-key: the key `a` stands twice: lines 1 and 2",
                "a.yaml:5: missing-name: the Pod has no `metadata.name`",
                "a.yaml:8: invalid-yaml: not valid YAML: unclosed bracket '['",
            ]
        );
        assert_eq!(
            found(&[(
                "a.yaml",
                "web: {image: {repository: docker.io/x/y, tag: latest}}\napi: {image: ghcr.io/acme/api}\nbig: {image: {repository: ghcr.io/acme/big, tag: 1.10}}\n"
            )]),
            [
                "a.yaml:1: policy: `web.image.tag`: the policy does not allow images of `docker.io/x/y`",
                "a.yaml:2: missing-tag: `api.image`: the image `ghcr.io/acme/api` has neither tag nor digest",
                "a.yaml:3: misread-tag: `big.image.tag`: the tag 1.10 is read as another value: quote it",
            ]
        );
    }

    #[test]
    fn an_object_is_declared_once_per_directory() {
        let pod = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        assert_eq!(
            found(&[("d/a.yaml", pod), ("d/b.yaml", pod), ("e/a.yaml", pod)]),
            [
                "d/b.yaml:1: duplicate-object: ConfigMap a is declared twice: d/a.yaml:1 and d/b.yaml:1"
            ]
        );
        let kustomization = "patches: [{path: b.yaml}]\n";
        assert!(
            found(&[("d/a.yaml", pod), ("d/b.yaml", pod), ("d/kustomization.yaml", kustomization)])
                .is_empty()
        );
    }

    #[test]
    fn templates_of_charts_are_left_to_helm() {
        assert!(
            found(&[("c/Chart.yaml", "name: c\n"), ("c/templates/x/d.yaml", "{{ x }\n")])
                .is_empty()
        );
        assert_eq!(found(&[("templates/d.yaml", "{{ x }\n")]).len(), 1);
    }
}
