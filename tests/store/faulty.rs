//! A disk that counts its operations and fails on demand.

use mtl::store::disk::{Disk, DiskFile, Kind, Look, Open, RealDisk};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The n-th operation gives this error of the system, and once it is done the disk is well again.
    Once(i32),
    /// All operations from the n-th on do.
    FromThenOn(i32),
    /// The n-th write takes half of what it is given, and the next ones nothing: the disk is full.
    HalfWrite,
    /// The n-th write takes one byte, and the next ones go on.
    ShortWrite,
    /// The n-th sync fails.
    Sync,
    /// Nothing fails, and every sync takes some milliseconds, as on a disk.
    Slow,
    /// Locks are given to everybody.
    LocksDoNothing,
    /// Locks are given to nobody, as on Lustre without `-o flock`: this error of the system.
    LocksFail(i32),
}

#[derive(Debug)]
struct Plan {
    fault: Fault,
    at: u64,
    count: AtomicU64,
    syncs: AtomicU64,
    /// What it says that it is.
    kind: Option<Kind>,
    /// A folder that takes no writes.
    closed: Option<PathBuf>,
}

/// The machine's disk, but for one fault.
#[derive(Clone, Debug)]
pub(crate) struct Faulty(Arc<Plan>);

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Write,
    Sync,
    Other,
}

impl Faulty {
    /// Fails at the operation with this number, from 0, of those that the fault concerns.
    pub(crate) fn new(fault: Fault, at: u64) -> Self {
        Self(Arc::new(Plan {
            fault,
            at,
            count: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            kind: None,
            closed: None,
        }))
    }

    /// A disk that says that it is of this kind, with a fault from the first operation on, or none.
    pub(crate) fn of_kind(kind: Kind, fault: Option<Fault>) -> Self {
        Self(Arc::new(Plan {
            fault: fault.unwrap_or(Fault::Sync),
            at: u64::MAX,
            count: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            kind: Some(kind),
            closed: None,
        }))
    }

    /// A disk of which a folder is read-only.
    pub(crate) fn closed(folder: &Path) -> Self {
        Self(Arc::new(Plan {
            fault: Fault::Sync,
            at: u64::MAX,
            count: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            kind: None,
            closed: Some(folder.to_owned()),
        }))
    }

    /// Refuses to write in the folder that takes no writes.
    fn writes(&self, path: &Path) -> io::Result<()> {
        match &self.0.closed {
            Some(closed) if path.starts_with(closed) => Err(io::Error::from_raw_os_error(libc::EROFS)),
            _ => Ok(()),
        }
    }

    /// What a lock does that does not work; none when locks work.
    fn lock_fault(&self) -> Option<io::Result<bool>> {
        match self.0.fault {
            Fault::LocksDoNothing => Some(Ok(true)),
            Fault::LocksFail(error) => Some(Err(io::Error::from_raw_os_error(error))),
            _ => None,
        }
    }

    /// A disk that only counts.
    pub(crate) fn sound() -> Self {
        Self::new(Fault::Once(0), u64::MAX)
    }

