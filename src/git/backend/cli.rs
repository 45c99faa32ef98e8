//! The user's `git`, for what libgit2 and our wire client cannot do: SHA-256 repositories.
//!
//! The same steps as elsewhere in a bare repository that is thrown away. Everything fetched is one commit deep.

use std::process::Command;
use std::time::Instant;

use url::Url;

use super::{
    Access, Backend, Push, Pushed, Send, Tip, View, full_name, no_branch, no_head, short_name,
};
use crate::error::{Code, Hinted};
use crate::git::address::{Address, UserInfo};
use crate::git::child;
use crate::git::config::Config;
use crate::git::connection::{NoProgram, local_command};
use crate::git::credentials::Credentials;
use crate::git::objects::{Files, Mode, Node, Objects};
use crate::git::past::{Visit, Walked};
use crate::git::store::Edit;
use crate::git::{Settings, trouble};
use crate::http::plain_text;

/// A repository that `git` reads and writes for us.
pub(in crate::git) struct Cli {
    place: String,
    git: Git,
    tip: Option<Tip>,
    words: Vec<String>,
}

/// `git` in our bare repository.
struct Git {
    dir: tempfile::TempDir,
    /// Variables rather than arguments: they carry credentials.
    variables: Vec<(String, String)>,
    deadline: Instant,
}

/// What a finished `git` said.
struct Output {
    stdout: Vec<u8>,
    stderr: String,
    is_ok: bool,
}

impl Cli {
    pub(in crate::git) fn new(
        address: &Address,
        base: Option<&Url>,
        carried: Option<UserInfo>,
        config: &Config,
        settings: &Settings,
        deadline: Instant,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gitops-").tempdir()?;
        let pairs = pairs(address, base, carried, config, settings, deadline);
        let git = Git { dir, variables: variables(pairs), deadline };
        let place = base.map_or_else(|| address.for_git(), Url::to_string);
        let made = git.text(&["init", "--quiet", "--bare", "--object-format=sha256", "."], b"");
        made.map_err(|error| match error.downcast::<NoProgram>() {
            Ok(_) => {
                let message = format!("cannot use `{place}`: it is a SHA-256 repository");
                Hinted::new(Code::Git, message, "install git 2.29 or newer: it is used for those")
                    .into()
            }
            Err(error) => error,
        })?;
        Ok(Self { place, git, tip: None, words: Vec::new() })
    }

    fn tip(&self) -> anyhow::Result<&Tip> {
        self.tip.as_ref().ok_or_else(|| anyhow::anyhow!("no branch was read"))
    }

    /// Fetches a branch, and gives the commit that it names now: it may have moved since it was listed.
    fn fetch(&self, name: &str, depth: u32) -> anyhow::Result<String> {
        let depth = format!("--depth={depth}");
        let fetched = self.git.run(&["fetch", "--quiet", &depth, &self.place, name], b"")?;
        if !fetched.is_ok {
            return Err(self.fail("read", &fetched));
        }
        self.git.text(&["rev-parse", "--verify", "FETCH_HEAD^{commit}"], b"")
    }

    fn fail(&self, verb: &str, output: &Output) -> anyhow::Error {
        let text = plain_text(&output.stderr, 10, 2000);
        let message = format!("cannot {verb} `{}`", self.place);
        if trouble::sounds_passing(&text) {
            return trouble::passing(message, text);
        }
        Hinted::plain(Code::Git, format!("{message}: {text}")).into()
    }
}

/// The remote's lines.
fn words(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter_map(|line| line.strip_prefix("remote:"));
    lines.map(|line| line.trim_end_matches("\u{1b}[K").trim().to_owned()).collect()
}

/// Our settings as pairs of Git's configuration, with the credentials that are known. `base` is where the
/// repository answered: what the user said about another host does not go there.
fn pairs(
    address: &Address,
    base: Option<&Url>,
    carried: Option<UserInfo>,
    config: &Config,
    settings: &Settings,
    deadline: Instant,
) -> Vec<(String, String)> {
    let mut pairs = settings.sources.pairs.clone();
    let Address::Http(url) = address else { return pairs };
    let base = base.unwrap_or(url);
    let header = format!("http.{base}.extraheader");
    let mut credentials = Credentials::new(url, carried, config, settings, deadline);
    if url.origin() != base.origin() {
        credentials = credentials.at(base);
        // What is for every host is for the user's own, as it is without `git`.
        pairs.push((header.clone(), String::new()));
        let named = config.all_for("http", "extraheader", base).into_iter();
        let named = named.filter(|(line, names_a_place)| *names_a_place && !line.is_empty());
        pairs.extend(named.map(|(line, _)| (header.clone(), line.to_owned())));
    }
    let login = credentials.first();
    if let Some(value) = login.as_ref().and_then(|login| login.header.to_str().ok()) {
        pairs.push((header, format!("Authorization: {value}")));
    }
    if let Some(file) = settings.http.trust.extra.last() {
        pairs.push(("http.sslcainfo".to_owned(), file.display().to_string()));
    }
    // It would send the credentials along. The base has been found out already.
    pairs.push(("http.followredirects".to_owned(), "false".to_owned()));
    pairs
}

