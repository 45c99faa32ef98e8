//! Redirects, which are where tokens leak: followed by us, and only as far as each request allows.

use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use url::Url;

use super::{Request, Response, origin};
use crate::error::{Code, Hinted};

/// Enough for a renamed repository behind a moved host.
const MOST: usize = 5;

/// Which redirects of a `GET` to follow. No other method is ever sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// The answer is the redirect.
    Never,
    /// To the same scheme, host and port, or from `http` to `https` of one host; any other is an error.
    #[default]
    SameHost,
    /// Anywhere but from `https` to `http`. Sensitive headers are left behind when the host changes.
    AnyHost,
}

/// Sends a request and follows where it may.
pub(super) fn follow(
    request: &Request,
    send: impl Fn(&Request) -> anyhow::Result<Response>,
) -> anyhow::Result<Response> {
    let mut response = send(request)?;
    let mut next = request.clone();
    for _ in 0..MOST {
        let Some(target) = target(&next, &response) else { return Ok(response) };
        let stays = stays(&next.url, &target);
        let downgrades = next.url.scheme() == "https" && target.scheme() == "http";
        if downgrades || !(stays || next.redirects == Redirects::AnyHost) {
            let (from, to) = (origin(&next.url), origin(&target));
            let message = format!("cannot follow `{from}`: it redirects to `{to}`");
            return Err(Hinted::new(Code::Error, message, "use the new address").into());
        }
        if !stays {
            let headers = std::mem::take(&mut next.headers);
            next.headers = headers
                .iter()
                .filter(|(_, value)| !value.is_sensitive())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
        }
        next.url = target;
        response = send(&next)?;
    }
    let message = format!("cannot follow `{}`: more than {MOST} redirects", origin(&request.url));
    Err(Hinted::plain(Code::Error, message).into())
}

fn target(request: &Request, response: &Response) -> Option<Url> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect || request.method != Method::GET || request.redirects == Redirects::Never {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let target = request.url.join(location).ok()?;
    matches!(target.scheme(), "http" | "https").then_some(target)
}

/// Whether credentials may go along.
fn stays(from: &Url, to: &Url) -> bool {
    let upgrades = from.scheme() == "http"
        && to.scheme() == "https"
        && from.host() == to.host()
        && from.port().is_none()
        && to.port().is_none();
    from.origin() == to.origin() || upgrades
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_with_their_host() {
        let table = [
            ("https://h/a", "https://h/b", true),
            ("https://h/a", "https://h:443/b", true),
            ("http://h/a", "https://h/b", true),
            ("https://h/a", "http://h/b", false),
            ("https://h/a", "https://h:8443/b", false),
            ("http://h:80/a", "https://h:8443/b", false),
            ("https://h/a", "https://h.evil/b", false),
            ("https://h/a", "https://evil/h", false),
        ];
        for (from, to, expected) in table {
            let (from, to) = (Url::parse(from).unwrap(), Url::parse(to).unwrap());
            assert_eq!(stays(&from, &to), expected, "{from} -> {to}");
        }
    }
}
