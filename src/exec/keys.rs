//! Keys of stages, from what is known of their inputs.

use crate::{
    plan::{Plan, canon::Key, digest::Digest, stage::Role},
    store::{Action, Store, StoreError},
};
use petgraph::{Direction, graph::NodeIndex, visit::EdgeRef};
use std::sync::atomic::{AtomicBool, Ordering};

/// The stages that `node` takes from, in the order of their roles.
pub(super) fn inputs(plan: &Plan, node: NodeIndex) -> Vec<(Role, NodeIndex)> {
    let mut inputs: Vec<_> = plan
        .graph
        .edges_directed(node, Direction::Incoming)
        .map(|edge| (*edge.weight(), edge.source()))
        .collect();
    inputs.sort_unstable();
    inputs
}

/// What `node` takes from other stages, as it enters its key; none when one of their actions is not known.
pub(super) fn taken<'a>(
    plan: &Plan,
    node: NodeIndex,
    action: impl Fn(NodeIndex) -> Option<&'a Action>,
) -> Option<Vec<(Role, String, Digest)>> {
    let inputs = inputs(plan, node).into_iter().map(|(role, from)| {
        let digest = action(from)?.outputs.get(role.output())?;
        Some((role, role.output().to_owned(), *digest))
    });
    inputs.collect()
}

/// The key of a stage whose inputs' actions are known; none when one of them is not.
///
/// # Errors
/// When a file that the stage reads cannot be read, or the file index cannot be written.
pub(super) fn key<'a>(
    plan: &Plan,
    store: &Store,
    node: NodeIndex,
    action: impl Fn(NodeIndex) -> Option<&'a Action>,
    cancel: &AtomicBool,
) -> Result<Option<Key>, StoreError> {
    let work = &plan.graph[node].work;
    let Some(taken) = taken(plan, node, action) else {
        return Ok(None);
    };
    let paths: Vec<_> = work.files().into_iter().map(|path| path.as_path()).collect();
    // Most stages read no files, and asking the file index reads it.
    let files = if paths.is_empty() {
        Vec::new()
    } else {
        store.digests_of_files(&paths, &|_| {}, &|| cancel.load(Ordering::Relaxed))?
    };
    Ok(Some(plan.key(node, &taken, &files)))
}
