//! What comes after the pull request: labels, reviewers, assignees, and closing the older ones. Whatever
//! fails of it is a warning.

use super::ensure::{Action, Outcome, words};
use super::text::key_of;
use super::{Extra, Forge, Proposal, Pull, Refusal};
use crate::http::Failure;

/// Labels, reviewers and assignees that are missing; what fails is a warning.
pub(super) fn decorate(forge: &dyn Forge, pull: &Pull, want: &Proposal, outcome: &mut Outcome) {
    let labels = missing(&want.labels, &pull.labels);
    let assignees = missing(&want.assignees, &pull.assignees);
    let mut done = false;
    let mut refused = Vec::new();
    let mut note = |what: &str, names: &[String], result: anyhow::Result<Extra>| match result {
        Ok(Extra::Done) => done = true,
        Ok(Extra::Lacking) => {
            let title = forge.row().title;
            outcome.warnings.push(format!("{title} has no {what}: left out {}", names.join(", ")));
        }
        Err(error) => outcome.warnings.push(words(&error)),
    };
    if !labels.is_empty() {
        note("labels", &labels, forge.label(pull, &labels));
    }
    if !want.reviewers.is_empty() {
        match forge.reviewers(pull).map(|known| missing(&want.reviewers, &known)) {
            Ok(names) if names.is_empty() => {}
            Ok(names) => {
                let result = people(&names, &mut refused, |names| forge.review(pull, names));
                note("reviewers", &names, result);
            }
            Err(error) => note("reviewers", &want.reviewers, Err(error)),
        }
    }
    if !assignees.is_empty() {
        let result = people(&assignees, &mut refused, |names| forge.assign(pull, names));
        note("assignees", &assignees, result);
    }
    outcome.warnings.append(&mut refused);
    if done && outcome.action == Action::Unchanged {
        outcome.action = Action::Updated;
    }
}

/// Asks for all at once, and where that is refused for each, so that one unknown name does not cost the others.
fn people(
    names: &[String],
    refused: &mut Vec<String>,
    ask: impl Fn(&[String]) -> anyhow::Result<Extra>,
) -> anyhow::Result<Extra> {
    let error = match ask(names) {
        Err(error) if names.len() > 1 && is_about_names(&error) => error,
        result => return result,
    };
    // Some forges replace the list, so those that are taken are named again.
    let mut taken: Vec<String> = Vec::new();
    let mut warnings = Vec::new();
    for name in names {
        taken.push(name.clone());
        if let Err(error) = ask(&taken) {
            warnings.push(words(&error));
            taken.pop();
        }
    }
    if taken.is_empty() {
        return Err(error);
    }
    refused.append(&mut warnings);
    Ok(Extra::Done)
}

/// Whether another list of names may do better: not where the token lacks a right, or the forge is down.
fn is_about_names(error: &anyhow::Error) -> bool {
    let refusal = error.downcast_ref::<Refusal>();
    let is_failure = error.downcast_ref::<Failure>().is_some();
    // Gitea answers 500 to an assignee whom it does not know.
    let may_help =
        |refusal: &Refusal| matches!(refusal.status.as_u16(), 400 | 404 | 409 | 422 | 500);
    !is_failure && refusal.is_none_or(may_help)
}

/// Names that are not there yet; forges do not mind upper and lower case.
fn missing(wanted: &[String], there: &[String]) -> Vec<String> {
    let is_there = |name: &String| there.iter().any(|other| other.eq_ignore_ascii_case(name));
    wanted.iter().filter(|name| !is_there(name)).cloned().collect()
}

/// Closes the other open pull requests of ours that are about the same app and environment.
pub(super) fn supersede(forge: &dyn Forge, pull: &Pull, want: &Proposal, outcome: &mut Outcome) {
    if want.key.is_empty() {
        let what = "nobody can tell the environment and the app of this change";
        return outcome.warnings.push(format!("--supersede closed nothing: {what}"));
    }
    let open = match forge.list(&want.base, None) {
        Ok(open) => open,
        Err(error) => return outcome.warnings.push(words(&error)),
    };
    let is_older = |other: &Pull| {
        let same_key = key_of(&other.body) == Some(&*want.key);
        // A fork's author may write what he likes into a body.
        let ours = other.own && same_key && other.head != want.head;
        ours && (pull.number == 0 || other.number < pull.number)
    };
    for other in open.iter().filter(|other| is_older(other)) {
        let by = if pull.url.is_empty() { "a newer one".to_owned() } else { pull.url.clone() };
        let closed =
            forge.comment(other, &format!("Superseded by {by}.")).and_then(|()| forge.close(other));
        match closed {
            Ok(()) => outcome.superseded.push(other.number),
            Err(error) => outcome.warnings.push(words(&error)),
        }
    }
}
