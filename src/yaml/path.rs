//! Key paths: `a.b[0].c`, `a["x.y/z"].c`, `list[name=web].image`, `a.0.c`, `a\.b`.

use std::fmt;

use crate::error::{Code, Hinted};

/// One step of a key path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key; all digits, it also counts the items of a sequence.
    Key(String),
    /// An item, counted from 0.
    Index(usize),
    /// The one item of a sequence in which `key` has this value.
    Item {
        /// The key to look at.
        key: String,
        /// What it must be.
        value: String,
    },
}

/// The way from a document's root to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct YamlPath {
    segments: Vec<Segment>,
}

impl YamlPath {
    /// A path of these steps.
    #[must_use]
    pub fn new(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// Its steps.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Reads a whole text as a path.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (path, rest) = Self::parse_until(text, None)?;
        debug_assert!(rest.is_empty());
        Ok(path)
    }

    /// Splits `KEY=VALUE` at the first `=` outside brackets and quotes.
    pub fn parse_assignment(text: &str) -> anyhow::Result<(Self, &str)> {
        let (path, rest) = Self::parse_until(text, Some('='))?;
        let Some(value) = rest.strip_prefix('=') else {
            return Err(invalid(text, "there is no `=`").into());
        };
        Ok((path, value))
    }

    fn parse_until(text: &str, stop: Option<char>) -> anyhow::Result<(Self, &str)> {
        let mut reader = Reader { text, rest: text };
        let mut segments = Vec::new();
        loop {
            if reader.rest.starts_with('[') {
                segments.push(reader.bracket()?);
            } else {
                segments.push(Segment::Key(reader.key(stop)?));
            }
            match reader.rest.chars().next() {
                None => break,
                found if found == stop => break,
                Some('[') => {}
                Some('.') => reader.rest = &reader.rest[1..],
                Some(c) => {
                    return Err(invalid(text, &format!("`.` is missing before `{c}`")).into());
                }
            }
        }
        Ok((Self { segments }, reader.rest))
    }
}

fn invalid(path: &str, cause: &str) -> Hinted {
    Hinted::new(
        Code::Usage,
        format!("cannot read the key path `{path}`: {cause}"),
        "write a.b[0].c, a[\"x.y\"].c or list[name=web].image",
    )
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
}

impl Reader<'_> {
    /// A key up to a dot, a bracket or the stop; a backslash takes the next character as it is.
    fn key(&mut self, stop: Option<char>) -> Result<String, Hinted> {
        if self.rest.starts_with(['"', '\'']) {
            return self.quoted();
        }
        let mut key = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, escaped)) => key.push(escaped),
                    None => return Err(invalid(self.text, "nothing follows the last `\\`")),
                },
                '.' | '[' => {
                    end = at;
                    break;
                }
                c if Some(c) == stop => {
                    end = at;
                    break;
                }
                c => key.push(c),
            }
        }
        self.rest = &self.rest[end..];
        if key.is_empty() { Err(invalid(self.text, "a key is empty")) } else { Ok(key) }
    }

    /// `[0]`, `["key"]`, `[name=web]`, `[name="a b"]`.
    fn bracket(&mut self) -> Result<Segment, Hinted> {
        self.rest = &self.rest[1..];
        if self.rest.starts_with(['"', '\'']) {
            let key = self.quoted()?;
            if let Some(rest) = self.rest.strip_prefix('=') {
                self.rest = rest;
                return self.item(key);
            }
            self.close()?;
            return Ok(Segment::Key(key));
        }
        let end = self.rest.find(['=', ']']).unwrap_or(self.rest.len());
        let word = self.rest[..end].to_owned();
        self.rest = &self.rest[end..];
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            return self.item(word);
        }
        self.close()?;
        word.parse()
            .map(Segment::Index)
            .map_err(|_| invalid(self.text, &format!("`[{word}]` is no index; quote a key")))
    }

    fn item(&mut self, key: String) -> Result<Segment, Hinted> {
        if key.is_empty() {
            return Err(invalid(self.text, "no key stands before `=` in the brackets"));
        }
        let value = if self.rest.starts_with(['"', '\'']) {
            self.quoted()?
        } else {
            let end = self.rest.find(']').unwrap_or(self.rest.len());
            let value = self.rest[..end].to_owned();
            self.rest = &self.rest[end..];
            value
        };
        self.close()?;
        Ok(Segment::Item { key, value })
    }

    fn close(&mut self) -> Result<(), Hinted> {
        match self.rest.strip_prefix(']') {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(invalid(self.text, "`]` is missing")),
        }
    }

    /// A text in quotes, with backslash escapes.
    fn quoted(&mut self) -> Result<String, Hinted> {
        let mut chars = self.rest.char_indices();
        let Some((_, quote)) = chars.next() else { return Ok(String::new()) };
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(invalid(self.text, &format!("the {quote} is never closed")))
    }
}