/// Variables for `git`: configuration, which carries credentials, and no prompt.
fn variables(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut variables = vec![
        ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
        ("GIT_CONFIG_COUNT".to_owned(), pairs.len().to_string()),
    ];
    for (at, (key, value)) in pairs.into_iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{at}"), key));
        variables.push((format!("GIT_CONFIG_VALUE_{at}"), value));
    }
    variables
}

impl Git {
    /// Runs it to its end, or to the deadline.
    fn run(&self, args: &[&str], input: &[u8]) -> anyhow::Result<Output> {
        let mut command: Command = local_command();
        command.current_dir(self.dir.path()).args(args).envs(self.variables.iter().cloned());
        command.env("GIT_INDEX_FILE", self.dir.path().join("index"));
        let finished =
            child::run(&mut command, input, self.deadline).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => anyhow::Error::new(NoProgram("git".to_owned())),
                _ => error.into(),
            })?;
        let (stderr, is_ok) = (finished.words(), finished.is_ok());
        Ok(Output { stdout: finished.stdout, stderr, is_ok })
    }

    /// What it prints, when it succeeds.
    fn text(&self, args: &[&str], input: &[u8]) -> anyhow::Result<String> {
        let output = self.run(args, input)?;
        if output.is_ok {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        }
        let words = plain_text(&output.stderr, 10, 2000);
        let message = format!("cannot run `git {}`: {words}", args.first().unwrap_or(&""));
        Err(Hinted::plain(Code::Git, message).into())
    }
}

impl Cli {
    fn no_history(&self) -> Hinted {
        let message = format!(
            "cannot read the history of `{}`: of a SHA-256 repository only the newest commit is read",
            self.place
        );
        Hinted::new(
            Code::Git,
            message,
            "look it up with `git log`; `bump-tag` sets any version there",
        )
    }
}

impl Backend for Cli {
    fn refresh(&mut self, branch: Option<&str>, _: Access) -> anyhow::Result<Tip> {
        let listed = self.git.run(&["ls-remote", "--symref", &self.place], b"")?;
        if !listed.is_ok {
            return Err(self.fail("read", &listed));
        }
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let refs: Vec<(&str, &str)> =
            text.lines().filter_map(|line| line.split_once('\t')).collect();
        let branches: Vec<&str> =
            refs.iter().filter_map(|(_, name)| name.strip_prefix("refs/heads/")).collect();
        let head = refs.iter().find(|(_, name)| *name == "HEAD").map(|(value, _)| *value);
        let head = head.and_then(|value| value.strip_prefix("ref: "));
        let name = match branch {
            Some(branch) => full_name(branch)?,
            None => head.ok_or_else(|| no_head(&self.place, &branches))?.to_owned(),
        };
        let short = short_name(&name).to_owned();
        let Some((id, _)) = refs.iter().find(|(_, other)| *other == name) else {
            let is_tag = refs.iter().any(|(_, other)| *other == format!("refs/tags/{short}"));
            return Err(no_branch(&self.place, &short, &branches, is_tag));
        };
        let present = self.git.run(&["cat-file", "-e", &format!("{id}^{{tree}}")], b"")?;
        let id = if present.is_ok { (*id).to_owned() } else { self.fetch(&name, 1)? };
        let tip = Tip { branch: short, id };
        self.tip = Some(tip.clone());
        Ok(tip)
    }

