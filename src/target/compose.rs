//! Compose files: `services.NAME.image`.

use super::{Name, NameKind, Scope, Site, helm_values};
use crate::yaml::NodeRef;

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    if !is_compose(scope) {
        return;
    }
    let services = scope.root().get("services");
    for (key, service) in services.iter().flat_map(|services| services.entries()) {
        let image = service.resolved().value("image");
        let (Some(image), Some(name)) = (image, key.scalar()) else { continue };
        let name = Name { kind: NameKind::Container, text: name.to_owned() };
        sites.extend(helm_values::reference(scope, image, Some(name)));
    }
}

/// Top-level keys of the Compose specification.
const KEYS: &[&str] = &[
    "services", "version", "name", "networks", "volumes", "configs", "secrets", "include", "models",
];

/// Known by its name; else by having nothing but what Compose files have.
pub(super) fn is_compose(scope: &Scope<'_>) -> bool {
    let root = scope.root();
    let Some(services) = root.get("services").filter(|services| services.is_mapping()) else {
        return false;
    };
    let name = scope.file_name();
    if name.starts_with("compose.") || name.starts_with("docker-compose") {
        return true;
    }
    let is_ours = |key: &str| KEYS.contains(&key) || key.starts_with("x-");
    let is_service = |service: NodeRef<'_>| {
        let service = service.resolved();
        service.get("build").is_some()
            || service.get_text("image").is_some() && service.get("tag").is_none()
    };
    root.entries().all(|(key, _)| key.scalar().is_some_and(is_ours))
        && services.entries().all(|(_, service)| is_service(service))
}