impl fmt::Display for YamlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Key(key) if is_bare(key) => {
                    write!(f, "{}{key}", if at == 0 { "" } else { "." })?;
                }
                Segment::Key(key) => write!(f, "[{}]", Quoted(key))?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Item { key, value } if is_bare(key) && is_bare(value) => {
                    write!(f, "[{key}={value}]")?;
                }
                Segment::Item { key, value } => write!(f, "[{}={}]", Quoted(key), Quoted(value))?,
            }
        }
        Ok(())
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && !key.contains(|c: char| ".[]=\"'\\".contains(c) || c.is_whitespace() || c.is_control())
}

struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Segment {
        Segment::Key(key.to_owned())
    }

    fn item(key: &str, value: &str) -> Segment {
        Segment::Item { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn reads_every_spelling() {
        let cases: &[(&str, Vec<Segment>, &str)] = &[
            ("a", vec![key("a")], "a"),
            ("a.b[0].c", vec![key("a"), key("b"), Segment::Index(0), key("c")], "a.b[0].c"),
            ("a.0.c", vec![key("a"), key("0"), key("c")], "a.0.c"),
            (r#"a["x.y/z"].c"#, vec![key("a"), key("x.y/z"), key("c")], r#"a["x.y/z"].c"#),
            ("a['x']", vec![key("a"), key("x")], "a.x"),
            (r"a\.b", vec![key("a.b")], r#"["a.b"]"#),
            (r#""a.b".c"#, vec![key("a.b"), key("c")], r#"["a.b"].c"#),
            ("l[name=web].i", vec![key("l"), item("name", "web"), key("i")], "l[name=web].i"),
            (r#"l[name="a]b"]"#, vec![key("l"), item("name", "a]b")], r#"l["name"="a]b"]"#),
            ("[1].a", vec![Segment::Index(1), key("a")], "[1].a"),
            ("a[0][1]", vec![key("a"), Segment::Index(0), Segment::Index(1)], "a[0][1]"),
            (r#"a["q\"\\"]"#, vec![key("a"), key("q\"\\")], r#"a["q\"\\"]"#),
            ("a/b.ü", vec![key("a/b"), key("ü")], "a/b.ü"),
        ];
        for (text, segments, shown) in cases {
            let path = YamlPath::parse(text).unwrap();
            assert_eq!(path.segments(), segments, "{text}");
            assert_eq!(path.to_string(), *shown, "{text}");
            assert_eq!(YamlPath::parse(&path.to_string()).unwrap(), path, "{text}");
        }
    }

    #[test]
    fn an_assignment_ends_at_the_first_equals_sign_outside() {
        let cases = [
            ("a.b=c", "a.b", "c"),
            ("a=b=c", "a", "b=c"),
            ("a=", "a", ""),
            (r#"a["x=y"]=z"#, r#"a["x=y"]"#, "z"),
            ("l[name=web].image=r/a:1", "l[name=web].image", "r/a:1"),
            (r"a\=b=c", r#"["a=b"]"#, "c"),
        ];
        for (text, path, value) in cases {
            let (read, rest) = YamlPath::parse_assignment(text).unwrap();
            assert_eq!((read.to_string().as_str(), rest), (path, value), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("", "a key is empty"),
            ("a..b", "a key is empty"),
            ("a.", "a key is empty"),
            (".a", "a key is empty"),
            ("a[", "`]` is missing"),
            ("a[x]", "`[x]` is no index"),
            ("a[-1]", "`[-1]` is no index"),
            ("a[0", "`]` is missing"),
            ("a[=b]", "no key stands before"),
            ("a[\"x]", "is never closed"),
            ("a\\", "nothing follows"),
            ("a[0]b", "`.` is missing"),
        ];
        for (text, cause) in cases {
            let error = YamlPath::parse(text).unwrap_err().to_string();
            assert!(error.contains(cause), "{text}: {error}");
        }
        assert!(YamlPath::parse_assignment("a.b").unwrap_err().to_string().contains("no `=`"));
    }
}
