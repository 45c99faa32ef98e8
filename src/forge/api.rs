//! JSON over HTTP to one forge: a token for that one host, refusals that say what is missing, and a dry
//! run that keeps what it would have sent.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use url::form_urlencoded;

use super::{Answer, Pace, Row};
use crate::error::{Code, Hinted};
use crate::http::header::{HeaderMap, HeaderName, HeaderValue};
use crate::http::{
    Client, Method, Redirects, Request, Retry, Secret, StatusCode, Url, is_loopback, origin,
};

/// The longest that one answer may take.
const IDLE: Duration = Duration::from_mins(1);

/// A token and what is known of it.
#[derive(Clone, Debug)]
pub struct Token {
    /// The user it belongs to, where the forge wants to know.
    pub user: Option<String>,
    /// The token itself.
    pub secret: Secret,
    /// Where it came from (`GITHUB_TOKEN`), for messages.
    pub origin: String,
}

/// How a forge is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// Sends.
    pub client: Rc<Client>,
    /// For this forge's host and no other.
    pub token: Option<Token>,
    /// Patience.
    pub pace: Pace,
    /// Reads, but keeps what it would write.
    pub dry_run: bool,
}

/// A request that a dry run did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// `POST`.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The document.
    pub body: Value,
}

/// The API of one forge.
pub struct Api {
    row: &'static Row,
    access: Access,
    base: String,
    headers: HeaderMap,
    /// Shared with [`Api::at`]: one list, in the order of sending.
    planned: Rc<RefCell<Vec<Planned>>>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.row.name, self.base)
    }
}

