//! A line to a server that breaks once, at the worst moment.

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

/// Passes everything on to `target`, but for the first push. Gives the port to use instead.
pub(crate) fn breaking_proxy(target: u16, moment: Break) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let broken = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
            let broken = Arc::clone(&broken);
            thread::spawn(move || pass(&client, &server, moment, &broken));
        }
    });
    port
}

fn pass(client: &TcpStream, server: &TcpStream, moment: Break, broken: &AtomicBool) {
    let pushing = AtomicBool::new(false);
    let close = || {
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut answers = server;
            let mut back = client;
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = answers.read(&mut chunk) {
                if pushing.load(Ordering::SeqCst) {
                    break;
                }
                if back.write_all(&chunk[..length]).is_err() {
                    break;
                }
            }
            close();
        });
        let (mut asks, mut onward) = (client, server);
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = asks.read(&mut chunk) {
            let is_push = chunk[..length].windows(5).any(|window| window == b"POST ")
                && String::from_utf8_lossy(&chunk[..length]).contains("/git-receive-pack HTTP");
            if is_push && !broken.swap(true, Ordering::SeqCst) {
                if moment == Break::Before {
                    break;
                }
                pushing.store(true, Ordering::SeqCst);
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
