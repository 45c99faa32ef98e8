//! For a pull request's comment: complete where there is room, and never over the limit.

use std::fmt::Write as _;

use super::changes::{Body, Shown};
use super::fold::{Section, sections};
use super::{Sides, counts, lines, listed, nothing, values};
use crate::diff::{Comparison, ObjectDiff, Status, TextDiff};

/// GitHub refuses comments of more than 65,536 characters.
pub const DEFAULT_BUDGET: usize = 60_000;

/// How much of the objects is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Full,
    /// One fold per object.
    Folded,
    Names,
    Counts,
}

/// The comment, of at most `budget` bytes where images and risks alone are not more.
///
/// `marker` makes the comment recognisable, so that the next run replaces it.
#[must_use]
pub fn render(comparison: &Comparison, sides: &Sides, marker: &str, budget: usize) -> String {
    let head = head(comparison, sides, marker);
    let levels = [Detail::Full, Detail::Folded, Detail::Names, Detail::Counts];
    for detail in levels {
        let text = format!("{head}{}{}", body(comparison, detail), foot(comparison, detail));
        if text.len() <= budget || detail == Detail::Counts {
            return text;
        }
    }
    head
}

fn head(comparison: &Comparison, sides: &Sides, marker: &str) -> String {
    let mut out = format!("<!-- gitops-diff:{} -->\n", marker.replace("--", "- -"));
    let _ = writeln!(out, "### {} → {}\n", text(&sides.before), text(&sides.after));
    if comparison.is_empty() {
        let _ = writeln!(out, "{}", nothing(comparison));
    }
    if !comparison.images.is_empty() {
        out.push_str("| Image | From | To | Step | Used by |\n|---|---|---|---|---|\n");
    }
    for image in &comparison.images {
        let side = |version: &Option<String>| {
            version.as_ref().map_or_else(|| "–".to_owned(), |version| code(version))
        };
        let users: Vec<String> = image.users.iter().map(super::user).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            code(&image.name),
            side(&image.before),
            side(&image.after),
            image.class.as_str(),
            text(&listed(&users, 120))
        );
    }
    if !comparison.risks.is_empty() {
        out.push_str("\n**Risks**\n\n");
    }
    for risk in &comparison.risks {
        let _ = writeln!(
            out,
            "- :warning: **{}** {}: {} ({}:{})",
            risk.id,
            text(&risk.object),
            text(&risk.message),
            code(&risk.path),
            risk.line
        );
    }
    out
}

fn body(comparison: &Comparison, detail: Detail) -> String {
    let mut out = String::new();
    if !comparison.is_empty() {
        let _ = writeln!(out, "\n**{}**", counts(comparison));
    }
    if detail != Detail::Counts {
        for section in sections(comparison, true) {
            section_text(&mut out, &section, detail);
        }
        for file in &comparison.texts {
            file_text(&mut out, file, detail);
        }
    }
    if !comparison.diagnostics.is_empty() {
        out.push_str("\n**Notices**\n\n");
        for notice in comparison.diagnostics.iter().take(20) {
            let _ = writeln!(out, "- {}: {}", code(&notice.path), text(&notice.message));
        }
    }
    out
}

fn section_text(out: &mut String, section: &Section<'_>, detail: Detail) {
    if !section.environment.is_empty() {
        let _ = writeln!(out, "\n#### {}", text(section.environment));
    }
    for folded in &section.folded {
        let names: Vec<String> = folded.objects.iter().map(|diff| diff.object().title()).collect();
        let title = format!("same change in {} objects: {}", names.len(), listed(&names, 200));
        let diff = change_lines(&folded.shown);
        block(out, '~', &title, &diff, detail);
    }
    for rest in &section.objects {
        let mut diff: Vec<String> = rest.changes.iter().flat_map(change_lines).collect();
        diff.extend(content(rest.diff));
        let object = rest.diff.object();
        let was = match (&rest.diff.before, rest.diff.status) {
            (Some(before), Status::Renamed) => format!(" (was {})", before.title()),
            _ => String::new(),
        };
        let title = format!("{}{was} — {}", object.title(), super::place(object));
        block(out, rest.diff.status.sign(), &title, &diff, detail);
    }
}

