//! Any HTTP endpoint: our JSON, `CloudEvents`, `CDEvents` or a template's text, signed if wished.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::cloudevents::{cdevents, cloudevent, document};
use super::fit::Limit;
use super::markup::JSON;
use super::wire::{Post, Wire};
use super::{Address, Channel, Delivery, Endpoint, Receipt, Row};
use crate::error::{Code, Hinted};
use crate::event::{Format, Signature};
use crate::http::Secret;

pub(super) static ROW: Row = Row {
    name: "webhook",
    title: "a webhook",
    hosts: &[],
    address: Address::Plain,
    keys: &["token_env", "token_file", "secret_env", "secret_file", "format", "signature"],
    markup: &JSON,
    channel: &Webhook,
};

/// What receivers commonly take at most.
const MOST: usize = 1_000_000;
const BODY: Limit = Limit::Bytes(MOST);

struct Webhook;

impl Channel for Webhook {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        let target = &endpoint.target;
        if target.signature.is_some() && endpoint.secret.is_none() {
            let message = "`signature` needs a key to sign with";
            return Err(Hinted::new(Code::Config, message, "add `secret_env: NAME`").into());
        }
        if target.format.is_some() && target.template.is_some() {
            let message = "`format` and `template` exclude one another";
            return Err(Hinted::plain(Code::Config, message).into());
        }
        if target.signature == Some(Signature::StandardWebhooks)
            && let Some(secret) = &endpoint.secret
        {
            standard_key(secret)?;
        }
        Ok(())
    }

    fn posts(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        let bodies = bodies(delivery)?;
        bodies.iter().enumerate().map(|(at, body)| self::post(delivery, at, body)).collect()
    }

    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let posts = self.posts(delivery)?;
        for post in &posts {
            wire.send(post, |answer| self.read(answer))?;
        }
        let more = delivery.event.changes.len().saturating_sub(posts.len());
        let is_cut = delivery.endpoint.target.format == Some(Format::Cdevents) && posts.len() > 1;
        let note = (is_cut && more > 0).then(|| format!("{more} more apps have no event"));
        let why = || format!("CDEvents has no event for `{}`", delivery.event.kind);
        Ok(Receipt { note, skipped: posts.is_empty().then(why), ..Receipt::default() })
    }
}

fn bodies(delivery: &Delivery<'_>) -> anyhow::Result<Vec<Value>> {
    if delivery.template.is_some() {
        let text = delivery.text(BODY)?;
        let body = serde_json::from_str(&text).map_err(|error| {
            let message = format!("its template makes no JSON: {error}");
            let hint = "values are escaped as the inside of a string: \"{{ environment }}\"";
            Hinted::new(Code::Config, message, hint)
        })?;
        return Ok(vec![body]);
    }
    let bodies = match delivery.endpoint.target.format.unwrap_or_default() {
        Format::Json => vec![document(delivery)],
        Format::Cloudevents => vec![cloudevent(delivery)],
        Format::Cdevents => cdevents(delivery),
    };
    if let Some(long) = bodies.iter().map(|body| body.to_string().len()).find(|len| *len > MOST) {
        let message = format!("the event is too large for a webhook: {long} bytes");
        return Err(Hinted::plain(Code::Error, message).into());
    }
    Ok(bodies)
}

fn post(delivery: &Delivery<'_>, at: usize, body: &Value) -> anyhow::Result<Post> {
    let endpoint = delivery.endpoint;
    let mut post = Post::json(endpoint.url.expose(), &shown(endpoint), body);
    if body["specversion"].is_string() {
        post = post.header("content-type", "application/cloudevents+json; charset=utf-8")?;
    }
    post = post.bearer(endpoint.token.as_ref())?;
    match &endpoint.secret {
        Some(secret) => signed(post, delivery, at, secret),
        None => Ok(post),
    }
}

/// The address of a webhook may well hold a secret when it was kept out of the file.
fn shown(endpoint: &Endpoint) -> String {
    if endpoint.target.url.is_some() {
        return endpoint.shown();
    }
    endpoint
        .address()
        .map_or_else(|_| String::new(), |url| format!("{}/***", crate::http::origin(&url)))
}

fn signed(post: Post, delivery: &Delivery<'_>, at: usize, secret: &Secret) -> anyhow::Result<Post> {
    match delivery.endpoint.target.signature.unwrap_or_default() {
        Signature::Generic => {
            let signature = HEXLOWER.encode(&hmac(secret.expose().as_bytes(), &[&post.body])?);
            post.header("x-signature", &format!("sha256={signature}"))
        }
        Signature::Github => {
            let signature = HEXLOWER.encode(&hmac(secret.expose().as_bytes(), &[&post.body])?);
            post.header("x-hub-signature-256", &format!("sha256={signature}"))
        }
        Signature::StandardWebhooks => {
            let id = format!("msg_{}{at}", delivery.event.key());
            let time = jiff::Timestamp::try_from(delivery.now)?.as_second().to_string();
            let head = format!("{id}.{time}.");
            let signature = hmac(&standard_key(secret)?, &[head.as_bytes(), &post.body])?;
            post.header("webhook-id", &id)?
                .header("webhook-timestamp", &time)?
                .header("webhook-signature", &format!("v1,{}", STANDARD.encode(signature)))
        }
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> anyhow::Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Standard Webhooks writes its keys `whsec_` and base64.
fn standard_key(secret: &Secret) -> anyhow::Result<Vec<u8>> {
    let Some(encoded) = secret.expose().strip_prefix("whsec_") else {
        return Ok(secret.expose().as_bytes().to_vec());
    };
    STANDARD.decode(encoded).map_err(|_| {
        let message = "its key starts with `whsec_` but is not base64 behind that";
        Hinted::new(Code::Error, message, "copy the key again").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's own libraries.
    #[test]
    fn standard_webhooks_vector() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = standard_key(&secret).unwrap();
        let head = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.";
        let body = "{\"test\": 2432232314}";
        let signature = hmac(&key, &[head.as_bytes(), body.as_bytes()]).unwrap();
        assert_eq!(STANDARD.encode(signature), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(standard_key(&Secret::new("whsec_!!!!")).is_err());
    }

    /// The second test case of RFC 4231.
    #[test]
    fn hmac_vector() {
        let mac = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]).unwrap();
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(HEXLOWER.encode(&mac), expected);
    }
}
