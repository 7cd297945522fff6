//! What a running stage is given: ears for its progress, a place for its state.

use super::{
    crew::held,
    event::{Event, Listener, Progress},
    quota::Quota,
    run::of_store,
    trail,
    turn::WAIT,
};
use crate::{
    nn::device_class,
    plan::canon::Key,
    stages::{self, Ahead, EpochEnd, Monitor, Parts, Saved, StageError, States},
    store::{EpochState, StageLock, Store, StoreError},
    train::{Course, Trail, state_key},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Turns what a stage says into events that carry its name.
pub(super) struct Monitored<'a> {
    pub(super) stage: &'a str,
    pub(super) listener: &'a dyn Listener,
    /// Classes of the devices that made the state from which a training goes on.
    pub(super) devices: Mutex<Vec<String>>,
}

impl Monitored<'_> {
    /// The class of the device that computed; several are joined by `+`, in the order of their first step.
    pub(super) fn device_class(&self) -> String {
        let mut classes = self.devices.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !classes.iter().any(|class| class == device_class()) {
            classes.push(device_class().to_owned());
        }
        classes.join("+")
    }
}

impl Monitor for Monitored<'_> {
    fn progress(&self, progress: &stages::Progress) {
        let stages::Progress {
            done,
            total,
            epoch,
            step,
            loss,
        } = *progress;
        self.listener.event(&Event::Progress(Progress {
            stage: self.stage.to_owned(),
            done,
            total,
            epoch,
            step,
            loss,
        }));
    }

    fn epoch(&self, epoch: u32, epochs: u32, training_loss: f64, tuning_loss: Option<f64>) {
        let stage = self.stage.to_owned();
        self.listener.event(&Event::EpochFinished {
            stage,
            epoch,
            epochs,
            training_loss,
            tuning_loss,
        });
    }

    fn resumed(&self, epoch: u32, step: u64, devices: &[String]) {
        let mut began = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        *began = devices.to_vec();
        self.listener.event(&Event::Resumed {
            stage: self.stage.to_owned(),
            epoch,
            step,
        });
    }
}

/// Keeps the states of a training in the store: inside an epoch under the stage's key, after each epoch under that epoch's.
pub(super) struct StoredStates<'a> {
    pub(super) store: &'a Store,
    pub(super) key: Key,
    /// Its keys and its course; none for what trains nothing.
    pub(super) trail: Option<(Trail, Course)>,
    /// Epochs after which trainings of the plan part from this one, or end.
    pub(super) partings: BTreeSet<u32>,
    pub(super) pipeline: &'a str,
    pub(super) budget: u64,
    pub(super) stage: &'a str,
    pub(super) listener: &'a dyn Listener,
    pub(super) cancel: &'a AtomicBool,
    pub(super) quota: &'a Quota<'a>,
    /// Whether every epoch is to be computed here, also known ones.
    pub(super) is_forced: bool,
    /// The state after the last epoch that was saved here or taken over.
    pub(super) current: Mutex<Option<EpochState>>,
    /// The right to train the epoch under way.
    pub(super) lock: Mutex<Option<StageLock>>,
}

