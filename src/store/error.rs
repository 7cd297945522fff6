//! What can go wrong with a store: facts about the machine, told with the path.

use crate::plan::digest::Digest;
use std::{
    io,
    path::{Path, PathBuf},
};

/// A failure of the store. None of them leaves it invalid: what it held before it still holds.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the user's share of it, is full.
    #[error("the disk is full: cannot {doing} {}{}; what is stored already is intact", path.display(), bytes(*needed))]
    FullDisk {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Bytes that had to be written, where known.
        needed: Option<u64>,
        /// The system's word.
        reason: io::Error,
    },
    /// The file system takes no writes.
    #[error("the file system is read-only: cannot {doing} {}", path.display())]
    ReadOnly {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// The user may not.
    #[error("no permission to {doing} {}", path.display())]
    Permission {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// The folder holds a store of another layout, or something that is no store.
    #[error("{} holds a store of layout `{found}`, and this program reads `{expected}`", path.display())]
    OtherVersion {
        /// The store's folder.
        path: PathBuf,
        /// What its `VERSION` says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// Locks do not work where the store lies, so that processes would ruin each other's work.
    #[error("locks do not work on the file system of {} ({kind}): {reason}", path.display())]
    NoLocks {
        /// The store's folder.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
        /// What was found.
        reason: String,
    },
    /// An object that was asked for is not there, or was damaged and is in quarantine now.
    #[error("the store has no sound object {digest}")]
    Absent {
        /// The object.
        digest: Digest,
    },
    /// A file changed whenever it was read.
    #[error("{} changes while it is read", path.display())]
    Restless {
        /// The file.
        path: PathBuf,
    },
    /// The caller cancelled.
    #[error("interrupted")]
    Cancelled,
    /// Any other failure of the system.
    #[error("cannot {doing} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
}

/// `, 12 bytes needed`, where known.
fn bytes(needed: Option<u64>) -> String {
    needed.map_or_else(String::new, |needed| format!(", {needed} bytes needed"))
}

impl StoreError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::FullDisk { .. } => {
                "make room, or name a folder on another disk with `--store`; the same command goes on from here"
            }
            Self::ReadOnly { .. } | Self::Permission { .. } => {
                "name a folder that you may write to with `--store`, or in `MTL_STORE`"
            }
            Self::OtherVersion { found, .. } if found.starts_with("mtl store ") => {
                "another version of MTL made it: use that one, or name another folder with `--store`"
            }
            Self::NoLocks { .. } => {
                "name a folder on another file system with `--store`, or have this one mounted with locks (Lustre: `-o flock`)"
            }
            Self::OtherVersion { .. } => "name another folder with `--store`, or move this one away",
            Self::Restless { .. } => "wait until whatever writes it is done, then run again",
            Self::Absent { .. } | Self::Cancelled | Self::Io { .. } => return None,
        })
    }

    /// The same once more, for another who waited for the same thing.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::FullDisk {
                doing,
                path,
                needed,
                reason,
            } => Self::FullDisk {
                doing,
                path: path.clone(),
                needed: *needed,
                reason: same(reason),
            },
            Self::ReadOnly { doing, path, reason }
            | Self::Permission { doing, path, reason }
            | Self::Io { doing, path, reason } => Self::new(doing, path, None, same(reason)),
            Self::OtherVersion { path, found, expected } => Self::OtherVersion {
                path: path.clone(),
                found: found.clone(),
                expected,
            },
            Self::NoLocks { path, kind, reason } => Self::NoLocks {
                path: path.clone(),
                kind,
                reason: reason.clone(),
            },
            Self::Absent { digest } => Self::Absent { digest: *digest },
            Self::Restless { path } => Self::Restless { path: path.clone() },
            Self::Cancelled => Self::Cancelled,
        }
    }

    fn new(doing: &'static str, path: &Path, needed: Option<u64>, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::FullDisk {
                doing,
                path,
                needed,
                reason,
            },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { doing, path, reason },
            io::ErrorKind::PermissionDenied => Self::Permission { doing, path, reason },
            _ => Self::Io { doing, path, reason },
        }
    }
}

/// The system's word once more.
fn same(reason: &io::Error) -> io::Error {
    match reason.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(reason.kind(), reason.to_string()),
    }
}

/// Says what was tried, and on what, where the system says only what went wrong.
pub(super) trait At<T> {
    /// `doing` completes "cannot ...".
    fn at(self, doing: &'static str, path: &Path) -> Result<T, StoreError>;

    /// The same where this many bytes were to be written.
    fn writing(self, doing: &'static str, path: &Path, needed: u64) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|reason| StoreError::new(doing, path, None, reason))
    }

    fn writing(self, doing: &'static str, path: &Path, needed: u64) -> Result<T, StoreError> {
        self.map_err(|reason| StoreError::new(doing, path, Some(needed), reason))
    }
}

/// `None` for what is not there.
pub(super) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
