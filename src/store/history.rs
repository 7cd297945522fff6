//! The records of runs: a log of their own, which a run only appends to and only `mtl runs` and its like read.
//!
//! A record is JSON that the executor makes and reads. The store knows of it that a later record of the same run, told by
//! the first 8 bytes, takes the place of an earlier one: a run leaves one when it begins to compute and one when it ends.

use super::{
    Store,
    error::StoreError,
    log::{Log, Records},
};
use indexmap::IndexMap;

/// Bytes that tell runs apart.
pub const RUN_ID: usize = 8;

/// The last record of every run, in the order in which they began.
#[derive(Debug, Default)]
struct Runs(IndexMap<[u8; RUN_ID], Vec<u8>>);

impl Records for Runs {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        // A sound record that is too short was written by no program.
        if let Some((id, json)) = payload.split_first_chunk() {
            self.0.insert(*id, json.to_vec());
        }
    }
}

impl Store {
    /// Appends what is known of a run. `durable`: it is on the disk when this returns; otherwise a power cut may take it,
    /// as is well for runs that only found everything known.
    ///
    /// # Errors
    /// When it cannot be written; then the log is as it was.
    pub fn record_run(&self, id: [u8; RUN_ID], json: &[u8], durable: bool) -> Result<(), StoreError> {
        let path = self.root.join("history");
        Log::append_unread(&self.disk, &path, &self.notices, [&id, json].concat(), durable)
    }

    /// Records of the last runs, oldest first, as many as lie near the end of the log; one of a run that goes on may be among
    /// them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn last_runs(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut records = Log::last(&self.disk, &self.root.join("history"), &self.notices)?;
        records.retain(|record| record.len() >= RUN_ID);
        records.iter_mut().for_each(|record| drop(record.drain(..RUN_ID)));
        Ok(records)
    }

    /// The last record of every run, in the order in which they began; damaged ones are left out, with a notice.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn runs(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut runs = Runs::default();
        Log::open(&self.disk, &self.root.join("history"), &self.notices, &mut runs)?;
        Ok(runs.0.into_values().collect())
    }
}
