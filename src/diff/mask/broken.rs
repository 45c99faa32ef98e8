//! The secrets in what cannot be parsed: templates, broken files, settings, prose. Line by line, and
//! rather too much than too little.

use super::names::{is_telling_collection, is_telling_name, is_telling_path, is_telling_variable};
use super::place::Place;
use super::shapes;
use super::text::{Spot, What};

/// The secrets of a piece of a file.
pub(super) fn find(piece: &str, place: Place) -> Vec<Spot> {
    let is_text = piece.trim_end().contains('\n');
    if (place.is_inside() && is_text) || is_secret(piece) {
        in_secret(piece)
    } else {
        elsewhere(piece)
    }
}

/// Whether a Secret, or what makes one, stands anywhere in a text.
fn is_secret(text: &str) -> bool {
    let is_kind = |at: usize| {
        let quotes = ['"', '\'', '\\'];
        let ahead = text[..at].trim_end_matches(quotes).trim_end();
        let key = ahead.strip_suffix(':').map(|key| key.trim_end().trim_end_matches(quotes));
        let behind = text[at + "Secret".len()..].trim_start_matches("List");
        key.is_some_and(|key| key.ends_with("kind"))
            && !behind.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    text.contains("secretGenerator")
        || text.contains("stringData")
        || text.match_indices("Secret").any(|(at, _)| is_kind(at))
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |from, line| {
        let start = *from;
        *from += line.len();
        Some((start, line.trim_end_matches(['\n', '\r'])))
    })
}

/// What names tell of; below a name without a value all that is deeper.
fn elsewhere(piece: &str) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut covered: Option<usize> = None;
    for ((start, line), is_told) in lines(piece).zip(told_lines(piece)) {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if covered.is_some_and(|above| indent > above) || body.is_empty() {
            if !body.is_empty() && !is_punctuation(body) {
                spots.push(value(start + indent, body));
            }
            continue;
        }
        covered = None;
        let (dashes, key, rest) = parts(body);
        let is_told_value = key == "value" && is_told;
        let opens = opens(rest);
        let mut ranges = shapes::named(line, true);
        let own = shapes::value_of(line, "value").filter(|_| is_told && !opens);
        if let Some(own) = own.filter(|own| !shapes::is_open(&line[own.clone()])) {
            ranges.retain(|range| range.end <= own.start || range.start >= own.end);
            ranges.push(own);
            ranges.sort_by_key(|range| range.start);
        }
        for range in ranges {
            spots.push(value(start + range.start, &line[range]));
        }
        let tells = is_told_value || is_telling_name(key) || is_telling_collection(key);
        if tells && opens {
            covered = Some(indent + dashes);
        }
    }
    spots
}

/// For each line, whether it is in an item whose `value` is a secret, for what the item's `name` or `path` tells.
fn told_lines(piece: &str) -> Vec<bool> {
    let (mut told, mut item) = (Vec::new(), 0);
    for (_, line) in lines(piece) {
        let begins = line.trim_start().starts_with(['-', '{']);
        if begins {
            item = told.len();
        }
        let inherits = !begins && told.last() == Some(&true);
        told.push(inherits);
        let tells = |key: &str, tells: fn(&str) -> bool| {
            shapes::value_of(line, key).is_some_and(|range| tells(&line[range]))
        };
        if !inherits && (tells("name", is_telling_variable) || tells("path", is_telling_path)) {
            told[item..].fill(true);
        }
    }
    told
}

/// Whether what follows a key is to come on deeper lines.
fn opens(rest: Option<&str>) -> bool {
    rest.is_some_and(|rest| {
        let rest = rest.split(" #").next().unwrap_or_default().trim();
        rest.is_empty()
            || matches!(rest, "{" | "[")
            || (rest.starts_with(['|', '>']) && rest.len() <= 3)
    })
}

fn value(start: usize, text: &str) -> Spot {
    let what = What::Value { text: text.to_owned(), encoded: false };
    Spot { range: start..start + text.len(), what }
}

/// How long the dashes are, the key, and what follows its colon.
fn parts(body: &str) -> (usize, &str, Option<&str>) {
    let bare = body.trim_start_matches(['-', ' ']);
    let dashes = body.len() - bare.len();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let inner = bare.trim_start_matches(['"', '\'']);
    let end = inner.find(|c: char| !is_part(c)).unwrap_or(inner.len());
    let rest = inner[end..].trim_start_matches(['"', '\'']).trim_start().strip_prefix(':');
    (dashes, if rest.is_some() { &inner[..end] } else { "" }, rest)
}

