//! `IMAGE=TAG`: find the one place of each image in each environment, and give it the version.

use serde::Serialize;

use super::document::{Selector, select};
use super::source::{Blocks, decode, is_template, refuse_duplicates_above};
use super::survey::Deployed;
use super::{Draft, Edit, Plan, Rules, Source, guard, guard_shared, read, shortened};
use crate::environment::Config;
use crate::error::{Code, Hinted};
use crate::image::{Bump, Version};
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use crate::target::{self, Match, Place, Query, Site, Spot};
use crate::yaml::{Address, Change, Operation};

/// Where to look for images: the files of an environment, or one file.
#[derive(Clone, Debug)]
pub struct Images {
    /// The environment's name.
    pub environment: Option<String>,
    /// Its files.
    pub files: Vec<String>,
    /// Which document of the file.
    pub document: Option<Selector>,
}

impl Images {
    fn place(&self) -> String {
        match (&self.environment, self.files.as_slice()) {
            (Some(environment), _) => format!("the environment `{environment}`"),
            (None, [file]) => format!("`{file}`"),
            (None, files) => format!("{} files", files.len()),
        }
    }
}

/// A site with the file it is in.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) source: Source,
    pub(super) site: Site,
}

impl AsRef<Site> for Located {
    fn as_ref(&self) -> &Site {
        &self.site
    }
}

impl Located {
    /// `staging/api.yaml:12: image.tag (ghcr.io/acme/api)`.
    fn describe(&self) -> String {
        let spot = self.site.spot();
        let repository = self.site.repositories.first();
        let repository = repository.map(|r| format!(" ({r})")).unwrap_or_default();
        format!("{}:{}: {}{repository}", self.source.path, spot.line, spot.path)
    }
}

/// The files of a scope that were read, with what stood in the way of the others.
pub(super) struct Searched {
    pub(super) located: Vec<Located>,
    /// Files that are not YAML and may hold what was looked for.
    pub(super) unreadable: Vec<anyhow::Error>,
    warnings: Vec<String>,
}

/// Plans every image in every scope.
pub fn plan_images(
    snapshot: &dyn Snapshot,
    config: &Config,
    bumps: &[Bump],
    scopes: &[Images],
    rules: &Rules,
) -> anyhow::Result<Plan> {
    let policy = config.policy()?;
    let queries: Vec<Query<'_>> = bumps.iter().map(|bump| query(config, bump)).collect();
    let needles: Vec<&str> = queries.iter().flat_map(Query::needles).collect();
    let mut draft = Draft::default();
    let mut blocks = Blocks::default();
    for scope in scopes {
        let searched = search(snapshot, scope, Some(&needles))?;
        draft.warnings.extend(searched.warnings);
        if let Some(error) = searched.unreadable.into_iter().next() {
            return Err(error);
        }
        for (bump, query) in bumps.iter().zip(&queries) {
            let chosen = target::select(query, &searched.located);
            if chosen.is_empty() {
                return Err(not_found(snapshot, scope, bump)?.into());
            }
            if chosen.len() > 1 && !rules.all {
                return Err(ambiguous(scope, bump, &chosen).into());
            }
            for (located, _) in chosen {
                check(&policy, query.configured, located, &bump.version)?;
                update(&mut draft, &mut blocks, scope, bump, located, rules)?;
            }
        }
    }
    draft.finish()
}

/// Plans a version for each of some places, as `survey` found them in the same snapshot.
pub fn plan_places(
    snapshot: &dyn Snapshot,
    config: &Config,
    scope: &Images,
    places: &[(Deployed, Version)],
    rules: &Rules,
) -> anyhow::Result<Plan> {
    let policy = config.policy()?;
    let mut draft = Draft::default();
    let mut blocks = Blocks::default();
    let searched = search(snapshot, scope, None)?;
    draft.warnings.extend(searched.warnings);
    for located in &searched.located {
        let spot = located.site.spot();
        let found = places.iter().find(|(place, _)| {
            place.line == spot.line
                && place.file == located.source.path
                && place.key == spot.path.to_string()
        });
        let Some((place, version)) = found else { continue };
        check(&policy, config.image_of(&place.app), located, version)?;
        let bump = Bump { image: place.app.clone(), version: version.clone() };
        update(&mut draft, &mut blocks, scope, &bump, located, rules)?;
    }
    draft.finish()
}

