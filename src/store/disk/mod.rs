//! The seam between the store and file systems: every operation that the store does on one.
//!
//! # How to use it
//!
//! - Code in `store/` names neither `std::fs` nor `tempfile` (a test sees to it): it is given an `Arc<dyn Disk>` and calls that.
//! - A file that must be whole or absent: `Temp::new_in` on the same file system, write it
//!   (`std::io::Write` works on a `dyn DiskFile`), [`DiskFile::sync`], `Temp::persist`, then [`Disk::sync_dir`] of its
//!   folder. Contents are durable before names, names before records.
//! - Contents are read by `Digest::of_reader(disk.open(path, Open::Read)?)`, or `read_file`.
//! - Nothing is taken to be on the disk that was not synced, and no failed sync is tried again on the same file: the system may
//!   have dropped what it could not write (Rebello et al. 2020, "Can applications recover from fsync failures?").
//! - [`Disk::list`] is sorted, so that the n-th operation of a scenario is the same one every time.
//!
//! [`RealDisk`] is the machine's. Another one can fail on demand; a path that does not go through the seam escapes it.

mod real;

pub use real::RealDisk;

use std::{ffi::OsString, fmt, io, path::Path};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To be read; it must be there.
    Read,
    /// To be written and read; it must not be there.
    New,
    /// To be read, and written at its end; made when it is not there.
    Append,
    /// To be locked; made when it is not there.
    Lock,
    /// To be locked; it must be there.
    LockThere,
}

/// How a file or folder looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// True for a folder.
    pub is_dir: bool,
    /// True for a plain file.
    pub is_file: bool,
    /// Bytes.
    pub size: u64,
    /// When its contents last changed, in nanoseconds since 1970.
    pub modified: i128,
    /// When anything of it last changed, in nanoseconds since 1970.
    pub changed: i128,
    /// Its number within its file system.
    pub inode: u64,
    /// The bits of its permissions.
    pub mode: u32,
}

/// An open file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Reads on, at most the buffer's length; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Reads at a place; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes on, as much as the system takes at once.
    ///
    /// # Errors
    /// The system's.
    fn write_on(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Shortens the file.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes contents and length durable.
    ///
    /// # Errors
    /// The system's; then nothing is known of what was written since the last sync.
    fn sync(&self) -> io::Result<()>;

    /// Waits for the exclusive lock, which ends with the file's last handle.
    ///
    /// # Errors
    /// The system's.
    fn lock(&self) -> io::Result<()>;

    /// Waits for a lock that others may have at the same time, but nobody the exclusive one.
    ///
    /// # Errors
    /// The system's.
    fn lock_shared(&self) -> io::Result<()>;

    /// Takes the exclusive lock, or gives false when another handle has it.
    ///
    /// # Errors
    /// The system's.
    fn try_lock(&self) -> io::Result<bool>;

    /// Gives the lock back.
    ///
    /// # Errors
    /// The system's.
    fn unlock(&self) -> io::Result<()>;

    /// How it looks.
    ///
    /// # Errors
    /// The system's.
    fn look(&self) -> io::Result<Look>;
}

/// What a file system can do. Paths are absolute; links are followed.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;

    /// How a file or folder looks.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::NotFound`] when it is not there.
    fn look(&self, path: &Path) -> io::Result<Look>;

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// Makes a folder.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::AlreadyExists`] when it is there.
    fn make_dir(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file or folder another name, which another file may have had.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// The system's.
    fn remove_dir(&self, folder: &Path) -> io::Result<()>;

    /// Sets the bits of a file's permissions.
    ///
    /// # Errors
    /// The system's.
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()>;

    /// Copies contents into a new file, sharing blocks where the file system can. Gives the bytes.
    ///
    /// # Errors
    /// The system's; then a part may be there.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<u64>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::CrossesDevices`] when the other name lies elsewhere.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The system's; then nothing is known of the names changed since the last sync.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;

    /// Makes everything durable that was changed on a folder's file system. False when this system cannot, or cannot tell
    /// whether it could.
    ///
    /// # Errors
    /// The system's; then nothing is known of what was changed since the last sync.
    fn sync_all(&self, folder: &Path) -> io::Result<bool>;

    /// What kind of file system a folder lies on.
    ///
    /// # Errors
    /// The system's.
    fn kind(&self, folder: &Path) -> io::Result<Kind>;
}

/// Kinds of file systems, as far as the store's promises depend on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On a disk of this machine: ext4, xfs, btrfs and others of which nothing else is known.
    Local(&'static str),
    /// In memory: gone when the machine stops.
    Memory(&'static str),
    /// Shared over a network: locks may hold on one machine alone, and what others wrote is seen when a file is opened.
    Network(&'static str),
}

impl Kind {
    /// Its name: `ext4`, `tmpfs`, `nfs`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Local(name) | Self::Memory(name) | Self::Network(name) => name,
        }
    }
}

impl io::Read for dyn DiskFile + '_ {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_on(buffer)
    }
}

impl io::Write for dyn DiskFile + '_ {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_on(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all, in as many steps as the system wants.
pub(super) fn write_all(file: &dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_on(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads what there is at a place, up to the buffer's length; gives how much.
pub(super) fn read_full_at(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A small file's contents.
pub(super) fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut disk.open(path, Open::Read)?, &mut bytes)?;
    Ok(bytes)
}

/// True when something is there.
pub(super) fn is_there(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.look(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    }
}

/// True for a folder, false for anything else and for nothing.
pub(super) fn is_dir(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.look(path) {
        Ok(look) => Ok(look.is_dir),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file, or a folder with all that is in it; no error for what is gone already.
pub(super) fn remove_all(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    if !is_dir(disk, path)? {
        return gone(disk.remove_file(path));
    }
    let names = match disk.list(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    for name in names {
        remove_all(disk, &path.join(name))?;
    }
    gone(disk.remove_dir(path))
}
