//! Where a stored thing is from, and who needs it.

use super::{
    fields::StageFields,
    history::{self, StageList},
};
use crate::{
    plan::{canon::Key, digest::Digest},
    store::{Action, Provenance, Store, StoreError},
};
use serde::Serialize;
use std::collections::{BTreeMap, btree_map::Entry};

/// A result, where it is from and what it is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Origin {
    /// The key of its stage.
    pub key: Key,
    /// Its stage's name in the program that computed it, or in the last run that used it.
    pub stage: String,
    /// Its stage's kind.
    pub kind: String,
    /// How it came about; none when it is no longer in the store.
    pub made: Option<Provenance>,
    /// Its files.
    pub outputs: Vec<File>,
    /// What it was made of, where its fields were kept.
    pub takes: Vec<Taken>,
    /// Results that were made of it.
    pub needed_by: Vec<Need>,
    /// Runs that had it among their stages, the newest first.
    pub runs: Vec<Use>,
}

/// A file of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its contents.
    pub digest: Digest,
    /// Its length; none when it is not in the store.
    pub bytes: Option<u64>,
}

/// Something that a result was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// What for.
    pub role: String,
    /// The stage that gave it.
    pub stage: String,
    /// Its contents.
    pub digest: Option<Digest>,
}

/// A result that was made of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Its key.
    pub key: Key,
    /// Its stage.
    pub stage: String,
    /// What it took the other for.
    pub role: String,
}

/// A run that had a result among its stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The run.
    pub run: String,
    /// When it began.
    pub when: String,
    /// Its program.
    pub program: String,
    /// True when the run computed it.
    pub computed: bool,
    /// The outputs of the program that it is.
    pub outputs: Vec<String>,
}

/// Where what a word names is from: results whose key begins with it, or that have a file whose digest does. A result that
/// is no longer stored is found by the history of runs.
///
/// # Errors
/// When the store cannot be read.
pub fn find(store: &Store, word: &str) -> Result<Vec<Origin>, StoreError> {
    let results: BTreeMap<Key, Action> = store.results()?.into_iter().collect();
    let runs = history::runs(store)?;
    let mut lists: BTreeMap<Digest, StageList> = BTreeMap::new();
    for run in &runs {
        if let Some(digest) = run.stages
            && !lists.contains_key(&digest)
        {
            lists.insert(digest, history::stages(store, run)?.unwrap_or_default());
        }
    }
    let is_meant = |key: Key, outputs: &BTreeMap<String, Digest>| {
        let digests = std::iter::once(&key.0).chain(outputs.values());
        digests.into_iter().any(|digest| digest.to_string().starts_with(word))
    };
    let mut origins: BTreeMap<Key, Origin> = BTreeMap::new();
    for (key, action) in &results {
        if is_meant(*key, &action.outputs) {
            let mut found = origin(store, *key, (&action.stage, &action.kind), &action.outputs)?;
            found.made = Some(action.provenance.clone());
            origins.insert(*key, found);
        }
    }
    for run in &runs {
        let Some(list) = run.stages.and_then(|digest| lists.get(&digest)) else {
            continue;
        };
        for (place, row) in (0..).zip(&list.stages) {
            let Some(key) = row.key.filter(|key| is_meant(*key, &row.outputs)) else {
                continue;
            };
            let results = run.results.iter().filter(|(_, files)| **files == row.outputs);
            let origin = match origins.entry(key) {
                Entry::Occupied(origin) => origin.into_mut(),
                Entry::Vacant(none) => none.insert(origin(store, key, (&row.name, &row.kind), &row.outputs)?),
            };
            origin.runs.push(Use {
                run: run.run.clone(),
                when: run.when.clone(),
                program: run.setup.program.clone(),
                computed: run.computed.iter().any(|(computed, _)| *computed == place),
                outputs: results.map(|(output, _)| output.clone()).collect(),
            });
        }
    }
    let mut origins: Vec<_> = origins.into_values().collect();
    add_needs(store, &results, &mut origins)?;
    Ok(origins)
}

fn origin(
    store: &Store,
    key: Key,
    (stage, kind): (&str, &str),
    outputs: &BTreeMap<String, Digest>,
) -> Result<Origin, StoreError> {
    let mut files = Vec::new();
    for (name, &digest) in outputs {
        files.push(File {
            name: name.clone(),
            digest,
            bytes: store.object_size(digest)?,
        });
    }
    Ok(Origin {
        key,
        stage: stage.to_owned(),
        kind: kind.to_owned(),
        made: None,
        outputs: files,
        takes: Vec::new(),
        needed_by: Vec::new(),
        runs: Vec::new(),
    })
}

/// Adds what was made of what, from the fields that were kept.
fn add_needs(store: &Store, results: &BTreeMap<Key, Action>, origins: &mut [Origin]) -> Result<(), StoreError> {
    let log = store.fields()?;
    for origin in &mut *origins {
        if let Some(fields) = StageFields::recorded(&log, origin.key)? {
            let takes = fields.takes().map(|(role, stage, digest)| Taken {
                role: role.to_owned(),
                stage: stage.to_owned(),
                digest,
            });
            origin.takes = takes.collect();
        }
    }
    for (key, action) in results {
        let Some(fields) = StageFields::recorded(&log, *key)? else {
            continue;
        };
        for (role, _, digest) in fields.takes() {
            for origin in &mut *origins {
                if origin.outputs.iter().any(|file| Some(file.digest) == digest) {
                    origin.needed_by.push(Need {
                        key: *key,
                        stage: action.stage.clone(),
                        role: role.to_owned(),
                    });
                }
            }
        }
    }
    Ok(())
}
