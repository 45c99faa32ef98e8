//! Which channels are told: those of `gitops.yaml`, or the one the flags describe.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use crate::ci::Variables;
use crate::cli::Globals;
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::event::{Event, Named, Target};
use crate::files;
use crate::git::is_bare;
use crate::git::local::LocalRepository;
use crate::notifier::{Endpoint, KINDS, Source};
use crate::worktree::WorkTree;

/// A channel given by flags.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "A channel that gitops.yaml does not name")]
pub(super) struct AdHoc {
    /// The variable that holds its address
    #[arg(long, value_name = "NAME", conflicts_with = "url_file")]
    url_env: Option<String>,
    /// The file that holds its address
    #[arg(long, value_name = "FILE")]
    url_file: Option<String>,
    /// Which service it is, where the address does not tell
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(kinds()))]
    kind: Option<String>,
    /// Another of its settings, as in gitops.yaml; can be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    setting: Vec<String>,
}

fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|row| row.name).collect()
}

impl AdHoc {
    /// What it is called: its kind, else where its address is.
    fn name(&self) -> String {
        let names = [&self.kind, &self.url_env, &self.url_file];
        names.into_iter().flatten().next().map_or("channel", String::as_str).to_owned()
    }

    /// What sets it apart from others of its kind; none where gitops.yaml names the channels.
    pub(super) fn identity(&self) -> Option<String> {
        let flags =
            [("kind", &self.kind), ("url_env", &self.url_env), ("url_file", &self.url_file)];
        let flags =
            flags.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
        // The other settings say how it is told, not who.
        let places = ["channel", "topic", "to", "url", "token_env", "token_file"];
        let is_place = |setting: &&String| {
            setting.split_once('=').is_some_and(|(key, _)| places.contains(&key))
        };
        let mut settings: Vec<String> = self.setting.iter().filter(is_place).cloned().collect();
        settings.sort();
        let parts: Vec<String> = flags.chain(settings).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    fn target(&self) -> anyhow::Result<Option<Target>> {
        let mut settings = serde_yaml::Mapping::new();
        let named =
            [("url_env", &self.url_env), ("url_file", &self.url_file), ("kind", &self.kind)];
        for (key, value) in named {
            if let Some(value) = value {
                settings.insert(key.into(), value.as_str().into());
            }
        }
        for setting in &self.setting {
            let Some((key, value)) = setting.split_once('=') else {
                let message = format!("cannot read the setting `{setting}`: there is no `=`");
                return Err(Hinted::new(Code::Usage, message, "write KEY=VALUE").into());
            };
            settings.insert(key.into(), value_of(key, value));
        }
        if settings.is_empty() {
            return Ok(None);
        }
        let target = serde_yaml::from_value(settings.into()).map_err(|error| {
            let message = format!("cannot use the channel of the flags: {error}");
            Hinted::new(Code::Usage, message, "docs/notify.md lists the settings of each kind")
        })?;
        Ok(Some(target))
    }
}

/// Lists are separated by commas; `true` and `false` are no texts.
fn value_of(key: &str, value: &str) -> serde_yaml::Value {
    match (key, value) {
        ("to" | "tags", list) => list.split(',').map(|item| item.trim().to_owned()).collect(),
        ("thread" | "edit" | "allow_http", "true") => true.into(),
        ("thread" | "edit" | "allow_http", "false") => false.into(),
        (_, text) => text.into(),
    }
}

/// The channels by name.
pub(super) fn named(ad_hoc: &AdHoc, globals: &Globals) -> anyhow::Result<Named> {
    if let Some(target) = ad_hoc.target()? {
        return Ok(Named::from([(ad_hoc.name(), target)]));
    }
    let config = match &globals.config {
        Some(path) => Config::parse(&path.display().to_string(), files::read(path)?)?,
        None if is_bare(&globals.repo) => {
            let repository = LocalRepository::around(&globals.repo)?;
            let head = repository.resolve("HEAD")?;
            Config::load(&repository.snapshot(&head))?
        }
        None => Config::load(&WorkTree::around(&globals.repo)?)?,
    };
    if config.notify.is_empty() {
        let message = "cannot notify: no channel is configured";
        let hint = "name channels under `notify:` in gitops.yaml, or one with --url-env NAME";
        return Err(Hinted::new(Code::Config, message, hint).into());
    }
    Ok(config.notify)
}

/// The channels to tell: those named, or those that want the event.
pub(super) fn select(all: Named, names: &[String], event: &Event) -> anyhow::Result<Named> {
    if let Some(name) = names.iter().find(|name| !all.contains_key(*name)) {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        let message = format!("cannot find the channel `{name}`");
        let hint = format!("`notify:` names {}", known.join(", "));
        return Err(Hinted::new(Code::NotFound, message, hint).into());
    }
    let wants = |name: &String, target: &Target| {
        let fits = event.test || target.wants(event.kind, event.environment.as_deref());
        if names.is_empty() { fits } else { names.contains(name) }
    };
    Ok(all.into_iter().filter(|(name, target)| wants(name, target)).collect())
}

/// Where relative paths of the settings start: at the repository's root, or here where that is elsewhere.
pub(super) fn base(globals: &Globals) -> PathBuf {
    let tree = WorkTree::around(&globals.repo);
    tree.map_or_else(|_| PathBuf::from("."), |tree| tree.root().to_owned())
}

/// A channel that can be written to, or why it cannot.
pub(super) type Resolved = (String, anyhow::Result<Endpoint>);

/// Reads the secrets. What a variable or a file lacks or holds is one channel's failure; settings that cannot
/// work are an error, since no run would ever tell anybody.
pub(super) fn resolve(
    named: &Named,
    base: &Path,
    variables: &Variables,
) -> anyhow::Result<Vec<Resolved>> {
    let variable = |name: &str| variables.get(name).map(str::to_owned);
    let tokens = variables.tokens();
    let host = |name: &str| {
        let token = tokens.iter().find(|token| token.variable == name)?;
        token.host.clone()
    };
    let source = Source { variable: &variable, base, ci: variables.forge(), host: &host };
    let mut resolved = Vec::new();
    for (name, target) in named {
        match Endpoint::resolve(name, target, &source) {
            Err(error) if code(&error) == Code::Config => return Err(error),
            endpoint => resolved.push((name.clone(), endpoint)),
        }
    }
    Ok(resolved)
}

fn code(error: &anyhow::Error) -> Code {
    error.downcast_ref::<Hinted>().map_or(Code::Error, Hinted::code)
}
