//! Collection: what of a store can go, and its removal.
//!
//! What goes is chosen elsewhere, from [`Store::holdings`], at leisure. [`Store::collect`] then removes it, but for what a
//! running process uses by then: under the gate (`uses.rs`) the log of actions is written anew without the records that go;
//! then, by and by and each time under the gate, the objects that no record names any more are removed. A crash in between leaves
//! objects without a record, which the next collection finds.

use super::{
    Store,
    actions::{Action, decode_whole},
    disk,
    durable::LockFile,
    error::{At, StoreError, if_there},
    log::{Log, Records},
};
use crate::plan::{canon::Key, digest::Digest};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

/// Objects that are removed in one stay at the gate.
const BATCH: usize = 256;
/// Young temporary files may be in use; older ones are what killed processes left.
const YOUNG: Duration = Duration::from_secs(86_400);

/// A thing that a store holds and that can go by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The result of the stage with this key: its record, and the objects that no other record names.
    Result(Key),
    /// An object that something beside the records names: the list of the stages of a run.
    List(Digest),
    /// The state after an epoch, by its key.
    Epoch(Key),
    /// The saved state of the unfinished stage with this key.
    Partial(Key),
}

/// A file on the store's disk. One with two names, as a model that is the last state of its training, is one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// Its number on the disk.
    pub inode: u64,
    /// Its length.
    pub bytes: u64,
}

/// A thing that a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is.
    pub item: Item,
    /// The stage that it is of, as a reader knows it.
    pub stage: String,
    /// The kind of that stage.
    pub kind: String,
    /// When it was made.
    pub when: Timestamp,
    /// The files that it needs.
    pub blobs: Vec<Blob>,
    /// True when a running process uses it.
    pub is_used: bool,
}

/// What a store holds.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// What can go.
    pub items: Vec<Holding>,
    /// Objects that nothing names and nobody uses.
    pub unnamed: Vec<Blob>,
    /// Objects and states that are neither: those that a running process uses.
    pub others: Vec<Blob>,
}

/// What is to go, beside what nothing names.
#[derive(Clone, Debug, Default)]
pub struct Going {
    /// Results, each with when it was made: one that was made anew meanwhile stays.
    pub results: BTreeMap<Key, Timestamp>,
    /// States after epochs.
    pub epochs: Vec<Key>,
    /// Saved states of unfinished stages.
    pub partial: Vec<Key>,
    /// What was set aside before goes from quarantine.
    pub quarantined_before: Timestamp,
    /// Temporary files of a writer that was killed go when they are a day older than this moment.
    pub now: Timestamp,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Results.
    pub results: u64,
    /// Objects.
    pub objects: u64,
    /// States after epochs.
    pub epochs: u64,
    /// Saved states of unfinished stages.
    pub partial: u64,
    /// Files of the quarantine.
    pub quarantine: u64,
    /// Bytes on the disk that are free now.
    pub bytes: u64,
}

/// A record of the log of actions.
#[derive(Debug)]
struct Record {
    payload: Vec<u8>,
    when: Timestamp,
    outputs: Vec<Digest>,
}

/// All records, with what they name.
#[derive(Debug, Default)]
struct Named {
    records: BTreeMap<Key, Record>,
    /// How many records name an object.
    objects: BTreeMap<Digest, usize>,
}

impl Records for Named {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        // A record of an unknown shape is no record, and goes when the log is written anew.
        let Some((key, action)) = decode_whole(payload) else {
            return;
        };
        let outputs: Vec<_> = action.outputs.into_values().collect();
        for &digest in &outputs {
            *self.objects.entry(digest).or_default() += 1;
        }
        let record = Record {
            payload: payload.to_vec(),
            when: action.provenance.when,
            outputs,
        };
        if let Some(earlier) = self.records.insert(key, record) {
            for digest in earlier.outputs {
                if let Some(count) = self.objects.get_mut(&digest) {
                    *count -= 1;
                    if *count == 0 {
                        self.objects.remove(&digest);
                    }
                }
            }
        }
    }
}