fn check(
    policy: &Policy,
    configured: Option<&str>,
    located: &Located,
    version: &Version,
) -> Result<(), Hinted> {
    let repository = configured.or(located.site.repositories.first().map(String::as_str));
    let refused = policy.check(repository, version);
    refused.map_err(|refused| prefixed(&located.describe(), &refused))
}

fn query<'q>(config: &'q Config, bump: &'q Bump) -> Query<'q> {
    Query { image: &bump.image, configured: config.image_of(&bump.image) }
}

fn prefixed(place: &str, error: &Hinted) -> Hinted {
    let message = format!("{place}: {error}");
    match error.hint() {
        Some(hint) => Hinted::new(error.code(), message, hint),
        None => Hinted::plain(error.code(), message),
    }
}

/// Reads the files of a scope; with `needles`, only those that contain one of them.
pub(super) fn search(
    snapshot: &dyn Snapshot,
    scope: &Images,
    needles: Option<&[&str]>,
) -> anyhow::Result<Searched> {
    let mut searched =
        Searched { located: Vec::new(), unreadable: Vec::new(), warnings: Vec::new() };
    for (path, bytes) in read(snapshot, &scope.files)? {
        let relevant = needles.is_none_or(|needles| {
            needles.iter().any(|needle| path.contains(needle) || contains(&bytes, needle))
        });
        let text = match decode(&path, bytes) {
            Ok(text) => text,
            Err(error) if scope.environment.is_none() || (relevant && needles.is_some()) => {
                searched.unreadable.push(error.into());
                continue;
            }
            // What cannot be read holds no image that could be meant; but say so.
            Err(error) => {
                searched.warnings.push(format!("{error}; it was left out"));
                continue;
            }
        };
        if !relevant {
            continue;
        }
        let template = is_template(&text);
        let source = match Source::of(&path, text) {
            Ok(source) => source,
            // Of an environment, a renderer's templates are no concern; a file named is.
            Err(_) if template && scope.environment.is_some() => {
                searched.warnings.push(format!("`{path}` is a template; it was left out"));
                continue;
            }
            Err(error) => {
                searched.unreadable.push(error);
                continue;
            }
        };
        let documents = select(&source.stream, &path, scope.document.as_ref())?;
        let sites = target::sites(&source.stream, &path);
        let sites = sites.into_iter().filter(|site| documents.contains(&site.document));
        searched.located.extend(sites.map(|site| Located { source: source.clone(), site }));
    }
    Ok(searched)
}

fn contains(bytes: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle)
}

fn update(
    draft: &mut Draft,
    blocks: &mut Blocks,
    scope: &Images,
    bump: &Bump,
    located: &Located,
    rules: &Rules,
) -> anyhow::Result<()> {
    let Located { source, site } = located;
    let refused = |refused: &Hinted| prefixed(&source.path, refused);
    let edits =
        target::plan(site, &bump.version, rules.drop_digest).map_err(|error| refused(&error))?;
    for spot in site.spots() {
        let edit = edits.iter().find(|edit| edit.spot == spot);
        draft.want(source, spot.at, edit.map_or(&spot.value, |edit| &edit.after))?;
    }
    if edits.is_empty() {
        if let Some(spot) = target::misread(site) {
            let Spot { value, line, path, .. } = spot;
            let file = &source.path;
            draft.warnings.push(format!(
                "{file}:{line}: {path}: {value} is read as another value without quotes: quote it"
            ));
        }
        return Ok(());
    }
    let old = target::current(site);
    let tag = old.tag.clone().unwrap_or_default();
    let new = bump.version.tag.as_deref().unwrap_or(&tag);
    let before = [tag.as_str(), &old.to_string(), &site.spot().value];
    guard(rules, &before, new, &format!("`{}`", located.describe()))?;
    for edit in edits {
        guard_place(source, blocks, edit.spot.at, rules)
            .map_err(|error| error.context(format!("cannot edit `{}`", source.path)))?;
        let record = Edit {
            environment: scope.environment.clone(),
            image: Some(bump.image.clone()),
            target: Some(site.target),
            file: source.path.clone(),
            document: site.document,
            key: edit.spot.path.to_string(),
            line: edit.spot.line,
            before: Some(edit.spot.value.clone()),
            after: edit.after.clone(),
            replaced: 0,
        };
        let change = Change { at: edit.spot.at, operation: Operation::Set(edit.after) };
        draft.add(source, change, record);
    }
    Ok(())
}

