//! The patch of the files themselves, as `git apply` takes it; secrets masked.

use std::collections::HashMap;

use super::lines;
use crate::change::{ChangeSet, FileChange};
use crate::diff::mask::Masker;
use crate::manifest::{Object, SourceFile, chunks, read};

/// A patch, and the files in which something had to be masked: there it does not apply.
#[must_use]
pub fn render(left: &[SourceFile], right: &[SourceFile], masker: &Masker) -> (String, Vec<String>) {
    let (old, new) = (by_path(left), by_path(right));
    let mut paths: Vec<&str> = left.iter().chain(right).map(|file| &*file.key).collect();
    paths.sort_unstable();
    paths.dedup();
    let (mut patch, mut touched) = (String::new(), Vec::new());
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        if [before, after].into_iter().flatten().any(|file| file.text.is_none()) {
            patch.push_str(&binary(path));
            continue;
        }
        let text = |file: &&SourceFile| file.text.clone().unwrap_or_default();
        let (before, after) = (before.map(text), after.map(text));
        if before == after {
            continue;
        }
        let hide = |side: Option<String>| side.map(|own| (lines::masked(&own, masker), own));
        let (before, after) = (hide(before), hide(after));
        if before.iter().chain(&after).any(|(hidden, own)| hidden != own) {
            touched.push(path.to_owned());
        }
        patch.push_str(&one(path, before.map(|side| side.0), after.map(|side| side.0)));
    }
    (patch, touched)
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
    let masker = Masker::learn(objects.iter());
    let files = changes.files().iter().map(|file| {
        let hide = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => lines::masked(text, &masker).into_bytes(),
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

/// As `git diff` says it without `--binary`.
fn binary(path: &str) -> String {
    format!("diff --git a/{path} b/{path}\nBinary files a/{path} and b/{path} differ\n")
}

fn one(path: &str, before: Option<String>, after: Option<String>) -> String {
    let (is_new, is_gone) = (before.is_none(), after.is_none());
    let bytes = |side: Option<String>| side.unwrap_or_default().into_bytes();
    let change = FileChange { path: path.to_owned(), before: bytes(before), after: bytes(after) };
    let text = ChangeSet::new(vec![change]).unified_diff();
    if !is_new && !is_gone {
        return text;
    }
    let mut lines = text.splitn(4, '\n');
    let (Some(head), Some(old), Some(new)) = (lines.next(), lines.next(), lines.next()) else {
        // An empty file came or went; only `git` has a word for that.
        return String::new();
    };
    let hunks = lines.next().unwrap_or_default();
    if is_new {
        format!("{head}\nnew file mode 100644\n--- /dev/null\n{new}\n{hunks}")
    } else {
        format!("{head}\ndeleted file mode 100644\n{old}\n+++ /dev/null\n{hunks}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_and_deleted_files_have_their_headers() {
        assert_eq!(
            one("a b.yaml", None, Some("x: 1\n".into())),
            "diff --git a/a b.yaml b/a b.yaml\nnew file mode 100644\n--- /dev/null\n+++ b/a b.yaml\n@@ -0,0 +1 @@\n+x: 1\n"
        );
        assert_eq!(
            one("a", Some("x: 1\n".into()), None),
            "diff --git a/a b/a\ndeleted file mode 100644\n--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x: 1\n"
        );
    }
}
