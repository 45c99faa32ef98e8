//! How many requests a comparison takes: a number that does not depend on the machine.

use super::shop::{Shop, map};
use crate::support::kubernetes::Cluster;

/// The requests of a comparison that finds nothing, for this many objects.
fn clean(objects: usize) -> usize {
    let cluster = Cluster::fake();
    let shop = Shop::new(&cluster, "");
    let all: Vec<String> = (0..objects)
        .map(|n| match n % 4 {
            0 => format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{ name: m{n} }}\nstringData: {{ a: canary-{n} }}\n"
            ),
            1 => format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{ name: m{n} }}\nspec: {{ ports: [{{ port: {} }}] }}\n",
                n + 1
            ),
            _ => map(&format!("m{n}"), "1"),
        })
        .collect();
    shop.declare("all.yaml", &all.join("---\n"));
    shop.apply(&["--yes", "--no-wait"]).ok();
    cluster.forget();
    let output = shop.apply(&["--dry-run", "--exit-code"]);
    output.ok();
    assert!(output.stdout.contains(&format!("{objects} unchanged")), "{}", output.render());
    assert!(cluster.log().iter().all(|line| line.starts_with("GET")), "{:?}", cluster.log());
    cluster.log().len()
}

#[test]
fn a_clean_comparison_lists_and_nothing_more() {
    let (few, many) = (clean(250), clean(1000));
    assert!(many <= 80, "{many} requests for 1,000 objects");
    assert!(many <= few * 4, "{few} requests for 250 objects, {many} for 1,000");
}

#[test]
fn only_what_differs_is_asked_about() {
    let cluster = Cluster::fake();
    let shop = Shop::new(&cluster, "");
    let all = |changed: usize| {
        let value = |n: usize| if n < changed { "2" } else { "1" };
        (0..200).map(|n| map(&format!("m{n}"), value(n))).collect::<Vec<_>>().join("---\n")
    };
    shop.declare("all.yaml", &all(0));
    shop.apply(&["--yes"]).ok();
    shop.declare("all.yaml", &all(7));
    cluster.forget();
    shop.apply(&["--dry-run"]).ok();
    let dry_runs = cluster.log().iter().filter(|line| line.contains("dryRun=All")).count();
    assert_eq!(dry_runs, 7);
}
