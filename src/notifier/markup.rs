//! How each channel writes bold, code and links, and how foreign text is kept from doing so.
//!
//! One row for each dialect. Whatever a name contains, it mentions nobody, links nowhere and formats nothing.

use crate::event::message::{Line, Span};

/// Invisible, and enough to keep `@` from being a mention and `www.` from being a link.
const ZERO_WIDTH: char = '\u{200b}';

/// A dialect. The functions take text as it is, except where they are said to take marked-up text.
#[derive(Debug)]
pub(super) struct Markup {
    /// Foreign text as it can be shown.
    pub(super) text: fn(&str) -> String,
    /// Bold; takes marked-up text.
    pub(super) bold: fn(&str) -> String,
    /// Code.
    pub(super) code: fn(&str) -> String,
    /// Code that matters.
    pub(super) bold_code: fn(&str) -> String,
    /// A link; takes a marked-up label and a URL of [`crate::event::link`].
    pub(super) link: fn(&str, &str) -> String,
    /// What opens each line of a list.
    pub(super) bullet: &'static str,
    /// What ends a line.
    pub(super) newline: &'static str,
}

impl Markup {
    /// A line as the channel reads it.
    pub(super) fn line(&self, line: &Line) -> String {
        line.iter().map(|span| self.span(span)).collect()
    }

    fn span(&self, span: &Span) -> String {
        match span {
            Span::Text(text) => (self.text)(text),
            Span::Bold(text) => (self.bold)(&(self.text)(text)),
            Span::Code(text) => (self.code)(text),
            Span::BoldCode(text) => (self.bold_code)(text),
            Span::Link { label, url, bold } => {
                let link = (self.link)(&(self.text)(label), url);
                if *bold { (self.bold)(&link) } else { link }
            }
        }
    }
}

/// For terminals, mails and fields without markup: addresses are shown.
pub(super) static PLAIN: Markup = Markup {
    text: str::to_owned,
    bold: str::to_owned,
    code: str::to_owned,
    bold_code: str::to_owned,
    link: |label, url| format!("{label} <{url}>"),
    bullet: "  ",
    newline: "\n",
};

/// For single short lines: addresses are left out.
pub(super) static TERSE: Markup = Markup {
    text: str::to_owned,
    bold: str::to_owned,
    code: str::to_owned,
    bold_code: str::to_owned,
    link: |label, _| label.to_owned(),
    bullet: "",
    newline: " ",
};

/// Slack's mrkdwn: three characters are escaped, as its documentation asks, and those that format but cannot
/// be escaped are replaced by their likes.
pub(super) static SLACK: Markup = Markup {
    text: |text| html(&alike(text), false),
    bold: |marked| format!("*{marked}*"),
    code: |text| format!("`{}`", html(&alike(text), false)),
    bold_code: |text| format!("*`{}`*", html(&alike(text), false)),
    link: |label, url| format!("<{}|{label}>", html(url, false)),
    bullet: "• ",
    newline: "\n",
};

/// Google Chat: as Slack, but nothing can be escaped.
pub(super) static GOOGLE_CHAT: Markup = Markup {
    text: defused,
    bold: |marked| format!("*{marked}*"),
    code: |text| format!("`{}`", defused(text)),
    bold_code: |text| format!("*`{}`*", defused(text)),
    link: |label, url| format!("<{url}|{}>", label.replace('>', "›").replace('|', "¦")),
    bullet: "• ",
    newline: "\n",
};

/// Rocket.Chat: its own bold, Markdown's links.
pub(super) static ROCKETCHAT: Markup = Markup {
    text: defused,
    bold: |marked| format!("*{marked}*"),
    code: |text| format!("`{}`", defused(text)),
    bold_code: |text| format!("*`{}`*", defused(text)),
    link: |label, url| format!("[{}]({url})", label.replace('[', "⟦").replace(']', "⟧")),
    bullet: "• ",
    newline: "\n",
};

/// Mattermost and Discord: Markdown, where a backslash escapes.
pub(super) static MARKDOWN: Markup = Markup {
    text: |text| backslashed(text, FORMATS),
    bold: |marked| format!("**{marked}**"),
    code: |text| format!("`{}`", unquoted(text)),
    bold_code: |text| format!("**`{}`**", unquoted(text)),
    link: |label, url| format!("[{label}]({url})"),
    bullet: "- ",
    newline: "\n",
};

/// Adaptive Cards: a little Markdown without code, and blank lines between lines.
pub(super) static TEAMS: Markup = Markup {
    text: |text| backslashed(text, CARD_FORMATS),
    bold: |marked| format!("**{marked}**"),
    code: |text| backslashed(text, CARD_FORMATS),
    bold_code: |text| format!("**{}**", backslashed(text, CARD_FORMATS)),
    link: |label, url| format!("[{label}]({url})"),
    bullet: "- ",
    newline: "\n\n",
};

