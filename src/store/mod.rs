//! The content-addressed store: objects, action records, the file index, saved states and locks.
//!
//! | in the store's folder | holds |
//! |---|---|
//! | `VERSION` | the layout's version; another one is refused |
//! | `objects/ab/cdef...` | contents, by digest; read-only, never changed |
//! | `actions` | log: a stage's key, the digests of its outputs, how they came about |
//! | `history` | log: what is remembered of runs |
//! | `fields` | log: what stages were computed with, for explanations; not synced |
//! | `index` | log: what files look like whose digests are known |
//! | `looks` | log: every time that results on test data were shown, and every locked plan; a chain |
//! | `partial/<key>/` | the saved state of an unfinished stage |
//! | `trail/` | the states after the epochs of trainings: a log of them, and their parts by digest |
//! | `quarantine/` | what was damaged |
//! | `tmp/` | scratch space with notes of what its process uses, swept when the process is gone |
//! | `locks/` | files locked with `flock`, so locks die with their processes |
//!
//! Everything is written in an order that leaves a valid store at any moment: an object is synced under a temporary
//! name, renamed, and its folder synced, before any record names it; a record is one synced write to the end of a log,
//! whose torn end the next process cuts off. Nothing read from the store is trusted: an object's digest is verified
//! when it enters a computation, and a damaged one counts as absent, so its stage runs again. What is no longer wanted goes in
//! the other order: first the records, then what no record names any more.
//!
//! Several processes may share a store, and several threads a [`Store`].

mod actions;
mod commit;
mod costs;
pub mod disk;
mod durable;
mod error;
mod fields;
mod files;
mod front;
mod gc;
mod history;
mod kind;
mod ledger;
mod log;
mod notice;
mod objects;
mod partial;
mod size;
mod trail;
mod uses;
mod verify;

pub use actions::{Action, Product, Provenance};
pub use costs::Cost;
pub use disk::{Disk, RealDisk};
pub use durable::ScratchDir;
pub use error::StoreError;
pub use fields::FieldsLog;
pub use files::HashProgress;
pub use gc::{Blob, Collected, Going, Holding, Holdings, Item};
pub use history::RUN_ID;
pub use kind::{FileSystem, Locks};
pub use ledger::{Entry, Locked, Look, Looks, PlanLock, Seen, Trigger};
pub use notice::Notice;
pub use size::{SizeReport, Tally};
pub use trail::{EpochState, TrailPart};
pub use verify::{Damaged, Verified};

use crate::plan::{canon::Key, digest::Digest};
use actions::Actions;
use commit::Queue;
use costs::CostLog;
use disk::Open;
use durable::{LockFile, Scratch, Temp, make_dir, make_dirs, sync_dir};
use error::{At, if_there};
use files::{FileIndex, Stat, hash_all};
use ledger::Ledger;
use notice::Notices;
use objects::{Objects, Staged};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use trail::Trail;
use uses::Uses;

/// What `VERSION` says of the layout described above.
const VERSION: &str = "mtl store 1";

/// An open store.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// The store that is only read, whose results are known here as well.
    behind: Option<PathBuf>,
    objects: Objects,
    actions: Mutex<Actions>,
    /// Read when it is first needed: it may have a million entries.
    index: Mutex<Option<FileIndex>>,
    /// Read when it is first needed.
    ledger: Mutex<Option<Ledger>>,
    scratch: Mutex<Option<Scratch>>,
    /// Read when it is first needed.
    costs: Mutex<Option<CostLog>>,
    queue: Queue,
    uses: Uses,
    trail: Trail,
    notices: Notices,
}

/// How files are brought out of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// As copies; blocks are shared where the file system can.
    #[default]
    Copy,
    /// As second names, where the file system can, else as copies.
    Hard,
}

/// The right to compute a stage, until it is dropped or its process ends.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct StageLock {
    _file: LockFile,
}

