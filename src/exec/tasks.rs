//! Stages as tasks of a schedule.

use super::{
    keys,
    schedule::{Place, Task},
};
use crate::plan::Plan;
use petgraph::graph::NodeIndex;

/// These stages, inputs first, as tasks in the same order: what each waits for among them, where it runs, the memory that it
/// needs at most (0 where that is not known), and how long, by `seconds`.
pub(super) fn of(
    plan: &Plan,
    open: &[NodeIndex],
    peaks: &[Option<u64>],
    seconds: impl Fn(NodeIndex) -> f64,
) -> Vec<Task> {
    let mut places = vec![None; plan.graph.node_count()];
    let task = |(place, (&node, peak)): (usize, (&NodeIndex, &Option<u64>))| {
        places[node.index()] = Some(place);
        let inputs = keys::inputs(plan, node);
        let mut after: Vec<usize> = inputs.iter().filter_map(|(_, from)| places[from.index()]).collect();
        after.sort_unstable();
        after.dedup();
        Task {
            after,
            seconds: seconds(node),
            place: match plan.graph[node].work.numerics() {
                Some(_) => Place::Gpu,
                None => Place::Cpu,
            },
            bytes: peak.unwrap_or(0),
        }
    };
    open.iter().zip(peaks).enumerate().map(task).collect()
}
