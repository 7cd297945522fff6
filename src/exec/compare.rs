//! What differs between two runs: how they were asked for, where they ran, their stages field by field, their results.

use super::{
    fields::{Change, StageFields},
    history::{RunRecord, StageRow, stages},
};
use crate::{
    plan::stage::Choice,
    store::{FieldsLog, Store, StoreError},
};
use indexmap::IndexMap;
use serde::Serialize;

/// Stages that are compared field by field; beyond them it is told that they differ.
const MOST: usize = 500;

/// What differs between two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunDiff {
    /// The older run.
    pub old: String,
    /// The newer run.
    pub new: String,
    /// Facts about the runs: program, settings, machine.
    pub facts: Vec<Fact>,
    /// Choices of reports.
    pub choices: Vec<Fact>,
    /// Stages that are not the same.
    pub stages: Vec<StageDiff>,
    /// Outputs with whether all their files are the same; only those of both runs.
    pub results: IndexMap<String, bool>,
    /// True when the list of stages of a run is gone, so that stages and choices are not compared.
    pub lists_missing: bool,
}

/// A fact that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// In the older run; none where it has none.
    pub old: Option<String>,
    /// In the newer run.
    pub new: Option<String>,
}

/// A stage that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageDiff {
    /// Its name.
    pub stage: String,
    /// How it differs.
    pub how: How,
    /// What of it differs, where the store has kept its fields.
    pub changes: Vec<Change>,
}

/// How a stage differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The older run has no stage of this name.
    Added,
    /// The newer run has none.
    Removed,
    /// It was asked for with something else.
    Changed,
    /// The same was asked for, and other bytes came out: on another class of device, for example.
    OtherResult,
    /// It was completed in one of the runs alone.
    Unfinished,
}

/// Compares two runs.
///
/// # Errors
/// When a list of stages or the log of fields is there and cannot be read.
pub fn compare(store: &Store, old: &RunRecord, new: &RunRecord) -> Result<RunDiff, StoreError> {
    let mut diff = RunDiff {
        old: old.run.clone(),
        new: new.run.clone(),
        facts: differing(&facts(old), &facts(new)),
        ..RunDiff::default()
    };
    for (output, files) in &new.results {
        if let Some(before) = old.results.get(output) {
            diff.results.insert(output.clone(), before == files);
        }
    }
    let (Some(before), Some(now)) = (stages(store, old)?, stages(store, new)?) else {
        diff.lists_missing = true;
        return Ok(diff);
    };
    let named = |lists: &std::collections::BTreeMap<String, Vec<Choice>>| {
        let all = lists
            .iter()
            .flat_map(|(output, choices)| choices.iter().map(move |choice| (output, choice)));
        let named = all.map(|(output, c)| (format!("{output}, {}, {}", c.scope, c.name), c.value.clone()));
        named.collect::<IndexMap<_, _>>()
    };
    diff.choices = differing(&named(&before.choices), &named(&now.choices));
    let log = store.fields()?;
    let mut rows: IndexMap<&str, &StageRow> = before.stages.iter().map(|row| (row.name.as_str(), row)).collect();
    for row in &now.stages {
        let Some(was) = rows.shift_remove(row.name.as_str()) else {
            diff.add(&row.name, How::Added, Vec::new());
            continue;
        };
        match (was.key, row.key) {
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => diff.add(&row.name, How::Unfinished, Vec::new()),
            (Some(key), Some(other)) if key == other => {
                if was.outputs != row.outputs {
                    diff.add(&row.name, How::OtherResult, Vec::new());
                }
            }
            (Some(_), Some(_)) => {
                let changes = if diff.stages.len() < MOST {
                    changes(&log, was, row)?
                } else {
                    Vec::new()
                };
                diff.add(&row.name, How::Changed, changes);
            }
        }
    }
    for name in rows.keys() {
        diff.add(name, How::Removed, Vec::new());
    }
    Ok(diff)
}

impl RunDiff {
    fn add(&mut self, stage: &str, how: How, changes: Vec<Change>) {
        let stage = stage.to_owned();
        self.stages.push(StageDiff { stage, how, changes });
    }

    /// True when nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.choices.is_empty()
            && self.stages.is_empty()
            && self.results.values().all(|same| *same)
            && !self.lists_missing
    }
}

fn changes(log: &FieldsLog, old: &StageRow, new: &StageRow) -> Result<Vec<Change>, StoreError> {
    let (Some(old), Some(new)) = (old.key, new.key) else {
        return Ok(Vec::new());
    };
    match (StageFields::recorded(log, old)?, StageFields::recorded(log, new)?) {
        (Some(old), Some(new)) => new.changes_from(&old, log),
        _ => Ok(Vec::new()),
    }
}

fn facts(run: &RunRecord) -> IndexMap<String, String> {
    let (setup, environment) = (&run.setup, &run.environment);
    let mut facts = IndexMap::from([
        ("program".to_owned(), setup.program.clone()),
        ("version".to_owned(), environment.version.clone()),
        ("host".to_owned(), environment.host.clone().unwrap_or_default()),
        ("device class".to_owned(), environment.device_class.clone()),
        ("threads".to_owned(), environment.threads.to_string()),
    ]);
    facts.extend(
        setup
            .sets
            .iter()
            .map(|(name, value)| (format!("--set {name}"), value.clone())),
    );
    let sources = setup
        .sources
        .iter()
        .map(|(file, digest)| (format!("text of {file}"), digest.to_string()[..8].to_owned()));
    facts.extend(sources);
    facts
}

/// What is not the same in both.
fn differing(old: &IndexMap<String, String>, new: &IndexMap<String, String>) -> Vec<Fact> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let names = new.keys().chain(gone).filter(|name| old.get(*name) != new.get(*name));
    let fact = |name: &String| Fact {
        name: name.clone(),
        old: old.get(name).cloned(),
        new: new.get(name).cloned(),
    };
    names.map(fact).collect()
}
