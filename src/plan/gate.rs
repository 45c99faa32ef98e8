//! The gates: what a plan must pass before anything is changed. Each refusal names what lets it through.

use super::{Compared, Inventory, Observation, Operation, Prune};

/// What an environment allows.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Delete what Git no longer declares.
    pub prune: bool,
    /// The most objects one run may delete.
    pub max_prune: usize,
    /// The largest part of the inventory, in percent, once it has ten objects.
    pub max_prune_percent: usize,
    /// The smallest part of the last set, in percent, that a render may shrink to.
    pub min_render_percent: usize,
    /// Kinds that are deleted only where it is allowed by name, besides [`PROTECTED`].
    pub protected: Vec<String>,
    /// Kinds that may be deleted and made again when a field cannot be changed.
    pub recreate: Vec<String>,
    /// Gates that the user opened: `--allow ID`.
    pub allowed: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            prune: true,
            max_prune: 20,
            max_prune_percent: 20,
            min_render_percent: 50,
            protected: Vec::new(),
            recreate: Vec::new(),
            allowed: Vec::new(),
        }
    }
}

/// Kinds whose deletion takes data, or other people's objects, along.
pub const PROTECTED: &[&str] = &[
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "StorageClass",
    "StatefulSet",
];

/// Below this many objects a percentage says nothing.
const TOO_FEW: usize = 10;

/// Why a plan may not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The gate, for `--allow`; empty where nothing opens it.
    pub gate: String,
    /// The cause.
    pub cause: String,
    /// What to do.
    pub hint: String,
}

impl Refusal {
    fn new(gate: impl Into<String>, cause: String) -> Self {
        let gate = gate.into();
        let hint = format!("if that is what you want: --allow {gate}");
        Self { gate, cause, hint }
    }

    pub(super) fn fixed(cause: String, hint: impl Into<String>) -> Self {
        Self { gate: String::new(), cause, hint: hint.into() }
    }
}

impl Rules {
    /// Whether the user opened a gate.
    #[must_use]
    pub fn allows(&self, gate: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == gate)
    }

    fn unless_allowed(&self, refusal: Refusal) -> Option<Refusal> {
        (!self.allows(&refusal.gate)).then_some(refusal)
    }
}

/// Whether the declared set is what it was: a renderer that fails quietly renders nothing, or half.
#[must_use]
pub fn render(observation: &Observation, inventory: &Inventory, rules: &Rules) -> Vec<Refusal> {
    let (now, before) = (observation.compared.len(), inventory.entries.len());
    let refusal = if now == 0 && before > 0 {
        let cause = format!("nothing is declared any more, and {before} objects are there");
        Some(Refusal::new("empty-render", cause))
    } else if before >= TOO_FEW && now * 100 < before * rules.min_render_percent {
        let cause = format!("only {now} objects are declared, and {before} are there");
        Some(Refusal::new("small-render", cause))
    } else {
        None
    };
    refusal.and_then(|refusal| rules.unless_allowed(refusal)).into_iter().collect()
}

/// Whether every declared object may be made what it is to be.
#[must_use]
pub fn objects(compared: &[Compared], rules: &Rules) -> Vec<Refusal> {
    compared.iter().filter_map(|compared| object(compared, rules)).collect()
}

fn object(compared: &Compared, rules: &Rules) -> Option<Refusal> {
    let id = &compared.item.id;
    if let Some(owner) = &compared.owner {
        let cause = format!("{id} belongs to {owner}");
        return rules.unless_allowed(Refusal::new("take-over", cause));
    }
    if !compared.conflicts.is_empty() {
        let fields: Vec<String> =
            compared.conflicts.iter().map(|c| format!("{} → {}", c.manager, c.field)).collect();
        let cause = format!("{id} has fields of other managers: {}", fields.join(", "));
        let hint = "drop them from Git, or take them over: --force-conflicts, or `conflicts:` in gitops.yaml";
        return Some(Refusal::fixed(cause, hint));
    }
    if let Some(reason) = &compared.rejected {
        let hint = compared.remedy.unwrap_or("correct what is declared");
        return Some(Refusal::fixed(format!("{id} would be rejected: {reason}"), hint));
    }
    let may_recreate =
        rules.recreate.contains(&id.kind) || (compared.turn.is_some() && id.kind == "Job");
    if compared.operation == Operation::Recreate && !may_recreate {
        let paths: Vec<String> =
            compared.changes.iter().map(|drift| drift.change.path.to_string()).collect();
        let fields =
            if paths.is_empty() { String::new() } else { format!(" ({})", paths.join(", ")) };
        let cause = format!("{id} has a field that cannot be changed{fields}");
        let hint = format!("rename it, or let it be made again: `recreate: [{}]`", id.kind);
        return Some(Refusal::fixed(cause, hint));
    }
    None
}

