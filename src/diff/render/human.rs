//! For a person at a terminal: images, risks, counts, then the objects.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::changes::{Body, Shown};
use super::fold::{Rest, Section, sections};
use super::{Sides, counts, lines, listed, nothing, values};
use crate::diff::images::{Class, ImageChange};
use crate::diff::{Comparison, ObjectDiff, Status, TextDiff};

/// How it is to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Show a change that many objects share once.
    pub fold: bool,
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The whole text, with escape sequences.
#[must_use]
pub fn render(comparison: &Comparison, sides: &Sides, look: Look) -> String {
    let mut out = format!("{BOLD}{} → {}{BOLD:#}\n", sides.before, sides.after);
    if comparison.is_empty() {
        let _ = writeln!(out, "\n{} {}", nothing(comparison), counts(comparison));
    } else {
        images(&mut out, &comparison.images, look);
        risks(&mut out, comparison);
        let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}", counts(comparison));
        for section in sections(comparison, look.fold) {
            objects(&mut out, &section, look);
        }
        for text in &comparison.texts {
            file(&mut out, text);
        }
    }
    if !comparison.diagnostics.is_empty() {
        let _ = writeln!(out, "\n{BOLD}Notices{BOLD:#}");
        for notice in &comparison.diagnostics {
            let line = notice.lines.last().copied().unwrap_or(1);
            let _ =
                writeln!(out, "  {YELLOW}!{YELLOW:#} {}:{line}: {}", notice.path, notice.message);
        }
    }
    out
}

fn images(out: &mut String, images: &[ImageChange], look: Look) {
    if images.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}Images{BOLD:#}");
    let width = |text: &dyn Fn(&ImageChange) -> String| {
        images.iter().map(|image| text(image).chars().count()).max().unwrap_or_default()
    };
    let step = |image: &ImageChange| {
        let side = |version: &Option<String>| version.clone().unwrap_or_else(|| "–".to_owned());
        format!("{} → {}", side(&image.before), side(&image.after))
    };
    let (names, steps) = (width(&|image| image.name.clone()), width(&step));
    for image in images {
        let style = match image.class {
            Class::Major | Class::Unknown | Class::Repository => YELLOW,
            Class::Downgrade | Class::Mutable | Class::Removed => RED,
            _ => GREEN,
        };
        let class = image.class.as_str();
        let head = format!("  {:names$}  {:steps$}  ", image.name, step(image));
        let users: Vec<String> = image.users.iter().map(super::user).collect();
        let room = look.width.saturating_sub(names + steps + class.len() + 8).max(24);
        let _ =
            writeln!(out, "{head}{style}{class}{style:#}  {DIM}{}{DIM:#}", listed(&users, room));
    }
}

fn risks(out: &mut String, comparison: &Comparison) {
    if comparison.risks.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}Risks{BOLD:#}");
    for risk in &comparison.risks {
        let _ = writeln!(
            out,
            "  {RED}!{RED:#} {BOLD}{}{BOLD:#}  {}: {}  {DIM}{}:{}{DIM:#}",
            risk.id, risk.object, risk.message, risk.path, risk.line
        );
    }
}

fn objects(out: &mut String, section: &Section<'_>, look: Look) {
    if !section.environment.is_empty() {
        let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}", section.environment);
    }
    for folded in &section.folded {
        let names: Vec<String> = folded.objects.iter().map(|diff| diff.object().title()).collect();
        let _ = writeln!(
            out,
            "\n{YELLOW}~{YELLOW:#} {BOLD}same change in {} objects{BOLD:#}",
            names.len()
        );
        let _ = writeln!(out, "    {DIM}{}{DIM:#}", listed(&names, look.width.saturating_sub(4)));
        change(out, &folded.shown, look);
    }
    for rest in &section.objects {
        object(out, rest, look);
    }
}

