//! From a key path to the one node it names, without ever guessing.

use std::collections::HashSet;

use super::quirks::is_merge_key;
use super::{Kind, NodeId, NodeRef, Segment, Stream, YamlPath};
use crate::error::{Code, Hinted};

/// What to do where other keys share a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Refuse, and name them.
    Refuse,
    /// Edit the shared value (`--shared`).
    Edit,
}

/// The answer to [`find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The node. It can be an alias, which an edit replaces.
    Node(NodeId),
    /// There is no such node.
    Missing,
}

/// Looks a path up in one document.
///
/// Duplicate keys on the way, and shared values unless asked for, are errors. [`missing`] explains a
/// path that leads nowhere.
pub fn find(
    stream: &Stream,
    document: usize,
    path: &YamlPath,
    sharing: Sharing,
) -> anyhow::Result<Found> {
    let Some(mut node) = stream.root(document) else { return Ok(Found::Missing) };
    let mut steps = path.segments().iter().peekable();
    while let Some(segment) = steps.next() {
        let Some(mut child) = step(node, segment, sharing)? else { return Ok(Found::Missing) };
        if steps.peek().is_some() && child.kind() == Kind::Alias {
            if sharing == Sharing::Refuse {
                return Err(through_alias(path, child).into());
            }
            child = child.resolved();
        }
        node = child;
    }
    if sharing == Sharing::Refuse {
        refuse_shared(node)?;
    }
    Ok(Found::Node(node.id()))
}

/// One step down; `None` where nothing is there.
fn step<'s>(
    node: NodeRef<'s>,
    segment: &Segment,
    sharing: Sharing,
) -> anyhow::Result<Option<NodeRef<'s>>> {
    match segment {
        Segment::Key(key) if node.is_sequence() => {
            Ok(key.parse::<usize>().ok().and_then(|index| node.items().nth(index)))
        }
        Segment::Index(index) => Ok(node.items().nth(*index)),
        Segment::Key(key) => value_of(node, key, sharing, &mut HashSet::new()),
        Segment::Item { key, value } => {
            let fits = |item: &NodeRef<'_>| item.resolved().get_text(key) == Some(value.as_str());
            let mut items = node.items().filter(fits);
            match (items.next(), items.next()) {
                (Some(first), Some(second)) => Err(ambiguous_item(segment, first, second).into()),
                (found, _) => Ok(found),
            }
        }
    }
}

fn ambiguous_item(segment: &Segment, first: NodeRef<'_>, second: NodeRef<'_>) -> Hinted {
    let path = YamlPath::new(vec![segment.clone()]);
    Hinted::new(
        Code::Ambiguous,
        format!("`{path}` fits several items: lines {} and {}", first.line(), second.line()),
        "choose the item by its index, as in list[0].image",
    )
}

/// The value of a key: of the mapping itself, else of what it merges.
///
/// `seen` holds the merged mappings that lack the key, so that a mapping merged a million times over
/// is looked at once, and one merged into itself ends.
fn value_of<'s>(
    node: NodeRef<'s>,
    key: &str,
    sharing: Sharing,
    seen: &mut HashSet<NodeId>,
) -> anyhow::Result<Option<NodeRef<'s>>> {
    let mut own = node.entries().filter(|(name, _)| name.scalar() == Some(key));
    match (own.next(), own.next()) {
        (Some((first, _)), Some((second, _))) => {
            let message = format!(
                "the key `{key}` stands twice in one mapping: lines {} and {}",
                first.line(),
                second.line()
            );
            Err(Hinted::new(Code::Ambiguous, message, "remove one of them first").into())
        }
        (Some((_, value)), None) => Ok(Some(value)),
        (None, _) => merged(node, key, sharing, seen),
    }
}

/// Looks a key up behind `<<`, the mappings merged there in their order of precedence.
fn merged<'s>(
    node: NodeRef<'s>,
    key: &str,
    sharing: Sharing,
    seen: &mut HashSet<NodeId>,
) -> anyhow::Result<Option<NodeRef<'s>>> {
    for (name, value) in node.entries().filter(|(name, _)| is_merge_key(*name)) {
        let value = value.resolved();
        let sources: Vec<_> =
            if value.is_sequence() { value.items().collect() } else { vec![value] };
        for source in sources.into_iter().map(NodeRef::resolved) {
            if !seen.insert(source.id()) {
                continue;
            }
            let Some(found) = value_of(source, key, sharing, seen)? else { continue };
            if sharing == Sharing::Edit {
                return Ok(Some(found));
            }
            let message = format!(
                "`{key}` comes through the merge key on line {}; its value stands on line {} (`{}`)",
                name.line(),
                found.line(),
                found.path()
            );
            return Err(Hinted::new(
                Code::Shared,
                message,
                "--shared edits it for every user; or give this place a key of its own first",
            )
            .into());
        }
    }
    Ok(None)
}

fn through_alias(path: &YamlPath, alias: NodeRef<'_>) -> Hinted {
    let target = alias.resolved();
    let message = format!(
        "`{path}` leads through the alias on line {} to line {} (`{}`)",
        alias.line(),
        target.line(),
        target.path()
    );
    Hinted::new(Code::Shared, message, "--shared edits the value for every place that uses it")
}