/// Telegram's HTML, in which code cannot be bold, and which makes links of whatever looks like a name of its own.
pub(super) static TELEGRAM: Markup = Markup {
    text: |text| html(&inert(text), true),
    bold: |marked| format!("<b>{marked}</b>"),
    code: |text| format!("<code>{}</code>", html(text, true)),
    bold_code: |text| format!("<b>{}</b>", html(&inert(text), true)),
    link: |label, url| format!("<a href=\"{}\">{label}</a>", html(url, true)),
    bullet: "• ",
    newline: "\n",
};

/// HTML for Matrix, mails and Grafana. A mention in Matrix needs a link, which foreign text cannot make.
pub(super) static HTML: Markup = Markup {
    text: |text| html(&unlinked(text), true),
    bold: |marked| format!("<b>{marked}</b>"),
    code: |text| format!("<code>{}</code>", html(text, true)),
    bold_code: |text| format!("<b><code>{}</code></b>", html(text, true)),
    link: |label, url| format!("<a href=\"{}\">{label}</a>", html(url, true)),
    bullet: "• ",
    newline: "<br>\n",
};

/// The inside of a JSON string, for templates of webhooks.
pub(super) static JSON: Markup = Markup {
    text: json,
    bold: str::to_owned,
    code: json,
    bold_code: json,
    link: |_, url| json(url),
    bullet: "",
    newline: "\\n",
};

fn html(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quotes => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Formatting characters replaced by characters that look like them.
fn alike(text: &str) -> String {
    let replace = |c: char| match c {
        '*' => '∗',
        '~' => '∼',
        '`' => 'ˋ',
        c => c,
    };
    let chars: Vec<char> = text.chars().map(replace).collect();
    let is_word =
        |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
    // An underscore inside a word formats nothing, and names are full of them.
    let underscore =
        |at: usize| if is_word(at.checked_sub(1)) && is_word(Some(at + 1)) { '_' } else { 'ˍ' };
    chars.iter().enumerate().map(|(at, c)| if *c == '_' { underscore(at) } else { *c }).collect()
}

/// Addresses that no channel takes for a link: invisibly broken behind the scheme, and in `www.`.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let (before, rest) = (&text[..at], &text[at..]);
        let is_host = c == '.' && before.to_lowercase().ends_with("www");
        if rest.starts_with("//") && before.ends_with(':') || is_host {
            out.push(ZERO_WIDTH);
        }
        out.push(c);
        // The schemes that need no slashes.
        let scheme = |name: &str| c == ':' && before.to_lowercase().ends_with(name);
        if scheme("mailto") || scheme("xmpp") || scheme("tel") {
            out.push(ZERO_WIDTH);
        }
    }
    out
}

/// [`unlinked`], and nothing that Telegram takes for a user, a tag, a command or a domain.
fn inert(text: &str) -> String {
    let text = unlinked(text);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, &c) in chars.iter().enumerate() {
        out.push(c);
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let is_command =
            c == '/' && before.is_none_or(|c| c.is_whitespace() || "([{\"'".contains(*c));
        let next = |far: usize| chars.get(at + far).is_some_and(|c| c.is_alphabetic());
        // A domain's end has two letters at least; the dots of versions stay as they are.
        let is_domain =
            c == '.' && before.is_some_and(|c| c.is_alphanumeric()) && next(1) && next(2);
        if matches!(c, '@' | '#' | '$') || is_command || is_domain {
            out.push(ZERO_WIDTH);
        }
    }
    out
}

/// [`alike`], and nothing that opens a mention or a link.
pub(super) fn defused(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in alike(&unlinked(text)).chars() {
        out.push(c);
        if matches!(c, '@' | '<' | ']' | '#') {
            out.push(ZERO_WIDTH);
        }
    }
    out
}

/// What formats or links where a backslash escapes.
const FORMATS: &[char] = &['\\', '`', '*', '_', '[', ']', '|', '<', '>', '~', '&'];
/// Cards know less, and may show the backslash before what they do not know.
const CARD_FORMATS: &[char] = &['\\', '`', '*', '_', '[', ']', '<', '~'];
/// What opens a heading, a list or a quotation at the start of a line.
const OPENS: &[char] = &['#', '-', '+', '>'];

fn backslashed(text: &str, formats: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in unlinked(text).chars().enumerate() {
        if formats.contains(&c) || (at == 0 && OPENS.contains(&c)) {
            out.push('\\');
        }
        out.push(c);
        if matches!(c, '@' | '<') {
            out.push(ZERO_WIDTH);
        }
    }
    out
}

