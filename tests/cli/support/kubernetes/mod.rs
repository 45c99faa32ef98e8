//! An API server on loopback with a request log and a fault script: a fake one in memory, or a real one behind it.
//!
//! The real one is that of `KUBEBUILDER_ASSETS` (`etcd`, `kube-apiserver`), started once and shared, or the one that
//! `KUBECONFIG` names.

mod fake;
mod fields;
mod named;
mod real;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

pub(crate) use fake::Fake;
use named::Named;
use real::Real;

/// A request as a backend gets it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) target: String,
    pub(crate) content: String,
    pub(crate) accept: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Vec<u8>,
}

pub(crate) trait Backend: Send + Sync {
    fn answer(&self, call: &Call) -> Answer;

    /// Whether it is there after the tests, which must clean up then.
    fn is_lasting(&self) -> bool {
        false
    }
}

/// What happens to a request instead of its answer.
pub(crate) enum Fault {
    /// This answer, with the request not worked on.
    Status(u16, Value),
    /// The connection is closed after the request was worked on.
    CloseAfter,
    /// The connection is closed in the middle of the answer.
    CloseWithin,
    /// Never answered. `worked`: after it was worked on. The sender hears of it.
    Stall { worked: bool, reached: Sender<()> },
    /// Worked on when the receiver gets a word; the sender hears that it arrived.
    Hold { reached: Sender<()>, go: Mutex<Receiver<()>> },
}

type Matches = Box<dyn Fn(&Call) -> bool + Send>;

#[derive(Default)]
struct Script {
    log: Vec<String>,
    /// By the number of the request, from 1.
    numbered: BTreeMap<usize, Fault>,
    /// For the first request that matches.
    matching: Vec<(Matches, Fault)>,
}

/// A cluster to run against.
pub(crate) struct Cluster {
    address: String,
    script: Arc<Mutex<Script>>,
    backend: Arc<dyn Backend>,
}

/// Every kind of cluster there is here: the fake one always, a real one where its programs are, or where one runs.
pub(crate) fn clusters() -> Vec<Cluster> {
    let mut clusters = vec![Cluster::fake()];
    let real = Real::shared().map(|real| Cluster::new(real));
    clusters.extend(real.or_else(|| Named::shared().map(|named| Cluster::new(named))));
    clusters
}

