//! What to delete: only what the inventory lists, is still ours, and nobody asked to keep.

use super::{Id, Live, Rules, ownership, stage};

/// An object of the inventory that Git no longer declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphan {
    /// What it is called.
    pub id: Id,
    /// The uid in the inventory; `None` where a run died before it could write it down.
    pub uid: Option<String>,
    /// What is there, with all its metadata.
    pub live: Live,
    /// The set that its label says it belongs to is this environment's.
    pub is_marked: bool,
    /// Other objects than ours are inside, for a namespace.
    pub holds_others: bool,
    /// The inventory does not list it: only its label says that it is ours.
    pub is_lost: bool,
}

/// A deletion.
#[derive(Clone, Debug, PartialEq)]
pub struct Prune {
    /// What.
    pub id: Id,
    /// Which one of that name, and in which state it was judged.
    pub live: Live,
}

/// Why a namespace stays.
const INSIDE: &str = "there are objects in it that are not to be deleted";

/// Splits orphans into those to delete, in the reverse order of stages, and those to spare, with the reason.
#[must_use]
pub fn select(
    orphans: Vec<Orphan>,
    declared: &[Id],
    rules: &Rules,
) -> (Vec<Prune>, Vec<(Id, String)>) {
    let (mut prunes, mut spared) = (Vec::new(), Vec::new());
    for orphan in orphans {
        match spare(&orphan, declared, rules) {
            Some(reason) => spared.push((orphan.id, reason)),
            None => prunes.push(Prune { id: orphan.id, live: orphan.live }),
        }
    }
    let holds = |namespace: &Id| spared.iter().any(|(id, _)| id.namespace == namespace.name);
    let (taken, mut prunes): (Vec<Prune>, Vec<Prune>) =
        prunes.into_iter().partition(|prune| prune.id.is_namespace() && holds(&prune.id));
    spared.extend(taken.into_iter().map(|prune| (prune.id, INSIDE.to_owned())));
    prunes.sort_by(|a, b| (stage::of(&b.id), &a.id).cmp(&(stage::of(&a.id), &b.id)));
    (prunes, spared)
}

fn spare(orphan: &Orphan, declared: &[Id], rules: &Rules) -> Option<String> {
    let Orphan { id, uid, live, is_marked, holds_others, is_lost } = orphan;
    if !rules.prune {
        return Some("pruning is off".to_owned());
    }
    if *is_lost {
        return Some("the inventory was lost; the next run may delete it".to_owned());
    }
    if uid.as_ref().is_some_and(|uid| *uid != live.uid) {
        return Some("it was deleted and made again by somebody else".to_owned());
    }
    if !is_marked {
        return Some("it no longer carries this environment's label".to_owned());
    }
    if let Some(annotation) = ownership::keep(&live.value) {
        return Some(format!("`{annotation}`"));
    }
    if id.is_namespace() {
        let inside = declared.iter().any(|other| other.namespace == id.name);
        if inside || *holds_others {
            return Some(INSIDE.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn orphan(kind: &str, name: &str) -> Orphan {
        let live = Live { uid: "1".to_owned(), version: "9".to_owned(), value: json!({}) };
        let uid = Some("1".to_owned());
        let id = Id::plain(kind, name);
        Orphan { id, uid, live, is_marked: true, holds_others: false, is_lost: false }
    }

    #[test]
    fn spares_what_is_not_certainly_ours() {
        let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
        let kept = Live { value: keep, uid: "1".to_owned(), ..Live::default() };
        let inside = Id { namespace: "shop".to_owned(), ..Id::plain("Pod", "x") };
        let table = [
            (orphan("ConfigMap", "a"), None),
            (Orphan { uid: None, ..orphan("ConfigMap", "a") }, None),
            (Orphan { uid: Some("2".to_owned()), ..orphan("ConfigMap", "a") }, Some("made again")),
            (Orphan { is_marked: false, ..orphan("ConfigMap", "a") }, Some("label")),
            (Orphan { is_lost: true, ..orphan("ConfigMap", "a") }, Some("inventory was lost")),
            (
                Orphan { live: kept, ..orphan("ConfigMap", "a") },
                Some("helm.sh/resource-policy: keep"),
            ),
            (orphan("Namespace", "shop"), Some("objects in it")),
            (orphan("Namespace", "empty"), None),
            (Orphan { holds_others: true, ..orphan("Namespace", "empty") }, Some("objects in it")),
        ];
        for (orphan, reason) in table {
            let found = spare(&orphan, std::slice::from_ref(&inside), &Rules::default());
            match reason {
                Some(part) => assert!(found.as_ref().unwrap().contains(part), "{found:?}"),
                None => assert_eq!(found, None, "{orphan:?}"),
            }
        }
    }

    #[test]
    fn a_namespace_stays_with_what_is_spared_in_it() {
        let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
        let mut claim = orphan("PersistentVolumeClaim", "data");
        claim.id.namespace = "shop".to_owned();
        claim.live.value = keep;
        // A cluster's own objects have no namespace, and hold none.
        let widget = Orphan { is_marked: false, ..orphan("Widget", "w") };
        let orphans =
            vec![orphan("Namespace", "shop"), claim, widget, orphan("Namespace", "empty")];
        let (prunes, spared) = select(orphans, &[], &Rules::default());
        let names: Vec<_> = prunes.iter().map(|prune| prune.id.name.as_str()).collect();
        assert_eq!(names, ["empty"]);
        assert_eq!(spared.last().unwrap(), &(Id::plain("Namespace", "shop"), INSIDE.to_owned()));
    }

    #[test]
    fn deletes_in_the_reverse_order() {
        let orphans =
            ["ConfigMap", "Namespace", "Ingress", "Deployment"].map(|kind| orphan(kind, "a"));
        let (prunes, spared) = select(orphans.to_vec(), &[], &Rules::default());
        let kinds: Vec<_> = prunes.iter().map(|prune| prune.id.kind.as_str()).collect();
        assert_eq!(kinds, ["Ingress", "Deployment", "ConfigMap", "Namespace"]);
        assert!(spared.is_empty());
        let off = Rules { prune: false, ..Rules::default() };
        assert_eq!(select(orphans.to_vec(), &[], &off).0, []);
    }
}
