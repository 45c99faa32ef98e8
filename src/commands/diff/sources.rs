//! Where the two sides of a comparison come from.

use std::collections::HashSet;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use anyhow::Context as _;

use super::{Args, paths};
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::scope::{self, Rendered, Scopes};
use crate::diff::render::Sides;
use crate::diff::rules::ListRules;
use crate::diff::{Comparison, Diagnostic, Status};
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::git::local::{Delta, LocalRepository, Revision};
use crate::manifest::{Object, SourceFile, chunks, is_structured, read};
use crate::snapshot::{Kind, Snapshot};
use crate::ui::Ui;
use crate::worktree::WorkTree;

/// Both sides, read.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) left: Vec<SourceFile>,
    pub(super) right: Vec<SourceFile>,
    pub(super) sides: Sides,
    pub(super) config: Config,
    /// What to say of the sources themselves.
    pub(super) notices: Vec<Diagnostic>,
    /// Where further files of the newer side are.
    newer: Newer,
}

/// The newer side as a whole.
#[derive(Debug)]
enum Newer {
    /// All of it was read.
    Read,
    OnDisk(WorkTree),
    Commit(LocalRepository, Revision),
}

/// What to compare in a repository.
struct Pair {
    before: Revision,
    /// `None`: the work tree.
    after: Option<Revision>,
}

impl Sources {
    /// Finds out what the operands mean, and reads it.
    pub(super) fn read(args: &Args, globals: &Globals, ui: &Ui) -> anyhow::Result<Self> {
        if args.git_external {
            return paths::external(&args.operands, globals);
        }
        if let [a, b] = args.operands.as_slice()
            && paths::is_pair(&globals.repo, a, b)
        {
            paths::refuse_ambiguous(globals, a, b)?;
            return paths::read(globals, a, b);
        }
        if args.env.len() == 2 && args.operands.is_empty() && args.base.is_none() {
            return scope::environments(args.env.as_slice(), globals, !args.raw, ui)
                .map(Self::from_environments);
        }
        let repository = LocalRepository::around(&globals.repo)?;
        let pair = revisions(args, &repository)?;
        repository_sources(args, globals, repository, pair, ui)
    }

    /// Both sides whole.
    pub(super) fn whole(
        (left, right): (Vec<SourceFile>, Vec<SourceFile>),
        sides: Sides,
        config: Config,
    ) -> Self {
        Self { left, right, sides, config, notices: Vec::new(), newer: Newer::Read }
    }

    fn from_environments(pair: scope::Pair) -> Self {
        Self::whole((pair.left, pair.right), pair.sides, pair.config)
    }

    /// The list rules with those of the repository's CRDs, where a custom kind with lists differs.
    pub(super) fn schemas(
        &self,
        comparison: &Comparison,
        known: &ListRules,
    ) -> anyhow::Result<Option<ListRules>> {
        let is_custom = |object: &Object| {
            let group = object.identity.as_ref().map_or("", |id| id.group.as_str());
            group.contains('.') && !group.ends_with(".k8s.io")
        };
        let wanted = comparison.objects.iter().any(|diff| {
            diff.status != Status::Added && !diff.changes.is_empty() && is_custom(diff.object())
        });
        if !wanted {
            return Ok(None);
        }
        let mut rules = known.clone();
        let mut found = false;
        for object in self.newer_objects(None, &["CustomResourceDefinition"])? {
            if object.is_kind("apiextensions.k8s.io", "CustomResourceDefinition") {
                rules.learn(&object.value);
                found = true;
            }
        }
        Ok(found.then_some(rules))
    }

