//! A GitOps repository with a history, and a server that answers every request alike.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use git2::{IndexAddOption, Repository, Signature, Time};

use crate::support::{Output, Sandbox};

pub(super) const CONFIG: &str = "\
environments:
  production: { files: [environments/production.yaml] }
  staging: { files: [environments/staging.yaml] }
apps:
  api: { image: ghcr.io/acme/api, source: https://github.com/acme/api }
  web: { image: ghcr.io/acme/web, source: https://github.com/acme/web }
notify:
  log: { kind: stdout }
";

/// The sandbox's working directory as a repository.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    repository: Repository,
    commits: i64,
}

impl World {
    /// Three apps, of which two were deployed by their pipelines.
    pub(super) fn new(config: &str) -> Self {
        let sandbox = Sandbox::new();
        let repository = Repository::init(sandbox.path("")).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        repository.remote("origin", "git@github.com:acme/deploy.git").unwrap();
        let mut world = Self { sandbox, repository, commits: 0 };
        world.sandbox.write("gitops.yaml", config);
        for environment in ["production", "staging"] {
            world.write(environment, "v1", "v7");
        }
        world.commit("start");
        world.write("production", "v2", "v7");
        world.commit(&message("api to v2", "api", "2"));
        world
    }

    /// Runs `gitops`, which must succeed.
    pub(super) fn ok(&self, args: &[&str]) -> Output {
        let output = self.sandbox.gitops(args);
        output.ok();
        output
    }

    pub(super) fn write(&self, environment: &str, api: &str, web: &str) {
        let text = format!(
            "api:\n  image: {{ repository: ghcr.io/acme/api, tag: {api} }}\n\
             web:\n  image: {{ repository: ghcr.io/acme/web, tag: {web} }}\n\
             db:\n  image: {{ repository: docker.io/library/postgres, tag: \"17\" }}\n"
        );
        self.sandbox.write(&format!("environments/{environment}.yaml"), text);
    }

    /// Commits everything; the same commits have the same ids.
    pub(super) fn commit(&mut self, message: &str) -> String {
        let parent = self.repository.head().ok().map(|_| self.head());
        let parents: Vec<&str> = parent.iter().map(String::as_str).collect();
        self.merge(message, &parents)
    }

    /// The commit that is checked out.
    pub(super) fn head(&self) -> String {
        self.repository.head().unwrap().peel_to_commit().unwrap().id().to_string()
    }

    /// Goes back to a commit, with everything.
    pub(super) fn reset(&self, commit: &str) {
        let object = self.repository.revparse_single(commit).unwrap();
        self.repository.reset(&object, git2::ResetType::Hard, None).unwrap();
    }

    /// Commits everything as a merge.
    pub(super) fn merge(&mut self, message: &str, parents: &[&str]) -> String {
        self.commits += 1;
        let time = Time::new(1_700_000_000 + self.commits * 60, 0);
        let ada = Signature::new("Ada", "ada@example.org", &time).unwrap();
        let mut index = self.repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = self.repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parents: Vec<git2::Commit<'_>> = parents
            .iter()
            .map(|id| self.repository.find_commit(git2::Oid::from_str(id).unwrap()).unwrap())
            .collect();
        let parents: Vec<_> = parents.iter().collect();
        let id = self.repository.commit(Some("HEAD"), &ada, &ada, message, &tree, &parents);
        id.unwrap().to_string()
    }
}

/// A commit's message as `bump-tag` writes it.
pub(super) fn message(subject: &str, app: &str, digit: &str) -> String {
    let sha = digit.repeat(40);
    format!("feat: {subject}\n\nGitops-Source: https://github.com/acme/{app}@{sha}\n")
}

/// What stands before arguments in which a secret was seen.
pub(super) const SEEN: &str = "seen among the arguments: ";

/// Answers every request with one status and body, and keeps what it was sent.
pub(super) struct Server {
    pub(super) origin: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

/// The arguments of all processes that contain a word; every user of a machine sees them.
fn arguments_with(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let arguments = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let texts = arguments.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    texts.filter(|text| text.contains(word)).collect()
}

impl Server {
    pub(super) fn new(status: u16, body: &'static str) -> Self {
        Self::watching(status, body, None)
    }

    /// While it is asked, no process may have `word` among its arguments.
    pub(super) fn watching(status: u16, body: &'static str, word: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(&stream);
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut sent = vec![0; length];
                reader.read_exact(&mut sent).unwrap();
                let seen = word.map(arguments_with).unwrap_or_default();
                if !seen.is_empty() {
                    kept.lock().unwrap().push(format!("{SEEN}{seen:?}"));
                }
                kept.lock().unwrap().push(String::from_utf8(sent).unwrap());
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} S\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                // The client may have left.
                let _ = stream.write_all((head + body).as_bytes());
            }
        });
        Self { origin, bodies }
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}
