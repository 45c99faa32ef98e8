//! Reading and atomically replacing files; every error names the path.
//!
//! A file is replaced by writing a temporary file beside it and renaming that over it, so that a
//! reader, or a crash at any moment, sees the old bytes or the new ones. The directories of all files
//! to replace are locked (`flock` on the directory itself, which leaves nothing behind) for the
//! time temporary files exist: whoever holds the lock knows that any it finds are left-overs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::{NamedTempFile, TempPath};

use crate::error::{Code, Hinted};

const TEMPORARY_PREFIX: &str = ".gitops-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// A file's bytes.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let metadata = fs::metadata(path).map_err(|error| io_error("read", path, &error))?;
    if !metadata.is_file() {
        // A pipe would wait for a writer for ever.
        let message = format!("cannot read `{}`: it is no regular file", path.display());
        return Err(Hinted::plain(Code::Io, message).into());
    }
    fs::read(path).map_err(|error| io_error("read", path, &error).into())
}

/// The bytes of a file or pipe that the user names, or of standard input where the path is `-`.
pub fn read_or_stdin(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path).map_err(|error| io_error("read", path, &error).into());
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(|error| io_error("read", path, &error))?;
    Ok(bytes)
}

fn io_error(verb: &str, path: &Path, error: &io::Error) -> Hinted {
    Hinted::plain(Code::Io, format!("cannot {verb} `{}`: {error}", path.display()))
}

/// A file to replace. `path` is a real path: symbolic links are resolved before (see [`within`]).
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'a> {
    /// Where.
    pub path: &'a Path,
    /// What must still be there; `None` where it does not matter or no file exists.
    pub before: Option<&'a [u8]>,
    /// What is to be there.
    pub after: &'a [u8],
}

/// What became of [`replace_all`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Replaced {
    /// Every file holds its new bytes, on disk.
    All,
    /// This file no longer held what it was planned on; nothing was written.
    Moved(PathBuf),
}

/// Replaces one file, whatever it held.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace_all(&[Replacement { path, before: None, after: bytes }]).map(|_| ())
}

/// Replaces a file that nobody but its maker is to read. Into a pipe or a device it writes: nothing is to take the
/// place of `/dev/stdout` or `/dev/null`.
pub fn replace_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let real = path.canonicalize();
    let path = real.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let write = || File::options().write(true).open(path)?.write_all(bytes);
        return write().map_err(|error| io_error("write to", path, &error).into());
    }
    if !path.exists() {
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).with_context(|| format!("cannot create `{}`", path.display()))?;
    }
    replace(path, bytes)
}

