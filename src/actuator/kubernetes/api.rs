//! Requests to an API server: by kube's client, several at once, with retries and errors of our own.
//!
//! The rest of the program is not asynchronous; the runtime begins and ends here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Code, Hinted};
use crate::http::mask;

/// The content type of a server-side apply; JSON is YAML.
pub(in crate::actuator) const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
/// As many requests at once as an API server takes without being asked twice.
const WIDTH: usize = 8;
/// How often a request is tried that a server could not answer.
const TRIES: u32 = 5;
/// The silence after which a connection is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// A server, and how we get there.
pub(in crate::actuator) struct Api {
    runtime: Runtime,
    client: Client,
    /// The server's address.
    pub(in crate::actuator) address: String,
    /// The namespace of the context.
    pub(in crate::actuator) namespace: String,
}

/// Which cluster.
#[derive(Debug, Default)]
pub(in crate::actuator) struct Access {
    pub(in crate::actuator) context: Option<String>,
    /// The files of `KUBECONFIG`, or the one of the settings; the usual place when empty.
    pub(in crate::actuator) kubeconfig: Vec<PathBuf>,
}

/// A request.
#[derive(Clone, Debug)]
pub(in crate::actuator) struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    content: &'static str,
    accept: &'static str,
}

impl Call {
    pub(in crate::actuator) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None, JSON)
    }

    pub(in crate::actuator) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body), JSON)
    }

    pub(in crate::actuator) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body), JSON)
    }

    pub(in crate::actuator) fn delete(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::DELETE, path, Some(body), JSON)
    }

    pub(in crate::actuator) fn patch(
        path: impl Into<String>,
        body: Value,
        content: &'static str,
    ) -> Self {
        Self::new(Method::PATCH, path, Some(body), content)
    }

    fn new(
        method: Method,
        path: impl Into<String>,
        body: Option<Value>,
        content: &'static str,
    ) -> Self {
        Self { method, path: path.into(), body, content, accept: JSON }
    }

    pub(in crate::actuator) fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// Whether sending it twice does no harm: what it writes is the same, or names what it is written over.
    fn may_repeat(&self) -> bool {
        self.method == Method::GET || self.method == Method::DELETE || self.content == APPLY
    }

    fn request(&self) -> Result<Request<Vec<u8>>, http::Error> {
        let body = self.body.as_ref().map(|body| body.to_string().into_bytes());
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header("accept", self.accept);
        if body.is_some() {
            request = request.header("content-type", self.content);
        }
        request.body(body.unwrap_or_default())
    }
}

/// Why a request was not answered as hoped.
#[derive(Clone, Debug, Default)]
pub(in crate::actuator) struct Failure {
    /// The status code; 0 where there was no answer.
    pub(in crate::actuator) code: u16,
    /// With secrets masked.
    pub(in crate::actuator) message: String,
    /// Reason, field and message of each cause.
    pub(in crate::actuator) causes: Vec<(String, String, String)>,
    retry_after: u32,
    request: String,
}

impl Failure {
    fn of(call: &Call, error: kube::Error) -> Self {
        let path = call.path.split('?').next().unwrap_or_default();
        let request = format!("{} {path}", call.method);
        let kube::Error::Api(status) = error else {
            return Self { message: mask(&root_cause(&error)), request, ..Self::default() };
        };
        let cause = |cause: kube::core::response::StatusCause| {
            (cause.reason, cause.field, mask(&cause.message))
        };
        Self {
            code: status.code,
            message: mask(&status.message),
            retry_after: status.details.as_ref().map_or(0, |details| details.retry_after_seconds),
            causes: status
                .details
                .map(|d| d.causes.into_iter().map(cause).collect())
                .unwrap_or_default(),
            request,
        }
    }

    /// Whether the server may answer it if asked again.
    fn is_passing(&self) -> bool {
        matches!(self.code, 0 | 429 | 500 | 502 | 503 | 504)
    }

