//! What a store found amiss and mended by itself; a user should know of it, but nothing stops.

use super::held;
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex},
};

/// Something that the store found amiss and dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An object or a training state was not what it should be and was set aside; it counts as absent.
    Quarantined {
        /// Where it lay.
        path: PathBuf,
        /// Where it lies now.
        moved_to: PathBuf,
    },
    /// An object of the store behind is damaged; it counts as absent.
    DamagedBehind {
        /// Where it lies.
        path: PathBuf,
    },
    /// Bytes in the middle of a log are no record; the records before and after them are kept.
    DamagedRecord {
        /// The log.
        log: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// How long it is.
        bytes: u64,
    },
    /// A log ended within a record, because its writer was killed; the end was cut off.
    TornTail {
        /// The log.
        log: PathBuf,
        /// Where it ends now.
        offset: u64,
        /// Bytes that were cut off.
        bytes: u64,
    },
    /// A new store lies on a file system that does not keep all its promises.
    Lies {
        /// The store.
        path: PathBuf,
        /// The name of the file system.
        on: &'static str,
        /// What is not to be relied on.
        but: &'static str,
    },
    /// Something that is no longer needed could not be removed.
    NotRemoved {
        /// What.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quarantined { path, moved_to } => {
                write!(f, "{} was damaged and is now {}", path.display(), moved_to.display())
            }
            Self::DamagedBehind { path } => write!(f, "{} is damaged and is left aside", path.display()),
            Self::DamagedRecord { log, offset, bytes } => {
                let log = log.display();
                write!(f, "{log}: {bytes} bytes at {offset} are damaged and were skipped")
            }
            Self::TornTail { log, offset, bytes } => {
                let log = log.display();
                write!(
                    f,
                    "{log}: an unfinished record of {bytes} bytes at {offset} was cut off"
                )
            }
            Self::Lies { path, on, but } => write!(f, "{} lies on {on}: {but}", path.display()),
            Self::NotRemoved { path, reason } => write!(f, "{} could not be removed: {reason}", path.display()),
        }
    }
}

/// The notices of one open store.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices(Arc<Mutex<Vec<Notice>>>);

impl Notices {
    /// Adds one, once.
    pub(super) fn add(&self, notice: Notice) {
        let mut list = held(&self.0);
        if !list.contains(&notice) {
            list.push(notice);
        }
    }

    /// Takes all.
    pub(super) fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut *held(&self.0))
    }
}
