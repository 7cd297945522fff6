//! Writes that survive a crash: folders are synced as well as files, and scratch space dies with its process.

use super::{
    disk::{self, Disk, DiskFile, Open},
    error::{At, StoreError, if_there},
    notice::{Notice, Notices},
};
use std::{
    io,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The name of the lock within a scratch folder.
const SCRATCH_LOCK: &str = "lock";

/// Makes the names in a folder durable.
pub(super) fn sync_dir(disk: &dyn Disk, folder: &Path) -> Result<(), StoreError> {
    disk.sync_dir(folder).at("sync the folder", folder)
}

/// Makes a folder, durably, and those above it; no error when it is there.
pub(super) fn make_dir(disk: &dyn Disk, folder: &Path) -> Result<(), StoreError> {
    let made = make_dirs(disk, folder)?;
    for folder in made {
        sync_dir(disk, &folder)?;
    }
    Ok(())
}

/// Makes a folder and those above it. Gives the folders whose names changed, still to be synced.
pub(super) fn make_dirs(disk: &dyn Disk, folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if disk::is_dir(disk, folder).at("look at", folder)? {
        return Ok(Vec::new());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut made = match parent {
        Some(parent) => make_dirs(disk, parent)?,
        None => Vec::new(),
    };
    match disk.make_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !disk::is_dir(disk, folder).at("look at", folder)? {
                return Err(error).at("make the folder", folder);
            }
        }
        result => result.at("make the folder", folder)?,
    }
    made.extend(parent.map(Path::to_owned));
    Ok(made)
}

/// Tries names in a folder until `make` finds one free: another process, of another machine too, may have the same number.
fn with_free_name<T>(
    folder: &Path,
    prefix: &str,
    mut make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{prefix}{}-{count}", process::id()));
        match make(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|made| (path, made)),
        }
    }
}

/// A new file that goes when this is dropped, unless it has got its name.
#[derive(Debug)]
pub(super) struct Temp {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    is_kept: bool,
}

impl Temp {
    /// A new file in a folder.
    pub(super) fn new_in(disk: &Arc<dyn Disk>, folder: &Path, prefix: &str) -> io::Result<Self> {
        let (path, file) = with_free_name(folder, prefix, |path| disk.open(path, Open::New))?;
        Ok(Self {
            disk: Arc::clone(disk),
            path,
            file,
            is_kept: false,
        })
    }

    /// A copy of a file in a folder; blocks are shared where the file system can.
    pub(super) fn copy_of(disk: &Arc<dyn Disk>, from: &Path, folder: &Path, prefix: &str) -> io::Result<Self> {
        let (path, file) = with_free_name(folder, prefix, |path| {
            let copied = disk.copy(from, path).and_then(|_| disk.open(path, Open::Read));
            if copied
                .as_ref()
                .is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists)
            {
                let _ = disk.remove_file(path);
            }
            copied
        })?;
        Ok(Self {
            disk: Arc::clone(disk),
            path,
            file,
            is_kept: false,
        })
    }

    /// A second name of a file in a folder; none where there can be none, as on another file system.
    pub(super) fn link_of(disk: &Arc<dyn Disk>, from: &Path, folder: &Path, prefix: &str) -> Option<Self> {
        let linked = with_free_name(folder, prefix, |path| {
            disk.hard_link(from, path)?;
            disk.open(path, Open::Read)
        });
        linked.ok().map(|(path, file)| Self {
            disk: Arc::clone(disk),
            path,
            file,
            is_kept: false,
        })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub(super) fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// The same, to be written by `std::io`.
    pub(super) fn file_mut(&mut self) -> &mut (dyn DiskFile + 'static) {
        &mut *self.file
    }

    /// Leaves it where it lies.
    pub(super) fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        self.path.clone()
    }

    /// Gives it a name that nothing has; false when something has it. Where the file system has no hard links, what has got
    /// the name meanwhile is replaced. The folder is not synced yet.
    pub(super) fn persist_new(self, target: &Path) -> io::Result<bool> {
        match self.disk.hard_link(&self.path, target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(_) => self.persist(target).map(|()| true),
        }
    }

    /// Gives it its name. The folder is not synced yet.
    pub(super) fn persist(mut self, target: &Path) -> io::Result<()> {
        self.disk.rename(&self.path, target)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.is_kept {
            // What stays lies in scratch space, which is swept.
            let _ = self.disk.remove_file(&self.path);
        }
    }
}

