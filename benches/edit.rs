//! The editor in process: find, splice and verify one tag. Throughput counts the file's bytes.
//!
//! `cargo bench --bench edit`

#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::fmt::Write as _;

use divan::counter::BytesCount;
use gitops::target;
use gitops::yaml::{self, Change, Found, Operation, Sharing, Stream, YamlPath};

fn main() {
    divan::main();
}

/// A manifest like those that operators ship: custom resource definitions and workloads.
fn manifest(documents: usize, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + bytes / 8);
    for document in 0..documents {
        let _ = write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{document}\n  \
             labels: {{app.kubernetes.io/name: app-{document}}}\nspec:\n  template:\n    spec:\n      \
             containers:\n      - name: app-{document}\n        image: ghcr.io/acme/app-{document}:v1\n\
             status:\n  schema:\n"
        );
        let mut field = 0;
        while text.len() < (document + 1) * bytes / documents {
            let _ = write!(
                text,
                "    field{field}:\n      description: >-\n        The {field}th field says how many \
                 replicas the controller keeps,\n        and what it does when there are fewer.\n      \
                 type: string\n      enum: [\"a\", 'b', c]\n      default: \"value {field}\" # docs\n"
            );
            field += 1;
        }
    }
    text
}

fn edit(text: &str, document: usize) -> String {
    let stream = Stream::parse(text.to_owned()).unwrap();
    let path = YamlPath::parse("spec.template.spec.containers[0].image").unwrap();
    let Found::Node(node) = yaml::find(&stream, document, &path, Sharing::Refuse).unwrap() else {
        panic!("the path leads nowhere");
    };
    let at = yaml::Address { node, inner: None };
    let operation = Operation::Set("ghcr.io/acme/app:v2".to_owned());
    yaml::edit::edit(&stream, &[Change { at, operation }]).unwrap().text
}

/// The goal: at least 50 MB/s.
#[divan::bench]
fn edit_one_of_74_documents_of_2_mb(bencher: divan::Bencher) {
    let text = manifest(74, 2_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| edit(&text, 40));
}

#[divan::bench]
fn edit_one_document_of_800_kb(bencher: divan::Bencher) {
    let text = manifest(1, 800_000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| edit(&text, 0));
}

#[divan::bench]
fn edit_a_values_file_of_4_kb(bencher: divan::Bencher) {
    let text = manifest(1, 4_000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| edit(&text, 0));
}

#[divan::bench]
fn parse_2_mb(bencher: divan::Bencher) {
    let text = manifest(74, 2_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| Stream::parse(text.clone()).unwrap());
}

#[divan::bench]
fn find_every_image_in_2_mb(bencher: divan::Bencher) {
    let text = manifest(74, 2_000_000);
    let stream = Stream::parse(text.clone()).unwrap();
    bencher.counter(BytesCount::of_str(&text)).bench(|| target::sites(&stream, "all.yaml"));
}