/// The lines of an object that came or went.
fn content(diff: &ObjectDiff) -> Vec<String> {
    let (object, sign) = match diff.status {
        Status::Added => (diff.after.as_ref(), '+'),
        Status::Removed => (diff.before.as_ref(), '-'),
        _ => return Vec::new(),
    };
    let lines = object.map(|object| values::block(&object.value)).unwrap_or_default();
    lines.into_iter().map(|line| format!("{sign} {line}")).collect()
}

fn change_lines(shown: &Shown) -> Vec<String> {
    let path = &shown.path;
    match &shown.body {
        Body::Scalar { before, after } => {
            vec![format!("- {path}: {before}"), format!("+ {path}: {after}")]
        }
        Body::Order { before, after } => {
            vec![format!("@@ {path}: order only @@"), format!("- {before}"), format!("+ {after}")]
        }
        Body::Lines(lines) => match lines.as_slice() {
            [(sign, line)] => vec![format!("{sign} {path}: {line}")],
            lines => {
                let head = format!("@@ {path} @@");
                let body = lines.iter().map(|(sign, line)| match sign {
                    '@' => format!("@@ {line} @@"),
                    sign => format!("{sign} {line}"),
                });
                std::iter::once(head).chain(body).collect()
            }
        },
    }
}

fn block(out: &mut String, sign: char, title: &str, lines: &[String], detail: Detail) {
    let title = text(title);
    if detail == Detail::Names || lines.is_empty() {
        let _ = writeln!(out, "- `{sign}` {title}");
        return;
    }
    let body = lines.join("\n");
    let fence = "`".repeat(longest_run(&body).max(2) + 1);
    let body = format!("{fence}diff\n{body}\n{fence}");
    if detail == Detail::Full {
        let _ = writeln!(out, "\n`{sign}` **{title}**\n{body}");
    } else {
        let _ = writeln!(
            out,
            "\n<details><summary><code>{sign}</code> {title}</summary>\n\n{body}\n</details>"
        );
    }
}

fn file_text(out: &mut String, file: &TextDiff, detail: Detail) {
    let side = |side: &Option<String>| side.clone().unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    if !file.binary {
        let diff = lines::diff(&side(&file.before), &side(&file.after), 2);
        lines.extend(diff.into_iter().map(|line| match line.sign {
            '@' => "@@ @@".to_owned(),
            sign => format!("{sign} {}", line.text),
        }));
    }
    let notice = file.notice.as_ref().map(|notice| format!(" — {notice}")).unwrap_or_default();
    block(out, file.status().sign(), &format!("{}{notice}", file.path), &lines, detail);
}

fn foot(comparison: &Comparison, detail: Detail) -> String {
    let left_out = match detail {
        Detail::Names => "the changes of each object",
        Detail::Counts => "the objects",
        Detail::Full | Detail::Folded => return String::new(),
    };
    let objects = comparison.objects.len() + comparison.texts.len();
    format!(
        "\n_Left out for size: {left_out} ({objects}). `gitops diff` with the same arguments shows all._\n"
    )
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// A text in which nothing is Markdown, a mention or a reference.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '\n' | '\r' => out.push(' '),
            // The mark keeps `@team` and `#12` from calling anybody.
            '@' | '#' => out.extend([c, '\u{2060}']),
            '`' | '*' | '_' | '[' | ']' | '\\' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A text as code, in a table too.
#[must_use]
pub fn code(text: &str) -> String {
    let plain = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&plain) + 1);
    if fence.len() > 1 { format!("{fence} {plain} {fence}") } else { format!("`{plain}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(text("a|b <x> @me #1 *b*"), "a&#124;b &lt;x&gt; @\u{2060}me #\u{2060}1 \\*b\\*");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(code("a|b"), "`a\\|b`");
    }
}