/// Replaces all files or none: everything is written and synced first, then renamed; a rename
/// that fails puts those before it back.
pub fn replace_all(replacements: &[Replacement<'_>]) -> anyhow::Result<Replaced> {
    let dirs: BTreeSet<&Path> = replacements.iter().map(|r| parent(r.path)).collect();
    // In order, so that two processes with several directories cannot wait for each other.
    let locked = dirs.into_iter().map(lock).collect::<anyhow::Result<Vec<_>>>()?;
    for replacement in replacements {
        if let Some(before) = replacement.before
            && read(replacement.path)? != before
        {
            return Ok(Replaced::Moved(replacement.path.to_owned()));
        }
    }
    let temporaries = replacements.iter().map(prepare).collect::<anyhow::Result<Vec<_>>>()?;
    rename_all(replacements, temporaries)?;
    for dir in &locked {
        // Not every file system can sync a directory; the renames themselves are done.
        let _ = dir.sync_all();
    }
    Ok(Replaced::All)
}

/// Locks a directory until the returned file is dropped, and removes what a killed run left there.
fn lock(dir: &Path) -> anyhow::Result<File> {
    let file = File::open(dir).map_err(|error| io_error("open", dir, &error))?;
    if let Err(error) = file.lock()
        && error.kind() != io::ErrorKind::Unsupported
    {
        return Err(io_error("lock", dir, &error).into());
    }
    let entries = fs::read_dir(dir).map_err(|error| io_error("list", dir, &error))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(TEMPORARY_PREFIX.as_bytes())
            && bytes.ends_with(TEMPORARY_SUFFIX.as_bytes())
        {
            // Should it stay, it is only a left-over: the work itself can go on.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(file)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Writes the new bytes beside the old file, with its mode and owner, and syncs them.
fn prepare(replacement: &Replacement<'_>) -> anyhow::Result<TempPath> {
    let path = replacement.path;
    let write = || -> io::Result<TempPath> {
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .suffix(TEMPORARY_SUFFIX)
            .tempfile_in(parent(path))?;
        file.write_all(replacement.after)?;
        match fs::metadata(path) {
            Ok(old) => keep_mode_and_owner(&file, &old)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => new_mode(&file)?,
            Err(error) => return Err(error),
        }
        file.as_file().sync_all()?;
        Ok(file.into_temp_path())
    };
    write().map_err(|error| io_error("write", path, &error).into())
}

#[cfg(unix)]
fn keep_mode_and_owner(file: &NamedTempFile, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let new = file.as_file().metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        // Only root may give files away; an editor that replaces files does the same.
        let _ = fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
    }
    file.as_file().set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_mode_and_owner(file: &NamedTempFile, old: &fs::Metadata) -> io::Result<()> {
    file.as_file().set_permissions(old.permissions())
}

/// Lets a file be run by whoever may read it, or by nobody.
#[cfg(unix)]
pub fn set_program(path: &Path, wanted: bool) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode();
    let mode = if wanted { mode | (mode & 0o444) >> 2 } else { mode & !0o111 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot change the mode of `{}`", path.display()))
}

/// Elsewhere a file's name says whether it is a program.
#[cfg(not(unix))]
pub fn set_program(_: &Path, _: bool) -> anyhow::Result<()> {
    Ok(())
}

/// Temporary files are private; a file that is new is to be like any other.
#[cfg(unix)]
fn new_mode(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn new_mode(_: &NamedTempFile) -> io::Result<()> {
    Ok(())
}

fn rename_all(replacements: &[Replacement<'_>], temporaries: Vec<TempPath>) -> anyhow::Result<()> {
    for (done, temporary) in temporaries.into_iter().enumerate() {
        let path = replacements[done].path;
        if let Err(error) = temporary.persist(path) {
            let failed = io_error("replace", path, &error.error);
            put_back(&replacements[..done]).context(failed.to_string())?;
            return Err(failed.into());
        }
    }
    Ok(())
}

fn put_back(replacements: &[Replacement<'_>]) -> anyhow::Result<()> {
    for Replacement { path, before, .. } in replacements {
        let Some(before) = before else { continue };
        prepare(&Replacement { path, before: None, after: before })?
            .persist(path)
            .map_err(|error| io_error("put back", path, &error.error))?;
    }
    Ok(())
}

/// Adds lines to a file that others write to as well, on lines of their own.
pub fn append(path: &Path, lines: &str) -> anyhow::Result<()> {
    let append = || {
        let mut file = File::options().create(true).append(true).open(path)?;
        let start = if ends_within_a_line(path)? { "\n" } else { "" };
        file.write_all(format!("{start}{lines}").as_bytes())
    };
    append().map_err(|error| io_error("write to", path, &error).into())
}

/// Whether somebody wrote a last line without its end.
fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let found = fs::metadata(path)?;
    if !found.is_file() || found.len() == 0 {
        return Ok(false);
    }
    let (mut file, mut last) = (File::open(path)?, [0]);
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The real path of `path`, which must be inside `root` once every symbolic link is followed.
///
/// `path` is relative to `root`, or absolute.
pub fn within(root: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    let canonical = |p: &Path| p.canonicalize().map_err(|error| io_error("find", path, &error));
    let (root, real) = (canonical(root)?, canonical(&root.join(path))?);
    if real.starts_with(&root) {
        return Ok(real);
    }
    let message = format!("`{}` is outside the repository `{}`", real.display(), root.display());
    Err(Hinted::new(Code::Outside, message, "name a file inside the repository").into())
}

/// What works on a checkout takes no address of a remote repository.
pub fn refuse_url(place: &Path) -> anyhow::Result<()> {
    let text = place.to_string_lossy();
    let is_url = text.contains("://") || (text.starts_with("git@") && text.contains(':'));
    if !is_url || place.exists() {
        return Ok(());
    }
    let place = crate::http::mask(&text);
    let message = format!("cannot use `{place}`: this command works in a checkout");
    let hint = "clone it, and name the clone's directory with --repo";
    Err(Hinted::new(Code::Usage, message, hint).into())
}

/// A name as it is shown: bytes that are no UTF-8 read `\xFF`.
#[must_use]
pub fn shown_name(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02X}");
        }
    }
    shown
}

/// The path below a directory that [`shown_name`] shows so.
#[must_use]
pub fn named(dir: &Path, shown: &str) -> PathBuf {
    let path = dir.join(shown);
    if !shown.contains("\\x") || path.symlink_metadata().is_ok() {
        return path;
    }
    raw_name(shown).map_or(path, |raw| dir.join(raw))
}

#[cfg(unix)]
fn raw_name(shown: &str) -> Option<PathBuf> {
    let mut parts = shown.split("\\x");
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes)).map(|raw: std::ffi::OsString| raw.into())
}

#[cfg(not(unix))]
fn raw_name(_: &str) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_all_and_keeps_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        for path in [&a, &b] {
            replace(path, b"old").unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&a, fs::Permissions::from_mode(0o751)).unwrap();
        }
        let all = [&a, &b].map(|path| Replacement { path, before: Some(b"old"), after: b"new" });
        assert_eq!(replace_all(&all).unwrap(), Replaced::All);
        assert_eq!((read(&a).unwrap(), read(&b).unwrap()), (b"new".to_vec(), b"new".to_vec()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&a).unwrap().permissions().mode() & 0o777, 0o751);
        }
        assert_eq!(names(dir.path()), ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_written_to_and_stays() {
        use std::os::unix::fs::{FileTypeExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link"));
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        symlink(&pipe, &link).unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| fs::read(&pipe));
            replace_private(&link, b"plan").unwrap();
            // Where it was not written to, this ends the reader.
            let _ = File::options().read(true).write(true).open(&pipe);
            assert_eq!(reader.join().unwrap().unwrap(), b"plan");
        });
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn writes_nothing_when_one_file_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        replace(&a, b"old").unwrap();
        replace(&b, b"other").unwrap();
        let all = [&a, &b].map(|path| Replacement { path, before: Some(b"old"), after: b"new" });
        assert_eq!(replace_all(&all).unwrap(), Replaced::Moved(b));
        assert_eq!(read(&a).unwrap(), b"old");
    }

    #[test]
    fn a_rename_that_fails_puts_the_others_back() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        replace(&a, b"old").unwrap();
        // A directory that is not empty cannot be renamed over.
        fs::create_dir(&b).unwrap();
        replace(&b.join("child"), b"").unwrap();
        let all = [
            Replacement { path: &a, before: Some(b"old"), after: b"new" },
            Replacement { path: &b, before: None, after: b"new" },
        ];
        let message = replace_all(&all).unwrap_err().to_string();
        assert!(message.contains("cannot replace"), "{message}");
        assert_eq!(read(&a).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["a", "b"]);
    }

    #[test]
    fn the_next_run_removes_left_overs() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join(".gitops-abc.tmp");
        File::create(&left).unwrap();
        replace(&dir.path().join("a"), b"new").unwrap();
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn lines_follow_what_somebody_left_unfinished() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.env");
        for (before, after) in [("", "a=1\n"), ("x=y\n", "x=y\na=1\n"), ("x=y", "x=y\na=1\n")] {
            replace(&path, before.as_bytes()).unwrap();
            append(&path, "a=1\n").unwrap();
            assert_eq!(read(&path).unwrap(), after.as_bytes());
        }
        assert!(
            append(dir.path(), "a=1\n").unwrap_err().to_string().starts_with("cannot write to")
        );
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_inside_and_refuses_those_that_leave() {
        let outside = tempfile::tempdir().unwrap();
        replace(&outside.path().join("secret"), b"").unwrap();
        let root = tempfile::tempdir().unwrap();
        replace(&root.path().join("real.yaml"), b"").unwrap();
        let link = |target: &Path, name: &str| {
            std::os::unix::fs::symlink(target, root.path().join(name)).unwrap();
        };
        link(Path::new("real.yaml"), "inside");
        link(&outside.path().join("secret"), "outside");
        let found = within(root.path(), Path::new("inside")).unwrap();
        assert!(found.ends_with("real.yaml"));
        for path in [Path::new("outside"), Path::new("../x/../.."), Path::new("/etc/hosts")] {
            let error = within(root.path(), path).unwrap_err().to_string();
            let refused = error.contains("is outside the repository");
            assert!(refused || error.contains("cannot find"), "{error}");
        }
    }
}
