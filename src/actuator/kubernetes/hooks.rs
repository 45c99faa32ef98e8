//! Helm's hooks: whose turn it is in this run, and who rests.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::health::{self, Health};
use crate::plan::hook::{self, Role, Turn};
use crate::plan::{Id, Inventory, Item};

/// What is declared, parted by its hooks.
#[derive(Default)]
pub(super) struct Parted {
    /// To be compared; hooks with their turn.
    pub(super) items: Vec<(Item, Option<Turn>)>,
    /// Hooks of another occasion: the objects that are there stay as they are.
    pub(super) resting: Vec<Item>,
    /// What is said of those that are left out.
    pub(super) notes: Vec<String>,
}

/// The first run that ends well is the installation; every later one is an upgrade.
pub(super) fn part(items: Vec<Item>, inventory: &Inventory) -> Parted {
    let is_first = inventory.applied == 0;
    let (mut parted, mut tests) = (Parted::default(), Vec::new());
    for item in items {
        // What is wrong was said when it was read.
        match hook::role(&item.id, &item.value).unwrap_or(Role::Ordinary) {
            Role::Ordinary => parted.items.push((item, None)),
            Role::Test => tests.push(item.id.to_string()),
            Role::Hook(hook) => match hook.turn(is_first) {
                Some(turn) => parted.items.push((item, Some(turn))),
                None => parted.resting.push(item),
            },
        }
    }
    if !tests.is_empty() {
        parted.notes.push(format!("Helm's tests are left out: {}", tests.join(", ")));
    }
    parted
}

/// Those that rest and are ours, with what is there.
pub(super) fn there(
    resting: Vec<Item>,
    live: &BTreeMap<Id, Value>,
    inventory: &Inventory,
) -> Vec<(Item, Value)> {
    let ours = resting.into_iter().filter(|item| inventory.entries.contains_key(&item.id));
    let with_object = |item: Item| {
        let object = live.get(&item.id)?.clone();
        Some((item, object))
    };
    ours.filter_map(with_object).collect()
}

/// Whether a hook ran and failed: then it runs again.
pub(super) fn has_failed(object: &Value) -> bool {
    object["kind"] == "Job" && matches!(health::of(object, &[]), Health::Failed(_))
}
