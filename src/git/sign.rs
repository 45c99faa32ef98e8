//! Signing commits as Git's configuration asks: with `OpenPGP`, X.509 or SSH keys, by the programs Git uses.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::commit::Person;
use super::config::Config;
use crate::error::{Code, Hinted};
use crate::http::plain_text;

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
            (None, Format::Ssh) => {
                let message =
                    "cannot sign the commit: `gpg.format` is `ssh` without `user.signingKey`";
                let hint = "set user.signingKey to a key file, or commit.gpgSign to false";
                return Err(Hinted::new(Code::Config, message, hint).into());
            }
            (None, _) => format!("{} <{}>", committer.name, committer.email),
        };
        Ok(Some(Self { format, program: named.unwrap_or_else(|| program.into()), key }))
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
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends early says why on stderr.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let words: Vec<&str> = text.lines().filter(|line| !line.starts_with("[GNUPG:]")).collect();
        Err(fail(plain_text(&words.join("\n"), 5, 1000)))
    }
}
