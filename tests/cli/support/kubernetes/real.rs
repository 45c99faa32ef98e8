//! A real API server, where `KUBEBUILDER_ASSETS` says its programs are: started once per test run, on loopback.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use gitops::http::header::HeaderValue;
use gitops::http::{Client, Method, Request, Settings, Trust};

use super::{Answer, Backend, Call};

pub(super) struct Real {
    client: Client,
    address: String,
    // Their directory and processes end with the test process.
    _dir: tempfile::TempDir,
    _processes: Mutex<Vec<Child>>,
}

const TOKEN: &str = "not-a-secret-of-anyone";

impl Real {
    /// The server of this test run; none where its programs are not.
    pub(super) fn shared() -> Option<Arc<Self>> {
        static REAL: OnceLock<Option<Arc<Real>>> = OnceLock::new();
        let start = || {
            let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS") else {
                #[expect(clippy::print_stderr, reason = "what was not tested must be seen")]
                {
                    eprintln!("KUBEBUILDER_ASSETS is not set: the fake API server only");
                }
                return None;
            };
            Some(Arc::new(Self::start(Path::new(&assets))))
        };
        REAL.get_or_init(start).clone()
    }

    fn start(assets: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (client_port, peer_port, secure_port) = (port(), port(), port());
        let etcd = format!("http://127.0.0.1:{client_port}");
        let peer = format!("http://127.0.0.1:{peer_port}");
        let run = |program: &str, args: &[String]| {
            let log = fs::File::create(dir.path().join(format!("{program}.log"))).unwrap();
            // It ends when its standard input does, which is when this process ends, however that may be.
            let mut command = Command::new("sh");
            command.arg("-c").arg("\"$@\" < /dev/null & cat > /dev/null; kill -9 $!").arg("sh");
            command.arg(assets.join(program)).args(args).current_dir(dir.path());
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
            command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"))
        };
        let args = |pairs: &[(&str, &str)]| -> Vec<String> {
            pairs.iter().map(|(key, value)| format!("--{key}={value}")).collect()
        };
        let etcd_process = run(
            "etcd",
            &args(&[
                ("data-dir", "etcd-data"),
                ("listen-client-urls", &etcd),
                ("advertise-client-urls", &etcd),
                ("listen-peer-urls", &peer),
                ("initial-advertise-peer-urls", &peer),
                ("initial-cluster", &format!("default={peer}")),
                ("unsafe-no-fsync", "true"),
            ]),
        );
        fs::write(dir.path().join("tokens"), format!("{TOKEN},admin,admin,system:masters\n"))
            .unwrap();
        fs::write(dir.path().join("sa.key"), rsa_key()).unwrap();
        let api_process = run(
            "kube-apiserver",
            &args(&[
                ("etcd-servers", &etcd),
                ("bind-address", "127.0.0.1"),
                ("secure-port", &secure_port.to_string()),
                ("cert-dir", "certs"),
                ("service-account-issuer", "https://loopback.invalid"),
                ("service-account-key-file", "sa.key"),
                ("service-account-signing-key-file", "sa.key"),
                ("token-auth-file", "tokens"),
                ("authorization-mode", "AlwaysAllow"),
                ("disable-admission-plugins", "ServiceAccount"),
                ("service-cluster-ip-range", "10.0.0.0/24"),
            ]),
        );
        let address = format!("https://127.0.0.1:{secure_port}");
        let certificate = dir.path().join("certs/apiserver.crt");
        let client = wait_ready(&address, &certificate, dir.path());
        let processes = Mutex::new(vec![etcd_process, api_process]);
        Self { client, address, _dir: dir, _processes: processes }
    }
}

/// Any key will do: no account is ever made with it.
fn rsa_key() -> String {
    let output = Command::new("openssl").args(["genrsa", "2048"]).output();
    let output = output.expect("openssl makes the service account key of the API server");
    String::from_utf8(output.stdout).unwrap()
}

fn wait_ready(address: &str, certificate: &Path, dir: &Path) -> Client {
    let start = Instant::now();
    loop {
        if certificate.exists() {
            let trust = Trust { extra: vec![certificate.to_owned()], ..Trust::default() };
            let client = Client::new(Settings { trust, ..Settings::default() });
            // The namespaces that every test stands on are made after the server is ready.
            let default = Request::get(&format!("{address}/api/v1/namespaces/default")).unwrap();
            let system = Request::get(&format!("{address}/api/v1/namespaces/kube-system")).unwrap();
            let is_there = |request: Request| {
                let token = HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap();
                let answer = client.send(&request.header("authorization", token));
                answer.is_ok_and(|response| response.status().is_success())
            };
            if is_there(default) && is_there(system) {
                return client;
            }
        }
        if start.elapsed() > Duration::from_mins(2) {
            let log = fs::read_to_string(dir.join("kube-apiserver.log")).unwrap_or_default();
            panic!("the API server does not start:\n{log}");
        }
        thread::sleep(Duration::from_millis(100));
    }
}

impl Backend for Real {
    fn answer(&self, call: &Call) -> Answer {
        let method = Method::from_bytes(call.method.as_bytes()).unwrap();
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let mut request = Request::new(method, &format!("{}{}", self.address, call.target))
            .unwrap()
            .header("authorization", value(&format!("Bearer {TOKEN}")))
            .header("accept", value(&call.accept));
        if !call.body.is_empty() {
            request = request.body(call.body.clone()).header("content-type", value(&call.content));
        }
        let response = self.client.send(&request).unwrap();
        let code = response.status().as_u16();
        Answer { code, body: response.bytes().unwrap() }
    }
}
