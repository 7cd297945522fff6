//! What is remembered of runs: when, of which program, on which machine, every stage with its key and its results' digests.
//!
//! What equal runs share, the list of stages and the choices, is one object of the store, so that a run that finds
//! everything known leaves a record of a few hundred bytes. A run that computes leaves one when it begins as well, and one
//! that was killed is seen by the lack of its end.

use super::{
    clock,
    event::{Event, Listener, Summary},
    fields,
};
use crate::{
    nn::device_class,
    plan::{
        NodeIndex, Plan,
        canon::Key,
        digest::Digest,
        stage::{Choice, Work},
    },
    store::{FieldsLog, RUN_ID, Store, StoreError},
};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Schema of a record.
pub const RUN: &str = "mtl.run/1";
/// Schema of a list of stages.
const STAGES: &str = "mtl.run_stages/1";

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`RUN`].
    pub schema: String,
    /// Tells it from others: 16 hexadecimal digits.
    pub run: String,
    /// When it began, in UTC as RFC 3339 writes it.
    pub when: String,
    /// How it ended.
    pub state: RunState,
    /// How it was asked for.
    pub setup: Setup,
    /// Where it ran.
    pub environment: Environment,
    /// Its counts; zeros until it ends.
    pub summary: Summary,
    /// The object that holds its [`StageList`]; none until it ends.
    pub stages: Option<Digest>,
    /// The digest of what that list tells, by which the next run finds that its own would be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Digest>,
    /// Stages that were computed, by their place in the list, with the seconds that they took.
    pub computed: Vec<(u32, f64)>,
    /// Stages that failed, by their place, with the reason.
    pub failed: Vec<(u32, String)>,
    /// Stages that were not tried, by their place.
    pub skipped: Vec<u32>,
    /// Digests of the files of every output that was made.
    pub results: BTreeMap<String, BTreeMap<String, Digest>>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is under way, or was killed.
    Begun,
    /// All that was asked for is there.
    Done,
    /// A stage failed.
    Failed,
    /// It was stopped from outside.
    Interrupted,
}

/// How a run was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The program's path.
    pub program: String,
    /// What was given with `--set`.
    pub sets: Vec<(String, String)>,
    /// The outputs that were named; all when empty.
    pub outputs: Vec<String>,
    /// The program's own files with the digests of their texts.
    pub sources: Vec<(String, Digest)>,
}

/// Where a run ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The version of MTL.
    pub version: String,
    /// The machine, where known.
    pub host: Option<String>,
    /// The class of its device.
    pub device_class: String,
    /// How many threads computed.
    pub threads: u32,
}

/// The stages of a run in the order of its plan, and what was chosen in its studies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageList {
    schema: String,
    /// The stages.
    pub stages: Vec<StageRow>,
    /// The choices that each report lists, by the name of its output.
    pub choices: BTreeMap<String, Vec<Choice>>,
}

/// A stage of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRow {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its key; none when it failed or was not tried.
    pub key: Option<Key>,
    /// Digests of what it gave.
    pub outputs: BTreeMap<String, Digest>,
}

/// A [`StageList`] as it is written.
#[derive(Serialize)]
struct StageListRef<'a> {
    schema: &'static str,
    stages: Vec<StageRowRef<'a>>,
    choices: BTreeMap<&'a str, &'a [Choice]>,
}

/// A [`StageRow`] as it is written.
#[derive(Serialize)]
struct StageRowRef<'a> {
    name: &'a str,
    kind: &'a str,
    key: Option<Key>,
    outputs: &'a BTreeMap<String, Digest>,
}

/// The outputs of a stage that gave none.
static NOTHING: BTreeMap<String, Digest> = BTreeMap::new();

/// A stage whose result is known.
struct Known {
    key: Key,
    outputs: Arc<BTreeMap<String, Digest>>,
    /// How long it took, when this run computed it.
    seconds: Option<f64>,
}

/// What was heard of a run so far.
#[derive(Default)]
struct Heard {
    /// By place in the plan.
    known: Vec<Option<Known>>,
    failed: IndexMap<String, String>,
    /// True when the record of the beginning is written.
    begun: bool,
    /// Opened when the first stage has run.
    fields: Option<FieldsLog>,
}

/// Listens to a run and passes on what it hears; leaves the run's record and the fields of what was computed.
pub struct Recorder<'a> {
    plan: &'a Plan,
    store: &'a Store,
    listener: &'a dyn Listener,
    id: [u8; RUN_ID],
    begin: RunRecord,
    heard: Mutex<Heard>,
}

