//! What is known of a plan's stages before anything runs.

use super::{
    fields::{self, Change, Changed, SourceLine, StageFields},
    history, keys, memory, trail,
};
use crate::{
    plan::{NodeIndex, Plan, canon::Key, digest::Digest},
    source::{SourceMap, Span},
    store::{FieldsLog, Product, Store, StoreError},
};
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

/// What is known of a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its key, in hexadecimal; none while the result of an input is not known.
    pub key: Option<String>,
    /// Names of the stages that it takes from.
    pub inputs: Vec<String>,
    /// Whether it will run.
    pub state: State,
    /// Why.
    pub why: String,
    /// What else a reader is told: whether a training keeps its head, what was made of a weight file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Cow<'static, str>>,
    /// The class of the device that computed a known result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_class: Option<Arc<str>>,
    /// Whole epochs that a training which is partly done need not train.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_epochs: Option<u32>,
    /// Bytes of the largest memory that a training needs; filled by [`with_memory`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
    /// Seconds that it will run on one thread, by what stages of its kind took here; filled by [`super::with_estimates`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_seconds: Option<f64>,
    /// Bytes that it will store, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// With which stage of an earlier run it was compared; filled by [`with_changes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// What differs from that stage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Known {
    /// Its key; none while the result of an input is not known.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        self.key.as_ref()?.parse().ok().map(Key)
    }
}

/// A stage of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The run.
    pub run: String,
    /// The stage's name there.
    pub stage: String,
}

/// Whether a stage will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its result is known.
    Cached,
    /// It will go on from a saved state: its own, or one of a training that begins alike.
    Partial,
    /// It will run.
    ToRun,
}

/// Finds out, stage by stage in the order of the plan, what is known.
///
/// # Errors
/// When a file that a stage reads cannot be read, or the store cannot be used.
pub fn survey(plan: &Plan, store: &Store) -> Result<Vec<Known>, StoreError> {
    survey_until(plan, store, &AtomicBool::new(false))
}

/// As [`survey`]; ends with an error soon after `cancelled` is set.
///
/// # Errors
/// As [`survey`], and when it was cancelled.
pub fn survey_until(plan: &Plan, store: &Store, cancelled: &AtomicBool) -> Result<Vec<Known>, StoreError> {
    let mut products: Vec<Option<Product>> = vec![None; plan.graph.node_count()];
    let mut stages = Vec::with_capacity(products.len());
    for node in plan.order() {
        let stage = &plan.graph[node];
        let inputs = keys::inputs(plan, node);
        let taken = keys::taken(plan, node, |from| products[from.index()].as_ref());
        let key = match &taken {
            Some(taken) => Some(keys::keyed(plan, store, node, taken, cancelled)?.key),
            None => None,
        };
        let product = match key {
            Some(key) => store.product(key)?,
            None => None,
        };
        let mut known_epochs = None;
        let (state, why) = match (&product, key) {
            (Some(_), _) => (State::Cached, String::new()),
            (None, None) => {
                let first = inputs.iter().find(|(_, from)| products[from.index()].is_none());
                let name = first.map_or("an input", |(_, from)| plan.graph[*from].name.as_str());
                (State::ToRun, format!("after {name}"))
            }
            (None, Some(key)) => {
                let begun = trail::begun(plan, node, store, (key, &taken.unwrap_or_default()))?;
                known_epochs = begun.epochs;
                (begun.state, begun.why)
            }
        };
        stages.push(Known {
            name: stage.name.clone(),
            kind: stage.work.kind(),
            key: key.map(|key| key.to_string()),
            inputs: inputs.iter().map(|(_, from)| plan.graph[*from].name.clone()).collect(),
            state,
            why,
            note: stage.work.note(),
            device_class: product.as_ref().map(|product| Arc::clone(&product.device_class)),
            known_epochs,
            peak_bytes: None,
            thread_seconds: None,
            bytes: None,
            compared: None,
            changes: Vec::new(),
        });
        products[node.index()] = product;
    }
    Ok(stages)
}

/// Adds the memory of the stages that train.
pub fn with_memory(plan: &Plan, stages: &mut [Known]) {
    let peaks = memory::peaks(plan.order().map(|node| &plan.graph[node].work));
    for ((node, peak), stage) in plan.order().zip(peaks).zip(stages) {
        stage.peak_bytes = peak.filter(|_| plan.graph[node].work.training().is_some());
    }
}