impl Cluster {
    pub(crate) fn fake() -> Self {
        Self::new(Arc::new(Fake::new()))
    }

    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let (ours, theirs) = (Arc::clone(&script), Arc::clone(&backend));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, backend) = (Arc::clone(&ours), Arc::clone(&theirs));
                thread::spawn(move || serve(&stream.unwrap(), &script, backend.as_ref()));
            }
        });
        Self { address, script, backend }
    }

    /// Whether it is there after the tests.
    pub(crate) fn is_lasting(&self) -> bool {
        self.backend.is_lasting()
    }

    pub(crate) fn kubeconfig(&self) -> String {
        let Self { address, .. } = self;
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: \
             {{cluster: c, user: u, namespace: default}}}}]\nclusters: [{{name: c, cluster: \
             {{server: \"{address}\"}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        )
    }

    /// Every request since the last [`Cluster::forget`], as `METHOD path`; reads of the fake's own tests are not in it.
    pub(crate) fn log(&self) -> Vec<String> {
        self.script.lock().unwrap().log.clone()
    }

    pub(crate) fn forget(&self) {
        let mut script = self.script.lock().unwrap();
        script.log.clear();
        script.numbered.clear();
        script.matching.clear();
    }

    /// The requests that changed something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let is_write = |line: &String| !line.starts_with("GET") && !line.contains("dryRun=All");
        let is_ours = |line: &String| !line.contains("/leases");
        self.log().into_iter().filter(|line| is_write(line) && is_ours(line)).collect()
    }

    pub(crate) fn fault(&self, number: usize, fault: Fault) {
        self.script.lock().unwrap().numbered.insert(number, fault);
    }

    pub(crate) fn fault_at(&self, matches: impl Fn(&Call) -> bool + Send + 'static, fault: Fault) {
        self.script.lock().unwrap().matching.push((Box::new(matches), fault));
    }

    /// Holds back the first request that matches: hears when it is there, and says when it may go on.
    pub(crate) fn hold(
        &self,
        matches: impl Fn(&Call) -> bool + Send + 'static,
    ) -> (Receiver<()>, Sender<()>) {
        let (reached, heard) = channel();
        let (say, go) = channel();
        self.fault_at(matches, Fault::Hold { reached, go: Mutex::new(go) });
        (heard, say)
    }

    /// A request of the test itself: neither logged nor disturbed.
    pub(crate) fn call(
        &self,
        method: &str,
        target: &str,
        content: &str,
        body: &Value,
    ) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let call = parse_target(method, target, content, "application/json", body);
        let answer = self.backend.answer(&call);
        (answer.code, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let (code, value) = self.call("GET", path, "", &Value::Null);
        (code == 200).then_some(value)
    }

    #[track_caller]
    pub(crate) fn create(&self, path: &str, object: &Value) {
        let (code, answer) = self.call("POST", path, "application/json", object);
        assert!(code < 300 || code == 409, "{code}: {answer}");
    }

    /// What a person does with `kubectl edit`.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, change: &Value) {
        let target = format!("{path}?fieldManager=kubectl-edit");
        let (code, answer) = self.call("PATCH", &target, "application/merge-patch+json", change);
        assert_eq!(code, 200, "{answer}");
    }

    /// What a controller does.
    #[track_caller]
    pub(crate) fn set_status(&self, path: &str, status: &Value) {
        let target = format!("{path}/status?fieldManager=controller");
        let change = serde_json::json!({ "status": status });
        let (code, answer) = self.call("PATCH", &target, "application/merge-patch+json", &change);
        assert_eq!(code, 200, "{answer}");
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        let (code, answer) = self.call("DELETE", path, "application/json", &Value::Null);
        assert!(code < 300, "{answer}");
    }
}

fn parse_target(method: &str, target: &str, content: &str, accept: &str, body: Vec<u8>) -> Call {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Call {
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs.map(|(key, value)| (key.to_owned(), decode(value))).collect(),
        target: target.to_owned(),
        content: content.to_owned(),
        accept: accept.to_owned(),
        body,
    }
}

fn read_call(reader: &mut BufReader<&TcpStream>) -> Option<Call> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut length, mut content, mut accept) = (0, String::new(), String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "content-type" => value.trim().clone_into(&mut content),
            "accept" => value.trim().clone_into(&mut accept),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(parse_target(&method, &target, &content, &accept, body))
}

fn serve(stream: &TcpStream, script: &Mutex<Script>, backend: &dyn Backend) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(call) = read_call(&mut reader) {
        let fault = {
            let mut script = script.lock().unwrap();
            script.log.push(format!("{} {}", call.method, call.target));
            let number = script.log.len();
            script.numbered.remove(&number).or_else(|| {
                let at = script.matching.iter().position(|(matches, _)| matches(&call))?;
                Some(script.matching.remove(at).1)
            })
        };
        if !respond(stream, &call, fault, backend) {
            return;
        }
    }
}

/// False when the connection is to be closed.
fn respond(stream: &TcpStream, call: &Call, fault: Option<Fault>, backend: &dyn Backend) -> bool {
    match fault {
        None => send(stream, &backend.answer(call)),
        Some(Fault::Status(code, body)) => {
            send(stream, &Answer { code, body: body.to_string().into_bytes() })
        }
        Some(Fault::CloseAfter) => {
            backend.answer(call);
            false
        }
        Some(Fault::CloseWithin) => {
            let answer = backend.answer(call);
            let _ = write!(&*stream, "HTTP/1.1 {} X\r\ncontent-length: 99999\r\n\r\n", answer.code);
            let _ = (&*stream).write_all(&answer.body);
            false
        }
        Some(Fault::Stall { worked, reached }) => {
            if worked {
                backend.answer(call);
            }
            let _ = reached.send(());
            // Until the client is gone.
            let _ = (&*stream).read(&mut [0; 1]);
            false
        }
        Some(Fault::Hold { reached, go }) => {
            let _ = reached.send(());
            let _ = go.lock().unwrap().recv();
            send(stream, &backend.answer(call))
        }
    }
}

fn send(mut stream: &TcpStream, answer: &Answer) -> bool {
    let Answer { code, body } = answer;
    let head = format!(
        "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).is_ok()
}
