//! Image registries, read only: the labels of an image, for where it was built from.
//!
//! The name of a registry comes from the repository's files, so nothing but an anonymous question goes there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use crate::error::{Code, Hinted};
use crate::http::header::HeaderValue;
use crate::http::{Client, Redirects, Request, Response, Secret, StatusCode, is_loopback};
use crate::image::canonical;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The source that an image's labels name: repository and commit.
pub fn source(
    client: &Client,
    image: &str,
    reference: &str,
    deadline: Instant,
) -> anyhow::Result<Option<(String, String)>> {
    let labels = labels(client, image, reference, deadline)?;
    let label = |name: &str| labels.get(&format!("org.opencontainers.image.{name}")).cloned();
    Ok(label("source").zip(label("revision")))
}

/// The labels of an image; `reference` is its tag or digest.
pub fn labels(
    client: &Client,
    image: &str,
    reference: &str,
    deadline: Instant,
) -> anyhow::Result<BTreeMap<String, String>> {
    let canonical = canonical(image);
    let (host, path) = canonical.split_once('/').unwrap_or(("docker.io", &canonical));
    let mut registry = Registry::new(client, host, path, deadline)?;
    let mut manifest = registry.manifest(reference)?;
    if let Some(manifests) = manifest["manifests"].as_array() {
        // Every platform is built from the same source; attestations have none.
        let is_image = |entry: &&Value| entry["platform"]["os"] != "unknown";
        let digest = manifests.iter().find(is_image).and_then(|entry| entry["digest"].as_str());
        let digest = digest.map(str::to_owned).ok_or_else(|| registry.strange("no image"))?;
        manifest = registry.manifest(&digest)?;
    }
    let digest = manifest["config"]["digest"].as_str();
    let digest = digest.map(str::to_owned).ok_or_else(|| registry.strange("no configuration"))?;
    let config: Value = registry.get(&format!("blobs/{digest}"), "*/*")?.json()?;
    let labels = config["config"]["Labels"].as_object().into_iter().flatten();
    Ok(labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
}

struct Registry<'a> {
    client: &'a Client,
    base: String,
    image: String,
    token: Option<Secret>,
    /// The end of all questions together.
    deadline: Instant,
}

impl<'a> Registry<'a> {
    fn new(client: &'a Client, host: &str, path: &str, deadline: Instant) -> anyhow::Result<Self> {
        let server = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let secure = Url::parse(&format!("https://{server}/v2/"))?;
        let scheme = if is_loopback(&secure) { "http" } else { "https" };
        let base = format!("{scheme}://{server}/v2/{path}");
        Ok(Self { client, base, image: format!("{host}/{path}"), token: None, deadline })
    }

    fn manifest(&mut self, reference: &str) -> anyhow::Result<Value> {
        self.get(&format!("manifests/{reference}"), MANIFESTS)?.json()
    }

    /// Asks; where the registry wants even strangers to fetch a token, fetches it and asks again.
    fn get(&mut self, path: &str, accept: &'static str) -> anyhow::Result<Response> {
        let answer = self.ask(path, accept)?;
        if answer.status() != StatusCode::UNAUTHORIZED || self.token.is_some() {
            return answer.success();
        }
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        self.token = Some(self.fetch_token(&challenge)?);
        self.ask(path, accept)?.success()
    }

    fn ask(&self, path: &str, accept: &'static str) -> anyhow::Result<Response> {
        let request = Request::get(&format!("{}/{path}", self.base))?
            .header("accept", HeaderValue::from_static(accept))
            // Blobs live in storage of other hosts, which must not see the token.
            .redirects(Redirects::AnyHost)
            .timeout(self.left()?);
        let request = match &self.token {
            Some(token) => request.header("authorization", token.header("Bearer ")?),
            None => request,
        };
        self.client.send(&request)
    }

    /// The time that is left.
    fn left(&self) -> anyhow::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let message = format!("cannot read `{}`: there is no time left", self.image);
            return Err(Hinted::new(Code::Error, message, "--timeout gives more").into());
        }
        Ok(left)
    }

    fn fetch_token(&self, challenge: &str) -> anyhow::Result<Secret> {
        let refused = || {
            let message = format!("cannot read `{}`: its registry wants a login", self.image);
            Hinted::plain(Code::Error, message)
        };
        let rest = challenge.strip_prefix("Bearer ").ok_or_else(refused)?;
        let field = |name: &str| {
            let start = rest.find(&format!("{name}=\""))? + name.len() + 2;
            rest[start..].split('"').next()
        };
        let mut url = Url::parse(field("realm").ok_or_else(refused)?)?;
        if url.scheme() != "https" && !is_loopback(&url) {
            return Err(refused().into());
        }
        for name in ["service", "scope"] {
            if let Some(value) = field(name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let answer = self.client.send(&Request::get(url.as_str())?.timeout(self.left()?))?;
        let answer: Value = answer.success().map_err(|_| refused())?.json()?;
        let token = answer["token"].as_str().or(answer["access_token"].as_str());
        Ok(Secret::new(token.ok_or_else(refused)?))
    }

    fn strange(&self, lacks: &str) -> Hinted {
        Hinted::plain(
            Code::Error,
            format!("cannot read `{}`: its manifest has {lacks}", self.image),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::http::Settings;

    /// A registry that wants a token and has one image for two platforms.
    fn registry() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let origin = format!("http://{host}");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> =
                    lines.by_ref().take_while(|line| !line.is_empty()).collect();
                let path = head[0].split(' ').nth(1).unwrap();
                let known =
                    head.iter().any(|line| line == "authorization: Bearer canary-registry-token");
                let (status, body) = match path {
                    "/token?service=r&scope=repository%3Aacme%2Fapi%3Apull" => {
                        (200, r#"{"token":"canary-registry-token"}"#)
                    }
                    _ if !known => (401, ""),
                    "/v2/acme/api/manifests/v2" => (
                        200,
                        r#"{"manifests":[
                        {"digest":"sha256:att","platform":{"os":"unknown"}},
                        {"digest":"sha256:one","platform":{"os":"linux"}}]}"#,
                    ),
                    "/v2/acme/api/manifests/sha256:one" => {
                        (200, r#"{"config":{"digest":"sha256:cfg"}}"#)
                    }
                    "/v2/acme/api/blobs/sha256:cfg" => (
                        200,
                        r#"{"config":{"Labels":{
                        "org.opencontainers.image.source":"https://github.com/acme/api",
                        "org.opencontainers.image.revision":"0123456789"}}}"#,
                    ),
                    _ => (404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
                };
                let challenge = format!(
                    "WWW-Authenticate: Bearer realm=\"{origin}/token\",service=\"r\",scope=\"repository:acme/api:pull\""
                );
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} S\r\n{challenge}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        host
    }

    #[test]
    fn labels_are_read_with_a_strangers_token() {
        let client = Client::new(Settings::default());
        let image = format!("{}/acme/api", registry());
        let expected = ("https://github.com/acme/api".to_owned(), "0123456789".to_owned());
        let soon = Instant::now() + Duration::from_mins(1);
        assert_eq!(source(&client, &image, "v2", soon).unwrap(), Some(expected));
        let error = source(&client, &image, "v9", soon).unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("MANIFEST_UNKNOWN"), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
