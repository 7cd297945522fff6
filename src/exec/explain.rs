//! What is known of a plan's stages before anything runs.

use super::keys;
use crate::{
    plan::{Plan, canon::canonical},
    stages,
    store::{Action, Store, StoreError},
};
use indexmap::IndexMap;
use serde::Serialize;
use std::{borrow::Cow, ptr, sync::atomic::AtomicBool};

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
    pub device_class: Option<String>,
    /// Bytes of the largest memory that a training needs; filled by [`with_memory`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

/// Whether a stage will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its result is known.
    Cached,
    /// It will go on from a saved state.
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
    let mut actions: Vec<Option<Action>> = vec![None; plan.graph.node_count()];
    let mut stages = Vec::with_capacity(actions.len());
    for node in plan.order() {
        let stage = &plan.graph[node];
        let inputs = keys::inputs(plan, node);
        let key = keys::key(plan, store, node, |from| actions[from.index()].as_ref(), cancelled)?;
        let action = match key {
            Some(key) => store.lookup(key)?,
            None => None,
        };
        let (state, why) = match (&action, key) {
            (Some(_), _) => (State::Cached, String::new()),
            (None, None) => {
                let first = inputs.iter().find(|(_, from)| actions[from.index()].is_none());
                let name = first.map_or("an input", |(_, from)| plan.graph[*from].name.as_str());
                (State::ToRun, format!("after {name}"))
            }
            (None, Some(key)) if store.load_state(key)?.is_some() => (
                State::Partial,
                "an earlier run was stopped; it goes on from its last state".to_owned(),
            ),
            (None, Some(_)) => (
                State::ToRun,
                "no result yet for these parameters, inputs and files".to_owned(),
            ),
        };
        stages.push(Known {
            name: stage.name.clone(),
            kind: stage.work.kind(),
            key: key.map(|key| key.to_string()),
            inputs: inputs.iter().map(|(_, from)| plan.graph[*from].name.clone()).collect(),
            state,
            why,
            note: stage.work.note(),
            device_class: action.as_ref().map(|action| action.provenance.device_class.clone()),
            peak_bytes: None,
        });
        actions[node.index()] = action;
    }
    Ok(stages)
}

/// Adds the memory of the stages that train. Equal trainings, as those of the folds are, are looked at once.
pub fn with_memory(plan: &Plan, stages: &mut [Known]) {
    let mut known: IndexMap<Vec<u8>, Option<u64>> = IndexMap::new();
    for (node, stage) in plan.order().zip(stages) {
        let Some(footprint) = stages::footprint(&plan.graph[node].work) else {
            continue;
        };
        // A graph that several trainings share is told by its place.
        let mut key = ptr::from_ref(footprint.graph).addr().to_le_bytes().to_vec();
        key.extend(canonical(&footprint));
        stage.peak_bytes = *known.entry(key).or_insert_with(|| footprint.bytes().ok());
    }
}
