//! Compose files: `services.NAME.image`.

use super::{Name, NameKind, Scope, Site, helm_values};

pub(super) fn find(scope: &Scope<'_>, sites: &mut Vec<Site>) {
    if !is_compose(scope) {
        return;
    }
    let services = scope.root().get("services");
    for (key, service) in services.iter().flat_map(|services| services.entries()) {
        let image = service.resolved().entries().find(|(name, _)| name.scalar() == Some("image"));
        let (Some((_, image)), Some(name)) = (image, key.scalar()) else { continue };
        let name = Name { kind: NameKind::Container, text: name.to_owned() };
        sites.extend(helm_values::reference(scope, image, Some(name)));
    }
}

/// A mapping of services, each a mapping with an image or a build.
pub(super) fn is_compose(scope: &Scope<'_>) -> bool {
    let Some(services) = scope.root().get("services").filter(|s| s.is_mapping()) else {
        return false;
    };
    let name = scope.file_name();
    name.starts_with("compose.")
        || name.starts_with("docker-compose")
        || services.entries().any(|(_, service)| {
            service.get_text("image").is_some() || service.resolved().get("build").is_some()
        }) && scope.object().is_none()
}
