//! Foreign text made safe to carry: one line, no control characters, no disguise, no excess.

/// `text` on one line and at most `most` characters long. Control characters and line breaks become blanks;
/// characters that reorder or hide text (bidirectional overrides, zero-width ones) are dropped.
#[must_use]
pub fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !hides(*c)) {
        let blank = c.is_whitespace() || c.is_control();
        match (blank, out.ends_with(' ') || out.is_empty()) {
            (true, true) => {}
            (true, false) => out.push(' '),
            (false, _) => out.push(c),
        }
    }
    cut(out.trim_end(), most)
}

/// The first `most` characters of `text`, with `…` as the last where something is missing.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn becomes_one_visible_line() {
        let table = [
            ("v2", "v2"),
            ("a\nb\r\n\tc", "a b c"),
            ("  a  ", "a"),
            ("a\u{202e}b\u{200b}c\u{1b}[31m", "abc [31m"),
            ("\n\n", ""),
        ];
        for (text, expected) in table {
            assert_eq!(clean(text, 80), expected, "{text:?}");
        }
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("añé😀b", 5), "añé😀b");
        assert_eq!(cut("añé😀b", 4), "añé…");
        assert_eq!(cut("ab cd", 4), "ab…");
        assert_eq!(clean(&"é".repeat(5000), 10).chars().count(), 10);
    }
}
