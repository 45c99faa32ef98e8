//! Real servers on the loopback interface: `git http-backend` behind nginx, and `sshd`.

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether every program is installed. Says so loudly where one is not, and fails in CI.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let missing: Vec<&&str> = programs.iter().filter(|name| find(name).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    // Past the test harness, which would swallow it.
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!(
            "\n*** NOT TESTED: {missing:?} not installed (.ci/run installs what is needed) ***\n"
        ),
    );
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing:?} must be installed in CI");
    false
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/lib/git-core".into()]);
    dirs.map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Processes that end with the test.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // The whole group: `fcgiwrap` has workers that would outlive it.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// How often a server is started: somebody else may take a free port before it does.
const STARTS: usize = 5;

/// Waits until somebody listens, without guessing how long that takes; not where the server ends instead.
fn await_port(port: u16, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < deadline, "the server does not listen");
        std::thread::yield_now();
    }
    true
}

/// Git over HTTP: `/open/` for anybody, `/auth/` with `ci` and a password, `/v0/` without protocol 2,
/// `/moved/` redirects to `/open/`, `/away/` and `/hop/` to `/auth/` and `/open/` of another host name of the
/// same server.
pub(crate) struct HttpServer {
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    dir: tempfile::TempDir,
    fences: Cell<usize>,
    _children: Children,
}

impl HttpServer {
    /// Serves the repositories below `root`.
    pub(crate) fn new(root: &Path, password: &str) -> Self {
        (0..STARTS).find_map(|_| Self::start(root, password)).expect("nginx does not start")
    }

    fn start(root: &Path, password: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap().to_owned();
        fs::write(dir.path().join("users"), format!("ci:{{PLAIN}}{password}\n")).unwrap();
        certificate(dir.path());
        let backend = find("git-http-backend").unwrap();
        let (port, tls_port) = (free_port(), free_port());
        let config = NGINX
            .replace("@dir@", &at)
            .replace("@root@", root.to_str().unwrap())
            .replace("@backend@", backend.to_str().unwrap())
            .replace("@tls@", &tls_port.to_string())
            .replace("@port@", &port.to_string());
        fs::write(dir.path().join("nginx.conf"), config).unwrap();
        let quiet = |command: &mut Command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap()
        };
        let socket = format!("unix:{at}/cgi.sock");
        let mut cgi = Command::new(find("fcgiwrap").unwrap());
        let cgi = quiet(cgi.args(["-c", "8", "-s", &socket]).env("GIT_CONFIG_NOSYSTEM", "1"));
        let mut nginx = Command::new(find("nginx").unwrap());
        let nginx = quiet(nginx.args(["-c", &format!("{at}/nginx.conf"), "-p", &at]));
        let mut children = Children(vec![cgi, nginx]);
        let listens = await_port(port, &mut children.0[1]);
        listens.then_some(Self { port, tls_port, dir, fences: Cell::new(0), _children: children })
    }

    /// The URL of a repository.
    pub(crate) fn url(&self, way: &str, name: &str) -> String {
        format!("http://127.0.0.1:{}/{way}/{name}", self.port)
    }

    pub(crate) fn tls_url(&self, way: &str, name: &str) -> String {
        format!("https://localhost:{}/{way}/{name}", self.tls_port)
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    /// `GET /path 200 bytes` for every request so far. nginx writes a line after its answer: a request of our
    /// own, whose line comes behind all others, tells that they are there.
    pub(crate) fn log(&self) -> Vec<String> {
        self.fences.set(self.fences.get() + 1);
        let fence = format!("/fence-{}", self.fences.get());
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {fence} HTTP/1.0\r\n\r\n").unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let text = fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default();
            if text.lines().any(|line| line.split(' ').any(|word| word == fence)) {
                let requests = text.lines().filter(|line| !line.contains("/fence-"));
                return requests.map(str::to_owned).collect();
            }
            assert!(Instant::now() < deadline, "nginx logs nothing");
            std::thread::yield_now();
        }
    }
}

fn certificate(dir: &Path) {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "openssl made no certificate");
}

