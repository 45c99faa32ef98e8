//! The last step of a comparison: no secret value leaves it.

use rayon::prelude::*;

use super::Comparison;
use super::compare::{Change, Edit};
use super::mask::{Masker, Place};
use super::path::Step;

/// Takes every secret out of a result.
pub(super) fn mask_all(comparison: &mut Comparison) {
    let masker = std::mem::take(&mut comparison.masker);
    comparison.objects.par_iter_mut().for_each(|diff| {
        for object in diff.before.iter_mut().chain(&mut diff.after) {
            masker.mask(&mut object.value, Place::default());
        }
        for change in &mut diff.changes {
            mask_change(&masker, change);
        }
    });
    for text in &mut comparison.texts {
        for side in text.before.iter_mut().chain(&mut text.after) {
            *side = masker.mask_file(side);
        }
        if !text.binary && text.before == text.after {
            let more = "only secret values differ";
            let notice = text.notice.take();
            text.notice =
                Some(notice.map_or(more.to_owned(), |notice| format!("{notice}; {more}")));
        }
    }
    for risk in &mut comparison.risks {
        risk.message = masker.scrub(&risk.message);
    }
    for diagnostic in &mut comparison.diagnostics {
        diagnostic.message = masker.scrub(&diagnostic.message);
    }
    comparison.masker = masker;
}

fn mask_change(masker: &Masker, change: &mut Change) {
    let place = change.place;
    match &mut change.edit {
        Edit::Added(value) | Edit::Removed(value) => masker.mask(value, place),
        Edit::Changed(before, after) => {
            masker.mask(before, place);
            masker.mask(after, place);
        }
        Edit::Reordered(before, after) => {
            for label in before.iter_mut().chain(after) {
                *label = masker.mask_label(label, place);
            }
        }
    }
    for step in &mut change.path.0 {
        if let Step::Item(label) = step {
            let hidden = masker.scrub(label);
            if hidden != **label {
                *label = hidden.into();
            }
        }
    }
}