/// A lock's contents. A thread that panicked with it cannot have left them half changed: what is in memory follows what
/// is on the disk, record by record.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the store in a folder, or makes one there; mends what killed processes left.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`] for a store of another layout, and whatever keeps its files from being written.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_on(Arc::new(RealDisk), folder)
    }

    /// The same on any file system.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(disk, folder, None)
    }

    fn open_with(disk: Arc<dyn Disk>, folder: &Path, behind: Option<PathBuf>) -> Result<Self, StoreError> {
        let root = std::path::absolute(folder).at("find", folder)?;
        make_dir(&*disk, &root)?;
        let notices = Notices::default();
        let is_new = check_version(&disk, &root)?;
        kind::check_locks(&*disk, &root)?;
        if is_new {
            kind::tell(&*disk, &root, &notices)?;
        }
        for name in ["objects", "partial", "trail", "quarantine", "tmp", "locks"] {
            make_dir(&*disk, &root.join(name))?;
        }
        if let Some(behind) = &behind {
            front::take_over(&disk, (&root, behind), &notices)?;
        }
        let trail = Trail::new(&disk, (&root, behind.as_deref()), &notices);
        let store = Self {
            trail,
            objects: Objects::new(
                Arc::clone(&disk),
                (root.join("objects"), behind.as_ref().map(|store| store.join("objects"))),
                root.join("quarantine"),
                notices.clone(),
            ),
            actions: Mutex::new(Actions::open(&disk, &root.join("actions"), &notices)?),
            index: Mutex::default(),
            ledger: Mutex::default(),
            costs: Mutex::default(),
            scratch: Mutex::default(),
            queue: Queue::default(),
            uses: Uses::default(),
            notices,
            root,
            behind,
            disk,
        };
        Scratch::sweep(&store.disk, &store.root.join("tmp"), &store.gate(), &store.notices)?;
        store.sweep_partial()?;
        Ok(store)
    }

    /// The store's folder, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was found amiss and mended since the last call.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// An empty folder for a stage's outputs, on the store's own disk; it goes when the value is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<ScratchDir, StoreError> {
        self.with_scratch(|scratch| {
            let folder = scratch.path();
            ScratchDir::new_in(&self.disk, folder, "stage-").at("make a folder in", folder)
        })
    }

    /// Stores a file's contents. A file in a [`Store::scratch`] folder is moved, any other is copied.
    ///
    /// # Errors
    /// When it cannot be read, or not be written to the store; then the store holds what it held before.
    pub fn put_file(&self, path: &Path) -> Result<Digest, StoreError> {
        if self.is_scratch(path) {
            return self.put(&self.objects.stage(path)?);
        }
        let scratch = self.scratch()?;
        let copy = self.copy_in(path, &scratch)?;
        self.put(&copy)
    }

    /// A copy of a file in scratch space.
    fn copy_in(&self, path: &Path, scratch: &ScratchDir) -> Result<Staged, StoreError> {
        let file = self.disk.open(path, Open::Read).at("read", path)?;
        let size = file.look().at("read", path)?.size;
        self.objects.copy_in(file, size, scratch.path())
    }

    /// Stores some bytes.
    ///
    /// # Errors
    /// As for [`Store::put_file`].
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let is_there = self.at_gate(|_| {
            let is_there = self.objects.is_durable(digest)?;
            self.note(is_there.then_some(digest).into_iter());
            Ok(is_there)
        })?;
        if is_there {
            return Ok(digest);
        }
        let scratch = self.scratch()?;
        let copy = self.objects.copy_in(bytes, bytes.len() as u64, scratch.path())?;
        self.put(&copy)
    }

    /// Makes a file of the scratch space an object.
    fn put(&self, staged: &Staged) -> Result<Digest, StoreError> {
        let digest = staged.digest;
        self.at_gate(|_| {
            self.objects.place(&[staged])?;
            self.note(std::iter::once(digest));
            Ok(())
        })?;
        Ok(digest)
    }

    /// Where an object lies if the store has it. What is read there for a computation goes through [`Store::verified`].
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.objects.path(digest)
    }

    /// The file of an object, its contents verified: read and hashed once per process, and again when the file no longer
    /// looks the same. None when it is absent, or was damaged and is in quarantine now.
    ///
    /// # Errors
    /// When the object is there and cannot be read, for lack of permission for example.
    pub fn verified(&self, digest: Digest) -> Result<Option<PathBuf>, StoreError> {
        let found = self.objects.verified(digest)?;
        Ok(found.map(|(path, _)| path))
    }

    /// True when an object is there and its contents are right: they are read once per process, and again when the file looks
    /// otherwise.
    ///
    /// # Errors
    /// As for [`Store::verified`].
    pub fn is_intact(&self, digest: Digest) -> Result<bool, StoreError> {
        Ok(self.objects.verified(digest)?.is_some())
    }

    /// Writes an object to a file outside the store, whole or not at all. A file that has the contents already is left, unless
    /// it is to be a copy and is a second name of the object.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when the store has no sound object, and whatever keeps the file from being written.
    pub fn materialize(&self, digest: Digest, target: &Path, how: Link) -> Result<(), StoreError> {
        let source = self.verified(digest)?.ok_or(StoreError::Absent { digest })?;
        let size = self.disk.look(&source).at("look at", &source)?.size;
        let holds = || self.disk.open(target, Open::Read).and_then(Digest::of_reader);
        let there = self.disk.look(target);
        let is_there =
            there.is_ok_and(|there| there.is_file && there.size == size) && holds().is_ok_and(|there| there == digest);
        if is_there && !(how == Link::Copy && self.is_linked(digest, target)) {
            return Ok(());
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        make_dirs(&*self.disk, folder)?;
        let link = match how {
            Link::Hard if source.starts_with(&self.root) => Temp::link_of(&self.disk, &source, folder, ".mtl-"),
            Link::Hard | Link::Copy => None,
        };
        let new = match link {
            Some(link) => link,
            None => Temp::copy_of(&self.disk, &source, folder, ".mtl-").writing("write", target, size)?,
        };
        // A name without its contents would stand for them when the power goes.
        new.file().sync().writing("write", target, size)?;
        new.persist(target).at("write", target)?;
        Ok(())
    }

    /// True when a file is a second name of an object: who writes to it damages the store.
    #[must_use]
    pub fn is_linked(&self, digest: Digest, file: &Path) -> bool {
        let inode = |path: &Path| self.disk.look(path).map(|look| look.inode).ok();
        let there = inode(file);
        there.is_some() && there == inode(&self.objects.path(digest))
    }

    /// The record of a stage all of whose outputs are intact, so that the stage need not run.
    ///
    /// # Errors
    /// When the log or an object cannot be read.
    pub fn reusable(&self, key: Key) -> Result<Option<Product>, StoreError> {
        // The second time after reading on: another process may have rebuilt what is damaged.
        for is_second in [false, true] {
            if is_second {
                held(&self.actions).refresh()?;
            }
            let Some(product) = self.product(key)? else {
                return Ok(None);
            };
            let mut intact = true;
            for digest in product.outputs.values() {
                intact = self.is_intact(*digest)? && intact;
            }
            if intact {
                return Ok(Some(product));
            }
        }
        Ok(None)
    }

    /// The digest of a file outside the store; hashed only if it is new or changed.
    ///
    /// # Errors
    /// As for [`Store::digests_of_files`].
    pub fn digest_of_file(&self, path: &Path) -> Result<Digest, StoreError> {
        let digests = self.digests_of_files(&[path], &|_| (), &|| false)?;
        Ok(digests[0])
    }

    /// The digests of files outside the store, in order; in parallel, hashing only those that are new or changed. What
    /// was hashed is remembered even when a file fails or the caller cancels.
    ///
    /// # Errors
    /// The first failure in the order of the files: it cannot be read, or is [`StoreError::Restless`]; or
    /// [`StoreError::Cancelled`].
    pub fn digests_of_files(
        &self,
        paths: &[impl AsRef<Path>],
        progress: &(dyn Fn(HashProgress) + Sync),
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Digest>, StoreError> {
        let absolute = |path: &Path| std::path::absolute(path).at("find", path);
        let paths: Vec<_> = paths
            .iter()
            .map(|path| absolute(path.as_ref()))
            .collect::<Result<_, _>>()?;
        let stats = files::look_all(&*self.disk, &paths);
        let known = self.with_index(|index| {
            let get = |(path, stat): (&PathBuf, &Result<Stat, StoreError>)| {
                stat.as_ref().ok().and_then(|stat| index.get(path, *stat))
            };
            Ok(paths.iter().zip(&stats).map(get).collect::<Vec<_>>())
        })?;
        let is_known = known.iter().all(Option::is_some);
        let hash = || hash_all(&*self.disk, &paths, stats, known, progress, cancelled);
        let hashed = if is_known { hash() } else { self.beside_gate(hash)? };
        self.with_index(|index| {
            for (path, hashed) in paths.iter().zip(&hashed) {
                if let Ok((digest, Some(stat))) = hashed {
                    index.note(path, *stat, *digest);
                }
            }
            index.flush(true)
        })?;
        hashed
            .into_iter()
            .map(|hashed| hashed.map(|(digest, _)| digest))
            .collect()
    }

    /// Waits until nobody else computes the stage, then keeps others from it. Look the stage up again afterwards: the
    /// other may have finished it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock_stage(&self, key: Key) -> Result<StageLock, StoreError> {
        LockFile::wait(&self.disk, &self.stage_lock(key)).map(|file| StageLock { _file: file })
    }

    /// The same without waiting: none when another process or thread computes the stage.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn try_lock_stage(&self, key: Key) -> Result<Option<StageLock>, StoreError> {
        let file = LockFile::attempt(&self.disk, &self.stage_lock(key))?;
        Ok(file.map(|file| StageLock { _file: file }))
    }

    /// Where the saved states of a stage lie, if there are any.
    #[must_use]
    pub fn partial_dir(&self, key: Key) -> PathBuf {
        self.root.join("partial").join(key.to_string())
    }

    /// Replaces the saved state of a stage by the file that `write` writes at the path that it is given. A crash leaves
    /// the old state or the new one. To be called with the stage's lock.
    ///
    /// # Errors
    /// When the state cannot be written; then the old one stays.
    pub fn save_state(&self, key: Key, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let file = scratch.path().join("state");
        write(&file).at("write the state", &file)?;
        partial::save(&*self.disk, &self.partial_dir(key), &file)
    }

    /// The file of a stage's saved state, its contents verified; none when there is no sound one.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn load_state(&self, key: Key) -> Result<Option<PathBuf>, StoreError> {
        let aside = self.root.join("quarantine");
        let own = partial::load(&*self.disk, &self.partial_dir(key), &aside, &self.notices)?;
        match (own, &self.behind) {
            (None, Some(behind)) => {
                let folder = behind.join("partial").join(key.to_string());
                partial::newest_sound(&*self.disk, &folder)
            }
            (own, _) => Ok(own),
        }
    }

    /// How much the store holds.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn size(&self) -> Result<SizeReport, StoreError> {
        let tally = |name: &str| size::tally(&*self.disk, &self.root.join(name));
        let (actions, action_bytes) = held(&self.actions).size();
        Ok(SizeReport {
            objects: tally("objects")?,
            actions,
            action_bytes,
            index_bytes: self.with_index(|index| Ok(index.len()))?,
            partial: tally("partial")?,
            trail: tally("trail")?,
            quarantine: tally("quarantine")?,
            scratch: tally("tmp")?,
        })
    }

    /// The lock under which scratch folders are made and swept.
    fn gate(&self) -> PathBuf {
        self.root.join("locks").join("tmp")
    }

    fn stage_lock(&self, key: Key) -> PathBuf {
        self.root.join("locks").join(key.to_string())
    }

    fn with_index<T>(&self, act: impl FnOnce(&mut FileIndex) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut index = held(&self.index);
        match &mut *index {
            Some(index) => act(index),
            None => act(index.insert(FileIndex::open(&self.disk, &self.root.join("index"), &self.notices)?)),
        }
    }

    /// Removes saved states; true when they are gone.
    fn remove_partial(&self, folder: &Path) -> bool {
        let removed = disk::remove_all(&*self.disk, folder);
        let is_gone = removed.is_ok();
        if let Err(error) = removed {
            self.notices.add(Notice::NotRemoved {
                path: folder.to_owned(),
                reason: error.to_string(),
            });
        }
        is_gone
    }

    /// Removes the saved states of stages that are recorded: their process was killed between the two.
    fn sweep_partial(&self) -> Result<(), StoreError> {
        let folder = self.root.join("partial");
        for name in self.disk.list(&folder).at("list", &folder)? {
            let path = folder.join(&name);
            let Ok(key) = name.to_str().unwrap_or_default().parse().map(Key) else {
                continue;
            };
            // A recorded stage may be running again, because its outputs are damaged; then it is locked.
            if held(&self.actions).contains(key)
                && let Some(_lock) = self.try_lock_stage(key)?
            {
                self.remove_partial(&path);
            }
        }
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(index) = &mut *held(&self.index) {
            // What is lost here is hashed once more.
            let _ = index.flush(false);
        }
    }
}

