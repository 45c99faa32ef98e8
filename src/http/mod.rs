//! HTTP for everything: Git's smart protocol, forges and notifiers.
//!
//! One blocking client on reqwest and rustls, with keep-alive, `TCP_NODELAY` and explicit time-outs. It does
//! not follow redirects on its own (see [`Redirects`]), never shows more of a URL than its origin in an error
//! (paths hold secrets at chat services), and masks what servers say. Settings are plain values: the
//! environment is read elsewhere.
//!
//! ```no_run
//! use gitops::http::{Client, Request, Secret, Settings};
//!
//! let client = Client::new(Settings::default());
//! let token = Secret::new("…");
//! let request = Request::get("https://forge.example/api/v1/user")?
//!     .header("authorization", token.header("Bearer ")?)
//!     .header("accept", "application/json".try_into()?);
//! let user: serde_json::Value = client.send(&request)?.success()?.json()?;
//! # anyhow::Ok(())
//! ```

mod redirect;
mod response;
mod retry;
mod secret;
mod tls;

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::blocking;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{NoProxy, Proxy};
use serde::Serialize;

pub use redirect::Redirects;
pub use reqwest::header::{self, HeaderMap};
pub use reqwest::{Method, StatusCode};
pub use response::{Response, plain_text};
pub use retry::{Retry, retry_after};
pub use secret::{MASK, Secret, looks_secret, mask, sensitive};
pub use tls::{Authorities, Trust};
pub use url::Url;

use crate::error::{Code, Hinted};

/// How the client reaches servers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whom to trust.
    pub trust: Trust,
    /// What stands between.
    pub proxies: Proxies,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest silence of a server.
    pub idle_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            proxies: Proxies::default(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
        }
    }
}

/// The usual proxy variables, as values. A password in a URL goes to that proxy alone.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `HTTPS_PROXY`: for `https://`.
    pub https: Option<Secret>,
    /// `http_proxy`: for `http://`.
    pub http: Option<Secret>,
    /// `ALL_PROXY`: for what has none of its own.
    pub all: Option<Secret>,
    /// `NO_PROXY`: hosts, domains, addresses and networks to reach directly.
    pub none: Option<String>,
}

/// What to ask a server. Cloning it is cheap beside sending it.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    redirects: Redirects,
    timeout: Option<Duration>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: Method, url: &str) -> anyhow::Result<Self> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = parsed else {
            let message = format!("cannot use `{}`: it is no http or https URL", mask(url));
            return Err(Hinted::plain(Code::Usage, message).into());
        };
        let redirects = Redirects::default();
        Ok(Self { method, url, headers: HeaderMap::new(), body: None, redirects, timeout: None })
    }

    /// A `GET`.
    pub fn get(url: &str) -> anyhow::Result<Self> {
        Self::new(Method::GET, url)
    }

    /// A `POST` of nothing yet.
    pub fn post(url: &str) -> anyhow::Result<Self> {
        Self::new(Method::POST, url)
    }

    /// Sets a header. One that carries a secret comes from [`Secret::header`] or [`sensitive`].
    #[must_use]
    pub fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Sets several headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The bytes to send.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// The JSON document to send.
    pub fn json(self, document: &impl Serialize) -> anyhow::Result<Self> {
        let json = HeaderValue::from_static("application/json");
        Ok(self.body(serde_json::to_vec(document)?).header("content-type", json))
    }

    /// Which redirects to follow.
    #[must_use]
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }

    /// The longest time until the body is read to its end, where the idle time-out is not enough.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether sending it twice is the same as sending it once.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        !matches!(self.method, Method::POST | Method::PATCH)
    }
}

/// Why there is no answer; found in the errors of [`Client::send`] by `downcast_ref`.
#[derive(Debug)]
pub struct Failure {
    cause: String,
    hint: Option<&'static str>,
    /// Whether the server cannot have seen the request.
    pub unsent: bool,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    fn of(error: &reqwest::Error) -> Self {
        let cause =
            if error.is_timeout() { "it takes too long".to_owned() } else { root_cause(error) };
        let hint = match () {
            () if cause.contains("CaUsedAsEndEntity") => Some(
                "the server shows the certificate of an authority (CA:TRUE) as its own: give it one that \
                 the authority signed, or a self-signed one with CA:FALSE, and name that with --ca-file",
            ),
            () if cause.contains("certificate") => {
                Some("--ca-file names the certificate of an authority the system does not know")
            }
            () => None,
        };
        Self { cause, hint, unsent: error.is_connect() || error.is_builder() }
    }

