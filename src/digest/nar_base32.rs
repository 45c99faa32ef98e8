//! `nar-base32`: the same digest in the base32 that `nix-hash` and Nix's store paths use.

use data_encoding::{BitOrder, Encoding, Specification};

use super::tree::Tree;
use super::{Format, Pour, Shape, nar};
use crate::error::{Code, Hinted};

/// No `e`, `o`, `u` and `t`, so that a digest spells no words.
pub(super) const DIGITS: &str = "0123456789abcdfghijklmnpqrsvwxyz";

pub(super) const FORMAT: Format = Format {
    name: "nar-base32",
    about: "the same in Nix's base32: nix-hash --base32",
    prefix: "",
    shape: Shape::NixBase32,
    digest,
    ..nar::FORMAT
};

fn digest(tree: &Tree, pour: Pour<'_>) -> anyhow::Result<String> {
    base32(&nar::hash(tree, pour)?)
}

/// Nix reads the bytes from the last to the first.
fn base32(hash: &[u8]) -> anyhow::Result<String> {
    let digits = encoding()?.encode(hash);
    Ok(digits.chars().rev().collect())
}

fn encoding() -> anyhow::Result<Encoding> {
    let mut specification = Specification::new();
    specification.symbols.push_str(DIGITS);
    specification.bit_order = BitOrder::LeastSignificantFirst;
    specification.encoding().map_err(|e| Hinted::plain(Code::Error, e.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    /// From the Nix manual: `nix-hash --type sha1 --to-base32`.
    #[test]
    fn writes_what_nix_writes() {
        let hash = HEXLOWER.decode(b"e4fd8ba5f7bbeaea5ace89fe10255536cd60dab6").unwrap();
        assert_eq!(base32(&hash).unwrap(), "nvd61k9nalji1zl9rrdfmsmvyyjqpzg4");
    }
}
