//! `bump-tag` in a directory, as a user runs it.

mod cases;

use snapbox::str;

use crate::support::Sandbox;

/// The example repository.
fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    let shop = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    for name in [
        "gitops.yaml",
        "environments/dev.yaml",
        "environments/staging.yaml",
        "environments/production.yaml",
    ] {
        sandbox.write(name, std::fs::read(shop.join(name)).unwrap());
    }
    sandbox
}

#[test]
fn changes_one_token_of_one_environment() {
    let sandbox = shop();
    let before = sandbox.read("environments/staging.yaml");
    sandbox.gitops(&["bump-tag", "api=v1.2.3", "-e", "staging"]).is(str![[r#"
environments/staging.yaml:6: api.image.tag: v1.2.2 -> v1.2.3
-- exit 0 --

"#]]);
    assert_eq!(sandbox.read("environments/staging.yaml"), before.replace("v1.2.2", "v1.2.3"));
}
