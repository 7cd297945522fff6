//! The quota of a store: before it is exceeded, what was last of use longest ago goes.

use super::{
    clock,
    collect::{self, Limits, Roots},
    crew::held,
    event::{Event, Listener},
    memory::size,
    run::of_store,
};
use crate::{
    stages::StageError,
    store::{Store, StoreError},
};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

/// After so many results the disk is looked at again: other runs fill it too.
const OFTEN: u32 = 16;

/// The quota of a store, and how much of it is used.
pub(super) struct Quota<'a> {
    store: &'a Store,
    limit: Option<u64>,
    listener: &'a dyn Listener,
    known: Mutex<Known>,
    /// True once it was said that states exceed it.
    is_told: AtomicBool,
}

/// What is known of the store.
#[derive(Default)]
struct Known {
    /// Bytes of its objects and states; none before they are first counted.
    bytes: Option<u64>,
    /// Results since they were counted.
    since: u32,
}

impl<'a> Quota<'a> {
    pub(super) fn new(store: &'a Store, limit: Option<u64>, listener: &'a dyn Listener) -> Self {
        Self {
            store,
            limit,
            listener,
            known: Mutex::default(),
            is_told: AtomicBool::new(false),
        }
    }

    /// Makes room for so many bytes more.
    ///
    /// # Errors
    /// When too little may go, with what to do about it.
    pub(super) fn make_room(&self, more: u64) -> Result<(), StageError> {
        let Some(limit) = self.limit else { return Ok(()) };
        let left = self.room(limit, more).map_err(of_store)?;
        if left.saturating_add(more) <= limit {
            return Ok(());
        }
        let needed = match more {
            0 => String::new(),
            more => format!(", and this result takes {} more", size(more)),
        };
        let message = format!(
            "the store holds {}, its quota is {}{needed}; all else in it is in use, or of the last run of a program",
            size(left),
            size(limit)
        );
        Err(StageError::failed(message).help(
            "a larger `quota` in mtl.toml, or `mtl cache gc --runs 0` with a limit, which keeps no last runs; the same command goes on",
        ))
    }

    /// Takes account of what was stored of a state. Where it does not fit, that is said once: without its states a training could
    /// not be resumed.
    pub(super) fn settle(&self, more: u64) {
        let Some(limit) = self.limit else { return };
        if let Some(bytes) = &mut held(&self.known).bytes {
            *bytes = bytes.saturating_add(more);
        }
        let message = match self.room(limit, 0) {
            Ok(left) if left <= limit => return,
            Ok(left) => format!(
                "with the states of trainings under way the store holds {}, and its quota is {}",
                size(left),
                size(limit)
            ),
            Err(error) => format!("no room can be made in the store: {error}"),
        };
        if !self.is_told.swap(true, Ordering::Relaxed) {
            self.listener.event(&Event::Noticed { message });
        }
    }

    /// Collects if the store would exceed its quota with so many bytes more; how much it holds then.
    fn room(&self, limit: u64, more: u64) -> Result<u64, StoreError> {
        let fits = |bytes: u64| bytes.saturating_add(more) <= limit;
        let mut known = held(&self.known);
        known.since += u32::from(more > 0);
        let mut bytes = match known.bytes {
            Some(bytes) if fits(bytes) && known.since < OFTEN => bytes,
            _ => {
                known.since = 0;
                self.store.disk_use()?
            }
        };
        if !fits(bytes) {
            let limits = Limits {
                before: None,
                size: Some(limit.saturating_sub(more)),
            };
            let collection = collect::plan(self.store, &Roots::default(), limits, clock::now())?;
            let collected = collect::collect(self.store, &collection)?;
            if collected.bytes > 0 {
                let message = format!(
                    "{} of what was last of use longest ago went, for the quota of {}",
                    size(collected.bytes),
                    size(limit)
                );
                self.listener.event(&Event::Noticed { message });
            }
            bytes = self.store.disk_use()?;
        }
        known.bytes = Some(bytes.saturating_add(more));
        Ok(bytes)
    }
}