    /// The unchanged objects beside those whose risks depend on their neighbours: only documents that
    /// mention one of these are read.
    pub(super) fn context(&self, comparison: &Comparison) -> anyhow::Result<Vec<Object>> {
        let wanted = comparison.neighbours();
        let mut context = Vec::new();
        for (scope, names) in &wanted {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut objects = self.newer_objects(Some(scope), &names)?;
            let own = comparison.objects.iter().filter_map(|diff| diff.after.as_ref());
            let own: Vec<&Object> = own.filter(|object| object.scope == *scope).collect();
            let differs: HashSet<(&str, u32)> =
                own.iter().map(|object| (&*object.path, object.line)).collect();
            objects.retain(|object| !differs.contains(&(&*object.path, object.line)));
            for object in &mut objects {
                if let Some(neighbour) = own.first() {
                    object.environment = Arc::clone(&neighbour.environment);
                }
            }
            context.extend(objects);
        }
        Ok(context)
    }

    /// The newer side's documents that hold one of these words: of one directory, or of all.
    fn newer_objects(&self, dir: Option<&str>, words: &[&str]) -> anyhow::Result<Vec<Object>> {
        let read_here;
        let files: &[SourceFile] = match &self.newer {
            Newer::Read => &self.right,
            Newer::OnDisk(tree) => {
                read_here = list(tree, dir)?;
                &read_here
            }
            Newer::Commit(repository, revision) => {
                read_here = list(&repository.snapshot(revision), dir)?;
                &read_here
            }
        };
        let words = AhoCorasick::new(words).context("cannot search the files")?;
        let mut objects = Vec::new();
        for file in files.iter().filter(|file| dir.is_none_or(|dir| *file.scope == *dir)) {
            let text = file.text.as_deref().unwrap_or_default();
            if !words.is_match(text) {
                continue;
            }
            for chunk in chunks(text) {
                if words.is_match(&text[chunk.range.clone()]) {
                    // What cannot be read has been reported where it matters.
                    objects.extend(read(file, &chunk, 0).unwrap_or_default().objects);
                }
            }
        }
        Ok(objects)
    }
}

/// The YAML files in a directory, or all.
fn list(snapshot: &dyn Snapshot, dir: Option<&str>) -> anyhow::Result<Vec<SourceFile>> {
    let mut paths = Vec::new();
    collect(snapshot, dir.unwrap_or_default(), dir.is_none(), &mut paths)?;
    let bytes = snapshot.read(&paths)?;
    Ok(paths.iter().zip(bytes).map(|(path, bytes)| SourceFile::new(path, bytes)).collect())
}

fn collect(
    snapshot: &dyn Snapshot,
    dir: &str,
    deep: bool,
    paths: &mut Vec<String>,
) -> anyhow::Result<()> {
    for entry in snapshot.entries(dir)? {
        let path = if dir.is_empty() { entry.name } else { format!("{dir}/{}", entry.name) };
        match entry.kind {
            Kind::Directory if deep => collect(snapshot, &path, deep, paths)?,
            Kind::File if is_structured(&path) => paths.push(path),
            _ => {}
        }
    }
    Ok(())
}

fn revisions(args: &Args, repository: &LocalRepository) -> anyhow::Result<Pair> {
    let since = |base: Revision, tip: &str| -> anyhow::Result<Pair> {
        let tip = repository.resolve(tip)?;
        Ok(Pair { before: repository.merge_base(&base, &tip)?, after: Some(tip) })
    };
    let or_head = |name: &'_ str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
    match args.operands.as_slice() {
        [] => match (&args.base, Variables::of_process().pull_request_target()) {
            (Some(base), _) => since(named(repository, base)?, "HEAD"),
            (None, Some(target)) => since(target_branch(repository, &target)?, "HEAD"),
            (None, None) => Ok(Pair { before: repository.resolve("HEAD")?, after: None }),
        },
        [range] => match (range.split_once("..."), range.split_once("..")) {
            (Some((a, b)), _) => since(named(repository, &or_head(a))?, &or_head(b)),
            (None, Some((a, b))) => {
                let (before, after) =
                    (repository.resolve(&or_head(a))?, repository.resolve(&or_head(b))?);
                Ok(Pair { before, after: Some(after) })
            }
            (None, None) => Ok(Pair { before: repository.resolve(range)?, after: None }),
        },
        [a, b] => {
            let (before, after) = (repository.resolve(a)?, repository.resolve(b)?);
            Ok(Pair { before, after: Some(after) })
        }
        more => {
            let message = format!("cannot compare {} things", more.len());
            Err(Hinted::new(Code::Usage, message, "give A..B, or two files or directories").into())
        }
    }
}

