//! `in-toto`: the `dirHash` of in-toto and SLSA, which is Go's `h1` in hexadecimal.

use super::lines::sha256_hex;
use super::tree::Tree;
use super::{Format, Pour, Shape, h1};

pub(super) const FORMAT: Format = Format {
    name: "in-toto",
    about: "in-toto's and SLSA's dirHash: h1 in hexadecimal",
    prefix: "",
    shape: Shape::Hex(64),
    digest,
    ..h1::FORMAT
};

fn digest(tree: &Tree, _: Pour<'_>) -> anyhow::Result<String> {
    sha256_hex(|sink| h1::text(tree, sink))
}
