//! One request to a channel: sent within a deadline, tried again where the service wishes, and read as that
//! service words its answers.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Code, Hinted};
use crate::http::header::HeaderValue;
use crate::http::{Client, Failure, HeaderMap, Method, Request, Secret, StatusCode};
use crate::http::{mask, plain_text, retry_after, sensitive};

/// Attempts in all.
const ATTEMPTS: u32 = 4;
/// What an error quotes of an answer.
const QUOTED: usize = 300;

/// A request, ready to be sent or shown.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) method: Method,
    pub(super) url: Secret,
    /// The URL as it may be shown.
    pub(super) shown: String,
    pub(super) headers: Vec<(&'static str, HeaderValue)>,
    pub(super) body: Vec<u8>,
    /// Whether the service takes a repetition for what it is.
    pub(super) idempotent: bool,
}

impl Post {
    /// A `POST` of a document. Where all of the URL may be shown, it is no secret.
    pub(super) fn json(url: &str, shown: &str, document: &Value) -> Self {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        Self {
            method: Method::POST,
            url: if url == shown { Secret::public(url) } else { Secret::new(url) },
            shown: shown.to_owned(),
            headers: vec![("content-type", json)],
            body: document.to_string().into_bytes(),
            idempotent: false,
        }
    }

    /// A question, whose query is no secret.
    pub(super) fn get(url: &str, shown: &str) -> Self {
        let post = Self::json(shown, shown, &Value::Null);
        Self {
            method: Method::GET,
            url: Secret::public(url),
            headers: Vec::new(),
            body: Vec::new(),
            idempotent: true,
            ..post
        }
    }

    /// Adds a header, or replaces it.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> anyhow::Result<Self> {
        self.headers.retain(|(old, _)| *old != name);
        self.headers.push((name, HeaderValue::from_str(value)?));
        Ok(self)
    }

    /// Adds a token.
    pub(super) fn bearer(mut self, token: Option<&Secret>) -> anyhow::Result<Self> {
        if let Some(token) = token {
            let value = sensitive(&format!("Bearer {}", token.expose())).map_err(|_| {
                let message = "cannot use its token: it has characters that no header takes";
                Hinted::new(Code::Error, message, "copy the token again, and nothing else")
            })?;
            self.headers.push(("authorization", value));
        }
        Ok(self)
    }

    fn request(&self, timeout: Duration) -> anyhow::Result<Request> {
        let mut request = Request::new(self.method.clone(), self.url.expose())?.timeout(timeout);
        for (name, value) in &self.headers {
            request = request.header(name, value.clone());
        }
        if self.method != Method::GET {
            request = request.body(self.body.clone());
        }
        Ok(request)
    }
}

/// What a service answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body as a document; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the body is this word.
    pub(super) fn says(&self, word: &str) -> bool {
        self.body.trim_ascii() == word.as_bytes()
    }

    /// Whether the body is a page for people.
    pub(super) fn is_page(&self) -> bool {
        let kind = self.headers.get("content-type").and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.contains("html")) || self.body.trim_ascii().starts_with(b"<")
    }

    /// The first words of the body, safe to show.
    pub(super) fn quote(&self) -> String {
        plain_text(&String::from_utf8_lossy(&self.body), 3, QUOTED).replace('\n', " ")
    }
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It arrived.
    Accepted,
    /// Not now; perhaps after this time.
    Again(Option<Duration>),
    /// It will not arrive, however often it is tried.
    Refused {
        /// The service's words.
        reason: String,
        /// What to do about it.
        hint: Option<&'static str>,
    },
}