/// Stages that are compared with earlier ones; in a plan with more to run, the first ones say enough.
const MOST_COMPARED: usize = 200;
/// Runs that are searched for earlier stages.
const RUNS: usize = 20;
/// Stages of earlier runs after which no older run is searched.
const ROWS: usize = 20_000;
/// Stages of a kind among which the nearest is searched.
const CANDIDATES: usize = 64;

/// A stage of an earlier run.
struct Earlier {
    run: String,
    kind: String,
    key: Key,
}

/// Stages of earlier runs of a program by name, the newest of each, with their runs: those of these names, and for each of
/// their kinds as many others as are searched.
fn earlier(
    store: &Store,
    program: &str,
    wanted: &IndexSet<&str>,
    kinds: &[&str],
) -> Result<IndexMap<String, Earlier>, StoreError> {
    let mut earlier = IndexMap::new();
    let mut others = vec![0; kinds.len()];
    let (mut lists, mut rows, mut missing) = (Vec::new(), 0, wanted.len());
    let runs = history::runs(store)?;
    for run in runs.iter().filter(|run| run.setup.program == program).take(RUNS) {
        if missing == 0 || rows > ROWS {
            break;
        }
        if run.stages.is_none() || lists.contains(&run.stages) {
            continue;
        }
        lists.push(run.stages);
        rows += history::each_row(store, run, |row| {
            let Some(key) = row.key else { return };
            let is_wanted = wanted.contains(&*row.name);
            let kind = kinds.iter().position(|kind| *kind == row.kind);
            let is_candidate = kind.is_some_and(|kind| others[kind] < CANDIDATES);
            if !(is_wanted || is_candidate) || earlier.contains_key(&*row.name) {
                return;
            }
            kind.into_iter().for_each(|kind| others[kind] += 1);
            missing -= usize::from(is_wanted);
            let stage = Earlier {
                run: run.run.clone(),
                kind: row.kind.into_owned(),
                key,
            };
            earlier.insert(row.name.into_owned(), stage);
        })?;
    }
    Ok(earlier)
}

/// Adds to the stages that will run what of them differs from the stage of the same name in the last run of the program
/// that has it, else from the nearest stage of its kind, with the line of the source that says so.
///
/// # Errors
/// When the history of runs, or a file that a stage reads, is there and cannot be read.
pub fn with_changes(
    plan: &Plan,
    store: &Store,
    (program, sources): (&str, &SourceMap),
    stages: &mut [Known],
) -> Result<(), StoreError> {
    let is_open = |stage: &Known| stage.state != State::Cached && stage.key.is_some();
    if !stages.iter().any(is_open) {
        return Ok(());
    }
    let open = || stages.iter().filter(|stage| is_open(stage)).take(MOST_COMPARED);
    let mut kinds: Vec<_> = open().map(|stage| stage.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let earlier = earlier(
        store,
        program,
        &open().map(|stage| stage.name.as_str()).collect(),
        &kinds,
    )?;
    if earlier.is_empty() {
        return Ok(());
    }
    let log = store.fields()?;
    let mut recorded = Recorded {
        log: &log,
        read: BTreeMap::new(),
    };
    let keys: Vec<Option<Key>> = stages.iter().map(Known::key).collect();
    let digest = |node: NodeIndex, output: &str| -> Option<Digest> {
        let product = store.product((*keys.get(node.index())?)?).ok()??;
        product.outputs.get(output).copied()
    };
    let open = plan.order().zip(stages).filter(|(_, stage)| is_open(stage));
    for (node, stage) in open.take(MOST_COMPARED) {
        if let Some(before) = earlier.get(&stage.name)
            && Some(before.key) == stage.key()
        {
            stage.why = format!(
                "run {} had its result, which is no longer in the store",
                history::short(&before.run)
            );
            continue;
        }
        let fields = fields::of_stage(plan, store, node, &digest)?;
        let Some((name, before, mut changes)) = nearest(&mut recorded, &earlier, stage, &fields)? else {
            continue;
        };
        for change in &mut changes {
            change.source = source_line(sources, plan.graph[node].span, change);
        }
        // What differs from a stage of another name is long and seldom what is meant: it is told to those who ask for it.
        let run = &before.run;
        if *name == stage.name {
            // What stored states are good for stays said.
            stage.why = match stage.why.strip_prefix(trail::NOTHING) {
                Some(states) => told(run, &changes) + states,
                None => format!("{}; {}", stage.why, told(run, &changes)),
            };
        }
        stage.compared = Some(Compared {
            run: run.clone(),
            stage: name.clone(),
        });
        stage.changes = changes;
    }
    Ok(())
}

/// Fields of earlier stages, each read once.
struct Recorded<'a> {
    log: &'a FieldsLog,
    read: BTreeMap<Key, Option<StageFields>>,
}