/// Refuses a store of another layout; marks a new one before anything else is written to it. True for a new one.
fn check_version(disk: &Arc<dyn Disk>, root: &Path) -> Result<bool, StoreError> {
    let path = root.join("VERSION");
    let other = |found: &str| StoreError::OtherVersion {
        path: root.to_owned(),
        found: found.to_owned(),
        expected: VERSION,
    };
    let is_there = |name: &str| {
        let path = root.join(name);
        disk::is_there(&**disk, &path).at("look at", &path)
    };
    // Looked at first: a process that makes this store just now marks it before it makes these.
    let has_contents = is_there("objects")? || is_there("actions")?;
    if let Some(found) = if_there(disk::read_file(&**disk, &path)).at("read", &path)? {
        let found = String::from_utf8_lossy(&found);
        return if found.trim_end() == VERSION {
            Ok(false)
        } else {
            Err(other(found.trim_end()))
        };
    }
    if has_contents {
        return Err(other("none"));
    }
    let file = Temp::new_in(disk, root, ".VERSION-").at("make a file in", root)?;
    disk::write_all(file.file(), format!("{VERSION}\n").as_bytes())
        .and_then(|()| file.file().sync())
        .at("write", &path)?;
    // Never replaced: locks are taken on it, and one on a file that has lost its name would keep nobody out.
    if !file.persist_new(&path).at("write", &path)? {
        return check_version(disk, root);
    }
    sync_dir(&**disk, root)?;
    Ok(true)
}