fn object(out: &mut String, rest: &Rest<'_>, look: Look) {
    let diff = rest.diff;
    let style = style_of(diff.status);
    let place = diff.object();
    let _ = writeln!(
        out,
        "\n{style}{}{style:#} {BOLD}{}{BOLD:#}{}  {DIM}{}{DIM:#}",
        diff.status.sign(),
        place.title(),
        renamed(diff),
        super::place(place),
    );
    for shown in &rest.changes {
        change(out, shown, look);
    }
    let content = match diff.status {
        Status::Added => diff.after.as_ref().map(|object| (object, '+')),
        Status::Removed => diff.before.as_ref().map(|object| (object, '-')),
        _ => None,
    };
    if let Some((object, sign)) = content {
        for line in values::block(&object.value) {
            signed(out, sign, &line);
        }
    }
}

fn renamed(diff: &ObjectDiff) -> String {
    match (&diff.before, diff.status) {
        (Some(before), Status::Renamed) => format!(" (was {})", before.title()),
        _ => String::new(),
    }
}

fn style_of(status: Status) -> Style {
    match status {
        Status::Added => GREEN,
        Status::Removed => RED,
        _ => YELLOW,
    }
}

fn change(out: &mut String, shown: &Shown, look: Look) {
    match &shown.body {
        Body::Scalar { before, after } => scalar(out, &shown.path, before, after, look),
        Body::Order { before, after } => {
            let _ = writeln!(out, "    {} {DIM}(order only){DIM:#}", shown.path);
            signed(out, '-', before);
            signed(out, '+', after);
        }
        Body::Lines(lines) => {
            if let [(sign, line)] = lines.as_slice() {
                let style = if *sign == '-' { RED } else { GREEN };
                let _ = writeln!(out, "    {}: {style}{sign} {line}{style:#}", shown.path);
                return;
            }
            let _ = writeln!(out, "    {}:", shown.path);
            for (sign, line) in lines {
                signed(out, *sign, line);
            }
        }
    }
}

/// `path: before → after`, on two lines where one is too narrow.
fn scalar(out: &mut String, path: &str, before: &str, after: &str, look: Look) {
    let width = [path, before, after].iter().map(|text| text.chars().count()).sum::<usize>() + 9;
    let (old, new) = emphasised(before, after);
    if width <= look.width {
        let _ = writeln!(out, "    {path}: {old} → {new}");
    } else {
        let _ =
            writeln!(out, "    {path}:\n      {RED}-{RED:#} {old}\n      {GREEN}+{GREEN:#} {new}");
    }
}

/// Both values in their colours, the part that differs in bold.
fn emphasised(before: &str, after: &str) -> (String, String) {
    let (a, b): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    let least = a.len().min(b.len());
    let head = (0..least).take_while(|&at| a[at] == b[at]).count();
    let tail =
        (0..least - head).take_while(|&at| a[a.len() - 1 - at] == b[b.len() - 1 - at]).count();
    let paint = |text: &[char], style: Style| {
        let part = |range: &[char]| range.iter().collect::<String>();
        let strong = style.bold().underline();
        let (start, end) = (part(&text[..head]), part(&text[text.len() - tail..]));
        let middle = part(&text[head..text.len() - tail]);
        if head + tail == 0 || middle.is_empty() {
            return format!("{style}{}{style:#}", part(text));
        }
        format!("{style}{start}{style:#}{strong}{middle}{strong:#}{style}{end}{style:#}")
    };
    (paint(&a, RED), paint(&b, GREEN))
}

fn signed(out: &mut String, sign: char, line: &str) {
    let style = match sign {
        '+' => GREEN,
        '-' => RED,
        _ => DIM,
    };
    let sign = if sign == '@' { ' ' } else { sign };
    let _ = writeln!(out, "      {style}{sign} {line}{style:#}");
}

fn file(out: &mut String, text: &TextDiff) {
    let status = text.status();
    let style = style_of(status);
    let _ = writeln!(out, "\n{style}{}{style:#} {BOLD}{}{BOLD:#}", status.sign(), text.path);
    if let Some(notice) = &text.notice {
        let _ = writeln!(out, "    {YELLOW}!{YELLOW:#} {notice}");
    }
    if !text.binary {
        let side = |side: &Option<String>| side.clone().unwrap_or_default();
        for line in lines::diff(&side(&text.before), &side(&text.after), 2) {
            signed(out, line.sign, &line.text);
        }
    }
}
