//! Verification: everything that is stored is read, and what is damaged is set aside.

use super::{
    Store,
    disk::Open,
    error::{At, StoreError, if_there},
    files::HashProgress,
    objects::{Objects, is_sound},
    partial,
};
use crate::plan::{canon::Key, digest::Digest};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// An object or a part of a state that was damaged, or that a record names and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// What it should be.
    pub digest: Digest,
    /// Where it lay, or should lie.
    pub path: PathBuf,
    /// True when it is not there at all.
    pub is_missing: bool,
    /// The stages whose results it is part of; they run again when it is needed.
    pub stages: Vec<String>,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was not as it should be.
    pub damaged: Vec<Damaged>,
    /// The place of the first entry of the ledger of looks that does not follow from the one before.
    pub broken_ledger: Option<usize>,
}

impl Store {
    /// Reads everything that is stored, in parallel, and sets aside what is damaged, with notices. The logs are read too; what
    /// is damaged of them is in the notices alone.
    ///
    /// # Errors
    /// When something is there and cannot be read, for lack of permission for example; [`StoreError::Cancelled`].
    pub fn verify(
        &self,
        progress: &(dyn Fn(HashProgress) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<Verified, StoreError> {
        let mut todo = Vec::new();
        let mut all = HashProgress::default();
        for objects in [&self.objects, self.trail_parts()] {
            for digest in objects.stored()? {
                let path = objects.path(digest);
                if let Some(look) = if_there(self.disk.look(&path)).at("look at", &path)? {
                    all.files += 1;
                    all.bytes += look.size;
                    todo.push((objects, digest, look.size));
                }
            }
        }
        let (files, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let check = |&(objects, digest, size): &(&Objects, Digest, u64)| -> Result<Option<Damaged>, StoreError> {
            if cancelled.load(Ordering::Relaxed) {
                return Err(StoreError::Cancelled);
            }
            // Read anew, also when this process has read it before.
            let is_sound = objects.verify(digest)?;
            progress(HashProgress {
                files_done: files.fetch_add(1, Ordering::Relaxed) + 1,
                bytes_done: bytes.fetch_add(size, Ordering::Relaxed) + size,
                ..all
            });
            Ok((!is_sound).then(|| Damaged {
                digest,
                path: objects.path(digest),
                is_missing: false,
                stages: Vec::new(),
            }))
        };
        let checked: Result<Vec<_>, _> = todo.par_iter().map(check).collect();
        let mut damaged: Vec<Damaged> = checked?.into_iter().flatten().collect();
        damaged.extend(self.damaged_partial()?);
        self.read_logs()?;
        self.name_stages(&mut damaged)?;
        Ok(Verified {
            files: all.files,
            bytes: all.bytes,
            damaged,
            broken_ledger: self.broken_ledger()?,
        })
    }

    /// Saved states of unfinished stages that are damaged, now set aside.
    fn damaged_partial(&self) -> Result<Vec<Damaged>, StoreError> {
        let folder = self.root.join("partial");
        let mut damaged = Vec::new();
        for name in self.disk.list(&folder).at("list", &folder)? {
            let Ok(key) = name.to_str().unwrap_or_default().parse().map(Key) else {
                continue;
            };
            // Whoever computes the stage writes and removes its states.
            let Some(_lock) = self.try_lock_stage(key)? else {
                continue;
            };
            for (_, digest, path) in partial::states(&*self.disk, &folder.join(&name))? {
                if !is_sound(&*self.disk, &path, digest)? {
                    partial::load(
                        &*self.disk,
                        &folder.join(&name),
                        &self.root.join("quarantine"),
                        &self.notices,
                    )?;
                    damaged.push(Damaged {
                        digest,
                        path,
                        is_missing: false,
                        stages: vec![format!("stage {}, unfinished", &key.to_string()[..8])],
                    });
                }
            }
        }
        Ok(damaged)
    }

    /// Reads every log whole, for the notices.
    fn read_logs(&self) -> Result<(), StoreError> {
        self.runs()?;
        self.fields()?;
        self.epochs()?;
        self.with_index(|_| Ok(()))
    }

    /// Says which results what is damaged belongs to, and adds what is missing of recorded results.
    fn name_stages(&self, damaged: &mut Vec<Damaged>) -> Result<(), StoreError> {
        let mut missing: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for (_, action) in self.results()? {
            for &digest in action.outputs.values() {
                if let Some(found) = damaged.iter_mut().find(|found| found.digest == digest) {
                    found.stages.push(action.stage.clone());
                } else if self.objects.look(&self.objects.path(digest))?.is_none() {
                    missing.entry(digest).or_default().push(action.stage.clone());
                }
            }
        }
        damaged.extend(missing.into_iter().map(|(digest, stages)| Damaged {
            digest,
            path: self.objects.path(digest),
            is_missing: true,
            stages,
        }));
        damaged.iter_mut().for_each(|found| found.stages.dedup());
        Ok(())
    }

    /// How long an object is; none when it is absent.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn object_size(&self, digest: Digest) -> Result<Option<u64>, StoreError> {
        let path = self.objects.path(digest);
        let file = if_there(self.disk.open(&path, Open::Read)).at("read", &path)?;
        file.map(|file| Ok(file.look().at("look at", &path)?.size)).transpose()
    }
}