impl Recorded<'_> {
    /// Those of the stage with this key; none when they were not kept.
    fn of(&mut self, key: Key) -> Result<Option<&StageFields>, StoreError> {
        if !self.read.contains_key(&key) {
            self.read.insert(key, StageFields::recorded(self.log, key)?);
        }
        Ok(self.read.get(&key).and_then(Option::as_ref))
    }
}

/// An earlier stage with its name, and what differs from it.
type Nearest<'e> = Option<(&'e String, &'e Earlier, Vec<Change>)>;

/// The earlier stage of this name, else the one of its kind from which least differs.
fn nearest<'e>(
    recorded: &mut Recorded<'_>,
    earlier: &'e IndexMap<String, Earlier>,
    stage: &Known,
    fields: &StageFields,
) -> Result<Nearest<'e>, StoreError> {
    let mut changes = |before: &Earlier| -> Result<Option<Vec<Change>>, StoreError> {
        let log = recorded.log;
        let old = recorded.of(before.key)?;
        old.map(|old| fields.changes_from(old, log)).transpose()
    };
    if let Some((name, before)) = earlier.get_key_value(&stage.name)
        && let Some(changes) = changes(before)?
    {
        return Ok(Some((name, before, changes)));
    }
    let mut best: Nearest<'e> = None;
    let alike = earlier.iter().filter(|(_, before)| before.kind == stage.kind);
    for (name, before) in alike.take(CANDIDATES) {
        if let Some(changes) = changes(before)?
            && best.as_ref().is_none_or(|(_, _, least)| changes.len() < least.len())
        {
            best = Some((name, before, changes));
        }
    }
    Ok(best)
}

/// The first changes in words, since the stage of this name in a run.
fn told(run: &str, changes: &[Change]) -> String {
    let since = format!("since run {}", history::short(run));
    let Some(first) = changes.first() else {
        return format!("{since}: nothing that is recorded differs");
    };
    let place = first.source.as_ref();
    let place = place.map_or_else(String::new, |line| format!(" ({}:{})", line.file, line.line));
    let more = match changes.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{since}: {first}{place}{more}")
}

/// The line that says what changed: the argument of the stage's call that has the field's name, or the item that it names;
/// else the call itself.
fn source_line(sources: &SourceMap, span: Option<Span>, change: &Change) -> Option<SourceLine> {
    let span = span?;
    let file = sources.file(span.file);
    let call = sources.text(span);
    let is_rate = change.path.starts_with("rate");
    let names = change.path.split(|c: char| !c.is_alphanumeric() && c != '_').rev();
    let names = names.chain(is_rate.then_some("lr")).filter(|name| !name.is_empty());
    let argument = match change.what {
        Changed::Field => names.into_iter().find_map(|name| argument(call, name)),
        Changed::Input | Changed::File => None,
    };
    let at = argument.map_or(span.start as usize, |(at, value)| {
        item(file.text(), value).unwrap_or(span.start as usize + at)
    });
    let line = file.position(at).line;
    Some(SourceLine {
        file: file.name().to_owned(),
        line,
        text: file.text().lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
    })
}

/// Where an argument of this name stands in a call, and the word with which its value begins.
fn argument<'t>(call: &'t str, name: &str) -> Option<(usize, &'t str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    call.match_indices(name).find_map(|(at, _)| {
        let value = call[at + name.len()..].trim_start().strip_prefix(':')?.trim_start();
        let end = value.find(|c| !is_word(c)).unwrap_or(value.len());
        (!call[..at].ends_with(is_word)).then_some((at, &value[..end]))
    })
}

/// Where the item of this name begins, at a line's beginning.
fn item(text: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if name.is_empty() {
        return None;
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = ["param ", "let "]
            .iter()
            .find_map(|word| line.strip_prefix(word)?.strip_prefix(name));
        if rest.is_some_and(|rest| !rest.starts_with(is_word)) {
            return Some(at);
        }
        at += line.len();
    }
    None
}
