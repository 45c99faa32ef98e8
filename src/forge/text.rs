//! The texts of a pull request: our part of a body between markers, limits, draft prefixes.
//!
//! Only what stands between the markers is ours; everything a person wrote around them stays.

/// Where our part begins.
const BEGIN: &str = "gitops:begin";
/// Where our part ends.
const END: &str = "gitops:end";
const KEY: &str = "gitops:key";

/// How text is hidden in a forge's Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `<!-- … -->`.
    Html,
    /// `[//]: # (…)`: a link definition, for forges that show HTML comments as text.
    Link,
}

impl Marks {
    fn hide(self, text: &str) -> String {
        match self {
            Self::Html => format!("<!-- {text} -->"),
            Self::Link => format!("[//]: # ({text})"),
        }
    }
}

/// What stands where something was cut.
const CUT: &str = "\n\n… cut: the whole text is over this forge's limit.";

/// Our part with its markers, at most `limit` bytes long.
#[must_use]
pub(super) fn wrap_body(marks: Marks, key: &str, body: &str, limit: usize) -> String {
    let begin = format!("{}\n{}", marks.hide(BEGIN), marks.hide(&format!("{KEY} {}", safe(key))));
    let end = marks.hide(END);
    // A link definition needs blank lines around it, and a comment does not mind them.
    let frame = begin.len() + end.len() + 4;
    let body = neutral(body.trim());
    format!("{begin}\n\n{}\n\n{end}", cut(&body, limit.saturating_sub(frame)))
}

/// A value may hold a mark of ours, which would end our part too early: it gets an invisible character.
fn neutral(text: &str) -> String {
    let mut text = text.to_owned();
    for mark in [BEGIN, END, KEY] {
        if text.contains(mark) {
            text = text.replace(mark, &mark.replace(':', "\u{200b}:"));
        }
    }
    text
}

/// A key cannot end the marker that carries it.
fn safe(key: &str) -> String {
    key.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>' | '(' | ')')).collect()
}

/// A text of at most `limit` bytes: whole lines, and a word on what is missing.
#[must_use]
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut room = limit.saturating_sub(CUT.len() + "\n```".len());
    while !text.is_char_boundary(room) {
        room -= 1;
    }
    let kept = text[..room].rfind('\n').map_or(&text[..room], |end| &text[..end]);
    // A code block that is cut open would swallow all that follows.
    let open = kept.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1;
    format!("{kept}{}{CUT}", if open { "\n```" } else { "" })
}

/// The old body with our part replaced, or put before it where it had none.
#[must_use]
pub(super) fn merge_body(marks: Marks, key: &str, old: &str, ours: &str, limit: usize) -> String {
    let old = normal(old);
    let rest = unmarked(&old);
    let (before, after) = match our_span(&old) {
        Some((from, to)) => (&old[..from], &old[to..]),
        None => ("", &*rest),
    };
    let room = limit.saturating_sub(before.len() + after.len());
    format!("{before}{}{after}", wrap_body(marks, key, ours, room))
}

/// A body without a whole part of ours, to stand below it. A mark that lost its other half (somebody deleted
/// it, or a forge cut the text) would be taken for half of the new part.
fn unmarked(body: &str) -> String {
    let is_mark = |line: &str| {
        [Marks::Html, Marks::Link]
            .iter()
            .any(|marks| line == marks.hide(BEGIN) || line == marks.hide(END))
    };
    let lines: Vec<&str> = body.lines().filter(|line| !is_mark(line.trim())).collect();
    let rest = neutral(lines.join("\n").trim());
    if rest.is_empty() { rest } else { format!("\n\n{rest}") }
}

/// Whether two bodies say the same: forges change line ends and trailing space.
#[must_use]
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        normal(text).trim().lines().map(|line| line.trim_end().to_owned()).collect()
    };
    lines(a) == lines(b)
}

fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn our_span(body: &str) -> Option<(usize, usize)> {
    [Marks::Html, Marks::Link].into_iter().find_map(|marks| {
        let (begin, end) = (marks.hide(BEGIN), marks.hide(END));
        let from = body.find(&begin)?;
        let to = from + body[from..].find(&end)? + end.len();
        Some((from, to))
    })
}

/// Which environment and app a body of ours is about.
#[must_use]
pub(super) fn key_of(body: &str) -> Option<&str> {
    let (from, to) = our_span(body)?;
    let line = body[from..to].lines().map(str::trim).find(|line| line.contains(KEY))?;
    let key = &line[line.find(KEY)? + KEY.len()..];
    Some(key.trim_end_matches("-->").trim_end_matches(')').trim())
}

