//! What Git knows of an event: the versions before and after, the commit, and where each version was built from.

use std::collections::BTreeMap;
use std::time::Instant;

use globset::{GlobBuilder, GlobMatcher};

use crate::cli::Globals;
use crate::environment::{self, Config, Environment, is_yaml};
use crate::error::{Code, Hinted};
use crate::event::apps::{Running, compare, running};
use crate::event::links::{page, sources};
use crate::event::{App, Commit, Event, Release};
use crate::files;
use crate::git::local::{Content, LocalRepository, Revision};
use crate::git::looks_remote;
use crate::git::timeline::{self, Range, Step};
use crate::http::Client;
use crate::registry;
use crate::snapshot::Snapshot;
use crate::ui::Ui;

use super::pages::Pages;

/// How many commits are looked through for where a version came from.
const FAR: usize = 500;

/// Which part of history an event is about.
#[derive(Debug)]
pub(super) struct Span<'a> {
    pub(super) environment: &'a str,
    pub(super) from: Option<&'a str>,
    pub(super) to: &'a str,
}

/// A repository's environment, ready to be read at any revision.
struct Reader<'a> {
    repository: &'a LocalRepository,
    config: Config,
    environment: Environment,
    rules: Vec<GlobMatcher>,
    pages: &'a Pages,
}

/// A version of an app, to be looked for.
type Sought = (String, Option<String>, Option<String>);
/// Where it was built from: repository and commit.
type Origins = BTreeMap<Sought, Option<(String, String)>>;

/// Fills an event with what Git knows of it.
pub(super) fn fill(
    event: &mut Event,
    span: &Span<'_>,
    globals: &Globals,
    pages: &Pages,
    ui: &Ui,
) -> anyhow::Result<()> {
    let text = globals.repo.to_string_lossy();
    if !globals.repo.exists() && looks_remote(&text) {
        let message = "cannot read the history of a remote repository";
        let hint = "clone it and run this in the clone; `bump-tag --notify` needs no clone";
        return Err(Hinted::new(Code::Usage, message, hint).into());
    }
    let repository = LocalRepository::around(&globals.repo)?;
    let to = repository.resolve(span.to)?;
    let reader = Reader::new(&repository, &to, span.environment, globals, pages)?;
    let mut change = reader.last_change(&to)?;
    let is_cut = reader.is_cut(change.as_ref());
    if is_cut {
        // Everything would look new there, and the change may be an older one.
        change = None;
    }
    let from = match span.from {
        Some(name) => Some(repository.resolve(name)?),
        None => reader.before(change.as_ref())?,
    };
    if is_cut && from.is_none() {
        ui.warn(format!(
            "the message lacks what changed in `{}`: this clone is shallow and ends there; fetch more of it \
             (in GitHub Actions `fetch-depth: 0`), or name --from",
            span.environment
        ));
    } else {
        (event.changes, event.unchanged) = reader.difference(from.as_ref(), &to, ui)?;
    }
    let address = repository.origin();
    event.repository = address.as_deref().and_then(page);
    // With `--from` the newest of several commits may have left the environment alone.
    let commit = change.as_ref().map_or(&to, |step| &step.revision);
    event.commit = Some(Commit {
        sha: commit.id.to_string(),
        url: address.as_deref().and_then(|url| pages.commit(url, &commit.id.to_string())),
        subject: Some(commit.subject.clone()),
    });
    event.from = from.map(|from| from.id.to_string());
    event.branch = branch(&repository).filter(|_| span.to == "HEAD");
    event.actor = change.map(|step| step.author);
    Ok(())
}

/// Where a proposal left the branch it is to be merged into: the one the CI system names, else that of the
/// remote's `HEAD`. None where neither is known here, or nothing has parted.
pub(super) fn parting(
    globals: &Globals,
    to: &str,
    target: Option<String>,
) -> anyhow::Result<Option<String>> {
    let repository = LocalRepository::around(&globals.repo)?;
    let names = match target {
        Some(branch) => vec![format!("refs/remotes/origin/{branch}"), branch],
        None => vec!["refs/remotes/origin/HEAD".to_owned()],
    };
    let Some(base) = names.iter().find(|name| repository.knows(name)) else { return Ok(None) };
    let (base, to) = (repository.resolve(base)?, repository.resolve(to)?);
    // A shallow clone may not reach that far; what becomes of it then is said elsewhere.
    let parting = repository.merge_base(&base, &to).ok();
    Ok(parting.filter(|parting| parting.id != to.id).map(|parting| parting.id.to_string()))
}

