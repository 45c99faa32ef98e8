//! Signing commits as Git's configuration asks: with `OpenPGP`, X.509 or SSH keys, by the programs Git uses.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::child;
use super::commit::Person;
use super::config::Config;
use crate::error::{Code, Hinted};
use crate::http::plain_text;

/// How long to wait for a program where nobody said.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    OpenPgp,
    X509,
    Ssh,
}

/// How commits are signed.
#[derive(Clone, Debug)]
pub struct Signer {
    format: Format,
    program: PathBuf,
    key: String,
    /// When to stop waiting for the program, which may wait for somebody to type.
    deadline: Option<Instant>,
}

impl Signer {
    /// What `commit.gpgSign` and its companions ask for; nothing when they do not.
    pub fn from_config(config: &Config, committer: &Person) -> anyhow::Result<Option<Self>> {
        if !config.is_true("commit.gpgsign") {
            return Ok(None);
        }
        let (format, section, program) = match config.get("gpg.format").unwrap_or("openpgp") {
            "openpgp" => (Format::OpenPgp, "openpgp", "gpg"),
            "x509" => (Format::X509, "x509", "gpgsm"),
            "ssh" => (Format::Ssh, "ssh", "ssh-keygen"),
            other => {
                let message = format!("cannot sign the commit: `gpg.format` is `{other}`");
                let hint = "it is one of openpgp, x509 and ssh";
                return Err(Hinted::new(Code::Config, message, hint).into());
            }
        };
        let general = || (format == Format::OpenPgp).then(|| config.path("gpg.program")).flatten();
        let named = config.path(&format!("gpg.{section}.program")).or_else(general);
        let key = config.path("user.signingkey").map(|key| key.display().to_string());
        let key = match (key, format) {
            (Some(key), _) => key,
            (None, Format::Ssh) => default_key(config)?,
            (None, _) => format!("{} <{}>", committer.name, committer.email),
        };
        Ok(Some(Self {
            format,
            program: named.unwrap_or_else(|| program.into()),
            key,
            deadline: None,
        }))
    }

    /// The same, that gives up then.
    #[must_use]
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The signature of a commit's text.
    pub(super) fn sign(&self, text: &str) -> anyhow::Result<String> {
        match self.format {
            Format::Ssh => self.sign_ssh(text),
            Format::OpenPgp | Format::X509 => {
                let mut command = Command::new(&self.program);
                self.run(command.args(["--status-fd=2", "-bsau"]).arg(&self.key), text)
            }
        }
    }

    fn sign_ssh(&self, text: &str) -> anyhow::Result<String> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new(&self.program);
        command.args(["-Y", "sign", "-n", "git", "-f"]);
        let literal = self
            .key
            .strip_prefix("key::")
            .or_else(|| self.key.starts_with("ssh-").then_some(self.key.as_str()));
        if let Some(key) = literal {
            // The public key itself: the private one is in the agent.
            let file = dir.path().join("key.pub");
            std::fs::File::create(&file)?.write_all(format!("{key}\n").as_bytes())?;
            command.arg(file).arg("-U");
        } else {
            command.arg(&self.key);
        }
        let buffer = dir.path().join("commit");
        std::fs::File::create(&buffer)?.write_all(text.as_bytes())?;
        self.run(command.arg(&buffer), "")?;
        Ok(std::fs::read_to_string(dir.path().join("commit.sig"))?)
    }

    fn run(&self, command: &mut Command, input: &str) -> anyhow::Result<String> {
        let program = self.program.display();
        let fail = |cause: String| {
            let message = format!("cannot sign the commit with `{program}`: {cause}");
            let hint = "check user.signingKey, or set commit.gpgSign to false";
            anyhow::Error::from(Hinted::new(Code::Git, message, hint))
        };
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + PATIENCE);
        let finished = child::run(command, input.as_bytes(), deadline);
        let finished = finished.map_err(|error| fail(error.to_string()))?;
        if finished.is_ok() {
            return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
        }
        let text = finished.words();
        let words: Vec<&str> = text.lines().filter(|line| !line.starts_with("[GNUPG:]")).collect();
        Err(fail(plain_text(&words.join("\n"), 5, 1000)))
    }
}

/// The key that `gpg.ssh.defaultKeyCommand` names: the first line it prints.
fn default_key(config: &Config) -> anyhow::Result<String> {
    let Some(line) = config.get("gpg.ssh.defaultkeycommand").filter(|line| !line.is_empty()) else {
        let message = "cannot sign the commit: `gpg.format` is `ssh` without `user.signingKey`";
        let hint = "set user.signingKey to a key file, gpg.ssh.defaultKeyCommand to a command that prints \
                    one, or commit.gpgSign to false";
        return Err(Hinted::new(Code::Config, message, hint).into());
    };
    let fail = |cause: String| {
        let message = format!("cannot sign the commit: `gpg.ssh.defaultKeyCommand` {cause}");
        Hinted::new(
            Code::Config,
            message,
            "it must print `key::` and a public key, as `ssh-add -L` has it",
        )
    };
    let deadline = Instant::now() + PATIENCE;
    let finished = child::run(Command::new("sh").args(["-c", line]), b"", deadline);
    let finished = finished.map_err(|error| fail(format!("cannot be run: {error}")))?;
    if !finished.is_ok() {
        return Err(fail(format!("failed: {}", plain_text(&finished.words(), 3, 500))).into());
    }
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    let first = text.lines().next().unwrap_or_default().trim();
    if first.starts_with("key::") || first.starts_with("ssh-") {
        return Ok(first.to_owned());
    }
    Err(fail("prints no key".to_owned()).into())
}
