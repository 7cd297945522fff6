//! Tables that were read, kept while their files are the same.

use super::{Table, TableError};
use indexmap::IndexMap;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// What a table is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A manifest, with the column of its pictures.
    Manifest(String),
    /// A manifest without pictures.
    Rows,
    /// A folder per class.
    Folders,
    /// An archive of arrays.
    Npz,
}

/// A table, or why it cannot be used.
pub type Read = Result<Arc<Table>, Arc<TableError>>;

/// Size and time of change of a table's file and of the card beside it.
type Stamp = [Option<(u64, SystemTime)>; 2];

/// The tables that were read so far. A check and the plan that follows it read each once; an editor keeps them from one
/// check to the next.
#[derive(Debug, Default)]
pub struct Cache {
    read: Mutex<IndexMap<(Kind, PathBuf), (Stamp, Read)>>,
    asked: Mutex<BTreeSet<(bool, PathBuf)>>,
}

impl Cache {
    /// Reads a table, unless it was read before and neither size nor time of change of its file differ since. Folders are
    /// always read: a change deep in one does not show outside.
    ///
    /// # Errors
    /// As the functions of [`Table`] that read.
    pub fn read(&self, kind: &Kind, path: &Path) -> Read {
        self.note(path, *kind == Kind::Folders);
        let fresh = || match kind {
            Kind::Manifest(image) => Table::read_csv(path, image),
            Kind::Rows => Table::read_rows(path),
            Kind::Folders => Table::read_folders(path),
            Kind::Npz => Table::read_npz(path),
        };
        let read = || fresh().map(Arc::new).map_err(Arc::new);
        let card = path.parent().map(|folder| folder.join("about.json"));
        let stamp = [stamp(path), card.and_then(|card| stamp(&card))];
        if *kind == Kind::Folders || stamp[0].is_none() {
            return read();
        }
        let key = (kind.clone(), path.to_owned());
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&key) {
            Some((before, read)) if *before == stamp => read.clone(),
            _ => {
                let made = read();
                known.insert(key, (stamp, made.clone()));
                made
            }
        }
    }
}

impl Cache {
    /// Remembers that a program asked for a file, or for a folder and all in it, whether it is there or not.
    pub fn note(&self, path: &Path, is_folder: bool) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert((is_folder, path.to_owned()));
    }

    /// The files that were asked for since this was last called, or, if `folders`, the folders.
    #[must_use]
    pub fn asked(&self, folders: bool) -> BTreeSet<PathBuf> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, rest) = std::mem::take(&mut *asked)
            .into_iter()
            .partition(|(is_folder, _)| *is_folder == folders);
        *asked = rest;
        let found: BTreeSet<(bool, PathBuf)> = found;
        found.into_iter().map(|(_, path)| path).collect()
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}
