//! The ledger of looks: every time that a number made from test labels and scores left the store, and every plan that
//! was locked. Tuning on test data cannot be undone by arithmetic, but it can be counted and told (the reusable holdout:
//! Dwork et al. 2015, doi:10.1126/science.aaa9375).
//!
//! The file `looks` is a [`Log`] whose records form a chain: each begins with the digest of the one before, so a record
//! that was removed or changed is noticed by all that follow. A broken chain is said, never mended. Nothing but whole
//! records at the end of the file can go unnoticed; publish the digest of a locked plan where that matters.

use super::{
    Store,
    disk::{self, Disk},
    error::{At, StoreError},
    held,
    log::{self, Log, Records},
    notice::Notices,
};
use crate::plan::{digest::Digest, looks::TestData, stage::Choice};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::Arc,
};

/// Why numbers left the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// `mtl run` wrote an output.
    Run,
    /// Somebody asked `mtl watch` to show the results that it kept sealed.
    Reveal,
    /// `mtl watch --unsealed` wrote an output.
    Watch,
}

/// Results on test data that were shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// When; the same moment for all that a run shows.
    pub when: Timestamp,
    /// By what.
    pub trigger: Trigger,
    /// Of whom.
    pub test: TestData,
    /// The program's file name.
    pub program: String,
    /// The output.
    pub output: String,
    /// Digest of the plan behind it.
    pub plan: Digest,
    /// What tells equal results: the key of the stage that made them, without what the ledger said before.
    pub result: Digest,
    /// Cells of the grid that it shows.
    pub cells: usize,
    /// Its settings.
    pub choices: Vec<Choice>,
}

/// A plan that was written down before its results were known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanLock {
    /// When.
    pub when: Timestamp,
    /// The program's file name.
    pub program: String,
    /// The output.
    pub output: String,
    /// Digest of the plan behind it.
    pub plan: Digest,
    /// On whom it will be tested.
    pub tests: Vec<TestData>,
    /// How its p values are corrected, over how many comparisons.
    pub family: Option<String>,
    /// The primary task.
    pub primary: Option<String>,
    /// Its settings.
    pub choices: Vec<Choice>,
}

/// A record of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "lowercase")]
pub enum Entry {
    /// The ledger begins.
    Begun {
        /// When.
        when: Timestamp,
    },
    /// Results were shown.
    Look(Box<Look>),
    /// A plan was locked.
    Lock(Box<PlanLock>),
}

/// What the ledger says of the test data of an output, before that output was first shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    /// When the ledger began; earlier looks cannot be known.
    pub since: Timestamp,
    /// The place of the first record that does not follow from the one before.
    pub broken: Option<usize>,
    /// For each task of the output.
    pub tests: Vec<Seen>,
}

impl Looks {
    /// How often results had been shown on the test data that were shown most often.
    #[must_use]
    pub fn most(&self) -> usize {
        self.tests.iter().map(|seen| seen.times).max().unwrap_or(0)
    }

    /// True when the plan of every task was locked before any look, and carried out as it was locked.
    #[must_use]
    pub fn are_locked(&self) -> bool {
        let is_kept = |lock: &Locked| lock.is_first && lock.deviations.is_empty();
        !self.tests.is_empty() && self.tests.iter().all(|seen| seen.lock.as_ref().is_some_and(is_kept))
    }
}

/// What the ledger says of one task's test data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The test data.
    pub test: TestData,
    /// How often results on them had been shown; the same results again are one look.
    pub times: usize,
    /// By how many different plans.
    pub plans: usize,
    /// The first time.
    pub first: Option<Timestamp>,
    /// Settings that changed from one look to the next, this one included.
    pub changed: Vec<String>,
    /// The plan that was locked for them.
    pub lock: Option<Locked>,
}

/// A locked plan, beside the one that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Locked {
    /// When it was locked.
    pub when: Timestamp,
    /// True when no look at the test data came before.
    pub is_first: bool,
    /// Settings that are not as they were locked; `plan` stands for what is no setting.
    pub deviations: Vec<String>,
}

/// The records, in order.
#[derive(Debug, Default)]
struct Chain {
    entries: Vec<Entry>,
    /// Digest of the last record.
    head: Option<Digest>,
    broken: Option<usize>,
    /// The chain of the store behind, whose entries come first.
    behind: Option<Box<Chain>>,
}

impl Records for Chain {
    fn clear(&mut self) {
        *self = Self::after(self.behind.take());
    }

    fn add(&mut self, _: u64, _: u32, payload: &[u8]) {
        let place = self.entries.len();
        let before = self.head.unwrap_or(Digest([0; 32]));
        let entry = payload.strip_prefix(&before.0);
        if entry.is_none() {
            self.broken.get_or_insert(place);
        }
        let json = entry.or_else(|| payload.get(before.0.len()..)).unwrap_or_default();
        match serde_json::from_slice(json) {
            Ok(entry) => self.entries.push(entry),
            Err(_) => {
                self.broken.get_or_insert(place);
            }
        }
        self.head = Some(Digest::of(payload));
    }
}

