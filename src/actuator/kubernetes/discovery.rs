//! Which kinds a server knows, and where they are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::{Api, Call};
use crate::plan::Id;

/// A kind and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    /// `deployments`.
    pub(super) plural: String,
    pub(super) is_namespaced: bool,
    can_list: bool,
}

impl Resource {
    /// The path of its objects in a namespace, or of all where none is named.
    pub(super) fn path(&self, namespace: &str) -> String {
        let Self { group, version, plural, .. } = self;
        let root = match group.as_str() {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        if self.is_namespaced && !namespace.is_empty() {
            format!("{root}/namespaces/{namespace}/{plural}")
        } else {
            format!("{root}/{plural}")
        }
    }

    /// The path of one object.
    pub(super) fn object(&self, id: &Id) -> String {
        format!("{}/{}", self.path(&id.namespace), id.name)
    }
}

/// Every kind, by group and name, in the order of preference.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    kinds: BTreeMap<(String, String), Vec<Resource>>,
    /// Groups whose server does not answer.
    pub(super) stale: Vec<String>,
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

impl Discovery {
    /// Asks the server: two requests where it can aggregate, one more per group where it cannot.
    pub(super) fn read(api: &Api) -> anyhow::Result<Self> {
        let ask = |path: &str| Call::get(path).accept(AGGREGATED);
        let mut discovery = Self::default();
        for answer in api.calls(vec![ask("/api"), ask("/apis")]) {
            let answer = answer.map_err(|failure| failure.error("ask the server for its kinds"))?;
            match answer["kind"].as_str() {
                Some("APIGroupDiscoveryList") => discovery.aggregated(&answer),
                Some("APIVersions") => discovery.legacy(api, &[String::from("/api/v1")])?,
                _ => discovery.legacy(api, &groups(&answer))?,
            }
        }
        Ok(discovery)
    }

    fn add(&mut self, resource: Resource) {
        let key = (resource.group.clone(), resource.kind.clone());
        self.kinds.entry(key).or_default().push(resource);
    }

    fn aggregated(&mut self, answer: &Value) {
        for group in list(&answer["items"]) {
            let name = text(&group["metadata"]["name"]);
            for version in list(&group["versions"]) {
                if version["freshness"] == "Stale" {
                    self.stale.push(format!("{name}/{}", text(&version["version"])));
                }
                for resource in list(&version["resources"]) {
                    self.add(Resource {
                        group: name.clone(),
                        version: text(&version["version"]),
                        kind: text(&resource["responseKind"]["kind"]),
                        plural: text(&resource["resource"]),
                        is_namespaced: resource["scope"] == "Namespaced",
                        can_list: list(&resource["verbs"]).any(|verb| verb == "list"),
                    });
                }
            }
        }
    }

    fn legacy(&mut self, api: &Api, paths: &[String]) -> anyhow::Result<()> {
        let answers = api.calls(paths.iter().map(Call::get).collect());
        for (path, answer) in paths.iter().zip(answers) {
            let answer = match answer {
                Ok(answer) => answer,
                // An extension whose server is away must not stop everything else.
                Err(failure) if path != "/api/v1" && failure.code >= 500 => {
                    self.stale.push(path.trim_start_matches("/apis/").to_owned());
                    continue;
                }
                Err(failure) => return Err(failure.error("ask the server for its kinds")),
            };
            let (group, version) = match text(&answer["groupVersion"]).split_once('/') {
                Some((group, version)) => (group.to_owned(), version.to_owned()),
                None => (String::new(), text(&answer["groupVersion"])),
            };
            for resource in list(&answer["resources"]) {
                let plural = text(&resource["name"]);
                if plural.contains('/') {
                    continue;
                }
                self.add(Resource {
                    group: group.clone(),
                    version: version.clone(),
                    kind: text(&resource["kind"]),
                    plural,
                    is_namespaced: resource["namespaced"] == true,
                    can_list: list(&resource["verbs"]).any(|verb| verb == "list"),
                });
            }
        }
        Ok(())
    }

    /// A kind in this version, or in the preferred one where none is named.
    pub(super) fn find(&self, group: &str, kind: &str, version: &str) -> Option<&Resource> {
        let versions = self.kinds.get(&(group.to_owned(), kind.to_owned()))?;
        match version {
            "" => versions.first(),
            version => versions.iter().find(|resource| resource.version == version),
        }
    }

    /// The kind of an object.
    pub(super) fn of(&self, id: &Id) -> Option<&Resource> {
        self.find(&id.group, &id.kind, "")
    }

    /// Whether a kind that is not known may be one of a server that does not answer.
    pub(super) fn hides(&self, group: &str) -> bool {
        let of = |stale: &String| stale.rsplit_once('/').map_or("", |(group, _)| group) == group;
        self.stale.iter().any(of)
    }

    /// Every kind whose objects are in namespaces, each once.
    pub(super) fn namespaced(&self) -> impl Iterator<Item = &Resource> {
        let first = self.kinds.values().filter_map(|versions| versions.first());
        first.filter(|resource| resource.is_namespaced && resource.can_list)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The preferred version of each group comes first, so that it is found first.
fn groups(answer: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    for group in list(&answer["groups"]) {
        let preferred = text(&group["preferredVersion"]["groupVersion"]);
        let others = list(&group["versions"]).map(|version| text(&version["groupVersion"]));
        let others = others.filter(|version| *version != preferred).collect::<Vec<_>>();
        paths.extend(std::iter::once(preferred.clone()).chain(others));
    }
    paths.retain(|version| !version.is_empty());
    paths.iter().map(|version| format!("/apis/{version}")).collect()
}