/// Which part of a Secret the lines belong to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Its own keys.
    Top,
    /// `metadata`.
    Metadata(usize),
    /// `data` or `stringData`, at this depth; whether they are base64, and whether in braces.
    Data { indent: usize, encoded: bool, braces: bool },
}

/// Only what names a Secret stays, and the names of its values.
fn in_secret(piece: &str) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut part = Part::Top;
    let mut block: Option<usize> = None;
    // How deep the keys of the values are: what is deeper belongs to a value.
    let mut depth: Option<usize> = None;
    for (start, line) in lines(piece) {
        let body = line.trim();
        let (dashes, key, rest) = parts(body);
        let indent = line.len() - line.trim_start().len() + dashes;
        if body.is_empty() || is_punctuation(body) || is_control(body) {
            let closes = body.starts_with('}');
            if closes && matches!(part, Part::Data { braces: true, .. }) {
                part = Part::Top;
            }
            continue;
        }
        if block.is_some_and(|above| indent > above) {
            spots.push(hidden(part, start + line.len() - line.trim_start().len(), body));
            continue;
        }
        block = None;
        part = match part {
            Part::Metadata(above) if indent <= above => Part::Top,
            Part::Data { indent: above, braces: false, .. } if indent <= above => Part::Top,
            part => part,
        };
        let in_data = matches!(part, Part::Data { .. });
        depth = if in_data { depth.or(Some(indent)) } else { None };
        let is_key = !key.is_empty() && depth.is_none_or(|depth| indent <= depth);
        let Some(rest) = rest.filter(|_| is_key) else {
            spots.push(hidden(part, start + line.len() - line.trim_start().len(), body));
            continue;
        };
        if !in_data && matches!(key, "data" | "stringData") && opens(Some(rest)) {
            let braces = rest.trim() == "{";
            part = Part::Data { indent, encoded: key == "data", braces };
        } else if !in_data && key == "metadata" {
            part = Part::Metadata(indent);
        } else if opens(Some(rest)) && rest.trim() != "{" {
            // What follows may be the lines of a text; these have no keys.
            let is_text = in_data || rest.trim().starts_with(['|', '>']);
            block = (is_text || is_telling_collection(key)).then_some(indent);
        }
        if opens(Some(rest)) && !rest.contains('#') || is_shown(part, key, rest) {
            continue;
        }
        let shown =
            start + line.len() - rest.trim_start().len() - (line.len() - line.trim_end().len());
        let value = line.trim_end();
        let value = &value[value.len() - rest.trim_start().len()..];
        spots.push(hidden(part, shown, value));
    }
    spots
}

fn hidden(part: Part, start: usize, text: &str) -> Spot {
    let bare = text.trim_end_matches(',').trim_matches(['"', '\'']);
    let what = match part {
        Part::Data { encoded, .. } => What::Value { text: bare.to_owned(), encoded },
        _ => What::Beside(text.to_owned()),
    };
    Spot { range: start..start + text.len(), what }
}

/// What tells which object it is.
fn is_shown(part: Part, key: &str, rest: &str) -> bool {
    let value = rest.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    match (part, key) {
        (Part::Data { .. }, _) => false,
        (_, "kind") => matches!(value, "Secret" | "SecretList" | "List"),
        (Part::Top, "apiVersion") => value == "v1",
        (Part::Metadata(_), "name" | "namespace") => {
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_ /{}\"".contains(c);
            value.chars().all(plain) && (!value.contains(' ') || is_control(value))
        }
        _ => false,
    }
}

fn is_punctuation(body: &str) -> bool {
    body.chars().all(|c| "{}[](),-. ".contains(c))
}

/// Template actions and nothing else, none of which writes a text of its own.
fn is_control(body: &str) -> bool {
    const WORDS: &[&str] =
        &["if", "else", "end", "range", "with", "define", "include", "template", "block"];
    let mut rest = body;
    while let Some(inner) = rest.strip_prefix("{{") {
        let Some((action, behind)) = inner.split_once("}}") else { return false };
        let action = action.trim_matches(['-', ' ']);
        let mut words = action.splitn(2, ' ');
        let word = words.next().unwrap_or_default();
        let arguments = words.next().unwrap_or_default();
        let quotes = arguments.matches(['"', '\'', '`']).count();
        let names = matches!(word, "define" | "include" | "template" | "block");
        let allowed = if names && arguments.starts_with('"') { 2 } else { 0 };
        if !WORDS.contains(&word) || quotes > allowed {
            return false;
        }
        rest = behind.trim_start();
    }
    rest.is_empty() && !body.is_empty()
}
