//! The patch of the files themselves, as `git apply` takes it; secrets masked.

use std::collections::HashMap;

use crate::change::{ChangeSet, FileChange};
use crate::diff::mask::Masker;
use crate::manifest::{Object, SourceFile, chunks, read};

/// A patch.
#[derive(Debug, Default)]
pub struct Patch {
    /// Its text.
    pub text: String,
    /// The files in which something had to be masked: there it does not apply.
    pub masked: Vec<String>,
    /// The files that are left out: they are no text.
    pub binary: Vec<String>,
}

/// The patch of the files of interest.
#[must_use]
pub fn render(
    left: &[SourceFile],
    right: &[SourceFile],
    masker: &Masker,
    keep: impl Fn(&str) -> bool,
) -> Patch {
    let (old, new) = (by_path(left), by_path(right));
    let mut keys: Vec<&str> = left.iter().chain(right).map(|file| &*file.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut patch = Patch::default();
    for key in keys {
        let (before, after) = (old.get(key).copied(), new.get(key).copied());
        if [before, after].into_iter().flatten().any(|file| keep(&file.path)) {
            patch.add(before, after, masker);
        }
    }
    patch
}

impl Patch {
    fn add(&mut self, before: Option<&SourceFile>, after: Option<&SourceFile>, masker: &Masker) {
        let sides = [before, after];
        // Two files of other names are taken for one: the patch makes the newer one of the older.
        let named = before.filter(|file| &*file.path != "stdin").or(after).or(before);
        let Some(path) = named.map(|file| file.path.to_string()) else { return };
        if sides.into_iter().flatten().any(|file| file.text.is_none()) {
            self.binary.push(path);
            return;
        }
        let [before, after] = sides.map(|side| {
            let file = side?;
            let text = file.text.clone().unwrap_or_default();
            Some(Side { mode: mode(file.mode), hidden: masker.mask_file(&text), text })
        });
        let is_same = |a: &Side, b: &Side| a.text == b.text && a.mode == b.mode;
        if before.as_ref().zip(after.as_ref()).is_some_and(|(a, b)| is_same(a, b)) {
            return;
        }
        if before.iter().chain(&after).any(|side| side.hidden != side.text) {
            self.masked.push(path.clone());
        }
        let is_link = |side: &Option<Side>| side.as_ref().map(|side| side.mode == SourceFile::LINK);
        if before.is_some() && after.is_some() && is_link(&before) != is_link(&after) {
            // A link does not become a file: it goes, and the file comes.
            self.text.push_str(&one(&path, before, None));
            self.text.push_str(&one(&path, None, after));
        } else {
            self.text.push_str(&one(&path, before, after));
        }
    }
}

/// A file on one side.
struct Side {
    mode: u32,
    text: String,
    hidden: String,
}

/// Git knows no other bits of a file than whether its owner executes it.
fn mode(bits: u32) -> u32 {
    match bits {
        SourceFile::LINK | 0o160_000 => bits,
        bits if bits & 0o100 != 0 => 0o100_755,
        _ => SourceFile::PLAIN,
    }
}

/// The patch of changed files, secrets masked.
#[must_use]
pub fn of_changes(changes: &ChangeSet) -> String {
    let side = |newer: bool| -> Vec<SourceFile> {
        let bytes = |file: &FileChange| if newer { &file.after } else { &file.before }.clone();
        changes.files().iter().map(|file| SourceFile::new(&file.path, bytes(file))).collect()
    };
    let (left, right) = (side(false), side(true));
    let objects: Vec<Object> = left.iter().chain(&right).flat_map(objects).collect();
    // Those of files that are not read as objects, too.
    let texts = left.iter().chain(&right).filter_map(|file| file.text.as_deref());
    let masker = Masker::learn(objects.iter(), texts);
    let files = changes.files().iter().map(|file| {
        let hide = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => masker.mask_file(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        let (before, after) = (hide(&file.before), hide(&file.after));
        FileChange { path: file.path.clone(), before, after }
    });
    ChangeSet::new(files.collect()).unified_diff()
}

/// What can be read of a file.
fn objects(file: &SourceFile) -> Vec<Object> {
    let chunks = chunks(file.text.as_deref().unwrap_or_default());
    let read = chunks.iter().enumerate().filter_map(|(at, chunk)| read(file, chunk, at).ok());
    read.flat_map(|documents| documents.objects).collect()
}

fn by_path(files: &[SourceFile]) -> HashMap<&str, &SourceFile> {
    files.iter().map(|file| (&*file.key, file)).collect()
}

fn one(path: &str, before: Option<Side>, after: Option<Side>) -> String {
    let head = match (&before, &after) {
        (None, Some(new)) => format!("new file mode {:o}\n", new.mode),
        (Some(old), None) => format!("deleted file mode {:o}\n", old.mode),
        (Some(old), Some(new)) if old.mode != new.mode => {
            format!("old mode {:o}\nnew mode {:o}\n", old.mode, new.mode)
        }
        _ => String::new(),
    };
    let (is_new, is_gone) = (before.is_none(), after.is_none());
    let bytes = |side: Option<Side>| side.map(|side| side.hidden.into_bytes()).unwrap_or_default();
    let change = FileChange { path: path.to_owned(), before: bytes(before), after: bytes(after) };
    let is_same = change.before == change.after;
    let text = ChangeSet::new(vec![change.clone()]).unified_diff();
    let text = if is_same { change.header() } else { text };
    let mut lines = text.splitn(4, '\n');
    let (Some(first), Some(old), Some(new)) = (lines.next(), lines.next(), lines.next()) else {
        return String::new();
    };
    let hunks = lines.next().unwrap_or_default();
    if is_same {
        // Nothing but its mode differs, or an empty file came or went.
        return if head.is_empty() { String::new() } else { format!("{first}\n{head}") };
    }
    let old = if is_new { "--- /dev/null" } else { old };
    let new = if is_gone { "+++ /dev/null" } else { new };
    format!("{first}\n{head}{old}\n{new}\n{hunks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_and_deleted_files_have_their_headers() {
        let side = |text: &str| {
            let text = text.to_owned();
            Some(Side { mode: SourceFile::PLAIN, hidden: text.clone(), text })
        };
        assert_eq!(
            one("a b.yaml", None, side("x: 1\n")),
            "diff --git a/a b.yaml b/a b.yaml\nnew file mode 100644\n--- /dev/null\n+++ b/a b.yaml\t\n@@ -0,0 +1 @@\n+x: 1\n"
        );
        assert_eq!(
            one("a", side("x: 1\n"), None),
            "diff --git a/a b/a\ndeleted file mode 100644\n--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x: 1\n"
        );
    }
}
