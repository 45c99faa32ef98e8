//! Which forge an unknown host runs, asked without any token.

use std::time::{Duration, Instant};

use std::sync::{Arc, Mutex};

use gitops::forge::{Remote, probe};
use gitops::http::{Client, Settings};
use serde_json::json;

use super::description::Description;
use super::{Reply, Rules, Seen, Server};

/// A host that answers 404 to everything but what `answer` knows.
fn host(
    answer: impl Fn(&Seen) -> Option<Reply> + Send + 'static,
) -> (Server, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let description = Description::load("probe", None);
    let rules = Rules { description, base: "", headers: Vec::new() };
    let server = Server::new(rules, move |request| {
        kept.lock().unwrap().push(request.clone());
        let html = || Reply {
            status: 404,
            headers: vec![("content-type", "text/html".to_owned())],
            body: "<html>401 Unauthorized</html>".to_owned(),
        };
        answer(request).unwrap_or_else(html)
    });
    (server, seen)
}

fn found(server: &Server, path: &str) -> Option<(&'static str, String)> {
    let host = server.origin.trim_start_matches("http://");
    let (name, port) = host.split_once(':').unwrap();
    let remote = Remote::new("http", name, port.parse().ok(), path);
    let client = Client::new(Settings::default());
    probe(&client, &remote, Instant::now() + Duration::from_mins(1))
        .unwrap()
        .map(|(row, known)| (row.name, known.root))
}

#[test]
fn each_forge_tells_itself() {
    let json = |status, body: serde_json::Value| Reply::json(status, &body);
    let gerrit = || Reply { status: 200, headers: Vec::new(), body: ")]}'\n\"3.9.1\"".to_owned() };
    let table: Vec<(&str, &'static str, Reply)> = vec![
        (
            "github",
            "/api/v3/meta",
            json(200, json!({})).with("x-github-enterprise-version", "3.17"),
        ),
        ("gitlab", "/api/v4/version", json(401, json!({ "message": "401 Unauthorized" }))),
        ("gitea", "/api/v1/version", json(200, json!({ "version": "1.26.0" }))),
        ("forgejo", "/api/v1/version", json(200, json!({ "version": "16.0.1+gitea-1.22.0" }))),
        (
            "bitbucket-dc",
            "/rest/api/latest/application-properties",
            json(200, json!({ "displayName": "Bitbucket" })),
        ),
        ("azure", "/_apis/connectionData", json(200, json!({ "instanceId": "0" }))),
        ("gerrit", "/config/server/version", gerrit()),
    ];
    for (expected, path, reply) in table {
        let (server, seen) = host(move |seen| (seen.path == path).then(|| reply.clone()));
        assert_eq!(found(&server, "acme/env"), Some((expected, String::new())));
        server.done();
        for request in seen.lock().unwrap().iter() {
            assert_eq!(request.header("authorization"), "", "{}", request.path);
        }
    }
}

#[test]
fn a_folder_of_the_host_is_found() {
    let (server, _) = host(|seen| {
        let is_it = seen.path == "/gitlab/api/v4/version";
        is_it.then(|| Reply::json(401, &json!({ "message": "401 Unauthorized" })))
    });
    assert_eq!(found(&server, "gitlab/g/r"), Some(("gitlab", "gitlab".to_owned())));
    server.done();
}

#[test]
fn a_host_that_is_none_is_none() {
    let (server, _) = host(|_| None);
    assert_eq!(found(&server, "acme/env"), None);
    server.done();
}