impl<'a> Recorder<'a> {
    /// For a run of `plan` that begins now.
    #[must_use]
    pub fn new(plan: &'a Plan, store: &'a Store, listener: &'a dyn Listener, setup: Setup) -> Self {
        let (when, host, threads) = clock::circumstances();
        let mut id = [0; RUN_ID];
        let salt = format!("{} {} {host:?} {}", when.as_nanosecond(), process::id(), setup.program);
        id.copy_from_slice(&Digest::of(salt.as_bytes()).0[..RUN_ID]);
        let begin = RunRecord {
            schema: RUN.to_owned(),
            run: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            when: when.to_string(),
            state: RunState::Begun,
            setup,
            environment: Environment {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                host,
                device_class: device_class().to_owned(),
                threads,
            },
            summary: Summary::default(),
            stages: None,
            told: None,
            computed: Vec::new(),
            failed: Vec::new(),
            skipped: Vec::new(),
            results: BTreeMap::new(),
        };
        let heard = Heard {
            known: plan.order().map(|_| None).collect(),
            ..Heard::default()
        };
        Self {
            plan,
            store,
            listener,
            id,
            begin,
            heard: Mutex::new(heard),
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record that cannot be written is told and stops nothing: no result rests on it.
    fn told(&self, written: Result<(), StoreError>) {
        if let Err(error) = written {
            let message = format!("the history of runs lacks a part of this one: {error}");
            self.listener.event(&Event::Noticed { message });
        }
    }

    fn write(&self, record: &RunRecord, durable: bool) -> Result<(), StoreError> {
        // Text, numbers and lists: nothing of this can fail to be written as JSON.
        let json = serde_json::to_vec(record).unwrap_or_default();
        self.store.record_run(self.id, &json, durable)
    }

    /// Keeps the fields of a stage that was computed.
    fn keep_fields(&self, heard: &mut Heard, node: NodeIndex, key: Key) -> Result<(), StoreError> {
        let log = match &mut heard.fields {
            Some(log) => log,
            none => none.insert(self.store.fields()?),
        };
        let known = &heard.known;
        let digest = |node: NodeIndex, output: &str| known.get(node.index())?.as_ref()?.outputs.get(output).copied();
        let stage = fields::of_stage(self.plan, self.store, node, &digest)?;
        log.add(&stage.records(key))
    }

    /// Leaves the record of a run that has ended.
    pub fn finish(&self, summary: &Summary) {
        let written = self.record(summary);
        self.told(written);
    }

    fn record(&self, summary: &Summary) -> Result<(), StoreError> {
        let heard = self.heard();
        let mut record = RunRecord {
            summary: *summary,
            state: match summary {
                Summary { interrupted: true, .. } => RunState::Interrupted,
                Summary { failed: 1.., .. } => RunState::Failed,
                _ => RunState::Done,
            },
            ..self.begin.clone()
        };
        for (output, &node) in &self.plan.outputs {
            if let Some(known) = &heard.known[node.index()] {
                record.results.insert(output.clone(), (*known.outputs).clone());
            }
        }
        for ((place, node), known) in (0..).zip(self.plan.order()).zip(&heard.known) {
            match (known, heard.failed.get(&self.plan.graph[node].name)) {
                (Some(known), _) => record.computed.extend(known.seconds.map(|seconds| (place, seconds))),
                (None, Some(message)) => record.failed.push((place, message.clone())),
                (None, None) => record.skipped.push(place),
            }
        }
        let list = self.list(&heard);
        let told = list.told();
        record.stages = Some(match self.written(told)? {
            Some(digest) => digest,
            None => self.store.put_bytes(&serde_json::to_vec(&list).unwrap_or_default())?,
        });
        record.told = Some(told);
        self.write(&record, heard.begun)
    }

    /// The stages with what is known of them, and what was chosen.
    fn list<'s>(&'s self, heard: &'s Heard) -> StageListRef<'s> {
        let rows = self.plan.order().zip(&heard.known).map(|(node, known)| {
            let stage = &self.plan.graph[node];
            StageRowRef {
                name: &stage.name,
                kind: stage.work.kind(),
                key: known.as_ref().map(|known| known.key),
                outputs: known.as_ref().map_or(&NOTHING, |known| &known.outputs),
            }
        });
        let choices = self.plan.outputs.iter().filter_map(|(output, &node)| {
            let Work::Report(report) = &self.plan.graph[node].work else {
                return None;
            };
            Some((output.as_str(), report.choices.as_slice()))
        });
        StageListRef {
            schema: STAGES,
            stages: rows.collect(),
            choices: choices.collect(),
        }
    }

    /// The list that tells this, where one of the last runs has written it and it is still there.
    fn written(&self, told: Digest) -> Result<Option<Digest>, StoreError> {
        for json in self.store.last_runs()?.iter().rev() {
            let Ok(run) = serde_json::from_slice::<RunRecord>(json) else {
                continue;
            };
            if let Some(stages) = run.stages.filter(|_| run.told == Some(told)) {
                return Ok(Some(stages).filter(|stages| self.store.path(*stages).is_file()));
            }
        }
        Ok(None)
    }
}

impl StageListRef<'_> {
    /// The digest of all that it tells: in a run with nothing to do, writing the list would be most of the work.
    fn told(&self) -> Digest {
        let mut bytes = serde_json::to_vec(&self.choices).unwrap_or_default();
        bytes.reserve(128 * self.stages.len());
        for row in &self.stages {
            for text in [row.name, row.kind] {
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0);
            }
            bytes.push(u8::from(row.key.is_some()));
            bytes.extend_from_slice(row.key.as_ref().map_or(&[], |key| &key.0.0[..]));
            bytes.extend((row.outputs.len() as u64).to_le_bytes());
            for (name, digest) in row.outputs {
                bytes.extend_from_slice(name.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&digest.0);
            }
        }
        Digest::of(&bytes)
    }
}