impl StoredStates<'_> {
    /// To be called when the stage is recorded: its states count as any other.
    pub(super) fn finished(&self) -> Result<(), StoreError> {
        if held(&self.current).take().is_none() {
            return Ok(());
        }
        *held(&self.lock) = None;
        self.store
            .let_epochs_go(&trail::beyond(self.store, self.pipeline, self.budget)?)
    }

    /// The keys of the states that devices of these classes come to, and of those that they came through.
    fn keys(&self, devices: &[String]) -> Vec<Key> {
        let trail = self.trail.iter().flat_map(|(trail, _)| &trail.epochs);
        trail.map(|epoch| state_key(*epoch, devices)).collect()
    }

    /// The furthest of these states that is whole.
    fn furthest(&self, keys: &[Key]) -> Result<Option<Parts>, StoreError> {
        while let Some((place, state)) = self.store.furthest_epoch(keys)? {
            let mut files = Parts::new();
            for (name, part) in &state.parts {
                if let Some(path) = self.store.trail_part(*part)? {
                    files.insert(name.clone(), path);
                }
            }
            if files.len() == state.parts.len() {
                *held(&self.current) = Some(state);
                return Ok(Some(files));
            }
            self.store.let_epochs_go(&keys[place..=place])?;
        }
        Ok(None)
    }

    /// Lets go what the rule does not keep, then what the budget does not allow.
    fn thin(&self, end: &EpochEnd<'_>) -> Result<(), StoreError> {
        let Some((trail, _)) = &self.trail else {
            return Ok(());
        };
        let keys = self.keys(end.devices);
        let goes = |(key, state): &(Key, EpochState)| {
            state.pipeline == self.pipeline
                && state.epoch < end.done
                && keys.contains(key)
                && !trail::is_kept(state.epoch, end.best, &self.partings)
        };
        let states = self.store.epochs_of(trail.root)?.into_iter();
        let gone: Vec<_> = states.filter(goes).map(|(key, _)| key).collect();
        self.store.let_epochs_go(&gone)?;
        self.store
            .let_epochs_go(&trail::beyond(self.store, self.pipeline, self.budget)?)
    }

    fn save_after(
        &self,
        end: &EpochEnd<'_>,
        write: &mut dyn FnMut(&Path) -> io::Result<Vec<&'static str>>,
    ) -> Result<(), StoreError> {
        let keys = self.keys(end.devices);
        let place = (end.done as usize).checked_sub(1);
        let (Some(key), Some((trail, course))) = (place.and_then(|place| keys.get(place)), &self.trail) else {
            return Ok(());
        };
        let about = EpochState {
            epoch: end.done,
            root: trail.root,
            stage: self.key,
            pipeline: self.pipeline.to_owned(),
            course: serde_json::to_value(course).unwrap_or_default(),
            devices: end.devices.to_vec(),
            parts: BTreeMap::new(),
        };
        let state = self.store.save_epoch(*key, &about, write)?;
        let bytes = state.parts.values().map(|part| part.bytes).sum();
        *held(&self.current) = Some(state);
        if end.done < course.epochs {
            self.store
                .save_state(self.key, |path| fs::write(path, trail::pointer(*key)))?;
        }
        self.thin(end)?;
        self.quota.settle(bytes);
        Ok(())
    }
}

impl States for StoredStates<'_> {
    fn own(&self) -> Result<Option<Saved>, StageError> {
        let Some(path) = self.store.load_state(self.key).map_err(of_store)? else {
            return Ok(None);
        };
        let mut begin = Vec::new();
        let file = File::open(&path).map_err(StageError::failed)?;
        file.take(trail::POINTER_BYTES)
            .read_to_end(&mut begin)
            .map_err(StageError::failed)?;
        match trail::pointed(&begin) {
            None => Ok(Some(Saved::Inside(path))),
            Some(key) => Ok(self.furthest(&[key]).map_err(of_store)?.map(Saved::After)),
        }
    }

    fn folder(&self) -> PathBuf {
        self.store.partial_dir(self.key)
    }

    fn save(&self, write: &mut dyn FnMut(&Path) -> io::Result<()>) -> Result<(), StageError> {
        self.store.save_state(self.key, |path| write(path)).map_err(of_store)
    }

    fn before_epoch(&self, done: u32) -> Result<Ahead, StageError> {
        if self.is_forced {
            return Ok(Ahead::Train);
        }
        let keys = self.keys(&[device_class().to_owned()]);
        let Some(ahead) = keys.get(done as usize..).filter(|ahead| !ahead.is_empty()) else {
            return Ok(Ahead::Train);
        };
        let known = || self.furthest(ahead).map_err(of_store);
        let mut told = false;
        loop {
            if let Some(files) = known()? {
                return Ok(Ahead::Known(files));
            }
            if let Some(lock) = self.store.try_lock_stage(ahead[0]).map_err(of_store)? {
                // Whoever had it may have saved the state since it was looked for.
                if let Some(files) = known()? {
                    return Ok(Ahead::Known(files));
                }
                *held(&self.lock) = Some(lock);
                return Ok(Ahead::Train);
            }
            if self.cancel.load(Ordering::Relaxed) {
                return Ok(Ahead::Stop);
            }
            if !std::mem::replace(&mut told, true) {
                let stage = self.stage.to_owned();
                self.listener.event(&Event::Waiting { stage });
            }
            thread::sleep(WAIT);
        }
    }

    fn save_epoch(
        &self,
        end: &EpochEnd<'_>,
        write: &mut dyn FnMut(&Path) -> io::Result<Vec<&'static str>>,
    ) -> Result<(), StageError> {
        self.save_after(end, write).map_err(of_store)
    }

    fn link(&self, done: u32, part: &str, target: &Path) -> Result<bool, StageError> {
        let current = held(&self.current);
        let state = current.as_ref().filter(|state| state.epoch == done);
        match state.and_then(|state| state.parts.get(part)) {
            Some(part) => self.store.link_trail_part(*part, target).map_err(of_store),
            None => Ok(false),
        }
    }
}
