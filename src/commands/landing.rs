//! What every command shares that writes to Git: the flags, and how flags, variables and configuration
//! become the plain values that the adapters take.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ci::{Variables, web_url};
use crate::cli::Globals;
use crate::commands::publishing::OutputArgs;
use crate::error::{Code, Hinted};
use crate::git::{
    self, Change, Checkout, Config, Event, HostToken, Identity, Message, Origin, Person, Remote,
    Say, Settings, Signer, Sources, Ssh,
};
use crate::ui::Ui;

/// Flags about commits and pushes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Git options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct GitArgs {
    /// Commit the edited files of the checkout, and nothing else
    #[arg(long)]
    pub commit: bool,
    /// Commit, and push the branch to its upstream; what is always done with a URL
    #[arg(long)]
    pub push: bool,
    /// Commit edited files with the other changes they already had
    #[arg(long)]
    pub include_changes: bool,
    /// The commit message: a template in Jinja's language
    #[arg(short, long, value_name = "TEMPLATE")]
    pub message: Option<String>,
    /// Who wrote the change
    #[arg(long, value_name = "NAME <EMAIL>")]
    pub author: Option<String>,
    /// Who commits it
    #[arg(long, value_name = "NAME <EMAIL>")]
    pub committer: Option<String>,
    /// The repository that was built, for the message; CI systems tell
    #[arg(long, value_name = "URL")]
    pub source: Option<String>,
    /// The commit that was built, for the message; CI systems tell
    #[arg(long, value_name = "COMMIT")]
    pub source_revision: Option<String>,
    /// The page of the run, for the message; CI systems tell
    #[arg(long, value_name = "URL")]
    pub run_url: Option<String>,
    /// Say so in the channels that gitops.yaml names, once it is pushed
    #[arg(long)]
    pub notify: bool,
    /// A word for the server's hooks; can be given several times
    #[arg(long, value_name = "OPTION")]
    pub push_option: Vec<String>,
    /// Give up after this time: 90, 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = parse_time)]
    pub timeout: Duration,
    /// Keep nothing of a remote repository for the next run
    #[arg(long)]
    pub no_cache: bool,
    /// Trust the authorities in this file too
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What later jobs get to know.
    #[command(flatten)]
    pub outputs: OutputArgs,
}

/// Reads 90, 90s, 2m or 1h.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let factor = match unit {
        "m" => 60,
        "h" => 3600,
        _ => 1,
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match seconds {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("write it like 90, 90s or 2m, up to 24h".to_owned()),
    }
}

/// Where the repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a directory, with its files.
    Directory(PathBuf),
    /// Behind a URL, or in a bare repository.
    Remote(String),
}

/// Reads `--repo`.
#[must_use]
pub fn place(globals: &Globals) -> Place {
    let text = globals.repo.to_string_lossy();
    let is_there = globals.repo.exists();
    if (!is_there && git::looks_remote(&text)) || (is_there && git::is_bare(&globals.repo)) {
        return Place::Remote(text.into_owned());
    }
    Place::Directory(globals.repo.clone())
}

/// Flags, variables and ears of one run.
pub struct Context<'a> {
    args: &'a GitArgs,
    globals: &'a Globals,
    variables: Variables,
    settings: Settings,
    say: Say,
    heard: Arc<Mutex<Vec<String>>>,
    deadline: Instant,
}

