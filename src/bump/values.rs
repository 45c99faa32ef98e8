//! `--file F --set KEY=VALUE`: any string by its key path.

use super::document::{Selector, describe, select};
use super::{Draft, Edit, Plan, Rules, Source, guard, read, secret, shortened};
use crate::error::{Code, Hinted};
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use crate::target;
use crate::yaml::{self, Added, Address, Change, Found, Operation, YamlPath};

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
    policy: &Policy,
) -> anyhow::Result<Plan> {
    let (path, bytes) = read(snapshot, &[file.to_owned()])?.swap_remove(0);
    let source = Source::read(&path, bytes)?;
    let documents = select(&source.stream, &path, selector)?;
    let mut draft = Draft::default();
    let mut secrets = Vec::new();
    for assignment in assignments {
        assign(&mut draft, &source, &documents, assignment, rules, &mut secrets)
            .map_err(|error| error.context(format!("cannot edit `{path}`")))?;
    }
    let mut plan = draft.finish()?;
    check_images(&plan, policy)?;
    for (edit, is_secret) in plan.edits.iter_mut().zip(secrets) {
        if is_secret {
            edit.conceal();
        }
    }
    Ok(plan)
}

/// The policy is about images, whichever way they are set.
fn check_images(plan: &Plan, policy: &Policy) -> anyhow::Result<()> {
    for file in plan.changes.files() {
        let after = Source::read(&file.path, file.after.clone())?;
        for site in target::sites(&after.stream, &file.path) {
            let is_edited = plan.edits.iter().any(|edit| {
                edit.document == site.document && site.spots().any(|spot| spot.value == edit.after)
            });
            if is_edited {
                let repository = site.repositories.first().map(String::as_str);
                policy.check(repository, &target::current(&site))?;
            }
        }
    }
    Ok(())
}

fn assign(
    draft: &mut Draft,
    source: &Source,
    documents: &[usize],
    assignment: &Assignment,
    rules: &Rules,
    secrets: &mut Vec<bool>,
) -> anyhow::Result<()> {
    let stream = &source.stream;
    let mut found = Vec::new();
    for &document in documents {
        if let Found::Node(node) = yaml::find(stream, document, &assignment.path, rules.sharing)? {
            found.push((document, node));
        }
    }
    if found.is_empty() {
        return absent(draft, source, documents, assignment, rules, secrets);
    }
    if found.len() > 1 && !rules.all {
        let list = found.iter().map(|(document, _)| describe(stream, *document));
        let list = shortened(list.collect(), "; ");
        let message = format!("`{}` is in {} documents: {list}", assignment.path, found.len());
        let hint = "--document chooses one, --all takes them all";
        return Err(Hinted::new(Code::Ambiguous, message, hint).into());
    }
    for (document, node) in found {
        let node = stream.node(node);
        let before = node.text();
        let place = format!("`{}` on line {}", assignment.path, node.line());
        let at = Address { node: node.id(), inner: None };
        let is_first = draft.want(source, at, &assignment.value)?;
        if !is_first || before == Some(assignment.value.as_str()) {
            continue;
        }
        let is_secret = secret::is_secret(node);
        guard(rules, before.as_slice(), &assignment.value, &place)
            .map_err(|refused| if is_secret { concealed(&refused, &place) } else { refused })?;
        let edit = edit(source, document, assignment, node.line(), before);
        secrets.push(is_secret);
        let change = Change { at, operation: Operation::Set(assignment.value.clone()) };
        draft.add(source, change, edit);
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
    secrets: &mut Vec<bool>,
) -> anyhow::Result<()> {
    let stream = &source.stream;
    let &[document] = documents else {
        if documents.is_empty() {
            let message = format!("no `{}`: the file is empty", assignment.path);
            return Err(Hinted::new(Code::NotFound, message, "write its first key by hand").into());
        }
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
    let value = Added::Text(assignment.value.clone());
    let operation = Operation::Append { key: key.to_owned(), value };
    let edit = edit(source, document, assignment, line, None);
    secrets.push(secret::would_be(stream.node(node), key, &assignment.value));
    draft.add(source, Change { at: Address { node, inner: None }, operation }, edit);
    Ok(())
}

/// A guard's refusal without the values.
fn concealed(refused: &Hinted, place: &str) -> Hinted {
    let message =
        format!("{place} is not as --expect or --no-downgrade has it (its value is masked)");
    Hinted::new(refused.code(), message, refused.hint().unwrap_or_default())
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
        replaced: 0,
    }
}