impl Chain {
    /// An empty chain after that of the store behind, if there is one.
    fn after(behind: Option<Box<Self>>) -> Self {
        Self {
            entries: behind.iter().flat_map(|chain| chain.entries.clone()).collect(),
            broken: behind.as_ref().and_then(|chain| chain.broken),
            head: None,
            behind,
        }
    }

    /// That of the store behind.
    fn of_behind(disk: &dyn Disk, store: &Path) -> Result<Box<Self>, StoreError> {
        let mut chain = Self::default();
        for payload in log::payloads(disk, &store.join("looks"), 0)?.0 {
            chain.add(0, 0, &payload);
        }
        Ok(Box::new(chain))
    }

    /// The record of an entry that follows.
    fn next(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut payload = self.head.unwrap_or(Digest([0; 32])).0.to_vec();
        serde_json::to_writer(&mut payload, entry)?;
        Ok(payload)
    }

    fn has(&self, identity: Digest, result: Digest) -> bool {
        looks(&self.entries).any(|look| (look.test.identity, look.result) == (identity, result))
    }

    fn since(&self) -> Timestamp {
        let when = self.entries.first().map(|entry| match entry {
            Entry::Begun { when } => *when,
            Entry::Look(look) => look.when,
            Entry::Lock(lock) => lock.when,
        });
        when.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The entries from before the result was first shown on test data; what the same run showed beside it does not count.
    fn before(&self, test: &TestData, result: Digest) -> &[Entry] {
        let mut own = looks(&self.entries).filter(|look| look.test.identity == test.identity);
        let Some(when) = own.find(|look| look.result == result).map(|look| look.when) else {
            return &self.entries;
        };
        let is_of_run = |entry: &Entry| matches!(entry, Entry::Look(look) if look.when == when);
        let end = self.entries.iter().position(is_of_run);
        &self.entries[..end.unwrap_or(self.entries.len())]
    }

    /// What was known of test data before the result was first shown.
    fn seen(&self, test: &TestData, result: Digest, plan: &dyn Fn() -> Digest, choices: &[Choice]) -> Seen {
        let before: Vec<_> = looks(self.before(test, result))
            .filter(|look| look.test.identity == test.identity)
            .collect();
        let settings = before.iter().map(|look| &look.choices[..]).chain([choices]);
        let settings: Vec<_> = settings.filter(|choices| !choices.is_empty()).collect();
        let changed: BTreeSet<String> = settings.windows(2).flat_map(|two| changed(two[0], two[1])).collect();
        let first = before.first().map(|look| look.when);
        Seen {
            test: test.clone(),
            times: before.len(),
            plans: before.iter().map(|look| look.plan).collect::<BTreeSet<_>>().len(),
            first,
            changed: changed.into_iter().collect(),
            lock: self.lock(test, result).map(|(lock, is_first)| Locked {
                when: lock.when,
                is_first,
                deviations: deviations(lock, plan(), choices),
            }),
        }
    }

    /// The plan that counts: the last that was locked before any look, else the last before the result was shown.
    fn lock(&self, test: &TestData, result: Digest) -> Option<(&PlanLock, bool)> {
        let (mut found, mut looked) = (None, false);
        for entry in self.before(test, result) {
            match entry {
                Entry::Lock(lock) if lock.tests.iter().any(|one| one.identity == test.identity) => {
                    found = match found {
                        Some((first, true)) if looked => Some((first, true)),
                        _ => Some((&**lock, !looked)),
                    };
                }
                Entry::Look(look) if look.test.identity == test.identity => looked = true,
                _ => {}
            }
        }
        found
    }
}

fn looks(entries: &[Entry]) -> impl Iterator<Item = &Look> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Look(look) => Some(&**look),
        _ => None,
    })
}

/// The names of settings whose values differ, wherever they act.
fn changed(before: &[Choice], now: &[Choice]) -> Vec<String> {
    let values = |choices: &[Choice]| {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for choice in choices {
            values
                .entry(choice.name.clone())
                .or_default()
                .insert(choice.value.clone());
        }
        values
    };
    let (before, now) = (values(before), values(now));
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let differs = |name: &&&String| before.get(**name) != now.get(**name);
    names.iter().filter(differs).map(|name| (*name).clone()).collect()
}

fn deviations(lock: &PlanLock, plan: Digest, choices: &[Choice]) -> Vec<String> {
    if lock.plan == plan {
        return Vec::new();
    }
    let changed = changed(&lock.choices, choices);
    if changed.is_empty() {
        vec!["plan".to_owned()]
    } else {
        changed
    }
}

/// The ledger on disk.
#[derive(Debug)]
pub(super) struct Ledger {
    log: Log,
    chain: Chain,
}

