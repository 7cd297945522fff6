//! Writes that survive a crash: folders are synced as well as files, and scratch space dies with its process.

use super::{
    error::{At, StoreError, if_there},
    notice::{Notice, Notices},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The name of the lock within a scratch folder.
const SCRATCH_LOCK: &str = "lock";

/// Makes the names in a folder durable.
pub(super) fn sync_dir(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .at("sync the folder", folder)
}

/// Makes a folder, durably, and those above it; no error when it is there.
pub(super) fn make_dir(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dir(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error).at("make the folder", folder),
        Ok(()) => parent.map_or(Ok(()), sync_dir),
    }
}

/// Waits for the exclusive lock of a file, signals or not.
pub(super) fn lock_exclusive(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Takes the exclusive lock of a file if nobody has it.
fn try_lock_exclusive(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A lock file, locked until this is dropped or the process ends, and removed then if it can be.
#[derive(Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl LockFile {
    /// Locks `path`, once nobody else has it.
    pub(super) fn wait(path: &Path) -> Result<Self, StoreError> {
        loop {
            let file = Self::open(path)?;
            lock_exclusive(&file).at("lock", path)?;
            if let Some(lock) = Self::if_current(path, file)? {
                return Ok(lock);
            }
        }
    }

    /// Locks `path`; none when another has it.
    pub(super) fn attempt(path: &Path) -> Result<Option<Self>, StoreError> {
        loop {
            let file = Self::open(path)?;
            if !try_lock_exclusive(&file).at("lock", path)? {
                return Ok(None);
            }
            if let Some(lock) = Self::if_current(path, file)? {
                return Ok(Some(lock));
            }
        }
    }

    fn open(path: &Path) -> Result<File, StoreError> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false);
        options.open(path).at("open the lock", path)
    }

    /// None when the holder before has removed the file that was just locked: then others lock a new one.
    fn if_current(path: &Path, file: File) -> Result<Option<Self>, StoreError> {
        let there = if_there(fs::metadata(path)).at("look at the lock", path)?;
        let inode = file.metadata().at("look at the lock", path)?.ino();
        Ok(there.filter(|there| there.ino() == inode).map(|_| Self {
            path: path.to_owned(),
            _file: file,
        }))
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed while the lock is held. A lock file that stays is no harm.
        let _ = fs::remove_file(&self.path);
    }
}

/// The scratch folder of one open store, recognisable as abandoned when its process is gone.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    _lock: LockFile,
}

impl Scratch {
    /// Makes a scratch folder under `tmp`. `gate` is the lock under which they begin and abandoned ones are swept.
    pub(super) fn begin(tmp: &Path, gate: &Path) -> Result<Self, StoreError> {
        let _gate = LockFile::wait(gate)?;
        let folder = tempfile::Builder::new()
            .prefix("process-")
            .tempdir_in(tmp)
            .at("make a folder in", tmp)?;
        let lock = LockFile::wait(&folder.path().join(SCRATCH_LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the scratch folders of processes that are gone.
    pub(super) fn sweep(tmp: &Path, gate: &Path, notices: &Notices) -> Result<(), StoreError> {
        let _gate = LockFile::wait(gate)?;
        for entry in fs::read_dir(tmp).at("list", tmp)? {
            let path = entry.at("list", tmp)?.path();
            // Scratch folders begin behind the gate, so a folder without a lock is a left-over too. A lock is opened, not made:
            // its process may be removing the folder just now.
            let lock = OpenOptions::new().write(true).open(path.join(SCRATCH_LOCK)).ok();
            if let Some(lock) = &lock
                && !try_lock_exclusive(lock).at("lock", &path)?
            {
                continue;
            }
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            if let Err(error) = if_there(removed) {
                notices.add(Notice::NotRemoved {
                    path,
                    reason: error.to_string(),
                });
            }
        }
        Ok(())
    }
}
