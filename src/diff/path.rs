//! Field paths as kubectl spells them: `spec.containers[web].image`, and patterns over them.

use std::fmt;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A key of a mapping.
    Key(Box<str>),
    /// An item of a list, by what tells it from the others.
    Item(Box<str>),
    /// An item of a list, by number.
    Index(usize),
    /// Into the YAML or JSON that a string holds.
    Inside,
}

/// The way from an object to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// Its steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The last key on the way.
    #[must_use]
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        })
    }

    /// Whether its keys, items left out, are these.
    #[must_use]
    pub fn has_keys(&self, keys: &[&str]) -> bool {
        self.keys().eq(keys.iter().copied())
    }

    /// Whether its keys, items left out, begin with these.
    #[must_use]
    pub fn starts_with_keys(&self, keys: &[&str]) -> bool {
        let mut own = self.keys();
        keys.iter().all(|key| own.next() == Some(key))
    }

    /// The keys on the way, items left out.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for step in &self.0 {
            match step {
                Step::Key(key) if is_bare(key) => {
                    write!(f, "{}{key}", if first { "" } else { "." })?;
                }
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Item(name) => write!(f, "[{name}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Inside => f.write_str("→")?,
            }
            first = matches!(step, Step::Inside);
        }
        Ok(())
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || ".[]\"'→".contains(c))
}

/// A step of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This key, or the item of this name.
    Name(String),
    /// `[*]` or `*`: any one step.
    Any,
    /// `**`: any number of steps.
    Deep,
}

/// A pattern of field paths: `spec.replicas`, `webhooks[*].clientConfig.caBundle`, `**.caBundle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.strip_prefix('.').unwrap_or(text);
        while !rest.is_empty() {
            let (part, after) = if let Some(inner) = rest.strip_prefix('[') {
                bracket(inner)?
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                (part_of(&rest[..end])?, &rest[end..])
            };
            parts.push(part);
            rest = match after.strip_prefix('.') {
                Some("") => return Err("it ends with a dot".to_owned()),
                Some(next) => next,
                None => after,
            };
        }
        if parts.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether it covers the field, or something that contains it.
    #[must_use]
    pub fn covers(&self, path: &FieldPath) -> bool {
        covers(&self.parts, path.steps())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn part_of(word: &str) -> Result<Part, String> {
    match word {
        "" => Err("a key is empty".to_owned()),
        "*" => Ok(Part::Any),
        "**" => Ok(Part::Deep),
        word => Ok(Part::Name(word.to_owned())),
    }
}

/// Behind `[`: `*]`, `name]`, `"dotted.key"]`.
fn bracket(inner: &str) -> Result<(Part, &str), String> {
    let open = || "a bracket is not closed".to_owned();
    if let Some(quoted) = inner.strip_prefix('"') {
        let (name, rest) = quoted.split_once("\"]").ok_or_else(open)?;
        return Ok((Part::Name(name.to_owned()), rest));
    }
    let (word, rest) = inner.split_once(']').ok_or_else(open)?;
    Ok((part_of(word)?, rest))
}

fn covers(parts: &[Part], steps: &[Step]) -> bool {
    let Some((part, others)) = parts.split_first() else { return true };
    if *part == Part::Deep {
        return (0..=steps.len()).any(|skip| covers(others, &steps[skip..]));
    }
    let Some((step, rest)) = steps.split_first() else { return false };
    let fits = match (part, step) {
        (_, Step::Inside) => return covers(parts, rest),
        (Part::Name(name), Step::Key(key) | Step::Item(key)) => **key == **name,
        (Part::Name(name), Step::Index(index)) => *name == index.to_string(),
        _ => true,
    };
    fits && covers(others, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> FieldPath {
        let key = |key: &str| Step::Key(key.into());
        FieldPath(vec![key("spec"), key("ports"), Step::Item("80/TCP".into()), key("a.b/c")])
    }

    #[test]
    fn reads_like_kubectl() {
        assert_eq!(path().to_string(), "spec.ports[80/TCP][\"a.b/c\"]");
        let inside = vec![Step::Key("data".into()), Step::Key("x.json".into()), Step::Inside];
        let inside = FieldPath([inside, vec![Step::Key("a".into()), Step::Index(0)]].concat());
        assert_eq!(inside.to_string(), "data[\"x.json\"]→a[0]");
    }

    #[test]
    fn patterns_cover_what_they_name_and_below() {
        for text in [
            "spec",
            "spec.ports",
            "spec.ports[*]",
            "spec.ports[80/TCP]",
            "spec.*.*",
            "**",
            "spec.ports[*][\"a.b/c\"]",
            "**[\"a.b/c\"]",
            ".spec.ports",
            "**.ports",
        ] {
            assert!(Pattern::parse(text).unwrap().covers(&path()), "{text}");
        }
        for text in ["ports", "spec.ports[443/TCP]", "spec.ports[*].x", "**.x", "*.x"] {
            assert!(!Pattern::parse(text).unwrap().covers(&path()), "{text}");
        }
        for text in ["", "a..b", "a.", "a[", "a[\"b]"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
