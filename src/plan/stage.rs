//! The order of changes: what others need comes first, what watches over them last.

use std::collections::{BTreeMap, BTreeSet};

use super::hook::Turn;
use super::{Compared, Id};
use crate::error::{Code, Hinted};

/// Kinds by stage. Kinds that nobody knows are custom resources: after the workloads that serve them.
const STAGES: &[&[&str]] = &[
    &["CustomResourceDefinition", "Namespace"],
    &[
        "StorageClass",
        "PriorityClass",
        "RuntimeClass",
        "IngressClass",
        "ClusterRole",
        "PersistentVolume",
    ],
    &[
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRoleBinding",
        "ResourceQuota",
        "LimitRange",
        "NetworkPolicy",
    ],
    &["ConfigMap", "Secret", "PersistentVolumeClaim"],
    &["Service", "Endpoints", "EndpointSlice"],
    &[
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "Pod",
        "Job",
        "CronJob",
        "APIService",
    ],
    &["Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget", "HTTPRoute", "Gateway"],
    &[],
    &[
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ],
];

const CUSTOM: usize = 7;

/// Names other objects of the set that must be there before: `apps/namespaces/shop/Deployment/db, …`.
const DEPENDS_ON: &str = "config.kubernetes.io/depends-on";

/// The stage of an object, by its kind.
#[must_use]
pub fn of(id: &Id) -> usize {
    STAGES.iter().position(|kinds| kinds.contains(&id.kind.as_str())).unwrap_or(CUSTOM)
}

/// What everything stands on, the first hooks, everything else, the last hooks; hooks with their weight.
pub type Phase = (u8, i64);

const BASE: Phase = (0, 0);
const MAIN: Phase = (2, 0);

/// When an object's turn is.
#[must_use]
pub fn phase(compared: &Compared) -> Phase {
    match compared.turn {
        Some(Turn { is_last: false, weight }) => (1, weight),
        Some(Turn { is_last: true, weight }) => (3, weight),
        None if of(&compared.item.id) == 0 => BASE,
        None => MAIN,
    }
}

/// Splits changes into stages; an object that depends on another comes in a later stage than it.
pub fn order(changes: Vec<Compared>) -> anyhow::Result<Vec<Vec<Compared>>> {
    let ids: BTreeSet<Id> = changes.iter().map(|compared| compared.item.id.clone()).collect();
    let mut needs: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for compared in &changes {
        let needed = depends_on(compared).into_iter().filter(|id| ids.contains(id)).collect();
        needs.insert(compared.item.id.clone(), needed);
    }
    let mut stages: BTreeMap<(Phase, usize), Vec<Compared>> = BTreeMap::new();
    for compared in changes {
        let depth = depth(&compared.item.id, &needs, &mut Vec::new())?;
        let phase = match phase(&compared) {
            // It needs something of a later stage.
            BASE if depth >= STEPS => MAIN,
            phase => phase,
        };
        stages.entry((phase, depth)).or_default().push(compared);
    }
    for stage in stages.values_mut() {
        stage.sort_by(|a, b| a.item.id.cmp(&b.item.id));
    }
    Ok(stages.into_values().collect())
}

/// Ten steps of dependency fit between the stages of two kinds.
const STEPS: usize = 10;

fn depth(
    id: &Id,
    needs: &BTreeMap<Id, Vec<Id>>,
    on_the_way: &mut Vec<Id>,
) -> anyhow::Result<usize> {
    if on_the_way.contains(id) {
        let names: Vec<String> = on_the_way.iter().chain([id]).map(ToString::to_string).collect();
        let message =
            format!("cannot order the changes: {} depend on each other", names.join(" → "));
        let hint = format!("break the circle of `{DEPENDS_ON}` annotations");
        return Err(Hinted::new(Code::Config, message, hint).into());
    }
    on_the_way.push(id.clone());
    let mut deepest = of(id) * STEPS;
    for needed in needs.get(id).into_iter().flatten() {
        deepest = deepest.max(depth(needed, needs, on_the_way)? + 1);
    }
    on_the_way.pop();
    Ok(deepest)
}

