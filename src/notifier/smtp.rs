//! Mail, through an SMTP server: plain text and HTML. A deployment's mails form one thread, and a repeated
//! mail has the same id.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Tls, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error as SmtpError, SUBMISSION_PORT};
use lettre::{Address, Message as Mail, SmtpTransport, Transport as _};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::fit::{self, Limit};
use super::markup::{HTML, PLAIN};
use super::wire::{Post, Wire, exceeds};
use super::{Channel, Delivery, Endpoint, Preview, Receipt, Row};
use crate::error::{Code, Hinted};
use crate::http::{Client, Secret, is_loopback, mask, plain_text};

pub(super) static ROW: Row = Row {
    name: "smtp",
    title: "SMTP",
    hosts: &["smtp:", "smtps:"],
    address: super::Address::Plain,
    keys: &["token_env", "token_file", "from", "to"],
    markup: &HTML,
    channel: &Smtp,
};

const SMTPS_PORT: u16 = 465;
const SUBJECT: usize = 200;
const TEXT: Limit = Limit::Bytes(100_000);
/// Mail servers defer; a job does not wait for them more than once.
const ATTEMPTS: u32 = 2;

struct Smtp;

impl Channel for Smtp {
    fn check(&self, endpoint: &Endpoint) -> anyhow::Result<()> {
        let url = endpoint.address()?;
        if !matches!(url.scheme(), "smtp" | "smtps") || !url.has_host() {
            let message = "its address does not start with smtp:// or smtps://";
            let hint = "write smtps://USER:PASSWORD@HOST:465, or smtp://…:587 for STARTTLS";
            return Err(Hinted::new(endpoint.fault(), message, hint).into());
        }
        sender(endpoint)?;
        recipients(endpoint).map(|_| ())
    }

    fn posts(&self, _delivery: &Delivery<'_>) -> anyhow::Result<Vec<Post>> {
        Ok(Vec::new())
    }

    fn send(&self, delivery: &Delivery<'_>, wire: &Wire<'_>) -> anyhow::Result<Receipt> {
        let mail = mail(delivery)?;
        let letter = Letter { bytes: mail.formatted(), endpoint: delivery.endpoint, wire };
        let whole = mail.envelope();
        match letter.deliver(whole) {
            Ok(()) => return Ok(Receipt::default()),
            Err(problem) if problem.is_about_somebody(whole) && whole.to().len() > 1 => {}
            Err(problem) => return Err(problem.told(delivery.endpoint)),
        }
        // One address that the server does not take keeps the mail from nobody else.
        let mut refused = Vec::new();
        for to in whole.to() {
            let one = Envelope::new(whole.from().cloned(), vec![to.clone()])?;
            refused.extend(letter.deliver(&one).err().map(|problem| (to, problem)));
        }
        let names: Vec<&str> = refused.iter().map(|(to, _)| to.as_ref()).collect();
        let names = names.join(", ");
        let all = refused.len() == whole.to().len();
        let first = refused.into_iter().next().map(|(_, first)| first.told(delivery.endpoint));
        match first {
            Some(error) if all => Err(error),
            first => {
                let note = first.map(|error| format!("not to {names}: {error:#}"));
                Ok(Receipt { note, ..Receipt::default() })
            }
        }
    }

    fn preview(&self, delivery: &Delivery<'_>) -> anyhow::Result<Vec<Preview>> {
        let endpoint = delivery.endpoint;
        let mailboxes = recipients(endpoint)?;
        let (plain, html) = texts(delivery)?;
        let body = json!({
            "from": sender(endpoint)?.to_string(),
            "to": mailboxes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "subject": delivery.summary(SUBJECT),
            "text": mask(&plain),
            "html": mask(&html),
        });
        let request = format!("mail through {}", endpoint.shown());
        Ok(vec![Preview { request, headers: Vec::new(), body }])
    }
}

/// A mail on its way.
struct Letter<'a> {
    bytes: Vec<u8>,
    endpoint: &'a Endpoint,
    wire: &'a Wire<'a>,
}

/// Why a mail was not taken.
enum Problem {
    /// The server did not say so in time.
    Late,
    /// It said no.
    Refused(SmtpError),
    /// It was not even asked.
    Unsent(anyhow::Error),
}

