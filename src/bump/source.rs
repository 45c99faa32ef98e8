//! A file that is about to be edited: YAML in UTF-8 that is nobody else's.

use std::sync::Arc;

use crate::error::{Code, Hinted};
use crate::yaml::{NodeRef, Stream};

/// A file's path and documents.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the repository's root.
    pub path: String,
    /// Its documents.
    pub stream: Arc<Stream>,
}

impl Source {
    /// Reads a file's bytes, or says why they cannot be edited.
    pub fn read(path: &str, bytes: Vec<u8>) -> anyhow::Result<Self> {
        let refuse = |cause: &str, hint: &str| {
            Hinted::new(Code::InvalidYaml, format!("cannot edit `{path}`: {cause}"), hint)
        };
        if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
            let hint = "fetch it with `git lfs pull`; better, keep YAML out of LFS";
            return Err(refuse("it is a Git LFS pointer", hint).into());
        }
        if bytes.starts_with(b"\0GITCRYPT") {
            return Err(refuse("git-crypt encrypted it", "run `git-crypt unlock` first").into());
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].split(|&byte| byte == b'\n').count();
            refuse(&format!("line {line} is not UTF-8"), "convert the file to UTF-8 first")
        })?;
        let stream =
            Stream::parse(text).map_err(|error| error.context(format!("cannot edit `{path}`")))?;
        let is_sealed =
            |root: NodeRef<'_>| root.get("sops").is_some_and(|sops| sops.get("mac").is_some());
        if (0..stream.documents()).filter_map(|d| stream.root(d)).any(is_sealed) {
            let hint = "edit it with `sops`, which renews the checksum over all values";
            return Err(refuse("SOPS sealed it", hint).into());
        }
        Ok(Self { path: path.to_owned(), stream: Arc::new(stream) })
    }
}

/// Whether a text that is not YAML is a template, which a renderer reads and we need not.
pub(super) fn is_template(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"{{")
}