const NGINX: &str = r#"
daemon off;
master_process off;
pid @dir@/nginx.pid;
error_log @dir@/error.log;
events { worker_connections 1024; }
http {
    log_format short '$request_method $request_uri $status $bytes_sent $http_authorization';
    access_log @dir@/access.log short;
    client_body_temp_path @dir@/body;
    proxy_temp_path @dir@/proxy;
    fastcgi_temp_path @dir@/fastcgi;
    uwsgi_temp_path @dir@/uwsgi;
    scgi_temp_path @dir@/scgi;
    client_max_body_size 50m;
    fastcgi_buffering off;
    server {
        listen 127.0.0.1:@port@ backlog=512;
        listen 127.0.0.1:@tls@ ssl;
        ssl_certificate @dir@/cert.pem;
        ssl_certificate_key @dir@/key.pem;
        fastcgi_param SCRIPT_FILENAME @backend@;
        location ~ ^/(open|auth|v0)(/.*)$ {
            set $way $1;
            set $path $2;
            set $protocol $http_git_protocol;
            set $realm off;
            if ($way = auth) { set $realm git; }
            if ($way = v0) { set $protocol ""; }
            auth_basic $realm;
            auth_basic_user_file @dir@/users;
            fastcgi_pass unix:@dir@/cgi.sock;
            fastcgi_param SCRIPT_FILENAME @backend@;
            fastcgi_param GIT_PROJECT_ROOT @root@;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param PATH_INFO $path;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_USER $remote_user;
            fastcgi_param GIT_PROTOCOL $protocol;
        }
        location /moved/ { rewrite ^/moved/(.*)$ /open/$1 redirect; }
        location /away/ {
            rewrite ^/away/(.*)$ http://localhost:@port@/auth/$1 redirect;
        }
        location /hop/ { rewrite ^/hop/(.*)$ http://localhost:@port@/open/$1 redirect; }
        location /page/ { default_type text/html; return 200 "<html><b>Sign in</b></html>"; }
        location /broken/ { return 503; }
    }
}
"#;

/// `sshd` for the user who runs the tests, with a key of its own.
pub(crate) struct SshServer {
    pub(crate) port: u16,
    dir: tempfile::TempDir,
    _children: Children,
}

impl SshServer {
    /// With `two`, the client may ask for protocol version 2, as forges allow and Debian does not.
    pub(crate) fn new(two: bool) -> Self {
        (0..STARTS).find_map(|_| Self::start(two)).expect("sshd does not start")
    }

    fn start(two: bool) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap().to_owned();
        for key in ["host", "user"] {
            let file = format!("{at}/{key}");
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &file])
                .status()
                .unwrap();
            assert!(made.success());
        }
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized")).unwrap();
        // As root it insists on this directory of its system service.
        let _ = fs::create_dir("/run/sshd");
        let port = free_port();
        let accept = if two { "AcceptEnv GIT_PROTOCOL" } else { "" };
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\n\
             StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
             MaxStartups 200\n{accept}\n"
        );
        fs::write(dir.path().join("sshd_config"), config).unwrap();
        let mut sshd = Command::new(find("sshd").unwrap());
        sshd.args(["-D", "-e", "-f", &format!("{at}/sshd_config")]);
        sshd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut children = Children(vec![sshd.spawn().unwrap()]);
        if !await_port(port, &mut children.0[0]) {
            return None;
        }
        let host = fs::read_to_string(dir.path().join("host.pub")).unwrap();
        fs::write(dir.path().join("known"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        fs::write(
            dir.path().join("config"),
            format!(
                "Host forge\n  HostName 127.0.0.1\n  Port {port}\nHost *\n  IdentityFile {at}/user\n  \
                 IdentitiesOnly yes\n  UserKnownHostsFile {at}/known\n  StrictHostKeyChecking yes\n  \
                 BatchMode yes\n"
            ),
        )
        .unwrap();
        Some(Self { port, dir, _children: children })
    }

    /// A directory whose `ssh` reads our configuration: the real one reads the home of the password file.
    pub(crate) fn bin(&self) -> PathBuf {
        let bin = self.dir.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        let real = find("ssh").unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> {0}/ssh.log\nexec {1} -F {0}/config \"$@\"\n",
            self.dir.path().display(),
            real.display()
        );
        let file = bin.join("ssh");
        fs::write(&file, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&file, mode).unwrap();
        bin
    }

    /// The arguments of every `ssh` so far.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("ssh.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Makes the known host key a wrong one.
    pub(crate) fn forget_host(&self) {
        fs::write(self.dir.path().join("known"), "").unwrap();
    }
}
