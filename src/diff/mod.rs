//! What will change: two sets of files become a list of objects that differ, and what matters in it.
//!
//! Pure: the files come from wherever the command read them, Git, directories or a cluster. The stages
//! are gather (documents, without those of equal text), match, compare, ignore, mask, summarise;
//! `render` shows the result.

pub mod compare;
mod conceal;
mod gather;
pub mod ignore;
pub mod images;
pub mod mask;
mod matching;
mod normalize;
pub mod path;
pub mod quantity;
pub mod renames;
pub mod render;
pub mod risks;
pub mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::manifest::{Object, SourceFile};
use compare::{Change, Found, Terms, compare as compare_values};
use gather::Sourced;
use ignore::{IgnoreRule, Ignored};
use images::ImageChange;
use mask::Masker;
pub use normalize::NameMap;
use risks::Risk;
use rules::ListRules;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Some of its fields differ.
    Changed,
    /// It has another name, and perhaps other fields.
    Renamed,
}

impl Status {
    /// The word in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Renamed => "renamed",
        }
    }

    /// The sign in front of it.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
            Self::Renamed => '>',
        }
    }
}

/// An object that differs.
#[derive(Clone, Debug)]
pub struct ObjectDiff {
    /// What became of it.
    pub status: Status,
    /// The older side.
    pub before: Option<Object>,
    /// The newer side.
    pub after: Option<Object>,
    /// Its fields that differ; empty for objects that came or went.
    pub changes: Vec<Change>,
}

impl ObjectDiff {
    /// The side that exists, the newer one first.
    #[must_use]
    pub fn object(&self) -> &Object {
        match (&self.after, &self.before) {
            (Some(object), _) | (None, Some(object)) => object,
            (None, None) => unreachable!("an object that differs exists on one side at least"),
        }
    }
}

/// A file that is compared line by line.
#[derive(Clone, Debug)]
pub struct TextDiff {
    /// The file.
    pub path: Arc<str>,
    /// Its environment.
    pub environment: Arc<str>,
    /// Its older text.
    pub before: Option<String>,
    /// Its newer text.
    pub after: Option<String>,
    /// Why it is compared by line, where one would expect otherwise.
    pub notice: Option<String>,
    /// Whether it is no text at all.
    pub binary: bool,
}

impl TextDiff {
    /// What became of the file.
    #[must_use]
    pub fn status(&self) -> Status {
        match (&self.before, &self.after) {
            (None, _) => Status::Added,
            (_, None) => Status::Removed,
            _ => Status::Changed,
        }
    }
}

/// Something wrong with the files themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file.
    pub path: Arc<str>,
    /// The lines concerned.
    pub lines: Vec<u32>,
    /// What is wrong.
    pub message: String,
}

/// What a comparison depends on besides the files.
#[derive(Clone, Debug)]
pub struct Options {
    /// How lists are compared.
    pub lists: ListRules,
    /// What does not count.
    pub ignore: Vec<IgnoreRule>,
    /// How names of the older side read on the newer one.
    pub names: Vec<NameMap>,
    /// Leave out documents of equal text before parsing. Off in tests that prove it harmless.
    pub shortcut: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { lists: ListRules::default(), ignore: Vec::new(), names: Vec::new(), shortcut: true }
    }
}

/// The result, secrets masked.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The objects that differ, by environment, status and name.
    pub objects: Vec<ObjectDiff>,
    /// The files that were compared line by line.
    pub texts: Vec<TextDiff>,
    /// The images that differ.
    pub images: Vec<ImageChange>,
    /// What to look at twice.
    pub risks: Vec<Risk>,
    /// What is wrong with the files.
    pub diagnostics: Vec<Diagnostic>,
    /// Differences that do not count.
    pub ignored: Vec<Ignored>,
    /// Objects that are the same.
    pub unchanged: usize,
    /// Objects and files that differ and were not asked for.
    pub hidden: usize,
    /// What masked the secrets, for outputs that show the files' own text.
    pub masker: Masker,
}

impl Comparison {
    /// Nothing that counts differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.texts.is_empty()
    }

    /// How many objects and files came to this.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        let objects = self.objects.iter().filter(|object| object.status == status);
        let texts = self.texts.iter().filter(|text| text.status() == status);
        objects.count() + texts.count()
    }

    /// Which words to look for in the unchanged documents of which scopes, before
    /// [`Self::add_context`].
    #[must_use]
    pub fn neighbours(&self) -> BTreeMap<Arc<str>, BTreeSet<String>> {
        let mut wanted: BTreeMap<Arc<str>, BTreeSet<String>> = BTreeMap::new();
        for diff in &self.objects {
            let Some(after) = &diff.after else { continue };
            if let Some(word) = risks::neighbour(diff, after) {
                wanted.entry(Arc::clone(&after.scope)).or_default().insert(word);
            }
        }
        wanted
    }

    /// Adds the risks that depend on unchanged neighbours of the newer side.
    pub fn add_context(&mut self, context: &[Object]) {
        let mut more = Vec::new();
        risks::together(&self.objects, context, &mut more);
        for mut risk in more {
            risk.message = self.masker.scrub(&risk.message);
            if !self.risks.contains(&risk) {
                self.risks.push(risk);
            }
        }
        self.risks.sort();
    }

    /// Keeps the objects and files of interest; images and risks follow.
    pub fn retain(
        &mut self,
        keep_object: impl Fn(&ObjectDiff) -> bool,
        keep_text: impl Fn(&TextDiff) -> bool,
    ) {
        let all = self.objects.len() + self.texts.len();
        self.objects.retain(keep_object);
        self.texts.retain(keep_text);
        self.hidden += all - self.objects.len() - self.texts.len();
        let titles: std::collections::HashSet<String> =
            self.objects.iter().map(|object| object.object().title()).collect();
        for image in &mut self.images {
            image.users.retain(|user| titles.contains(&user.title));
        }
        self.images.retain(|image| !image.users.is_empty());
        self.risks.retain(|risk| titles.contains(&risk.object));
    }
}

