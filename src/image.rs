//! Image references: registry, repository, tag and digest, in the grammar of the OCI distribution
//! specification and of `distribution/reference`.

use std::fmt;

use crate::error::{Code, Hinted};

const DOCKER_HUB: &str = "docker.io";
const MAX_TAG: usize = 128;

/// `ghcr.io/acme/api:v1@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// Registry and path as they are written.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// `algorithm:hex`.
    pub digest: Option<String>,
}

impl ImageRef {
    /// Reads a reference; `None` where the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before a slash belongs to the registry's port.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        let valid =
            is_repository(repository) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
        valid.then(|| Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The version part.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { tag: self.tag.clone(), digest: self.digest.clone() }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// What a bump sets: a tag, a digest or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The tag.
    pub tag: Option<String>,
    /// `algorithm:hex`.
    pub digest: Option<String>,
}

impl Version {
    /// Reads `v2`, `v2@sha256:…` or `@sha256:…`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (tag, digest) = match text.split_once('@') {
            Some((tag, digest)) => (tag, Some(digest)),
            None => (text, None),
        };
        if tag.is_empty() && digest.is_none() {
            return Err("the tag is empty".to_owned());
        }
        if !tag.is_empty() && !is_tag(tag) {
            return Err(format!(
                "`{tag}` is no tag: letters, digits, `_`, `.` and `-`, at most {MAX_TAG}, \
                 the first neither `.` nor `-`"
            ));
        }
        if let Some(digest) = digest
            && !is_digest(digest)
        {
            return Err(format!("`{digest}` is no digest: `sha256:` and 64 hexadecimal digits"));
        }
        Ok(Self {
            tag: Some(tag.to_owned()).filter(|tag| !tag.is_empty()),
            digest: digest.map(str::to_owned),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag.as_deref().unwrap_or_default())?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

/// An image and its new version, as a user names them: `api=v2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bump {
    /// A repository, the end of one, an app's key or a container's name.
    pub image: String,
    /// What it is to become.
    pub version: Version,
}

impl Bump {
    /// Reads `IMAGE=TAG`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let invalid = |cause: &str| {
            let message = format!("cannot read `{text}`: {cause}");
            Hinted::new(Code::Usage, message, "write IMAGE=TAG, as in api=v1.2.3")
        };
        let Some((image, version)) = text.split_once('=') else {
            return Err(invalid("there is no `=`").into());
        };
        let has_blank = |c: char| c.is_whitespace() || c.is_control();
        if image.is_empty() || image.contains(has_blank) || image.contains('@') {
            return Err(invalid("the image before `=` is none").into());
        }
        if image.rsplit('/').next().is_some_and(|last| last.contains(':')) {
            return Err(invalid("the image before `=` already has a tag").into());
        }
        let version = Version::parse(version).map_err(|cause| invalid(&cause))?;
        Ok(Self { image: image.to_owned(), version })
    }
}

/// The one spelling of a repository: with registry, Docker Hub's short names written out.
#[must_use]
pub fn canonical(repository: &str) -> String {
    let (registry, path) = match repository.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (DOCKER_HUB, repository),
    };
    let hub = matches!(registry, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    match (hub, path.contains('/')) {
        (true, true) => format!("{DOCKER_HUB}/{path}"),
        (true, false) => format!("{DOCKER_HUB}/library/{path}"),
        _ => format!("{registry}/{path}"),
    }
}

/// Whether two spellings name the same repository.
#[must_use]
pub fn is_same_repository(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// Whether `suffix` is the last one or more whole components of `repository`.
#[must_use]
pub fn ends_with(repository: &str, suffix: &str) -> bool {
    repository == suffix
        || repository
            .strip_suffix(suffix)
            .is_some_and(|before| before.ends_with('/') && !suffix.is_empty())
}

/// A first component is a registry when it could be no part of a path.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_repository(text: &str) -> bool {
    let path = match text.split_once('/') {
        Some((first, rest)) if is_registry(first) => {
            if !is_host(first) {
                return false;
            }
            rest
        }
        _ => text,
    };
    path.len() <= 255 && path.split('/').all(is_path_component)
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(is_label) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_path_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(|&b| is_word(b));
    let mut separators = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends(bytes.first())
        && ends(bytes.last())
        && separators.all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let is_first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= MAX_TAG
        && text.bytes().next().is_some_and(is_first)
        && text.bytes().all(|b| is_first(b) || b == b'.' || b == b'-')
}