/// An empty folder that goes, with all that is in it, when this is dropped.
#[derive(Debug)]
pub struct ScratchDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl ScratchDir {
    pub(super) fn new_in(disk: &Arc<dyn Disk>, folder: &Path, prefix: &str) -> io::Result<Self> {
        let (path, ()) = with_free_name(folder, prefix, |path| disk.make_dir(path))?;
        Ok(Self {
            disk: Arc::clone(disk),
            path,
        })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // What stays is swept when the process is gone.
        let _ = disk::remove_all(&*self.disk, &self.path);
    }
}

/// A lock file, locked until this is dropped or the process ends, and removed then if it can be.
#[derive(Debug)]
pub(super) struct LockFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// Holds the lock.
    _file: Box<dyn DiskFile>,
}

impl LockFile {
    /// Locks `path`, once nobody else has it.
    pub(super) fn wait(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        loop {
            let file = disk.open(path, Open::Lock).at("open the lock", path)?;
            file.lock().at("lock", path)?;
            if let Some(lock) = Self::if_current(disk, path, file)? {
                return Ok(lock);
            }
        }
    }

    /// Locks `path`; none when another has it.
    pub(super) fn attempt(disk: &Arc<dyn Disk>, path: &Path) -> Result<Option<Self>, StoreError> {
        loop {
            let file = disk.open(path, Open::Lock).at("open the lock", path)?;
            if !file.try_lock().at("lock", path)? {
                return Ok(None);
            }
            if let Some(lock) = Self::if_current(disk, path, file)? {
                return Ok(Some(lock));
            }
        }
    }

    /// None when the holder before has removed the file that was just locked: then others lock a new one.
    fn if_current(disk: &Arc<dyn Disk>, path: &Path, file: Box<dyn DiskFile>) -> Result<Option<Self>, StoreError> {
        let there = if_there(disk.look(path)).at("look at the lock", path)?;
        let inode = file.look().at("look at the lock", path)?.inode;
        Ok(there.filter(|there| there.inode == inode).map(|_| Self {
            disk: Arc::clone(disk),
            path: path.to_owned(),
            _file: file,
        }))
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed while the lock is held. A lock file that stays is no harm.
        let _ = self.disk.remove_file(&self.path);
    }
}

/// The scratch folder of one open store, recognisable as abandoned when its process is gone.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: ScratchDir,
    _lock: LockFile,
}

impl Scratch {
    /// Makes a scratch folder under `tmp`. `gate` is the lock under which they begin and abandoned ones are swept.
    pub(super) fn begin(disk: &Arc<dyn Disk>, tmp: &Path, gate: &Path) -> Result<Self, StoreError> {
        let _gate = LockFile::wait(disk, gate)?;
        let folder = ScratchDir::new_in(disk, tmp, "process-").at("make a folder in", tmp)?;
        let lock = LockFile::wait(disk, &folder.path().join(SCRATCH_LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the scratch folders of processes that are gone.
    pub(super) fn sweep(disk: &Arc<dyn Disk>, tmp: &Path, gate: &Path, notices: &Notices) -> Result<(), StoreError> {
        let _gate = LockFile::wait(disk, gate)?;
        for name in disk.list(tmp).at("list", tmp)? {
            let path = tmp.join(name);
            // Scratch folders begin behind the gate, so a folder without a lock is a left-over too. A lock is opened, not made:
            // its process may be removing the folder just now.
            let lock = match disk.open(&path.join(SCRATCH_LOCK), Open::LockThere) {
                Ok(lock) => Some(lock),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
                // Nothing is known of it; a later process sweeps.
                Err(_) => continue,
            };
            if let Some(lock) = &lock
                && !lock.try_lock().at("lock", &path)?
            {
                continue;
            }
            if let Err(error) = disk::remove_all(&**disk, &path) {
                notices.add(Notice::NotRemoved {
                    path,
                    reason: error.to_string(),
                });
            }
        }
        Ok(())
    }
}
