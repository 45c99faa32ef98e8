//! Asking again: only what is safe to ask again, as the server wishes, and never beyond a deadline.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::{Client, Failure, Request, Response};

/// How long, and how often, to try.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// No attempt starts after it.
    pub deadline: Instant,
    /// Attempts in all.
    pub attempts: u32,
}

impl Retry {
    /// Four attempts within `timeout` from now.
    #[must_use]
    pub fn within(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, attempts: 4 }
    }
}

impl Client {
    /// Sends a request until it is answered for good: connection errors, 429 and 502 to 504 are tried again,
    /// and where the request is idempotent also every other lack of an answer.
    pub fn send_with_retry(&self, request: &Request, retry: Retry) -> anyhow::Result<Response> {
        let mut attempt = 1;
        loop {
            let result = self.send(request);
            let wait = match &result {
                Ok(response) if is_temporary(response) => {
                    retry_after(response.headers()).unwrap_or_else(|| backoff(attempt))
                }
                Err(error) if may_repeat(request, error) => backoff(attempt),
                _ => return result,
            };
            if attempt >= retry.attempts || passes(wait, retry.deadline) {
                return result;
            }
            thread::sleep(wait);
            attempt += 1;
        }
    }
}

/// Whether a wait would end after the deadline; a server may wish for any number of seconds.
fn passes(wait: Duration, deadline: Instant) -> bool {
    Instant::now().checked_add(wait).is_none_or(|end| end >= deadline)
}

fn may_repeat(request: &Request, error: &anyhow::Error) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|f| f.hint().is_none() && (f.unsent || request.is_idempotent()))
}

fn is_temporary(response: &Response) -> bool {
    let exhausted = || response.header("x-ratelimit-remaining") == Some("0");
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        // GitHub words its limits so.
        StatusCode::FORBIDDEN => response.headers().contains_key(RETRY_AFTER) || exhausted(),
        _ => false,
    }
}

/// About 1, 2, 4 … seconds; random, so that many clients do not return together.
fn backoff(attempt: u32) -> Duration {
    let base = 1_u32 << (attempt - 1).min(4);
    Duration::from_secs_f64(f64::from(base) * (0.5 + fastrand::f64() / 2.0))
}

/// What the server wishes: `Retry-After` in seconds or as a date, or GitHub's time of reset.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let until = |time: SystemTime| time.duration_since(SystemTime::now()).unwrap_or_default();
    if let Some(value) = text("retry-after") {
        let seconds = value.trim().parse().map(Duration::from_secs).ok();
        return seconds.or_else(|| httpdate::parse_http_date(value).ok().map(until));
    }
    let exhausted = text("x-ratelimit-remaining") == Some("0");
    let reset = text("x-ratelimit-reset").filter(|_| exhausted)?.parse().ok()?;
    Some(until(SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(reset))?))
}