    /// What the user can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    fn at(self, url: &Url) -> anyhow::Error {
        let verb = if self.unsent { "reach" } else { "hear from" };
        let message = format!("cannot {verb} `{}`", origin(url));
        let context = match self.hint {
            Some(hint) => Hinted::new(Code::Error, message, hint),
            None => Hinted::plain(Code::Error, message),
        };
        anyhow::Error::new(self).context(context)
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    mask(&cause.to_string())
}

/// `https://host:port`: all of a URL that is safe to show.
#[must_use]
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether a URL is of this machine, where plain HTTP shows a secret to nobody.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            // Schemes unknown to the URL standard, such as smtp, keep addresses as names.
            let is_address = || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            name == "localhost" || name.ends_with(".localhost") || is_address()
        }
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Connections to any number of servers.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    /// Without certificates, which take milliseconds to load.
    plain: OnceLock<blocking::Client>,
    secure: OnceLock<blocking::Client>,
}

impl Client {
    /// A client that connects when it is first used.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    /// Sends a request once and gives the answer, whatever its status.
    pub fn send(&self, request: &Request) -> anyhow::Result<Response> {
        redirect::follow(request, |request| self.send_once(request))
    }

    /// Whom it trusts.
    pub fn authorities(&self) -> anyhow::Result<Authorities> {
        Authorities::of(&self.settings.trust)
    }

    fn send_once(&self, request: &Request) -> anyhow::Result<Response> {
        let url = &request.url;
        let mut builder = self
            .to(url)?
            .request(request.method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        if let Some(timeout) = request.timeout {
            builder = builder.timeout(timeout);
        }
        match builder.send() {
            Ok(response) => Ok(Response::new(url.clone(), response)),
            Err(error) => Err(Failure::of(&error).at(url)),
        }
    }

    fn to(&self, url: &Url) -> anyhow::Result<&blocking::Client> {
        let secure = url.scheme() == "https";
        let slot = if secure { &self.secure } else { &self.plain };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let tls = if secure { tls::trusting(&self.settings.trust)? } else { tls::nobody()? };
        let client = self.build(tls)?;
        Ok(slot.get_or_init(|| client))
    }

    fn build(&self, tls: rustls::ClientConfig) -> anyhow::Result<blocking::Client> {
        let settings = &self.settings;
        let mut builder = blocking::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("gitops/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.idle_timeout)
            .no_proxy();
        for proxy in settings.proxies.rules()? {
            builder = builder.proxy(proxy);
        }
        Ok(builder.build()?)
    }
}

impl Proxies {
    /// The first rule that fits a URL counts.
    fn rules(&self) -> anyhow::Result<Vec<Proxy>> {
        let none = || self.none.as_deref().and_then(NoProxy::from_string);
        let mut rules = Vec::new();
        for (value, scheme) in [(&self.https, "https"), (&self.http, "http"), (&self.all, "")] {
            let Some(value) = value.as_ref().filter(|value| !value.is_empty()) else { continue };
            let proxy = match scheme {
                "https" => Proxy::https(value.expose()),
                "http" => Proxy::http(value.expose()),
                _ => Proxy::all(value.expose()),
            };
            let proxy = proxy.map_err(|_| {
                let text = mask_proxy(value.expose());
                let message = format!("cannot use the proxy `{text}`: it is no URL");
                Hinted::new(Code::Config, message, "it reads like `http://proxy.example:3128`")
            })?;
            rules.push(proxy.no_proxy(none()));
        }
        Ok(rules)
    }
}

/// A proxy's address without its user: the whole value is a secret only where it has one.
fn mask_proxy(value: &str) -> &str {
    value.rsplit('@').next().unwrap_or(value)
}

#[cfg(test)]
mod tests;
