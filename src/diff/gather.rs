//! From two sets of files to the objects worth comparing.
//!
//! Documents whose text stands on both sides are taken out before anything is parsed: on a usual
//! change that is nearly all of them. A test holds that this shortcut changes no result.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use memchr::memmem;

use super::mask::holds_secret;
use super::{Diagnostic, TextDiff};
use crate::manifest::{self, Chunk, Documents, Object, SourceFile, chunks};
use crate::yaml::{DuplicateKey, Unreadable};

/// Everything the comparison starts from.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The older side's objects, those with the same text on the other side mostly left out.
    pub(super) left: Vec<Sourced>,
    /// The newer side's.
    pub(super) right: Vec<Sourced>,
    /// Files that are compared line by line.
    pub(super) texts: Vec<TextDiff>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Secrets among the documents that were left out: their values are masked too.
    pub(super) secrets: Vec<Object>,
    /// How many documents were left out.
    pub(super) unchanged: usize,
}

impl Gathered {
    /// The objects whose secrets are masked, in an order that does not depend on what was left out: a
    /// secret's number must not either.
    pub(super) fn telling(&self) -> Vec<&Object> {
        let both = self.left.iter().chain(&self.right);
        let mut telling: Vec<&Object> =
            both.filter(|sourced| !sourced.cancelled).map(|sourced| &sourced.object).collect();
        let same =
            self.left.iter().filter(|sourced| sourced.cancelled).map(|sourced| &sourced.object);
        let mut unchanged: Vec<&Object> =
            same.filter(|object| holds_secret(&object.value)).chain(&self.secrets).collect();
        unchanged.sort_by_key(|object| {
            (&object.environment, &object.path, object.position, object.line)
        });
        telling.extend(unchanged);
        telling
    }
}

/// An object, and whether its very text stands on the other side.
#[derive(Debug)]
pub(super) struct Sourced {
    pub(super) object: Object,
    pub(super) cancelled: bool,
}

/// A document's text.
struct Piece<'f> {
    file: &'f SourceFile,
    chunk: Chunk,
    position: usize,
    /// The piece of the other side with the same text.
    twin: Option<usize>,
    /// To be read all the same.
    wanted: bool,
}

impl<'f> Piece<'f> {
    fn text(&self) -> &'f str {
        let text = self.file.text.as_deref().unwrap_or_default();
        text.get(self.chunk.range.clone()).unwrap_or_default()
    }
}

/// Reads both sides. Without `shortcut` every document is parsed.
pub(super) fn gather(left: &[SourceFile], right: &[SourceFile], shortcut: bool) -> Gathered {
    let (mut a, mut b) = (pieces(left), pieces(right));
    cancel(&mut a, &mut b);
    want_namesakes(&mut a, &mut b);
    if !shortcut {
        for piece in a.iter_mut().chain(&mut b) {
            piece.wanted = true;
        }
    }
    let (old, new) = (read_all(&a), read_all(&b));
    let broken = broken_files([(&a, &old), (&b, &new)]);
    let mut gathered = Gathered { texts: texts(left, right, &broken), ..Gathered::default() };
    gathered.unchanged =
        b.iter().filter(|piece| !piece.wanted && has_content(piece.text())).count();
    gathered.secrets = a.iter().filter(|piece| !piece.wanted).flat_map(secrets_of).collect();
    for (is_right, pieces, read) in [(false, &a, old), (true, &b, new)] {
        let objects = if is_right { &mut gathered.right } else { &mut gathered.left };
        for (index, documents) in read {
            let piece = &pieces[index];
            let Ok(documents) = documents else { continue };
            if broken.contains_key(&*piece.file.key) {
                continue;
            }
            let cancelled = piece.twin.is_some();
            if is_right && !cancelled {
                gathered.diagnostics.extend(duplicate_keys(piece.file, &documents));
            }
            let sourced = |object| Sourced { object, cancelled };
            objects.extend(documents.objects.into_iter().map(sourced));
        }
    }
    gathered
}

fn pieces(files: &[SourceFile]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for file in files.iter().filter(|file| file.structured) {
        let text = file.text.as_deref().unwrap_or_default();
        for (position, chunk) in chunks(text).into_iter().enumerate() {
            pieces.push(Piece { file, chunk, position, twin: None, wanted: false });
        }
    }
    pieces
}

/// Pairs pieces of equal text: first those of the same file, then objects that moved in their scope.
fn cancel<'f>(left: &mut [Piece<'f>], right: &mut [Piece<'f>]) {
    pair_up(left, right, |piece| Some((&piece.file.environment, &piece.file.key, piece.text())));
    pair_up(left, right, |piece| {
        let moves = is_object_like(piece.text());
        moves.then(|| (&piece.file.environment, &piece.file.scope, piece.text()))
    });
    for piece in left.iter_mut().chain(right) {
        piece.wanted = piece.twin.is_none();
    }
}

