//! `--file F --set KEY=VALUE`: any string by its key path.

use super::document::{Selector, describe, select};
use super::{Draft, Edit, Plan, Rules, Source, guard, read};
use crate::error::{Code, Hinted};
use crate::snapshot::Snapshot;
use crate::yaml::{self, Address, Found, Operation, YamlPath};

/// `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Where.
    pub path: YamlPath,
    /// The string to be there.
    pub value: String,
}

impl Assignment {
    /// Reads `KEY=VALUE`; the value is taken as it stands.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (path, value) = YamlPath::parse_assignment(text)?;
        Ok(Self { path, value: value.to_owned() })
    }
}

/// Plans all assignments in one file.
pub fn plan_values(
    snapshot: &dyn Snapshot,
    file: &str,
    selector: Option<&Selector>,
    assignments: &[Assignment],
    rules: &Rules,
) -> anyhow::Result<Plan> {
    let (path, bytes) = read(snapshot, &[file.to_owned()])?.swap_remove(0);
    let source = Source::read(&path, bytes)?;
    let documents = select(&source.stream, &path, selector)?;
    let mut draft = Draft::default();
    for assignment in assignments {
        assign(&mut draft, &source, &documents, assignment, rules)
            .map_err(|error| error.context(format!("cannot edit `{path}`")))?;
    }
    draft.finish()
}

fn assign(
    draft: &mut Draft,
    source: &Source,
    documents: &[usize],
    assignment: &Assignment,
    rules: &Rules,
) -> anyhow::Result<()> {
    let stream = &source.stream;
    let mut found = Vec::new();
    for &document in documents {
        if let Found::Node(node) = yaml::find(stream, document, &assignment.path, rules.sharing)? {
            found.push((document, node));
        }
    }
    if found.is_empty() {
        return absent(draft, source, documents, assignment, rules);
    }
    if found.len() > 1 && !rules.all {
        let list: Vec<String> = found.iter().map(|(d, _)| describe(stream, *d)).collect();
        let message =
            format!("`{}` is in {} documents: {}", assignment.path, found.len(), list.join("; "));
        let hint = "--document chooses one, --all takes them all";
        return Err(Hinted::new(Code::Ambiguous, message, hint).into());
    }
    for (document, node) in found {
        let node = stream.node(node);
        let before = node.text();
        let place = format!("`{}` on line {}", assignment.path, node.line());
        guard(rules, before.as_slice(), &assignment.value, &place)?;
        if before == Some(assignment.value.as_str()) {
            continue;
        }
        let edit = edit(source, document, assignment, node.line(), before);
        let at = Address { node: node.id(), inner: None };
        draft.add(source, at, Operation::Set(assignment.value.clone()), edit);
    }
    Ok(())
}

/// A key that is nowhere: added on request, in the one document meant.
fn absent(
    draft: &mut Draft,
    source: &Source,
    documents: &[usize],
    assignment: &Assignment,
    rules: &Rules,
) -> anyhow::Result<()> {
    let stream = &source.stream;
    let &[document] = documents else {
        let message =
            format!("no `{}` in any of its {} documents", assignment.path, documents.len());
        let hint = "--document chooses one, and the error then tells what it has";
        return Err(Hinted::new(Code::NotFound, message, hint).into());
    };
    if !rules.create {
        return Err(yaml::missing(stream, document, &assignment.path).into());
    }
    let place = format!("`{}`", assignment.path);
    guard(rules, &[], &assignment.value, &place)?;
    let (node, key) = yaml::inserting(stream, document, &assignment.path, rules.sharing)?;
    let line = stream.node(node).line();
    let operation = Operation::Append { key: key.to_owned(), value: assignment.value.clone() };
    let edit = edit(source, document, assignment, line, None);
    draft.add(source, Address { node, inner: None }, operation, edit);
    Ok(())
}

fn edit(
    source: &Source,
    document: usize,
    assignment: &Assignment,
    line: usize,
    before: Option<&str>,
) -> Edit {
    Edit {
        environment: None,
        image: None,
        target: None,
        file: source.path.clone(),
        document,
        key: assignment.path.to_string(),
        line,
        before: before.map(str::to_owned),
        after: assignment.value.clone(),
    }
}
