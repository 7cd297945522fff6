//! Keys of stages, from what is known of their inputs.

use super::looks;
use crate::{
    plan::{
        Plan,
        canon::{Key, Taken},
        digest::Digest,
        stage::Role,
    },
    store::{Product, Store, StoreError},
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

/// What `node` takes from other stages, as it enters its key; none when one of their results is not known.
pub(super) fn taken<'a>(
    plan: &Plan,
    node: NodeIndex,
    product: impl Fn(NodeIndex) -> Option<&'a Product>,
) -> Option<Vec<Taken>> {
    let edges = plan.graph.edges_directed(node, Direction::Incoming);
    let taken = edges.map(|edge| {
        let role = *edge.weight();
        let digest = product(edge.source())?.outputs.get(role.output())?;
        Some((role, role.output(), *digest))
    });
    let mut taken: Vec<_> = taken.collect::<Option<_>>()?;
    taken.sort_unstable();
    Some(taken)
}

/// The key of a stage, and what of it is no stage's output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed {
    /// The key.
    pub(super) key: Key,
    /// The key without what the ledger says: the same for equal results.
    pub(super) base: Key,
    /// What the ledger says of the test data that the stage shows, an object of the store.
    pub(super) looks: Option<Digest>,
}

/// The key of a stage that takes this from others.
///
/// # Errors
/// When a file that the stage reads cannot be read, or the file index or the ledger cannot be written.
pub(super) fn keyed(
    plan: &Plan,
    store: &Store,
    node: NodeIndex,
    taken: &[Taken],
    cancel: &AtomicBool,
) -> Result<Keyed, StoreError> {
    let work = &plan.graph[node].work;
    let paths: Vec<_> = work.files().into_iter().map(|path| path.as_path()).collect();
    // Most stages read no files, and asking the file index reads it.
    let files = if paths.is_empty() {
        Vec::new()
    } else {
        store.digests_of_files(&paths, &|_| {}, &|| cancel.load(Ordering::Relaxed))?
    };
    let mut ingredients = plan.ingredients(node);
    let base = ingredients.key(taken, &files);
    let looks = looks::input(plan, store, node, base.0)?;
    let key = looks.map_or(base, |looks| {
        let shown = (Role::Looks, Role::Looks.output(), looks);
        ingredients.key(&[taken, &[shown]].concat(), &files)
    });
    Ok(Keyed { key, base, looks })
}