type Key<'f> = (&'f Arc<str>, &'f Arc<str>, &'f str);

fn pair_up<'f>(
    left: &mut [Piece<'f>],
    right: &mut [Piece<'f>],
    key: impl Fn(&Piece<'f>) -> Option<Key<'f>>,
) {
    let mut waiting: HashMap<Key<'f>, Vec<usize>> = HashMap::with_capacity(left.len());
    for (index, piece) in left.iter().enumerate().rev().filter(|(_, piece)| piece.twin.is_none()) {
        if let Some(key) = key(piece) {
            waiting.entry(key).or_default().push(index);
        }
    }
    for (index, piece) in right.iter_mut().enumerate().filter(|(_, piece)| piece.twin.is_none()) {
        let twin = key(piece).and_then(|key| waiting.get_mut(&key)?.pop());
        if let Some(twin) = twin {
            piece.twin = Some(twin);
            left[twin].twin = Some(index);
        }
    }
}

fn has_content(text: &str) -> bool {
    let is_content = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with("---") && line != "..."
    };
    text.lines().any(is_content)
}

/// An object is the same wherever it stands; a document without a name is not.
fn is_object_like(text: &str) -> bool {
    let at_start_of_line = |key: &str| text.starts_with(&key[1..]) || contains(text, key);
    at_start_of_line("\nkind:") && at_start_of_line("\napiVersion:")
}

fn contains(text: &str, part: &str) -> bool {
    memmem::find(text.as_bytes(), part.as_bytes()).is_some()
}

/// Documents that seem to be the same object as one that differs are read too: they are duplicates.
fn want_namesakes<'f>(left: &mut [Piece<'f>], right: &mut [Piece<'f>]) {
    let names: HashSet<(&str, &str)> = left
        .iter()
        .chain(right.iter())
        .filter(|piece| piece.wanted)
        .filter_map(|piece| quick_name(piece.text()))
        .collect();
    if names.is_empty() {
        return;
    }
    for piece in left {
        let name = if piece.wanted { None } else { quick_name(piece.text()) };
        if let (Some(twin), true) = (piece.twin, name.is_some_and(|name| names.contains(&name))) {
            piece.wanted = true;
            right[twin].wanted = true;
        }
    }
}

/// Kind and name of a block-style object, found by looking at its lines only.
fn quick_name(text: &str) -> Option<(&str, &str)> {
    let (mut kind, mut name) = (None, None);
    let mut indent: Option<Option<usize>> = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|byte| matches!(byte, b' ' | b'-')).count();
        let content = &line[depth..];
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if depth == 0 {
            indent = line.starts_with("metadata:").then_some(None);
            kind = kind.or_else(|| line.strip_prefix("kind:").map(bare));
            if let (Some(_), Some((_, rest))) = (indent, line.split_once("name:")) {
                name = name.or_else(|| Some(bare(rest.split([',', '}']).next()?)));
            }
        } else if let Some(first) = &mut indent {
            let first = *first.get_or_insert(depth);
            if depth == first && name.is_none() {
                name = content.strip_prefix("name:").map(bare);
            }
        }
        if let (Some(kind), Some(name)) = (kind, name) {
            return Some((kind, name));
        }
    }
    None
}

fn bare(value: &str) -> &str {
    let end = memmem::find(value.as_bytes(), b" #").unwrap_or(value.len());
    value[..end].trim().trim_matches(['"', '\''])
}

type Read = Vec<(usize, Result<Documents, Unreadable>)>;

/// Parses the wanted pieces, on several threads where that pays.
fn read_all(pieces: &[Piece<'_>]) -> Read {
    /// Below this a thread costs more than it saves.
    const PER_THREAD: usize = 200;
    let wanted: Vec<usize> = (0..pieces.len()).filter(|&index| pieces[index].wanted).collect();
    let read = |indices: &[usize]| -> Read {
        let one = |&index: &usize| {
            let piece = &pieces[index];
            let documents = manifest::read(piece.file, &piece.chunk, piece.position);
            (index, documents.and_then(|documents| of_one_kind(documents, piece.text())))
        };
        indices.iter().map(one).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(wanted.len() / PER_THREAD + 1);
    if threads < 2 {
        return read(&wanted);
    }
    let read = &read;
    std::thread::scope(|scope| {
        let parts = wanted.chunks(wanted.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || read(part))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// A Secret that runs into the next document, for want of a `---`, counts as that: as lines it is masked all the same.
fn of_one_kind(documents: Documents, text: &str) -> Result<Documents, Unreadable> {
    let twice = documents.duplicates.iter().find(|duplicate| duplicate.key == "kind");
    match twice.filter(|_| contains(text, "Secret")) {
        Some(DuplicateKey { lines: [_, line], .. }) => {
            let cause = "the key `kind` stands twice: a `---` may be missing".to_owned();
            Err(Unreadable { line: *line as usize, cause })
        }
        None => Ok(documents),
    }
}

/// Files with a document that no reader understands and that is not the same on both sides.
fn broken_files<'f>(sides: [(&[Piece<'f>], &Read); 2]) -> HashMap<&'f str, Unreadable> {
    let mut broken = HashMap::new();
    for (pieces, read) in sides {
        for (index, documents) in read {
            if let (Err(error), None) = (documents, pieces[*index].twin) {
                broken.insert(&*pieces[*index].file.key, error.clone());
            }
        }
    }
    broken
}

