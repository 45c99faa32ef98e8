//! Helm's hooks among rendered objects: what comes before everything else, what after it, and what is left out.
//!
//! A hook is applied as any other object is, in stages of its own, and is left where it is: a Job that is there says
//! that it ran. It runs again when what it runs has changed, or when it failed.

use serde_json::Value;

use super::Id;

/// Says when Helm runs an object instead of installing it.
const HOOK: &str = "helm.sh/hook";
/// Hooks of one moment run in this order.
const WEIGHT: &str = "helm.sh/hook-weight";

/// When a hook's turn is, relative to everything that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// After it rather than before.
    pub is_last: bool,
    /// The lighter ones go first.
    pub weight: i64,
}

/// What an object is to Helm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A part of the release.
    Ordinary,
    /// Run by `helm test` alone.
    Test,
    /// Run at these moments.
    Hook(Hook),
}

/// The moments of a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    install: Option<Turn>,
    upgrade: Option<Turn>,
}

impl Hook {
    /// Its turn in a first run, or in a later one; none when it is not its turn at all.
    #[must_use]
    pub fn turn(&self, is_first: bool) -> Option<Turn> {
        if is_first { self.install } else { self.upgrade }
    }
}

/// Reads the annotations of an object; what cannot be done as Helm does it is an error.
pub fn role(id: &Id, object: &Value) -> Result<Role, String> {
    let annotation = |key: &str| object["metadata"]["annotations"][key].as_str();
    let Some(moments) = annotation(HOOK).filter(|text| !text.trim().is_empty()) else {
        return Ok(Role::Ordinary);
    };
    let weight = annotation(WEIGHT).unwrap_or("0");
    let weight = weight.trim().parse().map_err(|_| format!("`{WEIGHT}: {weight}` is no number"))?;
    let (mut hook, mut is_test) = (Hook::default(), false);
    for moment in moments.split(',').map(str::trim) {
        let (slot, is_last) = match moment {
            "pre-install" => (&mut hook.install, false),
            "post-install" => (&mut hook.install, true),
            "pre-upgrade" => (&mut hook.upgrade, false),
            "post-upgrade" => (&mut hook.upgrade, true),
            "test" | "test-success" => {
                is_test = true;
                continue;
            }
            // Going back is an upgrade to us; alone it would never have its turn.
            "pre-rollback" | "post-rollback" if moments.contains("-upgrade") => continue,
            _ => return Err(refusal(moment)),
        };
        if slot.replace(Turn { is_last, weight }).is_some() {
            return Err(format!("`{HOOK}: {moments}` would have it run twice in one run"));
        }
    }
    if is_test && hook == Hook::default() {
        return Ok(Role::Test);
    }
    if id.kind == "Pod" {
        return Err(format!("`{HOOK}: {moments}` on a Pod: make it a Job"));
    }
    Ok(Role::Hook(hook))
}

fn refusal(moment: &str) -> String {
    format!(
        "`{HOOK}: {moment}` cannot be done here: render without it, with Helm by `args: [--no-hooks]`"
    )
}

/// What is left out of a hook: a Job that deletes itself would run again.
pub fn strip(object: &mut Value) {
    if object["kind"] == "Job"
        && let Some(spec) = object["spec"].as_object_mut()
    {
        spec.remove("ttlSecondsAfterFinished");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn role_of(kind: &str, hook: &str, weight: &str) -> Result<Role, String> {
        let object = json!({"metadata": {"annotations": {HOOK: hook, WEIGHT: weight}}});
        role(&Id::plain(kind, "a"), &object)
    }

    #[test]
    fn each_moment_has_its_turn() {
        let turn = |is_last, weight| Some(Turn { is_last, weight });
        let table = [
            ("pre-install", "0", [turn(false, 0), None]),
            ("post-install, pre-upgrade", "-5", [turn(true, -5), turn(false, -5)]),
            ("post-upgrade,post-rollback", "3", [None, turn(true, 3)]),
            ("pre-upgrade,test", "0", [None, turn(false, 0)]),
        ];
        for (moments, weight, turns) in table {
            let Ok(Role::Hook(hook)) = role_of("Job", moments, weight) else { panic!("{moments}") };
            assert_eq!([hook.turn(true), hook.turn(false)], turns, "{moments}");
        }
        assert_eq!(role_of("Pod", "test", "0"), Ok(Role::Test));
        assert_eq!(role_of("Pod", "", "0"), Ok(Role::Ordinary));
        assert!(turn(false, 9) < turn(true, -9));
    }

    #[test]
    fn what_cannot_be_done_is_an_error() {
        let table = [
            ("Job", "pre-delete", "0", "`helm.sh/hook: pre-delete` cannot be done here"),
            ("Job", "pre-upgrade,post-delete", "0", "post-delete` cannot be done here"),
            ("Job", "pre-rollback", "0", "pre-rollback` cannot be done here"),
            ("Job", "crd-install", "0", "crd-install` cannot be done here"),
            ("Job", "pre-install,post-install", "0", "run twice"),
            ("Job", "pre-install", "heavy", "`helm.sh/hook-weight: heavy` is no number"),
            ("Pod", "pre-install", "0", "make it a Job"),
        ];
        for (kind, hook, weight, cause) in table {
            let error = role_of(kind, hook, weight).unwrap_err();
            assert!(error.contains(cause), "{error}");
        }
    }
}
