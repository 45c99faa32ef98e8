//! The last step of a comparison: no secret value leaves it.

use rayon::prelude::*;

use super::compare::{Change, Edit};
use super::mask::{self, Masker};
use super::{Comparison, render};

/// Takes every secret out of a result.
pub(super) fn mask_all(comparison: &mut Comparison) {
    let masker = std::mem::take(&mut comparison.masker);
    comparison.objects.par_iter_mut().for_each(|diff| {
        let secret = diff.object().is_secret();
        for object in diff.before.iter_mut().chain(&mut diff.after) {
            masker.mask_object(&mut object.value);
        }
        for change in &mut diff.changes {
            mask_change(&masker, change, secret);
        }
    });
    for text in &mut comparison.texts {
        for side in text.before.iter_mut().chain(&mut text.after) {
            *side = render::lines::masked(side, &masker);
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

fn mask_change(masker: &Masker, change: &mut Change, secret: bool) {
    let data = secret
        && (change.path.starts_with_keys(&["data"])
            || change.path.starts_with_keys(&["stringData"]));
    let named = mask::is_telling_path(&change.path);
    let hide = |value: &mut crate::yaml::Value| {
        let telling =
            named || change.path.last_key().is_some_and(|key| mask::is_telling_key(key, value));
        masker.mask(value, data || telling, data && change.path.starts_with_keys(&["data"]));
    };
    match &mut change.edit {
        Edit::Added(value) | Edit::Removed(value) => hide(value),
        Edit::Changed(before, after) => {
            hide(before);
            hide(after);
        }
        Edit::Reordered(before, after) => {
            for label in before.iter_mut().chain(after) {
                *label = masker.scrub(label);
            }
        }
    }
}
