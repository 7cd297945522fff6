//! On what kind of file system a store lies, and what is not to be relied on there.
//!
//! - In memory nothing outlives the machine.
//! - Over a network locks hold between machines as far as the server sees to it, and what others wrote is seen late; so what
//!   another machine records meanwhile may be computed twice, and `syncfs` is not asked, as it tells nothing of the server.
//! - Where locks fail, or do nothing, no store is opened: a process could not tell the work of another from that of a dead one.

use super::{
    Store,
    disk::{Disk, Kind, Open},
    error::{At, StoreError},
    notice::{Notice, Notices},
};
use serde::Serialize;
use std::{fmt, io, path::Path};

/// How far locks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Locks {
    /// Between all processes that can reach the store.
    Hold,
    /// Between those of this machine; between machines as far as the server sees to it.
    HoldHere,
}

/// Where a store lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    /// Its name: `ext4`, `tmpfs`, `nfs`.
    pub name: &'static str,
    /// How far locks hold.
    pub locks: Locks,
    /// What is not to be relied on.
    pub but: Option<&'static str>,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.but.map_or(Ok(()), |but| write!(f, " ({but})"))
    }
}

impl FileSystem {
    const fn of(kind: &Kind) -> Self {
        let (locks, but) = match kind {
            Kind::Local(_) => (Locks::Hold, None),
            Kind::Memory(_) => (Locks::Hold, Some("what is stored is gone when the machine stops")),
            Kind::Network(_) => (
                Locks::HoldHere,
                Some(
                    "locks hold between machines only as far as the server sees to it, so use it from one machine at a time unless you know that it does",
                ),
            ),
        };
        Self {
            name: kind.name(),
            locks,
            but,
        }
    }
}

impl Store {
    /// On what kind of file system the store lies.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn file_system(&self) -> Result<FileSystem, StoreError> {
        let kind = self.disk.kind(&self.root).at("look at", &self.root)?;
        Ok(FileSystem::of(&kind))
    }
}

/// Says once, when a store is made, what is not to be relied on where it lies.
pub(super) fn tell(disk: &dyn Disk, root: &Path, notices: &Notices) -> Result<(), StoreError> {
    let FileSystem { name, but, .. } = FileSystem::of(&disk.kind(root).at("look at", root)?);
    if let Some(but) = but {
        notices.add(Notice::Lies {
            path: root.to_owned(),
            on: name,
            but,
        });
    }
    Ok(())
}

/// Tries whether a lock keeps a second handle out. Other processes may hold the lock that is tried, which says the same.
pub(super) fn check_locks(disk: &dyn Disk, root: &Path) -> Result<(), StoreError> {
    let path = root.join("VERSION");
    let open = || disk.open(&path, Open::LockThere).at("open", &path);
    let (one, two) = (open()?, open()?);
    let reason = match one.try_lock().and_then(|has| Ok((has, two.try_lock()?))) {
        Ok((true, true)) => "one that was taken kept nobody out".to_owned(),
        Ok(_) => return Ok(()),
        Err(error) if is_without_locks(&error) => error.to_string(),
        Err(error) => return Err(error).at("lock", &path),
    };
    Err(StoreError::NoLocks {
        path: root.to_owned(),
        kind: disk.kind(root).at("look at", root)?.name(),
        reason,
    })
}

/// True for what file systems say that have no locks: Linux's ENOSYS, ENOLCK and EOPNOTSUPP, and EINVAL of old clients.
fn is_without_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(22 | 37 | 38 | 95))
}
