//! What running processes need, so that no collection takes it.
//!
//! The *gate* is the lock on `VERSION`, the one file that is never replaced. Whoever looks up results to use them holds it,
//! shared, and notes what it found in its process's scratch folder, which goes with the process. Whoever records a result holds
//! it from the look at the objects to the record. A collection holds it alone, for the moment in which it decides and removes.
//! So a collection sees every use or comes before it, and then the record is gone as well: nothing is named that was removed.

use super::{
    Store,
    actions::{Action, Actions, Product},
    disk::{self, DiskFile, Open, write_all},
    durable::Scratch,
    error::{At, StoreError, if_there},
    held,
};
use crate::plan::{canon::Key, digest::Digest};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

/// With this the names of files of notes begin.
const NOTES: &str = "uses";

/// The gate, until the last handle is dropped.
#[derive(Debug)]
pub(super) struct Gate {
    /// Holds the lock.
    _file: Box<dyn DiskFile>,
}

/// What this process notes.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// True when what is looked up is noted.
    is_noting: bool,
    /// The gate, while many results are looked up.
    gate: Option<Arc<Gate>>,
    /// What is not in the file yet.
    pending: Vec<Digest>,
    file: Option<Box<dyn DiskFile>>,
    /// How many files were begun.
    files: u32,
}

impl Store {
    /// From now on nothing that this store looks up, stores or records is removed by a collection, of another process too, until
    /// it is dropped.
    pub fn keep_uses(&self) {
        held(&self.uses.0).is_noting = true;
    }

    /// Keeps collections waiting until [`Store::end_lookups`], so that many results can be looked up at little cost.
    ///
    /// # Errors
    /// When the lock cannot be taken, or the log not be read.
    pub fn begin_lookups(&self) -> Result<(), StoreError> {
        let gate = self.enter()?;
        held(&self.actions).refresh()?;
        held(&self.uses.0).gate = Some(Arc::new(gate));
        Ok(())
    }

    /// Lets collections go on; what was looked up is noted.
    ///
    /// # Errors
    /// When it cannot be noted.
    pub fn end_lookups(&self) -> Result<(), StoreError> {
        let written = self.write_notes();
        held(&self.uses.0).gate = None;
        written
    }

    /// The record of a stage, by its key; a miss reads what other processes recorded meanwhile.
    ///
    /// # Errors
    /// When the log cannot be read, or the use not be noted.
    pub fn lookup(&self, key: Key) -> Result<Option<Action>, StoreError> {
        self.look_up(key, Actions::lookup, |action| &action.outputs)
    }

    /// As [`Store::lookup`], of the record only what later stages need.
    ///
    /// # Errors
    /// As for [`Store::lookup`].
    pub fn product(&self, key: Key) -> Result<Option<Product>, StoreError> {
        self.look_up(key, Actions::product, |product| &product.outputs)
    }

    fn look_up<T>(
        &self,
        key: Key,
        ask: impl FnOnce(&mut Actions, Key) -> Result<Option<T>, StoreError>,
        outputs: impl Fn(&T) -> &BTreeMap<String, Digest>,
    ) -> Result<Option<T>, StoreError> {
        if !held(&self.uses.0).is_noting {
            return ask(&mut held(&self.actions), key);
        }
        self.at_gate(|is_new| {
            let mut actions = held(&self.actions);
            if is_new {
                // A collection may have been there since.
                actions.refresh()?;
            }
            let found = ask(&mut actions, key)?;
            drop(actions);
            if let Some(found) = &found {
                self.note(std::iter::once(key.0).chain(outputs(found).values().copied()));
            }
            Ok(found)
        })
    }

    /// Does something long, and lets collections come in between also while many results are being looked up.
    pub(super) fn beside_gate<T>(&self, act: impl FnOnce() -> T) -> Result<T, StoreError> {
        let is_open = held(&self.uses.0).gate.is_some();
        if is_open {
            self.end_lookups()?;
        }
        let done = act();
        if is_open {
            self.begin_lookups()?;
        }
        Ok(done)
    }

