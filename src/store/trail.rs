//! The states after the epochs of trainings, each under a key made of its own history, for every training that begins alike.
//!
//! `trail/ab/cdef...` holds the parts of states by digest, as `objects/` holds results, each once however many states name it.
//! `trail/records` is a log: a key with the parts of its state, or a key alone where the state was let go. Parts that no
//! record names any more are removed with the last record that did; those of a process that was killed before its record, when
//! the next one saves its first state.
//!
//! Objects are never removed here: where a model has the contents of a part it is a second name (hard link) of the same file,
//! and each name goes on its own.

use super::{
    Store,
    disk::{Disk, Open as How},
    durable::LockFile,
    error::{At, StoreError, if_there},
    held,
    log::{Log, Records},
    notice::Notices,
    objects::{Objects, Staged},
};
use crate::plan::{canon::Key, digest::Digest};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Records of states that were let go below which compaction is not worth its write.
const FEW: usize = 1024;

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

/// A record as it is in memory.
#[derive(Debug)]
struct Known {
    /// Where it stands in the order of saving.
    number: u64,
    state: EpochState,
}

/// What the log says.
#[derive(Debug, Default)]
struct Index {
    states: BTreeMap<Key, Known>,
    roots: BTreeMap<Key, BTreeSet<Key>>,
    /// How many states name a part.
    uses: BTreeMap<Digest, usize>,
    /// Bytes of all parts, each once.
    bytes: u64,
    next: u64,
    /// Records that say nothing any more.
    dead: usize,
}

impl Index {
    fn forget(&mut self, key: Key) {
        let Some(known) = self.states.remove(&key) else { return };
        self.dead += 1;
        if let Some(keys) = self.roots.get_mut(&known.state.root) {
            keys.remove(&key);
            if keys.is_empty() {
                self.roots.remove(&known.state.root);
            }
        }
        for part in known.state.parts.values() {
            if let Some(uses) = self.uses.get_mut(&part.digest) {
                *uses -= 1;
                if *uses == 0 {
                    self.uses.remove(&part.digest);
                    self.bytes -= part.bytes;
                }
            }
        }
    }

    /// True when a log of the live records alone would be much shorter.
    fn is_worn(&self) -> bool {
        self.dead >= FEW.max(self.states.len())
    }

    /// What such a log would hold, in their order.
    fn compacted(&self) -> Option<Vec<Vec<u8>>> {
        if !self.is_worn() {
            return None;
        }
        let mut live: Vec<_> = self.states.iter().collect();
        live.sort_by_key(|(_, known)| known.number);
        live.into_iter()
            .map(|(key, known)| payload(*key, &known.state).ok())
            .collect()
    }
}

impl Records for Index {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        let Some((key, json)) = payload.split_first_chunk() else {
            return;
        };
        let key = Key(Digest(*key));
        self.forget(key);
        // A record without a state lets one go; so does one of a shape that this program does not know.
        let Ok(state) = serde_json::from_slice::<EpochState>(json) else {
            self.dead += 1;
            return;
        };
        for part in state.parts.values() {
            let uses = self.uses.entry(part.digest).or_default();
            *uses += 1;
            self.bytes += if *uses == 1 { part.bytes } else { 0 };
        }
        self.roots.entry(state.root).or_default().insert(key);
        let number = self.next;
        self.next += 1;
        self.states.insert(key, Known { number, state });
    }
}

fn payload(key: Key, state: &EpochState) -> io::Result<Vec<u8>> {
    let mut payload = key.0.0.to_vec();
    serde_json::to_writer(&mut payload, state)?;
    Ok(payload)
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
                .flat_map(|known| known.state.parts.values().map(|part| part.digest))
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
                let found = places.find_map(|(place, key)| Some((place, open.index.states.get(key)?)));
                self.note(found.iter().map(|(place, _)| keys[*place].0));
                Ok(found.map(|(place, known)| (place, known.state.clone())))
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
            let own = known.filter(|(_, known)| known.state.pipeline == pipeline);
            Ok(in_order(own.collect()))
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

fn in_order(mut known: Vec<(Key, &Known)>) -> Vec<(Key, EpochState)> {
    known.sort_by_key(|(_, known)| known.number);
    let states = known.into_iter().map(|(key, known)| (key, known.state.clone()));
    states.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> Key {
        Key(Digest::of(&[number]))
    }

    proptest! {
        /// Whatever was saved and let go, a log of the live records alone says the same of every key, root and part.
        #[test]
        fn a_compacted_log_says_the_same(acts in prop::collection::vec((0..6_u8, any::<bool>(), 0..4_u8), 0..60)) {
            let mut index = Index::default();
            for (number, saved, part) in acts {
                let part = TrailPart { digest: Digest::of(&[part]), bytes: u64::from(part) };
                let state = EpochState {
                    epoch: number.into(),
                    root: key(number % 2),
                    stage: key(9),
                    pipeline: "study".to_owned(),
                    course: serde_json::Value::Null,
                    devices: Vec::new(),
                    parts: [("weights".to_owned(), part)].into(),
                };
                let record = if saved { payload(key(number), &state)? } else { key(number).0.0.to_vec() };
                index.add(0, 0, &record);
            }
            index.dead = FEW;
            let mut again = Index::default();
            for record in index.compacted().expect("it is worn") {
                again.add(0, 0, &record);
            }
            let states = |index: &Index| -> Vec<(Key, EpochState)> {
                let known = index.states.iter().map(|(key, known)| (*key, known));
                in_order(known.collect())
            };
            prop_assert_eq!(states(&again), states(&index));
            prop_assert_eq!((&again.roots, &again.uses, again.dead), (&index.roots, &index.uses, 0));
            prop_assert_eq!(again.bytes, index.bytes);
            let parts: BTreeSet<_> = states(&index).iter().map(|(_, state)| state.parts["weights"].digest).collect();
            prop_assert_eq!(parts, again.uses.keys().copied().collect());
        }
    }
}
