//! Mail against a server that speaks just enough SMTP.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::events::{HOSTILE, named, ordinary};
use super::*;

/// Answers each command by its script, and keeps the conversations.
struct MailServer {
    address: String,
    talks: Arc<Mutex<Vec<String>>>,
}

type Script = fn(&str, usize) -> &'static str;

/// What a server that takes everything answers to a command.
fn willing(command: &str, _talk: usize) -> &'static str {
    match command.split([' ', ':']).next().unwrap_or_default() {
        "" => "220 mail.example ready",
        "EHLO" => "250-mail.example\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000000",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        _ => "250 fine",
    }
}

impl MailServer {
    fn new(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let talks = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&talks);
        thread::spawn(move || {
            for (talk, stream) in listener.incoming().enumerate() {
                let said = converse(stream.unwrap(), script, talk);
                kept.lock().unwrap().push(said.unwrap_or_default());
            }
        });
        Self { address, talks }
    }

    fn endpoint(&self, scheme: &str) -> Endpoint {
        let settings = "{kind: smtp, url_env: A, from: 'Deploys <gitops@example.org>', to: [team@example.org, Ada <ada@example.org>]}";
        let target: Target = serde_yaml::from_str(settings).unwrap();
        let address = format!("{scheme}://me:canary3333password@{}", self.address);
        resolve("mail", &target, &[("A", &address)]).unwrap()
    }
}

fn converse(stream: impl Read + Write, script: Script, talk: usize) -> Option<String> {
    let mut stream = BufReader::new(stream);
    let mut said = String::new();
    answer(&mut stream, script("", talk))?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return Some(said);
        }
        said.push_str(&line);
        let reply = script(line.trim_end(), talk);
        answer(&mut stream, reply)?;
        if reply.starts_with("354") {
            while !said.ends_with("\r\n.\r\n") {
                let mut line = String::new();
                stream.read_line(&mut line).ok()?;
                said.push_str(&line);
            }
            answer(&mut stream, script("MESSAGE", talk))?;
        }
        if line.starts_with("QUIT") {
            return Some(said);
        }
    }
}

fn answer<S: Read + Write>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()?;
    stream.flush().ok()
}

/// The conversation ends after the client does.
fn talks(server: &MailServer, count: usize) -> Vec<String> {
    loop {
        let talks = server.talks.lock().unwrap().clone();
        if talks.len() >= count {
            return talks;
        }
        thread::yield_now();
    }
}

#[test]
fn a_mail_has_both_texts_a_stable_id_and_a_thread() {
    let server = MailServer::new(willing);
    let event = ordinary(Kind::Deployed);
    say(server.endpoint("smtp"), &event).unwrap();
    let talk = &talks(&server, 1)[0];
    let id = event.key();
    let thread = ordinary(Kind::Deploying).thread();
    for expected in [
        "EHLO example.org\r\n",
        "MAIL FROM:<gitops@example.org>",
        "RCPT TO:<ada@example.org>",
        &format!("Message-ID: <{id}.gitops@example.org>"),
        &format!("References: <{thread}.gitops@example.org>"),
        "Subject: Deployed api v2, web v7 to production\r\n",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "Content-Type: multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
    ] {
        assert!(talk.contains(expected), "{expected} is not in\n{talk}");
    }
}

#[test]
fn hostile_names_write_no_header() {
    let long = "é😀<&\"".repeat(1000);
    for text in HOSTILE.iter().copied().chain([long.as_str()]) {
        let server = MailServer::new(willing);
        say(server.endpoint("smtp"), &named(Kind::Deployed, text)).unwrap();
        let talk = &talks(&server, 1)[0];
        let head = talk.split("\r\n\r\n").next().unwrap();
        assert!(!head.contains("\r\nBcc:"), "{head}");
        assert_eq!(talk.matches("RCPT TO").count(), 2, "{talk}");
    }
}

#[test]
fn refusals_are_explained_and_a_deferral_is_tried_once_more() {
    let table: [(Script, &str, usize); 5] = [
        (
            |c, t| {
                if c.starts_with("AUTH") {
                    "535 5.7.8 no: canary3333password"
                } else {
                    willing(c, t)
                }
            },
            "check user and password",
            1,
        ),
        (
            |c, t| if c.starts_with("RCPT") { "550 5.1.1 no such user" } else { willing(c, t) },
            "check `from` and `to`",
            // Together, and then one by one.
            3,
        ),
        (
            |c, t| if c.starts_with("EHLO") { "250 mail.example" } else { willing(c, t) },
            "no login that we know",
            1,
        ),
        (|c, t| if c == "MESSAGE" { "554 5.7.1 spam" } else { willing(c, t) }, "spam", 1),
        // Together twice, and then each twice.
        (|c, t| if c == "MESSAGE" { "451 later" } else { willing(c, t) }, "later", 6),
    ];
    for (script, expected, count) in table {
        let server = MailServer::new(script);
        let text = read(&say(server.endpoint("smtp"), &ordinary(Kind::Deployed)).unwrap_err());
        assert!(text.contains(expected) && !has_canary(&text), "{text}");
        assert_eq!(talks(&server, count).len(), count, "{text}");
    }
    let patient: Script = |c, t| if c == "MESSAGE" && t == 0 { "450 busy" } else { willing(c, t) };
    let server = MailServer::new(patient);
    say(server.endpoint("smtp"), &ordinary(Kind::Deployed)).unwrap();
}

