//! What is computed of a file's bytes, piece by piece, whoever reads them.

use data_encoding::HEXLOWER;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What a format needs to know of each file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its SHA-256.
    Sha256,
    /// Its id as a Git blob.
    GitSha1,
    /// Its id as a Git blob in a SHA-256 repository.
    GitSha256,
    /// Only its length: the format takes the bytes themselves, in order, later.
    Size,
}

/// The digest of one content. SHA-1 fills the first 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands where nothing was computed yet.
    pub const NONE: Self = Self([0; 32]);

    /// 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

/// Takes the pieces of one content.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// With SHA-256.
    Sha256(Sha256),
    /// With SHA-1.
    Sha1(Sha1),
    /// With nothing.
    Nothing,
}

impl Hasher {
    /// For a content of `size` bytes: Git counts them before it reads them.
    #[must_use]
    pub fn new(content: Content, size: u64) -> Self {
        let blob = || format!("blob {size}\0");
        match content {
            Content::Sha256 => Self::Sha256(Sha256::new()),
            Content::GitSha1 => Self::Sha1(Sha1::new_with_prefix(blob())),
            Content::GitSha256 => Self::Sha256(Sha256::new_with_prefix(blob())),
            Content::Size => Self::Nothing,
        }
    }

    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Sha1(hasher) => hasher.update(piece),
            Self::Nothing => {}
        }
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Hash {
        let mut hash = Hash::NONE;
        match self {
            Self::Sha256(hasher) => hash.0 = hasher.finalize().into(),
            Self::Sha1(hasher) => hash.0[..20].copy_from_slice(&hasher.finalize()),
            Self::Nothing => {}
        }
        hash
    }
}

/// The digest of a content that is in memory.
#[must_use]
pub fn of(content: Content, bytes: &[u8]) -> Hash {
    let mut hasher = Hasher::new(content, bytes.len() as u64);
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf hello | sha256sum`, `| git hash-object --stdin`, the same in a SHA-256 repository.
    #[test]
    fn computes_what_the_tools_compute() {
        let cases = [
            (Content::Sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
            (Content::GitSha1, "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0000000000000000000000000"),
            (
                Content::GitSha256,
                "8aec4e4876f854f688d0ebfc8f37598f38e5fd6903cccc850ca36591175aeb60",
            ),
        ];
        for (content, expected) in cases {
            assert_eq!(of(content, b"hello").hex(), expected, "{content:?}");
        }
    }
}
