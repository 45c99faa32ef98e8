//! Git's smart protocol over HTTP, with credentials that belong to the host being asked.

use std::io::{self, Read};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use url::Url;

use super::super::address::UserInfo;
use super::super::config::Config;
use super::super::credentials::{Credentials, Login};
use super::super::say::Say;
use super::super::{Settings, trouble};
use super::conversation::Output;
use super::{Connection, Patience, Service, Session};
use crate::error::{Code, Hinted};
use crate::http::header::{HeaderName, HeaderValue};
use crate::http::{
    Client, HeaderMap, Redirects, Request, Response, StatusCode, is_loopback, origin, retry_after,
    sensitive,
};

/// A repository behind a web server.
pub(super) struct Http(Arc<Shared>);

struct Shared {
    client: Client,
    config: Config,
    patience: Patience,
    say: Say,
    /// Where the user sent us; headers for every host go to this one alone.
    first: Url,
    state: Mutex<State>,
}

struct State {
    /// The repository's URL, after redirects.
    base: Url,
    credentials: Credentials,
    login: Option<Login>,
    /// Where the credentials came from that were refused last.
    refused: Option<String>,
    /// Counts the changes of `login`, so that of two parallel requests only one asks for the next.
    round: u32,
    approved: bool,
}

impl Http {
    pub(super) fn new(
        url: Url,
        carried: Option<UserInfo>,
        config: &Config,
        settings: &Settings,
        patience: Patience,
        say: Say,
    ) -> anyhow::Result<Self> {
        let mut http = settings.http.clone();
        refuse_blind_trust(config, &url)?;
        let authority = config.all_for("http", "sslcainfo", &url).pop();
        http.trust.extra.extend(authority.map(|(file, _)| config.expanded(file)));
        if let Some((proxy, _)) = config.all_for("http", "proxy", &url).pop() {
            let proxy = Some(crate::http::Secret::new(proxy));
            http.proxies.https.clone_from(&proxy);
            http.proxies.http = proxy;
        }
        http.idle_timeout = patience.idle;
        let credentials = Credentials::new(&url, carried, config, settings, patience.deadline);
        let mut state = State {
            base: url.clone(),
            credentials,
            login: None,
            refused: None,
            round: 0,
            approved: false,
        };
        state.login = state.credentials.first();
        let client = Client::new(http);
        let config = config.clone();
        Ok(Self(Arc::new(Shared {
            client,
            config,
            patience,
            say,
            first: url,
            state: Mutex::new(state),
        })))
    }
}

/// Certificates are always checked; who thinks they are not must hear of it.
fn refuse_blind_trust(config: &Config, url: &Url) -> anyhow::Result<()> {
    let verify = config.all_for("http", "sslverify", url).pop();
    let is_off = verify.is_some_and(|(value, _)| {
        matches!(&*value.to_ascii_lowercase(), "false" | "no" | "off" | "0" | "")
    });
    if url.scheme() != "https" || !is_off {
        return Ok(());
    }
    let message = format!(
        "cannot use `{}` without checking its certificate, as http.sslVerify or GIT_SSL_NO_VERIFY asks",
        origin(url)
    );
    let hint = "trust the authority of its certificate instead: --ca-file FILE, or http.sslCAInfo";
    Err(Hinted::new(Code::Config, message, hint).into())
}

impl Connection for Http {
    fn open(&self, service: Service) -> anyhow::Result<Box<dyn Session>> {
        Ok(Box::new(Exchange { shared: Arc::clone(&self.0), service }))
    }

    fn is_stateless(&self) -> bool {
        true
    }

    fn base(&self) -> Option<Url> {
        Some(self.0.state().base.clone())
    }