/// The files that are compared line by line: not YAML by name, or not readable.
fn texts(
    left: &[SourceFile],
    right: &[SourceFile],
    broken: &HashMap<&str, Unreadable>,
) -> Vec<TextDiff> {
    let by_line = |file: &&SourceFile| {
        !file.structured || file.text.is_none() || broken.contains_key(&*file.key)
    };
    let old: HashMap<&str, &SourceFile> =
        left.iter().filter(by_line).map(|file| (&*file.key, file)).collect();
    let new: HashMap<&str, &SourceFile> =
        right.iter().filter(by_line).map(|file| (&*file.key, file)).collect();
    let mut paths: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    paths.sort_unstable();
    paths.dedup();
    let mut texts = Vec::new();
    for path in paths {
        let (before, after) = (old.get(path).copied(), new.get(path).copied());
        if before.map(|file| &file.text) == after.map(|file| &file.text)
            && before.is_some_and(|f| f.text.is_some())
        {
            continue;
        }
        let binary = [before, after].into_iter().flatten().any(|file| file.text.is_none());
        texts.push(TextDiff {
            path: after.or(before).map_or_else(|| path.into(), |file| Arc::clone(&file.path)),
            environment: after
                .or(before)
                .map_or_else(|| "".into(), |file| Arc::clone(&file.environment)),
            before: before.map(|file| file.text.clone().unwrap_or_default()),
            after: after.map(|file| file.text.clone().unwrap_or_default()),
            notice: notice(broken.get(path), binary),
            binary,
        });
    }
    texts
}

fn notice(broken: Option<&Unreadable>, binary: bool) -> Option<String> {
    match broken {
        Some(error) => Some(format!("compared line by line: line {}: {}", error.line, error.cause)),
        None if binary => Some("binary files differ".to_owned()),
        None => None,
    }
}

fn duplicate_keys(file: &SourceFile, documents: &Documents) -> Vec<Diagnostic> {
    let say = |duplicate: &crate::yaml::DuplicateKey| Diagnostic {
        path: Arc::clone(&file.path),
        lines: duplicate.lines.to_vec(),
        message: format!("the key `{}` stands twice; the later value counts", duplicate.key),
    };
    documents.duplicates.iter().map(say).collect()
}

fn secrets_of(piece: &Piece<'_>) -> Vec<Object> {
    let text = piece.text();
    if !contains(text, "Secret") || !(contains(text, "data") || contains(text, "Data")) {
        return Vec::new();
    }
    let read = manifest::read(piece.file, &piece.chunk, piece.position);
    let objects = read.map(|documents| documents.objects).unwrap_or_default();
    objects.into_iter().filter(|object| holds_secret(&object.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_kind_and_name_by_looking() {
        let cases = [
            (
                "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    name: x\n  name: a\n",
                Some(("Pod", "a")),
            ),
            ("kind: \"Pod\" # c\nmetadata: {name: 'a', x: 1}\n", Some(("Pod", "a"))),
            ("metadata:\n    name: a\nspec:\n    name: b\nkind: Pod\n", Some(("Pod", "a"))),
            ("kind: Pod\nspec:\n  name: b\n", None),
            ("a: 1\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(quick_name(text), expected, "{text}");
        }
    }

    #[test]
    fn leaves_out_what_stands_on_both_sides() {
        let object =
            |name: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n");
        let side = |files: &[(&str, String)]| -> Vec<SourceFile> {
            files
                .iter()
                .map(|(path, text)| SourceFile::new(path, text.clone().into_bytes()))
                .collect()
        };
        let left = side(&[("d/a.yaml", format!("{}---\n{}", object("x"), object("w")))]);
        let right = side(&[("d/a.yaml", object("x")), ("d/b.yaml", object("z"))]);
        let gathered = gather(&left, &right, true);
        let names = |objects: &[Sourced]| -> Vec<String> {
            objects.iter().map(|s| s.object.title()).collect()
        };
        assert_eq!(names(&gathered.left), ["Pod w"]);
        assert_eq!(names(&gathered.right), ["Pod z"]);
        assert_eq!(gathered.unchanged, 1);
    }
}