/// Whether that many, and those kinds, may be deleted.
#[must_use]
pub fn prunes(prunes: &[Prune], inventory: &Inventory, rules: &Rules) -> Vec<Refusal> {
    let (count, all) = (prunes.len(), inventory.entries.len());
    let too_many =
        count > rules.max_prune || (all >= TOO_FEW && count * 100 > all * rules.max_prune_percent);
    let limit = too_many.then(|| {
        let cause = format!(
            "{count} of {all} objects would be deleted; the limit is {}, and {} %",
            rules.max_prune, rules.max_prune_percent
        );
        Refusal::new("prune-limit", cause)
    });
    let kinds = prunes.iter().filter_map(|prune| {
        let kind = prune.id.kind.as_str();
        let protected = PROTECTED.contains(&kind) || rules.protected.iter().any(|k| k == kind);
        let typed = prune.id.is_secret()
            && prune.live.value["type"].as_str().is_some_and(|t| t.starts_with("kubernetes.io/"));
        let gate = format!("delete-{}", kind.to_lowercase());
        (protected || typed).then(|| Refusal::new(gate, format!("{} would be deleted", prune.id)))
    });
    limit.into_iter().chain(kinds).filter_map(|refusal| rules.unless_allowed(refusal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::inventory::Entry;
    use crate::plan::{Conflict, Id, Item, Live};
    use serde_json::json;

    fn inventory(objects: usize) -> Inventory {
        let ids = (0..objects).map(|n| (Id::plain("ConfigMap", &n.to_string()), Entry::default()));
        Inventory { entries: ids.collect(), ..Inventory::default() }
    }

    fn compared(kind: &str) -> Compared {
        let id = Id::plain(kind, "a");
        Compared::absent(Item { id, value: json!({}), origin: String::new() })
    }

    fn gates(refusals: &[Refusal]) -> Vec<&str> {
        refusals.iter().map(|refusal| refusal.gate.as_str()).collect()
    }

    #[test]
    fn a_render_that_shrank_is_refused() {
        let table: [(usize, usize, &[&str]); 6] = [
            (0, 0, &[]),
            (0, 1, &["empty-render"]),
            (4, 9, &[]),
            (5, 10, &[]),
            (4, 10, &["small-render"]),
            (49, 100, &["small-render"]),
        ];
        for (now, before, expected) in table {
            let compared = vec![compared("ConfigMap"); now];
            let observation = Observation { compared, ..Observation::default() };
            let found = render(&observation, &inventory(before), &Rules::default());
            assert_eq!(gates(&found), expected, "{now} of {before}");
            let allowed = ["empty-render", "small-render"].map(str::to_owned).to_vec();
            let open = Rules { allowed, ..Rules::default() };
            assert_eq!(render(&observation, &inventory(before), &open), []);
        }
    }

    #[test]
    fn mass_deletion_and_protected_kinds_are_refused() {
        let prune = |kind: &str, value| Prune {
            id: Id::plain(kind, "a"),
            live: Live { value, ..Live::default() },
        };
        let plain = |count| vec![prune("ConfigMap", json!({})); count];
        let table = [
            (plain(9), 9, vec![]),
            (plain(2), 10, vec![]),
            (plain(3), 10, vec!["prune-limit"]),
            (plain(21), 1000, vec!["prune-limit"]),
            (vec![prune("Namespace", json!({}))], 5, vec!["delete-namespace"]),
            (vec![prune("Widget", json!({}))], 5, vec!["delete-widget"]),
            (vec![prune("Secret", json!({"type": "Opaque"}))], 5, vec![]),
            (vec![prune("Secret", json!({"type": "kubernetes.io/tls"}))], 5, vec!["delete-secret"]),
        ];
        let rules = Rules { protected: vec!["Widget".to_owned()], ..Rules::default() };
        for (list, all, expected) in table {
            assert_eq!(gates(&prunes(&list, &inventory(all), &rules)), expected, "{list:?}");
        }
    }

    #[test]
    fn objects_that_others_hold_are_refused() {
        let conflict = Conflict { manager: "hpa".to_owned(), field: ".spec.replicas".to_owned() };
        let table = [
            (compared("Job"), None),
            (
                Compared { owner: Some("Flux".to_owned()), ..compared("Job") },
                Some("belongs to Flux"),
            ),
            (
                Compared { conflicts: vec![conflict], ..compared("Job") },
                Some("hpa → .spec.replicas"),
            ),
            (
                Compared { rejected: Some("no".to_owned()), ..compared("Job") },
                Some("would be rejected: no"),
            ),
            (Compared { operation: Operation::Recreate, ..compared("Job") }, None),
            (
                Compared { operation: Operation::Recreate, ..compared("Service") },
                Some("cannot be changed"),
            ),
        ];
        let rules = Rules { recreate: vec!["Job".to_owned()], ..Rules::default() };
        for (compared, expected) in table {
            let found = object(&compared, &rules);
            match expected {
                Some(part) => assert!(found.as_ref().unwrap().cause.contains(part), "{found:?}"),
                None => assert_eq!(found, None),
            }
        }
    }
}
