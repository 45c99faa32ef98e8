//! `--document`: which of a file's documents is meant.

use crate::error::{Code, Hinted};
use crate::yaml::{NodeRef, Stream};

/// How a document is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By its number, from 0; empty documents count.
    Number(usize),
    /// By what it says: `kind=Deployment,name=web`.
    Fields(Vec<(Field, String)>),
}

/// A field of a Kubernetes object's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `apiVersion`.
    ApiVersion,
    /// `kind`.
    Kind,
    /// `metadata.name`.
    Name,
    /// `metadata.namespace`.
    Namespace,
}

const FIELDS: &[(&str, Field)] = &[
    ("kind", Field::Kind),
    ("name", Field::Name),
    ("namespace", Field::Namespace),
    ("apiVersion", Field::ApiVersion),
];

impl Selector {
    /// Reads `2` or `kind=Deployment,name=web`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        let fields = text.split(',').map(|part| {
            let (name, value) = part.split_once('=')?;
            let (_, field) = FIELDS.iter().find(|(known, _)| *known == name.trim())?;
            Some((*field, value.trim().to_owned()))
        });
        fields.collect::<Option<_>>().map(Self::Fields).ok_or_else(|| {
            let message = format!("cannot read the document `{text}`");
            let hint = "give its number from 0, or kind=…, name=…, namespace=…, apiVersion=…";
            Hinted::new(Code::Usage, message, hint).into()
        })
    }

    /// Whether a document is meant.
    #[must_use]
    pub fn matches(&self, stream: &Stream, document: usize) -> bool {
        match self {
            Self::Number(number) => *number == document,
            Self::Fields(fields) => stream.root(document).is_some_and(|root| {
                fields.iter().all(|(field, value)| field.of(root) == Some(value.as_str()))
            }),
        }
    }
}

impl Field {
    fn of(self, root: NodeRef<'_>) -> Option<&str> {
        match self {
            Self::ApiVersion => root.get_text("apiVersion"),
            Self::Kind => root.get_text("kind"),
            Self::Name => root.get("metadata")?.get_text("name"),
            Self::Namespace => root.get("metadata")?.get_text("namespace"),
        }
    }
}

/// The documents meant; an error where there is none.
pub(super) fn select(
    stream: &Stream,
    path: &str,
    selector: Option<&Selector>,
) -> anyhow::Result<Vec<usize>> {
    let all = 0..stream.documents();
    let Some(selector) = selector else { return Ok(all.collect()) };
    let found: Vec<usize> = all.filter(|&d| selector.matches(stream, d)).collect();
    if found.is_empty() {
        let message = format!("cannot find that document in `{path}`");
        let list = (0..stream.documents()).map(|document| describe(stream, document)).collect();
        let hint = format!("it has {}", super::shortened(list, "; "));
        return Err(Hinted::new(Code::NotFound, message, hint).into());
    }
    Ok(found)
}

/// `2 (line 14, Deployment web)`.
pub(super) fn describe(stream: &Stream, document: usize) -> String {
    let line = stream.document_line(document);
    let Some(root) = stream.root(document) else {
        return format!("{document} (line {line}, empty)");
    };
    let kind = root.get_text("kind");
    let name = root.get("metadata").and_then(|metadata| metadata.get_text("name"));
    let what: Vec<&str> = kind.into_iter().chain(name).collect();
    if what.is_empty() {
        return format!("{document} (line {line})");
    }
    format!("{document} (line {line}, {})", what.join(" "))
}