impl Api {
    /// The API below `base`, with the row's headers and the token.
    pub fn new(row: &'static Row, access: Access, base: &str) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in row.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(token) = &access.token {
            let url = Request::get(base)?.url().clone();
            if url.scheme() != "https" && !is_loopback(&url) {
                let message =
                    format!("cannot send a token to `{}`: it is not encrypted", origin(&url));
                return Err(Hinted::new(Code::Usage, message, "use an https:// URL").into());
            }
            let value = (row.authorization)(token).map_err(|_| {
                let message = format!("cannot use {}: it is no token", token.origin);
                Hinted::new(Code::Config, message, "it holds a character that no token has")
            })?;
            headers.insert("authorization", value);
        }
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { row, access, base, headers, planned: Rc::default() })
    }

    /// The same forge at another base of the same or a sister host that the row itself names.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            row: self.row,
            access: self.access.clone(),
            base: base.trim_end_matches('/').to_owned(),
            headers: self.headers.clone(),
            planned: Rc::clone(&self.planned),
        }
    }

    /// What a dry run would have sent, in order.
    #[must_use]
    pub fn planned(&self) -> Vec<Planned> {
        self.planned.borrow().clone()
    }

    /// Whether nothing may be written.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.access.dry_run
    }

    /// How long to wait for what the forge has not noticed yet.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.access.pace
    }

    /// Asks. In a dry run nobody is asked about a pull request that is only planned: the answer is empty.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let unknown = path.contains("{number}") || path.contains("%7Bnumber%7D");
        if self.access.dry_run && unknown {
            return Ok(Answer::nothing());
        }
        self.send(&Method::GET, path, query, None)
    }

    /// Writes; in a dry run notes what would be written.
    pub fn write(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<Answer> {
        if self.access.dry_run {
            let url = self.url(path, query);
            let planned = Planned { method: method.to_string(), url, body: body.clone() };
            self.planned.borrow_mut().push(planned);
            return Ok(Answer::nothing());
        }
        self.send(method, path, query, Some(body))
    }

    /// `POST`, the usual way to write.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.write(&Method::POST, path, &[], body)
    }

    /// All pages of a list: by `Link` or by the body's `next`, both only on the same host.
    pub fn pages(
        &self,
        path: &str,
        query: &[(&str, &str)],
        items: impl Fn(&Value) -> Option<&Vec<Value>>,
        verb: &str,
    ) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut answer = self.expect(verb, self.get(path, query)?)?;
        // Enough for 1,000 open pull requests to one branch, and an end for a server that has none.
        for _ in 0..20 {
            all.extend(self.items(verb, &answer, &items)?);
            let Some(next) = answer.next() else { break };
            let same = Url::parse(&next).is_ok_and(|url| origin(&url) == answer.origin);
            if !same {
                break;
            }
            answer = self.expect(verb, self.send_to(&Method::GET, &next, None)?)?;
        }
        Ok(all)
    }

    /// The items of a list. An answer without one is not one that is empty.
    pub fn items(
        &self,
        verb: &str,
        answer: &Answer,
        items: impl Fn(&Value) -> Option<&Vec<Value>>,
    ) -> anyhow::Result<Vec<Value>> {
        match items(&answer.body) {
            Some(items) => Ok(items.clone()),
            None if !answer.was_given() => Ok(Vec::new()),
            None => Err(self.nonsense(verb, answer, "no list")),
        }
    }

    /// The answer where it is a success, else the refusal to `verb`. A page for people is none, whatever its
    /// status: proxies and sign-ins answer so in an API's place.
    pub fn expect(&self, verb: &str, answer: Answer) -> anyhow::Result<Answer> {
        match () {
            () if !answer.is_success() => Err(self.refusal(verb, &answer)),
            () if !answer.is_document => Err(self.nonsense(verb, &answer, "no JSON")),
            () => Ok(answer),
        }
    }

    /// The error for a success that is none.
    #[must_use]
    pub fn nonsense(&self, verb: &str, answer: &Answer, lacks: &str) -> anyhow::Error {
        let Answer { origin, status, .. } = answer;
        let title = self.row.title;
        let text = format!("`{origin}` answered {status} with {lacks} in it");
        let hint = format!(
            "is that {title}'s API, and does nothing ask for a sign-in before it? --api-url names another"
        );
        let refusal = Refusal { status: *status, message: String::new(), text };
        let message = format!("cannot {verb}");
        anyhow::Error::new(refusal).context(Hinted::new(Code::Error, message, hint))
    }

    fn send(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        self.send_to(method, &self.url(path, query), body)
    }

    fn send_to(&self, method: &Method, url: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let mut request =
            Request::new(method.clone(), url)?.headers(self.headers.clone()).redirects(
                if self.row.name == "azure" { Redirects::Never } else { Redirects::SameHost },
            );
        if let Some(body) = body.filter(|body| !body.is_null()) {
            request = request.json(body)?;
        }
        let pace = self.access.pace;
        let mut retry = Retry::within(pace.busy);
        if let (Some(left), Some(deadline)) = (pace.left(), pace.deadline) {
            if left.is_zero() {
                return Err(too_late(request.url()).into());
            }
            // A server's silence is not the only thing that ends.
            request = request.timeout(left.min(IDLE));
            retry.deadline = retry.deadline.min(deadline);
        }
        let answer = self.access.client.send_with_retry(&request, retry).and_then(Answer::read);
        answer.map_err(|error| match pace.left() {
            Some(Duration::ZERO) => too_late(request.url()).into(),
            _ => error,
        })
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{path}", self.base);
        if !query.is_empty() {
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            url.push('?');
            url.push_str(&query);
        }
        url
    }

    /// The error for an answer that is no success: what the forge says, and what the token lacks.
    #[must_use]
    pub fn refusal(&self, verb: &str, answer: &Answer) -> anyhow::Error {
        let Answer { origin, status, .. } = answer;
        let (message, verb) = (answer.message(), format!("cannot {verb}"));
        let mut text = format!("`{origin}` answered {status}");
        if !message.is_empty() && message != status.to_string() {
            text = format!("{text}: {message}");
        }
        let hinted = match (self.row.advice)(answer).or_else(|| self.usual_advice(answer)) {
            Some(hint) => Hinted::new(Code::Error, verb, hint),
            None => Hinted::plain(Code::Error, verb),
        };
        anyhow::Error::new(Refusal { status: *status, message, text }).context(hinted)
    }

    fn usual_advice(&self, answer: &Answer) -> Option<String> {
        let (title, permissions) = (self.row.title, self.row.permissions);
        if matches!(answer.status.as_u16(), 301 | 307 | 308) {
            return Some("the repository has moved: use its new address".to_owned());
        }
        let token = self.access.token.as_ref().map(|token| token.origin.as_str());
        let Some(token) = token else {
            return matches!(answer.status.as_u16(), 302 | 401 | 403 | 404)
                .then(|| format!("no token was sent; {title} wants one with {permissions}"));
        };
        match answer.status.as_u16() {
            302 | 203 | 401 => Some(format!(
                "{token} is not accepted: is it expired, or for another host? It needs {permissions}"
            )),
            403 => Some(format!("{token} lacks a permission; it needs {permissions}")),
            404 => Some(format!(
                "there is no such repository, or {token} cannot see it; it needs {permissions}"
            )),
            429 => Some(format!("{title} limits the rate of requests; try again later")),
            _ => None,
        }
    }
}

fn too_late(url: &Url) -> Hinted {
    let message = format!("cannot hear from `{}` in time", origin(url));
    Hinted::new(Code::Timeout, message, "try again, or give it longer with --timeout")
}

/// Why a forge did not do it; found in errors by `downcast_ref`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The forge's words.
    pub message: String,
    /// All of it.
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

/// One part of a path, encoded whole.
#[must_use]
pub(super) fn part(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

/// A path whose `/` stay.
#[must_use]
pub(super) fn parts(text: &str) -> String {
    text.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A field's text, empty where it is missing or null.
#[must_use]
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// One field of each item of a list.
#[must_use]
pub(super) fn texts(list: &Value, field: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|item| text(&item[field])).collect()
}

/// Absent and null are not the same to every server.
pub(super) fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    value
}
