//! The states after the epochs of trainings, each under a key made of its own history, for every training that begins alike.
//!
//! `trail/ab/cdef...` holds the parts of states by digest, as `objects/` holds results, each once however many states name it.
//! `trail/records` is a log: a key with the parts of its state, or a key alone where the state was let go. Parts that no
//! record names any more are removed with the last record that did; those of a process that was killed before its record, when
//! the next one saves its first state.
//!
//! Objects are never removed here: where a model has the contents of a part it is a second name (hard link) of the same file,
//! and each name goes on its own.

mod index;

use super::{
    Store,
    disk::{Disk, Open as How},
    durable::LockFile,
    error::{At, StoreError, if_there},
    held,
    log::Log,
    notice::Notices,
    objects::{Objects, Staged},
};
use crate::plan::{canon::Key, digest::Digest};
use index::{Index, in_order, payload};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// The state after an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochState {
    /// Epochs that are complete.
    pub epoch: u32,
    /// The root of its trail.
    pub root: Key,
    /// The stage that saved it.
    pub stage: Key,
    /// The program whose budget it counts against.
    pub pipeline: String,
    /// The course of the training that saved it, as that training wrote it.
    pub course: serde_json::Value,
    /// The classes of the devices that computed it, in the order of their first step.
    pub devices: Vec<String>,
    /// Its parts by name.
    #[serde(default)]
    pub parts: BTreeMap<String, TrailPart>,
}

/// A part of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailPart {
    /// Its contents.
    pub digest: Digest,
    /// Their length.
    pub bytes: u64,
}

/// The states of a store.
#[derive(Debug)]
pub(super) struct Trail {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    parts: Objects,
    /// Read when it is first needed.
    open: Mutex<Option<Open>>,
    notices: Notices,
    /// The lock under which states get their records and lose them.
    gate: PathBuf,
}

/// The log, and what it says.
#[derive(Debug)]
struct Open {
    log: Log,
    index: Index,
    /// True once left-over parts were looked for.
    swept: bool,
}

impl Trail {
    /// Of the store at `root`, which has its folder, in front of another one, if there is one.
    pub(super) fn new(disk: &Arc<dyn Disk>, (root, behind): (&Path, Option<&Path>), notices: &Notices) -> Self {
        let (folder, quarantine) = (root.join("trail"), root.join("quarantine"));
        Self {
            parts: Objects::new(
                Arc::clone(disk),
                (folder.clone(), behind.map(|store| store.join("trail"))),
                quarantine,
                notices.clone(),
            ),
            disk: Arc::clone(disk),
            open: Mutex::default(),
            notices: notices.clone(),
            gate: root.join("locks").join("trail"),
            folder,
        }
    }

    /// Acts on what the log says now.
    fn with<T>(&self, act: impl FnOnce(&mut Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut open = held(&self.open);
        if let Some(open) = &mut *open {
            let Open { log, index, .. } = open;
            log.refresh(index)?;
            return act(open);
        }
        let mut index = Index::default();
        let log = Log::open(&self.disk, &self.folder.join("records"), &self.notices, &mut index)?;
        act(open.insert(Open {
            log,
            index,
            swept: false,
        }))
    }

    /// Removes parts that no record names; under the gate.
    fn sweep(&self) -> Result<(), StoreError> {
        self.with(|open| {
            if std::mem::replace(&mut open.swept, true) {
                return Ok(());
            }
            for digest in self.parts.stored()? {
                if !open.index.uses.contains_key(&digest) {
                    self.remove(digest)?;
                }
            }
            Ok(())
        })
    }

    fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        let path = self.parts.own_path(digest);
        if_there(self.disk.remove_file(&path)).at("remove", &path).map(|_| ())
    }

    /// Appends records that take the place of those of `keys`, and removes the parts that only these named; under the gate.
    /// What is lost of records that let states go, `durable` or not, is states that have lost their parts.
    fn replace(&self, keys: &[Key], records: &[Vec<u8>], durable: bool) -> Result<(), StoreError> {
        self.with(|open| {
            let Open { log, index, .. } = open;
            let before = keys.iter().filter_map(|key| index.states.get(key));
            let parts: BTreeSet<_> = before
                .flat_map(|known| known.head.parts.iter().map(|part| part.digest))
                .collect();
            // The record first: a state whose record is there has its parts.
            log.append(records, durable, index)?;
            for digest in parts {
                if !index.uses.contains_key(&digest) {
                    self.remove(digest)?;
                }
            }
            if index.is_worn() {
                log.rewrite(index, Index::compacted)?;
            }
            Ok(())
        })
    }
}