/// `algorithm:encoded`, with the lengths of the registered algorithms.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else { return false };
    let hex = |length| {
        encoded.len() == length && encoded.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    match algorithm {
        "sha256" => hex(64),
        "sha384" => hex(96),
        "sha512" => hex(128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn reads_references() {
        let pinned = format!("ghcr.io/acme/api:v1@{DIGEST}");
        let cases: &[(&str, &str, Option<&str>, Option<&str>)] = &[
            ("nginx", "nginx", None, None),
            ("nginx:1.25", "nginx", Some("1.25"), None),
            ("acme/api:v1", "acme/api", Some("v1"), None),
            ("localhost:5000/api:v1", "localhost:5000/api", Some("v1"), None),
            ("localhost/api", "localhost/api", None, None),
            ("r.io:5000/a/b_c.d--e", "r.io:5000/a/b_c.d--e", None, None),
            (&pinned, "ghcr.io/acme/api", Some("v1"), Some(DIGEST)),
            ("MyRegistry.io/api:V1", "MyRegistry.io/api", Some("V1"), None),
        ];
        for (text, repository, tag, digest) in cases {
            let image = ImageRef::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(image.repository, *repository);
            assert_eq!(image.tag.as_deref(), *tag);
            assert_eq!(image.digest.as_deref(), *digest);
            assert_eq!(image.to_string(), *text);
        }
    }

    #[test]
    fn refuses_what_is_no_reference() {
        let cases = [
            "",
            ":v1",
            "a:",
            "a b",
            "Acme/api",
            "a//b",
            "/a",
            "a/",
            "a:v 1",
            "a:-v",
            "a@sha256:12",
            "a@",
            "${IMAGE}",
            "a:${TAG}",
            "{{ .x }}",
            "a:v1:v2",
            "-a",
            "a_-b",
            "https://x/y",
            "a..b",
        ];
        for text in cases {
            assert_eq!(ImageRef::parse(text), None, "{text}");
        }
        assert!(ImageRef::parse(&format!("a:{}", "x".repeat(129))).is_none());
    }

    #[test]
    fn short_and_long_names_of_docker_hub_are_the_same() {
        for name in ["nginx", "library/nginx", "docker.io/nginx", "index.docker.io/library/nginx"] {
            assert_eq!(canonical(name), "docker.io/library/nginx");
        }
        assert_eq!(canonical("acme/api"), "docker.io/acme/api");
        assert_eq!(canonical("ghcr.io/api"), "ghcr.io/api");
        assert!(!is_same_repository("ghcr.io/acme/api", "acme/api"));
    }

    #[test]
    fn suffixes_are_whole_components() {
        assert!(ends_with("ghcr.io/acme/api", "api"));
        assert!(ends_with("ghcr.io/acme/api", "acme/api"));
        assert!(ends_with("api", "api"));
        assert!(!ends_with("ghcr.io/acme/my-api", "api"));
        assert!(!ends_with("ghcr.io/acme/api", ""));
    }

    #[test]
    fn reads_bumps() {
        let read = |text: &str| Bump::parse(text).map_err(|error| error.to_string());
        let bump = read("r.io:5000/acme/api=v2").unwrap();
        assert_eq!(
            (bump.image.as_str(), bump.version.to_string().as_str()),
            ("r.io:5000/acme/api", "v2")
        );
        assert_eq!(read(&format!("api=@{DIGEST}")).unwrap().version.tag, None);
        assert_eq!(
            read(&format!("api=v2@{DIGEST}")).unwrap().version.digest.as_deref(),
            Some(DIGEST)
        );
        let cases = [
            ("api", "there is no `=`"),
            ("api:v2", "there is no `=`"),
            ("=v2", "the image before `=` is none"),
            ("api=", "the tag is empty"),
            ("api:v1=v2", "already has a tag"),
            ("api=v 2", "is no tag"),
            ("api=.v", "is no tag"),
            ("api=v2@sha256:12", "is no digest"),
            ("api=v2@", "is no digest"),
        ];
        for (text, cause) in cases {
            let said = read(text).unwrap_err();
            assert!(said.contains(cause), "{text}: {said}");
        }
    }
}
