//! One change that many objects share is shown once.

use std::collections::HashMap;

use super::changes::{Shown, shown};
use crate::diff::{Comparison, ObjectDiff, Status};

/// From how many objects on a change is folded.
const FOLD: usize = 3;

/// A change of several objects.
#[derive(Debug)]
pub struct Folded<'c> {
    /// What changes.
    pub shown: Shown,
    /// The objects.
    pub objects: Vec<&'c ObjectDiff>,
}

/// An object, and its changes that are not folded.
#[derive(Debug)]
pub struct Rest<'c> {
    /// The object.
    pub diff: &'c ObjectDiff,
    /// Its own changes.
    pub changes: Vec<Shown>,
}

/// What to show of one environment.
#[derive(Debug, Default)]
pub struct Section<'c> {
    /// The environment; empty for none.
    pub environment: &'c str,
    /// Changes that many objects share.
    pub folded: Vec<Folded<'c>>,
    /// The objects with changes of their own.
    pub objects: Vec<Rest<'c>>,
}

/// The objects by environment, equal changes folded unless `fold` is off.
#[must_use]
pub fn sections(comparison: &Comparison, fold: bool) -> Vec<Section<'_>> {
    let mut sections: Vec<(Section<'_>, Vec<&ObjectDiff>)> = Vec::new();
    for diff in &comparison.objects {
        let environment = &*diff.object().environment;
        match sections.last_mut().filter(|(section, _)| section.environment == environment) {
            Some((_, objects)) => objects.push(diff),
            None => sections.push((Section { environment, ..Section::default() }, vec![diff])),
        }
    }
    let mut filled = Vec::new();
    for (mut section, objects) in sections {
        fill(&mut section, objects, fold);
        filled.push(section);
    }
    filled
}

fn fill<'c>(section: &mut Section<'c>, objects: Vec<&'c ObjectDiff>, fold: bool) {
    let shown: Vec<Vec<Shown>> =
        objects.iter().map(|diff| diff.changes.iter().map(shown).collect()).collect();
    let mut count: HashMap<&Shown, usize> = HashMap::new();
    for change in shown.iter().flatten() {
        *count.entry(change).or_default() += 1;
    }
    let mut folded: HashMap<Shown, usize> = HashMap::new();
    if fold {
        for (diff, changes) in objects.iter().copied().zip(&shown) {
            for change in changes.iter().filter(|change| count[change] >= FOLD) {
                let at = *folded.entry(change.clone()).or_insert_with(|| {
                    section.folded.push(Folded { shown: change.clone(), objects: Vec::new() });
                    section.folded.len() - 1
                });
                section.folded[at].objects.push(diff);
            }
        }
    }
    for (diff, mut changes) in objects.into_iter().zip(shown) {
        changes.retain(|change| !folded.contains_key(change));
        // An object that only shares changes is named beside them.
        if !changes.is_empty() || diff.changes.is_empty() || diff.status != Status::Changed {
            section.objects.push(Rest { diff, changes });
        }
    }
}
