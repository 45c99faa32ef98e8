//! Git's programs as child processes: through the user's `ssh`, or on this machine.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use super::super::address::Address;
use super::super::child;
use super::super::config::Config;
use super::super::{Settings, Ssh as SshSettings};
use super::conversation::Process;
use super::{Connection, Patience, Service, Session};
use crate::error::{Code, Hinted};

/// The variables of a surrounding `git` (a hook, an alias) that would send ours to the wrong repository.
const FOREIGN: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
];

/// The program that would be needed is not installed.
#[derive(Debug)]
pub(in super::super) struct NoProgram(pub(in super::super) String);

impl fmt::Display for NoProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not installed", self.0)
    }
}

impl std::error::Error for NoProgram {}

/// `git` on this machine, with no variable of a surrounding one.
pub(in super::super) fn local_command() -> Command {
    let mut command = Command::new("git");
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// A repository on this machine.
pub(super) struct Local {
    path: PathBuf,
    patience: Patience,
}

impl Local {
    pub(super) fn new(path: &Path, patience: Patience) -> Self {
        Self { path: path.to_owned(), patience }
    }
}

impl Connection for Local {
    fn open(&self, service: Service) -> anyhow::Result<Box<dyn Session>> {
        let mut command = local_command();
        command.arg(service.program().trim_start_matches("git-")).arg(&self.path);
        if service == Service::Upload {
            command.env("GIT_PROTOCOL", "version=2");
        } else {
            command.env_remove("GIT_PROTOCOL");
        }
        Ok(Box::new(Process::start(command, self.patience)?))
    }
}

/// A repository behind `ssh`.
pub(super) struct Ssh {
    settings: SshSettings,
    destination: String,
    port: Option<u16>,
    path: String,
    patience: Patience,
    /// A directory for the socket that later connections share, unless the user has one of his own.
    shared: OnceLock<Option<tempfile::TempDir>>,
    receives: Mutex<u32>,
}

/// Which options the program at `ssh`'s place understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    OpenSsh,
    Plink,
    Simple,
}

impl Ssh {
    pub(super) fn new(
        address: &Address,
        config: &Config,
        settings: &Settings,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let Address::Ssh { user, host, port, path } = address else {
            return Err(Hinted::plain(Code::Git, format!("cannot reach `{address}` by SSH")).into());
        };
        let mut settings = settings.ssh.clone();
        settings.command =
            settings.command.or_else(|| config.get("core.sshcommand").map(str::to_owned));
        settings.variant =
            settings.variant.or_else(|| config.get("ssh.variant").map(str::to_owned));
        let destination =
            user.as_ref().map_or_else(|| host.clone(), |user| format!("{user}@{host}"));
        Ok(Self {
            settings,
            destination,
            port: *port,
            path: path.clone(),
            patience,
            shared: OnceLock::new(),
            receives: Mutex::new(0),
        })
    }