/// Refuses a node whose value other places show, through its own anchor or that of a parent.
pub fn refuse_shared(node: NodeRef<'_>) -> anyhow::Result<()> {
    let mut below: Option<NodeRef<'_>> = None;
    let mut at = Some(node);
    while let Some(anchored) = at {
        let users: Vec<String> = node
            .stream()
            .aliases_of(anchored.id())
            .filter(|alias| shows(*alias, anchored, below))
            .map(|alias| format!("`{}` (line {})", alias.path(), alias.line()))
            .collect();
        if !users.is_empty() {
            let message = format!(
                "`{}` on line {} is shared through an anchor with {}",
                node.path(),
                node.line(),
                users.join(", ")
            );
            return Err(Hinted::new(Code::Shared, message, "--shared edits it for all").into());
        }
        below = Some(anchored);
        at = anchored.parent();
    }
    Ok(())
}

/// Whether an alias shows the edited child: one that is merged into a mapping with the same key of
/// its own does not.
fn shows(alias: NodeRef<'_>, anchored: NodeRef<'_>, below: Option<NodeRef<'_>>) -> bool {
    let Some(key) = below.filter(|_| anchored.is_mapping()).and_then(NodeRef::key) else {
        return true;
    };
    let is_merge = |at: NodeRef<'_>| at.key().is_some_and(is_merge_key);
    let merge_value = if is_merge(alias) { Some(alias) } else { alias.parent() };
    let into = merge_value.filter(|value| is_merge(*value)).and_then(NodeRef::parent);
    into.is_none_or(|mapping| mapping.get(key.scalar().unwrap_or_default()).is_none())
}

/// Explains a path that leads nowhere: how far it went, what is there, which key is nearest.
#[must_use]
pub fn missing(stream: &Stream, document: usize, path: &YamlPath) -> Hinted {
    let Some(mut node) = stream.root(document) else {
        return Hinted::plain(Code::NotFound, format!("no `{path}`: the document is empty"));
    };
    let segments = path.segments();
    let mut depth = 0;
    for segment in segments {
        match step(node, segment, Sharing::Edit) {
            Ok(Some(next)) => node = next.resolved(),
            _ => break,
        }
        depth += 1;
    }
    let reached = YamlPath::new(segments[..depth].to_vec());
    let place = if depth == 0 { "the document".to_owned() } else { format!("`{reached}`") };
    let message = format!("no `{path}`: {place} has {}", contents(node));
    match nearest(node, segments.get(depth)) {
        Some(key) => {
            let mut better = segments[..depth].to_vec();
            better.push(Segment::Key(key));
            better.extend_from_slice(segments.get(depth + 1..).unwrap_or_default());
            let hint = format!("did you mean `{}`?", YamlPath::new(better));
            Hinted::new(Code::NotFound, message, hint)
        }
        None if depth + 1 == segments.len() && node.is_mapping() => {
            Hinted::new(Code::NotFound, message, "--create adds the key")
        }
        None => Hinted::plain(Code::NotFound, message),
    }
}

fn contents(node: NodeRef<'_>) -> String {
    const SHOWN: usize = 8;
    if node.is_sequence() {
        return format!("{} items", node.items().count());
    }
    let keys: Vec<&str> = node.entries().filter_map(|(key, _)| key.scalar()).collect();
    if keys.is_empty() {
        return if node.is_mapping() { "no keys".to_owned() } else { "no keys below".to_owned() };
    }
    let shown: Vec<String> = keys.iter().take(SHOWN).map(|key| format!("`{key}`")).collect();
    let more = keys.len().saturating_sub(SHOWN);
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

fn nearest(node: NodeRef<'_>, segment: Option<&Segment>) -> Option<String> {
    let Some(Segment::Key(wanted)) = segment else { return None };
    let keys = node.entries().filter_map(|(key, _)| key.scalar());
    let scored = keys.map(|key| (strsim::damerau_levenshtein(key, wanted), key));
    let (distance, key) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + wanted.chars().count() / 4).then(|| key.to_owned())
}

/// The mapping to add the last key of a path to, and that key.
pub fn inserting<'p>(
    stream: &Stream,
    document: usize,
    path: &'p YamlPath,
    sharing: Sharing,
) -> anyhow::Result<(NodeId, &'p str)> {
    let Some((Segment::Key(key), above)) = path.segments().split_last() else {
        let message = format!("cannot create `{path}`: its last step is no key");
        return Err(Hinted::plain(Code::Usage, message).into());
    };
    let above = YamlPath::new(above.to_vec());
    match find(stream, document, &above, sharing)? {
        Found::Node(id) if stream.node(id).is_mapping() || stream.node(id).is_missing() => {
            Ok((id, key))
        }
        Found::Node(id) => {
            let message = format!(
                "cannot create `{path}`: `{above}` on line {} is no mapping",
                stream.node(id).line()
            );
            Err(Hinted::plain(Code::NotEditable, message).into())
        }
        Found::Missing => Err(missing(stream, document, &above).into()),
    }
}
