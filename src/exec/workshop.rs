//! What a running stage is given: ears for its progress, a place for its state.

use super::{
    event::{Event, Listener, Progress},
    run::of_store,
};
use crate::{
    nn::device_class,
    plan::canon::Key,
    stages::{self, Monitor, StageError, States},
    store::Store,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
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

/// Keeps a training's state in the store, under the stage's key.
pub(super) struct StoredStates<'a> {
    pub(super) store: &'a Store,
    pub(super) key: Key,
}

impl States for StoredStates<'_> {
    fn load(&self) -> Result<Option<PathBuf>, StageError> {
        self.store.load_state(self.key).map_err(of_store)
    }

    fn save(&self, write: &mut dyn FnMut(&Path) -> io::Result<()>) -> Result<(), StageError> {
        self.store.save_state(self.key, |path| write(path)).map_err(of_store)
    }
}