impl Ledger {
    /// Opens the ledger, or begins it.
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        path: &Path,
        (now, behind): (Timestamp, Option<&Path>),
        notices: &Notices,
    ) -> Result<Self, StoreError> {
        let behind = behind.map(|store| Chain::of_behind(&**disk, store)).transpose()?;
        let mut chain = Chain::after(behind);
        let log = Log::open(disk, path, notices, &mut chain)?;
        let mut ledger = Self { log, chain };
        if ledger.chain.head.is_none() {
            ledger.append(|chain| chain.head.is_none().then_some(Entry::Begun { when: now }))?;
        }
        Ok(ledger)
    }

    /// Appends an entry, durably, unless `make` gives none once others' records are in.
    fn append(&mut self, make: impl FnOnce(&Chain) -> Option<Entry>) -> Result<(), StoreError> {
        let make = |chain: &Chain| make(chain).map(|entry| chain.next(&entry)).into_iter().collect();
        self.log.append_made(make, true, &mut self.chain)
    }

    /// Records a look, unless the same results on the same test data were shown before.
    pub(super) fn look(&mut self, look: Look) -> Result<(), StoreError> {
        if self.chain.has(look.test.identity, look.result) {
            return Ok(());
        }
        self.append(|chain| {
            let is_new = !chain.has(look.test.identity, look.result);
            is_new.then(|| Entry::Look(Box::new(look)))
        })
    }

    /// True when the result was shown on the test data, as far as this process has read.
    pub(super) fn has(&self, test: &TestData, result: Digest) -> bool {
        self.chain.has(test.identity, result)
    }

    /// Records a locked plan.
    pub(super) fn lock(&mut self, lock: PlanLock) -> Result<(), StoreError> {
        self.append(|_| Some(Entry::Lock(Box::new(lock))))
    }

    /// What was known before a result was first shown.
    pub(super) fn before(
        &self,
        tests: &[TestData],
        result: Digest,
        plan: &dyn Fn() -> Digest,
        choices: &[Choice],
    ) -> Looks {
        let tests = tests.iter().map(|test| self.chain.seen(test, result, plan, choices));
        Looks {
            since: self.chain.since(),
            broken: self.chain.broken,
            tests: tests.collect(),
        }
    }

    /// All entries, and the place of the first that does not follow from the one before.
    pub(super) fn entries(&mut self) -> Result<(&[Entry], Option<usize>), StoreError> {
        self.log.refresh(&mut self.chain)?;
        Ok((&self.chain.entries, self.chain.broken))
    }
}

impl Store {
    /// What the ledger says of test data, before `result` on them was first shown. `plan` gives the digest of the plan
    /// behind it, and is asked only where a plan was locked; `now` is when the ledger begins if there is none.
    ///
    /// # Errors
    /// When the ledger cannot be read, or not be begun.
    pub fn looks_before(
        &self,
        tests: &[TestData],
        (result, plan): (Digest, &dyn Fn() -> Digest),
        choices: &[Choice],
        now: Timestamp,
    ) -> Result<Looks, StoreError> {
        self.with_ledger(now, |ledger| Ok(ledger.before(tests, result, plan, choices)))
    }

    /// True when the result was shown on the test data before.
    ///
    /// # Errors
    /// When the ledger cannot be read, or not be begun.
    pub fn was_shown(&self, test: &TestData, result: Digest, now: Timestamp) -> Result<bool, StoreError> {
        self.with_ledger(now, |ledger| Ok(ledger.has(test, result)))
    }

    /// Records a look, durably; the same results on the same test data are one look.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn record_look(&self, look: Look) -> Result<(), StoreError> {
        self.with_ledger(look.when, |ledger| ledger.look(look))
    }

    /// Records a locked plan, durably.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn lock_plan(&self, lock: PlanLock) -> Result<(), StoreError> {
        self.with_ledger(lock.when, |ledger| ledger.lock(lock))
    }

    /// The whole ledger, and the place of the first entry that does not follow from the one before.
    ///
    /// # Errors
    /// When the ledger cannot be read, or not be begun.
    pub fn ledger(&self, now: Timestamp) -> Result<(Vec<Entry>, Option<usize>), StoreError> {
        self.with_ledger(now, |ledger| {
            let (entries, broken) = ledger.entries()?;
            Ok((entries.to_vec(), broken))
        })
    }

    /// The place of the first entry that does not follow from the one before; none also where there is no ledger.
    pub(super) fn broken_ledger(&self) -> Result<Option<usize>, StoreError> {
        let path = self.root.join("looks");
        if !disk::is_there(&*self.disk, &path).at("look at", &path)? {
            return Ok(None);
        }
        let mut chain = Chain::default();
        Log::open(&self.disk, &path, &self.notices, &mut chain)?;
        Ok(chain.broken)
    }

    fn with_ledger<T>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&mut Ledger) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut ledger = held(&self.ledger);
        match &mut *ledger {
            Some(ledger) => act(ledger),
            None => act(ledger.insert(Ledger::open(
                &self.disk,
                &self.root.join("looks"),
                (now, self.behind.as_deref()),
                &self.notices,
            )?)),
        }
    }
}

#[cfg(test)]
mod tests;
