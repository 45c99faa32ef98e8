//! What a bump would change: from images, or key paths, and rules to a [`Plan`]. Pure: it reads through
//! a [`Snapshot`], so that it can be made again on every new tip of a branch.

mod document;
mod images;
mod restart;
mod secret;
mod source;
mod survey;
mod values;

pub use document::Selector;
pub use images::{Candidate, Images, explain, plan_images, plan_places};
pub use restart::plan_restart;
pub use source::Source;
pub use survey::{Deployed, survey};
pub use values::{Assignment, plan_values};

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;

use crate::change::{ChangeSet, FileChange};
use crate::error::{Code, Hinted};
use crate::policy::refuse_downgrade;
use crate::snapshot::Snapshot;
use crate::yaml::{self, Address, Change, NodeRef, Sharing};

/// What a user allows or insists on.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Clone, Debug)]
pub struct Rules {
    /// Edit every match where there is more than one.
    pub all: bool,
    /// What to do with values that other keys share.
    pub sharing: Sharing,
    /// Remove a digest that would outlive its tag.
    pub drop_digest: bool,
    /// Refuse an older version.
    pub no_downgrade: bool,
    /// Refuse unless the value is this one (or the new one already).
    pub expect: Option<String>,
    /// Add a last key that is missing.
    pub create: bool,
}

/// One scalar that changes. Serialised, it is an element of `edits` in the JSON envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The environment it was found in.
    pub environment: Option<String>,
    /// The image as the user named it.
    pub image: Option<String>,
    /// The kind of place.
    pub target: Option<&'static str>,
    /// The file, relative to the repository's root.
    pub file: String,
    /// The document, counted from 0.
    pub document: usize,
    /// The key path.
    pub key: String,
    /// The line before the edit, from 1.
    pub line: usize,
    /// The old value; `None` where the key is new.
    pub before: Option<String>,
    /// The new value.
    pub after: String,
    /// Tells old values apart where they are masked.
    #[serde(skip)]
    pub replaced: u64,
}

/// What stands for a secret value in everything that is said.
const MASKED: &str = "<masked>";

impl Edit {
    /// Takes the values out, so that nothing that is said of the edit can hold them.
    fn conceal(&mut self) {
        let mut hasher = DefaultHasher::new();
        self.before.hash(&mut hasher);
        self.replaced = hasher.finish();
        self.before = self.before.as_ref().map(|_| MASKED.to_owned());
        MASKED.clone_into(&mut self.after);
    }
}

/// Everything a bump would do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The files, before and after.
    pub changes: ChangeSet,
    /// The values, in the order of the request.
    pub edits: Vec<Edit>,
    /// Remarks for `--verbose`.
    pub notes: Vec<String>,
    /// Remarks for everybody.
    pub warnings: Vec<String>,
}

/// The changes collected so far, by file.
#[derive(Default)]
struct Draft {
    files: BTreeMap<String, (Source, Vec<Change>)>,
    edits: Vec<Edit>,
    warnings: Vec<String>,
    /// What each place is to hold, also where it does already.
    wanted: HashMap<(String, Address), String>,
}

impl Draft {
    /// Notes what a place is to hold; whether that is new, or an error where it is to hold something else too.
    fn want(&mut self, source: &Source, at: Address, value: &str) -> Result<bool, Hinted> {
        let place = (source.path.clone(), at);
        match self.wanted.get(&place) {
            None => {
                self.wanted.insert(place, value.to_owned());
                Ok(true)
            }
            Some(known) if known == value => Ok(false),
            Some(known) => {
                let node = source.stream.node(at.node);
                let values = if secret::is_secret(node) {
                    String::new()
                } else {
                    format!(", `{known}` and `{value}`")
                };
                let (line, path) = (node.line(), &source.path);
                let message =
                    format!("cannot give line {line} of `{path}` two values at once{values}");
                Err(Hinted::plain(Code::Usage, message))
            }
        }
    }

    fn add(&mut self, source: &Source, change: Change, edit: Edit) {
        let entry = self.files.entry(source.path.clone());
        let (_, changes) = entry.or_insert_with(|| (source.clone(), Vec::new()));
        changes.push(change);
        self.edits.push(edit);
    }

    /// Makes the edits and checks them.
    fn finish(self) -> anyhow::Result<Plan> {
        let mut plan = Plan { edits: self.edits, warnings: self.warnings, ..Plan::default() };
        let mut files = Vec::new();
        for (path, (source, changes)) in self.files {
            let edited = yaml::edit::edit(&source.stream, &changes)
                .map_err(|error| error.context(format!("cannot edit `{path}`")))?;
            if let Some(cause) = edited.unconfirmed {
                plan.notes.push(format!(
                    "`{path}`: checked with one YAML reader; the second cannot read it: {cause}"
                ));
            }
            let before = source.stream.source().as_bytes().to_vec();
            files.push(FileChange { path, before, after: edited.text.into_bytes() });
        }
        plan.changes = ChangeSet::new(files);
        Ok(plan)
    }
}

/// The guards that compare the old version, in all its spellings, with the new one. Not asked where the new
/// one is there already.
fn guard(rules: &Rules, before: &[&str], after: &str, place: &str) -> Result<(), Hinted> {
    let old = before.first().copied().unwrap_or_default();
    if let Some(expected) = &rules.expect
        && !before.contains(&expected.as_str())
    {
        let message = format!("{place} is `{old}`, not `{expected}` as --expect has it");
        let hint = "somebody else changed it; look at it again before deciding";
        return Err(Hinted::new(Code::Unexpected, message, hint));
    }
    if rules.no_downgrade {
        refuse_downgrade(old, after).map_err(|refused| {
            let hint = refused.hint().unwrap_or_default().to_owned();
            Hinted::new(Code::Downgrade, format!("{place}: {refused}"), hint)
        })?;
    }
    Ok(())
}

/// Refuses a value that other keys share, unless `--shared` allows it.
fn guard_shared(node: NodeRef<'_>, rules: &Rules) -> anyhow::Result<()> {
    match rules.sharing {
        Sharing::Edit => Ok(()),
        Sharing::Refuse => yaml::refuse_shared(node),
    }
}

/// The files behind the paths, each once: a link and the file it leads to are one.
fn read(snapshot: &dyn Snapshot, paths: &[String]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut real = Vec::with_capacity(paths.len());
    let mut seen = HashSet::new();
    for path in paths {
        let path = snapshot.real_path(path)?;
        if seen.insert(path.clone()) {
            real.push(path);
        }
    }
    let contents = snapshot.read(&real)?;
    Ok(real.into_iter().zip(contents).collect())
}

/// The first few of many.
fn shortened(mut list: Vec<String>, separator: &str) -> String {
    const SHOWN: usize = 10;
    let more = list.len().saturating_sub(SHOWN);
    list.truncate(SHOWN);
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list.join(separator)
}
