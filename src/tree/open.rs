//! Reaching entries below a directory: relative to it, never through a symbolic link, never waiting
//! for the other end of a FIFO, and at any depth.

use std::fs::File;
use std::io;
use std::path::Path;

use super::problem::Cause;

/// What tells whether a file or directory changed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The length in bytes.
    pub(super) size: u64,
    /// Whether its owner may execute it.
    pub(super) executable: bool,
    times: [i64; 4],
    identity: (u64, u64),
}

#[cfg(unix)]
mod system {
    use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

    use super::{Cause, File, Path, Stamp, io};

    /// The longest path that system calls take.
    const PATH_MAX: usize = 4095;

    /// An open directory.
    #[derive(Debug)]
    pub(in super::super) struct Root(OwnedFd);

    impl Root {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
        }

        /// A regular file. Opening a device or FIFO could have effects, or wait: it is looked at
        /// before by whoever lists, and `NONBLOCK` is for one that comes in between.
        pub(in super::super) fn file(&self, path: &[u8]) -> Result<(File, Stamp), Cause> {
            let flags = OFlags::RDONLY
                | OFlags::NOFOLLOW
                | OFlags::NONBLOCK
                | OFlags::NOCTTY
                | OFlags::CLOEXEC;
            let file =
                File::from(self.at(path, |dir, name| openat(dir, name, flags, Mode::empty()))?);
            let stat = fstat(&file)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Ok((file, stamp(&stat))),
                _ => Err(Cause::Changed),
            }
        }

        /// The text of a symbolic link.
        pub(in super::super) fn link(&self, path: &[u8]) -> Result<Box<[u8]>, Cause> {
            let target = self.at(path, |dir, name| readlinkat(dir, name, Vec::new()))?;
            Ok(target.into_bytes().into())
        }

        /// What identifies a directory's state.
        pub(in super::super) fn stamp(&self, path: &[u8]) -> Result<Stamp, Cause> {
            if path.is_empty() {
                return Ok(stamp(&fstat(&self.0)?));
            }
            Ok(stamp(&self.at(path, |dir, name| statat(dir, name, AtFlags::SYMLINK_NOFOLLOW))?))
        }

        /// A directory below, to go on from where its path is too long for one call.
        pub(in super::super) fn directory(&self, path: &[u8]) -> Result<OwnedFd, Cause> {
            Ok(self.at(path, step)?)
        }

        /// Calls `call` with an open directory and the rest of the path from there.
        fn at<T>(
            &self,
            mut path: &[u8],
            call: impl FnOnce(BorrowedFd<'_>, &[u8]) -> rustix::io::Result<T>,
        ) -> rustix::io::Result<T> {
            let mut near: Option<OwnedFd> = None;
            while path.len() > PATH_MAX {
                let cut = path[..PATH_MAX].iter().rposition(|&byte| byte == b'/');
                let cut = cut.ok_or(rustix::io::Errno::NAMETOOLONG)?;
                near = Some(step(near.as_ref().unwrap_or(&self.0).as_fd(), &path[..cut])?);
                path = &path[cut + 1..];
            }
            call(near.as_ref().unwrap_or(&self.0).as_fd(), path)
        }
    }

    fn step(dir: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(dir, path, flags, Mode::empty())
    }

    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "the fields have other types on other systems, and no negative values"
    )]
    fn stamp(stat: &Stat) -> Stamp {
        let (mtime, ctime) = (stat.st_mtime as i64, stat.st_ctime as i64);
        Stamp {
            size: stat.st_size as u64,
            executable: stat.st_mode & 0o100 != 0,
            times: [mtime, stat.st_mtime_nsec as i64, ctime, stat.st_ctime_nsec as i64],
            identity: (stat.st_dev as u64, stat.st_ino as u64),
        }
    }

    /// The state of an open file.
    pub(in super::super) fn stamp_of(file: &File) -> Result<Stamp, Cause> {
        Ok(stamp(&fstat(file)?))
    }

    /// What a special file is, in words.
    pub(in super::super) fn special(kind: std::fs::FileType) -> &'static str {
        match () {
            () if kind.is_fifo() => "a FIFO",
            () if kind.is_socket() => "a socket",
            () if kind.is_block_device() || kind.is_char_device() => "a device",
            () => "a special file",
        }
    }

    /// Whether `path` itself is a symbolic link.
    pub(in super::super) fn is_link(path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|found| found.mode() & 0o170_000 == 0o120_000)
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{self, Metadata};
    use std::path::PathBuf;
    use std::time::UNIX_EPOCH;

    use super::{Cause, File, Path, Stamp, io};

    /// A directory.
    #[derive(Debug)]
    pub(in super::super) struct Root(PathBuf);

    impl Root {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            if !fs::metadata(path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(Self(path.to_owned()))
        }

        pub(in super::super) fn file(&self, path: &[u8]) -> Result<(File, Stamp), Cause> {
            if !fs::symlink_metadata(self.at(path))?.is_file() {
                return Err(Cause::Changed);
            }
            let file = File::open(self.at(path))?;
            let stamp = stamp_of(&file)?;
            Ok((file, stamp))
        }

        pub(in super::super) fn link(&self, path: &[u8]) -> Result<Box<[u8]>, Cause> {
            let target = fs::read_link(self.at(path))?;
            let target = target.to_str().ok_or(Cause::Name)?;
            Ok(target.replace('\\', "/").into_bytes().into())
        }

        pub(in super::super) fn stamp(&self, path: &[u8]) -> Result<Stamp, Cause> {
            Ok(stamp(&fs::symlink_metadata(self.at(path))?))
        }

        fn at(&self, path: &[u8]) -> PathBuf {
            self.0.join(String::from_utf8_lossy(path).as_ref())
        }
    }

    fn stamp(found: &Metadata) -> Stamp {
        let modified = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let (seconds, nanos) = modified.map_or((0, 0), |at| (at.as_secs(), at.subsec_nanos()));
        let times = [seconds.cast_signed(), i64::from(nanos), 0, 0];
        Stamp { size: found.len(), executable: false, times, identity: (0, 0) }
    }

    pub(in super::super) fn stamp_of(file: &File) -> Result<Stamp, Cause> {
        Ok(stamp(&file.metadata()?))
    }

    pub(in super::super) fn special(_: fs::FileType) -> &'static str {
        "a special file"
    }

    pub(in super::super) fn is_link(path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|found| found.is_symlink())
    }
}

pub(super) use system::{Root, is_link, special, stamp_of};
