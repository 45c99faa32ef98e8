#![no_main]
//! Any text, any scalar of it, any value: an edit is refused, or reads back as intended.
//!
//! `cargo +nightly fuzz run edit -- -max_total_time=600 -rss_limit_mb=500 -timeout=2`

use gitops::target;
use gitops::yaml::{self, Address, Change, Kind, Operation, Stream};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &str, &str)| {
    let (choice, value, source) = input;
    let Ok(stream) = Stream::parse(source.to_owned()) else { return };
    let _ = target::sites(&stream, "environments/staging/api.yaml");
    let scalars: Vec<_> = (0..stream.documents())
        .flat_map(|document| stream.nodes_of(document))
        .filter(|node| matches!(node.kind(), Kind::Scalar(_) | Kind::Alias) && !node.is_key())
        .collect();
    if scalars.is_empty() {
        return;
    }
    let node = scalars[usize::from(choice) % scalars.len()];
    let position = scalars.iter().position(|scalar| *scalar == node).unwrap_or_default();
    let at = Address { node: node.id(), inner: None };
    let change = Change { at, operation: Operation::Set(value.to_owned()) };
    let Ok(edited) = yaml::edit::edit(&stream, &[change]) else { return };
    // The same place, found again in the new text, holds the value; its neighbours are as before.
    let after = Stream::parse(edited.text.clone()).expect("an edited text is YAML");
    let values: Vec<_> = (0..after.documents())
        .flat_map(|document| after.nodes_of(document))
        .filter(|node| matches!(node.kind(), Kind::Scalar(_) | Kind::Alias) && !node.is_key())
        .collect();
    assert_eq!(values.len(), scalars.len(), "{source:?} became {:?}", edited.text);
    for (number, (old, new)) in scalars.iter().zip(&values).enumerate() {
        let wanted = if number == position { Some(value) } else { old.scalar() };
        assert_eq!(new.scalar(), wanted, "{source:?} became {:?}", edited.text);
    }
});
