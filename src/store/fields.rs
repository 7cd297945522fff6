//! The fields of stages' work, by key: what was computed with, for those who ask why something is computed again.
//!
//! A log of its own, not synced and never needed for a result: what is lost of it costs an explanation.

use super::{
    Store,
    error::StoreError,
    log::{Log, Places},
};
use crate::plan::digest::Digest;

/// The open log of fields. A record has a name: a stage's key, or the digest of what many stages share.
#[derive(Debug)]
pub struct FieldsLog {
    log: Log,
    places: Places<true>,
}

impl FieldsLog {
    /// True when there is a record of this name.
    #[must_use]
    pub fn contains(&self, name: Digest) -> bool {
        self.places.contains(name)
    }

    /// The record of a name; none when there is none, or it is damaged.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn get(&self, name: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.places.read(&self.log, name, |record| Some(record.to_vec()))
    }

    /// Appends records in one write; those whose name is there are left out.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn add(&mut self, records: &[(Digest, Vec<u8>)]) -> Result<(), StoreError> {
        let new = records.iter().filter(|(name, _)| !self.contains(*name));
        let payloads: Vec<_> = new.map(|(name, bytes)| [&name.0, bytes.as_slice()].concat()).collect();
        if payloads.is_empty() {
            return Ok(());
        }
        self.log.append(&payloads, false, &mut self.places)
    }
}

impl Store {
    /// Opens the log of fields.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn fields(&self) -> Result<FieldsLog, StoreError> {
        let mut places = Places::default();
        let log = Log::open(&self.disk, &self.root.join("fields"), &self.notices, &mut places)?;
        Ok(FieldsLog { log, places })
    }
}
