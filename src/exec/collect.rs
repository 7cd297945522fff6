//! What of a store goes when it is collected.
//!
//! A thing was last of use when it was made, or in the last run that had it among its stages. What was last of use before a given
//! day goes; then, where the store is to be smaller still, what was last of use longest ago, and of what was of use at the
//! same time what comes last in the plan: without what comes first, the rest could not be found again. What running processes
//! use stays, and so do the roots: the last runs of every program, and the outputs of programs that are named.

use super::history::{self, RunRecord, RunState, StageList};
use crate::{
    plan::{canon::Key, digest::Digest},
    store::{Blob, Collected, Going, Holding, Holdings, Item, Store, StoreError},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Duration,
};

/// How long what was damaged stays in quarantine, at most.
const QUARANTINE: Duration = Duration::from_secs(30 * 86_400);

/// What stays whatever the limits say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// What the last so many runs of every program that were done used, and those that failed since.
    pub runs: usize,
    /// Programs, as the history names them, of which every recorded run's outputs stay, and all that the last run used.
    pub programs: Vec<String>,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            runs: 1,
            programs: Vec::new(),
        }
    }
}

/// By what it is decided what goes; without either, only what nothing names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What was last of use before this moment goes.
    pub before: Option<Timestamp>,
    /// Objects and states may take so many bytes.
    pub size: Option<u64>,
}

/// Why something stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// A running process uses it.
    Used,
    /// It is of one of the last runs of a program.
    Run(String),
    /// It is of a program that was named.
    Program(String),
}

/// Why something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was last of use too long ago.
    Old,
    /// The store is to be smaller.
    Size,
}

/// A thing with what decides whether it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The thing.
    pub holding: Holding,
    /// When it was last of use.
    pub last_used: Timestamp,
    /// Its place in the plan of the last run that used it.
    pub place: usize,
    /// Why it stays.
    pub root: Option<Root>,
}

/// What goes and what stays, with reasons.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// All that could go.
    pub candidates: Vec<Candidate>,
    /// What goes: places among the candidates, with the reason.
    pub goes: Vec<(usize, Why)>,
    /// Objects that nothing names, and their bytes.
    pub unnamed: (u64, u64),
    /// Bytes of all objects and states.
    pub before: u64,
    /// The same when all is gone that is to go.
    pub after: u64,
    going: Going,
    /// The runs that were known, with their lists.
    runs: BTreeSet<(String, Digest)>,
}

/// What the history says.
#[derive(Default)]
struct Past {
    /// When each stage was last used, and its place in that run.
    used: BTreeMap<Key, (Timestamp, usize)>,
    /// The same of the lists of stages.
    lists: BTreeMap<Digest, Timestamp>,
    runs: BTreeSet<(String, Digest)>,
    roots: BTreeMap<Key, Root>,
    root_lists: BTreeMap<Digest, Root>,
}

impl Past {
    fn of(store: &Store, roots: &Roots) -> Result<Self, StoreError> {
        let mut past = Self::default();
        let mut read: BTreeMap<Digest, StageList> = BTreeMap::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for run in history::runs(store)? {
            let Some(digest) = run.stages else { continue };
            if let Entry::Vacant(list) = read.entry(digest) {
                list.insert(history::stages(store, &run)?.unwrap_or_default());
            }
            // A run that failed does not stand for the one before that did not.
            let done = seen.entry(run.setup.program.clone()).or_default();
            past.take(&run, (digest, &read[&digest]), *done, roots);
            *done += usize::from(run.state == RunState::Done);
        }
        Ok(past)
    }

    /// Takes in a run; so many of its program that were done are newer.
    fn take(&mut self, run: &RunRecord, (digest, list): (Digest, &StageList), newer: usize, roots: &Roots) {
        let when = run.when.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let program = &run.setup.program;
        let is_named = roots.programs.contains(program);
        let root = match () {
            () if newer < roots.runs => Some(Root::Run(run.run.clone())),
            () if is_named && newer == 0 => Some(Root::Program(program.clone())),
            () => None,
        };
        self.runs.insert((run.run.clone(), digest));
        let listed = self.lists.entry(digest).or_insert(when);
        *listed = when.max(*listed);
        if let Some(root) = &root {
            self.root_lists.entry(digest).or_insert_with(|| root.clone());
        }
        for (place, row) in list.stages.iter().enumerate() {
            let Some(key) = row.key else { continue };
            let used = self.used.entry(key).or_insert((when, place));
            *used = (when, place).max(*used);
            let is_output = is_named && run.results.values().any(|files| *files == row.outputs);
            let root = root
                .clone()
                .or_else(|| is_output.then(|| Root::Program(program.clone())));
            if let Some(root) = root {
                self.roots.entry(key).or_insert(root);
            }
        }
    }

