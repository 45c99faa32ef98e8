//! A line to a server that breaks at the worst moments.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// When the first push loses its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// Before the server sees it.
    Before,
    /// When the server has done it, and before the client hears so.
    After,
}

/// What becomes of a request.
pub(crate) enum Fate {
    /// Nothing special.
    Pass,
    /// The connection breaks, at one of these moments.
    Break(Break),
    /// This answer, instead of the server's.
    Answer(&'static str),
}

/// What decides over requests by their first lines, and what happens elsewhere when one breaks afterwards.
struct Script {
    judge: Box<dyn Fn(&str) -> Fate + Send + Sync>,
    meanwhile: Box<dyn Fn() + Send + Sync>,
}

/// Whether a request is a push.
pub(crate) fn is_push(line: &str) -> bool {
    line.starts_with("POST ") && line.contains("/git-receive-pack ")
}

/// Passes everything on to `target`, but for the first push. Gives the port to use instead.
pub(crate) fn breaking_proxy(target: u16, moment: Break) -> u16 {
    let broken = AtomicBool::new(false);
    let judge = move |line: &str| {
        let breaks = is_push(line) && !broken.swap(true, Ordering::SeqCst);
        if breaks { Fate::Break(moment) } else { Fate::Pass }
    };
    scripted_proxy(target, judge, || ())
}

/// Passes on to `target` what `judge` lets pass, by the first line of each request. `meanwhile` is run when a
/// push was done and its answer gets lost.
pub(crate) fn scripted_proxy(
    target: u16,
    judge: impl Fn(&str) -> Fate + Send + Sync + 'static,
    meanwhile: impl Fn() + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = Arc::new(Script { judge: Box::new(judge), meanwhile: Box::new(meanwhile) });
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
            let script = Arc::clone(&script);
            thread::spawn(move || pass(&client, &server, &script));
        }
    });
    port
}

fn pass(client: &TcpStream, server: &TcpStream, script: &Script) {
    let pushing = AtomicBool::new(false);
    let close = || {
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut answers, mut back) = (server, client);
            let (mut chunk, mut held) = ([0; 4096], Vec::<u8>::new());
            while let Ok(length @ 1..) = answers.read(&mut chunk) {
                if pushing.load(Ordering::SeqCst) {
                    // The headers come before the push is done.
                    held.extend(&chunk[..length]);
                    if held.windows(14).any(|window| window == b"ok refs/heads/") {
                        (script.meanwhile)();
                        break;
                    }
                } else if back.write_all(&chunk[..length]).is_err() {
                    break;
                }
            }
            close();
        });
        let (mut asks, mut onward) = (client, server);
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = asks.read(&mut chunk) {
            let text = String::from_utf8_lossy(&chunk[..length]);
            let line = text.lines().next().filter(|line| line.contains(" HTTP/")).unwrap_or("");
            let fate = if line.is_empty() { Fate::Pass } else { (script.judge)(line) };
            match fate {
                Fate::Break(Break::Before) => break,
                Fate::Answer(answer) => {
                    let mut back = client;
                    let _ = back.write_all(answer.as_bytes());
                    break;
                }
                Fate::Break(Break::After) => pushing.store(true, Ordering::SeqCst),
                Fate::Pass => {}
            }
            if onward.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        // With `After` the answer is still to come; the other thread closes when it does.
        if !pushing.load(Ordering::SeqCst) {
            close();
        }
    });
}