fn depends_on(compared: &Compared) -> Vec<Id> {
    let annotation = &compared.item.value["metadata"]["annotations"][DEPENDS_ON];
    let references = annotation.as_str().unwrap_or_default().split(',');
    references.filter_map(|reference| parse_reference(reference.trim())).collect()
}

/// `GROUP/namespaces/NAMESPACE/KIND/NAME` or `GROUP/KIND/NAME`; the group may be empty.
fn parse_reference(reference: &str) -> Option<Id> {
    let parts: Vec<&str> = reference.split('/').collect();
    let (group, namespace, kind, name) = match parts[..] {
        [group, "namespaces", namespace, kind, name] => (group, namespace, kind, name),
        [group, kind, name] => (group, "", kind, name),
        _ => return None,
    };
    let own = str::to_owned;
    Some(Id { group: own(group), kind: own(kind), namespace: own(namespace), name: own(name) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Item;
    use serde_json::json;

    fn change(kind: &str, name: &str, depends_on: &str) -> Compared {
        let value = json!({"metadata": {"annotations": {DEPENDS_ON: depends_on}}});
        Compared::absent(Item { id: Id::plain(kind, name), value, origin: String::new() })
    }

    fn ordered(changes: Vec<Compared>) -> Result<Vec<Vec<String>>, String> {
        let stages = order(changes).map_err(|error| error.to_string())?;
        let names = |stage: &Vec<Compared>| stage.iter().map(|c| c.item.id.to_string()).collect();
        Ok(stages.iter().map(names).collect())
    }

    #[test]
    fn what_others_need_comes_first() {
        let kinds = ["Ingress", "Widget", "Deployment", "Namespace", "Secret", "ConfigMap"];
        let stages = ordered(kinds.map(|kind| change(kind, "a", "")).to_vec()).unwrap();
        let expected: [&[&str]; 5] = [
            &["Namespace a"],
            &["ConfigMap a", "Secret a"],
            &["Deployment a"],
            &["Ingress a"],
            &["Widget a"],
        ];
        assert_eq!(stages, expected);
    }

    #[test]
    fn hooks_come_before_and_after_everything_else_by_weight() {
        let hook = |kind, name, is_last, weight| {
            let turn = Some(Turn { is_last, weight });
            Compared { turn, ..change(kind, name, "") }
        };
        let stages = ordered(vec![
            hook("Job", "tell", true, -9),
            hook("Job", "migrate", false, 5),
            hook("Job", "wait", false, -1),
            hook("Secret", "key", false, 5),
            change("Deployment", "web", ""),
            change("Namespace", "shop", ""),
        ]);
        let expected: [&[&str]; 6] = [
            &["Namespace shop"],
            &["Job wait"],
            &["Secret key"],
            &["Job migrate"],
            &["Deployment web"],
            &["Job tell"],
        ];
        assert_eq!(stages.unwrap(), expected);
    }

    #[test]
    fn dependencies_come_before_their_users() {
        let stages = ordered(vec![
            change("ConfigMap", "late", "/Deployment/db"),
            change("Deployment", "web", "/ConfigMap/late, /Deployment/elsewhere"),
            change("Deployment", "db", ""),
        ]);
        assert_eq!(stages.unwrap(), [["Deployment db"], ["ConfigMap late"], ["Deployment web"]]);
    }

    #[test]
    fn a_circle_is_an_error_that_names_it() {
        let error = ordered(vec![
            change("Deployment", "a", "/Deployment/b"),
            change("Deployment", "b", "/Deployment/a"),
        ])
        .unwrap_err();
        assert!(error.contains("Deployment a → Deployment b → Deployment a"), "{error}");
    }
}
