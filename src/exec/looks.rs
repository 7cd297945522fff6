//! Looks at test data: told to what shows results, and recorded before results are shown.

use super::{clock, keys::Keyed};
use crate::{
    plan::{Plan, digest::Digest, looks},
    store::{Look, Store, StoreError, Trigger},
};
use jiff::Timestamp;
use petgraph::graph::NodeIndex;

/// What the ledger says of the test data that a stage shows, as an object of the store: an input of the stage. None for
/// stages that show none. `result` is the stage's key without it.
pub(super) fn input(plan: &Plan, store: &Store, node: NodeIndex, result: Digest) -> Result<Option<Digest>, StoreError> {
    let work = &plan.graph[node].work;
    let tests = looks::shown(work);
    if tests.is_empty() {
        return Ok(None);
    }
    let plan_digest = || looks::plan_digest(plan, node);
    let said = store.looks_before(&tests, (result, &plan_digest), looks::choices(work), clock::now())?;
    // Plain data without maps: the same words are the same bytes.
    let bytes = serde_json::to_vec(&said).unwrap_or_default();
    store.put_bytes(&bytes).map(Some)
}

/// Records that an output is about to be shown, by a run that shows its outputs at `when`. Equal results on equal test data are one look.
pub(super) fn record(
    plan: &Plan,
    store: &Store,
    (output, node): (&str, NodeIndex),
    keyed: &Keyed,
    (trigger, when): (Trigger, Timestamp),
) -> Result<(), StoreError> {
    let work = &plan.graph[node].work;
    let result = keyed.base.0;
    for test in looks::shown(work) {
        if store.was_shown(&test, result, when)? {
            continue;
        }
        store.record_look(Look {
            when,
            trigger,
            program: looks::program(work).to_owned(),
            output: output.to_owned(),
            plan: looks::plan_digest(plan, node),
            result,
            cells: looks::design(work).map_or(0, |design| design.cells.len()),
            choices: looks::choices(work).to_vec(),
            test,
        })?;
    }
    Ok(())
}
