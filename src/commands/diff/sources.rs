//! Where the two sides of a comparison come from.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use anyhow::Context as _;
use walkdir::WalkDir;

use super::Args;
use crate::ci::Variables;
use crate::cli::Globals;
use crate::commands::scope::{self, Rendered, Scopes};
use crate::diff::render::Sides;
use crate::diff::rules::ListRules;
use crate::diff::{Comparison, Diagnostic, Status};
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::files;
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
            return external(&args.operands, globals);
        }
        if let [a, b] = args.operands.as_slice()
            && is_path_pair(&globals.repo, a, b)
        {
            refuse_ambiguous(globals, a, b)?;
            return paths(globals, a, b);
        }
        if args.env.len() == 2 && args.operands.is_empty() && args.base.is_none() {
            return scope::environments(args.env.as_slice(), globals, !args.raw, ui)
                .map(Self::from_environments);
        }
        let repository = LocalRepository::around(&globals.repo)?;
        let pair = revisions(args, &repository)?;
        repository_sources(args, globals, repository, pair, ui)
    }

    fn from_environments(pair: scope::Pair) -> Self {
        Self {
            left: pair.left,
            right: pair.right,
            sides: pair.sides,
            config: pair.config,
            notices: Vec::new(),
            newer: Newer::Read,
        }
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

/// Two operands are paths where both exist as such, or one is stdin.
fn is_path_pair(repo: &Path, a: &str, b: &str) -> bool {
    let exists = |text: &str| text == "-" || repo.join(text).exists();
    exists(a) && exists(b)
}

/// Git refuses a name that is a revision and a path, and so does this where both could be meant.
fn refuse_ambiguous(globals: &Globals, a: &str, b: &str) -> anyhow::Result<()> {
    let Ok(repository) = LocalRepository::around(&globals.repo) else { return Ok(()) };
    if a == "-" || b == "-" || !repository.knows(a) || !repository.knows(b) {
        return Ok(());
    }
    let message = format!("cannot compare `{a}` and `{b}`: both are revisions and paths");
    let hint = format!("write {a}..{b} for the revisions, ./{a} ./{b} for the paths");
    Err(Hinted::new(Code::Usage, message, hint).into())
}

/// The configuration for files that belong to no environment: that of --config, or of the directory
/// we are in.
fn config_here(globals: &Globals) -> anyhow::Result<Config> {
    match WorkTree::around(&globals.repo) {
        Ok(tree) => scope::config(&tree, globals),
        Err(_) if globals.config.is_none() => Ok(Config::default()),
        Err(error) => Err(error),
    }
}

fn paths(globals: &Globals, a: &str, b: &str) -> anyhow::Result<Sources> {
    let repo = &globals.repo;
    if a == "-" && b == "-" {
        let message = "cannot compare stdin with itself";
        return Err(Hinted::new(
            Code::Usage,
            message,
            "give one file, as in gitops diff old.yaml -",
        )
        .into());
    }
    let (left, right) = (repo.join(a), repo.join(b));
    let is_dir = |text: &str, path: &Path| text != "-" && path.is_dir();
    let (left, right) = match (is_dir(a, &left), is_dir(b, &right)) {
        (true, true) => directories(&left, &right)?,
        (false, false) => {
            let structured = [a, b].iter().any(|operand| is_structured(operand))
                || [a, b].iter().all(|operand| !file_name(operand).contains('.'));
            (vec![single(a, &left, structured)?], vec![single(b, &right, structured)?])
        }
        _ => {
            let message =
                format!("cannot compare `{a}` with `{b}`: one is a directory, one is not");
            return Err(Hinted::plain(Code::Usage, message).into());
        }
    };
    Ok(Sources {
        left,
        right,
        sides: Sides { before: a.to_owned(), after: b.to_owned() },
        config: config_here(globals)?,
        notices: Vec::new(),
        newer: Newer::Read,
    })
}

/// A file that is named is meant to be compared, whatever the other one is called.
fn single(operand: &str, path: &Path, structured: bool) -> anyhow::Result<SourceFile> {
    let bytes = if operand == "-" { stdin()? } else { files::read(path)? };
    let mut file = SourceFile::new(if operand == "-" { "stdin" } else { operand }, bytes);
    file.structured = structured;
    file.key = "file".into();
    file.scope = "".into();
    Ok(file)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn stdin() -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read stdin")?;
    Ok(bytes)
}

fn directories(left: &Path, right: &Path) -> anyhow::Result<(Vec<SourceFile>, Vec<SourceFile>)> {
    let (mut left, mut right) = (directory(left)?, directory(right)?);
    // Two directories without a YAML file between them are meant to be compared as such all the same.
    let named = |files: &[SourceFile]| files.iter().any(|file| file.structured);
    let none = !named(&left) && !named(&right);
    for file in left.iter_mut().chain(&mut right) {
        file.structured |= none || is_kubectl_name(file_name(&file.path));
    }
    Ok((left, right))
}

/// kubectl names the files of its two directories after the objects: `apps.v1.Deployment.shop.web`.
fn is_kubectl_name(name: &str) -> bool {
    let is_version = |part: &str| {
        let digits = part.strip_prefix('v');
        digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let parts: Vec<&str> = name.split('.').collect();
    parts
        .windows(2)
        .take(parts.len().saturating_sub(3))
        .any(|pair| is_version(pair[0]) && pair[1].starts_with(|c: char| c.is_ascii_uppercase()))
}

fn directory(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let walk = WalkDir::new(root).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.file_name() != ".git") {
        let entry = entry.with_context(|| format!("cannot list `{}`", root.display()))?;
        let is_link = entry.path_is_symlink();
        if !is_link && !entry.file_type().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let path = files::shown_name(relative.as_os_str().as_encoded_bytes());
        let path = if cfg!(windows) { path.replace('\\', "/") } else { path };
        found.push(if is_link {
            let target = std::fs::read_link(entry.path())
                .with_context(|| format!("cannot read the link `{}`", entry.path().display()))?;
            let target = target.into_os_string().into_encoded_bytes();
            SourceFile::new(&path, target).with_mode(SourceFile::LINK)
        } else {
            SourceFile::new(&path, files::read(entry.path())?)
        });
    }
    Ok(found)
}

/// `path old-file old-hex old-mode new-file new-hex new-mode [new-path …]`.
fn external(operands: &[String], globals: &Globals) -> anyhow::Result<Sources> {
    let [path, old, _, _, new, _, _, ..] = operands else {
        let message =
            format!("cannot take {} operands as those of Git's external diff", operands.len());
        let hint =
            "Git gives 7: GIT_EXTERNAL_DIFF='gitops diff --git-external' git diff --ext-diff";
        return Err(Hinted::new(Code::Usage, message, hint).into());
    };
    let name = operands.get(7).unwrap_or(path);
    let side = |file: &str| -> anyhow::Result<Vec<SourceFile>> {
        if file == "/dev/null" {
            return Ok(Vec::new());
        }
        Ok(vec![SourceFile::new(name, files::read(Path::new(file))?)])
    };
    Ok(Sources {
        left: side(old)?,
        right: side(new)?,
        sides: Sides { before: format!("a/{path}"), after: format!("b/{name}") },
        config: config_here(globals)?,
        notices: Vec::new(),
        newer: Newer::Read,
    })
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