/// Refuses a place that other keys share, or that a key written twice leads to.
fn guard_place(
    source: &Source,
    blocks: &mut Blocks,
    at: Address,
    rules: &Rules,
) -> anyhow::Result<()> {
    let node = source.stream.node(at.node);
    source.refuse_duplicates(node)?;
    guard_shared(node, rules)?;
    if let Some(inner) = at.inner
        && let Some(block) = blocks.get(source, at.node)
    {
        let inner = block.stream().node(inner);
        refuse_duplicates_above(inner)?;
        guard_shared(inner, rules)?;
    }
    Ok(())
}

fn ambiguous(scope: &Images, bump: &Bump, chosen: &[(&Located, Match)]) -> Hinted {
    let list = chosen
        .iter()
        .map(|(located, found)| format!("{}: `{}` {found}", located.describe(), bump.image));
    let list = shortened(list.collect(), "\n  ");
    Hinted::new(
        Code::Ambiguous,
        format!(
            "cannot choose: `{}` means {} places in {}:\n  {list}",
            bump.image,
            chosen.len(),
            scope.place()
        ),
        "name the repository in full, narrow it with --file or --document, or --all to set them all",
    )
}

fn not_found(snapshot: &dyn Snapshot, scope: &Images, bump: &Bump) -> anyhow::Result<Hinted> {
    let message = format!("cannot find the image `{}` in {}", bump.image, scope.place());
    let searched = search(snapshot, scope, None)?;
    let near = target::nearest(&bump.image, searched.located.iter().map(|l| &l.site));
    let mut hint = if near.is_empty() {
        let files = scope.files.len();
        let files = if files == 1 { "its file".to_owned() } else { format!("its {files} files") };
        format!("no image is known in {files}; --set KEY=VALUE sets any key of a --file")
    } else {
        format!("the nearest there: {}; --explain lists every candidate", near.join(", "))
    };
    let unreadable = searched.unreadable.iter().map(|error| format!("{error:#}"));
    for left_out in unreadable.chain(searched.warnings) {
        hint.push_str("; ");
        hint.push_str(&left_out);
    }
    Ok(Hinted::new(Code::NotFound, message, hint))
}

/// A place that was looked at, and why it is meant or not.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// The environment it was found in.
    pub environment: Option<String>,
    /// The image as the user named it.
    pub image: String,
    /// Whether it is meant.
    pub matched: bool,
    /// Why.
    pub reason: String,
    /// The kind of place.
    pub target: &'static str,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key path.
    pub key: String,
    /// The value there.
    pub value: String,
}

/// Every place in the scopes, for `--explain`.
pub fn explain(
    snapshot: &dyn Snapshot,
    config: &Config,
    bumps: &[Bump],
    scopes: &[Images],
) -> anyhow::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for scope in scopes {
        let searched = search(snapshot, scope, None)?;
        for bump in bumps {
            let query = query(config, bump);
            let chosen = target::select(&query, &searched.located);
            for located in &searched.located {
                let found = chosen.iter().find(|(one, _)| std::ptr::eq(*one, located));
                candidates.push(candidate(scope, bump, located, found.map(|(_, found)| *found)));
            }
        }
    }
    Ok(candidates)
}

fn candidate(scope: &Images, bump: &Bump, located: &Located, found: Option<Match>) -> Candidate {
    let spot = located.site.spot();
    let known = located.site.repositories.iter().chain(located.site.names.iter().map(|n| &n.text));
    let known: Vec<&str> = known.map(String::as_str).collect();
    let reason = match found {
        Some(found) => format!("`{}` {found}", bump.image),
        None if known.is_empty() => "nothing names it".to_owned(),
        None => format!("it is known as {}", known.join(", ")),
    };
    Candidate {
        environment: scope.environment.clone(),
        image: bump.image.clone(),
        matched: found.is_some(),
        reason,
        target: located.site.target,
        file: located.source.path.clone(),
        line: spot.line,
        key: spot.path.to_string(),
        value: value_of(&located.site),
    }
}

fn value_of(site: &Site) -> String {
    match &site.place {
        Place::Reference { spot, .. } => spot.value.clone(),
        Place::Tag { .. } | Place::Digest(_) => target::current(site).to_string(),
    }
}
