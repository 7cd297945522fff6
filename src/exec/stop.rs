//! How a run is stopped from outside: at once, or but for what is still wanted.

use crate::plan::canon::Key;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Stops a run; shared by the run and whoever may want it stopped.
#[derive(Debug, Default)]
pub struct Stop {
    now: Arc<AtomicBool>,
    /// What runs on when nothing more is to begin.
    spared: Mutex<Option<BTreeSet<Key>>>,
}

impl Stop {
    /// Stops all when the flag is raised, by a signal or otherwise: trainings between two layers, with the state of their
    /// last whole step saved.
    #[must_use]
    pub fn on(flag: Arc<AtomicBool>) -> Self {
        Self {
            now: flag,
            spared: Mutex::default(),
        }
    }

    /// Stops all.
    pub fn now(&self) {
        self.now.store(true, Ordering::Relaxed);
    }

    /// Nothing more begins, and what runs is stopped unless it computes one of `keys`. Called again, the keys take the place
    /// of the earlier ones.
    pub fn all_but(&self, keys: BTreeSet<Key>) {
        *self.spared() = Some(keys);
    }

    pub(super) fn flag(&self) -> &AtomicBool {
        &self.now
    }

    /// True when nothing more is to begin.
    pub(super) fn is_raised(&self) -> bool {
        self.now.load(Ordering::Relaxed) || self.spared().is_some()
    }

    /// True when another run is under way in place of this one.
    pub(super) fn is_replaced(&self) -> bool {
        self.spared().is_some()
    }

    /// True when the computation of a key is to stop.
    pub(super) fn stops(&self, key: Option<Key>) -> bool {
        let is_gone = |spared: &BTreeSet<Key>| key.is_some_and(|key| !spared.contains(&key));
        self.now.load(Ordering::Relaxed) || self.spared().as_ref().is_some_and(is_gone)
    }

    fn spared(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<Key>>> {
        self.spared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
