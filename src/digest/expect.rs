//! A digest that was recorded earlier: its format and options are read from its prefix.

use crate::error::{Code, Hinted};

use super::tree::Options;
use super::{FORMATS, Format, Shape, gd1, nar_base32, seed};

/// What `--expect` names.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The digest, as this program would print it.
    pub digest: String,
    /// Its format.
    pub format: &'static Format,
    /// What was covered.
    pub options: Option<Options>,
}

impl Expected {
    /// Reads a digest; `format` where the user named one, which must not contradict the prefix.
    pub fn parse(text: &str, format: Option<&'static Format>) -> anyhow::Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            let hint =
                "is the variable set? Without a digest to compare with, leave out `--expect`";
            return Err(
                Hinted::new(Code::Usage, "cannot compare: the digest is empty", hint).into()
            );
        }
        let format = match format {
            Some(format) => format,
            None => recognise(text)?,
        };
        let (options, prefix, digits) =
            split(text, format).ok_or_else(|| no_digest(text, format))?;
        let digits = normalised(digits, format.shape).ok_or_else(|| no_digest(text, format))?;
        Ok(Self { digest: format!("{prefix}{digits}"), format, options })
    }
}

/// The only format with this prefix, or else the only one that writes such a digest.
fn recognise(text: &str) -> anyhow::Result<&'static Format> {
    let prefixed = |format: &&Format| !format.prefix.is_empty() && text.starts_with(format.prefix);
    let mut found: Vec<&'static Format> = FORMATS.iter().filter(prefixed).collect();
    if found.len() != 1 {
        found = FORMATS.iter().filter(|format| fits(text, format)).collect();
    }
    if let [format] = found[..] {
        return Ok(format);
    }
    if found.is_empty() {
        let message = format!("cannot compare with `{text}`: no format writes such a digest");
        return Err(Hinted::new(Code::Usage, message, "is it complete?").into());
    }
    let names: Vec<String> = found.iter().map(|format| format!("`{}`", format.name)).collect();
    let message = format!("cannot tell the format of `{text}`: it may be {}", names.join(", "));
    Err(Hinted::new(Code::Ambiguous, message, "say which with `--format`").into())
}

fn fits(text: &str, format: &Format) -> bool {
    split(text, format).is_some_and(|(_, _, digits)| normalised(digits, format.shape).is_some())
}

/// Options, prefix and digits of a digest.
fn split<'a>(text: &'a str, format: &Format) -> Option<(Option<Options>, &'a str, &'a str)> {
    if format.prefix == gd1::FORMAT.prefix {
        let (prefix, digits) = text.split_at_checked(text.find(':')? + 1)?;
        let letters = prefix.strip_prefix(format.prefix)?.strip_suffix(':')?;
        return Some((Some(gd1::options_of(letters)?), prefix, digits));
    }
    if format.shape == Shape::NixBase32 {
        // Nix's tools write `sha256:` before it, too.
        return Some((None, "", text.strip_prefix("sha256:").unwrap_or(text)));
    }
    // The recipe prints bare digits; the prefix is what registries put before them.
    let digits = match text.strip_prefix(format.prefix) {
        None if format.prefix == seed::FORMAT.prefix => text,
        digits => digits?,
    };
    Some((None, format.prefix, digits))
}

/// The digits as this program writes them, or nothing if they are no digest of that shape.
fn normalised(digits: &str, shape: Shape) -> Option<String> {
    let all = |valid: fn(char) -> bool| digits.chars().all(valid);
    let (valid, digits) = match shape {
        Shape::Hex(length) => {
            (digits.len() == length && all(|c| c.is_ascii_hexdigit()), digits.to_ascii_lowercase())
        }
        Shape::Base64 => {
            let decoded = data_encoding::BASE64.decode(digits.as_bytes());
            (decoded.is_ok_and(|bytes| bytes.len() == 32), digits.to_owned())
        }
        Shape::NixBase32 => {
            (digits.len() == 52 && all(|c| nar_base32::DIGITS.contains(c)), digits.to_owned())
        }
    };
    valid.then_some(digits)
}

fn no_digest(text: &str, format: &Format) -> anyhow::Error {
    let message = format!("cannot compare with `{text}`: it is no `{}` digest", format.name);
    let hint = match format.shape {
        Shape::Hex(length) => {
            format!("it would be `{}` and {length} hexadecimal digits", format.prefix)
        }
        Shape::Base64 => format!("it would be `{}` and 44 digits of base64", format.prefix),
        Shape::NixBase32 => "it would be 52 digits of Nix's base32".to_owned(),
    };
    Hinted::new(Code::Usage, message, hint.replace("`` and ", "")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn check(text: &str, format: Option<&str>) -> String {
        let format = format.map(|name| FORMATS.iter().find(|format| format.name == name).unwrap());
        match Expected::parse(text, format) {
            Ok(expected) => format!("{} {}", expected.format.name, expected.digest),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn reads_the_format_from_the_prefix() {
        for (text, format) in [
            (format!("gd1:{HEX}"), "gd1"),
            (format!("gd1xd:{HEX}"), "gd1"),
            ("h1:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".to_owned(), "h1"),
            ("sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".to_owned(), "nar"),
            (format!("swh:1:dir:{}", &HEX[..40]), "swh"),
        ] {
            assert_eq!(check(&text, None), format!("{format} {text}"));
        }
        let expected = Expected::parse(&format!("gd1x:{HEX}"), None).unwrap();
        assert_eq!(expected.options, Some(Options { exec: true, empty_dirs: false }));
    }

    #[test]
    fn asks_where_the_prefix_is_not_enough() {
        assert_eq!(
            check(&format!("sha256:{HEX}"), None),
            format!(
                "cannot tell the format of `sha256:{HEX}`: it may be `seed`, `seed-rel`, `seed-content`"
            )
        );
        assert_eq!(
            check(&HEX[..40], None),
            format!("git-tree {}", &HEX[..40]),
            "nothing else is so long"
        );
        let nix = "094qif9n4cq4fdg459qzbhg1c6wywawwaaivx0k0x8xhbyx4vwic";
        assert_eq!(check(nix, None), format!("nar-base32 {nix}"));
        assert_eq!(check(&format!("sha256:{nix}"), None), format!("nar-base32 {nix}"));
        assert_eq!(
            check(&format!("sha256:{nix}"), Some("nar-base32")),
            format!("nar-base32 {nix}")
        );
        assert_eq!(check(&HEX[..40], Some("git-tree")), format!("git-tree {}", &HEX[..40]));
    }

    #[test]
    fn a_digest_cut_short_is_no_difference_but_an_error() {
        for (text, format) in [
            ("", None),
            ("gd1:", None),
            (&format!("gd1:{}", &HEX[..63]), None),
            (&format!("gd1z:{HEX}"), None),
            (&format!("gd1:{HEX}"), Some("h1")),
            ("h1:abc", None),
            (&format!("sha256:{}", &HEX[..63]), None),
            ("nonsense", None),
        ] {
            assert!(check(text, format).starts_with("cannot compare"), "{text}");
        }
    }

    #[test]
    fn spellings_of_one_digest_are_equal() {
        let digest = format!("sha256:{HEX}");
        for text in [HEX.to_owned(), HEX.to_uppercase(), format!(" {digest}\n")] {
            assert_eq!(check(&text, Some("seed")), format!("seed {digest}"), "{text}");
        }
    }
}
