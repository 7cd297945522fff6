//! How much a store holds.

use super::error::{At, StoreError, if_there};
use serde::Serialize;
use std::{fs, path::Path};

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Files.
    pub files: u64,
    /// Their lengths, added.
    pub bytes: u64,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeReport {
    /// Objects.
    pub objects: Tally,
    /// Keys that have an action record.
    pub actions: u64,
    /// Bytes of the action log.
    pub action_bytes: u64,
    /// Bytes of the file index.
    pub index_bytes: u64,
    /// Saved states of unfinished stages.
    pub partial: Tally,
    /// What was damaged and is set aside.
    pub quarantine: Tally,
    /// Scratch files, of running processes too.
    pub scratch: Tally,
}

/// Counts the files below a folder. What vanishes meanwhile is not counted.
pub(super) fn tally(folder: &Path) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Some(entries) = if_there(fs::read_dir(&folder)).at("list", &folder)? else {
            continue;
        };
        for entry in entries {
            let entry = entry.at("list", &folder)?;
            let Some(metadata) = if_there(entry.metadata()).at("look at", &entry.path())? else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                tally.files += 1;
                tally.bytes += metadata.len();
            }
        }
    }
    Ok(tally)
}