impl Store {
    /// The furthest of `keys` that has a state, by its place; they are those of one trail, in order.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn furthest_epoch(&self, keys: &[Key]) -> Result<Option<(usize, EpochState)>, StoreError> {
        self.at_gate(|_| {
            self.trail.with(|open| {
                let mut places = keys.iter().enumerate().rev();
                let found = places.find_map(|(place, key)| Some((place, open.index.states.get(key)?.state()?)));
                self.note(found.iter().map(|(place, _)| keys[*place].0));
                Ok(found)
            })
        })
    }

    /// The states with this root, in the order of saving.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn epochs_of(&self, root: Key) -> Result<Vec<(Key, EpochState)>, StoreError> {
        self.trail.with(|open| {
            let keys = open.index.roots.get(&root).into_iter().flatten();
            let known = keys.filter_map(|key| Some((*key, open.index.states.get(key)?)));
            Ok(in_order(known.collect()))
        })
    }

    /// All states of a program, in the order of saving.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn epochs_for(&self, pipeline: &str) -> Result<Vec<(Key, EpochState)>, StoreError> {
        self.trail.with(|open| {
            let known = open.index.states.iter().map(|(key, known)| (*key, known));
            let mut states = in_order(known.collect());
            states.retain(|(_, state)| state.pipeline == pipeline);
            Ok(states)
        })
    }

    /// All states, in the order of saving.
    pub(super) fn epochs(&self) -> Result<Vec<(Key, EpochState)>, StoreError> {
        self.trail.with(|open| {
            let known = open.index.states.iter().map(|(key, known)| (*key, known));
            Ok(in_order(known.collect()))
        })
    }

    /// Removes parts that no state has, once.
    pub(super) fn sweep_epochs(&self) -> Result<(), StoreError> {
        let _gate = LockFile::wait(&self.disk, &self.trail.gate)?;
        self.trail.sweep()
    }

    /// Where the parts of states lie.
    pub(super) const fn trail_parts(&self) -> &Objects {
        &self.trail.parts
    }

    /// Bytes of all parts of all states.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn trail_bytes(&self) -> Result<u64, StoreError> {
        self.trail.with(|open| Ok(open.index.bytes))
    }

    /// The file of a part, its contents verified; none when it is gone or was damaged. What is read of it after another
    /// process let the state go may not be there any more.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn trail_part(&self, part: TrailPart) -> Result<Option<PathBuf>, StoreError> {
        Ok(self.trail.parts.verified(part.digest)?.map(|(path, _)| path))
    }

    /// Gives a part a second name, in a [`Store::scratch`] folder; false where the file system has none, or the part is gone.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn link_trail_part(&self, part: TrailPart, target: &Path) -> Result<bool, StoreError> {
        let path = self.trail_part(part)?;
        Ok(path.is_some_and(|path| path.starts_with(&self.root) && self.disk.hard_link(&path, target).is_ok()))
    }

    /// Saves a state; it is on the disk when this returns. `write` fills the folder that it is given with files, one per
    /// part, and gives their names.
    ///
    /// # Errors
    /// When something cannot be written; then the states are those that there were.
    pub fn save_epoch(
        &self,
        key: Key,
        about: &EpochState,
        write: &mut dyn FnMut(&Path) -> io::Result<Vec<&'static str>>,
    ) -> Result<EpochState, StoreError> {
        let gate = || LockFile::wait(&self.disk, &self.trail.gate);
        {
            let _gate = gate()?;
            self.trail.sweep()?;
        }
        let scratch = self.scratch()?;
        let folder = scratch.path();
        let mut state = about.clone();
        let mut files = Vec::new();
        for name in write(folder).at("write the state", folder)? {
            let file = folder.join(name);
            let contents = self.disk.open(&file, How::Read).at("read", &file)?;
            let bytes = contents.look().at("look at", &file)?.size;
            // What takes long is done beside the gate.
            contents.sync().writing("write", &file, bytes)?;
            let digest = Digest::of_reader(contents).at("read", &file)?;
            state.parts.insert(name.to_owned(), TrailPart { digest, bytes });
            files.push((digest, file));
        }
        let record = payload(key, &state).at("write a record of", folder)?;
        let _gate = gate()?;
        for (digest, file) in files {
            self.trail.parts.place(&[&Staged { digest, file }])?;
        }
        self.trail.replace(&[key], &[record], true)?;
        Ok(state)
    }

    /// Lets go of states, and of the parts that no other state has.
    ///
    /// # Errors
    /// When the log cannot be written or a file not be removed.
    pub fn let_epochs_go(&self, keys: &[Key]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let _gate = LockFile::wait(&self.disk, &self.trail.gate)?;
        let known = self.trail.with(|open| {
            let known = keys.iter().filter(|key| open.index.states.contains_key(*key));
            Ok(known.copied().collect::<Vec<_>>())
        })?;
        let records: Vec<_> = known.iter().map(|key| key.0.0.to_vec()).collect();
        self.trail.replace(&known, &records, false)
    }
}