impl<'a> Context<'a> {
    /// Reads the environment.
    #[must_use]
    pub fn new(args: &'a GitArgs, globals: &'a Globals, ui: &Ui) -> Self {
        let variables = Variables::of_process();
        let voice = ui.voice();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let ear = Arc::clone(&heard);
        let say = Say::new(move |event| match event {
            Event::Remote(line) => {
                voice.status(format!("remote: {line}"));
                ear.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
            Event::Detail(text) => voice.detail(text),
        });
        let settings = settings(&variables, args.ca_file.as_ref(), args.no_cache);
        let deadline = Instant::now() + args.timeout;
        Self { args, globals, variables, settings, say, heard, deadline }
    }

    /// The global flags.
    #[must_use]
    pub fn globals(&self) -> &Globals {
        self.globals
    }

    /// The Git layer's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A remote by its URL.
    pub fn remote(&self, url: &str, ui: &Ui) -> anyhow::Result<Remote> {
        if git::carries_password(url) {
            ui.warn("the URL carries a password, which other users see in the list of processes: set GITOPS_TOKEN instead");
        }
        Remote::open(url, &self.settings, self.args.timeout, self.say.clone())
    }

    /// A remote of a checkout, with the checkout's configuration.
    pub fn remote_of(&self, url: &str, config: &Config) -> anyhow::Result<Remote> {
        let say = self.say.clone();
        Remote::open_with(url, config.clone(), &self.settings, self.args.timeout, say)
    }

    /// Author, committer, and how to sign.
    pub fn people(&self, config: &Config) -> anyhow::Result<(Person, Person, Option<Signer>)> {
        let values = |role: &str| {
            ["NAME", "EMAIL", "DATE"]
                .map(|what| self.variables.get(&format!("GIT_{role}_{what}")).map(str::to_owned))
        };
        let identity = Identity {
            author: self.args.author.clone(),
            committer: self.args.committer.clone(),
            author_variables: values("AUTHOR"),
            committer_variables: values("COMMITTER"),
            email: self.variables.get("EMAIL").map(str::to_owned),
        };
        let (author, committer) = identity.resolve(config)?;
        let signer = Signer::from_config(config, &committer)?;
        let signer = signer.map(|signer| signer.until(Instant::now() + self.args.timeout));
        Ok((author, committer, signer))
    }

    /// Where the change comes from: flags, else the CI system, else the repository of the current directory,
    /// unless that is the one being edited.
    #[must_use]
    pub fn origin(&self, edited: Option<&Path>) -> Origin {
        let here = Path::new(".");
        let mut origin = match self.variables.source() {
            Some(source) => {
                let revision = source.revision.as_deref();
                let known = revision.and_then(|id| git::origin_of(here, Some(id), None));
                Origin {
                    repository: source.repository,
                    revision: source.revision.clone(),
                    run: source.run,
                    ..known.unwrap_or_default()
                }
            }
            None => git::origin_of(here, None, edited).unwrap_or_default(),
        };
        let args = self.args;
        if args.source.is_some() || args.source_revision.is_some() {
            origin = Origin { run: origin.run, ..Origin::default() };
        }
        origin.repository = args.source.clone().or(origin.repository).map(|url| web_url(&url));
        origin.revision = args.source_revision.clone().or(origin.revision);
        origin.run = args.run_url.clone().or(origin.run);
        if origin.repository.is_none() {
            // A commit of nobody knows which repository helps nobody.
            return Origin { run: origin.run, ..Origin::default() };
        }
        origin
    }

    /// The same, but for the repository that is edited, by its URL, it names only the run: that a commit comes
    /// from the one before it, everybody sees.
    #[must_use]
    pub fn origin_apart(&self, edited: Option<&Path>, url: &str) -> Origin {
        let origin = self.origin(edited);
        let named_by_flag = self.args.source.is_some();
        let place = |url: &str| web_url(url).to_lowercase();
        let is_same = origin.repository.as_deref().is_some_and(|found| place(found) == place(url));
        if is_same && !named_by_flag {
            Origin { run: origin.run, ..Origin::default() }
        } else {
            origin
        }
    }

    /// The message for these changes; `usual` is the command's own template.
    pub fn message(
        &self,
        changes: &[Change],
        origin: &Origin,
        usual: Option<&str>,
    ) -> anyhow::Result<String> {
        Message { changes, source: origin }.render(self.args.message.as_deref().or(usual))
    }

    /// The URL of a checkout's remote, which may hold credentials, and the checkout's configuration.
    pub fn origin_remote(&self, root: &Path, name: &str) -> anyhow::Result<(String, Config)> {
        let checkout = Checkout::open(root, &self.settings)?;
        let destination = checkout.destination(name, "HEAD")?;
        Ok((destination.url().to_owned(), checkout.config().clone()))
    }

    /// The lines that remotes said so far.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The variables of this process.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// When everything is to be over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the channels of `gitops.yaml` are to be told.
    #[must_use]
    pub fn notifies(&self) -> bool {
        self.args.notify
    }

    /// The words for the server's hooks.
    pub fn push_options(&self) -> anyhow::Result<&[String]> {
        let options = &self.args.push_option;
        if options.iter().any(|option| option.contains(['\n', '\0'])) {
            let message = "cannot use --push-option: it must be one line";
            return Err(Hinted::plain(Code::Usage, message).into());
        }
        Ok(options)
    }
}

/// The Git layer's settings, from the variables.
#[must_use]
pub fn settings(variables: &Variables, ca_file: Option<&PathBuf>, no_cache: bool) -> Settings {
    let home = variables.path("HOME").or_else(|| variables.path("USERPROFILE"));
    let text = |name: &str| variables.get(name).map(str::to_owned);
    let tokens = variables.tokens().into_iter().map(|token| HostToken {
        variable: token.variable.to_owned(),
        host: token.host,
        user: token.user,
        token: token.token,
    });
    let is_true = |value: &str| !matches!(value, "0" | "false" | "no" | "off");
    let mut pairs = variables.git_config_pairs();
    if variables.get("GIT_SSL_NO_VERIFY").is_some() {
        pairs.push(("http.sslverify".to_owned(), "false".to_owned()));
    }
    Settings {
        http: variables.http(ca_file),
        tokens: tokens.collect(),
        netrc: variables.path("NETRC").or_else(|| home.as_ref().map(|home| home.join(".netrc"))),
        sources: Sources {
            global: variables.path("GIT_CONFIG_GLOBAL"),
            system: variables.path("GIT_CONFIG_SYSTEM"),
            no_system: variables.get("GIT_CONFIG_NOSYSTEM").is_some_and(is_true),
            home,
            pairs,
        },
        ssh: Ssh {
            command: text("GIT_SSH_COMMAND"),
            program: variables.path("GIT_SSH"),
            variant: text("GIT_SSH_VARIANT"),
        },
        cache: if no_cache { None } else { variables.cache_dir() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let table = [("90", 90), ("90s", 90), ("2m", 120), ("1h", 3600)];
        for (text, seconds) in table {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "-1", "1d", "m", "25h", "99999999999999999999h"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
