//! Which images a plan changes: what people look for first.

use serde_json::{Value, json};

use crate::diff::images::ImageChange;
use crate::diff::{Options, compare};
use crate::manifest::SourceFile;
use crate::plan::{Id, Plan};

/// The steps of images, as `diff` finds them.
pub(super) fn changes(plan: &Plan) -> Vec<ImageChange> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for compared in plan.changes() {
        let id = &compared.item.id;
        if let Some(rendered) = &compared.rendered {
            before.extend(rendered.before.iter().filter_map(object));
            after.extend(rendered.after.iter().filter_map(object));
            continue;
        }
        before.extend(compared.live.as_ref().and_then(|live| side(id, &live.value)));
        after.extend(side(id, &compared.item.value));
    }
    before.extend(plan.prunes.iter().filter_map(|prune| side(&prune.id, &prune.live.value)));
    compare(&before, &after, &Options::default()).images
}

/// An object of a release.
fn object(value: &Value) -> Option<SourceFile> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let namespace = text(&value["metadata"]["namespace"]);
    let name = Id::plain(&text(&value["kind"]), &text(&value["metadata"]["name"]));
    side(&Id { namespace, ..name }, value)
}

/// One object, or one file, as a file to compare; a Secret has no images.
fn side(id: &Id, value: &Value) -> Option<SourceFile> {
    if id.is_secret() {
        return None;
    }
    let text = match value {
        Value::String(text) => text.clone(),
        object => object.to_string(),
    };
    let mut file = SourceFile::new(&id.name, text.into_bytes());
    file.key = id.key().into();
    file.scope = "".into();
    file.default_namespace = id.namespace.as_str().into();
    // A file that is no YAML has no images either.
    file.structured |= !value.is_string();
    Some(file)
}

pub(super) fn to_json(images: &[ImageChange]) -> Value {
    let row = |image: &ImageChange| {
        json!({
            "image": image.name, "before": image.before, "after": image.after,
            "class": image.class.as_str(),
            "users": image.users.iter().map(|user| &user.title).collect::<Vec<_>>(),
        })
    };
    images.iter().map(row).collect()
}