    /// True when the fault has happened.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.count.load(Ordering::Relaxed) > self.0.at
    }

    /// Operations so far, of a sound disk.
    #[allow(dead_code, reason = "another test counts with it")]
    pub(crate) fn operations(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Syncs so far: of files, folders and whole file systems.
    pub(crate) fn syncs(&self) -> u64 {
        self.0.syncs.load(Ordering::Relaxed)
    }

    /// How many operations before or after the one that fails this one is; none when the fault does not concern it.
    fn turn(&self, step: Step) -> Option<(u64, u64)> {
        if step == Step::Sync {
            self.0.syncs.fetch_add(1, Ordering::Relaxed);
            if matches!(self.0.fault, Fault::Slow) {
                thread::sleep(Duration::from_millis(20));
            }
        }
        let counts = match self.0.fault {
            Fault::Once(_) | Fault::FromThenOn(_) => true,
            Fault::HalfWrite | Fault::ShortWrite => step == Step::Write,
            Fault::Sync => step == Step::Sync,
            Fault::Slow => false,
            Fault::LocksDoNothing | Fault::LocksFail(_) => false,
        };
        counts.then(|| (self.0.count.fetch_add(1, Ordering::Relaxed), self.0.at))
    }

    fn step(&self, step: Step) -> io::Result<()> {
        let Some((now, at)) = self.turn(step) else {
            return Ok(());
        };
        match self.0.fault {
            Fault::Once(error) if now == at => Err(io::Error::from_raw_os_error(error)),
            Fault::FromThenOn(error) if now >= at => Err(io::Error::from_raw_os_error(error)),
            Fault::Sync if now == at => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn DiskFile>,
    disk: Faulty,
}

impl DiskFile for FaultyFile {
    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.step(Step::Other)?;
        self.file.read_on(buffer)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.step(Step::Other)?;
        self.file.read_at(buffer, offset)
    }

    fn write_on(&self, bytes: &[u8]) -> io::Result<usize> {
        let full = || Err(io::Error::from_raw_os_error(libc::ENOSPC));
        match self.disk.0.fault {
            Fault::HalfWrite | Fault::ShortWrite => {}
            _ => {
                self.disk.step(Step::Write)?;
                return self.file.write_on(bytes);
            }
        }
        let (now, at) = self.disk.turn(Step::Write).expect("it concerns writes");
        match self.disk.0.fault {
            Fault::ShortWrite if now == at => self.file.write_on(&bytes[..bytes.len().min(1)]),
            Fault::HalfWrite if now == at && bytes.len() > 1 => self.file.write_on(&bytes[..bytes.len() / 2]),
            Fault::HalfWrite if now >= at => full(),
            _ => self.file.write_on(bytes),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.step(Step::Other)?;
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.step(Step::Sync)?;
        self.file.sync()
    }

    fn lock(&self) -> io::Result<()> {
        if let Some(fault) = self.disk.lock_fault() {
            return fault.map(|_| ());
        }
        self.disk.step(Step::Other)?;
        self.file.lock()
    }

    fn lock_shared(&self) -> io::Result<()> {
        if let Some(fault) = self.disk.lock_fault() {
            return fault.map(|_| ());
        }
        self.disk.step(Step::Other)?;
        self.file.lock_shared()
    }

    fn try_lock(&self) -> io::Result<bool> {
        if let Some(fault) = self.disk.lock_fault() {
            return fault;
        }
        self.disk.step(Step::Other)?;
        self.file.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        // The store unlocks when it drops a lock; a failure there leaves the lock to the end of the process, as it is
        // documented, and would keep the rerun of these tests, in the same process, waiting.
        self.file.unlock()
    }

    fn look(&self) -> io::Result<Look> {
        self.disk.step(Step::Other)?;
        self.file.look()
    }
}

impl Disk for Faulty {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        if how != Open::Read {
            self.writes(path)?;
        }
        self.step(Step::Other)?;
        Ok(Box::new(FaultyFile {
            file: RealDisk.open(path, how)?,
            disk: self.clone(),
        }))
    }

    fn look(&self, path: &Path) -> io::Result<Look> {
        self.step(Step::Other)?;
        RealDisk.look(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.step(Step::Other)?;
        RealDisk.list(folder)
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.writes(folder)?;
        self.step(Step::Other)?;
        RealDisk.make_dir(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writes(to)?;
        self.step(Step::Other)?;
        RealDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.writes(path)?;
        self.step(Step::Other)?;
        RealDisk.remove_file(path)
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        self.writes(folder)?;
        self.step(Step::Other)?;
        RealDisk.remove_dir(folder)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.writes(path)?;
        self.step(Step::Other)?;
        RealDisk.set_mode(path, mode)
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<u64> {
        self.step(Step::Other)?;
        RealDisk.copy(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writes(from)?;
        self.step(Step::Other)?;
        RealDisk.hard_link(from, to)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.writes(folder)?;
        self.step(Step::Sync)?;
        RealDisk.sync_dir(folder)
    }

    fn sync_all(&self, folder: &Path) -> io::Result<bool> {
        self.step(Step::Sync)?;
        RealDisk.sync_all(folder)
    }

    fn kind(&self, folder: &Path) -> io::Result<Kind> {
        self.step(Step::Other)?;
        if let Some(kind) = &self.0.kind {
            return Ok(kind.clone());
        }
        RealDisk.kind(folder)
    }
}
