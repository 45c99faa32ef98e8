//! One change that many objects share is shown once.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

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
        objects.par_iter().map(|diff| diff.changes.iter().map(shown).collect()).collect();
    if fold {
        section.folded = shared(&objects, &shown);
    }
    let folded: HashSet<&Shown> = section.folded.iter().map(|folded| &folded.shown).collect();
    for (diff, mut changes) in objects.into_iter().zip(shown) {
        if !folded.is_empty() {
            changes.retain(|change| !folded.contains(change));
        }
        // An object that only shares changes is named beside them.
        if !changes.is_empty() || diff.changes.is_empty() || diff.status != Status::Changed {
            section.objects.push(Rest { diff, changes });
        }
    }
}

/// The changes that many objects share, in the order in which they come up.
fn shared<'c>(objects: &[&'c ObjectDiff], shown: &[Vec<Shown>]) -> Vec<Folded<'c>> {
    let mut at: HashMap<&Shown, usize> = HashMap::new();
    let mut groups: Vec<(&Shown, Vec<&'c ObjectDiff>)> = Vec::new();
    for (diff, changes) in objects.iter().zip(shown) {
        for change in changes {
            let group = *at.entry(change).or_insert(groups.len());
            if group == groups.len() {
                groups.push((change, Vec::new()));
            }
            groups[group].1.push(diff);
        }
    }
    let many = groups.into_iter().filter(|(_, objects)| objects.len() >= FOLD);
    many.map(|(shown, objects)| Folded { shown: shown.clone(), objects }).collect()
}
