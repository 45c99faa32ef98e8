//! A forge on the loopback interface: checks every request, then answers from a script or by a closure.

use std::fmt::Write as _;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::description::{Description, decoded};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    fn target(&self) -> String {
        let query: Vec<String> = self.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, query.join("&"))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.to_string() }
    }

    /// Any text, of any kind or of none.
    pub(crate) fn raw(status: u16, kind: &str, text: &str) -> Self {
        let kind = (!kind.is_empty()).then(|| ("content-type", kind.to_owned()));
        Self { status, headers: kind.into_iter().collect(), body: text.to_owned() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Handler = Box<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    wrong: Vec<String>,
}

/// A running forge; [`Server::done`] must be called, and says what went wrong.
pub(crate) struct Server {
    pub(crate) origin: String,
    state: Arc<Mutex<State>>,
}

/// What every request of a forge must look like besides its description.
pub(crate) struct Rules {
    pub(crate) description: Description,
    /// `/api/v3`: what is before the description's paths.
    pub(crate) base: &'static str,
    /// Headers with their values.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Server {
    /// Answers each request by `handler`.
    pub(crate) fn new(rules: Rules, handler: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let handler = Mutex::new(handler);
        Self::new_unlocked(rules, move |seen| (handler.lock().unwrap())(seen))
    }

    /// The same for a closure that several requests may be in at once.
    pub(crate) fn new_unlocked(
        rules: Rules,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let handler: Handler = Box::new(handler);
        let state = Arc::<Mutex<State>>::default();
        let (shared, rules, handler) = (Arc::clone(&state), Arc::new(rules), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, rules) = (Arc::clone(&shared), Arc::clone(&rules));
                let handler = Arc::clone(&handler);
                thread::spawn(move || serve(stream, &rules, &state, &handler));
            }
        });
        Self { origin, state }
    }

    /// Answers the requests of a script in its order, each `("METHOD /path?query", reply)`; the query is
    /// compared where the script gives one.
    pub(crate) fn script(rules: Rules, steps: Vec<(&'static str, Reply)>) -> Self {
        let mut steps = steps.into_iter();
        Self::new(rules, move |seen| match steps.next() {
            Some((expected, reply)) if fits(expected, &seen.target()) => reply,
            Some((expected, _)) => wrong(&format!("expected {expected}, got {}", seen.target())),
            None => wrong(&format!("nothing more was expected, got {}", seen.target())),
        })
    }

    /// All requests so far, and none was wrong.
    #[track_caller]
    pub(crate) fn done(&self) -> Vec<Seen> {
        let state = self.state.lock().unwrap();
        assert!(state.wrong.is_empty(), "{}", state.wrong.join("\n"));
        state.seen.clone()
    }

    /// `METHOD /path` of all requests.
    #[track_caller]
    pub(crate) fn targets(&self) -> Vec<String> {
        self.done().iter().map(|seen| format!("{} {}", seen.method, decoded(&seen.path))).collect()
    }
}

/// A script's step ends where its query was not written.
fn fits(expected: &str, target: &str) -> bool {
    let target = decoded(target);
    target == expected || target.strip_prefix(expected).is_some_and(|rest| rest.starts_with('?'))
}

fn wrong(text: &str) -> Reply {
    Reply { status: 599, headers: Vec::new(), body: text.to_owned() }
}

fn serve(stream: TcpStream, rules: &Rules, state: &Mutex<State>, handler: &Handler) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(seen) = read(&mut reader) {
        let checked = check(rules, &seen);
        let reply = match checked {
            Ok(()) => handler(&seen),
            Err(error) => wrong(&error),
        };
        let mut state = state.lock().unwrap();
        if reply.status == 599 {
            state.wrong.push(reply.body.clone());
        }
        state.seen.push(seen);
        drop(state);
        let mut text = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "content-length: {}\r\n\r\n{}", reply.body.len(), reply.body);
        if stream.write_all(text.as_bytes()).is_err() {
            break;
        }
    }
}

fn check(rules: &Rules, seen: &Seen) -> Result<(), String> {
    let at = seen.target();
    for (name, value) in &rules.headers {
        if seen.header(name) != value {
            return Err(format!("{at}: header {name} is `{}`", seen.header(name)));
        }
    }
    if !seen.header("user-agent").starts_with("gitops/") {
        return Err(format!("{at}: no user agent"));
    }
    if !seen.body.is_null() && seen.header("content-type") != "application/json" {
        return Err(format!("{at}: the body is not called JSON"));
    }
    if seen.path == "/api/graphql" {
        return rules.description.check("/graphql", seen);
    }
    let path =
        seen.path.strip_prefix(rules.base).ok_or_else(|| format!("{at}: not below the API"))?;
    rules.description.check(path, seen)
}

fn read(reader: &mut impl std::io::BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = split_target(&target);
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Seen { method, path, query, headers, body })
}

pub(crate) fn split_target(target: &str) -> (String, Vec<(String, String)>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
    });
    (path.to_owned(), query.collect())
}