impl Letter<'_> {
    /// Sends it, and once more where the server asks for that.
    fn deliver(&self, envelope: &Envelope) -> Result<(), Problem> {
        let mut attempt = 1;
        loop {
            let error = match self.once(envelope) {
                Err(Problem::Refused(error)) => error,
                result => return result,
            };
            let temporary = error.is_transient() || error.is_transport_shutdown();
            let wait = (self.wire.pause)(attempt);
            if !temporary || attempt >= ATTEMPTS || exceeds(wait, self.wire.deadline) {
                return Err(Problem::Refused(error));
            }
            thread::sleep(wait);
            attempt += 1;
        }
    }

    /// Time-outs of connections are of each read: a server that drips could go on for ever. So somebody else
    /// talks to it, and is left alone at the deadline.
    fn once(&self, envelope: &Envelope) -> Result<(), Problem> {
        let left = self.wire.deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        let transport =
            transport(self.endpoint, self.wire.client, left).map_err(Problem::Unsent)?;
        let (envelope, bytes) = (envelope.clone(), self.bytes.clone());
        let (say, heard) = mpsc::channel();
        thread::spawn(move || {
            // Nobody listens after the deadline.
            let _ = say.send(transport.send_raw(&envelope, &bytes).map(|_| ()));
        });
        match heard.recv_timeout(left) {
            Ok(result) => result.map_err(Problem::Refused),
            Err(_) => Err(Problem::Late),
        }
    }
}

impl Problem {
    /// Whether it may be one of several recipients.
    fn is_about_somebody(&self, envelope: &Envelope) -> bool {
        let Self::Refused(error) = self else { return false };
        let Some(code) = error.status().map(u16::from) else {
            // Few servers take what is not ASCII, and those that do not are not even asked.
            let foreign = |to: &Address| !AsRef::<str>::as_ref(to).is_ascii();
            return error.is_client() && envelope.to().iter().any(foreign);
        };
        // A mailbox may be full, or its server may want to see the mail once more, later than we wait.
        matches!(code, 450..=452 | 501 | 550..=553)
    }

    fn told(self, endpoint: &Endpoint) -> anyhow::Error {
        match self {
            Self::Late => {
                let message =
                    format!("`{}` does not take the mail: it takes too long", endpoint.shown());
                Hinted::new(Code::Error, message, SLOW).into()
            }
            Self::Refused(error) => failed(endpoint, &error),
            Self::Unsent(error) => error,
        }
    }
}

fn mailbox(text: &str) -> anyhow::Result<Mailbox> {
    text.parse().ok().and_then(in_ascii).ok_or_else(|| {
        let message = format!("`{}` is no mail address", crate::event::clean(text, 80));
        Hinted::new(Code::Config, message, "write name@example.org or Name <name@example.org>")
            .into()
    })
}

/// The domain as mail servers know it: `exämple.org` is `xn--exmple-cua.org`.
fn in_ascii(mailbox: Mailbox) -> Option<Mailbox> {
    if mailbox.email.domain().is_ascii() {
        return Some(mailbox);
    }
    let domain = url::Host::parse(mailbox.email.domain()).ok()?.to_string();
    let email = Address::new(mailbox.email.user(), domain).ok()?;
    Some(Mailbox { email, ..mailbox })
}

fn sender(endpoint: &Endpoint) -> anyhow::Result<Mailbox> {
    mailbox(endpoint.required(endpoint.target.from.as_deref(), "from")?)
}

fn recipients(endpoint: &Endpoint) -> anyhow::Result<Vec<Mailbox>> {
    let to = endpoint.target.to.as_deref().unwrap_or_default();
    endpoint.required(to.first().map(String::as_str), "to")?;
    to.iter().map(|text| mailbox(text)).collect()
}

fn texts(delivery: &Delivery<'_>) -> anyhow::Result<(String, String)> {
    Ok(match &delivery.template {
        Some(_) => (delivery.summary(1000), delivery.text(TEXT)?.replace('\n', "<br>\n")),
        None => (fit::text(&delivery.message, &PLAIN, TEXT), delivery.text(TEXT)?),
    })
}