impl Store {
    /// All records of the log of actions.
    fn named(&self) -> Result<(Log, Named), StoreError> {
        let mut named = Named::default();
        let log = Log::open(&self.disk, &self.root.join("actions"), &self.notices, &mut named)?;
        Ok((log, named))
    }

    /// Every result that has a record, by key.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn results(&self) -> Result<Vec<(Key, Action)>, StoreError> {
        let (_, named) = self.named()?;
        Ok(named
            .records
            .values()
            .filter_map(|record| decode_whole(&record.payload))
            .collect())
    }

    /// The file of an object or a state; none when it is not there.
    fn blob(&self, path: &Path) -> Result<Option<(Blob, Timestamp)>, StoreError> {
        let look = if_there(self.disk.look(path)).at("look at", path)?;
        Ok(look.map(|look| {
            let blob = Blob {
                inode: look.inode,
                bytes: look.size,
            };
            (blob, moment(look.modified))
        }))
    }

    /// What the store holds. `lists` are objects that something beside the records names, with when they were last of use.
    ///
    /// # Errors
    /// When something of the store cannot be read.
    pub fn holdings(&self, lists: &BTreeMap<Digest, Timestamp>) -> Result<Holdings, StoreError> {
        let (_, named) = self.named()?;
        let used = self.used()?;
        let mut objects: BTreeMap<Digest, Blob> = BTreeMap::new();
        for digest in self.objects.stored()? {
            let found = self.blob(&self.objects.path(digest))?;
            objects.extend(found.map(|(blob, _)| (digest, blob)));
        }
        let mut holdings = Holdings::default();
        for (key, record) in &named.records {
            let Some((_, action)) = decode_whole(&record.payload) else {
                continue;
            };
            holdings.items.push(Holding {
                item: Item::Result(*key),
                stage: action.stage,
                kind: action.kind,
                when: record.when,
                blobs: record
                    .outputs
                    .iter()
                    .filter_map(|digest| objects.get(digest).copied())
                    .collect(),
                is_used: used.contains(&key.0),
            });
        }
        for (digest, when) in lists {
            let Some(blob) = objects.get(digest) else { continue };
            holdings.items.push(Holding {
                item: Item::List(*digest),
                stage: "stages of a run".to_owned(),
                kind: "history".to_owned(),
                when: *when,
                blobs: vec![*blob],
                is_used: used.contains(digest),
            });
        }
        for (digest, blob) in &objects {
            if named.objects.contains_key(digest) || lists.contains_key(digest) {
                continue;
            }
            if used.contains(digest) {
                holdings.others.push(*blob);
            } else {
                holdings.unnamed.push(*blob);
            }
        }
        self.hold_epochs(&mut holdings, &used)?;
        self.hold_partial(&mut holdings)?;
        Ok(holdings)
    }

    /// Adds the states after epochs.
    fn hold_epochs(&self, holdings: &mut Holdings, used: &BTreeSet<Digest>) -> Result<(), StoreError> {
        for (key, state) in self.epochs()? {
            let mut blobs = Vec::new();
            let mut when = Timestamp::UNIX_EPOCH;
            for part in state.parts.values() {
                if let Some((blob, modified)) = self.blob(&self.trail_parts().path(part.digest))? {
                    blobs.push(blob);
                    when = when.max(modified);
                }
            }
            holdings.items.push(Holding {
                item: Item::Epoch(key),
                stage: format!("{} after epoch {}", self.stage_name(state.stage)?, state.epoch),
                kind: "train".to_owned(),
                when,
                blobs,
                is_used: used.contains(&key.0) || self.is_under_way(state.stage)?,
            });
        }
        Ok(())
    }

    /// Adds the saved states of unfinished stages.
    fn hold_partial(&self, holdings: &mut Holdings) -> Result<(), StoreError> {
        let folder = self.root.join("partial");
        for name in self.disk.list(&folder).at("list", &folder)? {
            let Ok(key) = name.to_str().unwrap_or_default().parse().map(Key) else {
                continue;
            };
            let path = folder.join(name);
            let mut blobs = Vec::new();
            let mut when = Timestamp::UNIX_EPOCH;
            for name in if_there(self.disk.list(&path)).at("list", &path)?.unwrap_or_default() {
                if let Some((blob, modified)) = self.blob(&path.join(name))? {
                    blobs.push(blob);
                    when = when.max(modified);
                }
            }
            holdings.items.push(Holding {
                item: Item::Partial(key),
                stage: self.stage_name(key)?,
                kind: "unfinished".to_owned(),
                when,
                blobs,
                is_used: self.is_under_way(key)?,
            });
        }
        Ok(())
    }

    /// The name of a stage by its record, else the first digits of its key.
    fn stage_name(&self, key: Key) -> Result<String, StoreError> {
        let action = super::held(&self.actions).lookup(key)?;
        Ok(action.map_or_else(|| format!("stage {}", &key.to_string()[..8]), |action| action.stage))
    }

    /// True when a process computes the stage.
    fn is_under_way(&self, key: Key) -> Result<bool, StoreError> {
        Ok(self.try_lock_stage(key)?.is_none())
    }

    /// Removes what is to go, and what nothing names, but for what running processes use. `lists` gives the objects that
    /// something beside the records names and that stay; it is asked again and again, as runs go on.
    ///
    /// # Errors
    /// When something cannot be written or removed. What is left is a valid store, and the next collection goes on.
    pub fn collect(
        &self,
        going: &Going,
        lists: &mut dyn FnMut() -> Result<BTreeSet<Digest>, StoreError>,
    ) -> Result<Collected, StoreError> {
        let before = self.disk_use()?;
        let mut collected = Collected::default();
        let (mut log, mut named) = self.named()?;
        {
            let _gate = self.shut()?;
            collected.results = remove_records(&mut log, &mut named, going, &self.used()?)?;
        }
        super::held(&self.actions).refresh()?;
        collected.epochs = self.collect_epochs(&going.epochs)?;
        for &key in &going.partial {
            let folder = self.partial_dir(key);
            if disk::is_dir(&*self.disk, &folder).at("look at", &folder)?
                && let Some(_lock) = self.try_lock_stage(key)?
                && self.remove_partial(&folder)
            {
                collected.partial += 1;
            }
        }
        collected.objects = self.collect_objects((&mut log, &mut named), lists)?;
        collected.quarantine = self.collect_quarantine(going.quarantined_before)?;
        self.collect_leavings(going.now)?;
        collected.bytes = before.saturating_sub(self.disk_use()?);
        Ok(collected)
    }

    /// Lets go of states after epochs, but for those in use.
    fn collect_epochs(&self, keys: &[Key]) -> Result<u64, StoreError> {
        let known: BTreeMap<Key, Key> = self
            .epochs()?
            .into_iter()
            .map(|(key, state)| (key, state.stage))
            .collect();
        let mut gone = 0;
        for batch in keys.chunks(BATCH) {
            let _gate = self.shut()?;
            let used = self.used()?;
            let mut goes = Vec::new();
            for key in batch {
                if let Some(stage) = known.get(key)
                    && !used.contains(&key.0)
                    && !self.is_under_way(*stage)?
                {
                    goes.push(*key);
                }
            }
            self.let_epochs_go(&goes)?;
            gone += goes.len() as u64;
        }
        self.sweep_epochs()?;
        Ok(gone)
    }

    /// Removes objects that nothing names.
    fn collect_objects(
        &self,
        (log, named): (&mut Log, &mut Named),
        lists: &mut dyn FnMut() -> Result<BTreeSet<Digest>, StoreError>,
    ) -> Result<u64, StoreError> {
        let mut stored = self.objects.stored()?;
        stored.retain(|digest| !named.objects.contains_key(digest));
        let mut gone = 0;
        for batch in stored.chunks(BATCH) {
            let _gate = self.shut()?;
            let used = self.used()?;
            log.refresh(named)?;
            let lists = lists()?;
            for digest in batch {
                if named.objects.contains_key(digest) || used.contains(digest) || lists.contains(digest) {
                    continue;
                }
                let path = self.objects.own_path(*digest);
                let removed = if_there(self.disk.remove_file(&path)).at("remove", &path)?;
                gone += u64::from(removed.is_some());
            }
        }
        Ok(gone)
    }

    /// Removes what has been set aside for long enough.
    fn collect_quarantine(&self, before: Timestamp) -> Result<u64, StoreError> {
        let folder = self.root.join("quarantine");
        let mut gone = 0;
        for name in self.disk.list(&folder).at("list", &folder)? {
            let path = folder.join(name);
            let Some(look) = if_there(self.disk.look(&path)).at("look at", &path)? else {
                continue;
            };
            // It was set aside when its name last changed; its contents may be much older.
            if moment(look.changed) < before {
                disk::remove_all(&*self.disk, &path).at("remove", &path)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Removes what killed processes left: lock files, and half-written logs.
    fn collect_leavings(&self, now: Timestamp) -> Result<(), StoreError> {
        let locks = self.root.join("locks");
        for name in self.disk.list(&locks).at("list", &locks)? {
            // A lock file goes with the lock.
            drop(LockFile::attempt(&self.disk, &locks.join(name))?);
        }
        for folder in [self.root.clone(), self.root.join("trail")] {
            for name in self.disk.list(&folder).at("list", &folder)? {
                if !name.to_string_lossy().starts_with('.') {
                    continue;
                }
                let path = folder.join(name);
                let look = if_there(self.disk.look(&path)).at("look at", &path)?;
                if look.is_some_and(|look| look.is_file && moment(look.changed) + YOUNG < now) {
                    if_there(self.disk.remove_file(&path)).at("remove", &path)?;
                }
            }
        }
        Ok(())
    }

    /// Bytes on the disk of objects and states; a file with several names counts once.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn disk_use(&self) -> Result<u64, StoreError> {
        let mut files = BTreeMap::new();
        let mut folders: Vec<PathBuf> = ["objects", "trail", "partial"]
            .iter()
            .map(|name| self.root.join(name))
            .collect();
        let tops = folders.clone();
        while let Some(folder) = folders.pop() {
            // Objects and states lie in folders of their own.
            let is_top = tops.contains(&folder);
            for name in if_there(self.disk.list(&folder))
                .at("list", &folder)?
                .unwrap_or_default()
            {
                let path = folder.join(name);
                match if_there(self.disk.look(&path)).at("look at", &path)? {
                    Some(look) if look.is_dir => folders.push(path),
                    Some(look) if !is_top => drop(files.insert(look.inode, look.size)),
                    Some(_) | None => {}
                }
            }
        }
        Ok(files.values().sum())
    }
}

/// Writes the log anew without the records that go; gives how many.
fn remove_records(log: &mut Log, named: &mut Named, going: &Going, used: &BTreeSet<Digest>) -> Result<u64, StoreError> {
    let mut gone = 0;
    log.rewrite(named, |named| {
        let goes = |key: &Key, record: &Record| going.results.get(key) == Some(&record.when) && !used.contains(&key.0);
        let stays: Vec<_> = named
            .records
            .iter()
            .filter(|(key, record)| !goes(key, record))
            .map(|(_, record)| record.payload.clone())
            .collect();
        gone = (named.records.len() - stays.len()) as u64;
        (gone > 0).then_some(stays)
    })?;
    Ok(gone)
}

/// A moment in nanoseconds since 1970; one that no calendar has is 1970.
fn moment(nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
