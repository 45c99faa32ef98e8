//! What an address gives away, and where it must not lead.

use std::net::IpAddr;

use url::{Host, Url};

use super::endpoint::is_host_of;
use super::{Address, KINDS};
use crate::http::looks_secret;

/// Parts of a webhook's path that are as long as this are no words.
const LONG: usize = 16;

/// Whether an address that is written out gives something away: a user, a query, a token's looks, or the path of
/// some service's webhook.
pub(super) fn carries_secret(url: &Url) -> bool {
    // A mail server's user is none without a password.
    let is_mail = url.scheme().starts_with("smtp");
    url.password().is_some()
        || (!url.username().is_empty() && !is_mail)
        || url.query().is_some()
        || url.fragment().is_some()
        || has_token(url.path())
        || KINDS.iter().any(|row| row.address == Address::Secret && is_host_of(row, url))
}

/// What stands before the secret parts of webhooks' paths.
const HOOKS: &[&str] =
    &["hooks", "hook", "webhook", "webhooks", "webhookb2", "services", "workflows", "triggers"];

/// `/bot123:AA…`, `/hooks/…` and its likes, and what looks like a token wherever it stands.
fn has_token(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_bot = |part: &&str| {
        part.strip_prefix("bot").and_then(|rest| rest.split_once([':', '%'])).is_some_and(
            |(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()),
        )
    };
    let is_long = |part: &&str| {
        part.len() >= LONG && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let below = parts.iter().position(|part| HOOKS.contains(part));
    parts.iter().any(|part| is_bot(part) || looks_secret(part))
        || below.is_some_and(|at| parts[at + 1..].iter().any(is_long))
}

/// Whether it is an address where clouds keep their credentials.
pub(super) fn is_link_local(url: &Url) -> bool {
    let ip: Option<IpAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => Some(ip.into()),
        Some(Host::Ipv6(ip)) => Some(ip.to_canonical()),
        // Schemes unknown to the URL standard, such as smtp, keep addresses as names.
        Some(Host::Domain(name)) => name.trim_matches(['[', ']']).parse().ok(),
        None => None,
    };
    match ip {
        Some(IpAddr::V4(ip)) => ip.is_link_local(),
        Some(IpAddr::V6(ip)) => {
            ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2]
        }
        None => url.host_str() == Some("metadata.google.internal"),
    }
}