    /// The user's program with its own arguments.
    fn program(&self) -> Command {
        match (&self.settings.command, &self.settings.program) {
            (Some(line), _) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("{line} \"$@\"")).arg("ssh");
                command
            }
            (None, Some(program)) => Command::new(program),
            (None, None) => Command::new("ssh"),
        }
    }

    fn is_plain(&self) -> bool {
        self.settings.command.is_none() && self.settings.program.is_none()
    }

    fn variant(&self) -> Variant {
        let first =
            self.settings.command.as_deref().and_then(|line| line.split_whitespace().next());
        let program = first.map(PathBuf::from).or_else(|| self.settings.program.clone());
        let stem = program.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy());
        let name = self.settings.variant.clone().filter(|name| name != "auto");
        match name.as_deref().or(stem.as_deref()) {
            Some("plink" | "putty" | "tortoiseplink") => Variant::Plink,
            Some("simple") => Variant::Simple,
            // A wrapper of the user's most likely passes all on to OpenSSH.
            None | Some(_) => Variant::OpenSsh,
        }
    }

    /// The connection that reads stays open, and those that push again go through it: 90 ms for a retry
    /// instead of 400. Only where the user has no such thing of his own, which may save him a second factor.
    fn shared(&self) -> Option<PathBuf> {
        let dir = self.shared.get_or_init(|| {
            let usable = self.is_plain() && cfg!(unix) && !self.user_shares();
            usable.then(|| tempfile::Builder::new().prefix("gitops-ssh-").tempdir().ok()).flatten()
        });
        dir.as_ref().map(|dir| dir.path().join("s"))
    }

    /// What the user's configuration says of this destination.
    fn configured(&self) -> io::Result<String> {
        let mut command = self.program();
        command.arg("-G").args(self.port.map(|port| format!("-p{port}"))).arg(&self.destination);
        // It may start programs to find out.
        let output = child::run(&mut command, b"", self.patience.deadline)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn user_shares(&self) -> bool {
        // When in doubt, leave the user's settings alone.
        self.configured().map_or(true, |text| {
            text.lines()
                .any(|line| line.strip_prefix("controlpath ").is_some_and(|path| path != "none"))
        })
    }

    fn sharing(&self, service: Service) -> Vec<String> {
        let mut receives = self.receives.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = *receives == 0;
        if service == Service::Receive {
            *receives += 1;
        }
        drop(receives);
        // The first push does not wait for the other connection: both shake hands at the same time.
        if service == Service::Receive && is_first {
            return Vec::new();
        }
        let Some(socket) = self.shared() else { return Vec::new() };
        let role = if service == Service::Upload { "yes" } else { "no" };
        let role = if service == Service::Upload && socket.exists() { "no" } else { role };
        [
            format!("-oControlMaster={role}"),
            format!("-oControlPath={}", socket.display()),
            "-oControlPersist=no".to_owned(),
        ]
        .into()
    }
}

/// The host behind an address, by the user's program and its configuration; nothing where it does not tell.
pub(in super::super) fn real_host(
    address: &Address,
    config: &Config,
    settings: &Settings,
    deadline: Instant,
) -> Option<String> {
    let patience = Patience { deadline, idle: settings.http.idle_timeout };
    let ssh = Ssh::new(address, config, settings, patience).ok()?;
    if ssh.variant() != Variant::OpenSsh {
        return None;
    }
    let text = ssh.configured().ok()?;
    let host = text.lines().find_map(|line| line.strip_prefix("hostname "));
    host.map(|host| host.trim().to_owned())
}

impl Connection for Ssh {
    fn open(&self, service: Service) -> anyhow::Result<Box<dyn Session>> {
        let mut command = self.program();
        let port = self.port.map(|port| port.to_string());
        match self.variant() {
            Variant::OpenSsh => {
                command.args(["-o", "SendEnv=GIT_PROTOCOL"]).args(self.sharing(service));
                command.args(port.iter().flat_map(|port| ["-p", port]));
            }
            Variant::Plink => {
                command.arg("-batch").args(port.iter().flat_map(|port| ["-P", port]));
            }
            Variant::Simple => {}
        }
        // Sent on every connection: one that others share decides for them.
        command.env("GIT_PROTOCOL", "version=2");
        let path = self.path.replace('\'', r"'\''").replace('!', r"'\!'");
        command.arg(&self.destination).arg(format!("{} '{path}'", service.program()));
        Ok(Box::new(Process::start(command, self.patience)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(settings: SshSettings) -> Ssh {
        let (address, _) = super::super::super::address::parse("git@h:a").unwrap();
        let settings = Settings { ssh: settings, ..Settings::default() };
        let deadline = std::time::Instant::now();
        let patience = Patience { deadline, idle: std::time::Duration::ZERO };
        Ssh::new(&address, &Config::default(), &settings, patience).unwrap()
    }

    #[test]
    fn knows_the_kinds_of_ssh() {
        let command = |line: &str| SshSettings { command: Some(line.into()), ..Default::default() };
        assert_eq!(ssh(SshSettings::default()).variant(), Variant::OpenSsh);
        assert_eq!(ssh(command("/usr/bin/ssh -i key")).variant(), Variant::OpenSsh);
        assert_eq!(ssh(command("plink.exe -batch")).variant(), Variant::Plink);
        assert_eq!(ssh(command("./wrapper")).variant(), Variant::OpenSsh);
        let simple = SshSettings { variant: Some("simple".into()), ..command("./wrapper") };
        assert_eq!(ssh(simple).variant(), Variant::Simple);
    }
}