/// The usual meaning of a status. `hints` are words of answers and what to do about each.
pub(super) fn standard(answer: &Answer, hints: &[(&str, &'static str)]) -> Verdict {
    match answer.status {
        status if status.is_success() => Verdict::Accepted,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Verdict::Again(retry_after(&answer.headers)),
        _ => refused(answer, hints),
    }
}

/// A refusal in the service's words.
pub(super) fn refused(answer: &Answer, hints: &[(&str, &'static str)]) -> Verdict {
    let words = answer.quote();
    let quoted = if words.is_empty() { String::new() } else { format!(": {words}") };
    let hint = hints.iter().find(|(word, _)| words.contains(word)).map(|(_, hint)| *hint);
    let hint = hint.or(match answer.status.as_u16() {
        300..=399 => Some("the address has moved; use the new one"),
        401 | 403 => Some("the address or token is no longer good, or may not write there"),
        404 | 410 => Some("the address is no longer good: make a new one and store it"),
        _ => None,
    });
    Verdict::Refused { reason: format!("answered {}{quoted}", answer.status), hint }
}

/// Takes an acceptance for one only where the answer is the service's own: a sign-in page or somebody else's
/// server says 200 as well.
pub(super) fn confirmed(verdict: Verdict, answer: &Answer, is_own: bool) -> Verdict {
    if verdict != Verdict::Accepted || is_own {
        return verdict;
    }
    let words = answer.quote();
    let quoted = if words.is_empty() { String::new() } else { format!(": {words}") };
    Verdict::Refused {
        reason: format!("answered {}, but not as the service does{quoted}", answer.status),
        hint: Some(
            "check the address: what answers there is something else, such as a proxy's page",
        ),
    }
}

/// A connection with a deadline.
#[derive(Clone, Debug)]
pub(super) struct Wire<'a> {
    pub(super) client: &'a Client,
    pub(super) deadline: Instant,
    /// Attempts in all.
    pub(super) attempts: u32,
    /// The wait before the attempt that follows this one, where the service names none.
    pub(super) pause: fn(u32) -> Duration,
}

/// About 1, 2 and 4 seconds; random, so that many jobs do not return together.
pub(super) fn backoff(attempt: u32) -> Duration {
    let base = 1_u32 << (attempt.saturating_sub(1)).min(4);
    Duration::from_secs_f64(f64::from(base) * (0.5 + fastrand::f64() / 2.0))
}

/// Whether a wait would end after the deadline; some servers wish for silence until after the sun's end.
pub(super) fn exceeds(wait: Duration, deadline: Instant) -> bool {
    Instant::now().checked_add(wait).is_none_or(|end| end >= deadline)
}

impl<'a> Wire<'a> {
    pub(super) fn new(client: &'a Client, deadline: Instant) -> Self {
        Self { client, deadline, attempts: ATTEMPTS, pause: backoff }
    }

    /// For a question that can stay without an answer: once, in a third of the time.
    pub(super) fn brief(&self) -> Self {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Self { deadline: Instant::now() + left / 3, attempts: 1, ..*self }
    }

    /// Sends a request until it is accepted, refused, or the deadline is near.
    pub(super) fn send(
        &self,
        post: &Post,
        read: impl Fn(&Answer) -> Verdict,
    ) -> anyhow::Result<Answer> {
        let mut attempt = 1;
        loop {
            let (wait, failure) = match self.once(post) {
                Ok(answer) => match read(&answer) {
                    Verdict::Accepted => return Ok(answer),
                    Verdict::Refused { reason, hint } => return Err(failed(post, &reason, hint)),
                    Verdict::Again(wait) => {
                        let reason = busy(&answer, wait);
                        (wait, failed(post, &reason, None))
                    }
                },
                Err(error) if may_repeat(post, &error) => (None, error),
                Err(error) => return Err(error),
            };
            let wait = wait.unwrap_or_else(|| (self.pause)(attempt));
            if attempt >= self.attempts || exceeds(wait, self.deadline) {
                return Err(failure);
            }
            thread::sleep(wait);
            attempt += 1;
        }
    }

    fn once(&self, post: &Post) -> anyhow::Result<Answer> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Zero would mean no limit.
        let request = post.request(left.max(Duration::from_millis(1)))?;
        let response = self.client.send(&request)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match response.bytes() {
            Ok(body) => body,
            // The status says enough of a refusal whose words broke off.
            Err(_) if !status.is_success() => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Answer { status, headers, body })
    }
}

fn busy(answer: &Answer, wait: Option<Duration>) -> String {
    let words = answer.quote();
    let quoted = if words.is_empty() { String::new() } else { format!(": {words}") };
    let wish = wait.filter(|wait| !wait.is_zero());
    let wish = wish.map_or_else(String::new, |wait| {
        format!(" and wants {} s of silence", wait.as_secs_f64().ceil())
    });
    format!("answered {}{wish}{quoted}", answer.status)
}

/// An error that names the place as it may be shown.
pub(super) fn failed(post: &Post, reason: &str, hint: Option<&'static str>) -> anyhow::Error {
    let message = mask(&format!("`{}` {reason}", post.shown));
    match hint {
        Some(hint) => Hinted::new(Code::Error, message, hint).into(),
        None => Hinted::plain(Code::Error, message).into(),
    }
}

/// A message that may have arrived is not sent twice.
fn may_repeat(post: &Post, error: &anyhow::Error) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|failure| failure.hint().is_none() && (failure.unsent || post.idempotent))
}
