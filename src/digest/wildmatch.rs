//! Git's own patterns: `wildmatch`, step by step as Git does it, because "nearly the syntax of `.gitignore`" would
//! leave out, or keep, what the user did not mean.

/// How a comparison ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Match,
    No,
    /// The text is too short for any star before.
    Abort,
    /// Only a star that crosses `/` could still match.
    AbortToStarStar,
}

/// Whether the pattern matches the whole text. With `pathname`, only `**` crosses `/`.
pub(super) fn matches(pattern: &[u8], text: &[u8], pathname: bool) -> bool {
    Match { pattern, text, pathname }.run(0, 0) == End::Match
}

/// Whether a pattern means this byte literally.
pub(super) fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

struct Match<'a> {
    pattern: &'a [u8],
    text: &'a [u8],
    pathname: bool,
}

impl Match<'_> {
    /// A byte of the pattern; 0 behind its end.
    fn p(&self, at: usize) -> u8 {
        self.pattern.get(at).copied().unwrap_or(0)
    }

    /// A byte of the text; 0 behind its end.
    fn t(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// Compares from these places on.
    fn run(&self, start: usize, text: usize) -> End {
        let (mut p, mut t) = (start, text);
        while self.p(p) != 0 {
            let byte = self.t(t);
            if byte == 0 && self.p(p) != b'*' {
                return End::Abort;
            }
            match self.p(p) {
                b'?' if self.pathname && byte == b'/' => return End::No,
                b'?' => {}
                b'*' => match self.star(start, p, t) {
                    Ok(after) => (p, t) = after,
                    Err(end) => return end,
                },
                b'[' => match self.class(p + 1, byte) {
                    None => return End::Abort,
                    Some((false, _)) => return End::No,
                    Some((true, _)) if self.pathname && byte == b'/' => return End::No,
                    Some((true, end)) => p = end,
                },
                literal => {
                    let escaped = literal == b'\\';
                    p += usize::from(escaped);
                    if byte != self.p(p) {
                        return End::No;
                    }
                }
            }
            (p, t) = (p + 1, t + 1);
        }
        if self.t(t) == 0 { End::Match } else { End::No }
    }

    /// Compares what follows a star with all that it may leave over; or tells where to go on, where it stands for
    /// one whole component.
    fn star(&self, start: usize, star: usize, mut t: usize) -> Result<(usize, usize), End> {
        let mut p = star + 1;
        while self.p(p) == b'*' {
            p += 1;
        }
        let is_alone = (star == start || self.p(star - 1) == b'/')
            && (matches!(self.p(p), 0 | b'/') || (self.p(p) == b'\\' && self.p(p + 1) == b'/'));
        let is_double = p - star > 1 && is_alone;
        if self.pathname && is_double && self.p(p) == b'/' && self.run(p + 1, t) == End::Match {
            return Err(End::Match);
        }
        let crosses = !self.pathname || is_double;
        let slash = self.text.get(t..).and_then(|rest| rest.iter().position(|&byte| byte == b'/'));
        match self.p(p) {
            0 if !crosses && slash.is_some() => return Err(End::AbortToStarStar),
            0 => return Err(End::Match),
            b'/' if !crosses => {
                return slash.map(|slash| (p, t + slash)).ok_or(End::Abort);
            }
            _ => {}
        }
        while self.t(t) != 0 {
            let literal = self.p(p);
            if !is_special(literal) {
                while self.t(t) != 0 && self.t(t) != literal && (crosses || self.t(t) != b'/') {
                    t += 1;
                }
                if self.t(t) != literal {
                    return Err(if crosses { End::Abort } else { End::AbortToStarStar });
                }
            }
            match self.run(p, t) {
                End::No if !crosses && self.t(t) == b'/' => return Err(End::AbortToStarStar),
                End::No => {}
                End::AbortToStarStar if crosses => {}
                end => return Err(end),
            }
            t += 1;
        }
        Err(End::Abort)
    }

    /// Whether the class that begins here has the byte, and where its `]` is; nothing where it has none.
    fn class(&self, mut p: usize, byte: u8) -> Option<(bool, usize)> {
        let negated = matches!(self.p(p), b'!' | b'^');
        p += usize::from(negated);
        let (mut found, mut before) = (false, 0);
        loop {
            let mut last = self.p(p);
            match last {
                0 => return None,
                b'\\' => {
                    p += 1;
                    last = self.p(p);
                    found |= byte == last;
                }
                b'-' if before != 0 && !matches!(self.p(p + 1), 0 | b']') => {
                    p += 1;
                    p += usize::from(self.p(p) == b'\\');
                    found |= (before..=self.p(p)).contains(&byte);
                    last = if self.p(p) == 0 { return None } else { 0 };
                }
                b'[' if self.p(p + 1) == b':' => match self.named(p + 2) {
                    Named::Class(is_in, end) => {
                        found |= is_in(&byte);
                        (p, last) = (end, 0);
                    }
                    Named::Literal => found |= byte == b'[',
                    Named::Broken => return None,
                },
                literal => found |= byte == literal,
            }
            if last == 0 && self.p(p) == 0 {
                return None;
            }
            (before, p) = (last, p + 1);
            if self.p(p) == b']' {
                return Some((found != negated, p));
            }
        }
    }

    /// The class whose name begins here: `alpha:]`.
    fn named(&self, start: usize) -> Named {
        let Some(length) =
            self.pattern.get(start..).and_then(|rest| rest.iter().position(|&b| b == b']'))
        else {
            return Named::Broken;
        };
        let end = start + length;
        let Some(name) = self.pattern[start..end].strip_suffix(b":") else { return Named::Literal };
        let is_in: fn(&u8) -> bool = match name {
            b"alnum" => u8::is_ascii_alphanumeric,
            b"alpha" => u8::is_ascii_alphabetic,
            b"blank" => |byte| matches!(byte, b' ' | b'\t'),
            b"cntrl" => u8::is_ascii_control,
            b"digit" => u8::is_ascii_digit,
            b"graph" => u8::is_ascii_graphic,
            b"lower" => u8::is_ascii_lowercase,
            b"print" => |byte| matches!(byte, b' '..=b'~'),
            b"punct" => u8::is_ascii_punctuation,
            b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
            b"upper" => u8::is_ascii_uppercase,
            b"xdigit" => u8::is_ascii_hexdigit,
            _ => return Named::Broken,
        };
        Named::Class(is_in, end)
    }
}