/// The branch that is checked out; none where a commit is.
fn branch(repository: &LocalRepository) -> Option<String> {
    let head = files::read(&repository.directory().join("HEAD")).ok()?;
    let head = String::from_utf8(head).ok()?;
    head.trim().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

impl<'a> Reader<'a> {
    fn new(
        repository: &'a LocalRepository,
        to: &Revision,
        name: &str,
        globals: &Globals,
        pages: &'a Pages,
    ) -> anyhow::Result<Self> {
        let snapshot = repository.snapshot(to);
        let config = match &globals.config {
            Some(path) => Config::parse(&path.display().to_string(), files::read(path)?)?,
            None => Config::load(&snapshot)?,
        };
        let all = environment::all(&snapshot, &config)?;
        let environment = environment::select(&all, &[name.to_owned()])?.remove(0);
        let rule = |pattern: &String| {
            let pattern = pattern.trim_start_matches("./");
            Ok(GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher())
        };
        let rules = environment.files.iter().map(rule).collect::<anyhow::Result<_>>()?;
        Ok(Self { repository, config, environment, rules, pages })
    }

    fn has(&self, path: &str) -> bool {
        is_yaml(path) && self.rules.iter().any(|rule| rule.is_match(path))
    }

    /// The paths below which the environment's files are.
    fn paths(&self) -> Vec<String> {
        let start = |pattern: &String| {
            let pattern = pattern.trim_start_matches("./");
            match pattern.find(['*', '?', '[', '{']) {
                None => pattern.to_owned(),
                Some(at) => {
                    pattern[..at].rfind('/').map_or("", |slash| &pattern[..slash]).to_owned()
                }
            }
        };
        let mut paths: Vec<String> = self.environment.files.iter().map(start).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    fn walk(
        &self,
        to: &Revision,
        mainline: bool,
        mut take: impl FnMut(Step) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let paths = self.paths();
        let range = Range { from: to, since: None, paths: &paths, mainline };
        timeline::walk(self.repository, &range, |mut step| {
            step.deltas.retain(|delta| self.has(&delta.path));
            if step.deltas.is_empty() { Ok(true) } else { take(step) }
        })
    }

    /// The last commit of the branch itself that changed the environment: where a pull request was merged,
    /// its merge and not the last of its commits.
    fn last_change(&self, to: &Revision) -> anyhow::Result<Option<Step>> {
        let mut last = None;
        self.walk(to, true, |step| {
            last = Some(step);
            Ok(false)
        })?;
        Ok(last)
    }

    /// The state before the last change; none where the environment began with it.
    fn before(&self, change: Option<&Step>) -> anyhow::Result<Option<Revision>> {
        let parent = change.map(|change| format!("{}^", change.revision.id));
        let parent = parent.filter(|parent| self.repository.knows(parent));
        parent.map(|parent| self.repository.resolve(&parent)).transpose()
    }

    /// Whether the last change is only where a shallow clone ends.
    fn is_cut(&self, change: Option<&Step>) -> bool {
        let is_end = |step: &Step| !self.repository.knows(&format!("{}^", step.revision.id));
        self.repository.is_shallow() && change.is_some_and(is_end)
    }

    /// What changed between two revisions and what did not, with where each version was built from.
    fn difference(
        &self,
        from: Option<&Revision>,
        to: &Revision,
        ui: &Ui,
    ) -> anyhow::Result<(Vec<App>, Vec<App>)> {
        let after = self.at(to, ui)?;
        let before = from.map_or_else(|| Ok(Vec::new()), |from| self.at(from, ui))?;
        let (mut changes, mut unchanged) = compare(&before, &after);
        let origins = self.origins(to, &[&changes, &unchanged])?;
        for app in changes.iter_mut().chain(&mut unchanged) {
            self.link(app, &origins);
        }
        Ok((changes, unchanged))
    }

    /// What the environment runs at a revision.
    fn at(&self, revision: &Revision, ui: &Ui) -> anyhow::Result<Vec<Running>> {
        let snapshot = self.repository.snapshot(revision);
        let mut found = Vec::new();
        // Before the environment had its first file there is none to list.
        let Ok(paths) = self.environment.list(&snapshot) else { return Ok(found) };
        for (path, bytes) in paths.iter().zip(snapshot.read(&paths)?) {
            match running(path, &bytes, &self.config) {
                Some(images) => found.extend(images),
                None => ui.detail(format!("`{path}` is no YAML and names no image")),
            }
        }
        Ok(found)
    }

    /// Where versions were built from: what the commits say that brought them.
    fn origins(&self, to: &Revision, apps: &[&[App]]) -> anyhow::Result<Origins> {
        let mut sought: Vec<Sought> = Vec::new();
        for app in apps.iter().flat_map(|apps| apps.iter()) {
            let releases = app.old.iter().chain(&app.new);
            sought.extend(releases.map(|release| key(&app.app, release)));
        }
        sought.sort();
        sought.dedup();
        let mut origins = Origins::new();
        let mut steps = 0;
        self.walk(to, false, |step| {
            let brought = self.brought(&step)?;
            sought.retain(|one| {
                let found = brought.contains(one);
                if found {
                    origins.insert(one.clone(), self.source(&one.0, &step.message, &brought));
                }
                !found
            });
            steps += 1;
            Ok(!sought.is_empty() && steps < FAR)
        })?;
        Ok(origins)
    }

    /// The versions a commit's files have and had not.
    fn brought(&self, step: &Step) -> anyhow::Result<Vec<Sought>> {
        let read = |path: &str, content: Option<Content>| -> anyhow::Result<Vec<Running>> {
            let Some(content @ Content::Blob(_)) = content else { return Ok(Vec::new()) };
            let bytes = self.repository.read(path, content)?;
            Ok(running(path, &bytes, &self.config).unwrap_or_default())
        };
        let mut brought = Vec::new();
        for delta in &step.deltas {
            let before = read(&delta.path, delta.before)?;
            for one in read(&delta.path, delta.after)? {
                let had = |old: &Running| (&old.app, &old.version) == (&one.app, &one.version);
                if !before.iter().any(had) {
                    brought.push((one.app, one.version.tag, one.version.digest));
                }
            }
        }
        Ok(brought)
    }

    /// The source a commit names for an app: the one that `gitops.yaml` gives it, or the only one of a commit
    /// that brought nothing else. Anything more would be a guess.
    fn source(&self, app: &str, message: &str, brought: &[Sought]) -> Option<(String, String)> {
        let mut named = sources(message);
        let alone = brought.iter().all(|(other, ..)| other == app);
        match self.config.apps.get(app).and_then(|app| page(app.source.as_deref()?)) {
            Some(own) => named.into_iter().find(|(url, _)| *url == own),
            None if named.len() == 1 && alone => named.pop(),
            None => None,
        }
    }

    fn link(&self, app: &mut App, origins: &Origins) {
        let name = app.app.clone();
        app.source = self.config.apps.get(&name).and_then(|app| page(app.source.as_deref()?));
        let mut found = Vec::new();
        for release in [app.old.as_mut(), app.new.as_mut()].into_iter().flatten() {
            let Some(Some((url, sha))) = origins.get(&key(&name, release)) else { continue };
            release.revision = Some(sha.clone());
            release.url = self.pages.commit(url, sha);
            found.push((url, sha));
        }
        if let Some((url, _)) = found.last().filter(|_| app.source.is_none()) {
            app.source = Some((*url).clone());
        }
        if let [(from_url, from), (to_url, to)] = found.as_slice()
            && from_url == to_url
            && from != to
        {
            app.compare = self.pages.compare(to_url, from, to);
        }
    }
}

/// Asks registries where the images of the changes were built from that no commit tells of. Only a label that
/// names the app's own source counts, where that is configured.
pub(super) fn ask_registries(
    event: &mut Event,
    pages: &Pages,
    client: &Client,
    deadline: Instant,
    ui: &Ui,
) {
    for app in &mut event.changes {
        let (Some(image), Some(release)) = (app.image.clone(), app.new.as_mut()) else { continue };
        let reference = release.digest.as_ref().or(release.tag.as_ref());
        let Some(reference) = reference.filter(|_| release.revision.is_none()) else { continue };
        match registry::source(client, &image, reference, deadline) {
            Ok(Some((source, sha))) if app.source.is_none() || page(&source) == app.source => {
                release.url = pages.commit(&source, &sha);
                release.revision = Some(sha);
            }
            Ok(_) => ui.detail(format!("the labels of `{image}` name no source of `{}`", app.app)),
            Err(error) => ui.warn(format!("{}: no link: {error:#}", app.app)),
        }
    }
}

fn key(app: &str, release: &Release) -> Sought {
    (app.to_owned(), release.tag.clone(), release.digest.clone())
}
