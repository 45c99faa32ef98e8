//! Apps by environments: what is where, and which place lags behind another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::commands::history::Event;
use crate::deployed::Deployed;
use crate::diff::images::{Class, step};
use crate::moment;

/// What an environment declares of an app.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// Every place of it.
    pub(super) places: Vec<Deployed>,
    /// The change that made it so.
    pub(super) since: Option<Event>,
    /// Another environment is ahead.
    pub(super) lags: bool,
}

/// Rows of cells, one per environment.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) environments: Vec<String>,
    pub(super) rows: BTreeMap<String, Vec<Option<Cell>>>,
    /// The environments with a file that cannot be read: what is in it is not known.
    pub(super) unreadable: BTreeSet<String>,
}

impl Cell {
    /// Its version, or all of them where places differ.
    pub(super) fn version(&self) -> String {
        let mut versions: Vec<&str> =
            self.places.iter().map(|place| short(&place.version)).collect();
        versions.sort_unstable();
        versions.dedup();
        if versions == [""] { "(no tag)".to_owned() } else { versions.join(", ") }
    }

    /// Whether a place has this version.
    pub(super) fn has(&self, version: &str) -> bool {
        self.places.iter().any(|place| place.version == version)
    }

    /// Which commit of the source it was made from.
    pub(super) fn source(&self) -> Option<&str> {
        self.since.as_ref()?.source_revision()
    }

    /// How long it has been so.
    pub(super) fn age(&self, now: i64) -> String {
        self.since.as_ref().map(|event| moment::age(now - event.seconds)).unwrap_or_default()
    }
}

/// A version with a digest that is not shown in full.
fn short(version: &str) -> &str {
    const SHOWN: usize = "@sha256:".len() + 12;
    let end = version.find('@').map_or(version.len(), |at| (at + SHOWN).min(version.len()));
    version.get(..end).unwrap_or(version)
}

impl Matrix {
    pub(super) fn add(&mut self, column: usize, place: Deployed) {
        let width = self.environments.len();
        let row = self
            .rows
            .entry(place.app.clone())
            .or_insert_with(|| std::iter::repeat_with(|| None).take(width).collect());
        if let Some(cell) = row.get_mut(column) {
            cell.get_or_insert_with(Cell::default).places.push(place);
        }
    }

    pub(super) fn cell_mut(&mut self, app: &str, environment: &str) -> Option<&mut Cell> {
        let column = self.environments.iter().position(|known| known == environment)?;
        self.rows.get_mut(app)?.get_mut(column)?.as_mut()
    }

    /// How many cells have no date yet.
    pub(super) fn undated(&self) -> usize {
        self.rows.values().flatten().flatten().filter(|cell| cell.since.is_none()).count()
    }

    /// Marks the cells that lag: an older version than elsewhere, or, where versions cannot be
    /// compared, another one that was set earlier.
    pub(super) fn judge(&mut self) {
        for row in self.rows.values_mut() {
            let lags: Vec<bool> = (0..row.len())
                .map(|at| {
                    row[at]
                        .as_ref()
                        .is_some_and(|cell| row.iter().flatten().any(|other| is_ahead(other, cell)))
                })
                .collect();
            for (cell, lags) in row.iter_mut().zip(lags) {
                if let Some(cell) = cell {
                    cell.lags = lags;
                }
            }
        }
    }

    pub(super) fn lags(&self) -> bool {
        self.rows.values().flatten().flatten().any(|cell| cell.lags)
    }

    /// What stands where an environment declares nothing of an app.
    pub(super) fn nothing(&self, column: usize) -> &'static str {
        let name = self.environments.get(column);
        if name.is_some_and(|name| self.unreadable.contains(name)) { "unreadable" } else { "–" }
    }

    /// For a terminal.
    pub(super) fn text(&self, now: i64) -> String {
        if self.rows.is_empty() {
            let names = self.unreadable.iter().map(|name| format!("{name}: unreadable\n"));
            return "No images are declared here.\n".to_owned() + &names.collect::<String>();
        }
        let head = std::iter::once("APP".to_owned()).chain(self.environments.iter().cloned());
        let mut rows: Vec<Vec<String>> = vec![head.collect()];
        for (app, cells) in &self.rows {
            let cell = |(column, cell): (usize, &Option<Cell>)| match cell {
                None => self.nothing(column).to_owned(),
                Some(cell) => words(cell, now),
            };
            let cells = cells.iter().enumerate().map(cell);
            rows.push(std::iter::once(app.clone()).chain(cells).collect());
        }
        let columns = self.environments.len() + 1;
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("   ");
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    }

    /// For a wiki, or a comment.
    pub(super) fn markdown(&self, now: i64) -> String {
        let code = |text: &str| format!("`{}`", text.replace('`', "'").replace('|', "\\|"));
        let mut out = String::from("| App |");
        for environment in &self.environments {
            let _ = write!(out, " {environment} |");
        }
        let _ = writeln!(out, "\n|---|{}", "---|".repeat(self.environments.len()));
        for (app, cells) in &self.rows {
            let _ = write!(out, "| {} |", code(app));
            for (column, cell) in cells.iter().enumerate() {
                match cell {
                    None => {
                        let _ = write!(out, " {} |", self.nothing(column));
                    }
                    Some(cell) => {
                        let lags = if cell.lags { " :warning: lags" } else { "" };
                        let about = [linked(cell), cell.age(now)];
                        let about: Vec<String> =
                            about.into_iter().filter(|part| !part.is_empty()).collect();
                        let about = if about.is_empty() {
                            String::new()
                        } else {
                            format!(" ({})", about.join(", "))
                        };
                        let _ = write!(out, " {}{about}{lags} |", code(&cell.version()));
                    }
                }
            }
            out.push('\n');
        }
        out
    }
}

/// The source's commit, linked where it has an address.
fn linked(cell: &Cell) -> String {
    let address = cell.since.as_ref().and_then(|event| event.source.as_deref());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%@".contains(c);
    match (cell.source(), address) {
        (Some(revision), Some(address))
            if address.starts_with("https://") && address.chars().all(plain) =>
        {
            format!("[{revision}]({address})")
        }
        (Some(revision), _) => format!("`{}`", revision.replace(['`', '|'], "")),
        (None, _) => String::new(),
    }
}

fn words(cell: &Cell, now: i64) -> String {
    let age = cell.age(now);
    let lags = if cell.lags { "lags".to_owned() } else { String::new() };
    let source = cell.source().map(|revision| format!(" ({revision})")).unwrap_or_default();
    let parts = [cell.version() + &source, age, lags];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

/// Whether the first cell's version is newer than the second's.
fn is_ahead(first: &Cell, second: &Cell) -> bool {
    let (Some(a), Some(b)) = (first.places.first(), second.places.first()) else { return false };
    if a.version == b.version {
        return false;
    }
    let tag = |version: &str| version.split('@').next().unwrap_or_default().to_owned();
    match step(&tag(&b.version), &tag(&a.version)) {
        Class::Downgrade => false,
        Class::Unknown => {
            let when = |cell: &Cell| cell.since.as_ref().map(|event| event.seconds);
            matches!((when(first), when(second)), (Some(a), Some(b)) if a > b)
        }
        _ => true,
    }
}
