//! The keys of `gitops.yaml`, so that a misspelt one is an error with its line and the nearest known.

use crate::error::{Code, Hinted};
use crate::yaml::{NodeRef, Stream};

/// What a value may be.
enum Shape {
    /// Known keys.
    Keys(&'static [(&'static str, Self)]),
    /// Keys of the user's choice, all with values of one shape.
    Named(&'static Self),
    List,
    Scalar,
}

const ROOT: Shape = Shape::Keys(&[
    ("environments", Shape::Named(&Shape::Keys(ENVIRONMENT))),
    ("apps", Shape::Named(&Shape::Keys(&[("image", Shape::Scalar), ("source", Shape::Scalar)]))),
    ("notify", Shape::Named(&Shape::Keys(NOTIFY))),
    ("policy", Shape::Keys(&[("registries", Shape::List), ("deny-tags", Shape::List)])),
    ("ignore", Shape::List),
    ("list-keys", Shape::Named(&Shape::List)),
    ("listKeys", Shape::Named(&Shape::List)),
]);

const ENVIRONMENT: &[(&str, Shape)] = &[
    ("files", Shape::List),
    ("protected", Shape::Scalar),
    ("namespace", Shape::Scalar),
    ("render", Shape::Keys(RENDER)),
];

const RENDER: &[(&str, Shape)] = &[
    ("kind", Shape::Scalar),
    ("path", Shape::Scalar),
    ("chart", Shape::Scalar),
    ("release", Shape::Scalar),
    ("values", Shape::List),
    ("args", Shape::List),
];

const NOTIFY: &[(&str, Shape)] = &[
    ("kind", Shape::Scalar),
    ("url", Shape::Scalar),
    ("url_env", Shape::Scalar),
    ("url_file", Shape::Scalar),
    ("token_env", Shape::Scalar),
    ("token_file", Shape::Scalar),
    ("secret_env", Shape::Scalar),
    ("secret_file", Shape::Scalar),
    ("events", Shape::List),
    ("environments", Shape::List),
    ("channel", Shape::Scalar),
    ("topic", Shape::Scalar),
    ("thread", Shape::Scalar),
    ("edit", Shape::Scalar),
    ("username", Shape::Scalar),
    ("template", Shape::Scalar),
    ("format", Shape::Scalar),
    ("signature", Shape::Scalar),
    ("forge", Shape::Scalar),
    ("from", Shape::Scalar),
    ("to", Shape::List),
    ("tags", Shape::List),
    ("dashboard", Shape::Scalar),
    ("allow_http", Shape::Scalar),
];

/// Checks the keys of a configuration; `name` is the file's.
pub(super) fn check(name: &str, text: &str) -> anyhow::Result<()> {
    let stream = Stream::parse(text.to_owned())
        .map_err(|error| error.context(format!("cannot use `{name}`")))?;
    if let Some(root) = stream.root(0).filter(|root| !root.is_missing()) {
        walk(name, root, &ROOT)?;
    }
    Ok(())
}

fn walk(name: &str, node: NodeRef<'_>, shape: &Shape) -> Result<(), Hinted> {
    let node = node.resolved();
    let wanted = match shape {
        Shape::Keys(_) | Shape::Named(_) if !node.is_mapping() => "a mapping",
        Shape::List if !node.is_sequence() => "a list",
        Shape::Scalar if node.scalar().is_none() => "one value",
        _ => return keys(name, node, shape),
    };
    let message = format!("{name}:{}: `{}` must be {wanted}", node.line(), node.path());
    Err(Hinted::new(Code::Config, message, "docs/configuration.md describes every key"))
}

fn keys(name: &str, node: NodeRef<'_>, shape: &Shape) -> Result<(), Hinted> {
    let mut seen = Vec::new();
    for (key, value) in node.entries() {
        let text = key.scalar().unwrap_or_default();
        if seen.contains(&text) {
            let message = format!("{name}:{}: the key `{text}` stands twice", key.line());
            return Err(Hinted::new(Code::Config, message, "remove one of them"));
        }
        seen.push(text);
        match shape {
            Shape::Named(below) => walk(name, value, below)?,
            Shape::Keys(known) => match known.iter().find(|(known, _)| *known == text) {
                Some((_, below)) => walk(name, value, below)?,
                None => return Err(unknown(name, node, key, known)),
            },
            Shape::List | Shape::Scalar => {}
        }
    }
    Ok(())
}

fn unknown(name: &str, node: NodeRef<'_>, key: NodeRef<'_>, known: &[(&str, Shape)]) -> Hinted {
    let text = key.scalar().unwrap_or_default();
    let place =
        if node.parent().is_some() { format!(" in `{}`", node.path()) } else { String::new() };
    let message = format!("{name}:{}: unknown key `{text}`{place}", key.line());
    let near = known
        .iter()
        .map(|(known, _)| *known)
        .max_by(|a, b| strsim::jaro_winkler(a, text).total_cmp(&strsim::jaro_winkler(b, text)));
    let likely = near.filter(|near| strsim::jaro_winkler(near, text) > 0.8);
    let hint = likely.map_or_else(
        || {
            let known: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
            format!("known here: {}", known.join(", "))
        },
        |near| format!("did you mean `{near}`?"),
    );
    Hinted::new(Code::Config, message, hint)
}