    /// Acts while no collection decides, and writes what was noted. `act` is told whether one may have been since the last
    /// time.
    pub(super) fn at_gate<T>(&self, act: impl FnOnce(bool) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let open = held(&self.uses.0).gate.clone();
        if let Some(_gate) = open {
            return act(false);
        }
        let _gate = self.enter()?;
        let done = act(true)?;
        self.write_notes()?;
        Ok(done)
    }

    /// Notes uses, for [`Store::at_gate`] to write.
    pub(super) fn note(&self, digests: impl Iterator<Item = Digest>) {
        let mut uses = held(&self.uses.0);
        if uses.is_noting {
            uses.pending.extend(digests);
        }
    }

    fn write_notes(&self) -> Result<(), StoreError> {
        if held(&self.uses.0).pending.is_empty() {
            return Ok(());
        }
        let folder = self.with_scratch(|scratch| Ok(scratch.path().to_owned()))?;
        let mut uses = held(&self.uses.0);
        let State {
            pending, file, files, ..
        } = &mut *uses;
        let path = folder.join(format!("{NOTES}-{files}"));
        if file.is_none() {
            *file = Some(self.disk.open(&path, Open::New).at("open", &path)?);
            *files += 1;
        }
        let bytes: Vec<u8> = pending.iter().flat_map(|digest| digest.0).collect();
        if let Some(open) = file
            && let Err(error) = write_all(&**open, &bytes)
        {
            // Half a note may be at its end, so another file is begun.
            *file = None;
            return Err(error).writing("write", &path, bytes.len() as u64);
        }
        pending.clear();
        Ok(())
    }

    /// The gate, with others.
    fn enter(&self) -> Result<Gate, StoreError> {
        let path = self.root.join("VERSION");
        let file = self.disk.open(&path, Open::Read).at("open", &path)?;
        file.lock_shared().at("lock", &path)?;
        Ok(Gate { _file: file })
    }

    /// The gate alone. Not to be asked for by a thread that has entered it.
    pub(super) fn shut(&self) -> Result<Gate, StoreError> {
        let path = self.root.join("VERSION");
        let file = self.disk.open(&path, Open::LockThere).at("open", &path)?;
        file.lock().at("lock", &path)?;
        Ok(Gate { _file: file })
    }

    /// Keys, and digests of objects, that running processes use. What is noted later is not in it, so the gate is to be shut.
    pub(super) fn used(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let tmp = self.root.join("tmp");
        let mut used = BTreeSet::new();
        for process in if_there(self.disk.list(&tmp)).at("list", &tmp)?.unwrap_or_default() {
            let folder = tmp.join(process);
            if !disk::is_dir(&*self.disk, &folder).at("look at", &folder)? {
                continue;
            }
            // A process that ends just now takes its notes with it.
            for name in if_there(self.disk.list(&folder))
                .at("list", &folder)?
                .unwrap_or_default()
            {
                if !name.to_string_lossy().starts_with(NOTES) {
                    continue;
                }
                let path: PathBuf = folder.join(name);
                let notes = if_there(disk::read_file(&*self.disk, &path)).at("read", &path)?;
                let notes = notes.unwrap_or_default();
                used.extend(notes.as_chunks().0.iter().map(|chunk| Digest(*chunk)));
            }
        }
        used.extend(&held(&self.uses.0).pending);
        Ok(used)
    }

    /// This store's part of the scratch space, which begins with its first use.
    pub(super) fn with_scratch<T>(&self, act: impl FnOnce(&Scratch) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut scratch = held(&self.scratch);
        match &mut *scratch {
            Some(scratch) => act(scratch),
            None => act(scratch.insert(Scratch::begin(&self.disk, &self.root.join("tmp"), &self.gate())?)),
        }
    }
}
