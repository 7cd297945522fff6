//! GPUs: which there are, and the right to each of them, which one process has at a time.
//!
//! The CPU's cores are shared by all processes; a GPU's memory is not, so a process leases it while one of its stages runs
//! there. Its stages share the lease and, by their peaks, the memory. A lease is a lock on a file, which ends with the process
//! whatever ends it.

use super::crew::held;
use std::{
    env, fs,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// What tells it from others on the machine, in every process: its serial number or place on the bus.
    pub id: String,
    /// Bytes of its memory.
    pub bytes: u64,
}

/// The GPUs that stages may run on. This build computes on CPUs alone and finds none; the schedule and the leases do not
/// depend on what computes, and are tested with invented ones.
#[derive(Debug)]
pub struct Devices {
    gpus: Vec<Gpu>,
    folder: PathBuf,
    leases: Mutex<Vec<Weak<Lease>>>,
}

/// The right to a GPU, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    _lock: File,
}

impl Default for Devices {
    fn default() -> Self {
        Self::new(Vec::new(), &leases())
    }
}

impl PartialEq for Devices {
    fn eq(&self, other: &Self) -> bool {
        (&self.gpus, &self.folder) == (&other.gpus, &other.folder)
    }
}

/// Where the locks of a user's processes lie on this machine: the memory of a device is no matter of the store, which several
/// machines may share.
fn leases() -> PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    runtime.map_or_else(env::temp_dir, PathBuf::from).join("mtl-devices")
}

impl Devices {
    /// These GPUs, whose locks lie in `folder`.
    #[must_use]
    pub fn new(gpus: Vec<Gpu>, folder: &Path) -> Self {
        Self {
            leases: Mutex::new(gpus.iter().map(|_| Weak::new()).collect()),
            gpus,
            folder: folder.to_owned(),
        }
    }

    /// The GPUs.
    #[must_use]
    pub fn gpus(&self) -> &[Gpu] {
        &self.gpus
    }

    /// The right to a GPU, shared with the stages of this process that have it; none while another process does.
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub fn lease(&self, gpu: usize) -> io::Result<Option<Arc<Lease>>> {
        let mut leases = held(&self.leases);
        let (Some(known), Some(Gpu { id, .. })) = (leases.get_mut(gpu), self.gpus.get(gpu)) else {
            return Ok(None);
        };
        if let Some(lease) = known.upgrade() {
            return Ok(Some(lease));
        }
        fs::create_dir_all(&self.folder)?;
        let name: String = id
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(name))?;
        match file.try_lock() {
            Ok(()) => {
                let lease = Arc::new(Lease { _lock: file });
                *known = Arc::downgrade(&lease);
                Ok(Some(lease))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_leased_to_one_process_and_shared_by_its_stages() {
        let folder = tempfile::tempdir().expect("a folder");
        let gpus = || {
            let gpu = |id: &str| Gpu {
                id: id.to_owned(),
                bytes: 1 << 30,
            };
            vec![gpu("GPU-1/a"), gpu("GPU-2")]
        };
        // Locks belong to open files, so two values behave as two processes do.
        let (one, other) = (Devices::new(gpus(), folder.path()), Devices::new(gpus(), folder.path()));
        let lease = |devices: &Devices, gpu| devices.lease(gpu).expect("locks can be made");
        let (first, second) = (lease(&one, 0), lease(&one, 0));
        assert!(first.is_some() && second.is_some(), "two stages share it");
        assert!(lease(&other, 0).is_none(), "another process waits");
        assert!(lease(&other, 1).is_some(), "and takes another one");
        drop(first);
        assert!(lease(&other, 0).is_none(), "one stage still runs");
        drop(second);
        assert!(lease(&other, 0).is_some());
        assert!(lease(&one, 7).is_none(), "there is none");
        assert!(Devices::default().gpus().is_empty());
    }
}