/// What `[:` within a class begins.
enum Named {
    /// Such bytes, up to this `]`.
    Class(fn(&u8) -> bool, usize),
    /// Nothing: a bracket and a colon.
    Literal,
    /// A name that nobody knows, or no end.
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Git's own tests (`t3070-wildmatch.sh`) expect, with and without `pathname`.
    #[test]
    fn matches_as_git_does() {
        let table: &[(&str, &str, bool, bool)] = &[
            ("foo", "foo", true, true),
            ("", "", true, true),
            ("???", "foo", true, true),
            ("??", "foo", false, false),
            ("*f", "foo", false, false),
            ("*ob*a*r*", "foobar", true, true),
            ("*ab", "aaaaaaabababab", true, true),
            ("foo\\*", "foo*", true, true),
            ("f\\\\oo", "f\\oo", true, true),
            ("*[al]?", "ball", true, true),
            ("**[!te]", "ten", true, true),
            ("t[a-g]n", "ten", true, true),
            ("t[!a-g]n", "ton", true, true),
            ("t[^a-g]n", "ton", true, true),
            ("a[]]b", "a]b", true, true),
            ("a[]-]b", "a-b", true, true),
            ("a[]a-]b", "aab", true, true),
            ("]", "]", true, true),
            ("foo*bar", "foo/baz/bar", false, true),
            ("foo**bar", "foo/baz/bar", false, true),
            ("foo/**/bar", "foo/bar", true, false),
            ("foo/**/**/bar", "foo/b/a/z/bar", true, true),
            ("foo?bar", "foo/bar", false, true),
            ("foo[/]bar", "foo/bar", false, true),
            ("**/foo", "foo", true, false),
            ("**/foo", "any/foo", true, true),
            ("*/foo", "bar/baz/foo", false, true),
            ("**/bar/*", "deep/foo/bar", false, false),
            ("**/bar/**", "deep/foo/bar/baz/", true, true),
            ("**/bar/*/*", "deep/foo/bar/baz/x", true, true),
            ("*/bar/**", "deep/foo/bar/baz/x", false, true),
            ("[[:alpha:]][[:digit:]][[:upper:]]", "a1B", true, true),
            ("[[:digit:][:upper:][:space:]]", "a", false, false),
            ("[[:digit:][:upper:][:spaci:]]", "1", false, false),
            ("[[:xdigit:]]", "f", true, true),
            ("[a-c[:digit:]x-z]", "y", true, true),
            ("[\\\\-^]", "]", true, true),
            ("[\\-_]", "-", true, true),
            ("[\\]]", "]", true, true),
            ("a[]b", "ab", false, false),
            ("[!", "ab", false, false),
            ("[-", "-", false, false),
            ("[a-", "a", false, false),
            ("[[:", "[", false, false),
            (
                "-*-*-*-*-*-*-12-*-*-*-m-*-*-*",
                "-adobe-courier-bold-o-normal--12-120-75-75-m-70-iso8859-1",
                true,
                true,
            ),
            ("**/*a*b*g*n*t", "abcd/abcdefg/abcdefghijk/abcdefghijklmnop.txt", true, true),
            ("foo/*", "foo/bba/arr", false, true),
            ("foo/**", "foo/bba/arr", true, true),
            ("foo/**arr", "foo/bba/arr", false, true),
            ("a{b", "a{b", true, true),
            ("{a,b}", "a", false, false),
            ("a\\", "a", false, false),
            ("a\\", "a\\", false, false),
        ];
        for (pattern, text, pathname, plain) in table {
            let found = [true, false].map(|way| matches(pattern.as_bytes(), text.as_bytes(), way));
            assert_eq!(found, [*pathname, *plain], "{pattern} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text, true);
        }
    }
}