#[test]
fn one_refused_recipient_keeps_the_mail_from_nobody_else() {
    let picky: Script = |command, talk| {
        let is_ada = command.starts_with("RCPT TO:<ada");
        if is_ada { "550 5.1.1 no such user" } else { willing(command, talk) }
    };
    let server = MailServer::new(picky);
    let receipt = say(server.endpoint("smtp"), &ordinary(Kind::Deployed)).unwrap();
    let note = receipt.note.unwrap();
    assert!(note.starts_with("not to ada@example.org: "), "{note}");
    assert!(note.contains("no such user"), "{note}");
    let sent = talks(&server, 3);
    let sent: Vec<&String> = sent.iter().filter(|talk| talk.contains("Subject: ")).collect();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].contains("RCPT TO:<team@example.org>"), "{sent:?}");
}

/// As real servers do it: one recipient is deferred for longer than we wait, one has a name that is not ASCII.
#[test]
fn one_deferred_or_foreign_recipient_keeps_the_mail_from_nobody_else() {
    let grey: Script = |command, talk| match command {
        "RCPT TO:<ada@example.org>" => "451 4.7.1 greylisted, try again later",
        _ if command.starts_with("EHLO") => "250-mail.example\r\n250-AUTH PLAIN\r\n250 8BITMIME",
        _ => willing(command, talk),
    };
    let server = MailServer::new(grey);
    let mut foreign = server.endpoint("smtp");
    foreign.target.to = Some(vec!["team@exämple.org".to_owned(), "ädä@example.org".to_owned()]);
    let table = [
        (server.endpoint("smtp"), "ada@example.org", "greylisted"),
        (foreign, "ädä@example.org", "SMTPUTF8"),
    ];
    for (endpoint, name, expected) in table {
        let receipt = say(endpoint, &ordinary(Kind::Deployed)).unwrap();
        let note = receipt.note.unwrap();
        assert!(note.starts_with(&format!("not to {name}: ")), "{note}");
        assert!(note.contains(expected), "{note}");
    }
    let sent = talks(&server, 8);
    let sent: Vec<&String> = sent.iter().filter(|talk| talk.contains("Subject: ")).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[1].contains("RCPT TO:<team@xn--exmple-cua.org>"), "{sent:?}");
}

#[test]
fn a_server_that_drips_ends_with_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            super::server::drip(&mut stream.unwrap(), "220-hello\r\n", "220-hello\r\n");
        }
    });
    let server = MailServer { address, talks: Arc::default() };
    let soon = Duration::from_millis(200);
    let error = say_within(server.endpoint("smtp"), &ordinary(Kind::Deployed), soon);
    let text = read(&error.unwrap_err());
    assert!(text.contains("it takes too long") && text.contains("--timeout"), "{text}");
}

#[test]
fn a_server_without_tls_gets_no_password() {
    let server = MailServer::new(|_, _| "220 plain");
    let error =
        say_within(server.endpoint("smtps"), &ordinary(Kind::Deployed), Duration::from_secs(5));
    let text = read(&error.unwrap_err());
    assert!(text.contains("smtp:// is for STARTTLS") && !has_canary(&text), "{text}");
    let talk = talks(&server, 1).concat();
    assert!(!talk.contains("AUTH"), "{talk}");
}

#[test]
fn a_silent_server_ends_with_the_deadline() {
    // Connections are taken by the system and never answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = MailServer { address, talks: Arc::default() };
    let soon = Duration::from_millis(60);
    let error = say_within(server.endpoint("smtp"), &ordinary(Kind::Deployed), soon);
    let text = read(&error.unwrap_err());
    assert!(text.contains("does not take the mail") && !has_canary(&text), "{text}");
}

#[test]
fn a_preview_has_neither_user_nor_password() {
    let server = MailServer::new(willing);
    let preview =
        preview(&server.endpoint("smtp"), &ordinary(Kind::Deploying), UNIX_EPOCH).unwrap();
    let text = preview[0].document().to_string();
    assert!(!has_canary(&text) && !text.contains("me:"), "{text}");
    assert!(preview[0].request.starts_with("mail through smtp://127.0.0.1:"), "{text}");
}

/// A server that speaks TLS from the start, with a certificate that no system knows; and that certificate.
fn secure_server() -> (MailServer, Vec<u8>) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let chain = vec![certified.cert.der().clone()];
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let talks = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&talks);
    thread::spawn(move || {
        for (talk, stream) in listener.incoming().enumerate() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let said = converse(stream, willing, talk);
            kept.lock().unwrap().push(said.unwrap_or_default());
        }
    });
    let encoded =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certified.cert.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
    (MailServer { address, talks }, pem.into_bytes())
}

#[test]
fn an_authority_of_the_users_counts_and_a_stranger_gets_no_password() {
    let (server, pem) = secure_server();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    crate::files::replace(&file, &pem).unwrap();
    let terms = Terms { timeout: Duration::from_secs(10), now: UNIX_EPOCH };
    let event = ordinary(Kind::Deployed);
    let mut settings = Settings::default();
    let stranger =
        deliver(&[server.endpoint("smtps")], &event, &Client::new(settings.clone()), terms);
    let text = read(stranger[0].as_ref().unwrap_err());
    assert!(text.contains("--ca-file names the certificate") && !has_canary(&text), "{text}");
    settings.trust.extra.push(file);
    let trusted = deliver(&[server.endpoint("smtps")], &event, &Client::new(settings), terms);
    assert!(trusted[0].is_ok(), "{:?}", trusted[0]);
    let talks = talks(&server, 2);
    assert!(!talks[0].contains("AUTH") && talks[1].contains("AUTH PLAIN "), "{talks:?}");
}