    /// As an error of `cannot <verb> …`.
    pub(in crate::actuator) fn error(&self, attempt: &str) -> anyhow::Error {
        let said = if self.message.is_empty() { "no answer" } else { &self.message };
        let message = match self.code {
            0 => format!("cannot {attempt}: {said}"),
            code => format!("cannot {attempt}: {said} ({} answered {code})", self.request),
        };
        match self.hint() {
            Some(hint) => Hinted::new(Code::Error, message, hint).into(),
            None => Hinted::plain(Code::Error, message).into(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self.code {
            0 => Some("check the context of the kubeconfig, and the way to the server".to_owned()),
            401 => Some("log in again: the credentials of the kubeconfig are refused".to_owned()),
            403 => Some(format!("let it: a role must allow {}", self.request)),
            _ => None,
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

impl Api {
    pub(in crate::actuator) fn connect(access: &Access) -> anyhow::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mut config = runtime.block_on(configuration(access))?;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = Some(SILENCE);
        config.write_timeout = Some(SILENCE);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        config.headers.push((
            http::header::USER_AGENT,
            http::HeaderValue::from_static(concat!("gitops/", env!("CARGO_PKG_VERSION"))),
        ));
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        let client = {
            let _guard = runtime.enter();
            Client::try_from(config).map_err(|error| {
                let cause = mask(&root_cause(&error));
                Hinted::plain(Code::Config, format!("cannot use `{address}`: {cause}"))
            })?
        };
        Ok(Self { runtime, client, address, namespace })
    }

    /// One request.
    #[expect(clippy::needless_pass_by_value, reason = "it is made for this call and for no other")]
    pub(in crate::actuator) fn call(&self, call: Call) -> Result<Value, Failure> {
        self.runtime.block_on(send(&self.client, &call))
    }

    /// One request whose object need not be there.
    pub(in crate::actuator) fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        match self.call(Call::get(path)) {
            Ok(value) => Ok(Some(value)),
            Err(failure) if failure.code == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Several requests at once; the answers keep their order.
    pub(in crate::actuator) fn calls(&self, calls: Vec<Call>) -> Vec<Result<Value, Failure>> {
        let permits = Arc::new(Semaphore::new(WIDTH));
        self.runtime.block_on(async {
            let mut answers: Vec<_> = calls.iter().map(|_| Err(Failure::default())).collect();
            let mut tasks = JoinSet::new();
            for (number, call) in calls.into_iter().enumerate() {
                let (client, permits) = (self.client.clone(), Arc::clone(&permits));
                tasks.spawn(async move {
                    let _permit = permits.acquire().await;
                    (number, send(&client, &call).await)
                });
            }
            while let Some(done) = tasks.join_next().await {
                match done {
                    Ok((number, answer)) => answers[number] = answer,
                    Err(error) => {
                        if let Ok(panic) = error.try_into_panic() {
                            std::panic::resume_unwind(panic)
                        }
                    }
                }
            }
            answers
        })
    }

    /// All items of a list, page by page.
    pub(in crate::actuator) fn list(&self, path: &str, query: &str) -> Result<Vec<Value>, Failure> {
        self.runtime.block_on(list(&self.client, path, query))
    }

    /// Several lists at once.
    pub(in crate::actuator) fn lists(&self, paths: &[String]) -> Vec<Result<Vec<Value>, Failure>> {
        let permits = Arc::new(Semaphore::new(WIDTH));
        self.runtime.block_on(async {
            let tasks: Vec<_> = paths
                .iter()
                .map(|path| {
                    let (client, permits) = (self.client.clone(), Arc::clone(&permits));
                    let path = path.clone();
                    tokio::spawn(async move {
                        let _permit = permits.acquire().await;
                        list(&client, &path, "").await
                    })
                })
                .collect();
            let mut answers = Vec::with_capacity(tasks.len());
            for task in tasks {
                answers.push(task.await.unwrap_or_else(|error| {
                    Err(Failure { message: error.to_string(), ..Failure::default() })
                }));
            }
            answers
        })
    }
}

/// The kubeconfig, or what a pod finds of its own cluster.
async fn configuration(access: &Access) -> anyhow::Result<Config> {
    let refuse = |cause: String| {
        let hint = "name the file with --kubeconfig, and the context in gitops.yaml";
        Hinted::new(Code::Config, format!("cannot use the kubeconfig: {}", mask(&cause)), hint)
    };
    let usual = std::env::home_dir().map(|home| home.join(".kube/config"));
    let mut files = access.kubeconfig.clone();
    if files.is_empty() {
        match usual.filter(|path| path.exists()) {
            Some(path) => files.push(path),
            None => {
                return Config::incluster()
                    .map_err(|_| refuse("there is none, and this is no pod".to_owned()).into());
            }
        }
    }
    let mut merged = Kubeconfig::default();
    for file in files {
        let one = Kubeconfig::read_from(&file).map_err(|error| refuse(root_cause(&error)))?;
        merged = merged.merge(one).map_err(|error| refuse(root_cause(&error)))?;
    }
    let options = KubeConfigOptions { context: access.context.clone(), ..Default::default() };
    Config::from_custom_kubeconfig(merged, &options)
        .await
        .map_err(|error| refuse(root_cause(&error)).into())
}

async fn send(client: &Client, call: &Call) -> Result<Value, Failure> {
    let mut pause = Duration::from_millis(100);
    for attempt in 1.. {
        let failure = match once(client, call).await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        // 429 and 503 say that the request was not worked on at all.
        let again =
            failure.is_passing() && (call.may_repeat() || matches!(failure.code, 429 | 503));
        if !again || attempt >= TRIES {
            return Err(failure);
        }
        let asked = Duration::from_secs(failure.retry_after.into());
        tokio::time::sleep(asked.min(Duration::from_secs(10)).max(pause)).await;
        pause *= 2;
    }
    Err(Failure::default())
}

async fn once(client: &Client, call: &Call) -> Result<Value, Failure> {
    let request = call
        .request()
        .map_err(|error| Failure { message: error.to_string(), ..Failure::default() })?;
    let text = client.request_text(request).await.map_err(|error| Failure::of(call, error))?;
    serde_json::from_str(&text).map_err(|_| Failure {
        message: "the answer is not JSON".to_owned(),
        request: format!("{} {}", call.method, call.path),
        ..Failure::default()
    })
}

/// How many objects to ask for at a time.
const PAGE: usize = 500;

async fn list(client: &Client, path: &str, query: &str) -> Result<Vec<Value>, Failure> {
    let (mut items, mut next) = (Vec::new(), String::new());
    loop {
        let mut url = format!("{path}?limit={PAGE}");
        if !query.is_empty() {
            url = format!("{url}&{query}");
        }
        if !next.is_empty() {
            url = format!("{url}&continue={}", encode(&next));
        }
        let mut page = match send(client, &Call::get(url)).await {
            // The server has forgotten where we were: begin again.
            Err(failure) if failure.code == 410 && !next.is_empty() => {
                items.clear();
                next.clear();
                continue;
            }
            answer => answer?,
        };
        let (api, kind) = (page["apiVersion"].clone(), page["kind"].clone());
        let kind = kind.as_str().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default();
        if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
            items.extend(found.into_iter().map(|mut item| {
                // In lists, objects do not say what they are.
                if item["kind"].is_null() {
                    item["kind"] = Value::from(kind);
                    item["apiVersion"] = api.clone();
                }
                item
            }));
        }
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => return Ok(items),
        }
    }
}

/// A value of a query.
pub(in crate::actuator) fn encode(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