    fn candidate(&self, holding: Holding) -> Candidate {
        let used = match holding.item {
            Item::Result(key) => self.used.get(&key).copied(),
            Item::List(_) | Item::Epoch(_) | Item::Partial(_) => None,
        };
        let root = match holding.item {
            _ if holding.is_used => Some(Root::Used),
            Item::Result(key) => self.roots.get(&key).cloned(),
            Item::List(digest) => self.root_lists.get(&digest).cloned(),
            Item::Epoch(_) | Item::Partial(_) => None,
        };
        let (run, place) = used.unwrap_or((Timestamp::UNIX_EPOCH, usize::MAX));
        Candidate {
            last_used: run.max(holding.when),
            place,
            root,
            holding,
        }
    }
}

/// What goes by the limits: places among the candidates. `others` are files that are neither of candidates nor go.
#[must_use]
pub fn choose(candidates: &[Candidate], others: &[Blob], limits: Limits) -> Vec<(usize, Why)> {
    let mut uses: BTreeMap<Blob, usize> = BTreeMap::new();
    for blob in candidates.iter().flat_map(|it| &it.holding.blobs).chain(others) {
        *uses.entry(*blob).or_default() += 1;
    }
    let mut total: u64 = uses.keys().map(|blob| blob.bytes).sum();
    let mut order: Vec<usize> = (0..candidates.len())
        .filter(|at| candidates[*at].root.is_none())
        .collect();
    order.sort_by_key(|at| {
        let it = &candidates[*at];
        (it.last_used, std::cmp::Reverse(it.place), it.holding.item)
    });
    let mut goes = Vec::new();
    for at in order {
        let candidate = &candidates[at];
        let is_old = limits.before.is_some_and(|before| candidate.last_used < before);
        let is_over = limits.size.is_some_and(|size| total > size);
        let why = match (is_old, is_over) {
            (true, _) => Why::Old,
            (false, true) => Why::Size,
            // Those that follow are younger.
            (false, false) => break,
        };
        for blob in &candidate.holding.blobs {
            if let Some(count) = uses.get_mut(blob) {
                *count -= 1;
                if *count == 0 {
                    total -= blob.bytes;
                }
            }
        }
        goes.push((at, why));
    }
    goes
}

fn bytes<'b>(blobs: impl Iterator<Item = &'b Blob>) -> u64 {
    blobs.collect::<BTreeSet<_>>().iter().map(|blob| blob.bytes).sum()
}

/// Decides what goes.
///
/// # Errors
/// When the store cannot be read.
pub fn plan(store: &Store, roots: &Roots, limits: Limits, now: Timestamp) -> Result<Collection, StoreError> {
    let past = Past::of(store, roots)?;
    let Holdings { items, unnamed, others } = store.holdings(&past.lists)?;
    let candidates: Vec<_> = items.into_iter().map(|holding| past.candidate(holding)).collect();
    let goes = choose(&candidates, &others, limits);
    let is_gone: BTreeSet<usize> = goes.iter().map(|(at, _)| *at).collect();
    let aside = now - QUARANTINE;
    let mut going = Going {
        quarantined_before: limits.before.map_or(aside, |before| before.max(aside)),
        now,
        ..Going::default()
    };
    for (at, _) in &goes {
        let holding = &candidates[*at].holding;
        match holding.item {
            Item::Result(key) => drop(going.results.insert(key, holding.when)),
            Item::Epoch(key) => going.epochs.push(key),
            Item::Partial(key) => going.partial.push(key),
            // What is not among the lists that stay goes as what nothing names.
            Item::List(_) => {}
        }
    }
    let held = |goes: bool| {
        let of = candidates
            .iter()
            .enumerate()
            .filter(move |(at, _)| goes || !is_gone.contains(at));
        of.flat_map(|(_, it)| &it.holding.blobs).chain(&others)
    };
    Ok(Collection {
        unnamed: (unnamed.len() as u64, bytes(unnamed.iter())),
        before: bytes(held.clone()(true).chain(&unnamed)),
        after: bytes(held(false)),
        runs: past.runs,
        going,
        goes,
        candidates,
    })
}

/// Removes what is to go.
///
/// # Errors
/// When something cannot be removed; the store is then a valid one, and the next collection goes on.
pub fn collect(store: &Store, collection: &Collection) -> Result<Collected, StoreError> {
    let gone: BTreeSet<Digest> = collection
        .goes
        .iter()
        .filter_map(|(at, _)| match collection.candidates[*at].holding.item {
            Item::List(digest) => Some(digest),
            Item::Result(_) | Item::Epoch(_) | Item::Partial(_) => None,
        })
        .collect();
    let mut lists = || {
        let runs = history::runs(store)?.into_iter();
        // A run that ended meanwhile may have the same list as one that goes.
        let lists = runs.filter_map(|run| {
            let digest = run.stages?;
            let is_new = !collection.runs.contains(&(run.run, digest));
            (is_new || !gone.contains(&digest)).then_some(digest)
        });
        Ok(lists.collect())
    };
    store.collect(&collection.going, &mut lists)
}

#[cfg(test)]
mod tests;