    fn files(&self) -> anyhow::Result<Box<dyn View + '_>> {
        let tree = self.git.text(&["rev-parse", &format!("{}^{{tree}}", self.tip()?.id)], b"")?;
        Ok(Box::new(Files::new(&self.git, tree)))
    }

    fn commit(
        &mut self,
        edits: &[Edit],
        text: &dyn Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        self.git.text(&["read-tree", &self.tip()?.id], b"")?;
        for edit in edits {
            let blob = self.git.text(&["hash-object", "-w", "--stdin"], &edit.bytes)?;
            let mode = if edit.is_executable { "100755" } else { "100644" };
            let entry = format!("{mode},{blob},{}", edit.path);
            self.git.text(&["update-index", "--add", "--cacheinfo", &entry], b"")?;
        }
        let tree = self.git.text(&["write-tree"], b"")?;
        let text = text(&tree)?;
        self.git.text(&["hash-object", "-w", "-t", "commit", "--stdin"], text.as_bytes())
    }

    fn push(&mut self, push: &Push<'_>) -> anyhow::Result<Pushed> {
        let tip = self.tip()?;
        let (branch, old) = push.head.unwrap_or((&tip.branch, Some(&tip.id)));
        let name = full_name(branch)?;
        let lease = format!("--force-with-lease={name}:{}", old.unwrap_or_default());
        let spec = format!("{}:{name}", push.commit);
        let options: Vec<String> =
            push.options.iter().map(|option| format!("--push-option={option}")).collect();
        let mut args = vec!["push", "--porcelain", &lease];
        args.extend(options.iter().map(String::as_str));
        args.extend([self.place.as_str(), &spec]);
        let output = self.git.run(&args, b"")?;
        self.words = words(&output.stderr);
        if output.is_ok {
            return Ok(Pushed::Done(None));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let refused = text.lines().find_map(|line| line.strip_prefix("!\t"));
        Ok(match refused.and_then(|line| line.rsplit_once(" (")) {
            Some((_, reason)) => Pushed::Refused(reason.trim_end_matches(')').to_owned()),
            None => Pushed::Unknown(self.fail("push to", &output)),
        })
    }

    fn named(&mut self, branch: &str) -> anyhow::Result<Option<String>> {
        let name = full_name(branch)?;
        let listed = self.git.text(&["ls-remote", &self.place, &name], b"")?;
        let mut exact = listed.lines().filter_map(|line| line.split_once('\t'));
        Ok(exact.find(|(_, other)| *other == name).map(|(id, _)| id.to_owned()))
    }

    fn commit_text(&mut self, branch: &str) -> anyhow::Result<Option<(String, String)>> {
        let name = full_name(branch)?;
        if self.named(branch)?.is_none() {
            return Ok(None);
        }
        let id = self.fetch(&name, 1)?;
        let text = self.git.text(&["cat-file", "commit", &id], b"")?;
        Ok(Some((id, text)))
    }

    fn advertised(&mut self, _: &str) -> anyhow::Result<Option<String>> {
        let message = format!("cannot push from a checkout to `{}`", self.place);
        Err(Hinted::new(Code::Git, message, "push with `git`").into())
    }

    fn send(&mut self, send: &Send<'_>) -> anyhow::Result<Pushed> {
        self.advertised(send.branch).map(|_| Pushed::Refused(String::new()))
    }

    fn take_words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }

    fn past(
        &mut self,
        _: Option<u32>,
        _: Option<&str>,
        _: &[String],
        _: Visit<'_>,
    ) -> anyhow::Result<Walked> {
        Err(self.no_history().into())
    }

    fn find(&mut self, _: Option<u32>, _: &str) -> anyhow::Result<Option<String>> {
        Err(self.no_history().into())
    }

    fn files_of(&self, _: &str) -> anyhow::Result<Box<dyn View + '_>> {
        Err(self.no_history().into())
    }

    fn parents(&self, _: &str) -> anyhow::Result<Option<Vec<String>>> {
        Err(self.no_history().into())
    }

    fn holds(&mut self, commit: &str) -> anyhow::Result<bool> {
        let tip = self.tip()?.clone();
        let name = full_name(&tip.branch)?;
        self.fetch(&name, 500)?;
        Ok(self.git.run(&["merge-base", "--is-ancestor", commit, &tip.id], b"")?.is_ok)
    }
}

impl Objects for &Git {
    fn children(&self, tree: &str) -> anyhow::Result<Vec<Node>> {
        let output = self.run(&["ls-tree", "-z", tree], b"")?;
        anyhow::ensure!(output.is_ok, "cannot list a directory: {}", output.stderr.trim_end());
        let mut nodes = Vec::new();
        for line in output.stdout.split(|byte| *byte == 0) {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let Some((head, name)) = line.split_once('\t') else { continue };
            let mut words = head.split(' ');
            let (Some(mode), Some(id)) = (words.next(), words.nth(1)) else { continue };
            let mode = Mode::of(u32::from_str_radix(mode, 8)?);
            nodes.push(Node { name: name.to_owned(), mode, id: id.to_owned() });
        }
        Ok(nodes)
    }

    fn blobs(&self, ids: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let output = self.run(&["cat-file", "--batch"], ids.join("\n").as_bytes())?;
        anyhow::ensure!(output.is_ok, "cannot read a file: {}", output.stderr.trim_end());
        let mut rest = output.stdout.as_slice();
        let mut blobs = Vec::with_capacity(ids.len());
        for _ in ids {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let head = std::str::from_utf8(&rest[..end])?;
            let size = head.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
            let blob = size.and_then(|size| rest.get(end + 1..=end + size));
            let Some(blob) = blob else { anyhow::bail!("cannot read a file: {head}") };
            blobs.push(blob.to_vec());
            rest = rest.get(end + 2 + blob.len()..).unwrap_or_default();
        }
        Ok(blobs)
    }
}