    fn succeeded(&self) {
        let mut state = self.0.state();
        if !std::mem::replace(&mut state.approved, true)
            && let Some(login) = &state.login
        {
            state.credentials.approve(login);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Headers of every request: the configuration's, and who we are.
    fn headers(&self, base: &Url, login: Option<&Login>) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (line, names_a_place) in self.config.all_for("http", "extraheader", base) {
            if line.is_empty() {
                // As in Git: an empty one forgets those before it.
                headers.clear();
                continue;
            }
            if !names_a_place && base.origin() != self.first.origin() {
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let parsed = name.trim().parse::<HeaderName>().ok().zip(sensitive(value.trim()).ok());
            let Some((name, value)) = parsed else {
                let message = "cannot use `http.extraHeader`: one of its values is no header";
                return Err(Hinted::plain(Code::Config, message).into());
            };
            headers.append(name, value);
        }
        if let Some(login) = login {
            headers.insert("authorization", login.header.clone());
        }
        Ok(headers)
    }

    /// Sends what `make` builds, with the next credentials as long as the server asks for some.
    fn send(&self, make: impl Fn(&Url) -> anyhow::Result<Request>) -> anyhow::Result<Response> {
        loop {
            let (base, login, round) = {
                let state = self.state();
                (state.base.clone(), state.login.clone(), state.round)
            };
            let mut request = make(&base)?.headers(self.headers(&base, login.as_ref())?);
            if let Some(timeout) = self.patience.short() {
                request = request.timeout(timeout);
            }
            let response = self.client.send(&request)?;
            self.follow(&base, &response);
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            let challenges = challenges(response.headers());
            let mut state = self.state();
            if state.round == round && !state.next_login(&challenges) {
                let (base, refused) = (state.base.clone(), state.refused.clone());
                drop(state);
                let text = said(response, self.patience);
                return Err(unauthorized(&base, &challenges, refused.as_deref(), &text));
            }
        }
    }

    /// The repository moved: go on at the new place, with what belongs there.
    fn follow(&self, base: &Url, response: &Response) {
        let mut state = self.state();
        let Some(moved) = repository_of(response.url()).filter(|moved| moved != base) else {
            return;
        };
        if state.base != *base {
            return;
        }
        self.say.detail(format!("`{base}` redirects to `{moved}`"));
        if moved.host_str() != base.host_str() || moved.port() != base.port() {
            let credentials = state.credentials.at(&moved);
            state.credentials = credentials;
            state.login = state.credentials.first();
            state.refused = None;
            state.round += 1;
        }
        state.base = moved;
    }
}

impl State {
    /// Turns to the next credentials; false where there are none left.
    fn next_login(&mut self, challenges: &[String]) -> bool {
        if let Some(login) = self.login.take() {
            self.credentials.reject(&login);
            self.refused = Some(login.source);
        }
        self.login = self.credentials.next(challenges);
        self.round += 1;
        self.login.is_some()
    }
}

/// `https://h/x` of `https://h/x/info/refs?service=…`.
fn repository_of(url: &Url) -> Option<Url> {
    let path = url.path().strip_suffix("/info/refs")?;
    let mut base = url.clone();
    base.set_path(path);
    base.set_query(None);
    Some(base)
}

fn challenges(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("www-authenticate").iter();
    values.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
}

fn unauthorized(
    base: &Url,
    challenges: &[String],
    refused: Option<&str>,
    said: &str,
) -> anyhow::Error {
    let host = base.host_str().unwrap_or_default();
    let only = |scheme: &str| {
        let wanted = |c: &String| c.to_ascii_lowercase().starts_with(scheme);
        !challenges.is_empty() && challenges.iter().all(wanted)
    };
    let (cause, hint) = match refused {
        Some(source) => (
            format!("`{host}` does not accept the credentials from {source}{said}"),
            format!("check that they are valid for `{host}` and allow writing to this repository"),
        ),
        None if only("negotiate") || only("ntlm") => (
            format!("`{host}` asks for Kerberos or NTLM, which is not supported{said}"),
            "use a token, or SSH".to_owned(),
        ),
        None if base.scheme() == "http" && !is_loopback(base) => (
            format!("`{host}` asks for credentials{said}"),
            "tokens are not sent over plain http: use https://".to_owned(),
        ),
        None => (
            format!("`{host}` asks for credentials, and none are known for it{said}"),
            "set GITOPS_TOKEN, or the forge's own variable (GITHUB_TOKEN, GITLAB_TOKEN, …), or a Git \
             credential helper"
                .to_owned(),
        ),
    };
    Hinted::new(Code::Git, format!("cannot open `{base}`: {cause}"), hint).into()
}

/// Requests to one of the two services.
struct Exchange {
    shared: Arc<Shared>,
    service: Service,
}

impl Session for Exchange {
    fn greeting(&mut self) -> anyhow::Result<Box<dyn Read + '_>> {
        let program = self.service.program();
        let response = self.shared.send(|base| {
            let request = Request::get(&format!("{base}/info/refs?service={program}"))?
                .redirects(Redirects::AnyHost)
                .header("accept", HeaderValue::from_static("*/*"))
                .header("pragma", HeaderValue::from_static("no-cache"));
            Ok(match self.service {
                Service::Upload => version_two(request),
                Service::Receive => request,
            })
        })?;
        let response = self.checked(response, "advertisement")?;
        Ok(Box::new(Body(Output::of(Some(response), self.shared.patience))))
    }

    fn ask(&mut self, body: Vec<u8>) -> anyhow::Result<Box<dyn Read + '_>> {
        let program = self.service.program();
        let media = |kind: &str| HeaderValue::from_str(&format!("application/x-{program}-{kind}"));
        let (request_type, result_type) = (media("request")?, media("result")?);
        let response = self.shared.send(|base| {
            let request = Request::post(&format!("{base}/{program}"))?
                .header("content-type", request_type.clone())
                .header("accept", result_type.clone())
                .body(body.clone());
            Ok(match self.service {
                Service::Upload => version_two(request),
                Service::Receive => request,
            })
        })?;
        let response = self.checked(response, "result")?;
        Ok(Box::new(Body(Output::of(Some(response), self.shared.patience))))
    }
}

