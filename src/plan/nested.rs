//! Files that are folders now, and folders that are files: one can only come when the other goes.

use super::gate::Refusal;
use super::{Compared, Id, Operation};

/// What cannot be made because something stays that is in its way.
#[must_use]
pub fn in_the_way(compared: &[Compared], spared: &[(Id, String)]) -> Vec<Refusal> {
    let new = compared.iter().filter(|one| one.operation == Operation::Create);
    let one = |one: &Compared| {
        let id = &one.item.id;
        let (other, why) = spared.iter().find(|(other, _)| are_nested(id, other))?;
        let cause = format!("{id} cannot be made: {other} is in the way, and stays ({why})");
        Some(Refusal::fixed(cause, "let it be deleted, or choose another name"))
    };
    new.filter_map(one).collect()
}

fn are_nested(one: &Id, other: &Id) -> bool {
    let is_below = |low: &Id, high: &Id| {
        low.name.strip_prefix(&high.name).is_some_and(|rest| rest.starts_with('/'))
    };
    let are_files = one.kind == "File" && other.kind == "File";
    are_files && (is_below(one, other) || is_below(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_folder_cannot_have_one_name() {
        let table = [("conf/b", "conf", true), ("x", "x/y/z", true), ("conf2", "conf", false)];
        for (new, old, nested) in table {
            let (new, old) = (Id::plain("File", new), Id::plain("File", old));
            assert_eq!(are_nested(&new, &old), nested, "{new} {old}");
        }
    }
}