/// What a name stands for; a branch that is only there as the remote's is that one.
fn named(repository: &LocalRepository, name: &str) -> anyhow::Result<Revision> {
    let remote = format!("origin/{name}");
    let is_remote = !repository.knows(name) && repository.knows(&remote);
    repository.resolve(if is_remote { &remote } else { name })
}

/// The target branch of a pull request: a pipeline's own branch of that name may be old.
fn target_branch(repository: &LocalRepository, name: &str) -> anyhow::Result<Revision> {
    let remote = format!("origin/{name}");
    if repository.knows(&remote) { repository.resolve(&remote) } else { repository.resolve(name) }
}

/// A program that succeeds and prints nothing makes all objects come or go.
fn nothing_rendered(rendered: &Rendered) -> Option<Diagnostic> {
    let is_empty =
        |file: &SourceFile| file.text.as_deref().is_some_and(|text| text.trim().is_empty());
    let (side, becomes) = match (is_empty(&rendered.before), is_empty(&rendered.after)) {
        (false, true) => ("newer", "removed"),
        (true, false) => ("older", "added"),
        _ => return None,
    };
    let name = &rendered.environment;
    let message = format!(
        "`{name}` renders to nothing on the {side} side: all its objects read as {becomes}; run its program yourself to see whether that is meant"
    );
    Some(Diagnostic { path: Arc::clone(&rendered.after.path), lines: vec![1], message })
}

fn repository_sources(
    args: &Args,
    globals: &Globals,
    repository: LocalRepository,
    pair: Pair,
    ui: &Ui,
) -> anyhow::Result<Sources> {
    let deltas = match &pair.after {
        Some(after) => repository.changed(pair.before.tree, after.tree)?,
        None => repository.changed_on_disk(pair.before.tree)?,
    };
    let after = pair.after.as_ref().map_or_else(|| "work tree".to_owned(), Revision::title);
    let sides = Sides { before: pair.before.title(), after };
    let scopes = match &pair.after {
        Some(after) => Scopes::read(&repository.snapshot(after), globals)?,
        None => Scopes::read(&WorkTree::around(&globals.repo)?, globals)?,
    };
    let wanted = scopes.chosen(&args.env)?;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let rendered = if args.raw {
        Vec::new()
    } else {
        scopes.render(
            &repository,
            (&pair.before, pair.after.as_ref()),
            &deltas,
            wanted.as_deref(),
            ui,
        )?
    };
    for Delta { path, before, after, modes } in &deltas {
        let environment = scopes.environment_of(path);
        let chosen = wanted.as_ref().is_none_or(|names| names.iter().any(|n| n == environment));
        if !chosen || rendered.iter().any(|r| r.environment == environment) {
            continue;
        }
        for (content, mode, files) in [(before, modes[0], &mut left), (after, modes[1], &mut right)]
        {
            if let Some(content) = *content {
                let bytes = repository.read(path, content)?;
                let mut file = SourceFile::new(path, bytes).with_mode(mode);
                file.environment = environment.into();
                file.default_namespace = scopes.namespace_of(environment).into();
                files.push(file);
            }
        }
    }
    let notices = rendered.iter().filter_map(nothing_rendered).collect();
    for rendered in rendered {
        left.push(rendered.before);
        right.push(rendered.after);
    }
    let newer = match pair.after {
        Some(after) => Newer::Commit(repository, after),
        None => Newer::OnDisk(WorkTree::around(&globals.repo)?),
    };
    Ok(Sources { left, right, sides, config: scopes.config, notices, newer })
}
