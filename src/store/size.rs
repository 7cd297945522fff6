//! How much a store holds.

use super::{
    disk::Disk,
    error::{At, StoreError, if_there},
};
use serde::Serialize;
use std::path::Path;

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
    /// States after the epochs of trainings, with their log. A model that has the contents of one is the same file.
    pub trail: Tally,
    /// What was damaged and is set aside.
    pub quarantine: Tally,
    /// Scratch files, of running processes too.
    pub scratch: Tally,
}

/// Counts the files below a folder. What vanishes meanwhile is not counted.
pub(super) fn tally(disk: &dyn Disk, folder: &Path) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Some(names) = if_there(disk.list(&folder)).at("list", &folder)? else {
            continue;
        };
        for name in names {
            let path = folder.join(name);
            let Some(look) = if_there(disk.look(&path)).at("look at", &path)? else {
                continue;
            };
            if look.is_dir {
                folders.push(path);
            } else {
                tally.files += 1;
                tally.bytes += look.size;
            }
        }
    }
    Ok(tally)
}