/// An answer that is read to its end whatever its reader leaves: only then is the connection used again.
struct Body(Output);

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // Little is left of an answer that was understood; the rest of another is not worth the wait.
        let _ = io::copy(&mut (&mut self.0).take(1 << 16), &mut io::sink());
    }
}

fn version_two(request: Request) -> Request {
    request.header("git-protocol", HeaderValue::from_static("version=2"))
}

impl Exchange {
    /// The answer, when it is one of Git's.
    fn checked(&self, response: Response, kind: &str) -> anyhow::Result<Response> {
        let base = self.shared.state().base.clone();
        let status = response.status();
        if !status.is_success() {
            return Err(refused(&base, self.service, response, self.shared.patience));
        }
        let expected = format!("application/x-{}-{kind}", self.service.program());
        if response.header("content-type") == Some(expected.as_str()) {
            return Ok(response);
        }
        let found = response.header("content-type").unwrap_or("nothing known");
        let message = format!(
            "cannot open `{base}`: `{}` does not speak Git there (it sent {found})",
            origin(&base)
        );
        Err(Hinted::new(
            Code::Git,
            message,
            "check the URL; a page to log in or a proxy may answer",
        )
        .into())
    }
}

/// `: ` and the first lines of an answer, if they come in time.
fn said(response: Response, patience: Patience) -> String {
    let (send, text) = channel();
    thread::spawn(move || send.send(response.error_text()));
    let text = text.recv_timeout(patience.left()).unwrap_or_default();
    if text.is_empty() { text } else { format!(": {text}") }
}

fn refused(base: &Url, service: Service, response: Response, patience: Patience) -> anyhow::Error {
    let (status, wished) = (response.status(), retry_after(response.headers()));
    let said = said(response, patience);
    let verb = if service == Service::Receive { "push to" } else { "read" };
    let (message, cause) =
        (format!("cannot {verb} `{base}`"), format!("the server answered {status}{said}"));
    let hint = match status {
        StatusCode::NOT_FOUND => {
            "there is no such repository, or the credentials do not allow to see it"
        }
        StatusCode::FORBIDDEN => "the credentials lack the right to do so",
        StatusCode::PAYLOAD_TOO_LARGE => "the server takes no push of this size",
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return trouble::passing_after(message, cause, wished);
        }
        _ => "check the URL",
    };
    Hinted::new(Code::Git, format!("{message}: {cause}"), hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    /// An answer that never ends and is never silent.
    #[test]
    fn a_dripping_server_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x.git", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let _ = client.read(&mut [0; 4096]).unwrap();
            let head = "HTTP/1.1 200 OK\r\n\
                        content-type: application/x-git-receive-pack-advertisement\r\n\r\n";
            let _ = client.write_all(head.as_bytes());
            while client.write_all(b"a").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let deadline = Instant::now() + Duration::from_millis(600);
        let patience = Patience { deadline, idle: Duration::from_millis(300) };
        let url = Url::parse(&url).unwrap();
        let (config, settings) = (Config::default(), Settings::default());
        let http = Http::new(url, None, &config, &settings, patience, Say::nobody()).unwrap();
        let mut session = http.open(Service::Receive).unwrap();
        let mut greeting = session.greeting().unwrap();
        assert!(io::copy(&mut greeting, &mut io::sink()).is_err());
        assert!(deadline.elapsed() < Duration::from_secs(10));
    }
}
