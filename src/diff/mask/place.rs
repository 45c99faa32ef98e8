//! Where in a document a walk is, and whether what stands there is a secret: one set of rules for
//! values, for changes and for the text of a file.

use super::names::{
    is_reference, is_telling_collection, is_telling_name, is_telling_path, is_telling_variable,
};
use crate::yaml::value::{Data, Map};
use crate::yaml::{NodeRef, Value};

/// What kubectl copies of an object.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What covers the values at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cover {
    /// Nothing.
    #[default]
    Open,
    /// A name that tells: texts and numbers are secrets, `true` is not.
    Told,
    /// A Secret: all of it.
    Whole,
}

/// Where a walk is.
#[expect(clippy::struct_excessive_bools, reason = "each is known or not by itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Inside of a Secret, wherever that stands, or of a patch for one.
    inside: bool,
    /// Inside of a generator of Secrets.
    generated: bool,
    /// Each text is `NAME=VALUE`, of which the value is a secret.
    pub literal: bool,
    /// What covers the values.
    pub cover: Cover,
    /// They are base64.
    pub encoded: bool,
}

/// What a value is to these rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A list or a mapping.
    Collection,
    /// A text or a number.
    Text,
    /// Nothing, or a truth value.
    Word,
}

impl Shape {
    /// That of a value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value.data {
            Data::Map(_) | Data::List(_) => Self::Collection,
            Data::Null | Data::Bool(_) => Self::Word,
            _ => Self::Text,
        }
    }
}

/// What a mapping tells about its entries.
#[expect(clippy::struct_excessive_bools, reason = "each is known or not by itself")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// It is a Secret, a list of them, or a patch for one.
    secret: bool,
    /// It generates Secrets.
    generator: bool,
    /// Its `value` is a secret.
    told: bool,
    /// Its `value` replaces something of the object it is for.
    operation: bool,
}

impl Facts {
    /// Those of a mapping.
    #[must_use]
    pub fn of(map: &Map) -> Self {
        let mut seen = Seen::default();
        for entry in map.entries() {
            seen.take(&entry.key, || entry.value.as_str(), || entry.value.str_at(&["kind"]));
        }
        seen.facts()
    }

    /// Whether it is a Secret, or speaks of one.
    #[must_use]
    pub fn is_secret(self) -> bool {
        self.secret
    }

    /// Those of a mapping in a file.
    #[must_use]
    pub fn of_node(node: NodeRef<'_>) -> Self {
        let mut seen = Seen::default();
        for (key, value) in node.entries() {
            let kind = || value.resolved().get_text("kind");
            seen.take(key.scalar().unwrap_or_default(), || value.text(), kind);
        }
        seen.facts()
    }
}

#[derive(Default)]
struct Seen<'v> {
    kind: Option<&'v str>,
    name: Option<&'v str>,
    path: Option<&'v str>,
    target: Option<&'v str>,
    has_value: bool,
}

impl<'v> Seen<'v> {
    fn take(
        &mut self,
        key: &str,
        text: impl Fn() -> Option<&'v str>,
        kind: impl Fn() -> Option<&'v str>,
    ) {
        match key {
            // Of keys that stand twice, the one that is stricter.
            "kind" if !is_secret(self.kind) => self.kind = text(),
            "name" => self.name = text(),
            "path" => self.path = text(),
            "target" if !is_secret(self.target) => self.target = kind(),
            "value" => self.has_value = true,
            _ => {}
        }
    }

    fn facts(&self) -> Facts {
        let path = self.path.filter(|path| self.has_value && path.starts_with('/'));
        let named = self.name.is_some_and(is_telling_variable);
        Facts {
            secret: is_secret(self.kind) || is_secret(self.target),
            generator: self.kind == Some("SecretGenerator"),
            told: path.is_some_and(is_telling_path) || (self.has_value && named),
            operation: path.is_some_and(|path| path.starts_with("/data") || path == "/"),
        }
    }
}

fn is_secret(kind: Option<&str>) -> bool {
    matches!(kind, Some("Secret" | "SecretList"))
}

impl Place {
    /// Where the walk is behind a key of a mapping.
    #[must_use]
    pub fn below(mut self, facts: Facts, key: &str, shape: Shape) -> Self {
        self.inside |= facts.secret;
        self.generated |= facts.generator || key == "secretGenerator";
        self.literal = self.generated && key == "literals";
        if self.cover == Cover::Whole {
            return self;
        }
        let replaces = key == "value" && (facts.operation || facts.told);
        if self.inside && (replaces || matches!(key, "data" | "stringData" | COPY)) {
            self.cover = Cover::Whole;
            self.encoded = key == "data";
        } else if (key == "value" && facts.told) || tells(key, shape) {
            self.cover = Cover::Told;
        } else if self.cover == Cover::Told && is_reference(key) {
            self.cover = Cover::Open;
        }
        self
    }

    /// Where it is at an item of a list, behind another item: `--password`, `MARK`.
    #[must_use]
    pub fn behind(mut self, previous: Option<&str>) -> Self {
        if self.cover == Cover::Open && previous.is_some_and(is_flag) {
            self.cover = Cover::Told;
        }
        self
    }

    /// Whether a value here is a secret.
    #[must_use]
    pub fn hides(self, shape: Shape) -> bool {
        match self.cover {
            Cover::Open => false,
            Cover::Told => shape == Shape::Text,
            Cover::Whole => true,
        }
    }

    /// Whether it is inside of a Secret, or of a patch for one.
    #[must_use]
    pub fn is_inside(self) -> bool {
        self.inside
    }

    /// The same, as a text begins that stands here.
    #[must_use]
    pub fn open(self) -> Self {
        Self { inside: self.inside, ..Self::default() }
    }

    /// The stricter of two: a value is a secret where either side says so.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let rank = |place: &Self| (place.cover as u8, place.literal, place.inside);
        let (strict, lax) = if rank(&other) > rank(&self) { (other, self) } else { (self, other) };
        Self {
            inside: strict.inside || lax.inside,
            generated: strict.generated || lax.generated,
            ..strict
        }
    }
}

fn tells(key: &str, shape: Shape) -> bool {
    match shape {
        Shape::Text => is_telling_name(key),
        Shape::Collection => is_telling_collection(key),
        Shape::Word => false,
    }
}

/// `--password`, with its value in the next item.
pub(super) fn is_flag(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    text.starts_with('-') && !name.contains(['=', ' ']) && is_telling_name(name)
}
