//! Spellings of one and the same thing, made equal before the comparison.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::gather::Sourced;
use crate::manifest::{Identity, is_secret};
use crate::yaml::Value;
use crate::yaml::value::{Data, Entry};

/// How a name of the older side reads on the newer one: `name:-stg=-prod`, `namespace:staging=prod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameMap {
    /// A prefix or suffix of names, or a whole name.
    Name(String, String),
    /// A namespace.
    Namespace(String, String),
}

impl NameMap {
    /// Reads `name:FROM=TO` or `namespace:FROM=TO`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (what, names) = text.split_once(':')?;
        let (from, to) = names.split_once('=').filter(|(from, _)| !from.is_empty())?;
        match what {
            "name" => Some(Self::Name(from.to_owned(), to.to_owned())),
            "namespace" => Some(Self::Namespace(from.to_owned(), to.to_owned())),
            _ => None,
        }
    }

    fn name(&self, name: &str) -> Option<String> {
        let Self::Name(from, to) = self else { return None };
        if let Some(rest) = name.strip_suffix(from.as_str()) {
            return Some(format!("{rest}{to}"));
        }
        Some(format!("{to}{}", name.strip_prefix(from.as_str())?))
    }
}

/// Renames the older side's objects, and what refers to them.
pub(super) fn names(objects: &mut [Sourced], maps: &[NameMap]) {
    if maps.is_empty() {
        return;
    }
    let mut renamed: HashMap<String, String> = HashMap::new();
    for identity in objects.iter().filter_map(|sourced| sourced.object.identity.as_ref()) {
        if let Some(name) = maps.iter().find_map(|map| map.name(&identity.name)) {
            renamed.insert(identity.name.clone(), name);
        }
    }
    let mut namespaces: HashMap<&str, &str> = HashMap::new();
    for map in maps {
        if let NameMap::Namespace(from, to) = map {
            namespaces.insert(from, to);
        }
    }
    for sourced in objects {
        let is_namespace = sourced.object.is_kind("", "Namespace");
        let value = &mut sourced.object.value;
        rename(value, "", &renamed, &namespaces);
        if is_namespace
            && let Some(to) =
                value.str_at(&["metadata", "name"]).and_then(|name| namespaces.get(name))
        {
            set_name(value, to);
        }
        sourced.object.identity = Identity::of(value);
    }
}

fn set_name(value: &mut Value, name: &str) {
    let Data::Map(map) = &mut value.data else { return };
    let Some(Data::Map(metadata)) = map.get_mut("metadata").map(|metadata| &mut metadata.data)
    else {
        return;
    };
    if let Some(own) = metadata.get_mut("name") {
        own.data = Data::Text(name.into());
    }
}

fn rename(
    value: &mut Value,
    key: &str,
    names: &HashMap<String, String>,
    namespaces: &HashMap<&str, &str>,
) {
    match &mut value.data {
        Data::Map(map) => {
            for (key, value) in map.iter_mut() {
                rename(value, key, names, namespaces);
            }
        }
        Data::List(items) => {
            for item in items {
                rename(item, key, names, namespaces);
            }
        }
        Data::Text(text) => {
            let namespace =
                if key == "namespace" { namespaces.get(&**text).copied() } else { None };
            if let Some(new) = namespace.or_else(|| names.get(&**text).map(String::as_str)) {
                *text = new.into();
            }
        }
        _ => {}
    }
}

/// `stringData` of a Secret is `data` that the API server has yet to encode.
pub(super) fn secret(value: &mut Value) {
    if !is_secret(value) {
        return;
    }
    let Data::Map(map) = &mut value.data else { return };
    let Some(plain) = map.remove("stringData") else { return };
    let line = plain.line;
    let Data::Map(plain) = plain.value.data else { return };
    if map.get("data").is_none_or(|data| data.as_map().is_none()) {
        map.insert(Entry { key: "data".into(), line, value: crate::manifest::empty() });
    }
    let Some(Data::Map(data)) = map.get_mut("data").map(|data| &mut data.data) else { return };
    for mut entry in plain.into_entries() {
        let text = entry.value.scalar_text().unwrap_or_default();
        entry.value.data = Data::Text(STANDARD.encode(text).into());
        data.insert(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_maps() {
        let map = NameMap::parse("name:-stg=-prod").unwrap();
        assert_eq!(map.name("api-stg").as_deref(), Some("api-prod"));
        assert_eq!(map.name("api"), None);
        let map = NameMap::parse("name:stg-=").unwrap();
        assert_eq!(map.name("stg-api").as_deref(), Some("api"));
        assert!(NameMap::parse("namespace:a=b").is_some());
        for text in ["name:x", "name:=x", "kind:a=b", "a=b"] {
            assert_eq!(NameMap::parse(text), None, "{text}");
        }
    }
}