/// Compares two sets of files.
#[must_use]
pub fn compare(left: &[SourceFile], right: &[SourceFile], options: &Options) -> Comparison {
    let shortcut = options.shortcut && options.names.is_empty();
    let mut gathered = gather::gather(left, right, shortcut);
    let masker = {
        let sides = gathered.texts.iter().flat_map(|text| text.before.iter().chain(&text.after));
        Masker::learn(gathered.telling().into_iter(), sides.map(String::as_str))
    };
    normalize::names(&mut gathered.left, &options.names);
    for sourced in gathered.left.iter_mut().chain(&mut gathered.right) {
        normalize::secret(&mut sourced.object.value);
    }
    let matched = matching::find(&gathered.left, &gathered.right);
    let mut diagnostics = gathered.diagnostics;
    diagnostics.extend(matched.diagnostics);
    let mut collector = Collector {
        options,
        left: gathered.left.into_iter().map(Some).collect(),
        right: gathered.right.into_iter().map(Some).collect(),
        objects: Vec::new(),
        ignored: Vec::new(),
        unchanged: gathered.unchanged,
        diagnostics,
    };
    collector.pairs(&matched.pairs, Status::Changed);
    collector.pairs(&matched.renamed, Status::Renamed);
    for old in matched.removed {
        collector.alone(Some(old), None);
    }
    for new in matched.added {
        collector.alone(None, Some(new));
    }
    collector.finish(gathered.texts, masker)
}

/// Takes matched objects and keeps what differs.
struct Collector<'o> {
    options: &'o Options,
    left: Vec<Option<Sourced>>,
    right: Vec<Option<Sourced>>,
    objects: Vec<ObjectDiff>,
    ignored: Vec<Ignored>,
    unchanged: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Collector<'_> {
    /// Compares pair by pair, on all cores.
    fn pairs(&mut self, pairs: &[(usize, usize)], status: Status) {
        let mut work: Vec<(Object, Object, Found)> = Vec::with_capacity(pairs.len());
        for &(old, new) in pairs {
            if let (Some(before), Some(after)) = (self.left[old].take(), self.right[new].take()) {
                work.push((before.object, after.object, Found::default()));
            }
        }
        work.par_iter_mut().for_each(|(before, after, found)| {
            let terms = Terms { rules: &self.options.lists, identity: after.identity.as_ref() };
            *found = compare_values(&before.value, &after.value, terms);
        });
        for (before, after, found) in work {
            self.pair(before, after, found, status);
        }
    }

    fn pair(&mut self, before: Object, after: Object, found: Found, status: Status) {
        for (path, line) in found.ambiguous {
            self.diagnostics.push(Diagnostic {
                path: Arc::clone(&after.path),
                lines: vec![line],
                message: format!(
                    "the items of `{path}` in {} have no names of their own, or share one; compared by content",
                    after.title()
                ),
            });
        }
        let mut changes = found.changes;
        if status == Status::Renamed {
            changes.retain(|change| !change.path.has_keys(&["metadata", "name"]));
        }
        let changes = ignore::apply(&self.options.ignore, &after, changes, &mut self.ignored);
        if changes.is_empty() && status == Status::Changed {
            self.unchanged += 1;
            return;
        }
        let object = ObjectDiff { status, before: Some(before), after: Some(after), changes };
        self.objects.push(object);
    }

    fn alone(&mut self, old: Option<usize>, new: Option<usize>) {
        let before = old.and_then(|index| self.left[index].take()).map(|sourced| sourced.object);
        let after = new.and_then(|index| self.right[index].take()).map(|sourced| sourced.object);
        let Some(object) = after.as_ref().or(before.as_ref()) else { return };
        if let Some(rule) = self.options.ignore.iter().position(|rule| rule.covers_object(object)) {
            let (title, file) = (object.title(), Arc::clone(&object.path));
            self.ignored.push(Ignored { object: title, file, path: None, rule });
            return;
        }
        let status = if after.is_some() { Status::Added } else { Status::Removed };
        self.objects.push(ObjectDiff { status, before, after, changes: Vec::new() });
    }

    fn finish(mut self, texts: Vec<TextDiff>, masker: Masker) -> Comparison {
        self.objects.sort_by_cached_key(|diff| {
            let object = diff.object();
            let namespace = object.identity.as_ref().map(|id| id.namespace.clone());
            (
                object.environment.clone(),
                namespace,
                object.title(),
                object.path.clone(),
                diff.status,
            )
        });
        self.diagnostics.sort();
        self.diagnostics.dedup();
        let images = images::changes(&self.objects);
        let risks = risks::find(&self.objects, &images);
        let mut comparison = Comparison {
            objects: self.objects,
            texts,
            images,
            risks,
            diagnostics: self.diagnostics,
            ignored: self.ignored,
            unchanged: self.unchanged,
            hidden: 0,
            masker,
        };
        conceal::mask_all(&mut comparison);
        comparison
    }
}
