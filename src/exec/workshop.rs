//! What a running stage is given: ears for its progress, a place for its state.

use super::{
    event::{Event, Listener, Progress},
    run::of_store,
};
use crate::{
    plan::canon::Key,
    stages::{self, Monitor, StageError, States},
    store::Store,
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Turns what a stage says into events that carry its name.
pub(super) struct Monitored<'a> {
    pub(super) stage: &'a str,
    pub(super) listener: &'a dyn Listener,
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

    fn resumed(&self, epoch: u32, step: u64) {
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
