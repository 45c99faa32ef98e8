//! The client against a scripted server on the loopback interface.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::*;

/// Answers one connection after the other, one request on each, and hands the requests out.
struct Server {
    origin: String,
    requests: mpsc::Receiver<String>,
}

impl Server {
    fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answers: Vec<String> = answers.iter().map(|a| a.replace('\n', "\r\n")).collect();
        let (send, requests) = mpsc::channel();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                send.send(read_request(&stream)).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { origin, requests }
    }

    fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}

fn read_request(stream: &std::net::TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

fn client() -> Client {
    Client::new(Settings::default())
}

const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 8\nConnection: close\n\n{\"a\": 1}";

#[test]
fn sends_json_with_a_length_and_reads_json() {
    let server = Server::new(&[OK]);
    let request = Request::post(&format!("{}/x", server.origin)).unwrap();
    let request = request.json(&serde_json::json!({"b": 2})).unwrap();
    let answer: serde_json::Value = client().send(&request).unwrap().json().unwrap();
    assert_eq!(answer["a"], 1);
    let seen = server.request();
    assert!(seen.starts_with("POST /x HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("content-length: 7\r\n"), "{seen}");
    assert!(seen.ends_with("{\"b\":2}"), "{seen}");
}

#[test]
fn an_error_quotes_the_body_and_masks_it() {
    let body = "denied for canary-echo-3\u{1b}[31m\n\nask an owner";
    let answer = format!("HTTP/1.1 403 Forbidden\nConnection: close\n\n{body}");
    let server = Server::new(&[&answer]);
    let token = Secret::new("canary-echo-3");
    let request = Request::get(&server.origin).unwrap();
    let request = request.header("authorization", token.header("Bearer ").unwrap());
    assert!(!format!("{request:?}").contains("canary"), "{request:?}");
    let error = client().send(&request).unwrap().success().unwrap_err().to_string();
    let expected = "answered 403 Forbidden: denied for ***[31m\nask an owner";
    assert!(error.ends_with(expected), "{error}");
    assert!(server.request().contains("authorization: Bearer canary-echo-3"));
}

#[test]
fn credentials_do_not_follow_to_another_host() {
    let other = Server::new(&[OK]);
    let moved = |to: &str| format!("HTTP/1.1 302 Found\nLocation: {to}/y\nConnection: close\n\n");
    let server = Server::new(&[&moved(&other.origin), &moved(&other.origin)]);
    let token = Secret::new("canary-redirect-4");
    let request = Request::get(&server.origin).unwrap();
    let request = request.header("private-token", token.header("").unwrap());
    let error = client().send(&request).unwrap_err().to_string();
    assert!(error.contains("it redirects to `http://127.0.0.1:"), "{error}");
    let anywhere = request.redirects(Redirects::AnyHost);
    let answer = client().send(&anywhere).unwrap();
    assert_eq!(answer.url().as_str(), format!("{}/y", other.origin));
    assert!(!other.request().contains("canary"));
}

#[test]
fn follows_on_one_host_with_credentials_but_never_resends_a_body() {
    let moved = "HTTP/1.1 307 Temporary Redirect\nLocation: /y\nConnection: close\n\n";
    let server = Server::new(&[moved, OK, moved]);
    let token = Secret::new("canary-same-5");
    let request = Request::get(&server.origin).unwrap();
    let request = request.header("authorization", token.header("Bearer ").unwrap());
    assert_eq!(client().send(&request).unwrap().status(), StatusCode::OK);
    server.request();
    assert!(server.request().contains("canary-same-5"));
    let post = Request::post(&server.origin).unwrap().body("x");
    assert_eq!(client().send(&post).unwrap().status(), StatusCode::TEMPORARY_REDIRECT);
}

#[test]
fn tries_again_as_the_server_wishes() {
    let busy = "HTTP/1.1 503 Busy\nRetry-After: 0\nConnection: close\n\n";
    let server = Server::new(&[busy, busy, OK]);
    let request = Request::post(&server.origin).unwrap().body("x");
    let retry = Retry::within(Duration::from_secs(10));
    let answer = client().send_with_retry(&request, retry).unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[test]
fn does_not_wait_beyond_the_deadline() {
    let busy = "HTTP/1.1 429 Slow down\nRetry-After: 3600\nConnection: close\n\n";
    let server = Server::new(&[busy]);
    let request = Request::get(&server.origin).unwrap();
    let start = Instant::now();
    let answer = client().send_with_retry(&request, Retry::within(Duration::from_secs(30)));
    assert_eq!(answer.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(start.elapsed() < Duration::from_secs(25));
}

#[test]
fn a_wish_beyond_all_time_is_an_answer_like_any_other() {
    let busy = "HTTP/1.1 429 Slow down\nRetry-After: 18446744073709551615\nConnection: close\n\n";
    let server = Server::new(&[busy]);
    let request = Request::get(&server.origin).unwrap();
    let answer = client().send_with_retry(&request, Retry::within(Duration::from_secs(30)));
    assert_eq!(answer.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn a_post_that_may_have_arrived_is_not_repeated() {
    let server = Server::new(&["", ""]);
    let request = Request::post(&server.origin).unwrap().body("x");
    let error = client().send_with_retry(&request, Retry::within(Duration::from_secs(10)));
    let error = error.unwrap_err();
    assert!(!error.downcast_ref::<Failure>().unwrap().unsent);
    server.request();
    assert!(server.requests.recv_timeout(Duration::from_millis(50)).is_err());
}

#[test]
fn nobody_there_is_said_without_the_path() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let request = Request::get(&format!("{origin}/services/T0/SECRET?key=SECRET")).unwrap();
    let error = client().send(&request).unwrap_err();
    assert!(error.downcast_ref::<Failure>().unwrap().unsent);
    let text = format!("{error:#}");
    assert!(text.starts_with(&format!("cannot reach `{origin}`: ")), "{text}");
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn a_proxy_gets_its_own_password_and_the_list_of_exceptions_counts() {
    let server = Server::new(&[OK, OK]);
    let proxy = server.origin.replace("http://", "http://me:canary-proxy-6@");
    let mut settings = Settings::default();
    settings.proxies.http = Some(Secret::new(&proxy));
    settings.proxies.none = Some("127.0.0.1".to_owned());
    let client = Client::new(settings);
    client.send(&Request::get("http://forge.invalid/x").unwrap()).unwrap();
    let seen = server.request();
    assert!(seen.starts_with("GET http://forge.invalid/x "), "{seen}");
    assert!(seen.contains("proxy-authorization: Basic "), "{seen}");
    client.send(&Request::get(&format!("{}/direct", server.origin)).unwrap()).unwrap();
    let seen = server.request();
    assert!(seen.starts_with("GET /direct "), "{seen}");
    assert!(!seen.contains("proxy-authorization"), "{seen}");
}

#[test]
fn reads_what_servers_wish() {
    let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v))).collect()
    };
    assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
    let past = headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    assert_eq!(retry_after(&past), Some(Duration::ZERO));
    assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
    let open = [("x-ratelimit-reset", "4000000000"), ("x-ratelimit-remaining", "3")];
    assert_eq!(retry_after(&headers(&open)), None);
    let spent = [("x-ratelimit-reset", "4000000000"), ("x-ratelimit-remaining", "0")];
    assert!(retry_after(&headers(&spent)).unwrap() > Duration::from_hours(1));
}