impl Listener for Recorder<'_> {
    fn event(&self, event: &Event) {
        let known = match event {
            Event::StageReused { node, key, outputs, .. } => Some((*node, *key, outputs, None)),
            Event::StageFinished {
                node,
                key,
                outputs,
                seconds,
                ..
            } => Some((*node, *key, outputs, Some(*seconds))),
            _ => None,
        };
        if let Some((node, key, outputs, seconds)) = known {
            let mut heard = self.heard();
            let outputs = Arc::clone(outputs);
            if let Some(known) = heard.known.get_mut(node.index()) {
                *known = Some(Known { key, outputs, seconds });
            }
            if seconds.is_some() {
                let kept = self.keep_fields(&mut heard, node, key);
                drop(heard);
                self.told(kept);
            }
        }
        match event {
            Event::StageFailed { stage, message, .. } => {
                self.heard().failed.insert(stage.clone(), message.clone());
            }
            Event::StageStarted { .. } if !std::mem::replace(&mut self.heard().begun, true) => {
                self.told(self.write(&self.begin, false));
            }
            _ => {}
        }
        self.listener.event(event);
    }
}

/// The runs that a store remembers, the newest first. What this program cannot read is left out.
///
/// # Errors
/// When the log cannot be read.
pub fn runs(store: &Store) -> Result<Vec<RunRecord>, StoreError> {
    let records = store.runs()?;
    let read = records
        .iter()
        .rev()
        .filter_map(|json| serde_json::from_slice(json).ok());
    Ok(read.filter(|record: &RunRecord| record.schema == RUN).collect())
}

/// The first digits of a run's name, as lists show it.
#[must_use]
pub fn short(run: &str) -> &str {
    run.get(..8).unwrap_or(run)
}

/// The stages of a run; none when it has not ended, or its list is damaged or was removed.
///
/// # Errors
/// When the list is there and cannot be read.
pub fn stages(store: &Store, run: &RunRecord) -> Result<Option<StageList>, StoreError> {
    Ok(list(store, run)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The list of a run as it was written.
fn list(store: &Store, run: &RunRecord) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(digest) = run.stages else { return Ok(None) };
    let path = store.verified(digest)?;
    Ok(path.and_then(|path| fs::read(path).ok()))
}

/// A row of a list, as far as it tells which stage it was.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) key: Option<Key>,
}

/// Shows the stages of a run, as [`stages`] gives them. How many there are.
///
/// # Errors
/// As for [`stages`].
pub(super) fn each_row(store: &Store, run: &RunRecord, mut see: impl FnMut(Row<'_>)) -> Result<usize, StoreError> {
    #[derive(Deserialize)]
    struct Rows<'a> {
        #[serde(borrow)]
        stages: Vec<Row<'a>>,
    }
    let bytes = list(store, run)?.unwrap_or_default();
    let Ok(list) = serde_json::from_slice::<Rows<'_>>(&bytes) else {
        return Ok(0);
    };
    let count = list.stages.len();
    list.stages.into_iter().for_each(&mut see);
    Ok(count)
}

/// Why a word names no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindRun {
    /// The store remembers none.
    #[error("the store remembers no run")]
    Empty,
    /// No run is called so.
    #[error("no run is called `{0}`")]
    Unknown(String),
    /// Several runs begin with these digits.
    #[error("{count} runs begin with `{word}`")]
    Ambiguous {
        /// The digits.
        word: String,
        /// How many runs.
        count: usize,
    },
}

/// The run that a word names among `runs`, the newest first: `last`, `last~2` for the second before it, or the first digits
/// of its name.
///
/// # Errors
/// [`FindRun`].
pub fn find<'r>(runs: &'r [RunRecord], word: &str) -> Result<&'r RunRecord, FindRun> {
    if runs.is_empty() {
        return Err(FindRun::Empty);
    }
    let unknown = || FindRun::Unknown(word.to_owned());
    if let Some(back) = word.strip_prefix("last") {
        let back = match back.strip_prefix('~') {
            Some(number) => number.parse().map_err(|_| unknown())?,
            None if back.is_empty() => 0,
            None => return Err(unknown()),
        };
        return runs.get::<usize>(back).ok_or_else(unknown);
    }
    let mut found = runs.iter().filter(|run| !word.is_empty() && run.run.starts_with(word));
    match (found.next(), found.count()) {
        (Some(run), 0) => Ok(run),
        (Some(_), more) => Err(FindRun::Ambiguous {
            word: word.to_owned(),
            count: more + 1,
        }),
        (None, _) => Err(unknown()),
    }
}
