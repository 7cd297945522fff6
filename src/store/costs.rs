//! What stages took: a log of its own, not synced and never needed for a result. What is lost of it costs an estimate.

use super::{
    Store,
    error::StoreError,
    held,
    log::{Log, Records},
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Records that are kept: the newest.
const KEPT: usize = 4_000;

/// What a stage took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Its kind.
    pub kind: String,
    /// The class of the device that computed it.
    pub device_class: String,
    /// Its floating-point operations, roughly, as [`crate::plan::cost::operations`] counts them.
    pub operations: f64,
    /// How long it ran, times the threads that it had.
    pub thread_seconds: f64,
    /// Values that it stored, roughly, as [`crate::plan::cost::values`] counts them.
    pub values: f64,
    /// Bytes that it stored.
    pub bytes: u64,
}

/// The newest records, the newest last.
#[derive(Debug, Default)]
pub(super) struct Costs {
    costs: VecDeque<Cost>,
    /// Records in the log.
    all: usize,
}

impl Records for Costs {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        self.all += 1;
        // A record of another version's shape is no loss.
        if let Ok(cost) = serde_json::from_slice(payload) {
            self.costs.push_back(cost);
            if self.costs.len() > KEPT {
                self.costs.pop_front();
            }
        }
    }
}

impl Costs {
    /// What a log of the newest records alone would hold, once most of the log are older ones.
    fn compacted(&self) -> Option<Vec<Vec<u8>>> {
        let is_long = self.all > 2 * KEPT;
        is_long.then(|| {
            self.costs
                .iter()
                .filter_map(|cost| serde_json::to_vec(cost).ok())
                .collect()
        })
    }
}

/// The open log.
#[derive(Debug)]
pub(super) struct CostLog {
    log: Log,
    costs: Costs,
}

impl Store {
    /// Remembers what a stage took.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_cost(&self, cost: &Cost) -> Result<(), StoreError> {
        let Ok(payload) = serde_json::to_vec(cost) else {
            return Ok(()); // A number that is none tells nothing.
        };
        self.with_costs(|CostLog { log, costs }| {
            log.append(&[payload], false, costs)?;
            if costs.all > 2 * KEPT {
                log.rewrite(costs, Costs::compacted)?;
            }
            Ok(())
        })
    }

    /// What the last stages took, the newest last.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn costs(&self) -> Result<Vec<Cost>, StoreError> {
        self.with_costs(|CostLog { log, costs }| {
            log.refresh(costs)?;
            Ok(costs.costs.iter().cloned().collect())
        })
    }

    fn with_costs<T>(&self, act: impl FnOnce(&mut CostLog) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut open = held(&self.costs);
        if let Some(open) = &mut *open {
            return act(open);
        }
        let mut costs = Costs::default();
        let log = Log::open(&self.disk, &self.root.join("costs"), &self.notices, &mut costs)?;
        act(open.insert(CostLog { log, costs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_records_stay_and_the_log_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let cost = |operations: f64| Cost {
            kind: "train".to_owned(),
            device_class: "cpu-avx2".to_owned(),
            operations,
            thread_seconds: 2.0,
            values: 3.0,
            bytes: 12,
        };
        let store = Store::open(folder.path()).expect("a store");
        let count = 2 * KEPT + 50;
        for number in 0..count {
            store.note_cost(&cost(number as f64)).expect("noted");
        }
        store.note_cost(&cost(f64::NAN)).expect("what is no number is left out");
        drop(store);
        let store = Store::open(folder.path()).expect("a store");
        let costs = store.costs().expect("read");
        let newest: Vec<f64> = (count - KEPT..count).map(|number| number as f64).collect();
        assert_eq!(costs.iter().map(|cost| cost.operations).collect::<Vec<_>>(), newest);
        let held = held(&store.costs).as_ref().map(|open| open.costs.all);
        assert!(held.is_some_and(|all| all < KEPT + 100), "{held:?}");
    }
}
