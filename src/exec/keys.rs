//! Keys of stages, from what is known of their inputs.

use super::looks;
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

/// The key of a stage, and what of it is no stage's output.
pub(super) struct Keyed {
    /// The key.
    pub(super) key: Key,
    /// The key without what the ledger says: the same for equal results.
    pub(super) base: Key,
    /// What the ledger says of the test data that the stage shows, an object of the store.
    pub(super) looks: Option<Digest>,
}

/// The key of a stage whose inputs' actions are known; none when one of them is not.
///
/// # Errors
/// As [`keyed`].
pub(super) fn key<'a>(
    plan: &Plan,
    store: &Store,
    node: NodeIndex,
    action: impl Fn(NodeIndex) -> Option<&'a Action>,
    cancel: &AtomicBool,
) -> Result<Option<Key>, StoreError> {
    Ok(keyed(plan, store, node, action, cancel)?.map(|keyed| keyed.key))
}

/// As [`key`], with what it is made of.
///
/// # Errors
/// When a file that the stage reads cannot be read, or the file index or the ledger cannot be written.
pub(super) fn keyed<'a>(
    plan: &Plan,
    store: &Store,
    node: NodeIndex,
    action: impl Fn(NodeIndex) -> Option<&'a Action>,
    cancel: &AtomicBool,
) -> Result<Option<Keyed>, StoreError> {
    let work = &plan.graph[node].work;
    let Some(mut taken) = taken(plan, node, action) else {
        return Ok(None);
    };
    let paths: Vec<_> = work.files().into_iter().map(|path| path.as_path()).collect();
    // Most stages read no files, and asking the file index reads it.
    let files = if paths.is_empty() {
        Vec::new()
    } else {
        store.digests_of_files(&paths, &|_| {}, &|| cancel.load(Ordering::Relaxed))?
    };
    let base = plan.key(node, &taken, &files);
    let looks = looks::input(plan, store, node, base.0)?;
    let key = match looks {
        None => base,
        Some(looks) => {
            taken.push((Role::Looks, Role::Looks.output().to_owned(), looks));
            plan.key(node, &taken, &files)
        }
    };
    Ok(Some(Keyed { key, base, looks }))
}