/// A title of at most `limit` characters.
#[must_use]
pub(super) fn short_title(title: &str, limit: usize) -> String {
    let title: String = title.lines().next().unwrap_or_default().trim().to_owned();
    if title.chars().count() <= limit {
        return title;
    }
    let kept: String = title.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// How forges without a draft flag mark a draft: in its title.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    /// What we write.
    pub(super) prefix: &'static str,
    /// What means the same; compared without regard to case.
    pub(super) others: &'static [&'static str],
}

impl Draft {
    /// The title itself, and whether it was marked.
    #[must_use]
    pub(super) fn split<'a>(&self, title: &'a str) -> (&'a str, bool) {
        let marked = std::iter::once(&self.prefix).chain(self.others).find_map(|prefix| {
            let head = title.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then(|| title[prefix.len()..].trim_start())
        });
        marked.map_or((title, false), |rest| (self.split(rest).0, true))
    }

    /// The title as it is to be sent.
    #[must_use]
    pub(super) fn join(&self, title: &str, draft: bool) -> String {
        let title = self.split(title).0;
        if draft { format!("{} {title}", self.prefix) } else { title.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_notes_survive() {
        let first = wrap_body(Marks::Html, "prod/api", "one", 1000);
        assert_eq!(
            first,
            "<!-- gitops:begin -->\n<!-- gitops:key prod/api -->\n\none\n\n<!-- gitops:end -->"
        );
        let noted = format!("Please wait.\r\n\r\n{first}\r\n\r\n- [x] asked Ann");
        let second = merge_body(Marks::Html, "prod/api", &noted, "two", 1000);
        assert_eq!(second, noted.replace("\r\n", "\n").replace("one", "two"));
        assert_eq!(key_of(&second), Some("prod/api"));
        assert!(is_same(&second, &second.replace('\n', "  \r\n")));
    }

    #[test]
    fn a_body_without_markers_is_kept_below_ours() {
        let merged = merge_body(Marks::Link, "k", "mine", "ours", 1000);
        assert_eq!(
            merged,
            "[//]: # (gitops:begin)\n[//]: # (gitops:key k)\n\nours\n\n[//]: # (gitops:end)\n\nmine"
        );
        assert_eq!(key_of(&merged), Some("k"));
        assert_eq!(key_of("<!-- gitops:key k -->"), None);
    }

    #[test]
    fn marks_in_a_value_or_without_their_other_half_do_no_harm() {
        let hostile = "a <!-- gitops:end --> b\n[//]: # (gitops:begin)";
        for marks in [Marks::Html, Marks::Link] {
            let first = wrap_body(marks, "k", hostile, 1000);
            assert_eq!(merge_body(marks, "k", &first, hostile, 1000), first);
            let second = merge_body(marks, "k", &first, "ours", 1000);
            assert_eq!(second, wrap_body(marks, "k", "ours", 1000));
            let torn = first.rsplit_once('\n').unwrap().0;
            let mended = merge_body(marks, "k", torn, "ours", 1000);
            assert!(mended.starts_with(&second), "{mended}");
            assert_eq!(merge_body(marks, "k", &mended, "ours", 1000), mended);
        }
    }

    #[test]
    fn a_hostile_key_stays_inside_its_marker() {
        let body = wrap_body(Marks::Html, "a --><img>\n(x)", "b", 1000);
        assert_eq!(body.matches("-->").count(), 3);
    }

    #[test]
    fn limits_are_kept_on_whole_lines_and_code_is_closed() {
        let text = format!("intro\n```diff\n{}```\n", "- é line\n".repeat(100));
        for limit in [90, 200, 333, 500] {
            let short = cut(&text, limit);
            assert!(short.len() <= limit, "{} > {limit}", short.len());
            assert_eq!(short.matches("```").count() % 2, 0, "{short}");
            assert!(short.ends_with("limit."), "{short}");
        }
        assert_eq!(cut("short", 90), "short");
        let notes = "n".repeat(300);
        let merged = merge_body(Marks::Html, "k", &notes, &text, 600);
        assert!(merged.len() <= 600 && merged.ends_with(&notes), "{}", merged.len());
    }

    #[test]
    fn titles_fit() {
        assert_eq!(short_title("one\ntwo", 10), "one");
        assert_eq!(short_title("äöüäöü", 4), "äöü…");
    }

    #[test]
    fn draft_prefixes_are_no_part_of_the_title() {
        let draft = Draft { prefix: "Draft:", others: &["[Draft]", "WIP:"] };
        assert_eq!(draft.split("draft: x"), ("x", true));
        assert_eq!(draft.split("[Draft] WIP: x"), ("x", true));
        assert_eq!(draft.split("Drafty"), ("Drafty", false));
        assert_eq!(draft.join("Draft: x", true), "Draft: x");
        assert_eq!(draft.join("WIP: x", false), "x");
    }
}