fn mail(delivery: &Delivery<'_>) -> anyhow::Result<Mail> {
    let endpoint = delivery.endpoint;
    let from = sender(endpoint)?;
    let domain = from.email.domain().to_owned();
    let id = |part: &str| format!("<{part}.gitops@{domain}>");
    let (plain, html) = texts(delivery)?;
    let mut mail = Mail::builder()
        .message_id(Some(id(&delivery.event.key())))
        .references(id(&delivery.event.thread()))
        .in_reply_to(id(&delivery.event.thread()))
        .date(delivery.now)
        .subject(delivery.summary(SUBJECT))
        .from(from);
    for to in recipients(endpoint)? {
        mail = mail.to(to);
    }
    let html = format!("<!doctype html>\n<html><body>\n{html}\n</body></html>\n");
    Ok(mail.multipart(MultiPart::alternative_plain_html(plain, html))?)
}

fn transport(
    endpoint: &Endpoint,
    client: &Client,
    timeout: Duration,
) -> anyhow::Result<SmtpTransport> {
    let url = endpoint.address()?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let parameters = tls(&host, client)?;
    let trusted = is_loopback(&url) || endpoint.target.allow_http == Some(true);
    let (tls, port) = match (url.scheme(), trusted) {
        ("smtps", _) => (Tls::Wrapper(parameters), SMTPS_PORT),
        (_, true) => (Tls::Opportunistic(parameters), SUBMISSION_PORT),
        (_, false) => (Tls::Required(parameters), SUBMISSION_PORT),
    };
    let mut builder = SmtpTransport::builder_dangerous(host)
        .port(url.port().unwrap_or(port))
        .tls(tls)
        .hello_name(ClientId::Domain(sender(endpoint)?.email.domain().to_owned()))
        .timeout(Some(timeout));
    if let Some(credentials) = credentials(endpoint, &url) {
        builder = builder.credentials(credentials);
    }
    Ok(builder.build())
}

/// User and password of the address; a token of its own is the password.
fn credentials(endpoint: &Endpoint, url: &url::Url) -> Option<Credentials> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decode(url.username());
    let password = match (&endpoint.token, url.password()) {
        (Some(token), _) => token.clone(),
        (None, Some(password)) => Secret::new(&decode(password)),
        (None, None) => return None,
    };
    (!user.is_empty()).then(|| Credentials::new(user, password.expose().to_owned()))
}

/// Trusts whom the HTTP client trusts.
fn tls(host: &str, client: &Client) -> anyhow::Result<TlsParameters> {
    let authorities = client.authorities()?;
    let store =
        if authorities.mozilla { CertificateStore::WebpkiRoots } else { CertificateStore::None };
    let mut builder = TlsParametersBuilder::new(host.to_owned()).certificate_store(store);
    for certificate in authorities.certificates {
        builder = builder.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
    }
    Ok(builder.build()?)
}

/// What to do about a server that does not answer.
const SLOW: &str = "a port may be blocked: many clouds block 25 and some 587; try smtps:// (465), or a longer --timeout";

fn failed(endpoint: &Endpoint, error: &SmtpError) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let (error_text, cause) = (error.to_string(), cause.to_string());
    let words =
        if error_text.contains(&cause) { error_text } else { format!("{error_text}: {cause}") };
    let words = plain_text(&words, 3, 300).replace('\n', " ");
    let code = error.status().map(|code| u16::from(code).to_string()).unwrap_or_default();
    let message = format!("`{}` does not take the mail: {words}", endpoint.shown());
    let hint = match code.as_str() {
        "530" | "534" | "535" | "538" => {
            "check user and password, and whether the account needs an app password"
        }
        "550" | "551" | "553" => "check `from` and `to`: the server does not take them",
        _ if error.is_timeout() => SLOW,
        _ if words.contains("SMTPUTF8") => {
            "the server takes no names that are not ASCII: write another address"
        }
        _ if words.contains("invalid peer certificate") => {
            "--ca-file names the certificate of an authority the system does not know"
        }
        _ if words.contains("InvalidContentType") => {
            "what answers there speaks no TLS at first: smtp:// is for STARTTLS"
        }
        _ if error.is_client() => {
            "the server offers no STARTTLS or no login that we know; try smtps://"
        }
        _ => return Hinted::plain(Code::Error, message).into(),
    };
    Hinted::new(Code::Error, message, hint).into()
}