/// The inside of a code span, which a backtick would end and in which mentions still count here and there.
fn unquoted(text: &str) -> String {
    text.replace('`', "ˋ").replace('@', &format!("@{ZERO_WIDTH}"))
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(markup: &Markup, text: &str) -> String {
        (markup.text)(text)
    }

    #[test]
    fn foreign_text_stays_text() {
        let hostile = "<!channel> @everyone *a* _b_ snake_case `c` [d](https://h) <at>e</at> & ~f~";
        let table = [
            (
                &SLACK,
                "&lt;!channel&gt; @everyone ∗a∗ ˍbˍ snake_case ˋcˋ [d](https://h) &lt;at&gt;e&lt;/at&gt; &amp; ∼f∼",
            ),
            (
                &GOOGLE_CHAT,
                "<¬!channel> @¬everyone ∗a∗ ˍbˍ snake_case ˋcˋ [d]¬(https:¬//h) <¬at>e<¬/at> & ∼f∼",
            ),
            (
                &MARKDOWN,
                r"\<¬!channel\> @¬everyone \*a\* \_b\_ snake\_case \`c\` \[d\](https:¬//h) \<¬at\>e\<¬/at\> \& \~f\~",
            ),
            (
                &TELEGRAM,
                "&lt;!channel&gt; @¬everyone *a* _b_ snake_case `c` [d](https:¬//h) &lt;at&gt;e&lt;/at&gt; &amp; ~f~",
            ),
        ];
        for (markup, expected) in table {
            assert_eq!(marked(markup, hostile).replace(ZERO_WIDTH, "¬"), expected);
        }
    }

    #[test]
    fn spans_are_written_as_the_dialect_has_them() {
        let version =
            Span::Link { label: "v2".into(), url: "https://h/?a=1&b=2".into(), bold: true };
        let line = vec![
            Span::Bold("api".into()),
            Span::Text(" ".into()),
            version,
            Span::BoldCode("x".into()),
        ];
        let table = [
            (&SLACK, "*api* *<https://h/?a=1&amp;b=2|v2>**`x`*"),
            (&MARKDOWN, "**api** **[v2](https://h/?a=1&b=2)****`x`**"),
            (&TELEGRAM, "<b>api</b> <b><a href=\"https://h/?a=1&amp;b=2\">v2</a></b><b>x</b>"),
            (&PLAIN, "api v2 <https://h/?a=1&b=2>x"),
            (&TERSE, "api v2x"),
        ];
        for (markup, expected) in table {
            assert_eq!(markup.line(&line), expected);
        }
    }

    proptest! {
        #[test]
        fn html_never_opens_a_tag(text in "\\PC*") {
            for markup in [&SLACK, &TELEGRAM, &HTML] {
                let marked = marked(markup, &text);
                prop_assert!(!marked.contains(['<', '>']), "{}", marked);
            }
        }

        #[test]
        fn nobody_is_mentioned(text in "[@<>!#&\\[\\]()a-z|*_`~\\\\ ]*") {
            for markup in [&MARKDOWN, &TEAMS, &GOOGLE_CHAT, &ROCKETCHAT] {
                let text = format!("{}{}", marked(markup, &text), (markup.code)(&text));
                let mentions = text.match_indices('@').any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric()));
                let tags = text.match_indices('<').any(|(at, _)| !text[at + 1..].starts_with(ZERO_WIDTH) && !text[..at].contains('`'));
                prop_assert!(!mentions && !tags, "{}", text);
            }
        }

        #[test]
        fn no_address_is_a_link(
            text in "(https?://|www\\.|WWW\\.|mailto:|ftp://|durov|evil\\.example|[@/#. ])*",
        ) {
            for markup in [&MARKDOWN, &TEAMS, &GOOGLE_CHAT, &ROCKETCHAT, &TELEGRAM, &HTML] {
                let marked = marked(markup, &text).to_lowercase();
                let linked = ["://", "www.", "mailto:d"].iter().any(|link| marked.contains(link));
                prop_assert!(!linked, "{}", marked);
            }
            let marked = marked(&TELEGRAM, &text);
            let linked = ["@d", "@e", "#d", ".ex", " /d"].iter().any(|link| marked.contains(link));
            prop_assert!(!linked, "{}", marked);
        }

        #[test]
        fn a_code_span_ends_where_we_end_it(text in "\\PC+") {
            for markup in [&SLACK, &MARKDOWN, &GOOGLE_CHAT, &ROCKETCHAT] {
                prop_assert_eq!((markup.code)(&text).matches('`').count(), 2);
            }
        }

        #[test]
        fn json_text_is_the_inside_of_a_string(text in "\\PC*") {
            let back: String = serde_json::from_str(&format!("\"{}\"", json(&text))).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
