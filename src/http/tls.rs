//! Whom to trust: the system's certificates, those the user names, and Mozilla's where a bare container
//! has none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use crate::error::{Code, Hinted};

/// Where the certificates of authorities come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Trusted in addition to the rest: `--ca-file` and what CI systems and Git's configuration name.
    pub extra: Vec<PathBuf>,
    /// Instead of the system's: `SSL_CERT_FILE`.
    pub file: Option<PathBuf>,
    /// Instead of the system's: `SSL_CERT_DIR`.
    pub dir: Option<PathBuf>,
}

/// Rustls without any authority, for requests that need none.
pub(super) fn nobody() -> anyhow::Result<ClientConfig> {
    config(RootCertStore::empty())
}

/// Rustls as `trust` asks. Costs milliseconds, so it is made when the first `https://` is asked for.
pub(super) fn trusting(trust: &Trust) -> anyhow::Result<ClientConfig> {
    let authorities = Authorities::of(trust)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.certificates);
    if authorities.mozilla {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    config(roots)
}

/// Who may vouch for a server, for protocols besides HTTP.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// Their certificates.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Whether Mozilla's count too, since the system has none.
    pub mozilla: bool,
}

impl Authorities {
    pub(super) fn of(trust: &Trust) -> anyhow::Result<Self> {
        let instead = trust.file.is_some() || trust.dir.is_some();
        let mut certificates = if instead {
            named(trust.file.as_deref(), trust.dir.as_deref())?
        } else {
            load_native_certs().certs
        };
        let mozilla = certificates.is_empty();
        for file in &trust.extra {
            certificates.extend(named(Some(file), None)?);
        }
        Ok(Self { certificates, mozilla })
    }
}

/// The certificates at a place the user named: none there is a mistake worth an error of its own, since
/// the handshake would only say `UnknownIssuer`.
fn named(file: Option<&Path>, dir: Option<&Path>) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = load_certs_from_paths(file, dir);
    if !found.certs.is_empty() {
        return Ok(found.certs);
    }
    let place = file.or(dir).unwrap_or_else(|| Path::new("")).display();
    let cause = match found.errors.first() {
        Some(error) => error.to_string(),
        None => "it holds no PEM certificate".to_owned(),
    };
    let message = format!("cannot read certificates from `{place}`: {cause}");
    let hint = "--ca-file, SSL_CERT_FILE and SSL_CERT_DIR name files in PEM format";
    Err(Hinted::new(Code::Config, message, hint).into())
}

fn config(roots: RootCertStore) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_certificates_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.pem");
        std::fs::File::create(&empty).unwrap();
        for path in [empty, dir.path().join("missing.pem")] {
            let extra = Trust { extra: vec![path.clone()], ..Trust::default() };
            let instead = Trust { file: Some(path.clone()), ..Trust::default() };
            for trust in [extra, instead] {
                let message = trusting(&trust).unwrap_err().to_string();
                assert!(message.contains(path.to_str().unwrap()), "{message}");
            }
        }
    }
}
