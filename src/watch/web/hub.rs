//! The latest view, as it is sent, and those that wait for the next.

use crate::watch::{Outline, View};
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A part of the view with its number, by which a change is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) json: Arc<str>,
}

impl Part {
    fn set(&mut self, json: String) {
        if *self.json != *json {
            self.number += 1;
            self.json = json.into();
        }
    }
}

/// What was shown last.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest {
    pub(super) outline: Part,
    pub(super) state: Part,
}

#[derive(Debug, Default)]
struct Shared {
    latest: Latest,
    /// What the latest outline was made of.
    outline: Arc<Outline>,
    is_closed: bool,
}

/// Passes the latest view on.
#[derive(Debug, Default)]
pub(super) struct Hub {
    shared: Mutex<Shared>,
    changed: Condvar,
}

impl Hub {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn show(&self, view: &View) {
        // Numbers that are none cannot be written, and plain data otherwise can.
        let state = serde_json::to_string(&view.state).unwrap_or_default();
        let mut shared = self.shared();
        // A new one comes with a decision, and is as long as the plan.
        if !Arc::ptr_eq(&shared.outline, &view.outline) {
            let outline = serde_json::to_string(&*view.outline).unwrap_or_default();
            shared.latest.outline.set(outline);
            shared.outline = Arc::clone(&view.outline);
        }
        shared.latest.state.set(state);
        drop(shared);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.shared().is_closed = true;
        self.changed.notify_all();
    }

    /// The latest view once it is another than `seen`, or after some time as it is; none when no more will come.
    pub(super) fn after(&self, seen: &Latest, wait: Duration) -> Option<Latest> {
        let shared = self.shared();
        let same = |shared: &mut Shared| {
            let numbers = |latest: &Latest| (latest.outline.number, latest.state.number);
            !shared.is_closed && numbers(&shared.latest) == numbers(seen)
        };
        let waited = self.changed.wait_timeout_while(shared, wait, same);
        let (shared, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!shared.is_closed).then(|| shared.latest.clone())
    }
}
