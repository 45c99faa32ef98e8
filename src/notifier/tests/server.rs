//! A server on the loopback interface that plays scripted answers and keeps what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers.
    Answer { status: u16, headers: &'static str, body: String },
    /// Answers nothing as long as the client waits.
    Silence,
    /// Closes the connection.
    HangUp,
    /// Answers something that is no HTTP.
    Garbage,
    /// Answers, and closes the connection in the middle of the body.
    Torn { status: u16 },
    /// Answers a little at a time, and never to the end.
    Drip,
}

impl Reply {
    pub(super) fn new(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: "", body: body.to_owned() }
    }

    pub(super) fn with(status: u16, headers: &'static str, body: &str) -> Self {
        Self::Answer { status, headers, body: body.to_owned() }
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

type Requests = Arc<Mutex<Vec<Seen>>>;

/// Plays its replies in order, the last for ever.
pub(super) struct Server {
    pub(super) origin: String,
    requests: Requests,
}

impl Server {
    pub(super) fn new(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let requests = Requests::default();
        let kept = Arc::clone(&requests);
        let mut replies: VecDeque<Reply> = replies.into();
        thread::spawn(move || {
            // Connections that get no answer stay open until the test ends.
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(seen) = read(&stream) else { continue };
                kept.lock().unwrap().push(seen);
                let reply = if replies.len() > 1 { replies.pop_front() } else { None };
                match reply.unwrap_or_else(|| replies[0].clone()) {
                    Reply::Answer { status, headers, body } => {
                        let length = body.len();
                        let head = format!(
                            "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\n\
                             Connection: close\r\n\r\n"
                        );
                        // The client may have left.
                        let _ = stream.write_all((head + &body).as_bytes());
                    }
                    Reply::Silence => silent.push(stream),
                    Reply::HangUp => drop(stream),
                    Reply::Garbage => drop(stream.write_all(b"hello\r\n\r\n")),
                    Reply::Torn { status } => {
                        let text =
                            format!("HTTP/1.1 {status} Status\r\nContent-Length: 90\r\n\r\nwo");
                        drop(stream.write_all(text.as_bytes()));
                    }
                    Reply::Drip => drop(thread::spawn(move || {
                        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
                        drip(&mut stream, head, "x");
                    })),
                }
            }
        });
        Self { origin, requests }
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

/// Writes a piece every few milliseconds, until the other side is gone.
pub(super) fn drip(stream: &mut TcpStream, head: &str, piece: &str) {
    let mut written = stream.write_all(head.as_bytes());
    // Waits for what never comes.
    let (_end, ended) = std::sync::mpsc::channel::<()>();
    while written.is_ok() {
        let _ = ended.recv_timeout(std::time::Duration::from_millis(5));
        written = stream.write_all(piece.as_bytes());
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, path, headers, body: String::from_utf8(body).unwrap() })
}
